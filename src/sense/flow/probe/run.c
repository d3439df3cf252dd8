/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/probe/run.h"
#include "sense/flow/probe/pump.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define TURN_MS 200 /* the stop file is looked at so often */

enum phase { WAITS, OPEN, DONE };
struct plan {
	struct nr_flow_server server;
	nr_time due;
	enum phase phase;
	bool begun; /* a connection in this run */
};

struct run {
	const struct nr_probe_run_conf *conf;
	struct plan *plans; /* in random order */
	size_t count, cursor;
	struct nr_probe_pump *pumps; /* NR_PROBE_OPEN_MAX */
	size_t open;
	nr_time next; /* by the steady clock: the rate's */
	struct nr_probe_run_state state;
};

/* Uniform in 0..1; where chance is not to be had, the longest. */
static double chance(void)
{
	uint32_t n;
	return getrandom(&n, sizeof n, 0) == sizeof n ? (double)n / UINT32_MAX : 1;
}

static void shuffle(struct run *run)
{
	for (size_t i = run->count; i > 1; i--) {
		size_t k = (size_t)(chance() * (double)i);
		struct plan other = run->plans[i - 1];
		k = NR_MIN(k, i - 1);
		run->plans[i - 1] = run->plans[k];
		run->plans[k] = other;
	}
}

static bool is_stopped(const struct run *run)
{
	const struct nr_probe_run_conf *conf = run->conf;
	return (conf->asked && *conf->asked) || (conf->stop && access(conf->stop, F_OK) == 0);
}

/* ---- one server ---- */

static int tell(struct run *run, const struct nr_probe_series *series, struct nr_error *error)
{
	return run->conf->told(run->conf->context, series, error);
}

/* The plan is done for this run, or waits for its next connection. */
static int settle(struct run *run, struct plan *plan, struct nr_probe_series *series, bool round_over,
	struct nr_error *error)
{
	bool over = nr_probe_series_is_over(series, run->conf->repeat) && (plan->begun || !run->conf->again);
	plan->due = series->due;
	plan->phase = over || run->conf->once ? DONE : WAITS;
	run->state.complete += over;
	run->state.underway += !over && run->conf->once;
	return over || round_over || run->conf->once ? tell(run, series, error) : 0;
}

/* The round that begins has no answers yet; round 0 begins a series. */
static void begin_round(struct nr_probe_series *series, uint32_t round)
{
	series->round = round;
	series->begun = round ? series->begun : NR_TIME_MIN;
	series->step = NR_PROBE_LISTEN;
	memset(&series->answers, 0, sizeof series->answers);
}

static int made(struct run *run, struct plan *plan, struct nr_probe_series *series, struct nr_error *error)
{
	nr_probe_series_advance(series, run->conf->repeat, series->last, chance());
	int e = nr_probe_state_put(run->conf->gate.state, series, error);
	return e ? e : settle(run, plan, series, series->step == NR_PROBE_STEPS, error);
}

static int record_closed(const struct run *run, const struct nr_probe_pump *pump, struct nr_error *error)
{
	const struct nr_probe_connection *c = &pump->series.answers.connections[pump->question.step];
	struct nr_json json;
	nr_time now = nr_time_now();
	nr_probe_record_begin(&json, now, "closed");
	nr_json_text(&json, "connection", pump->id);
	nr_json_text(&json, "end", nr_probe_end_names[c->end]);
	nr_json_uint(&json, "sent", c->sent);
	nr_json_uint(&json, "received", c->received);
	nr_json_real(&json, "seconds", c->lasted_ms / 1000.0);
	return nr_probe_record_end(run->conf->gate.record, &json, now, false, error);
}

