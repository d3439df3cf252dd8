/* SPDX-License-Identifier: Apache-2.0 */
/* Tallies and members against a naive map: an array of every addition, sorted and added up by the C library.
 */
#include "sense/telescope/tally.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <string.h>

static uint64_t state;

static uint64_t next_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(2685821657736338717);
}

static uint64_t below(uint64_t n)
{
	return next_random() % n;
}

struct naive {
	struct nr_tally_sum *items;
	size_t count, room;
};

static void naive_add(struct naive *n, uint64_t key, uint64_t packets, uint64_t bytes)
{
	if (n->count == n->room) {
		n->room = n->room ? n->room * 2 : 1024;
		n->items = realloc(n->items, n->room * sizeof *n->items);
		assert_non_null(n->items);
	}
	n->items[n->count++] = (struct nr_tally_sum){key, packets, bytes};
}

static int by_key(const void *a, const void *b)
{
	const struct nr_tally_sum *x = a, *y = b;
	return (x->key > y->key) - (x->key < y->key);
}

static void naive_combine(struct naive *n)
{
	size_t kept = 0;
	if (n->count)
		qsort(n->items, n->count, sizeof *n->items, by_key);
	for (size_t i = 0; i < n->count; i++) {
		if (kept && n->items[kept - 1].key == n->items[i].key) {
			n->items[kept - 1].packets += n->items[i].packets;
			n->items[kept - 1].bytes += n->items[i].bytes;
		} else {
			n->items[kept++] = n->items[i];
		}
	}
	n->count = kept;
}

static void naive_fini(struct naive *n)
{
	free(n->items);
	*n = (struct naive){0};
}

/* The walk answers each key once, in order, with its whole sum. */
static void expect_same(const struct nr_tally *tally, struct naive *naive)
{
	struct nr_tally_sum sum;
	size_t i = 0;
	naive_combine(naive);
	for (struct nr_tally_walk walk = {tally, 0, 0}; nr_tally_next(&walk, &sum); i++) {
		assert_true(i < naive->count);
		const struct nr_tally_sum *n = &naive->items[i];
		if (sum.key != n->key || sum.packets != n->packets || sum.bytes != n->bytes)
			fail_msg("sum %zu: group %u member %llx: %llu packets, %llu bytes; expected group %u "
				 "member %llx: %llu, %llu",
				i, nr_sum_group(&sum), (unsigned long long)nr_sum_member(&sum),
				(unsigned long long)sum.packets, (unsigned long long)sum.bytes,
				nr_sum_group(n), (unsigned long long)nr_sum_member(n),
				(unsigned long long)n->packets, (unsigned long long)n->bytes);
	}
	assert_int_equal(i, naive->count);
}

static void add(struct nr_tally *tally, struct naive *naive, uint32_t group, uint64_t member,
	uint32_t packets, uint32_t size)
{
	assert_int_equal(nr_tally_reserve(tally, 1, NULL), 0);
	nr_tally_add(tally, group, member, packets, size);
	naive_add(naive, nr_tally_key(group, member), packets, (uint64_t)packets * size);
}

static void test_empty_and_one(void **unused)
{
	(void)unused;
	NR_AUTO(nr_tally_fini) struct nr_tally tally = {0};
	NR_AUTO(naive_fini) struct naive naive = {0};
	assert_int_equal(nr_tally_sort(&tally, NULL), 0);
	expect_same(&tally, &naive);
	add(&tally, &naive, 0, 0, 1, 60);
	assert_int_equal(nr_tally_sort(&tally, NULL), 0);
	expect_same(&tally, &naive);
	assert_int_equal(nr_tally_count(&tally), 1);
}

/* What fits a word and what does not: one limit after the other. */
static void test_limits(void **unused)
{
	(void)unused;
	static const struct {
		const char *name;
		uint64_t member;
		uint32_t packets, size;
		bool word;
	} cases[] = {
		{"smallest", 0, 1, 28, true},
		{"largest word", UINT32_MAX, 63, 155, true},
		{"too many packets", 1, 64, 60, false},
		{"too short", 1, 1, 27, false},
		{"no bytes", 1, 1, 0, false},
		{"too long", 1, 1, 156, false},
		{"IPv6", NR_MEMBER_IPV6, 1, 60, false},
		{"IPv6, all bits", NR_MEMBER_MASK, 1, 60, false},
		{"largest addition", 1, UINT16_MAX, 0xffffff, false},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_tally_fini) struct nr_tally tally = {0};
		NR_AUTO(naive_fini) struct naive naive = {0};
		add(&tally, &naive, NR_GROUP_COUNT - 1, cases[i].member, cases[i].packets, cases[i].size);
		if (tally.words.count != cases[i].word || tally.wides.count == cases[i].word)
			fail_msg("%s: %zu words, %zu wide items", cases[i].name, tally.words.count,
				tally.wides.count);
		assert_int_equal(nr_tally_sort(&tally, NULL), 0);
		expect_same(&tally, &naive);
	}
}

