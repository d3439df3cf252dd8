/* SPDX-License-Identifier: Apache-2.0 */
/* sFlow: no cache; each sampled packet is sent as the beginning of its frame. */
#include "train/world/flows/exporter.h"

#include <string.h>

#define HEADER_ROOM 96 /* bytes of a frame that are sent */
#define FCS         4
#define ETHERNET    14
#define FRAME_MAX   1514

static uint8_t *put_ip(uint8_t *at, const struct nr_flow_record *record, uint16_t bytes)
{
	if (record->ipv6) {
		at = nr_put_u32(at, UINT32_C(6) << 28 | (uint32_t)record->tos << 20);
		at = nr_put_u16(at, (uint16_t)(bytes - 40));
		at = nr_put_u16(at, (uint16_t)(record->protocol << 8 | 60));
		at = nr_put_bytes(at, record->source.octets, 16);
		return nr_put_bytes(at, record->destination.octets, 16);
	}
	at = nr_put_u16(nr_put_u16(at, (uint16_t)(0x4500 | record->tos)), bytes);
	at = nr_put_u32(at, 0x00004000);
	at = nr_put_u32(at, UINT32_C(60) << 24 | (uint32_t)record->protocol << 16);
	at = nr_put_bytes(at, record->source.octets + 12, 4);
	return nr_put_bytes(at, record->destination.octets + 12, 4);
}

static uint8_t *put_transport(uint8_t *at, const struct nr_flow_record *record, uint16_t bytes)
{
	switch (record->protocol) {
	case 6:
		at = nr_put_u16(nr_put_u16(at, record->source_port), record->destination_port);
		at = nr_put_u32(nr_put_u32(at, 1), 1);
		return nr_put_u32(
			nr_put_u32(at, UINT32_C(0x5000ffff) | (uint32_t)record->tcp_flags << 16), 0);
	case 17:
		at = nr_put_u16(nr_put_u16(at, record->source_port), record->destination_port);
		return nr_put_u32(at, (uint32_t)(bytes - (record->ipv6 ? 40 : 20)) << 16);
	case 50: /* a security association for each pair of networks; a sequence that moves */
		at = nr_put_u32(
			at, (uint32_t)record->source_network << 16 | record->destination_network | 0x100);
		return nr_put_u32(at, (uint32_t)(record->first / 1000));
	default: /* ICMP: type and code stand where others have the destination's port */
		return nr_put_u32(nr_put_u16(nr_put_u16(at, record->destination_port), 0), 0);
	}
}

/* The record of one sampled packet; bytes of IP. */
bool nr_sample_put(struct nr_exporter *exporter, const struct nr_flow_record *record)
{
	static const uint8_t link[12] = {2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 2};
	uint8_t frame[HEADER_ROOM + 32];
	uint16_t bytes = (uint16_t)NR_MIN(record->bytes, FRAME_MAX - ETHERNET);
	uint32_t port = record->input;
	memset(frame, 0, sizeof frame);
	uint8_t *at = nr_put_bytes(frame, link, sizeof link);
	at = nr_put_u16(at, record->ipv6 ? 0x86dd : 0x0800);
	put_transport(put_ip(at, record, bytes), record, bytes);
	struct nr_sflow_packet packet = {.protocol = 1,
		.frame_length = (uint32_t)bytes + ETHERNET + FCS,
		.stripped = FCS,
		.bytes = frame,
		.length = NR_MIN((uint32_t)bytes + ETHERNET, HEADER_ROOM)};
	uint32_t within = (uint32_t)nr_random_below(&exporter->random, exporter->sampling);
	struct nr_sflow_sample sample = {.format = NR_SFLOW_FLOW,
		.sequence = exporter->sample_sequence[port] + 1,
		.source_index = port,
		.rate = exporter->sampling,
		.pool = exporter->sample_pool[port] + within,
		.input = {0, port},
		.output = {0, record->output}};
	if (!nr_sflow_put_packet(&exporter->samples, &sample, &packet))
		return false;
	exporter->sample_sequence[port]++;
	exporter->sample_pool[port] += exporter->sampling;
	return true;
}
