/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/exchange/box.h"
#include "sense/flow/exchange/secret.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

struct nr_exchange_box {
	char folder[PATH_MAX];
	const struct nr_exchange_group *group;
	pthread_mutex_t lock;
	int32_t failed; /* day whose offers could not be joined: not tried again until one more comes */
};

int nr_exchange_box_open(const char *folder, const struct nr_exchange_group *group,
	struct nr_exchange_box **ret_box, struct nr_error *error)
{
	struct nr_exchange_box *box = calloc(1, sizeof *box);
	if (!box)
		return nr_fail(error, -ENOMEM, "out of memory");
	*box = (struct nr_exchange_box){
		.group = group, .lock = PTHREAD_MUTEX_INITIALIZER, .failed = NR_EXCHANGE_NO_DAY};
	snprintf(box->folder, sizeof box->folder, "%s", folder);
	if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
		int code = -errno;
		free(box);
		return nr_fail(error, code, "%.150s: %s", folder, strerror(-code));
	}
	*ret_box = box;
	return 0;
}

void nr_exchange_box_close(struct nr_exchange_box *box)
{
	if (box)
		pthread_mutex_destroy(&box->lock);
	free(box);
}

void nr_exchange_box_closep(struct nr_exchange_box **box)
{
	nr_exchange_box_close(*box);
}

/* ---- names ---- */

/* "FOLDER/DAY", with a party "FOLDER/DAY/Nname". */
static const char *path_of(const struct nr_exchange_box *box, int32_t day, unsigned party, const char *name,
	char path[static PATH_MAX])
{
	char text[NR_EXCHANGE_DAY_TEXT];
	nr_exchange_day_write(day, text);
	if (party)
		snprintf(path, PATH_MAX, "%.3900s/%s/%u%s", box->folder, text, party, name);
	else
		snprintf(path, PATH_MAX, "%.3900s/%s", box->folder, text);
	return path;
}

static bool has(const struct nr_exchange_box *box, int32_t day, unsigned party, const char *name)
{
	char path[PATH_MAX];
	return access(path_of(box, day, party, name, path), F_OK) == 0;
}

static int folder_sync(const struct nr_exchange_box *box, int32_t day)
{
	char path[PATH_MAX];
	NR_AUTO(nr_close_fd)
	int folder = open(path_of(box, day, 0, "", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder < 0 || fsync(folder) < 0 ? -errno : 0;
}

static int fail_path(const char *path, struct nr_error *error)
{
	int code = errno ? errno : EIO;
	return nr_fail(error, -code, "%.150s: %s", path, strerror(code));
}

/* ---- what comes in ---- */

static int take_part(
	const struct nr_exchange_box *box, const struct nr_exchange_letter *letter, struct nr_error *error)
{
	char path[PATH_MAX];
	uint64_t whole = nr_exchange_offer_bytes(box->group);
	if (letter->offset % NR_EXCHANGE_PART_BYTES || letter->offset >= whole ||
		letter->length != NR_MIN((uint64_t)NR_EXCHANGE_PART_BYTES, whole - letter->offset))
		return nr_fail(
			error, -ERANGE, "no part of an offer of %llu bytes", (unsigned long long)whole);
	path_of(box, letter->day, 0, "", path);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail_path(path, error);
	path_of(box, letter->day, letter->party, ".part", path);
	NR_AUTO(nr_close_fd) int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0)
		return fail_path(path, error);
	for (size_t done = 0; done < letter->length;) {
		ssize_t put = pwrite(
			file, letter->data + done, letter->length - done, (off_t)(letter->offset + done));
		if (put <= 0)
			return fail_path(path, error);
		done += (size_t)put;
	}
	return 0;
}

static int digest_file(int file, uint64_t length, uint8_t digest[static NR_EXCHANGE_DIGEST_BYTES])
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	NR_AUTO(nr_freep) uint8_t *bytes = malloc(NR_EXCHANGE_PART_BYTES);
	bool fine = hash && bytes && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
	for (uint64_t done = 0; fine && done < length;) {
		ssize_t got = pread(file, bytes,
			(size_t)NR_MIN(length - done, (uint64_t)NR_EXCHANGE_PART_BYTES), (off_t)done);
		fine = got > 0 && EVP_DigestUpdate(hash, bytes, (size_t)got) == 1;
		done += fine ? (uint64_t)got : 0;
	}
	fine = fine && EVP_DigestFinal_ex(hash, digest, NULL) == 1;
	EVP_MD_CTX_free(hash);
	return fine ? 0 : -EIO;
}

