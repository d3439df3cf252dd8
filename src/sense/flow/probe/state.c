/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/probe/state.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define MAGIC     "nrprobe1"
#define NAME_TEXT 64

const nr_time nr_probe_rounds[NR_PROBE_ROUNDS] = {0, NR_HOUR, 6 * NR_HOUR, 24 * NR_HOUR};

struct file {
	char magic[8];
	uint32_t bytes, reserved;
	struct nr_probe_series series;
	uint8_t hash[SHA256_DIGEST_LENGTH]; /* of all before it */
};

/* When a host was connected to last. */
struct host {
	struct nr_address address; /* IPv6: its /64 */
	nr_time last;              /* by the wall's clock */
	nr_time steady;            /* by one that nobody sets; NR_TIME_MIN: before this run */
};

struct nr_probe_state {
	char *folder;
	int lock, targets;  /* the folder of targets */
	struct host *hosts; /* sorted by address */
	size_t count, room;
};

static nr_time steady_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (nr_time)t.tv_sec * NR_SECOND + t.tv_nsec / 1000;
}

/* ---- hosts ---- */

static struct nr_address host_of(const struct nr_address *address)
{
	struct nr_address host = *address;
	if (!nr_address_is_ipv4(address))
		memset(host.octets + 8, 0, 8);
	return host;
}

/* Its place; *ret_found: it is there. */
static size_t host_find(const struct nr_probe_state *s, const struct nr_address *host, bool *ret_found)
{
	size_t low = 0, high = s->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(&s->hosts[middle].address, host, sizeof *host);
		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_found = false;
	return low;
}

static int host_mark(struct nr_probe_state *s, const struct nr_address *address, nr_time last, nr_time steady,
	struct nr_error *error)
{
	struct nr_address host = host_of(address);
	bool found;
	size_t at = host_find(s, &host, &found);
	if (found) {
		s->hosts[at].last = NR_MAX(s->hosts[at].last, last);
		s->hosts[at].steady = NR_MAX(s->hosts[at].steady, steady);
		return 0;
	}
	if (s->count == s->room) {
		size_t room = NR_MAX(2 * s->room, (size_t)64);
		struct host *hosts = realloc(s->hosts, room * sizeof *hosts);
		if (!hosts)
			return nr_fail(error, -ENOMEM, "out of memory");
		s->hosts = hosts;
		s->room = room;
	}
	memmove(s->hosts + at + 1, s->hosts + at, (s->count - at) * sizeof *s->hosts);
	s->hosts[at] = (struct host){host, last, steady};
	s->count++;
	return 0;
}

nr_time nr_probe_state_host_due(
	const struct nr_probe_state *state, const struct nr_address *address, nr_time now)
{
	struct nr_address host = host_of(address);
	bool found;
	size_t at = host_find(state, &host, &found);
	if (!found)
		return now;
	nr_time due = NR_MAX(now, state->hosts[at].last + NR_PROBE_GAP);
	if (state->hosts[at].steady != NR_TIME_MIN) {
		nr_time left = state->hosts[at].steady + NR_PROBE_GAP - steady_now();
		due = NR_MAX(due, now + left);
	}
	return due;
}

int nr_probe_state_mark(
	struct nr_probe_state *state, const struct nr_address *address, nr_time now, struct nr_error *error)
{
	return host_mark(state, address, now, steady_now(), error);
}

/* ---- files ---- */

static void name_of(const struct nr_flow_server *server, char name[static NAME_TEXT])
{
	for (size_t i = 0; i < sizeof server->address; i++)
		snprintf(name + 2 * i, 3, "%02x", server->address.octets[i]);
	snprintf(name + 32, NAME_TEXT - 32, "-%u.state", server->port);
}

static bool file_is_sound(const struct file *file)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	SHA256((const uint8_t *)file, offsetof(struct file, hash), hash);
	return !memcmp(file->magic, MAGIC, sizeof file->magic) && file->bytes == sizeof *file &&
	       !memcmp(hash, file->hash, sizeof hash) && file->series.step <= NR_PROBE_STEPS &&
	       file->series.round < NR_PROBE_ROUNDS && nr_probe_answers_are_sound(&file->series.answers);
}

