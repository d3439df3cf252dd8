/* SPDX-License-Identifier: Apache-2.0 */
/* The live second: figures, samples and alarms on a clock that the test moves. */
#include "model/live.h"
#include "sense/telescope/alarm.h"
#include "sense/telescope/pulse.h"
#include "telescope_rig.h"

#include <math.h>

/* ---- a sink that remembers what live listeners are told ---- */

struct told {
	char kind[24], change[16], state[8], sample[32];
	struct nr_address subject;
	nr_time first, last;
	uint64_t count;
};

struct listener {
	struct nr_sink sink; /* first */
	struct nr_live_pulse pulses[256];
	struct nr_live_port ports[64];
	struct nr_live_country countries[64];
	struct nr_live_particle *particles; /* owned; all samples */
	struct told findings[2048];
	uint64_t of, beyond;
	size_t pulse_count, port_count, country_count, particle_count, sample_count, finding_count,
		victim_count;
};

static void text_of(const char *json, const char *key, char *text, size_t room)
{
	char word[32];
	snprintf(word, sizeof word, "\"%s\":\"", key);
	const char *at = strstr(json, word);
	text[0] = '\0';
	if (at)
		snprintf(text, room, "%.*s", (int)strcspn(at + strlen(word), "\""), at + strlen(word));
}

static void hear_finding(struct listener *l, const struct nr_finding *f)
{
	assert_true(l->finding_count < NR_COUNT(l->findings));
	struct told *t = &l->findings[l->finding_count++];
	*t = (struct told){.subject = f->subject, .first = f->first, .last = f->last, .count = f->count};
	snprintf(t->kind, sizeof t->kind, "%s", f->kind);
	text_of(f->evidence, "change", t->change, sizeof t->change);
	text_of(f->evidence, "state", t->state, sizeof t->state);
	const char *sample = strstr(f->evidence, "\"sample\":");
	if (sample)
		text_of(sample, "destination", t->sample, sizeof t->sample);
	assert_true(*f->reason_en && *f->reason_ja);
}

static void hear_particles(struct listener *l, const struct nr_live_particle *rows, size_t count)
{
	l->particles = realloc(l->particles, (l->particle_count + count) * sizeof *l->particles);
	assert_non_null(l->particles);
	memcpy(l->particles + l->particle_count, rows, count * sizeof *rows);
	l->particle_count += count;
	l->sample_count++;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(rows[i].of, rows[0].of);
	l->of += rows[0].of;
}

static int hear(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	(void)error;
	struct listener *l = (struct listener *)sink;
	for (size_t i = 0; i < count; i++)
		if (table == &nr_live_pulse_table)
			l->pulses[l->pulse_count++] = ((const struct nr_live_pulse *)rows)[i];
		else if (table == &nr_live_port_table)
			l->ports[l->port_count++] = ((const struct nr_live_port *)rows)[i];
		else if (table == &nr_live_country_table)
			l->countries[l->country_count++] = ((const struct nr_live_country *)rows)[i];
		else if (table == &nr_live_drop_table)
			l->beyond += ((const struct nr_live_drop *)rows)[i].packets;
		else if (table == &nr_finding_table)
			hear_finding(l, (const struct nr_finding *)rows + i);
		else
			l->victim_count += table == &nr_victim_table;
	if (table == &nr_live_particle_table)
		hear_particles(l, rows, count);
	assert_true(l->pulse_count < NR_COUNT(l->pulses) && l->port_count < NR_COUNT(l->ports) &&
		    l->country_count < NR_COUNT(l->countries));
	return 0;
}

static struct listener *listener_new(void)
{
	struct listener *l = calloc(1, sizeof *l);
	assert_non_null(l);
	l->sink.rows = hear;
	return l;
}

static void listener_freep(struct listener **l)
{
	free((*l)->particles);
	free(*l);
}

static void forget(struct listener *l)
{
	l->pulse_count = l->port_count = l->country_count = l->particle_count = l->sample_count = 0;
	l->finding_count = l->victim_count = 0;
	l->of = l->beyond = 0;
}

static void pulse_at(struct rig *rig, struct listener *l, nr_time now)
{
	struct nr_error error = {0};
	void *locals[] = {rig->local};
	if (nr_telescope_sense.pulse(&rig->conf, locals, 1, now, &l->sink, &error))
		fail_msg("%s", error.text);
}

/* Four pulses, the last of which ends the second that begins at `from`. */
static void one_second(struct rig *rig, struct listener *l, nr_time from)
{
	for (int i = 1; i <= 4; i++)
		pulse_at(rig, l, from + i * NR_SECOND / 4);
}

