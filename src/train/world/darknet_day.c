/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage of profile day: gives every behaviour its share, asks them slot by slot, and writes what they say
 * in order of time. Memory holds one slot of packets, the scripts, and the truth.
 */
#include "train/world/day.h"

#include <errno.h>
#include <string.h>

static const struct nr_behaviour *const behaviours[] = {
	&nr_behaviour_research,
	&nr_behaviour_mirai,
	&nr_behaviour_mirai_wave,
	&nr_behaviour_worm,
	&nr_behaviour_brute,
	&nr_behaviour_zmap_old,
	&nr_behaviour_zmap_new,
	&nr_behaviour_masscan_old,
	&nr_behaviour_masscan_new,
	&nr_behaviour_nmap,
	&nr_behaviour_campaign,
	&nr_behaviour_vertical,
	&nr_behaviour_slow,
	&nr_behaviour_udp,
	&nr_behaviour_echo,
	&nr_behaviour_misconfigured,
	&nr_behaviour_ipv6,
	&nr_behaviour_backscatter,
	&nr_behaviour_victims,
	&nr_behaviour_flood,
	&nr_behaviour_odd,
	&nr_behaviour_damage,
	&nr_behaviour_own,
	&nr_behaviour_injected,
	&nr_behaviour_carpets,
};

/* Activity by hour of the day (UTC): the hours of East Asia and America weigh more than the Atlantic's night.
 */
static const uint16_t hourly[24] = {92, 95, 98, 102, 106, 108, 110, 112, 115, 117, 118, 116, 114, 113, 112,
	110, 107, 104, 100, 96, 92, 88, 86, 88};

#define SLOT_PACKETS 32768 /* aimed at */
#define SLOT_MAX     NR_MINUTE
#define SLOT_MIN     NR_SECOND
#define DURATION_MIN NR_HOUR
#define DURATION_MAX (400 * NR_DAY)

static void day_fini(struct nr_day *day)
{
	nr_truth_fini(&day->truth);
	free(day->actors);
	free(day->queue.items);
	free(day->script.items);
}

static int out_of_memory(struct nr_error *error)
{
	return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --packets");
}

static int day_init(struct nr_day *day, struct nr_darknet *world, struct nr_error *error)
{
	const struct nr_darknet_conf *conf = world->conf;
	*day = (struct nr_day){.world = world, .start = conf->start, .end = conf->start + conf->duration};
	if (conf->duration < DURATION_MIN || conf->duration > DURATION_MAX)
		return nr_fail(error, -EINVAL, "world darknet: --duration of profile day must be 1h to 400d");
	int rc = nr_truth_init(&day->truth, nr_dark_addresses(&world->dark), error);
	if (rc)
		return rc;
	day->actors = calloc(NR_COUNT(behaviours), sizeof *day->actors);
	if (!day->actors)
		return out_of_memory(error);
	for (size_t i = 0; i < NR_COUNT(behaviours); i++)
		day->actors[i] = (struct nr_actor){.behaviour = behaviours[i],
			.random = nr_random_stream(conf->seed, behaviours[i]->name)};
	day->actor_count = NR_COUNT(behaviours);
	return 0;
}

/* Complete, so that the order does not depend on whose qsort this is. */
static int by_time(const void *a, const void *b)
{
	const struct nr_world_packet *one = a, *other = b;
	if (one->time != other->time)
		return one->time < other->time ? -1 : 1;
	if (one->source != other->source)
		return one->source < other->source ? -1 : 1;
	if (one->destination != other->destination)
		return one->destination < other->destination ? -1 : 1;
	return one->sequence < other->sequence ? -1 : one->sequence > other->sequence;
}

/* Runs all scripts and puts them in order. */
static int write_scripts(struct nr_day *day, struct nr_error *error)
{
	uint64_t packets = day->world->conf->packets;
	for (size_t i = 0; i < day->actor_count; i++)
		if (day->actors[i].behaviour->script)
			day->actors[i].behaviour->script(day, &day->actors[i]);
	if (day->failed)
		return out_of_memory(error);
	if (day->script.count > packets / 2)
		return nr_fail(error, -EINVAL,
			"--packets %llu are too few: the scripted part takes %zu; give at least %zu, or a "
			"shorter --duration",
			(unsigned long long)packets, day->script.count, 2 * day->script.count);
	if (day->script.count)
		qsort(day->script.items, day->script.count, sizeof *day->script.items, by_time);
	return 0;
}

