/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nfdump's layout 2. Counters are raw, as in every block; how an exporter sampled stands in its sampler
 * record. An exporter that sampled at several rates is several exporters to the file, one for each rate, so
 * that each record names the rate that was in use.
 */
#include "sense/flow/file/unpack.h"
#include "sense/flow/file/write_inside.h"
#include "wire/nfdump.h"

#include <errno.h>
#include <string.h>

#define BLOCK   ((size_t)1024 * 1024) /* as nfcapd's */
#define NUMBERS 65535                 /* of exporters: they are of 16 bits */

struct exporter {
	struct nr_flow_stream stream;
	float rate;
};

struct writer {
	FILE *stream;
	uint8_t *block, *packed; /* header and records */
	size_t used;             /* of the block, behind its header */
	uint32_t records, blocks;
	struct exporter *exporters; /* number n is at n - 1 */
	size_t exporter_count, exporter_room;
	size_t last; /* index of the one that was found last */
	struct nr_nfdump_totals totals;
};

static void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	free(writer->block);
	free(writer->packed);
	free(writer->exporters);
	free(writer);
}

static void writer_freep(struct writer **writer)
{
	writer_free(*writer);
}

static void end(void *writer)
{
	writer_free(writer);
}

static int begin(FILE *stream, void **ret_writer, struct nr_error *error)
{
	uint8_t header[NR_NFDUMP_HEADER] = {0};
	NR_AUTO(writer_freep) struct writer *writer = calloc(1, sizeof *writer);
	if (!writer || !(writer->block = malloc(NR_NFDUMP_BLOCK_HEADER + BLOCK)) ||
		!(writer->packed = malloc(NR_NFDUMP_BLOCK_HEADER + nr_flow_pack_bound(BLOCK))))
		return nr_fail(error, -ENOMEM, "out of memory");
	writer->stream = stream;
	if (fseeko(stream, 0, SEEK_SET))
		return nr_fail(
			error, -ESPIPE, "nfdump's format begins with what is known at the end: name a file");
	fwrite(header, 1, sizeof header, stream); /* its place */
	*ret_writer = nr_steal(&writer);
	return 0;
}

static int write_block(struct writer *writer, struct nr_error *error)
{
	if (!writer->records)
		return 0;
	size_t length = nr_flow_pack(writer->block + NR_NFDUMP_BLOCK_HEADER, writer->used,
		writer->packed + NR_NFDUMP_BLOCK_HEADER, nr_flow_pack_bound(BLOCK));
	if (!length)
		return nr_fail(error, -EIO, "a block cannot be packed");
	nr_nfdump_put_block(writer->packed, writer->records, (uint32_t)length);
	fwrite(writer->packed, 1, NR_NFDUMP_BLOCK_HEADER + length, writer->stream);
	writer->blocks++;
	writer->records = 0;
	writer->used = 0;
	return ferror(writer->stream) ? nr_fail(error, -EIO, "the nfdump file cannot be written: %s",
						strerror(errno ? errno : EIO))
				      : 0;
}

/* Where the next record goes. */
static uint8_t *next(struct writer *writer)
{
	return writer->block + NR_NFDUMP_BLOCK_HEADER + writer->used;
}

static void added(struct writer *writer, size_t length)
{
	writer->used += length;
	writer->records++;
}

/* ---- exporters ---- */

static uint32_t version_of(uint32_t export)
{
	enum { SFLOW = 9999 };
	switch (export) {
	case NR_FLOW_NETFLOW5:
	case NR_FLOW_IPFIX:
		return export;
	case NR_FLOW_SFLOW5:
		return SFLOW;
	default:
		return 9;
	}
}

static bool same(const struct exporter *e, const struct nr_flow_stream *stream, float rate)
{
	return e->rate == rate && !memcmp(&e->stream, stream, sizeof *stream);
}

static int add_exporter(
	struct writer *writer, const struct nr_flow_stream *stream, float rate, struct nr_error *error)
{
	if (writer->exporter_count == writer->exporter_room) {
		size_t room = writer->exporter_room ? 2 * writer->exporter_room : 64;
		struct exporter *more = realloc(writer->exporters, room * sizeof *more);
		if (!more)
			return nr_fail(error, -ENOMEM, "out of memory");
		writer->exporters = more;
		writer->exporter_room = room;
	}
	writer->exporters[writer->exporter_count++] = (struct exporter){*stream, rate};
	uint16_t number = (uint16_t)writer->exporter_count;
	struct nr_nfdump_exporter exporter = {
		version_of(stream->export), stream->exporter, number, stream->domain};
	added(writer, nr_nfdump_put_exporter(next(writer), &exporter));
	struct nr_nfdump_sampler sampler = {number, -1, rate}; /* -1: SAMPLER_GENERIC */
	if (rate >= 1)
		added(writer, nr_nfdump_put_sampler(next(writer), &sampler));
	return 0;
}

/* Its number; 0: there are too many, records name none. */
static int find_exporter(struct writer *writer, const struct nr_flow_stream *stream, float rate,
	uint16_t *ret_number, struct nr_error *error)
{
	if (writer->last < writer->exporter_count && same(&writer->exporters[writer->last], stream, rate)) {
		*ret_number = (uint16_t)(writer->last + 1);
		return 0;
	}
	for (size_t i = 0; i < writer->exporter_count; i++) {
		if (!same(&writer->exporters[i], stream, rate))
			continue;
		writer->last = i;
		*ret_number = (uint16_t)(i + 1);
		return 0;
	}
	*ret_number = 0;
	if (writer->exporter_count == NUMBERS)
		return 0;
	int e = add_exporter(writer, stream, rate, error);
	if (!e)
		*ret_number = (uint16_t)writer->exporter_count;
	return e;
}

