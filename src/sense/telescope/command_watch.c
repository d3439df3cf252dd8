/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi telescope watch: an interface through the sense, a line a second while it runs, the report at its
 * end. */
#include "base/language.h"
#include "base/rights.h"
#include "base/sandbox.h"
#include "model/gap.h"
#include "model/live.h"
#include "net/watch.h"
#include "sense/telescope/command.h"
#include "sense/telescope/command_run.h"
#include "sense/telescope/live.h"
#include "sense/telescope/promise.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

struct watch_conf {
	struct nr_telescope_conf sense;
	const char *interface, *capture, *filter;
	uint64_t workers, ring_bytes;
	const char *store;
	bool json;
};

static const struct nr_option options[] = {
	{"interface", NR_OPTION_TEXT, offsetof(struct watch_conf, interface), "IFACE", NULL, 0, 0, NULL,
		"interface that the dark range is routed or mirrored to",
		"ダークネット宛の通信が届くインターフェース", 'i'},
	NR_TELESCOPE_OPTIONS(struct watch_conf, sense.),
	NR_TELESCOPE_CAPTURE_OPTIONS(struct watch_conf, ),
	{"store", NR_OPTION_PATH, offsetof(struct watch_conf, store), "FILE", NULL, 0, 0, NULL,
		"also keep rows and findings in this store (made if absent)",
		"結果をこのストアにも保存する（なければ作る）"},
	{"json", NR_OPTION_FLAG, offsetof(struct watch_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON line per second, and the report as the last one",
		"1秒ごとに1行、最後に結果をJSONで出力する"},
};

/* Everything of one watch; released in reverse order. */
struct watcher {
	struct nr_sink sink; /* what the sense and the watch hand over passes here */
	struct nr_store_sink store_sink;
	struct watch_conf conf;
	struct nr_telescope_refs refs;
	struct nr_live *live;
	struct nr_store *store;
	struct nr_pipeline *pipeline;
	nr_time started;
	struct nr_live_pulse pulse; /* the last one; its sensor's name is the conf's */
	struct nr_live_statistics told;
	bool terminal, shown;
	char name[NR_LIVE_NAME]; /* of the interface, as of the last tick; "": none has come */
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = signal;
}

static void watcher_fini(struct watcher *w)
{
	nr_pipeline_free(w->pipeline);
	nr_store_close(w->store);
	nr_live_close(w->live);
	nr_telescope_refs_fini(&w->refs);
}

/* ---- what is shown while it runs ---- */

static void clear_line(struct watcher *w)
{
	if (w->shown)
		fputs("\r\033[K", stderr);
	w->shown = false;
}

static uint64_t lost(const struct nr_live_statistics *s)
{
	return s->kernel + s->no_frame + s->interface + s->interrupted;
}

static void show_line(struct watcher *w, const struct nr_watch_tick *tick)
{
	const struct nr_live_pulse *p = &w->pulse;
	double seconds = p->seconds > 0 ? p->seconds : 1;
	clear_line(w);
	fprintf(stderr,
		nr_says("%s: %.0f packets/s from %llu sources; %llu frames, %llu lost%s",
			"%s: %.0f パケット/秒（送信元 %llu）; 計 %llu フレーム、損失 %llu%s"),
		nr_live_interface(w->live), (double)p->packets / seconds, (unsigned long long)p->sources,
		(unsigned long long)tick->loss->frames, (unsigned long long)lost(tick->statistics),
		tick->state == NR_LIVE_UP ? "" : nr_says("; interface down", "; インターフェース停止中"));
	w->shown = true;
}

static void write_known(struct nr_json *json, const char *key, bool known, uint64_t value)
{
	if (known)
		nr_json_uint(json, key, value);
	else
		nr_json_null(json, key);
}

static void write_statistics(struct nr_json *json, const struct nr_live_statistics *s)
{
	nr_json_object(json, "capture");
	nr_json_uint(json, "received", s->received);
	nr_json_uint(json, "ring_dropped", s->kernel);
	nr_json_uint(json, "ring_freezes", s->freezes);
	write_known(json, "interface_dropped", s->interface_known, s->interface);
	write_known(json, "stack_dropped", s->interface_known, s->stack);
	write_known(json, "filtered", s->filtered_known, s->filtered);
	nr_json_uint(json, "fill_empty", s->fill_empty);
	nr_json_uint(json, "no_frame", s->no_frame);
	nr_json_uint(json, "interrupted", s->interrupted);
	nr_json_uint(json, "outages", s->outages);
	nr_json_object_end(json);
}

static const char *const state_names[] = {"gone", "down", "no-carrier", "up"};

static void write_tick(struct nr_json *json, const struct watcher *w, const struct nr_watch_tick *tick)
{
	const struct nr_live_pulse *p = &w->pulse;
	nr_json_object(json, NULL);
	nr_json_text(json, "type", "pulse");
	nr_json_time(json, "time", tick->now);
	nr_json_text(json, "sensor", w->conf.sense.sensor);
	nr_json_text(json, "interface", nr_live_interface(w->live));
	nr_json_text(json, "state", state_names[tick->state]);
	nr_json_text(json, "way", nr_live_way(w->live));
	nr_json_real(json, "seconds", p->seconds);
	nr_json_uint(json, "packets", p->packets);
	nr_json_uint(json, "bytes", p->bytes);
	nr_json_uint(json, "sources", p->sources);
	nr_json_uint(json, "delay_ms", (uint64_t)(tick->delay / 1000));
	nr_json_uint(json, "frames", tick->loss->frames);
	nr_json_object(json, "dropped");
	for (size_t i = 1; i < NR_DROP_COUNT; i++)
		if (tick->loss->dropped[i])
			nr_json_uint(json, nr_drop_names[i], tick->loss->dropped[i]);
	nr_json_object_end(json);
	write_statistics(json, tick->statistics);
	nr_json_object_end(json);
}

static void tell_renamed(struct watcher *w)
{
	const char *name = nr_live_interface(w->live);
	if (strcmp(w->name, name) == 0)
		return;
	if (w->name[0]) {
		clear_line(w);
		fprintf(stderr,
			nr_says("noroshi: interface %s was renamed to %s; watching goes on\n",
				"noroshi: インターフェース %s の名前が %s に変わった。観測は続ける\n"),
			w->name, name);
	}
	snprintf(w->name, sizeof w->name, "%s", name);
}

static int tick(void *context, const struct nr_watch_tick *tick, struct nr_error *error)
{
	struct watcher *w = context;
	w->told = *tick->statistics;
	tell_renamed(w);
	if (!w->pulse.time && !stopped) /* no second has been closed since the last line */
		return 0;
	int e = 0;
	if (w->conf.json) {
		NR_AUTO(nr_json_fini) struct nr_json json;
		nr_json_init(&json);
		write_tick(&json, w, tick);
		e = nr_json_finish(&json, error);
		if (!e)
			printf("%s\n", json.bytes);
		fflush(stdout);
	} else if (w->terminal) {
		show_line(w, tick);
	}
	w->pulse.time = 0;
	return e;
}

/* Gaps are told at once; rows for listeners end here; the rest is for the store. */
static int pass_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct watcher *w = (struct watcher *)sink;
	if (table == &nr_live_pulse_table)
		w->pulse = ((const struct nr_live_pulse *)rows)[count - 1];
	if (table == &nr_gap_table) {
		clear_line(w);
		for (size_t i = 0; i < count; i++) {
			const struct nr_gap *gap = (const struct nr_gap *)rows + i;
			fprintf(stderr, "noroshi: %s: %s\n", gap->cause, nr_says(gap->text_en, gap->text_ja));
		}
	}
	struct nr_sink *store = &w->store_sink.sink;
	store->session = sink->session;
	return w->store && table->time_column ? store->rows(store, table, rows, count, error) : 0;
}