/* ---- figures ---- */

static const char *const options[] = {"dark", "198.51.100.0/24", "own", "192.0.2.0/24", NULL};
#define DARK  0xc6336400u
#define OWN   0xc0000200u
#define START (DAY0 + 10 * NR_HOUR)

static void start(struct rig *rig, struct listener *l)
{
	rig_init(rig, options);
	rig_start(rig);
	pulse_at(rig, l, START); /* from here on it counts */
}

static void test_nothing_offline(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig, options);
	rig_start(&rig);
	struct nr_packet packet = syn_of(START, 0x08080808, DARK, 23);
	rig_observe(&rig, &packet, 1);
	assert_null(rig.local->pulse);
	rig_fini(&rig);
}

static void test_a_second(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	struct nr_packet packets[100];
	for (unsigned i = 0; i < 100; i++) {
		nr_time time = START + (nr_time)i * 9000;
		packets[i] = syn_of(time, 0x08080800 + i % 50, DARK + i, i < 60 ? 23 : (uint16_t)(1000 + i));
		if (i >= 80)
			packets[i] = udp_of(time, 0x08080800 + i % 50, DARK + i, 53);
		if (i == 99) { /* an answer of a victim */
			packets[i] = syn_of(time, 0x09090909, DARK + i, 40000);
			packets[i].flags = NR_TCP_SYN | NR_TCP_ACK;
		}
	}
	packets[98].kind = NR_PACKET_QUOTE; /* is no packet */
	rig_observe(&rig, packets, 100);
	one_second(&rig, l, START);
	assert_int_equal(l->pulse_count, 1);
	const struct nr_live_pulse *pulse = &l->pulses[0];
	assert_true(pulse->time == START);
	assert_true(fabs(pulse->seconds - 1) < 1e-9);
	assert_int_equal(pulse->packets, 99);
	assert_int_equal(pulse->bytes, 99 * 60);
	assert_int_equal(pulse->tcp_syn, 80);
	assert_int_equal(pulse->udp, 18);
	assert_int_equal(pulse->tcp_syn_ack, 1);
	assert_int_equal(pulse->backscatter, 1);
	assert_int_equal(pulse->tcp_rst + pulse->tcp_other + pulse->icmp + pulse->other, 0);
	/* two of 51 meet in one of 4096 registers now and then; five such pairs once in 50,000 runs */
	assert_in_range(pulse->sources, 47, 51);
	assert_int_equal(pulse->delay_ms, 1000);
	assert_int_equal(pulse->day_packets, 99);
	assert_int_equal(pulse->day_sources, 51);
	rig_fini(&rig);
}

static void test_busiest_ports(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	for (unsigned port = 1; port <= 30; port++) /* port n: n packets, odd ones by UDP */
		for (unsigned i = 0; i < port; i++) {
			struct nr_packet p = port & 1 ? udp_of(START, 0x08080808 + i, DARK, (uint16_t)port)
						      : syn_of(START, 0x08080808 + i, DARK, (uint16_t)port);
			rig_observe(&rig, &p, 1);
		}
	one_second(&rig, l, START);
	assert_int_equal(l->port_count, NR_LIVE_PORTS);
	for (unsigned i = 0; i < NR_LIVE_PORTS; i++) {
		assert_int_equal(l->ports[i].port, 30 - i);
		assert_int_equal(l->ports[i].packets, 30 - i);
		assert_int_equal(l->ports[i].protocol, (30 - i) & 1 ? NR_UDP : NR_TCP);
	}
	assert_string_equal(l->ports[7].class, nr_port_class(&rig.refs.classes, true, 23));
	forget(l);
	one_second(&rig, l, START + NR_SECOND); /* nothing is left of the second before */
	assert_int_equal(l->port_count, 0);
	assert_int_equal(l->pulses[0].packets, 0);
	assert_int_equal(l->pulses[0].sources, 0);
	rig_fini(&rig);
}

static void test_a_second_ends_when_it_is_called(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	pulse_at(&rig, l, START + 3 * NR_SECOND + 1); /* the caller was away */
	assert_int_equal(l->pulse_count, 1);
	assert_true(l->pulses[0].seconds > 3);
	pulse_at(&rig, l, START + 3 * NR_SECOND + NR_SECOND / 2);
	assert_int_equal(l->pulse_count, 1);
	pulse_at(&rig, l, START + 4 * NR_SECOND);
	assert_int_equal(l->pulse_count, 2);
	pulse_at(&rig, l, START - NR_HOUR); /* the clock was set back */
	assert_int_equal(l->pulse_count, 2);
	one_second(&rig, l, START - NR_HOUR);
	assert_int_equal(l->pulse_count, 3);
	assert_true(fabs(l->pulses[2].seconds - 1) < 1e-9);
	rig_fini(&rig);
}

