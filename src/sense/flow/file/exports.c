/* SPDX-License-Identifier: Apache-2.0 */
/* Exports without a capture around them: IPFIX files (RFC 5655) and datagrams back to back; and what an
 * export looks like. */
#include "sense/flow/file/inside.h"
#include "wire/ip.h"
#include "wire/netflow.h"
#include "wire/sflow.h"

#include <errno.h>

#define PIECE    ((size_t)64 * 1024)
#define DATAGRAM ((size_t)65535)

/* ---- recognition ---- */

static bool set_can_be(uint16_t version, const uint8_t *set, size_t left)
{
	uint16_t id = nr_u16_at(set), length = nr_u16_at(set + 2);
	bool known = id >= 256 || (version == 9 ? id <= 1 : id == 2 || id == 3);
	return known && length >= 4 && length <= left;
}

static bool netflow5_is(const uint8_t *bytes, size_t length, bool whole)
{
	unsigned count = nr_u16_at(bytes + 2);
	return count >= 1 && count <= NR_NETFLOW5_RECORDS &&
	       (!whole || length >= 24 + (size_t)NR_NETFLOW5_RECORD * count);
}

static bool netflow9_is(const uint8_t *bytes, size_t length, bool whole)
{
	return length >= 24 && set_can_be(9, bytes + 20, whole ? length - 20 : UINT16_MAX);
}

static bool ipfix_is(const uint8_t *bytes, size_t length, bool whole)
{
	size_t said = nr_u16_at(bytes + 2);
	if (said < 16 || (whole && said > length))
		return false;
	return said == 16 || (length >= 20 && set_can_be(10, bytes + 16, said - 16));
}

static bool sflow_is(const uint8_t *bytes, size_t length)
{
	enum { SAMPLES_MAX = 1024 }; /* a datagram has no room for more */
	uint32_t family = nr_u32_at(bytes + 4);
	size_t header = family == 1 ? 28 : 40;
	return (family == 1 || family == 2) && length >= header &&
	       nr_u32_at(bytes + header - 4) <= SAMPLES_MAX;
}

bool nr_flow_export_is(const uint8_t *bytes, size_t length, bool whole)
{
	if (length < 16)
		return false;
	switch (nr_u16_at(bytes)) {
	case 0:
		return nr_u16_at(bytes + 2) == 5 && sflow_is(bytes, length);
	case 5:
		return length >= 24 && netflow5_is(bytes, length, whole);
	case 9:
		return netflow9_is(bytes, length, whole);
	case 10:
		return ipfix_is(bytes, length, whole);
	default:
		return false;
	}
}

/* IANA's and those that exporters' manuals name. */
bool nr_flow_export_is_claimed(const uint8_t *bytes, size_t length, uint16_t port)
{
	static const uint16_t ports[] = {2055, 2056, 4432, 4739, 6343, 9025, 9026, 9555, 9995, 9996};
	bool known = false;
	for (size_t i = 0; i < NR_COUNT(ports); i++)
		known = known || ports[i] == port;
	if (!known || length < 4)
		return false;
	uint16_t version = nr_u16_at(bytes);
	return version ? version <= 10 : nr_u16_at(bytes + 2) <= 5;
}

/* ---- files ---- */

/* Bytes of the sFlow datagram that begins here: its samples say where it ends. */
static size_t sflow_length(const uint8_t *bytes, size_t length)
{
	struct nr_sflow_header header;
	struct nr_sflow_sample sample;
	struct nr_cursor body;
	if (nr_sflow_open(bytes, length, &header, &body, NULL))
		return length;
	uint32_t left = header.samples;
	while (nr_sflow_next_sample(&body, &left, &sample))
		;
	size_t used = (size_t)(body.at - bytes);
	return body.failed || !nr_flow_export_is(bytes + used, length - used, false) ? length : used;
}

static int read_sflow(struct nr_flow_reading *reading, struct nr_error *error)
{
	struct nr_flow_input *input = &reading->input;
	nr_time now = nr_time_now();
	size_t left;
	int e = 0;
	while (!e && (left = nr_flow_input_gather(input, DATAGRAM))) {
		left = NR_MIN(left, DATAGRAM);
		struct nr_flow_datagram datagram = {.bytes = nr_flow_input_at(input), .received = now};
		datagram.length = sflow_length(datagram.bytes, left);
		reading->report.datagrams++;
		e = nr_flow_collector_take(reading->collector, &datagram, error);
		nr_flow_input_skip(input, datagram.length);
	}
	return e;
}

static int read_stream(
	struct nr_flow_reading *reading, struct nr_flow_stream_in *stream, struct nr_error *error)
{
	struct nr_flow_input *input = &reading->input;
	struct nr_error reason = {0};
	nr_time now = nr_time_now();
	size_t left;
	while ((left = nr_flow_input_gather(input, 1))) {
		left = NR_MIN(left, PIECE);
		int e = nr_flow_stream_feed(stream, nr_flow_input_at(input), left, now, &reason);
		if (e == -EBADMSG) {
			nr_flow_give_up_at(reading, reason.text);
			return 0;
		}
		if (e && error)
			*error = reason;
		if (e)
			return e;
		nr_flow_input_skip(input, left);
	}
	return 0;
}

int nr_flow_read_exports(struct nr_flow_reading *reading, struct nr_error *error)
{
	static const struct nr_address nobody;
	struct nr_flow_stream_in *stream = NULL;
	if (!nr_u16_at(nr_flow_input_at(&reading->input)))
		return read_sflow(reading, error);
	int e = nr_flow_stream_open(reading->collector, &nobody, 0, &stream, error);
	if (e)
		return e;
	e = read_stream(reading, stream, error);
	nr_flow_stream_close(stream);
	return e;
}
