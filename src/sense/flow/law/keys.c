/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file's name is when its period begins, 20261124T000000Z.key; its content four lines:
 *
 *	noroshi flow key v1
 *	from RFC3339
 *	until RFC3339
 *	key HEX
 *
 * Making and destroying hold a lock on the folder: what is called new.* under the lock was left by a process
 * that died while it made a key which nobody has used.
 */
#include "sense/flow/law/keys.h"
#include "base/rights.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define KEY_NAME  21  /* 20261124T000000Z.key and its NUL */
#define KEY_TEXT  256 /* more than a file has */
#define KEY_FORM  "noroshi flow key v1\nfrom %s\nuntil %s\nkey %s\n"
#define NEW_NAME  "new.key"
#define FILES_MAX 100000 /* in the folder: an hour's keys of eleven years */

struct nr_flow_keys {
	int folder;
	char path[PATH_MAX];
};

void nr_flow_key_wipe(struct nr_flow_key *key)
{
	OPENSSL_cleanse(key, sizeof *key);
}

/* ---- the folder ---- */

static int open_place(int from, const char *path)
{
	return openat(from, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The folder; of one that is not there yet, the one that it will lie in. */
static int open_near(const char *path, struct nr_error *error)
{
	char parent[PATH_MAX];
	int place = open_place(AT_FDCWD, path);
	if (place < 0 && errno == ENOENT) {
		size_t length = strlen(path);
		while (length > 1 && path[length - 1] == '/')
			length--;
		while (length && path[length - 1] != '/')
			length--;
		snprintf(parent, sizeof parent, "%.*s", (int)NR_MIN(length, sizeof parent - 1), path);
		place = open_place(AT_FDCWD, length ? parent : ".");
	}
	return place >= 0 ? place : nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
}

/* Whether place is the folder or lies below it: by what the folders are, whatever names and links lead there.
 * As far up as this user may look; closes place. */
static bool lies_in(int place, const struct stat *folder)
{
	bool within = false;
	struct stat status, last = {.st_ino = 0};
	for (unsigned depth = 0; place >= 0 && !within && depth < PATH_MAX / 2; depth++) {
		if (fstat(place, &status) < 0 ||
			(status.st_ino == last.st_ino && status.st_dev == last.st_dev))
			break; /* the root is its own parent */
		within = status.st_ino == folder->st_ino && status.st_dev == folder->st_dev;
		last = status;
		int up = within ? -1 : open_place(place, "..");
		close(place);
		place = up;
	}
	nr_close_fd(&place);
	return within;
}

/* The archive is there. */
static int check_apart(const char *folder, const char *archive, struct nr_error *error)
{
	struct stat of_archive, of_keys;
	int place = open_near(folder, error);
	if (place < 0)
		return place;
	if (stat(archive, &of_archive) < 0) {
		close(place);
		return nr_fail(error, -errno, "%.150s: %s", archive, strerror(errno));
	}
	bool inside = lies_in(place, &of_archive);
	if (!inside && stat(folder, &of_keys) == 0)
		inside = lies_in(open_place(AT_FDCWD, archive), &of_keys);
	if (inside)
		return nr_fail(error, -EINVAL,
			"%.100s: keys of pseudonyms lie apart from the archive (%.60s), neither in the "
			"other; name another folder",
			folder, archive);
	return 0;
}

static int check_alone(const struct nr_flow_keys *keys, struct nr_error *error)
{
	struct stat status;
	if (fstat(keys->folder, &status) < 0)
		return nr_fail(error, -errno, "%.150s: %s", keys->path, strerror(errno));
	if (status.st_uid != geteuid() && geteuid() != 0) /* root sees all, and looks after others */
		return nr_fail(error, -EPERM, "%.150s: keys of pseudonyms lie in a folder of this user's own",
			keys->path);
	if (status.st_mode & 077)
		return nr_fail(error, -EPERM,
			"%.150s: is open to others (mode %03o): chmod 700, and let new keys be made "
			"elsewhere if "
			"others have read them",
			keys->path, (unsigned)status.st_mode & 0777u);
	return 0;
}

void nr_flow_keys_folder(const char *archive, char ret_folder[static PATH_MAX])
{
	size_t length = strlen(archive);
	while (length > 1 && archive[length - 1] == '/')
		length--;
	snprintf(ret_folder, PATH_MAX, "%.*s.keys", (int)NR_MIN(length, (size_t)PATH_MAX), archive);
}

int nr_flow_keys_open(const char *folder, const char *archive, bool make, struct nr_flow_keys **ret_keys,
	struct nr_error *error)
{
	int e = check_apart(folder, archive, error);
	if (e)
		return e;
	if (make && mkdir(folder, 0700) < 0 && errno != EEXIST)
		return nr_fail(error, -errno, "%.150s: %s", folder, strerror(errno));
	NR_AUTO(nr_flow_keys_closep) struct nr_flow_keys *keys = calloc(1, sizeof *keys);
	if (!keys)
		return nr_fail(error, -ENOMEM, "out of memory");
	nr_rights_hide_memory();
	snprintf(keys->path, sizeof keys->path, "%s", folder);
	keys->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keys->folder < 0)
		return nr_fail(error, -errno, "%.150s: %s", folder, strerror(errno));
	e = check_alone(keys, error);
	if (!e)
		*ret_keys = nr_steal(&keys);
	return e;
}

void nr_flow_keys_close(struct nr_flow_keys *keys)
{
	if (keys)
		nr_close_fd(&keys->folder);
	free(keys);
}

void nr_flow_keys_closep(struct nr_flow_keys **keys)
{
	nr_flow_keys_close(*keys);
}

/* ---- one file ---- */

static void name_of(nr_time from, char name[static KEY_NAME])
{
	time_t seconds = (time_t)(from / NR_SECOND);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm) || !strftime(name, KEY_NAME, "%Y%m%dT%H%M%SZ.key", &tm))
		name[0] = 0;
}

