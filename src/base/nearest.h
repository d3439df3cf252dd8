/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": offer the known names one after the other, best is the nearest one or NULL when none is
 * near. Distance: optimal string alignment (insert, delete, replace, swap of neighbours); a third of the word
 * may differ.
 */
#ifndef NR_BASE_NEAREST_H
#define NR_BASE_NEAREST_H

#include "base/base.h"

struct nr_nearest {
	const char *word;
	const char *best;
	size_t distance; /* of best */
};

void nr_nearest_offer(struct nr_nearest *nearest, const char *name);

#endif
