/* SPDX-License-Identifier: Apache-2.0 */
/* Exports out of a capture: what looks like one, on any port; what goes to a collector's port, whatever it
 * looks like. */
#include "net/capture.h"
#include "sense/flow/file/fragments.h"
#include "sense/flow/file/inside.h"
#include "sense/flow/file/segments.h"
#include "wire/link.h"
#include "wire/transport.h"

#include <errno.h>
#include <string.h>

#define FRAMES 64

struct reader {
	struct nr_flow_reading *reading;
	struct nr_flow_fragments *fragments;
	struct nr_flow_segments *segments;
};

static void reader_fini(struct reader *reader)
{
	uint64_t *dropped = reader->reading->report.dropped;
	if (reader->fragments)
		dropped[NR_FLOW_FILE_FRAGMENT] += nr_flow_fragments_held(reader->fragments);
	nr_flow_fragments_free(reader->fragments);
	nr_flow_segments_free(reader->segments, &dropped[NR_FLOW_FILE_SEGMENT]);
}

/* ---- UDP ---- */

static int take_payload(struct reader *reader, const struct nr_packet *packet, const uint8_t *bytes,
	size_t length, struct nr_error *error)
{
	struct nr_flow_reading *reading = reader->reading;
	if (!nr_flow_export_is(bytes, length, true) &&
		!nr_flow_export_is_claimed(bytes, length, packet->destination_port)) {
		reading->report.dropped[NR_FLOW_FILE_NOT_EXPORT]++;
		return 0;
	}
	struct nr_flow_datagram datagram = {.bytes = bytes,
		.length = length,
		.exporter = packet->source,
		.collector = packet->destination,
		.exporter_port = packet->source_port,
		.collector_port = packet->destination_port,
		.received = packet->time};
	reading->report.datagrams++;
	return nr_flow_collector_take(reading->collector, &datagram, error);
}

/* UDP header and payload; the frame's padding does not belong to it. */
static int take_udp(struct reader *reader, struct nr_packet *packet, const uint8_t *bytes, size_t length,
	struct nr_error *error)
{
	if (length < NR_UDP_HEADER) {
		reader->reading->report.dropped[NR_FLOW_FILE_FRAME]++;
		return 0;
	}
	nr_transport_set_ports(packet, bytes);
	size_t said = nr_u16_at(bytes + 4);
	if (said >= NR_UDP_HEADER)
		length = NR_MIN(length, said);
	return take_payload(reader, packet, bytes + NR_UDP_HEADER, length - NR_UDP_HEADER, error);
}

static int take_fragment(struct reader *reader, struct nr_packet *packet, const struct nr_transport *t,
	const uint8_t *ip, struct nr_error *error)
{
	bool ipv6 = t->fragment != NULL;
	unsigned field = nr_u16_at(ipv6 ? t->fragment + 2 : ip + 6);
	struct nr_flow_fragment fragment = {.source = packet->source,
		.destination = packet->destination,
		.id = ipv6 ? nr_u32_at(t->fragment + 4) : packet->id,
		.offset = ipv6 ? field & 0xfff8 : (field & 0x1fff) * 8,
		.more = ipv6 ? field & 1 : field >> 13 & 1,
		.bytes = t->bytes,
		.length = nr_transport_usable(t),
		.time = packet->time};
	size_t length = 0;
	const uint8_t *whole = nr_flow_fragments_add(reader->fragments, &fragment, &length,
		&reader->reading->report.dropped[NR_FLOW_FILE_FRAGMENT]);
	return whole ? take_udp(reader, packet, whole, length, error) : 0;
}

/* ---- TCP ---- */

