/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/file/print.h"
#include "sense/flow/file/print_inside.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct nr_flow_printer {
	enum nr_flow_print_form print;
	FILE *stream;
	char *buffer;
	size_t length;
	struct nr_json json; /* lines of the caller's own */
	bool json_begun;
	bool headed; /* the table's first line is there: a table without rows has none */
};

/* ---- pieces ---- */

const struct nr_flow_mark_name nr_flow_mark_names[NR_FLOW_MARK_NAMES] = {
	{NR_FLOW_MARK_TIME_OF_EXPORT, "time_of_export"},
	{NR_FLOW_MARK_TIME_SUSPECT, "time_suspect"},
	{NR_FLOW_MARK_PACKET, "packet"},
	{NR_FLOW_MARK_DISCARDED, "discarded"},
	{NR_FLOW_MARK_BIFLOW, "biflow"},
	{NR_FLOW_MARK_EVENT, "event_record"},
	{NR_FLOW_MARK_SOURCE_CLIENT, "source_client"},
	{NR_FLOW_MARK_DESTINATION_CLIENT, "destination_client"},
	{NR_FLOW_MARK_TIME_SECONDS, "time_seconds"},
};

char *nr_flow_write_rate(char *at, float rate)
{
	if (rate >= 0 && rate < 1e15f && (float)(uint64_t)rate == rate)
		return nr_flow_write_uint(at, (uint64_t)rate);
	int length = 0;
	for (int digits = 6; digits <= 9; digits++) {
		length = snprintf(at, 32, "%.*g", digits, (double)rate);
		if (strtof(at, NULL) == rate)
			break;
	}
	return at + length;
}

char *nr_flow_write_mac(char *at, uint64_t mac)
{
	static const char hex[] = "0123456789abcdef";
	for (int shift = 40; shift >= 0; shift -= 8) {
		*at++ = hex[mac >> (shift + 4) & 15];
		*at++ = hex[mac >> shift & 15];
		if (shift)
			*at++ = ':';
	}
	return at;
}

char *nr_flow_write_code(char *at, enum nr_flow_column column, uint64_t code)
{
	const char *name = nr_flow_code_name(column, code);
	return name ? nr_flow_write_text(at, name) : nr_flow_write_uint(at, code);
}

char *nr_flow_write_value(char *at, enum nr_flow_column column, uint64_t value)
{
	switch (nr_flow_columns[column].kind) {
	case NR_FLOW_KIND_TIME:
		nr_time_write((nr_time)value, at);
		return at + 27; /* always as long */
	case NR_FLOW_KIND_MAC:
		return nr_flow_write_mac(at, value);
	case NR_FLOW_KIND_CODE:
		return nr_flow_write_code(at, column, value);
	default:
		return nr_flow_write_uint(at, value);
	}
}

bool nr_flow_row_address(const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row,
	struct nr_address *ret_address)
{
	uint64_t high = nr_flow_value(block, column - 1, row), low = nr_flow_value(block, column, row);
	if (!high && !low)
		return false;
	high = __builtin_bswap64(high);
	low = __builtin_bswap64(low);
	memcpy(ret_address->octets, &high, 8);
	memcpy(ret_address->octets + 8, &low, 8);
	return true;
}

const struct nr_flow_stream *nr_flow_row_stream(const struct nr_flow_block *block, uint32_t row)
{
	static const struct nr_flow_stream nobody;
	uint64_t i = nr_flow_value(block, NR_FLOW_STREAM, row);
	return i < block->stream_count ? &block->streams[i] : &nobody;
}

unsigned nr_flow_export_version(uint32_t export)
{
	switch (export) {
	case NR_FLOW_NETFLOW5:
	case NR_FLOW_SFLOW5:
		return 5;
	case NR_FLOW_NETFLOW9:
		return 9;
	case NR_FLOW_IPFIX:
		return 10;
	default:
		return 0;
	}
}

/* ---- the printer ---- */

static int hand_over(struct nr_flow_printer *printer, struct nr_error *error)
{
	if (printer->json_begun) {
		int e = nr_json_finish(&printer->json, error);
		nr_json_fini(&printer->json);
		printer->json_begun = false;
		if (e)
			return e;
		putc('\n', printer->stream);
	}
	if (printer->length)
		fwrite(printer->buffer, 1, printer->length, printer->stream);
	printer->length = 0;
	return ferror(printer->stream)
		       ? nr_fail(error, -EIO, "flows cannot be written: %s", strerror(errno ? errno : EIO))
		       : 0;
}

/* Room for one more row. */
static int reserve(struct nr_flow_printer *printer, struct nr_error *error)
{
	if (NR_LIKELY(NR_FLOW_BUFFER - printer->length >= NR_FLOW_ROW_TEXT && !printer->json_begun))
		return 0;
	return hand_over(printer, error);
}

int nr_flow_printer_new(enum nr_flow_print_form print, FILE *stream, struct nr_flow_printer **ret_printer,
	struct nr_error *error)
{
	NR_AUTO(nr_flow_printer_freep) struct nr_flow_printer *printer = calloc(1, sizeof *printer);
	if (!printer || !(printer->buffer = malloc(NR_FLOW_BUFFER)))
		return nr_fail(error, -ENOMEM, "out of memory");
	printer->print = print;
	printer->stream = stream;
	if (print == NR_FLOW_PRINT_CSV)
		printer->length = (size_t)(nr_flow_write_head_csv(printer->buffer) - printer->buffer);
	*ret_printer = nr_steal(&printer);
	return 0;
}

void nr_flow_printer_free(struct nr_flow_printer *printer)
{
	if (!printer)
		return;
	if (printer->json_begun)
		nr_json_fini(&printer->json);
	free(printer->buffer);
	free(printer);
}

