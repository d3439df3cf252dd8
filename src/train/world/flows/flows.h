/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noroshi world flows: an ISP for some time, as its exporters tell of it, with its truth.
 *
 * Behaviours (services.c, noise.c) say conversations: who talks to whom, when, how much. The stage (stage.c)
 * lets each pass its exporter: packets are sampled, what remains lies in a flow cache (meter.c) whose timers
 * cut it into records, which wait in a calendar (calendar.h) until they are due. An exporter (exporter.c)
 * writes them by its kind (kinds.c) into datagrams, and the carrier (carrier.c) loses, doubles and overtakes
 * some on the way. Everybody counts into the truth.
 *
 * One thread. Memory is that of the flows which are in the caches at one moment; time is ordered throughout.
 */
#ifndef NR_TRAIN_WORLD_FLOWS_FLOWS_H
#define NR_TRAIN_WORLD_FLOWS_FLOWS_H

#include "base/json.h"
#include "base/option.h"
#include "base/progress.h"
#include "train/world/flows/calendar.h"
#include "train/world/flows/carrier.h"
#include "train/world/flows/exporter.h"
#include "train/world/flows/isp.h"

struct nr_flows_conf {
	uint64_t seed, flows, subscribers, sampling, rate;
	uint64_t home; /* seed of what all carriers of a world share: geography, servers of scenes */
	uint64_t carrier, bots, nulls;
	const char *out, *truth, *mmdb, *scenes;
	nr_time start, duration;
	double loss, speed;
	bool anywhere, json;
};

/* ---- what behaviours say ---- */

enum nr_flows_place { /* where an end of a conversation lives, and what its number means */
	NR_PLACE_SUBSCRIBER,
	NR_PLACE_SERVER,  /* of the service's servers */
	NR_PLACE_OUTSIDE, /* of those who come from elsewhere */
	NR_PLACE_OWN,     /* of the ISP's own servers */
	NR_PLACE_GIVEN,   /* address and network are filled in */
};

struct nr_flows_end {
	uint8_t place;
	uint32_t number;
	struct nr_address address; /* as the exporter sees it: behind a NAT the public one */
	uint16_t port;
	uint16_t network; /* of the geography; NR_FLOWS_NO_NETWORK: none */
};

struct nr_flows_amount {
	uint64_t packets, bytes; /* bytes of IP */
	uint8_t tcp_flags;       /* of all packets together */
};

struct nr_conversation {
	nr_time start, length;
	unsigned exporter, service;
	uint32_t scene; /* number of a scene's server + 1; 0: no scene */
	uint8_t protocol, tos;
	bool ipv6;
	bool surely; /* at least one of its packets is sampled */
	struct nr_flows_end client, server;
	struct nr_flows_amount up, down; /* from the client, from the server */
};

struct nr_service_size { /* log-normal with a Pareto tail (chance.h), of payload bytes or milliseconds */
	double median, sigma, alpha;
};
/* A kind of traffic that the truth counts by itself. */
struct nr_service {
	const char *name;
	uint8_t protocol;
	uint16_t port;                      /* of the server; 0: any high one */
	uint16_t unit;                      /* payload of its larger packets */
	uint8_t place;                      /* of its server */
	bool steady;                        /* machines, not people */
	uint16_t servers;                   /* how many there are */
	uint16_t weight[NR_EXPORTER_ROLES]; /* among the others of its kind */
	struct nr_service_size up, down, length;
};
struct nr_service_truth {
	uint64_t conversations, packets, bytes; /* what was */
	uint64_t records;                       /* what exporters made of it */
	uint64_t seen_packets, seen_bytes;      /* in those records, as sampled */
	double estimated_packets, estimated_bytes;
};
#define NR_SERVICES_MAX 48

struct nr_flows_world;

struct nr_flows_actor {
	const struct nr_flows_behaviour *behaviour;
	struct nr_random random;
};

enum nr_flows_shape {
	NR_FLOWS_DAILY,  /* people: by their evening */
	NR_FLOWS_STEADY, /* machines */
	NR_FLOWS_BURST,  /* burst_at, burst_length: thousandths of the duration */
};

struct nr_flows_behaviour {
	const char *name;
	enum nr_flows_shape shape;
	uint16_t burst_at, burst_length;
	uint16_t share[NR_EXPORTER_ROLES]; /* of an exporter's conversations, in thousandths */
	/* How much, when within the second that begins at conversation->start, and by whom: numbers of
	 * places, no addresses, for most conversations leave no trace. start and exporter are set. */
	void (*draw)(struct nr_flows_world *world, struct nr_flows_actor *actor, struct nr_conversation *ret);
};
extern const struct nr_flows_behaviour nr_flows_customers, nr_flows_machines, nr_flows_scan,
	nr_flows_backscatter, nr_flows_reflection;

/* ---- the world ---- */

