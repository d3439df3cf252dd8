/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The incremental update that holds a seal: its dictionary, its field without appearance on the first page,
 * the page and the form with the field among theirs, and cross-references in the form that the file has.
 */
#include "trust/seal/pades.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#define PAGE_DEPTH_MAX 32
#define OBJECTS        5 /* dictionary, field, page, form or catalog, cross-reference stream */

struct update {
	struct nr_pdf_reader *reader;
	struct nr_pile *out;
	uint32_t next; /* first number that is free */
	struct nr_pdf_entry entries[OBJECTS];
	size_t count;
	struct nr_pdf root, page; /* references */
};

static void NR_PRINTF(2, 3) say(struct nr_pile *pile, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	nr_pile_add(pile, text, NR_MIN((size_t)length, sizeof text - 1));
}

static void begin_object(struct update *update, uint32_t number, uint32_t generation)
{
	update->entries[update->count++] = (struct nr_pdf_entry){
		.number = number, .where = NR_PDF_AT, .place = update->out->length, .generation = generation};
	say(update->out, "%u %u obj\n", number, generation);
}

/* The first page, from the root of the tree down its left side. */
static int find_page(struct update *update, struct nr_error *error)
{
	struct nr_pdf node, kids, type, at;
	int e = nr_pdf_reader_resolve(update->reader, &update->root, &node, error);
	at = nr_pdf_get(&node, "Pages");
	for (int depth = 0; !e; depth++) {
		if (depth == PAGE_DEPTH_MAX || at.kind != NR_PDF_REFERENCE)
			return nr_fail(error, -EBADMSG, "the PDF's first page cannot be found");
		e = nr_pdf_reader_resolve(update->reader, &at, &node, error);
		type = nr_pdf_get(&node, "Type");
		if (!e && nr_pdf_name_is(&type, "Page")) {
			update->page = at;
			return 0;
		}
		if (!e)
			e = nr_pdf_reader_member(update->reader, &node, "Kids", &kids, error);
		struct nr_cursor c = nr_pdf_inside(&kids);
		if (!e && !nr_pdf_next(&c, &at))
			at.kind = NR_PDF_NONE;
	}
	return e;
}

/* ---- objects ---- */

/* A dictionary's members as they are, but for two names; left open. */
static void copy_members(
	struct nr_pile *out, const struct nr_pdf *dictionary, const char *but, const char *nor)
{
	struct nr_cursor c = nr_pdf_inside(dictionary);
	struct nr_pdf name, value;
	while (nr_pdf_next_member(&c, &name, &value)) {
		if (nr_pdf_name_is(&name, but) || (nor && nr_pdf_name_is(&name, nor)))
			continue;
		nr_pile_add(out, name.start, name.length);
		nr_pile_add(out, " ", 1);
		nr_pile_add(out, value.start, value.length);
		nr_pile_add(out, "\n", 1);
	}
}

/* An array of the dictionary with one reference more. */
static int add_to_array(struct update *update, const struct nr_pdf *dictionary, const char *name,
	uint32_t number, struct nr_error *error)
{
	struct nr_pdf array, item;
	int e = nr_pdf_reader_member(update->reader, dictionary, name, &array, error);
	if (e)
		return e;
	struct nr_cursor c = nr_pdf_inside(&array);
	say(update->out, "/%s [", name);
	while (nr_pdf_next(&c, &item)) {
		nr_pile_add(update->out, item.start, item.length);
		nr_pile_add(update->out, " ", 1);
	}
	say(update->out, "%u 0 R]\n", number);
	return 0;
}

/* UTC, as a string of section 7.9.4. */
static void write_time(struct nr_pile *out, nr_time now)
{
	char text[NR_TIME_TEXT]; /* 2026-01-02T03:04:05... */
	nr_time_write(now, text);
	say(out, "/M (D:%.4s%.2s%.2s%.2s%.2s%.2sZ)\n", text, text + 5, text + 8, text + 11, text + 14,
		text + 17);
}

