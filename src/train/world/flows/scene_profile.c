/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: who plays, where, and how many they are. */
#include "train/world/flows/scene.h"

#include <string.h>

const char *const nr_scene_profiles[] = {"none", "few", "hard", "sampled", "spread", NULL};

struct profile {
	uint64_t subscribers; /* at least */
	int (*cast)(struct nr_flows_world *world, struct nr_error *error);
};

static bool sees_clients(const struct nr_exporter *exporter)
{
	return exporter->kind->role != NR_ROLE_NAT;
}

/* ---- benign ---- */

static int cast_popular(struct nr_flows_world *world, uint32_t one_in, struct nr_error *error)
{
	int rc = 0;
	for (size_t p = 0; p < nr_scene_popular_count && !rc; p++) {
		const struct nr_scene_part *part = &nr_scene_popular[p];
		uint64_t clients = (uint64_t)world->isp.subscribers * part->share / 1000 / one_in;
		rc = nr_scene_add_net(
			world, part, 0, NR_SCENE_ANY, (uint32_t)NR_MAX(clients, UINT64_C(1)), error);
	}
	return rc;
}

static int cast_small_at(
	struct nr_flows_world *world, uint16_t exporter, unsigned nets, struct nr_error *error)
{
	int rc = 0;
	for (size_t p = 0; p < nr_scene_small_count; p++) {
		const struct nr_scene_part *part = &nr_scene_small[p];
		struct nr_random random = nr_random_stream(world->conf->seed + exporter, part->name);
		for (unsigned k = 0; k < nets && !rc; k++)
			rc = nr_scene_add_net(world, part, k, exporter,
				nr_random_between(&random, part->clients[0], part->clients[1]), error);
	}
	return rc;
}

static int cast_benign(struct nr_flows_world *world, struct nr_error *error)
{
	int rc = cast_popular(world, 1, error);
	for (uint16_t i = 0; i < world->exporter_count && !rc; i++)
		if (sees_clients(&world->exporters[i]))
			rc = cast_small_at(world, i, 2, error);
	return rc;
}

/* ---- hard: everything, with as many bots as leave something at the exporter's rate ---- */

static const struct {
	uint32_t sampling, bots[2];
} sizes[] = {{1, {5, 20}}, {100, {30, 100}}, {500, {60, 100}}, {1000, {100, 100}}, {2000, {200, 200}},
	{5000, {500, 500}}, {10000, {1000, 1000}}};

static uint32_t bots_for(const struct nr_flows_conf *conf, uint32_t sampling, unsigned which)
{
	unsigned i = 0;
	while (i + 1 < NR_COUNT(sizes) && sizes[i].sampling < sampling)
		i++;
	return conf->bots ? (uint32_t)conf->bots : sizes[i].bots[which % 2];
}

/* Beats within the idle time lie in one record: what is cut then is the exporter's timer's, not theirs, and
 * nobody could find them. */
static bool is_visible(const struct nr_scene_part *part, const struct nr_exporter *exporter)
{
	bool kept = part->manner == NR_MANNER_KEPT &&
		    part->period[1] * (double)NR_SECOND < (double)exporter->kind->idle;
	return exporter->sampling <= part->coarsest && !kept;
}

static int cast_bots(struct nr_flows_world *world, uint16_t exporter, struct nr_error *error)
{
	const struct nr_exporter *x = &world->exporters[exporter];
	int rc = 0;
	for (size_t p = 0; p < nr_scene_bot_count; p++)
		for (unsigned k = 0; k < 2 && !rc && is_visible(&nr_scene_bots[p], x); k++)
			rc = nr_scene_add_net(world, &nr_scene_bots[p], k, exporter,
				bots_for(world->conf, x->sampling, k), error);
	return rc;
}

static int cast_hard(struct nr_flows_world *world, struct nr_error *error)
{
	int rc = 0;
	for (uint16_t i = 0; i < world->exporter_count && !rc; i++)
		if (sees_clients(&world->exporters[i]))
			rc = cast_bots(world, i, error);
	return rc ? rc : cast_benign(world, error);
}

/* ---- few: one net of each, for looking at ---- */

