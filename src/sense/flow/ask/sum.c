/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/ask/sum.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define BATCH 128 /* rows whose keys and values are gathered at a time */

/* What one thread counts. */
struct part {
	_Alignas(64) struct sum_table table;
	struct nr_flow_sum_totals totals;
	uint64_t keys[2][BATCH * (NR_FLOW_KEY_WORDS + 1)]; /* of both ends */
	uint64_t values[BATCH * SUM_COUNTERS];
};

struct nr_flow_sum {
	struct nr_flow_sum_conf conf;
	uint32_t words;   /* of a key, with its step */
	bool ends, keyed; /* some field has two ends; there are keys at all */
	bool timed;       /* times are read */
	struct part *parts;
	struct sum_table folded; /* the keys without their steps */
	struct nr_flow_sum_totals totals;
	const uint64_t **rows; /* entries */
	size_t row_count;
	struct nr_flow_sum_point *points;
	size_t point_count;
};

/* ---- life ---- */

void nr_flow_sum_free(struct nr_flow_sum *sum)
{
	if (!sum)
		return;
	for (unsigned i = 0; sum->parts && i < sum->conf.threads; i++)
		sum_table_fini(&sum->parts[i].table);
	sum_table_fini(&sum->folded);
	free(sum->parts);
	free(sum->rows);
	free(sum->points);
	free(sum);
}

void nr_flow_sum_freep(struct nr_flow_sum **sum)
{
	nr_flow_sum_free(*sum);
}

static size_t share_of_memory(const struct nr_flow_sum_conf *conf)
{
	return conf->memory / (conf->threads + (conf->step && conf->field_count ? 1 : 0));
}

static int start_parts(struct nr_flow_sum *sum, struct nr_error *error)
{
	uint64_t seed[2];
	if (getrandom(seed, sizeof seed, 0) != sizeof seed)
		return nr_fail(error, -EIO, "no random numbers");
	seed[1] |= 1;
	size_t bytes = sum->conf.threads * sizeof *sum->parts;
	sum->parts = aligned_alloc(64, bytes);
	if (!sum->parts)
		return nr_fail(error, -ENOMEM, "out of memory");
	memset(sum->parts, 0, bytes);
	for (unsigned i = 0; i < sum->conf.threads; i++) {
		int e = sum_table_init(&sum->parts[i].table, NR_MAX(sum->words, 1), sum->conf.order,
			share_of_memory(&sum->conf), seed, error);
		if (e)
			return e;
		sum->parts[i].totals.first = NR_TIME_MAX;
		sum->parts[i].totals.last = NR_TIME_MIN;
	}
	return 0;
}

int nr_flow_sum_new(const struct nr_flow_sum_conf *conf, struct nr_flow_sum **ret_sum, struct nr_error *error)
{
	NR_AUTO(nr_flow_sum_freep) struct nr_flow_sum *sum = calloc(1, sizeof *sum);
	if (!sum)
		return nr_fail(error, -ENOMEM, "out of memory");
	sum->conf = *conf;
	for (size_t i = 0; i < conf->field_count; i++) {
		sum->words += conf->fields[i].words;
		sum->ends |= nr_flow_field_has_ends(&conf->fields[i]);
	}
	sum->words += conf->step != 0;
	sum->keyed = sum->words != 0;
	sum->timed = conf->step || !conf->field_count || conf->from != NR_TIME_MIN || conf->to != NR_TIME_MAX;
	int e = start_parts(sum, error);
	if (e)
		return e;
	*ret_sum = nr_steal(&sum);
	return 0;
}

uint64_t nr_flow_sum_columns(const struct nr_flow_sum *sum)
{
	uint64_t columns = NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(REVERSE_PACKETS) |
			   NR_FLOW_BIT(REVERSE_BYTES) | NR_FLOW_BIT(SAMPLING);
	if (sum->timed)
		columns |= NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST);
	for (size_t i = 0; i < sum->conf.field_count; i++)
		columns |= nr_flow_field_columns(&sum->conf.fields[i]);
	return columns;
}

/* ---- adding ---- */

static uint64_t scaled(uint64_t value, float rate)
{
	if (rate <= 1)
		return value;
	double product = (double)value * (double)rate + 0.5;
	return product < 18446744073709549568.0 ? (uint64_t)product : UINT64_MAX;
}

