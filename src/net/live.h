/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of an interface: rings that the kernel fills and that are read without system calls.
 *
 * Two ways. "packet": AF_PACKET with TPACKET_V3 (packet(7)), one ring per worker; the kernel spreads the
 * packets by a hash of their source address, so that each worker sees all packets of its sources
 * (nr_live_spreads()). "xdp": AF_XDP (linux/if_xdp.h), one ring per receive queue of the driver; the reader
 * spreads the packets.
 *
 * Opening needs CAP_NET_RAW (xdp: also CAP_BPF and CAP_NET_ADMIN) and system calls that a sandbox denies;
 * reading needs poll(2) and what NR_SANDBOX_CAPTURE allows. Descriptors, rings and the reading position are
 * inherited by fork(2): a process opens, its child reads, and when the child has died the next child goes on
 * where it stopped. The batch that the dead one was looking at is passed over, so that a packet that kills
 * its reader kills it once, and counted (nr_live_statistics.interrupted).
 *
 * One process reads at a time; in it, each ring is read by one thread. The statistics may be asked by any
 * thread.
 */
#ifndef NR_NET_LIVE_H
#define NR_NET_LIVE_H

#include "wire/packet.h"

struct nr_live;

#define NR_LIVE_RINGS_MAX 64
#define NR_LIVE_BATCH     64   /* most frames of one read: what a reader that dies can cost */
#define NR_LIVE_RETIRE_MS 50   /* a packet waits at most this long for its block to be handed over */
#define NR_LIVE_SNAP      2048 /* bytes of a packet that are captured; what is behind them is not looked at */
#define NR_LIVE_NAME      16   /* IFNAMSIZ: room for the name of an interface */
#define NR_LIVE_RING      "64M" /* default of a ring */

struct nr_live_conf {
	const char *interface;
	const char *capture; /* one of nr_live_captures */
	const char *filter;  /* pcap-filter(7); NULL: everything */
	unsigned rings;      /* 1..NR_LIVE_RINGS_MAX; "xdp" takes one per receive queue instead */
	uint64_t ring_bytes; /* of each; rounded up to whole blocks */
	uint64_t spread_key; /* of the hash of source addresses: the same key sends a source to the same ring
			      */
};
extern const char *const nr_live_captures[]; /* auto, packet, xdp; NULL-terminated, for an option */

/* What the kernel says, since nr_live_open(). Everything counts packets. */
struct nr_live_statistics {
	uint64_t received;   /* that reached us: in a ring, or dropped because it was full */
	uint64_t kernel;     /* of them dropped by the kernel: the ring was full */
	uint64_t freezes;    /* how often a ring was found full */
	uint64_t filtered;   /* did not match the filter; meaningful with filtered_known */
	uint64_t interface;  /* lost by the interface before they reached us (rx_missed_errors) */
	uint64_t stack;      /* rx_dropped: of the host's network stack, before us or, what it has no use for,
			      * behind      us. No measure of our loss */
	uint64_t no_frame;   /* xdp: dropped by the kernel: no free frame, or longer than one */
	uint64_t fill_empty; /* xdp, not packets: how often no free frame was found */
	uint64_t interrupted; /* were being looked at by a reader that died */
	uint64_t outages;     /* not packets: how often the interface went down */
	bool filtered_known;  /* false: the kernel filters and does not count */
	bool interface_known;
};

/* Most serious first. */
enum nr_live_state {
	NR_LIVE_GONE,       /* the interface was deleted, even where another has its name now: open anew */
	NR_LIVE_DOWN,       /* administratively down */
	NR_LIVE_NO_CARRIER, /* up, without a link */
	NR_LIVE_UP,
};

/* -ENODEV no such interface, -EPERM, -EINVAL (filter, with libpcap's words) ... *ret_note: a text of the live
 * when the wanted way was not to be had and another is used, else NULL. NULL allowed. */
int nr_live_open(const struct nr_live_conf *conf, struct nr_live **ret_live, const char **ret_note,
	struct nr_error *error);
void nr_live_close(struct nr_live *live); /* in each process that has it */
void nr_live_closep(struct nr_live **live);

const char *nr_live_interface(const struct nr_live *live);
const char *nr_live_way(const struct nr_live *live); /* "packet", "xdp" */
unsigned nr_live_rings(const struct nr_live *live);
/* The packets of one source are all in one ring. */
bool nr_live_spreads(const struct nr_live *live);

/* After a fork, before the first read of a process: takes over what its predecessor left. */
void nr_live_resume(struct nr_live *live);

/* Up to NR_MIN(max, NR_LIVE_BATCH) frames of a ring, 0: there are none now. They are valid until the next
 * call for this ring, which also says that they have been dealt with. Counts frames, bytes and times into
 * *loss. */
size_t nr_live_read(
	struct nr_live *live, unsigned ring, struct nr_frame *frames, size_t max, struct nr_loss *loss);
/* What was given out has been dealt with, and no more will be read by this process. All threads at rest. */
void nr_live_settle(struct nr_live *live);
/* Waits until there may be something to read, a signal comes or the time is over. ring -1: any. */
void nr_live_wait(struct nr_live *live, int ring, int timeout_ms);

/* Asks the kernel, whose counters start anew with each asking, and adds to sums that all processes share.
 * About once a second, by one process. */
void nr_live_refresh(struct nr_live *live);
void nr_live_statistics(const struct nr_live *live, struct nr_live_statistics *ret);

/* An interface is followed by its index: nr_live_interface() is its name as of the last asking. One thread.
 */
enum nr_live_state nr_live_state(struct nr_live *live);

#endif
