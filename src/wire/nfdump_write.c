/* SPDX-License-Identifier: Apache-2.0 */
/* Layout 2, as nfdump 1.7.1 reads it. Extensions stand in the order of their numbers. */
#include "wire/nfdump.h"
#include "wire/nfdump_inside.h"

/* What is written, with how many extensions. */
struct record {
	uint8_t *begin, *at;
	uint16_t elements;
};

static uint8_t *put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof value);
	return at + sizeof value;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
	return at + sizeof value;
}

static uint8_t *put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof value);
	return at + sizeof value;
}

static uint8_t *put6(uint8_t *at, const struct nr_address *address)
{
	uint64_t words[2];
	memcpy(words, address->octets, sizeof words);
	return put64(put64(at, __builtin_bswap64(words[0])), __builtin_bswap64(words[1]));
}

static bool there(const struct nr_address *address)
{
	static const struct nr_address nowhere;
	return !nr_address_equal(address, &nowhere);
}

/* IPv4 is what has no IPv6 in it. */
static bool both_ipv4(const struct nr_address *a, const struct nr_address *b)
{
	return (nr_address_is_ipv4(a) || !there(a)) && (nr_address_is_ipv4(b) || !there(b));
}

/* The header of an extension of `bytes` bytes; they follow. */
static void begin(struct record *record, uint16_t type, uint16_t bytes)
{
	record->at = put16(put16(record->at, type), (uint16_t)(bytes + 4));
	record->elements++;
}

static void put_u32_pair(struct record *record, uint16_t type, uint32_t first, uint32_t second)
{
	if (!first && !second)
		return;
	begin(record, type, 8);
	record->at = put32(put32(record->at, first), second);
}

static void put_addresses(struct record *record, uint16_t ipv4, uint16_t ipv6, const struct nr_address *a,
	const struct nr_address *b)
{
	if (both_ipv4(a, b)) {
		begin(record, ipv4, 8);
		record->at = put32(put32(record->at, nr_address_ipv4(a)), nr_address_ipv4(b));
	} else {
		begin(record, ipv6, 32);
		record->at = put6(put6(record->at, a), b);
	}
}

static void put_address(struct record *record, uint16_t ipv4, uint16_t ipv6, const struct nr_address *address)
{
	if (!there(address))
		return;
	if (nr_address_is_ipv4(address)) {
		begin(record, ipv4, 4);
		record->at = put32(record->at, nr_address_ipv4(address));
	} else {
		begin(record, ipv6, 16);
		record->at = put6(record->at, address);
	}
}

static void put_generic(struct record *record, const struct nr_nfdump_flow *flow)
{
	begin(record, NR_NFDUMP_X_GENERIC, 48);
	uint8_t *at = put64(put64(record->at, flow->first_ms), flow->last_ms);
	at = put64(put64(put64(at, flow->received_ms), flow->packets), flow->bytes);
	at = put16(put16(at, flow->source_port), flow->destination_port);
	*at++ = flow->protocol;
	*at++ = flow->tcp_flags;
	*at++ = flow->forwarding;
	*at++ = flow->tos;
	record->at = at;
}

static void put_misc(struct record *record, const struct nr_nfdump_flow *flow)
{
	if (!(flow->input || flow->output || flow->source_mask || flow->destination_mask || flow->direction ||
		    flow->end_reason || flow->reverse_tcp_flags))
		return;
	begin(record, NR_NFDUMP_X_MISC, 16);
	uint8_t *at = put32(put32(record->at, flow->input), flow->output);
	*at++ = flow->source_mask;
	*at++ = flow->destination_mask;
	*at++ = flow->direction;
	at = put16(at, 0);
	*at++ = flow->end_reason;
	*at++ = flow->reverse_tcp_flags;
	*at++ = 0;
	record->at = at;
}

static void put_counters(struct record *record, const struct nr_nfdump_flow *flow)
{
	if (!flow->out_packets && !flow->out_bytes)
		return;
	begin(record, NR_NFDUMP_X_COUNTERS, 24);
	record->at = put64(put64(put64(record->at, 1), flow->out_packets), flow->out_bytes);
}

