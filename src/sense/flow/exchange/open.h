/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier opens the collector's reply: of its own candidates those that threshold carriers and more have,
 * with the evidence of the others. From an offer's place only who has the candidate itself can read on.
 *
 * Each carrier's evidence counts for NR_EXCHANGE_SAY nats at most, both ways: what is not one's own may be
 * wrong or a lie, and one carrier alone must not make an alarm of what is harmless. (Prior odds of a server
 * to be a C&C lie far below e^-4; see the guide.)
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_OPEN_H
#define NR_SENSE_FLOW_EXCHANGE_OPEN_H

#include "sense/flow/exchange/form.h"
#include "sense/flow/exchange/place.h"

#define NR_EXCHANGE_SAY 4.0 /* nats */

/* How much of another carrier's evidence counts. Whole, it would be as if what it saw were independent of
 * what is seen here; but a server's port, sizes and neighbours are the same for all of them. */
struct nr_exchange_trust {
	double say;         /* nats: of one carrier at most; above 0, at most NR_EXCHANGE_SAY_MAX */
	double independent; /* part of its evidence that is not ours once more: above 0, at most 1 */
};

struct nr_exchange_joint {
	size_t candidate;  /* index */
	uint16_t holders;  /* bits of parties, this one's too */
	double others;     /* nats: sum over the others */
	double confidence; /* the candidate's, and what the others say */
	uint64_t clients;  /* of all of them: sum of the steps' lower ends, and the own number */
};
struct nr_exchange_opened {
	struct nr_exchange_joint *joints; /* owned; by confidence, the strongest first */
	size_t count;
	uint64_t records, explained; /* of the reply; of those, places of a candidate of ours */
	uint64_t words_refused;      /* that no carrier writes */
	struct nr_exchange_head head;
};
/* bytes: the file without its signature, checked. secret: moved to the reply's day. Memory: 2 bytes a bin of
 * one table, 32 a candidate. -EBADMSG as nr_exchange_reply_parse(). */
#define NR_EXCHANGE_SAY_MAX 8.0
int nr_exchange_reply_open(const struct nr_exchange_group *group, const struct nr_exchange_secret *secret,
	const struct nr_exchange_candidates *candidates, const struct nr_exchange_trust *trust,
	const uint8_t *bytes, size_t length, struct nr_exchange_opened *ret_opened, struct nr_error *error);
void nr_exchange_opened_fini(struct nr_exchange_opened *opened);

/* The file, its signature checked and taken off. */
int nr_exchange_reply_read(const char *path, const struct nr_exchange_group *group, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_exchange_head *ret_head, struct nr_error *error);

#endif
