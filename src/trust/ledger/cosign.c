/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/cosign.h"

#include "net/http.h"
#include "trust/ledger/policy.h"
#include "trust/ledger/witness.h"
#include "wire/base64.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define ASK_SECONDS  5
#define PAUSE_S      10 /* one that did not answer is not asked again so soon */
#define ANSWER_BYTES (64 * 1024)
#define TRIES        3 /* the size that a witness has may be another than we know */

struct nr_cosigners {
	struct nr_tlog_policy *policy;
	char *ca;
	struct {
		uint64_t size; /* that it cosigned last, as far as we know */
		time_t paused; /* CLOCK_MONOTONIC; until then it is not asked */
	} known[NR_TLOG_POLICY_MAX];
};

int nr_cosigners_new(const struct nr_texts *witnesses, uint64_t quorum, const char *ca,
	struct nr_cosigners **ret_cosigners, struct nr_error *error)
{
	NR_AUTO(nr_cosigners_freep) struct nr_cosigners *c = calloc(1, sizeof *c);
	NR_AUTO(nr_freep) char *text = NULL;
	size_t length;
	FILE *out = c ? open_memstream(&text, &length) : NULL;
	if (!out)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < witnesses->count; i++)
		fprintf(out, "witness w%zu %s\n", i + 1, witnesses->items[i]);
	if (quorum) {
		fprintf(out, "group enough %llu", (unsigned long long)quorum);
		for (size_t i = 0; i < witnesses->count; i++)
			fprintf(out, " w%zu", i + 1);
		fprintf(out, "\nquorum enough\n");
	} else {
		fprintf(out, "quorum none\n");
	}
	fclose(out);
	if (!text)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_tlog_policy_parse("--witness and --quorum", text, length, false, &c->policy, error);
	for (size_t i = 0; !e && i < c->policy->witness_count; i++)
		if (!c->policy->urls[i])
			e = nr_fail(error, -EINVAL,
				"--witness: \"VKEY URL\" is expected: the key that its cosignatures are "
				"checked "
				"with, a space, and where it is asked");
	if (!e && ca && !(c->ca = strdup(ca)))
		e = nr_fail(error, -ENOMEM, "out of memory");
	if (!e)
		*ret_cosigners = nr_steal(&c);
	return e;
}

void nr_cosigners_free(struct nr_cosigners *c)
{
	if (!c)
		return;
	nr_tlog_policy_free(c->policy);
	free(c->ca);
	free(c);
}

void nr_cosigners_freep(struct nr_cosigners **cosigners)
{
	nr_cosigners_free(*cosigners);
}

/* ---- one witness ---- */

static int write_body(struct nr_ledger *ledger, uint64_t old_size, uint64_t size, const char *note,
	size_t length, char **ret_body, size_t *ret_length, struct nr_error *error)
{
	struct nr_proof proof = {.count = 0};
	int e = old_size ? nr_ledger_prove_consistency(ledger, old_size, size, &proof, error) : 0;
	if (e)
		return e;
	FILE *out = open_memstream(ret_body, ret_length);
	if (!out)
		return nr_fail(error, -ENOMEM, "out of memory");
	fprintf(out, "old %llu\n", (unsigned long long)old_size);
	for (size_t i = 0; i < proof.count; i++) {
		char base64[NR_BASE64_TEXT(NR_HASH_BYTES) + 1];
		nr_base64_write(proof.hashes[i].bytes, NR_HASH_BYTES, base64);
		fprintf(out, "%s\n", base64);
	}
	fprintf(out, "\n");
	fwrite(note, 1, length, out);
	return fclose(out) == 0 ? 0 : nr_fail(error, -ENOMEM, "out of memory");
}

/* Takes the witness's line off an answer, if it holds; every other line is left. */
static int take_cosignature(const struct nr_note_key *key, const char *answer, size_t answer_length,
	char *note, size_t *length, size_t room, struct nr_error *error)
{
	if (*length + answer_length > room)
		return nr_fail(error, -ENOSPC, "no room for its answer");
	if (answer_length) /* an empty answer has no bytes to copy from */
		memcpy(note + *length, answer, answer_length);
	struct nr_note parsed;
	struct nr_note_verdict verdict;
	int e = nr_note_parse(note, *length + answer_length, &parsed, error);
	e = e ? e : nr_note_verify(&parsed, key, 1, &verdict, error);
	if (e)
		return e;
	for (size_t i = 0; i < parsed.count; i++) {
		const struct nr_note_line *line = &parsed.lines[i];
		const char *end = line->base64 + line->base64_length + 1;
		const char *start = line->name - strlen("\xe2\x80\x94 ");
		if (start < note + *length || !nr_note_line_is_by(line, key))
			continue;
		memmove(note + *length, start, (size_t)(end - start));
		*length += (size_t)(end - start);
		return 0;
	}
	return nr_fail(error, -ENOKEY, "its answer has no cosignature of its key");
}

