/* SPDX-License-Identifier: Apache-2.0 */
#include "base/document.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static char *copy(struct nr_document *d, const char *text)
{
	char *bytes = strdup(text ? text : "");
	d->failed |= !bytes;
	return bytes;
}

void nr_document_init(struct nr_document *d, bool japanese, const char *title, const char *subtitle)
{
	*d = (struct nr_document){.japanese = japanese, .made = nr_time_now()};
	d->title = copy(d, title);
	d->subtitle = copy(d, subtitle);
	d->footer = copy(d, "");
}

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; texts && i < count; i++)
		free(texts[i]);
	free(texts);
}

static void block_fini(struct nr_block *b)
{
	free(b->text);
	free(b->unit);
	free(b->label_colours);
	free_texts(b->cells, b->column_count * (b->row_count + 1));
	free_texts(b->labels, b->label_count);
	for (size_t i = 0; i < b->series_count; i++) {
		free(b->series[i].name);
		free(b->series[i].values);
	}
}

void nr_document_fini(struct nr_document *d)
{
	for (size_t i = 0; i < d->count; i++)
		block_fini(&d->blocks[i]);
	free(d->blocks);
	free(d->title);
	free(d->subtitle);
	free(d->footer);
	*d = (struct nr_document){0};
}

void nr_document_footer(struct nr_document *d, const char *text)
{
	free(d->footer);
	d->footer = copy(d, text);
}

/* NULL after a failure. */
static struct nr_block *add_block(struct nr_document *d, enum nr_block_kind kind, const char *text)
{
	if (d->failed)
		return NULL;
	if (d->count == d->room) {
		size_t room = d->room ? d->room * 2 : 32;
		struct nr_block *blocks = realloc(d->blocks, room * sizeof *blocks);
		d->failed |= !blocks;
		if (!blocks)
			return NULL;
		d->blocks = blocks;
		d->room = room;
	}
	struct nr_block *b = &d->blocks[d->count++];
	*b = (struct nr_block){.kind = kind};
	b->text = copy(d, text);
	return d->failed ? NULL : b;
}

/* The block that is being filled. */
static struct nr_block *last_block(struct nr_document *d)
{
	return d->failed || !d->count ? NULL : &d->blocks[d->count - 1];
}

void nr_document_heading(struct nr_document *d, unsigned level, const char *text)
{
	struct nr_block *b = add_block(d, NR_BLOCK_HEADING, text);
	if (b)
		b->level = level;
}

static void add_text(struct nr_document *d, enum nr_block_kind kind, const char *format, va_list arguments)
{
	char *text = NULL;
	if (vasprintf(&text, format, arguments) < 0) {
		d->failed = true;
		return;
	}
	add_block(d, kind, text);
	free(text);
}

void nr_document_paragraph(struct nr_document *d, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	add_text(d, NR_BLOCK_PARAGRAPH, format, arguments);
	va_end(arguments);
}

void nr_document_note(struct nr_document *d, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	add_text(d, NR_BLOCK_NOTE, format, arguments);
	va_end(arguments);
}

/* Room for one more row of cells, which are then copied in. */
static void add_cells(struct nr_document *d, struct nr_block *b, const char *const *cells)
{
	size_t used = b->column_count * (b->row_count + 1);
	if (used + b->column_count > b->cell_room) {
		size_t room = (used + b->column_count) * 2;
		char **grown = realloc(b->cells, room * sizeof *grown);
		d->failed |= !grown;
		if (!grown)
			return;
		b->cells = grown;
		b->cell_room = room;
	}
	for (size_t i = 0; i < b->column_count; i++)
		b->cells[used + i] = copy(d, cells[i]);
	b->row_count++;
}

/* A row of heads that is there from the beginning: row_count counts the others. */
static void add_heads(struct nr_document *d, struct nr_block *b, const char *const *heads, size_t count)
{
	b->cells = malloc(2 * count * sizeof *b->cells);
	d->failed |= !b->cells;
	if (!b->cells)
		return;
	b->cell_room = 2 * count;
	for (size_t i = 0; i < count; i++)
		b->cells[i] = copy(d, heads[i]);
	b->column_count = count;
}

void nr_document_figures(struct nr_document *d)
{
	struct nr_block *b = add_block(d, NR_BLOCK_FIGURES, "");
	if (b)
		add_heads(d, b, (const char *const[]){"", ""}, 2);
}

void nr_document_figure(struct nr_document *d, const char *label, const char *value)
{
	struct nr_block *b = last_block(d);
	if (b)
		add_cells(d, b, (const char *const[]){value, label});
}

void nr_document_table(
	struct nr_document *d, const char *caption, const struct nr_document_column *columns, size_t count)
{
	struct nr_block *b = add_block(d, NR_BLOCK_TABLE, caption);
	const char *heads[NR_DOCUMENT_COLUMNS_MAX];
	count = NR_MIN(count, (size_t)NR_DOCUMENT_COLUMNS_MAX);
	for (size_t i = 0; b && i < count; i++) {
		heads[i] = columns[i].text;
		b->number[i] = columns[i].number;
	}
	if (b)
		add_heads(d, b, heads, count);
}

void nr_document_row(struct nr_document *d, const char *const *cells)
{
	struct nr_block *b = last_block(d);
	if (b)
		add_cells(d, b, cells);
}

void nr_document_chart(struct nr_document *d, enum nr_chart_kind kind, const char *caption, const char *unit)
{
	struct nr_block *b = add_block(d, NR_BLOCK_CHART, caption);
	if (!b)
		return;
	b->chart = kind;
	b->unit = copy(d, unit);
}

void nr_document_label(struct nr_document *d, const char *text, uint32_t colour)
{
	struct nr_block *b = last_block(d);
	if (!b)
		return;
	char **labels = realloc(b->labels, (b->label_count + 1) * sizeof *labels);
	if (labels)
		b->labels = labels;
	uint32_t *colours = realloc(b->label_colours, (b->label_count + 1) * sizeof *colours);
	if (colours)
		b->label_colours = colours;
	d->failed |= !labels || !colours;
	if (d->failed)
		return;
	colours[b->label_count] = colour;
	labels[b->label_count++] = copy(d, text);
}

void nr_document_series(struct nr_document *d, const char *name, uint32_t colour, const double *values)
{
	struct nr_block *b = last_block(d);
	if (!b || b->series_count == NR_DOCUMENT_SERIES_MAX)
		return;
	struct nr_chart_series *s = &b->series[b->series_count++];
	*s = (struct nr_chart_series){copy(d, name), colour, malloc((b->label_count + 1) * sizeof *values)};
	d->failed |= !s->values;
	if (s->values)
		memcpy(s->values, values, b->label_count * sizeof *values);
}

const char *nr_document_number(uint64_t n, char text[static 32])
{
	char digits[24];
	int length = snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = 0;
	return text;
}

const char *nr_document_share(double part, double whole, char text[static 32])
{
	if (whole > 0)
		snprintf(text, 32, "%.1f %%", 100 * part / whole);
	else
		snprintf(text, 32, "-");
	return text;
}
