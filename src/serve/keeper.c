/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop: signals, news of the nursery, what the relays bring. Rows of all sensors go into one transaction
 * of the store; it is committed when a sense asks for it, and once a second else. What a sense has sent is
 * answered only then, so that a store that fails (a full disk) costs nothing: everything since is asked for
 * again, and meanwhile waits in the outboxes.
 */
#include "serve/keeper_inside.h"

#include "base/log.h"
#include "base/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/signalfd.h>

#define ITEMS_PER_TURN 64 /* of one sensor, before the others have their turn */
#define RETAIN_EVERY   NR_HOUR
#define ROWS_EVERY     (15 * NR_SECOND)

/* ---- the store ---- */

/* Everything since the last commit is asked for again, later. */
static void store_failed(struct nr_keeper *k, const struct nr_error *reason)
{
	struct nr_sink *sink = nr_store_sink(k->conf->store);
	nr_log(NR_LOG_ERROR, "store", "store", k->conf->store_name, "reason", reason->text, "remedy",
		"rows wait in memory and are written when the store works again", NULL);
	sink->commit(sink, NULL); /* ends a transaction that may be half done; what is in it comes again */
	k->uncommitted = k->asked_commit = false;
	k->retry_at = nr_keeper_clock() + NR_KEEPER_RETRY;
	for (size_t i = 0; i < k->conf->count; i++)
		k->sensors[i].answer = 0;
}

static void store_retry(struct nr_keeper *k)
{
	k->retry_at = 0;
	for (size_t i = 0; i < k->conf->count; i++)
		if (k->sensors[i].reader)
			nr_relay_ask_again(k->sensors[i].reader);
}

static int store_rows(
	struct nr_keeper *k, const struct nr_table *table, const void *rows, size_t count, int64_t session)
{
	struct nr_sink *sink = nr_store_sink(k->conf->store);
	sink->session = session;
	struct nr_error error = {0};
	int rc = sink->rows(sink, table, rows, count, &error);
	if (rc) {
		store_failed(k, &error);
		return rc;
	}
	if (!k->uncommitted)
		k->commit_at = nr_keeper_clock() + NR_KEEPER_UNCOMMITED;
	k->uncommitted = true;
	if (table == &nr_finding_table) /* whoever was told of it may ask for it at once */
		k->asked_commit = true;
	return 0;
}

static void store_commit(struct nr_keeper *k)
{
	struct nr_sink *sink = nr_store_sink(k->conf->store);
	struct nr_error error = {0};
	if (sink->commit(sink, &error)) {
		store_failed(k, &error);
		return;
	}
	k->uncommitted = k->asked_commit = false;
	sink = k->conf->listeners; /* webhooks that wait are durable, too, before a sense may forget */
	if (sink && sink->commit(sink, &error))
		nr_log(NR_LOG_WARNING, "listeners", "reason", error.text, NULL);
	for (size_t i = 0; i < k->conf->count; i++) {
		struct nr_keeper_child *s = &k->sensors[i];
		if (s->reader && s->answer)
			nr_relay_answer(s->reader, s->answer);
		s->answer = 0;
	}
}

static void tell_listeners(struct nr_keeper *k, const struct nr_table *table, const void *rows, size_t count)
{
	struct nr_error error = {0};
	struct nr_sink *sink = k->conf->listeners;
	if (sink && sink->rows(sink, table, rows, count, &error))
		nr_log(NR_LOG_WARNING, "listeners", "table", table->name, "reason", error.text, NULL);
}

static void retain(struct nr_keeper *k)
{
	struct nr_error error = {0};
	uint64_t rows = 0;
	char text[24];
	k->retain_at = nr_keeper_clock() + RETAIN_EVERY;
	if (k->retry_at)
		return;
	if (k->uncommitted)
		store_commit(k);
	uint64_t others = 0;
	int rc = nr_store_retain_tables(k->conf->store, nr_time_now(), &others, &error);
	if (rc == 0 && k->conf->retain > 0)
		rc = nr_store_retain(k->conf->store, nr_time_now() - k->conf->retain, &rows, &error);
	rows += others;
	if (rc)
		nr_log(NR_LOG_WARNING, "retain", "store", k->conf->store_name, "reason", error.text, NULL);
	else
		nr_log(rows ? NR_LOG_INFO : NR_LOG_DEBUG, "retain", "store", k->conf->store_name, "rows",
			nr_keeper_number(rows, text), NULL);
}

/* ---- sensors ---- */

