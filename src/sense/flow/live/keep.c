/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/live/keep_inside.h"

#include "base/file.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#define BLOCKS_LATE     16 /* that wait: packing does not keep up */
#define BLOCKS_PER_TURN 32 /* of one ring, before the others have their turn */
#define LAW_EVERY       NR_MINUTE
#define MEMORY_EVERY    NR_MINUTE
#define PATH_ROOM       4224

/* ---- what the parsers remember ---- */

static void memory_path(const struct nr_flow_keep *keep, unsigned worker, char path[static PATH_ROOM])
{
	snprintf(path, PATH_ROOM, "%.4096s/exporters-%u.state", keep->conf.archive, worker);
}

static void load_memory(struct nr_flow_keep *keep)
{
	for (unsigned i = 0; i < nr_flow_live_workers(keep->conf.live); i++) {
		NR_AUTO(nr_freep) uint8_t *bytes = NULL;
		struct nr_flow_board *board = nr_flow_live_board(keep->conf.live, i);
		char path[PATH_ROOM];
		size_t length;
		memory_path(keep, i, path);
		if (nr_file_read(path, NR_FLOW_BOARD_PAGE, &bytes, &length, NULL) == 0)
			nr_flow_board_put(board, NR_FLOW_BOARD_MEMORY, bytes, length);
		keep->memory_saved[i] = nr_flow_board_serial(board, NR_FLOW_BOARD_MEMORY);
	}
}

static int save_memory(struct nr_flow_keep *keep, struct nr_error *error)
{
	int result = 0;
	for (unsigned i = 0; keep->conf.archive && i < nr_flow_live_workers(keep->conf.live); i++) {
		NR_AUTO(nr_freep) uint8_t *bytes = NULL;
		struct nr_flow_board *board = nr_flow_live_board(keep->conf.live, i);
		uint64_t serial = nr_flow_board_serial(board, NR_FLOW_BOARD_MEMORY);
		char path[PATH_ROOM];
		size_t length;
		if (serial == keep->memory_saved[i] ||
			nr_flow_board_get(board, NR_FLOW_BOARD_MEMORY, &bytes, &length) != 0)
			continue;
		memory_path(keep, i, path);
		int rc = nr_file_write(path, bytes, length, result ? NULL : error);
		if (rc == 0)
			keep->memory_saved[i] = serial;
		result = result ? result : rc;
	}
	return result;
}

/* ---- open, close ---- */

static int open_archive(struct nr_flow_keep *keep, struct nr_error *error)
{
	int rc = nr_flow_law_open(keep->conf.law, keep->conf.archive, &keep->law, error);
	if (rc)
		return rc;
	struct nr_flow_archive_conf conf = keep->conf.conf;
	conf.keep = nr_flow_law_policy(keep->law)->keep;
	conf.keep_columns = nr_flow_law_policy(keep->law)->columns;
	rc = nr_flow_archive_open(keep->conf.archive, NR_FLOW_ARCHIVE_WRITE, &conf, &keep->archive, error);
	if (rc == 0) /* now that nobody else writes */
		rc = nr_flow_policy_settle(keep->conf.archive, nr_flow_law_policy(keep->law), error);
	if (rc)
		return rc;
	keep->shown.archive = nr_flow_archive_state(keep->archive);
	load_memory(keep);
	return 0;
}

int nr_flow_keep_open(
	const struct nr_flow_keep_conf *conf, struct nr_flow_keep **ret_keep, struct nr_error *error)
{
	struct nr_flow_keep *made = calloc(1, sizeof *made);
	if (!made)
		return nr_fail(error, -ENOMEM, "out of memory");
	pthread_mutex_init(&made->lock, NULL);
	NR_AUTO(nr_flow_keep_closep) struct nr_flow_keep *keep = made;
	keep->conf = *conf;
	int rc = nr_flow_block_new(NR_FLOW_ROOM, &keep->block, error);
	if (rc == 0 && conf->archive)
		rc = open_archive(keep, error);
	if (rc)
		return rc;
	*ret_keep = nr_steal(&keep);
	return 0;
}

void nr_flow_keep_close(struct nr_flow_keep *keep)
{
	if (!keep)
		return;
	nr_flow_archive_close(keep->archive);
	nr_flow_law_close(keep->law);
	nr_flow_block_free(keep->block);
	json_object_put(keep->past);
	pthread_mutex_destroy(&keep->lock);
	free(keep);
}

void nr_flow_keep_closep(struct nr_flow_keep **keep)
{
	nr_flow_keep_close(*keep);
}

/* ---- flows ---- */

static void tell(struct nr_flow_keep *keep, struct nr_flow_keep_event event)
{
	event.time = nr_time_now();
	if (keep->conf.tell)
		keep->conf.tell(keep->conf.context, &event);
}

static void tell_failed(struct nr_flow_keep *keep, const struct nr_error *reason)
{
	tell(keep, (struct nr_flow_keep_event){.what = NR_FLOW_KEEP_FAILED, .text = reason->text});
}

