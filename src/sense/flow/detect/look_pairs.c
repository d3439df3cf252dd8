/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/look_pairs.h"

#include <errno.h>
#include <math.h>

#define CHUNK    4096 /* pairs that are looked at under one lock */
#define GAPS_MIN 3    /* of a pair that tells of its rhythm */

struct reading {
	struct nr_flow_detect *detect;
	const struct nr_flow_choice *choice;
	uint32_t *of_server; /* owned: the candidate of a server's number, + 1 */
	uint32_t server_count;
	struct nr_flow_paired paired;
};

/* The candidate of a pair, + 1; 0: none. */
static uint32_t candidate_of(const struct reading *r, const struct nr_flow_pair_entry *pair)
{
	if (!pair->entry.live || pair->server >= r->server_count)
		return 0;
	uint32_t candidate = r->of_server[pair->server];
	bool same = candidate &&
		    r->choice->items[candidate - 1].server.entry.generation == pair->server_generation;
	return same ? candidate : 0;
}

/* Calls each() for the pairs of candidates; between two readings some may have come and gone. */
static void each_pair(struct reading *r, void (*each)(struct reading *r, struct nr_flow_pair_range *range,
						 const struct nr_flow_pair_entry *pair))
{
	const struct nr_flow_clock_table *table = &r->detect->pairs.table;
	uint32_t used = CHUNK;
	for (uint32_t at = 0; at < used; at += CHUNK) {
		pthread_mutex_lock(&r->detect->lock);
		used = table->used;
		for (uint32_t i = at; i < NR_MIN(used, at + CHUNK); i++) {
			const struct nr_flow_pair_entry *pair = nr_flow_clock_table_at(table, i);
			uint32_t candidate = candidate_of(r, pair);
			if (candidate)
				each(r, &r->paired.ranges[candidate - 1], pair);
		}
		pthread_mutex_unlock(&r->detect->lock);
	}
}

static void count(struct reading *r, struct nr_flow_pair_range *range, const struct nr_flow_pair_entry *pair)
{
	(void)r, (void)pair;
	range->room++;
}

static void copy(struct reading *r, struct nr_flow_pair_range *range, const struct nr_flow_pair_entry *pair)
{
	if (range->count < range->room)
		r->paired.pairs[range->begin + range->count++] = *pair;
	else
		range->cut = true;
}

static int read_pairs(struct reading *r)
{
	const struct nr_flow_choice *choice = r->choice;
	pthread_mutex_lock(&r->detect->lock);
	r->server_count = r->detect->servers.used;
	pthread_mutex_unlock(&r->detect->lock);
	r->of_server = calloc(NR_MAX(r->server_count, 1u), sizeof *r->of_server);
	r->paired.ranges = calloc(choice->count + 1, sizeof *r->paired.ranges);
	if (!r->of_server || !r->paired.ranges)
		return -ENOMEM;
	for (size_t i = 0; i < choice->count; i++)
		r->of_server[choice->items[i].number] = (uint32_t)i + 1;
	each_pair(r, count);
	size_t all = 0, most = r->detect->look_bytes / sizeof *r->paired.pairs;
	for (size_t i = 0; i < choice->count; i++) {
		struct nr_flow_pair_range *range = &r->paired.ranges[i];
		range->begin = all;
		range->room = NR_MIN(range->room, NR_MIN((size_t)NR_FLOW_CLIENTS_MAX, most - all));
		all += range->room;
	}
	r->paired.pairs = malloc(NR_MAX(all, (size_t)1) * sizeof *r->paired.pairs);
	if (!r->paired.pairs)
		return -ENOMEM;
	each_pair(r, copy);
	return 0;
}

int nr_flow_paired_init(struct nr_flow_paired *paired, struct nr_flow_detect *detect,
	const struct nr_flow_choice *choice, struct nr_error *error)
{
	struct reading r = {.detect = detect, .choice = choice};
	int e = read_pairs(&r);
	free(r.of_server);
	if (e)
		nr_flow_paired_fini(&r.paired);
	else
		*paired = r.paired;
	return e ? nr_fail(error, e, "out of memory") : 0;
}

void nr_flow_paired_fini(struct nr_flow_paired *paired)
{
	free(paired->pairs);
	free(paired->ranges);
	*paired = (struct nr_flow_paired){0};
}

/* ---- timing ---- */

static int smaller(const void *a, const void *b)
{
	const float *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double median(float *values, size_t count)
{
	qsort(values, count, sizeof *values, smaller);
	return count ? (double)values[count / 2] : 0;
}

struct nr_flow_timing nr_flow_paired_timing(
	const struct nr_flow_pair_entry *pairs, size_t count_pairs, nr_time from, nr_time to)
{
	float means[NR_FLOW_CLIENTS_MAX], variations[NR_FLOW_CLIENTS_MAX], hours[NR_FLOW_CLIENTS_MAX];
	struct nr_flow_timing timing = {.timer_distance = 1};
	size_t rhythms = 0, clients = NR_MIN(count_pairs, (size_t)NR_FLOW_CLIENTS_MAX);
	double refused = 0;
	double window = NR_MIN(NR_MAX((double)(to - from) / (double)NR_HOUR, 1.), 24.);
	for (size_t i = 0; i < clients; i++) {
		const struct nr_flow_pair_entry *pair = &pairs[i];
		timing.beats += pair->flows;
		refused += NR_MIN(pair->refused, pair->flows);
		timing.strobe = NR_MAX(timing.strobe, pair->flows);
		double share = __builtin_popcount(pair->hours) / window;
		hours[i] = (float)NR_MIN(share, 1.);
		if (pair->flows <= GAPS_MIN || !(pair->gap_mean > 0))
			continue;
		means[rhythms] = pair->gap_mean;
		variations[rhythms++] = sqrtf(pair->gap_square / (float)(pair->flows - 2)) / pair->gap_mean;
	}
	timing.clients = (uint32_t)clients;
	timing.gap_median = median(means, rhythms);
	timing.gap_variation = median(variations, rhythms);
	timing.persistence = median(hours, clients);
	timing.refused_share = timing.beats ? refused / timing.beats : 0;
	/* of a gamma distribution the shape is the inverse square of the variation */
	if (timing.gap_variation > 0)
		timing.shape = NR_MIN(1 / (timing.gap_variation * timing.gap_variation), 1e6);
	return timing;
}