/* ---- samples ---- */

static void test_few_packets_are_all_told(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	bool seen[NR_PULSE_SAMPLE] = {0};
	for (unsigned i = 0; i < NR_PULSE_SAMPLE; i++) {
		struct nr_packet p = syn_of(START + i, 0x08080000 + i, DARK + 7, (uint16_t)i);
		rig_observe(&rig, &p, 1);
	}
	pulse_at(&rig, l, START + NR_SECOND / 4);
	assert_int_equal(l->particle_count, NR_PULSE_SAMPLE);
	assert_int_equal(l->of, NR_PULSE_SAMPLE);
	for (size_t i = 0; i < l->particle_count; i++) {
		assert_false(seen[l->particles[i].destination_port]);
		seen[l->particles[i].destination_port] = true;
	}
	pulse_at(&rig, l, START + NR_SECOND / 4 + NR_PULSE_SAMPLE_US - 1); /* not more often than that */
	pulse_at(&rig, l, START + NR_SECOND / 2);                          /* nothing new */
	assert_int_equal(l->sample_count, 1);
	rig_fini(&rig);
}

/* Of 200,000 packets every tenth of them in time has a tenth of the sample: chi-square, 9 degrees of freedom;
 * 40 is passed by chance once in 100,000 runs. */
static void test_samples_are_uniform(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	const unsigned rounds = 8, packets = 200000;
	double counts[10] = {0}, chi = 0;
	for (unsigned round = 0; round < rounds; round++) {
		nr_time from = START + round * NR_SECOND / 4;
		for (unsigned i = 0; i < packets; i++) {
			struct nr_packet p =
				syn_of(from + i, 0x08080000, DARK, (uint16_t)(i / (packets / 10)));
			nr_pulse_observe(rig.local, &(struct nr_batch){&p, 1});
		}
		pulse_at(&rig, l, from + NR_SECOND / 4);
	}
	assert_int_equal(l->particle_count, rounds * NR_PULSE_SAMPLE);
	assert_int_equal(l->of, rounds * packets);
	for (size_t i = 0; i < l->particle_count; i++)
		counts[l->particles[i].destination_port]++;
	double expected = rounds * NR_PULSE_SAMPLE / 10.0;
	for (size_t i = 0; i < 10; i++)
		chi += (counts[i] - expected) * (counts[i] - expected) / expected;
	assert_true(chi < 40);
	rig_fini(&rig);
}

/* A worker's part of the sample is its part of the packets. */
static void test_workers_share_a_sample(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	rig_init(&rig, options);
	struct nr_local *locals[3];
	for (size_t i = 0; i < 3; i++) {
		rig_start(&rig);
		locals[i] = rig.local;
	}
	void *const all[] = {locals[0], locals[1], locals[2]};
	assert_int_equal(nr_telescope_sense.pulse(&rig.conf, all, 3, START, &l->sink, NULL), 0);
	const unsigned packets[3] = {100, 20000, 79900};
	for (unsigned w = 0; w < 3; w++)
		for (unsigned i = 0; i < packets[w]; i++) {
			struct nr_packet p = syn_of(START, 0x08080000 + w, DARK, (uint16_t)w);
			nr_pulse_observe(locals[w], &(struct nr_batch){&p, 1});
		}
	for (int i = 1; i <= 4; i++)
		assert_int_equal(nr_telescope_sense.pulse(
					 &rig.conf, all, 3, START + i * NR_SECOND / 4, &l->sink, NULL),
			0);
	unsigned counts[3] = {0};
	for (size_t i = 0; i < l->particle_count; i++)
		counts[l->particles[i].destination_port]++;
	assert_int_equal(counts[0] + counts[1] + counts[2], NR_PULSE_SAMPLE);
	assert_int_equal(counts[0], 0); /* 0.6 of one */
	assert_int_equal(counts[1], 125);
	assert_int_equal(l->of, 100000);
	assert_int_equal(l->pulses[0].packets, 100000);
	assert_in_range(l->pulses[0].sources, 1, 3);
	assert_int_equal(l->ports[0].packets, 79900);
	for (size_t i = 0; i < 3; i++) {
		nr_telescope_sense.stop(locals[i]);
		free(locals[i]);
	}
	rig.local = NULL;
	rig_fini(&rig);
}

