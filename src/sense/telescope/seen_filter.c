/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/seen_filter.h"
#include "base/pages.h"

#include <string.h>

static size_t bytes_of(const struct nr_seen_filter *f)
{
	return f->lines * NR_SEEN_LINE * sizeof(uint64_t);
}

int nr_seen_filter_init(struct nr_seen_filter *f, struct nr_area *area, size_t bytes, struct nr_error *error)
{
	*f = (struct nr_seen_filter){.lines = 64, .since = {NR_TIME_MIN, NR_TIME_MIN}, .old_is_empty = true};
	while (bytes_of(f) * 2 <= bytes)
		f->lines *= 2;
	for (size_t i = 0; i < 2; i++) {
		void *pages = NULL;
		int e = nr_pages_resize(area, &pages, 0, bytes_of(f), error);
		if (e) {
			nr_seen_filter_fini(f, area);
			return e;
		}
		f->generations[i] = pages;
	}
	return 0;
}

void nr_seen_filter_fini(struct nr_seen_filter *f, struct nr_area *area)
{
	for (size_t i = 0; i < 2; i++)
		nr_pages_unmap(area, f->generations[i], bytes_of(f));
	*f = (struct nr_seen_filter){0};
}

void nr_seen_filter_age(struct nr_seen_filter *f, nr_time now)
{
	/* half of the bits are set after ln 2 * bits / k entries */
	uint64_t room = (uint64_t)((double)f->lines * 512 * 0.6931 / NR_SEEN_BITS);
	if (f->since[f->young] == NR_TIME_MIN)
		f->since[0] = f->since[1] = now;
	if (now - f->since[f->young] < NR_SEEN_AGE && f->entered < room)
		return;
	f->young ^= 1;
	f->old_is_empty = false;
	memset(f->generations[f->young], 0, bytes_of(f));
	f->since[f->young] = now;
	f->entered = 0;
}

bool nr_seen_filter_add(struct nr_seen_filter *f, uint64_t key)
{
	uint64_t hash = nr_hll_hash(key);
	size_t line = nr_seen_filter_line(f, hash);
	uint64_t *young = f->generations[f->young] + line;
	const uint64_t *old = f->generations[f->young ^ 1] + line;
	bool in_young = true, in_old = !f->old_is_empty;
	for (unsigned i = 0; i < NR_SEEN_BITS; i++) {
		unsigned bit = (unsigned)(hash >> (28 + 9 * i)) & 511;
		uint64_t mask = UINT64_C(1) << (bit % 64);
		in_young &= (young[bit / 64] & mask) != 0;
		in_old = in_old && (old[bit / 64] & mask);
	}
	if (in_young)
		return true;
	for (unsigned i = 0; i < NR_SEEN_BITS; i++) {
		unsigned bit = (unsigned)(hash >> (28 + 9 * i)) & 511;
		young[bit / 64] |= UINT64_C(1) << (bit % 64);
	}
	f->entered++;
	return in_old;
}

nr_time nr_seen_filter_since(const struct nr_seen_filter *f)
{
	return f->since[f->young ^ 1];
}