/* *ret_range is where the numbers of /ByteRange go, *ret_place where /Contents begins. */
static void write_dictionary(
	struct update *update, uint32_t number, nr_time now, size_t *ret_range, size_t *ret_place)
{
	struct nr_pile *out = update->out;
	char zeros[256];
	memset(zeros, '0', sizeof zeros);
	begin_object(update, number, 0);
	say(out, "<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached\n");
	write_time(out, now);
	say(out, "/ByteRange [0 ");
	*ret_range = out->length;
	say(out, "%32s]\n/Contents ", "");
	*ret_place = out->length;
	nr_pile_add(out, "<", 1);
	for (size_t i = 0; i < 2 * (size_t)NR_PADES_RESERVED; i += sizeof zeros)
		nr_pile_add(out, zeros, sizeof zeros);
	say(out, ">\n>>\nendobj\n");
}

/* Neither printed nor changed by hand; an empty rectangle has no appearance (section 12.7.4.5). */
static void write_field(struct update *update, uint32_t number, uint32_t value)
{
	begin_object(update, number, 0);
	say(update->out,
		"<< /Type /Annot /Subtype /Widget /FT /Sig /T (noroshi seal %u) /F 132 /Rect [0 0 0 0] /V %u "
		"0 R /P "
		"%u %u R >>\nendobj\n",
		number, value, (unsigned)update->page.integer, update->page.generation);
}

static int write_page(struct update *update, uint32_t field, struct nr_error *error)
{
	struct nr_pdf page;
	int e = nr_pdf_reader_resolve(update->reader, &update->page, &page, error);
	if (e)
		return e;
	begin_object(update, (uint32_t)update->page.integer, update->page.generation);
	say(update->out, "<< ");
	copy_members(update->out, &page, "Annots", NULL);
	e = add_to_array(update, &page, "Annots", field, error);
	say(update->out, ">>\nendobj\n");
	return e;
}

/* The form: an object of its own stays that; else it is inside the catalog. SigFlags 3: there are signatures,
 * and changes must be appended (section 12.7.2). */
static int write_form(struct update *update, uint32_t field, struct nr_error *error)
{
	struct nr_pdf catalog, form, *changed = &update->root;
	int e = nr_pdf_reader_resolve(update->reader, &update->root, &catalog, error);
	if (!e)
		e = nr_pdf_reader_member(update->reader, &catalog, "AcroForm", &form, error);
	if (e)
		return e;
	struct nr_pdf reference = nr_pdf_get(&catalog, "AcroForm");
	bool own = reference.kind == NR_PDF_REFERENCE && form.kind == NR_PDF_DICTIONARY;
	if (own)
		changed = &reference;
	begin_object(update, (uint32_t)changed->integer, changed->generation);
	say(update->out, "<< ");
	if (!own) {
		copy_members(update->out, &catalog, "AcroForm", NULL);
		say(update->out, "/AcroForm << ");
	}
	if (form.kind == NR_PDF_DICTIONARY)
		copy_members(update->out, &form, "Fields", "SigFlags");
	e = add_to_array(update, &form, "Fields", field, error);
	say(update->out, own ? "/SigFlags 3 >>\nendobj\n" : "/SigFlags 3 >> >>\nendobj\n");
	return e;
}

/* ---- cross-references ---- */

static int by_number(const void *a, const void *b)
{
	const struct nr_pdf_entry *left = a, *right = b;
	return left->number < right->number ? -1 : left->number > right->number;
}

/* /Root, /Info and /ID as they were. */
static void write_trailer(struct update *update)
{
	static const char *const names[] = {"Root", "Info", "ID"};
	say(update->out, "/Size %u /Prev %zu\n", update->next, update->reader->newest);
	for (size_t i = 0; i < NR_COUNT(names); i++) {
		struct nr_pdf value = nr_pdf_get(&update->reader->trailer, names[i]);
		if (value.kind == NR_PDF_NONE)
			continue;
		say(update->out, "/%s ", names[i]);
		nr_pile_add(update->out, value.start, value.length);
		nr_pile_add(update->out, "\n", 1);
	}
}

static void write_table(struct update *update)
{
	say(update->out, "xref\n");
	for (size_t i = 0; i < update->count; i++)
		say(update->out, "%u 1\n%010llu %05u n \n", update->entries[i].number,
			(unsigned long long)update->entries[i].place, update->entries[i].generation);
	say(update->out, "trailer\n<< ");
	write_trailer(update);
	say(update->out, ">>\n");
}