static void test_bits(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	struct nr_packet p[8];
	const unsigned bits[8] = {0, NR_LIVE_MIRAI, NR_LIVE_ZMAP, NR_LIVE_MASSCAN, NR_LIVE_OWN,
		NR_LIVE_SPOOFED, NR_LIVE_BACKSCATTER, NR_LIVE_SPOOFED};
	for (uint16_t i = 0; i < 8; i++)
		p[i] = syn_of(START, 0x08080808, DARK + 9, i);
	p[1].sequence = DARK + 9;
	p[2].id = NR_ZMAP_ID;
	p[3].id = (uint16_t)((DARK + 9) ^ 3 ^ p[3].sequence);
	p[4].source = nr_address_from_ipv4(OWN + 1);
	p[5].source = nr_address_from_ipv4(0x0a000001);
	p[6].flags = NR_TCP_RST;
	p[7].source = nr_address_from_ipv4(DARK + 200);
	rig_observe(&rig, p, 8);
	pulse_at(&rig, l, START + NR_SECOND / 4);
	assert_int_equal(l->particle_count, 8);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(l->particles[i].bits, bits[l->particles[i].destination_port]);
	rig_fini(&rig);
}

/* ---- own hosts ---- */

static void test_own_host(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	struct nr_packet p = syn_of(START + 1000, OWN + 5, DARK + 77, 23);
	rig_observe(&rig, &p, 1);
	pulse_at(&rig, l, START + NR_SECOND / 4);
	assert_int_equal(l->finding_count, 1); /* at once */
	assert_string_equal(l->findings[0].kind, "infected-host");
	assert_string_equal(l->findings[0].change, "new");
	assert_string_equal(l->findings[0].state, "open");
	assert_string_equal(l->findings[0].sample, "198.51.0.0/16"); /* not which address */
	assert_true(nr_address_equal(&l->findings[0].subject, &p.source));
	assert_true(l->findings[0].first == p.time);
	forget(l);

	p.time = START + NR_SECOND + 1;
	rig_observe(&rig, &p, 1);
	one_second(&rig, l, START + NR_SECOND);
	assert_int_equal(l->finding_count, 0); /* at most once a minute */
	one_second(&rig, l, START + NR_MINUTE + NR_SECOND);
	assert_int_equal(l->finding_count, 1);
	assert_string_equal(l->findings[0].change, "figures");
	assert_int_equal(l->findings[0].count, 2);
	forget(l);

	p.time = START + 2 * NR_MINUTE;
	p.destination_port = 445; /* another class of ports: told at once */
	rig_observe(&rig, &p, 1);
	one_second(&rig, l, START + 2 * NR_MINUTE);
	assert_int_equal(l->finding_count, 1);
	assert_string_equal(l->findings[0].change, "port-class");
	forget(l);

	p.flags = NR_TCP_SYN | NR_TCP_ACK; /* another kind: the remedy differs */
	rig_observe(&rig, &p, 1);
	one_second(&rig, l, START + 3 * NR_MINUTE);
	assert_int_equal(l->finding_count, 1);
	assert_string_equal(l->findings[0].kind, "attacked-host");
	assert_string_equal(l->findings[0].change, "new");
	forget(l);

	one_second(&rig, l, START + 2 * NR_MINUTE + NR_ALARM_SILENCE);
	assert_int_equal(l->finding_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(l->findings[i].change, "closed");
		assert_string_equal(l->findings[i].state, "closed");
	}
	rig_fini(&rig);
}

/* What is told live and what the finished day says are one row: sensor, sense, kind, subject, first. */
static void test_the_day_updates_the_row(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	struct nr_packet p = syn_of(START + 1000, OWN + 5, DARK + 77, 23);
	rig_observe(&rig, &p, 1);
	one_second(&rig, l, START);
	p.time = START - NR_SECOND; /* out of order: earlier than what was told */
	rig_observe(&rig, &p, 1);
	rig_flush(&rig, NR_TIME_MAX);
	size_t found = 0;
	for (size_t i = 0; i < rig.recorder.count; i++) {
		const struct seen_row *row = &rig.recorder.rows[i];
		if (row->table != SEEN_FINDING)
			continue;
		found++;
		assert_string_equal(row->key, l->findings[0].kind);
		assert_true(row->first == l->findings[0].first);
		assert_int_equal(row->packets, 2);
	}
	assert_int_equal(found, 1);
	rig_fini(&rig);
}

