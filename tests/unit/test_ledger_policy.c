/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and proofs that travel: the published proof, quorums, and files that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger_rig.h"
#include "trust/ledger/proof.h"

#include <malloc.h>

#define LOG "log.example/vectors+35fba41d+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define W1  "witness.example/w1+04d2d833+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"

/* More witnesses, whose keys are made up of one byte. */
static const char *made_up(uint8_t byte)
{
	static char texts[256][NR_NOTE_VKEY_TEXT];
	uint8_t key[32];
	memset(key, byte, sizeof key);
	nr_note_vkey_write("made.up", NR_NOTE_COSIGNATURE, key, texts[byte], NULL);
	return texts[byte];
}

static int parse(const char *text, struct nr_tlog_policy **ret, struct nr_error *error)
{
	return nr_tlog_policy_parse("p", text, strlen(text), true, ret, error);
}

static void test_files_that_are_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"", "quorum"},
		{"quorum none\n", "no log"},
		{"log " LOG "\n", "quorum"},
		{"log " LOG "\nquorum none\nquorum none\n", "second"},
		{"log " LOG "\nlog " LOG "\nquorum none\n", "another line"},
		{"log " LOG "\r\nquorum none\n", "carriage"},
		{"log " LOG "\nquorum none\x01\n", "control"},
		{"log " LOG " https://log.example/ # the log\nquorum none\n", "log VKEY"},
		{"log " LOG "\nquorum none # not yet\n", "quorum NAME"},
		{" # not at the beginning\nlog " LOG "\nquorum none\n", "begins with none"},
		{"log " LOG "\nquorum a\nwitness a " W1 "\n", "not defined"},
		{"log " LOG "\ngroup g any a\nwitness a " W1 "\nquorum g\n", "not defined"},
		{"log " LOG "\nwitness a " W1 "\nwitness a2 " W1 "\nquorum a\n", "another line"},
		{"log " LOG "\nwitness none " W1 "\nquorum none\n", "none"},
		{"log " LOG "\nwitness a " W1 "\ngroup a any a\nquorum a\n", "taken"},
		{"log " LOG "\nwitness a " W1 "\ngroup g 0 a\nquorum g\n", "threshold"},
		{"log " LOG "\nwitness a " W1 "\ngroup g 2 a\nquorum g\n", "threshold"},
		{"log " LOG "\nwitness a " W1 "\ngroup g any a a\nquorum g\n", "already"},
		{"log " LOG "\nwitness a " W1 "\ngroup g any a\ngroup h any a\nquorum h\n", "already"},
		{"log " LOG "\nwitness a " LOG "\nquorum a\n", "another line"},
		{"log " W1 "\nquorum none\n", "no log's key"},
		{"log x\nquorum none\n", "p: line 1"},
		{"mirror " LOG "\nquorum none\n", "begins with none"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_tlog_policy *policy = NULL;
		struct nr_error error;
		int e = parse(cases[i].text, &policy, &error);
		if (e != -EBADMSG || !strstr(error.text, cases[i].words))
			print_message("%zu: %d %s\n", i, e, e ? error.text : "accepted");
		assert_int_equal(e, -EBADMSG);
		assert_non_null(strstr(error.text, cases[i].words));
	}
}

static void test_quorums(void **state)
{
	(void)state;
	char text[4096];
	struct nr_tlog_policy *policy = NULL;
	snprintf(text, sizeof text,
		"# three of one house, one of another\nlog " LOG
		"\n\nwitness a %.200s https://a/\nwitness b\t%.200s\n"
		"witness c %.200s\nwitness d %.200s\ngroup house 2 a b c\ngroup both all house d\nquorum "
		"both\n",
		made_up(1), made_up(2), made_up(3), made_up(4));
	assert_int_equal(parse(text, &policy, NULL), 0);
	assert_string_equal(policy->urls[0], "https://a/");
	assert_null(policy->urls[1]);
	static const struct {
		uint64_t witnesses;
		bool met;
	} cases[] = {{0, false}, {1, false}, {8, false}, {9, false}, {3, false}, {11, true}, {13, true},
		{14, true}, {15, true}, {7, false}};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		assert_int_equal(nr_tlog_policy_is_met(policy, cases[i].witnesses), cases[i].met);
	nr_tlog_policy_free(policy);
}

/* The specification asks for 32 of each at least. */
static void test_many(void **state)
{
	(void)state;
	NR_AUTO(nr_freep) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	for (unsigned i = 0; i < NR_TLOG_POLICY_MAX; i++) {
		fprintf(out, "witness w%u %s\n", i, made_up((uint8_t)(i + 1)));
		fprintf(out, "group g%u any w%u\n", i, i);
	}
	fprintf(out, "log " LOG "\nquorum g63\n");
	fclose(out);
	struct nr_tlog_policy *policy = NULL;
	assert_int_equal(parse(text, &policy, NULL), 0);
	assert_true(nr_tlog_policy_is_met(policy, UINT64_C(1) << 63));
	assert_false(nr_tlog_policy_is_met(policy, UINT64_MAX >> 1));
	nr_tlog_policy_free(policy);
}

