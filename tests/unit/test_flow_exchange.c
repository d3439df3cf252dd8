/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates meet in shares: who has them together finds them, who has not learns nothing, who lies gains
 * little. */
#include "base/file.h"
#include "exchange.h"
#include "sense/flow/exchange/field.h"

#include <math.h>

/* ---- the field ---- */

static void test_weights_interpolate_at_zero(void **state)
{
	(void)state;
	const uint64_t x[] = {1, 3, 4, 9, 16};
	const uint64_t c[] = {NR_FIELD_PRIME - 5, 123456789123456789u, 77, NR_FIELD_PRIME - 1, 42};
	for (unsigned count = 1; count <= 5; count++) {
		uint64_t w[5], sum = 0;
		nr_field_weights(x, count, w);
		for (unsigned i = 0; i < count; i++) {
			uint64_t value = 0;
			for (unsigned j = count; j-- > 0;)
				value = nr_field_reduce((nr_field_wide)value * x[i] + c[j]);
			sum = nr_field_reduce((nr_field_wide)w[i] * value + sum);
		}
		assert_int_equal(sum, c[0]);
	}
	assert_int_equal(nr_field_reduce(NR_FIELD_PRIME), 0);
	assert_int_equal(nr_field_reduce(~(nr_field_wide)0), (UINT64_C(1) << 6) - 1); /* 2^128 - 1 */
	assert_int_equal(nr_field_times(nr_field_inverse(12345), 12345), 1);
}

/* ---- found together ---- */

/* Twenty bots with each of five carriers; each has evidence that is too little alone. */
static void test_botnet_of_five_carriers(void **state)
{
	(void)state;
	struct house h;
	struct nr_exchange_candidates sets[5] = {{.count = 0}};
	house_init(&h, 5, 3, 400);
	assert_int_equal(nr_crew_new(3, &h.crew, NULL), 0); /* threads make the same as one does */
	for (unsigned i = 0; i < 5; i++) {
		add(&sets[i], server_of(1, 3.0, 0.02)); /* all five */
		if (i < 3)
			add(&sets[i], server_of(2, 2.5, 0.02)); /* three: the threshold */
		if (i > 2)
			add(&sets[i], server_of(3, 9.0, 0.5)); /* two: below it */
		add(&sets[i], server_of(100 + i, 9.0, 0.5));   /* alone */
		for (uint32_t n = 0; n < 300; n++)
			add(&sets[i], server_of(1000 * (i + 1) + n, 0.5, 0.01));
		offer(&h, i + 1, &sets[i]);
	}
	struct nr_exchange_joined joined = join_all(&h);
	assert_int_equal(joined.present, 0x1f);
	for (unsigned i = 0; i < 5; i++) {
		struct nr_exchange_opened opened = open_reply(&h, i + 1, &sets[i]);
		assert_int_equal(opened.count, i < 3 ? 2 : 1);
		assert_int_equal(opened.explained, opened.records);
		const struct nr_exchange_joint *joint = &opened.joints[0];
		assert_int_equal(joint->candidate, 0);
		assert_int_equal(joint->holders, 0x1f);
		assert_float_equal(joint->others, 12.0, 1e-9); /* four times 3 nats */
		assert_true(joint->confidence > 0.999);
		assert_int_equal(joint->clients, 20 + 4 * 10);
		if (i < 3)
			assert_int_equal(opened.joints[1].holders, 0x07);
		nr_exchange_opened_fini(&opened);
		nr_exchange_candidates_fini(&sets[i]);
	}
	house_fini(&h);
}

/* Two groups of carriers whose different elements stand in the same bin do not mix: tiny tables. */
static void test_small_sets_of_many_parties(void **state)
{
	(void)state;
	struct house h;
	struct nr_exchange_candidates sets[16] = {{.count = 0}};
	house_init(&h, 16, 2, 2);
	for (unsigned i = 0; i < 16; i++) {
		add(&sets[i], server_of(i / 2, 1.0, 0.1)); /* pairs */
		offer(&h, i + 1, &sets[i]);
	}
	join_all(&h);
	for (unsigned i = 0; i < 16; i++) {
		struct nr_exchange_opened opened = open_reply(&h, i + 1, &sets[i]);
		assert_int_equal(opened.count, 1);
		assert_int_equal(opened.joints[0].holders, 3u << (i / 2 * 2));
		nr_exchange_opened_fini(&opened);
		nr_exchange_candidates_fini(&sets[i]);
	}
	house_fini(&h);
}

