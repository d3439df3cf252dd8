/* SPDX-License-Identifier: Apache-2.0 */
/* The detectors' state in one place: made at the first window, shown each window and day. */
#include "sense/telescope/early.h"
#include "base/pages.h"
#include "sense/telescope/change.h"
#include "sense/telescope/synchrony.h"
#include "sense/telescope/warning.h"

#include <stdlib.h>

#define NR_JUDGED_MAX 65536 /* research scanners of one day that are left out on the next */

struct nr_early {
	struct nr_area *area;
	struct nr_change *change;
	struct nr_synchrony *synchrony;
	uint64_t judged[NR_JUDGED_MAX]; /* ascending */
	size_t judged_count;
};

static int make(const struct nr_early_window *window, struct nr_error *error)
{
	struct nr_area *area = window->merged->locals[0]->area;
	void *pages = NULL;
	int e = nr_pages_resize(area, &pages, 0, sizeof(struct nr_early), error);
	if (e)
		return e;
	struct nr_early *early = pages;
	early->area = area;
	window->merged->early = early;
	e = nr_change_new(area, window->conf->memory_bytes, &early->change, error);
	if (!e)
		e = nr_synchrony_new(area, window->conf->memory_bytes, &early->synchrony, error);
	return e;
}

static struct nr_known_scanners known_of(const struct nr_early *early, const struct nr_telescope_conf *conf)
{
	return (struct nr_known_scanners){conf->refs, early->judged, early->judged_count};
}

int nr_early_window(const struct nr_early_window *window, struct nr_error *error)
{
	int e = window->merged->early ? 0 : make(window, error);
	if (e)
		return e;
	struct nr_early *early = window->merged->early;
	struct nr_known_scanners known = known_of(early, window->conf);
	e = nr_change_window(early->change, window, &known, error);
	return e ? e : nr_synchrony_window(early->synchrony, window, &known, error);
}

static int by_member(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Whom a rule marked today is left out tomorrow; what a day's slots have said stands. */
static void remember_scanners(struct nr_early *early, const struct nr_merged *m, size_t first)
{
	early->judged_count = 0;
	for (size_t i = first; i < m->scanners.count && early->judged_count < NR_JUDGED_MAX; i++)
		early->judged[early->judged_count++] = m->scanners.items[i].member;
	if (early->judged_count > 1)
		qsort(early->judged, early->judged_count, sizeof *early->judged, by_member);
}

int nr_early_day(const struct nr_day_end *end, const struct nr_tally *tally, size_t scanner_first,
	struct nr_error *error)
{
	struct nr_early *early = end->merged->early;
	(void)tally;
	(void)error;
	if (early)
		remember_scanners(early, end->merged, scanner_first);
	return 0;
}

uint64_t nr_early_bytes(uint64_t memory_bytes)
{
	return sizeof(struct nr_early) + sizeof(struct nr_change) + memory_bytes / 128 +
	       nr_synchrony_bytes(memory_bytes);
}

void nr_early_free(struct nr_early *early)
{
	if (!early)
		return;
	nr_change_free(early->change);
	nr_synchrony_free(early->synchrony);
	nr_pages_unmap(early->area, early, sizeof *early);
}
