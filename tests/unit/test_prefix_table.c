/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prefix_table.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <string.h>

static struct nr_prefix_table *table_of(const char *const *prefixes, size_t count)
{
	struct nr_prefix_table *table;
	assert_int_equal(nr_prefix_table_new(&table, NULL), 0);
	for (size_t i = 0; i < count; i++) {
		struct nr_prefix p;
		assert_int_equal(nr_prefix_parse(prefixes[i], &p, NULL), 0);
		assert_int_equal(nr_prefix_table_add(table, &p, (uint32_t)i, NULL), 0);
	}
	assert_int_equal(nr_prefix_table_seal(table, NULL), 0);
	return table;
}

static void expect(const struct nr_prefix_table *table, const char *address, uint32_t value)
{
	struct nr_address a;
	assert_int_equal(nr_address_parse(address, &a, NULL), 0);
	uint32_t found = nr_prefix_table_find(table, &a);
	if (found != value)
		fail_msg("%s: %u instead of %u", address, found, value);
	if (nr_address_is_ipv4(&a))
		assert_int_equal(nr_prefix_table_find_ipv4(table, nr_address_ipv4(&a)), value);
}

static void test_empty(void **state)
{
	NR_AUTO(nr_prefix_table_freep) struct nr_prefix_table *table = table_of(NULL, 0);
	(void)state;
	expect(table, "1.2.3.4", NR_PREFIX_NONE);
	expect(table, "2001:db8::1", NR_PREFIX_NONE);
	assert_int_equal(nr_prefix_table_count(table), 0);
	assert_int_equal(nr_prefix_table_ipv4_addresses(table), 0);
	nr_prefix_table_free(NULL);
}

static void test_nested(void **state)
{
	static const char *const prefixes[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3",
		"10.255.255.255", "2001:db8::/32", "2001:db8:1::/48", "10.1.0.0/16", "255.255.255.255",
		"::1"};
	NR_AUTO(nr_prefix_table_freep) struct nr_prefix_table *table = table_of(prefixes, NR_COUNT(prefixes));
	(void)state;
	expect(table, "9.255.255.255", NR_PREFIX_NONE);
	expect(table, "10.0.0.0", 0);
	expect(table, "10.0.255.255", 0);
	expect(table, "10.1.0.0", 1); /* the later one of the two equal prefixes does not count */
	expect(table, "10.1.1.255", 1);
	expect(table, "10.1.2.2", 2);
	expect(table, "10.1.2.3", 3);
	expect(table, "10.1.2.4", 2);
	expect(table, "10.1.3.0", 1);
	expect(table, "10.2.0.0", 0);
	expect(table, "10.255.255.254", 0);
	expect(table, "10.255.255.255", 4);
	expect(table, "11.0.0.0", NR_PREFIX_NONE);
	expect(table, "255.255.255.255", 8);
	expect(table, "255.255.255.254", NR_PREFIX_NONE);
	expect(table, "2001:db8::", 5);
	expect(table, "2001:db8:1:ffff::", 6);
	expect(table, "2001:db8:2::", 5);
	expect(table, "2001:db9::", NR_PREFIX_NONE);
	expect(table, "::1", 9);
	expect(table, "::2", NR_PREFIX_NONE);
	assert_int_equal(nr_prefix_table_count(table), NR_COUNT(prefixes) - 1);
	assert_int_equal(nr_prefix_table_ipv4_addresses(table), (UINT64_C(1) << 24) + 1);
}

static void test_everything(void **state)
{
	static const char *const prefixes[] = {
		"::/0", "255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
	NR_AUTO(nr_prefix_table_freep) struct nr_prefix_table *table = table_of(prefixes, NR_COUNT(prefixes));
	(void)state;
	expect(table, "0.0.0.0", 0);
	expect(table, "255.255.255.254", 0);
	expect(table, "255.255.255.255", 1);
	expect(table, "::", 0);
	expect(table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 0);
	expect(table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2);
	assert_int_equal(nr_prefix_table_ipv4_addresses(table), UINT64_C(1) << 32);
}

/* Ranges that a /16 is made of: whole, in parts of one value, in parts of two. */
static void test_blocks(void **state)
{
	static const char *const prefixes[] = {"10.0.0.0/16", "10.1.0.0/17", "10.2.0.0/15", "10.3.128.0/17"};
	NR_AUTO(nr_prefix_table_freep) struct nr_prefix_table *table = table_of(prefixes, NR_COUNT(prefixes));
	(void)state;
	expect(table, "10.0.255.255", 0);
	expect(table, "10.1.127.255", 1);
	expect(table, "10.1.128.0", NR_PREFIX_NONE);
	expect(table, "10.2.200.0", 2);
	expect(table, "10.3.127.255", 2);
	expect(table, "10.3.128.0", 3);
	assert_int_equal(nr_prefix_table_ipv4_addresses(table), 65536 * 3 + 32768);
}

static uint64_t random_state;

static uint32_t random_next(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33);
}

