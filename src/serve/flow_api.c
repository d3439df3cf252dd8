/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/flow_api.h"

#include "sense/flow/ask/query.h"
#include "sense/flow/file/print.h"
#include "sense/flow/law/law.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#define LIMIT_DEFAULT 100
#define TOP_DEFAULT   10

struct nr_flow_api {
	const char *archive;
	unsigned threads;
	struct nr_flow_uses *uses; /* under record_lock: a file's lock does not keep threads apart */
	pthread_mutex_t lock, record_lock;
	pthread_cond_t freed;
	unsigned scans; /* under way */
};

int nr_flow_api_new(
	const char *archive, unsigned threads, struct nr_flow_api **ret_api, struct nr_error *error)
{
	struct nr_flow_api *api = calloc(1, sizeof *api);
	cpu_set_t set;
	if (!api)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_flow_uses_open(archive, &api->uses, error);
	if (e) {
		free(api);
		return e;
	}
	api->archive = archive;
	api->threads = threads;
	if (!threads)
		api->threads = sched_getaffinity(0, sizeof set, &set) == 0
				       ? (unsigned)NR_MIN(NR_MAX(CPU_COUNT(&set), 1), 4)
				       : 1;
	pthread_mutex_init(&api->lock, NULL);
	pthread_mutex_init(&api->record_lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&api->freed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*ret_api = api;
	return 0;
}

void nr_flow_api_free(struct nr_flow_api *api)
{
	if (!api)
		return;
	pthread_cond_destroy(&api->freed);
	pthread_mutex_destroy(&api->record_lock);
	pthread_mutex_destroy(&api->lock);
	nr_flow_uses_close(api->uses);
	free(api);
}

/* False: others were scanning all the time. */
static bool enter(struct nr_flow_api *api)
{
	nr_time until = nr_flow_query_clock() + NR_FLOW_API_WAIT;
	struct timespec at = {.tv_sec = until / NR_SECOND, .tv_nsec = until % NR_SECOND * 1000};
	int e = 0;
	pthread_mutex_lock(&api->lock);
	while (api->scans >= NR_FLOW_API_SCANS && e != ETIMEDOUT)
		e = pthread_cond_timedwait(&api->freed, &api->lock, &at);
	bool entered = api->scans < NR_FLOW_API_SCANS;
	api->scans += entered;
	pthread_mutex_unlock(&api->lock);
	return entered;
}

static void leave(struct nr_flow_api *api)
{
	pthread_mutex_lock(&api->lock);
	api->scans--;
	pthread_cond_signal(&api->freed);
	pthread_mutex_unlock(&api->lock);
}

/* ---- the question ---- */

enum { EXPRESSION, FROM, TO, PURPOSE, TOP, BY, ORDER, SERIES, LIMIT, PARAMETERS };
static const char *const names[PARAMETERS] = {[EXPRESSION] = "expression",
	[FROM] = "from",
	[TO] = "to",
	[PURPOSE] = "purpose",
	[TOP] = "top",
	[BY] = "by",
	[ORDER] = "order",
	[SERIES] = "series",
	[LIMIT] = "limit"};

struct question {
	const char *values[PARAMETERS]; /* NULL: not given */
	struct nr_flow_query_conf conf;
	struct nr_json rows; /* of a list */
	struct nr_reply *reply;
	bool good; /* false: the reply says what is wrong */
};

static int refuse(struct question *q, unsigned parameter, const char *text)
{
	q->good = false;
	return nr_api_error(400, "bad-parameter", names[parameter], text, q->reply);
}

static int read_arguments(struct question *q, const struct nr_argument *arguments, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unsigned place = 0;
		while (place < PARAMETERS && strcmp(names[place], arguments[i].name) != 0)
			place++;
		bool twice = place < PARAMETERS && q->values[place];
		if (place == PARAMETERS || twice) {
			q->good = false;
			return nr_api_error(400, "bad-parameter", arguments[i].name,
				twice ? "given twice"
				      : "no such parameter; see " NR_API_PREFIX "openapi.json",
				q->reply);
		}
		q->values[place] = *arguments[i].value ? arguments[i].value : NULL;
	}
	return 0;
}

