/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/seal/pdf_reader.h"

#include <errno.h>
#include <zlib.h>

#define UNSET          UINT32_MAX          /* generation of an entry that no section has named yet */
#define INFLATED_MAX   (32u * 1024 * 1024) /* bytes of one stream */
#define REFERENCES_MAX 8
#define BEYOND         "object %u is not below /Size: readers differ over it"

const struct nr_pdf_entry *nr_pdf_reader_entry(const struct nr_pdf_reader *reader, uint32_t number)
{
	return number < reader->count && reader->entries[number].where != NR_PDF_FREE
		       ? &reader->entries[number]
		       : NULL;
}

void nr_pdf_reader_fini(struct nr_pdf_reader *reader)
{
	for (size_t i = 0; i < reader->inflated_count; i++) {
		free(reader->inflated[i].bytes);
		free(reader->inflated[i].pairs);
	}
	free(reader->inflated);
	free(reader->inflated_at);
	free(reader->entries);
	*reader = (struct nr_pdf_reader){.bytes = NULL};
}

/* ---- streams ---- */

static int inflate_all(
	const uint8_t *from, size_t length, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)from, .avail_in = (uInt)length};
	size_t room = NR_MIN(NR_MAX(4 * length, (size_t)4096), (size_t)INFLATED_MAX);
	uint8_t *bytes = malloc(room);
	int state = bytes && inflateInit(&z) == Z_OK ? Z_OK : Z_MEM_ERROR;
	if (state == Z_MEM_ERROR) {
		free(bytes);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	z.next_out = bytes;
	z.avail_out = (uInt)room;
	while (state == Z_OK) {
		state = inflate(&z, Z_NO_FLUSH);
		if (state != Z_OK || z.avail_out > 0 || room == INFLATED_MAX)
			break;
		size_t grown = NR_MIN(2 * room, (size_t)INFLATED_MAX);
		uint8_t *more = realloc(bytes, grown);
		if (!more) {
			state = Z_MEM_ERROR;
			break;
		}
		bytes = more;
		z.next_out = bytes + room;
		z.avail_out = (uInt)(grown - room);
		room = grown;
	}
	*ret_length = room - z.avail_out;
	inflateEnd(&z);
	if (state == Z_STREAM_END) {
		*ret_bytes = bytes;
		return 0;
	}
	free(bytes);
	return state == Z_MEM_ERROR
		       ? nr_fail(error, -ENOMEM, "out of memory")
		       : nr_fail(error, -EBADMSG, "a compressed stream that is broken or too large");
}

/* The only filters of streams with structure: none, or FlateDecode with PNG prediction. */
static int decode(const struct nr_pdf *dictionary, const uint8_t *data, size_t length, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_error *error)
{
	struct nr_pdf filter = nr_pdf_get(dictionary, "Filter"),
		      parms = nr_pdf_get(dictionary, "DecodeParms");
	struct nr_cursor inside = nr_pdf_inside(&filter), parms_inside = nr_pdf_inside(&parms);
	if (filter.kind == NR_PDF_ARRAY && !nr_pdf_next(&inside, &filter))
		filter.kind = NR_PDF_NONE;
	if (parms.kind == NR_PDF_ARRAY && !nr_pdf_next(&parms_inside, &parms))
		parms.kind = NR_PDF_NONE;
	if (filter.kind == NR_PDF_NONE) {
		uint8_t *copy = length <= INFLATED_MAX ? malloc(length + 1) : NULL;
		if (!copy)
			return nr_fail(error, -ENOMEM, "out of memory");
		memcpy(copy, data, length);
		*ret_bytes = copy;
		*ret_length = length;
		return 0;
	}
	if (!nr_pdf_name_is(&filter, "FlateDecode"))
		return nr_fail(error, -EBADMSG, "a structural stream with a filter other than FlateDecode");
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	int e = inflate_all(data, length, &bytes, ret_length, error);
	struct nr_pdf predictor = nr_pdf_get(&parms, "Predictor"), columns = nr_pdf_get(&parms, "Columns");
	bool plain = predictor.kind == NR_PDF_NONE || predictor.integer == 1;
	if (!e && !plain &&
		(predictor.integer < 10 || columns.kind != NR_PDF_INTEGER || columns.integer < 1 ||
			!nr_pdf_unpredict(bytes, ret_length, (size_t)columns.integer)))
		e = nr_fail(error, -EBADMSG, "a structural stream with a predictor that is not understood");
	if (!e)
		*ret_bytes = nr_steal(&bytes);
	return e;
}