static int take_tcp(
	struct reader *reader, struct nr_packet *packet, const struct nr_transport *t, struct nr_error *error)
{
	enum { FIN = 1, SYN = 2, RST = 4 };
	uint64_t *dropped = reader->reading->report.dropped;
	size_t usable = nr_transport_usable(t);
	size_t header = usable >= NR_TCP_HEADER ? (size_t)(t->bytes[12] >> 4) * 4 : 0;
	if (header < NR_TCP_HEADER || header > usable) {
		dropped[NR_FLOW_FILE_FRAME]++;
		return 0;
	}
	struct nr_flow_segment segment = {.source = packet->source,
		.destination = packet->destination,
		.source_port = nr_u16_at(t->bytes),
		.destination_port = nr_u16_at(t->bytes + 2),
		.sequence = nr_u32_at(t->bytes + 4),
		.begins = t->bytes[13] & SYN,
		.ends = t->bytes[13] & (FIN | RST),
		.bytes = t->bytes + header,
		.length = usable - header,
		.time = packet->time};
	enum nr_flow_segment_status status;
	int e = nr_flow_segments_add(
		reader->segments, &segment, &status, &dropped[NR_FLOW_FILE_SEGMENT], error);
	if (!e && status == NR_FLOW_SEGMENT_FOREIGN)
		dropped[NR_FLOW_FILE_NOT_EXPORT]++;
	return e;
}

/* ---- frames ---- */

static int take_frame(struct reader *reader, const struct nr_frame *frame, struct nr_error *error)
{
	struct nr_flow_file_report *report = &reader->reading->report;
	struct nr_cursor c = nr_cursor_over(frame->data, frame->captured);
	struct nr_packet packet = {.time = frame->time == NR_TIME_MIN ? 0 : frame->time};
	struct nr_transport transport;
	if (nr_link_strip(&c, frame->link) != NR_DROP_NONE) {
		report->dropped[NR_FLOW_FILE_FRAME]++;
		return 0;
	}
	const uint8_t *ip = c.at;
	if (nr_ip_parse(&c, &packet, &transport) != NR_DROP_NONE) {
		report->dropped[NR_FLOW_FILE_FRAME]++;
		return 0;
	}
	bool fragment = packet.marks & (NR_MARK_FRAGMENT_FIRST | NR_MARK_FRAGMENT_LATER);
	if (packet.protocol == NR_UDP && fragment)
		return take_fragment(reader, &packet, &transport, ip, error);
	if (packet.protocol == NR_UDP)
		return take_udp(reader, &packet, transport.bytes, nr_transport_usable(&transport), error);
	if (packet.protocol == NR_TCP && !fragment)
		return take_tcp(reader, &packet, &transport, error);
	report->dropped[NR_FLOW_FILE_NOT_EXPORT]++;
	return 0;
}

static int read_frames(struct reader *reader, struct nr_capture *capture, struct nr_error *error)
{
	struct nr_frame frames[FRAMES];
	struct nr_loss loss = {.first = NR_TIME_MAX, .last = NR_TIME_MIN};
	int e = 0;
	size_t count;
	while (!e && (count = nr_capture_read(capture, frames, FRAMES, &loss)))
		for (size_t i = 0; !e && i < count; i++)
			e = take_frame(reader, &frames[i], error);
	struct nr_flow_file_report *report = &reader->reading->report;
	report->dropped[NR_FLOW_FILE_RECORD] +=
		loss.dropped[NR_DROP_RECORD_CUT] + loss.dropped[NR_DROP_RECORD_DAMAGED];
	if (nr_capture_damage(capture))
		snprintf(report->damage, sizeof report->damage, "%s", nr_capture_damage(capture));
	return e;
}

int nr_flow_read_capture(struct nr_flow_reading *reading, struct nr_error *error)
{
	NR_AUTO(reader_fini) struct reader reader = {.reading = reading};
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
	struct nr_flow_input *input = &reading->input;
	struct nr_error reason = {0};
	int e = nr_stream_unread(input->stream, nr_flow_input_at(input), nr_flow_input_left(input), error);
	if (e)
		return e;
	if (nr_capture_open_stream(input->stream, input->name, &capture, &reason)) {
		snprintf(reading->report.damage, sizeof reading->report.damage, "%s", reason.text);
		return 0;
	}
	input->stream = NULL; /* the capture's */
	reader.fragments = nr_flow_fragments_new();
	if (!reader.fragments)
		return nr_fail(error, -ENOMEM, "out of memory");
	e = nr_flow_segments_new(reading->collector, &reader.segments, error);
	return e ? e : read_frames(&reader, capture, error);
}
