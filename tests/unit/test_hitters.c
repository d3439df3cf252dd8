/* SPDX-License-Identifier: Apache-2.0 */
/* Scanning events: which packets make one, its limits, and all of them against a plain reckoning. */
#include "sense/telescope/hitters.h"
#include "telescope_rig.h"

#define MEMORY (UINT64_C(256) << 20)
#define DARK   16384

static struct nr_hitters open_hitters(uint64_t dark)
{
	struct nr_hitters hitters;
	assert_int_equal(nr_hitters_init(&hitters, NULL, MEMORY, dark, NULL), 0);
	return hitters;
}

static void observe(struct nr_hitters *hitters, struct nr_packet packet)
{
	nr_hitters_observe(hitters, &(struct nr_batch){&packet, 1});
}

/* After these every packet of the source is followed. */
static void make_candidate(struct nr_hitters *hitters, uint32_t source)
{
	for (unsigned i = 0; i < NR_EVENT_CANDIDATE - 1; i++)
		observe(hitters, syn_of(DAY0, source, 0xc6120000, 9));
}

/* ---- types ---- */

static void test_types(void **state)
{
	(void)state;
	static const struct {
		uint8_t protocol, flags, icmp;
		enum nr_event_type type;
		uint16_t port; /* destination 23, source 40001 */
	} cases[] = {
		{NR_TCP, 0x02, 0, NR_EVENT_TCP_SYN, 23},
		{NR_TCP, 0xc2, 0, NR_EVENT_TCP_SYN, 23}, /* ECE and CWR: a SYN that offers ECN */
		{NR_TCP, 0x12, 0, NR_EVENT_TCP_SYN_ACK, 40001},
		{NR_TCP, 0x52, 0, NR_EVENT_TCP_SYN_ACK, 40001},
		{NR_TCP, 0x04, 0, NR_EVENT_TCP_RST, 40001},
		{NR_TCP, 0x14, 0, NR_EVENT_TCP_RST, 40001}, /* RST+ACK is no other TCP */
		{NR_TCP, 0x10, 0, NR_EVENT_TCP_ACK, 23},
		{NR_TCP, 0x18, 0, NR_EVENT_TCP_ACK, 40001}, /* PSH+ACK: an answer */
		{NR_TCP, 0x11, 0, NR_EVENT_TCP_ACK, 40001},
		{NR_TCP, 0x03, 0, NR_EVENT_TCP_OTHER, 23},
		{NR_TCP, 0x00, 0, NR_EVENT_TCP_OTHER, 23},
		{NR_UDP, 0, 0, NR_EVENT_UDP, 23},
		{NR_ICMP, 0, 8, NR_EVENT_ECHO_REQUEST, 0},
		{NR_ICMP, 0, 0, NR_EVENT_ECHO_REPLY, 0},
		{NR_ICMP, 0, 11, NR_EVENT_TIME_EXCEEDED, 0},
		{NR_ICMP, 0, 42, NR_EVENT_ICMP_OTHER, 0},
		{47, 0, 0, NR_EVENT_UNKNOWN, 0},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_packet p = syn_of(DAY0, 1, 2, 23);
		uint16_t port;
		p.protocol = cases[i].protocol;
		p.flags = cases[i].flags;
		if (p.protocol == NR_ICMP)
			p.source_port = cases[i].icmp;
		assert_int_equal(nr_event_type_of(&p, &port), cases[i].type);
		assert_int_equal(port, cases[i].port);
	}
}

/* ---- limits ---- */

static void test_limits(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned packets, destinations;
		nr_time step; /* between packets */
		uint64_t dark;
		size_t events;
	} cases[] = {
		{"ten addresses", 10, 10, NR_SECOND, DARK, 1},
		{"nine addresses", 100, 9, NR_SECOND, DARK, 0},
		{"no pause of more than 624 s", 20, 20, NR_EVENT_IDLE, NR_EVENT_IDLE_DARK, 1},
		{"a longer pause each time", 20, 20, NR_EVENT_IDLE + 1, NR_EVENT_IDLE_DARK, 0},
		{"all at once has no infinite rate", 10, 10, 0, UINT64_C(1) << 32, 1},
		{"9.9 a second to the Internet", 100, 100, 102100, UINT64_C(1) << 32, 0},
		{"10.1 a second", 100, 100, 99000, UINT64_C(1) << 32, 1},
		{"rate not known: kept", 10, 10, 600 * NR_SECOND, 0, 1},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_hitters hitters = open_hitters(cases[i].dark);
		make_candidate(&hitters, 77);
		for (unsigned k = 0; k < cases[i].packets; k++)
			observe(&hitters, syn_of(DAY0 + k * cases[i].step, 77,
						  0xc6120000 + k % cases[i].destinations, 23));
		nr_hitters_expire(&hitters, NR_TIME_MAX);
		if (hitters.ended_count != cases[i].events)
			fail_msg("%s: %zu events", cases[i].name, hitters.ended_count);
		if (cases[i].events) {
			assert_int_equal(hitters.ended[0].packets, cases[i].packets);
			assert_int_equal(hitters.ended[0].first, DAY0);
			assert_int_equal(
				hitters.ended[0].last, DAY0 + (cases[i].packets - 1) * cases[i].step);
		}
		nr_hitters_fini(&hitters);
	}
}

