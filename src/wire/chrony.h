/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What chronyd says of the clock that it keeps: the "tracking" report of its command protocol, version 6
 * (chrony's candm.h; the format is described in shared words in its documentation of chronyc's tracking).
 */
#ifndef NR_WIRE_CHRONY_H
#define NR_WIRE_CHRONY_H

#include "base/error.h"
#include "base/time.h"

#define NR_CHRONY_BYTES 104 /* of the question, padded to the answer's length, and of the answer */

void nr_chrony_write_tracking(uint32_t sequence, uint8_t ret_bytes[NR_CHRONY_BYTES]);

struct nr_chrony_tracking {
	uint8_t leap; /* RFC 5905 figure 9 */
	uint16_t stratum;
	nr_time updated;    /* of the last update */
	nr_time offset;     /* true time minus machine */
	nr_time dispersion; /* root dispersion + root delay / 2 */
};

/* -EBADMSG says what is wrong: too short, another version or sequence, refused, numbers that are none. */
int nr_chrony_read_tracking(const uint8_t *bytes, size_t length, uint32_t sequence,
	struct nr_chrony_tracking *ret_tracking, struct nr_error *error);

#endif