static void pause_for(struct nr_flow_keep *keep, const struct nr_error *reason)
{
	pthread_mutex_lock(&keep->lock);
	keep->shown.paused = true;
	keep->shown.paused_since = nr_time_now();
	snprintf(keep->shown.reason, sizeof keep->shown.reason, "%s", reason->text);
	pthread_mutex_unlock(&keep->lock);
	keep->refused_before = keep->shown.refused;
	tell(keep, (struct nr_flow_keep_event){.what = NR_FLOW_KEEP_PAUSED,
			   .since = keep->shown.paused_since,
			   .text = reason->text});
}

static void resume(struct nr_flow_keep *keep)
{
	pthread_mutex_lock(&keep->lock);
	keep->shown.paused = false;
	pthread_mutex_unlock(&keep->lock);
	tell(keep, (struct nr_flow_keep_event){.what = NR_FLOW_KEEP_RESUMED,
			   .since = keep->shown.paused_since,
			   .flows = keep->shown.refused - keep->refused_before});
}

static int keep_block(struct nr_flow_keep *keep, struct nr_error *error)
{
	int rc = nr_flow_law_apply(keep->law, keep->block, error);
	if (rc)
		keep->block->count = 0; /* clients stand in it as they are: nobody else gets it either */
	return rc ? rc : nr_flow_archive_append(keep->archive, keep->block, error);
}

static void take_block(struct nr_flow_keep *keep)
{
	struct nr_error error = {0};
	uint32_t count = keep->block->count;
	int rc = keep->archive ? keep_block(keep, &error) : 0;
	pthread_mutex_lock(&keep->lock);
	keep->shown.taken += count;
	keep->shown.refused += rc ? count : 0;
	pthread_mutex_unlock(&keep->lock);
	if (rc && !keep->shown.paused)
		pause_for(keep, &error);
	else if (!rc && keep->shown.paused)
		resume(keep);
	if (keep->conf.sink && keep->block->count &&
		keep->conf.sink->take(keep->conf.sink, keep->block, &error) != 0)
		tell_failed(keep, &error);
}

/* Rather more bytes than lost flows. */
static void hurry_if_late(struct nr_flow_keep *keep)
{
	uint32_t waiting = 0;
	for (unsigned i = 0; i < nr_flow_live_workers(keep->conf.live); i++)
		waiting += nr_flow_ring_waiting(nr_flow_live_ring(keep->conf.live, i));
	if (keep->archive)
		nr_flow_archive_hurry(keep->archive, waiting > BLOCKS_LATE);
}

bool nr_flow_keep_work(struct nr_flow_keep *keep)
{
	bool more = false;
	hurry_if_late(keep);
	for (unsigned i = 0; i < nr_flow_live_workers(keep->conf.live); i++) {
		struct nr_flow_ring *ring = nr_flow_live_ring(keep->conf.live, i);
		int rc = 1;
		for (int k = 0; k < BLOCKS_PER_TURN && rc != 0; k++) {
			rc = nr_flow_ring_take(ring, keep->block);
			if (rc == 1)
				take_block(keep);
			if (rc >= 0)
				continue;
			pthread_mutex_lock(&keep->lock);
			keep->shown.unsound++;
			pthread_mutex_unlock(&keep->lock);
			tell(keep, (struct nr_flow_keep_event){.what = NR_FLOW_KEEP_UNSOUND, .worker = i});
		}
		more = more || rc != 0;
	}
	return more;
}

void nr_flow_keep_tick(struct nr_flow_keep *keep, nr_time now)
{
	struct nr_error error = {0};
	if (!keep->archive)
		return;
	if (nr_flow_archive_tick(keep->archive, now, &error) != 0 && !keep->shown.paused)
		pause_for(keep, &error);
	if (now >= keep->law_at || keep->law_at - now > LAW_EVERY) {
		keep->law_at = now + LAW_EVERY;
		if (nr_flow_law_tick(keep->law, now, &error) != 0)
			tell_failed(keep, &error);
	}
	if (now >= keep->memory_at || keep->memory_at - now > MEMORY_EVERY) {
		keep->memory_at = now + MEMORY_EVERY;
		if (!keep->shown.paused && save_memory(keep, &error) != 0)
			tell_failed(keep, &error);
	}
	pthread_mutex_lock(&keep->lock);
	keep->shown.archive = nr_flow_archive_state(keep->archive);
	keep->shown.law = nr_flow_law_counts(keep->law);
	pthread_mutex_unlock(&keep->lock);
}

void nr_flow_keep_ended(struct nr_flow_keep *keep, unsigned worker)
{
	nr_flow_keep_add_past(keep, worker);
}

int nr_flow_keep_finish(struct nr_flow_keep *keep, struct nr_error *error)
{
	while (nr_flow_keep_work(keep))
		;
	if (!keep->archive)
		return 0;
	int rc = nr_flow_archive_sync(keep->archive, error);
	int saved = save_memory(keep, rc ? NULL : error);
	pthread_mutex_lock(&keep->lock);
	keep->shown.archive = nr_flow_archive_state(keep->archive);
	keep->shown.law = nr_flow_law_counts(keep->law);
	pthread_mutex_unlock(&keep->lock);
	if (rc == 0 && keep->shown.paused)
		rc = nr_fail(error, -ENOSPC, "%.200s", keep->shown.reason);
	return rc ? rc : saved;
}
