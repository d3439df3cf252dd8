/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/emit.h"
#include "sense/telescope/merged.h"

#include <errno.h>
#include <string.h>

#define NR_BLOCK_ROWS 4096 /* rows handed over at once */

/* Sketch bytes of the rows of one block. Chunks stay where they are until the block is handed over. */
struct sketches {
	uint8_t *bytes; /* owned */
	size_t used, room;
};

/* ---- ports ---- */

struct port_block {
	const struct nr_step *step;
	struct nr_port_row *rows; /* owned, NR_BLOCK_ROWS */
	size_t count;
	struct sketches sketches;
	uint8_t level; /* of the tally */
	/* the port that is being added up */
	uint32_t group;
	struct nr_count sum;
	uint64_t hashes[NR_HLL_HASHES_MAX]; /* of its first sources: most ports have few */
	struct nr_hll sketch;               /* of all, once there are more */
};

static void port_block_fini(struct port_block *block)
{
	free(block->rows);
	free(block->sketches.bytes);
}

static int flush_ports(struct port_block *block, struct nr_error *error)
{
	if (!block->count)
		return 0;
	int e = block->step->sink->rows(block->step->sink, &nr_port_table, block->rows, block->count, error);
	block->count = 0;
	block->sketches.used = 0;
	return e;
}

static struct nr_bytes write_port_sketch(struct port_block *block)
{
	if (!nr_step_has_sketches(block->step))
		return (struct nr_bytes){0};
	uint8_t *at = block->sketches.bytes + block->sketches.used;
	size_t length = block->sum.sources <= NR_HLL_HASHES_MAX
				? nr_hll_write_hashes(block->hashes, block->sum.sources, at)
				: nr_hll_write(&block->sketch, at);
	block->sketches.used += length;
	return (struct nr_bytes){at, length};
}

static int end_port(struct port_block *block, struct nr_error *error)
{
	if (block->group >= NR_GROUP_OTHER)
		return 0;
	if (block->count == NR_BLOCK_ROWS || block->sketches.room - block->sketches.used < NR_HLL_BYTES_MAX) {
		int e = flush_ports(block, error);
		if (e)
			return e;
	}
	const struct nr_step *step = block->step;
	bool udp = block->group >= NR_GROUP_UDP;
	uint16_t port = (uint16_t)block->group;
	block->rows[block->count++] = (struct nr_port_row){
		.sensor = step->conf->sensor,
		.step = step->seconds,
		.time = step->start,
		.traffic = (uint8_t)step->traffic,
		.protocol = udp ? NR_UDP : NR_TCP,
		.port = port,
		.class = nr_port_class(&step->conf->refs->classes, udp, port),
		.packets = block->sum.packets,
		.bytes = block->sum.bytes,
		.sources = block->sum.sources << block->level,
		.error = nr_sample_error(block->sum.sources, block->level),
		.sketch = write_port_sketch(block),
	};
	return 0;
}

static void add_source(struct port_block *block, const struct nr_tally_sum *sum)
{
	block->sum.packets += sum->packets;
	block->sum.bytes += sum->bytes;
	if (!nr_member_counts(nr_sum_member(sum), block->level))
		return;
	size_t n = block->sum.sources++;
	if (!nr_step_has_sketches(block->step))
		return;
	uint64_t hash = nr_sketch_hash(nr_sum_member(sum), block->level);
	if (n < NR_HLL_HASHES_MAX) {
		block->hashes[n] = hash;
		return;
	}
	if (n == NR_HLL_HASHES_MAX) {
		memset(&block->sketch, 0, sizeof block->sketch);
		for (size_t i = 0; i < n; i++)
			nr_hll_add(&block->sketch, block->hashes[i]);
	}
	nr_hll_add(&block->sketch, hash);
}

static int emit_ports(const struct nr_step *step, const struct nr_tally *tally, struct nr_error *error)
{
	NR_AUTO(port_block_fini)
	struct port_block block = {.step = step, .level = tally->level, .group = UINT32_MAX};
	block.rows = malloc(NR_BLOCK_ROWS * sizeof *block.rows);
	block.sketches.room = NR_BLOCK_ROWS * 64 + NR_HLL_BYTES_MAX;
	block.sketches.bytes = malloc(block.sketches.room);
	if (!block.rows || !block.sketches.bytes)
		return nr_fail(error, -ENOMEM, "out of memory for the rows of an interval");
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tally, 0, 0};
		nr_tally_next(&walk, &sum) && nr_sum_group(&sum) < NR_GROUP_OTHER;) {
		if (nr_sum_group(&sum) != block.group) {
			int e = end_port(&block, error);
			if (e)
				return e;
			block.group = nr_sum_group(&sum);
			block.sum = (struct nr_count){0};
		}
		add_source(&block, &sum);
	}
	int e = end_port(&block, error);
	return e ? e : flush_ports(&block, error);
}

/* ---- categories and classes ---- */

int nr_telescope_emit_category(const struct nr_step *step, const char *category, const struct nr_count *count,
	struct nr_error *error)
{
	uint8_t written[NR_HLL_BYTES_MAX];
	struct nr_traffic_row row = {
		.sensor = step->conf->sensor,
		.step = step->seconds,
		.time = step->start,
		.traffic = (uint8_t)step->traffic,
		.category = category,
		.packets = count->packets,
		.bytes = count->bytes,
		.sources = count->sources,
		.error = count->error,
	};
	if (count->sketch)
		row.sketch = (struct nr_bytes){written, nr_hll_write(count->sketch, written)};
	return step->sink->rows(step->sink, &nr_traffic_table, &row, 1, error);
}

