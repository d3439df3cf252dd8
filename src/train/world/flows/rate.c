/* SPDX-License-Identifier: Apache-2.0 */
/* How much goes on: by the hour, and how many conversations it takes for so many records. */
#include "train/world/flows/flows.h"

#define TRIED 20000 /* conversations of which the records are counted */

/* Activity by the hour of UTC: an evening in Japan. */
static const uint16_t hourly[24] = {80, 84, 88, 98, 92, 88, 90, 94, 100, 112, 128, 142, 150, 148, 130, 100,
	70, 46, 32, 26, 26, 36, 58, 74};

double nr_flows_daily(nr_time time)
{
	double sum = 0;
	for (unsigned i = 0; i < 24; i++)
		sum += hourly[i];
	unsigned hour = (unsigned)(time % NR_DAY / NR_HOUR);
	double within = (double)(time % NR_HOUR) / (double)NR_HOUR;
	double now = hourly[hour] * (1 - within) + hourly[(hour + 1) % 24] * within;
	return now * 24 / sum;
}

static double burst(const struct nr_flows_world *world, const struct nr_flows_behaviour *b, nr_time time)
{
	nr_time thousandth = (world->end - world->start) / 1000;
	nr_time at = world->start + thousandth * b->burst_at;
	bool on = time >= at && time < at + thousandth * b->burst_length;
	return on ? 1000.0 / b->burst_length : 0;
}

double nr_flows_rate(const struct nr_flows_world *world, const struct nr_flows_actor *actor,
	const struct nr_exporter *exporter, nr_time time)
{
	const struct nr_flows_behaviour *b = actor->behaviour;
	if (exporter->kind->role == NR_ROLE_NAT)
		return 0;
	double mean = exporter->rate / 86400 * b->share[exporter->kind->role] / 1000;
	if (b->shape == NR_FLOWS_DAILY)
		mean *= nr_flows_daily(time);
	else if (b->shape == NR_FLOWS_BURST)
		mean *= burst(world, b, time);
	return mean;
}

static unsigned records_of(
	struct nr_flows_world *world, struct nr_exporter *exporter, const struct nr_conversation *c)
{
	struct nr_entry entries[2];
	unsigned records = 0;
	size_t count = nr_meter_open(world, exporter, c, entries);
	for (size_t i = 0; i < count; i++)
		for (; entries[i].left; records++)
			nr_meter_next(&world->chance, exporter, &entries[i]);
	return records;
}

static struct nr_flows_actor *pick(
	struct nr_flows_world *world, struct nr_flows_actor *trial, unsigned role, struct nr_random *random)
{
	uint32_t at = (uint32_t)nr_random_below(random, 1000);
	for (size_t i = 0; i < world->actor_count; i++) {
		uint16_t share = world->actors[i].behaviour->share[role];
		if (at < share) {
			*trial = (struct nr_flows_actor){world->actors[i].behaviour, *random};
			nr_random_next(random);
			return trial;
		}
		at -= share;
	}
	return NULL;
}

/* Draws conversations as the exporter will see them, with dice of its own, and counts their records. */
static void calibrate(struct nr_flows_world *world, struct nr_exporter *exporter)
{
	struct nr_random random = nr_random_stream(world->conf->seed ^ exporter->number, "calibrate");
	struct nr_exporter trial = *exporter;
	struct nr_flows_actor actor;
	uint64_t records = 0;
	trial.random = random;
	for (unsigned i = 0; i < TRIED; i++) {
		struct nr_conversation c = {.start = world->start, .exporter = exporter->number};
		if (!pick(world, &actor, exporter->kind->role, &random))
			continue;
		actor.behaviour->draw(world, &actor, &c);
		c.length = NR_MIN(c.length, world->end - c.start);
		records += records_of(world, &trial, &c);
	}
	double wanted = (double)world->conf->flows * exporter->kind->share / 1000;
	exporter->rate = wanted * TRIED / (double)NR_MAX(records, UINT64_C(1));
}

void nr_flows_calibrate(struct nr_flows_world *world)
{
	for (size_t i = 0; i < world->exporter_count; i++)
		if (world->exporters[i].kind->role != NR_ROLE_NAT)
			calibrate(world, &world->exporters[i]);
}
