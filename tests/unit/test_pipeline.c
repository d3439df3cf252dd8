/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline with a sense that only writes down what it was shown and when it was asked to flush. */
#include "capture_file.h"
#include "capture_writer.h"
#include "net/pipeline.h"

#define INTERVAL (300 * NR_SECOND)
#define T0       (INT64_C(1767571200) * NR_SECOND) /* 2026-01-05T00:00:00Z */

/* What one worker saw, in its order. */
struct notes {
	struct nr_packet *packets; /* owned */
	size_t count, room, started;
};

static nr_time ends[10000];
static size_t end_count, shown_at_end[10000];
static size_t stopped;
static int fail_start_of, fail_flush;

static int notes_start(const void *conf, void *local, struct nr_area *area, struct nr_error *error)
{
	(void)conf;
	(void)area;
	if (fail_start_of && --fail_start_of == 0)
		return nr_fail(error, -12, "no memory for this worker");
	((struct notes *)local)->started = 1;
	return 0;
}

static void notes_observe(const void *conf, void *local, const struct nr_batch *batch)
{
	struct notes *n = local;
	(void)conf;
	if (n->room - n->count < batch->count) {
		n->room = n->room * 2 + batch->count;
		n->packets = realloc(n->packets, n->room * sizeof *n->packets);
	}
	memcpy(n->packets + n->count, batch->packets, batch->count * sizeof *batch->packets);
	n->count += batch->count;
}

static int notes_flush(const void *conf, void *const *locals, size_t count, struct nr_crew *crew, nr_time end,
	struct nr_sink *sink, struct nr_error *error)
{
	(void)conf;
	(void)crew;
	(void)sink;
	assert_true(end_count < NR_COUNT(ends));
	for (size_t i = 0; i < count; i++)
		shown_at_end[end_count] += ((struct notes *)locals[i])->count;
	ends[end_count++] = end;
	return fail_flush ? nr_fail(error, -5, "cannot flush") : 0;
}

static void notes_stop(void *local)
{
	assert_int_equal(((struct notes *)local)->started, 1);
	free(((struct notes *)local)->packets);
	stopped++;
}

static const struct nr_sense notes_sense = {
	.name = "notes",
	.local_size = sizeof(struct notes),
	.interval = INTERVAL,
	.start = notes_start,
	.observe = notes_observe,
	.flush = notes_flush,
	.stop = notes_stop,
};

static struct nr_packet packet_of(nr_time time, uint32_t number)
{
	return (struct nr_packet){
		.time = time,
		.source = nr_address_from_ipv4(0x01000000u + number % 97),
		.destination = nr_address_from_ipv4(0xc6120000u + number),
		.destination_port = 23,
		.sequence = number,
		.protocol = NR_TCP,
		.flags = 2,
		.ttl = 60,
	};
}

static struct nr_pipeline *pipeline_of(unsigned workers)
{
	struct nr_pipeline *pipeline;
	struct nr_pipeline_conf conf = {.sense = &notes_sense, .workers = workers};
	end_count = stopped = 0;
	memset(shown_at_end, 0, sizeof shown_at_end);
	assert_int_equal(nr_pipeline_new(&conf, &pipeline, NULL), 0);
	return pipeline;
}

static int run_file(struct nr_pipeline *pipeline, const struct writer *w, struct nr_error *error)
{
	struct file file = file_of(w->bytes, w->length);
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
	assert_int_equal(nr_capture_open(file.path, &capture, NULL), 0);
	int e = nr_pipeline_read(pipeline, capture, error);
	close(file.fd);
	return e;
}

/* Every packet is shown once, to one worker for each source, in the order of the input, for any number of
 * workers. */
