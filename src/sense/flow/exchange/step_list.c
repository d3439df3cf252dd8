/* SPDX-License-Identifier: Apache-2.0 */
/* exchange list, check: confirmed servers as the plain list that carriers may share; and such a list, read.
 */
#include "base/file.h"
#include "base/language.h"
#include "base/sandbox.h"
#include "sense/flow/detect/judge/feedback.h"
#include "sense/flow/exchange/steps.h"

#include <errno.h>
#include <string.h>

#define LIST_LINES_MAX 10000000u

/* ---- list ---- */

/* What people said of findings (detect/judge/feedback.h); the last word on a server counts. */
static int feedback_read(const char *path, struct nr_flow_known *said, struct nr_error *error)
{
	NR_AUTO(nr_closep) FILE *file = fopen(path, "re");
	char line[NR_FLOW_FEEDBACK_LINE];
	struct nr_flow_feedback feedback;
	int e = 0;
	if (!file)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	for (uint64_t number = 1; !e && fgets(line, sizeof line, file); number++) {
		e = nr_flow_feedback_parse(line, strcspn(line, "\r\n"), &feedback, error);
		e = e ? e : nr_flow_feedback_tell(&feedback, said, error);
		if (e)
			return nr_error_prefix(error, "%.100s: line %llu", path, (unsigned long long)number);
	}
	return ferror(file) ? nr_fail(error, -EIO, "%.150s: %s", path, strerror(errno)) : 0;
}

/* A person's word stands above the confidence. */
static bool is_confirmed(const struct nr_exchange_conf *conf, const struct nr_exchange_candidate *c,
	const struct nr_flow_known *said)
{
	const struct nr_flow_server server = {c->address, c->port, c->protocol};
	const nr_time now = nr_time_now();
	if (nr_flow_known_find(said, NR_FLOW_KNOWN_BENIGN, &server, now))
		return false;
	return nr_flow_known_find(said, NR_FLOW_KNOWN_CONFIRMED, &server, now) ||
	       (c->alarm && c->confidence >= conf->confidence);
}

static uint8_t confidence_step(double confidence)
{
	return confidence >= 0.95 ? NR_C2_HIGH : confidence >= 0.75 ? NR_C2_MEDIUM : NR_C2_LOW;
}

static struct nr_c2_server entry_of(
	const struct nr_exchange_candidate *candidate, int32_t today, uint64_t valid)
{
	int32_t from = candidate->last == NR_TIME_MIN
			       ? today
			       : (int32_t)(nr_time_floor(candidate->last, NR_DAY) / NR_DAY);
	return (struct nr_c2_server){.address = candidate->address,
		.port = candidate->port,
		.protocol = candidate->protocol,
		.from_day = from,
		.until_day = from + (int32_t)valid,
		.reasons = candidate->reasons,
		.confidence = confidence_step(candidate->confidence),
		.clients = candidate->clients,
		.carriers = (uint8_t)nr_c2_carriers_of(NR_MAX(candidate->carriers, (uint8_t)1))};
}

struct listing {
	uint64_t written, below, without; /* below the confidence; without a reason that a list has */
};

static int write_list(const struct nr_exchange_conf *conf, const struct nr_exchange_candidates *candidates,
	const struct nr_c2_list *list, const struct nr_flow_known *said, FILE *out, struct listing *listing,
	struct nr_error *error)
{
	char line[NR_C2_LINE_MAX];
	int32_t today = (int32_t)(nr_time_now() / NR_DAY);
	for (size_t i = 0; i < candidates->count; i++) {
		const struct nr_exchange_candidate *c = &candidates->items[i];
		if (!is_confirmed(conf, c, said)) {
			listing->below++;
			continue;
		}
		if (!c->reasons) {
			listing->without++;
			continue;
		}
		const struct nr_c2_server entry = entry_of(c, today, conf->valid);
		int e = nr_c2_list_write(list, &entry, line, error);
		if (e)
			return e;
		fprintf(out, "%s\n", line);
		listing->written++;
	}
	return 0;
}

static int list_to(const struct nr_exchange_conf *conf, const struct nr_exchange_candidates *candidates,
	const struct nr_c2_list *list, const struct nr_flow_known *said, struct listing *listing,
	struct nr_error *error)
{
	NR_AUTO(nr_file_fini) struct nr_file file = {.stream = NULL};
	if (!conf->out)
		return write_list(conf, candidates, list, said, stdout, listing, error);
	int e = nr_file_create(&file, conf->out, error);
	e = e ? e : write_list(conf, candidates, list, said, file.stream, listing, error);
	return e ? e : nr_file_commit(&file, error);
}

