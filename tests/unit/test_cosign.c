/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger and its witnesses: one that is real, and one that answers anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "ledger_rig.h"
#include "net/http.h"
#include "net/listen.h"
#include "trust/ledger/cosign.h"
#include "trust/ledger/witness.h"

#define NAME "witness.example/w1"

static struct rig_key log_key, witness_key;

/* What the witness does with its true answer. */
enum manner { HONEST, SILENT, SPOILED, OTHER_KEY, WITH_OTHERS, JUNK, LARGE, TURNING, AHEAD, FAILING };

struct bench {
	enum manner manner;
	char folder[80], state[96], url[64], vkey[NR_NOTE_VKEY_TEXT];
	struct nr_tlog_policy *policy;
	struct nr_witness *witness;
	struct nr_http_server *server;
	unsigned asked;
};

static int sign(void *context, const char *message, size_t length, uint8_t signature[static 64],
	struct nr_error *error)
{
	(void)error;
	rig_sign_bytes(context, message, length, signature);
	return 0;
}

static void say(struct nr_http_reply *reply, unsigned status, const char *text)
{
	free(reply->bytes);
	reply->status = status;
	reply->bytes = (uint8_t *)strdup(text);
	reply->length = strlen(text);
}

static void mistreat(struct bench *b, struct nr_http_reply *reply)
{
	char text[1024];
	char *line = (char *)reply->bytes;
	switch (b->manner) {
	case HONEST:
		break;
	case SILENT:
		say(reply, 200, "");
		break;
	case SPOILED:
		line[reply->length - 20] = line[reply->length - 20] == 'A' ? 'B' : 'A';
		break;
	case OTHER_KEY:
		say(reply, 200, "\xe2\x80\x94 somebody AAAAAAAA\n");
		break;
	case WITH_OTHERS: /* in the name of the log, and with the witness's id under another name */
		snprintf(text, sizeof text,
			"\xe2\x80\x94 %s AAAAAAAA\n\xe2\x80\x94 other%.*s%.*s\xe2\x80\x94 new AAAAAAAA\n",
			RIG_ORIGIN, (int)(reply->length - strlen("\xe2\x80\x94 ") - strlen(NAME)),
			line + strlen("\xe2\x80\x94 ") + strlen(NAME), (int)reply->length, line);
		say(reply, 200, text);
		break;
	case JUNK:
		say(reply, 200, "hello\n\n\xff");
		break;
	case LARGE:
		free(reply->bytes);
		reply->bytes = malloc(1 << 20);
		memset(reply->bytes, 'x', 1 << 20);
		reply->length = 1 << 20;
		break;
	case TURNING:
		say(reply, 409, "0\n"); /* whatever is asked */
		break;
	case AHEAD:
		say(reply, 409, "1000000\n");
		break;
	case FAILING:
		say(reply, 500, "no\n");
		break;
	}
}

static void answer(void *context, const struct nr_http_request *request, struct nr_http_reply *ret_reply)
{
	struct bench *b = context;
	struct nr_witness_answer a;
	b->asked++;
	nr_witness_add(b->witness, request->body, request->length, nr_time_now(), &a);
	*ret_reply = (struct nr_http_reply){
		.status = a.status, .type = a.type, .bytes = (uint8_t *)a.text, .length = a.length};
	if (b->manner != HONEST && (a.status == 200 || b->manner >= TURNING))
		mistreat(b, ret_reply);
}

static void bench_start(struct bench *b, enum manner manner)
{
	struct nr_listen listen;
	struct nr_http_server_conf http = {
		.threads = 1, .body_max = NR_WITNESS_BODY_MAX, .answer = answer, .context = b};
	char log[NR_NOTE_VKEY_TEXT];
	*b = (struct bench){.manner = manner};
	snprintf(b->folder, sizeof b->folder, "%s", rig_folder());
	snprintf(b->state, sizeof b->state, "%s-witness", b->folder);
	nr_note_vkey_write(RIG_ORIGIN, NR_NOTE_ED25519, log_key.public, log, NULL);
	nr_note_vkey_write(NAME, NR_NOTE_COSIGNATURE, witness_key.public, b->vkey, NULL);
	assert_int_equal(nr_tlog_policy_of_log(log, &b->policy, NULL), 0);
	const struct nr_witness_conf conf = {.folder = b->state,
		.policy = b->policy,
		.name = NAME,
		.key = witness_key.public,
		.sign = sign,
		.context = &witness_key};
	assert_int_equal(nr_witness_open(&conf, &b->witness, NULL), 0);
	assert_int_equal(nr_listen_parse("127.0.0.1:0", &listen, NULL), 0);
	assert_int_equal(nr_listen_open(&listen, &http.socket, NULL), 0);
	assert_int_equal(nr_http_server_start(&http, &b->server, NULL), 0);
	snprintf(b->url, sizeof b->url, "http://%.40s", listen.text);
}

static void bench_stop(struct bench *b)
{
	nr_http_server_stop(b->server);
	nr_witness_free(b->witness);
	nr_tlog_policy_free(b->policy);
	rig_remove(b->folder);
	rig_remove(b->state);
}

static struct nr_cosigners *cosigners_of(const struct bench *b, uint64_t quorum)
{
	char text[NR_NOTE_VKEY_TEXT + 80];
	const char *items[] = {text};
	struct nr_texts witnesses = {items, 1};
	struct nr_cosigners *cosigners = NULL;
	snprintf(text, sizeof text, "%s %s", b->vkey, b->url);
	assert_int_equal(nr_cosigners_new(&witnesses, quorum, NULL, &cosigners, NULL), 0);
	return cosigners;
}

