/* SPDX-License-Identifier: Apache-2.0 */
/* A filter's life: what is tried first, which columns and hosts it asks for, and its walk over a block. */
#include "sense/flow/ask/filter_inside.h"

#include <errno.h>
#include <string.h>

/* ---- life ---- */

void nr_flow_filter_free(struct nr_flow_filter *filter)
{
	if (!filter)
		return;
	for (uint32_t i = 0; i < filter->count; i++) {
		struct filter_leaf *leaf = &filter->nodes[i].leaf;
		free(leaf->spans);
		free(leaf->ports);
		free(leaf->hosts);
		nr_prefix_table_free(leaf->table);
	}
	free(filter->nodes);
	free(filter);
}

void nr_flow_filter_freep(struct nr_flow_filter **filter)
{
	nr_flow_filter_free(*filter);
}

/* ---- order ---- */

/* What a row costs, in comparisons, and the share of rows that usually match: guesses, for the order only. */
struct guess {
	double cost, share;
};

static struct guess guess_leaf(const struct filter_leaf *leaf)
{
	static const struct guess guesses[] = {[FILTER_RANGE] = {1, 0.3},
		[FILTER_MASKED] = {1, 0.5},
		[FILTER_SPANS] = {6, 0.2},
		[FILTER_PORTS] = {2, 0.2},
		[FILTER_PREFIX] = {2, 0.1},
		[FILTER_PREFIXES] = {8, 0.1},
		[FILTER_STREAM] = {1, 0.3},
		[FILTER_RATE] = {1, 0.5},
		[FILTER_DERIVED] = {4, 0.5}};
	struct guess guess = guesses[leaf->test];
	if (leaf->test == FILTER_RANGE && leaf->range.low == leaf->range.high)
		guess.share = leaf->a == NR_FLOW_PROTOCOL ? 0.5 : 0.05;
	if (leaf->test == FILTER_PREFIX && leaf->prefix.mask_low == UINT64_MAX)
		guess.share = 0.001;
	if (leaf->b != FILTER_NO_COLUMN)
		guess.cost *= 2;
	if (leaf->negated)
		guess.share = 1 - guess.share;
	return guess;
}

/* The order that ends soonest: in "and" what costs least for each row that it takes away, in "or" for each
 * that it finds. */
static double rank_of(const struct guess *guess, bool all)
{
	double settles = all ? 1 - guess->share : guess->share;
	return guess->cost / (settles > 1e-6 ? settles : 1e-6);
}

/* Inserts in order of rank; equal ones stay in the order in which they were written. */
static void insert(struct nr_flow_filter *filter, uint32_t *head, uint32_t child, double *ranks, double rank)
{
	uint32_t *at = head;
	while (*at != FILTER_NOTHING && ranks[*at] <= rank)
		at = &filter->nodes[*at].next;
	ranks[child] = rank;
	filter->nodes[child].next = *at;
	*at = child;
}

static struct guess order(struct nr_flow_filter *filter, uint32_t index, unsigned depth, double *ranks)
{
	struct filter_node *node = &filter->nodes[index];
	if (node->kind == FILTER_LEAF)
		return guess_leaf(&node->leaf);
	if (node->kind != FILTER_AND && node->kind != FILTER_OR)
		return (struct guess){0, node->kind == FILTER_ALL};
	bool all = node->kind == FILTER_AND;
	depth += !all;
	filter->or_depth = NR_MAX(filter->or_depth, depth);
	struct guess sum = {0, 1};
	uint32_t head = FILTER_NOTHING;
	for (uint32_t child = node->child, next; child != FILTER_NOTHING; child = next) {
		next = filter->nodes[child].next;
		struct guess guess = order(filter, child, depth, ranks);
		insert(filter, &head, child, ranks, rank_of(&guess, all));
		sum.cost += guess.cost * sum.share; /* only what is still open is asked */
		sum.share *= all ? guess.share : 1 - guess.share;
	}
	node->child = head;
	if (!all)
		sum.share = 1 - sum.share;
	return sum;
}

/* ---- columns ---- */

static uint64_t with_column(uint64_t columns, unsigned column)
{
	if (column == FILTER_NO_COLUMN)
		return columns;
	if (nr_flow_columns[column].kind == NR_FLOW_KIND_ADDRESS)
		columns |= UINT64_C(1) << (column - 1);
	return columns | UINT64_C(1) << column;
}

