/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/timing/timing_inside.h"

#include <string.h>

#define INSERTION 48 /* below, moving by hand is cheaper than counting octets */

static void insert(uint64_t *values, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint64_t v = values[i];
		size_t k = i;
		for (; k && values[k - 1] > v; k--)
			values[k] = values[k - 1];
		values[k] = v;
	}
}

/* Radix sort by octets, the lowest first; octets that all values share are skipped. The C library's qsort()
 * may allocate and may be quadratic. */
void nr_flow_timing_sort(uint64_t *values, uint64_t *other, size_t count)
{
	uint64_t differ = 0, *from = values, *to = other;
	if (count < INSERTION) {
		insert(values, count);
		return;
	}
	for (size_t i = 1; i < count; i++)
		differ |= values[i] ^ values[0];
	for (unsigned shift = 0; shift < 64; shift += 8) {
		size_t places[256] = {0}, place = 0;
		if (!(differ >> shift & 0xff))
			continue;
		for (size_t i = 0; i < count; i++)
			places[from[i] >> shift & 0xff]++;
		for (size_t i = 0; i < NR_COUNT(places); i++) {
			size_t n = places[i];
			places[i] = place;
			place += n;
		}
		for (size_t i = 0; i < count; i++)
			to[places[from[i] >> shift & 0xff]++] = from[i];
		uint64_t *other_one = from;
		from = to;
		to = other_one;
	}
	if (from != values)
		memcpy(values, from, count * sizeof(*values));
}
