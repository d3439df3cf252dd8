/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/keeper_gap.h"

#include <string.h>
#include <sys/wait.h>

static void begin(
	struct nr_keeper_gap *g, const char *sensor, const char *sense, const char *cause, nr_time first)
{
	snprintf(g->cause, sizeof g->cause, "%s", cause);
	g->gap = (struct nr_gap){.sensor = sensor,
		.sense = sense,
		.first = first,
		.last = NR_TIME_MAX,
		.cause = g->cause,
		.text_en = g->text_en,
		.text_ja = g->text_ja};
}

static void say(struct nr_keeper_gap *g, const char *rest_en, const char *rest_ja)
{
	snprintf(g->text_en, sizeof g->text_en, "%s%s", g->how_en, rest_en);
	snprintf(g->text_ja, sizeof g->text_ja, "%s%s", g->how_ja, rest_ja);
}

static void describe_signal(struct nr_keeper_gap *g, int number)
{
	bool forbidden = number == SIGSYS;
	snprintf(g->how_en, sizeof g->how_en, "The process that watches was killed by signal %d (%s)%s",
		number, strsignal(number), forbidden ? ": it tried what its sandbox forbids" : "");
	snprintf(g->how_ja, sizeof g->how_ja, "観測プロセスがシグナル%dで終了した%s", number,
		forbidden ? "（サンドボックスで禁じられた動作を試みた）" : "");
}

void nr_keeper_gap_death(
	struct nr_keeper_gap *g, const char *sensor, const char *sense, const struct nr_child_event *event)
{
	*g = (struct nr_keeper_gap){0};
	begin(g, sensor, sense, "crashed", event->time);
	if (WIFSIGNALED(event->status)) {
		describe_signal(g, WTERMSIG(event->status));
	} else {
		const char *text = event->text[0] ? event->text : "without a word";
		snprintf(g->how_en, sizeof g->how_en, "The process that watches ended: %.120s", text);
		snprintf(g->how_ja, sizeof g->how_ja, "観測プロセスが終了した: %.100s", text);
	}
	say(g, "; it is being started again", "。再起動中");
}

void nr_keeper_gap_stop(struct nr_keeper_gap *g, const char *sensor, const char *sense, nr_time time)
{
	*g = (struct nr_keeper_gap){0};
	begin(g, sensor, sense, "stopped", time);
	snprintf(g->how_en, sizeof g->how_en, "noroshi was stopped");
	snprintf(g->how_ja, sizeof g->how_ja, "noroshi が停止された");
	say(g, "", "");
}

void nr_keeper_gap_discard(struct nr_keeper_gap *g, const char *sensor, const char *sense, nr_time time)
{
	*g = (struct nr_keeper_gap){0};
	begin(g, sensor, sense, "state-discarded", time);
	snprintf(g->how_en, sizeof g->how_en,
		"What was counted in memory killed two processes in a row and was discarded: the open "
		"intervals start anew");
	snprintf(g->how_ja, sizeof g->how_ja,
		"メモリ上の集計が原因で2回続けて終了したため破棄した。途中の区間は数え直しになる");
	say(g, "", "");
}

void nr_keeper_gap_unstored(struct nr_keeper_gap *g, const char *sensor, const char *sense, nr_time time)
{
	*g = (struct nr_keeper_gap){0};
	begin(g, sensor, sense, "stopped", time);
	snprintf(g->how_en, sizeof g->how_en,
		"noroshi was stopped, and what it had counted could not all be stored; it is still in "
		"memory");
	snprintf(g->how_ja, sizeof g->how_ja,
		"noroshi が停止されたが、集計の一部は保存できず、メモリ上に残っている");
	say(g, "", "");
}

/* ---- a start without the state of before ---- */

struct coverage {
	const char *sensor;
	size_t sensor_at, last_at;
	nr_time last; /* NR_TIME_MIN: nothing is stored */
};

static int look_at_coverage(void *context, const struct nr_value *values, size_t count)
{
	struct coverage *c = context;
	if (c->sensor_at < count && c->last_at < count && values[c->last_at].type == NR_VALUE_TIME &&
		values[c->sensor_at].text && strcmp(values[c->sensor_at].text, c->sensor) == 0)
		c->last = values[c->last_at].integer;
	return 0;
}

/* The end of the sensor's last stored window. */
static nr_time stored_to(struct nr_store *store, const char *sensor)
{
	const struct nr_query *query = nr_store_query("coverage");
	struct coverage c = {sensor, SIZE_MAX, SIZE_MAX, NR_TIME_MIN};
	struct nr_answer answer;
	const char *none = NULL;
	for (size_t i = 0; i < query->column_count; i++) {
		if (strcmp(query->columns[i].name, "sensor") == 0)
			c.sensor_at = i;
		if (strcmp(query->columns[i].name, "last") == 0)
			c.last_at = i;
	}
	nr_store_ask(store, query, &none, look_at_coverage, &c, &answer, NULL);
	return c.last;
}