static int pass_commit(struct nr_sink *sink, struct nr_error *error)
{
	struct watcher *w = (struct watcher *)sink;
	return w->store ? w->store_sink.sink.commit(&w->store_sink.sink, error) : 0;
}

/* ---- the run ---- */

static int prepare(struct watcher *w, struct nr_error *error)
{
	w->started = nr_time_now();
	w->sink = (struct nr_sink){pass_rows, pass_commit};
	w->terminal = isatty(STDERR_FILENO);
	w->refs.store = true; /* intervals are closed as they pass, wanted or not: memory stays bounded */
	w->refs.live = true;
	w->refs.workers = (unsigned)w->conf.workers;
	if (!w->conf.interface)
		return nr_fail(error, -EINVAL,
			"--interface is needed: the one that the dark range is routed to; ip "
			"link shows what there is");
	return nr_telescope_prepare(&w->conf.sense, &w->refs, error);
}

static int open_live(struct watcher *w, struct nr_error *error)
{
	struct nr_live_conf conf = {
		.interface = w->conf.interface,
		.capture = w->conf.capture,
		.filter = w->conf.filter,
		.rings = (unsigned)w->conf.workers,
		.ring_bytes = w->conf.ring_bytes,
	};
	const char *note = NULL;
	if (getrandom(&conf.spread_key, sizeof conf.spread_key, 0) < 0)
		return nr_fail(error, -errno, "no random numbers: %s", strerror(errno));
	int e = nr_live_open(&conf, &w->live, &note, error);
	if (!e && note)
		fprintf(stderr, "noroshi: %s\n", note);
	return e;
}