/* 0: cosigned. -ESTALE: it knows *known now, try again. -EUCLEAN: it knows more than we. */
static int ask_once(struct nr_cosigners *c, size_t which, struct nr_ledger *ledger, uint64_t size,
	const char *signed_note, size_t signed_length, char *note, size_t *length, size_t room,
	struct nr_error *error)
{
	NR_AUTO(nr_freep) char *body = NULL;
	NR_AUTO(nr_freep) char *url = NULL;
	struct nr_http_answer answer = {0};
	size_t body_length;
	uint64_t theirs;
	const char *prefix = c->policy->urls[which];
	bool slash = prefix[0] && prefix[strlen(prefix) - 1] == '/';
	int e = write_body(
		ledger, c->known[which].size, size, signed_note, signed_length, &body, &body_length, error);
	if (!e && asprintf(&url, "%s%sadd-checkpoint", prefix, slash ? "" : "/") < 0)
		e = nr_fail(error, -ENOMEM, "out of memory");
	e = e ? e
	      : nr_http_fetch(url, "text/plain", (const uint8_t *)body, body_length, ANSWER_BYTES,
			ASK_SECONDS, c->ca, &answer, error);
	NR_AUTO(nr_freep) char *bytes = (char *)answer.bytes;
	if (e)
		return e;
	if (answer.status == 200) {
		c->known[which].size = size;
		e = take_cosignature(
			&c->policy->witnesses[which], bytes, answer.length, note, length, room, error);
		return e ? nr_error_prefix(error, "%s", prefix) : 0;
	}
	size_t digits = answer.length && bytes[answer.length - 1] == '\n' ? answer.length - 1 : 0;
	if (answer.status == 409 && !nr_note_number(bytes, digits, &theirs)) {
		if (theirs > size)
			return nr_fail(error, -EUCLEAN,
				"rolled back: the witness %s has cosigned %llu entries, and %llu are here",
				prefix, (unsigned long long)theirs, (unsigned long long)size);
		c->known[which].size = theirs;
		return nr_fail(error, -ESTALE, "%s: does not stop asking for another size", prefix);
	}
	return nr_fail(error, -EAGAIN, "%s: status %u: %.*s", prefix, answer.status,
		(int)NR_MIN(answer.length, (size_t)100), bytes ? bytes : "");
}

static time_t monotonic(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static int ask(struct nr_cosigners *c, size_t which, struct nr_ledger *ledger, uint64_t size,
	const char *signed_note, size_t signed_length, char *note, size_t *length, size_t room,
	struct nr_error *error)
{
	int e = -ESTALE;
	if (c->known[which].paused > monotonic())
		return nr_fail(error, -EAGAIN, "%s: does not answer", c->policy->urls[which]);
	for (unsigned i = 0; e == -ESTALE && i < TRIES; i++)
		e = ask_once(c, which, ledger, size, signed_note, signed_length, note, length, room, error);
	if (e && e != -EUCLEAN)
		c->known[which].paused = monotonic() + PAUSE_S;
	return e;
}

int nr_cosigners_ask(void *context, struct nr_ledger *ledger, char *note, size_t *length, size_t room,
	struct nr_error *error)
{
	struct nr_cosigners *c = context;
	struct nr_note parsed;
	struct nr_checkpoint checkpoint;
	struct nr_error why = {0};
	size_t signed_length = *length;
	uint64_t cosigned = 0;
	NR_AUTO(nr_freep) char *signed_note = malloc(signed_length + 1);
	if (!signed_note)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(signed_note, note, signed_length);
	int e = nr_note_parse(signed_note, signed_length, &parsed, error);
	e = e ? e : nr_checkpoint_parse(parsed.text, parsed.text_length, &checkpoint, error);
	for (size_t i = 0; !e && i < c->policy->witness_count; i++) {
		struct nr_error one = {0};
		int asked = ask(
			c, i, ledger, checkpoint.size, signed_note, signed_length, note, length, room, &one);
		cosigned |= (uint64_t)!asked << i;
		why = asked ? one : why;
		e = asked == -EUCLEAN ? asked : 0;
	}
	if (e) {
		if (error && why.code)
			*error = why;
		return e;
	}
	if (!nr_tlog_policy_is_met(c->policy, cosigned))
		return nr_fail(error, -EAGAIN, "too few witnesses cosign; %s", why.text);
	return 0;
}
