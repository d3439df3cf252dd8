/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The telescope as a sense: captures written here go through the pipeline, the rows into a sink that
 * remembers them, and every figure is counted again from the packets.
 */
#include "capture_file.h"
#include "capture_writer.h"
#include "net/pipeline.h"
#include "sense/telescope/report.h"
#include "telescope_rig.h"

#include <math.h>

#define DARK UINT32_C(0xc6120000) /* 198.18.0.0 */

static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(2685821657736338717) % n;
}

/* ---- one reading ---- */

struct reading {
	struct rig rig;
	struct nr_pipeline *pipeline;
	uint64_t packets, late;
	int code; /* of the pipeline */
	struct nr_error error;
};

static void reading_start(struct reading *r, const char *const *options, unsigned workers)
{
	memset(r, 0, sizeof *r);
	rig_init(&r->rig, options);
	r->rig.refs.workers = workers;
	struct nr_pipeline_conf conf = {
		.sense = &nr_telescope_sense,
		.sense_conf = &r->rig.conf,
		.workers = workers,
		.dark = r->rig.refs.dark,
		.sink = &r->rig.recorder.sink,
	};
	assert_int_equal(nr_pipeline_new(&conf, &r->pipeline, NULL), 0);
}

static void reading_file(struct reading *r, const struct writer *w)
{
	struct file file = file_of(w->bytes, w->length);
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
	assert_int_equal(nr_capture_open(file.path, &capture, NULL), 0);
	if (!r->code)
		r->code = nr_pipeline_read(r->pipeline, capture, &r->error);
	close(file.fd);
}

static void reading_finish(struct reading *r)
{
	if (!r->code)
		r->code = nr_pipeline_finish(r->pipeline, &r->error);
	size_t count;
	void *const *locals = nr_pipeline_locals(r->pipeline, &count);
	for (size_t i = 0; i < count; i++) {
		r->packets += ((const struct nr_local *)locals[i])->packets;
		r->late += ((const struct nr_local *)locals[i])->late;
	}
}

static void reading_fini(struct reading *r)
{
	nr_pipeline_free(r->pipeline);
	rig_fini(&r->rig);
}

static void read_one(struct reading *r, const char *const *options, unsigned workers, const struct writer *w)
{
	reading_start(r, options, workers);
	reading_file(r, w);
	reading_finish(r);
	if (r->code)
		fail_msg("%s", r->error.text);
}

static uint64_t packets_of(const struct reading *r, uint32_t step, nr_time time, const char *category)
{
	const struct seen_row *row =
		seen_find(&r->rig.recorder, SEEN_TRAFFIC, step, time, NR_TRAFFIC_ALL, category);
	return row ? row->packets : 0;
}

/* All packets of one step's rows, and how many rows they are. */
static uint64_t sum_of(const struct reading *r, uint32_t step, size_t *ret_rows)
{
	uint64_t sum = 0;
	size_t rows = 0;
	for (size_t i = 0; i < r->rig.recorder.count; i++) {
		const struct seen_row *row = &r->rig.recorder.rows[i];
		if (row->table != SEEN_TRAFFIC || row->step != step || row->traffic != NR_TRAFFIC_ALL ||
			strcmp(row->key, "all"))
			continue;
		sum += row->packets;
		rows++;
	}
	if (ret_rows)
		*ret_rows = rows;
	return sum;
}

/* ---- a naive recount ---- */

/* One packet as it counts under one key of one step. */
struct note {
	struct seen_row row;
	struct nr_address source;
};
struct notes {
	struct note *items; /* owned */
	size_t count, room;
};

static void note(struct notes *n, const struct note *item)
{
	if (n->count == n->room) {
		n->room = n->room * 2 + 4096;
		n->items = realloc(n->items, n->room * sizeof *n->items);
		assert_non_null(n->items);
	}
	n->items[n->count++] = *item;
}

static int compare_rows(const void *a, const void *b)
{
	const struct seen_row *x = a, *y = b;
	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->traffic != y->traffic)
		return x->traffic < y->traffic ? -1 : 1;
	return strcmp(x->key, y->key);
}

static int compare_notes(const void *a, const void *b)
{
	const struct note *x = a, *y = b;
	int c = compare_rows(&x->row, &y->row);
	return c ? c : memcmp(&x->source, &y->source, sizeof x->source);
}

