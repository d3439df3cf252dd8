/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of one key become one: days become a month, networks a country, sessions a step. */
#include "store/packs.h"
#include "store/unique.h"

#include <errno.h>
#include <math.h>

enum rule {
	KEY,
	SUM,
	MOST,
	FIRST,  /* earliest time */
	LAST,   /* latest time */
	NEWEST, /* of the row that came last */
	WORDS,  /* union of comma-separated words */
	UNIQUE, /* sources, out of the sketches */
	ERROR   /* theirs */
};

static const uint8_t rules[NR_PACK_KINDS][NR_PACK_LANES_MAX] = {
	[NR_PACK_TRAFFIC] = {KEY, SUM, SUM, UNIQUE, ERROR},
	[NR_PACK_PORT] = {KEY, KEY, NEWEST, SUM, SUM, UNIQUE, ERROR},
	[NR_PACK_ORIGIN] = {KEY, KEY, NEWEST, SUM, UNIQUE, ERROR},
	[NR_PACK_COUNTRY] = {KEY, SUM, UNIQUE, ERROR},
	/* country, tools and research are keys of a month's source; of a day's, sessions may differ in them
	 */
	[NR_PACK_SOURCE] = {KEY, KEY, NEWEST, WORDS, WORDS, SUM, SUM, MOST, FIRST, LAST, WORDS, WORDS, NEWEST,
		NEWEST},
	[NR_PACK_SOURCE_PORT] = {KEY, KEY, KEY, KEY, KEY, KEY, KEY, SUM, SUM},
	[NR_PACK_KNOCK] = {KEY, KEY, KEY, KEY, SUM, SUM},
	[NR_PACK_PROTOCOL] = {KEY, KEY, KEY, KEY, KEY, KEY, SUM},
};

/* Rows first to end of a packer, which have one key. */
struct group {
	const struct nr_packer *packer;
	size_t first, end;
};

static uint64_t lane_at(const struct group *group, size_t row, size_t lane)
{
	return nr_packer_row(group->packer, row)[lane];
}

static uint64_t fold_sum(const struct group *group, size_t lane)
{
	uint64_t sum = 0;
	for (size_t i = group->first; i < group->end; i++)
		sum = NR_MIN(sum + lane_at(group, i, lane), (uint64_t)INT64_MAX);
	return sum;
}

static uint64_t fold_extreme(const struct group *group, size_t lane, bool least)
{
	int64_t value = (int64_t)lane_at(group, group->first, lane);
	for (size_t i = group->first + 1; i < group->end; i++) {
		int64_t other = (int64_t)lane_at(group, i, lane);
		value = least ? NR_MIN(value, other) : NR_MAX(value, other);
	}
	return (uint64_t)value;
}

static int fold_words(struct nr_packs *packs, const struct group *group, size_t lane, uint64_t *ret_word,
	struct nr_error *error)
{
	char words[NR_WORDS_BYTES + 1] = "", text[NR_WORD_BYTES];
	uint64_t latest = lane_at(group, group->first, lane);
	bool same = true;
	for (size_t i = group->first; i < group->end; i++)
		same &= lane_at(group, i, lane) == latest;
	*ret_word = latest;
	for (size_t i = group->first; i < group->end && !same; i++) {
		if (i > group->first && lane_at(group, i, lane) == latest)
			continue;
		latest = lane_at(group, i, lane);
		int status = nr_packs_text(packs, latest, text, error);
		if (status)
			return status;
		nr_words_add(words, text);
	}
	return same ? 0 : nr_packs_word(packs, words, ret_word, error);
}

/* The unique sources of a group, and the sketch that the folded row keeps. */
static int fold_unique(const struct group *group, size_t lane, struct nr_side *side, struct nr_error *error)
{
	size_t stride = nr_packer_stride(group->packer);
	int status = 0;
	for (size_t i = group->first; i < group->end && !status; i++) {
		const uint64_t *row = nr_packer_row(group->packer, i);
		status = nr_side_add(side, (int64_t)row[lane], nr_lane_real(row[lane + 1]),
			group->packer->bytes + row[stride - 2], row[stride - 1], error);
	}
	return status;
}

static int fold_lane(struct nr_packs *packs, enum rule rule, const struct group *group, size_t lane,
	const struct nr_count *count, uint64_t *ret_value, struct nr_error *error)
{
	switch (rule) {
	case SUM:
		*ret_value = fold_sum(group, lane);
		return 0;
	case MOST:
	case LAST:
	case FIRST:
		*ret_value = fold_extreme(group, lane, rule == FIRST);
		return 0;
	case WORDS:
		return fold_words(packs, group, lane, ret_value, error);
	case UNIQUE:
		*ret_value = (uint64_t)count->value;
		return 0;
	case ERROR:
		*ret_value = nr_lane_of_real(count->error);
		return 0;
	case KEY:
	case NEWEST:
		*ret_value = lane_at(group, group->end - 1, lane);
		return 0;
	}
	return 0;
}

