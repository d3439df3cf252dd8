/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live findings of carpet attacks: told when they have reached the limits, renewed once a minute, closed when
 * a whole interval passes without an answer, as victims are (alarm.h). Private to this room; one thread,
 * while all workers rest.
 */
#ifndef NR_SENSE_TELESCOPE_CARPET_LOOK_H
#define NR_SENSE_TELESCOPE_CARPET_LOOK_H

#include "sense/telescope/alarm.h"

struct nr_carpet_look {
	const struct nr_telescope_conf *conf;
	nr_time now;
	struct nr_sink *sink;
	unsigned slice, slices; /* of the networks: this look sees one of so many slices */
	unsigned *left;         /* findings that may still be told */
};

int nr_carpets_look(const struct nr_carpet_look *look, struct nr_local *const *locals, size_t count,
	struct nr_error *error);

#endif
