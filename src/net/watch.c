/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns of a quarter of a second: in one, each worker reads its own ring (or all share the frames that the
 * first one reads), then all rest and the turn is closed: clock, interface, losses, interval, pulse.
 */
#include "net/watch.h"
#include "model/gap.h"
#include "model/live.h"
#include "net/pipeline_inside.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define TURN  (NR_SECOND / 4)
#define LOOK  NR_SECOND /* between two looks at the interface and its losses */
#define DRAIN NR_SECOND /* most time for what lies in the rings when the end has come */
#define DELIVERY                                                                                             \
	(4 * NR_LIVE_RETIRE_MS * NR_SECOND /                                                                 \
		1000) /* from stamp to ring; the kernel's timer takes two rounds */
#define GAP_TEXT 200

/* Losses that have been told. */
struct told {
	struct nr_live_statistics statistics;
	uint64_t dropped[NR_DROP_COUNT];
};

struct watch {
	struct nr_pipeline *p;
	const struct nr_watch *conf;
	nr_time until;      /* of this turn, as elapsed() */
	nr_time offset;     /* wall clock less elapsed(), at the last turn */
	nr_time looked;     /* elapsed() of the last look */
	nr_time looked_at;  /* wall clock of it */
	nr_time flushed;    /* all before it is final */
	nr_time full_since; /* NR_TIME_MAX: no ring is full */
	uint64_t full_packets;
	enum nr_live_state state;
	struct told told;
};

/* Runs on while the machine sleeps, and cannot be set. */
static nr_time elapsed(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * NR_SECOND + t.tv_nsec / 1000;
}

/* ---- reading ---- */

static bool is_over(const struct watch *w, bool empty)
{
	nr_time left = w->until - elapsed();
	return *w->conf->stop ? empty || left < -DRAIN : left <= 0;
}

/* Stamps of a clock that was set back meanwhile lie ahead of it: they count as now. */
static nr_time bound_times(struct nr_frame *frames, size_t count)
{
	nr_time now = nr_time_now(), newest = NR_TIME_MIN;
	for (size_t i = 0; i < count; i++) {
		if (NR_UNLIKELY(frames[i].time > now + NR_WATCH_STEP))
			frames[i].time = now;
		newest = NR_MAX(newest, frames[i].time);
	}
	return newest;
}

static void wait_for_more(struct watch *w, int ring)
{
	nr_time left = w->until - elapsed();
	if (left > 0 && !*w->conf->stop)
		nr_live_wait(w->conf->live, ring, (int)((left + 999) / 1000));
}

static void read_own(void *context, unsigned member)
{
	struct watch *w = context;
	struct nr_worker *worker = &w->p->workers[member];
	struct nr_frame frames[NR_LIVE_BATCH];
	for (;;) {
		nr_time asked = nr_time_now();
		size_t count = nr_live_read(w->conf->live, member, frames, NR_LIVE_BATCH, &worker->read);
		if (count) {
			worker->read_to = bound_times(frames, count);
			nr_frames_observe(w->p, member, frames, count);
		} else {
			worker->read_to = asked - DELIVERY;
		}
		if (is_over(w, !count))
			return;
		if (!count)
			wait_for_more(w, (int)member);
	}
}

/* Frames that nobody has spread: one reads, all decode and observe. */
struct shared_round {
	struct nr_pipeline *p;
	struct nr_round *round;
};

static void decode_shared(void *context, unsigned member)
{
	struct shared_round *s = context;
	nr_round_decode(s->p, &s->p->workers[member], s->round);
}

static void observe_shared(void *context, unsigned member)
{
	struct shared_round *s = context;
	nr_round_observe(s->p, member, s->round);
}

static void take_shared(struct nr_pipeline *p, const struct nr_frame *frames, size_t count)
{
	struct shared_round s = {p, &p->rounds[0]};
	if (!p->crew) {
		nr_frames_observe(p, 0, frames, count);
		return;
	}
	nr_round_begin(s.round, frames, count);
	nr_crew_run(p->crew, decode_shared, &s);
	nr_crew_run(p->crew, observe_shared, &s);
}

