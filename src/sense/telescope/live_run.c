/* SPDX-License-Identifier: Apache-2.0 */
/* The process that reads packets. It is born with everything it needs and closes the door behind itself
 * before the first one. */
#include "sense/telescope/live_inside.h"

#include "base/sandbox.h"
#include "model/gap.h"
#include "net/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#define TELL_EVERY NR_SECOND

struct watcher {
	struct nr_telescope_live *live;
	struct nr_relay *relay;
	struct nr_pipeline *pipeline;
	uint32_t layers; /* enum nr_relay_layer */
	uint32_t state;  /* enum nr_relay_state */
	nr_time alive; /* when a predecessor of another run last was; NR_TIME_MIN: none, or not to be told */
	nr_time told;
};

static void watcher_fini(struct watcher *w)
{
	nr_pipeline_free(w->pipeline);
	nr_relay_close(w->relay);
}

static int tell(void *context, const struct nr_watch_tick *tick, struct nr_error *error)
{
	struct watcher *w = context;
	const struct nr_live_statistics *s = tick->statistics;
	(void)error;
	if (tick->now >= w->told && tick->now - w->told < TELL_EVERY)
		return 0;
	w->told = tick->now;
	struct nr_relay_status status = {.time = tick->now,
		.delay = tick->delay,
		.packets = tick->loss->frames,
		.lost = s->kernel + s->no_frame + s->interrupted,
		.up = tick->state == NR_LIVE_UP,
		.layers = w->layers,
		.state = w->state};
	snprintf(status.interface, sizeof status.interface, "%s", nr_live_interface(w->live->rings));
	nr_relay_tell(w->relay, &status);
	return 0;
}

static int put_gap(struct watcher *w, struct nr_gap gap, struct nr_error *error)
{
	struct nr_sink *sink = nr_relay_sink(w->relay);
	gap.sensor = w->live->sense.sensor;
	gap.sense = nr_telescope_sense.name;
	int rc = sink->rows(sink, &nr_gap_table, &gap, 1, error);
	return rc ? rc : sink->commit(sink, error);
}

/* A predecessor of another run was killed: in between nobody watched. */
static int tell_stopped(struct watcher *w, struct nr_error *error)
{
	char text_en[200], text_ja[240];
	nr_time now = nr_time_now();
	double seconds = now > w->alive ? (double)(now - w->alive) / NR_SECOND : 0;
	bool resumed = w->state & NR_RELAY_RESUMED;
	snprintf(text_en, sizeof text_en, "noroshi was killed and started again after about %.1f s%s",
		seconds, resumed ? "; it goes on with the counts of before" : "");
	snprintf(text_ja, sizeof text_ja, "noroshi が強制終了され、約%.1f秒後に再開された%s", seconds,
		resumed ? "。それまでの集計は引き継いだ" : "");
	const struct nr_gap gap = {.first = w->alive,
		.last = NR_MAX(now, w->alive),
		.cause = "stopped",
		.text_en = text_en,
		.text_ja = text_ja};
	return put_gap(w, gap, error);
}

static int open_relay(struct watcher *w, const struct nr_child_start *start, struct nr_error *error)
{
	const struct nr_table *tables[NR_TELESCOPE_LIVE_TABLES];
	uint64_t key;
	struct nr_area *outbox = w->live->outbox;
	w->alive = NR_TIME_MIN;
	if (start->fresh)
		nr_area_clear(outbox);
	bool found = nr_relay_peek(outbox, NR_RELAY_OUTBOX, &key, &w->alive);
	if (found || nr_area_emptied(outbox))
		w->state |= NR_RELAY_LEFT;
	if (!found || start->before)
		w->alive = NR_TIME_MIN;
	struct nr_relay_conf conf = {.tables = tables,
		.table_count = nr_telescope_live_tables(tables),
		.socket = start->socket,
		.area = outbox,
		.outbox_bytes = NR_RELAY_OUTBOX};
	return nr_relay_open(&conf, &w->relay, error);
}

