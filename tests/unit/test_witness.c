/* SPDX-License-Identifier: Apache-2.0 */
/* A witness: every status of C2SP tlog-witness, two that come together, and what outlives it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger_rig.h"
#include "trust/ledger/witness.h"

#include <pthread.h>

#define NAME    "witness.example/w1"
#define NOW     (INT64_C(1767225600) * NR_SECOND)
#define ENTRIES 40

static struct rig_key log_key, witness_key;
static struct nr_hash leaves[ENTRIES];

static int sign(void *context, const char *message, size_t length, uint8_t signature[static 64],
	struct nr_error *error)
{
	(void)error;
	rig_sign_bytes(context, message, length, signature);
	return 0;
}

static int node(void *context, unsigned level, uint64_t index, struct nr_hash *ret, struct nr_error *error)
{
	(void)context, (void)error;
	nr_merkle_perfect(&leaves[index << level], level, ret);
	return 0;
}
static const struct nr_merkle_nodes nodes = {node, NULL};

static struct nr_tlog_policy *policy_of_log(void)
{
	char vkey[NR_NOTE_VKEY_TEXT];
	struct nr_tlog_policy *policy = NULL;
	nr_note_vkey_write(RIG_ORIGIN, NR_NOTE_ED25519, log_key.public, vkey, NULL);
	assert_int_equal(nr_tlog_policy_of_log(vkey, &policy, NULL), 0);
	return policy;
}

static struct nr_witness *witness_open(const char *folder, const struct nr_tlog_policy *policy)
{
	const struct nr_witness_conf conf = {.folder = folder,
		.policy = policy,
		.name = NAME,
		.key = witness_key.public,
		.sign = sign,
		.context = &witness_key};
	struct nr_witness *witness = NULL;
	assert_int_equal(nr_witness_open(&conf, &witness, NULL), 0);
	return witness;
}

/* A request that is right, in a buffer of 4096; its parts can be changed. */
struct wish {
	uint64_t old_size, size;
	uint64_t proof_from; /* of the proof; 0: none */
	const char *origin;
	bool other_root, other_key, spoiled, extension;
};

static size_t write_request(const struct wish *wish, char *body)
{
	struct nr_hash root;
	struct nr_proof proof = {.count = 0};
	char text[NR_CHECKPOINT_TEXT + 16], note[2048], base64[64];
	size_t length = (size_t)sprintf(body, "old %llu\n", (unsigned long long)wish->old_size);
	assert_int_equal(nr_merkle_root(&nodes, 0, wish->size, &root, NULL), 0);
	if (wish->other_root)
		root.bytes[0] ^= 1;
	if (wish->proof_from)
		nr_merkle_prove_consistency(&nodes, 0, wish->proof_from, wish->size, &proof, NULL);
	for (size_t i = 0; i < proof.count; i++) {
		nr_base64_write(proof.hashes[i].bytes, NR_HASH_BYTES, base64);
		length += (size_t)sprintf(body + length, "%s\n", base64);
	}
	size_t text_length =
		nr_checkpoint_write(wish->origin ? wish->origin : RIG_ORIGIN, wish->size, &root, text);
	if (wish->extension)
		text_length += (size_t)sprintf(text + text_length, "extension\n");
	size_t note_length = sizeof note;
	struct rig_key key = wish->other_key ? witness_key : log_key;
	key.name = RIG_ORIGIN;
	assert_int_equal(rig_sign(&key, text, text_length, note, &note_length, NULL), 0);
	if (wish->spoiled)
		note[note_length - 20] = note[note_length - 20] == 'A' ? 'B' : 'A';
	return length + (size_t)sprintf(body + length, "\n%.*s", (int)note_length, note);
}

static unsigned ask(struct nr_witness *witness, const struct wish *wish, struct nr_witness_answer *answer)
{
	char body[4096];
	nr_witness_add(witness, body, write_request(wish, body), NOW, answer);
	return answer->status;
}

