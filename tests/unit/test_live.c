/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings that outlive their readers, and the clock of a watch, on the loopback interface of a name space of
 * the test's own. Takes root; the wall clock is the test's (link argument --wrap).
 */
#include "model/gap.h"
#include "net/watch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#define FRAMES 2000
#define FRAME  60

static nr_time clock_offset;

nr_time __real_nr_time_now(void);
nr_time __wrap_nr_time_now(void);
nr_time __wrap_nr_time_now(void)
{
	return __real_nr_time_now() + clock_offset;
}

/* ---- a place to send and receive ---- */

static int group_setup(void **state)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	static int refused;
	*state = &refused;
	refused = unshare(CLONE_NEWNET) != 0;
	NR_AUTO(nr_close_fd) int any = socket(AF_INET, SOCK_DGRAM, 0);
	if (!refused && ioctl(any, SIOCSIFFLAGS, &request))
		refused = 1;
	return 0;
}

static void need_root(void **state)
{
	if (*(int *)*state)
		skip();
}

/* Frames of a type that nobody answers; the first 4 bytes behind the header are the number. */
static void send_frames(uint32_t first, uint32_t count)
{
	NR_AUTO(nr_close_fd) int file = socket(AF_PACKET, SOCK_RAW, 0);
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = 1};
	uint8_t frame[FRAME] = {0};
	frame[12] = 0x88, frame[13] = 0xb5; /* IEEE 802: for local experiments */
	for (uint32_t i = first; i < first + count; i++) {
		memcpy(frame + ETH_HLEN, &i, sizeof i);
		assert_int_equal(
			sendto(file, frame, sizeof frame, 0, (struct sockaddr *)&address, sizeof address),
			FRAME);
	}
}

static struct nr_live *open_live(void)
{
	struct nr_live *live = NULL;
	struct nr_error error = {0};
	const struct nr_live_conf conf = {
		.interface = "lo", .capture = "packet", .rings = 1, .ring_bytes = 1 << 20};
	if (nr_live_open(&conf, &live, NULL, &error))
		fail_msg("%s", error.text);
	return live;
}

/* ---- readers that die ---- */

struct board {
	uint32_t seen[FRAMES]; /* how often a frame was dealt with */
	uint32_t open;         /* frames that the dead one was looking at */
	uint32_t readers;
};

static void note(struct board *b, const struct nr_frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t number;
		memcpy(&number, frames[i].data + ETH_HLEN, sizeof number);
		assert_true(number < FRAMES && frames[i].captured == FRAME && frames[i].wire == FRAME);
		b->seen[number]++;
	}
}

/* Reads `batches` of them (0: all), and ends in the middle of the next. */
static void read_some(struct nr_live *live, struct board *b, unsigned batches)
{
	struct nr_frame frames[NR_LIVE_BATCH];
	struct nr_loss loss = {0};
	nr_live_resume(live);
	for (unsigned done = 0, empty = 0; empty < 10;) {
		size_t count = nr_live_read(live, 0, frames, 1 + done % NR_LIVE_BATCH, &loss);
		if (!count) {
			empty++;
			nr_live_wait(live, 0, 30);
			continue;
		}
		if (batches && done++ == batches) {
			b->open += (uint32_t)count;
			_exit(9);
		}
		note(b, frames, count);
		done += !batches;
	}
	_exit(0);
}

static int in_child(struct nr_live *live, struct board *b, unsigned batches)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		read_some(live, b, batches);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	b->readers++;
	return WEXITSTATUS(status);
}