static void test_workers(void **state)
{
	static const unsigned workers[] = {1, 2, 3, 8, NR_PIPELINE_WORKERS_MAX};
	const uint32_t count = 30011; /* not a multiple of anything */
	NR_AUTO(writer_fini) struct writer w;
	(void)state;
	pcap_begin(&w);
	for (uint32_t i = 0; i < count; i++) {
		struct nr_packet p = packet_of(T0 + i * (NR_SECOND / 20), i); /* 25 min */
		pcap_add(&w, &p);
	}
	for (size_t k = 0; k < NR_COUNT(workers); k++) {
		struct nr_pipeline *pipeline = pipeline_of(workers[k]);
		assert_int_equal(run_file(pipeline, &w, NULL), 0);
		assert_int_equal(nr_pipeline_finish(pipeline, NULL), 0);
		size_t locals, total = 0;
		void *const *local = nr_pipeline_locals(pipeline, &locals);
		assert_int_equal(locals, workers[k]);
		unsigned owner[97] = {0};
		for (size_t i = 0; i < locals; i++) {
			const struct notes *n = local[i];
			total += n->count;
			for (size_t j = 0; j < n->count; j++) {
				assert_true(j == 0 || n->packets[j].sequence > n->packets[j - 1].sequence);
				unsigned *o = &owner[n->packets[j].sequence % 97];
				assert_true(*o == 0 || *o == i + 1);
				*o = (unsigned)i + 1;
			}
		}
		assert_int_equal(total, count);
		/* flushes: when the first packet comes, at each boundary after the packets before it, at the
		 * end */
		assert_int_equal(end_count, 7);
		for (size_t i = 0; i < 6; i++) {
			assert_true(ends[i] == T0 + (nr_time)i * INTERVAL);
			assert_int_equal(shown_at_end[i], i * 6000);
		}
		assert_true(ends[6] == NR_TIME_MAX && shown_at_end[6] == count);
		nr_pipeline_free(pipeline);
		assert_int_equal(stopped, workers[k]);
	}
}

/* A boundary is passed once, a gap at one go; packets out of order do not go back. */
static void test_boundaries(void **state)
{
	static const struct {
		const char *name;
		nr_time times[6], ends[6];
		size_t count, end_count;
	} cases[] = {
		{"within one", {T0, T0 + INTERVAL - 1}, {T0}, 2, 1},
		{"on the boundary", {T0, T0 + INTERVAL}, {T0, T0 + INTERVAL}, 2, 2},
		{"a gap of a year", {T0, T0 + 365 * NR_DAY}, {T0, T0 + 365 * NR_DAY}, 2, 2},
		{"back and forth", {T0 + INTERVAL, T0, T0 + INTERVAL, T0 + 2 * INTERVAL - 1}, {T0 + INTERVAL},
			4, 1},
		{"to 2106 and back", {T0 + 5, UINT32_MAX * NR_SECOND, T0 + 6},
			{T0, UINT32_MAX * NR_SECOND - UINT32_MAX % 300 * NR_SECOND}, 3, 2},
		{"1970", {0, 1}, {0}, 2, 1},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(writer_fini) struct writer w;
		pcap_begin(&w);
		for (uint32_t k = 0; k < cases[i].count; k++) {
			struct nr_packet p = packet_of(cases[i].times[k], k);
			pcap_add(&w, &p);
		}
		NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = pipeline_of(1);
		assert_int_equal(run_file(pipeline, &w, NULL), 0);
		if (end_count != cases[i].end_count || memcmp(ends, cases[i].ends, end_count * sizeof *ends))
			fail_msg("%s: %zu flushes, the last at %lld", cases[i].name, end_count,
				(long long)ends[end_count - 1]);
		size_t locals;
		assert_int_equal(
			((struct notes *)nr_pipeline_locals(pipeline, &locals)[0])->count, cases[i].count);
	}
}

/* Frames without a time get the last known one, at the start the first known one, else 1970; and they say so,
 * while those of a file with times that is read next do not. */
static void test_timeless(void **state)
{
	static const nr_time expected[] = {T0, T0, T0, T0 + 7, T0 + 7, T0 + 8, T0 + 9};
	NR_AUTO(writer_fini) struct writer w, timed;
	(void)state;
	pcapng_begin(&w, 0);
	pcap_begin(&timed);
	for (uint32_t i = 0; i < 5; i++) {
		struct nr_packet p = packet_of(0, i);
		if (i == 2 || i == 3)
			pcapng_add(&w, &p, (uint64_t)(i == 2 ? T0 : T0 + 7));
		else
			pcapng_add_timeless(&w, &p);
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct nr_packet p = packet_of(T0 + 8 + i, i);
		pcap_add(&timed, &p);
	}
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = pipeline_of(1);
	assert_int_equal(run_file(pipeline, &w, NULL), 0);
	assert_int_equal(run_file(pipeline, &timed, NULL), 0);
	size_t locals;
	const struct notes *n = nr_pipeline_locals(pipeline, &locals)[0];
	assert_int_equal(n->count, 7);
	for (size_t i = 0; i < 7; i++) {
		assert_true(n->packets[i].time == expected[i]);
		assert_int_equal(!!(n->packets[i].marks & NR_MARK_TIMELESS), i < 2 || i == 4);
	}
	assert_int_equal(nr_pipeline_loss(pipeline)->untimed, 3);

	NR_AUTO(writer_fini) struct writer none;
	pcapng_begin(&none, 0);
	struct nr_packet p = packet_of(0, 0);
	pcapng_add_timeless(&none, &p);
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *other = pipeline_of(1);
	assert_int_equal(run_file(other, &none, NULL), 0);
	n = nr_pipeline_locals(other, &locals)[0];
	assert_int_equal(n->count, 1);
	assert_true(n->packets[0].time == 0);
}