/* A process that died takes its pulse along, but not what was told: its successor does not tell it anew. */
static void test_a_successor_knows_what_was_told(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	struct nr_packet p = syn_of(START + 1000, OWN + 5, DARK + 77, 23);
	rig_observe(&rig, &p, 1);
	pulse_at(&rig, l, START + NR_SECOND / 4);
	assert_string_equal(l->findings[0].change, "new");
	forget(l);
	nr_pulse_free(rig.local->pulse);
	rig.local->pulse = NULL;
	p.time += NR_SECOND;
	rig_observe(&rig, &p, 1);
	pulse_at(&rig, l, START + NR_MINUTE);
	pulse_at(&rig, l, START + 2 * NR_MINUTE);
	assert_int_equal(l->finding_count, 1);
	assert_string_equal(l->findings[0].change, "figures");
	forget(l);
	p.time = START + 3 * NR_MINUTE;
	rig_observe(&rig, &p, 1);
	pulse_at(&rig, l, START + NR_ALARM_AGAIN + NR_SECOND);
	assert_string_equal(l->findings[0].change, "again"); /* counted from the first process's message */
	rig_fini(&rig);
}

/* A host that goes on over midnight has a new row, but is told again only when a day has passed. */
static void test_over_midnight(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	nr_time time = DAY0 + NR_DAY - NR_MINUTE;
	char changes[64][16];
	size_t count = 0;
	for (unsigned i = 0; i < 100; i++, time += 15 * NR_MINUTE) { /* 25 hours */
		struct nr_packet p = syn_of(time, OWN + 5, DARK + 77, 23);
		rig_observe(&rig, &p, 1);
		if (i % 4 == 0)
			rig_flush(&rig, time - 20 * NR_MINUTE);
		one_second(&rig, l, time);
		l->pulse_count = l->port_count = 0;
	}
	for (size_t i = 0; i < l->finding_count; i++)
		if (strcmp(l->findings[i].change, "figures") != 0)
			snprintf(changes[count++], sizeof changes[0], "%s", l->findings[i].change);
	assert_int_equal(count, 2);
	assert_string_equal(changes[0], "new");
	assert_string_equal(changes[1], "again");
	rig_fini(&rig);
}

/* Forged sources of an own network: each look tells a bounded number, and none is left out for good. */
static void test_many_own_hosts(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	static const char *const wide[] = {"dark", "198.51.100.0/24", "own", "10.0.0.0/8", NULL};
	rig_init(&rig, wide);
	rig_start(&rig);
	pulse_at(&rig, l, START);
	const unsigned hosts = 1000;
	for (unsigned i = 0; i < hosts; i++) {
		struct nr_packet p = syn_of(START, 0x0a000000 + i, DARK, 23);
		rig_observe(&rig, &p, 1);
	}
	for (unsigned i = 0; i < 4; i++) {
		pulse_at(&rig, l, START + (i + 1) * NR_SECOND / 4);
		assert_int_equal(l->finding_count, NR_MIN((i + 1) * NR_ALARMS_LOOK, hosts));
	}
	for (size_t i = 0; i < hosts; i++)
		assert_string_equal(l->findings[i].change, "new");
	rig_fini(&rig);
}

static void test_a_full_table_is_counted(void **state)
{
	(void)state;
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	struct nr_alarms alarms = {.close_at = START};
	NR_AUTO(nr_freep) struct nr_own_host *hosts = calloc(NR_ALARMS_MAX + 10, sizeof *hosts);
	assert_non_null(hosts);
	struct nr_own *own = &rig.local->days[0].own;
	struct nr_packet p = syn_of(START, OWN + 5, DARK + 77, 23);
	rig_observe(&rig, &p, 1); /* opens the day */
	if (!rig.local->days[0].open)
		own = &rig.local->days[1].own;
	struct nr_own before = *own;
	for (unsigned i = 0; i < NR_ALARMS_MAX + 10; i++) {
		hosts[i] = before.slots[0];
		hosts[i].address = nr_address_from_ipv4(OWN + i);
		hosts[i].packets = 1;
	}
	*own = (struct nr_own){.slots = hosts, .capacity = NR_ALARMS_MAX + 10, .packets = NR_ALARMS_MAX + 10};
	void *locals[] = {rig.local};
	uint64_t beyond = 0, told = 0;
	for (unsigned i = 0; i <= NR_ALARMS_MAX / NR_ALARMS_LOOK + 1; i++) {
		forget(l);
		assert_int_equal(nr_alarms_look(&alarms, &rig.conf, locals, 1, START + i, &l->sink, NULL), 0);
		beyond += l->beyond;
		told += l->finding_count;
	}
	*own = before;
	assert_int_equal(told, NR_ALARMS_MAX);
	assert_int_equal(beyond, 10);
	nr_alarms_fini(&alarms);
	rig_fini(&rig);
}