static void describe_anew(struct nr_keeper_gap *g, uint64_t state, bool orderly)
{
	const char *en = "are gone (the machine was started anew, or the files of --state were removed)";
	const char *ja = "残っておらず（マシンの再起動、または --state の削除）";
	if (state & NR_RELAY_OTHER) {
		en = "are of another build or of other settings";
		ja = "ビルドまたは設定が異なり";
	} else if (state & NR_RELAY_UNSOUND) {
		en = "are damaged";
		ja = "壊れており";
	}
	snprintf(g->how_en, sizeof g->how_en, "The counts of before %s", en);
	snprintf(g->how_ja, sizeof g->how_ja, "以前の集計は%s、引き継げない", ja);
	say(g,
		orderly ? " and are not taken over. All of them had been stored, and what comes is added; "
			  "sources "
			  "of both parts of the day are merged by sketches (1.6 %), and judged in each part "
			  "alone"
			: " and are not taken over. What was stored stays, and what comes is added; what had "
			  "not "
			  "been stored is lost: the windows since then, and the day's sources so far",
		orderly ? "。すべて保存済みで、以後の集計はこれに加算される。当日の送信元数は"
			  "スケッチによる推定（1.6%）となり、判定は前後で別々に行われる"
			: "。保存済みの集計は残り、以後の集計は加算される。未保存の区間と当日の送信元は失われ"
			  "た");
}

bool nr_keeper_gap_anew(struct nr_keeper_gap *g, struct nr_store *store, const struct nr_keeper_gap *before,
	const char *sensor, const char *sense, const struct nr_relay_status *status)
{
	if (status->state & (NR_RELAY_RESUMED | NR_RELAY_CLEARED))
		return false;
	nr_time stored = stored_to(store, sensor), now = status->time;
	bool was_there = status->state & (NR_RELAY_OTHER | NR_RELAY_UNSOUND);
	if (!was_there && stored <= nr_time_floor(now, NR_DAY))
		return false;
	bool orderly = !(status->state & NR_RELAY_LEFT) && strcmp(before->cause, "stopped") == 0;
	*g = (struct nr_keeper_gap){0};
	begin(g, sensor, sense, "state-discarded",
		orderly || stored == NR_TIME_MIN ? now : NR_MIN(stored, now));
	g->gap.last = now;
	describe_anew(g, status->state, orderly);
	return true;
}

void nr_keeper_gap_close(struct nr_keeper_gap *g, nr_time time, uint64_t lost)
{
	char rest_en[160], rest_ja[160];
	nr_time length = time > g->gap.first ? time - g->gap.first : 0;
	double seconds = (double)length / NR_SECOND;
	bool kept = strcmp(g->cause, "crashed") == 0; /* the rings were held meanwhile, and the counts stay */
	g->gap.last = g->gap.first + length;
	g->gap.packets = lost;
	snprintf(rest_en, sizeof rest_en, "; it watched again after %.3f s%s", seconds,
		kept ? lost ? ", and packets were lost" : ", and no packet was lost" : "");
	snprintf(rest_ja, sizeof rest_ja, "。%.3f秒後に観測を再開した%s", seconds,
		kept ? lost ? "（失われたパケットあり）" : "（失われたパケットなし）" : "");
	say(g, rest_en, rest_ja);
}

/* ---- a gap that an earlier run left open ---- */

#define COLUMNS_MAX 16

struct search {
	const struct nr_query *query;
	const char *sense;
	struct nr_keeper_gap *gap;
	bool found;
};

static const struct nr_value *value_of(
	const struct search *s, const struct nr_value *values, size_t count, const char *name)
{
	static const struct nr_value none = {.type = NR_VALUE_NULL, .text = ""};
	for (size_t i = 0; i < NR_MIN(count, s->query->column_count); i++)
		if (strcmp(s->query->columns[i].name, name) == 0)
			return &values[i];
	return &none;
}

static int look_at(void *context, const struct nr_value *values, size_t count)
{
	struct search *s = context;
	const struct nr_value *last = value_of(s, values, count, "last");
	const struct nr_value *sense = value_of(s, values, count, "sense");
	const struct nr_value *first = value_of(s, values, count, "first");
	if (last->type != NR_VALUE_NULL && last->integer != NR_TIME_MAX)
		return 0;
	if (!sense->text || strcmp(sense->text, s->sense) != 0)
		return 0;
	if (s->found && first->integer <= s->gap->gap.first)
		return 0;
	const char *cause = value_of(s, values, count, "cause")->text;
	struct nr_gap kept = s->gap->gap;
	begin(s->gap, kept.sensor, kept.sense, cause ? cause : "stopped", first->integer);
	const char *en = value_of(s, values, count, "text_en")->text;
	const char *ja = value_of(s, values, count, "text_ja")->text;
	snprintf(s->gap->how_en, sizeof s->gap->how_en, "%s", en ? en : "");
	snprintf(s->gap->how_ja, sizeof s->gap->how_ja, "%s", ja ? ja : "");
	s->found = true;
	return 0;
}

bool nr_keeper_gap_open(
	struct nr_store *store, const char *sensor, const char *sense, struct nr_keeper_gap *ret_gap)
{
	const struct nr_query *query = nr_store_query("gaps");
	const char *values[COLUMNS_MAX] = {NULL};
	if (!query || query->parameter_count > COLUMNS_MAX)
		return false;
	for (size_t i = 0; i < query->parameter_count; i++)
		if (strcmp(query->parameters[i].name, "sensor") == 0)
			values[i] = sensor;
	*ret_gap = (struct nr_keeper_gap){.gap = {.sensor = sensor, .sense = sense}};
	struct search search = {query, sense, ret_gap, false};
	struct nr_answer answer;
	nr_store_ask(store, query, values, look_at, &search, &answer, NULL);
	return search.found;
}
