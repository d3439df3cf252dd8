/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nfdump's files into blocks. Who exported and how it sampled stand in records of their own, before the flows
 * of that exporter. nfcapd multiplies counters by the sampling rate and marks the record; here counters are
 * raw, so they are divided again where the file says by what and nothing is left over.
 */
#include "wire/nfdump.h"
#include "sense/flow/file/fill.h"
#include "sense/flow/file/inside.h"
#include "sense/flow/file/unpack.h"

#include <errno.h>
#include <string.h>

#define NUMBERS 65536 /* of exporters and of maps: they are of 16 bits */

struct exporter {
	struct nr_flow_stream stream;
	float rate;       /* 0: not known */
	bool overwritten; /* by the configuration of who collected: it stands above what the exporter said */
	bool several;     /* samplers of different rates: which one a record went through, nobody knows */
};

struct reader {
	struct nr_flow_reading *reading;
	struct nr_flow_fill *fill;
	struct nr_nfdump_header header;
	struct nr_nfdump_map **maps; /* layout 1, by id */
	struct exporter **exporters; /* by number */
	uint8_t *unpacked;
	bool out_of_memory;
};

static void free_all(void **items)
{
	for (size_t i = 0; items && i < NUMBERS; i++)
		free(items[i]);
	free(items);
}

static void reader_fini(struct reader *reader)
{
	nr_flow_fill_free(reader->fill);
	free_all((void **)reader->maps);
	free_all((void **)reader->exporters);
	free(reader->unpacked);
}

static int reader_init(struct reader *reader, struct nr_error *error)
{
	reader->maps = calloc(NUMBERS, sizeof *reader->maps);
	reader->exporters = calloc(NUMBERS, sizeof *reader->exporters);
	if (!reader->maps || !reader->exporters)
		return nr_fail(error, -ENOMEM, "out of memory");
	return nr_flow_fill_new(reader->reading->sink, &reader->fill, error);
}

/* ---- exporters, samplers, maps ---- */

static struct exporter *exporter_at(struct reader *reader, uint16_t number)
{
	struct exporter **at = &reader->exporters[number];
	if (!*at && (*at = calloc(1, sizeof **at)))
		(*at)->stream.export = NR_FLOW_NFDUMP;
	reader->out_of_memory = reader->out_of_memory || !*at;
	return *at;
}

static bool take_exporter(struct reader *reader, const struct nr_nfdump_record *record)
{
	struct nr_nfdump_exporter said;
	if (!nr_nfdump_parse_exporter(record, &said))
		return false;
	struct exporter *exporter = exporter_at(reader, said.number);
	if (exporter)
		exporter->stream = (struct nr_flow_stream){said.address, said.domain, NR_FLOW_NFDUMP};
	return true;
}

static bool take_sampler(struct reader *reader, const struct nr_nfdump_record *record)
{
	struct nr_nfdump_sampler sampler;
	if (!nr_nfdump_parse_sampler(record, &sampler))
		return false;
	struct exporter *exporter = exporter_at(reader, sampler.exporter);
	if (!exporter || !(sampler.rate >= 1) || exporter->overwritten)
		return true;
	exporter->overwritten = sampler.id == NR_NFDUMP_SAMPLER_OVERWRITE;
	exporter->several = !exporter->overwritten &&
			    (exporter->several || (exporter->rate > 0 && exporter->rate != sampler.rate));
	exporter->rate = exporter->several ? 0 : sampler.rate;
	return true;
}

static bool take_map(struct reader *reader, const struct nr_nfdump_record *record)
{
	struct nr_nfdump_map map;
	if (!nr_nfdump_parse_map(record, &map))
		return false;
	struct nr_nfdump_map **at = &reader->maps[map.id];
	if (!*at)
		*at = malloc(sizeof **at);
	reader->out_of_memory = reader->out_of_memory || !*at;
	if (*at)
		**at = map;
	return true;
}

/* ---- flows ---- */

static nr_time time_of(uint64_t ms)
{
	return ms > INT64_MAX / 1000 ? 0 : (nr_time)ms * 1000;
}

/* Counters as exported, with the rate that was in use. */
static void set_counters(
	struct nr_flow_row *row, const struct nr_nfdump_flow *flow, const struct exporter *exporter)
{
	row->PACKETS = flow->packets;
	row->BYTES = flow->bytes;
	row->REVERSE_PACKETS = flow->out_packets;
	row->REVERSE_BYTES = flow->out_bytes;
	if (flow->out_packets || flow->out_bytes)
		row->MARKS |= NR_FLOW_MARK_BIFLOW;
	if (!exporter || exporter->rate < 1)
		return;
	uint64_t rate = (uint64_t)exporter->rate;
	if (flow->sampled && rate > 1) {
		if ((float)rate != exporter->rate || flow->packets % rate || flow->bytes % rate)
			return; /* multiplied by something else: nothing is known */
		row->PACKETS /= rate;
		row->BYTES /= rate;
	}
	row->SAMPLING = exporter->rate;
	row->SAMPLING_FROM = NR_FLOW_SAMPLING_FILE;
}

