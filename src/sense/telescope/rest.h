/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What samples left out of a day's windows. Each window would keep one item a port for it, 1 MB where all TCP
 * ports are knocked at and 288 of them a day, which no higher level makes smaller. So it moves together, into
 * one tally for the hour that runs and one for the hours that have been told; windows keep pairs alone.
 *
 * In an area the process may end at any instruction: a sum is made beside the one that counts, one store
 * makes it count, and what it was made of is taken out of the windows before anybody reads them. Private to
 * this room.
 */
#ifndef NR_SENSE_TELESCOPE_REST_H
#define NR_SENSE_TELESCOPE_REST_H

#include "sense/telescope/tally.h"

/* Which sums count. Written at once. */
struct nr_rest_state {
	uint8_t hour;            /* hours [0, hour) are in the day's sum */
	uint8_t hour_at, day_at; /* of the two */
	uint8_t unused;
	uint16_t stale, stale_to; /* the rest in these windows has been added up: it is to go */
};
_Static_assert(sizeof(struct nr_rest_state) == 8, "one store");

struct nr_rest {
	struct nr_rest_state state;
	struct nr_tally hour[2], day[2];
};

struct nr_merged_day;

void nr_rest_init(struct nr_rest *rest, struct nr_area *area);
void nr_rest_fini(struct nr_rest *rest);
/* What the hour that runs has of it; empty for any other one. */
const struct nr_tally *nr_rest_of_hour(const struct nr_rest *rest, unsigned hour);
/* Appends what windows do not hold any more. */
int nr_rest_append(const struct nr_rest *rest, struct nr_tally *into, struct nr_error *error);

/* Adds up what windows [from, to), all of one hour, have. Windows of an hour that is still to come are left
 * alone. */
int nr_rest_fold(struct nr_merged_day *day, unsigned from, unsigned to, struct nr_error *error);
/* Hours up to day->hours_emitted have been told: their rest matters for the day alone. */
int nr_rest_end_hours(struct nr_merged_day *day, struct nr_error *error);
/* Finishes what a predecessor, or a lack of memory, left undone: before anybody reads the windows. */
int nr_rest_settle(struct nr_merged_day *day, struct nr_error *error);

#endif
