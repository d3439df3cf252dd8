/* SPDX-License-Identifier: Apache-2.0 */
/* The looker's days: it makes up for what was kept before it began, looks once an hour, ends the day. */
#include "serve/flow_finder_inside.h"

#include "base/log.h"
#include "sense/flow/detect/table/orient.h"
#include "store/flows/archive.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define SETTLED (10 * NR_SECOND) /* after which what was received is in the archive */

struct handing {
	struct nr_flow_finder *finder;
	nr_time before; /* received */
};

static int hand_on(void *context, unsigned thread, const struct nr_flow_block *block)
{
	const struct handing *handing = context;
	struct nr_flow_finder *f = handing->finder;
	(void)thread;
	if (f->stop)
		return -ECANCELED;
	if (block->received_first >= handing->before)
		return 0;
	nr_flow_detect_take(f->detect, block);
	nr_flow_marks_take(f, block);
	return 0;
}

/* The tables as if they had seen the day so far. What comes meanwhile waits in the queue. */
static void catch_up(struct nr_flow_finder *f, nr_time day)
{
	NR_AUTO(nr_flow_archive_closep) struct nr_flow_archive *archive = NULL;
	struct nr_error error = {0};
	struct handing handing = {f, nr_time_now()};
	const struct nr_flow_wanted wanted = {
		.from = day, .to = day + NR_DAY, .columns = NR_FLOW_DETECT_COLUMNS, .threads = 1};
	struct nr_flow_scan scanned;
	pthread_mutex_lock(&f->table_lock);
	nr_flow_marks_learn(f);
	int e = nr_flow_archive_open(f->conf.archive, NR_FLOW_ARCHIVE_READ, NULL, &archive, &error);
	if (!e)
		e = nr_flow_archive_scan(archive, &wanted, hand_on, &handing, &scanned, &error);
	pthread_mutex_unlock(&f->table_lock);
	if (e && e != -ECANCELED)
		nr_log(NR_LOG_WARNING, "detect", "reason", error.text, "remedy",
			"what was kept before is not seen by today's looks", NULL);
}

static void begin_day(struct nr_flow_finder *f, nr_time day)
{
	struct nr_error error = {0};
	nr_flow_marks_turn(&f->marks);
	if (nr_flow_told_turn(&f->told, f->reader, f->conf.sensor, day, &error) != 0)
		nr_log(NR_LOG_WARNING, "detect", "reason", error.text, "remedy",
			"what was found earlier today may be told again", NULL);
	catch_up(f, day);
	f->caught_up = true;
}

/* Until a moment of the calendar, whose clock may be set: looked at each second. False: the end. */
static bool wait_until(struct nr_flow_finder *f, nr_time until)
{
	struct timespec at;
	pthread_mutex_lock(&f->lock);
	f->look.next = until;
	while (!f->stop && nr_time_now() < until) {
		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_sec++;
		pthread_cond_timedwait(&f->changed, &f->lock, &at);
	}
	pthread_mutex_unlock(&f->lock);
	return !f->stop;
}

/* Flows of the new day stay in the archive until the old one is looked at, so that neither has the other's.
 */
static nr_time turn_day(struct nr_flow_finder *f, nr_time day)
{
	uint64_t waiting = 1, dropped;
	nr_flow_queue_open(&f->queue, false);
	while (!f->stop && waiting) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		nr_flow_queue_state(&f->queue, &waiting, &dropped);
	}
	f->caught_up = false;
	nr_flow_finder_look(f, day);
	nr_time next = nr_time_floor(nr_time_now(), NR_DAY);
	nr_flow_detect_turn(f->detect, next);
	nr_flow_queue_open(&f->queue, true);
	begin_day(f, next);
	return next;
}

/* The end of a day waits until its last flows are in the archive. */
static nr_time next_look(const struct nr_flow_finder *f, nr_time day)
{
	nr_time every = NR_MAX(f->conf.options->every, NR_SECOND);
	nr_time next = nr_time_floor(nr_time_now(), every) + every;
	return next < day + NR_DAY ? next : day + NR_DAY + SETTLED;
}

void *nr_flow_finder_looker(void *context)
{
	struct nr_flow_finder *f = context;
	nr_time day = nr_time_floor(nr_time_now(), NR_DAY);
	begin_day(f, day);
	nr_flow_finder_look(f, day); /* what a predecessor saw and could not tell */
	while (wait_until(f, next_look(f, day))) {
		if (nr_time_now() >= day + NR_DAY)
			day = turn_day(f, day);
		else
			nr_flow_finder_look(f, day);
	}
	return NULL;
}
