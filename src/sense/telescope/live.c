/* SPDX-License-Identifier: Apache-2.0 */
/* The nursery's part: rings, areas, configuration. */
#include "sense/telescope/live_inside.h"

#include "base/file.h"
#include "base/hash.h"
#include "model/live.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

int nr_telescope_live_new(const struct nr_telescope_live_source *source, struct nr_telescope_live **ret_live,
	struct nr_error *error)
{
	struct nr_telescope_live *live = calloc(1, sizeof *live);
	if (!live)
		return nr_fail(error, -ENOMEM, "out of memory");
	live->source = *source;
	live->sense = *source->sense;
	live->conf = *source->live;
	live->refs.workers = (unsigned)live->conf.workers;
	live->refs.store = live->refs.live = live->refs.endless = true;
	*ret_live = live;
	return 0;
}

void nr_telescope_live_free(struct nr_telescope_live *live)
{
	if (!live)
		return;
	for (size_t i = 0; i < NR_PIPELINE_WORKERS_MAX; i++)
		nr_area_close(live->areas[i]);
	nr_area_close(live->outbox);
	nr_live_close(live->rings);
	nr_telescope_refs_fini(&live->refs);
	if (live->blob)
		live->source.forget(live->blob);
	free(live);
}

void nr_telescope_live_freep(struct nr_telescope_live **live)
{
	nr_telescope_live_free(*live);
	*live = NULL;
}

size_t nr_telescope_live_tables(const struct nr_table *tables[static NR_TELESCOPE_LIVE_TABLES])
{
	size_t count = 0;
	for (size_t i = 0; i < nr_telescope_table_count; i++)
		tables[count++] = nr_telescope_tables[i];
	for (size_t i = 0; i < NR_LIVE_TABLES; i++)
		tables[count++] = nr_live_tables[i];
	return count;
}

/* ---- names and keys ---- */

/* The store by the file that it is, however it was named and whether it is there yet, and the sensor: who
 * starts with the same command finds the same areas. */
static uint64_t name_hash(const struct nr_telescope_live *live)
{
	const char *store = live->source.store, *slash = strrchr(store, '/');
	NR_AUTO(nr_freep) char *real = realpath(store, NULL);
	NR_AUTO(nr_freep) char *named = slash ? strndup(store, (size_t)(slash - store) + 1) : strdup(".");
	NR_AUTO(nr_freep) char *folder = real || !named ? NULL : realpath(named, NULL);
	char path[PATH_MAX];
	if (real)
		snprintf(path, sizeof path, "%s", real);
	else
		snprintf(path, sizeof path, "%s/%s", folder ? folder : "", slash ? slash + 1 : store);
	uint64_t a = nr_siphash(path, strlen(path), 0, 0);
	return nr_siphash(live->sense.sensor, strlen(live->sense.sensor), a, 1);
}

/* Which worker a source belongs to must not be known to strangers, nor change while the areas last: both end
 * with the boot. */
static int spread_key(struct nr_telescope_live *live, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *boot = NULL;
	size_t length;
	int rc = nr_file_read("/proc/sys/kernel/random/boot_id", 4096, &boot, &length, error);
	if (rc == 0)
		live->spread_key = nr_siphash(boot, length, name_hash(live), 2) | 1;
	return rc;
}

/* What gives the bytes of a state their meaning, beside the program itself. */
static uint64_t layout(const struct nr_telescope_live *live)
{
	const uint64_t settings[] = {live->sense.memory_bytes, live->conf.workers,
		nr_telescope_sense.local_size, live->spread_key};
	return nr_area_layout(settings, sizeof settings);
}

/* ---- in the nursery ---- */

static int open_rings(void *context, struct nr_error *error)
{
	struct nr_telescope_live *live = context;
	int rc = spread_key(live, error);
	if (rc)
		return rc;
	struct nr_live_conf conf = {.interface = live->conf.interface,
		.capture = live->conf.capture,
		.filter = live->conf.filter,
		.rings = (unsigned)live->conf.workers,
		.ring_bytes = live->conf.ring_bytes,
		.spread_key = live->spread_key};
	return nr_live_open(&conf, &live->rings, &live->note, error);
}

/* The areas' files hold what is promised, and are written to all the time: better to say now that they are at
 * the wrong place, or that there is no room, than to wear out a disk, or fail later. */
static int check_room(const struct nr_telescope_live *live, uint64_t held, struct nr_error *error)
{
	struct statfs status;
	uint64_t needed = live->sense.memory_bytes + NR_RELAY_OUTBOX;
	if (statfs(live->conf.state, &status) < 0)
		return nr_fail(error, -errno, "--state %s: %s", live->conf.state, strerror(errno));
	if (status.f_type != TMPFS_MAGIC)
		return nr_fail(error, -EINVAL,
			"--state %s: not on a memory file system, and counts are written all the time; name "
			"a "
			"folder of a tmpfs, such as /dev/shm",
			live->conf.state);
	uint64_t free_bytes = (uint64_t)status.f_bavail * (uint64_t)status.f_frsize;
	if (free_bytes + held >= needed)
		return 0;
	return nr_fail(error, -ENOSPC,
		"%s has %llu MB free, --memory takes %llu MB there; enlarge it (mount -o remount,size=...), "
		"lower "
		"--memory, or name another folder: --state",
		live->conf.state, (unsigned long long)(free_bytes >> 20), (unsigned long long)(needed >> 20));
}

