/* SPDX-License-Identifier: Apache-2.0 */
/* Early warning through the whole sense: what warns, what must not, and one row an episode. */
#include "sense/telescope/aggressive.h"
#include "sense/telescope/change.h"
#include "telescope_rig.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define MINUTES(n) ((n)*NR_MINUTE)
#define WINDOW     MINUTES(5)
#define DARK_BASE  0xc6120000u /* 198.18.0.0/18 */
#define DARK_SIZE  16384

/* ---- warnings as they are handed over ---- */

struct told {
	char kind[24], key[48];
	nr_time time, last;
	uint64_t sources;
	unsigned times; /* handed over so often */
	char evidence[1536];
};

static struct told told[64];
static size_t told_count, finding_count;
static char finding_kind[32];

static int take_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	(void)sink;
	(void)error;
	if (table == &nr_finding_table) {
		const struct nr_finding *f = rows;
		snprintf(finding_kind, sizeof finding_kind, "%s", f->kind);
		assert_true(*f->reason_en && *f->reason_ja && f->first <= f->last);
		finding_count++;
	}
	for (size_t i = 0; table == &nr_warning_table && i < count; i++) {
		const struct nr_warning_row *w = (const struct nr_warning_row *)rows + i;
		struct told *t = told;
		while (t < told + told_count &&
			(t->time != w->time || strcmp(t->kind, w->kind) || strcmp(t->key, w->key)))
			t++;
		assert_true(t < told + NR_COUNT(told));
		told_count += t == told + told_count;
		snprintf(t->kind, sizeof t->kind, "%s", w->kind);
		snprintf(t->key, sizeof t->key, "%s", w->key);
		snprintf(t->evidence, sizeof t->evidence, "%s", w->evidence);
		t->time = w->time;
		t->last = w->last;
		t->sources = w->sources;
		t->times++;
	}
	return 0;
}

static const struct told *find_told(const char *kind, const char *key)
{
	for (size_t i = 0; i < told_count; i++)
		if (!strcmp(told[i].kind, kind) && !strcmp(told[i].key, key))
			return &told[i];
	return NULL;
}

static size_t count_told(const char *kind)
{
	size_t count = 0;
	for (size_t i = 0; i < told_count; i++)
		count += !strcmp(told[i].kind, kind);
	return count;
}

static void open_rig(struct rig *rig, const char *const *options)
{
	rig_init(rig, options);
	rig->recorder.sink.rows = take_rows;
	rig_start(rig);
	memset(told, 0, sizeof told);
	told_count = finding_count = 0;
}

