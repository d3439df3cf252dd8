/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/tee.h"

#include <assert.h>

static void keep_first(int *first, int status, struct nr_error *error, const struct nr_error *of_sink)
{
	if (!status || *first)
		return;
	*first = status;
	if (error)
		*error = *of_sink;
}

static int pass_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct nr_tee *tee = (struct nr_tee *)sink;
	int first = 0;
	for (size_t i = 0; i < tee->count; i++) {
		if (!table->time_column && !tee->to[i].live)
			continue;
		struct nr_error of_sink = {0};
		int status = tee->to[i].sink->rows(tee->to[i].sink, table, rows, count, &of_sink);
		keep_first(&first, status, error, &of_sink);
	}
	return first;
}

static int pass_commit(struct nr_sink *sink, struct nr_error *error)
{
	struct nr_tee *tee = (struct nr_tee *)sink;
	int first = 0;
	for (size_t i = 0; i < tee->count; i++) {
		struct nr_error of_sink = {0};
		int status = tee->to[i].sink->commit(tee->to[i].sink, &of_sink);
		keep_first(&first, status, error, &of_sink);
	}
	return first;
}

void nr_tee_init(struct nr_tee *tee)
{
	*tee = (struct nr_tee){.sink = {pass_rows, pass_commit}};
}

void nr_tee_add(struct nr_tee *tee, struct nr_sink *sink, bool live)
{
	if (!sink)
		return;
	assert(tee->count < NR_TEE_SINKS);
	tee->to[tee->count].sink = sink;
	tee->to[tee->count++].live = live;
}
