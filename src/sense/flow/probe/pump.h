/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection while it lasts: moves bytes between the probed server and the process that reads them
 * (reader.h), records them, and ends it by time and size. Looks at no byte itself.
 */
#ifndef NR_SENSE_FLOW_PROBE_PUMP_H
#define NR_SENSE_FLOW_PROBE_PUMP_H

#include "sense/flow/probe/gate.h"
#include "sense/flow/probe/reader.h"

#include <poll.h>
#include <sys/types.h>

#define NR_PROBE_CONNECT_TIME (8 * NR_SECOND)  /* for the handshake of TCP */
#define NR_PROBE_TIME_MAX     (40 * NR_SECOND) /* for a connection in all */
#define NR_PROBE_GRACE        (5 * NR_SECOND)  /* for the reader, once the server has gone */

struct nr_probe_pump {
	struct nr_probe_question question; /* with the answers so far */
	struct nr_probe_series series;
	size_t plan; /* the caller's */
	char id[NR_PROBE_ID_TEXT];
	int socket; /* -1: none any more */
	int reader; /* its end of the pair */
	pid_t pid;
	bool connected, over;
	bool full;                 /* the reader has not taken yet what it was told; the server waits */
	bool end_told;             /* it knows that the server has gone */
	nr_time begun;             /* by the wall's clock */
	nr_time started, deadline; /* by the steady one */
	uint8_t end;               /* enum nr_probe_end */
	uint32_t sent, received;
	size_t waiting; /* bytes that the socket did not take yet */
	uint8_t out[NR_PROBE_SENT];
};

/* The socket becomes the pump's. */
void nr_probe_pump_start(struct nr_probe_pump *pump, int socket, nr_time now);
/* What to wait for: fills two entries. */
void nr_probe_pump_wants(const struct nr_probe_pump *pump, struct pollfd waited[static 2]);
/* After the wait; sets over when nothing more will come. -errno: the record cannot be written. */
int nr_probe_pump_turn(struct nr_probe_pump *pump, struct nr_probe_record *record,
	const struct pollfd waited[static 2], struct nr_error *error);
/* Ends it at once, with RST: the kill switch. */
void nr_probe_pump_stop(struct nr_probe_pump *pump);
/* Reaps the reader; series has the answers and how the connection ended. */
void nr_probe_pump_finish(struct nr_probe_pump *pump);
nr_time nr_probe_pump_clock(void);

#endif