static void note_packet(struct notes *n, const struct nr_packet *p, enum nr_traffic traffic)
{
	static const uint32_t steps[] = {NR_STEP_WINDOW, NR_STEP_HOUR, NR_STEP_DAY};
	bool syn = p->protocol == NR_TCP && p->flags == NR_TCP_SYN,
	     rst = p->protocol == NR_TCP && p->flags == NR_TCP_RST;
	const char *category = syn ? "tcp_syn" : rst ? "tcp_rst" : p->protocol == NR_UDP ? "udp" : "icmp";
	for (size_t s = 0; s < NR_COUNT(steps); s++) {
		struct note item = {
			{.table = SEEN_TRAFFIC, .step = steps[s], .traffic = (uint8_t)traffic}, p->source};
		item.row.time = nr_time_floor(p->time, steps[s] * NR_SECOND);
		const char *const keys[] = {"all", category,
			syn || p->protocol == NR_UDP ? "scan"
			: rst                        ? "backscatter"
						     : NULL};
		for (size_t k = 0; k < NR_COUNT(keys) && keys[k]; k++) {
			snprintf(item.row.key, sizeof item.row.key, "%s", keys[k]);
			note(n, &item);
		}
		if (!syn && p->protocol != NR_UDP)
			continue;
		item.row.table = SEEN_PORT;
		snprintf(
			item.row.key, sizeof item.row.key, "%s/%u", syn ? "tcp" : "udp", p->destination_port);
		note(n, &item);
	}
}

/* Rows of classes and tools are counted elsewhere. */
static bool is_counted(const struct seen_row *r)
{
	return r->table == SEEN_PORT || (r->table == SEEN_TRAFFIC && !strchr(r->key, '/'));
}

/* The rows that were handed over are those of the notes: no other, none twice, equal in all figures. */
static void expect_rows(struct recorder *recorder, struct notes *notes)
{
	size_t at = 0;
	qsort(recorder->rows, recorder->count, sizeof *recorder->rows, compare_rows);
	qsort(notes->items, notes->count, sizeof *notes->items, compare_notes);
	for (size_t from = 0, to; from < notes->count; from = to) {
		const struct note *first = &notes->items[from];
		uint64_t sources = 0;
		for (to = from; to < notes->count && !compare_rows(&notes->items[to].row, &first->row); to++)
			sources += to == from ||
				   !nr_address_equal(&notes->items[to].source, &notes->items[to - 1].source);
		while (at < recorder->count && !is_counted(&recorder->rows[at]))
			at++;
		assert_true(at < recorder->count);
		const struct seen_row *r = &recorder->rows[at++];
		if (compare_rows(r, &first->row))
			fail_msg("row %s of step %u at %lld, traffic %u, where %s of step %u at %lld, "
				 "traffic %u should be",
				r->key, r->step, (long long)r->time, r->traffic, first->row.key,
				first->row.step, (long long)first->row.time, first->row.traffic);
		if (r->packets != to - from || r->bytes != (to - from) * FRAME_BYTES ||
			r->sources != sources || r->error != 0)
			fail_msg("%s, step %u: %llu packets, %llu sources; counted again: %zu, %llu", r->key,
				r->step, (unsigned long long)r->packets, (unsigned long long)r->sources,
				to - from, (unsigned long long)sources);
		assert_int_equal(r->sketch != NULL, r->step != NR_STEP_WINDOW);
	}
	while (at < recorder->count && !is_counted(&recorder->rows[at]))
		at++;
	assert_int_equal(at, recorder->count);
}

/* ---- a capture of every kind: three days, sources that come back, a scanner on the second day ---- */

#define SCANNER UINT32_C(0x08080808)

static struct nr_packet any_packet(nr_time time)
{
	uint32_t source = 0x01000000u + (uint32_t)random_below(60);
	struct nr_packet p =
		syn_of(time, source, DARK + (uint32_t)random_below(256), (uint16_t)(20 + random_below(9)));
	switch (random_below(8)) {
	case 0:
		p = udp_of(time, source, DARK, (uint16_t)(50 + random_below(4)));
		break;
	case 1:
		p.flags = NR_TCP_RST;
		break;
	case 2:
		p.protocol = NR_ICMP;
		p.source_port = 8;
		p.destination_port = 0;
		break;
	case 3:
		p.kind = NR_PACKET_IPV6;
		memset(p.source.octets, 0x20, 12);
		memset(p.destination.octets, 0x20, 12);
		break;
	default:
		break;
	}
	return p;
}

/* Times go forward, with disorder inside the slack. */
static void write_days(struct writer *w, struct notes *notes)
{
	pcap_begin(w);
	seed = 7;
	nr_time now = DAY0 + 5 * NR_HOUR;
	for (size_t i = 0; i < 20000; i++) {
		now += (nr_time)random_below(2 * 9 * NR_SECOND); /* 50 hours in all */
		nr_time back = random_below(4) ? 0 : (nr_time)random_below(590 * NR_SECOND);
		struct nr_packet p = any_packet(NR_MAX(now - back, DAY0 + 5 * NR_HOUR));
		bool scans = i >= 9000 && i < 10500;
		if (scans) /* 1500 packets to 40 ports on one day */
			p = syn_of(p.time, SCANNER, DARK + (uint32_t)i % 256, (uint16_t)(1000 + i % 40));
		pcap_add(w, &p);
		note_packet(notes, &p, NR_TRAFFIC_ALL);
		if (scans)
			note_packet(notes, &p, NR_TRAFFIC_RESEARCH);
	}
}