static void load_values(struct part *part, const struct nr_flow_block *block, const uint32_t *rows,
	uint32_t from, size_t count)
{
	const uint64_t *packets = nr_flow_column(block, NR_FLOW_PACKETS);
	const uint64_t *bytes = nr_flow_column(block, NR_FLOW_BYTES);
	const uint64_t *packets_back = nr_flow_column(block, NR_FLOW_REVERSE_PACKETS);
	const uint64_t *bytes_back = nr_flow_column(block, NR_FLOW_REVERSE_BYTES);
	const float *rates = nr_flow_column(block, NR_FLOW_SAMPLING);
	struct nr_flow_sums sums = part->totals.sums;
	for (size_t i = 0; i < count; i++) {
		uint32_t row = rows ? rows[i] : from + (uint32_t)i;
		uint64_t *values = part->values + i * SUM_COUNTERS;
		float rate = rates ? rates[row] : 0;
		values[NR_FLOW_ORDER_FLOWS] = 1;
		values[NR_FLOW_ORDER_PACKETS] =
			(packets ? packets[row] : 0) + (packets_back ? packets_back[row] : 0);
		values[NR_FLOW_ORDER_BYTES] = (bytes ? bytes[row] : 0) + (bytes_back ? bytes_back[row] : 0);
		values[NR_FLOW_ORDER_ESTIMATED_PACKETS] = scaled(values[NR_FLOW_ORDER_PACKETS], rate);
		values[NR_FLOW_ORDER_ESTIMATED_BYTES] = scaled(values[NR_FLOW_ORDER_BYTES], rate);
		values[SUM_UNKNOWN] = !(rate > 0);
		for (unsigned k = 0; k < NR_FLOW_ORDERS; k++)
			sums.values[k] += values[k];
		sums.unknown += values[SUM_UNKNOWN];
	}
	part->totals.sums = sums;
}

static void load_times(struct part *part, const struct nr_flow_block *block, const uint32_t *rows,
	uint32_t from, size_t count)
{
	const int64_t *first = nr_flow_column(block, NR_FLOW_FIRST),
		      *last = nr_flow_column(block, NR_FLOW_LAST);
	nr_time low = part->totals.first, high = part->totals.last;
	for (size_t i = 0; i < count; i++) {
		uint32_t row = rows ? rows[i] : from + (uint32_t)i;
		nr_time begin = first ? first[row] : 0, end = last ? last[row] : 0;
		low = NR_MIN(low, begin);
		high = NR_MAX(high, end);
	}
	part->totals.first = low;
	part->totals.last = high;
}

static void load_steps(const struct nr_flow_sum_conf *conf, const struct nr_flow_block *block,
	const uint32_t *rows, uint32_t from, size_t count, uint64_t *keys, size_t stride)
{
	const int64_t *last = nr_flow_column(block, NR_FLOW_LAST);
	nr_time most = conf->to == NR_TIME_MAX ? NR_TIME_MAX : conf->to - 1;
	for (size_t i = 0; i < count; i++) {
		nr_time end = last ? last[rows ? rows[i] : from + i] : 0;
		end = NR_MIN(NR_MAX(end, conf->from), most);
		keys[i * stride] = (uint64_t)nr_time_floor(end, conf->step);
	}
}

static void load_keys(const struct nr_flow_sum *sum, unsigned end, const struct nr_flow_block *block,
	const uint32_t *rows, uint32_t from, size_t count, uint64_t *keys)
{
	size_t at = 0;
	for (size_t i = 0; i < sum->conf.field_count; i++) {
		nr_flow_field_load(
			&sum->conf.fields[i], end, block, rows, from, count, keys + at, sum->words);
		at += sum->conf.fields[i].words;
	}
	if (sum->conf.step)
		load_steps(&sum->conf, block, rows, from, count, keys + at, sum->words);
}

/* Of the second ends only those that are other keys than the first ones. */
static size_t drop_same(const struct nr_flow_sum *sum, struct part *part, size_t count)
{
	size_t n = 0, bytes = sum->words * sizeof(uint64_t);
	for (size_t i = 0; i < count; i++) {
		const uint64_t *key = part->keys[1] + i * sum->words;
		if (!memcmp(key, part->keys[0] + i * sum->words, bytes))
			continue;
		memmove(part->keys[1] + n * sum->words, key, bytes);
		memmove(part->values + n * SUM_COUNTERS, part->values + i * SUM_COUNTERS,
			SUM_COUNTERS * sizeof(uint64_t));
		n++;
	}
	return n;
}

