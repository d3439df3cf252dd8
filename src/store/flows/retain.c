/* SPDX-License-Identifier: Apache-2.0 */
/* What is too old, too much, or to be erased by order: whole segments, by the oldest flow in each. */
#include "store/flows/archive_inside.h"

#include <string.h>

static void forget_known(struct nr_flow_archive *a, const char *stem)
{
	for (size_t i = 0; i < a->known_count; i++)
		if (!strcmp(a->known[i].stem, stem)) {
			a->erased += a->known[i].totals.flows;
			memmove(&a->known[i], &a->known[i + 1], (--a->known_count - i) * sizeof *a->known);
			return;
		}
}

/* Erases the first settled segment of which `is_due` says so; 1: it did; 0: there is none. */
static int erase_one(struct nr_flow_archive *a,
	bool (*is_due)(const struct nr_flow_archive *a, const struct nr_flow_known *known, nr_time before),
	nr_time before, struct nr_error *error)
{
	char stem[NR_FLOW_STEM_MAX] = "";
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->known_count && !*stem; i++)
		if (is_due(a, &a->known[i], before))
			memcpy(stem, a->known[i].stem, sizeof stem);
	pthread_mutex_unlock(&a->lock);
	if (!*stem)
		return 0;
	int e = nr_flow_segment_erase(a->folder, stem, error);
	if (e)
		return e;
	pthread_mutex_lock(&a->lock);
	forget_known(a, stem);
	pthread_mutex_unlock(&a->lock);
	return 1;
}

static bool is_older(const struct nr_flow_archive *a, const struct nr_flow_known *known, nr_time before)
{
	(void)a;
	return known->totals.oldest < before;
}

/* The first by name is the oldest. */
static bool is_too_much(const struct nr_flow_archive *a, const struct nr_flow_known *known, nr_time before)
{
	(void)known;
	(void)before;
	uint64_t bytes = 0;
	for (size_t i = 0; i < a->known_count; i++)
		bytes += a->known[i].totals.bytes;
	for (const struct nr_flow_growth *g = a->growths; g; g = g->next)
		bytes += g->totals.bytes;
	return bytes > a->conf.keep_bytes;
}

int nr_flow_archive_erase_older(struct nr_flow_archive *a, nr_time before, struct nr_error *error)
{
	int e;
	while ((e = erase_one(a, is_older, before, error)) == 1)
		;
	return e;
}

int nr_flow_archive_retain(struct nr_flow_archive *a, nr_time now, struct nr_error *error)
{
	int e = nr_flow_archive_erase_older(a, now - a->conf.keep, error);
	if (!e && a->conf.keep_bytes)
		while ((e = erase_one(a, is_too_much, 0, error)) == 1)
			;
	return e;
}