/* Whether the parts make an offer of that party and day, signed by it. */
static int check_whole(const struct nr_exchange_box *box, const struct nr_exchange_letter *letter, int file,
	struct nr_error *error)
{
	uint8_t bytes[NR_EXCHANGE_HEAD_BYTES], digest[NR_EXCHANGE_DIGEST_BYTES],
		signature[NR_EXCHANGE_SIGNATURE_BYTES];
	uint64_t whole = nr_exchange_offer_bytes(box->group);
	struct nr_exchange_head head;
	struct stat status;
	if (fstat(file, &status) < 0 || (uint64_t)status.st_size != whole ||
		pread(file, bytes, sizeof bytes, 0) != sizeof bytes ||
		pread(file, signature, sizeof signature, (off_t)(whole - sizeof signature)) !=
			sizeof signature)
		return nr_fail(error, -EBADMSG, "parts are missing");
	int e = nr_exchange_head_parse(box->group, NR_EXCHANGE_OFFER, bytes, sizeof bytes, &head, error);
	if (e)
		return e;
	if (head.party != letter->party || head.day != letter->day)
		return nr_fail(error, -EBADMSG, "an offer of another party or day than the letter says");
	if (digest_file(file, whole - sizeof signature, digest))
		return nr_fail(error, -EIO, "the parts cannot be read");
	return nr_exchange_check(&box->group->parties[head.party - 1], digest, signature, error);
}

static int take_whole(
	struct nr_exchange_box *box, const struct nr_exchange_letter *letter, struct nr_error *error)
{
	char part[PATH_MAX], offer[PATH_MAX];
	path_of(box, letter->day, letter->party, ".part", part);
	path_of(box, letter->day, letter->party, ".offer", offer);
	NR_AUTO(nr_close_fd) int file = open(part, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file < 0)
		return errno == ENOENT ? nr_fail(error, -EBADMSG, "parts are missing")
				       : fail_path(part, error);
	int e = check_whole(box, letter, file, error);
	if (e == -EKEYREJECTED || e == -EBADMSG)
		unlink(part);
	if (e)
		return e;
	if (fsync(file) < 0 || rename(part, offer) < 0 || folder_sync(box, letter->day) < 0)
		return fail_path(offer, error);
	box->failed = NR_EXCHANGE_NO_DAY;
	return 0;
}

/* The reply's length and its part at the offset. */
static int give_part(const struct nr_exchange_box *box, const struct nr_exchange_letter *letter,
	uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	char path[PATH_MAX];
	struct stat status;
	path_of(box, letter->day, letter->party, ".reply", path);
	NR_AUTO(nr_close_fd) int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file < 0)
		return errno == ENOENT ? nr_fail(error, -ENOENT, "the offers of that day are not joined yet")
				       : fail_path(path, error);
	if (fstat(file, &status) < 0)
		return fail_path(path, error);
	uint64_t whole = (uint64_t)status.st_size, length = htole64(whole);
	if (letter->offset >= whole)
		return nr_fail(error, -ERANGE, "the reply has %llu bytes", (unsigned long long)whole);
	size_t n = (size_t)NR_MIN(whole - letter->offset, (uint64_t)NR_EXCHANGE_PART_BYTES);
	NR_AUTO(nr_freep) uint8_t *bytes = malloc(sizeof length + n);
	if (!bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(bytes, &length, sizeof length);
	if (pread(file, bytes + sizeof length, n, (off_t)letter->offset) != (ssize_t)n)
		return fail_path(path, error);
	*ret_bytes = nr_steal(&bytes);
	*ret_length = sizeof length + n;
	return 0;
}

static bool day_is_ours(const struct nr_exchange_box *box, int32_t day, nr_time now)
{
	int64_t today = now / NR_DAY;
	return day <= today && day + box->group->retention >= today;
}

static bool is_joined(const struct nr_exchange_box *box, int32_t day)
{
	bool joined = false;
	for (unsigned i = 1; i <= box->group->party_count; i++)
		joined |= has(box, day, i, ".reply");
	return joined;
}

static int answer(struct nr_exchange_box *box, const struct nr_exchange_letter *letter, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_error *error)
{
	if (letter->kind == NR_EXCHANGE_LETTER_ASK)
		return give_part(box, letter, ret_bytes, ret_length, error);
	if (has(box, letter->day, letter->party, ".offer"))
		return nr_fail(
			error, -EEXIST, "party %u has made an offer of that day already", letter->party);
	if (is_joined(box, letter->day))
		return nr_fail(error, -EEXIST, "the offers of that day are joined already");
	return letter->kind == NR_EXCHANGE_LETTER_PART ? take_part(box, letter, error)
						       : take_whole(box, letter, error);
}