/* ---- flows ---- */

static uint64_t ms_of(uint64_t us)
{
	return us >> 63 ? 0 : us / 1000;
}

static void set_flow(struct nr_nfdump_flow *flow, const struct nr_flow_block *b, uint32_t i)
{
#define VALUE(NAME) nr_flow_value(b, NR_FLOW_##NAME, i)
	*flow = (struct nr_nfdump_flow){.first_ms = ms_of(VALUE(FIRST)),
		.last_ms = ms_of(VALUE(LAST)),
		.received_ms = b->received_last > 0 ? (uint64_t)b->received_last / 1000 : 0,
		.packets = VALUE(PACKETS),
		.bytes = VALUE(BYTES),
		.out_packets = VALUE(REVERSE_PACKETS),
		.out_bytes = VALUE(REVERSE_BYTES),
		.source = nr_flow_address(b, NR_FLOW_SOURCE_LOW, i),
		.destination = nr_flow_address(b, NR_FLOW_DESTINATION_LOW, i),
		.next_hop = nr_flow_address(b, NR_FLOW_NEXT_HOP_LOW, i),
		.post_source = nr_flow_address(b, NR_FLOW_POST_SOURCE_LOW, i),
		.post_destination = nr_flow_address(b, NR_FLOW_POST_DESTINATION_LOW, i),
		.source_mac = VALUE(SOURCE_MAC),
		.destination_mac = VALUE(DESTINATION_MAC),
		.connection = VALUE(CONNECTION),
		.input = (uint32_t)VALUE(INPUT),
		.output = (uint32_t)VALUE(OUTPUT),
		.source_as = (uint32_t)VALUE(SOURCE_AS),
		.destination_as = (uint32_t)VALUE(DESTINATION_AS),
		.input_vrf = (uint32_t)VALUE(INPUT_VRF),
		.output_vrf = (uint32_t)VALUE(OUTPUT_VRF),
		.vlan = (uint32_t)VALUE(VLAN),
		.post_vlan = (uint32_t)VALUE(POST_VLAN),
		.mpls = (uint32_t)VALUE(MPLS),
		.application = (uint32_t)VALUE(APPLICATION),
		.source_port = (uint16_t)VALUE(SOURCE_PORT),
		.destination_port = (uint16_t)VALUE(DESTINATION_PORT),
		.post_destination_port = (uint16_t)VALUE(POST_DESTINATION_PORT),
		.block_end = (uint16_t)VALUE(PORT_BLOCK_END),
		.protocol = (uint8_t)VALUE(PROTOCOL),
		.tcp_flags = (uint8_t)VALUE(TCP_FLAGS),
		.reverse_tcp_flags = (uint8_t)VALUE(REVERSE_TCP_FLAGS),
		.forwarding = (uint8_t)VALUE(FORWARDING),
		.tos = (uint8_t)VALUE(TOS),
		.source_mask = (uint8_t)VALUE(SOURCE_MASK),
		.destination_mask = (uint8_t)VALUE(DESTINATION_MASK),
		.direction = VALUE(DIRECTION) == 2,
		.end_reason = (uint8_t)VALUE(END_REASON)};
	uint64_t event = VALUE(EVENT);
	uint16_t post_port = (uint16_t)VALUE(POST_SOURCE_PORT);
#undef VALUE
	if (flow->block_end)
		flow->block_begin = post_port;
	else
		flow->post_source_port = post_port;
	if (event > NR_FLOW_EVENT_FIREWALL)
		flow->firewall_event = (uint8_t)(event - NR_FLOW_EVENT_FIREWALL);
	else
		flow->nat_event = (uint8_t)event;
	flow->event_ms = event ? flow->first_ms : 0;
}

static int take(void *writer_, const struct nr_flow_block *block, const uint32_t *rows, uint32_t count,
	struct nr_error *error)
{
	struct writer *writer = writer_;
	struct nr_nfdump_flow flow;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t row = rows ? rows[i] : i;
		int e = writer->used + 3 * NR_NFDUMP_RECORD_MAX > BLOCK ? write_block(writer, error) : 0;
		if (e)
			return e;
		const struct nr_flow_stream *stream =
			&block->streams[nr_flow_value(block, NR_FLOW_STREAM, row)];
		set_flow(&flow, block, row);
		flow.router = stream->exporter;
		e = find_exporter(writer, stream, nr_flow_sampling(block, row), &flow.exporter, error);
		if (e)
			return e;
		added(writer, nr_nfdump_put_flow(
				      next(writer), &flow, (uint8_t)NR_MIN(version_of(stream->export), 10u)));
		nr_nfdump_count(&writer->totals, &flow);
	}
	return 0;
}

static int finish(void *writer_, struct nr_error *error)
{
	struct writer *writer = writer_;
	uint8_t header[NR_NFDUMP_HEADER];
	int e = write_block(writer, error);
	if (e)
		return e;
	uint32_t blocks = writer->blocks;
	off_t appendix = ftello(writer->stream);
	writer->used = nr_nfdump_put_appendix(next(writer), &writer->totals);
	writer->records = 2;
	e = write_block(writer, error);
	if (e)
		return e;
	nr_nfdump_put_header(
		header, NR_NFDUMP_LZ4, (uint64_t)(nr_time_now() / NR_SECOND), (uint64_t)appendix, blocks);
	if (appendix < 0 || fseeko(writer->stream, 0, SEEK_SET))
		return nr_fail(error, -errno, "the nfdump file cannot be written: %s", strerror(errno));
	fwrite(header, 1, sizeof header, writer->stream);
	return 0;
}

const struct nr_flow_writing nr_flow_writing_nfdump = {begin, take, finish, end};
