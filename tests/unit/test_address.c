/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

static void test_round_trip(void **state)
{
	static const struct {
		const char *in, *out;
		bool ipv4;
	} cases[] = {
		{"0.0.0.0", "0.0.0.0", true},
		{"192.0.2.1", "192.0.2.1", true},
		{"255.255.255.255", "255.255.255.255", true},
		{"::ffff:192.0.2.1", "192.0.2.1", true},
		{"::ffff:c000:201", "192.0.2.1", true},
		{"::", "::", false},
		{"::1", "::1", false},
		{"1::", "1::", false},
		{"2001:DB8::A", "2001:db8::a", false},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", false},    /* the first of two equal runs */
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1", false},          /* the longest run */
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", false}, /* one group is no run */
		{"0:0:1:0:0:0:0:0", "0:0:1::", false},
		{"0:1:1:1:1:1:1:1", "0:1:1:1:1:1:1:1", false},
		{"::1.2.3.4", "::102:304", false},
		{"::fffe:1.2.3.4", "::fffe:102:304", false},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_address a, b;
		char text[NR_ADDRESS_TEXT];
		assert_int_equal(nr_address_parse(cases[i].in, &a, NULL), 0);
		assert_string_equal(nr_address_write(&a, text), cases[i].out);
		assert_int_equal(nr_address_is_ipv4(&a), cases[i].ipv4);
		assert_int_equal(nr_address_parse(text, &b, NULL), 0);
		assert_true(nr_address_equal(&a, &b));
	}
}

/* Every pattern of zero groups: what is written reads back as the same address. */
static void test_zero_runs(void **state)
{
	(void)state;
	for (unsigned pattern = 0; pattern < 256; pattern++) {
		struct nr_address a = {{0}};
		char text[NR_ADDRESS_TEXT];
		uint8_t back[16];
		for (int group = 0; group < 8; group++) {
			if (pattern >> group & 1)
				a.octets[2 * group] = 0x12;
		}
		nr_address_write(&a, text);
		assert_int_equal(inet_pton(AF_INET6, text, back), 1);
		assert_memory_equal(back, a.octets, 16);
	}
}

static void test_parse_bad(void **state)
{
	static const char *const cases[] = {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ",
		" 1.2.3.4", "::g", ":::", "1:2:3:4:5:6:7:8:9", "fe80::1%eth0", "localhost", "0x7f000001",
		"2130706433"};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_address a;
		struct nr_error error = {0};
		assert_int_equal(nr_address_parse(cases[i], &a, &error), -EINVAL);
		assert_true(error.text[0] != '\0');
	}
}

static void test_ipv4(void **state)
{
	struct nr_address a = nr_address_from_ipv4(0xc0000201);
	char text[NR_ADDRESS_TEXT];
	(void)state;
	assert_string_equal(nr_address_write(&a, text), "192.0.2.1");
	assert_int_equal(nr_address_ipv4(&a), 0xc0000201);
}

static void test_prefix(void **state)
{
	static const struct {
		const char *in, *out;
		int length;
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.0/24", 120},
		{"192.0.2.1", "192.0.2.1/32", 128},
		{"0.0.0.0/0", "0.0.0.0/0", 96},
		{"::ffff:0:0/96", "0.0.0.0/0", 96},
		{"::/0", "::/0", 0},
		{"2001:db8::/32", "2001:db8::/32", 32},
		{"2001:db8::1", "2001:db8::1/128", 128},
		{"2001:db8::8000/113", "2001:db8::8000/113", 113},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_prefix p;
		char text[NR_ADDRESS_TEXT];
		assert_int_equal(nr_prefix_parse(cases[i].in, &p, NULL), 0);
		assert_int_equal(p.length, cases[i].length);
		assert_string_equal(nr_prefix_write(&p, text), cases[i].out);
	}
}

static void test_prefix_bad(void **state)
{
	static const char *const cases[] = {"", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1",
		"192.0.2.0/ 8", "192.0.2.0/24x", "192.0.2.0/24/24", "::/129", "::/1000", "192.0.2/24",
		"192.0.2.0/4294967320", "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8"};
	struct nr_prefix p;
	struct nr_error error = {0};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		assert_int_equal(nr_prefix_parse(cases[i], &p, &error), -EINVAL);
	assert_int_equal(nr_prefix_parse("192.0.2.129/25x", &p, &error), -EINVAL);
	assert_int_equal(nr_prefix_parse("192.0.2.130/25", &p, &error), -EINVAL);
	assert_string_equal(
		error.text, "192.0.2.130/25: address bits are set beyond /25; write 192.0.2.128/25");
	assert_int_equal(nr_prefix_parse("2001:db8::1/32", &p, &error), -EINVAL);
	assert_string_equal(
		error.text, "2001:db8::1/32: address bits are set beyond /32; write 2001:db8::/32");
}

static void test_contains(void **state)
{
	static const struct {
		const char *prefix, *address;
		bool inside;
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.0/24", "192.0.3.0", false},
		{"192.0.2.128/25", "192.0.2.127", false},
		{"192.0.2.128/25", "192.0.2.128", true},
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.0", false},
		{"0.0.0.0/0", "1.2.3.4", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "1.2.3.4", true},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"2001:db8::/33", "2001:db8:7fff::", true},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_prefix p;
		struct nr_address a;
		assert_int_equal(nr_prefix_parse(cases[i].prefix, &p, NULL), 0);
		assert_int_equal(nr_address_parse(cases[i].address, &a, NULL), 0);
		if (nr_prefix_contains(&p, &a) != cases[i].inside)
			fail_msg("%s in %s", cases[i].address, cases[i].prefix);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_zero_runs),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_prefix_bad),
		cmocka_unit_test(test_contains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