/* Rows of 5 minutes, hours and days, all and research, for 1 to 8 workers: equal to a recount, so they add up
 * too. */
static void test_rows(void **state)
{
	static const unsigned workers[] = {1, 2, 3, 8};
	NR_AUTO(writer_fini) struct writer w;
	struct notes notes = {0};
	struct recorder first;
	(void)state;
	recorder_init(&first);
	write_days(&w, &notes);
	for (size_t k = 0; k < NR_COUNT(workers); k++) {
		struct reading r;
		read_one(&r, (const char *const[]){"dark-size", "256", NULL}, workers[k], &w);
		assert_int_equal(r.packets, 20000);
		assert_int_equal(r.late, 0);
		struct recorder *recorder = &r.rig.recorder;
		if (k) { /* the same rows, sources, victims and findings in the same order */
			assert_int_equal(recorder->count, first.count);
			for (size_t i = 0; i < first.count; i++) {
				struct seen_row a = first.rows[i], b = recorder->rows[i];
				assert_int_equal(a.sketch != NULL, b.sketch != NULL);
				if (a.sketch)
					assert_memory_equal(a.sketch, b.sketch, sizeof *a.sketch);
				a.sketch = b.sketch = NULL;
				if (memcmp(&a, &b, sizeof a))
					fail_msg("%u workers: row %zu, table %u: %s instead of %s",
						workers[k], i, a.table, b.key, a.key);
			}
		} else {
			first = *recorder;
			recorder_init(recorder);
			reading_fini(&r);
			continue;
		}
		expect_rows(recorder, &notes);
		reading_fini(&r);
	}
	recorder_fini(&first);
	free(notes.items);
}

/* Sketches: as good as they promise; those of 24 hours merged are that of the day, register by register. */
static void test_sketches(void **state)
{
	NR_AUTO(writer_fini) struct writer w;
	(void)state;
	pcap_begin(&w);
	seed = 3;
	for (size_t i = 0; i < 60000; i++) {
		struct nr_packet p = syn_of(DAY0 + (nr_time)i * (NR_DAY / 60000),
			(uint32_t)(1 + random_below(30000)) * 2654435761u, DARK, 23);
		pcap_add(&w, &p);
	}
	struct reading r;
	struct nr_hll merged = {0};
	read_one(&r, NULL, 2, &w);
	const struct seen_row *day =
		seen_find(&r.rig.recorder, SEEN_PORT, NR_STEP_DAY, DAY0, NR_TRAFFIC_ALL, "tcp/23");
	assert_non_null(day);
	for (int hour = 0; hour < 24; hour++) {
		static const char *const keys[] = {"all", "scan", "tcp_syn"};
		const struct seen_row *row = seen_find(&r.rig.recorder, SEEN_PORT, NR_STEP_HOUR,
			DAY0 + hour * NR_HOUR, NR_TRAFFIC_ALL, "tcp/23");
		assert_non_null(row);
		double error = nr_hll_count(row->sketch) / (double)row->sources - 1;
		assert_true(error < 3 * NR_HLL_ERROR && error > -3 * NR_HLL_ERROR);
		nr_hll_merge(&merged, row->sketch);
		for (size_t k = 0; k < NR_COUNT(keys); k++) {
			const struct seen_row *c = seen_find(&r.rig.recorder, SEEN_TRAFFIC, NR_STEP_HOUR,
				row->time, NR_TRAFFIC_ALL, keys[k]);
			assert_memory_equal(
				c->sketch, row->sketch, sizeof merged); /* all packets are SYNs to one port */
		}
	}
	assert_memory_equal(&merged, day->sketch, sizeof merged);
	double error = nr_hll_count(&merged) / (double)day->sources - 1;
	assert_true(day->sources > 20000 && error < 3 * NR_HLL_ERROR && error > -3 * NR_HLL_ERROR);
	reading_fini(&r);
}

/* ---- time ---- */

/* A packet up to the start of the second window before the current one counts where it belongs; what is older
 * counts in that window, and as late. */
