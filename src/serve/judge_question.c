/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question about a seal, a token or an evidence record, as a browser asks it: {"seal" | "token" |
 * "evidence": base64, "digests": {"sha256": hex, ...}}. The file itself stays with whoever asks. Runs in a
 * process that is thrown away.
 */
#include "serve/judge_question.h"

#include "trust/certificate/signature.h"
#include "trust/seal/verdict.h"
#include "trust/timestamp/evidence.h"
#include "wire/base64.h"
#include "wire/cms.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#define DEPTH 4

struct question {
	const char *kind; /* "seal", "token", "evidence" */
	uint8_t *bytes;   /* of it; owned */
	size_t length;
	bool has_digests;
	struct {
		enum nr_oid oid;
		size_t length;
		uint8_t hash[NR_DIGEST_MAX];
	} digests[3];
	size_t digest_count;
};

static void question_fini(struct question *question)
{
	free(question->bytes);
}

/* ---- what was asked ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *text, uint8_t *bytes, size_t length)
{
	if (strlen(text) != 2 * length)
		return false;
	for (size_t i = 0; i < length; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int read_digest(
	struct question *question, const char *name, struct json_object *value, struct nr_error *error)
{
	static const struct {
		const char *name;
		size_t length;
	} known[] = {{"sha256", 32}, {"sha384", 48}, {"sha512", 64}};
	for (size_t i = 0; i < NR_COUNT(known); i++) {
		if (strcmp(name, known[i].name) != 0)
			continue;
		size_t at = question->digest_count;
		if (at == NR_COUNT(question->digests) || !json_object_is_type(value, json_type_string) ||
			!read_hex(json_object_get_string(value), question->digests[at].hash, known[i].length))
			break;
		question->digests[at].oid = nr_digest_named(name);
		question->digests[at].length = known[i].length;
		question->digest_count++;
		return 0;
	}
	return nr_fail(error, -EINVAL,
		"digests: sha256, sha384 and sha512 in small hexadecimal digits, each of its length");
}

static int read_digests(struct question *question, struct json_object *value, struct nr_error *error)
{
	if (!json_object_is_type(value, json_type_object))
		return nr_fail(error, -EINVAL, "digests: must be an object");
	question->has_digests = true;
	json_object_object_foreach(value, name, digest)
	{
		int e = read_digest(question, name, digest, error);
		if (e)
			return e;
	}
	return 0;
}

static const struct kind {
	const char *name;
	size_t most;
} kinds[] = {{"seal", SIZE_MAX}, {"token", NR_TOKEN_MAX}, {"evidence", NR_EVIDENCE_MAX}};

static const struct kind *kind_of(const char *name)
{
	for (size_t i = 0; i < NR_COUNT(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	}
	return NULL;
}

static int read_bytes(
	struct question *question, const char *name, struct json_object *value, struct nr_error *error)
{
	if (question->bytes)
		return nr_fail(error, -EINVAL, "one of seal, token and evidence, not several");
	if (!json_object_is_type(value, json_type_string))
		return nr_fail(error, -EINVAL, "%s: must be base64", name);
	const char *text = json_object_get_string(value);
	size_t length = (size_t)json_object_get_string_len(value);
	question->bytes = malloc(length + 1);
	if (!question->bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	ssize_t got = nr_base64_read(text, length, question->bytes, length);
	if (got < 0)
		return nr_fail(
			error, -EINVAL, "%s: is not base64 (RFC 4648 section 4, padded, no spaces)", name);
	question->length = (size_t)got;
	const struct kind *kind = kind_of(name);
	question->kind = kind->name;
	if (question->length > kind->most)
		return nr_fail(error, -EINVAL, "%s: longer than %zu bytes", name, kind->most);
	return 0;
}

static int read_members(struct question *question, struct json_object *object, struct nr_error *error)
{
	if (!json_object_is_type(object, json_type_object))
		return nr_fail(error, -EINVAL, "the question must be a JSON object");
	json_object_object_foreach(object, name, value)
	{
		int e = 0;
		if (kind_of(name))
			e = read_bytes(question, name, value, error);
		else if (strcmp(name, "digests") == 0)
			e = read_digests(question, value, error);
		else
			e = nr_fail(error, -EINVAL,
				"\"%.40s\": no such member; there are seal, token, evidence and digests",
				name);
		if (e)
			return e;
	}
	return question->bytes ? 0 : nr_fail(error, -EINVAL, "which seal, token or evidence record?");
}

static int read_question(const char *body, size_t length, struct question *question, struct nr_error *error)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	if (!tokener)
		return nr_fail(error, -ENOMEM, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *object = json_tokener_parse_ex(tokener, body, (int)length);
	bool whole = object && json_tokener_get_error(tokener) == json_tokener_success &&
		     json_tokener_get_parse_end(tokener) == length;
	int e = whole ? read_members(question, object, error)
		      : nr_fail(error, -EINVAL, "the question is not JSON (RFC 8259)");
	json_object_put(object);
	json_tokener_free(tokener);
	return e;
}

/* ---- the answer ---- */

