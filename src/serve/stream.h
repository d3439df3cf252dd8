/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /api/v1/live: a listener's events as the body of a reply that ends with the server. The connection's
 * own thread waits for events and for the client; see server.h for how many there may be.
 */
#ifndef NR_SERVE_STREAM_H
#define NR_SERVE_STREAM_H

#include "serve/events.h"

#include <microhttpd.h>

#define NR_STREAM_TYPE "text/event-stream"

/* sensor NULL: all. last_event_id: the header's text; NULL, or what is no number: none. *ret_response is the
 * caller's. -EBUSY, -ENOMEM. */
int nr_event_stream_open(struct nr_events *events, const char *sensor, const char *last_event_id,
	struct MHD_Response **ret_response, struct nr_error *error);

#endif
