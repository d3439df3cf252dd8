/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NTP as a client speaks it (RFC 5905 section 7.3, RFC 4330): one question, one answer, what it says of this
 * machine's clock. No authentication: what is believed is decided by comparing several (trust/clock).
 */
#ifndef NR_WIRE_NTP_H
#define NR_WIRE_NTP_H

#include "base/error.h"
#include "base/time.h"

#define NR_NTP_BYTES 48

/* A question. nonce: random; sent as the transmit time, so that only who saw the question can answer it, and
 * the machine's time is told to nobody. */
void nr_ntp_write_request(uint64_t nonce, uint8_t ret_bytes[NR_NTP_BYTES]);

struct nr_ntp_answer {
	uint8_t leap, stratum;
	nr_time offset;     /* server minus machine: ((T2 - T1) + (T3 - T4)) / 2 */
	nr_time delay;      /* (T4 - T1) - (T3 - T2), not below 0 */
	nr_time dispersion; /* root dispersion + (root delay + delay) / 2: |error of offset| is at most this
			     */
};

/* sent, received: T1 and T4 of the machine's clock. -EBADMSG says what is wrong: shorter than 48 bytes,
 * another mode or version, not an answer to this nonce, a kiss of death (stratum 0), times that run
 * backwards. */
int nr_ntp_read_answer(const uint8_t *bytes, size_t length, uint64_t nonce, nr_time sent, nr_time received,
	struct nr_ntp_answer *ret_answer, struct nr_error *error);

#endif
