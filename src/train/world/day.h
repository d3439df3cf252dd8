/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profile day: a table of behaviours that share the packets of a world. A behaviour is one descriptor; it
 * makes its sources at the start and then either writes a script (packets at fixed times, a fixed number) or
 * is asked for packets slot by slot, as many as its weight earns it. Everything random comes from the actor's
 * own stream.
 */
#ifndef NR_TRAIN_WORLD_DAY_H
#define NR_TRAIN_WORLD_DAY_H

#include "train/world/darknet.h"
#include "train/world/truth.h"

enum nr_shape {
	NR_SHAPE_STEADY,
	NR_SHAPE_DAILY, /* follows the hours of people */
	NR_SHAPE_BURST, /* all of it between burst_at and burst_length later */
};

struct nr_day;
struct nr_actor;

struct nr_behaviour {
	const char *name;
	uint32_t weight; /* share of the unscripted packets, in no particular unit; 0: script only */
	enum nr_shape shape;
	uint16_t burst_at;     /* per mille of the duration */
	uint16_t burst_length; /* per mille of the duration */
	uint32_t per_source;   /* packets per source: sizes the population; 0: none */
	uint8_t tool;          /* of the population, enum nr_world_tool */
	/* After the quota is known and the population made. May be NULL. */
	void (*start)(struct nr_day *day, struct nr_actor *actor);
	/* Before quotas: adds its packets with nr_day_script(). May be NULL. */
	void (*script)(struct nr_day *day, struct nr_actor *actor);
	/* Pushes 1..room packets, the first at `time`, and answers how many. NULL: script only. */
	unsigned (*emit)(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room);
};

/* A behaviour at work in one world. */
struct nr_actor {
	const struct nr_behaviour *behaviour;
	struct nr_random random;
	uint64_t quota, emitted;
	uint32_t first_source, source_count;
	uint64_t counter;             /* for the behaviour's own use */
	struct nr_truth_group *group; /* likewise */
};

struct nr_packet_list {
	struct nr_world_packet *items; /* owned */
	size_t count, room;
};

#define NR_SCANNERS_MAX  48
#define NR_LISTED_LENGTH 28 /* of the prefix whose hosts only the list knows */

/* The cast of behaviour research (day_research.c). */
struct nr_research {
	uint32_t source[NR_SCANNERS_MAX];
	uint16_t ports[NR_SCANNERS_MAX];
	uint64_t share[NR_SCANNERS_MAX]; /* cumulative */
	size_t count;
	uint32_t list_base; /* the listed /28 */
};

struct nr_day {
	struct nr_darknet *world;
	struct nr_truth truth;
	struct nr_actor *actors; /* owned */
	size_t actor_count;
	struct nr_packet_list queue;  /* packets of this slot and, rarely, later ones */
	struct nr_packet_list script; /* in order of time once all scripts are in */
	size_t script_next;
	nr_time start, end;
	struct nr_research research;
	bool failed; /* out of memory: sticky */
};

/* Behaviours, by the file that holds them. */
extern const struct nr_behaviour nr_behaviour_mirai, nr_behaviour_mirai_wave, nr_behaviour_worm,
	nr_behaviour_brute;
extern const struct nr_behaviour nr_behaviour_zmap_old, nr_behaviour_zmap_new, nr_behaviour_masscan_old,
	nr_behaviour_masscan_new, nr_behaviour_nmap, nr_behaviour_campaign, nr_behaviour_vertical,
	nr_behaviour_slow;
extern const struct nr_behaviour nr_behaviour_research;
extern const struct nr_behaviour nr_behaviour_udp, nr_behaviour_echo, nr_behaviour_misconfigured;
extern const struct nr_behaviour nr_behaviour_ipv6;
extern const struct nr_behaviour nr_behaviour_backscatter, nr_behaviour_victims, nr_behaviour_carpets;
extern const struct nr_behaviour nr_behaviour_flood, nr_behaviour_odd, nr_behaviour_damage;
extern const struct nr_behaviour nr_behaviour_own;
extern const struct nr_behaviour nr_behaviour_injected;

/* --- for behaviours (day_cast.c) --- */

/* A new source somewhere in the world, or in the country with that code. */
uint32_t nr_day_add_source(struct nr_day *day, struct nr_random *random, uint8_t tool);
uint32_t nr_day_add_source_in(
	struct nr_day *day, struct nr_random *random, uint8_t tool, const char *country);
/* False when the address is taken. */
bool nr_day_add_address(struct nr_day *day, uint32_t address, uint8_t tool, uint32_t *ret_source);
/* Own or dark. */
bool nr_day_is_ours(const struct nr_day *day, uint32_t address);

/* One of the population. They come and go: at any time a quarter of it is about. Few do much of the work. */
uint32_t nr_day_pick(const struct nr_day *day, struct nr_actor *actor, nr_time time);

/* A constant of the source: the same number for the same source and purpose. */
uint64_t nr_day_trait(const struct nr_day *day, uint32_t source, uint32_t purpose);
enum {
	NR_TRAIT_HOPS,
	NR_TRAIT_PORT,
	NR_TRAIT_WINDOW,
	NR_TRAIT_KIND,
	NR_TRAIT_TARGET,
	NR_TRAIT_KEY,
	NR_TRAIT_MSS
};

/* A SYN from the source to a random dark address, from a random high port, with the TTL of a host `ttl` -
 * hops away. */
struct nr_world_packet nr_day_syn(struct nr_day *day, struct nr_actor *actor, uint32_t source, nr_time time,
	uint8_t ttl, uint16_t port);

void nr_day_push(struct nr_day *day, const struct nr_world_packet *packet);
void nr_day_script(struct nr_day *day, const struct nr_world_packet *packet);

/* Turns a SYN into that of a tool; destination, ports and time must be final. */
void nr_tool_mirai(struct nr_world_packet *p);
void nr_tool_zmap_old(const struct nr_day *day, struct nr_world_packet *p);
void nr_tool_zmap_new(const struct nr_day *day, struct nr_world_packet *p);
void nr_tool_masscan(const struct nr_day *day, struct nr_world_packet *p, bool old);

uint64_t nr_research_threshold(const struct nr_day *day); /* packets per day of the scaled rule */

#endif