/* Far more events than there is room for: bounded, counted, and the large one survives. */
static void test_crowd(void **state)
{
	(void)state;
	struct nr_hitters hitters = open_hitters(DARK);
	make_candidate(&hitters, 5);
	for (unsigned k = 0; k < 5000; k++)
		observe(&hitters, syn_of(DAY0 + k * 1000, 5, 0xc6120000 + k % 3000, 23));
	for (uint32_t source = 1000; source < 1200; source++) {
		make_candidate(&hitters, source);
		for (unsigned i = 0; i < 600 * NR_EVENT_DESTINATIONS; i++)
			observe(&hitters, syn_of(DAY0 + 6 * NR_SECOND, source, 0xc6120001,
						  (uint16_t)(i / NR_EVENT_DESTINATIONS)));
	}
	assert_true(hitters.pushed_out > 1000);
	nr_hitters_expire(&hitters, NR_TIME_MAX);
	assert_int_equal(hitters.ended_count, 1);
	assert_int_equal(hitters.ended[0].packets, 5000);
	assert_true(hitters.ended[0].destinations > 2800 && hitters.ended[0].destinations < 3200);
	assert_true(hitters.ended[0].error > 0);
	assert_int_equal(hitters.free_count, hitters.sketch_count); /* nothing leaks */
	nr_hitters_fini(&hitters);
}

/* ---- against a plain reckoning ---- */

struct plain {
	uint32_t source, packets, count;
	uint16_t port;
	nr_time first, last;
	uint64_t bytes;
	bool seen[1024];
};

#define SOURCES 40
#define PORTS   6

static struct nr_event_end ended[20000];
static size_t ended_count;

static void end_plain(struct plain *p)
{
	double seconds = NR_MAX((double)(p->last - p->first) / 1e6, 1.0);
	if (p->count >= 10 && p->packets * (4294967296.0 / DARK) / seconds >= 10)
		ended[ended_count++] = (struct nr_event_end){p->first, p->last, p->bytes, p->source,
			p->packets, p->count, p->port, NR_EVENT_TCP_SYN, 0};
	memset(p, 0, sizeof *p);
}

static int by_all(const void *a, const void *b)
{
	const struct nr_event_end *x = a, *y = b;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

static void test_plain_reckoning(void **state)
{
	(void)state;
	static struct plain plain[SOURCES][PORTS];
	struct nr_hitters hitters = open_hitters(DARK);
	unsigned sent[SOURCES] = {0};
	uint64_t dice = 88172645463325252u;
	nr_time now = DAY0;
	for (unsigned i = 0; i < 60000; i++) {
		dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
		unsigned source = (unsigned)(dice >> 20) % SOURCES, port = (unsigned)(dice >> 30) % PORTS;
		unsigned to = (unsigned)(dice >> 40) % (source % 2 ? 12 : 1000);
		now += (nr_time)(dice % (source == 3 ? 60000000 : 1200000));
		struct nr_packet p =
			syn_of(now, 0x0b000000 + source * 65537, 0xc6120000 + to, (uint16_t)port);
		p.wire = 60 + source;
		observe(&hitters, p);
		if (++sent[source] < NR_EVENT_CANDIDATE)
			continue;
		struct plain *v = &plain[source][port];
		if (v->packets && now - v->last > hitters.idle)
			end_plain(v);
		if (!v->packets)
			*v = (struct plain){
				.source = 0x0b000000 + source * 65537, .port = (uint16_t)port, .first = now};
		v->packets++;
		v->bytes += p.wire;
		v->last = now;
		v->count += !v->seen[to];
		v->seen[to] = true;
	}
	for (unsigned s = 0; s < SOURCES; s++)
		for (unsigned k = 0; k < PORTS; k++)
			end_plain(&plain[s][k]);
	nr_hitters_expire(&hitters, NR_TIME_MAX);
	assert_true(ended_count > 100);
	assert_int_equal(hitters.ended_count, ended_count);
	qsort(ended, ended_count, sizeof *ended, by_all);
	qsort(hitters.ended, hitters.ended_count, sizeof *ended, by_all);
	for (size_t i = 0; i < ended_count; i++) {
		const struct nr_event_end *x = &ended[i], *y = &hitters.ended[i];
		assert_int_equal(x->source, y->source);
		assert_int_equal(x->port, y->port);
		assert_int_equal(x->packets, y->packets);
		assert_int_equal(x->bytes, y->bytes);
		assert_int_equal(x->first, y->first);
		assert_int_equal(x->last, y->last);
		if (x->destinations <= NR_EVENT_LISTED)
			assert_int_equal(x->destinations, y->destinations);
		assert_true(
			y->destinations > x->destinations * 0.8 && y->destinations < x->destinations * 1.2);
	}
	nr_hitters_fini(&hitters);
}

/* Whether a source is followed does not depend on who else is there: the tenth packet of each begins its
 * event, alone or among many that send one or nine. */
static void test_candidates_one_by_one(void **state)
{
	(void)state;
	for (unsigned others = 0; others <= 20000; others += 20000) {
		struct nr_hitters hitters = open_hitters(DARK);
		for (unsigned k = 0; k < 9; k++)
			for (unsigned i = 0; i < others; i++)
				observe(&hitters, syn_of(DAY0, 0x0b000000 + i, 0xc6120000 + k, 23));
		for (unsigned k = 0; k < 19; k++)
			for (unsigned i = 0; i < 50; i++)
				observe(&hitters, syn_of(DAY0, 0x0c000000 + i * 77777, 0xc6120000 + k, 23));
		nr_hitters_expire(&hitters, NR_TIME_MAX);
		assert_int_equal(hitters.ended_count, 50);
		for (size_t i = 0; i < hitters.ended_count; i++)
			assert_int_equal(hitters.ended[i].packets, 10);
		nr_hitters_fini(&hitters);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_candidates_one_by_one),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_plain_reckoning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