/* Full sets of just `threshold` parties, the worst case: how many of the tables' pairs miss an element is
 * what the integral in ADR 29 says, 0.093; all six of them: NR_EXCHANGE_MISSED. */
static void test_missed_as_computed(void **state)
{
	(void)state;
	enum { SET = 8000, COMMON = 400 };
	struct house h;
	struct nr_exchange_candidates sets[3] = {{.count = 0}};
	house_init(&h, 3, 3, SET);
	for (unsigned i = 0; i < 3; i++) {
		for (uint32_t n = 0; n < COMMON; n++)
			add(&sets[i], server_of(n, 1, 0.1));
		for (uint32_t n = 0; n < SET - COMMON; n++)
			add(&sets[i], server_of(1000000 * (i + 1) + n, 1, 0.1));
		offer(&h, i + 1, &sets[i]);
	}
	join_all(&h);
	/* by element and pair: whether one of its places is in the reply */
	static bool found[COMMON][NR_EXCHANGE_TABLES / 2];
	char path[128];
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length, missed = 0;
	struct nr_exchange_head head;
	struct nr_exchange_reply reply;
	struct nr_exchange_schedule schedule;
	struct nr_exchange_element elements[COMMON];
	assert_int_equal(
		nr_exchange_reply_read(place(&h, 1, ".reply", path), &h.group, &bytes, &length, &head, NULL),
		0);
	assert_int_equal(nr_exchange_reply_parse(&h.group, bytes, length, &reply, NULL), 0);
	assert_int_equal(nr_exchange_schedule_make(&h.secret, &schedule, NULL), 0);
	assert_int_equal(nr_exchange_elements(&schedule, sets[0].items, COMMON, elements, NULL), 0);
	for (unsigned table = 0; table < NR_EXCHANGE_TABLES; table++) {
		struct nr_exchange_table_keys keys;
		assert_int_equal(nr_exchange_table_keys_open(&schedule, table, &keys, NULL), 0);
		for (unsigned round = 0; round < NR_EXCHANGE_ROUNDS; round++) {
			uint64_t shares[COMMON];
			assert_true(nr_exchange_shares(&keys, round, elements, COMMON, 3, 1, shares));
			for (uint64_t i = reply.first[table]; i < reply.first[table + 1]; i++) {
				struct nr_exchange_record record;
				nr_exchange_record_read(&h.group, &reply, i, &record);
				for (unsigned n = 0; n < COMMON; n++)
					found[n][table / 2] |= record.share == shares[n];
			}
		}
		nr_exchange_table_keys_close(&keys);
	}
	for (unsigned n = 0; n < COMMON; n++)
		for (unsigned pair = 0; pair < NR_EXCHANGE_TABLES / 2; pair++)
			missed += !found[n][pair];
	double share = (double)missed / (COMMON * NR_EXCHANGE_TABLES / 2);
	assert_true(share > 0.065 && share < 0.115); /* 0.09, five deviations of 0.006 */
	assert_true(pow(0.093, NR_EXCHANGE_TABLES / 2) <= NR_EXCHANGE_MISSED);
	struct nr_exchange_opened opened = open_reply(&h, 2, &sets[1]);
	assert_int_equal(opened.count, COMMON);
	nr_exchange_opened_fini(&opened);
	for (unsigned i = 0; i < 3; i++)
		nr_exchange_candidates_fini(&sets[i]);
	house_fini(&h);
}

/* ---- nothing is learnt ---- */

static uint8_t *offer_bytes(const struct house *h, unsigned party, size_t *ret_length)
{
	char path[128];
	uint8_t *bytes = NULL;
	assert_int_equal(
		nr_file_read(place(h, party, ".offer", path), SIZE_MAX / 2, &bytes, ret_length, NULL), 0);
	return bytes;
}

/* Chi-square of the bytes of all tables against the uniform distribution: 255 degrees of freedom, mean 255,
 * deviation 22.6. Shares have 61 bits: their last byte is left out. */
static double unevenness(const struct house *h, const uint8_t *bytes)
{
	uint64_t counts[256] = {0}, total = 0;
	double sum = 0;
	const uint8_t *at = bytes + NR_EXCHANGE_HEAD_BYTES;
	for (unsigned table = 0; table < NR_EXCHANGE_TABLES; table++)
		for (uint64_t from = 0, n; from < h->group.bins; from += n) {
			n = NR_MIN(h->group.bins - from, (uint64_t)NR_EXCHANGE_BLOCK_BINS);
			for (uint64_t i = 0; i < n * 8; i++)
				if (i % 8 != 7) {
					counts[at[i]]++;
					total++;
				}
			for (uint64_t i = n * 8; i < n * 10; i++) {
				counts[at[i]]++;
				total++;
			}
			at += n * 10;
		}
	for (unsigned i = 0; i < 256; i++) {
		double expected = (double)total / 256, d = (double)counts[i] - expected;
		sum += d * d / expected;
	}
	return sum;
}

