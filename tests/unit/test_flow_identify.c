/* SPDX-License-Identifier: Apache-2.0 */
/* From a pseudonym to a client: two persons, one request as it was signed, one answer, all of it recorded. */
#include "base/file.h"
#include "sense/flow/law/identify.h"
#include "sense/flow/law/law.h"
#include "trust/signer/person.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NOW (INT64_C(1764547200) * NR_SECOND) /* 2025-12-01T00:00Z */

struct place {
	char root[64], archive[96], keys[96], request[96];
	char persons[4][96]; /* keys' files; the third is not in the policy, the fourth is the first's key
				again */
	struct nr_address pseudonym;
	char text[NR_ADDRESS_TEXT];
	struct nr_flow_identify_conf conf;
};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static void make_person(const char *path, const char *name, const char *key_of)
{
	NR_AUTO(nr_pkey_freep) EVP_PKEY *key = NULL;
	NR_AUTO(nr_bio_freep) BIO *pem = NULL;
	struct nr_secret none = {.length = 0};
	char vkey[NR_NOTE_VKEY_TEXT], vkey_path[128];
	if (key_of)
		assert_int_equal(nr_key_read(key_of, &none, &key, NULL), 0);
	else
		assert_int_equal(nr_key_generate("ed25519", &key, NULL), 0);
	assert_int_equal(nr_key_vkey(name, key, vkey, NULL), 0);
	assert_int_equal(nr_key_write(key, &none, &pem, NULL), 0);
	assert_int_equal(nr_key_file_write(path, pem, true, NULL), 0);
	snprintf(vkey_path, sizeof vkey_path, "%s.vkey", path);
	assert_int_equal(nr_file_write(vkey_path, vkey, strlen(vkey), NULL), 0);
}

/* An archive's law, its first two persons, and the pseudonym of 198.51.100.77. */
static void make_law(struct place *place)
{
	struct nr_prefix own[2];
	char first[128], second[128];
	const char *persons[] = {first, second};
	struct nr_flow_law *law = NULL;
	struct nr_flow_block *block = NULL;
	struct nr_error error = {0};
	assert_int_equal(nr_prefix_parse("198.51.100.0/24", &own[0], NULL), 0);
	assert_int_equal(nr_prefix_parse("2001:db8:1::/48", &own[1], NULL), 0);
	snprintf(first, sizeof first, "%s.vkey", place->persons[0]);
	snprintf(second, sizeof second, "%s.vkey", place->persons[1]);
	struct nr_flow_law_options options = {.own = {own, 2}, .persons = {persons, 2}};
	if (nr_flow_law_open(&options, place->archive, &law, &error) ||
		nr_flow_policy_settle(place->archive, nr_flow_law_policy(law), &error))
		fail_msg("%s", error.text);
	assert_int_equal(nr_flow_block_new(64, &block, NULL), 0);
	block->received_first = NOW;
	nr_flow_rows_open(block, 1, NR_FLOW_BIT(SOURCE_LOW));
	*(uint64_t *)nr_flow_column_at(block, NR_FLOW_SOURCE_LOW) = UINT64_C(0xffffc633644d);
	nr_flow_rows_close(block, 1);
	assert_int_equal(nr_flow_law_apply(law, block, NULL), 0);
	place->pseudonym = nr_flow_address(block, NR_FLOW_SOURCE_LOW, 0);
	nr_address_write(&place->pseudonym, place->text);
	nr_flow_block_free(block);
	nr_flow_law_close(law);
}

static int set_up(void **state)
{
	static const char *const names[] = {"hanako", "taro", "jiro", "hanako-again"};
	struct place *place = calloc(1, sizeof *place);
	strcpy(place->root, "/tmp/noroshi-identify-XXXXXX");
	if (!mkdtemp(place->root))
		return -1;
	snprintf(place->archive, sizeof place->archive, "%s/flows", place->root);
	snprintf(place->keys, sizeof place->keys, "%s/flows.keys", place->root);
	snprintf(place->request, sizeof place->request, "%s/request", place->root);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(place->persons[i], sizeof place->persons[i], "%s/%s", place->root, names[i]);
		make_person(place->persons[i], names[i], i == 3 ? place->persons[0] : NULL);
	}
	make_law(place);
	place->conf = (struct nr_flow_identify_conf){.archive = place->archive,
		.keys = place->keys,
		.reason = "infected, to be told",
		.received = NOW + NR_HOUR,
		.now = NOW + NR_DAY};
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	nftw(place->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(place);
	return 0;
}