static int read_at(struct nr_pdf_reader *reader, const struct nr_pdf_entry *entry,
	struct nr_pdf_object *ret_object, struct nr_error *error)
{
	if (entry->place >= reader->length)
		return nr_fail(error, -EBADMSG, "object %u lies outside the file", entry->number);
	struct nr_cursor c = nr_cursor_over(reader->bytes + entry->place, reader->length - entry->place);
	if (!nr_pdf_object_read(&c, ret_object) || ret_object->number != entry->number ||
		ret_object->generation != entry->generation)
		return nr_fail(
			error, -EBADMSG, "object %u is not where the cross-reference says", entry->number);
	return 0;
}

/* The data of a stream whose /Length is a number, or an object of its own that is one; not a compressed one,
 * which could need this very stream. */
static int stream_data(struct nr_pdf_reader *reader, const struct nr_pdf_object *object, size_t *ret_length,
	struct nr_error *error)
{
	struct nr_pdf length = nr_pdf_get(&object->value, "Length");
	size_t left = (size_t)(reader->bytes + reader->length - object->stream);
	if (length.kind == NR_PDF_REFERENCE) {
		const struct nr_pdf_entry *entry = nr_pdf_reader_entry(reader, (uint32_t)length.integer);
		struct nr_pdf_object said;
		if (!entry || entry->where != NR_PDF_AT || read_at(reader, entry, &said, error) != 0)
			return nr_fail(
				error, -EBADMSG, "object %u: a stream without a length", object->number);
		length = said.value;
	}
	if (length.kind != NR_PDF_INTEGER || length.integer < 0 || (uint64_t)length.integer > left)
		return nr_fail(error, -EBADMSG, "object %u: a stream without a length", object->number);
	struct nr_cursor c = nr_cursor_over(object->stream + length.integer, left - (size_t)length.integer);
	while (c.at < c.end && (*c.at == '\r' || *c.at == '\n'))
		c.at++;
	if (!nr_pdf_word(&c, "endstream"))
		return nr_fail(error, -EBADMSG, "object %u: a stream that does not end where it says",
			object->number);
	*ret_length = (size_t)length.integer;
	return 0;
}

/* ---- sections ---- */

/* Newest sections come first: what is there stays. False: an object that /Size says cannot be
 * (section 7.5.5). */
static bool note_entry(struct nr_pdf_reader *reader, const struct nr_pdf_entry *entry)
{
	if (entry->number >= reader->count)
		return entry->where == NR_PDF_FREE;
	if (reader->entries[entry->number].generation == UNSET)
		reader->entries[entry->number] = *entry;
	return true;
}

static int check_trailer(
	const struct nr_pdf_reader *reader, const struct nr_pdf *trailer, struct nr_error *error)
{
	struct nr_pdf value;
	if (nr_pdf_count(trailer, "Encrypt", &value))
		return nr_fail(error, -EINVAL, "the PDF is encrypted: seal it before it is encrypted");
	if (nr_pdf_count(trailer, "XRefStm", &value))
		return nr_fail(error, -EINVAL,
			"the PDF has both forms of cross-reference (hybrid): write it anew, as with qpdf, "
			"first");
	if (nr_pdf_count(trailer, "Prev", &value) > 1 || nr_pdf_count(trailer, "Size", &value) != 1 ||
		nr_pdf_count(trailer, "Root", &value) > 1)
		return nr_fail(error, -EBADMSG, "a trailer without /Size, or with a name twice");
	value = nr_pdf_get(trailer, "Size");
	if (reader->entries && value.integer > reader->count)
		return nr_fail(error, -EBADMSG,
			"/Size became smaller in a later revision: readers differ over what was cut off");
	return 0;
}

static int begin_entries(struct nr_pdf_reader *reader, const struct nr_pdf *trailer, struct nr_error *error)
{
	struct nr_pdf size = nr_pdf_get(trailer, "Size");
	if (size.kind != NR_PDF_INTEGER || size.integer < 1 || size.integer > NR_PDF_OBJECTS_MAX ||
		(uint64_t)size.integer > 64 + 8 * (uint64_t)reader->length)
		return nr_fail(error, -EBADMSG, "/Size is not what this file can hold");
	reader->count = (uint32_t)size.integer;
	reader->trailer = *trailer;
	reader->entries = malloc(reader->count * sizeof *reader->entries);
	if (!reader->entries)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < reader->count; i++)
		reader->entries[i] =
			(struct nr_pdf_entry){.number = i, .where = NR_PDF_FREE, .generation = UNSET};
	return 0;
}

