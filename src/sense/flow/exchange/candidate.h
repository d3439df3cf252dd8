/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidates: servers that this carrier alone would not raise an alarm for, from findings as "noroshi flow
 * detect --json" prints them (kind c2-server). What of one leaves the house is in an offer: nothing but
 * shares, and masked, how strong the evidence is (a byte) and how many clients (a step).
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_CANDIDATE_H
#define NR_SENSE_FLOW_EXCHANGE_CANDIDATE_H

#include "base/crew.h"
#include "base/time.h"
#include "model/c2_list.h"

#define NR_EXCHANGE_LLR_STEP 0.125 /* nats */
#define NR_EXCHANGE_LLR_MAX  127   /* steps, both ways: 15.875 nats */

struct nr_exchange_candidate {
	struct nr_address address;
	uint16_t port;
	uint8_t protocol; /* 6, 17 */
	uint8_t clients;  /* enum nr_c2_clients */
	int8_t llr;       /* steps: sum of the finding's weights */
	bool alarm;       /* an alarm here already */
	uint8_t carriers; /* that saw it, where a joint finding says so; 0: this one */
	uint16_t reasons; /* NR_C2_... bits */
	double confidence;
	uint64_t own_clients;
	nr_time first, last; /* NR_TIME_MIN: not said */
};

struct nr_exchange_candidates {
	struct nr_exchange_candidate *items; /* owned; sorted by server once settled, none twice */
	size_t count, room;
	/* What was left out: lines that are no finding; findings of other kinds; of other days; refused: own
	 * networks, for private use, pseudonyms, or no server; more than fit, the weakest; the same server
	 * once more. */
	uint64_t lines, unreadable, other_kinds, other_days, refused, beyond, twice;
	char trouble[200]; /* what is wrong with the first unreadable or refused line; "" */
	uint64_t trouble_line;
	char trouble_path[64]; /* the end of the file's name */
};
#define NR_EXCHANGE_LINES_MAX (UINT64_C(16) << 20) /* findings that are read */
#define NR_EXCHANGE_ANY_DAY   INT32_MIN

/* Adds those of a file ("-": standard input) that fall on the day, or NR_EXCHANGE_ANY_DAY. list: what may not
 * be shared. crew: NULL: this thread alone. -EMSGSIZE: more than NR_EXCHANGE_LINES_MAX. */
int nr_exchange_candidates_read(struct nr_exchange_candidates *candidates, const char *path,
	const struct nr_c2_list *list, int32_t day, struct nr_crew *crew, struct nr_error *error);
/* Makes room for so many more. */
int nr_exchange_candidates_room(
	struct nr_exchange_candidates *candidates, size_t more, struct nr_error *error);
/* One line. 0: taken or counted. */
int nr_exchange_candidates_add(struct nr_exchange_candidates *candidates, const char *line, size_t length,
	const struct nr_c2_list *list, int32_t day, struct nr_error *error);
/* Sorts; of a server that is there twice the strongest stays, and of more than max those with the strongest
 * evidence. */
void nr_exchange_candidates_settle(struct nr_exchange_candidates *candidates, size_t max);
void nr_exchange_candidates_fini(struct nr_exchange_candidates *candidates);

#endif
