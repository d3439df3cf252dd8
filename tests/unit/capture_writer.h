/* SPDX-License-Identifier: Apache-2.0 */
/* Captures that a test writes itself: pcap for times of 1970 to 2106, pcapng for any time and for none. */
#ifndef NR_TEST_CAPTURE_WRITER_H
#define NR_TEST_CAPTURE_WRITER_H

#include "wire/packet.h"

#include <string.h>

struct writer {
	uint8_t *bytes; /* owned */
	size_t length, room;
};

static inline void writer_put(struct writer *w, const void *bytes, size_t length)
{
	if (w->room - w->length < length) {
		w->room = 2 * w->room + length + 4096;
		w->bytes = realloc(w->bytes, w->room);
	}
	memcpy(w->bytes + w->length, bytes, length);
	w->length += length;
}

static inline void writer_fini(struct writer *w)
{
	free(w->bytes);
	*w = (struct writer){0};
}

static inline void put_big(uint8_t *at, uint64_t value, size_t octets)
{
	for (size_t i = 0; i < octets; i++)
		at[i] = (uint8_t)(value >> 8 * (octets - 1 - i));
}

#define FRAME_BYTES 76 /* of every frame: the longest here, padded to four */

/* Ethernet, IPv4 or IPv6, and TCP, UDP or ICMP as the packet says. */
static inline void frame_of(const struct nr_packet *p, uint8_t frame[static FRAME_BYTES])
{
	const bool v6 = p->kind == NR_PACKET_IPV6;
	const uint32_t header = v6 ? 40 : 20, length = p->protocol == NR_TCP ? 20 : 8;
	uint8_t *ip = frame + 14, *transport = ip + header;
	memset(frame, 0, FRAME_BYTES);
	put_big(frame + 12, v6 ? 0x86dd : 0x0800, 2);
	put_big(ip, v6 ? 0x60000000 : 0x45000000 | (20 + length), 4);
	put_big(ip + 4, v6 ? length : p->id, 2);
	ip[v6 ? 6 : 9] = p->protocol;
	ip[v6 ? 7 : 8] = p->ttl;
	if (!v6 && p->marks & NR_MARK_DONT_FRAGMENT)
		ip[6] = 0x40;
	memcpy(ip + (v6 ? 8 : 12), p->source.octets + (v6 ? 0 : 12), v6 ? 16 : 4);
	memcpy(ip + (v6 ? 24 : 16), p->destination.octets + (v6 ? 0 : 12), v6 ? 16 : 4);
	if (p->protocol == NR_ICMP) {
		transport[0] = (uint8_t)p->source_port;
		transport[1] = (uint8_t)p->destination_port;
	} else {
		put_big(transport, p->source_port, 2);
		put_big(transport + 2, p->destination_port, 2);
	}
	if (p->protocol == NR_UDP)
		put_big(transport + 4, 8, 2);
	if (p->protocol == NR_TCP) {
		put_big(transport + 4, p->sequence, 4);
		transport[12] = 0x50;
		transport[13] = p->flags;
		put_big(transport + 14, p->window, 2);
	}
}

static inline void pcap_begin(struct writer *w)
{
	static const uint32_t header[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 1};
	*w = (struct writer){0};
	writer_put(w, header, sizeof header);
}

static inline void pcap_add(struct writer *w, const struct nr_packet *p)
{
	uint8_t frame[FRAME_BYTES];
	const uint32_t record[4] = {
		(uint32_t)(p->time / NR_SECOND), (uint32_t)(p->time % NR_SECOND), FRAME_BYTES, FRAME_BYTES};
	frame_of(p, frame);
	writer_put(w, record, sizeof record);
	writer_put(w, frame, sizeof frame);
}

/* One section, one Ethernet interface of microseconds whose times count from `offset` seconds. */
static inline void pcapng_begin(struct writer *w, int64_t offset)
{
	static const uint32_t section[7] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28};
	uint32_t interface[9] = {1, 36, 1, 65535, 8 << 16 | 14, 0, 0, 0, 36};
	memcpy(&interface[5], &offset, sizeof offset);
	*w = (struct writer){0};
	writer_put(w, section, sizeof section);
	writer_put(w, interface, sizeof interface);
}

/* units: since the interface's offset. */
static inline void pcapng_add(struct writer *w, const struct nr_packet *p, uint64_t units)
{
	uint8_t frame[FRAME_BYTES];
	const uint32_t block = 32 + FRAME_BYTES;
	const uint32_t head[7] = {
		6, block, 0, (uint32_t)(units >> 32), (uint32_t)units, FRAME_BYTES, FRAME_BYTES};
	frame_of(p, frame);
	writer_put(w, head, sizeof head);
	writer_put(w, frame, sizeof frame);
	writer_put(w, &block, sizeof block);
}

/* A Simple Packet Block: no time. */
static inline void pcapng_add_timeless(struct writer *w, const struct nr_packet *p)
{
	uint8_t frame[FRAME_BYTES];
	const uint32_t block = 16 + FRAME_BYTES, head[3] = {3, block, FRAME_BYTES};
	frame_of(p, frame);
	writer_put(w, head, sizeof head);
	writer_put(w, frame, sizeof frame);
	writer_put(w, &block, sizeof block);
}

#endif
