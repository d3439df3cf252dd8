/* SPDX-License-Identifier: Apache-2.0 */
/* DDoS victims: the limits of Moore et al. as coded in corsaro3, to the packet and to the microsecond. */
#include "sense/telescope/victim.h"
#include "telescope_rig.h"

#define VICTIM UINT32_C(0x05060708)
#define DARK   UINT32_C(0xc6120000)

static struct nr_backscatter answer_of(nr_time time)
{
	return (struct nr_backscatter){
		.time = time,
		.victim = nr_address_from_ipv4(VICTIM),
		.dark = nr_address_from_ipv4(DARK + (uint32_t)(time % 200)),
		.protocol = NR_TCP,
		.target_port = 80,
		.attack_port = (uint16_t)(1024 + time % 1000),
		.bytes = 54,
	};
}

static void answers(struct nr_victims *v, nr_time from, size_t count, nr_time step)
{
	for (size_t i = 0; i < count; i++) {
		struct nr_backscatter b = answer_of(from + (nr_time)i * step);
		nr_victims_observe(v, &b);
	}
}

/* A group of packets: so many, from this time on, this far apart (us). Times in seconds after DAY0. */
struct burst {
	double at;
	size_t count;
	double step;
};

enum verdict { NOTHING, SHORT, ATTACK };

static const struct {
	const char *name;
	struct burst bursts[4];
	enum verdict verdicts[3]; /* of the entries, as they end; NOTHING: no more */
	uint64_t packets, peak;   /* of the first */
} cases[] = {
	/* 30 in a grid window: six buckets of 10 s */
	{"30 in a window, 60.0 s", {{0, 30, 1}, {60, 1, 0}}, {ATTACK}, 31, 30},
	{"29 in a window", {{0, 29, 1}, {60, 1, 0}}, {NOTHING}, 0, 0},
	{"29 in each window", {{0, 29, 2}, {60, 29, 2}, {120, 29, 2}}, {NOTHING}, 0, 0},
	{"29 evenly for an hour", {{0, 1740, 60. / 29}}, {NOTHING}, 0, 0},
	{"30 evenly for an hour", {{0, 1800, 2}}, {ATTACK}, 1800, 30},
	/* 60 s from the first to the last packet */
	{"59.999999 s", {{0, 30, 1}, {59.999999, 1, 0}}, {SHORT}, 31, 31},
	{"60.0 s", {{0, 30, 1}, {60, 1, 0}}, {ATTACK}, 31, 30},
	{"60.0 s off the grid", {{7.5, 30, 1}, {67.5, 1, 0}}, {ATTACK}, 31, 30},
	{"a large burst of a second", {{0, 5000, 0.0002}}, {SHORT}, 5000, 5000},
	/* the 25 packets alone never decide: 30 in a window come first */
	{"24 packets", {{0, 24, 2.7}}, {NOTHING}, 0, 0},
	{"25 packets", {{0, 25, 2.7}}, {NOTHING}, 0, 0},
	/* the grid sees less than an exact window: 30 packets within 59 s over seven buckets */
	{"30 in 59 s, 29 on the grid", {{9.5, 1, 0}, {10.5, 28, 1}, {68, 1, 0}, {90, 1, 0}}, {NOTHING}, 0, 0},
	{"the same, a second later: six buckets", {{10.5, 29, 1}, {69, 1, 0}, {90, 1, 0}}, {ATTACK}, 31, 30},
	/* a gap: it ends when one whole interval [60k, 60k+60) holds no packet */
	{"a whole interval is missing", {{0, 40, 1}, {120, 40, 1}}, {SHORT, SHORT}, 40, 40},
	{"almost 120 s, no whole interval", {{0, 40, 1}, {119.999999, 1, 0}}, {ATTACK}, 41, 40},
	{"60.000001 s, a whole interval", {{10, 40, 1}, {59.999999, 1, 0}, {120, 1, 0}}, {SHORT}, 41, 41},
	{"two attacks", {{0, 100, 1}, {300, 100, 1}}, {ATTACK, ATTACK}, 100, 60},
	/* an attack and what is not one any more */
	{"an attack, then a trickle", {{0, 100, 1}, {300, 3, 1}}, {ATTACK}, 100, 60},
};