static void read_shared(struct watch *w)
{
	struct nr_worker *first = &w->p->workers[0];
	struct nr_frame frames[NR_LIVE_BATCH];
	for (;;) {
		nr_time asked = nr_time_now(), read_to = asked - DELIVERY;
		bool empty = true;
		for (unsigned ring = 0; ring < nr_live_rings(w->conf->live); ring++) {
			size_t count = nr_live_read(w->conf->live, ring, frames, NR_LIVE_BATCH, &first->read);
			if (!count)
				continue;
			empty = false;
			read_to = NR_MIN(read_to, bound_times(frames, count));
			take_shared(w->p, frames, count);
		}
		for (unsigned i = 0; i < w->p->conf.workers; i++)
			w->p->workers[i].read_to = read_to;
		if (is_over(w, empty))
			return;
		if (empty)
			wait_for_more(w, -1);
	}
}

static nr_time read_to(const struct watch *w)
{
	nr_time oldest = NR_TIME_MAX;
	for (unsigned i = 0; i < w->p->conf.workers; i++)
		oldest = NR_MIN(oldest, w->p->workers[i].read_to);
	return oldest;
}

/* ---- gaps ---- */

static int tell_gap(const struct watch *w, struct nr_gap gap, struct nr_error *error)
{
	struct nr_sink *sink = w->p->conf.sink;
	gap.sensor = w->conf->sensor;
	gap.sense = w->p->conf.sense->name;
	return sink ? sink->rows(sink, &nr_gap_table, &gap, 1, error) : 0;
}

/* From `first` on, until it is told again with its end. */
static int tell_down(const struct watch *w, nr_time first, nr_time last, struct nr_error *error)
{
	static const char *const en[] = {"was deleted", "is down", "has no link", "was down"};
	static const char *const ja[] = {
		"が削除された", "が停止している", "のリンクが切れている", "が停止していた"};
	char text_en[GAP_TEXT], text_ja[GAP_TEXT];
	const char *interface = nr_live_interface(w->conf->live);
	snprintf(text_en, sizeof text_en, "interface %s %s", interface, en[w->state]);
	snprintf(text_ja, sizeof text_ja, "インターフェース %s %s", interface, ja[w->state]);
	struct nr_gap gap = {.first = first,
		.last = last,
		.cause = "interface-down",
		.text_en = text_en,
		.text_ja = text_ja};
	return tell_gap(w, gap, error);
}

static int look_at_interface(
	struct watch *w, const struct nr_live_statistics *now_known, nr_time now, struct nr_error *error)
{
	bool outage = now_known->outages != w->told.statistics.outages;
	nr_time *since = &w->p->down_since;
	w->state = nr_live_state(w->conf->live);
	if (*since == NR_TIME_MAX && (w->state != NR_LIVE_UP || outage)) {
		*since = outage ? w->looked_at : now;
		int e = tell_down(w, *since, NR_TIME_MAX, error);
		if (e)
			return e;
	}
	if (*since != NR_TIME_MAX && w->state == NR_LIVE_UP) {
		int e = tell_down(w, *since, now, error);
		*since = NR_TIME_MAX;
		return e;
	}
	return 0;
}

