/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document as paragraphs, tables and charts, written as one self-contained HTML file or as PDF. The one who
 * fills it says what is there; how it looks is decided here, once, for reports and notices alike.
 *
 * All texts are UTF-8 and are copied. A failed allocation is sticky: later calls do nothing, and writing
 * answers -ENOMEM. One thread.
 */
#ifndef NR_BASE_DOCUMENT_H
#define NR_BASE_DOCUMENT_H

#include "base/time.h"

#define NR_DOCUMENT_COLUMNS_MAX 12
#define NR_DOCUMENT_SERIES_MAX  8

enum nr_block_kind {
	NR_BLOCK_HEADING, /* level 1 or 2 */
	NR_BLOCK_PARAGRAPH,
	NR_BLOCK_NOTE,    /* small print */
	NR_BLOCK_FIGURES, /* key figures side by side */
	NR_BLOCK_TABLE,
	NR_BLOCK_CHART,
};

enum nr_chart_kind {
	NR_CHART_BARS,  /* one group of stacked bars per label */
	NR_CHART_LINES, /* values at equal distances; NAN interrupts a line */
	NR_CHART_RING,  /* parts of a whole; the first series' values */
};

/* Colours that mean the same in every picture of the house (console: style/colours). RGB. */
enum nr_colour {
	NR_COLOUR_IOT = 0x2b6cb0, /* blue and orange as in NICT's reports */
	NR_COLOUR_WINDOWS = 0xdd7a1f,
	NR_COLOUR_WEB = 0x2f9e6e,
	NR_COLOUR_AMPLIFICATION = 0x8a5cc2,
	NR_COLOUR_OTHER = 0x8b94a3,
	NR_COLOUR_RESEARCH = 0xb9c2cf,
	NR_COLOUR_ALERT = 0xc0392b,
};

struct nr_document_column {
	const char *text;
	bool number; /* to the right */
};

struct nr_chart_series {
	char *name;
	uint32_t colour; /* RGB */
	double *values;  /* one per label */
};

struct nr_block {
	enum nr_block_kind kind;
	unsigned level;
	char *text; /* heading, paragraph, or caption */
	/* table: column_count heads, then row_count * column_count cells; figures: values and labels in turns
	 */
	size_t column_count, row_count, cell_room;
	bool number[NR_DOCUMENT_COLUMNS_MAX];
	char **cells;
	/* chart */
	enum nr_chart_kind chart;
	char **labels;
	size_t label_count, series_count;
	struct nr_chart_series series[NR_DOCUMENT_SERIES_MAX];
	uint32_t *label_colours; /* ring: one per label */
	char *unit;
};

struct nr_document {
	bool japanese, failed;
	char *title, *subtitle, *footer;
	nr_time made;
	struct nr_block *blocks; /* owned, with all inside */
	size_t count, room;
};

void nr_document_init(struct nr_document *document, bool japanese, const char *title, const char *subtitle);
void nr_document_fini(struct nr_document *document);
/* At the foot of each page, left; the page number stands to the right. */
void nr_document_footer(struct nr_document *document, const char *text);

void nr_document_heading(struct nr_document *document, unsigned level, const char *text);
void nr_document_paragraph(struct nr_document *document, const char *format, ...) NR_PRINTF(2, 3);
void nr_document_note(struct nr_document *document, const char *format, ...) NR_PRINTF(2, 3);

void nr_document_figures(struct nr_document *document);
void nr_document_figure(struct nr_document *document, const char *label, const char *value);

/* Rows follow by nr_document_row(), cells as many as columns. */
void nr_document_table(struct nr_document *document, const char *caption,
	const struct nr_document_column *columns, size_t count);
void nr_document_row(struct nr_document *document, const char *const *cells);

/* Labels and series follow; all labels first. unit: of the values, at the axis. */
void nr_document_chart(
	struct nr_document *document, enum nr_chart_kind kind, const char *caption, const char *unit);
void nr_document_label(struct nr_document *document, const char *text, uint32_t colour);
void nr_document_series(
	struct nr_document *document, const char *name, uint32_t colour, const double *values);

/* "12,345" */
const char *nr_document_number(uint64_t n, char text[static 32]);
/* "12.3 %" of a whole; "-" where the whole is 0. */
const char *nr_document_share(double part, double whole, char text[static 32]);

/* *ret_bytes is owned by the caller. */
int nr_document_write_html(
	const struct nr_document *document, char **ret_bytes, size_t *ret_length, struct nr_error *error);
/* A4; real text, vector pictures, outline, title and language. -ENOENT where no font has a character. */
int nr_document_write_pdf(
	const struct nr_document *document, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error);

#endif