/* A scan by SYN-ACKs is no attack; what differs from it in one point is. */
static void test_syn_ack_scan(void **state)
{
	static const struct {
		const char *name;
		bool syn_ack;
		uint16_t from, from_count, to, to_count; /* ports */
		bool scan;
	} scans[] = {
		{"ZMap", true, 32768, 28233, 80, 1, true},
		{"ZMap, two ports", true, 33000, 100, 443, 2, true},
		{"a victim's one port", true, 40000, 1, 1024, 1000, false},
		{"RST", false, 32768, 28233, 80, 1, false},
		{"below ZMap's ports", true, 32767, 28233, 80, 1, false},
		{"above ZMap's ports", true, 60902, 100, 80, 1, false},
		{"as many ports as targets", true, 33000, 100, 80, 100, false},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(scans); i++) {
		NR_AUTO(nr_victims_fini) struct nr_victims v;
		assert_int_equal(nr_victims_init(&v, NULL, NR_VICTIMS_MAX, NULL), 0);
		for (uint32_t k = 0; k < 400; k++) {
			struct nr_backscatter b = answer_of(DAY0 + k * (nr_time)250000);
			b.syn_ack = scans[i].syn_ack;
			b.target_port = (uint16_t)(scans[i].from + k % scans[i].from_count);
			b.attack_port = (uint16_t)(scans[i].to + k % scans[i].to_count);
			nr_victims_observe(&v, &b);
		}
		nr_victims_expire(&v, NR_TIME_MAX);
		if (v.ended_count != !scans[i].scan || v.scans != (scans[i].scan ? 400 : 0))
			fail_msg("%s: %zu attacks, %llu packets of scans", scans[i].name, v.ended_count,
				(unsigned long long)v.scans);
	}
}

static void expect_ended(const char *name, const struct nr_victims *v, const enum verdict verdicts[3])
{
	size_t count = 0;
	while (count < 3 && verdicts[count] != NOTHING)
		count++;
	if (v->ended_count != count)
		fail_msg("%s: %zu entries instead of %zu", name, v->ended_count, count);
	for (size_t i = 0; i < count; i++)
		if (nr_victim_is_attack(&v->ended[i]) != (verdicts[i] == ATTACK) ||
			nr_victim_is_short(&v->ended[i]) != (verdicts[i] == SHORT))
			fail_msg("%s: entry %zu: %llu packets, peak %llu, %lld us", name, i,
				(unsigned long long)v->ended[i].packets, (unsigned long long)v->ended[i].peak,
				(long long)(v->ended[i].last - v->ended[i].first));
}

static void test_boundaries(void **state)
{
	(void)state;
	for (size_t c = 0; c < NR_COUNT(cases); c++) {
		NR_AUTO(nr_victims_fini) struct nr_victims v;
		assert_int_equal(nr_victims_init(&v, NULL, NR_VICTIMS_MAX, NULL), 0);
		for (size_t i = 0; i < NR_COUNT(cases[c].bursts) && cases[c].bursts[i].count; i++) {
			const struct burst *b = &cases[c].bursts[i];
			answers(&v, DAY0 + (nr_time)(b->at * 1e6 + .5), b->count,
				(nr_time)(b->step * 1e6 + .5));
		}
		nr_victims_expire(&v, NR_TIME_MAX);
		expect_ended(cases[c].name, &v, cases[c].verdicts);
		if (v.ended_count &&
			(v.ended[0].packets != cases[c].packets || v.ended[0].peak != cases[c].peak))
			fail_msg("%s: %llu packets, peak %llu", cases[c].name,
				(unsigned long long)v.ended[0].packets, (unsigned long long)v.ended[0].peak);
		assert_int_equal(v.used, 0);
	}
}

/* 25 packets is no limit of its own while the window asks for 30; the predicates hold each limit by itself.
 */
static void test_predicates(void **state)
{
	static const struct {
		uint64_t packets, peak;
		nr_time duration;
		bool attack, burst;
	} limits[] = {
		{25, 30, 60 * NR_SECOND, true, false},
		{24, 30, 60 * NR_SECOND, false, false},
		{25, 29, 60 * NR_SECOND, false, false},
		{25, 30, 60 * NR_SECOND - 1, false, true},
		{24, 30, 0, false, false},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(limits); i++) {
		struct nr_victim v = {.packets = limits[i].packets,
			.peak = limits[i].peak,
			.first = -5,
			.last = limits[i].duration - 5};
		assert_int_equal(nr_victim_is_attack(&v), limits[i].attack);
		assert_int_equal(nr_victim_is_short(&v), limits[i].burst);
	}
}

