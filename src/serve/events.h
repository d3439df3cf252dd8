/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live stream: rows go in through a sink, each listener reads the same events as server-sent events
 * (WHATWG HTML, 9.2) at its own pace. Events stand in a ring of bounded size; who reads too slowly is moved
 * on and told how many it missed, and holds up nobody. Findings and gaps are remembered longer than the rest,
 * so that who comes back with Last-Event-ID, or was moved on, still gets them.
 *
 * Any thread; one thread a listener.
 */
#ifndef NR_SERVE_EVENTS_H
#define NR_SERVE_EVENTS_H

#include "model/sink.h"
#include "serve/sensors.h"

#define NR_EVENTS_LISTENERS_MAX 128
#define NR_EVENTS_RING          1024       /* events */
#define NR_EVENTS_BYTES_MAX     (16 << 20) /* of them together */
#define NR_EVENTS_REMEMBERED    1024       /* findings and gaps */
#define NR_EVENTS_HEARTBEAT_MS  10000

struct nr_events;
struct nr_listener;

/* sensors: borrowed; what hello says, and whose figures the rows advance. */
int nr_events_new(struct nr_sensors *sensors, struct nr_events **ret_events, struct nr_error *error);
/* After the last listener has left. */
void nr_events_free(struct nr_events *events);
void nr_events_freep(struct nr_events **events);
/* Ends every listener's stream, now and later; waits up to a second until they have left. */
void nr_events_stop(struct nr_events *events);

/* Takes rows of the live tables, findings and gaps; other tables are none of its business. Never waits for a
 * listener. Its commit does nothing. */
struct nr_sink *nr_events_sink(struct nr_events *events);

/* sensor NULL: all. last_id: of the last event that this listener has had, 0: none. -EBUSY: as many listeners
 * as there may be. */
int nr_events_join(struct nr_events *events, const char *sensor, uint64_t last_id,
	struct nr_listener **ret_listener, struct nr_error *error);
void nr_events_leave(struct nr_listener *listener);

/* Waits for the next bytes of the stream, a heartbeat at the latest; 0: it has ended. A read ends anywhere in
 * an event. */
size_t nr_events_read(struct nr_listener *listener, char *bytes, size_t room);

struct nr_events_figures {
	uint64_t listeners, events, skipped; /* skipped: events that listeners were too slow for */
};
void nr_events_figures(struct nr_events *events, struct nr_events_figures *ret_figures);

#endif