static uint64_t leaf_columns(const struct filter_leaf *leaf)
{
	const uint64_t times = NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST);
	if (leaf->test == FILTER_STREAM)
		return NR_FLOW_BIT(STREAM);
	if (leaf->test != FILTER_DERIVED)
		return with_column(with_column(0, leaf->a), leaf->b);
	switch ((enum filter_derived)leaf->what) {
	case FILTER_DURATION_MS:
		return times;
	case FILTER_PACKETS_PER_SECOND:
		return times | NR_FLOW_BIT(PACKETS);
	case FILTER_BITS_PER_SECOND:
		return times | NR_FLOW_BIT(BYTES);
	case FILTER_BYTES_PER_PACKET:
		return NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES);
	case FILTER_PORT_IN_BLOCK:
		return with_column(NR_FLOW_BIT(POST_SOURCE_PORT) | NR_FLOW_BIT(PORT_BLOCK_END), leaf->a);
	}
	return 0;
}

static int finish(struct nr_flow_filter *filter)
{
	NR_AUTO(nr_freep) double *ranks = calloc(filter->count, sizeof *ranks);
	if (!ranks)
		return -ENOMEM;
	order(filter, filter->root, 0, ranks);
	for (uint32_t i = 0; i < filter->count; i++)
		if (filter->nodes[i].kind == FILTER_LEAF)
			filter->columns |= leaf_columns(&filter->nodes[i].leaf);
	return 0;
}

int nr_flow_filter_parse(
	const char *text, struct nr_flow_filter **ret_filter, struct nr_flow_filter_fault *ret_fault)
{
	NR_AUTO(nr_flow_filter_freep) struct nr_flow_filter *filter = calloc(1, sizeof *filter);
	struct nr_flow_filter_fault fault = {0};
	int e = filter ? filter_parse(text, filter, &fault) : -ENOMEM;
	if (!e)
		e = finish(filter);
	if (e == -ENOMEM) {
		fault.column = 1;
		snprintf(fault.text_en, sizeof fault.text_en, "out of memory");
		snprintf(fault.text_ja, sizeof fault.text_ja, "メモリーが足りません");
	}
	if (e) {
		*ret_fault = fault;
		return e;
	}
	*ret_filter = nr_steal(&filter);
	return 0;
}

int nr_flow_filter_new(const char *text, struct nr_flow_filter **ret_filter, struct nr_error *error)
{
	struct nr_flow_filter_fault fault;
	int e = nr_flow_filter_parse(text, ret_filter, &fault);
	return e ? nr_fail(error, e, "column %u: %s", fault.column, fault.text_en) : 0;
}

uint64_t nr_flow_filter_columns(const struct nr_flow_filter *filter)
{
	return filter->columns;
}

/* ---- hosts ---- */

static size_t leaf_hosts(const struct filter_leaf *leaf, struct nr_address *hosts, size_t max)
{
	bool ends = (leaf->a == NR_FLOW_SOURCE_LOW || leaf->a == NR_FLOW_DESTINATION_LOW) &&
		    (leaf->b == FILTER_NO_COLUMN || leaf->b == NR_FLOW_DESTINATION_LOW);
	if (leaf->negated || !ends || leaf->host_count > max)
		return 0;
	if (leaf->test == FILTER_PREFIXES) {
		for (size_t i = 0; i < leaf->host_count; i++)
			hosts[i] = leaf->hosts[i];
		return leaf->host_count;
	}
	if (leaf->test != FILTER_PREFIX || ~leaf->prefix.mask_high || ~leaf->prefix.mask_low || !max)
		return 0;
	uint64_t high = __builtin_bswap64(leaf->prefix.high), low = __builtin_bswap64(leaf->prefix.low);
	memcpy(hosts[0].octets, &high, 8);
	memcpy(hosts[0].octets + 8, &low, 8);
	return 1;
}

