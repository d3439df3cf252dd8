/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/anonymise_key.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define FIRST_LINE "noroshi anonymisation key 1\n"
#define KEY_DIGITS (2 * NR_ANONYMISE_KEY)
#define FILE_BYTES (sizeof FIRST_LINE - 1 + KEY_DIGITS + 1)

int nr_anonymise_key_random(uint8_t ret_key[static NR_ANONYMISE_KEY], struct nr_error *error)
{
	if (getrandom(ret_key, NR_ANONYMISE_KEY, 0) != NR_ANONYMISE_KEY)
		return nr_fail(error, -errno, "random numbers: %s", strerror(errno));
	return 0;
}

int nr_anonymise_key_create(const char *path, struct nr_error *error)
{
	uint8_t key[NR_ANONYMISE_KEY];
	char text[FILE_BYTES + 1] = FIRST_LINE;
	int e = nr_anonymise_key_random(key, error);
	if (e)
		return e;
	for (size_t i = 0; i < sizeof key; i++)
		snprintf(text + sizeof FIRST_LINE - 1 + 2 * i, 3, "%02x", key[i]);
	text[FILE_BYTES - 1] = '\n';
	NR_AUTO(nr_close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		e = nr_fail(error, -errno, "%s: cannot make a key: %s%s", path, strerror(errno),
			errno == EEXIST ? "; without --new-key it is used" : "");
	else if (write(fd, text, FILE_BYTES) != (ssize_t)FILE_BYTES || fsync(fd) != 0)
		e = nr_fail(error, errno ? -errno : -EIO, "%s: cannot write the key", path);
	explicit_bzero(key, sizeof key);
	explicit_bzero(text, sizeof text);
	return e;
}

static int digit_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c) : NULL;
	return found ? (int)(found - digits) : -1;
}

static int parse(const char *path, const uint8_t *bytes, size_t length, uint8_t *key, struct nr_error *error)
{
	bool sound = length == FILE_BYTES && memcmp(bytes, FIRST_LINE, sizeof FIRST_LINE - 1) == 0;
	for (size_t i = 0; sound && i < NR_ANONYMISE_KEY; i++) {
		const char *at = (const char *)bytes + sizeof FIRST_LINE - 1 + 2 * i;
		int high = digit_of(at[0]), low = digit_of(at[1]);
		sound = high >= 0 && low >= 0;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return sound ? 0
		     : nr_fail(error, -EBADMSG, "%s: not a key file; make one with --new-key --key FILE",
			       path);
}

int nr_anonymise_key_read(const char *path, uint8_t ret_key[static NR_ANONYMISE_KEY], struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	uint8_t key[NR_ANONYMISE_KEY];
	struct stat status;
	size_t length = 0;
	if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 077))
		return nr_fail(error, -EACCES,
			"%s: others can read this key; chmod 600 it, or make a new one", path);
	int e = nr_file_read(path, 4096, &bytes, &length, error);
	if (!e)
		e = parse(path, bytes, length, key, error);
	if (!e)
		memcpy(ret_key, key, sizeof key);
	if (bytes)
		explicit_bzero(bytes, length);
	explicit_bzero(key, sizeof key);
	return e;
}

int nr_anonymise_key_id(const uint8_t key[static NR_ANONYMISE_KEY], char ret_text[static NR_KEY_ID_TEXT],
	struct nr_error *error)
{
	static const char label[] = "noroshi key id";
	uint8_t bytes[sizeof label + NR_ANONYMISE_KEY], hash[32];
	memcpy(bytes, label, sizeof label);
	memcpy(bytes + sizeof label, key, NR_ANONYMISE_KEY);
	int ok = EVP_Digest(bytes, sizeof bytes, hash, NULL, EVP_sha256(), NULL);
	explicit_bzero(bytes, sizeof bytes);
	if (ok != 1)
		return nr_fail(error, -EIO, "SHA-256: the cryptographic library refused");
	for (size_t i = 0; i < (NR_KEY_ID_TEXT - 1) / 2; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", hash[i]);
	return 0;
}