/* One gap from the first second in which a ring was full to the last. */
static int look_at_rings(
	struct watch *w, const struct nr_live_statistics *now_known, nr_time now, struct nr_error *error)
{
	const struct nr_live_statistics *was = &w->told.statistics;
	uint64_t lost = now_known->kernel - was->kernel + now_known->no_frame - was->no_frame;
	if (!lost) {
		w->full_since = NR_TIME_MAX;
		return 0;
	}
	if (w->full_since == NR_TIME_MAX) {
		w->full_since = w->looked_at;
		w->full_packets = 0;
	}
	w->full_packets += lost;
	char text_en[GAP_TEXT], text_ja[GAP_TEXT];
	snprintf(text_en, sizeof text_en,
		"%llu packets found the capture ring full; a larger --ring, more --workers or a faster "
		"machine helps",
		(unsigned long long)w->full_packets);
	snprintf(text_ja, sizeof text_ja,
		"キャプチャ用リングが満杯で %llu パケットを失った（--ring や --workers を増やす）",
		(unsigned long long)w->full_packets);
	struct nr_gap gap = {.first = w->full_since,
		.last = now,
		.cause = "ring-full",
		.packets = w->full_packets,
		.text_en = text_en,
		.text_ja = text_ja};
	return tell_gap(w, gap, error);
}

/* ---- losses, for listeners ---- */

static int tell_drop(const struct watch *w, const char *cause, uint64_t is, uint64_t was, nr_time now,
	struct nr_error *error)
{
	struct nr_sink *sink = w->p->conf.sink;
	struct nr_live_drop row = {w->conf->sensor, now, cause, is - was};
	return sink && is > was ? sink->rows(sink, &nr_live_drop_table, &row, 1, error) : 0;
}

static int tell_drops(struct watch *w, const struct nr_live_statistics *is, const struct nr_loss *loss,
	nr_time now, struct nr_error *error)
{
	const struct nr_live_statistics *was = &w->told.statistics;
	int e = tell_drop(w, "ring", is->kernel, was->kernel, now, error);
	if (!e)
		e = tell_drop(w, "interface", is->interface, was->interface, now, error);
	if (!e)
		e = tell_drop(w, "no_frame", is->no_frame, was->no_frame, now, error);
	if (!e)
		e = tell_drop(w, "filtered", is->filtered, was->filtered, now, error);
	for (size_t i = 1; !e && i < NR_DROP_COUNT; i++)
		e = tell_drop(w, nr_drop_names[i], loss->dropped[i], w->told.dropped[i], now, error);
	w->told.statistics = *is;
	memcpy(w->told.dropped, loss->dropped, sizeof w->told.dropped);
	return e;
}

static int look(struct watch *w, nr_time now, struct nr_error *error)
{
	struct nr_live_statistics s;
	nr_live_refresh(w->conf->live);
	nr_live_statistics(w->conf->live, &s);
	int e = look_at_interface(w, &s, now, error);
	if (!e)
		e = look_at_rings(w, &s, now, error);
	if (!e)
		e = tell_drops(w, &s, nr_pipeline_loss(w->p), now, error);
	w->looked = elapsed();
	w->looked_at = now;
	return e;
}

/* ---- time ---- */

/* Everything so far is finished; the sense begins again as if it had just been started. */
static int begin_anew(struct watch *w, struct nr_error *error)
{
	struct nr_pipeline *p = w->p;
	int e = nr_pipeline_flush(p, NR_TIME_MAX, error);
	for (unsigned i = 0; !e && i < p->conf.workers; i++)
		e = nr_worker_restart(p, i, error);
	w->flushed = NR_TIME_MIN;
	return e;
}

static int look_at_clock(struct watch *w, nr_time now, struct nr_error *error)
{
	nr_time offset = now - elapsed(), step = offset - w->offset;
	w->offset = offset;
	if (step > -NR_WATCH_STEP && step < NR_WATCH_STEP)
		return 0;
	char text_en[GAP_TEXT], text_ja[GAP_TEXT];
	double seconds = (double)(step < 0 ? -step : step) / NR_SECOND;
	bool anew = step < -NR_WATCH_STEP_MAX;
	snprintf(text_en, sizeof text_en, "the clock was set %s by %.1f s%s", step < 0 ? "back" : "forward",
		seconds,
		anew       ? "; what was counted before is finished, counting began anew"
		: step < 0 ? "; until it has caught up, packets count in the latest interval"
			   : "");
	snprintf(text_ja, sizeof text_ja, "時計が%.1f秒%sられた%s", seconds, step < 0 ? "戻さ" : "進め",
		anew       ? "。それまでの集計を締め、数え直しを始めた"
		: step < 0 ? "。追いつくまでのパケットは直近の区間に数える"
			   : "");
	/* set forward: the time that was left out; set back: the time that comes twice */
	struct nr_gap gap = {.first = NR_MIN(now, now - step),
		.last = NR_MAX(now, now - step),
		.cause = "clock-step",
		.text_en = text_en,
		.text_ja = text_ja};
	int e = tell_gap(w, gap, error);
	return !e && anew ? begin_anew(w, error) : e;
}