static uint64_t held_by(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0 ? (uint64_t)status.st_blocks * 512 : 0;
}

static void write_path(const struct nr_telescope_live *live, const char *part, char path[static PATH_ROOM])
{
	snprintf(path, PATH_ROOM, "%s/noroshi-%016llx-%s", live->conf.state,
		(unsigned long long)name_hash(live), part);
}

static void write_worker_path(
	const struct nr_telescope_live *live, unsigned worker, char path[static PATH_ROOM])
{
	char part[16];
	snprintf(part, sizeof part, "%u", worker);
	write_path(live, part, path);
}

static int hold(void *context, struct nr_error *error)
{
	struct nr_telescope_live *live = context;
	unsigned workers = (unsigned)live->conf.workers;
	char path[PATH_ROOM];
	uint64_t held = 0;
	write_path(live, "outbox", path);
	held += held_by(path);
	for (unsigned i = 0; i < NR_PIPELINE_WORKERS_MAX; i++) {
		write_worker_path(live, i, path);
		if (i < workers)
			held += held_by(path);
		else
			unlink(path); /* of a start with more workers */
	}
	int rc = check_room(live, held, error);
	for (unsigned i = 0; rc == 0 && i < workers; i++) {
		write_worker_path(live, i, path);
		rc = nr_area_open(
			path, AREA_BYTES(live->sense.memory_bytes), layout(live), &live->areas[i], error);
	}
	if (rc)
		return rc;
	write_path(live, "outbox", path);
	return nr_area_open(path, nr_relay_area_bytes(NR_RELAY_OUTBOX), nr_area_layout("outbox", 6),
		&live->outbox, error);
}

/* Everything that was sent is stored. The states stay: who starts again goes on counting, and what was stored
 * of open intervals is replaced by more. */
static void end(void *context)
{
	struct nr_telescope_live *live = context;
	char path[PATH_ROOM];
	write_path(live, "outbox", path);
	unlink(path);
}

/* ---- configuration ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What rings and areas were made for cannot change while they are held. */
static const char *changed_for_good(
	const struct nr_telescope_live *live, const struct nr_telescope_live_again *again)
{
	const struct {
		const char *name;
		bool same;
	} options[] = {
		{"interface", same_text(live->conf.interface, again->live->interface)},
		{"capture", same_text(live->conf.capture, again->live->capture)},
		{"filter", same_text(live->conf.filter, again->live->filter)},
		{"state", same_text(live->conf.state, again->live->state)},
		{"sensor", same_text(live->sense.sensor, again->sense->sensor)},
		{"workers", live->conf.workers == again->live->workers},
		{"ring", live->conf.ring_bytes == again->live->ring_bytes},
		{"memory", live->sense.memory_bytes == again->sense->memory_bytes},
	};
	for (size_t i = 0; i < NR_COUNT(options); i++)
		if (!options[i].same)
			return options[i].name;
	return NULL;
}

/* Both or neither: the old references stay until the new ones are whole. */
static int prepare_again(struct nr_telescope_live *live, struct nr_error *error)
{
	struct nr_telescope_live_again again;
	int rc = live->source.again(&again, error);
	if (rc)
		return rc;
	struct nr_telescope_conf sense = *again.sense;
	struct nr_telescope_refs refs = {
		.workers = live->refs.workers, .live = true, .endless = true, .store = true};
	const char *changed = changed_for_good(live, &again);
	if (changed)
		rc = nr_fail(error, -EINVAL, "--%s has changed: this needs a restart", changed);
	else
		rc = nr_telescope_prepare(&sense, &refs, error);
	if (rc) {
		nr_telescope_refs_fini(&refs);
		live->source.forget(again.blob);
		return rc;
	}
	nr_telescope_refs_fini(&live->refs);
	live->refs = refs;
	live->sense = sense;
	live->sense.refs = &live->refs;
	live->conf = *again.live;
	if (live->blob)
		live->source.forget(live->blob);
	live->blob = again.blob;
	return 0;
}

static int prepare(void *context, bool again, struct nr_error *error)
{
	struct nr_telescope_live *live = context;
	return again ? prepare_again(live, error) : nr_telescope_prepare(&live->sense, &live->refs, error);
}

struct nr_child nr_telescope_live_child(struct nr_telescope_live *live)
{
	return (struct nr_child){.name = "telescope",
		.context = live,
		.open = open_rings,
		.prepare = prepare,
		.hold = hold,
		.run = nr_telescope_live_run,
		.finish = nr_telescope_live_finish,
		.end = end};
}