#define SET_ADDRESS(row, NAME, address)                                                                      \
	nr_flow_address_split(&(address), &(row)->NAME##_HIGH, &(row)->NAME##_LOW)

static void set_event(struct nr_flow_row *row, const struct nr_nfdump_flow *flow)
{
	if (flow->block_begin || flow->block_end) {
		row->POST_SOURCE_PORT = flow->block_begin;
		row->PORT_BLOCK_END = flow->block_end;
	}
	if (flow->nat_event)
		row->EVENT = flow->nat_event;
	else if (flow->firewall_event && flow->firewall_event < 256 - NR_FLOW_EVENT_FIREWALL)
		row->EVENT = (uint8_t)(NR_FLOW_EVENT_FIREWALL + flow->firewall_event);
	if (!row->EVENT)
		return;
	if (!row->PACKETS && !row->BYTES && !row->REVERSE_PACKETS && !row->REVERSE_BYTES)
		row->MARKS |= NR_FLOW_MARK_EVENT; /* what an event counted is traffic */
	row->FIRST = row->FIRST ? row->FIRST : time_of(flow->event_ms);
	row->LAST = row->LAST ? row->LAST : time_of(flow->event_ms);
}

static void set_rest(struct nr_flow_row *row, const struct nr_nfdump_flow *flow)
{
	row->INPUT = flow->input;
	row->OUTPUT = flow->output;
	row->SOURCE_AS = flow->source_as;
	row->DESTINATION_AS = flow->destination_as;
	row->TOS = flow->tos;
	row->SOURCE_MASK = flow->source_mask;
	row->DESTINATION_MASK = flow->destination_mask;
	row->DIRECTION = flow->direction == 1 ? 2 : 0; /* 0 stands for ingress and for "not exported" */
	row->END_REASON = flow->end_reason;
	row->FORWARDING = flow->forwarding;
	row->TTL = flow->ttl;
	row->VLAN = (uint16_t)flow->vlan;
	row->POST_VLAN = (uint16_t)flow->post_vlan;
	row->MPLS = flow->mpls;
	row->SOURCE_MAC = flow->source_mac;
	row->DESTINATION_MAC = flow->destination_mac;
	row->APPLICATION = flow->application;
	row->CONNECTION = flow->connection;
	row->POST_SOURCE_PORT = flow->post_source_port;
	row->POST_DESTINATION_PORT = flow->post_destination_port;
	row->INPUT_VRF = flow->input_vrf;
	row->OUTPUT_VRF = flow->output_vrf;
	row->REVERSE_TCP_FLAGS = flow->reverse_tcp_flags;
}

static int add_flow(struct reader *reader, const struct nr_nfdump_flow *flow, struct nr_error *error)
{
	static const struct nr_address nowhere;
	const struct exporter *exporter = reader->exporters[flow->exporter];
	struct nr_flow_stream stream = {.export = NR_FLOW_NFDUMP};
	if (exporter)
		stream = exporter->stream;
	else
		stream.domain = (uint32_t)flow->engine_type << 8 | flow->engine_id;
	if (nr_address_equal(&stream.exporter, &nowhere))
		stream.exporter = flow->router;
	struct nr_flow_row *row = nr_flow_fill_row(reader->fill);
	row->FIRST = time_of(flow->first_ms);
	row->LAST = time_of(flow->last_ms);
	SET_ADDRESS(row, SOURCE, flow->source);
	SET_ADDRESS(row, DESTINATION, flow->destination);
	SET_ADDRESS(row, NEXT_HOP, flow->next_hop);
	SET_ADDRESS(row, POST_SOURCE, flow->post_source);
	SET_ADDRESS(row, POST_DESTINATION, flow->post_destination);
	row->SOURCE_PORT = flow->source_port;
	row->DESTINATION_PORT = flow->destination_port;
	row->PROTOCOL = flow->protocol;
	row->TCP_FLAGS = flow->tcp_flags;
	set_counters(row, flow, exporter);
	set_rest(row, flow);
	set_event(row, flow);
	return nr_flow_fill_add(reader->fill, &stream, error);
}

/* ---- records and blocks ---- */

/* False: the record cannot be read. *ret_flow: it was a flow. */
static bool read_record(struct reader *reader, const struct nr_nfdump_record *record,
	struct nr_nfdump_flow *flow, bool *ret_flow)
{
	struct nr_flow_file_report *report = &reader->reading->report;
	uint16_t map;
	*ret_flow = false;
	switch (record->type) {
	case NR_NFDUMP_FLOW_V3:
		return *ret_flow = nr_nfdump_parse_flow(record, flow);
	case NR_NFDUMP_FLOW_OLD:
	case NR_NFDUMP_FLOW_MAPPED:
		return *ret_flow = nr_nfdump_flow_map(record, &map) && reader->maps[map] &&
				   nr_nfdump_parse_mapped(record, reader->maps[map], flow);
	case NR_NFDUMP_MAP:
		report->other_records++;
		return take_map(reader, record);
	case NR_NFDUMP_EXPORTER:
		report->other_records++;
		return take_exporter(reader, record);
	case NR_NFDUMP_SAMPLER:
	case NR_NFDUMP_SAMPLER_OLD:
		report->other_records++;
		return take_sampler(reader, record);
	case NR_NFDUMP_IDENT:
	case NR_NFDUMP_TOTALS:
	case NR_NFDUMP_STATISTICS:
	case 12: /* names of applications, interfaces and VRFs: no flow needs them */
	case 13:
	case 14:
		report->other_records++;
		return true;
	default:
		report->dropped[NR_FLOW_FILE_RECORD_UNKNOWN]++;
		return true;
	}
}

static int read_records(
	struct reader *reader, struct nr_cursor records, uint64_t offset, struct nr_error *error)
{
	struct nr_nfdump_record record;
	struct nr_nfdump_flow flow;
	while (nr_nfdump_next_record(&records, &record)) {
		bool is_flow;
		if (!read_record(reader, &record, &flow, &is_flow)) {
			reader->reading->report.dropped[NR_FLOW_FILE_RECORD]++;
			nr_flow_damage(reader->reading, offset,
				"a record of type %u in this block cannot be read", record.type);
		}
		if (reader->out_of_memory)
			return nr_fail(error, -ENOMEM, "out of memory");
		int e = is_flow ? add_flow(reader, &flow, error) : 0;
		if (e)
			return e;
	}
	if (records.failed) {
		reader->reading->report.dropped[NR_FLOW_FILE_RECORD]++;
		nr_flow_damage(reader->reading, offset,
			"a record in this block has an impossible size; the rest of the "
			"block was not read");
	}
	return 0;
}

static int read_block(struct reader *reader, const struct nr_nfdump_block *block, struct nr_error *error)
{
	struct nr_flow_reading *reading = reader->reading;
	const uint8_t *bytes = nr_flow_input_at(&reading->input) + NR_NFDUMP_BLOCK_HEADER;
	size_t length = block->size;
	if (block->array) {
		reading->report.other_records += block->records;
		return 0;
	}
	if (!block->packed)
		return read_records(reader, nr_cursor_over(bytes, length), reading->input.offset, error);
	if (!reader->unpacked && !(reader->unpacked = malloc(NR_NFDUMP_BLOCK_MAX)))
		return nr_fail(error, -ENOMEM, "out of memory");
	if (!nr_flow_unpack(reader->header.compression, bytes, length, reader->unpacked, NR_NFDUMP_BLOCK_MAX,
		    &length)) {
		reading->report.dropped[NR_FLOW_FILE_BLOCK]++;
		nr_flow_damage(reading, reading->input.offset,
			"this block cannot be unpacked; it was passed over, with %u records", block->records);
		return 0;
	}
	return read_records(reader, nr_cursor_over(reader->unpacked, length), reading->input.offset, error);
}

static int read_blocks(struct reader *reader, struct nr_error *error)
{
	struct nr_flow_reading *reading = reader->reading;
	struct nr_flow_input *input = &reading->input;
	uint64_t blocks = 0;
	size_t left;
	for (; (left = nr_flow_input_gather(input, NR_NFDUMP_BLOCK_HEADER)); blocks++) {
		struct nr_nfdump_block block;
		struct nr_error reason = {0};
		if (left < NR_NFDUMP_BLOCK_HEADER) {
			nr_flow_give_up(reading, "the file ends inside a block; was it copied completely?");
			break;
		}
		if (nr_nfdump_parse_block(&reader->header, nr_flow_input_at(input), &block, &reason)) {
			nr_flow_give_up(reading, reason.text);
			break;
		}
		size_t whole = NR_NFDUMP_BLOCK_HEADER + (size_t)block.size;
		left = nr_flow_input_gather(input, whole);
		if (!left)
			return nr_fail(error, -ENOMEM, "out of memory");
		if (left < whole) {
			nr_flow_give_up(reading, "the file ends inside a block; was it copied completely?");
			break;
		}
		int e = read_block(reader, &block, error);
		if (e)
			return e;
		nr_flow_input_skip(input, whole);
	}
	if (blocks < (uint64_t)reader->header.blocks)
		nr_flow_damage(reading, input->offset,
			"%llu of %u blocks are there; was it copied completely?", (unsigned long long)blocks,
			reader->header.blocks);
	return nr_flow_fill_flush(reader->fill, error);
}

int nr_flow_read_nfdump(struct nr_flow_reading *reading, struct nr_error *error)
{
	NR_AUTO(reader_fini) struct reader reader = {.reading = reading};
	struct nr_flow_input *input = &reading->input;
	struct nr_error reason = {0};
	size_t left = nr_flow_input_gather(input, NR_NFDUMP_HEADER_MAX);
	if (nr_nfdump_parse_header(nr_flow_input_at(input), left, &reader.header, &reason)) {
		nr_flow_give_up(reading, reason.text);
		return 0;
	}
	nr_flow_input_skip(input, reader.header.length);
	int e = reader_init(&reader, error);
	if (!e)
		e = read_blocks(&reader, error);
	if (reader.fill)
		reading->report.records = nr_flow_fill_count(reader.fill);
	return e;
}
