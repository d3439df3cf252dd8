/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages out of a byte stream. NetFlow v5 and IPFIX say how long they are. NetFlow v9 does not: a message
 * ends where another header stands instead of a set (set ids 2 to 255 do not exist), or with the stream.
 */
#include "sense/flow/collect/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX     65535
#define NETFLOW5_HEADER 24
#define NETFLOW9_HEADER 20

struct nr_flow_stream_in {
	struct nr_flow_collector *collector;
	struct nr_flow_domain from;
	uint64_t offset; /* of the message that begins now */
	size_t held;
	uint8_t buffer[MESSAGE_MAX];
};

int nr_flow_stream_open(struct nr_flow_collector *collector, const struct nr_address *exporter, uint16_t port,
	struct nr_flow_stream_in **ret_stream, struct nr_error *error)
{
	struct nr_flow_stream_in *stream = NULL;
	if (!nr_flow_memory_take(&collector->memory, sizeof *stream))
		return nr_fail(error, -ENOSPC,
			"no memory for another stream within --exporters-memory; raise it, or close streams");
	stream = malloc(sizeof *stream);
	if (!stream) {
		nr_flow_memory_give(&collector->memory, sizeof *stream);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	stream->collector = collector;
	stream->from = (struct nr_flow_domain){
		.exporter = *exporter, .exporter_port = port, .stream = ++collector->streams};
	stream->offset = stream->held = 0;
	*ret_stream = stream;
	return 0;
}

static size_t u16_at(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

/* Octets of a v9 message; 0: its end is not there yet. */
static size_t netflow9_length(const uint8_t *bytes, size_t length, bool last)
{
	size_t at = NETFLOW9_HEADER;
	while (at + 4 <= length) {
		size_t id = u16_at(bytes + at), set = u16_at(bytes + at + 2);
		if (id == 9 || id == 5 || id == 10)
			return at;
		at += set < 4 ? 4 : set; /* zeros that fill up; other lengths are the decoder's to refuse */
	}
	return !last ? 0 : length;
}

/* Octets of the message that begins there; 0: more must come. -EBADMSG: it is none. */
static int message_length(const uint8_t *bytes, size_t length, bool last, size_t *ret_length)
{
	*ret_length = 0;
	if (length < 4)
		return 0;
	size_t version = u16_at(bytes), whole;
	switch (version) {
	case 5:
		whole = NETFLOW5_HEADER + u16_at(bytes + 2) * NR_NETFLOW5_RECORD;
		if (u16_at(bytes + 2) == 0 || u16_at(bytes + 2) > NR_NETFLOW5_RECORDS)
			return -EBADMSG;
		break;
	case 9:
		whole = length < NETFLOW9_HEADER ? 0 : netflow9_length(bytes, length, last);
		if (!whole && length >= MESSAGE_MAX)
			return -EBADMSG;
		break;
	case 10:
		whole = u16_at(bytes + 2);
		if (whole < 16)
			return -EBADMSG;
		break;
	default:
		return -EBADMSG;
	}
	*ret_length = whole <= length ? whole : 0;
	return 0;
}

/* Whole messages at the beginning of these octets; ret_used: how many of them were read. */
static int take_messages(struct nr_flow_stream_in *stream, const uint8_t *bytes, size_t length, bool last,
	nr_time received, size_t *ret_used, struct nr_error *error)
{
	size_t at = 0, whole;
	int e = 0;
	while (!e && at < length) {
		e = message_length(bytes + at, NR_MIN(length - at, (size_t)MESSAGE_MAX), last, &whole);
		if (e) {
			nr_flow_drop(stream->collector, NULL, NR_FLOW_CAUSE_MALFORMED, 1);
			return nr_fail(error, e,
				"offset %llu: neither NetFlow v5, v9 nor IPFIX begins here; the stream "
				"cannot "
				"be read on",
				(unsigned long long)stream->offset);
		}
		if (!whole)
			break;
		e = nr_flow_message_take(
			stream->collector, &stream->from, bytes + at, whole, received, error);
		at += whole;
		stream->offset += whole;
	}
	*ret_used = at;
	return e;
}

/* What is held comes first: it grows until it holds whole messages. */
static int take_held(struct nr_flow_stream_in *stream, const uint8_t **bytes, size_t *length,
	nr_time received, struct nr_error *error)
{
	while (stream->held && *length) {
		size_t more = NR_MIN(*length, sizeof stream->buffer - stream->held), used = 0;
		memcpy(stream->buffer + stream->held, *bytes, more);
		stream->held += more;
		*bytes += more;
		*length -= more;
		int e = take_messages(stream, stream->buffer, stream->held, false, received, &used, error);
		if (e)
			return e;
		memmove(stream->buffer, stream->buffer + used, stream->held - used);
		stream->held -= used;
	}
	return 0;
}

int nr_flow_stream_feed(struct nr_flow_stream_in *stream, const uint8_t *bytes, size_t length,
	nr_time received, struct nr_error *error)
{
	size_t used = 0;
	stream->collector->clock = NR_MAX(stream->collector->clock, received);
	int e = take_held(stream, &bytes, &length, received, error);
	if (!e && length)
		e = take_messages(stream, bytes, length, false, received, &used, error);
	if (e)
		return e;
	/* Less than one message is left, but of v9, whose end may stand far: then it is more than it may. */
	if (length - used > sizeof stream->buffer)
		return nr_fail(error, -EBADMSG, "offset %llu: a message of more than 65535 octets",
			(unsigned long long)stream->offset);
	if (length > used) {
		memcpy(stream->buffer, bytes + used, length - used);
		stream->held = length - used;
	}
	return 0;
}

static void end_domains(struct nr_flow_collector *collector, uint32_t stream)
{
	for (uint32_t i = 0; i < collector->exporters.room; i++)
		for (struct nr_flow_exporter *one = collector->exporters.chains[i]; one; one = one->next)
			if (one->key.stream == stream) {
				nr_flow_exporter_end(collector, one);
				one->closed = true;
			}
}

void nr_flow_stream_close(struct nr_flow_stream_in *stream)
{
	size_t used = 0;
	if (!stream)
		return;
	struct nr_flow_collector *collector = stream->collector;
	if (!collector->failure.code) {
		int e = take_messages(stream, stream->buffer, stream->held, true, collector->clock, &used,
			&collector->failure);
		if (e == -EBADMSG || !e)
			collector->failure =
				(struct nr_error){.code = 0}; /* counted; others are the sink's */
	}
	if (used < stream->held)
		nr_flow_drop(collector, NULL, NR_FLOW_CAUSE_TRUNCATED, 1);
	end_domains(collector, stream->from.stream);
	nr_flow_memory_give(&collector->memory, sizeof *stream);
	free(stream);
}
