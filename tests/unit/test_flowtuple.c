/* SPDX-License-Identifier: Apache-2.0 */
/* corsaro's bits packet by packet, and the set of an interval. */
#include "sense/telescope/flowtuple.h"
#include "wire/link.h"

#include "bytes.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define IP(fragment, ttl, protocol, last)                                                                    \
	"4500 0028 0001 " fragment ttl protocol " 0000 c63364" last " c0000209 "
#define TCP(offset, flags, window) "9c40 0017 00000001 00000000 " offset flags window " 00000000 "
#define PLAIN_IP                   IP("0000", "37", "06", "07")

static const struct {
	const char *name, *hex;
	bool spoofed, masscan;
	uint8_t flags;
	uint16_t syn_length;
} cases[] = {
	{"SYN", PLAIN_IP TCP("50", "02", "ffff"), false, false, 2, 20},
	{"SYN with ECN is no plain SYN to corsaro", PLAIN_IP TCP("50", "c2", "ffff"), false, false, 0xc2, 0},
	{"RST+ACK is abnormal to corsaro", PLAIN_IP TCP("50", "14", "ffff"), true, false, 0x14, 0},
	{"RST", PLAIN_IP TCP("50", "04", "ffff"), false, false, 4, 0},
	{"SYN+FIN is normal", PLAIN_IP TCP("50", "03", "ffff"), false, false, 3, 0},
	{"no flags", PLAIN_IP TCP("50", "00", "ffff"), true, false, 0, 0},
	{"header longer than the packet: it cannot tell", PLAIN_IP TCP("60", "00", "ffff"), false, false, 0,
		0},
	{"TTL 200", IP("0000", "c8", "06", "07") TCP("50", "02", "ffff"), true, false, 2, 20},
	{"TTL 199", IP("0000", "c7", "06", "07") TCP("50", "02", "0400"), false, false, 2, 20},
	{"Masscan before 2023", IP("0000", "c8", "06", "07") TCP("50", "02", "0400"), false, true, 2, 20},
	{"Masscan since 2023", IP("0000", "c8", "06", "07") TCP("60", "02", "0400"), true, false, 2, 24},
	{"last octet 0", IP("0000", "37", "06", "00") TCP("50", "02", "ffff"), true, false, 2, 20},
	{"last octet 255", IP("0000", "37", "06", "ff") TCP("50", "02", "ffff"), true, false, 2, 20},
	{"first fragment", IP("2000", "37", "06", "07") TCP("50", "02", "ffff"), false, false, 2, 20},
	{"later fragment", IP("0001", "37", "06", "07") TCP("50", "02", "ffff"), true, false, 0, 0},
	{"reserved bit", IP("8000", "37", "06", "07") TCP("50", "02", "ffff"), true, false, 2, 20},
	{"source = destination", "4500 0028 0001 0000 37 06 0000 c0000209 c0000209 " TCP("50", "02", "ffff"),
		true, false, 2, 20},
	{"port 0", PLAIN_IP "0000 0017 00000001 00000000 50 02 ffff 00000000", true, false, 2, 20},
	{"UDP to 80", IP("0000", "37", "11", "07") "9c40 0050 0014 0000 000000000000000000000000", true,
		false, 0, 0},
	{"UDP to 53", IP("0000", "37", "11", "07") "9c40 0035 0014 0000 000000000000000000000000", false,
		false, 0, 0},
	{"ICMP with TTL 255", IP("0000", "ff", "01", "07") "0800 0000 00000000 000000000000000000000000",
		false, false, 0, 0},
	{"GRE", IP("0000", "37", "2f", "07") "0000 0800 00000000 000000000000000000000000", true, false, 0,
		0},
	{"6in4", IP("0000", "37", "29", "07") "60000000 00000000 000000000000000000000000", false, false, 0,
		0},
	{"TCP cut at 12", PLAIN_IP "9c40 0017 00000001 00000000", false, false, 0, 0},
};

static bool tuple_of(const char *hex, struct nr_flowtuple *ret)
{
	struct bytes b = {.big = true};
	put_hex(&b, hex);
	struct nr_frame frame = {b.data, (uint32_t)b.length, (uint32_t)b.length, 0, NR_LINK_RAW, false};
	struct nr_located located;
	assert_int_equal(nr_packet_locate(&frame, NULL, &located), NR_DROP_NONE);
	return nr_flowtuple_of(&located, ret);
}

static void bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_flowtuple t;
		assert_true(tuple_of(cases[i].hex, &t));
		if (t.spoofed != cases[i].spoofed || t.masscan != cases[i].masscan ||
			t.tcp_flags != cases[i].flags || t.syn_length != cases[i].syn_length)
			fail_msg("%s: spoofed %d, masscan %d, flags %02x, SYN of %u bytes", cases[i].name,
				t.spoofed, t.masscan, t.tcp_flags, t.syn_length);
	}
}

static void ipv6_has_none(void **state)
{
	(void)state;
	struct nr_flowtuple t;
	assert_false(tuple_of(
		"60000000 0000 3b 40 20010db8000000000000000000000001 20010db8000000000000000000000002", &t));
}

static void equal_keys_are_one_and_the_order_is_corsaros(void **state)
{
	(void)state;
	struct nr_flowtuples set;
	assert_int_equal(nr_flowtuples_init(&set, 1 << 20, NULL), 0);
	for (uint32_t i = 0; i < 6000; i++) {
		struct nr_flowtuple t = {
			.source = i * 2654435761u % 3000, .protocol = i % 2 ? 6 : 17, .packets = 1};
		t.source_port = (uint16_t)(t.source % 2);
		assert_int_equal(nr_flowtuples_add(&set, &t, NULL), 0);
	}
	struct nr_flowtuple *sorted;
	size_t count = nr_flowtuples_sort(&set, &sorted);
	uint64_t packets = 0;
	assert_int_equal(count, set.used);
	for (size_t i = 0; i < count; i++) {
		packets += sorted[i].packets;
		assert_true(i == 0 || sorted[i - 1].protocol < sorted[i].protocol ||
			    (sorted[i - 1].protocol == sorted[i].protocol &&
				    sorted[i - 1].source < sorted[i].source));
	}
	assert_int_equal(packets, 6000);
	nr_flowtuples_clear(&set);
	assert_int_equal(nr_flowtuples_sort(&set, &sorted), 0);
	nr_flowtuples_fini(&set);
}

static void memory_is_a_limit(void **state)
{
	(void)state;
	struct nr_flowtuples set;
	const size_t memory = 1 << 20;
	assert_int_equal(nr_flowtuples_init(&set, memory, NULL), 0);
	int e = 0;
	uint32_t added = 0;
	while (!e) {
		struct nr_flowtuple t = {.source = ++added, .packets = 1};
		e = nr_flowtuples_add(&set, &t, NULL);
	}
	assert_int_equal(e, -ENOSPC);
	assert_true(set.capacity * sizeof *set.slots * 3 / 2 <= memory);
	assert_int_equal(set.used, added - 1);
	nr_flowtuples_clear(&set);
	struct nr_flowtuple t = {.source = 1, .packets = 1};
	assert_int_equal(nr_flowtuples_add(&set, &t, NULL), 0);
	nr_flowtuples_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits),
		cmocka_unit_test(ipv6_has_none),
		cmocka_unit_test(equal_keys_are_one_and_the_order_is_corsaros),
		cmocka_unit_test(memory_is_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