/* Words of one key become one word while they have one size and 63 packets at most, else a wide item. */
static void test_combining(void **unused)
{
	(void)unused;
	static const struct {
		const char *name;
		uint32_t packets[3], sizes[3];
		size_t words, wides;
	} cases[] = {
		{"same size", {1, 2, 3}, {60, 60, 60}, 1, 0},
		{"63 in all", {21, 21, 21}, {60, 60, 60}, 1, 0},
		{"64 in all", {21, 21, 22}, {60, 60, 60}, 0, 1},
		{"two sizes", {1, 1, 1}, {60, 60, 74}, 0, 1},
		{"a word and a wide item", {1, 1, 64}, {60, 60, 60}, 0, 1},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_tally_fini) struct nr_tally tally = {0};
		NR_AUTO(naive_fini) struct naive naive = {0};
		for (size_t k = 0; k < 3; k++)
			add(&tally, &naive, 23, 0x01020304, cases[i].packets[k], cases[i].sizes[k]);
		assert_int_equal(nr_tally_sort(&tally, NULL), 0);
		if (tally.words.count != cases[i].words || tally.wides.count != cases[i].wides)
			fail_msg("%s: %zu words, %zu wide items", cases[i].name, tally.words.count,
				tally.wides.count);
		expect_same(&tally, &naive);
	}
}

/* Sums beyond the 24 bits of packets and the 40 bits of bytes stay whole, with words beside them too. */
static void test_large_sums(void **unused)
{
	(void)unused;
	NR_AUTO(nr_tally_fini) struct nr_tally tally = {0};
	NR_AUTO(naive_fini) struct naive naive = {0};
	for (size_t i = 0; i < 600; i++) /* 39 M packets: 2.3 times 2^24 */
		add(&tally, &naive, 445, 7, UINT16_MAX, 60);
	for (size_t i = 0; i < 5; i++) /* 5 times almost 2^40 bytes */
		add(&tally, &naive, 446, 7, UINT16_MAX, 0xffffff);
	for (size_t round = 0; round < 3; round++) {
		add(&tally, &naive, 445, 7, 9, 60);
		add(&tally, &naive, 446, 7, 63, 155);
		add(&tally, &naive, 444, 7, 1, 60);
		add(&tally, &naive, 447, 7, 1, 60);
		assert_int_equal(nr_tally_sort(&tally, NULL), 0);
		expect_same(&tally, &naive);
	}
	/* the same sums through a second tally */
	NR_AUTO(nr_tally_fini) struct nr_tally copy = {0};
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {&tally, 0, 0}; nr_tally_next(&walk, &sum);)
		assert_int_equal(nr_tally_add_sum(&copy, &sum, NULL), 0);
	assert_int_equal(nr_tally_sort(&copy, NULL), 0);
	expect_same(&copy, &naive);
}

/* A random stream with few and many keys; sorted now and then, as a worker does, and appended to another. */
static void random_stream(uint64_t seed, size_t count, uint64_t groups, uint64_t members, size_t sort_each)
{
	NR_AUTO(nr_tally_fini) struct nr_tally tally = {0}, second = {0};
	NR_AUTO(naive_fini) struct naive naive = {0};
	state = seed;
	for (size_t i = 0; i < count; i++) {
		uint32_t group = (uint32_t)(below(8) ? below(groups) : NR_GROUP_OTHER + below(0x200));
		uint64_t member = below(members) * 0x9e3779b1u & UINT32_MAX;
		if (below(8) == 0)
			member = NR_MEMBER_IPV6 | (member * 0x10001 & (NR_MEMBER_IPV6 - 1));
		uint32_t packets = (uint32_t)(below(16) ? 1 + below(3) : below(65536));
		uint32_t size = (uint32_t)(below(16) ? 60 : below(70000));
		add(below(3) ? &tally : &second, &naive, group, member, packets, size);
		if (sort_each && i % sort_each == 0)
			assert_int_equal(nr_tally_sort(&tally, NULL), 0);
	}
	assert_int_equal(nr_tally_append(&tally, &second, NULL), 0);
	assert_int_equal(nr_tally_sort(&tally, NULL), 0);
	expect_same(&tally, &naive);
	assert_true(nr_tally_count(&tally) <= naive.count + naive.count / 8 + 8); /* combined indeed */
}