static void test_every_status(void **state)
{
	(void)state;
	/* in this order, to one witness */
	static const struct {
		const char *what;
		struct wish wish;
		unsigned status;
		const char *text;
	} cases[] = {
		{"another log", {0, 5, 0, .origin = "other.example"}, 404, NULL},
		{"another key", {0, 5, 0, .other_key = true}, 403, NULL},
		{"a signature that does not hold", {0, 5, 0, .spoiled = true}, 403, NULL},
		{"old above size", {6, 5, 0}, 400, NULL},
		{"not what it cosigned", {3, 5, 3}, 409, "0\n"},
		{"from nothing, with a proof", {0, 5, 3}, 422, NULL},
		{"size 0 with another root", {0, 0, 0, .other_root = true}, 422, NULL},
		{"an empty log", {0, 0, 0}, 200, NULL},
		{"the first", {0, 5, 0}, 200, NULL},
		{"the first again", {0, 5, 0}, 409, "5\n"},
		{"the same", {5, 5, 0}, 200, NULL},
		{"the same size with another root", {5, 5, 0, .other_root = true}, 422, NULL},
		{"the same size with a proof", {5, 5, 3}, 422, NULL},
		{"going on without proof", {5, 9, 0}, 422, NULL},
		{"going on with another proof", {5, 9, 4}, 422, NULL},
		{"going on to another root", {5, 9, 5, .other_root = true}, 422, NULL},
		{"going on", {5, 9, 5}, 200, NULL},
		{"with a line of extension", {9, 17, 9, .extension = true}, 200, NULL},
		{"going back", {9, 9, 0}, 409, "17\n"},
	};
	const char *folder = rig_folder();
	NR_AUTO(nr_tlog_policy_freep) struct nr_tlog_policy *policy = policy_of_log();
	NR_AUTO(nr_witness_freep) struct nr_witness *witness = witness_open(folder, policy);
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_witness_answer answer;
		unsigned status = ask(witness, &cases[i].wish, &answer);
		if (status != cases[i].status)
			print_message("%s: %u %s\n", cases[i].what, status, answer.text);
		assert_int_equal(status, cases[i].status);
		if (cases[i].text)
			assert_string_equal(answer.text, cases[i].text);
		assert_string_equal(
			answer.type, status == 409 ? "text/x.tlog.size" : "text/plain; charset=utf-8");
		free(answer.text);
	}
	char evidence[96];
	struct stat file;
	snprintf(evidence, sizeof evidence, "%s/evidence", folder);
	assert_int_equal(stat(evidence, &file), 0);
	assert_true(file.st_size > 0); /* the log signed two trees of 5 entries */
	rig_remove(folder);
}

static void test_malformed(void **state)
{
	(void)state;
	static const char *const bodies[] = {"", "old\n\n", "old 1", "old x\n\n", "old 01\n\n", "old 0\n",
		"old 0\nAAAA\n\n", "old 0\n\n", "old 0\n\nnote\n", "old 18446744073709551616\n\n", "0\n\n"};
	const char *folder = rig_folder();
	NR_AUTO(nr_tlog_policy_freep) struct nr_tlog_policy *policy = policy_of_log();
	NR_AUTO(nr_witness_freep) struct nr_witness *witness = witness_open(folder, policy);
	struct nr_witness_answer answer;
	for (size_t i = 0; i < NR_COUNT(bodies); i++) {
		nr_witness_add(witness, bodies[i], strlen(bodies[i]), NOW, &answer);
		assert_int_equal(answer.status, 400);
		free(answer.text);
	}
	char body[4096];
	const struct wish wish = {0, 5, 0};
	size_t length = write_request(&wish, body);
	for (size_t cut = 0; cut < length; cut++) { /* cut anywhere it is nothing */
		nr_witness_add(witness, body, cut, NOW, &answer);
		assert_int_equal(answer.status, 400);
		free(answer.text);
	}
	NR_AUTO(nr_freep) char *large = calloc(1, NR_WITNESS_BODY_MAX + 1);
	nr_witness_add(witness, large, NR_WITNESS_BODY_MAX + 1, NOW, &answer);
	assert_int_equal(answer.status, 400);
	free(answer.text);
	char many[64 * 48] = "old 1\n";
	length = strlen(many);
	for (unsigned i = 0; i < 64; i++)
		length += (size_t)sprintf(many + length, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
	nr_witness_add(witness, many, length, NOW, &answer);
	assert_int_equal(answer.status, 400);
	assert_non_null(strstr(answer.text, "63"));
	free(answer.text);
	rig_remove(folder);
}

/* The answer opens with the witness's key, and with the log's it makes a note of both. */
static void test_its_cosignature_holds(void **state)
{
	(void)state;
	char body[4096], text[4096], vkey[NR_NOTE_VKEY_TEXT];
	const struct wish wish = {0, 7, 0};
	const char *folder = rig_folder();
	NR_AUTO(nr_tlog_policy_freep) struct nr_tlog_policy *policy = policy_of_log();
	NR_AUTO(nr_witness_freep) struct nr_witness *witness = witness_open(folder, policy);
	struct nr_witness_answer answer;
	size_t length = write_request(&wish, body);
	nr_witness_add(witness, body, length, NOW, &answer);
	assert_int_equal(answer.status, 200);
	const char *note_start = strstr(body, "\n\n") + 2;
	snprintf(text, sizeof text, "%.*s%s", (int)(body + length - note_start), note_start, answer.text);
	free(answer.text);
	struct nr_note note;
	struct nr_note_key key;
	struct nr_note_verdict verdict;
	nr_note_vkey_write(NAME, NR_NOTE_COSIGNATURE, witness_key.public, vkey, NULL);
	assert_int_equal(nr_note_key_parse(vkey, strlen(vkey), &key, NULL), 0);
	assert_int_equal(nr_note_parse(text, strlen(text), &note, NULL), 0);
	assert_int_equal(nr_note_verify(&note, &key, 1, &verdict, NULL), 0);
	assert_int_equal(verdict.time, NOW / NR_SECOND);
	assert_int_equal(nr_note_verify(&note, policy->logs, 1, &verdict, NULL), 0);
	nr_note_key_fini(&key);
	rig_remove(folder);
}

static void test_what_it_knows_outlives_it(void **state)
{
	(void)state;
	char path[128], hex[65];
	struct nr_hash hash;
	struct nr_witness_answer answer;
	const char *folder = rig_folder();
	NR_AUTO(nr_tlog_policy_freep) struct nr_tlog_policy *policy = policy_of_log();
	struct nr_witness *witness = witness_open(folder, policy);
	nr_hash_of(RIG_ORIGIN, strlen(RIG_ORIGIN), &hash);
	for (unsigned i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash.bytes[i]);
	snprintf(path, sizeof path, "/%s/checkpoint", hex);
	nr_witness_get(witness, path, &answer);
	assert_int_equal(answer.status, 404);
	free(answer.text);
	assert_int_equal(ask(witness, &(struct wish){0, 5, 0}, &answer), 200);
	free(answer.text);
	const struct nr_witness_conf conf = {.folder = folder,
		.policy = policy,
		.name = NAME,
		.key = witness_key.public,
		.sign = sign,
		.context = &witness_key};
	struct nr_witness *second = NULL;
	assert_int_equal(nr_witness_open(&conf, &second, NULL), -EBUSY);
	nr_witness_free(witness);
	witness = witness_open(folder, policy);
	assert_int_equal(ask(witness, &(struct wish){0, 9, 0}, &answer), 409);
	assert_string_equal(answer.text, "5\n");
	free(answer.text);
	assert_int_equal(ask(witness, &(struct wish){5, 9, 5}, &answer), 200);
	free(answer.text);
	nr_witness_get(witness, path, &answer);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.text, "\n9\n"));
	assert_non_null(strstr(answer.text, NAME));
	free(answer.text);
	static const char *const others[] = {"/", "/checkpoint", "/0/checkpoint", "", "/../checkpoint"};
	for (size_t i = 0; i < NR_COUNT(others); i++) {
		nr_witness_get(witness, others[i], &answer);
		assert_int_equal(answer.status, 404);
		free(answer.text);
	}
	nr_witness_free(witness);
	rig_remove(folder);
}