/* Each of many readers dies while it looks at a batch. Every frame is dealt with once, but for those. */
static void test_readers_die(void **state)
{
	need_root(state);
	struct board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(b, MAP_FAILED);
	NR_AUTO(nr_live_closep) struct nr_live *live = open_live();
	unsigned batches = 1;
	send_frames(0, FRAMES / 2); /* while nobody reads */
	for (int code = 9; code == 9 && batches < 40; batches += 3) {
		code = in_child(live, b, batches);
		if (batches == 4)
			send_frames(FRAMES / 2, FRAMES / 2);
	}
	assert_int_equal(in_child(live, b, 0), 0);
	struct nr_live_statistics s;
	nr_live_refresh(live);
	nr_live_statistics(live, &s);
	uint32_t lost = 0;
	for (uint32_t i = 0; i < FRAMES; i++) {
		assert_true(b->seen[i] <= 1);
		lost += !b->seen[i];
	}
	assert_true(b->readers > 5 && b->open > 0);
	assert_int_equal(lost, b->open);
	assert_int_equal(s.interrupted, b->open);
	assert_int_equal(s.received, FRAMES);
	assert_int_equal(s.kernel, 0);
	munmap(b, sizeof *b);
}

/* A reader that says that it is done leaves nothing open. */
static void test_settled(void **state)
{
	need_root(state);
	NR_AUTO(nr_live_closep) struct nr_live *live = open_live();
	struct nr_frame frames[NR_LIVE_BATCH];
	struct nr_loss loss = {.first = NR_TIME_MAX, .last = NR_TIME_MIN};
	struct nr_live_statistics s;
	size_t count = 0;
	send_frames(0, 10);
	for (unsigned i = 0; i < 50 && !count; i++) {
		nr_live_wait(live, 0, 30);
		count = nr_live_read(live, 0, frames, 4, &loss);
	}
	assert_int_equal(count, 4);
	nr_live_settle(live);
	nr_live_resume(live);
	assert_int_equal(nr_live_read(live, 0, frames, 64, &loss), 6);
	assert_int_equal(loss.frames, 10);
	assert_int_equal(loss.frame_bytes, 10 * FRAME);
	assert_true(loss.last >= loss.first && loss.first > __real_nr_time_now() - NR_MINUTE);
	nr_live_statistics(live, &s);
	assert_int_equal(s.interrupted, 0);
}

static void test_refused(void **state)
{
	need_root(state);
	static const struct {
		struct nr_live_conf conf;
		int code;
		const char *word;
	} cases[] = {
		{{.interface = "nothing0", .rings = 1}, -ENODEV, "nothing0"},
		{{.interface = "a name that is longer than any", .rings = 1}, -EINVAL,
			"name of an interface"},
		{{.interface = NULL, .rings = 1}, -EINVAL, "name of an interface"},
		{{.interface = "lo", .filter = "tcp portt 3", .rings = 1}, -EINVAL, "tcp portt 3"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_live *live = NULL;
		struct nr_error error = {0};
		assert_int_equal(nr_live_open(&cases[i].conf, &live, NULL, &error), cases[i].code);
		assert_null(live);
		if (!strstr(error.text, cases[i].word))
			fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].word);
	}
}

/* ---- the clock of a watch ---- */

struct story {
	struct nr_sink sink;
	nr_time steps[8]; /* of the clock, one a second */
	unsigned step, turns;
	unsigned starts, stops, finished;
	nr_time flushed;
	struct nr_gap gaps[8];
	size_t gap_count;
};
static struct story story;
static volatile sig_atomic_t stop;

static int story_start(const void *conf, void *local, struct nr_area *area, struct nr_error *error)
{
	(void)conf, (void)local, (void)area, (void)error;
	story.starts++;
	return 0;
}

static void story_observe(const void *conf, void *local, const struct nr_batch *batch)
{
	(void)conf, (void)local, (void)batch;
}

static int story_flush(const void *conf, void *const *locals, size_t count, struct nr_crew *crew, nr_time end,
	struct nr_sink *sink, struct nr_error *error)
{
	(void)conf, (void)locals, (void)count, (void)crew, (void)sink, (void)error;
	if (end == NR_TIME_MAX) {
		story.finished++;
		story.flushed = NR_TIME_MIN;
		return 0;
	}
	assert_true(end > story.flushed); /* an interval is closed once */
	assert_true(end <= nr_time_now() - NR_WATCH_SLACK && end % NR_MINUTE == 0);
	story.flushed = end;
	return 0;
}

