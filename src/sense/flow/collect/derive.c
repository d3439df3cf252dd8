/* SPDX-License-Identifier: Apache-2.0 */
/* What several columns together say, when all of them are there. */
#include "sense/flow/collect/decode.h"

#define EXPORT_DISTANCE NR_DAY /* a flow that is further from its export has a time that cannot be */

static void take_icmp(const struct nr_flow_run *run)
{
	uint16_t *port = (uint16_t *)nr_flow_column_at(run->block, NR_FLOW_DESTINATION_PORT) + run->first;
	for (uint32_t i = 0; i < run->count; i++) {
		uint64_t type = run->facts[NR_FLOW_FACT_ICMP_TYPE][i] & 0xff;
		uint64_t code = run->facts[NR_FLOW_FACT_ICMP_CODE][i] & 0xff;
		if (port[i] == 0)
			port[i] = (uint16_t)(type << 8 | code);
	}
}

/* One end and how long it took. */
static void take_duration(const struct nr_flow_run *run, const uint64_t *durations, int64_t unit_us)
{
	int64_t *first = (int64_t *)nr_flow_column_at(run->block, NR_FLOW_FIRST) + run->first;
	int64_t *last = (int64_t *)nr_flow_column_at(run->block, NR_FLOW_LAST) + run->first;
	for (uint32_t i = 0; i < run->count; i++) {
		int64_t duration = (int64_t)(durations[i] & UINT32_MAX) * unit_us;
		if (first[i] && !last[i])
			last[i] = first[i] + duration;
		else if (last[i] && !first[i])
			first[i] = last[i] - duration;
	}
}

static uint16_t repair_time(struct nr_flow_run *run, int64_t *first, int64_t *last)
{
	if (*first == 0 && *last == 0) {
		*first = *last = run->exported_us;
		run->times_of_export++;
		return NR_FLOW_MARK_TIME_OF_EXPORT;
	}
	if (*last == 0)
		*last = *first;
	else if (*first == 0)
		*first = *last;
	/* A step of the clock while the flow lasted is not told from an error either. */
	if (*first <= *last && *first >= run->exported_us - EXPORT_DISTANCE &&
		*last <= run->exported_us + EXPORT_DISTANCE)
		return 0;
	*first = *last = run->exported_us;
	run->times_suspect++;
	return NR_FLOW_MARK_TIME_SUSPECT | NR_FLOW_MARK_TIME_OF_EXPORT;
}

/* Whether some row's times are not earliest <= first <= last <= latest. By signs of differences and without a
 * branch, so that it goes several rows at a time: counted from the earliest, both times and both distances
 * are positive then and only then. */
static bool are_odd(
	const uint64_t *restrict first, const uint64_t *restrict last, uint32_t count, int64_t exported_us)
{
	const uint64_t earliest = (uint64_t)(exported_us - EXPORT_DISTANCE), window = 2 * EXPORT_DISTANCE;
	uint64_t signs = 0; /* all zero is before the earliest, too */
	for (uint32_t i = 0; i < count; i++) {
		uint64_t f = first[i] - earliest, l = last[i] - earliest;
		signs |= f | l | (l - f) | (window - l);
	}
	return signs >> 63;
}

static void check_times(struct nr_flow_run *run, uint16_t *marks)
{
	int64_t *first = (int64_t *)nr_flow_column_at(run->block, NR_FLOW_FIRST) + run->first;
	int64_t *last = (int64_t *)nr_flow_column_at(run->block, NR_FLOW_LAST) + run->first;
	if (!are_odd((const uint64_t *)first, (const uint64_t *)last, run->count, run->exported_us))
		return;
	for (uint32_t i = 0; i < run->count; i++)
		marks[i] |= repair_time(run, &first[i], &last[i]);
}

static bool is_zero(const struct nr_flow_run *run, const struct nr_flow_plan *plan,
	enum nr_flow_column column, uint32_t row)
{
	return !(plan->columns >> column & 1) ||
	       ((const uint64_t *)nr_flow_column_at(run->block, column))[run->first + row] == 0;
}

/* What an event counted is traffic: firewalls tell octets with the end of a connection. */
static void mark_events(const struct nr_flow_run *run, const struct nr_flow_plan *plan, uint16_t *marks)
{
	const uint8_t *event = (const uint8_t *)nr_flow_column_at(run->block, NR_FLOW_EVENT) + run->first;
	for (uint32_t i = 0; i < run->count; i++)
		if (event[i] && is_zero(run, plan, NR_FLOW_PACKETS, i) &&
			is_zero(run, plan, NR_FLOW_BYTES, i) &&
			is_zero(run, plan, NR_FLOW_REVERSE_PACKETS, i) &&
			is_zero(run, plan, NR_FLOW_REVERSE_BYTES, i))
			marks[i] |= NR_FLOW_MARK_EVENT;
}

static void fill(uint16_t *to, uint32_t count, uint16_t value)
{
	for (uint32_t i = 0; i < count; i++)
		to[i] = value;
}

void nr_flow_decode_end(struct nr_flow_run *run, const struct nr_flow_plan *plan)
{
	uint16_t *marks = (uint16_t *)nr_flow_column_at(run->block, NR_FLOW_MARKS) + run->first;
	fill((uint16_t *)nr_flow_column_at(run->block, NR_FLOW_STREAM) + run->first, run->count, run->stream);
	fill(marks, run->count, plan->marks);
	if (plan->facts >> NR_FLOW_FACT_ICMP_TYPE & 1 && plan->facts >> NR_FLOW_FACT_ICMP_CODE & 1)
		take_icmp(run);
	if (plan->facts >> NR_FLOW_FACT_DURATION_MS & 1)
		take_duration(run, run->facts[NR_FLOW_FACT_DURATION_MS], 1000);
	if (plan->facts >> NR_FLOW_FACT_DURATION_US & 1)
		take_duration(run, run->facts[NR_FLOW_FACT_DURATION_US], 1);
	check_times(run, marks);
	if (plan->columns >> NR_FLOW_EVENT & 1)
		mark_events(run, plan, marks);
}