struct nr_flows_world {
	const struct nr_flows_conf *conf;
	const struct nr_geography *geography;
	struct nr_chance chance;
	struct nr_isp isp;
	struct nr_service_mix *mix; /* services.c: sizes and servers; owned */
	struct nr_flows_actor actors[8];
	size_t actor_count;
	struct nr_exporter exporters[NR_EXPORTERS_MAX];
	size_t exporter_count, nat_exporter;
	struct nr_calendar calendar; /* owned */
	struct nr_carrier *carrier;
	struct nr_progress *progress; /* NULL: silent */
	struct nr_scenes *scenes;     /* scenes.h; owned; NULL: none */
	nr_time start, end, now;

	/* truth */
	struct nr_service_truth services[NR_SERVICES_MAX];
	uint64_t network_packets[NR_WORLD_NETWORKS], network_bytes[NR_WORLD_NETWORKS];
	uint64_t conversations, packets, bytes;
};

/* Plays the whole of it; the truth stands in world afterwards. The world is zeroed but for conf, geography,
 * carrier and progress. */
int nr_flows_play(struct nr_flows_world *world, struct nr_error *error);
void nr_flows_fini(struct nr_flows_world *world);

/* A conversation passes its exporter. Starts lie in [world->now, world->now + 1 s). */
int nr_flows_converse(
	struct nr_flows_world *world, struct nr_conversation *conversation, struct nr_error *error);

/* What it counts as, whether or not anything of it is sampled; and the entries that nr_meter_open() made. */
void nr_flows_count(struct nr_flows_world *world, struct nr_exporter *exporter,
	const struct nr_conversation *conversation);

/* services.c */
extern const struct nr_service nr_services[];
extern const size_t nr_service_count;
enum { NR_SERVICE_SCAN, NR_SERVICE_BACKSCATTER, NR_SERVICE_REFLECTION }; /* noise.c: the first ones */
int nr_service_mix_new(struct nr_flows_world *world, struct nr_error *error);
void nr_service_mix_free(struct nr_service_mix *mix);
struct nr_flows_peer { /* somebody outside */
	uint32_t address;
	uint16_t network;
};
#define NR_OUTSIDERS 16384
/* Somewhere that is not the ISP's; near: where content is served from. */
struct nr_flows_peer nr_service_draw_peer(
	const struct nr_flows_world *world, struct nr_random *random, bool near);
struct nr_flows_peer nr_service_server(const struct nr_flows_world *world, unsigned service, uint32_t number);
struct nr_flows_peer nr_service_outsider(const struct nr_flows_world *world, uint32_t number);
bool nr_service_has_ipv6(const struct nr_flows_peer *peer);
struct nr_address nr_service_ipv6(const struct nr_flows_peer *peer);

/* noise.c: whom the reflection attack behind an exporter is for. */
struct nr_address nr_flows_victim(const struct nr_flows_world *world, const struct nr_exporter *exporter);

/* place.c: the network of the end that is not the ISP's; addresses and ports of both. */
uint16_t nr_flows_other_network(
	const struct nr_flows_world *world, const struct nr_conversation *conversation);
void nr_flows_locate(
	struct nr_flows_world *world, struct nr_random *random, struct nr_conversation *conversation);

/* meter.c: the next record of an entry that has packets left, and when it is due. */
void nr_meter_next(const struct nr_chance *chance, struct nr_exporter *exporter, struct nr_entry *entry);
/* The entries of a conversation's directions: at most two; how many. They are the caller's. */
size_t nr_meter_open(struct nr_flows_world *world, struct nr_exporter *exporter,
	const struct nr_conversation *conversation, struct nr_entry entries[static 2]);
/* Who and where of a direction; only for what is exported. */
void nr_meter_name(const struct nr_conversation *conversation, struct nr_entry *entry);

/* nat.c: the lease of a subscriber behind the NAT at the conversation's start: a new port block where it has
 * none, told by the NAT's logger; the conversation does not outlive it. */
int nr_flows_lease(
	struct nr_flows_world *world, struct nr_conversation *conversation, struct nr_error *error);
bool nr_flows_is_shared(const struct nr_flows_world *world, const struct nr_conversation *conversation);
/* Whether the logger tells of each session of this subscriber; and that it does of this one. */
bool nr_flows_is_logged(const struct nr_flows_world *world, uint32_t subscriber);
int nr_flows_log_session(
	struct nr_flows_world *world, const struct nr_conversation *conversation, struct nr_error *error);

/* rate.c: how many conversations exporters see, so that about --flows records come of them. */
void nr_flows_calibrate(struct nr_flows_world *world);
/* People's activity at a time; 1: the mean of a day, at most 2. */
double nr_flows_daily(nr_time time);
/* Of an actor at an exporter in the second that begins at time: the mean number of conversations. */
double nr_flows_rate(const struct nr_flows_world *world, const struct nr_flows_actor *actor,
	const struct nr_exporter *exporter, nr_time time);

/* truth.c: the members of one open object. */
void nr_flows_truth_write(const struct nr_flows_world *world, struct nr_json *json);

#endif
