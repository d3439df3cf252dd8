/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/ask/query.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* What one thread needs for a block. */
struct hand {
	_Alignas(64) uint32_t *rows;
	void *scratch;
	uint32_t room;
	uint64_t seen, matched;
};

struct nr_flow_query {
	struct nr_flow_query_conf conf;
	struct nr_flow_filter *filter;
	struct nr_flow_sum *sum; /* NULL: flows are listed */
	struct hand *hands;
	struct nr_error *error; /* of the scan under way */
	struct nr_flow_scan scan;
	atomic_bool late;
	bool cut;
};

/* ---- life ---- */

void nr_flow_query_free(struct nr_flow_query *query)
{
	if (!query)
		return;
	for (unsigned i = 0; query->hands && i < query->conf.threads; i++) {
		free(query->hands[i].rows);
		free(query->hands[i].scratch);
	}
	free(query->hands);
	nr_flow_filter_free(query->filter);
	nr_flow_sum_free(query->sum);
	free(query);
}

void nr_flow_query_freep(struct nr_flow_query **query)
{
	nr_flow_query_free(*query);
}

static int start_sum(struct nr_flow_query *query, struct nr_error *error)
{
	struct nr_flow_sum_conf conf = query->conf.sum;
	conf.from = query->conf.from;
	conf.to = query->conf.to;
	conf.threads = query->conf.threads;
	return nr_flow_sum_new(&conf, &query->sum, error);
}

int nr_flow_query_new(const struct nr_flow_query_conf *conf, struct nr_flow_query **ret_query,
	struct nr_flow_filter_fault *ret_fault, struct nr_error *error)
{
	NR_AUTO(nr_flow_query_freep) struct nr_flow_query *query = calloc(1, sizeof *query);
	struct nr_flow_filter_fault fault = {0};
	if (!query)
		return nr_fail(error, -ENOMEM, "out of memory");
	query->conf = *conf;
	query->conf.threads = conf->list ? 1 : NR_MAX(conf->threads, 1);
	query->hands = aligned_alloc(64, query->conf.threads * sizeof *query->hands);
	if (!query->hands)
		return nr_fail(error, -ENOMEM, "out of memory");
	memset(query->hands, 0, query->conf.threads * sizeof *query->hands);
	int e = nr_flow_filter_parse(conf->expression, &query->filter, &fault);
	if (e && ret_fault)
		*ret_fault = fault;
	if (e)
		return nr_fail(error, e, "column %u: %s", fault.column, fault.text_en);
	if (!conf->list)
		e = start_sum(query, error);
	if (e)
		return e;
	*ret_query = nr_steal(&query);
	return 0;
}

nr_time nr_flow_query_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NR_SECOND + now.tv_nsec / 1000;
}

/* ---- blocks ---- */

static int make_room(struct nr_flow_query *query, struct hand *hand, uint32_t room)
{
	if (room <= hand->room)
		return 0;
	free(hand->rows);
	free(hand->scratch);
	hand->room = 0;
	hand->rows = malloc(room * sizeof *hand->rows);
	hand->scratch = malloc(nr_flow_filter_scratch(query->filter, room) + 1);
	if (!hand->rows || !hand->scratch)
		return -ENOMEM;
	hand->room = room;
	return 0;
}

/* Of the rows those that touch the window. */
static size_t in_window(const struct nr_flow_query_conf *conf, const struct nr_flow_block *block,
	uint32_t *rows, size_t count)
{
	if (conf->from == NR_TIME_MIN && conf->to == NR_TIME_MAX)
		return count;
	const int64_t *first = nr_flow_column(block, NR_FLOW_FIRST),
		      *last = nr_flow_column(block, NR_FLOW_LAST);
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t row = rows[i];
		nr_time begin = first ? first[row] : 0, end = last ? last[row] : 0;
		rows[n] = row;
		n += NR_MAX(begin, end) >= conf->from && begin < conf->to;
	}
	return n;
}

