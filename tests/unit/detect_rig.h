/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks for tests of the detection's engine: rows written one by one. */
#ifndef NR_TESTS_DETECT_RIG_H
#define NR_TESTS_DETECT_RIG_H

#include "model/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define T0   (INT64_C(1767603600) * NR_SECOND) /* 2026-01-05T09:00:00Z, a Monday */
#define ROWS 4096

enum { TCP = 6, UDP = 17, FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct row {
	uint32_t source, destination; /* IPv4 */
	uint16_t source_port, destination_port;
	uint8_t protocol;
	uint16_t flags, reverse_flags, marks;
	uint64_t packets, bytes, reverse_packets, reverse_bytes;
	nr_time first, length;
	uint8_t event;
	float sampling;
};

static inline struct nr_flow_block *block_new(void)
{
	struct nr_flow_block *block = NULL;
	const struct nr_flow_stream stream = {.domain = 7, .export = NR_FLOW_IPFIX};
	assert_int_equal(nr_flow_block_new(ROWS, &block, NULL), 0);
	assert_int_equal(nr_flow_block_stream(block, &stream), 0);
	return block;
}

/* False: the block is full. */
static inline bool block_add(struct nr_flow_block *b, const struct row *r)
{
	if (b->count == b->room)
		return false;
	const uint64_t columns =
		NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_LOW) |
		NR_FLOW_BIT(DESTINATION_LOW) | NR_FLOW_BIT(SOURCE_PORT) | NR_FLOW_BIT(DESTINATION_PORT) |
		NR_FLOW_BIT(PROTOCOL) | NR_FLOW_BIT(TCP_FLAGS) | NR_FLOW_BIT(REVERSE_TCP_FLAGS) |
		NR_FLOW_BIT(MARKS) | NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(EVENT) |
		NR_FLOW_BIT(REVERSE_PACKETS) | NR_FLOW_BIT(REVERSE_BYTES) | NR_FLOW_BIT(SAMPLING);
	nr_flow_rows_open(b, 1, columns);
#define PUT(column, type, value) (((type *)nr_flow_column_at(b, NR_FLOW_##column))[b->count] = (value))
	PUT(FIRST, int64_t, r->first ? r->first : T0);
	PUT(LAST, int64_t, (r->first ? r->first : T0) + r->length);
	PUT(SOURCE_LOW, uint64_t, UINT64_C(0xffff) << 32 | r->source);
	PUT(DESTINATION_LOW, uint64_t, UINT64_C(0xffff) << 32 | r->destination);
	PUT(SOURCE_PORT, uint16_t, r->source_port);
	PUT(DESTINATION_PORT, uint16_t, r->destination_port);
	PUT(PROTOCOL, uint8_t, r->protocol);
	PUT(TCP_FLAGS, uint16_t, r->flags);
	PUT(REVERSE_TCP_FLAGS, uint16_t, r->reverse_flags);
	PUT(MARKS, uint16_t, r->marks);
	PUT(PACKETS, uint64_t, r->packets);
	PUT(BYTES, uint64_t, r->bytes);
	PUT(REVERSE_PACKETS, uint64_t, r->reverse_packets);
	PUT(REVERSE_BYTES, uint64_t, r->reverse_bytes);
	PUT(EVENT, uint8_t, r->event);
	PUT(SAMPLING, float, r->sampling);
#undef PUT
	nr_flow_rows_close(b, 1);
	return true;
}

#endif