static int read_table(
	struct nr_pdf_reader *reader, struct nr_cursor c, struct nr_pdf *ret_trailer, struct nr_error *error)
{
	struct nr_pdf_table table = {.c = c}, again = {.c = c};
	struct nr_pdf_entry entry;
	while (nr_pdf_table_next(&table, &entry))
		;
	struct nr_pdf trailer = nr_pdf_take(&table.c);
	if (table.c.failed || trailer.kind != NR_PDF_DICTIONARY)
		return nr_fail(error, -EBADMSG, "a cross-reference table that cannot be read");
	int e = check_trailer(reader, &trailer, error);
	if (!e && !reader->entries)
		e = begin_entries(reader, &trailer, error);
	while (!e && nr_pdf_table_next(&again, &entry)) {
		if (!note_entry(reader, &entry))
			e = nr_fail(error, -EBADMSG, BEYOND, entry.number);
	}
	*ret_trailer = trailer;
	return e;
}

/* /Index [first count ...]; without it all from 0. */
static int read_rows(struct nr_pdf_reader *reader, const struct nr_pdf *dictionary, const uint8_t *rows,
	size_t length, struct nr_error *error)
{
	struct nr_pdf w = nr_pdf_get(dictionary, "W"), index = nr_pdf_get(dictionary, "Index"), value, first,
		      count;
	struct nr_cursor c = nr_pdf_inside(&w);
	unsigned widths[3] = {0}, width = 0;
	for (int i = 0; i < 3; i++) {
		if (!nr_pdf_next(&c, &value) || value.kind != NR_PDF_INTEGER || value.integer < 0 ||
			value.integer > 8)
			return nr_fail(error, -EBADMSG, "a cross-reference stream without /W");
		widths[i] = (unsigned)value.integer;
		width += widths[i];
	}
	c = nr_pdf_inside(&index);
	for (bool once = index.kind != NR_PDF_ARRAY; once || nr_pdf_next_member(&c, &first, &count);
		once = false) {
		if (once) {
			first = (struct nr_pdf){.kind = NR_PDF_INTEGER};
			count = nr_pdf_get(dictionary, "Size");
			c = nr_cursor_over("", 0);
		}
		if (first.kind != NR_PDF_INTEGER || count.kind != NR_PDF_INTEGER || first.integer < 0 ||
			count.integer < 0 || first.integer > NR_PDF_OBJECTS_MAX || width == 0 ||
			(uint64_t)count.integer > length / width)
			return nr_fail(
				error, -EBADMSG, "a cross-reference stream with fewer rows than it says");
		for (int64_t i = 0; i < count.integer; i++, rows += width, length -= width) {
			struct nr_pdf_entry entry = {.number = (uint32_t)(first.integer + i)};
			if (!nr_pdf_row(rows, widths, &entry))
				return nr_fail(
					error, -EBADMSG, "a row of a cross-reference stream that is none");
			if (!note_entry(reader, &entry))
				return nr_fail(error, -EBADMSG, BEYOND, entry.number);
		}
	}
	return 0;
}

static int read_stream(
	struct nr_pdf_reader *reader, struct nr_cursor c, struct nr_pdf *ret_trailer, struct nr_error *error)
{
	struct nr_pdf_object object;
	NR_AUTO(nr_freep) uint8_t *rows = NULL;
	size_t length, row_length;
	if (!nr_pdf_object_read(&c, &object) || !object.stream)
		return nr_fail(error, -EBADMSG, "no cross-reference where one should be");
	struct nr_pdf type = nr_pdf_get(&object.value, "Type"), said = nr_pdf_get(&object.value, "Length");
	if (!nr_pdf_name_is(&type, "XRef") || said.kind != NR_PDF_INTEGER)
		return nr_fail(error, -EBADMSG, "no cross-reference where one should be");
	int e = check_trailer(reader, &object.value, error);
	if (!e)
		e = stream_data(reader, &object, &length, error);
	if (!e)
		e = decode(&object.value, object.stream, length, &rows, &row_length, error);
	if (!e && !reader->entries)
		e = begin_entries(reader, &object.value, error);
	*ret_trailer = object.value;
	return e ? e : read_rows(reader, &object.value, rows, row_length, error);
}

/* One section: *ret_prev is -1 where it is the oldest. */
static int read_section(
	struct nr_pdf_reader *reader, size_t offset, bool first, int64_t *ret_prev, struct nr_error *error)
{
	struct nr_cursor c = nr_cursor_over(reader->bytes + offset, reader->length - offset);
	struct nr_pdf trailer;
	bool table = nr_pdf_word(&c, "xref");
	if (!first && reader->streams == table)
		return nr_fail(error, -EBADMSG,
			"tables and streams of cross-references in one file: readers differ over it");
	reader->streams = !table;
	int e = (table ? read_table : read_stream)(reader, c, &trailer, error);
	if (e)
		return e;
	struct nr_pdf prev = nr_pdf_get(&trailer, "Prev");
	*ret_prev = -1;
	if (prev.kind == NR_PDF_NONE)
		return 0;
	if (prev.kind != NR_PDF_INTEGER || prev.integer < 0 || (uint64_t)prev.integer >= reader->length)
		return nr_fail(error, -EBADMSG, "/Prev points out of the file");
	*ret_prev = prev.integer;
	return 0;
}

