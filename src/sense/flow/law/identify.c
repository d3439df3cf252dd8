/* SPDX-License-Identifier: Apache-2.0 */
/* Asking, approving, answering; each is recorded before it is done, refusals when they are made. */
#include "sense/flow/law/identify.h"
#include "base/file.h"
#include "sense/flow/law/candidates.h"
#include "sense/flow/law/keys.h"
#include "sense/flow/law/uses_inside.h"
#include "trust/signer/person.h"
#include "trust/signer/release.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define PURPOSE     "notification"
#define ACT_ASK     "identify-request"
#define ACT_APPROVE "identify-approve"
#define ACT_ANSWER  "identify"

/* ---- the archive's record ---- */

struct look {
	char first[NR_FLOW_HEAD_TEXT]; /* hash of the first line: whose record it is */
	char answered[160];            /* what a line of an answered request has in it */
	unsigned found;                /* how often */
};

static int look_at(void *context, const struct nr_flow_use *use)
{
	struct look *look = context;
	if (use->number == 1)
		memcpy(look->first, use->hash, sizeof look->first);
	look->found += look->answered[0] && strstr(use->line, look->answered);
	return 0;
}

/* A record that does not hold cannot say what was answered already. */
static int read_record(const char *archive, struct look *look, struct nr_error *error)
{
	struct nr_flow_uses_state state;
	int e = nr_flow_uses_read(archive, look_at, look, &state, error);
	if (!e && state.trouble[0])
		e = nr_fail(error, -EACCES,
			"%.80s: its record of uses does not hold (line %llu %.80s): nobody is identified "
			"from it",
			archive, (unsigned long long)state.trouble_line, state.trouble);
	if (!e && !state.count)
		e = nr_fail(error, -EACCES, "%.80s: has no record of uses", archive);
	return e;
}

static void text_of(const struct nr_flow_request *request, char hash[static NR_FLOW_HEAD_TEXT])
{
	char text[NR_FLOW_REQUEST_TEXT];
	size_t length = nr_flow_request_write(request, text);
	nr_flow_use_hash(text, length, hash);
}

static int record(const struct nr_flow_identify_conf *conf, const char *act,
	const struct nr_flow_request *request, const char *more, uint64_t flows, struct nr_error *error)
{
	char hash[NR_FLOW_HEAD_TEXT], question[1024], pseudonym[NR_ADDRESS_TEXT];
	text_of(request, hash);
	snprintf(question, sizeof question, "request %s: %s, candidates %s, reason: %s%s%s", hash,
		nr_address_write(&request->pseudonym, pseudonym), request->candidates, request->reason,
		*more ? "; " : "", more);
	return nr_flow_use_record(conf->archive, act, PURPOSE, question, flows, error);
}

/* A refusal is recorded, too; the words of the refusal stay. */
static int refused(const struct nr_flow_identify_conf *conf, const struct nr_flow_request *request, int code,
	const struct nr_error *why, struct nr_error *error)
{
	struct nr_error recording = {0};
	int e = record(conf, "refused", request, why->text, 0, &recording);
	if (error)
		*error = e ? recording : *why;
	return e ? e : code;
}

/* ---- asking ---- */

static int request_make(const struct nr_flow_identify_conf *conf, const char *pseudonym,
	const struct nr_flow_policy *policy, struct nr_flow_request *request, struct nr_error *error)
{
	NR_AUTO(nr_flow_candidates_fini) struct nr_flow_candidates candidates = {0};
	struct look look = {.found = 0};
	uint64_t high, low;
	size_t length = conf->reason ? strlen(conf->reason) : 0;
	int e = nr_address_parse(pseudonym, &request->pseudonym, error);
	if (e)
		return e;
	nr_flow_address_split(&request->pseudonym, &high, &low);
	if (high != NR_FLOW_PSEUDONYM_HIGH)
		return nr_fail(error, -EINVAL, "%.60s: not a pseudonym: those stand in 100::/64", pseudonym);
	if (length < 3 || length > NR_FLOW_REASON_MAX || strpbrk(conf->reason, "\r\n\t"))
		return nr_fail(error, -EINVAL,
			"say why a client is to be identified: --reason TEXT, one line of at most %d bytes",
			NR_FLOW_REASON_MAX);
	if (!conf->received)
		return nr_fail(error, -EINVAL, "say when its flow was received: --at TIME");
	if (policy->person_count < NR_RELEASE_PERSONS)
		return nr_fail(error, -EACCES,
			"%.80s: its policy names %zu persons who may let a client be identified; two must be "
			"there: "
			"noroshi flow collect --person",
			conf->archive, policy->person_count);
	e = nr_flow_candidates_read(conf->candidates, policy, &candidates, error);
	e = e ? e : read_record(conf->archive, &look, error);
	if (e)
		return e;
	memcpy(request->archive, look.first, sizeof request->archive);
	snprintf(request->candidates, sizeof request->candidates, "%s", candidates.text);
	snprintf(request->reason, sizeof request->reason, "%s", conf->reason);
	request->received = conf->received;
	request->asked = conf->now;
	request->until = conf->now + NR_FLOW_REQUEST_MAX;
	return 0;
}