void nr_flow_sum_add(struct nr_flow_sum *sum, unsigned thread, const struct nr_flow_block *block,
	const uint32_t *rows, size_t count)
{
	struct part *part = &sum->parts[thread];
	for (size_t from = 0; from < count; from += BATCH) {
		size_t n = NR_MIN(count - from, BATCH);
		const uint32_t *some = rows ? rows + from : NULL;
		load_values(part, block, some, (uint32_t)from, n);
		if (sum->timed)
			load_times(part, block, some, (uint32_t)from, n);
		if (!sum->keyed)
			continue;
		load_keys(sum, 0, block, some, (uint32_t)from, n, part->keys[0]);
		sum_table_add(&part->table, part->keys[0], part->values, n);
		if (!sum->ends)
			continue;
		load_keys(sum, 1, block, some, (uint32_t)from, n, part->keys[1]);
		sum_table_add(&part->table, part->keys[1], part->values, drop_same(sum, part, n));
	}
}

/* ---- finishing ---- */

static void merge(struct nr_flow_sum *sum)
{
	struct nr_flow_sum_totals totals = sum->parts[0].totals;
	struct sum_table *table = &sum->parts[0].table;
	for (unsigned i = 1; i < sum->conf.threads; i++) {
		struct part *part = &sum->parts[i];
		sum_table_bound(table, share_of_memory(&sum->conf) * i);
		sum_table_merge(table, &part->table);
		sum_table_fini(&part->table);
		for (unsigned k = 0; k < NR_FLOW_ORDERS; k++)
			totals.sums.values[k] += part->totals.sums.values[k];
		totals.sums.unknown += part->totals.sums.unknown;
		totals.first = NR_MIN(totals.first, part->totals.first);
		totals.last = NR_MAX(totals.last, part->totals.last);
	}
	sum->totals = totals;
}

/* Sums over all steps of each key, whose step is its last word. */
static int fold_steps(struct nr_flow_sum *sum, struct nr_error *error)
{
	const struct sum_table *table = &sum->parts[0].table;
	int e = sum_table_init(&sum->folded, sum->words - 1, sum->conf.order,
		share_of_memory(&sum->conf) * sum->conf.threads, table->seed, error);
	for (size_t slot = 0; !e && slot < table->slots; slot++) {
		const uint64_t *entry = sum_table_entry(table, slot);
		if (entry[NR_FLOW_ORDER_FLOWS])
			sum_table_add(&sum->folded, sum_table_key(entry), entry, 1);
	}
	return e;
}

/* What stands first: the greater value, then the lesser key. */
static bool before(const struct sum_table *table, const uint64_t *a, const uint64_t *b)
{
	if (a[table->order] != b[table->order])
		return a[table->order] > b[table->order];
	for (uint32_t i = 0; i < table->words; i++)
		if (sum_table_key(a)[i] != sum_table_key(b)[i])
			return sum_table_key(a)[i] < sum_table_key(b)[i];
	return false;
}

/* A heap whose root is what would be given up next. */
static void sift(const struct sum_table *table, const uint64_t **heap, size_t count, size_t at)
{
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= count)
			return;
		if (child + 1 < count && before(table, heap[child], heap[child + 1]))
			child++;
		if (!before(table, heap[at], heap[child]))
			return;
		const uint64_t *entry = heap[at];
		heap[at] = heap[child];
		heap[child] = entry;
		at = child;
	}
}

static int choose(struct nr_flow_sum *sum, const struct sum_table *table, size_t top, struct nr_error *error)
{
	size_t room = top ? NR_MIN(top, table->used) : table->used, count = 0;
	sum->rows = calloc(room + 1, sizeof *sum->rows);
	if (!sum->rows)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t slot = 0; slot < table->slots; slot++) {
		const uint64_t *entry = sum_table_entry(table, slot);
		if (!entry[NR_FLOW_ORDER_FLOWS])
			continue;
		if (count < room) {
			sum->rows[count++] = entry;
			for (size_t i = count == room ? room / 2 : 0; i-- > 0;)
				sift(table, sum->rows, room, i);
		} else if (before(table, entry, sum->rows[0])) {
			sum->rows[0] = entry;
			sift(table, sum->rows, room, 0);
		}
	}
	for (size_t left = count; left > 1; left--) { /* the root goes behind all that stand before it */
		const uint64_t *entry = sum->rows[0];
		sum->rows[0] = sum->rows[left - 1];
		sum->rows[left - 1] = entry;
		sift(table, sum->rows, left - 1, 0);
	}
	sum->row_count = count;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct nr_flow_sum_point *x = a, *y = b;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static void sums_of(const uint64_t *entry, struct nr_flow_sums *ret_sums)
{
	memcpy(ret_sums->values, entry, sizeof ret_sums->values);
	ret_sums->unknown = entry[SUM_UNKNOWN];
}

