/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's state that a predecessor left in an area (base/area.h) when it ended, at any instruction.
 * Private to this room.
 *
 * Nothing in it is taken on trust: every length is held against its capacity, every pointer against what the
 * area gave out, and what can be derived is made anew (indexes from the entries, the table of usual groups
 * from its list). Changes of more than one store are made in a copy (tally.c) or under a mark (flush.c), so
 * that they are finished or have not happened. What one packet had begun may be lost.
 */
#ifndef NR_SENSE_TELESCOPE_RESUME_H
#define NR_SENSE_TELESCOPE_RESUME_H

#include "sense/telescope/state.h"

/* The sense's resume(): -EBADMSG: the state is not sound. */
int nr_telescope_resume(const void *conf, void *local, struct nr_area *area, struct nr_error *error);

#endif
