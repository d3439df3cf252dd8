/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator sets alarms per day, not a score: the most likely ones are alarms until the day's are used up.
 * A confidence does not depend on it. What follows from an alarm costs nothing.
 */
#include "sense/flow/detect/judge/verdict_inside.h"

#include <math.h>

/* Alarms, what is told with them, the rest; in each the surest first, and an order that repeats. */
static unsigned rank_of(const struct nr_flow_verdict *verdict)
{
	return verdict->alarm ? 0 : verdict->follows ? 1 : 2;
}

static int by_rank(const void *a, const void *b)
{
	const struct nr_flow_verdict *x = a, *y = b;
	unsigned i = rank_of(x), j = rank_of(y);
	if (i != j)
		return i < j ? -1 : 1;
	if (x->confidence != y->confidence)
		return x->confidence > y->confidence ? -1 : 1;
	if (x->llr != y->llr)
		return x->llr > y->llr ? -1 : 1;
	int order = memcmp(&x->subject.address, &y->subject.address, sizeof x->subject.address);
	if (order)
		return order;
	if (x->subject.port != y->subject.port)
		return x->subject.port < y->subject.port ? -1 : 1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

void nr_flow_judge_budget(struct nr_flow_judge *judge)
{
	double days = NR_MAX((double)judge->conf.window / NR_DAY, 1);
	double budget = round(NR_MAX(judge->conf.alarms_per_day, 0) * days);
	if (!judge->verdict_count)
		return;
	qsort(judge->verdicts, judge->verdict_count, sizeof *judge->verdicts, by_rank);
	for (size_t i = 0; i < judge->verdict_count && (double)judge->alarms < budget; i++) {
		struct nr_flow_verdict *verdict = &judge->verdicts[i];
		if (verdict->follows || verdict->confidence < NR_FLOW_ALARM_FLOOR)
			continue;
		verdict->alarm = true;
		judge->alarms++;
	}
	qsort(judge->verdicts, judge->verdict_count, sizeof *judge->verdicts, by_rank);
}