static void test_slack(void **state)
{
	static const struct {
		const char *name;
		nr_time back;   /* us before noon */
		nr_time window; /* s before noon */
		uint64_t late;
	} cases[] = {
		{"in order", 0, 0, 0},
		{"this window's neighbour", 1, 300, 0},
		{"one window", 300 * NR_SECOND, 300, 0},
		{"the last that is open", 600 * NR_SECOND, 600, 0},
		{"a microsecond older", 600 * NR_SECOND + 1, 600, 1},
		{"yesterday", 20 * NR_HOUR, 600, 1},
		{"1970", DAY0 + 12 * NR_HOUR, 600, 1},
	};
	const nr_time noon = DAY0 + 12 * NR_HOUR;
	(void)state;
	for (unsigned workers = 1; workers <= 3; workers += 2)
		for (size_t i = 0; i < NR_COUNT(cases); i++) {
			NR_AUTO(writer_fini) struct writer w;
			struct nr_packet now = syn_of(noon + 299 * NR_SECOND, 1, DARK, 23),
					 old = syn_of(noon - cases[i].back, 2, DARK, 22);
			pcap_begin(&w);
			pcap_add(&w, &now);
			pcap_add(&w, &old);
			struct reading r;
			read_one(&r, NULL, workers, &w);
			const struct seen_row *row = seen_find(&r.rig.recorder, SEEN_PORT, NR_STEP_WINDOW,
				noon - cases[i].window * NR_SECOND, NR_TRAFFIC_ALL, "tcp/22");
			if (!row || r.late != cases[i].late)
				fail_msg("%s: %s row, %llu late", cases[i].name, row ? "a" : "no",
					(unsigned long long)r.late);
			assert_int_equal(r.packets, 2);
			assert_int_equal(sum_of(&r, NR_STEP_DAY, NULL), 2); /* nothing is lost */
			reading_fini(&r);
		}
}

/* Peers hang on few packets over many days (corsaro3 #119): here a gap costs nothing. */
static void test_packet_a_day(void **state)
{
	static const size_t days[] = {1, 7, 30, 400};
	(void)state;
	for (size_t k = 0; k < NR_COUNT(days); k++) {
		NR_AUTO(writer_fini) struct writer w;
		pcap_begin(&w);
		for (size_t i = 0; i < days[k]; i++) {
			struct nr_packet p =
				syn_of(DAY0 + (nr_time)i * (NR_DAY + 7 * NR_SECOND), 1, DARK, 23);
			pcap_add(&w, &p);
		}
		struct reading r;
		size_t rows[3];
		read_one(&r, NULL, 1, &w);
		assert_int_equal(sum_of(&r, NR_STEP_WINDOW, &rows[0]), days[k]);
		assert_int_equal(sum_of(&r, NR_STEP_HOUR, &rows[1]), days[k]);
		assert_int_equal(sum_of(&r, NR_STEP_DAY, &rows[2]), days[k]);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(rows[i], days[k]);
		assert_int_equal(seen_count(&r.rig.recorder, SEEN_SOURCE), days[k]);
		reading_fini(&r);
	}
}

/* Hourly figures do not depend on the number of threads (corsaro3 #120). */
static void test_packet_an_hour(void **state)
{
	NR_AUTO(writer_fini) struct writer w;
	(void)state;
	pcap_begin(&w);
	for (int i = 0; i < 24; i++) {
		struct nr_packet p = syn_of(DAY0 + i * NR_HOUR + 1, (uint32_t)i * 77, DARK, 23);
		pcap_add(&w, &p);
	}
	for (unsigned workers = 1; workers <= 8; workers++) {
		struct reading r;
		size_t rows;
		read_one(&r, NULL, workers, &w);
		assert_int_equal(sum_of(&r, NR_STEP_HOUR, &rows), 24);
		assert_int_equal(rows, 24);
		for (int i = 0; i < 24; i++)
			assert_int_equal(packets_of(&r, NR_STEP_HOUR, DAY0 + i * NR_HOUR, "all"), 1);
		reading_fini(&r);
	}
}

/* Packets of both days in disorder around midnight: each counts on its own day, and a source has two. */
static void test_midnight(void **state)
{
	static const int64_t seconds[] = {-400, -1, 1, -2, 0, 299, -3, 300, -299, 301, 5, 600, 1, 899, 301};
	NR_AUTO(writer_fini) struct writer w;
	const nr_time midnight = DAY0 + NR_DAY;
	uint64_t before = 0;
	(void)state;
	pcap_begin(&w);
	for (size_t i = 0; i < NR_COUNT(seconds); i++) {
		struct nr_packet p = syn_of(midnight + seconds[i] * NR_SECOND, 1, DARK, 23);
		pcap_add(&w, &p);
		before += seconds[i] < 0;
	}
	struct reading r;
	read_one(&r, NULL, 1, &w);
	assert_int_equal(r.late, 0);
	assert_int_equal(packets_of(&r, NR_STEP_DAY, DAY0, "all"), before);
	assert_int_equal(packets_of(&r, NR_STEP_DAY, midnight, "all"), NR_COUNT(seconds) - before);
	assert_int_equal(packets_of(&r, NR_STEP_HOUR, midnight - NR_HOUR, "all"), before);
	assert_int_equal(packets_of(&r, NR_STEP_WINDOW, midnight - 300 * NR_SECOND, "all"), before - 1);
	assert_int_equal(packets_of(&r, NR_STEP_WINDOW, midnight, "all"), 5);
	for (size_t i = 0; i < r.rig.recorder.count; i++) {
		const struct seen_row *row = &r.rig.recorder.rows[i];
		if (row->table != SEEN_SOURCE)
			continue;
		bool first = row->time == DAY0;
		assert_int_equal(row->packets, first ? before : NR_COUNT(seconds) - before);
		assert_true(row->first >= row->time && row->last < row->time + NR_DAY);
		/* to 32 us */
		assert_int_equal(
			row->first / NR_SECOND, (first ? midnight - 400 * NR_SECOND : midnight) / NR_SECOND);
	}
	assert_int_equal(seen_count(&r.rig.recorder, SEEN_SOURCE), 2);
	reading_fini(&r);
}