static int pass_boundaries(struct watch *w, struct nr_error *error)
{
	nr_time end = nr_time_floor(read_to(w) - NR_WATCH_SLACK, w->p->conf.sense->interval);
	if (end <= w->flushed)
		return 0;
	w->flushed = end;
	return nr_pipeline_flush(w->p, end, error);
}

/* ---- turns ---- */

static int close_turn(struct watch *w, bool last, struct nr_error *error)
{
	struct nr_pipeline *p = w->p;
	nr_time now = nr_time_now();
	int e = look_at_clock(w, now, error);
	if (!e && (last || elapsed() - w->looked >= LOOK - TURN / 2))
		e = look(w, now, error);
	if (!e)
		e = pass_boundaries(w, error);
	if (!e && p->conf.sense->pulse)
		e = p->conf.sense->pulse(
			p->conf.sense_conf, p->locals, p->conf.workers, now, p->conf.sink, error);
	if (!e && w->conf->tick) {
		const struct nr_watch_tick tick = {
			now, nr_pipeline_loss(p), &w->told.statistics, w->state, NR_MAX(now - read_to(w), 0)};
		e = w->conf->tick(w->conf->context, &tick, error);
	}
	if (!e && w->state == NR_LIVE_GONE)
		e = nr_fail(error, -ENODEV, "interface %s was deleted", nr_live_interface(w->conf->live));
	return e;
}

static int tell_discarded(const struct watch *w, nr_time now, struct nr_error *error)
{
	if (!w->p->discarded)
		return 0;
	struct nr_gap gap = {.first = now,
		.last = now,
		.cause = "state-discarded",
		.text_en = "the state of an earlier process could not be taken over; what it had counted "
			   "since the "
			   "last interval is lost",
		.text_ja = "前のプロセスの状態を引き継げなかった。直近の区間以降に数えた分は失われた"};
	return tell_gap(w, gap, error);
}

int nr_pipeline_watch(struct nr_pipeline *p, const struct nr_watch *conf, struct nr_error *error)
{
	bool spread = nr_live_spreads(conf->live);
	nr_time now = nr_time_now();
	struct watch w = {.p = p,
		.conf = conf,
		.offset = now - elapsed(),
		.looked = elapsed(),
		.looked_at = now,
		.flushed = NR_TIME_MIN,
		.full_since = NR_TIME_MAX,
		.state = NR_LIVE_UP};
	assert(!spread || nr_live_rings(conf->live) == p->conf.workers);
	nr_live_state(conf->live); /* its name may be another than when it was opened */
	nr_live_resume(conf->live);
	nr_live_statistics(conf->live, &w.told.statistics);
	memcpy(w.told.dropped, nr_pipeline_loss(p)->dropped, sizeof w.told.dropped);
	int e = tell_discarded(&w, now, error);
	p->discarded = 0;
	for (bool last = false; !e && !last;) {
		w.until = elapsed() + TURN;
		if (spread)
			nr_crew_run(p->crew, read_own, &w);
		else
			read_shared(&w);
		last = *conf->stop;
		e = close_turn(&w, last, error);
	}
	nr_live_settle(conf->live);
	return e;
}
