/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benign servers that are most like an alarmed one: what the reader compares it with before anything is
 * done. Likeness is how many bins two servers' evidence lies apart, term by term.
 */
#include "sense/flow/detect/judge/verdict_inside.h"

#include <math.h>

#define BENIGN_BELOW  0.05 /* confidence of what is taken for benign */
#define COMPARED_MAX  200  /* alarms that are compared; beyond them nobody reads */
#define UNKNOWN_APART 0.25 /* of a term that one of them lacks */

static double apart(const struct nr_flow_record *a, const struct nr_flow_record *b)
{
	size_t count;
	const struct nr_flow_term *terms = nr_flow_terms(a->model, &count);
	double sum = 0;
	for (size_t i = 0; i < count; i++) {
		double x = (double)a->evidence.values[i], y = (double)b->evidence.values[i];
		if (isnan(x) && isnan(y))
			continue;
		if (isnan(x) || isnan(y)) {
			sum += UNKNOWN_APART;
			continue;
		}
		double step =
			((double)nr_flow_term_bin(&terms[i], x) - (double)nr_flow_term_bin(&terms[i], y)) /
			terms[i].edge_count;
		sum += step * step;
	}
	return sum;
}

static void offer(struct nr_flow_verdict *verdict, double *distances, double distance,
	const struct nr_flow_server *server)
{
	size_t at = verdict->similar_count;
	while (at && distances[at - 1] > distance)
		at--;
	if (at == NR_COUNT(verdict->similar))
		return;
	size_t behind = NR_MIN(verdict->similar_count, NR_COUNT(verdict->similar) - 1) - at;
	memmove(&distances[at + 1], &distances[at], behind * sizeof *distances);
	memmove(&verdict->similar[at + 1], &verdict->similar[at], behind * sizeof verdict->similar[0]);
	distances[at] = distance;
	verdict->similar[at] = *server;
	verdict->similar_count = at + behind + 1;
}

static const struct nr_flow_record *record_of(
	const struct nr_flow_judge *judge, const struct nr_flow_server *server)
{
	for (size_t k = 0; k < judge->kept_count; k++) {
		const struct nr_flow_record *record = &judge->records[judge->kept[k].record];
		if (record->server.port == server->port && record->server.protocol == server->protocol &&
			nr_address_equal(&record->server.address, &server->address))
			return record;
	}
	return NULL;
}

void nr_flow_judge_compare(struct nr_flow_judge *judge)
{
	size_t compared = 0;
	for (size_t i = 0; i < judge->verdict_count && compared < COMPARED_MAX; i++) {
		struct nr_flow_verdict *verdict = &judge->verdicts[i];
		double distances[NR_COUNT(verdict->similar)];
		const struct nr_flow_record *record = verdict->alarm && verdict->kind == NR_FLOW_C2_SERVER
							      ? record_of(judge, &verdict->subject)
							      : NULL;
		if (!record)
			continue;
		compared++;
		for (size_t j = 0; j < judge->record_count; j++) {
			const struct nr_flow_record *other = &judge->records[j];
			bool benign = other->outside.benign || other->confidence < (float)BENIGN_BELOW;
			if (benign && other->model == record->model && other != record)
				offer(verdict, distances, apart(record, other), &other->server);
		}
	}
}