/* A clock that was in 2106 for one packet, or for three, the first one too: they count at the time before
 * them, as untimed, and no other is late. Where most of what follows is there as well, time has passed. */
static void test_jump(void **state)
{
	static const struct {
		int from, to; /* packets of the jump */
		uint64_t late, untimed, days;
	} cases[] = {
		{10, 11, 0, 1, 1}, {0, 1, 0, 1, 1}, {10, 13, 0, 3, 1}, {20, 21, 0, 0, 2}, {5, 21, 0, 0, 2}};
	const nr_time end = UINT32_MAX * NR_SECOND;
	(void)state;
	for (size_t k = 0; k < NR_COUNT(cases); k++) {
		NR_AUTO(writer_fini) struct writer w;
		pcap_begin(&w);
		for (int i = 0; i < 21; i++) {
			bool far = i >= cases[k].from && i < cases[k].to;
			struct nr_packet p = syn_of(far ? end : DAY0 + i * NR_HOUR, 1, DARK, 23);
			pcap_add(&w, &p);
		}
		for (unsigned workers = 1; workers <= 2; workers++) {
			struct reading r;
			size_t rows;
			read_one(&r, NULL, workers, &w);
			assert_int_equal(r.packets, 21);
			assert_int_equal(r.late, cases[k].late);
			assert_int_equal(nr_pipeline_loss(r.pipeline)->untimed, cases[k].untimed);
			assert_int_equal(sum_of(&r, NR_STEP_WINDOW, NULL), 21);
			assert_int_equal(sum_of(&r, NR_STEP_HOUR, NULL), 21);
			assert_int_equal(sum_of(&r, NR_STEP_DAY, &rows), 21);
			assert_int_equal(rows, cases[k].days);
			reading_fini(&r);
		}
	}
}

/* From 1969 into 1970: windows and days are aligned as after it. */
static void test_before_1970(void **state)
{
	NR_AUTO(writer_fini) struct writer w;
	(void)state;
	pcapng_begin(&w, -3 * 86400);
	for (unsigned i = 0; i < 6 * 24; i++) { /* every hour of six days */
		struct nr_packet p = syn_of(0, i % 24, DARK, 23);
		pcapng_add(&w, &p, i * (uint64_t)NR_HOUR + 1);
	}
	struct reading r;
	size_t rows;
	read_one(&r, NULL, 2, &w);
	assert_int_equal(r.late, 0);
	assert_int_equal(sum_of(&r, NR_STEP_WINDOW, &rows), 6 * 24);
	assert_int_equal(rows, 6 * 24);
	for (int day = -3; day < 3; day++) {
		const struct seen_row *row = seen_find(
			&r.rig.recorder, SEEN_TRAFFIC, NR_STEP_DAY, day * NR_DAY, NR_TRAFFIC_ALL, "all");
		assert_non_null(row);
		assert_int_equal(row->packets, 24);
		assert_int_equal(row->sources, 24);
	}
	reading_fini(&r);
}

/* Frames without a time count at the last known one; where there is none at all, in 1970. */
static void test_timeless(void **state)
{
	(void)state;
	for (int timed = 0; timed < 2; timed++) {
		NR_AUTO(writer_fini) struct writer w;
		pcapng_begin(&w, 0);
		for (unsigned i = 0; i < 9; i++) {
			struct nr_packet p = syn_of(0, i, DARK, 23);
			if (timed && i == 4)
				pcapng_add(&w, &p, (uint64_t)(DAY0 + 5));
			else
				pcapng_add_timeless(&w, &p);
		}
		struct reading r;
		read_one(&r, NULL, 2, &w);
		assert_int_equal(packets_of(&r, NR_STEP_WINDOW, timed ? DAY0 : 0, "all"), 9);
		assert_int_equal(r.late, 0);
		assert_int_equal(nr_pipeline_loss(r.pipeline)->untimed, timed ? 8 : 9);
		reading_fini(&r);
	}
}