void nr_keeper_set_state(struct nr_keeper *k, struct nr_keeper_child *s, enum nr_sensor_state state)
{
	s->state = state;
	if (k->conf->states)
		nr_sensors_set_state(k->conf->states, s->conf->name, state);
}

void nr_keeper_put_gap(struct nr_keeper *k, struct nr_keeper_gap *gap)
{
	store_rows(k, &nr_gap_table, &gap->gap, 1, 0);
	tell_listeners(k, &nr_gap_table, &gap->gap, 1);
	k->asked_commit = k->uncommitted;
	nr_log(NR_LOG_WARNING, "gap", "sensor", gap->gap.sensor, "cause", gap->cause, "text", gap->text_en,
		NULL);
}

static void close_gap(struct nr_keeper *k, struct nr_keeper_gap *gap, nr_time time, uint64_t lost)
{
	if (!gap->cause[0])
		return;
	nr_keeper_gap_close(gap, time, lost);
	nr_keeper_put_gap(k, gap);
	gap->cause[0] = '\0';
}

static void tell_layers(const struct nr_keeper *k, const struct nr_keeper_child *s, uint32_t layers)
{
	const struct nr_sandbox sandbox = {
		.landlock = layers & NR_RELAY_LANDLOCK, .seccomp = layers & NR_RELAY_SECCOMP};
	const char *missing = nr_sandbox_missing(&sandbox);
	if (k->conf->states)
		nr_sensors_set_missing(k->conf->states, s->conf->name, missing);
	if (missing)
		nr_log(NR_LOG_WARNING, "sandbox", "sensor", s->conf->name, "missing", missing, "reason",
			"this kernel does not have it; the process that watches is confined less", NULL);
}

static void take_name(struct nr_keeper *k, struct nr_keeper_child *s, const char *interface)
{
	if (s->interface[0] && strcmp(s->interface, interface) != 0)
		nr_log(NR_LOG_WARNING, "rename", "sensor", s->conf->name, "interface", s->interface, "name",
			interface, "remedy", "use the new name for the next start", NULL);
	memcpy(s->interface, interface, sizeof s->interface);
	if (k->conf->states)
		nr_sensors_set_interface(k->conf->states, s->conf->name, interface);
}

static void take_status(struct nr_keeper *k, struct nr_keeper_child *s, const struct nr_relay_status *status)
{
	if (!s->told_layers)
		tell_layers(k, s, status->layers);
	s->told_layers = true;
	take_name(k, s, status->interface);
	if (!s->watching) {
		struct nr_keeper_gap anew;
		if (nr_keeper_gap_anew(&anew, k->conf->store, &s->gap, s->conf->name, s->conf->sense, status))
			nr_keeper_put_gap(k, &anew);
		uint64_t lost = status->lost > s->lost ? status->lost - s->lost : 0;
		char text[24];
		s->watching = true;
		close_gap(k, &s->gap, status->time, lost);
		close_gap(k, &s->discard, status->time, 0);
		nr_log(NR_LOG_INFO, "watch", "sensor", s->conf->name, "interface", s->interface, "lost",
			nr_keeper_number(lost, text), NULL);
	}
	s->lost = status->lost;
	enum nr_sensor_state state = status->up ? NR_SENSOR_RUNNING : NR_SENSOR_DOWN;
	if (state != s->state)
		nr_keeper_set_state(k, s, state);
}

static void drop_reader(struct nr_keeper_child *s)
{
	nr_relay_reader_free(nr_steal(&s->reader));
	s->answer = 0;
	s->more = s->watching = false;
}

/* A new process found out that nobody had watched; when that was is known here. */
static bool is_told(const struct nr_keeper_child *s, const struct nr_relay_item *item)
{
	const struct nr_gap *gap = item->rows;
	return item->table == &nr_gap_table && strcmp(s->gap.cause, "stopped") == 0 &&
	       strcmp(gap->cause, "stopped") == 0;
}

static void take_item(struct nr_keeper *k, struct nr_keeper_child *s, const struct nr_relay_item *item)
{
	s->heard = nr_keeper_clock();
	s->told_silent = false;
	switch (item->kind) {
	case NR_RELAY_ROWS:
		if (is_told(s, item))
			return;
		if (!item->again)
			tell_listeners(k, item->table, item->rows, item->count);
		if (item->table->time_column)
			store_rows(k, item->table, item->rows, item->count, item->session);
		return;
	case NR_RELAY_COMMIT:
		s->answer = item->position;
		k->asked_commit = k->uncommitted = true;
		return;
	case NR_RELAY_STATUS:
		take_status(k, s, &item->status);
		return;
	case NR_RELAY_BEGIN:
		return; /* the reader's own */
	}
}