/* /W [1 8 2], not compressed. */
static void write_stream(struct update *update)
{
	begin_object(update, update->next++, 0);
	say(update->out, "<< /Type /XRef /W [1 8 2] /Index [");
	qsort(update->entries, update->count, sizeof update->entries[0], by_number);
	for (size_t i = 0; i < update->count; i++)
		say(update->out, "%u 1 ", update->entries[i].number);
	say(update->out, "] /Length %zu\n", 11 * update->count);
	write_trailer(update);
	say(update->out, ">>\nstream\n");
	for (size_t i = 0; i < update->count; i++) {
		const struct nr_pdf_entry *entry = &update->entries[i];
		uint8_t row[11] = {1};
		for (int b = 0; b < 8; b++)
			row[1 + b] = (uint8_t)(entry->place >> (56 - 8 * b));
		row[9] = (uint8_t)(entry->generation >> 8);
		row[10] = (uint8_t)entry->generation;
		nr_pile_add(update->out, row, sizeof row);
	}
	say(update->out, "\nendstream\nendobj\n");
}

static int write_references(struct update *update, struct nr_error *error)
{
	size_t at = update->out->length;
	if (at > UINT64_C(9999999999))
		return nr_fail(error, -E2BIG, "the PDF is too large for its cross-references");
	qsort(update->entries, update->count, sizeof update->entries[0], by_number);
	if (update->reader->streams)
		write_stream(update);
	else
		write_table(update);
	say(update->out, "startxref\n%zu\n%%%%EOF\n", at);
	return 0;
}

/* ---- the update ---- */

static uint32_t highest_within(const struct nr_pdf *value)
{
	struct nr_cursor c = nr_pdf_inside(value);
	struct nr_pdf item;
	uint32_t highest = value->kind == NR_PDF_REFERENCE ? (uint32_t)value->integer : 0;
	while (nr_pdf_next(&c, &item)) {
		uint32_t inside = highest_within(&item);
		highest = NR_MAX(highest, inside);
	}
	return highest;
}

/* A number that nothing has and nothing refers to: a reference that leads nowhere must not come to mean the
 * seal. */
static uint32_t free_number(struct nr_pdf_reader *reader)
{
	uint32_t next = reader->count;
	for (uint32_t number = 1; number < reader->count; number++) {
		struct nr_pdf_object object;
		if (nr_pdf_reader_object(reader, number, &object, NULL) != 0)
			continue; /* what cannot be read refers to nothing */
		uint32_t highest = highest_within(&object.value);
		next = NR_MAX(next, highest + 1);
	}
	return next;
}

static int write_update(struct update *update, nr_time now, size_t *ret_place, struct nr_error *error)
{
	uint32_t field = update->next++, value = update->next++;
	size_t range;
	int e = find_page(update, error);
	if (e)
		return e;
	if (update->page.integer == update->root.integer)
		return nr_fail(error, -EBADMSG, "the PDF's catalog is its first page");
	write_field(update, field, value);
	e = write_page(update, field, error);
	if (!e)
		e = write_form(update, field, error);
	if (e)
		return e;
	write_dictionary(update, value, now, &range, ret_place);
	e = write_references(update, error);
	if (e || update->out->failed)
		return e ? e : nr_fail(error, -ENOMEM, "out of memory");
	size_t after = *ret_place + 2 * (size_t)NR_PADES_RESERVED + 2;
	char numbers[64];
	int length = snprintf(
		numbers, sizeof numbers, "%zu %zu %zu", *ret_place, after, update->out->length - after);
	memcpy(update->out->bytes + range, numbers, (size_t)length); /* the rest stays white space */
	return 0;
}

int nr_pades_prepare(const uint8_t *pdf, size_t length, nr_time now, struct nr_pile *ret_pdf,
	size_t *ret_place, struct nr_error *error)
{
	struct nr_pdf_reader reader;
	int e = nr_pdf_reader_open(pdf, length, &reader, error);
	if (e)
		return e;
	struct update update = {.reader = &reader,
		.out = ret_pdf,
		.next = free_number(&reader),
		.root = nr_pdf_get(&reader.trailer, "Root")};
	if (update.next > NR_PDF_OBJECTS_MAX - OBJECTS) {
		e = nr_fail(error, -E2BIG, "the PDF has no number left for another object");
	} else {
		nr_pile_add(ret_pdf, pdf, length);
		if (pdf[length - 1] != '\n')
			nr_pile_add(ret_pdf, "\n", 1);
		e = write_update(&update, now, ret_place, error);
	}
	nr_pdf_reader_fini(&reader);
	return e;
}
