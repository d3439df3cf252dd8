/* SPDX-License-Identifier: Apache-2.0 */
/* What behaviours are made of: sources, their constants, packets. */
#include "train/world/day.h"

#include <string.h>

bool nr_day_is_ours(const struct nr_day *day, uint32_t address)
{
	const struct nr_darknet_conf *conf = day->world->conf;
	struct nr_address a = nr_address_from_ipv4(address);
	for (size_t i = 0; i < conf->own.count; i++)
		if (nr_prefix_contains(&conf->own.items[i], &a))
			return true;
	for (size_t i = 0; i < conf->dark.count; i++)
		if (nr_prefix_contains(&conf->dark.items[i], &a))
			return true;
	return false;
}

bool nr_day_add_address(struct nr_day *day, uint32_t address, uint8_t tool, uint32_t *ret_source)
{
	struct nr_address a = nr_address_from_ipv4(address);
	bool added = nr_truth_add_source(&day->truth, &a, tool, ret_source);
	if (day->truth.failed)
		day->failed = true;
	return added;
}

static uint32_t add_in(struct nr_day *day, struct nr_random *random, uint8_t tool, unsigned country)
{
	const struct nr_geography *geography = day->world->geography;
	uint32_t source = 0;
	for (unsigned attempt = 0; !day->failed; attempt++) {
		uint32_t address = nr_geography_draw_address(geography, random, country);
		if (nr_day_add_address(day, address, tool, &source))
			return source;
		if (attempt >= 64) /* a crowded country */
			country = nr_geography_draw_country(random);
	}
	return 0;
}

uint32_t nr_day_add_source(struct nr_day *day, struct nr_random *random, uint8_t tool)
{
	return add_in(day, random, tool, nr_geography_draw_country(random));
}

uint32_t nr_day_add_source_in(struct nr_day *day, struct nr_random *random, uint8_t tool, const char *country)
{
	unsigned number = 0;
	while (number + 1 < nr_world_country_count && strcmp(nr_world_countries[number].code, country) != 0)
		number++;
	return add_in(day, random, tool, number);
}

uint32_t nr_day_pick(const struct nr_day *day, struct nr_actor *actor, nr_time time)
{
	uint64_t window = actor->source_count / 4 + 1;
	uint64_t begin = (uint64_t)(((unsigned __int128)(uint64_t)(time - day->start) *
					    (actor->source_count - window)) /
				    (uint64_t)(day->end - day->start));
	uint64_t r = nr_random_next(&actor->random);
	uint64_t index =
		(r >> 32) % 8 == 0 ? nr_random_power(window, (uint32_t)r) : (window * (uint32_t)r) >> 32;
	return actor->first_source + (uint32_t)NR_MIN(begin + index, (uint64_t)actor->source_count - 1);
}

uint64_t nr_day_trait(const struct nr_day *day, uint32_t source, uint32_t purpose)
{
	return nr_random_mix(day->world->conf->seed ^ nr_random_mix((uint64_t)source << 8 | purpose));
}

/* Some paths clamp the MSS; the values are those of real captures (telescope reference 7.3). */
static uint16_t path_mss(const struct nr_day *day, uint32_t source)
{
	static const uint16_t clamped[] = {1440, 1424, 1400, 1398, 536};
	uint64_t trait = nr_day_trait(day, source, NR_TRAIT_MSS);
	return trait % 8 ? 1460 : clamped[trait / 8 % NR_COUNT(clamped)];
}

struct nr_world_packet nr_day_syn(
	struct nr_day *day, struct nr_actor *actor, uint32_t source, nr_time time, uint8_t ttl, uint16_t port)
{
	uint64_t r = nr_random_next(&actor->random);
	return (struct nr_world_packet){
		.time = time,
		.source = source,
		.destination = nr_dark_draw(&day->world->dark, &actor->random),
		.sequence = (uint32_t)r,
		.id = (uint16_t)(r >> 32),
		.source_port = (uint16_t)(1024 + (r >> 48) % 64512),
		.destination_port = port,
		.protocol = NR_WORLD_TCP,
		.flags = NR_SYN,
		.ttl = (uint8_t)(ttl - 8 - nr_day_trait(day, source, NR_TRAIT_HOPS) % 17),
		.window = 64240,
		.mss = path_mss(day, source),
	};
}

static void list_add(struct nr_day *day, struct nr_packet_list *list, const struct nr_world_packet *packet)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 4096;
		void *items = realloc(list->items, room * sizeof *list->items);
		if (!items) {
			day->failed = true;
			return;
		}
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = *packet;
}

void nr_day_push(struct nr_day *day, const struct nr_world_packet *packet)
{
	list_add(day, &day->queue, packet);
}

void nr_day_script(struct nr_day *day, const struct nr_world_packet *packet)
{
	list_add(day, &day->script, packet);
}
