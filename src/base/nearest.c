/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include <string.h>

#define NEAREST_LENGTH 32 /* longer words are not compared */

static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[3][NEAREST_LENGTH + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b_length; j++)
		above[j] = before[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = NR_MIN(replaced, NR_MIN(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = NR_MIN(row[j], before[j - 2] + 1);
		}
		size_t *free_row = before;
		before = above;
		above = row;
		row = free_row;
	}
	return above[b_length];
}

void nr_nearest_offer(struct nr_nearest *nearest, const char *name)
{
	size_t length = strlen(nearest->word), name_length = strlen(name);
	if (length < 2 || length > NEAREST_LENGTH || name_length > NEAREST_LENGTH)
		return;
	bool begins = length >= 3 && strncmp(name, nearest->word, length) == 0; /* "tele" means "telescope" */
	size_t distance = begins ? 1 : edit_distance(nearest->word, length, name, name_length);
	if (distance > NR_MAX(1, length / 3) || (nearest->best && nearest->distance <= distance))
		return;
	nearest->best = name;
	nearest->distance = distance;
}