static uint64_t share_of(const uint8_t *bytes, size_t index) /* sets that fit into one block a table */
{
	uint64_t share;
	memcpy(&share, bytes + NR_EXCHANGE_HEAD_BYTES + index, sizeof share);
	return share;
}

/* How many of the shares stand in both offers at the same place. */
static size_t same_shares(const struct house *h, const uint8_t *a, const uint8_t *b)
{
	size_t same = 0, bins = (size_t)h->group.bins;
	assert_true(bins <= NR_EXCHANGE_BLOCK_BINS);
	for (size_t table = 0; table < NR_EXCHANGE_TABLES; table++)
		for (size_t bin = 0; bin < bins; bin++) {
			size_t at = table * bins * NR_EXCHANGE_BIN_BYTES + bin * 8;
			same += share_of(a, at) == share_of(b, at);
		}
	return same;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* An offer of nothing and one of a full set are the same to who has not got the secret: size, evenness, no
 * share twice. */
static void test_offers_look_alike(void **state)
{
	(void)state;
	enum { SET = 3000 };
	struct house h;
	struct nr_exchange_candidates empty = {.count = 0}, full = {.count = 0};
	size_t length_of_empty, length_of_full;
	house_init(&h, 2, 2, SET);
	for (uint32_t n = 0; n < SET; n++)
		add(&full, server_of(n, 15, 0.9)); /* all words are the same before they are masked */
	offer(&h, 1, &empty);
	offer(&h, 2, &full);
	NR_AUTO(nr_freep) uint8_t *of_empty = offer_bytes(&h, 1, &length_of_empty);
	NR_AUTO(nr_freep) uint8_t *of_full = offer_bytes(&h, 2, &length_of_full);
	assert_int_equal(length_of_empty, length_of_full);
	assert_int_equal(length_of_full, nr_exchange_offer_bytes(&h.group));
	assert_true(unevenness(&h, of_empty) < 255 + 6 * 22.6);
	assert_true(unevenness(&h, of_full) < 255 + 6 * 22.6);
	assert_int_equal(same_shares(&h, of_empty, of_full), 0);
	size_t bins = (size_t)h.group.bins, count = bins * NR_EXCHANGE_TABLES;
	NR_AUTO(nr_freep) uint64_t *shares = calloc(count, sizeof *shares);
	for (size_t i = 0; i < count; i++)
		shares[i] = share_of(of_full, i / bins * bins * NR_EXCHANGE_BIN_BYTES + i % bins * 8);
	qsort(shares, count, sizeof *shares, by_value);
	for (size_t i = 1; i < count; i++)
		assert_true(shares[i - 1] != shares[i]);
	nr_exchange_candidates_fini(&full);
	house_fini(&h);
}

/* The same candidates on another day, or in another group: no share repeats. */
static void test_days_and_groups_have_nothing_in_common(void **state)
{
	(void)state;
	struct house h;
	struct nr_exchange_candidates full = {.count = 0};
	size_t length;
	house_init(&h, 2, 2, 2000);
	for (uint32_t n = 0; n < 2000; n++)
		add(&full, server_of(n, 1, 0.1));
	offer(&h, 1, &full);
	NR_AUTO(nr_freep) uint8_t *first = offer_bytes(&h, 1, &length);
	offer(&h, 1, &full); /* the same once more: what real ones show, and why there is one offer a day */
	NR_AUTO(nr_freep) uint8_t *again = offer_bytes(&h, 1, &length);
	assert_true(same_shares(&h, first, again) > 2000);
	assert_int_equal(nr_exchange_secret_forward(&h.secret, DAY + 1, NULL), 0);
	offer(&h, 1, &full);
	NR_AUTO(nr_freep) uint8_t *next_day = offer_bytes(&h, 1, &length);
	assert_int_equal(same_shares(&h, first, next_day), 0);
	h.secret.group[3] ^= 1;
	offer(&h, 1, &full);
	NR_AUTO(nr_freep) uint8_t *next_group = offer_bytes(&h, 1, &length);
	assert_int_equal(same_shares(&h, next_day, next_group), 0);
	nr_exchange_candidates_fini(&full);
	house_fini(&h);
}

/* What the collector sees of two days that differ in everything but what meets: as many offers, as large,
 * meeting in about as many places, held alike. */
static void test_collector_sees_the_meetings_alone(void **state)
{
	(void)state;
	enum { SET = 2000, COMMON = 150 };
	struct house h;
	uint64_t places[2];
	house_init(&h, 3, 2, SET);
	for (unsigned world = 0; world < 2; world++) {
		struct nr_exchange_candidates sets[3] = {{.count = 0}};
		/* one world's carriers have little besides, the other one's are full of what only each has */
		uint32_t besides = world ? SET - COMMON : 5;
		for (unsigned i = 0; i < 3; i++) {
			for (uint32_t n = 0; n < COMMON && i < 2; n++)
				add(&sets[i], server_of(5000 * world + n, world ? 12 : -3, 0.1));
			for (uint32_t n = 0; n < besides; n++)
				add(&sets[i], server_of(100000 * (i + 1) + n, 1, 0.1));
			offer(&h, i + 1, &sets[i]);
		}
		struct nr_exchange_joined joined = join_all(&h);
		places[world] = joined.places;
		assert_int_equal(joined.records[0], joined.places);
		assert_int_equal(joined.records[1], joined.places);
		assert_int_equal(joined.records[2], 0); /* the third is never told that others met */
		for (unsigned i = 0; i < 3; i++)
			nr_exchange_candidates_fini(&sets[i]);
		assert_int_equal(nr_exchange_secret_forward(&h.secret, DAY + 1, NULL), 0);
	}
	/* An element meets in about 13 of 36 places; the sum's deviation is about 30, two of them 42. */
	assert_true(places[0] > COMMON * 6);
	assert_true(fabs((double)places[0] - (double)places[1]) < 5 * 42);
	house_fini(&h);
}

/* ---- who lies ---- */

/* One carrier offers all that others might have, as strong as can be written. */
static void test_one_carrier_raises_nothing_alone(void **state)
{
	(void)state;
	enum { SET = 600 };
	struct house h;
	struct nr_exchange_candidates honest[2] = {{.count = 0}}, liar = {.count = 0};
	house_init(&h, 3, 2, SET);
	for (uint32_t n = 0; n < 100; n++) {
		add(&honest[0], server_of(n, 0, 1e-4)); /* harmless, and only here */
		add(&honest[1], server_of(5000 + n, 0, 1e-4));
		add(&liar, server_of(n, 15.8, 1));
		add(&liar, server_of(5000 + n, 15.8, 1));
		add(&liar, server_of(9000 + n, 15.8, 1)); /* nobody else's: never heard of */
	}
	offer(&h, 1, &honest[0]);
	offer(&h, 2, &honest[1]);
	offer(&h, 3, &liar);
	join_all(&h);
	for (unsigned i = 0; i < 2; i++) {
		struct nr_exchange_opened opened = open_reply(&h, i + 1, &honest[i]);
		assert_int_equal(opened.count, 100);
		for (size_t k = 0; k < opened.count; k++) {
			assert_float_equal(opened.joints[k].others, NR_EXCHANGE_SAY, 1e-9);
			assert_true(opened.joints[k].confidence < 0.01);
		}
		nr_exchange_opened_fini(&opened);
		nr_exchange_candidates_fini(&honest[i]);
	}
	nr_exchange_candidates_fini(&liar);
	house_fini(&h);
}

/* A file of noise, signed by its party: meets nobody. */
static void test_noise_meets_nobody(void **state)
{
	(void)state;
	struct house h;
	struct nr_exchange_candidates set = {.count = 0}, nothing = {.count = 0};
	house_init(&h, 2, 2, 3000);
	for (uint32_t n = 0; n < 3000; n++)
		add(&set, server_of(n, 1, 0.1));
	offer(&h, 1, &set);
	offer(&h, 2, &nothing);
	struct nr_exchange_joined joined = join_all(&h);
	assert_int_equal(joined.places, 0);
	struct nr_exchange_opened opened = open_reply(&h, 1, &set);
	assert_int_equal(opened.count, 0);
	nr_exchange_opened_fini(&opened);
	nr_exchange_candidates_fini(&set);
	house_fini(&h);
}

/* ---- what is refused ---- */

static void spoil(
	const struct house *h, unsigned party, long offset, const void *bytes, size_t length, long cut)
{
	char other[128];
	size_t whole;
	NR_AUTO(nr_freep) uint8_t *copy = offer_bytes(h, party, &whole);
	for (size_t i = 0; i < length; i++)
		copy[(offset < 0 ? (long)whole + offset : offset) + (long)i] ^= ((const uint8_t *)bytes)[i];
	assert_int_equal(nr_file_write(place(h, party, ".other", other), copy, whole - (size_t)cut, NULL), 0);
}

static void expect_refused(
	const struct house *h, const char *first, const char *second, int code, const char *words)
{
	const char *const paths[] = {first, second};
	struct nr_exchange_joined joined = {.places = 77};
	struct nr_error error = {0};
	char path[128];
	assert_int_equal(join_paths(h, paths, 2, &joined, &error), code);
	if (!strstr(error.text, words))
		fail_msg("\"%s\" does not say \"%s\"", error.text, words);
	assert_int_equal(joined.places, 77);
	assert_int_equal(access(place(h, 1, ".reply", path), F_OK), -1); /* no answer at all */
}

static void test_offers_that_are_refused(void **state)
{
	(void)state;
	struct house h, foreign;
	struct nr_exchange_candidates set = {.count = 0};
	char one[128], two[128], other[128], far[128];
	static const uint8_t bit = 1, high = 0x20, all[8] = {255, 255, 255, 255, 255, 255, 255, 255};
	house_init(&h, 2, 2, 50);
	house_init(&foreign, 2, 2, 50);
	add(&set, server_of(1, 1, 0.1));
	offer(&h, 1, &set);
	offer(&h, 2, &set);
	offer(&foreign, 2, &set);
	place(&h, 1, ".offer", one);
	place(&h, 2, ".offer", two);
	place(&h, 2, ".other", other);
	place(&foreign, 2, ".offer", far);
	static const struct {
		long offset;
		const void *bytes;
		size_t length;
		long cut;
		int code;
		const char *words;
	} cases[] = {
		{0, &bit, 1, 0, -EBADMSG, "not an offer"},
		{16, &bit, 1, 0, -EBADMSG, "another group"},
		{48, &bit, 1, 0, -EBADMSG, "but others are of"},
		{50, &bit, 1, 0, -ESTALE, "whose time"},
		{52, &high, 1, 0, -EBADMSG, "of party 34"},
		{54, &bit, 1, 0, -EBADMSG, "cannot be"},
		{56, &bit, 1, 0, -EBADMSG, "cannot be"},
		{64, &bit, 1, 0, -EBADMSG, "cannot be"},
		{80, &bit, 1, 0, -EBADMSG, "cannot be"},
		{96, all, 8, 0, -EBADMSG, "offset 96: not a share"},
		{1000, &bit, 1, 0, -EKEYREJECTED, "not what carrier-2.example signed"},
		{-1, &bit, 1, 0, -EKEYREJECTED, "not what carrier-2.example signed"},
		{0, NULL, 0, 1, -EBADMSG, "bytes, but an offer of test has"},
		{0, NULL, 0, 96, -EBADMSG, "bytes, but an offer of test has"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		spoil(&h, 2, cases[i].offset, cases[i].bytes, cases[i].length, cases[i].cut);
		if (i == 9) { /* whatever the share was, it must be above the field */
			size_t length;
			NR_AUTO(nr_freep) uint8_t *bytes = offer_bytes(&h, 2, &length);
			memset(bytes + 96, 0xff, 8);
			assert_int_equal(nr_file_write(other, bytes, length, NULL), 0);
		}
		expect_refused(&h, one, other, cases[i].code, cases[i].words);
	}
	expect_refused(&h, one, far, -EBADMSG, "another group");
	expect_refused(&h, one, one, -EBADMSG, "has made an offer already");
	expect_refused(&h, one, "/nowhere", -ENOENT, "/nowhere");
	expect_refused(&h, one, "/dev/zero", -EBADMSG, "not an offer");
	const char *const alone[] = {one};
	struct nr_exchange_joined joined;
	struct nr_error error = {0};
	assert_int_equal(join_paths(&h, alone, 1, &joined, &error), -EINVAL);
	nr_exchange_candidates_fini(&set);
	house_fini(&h);
	house_fini(&foreign);
}

/* Another one's key under a party's number. */
static void test_offer_of_an_impostor(void **state)
{
	(void)state;
	struct house h;
	struct nr_exchange_candidates set = {.count = 0};
	char one[128], two[128], vkey[NR_NOTE_VKEY_TEXT];
	house_init(&h, 2, 2, 50);
	EVP_PKEY *impostor = key_make("carrier-2.example", vkey), *honest = h.keys[1];
	offer(&h, 1, &set);
	h.keys[1] = impostor;
	offer(&h, 2, &set);
	h.keys[1] = honest;
	EVP_PKEY_free(impostor);
	expect_refused(&h, place(&h, 1, ".offer", one), place(&h, 2, ".offer", two), -EKEYREJECTED,
		"carrier-2.example");
	house_fini(&h);
}

static void test_replies_that_are_refused(void **state)
{
	(void)state;
	struct house h;
	struct nr_exchange_candidates set = {.count = 0};
	char path[128];
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	NR_AUTO(nr_freep) uint8_t *read = NULL;
	size_t length, left;
	struct nr_exchange_head head;
	struct nr_exchange_reply reply;
	const struct nr_exchange_trust trust = {4, 1};
	struct nr_exchange_opened opened;
	struct nr_error error = {0};
	house_init(&h, 2, 2, 50);
	for (uint32_t n = 0; n < 20; n++)
		add(&set, server_of(n, 1, 0.1));
	offer(&h, 1, &set);
	offer(&h, 2, &set);
	join_all(&h);
	place(&h, 1, ".reply", path);
	assert_int_equal(nr_file_read(path, 1 << 20, &bytes, &length, NULL), 0);
	for (size_t at = 0; at < length; at += 7) { /* any bit of it */
		bytes[at] ^= 4;
		assert_int_equal(nr_file_write(path, bytes, length, NULL), 0);
		int e = nr_exchange_reply_read(path, &h.group, &read, &left, &head, &error);
		assert_true(e == -EKEYREJECTED || (e == -EBADMSG && at < NR_EXCHANGE_HEAD_BYTES));
		bytes[at] ^= 4;
	}
	for (size_t cut = 1; cut < length; cut += 11) {
		assert_int_equal(nr_file_write(path, bytes, length - cut, NULL), 0);
		int e = nr_exchange_reply_read(path, &h.group, &read, &left, &head, &error);
		assert_true(e == -EKEYREJECTED || e == -EBADMSG);
		assert_true(strstr(error.text, "1.reply") != NULL);
	}
	/* Behind the signature: what a collector that lies could write. */
	length -= NR_EXCHANGE_SIGNATURE_BYTES;
	assert_int_equal(nr_exchange_reply_parse(&h.group, bytes, length, &reply, NULL), 0);
	assert_true(reply.count > 20);
	static const struct {
		size_t offset; /* in the second record */
		uint8_t bits;
	} lies[] = {{0, 0xf0}, {1, 0x01}, {1, 0x04}, {2, 0x80}, {6, 0x80}, {14, 0xe0}};
	for (size_t i = 0; i < NR_COUNT(lies); i++) {
		size_t at = NR_EXCHANGE_HEAD_BYTES + nr_exchange_record_bytes(&h.group) + lies[i].offset;
		bytes[at] ^= lies[i].bits;
		assert_int_equal(nr_exchange_reply_parse(&h.group, bytes, length, &reply, &error), -EBADMSG);
		assert_true(strstr(error.text, "record 1 (offset 115)") != NULL);
		bytes[at] ^= lies[i].bits;
	}
	assert_int_equal(nr_exchange_reply_parse(&h.group, bytes, length - 1, &reply, &error), -EBADMSG);
	/* Yesterday's reply, played again today. */
	assert_int_equal(nr_exchange_secret_forward(&h.secret, DAY + 1, NULL), 0);
	assert_int_equal(
		nr_exchange_reply_open(&h.group, &h.secret, &set, &trust, bytes, length, &opened, &error),
		-EINVAL);
	nr_exchange_candidates_fini(&set);
	house_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights_interpolate_at_zero),
		cmocka_unit_test(test_botnet_of_five_carriers),
		cmocka_unit_test(test_small_sets_of_many_parties),
		cmocka_unit_test(test_missed_as_computed),
		cmocka_unit_test(test_offers_look_alike),
		cmocka_unit_test(test_days_and_groups_have_nothing_in_common),
		cmocka_unit_test(test_collector_sees_the_meetings_alone),
		cmocka_unit_test(test_one_carrier_raises_nothing_alone),
		cmocka_unit_test(test_noise_meets_nobody),
		cmocka_unit_test(test_offers_that_are_refused),
		cmocka_unit_test(test_offer_of_an_impostor),
		cmocka_unit_test(test_replies_that_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