static uint64_t population(const struct nr_actor *actor)
{
	uint32_t per_source = actor->behaviour->per_source;
	return per_source ? actor->quota / per_source + 1 : 0;
}

/* Shares the unscripted packets by weight, without a remainder, and makes the populations. */
static int share_out(struct nr_day *day, struct nr_error *error)
{
	uint64_t rest = day->world->conf->packets - day->script.count, total = 0, before = 0, sources = 0;
	for (size_t i = 0; i < day->actor_count; i++)
		total += day->actors[i].behaviour->weight;
	for (size_t i = 0; i < day->actor_count; i++) {
		struct nr_actor *actor = &day->actors[i];
		uint64_t after = before + actor->behaviour->weight;
		actor->quota = rest * after / total - rest * before / total;
		before = after;
		sources += population(actor);
	}
	uint64_t wanted = day->world->conf->sources ? day->world->conf->sources : sources;
	for (size_t i = 0; i < day->actor_count && !day->failed; i++) {
		struct nr_actor *actor = &day->actors[i];
		uint64_t count = population(actor) * wanted / NR_MAX(sources, UINT64_C(1));
		actor->first_source = (uint32_t)day->truth.source_count;
		if (population(actor))
			actor->source_count = (uint32_t)NR_MAX(count, 1u);
		for (uint32_t k = 0; k < actor->source_count; k++)
			nr_day_add_source(day, &actor->random, actor->behaviour->tool);
		if (actor->behaviour->start)
			actor->behaviour->start(day, actor);
	}
	return day->failed ? out_of_memory(error) : 0;
}

/* The hourly weights integrated from the epoch to t. */
static uint64_t daily_integral(nr_time t)
{
	uint64_t sum = 0, whole = 0, hour = (uint64_t)(t % NR_DAY / NR_HOUR);
	for (size_t i = 0; i < NR_COUNT(hourly); i++)
		whole += hourly[i];
	for (size_t i = 0; i < hour; i++)
		sum += hourly[i];
	/* in milliseconds, so that 80 years fit 64 bits */
	return ((uint64_t)(t / NR_DAY) * whole + sum) * (NR_HOUR / 1000) +
	       hourly[hour] * (uint64_t)(t % NR_HOUR / 1000);
}

/* How many packets the actor should have sent by t. */
static uint64_t target(const struct nr_day *day, const struct nr_actor *actor, nr_time t)
{
	const struct nr_behaviour *b = actor->behaviour;
	nr_time duration = day->end - day->start;
	uint64_t done, whole;
	if (t >= day->end)
		return actor->quota;
	if (b->shape == NR_SHAPE_DAILY) {
		uint64_t begin = daily_integral(day->start);
		done = daily_integral(t) - begin;
		whole = daily_integral(day->end) - begin;
	} else if (b->shape == NR_SHAPE_BURST) {
		nr_time begin = day->start + duration / 1000 * b->burst_at,
			length = duration / 1000 * b->burst_length;
		done = (uint64_t)NR_MAX(0, NR_MIN(t - begin, length));
		whole = (uint64_t)length;
	} else {
		done = (uint64_t)(t - day->start);
		whole = (uint64_t)duration;
	}
	return (uint64_t)((unsigned __int128)actor->quota * done / whole);
}

static void ask(struct nr_day *day, struct nr_actor *actor, nr_time from, nr_time to)
{
	if (!actor->behaviour->emit)
		return;
	uint64_t goal = target(day, actor, to);
	while (actor->emitted < goal && !day->failed) {
		nr_time time = from + (nr_time)nr_random_below(&actor->random, (uint64_t)(to - from));
		actor->emitted += actor->behaviour->emit(day, actor, time, actor->quota - actor->emitted);
	}
}

struct order {
	nr_time time;
	size_t number; /* in the queue: equal times keep the order in which they were said */
};

