/* SPDX-License-Identifier: Apache-2.0 */
/* The written form of a sketch: refused and nothing taken away, or merged as if it had been a sketch. */
#include "base/hll.h"
#include <assert.h>
#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ITEMS 1000 /* in the sketch that it is merged into */

static const struct nr_hll *thousand(void)
{
	static struct nr_hll hll;
	static bool made;
	for (uint64_t i = 0; !made && i < ITEMS; i++)
		nr_hll_add(&hll, nr_hll_hash(i));
	made = true;
	return &hll;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_hll alone = {{0}}, again = {{0}}, merged = *thousand(), expected = *thousand();
	struct nr_error error = {0};
	uint8_t written[NR_HLL_BYTES_MAX];
	int code = nr_hll_merge_bytes(&merged, data, size, &error);
	if (code) {
		assert(code < 0 && error.code == code && error.text[0]);
		for (size_t i = 0; i < NR_HLL_REGISTERS; i++) /* at most more */
			assert(merged.registers[i] >= expected.registers[i]);
		return 0;
	}
	assert(nr_hll_merge_bytes(&alone, data, size, NULL) == 0);
	nr_hll_merge(&expected, &alone);
	assert(memcmp(&merged, &expected, sizeof merged) == 0);
	size_t length = nr_hll_write(&alone, written);
	assert(length <= sizeof written && nr_hll_merge_bytes(&again, written, length, NULL) == 0);
	assert(memcmp(&again, &alone, sizeof again) == 0);
	double count = nr_hll_count(&alone);
	assert(isfinite(count) && count >= 0);
	return 0;
}
