/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reference of the clock: chronyd on this machine, or an NTP server. Asked without waiting, answered when
 * it is.
 */
#ifndef NR_TRUST_CLOCK_REFERENCE_H
#define NR_TRUST_CLOCK_REFERENCE_H

#include "trust/clock/clock.h"
#include "wire/chrony.h"
#include "wire/ntp.h"

#define NR_CHRONY_PORT 323

struct nr_reference {
	char name[128]; /* as it was given */
	bool chrony;
	int socket;
	char path[108], own_path[108]; /* of chronyd's socket and our end of it; "": none. Not connected:
					* chronyd may start again */
	uint64_t nonce;                /* of the question that is out; 0: none */
	struct nr_clock_reading asked;
	char why[120]; /* the last answer was none; "": it was one */
};

/* text: "chrony" (UDP on loopback), "chrony:PATH" (its socket; the folder must be ours to write), "ntp:HOST",
 * "ntp:HOST:PORT", "ntp:[ADDRESS]:PORT". Names are resolved here.
 */
int nr_reference_open(struct nr_reference *reference, const char *text, struct nr_error *error);
void nr_reference_close(struct nr_reference *reference);

/* Puts the question; one that is still out is given up. */
void nr_reference_ask(struct nr_reference *reference, const struct nr_clock_reading *now);
/* Takes what has come: true and *ret_sample where it is the answer. received: the moment of arrival. */
bool nr_reference_take(struct nr_reference *reference, const struct nr_clock_reading *received,
	struct nr_clock_sample *ret_sample);

#endif
