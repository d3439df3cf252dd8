/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/clock/guard.h"

#include "trust/clock/reference.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#define CHRONY_PAUSE (NR_SECOND / 4) /* it is on this machine */
#define NTP_PAUSE    NR_SECOND /* a server of one's own, or of a contract: no public one is asked that often */
#define SAMPLES_MAX  16384     /* of an hour */

/* What one reference said in the hour that runs. */
struct tally {
	nr_time *offsets; /* SAMPLES_MAX; owned */
	size_t count;
	uint64_t asked, answered;
	nr_time bound_max;
};

/* Of the hour that runs. */
struct summary {
	nr_time hour; /* 0: none yet */
	nr_time span; /* that was looked at */
	nr_time held[NR_CLOCK_REASONS];
	nr_time offset_max, bound_max; /* |offset| */
	bool leap;                     /* a reference announced a leap second */
};

struct nr_guard {
	struct nr_guard_conf conf;
	unsigned count;
	struct nr_reference references[NR_CLOCK_REFERENCES_MAX];
	nr_time next[NR_CLOCK_REFERENCES_MAX]; /* monotonic */
	struct nr_clock_sample samples[NR_CLOCK_REFERENCES_MAX];
	nr_time sampled[NR_CLOCK_REFERENCES_MAX]; /* monotonic; 0: never */
	struct tally tallies[NR_CLOCK_REFERENCES_MAX];
	struct nr_clock *clock;
	pthread_mutex_t lock; /* of all but the references' sockets, which are the thread's */
	pthread_t thread;
	bool running;
	int wake; /* eventfd: it ends */
	/* of the ledger's entries */
	struct nr_clock_statement told;
	struct summary summary;
	nr_time last; /* monotonic, of the last look */
};

static void read_clocks(const struct nr_guard *guard, struct nr_clock_reading *ret_reading)
{
	if (guard->conf.read)
		guard->conf.read(guard->conf.read_context, ret_reading);
	else
		nr_clock_read(ret_reading);
}

/* ---- entries ---- */

static int compare(const void *a, const void *b)
{
	nr_time x = *(const nr_time *)a, y = *(const nr_time *)b;
	return (x > y) - (x < y);
}

static void write_tally(struct nr_json *json, const struct nr_reference *reference, struct tally *tally)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "name", reference->name);
	nr_json_uint(json, "asked", tally->asked);
	nr_json_uint(json, "answered", tally->answered);
	if (tally->count) {
		nr_time sum = 0;
		qsort(tally->offsets, tally->count, sizeof *tally->offsets, compare);
		for (size_t i = 0; i < tally->count; i++)
			sum += tally->offsets[i];
		nr_json_int(json, "min_us", tally->offsets[0]);
		nr_json_int(json, "mean_us", sum / (nr_time)tally->count);
		nr_json_int(json, "max_us", tally->offsets[tally->count - 1]);
		nr_json_int(json, "p95_us", tally->offsets[tally->count * 95 / 100]);
		nr_json_int(json, "bound_max_us", tally->bound_max);
	}
	nr_json_object_end(json);
}

static void write_state(struct nr_json *json, const struct nr_clock_statement *statement)
{
	nr_json_text(json, "state", statement->run ? "run" : "hold");
	nr_json_text(json, "reason", nr_clock_reason_names[statement->reason]);
	if (statement->bound != NR_TIME_MAX) {
		nr_json_int(json, "offset_us", statement->low + (statement->high - statement->low) / 2);
		nr_json_int(json, "bound_us", statement->bound);
	}
	nr_json_uint(json, "agreeing", statement->agreeing);
}

static void write_summary(struct nr_guard *guard, struct nr_json *json)
{
	const struct summary *summary = &guard->summary;
	nr_json_time(json, "hour", summary->hour);
	nr_json_int(json, "span_us", summary->span);
	nr_json_object(json, "held_us");
	for (unsigned i = 0; i < NR_CLOCK_REASONS; i++) {
		if (summary->held[i])
			nr_json_int(json, nr_clock_reason_names[i], summary->held[i]);
	}
	nr_json_object_end(json);
	nr_json_int(json, "offset_max_us", summary->offset_max);
	nr_json_int(json, "bound_max_us", summary->bound_max);
	nr_json_bool(json, "leap", summary->leap);
	nr_json_array(json, "references");
	for (unsigned i = 0; i < guard->count; i++) {
		write_tally(json, &guard->references[i], &guard->tallies[i]);
		guard->tallies[i] = (struct tally){.offsets = guard->tallies[i].offsets};
	}
	nr_json_array_end(json);
	guard->summary = (struct summary){0};
}

/* Under the lock: what is to be recorded without it, because a ledger may take its time. */
static void write_entry(struct nr_guard *guard, const char *event, bool summary, nr_time now,
	const struct nr_clock_statement *statement, struct nr_json *ret_entry)
{
	nr_json_object(ret_entry, NULL);
	nr_json_text(ret_entry, "kind", "clock");
	nr_json_time(ret_entry, "time", now);
	nr_json_text(ret_entry, "event", event);
	write_state(ret_entry, statement);
	if (summary)
		write_summary(guard, ret_entry);
	nr_json_object_end(ret_entry);
}

