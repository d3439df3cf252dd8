/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled form of a filter, between its parser (filter_parse.c, filter_primitive.c) and what applies it
 * (filter_run.c). A tree of "and", "or" and tests; negations stand at the tests only (De Morgan), as nfdump
 * has it: "not flags SA" asks for neither of the two.
 *
 * Every test is one of few forms, whatever word it was said with: comparisons are closed ranges, flags and
 * prefixes are masks, lists are tables.
 */
#ifndef NR_SENSE_FLOW_ASK_FILTER_INSIDE_H
#define NR_SENSE_FLOW_ASK_FILTER_INSIDE_H

#include "base/prefix_table.h"
#include "sense/flow/ask/filter.h"

#define FILTER_DEPTH_MAX 64   /* parentheses and "not" within each other */
#define FILTER_HOSTS_MAX 16   /* that a test remembers, for nr_flow_filter_hosts() */
#define FILTER_NO_COLUMN 0xff /* a test of one column */
#define FILTER_NOTHING   UINT32_MAX

enum filter_test {
	FILTER_RANGE,    /* low <= value <= high, unsigned; times too (wrapped) */
	FILTER_MASKED,   /* (value & mask) == wanted */
	FILTER_SPANS,    /* in one of the sorted, disjoint spans */
	FILTER_PORTS,    /* in the bitmap of 65536 */
	FILTER_PREFIX,   /* address & mask == wanted */
	FILTER_PREFIXES, /* address in the table */
	FILTER_STREAM,   /* something of the stream, once per stream and block */
	FILTER_RATE,     /* low <= float <= high */
	FILTER_DERIVED,  /* low <= computed <= high */
};

enum filter_stream_field {
	FILTER_EXPORTER,
	FILTER_DOMAIN,
	FILTER_EXPORT,
	FILTER_ENGINE_TYPE,
	FILTER_ENGINE_ID
};

/* Whole numbers, rounded down, as nfdump computes them; 0 where the divisor is. */
enum filter_derived {
	FILTER_DURATION_MS,
	FILTER_PACKETS_PER_SECOND,
	FILTER_BITS_PER_SECOND,
	FILTER_BYTES_PER_PACKET,
	FILTER_PORT_IN_BLOCK, /* 1: column a lies in the NAT port block */
};

struct filter_span {
	uint64_t low, high;
};

struct filter_leaf {
	uint8_t test; /* enum filter_test */
	uint8_t a, b; /* columns, of addresses the ..._LOW one: either matches; b: FILTER_NO_COLUMN */
	uint8_t what; /* enum filter_stream_field, filter_derived */
	bool negated;
	union {
		struct filter_span range; /* RANGE, DERIVED; STREAM where it is a number */
		struct {
			uint64_t mask, wanted;
		} masked;
		struct {
			uint64_t mask_high, mask_low, high, low;
		} prefix; /* STREAM too, where it is the exporter */
		struct {
			float low, high;
		} rate;
	};
	/* Owned: what the tests of lists need. */
	struct filter_span *spans;
	size_t span_count;
	uint8_t *ports; /* 8192 bytes */
	struct nr_prefix_table *table;
	struct nr_address *hosts; /* the members of a list that is made of few hosts only */
	size_t host_count;
};

enum filter_node_kind { FILTER_LEAF, FILTER_AND, FILTER_OR, FILTER_ALL, FILTER_NONE };
struct filter_node {
	uint8_t kind;
	uint32_t child, next; /* FILTER_NOTHING: none; children in the order in which they are tried */
	struct filter_leaf leaf;
};

struct nr_flow_filter {
	struct filter_node *nodes;
	uint32_t count, room, root;
	unsigned or_depth; /* "or" within each other: each level needs room of its own */
	uint64_t columns;
};

/* filter_parse.c: fills nodes and root. */
int filter_parse(const char *text, struct nr_flow_filter *filter, struct nr_flow_filter_fault *fault);

/* filter_run.c: rows of `in` (NULL: 0 .. count - 1) that match, to `out`, which may be `in`. */
size_t filter_leaf_run(const struct filter_leaf *leaf, const struct nr_flow_block *block, const uint32_t *in,
	size_t count, uint32_t *out);

#endif
