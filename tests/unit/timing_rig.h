/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded servers for timing: beacons and what is not, seen through sampling. For tests and bench-flow-timing.
 */
#ifndef NR_TESTS_TIMING_RIG_H
#define NR_TESTS_TIMING_RIG_H

#include "sense/flow/detect/features.h"

#include <math.h>

struct random { /* splitmix64 */
	uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
	uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline double random_unit(struct random *r) /* above 0, below 1 */
{
	return ((double)(random_next(r) >> 12) + 0.5) / (double)(UINT64_C(1) << 52);
}

static inline double random_exponential(struct random *r, double mean)
{
	return -mean * log(random_unit(r));
}

static inline double random_normal(struct random *r)
{
	return sqrt(-2 * log(random_unit(r))) * cos(2 * M_PI * random_unit(r));
}

/* ---- servers ---- */

struct rig_server {
	struct nr_flow_beat *beats;
	size_t room, count;
};

static inline void rig_add(struct rig_server *s, uint32_t client, double at, double lasts, uint16_t port)
{
	if (s->count < s->room)
		s->beats[s->count++] = (struct nr_flow_beat){.first = (nr_time)(at * 1e6),
			.last = (nr_time)((at + lasts) * 1e6),
			.client = client,
			.client_port = port,
			.up_bytes = 100,
			.up_packets = 1,
			.sides = NR_FLOW_UP};
}

static inline int rig_compare(const void *a, const void *b)
{
	const struct nr_flow_beat *x = a, *y = b;
	if (x->client != y->client)
		return x->client < y->client ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

struct rig_beacon {
	uint32_t bots;
	double sampling;       /* one packet in so many */
	double period, spread; /* s; relative, between bots */
	double jitter;  /* each gap is period * (1 +- jitter), uniform, and the next one goes on from there */
	double packets; /* of a beat, within half a second */
	double span;    /* s */
};

/* A beat is seen where one of its packets is sampled: at that packet's time. */
static inline void rig_beacon(struct rig_server *s, struct random *r, const struct rig_beacon *b)
{
	double seen = 1 - pow(1 - 1 / b->sampling, b->packets);
	for (uint32_t bot = 0; bot < b->bots; bot++) {
		double period = b->period * (1 + b->spread * random_normal(r));
		double at = random_unit(r) * period;
		for (; at < b->span; at += period * (1 + b->jitter * (2 * random_unit(r) - 1)))
			if (seen >= 1 || random_unit(r) < seen)
				rig_add(s, bot, at + (b->sampling > 1 ? 0.5 * random_unit(r) : 0), 0.1,
					(uint16_t)(random_next(r) >> 20));
	}
}

/* What people do, sampled: sessions that are more frequent by day, each with a few records near each other.
 * As many records a client on average as `records` says; `burst` of them in a session. */
static inline void rig_people(
	struct rig_server *s, struct random *r, uint32_t clients, double records, double burst, double span)
{
	for (uint32_t client = 0; client < clients; client++) {
		double busy = exp(0.8 * random_normal(r) - 0.32); /* mean 1 */
		double mean_gap = span * burst / (records * busy), at = random_exponential(r, mean_gap / 1.9);
		double near = exp(2 + 4 * random_unit(r)); /* s between records of its sessions: 7 to 400 */
		for (; at < span; at += random_exponential(r, mean_gap / 1.9)) {
			double day = 1 - 0.9 * cos(2 * M_PI * at / 86400); /* 0.1 at night, 1.9 by day */
			double t = at;
			if (random_unit(r) * 1.9 > day)
				continue;
			do {
				rig_add(s, client, t, 0.1, (uint16_t)(random_next(r) >> 20));
				t += random_exponential(r, near);
			} while (random_unit(r) > 1 / burst && t < span);
		}
	}
	qsort(s->beats, s->count, sizeof(*s->beats), rig_compare);
}

/* A connection with packets at random times, through a cache with timers that sees one packet in so many. */
static inline void rig_connections(struct rig_server *s, struct random *r, uint32_t connections, double rate,
	double active, double inactive, double span)
{
	for (uint32_t c = 0; c < connections; c++) {
		double t = random_exponential(r, 1 / rate), first = t, last = t;
		for (; t < span; t += random_exponential(r, 1 / rate)) {
			if (t - last > inactive || t - first > active) {
				rig_add(s, c, first, last - first, 40000);
				first = t;
			}
			last = t;
		}
		rig_add(s, c, first, last - first, 40000);
	}
}

#endif
