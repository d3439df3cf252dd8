/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/trust_api.h"

#include "trust/clock/clock.h"
#include "trust/ledger/source_proof.h"
#include "wire/note.h"

#include <errno.h>
#include <string.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     500
#define PARAMETERS    3

struct question {
	const char *names[PARAMETERS]; /* NULL: no further one */
	const char *values[PARAMETERS];
};

static int refuse(const char *parameter, const char *text, struct nr_reply *ret_reply)
{
	return nr_api_error(400, "bad-parameter", parameter, text, ret_reply);
}

/* *ret_good false: the reply says what is wrong. */
static int read_arguments(struct question *question, const struct nr_argument *arguments, size_t count,
	bool *ret_good, struct nr_reply *ret_reply)
{
	*ret_good = false;
	for (size_t i = 0; i < count; i++) {
		size_t place = 0;
		while (place < PARAMETERS && question->names[place] &&
			strcmp(question->names[place], arguments[i].name) != 0)
			place++;
		if (place == PARAMETERS || !question->names[place])
			return refuse(arguments[i].name,
				"no such parameter; see " NR_API_PREFIX "openapi.json", ret_reply);
		if (question->values[place])
			return refuse(arguments[i].name, "given twice", ret_reply);
		question->values[place] = *arguments[i].value ? arguments[i].value : NULL;
	}
	*ret_good = true;
	return 0;
}

static int no_ledger(struct nr_reply *ret_reply)
{
	return nr_api_error(404, "no-ledger", NULL,
		"this server shows no ledger; start it with noroshi serve --ledger DIR", ret_reply);
}

static int fail(int code, const struct nr_error *error, struct nr_reply *ret_reply)
{
	if (code == -ENOMEM)
		return code;
	bool absent = code == -ENOENT || code == -EINVAL;
	return nr_api_error(
		absent ? 404 : 500, absent ? "not-found" : "ledger", NULL, error->text, ret_reply);
}

/* ---- the paths ---- */

static int answer_head(const struct nr_api *api, const struct question *question, struct nr_reply *ret_reply)
{
	(void)question;
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_time(&json, "time", nr_time_now());
	nr_json_bool(&json, "verify", api->judge != NULL);
	if (api->ledger) {
		nr_json_object(&json, "ledger");
		nr_ledger_watch_write(api->ledger, &json);
		nr_json_object_end(&json);
	} else {
		nr_json_null(&json, "ledger");
	}
	nr_json_object_end(&json);
	return nr_api_reply_json(&json, 200, ret_reply);
}

static int answer_clock(const struct nr_api *api, const struct question *question, struct nr_reply *ret_reply)
{
	NR_AUTO(nr_json_fini) struct nr_json json = {.bytes = NULL};
	nr_time from = NR_TIME_MIN, to = NR_TIME_MAX;
	struct nr_error error = {0};
	if (!api->ledger)
		return no_ledger(ret_reply);
	if (question->values[0] && nr_time_parse(question->values[0], &from, &error) != 0)
		return refuse("from", error.text, ret_reply);
	if (question->values[1] && nr_time_parse(question->values[1], &to, &error) != 0)
		return refuse("to", error.text, ret_reply);
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_int(&json, "limit_us", NR_CLOCK_LIMIT);
	nr_ledger_watch_write_clock(api->ledger, from, to, &json);
	nr_json_object_end(&json);
	return nr_api_reply_json(&json, 200, ret_reply);
}

static int answer_entries(
	const struct nr_api *api, const struct question *question, struct nr_reply *ret_reply)
{
	NR_AUTO(nr_json_fini) struct nr_json json = {.bytes = NULL};
	uint64_t after = UINT64_MAX, limit = LIMIT_DEFAULT;
	const char *const *values = question->values;
	struct nr_error error = {0};
	if (!api->ledger)
		return no_ledger(ret_reply);
	if (values[1] && nr_note_number(values[1], strlen(values[1]), &after) != 0)
		return refuse("after", "after: must be the index of an entry", ret_reply);
	if (values[2] &&
		(nr_note_number(values[2], strlen(values[2]), &limit) != 0 || limit < 1 || limit > LIMIT_MAX))
		return refuse("limit", "limit: must be 1 to 500", ret_reply);
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	int e = nr_ledger_watch_write_entries(api->ledger, values[0], after, limit, &json, &error);
	nr_json_object_end(&json);
	return e ? fail(e, &error, ret_reply) : nr_api_reply_json(&json, 200, ret_reply);
}

static int answer_proof(const struct nr_api *api, const struct question *question, struct nr_reply *ret_reply)
{
	NR_AUTO(nr_source_proof_fini) struct nr_source_proof proof = {0};
	const char *value = question->values[0];
	uint64_t index;
	char *text;
	size_t length;
	struct nr_error error = {0};
	if (!api->ledger)
		return no_ledger(ret_reply);
	if (!value || nr_note_number(value, strlen(value), &index) != 0)
		return refuse("index", "index: must be the index of an entry", ret_reply);
	int e = nr_source_proof_make(nr_ledger_watch_source(api->ledger), index, &proof, &error);
	e = e ? e : nr_source_proof_write(&proof, &text, &length, &error);
	if (e)
		return fail(e, &error, ret_reply);
	*ret_reply = (struct nr_reply){
		.status = 200, .type = "text/plain; charset=utf-8", .bytes = text, .length = length};
	snprintf(ret_reply->file_name, sizeof ret_reply->file_name, "entry-%llu.tlog-proof",
		(unsigned long long)index);
	return 0;
}

static const struct path {
	const char *name;
	struct question question;
	int (*answer)(const struct nr_api *api, const struct question *question, struct nr_reply *ret_reply);
} paths[] = {
	{"trust", {{NULL}, {NULL}}, answer_head},
	{"trust/clock", {{"from", "to"}, {NULL}}, answer_clock},
	{"trust/entries", {{"kind", "after", "limit"}, {NULL}}, answer_entries},
	{"trust/proof", {{"index"}, {NULL}}, answer_proof},
};

bool nr_trust_api_has(const char *path)
{
	return strncmp(path, "trust", 5) == 0 && (!path[5] || path[5] == '/');
}

int nr_trust_api_answer(const struct nr_api *api, const char *path, const struct nr_argument *arguments,
	size_t count, struct nr_reply *ret_reply)
{
	for (size_t i = 0; i < NR_COUNT(paths); i++) {
		if (strcmp(paths[i].name, path) != 0)
			continue;
		struct question question = paths[i].question;
		bool good;
		int e = read_arguments(&question, arguments, count, &good, ret_reply);
		return e || !good ? e : paths[i].answer(api, &question, ret_reply);
	}
	if (strcmp(path, NR_TRUST_VERIFY) == 0)
		return nr_api_error(404, "not-found", NULL, "this path is asked by POST", ret_reply);
	return nr_api_error(
		404, "not-found", NULL, "no such path; see " NR_API_PREFIX "openapi.json", ret_reply);
}