static size_t node_hosts(
	const struct nr_flow_filter *filter, uint32_t index, struct nr_address *hosts, size_t max)
{
	const struct filter_node *node = &filter->nodes[index];
	if (node->kind == FILTER_LEAF)
		return leaf_hosts(&node->leaf, hosts, max);
	if (node->kind != FILTER_AND && node->kind != FILTER_OR)
		return 0;
	size_t count = 0;
	for (uint32_t child = node->child; child != FILTER_NOTHING; child = filter->nodes[child].next) {
		struct nr_address found[FILTER_HOSTS_MAX];
		size_t n = node_hosts(filter, child, found, NR_MIN(max, FILTER_HOSTS_MAX));
		if (node->kind == FILTER_OR && (!n || count + n > max))
			return 0; /* one of them may match without a host that we know */
		if (n && (node->kind == FILTER_OR || !count || n < count)) {
			size_t at = node->kind == FILTER_OR ? count : 0;
			memcpy(hosts + at, found, n * sizeof *found);
			count = at + n;
		}
	}
	return count;
}

size_t nr_flow_filter_hosts(const struct nr_flow_filter *filter, struct nr_address *ret_hosts, size_t max)
{
	return node_hosts(filter, filter->root, ret_hosts, max);
}

/* ---- apply ---- */

/* One "or": rows that are still open, those that a child found, and a mark for each that was found. */
struct level {
	uint32_t *rest, *hit;
	uint8_t *found;
};

static size_t level_bytes(uint32_t room)
{
	return (size_t)room * (2 * sizeof(uint32_t) + 1);
}

static struct level level_at(void *scratch, uint32_t room, unsigned depth)
{
	char *at = (char *)scratch + depth * level_bytes(room);
	return (struct level){(uint32_t *)(void *)at, (uint32_t *)(void *)at + room,
		(uint8_t *)at + (size_t)room * 2 * sizeof(uint32_t)};
}

size_t nr_flow_filter_scratch(const struct nr_flow_filter *filter, uint32_t room)
{
	return filter->or_depth * level_bytes(room);
}

struct walk {
	const struct nr_flow_filter *filter;
	const struct nr_flow_block *block;
	void *scratch;
};

static size_t run(const struct walk *walk, uint32_t index, unsigned depth, const uint32_t *in, size_t count,
	uint32_t *out);

static size_t run_all(const struct walk *walk, const struct filter_node *node, unsigned depth,
	const uint32_t *in, size_t count, uint32_t *out)
{
	for (uint32_t child = node->child; child != FILTER_NOTHING && count;
		child = walk->filter->nodes[child].next) {
		count = run(walk, child, depth, in, count, out);
		in = out;
	}
	return count;
}

/* Rows of `in` whose mark is `wanted`. */
static size_t keep(const uint32_t *in, size_t count, const uint8_t *found, uint8_t wanted, uint32_t *out)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t row = in ? in[i] : (uint32_t)i;
		out[n] = row;
		n += found[row] == wanted;
	}
	return n;
}

static size_t run_any(const struct walk *walk, const struct filter_node *node, unsigned depth,
	const uint32_t *in, size_t count, uint32_t *out)
{
	struct level level = level_at(walk->scratch, walk->block->room, depth);
	memset(level.found, 0, walk->block->count);
	const uint32_t *open = in;
	size_t left = count;
	for (uint32_t child = node->child; child != FILTER_NOTHING && left;
		child = walk->filter->nodes[child].next) {
		size_t n = run(walk, child, depth + 1, open, left, level.hit);
		for (size_t i = 0; i < n; i++)
			level.found[level.hit[i]] = 1;
		left = keep(open, left, level.found, 0, level.rest);
		open = level.rest;
	}
	return keep(in, count, level.found, 1, out);
}

static size_t run(const struct walk *walk, uint32_t index, unsigned depth, const uint32_t *in, size_t count,
	uint32_t *out)
{
	const struct filter_node *node = &walk->filter->nodes[index];
	switch ((enum filter_node_kind)node->kind) {
	case FILTER_LEAF:
		return filter_leaf_run(&node->leaf, walk->block, in, count, out);
	case FILTER_AND:
		return run_all(walk, node, depth, in, count, out);
	case FILTER_OR:
		return run_any(walk, node, depth, in, count, out);
	case FILTER_ALL:
		for (size_t i = 0; i < count; i++)
			out[i] = in ? in[i] : (uint32_t)i;
		return count;
	case FILTER_NONE:
		break;
	}
	return 0;
}

size_t nr_flow_filter_apply(const struct nr_flow_filter *filter, const struct nr_flow_block *block,
	void *scratch, uint32_t *ret_rows)
{
	struct walk walk = {filter, block, scratch};
	return run(&walk, filter->root, 0, NULL, block->count, ret_rows);
}
