/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A telescope whose process is killed again and again: each successor takes over what lies in the areas. What
 * is lost is the batch in hand, nothing is counted twice, and the rows that come out are those of one
 * reading.
 */
#include "net/pipeline.h"
#include "telescope_rig.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS    2
#define BATCH      64
#define WINDOWS    30 /* from 23:00, so that a day ends on the way */
#define PER_WINDOW 20000u
#define TOTAL      (WINDOWS * PER_WINDOW)
#define SOURCES    3000u
#define FIRST      (DAY0 + 23 * NR_HOUR)
#define SLOTS      4096
#define KILLS      200

/* What all processes share. */
struct shared {
	uint64_t next;    /* packets that were begun */
	uint64_t flushed; /* windows whose flush has returned */
	uint64_t resumed,
		anew; /* anew: after packets had been seen; a death in the start itself costs nothing */
	struct {
		uint32_t step;
		nr_time time;
		uint64_t packets, sources;
	} rows[SLOTS]; /* category "all", the last one of a key stands */
};

static struct shared *shared;
static char folder[] = "/dev/shm/noroshi-test-resume-XXXXXX";

static int keep_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	(void)sink;
	(void)error;
	for (size_t i = 0; table == &nr_traffic_table && i < count; i++) {
		const struct nr_traffic_row *r = (const struct nr_traffic_row *)rows + i;
		if (strcmp(r->category, "all") || r->traffic != NR_TRAFFIC_ALL)
			continue;
		size_t k = 0;
		while (shared->rows[k].step &&
			(shared->rows[k].step != r->step || shared->rows[k].time != r->time))
			k++;
		shared->rows[k].time = r->time;
		shared->rows[k].packets = r->packets;
		shared->rows[k].sources = r->sources;
		shared->rows[k].step = r->step;
	}
	return 0;
}

static int commit(struct nr_sink *sink, struct nr_error *error)
{
	(void)sink;
	(void)error;
	return 0;
}

/* The same packets whoever makes them: usual ports, rare ones, UDP, answers, a few IPv6. */
static struct nr_packet packet_of(uint64_t i)
{
	uint64_t h = nr_hll_hash(i);
	nr_time time = FIRST + (nr_time)(i * (NR_STEP_WINDOW * NR_SECOND / PER_WINDOW));
	uint32_t source = 0x08000000u + (uint32_t)(h % SOURCES) * 77;
	uint16_t port = h >> 20 & 1 ? (uint16_t)(20 + (h >> 21) % 16) : (uint16_t)(h >> 21);
	struct nr_packet p = syn_of(time, source, 0xc6120000u | (uint32_t)(h >> 40 & 0xff), port);
	if (h >> 50 & 1)
		p = udp_of(time, source, 0xc6120001u, port);
	if ((h >> 51 & 15) == 3)
		p.flags = 0x12; /* SYN-ACK */
	if ((h >> 55 & 63) == 3) {
		nr_address_parse("2001:db8::1", &p.source, NULL);
		p.source.octets[15] = (uint8_t)(h & 15);
		p.destination = p.source;
		p.destination.octets[0] = 0x30;
		p.kind = NR_PACKET_IPV6;
	}
	return p;
}

static unsigned owner_of(const struct nr_packet *p)
{
	return p->source.octets[15] & 1;
}

static void take_up(const struct rig *rig, struct nr_area **areas, void **locals)
{
	for (unsigned w = 0; w < WORKERS; w++) {
		char path[64];
		bool found;
		struct nr_error error = {0};
		snprintf(path, sizeof path, "%s/%u", folder, w);
		if (nr_area_open(path, (size_t)512 << 20, 1, &areas[w], &error))
			_exit(2);
		locals[w] = nr_area_root(areas[w], nr_telescope_sense.local_size, &found, &error);
		if (!locals[w])
			_exit(3);
		if (found && nr_telescope_sense.resume(&rig->conf, locals[w], areas[w], &error) == 0) {
			shared->resumed++;
			continue;
		}
		shared->anew += shared->next > 0;
		nr_area_clear(areas[w]);
		locals[w] = nr_area_root(areas[w], nr_telescope_sense.local_size, &found, &error);
		if (nr_telescope_sense.start(&rig->conf, locals[w], areas[w], &error))
			_exit(4);
	}
}

/* One process: from where the last one was. */
static void run(const struct rig *rig)
{
	struct nr_area *areas[WORKERS];
	void *locals[WORKERS];
	struct nr_sink sink = {keep_rows, commit};
	struct nr_error error = {0};
	take_up(rig, areas, locals);
	while (shared->next < TOTAL) {
		struct nr_packet boxes[WORKERS][BATCH];
		size_t counts[WORKERS] = {0};
		uint64_t window = shared->next / PER_WINDOW, first = shared->next;
		if (window > shared->flushed) {
			nr_time end = FIRST + (nr_time)(window - 1) * NR_STEP_WINDOW * NR_SECOND;
			if (nr_telescope_sense.flush(&rig->conf, locals, WORKERS, NULL, end, &sink, &error))
				_exit(5);
			shared->flushed = window;
		}
		shared->next = first + BATCH > TOTAL ? TOTAL : first + BATCH;
		for (uint64_t i = first; i < shared->next; i++) {
			struct nr_packet p = packet_of(i);
			unsigned w = owner_of(&p);
			boxes[w][counts[w]++] = p;
		}
		for (unsigned w = 0; w < WORKERS; w++) {
			struct nr_batch batch = {boxes[w], counts[w]};
			nr_telescope_sense.observe(&rig->conf, locals[w], &batch);
		}
	}
	if (nr_telescope_sense.flush(&rig->conf, locals, WORKERS, NULL, DAY0 + 30 * NR_DAY, &sink, &error))
		_exit(6);
	_exit(0);
}

