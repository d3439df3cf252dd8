/* SPDX-License-Identifier: Apache-2.0 */
#include "store/unique.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

void nr_unique_fini(struct nr_unique *unique)
{
	free(unique->whole.first);
	free(unique->part.first);
	free(unique->whole.sketch);
	free(unique->part.sketch);
	*unique = (struct nr_unique){0};
}

/* Most sides have one row, whose sketch nobody needs: it is merged when a second one comes. */
static int keep_first(struct nr_side *side, const uint8_t *sketch, size_t length, struct nr_error *error)
{
	side->first = malloc(length);
	if (!side->first)
		return nr_fail(error, -ENOMEM, "out of memory for sketches");
	memcpy(side->first, sketch, length);
	side->first_length = length;
	return 0;
}

int nr_side_merge(
	struct nr_side *side, const uint8_t *sketch, size_t length, bool alone, struct nr_error *error_text)
{
	if (alone && !side->first && !side->sketch)
		return keep_first(side, sketch, length, error_text);
	if (!side->sketch) {
		side->sketch = calloc(1, sizeof *side->sketch);
		if (!side->sketch)
			return nr_fail(error_text, -ENOMEM, "out of memory for sketches");
		if (side->first)
			side->lacking |=
				nr_hll_merge_bytes(side->sketch, side->first, side->first_length, NULL) != 0;
	}
	side->lacking |= nr_hll_merge_bytes(side->sketch, sketch, length, NULL) != 0;
	return 0;
}

size_t nr_side_write(struct nr_side *side, uint8_t out[static NR_HLL_BYTES_MAX])
{
	if (side->sketch && !side->lacking)
		return nr_hll_write(side->sketch, out);
	if (side->sketch || side->lacking || !side->first)
		return 0;
	memcpy(out, side->first, side->first_length);
	return side->first_length;
}

bool nr_side_note(struct nr_side *side, int64_t value, double error, size_t length)
{
	if (value <= 0)
		return false;
	side->rows++;
	side->single = (struct nr_count){value, error};
	side->largest = NR_MAX(side->largest, value);
	side->error = NR_MAX(side->error, error);
	if (error == 0)
		side->largest_exact = NR_MAX(side->largest_exact, value);
	bool readable = length && length <= NR_HLL_BYTES_MAX;
	side->lacking |= !readable;
	return readable;
}

int nr_side_add(struct nr_side *side, int64_t value, double error, const uint8_t *sketch, size_t length,
	struct nr_error *error_text)
{
	return nr_side_note(side, value, error, length)
		       ? nr_side_merge(side, sketch, length, true, error_text)
		       : 0;
}

struct nr_count nr_side_count(const struct nr_side *side)
{
	assert(!side->gathered);
	if (side->rows == 0)
		return (struct nr_count){0, 0};
	if (side->rows == 1)
		return side->single;
	if (side->lacking)
		return (struct nr_count){side->largest, -1};
	int64_t estimate = llround(nr_hll_count(side->sketch));
	return (struct nr_count){NR_MAX(estimate, side->largest_exact), NR_MAX(side->error, NR_HLL_ERROR)};
}

/* The part is inside the whole, so counts subtract; absolute errors add in quadrature. */
struct nr_count nr_unique_count(const struct nr_unique *unique)
{
	struct nr_count whole = nr_side_count(&unique->whole), part = nr_side_count(&unique->part);
	if (unique->part.rows == 0)
		return whole;
	struct nr_count result = {NR_MAX(whole.value - part.value, 0), 0};
	if (whole.error < 0 || part.error < 0)
		result.error = -1;
	else if (whole.error > 0 || part.error > 0)
		result.error = hypot(whole.error * (double)whole.value, part.error * (double)part.value) /
			       (double)NR_MAX(result.value, 1);
	return result;
}