static void put_layer2(struct record *record, const struct nr_nfdump_flow *flow)
{
	if (flow->mpls) {
		begin(record, NR_NFDUMP_X_MPLS, 40);
		memset(record->at, 0, 40);
		put32(record->at, flow->mpls << 4);
		record->at += 40;
	}
	if (flow->source_mac || flow->destination_mac) {
		begin(record, NR_NFDUMP_X_MAC, 32);
		uint8_t *at = put64(put64(record->at, flow->source_mac), 0);
		record->at = put64(put64(at, flow->destination_mac), 0);
	}
}

static void put_events(struct record *record, const struct nr_nfdump_flow *flow)
{
	if (flow->firewall_event) {
		begin(record, NR_NFDUMP_X_NSEL, 16);
		uint8_t *at = put32(put64(record->at, flow->event_ms), (uint32_t)flow->connection);
		at = put16(at, 0);
		*at++ = flow->firewall_event;
		*at++ = 0;
		record->at = at;
	}
	if (there(&flow->post_source) || there(&flow->post_destination))
		put_addresses(record, NR_NFDUMP_X_POST_IPV4, NR_NFDUMP_X_POST_IPV6, &flow->post_source,
			&flow->post_destination);
	if (flow->post_source_port || flow->post_destination_port) {
		begin(record, NR_NFDUMP_X_POST_PORTS, 4);
		record->at = put16(put16(record->at, flow->post_source_port), flow->post_destination_port);
	}
	if (flow->nat_event) {
		begin(record, NR_NFDUMP_X_NEL, 16);
		uint8_t *at = put32(put64(record->at, flow->event_ms), 0);
		*at++ = flow->nat_event;
		*at++ = 0;
		record->at = put16(at, 0);
	}
	if (flow->block_begin || flow->block_end) {
		begin(record, NR_NFDUMP_X_PORT_BLOCK, 8);
		uint8_t *at = put16(put16(record->at, flow->block_begin), flow->block_end);
		record->at = put16(put16(at, 0), 0);
	}
}

static void put_application(struct record *record, uint32_t application)
{
	if (!application)
		return;
	begin(record, NR_NFDUMP_X_APPLICATION, 4);
	record->at = put32(record->at, __builtin_bswap32(application));
}

/* Type and size go in front; answers the size. */
static size_t end(uint8_t *begin, const uint8_t *at, uint16_t type)
{
	size_t size = (size_t)(at - begin);
	put16(put16(begin, type), (uint16_t)size);
	return size;
}

size_t nr_nfdump_put_flow(uint8_t *at, const struct nr_nfdump_flow *flow, uint8_t version)
{
	struct record record = {.begin = at, .at = at + 12};
	put_generic(&record, flow);
	if (there(&flow->source) || there(&flow->destination))
		put_addresses(&record, NR_NFDUMP_X_IPV4, NR_NFDUMP_X_IPV6, &flow->source, &flow->destination);
	put_misc(&record, flow);
	put_counters(&record, flow);
	put_u32_pair(&record, NR_NFDUMP_X_VLAN, flow->vlan, flow->post_vlan);
	put_u32_pair(&record, NR_NFDUMP_X_AS, flow->source_as, flow->destination_as);
	put_address(&record, NR_NFDUMP_X_NEXT_HOP_IPV4, NR_NFDUMP_X_NEXT_HOP_IPV6, &flow->next_hop);
	put_address(&record, NR_NFDUMP_X_RECEIVED_IPV4, NR_NFDUMP_X_RECEIVED_IPV6, &flow->router);
	put_layer2(&record, flow);
	put_events(&record, flow);
	put_application(&record, flow->application);
	put_u32_pair(&record, NR_NFDUMP_X_VRF, flow->output_vrf, flow->input_vrf);
	uint8_t *head = put16(at + 4, record.elements);
	*head++ = flow->engine_type;
	*head++ = flow->engine_id;
	head = put16(head, flow->exporter);
	*head++ = flow->nat_event || flow->firewall_event; /* V3_FLAG_EVENT */
	*head = version;
	return end(at, record.at, NR_NFDUMP_FLOW_V3);
}