static int cast_few(struct nr_flows_world *world, struct nr_error *error)
{
	static const char *const places[] = {"edge", "office", "center", "office"};
	int rc = 0;
	unsigned played = 0;
	for (size_t p = 0; p < nr_scene_bot_count && !rc; p++) {
		/* who attacks is seen where subscribers are */
		const char *place = nr_scene_bots[p].attacks ? places[0] : places[played % NR_COUNT(places)];
		/* a second kind of the same behaviour is for hard */
		if (p > 0 && strcmp(nr_scene_bots[p].name, nr_scene_bots[p - 1].name) == 0)
			continue;
		for (uint16_t i = 0; i < world->exporter_count && !rc; i++)
			if (strcmp(world->exporters[i].kind->name, place) == 0)
				rc = nr_scene_add_net(world, &nr_scene_bots[p], (unsigned)p, i,
					world->conf->bots ? (uint32_t)world->conf->bots : 16, error);
		played++;
	}
	if (!rc)
		rc = cast_popular(world, 4, error);
	for (uint16_t i = 0; i < world->exporter_count && !rc; i++)
		if (sees_clients(&world->exporters[i]) && world->exporters[i].sampling <= 100)
			rc = cast_small_at(world, i, 1, error);
	return rc;
}

/* ---- sampled: what a rate of true and of false positives is measured on ---- */

#define NETS        20
#define BOTS_MIDDLE 30   /* at 1:1000 */
#define BOTS_COARSE 1000 /* at 1:10000 */
#define JITTER_MOST .02

/* One server that is always there and answers, and little jitter. */
static bool is_steady(const struct nr_scene_part *part)
{
	return part->jitter[1] <= JITTER_MOST && part->coarsest >= 1000 && part->servers == 1 &&
	       part->presence == NR_PRESENCE_ALWAYS && part->manner != NR_MANNER_REFUSED;
}

static int cast_sampled_at(
	struct nr_flows_world *world, uint16_t exporter, uint32_t bots, unsigned nets, struct nr_error *error)
{
	int rc = 0;
	for (size_t p = 0; p < nr_scene_bot_count; p++) {
		const struct nr_scene_part *part = &nr_scene_bots[p];
		for (unsigned k = 0; k < nets && !rc && is_steady(part); k++)
			rc = nr_scene_add_net(world, part, k, exporter, bots, error);
	}
	return rc ? rc : nr_scene_add_nulls(world, exporter, (uint32_t)world->conf->nulls, error);
}

static int cast_sampled(struct nr_flows_world *world, struct nr_error *error)
{
	uint32_t bots = (uint32_t)world->conf->bots;
	int rc = 0;
	world->scenes->measured = true;
	for (uint16_t i = 0; i < world->exporter_count && !rc; i++) {
		const char *name = world->exporters[i].kind->name;
		if (strcmp(name, "border") == 0)
			rc = cast_sampled_at(world, i, bots ? bots : BOTS_MIDDLE, NETS, error);
		else if (strcmp(name, "transit") == 0)
			rc = cast_sampled_at(world, i, bots ? bots : BOTS_COARSE, NETS / 2, error);
	}
	return rc;
}

/* ---- spread: botnets of which each carrier has a few bots, and others that only it has ---- */

#define BOTS_SPREAD 6

static int cast_spread(struct nr_flows_world *world, struct nr_error *error)
{
	uint32_t bots = world->conf->bots ? (uint32_t)world->conf->bots : BOTS_SPREAD;
	int rc = 0;
	world->scenes->measured = true;
	for (size_t p = 0; p < nr_scene_bot_count && !rc; p++) {
		const struct nr_scene_part *part = &nr_scene_bots[p];
		if (!is_steady(part))
			continue;
		for (unsigned k = 0; k < NETS / 2 && !rc; k++)
			rc = nr_scene_add_net(world, part, k, 0, bots, error);
		for (unsigned k = 0; k < NETS / 4 && !rc; k++)
			rc = nr_scene_add_net(
				world, part, (unsigned)world->conf->carrier * 1000 + k, 0, bots, error);
	}
	return rc ? rc : cast_small_at(world, 0, 2, error);
}

/* ---- */

static const struct profile profiles[] = {
	{0, NULL}, {0, cast_few}, {20000, cast_hard}, {100000, cast_sampled}, {0, cast_spread}};
_Static_assert(NR_COUNT(profiles) + 1 == 6, "a profile for each name");

static const struct profile *profile_of(const struct nr_flows_conf *conf)
{
	size_t i = 0;
	while (nr_scene_profiles[i + 1] && strcmp(nr_scene_profiles[i], conf->scenes) != 0)
		i++;
	return &profiles[i];
}

uint64_t nr_scenes_subscribers(const struct nr_flows_conf *conf)
{
	return profile_of(conf)->subscribers;
}

int nr_scene_cast(struct nr_flows_world *world, struct nr_error *error)
{
	return profile_of(world->conf)->cast(world, error);
}
