/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the scenes by themselves: who was there, sizes, the flow cache of a connection that beats, the
 * tables. The whole is in tests/golden/world_scenes.bats. */
#include "train/world/flows/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_crowd(void **state)
{
	struct nr_crowd crowd = {0};
	const uint32_t many = 5000; /* more than there is room for at first */
	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (uint32_t i = 0; i < many; i++) {
			struct nr_address a = nr_address_from_ipv4(0x0a000000 + (i * 7919) % many);
			assert_int_equal(nr_crowd_add(&crowd, i % 3, &a, 100 + (nr_time)i - round), i);
		}
	assert_int_equal(crowd.count, many);
	assert_int_equal(crowd.members[10].first, 109);
	assert_int_equal(crowd.members[10].last, 110);
	struct nr_address same = nr_address_from_ipv4(0x0a000000);
	assert_int_equal(nr_crowd_add(&crowd, 7, &same, 5), many); /* of another group: another one */
	nr_crowd_sort(&crowd);
	for (uint32_t i = 1; i < crowd.count; i++) {
		const struct nr_crowd_member *a = &crowd.members[i - 1], *b = &crowd.members[i];
		assert_true(a->group < b->group || (a->group == b->group && memcmp(&a->address, &b->address,
										    sizeof a->address) < 0));
	}
	nr_crowd_fini(&crowd);
}

static void test_sizes(void **state)
{
	struct nr_conversation c = {.protocol = 6};
	(void)state;
	nr_scene_pack(&c, 2, 2, false, false); /* a ping of two octets, as Mirai's */
	assert_int_equal(c.up.packets, 2);
	assert_int_equal(c.up.bytes, 2 * 52 + 2);
	assert_int_equal(c.down.packets, 1);
	assert_int_equal(c.down.bytes, 52 + 2);
	assert_int_equal(c.up.tcp_flags, 0x18);
	nr_scene_pack(&c, 0, 0, false, false); /* TCP's own keepalive */
	assert_int_equal(c.up.packets + c.down.packets, 2);
	assert_int_equal(c.up.tcp_flags, 0x10);
	nr_scene_pack(&c, 300, 14000, true, true);
	assert_int_equal(c.down.packets, 13);
	assert_int_equal(c.down.bytes, 14000 + 13 * 52);
	assert_int_equal(c.up.tcp_flags, 0x1b);
	c.protocol = 17;
	nr_scene_pack(&c, 240, 0, false, false); /* nobody answers */
	assert_int_equal(c.up.bytes, 268);
	assert_int_equal(c.down.packets, 0);
}

/* ---- the flow cache ---- */

struct cache {
	struct nr_flows_world world;
	struct nr_flows_conf conf;
	uint32_t entries[2];
};

static void cache_init(struct cache *cache, unsigned kind, nr_time active)
{
	*cache = (struct cache){0};
	struct nr_flows_world *world = &cache->world;
	world->conf = &cache->conf;
	world->end = NR_DAY;
	world->exporter_count = 1;
	nr_chance_init(&world->chance);
	nr_exporter_init(&world->exporters[0], kind, 5, 0, NR_DAY, 1);
	world->exporters[0].number = 0;
	world->exporters[0].active = active;
	assert_int_equal(nr_calendar_init(&world->calendar, 0, NULL), 0);
}

struct told {
	unsigned records, by_active;
	uint64_t packets;
	nr_time longest;
};

static void tell(struct cache *cache, nr_time until, struct told *told)
{
	struct nr_calendar *calendar = &cache->world.calendar;
	while (calendar->now < until) {
		uint32_t list = nr_calendar_turn(calendar);
		struct nr_entry *entry;
		while ((entry = nr_calendar_pop(calendar, &list))) {
			const struct nr_flow_record *r = &entry->record;
			told->records++;
			told->by_active += r->end_reason == NR_END_ACTIVE;
			told->packets += r->packets;
			told->longest = NR_MAX(told->longest, r->last - r->first);
			if (!entry->left) {
				nr_calendar_drop(calendar, entry);
				continue;
			}
			nr_meter_next(&cache->world.chance, &cache->world.exporters[0], entry);
			nr_calendar_put(calendar, entry);
		}
	}
}

/* A connection that beats so many times, in seconds. */
static struct told beat(unsigned kind, nr_time active, unsigned beats, nr_time period)
{
	struct cache cache;
	struct told told = {0};
	cache_init(&cache, kind, active);
	struct nr_flows_world *world = &cache.world;
	for (unsigned i = 0; i < beats; i++) {
		struct nr_conversation c = {.start = (nr_time)i * period + 1234,
			.protocol = 6,
			.length = 50000,
			.client = {.place = NR_PLACE_GIVEN, .port = 40000},
			.server = {.place = NR_PLACE_GIVEN, .port = 23}};
		world->now = nr_time_floor(c.start, NR_SECOND);
		tell(&cache, world->now, &told);
		nr_scene_pack(&c, 2, 2, i == 0, i + 1 == beats);
		assert_int_equal(nr_scene_pass(world, &c, cache.entries, NULL), 0);
	}
	tell(&cache, world->now + NR_HOUR, &told);
	assert_int_equal(told.packets, world->exporters[0].packets);
	nr_calendar_fini(&world->calendar);
	return told;
}

