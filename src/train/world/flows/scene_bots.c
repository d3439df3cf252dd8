/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Botnets: the ways in which bots hear of their orders. Sizes and times are those of published analyses where
 * there are any (Mirai: a ping of two octets a minute; flow reference 13 to 17), else plausible.
 */
#include "train/world/flows/scene.h"

enum { TCP = 6, UDP = 17 };

const struct nr_scene_part nr_scene_bots[] = {
	{.name = "keepalive-fixed",
		.protocol = TCP,
		.ports = {23, 48101, 1791, 9375},
		.manner = NR_MANNER_KEPT,
		.grid = true,
		.period = {60, 60},
		.jitter = {.001, .002},
		.up = 2,
		.down = 2,
		.hello_up = 12,
		.life = 21600,
		.servers = 1,
		.coarsest = 10000,
		.scans = true},
	{.name = "keepalive-jittered",
		.protocol = TCP,
		.ports = {0, 7000, 0, 4782},
		.manner = NR_MANNER_KEPT,
		.period = {30, 120},
		.jitter = {.02, .02},
		.up = 2,
		.down = 2,
		.hello_up = 60,
		.hello_down = 20,
		.life = 21600,
		.servers = 1,
		.coarsest = 4096,
		.scans = true},
	{.name = "http-polling",
		.protocol = TCP,
		.ports = {80, 8080, 80, 8000},
		.manner = NR_MANNER_EACH,
		.period = {60, 300},
		.jitter = {.005, .02},
		.up = 310,
		.down = 190,
		.servers = 1,
		.coarsest = 10000},
};
const size_t nr_scene_bot_count = NR_COUNT(nr_scene_bots);
