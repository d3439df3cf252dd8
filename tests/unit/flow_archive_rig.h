/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow archives of tests: a folder on a memory file system, flows of a small provider (many clients, few
 * busy servers, both directions, some IPv6), and sums that are equal where the rows are, in any order.
 */
#ifndef NR_TEST_FLOW_ARCHIVE_RIG_H
#define NR_TEST_FLOW_ARCHIVE_RIG_H

#include "store/flows/archive.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#define RIG_BEGIN (INT64_C(1767323045) * NR_SECOND) /* 2026-01-02T03:04:05Z */

/* A new folder; its path is static. */
static inline const char *rig_folder(void)
{
	static char folder[64];
	snprintf(folder, sizeof folder, "%s/noroshi-flows-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(folder))
		abort();
	return folder;
}

static inline void rig_remove(const char *folder)
{
	char command[256];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (system(command) != 0)
		abort();
}

static inline uint64_t rig_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline uint64_t rig_random(uint64_t *state)
{
	return rig_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

static inline double rig_uniform(uint64_t *state)
{
	return (double)(rig_random(state) >> 11) / 9007199254740992.0;
}

/* One of `count`, the first ones most often (Zipf with exponent 1). */
static inline uint32_t rig_skewed(uint64_t *state, uint32_t count)
{
	return (uint32_t)(exp(rig_uniform(state) * log((double)count)) - 1);
}

#define RIG_COLUMNS                                                                                          \
	(NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(SOURCE_LOW) |       \
		NR_FLOW_BIT(DESTINATION_HIGH) | NR_FLOW_BIT(DESTINATION_LOW) | NR_FLOW_BIT(SOURCE_PORT) |    \
		NR_FLOW_BIT(DESTINATION_PORT) | NR_FLOW_BIT(PROTOCOL) | NR_FLOW_BIT(TCP_FLAGS) |             \
		NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(SAMPLING) |                          \
		NR_FLOW_BIT(SAMPLING_FROM) | NR_FLOW_BIT(INPUT) | NR_FLOW_BIT(OUTPUT) |                      \
		NR_FLOW_BIT(SOURCE_AS) | NR_FLOW_BIT(DESTINATION_AS) | NR_FLOW_BIT(STREAM) |                 \
		NR_FLOW_BIT(MARKS) | NR_FLOW_BIT(TOS))

struct rig_endpoint {
	uint64_t high, low;
	uint32_t as, interface;
	uint16_t port;
};

static inline struct rig_endpoint rig_client(uint64_t *state)
{
	uint32_t number = rig_skewed(state, 200000);
	uint64_t hash = rig_mix(number ^ UINT64_C(0xc11e27));
	struct rig_endpoint e = {0, UINT64_C(0xffff64400000) + number, 64500,
		(uint32_t)(hash >> 8 & 15) + 100, (uint16_t)(32768 + (rig_random(state) & 0x7fff))};
	if (hash % 4 == 0) {
		e.high = UINT64_C(0x20010db800000000) + (number << 8);
		e.low = hash;
	}
	return e;
}

static inline struct rig_endpoint rig_server(uint64_t *state, bool v6)
{
	static const uint16_t ports[] = {443, 443, 443, 53, 443, 80, 443, 53, 443, 8080, 123, 993, 22, 3389};
	uint32_t number = rig_skewed(state, 500000);
	uint64_t hash = rig_mix(number ^ UINT64_C(0x5e27e2));
	struct rig_endpoint e = {0, UINT64_C(0xffff00000000) | (hash & 0xdfffffff),
		1000 + (uint32_t)(hash >> 40) % 900 * 31, (uint32_t)(hash >> 34 & 7) + 1,
		ports[hash % NR_COUNT(ports)]};
	if (v6) {
		e.high = UINT64_C(0x2a00000000000000) + (hash >> 24 << 16);
		e.low = number;
	}
	return e;
}

#define RIG_SET(column, type, value) ((type *)nr_flow_column_at(block, NR_FLOW_##column))[row] = (type)(value)

static inline void rig_row(struct nr_flow_block *block, uint32_t row, const struct rig_endpoint *from,
	const struct rig_endpoint *to, nr_time last, uint64_t packets, uint64_t *state)
{
	bool tcp = (from->port == 443 || to->port == 443) ? rig_random(state) % 4
							  : from->port != 53 && to->port != 53;
	nr_time duration = packets < 2 ? 0 : (nr_time)(exp(rig_uniform(state) * 11)) * 1000;
	RIG_SET(LAST, int64_t, last);
	RIG_SET(FIRST, int64_t, last - duration);
	RIG_SET(SOURCE_HIGH, uint64_t, from->high);
	RIG_SET(SOURCE_LOW, uint64_t, from->low);
	RIG_SET(DESTINATION_HIGH, uint64_t, to->high);
	RIG_SET(DESTINATION_LOW, uint64_t, to->low);
	RIG_SET(SOURCE_PORT, uint16_t, from->port);
	RIG_SET(DESTINATION_PORT, uint16_t, to->port);
	RIG_SET(PROTOCOL, uint8_t, tcp ? 6 : 17);
	RIG_SET(TCP_FLAGS, uint16_t, !tcp ? 0 : packets < 3 ? 2 : rig_random(state) % 3 ? 0x1b : 0x18);
	RIG_SET(PACKETS, uint64_t, packets);
	RIG_SET(BYTES, uint64_t, packets * (40 + (rig_random(state) % (packets > 8 ? 1400 : 400))));
	RIG_SET(INPUT, uint32_t, from->interface);
	RIG_SET(OUTPUT, uint32_t, to->interface);
	RIG_SET(SOURCE_AS, uint32_t, from->as);
	RIG_SET(DESTINATION_AS, uint32_t, to->as);
	RIG_SET(SAMPLING, float, 1000);
	RIG_SET(SAMPLING_FROM, uint8_t, NR_FLOW_SAMPLING_EXPORTER);
	RIG_SET(MARKS, uint16_t, 0);
	RIG_SET(TOS, uint8_t, rig_random(state) % 16 ? 0 : 0x28);
}

/* Fills the block with `count` more rows (an even number), received at that time. */
static inline void rig_fill(struct nr_flow_block *block, uint32_t count, nr_time received, uint64_t *state)
{
	nr_flow_rows_open(block, count, RIG_COLUMNS);
	for (uint32_t i = 0; i < count; i += 2) {
		uint32_t row = block->count + i;
		struct rig_endpoint client = rig_client(state), server = rig_server(state, client.high);
		struct nr_flow_stream stream = {
			nr_address_from_ipv4(0xc0000201 + (uint32_t)(client.interface & 3)),
			client.interface & 1, NR_FLOW_NETFLOW9};
		int at = nr_flow_block_stream(block, &stream);
		uint64_t packets = 1 + rig_skewed(state, 4000) / 3;
		nr_time last = received - 1000 * (nr_time)(rig_random(state) % 15000);
		((uint16_t *)nr_flow_column_at(block, NR_FLOW_STREAM))[row] = (uint16_t)at;
		((uint16_t *)nr_flow_column_at(block, NR_FLOW_STREAM))[row + 1] = (uint16_t)at;
		rig_row(block, row, &client, &server, last, packets, state);
		rig_row(block, row + 1, &server, &client, last, packets + packets / 2, state);
	}
	nr_flow_rows_close(block, count);
	block->received_first = NR_MIN(block->received_first, received);
	block->received_last = NR_MAX(block->received_last, received);
}

/* ---- the same rows ---- */

static inline uint64_t rig_row_hash(const struct nr_flow_block *block, uint32_t row, uint64_t columns)
{
	uint64_t hash = 1;
	for (unsigned c = 0; c < NR_FLOW_COLUMNS; c++) {
		uint64_t value = nr_flow_value(block, c, row);
		if (c == NR_FLOW_STREAM || !(columns >> c & 1))
			continue;
		hash = rig_mix(hash ^ value) + c;
	}
	if (columns & NR_FLOW_BIT(STREAM)) {
		const struct nr_flow_stream *s = &block->streams[nr_flow_value(block, NR_FLOW_STREAM, row)];
		uint64_t words[3];
		memcpy(words, s, sizeof words);
		hash = rig_mix(rig_mix(rig_mix(hash ^ words[0]) ^ words[1]) ^ words[2]);
	}
	return hash;
}

struct rig_sum {
	uint64_t columns; /* that count */
	uint64_t rows, sum;
	pthread_mutex_t lock;
};

static inline void rig_sum_add(struct rig_sum *s, const struct nr_flow_block *block)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < block->count; i++)
		sum += rig_row_hash(block, i, s->columns);
	s->rows += block->count;
	s->sum += sum;
}

static inline int rig_sum_take(void *context, unsigned thread, const struct nr_flow_block *block)
{
	struct rig_sum *s = context;
	(void)thread;
	assert(nr_flow_block_is_sound(block, nr_flow_block_bytes(block->room)));
	pthread_mutex_lock(&s->lock);
	rig_sum_add(s, block);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

#endif
