/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the scenes share: parts, nets, servers and actors. See scenes.h. */
#ifndef NR_TRAIN_WORLD_FLOWS_SCENE_H
#define NR_TRAIN_WORLD_FLOWS_SCENE_H

#include "train/world/flows/crowd.h"
#include "train/world/flows/scenes.h"

enum nr_scene_manner {
	NR_MANNER_KEPT,    /* beats within one connection */
	NR_MANNER_EACH,    /* a connection for each */
	NR_MANNER_REFUSED, /* some tries each, all refused */
	NR_MANNER_STREAM,  /* one connection after the other, each full of packets at random times */
};
enum nr_scene_choice {  /* of the net's servers */
	NR_CHOICE_ONE,  /* each client has its own */
	NR_CHOICE_TURN, /* one after the other */
	NR_CHOICE_HOUR, /* all clients the same one, another every hour */
};
enum nr_scene_presence { /* when a client is awake */
	NR_PRESENCE_ALWAYS,
	NR_PRESENCE_PERSON, /* most of the day, Japan's time */
	NR_PRESENCE_OFFICE,
	NR_PRESENCE_NIGHT,
	NR_PRESENCE_LATE, /* asleep for the first hours of the world (a sleeper) */
};
enum nr_scene_crowd { /* who the clients are */
	NR_CROWD_SUBSCRIBERS,
	NR_CROWD_MONITOR, /* servers are subscribers, watched by one of the ISP's own */
};

/* A part that can be played: what each client of it does. Times in seconds, sizes in octets of payload. */
struct nr_scene_part {
	const char *name;
	bool benign;
	uint8_t protocol;
	uint16_t ports[4]; /* one for each net; 0: a high one */
	uint8_t manner, choice, presence, crowd;
	double period[2];  /* of the net; lowest, highest */
	bool doubles;      /* each client its own, doubled from the lowest on (NTP) */
	bool grid;         /* a timer that runs on: jitter does not add up */
	double jitter[2];  /* of the period (standard deviation); 1: as random as can be */
	uint32_t up, down; /* of a beat */
	uint32_t hello_up, hello_down;
	uint8_t spread;   /* of sizes, in hundredths */
	uint32_t life;    /* mean of a kept connection or a stream; 0: until its client sleeps */
	uint16_t pace[2]; /* of a stream: packets a second, up and down */
	uint8_t tries;    /* at a server that refuses, half a second apart */
	uint8_t servers;
	bool own; /* servers are the ISP's */
	/* bots: the coarsest sampling at which profile hard has it, and whether they scan, too */
	uint32_t coarsest;
	bool scans, attacks;
	/* benign: clients among a thousand subscribers, behind all exporters; 0: a small one, with so many */
	uint16_t share;
	uint16_t clients[2];
};
extern const struct nr_scene_part nr_scene_bots[], nr_scene_popular[], nr_scene_small[];
extern const size_t nr_scene_bot_count, nr_scene_popular_count, nr_scene_small_count;

#define NR_SCENE_COMMANDS 6
struct nr_scene_net {
	const struct nr_scene_part *part;
	uint32_t server, servers; /* the first one, how many */
	uint32_t clients;
	double period, jitter;
	bool grid; /* a timer that runs on: jitter does not add up */
	uint16_t port;
	nr_time commands[NR_SCENE_COMMANDS]; /* to attack; ascending */
	unsigned command_count;
	struct nr_flows_end victims[NR_SCENE_COMMANDS];
};

struct nr_scene_server {
	struct nr_flows_end end;
	uint32_t net;
	uint16_t exporter;         /* NR_SCENE_ANY: its clients are behind several */
	bool null;                 /* background: its clients are not listed */
	uint64_t records, packets; /* that exporters told of */
	nr_time first, last;
};
#define NR_SCENE_ANY UINT16_MAX

enum nr_scene_host { /* what the truth says of an address */
	NR_HOST_INFECTED,
	NR_HOST_SCANNER,
	NR_HOST_SOURCE,
	NR_HOST_VICTIM,
	NR_HOST_BENIGN,
	NR_HOST_KINDS,
};

enum nr_scene_role {
	NR_ROLE_BEATS, /* is a client of its net */
	NR_ROLE_SCANS, /* looks for more victims now and then */
	NR_ROLE_NULL,  /* is a server and whoever talks to it */
};