static void test_random(void **unused)
{
	(void)unused;
	static const struct {
		size_t count, sort_each;
		uint64_t groups, members;
	} cases[] = {
		{2, 0, 1, 1},
		{100, 0, 1, 1},
		{100, 7, 2, 2},
		{5000, 0, 3, 3},
		{5000, 100, 65536, 10},
		{20000, 999, 0x20000, 50000},
		{100000, 30000, 4, 40},
		{300000, 0, 0x20000, UINT32_MAX},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		random_stream(i + 1, cases[i].count, cases[i].groups, cases[i].members, cases[i].sort_each);
}

static void test_million(void **unused)
{
	(void)unused;
	random_stream(99, 1200000, 0x20000, 1000000, 500000);
}

/* The two lists apart: a tally that holds wide items only is appended to one without anything, and back. */
static void test_wides_only(void **unused)
{
	(void)unused;
	NR_AUTO(nr_tally_fini) struct nr_tally wide = {0}, empty = {0};
	NR_AUTO(naive_fini) struct naive naive = {0};
	struct nr_tally_sum sum = {nr_tally_key(80, NR_MEMBER_IPV6 | 5), 3, 181};
	assert_int_equal(nr_tally_add_sum(&wide, &sum, NULL), 0);
	naive_add(&naive, sum.key, sum.packets, sum.bytes);
	assert_int_equal(nr_tally_append(&wide, &empty, NULL), 0);
	assert_int_equal(nr_tally_append(&empty, &wide, NULL), 0);
	assert_int_equal(nr_tally_sort(&empty, NULL), 0);
	expect_same(&empty, &naive);
}

/* ---- members ---- */

static uint16_t mask_of(const void *context, uint32_t group)
{
	(void)context;
	if (group == 99)
		return 0;
	return (uint16_t)(1u << (group >= NR_GROUP_EXTRA ? group - NR_GROUP_EXTRA : group % 3));
}

static void test_members(void **unused)
{
	(void)unused;
	static const struct {
		uint32_t group;
		uint64_t member;
		uint32_t packets, size;
	} added[] = {
		{0, 10, 1, 60},
		{1, 10, 2, 60},
		{1, 11, 3, 100},
		{99, 12, 4, 60},
		{NR_GROUP_EXTRA + 9, 11, 5, 60},
		{2, NR_MEMBER_IPV6 | 1, 70, 60},
		{0, 9, 1, 60},
	};
	static const struct {
		uint64_t member;
		uint16_t mask;
		uint64_t packets, bytes;
	} expected[] = {
		{9, 1, 1, 60},
		{10, 3, 3, 180},
		{11, 2 | 1 << 9, 3, 300},
		{NR_MEMBER_IPV6 | 1, 4, 70, 4200},
	};
	NR_AUTO(nr_tally_fini) struct nr_tally tally = {0};
	NR_AUTO(nr_members_fini) struct nr_wides members = {0};
	for (size_t i = 0; i < NR_COUNT(added); i++) {
		assert_int_equal(nr_tally_reserve(&tally, 1, NULL), 0);
		nr_tally_add(&tally, added[i].group, added[i].member, added[i].packets, added[i].size);
	}
	assert_int_equal(nr_tally_sort(&tally, NULL), 0);
	assert_int_equal(
		nr_members_from(&members, &tally, &(struct nr_slice){0, 0, 1}, mask_of, NULL, NULL), 0);
	struct nr_tally_sum sum;
	size_t i = 0;
	for (size_t at = 0; nr_members_next(&members, &at, &sum); i++) {
		assert_true(i < NR_COUNT(expected));
		assert_true(nr_members_member(&sum) == expected[i].member);
		assert_int_equal(nr_members_mask(&sum), expected[i].mask);
		assert_int_equal(sum.packets, expected[i].packets);
		assert_int_equal(sum.bytes, expected[i].bytes);
	}
	assert_int_equal(i, NR_COUNT(expected));
}

/* What a sample leaves out of many groups is more than the limit: no level would help, and the sample stays.
 */
static void test_rest_beyond_limit(void **unused)
{
	(void)unused;
	enum { GROUPS = 4096, MEMBERS = 64 };
	NR_AUTO(nr_tally_fini) struct nr_tally tally = {.limit = GROUPS * sizeof(struct nr_wide) / 2};
	assert_int_equal(nr_tally_reserve(&tally, GROUPS * MEMBERS, NULL), 0);
	for (uint32_t i = 0; i < GROUPS * MEMBERS; i++)
		nr_tally_add(&tally, i % GROUPS, 0x0b000000 + i * 977, 1, 40);
	assert_int_equal(nr_tally_sort(&tally, NULL), 0);
	uint64_t packets = 0, members = 0;
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {&tally, 0, 0}; nr_tally_next(&walk, &sum);) {
		packets += sum.packets;
		members += nr_member_counts(nr_sum_member(&sum), tally.level);
	}
	assert_int_equal(packets, GROUPS * MEMBERS);
	assert_true(members > 0 && nr_tally_shares(&tally).sampled <= tally.limit / 2);
	assert_true(tally.level <= 9);
}