/* The grid against a naive count over the packets' buckets, for packets in disorder by less than the ring. */
static void test_peak(void **state)
{
	uint64_t seed = 1;
	(void)state;
	for (size_t round = 0; round < 200; round++) {
		static uint64_t buckets[400];
		NR_AUTO(nr_victims_fini) struct nr_victims v;
		assert_int_equal(nr_victims_init(&v, NULL, NR_VICTIMS_MAX, NULL), 0);
		memset(buckets, 0, sizeof buckets);
		nr_time now = DAY0;
		for (size_t i = 0; i < 300; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			now += (nr_time)((seed >> 33) % 8 ? (seed >> 40) % (4 * NR_SECOND)
							  : (seed >> 40) % (30 * NR_SECOND));
			nr_time back = (nr_time)((seed >> 20) % 4 ? 0 : (seed >> 30) % (90 * NR_SECOND));
			nr_time time = NR_MAX(now - back, DAY0);
			if ((time - DAY0) / NR_VICTIM_SLIDE >= 390)
				break;
			buckets[(time - DAY0) / NR_VICTIM_SLIDE]++;
			struct nr_backscatter b = answer_of(time);
			nr_victims_observe(&v, &b);
		}
		uint64_t peak = 0;
		for (size_t i = 0; i + 6 <= NR_COUNT(buckets); i++) {
			uint64_t sum = 0;
			for (size_t k = i; k < i + 6; k++)
				sum += buckets[k];
			peak = NR_MAX(peak, sum);
		}
		nr_victims_expire(&v, NR_TIME_MAX);
		assert_int_equal(v.ended_count, peak >= NR_VICTIM_WINDOW_PACKETS);
		if (v.ended_count)
			assert_int_equal(v.ended[0].peak, peak);
	}
}

/* Out of order by more than the ring of 160 s: counted, but in no rate. */
static void test_ring_overflow(void **state)
{
	NR_AUTO(nr_victims_fini) struct nr_victims v;
	(void)state;
	assert_int_equal(nr_victims_init(&v, NULL, NR_VICTIMS_MAX, NULL), 0);
	answers(&v, DAY0, 200, NR_SECOND);
	answers(&v, DAY0 + 5 * NR_SECOND, 1000, 1); /* 19 buckets ago */
	nr_victims_expire(&v, NR_TIME_MAX);
	assert_int_equal(v.ended_count, 1);
	assert_int_equal(v.ended[0].packets, 1200);
	assert_int_equal(v.ended[0].peak, 60);
}

/*
 * A packet out of order from before a whole silent interval belongs to no entry that is still open: it must
 * not make a burst an attack, whose duration it would stretch.
 */
static void test_older_than_its_entry(void **state)
{
	static const struct {
		const char *name;
		nr_time before; /* s before the burst */
		enum verdict verdicts[3];
		uint64_t packets;
	} olds[] = {
		{"an hour", 3600, {SHORT}, 100},
		{"56 years", 56 * 365 * 86400, {SHORT}, 100},
		{"a whole interval", 120, {SHORT}, 100},
		{"the interval before", 60, {ATTACK}, 101},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(olds); i++) {
		NR_AUTO(nr_victims_fini) struct nr_victims v;
		assert_int_equal(nr_victims_init(&v, NULL, NR_VICTIMS_MAX, NULL), 0);
		answers(&v, DAY0, 100, NR_SECOND / 10);
		answers(&v, DAY0 - olds[i].before * NR_SECOND, 1, 0);
		nr_victims_expire(&v, NR_TIME_MAX);
		expect_ended(olds[i].name, &v, olds[i].verdicts);
		assert_int_equal(v.ended[0].packets, olds[i].packets);
		assert_int_equal(v.ended[0].packets + v.untracked, 101); /* nothing goes unsaid */
	}
}

