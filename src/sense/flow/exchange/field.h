/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The field of shares: integers modulo the Mersenne prime 2^61 - 1. Elements are below NR_FIELD_PRIME.
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_FIELD_H
#define NR_SENSE_FLOW_EXCHANGE_FIELD_H

#include "base/base.h"

#define NR_FIELD_PRIME ((UINT64_C(1) << 61) - 1)

__extension__ typedef unsigned __int128 nr_field_wide; /* what products are summed in */

NR_INLINE uint64_t nr_field_reduce(nr_field_wide x)
{
	x = (x & NR_FIELD_PRIME) + (x >> 61); /* below 2^68 */
	uint64_t once = (uint64_t)(x & NR_FIELD_PRIME) + (uint64_t)(x >> 61);
	return once >= NR_FIELD_PRIME ? once - NR_FIELD_PRIME : once;
}

NR_INLINE uint64_t nr_field_times(uint64_t a, uint64_t b)
{
	return nr_field_reduce((nr_field_wide)a * b);
}

NR_INLINE uint64_t nr_field_minus(uint64_t a, uint64_t b)
{
	return a >= b ? a - b : a + NR_FIELD_PRIME - b;
}

/* Of an element that is not zero, by Fermat. */
NR_INLINE uint64_t nr_field_inverse(uint64_t a)
{
	uint64_t result = 1;
	for (uint64_t power = NR_FIELD_PRIME - 2; power; power >>= 1) {
		if (power & 1)
			result = nr_field_times(result, a);
		a = nr_field_times(a, a);
	}
	return result;
}

/* Weights w[i] with sum w[i] P(x[i]) = P(0) for every polynomial of degree below count (Lagrange). x: all
 * different, none zero. */
NR_INLINE void nr_field_weights(const uint64_t *x, unsigned count, uint64_t *w)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t above = 1, below = 1;
		for (unsigned j = 0; j < count; j++) {
			if (j == i)
				continue;
			above = nr_field_times(above, x[j]);
			below = nr_field_times(below, nr_field_minus(x[j], x[i]));
		}
		w[i] = nr_field_times(above, nr_field_inverse(below));
	}
}

#endif