int nr_exchange_box_answer(struct nr_exchange_box *box, const uint8_t *letter, size_t length, nr_time now,
	uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	struct nr_exchange_letter read;
	uint8_t *bytes = NULL;
	size_t made = 0;
	int e = nr_exchange_letter_read(box->group, letter, length, now, &read, error);
	if (e)
		return e;
	if (!day_is_ours(box, read.day, now))
		return nr_fail(error, -ESTALE, "a day whose time is over, or has not come");
	pthread_mutex_lock(&box->lock);
	e = answer(box, &read, &bytes, &made, error);
	pthread_mutex_unlock(&box->lock);
	if (e)
		return e;
	*ret_bytes = bytes;
	*ret_length = made;
	return 0;
}

/* ---- joining ---- */

static unsigned offers_of(const struct nr_exchange_box *box, int32_t day,
	char names[static NR_EXCHANGE_PARTIES_MAX][PATH_MAX], const char **paths)
{
	unsigned count = 0;
	for (unsigned i = 1; i <= box->group->party_count; i++)
		if (has(box, day, i, ".offer")) {
			paths[count] = path_of(box, day, i, ".offer", names[count]);
			count++;
		}
	return count;
}

int nr_exchange_box_join(struct nr_exchange_box *box, EVP_PKEY *key, struct nr_crew *crew, nr_time wait,
	nr_time now, struct nr_exchange_joined *ret_joined, struct nr_error *error)
{
	const int32_t today = (int32_t)(now / NR_DAY), oldest = today - box->group->retention;
	const char *paths[NR_EXCHANGE_PARTIES_MAX];
	NR_AUTO(nr_freep) char(*names)[PATH_MAX] = calloc(NR_EXCHANGE_PARTIES_MAX, sizeof *names);
	char folder[PATH_MAX];
	int e = -EAGAIN;
	if (!names)
		return nr_fail(error, -ENOMEM, "out of memory");
	pthread_mutex_lock(&box->lock);
	for (int32_t day = oldest; e == -EAGAIN && day <= today; day++) {
		unsigned count = day == box->failed || !has(box, day, 0, "") || is_joined(box, day)
					 ? 0
					 : offers_of(box, day, names, paths);
		bool late = now >= (day + 1) * NR_DAY + wait;
		if (count < box->group->threshold || (count < box->group->party_count && !late))
			continue;
		const struct nr_exchange_join_conf conf = {.group = box->group,
			.key = key,
			.crew = crew,
			.oldest = day,
			.newest = day,
			.paths = paths,
			.count = count,
			.folder = path_of(box, day, 0, "", folder)};
		e = nr_exchange_join(&conf, ret_joined, error);
		if (e)
			box->failed = day;
	}
	pthread_mutex_unlock(&box->lock);
	return e;
}

/* ---- erasing ---- */

static int erase_day(const struct nr_exchange_box *box, const char *name, uint64_t *files)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int e = 0;
	snprintf(path, sizeof path, "%.3900s/%.20s", box->folder, name);
	DIR *folder = opendir(path);
	if (!folder)
		return -errno;
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (unlinkat(dirfd(folder), entry->d_name, 0) < 0)
			e = -errno;
		else
			++*files;
	}
	closedir(folder);
	return !e && rmdir(path) < 0 ? -errno : e;
}

int nr_exchange_box_erase(
	struct nr_exchange_box *box, nr_time now, uint64_t *ret_files, struct nr_error *error)
{
	const int32_t oldest = (int32_t)(now / NR_DAY) - box->group->retention;
	struct dirent *entry;
	uint64_t files = 0;
	int32_t day;
	int e = 0;
	DIR *folder = opendir(box->folder);
	if (!folder)
		return fail_path(box->folder, error);
	while ((entry = readdir(folder)) != NULL)
		if (nr_exchange_day_parse(entry->d_name, &day) && day < oldest) {
			pthread_mutex_lock(&box->lock);
			int day_failed = erase_day(box, entry->d_name, &files);
			pthread_mutex_unlock(&box->lock);
			if (day_failed)
				e = nr_fail(error, day_failed, "%.150s/%.20s: %s", box->folder, entry->d_name,
					strerror(-day_failed));
		}
	closedir(folder);
	*ret_files = files;
	return e;
}