/* A connection is over. Of one that was stopped the step is taken again, at its time. */
static int finish(struct run *run, struct nr_probe_pump *pump, struct nr_error *error)
{
	struct plan *plan = &run->plans[pump->plan];
	nr_probe_pump_finish(pump);
	run->open--;
	int e = record_closed(run, pump, error);
	if (e)
		return e;
	if (pump->end != NR_PROBE_STOPPED)
		return made(run, plan, &pump->series, error);
	plan->phase = DONE;
	run->state.underway++;
	return nr_probe_state_put(run->conf->gate.state, &pump->series, error);
}

static struct nr_probe_pump *free_pump(struct run *run)
{
	for (size_t i = 0; i < NR_PROBE_OPEN_MAX; i++)
		if (run->pumps[i].socket < 0 && run->pumps[i].reader < 0)
			return &run->pumps[i];
	return NULL;
}

/* Has connected, or failed to at once. */
static int begin(struct run *run, size_t which, struct nr_probe_series *series, const char *id, int socket,
	enum nr_probe_end end, nr_time now, struct nr_error *error)
{
	struct nr_probe_pump *pump = free_pump(run); /* there is one: run->open says so */
	run->state.connections++;
	run->next = nr_probe_pump_clock() +
		    (nr_time)((double)NR_SECOND / run->conf->rate * (0.75 + 0.5 * chance()));
	memset(pump, 0, sizeof *pump);
	pump->series = *series;
	pump->question.server = series->server;
	pump->question.step = series->step;
	pump->question.answers = series->answers;
	snprintf(pump->question.about, sizeof pump->question.about, "%s",
		run->conf->about ? run->conf->about : "");
	pump->plan = which;
	memcpy(pump->id, id, sizeof pump->id);
	nr_probe_pump_start(pump, socket, now);
	run->plans[which].phase = OPEN;
	run->plans[which].begun = true;
	run->open++;
	if (socket >= 0)
		return 0;
	pump->end = (uint8_t)end;
	return finish(run, pump, error);
}

/* The server's turn: it is connected to, refused, or told to wait. */
static int turn_of(struct run *run, size_t which, nr_time now, struct nr_error *error)
{
	struct plan *plan = &run->plans[which];
	struct nr_probe_series series;
	enum nr_probe_refusal refusal = NR_PROBE_ALLOWED;
	enum nr_probe_end end = NR_PROBE_NOT_MADE;
	struct nr_error why = {0};
	char id[NR_PROBE_ID_TEXT];
	int socket = -1;
	int e = nr_probe_state_get(run->conf->gate.state, &plan->server, &series, &why);
	if (e == -EBADMSG) {
		plan->phase = DONE;
		run->state.damaged++;
		return nr_probe_gate_refuse(&run->conf->gate, &plan->server, "damaged", why.text, now, error);
	}
	if (e)
		return nr_fail(error, e, "%s", why.text);
	bool over = nr_probe_series_is_over(&series, run->conf->repeat),
	     anew = run->conf->again && !plan->begun;
	if (series.due > now || (over && !anew))
		return settle(run, plan, &series, false, error);
	if (series.step == NR_PROBE_STEPS)
		begin_round(&series, over ? 0 : series.round + 1);
	e = nr_probe_gate_connect(&run->conf->gate, &series, now, id, &socket, &end, &refusal, error);
	if (e == -EAGAIN)
		return settle(run, plan, &series, false, error);
	if (e == -EACCES) {
		plan->phase = DONE;
		run->state.refused++;
		run->conf->refused(run->conf->context, &plan->server, refusal);
		return 0;
	}
	return e ? e : begin(run, which, &series, id, socket, end, now, error);
}

/* ---- all of them ---- */

/* The next plan that is due, from where the last search ended; run->count: none, *ret_next is when one is. */
static size_t find_due(struct run *run, nr_time now, nr_time *ret_next, size_t *ret_done)
{
	*ret_next = NR_TIME_MAX;
	*ret_done = 0;
	size_t found = run->count;
	for (size_t i = 0; i < run->count; i++) {
		size_t at = (run->cursor + i) % run->count;
		const struct plan *plan = &run->plans[at];
		*ret_done += plan->phase == DONE;
		if (plan->phase != WAITS)
			continue;
		if (plan->due <= now) {
			found = at;
			break;
		}
		*ret_next = NR_MIN(*ret_next, plan->due);
	}
	run->cursor = found < run->count ? found + 1 : run->cursor;
	return found;
}

