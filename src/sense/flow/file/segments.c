/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/file/segments.h"
#include "sense/flow/file/inside.h"

#include <errno.h>
#include <string.h>

#define CONNECTIONS 64
#define HELD        64 /* segments of one connection behind a hole */
#define PORT_IPFIX  4739

struct held {
	uint32_t sequence;
	uint32_t length;
	uint8_t *bytes;
};

struct connection {
	struct nr_address source, destination;
	uint16_t source_port, destination_port;
	uint32_t next; /* sequence number */
	bool used;
	nr_time time;
	struct nr_flow_stream_in *stream;
	struct held held[HELD];
	unsigned held_count;
};

struct nr_flow_segments {
	struct nr_flow_collector *collector;
	struct connection connections[CONNECTIONS];
};

int nr_flow_segments_new(
	struct nr_flow_collector *collector, struct nr_flow_segments **ret_segments, struct nr_error *error)
{
	struct nr_flow_segments *segments = calloc(1, sizeof *segments);
	if (!segments)
		return nr_fail(error, -ENOMEM, "out of memory");
	segments->collector = collector;
	*ret_segments = segments;
	return 0;
}

static void end(struct connection *c, uint64_t *dropped)
{
	*dropped += c->held_count;
	for (unsigned i = 0; i < c->held_count; i++)
		free(c->held[i].bytes);
	c->held_count = 0;
	if (c->stream)
		nr_flow_stream_close(c->stream);
	c->stream = NULL;
	c->used = false;
}

void nr_flow_segments_free(struct nr_flow_segments *segments, uint64_t *dropped)
{
	for (size_t i = 0; segments && i < CONNECTIONS; i++)
		if (segments->connections[i].used)
			end(&segments->connections[i], dropped);
	free(segments);
}

static struct connection *find(struct nr_flow_segments *segments, const struct nr_flow_segment *s)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &segments->connections[i];
		if (c->used && c->source_port == s->source_port &&
			c->destination_port == s->destination_port &&
			nr_address_equal(&c->source, &s->source) &&
			nr_address_equal(&c->destination, &s->destination))
			return c;
	}
	return NULL;
}

/* In a free place, or in that of the connection that was silent longest. */
static int begin(struct nr_flow_segments *segments, const struct nr_flow_segment *s, uint64_t *dropped,
	struct connection **ret_connection, struct nr_error *error)
{
	struct connection *c = &segments->connections[0];
	for (size_t i = 1; i < CONNECTIONS && c->used; i++) {
		struct connection *other = &segments->connections[i];
		if (!other->used || other->time < c->time)
			c = other;
	}
	if (c->used)
		end(c, dropped);
	int e = nr_flow_stream_open(segments->collector, &s->source, s->source_port, &c->stream, error);
	if (e)
		return e;
	c->source = s->source;
	c->destination = s->destination;
	c->source_port = s->source_port;
	c->destination_port = s->destination_port;
	c->next = s->begins ? s->sequence + 1 : s->sequence;
	c->used = true;
	*ret_connection = c;
	return 0;
}

/* Bytes from c->next on. -EBADMSG: no messages; the connection ends. */
static int feed(
	struct connection *c, const uint8_t *bytes, size_t length, nr_time time, struct nr_error *error)
{
	c->next += (uint32_t)length;
	return nr_flow_stream_feed(c->stream, bytes, length, time, error);
}

/* What can be read of a segment that begins at or before c->next. */
static int feed_from(struct connection *c, uint32_t sequence, const uint8_t *bytes, size_t length,
	nr_time time, struct nr_error *error)
{
	uint32_t known = c->next - sequence;
	return known < length ? feed(c, bytes + known, length - known, time, error) : 0;
}

static bool hold(struct connection *c, const struct nr_flow_segment *s)
{
	if (c->held_count == HELD)
		return false;
	uint8_t *bytes = malloc(s->length);
	if (!bytes)
		return false;
	memcpy(bytes, s->bytes, s->length);
	c->held[c->held_count++] = (struct held){s->sequence, (uint32_t)s->length, bytes};
	return true;
}

/* Held segments that now follow. */
static int feed_held(struct connection *c, nr_time time, struct nr_error *error)
{
	int e = 0;
	for (unsigned i = 0; !e && i < c->held_count;) {
		struct held held = c->held[i];
		if ((int32_t)(held.sequence - c->next) > 0) {
			i++;
			continue;
		}
		c->held[i] = c->held[--c->held_count];
		e = feed_from(c, held.sequence, held.bytes, held.length, time, error);
		free(held.bytes);
		i = 0;
	}
	return e;
}

static int take(
	struct connection *c, const struct nr_flow_segment *s, uint64_t *dropped, struct nr_error *error)
{
	struct nr_error reason = {0};
	c->time = s->time;
	uint32_t sequence = s->begins ? s->sequence + 1 : s->sequence; /* SYN takes a number */
	int e = 0;
	if (s->length && (int32_t)(sequence - c->next) > 0) {
		if (!hold(c, s)) { /* the hole stays: what comes after it has no known beginning */
			++*dropped;
			end(c, dropped);
			return 0;
		}
	} else if (s->length) {
		e = feed_from(c, sequence, s->bytes, s->length, s->time, &reason);
		if (!e)
			e = feed_held(c, s->time, &reason);
	}
	if (e == -EBADMSG) {
		++*dropped;
		end(c, dropped);
		return 0;
	}
	if (s->ends && !e && !c->held_count)
		end(c, dropped);
	if (e && error)
		*error = reason;
	return e;
}

int nr_flow_segments_add(struct nr_flow_segments *segments, const struct nr_flow_segment *segment,
	enum nr_flow_segment_status *ret_status, uint64_t *dropped, struct nr_error *error)
{
	struct connection *c = find(segments, segment);
	bool claimed = segment->destination_port == PORT_IPFIX;
	bool message = segment->length >= 16 && segment->bytes[0] == 0 && segment->bytes[1] == 10 &&
		       nr_flow_export_is(segment->bytes, segment->length, false);
	if (c && segment->begins && claimed) { /* the ports are used again */
		end(c, dropped);
		c = NULL;
	}
	*ret_status = NR_FLOW_SEGMENT_TAKEN;
	if (!c && !message && !(claimed && segment->begins)) {
		*ret_status = NR_FLOW_SEGMENT_FOREIGN;
		*dropped += claimed && segment->length > 0;
		return 0;
	}
	int e = c ? 0 : begin(segments, segment, dropped, &c, error);
	return e ? e : take(c, segment, dropped, error);
}