static void test_expire(void **state)
{
	NR_AUTO(nr_victims_fini) struct nr_victims v;
	(void)state;
	assert_int_equal(nr_victims_init(&v, NULL, NR_VICTIMS_MAX, NULL), 0);
	answers(&v, DAY0, 61, NR_SECOND); /* the last at 60 s: in the interval that ends at 120 s */
	nr_victims_expire(&v, DAY0 + 180 * NR_SECOND - 1);
	assert_int_equal(v.used, 1);
	assert_int_equal(v.ended_count, 0);
	nr_victims_expire(&v, DAY0 + 180 * NR_SECOND);
	assert_int_equal(v.used, 0);
	assert_int_equal(v.ended_count, 1);
	nr_victims_expire(&v, DAY0 + 400 * NR_SECOND); /* not judged twice */
	assert_int_equal(v.ended_count, 1);
}

/* One victim, three protocols: three entries. Two addresses with equal IPv4 low bits: two. */
static void test_keys(void **state)
{
	static const uint8_t protocols[] = {NR_TCP, NR_UDP, NR_ICMP};
	NR_AUTO(nr_victims_fini) struct nr_victims v;
	(void)state;
	assert_int_equal(nr_victims_init(&v, NULL, NR_VICTIMS_MAX, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 100; k++) {
			struct nr_backscatter b = answer_of(DAY0 + (nr_time)k * NR_SECOND);
			b.protocol = protocols[i];
			nr_victims_observe(&v, &b);
			memset(b.victim.octets, 0x20, 4);
			nr_victims_observe(&v, &b);
		}
	assert_int_equal(v.used, 6);
	nr_victims_expire(&v, NR_TIME_MAX);
	assert_int_equal(v.ended_count, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(v.ended[i].packets, 100);
		assert_int_equal(v.ended[i].bytes, 5400);
		assert_int_equal(v.ended[i].first_target_port, 80);
		assert_int_equal(nr_linear_count(v.ended[i].target_ports), 1);
	}
}

static void test_linear_count(void **state)
{
	uint64_t bits[8] = {0};
	(void)state;
	assert_int_equal(nr_linear_count(bits), 0);
	bits[7] = UINT64_C(1) << 63;
	assert_int_equal(nr_linear_count(bits), 1);
	for (size_t i = 0; i < 4; i++)
		bits[i] = UINT64_MAX;
	bits[7] = 0;
	assert_int_equal(nr_linear_count(bits), 355); /* 512 ln 2 */
	memset(bits, 0xff, sizeof bits);
	assert_int_equal(nr_linear_count(bits), 3194);
	bits[0] ^= 1;
	assert_int_equal(nr_linear_count(bits), 3194);
}

/* The table grows without losing an entry, is full at its limit, says so, and takes new ones after the old
 * ended. */
static void test_limit(void **state)
{
	NR_AUTO(nr_victims_fini) struct nr_victims v;
	const uint32_t beyond = 100;
	(void)state;
	assert_int_equal(nr_victims_init(&v, NULL, NR_VICTIMS_MAX, NULL), 0);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < NR_VICTIMS_MAX + beyond; i++) {
			struct nr_backscatter b = answer_of(DAY0 + round * NR_SECOND);
			b.victim = nr_address_from_ipv4(i * 2654435761u);
			nr_victims_observe(&v, &b);
		}
	assert_int_equal(v.used, NR_VICTIMS_MAX);
	assert_int_equal(v.untracked, 2 * beyond);
	size_t entries = 0;
	for (size_t i = 0; i < v.capacity; i++)
		if (v.slots[i].protocol) {
			entries++;
			assert_int_equal(v.slots[i].packets, 2);
		}
	assert_int_equal(entries, NR_VICTIMS_MAX);
	nr_victims_expire(&v, DAY0 + 300 * NR_SECOND);
	assert_int_equal(v.used, 0);
	answers(&v, DAY0 + 300 * NR_SECOND, 1, 0);
	assert_int_equal(v.used, 1);
	assert_int_equal(v.untracked, 2 * beyond);
}

/* ---- what the sense shows to it ---- */

static struct nr_packet error_of(nr_time time, uint32_t router, unsigned marks)
{
	struct nr_packet p = udp_of(time, router, DARK, 1);
	p.protocol = NR_ICMP;
	p.source_port = 3;
	p.destination_port = 3;
	p.marks = (uint16_t)(NR_MARK_PORTS | marks);
	return p;
}

static struct nr_packet quote_of(nr_time time, uint8_t protocol)
{
	struct nr_packet p = udp_of(time, VICTIM, DARK, 5555);
	p.protocol = protocol;
	p.source_port = 53;
	p.kind = NR_PACKET_QUOTE;
	return p;
}

