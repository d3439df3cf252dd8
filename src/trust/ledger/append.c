/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit: whoever comes while nobody writes, writes what has gathered, for all; who comes meanwhile
 * gathers in the next group.
 */
#include "trust/ledger/ledger_inside.h"

#include <errno.h>
#include <string.h>

#define PADDING 8

static size_t framed_bytes(const struct nr_ledger_entry *entries, size_t count)
{
	size_t sum = 0;
	for (size_t i = 0; i < count && sum <= NR_LEDGER_APPEND_MAX; i++)
		sum += 2 + entries[i].length;
	return sum;
}

static int check(
	struct nr_ledger *ledger, const struct nr_ledger_entry *entries, size_t count, struct nr_error *error)
{
	if (!ledger->writing)
		return nr_fail(error, -EROFS, "%s: opened for reading", ledger->conf.folder);
	if (!count)
		return nr_fail(error, -EINVAL, "%s: nothing to append", ledger->conf.folder);
	for (size_t i = 0; i < count; i++)
		if (entries[i].length > NR_LEDGER_ENTRY_MAX)
			return nr_fail(error, -E2BIG, "%s: an entry of %zu bytes; at most %d",
				ledger->conf.folder, entries[i].length, NR_LEDGER_ENTRY_MAX);
	if (framed_bytes(entries, count) > NR_LEDGER_APPEND_MAX)
		return nr_fail(error, -E2BIG, "%s: more than %zu bytes at once", ledger->conf.folder,
			NR_LEDGER_APPEND_MAX);
	return 0;
}

static struct nr_ledger_group *filling_group(struct nr_ledger *ledger)
{
	if (ledger->filling)
		return ledger->filling;
	struct nr_ledger_group *group = ledger->free;
	if (group)
		ledger->free = group->next;
	else
		group = calloc(1, sizeof *group);
	ledger->filling = group;
	return group;
}

static void recycle(struct nr_ledger *ledger, struct nr_ledger_group *group)
{
	uint8_t *bytes = group->bytes;
	size_t room = group->room;
	*group = (struct nr_ledger_group){.bytes = bytes, .room = room, .next = ledger->free};
	ledger->free = group;
}

void nr_ledger_groups_free(struct nr_ledger *ledger)
{
	struct nr_ledger_group *group = ledger->filling ? ledger->filling : ledger->free;
	if (ledger->filling)
		group->next = ledger->free;
	while (group) {
		struct nr_ledger_group *next = group->next;
		free(group->bytes);
		free(group);
		group = next;
	}
}

static bool make_room(struct nr_ledger_group *group, size_t need)
{
	size_t wanted = sizeof(struct nr_frame_head) + group->length + need + PADDING;
	if (wanted <= group->room)
		return true;
	size_t room = NR_MAX(wanted, 2 * group->room);
	uint8_t *bytes = realloc(group->bytes, room);
	if (!bytes)
		return false;
	group->bytes = bytes;
	group->room = room;
	return true;
}

static void fill(struct nr_ledger_group *group, const struct nr_ledger_entry *entries, size_t count)
{
	uint8_t *at = group->bytes + sizeof(struct nr_frame_head) + group->length;
	for (size_t i = 0; i < count; i++) {
		*at++ = (uint8_t)(entries[i].length >> 8);
		*at++ = (uint8_t)entries[i].length;
		if (entries[i].length)
			memcpy(at, entries[i].bytes, entries[i].length);
		at += entries[i].length;
	}
	group->length = (size_t)(at - group->bytes) - sizeof(struct nr_frame_head);
	group->count += (uint32_t)count;
}

/* Writes the group that has gathered. `lock` is held, but not meanwhile. */
static void flush_group(struct nr_ledger *ledger)
{
	struct nr_ledger_group *group = ledger->filling;
	ledger->filling = NULL;
	ledger->flushing = true;
	group->first = ledger->size;
	group->error = ledger->failure; /* what gathered before it is not written after it */
	int e = ledger->failure.code;
	pthread_mutex_unlock(&ledger->lock);
	if (!e)
		e = nr_segments_write(
			&ledger->segments, group->bytes, group->length, group->count, &group->error);
	pthread_mutex_lock(&ledger->lock);
	ledger->segment = ledger->segments.file_first;
	if (!e)
		ledger->size += group->count;
	else if (!nr_ledger_may_pass(e) && !ledger->failure.code)
		ledger->failure = group->error;
	group->error.code = e;
	group->done = true;
	ledger->flushing = false;
	pthread_cond_broadcast(&ledger->flushed);
	if (ledger->idle)
		pthread_cond_signal(&ledger->wake);
}

/* Waits for a group with room for need bytes. `lock` is held. */
static int join_group(
	struct nr_ledger *ledger, size_t need, struct nr_ledger_group **ret_group, struct nr_error *error)
{
	for (;;) {
		struct nr_ledger_group *group = filling_group(ledger);
		if (ledger->failure.code) {
			if (error)
				*error = ledger->failure;
			return ledger->failure.code;
		}
		if (!group)
			return nr_fail(error, -ENOMEM, "out of memory");
		if (!group->length || group->length + need <= NR_FRAME_PAYLOAD_MAX) {
			if (!make_room(group, need))
				return nr_fail(error, -ENOMEM, "out of memory");
			*ret_group = group;
			return 0;
		}
		pthread_cond_wait(&ledger->flushed, &ledger->lock);
	}
}

int nr_ledger_append(struct nr_ledger *ledger, const struct nr_ledger_entry *entries, size_t count,
	uint64_t *ret_first, struct nr_error *error)
{
	struct nr_ledger_group *group = NULL;
	int e = check(ledger, entries, count, error);
	if (e)
		return e;
	pthread_mutex_lock(&ledger->lock);
	e = join_group(ledger, framed_bytes(entries, count), &group, error);
	if (e) {
		pthread_mutex_unlock(&ledger->lock);
		return e;
	}
	uint32_t place = group->count;
	fill(group, entries, count);
	group->members++;
	while (!group->done) {
		if (!ledger->flushing) /* then this group is the one that has gathered */
			flush_group(ledger);
		else
			pthread_cond_wait(&ledger->flushed, &ledger->lock);
	}
	e = group->error.code;
	if (e && error)
		*error = group->error;
	uint64_t first = group->first + place;
	if (--group->members == 0)
		recycle(ledger, group);
	pthread_mutex_unlock(&ledger->lock);
	if (!e)
		*ret_first = first;
	return e;
}