/* -ENOENT: there is none. */
static int file_load(
	const struct nr_probe_state *s, const char *name, struct file *ret_file, struct nr_error *error)
{
	NR_AUTO(nr_close_fd) int fd = openat(s->targets, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return nr_fail(error, -errno, "%.100s/targets/%s: %s", s->folder, name, strerror(errno));
	ssize_t got = read(fd, ret_file, sizeof *ret_file);
	if (got != (ssize_t)sizeof *ret_file || !file_is_sound(ret_file))
		return nr_fail(error, -EBADMSG,
			"%.100s/targets/%s: damaged, or of another version; remove it 10 minutes after the "
			"last "
			"connection to that server",
			s->folder, name);
	return 0;
}

int nr_probe_state_get(struct nr_probe_state *state, const struct nr_flow_server *server,
	struct nr_probe_series *ret_series, struct nr_error *error)
{
	struct file file;
	char name[NAME_TEXT];
	name_of(server, name);
	int e = file_load(state, name, &file, error);
	if (e == -ENOENT) {
		*ret_series = (struct nr_probe_series){
			.server = *server, .begun = NR_TIME_MIN, .last = NR_TIME_MIN, .due = NR_TIME_MIN};
		return 0;
	}
	if (!e)
		*ret_series = file.series;
	return e;
}

int nr_probe_state_put(
	struct nr_probe_state *state, const struct nr_probe_series *series, struct nr_error *error)
{
	struct file file;
	char name[NAME_TEXT], path[PATH_MAX];
	memset(&file, 0, sizeof file);
	memcpy(file.magic, MAGIC, sizeof file.magic);
	file.bytes = sizeof file;
	file.series = *series;
	SHA256((const uint8_t *)&file, offsetof(struct file, hash), file.hash);
	name_of(&series->server, name);
	int n = snprintf(path, sizeof path, "%s/targets/%s", state->folder, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return nr_fail(error, -ENAMETOOLONG, "%.100s: the name is too long", state->folder);
	return nr_file_write(path, &file, sizeof file, error);
}

/* ---- opening ---- */

static int folder_make(const char *folder, const char *name, struct nr_error *error)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s%s", folder, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return nr_fail(error, -ENAMETOOLONG, "%.100s: the name is too long", folder);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	return 0;
}

static int lock_take(struct nr_probe_state *s, struct nr_error *error)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/lock", s->folder);
	if (n < 0 || (size_t)n >= sizeof path)
		return nr_fail(error, -ENAMETOOLONG, "%.100s: the name is too long", s->folder);
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return nr_fail(error, errno == EWOULDBLOCK ? -EBUSY : -errno,
			"%.150s: another probe is running: one at a time, so that the caps hold", s->folder);
	return 0;
}

/* Of a file that is damaged what its name says, and when it was written. */
static bool damaged_of(
	const struct nr_probe_state *s, const char *name, struct nr_flow_server *server, nr_time *ret_last)
{
	struct stat status;
	if (strspn(name, "0123456789abcdef") != 32 ||
		fstatat(s->targets, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	for (size_t i = 0; i < sizeof server->address; i++) {
		char octet[3] = {name[2 * i], name[2 * i + 1], 0};
		server->address.octets[i] = (uint8_t)strtoul(octet, NULL, 16);
	}
	*ret_last = (nr_time)status.st_mtim.tv_sec * NR_SECOND;
	return true;
}

/* When every host was connected to last, whichever servers are asked for now. */
static int hosts_read(struct nr_probe_state *s, struct nr_error *error)
{
	int again = dup(s->targets);
	DIR *folder = again < 0 ? NULL : fdopendir(again);
	int e = folder ? 0 : nr_fail(error, -errno, "%.150s/targets: %s", s->folder, strerror(errno));
	for (struct dirent *entry; !e && (entry = readdir(folder));) {
		struct file file;
		struct nr_flow_server server;
		nr_time last;
		const char *suffix = strstr(entry->d_name, ".state");
		if (!suffix || suffix[6]) /* what was being written when a run was killed */
			continue;
		if (file_load(s, entry->d_name, &file, NULL) == 0) {
			server = file.series.server;
			last = file.series.last;
		} else if (!damaged_of(s, entry->d_name, &server, &last)) {
			continue;
		}
		if (last != NR_TIME_MIN)
			e = host_mark(s, &server.address, last, NR_TIME_MIN, error);
	}
	if (folder)
		closedir(folder);
	return e;
}

int nr_probe_state_open(const char *folder, struct nr_probe_state **ret_state, struct nr_error *error)
{
	NR_AUTO(nr_probe_state_closep) struct nr_probe_state *s = calloc(1, sizeof *s);
	char path[PATH_MAX];
	if (!s)
		return nr_fail(error, -ENOMEM, "out of memory");
	s->lock = s->targets = -1;
	s->folder = strdup(folder);
	int e = s->folder ? folder_make(folder, "", error) : nr_fail(error, -ENOMEM, "out of memory");
	e = e ? e : folder_make(folder, "/targets", error);
	e = e ? e : folder_make(folder, "/record", error);
	e = e ? e : lock_take(s, error);
	if (e)
		return e;
	snprintf(path, sizeof path, "%s/targets", folder);
	s->targets = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->targets < 0)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	e = hosts_read(s, error);
	if (e)
		return e;
	*ret_state = nr_steal(&s);
	return 0;
}

void nr_probe_state_close(struct nr_probe_state *state)
{
	if (!state)
		return;
	if (state->lock >= 0)
		close(state->lock);
	if (state->targets >= 0)
		close(state->targets);
	free(state->hosts);
	free(state->folder);
	free(state);
}

void nr_probe_state_closep(struct nr_probe_state **state)
{
	nr_probe_state_close(*state);
}

/* ---- the plan ---- */

bool nr_probe_series_is_over(const struct nr_probe_series *series, unsigned repeat)
{
	return series->step == NR_PROBE_STEPS && series->round + 1 >= repeat;
}

void nr_probe_series_advance(struct nr_probe_series *series, unsigned repeat, nr_time now, double random)
{
	series->step = nr_probe_next_step(&series->answers, series->step);
	series->due = now + NR_PROBE_GAP + (nr_time)(random * (double)NR_PROBE_GAP_JITTER);
	if (series->step < NR_PROBE_STEPS || series->round + 1 >= repeat)
		return;
	nr_time round = series->begun + nr_probe_rounds[series->round + 1];
	series->due = NR_MAX(series->due, round + (nr_time)(random * (double)NR_PROBE_GAP_JITTER));
}