static bool keeps_most(const void *unused, uint64_t member)
{
	(void)unused;
	return member % 8 != 0;
}

/* Those that are kept besides the sample may alone be above the limit, because strangers decide how many
 * there are: then some of them have to go, and the sample is none the smaller for it. */
static void test_kept_beyond_limit(void **unused)
{
	(void)unused;
	enum { GROUPS = 64, MEMBERS = 16384 };
	const struct nr_keeper keeper = {keeps_most, NULL};
	NR_AUTO(nr_tally_fini)
	struct nr_tally tally = {.limit = GROUPS * MEMBERS / 8 * sizeof(uint64_t), .keeper = &keeper};
	assert_int_equal(nr_tally_reserve(&tally, GROUPS * MEMBERS, NULL), 0);
	for (uint32_t i = 0; i < GROUPS * MEMBERS; i++)
		nr_tally_add(&tally, i % GROUPS, 0x0b000000 + i / GROUPS * 977, 1, 40);
	assert_int_equal(nr_tally_sort(&tally, NULL), 0);
	uint64_t packets = 0, kept = 0;
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {&tally, 0, 0}; nr_tally_next(&walk, &sum);) {
		uint64_t member = nr_sum_member(&sum);
		packets += sum.packets;
		if (member == NR_MEMBER_REST || nr_member_counts(member, tally.level))
			continue;
		assert_true(keeps_most(NULL, member) && nr_member_is_kept_busy(member, tally.busy_level));
		kept++;
	}
	struct nr_tally_shares shares = nr_tally_shares(&tally);
	assert_int_equal(packets, GROUPS * MEMBERS);
	assert_true(nr_tally_bytes(&tally) <= tally.limit);
	assert_in_range(shares.sampled, tally.limit / 4, tally.limit / 2);
	assert_true(kept > 0 && shares.busy == kept * sizeof(uint64_t));
	assert_true(tally.level <= 5 && tally.busy_level > 0);
}

/* Masks are OR-ed and sums stay whole where one member's items do not fit into one. */
static void test_members_large(void **unused)
{
	(void)unused;
	NR_AUTO(nr_members_fini) struct nr_wides members = {0}, more = {0};
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(nr_members_add(i % 2 ? &members : &more, 5, (uint16_t)(1 << i),
					 UINT64_C(1) << 24, UINT64_C(1) << 41, NULL),
			0);
	assert_int_equal(nr_members_append(&members, &more, NULL), 0);
	assert_int_equal(nr_members_sort(&members, NULL), 0);
	struct nr_tally_sum sum;
	size_t at = 0;
	assert_true(nr_members_next(&members, &at, &sum));
	assert_int_equal(nr_members_member(&sum), 5);
	assert_int_equal(nr_members_mask(&sum), 0x3ff);
	assert_true(sum.packets == UINT64_C(10) << 24 && sum.bytes == UINT64_C(10) << 41);
	assert_false(nr_members_next(&members, &at, &sum));
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* IPv4 members are the address; IPv6 ones are marked, and a thousand neighbours stay apart. */
static void test_member_of(void **unused)
{
	(void)unused;
	struct nr_address a = nr_address_from_ipv4(0xc0000201);
	assert_true(nr_member_of(&a) == 0xc0000201);
	uint64_t members[4096];
	for (size_t i = 0; i < NR_COUNT(members); i++) {
		assert_int_equal(nr_address_parse("2001:db8::1", &a, NULL), 0);
		a.octets[i & 1 ? 15 : 6] =
			(uint8_t)(i >> 1); /* neighbours in the network and in the host half */
		a.octets[i & 1 ? 14 : 5] = (uint8_t)(i >> 9 | 0x80);
		members[i] = nr_member_of(&a);
		assert_true(members[i] & NR_MEMBER_IPV6);
		assert_true((members[i] & ~NR_MEMBER_MASK) == 0);
	}
	qsort(members, NR_COUNT(members), sizeof *members, by_number);
	for (size_t i = 1; i < NR_COUNT(members); i++)
		assert_true(members[i] != members[i - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_and_one),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_rest_beyond_limit),
		cmocka_unit_test(test_kept_beyond_limit),
		cmocka_unit_test(test_combining),
		cmocka_unit_test(test_large_sums),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_million),
		cmocka_unit_test(test_wides_only),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_members_large),
		cmocka_unit_test(test_member_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