static int read_number(struct question *q, unsigned parameter, uint64_t most, uint64_t *number)
{
	const char *text = q->values[parameter];
	char *end = NULL, wrong[80];
	if (!text)
		return 0;
	errno = 0;
	unsigned long long value = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
	if (errno || !end || *end || value < 1 || value > most) {
		snprintf(wrong, sizeof wrong, "%s: must be a number from 1 to %llu", names[parameter],
			(unsigned long long)most);
		return refuse(q, parameter, wrong);
	}
	*number = value;
	return 0;
}

static int read_time(struct question *q, unsigned parameter, nr_time *time)
{
	struct nr_error error = {0};
	if (!q->values[parameter] || nr_time_parse(q->values[parameter], time, &error) == 0)
		return 0;
	return refuse(q, parameter, error.text);
}

static int read_sum(struct question *q)
{
	struct nr_flow_sum_conf *sum = &q->conf.sum;
	struct nr_error error = {0};
	uint64_t step = 0, top = 0;
	unsigned order = NR_FLOW_ORDER_BYTES;
	if (q->values[BY] &&
		nr_flow_fields_parse(q->values[BY], sum->fields, &sum->field_count, &order, &error) != 0)
		return refuse(q, BY, error.text);
	if (q->values[ORDER]) {
		for (order = 0;
			nr_flow_orders[order] && strcmp(nr_flow_orders[order], q->values[ORDER]) != 0;)
			order++;
		if (!nr_flow_orders[order])
			return refuse(q, ORDER,
				"order: must be one of flows, packets, bytes, estimated_packets, "
				"estimated_bytes");
	}
	sum->order = order;
	int e = read_number(q, SERIES, 366 * 86400, &step);
	if (!e && q->good)
		e = read_number(q, TOP, NR_FLOW_API_ROWS, &top);
	if (e || !q->good)
		return e;
	if (top && !sum->field_count)
		return refuse(q, BY, "by: the fields that top is of, for instance by=source");
	sum->step = (nr_time)step * NR_SECOND;
	sum->memory = NR_FLOW_API_MEMORY;
	q->conf.top = top ? top : TOP_DEFAULT;
	return 0;
}

static int list_rows(void *context, const struct nr_flow_block *block, const uint32_t *rows, uint32_t count,
	struct nr_error *error)
{
	(void)error;
	struct question *q = context;
	for (uint32_t i = 0; i < count; i++)
		nr_flow_row_write_json(&q->rows, NULL, block, rows[i]);
	return 0;
}

/* {"error":{"code","parameter","column","text","text_en","text_ja"}} */
static int answer_fault(struct question *q, const struct nr_flow_filter_fault *fault)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_object(&json, "error");
	nr_json_text(&json, "code", "bad-expression");
	nr_json_text(&json, "parameter", names[EXPRESSION]);
	nr_json_uint(&json, "column", fault->column);
	nr_json_text(&json, "text", fault->text_en);
	nr_json_text(&json, "text_en", fault->text_en);
	nr_json_text(&json, "text_ja", fault->text_ja);
	nr_json_object_end(&json);
	nr_json_object_end(&json);
	q->good = false;
	return nr_api_reply_json(&json, 400, q->reply);
}