/* ---- victims ---- */

static struct nr_packet answer_of(nr_time time, unsigned i)
{
	struct nr_packet p = syn_of(time, 0x09090909, DARK + i % 200, (uint16_t)(1024 + i));
	p.source_port = 80;
	p.flags = NR_TCP_SYN | NR_TCP_ACK;
	return p;
}

/* 120 answers, one a second from `begin` on: opened within a minute of the limits, closed within one of the
 * silence, the figures between. *ret_flushed: findings of the flush, all of the same onset. */
static void run_attack(
	const char *kind, struct nr_packet (*answer)(nr_time time, unsigned i), size_t *ret_flushed)
{
	struct rig rig;
	NR_AUTO(listener_freep) struct listener *l = listener_new();
	start(&rig, l);
	nr_time begin = nr_time_floor(START, NR_MINUTE) + NR_MINUTE, now = begin;
	nr_time opened = 0, closed = 0;
	for (unsigned i = 0; i < 300; i++, now += NR_SECOND) {
		struct nr_packet p = answer(now, i);
		if (i < 120)
			rig_observe(&rig, &p, 1);
		forget(l);
		one_second(&rig, l, now);
		for (size_t k = 0; k < l->finding_count; k++) {
			const struct told *t = &l->findings[k];
			assert_string_equal(t->kind, kind);
			assert_true(t->first == begin);
			assert_int_equal(l->victim_count, l->finding_count);
			if (strcmp(t->change, "new") == 0) {
				assert_int_equal(opened, 0);
				opened = now;
			} else if (strcmp(t->change, "closed") == 0) {
				assert_int_equal(closed, 0);
				closed = now;
				assert_int_equal(t->count, 120);
			} else {
				assert_string_equal(t->change, "figures");
				assert_int_equal(closed, 0);
			}
		}
	}
	nr_time reached = begin + NR_VICTIM_DURATION;
	assert_true(opened >= reached && opened <= reached + NR_MINUTE);
	/* 120 s of answers end in the third minute's interval; the fourth is silent */
	nr_time over = begin + 3 * NR_MINUTE;
	assert_true(closed >= over && closed <= over + NR_MINUTE);
	rig_flush(&rig, NR_TIME_MAX);
	*ret_flushed = 0;
	for (size_t i = 0; i < rig.recorder.count; i++)
		if (rig.recorder.rows[i].table == SEEN_FINDING) {
			++*ret_flushed;
			assert_true(rig.recorder.rows[i].first == begin);
		}
	rig_fini(&rig);
}

static void test_victim(void **state)
{
	size_t flushed;
	(void)state;
	run_attack("ddos-victim", answer_of, &flushed);
	assert_int_equal(flushed, 1);
}

/* The same answers, each of another address of a /24: told of the network, which the flush need not repeat.
 */
static struct nr_packet answer_of_network(nr_time time, unsigned i)
{
	struct nr_packet p = answer_of(time, i);
	p.source = nr_address_from_ipv4(0x09090900 + i % 100);
	return p;
}

static void test_carpet(void **state)
{
	size_t flushed;
	(void)state;
	run_attack("ddos-carpet", answer_of_network, &flushed);
	assert_int_equal(flushed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_offline),
		cmocka_unit_test(test_a_second),
		cmocka_unit_test(test_busiest_ports),
		cmocka_unit_test(test_a_second_ends_when_it_is_called),
		cmocka_unit_test(test_few_packets_are_all_told),
		cmocka_unit_test(test_samples_are_uniform),
		cmocka_unit_test(test_workers_share_a_sample),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_own_host),
		cmocka_unit_test(test_the_day_updates_the_row),
		cmocka_unit_test(test_a_successor_knows_what_was_told),
		cmocka_unit_test(test_over_midnight),
		cmocka_unit_test(test_many_own_hosts),
		cmocka_unit_test(test_a_full_table_is_counted),
		cmocka_unit_test(test_victim),
		cmocka_unit_test(test_carpet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
