/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/exchange/secret.h"
#include "base/file.h"
#include "trust/signer/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define FORM        "noroshi exchange secret v1\ngroup %s\nday %s\noffered %s\nkey %s\n"
#define SECRET_TEXT 512 /* more than a file has */
#define HEX_TEXT    65
#define FORWARD_MAX 4000  /* days at once: ten years */
#define DAY_FIRST   10957 /* 2000-01-01 */
#define DAY_LAST    47482 /* 2100-01-01 */

void nr_exchange_secret_wipe(struct nr_exchange_secret *secret)
{
	OPENSSL_cleanse(secret, sizeof *secret);
}

static void text_wipe(char (*text)[SECRET_TEXT])
{
	OPENSSL_cleanse(*text, sizeof *text);
}

/* ---- days ---- */

const char *nr_exchange_day_write(int32_t day, char ret_text[static NR_EXCHANGE_DAY_TEXT])
{
	char time[NR_TIME_TEXT];
	snprintf(ret_text, NR_EXCHANGE_DAY_TEXT, "%.10s", nr_time_write(day * NR_DAY, time));
	return ret_text;
}

bool nr_exchange_day_parse(const char *text, int32_t *ret_day)
{
	nr_time time;
	if (strlen(text) != NR_EXCHANGE_DAY_TEXT - 1 || nr_time_parse(text, &time, NULL))
		return false;
	int64_t day = nr_time_floor(time, NR_DAY) / NR_DAY;
	if (day < DAY_FIRST || day > DAY_LAST)
		return false;
	*ret_day = (int32_t)day;
	return true;
}

/* ---- text ---- */