static int read_question(struct question *q)
{
	uint64_t limit = LIMIT_DEFAULT;
	q->conf.expression = q->values[EXPRESSION] ? q->values[EXPRESSION] : "any";
	q->conf.from = NR_TIME_MIN;
	q->conf.to = NR_TIME_MAX;
	int e = read_time(q, FROM, &q->conf.from);
	if (!e && q->good)
		e = read_time(q, TO, &q->conf.to);
	if (!e && q->good && q->conf.from >= q->conf.to)
		return refuse(q, TO, "to: is not after from");
	if (!e && q->good)
		e = read_sum(q);
	if (!e && q->good)
		e = read_number(q, LIMIT, NR_FLOW_API_ROWS, &limit);
	q->conf.limit = limit;
	if (!q->conf.sum.field_count && !q->conf.sum.step) {
		q->conf.list = list_rows;
		q->conf.list_context = q;
	}
	return e;
}

/* ---- the answer ---- */

static void write_question(const struct question *q, char *text, size_t room)
{
	char expression[NR_FLOW_USE_EXPRESSION];
	size_t used =
		(size_t)snprintf(text, room, "%s", nr_flow_use_expression(q->conf.expression, expression));
	for (unsigned i = FROM; i < PARAMETERS; i++)
		if (q->values[i] && i != PURPOSE && used < room)
			used += (size_t)snprintf(
				text + used, room - used, " %s %.80s", names[i], q->values[i]);
}

static int record(struct nr_flow_api *api, const struct question *q, const char *act, uint64_t flows,
	struct nr_error *error)
{
	char question[2400];
	write_question(q, question, sizeof question);
	pthread_mutex_lock(&api->record_lock);
	int e = nr_flow_uses_add(api->uses, act, q->values[PURPOSE], question, flows, error);
	pthread_mutex_unlock(&api->record_lock);
	return e;
}

static int fail(int code, const struct nr_error *error, struct nr_reply *ret_reply)
{
	if (code == -ENOMEM)
		return code;
	if (code == -ETIME)
		return nr_api_error(503, "too-long", NULL, error->text, ret_reply);
	if (code == -ENOENT)
		return nr_api_error(404, "no-archive", NULL, error->text, ret_reply);
	return nr_api_error(500, "archive", NULL, error->text, ret_reply);
}

static int write_answer(struct question *q, const struct nr_flow_query *query)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_time(&json, "from", q->conf.from);
	nr_json_time(&json, "to", q->conf.to);
	nr_json_text(&json, "purpose", q->values[PURPOSE]);
	nr_json_text(&json, "expression", q->conf.expression);
	if (q->conf.list) {
		nr_flow_query_write_scanned(query, &json);
		nr_json_bool(&json, "cut", nr_flow_query_is_cut(query));
		nr_json_raw(&json, "rows", q->rows.bytes);
	} else {
		nr_flow_query_write_json(query, &json);
	}
	nr_json_object_end(&json);
	return nr_api_reply_json(&json, 200, q->reply);
}

static int scan(struct nr_flow_api *api, struct question *q, struct nr_flow_query *query)
{
	NR_AUTO(nr_flow_archive_closep) struct nr_flow_archive *archive = NULL;
	struct nr_error error = {0};
	int e = nr_flow_archive_open(api->archive, NR_FLOW_ARCHIVE_READ, NULL, &archive, &error);
	if (!e && q->conf.list)
		e = record(api, q, "query", NR_FLOW_USE_ASKED, &error);
	if (!e)
		e = nr_flow_query_archive(query, archive, &error);
	if (!e)
		e = nr_flow_query_finish(query, &error);
	if (!e && !q->conf.list)
		e = record(api, q, "query", nr_flow_query_matched(query), &error);
	if (e)
		return fail(e, &error, q->reply);
	size_t points = 0;
	if (!q->conf.list && q->conf.sum.step)
		nr_flow_sum_series(nr_flow_query_sum(query), &points);
	if (points > NR_FLOW_API_POINTS)
		return refuse(q, SERIES, "series: more points than an answer may have; ask for longer steps");
	nr_json_array_end(&q->rows);
	e = nr_json_finish(&q->rows, &error);
	return e ? e : write_answer(q, query);
}

