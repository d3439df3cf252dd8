/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/table/admit.h"

#include "base/pages.h"

#include <string.h>

#define LINE_BITS (NR_FLOW_ADMIT_WORDS * 64)
#define PROBES    3

int nr_flow_admit_init(struct nr_flow_admit *admit, uint64_t bytes, struct nr_error *error)
{
	struct nr_flow_admit a = {0};
	uint64_t count = NR_MAX(bytes / sizeof *a.lines, UINT64_C(64));
	a.count = (uint32_t)NR_MIN(count, (uint64_t)UINT32_MAX);
	a.bytes = a.count * sizeof *a.lines;
	void *pages = NULL;
	int e = nr_pages_resize(NULL, &pages, 0, a.bytes, error);
	if (e)
		return e;
	a.lines = pages;
	*admit = a;
	return 0;
}

void nr_flow_admit_fini(struct nr_flow_admit *admit)
{
	nr_pages_unmap(NULL, admit->lines, admit->bytes);
	*admit = (struct nr_flow_admit){0};
}

void nr_flow_admit_clear(struct nr_flow_admit *admit)
{
	memset(admit->lines, 0, admit->bytes);
}

static void age(struct nr_flow_admit_line *line, uint32_t hour)
{
	int full = 0;
	for (unsigned i = 0; i < NR_FLOW_ADMIT_WORDS; i++)
		full += __builtin_popcountll(line->earlier[i]);
	for (unsigned i = 0; i < NR_FLOW_ADMIT_WORDS; i++) {
		line->earlier[i] = full > LINE_BITS / 2 ? line->now[i] : line->earlier[i] | line->now[i];
		line->now[i] = 0;
	}
	line->hour = hour;
}

bool nr_flow_admit_pair(struct nr_flow_admit *admit, uint64_t hash, uint32_t hour)
{
	struct nr_flow_admit_line *line = nr_flow_admit_line(admit, hash);
	if (hour > line->hour)
		age(line, hour);
	bool was_seen = true;
	for (unsigned i = 0; i < PROBES; i++) {
		unsigned bit = ((unsigned)(hash >> 9 * i) & 0x1ff) * LINE_BITS >> 9;
		was_seen &= line->earlier[bit / 64] >> bit % 64 & 1;
		line->now[bit / 64] |= UINT64_C(1) << bit % 64;
	}
	return was_seen;
}