static void story_stop(void *local)
{
	(void)local;
	story.stops++;
}

static const struct nr_sense story_sense = {.name = "story",
	.local_size = 64,
	.interval = NR_MINUTE,
	.start = story_start,
	.observe = story_observe,
	.flush = story_flush,
	.stop = story_stop};

static int story_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	(void)sink, (void)error;
	if (table != &nr_gap_table)
		return 0;
	assert_true(count == 1 && story.gap_count < NR_COUNT(story.gaps));
	story.gaps[story.gap_count++] = *(const struct nr_gap *)rows;
	return 0;
}

static int story_tick(void *context, const struct nr_watch_tick *tick, struct nr_error *error)
{
	(void)context, (void)tick, (void)error;
	if (++story.turns % 2)
		return 0;
	if (story.step == NR_COUNT(story.steps) || !story.steps[story.step])
		stop = 1;
	else
		clock_offset += story.steps[story.step++];
	return 0;
}

static void tell(const nr_time *steps, size_t count, struct nr_error *error)
{
	story = (struct story){.sink = {story_rows, NULL}, .flushed = NR_TIME_MIN};
	memcpy(story.steps, steps, count * sizeof *steps);
	stop = 0;
	clock_offset = 0;
	NR_AUTO(nr_live_closep) struct nr_live *live = open_live();
	struct nr_pipeline *pipeline;
	const struct nr_pipeline_conf conf = {.sense = &story_sense, .workers = 1, .sink = &story.sink};
	const struct nr_watch watch = {.live = live, .sensor = "s", .stop = &stop, .tick = story_tick};
	assert_int_equal(nr_pipeline_new(&conf, &pipeline, NULL), 0);
	assert_int_equal(nr_pipeline_watch(pipeline, &watch, error), 0);
	nr_pipeline_free(pipeline);
	clock_offset = 0;
}

static void expect_gap(size_t i, nr_time length)
{
	assert_true(i < story.gap_count);
	const struct nr_gap *gap = &story.gaps[i];
	nr_time difference = gap->last - gap->first - length;
	assert_string_equal(gap->cause, "clock-step");
	assert_string_equal(gap->sensor, "s");
	assert_string_equal(gap->sense, "story");
	if (difference < -NR_SECOND / 2 || difference > NR_SECOND / 2)
		fail_msg("a gap of %lld us instead of %lld", (long long)(gap->last - gap->first),
			(long long)length);
}

static void test_clock_steps(void **state)
{
	need_root(state);
	tell((const nr_time[]){NR_SECOND / 10, -NR_SECOND / 10}, 2, NULL);
	assert_int_equal(story.gap_count, 0); /* that is adjusting, not setting */
	assert_true(story.flushed > NR_TIME_MIN);

	tell((const nr_time[]){10 * NR_MINUTE}, 1, NULL);
	assert_int_equal(story.gap_count, 1);
	expect_gap(0, 10 * NR_MINUTE);
	assert_int_equal(story.finished, 0);

	tell((const nr_time[]){-10 * NR_MINUTE, -20 * NR_MINUTE}, 2, NULL);
	assert_int_equal(story.gap_count, 2);
	expect_gap(0, 10 * NR_MINUTE);
	expect_gap(1, 20 * NR_MINUTE);
	assert_int_equal(story.finished, 0); /* the sense waits until the clock has caught up */
	assert_int_equal(story.starts, 1);

	tell((const nr_time[]){3 * NR_DAY, -3 * NR_DAY}, 2, NULL);
	assert_int_equal(story.gap_count, 2);
	expect_gap(0, 3 * NR_DAY);
	expect_gap(1, 3 * NR_DAY);
	assert_int_equal(story.finished, 1); /* began anew */
	assert_int_equal(story.starts, 2);
	assert_int_equal(story.stops, 2);
	assert_true(story.flushed < nr_time_now()); /* and in the right time */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readers_die),
		cmocka_unit_test(test_settled),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_clock_steps),
	};
	return cmocka_run_group_tests_name("live", tests, group_setup, NULL);
}