/* A router's errors accuse whom they quote, not the router; a quote of another's packet accuses nobody. */
static void test_attribution(void **state)
{
	const uint32_t router = 0x09090909;
	struct rig rig;
	(void)state;
	rig_init(&rig, (const char *const[]){"dark-size", "65536", NULL});
	rig_start(&rig);
	for (size_t i = 0; i < 100; i++) {
		nr_time time = DAY0 + (nr_time)i * NR_SECOND;
		struct nr_packet quoted[] = {error_of(time, router, NR_MARK_QUOTES), quote_of(time, NR_UDP)};
		rig_observe(&rig, quoted, 2);
		struct nr_packet mismatch = error_of(time, router, NR_MARK_QUOTE_MISMATCH);
		rig_observe(&rig, &mismatch, 1);
		struct nr_packet bare =
			error_of(time, 0x08080808, 0); /* nothing usable is quoted: its sender */
		rig_observe(&rig, &bare, 1);
	}
	rig_flush(&rig, NR_TIME_MAX);
	assert_int_equal(rig.local->victims.mismatches, 100);
	assert_int_equal(rig.local->packets, 300); /* what is quoted is no packet */
	assert_int_equal(seen_count(&rig.recorder, SEEN_VICTIM), 2);
	for (size_t i = 0; i < rig.recorder.count; i++) {
		const struct seen_row *r = &rig.recorder.rows[i];
		if (r->table != SEEN_VICTIM)
			continue;
		bool quoted = r->protocol == NR_UDP;
		assert_int_equal(r->protocol, quoted ? NR_UDP : NR_ICMP);
		assert_int_equal(nr_address_ipv4(&r->address), quoted ? VICTIM : 0x08080808);
		assert_int_equal(r->packets, 100);
		assert_int_equal(r->peak, 60);
		assert_true(r->rate == 65536.0); /* 60 in 60 s on 1/65536 of all addresses */
		assert_true(r->first == DAY0 && r->last == DAY0 + 99 * NR_SECOND);
	}
	rig_fini(&rig);
}

/* SYN-ACK, RST and RST-ACK are answers; scans, UDP probes and plain ACKs are not. */
static void test_which_packets(void **state)
{
	static const struct {
		uint8_t protocol, flags;
		uint16_t marks;
		bool victim;
	} kinds[] = {
		{NR_TCP, 0x12, 0, true},
		{NR_TCP, 0x04, 0, true},
		{NR_TCP, 0x14, 0, true},
		{NR_TCP, 0x52, 0, true},
		{NR_TCP, 0x02, 0, false},
		{NR_TCP, 0x10, 0, false},
		{NR_TCP, 0x18, 0, false},
		{NR_TCP, 0x00, 0, false},
		{NR_UDP, 0, 0, false},
		{NR_UDP, 0, NR_MARK_ANSWER, true},
	};
	(void)state;
	for (size_t k = 0; k < NR_COUNT(kinds); k++) {
		struct rig rig;
		rig_init(&rig, NULL);
		rig_start(&rig);
		for (size_t i = 0; i < 100; i++) {
			struct nr_packet p =
				syn_of(DAY0 + (nr_time)i * NR_SECOND, VICTIM, DARK + (uint32_t)i, 4000);
			if (kinds[k].protocol == NR_UDP)
				p = udp_of(p.time, VICTIM, DARK, 4000);
			p.flags = kinds[k].flags;
			p.marks |= kinds[k].marks;
			rig_observe(&rig, &p, 1);
		}
		rig_flush(&rig, NR_TIME_MAX);
		if (seen_count(&rig.recorder, SEEN_VICTIM) != kinds[k].victim)
			fail_msg("protocol %u, flags %02x: %zu victims", kinds[k].protocol, kinds[k].flags,
				seen_count(&rig.recorder, SEEN_VICTIM));
		assert_int_equal(seen_count(&rig.recorder, SEEN_FINDING), kinds[k].victim);
		rig_fini(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syn_ack_scan),
		cmocka_unit_test(test_boundaries),
		cmocka_unit_test(test_predicates),
		cmocka_unit_test(test_peak),
		cmocka_unit_test(test_ring_overflow),
		cmocka_unit_test(test_expire),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_linear_count),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_attribution),
		cmocka_unit_test(test_which_packets),
		cmocka_unit_test(test_older_than_its_entry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