/* Times at the ends of what 64 bits hold: the reading ends, and no packet is lost. */
static void test_impossible_times(void **state)
{
	static const struct {
		int64_t offset; /* s */
		uint64_t units; /* us */
	} cases[] = {
		{0, INT64_MAX},
		{0, INT64_MAX - 1},
		{0, INT64_MAX - 300000000},
		{0, UINT64_MAX},
		{INT64_MIN / 1000000, 0},
		{INT64_MIN / 1000000 - 1, 0},
		{INT64_MAX / 1000000, 700000},
		{INT64_MIN, 0},
		{INT64_MAX, 1},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(writer_fini) struct writer w;
		struct nr_packet p = packet_of(0, 0);
		pcapng_begin(&w, cases[i].offset);
		pcapng_add(&w, &p, cases[i].units);
		pcapng_add(&w, &p, cases[i].units);
		NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = pipeline_of(1);
		assert_int_equal(run_file(pipeline, &w, NULL), 0);
		assert_int_equal(nr_pipeline_finish(pipeline, NULL), 0);
		size_t locals;
		assert_int_equal(((struct notes *)nr_pipeline_locals(pipeline, &locals)[0])->count, 2);
		assert_true(end_count == 2 && ends[0] == 0);
		assert_int_equal(nr_pipeline_loss(pipeline)->untimed, 2);
	}
}