static void test_nothing(void **state)
{
	NR_AUTO(writer_fini) struct writer w;
	(void)state;
	pcap_begin(&w);
	for (unsigned workers = 1; workers <= 3; workers++) {
		struct reading r;
		read_one(&r, NULL, workers, &w);
		assert_int_equal(r.rig.recorder.count, 0);
		assert_int_equal(r.packets, 0);
		reading_fini(&r);
	}
}

/* Two files of one day: sources that are in both count once. */
static void test_two_files(void **state)
{
	struct reading r;
	(void)state;
	reading_start(&r, NULL, 2);
	for (unsigned file = 0; file < 2; file++) {
		NR_AUTO(writer_fini) struct writer w;
		pcap_begin(&w);
		for (uint32_t i = 0; i < 10; i++) {
			struct nr_packet p = syn_of(DAY0 + file * 13 * NR_HOUR, i + 5 * file, DARK, 23);
			pcap_add(&w, &p);
		}
		reading_file(&r, &w);
	}
	reading_finish(&r);
	assert_int_equal(r.code, 0);
	const struct seen_row *row =
		seen_find(&r.rig.recorder, SEEN_PORT, NR_STEP_DAY, DAY0, NR_TRAFFIC_ALL, "tcp/23");
	assert_non_null(row);
	assert_int_equal(row->packets, 20);
	assert_int_equal(row->sources, 15);
	reading_fini(&r);
}

/* A sink that takes no more rows: an error with its reason, wherever it happens; nothing leaks (address
 * sanitizer). */
static void test_full_sink(void **state)
{
	NR_AUTO(writer_fini) struct writer w;
	struct notes notes = {0};
	(void)state;
	write_days(&w, &notes);
	free(notes.items);
	for (size_t fail_at = 1; fail_at < 20000; fail_at = fail_at * 5 + 1) {
		struct reading r;
		reading_start(&r, (const char *const[]){"dark-size", "256", NULL}, 2);
		r.rig.recorder.fail_at = fail_at;
		reading_file(&r, &w);
		reading_finish(&r);
		assert_int_equal(r.code, -28);
		assert_string_equal(r.error.text, "the sink is full");
		reading_fini(&r);
	}
}

/* ---- many sources ---- */

/* Many one-packet sources with one signature from everywhere: one finding; from one corner of the address
 * space: none. Each signature is a flood of its own, with its own times. */
static void test_flood(void **state)
{
	static const struct {
		const char *name;
		uint32_t sources, spread, signatures;
		size_t findings;
	} floods[] = {
		{"1000 from everywhere", 1000, 2654435761u, 1, 1},
		{"999", 999, 2654435761u, 1, 0},
		{"2000 neighbours", 2000, 1, 1, 0},
		{"many signatures", 1000, 2654435761u, 128, 0},
		{"three floods", 3600, 2654435761u, 3, 3},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(floods); i++) {
		NR_AUTO(writer_fini) struct writer w;
		const uint32_t n = floods[i].signatures;
		pcap_begin(&w);
		for (uint32_t k = 0; k < floods[i].sources; k++) {
			struct nr_packet p = syn_of(
				DAY0 + k * NR_SECOND, 0x01000000u + k * floods[i].spread, DARK + k % 256, 80);
			p.ttl = (uint8_t)(60 + k % n);
			pcap_add(&w, &p);
		}
		struct reading r;
		read_one(&r, NULL, 3, &w);
		size_t found = 0;
		for (size_t k = 0; k < r.rig.recorder.count; k++) {
			const struct seen_row *row = &r.rig.recorder.rows[k];
			if (row->table != SEEN_FINDING || strcmp(row->key, "spoofed-flood"))
				continue;
			uint32_t first = (uint32_t)found++, last = floods[i].sources - n + first;
			assert_int_equal(row->packets, floods[i].sources / n);
			assert_int_equal(
				nr_address_ipv4(&row->address), 0x01000000u + first * floods[i].spread);
			assert_int_equal(row->first / NR_SECOND, DAY0 / NR_SECOND + first); /* to 32 us */
			assert_int_equal((row->last + 31) / NR_SECOND, DAY0 / NR_SECOND + last);
		}
		if (found != floods[i].findings)
			fail_msg("%s: %zu findings", floods[i].name, found);
		reading_fini(&r);
	}
}