static unsigned kind_of(const char *name)
{
	unsigned i = 0;
	while (strcmp(nr_exporter_kinds[i].name, name) != 0)
		i++;
	return i;
}

static void test_cache(void **state)
{
	unsigned edge = kind_of("edge"), office = kind_of("office"), exchange = kind_of("exchange");
	(void)state;
	/* idle 15 s: each beat a record in each direction */
	struct told t = beat(edge, 5 * NR_MINUTE, 60, NR_MINUTE);
	assert_int_equal(t.records, 120);
	assert_int_equal(t.by_active, 0);
	/* beats within the idle time: cut by the active one, and the period is not to be seen */
	t = beat(edge, 5 * NR_MINUTE, 360, 10 * NR_SECOND);
	assert_int_equal(t.records, 2 * 12);
	assert_true(t.by_active >= 2 * 11);
	assert_true(t.longest <= 5 * NR_MINUTE && t.longest > 4 * NR_MINUTE);
	t = beat(office, 30 * NR_MINUTE, 80, 45 * NR_SECOND);
	assert_int_equal(t.records, 2 * 2);
	/* sFlow has no cache: each packet by itself */
	t = beat(exchange, 0, 10, NR_MINUTE);
	assert_int_equal(t.records, t.packets);
}

/* A server of the background: something of each conversation is sampled, and not more than the rate says. */
static void test_surely(void **state)
{
	struct cache cache;
	struct nr_entry parts[2];
	uint64_t sampled = 0;
	(void)state;
	cache_init(&cache, kind_of("border"), NR_MINUTE);
	struct nr_exporter *x = &cache.world.exporters[0];
	x->sampling = 1000;
	x->odds = nr_odds_of(1e-3);
	for (unsigned i = 0; i < 2000; i++) {
		struct nr_conversation c = {.protocol = 6, .length = NR_SECOND, .surely = true};
		nr_scene_pack(&c, 20000, 100000, true, true);
		size_t count = nr_meter_open(&cache.world, x, &c, parts);
		assert_in_range(count, 1, 2);
		for (size_t k = 0; k < count; k++)
			sampled += parts[k].left;
	}
	/* about 140 packets of each: one, and 0.07 more */
	assert_in_range(sampled, 2050, 2300);
	nr_calendar_fini(&cache.world.calendar);
}

/* ---- the tables ---- */

static unsigned different(const struct nr_scene_part *parts, size_t count)
{
	unsigned names = 0;
	for (size_t i = 0; i < count; i++) {
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again |= strcmp(parts[i].name, parts[k].name) == 0;
		names += !again;
	}
	return names;
}

static void check_part(const struct nr_scene_part *p)
{
	assert_true(p->period[0] > 0 && p->period[0] <= p->period[1]);
	assert_true(p->jitter[0] <= p->jitter[1] && p->jitter[1] <= 1);
	assert_true(p->protocol == 1 || p->protocol == 6 || p->protocol == 17);
	assert_true(p->servers > 0 || p->crowd == NR_CROWD_MONITOR);
	assert_true(p->manner != NR_MANNER_REFUSED || p->tries > 0);
	assert_true(p->manner != NR_MANNER_STREAM || (p->life && p->pace[0] && p->pace[1]));
}

static void test_tables(void **state)
{
	(void)state;
	assert_true(different(nr_scene_bots, nr_scene_bot_count) >= 12);
	unsigned popular = different(nr_scene_popular, nr_scene_popular_count),
		 small = different(nr_scene_small, nr_scene_small_count);
	assert_int_equal(popular, nr_scene_popular_count);
	assert_int_equal(small, nr_scene_small_count);
	assert_true(popular + small >= 40);
	for (size_t i = 0; i < nr_scene_bot_count; i++) {
		check_part(&nr_scene_bots[i]);
		assert_true(!nr_scene_bots[i].benign && nr_scene_bots[i].coarsest > 0);
	}
	for (size_t i = 0; i < popular; i++) {
		check_part(&nr_scene_popular[i]);
		assert_true(nr_scene_popular[i].benign && nr_scene_popular[i].share > 0);
	}
	for (size_t i = 0; i < small; i++) {
		check_part(&nr_scene_small[i]);
		assert_true(nr_scene_small[i].benign && nr_scene_small[i].clients[0] > 0 &&
			    nr_scene_small[i].clients[0] <= nr_scene_small[i].clients[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_surely),
		cmocka_unit_test(test_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