static int stop_all(struct run *run, struct nr_error *error)
{
	int e = 0;
	run->state.stopped = true;
	for (size_t i = 0; i < NR_PROBE_OPEN_MAX; i++) {
		struct nr_probe_pump *pump = &run->pumps[i];
		if (pump->socket < 0 && pump->reader < 0)
			continue;
		nr_probe_pump_stop(pump);
		int f = finish(run, pump, error);
		e = e ? e : f;
	}
	return e;
}

static int turn_pumps(struct run *run, int wait_ms, struct nr_error *error)
{
	struct pollfd waited[2 * NR_PROBE_OPEN_MAX];
	for (size_t i = 0; i < NR_PROBE_OPEN_MAX; i++)
		nr_probe_pump_wants(&run->pumps[i], waited + 2 * i);
	if (poll(waited, NR_COUNT(waited), wait_ms) < 0) {
		if (errno != EINTR)
			return nr_fail(error, -errno, "poll: %s", strerror(errno));
		return 0;
	}
	for (size_t i = 0; i < NR_PROBE_OPEN_MAX; i++) {
		struct nr_probe_pump *pump = &run->pumps[i];
		if (pump->socket < 0 && pump->reader < 0)
			continue;
		int e = nr_probe_pump_turn(pump, run->conf->gate.record, waited + 2 * i, error);
		e = !e && pump->over ? finish(run, pump, error) : e;
		if (e)
			return e;
	}
	return 0;
}

static int loop(struct run *run, struct nr_error *error)
{
	for (;;) {
		nr_time now = nr_time_now(), next;
		size_t done, which;
		int wait_ms = TURN_MS, e;
		if (is_stopped(run))
			return stop_all(run, error);
		if (run->open < NR_PROBE_OPEN_MAX && nr_probe_pump_clock() >= run->next) {
			which = find_due(run, now, &next, &done);
			if (which < run->count) {
				e = turn_of(run, which, now, error);
				wait_ms = 0;
			} else {
				e = 0;
				if (done == run->count)
					return 0;
				if (run->conf->waits && !run->open)
					run->conf->waits(run->conf->context, done, run->count, next);
			}
			if (e)
				return e;
		}
		e = turn_pumps(run, wait_ms, error);
		if (e)
			return e;
	}
}

static int prepare(struct run *run, const struct nr_probe_targets *targets, struct nr_error *error)
{
	run->plans = calloc(targets->count + 1, sizeof *run->plans);
	run->pumps = calloc(NR_PROBE_OPEN_MAX, sizeof *run->pumps);
	if (!run->plans || !run->pumps)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < targets->count; i++)
		run->plans[i] = (struct plan){.server = targets->items[i], .due = NR_TIME_MIN};
	run->count = targets->count;
	for (size_t i = 0; i < NR_PROBE_OPEN_MAX; i++)
		run->pumps[i].socket = run->pumps[i].reader = -1;
	shuffle(run);
	return 0;
}

int nr_probe_run(const struct nr_probe_run_conf *conf, const struct nr_probe_targets *targets,
	struct nr_probe_run_state *ret_state, struct nr_error *error)
{
	struct run run = {.conf = conf};
	int e = prepare(&run, targets, error);
	e = e ? e : loop(&run, error);
	if (e && run.pumps) /* nothing goes on that cannot be recorded */
		(void)stop_all(&run, NULL);
	for (size_t i = 0; i < run.count; i++)
		run.state.underway += run.plans[i].phase != DONE;
	free(run.plans);
	free(run.pumps);
	*ret_state = run.state;
	return e;
}