static void ask(struct place *place)
{
	struct nr_error error = {0};
	if (nr_flow_identify_ask(&place->conf, place->text, place->request, &error))
		fail_msg("%s", error.text);
}

static int approve(struct place *place, unsigned person)
{
	char text[NR_FLOW_REQUEST_TEXT];
	place->conf.sign = place->persons[person];
	return nr_flow_identify_approve(&place->conf, place->request, text, NULL);
}

static int answer(struct place *place, struct nr_address *ret_client)
{
	return nr_flow_identify_answer(&place->conf, place->request, ret_client, NULL);
}

struct acts {
	unsigned asked, approved, answered, refused;
};
static int count_act(void *context, const struct nr_flow_use *use)
{
	struct acts *acts = context;
	acts->asked += strstr(use->line, "\"act\":\"identify-request\"") != NULL;
	acts->approved += strstr(use->line, "\"act\":\"identify-approve\"") != NULL;
	acts->answered += strstr(use->line, "\"act\":\"identify\"") != NULL;
	acts->refused += strstr(use->line, "\"act\":\"refused\"") != NULL;
	assert_null(strstr(use->line, "198.51.100.77")); /* the record does not say who it was */
	return 0;
}

static void expect_acts(const struct place *place, struct acts wanted)
{
	struct nr_flow_uses_state uses;
	struct acts acts = {0};
	assert_int_equal(nr_flow_uses_read(place->archive, count_act, &acts, &uses, NULL), 0);
	assert_string_equal(uses.trouble, "");
	assert_memory_equal(&acts, &wanted, sizeof acts);
}

static void test_two_persons(void **state)
{
	struct place *place = *state;
	struct nr_address client, wanted;
	ask(place);
	assert_int_equal(answer(place, &client), -EACCES); /* nobody has signed */
	assert_int_equal(approve(place, 0), 0);
	assert_int_equal(answer(place, &client), -EACCES);
	assert_int_equal(approve(place, 1), 0);
	assert_int_equal(answer(place, &client), 0);
	assert_int_equal(nr_address_parse("198.51.100.77", &wanted, NULL), 0);
	assert_true(nr_address_equal(&client, &wanted));
	assert_int_equal(answer(place, &client), -EACCES); /* once */
	expect_acts(place, (struct acts){.asked = 1, .approved = 2, .answered = 1, .refused = 3});
}

static void test_one_person_is_one(void **state)
{
	struct place *place = *state;
	struct nr_address client;
	ask(place);
	assert_int_equal(approve(place, 0), 0);
	assert_int_equal(approve(place, 0), -EALREADY);
	assert_int_equal(approve(place, 2), -EACCES); /* a stranger */
	/* the same key under another name, and the same line twice, by hand */
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	assert_int_equal(nr_file_read(place->request, 65536, &bytes, &length, NULL), 0);
	char *twice = calloc(1, 2 * length + 1);
	const char *line = strstr((char *)bytes, "\n\n") + 2;
	memcpy(twice, bytes, length);
	strcpy(twice + length, line);
	assert_int_equal(nr_file_write(place->request, twice, strlen(twice), NULL), 0);
	free(twice);
	assert_int_not_equal(answer(place, &client), 0);
	assert_int_equal(nr_file_write(place->request, bytes, length, NULL), 0);
	assert_int_equal(approve(place, 3), -EACCES);
	assert_int_equal(answer(place, &client), -EACCES);
	expect_acts(place, (struct acts){.asked = 1, .approved = 1, .refused = 5});
}

static void test_what_was_signed_is_what_stands_there(void **state)
{
	struct place *place = *state;
	struct nr_address client;
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	ask(place);
	assert_int_equal(approve(place, 0), 0);
	assert_int_equal(approve(place, 1), 0);
	assert_int_equal(nr_file_read(place->request, 65536, &bytes, &length, NULL), 0);
	size_t end = (size_t)(strstr((char *)bytes, "\n\n") - (char *)bytes);
	for (size_t i = 0; i < end; i++) {
		bytes[i] ^= 1;
		assert_int_equal(nr_file_write(place->request, bytes, length, NULL), 0);
		if (answer(place, &client) == 0)
			fail_msg("byte %zu", i);
		bytes[i] ^= 1;
	}
	assert_int_equal(nr_file_write(place->request, bytes, length, NULL), 0);
	assert_int_equal(answer(place, &client), 0);
}

