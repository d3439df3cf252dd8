/* SPDX-License-Identifier: Apache-2.0 */
/* Objects and cross-references of a PDF file. */
#include "wire/pdf.h"

#define TAIL 1024 /* octets at the end in which "startxref" must be (ISO 32000-1, H.3, note 18) */

bool nr_pdf_object_read(struct nr_cursor *c, struct nr_pdf_object *ret_object)
{
	struct nr_pdf_object object = {.stream = NULL};
	struct nr_pdf number = nr_pdf_take(c), generation = nr_pdf_take(c);
	if (number.kind != NR_PDF_INTEGER || generation.kind != NR_PDF_INTEGER || number.integer < 1 ||
		number.integer >= NR_PDF_OBJECTS_MAX || generation.integer < 0 ||
		generation.integer > 65535 || !nr_pdf_word(c, "obj"))
		return false;
	object.number = (uint32_t)number.integer;
	object.generation = (uint32_t)generation.integer;
	object.value = nr_pdf_take(c);
	if (c->failed)
		return false;
	if (nr_pdf_word(c, "endobj")) {
		*ret_object = object;
		return true;
	}
	if (object.value.kind != NR_PDF_DICTIONARY || !nr_pdf_word(c, "stream"))
		return false;
	uint8_t octet = nr_cursor_u8(c); /* CR LF or LF (section 7.3.8.1) */
	if (octet == '\r')
		octet = nr_cursor_u8(c);
	object.stream = c->at;
	if (octet != '\n' || c->failed)
		return false;
	*ret_object = object;
	return true;
}

bool nr_pdf_startxref(const uint8_t *bytes, size_t length, size_t *ret_offset)
{
	static const char word[] = "startxref";
	const size_t word_length = sizeof word - 1;
	if (length < word_length)
		return false;
	size_t least = length > TAIL ? length - TAIL : 0, at = length - word_length + 1;
	do {
		if (at-- == least)
			return false;
	} while (memcmp(bytes + at, word, word_length) != 0);
	struct nr_cursor c = nr_cursor_over(bytes + at + word_length, length - at - word_length);
	struct nr_pdf offset = {.kind = NR_PDF_NONE};
	while (c.at < c.end && *c.at <= ' ')
		c.at++;
	if (c.at < c.end && *c.at != '%')
		offset = nr_pdf_take(&c);
	while (c.at < c.end && *c.at <= ' ')
		c.at++;
	if (c.failed || offset.kind != NR_PDF_INTEGER || offset.integer < 0 ||
		(uint64_t)offset.integer >= length || nr_cursor_left(&c) < 5 || memcmp(c.at, "%%EOF", 5) != 0)
		return false;
	for (c.at += 5; c.at < c.end; c.at++) {
		if (*c.at != '\r' && *c.at != '\n' && *c.at != ' ' && *c.at != '\t')
			return false;
	}
	*ret_offset = (size_t)offset.integer;
	return true;
}

/* ---- tables ---- */

/* Digits of a fixed width. */
static bool read_digits(const uint8_t *text, size_t count, uint64_t *ret_value)
{
	uint64_t value = 0;
	for (size_t i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	*ret_value = value;
	return true;
}

/* "0000000015 00000 n" and two octets of line end, 20 in all. */
static bool read_line(const uint8_t *line, struct nr_pdf_entry *ret_entry)
{
	uint64_t place, generation;
	bool end = ((line[18] == ' ' || line[18] == '\r') && line[19] == '\n') ||
		   (line[18] == ' ' && line[19] == '\r');
	if (!end || !read_digits(line, 10, &place) || line[10] != ' ' ||
		!read_digits(line + 11, 5, &generation) || line[16] != ' ' || generation > 65535 ||
		(line[17] != 'n' && line[17] != 'f'))
		return false;
	ret_entry->where = line[17] == 'n' ? NR_PDF_AT : NR_PDF_FREE;
	ret_entry->place = place;
	ret_entry->generation = (uint32_t)generation;
	return true;
}

/* "0 6": the first number and how many. */
static bool begin_section(struct nr_pdf_table *table)
{
	struct nr_pdf first = nr_pdf_take(&table->c), count = nr_pdf_take(&table->c);
	if (first.kind != NR_PDF_INTEGER || count.kind != NR_PDF_INTEGER || first.integer < 0 ||
		count.integer < 0 || first.integer > NR_PDF_OBJECTS_MAX ||
		count.integer > NR_PDF_OBJECTS_MAX || first.integer + count.integer > NR_PDF_OBJECTS_MAX) {
		table->c.failed = true;
		return false;
	}
	table->number = (uint32_t)first.integer;
	table->left = (uint32_t)count.integer;
	while (table->c.at < table->c.end && *table->c.at <= ' ')
		table->c.at++;
	return true;
}

bool nr_pdf_table_next(struct nr_pdf_table *table, struct nr_pdf_entry *ret_entry)
{
	while (table->left == 0) {
		if (nr_pdf_word(&table->c, "trailer") || !begin_section(table))
			return false;
	}
	const uint8_t *line = nr_cursor_take(&table->c, 20);
	if (!line || !read_line(line, ret_entry)) {
		table->c.failed = true;
		return false;
	}
	ret_entry->number = table->number++;
	table->left--;
	return true;
}

/* ---- rows ---- */

bool nr_pdf_row(const uint8_t *row, const unsigned widths[3], struct nr_pdf_entry *ret_entry)
{
	uint64_t fields[3] = {1, 0, 0}; /* the type's default (section 7.5.8.2) */
	for (int f = 0; f < 3; f++) {
		if (widths[f] > 8)
			return false;
		uint64_t value = 0;
		for (unsigned i = 0; i < widths[f]; i++)
			value = value << 8 | *row++;
		if (widths[f])
			fields[f] = value;
	}
	if (fields[0] > 2 || (fields[0] < 2 && fields[2] > 65535) ||
		(fields[0] == 2 && (fields[1] >= NR_PDF_OBJECTS_MAX || fields[2] >= NR_PDF_OBJECTS_MAX)))
		return false;
	ret_entry->where = fields[0] == 0 ? NR_PDF_FREE : fields[0] == 1 ? NR_PDF_AT : NR_PDF_WITHIN;
	ret_entry->place = fields[1];
	ret_entry->generation = (uint32_t)fields[2];
	return true;
}

static uint8_t paeth(int a, int b, int c)
{
	int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
	return (uint8_t)(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}

bool nr_pdf_unpredict(uint8_t *bytes, size_t *length, size_t columns)
{
	if (columns == 0 || columns > 65535 || *length % (columns + 1))
		return false;
	size_t rows = *length / (columns + 1);
	for (size_t r = 0; r < rows; r++) {
		const uint8_t *from = bytes + r * (columns + 1),
			      *above = r ? bytes + (r - 1) * columns : NULL;
		uint8_t *row = bytes + r * columns, filter = *from++;
		if (filter > 4)
			return false;
		for (size_t i = 0; i < columns; i++) {
			int left = i ? row[i - 1] : 0, up = above ? above[i] : 0,
			    corner = i && above ? above[i - 1] : 0;
			int guess = filter == 1   ? left
				    : filter == 2 ? up
				    : filter == 3 ? (left + up) / 2
				    : filter == 4 ? paeth(left, up, corner)
						  : 0;
			row[i] = (uint8_t)(from[i] + guess);
		}
	}
	*length = rows * columns;
	return true;
}