static bool is_late(struct nr_flow_query *query)
{
	if (query->conf.deadline && nr_flow_query_clock() > query->conf.deadline)
		atomic_store_explicit(&query->late, true, memory_order_relaxed);
	return atomic_load_explicit(&query->late, memory_order_relaxed);
}

int nr_flow_query_take(struct nr_flow_query *query, unsigned thread, const struct nr_flow_block *block,
	struct nr_error *error)
{
	struct hand *hand = &query->hands[thread];
	if (is_late(query))
		return -ETIME;
	if (make_room(query, hand, block->room) != 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	size_t n = nr_flow_filter_apply(query->filter, block, hand->scratch, hand->rows);
	n = in_window(&query->conf, block, hand->rows, n);
	hand->seen += block->count;
	if (query->sum) {
		nr_flow_sum_add(query->sum, thread, block, n == block->count ? NULL : hand->rows, n);
		hand->matched += n;
		return 0;
	}
	uint64_t left = query->conf.limit ? query->conf.limit - hand->matched : UINT64_MAX;
	query->cut |= n > left;
	n = NR_MIN(n, left);
	hand->matched += n;
	int e = n ? query->conf.list(query->conf.list_context, block, hand->rows, (uint32_t)n, error) : 0;
	return e ? e : query->cut ? -ECANCELED : 0;
}

/* ---- archives ---- */

static int take_scanned(void *context, unsigned thread, const struct nr_flow_block *block)
{
	struct nr_flow_query *query = context;
	return nr_flow_query_take(query, thread, block, query->sum ? NULL : query->error);
}

int nr_flow_query_archive(
	struct nr_flow_query *query, struct nr_flow_archive *archive, struct nr_error *error)
{
	const struct nr_flow_query_conf *conf = &query->conf;
	struct nr_error refused = {0};
	struct nr_flow_wanted wanted = {.from = conf->from,
		.to = conf->to,
		.columns =
			query->sum ? nr_flow_sum_columns(query->sum) : UINT64_MAX >> (64 - NR_FLOW_COLUMNS),
		.threads = conf->threads,
		.progress = conf->progress,
		.progress_context = conf->progress_context};
	wanted.columns |= nr_flow_filter_columns(query->filter);
	wanted.host_count = nr_flow_filter_hosts(query->filter, wanted.hosts, NR_FLOW_HOSTS_MAX);
	query->error = &refused;
	int e = nr_flow_archive_scan(archive, &wanted, take_scanned, query, &query->scan, error);
	query->error = NULL;
	if (e == -ECANCELED && query->cut)
		return 0;
	if (e == -ETIME)
		return nr_fail(error, e, "the answer takes too long: ask for less time, or for fewer flows");
	if (e && refused.code)
		return nr_fail(error, e, "%s", refused.text);
	return e;
}

int nr_flow_query_finish(struct nr_flow_query *query, struct nr_error *error)
{
	uint64_t seen = 0;
	for (unsigned i = 0; i < query->conf.threads; i++)
		seen += query->hands[i].seen;
	if (!query->scan.flows)
		query->scan.flows = seen;
	return query->sum ? nr_flow_sum_finish(query->sum, query->conf.top, error) : 0;
}

uint64_t nr_flow_query_matched(const struct nr_flow_query *query)
{
	uint64_t matched = 0;
	for (unsigned i = 0; i < query->conf.threads; i++)
		matched += query->hands[i].matched;
	return matched;
}

bool nr_flow_query_is_cut(const struct nr_flow_query *query)
{
	return query->cut;
}

const struct nr_flow_scan *nr_flow_query_scanned(const struct nr_flow_query *query)
{
	return &query->scan;
}

const struct nr_flow_sum *nr_flow_query_sum(const struct nr_flow_query *query)
{
	return query->sum;
}

/* ---- the answer as JSON ---- */

void nr_flow_query_write_scanned(const struct nr_flow_query *query, struct nr_json *json)
{
	nr_json_object(json, "scanned");
	nr_json_uint(json, "flows", query->scan.flows);
	nr_json_uint(json, "parts", query->scan.parts);
	nr_json_uint(json, "skipped", query->scan.parts_skipped);
	nr_json_uint(json, "damaged", query->scan.damaged);
	nr_json_uint(json, "bytes", query->scan.bytes_read);
	nr_json_object_end(json);
}

static void write_sums(const struct nr_flow_sums *sums, struct nr_json *json)
{
	for (unsigned i = 0; i < NR_FLOW_ORDERS; i++)
		nr_json_uint(json, nr_flow_orders[i], sums->values[i]);
	nr_json_uint(json, "unknown_sampling", sums->unknown);
}

static void write_totals(const struct nr_flow_query *query, struct nr_json *json)
{
	const struct nr_flow_sum_totals *totals = nr_flow_sum_totals(query->sum);
	bool any = totals->first <= totals->last;
	nr_json_object(json, "totals");
	write_sums(&totals->sums, json);
	nr_json_time(json, "first", any ? totals->first : NR_TIME_MIN);
	nr_json_time(json, "last", any ? totals->last : NR_TIME_MIN);
	if (query->conf.sum.field_count) {
		nr_json_uint(json, "keys", totals->keys);
		nr_json_bool(json, "exact", !totals->forgotten);
	}
	if (totals->forgotten) {
		nr_json_uint(json, "forgotten_keys", totals->forgotten);
		nr_json_uint(json, "forgotten", totals->forgotten_value);
		nr_json_uint(json, "error", totals->error);
	}
	nr_json_object_end(json);
}

static void write_key(
	const struct nr_flow_query *query, const uint64_t *key, bool named, struct nr_json *json)
{
	for (size_t i = 0; i < query->conf.sum.field_count; i++) {
		const struct nr_flow_field *field = &query->conf.sum.fields[i];
		nr_flow_field_write_json(field, key, json, named ? field->name : NULL);
		key += field->words;
	}
}

static void write_rows(const struct nr_flow_query *query, struct nr_json *json)
{
	nr_json_array(json, "columns");
	for (size_t i = 0; i < query->conf.sum.field_count; i++)
		nr_json_text(json, NULL, query->conf.sum.fields[i].name);
	for (unsigned i = 0; i < NR_FLOW_ORDERS; i++)
		nr_json_text(json, NULL, nr_flow_orders[i]);
	nr_json_text(json, NULL, "unknown_sampling");
	nr_json_array_end(json);
	nr_json_array(json, "rows");
	for (size_t i = 0; i < nr_flow_sum_count(query->sum); i++) {
		struct nr_flow_sums sums;
		const uint64_t *key;
		nr_flow_sum_row(query->sum, i, &sums, &key);
		nr_json_object(json, NULL);
		write_key(query, key, true, json);
		write_sums(&sums, json);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_series(const struct nr_flow_query *query, struct nr_json *json)
{
	size_t count;
	const struct nr_flow_sum_point *points = nr_flow_sum_series(query->sum, &count);
	nr_json_array(json, "series");
	for (size_t i = 0; i < count; i++) {
		struct nr_flow_sums sums;
		const uint64_t *key = NULL;
		nr_json_array(json, NULL);
		nr_json_time(json, NULL, points[i].time);
		if (points[i].row != NR_FLOW_SUM_ALL) {
			nr_flow_sum_row(query->sum, points[i].row, &sums, &key);
			write_key(query, key, false, json);
		}
		nr_json_uint(json, NULL, points[i].sums.values[query->conf.sum.order]);
		nr_json_array_end(json);
	}
	nr_json_array_end(json);
}

void nr_flow_query_write_json(const struct nr_flow_query *query, struct nr_json *json)
{
	nr_flow_query_write_scanned(query, json);
	write_totals(query, json);
	nr_json_text(json, "order", nr_flow_orders[query->conf.sum.order]);
	write_rows(query, json);
	if (query->conf.sum.step) {
		nr_json_real(json, "step", (double)query->conf.sum.step / NR_SECOND);
		write_series(query, json);
	}
}
