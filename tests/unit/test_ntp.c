/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/chrony.h"
#include "wire/ntp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NONCE UINT64_C(0x0123456789abcdef)
#define NOW   (INT64_C(1790000000) * NR_SECOND)

static void put32(uint8_t *at, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(at, &value, sizeof value);
}

/* 32.32 since 1900, modulo the era. */
static uint64_t stamp(nr_time t)
{
	uint64_t seconds = (uint64_t)(t / NR_SECOND) + UINT64_C(2208988800);
	return seconds << 32 | ((uint64_t)(t % NR_SECOND) << 32) / (uint64_t)NR_SECOND;
}

/* A server that is `offset` ahead, with 10 ms to it and 30 ms back, and 1 ms of thought. */
static void make_answer(uint8_t *bytes, nr_time now, nr_time offset)
{
	memset(bytes, 0, NR_NTP_BYTES);
	bytes[0] = 1 << 6 | 4 << 3 | 4;
	bytes[1] = 2;
	put32(bytes + 4, 1 << 14); /* root delay 0.25 s */
	put32(bytes + 8, 1 << 13); /* root dispersion 0.125 s */
	put64(bytes + 24, NONCE);
	put64(bytes + 32, stamp(now + 10000 + offset));
	put64(bytes + 40, stamp(now + 11000 + offset));
}

static void test_ntp(void **state)
{
	(void)state;
	static const nr_time nows[] = {NOW, INT64_C(2085978495) * NR_SECOND /* the last second of era 0 */,
		INT64_C(2085978500) * NR_SECOND, INT64_C(6500000000) * NR_SECOND};
	static const nr_time offsets[] = {0, 1500000, -1500000, -7 * NR_DAY};
	for (size_t i = 0; i < NR_COUNT(nows) * NR_COUNT(offsets); i++) {
		nr_time now = nows[i / 4], offset = offsets[i % 4];
		uint8_t bytes[NR_NTP_BYTES];
		struct nr_ntp_answer answer;
		make_answer(bytes, now, offset);
		assert_int_equal(
			nr_ntp_read_answer(bytes, sizeof bytes, NONCE, now, now + 41000, &answer, NULL), 0);
		assert_int_equal(answer.leap, 1);
		assert_int_equal(answer.stratum, 2);
		assert_in_range(answer.offset - (offset - 10000) + 10, 0, 20); /* half of 10 ms - 30 ms */
		assert_in_range(answer.delay, 39990, 40010);
		assert_in_range(answer.dispersion, 125000 + 125000 + 19990, 125000 + 125000 + 20010);
	}
}

static void test_ntp_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {{0, 4 << 3 | 3} /* a question */, {0, 2 << 3 | 4} /* version 2 */,
		{1, 0} /* kiss of death */, {1, 16}, {31, 0} /* another question's */,
		{32, 0xff} /* sent before it came */};
	uint8_t bytes[NR_NTP_BYTES];
	struct nr_ntp_answer answer;
	struct nr_error error;
	for (size_t i = 0; i < NR_COUNT(changes); i++) {
		make_answer(bytes, NOW, 0);
		bytes[changes[i].at] = changes[i].value;
		assert_int_equal(
			nr_ntp_read_answer(bytes, sizeof bytes, NONCE, NOW, NOW + 41000, &answer, &error),
			-EBADMSG);
	}
	make_answer(bytes, NOW, 0);
	for (size_t length = 0; length < NR_NTP_BYTES; length++)
		assert_int_equal(nr_ntp_read_answer(bytes, length, NONCE, NOW, NOW + 41000, &answer, &error),
			-EBADMSG);
	assert_int_equal(
		nr_ntp_read_answer(bytes, sizeof bytes, NONCE, NOW, NOW - 1, &answer, &error), -EBADMSG);
}

static void test_ntp_request(void **state)
{
	(void)state;
	uint8_t bytes[NR_NTP_BYTES];
	nr_ntp_write_request(NONCE, bytes);
	assert_int_equal(bytes[0], 0x23);
	assert_int_equal(bytes[40], 0x01);
	assert_int_equal(bytes[47], 0xef);
}

/* A tracking report whose floats are coefficient x 2^(exponent - 25). */
static void make_tracking(uint8_t *bytes)
{
	memset(bytes, 0, NR_CHRONY_BYTES);
	bytes[0] = 6;
	bytes[1] = 2;
	bytes[5] = 33;
	bytes[7] = 5;
	put32(bytes + 16, 7);
	bytes[28 + 25] = 3; /* stratum */
	bytes[28 + 27] = 2; /* leap */
	put32(bytes + 28 + 32, 1790000000);
	put32(bytes + 28 + 36, 500000000);
	put32(bytes + 28 + 40,
		1 << 25 | ((1 << 25) - (1 << 22))); /* -0.25 s: coefficient -2^22, exponent 1 */
	put32(bytes + 28 + 64, (uint32_t)(127 - 3 + 1) << 25 | 1 << 23); /* 2^-5 s: exponent -3 */
	put32(bytes + 28 + 68, 1 << 23);                                 /* 0.25 s: exponent 0 */
}

static void test_chrony(void **state)
{
	(void)state;
	uint8_t bytes[NR_CHRONY_BYTES];
	struct nr_chrony_tracking tracking;
	struct nr_error error;
	make_tracking(bytes);
	assert_int_equal(nr_chrony_read_tracking(bytes, sizeof bytes, 7, &tracking, NULL), 0);
	assert_int_equal(tracking.stratum, 3);
	assert_int_equal(tracking.leap, 2);
	assert_int_equal(tracking.updated, NOW + NR_SECOND / 2);
	assert_int_equal(tracking.offset, -NR_SECOND / 4);
	assert_int_equal(tracking.dispersion, 1 + 250000 + 15625);
	assert_int_equal(nr_chrony_read_tracking(bytes, sizeof bytes, 8, &tracking, &error), -EBADMSG);
	for (size_t length = 0; length < 100; length++)
		assert_int_equal(nr_chrony_read_tracking(bytes, length, 7, &tracking, &error), -EBADMSG);
	static const size_t places[] = {0, 1, 5, 7, 9, 28 + 27};
	for (size_t i = 0; i < NR_COUNT(places); i++) {
		make_tracking(bytes);
		bytes[places[i]] = 9;
		assert_int_equal(
			nr_chrony_read_tracking(bytes, sizeof bytes, 7, &tracking, &error), -EBADMSG);
	}
	make_tracking(bytes);
	put32(bytes + 28 + 68, 63u << 25 | 1 << 23); /* 2^61 s */
	assert_int_equal(nr_chrony_read_tracking(bytes, sizeof bytes, 7, &tracking, &error), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ntp),
		cmocka_unit_test(test_ntp_refused),
		cmocka_unit_test(test_ntp_request),
		cmocka_unit_test(test_chrony),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
