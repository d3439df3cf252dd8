/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenes: what stands out of the ordinary traffic and must be told apart, with its truth. Botnets of the ways
 * that commands take, benign services that are as regular, scanners and attacks. The cast is hired by a
 * profile (scene_cast.c) from the parts (scene_bots.c, scene_benign.c); each actor waits for its next beat
 * in a heap, and what it says passes its subscriber's exporter (scene_pass.c).
 *
 * One thread. Each actor has dice of its own: another part does not change what the others do.
 */
#ifndef NR_TRAIN_WORLD_FLOWS_SCENES_H
#define NR_TRAIN_WORLD_FLOWS_SCENES_H

#include "train/world/flows/flows.h"

struct nr_scenes;

/* What --scenes may say; NULL at the end. The first one is none. */
extern const char *const nr_scene_profiles[];
/* The subscribers that a profile needs at least; 0: any number. */
uint64_t nr_scenes_subscribers(const struct nr_flows_conf *conf);

/* The world's exporters, ISP and servers stand. Profile none: NULL. */
int nr_scenes_new(struct nr_flows_world *world, struct nr_scenes **ret_scenes, struct nr_error *error);
void nr_scenes_free(struct nr_scenes *scenes);
/* What begins within the second from world->now on. */
int nr_scenes_play(struct nr_flows_world *world, struct nr_error *error);
/* A scan or an attack of the background: its hosts are true ones, too. */
int nr_scenes_note(
	struct nr_scenes *scenes, const struct nr_conversation *conversation, struct nr_error *error);
/* An exporter tells of a scene. */
void nr_scenes_count_record(struct nr_scenes *scenes, const struct nr_flow_record *record);
/* The member "scenes" of an open object. */
void nr_scenes_truth_write(const struct nr_flows_world *world, struct nr_json *json);

#endif