size_t nr_nfdump_put_exporter(uint8_t *at, const struct nr_nfdump_exporter *exporter)
{
	enum { FAMILY_IPV4 = 2, FAMILY_IPV6 = 10 }; /* of Linux, as nfdump has it there */
	bool ipv4 = nr_address_is_ipv4(&exporter->address) || !there(&exporter->address);
	uint8_t *p = put32(at + 4, exporter->version);
	p = ipv4 ? put64(put64(p, 0), nr_address_ipv4(&exporter->address)) : put6(p, &exporter->address);
	p = put16(put16(p, ipv4 ? FAMILY_IPV4 : FAMILY_IPV6), exporter->number);
	return end(at, put32(p, exporter->domain), NR_NFDUMP_EXPORTER);
}

size_t nr_nfdump_put_sampler(uint8_t *at, const struct nr_nfdump_sampler *sampler)
{
	enum { SYSTEMATIC = 1 };
	uint8_t *p = put16(put16(at + 4, sampler->exporter), SYSTEMATIC);
	p = put64(p, (uint64_t)sampler->id);
	uint32_t taken = 1, passed = 0;
	if (sampler->rate == (float)(uint32_t)sampler->rate) {
		passed = (uint32_t)sampler->rate - 1;
	} else { /* a rate that was measured: to a thousandth */
		taken = 1000;
		passed = (uint32_t)((double)sampler->rate * 1000 + 0.5) - 1000;
	}
	return end(at, put32(put32(p, taken), passed), NR_NFDUMP_SAMPLER);
}

void nr_nfdump_count(struct nr_nfdump_totals *totals, const struct nr_nfdump_flow *flow)
{
	unsigned kind = flow->protocol == 6                           ? 1
			: flow->protocol == 17                        ? 2
			: flow->protocol == 1 || flow->protocol == 58 ? 3
								      : 4;
	for (unsigned i = 0; i <= kind; i += kind) {
		totals->flows[i]++;
		totals->bytes[i] += flow->bytes;
		totals->packets[i] += flow->packets;
	}
	if (flow->first_ms && (!totals->first_ms || flow->first_ms < totals->first_ms))
		totals->first_ms = flow->first_ms;
	if (flow->last_ms > totals->last_ms)
		totals->last_ms = flow->last_ms;
}

size_t nr_nfdump_put_appendix(uint8_t *at, const struct nr_nfdump_totals *totals)
{
	static const char ident[] = "none";
	memcpy(at + 4, ident, sizeof ident);
	size_t size = end(at, at + 4 + sizeof ident, NR_NFDUMP_IDENT);
	uint8_t *begin = at + size;
	uint8_t *p = put64(put64(put64(begin + 4, totals->flows[0]), totals->bytes[0]), totals->packets[0]);
	for (unsigned i = 1; i < 5; i++)
		p = put64(p, totals->flows[i]);
	for (unsigned i = 1; i < 5; i++)
		p = put64(p, totals->bytes[i]);
	for (unsigned i = 1; i < 5; i++)
		p = put64(p, totals->packets[i]);
	p = put64(put64(put64(p, totals->first_ms), totals->last_ms), 0);
	return size + end(begin, p, NR_NFDUMP_TOTALS);
}

void nr_nfdump_put_block(uint8_t at[static NR_NFDUMP_BLOCK_HEADER], uint32_t records, uint32_t size)
{
	enum { TYPE_RECORDS = 3 };
	put16(put16(put32(put32(at, records), size), TYPE_RECORDS), 0);
}

void nr_nfdump_put_header(uint8_t at[static NR_NFDUMP_HEADER], enum nr_nfdump_compression compression,
	uint64_t created_seconds, uint64_t appendix_at, uint32_t blocks)
{
	enum { BLOCK_SIZE = 1024 * 1024, WRITTEN_AS = 0x01070100 };
	uint8_t *p = put32(put16(put16(at, 0xa50c), 2), WRITTEN_AS);
	p = put64(p, created_seconds);
	*p++ = (uint8_t)compression;
	*p++ = 0; /* not encrypted */
	p = put32(put16(p, 1), 0);
	p = put64(p, appendix_at);
	put32(put32(p, BLOCK_SIZE), blocks);
}