/* Which row has the key; rows by their entries in a table of their own: `places` holds row + 1 as "flows". */
static size_t row_of(const struct nr_flow_sum *sum, const struct sum_table *places, const uint64_t *key)
{
	if (!sum->conf.field_count)
		return NR_FLOW_SUM_ALL;
	const uint64_t *entry = sum_table_find(places, key);
	return entry ? entry[NR_FLOW_ORDER_FLOWS] - 1 : SIZE_MAX - 1;
}

static int make_series(struct nr_flow_sum *sum, struct nr_error *error)
{
	const struct sum_table *table = &sum->parts[0].table;
	struct sum_table places = {0};
	int e = sum_table_init(
		&places, NR_MAX(sum->words - 1, 1), NR_FLOW_ORDER_FLOWS, SIZE_MAX / 2, table->seed, error);
	if (e)
		return e;
	for (size_t i = 0; i < sum->row_count; i++)
		sum_table_add(&places, sum_table_key(sum->rows[i]), (const uint64_t[SUM_COUNTERS]){i + 1}, 1);
	sum->points = calloc(table->used + 1, sizeof *sum->points);
	for (size_t slot = 0; sum->points && slot < table->slots; slot++) {
		const uint64_t *entry = sum_table_entry(table, slot);
		size_t row = entry[NR_FLOW_ORDER_FLOWS] ? row_of(sum, &places, sum_table_key(entry)) : 0;
		if (!entry[NR_FLOW_ORDER_FLOWS] || row == SIZE_MAX - 1)
			continue;
		struct nr_flow_sum_point *point = &sum->points[sum->point_count++];
		point->time = (nr_time)sum_table_key(entry)[sum->words - 1];
		point->row = row;
		sums_of(entry, &point->sums);
	}
	bool failed = !sum->points || places.failed;
	sum_table_fini(&places);
	if (failed)
		return nr_fail(error, -ENOMEM, "out of memory");
	qsort(sum->points, sum->point_count, sizeof *sum->points, by_time);
	return 0;
}

int nr_flow_sum_finish(struct nr_flow_sum *sum, size_t top, struct nr_error *error)
{
	merge(sum);
	const struct sum_table *table = &sum->parts[0].table;
	int e = 0;
	if (sum->conf.step && sum->conf.field_count) {
		e = fold_steps(sum, error);
		table = &sum->folded;
	}
	if (!e && (sum->parts[0].table.failed || table->failed))
		return nr_fail(error, -ENOMEM, "out of memory");
	if (!e && sum->conf.field_count) {
		sum->totals.keys = table->used + table->forgotten;
		e = choose(sum, table, top, error);
	}
	if (!e && sum->conf.step)
		e = make_series(sum, error);
	for (unsigned i = 0; i < 2; i++) { /* what was let go with steps, and without */
		const struct sum_table *t = i ? &sum->folded : &sum->parts[0].table;
		sum->totals.forgotten += t->forgotten;
		sum->totals.forgotten_value += t->forgotten_value;
		sum->totals.error += t->floor;
	}
	return e;
}

/* ---- answers ---- */

const struct nr_flow_sum_totals *nr_flow_sum_totals(const struct nr_flow_sum *sum)
{
	return &sum->totals;
}

size_t nr_flow_sum_count(const struct nr_flow_sum *sum)
{
	return sum->row_count;
}

void nr_flow_sum_row(
	const struct nr_flow_sum *sum, size_t row, struct nr_flow_sums *ret_sums, const uint64_t **ret_key)
{
	sums_of(sum->rows[row], ret_sums);
	*ret_key = sum_table_key(sum->rows[row]);
}

const struct nr_flow_sum_point *nr_flow_sum_series(const struct nr_flow_sum *sum, size_t *ret_count)
{
	*ret_count = sum->point_count;
	return sum->points;
}
