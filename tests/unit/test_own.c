/* SPDX-License-Identifier: Apache-2.0 */
/* Own hosts that send into the dark range: what they are taken for, and what is kept of them. */
#include "sense/telescope/own.h"
#include "telescope_rig.h"

#define HOST UINT32_C(0x0a010203)
#define DARK UINT32_C(0xc6120000)

static const struct nr_own_host *find(const struct nr_own *own, uint32_t address, enum nr_own_kind kind)
{
	struct nr_address a = nr_address_from_ipv4(address);
	for (size_t i = 0; i < own->capacity; i++)
		if (own->slots[i].packets && own->slots[i].kind == kind &&
			nr_address_equal(&own->slots[i].address, &a))
			return &own->slots[i];
	return NULL;
}

static void test_kinds(void **state)
{
	static const struct {
		uint16_t marks;
		bool backscatter;
		enum nr_own_kind kind;
		uint16_t port;
	} cases[] = {
		{0, false, NR_OWN_INFECTED, 23},
		{0, true, NR_OWN_ATTACKED, 40001}, /* answers: the port that was attacked is the source's */
		{NR_MARK_MISCONFIGURED, false, NR_OWN_MISCONFIGURED, 23},
		{NR_MARK_MISCONFIGURED, true, NR_OWN_MISCONFIGURED, 23},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_own_fini) struct nr_own own = {0};
		struct nr_packet p = syn_of(DAY0, HOST, DARK, 23);
		p.marks |= cases[i].marks;
		nr_own_observe(&own, &p, cases[i].backscatter);
		const struct nr_own_host *host = find(&own, HOST, cases[i].kind);
		assert_non_null(host);
		assert_int_equal(own.used, 1);
		assert_int_equal(host->port_count, 1);
		assert_int_equal(host->ports[0].port, cases[i].port);
		assert_memory_equal(&host->sample, &p, sizeof p);
	}
}

static void test_sums(void **state)
{
	NR_AUTO(nr_own_fini) struct nr_own own = {0};
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct nr_packet p =
			syn_of(DAY0 + (i * 37 % 100) * NR_SECOND, HOST, DARK + i, (uint16_t)(i % 20));
		p.ttl = (uint8_t)(60 + i % 3);
		p.marks &= (uint16_t) ~(i == 99 ? NR_MARK_PORTS : 0);
		nr_own_observe(&own, &p, false);
	}
	const struct nr_own_host *host = find(&own, HOST, NR_OWN_INFECTED);
	assert_non_null(host);
	assert_int_equal(host->packets, 100);
	assert_true(host->first == DAY0 && host->last == DAY0 + 99 * NR_SECOND);
	assert_int_equal(host->ttl_min, 60);
	assert_int_equal(host->ttl_max, 62);
	assert_int_equal(host->port_count, NR_OWN_PORTS); /* of 20 */
	for (size_t i = 0; i < NR_OWN_PORTS; i++)
		assert_int_equal(host->ports[i].packets, 5);
	assert_true(host->sample.time == DAY0);
}

/* Full: hosts that are known stay watched, packets of new ones are counted as beyond. */
static void test_limit(void **state)
{
	NR_AUTO(nr_own_fini) struct nr_own own = {0};
	(void)state;
	for (uint32_t i = 0; i < NR_OWN_MAX + 10; i++) {
		struct nr_packet p = syn_of(DAY0, i * 2654435761u, DARK, 23);
		nr_own_observe(&own, &p, false);
	}
	assert_int_equal(own.used, NR_OWN_MAX);
	assert_int_equal(own.beyond, 10);
	struct nr_packet p = syn_of(DAY0, 5 * 2654435761u, DARK, 24);
	nr_own_observe(&own, &p, false);
	assert_int_equal(own.beyond, 10);
	assert_int_equal(find(&own, 5 * 2654435761u, NR_OWN_INFECTED)->packets, 2);
	for (uint32_t i = 0; i < NR_OWN_MAX; i += 97)
		assert_non_null(find(&own, i * 2654435761u, NR_OWN_INFECTED));
}

/* Through the sense: one finding for each host, kind and day; others' packets are none. */
static void test_findings(void **state)
{
	static const char *const kinds[] = {"attacked-host", "infected-host", "misconfigured-host"};
	struct rig rig;
	(void)state;
	rig_init(&rig,
		(const char *const[]){"own", "10.1.0.0/16,2001:db8::/32", "dark", "198.18.0.0/15", NULL});
	rig_start(&rig);
	for (unsigned i = 0; i < 10; i++) {
		nr_time time = DAY0 + (nr_time)i * NR_HOUR * 4;
		struct nr_packet p[] = {syn_of(time, HOST, DARK, 23), syn_of(time, HOST, DARK, 23),
			udp_of(time, HOST, DARK, 5060), syn_of(time, 0x0a020000, DARK, 23)};
		p[1].flags = 0x12;
		p[2].marks |= NR_MARK_MISCONFIGURED;
		rig_flush(&rig, nr_time_floor(time, NR_STEP_WINDOW * NR_SECOND));
		rig_observe(&rig, p, 4);
	}
	rig_flush(&rig, NR_TIME_MAX);
	for (size_t k = 0; k < NR_COUNT(kinds); k++) {
		uint64_t packets[2] = {0};
		size_t count = 0;
		for (size_t i = 0; i < rig.recorder.count; i++) {
			const struct seen_row *r = &rig.recorder.rows[i];
			if (r->table != SEEN_FINDING || strcmp(r->key, kinds[k]))
				continue;
			assert_int_equal(nr_address_ipv4(&r->address), HOST);
			packets[count++ & 1] += r->packets;
		}
		assert_int_equal(count, 2); /* days */
		assert_int_equal(packets[0], 6);
		assert_int_equal(packets[1], 4);
	}
	rig_fini(&rig);
}

/* What a full table turned away is in the report. */
static void test_limit_is_said(void **state)
{
	struct rig rig;
	(void)state;
	rig_init(&rig, (const char *const[]){"own", "10.0.0.0/8", "memory", "8G", NULL});
	rig_start(&rig);
	rig_flush(&rig, DAY0);
	for (uint32_t i = 0; i < NR_OWN_MAX + 10; i++) {
		struct nr_packet p = syn_of(DAY0, 0x0a000000 + i, DARK, 23);
		rig_observe(&rig, &p, 1);
	}
	rig_flush(&rig, NR_TIME_MAX);
	assert_int_equal(seen_count(&rig.recorder, SEEN_FINDING), NR_OWN_MAX);
	assert_int_equal(rig.local->merged->no_room, 10);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