static void tell_listing(const struct listing *listing)
{
	fprintf(stderr,
		nr_says("noroshi: %llu servers listed, %llu not confirmed, %llu without a reason that a list "
			"has\n",
			"noroshi: %llu件を掲載、%llu件は未確認、%llu件は掲載できる根拠なし\n"),
		(unsigned long long)listing->written, (unsigned long long)listing->below,
		(unsigned long long)listing->without);
}

int nr_exchange_step_list(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	struct nr_exchange_candidates candidates = {.items = NULL};
	struct nr_c2_list *list = NULL;
	struct listing listing = {.written = 0};
	NR_AUTO(nr_flow_known_freep) struct nr_flow_known *said = NULL;
	int e = nr_exchange_shared_list(conf, &list, error);
	e = e ? e : nr_flow_known_new(&said, error);
	if (!e && conf->feedback)
		e = feedback_read(conf->feedback, said, error);
	for (size_t i = 0; !e && i < count; i++)
		e = nr_exchange_candidates_read(
			&candidates, operands[i], list, NR_EXCHANGE_ANY_DAY, NULL, error);
	nr_exchange_candidates_settle(&candidates, SIZE_MAX);
	e = e ? e : list_to(conf, &candidates, list, said, &listing, error);
	nr_exchange_tell_left(&candidates);
	if (!e)
		tell_listing(&listing);
	uint64_t unreadable = candidates.unreadable;
	nr_exchange_candidates_fini(&candidates);
	nr_c2_list_free(list);
	if (e)
		return nr_exchange_exit(e);
	return unreadable ? NR_EXIT_INPUT : NR_EXIT_OK;
}

/* ---- check ---- */

struct checking {
	uint64_t lines, refused, over;
	bool json;
};

static int check_file(
	const char *path, const struct nr_c2_list *list, struct checking *checking, struct nr_error *error)
{
	NR_AUTO(nr_closep) FILE *file = fopen(path, "re");
	char line[NR_C2_LINE_MAX + 2];
	struct nr_c2_server server;
	int32_t today = (int32_t)(nr_time_now() / NR_DAY);
	if (!file)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	for (uint64_t number = 1; fgets(line, sizeof line, file); number++) {
		struct nr_error why = {0};
		size_t length = strlen(line);
		bool whole = length && line[length - 1] == '\n';
		if (number > LIST_LINES_MAX)
			return nr_fail(error, -E2BIG, "%.120s: more than %u lines", path, LIST_LINES_MAX);
		checking->lines++;
		if (whole)
			length--;
		int e = nr_c2_list_read(list, line, length, &server, &why);
		if (!whole) /* what is left of a line that is too long is none of its own */
			for (int c; (c = getc(file)) != EOF && c != '\n';)
				;
		if (!e) {
			checking->over += server.until_day <= today;
			continue;
		}
		if (!checking->refused++)
			nr_fail(error, e, "%.100s: line %llu: %s", path, (unsigned long long)number,
				why.text);
	}
	return ferror(file) ? nr_fail(error, -EIO, "%.150s: %s", path, strerror(errno)) : 0;
}

static void print_checked(const struct checking *checking)
{
	struct nr_json json;
	if (!checking->json) {
		printf(nr_says("%llu entries, %llu refused, %llu whose time is over\n",
			       "%llu件、拒否%llu件、期限切れ%llu件\n"),
			(unsigned long long)checking->lines, (unsigned long long)checking->refused,
			(unsigned long long)checking->over);
		return;
	}
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_uint(&json, "entries", checking->lines);
	nr_json_uint(&json, "refused", checking->refused);
	nr_json_uint(&json, "over", checking->over);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

int nr_exchange_step_check(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	struct checking checking = {.json = conf->json};
	struct nr_c2_list *list = NULL;
	if (!count) {
		nr_fail(error, -EINVAL, "name the lists: check LIST...");
		return NR_EXIT_USAGE;
	}
	int e = conf->own.count || conf->archive ? nr_exchange_shared_list(conf, &list, error)
						 : nr_c2_list_new(NULL, 0, &list, error);
	if (!e && !conf->archive) /* lists are strangers' */
		e = nr_sandbox_enter(NR_SANDBOX_READ_FILES, NULL, error);
	for (size_t i = 0; !e && i < count; i++)
		e = check_file(operands[i], list, &checking, error);
	nr_c2_list_free(list);
	if (e)
		return nr_exchange_exit(e);
	print_checked(&checking);
	return checking.refused ? NR_EXIT_NO : NR_EXIT_OK;
}
