/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/flows/scene.h"

#include <errno.h>
#include <string.h>

#define RESEARCH_OF 8 /* one scanner in so many */

void nr_scenes_free(struct nr_scenes *scenes)
{
	if (!scenes)
		return;
	free(scenes->nets);
	free(scenes->servers);
	free(scenes->actors);
	nr_crowd_fini(&scenes->pairs);
	nr_crowd_fini(&scenes->hosts);
	free(scenes);
}

/* ---- who is next: a ring of seconds, each a list; who is due later waits at the far end ---- */

static void wait(const struct nr_flows_world *world, struct nr_scenes *scenes, uint32_t actor)
{
	struct nr_scene_actor *a = &scenes->actors[actor];
	nr_time latest = world->now + (NR_SCENE_SLOTS - 1) * NR_SECOND;
	nr_time time = NR_MAX(world->now, NR_MIN(a->next, latest));
	uint32_t *slot = &scenes->slots[(uint64_t)(time / NR_SECOND) % NR_SCENE_SLOTS];
	a->following = *slot;
	*slot = actor + 1;
}

/* ---- the whole ---- */

int nr_scenes_new(struct nr_flows_world *world, struct nr_scenes **ret_scenes, struct nr_error *error)
{
	if (strcmp(world->conf->scenes, nr_scene_profiles[0]) == 0)
		return 0;
	struct nr_scenes *scenes = calloc(1, sizeof *scenes);
	if (!scenes)
		return nr_fail(error, -ENOMEM, "world: out of memory");
	*ret_scenes = scenes; /* the world's from here on: parts are looked up in it */
	int rc = nr_scene_cast(world, error);
	for (uint32_t i = 0; i < scenes->actor_count && !rc; i++) {
		scenes->actors[i].next = scenes->actors[i].beat;
		wait(world, scenes, i);
	}
	return rc;
}

int nr_scenes_play(struct nr_flows_world *world, struct nr_error *error)
{
	struct nr_scenes *scenes = world->scenes;
	uint32_t *slot = &scenes->slots[(uint64_t)(world->now / NR_SECOND) % NR_SCENE_SLOTS];
	nr_time until = NR_MIN(world->now + NR_SECOND, world->end);
	uint32_t list = *slot;
	int rc = 0;
	*slot = 0;
	while (list && !rc) {
		uint32_t number = list - 1;
		struct nr_scene_actor *actor = &scenes->actors[number];
		list = actor->following;
		while (actor->next < until && !rc)
			rc = nr_scene_act(world, actor, actor->next, &actor->next, error);
		if (actor->next < world->end)
			wait(world, scenes, number);
	}
	return rc;
}

int nr_scenes_note(struct nr_scenes *scenes, const struct nr_conversation *c, struct nr_error *error)
{
	bool scans = c->service == NR_SERVICE_SCAN;
	unsigned behaviour = NR_BEHAVIOUR_REFLECTOR;
	if (scans) /* some of them do it for research */
		behaviour = c->client.number % RESEARCH_OF ? NR_BEHAVIOUR_SCANNER : NR_BEHAVIOUR_RESEARCH;
	uint32_t from = nr_crowd_add(&scenes->hosts,
		nr_scene_host_group(scans ? NR_HOST_SCANNER : NR_HOST_SOURCE, behaviour), &c->client.address,
		c->start);
	if (from != UINT32_MAX)
		nr_crowd_touch(&scenes->hosts, from, c->start + c->length);
	uint32_t to = from;
	if (from != UINT32_MAX && !scans)
		to = nr_crowd_add(&scenes->hosts,
			nr_scene_host_group(NR_HOST_VICTIM, NR_BEHAVIOUR_REFLECTION), &c->server.address,
			c->start);
	if (to == UINT32_MAX)
		return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --flows");
	nr_crowd_touch(&scenes->hosts, to, c->start + c->length);
	return 0;
}

void nr_scenes_count_record(struct nr_scenes *scenes, const struct nr_flow_record *record)
{
	struct nr_scene_server *server = &scenes->servers[record->scene - 1];
	server->records++;
	server->packets += record->packets + record->reverse_packets;
}