static int ask(struct nr_flow_api *api, struct question *q)
{
	NR_AUTO(nr_flow_query_freep) struct nr_flow_query *query = NULL;
	struct nr_flow_filter_fault fault = {0};
	struct nr_error error = {0};
	q->conf.threads = api->threads;
	int e = nr_flow_query_new(&q->conf, &query, &fault, &error);
	if (e == -EINVAL && fault.column)
		return answer_fault(q, &fault);
	if (e)
		return fail(e, &error, q->reply);
	if (!enter(api))
		return nr_api_error(
			503, "busy", NULL, "other questions are being answered; try again", q->reply);
	e = scan(api, q, query);
	leave(api);
	return e;
}

/* Who does not say for what is refused, and the refusal stands in the record. */
static int check_purpose(struct nr_flow_api *api, struct question *q)
{
	enum nr_flow_purpose purpose;
	struct nr_error error = {0};
	if (nr_flow_purpose_parse(q->values[PURPOSE], &purpose, &error) == 0)
		return 0;
	record(api, q, "refused", 0, NULL);
	q->good = false;
	return nr_api_error(403, "no-purpose", names[PURPOSE], error.text, q->reply);
}

static int answer_no_archive(struct nr_reply *ret_reply)
{
	return nr_api_error(404, "no-archive", NULL,
		"this server has no archive of flows; start it with noroshi serve --flow-archive DIR",
		ret_reply);
}

int nr_flow_api_answer(struct nr_flow_api *api, const struct nr_argument *arguments, size_t count,
	struct nr_reply *ret_reply)
{
	if (!api)
		return answer_no_archive(ret_reply);
	struct question q = {.reply = ret_reply, .good = true};
	int e = read_arguments(&q, arguments, count);
	if (!e && q.good)
		e = check_purpose(api, &q);
	if (!e && q.good)
		e = read_question(&q);
	if (e || !q.good)
		return e;
	q.conf.deadline = nr_flow_query_clock() + NR_FLOW_API_WAIT + NR_FLOW_API_TIME;
	nr_json_init(&q.rows);
	nr_json_array(&q.rows, NULL);
	e = ask(api, &q);
	nr_json_fini(&q.rows);
	return e;
}

/* ---- for others ---- */

const char *nr_flow_api_archive(const struct nr_flow_api *api)
{
	return api->archive;
}

int nr_flow_api_note(struct nr_flow_api *api, const char *act, const char *purpose, const char *words,
	struct nr_error *error)
{
	pthread_mutex_lock(&api->record_lock);
	int e = nr_flow_uses_add(api->uses, act, purpose, words, NR_FLOW_USE_ASKED, error);
	pthread_mutex_unlock(&api->record_lock);
	return e;
}

int nr_flow_api_admit(struct nr_flow_api *api, const char *path, const struct nr_argument *arguments,
	size_t count, bool *ret_admitted, struct nr_reply *ret_reply)
{
	char words[2400];
	const char *given = NULL;
	enum nr_flow_purpose purpose;
	struct nr_error error = {0};
	*ret_admitted = false;
	if (!api)
		return answer_no_archive(ret_reply);
	size_t used = (size_t)snprintf(words, sizeof words, "%.200s", path);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(arguments[i].name, names[PURPOSE]) == 0)
			given = *arguments[i].value ? arguments[i].value : NULL;
		else if (used < sizeof words)
			used += (size_t)snprintf(words + used, sizeof words - used, " %.40s %.100s",
				arguments[i].name, arguments[i].value);
	}
	if (nr_flow_purpose_parse(given, &purpose, &error) != 0) {
		nr_flow_api_note(api, "refused", given, words, NULL);
		return nr_api_error(403, "no-purpose", names[PURPOSE], error.text, ret_reply);
	}
	int e = nr_flow_api_note(api, "detections", given, words, &error);
	if (e)
		return fail(e, &error, ret_reply);
	*ret_admitted = true;
	return 0;
}
