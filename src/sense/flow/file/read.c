/* SPDX-License-Identifier: Apache-2.0 */
#include "net/format.h"
#include "sense/flow/file/inside.h"
#include "wire/nfdump.h"

#include <errno.h>
#include <string.h>

#define HEAD ((size_t)64 * 1024) /* what is looked at to recognise a file */

const char *const nr_flow_file_drop_names[NR_FLOW_FILE_DROPS] = {
	[NR_FLOW_FILE_NOT_EXPORT] = "packet_not_export",
	[NR_FLOW_FILE_FRAME] = "frame",
	[NR_FLOW_FILE_FRAGMENT] = "fragment",
	[NR_FLOW_FILE_SEGMENT] = "segment",
	[NR_FLOW_FILE_RECORD] = "file_record",
	[NR_FLOW_FILE_RECORD_UNKNOWN] = "file_record_unknown",
	[NR_FLOW_FILE_BLOCK] = "file_block",
	[NR_FLOW_FILE_LINE] = "file_line",
	[NR_FLOW_FILE_BYTES] = "file_bytes",
};

const char *nr_flow_file_kind_name(enum nr_flow_file_kind kind)
{
	static const char *const names[] = {[NR_FLOW_FILE_UNKNOWN] = "unknown",
		[NR_FLOW_FILE_CAPTURE] = "capture",
		[NR_FLOW_FILE_EXPORT] = "export",
		[NR_FLOW_FILE_NFDUMP] = "nfdump",
		[NR_FLOW_FILE_ZEEK] = "zeek"};
	return names[kind];
}

/* ERF has no magic number, so captures come last. */
static enum nr_flow_file_kind recognise(const uint8_t *bytes, size_t length)
{
	enum nr_format format = nr_format_recognise(bytes, length);
	if (nr_nfdump_is(bytes, length))
		return NR_FLOW_FILE_NFDUMP;
	if (format == NR_FORMAT_PCAP || format == NR_FORMAT_PCAPNG)
		return NR_FLOW_FILE_CAPTURE;
	if (nr_flow_zeek_is(bytes, length))
		return NR_FLOW_FILE_ZEEK;
	if (nr_flow_export_is(bytes, length, false))
		return NR_FLOW_FILE_EXPORT;
	return format == NR_FORMAT_UNKNOWN ? NR_FLOW_FILE_UNKNOWN : NR_FLOW_FILE_CAPTURE;
}

static void say_unknown(struct nr_flow_reading *reading)
{
	struct nr_flow_input *input = &reading->input;
	const struct nr_error *error = nr_stream_error(input->stream);
	size_t length = nr_flow_input_left(input), room = sizeof reading->report.damage;
	char *damage = reading->report.damage, hex[16] = "";
	for (size_t i = 0; i < NR_MIN(length, (size_t)4); i++)
		snprintf(hex + 3 * i, sizeof hex - 3 * i, " %02x", nr_flow_input_at(input)[i]);
	if (error)
		snprintf(damage, room, "%.120s: %.110s", input->name, error->text);
	else if (!length)
		snprintf(damage, room, "%.120s: is empty inside its compression", input->name);
	else
		snprintf(damage, room,
			"%.80s: starts with%s: not known. Read are captures of exports (pcap, pcapng, ERF), "
			"IPFIX "
			"files, files of nfdump and Zeek's conn.log, also compressed",
			input->name, hex);
	reading->report.dropped[NR_FLOW_FILE_BYTES] += length;
}

static int read_kind(struct nr_flow_reading *reading, struct nr_error *error)
{
	switch (reading->report.kind) {
	case NR_FLOW_FILE_CAPTURE:
		return nr_flow_read_capture(reading, error);
	case NR_FLOW_FILE_EXPORT:
		return nr_flow_read_exports(reading, error);
	case NR_FLOW_FILE_NFDUMP:
		return nr_flow_read_nfdump(reading, error);
	case NR_FLOW_FILE_ZEEK:
		return nr_flow_read_zeek(reading, error);
	case NR_FLOW_FILE_UNKNOWN:
		say_unknown(reading);
		break;
	}
	return 0;
}

static int read_open(struct nr_flow_reading *reading, struct nr_error *error)
{
	size_t length = nr_flow_input_gather(&reading->input, HEAD);
	if (length)
		reading->report.kind = recognise(nr_flow_input_at(&reading->input), length);
	int e = read_kind(reading, error);
	if (!e)
		e = nr_flow_collector_flush(reading->collector, error);
	if (reading->input.stream)
		nr_flow_end(reading);
	return e;
}

int nr_flow_file_read(const char *path, struct nr_flow_collector *collector, struct nr_flow_sink *sink,
	struct nr_flow_file_report *ret_report, struct nr_error *error)
{
	struct nr_flow_reading reading = {.collector = collector, .sink = sink};
	struct nr_error reason = {0};
	int e = nr_flow_input_open(&reading.input, path, &reason);
	if (e == -ENOMEM) {
		if (error)
			*error = reason;
	} else if (e) {
		snprintf(reading.report.damage, sizeof reading.report.damage, "%s", reason.text);
		e = 0;
	} else {
		e = read_open(&reading, error);
	}
	nr_flow_input_fini(&reading.input);
	if (!e)
		*ret_report = reading.report;
	return e;
}