static int compare_order(const void *a, const void *b)
{
	const struct order *one = a, *other = b;
	if (one->time != other->time)
		return one->time < other->time ? -1 : 1;
	return one->number < other->number ? -1 : 1;
}

static void write_packet(struct nr_day *day, const struct nr_world_packet *p)
{
	uint8_t frame[NR_FRAME_MAX];
	uint32_t captured;
	uint32_t wire = nr_frame_write(
		p, &day->truth.sources[p->source].address, &day->world->dark.ipv6.address, frame, &captured);
	nr_pcap_write_frame(day->world->pcap, p->time, frame, captured, wire);
	nr_truth_count(&day->truth, p, wire);
}

/* Writes the queue's packets before `to` in order of time and keeps the others for later. */
static void write_slot(struct nr_day *day, nr_time to)
{
	struct nr_packet_list *queue = &day->queue;
	NR_AUTO(nr_freep) struct order *order = malloc((queue->count + 1) * sizeof *order);
	if (!order) {
		day->failed = true;
		return;
	}
	for (size_t i = 0; i < queue->count; i++)
		order[i] = (struct order){queue->items[i].time, i};
	qsort(order, queue->count, sizeof *order, compare_order);
	for (size_t i = 0; i < queue->count && order[i].time < to; i++)
		write_packet(day, &queue->items[order[i].number]);
	size_t kept = 0;
	for (size_t i = 0; i < queue->count; i++)
		if (queue->items[i].time >= to)
			queue->items[kept++] = queue->items[i];
	queue->count = kept;
	day->failed |= day->truth.failed;
}

static void play_slot(struct nr_day *day, nr_time from, nr_time to)
{
	for (size_t i = 0; i < day->actor_count; i++)
		ask(day, &day->actors[i], from, to);
	while (day->script_next < day->script.count && day->script.items[day->script_next].time < to)
		nr_day_push(day, &day->script.items[day->script_next++]);
	write_slot(day, to);
}

static nr_time slot_length(const struct nr_darknet_conf *conf)
{
	uint64_t slots = conf->packets / SLOT_PACKETS + 1;
	nr_time length = conf->duration / (nr_time)slots;
	return NR_MIN(SLOT_MAX, NR_MAX(SLOT_MIN, length));
}

static int play(struct nr_day *day, struct nr_error *error)
{
	struct nr_darknet *world = day->world;
	nr_time slot = slot_length(world->conf);
	for (nr_time t = day->start; t < day->end && !world->pcap->failure; t += slot) {
		play_slot(day, t, NR_MIN(t + slot, day->end));
		if (day->failed)
			return out_of_memory(error);
		if (world->progress)
			nr_progress_show(world->progress, day->truth.frames);
	}
	write_slot(day, NR_TIME_MAX);
	return day->failed ? out_of_memory(error) : 0;
}

static uint64_t active_sources(const struct nr_truth *truth)
{
	uint64_t count = 0;
	for (size_t i = 0; i < truth->source_count; i++)
		count += truth->sources[i].packets > 0;
	return count;
}

int nr_darknet_day(struct nr_darknet *world, struct nr_json *truth, struct nr_darknet_totals *ret_totals,
	struct nr_error *error)
{
	NR_AUTO(day_fini) struct nr_day day;
	int rc = day_init(&day, world, error);
	if (!rc)
		rc = write_scripts(&day, error);
	if (!rc)
		rc = share_out(&day, error);
	if (!rc)
		rc = play(&day, error);
	if (rc)
		return rc;
	nr_truth_finish(&day.truth);
	struct nr_darknet_totals totals = {
		.packets = day.truth.packets,
		.frames = day.truth.frames,
		.bytes = day.truth.bytes,
		.sources = active_sources(&day.truth),
		.listed = {nr_address_from_ipv4(day.research.list_base), 96 + NR_LISTED_LENGTH},
	};
	nr_darknet_truth_head(world, &totals, day.truth.first, day.truth.last, truth);
	nr_truth_write(&day.truth, world->geography, world->conf->lists ? NR_LIST_NAME : NULL, truth);
	*ret_totals = totals;
	return 0;
}