/* Few high bits, so that prefixes nest and meet; some at the very ends of the line. */
static struct nr_address random_address(void)
{
	if (random_next() % 3 != 0) {
		uint32_t high = random_next() % 4, low = random_next();
		uint32_t n = high << 16 | (random_next() % 2 ? low & 0xffff : low & 0xff);
		return nr_address_from_ipv4(random_next() % 4 ? n : ~n);
	}
	struct nr_address a = {{0}};
	a.octets[0] = random_next() % 2 ? 0xff : 0;
	a.octets[1] = (uint8_t)(random_next() % 2);
	a.octets[10] = random_next() % 2 ? 0xff : 0;
	a.octets[11] = random_next() % 2 ? 0xff : 0;
	a.octets[15] = (uint8_t)random_next();
	if (random_next() % 8 == 0)
		memset(a.octets, 0xff, 16);
	return a;
}

static struct nr_prefix random_prefix(void)
{
	struct nr_address a = random_address();
	bool ipv4 = nr_address_is_ipv4(&a);
	unsigned length = ipv4 ? 96 + 8 + random_next() % 25 : random_next() % 129;
	if (random_next() % 16 == 0)
		length = random_next() % 129;
	for (unsigned bit = length; bit < 128; bit++)
		a.octets[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return (struct nr_prefix){a, (uint8_t)length};
}

static uint32_t naive_find(const struct nr_prefix *prefixes, size_t count, const struct nr_address *a)
{
	int best = -1;
	uint32_t value = NR_PREFIX_NONE;
	for (size_t i = 0; i < count; i++) {
		if (nr_prefix_contains(&prefixes[i], a) && prefixes[i].length > best) {
			best = prefixes[i].length;
			value = (uint32_t)(i % 5); /* few values, so that neighbours melt */
		}
	}
	return value;
}

static void check_against_naive(const struct nr_prefix_table *table, const struct nr_prefix *prefixes,
	size_t count, const struct nr_address *a)
{
	uint32_t found = nr_prefix_table_find(table, a), wanted = naive_find(prefixes, count, a);
	char text[NR_ADDRESS_TEXT];
	if (found != wanted)
		fail_msg("seed %ju, %s: %u instead of %u", (uintmax_t)random_state, nr_address_write(a, text),
			found, wanted);
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct nr_prefix prefixes[40];
		struct nr_prefix_table *table;
		random_state = round;
		size_t count = random_next() % (NR_COUNT(prefixes) + 1);
		assert_int_equal(nr_prefix_table_new(&table, NULL), 0);
		for (size_t i = 0; i < count; i++) {
			prefixes[i] = random_prefix();
			assert_int_equal(
				nr_prefix_table_add(table, &prefixes[i], (uint32_t)(i % 5), NULL), 0);
		}
		assert_int_equal(nr_prefix_table_seal(table, NULL), 0);
		for (size_t i = 0; i < count; i++) { /* the edges, and one beyond */
			struct nr_address a = prefixes[i].address;
			check_against_naive(table, prefixes, count, &a);
			a.octets[15] ^= 1;
			check_against_naive(table, prefixes, count, &a);
			a.octets[15] ^= 1;
			for (int octet = 15; octet >= 0 && a.octets[octet]-- == 0; octet--)
				;
			check_against_naive(table, prefixes, count, &a);
		}
		for (unsigned i = 0; i < 500; i++) {
			struct nr_address a = random_address();
			check_against_naive(table, prefixes, count, &a);
		}
		nr_prefix_table_free(table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
