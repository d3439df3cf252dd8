/* SPDX-License-Identifier: Apache-2.0 */
#include "model/relay_frame.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Bytes of a column in a frame; of text and bytes those of the length before them. */
static size_t fixed_size(enum nr_type type)
{
	switch (type) {
	case NR_TYPE_UINT8:
		return 1;
	case NR_TYPE_UINT16:
		return 2;
	case NR_TYPE_UINT32:
	case NR_TYPE_TEXT:
	case NR_TYPE_BYTES:
		return 4;
	case NR_TYPE_UINT64:
	case NR_TYPE_REAL:
	case NR_TYPE_TIME:
		return 8;
	case NR_TYPE_ADDRESS:
		return sizeof(struct nr_address);
	}
	return 0;
}

/* ---- writing ---- */

struct writer {
	uint8_t *bytes;
	size_t at, room;
	bool full;
};

static void put(struct writer *w, const void *bytes, size_t length)
{
	w->full = w->full || length > w->room - w->at;
	if (w->full)
		return;
	if (length)
		memcpy(w->bytes + w->at, bytes, length);
	w->at += length;
}

static void put_counted(struct writer *w, const void *bytes, size_t length)
{
	uint32_t count = (uint32_t)NR_MIN(length, NR_RELAY_FRAME_MAX);
	w->full = w->full || count != length;
	put(w, &count, sizeof count);
	put(w, bytes, length);
}

size_t nr_relay_row_write(
	const struct nr_table *table, const void *row, uint8_t *bytes, size_t at, size_t room)
{
	struct writer w = {bytes, at, room, false};
	for (size_t i = 0; i < table->column_count; i++) {
		const struct nr_column *column = &table->columns[i];
		const uint8_t *field = (const uint8_t *)row + column->offset;
		if (column->type == NR_TYPE_TEXT) {
			const char *text = *(const char *const *)field;
			text = text ? text : "";
			put_counted(&w, text, strlen(text) + 1);
		} else if (column->type == NR_TYPE_BYTES) {
			const struct nr_bytes *value = (const struct nr_bytes *)field;
			put_counted(&w, value->data, value->data ? value->length : 0);
		} else {
			put(&w, field, fixed_size(column->type));
		}
	}
	return w.full ? 0 : w.at;
}

/* ---- reading what may be hostile ---- */

struct reader {
	const uint8_t *bytes;
	size_t at, length;
};

static const uint8_t *take(struct reader *r, size_t length)
{
	if (length > r->length - r->at)
		return NULL;
	r->at += length;
	return r->bytes + r->at - length;
}

static const uint8_t *take_counted(struct reader *r, size_t *ret_length)
{
	uint32_t length;
	const uint8_t *count = take(r, sizeof length);
	if (!count)
		return NULL;
	memcpy(&length, count, sizeof length);
	*ret_length = length;
	return take(r, length);
}

/* Length of the UTF-8 character at text (RFC 3629: shortest form, no surrogates), 0: it is none. */
static size_t character(const uint8_t *text, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t c = text[0];
	size_t length = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 4;
	if (c >= 0xf5 || (c >= 0x80 && c < 0xc2) || length > left)
		return 0;
	uint32_t code = length == 1 ? c : c & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3fu);
	}
	bool allowed = code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
	return allowed ? length : 0;
}