static void record(const struct nr_guard *guard, struct nr_json *entry)
{
	if (entry->length && nr_json_finish(entry, NULL) == 0 && guard->conf.record)
		guard->conf.record(guard->conf.record_context, entry->bytes, entry->length);
	nr_json_fini(entry);
}

static void add_up(struct nr_guard *guard, const struct nr_clock_reading *now,
	const struct nr_clock_statement *statement)
{
	struct summary *summary = &guard->summary;
	nr_time passed = guard->last ? now->monotonic - guard->last : 0;
	summary->span += passed;
	if (!statement->run)
		summary->held[statement->reason] += passed;
	if (statement->bound != NR_TIME_MAX) {
		nr_time offset = statement->low + (statement->high - statement->low) / 2;
		summary->offset_max = NR_MAX(summary->offset_max, offset < 0 ? -offset : offset);
		summary->bound_max = NR_MAX(summary->bound_max, statement->bound);
	}
	guard->last = now->monotonic;
}

/* Under the lock: what happened since the last look. *ret_entry stays empty where there is nothing to say. */
static void look(struct nr_guard *guard, bool ending, struct nr_json *ret_entry)
{
	struct nr_clock_reading now;
	struct nr_clock_statement statement;
	read_clocks(guard, &now);
	nr_clock_state(guard->clock, &now, &statement);
	bool first = guard->last == 0;
	add_up(guard, &now, &statement);
	nr_time hour = nr_time_floor(now.real, NR_HOUR);
	bool new_hour = guard->summary.hour && hour != guard->summary.hour;
	bool changed = statement.run != guard->told.run ||
		       (!statement.run && statement.reason != guard->told.reason);
	if (first || changed || new_hour || ending)
		write_entry(guard,
			ending     ? "end"
			: first    ? "start"
			: new_hour ? "hour"
				   : "change",
			new_hour || ending, now.real, &statement, ret_entry);
	guard->told = statement;
	guard->summary.hour = hour;
}

/* ---- the thread ---- */

static void ask_due(struct nr_guard *guard, const struct nr_clock_reading *now)
{
	for (unsigned i = 0; i < guard->count; i++) {
		if (now->monotonic < guard->next[i])
			continue;
		guard->next[i] = now->monotonic + (guard->references[i].chrony ? CHRONY_PAUSE : NTP_PAUSE);
		nr_reference_ask(&guard->references[i], now);
		guard->tallies[i].asked++;
	}
}

static void take(struct nr_guard *guard, unsigned index)
{
	struct nr_clock_reading now;
	struct nr_clock_sample sample;
	read_clocks(guard, &now);
	while (nr_reference_take(&guard->references[index], &now, &sample)) {
		struct tally *tally = &guard->tallies[index];
		nr_clock_observe(guard->clock, index, &sample, &now);
		guard->samples[index] = sample;
		guard->sampled[index] = now.monotonic;
		tally->answered++;
		tally->bound_max = NR_MAX(tally->bound_max, sample.bound);
		guard->summary.leap = guard->summary.leap || sample.leap == 1 || sample.leap == 2;
		if (tally->count < SAMPLES_MAX)
			tally->offsets[tally->count++] = sample.offset;
	}
}

static void take_all(struct nr_guard *guard, const struct pollfd *files, bool ending)
{
	struct nr_json entry;
	nr_json_init(&entry);
	pthread_mutex_lock(&guard->lock);
	for (unsigned i = 0; i < guard->count; i++) {
		if (files[i].revents)
			take(guard, i);
	}
	look(guard, ending, &entry);
	pthread_mutex_unlock(&guard->lock);
	record(guard, &entry);
}

static void *run(void *context)
{
	struct nr_guard *guard = context;
	struct pollfd files[NR_CLOCK_REFERENCES_MAX + 1] = {{guard->wake, POLLIN, 0}};
	for (unsigned i = 0; i < guard->count; i++)
		files[i + 1] = (struct pollfd){guard->references[i].socket, POLLIN, 0};
	while (!(files[0].revents & POLLIN)) {
		pthread_mutex_lock(&guard->lock);
		struct nr_clock_reading now;
		read_clocks(guard, &now);
		ask_due(guard, &now);
		pthread_mutex_unlock(&guard->lock);
		poll(files, guard->count + 1, (int)(CHRONY_PAUSE / 2 / 1000));
		take_all(guard, files + 1, files[0].revents & POLLIN);
	}
	return NULL;
}

