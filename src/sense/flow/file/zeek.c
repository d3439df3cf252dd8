/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/file/inside.h"
#include "sense/flow/file/zeek_inside.h"

#include <errno.h>

#define LINE_MAX_BYTES ((size_t)256 * 1024)
#define PIECE          ((size_t)64 * 1024)

struct log {
	struct nr_flow_reading *reading;
	struct nr_flow_fill *fill;
	struct nr_zeek_json *json;
	struct nr_zeek_header header;
};

static void log_fini(struct log *log)
{
	nr_flow_fill_free(log->fill);
	nr_zeek_json_free(log->json);
}

static bool contains(const uint8_t *bytes, size_t length, const char *word)
{
	return memmem(bytes, length, word, strlen(word)) != NULL;
}

bool nr_flow_zeek_is(const uint8_t *bytes, size_t length)
{
	size_t at = 0;
	while (at < length && (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r'))
		at++;
	if (at == length)
		return false;
	if (bytes[at] == '#')
		return contains(bytes, length, "#separator") || contains(bytes, length, "#fields");
	return bytes[at] == '{' && contains(bytes, length, "orig_h");
}

static void refuse(struct log *log, const char *reason)
{
	log->reading->report.dropped[NR_FLOW_FILE_LINE]++;
	nr_flow_damage(log->reading, log->reading->input.offset, "%s", reason);
}

static int take_line(struct log *log, const char *line, size_t length, struct nr_error *error)
{
	static const struct nr_flow_stream stream = {.export = NR_FLOW_ZEEK};
	struct nr_zeek_line values;
	if (length && line[length - 1] == '\r')
		length--;
	if (!length)
		return 0;
	if (line[0] == '#') {
		if (!nr_zeek_header_take(&log->header, line, length))
			refuse(log, "a header line that cannot be read");
		return 0;
	}
	if (line[0] != '{' && !log->header.count) {
		refuse(log, "a line before the names of its columns (#fields)");
		return 0;
	}
	bool read = line[0] == '{' ? nr_zeek_json_parse(log->json, line, length, &values)
				   : nr_zeek_split(&log->header, line, length, &values);
	if (!read || !nr_zeek_fill(nr_flow_fill_row(log->fill), &values)) {
		refuse(log, read ? "a line that is no connection: its time, an address or a number is "
				   "missing or cannot be"
				 : "a line that cannot be read: cut, or of another form");
		return 0;
	}
	return nr_flow_fill_add(log->fill, &stream, error);
}

/* What is longer than a line may be is passed over up to its end. */
static void pass_long_line(struct log *log)
{
	struct nr_flow_input *input = &log->reading->input;
	refuse(log, "a line of more than 256 KiB");
	size_t left;
	while ((left = nr_flow_input_gather(input, 1))) {
		const uint8_t *bytes = nr_flow_input_at(input), *end = memchr(bytes, '\n', left);
		nr_flow_input_skip(input, end ? (size_t)(end - bytes) + 1 : left);
		if (end)
			return;
	}
}

static int read_lines(struct log *log, struct nr_error *error)
{
	struct nr_flow_input *input = &log->reading->input;
	size_t left;
	while ((left = nr_flow_input_gather(input, 1))) {
		const uint8_t *bytes = nr_flow_input_at(input), *end = memchr(bytes, '\n', left);
		if (!end && left > LINE_MAX_BYTES) {
			pass_long_line(log);
			continue;
		}
		if (!end && !input->ended) {
			size_t more = nr_flow_input_gather(input, left + PIECE);
			if (!more)
				return nr_fail(error, -ENOMEM, "out of memory");
			if (more > left || !input->ended)
				continue;
			bytes = nr_flow_input_at(input);
		}
		size_t length = end ? (size_t)(end - bytes) : left;
		int e = take_line(log, (const char *)bytes, length, error);
		if (e)
			return e;
		nr_flow_input_skip(input, length + (end ? 1 : 0));
	}
	return nr_flow_fill_flush(log->fill, error);
}

int nr_flow_read_zeek(struct nr_flow_reading *reading, struct nr_error *error)
{
	NR_AUTO(log_fini) struct log log = {.reading = reading};
	nr_zeek_header_init(&log.header);
	log.json = nr_zeek_json_new();
	if (!log.json)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_flow_fill_new(reading->sink, &log.fill, error);
	if (!e)
		e = read_lines(&log, error);
	if (log.fill)
		reading->report.records = nr_flow_fill_count(log.fill);
	return e;
}
