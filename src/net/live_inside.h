/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of live.h: what its two ways (live_packet.c, live_xdp.c) have in common. A way fills in the struct
 * when it opens; everything that must outlive a reader is in `shared`.
 */
#ifndef NR_NET_LIVE_INSIDE_H
#define NR_NET_LIVE_INSIDE_H

#include "net/live.h"

#include <linux/filter.h>
#include <linux/if.h>
#include <stdatomic.h>

/* How far a ring has been read, and what the kernel said about it. In memory that all processes share: a
 * reader may die between any two stores, or have been taken over by a packet: a successor checks what it
 * finds.
 */
struct nr_live_place {
	/* packet: the block that is being read, or will be next, and in bit 0 whether it was opened, in one
	 * word, so that both change at once */
	_Alignas(NR_CACHE_LINE) uint64_t at;
	uint64_t sequence;               /* of the open block, by the kernel's count */
	uint32_t count;                  /* packets in it */
	uint32_t done;                   /* of them, dealt with */
	uint32_t offset;                 /* in it, of the next packet */
	uint32_t busy;                   /* frames that were given out and not yet dealt with */
	uint32_t busy_done, busy_offset; /* what done and offset are after them */
	uint32_t returning;              /* xdp: fill_at is known */
	uint32_t receive_at, fill_at;    /* xdp: where the busy frames are, and where they go */
	uint64_t lost_seen;              /* xdp: losses that `received` holds */
	_Alignas(NR_CACHE_LINE) _Atomic uint64_t received, kernel, freezes, filtered, fill_empty, no_frame,
		interrupted;
};

enum nr_live_counter { NR_LIVE_MISSED, NR_LIVE_STACK, NR_LIVE_COUNTERS }; /* of the interface */

struct nr_live_shared {
	_Atomic uint64_t outages;
	_Atomic uint64_t counters[NR_LIVE_COUNTERS]; /* of the interface, since opening */
	uint64_t before[NR_LIVE_COUNTERS];           /* what they were then */
	struct nr_live_place places[];
};

/* xdp: one ring between the kernel and us, mapped. */
struct nr_live_queue {
	uint32_t *producer, *consumer;
	void *entries;
	void *mapped;
	size_t bytes;
};

struct nr_live_xdp {
	struct nr_live_queue receive; /* struct xdp_desc */
	struct nr_live_queue fill;    /* uint64_t: where free frames lie */
	uint32_t mask;                /* of both */
};

struct nr_live_ring {
	int socket;
	uint8_t *memory; /* what is mapped: blocks (packet), frames (xdp) */
	size_t bytes;
	struct nr_live_xdp *xdp; /* owned; NULL in the packet way */
};

struct nr_live_way {
	const char *name;
	bool spreads, counts_filtered;
	int (*open)(struct nr_live *live, const struct nr_live_conf *conf, struct nr_error *error);
	void (*close)(struct nr_live *live);
	void (*settle)(struct nr_live *live, unsigned ring);
	/* Before anything is done with what a predecessor left, which may have been taken over: its positions
	 * are made such that they can be used. Frames that are lost by that are not known, and not counted.
	 */
	void (*check)(struct nr_live *live, unsigned ring);
	size_t (*read)(struct nr_live *live, unsigned ring, struct nr_frame *frames, size_t max,
		struct nr_loss *loss);
	void (*refresh)(struct nr_live *live, unsigned ring);
};
extern const struct nr_live_way nr_live_packet, nr_live_xdp;

struct nr_live {
	const struct nr_live_way *way;
	char interface[IFNAMSIZ];
	int index;                      /* of the interface */
	int asking;                     /* a socket for questions about the interface */
	int link;                       /* xdp: the program at the interface; -1: none */
	bool only_zero_copy;            /* xdp: not worth its drawbacks else */
	bool ethernet;                  /* frames begin with an Ethernet header; else with an IP header */
	int counters[NR_LIVE_COUNTERS]; /* -1: not there */
	unsigned count;
	struct nr_live_ring *rings;    /* count */
	struct nr_live_shared *shared; /* mapped; shared_bytes */
	size_t shared_bytes;
	size_t block_bytes, block_count; /* packet */
	struct sock_fprog filter;        /* owned; what is wanted, with its snap length */
	char note[240];
};

/* Room for `count` rings, shared place included. */
int nr_live_make_rings(struct nr_live *live, unsigned count, struct nr_error *error);

/* ---- live_filter.c ---- */
/* A program that accepts what the expression (NULL: anything) matches, cut at NR_LIVE_SNAP. */
int nr_live_filter_compile(
	const char *expression, bool ethernet, struct sock_fprog *ret_program, struct nr_error *error);
/* Runs it where the kernel does not. */
bool nr_live_filter_wants(const struct sock_fprog *program, const uint8_t *bytes, uint32_t length);
/* A hash of the source address, whatever VLAN tags are in front; 0 for what is not IP. Answers the
 * instructions. */
#define NR_LIVE_SPREAD_MAX 128
unsigned short nr_live_spread_program(uint64_t key, struct sock_filter program[static NR_LIVE_SPREAD_MAX]);

#endif
