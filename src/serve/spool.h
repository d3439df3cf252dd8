/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that receivers have not yet taken, in a file that outlives the process: an append-only text, a
 * line a message and a line a delivery, made empty whenever nothing is left. A line that a crash tore is
 * passed over. Messages go to each receiver in the order of their ids. One thread at a time.
 *
 *	+ ID RECEIVER[,RECEIVER...] BODY
 *	- ID RECEIVER
 */
#ifndef NR_SERVE_SPOOL_H
#define NR_SERVE_SPOOL_H

#include "base/time.h"

#define NR_SPOOL_RECEIVERS_MAX 8
#define NR_SPOOL_MESSAGES_MAX  10000
#define NR_SPOOL_BYTES_MAX     (32u << 20) /* of all bodies */
#define NR_SPOOL_BODY_MAX      (128u << 10)

struct nr_spool;

struct nr_message {
	uint64_t id;      /* also when it was added, us: ids grow with the clock */
	unsigned waiting; /* bit r: receiver r has not taken it */
	size_t length;
	char *body; /* owned by the spool; one line */
};

/* receivers: numbers that tell them apart, the same from start to start. What is in the file for others is
 * given up: *ret_given_up. */
int nr_spool_open(const char *path, const uint64_t *receivers, size_t receiver_count,
	struct nr_spool **ret_spool, uint64_t *ret_given_up, struct nr_error *error);
void nr_spool_close(struct nr_spool *spool); /* NULL allowed */

/* For all receivers. *ret_dropped: older messages that gave way, because there is a limit. A failure to write
 * is answered, but the message waits in memory all the same. */
int nr_spool_add(struct nr_spool *spool, const char *body, size_t length, uint64_t *ret_dropped,
	struct nr_error *error);
/* What was added is on the disk. */
int nr_spool_sync(struct nr_spool *spool, struct nr_error *error);

/* The oldest message that the receiver has not taken; NULL: none. Valid until the next call that is not
 * _next or _waiting. */
const struct nr_message *nr_spool_next(const struct nr_spool *spool, size_t receiver);
size_t nr_spool_waiting(const struct nr_spool *spool, size_t receiver);
/* It is taken, or given up. */
int nr_spool_done(struct nr_spool *spool, uint64_t id, size_t receiver, struct nr_error *error);

#endif