static void count_packets(const struct nr_tally *tally, uint16_t (*mask_of)(const void *, uint32_t),
	const void *context, struct nr_count *counts, size_t bits)
{
	struct nr_count of_group = {0};
	uint32_t group = NR_GROUP_COUNT;
	struct nr_tally_sum sum;
	struct nr_tally_walk walk = {tally, 0, 0};
	for (bool more = true; more;) {
		more = nr_tally_next(&walk, &sum);
		if (more && nr_sum_group(&sum) == group) {
			of_group.packets += sum.packets;
			of_group.bytes += sum.bytes;
			continue;
		}
		unsigned mask = group < NR_GROUP_COUNT ? mask_of(context, group) : 0;
		if (mask && group < NR_GROUP_EXTRA)
			mask |= NR_BIT(bits);
		for (; mask; mask &= mask - 1) {
			counts[__builtin_ctz(mask)].packets += of_group.packets;
			counts[__builtin_ctz(mask)].bytes += of_group.bytes;
		}
		if (more)
			group = nr_sum_group(&sum);
		of_group = (struct nr_count){.packets = sum.packets, .bytes = sum.bytes};
	}
}

static void add_members(const struct nr_wides *members, uint8_t level, struct nr_count *counts, size_t bits)
{
	struct nr_tally_sum sum;
	for (size_t at = 0; nr_members_next(members, &at, &sum);) {
		uint64_t hash = nr_sketch_hash(nr_members_member(&sum), level);
		for (unsigned mask = nr_members_mask(&sum) | NR_BIT(bits); mask; mask &= mask - 1) {
			struct nr_count *c = &counts[__builtin_ctz(mask)];
			c->sources++;
			if (c->sketch)
				nr_hll_add(c->sketch, hash);
		}
	}
}

/* Counted members become sources that they stand for. */
static void weigh_members(uint8_t level, struct nr_count *counts, size_t bits)
{
	for (size_t i = 0; i <= bits; i++) {
		counts[i].error = nr_sample_error(counts[i].sources, level);
		counts[i].sources <<= level;
	}
}

/* Counts a mask's bits over a tally: packets and bytes by group, sources by member. counts[bits] is
 * everything. bytes: for members at a time. */
static int count_masks(const struct nr_tally *tally, size_t bytes,
	uint16_t (*mask_of)(const void *, uint32_t), const void *context, struct nr_count *counts,
	size_t bits, struct nr_error *error)
{
	NR_AUTO(nr_members_fini) struct nr_wides members = {0};
	struct nr_slice slice;
	int e = nr_slices_of(tally, bytes, &slice, error);
	for (; !e && slice.at < slice.of; slice.at++) {
		e = nr_members_from(&members, tally, &slice, mask_of, context, error);
		if (!e)
			add_members(&members, tally->level, counts, bits);
	}
	if (e)
		return e;
	count_packets(tally, mask_of, context, counts, bits);
	weigh_members(tally->level, counts, bits);
	return 0;
}

void nr_telescope_count_members(
	const struct nr_wides *members, uint8_t level, struct nr_count counts[static NR_CATEGORY_COUNT + 1])
{
	add_members(members, level, counts, NR_CATEGORY_COUNT);
	weigh_members(level, counts, NR_CATEGORY_COUNT);
}

static uint16_t class_of_group(const void *context, uint32_t group)
{
	const struct nr_port_classes *classes = context;
	if (group >= NR_GROUP_OTHER)
		return 0;
	return (uint16_t)NR_BIT(classes->owner[group >= NR_GROUP_UDP][group & 0xffff]);
}

static int emit_masks(const struct nr_step *step, const struct nr_tally *tally,
	uint16_t (*mask_of)(const void *, uint32_t), const void *context, size_t bits,
	void (*name)(const void *context, size_t bit, char text[static 48]), struct nr_error *error)
{
	struct nr_count counts[NR_PORT_CLASSES_MAX + 2] = {0};
	NR_AUTO(nr_freep) struct nr_hll *sketches = NULL;
	if (nr_step_has_sketches(step)) {
		sketches = calloc(bits + 1, sizeof *sketches);
		if (!sketches)
			return nr_fail(error, -ENOMEM, "out of memory for sketches");
		for (size_t i = 0; i <= bits; i++)
			counts[i].sketch = &sketches[i];
	}
	int e = count_masks(
		tally, nr_promise(step->conf, NR_PROMISE_MEMBERS, 1), mask_of, context, counts, bits, error);
	for (size_t i = 0; !e && i <= bits; i++) {
		char text[48] = "";
		name(context, i, text);
		if (!counts[i].sources || !*text)
			continue;
		e = nr_telescope_emit_category(step, text, &counts[i], error);
	}
	return e;
}

static void category_name(const void *context, size_t bit, char text[static 48])
{
	(void)context;
	snprintf(text, 48, "%s", bit == NR_CATEGORY_COUNT ? "all" : nr_category_names[bit]);
}

static void class_name(const void *context, size_t bit, char text[static 48])
{
	const struct nr_port_classes *classes = context;
	if (bit < classes->count)
		snprintf(text, 48, "class/%s", classes->names[bit]);
}

int nr_telescope_emit(const struct nr_step *step, const struct nr_tally *tally, struct nr_error *error)
{
	if (!nr_tally_count(tally))
		return 0;
	int e = emit_ports(step, tally, error);
	if (!e)
		e = emit_masks(step, tally, nr_telescope_mask_of_group, NULL, NR_CATEGORY_COUNT,
			category_name, error);
	if (!e) {
		const struct nr_port_classes *classes = &step->conf->refs->classes;
		e = emit_masks(
			step, tally, class_of_group, classes, NR_PORT_CLASSES_MAX + 1, class_name, error);
	}
	if (!e)
		e = nr_origins_emit(step, tally, error);
	return e;
}
