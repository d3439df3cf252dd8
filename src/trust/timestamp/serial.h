/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial numbers that never come twice (RFC 3161 section 2.4.2: unique for ever, also after a crash). Used by
 * one thread at a time.
 */
#ifndef NR_TRUST_TIMESTAMP_SERIAL_H
#define NR_TRUST_TIMESTAMP_SERIAL_H

#include "trust/ledger/slot.h"
#include "trust/timestamp/build.h"

#define NR_SERIAL_BLOCK (UINT64_C(1) << 20) /* numbers that are reserved with one write */

struct nr_serials {
	struct nr_slots slots; /* hold the first number that is not reserved; locked: two authorities on one
				* counter would give numbers twice */
	uint64_t next, end;
	uint8_t life; /* 01 to 7f, of the certificate */
	uint8_t random[4096];
	size_t random_left;
};

/* Makes the file if it is not there; afterwards nothing is opened. certificate: DER; its digest gives the
 * life. A file that is there and is no counter is no beginning: -EBADMSG. -EBUSY: another process has it. */
int nr_serials_open(struct nr_serials *serials, const char *path, const uint8_t *certificate, size_t length,
	struct nr_error *error);
void nr_serials_close(struct nr_serials *serials);
/* Greater than every one before. An error means that none may be given. */
int nr_serials_next(struct nr_serials *serials, uint8_t ret_serial[NR_TSP_SERIAL], struct nr_error *error);

#endif