/* Rings are open: from here on root is somebody else, who owns the store's folder. */
static int give_up_rights(const struct watcher *w, struct nr_error *error)
{
	const char *store = w->conf.store, *slash = store ? strrchr(store, '/') : NULL;
	NR_AUTO(nr_freep)
	char *folder = strdup(store ? (slash ? store : ".") : "/");
	struct nr_rights rights;
	if (!folder)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (slash)
		folder[NR_MAX(slash - store, 1)] = 0;
	int e = nr_rights_find(NULL, folder, &rights, error);
	if (!e && store)
		e = nr_rights_check_folder(&rights, folder, error);
	return e ? e : nr_rights_drop(&rights, error);
}

static int start(struct watcher *w, struct nr_error *error)
{
	int e = open_live(w, error);
	if (!e)
		e = give_up_rights(w, error);
	if (!e && w->conf.store)
		e = nr_store_open(w->conf.store, NR_STORE_CREATE, nr_telescope_tables,
			nr_telescope_table_count, &w->store, error);
	if (!e && w->store)
		e = nr_store_memory(w->store, nr_promise(&w->conf.sense, NR_PROMISE_STORE, 1), error);
	if (e)
		return e;
	if (w->store)
		nr_store_sink_init(&w->store_sink, w->store);
	/* packets come from strangers: from here on nothing can be executed or connected to */
	e = nr_telescope_enter(NR_SANDBOX_CAPTURE | (w->store ? NR_SANDBOX_WRITE_FILES : 0u), error);
	if (e)
		return e;
	struct nr_pipeline_conf conf = {
		.sense = &nr_telescope_sense,
		.sense_conf = &w->conf.sense,
		.workers = (unsigned)w->conf.workers,
		.dark = w->refs.dark,
		.tunnel_ends = w->refs.tunnel_ends,
		.sink = &w->sink,
	};
	return nr_pipeline_new(&conf, &w->pipeline, error);
}

static int watch(struct watcher *w, struct nr_error *error)
{
	const struct nr_watch conf = {.live = w->live,
		.sensor = w->conf.sense.sensor,
		.stop = &stopped,
		.tick = tick,
		.context = w};
	if (!w->conf.json)
		fprintf(stderr,
			nr_says("noroshi: watching %s (%s); Ctrl-C ends it with a report\n",
				"noroshi: %s を観測中（%s）。Ctrl-C で終了し、結果を表示します\n"),
			w->conf.interface, nr_live_way(w->live));
	int e = nr_pipeline_watch(w->pipeline, &conf, error);
	clear_line(w);
	return e;
}

static int report(struct watcher *w, struct nr_error *error)
{
	struct nr_telescope_run result = {.conf = &w->conf.sense, .loss = nr_pipeline_loss(w->pipeline)};
	result.locals = nr_pipeline_locals(w->pipeline, &result.local_count);
	int e = w->store ? nr_telescope_record(&result, w->started, w->conf.interface, &w->sink, error) : 0;
	if (!e)
		e = nr_telescope_print(&result, w->conf.json, error);
	if (!e && lost(&w->told))
		fprintf(stderr,
			nr_says("noroshi: %s: lost: %llu ring full, %llu by the interface, %llu else\n",
				"noroshi: %s: 損失: リング満杯 %llu、インターフェース %llu、その他 %llu\n"),
			w->conf.interface, (unsigned long long)w->told.kernel,
			(unsigned long long)w->told.interface,
			(unsigned long long)(lost(&w->told) - w->told.kernel - w->told.interface));
	return e;
}

static int run_watch(const void *conf, const char *const *operands, size_t count, struct nr_error *error)
{
	NR_AUTO(watcher_fini) struct watcher w = {.conf = *(const struct watch_conf *)conf};
	struct sigaction action = {.sa_handler = stop};
	(void)operands;
	(void)count;
	stopped = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	int e = prepare(&w, error);
	if (e)
		return nr_exit_of_input(e);
	e = start(&w, error);
	if (e)
		return e == -ENODEV ? NR_EXIT_USAGE : nr_exit_of_input(e);
	e = watch(&w, error);
	struct nr_error ended = {0}; /* an interface that is gone does not take the report with it */
	if (e == -ENODEV && error)
		ended = *error;
	if (!e || e == -ENODEV)
		e = nr_pipeline_finish(w.pipeline, error);
	if (!e)
		e = report(&w, error);
	if (e)
		return e;
	if (w.store_sink.failure.code || ended.code) {
		*error = ended.code ? ended : w.store_sink.failure;
		return NR_EXIT_ENVIRONMENT;
	}
	return NR_EXIT_OK;
}

const struct nr_command nr_telescope_watch_command = {
	.area = "telescope",
	.verb = "watch",
	.text_en = "Analyse the packets that come to an interface, until it is interrupted",
	.text_ja = "インターフェースに届くパケットを、止められるまで分析する",
	.example = "noroshi telescope watch -i eth1 --dark 198.18.0.0/18 --store my.db",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct watch_conf),
	.run = run_watch,
};
