/* SPDX-License-Identifier: Apache-2.0 */
/* What the nursery tells of its children: starts, deaths, ends, reloads; and what becomes of gaps by it. */
#include "serve/keeper_inside.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

static void child_started(
	struct nr_keeper *k, struct nr_keeper_child *s, const struct nr_child_event *event, int socket)
{
	struct nr_error error = {0};
	char text[24];
	nr_keeper_read_rest(k, s);
	s->heard = nr_keeper_clock();
	s->told_silent = false;
	if (nr_relay_reader_new(
		    k->conf->tables, k->conf->table_count, s->conf->name, socket, &s->reader, &error)) {
		nr_log(NR_LOG_ERROR, "relay", "sensor", s->conf->name, "reason", error.text, NULL);
		close(socket);
	}
	nr_log(NR_LOG_INFO, "start", "sensor", s->conf->name, "pid",
		nr_keeper_number((uint64_t)event->pid, text), "state", event->discard ? "discarded" : NULL,
		NULL);
}

static void child_died(struct nr_keeper *k, struct nr_keeper_child *s, const struct nr_child_event *event)
{
	char text[24];
	nr_keeper_set_state(k, s, NR_SENSOR_RESTARTING);
	if (!s->gap.cause[0]) {
		nr_keeper_gap_death(&s->gap, s->conf->name, s->conf->sense, event);
		nr_keeper_put_gap(k, &s->gap);
	} else {
		nr_log(NR_LOG_WARNING, "death", "sensor", s->conf->name, "reason",
			event->text[0] ? event->text : "again", NULL);
	}
	if (event->discard && !s->discard.cause[0]) {
		nr_keeper_gap_discard(&s->discard, s->conf->name, s->conf->sense, event->time);
		nr_keeper_put_gap(k, &s->discard);
	}
	if (event->delay > 0 && event->delay < NR_TIME_MAX)
		nr_log(NR_LOG_INFO, "delay", "sensor", s->conf->name, "milliseconds",
			nr_keeper_number((uint64_t)event->delay / 1000, text), NULL);
}

/* It cannot be opened again without rights, so the program ends; whoever started it starts it again. */
static void child_lost(struct nr_keeper *k, struct nr_keeper_child *s, const struct nr_child_event *event)
{
	nr_keeper_set_state(k, s, NR_SENSOR_DOWN);
	nr_fail(&k->lost, -ENODEV,
		"%s; when it is there again, start noroshi again: it goes on with the counts that are in "
		"memory",
		event->text);
	k->over = true;
}

static void ended_badly(
	struct nr_keeper *k, struct nr_keeper_child *s, nr_time time, const char *what, const char *why)
{
	nr_time since = time;
	if (strcmp(s->gap.cause, "stopped") == 0) { /* the same gap, and more to say of it */
		since = s->gap.gap.first;
	} else if (s->gap.cause[0]) { /* of a death whose successor never came */
		s->gap.gap.last = time;
		nr_keeper_put_gap(k, &s->gap);
	}
	nr_keeper_gap_unstored(&s->gap, s->conf->name, s->conf->sense, since);
	nr_keeper_put_gap(k, &s->gap);
	nr_fail(&k->lost, -ECANCELED,
		"%s%s%s; what was counted is still in memory: start noroshi again with the same command",
		what, why[0] ? ": " : "", why);
}

/* While the program ends: the first process leaves, and the second one stores what a copy of its state holds.
 */
static void child_ended_at_end(
	struct nr_keeper *k, struct nr_keeper_child *s, const struct nr_child_event *event)
{
	bool last = event->delay == NR_TIME_MAX;
	s->ended = s->ended || last;
	if (last && !event->asked)
		ended_badly(k, s, event->time,
			WIFSIGNALED(event->status) ? "the process that stores the last counts was killed"
						   : "the process that stores the last counts failed",
			event->text);
	else if (!event->asked)
		nr_log(NR_LOG_WARNING, "death", "sensor", s->conf->name, "reason",
			event->text[0] ? event->text : "killed while it left", NULL);
	else if (!s->gap.cause[0]) {
		nr_keeper_gap_stop(&s->gap, s->conf->name, s->conf->sense, event->time);
		nr_keeper_put_gap(k, &s->gap);
	}
}

static void child_ended(struct nr_keeper *k, struct nr_keeper_child *s, const struct nr_child_event *event)
{
	nr_keeper_read_rest(k, s);
	if (k->conf->died && event->delay != NR_TIME_MAX)
		k->conf->died(k->conf->context, event->index);
	if (WIFEXITED(event->status) && WEXITSTATUS(event->status) == NR_CHILD_LOST)
		child_lost(k, s, event);
	else if (k->ending)
		child_ended_at_end(k, s, event);
	else if (!event->asked)
		child_died(k, s, event);
}

/* It ends behind its children; before them it was killed, and they with it. */
static void nursery_ended(struct nr_keeper *k)
{
	k->nursery_gone = true;
	for (size_t i = 0; k->ending && i < k->conf->count; i++)
		if (!k->sensors[i].ended)
			ended_badly(k, &k->sensors[i], nr_time_now(),
				"the process that holds the rings was killed", "");
}

void nr_keeper_take_news(struct nr_keeper *k)
{
	struct nr_child_event event;
	int socket, rc;
	while ((rc = nr_nursery_next(k->conf->nursery, &event, &socket)) == 1) {
		if (event.what == NR_CHILD_RELOADED) {
			nr_log(NR_LOG_INFO, "reload", "state", "done", NULL);
			if (k->conf->reloaded)
				k->conf->reloaded(k->conf->context);
		} else if (event.what == NR_CHILD_REFUSED) {
			nr_log(NR_LOG_ERROR, "reload", "state", "refused", "reason", event.text, "remedy",
				"the configuration of before stays in force", NULL);
		} else if (event.index < k->conf->count) {
			struct nr_keeper_child *s = &k->sensors[event.index];
			if (event.what == NR_CHILD_STARTED)
				child_started(k, s, &event, socket);
			else
				child_ended(k, s, &event);
		}
	}
	if (rc < 0 && !k->nursery_gone)
		nursery_ended(k);
	k->over = k->over || k->nursery_gone;
}
