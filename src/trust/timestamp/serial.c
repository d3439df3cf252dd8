/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/timestamp/serial.h"

#include "trust/certificate/signature.h"

#include <errno.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/file.h>

#define COUNTER_MAX ((UINT64_C(1) << 56) - NR_SERIAL_BLOCK)

/* A counter that is new begins at the time: above every one that an older one gave at less than a million
 * numbers a second, should its file be lost. */
static int read_counter(struct nr_serials *serials, struct nr_error *error)
{
	uint64_t counter;
	size_t length;
	int e = nr_slots_read(&serials->slots, &counter, sizeof counter, &length, error);
	if (e == -ENOENT) {
		serials->end = (uint64_t)NR_MAX(nr_time_now(), 1);
		return 0;
	}
	if (!e && (length != sizeof counter || counter == 0))
		e = -EUCLEAN;
	if (e)
		return nr_fail(error, e == -EUCLEAN ? -EBADMSG : e,
			"%.120s: is not a counter of serial numbers, which must never come twice; move it "
			"away: a "
			"new one begins above all that were given",
			serials->slots.path);
	serials->end = counter;
	return 0;
}

int nr_serials_open(struct nr_serials *serials, const char *path, const uint8_t *certificate, size_t length,
	struct nr_error *error)
{
	uint8_t hash[NR_DIGEST_MAX];
	*serials = (struct nr_serials){.slots.file = -1};
	if (!nr_digest(NR_OID_SHA256, certificate, length, hash))
		return nr_fail(error, -EIO, "SHA-256 cannot be had");
	int e = nr_slots_open(path, sizeof(uint64_t), &serials->slots, error);
	if (!e && flock(serials->slots.file, LOCK_EX | LOCK_NB) != 0)
		e = nr_fail(error, errno == EWOULDBLOCK ? -EBUSY : -errno,
			"%.120s: another authority gives these serial numbers", path);
	e = e ? e : read_counter(serials, error);
	if (e) {
		nr_serials_close(serials);
		return e;
	}
	serials->next = serials->end; /* what was reserved and not used is lost: gaps do no harm */
	serials->life = (uint8_t)(1 + hash[0] % 0x7f);
	return 0;
}

void nr_serials_close(struct nr_serials *serials)
{
	nr_slots_close(&serials->slots);
	*serials = (struct nr_serials){.slots.file = -1};
}

static int reserve(struct nr_serials *serials, struct nr_error *error)
{
	if (serials->end > COUNTER_MAX)
		return nr_fail(error, -EOVERFLOW, "no serial numbers are left for this key");
	uint64_t end = serials->end + NR_SERIAL_BLOCK;
	int e = nr_slots_write(&serials->slots, &end, sizeof end, error);
	if (!e)
		serials->end = end;
	return e;
}

int nr_serials_next(struct nr_serials *serials, uint8_t ret_serial[NR_TSP_SERIAL], struct nr_error *error)
{
	int e = serials->next == serials->end ? reserve(serials, error) : 0;
	if (e)
		return e;
	if (serials->random_left < 8) {
		if (RAND_bytes(serials->random, sizeof serials->random) != 1)
			return nr_fail(error, -EIO, "no random bytes for a serial number");
		serials->random_left = sizeof serials->random;
	}
	uint64_t counter = __builtin_bswap64(serials->next++ | (uint64_t)serials->life << 56);
	serials->random_left -= 8;
	memcpy(ret_serial, &counter, sizeof counter);
	memcpy(ret_serial + 8, serials->random + serials->random_left, 8);
	return 0;
}
