/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/flows/scene.h"

#include <errno.h>
#include <string.h>

void nr_scenes_free(struct nr_scenes *scenes)
{
	if (!scenes)
		return;
	free(scenes->nets);
	free(scenes->servers);
	free(scenes->actors);
	free(scenes->heap);
	nr_crowd_fini(&scenes->pairs);
	nr_crowd_fini(&scenes->hosts);
	free(scenes);
}

/* ---- the heap: who is next ---- */

static bool is_before(const struct nr_scene_wait *a, const struct nr_scene_wait *b)
{
	return a->time != b->time ? a->time < b->time : a->actor < b->actor;
}

static void sink(struct nr_scenes *scenes, uint32_t at)
{
	struct nr_scene_wait *heap = scenes->heap, wait = heap[at];
	for (uint32_t child; (child = 2 * at + 1) < scenes->heap_count; at = child) {
		if (child + 1 < scenes->heap_count && is_before(&heap[child + 1], &heap[child]))
			child++;
		if (!is_before(&heap[child], &wait))
			break;
		heap[at] = heap[child];
	}
	heap[at] = wait;
}

static int fill_heap(struct nr_scenes *scenes, struct nr_error *error)
{
	scenes->heap = calloc(NR_MAX(scenes->actor_count, 1u), sizeof *scenes->heap);
	if (!scenes->heap)
		return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --subscribers");
	for (uint32_t i = 0; i < scenes->actor_count; i++)
		scenes->heap[scenes->heap_count++] = (struct nr_scene_wait){scenes->actors[i].beat, i};
	for (uint32_t i = scenes->heap_count / 2; i-- > 0;)
		sink(scenes, i);
	return 0;
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
	int rc = nr_scene_cast(world, scenes, error);
	return rc ? rc : fill_heap(scenes, error);
}

int nr_scenes_play(struct nr_flows_world *world, struct nr_error *error)
{
	struct nr_scenes *scenes = world->scenes;
	nr_time until = NR_MIN(world->now + NR_SECOND, world->end);
	int rc = 0;
	while (!rc && scenes->heap_count && scenes->heap[0].time < until) {
		struct nr_scene_wait *first = &scenes->heap[0];
		rc = nr_scene_act(world, &scenes->actors[first->actor], first->time, &first->time, error);
		sink(scenes, 0);
	}
	return rc;
}

void nr_scenes_count_record(struct nr_scenes *scenes, const struct nr_flow_record *record)
{
	struct nr_scene_server *server = &scenes->servers[record->scene - 1];
	server->records++;
	server->packets += record->packets + record->reverse_packets;
}