static void test_times_and_places(void **state)
{
	struct place *place = *state;
	struct nr_address client;
	ask(place);
	assert_int_equal(approve(place, 0), 0);
	assert_int_equal(approve(place, 1), 0);
	place->conf.now += NR_FLOW_REQUEST_MAX + 1;
	assert_int_equal(answer(place, &client), -EACCES); /* over */
	place->conf.now -= NR_FLOW_REQUEST_MAX + 1;
	place->conf.candidates = "203.0.113.0/24";
	assert_int_equal(answer(place, &client), -EACCES); /* other candidates than those that were signed */
	place->conf.candidates = NULL;
	/* a request of another archive */
	char other[96];
	strcpy(other, place->archive);
	snprintf(place->archive, sizeof place->archive, "%s/other", place->root);
	make_law(place);
	assert_int_equal(answer(place, &client), -EACCES);
	strcpy(place->archive, other);
	assert_int_equal(answer(place, &client), 0);
}

/* Who shortens the record so that an answer can be had again has none. */
static void test_record_that_does_not_hold(void **state)
{
	struct place *place = *state;
	struct nr_address client;
	char path[128];
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	ask(place);
	assert_int_equal(approve(place, 0), 0);
	assert_int_equal(approve(place, 1), 0);
	snprintf(path, sizeof path, "%s/uses.jsonl", place->archive);
	assert_int_equal(nr_file_read(path, 65536, &bytes, &length, NULL), 0);
	assert_int_equal(answer(place, &client), 0);
	assert_int_equal(nr_file_write(path, bytes, length, NULL), 0);
	assert_int_equal(answer(place, &client), -EACCES);
}

static void test_candidates(void **state)
{
	struct place *place = *state;
	struct nr_address client, wanted;
	char file[128];
	assert_int_equal(nr_address_parse("198.51.100.77", &wanted, NULL), 0);
	static const struct {
		const char *text;
		int code;
	} cases[] = {{"# a comment\n198.51.100.64/26\n", 0}, {"198.51.100.77\r\n", 0},
		{"198.51.100.78\n", -ENOENT}, {"", -EINVAL}, {"198.51.100.1/24\n", -EINVAL},
		{"::/0\n", -E2BIG}, {"nonsense\n", -EINVAL}};
	snprintf(file, sizeof file, "%s/candidates", place->root);
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		remove(place->request);
		assert_int_equal(nr_file_write(file, cases[i].text, strlen(cases[i].text), NULL), 0);
		place->conf.candidates = file;
		place->conf.now += NR_SECOND;
		int e = nr_flow_identify_ask(&place->conf, place->text, place->request, NULL);
		if (!e && (approve(place, 0) || approve(place, 1)))
			fail_msg("case %zu", i);
		e = e ? e : answer(place, &client);
		if (e != cases[i].code)
			fail_msg("case %zu: %d", i, e);
		if (!e)
			assert_true(nr_address_equal(&client, &wanted));
	}
	/* a network stands in the request; a file must be the one that was signed */
	remove(place->request);
	place->conf.candidates = "198.51.100.76/31";
	place->conf.now += NR_SECOND;
	ask(place);
	assert_int_equal(approve(place, 0) | approve(place, 1), 0);
	place->conf.candidates = NULL;
	assert_int_equal(answer(place, &client), 0);
}

static void test_requests_that_cannot_be(void **state)
{
	struct place *place = *state;
	place->conf.reason = NULL;
	assert_int_equal(nr_flow_identify_ask(&place->conf, place->text, place->request, NULL), -EINVAL);
	place->conf.reason = "two\nlines";
	assert_int_equal(nr_flow_identify_ask(&place->conf, place->text, place->request, NULL), -EINVAL);
	place->conf.reason = "infected";
	assert_int_equal(nr_flow_identify_ask(&place->conf, "198.51.100.7", place->request, NULL), -EINVAL);
	assert_int_equal(nr_flow_identify_ask(&place->conf, "no address", place->request, NULL), -EINVAL);
	place->conf.received = 0;
	assert_int_equal(nr_flow_identify_ask(&place->conf, place->text, place->request, NULL), -EINVAL);
	place->conf.received = NOW;
	ask(place);
	assert_int_equal(nr_flow_identify_ask(&place->conf, place->text, place->request, NULL), -EEXIST);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {T(test_two_persons), T(test_one_person_is_one),
		T(test_what_was_signed_is_what_stands_there), T(test_times_and_places),
		T(test_record_that_does_not_hold), T(test_candidates), T(test_requests_that_cannot_be)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
