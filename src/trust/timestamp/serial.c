/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/timestamp/serial.h"

#include "base/file.h"
#include "trust/certificate/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/file.h>

#define COUNTER_MAX ((UINT64_C(1) << 56) - NR_SERIAL_BLOCK)

static int read_counter(const char *path, uint64_t *ret_counter, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_file_read(path, 64, &bytes, &length, error);
	if (e == -ENOENT) {
		*ret_counter = 1;
		return 0;
	}
	if (e)
		return e;
	char *end;
	errno = 0;
	uint64_t counter = strtoull((char *)bytes, &end, 10);
	if (errno || bytes[0] < '0' || bytes[0] > '9' || strcmp(end, "\n") != 0 || counter > COUNTER_MAX)
		return nr_fail(error, -EBADMSG,
			"%.120s: is not a counter of serial numbers; restore it from the highest serial "
			"number in the "
			"ledger: numbers must never come twice",
			path);
	*ret_counter = counter;
	return 0;
}

/* The lock is a file of its own, because the counter's is replaced as a whole. */
static int take_lock(const char *path, int *ret_lock, struct nr_error *error)
{
	char name[4096];
	snprintf(name, sizeof name, "%s.lock", path);
	int lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return nr_fail(error, -errno, "%.120s: %s", name, strerror(errno));
	if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
		int e = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(lock);
		return nr_fail(error, e, "%.120s: another authority gives these serial numbers", path);
	}
	*ret_lock = lock;
	return 0;
}

int nr_serials_open(struct nr_serials *serials, const char *path, const uint8_t *certificate, size_t length,
	struct nr_error *error)
{
	uint8_t hash[NR_DIGEST_MAX];
	*serials = (struct nr_serials){.lock = -1};
	if (!nr_digest(NR_OID_SHA256, certificate, length, hash))
		return nr_fail(error, -EIO, "SHA-256 cannot be had");
	int e = take_lock(path, &serials->lock, error);
	if (!e)
		e = read_counter(path, &serials->end, error);
	serials->path = e ? NULL : strdup(path);
	if (!e && !serials->path)
		e = nr_fail(error, -ENOMEM, "out of memory");
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
	nr_close_fd(&serials->lock);
	free(serials->path);
	*serials = (struct nr_serials){.lock = -1};
}

static int reserve(struct nr_serials *serials, struct nr_error *error)
{
	char text[32];
	if (serials->end > COUNTER_MAX)
		return nr_fail(error, -EOVERFLOW, "no serial numbers are left for this key");
	uint64_t end = serials->end + NR_SERIAL_BLOCK;
	int length = snprintf(text, sizeof text, "%" PRIu64 "\n", end);
	int e = nr_file_write(serials->path, text, (size_t)length, error);
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