static int open_references(struct nr_guard *guard, struct nr_error *error)
{
	const struct nr_texts *texts = guard->conf.references;
	if (texts->count > NR_CLOCK_REFERENCES_MAX)
		return nr_fail(error, -E2BIG, "more than %d clock references", NR_CLOCK_REFERENCES_MAX);
	for (size_t i = 0; i < texts->count; i++) {
		int e = nr_reference_open(&guard->references[i], texts->items[i], error);
		if (e)
			return e;
		guard->count++;
		guard->tallies[i].offsets = calloc(SAMPLES_MAX, sizeof *guard->tallies[i].offsets);
		if (!guard->tallies[i].offsets)
			return nr_fail(error, -ENOMEM, "out of memory");
	}
	guard->conf.clock.references = guard->count;
	return nr_clock_new(&guard->conf.clock, &guard->clock, error);
}

int nr_guard_open(const struct nr_guard_conf *conf, struct nr_guard **ret_guard, struct nr_error *error)
{
	struct nr_guard *guard = calloc(1, sizeof *guard);
	if (!guard)
		return nr_fail(error, -ENOMEM, "out of memory");
	guard->conf = *conf;
	guard->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&guard->lock, NULL);
	int e = guard->wake < 0 ? nr_fail(error, -errno, "eventfd: %s", strerror(errno)) : 0;
	if (!e && conf->references && conf->references->count)
		e = open_references(guard, error);
	if (e) {
		nr_guard_stop(guard);
		return e;
	}
	*ret_guard = guard;
	return 0;
}

int nr_guard_start(struct nr_guard *guard, struct nr_error *error)
{
	if (!guard->clock)
		return 0;
	int e = pthread_create(&guard->thread, NULL, run, guard);
	guard->running = e == 0;
	return e ? nr_fail(error, -e, "cannot start a thread: %s", strerror(e)) : 0;
}

void nr_guard_stop(struct nr_guard *guard)
{
	if (!guard)
		return;
	if (guard->running) {
		eventfd_write(guard->wake, 1);
		pthread_join(guard->thread, NULL);
	}
	for (unsigned i = 0; i < guard->count; i++) {
		nr_reference_close(&guard->references[i]);
		free(guard->tallies[i].offsets);
	}
	nr_clock_free(guard->clock);
	nr_close_fd(&guard->wake);
	pthread_mutex_destroy(&guard->lock);
	free(guard);
}

/* ---- those who ask ---- */

void nr_guard_state(struct nr_guard *guard, struct nr_clock_reading *ret_reading,
	struct nr_clock_statement *ret_statement)
{
	if (!guard->clock) {
		read_clocks(guard, ret_reading);
		*ret_statement = (struct nr_clock_statement){.run = true, .bound = NR_TIME_MAX};
		return;
	}
	pthread_mutex_lock(&guard->lock);
	read_clocks(guard, ret_reading);
	nr_clock_state(guard->clock, ret_reading, ret_statement);
	pthread_mutex_unlock(&guard->lock);
}

bool nr_guard_is_checked(const struct nr_guard *guard)
{
	return guard->clock != NULL;
}

void nr_guard_confirm(struct nr_guard *guard)
{
	struct nr_clock_reading now;
	struct nr_clock_statement statement;
	struct nr_json entry;
	if (!guard->clock)
		return;
	nr_json_init(&entry);
	pthread_mutex_lock(&guard->lock);
	nr_clock_confirm(guard->clock);
	read_clocks(guard, &now);
	nr_clock_state(guard->clock, &now, &statement);
	write_entry(guard, "confirm", false, now.real, &statement, &entry);
	pthread_mutex_unlock(&guard->lock);
	record(guard, &entry);
}

static void write_reference(const struct nr_guard *guard, unsigned index, nr_time now, struct nr_json *json)
{
	const struct nr_clock_sample *sample = &guard->samples[index];
	const struct nr_reference *reference = &guard->references[index];
	bool sampled = guard->sampled[index] != 0;
	nr_json_object(json, NULL);
	nr_json_text(json, "name", reference->name);
	nr_json_bool(json, "answered", sampled && !*reference->why);
	if (sampled) {
		nr_json_int(json, "offset_us", sample->offset);
		nr_json_int(json, "bound_us", sample->bound);
		nr_json_uint(json, "leap", sample->leap);
		nr_json_real(json, "age_s", (double)(now - guard->sampled[index]) / (double)NR_SECOND);
	}
	nr_json_text(json, "why", *reference->why ? reference->why : NULL);
	nr_json_object_end(json);
}

void nr_guard_write_json(struct nr_guard *guard, struct nr_json *json)
{
	struct nr_clock_reading now;
	struct nr_clock_statement statement;
	nr_guard_state(guard, &now, &statement);
	pthread_mutex_lock(&guard->lock);
	nr_json_object(json, "clock");
	nr_json_bool(json, "checked", guard->clock != NULL);
	write_state(json, &statement);
	nr_json_array(json, "references");
	for (unsigned i = 0; i < guard->count; i++)
		write_reference(guard, i, now.monotonic, json);
	nr_json_array_end(json);
	nr_json_object_end(json);
	pthread_mutex_unlock(&guard->lock);
}