/* The report of a reading, as JSON; owned by the caller. */
static char *report_of(const struct writer *w, bool store, unsigned workers)
{
	struct reading r;
	NR_AUTO(nr_report_fini) struct nr_report report;
	NR_AUTO(nr_json_fini) struct nr_json json;
	memset(&r, 0, sizeof r);
	rig_init(&r.rig, (const char *const[]){"dark-size", "256", NULL});
	r.rig.refs.workers = workers;
	r.rig.refs.store = store;
	struct nr_pipeline_conf conf = {
		.sense = &nr_telescope_sense,
		.sense_conf = &r.rig.conf,
		.workers = workers,
		.sink = store ? &r.rig.recorder.sink : NULL,
	};
	assert_int_equal(nr_pipeline_new(&conf, &r.pipeline, NULL), 0);
	reading_file(&r, w);
	reading_finish(&r);
	assert_int_equal(r.code, 0);
	struct nr_telescope_run run = {.conf = &r.rig.conf, .loss = nr_pipeline_loss(r.pipeline)};
	run.locals = nr_pipeline_locals(r.pipeline, &run.local_count);
	assert_int_equal(nr_report_init(&report, &run, NULL), 0);
	nr_json_init(&json);
	nr_report_write_json(&report, &json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	char *text = strdup(json.bytes);
	reading_fini(&r);
	return text;
}

/* A day of usual ports (more packets than a nibble holds, two sizes, sources of a thousand packets): summed
 * without pairs, or from the pairs of every window, over any number of workers, it is one report. */
static void test_ways_of_counting(void **state)
{
	(void)state;
	for (unsigned days = 1; days <= 2; days++) {
		NR_AUTO(writer_fini) struct writer w;
		pcap_begin(&w);
		seed = 77;
		for (size_t i = 0; i < 150000; i++) {
			uint64_t u = random_below(1000);
			uint32_t source = 0x0b000000u + (uint32_t)(u * u * u / 500000);
			uint16_t port =
				(uint16_t)(random_below(4) ? 20 + random_below(20) : random_below(65536));
			struct nr_packet p = syn_of(DAY0 + (nr_time)i * (days * NR_HOUR * 23 / 150000),
				source, DARK + (uint32_t)random_below(256), port);
			if (random_below(50) == 0)
				p = udp_of(p.time, source, DARK, port);
			pcap_add(&w, &p);
		}
		NR_AUTO(nr_freep) char *first = report_of(&w, false, 1);
		for (unsigned workers = 1; workers <= 3; workers++)
			for (int store = 0; store < 2; store++) {
				NR_AUTO(nr_freep) char *other = report_of(&w, store, workers);
				assert_string_equal(other, first);
			}
	}
}

/* More sources than the memory limit holds: all packets count, the rest is said not to be judged. */
static void test_memory_limit(void **state)
{
	const uint32_t sources = 1200000; /* 64 MiB hold less than half of them */
	NR_AUTO(writer_fini) struct writer w;
	(void)state;
	pcap_begin(&w);
	for (uint32_t k = 0; k < sources; k++) {
		struct nr_packet p = syn_of(DAY0 + k * (nr_time)1000, k * 2654435761u, DARK + k % 256, 80);
		pcap_add(&w, &p);
	}
	struct reading r;
	read_one(&r, (const char *const[]){"memory", "64M", "keep-sources", "10", NULL}, 1, &w);
	assert_int_equal(packets_of(&r, NR_STEP_DAY, DAY0, "tcp_syn"), sources);
	assert_int_equal(sum_of(&r, NR_STEP_WINDOW, NULL), sources);
	const struct seen_row *row =
		seen_find(&r.rig.recorder, SEEN_PORT, NR_STEP_DAY, DAY0, NR_TRAFFIC_ALL, "tcp/80");
	assert_non_null(row);
	assert_int_equal(row->packets, sources);
	double error = (double)row->sources / sources - 1;
	assert_true(row->error > 0 ? error < 4 * row->error && error > -4 * row->error : error == 0);
	const struct nr_merged *m =
		((const struct nr_local *)nr_pipeline_locals(r.pipeline, &(size_t){0})[0])->merged;
	assert_true(m->untracked > 0 && m->untracked < sources);
	reading_fini(&r);
}

/* Scanners that come when all lines are taken are found all the same, sampled or not. */
static void test_busy_among_many(void **state)
{
	const uint32_t sources = 1200000, scanners = 16;
	NR_AUTO(writer_fini) struct writer w;
	(void)state;
	pcap_begin(&w);
	for (uint32_t k = 0; k < sources; k++) {
		nr_time time = DAY0 + k * (nr_time)1000;
		struct nr_packet p = syn_of(time, k * 2654435761u | 1u << 31, DARK + k % 256, 80);
		pcap_add(&w, &p);
		if (k % 16 || k < sources / 2)
			continue;
		p = syn_of(time, 0x08080000u + k / 16 % scanners, DARK + k % 256,
			(uint16_t)(1000 + k / 256 % 40));
		pcap_add(&w, &p);
	}
	struct reading r;
	size_t found = 0;
	read_one(&r, (const char *const[]){"memory", "64M", "dark-size", "256", NULL}, 1, &w);
	for (size_t i = 0; i < r.rig.recorder.count; i++) {
		const struct seen_row *row = &r.rig.recorder.rows[i];
		found += row->table == SEEN_SOURCE && !strcmp(row->research, "scaled");
	}
	const struct nr_merged *m =
		((const struct nr_local *)nr_pipeline_locals(r.pipeline, &(size_t){0})[0])->merged;
	assert_true(m->untracked > 0);
	assert_int_equal(found, scanners);
	reading_fini(&r);
}

/* Where lines of sources are sampled, a tool's packets and sources are estimates within their error, and so
 * are a port's sources; what a busy source may lack is said. */
static void test_tools_of_a_sample(void **state)
{
	const uint32_t sources = 1200000;
	uint64_t marked = 0, bots = 0;
	NR_AUTO(writer_fini) struct writer w;
	NR_AUTO(nr_json_fini) struct nr_json json;
	NR_AUTO(nr_report_fini) struct nr_report report;
	(void)state;
	pcap_begin(&w);
	for (uint32_t k = 0; k < sources; k++)
		for (uint32_t copy = 0; copy < 1 + (k % 64 == 0) * 2; copy++) {
			uint32_t destination = DARK + (k + copy) % 256;
			struct nr_packet p =
				syn_of(DAY0 + k * (nr_time)1000, k * 2654435761u, destination, 80);
			p.sequence = k % 4 == 0 ? destination : p.sequence;
			marked += k % 4 == 0;
			bots += k % 4 == 0 && !copy;
			pcap_add(&w, &p);
		}
	struct reading r;
	read_one(&r, (const char *const[]){"memory", "64M", "keep-sources", "10", NULL}, 1, &w);
	struct nr_telescope_run run = {.conf = &r.rig.conf, .loss = nr_pipeline_loss(r.pipeline)};
	run.locals = nr_pipeline_locals(r.pipeline, &run.local_count);
	assert_int_equal(nr_report_init(&report, &run, NULL), 0);
	const struct nr_tool_total *total = &report.merged->tool_totals[NR_TOOL_MIRAI];
	assert_true(total->sampled);
	double error = sqrt(total->variance), off = fabs((double)total->packets - (double)marked);
	assert_true(error > 0 && error < 0.02 * (double)marked);
	assert_true(off < 4 * error);
	off = fabs((double)report.tool_sources[NR_TOOL_MIRAI] - (double)bots);
	assert_true(off < 0.02 * (double)bots);
	assert_int_equal(report.ports[0].port, 80);
	assert_true(report.ports[0].error > 0 && report.ports[0].error < 0.02);
	assert_true(fabs((double)report.ports[0].sources / sources - 1) < 4 * report.ports[0].error);
	assert_true(report.merged->heavy_error > 0);
	nr_json_init(&json);
	nr_report_write_json(&report, &json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	const char *tools = strstr(json.bytes, "\"tools\":");
	assert_non_null(tools);
	assert_non_null(strstr(tools, "\"exact\":false,\"packets_error\":0.0"));
	assert_non_null(strstr(json.bytes, "\"packets_missing_of_busy_sources_at_most\":"));
	reading_fini(&r);
}

/* Who watches is told the hour that runs, again with each window; a reading tells it once. */
static void test_running_hour(void **state)
{
	(void)state;
	for (unsigned endless = 0; endless < 2; endless++) {
		struct rig rig;
		rig_init(&rig, NULL);
		rig.refs.endless = endless;
		rig_start(&rig);
		uint64_t told[2] = {0};
		for (unsigned window = 0; window < 2; window++) {
			nr_time at = DAY0 + 10 * NR_HOUR + window * 5 * NR_MINUTE;
			struct nr_packet p = syn_of(at, 0x01020304 + window, DARK, 23);
			rig_observe(&rig, &p, 1);
			rig_flush(&rig, at + 5 * NR_MINUTE + nr_telescope_sense.slack);
			for (size_t i = 0; i < rig.recorder.count; i++) {
				const struct seen_row *r = &rig.recorder.rows[i];
				if (r->table == SEEN_TRAFFIC && r->step == NR_STEP_HOUR &&
					!strcmp(r->key, "all"))
					told[window] = r->packets;
			}
		}
		assert_int_equal(told[0], endless ? 1 : 0);
		assert_int_equal(told[1], endless ? 2 : 0);
		rig_fini(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_busy_among_many),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_slack),
		cmocka_unit_test(test_packet_a_day),
		cmocka_unit_test(test_packet_an_hour),
		cmocka_unit_test(test_midnight),
		cmocka_unit_test(test_jump),
		cmocka_unit_test(test_before_1970),
		cmocka_unit_test(test_timeless),
		cmocka_unit_test(test_two_files),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_sketches),
		cmocka_unit_test(test_full_sink),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_ways_of_counting),
		cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_tools_of_a_sample),
		cmocka_unit_test(test_running_hour),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