/* Many ask for different trees from the same size at once: one is first, nobody else gets a cosignature. */
#define RACERS 8
struct racer {
	struct nr_witness *witness;
	char body[4096];
	size_t length;
	unsigned status;
};

static void *race(void *context)
{
	struct racer *r = context;
	struct nr_witness_answer answer;
	nr_witness_add(r->witness, r->body, r->length, NOW, &answer);
	r->status = answer.status;
	free(answer.text);
	return NULL;
}

static void test_a_race(void **state)
{
	(void)state;
	static struct racer racers[RACERS];
	const char *folder = rig_folder();
	NR_AUTO(nr_tlog_policy_freep) struct nr_tlog_policy *policy = policy_of_log();
	NR_AUTO(nr_witness_freep) struct nr_witness *witness = witness_open(folder, policy);
	uint64_t size = 0;
	for (unsigned round = 0; round < 4; round++) {
		pthread_t threads[RACERS];
		unsigned first = 0, late = 0;
		for (unsigned i = 0; i < RACERS; i++) {
			const struct wish wish = {size, size + 1 + i, size, .origin = NULL};
			racers[i].witness = witness;
			racers[i].length = write_request(&wish, racers[i].body);
		}
		for (unsigned i = 0; i < RACERS; i++)
			pthread_create(&threads[i], NULL, race, &racers[i]);
		for (unsigned i = 0; i < RACERS; i++)
			pthread_join(threads[i], NULL);
		for (unsigned i = 0; i < RACERS; i++) {
			first += racers[i].status == 200;
			late += racers[i].status == 409;
			if (racers[i].status == 200)
				size = size + 1 + i;
		}
		assert_int_equal(first, 1);
		assert_int_equal(late, RACERS - 1);
	}
	rig_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_its_cosignature_holds),
		cmocka_unit_test(test_what_it_knows_outlives_it),
		cmocka_unit_test(test_a_race),
	};
	rig_key_init(&log_key, 0, RIG_ORIGIN);
	rig_key_init(&witness_key, 1, NAME);
	for (unsigned i = 0; i < ENTRIES; i++) {
		char text[32];
		nr_merkle_leaf(text, rig_entry(i, text), &leaves[i]);
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(log_key.key);
	EVP_PKEY_free(witness_key.key);
	return failed;
}