static void test_before_1970(void **state)
{
	NR_AUTO(writer_fini) struct writer w;
	(void)state;
	pcapng_begin(&w, -1000); /* s: 16 min 40 s before */
	for (uint32_t i = 0; i < 5; i++) {
		struct nr_packet p = packet_of(0, i);
		pcapng_add(&w, &p, i * (uint64_t)INTERVAL);
	}
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = pipeline_of(1);
	assert_int_equal(run_file(pipeline, &w, NULL), 0);
	assert_int_equal(end_count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_true(ends[i] == (nr_time)i * INTERVAL - 1200 * NR_SECOND);
}

static void test_nothing(void **state)
{
	NR_AUTO(writer_fini) struct writer w;
	(void)state;
	pcap_begin(&w);
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = pipeline_of(2);
	assert_int_equal(run_file(pipeline, &w, NULL), 0);
	assert_int_equal(end_count, 0);
	assert_int_equal(nr_pipeline_finish(pipeline, NULL), 0);
	assert_int_equal(end_count, 1);
	assert_int_equal(nr_pipeline_loss(pipeline)->frames, 0);
}

/* Several files are one stream of time; the dark range drops the rest and says so. */
static void test_files_and_dark(void **state)
{
	NR_AUTO(nr_prefix_table_freep) struct nr_prefix_table *dark = NULL;
	struct nr_prefix prefix;
	(void)state;
	assert_int_equal(nr_prefix_table_new(&dark, NULL), 0);
	assert_int_equal(nr_prefix_parse("198.18.0.0/30", &prefix, NULL), 0);
	assert_int_equal(nr_prefix_table_add(dark, &prefix, 0, NULL), 0);
	assert_int_equal(nr_prefix_table_seal(dark, NULL), 0);
	for (unsigned workers = 1; workers <= 3; workers += 2) {
		struct nr_pipeline_conf conf = {.sense = &notes_sense, .workers = workers, .dark = dark};
		NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = NULL;
		end_count = 0;
		memset(shown_at_end, 0, sizeof shown_at_end);
		assert_int_equal(nr_pipeline_new(&conf, &pipeline, NULL), 0);
		for (uint32_t file = 0; file < 2; file++) {
			NR_AUTO(writer_fini) struct writer w;
			pcap_begin(&w);
			for (uint32_t i = 0; i < 10; i++) {
				struct nr_packet p = packet_of(T0 + file * NR_SECOND, i);
				pcap_add(&w, &p);
			}
			assert_int_equal(run_file(pipeline, &w, NULL), 0);
		}
		assert_int_equal(nr_pipeline_finish(pipeline, NULL), 0);
		assert_int_equal(end_count, 2); /* the second file began no new interval */
		assert_int_equal(shown_at_end[1], 8);
		assert_int_equal(nr_pipeline_loss(pipeline)->frames, 20);
		assert_int_equal(nr_pipeline_loss(pipeline)->dropped[NR_DROP_NOT_DARK], 12);
		assert_int_equal(nr_pipeline_loss(pipeline)->dropped[NR_DROP_NOT_DARK], 12); /* asked twice */
	}
}

/* Which destinations are dark: the ends of ranges, holes between them, both ends of the address space, IPv6.
 */
static void test_dark_ranges(void **state)
{
	static const char *const ranges[] = {"10.0.0.0/30", "10.0.0.5/32", "10.0.0.8/29", "10.0.0.12/31",
		"0.0.0.0/31", "255.255.255.254/31", "2001:db8::/127"};
	NR_AUTO(nr_prefix_table_freep) struct nr_prefix_table *dark = NULL;
	struct nr_prefix prefixes[NR_COUNT(ranges)];
	NR_AUTO(writer_fini) struct writer w;
	uint64_t seed = 9, expected = 0;
	(void)state;
	assert_int_equal(nr_prefix_table_new(&dark, NULL), 0);
	for (size_t i = 0; i < NR_COUNT(ranges); i++) {
		assert_int_equal(nr_prefix_parse(ranges[i], &prefixes[i], NULL), 0);
		assert_int_equal(nr_prefix_table_add(dark, &prefixes[i], (uint32_t)i, NULL), 0);
	}
	assert_int_equal(nr_prefix_table_seal(dark, NULL), 0);
	pcap_begin(&w);
	for (uint32_t i = 0; i < 5000; i++) {
		static const uint32_t starts[] = {0x0a000000, 0, 0xffffffe0};
		struct nr_packet p = packet_of(T0, i);
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		p.destination = nr_address_from_ipv4(starts[(seed >> 40) % 3] + (uint32_t)(seed >> 33) % 32);
		if ((seed >> 50) % 8 == 0) {
			p.kind = NR_PACKET_IPV6;
			assert_int_equal(nr_address_parse("2001:db8::", &p.destination, NULL), 0);
			p.destination.octets[15] = (uint8_t)(seed >> 33) % 4;
		}
		pcap_add(&w, &p);
		bool is_dark = false;
		for (size_t k = 0; k < NR_COUNT(ranges); k++)
			is_dark = is_dark || nr_prefix_contains(&prefixes[k], &p.destination);
		expected += is_dark;
	}
	for (unsigned workers = 1; workers <= 3; workers += 2) {
		struct nr_pipeline_conf conf = {.sense = &notes_sense, .workers = workers, .dark = dark};
		NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = NULL;
		size_t locals, shown = 0;
		end_count = 0;
		assert_int_equal(nr_pipeline_new(&conf, &pipeline, NULL), 0);
		assert_int_equal(run_file(pipeline, &w, NULL), 0);
		void *const *local = nr_pipeline_locals(pipeline, &locals);
		for (size_t i = 0; i < locals; i++)
			shown += ((const struct notes *)local[i])->count;
		assert_int_equal(shown, expected);
		assert_int_equal(nr_pipeline_loss(pipeline)->dropped[NR_DROP_NOT_DARK], 5000 - expected);
	}
}

static void test_failures(void **state)
{
	(void)state;
	for (int worker = 1; worker <= 3; worker++) {
		struct nr_pipeline_conf conf = {.sense = &notes_sense, .workers = 3};
		struct nr_pipeline *pipeline = NULL;
		struct nr_error error = {0};
		stopped = 0;
		fail_start_of = worker;
		assert_int_equal(nr_pipeline_new(&conf, &pipeline, &error), -12);
		assert_null(pipeline);
		assert_string_equal(error.text, "no memory for this worker");
		assert_int_equal(stopped, worker - 1); /* those that had started */
		fail_start_of = 0;
	}
	NR_AUTO(writer_fini) struct writer w;
	struct nr_packet p = packet_of(T0, 0);
	pcap_begin(&w);
	pcap_add(&w, &p);
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = pipeline_of(2);
	struct nr_error error = {0};
	fail_flush = 1;
	assert_int_equal(run_file(pipeline, &w, &error), -5);
	assert_string_equal(error.text, "cannot flush");
	fail_flush = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_boundaries),
		cmocka_unit_test(test_timeless),
		cmocka_unit_test(test_before_1970),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_files_and_dark),
		cmocka_unit_test(test_dark_ranges),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_impossible_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
