/* SPDX-License-Identifier: Apache-2.0 */
/* What is too old, too much, or to be erased by order: whole segments, by the oldest flow in each. */
#include "store/flows/archive_inside.h"

#include <stdio.h>
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

/* The first settled segment with flows received before that time; the first of all where there are more
 * bytes than are kept (0: without limit): it is the oldest. "": none. */
static void choose(
	struct nr_flow_archive *a, nr_time before, uint64_t keep_bytes, char stem[static NR_FLOW_STEM_MAX])
{
	uint64_t bytes = 0;
	const struct nr_flow_known *chosen = NULL;
	pthread_mutex_lock(&a->lock);
	for (size_t i = a->known_count; i-- > 0;) {
		bytes += a->known[i].totals.bytes;
		if (a->known[i].totals.oldest < before)
			chosen = &a->known[i];
	}
	for (const struct nr_flow_growth *g = a->growths; g; g = g->next)
		bytes += g->totals.bytes;
	if (!chosen && keep_bytes && bytes > keep_bytes && a->known_count)
		chosen = a->known;
	snprintf(stem, NR_FLOW_STEM_MAX, "%s", chosen ? chosen->stem : "");
	pthread_mutex_unlock(&a->lock);
}

static int erase_all(struct nr_flow_archive *a, nr_time before, uint64_t keep_bytes, struct nr_error *error)
{
	char stem[NR_FLOW_STEM_MAX];
	for (choose(a, before, keep_bytes, stem); *stem; choose(a, before, keep_bytes, stem)) {
		int e = nr_flow_segment_erase(a->folder, stem, error);
		if (e)
			return e;
		pthread_mutex_lock(&a->lock);
		forget_known(a, stem);
		pthread_mutex_unlock(&a->lock);
	}
	return 0;
}

int nr_flow_archive_erase_older(struct nr_flow_archive *a, nr_time before, struct nr_error *error)
{
	return erase_all(a, before, 0, error);
}

int nr_flow_archive_retain(struct nr_flow_archive *a, nr_time now, struct nr_error *error)
{
	return erase_all(a, now - a->conf.keep, a->conf.keep_bytes, error);
}
