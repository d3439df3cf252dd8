/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/chrony.h"

#include "wire/cursor.h"

#include <errno.h>
#include <math.h>

#define VERSION        6
#define PACKET_REQUEST 1
#define PACKET_REPLY   2
#define TRACKING       33
#define REPLY_TRACKING 5
#define SECONDS_MAX    1e9 /* more is not a clock's offset; and fits into nr_time */
#define COEFFICIENT    25  /* bits of a float's coefficient, the sign among them */

void nr_chrony_write_tracking(uint32_t sequence, uint8_t ret_bytes[NR_CHRONY_BYTES])
{
	memset(ret_bytes, 0, NR_CHRONY_BYTES);
	ret_bytes[0] = VERSION;
	ret_bytes[1] = PACKET_REQUEST;
	ret_bytes[5] = TRACKING;
	sequence = __builtin_bswap32(sequence);
	memcpy(ret_bytes + 8, &sequence, sizeof sequence);
}

/* 7 bits exponent, 25 bits coefficient, both two's complement: coefficient x 2^(exponent - 25). */
static double read_float(struct nr_cursor *c)
{
	uint32_t bits = nr_cursor_u32(c);
	int32_t exponent = (int32_t)bits >> COEFFICIENT;
	int32_t coefficient = (int32_t)(bits << (32 - COEFFICIENT)) >> (32 - COEFFICIENT);
	return ldexp(coefficient, exponent - COEFFICIENT);
}

static bool is_seconds(double value)
{
	return fabs(value) < SECONDS_MAX; /* false for NaN */
}

int nr_chrony_read_tracking(const uint8_t *bytes, size_t length, uint32_t sequence,
	struct nr_chrony_tracking *ret_tracking, struct nr_error *error)
{
	struct nr_cursor c = nr_cursor_over(bytes, length);
	uint8_t version = nr_cursor_u8(&c), type = nr_cursor_u8(&c);
	nr_cursor_skip(&c, 2);
	uint16_t command = nr_cursor_u16(&c), reply = nr_cursor_u16(&c), status = nr_cursor_u16(&c);
	nr_cursor_skip(&c, 6);
	uint32_t answered = nr_cursor_u32(&c);
	nr_cursor_skip(&c, 8 + 4 + 20); /* padding; reference identifier, address */
	struct nr_chrony_tracking tracking = {.stratum = nr_cursor_u16(&c)};
	uint16_t leap = nr_cursor_u16(&c);
	uint64_t high = nr_cursor_u32(&c), low = nr_cursor_u32(&c);
	uint32_t nanoseconds = nr_cursor_u32(&c);
	double correction = read_float(&c);
	for (int i = 0; i < 5; i++) /* last and root-mean-square offset, frequency, its residual, skew */
		read_float(&c);
	double delay = read_float(&c), dispersion = read_float(&c);
	if (c.failed)
		return nr_fail(error, -EBADMSG, "chronyd's answer of %zu bytes; %d are needed", length,
			NR_CHRONY_BYTES);
	if (version != VERSION || type != PACKET_REPLY || command != TRACKING || answered != sequence)
		return nr_fail(error, -EBADMSG, "chronyd's answer is of version %d, or to another question",
			version);
	if (status != 0 || reply != REPLY_TRACKING)
		return nr_fail(error, -EBADMSG, "chronyd refuses to answer (status %d)", status);
	uint64_t seconds = high << 32 | low;
	if (leap > 3 || seconds > (uint64_t)(NR_TIME_MAX / NR_SECOND) - 1 || !is_seconds(correction) ||
		!is_seconds(delay) || !is_seconds(dispersion) || delay < 0 || dispersion < 0)
		return nr_fail(error, -EBADMSG, "chronyd's answer holds numbers that are no times");
	tracking.leap = (uint8_t)leap;
	tracking.updated = (nr_time)seconds * NR_SECOND + nanoseconds / 1000;
	tracking.offset = (nr_time)(correction * (double)NR_SECOND);
	tracking.dispersion = 1 + (nr_time)((dispersion + delay / 2) * (double)NR_SECOND);
	*ret_tracking = tracking;
	return 0;
}
