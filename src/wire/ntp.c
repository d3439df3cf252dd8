/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ntp.h"

#include "wire/cursor.h"

#include <errno.h>

#define VERSION     4
#define MODE_CLIENT 3
#define MODE_SERVER 4
#define STRATUM_MAX 15
#define EPOCH       INT64_C(2208988800) /* 1900 to 1970, s */
#define ERA         (INT64_C(1) << 32)  /* s */
#define FAR         (INT64_C(1) << 50)  /* us, 35 years: beyond that, sums of times could overflow */

void nr_ntp_write_request(uint64_t nonce, uint8_t ret_bytes[NR_NTP_BYTES])
{
	memset(ret_bytes, 0, NR_NTP_BYTES);
	ret_bytes[0] = VERSION << 3 | MODE_CLIENT;
	nonce = __builtin_bswap64(nonce);
	memcpy(ret_bytes + 40, &nonce, sizeof nonce);
}

/* 32.32 seconds since 1900, of the era that is nearest to `near` (RFC 5905 section 6). */
static nr_time time_of(uint64_t stamp, nr_time near)
{
	int64_t seconds = (int64_t)(stamp >> 32) - EPOCH;
	nr_time fraction = (nr_time)(((stamp & UINT32_MAX) * (uint64_t)NR_SECOND) >> 32);
	int64_t eras = (near / NR_SECOND - seconds + ERA / 2) / ERA;
	return (seconds + NR_MAX(eras, 0) * ERA) * NR_SECOND + fraction;
}

/* 16.16 seconds. */
static nr_time short_of(uint32_t value)
{
	return (nr_time)(((uint64_t)value * (uint64_t)NR_SECOND) >> 16);
}

int nr_ntp_read_answer(const uint8_t *bytes, size_t length, uint64_t nonce, nr_time sent, nr_time received,
	struct nr_ntp_answer *ret_answer, struct nr_error *error)
{
	struct nr_cursor c = nr_cursor_over(bytes, length);
	uint8_t first = nr_cursor_u8(&c), stratum = nr_cursor_u8(&c);
	nr_cursor_skip(&c, 2); /* poll, precision */
	uint32_t root_delay = nr_cursor_u32(&c), root_dispersion = nr_cursor_u32(&c);
	nr_cursor_skip(&c, 4 + 8); /* reference identifier, reference time */
	uint64_t origin = nr_cursor_u64(&c), receive = nr_cursor_u64(&c), transmit = nr_cursor_u64(&c);
	if (c.failed)
		return nr_fail(error, -EBADMSG,
			"NTP answer of %zu bytes; 48 are needed (RFC 5905 section 7.3)", length);
	unsigned version = first >> 3 & 7;
	if ((first & 7) != MODE_SERVER || version < 3 || version > VERSION)
		return nr_fail(error, -EBADMSG, "NTP packet of mode %d, version %u: not a server's answer",
			first & 7, version);
	if (origin != nonce)
		return nr_fail(error, -EBADMSG, "NTP answer to another question");
	if (stratum == 0 || stratum > STRATUM_MAX)
		return nr_fail(error, -EBADMSG,
			"NTP server does not want to answer, or is not synchronised (stratum %d)", stratum);
	nr_time at_server = time_of(receive, received), from_server = time_of(transmit, received);
	if (!receive || !transmit || from_server < at_server || received < sent ||
		from_server - at_server > FAR || received - sent > FAR)
		return nr_fail(error, -EBADMSG, "NTP answer whose times run backwards");
	nr_time delay = NR_MAX((received - sent) - (from_server - at_server), 0);
	*ret_answer = (struct nr_ntp_answer){
		.leap = first >> 6,
		.stratum = stratum,
		.offset = ((at_server - sent) + (from_server - received)) / 2,
		.delay = delay,
		.dispersion = short_of(root_dispersion) + (short_of(root_delay) + delay) / 2,
	};
	return 0;
}
