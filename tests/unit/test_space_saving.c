/* SPDX-License-Identifier: Apache-2.0 */
/* SpaceSaving against exact counts: its three promises hold for every stream. */
#include "base/space_saving.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#define KEYS 5000

static uint64_t state = 7;

static uint64_t below(uint64_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(2685821657736338717) % n;
}

/* Key of a skewed stream: small numbers are frequent. */
static uint64_t skewed(void)
{
	uint64_t u = below(1000);
	return u * u * u * KEYS / 1000000000;
}

static uint64_t uniform(void)
{
	return below(KEYS);
}

static uint64_t one(void)
{
	return 3;
}

static uint64_t rising(void)
{
	static uint64_t next;
	return next++ % KEYS;
}

static void expect_promises(const struct nr_space_saving *s, const uint64_t *exact)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < s->used; i++) {
		const struct nr_space_counter *c = nr_space_saving_at(s, i);
		assert_true(c->count >= exact[c->key] && c->count - c->error <= exact[c->key]);
		assert_true(c->error <= s->added / s->capacity);
		assert_ptr_equal(nr_space_saving_find(s, c->key), c);
		sum += c->count;
	}
	assert_int_equal(sum, s->added);
	for (uint64_t key = 0; key < KEYS; key++)
		if (exact[key] > s->added / s->capacity)
			assert_non_null(nr_space_saving_find(s, key));
}

static void test_streams(void **unused)
{
	uint64_t (*const streams[])(void) = {skewed, uniform, one, rising};
	static const uint32_t capacities[] = {1, 2, 3, 16, 100, 4096, KEYS};
	(void)unused;
	for (size_t c = 0; c < NR_COUNT(capacities); c++)
		for (size_t k = 0; k < NR_COUNT(streams); k++) {
			NR_AUTO(nr_freep)
			struct nr_space_saving *s = malloc(nr_space_saving_bytes(capacities[c]));
			NR_AUTO(nr_freep) uint64_t *exact = calloc(KEYS, sizeof *exact);
			assert_true(s && exact);
			nr_space_saving_init(s, capacities[c], 99);
			for (size_t i = 0; i < 20000; i++) {
				uint64_t key = streams[k](), count = 1 + below(3);
				exact[key] += count;
				assert_int_equal(nr_space_saving_add(s, key, count)->key, key);
				if (i % 4999 == 0)
					expect_promises(s, exact);
				if (i == 7000)
					nr_space_saving_resume(s, capacities[c]);
			}
			expect_promises(s, exact);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
