/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PDF (ISO 32000-1), read strictly where seals depend on it: values, indirect objects, cross-reference tables
 * and rows. Values are where they lie in the input. Pure: no allocation, no I/O; everything compressed is the
 * caller's.
 */
#ifndef NR_WIRE_PDF_H
#define NR_WIRE_PDF_H

#include "wire/cursor.h"

#define NR_PDF_DEPTH_MAX   32                 /* nesting of arrays and dictionaries */
#define NR_PDF_OBJECTS_MAX (8u * 1024 * 1024) /* section C.2, 8,388,607 in practice */

enum nr_pdf_kind {
	NR_PDF_NONE, /* nothing there, or it cannot be read */
	NR_PDF_NULL,
	NR_PDF_BOOLEAN,
	NR_PDF_INTEGER,
	NR_PDF_REAL,
	NR_PDF_NAME,
	NR_PDF_STRING, /* (...) */
	NR_PDF_HEX,    /* <...> */
	NR_PDF_ARRAY,
	NR_PDF_DICTIONARY,
	NR_PDF_REFERENCE /* 12 0 R */
};

struct nr_pdf {
	const uint8_t *start; /* as written, with its delimiters */
	size_t length;
	enum nr_pdf_kind kind;
	int64_t integer;     /* of INTEGER; of REFERENCE the object's number */
	uint32_t generation; /* of REFERENCE */
};

/* ---- values ---- */

/* The next value; the cursor fails where there is none, or nesting is deeper than NR_PDF_DEPTH_MAX. */
struct nr_pdf nr_pdf_take(struct nr_cursor *c);
/* Goes through an array: false at its end. A dictionary: a name, then a value. */
struct nr_cursor nr_pdf_inside(const struct nr_pdf *value);
bool nr_pdf_next(struct nr_cursor *c, struct nr_pdf *ret_value);
bool nr_pdf_next_member(struct nr_cursor *c, struct nr_pdf *ret_name, struct nr_pdf *ret_value);
/* How often a dictionary has the name: 0, 1, or 2 for more; *ret_value is the first, NONE where there is none
 * or it is no dictionary. A name twice has no meaning: readers differ. */
unsigned nr_pdf_count(const struct nr_pdf *dictionary, const char *name, struct nr_pdf *ret_value);
/* The same where the name is there once; else NONE. */
struct nr_pdf nr_pdf_get(const struct nr_pdf *dictionary, const char *name);
/* Escapes (#41) in names are seen through. */
bool nr_pdf_name_is(const struct nr_pdf *name, const char *wanted);
bool nr_pdf_names_equal(const struct nr_pdf *a, const struct nr_pdf *b);
/* Whether two values are written alike, byte by byte. */
bool nr_pdf_same(const struct nr_pdf *a, const struct nr_pdf *b);
/* Octets of a HEX string; -1: an odd digit, another character, or more than room. */
ssize_t nr_pdf_hex(const struct nr_pdf *value, uint8_t *ret_bytes, size_t room);

/* ---- the file ---- */

/* White space and comments. */
void nr_pdf_skip(struct nr_cursor *c);
/* Whether this word comes next; moves past it. */
bool nr_pdf_word(struct nr_cursor *c, const char *word);

struct nr_pdf_object {
	uint32_t number, generation;
	struct nr_pdf value;
	const uint8_t *stream; /* first octet of its data; NULL: no stream */
};
/* "12 0 obj" to "endobj", or to the data of a stream, whose length may be another object. False: none. */
bool nr_pdf_object_read(struct nr_cursor *c, struct nr_pdf_object *ret_object);

/* What the last "startxref" says, behind which nothing but "%%EOF" and white space may be. */
bool nr_pdf_startxref(const uint8_t *bytes, size_t length, size_t *ret_offset);

struct nr_pdf_entry {
	uint32_t number;
	enum { NR_PDF_FREE, NR_PDF_AT, NR_PDF_WITHIN } where;
	uint64_t place;      /* AT: offset; WITHIN: number of the object stream */
	uint32_t generation; /* AT: generation; WITHIN: index in the stream */
};

/* A table (section 7.5.4): begin behind "xref"; false at "trailer" (then the cursor is behind it), or failed.
 */
struct nr_pdf_table {
	struct nr_cursor c;
	uint32_t number, left;
};
bool nr_pdf_table_next(struct nr_pdf_table *table, struct nr_pdf_entry *ret_entry);
/* A row of a cross-reference stream (section 7.5.8.3); number stays. False: not three fields of up to 8
 * octets, or a type that is none of ours. */
bool nr_pdf_row(const uint8_t *row, const unsigned widths[3], struct nr_pdf_entry *ret_entry);
/* Undoes PNG prediction of rows of `columns` octets in place (RFC 2083 section 6), the filter's octet before
 * each; *length becomes that of the rows alone. */
bool nr_pdf_unpredict(uint8_t *bytes, size_t *length, size_t columns);

#endif