/* What the states of before were good for. */
static void note_state(struct watcher *w, bool fresh)
{
	unsigned resumed, discarded, workers = (unsigned)w->live->conf.workers;
	bool other = false;
	nr_pipeline_resumed(w->pipeline, &resumed, &discarded);
	for (unsigned i = 0; i < workers; i++)
		other = other || nr_area_emptied(w->live->areas[i]);
	if (fresh)
		w->state |= NR_RELAY_CLEARED;
	else if (resumed == workers)
		w->state |= NR_RELAY_RESUMED;
	else if (discarded)
		w->state |= NR_RELAY_UNSOUND;
	else if (other)
		w->state |= NR_RELAY_OTHER;
}

static int open_pipeline(struct watcher *w, bool fresh, struct nr_error *error)
{
	struct nr_telescope_live *live = w->live;
	struct nr_pipeline_conf conf = {.sense = &nr_telescope_sense,
		.sense_conf = &live->sense,
		.workers = (unsigned)live->conf.workers,
		.dark = live->refs.dark,
		.tunnel_ends = live->refs.tunnel_ends,
		.sink = nr_relay_sink(w->relay),
		.areas = live->areas,
		.spread_key = live->spread_key};
	for (unsigned i = 0; fresh && i < conf.workers; i++)
		nr_area_clear(live->areas[i]);
	int rc = nr_pipeline_new(&conf, &w->pipeline, error);
	if (rc == 0)
		note_state(w, fresh);
	return rc == 0 && w->alive != NR_TIME_MIN ? tell_stopped(w, error) : rc;
}

static int watch(struct watcher *w, struct nr_error *error)
{
	struct nr_watch conf = {.live = w->live->rings,
		.sensor = w->live->sense.sensor,
		.stop = nr_child_asked_flag(),
		.tick = tell,
		.context = w};
	nr_live_refresh(conf.live); /* what was dropped while nobody read is told by the keeper */
	return nr_pipeline_watch(w->pipeline, &conf, error);
}

static int enter(struct watcher *w, unsigned allow, struct nr_error *error)
{
	struct nr_sandbox sandbox;
	int rc = nr_sandbox_enter(allow, &sandbox, error);
	if (rc == 0)
		w->layers = (sandbox.landlock ? NR_RELAY_LANDLOCK : 0u) |
			    (sandbox.seccomp ? NR_RELAY_SECCOMP : 0u);
	return rc;
}

int nr_telescope_live_run(void *context, const struct nr_child_start *start, struct nr_error *error)
{
	NR_AUTO(watcher_fini) struct watcher w = {.live = context};
	prctl(PR_SET_NAME, "noroshi-watch");
	int rc = enter(&w, NR_SANDBOX_CAPTURE, error);
	if (rc == 0)
		rc = open_relay(&w, start, error);
	if (rc == 0)
		rc = open_pipeline(&w, start->fresh, error);
	if (rc == 0)
		rc = watch(&w, error);
	return rc;
}

int nr_telescope_live_finish(void *context, const struct nr_child_start *start, struct nr_error *error)
{
	NR_AUTO(watcher_fini) struct watcher w = {.live = context};
	int rc = 0;
	prctl(PR_SET_NAME, "noroshi-finish");
	for (unsigned i = 0; rc == 0 && i < w.live->conf.workers; i++)
		rc = nr_area_copy(w.live->areas[i], error);
	if (rc == 0)
		rc = enter(&w, 0, error);
	if (rc == 0)
		rc = open_relay(&w, start, error);
	if (rc == 0)
		rc = open_pipeline(&w, start->fresh, error);
	if (rc == 0)
		rc = nr_pipeline_finish(w.pipeline, error);
	if (rc == 0)
		rc = nr_relay_drain(w.relay, error);
	return rc;
}