static bool give_digest(void *context, enum nr_oid digest, uint8_t ret_hash[NR_DIGEST_MAX])
{
	const struct question *question = context;
	for (size_t i = 0; i < question->digest_count; i++) {
		if (question->digests[i].oid != digest)
			continue;
		memcpy(ret_hash, question->digests[i].hash, question->digests[i].length);
		return true;
	}
	return false;
}

static int judge_token(struct nr_material *material, bool require_revocation, struct question *question,
	struct nr_json *json, struct nr_error *error)
{
	struct nr_token token;
	struct nr_judgement judgement;
	const struct nr_token_question asked = {
		.token = question->bytes,
		.length = question->length,
		.digest = give_digest,
		.context = question,
		.material = material,
		.now = nr_time_now(),
		.require_revocation = require_revocation,
	};
	struct nr_evidence evidence;
	bool is_token = strcmp(question->kind, "token") == 0;
	int e = is_token ? nr_token_verify(&asked, &token, NULL, &judgement, error)
			 : nr_evidence_verify(
				   question->bytes, question->length, &asked, &evidence, &judgement, error);
	if (!e && !is_token) {
		token = evidence.last;
		token.time = evidence.time; /* the file is at least that old */
	}
	if (!e)
		nr_token_write_json(&token, &judgement, json);
	return e;
}

static int judge_seal(struct nr_material *material, bool require_revocation, struct question *question,
	struct nr_json *json, struct nr_error *error)
{
	struct nr_seal_verdict *verdicts = calloc(NR_CMS_SIGNERS_MAX, sizeof *verdicts);
	size_t count = 1;
	if (!verdicts)
		return nr_fail(error, -ENOMEM, "out of memory");
	const struct nr_seal_data data = {.digest = give_digest, .context = question};
	const struct nr_seal_question asked = {
		.seal = question->bytes,
		.length = question->length,
		.data = question->has_digests ? &data : NULL,
		.material = material,
		.now = nr_time_now(),
		.require_revocation = require_revocation,
	};
	int e = nr_seal_verify(&asked, verdicts, NR_CMS_SIGNERS_MAX, &count, error);
	if (e && e != -ENOMEM) {
		nr_seal_verdict_of_none(&verdicts[0], error->text);
		count = 1;
		e = 0;
	}
	if (!e)
		nr_seal_verdicts_write_json(verdicts, count, json);
	free(verdicts);
	return e;
}

static unsigned refuse(struct nr_json *json, const char *text)
{
	nr_json_object(json, "error");
	nr_json_text(json, "code", "bad-question");
	nr_json_text(json, "text", text);
	nr_json_object_end(json);
	return 400;
}

unsigned nr_judge_question(struct nr_material *material, bool require_revocation, const char *body,
	size_t length, struct nr_json *json)
{
	NR_AUTO(question_fini) struct question question = {.bytes = NULL};
	struct nr_error error = {0};
	unsigned status = 200;
	nr_json_object(json, NULL);
	int e = read_question(body, length, &question, &error);
	if (e == -EINVAL) {
		status = refuse(json, error.text);
	} else if (!e) {
		nr_json_text(json, "kind", question.kind);
		e = (strcmp(question.kind, "seal") == 0 ? judge_seal : judge_token)(
			material, require_revocation, &question, json, &error);
		status = e ? 0 : 200;
	} else {
		status = 0;
	}
	nr_json_object_end(json);
	return status;
}