static uint32_t dice(void)
{
	static uint64_t state = 88172645463325252u;
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static void knock(struct rig *rig, nr_time time, uint32_t source, uint16_t port)
{
	struct nr_packet p = syn_of(time, source, DARK_BASE + dice() % DARK_SIZE, port);
	rig_observe(rig, &p, 1);
}

/* ---- spreading ---- */

/* A campaign at 4444/TCP: hosts arrive one after the other and come again. */
struct campaign {
	const char *name;
	nr_time onset;
	unsigned hosts;
	nr_time apart;   /* between arrivals */
	nr_time period;  /* of each host; 0: one packet and never again */
	unsigned shift;  /* network of host i: i >> shift */
	unsigned bogons; /* one host of so many comes from 10/8 */
	const char *list;
	bool expected;
};

#define ONSET (NR_DAY + 6 * NR_HOUR)

static const struct campaign campaigns[] = {
	{"all within a window", ONSET, 40, NR_SECOND, MINUTES(6), 0, 0, NULL, true},
	{"one a window", ONSET, 60, WINDOW, MINUTES(11), 0, 0, NULL, true},
	{"a trickle", ONSET, 50, MINUTES(12), MINUTES(60), 0, 0, NULL, true},
	{"nobody comes again", ONSET, 400, NR_SECOND, 0, 0, 0, NULL, false},
	{"one network", ONSET, 200, 2 * NR_SECOND, MINUTES(6), 8, 0, NULL, false},
	{"nineteen networks", ONSET, 19, NR_SECOND, MINUTES(6), 0, 0, NULL, false},
	{"forged space among them", ONSET, 60, NR_SECOND, MINUTES(6), 0, 8, NULL, false},
	{"before a day has been seen", 6 * NR_HOUR, 40, NR_SECOND, MINUTES(6), 0, 0, NULL, false},
	{"research scanners on a list", ONSET, 40, NR_SECOND, MINUTES(6), 0, 0, "20.0.0.0/6", false},
};

static uint32_t host_of(const struct campaign *c, unsigned i)
{
	if (c->bogons && i % c->bogons == 0)
		return 0x0a000001u + i * 65536;
	return 0x14000001u + (i >> c->shift) * 65536 + (i & ((1u << c->shift) - 1)); /* 20.i.0.1 */
}

static void send_campaign(struct rig *rig, const struct campaign *c, nr_time from, nr_time to)
{
	for (unsigned i = 0; i < c->hosts; i++) {
		nr_time arrival = DAY0 + c->onset + i * c->apart;
		for (nr_time t = arrival; t < to && t < arrival + 12 * NR_HOUR; t += c->period) {
			if (t >= from)
				knock(rig, t, host_of(c, i), 4444);
			if (!c->period)
				break;
		}
	}
}

/* What is always there: known hosts, and a new one every 20 minutes, at 23/TCP. */
static void send_usual(struct rig *rig, nr_time from)
{
	for (unsigned i = 0; i < 12; i++)
		knock(rig, from + i * NR_SECOND, 0x3c000001 + i * 65536, 23);
	if (from / WINDOW % 4 == 0)
		knock(rig, from + MINUTES(1), 0x40000001 + dice() % 65536 * 256, 23);
}

static void run_campaign(const struct campaign *c, const char *list_path)
{
	struct rig rig;
	const char *options[] = {"dark", "198.18.0.0/18", c->list ? "lists" : NULL, list_path, NULL};
	open_rig(&rig, options);
	for (nr_time t = DAY0; t < DAY0 + 2 * NR_DAY; t += WINDOW) {
		send_usual(&rig, t);
		send_campaign(&rig, c, t, t + WINDOW);
		rig_flush(&rig, t + WINDOW);
	}
	rig_flush(&rig, NR_TIME_MAX);
	const struct told *w = find_told("synchrony", "tcp/4444");
	if (!w != !c->expected)
		fail_msg("%s: %s", c->name, w ? w->evidence : "no warning");
	if (count_told("synchrony") != c->expected)
		fail_msg("%s: %zu warnings", c->name, count_told("synchrony"));
	if (w) {
		nr_time late = w->time - (DAY0 + c->onset);
		if (late < -WINDOW || late > 5 * c->apart + WINDOW)
			fail_msg("%s: onset %lld s late", c->name, (long long)(late / NR_SECOND));
		assert_true(w->sources >= c->hosts - 5 && w->sources <= c->hosts);
		assert_true(w->times < 40); /* told again as it grows, not in every window */
	}
	rig_fini(&rig);
}

static void test_spread(void **state)
{
	(void)state;
	char path[] = "/tmp/noroshi-test-early-XXXXXX";
	int descriptor = mkstemp(path);
	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, "20.0.0.0/6\n", 11), 11);
	close(descriptor);
	for (size_t i = 0; i < NR_COUNT(campaigns); i++)
		run_campaign(&campaigns[i], path);
	unlink(path);
}

/* ---- changes ---- */

static void test_change(void **state)
{
	(void)state;
	struct rig rig;
	open_rig(&rig, (const char *const[]){"dark", "198.18.0.0/18", NULL});
	for (nr_time t = DAY0; t < DAY0 + NR_DAY; t += WINDOW) {
		bool burst = t >= DAY0 + 12 * NR_HOUR && t < DAY0 + 13 * NR_HOUR;
		bool silence = t >= DAY0 + 8 * NR_HOUR && t < DAY0 + 9 * NR_HOUR;
		for (unsigned i = 0; !silence && i < (burst ? 90 : 8) + dice() % 4; i++)
			knock(&rig, t + i * NR_SECOND, 0x3c000001 + i * 65536, 8080);
		rig_flush(&rig, t + WINDOW);
	}
	rig_flush(&rig, NR_TIME_MAX);
	const struct told *w = NULL;
	for (size_t i = 0; i < told_count; i++)
		if (!strcmp(told[i].key, "tcp/8080") && told[i].time >= DAY0 + 12 * NR_HOUR)
			w = w ? w : &told[i];
	assert_non_null(w);
	assert_true(w->time <= DAY0 + 12 * NR_HOUR + MINUTES(40));
	assert_true(w->times > 1); /* one row, renewed */
	assert_true(w->sources > 85);
	assert_true(finding_count > 0);
	assert_string_equal(finding_kind, "early-warning-change");
	assert_true(told[0].time >= DAY0 + MINUTES(150)); /* 15 slots of silence */
	rig_fini(&rig);
}

/* A slot's series of a country holds each packet once, in whichever groups and windows its source stands: an
 * extra group (a malformed SYN) repeats packets of a port. */