static int read_sections(struct nr_pdf_reader *reader, struct nr_error *error)
{
	size_t seen[NR_PDF_SECTIONS_MAX], count = 0;
	int64_t at = (int64_t)reader->newest;
	int e = 0;
	reader->revisions = 1;
	while (!e && at >= 0) {
		int64_t prev = -1;
		for (size_t i = 0; i < count; i++) {
			if (seen[i] == (size_t)at)
				return nr_fail(error, -EBADMSG, "/Prev goes in a circle");
		}
		if (count == NR_PDF_SECTIONS_MAX)
			return nr_fail(error, -EBADMSG, "more than %d cross-reference sections",
				NR_PDF_SECTIONS_MAX);
		seen[count++] = (size_t)at;
		e = read_section(reader, (size_t)at, count == 1, &prev, error);
		/* the halves of a linearised file point forward (annex F) */
		reader->revisions += !e && prev >= 0 && prev < at;
		at = e ? -1 : prev;
	}
	return e;
}

int nr_pdf_reader_open(
	const uint8_t *bytes, size_t length, struct nr_pdf_reader *ret_reader, struct nr_error *error)
{
	struct nr_pdf_reader reader = {.bytes = bytes, .length = length};
	if (length < 8 || memcmp(bytes, "%PDF-", 5) != 0)
		return nr_fail(error, -EBADMSG, "not a PDF file");
	if (!nr_pdf_startxref(bytes, length, &reader.newest))
		return nr_fail(error, -EBADMSG, "the PDF does not end with startxref and %%%%EOF");
	int e = read_sections(&reader, error);
	struct nr_pdf root = nr_pdf_get(&reader.trailer, "Root");
	if (!e && root.kind != NR_PDF_REFERENCE)
		e = nr_fail(error, -EBADMSG, "a PDF without a catalog (/Root)");
	if (e) {
		nr_pdf_reader_fini(&reader);
		return e;
	}
	*ret_reader = reader;
	return 0;
}

/* ---- objects ---- */

/* Pairs of number and offset stand before the objects (section 7.5.7); offsets become those in the stream. */
static int read_pairs(struct nr_pdf_inflated *made, int64_t count, int64_t first, struct nr_error *error)
{
	bool fits = count >= 0 && first >= 0 && (uint64_t)first <= made->length && count <= first / 3;
	struct nr_cursor c = nr_cursor_over(made->bytes, fits ? (size_t)first : 0);
	struct nr_pdf number, offset;
	made->pairs = fits ? malloc(2 * (size_t)count * sizeof *made->pairs + 1) : NULL;
	for (int64_t i = 0; made->pairs && i < count; i++) {
		if (!nr_pdf_next_member(&c, &number, &offset) || number.kind != NR_PDF_INTEGER ||
			offset.kind != NR_PDF_INTEGER || number.integer < 0 ||
			number.integer >= NR_PDF_OBJECTS_MAX || offset.integer < 0 ||
			(uint64_t)offset.integer >= made->length - (size_t)first)
			return nr_fail(error, -EBADMSG, "object stream %u is broken", made->number);
		made->pairs[2 * made->count] = (uint32_t)number.integer;
		made->pairs[2 * made->count++ + 1] = (uint32_t)(first + offset.integer);
	}
	return made->pairs ? 0 : nr_fail(error, -EBADMSG, "object stream %u is broken", made->number);
}

static int keep(struct nr_pdf_reader *reader, const struct nr_pdf_inflated *made, struct nr_error *error)
{
	if (reader->inflated_bytes + made->length > NR_PDF_INFLATED_MAX)
		return nr_fail(error, -EBADMSG, "the PDF's object streams hold more than %u bytes",
			NR_PDF_INFLATED_MAX);
	if (!reader->inflated_at)
		reader->inflated_at = calloc(reader->count, sizeof *reader->inflated_at);
	struct nr_pdf_inflated *grown =
		realloc(reader->inflated, (reader->inflated_count + 1) * sizeof *grown);
	reader->inflated = grown ? grown : reader->inflated;
	if (!grown || !reader->inflated_at)
		return nr_fail(error, -ENOMEM, "out of memory");
	reader->inflated[reader->inflated_count++] = *made;
	reader->inflated_bytes += made->length;
	reader->inflated_at[made->number] = (uint32_t)reader->inflated_count;
	return 0;
}