/* One NUL, at the end, and UTF-8 before it. */
static bool is_text(const uint8_t *text, size_t length)
{
	if (length == 0 || text[length - 1] != '\0')
		return false;
	for (size_t at = 0; at < length - 1;) {
		size_t n = text[at] ? character(text + at, length - 1 - at) : 0;
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

static const char *parse_column(struct reader *r, const struct nr_column *column, uint8_t *field)
{
	size_t length;
	const uint8_t *bytes;
	if (column->type == NR_TYPE_TEXT) {
		bytes = take_counted(r, &length);
		if (!bytes)
			return "a text passes the end of the frame";
		if (!is_text(bytes, length))
			return "a text is not UTF-8 with one zero byte at its end";
		*(const char **)field = (const char *)bytes;
		return NULL;
	}
	if (column->type == NR_TYPE_BYTES) {
		bytes = take_counted(r, &length);
		if (!bytes)
			return "bytes pass the end of the frame";
		*(struct nr_bytes *)field = (struct nr_bytes){bytes, length};
		return NULL;
	}
	bytes = take(r, fixed_size(column->type));
	if (!bytes)
		return "a row passes the end of the frame";
	memcpy(field, bytes, fixed_size(column->type));
	if (column->type == NR_TYPE_REAL && !isfinite(*(const double *)field))
		return "a number is not finite";
	return NULL;
}

static const char *parse_row(struct reader *r, const struct nr_table *table, const char *sensor, uint8_t *row)
{
	for (size_t i = 0; i < table->column_count; i++) {
		const struct nr_column *column = &table->columns[i];
		const char *reason = parse_column(r, column, row + column->offset);
		if (reason)
			return reason;
	}
	if (strcmp(*(const char *const *)(row + table->columns[0].offset), sensor) != 0)
		return "a row is another sensor's";
	return NULL;
}

static size_t least_row(const struct nr_table *table)
{
	size_t least = 0;
	for (size_t i = 0; i < table->column_count; i++)
		least += fixed_size(table->columns[i].type) + (table->columns[i].type == NR_TYPE_TEXT);
	return least;
}

int nr_relay_rows_parse(const struct nr_table *table, const char *sensor, const uint8_t *body, size_t length,
	uint32_t count, void **rows, size_t *room, struct nr_error *error)
{
	if (count == 0 || count > length / least_row(table))
		return nr_fail(error, -EBADMSG, "%s: %u rows in %zu bytes", table->name, count, length);
	size_t bytes = count * table->row_size;
	if (bytes > *room) {
		free(*rows);
		*room = 0;
		*rows = malloc(bytes);
		if (!*rows)
			return nr_fail(error, -ENOMEM, "out of memory for %u rows", count);
		*room = bytes;
	}
	memset(*rows, 0, bytes);
	struct reader r = {body, 0, length};
	for (uint32_t i = 0; i < count; i++) {
		const char *reason = parse_row(&r, table, sensor, (uint8_t *)*rows + i * table->row_size);
		if (reason)
			return nr_fail(error, -EBADMSG, "%s: row %u: %s", table->name, i, reason);
	}
	if (r.at != length)
		return nr_fail(
			error, -EBADMSG, "%s: %zu bytes after the last row", table->name, length - r.at);
	return 0;
}

int nr_relay_head_check(const struct nr_relay_head *head, size_t table_count, struct nr_error *error)
{
	size_t body = 0;
	bool rows = head->kind == NR_RELAY_ROWS;
	switch (head->kind) {
	case NR_RELAY_ROWS:
		break;
	case NR_RELAY_COMMIT:
		break;
	case NR_RELAY_STATUS:
		body = sizeof(struct nr_relay_status);
		break;
	case NR_RELAY_BEGIN:
		body = sizeof(struct nr_relay_begin);
		break;
	default:
		return nr_fail(error, -EBADMSG, "a frame of the unknown kind %u", head->kind);
	}
	if (rows ? head->length <= sizeof *head || head->length > NR_RELAY_FRAME_MAX
		 : head->length != sizeof *head + body)
		return nr_fail(error, -EBADMSG, "a frame of kind %u with %u bytes", head->kind, head->length);
	if (rows ? head->table >= table_count : head->table || head->rows)
		return nr_fail(error, -EBADMSG, "a frame for the unknown table %u", head->table);
	if (head->session < 0 || (!rows && head->session))
		return nr_fail(error, -EBADMSG, "a frame of a session that cannot be");
	if (head->zero)
		return nr_fail(error, -EBADMSG, "a frame whose head is not zero at its end");
	return 0;
}