static void test_country_counts_packets_once(void **state)
{
	static const uint32_t groups[] = {23, NR_GROUP_OTHER + 1, NR_GROUP_EXTRA + NR_CATEGORY_MALFORMED};
	const uint64_t source = 0x14000001;
	const uint32_t japan = ('J' - 'A') * 26 + ('P' - 'A');
	struct nr_change *c;
	struct rig rig;
	(void)state;
	open_rig(&rig, NULL);
	assert_int_equal(nr_change_new(NULL, 67108864, &c, NULL), 0);
	*nr_slot_sources_home(&c->sources, source) =
		(uint64_t)c->sources.generation << 56 | (uint64_t)japan << NR_MEMBER_BITS | source;
	NR_AUTO(nr_tally_fini) struct nr_tally earlier = {0};
	NR_AUTO(nr_tally_fini) struct nr_tally later = {0};
	for (size_t i = 0; i < NR_COUNT(groups); i++) {
		struct nr_tally_sum sum = {nr_tally_key(groups[i], source), 5, 300};
		assert_int_equal(nr_tally_add_sum(&earlier, &sum, NULL), 0);
		sum.packets = 7;
		assert_int_equal(nr_tally_add_sum(&later, &sum, NULL), 0);
	}
	assert_int_equal(nr_tally_sort(&earlier, NULL), 0);
	assert_int_equal(nr_tally_sort(&later, NULL), 0);
	const struct nr_known_scanners known = {&rig.refs, NULL, 0};
	struct nr_early_window w = {&rig.conf, NULL, &rig.recorder.sink, DAY0, &earlier, NULL};
	assert_int_equal(nr_change_window(c, &w, &known, NULL), 0);
	w = (struct nr_early_window){&rig.conf, NULL, &rig.recorder.sink, DAY0 + WINDOW, &later, &earlier};
	assert_int_equal(nr_change_window(c, &w, &known, NULL), 0);
	assert_int_equal(c->count, 1);
	assert_int_equal(c->series[0].key, NR_CHANGE_COUNTRIES + japan);
	assert_true(c->series[0].packets.stages[0].past[0] == 2 * (5 + 7));
	nr_change_free(c);
	rig_fini(&rig);
}

/* ---- slow scans ---- */

struct slow {
	const char *name;
	nr_time period;
	unsigned days, hosts, ports; /* hosts of one /24 */
	const char *key;             /* NULL: no warning */
};

static const struct slow slows[] = {
	{"a packet a minute, 700 ports", MINUTES(1), 7, 1, 700, "20.1.2.1"},
	{"a packet a minute, one port, many addresses", MINUTES(1), 7, 1, 1, "20.1.2.1"},
	{"20 a day, 60 ports", MINUTES(72), 7, 1, 60, "20.1.2.1"},
	{"two days only", MINUTES(1), 2, 1, 700, NULL},
	{"few ports, few addresses", MINUTES(72), 7, 1, 20, NULL},
	{"not slow: 4320 a day", 20 * NR_SECOND, 7, 1, 700, NULL},
	{"eight hosts of a /24, 9 ports each", MINUTES(60), 7, 8, 72, "20.1.2.0/24"},
};

static void test_slow(void **state)
{
	(void)state;
	for (size_t c = 0; c < NR_COUNT(slows); c++) {
		const struct slow *s = &slows[c];
		struct rig rig;
		unsigned turn = 0;
		open_rig(&rig, (const char *const[]){"dark", "198.18.0.0/18", NULL});
		for (nr_time t = DAY0; t < DAY0 + s->days * NR_DAY; t += s->period) {
			/* each host has its own ports */
			unsigned host = turn % s->hosts, each = s->ports / s->hosts;
			unsigned port = host * each + turn / s->hosts % each;
			knock(&rig, t, 0x14010201 + host, (uint16_t)(1000 + port));
			turn++;
			if ((t + s->period) / WINDOW != t / WINDOW)
				rig_flush(&rig, (t + s->period) / WINDOW * WINDOW);
		}
		rig_flush(&rig, NR_TIME_MAX);
		const struct told *w = s->key ? find_told("slow-scanner", s->key) : NULL;
		if (s->key && !w)
			fail_msg("%s: no warning", s->name);
		if (count_told("slow-scanner") != (s->key != NULL))
			fail_msg("%s: %zu warnings", s->name, count_told("slow-scanner"));
		if (w) {
			assert_int_equal(w->time, DAY0);
			assert_true(w->times >= 4); /* from the third day on, one row */
		}
		rig_fini(&rig);
	}
}

/* ---- aggressive hitters ---- */

