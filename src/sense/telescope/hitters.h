/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scanning events and aggressive hitters as ORION defines them (Merit's darknet-events; Anand et al.,
 * "Aggressive Internet-Wide Scanners", arXiv 2305.07193). An event is what one IPv4 source sends of one
 * traffic type to (or, for answers, from) one port without a pause of more than nr_event_idle(). It is kept
 * where it reached NR_EVENT_DESTINATIONS addresses at NR_EVENT_RATE packets/s to the whole Internet.
 *
 * Where the original goes wrong we do not follow: RST+ACK is a RST, ECE and CWR do not matter, segments of a
 * connection (PSH or FIN with ACK) are answers and keyed by their source port, and an event lasts at least
 * one second, so that a burst has no infinite rate. UDP answers are no events.
 *
 * Only sources that have sent NR_EVENT_CANDIDATE packets on their day are followed, so that most packets cost
 * one look at a table of counters: up to nine packets of an event are not in it. As long as their lines have
 * room sources are counted one by one, so that no event depends on who else is there; beyond it they share
 * counters. An event is cut when a day
 * ends. All of a worker's events lie in one table of fixed size; one that is pushed out by others ends there
 * (counted). Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_HITTERS_H
#define NR_SENSE_TELESCOPE_HITTERS_H

#include "base/area.h"
#include "base/hll.h"
#include "sense/telescope/rules.h"

#define NR_EVENT_IDLE         (624 * NR_SECOND)
#define NR_EVENT_IDLE_DARK    475136 /* for so many addresses; of ORION */
#define NR_EVENT_IDLE_MOST    NR_HOUR
#define NR_EVENT_DESTINATIONS 10
#define NR_EVENT_RATE         10.0
#define NR_EVENT_CANDIDATE    10
#define NR_EVENT_LISTED       16   /* destinations that are listed; more are counted */
#define NR_EVENT_BITS         512  /* linear counting: error 4 % at as many destinations */
#define NR_EVENT_BITS_FULL    0.75 /* share of bits from which a sketch takes over */

enum nr_event_type { /* ORION's numbers */
	NR_EVENT_ECHO_REQUEST,
	NR_EVENT_ECHO_REPLY,
	NR_EVENT_UNREACHABLE,
	NR_EVENT_SOURCE_QUENCH,
	NR_EVENT_REDIRECT,
	NR_EVENT_TIME_EXCEEDED,
	NR_EVENT_PARAMETER_PROBLEM,
	NR_EVENT_TIMESTAMP_REPLY,
	NR_EVENT_INFORMATION_REPLY,
	NR_EVENT_MASK_REPLY,
	NR_EVENT_ICMP_OTHER,
	NR_EVENT_TCP_SYN,
	NR_EVENT_TCP_SYN_ACK,
	NR_EVENT_TCP_ACK,
	NR_EVENT_TCP_RST,
	NR_EVENT_TCP_OTHER,
	NR_EVENT_UDP,
	NR_EVENT_UNKNOWN,
};

/* What is looked at while a place is sought stands in the bucket. */
struct nr_event {
	uint32_t source;
	uint16_t port;
	uint8_t type;
	uint8_t listed; /* destinations in the list; above NR_EVENT_LISTED: bits */
	nr_time first;
	uint64_t bytes;
	uint32_t sketch; /* number + 1; 0: none */
	union {
		uint32_t list[NR_EVENT_LISTED]; /* `listed` of them count */
		uint64_t bits[NR_EVENT_BITS / 64];
	} destinations;
};
_Static_assert(sizeof(struct nr_event) == 96, "what a new event writes lies in one line");

/* A kept one. */
struct nr_event_end {
	nr_time first, last;
	uint64_t bytes;
	uint32_t source, packets, destinations;
	uint16_t port;
	uint8_t type;
	float error; /* relative standard error of destinations; 0 = exact */
};

/* Sources of one place in a table: what their hash has beyond the place, and packets in the lowest four bits.
 */
#define NR_CANDIDATE_WAYS 16
struct nr_candidate_line {
	uint32_t cells[NR_CANDIDATE_WAYS]; /* 0: free */
};
_Static_assert(NR_EVENT_CANDIDATE <= 16, "packets in four bits");

#define NR_EVENT_WAYS 8
struct nr_event_bucket {
	uint32_t tags[NR_EVENT_WAYS]; /* of the keys; 0: free */
	uint32_t packets[NR_EVENT_WAYS];
	nr_time last[NR_EVENT_WAYS];
};
_Static_assert(sizeof(struct nr_event_bucket) == 128, "two lines");

struct nr_hitters {
	struct nr_area *area;
	/* packets of sources, today; both nr_pages: one by one, and of those who share one */
	struct nr_candidate_line *lines;
	uint8_t *counters;
	size_t line_count, counter_count;
	struct nr_event_bucket
		*buckets; /* nr_pages, bucket_count; their events: bucket * NR_EVENT_WAYS + way */
	struct nr_event *events;
	size_t bucket_count;
	struct nr_hll *sketches; /* nr_pages */
	uint32_t *free_sketches; /* numbers; nr_pages */
	size_t sketch_count, free_count;
	struct nr_event_end *ended; /* nr_pages; taken by the flush */
	size_t ended_count, ended_room;
	size_t due;   /* of them, the first so many were idle when nr_hitters_expire() was called last */
	double scale; /* 2^32 / N_dark; 0: not known */
	nr_time idle;
	uint64_t beyond; /* kept events that found no room */
	uint64_t pushed_out;
};

/* A scan of the whole Internet comes to fewer addresses less often: ORION's 624 s, and for a smaller
 * telescope longer in proportion, up to an hour. A scan that takes a day comes to a /24 each 338 s on
 * average, and stays away for an hour with a chance of 2e-5. */
nr_time nr_event_idle(uint64_t dark_addresses);
int nr_hitters_init(struct nr_hitters *hitters, struct nr_area *area, uint64_t memory_bytes,
	uint64_t dark_addresses, struct nr_error *error);
void nr_hitters_fini(struct nr_hitters *hitters);

void nr_hitters_observe(struct nr_hitters *hitters, const struct nr_batch *batch);
/* Ends events that have been idle at `now`; NR_TIME_MAX: all. They are due, with those that ended before for
 * the same reason: others may have ended early because their place was needed, and wait, so that when an
 * event is handed over does not depend on its neighbours in the table. */
void nr_hitters_expire(struct nr_hitters *hitters, nr_time now);
/* A day is over: who is a candidate is found anew. */
void nr_hitters_forget(struct nr_hitters *hitters);

/* Scanning, rather than answers or errors: what a definition of an aggressive hitter may name. */
NR_INLINE bool nr_event_is_scan(uint8_t type)
{
	return type == NR_EVENT_TCP_SYN || type == NR_EVENT_UDP || type == NR_EVENT_ECHO_REQUEST;
}

/* Type and key port of a packet; *ret_port is 0 where there is none. */
enum nr_event_type nr_event_type_of(const struct nr_packet *packet, uint16_t *ret_port);
double nr_event_rate(const struct nr_hitters *hitters, uint32_t packets, nr_time first, nr_time last);

#endif