/* A sense that sends what no sense sends is not one any more. */
static void stop_hostile(struct nr_keeper *k, struct nr_keeper_child *s, const struct nr_error *reason)
{
	nr_log(NR_LOG_ERROR, "relay", "sensor", s->conf->name, "reason", reason->text, "remedy",
		"its process is killed and started again", NULL);
	nr_nursery_ask(k->conf->nursery, NR_NURSERY_KILL, (unsigned)(s - k->sensors), NULL);
	drop_reader(s);
}

/* One that hangs looks like one that works to the system. To be asked after everything was read that had
 * come. Answers when to look again. */
static nr_time look_after(struct nr_keeper *k, struct nr_keeper_child *s, nr_time now)
{
	nr_time silent = k->conf->silent ? k->conf->silent : NR_KEEPER_SILENT;
	nr_time kills = k->conf->kills ? k->conf->kills : NR_KEEPER_KILLS;
	if (!s->reader)
		return NR_TIME_MAX;
	if (k->retry_at || s->more)
		s->heard = now;
	if (now - s->heard >= kills) {
		struct nr_error reason = {.text = "nothing has come from its process for minutes: it hangs"};
		stop_hostile(k, s, &reason);
		return NR_TIME_MAX;
	}
	if (now - s->heard >= silent && !s->told_silent) {
		s->told_silent = true;
		nr_keeper_set_state(k, s, NR_SENSOR_DOWN);
		nr_log(NR_LOG_WARNING, "silent", "sensor", s->conf->name, "reason",
			"nothing comes from the process that watches", "remedy",
			"packets wait in the rings; when it stays so, it is killed and started again", NULL);
	}
	return s->heard + (s->told_silent ? kills : silent);
}

/* true: there may be more, of which some has been taken from the socket already. While the store does not
 * work nothing is read. */
static bool read_sensor(struct nr_keeper *k, struct nr_keeper_child *s)
{
	for (int i = 0; i < ITEMS_PER_TURN && s->reader && !k->retry_at; i++) {
		struct nr_relay_item item;
		struct nr_error error = {0};
		int rc = nr_relay_next(s->reader, &item, &error);
		if (rc == 1) {
			take_item(k, s, &item);
			continue;
		}
		if (rc == -EPIPE)
			drop_reader(s);
		else if (rc < 0)
			stop_hostile(k, s, &error);
		return false;
	}
	return s->reader != NULL;
}

void nr_keeper_read_rest(struct nr_keeper *k, struct nr_keeper_child *s)
{
	while (!k->retry_at && read_sensor(k, s))
		;
	drop_reader(s);
}

static void take_signals(struct nr_keeper *k)
{
	struct signalfd_siginfo info;
	while (read(k->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGHUP) {
			nr_log(NR_LOG_INFO, "reload", "state", "asked", NULL);
			nr_nursery_ask(k->conf->nursery, NR_NURSERY_RELOAD, 0, NULL);
			continue;
		}
		nr_log(NR_LOG_INFO, "stop", "signal", strsignal((int)info.ssi_signo), NULL);
		if (k->ending)
			k->over = true;
		k->ending = true;
		nr_nursery_ask(k->conf->nursery, NR_NURSERY_END, 0, NULL);
	}
}

/* ---- the loop ---- */

static int wait_ms(const struct nr_keeper *k)
{
	nr_time now = nr_keeper_clock(), next = NR_MIN(k->retain_at, k->look_at);
	if (k->uncommitted)
		next = NR_MIN(next, k->commit_at);
	if (k->retry_at)
		next = NR_MIN(next, k->retry_at);
	else if (k->conf->rows)
		next = NR_MIN(next, k->rows_at);
	for (size_t i = 0; i < k->conf->count; i++)
		if (k->sensors[i].more && !k->retry_at)
			return 0;
	if (next == NR_TIME_MAX)
		return -1;
	return (int)NR_MIN((NR_MAX(next - now, 0) + 999) / 1000, 60000);
}

static void take_gaps(struct nr_keeper *k)
{
	struct nr_gap gap;
	while (k->conf->next_gap(k->conf->gap_context, &gap)) {
		store_rows(k, &nr_gap_table, &gap, 1, 0);
		tell_listeners(k, &nr_gap_table, &gap, 1);
		nr_log(NR_LOG_WARNING, "gap", "sensor", gap.sensor, "cause", gap.cause, "text", gap.text_en,
			NULL);
	}
	k->asked_commit = k->uncommitted;
}