static void test_aggressive(void **state)
{
	(void)state;
	struct rig rig;
	open_rig(&rig, (const char *const[]){"dark", "198.18.0.0/20", NULL}); /* 4096: 513 */
	for (unsigned i = 0; i < 700; i++) {
		struct nr_packet wide = syn_of(DAY0 + i * NR_SECOND, 0x14000001, DARK_BASE + i, 23);
		struct nr_packet narrow = syn_of(DAY0 + i * NR_SECOND, 0x14000002, DARK_BASE + i % 350, 23);
		struct nr_packet victim = syn_of(DAY0 + i * NR_SECOND, 0x14000003, DARK_BASE + i, 4000);
		victim.flags = NR_TCP_SYN | NR_TCP_ACK;
		rig_observe(&rig, &wide, 1);
		rig_observe(&rig, &narrow, 1);
		rig_observe(&rig, &victim, 1);
	}
	rig_flush(&rig, NR_TIME_MAX);
	assert_int_equal(count_told("aggressive"), 1);
	const struct told *w = find_told("aggressive", "20.0.0.1");
	assert_non_null(w);
	assert_memory_equal(w->evidence, "{\"definitions\":\"1\"", 18);
	assert_true(w->time >= DAY0 && w->last <= DAY0 + 700 * NR_SECOND);
	rig_fini(&rig);
}

/* Definition 1 on telescopes of any size: sources that scan the share `covered` of the Internet at random, in
 * so many hours. A /24 sees a tenth of the Internet as 26 +- 5 addresses; it must neither name those who scan
 * less nor miss those who come by every few minutes. */
static void test_aggressive_on_small_telescopes(void **state)
{
	static const struct {
		const char *dark;
		uint32_t size;
		double covered;
		unsigned hours, sources;
		size_t named;
	} cases[] = {
		{"198.18.0.0/24", 256, 0.09, 2, 500, 0},
		{"198.18.0.0/24", 256, 0.5, 2, 5, 5},
		{"198.18.0.0/24", 256, 1, 23, 5, 5}, /* every 323 s on average */
		{"198.18.0.0/20", 4096, 0.09, 2, 30, 0},
		{"198.18.0.0/20", 4096, 0.25, 2, 5, 5},
		{"198.18.0.0/20", 4096, 1, 23, 1, 1},
		{"198.18.0.0/16", 65536, 0.09, 2, 3, 0},
		{"198.18.0.0/16", 65536, 0.25, 2, 2, 2},
	};
	(void)state;
	for (size_t c = 0; c < NR_COUNT(cases); c++) {
		struct rig rig;
		open_rig(&rig, (const char *const[]){"dark", cases[c].dark, NULL});
		const nr_time step = cases[c].hours * NR_HOUR / cases[c].size;
		for (unsigned i = 0; i < cases[c].size * cases[c].sources; i++) {
			unsigned source = i % cases[c].sources, turn = i / cases[c].sources;
			nr_time time = DAY0 + turn * step + (nr_time)(dice() % (uint64_t)step);
			struct nr_packet p = syn_of(time, 0x14000000 + source,
				DARK_BASE + (turn * 40503u + source) % cases[c].size, 23); /* each once */
			if (dice() % 10000 < cases[c].covered * 10000)
				rig_observe(&rig, &p, 1);
		}
		rig_flush(&rig, NR_TIME_MAX);
		if (count_told("aggressive") != cases[c].named)
			fail_msg("%s, %.2f of the Internet: %zu named", cases[c].dark, cases[c].covered,
				count_told("aggressive"));
		rig_fini(&rig);
	}
}

/* The limit itself, and the chance that it keeps: the exact tail of the binomial distribution. */
static void test_aggressive_least(void **state)
{
	static const uint64_t sizes[] = {16, 256, 1024, 4096, 65536};
	(void)state;
	assert_int_equal(nr_aggressive_least(0), UINT32_MAX);
	assert_int_equal(nr_aggressive_least(256), 55);
	for (size_t i = 0; i < NR_COUNT(sizes); i++) {
		const double n = (double)sizes[i];
		uint32_t least = nr_aggressive_least(sizes[i]);
		double tail = 0;
		assert_in_range(least, sizes[i] / 10, sizes[i]);
		for (double k = least; k <= n; k++)
			tail += exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(0.1) +
				    (n - k) * log(0.9));
		assert_true(tail < 1e-6);
		assert_true(tail > 1e-9); /* and not much smaller than it must be */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_country_counts_packets_once),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_aggressive),
		cmocka_unit_test(test_aggressive_on_small_telescopes),
		cmocka_unit_test(test_aggressive_least),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