static void hex_write(const uint8_t bytes[static 32], char text[static HEX_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	for (unsigned i = 0; i < 32; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[64] = 0;
}

static bool hex_parse(const char *text, uint8_t bytes[static 32])
{
	if (strspn(text, "0123456789abcdef") != 64 || text[64])
		return false;
	for (unsigned i = 0; i < 64; i += 2) {
		const char pair[3] = {text[i], text[i + 1], 0};
		bytes[i / 2] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return true;
}

static size_t secret_write(const struct nr_exchange_secret *secret, char text[static SECRET_TEXT])
{
	char group[HEX_TEXT], key[HEX_TEXT], day[NR_EXCHANGE_DAY_TEXT],
		offered[NR_EXCHANGE_DAY_TEXT] = "none";
	hex_write(secret->group, group);
	hex_write(secret->key, key);
	if (secret->offered != NR_EXCHANGE_NO_DAY)
		nr_exchange_day_write(secret->offered, offered);
	int n = snprintf(
		text, SECRET_TEXT, FORM, group, nr_exchange_day_write(secret->day, day), offered, key);
	OPENSSL_cleanse(key, sizeof key);
	return n > 0 ? (size_t)n : 0;
}

/* Loosely; that nothing else stands there is judged by writing it again. */
static bool secret_parse(const char *text, size_t length, struct nr_exchange_secret *secret)
{
	char group[HEX_TEXT] = "", day[16] = "", offered[16] = "", key[HEX_TEXT] = "";
	NR_AUTO(text_wipe) char again[SECRET_TEXT] = "";
	bool sound =
		sscanf(text, "noroshi exchange secret v1\ngroup %64s\nday %15s\noffered %15s\nkey %64s\n",
			group, day, offered, key) == 4 &&
		hex_parse(group, secret->group) && hex_parse(key, secret->key) &&
		nr_exchange_day_parse(day, &secret->day);
	OPENSSL_cleanse(key, sizeof key);
	secret->offered = NR_EXCHANGE_NO_DAY;
	if (sound && strcmp(offered, "none") != 0)
		sound = nr_exchange_day_parse(offered, &secret->offered);
	return sound && secret_write(secret, again) == length && memcmp(again, text, length) == 0;
}

/* ---- the file ---- */

int nr_exchange_secret_make(
	const char *path, const struct nr_exchange_group *group, int32_t day, struct nr_error *error)
{
	NR_AUTO(nr_exchange_secret_wipe)
	struct nr_exchange_secret secret = {.day = day, .offered = NR_EXCHANGE_NO_DAY};
	NR_AUTO(text_wipe) char text[SECRET_TEXT] = "";
	NR_AUTO(nr_bio_freep) BIO *contents = NULL;
	memcpy(secret.group, group->id, sizeof secret.group);
	if (getrandom(secret.key, sizeof secret.key, 0) != sizeof secret.key)
		return nr_fail(error, -EIO, "the kernel gave no random bytes");
	size_t length = secret_write(&secret, text);
	contents = BIO_new(BIO_s_mem());
	if (!contents || BIO_write(contents, text, (int)length) != (int)length)
		return nr_fail(error, -ENOMEM, "out of memory");
	return nr_key_file_write(path, contents, true, error);
}

static int check_owner(const char *path, struct nr_error *error)
{
	struct stat status;
	if (stat(path, &status) < 0)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 077)
		return nr_fail(error, -EPERM,
			"%.120s: a secret is a file of its owner alone: chmod 600, and chown to who uses it",
			path);
	return 0;
}

int nr_exchange_secret_read(const char *path, const struct nr_exchange_group *group,
	struct nr_exchange_secret *ret_secret, struct nr_error *error)
{
	NR_AUTO(nr_exchange_secret_wipe) struct nr_exchange_secret secret = {.day = 0};
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	if (!path)
		return nr_fail(error, -EINVAL, "name the secret of the group's carriers: --secret FILE");
	int e = check_owner(path, error);
	e = e ? e : nr_file_read(path, SECRET_TEXT - 1, &bytes, &length, error);
	if (e)
		return e;
	bool sound = secret_parse((char *)bytes, length, &secret);
	OPENSSL_cleanse(bytes, length);
	if (!sound)
		return nr_fail(error, -EBADMSG, "%.120s: not a secret (noroshi exchange secret v1)", path);
	if (memcmp(secret.group, group->id, sizeof secret.group) != 0)
		return nr_fail(
			error, -EBADMSG, "%.100s: the secret of another group than %s", path, group->name);
	*ret_secret = secret;
	return 0;
}

/* The old file's blocks, through a descriptor from before it was replaced. */
static int overwrite(int file, const char *path, struct nr_error *error)
{
	static const char zeros[SECRET_TEXT];
	if (pwrite(file, zeros, sizeof zeros, 0) != sizeof zeros || fsync(file) < 0)
		return nr_fail(
			error, -errno, "%.150s: overwriting what was there: %s", path, strerror(errno));
	return 0;
}

int nr_exchange_secret_keep(const char *path, const struct nr_exchange_secret *secret, struct nr_error *error)
{
	NR_AUTO(text_wipe) char text[SECRET_TEXT] = "";
	NR_AUTO(nr_close_fd) int old = open(path, O_WRONLY | O_CLOEXEC);
	size_t length = secret_write(secret, text);
	if (old < 0)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	int e = nr_file_write(path, text, length, error);
	return e ? e : overwrite(old, path, error);
}

int nr_exchange_secret_forward(struct nr_exchange_secret *secret, int32_t day, struct nr_error *error)
{
	static const uint8_t label[] = "noroshi exchange: the next day";
	char from[NR_EXCHANGE_DAY_TEXT], to[NR_EXCHANGE_DAY_TEXT];
	if (day < secret->day)
		return nr_fail(error, -ENOKEY, "the secret of %s was destroyed: this one begins with %s",
			nr_exchange_day_write(day, to), nr_exchange_day_write(secret->day, from));
	if (day - secret->day > FORWARD_MAX)
		return nr_fail(error, -EINVAL, "%s is more than %d days behind the secret's day",
			nr_exchange_day_write(day, to), FORWARD_MAX);
	for (; secret->day < day; secret->day++) {
		uint8_t next[NR_EXCHANGE_KEY_BYTES];
		if (!HMAC(EVP_sha256(), secret->key, sizeof secret->key, label, sizeof label - 1, next, NULL))
			return nr_fail(error, -EIO, "HMAC: %s", nr_openssl_reason());
		memcpy(secret->key, next, sizeof next);
		OPENSSL_cleanse(next, sizeof next);
	}
	return 0;
}