/* Whether the checkpoint is a note that the witness has signed, and which holds for the log. */
static bool is_cosigned(const struct bench *b)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	char path[128];
	size_t length;
	struct nr_note note;
	struct nr_note_key key;
	struct nr_note_verdict verdict;
	snprintf(path, sizeof path, "%s/checkpoint", b->folder);
	assert_int_equal(nr_file_read(path, NR_NOTE_MAX, &bytes, &length, NULL), 0);
	assert_int_equal(nr_note_parse(bytes, length, &note, NULL), 0);
	assert_int_equal(nr_note_verify(&note, b->policy->logs, 1, &verdict, NULL), 0);
	assert_int_equal(nr_note_key_parse(b->vkey, strlen(b->vkey), &key, NULL), 0);
	int e = nr_note_verify(&note, &key, 1, &verdict, NULL);
	assert_true(e == 0 || e == -ENOKEY);
	assert_true(note.count <= 2);
	nr_note_key_fini(&key);
	return e == 0;
}

/* A ledger of 5 entries; what publishing them answers. */
static int publish(struct bench *b, uint64_t quorum, struct nr_error *error)
{
	struct nr_ledger_conf conf = rig_conf(b->folder, &log_key);
	NR_AUTO(nr_cosigners_freep) struct nr_cosigners *cosigners = cosigners_of(b, quorum);
	struct nr_ledger *ledger = NULL;
	conf.cosign = nr_cosigners_ask;
	conf.cosign_context = cosigners;
	int e = nr_ledger_open(&conf, &ledger, error);
	if (e)
		return e;
	e = rig_append(ledger, 0, 5, error);
	e = e ? e : nr_ledger_publish(ledger, error);
	nr_ledger_close(ledger);
	return e;
}

static void test_manners(void **state)
{
	(void)state;
	static const struct {
		enum manner manner;
		int strict, lax; /* with a quorum of 1, and of 0 */
		bool cosigned;
	} cases[] = {
		{HONEST, 0, 0, true},
		{SILENT, -EAGAIN, 0, false},
		{SPOILED, -EAGAIN, 0, false},
		{OTHER_KEY, -EAGAIN, 0, false},
		{WITH_OTHERS, 0, 0, true},
		{JUNK, -EAGAIN, 0, false},
		{LARGE, -EAGAIN, 0, false},
		{TURNING, -EAGAIN, 0, false},
		{AHEAD, -EUCLEAN, -EUCLEAN, false},
		{FAILING, -EAGAIN, 0, false},
	};
	for (size_t i = 0; i < 2 * NR_COUNT(cases); i++) {
		struct bench b;
		struct nr_error error = {0};
		uint64_t quorum = i % 2;
		bench_start(&b, cases[i / 2].manner);
		int e = publish(&b, quorum, &error);
		int wanted = quorum ? cases[i / 2].strict : cases[i / 2].lax;
		if (e != wanted)
			print_message("manner %d, quorum %d: %d %s\n", cases[i / 2].manner, (int)quorum, e,
				error.text);
		assert_int_equal(e, wanted);
		if (!e)
			assert_int_equal(is_cosigned(&b), cases[i / 2].cosigned);
		assert_in_range(b.asked, 1, 8);
		bench_stop(&b);
	}
}

/* What was durable stays so when witnesses are away, and is published when they are back. */
static void test_away_and_back(void **state)
{
	(void)state;
	struct bench b;
	struct nr_error error;
	bench_start(&b, FAILING);
	assert_int_equal(publish(&b, 1, &error), -EAGAIN);
	assert_non_null(strstr(error.text, "too few witnesses"));
	b.manner = HONEST;
	struct nr_ledger_conf conf = rig_conf(b.folder, &log_key);
	NR_AUTO(nr_cosigners_freep) struct nr_cosigners *cosigners = cosigners_of(&b, 1);
	struct nr_ledger *ledger = NULL;
	conf.cosign = nr_cosigners_ask;
	conf.cosign_context = cosigners;
	assert_int_equal(nr_ledger_open(&conf, &ledger, NULL), 0);
	assert_int_equal(nr_ledger_published(ledger, NULL), 5);
	for (uint64_t i = 0; i < 5; i++)
		assert_true(rig_proves(ledger, i));
	nr_ledger_close(ledger);
	assert_true(is_cosigned(&b));
	bench_stop(&b);
}

static void test_wrong_usage(void **state)
{
	(void)state;
	struct nr_cosigners *cosigners = NULL;
	struct nr_error error;
	char no_url[NR_NOTE_VKEY_TEXT];
	nr_note_vkey_write(NAME, NR_NOTE_COSIGNATURE, witness_key.public, no_url, NULL);
	const char *items[] = {no_url};
	struct nr_texts one = {items, 1}, none = {NULL, 0};
	assert_int_equal(nr_cosigners_new(&one, 1, NULL, &cosigners, &error), -EINVAL);
	assert_non_null(strstr(error.text, "VKEY URL"));
	items[0] = "http://127.0.0.1/";
	assert_int_equal(nr_cosigners_new(&one, 1, NULL, &cosigners, &error), -EBADMSG);
	assert_int_equal(nr_cosigners_new(&none, 1, NULL, &cosigners, &error), -EBADMSG);
	assert_null(cosigners);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manners),
		cmocka_unit_test(test_away_and_back),
		cmocka_unit_test(test_wrong_usage),
	};
	rig_key_init(&log_key, 0, RIG_ORIGIN);
	rig_key_init(&witness_key, 1, NAME);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(log_key.key);
	EVP_PKEY_free(witness_key.key);
	return failed;
}