static void test_the_published_proof(void **state)
{
	(void)state;
	struct json_object *file = vector_read("notes/notes.json");
	if (!file)
		return;
	struct json_object *item = member(file, "tlog_proof");
	const char *text = text_of(item, "proof"), *entry = text_of(item, "leaf_data_ascii");
	struct nr_tlog_policy *policy = NULL;
	struct nr_tlog_proof proof;
	struct nr_tlog_policy_verdict verdict;
	assert_int_equal(parse("log " LOG "\nwitness w " W1 "\nquorum w\n", &policy, NULL), 0);
	assert_int_equal(nr_tlog_proof_parse(text, strlen(text), &proof, NULL), 0);
	assert_int_equal(proof.index, 65535);
	size_t before = mallinfo2().uordblks;
	assert_int_equal(nr_tlog_proof_check(&proof, entry, strlen(entry), policy, &verdict, NULL), 0);
	assert_in_range(mallinfo2().uordblks - before, 0, 64 * 1024);
	assert_true(verdict.quorum);
	assert_int_equal(verdict.witnesses, 1);
	assert_int_equal(verdict.checkpoint.size, 70000);
	assert_int_equal(nr_tlog_proof_check(&proof, "entry 65534", 11, policy, &verdict, NULL), -EUCLEAN);
	NR_AUTO(nr_freep) char *again = NULL;
	size_t length;
	assert_int_equal(nr_tlog_proof_write(proof.index, &proof.proof, proof.checkpoint,
				 proof.checkpoint_length, &again, &length, NULL),
		0);
	assert_string_equal(again, text);
	nr_tlog_policy_free(policy);
	/* another log's key, and a quorum that it does not have */
	snprintf(again, length, "log %s\nquorum none\n",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
	assert_int_equal(parse(again, &policy, NULL), 0);
	assert_int_equal(nr_tlog_proof_check(&proof, entry, strlen(entry), policy, &verdict, NULL), -ENOKEY);
	nr_tlog_policy_free(policy);
	snprintf(again, length, "log " LOG "\nwitness w %s\nquorum w\n", made_up(9));
	assert_int_equal(parse(again, &policy, NULL), 0);
	assert_int_equal(nr_tlog_proof_check(&proof, entry, strlen(entry), policy, &verdict, NULL), 0);
	assert_false(verdict.quorum);
	nr_tlog_policy_free(policy);
	json_object_put(file);
}

static void test_proofs_that_are_wrong(void **state)
{
	(void)state;
#define HASH "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{"c2sp.org/tlog-proof@v1\nindex 0\n\n", true},
		{"c2sp.org/tlog-proof@v1\nextra aGk=\nindex 0\n" HASH "\n", true},
		{"c2sp.org/tlog-proof@v2\nindex 0\n\n", false},
		{"c2sp.org/tlog-proof@v1\nextra \x01\nindex 0\n\n", false},
		{"c2sp.org/tlog-proof@v1\nindex 00\n\n", false},
		{"c2sp.org/tlog-proof@v1\nindex 18446744073709551616\n\n", false},
		{"c2sp.org/tlog-proof@v1\nindex 0\nindex 0\n\n", false},
		{"c2sp.org/tlog-proof@v1\nindex 0\n" HASH, false},
		{"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n", false},
		{"c2sp.org/tlog-proof@v1\nindex 0", false},
		{"c2sp.org/tlog-proof@v1\n", false},
		{"c2sp.org/tlog-proof@v1", false},
		{"", false},
	};
	struct nr_tlog_proof proof;
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		assert_int_equal(nr_tlog_proof_parse(cases[i].text, strlen(cases[i].text), &proof, NULL),
			cases[i].ok ? 0 : -EBADMSG);
	char text[8192];
	size_t length = (size_t)snprintf(text, sizeof text, "c2sp.org/tlog-proof@v1\nindex 0\n");
	for (unsigned i = 0; i <= NR_PROOF_MAX; i++)
		length += (size_t)snprintf(text + length, sizeof text - length, HASH);
	length += (size_t)snprintf(text + length, sizeof text - length, "\n");
	assert_int_equal(nr_tlog_proof_parse(text, length, &proof, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_that_are_wrong),
		cmocka_unit_test(test_quorums),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_the_published_proof),
		cmocka_unit_test(test_proofs_that_are_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