void nr_flow_printer_freep(struct nr_flow_printer **printer)
{
	nr_flow_printer_free(*printer);
}

/* ---- named elements ---- */

static void write_named_value(struct nr_json *json, const struct nr_flow_named *value)
{
	uint64_t number = 0;
	struct nr_address address = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
	char text[2 * UINT8_MAX + 1];
	switch (value->type) {
	case NR_FLOW_NAMED_UINT:
	case NR_FLOW_NAMED_MAC:
		for (size_t i = 0; i < value->length; i++)
			number = number << 8 | value->bytes[i];
		if (value->type == NR_FLOW_NAMED_UINT) {
			nr_json_uint(json, value->name, number);
			return;
		}
		nr_json_text_n(json, value->name, text, (size_t)(nr_flow_write_mac(text, number) - text));
		return;
	case NR_FLOW_NAMED_ADDRESS:
		if (value->length == 4)
			memcpy(address.octets + 12, value->bytes, 4);
		else if (value->length == 16)
			memcpy(address.octets, value->bytes, 16);
		nr_json_address(json, value->name, &address);
		return;
	case NR_FLOW_NAMED_TEXT:
		nr_json_text_n(json, value->name, (const char *)value->bytes,
			strnlen((const char *)value->bytes, value->length));
		return;
	case NR_FLOW_NAMED_OCTETS:
		break;
	}
	size_t length = NR_MIN(value->length, (size_t)UINT8_MAX);
	for (size_t i = 0; i < length; i++)
		snprintf(text + 2 * i, 3, "%02x", value->bytes[i]);
	nr_json_text_n(json, value->name, text, 2 * length);
}

/* A row with named elements: its object is opened again for "fields", whose size nobody knows. */
static int print_named(struct nr_flow_printer *printer, const struct nr_flow_block *block, uint32_t row,
	struct nr_flow_named_rows *named, struct nr_error *error)
{
	char text[NR_FLOW_ROW_TEXT];
	char *end = nr_flow_write_row_json(text, block, row);
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	for (; named->next < named->count && named->values[named->next].row == row; named->next++)
		write_named_value(&json, &named->values[named->next]);
	nr_json_object_end(&json);
	int e = nr_json_finish(&json, error);
	if (!e)
		e = hand_over(printer, error);
	if (!e)
		fprintf(printer->stream, "%.*s,\"fields\":%s}\n", (int)(end - text) - 2, text, json.bytes);
	nr_json_fini(&json);
	return e;
}

static bool has_named(struct nr_flow_named_rows *named, uint32_t row)
{
	if (named->next && named->values[named->next - 1].row >= row)
		named->next = 0; /* rows are asked for in another order */
	while (named->next < named->count && named->values[named->next].row < row)
		named->next++;
	return named->next < named->count && named->values[named->next].row == row;
}

/* ---- rows ---- */

static char *write_table(
	struct nr_flow_printer *printer, char *at, const struct nr_flow_block *block, uint32_t row)
{
	if (!printer->headed)
		at = nr_flow_write_head_table(at);
	printer->headed = true;
	return nr_flow_write_row_table(at, block, row);
}

int nr_flow_print(struct nr_flow_printer *printer, const struct nr_flow_block *block, const uint32_t *rows,
	uint32_t count, const struct nr_flow_collector *collector, struct nr_error *error)
{
	struct nr_flow_named_rows named = {0};
	if (collector && printer->print == NR_FLOW_PRINT_JSON)
		named.count = nr_flow_collector_named(collector, &named.values);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t row = rows ? rows[i] : i;
		int e = reserve(printer, error);
		if (e)
			return e;
		char *at = printer->buffer + printer->length, *end = at;
		if (printer->print == NR_FLOW_PRINT_TABLE)
			end = write_table(printer, at, block, row);
		else if (printer->print == NR_FLOW_PRINT_CSV)
			end = nr_flow_write_row_csv(at, block, row);
		else if (!named.count || !has_named(&named, row))
			end = nr_flow_write_row_json(at, block, row);
		else if ((e = print_named(printer, block, row, &named, error)))
			return e;
		printer->length += (size_t)(end - at);
	}
	return 0;
}

struct nr_json *nr_flow_printer_json(struct nr_flow_printer *printer)
{
	assert(printer->print == NR_FLOW_PRINT_JSON);
	if (!printer->json_begun) {
		(void)hand_over(printer, NULL); /* its failure stays with the stream */
		nr_json_init_stream(&printer->json, printer->stream);
		printer->json_begun = true;
	}
	return &printer->json;
}

int nr_flow_printer_flush(struct nr_flow_printer *printer, struct nr_error *error)
{
	int e = hand_over(printer, error);
	if (!e && fflush(printer->stream))
		e = nr_fail(error, -errno, "flows cannot be written: %s", strerror(errno));
	return e;
}

/* ---- the sink ---- */

static int take(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct nr_flow_print_sink *self = (struct nr_flow_print_sink *)sink;
	self->printed += block->count;
	return nr_flow_print(self->printer, block, NULL, block->count, self->collector, error);
}

void nr_flow_print_sink_init(struct nr_flow_print_sink *sink, struct nr_flow_printer *printer)
{
	*sink = (struct nr_flow_print_sink){.sink = {.take = take}, .printer = printer};
}

void nr_flow_row_write_json(
	struct nr_json *json, const char *key, const struct nr_flow_block *block, uint32_t row)
{
	char text[NR_FLOW_ROW_TEXT];
	char *end = nr_flow_write_row_json(text, block, row);
	end[-1] = '\0'; /* the line's end */
	nr_json_raw(json, key, text);
}