static bool is_key_name(const char *name)
{
	const char *end = strchr(name, '.');
	return strlen(name) == KEY_NAME - 1 && end && !strcmp(end, ".key");
}

static size_t key_write(const struct nr_flow_key *key, char text[static KEY_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	char from[NR_TIME_TEXT], until[NR_TIME_TEXT], hex[2 * NR_FLOW_KEY_BYTES + 1];
	for (size_t i = 0; i < NR_FLOW_KEY_BYTES; i++) {
		hex[2 * i] = digits[key->secret[i] >> 4];
		hex[2 * i + 1] = digits[key->secret[i] & 15];
	}
	hex[sizeof hex - 1] = 0;
	int n = snprintf(text, KEY_TEXT, KEY_FORM, nr_time_write(key->from, from),
		nr_time_write(key->until, until), hex);
	OPENSSL_cleanse(hex, sizeof hex);
	return (size_t)n;
}

/* What does not write back to the same text is no key. */
static bool key_parse(const char *text, struct nr_flow_key *ret_key)
{
	struct nr_flow_key key = {0};
	char from[NR_TIME_TEXT], until[NR_TIME_TEXT], hex[2 * NR_FLOW_KEY_BYTES + 1], again[KEY_TEXT];
	bool sound = sscanf(text, "noroshi flow key v1\nfrom %31s\nuntil %31s\nkey %64[0-9a-f]", from, until,
			     hex) == 3 &&
		     !nr_time_parse(from, &key.from, NULL) && !nr_time_parse(until, &key.until, NULL) &&
		     key.from < key.until && strlen(hex) == sizeof hex - 1;
	for (size_t i = 0; sound && i < NR_FLOW_KEY_BYTES; i++) {
		unsigned octet;
		sscanf(hex + 2 * i, "%2x", &octet);
		key.secret[i] = (uint8_t)octet;
	}
	if (sound) {
		key_write(&key, again);
		sound = !strcmp(text, again);
		OPENSSL_cleanse(again, sizeof again);
	}
	if (sound)
		*ret_key = key;
	OPENSSL_cleanse(hex, sizeof hex);
	nr_flow_key_wipe(&key);
	return sound;
}

static int key_read(const struct nr_flow_keys *keys, const char *name, struct nr_flow_key *ret_key,
	struct nr_error *error)
{
	char text[KEY_TEXT];
	NR_AUTO(nr_close_fd)
	int file = openat(keys->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file < 0)
		return nr_fail(error, -errno, "%.100s/%s: %s", keys->path, name, strerror(errno));
	ssize_t n = read(file, text, sizeof text - 1);
	if (n < 0)
		return nr_fail(error, -errno, "%.100s/%s: %s", keys->path, name, strerror(errno));
	text[n] = 0;
	bool sound = key_parse(text, ret_key);
	OPENSSL_cleanse(text, sizeof text);
	return sound ? 0
		     : nr_fail(error, -EBADMSG,
			       "%.100s/%s: not a key of pseudonyms; move it away if it is damaged (its "
			       "period's pseudonyms cannot be identified any more)",
			       keys->path, name);
}

/* Calls visit for each file; it answers 0 to go on. */
static int each_file(const struct nr_flow_keys *keys,
	int (*visit)(const struct nr_flow_keys *, const char *name, void *context, struct nr_error *),
	void *context, struct nr_error *error)
{
	int copy = openat(keys->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		int e = -errno;
		nr_close_fd(&copy);
		return nr_fail(error, e, "%.150s: %s", keys->path, strerror(-e));
	}
	int e = 0;
	const struct dirent *entry;
	for (size_t i = 0; !e && (entry = readdir(dir)) && i < FILES_MAX; i++)
		e = visit(keys, entry->d_name, context, error);
	closedir(dir);
	return e;
}

/* ---- finding ---- */

struct search {
	nr_time at;
	char day_before[KEY_NAME], day[KEY_NAME]; /* names between which a key of that moment is called */
	bool found;
	struct nr_flow_key key;
	struct nr_error damaged; /* one that may have been it */
};

static int match(const struct nr_flow_keys *keys, const char *name, void *context, struct nr_error *error)
{
	struct search *search = context;
	NR_AUTO(nr_flow_key_wipe) struct nr_flow_key key = {0};
	if (!is_key_name(name))
		return 0;
	struct nr_error one = {0};
	int e = key_read(keys, name, &key, &one);
	if (e == -ENOENT) /* destroyed meanwhile */
		return 0;
	if (e == -EBADMSG) { /* of another day: that one's loss */
		if (strcmp(name, search->day_before) > 0 && strcmp(name, search->day) <= 0)
			search->damaged = one;
		return 0;
	}
	if (e) {
		if (error)
			*error = one;
		return e;
	}
	if (key.from <= search->at && search->at < key.until &&
		(!search->found || key.from > search->key.from)) {
		search->key = key;
		search->found = true;
	}
	return 0;
}

int nr_flow_keys_find(
	struct nr_flow_keys *keys, nr_time at, struct nr_flow_key *ret_key, struct nr_error *error)
{
	struct search search = {.at = at};
	char text[NR_TIME_TEXT];
	name_of(at - NR_DAY, search.day_before);
	name_of(at, search.day);
	int e = each_file(keys, match, &search, error);
	if (!e && !search.found && search.damaged.code)
		e = nr_fail(error, search.damaged.code, "%s", search.damaged.text);
	else if (!e && !search.found)
		e = nr_fail(error, -ENOENT,
			"%.100s: no key of %s: it was destroyed, or nothing was kept then", keys->path,
			nr_time_write(at, text));
	if (!e)
		*ret_key = search.key;
	nr_flow_key_wipe(&search.key);
	return e;
}

/* ---- making and destroying ---- */

static int destroy_file(const struct nr_flow_keys *keys, const char *name, struct nr_error *error)
{
	static const uint8_t nothing[4096];
	struct stat status;
	NR_AUTO(nr_close_fd)
	int file = openat(keys->folder, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool done = file >= 0 && fstat(file, &status) == 0;
	for (off_t at = 0; done && S_ISREG(status.st_mode) && at < status.st_size;
		at += (off_t)sizeof nothing)
		done = pwrite(file, nothing, NR_MIN(sizeof nothing, (size_t)(status.st_size - at)), at) > 0;
	if (done && fsync(file) == 0 && unlinkat(keys->folder, name, 0) == 0 && fsync(keys->folder) == 0)
		return 0;
	return nr_fail(
		error, -errno, "%.100s/%s: cannot be destroyed: %s", keys->path, name, strerror(errno));
}

static int lock(const struct nr_flow_keys *keys, struct nr_error *error)
{
	while (flock(keys->folder, LOCK_EX) < 0)
		if (errno != EINTR)
			return nr_fail(error, -errno, "%.150s: %s", keys->path, strerror(errno));
	return 0;
}

static int write_new(const struct nr_flow_keys *keys, const struct nr_flow_key *key, const char *name,
	struct nr_error *error)
{
	char text[KEY_TEXT];
	size_t length = key_write(key, text);
	NR_AUTO(nr_close_fd)
	int file =
		openat(keys->folder, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool written = file >= 0 && write(file, text, length) == (ssize_t)length && fsync(file) == 0 &&
		       renameat(keys->folder, NEW_NAME, keys->folder, name) == 0 && fsync(keys->folder) == 0;
	int e = written ? 0 : -errno;
	OPENSSL_cleanse(text, sizeof text);
	if (e)
		unlinkat(keys->folder, NEW_NAME, 0);
	return e ? nr_fail(error, e ? e : -EIO, "%.100s/%s: cannot be made: %s", keys->path, name,
			   strerror(-e))
		 : 0;
}

/* Under the lock: nobody else makes one now. */
static int make(struct nr_flow_keys *keys, nr_time at, nr_time rotate, struct nr_flow_key *key,
	struct nr_error *error)
{
	char name[KEY_NAME];
	key->from = nr_time_floor(at, rotate);
	key->until = key->from + rotate;
	name_of(key->from, name);
	if (faccessat(keys->folder, name, F_OK, 0) == 0) { /* of a shorter period that began then, too */
		key->from = nr_time_floor(at, NR_HOUR);
		name_of(key->from, name);
	}
	if (getrandom(key->secret, sizeof key->secret, 0) != (ssize_t)sizeof key->secret)
		return nr_fail(error, -EIO, "no random numbers: %s", strerror(errno));
	return write_new(keys, key, name, error);
}

int nr_flow_keys_take(struct nr_flow_keys *keys, nr_time at, nr_time rotate, struct nr_flow_key *ret_key,
	bool *ret_made, struct nr_error *error)
{
	NR_AUTO(nr_flow_key_wipe) struct nr_flow_key key = {0};
	struct nr_error none;
	bool made = false;
	int e = lock(keys, error);
	if (e)
		return e;
	e = nr_flow_keys_find(keys, at, &key, &none);
	if (e == -ENOENT) {
		e = make(keys, at, rotate, &key, error);
		made = !e;
	} else if (e && error) {
		*error = none;
	}
	flock(keys->folder, LOCK_UN);
	if (e)
		return e;
	*ret_key = key;
	*ret_made = made;
	return 0;
}

struct destruction {
	nr_time before;
	char last[KEY_NAME]; /* the name of a damaged one, whose day has ended by then, too */
	uint64_t count;
	int code; /* of the first that could not be */
};

static int destroy_ended(
	const struct nr_flow_keys *keys, const char *name, void *context, struct nr_error *error)
{
	struct destruction *destruction = context;
	NR_AUTO(nr_flow_key_wipe) struct nr_flow_key key = {0};
	struct nr_error one = {0};
	bool left = !strcmp(name, NEW_NAME);
	if (!left && !is_key_name(name))
		return 0;
	int e = left ? 0 : key_read(keys, name, &key, &one);
	bool ended = e == -EBADMSG ? strcmp(name, destruction->last) <= 0 : key.until <= destruction->before;
	if ((!e && (left || ended)) || (e == -EBADMSG && ended)) {
		e = destroy_file(keys, name, &one);
		destruction->count += !e && !left;
	}
	if (e && !destruction->code) { /* the others all the same */
		destruction->code = e;
		if (error)
			*error = one;
	}
	return 0;
}

int nr_flow_keys_destroy(
	struct nr_flow_keys *keys, nr_time before, uint64_t *ret_destroyed, struct nr_error *error)
{
	struct destruction destruction = {.before = before};
	name_of(before - NR_DAY, destruction.last);
	*ret_destroyed = 0;
	int e = lock(keys, error);
	if (e)
		return e;
	e = each_file(keys, destroy_ended, &destruction, error);
	flock(keys->folder, LOCK_UN);
	*ret_destroyed = destruction.count;
	return e ? e : destruction.code;
}
