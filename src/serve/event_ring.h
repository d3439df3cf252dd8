/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of events.h: an event as it is sent, shared by all who send it, and a ring of the newest ones. Under
 * the lock of the events, but for an event's bytes, which never change.
 */
#ifndef NR_SERVE_EVENT_RING_H
#define NR_SERVE_EVENT_RING_H

#include "serve/sensors.h"

struct nr_event {
	unsigned references;
	uint64_t number; /* its position in the ring of recent events */
	uint64_t id;     /* grows, also from process to process: it is a time, us; 0: none */
	char sensor[NR_SENSOR_NAME_MAX];
	size_t length;
	char bytes[];
};

/* data: one line of JSON. Without a reference yet. NULL: no memory. */
struct nr_event *nr_event_make(
	const char *type, uint64_t id, const char *sensor, const char *data, size_t length);
void nr_event_release(struct nr_event *event); /* NULL allowed */

/* The newest events, by position. */
struct nr_event_ring {
	struct nr_event **slots; /* owned */
	size_t size;
	uint64_t oldest, next; /* positions: [oldest, next) are there */
};

bool nr_event_ring_init(struct nr_event_ring *ring, size_t size); /* false: no memory */
void nr_event_ring_fini(struct nr_event_ring *ring);
struct nr_event *nr_event_ring_at(const struct nr_event_ring *ring, uint64_t position);
/* The ring's reference becomes the caller's. */
struct nr_event *nr_event_ring_drop(struct nr_event_ring *ring);
/* The oldest one gives way. */
void nr_event_ring_append(struct nr_event_ring *ring, struct nr_event *event);
/* The first position whose event has this number or a later one. */
uint64_t nr_event_ring_find(const struct nr_event_ring *ring, uint64_t number);

#endif