static uint64_t sum_of(uint32_t step, uint64_t *ret_sources)
{
	uint64_t sum = 0;
	*ret_sources = 0;
	for (size_t k = 0; shared->rows[k].step; k++)
		if (shared->rows[k].step == step) {
			sum += shared->rows[k].packets;
			*ret_sources = NR_MAX(*ret_sources, shared->rows[k].sources);
		}
	return sum;
}

static void forget_areas(void)
{
	for (unsigned w = 0; w < WORKERS; w++) {
		char path[64];
		snprintf(path, sizeof path, "%s/%u", folder, w);
		unlink(path);
	}
}

/* Answers how often it was killed. */
static unsigned run_and_kill(const struct rig *rig, unsigned kills_wanted, unsigned seed)
{
	unsigned kills = 0;
	memset(shared, 0, sizeof *shared);
	for (;;) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			run(rig);
		if (kills < kills_wanted) {
			struct timespec wait = {0, (long)(nr_hll_hash(seed * 1000u + kills) % 8000000)};
			nanosleep(&wait, NULL);
			kill(child, SIGKILL);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			break;
		}
		assert_int_equal(WTERMSIG(status), SIGKILL);
		kills++;
	}
	forget_areas();
	return kills;
}

static void expect_totals(unsigned kills)
{
	static const uint32_t steps[] = {NR_STEP_WINDOW, NR_STEP_HOUR, NR_STEP_DAY};
	uint64_t slack = (uint64_t)kills * (BATCH + 64), sources;
	for (size_t i = 0; i < NR_COUNT(steps); i++) {
		uint64_t sum = sum_of(steps[i], &sources);
		if (sum + slack < TOTAL || sum > TOTAL + slack)
			fail_msg("step %u: %llu packets of %u after %u kills", steps[i],
				(unsigned long long)sum, TOTAL, kills);
		if (steps[i] == NR_STEP_DAY)
			assert_true(sources >= SOURCES && sources <= SOURCES + 16);
	}
}

static void test_undisturbed(void **state)
{
	uint64_t sources;
	assert_int_equal(run_and_kill(*state, 0, 0), 0);
	assert_int_equal(sum_of(NR_STEP_WINDOW, &sources), TOTAL);
	assert_int_equal(sum_of(NR_STEP_HOUR, &sources), TOTAL);
	assert_int_equal(sum_of(NR_STEP_DAY, &sources), TOTAL);
}

static void test_killed(void **state)
{
	unsigned kills = run_and_kill(*state, KILLS, 1);
	assert_true(kills > 5);
	assert_true(shared->resumed > 0);
	assert_int_equal(shared->anew, 0); /* every state that had seen packets could be taken over */
	expect_totals(kills);
}

static int set_up(void **state)
{
	static struct rig rig;
	strcpy(folder, "/dev/shm/noroshi-test-resume-XXXXXX");
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !mkdtemp(folder))
		return -1;
	rig_init(&rig, (const char *const[]){"memory", "128M", "dark-size", "256", NULL});
	rig.refs.workers = WORKERS;
	rig.refs.endless = true;
	*state = &rig;
	return 0;
}

/* A live state is one session, of all workers together. Answers it; *ret_resumed: how many went on. */
static int64_t session_of(struct rig *rig, const char *const *paths, unsigned *ret_resumed)
{
	struct nr_area *areas[WORKERS];
	struct nr_sink sink = {keep_rows, commit};
	struct nr_pipeline *pipeline = NULL;
	struct nr_error error = {0};
	unsigned discarded;
	for (unsigned w = 0; w < WORKERS; w++)
		if (nr_area_open(paths[w], (size_t)512 << 20, 1, &areas[w], &error))
			fail_msg("%s", error.text);
	const struct nr_pipeline_conf conf = {.sense = &nr_telescope_sense,
		.sense_conf = &rig->conf,
		.workers = WORKERS,
		.sink = &sink,
		.areas = areas,
		.spread_key = 1};
	if (nr_pipeline_new(&conf, &pipeline, &error) || nr_pipeline_finish(pipeline, &error))
		fail_msg("%s", error.text);
	nr_pipeline_resumed(pipeline, ret_resumed, &discarded);
	nr_pipeline_free(pipeline);
	for (unsigned w = 0; w < WORKERS; w++)
		nr_area_close(areas[w]);
	return sink.session;
}

static void test_session(void **state)
{
	struct rig *rig = *state;
	char names[WORKERS][64];
	const char *paths[WORKERS];
	unsigned resumed;
	rig->refs.live = true;
	for (unsigned w = 0; w < WORKERS; w++) {
		snprintf(names[w], sizeof names[w], "%s/session-%u", folder, w);
		paths[w] = names[w];
	}
	int64_t first = session_of(rig, paths, &resumed);
	assert_true(first > 0 && resumed == 0);
	assert_int_equal(session_of(rig, paths, &resumed), first);
	assert_int_equal(resumed, WORKERS);
	for (unsigned lost = 0; lost < WORKERS; lost++) {
		int64_t before = session_of(rig, paths, &resumed);
		unlink(paths[lost]); /* one is gone: the others would tell less in place of more */
		int64_t anew = session_of(rig, paths, &resumed);
		assert_true(anew > 0 && anew != before);
		assert_int_equal(resumed, 0);
	}
	for (unsigned w = 0; w < WORKERS; w++)
		unlink(paths[w]);
	rig->refs.live = false;
}

static int tear_down(void **state)
{
	rig_fini(*state);
	munmap(shared, sizeof *shared);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_undisturbed), cmocka_unit_test(test_killed),
		cmocka_unit_test(test_session)};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
