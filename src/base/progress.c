/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress.h"

#include <string.h>
#include <time.h>

#define PROGRESS_BAR   20
#define PROGRESS_FIRST NR_SECOND        /* nothing is shown before */
#define PROGRESS_STEP  (NR_SECOND / 10) /* between two drawings */

/* Waiting times are no business of the wall clock, which may be set meanwhile. */
static nr_time clock_read(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (nr_time)now.tv_sec * NR_SECOND + now.tv_nsec / 1000;
}

void nr_progress_init(struct nr_progress *progress, uint64_t total, const char *unit)
{
	*progress = (struct nr_progress){.on = isatty(STDERR_FILENO), .total = total, .unit = unit};
	progress->start = progress->on ? clock_read() : 0;
	progress->next = progress->start + PROGRESS_FIRST;
}

/* "120.3 M" */
static const char *amount_write(double value, char *text, size_t room)
{
	static const char letters[] = {'k', 'M', 'G', 'T'};
	int step = -1;
	for (; value >= 1000 && step + 1 < (int)NR_COUNT(letters); step++)
		value /= 1000;
	if (step < 0)
		snprintf(text, room, "%.0f ", value);
	else
		snprintf(text, room, "%.1f %c", value, letters[step]);
	return text;
}

const char *nr_progress_write(
	const struct nr_progress *progress, uint64_t done, nr_time now, char text[static NR_PROGRESS_TEXT])
{
	char amount[32], rate_text[32];
	double seconds = (double)NR_MAX(now - progress->start, 1) / (double)NR_SECOND;
	double rate = (double)done / seconds;
	amount_write(rate, rate_text, sizeof rate_text);
	if (progress->total == 0) {
		snprintf(text, NR_PROGRESS_TEXT, "%s%s, %s%s/s",
			amount_write((double)done, amount, sizeof amount), progress->unit, rate_text,
			progress->unit);
		return text;
	}
	char bar[PROGRESS_BAR + 1] = {0};
	done = NR_MIN(done, progress->total); /* a file that grew meanwhile */
	double part = (double)done / (double)progress->total;
	memset(bar, ' ', PROGRESS_BAR);
	memset(bar, '=', (size_t)(part * PROGRESS_BAR));
	double left = rate > 0 ? (double)(progress->total - done) / rate : 0;
	unsigned long wait = (unsigned long)NR_MIN(left, 99.0 * 3600);
	snprintf(text, NR_PROGRESS_TEXT, "%3.0f %% [%s] %s%s/s, %02lu:%02lu:%02lu left", part * 100, bar,
		rate_text, progress->unit, wait / 3600, wait / 60 % 60, wait % 60);
	return text;
}

void nr_progress_show(struct nr_progress *progress, uint64_t done)
{
	char text[NR_PROGRESS_TEXT];
	if (!progress->on)
		return;
	nr_time now = clock_read();
	if (now < progress->next)
		return;
	progress->next = now + PROGRESS_STEP;
	progress->shown = true;
	fprintf(stderr, "\r%s\x1b[K", nr_progress_write(progress, done, now, text));
	fflush(stderr);
}

void nr_progress_fini(struct nr_progress *progress)
{
	if (progress->shown)
		fputs("\r\x1b[K", stderr);
	progress->shown = false;
}