static int inflate_stream(struct nr_pdf_reader *reader, uint32_t number, struct nr_error *error)
{
	const struct nr_pdf_entry *entry = nr_pdf_reader_entry(reader, number);
	struct nr_pdf_object object;
	struct nr_pdf_inflated made = {.number = number};
	size_t length;
	if (!entry || entry->where != NR_PDF_AT)
		return nr_fail(error, -EBADMSG, "object stream %u is not there", number);
	int e = read_at(reader, entry, &object, error);
	if (e)
		return e;
	struct nr_pdf type = nr_pdf_get(&object.value, "Type"), count = nr_pdf_get(&object.value, "N"),
		      first = nr_pdf_get(&object.value, "First");
	if (!object.stream || !nr_pdf_name_is(&type, "ObjStm") || count.kind != NR_PDF_INTEGER ||
		first.kind != NR_PDF_INTEGER)
		return nr_fail(error, -EBADMSG, "object %u is not an object stream", number);
	e = stream_data(reader, &object, &length, error);
	if (!e)
		e = decode(&object.value, object.stream, length, &made.bytes, &made.length, error);
	if (e)
		return e;
	e = read_pairs(&made, count.integer, first.integer, error);
	if (!e)
		e = keep(reader, &made, error);
	if (e) {
		free(made.bytes);
		free(made.pairs);
	}
	return e;
}

static int read_within(struct nr_pdf_reader *reader, const struct nr_pdf_entry *entry,
	struct nr_pdf_object *ret_object, struct nr_error *error)
{
	uint32_t number = (uint32_t)entry->place;
	if (number >= reader->count)
		return nr_fail(error, -EBADMSG, "object stream %u is not there", number);
	if (!reader->inflated_at || !reader->inflated_at[number]) {
		int e = inflate_stream(reader, number, error);
		if (e)
			return e;
	}
	const struct nr_pdf_inflated *stream = &reader->inflated[reader->inflated_at[number] - 1];
	uint32_t index = entry->generation;
	if (index >= stream->count || stream->pairs[2 * index] != entry->number)
		return nr_fail(error, -EBADMSG, "object %u is not in its object stream", entry->number);
	size_t place = stream->pairs[2 * index + 1];
	struct nr_cursor c = nr_cursor_over(stream->bytes + place, stream->length - place);
	*ret_object = (struct nr_pdf_object){.number = entry->number, .value = nr_pdf_take(&c)};
	return c.failed ? nr_fail(error, -EBADMSG, "object %u cannot be read", entry->number) : 0;
}

int nr_pdf_reader_object(struct nr_pdf_reader *reader, uint32_t number, struct nr_pdf_object *ret_object,
	struct nr_error *error)
{
	const struct nr_pdf_entry *entry = nr_pdf_reader_entry(reader, number);
	if (!entry) {
		*ret_object = (struct nr_pdf_object){.number = number, .value.kind = NR_PDF_NULL};
		return 0;
	}
	return entry->where == NR_PDF_AT ? read_at(reader, entry, ret_object, error)
					 : read_within(reader, entry, ret_object, error);
}

int nr_pdf_reader_resolve(struct nr_pdf_reader *reader, const struct nr_pdf *value, struct nr_pdf *ret_value,
	struct nr_error *error)
{
	struct nr_pdf at = *value;
	for (int i = 0; at.kind == NR_PDF_REFERENCE; i++) {
		struct nr_pdf_object object;
		if (i == REFERENCES_MAX)
			return nr_fail(error, -EBADMSG, "object %u refers to a chain of references",
				(unsigned)value->integer);
		int e = nr_pdf_reader_object(reader, (uint32_t)at.integer, &object, error);
		if (e)
			return e;
		if (object.generation != at.generation && object.value.kind != NR_PDF_NULL)
			return nr_fail(error, -EBADMSG,
				"object %u has another generation than a reference says", object.number);
		at = object.value;
	}
	*ret_value = at;
	return 0;
}

int nr_pdf_reader_member(struct nr_pdf_reader *reader, const struct nr_pdf *dictionary, const char *name,
	struct nr_pdf *ret_value, struct nr_error *error)
{
	struct nr_pdf value;
	if (nr_pdf_count(dictionary, name, &value) > 1)
		return nr_fail(error, -EBADMSG, "a dictionary has /%s twice: readers differ over it", name);
	return nr_pdf_reader_resolve(reader, &value, ret_value, error);
}