struct rows_sink {
	struct nr_sink sink; /* first */
	struct nr_keeper *keeper;
};

static int take_row(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct rows_sink *s = (struct rows_sink *)sink;
	(void)error; /* said where it fails */
	if (table == &nr_finding_table)
		tell_listeners(s->keeper, table, rows, count);
	return store_rows(s->keeper, table, rows, count, sink->session);
}

static void take_rows(struct nr_keeper *k)
{
	struct rows_sink sink = {{.rows = take_row}, k};
	struct nr_error error = {0};
	k->rows_at = nr_keeper_clock() + ROWS_EVERY;
	if (k->conf->rows(k->conf->gap_context, nr_time_now(), &sink.sink, &error) && error.code)
		nr_log(NR_LOG_WARNING, "rows", "reason", error.text, NULL);
}

static void turn(struct nr_keeper *k)
{
	struct pollfd files[3 + NR_CHILDREN_MAX] = {{.fd = k->signals, .events = POLLIN},
		{.fd = nr_nursery_socket(k->conf->nursery), .events = POLLIN}};
	files[2 + k->conf->count] = (struct pollfd){
		.fd = k->conf->next_gap && !k->retry_at ? k->conf->gaps : -1, .events = POLLIN};
	for (size_t i = 0; i < k->conf->count; i++) {
		const struct nr_relay_reader *reader = k->sensors[i].reader;
		files[2 + i] = (struct pollfd){
			.fd = reader && !k->retry_at ? nr_relay_reader_socket(reader) : -1, .events = POLLIN};
	}
	if (poll(files, (nfds_t)(3 + k->conf->count), wait_ms(k)) < 0)
		return;
	for (size_t i = 0; i < k->conf->count; i++)
		if (files[2 + i].revents || k->sensors[i].more)
			k->sensors[i].more = read_sensor(k, &k->sensors[i]);
	if (files[0].revents)
		take_signals(k);
	if (files[1].revents)
		nr_keeper_take_news(k);
	if (files[2 + k->conf->count].revents)
		take_gaps(k);
	nr_time now = nr_keeper_clock();
	k->look_at = NR_TIME_MAX;
	for (size_t i = 0; i < k->conf->count; i++)
		k->look_at = NR_MIN(k->look_at, look_after(k, &k->sensors[i], now));
	if (k->retry_at && now >= k->retry_at)
		store_retry(k);
	if (k->uncommitted && (k->asked_commit || now >= k->commit_at))
		store_commit(k);
	if (k->conf->rows && !k->retry_at && now >= k->rows_at)
		take_rows(k);
	if (now >= k->retain_at)
		retain(k);
}

static void open_sensors(struct nr_keeper *k)
{
	for (size_t i = 0; i < k->conf->count; i++) {
		struct nr_keeper_child *s = &k->sensors[i];
		s->conf = &k->conf->sensors[i];
		s->state = NR_SENSOR_RESTARTING;
		if (!nr_keeper_gap_open(k->conf->store, s->conf->name, s->conf->sense, &s->gap))
			s->gap.cause[0] = '\0';
		nr_keeper_set_state(k, s, NR_SENSOR_RESTARTING);
	}
}

static int open_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void nr_keeper_block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int nr_keeper_run(const struct nr_keeper_conf *conf, struct nr_error *error)
{
	struct nr_keeper k = {.conf = conf, .retain_at = nr_keeper_clock(), .look_at = NR_TIME_MAX};
	k.rows_at = k.retain_at + ROWS_EVERY;
	k.signals = open_signals();
	if (k.signals < 0)
		return nr_fail(error, -errno, "signalfd: %s", strerror(errno));
	open_sensors(&k);
	int rc = nr_nursery_ask(conf->nursery, NR_NURSERY_GO, 0, error);
	while (rc == 0 && !k.over)
		turn(&k);
	if (k.uncommitted)
		store_commit(&k);
	for (size_t i = 0; i < conf->count; i++)
		drop_reader(&k.sensors[i]);
	close(k.signals);
	if (rc == 0 && k.lost.code)
		rc = nr_fail(error, k.lost.code, "%s", k.lost.text);
	else if (rc == 0 && k.nursery_gone && !k.ending)
		rc = nr_fail(error, -EPIPE,
			"the process that holds the rings was ended; start noroshi again: it goes on with "
			"the "
			"counts that are in memory");
	return rc;
}
