/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/command_run.h"

#include "base/log.h"
#include "base/sandbox.h"
#include "sense/telescope/report.h"

#include <errno.h>

static int sink_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct nr_store_sink *s = (struct nr_store_sink *)sink;
	(void)error;
	s->store->session = sink->session;
	if (!s->failure.code && s->store->rows(s->store, table, rows, count, &s->failure) && !s->failure.code)
		s->failure.code = -EIO;
	return 0;
}

static int sink_commit(struct nr_sink *sink, struct nr_error *error)
{
	struct nr_store_sink *s = (struct nr_store_sink *)sink;
	(void)error;
	if (!s->failure.code && s->store->commit(s->store, &s->failure) && !s->failure.code)
		s->failure.code = -EIO;
	return 0;
}

void nr_store_sink_init(struct nr_store_sink *sink, struct nr_store *store)
{
	*sink = (struct nr_store_sink){{sink_rows, sink_commit}, nr_store_sink(store), {0}};
}

int nr_telescope_enter(unsigned allow, struct nr_error *error)
{
	struct nr_sandbox sandbox;
	int rc = nr_sandbox_enter(allow, &sandbox, error);
	if (rc == 0 && nr_sandbox_missing(&sandbox))
		nr_log(NR_LOG_WARNING, "sandbox", "missing", nr_sandbox_missing(&sandbox), "reason",
			"this kernel does not have it; what reads packets is confined less", NULL);
	return rc;
}

/* Names and versions of what the judgement rested on. */
static char *rules_text(const struct nr_telescope_conf *conf)
{
	const struct nr_telescope_refs *refs = conf->refs;
	size_t room = 128 + refs->lists.count * 128;
	char *text = malloc(room);
	if (!text)
		return NULL;
	size_t at = (size_t)snprintf(
		text, room, "port-classes %s; research %s", refs->classes.version, conf->research);
	for (size_t i = 0; i < refs->lists.count; i++)
		at += (size_t)snprintf(text + at, room - at, "; %s %llu", refs->lists.lists[i].name,
			(unsigned long long)refs->lists.lists[i].version);
	return text;
}

void nr_telescope_write_session(int64_t session, char text[static NR_SESSION_TEXT])
{
	snprintf(text, NR_SESSION_TEXT, "%016llx", (unsigned long long)session);
}

int nr_telescope_record(const struct nr_telescope_run *run, nr_time started, const char *input,
	struct nr_sink *sink, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *rules = rules_text(run->conf);
	if (!rules)
		return nr_fail(error, -ENOMEM, "out of memory");
	char dropped[512], session[NR_SESSION_TEXT];
	nr_telescope_write_session(sink->session, session);
	struct nr_run_row row = {.time = started, .input = input, .rules = rules, .session = session};
	nr_telescope_run_row(run, &row, dropped);
	int e = sink->rows(sink, &nr_run_table, &row, 1, error);
	return e ? e : sink->commit(sink, error);
}

int nr_telescope_print(const struct nr_telescope_run *run, bool json, struct nr_error *error)
{
	NR_AUTO(nr_report_fini) struct nr_report report;
	int e = nr_report_init(&report, run, error);
	if (e)
		return e;
	if (!json) {
		nr_report_write_text(&report, stdout);
		return 0;
	}
	NR_AUTO(nr_json_fini) struct nr_json writer;
	nr_json_init_stream(&writer, stdout);
	nr_report_write_json(&report, &writer);
	e = nr_json_finish(&writer, error);
	putchar('\n');
	return e;
}