static int fold_group(struct nr_packs *packs, enum nr_pack_kind kind, const struct group *group,
	struct nr_packer *into, struct nr_error *error)
{
	const struct nr_layout *layout = group->packer->layout;
	uint8_t sketch[NR_HLL_BYTES_MAX];
	uint64_t lanes[NR_PACK_LANES_MAX];
	size_t length = 0;
	int status = 0;
	NR_AUTO(nr_unique_fini) struct nr_unique unique = {0};
	for (size_t i = 0; i < layout->lanes && !status; i++) {
		if (rules[kind][i] == UNIQUE)
			status = fold_unique(group, i, &unique.whole, error);
	}
	if (!status)
		length = nr_side_write(&unique.whole, sketch);
	struct nr_count count = nr_side_count(&unique.whole);
	for (size_t i = 0; i < layout->lanes && !status; i++)
		status = fold_lane(packs, (enum rule)rules[kind][i], group, i, &count, &lanes[i], error);
	return status ? status : nr_packer_add(into, lanes, sketch, length, error);
}

static bool same_key(const struct nr_packer *packer, size_t a, size_t b, size_t keys)
{
	return memcmp(nr_packer_row(packer, a), nr_packer_row(packer, b), keys * sizeof(uint64_t)) == 0;
}

/* keys: how many of the first lanes make rows one. */
static int fold_by(struct nr_packs *packs, enum nr_pack_kind kind, size_t keys, struct nr_packer *packer,
	struct nr_error *error)
{
	size_t stride = nr_packer_stride(packer);
	NR_AUTO(nr_packer_fini) struct nr_packer folded = {.layout = packer->layout};
	int status = nr_packer_order(packer, error);
	for (size_t first = 0, end; first < packer->count && !status; first = end) {
		for (end = first + 1; end < packer->count && same_key(packer, first, end, keys);)
			end++;
		const uint64_t *row = nr_packer_row(packer, first);
		if (end == first + 1)
			status = nr_packer_add(
				&folded, row, packer->bytes + row[stride - 2], row[stride - 1], error);
		else
			status = fold_group(packs, kind, &(struct group){packer, first, end}, &folded, error);
	}
	if (status)
		return status;
	nr_packer_fini(packer);
	*packer = folded;
	folded = (struct nr_packer){0};
	return 0;
}

int nr_packs_fold(
	struct nr_packs *packs, enum nr_pack_kind kind, struct nr_packer *packer, struct nr_error *error)
{
	return fold_by(packs, kind, packer->layout->keys, packer, error);
}

int nr_packs_fold_sessions(
	struct nr_packs *packs, enum nr_pack_kind kind, struct nr_packer *packer, struct nr_error *error)
{
	return fold_by(packs, kind, packer->layout->identity, packer, error);
}

/* The row of a country among sorted ones; there is one. */
static size_t row_of(const struct nr_packer *countries, uint64_t country)
{
	size_t low = 0, high = countries->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (nr_packer_row(countries, middle)[NR_COUNTRY_COUNTRY] < country)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* An address lies in one network, so a country has as many sources as its networks together: exactly, or with
 * the error that their samples have. Sketches would be less exact, and those of small samples wrong. */
static int add_up_sources(
	const struct nr_packer *origins, struct nr_packer *countries, struct nr_error *error)
{
	NR_AUTO(nr_freep) double *variance = calloc(countries->count + 1, sizeof *variance);
	NR_AUTO(nr_freep) uint64_t *sources = calloc(countries->count + 1, sizeof *sources);
	if (!variance || !sources)
		return nr_fail(error, -ENOMEM, "out of memory for countries");
	for (size_t i = 0; i < origins->count; i++) {
		const uint64_t *row = nr_packer_row(origins, i);
		size_t at = row_of(countries, row[NR_ORIGIN_COUNTRY]);
		double off = nr_lane_real(row[NR_ORIGIN_ERROR]) * (double)row[NR_ORIGIN_SOURCES];
		sources[at] = NR_MIN(sources[at] + row[NR_ORIGIN_SOURCES], (uint64_t)INT64_MAX);
		variance[at] += off * off;
	}
	size_t stride = nr_packer_stride(countries);
	for (size_t i = 0; i < countries->count; i++) {
		uint64_t *row = countries->rows + i * stride;
		row[NR_COUNTRY_SOURCES] = sources[i];
		row[NR_COUNTRY_ERROR] =
			nr_lane_of_real(sources[i] ? sqrt(variance[i]) / (double)sources[i] : 0);
	}
	return 0;
}

int nr_packs_countries(struct nr_packs *packs, const struct nr_packer *origins, struct nr_packer *countries,
	struct nr_error *error)
{
	size_t stride = nr_packer_stride(origins);
	int status = 0;
	for (size_t i = 0; i < origins->count && !status; i++) {
		const uint64_t *row = nr_packer_row(origins, i);
		uint64_t lanes[NR_PACK_LANES_MAX] = {[NR_COUNTRY_COUNTRY] = row[NR_ORIGIN_COUNTRY],
			[NR_COUNTRY_PACKETS] = row[NR_ORIGIN_PACKETS],
			[NR_COUNTRY_SOURCES] = row[NR_ORIGIN_SOURCES],
			[NR_COUNTRY_ERROR] = row[NR_ORIGIN_ERROR]};
		status = nr_packer_add(
			countries, lanes, origins->bytes + row[stride - 2], row[stride - 1], error);
	}
	if (!status)
		status = nr_packs_fold(packs, NR_PACK_COUNTRY, countries, error);
	return status ? status : add_up_sources(origins, countries, error);
}