struct nr_scene_actor {
	struct nr_random random;
	uint32_t net;
	uint32_t number; /* among the clients of its net */
	uint8_t role, exporter;
	struct nr_flows_end end; /* as flows show it since its last connection */
	double period;           /* us */
	nr_time tick;            /* of its timer, without jitter */
	nr_time beat, attack;    /* when it is due; attack: NR_TIME_MAX: not commanded */
	unsigned command;        /* of its net's, the next one */
	nr_time opened, until;   /* of the open connection; until: 0: none is open */
	uint32_t server;         /* of the open connection */
	uint32_t entries[2]; /* of the open connection in the flow cache, calendar number + 1; each direction
			      */
	uint32_t pair, host; /* members of the crowd */
	uint16_t probes;     /* left of this round of scanning */
	nr_time next;        /* its turn */
	uint32_t following;  /* who waits for the same second; + 1 */
};

#define NR_SCENE_SLOTS 4096
struct nr_scenes {
	/* The beat alone is to be measured: bots do nothing else, by timers that run on, at least once a
	 * minute, from addresses of their own. */
	bool measured;
	struct nr_scene_net *nets; /* all arrays are owned */
	struct nr_scene_server *servers;
	struct nr_scene_actor *actors;
	uint32_t slots[NR_SCENE_SLOTS]; /* actor + 1 */
	uint32_t net_count, net_room, server_count, server_room, actor_count, actor_room;
	uint32_t own_servers;  /* given away of the ISP's */
	struct nr_crowd pairs; /* group: the server */
	struct nr_crowd hosts; /* group: nr_scene_host_group() */
};

NR_INLINE uint32_t nr_scene_host_group(enum nr_scene_host kind, unsigned behaviour)
{
	return (uint32_t)kind << 16 | behaviour;
}
/* Of hosts whose behaviour is no part of a botnet. */
enum nr_scene_behaviour {
	NR_BEHAVIOUR_SCAN = 1000, /* a bot that looks for more */
	NR_BEHAVIOUR_FLOOD,
	NR_BEHAVIOUR_SCANNER, /* of noise.c */
	NR_BEHAVIOUR_RESEARCH,
	NR_BEHAVIOUR_REFLECTOR,
	NR_BEHAVIOUR_REFLECTION,
};

/* scene_cast.c: a net of a part with its servers, clients and dice. exporter: behind which all clients are,
 * or NR_SCENE_ANY; which: tells nets of the same part and exporter apart. */
int nr_scene_add_net(struct nr_flows_world *world, const struct nr_scene_part *part, unsigned which,
	uint16_t exporter, uint32_t clients, struct nr_error *error);
/* Servers that are nothing but background, of whose traffic only what is sampled is played. */
int nr_scene_add_nulls(
	struct nr_flows_world *world, uint16_t exporter, uint32_t count, struct nr_error *error);

/* scene_profile.c: who plays. */
int nr_scene_cast(struct nr_flows_world *world, struct nr_error *error);

/* scene_act.c: what an actor does at world time `now`; when it wants its next turn. */
int nr_scene_act(struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, nr_time *ret_next,
	struct nr_error *error);
/* Evenly between two times; a conversation of the actor's begins; is to actor->server; is written down. */
nr_time nr_scene_within(struct nr_random *random, nr_time low, nr_time high);
void nr_scene_begin(const struct nr_flows_world *world, const struct nr_scene_actor *actor, nr_time now,
	struct nr_conversation *c);
void nr_scene_aim(
	const struct nr_flows_world *world, const struct nr_scene_actor *actor, struct nr_conversation *c);
int nr_scene_note(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time time, struct nr_error *error);
/* scene_deeds.c: a command arrives; the attack begins; one probe of a scanner; one visit to a null. */
int nr_scene_obey(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error);
int nr_scene_flood(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error);
int nr_scene_probe(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error);
int nr_scene_visit(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error);
/* The first time from `time` on at which it is awake. */
nr_time nr_scene_awake(const struct nr_flows_world *world, const struct nr_scene_actor *actor, nr_time time);

/* scene_pass.c: a new connection of the actor's: where it is now, and a port of its own. */
int nr_scene_locate(struct nr_flows_world *world, struct nr_scene_actor *actor, struct nr_conversation *c,
	struct nr_error *error);
/* Payload in octets becomes packets. */
void nr_scene_pack(struct nr_conversation *c, uint32_t up, uint32_t down, bool opens, bool closes);
/* A conversation by itself passes; entries: what the flow cache has of its connection, NULL: nothing. */
int nr_scene_pass(
	struct nr_flows_world *world, struct nr_conversation *c, uint32_t entries[2], struct nr_error *error);

#endif
