/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of sources against strangers who choose their addresses: whoever does not know the key of its
 * hash makes no chains, and whoever knows it makes none for long.
 */
#include "sense/telescope/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define CHOSEN  200000u
#define KEY     UINT64_C(0x9e3779b97f4a7c15) /* the one that the stranger knows */
#define CROWDED 64u                          /* all go to one part of so many of the index */

static uint32_t *chosen; /* addresses whose hash under KEY lies in the lowest part: one long chain */

static int choose(void **state)
{
	const struct nr_source_table known = {.key = KEY};
	(void)state;
	chosen = malloc(CHOSEN * sizeof *chosen);
	assert_non_null(chosen);
	size_t count = 0;
	for (uint32_t address = 1; count < CHOSEN; address++)
		if (nr_source_hash(&known, address) < UINT64_MAX / CROWDED)
			chosen[count++] = address;
	return 0;
}

static int forget(void **state)
{
	(void)state;
	free(chosen);
	return 0;
}

static void add_all(struct nr_source_table *table)
{
	for (size_t i = 0; i < CHOSEN; i++) {
		if (!nr_source_table_has_room(table, 1))
			assert_true(nr_source_table_grow(table, (size_t)1 << 30));
		assert_null(nr_source_find4(table, nr_source_hash(table, chosen[i]), chosen[i]));
		struct nr_source *s = nr_source_add(table, chosen[i]);
		assert_non_null(s);
		s->address = chosen[i];
		s->packets = 1;
	}
}

/* Each is found, at its guess most often; each that is not there is not found. Answers the longest way in
 * buckets that the index makes anybody go. */
static size_t longest_way(const struct nr_source_table *table)
{
	size_t longest = 0, guessed = 0, buckets = table->capacity / NR_SOURCE_BUCKET;
	for (size_t i = 0; i < CHOSEN; i++) {
		uint64_t hash = nr_source_hash(table, chosen[i]);
		const struct nr_source *s = nr_source_find4(table, hash, chosen[i]);
		assert_ptr_equal(s, nr_source_at(table, i));
		guessed += nr_source_guess(table, hash) == i;
		assert_null(nr_source_find4(table, nr_source_hash(table, ~chosen[i]), ~chosen[i]));
	}
	assert_in_range(guessed, CHOSEN / 100 * 90, CHOSEN);
	for (size_t at = 0; at < table->capacity; at++) {
		if (!table->index[at])
			continue;
		size_t entry = (table->index[at] & table->entry_mask) - 1;
		uint64_t hash = nr_source_hash(table, nr_source_at(table, entry)->address);
		size_t home = nr_source_home(table, hash) / NR_SOURCE_BUCKET;
		size_t way = (at / NR_SOURCE_BUCKET + buckets - home) % buckets;
		longest = NR_MAX(longest, way);
	}
	return longest;
}

static void test_unknown_key(void **state)
{
	struct nr_source_table table;
	(void)state;
	assert_int_equal(nr_source_table_init(&table, NULL, sizeof(struct nr_source), 0, NULL), 0);
	uint64_t key = table.key;
	add_all(&table);
	assert_int_equal(table.used, CHOSEN);
	assert_int_equal(table.rekeys, 0);
	assert_int_equal(table.key, key);
	assert_in_range(longest_way(&table), 0, NR_SOURCE_REACH - 1);
	nr_source_table_fini(&table);
}

static void test_two_tables_have_two_keys(void **state)
{
	struct nr_source_table a, b;
	(void)state;
	assert_int_equal(nr_source_table_init(&a, NULL, sizeof(struct nr_source), 0, NULL), 0);
	assert_int_equal(nr_source_table_init(&b, NULL, sizeof(struct nr_source), 0, NULL), 0);
	assert_int_not_equal(a.key, b.key);
	nr_source_table_fini(&a);
	nr_source_table_fini(&b);
}

static void test_known_key(void **state)
{
	struct nr_source_table table;
	(void)state;
	assert_int_equal(nr_source_table_init(&table, NULL, sizeof(struct nr_source), 0, NULL), 0);
	table.key = KEY;
	add_all(&table);
	assert_int_equal(table.used, CHOSEN);
	assert_in_range(table.rekeys, 1, 4); /* the first other key is as good as any */
	assert_int_not_equal(table.key, KEY);
	assert_in_range(longest_way(&table), 0, NR_SOURCE_REACH - 1);
	nr_source_table_fini(&table);
}

/* A chain without an entry far from its place: whoever is not there would have to go all of it. */
static void test_known_key_and_growth(void **state)
{
	struct nr_source_table table;
	(void)state;
	assert_int_equal(nr_source_table_init(&table, NULL, sizeof(struct nr_source), 4 * CHOSEN, NULL), 0);
	table.key = KEY;
	add_all(&table); /* there is room: nothing is made anew but for the chain */
	assert_in_range(table.rekeys, 1, 4);
	/* the stranger has learned the new key, too */
	table.key = KEY;
	nr_source_table_shrink(&table);
	assert_int_not_equal(table.key, KEY);
	assert_in_range(longest_way(&table), 0, NR_SOURCE_REACH - 1);
	nr_source_table_fini(&table);
}

/* IPv6 addresses with one member have one hash whatever the key: no other key helps, and none is tried for
 * ever. */
static void test_one_hash(void **state)
{
	struct nr_source_table table;
	const uint64_t member = NR_MEMBER_IPV6 | 77;
	size_t added = 0;
	(void)state;
	assert_int_equal(nr_source_table_init(&table, NULL, sizeof(struct nr_source6), 4096, NULL), 0);
	for (uint32_t i = 0; i < 2000; i++) {
		struct nr_source6 *s = (struct nr_source6 *)(void *)nr_source_add(&table, member);
		if (!s)
			continue;
		added++;
		s->member = member;
		s->address = nr_address_from_ipv4(i);
		s->source.packets = 1;
	}
	assert_in_range(added, NR_SOURCE_BUCKET, NR_SOURCE_REACH * NR_SOURCE_BUCKET);
	assert_in_range(table.rekeys, 1, NR_SOURCE_REKEYS_MAX);
	assert_int_equal(table.used, added);
	const struct nr_address last = nr_address_from_ipv4(1999);
	assert_null(nr_source_find6(&table, member, &last));
	nr_source_table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_key),
		cmocka_unit_test(test_two_tables_have_two_keys),
		cmocka_unit_test(test_known_key),
		cmocka_unit_test(test_known_key_and_growth),
		cmocka_unit_test(test_one_hash),
	};
	return cmocka_run_group_tests_name("source", tests, choose, forget);
}