int nr_flow_identify_ask(const struct nr_flow_identify_conf *conf, const char *pseudonym, const char *path,
	struct nr_error *error)
{
	NR_AUTO(nr_flow_policy_fini) struct nr_flow_policy policy = {0};
	struct nr_flow_request request = {.received = 0};
	char text[NR_FLOW_REQUEST_TEXT + 1];
	if (access(path, F_OK) == 0)
		return nr_fail(error, -EEXIST, "%.150s: is there already", path);
	int e = nr_flow_policy_read(conf->archive, &policy, error);
	e = e ? e : request_make(conf, pseudonym, &policy, &request, error);
	if (e)
		return e;
	size_t length = nr_flow_request_write(&request, text);
	text[length++] = '\n';
	e = record(conf, ACT_ASK, &request, "", 0, error);
	return e ? e : nr_file_write(path, text, length, error);
}

/* ---- the request's file ---- */

struct paper {
	uint8_t *bytes; /* owned */
	size_t length;
	struct nr_note note;
	struct nr_flow_request request;
	struct nr_note_key persons[NR_FLOW_PERSONS_MAX];
	size_t person_count;
};

static void paper_fini(struct paper *paper)
{
	free(paper->bytes);
	for (size_t i = 0; i < paper->person_count; i++)
		nr_note_key_fini(&paper->persons[i]);
}

/* Before the first signature it is a text and an empty line, which is no note yet. */
static int note_read(struct paper *paper, struct nr_error *error)
{
	const char *text = (char *)paper->bytes, *empty = strstr(text, "\n\n");
	if (!empty || (size_t)(empty - text) + 2 != paper->length)
		return nr_note_parse(paper->bytes, paper->length, &paper->note, error);
	paper->note = (struct nr_note){.text = text, .text_length = paper->length - 1};
	return 0;
}

static int paper_read(const struct nr_flow_identify_conf *conf, const char *path, struct paper *paper,
	struct nr_error *error)
{
	NR_AUTO(nr_flow_policy_fini) struct nr_flow_policy policy = {0};
	int e = nr_flow_policy_read(conf->archive, &policy, error);
	for (size_t i = 0; !e && i < policy.person_count; i++) {
		e = nr_note_key_parse(
			policy.persons[i], strlen(policy.persons[i]), &paper->persons[i], error);
		paper->person_count += !e;
	}
	e = e ? e : nr_file_read(path, NR_NOTE_MAX / 2, &paper->bytes, &paper->length, error);
	if (e)
		return e;
	e = note_read(paper, error);
	e = e ? e : nr_flow_request_parse(paper->note.text, paper->note.text_length, &paper->request, error);
	return e ? nr_error_prefix(error, "%.100s", path) : 0;
}

static int check_place(const struct nr_flow_identify_conf *conf, const struct paper *paper, struct look *look,
	struct nr_error *error)
{
	char until[NR_TIME_TEXT];
	int e = read_record(conf->archive, look, error);
	if (e)
		return e;
	if (strcmp(look->first, paper->request.archive))
		return nr_fail(error, -EACCES, "the request is about another archive");
	if (conf->now > paper->request.until || conf->now < paper->request.asked)
		return nr_fail(error, -EACCES, "the request holds until %s; ask again",
			nr_time_write(paper->request.until, until));
	return 0;
}

/* ---- approving ---- */

static int check_person(const struct paper *paper, const struct nr_person *person, struct nr_error *error)
{
	size_t i = 0;
	while (i < paper->person_count && (strcmp(paper->persons[i].name, person->public_key.name) ||
						  memcmp(&paper->persons[i].hash, &person->public_key.hash,
							  sizeof person->public_key.hash)))
		i++;
	if (i == paper->person_count)
		return nr_fail(error, -EACCES,
			"%.60s: not one of the persons whom the archive's policy names",
			person->public_key.name);
	for (size_t k = 0; k < paper->note.count; k++)
		if (nr_note_line_is_by(&paper->note.lines[k], &person->public_key))
			return nr_fail(error, -EALREADY, "%.60s has signed it; another person must",
				person->public_key.name);
	return 0;
}

