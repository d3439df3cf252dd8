/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What early warning needs of a worker's packets, seen batch by batch after the sources have been counted:
 * activity at watched ports, and scanning events. Only where rows are wanted. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_EARLY_LOCAL_H
#define NR_SENSE_TELESCOPE_EARLY_LOCAL_H

#include "sense/telescope/hitters.h"
#include "sense/telescope/watch.h"

struct nr_telescope_conf;

struct nr_early_local {
	struct nr_area *area;
	struct nr_watch watch;
	struct nr_hitters hitters;
};

int nr_early_local_new(const struct nr_telescope_conf *conf, struct nr_area *area,
	struct nr_early_local **ret_early, struct nr_error *error);
void nr_early_local_free(struct nr_early_local *early); /* NULL allowed */
/* Left by a predecessor in an area: its pages have a fixed size; -EBADMSG: they are not there. */
int nr_early_local_resume(struct nr_early_local *early, struct nr_area *area);
void nr_early_local_observe(struct nr_early_local *early, const struct nr_batch *batch);

#endif