int nr_flow_identify_approve(const struct nr_flow_identify_conf *conf, const char *path,
	char ret_text[static NR_FLOW_REQUEST_TEXT], struct nr_error *error)
{
	NR_AUTO(nr_person_fini) struct nr_person person = {.key = NULL};
	NR_AUTO(paper_fini) struct paper paper = {.bytes = NULL};
	NR_AUTO(nr_freep) char *note = calloc(1, NR_NOTE_MAX);
	struct look look = {.found = 0};
	struct nr_error why = {0};
	char more[320];
	if (!note)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_person_read(conf->sign, conf->passphrase_file, &person, error);
	e = e ? e : paper_read(conf, path, &paper, error);
	if (e)
		return e;
	e = check_place(conf, &paper, &look, &why);
	e = e ? e : check_person(&paper, &person, &why);
	if (e)
		return refused(conf, &paper.request, e, &why, error);
	size_t length = paper.length;
	memcpy(note, paper.bytes, length);
	e = nr_person_sign(&person, note, &length, paper.note.text_length, error);
	snprintf(more, sizeof more, "signed by %.255s", person.public_key.name);
	e = e ? e : record(conf, ACT_APPROVE, &paper.request, more, 0, error);
	e = e ? e : nr_file_write(path, note, length, error);
	if (!e)
		nr_flow_request_write(&paper.request, ret_text);
	return e;
}

/* ---- answering ---- */

static int check_persons(const struct paper *paper, struct nr_error *error)
{
	size_t count = 0;
	int e = nr_release_count(&paper->note, paper->persons, paper->person_count, &count, error);
	if (!e && count < NR_RELEASE_PERSONS)
		e = nr_fail(error, -EACCES,
			"signed by %zu of the persons whom the archive's policy names; two different ones "
			"must",
			count);
	return e;
}

/* How often its answer stands in the record: before it is written not at all, afterwards once. Of two that
 * are made at the same time neither is given. */
static int check_once(const struct nr_flow_identify_conf *conf, const struct paper *paper, unsigned times,
	struct nr_error *error)
{
	struct look look = {.found = 0};
	char hash[NR_FLOW_HEAD_TEXT];
	text_of(&paper->request, hash);
	snprintf(look.answered, sizeof look.answered,
		"\"act\":\"" ACT_ANSWER "\",\"purpose\":\"" PURPOSE "\",\"question\":\"request %s", hash);
	int e = check_place(conf, paper, &look, error);
	if (!e && look.found != times)
		e = nr_fail(error, -EACCES, "the request was answered already; ask again");
	return e;
}

/* Where the request itself says who: a file must be named again. */
static const char *candidates_of(
	const struct nr_flow_identify_conf *conf, const struct nr_flow_request *request)
{
	bool said = strcmp(request->candidates, "own") && strncmp(request->candidates, "sha256:", 7);
	return conf->candidates || !said ? conf->candidates : request->candidates;
}

static int search(const struct nr_flow_identify_conf *conf, const struct nr_flow_candidates *candidates,
	const struct nr_flow_key *key, const struct paper *paper, struct nr_address *ret_client,
	struct nr_error *error)
{
	NR_AUTO(nr_flow_pseudonyms_freep) struct nr_flow_pseudonyms *pseudonyms = NULL;
	uint64_t high, low;
	nr_flow_address_split(&paper->request.pseudonym, &high, &low);
	int e = nr_flow_pseudonyms_new(key, &pseudonyms, error);
	/* from here on it counts as answered, whatever the answer is */
	e = e ? e : record(conf, ACT_ANSWER, &paper->request, "", NR_FLOW_USE_ASKED, error);
	e = e ? e : check_once(conf, paper, 1, error);
	return e ? e : nr_flow_candidates_try(candidates, pseudonyms, low, ret_client, error);
}

int nr_flow_identify_answer(const struct nr_flow_identify_conf *conf, const char *path,
	struct nr_address *ret_client, struct nr_error *error)
{
	NR_AUTO(nr_flow_policy_fini) struct nr_flow_policy policy = {0};
	NR_AUTO(nr_flow_candidates_fini) struct nr_flow_candidates candidates = {0};
	NR_AUTO(nr_flow_keys_closep) struct nr_flow_keys *keys = NULL;
	NR_AUTO(nr_flow_key_wipe) struct nr_flow_key key = {0};
	NR_AUTO(paper_fini) struct paper paper = {.bytes = NULL};
	struct nr_error why = {0};
	int e = paper_read(conf, path, &paper, error);
	e = e ? e : nr_flow_policy_read(conf->archive, &policy, error);
	if (e)
		return e;
	e = check_persons(&paper, &why);
	e = e ? e : check_once(conf, &paper, 0, &why);
	e = e ? e : nr_flow_candidates_read(candidates_of(conf, &paper.request), &policy, &candidates, &why);
	if (!e && strcmp(candidates.text, paper.request.candidates))
		e = nr_fail(&why, -EACCES, "the candidates are %s, those of the request %s", candidates.text,
			paper.request.candidates);
	e = e ? e : nr_flow_keys_open(conf->keys, conf->archive, false, &keys, &why);
	e = e ? e : nr_flow_keys_find(keys, paper.request.received, &key, &why);
	if (e)
		return refused(conf, &paper.request, e, &why, error);
	return search(conf, &candidates, &key, &paper, ret_client, error);
}
