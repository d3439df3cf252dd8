/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what is durable to what is published: segments are read again, hashed, cut into tiles; the root is
 * signed, the signed head made durable, and only then told to anybody.
 */
#include "base/file.h"
#include "trust/ledger/checkpoint.h"
#include "trust/ledger/ledger_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#define INTERVAL_SECONDS 1

/* ---- the tree ---- */

static int restore(struct nr_ledger *ledger, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_ledger_path(ledger, ".state/tree");
	int e = path ? nr_tree_read(path, &ledger->tree, error) : -ENOMEM;
	if (e == -ENOENT) {
		ledger->tree.size = 0;
		e = 0;
	}
	nr_segment_reader_close(&ledger->reader);
	ledger->next = ledger->tree.size / NR_TILE_HASHES * NR_TILE_HASHES;
	ledger->marked = ledger->tree.size;
	ledger->bundle_length = 0;
	ledger->sound = e == 0;
	return e;
}

static int bundle_add(struct nr_ledger *ledger, const uint8_t *framed, size_t length, struct nr_error *error)
{
	size_t wanted = ledger->bundle_length + length;
	if (wanted > ledger->bundle_room) {
		size_t room = NR_MAX(wanted, 2 * ledger->bundle_room);
		uint8_t *bundle = realloc(ledger->bundle, room);
		if (!bundle)
			return nr_fail(error, -ENOMEM, "out of memory");
		ledger->bundle = bundle;
		ledger->bundle_room = room;
	}
	memcpy(ledger->bundle + ledger->bundle_length, framed, length);
	ledger->bundle_length += length;
	return 0;
}

struct filling {
	struct nr_ledger *ledger;
	struct nr_error *error;
};

static int write_full(void *context, unsigned level, uint64_t index, const struct nr_hash *hashes)
{
	struct filling *f = context;
	struct nr_ledger *ledger = f->ledger;
	int e = 0;
	if (level == 0) {
		e = nr_folder_write(&ledger->folder, NR_TILE_ENTRIES, index, NR_TILE_HASHES, ledger->bundle,
			ledger->bundle_length, f->error);
		ledger->bundle_length = 0;
	}
	return e ? e
		 : nr_folder_write(
			   &ledger->folder, level, index, NR_TILE_HASHES, hashes, NR_TILE_BYTES, f->error);
}

static int integrate_entry(
	struct nr_ledger *ledger, const uint8_t *entry, size_t length, struct nr_error *error)
{
	struct nr_hash leaf;
	struct filling filling = {ledger, error};
	nr_merkle_leaf(entry, length, &leaf);
	int e = bundle_add(ledger, entry - 2, length + 2, error); /* with its length, which stands before */
	if (e)
		return e;
	if (ledger->next >= ledger->tree.size)
		e = nr_tree_add(&ledger->tree, &leaf, write_full, &filling);
	else if (!nr_hash_equal(&leaf, &ledger->tree.edge[0][ledger->next % NR_TILE_HASHES]))
		e = nr_fail(error, -EUCLEAN, "%s: entry %llu is not the one that was signed",
			ledger->conf.folder, (unsigned long long)ledger->next);
	ledger->next++;
	return e;
}

static int integrate_frame(struct nr_ledger *ledger, struct nr_error *error)
{
	struct nr_frame_head head;
	const uint8_t *at, *entry;
	size_t entry_length;
	int e = nr_segment_reader_next(&ledger->reader, &head, &at, error);
	if (e)
		return e == -ENODATA ? nr_fail(error, -EUCLEAN, "%s: entry %llu is missing",
					       ledger->conf.folder, (unsigned long long)ledger->next)
				     : e;
	size_t left = head.length;
	for (uint32_t i = 0; !e && i < head.count; i++) {
		if (!nr_bundle_next(&at, &left, &entry, &entry_length))
			return nr_fail(error, -EUCLEAN, "%s: entry %llu is not whole", ledger->conf.folder,
				(unsigned long long)head.first + i);
		if (head.first + i >= ledger->next)
			e = integrate_entry(ledger, entry, entry_length, error);
	}
	return e;
}

int nr_ledger_integrate(struct nr_ledger *ledger, uint64_t until, struct nr_error *error)
{
	int e = ledger->sound ? 0 : restore(ledger, error);
	if (!e && ledger->reader.file < 0 && ledger->next < until) {
		NR_AUTO(nr_freep) char *folder = nr_ledger_path(ledger, ".state/segments");
		e = folder ? nr_segment_reader_open(folder, ledger->next, &ledger->reader, error) : -ENOMEM;
	}
	while (!e && ledger->next < until)
		e = integrate_frame(ledger, error);
	if (!e && ledger->tree.size != until)
		e = nr_fail(error, -EUCLEAN, "%s: %llu entries do not end where %llu were signed",
			ledger->conf.folder, (unsigned long long)ledger->tree.size,
			(unsigned long long)until);
	ledger->sound = e == 0;
	return e;
}

static int write_partial(struct nr_ledger *ledger, struct nr_error *error)
{
	const struct nr_tree *tree = &ledger->tree;
	uint64_t index = tree->size / NR_TILE_HASHES;
	unsigned width = nr_tree_width(tree, 0);
	int e = width ? nr_folder_write(&ledger->folder, NR_TILE_ENTRIES, index, width, ledger->bundle,
				ledger->bundle_length, error)
		      : 0;
	for (unsigned level = 0; !e && level < NR_TILE_LEVELS; level++) {
		width = nr_tree_width(tree, level);
		index = tree->size >> (8 * level) >> 8;
		if (width)
			e = nr_folder_write(&ledger->folder, level, index, width, tree->edge[level],
				(size_t)width * NR_HASH_BYTES, error);
	}
	return e;
}

/* Partial tiles of the tree before, where the full one is there now. */
static void drop_partial(struct nr_ledger *ledger, uint64_t before)
{
	for (unsigned level = 0; level < NR_TILE_LEVELS; level++) {
		uint64_t index = before >> (8 * level) >> 8, now = ledger->tree.size >> (8 * level) >> 8;
		if (index == now || (before >> (8 * level)) % NR_TILE_HASHES == 0)
			continue;
		nr_folder_drop_partial(&ledger->folder, level, index);
		if (level == 0)
			nr_folder_drop_partial(&ledger->folder, NR_TILE_ENTRIES, index);
	}
}

int nr_ledger_mark(struct nr_ledger *ledger, struct nr_error *error)
{
	NR_AUTO(nr_close_fd) int folder = open(ledger->conf.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NR_AUTO(nr_freep) char *path = nr_ledger_path(ledger, ".state/tree");
	if (folder < 0 || !path)
		return nr_fail(
			error, folder < 0 ? -errno : -ENOMEM, "%s: cannot be opened", ledger->conf.folder);
	if (syncfs(folder) < 0) /* the tiles, all of them */
		return nr_fail(error, -EIO, "%s: %s", ledger->conf.folder, strerror(errno));
	int e = nr_tree_write(path, &ledger->tree, error);
	if (e)
		return e;
	ledger->marked = ledger->tree.size;
	nr_segments_drop(&ledger->segments, ledger->marked / NR_TILE_HASHES * NR_TILE_HASHES);
	return 0;
}

/* ---- the head ---- */

/* Signs the tree. Before anybody hears of it, it is on the disk. */
static int sign_head(struct nr_ledger *ledger, const struct nr_hash *root, struct nr_error *error)
{
	char text[NR_CHECKPOINT_TEXT], note[NR_LEDGER_HEAD_MAX];
	size_t text_length = nr_checkpoint_write(ledger->conf.origin, ledger->tree.size, root, text);
	size_t length = sizeof note;
	struct nr_note parsed;
	int e = ledger->conf.sign(ledger->conf.sign_context, text, text_length, note, &length, error);
	ledger->others = e != 0;
	if (e)
		return e;
	e = nr_note_parse(note, length, &parsed, error);
	if (e || parsed.text_length != text_length || memcmp(parsed.text, text, text_length) != 0) {
		ledger->others = true;
		return nr_fail(
			error, -EBADMSG, "%s: what was signed is not the checkpoint", ledger->conf.folder);
	}
	e = nr_slots_write(&ledger->heads, note, length, error);
	if (!e && ledger->anchor.file >= 0)
		e = nr_slots_write(&ledger->anchor, note, length, error);
	if (e)
		return e;
	memcpy(ledger->head, note, length);
	ledger->head_length = length;
	ledger->head_size = ledger->tree.size;
	ledger->current = false;
	return 0;
}

static int publish_head(struct nr_ledger *ledger, const struct nr_hash *root, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *note = malloc(NR_NOTE_MAX);
	NR_AUTO(nr_freep) char *path = nr_ledger_path(ledger, "checkpoint");
	size_t length = ledger->head_length;
	if (!note || !path)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(note, ledger->head, length);
	int e = 0;
	if (ledger->conf.cosign)
		e = ledger->conf.cosign(
			ledger->conf.cosign_context, ledger, note, &length, NR_NOTE_MAX, error);
	ledger->others = e && e != -EUCLEAN;
	e = e ? e : nr_file_write(path, note, length, error);
	if (e)
		return e;
	pthread_mutex_lock(&ledger->lock);
	uint64_t before = ledger->published;
	ledger->published = ledger->tree.size;
	ledger->published_root = *root;
	pthread_mutex_unlock(&ledger->lock);
	ledger->current = true;
	drop_partial(ledger, before);
	return 0;
}

static int publish_steps(struct nr_ledger *ledger, uint64_t size, struct nr_error *error)
{
	struct nr_hash root;
	int e = nr_ledger_integrate(ledger, size, error);
	if (e || (ledger->current && ledger->head_size == size))
		return e;
	nr_tree_root(&ledger->tree, &root);
	e = write_partial(ledger, error);
	if (e)
		return e;
	pthread_mutex_lock(&ledger->lock);
	ledger->provable = size;
	pthread_mutex_unlock(&ledger->lock);
	if (!ledger->head_length || ledger->head_size != size)
		e = sign_head(ledger, &root, error);
	return e ? e : publish_head(ledger, &root, error);
}

int nr_ledger_publish_now(struct nr_ledger *ledger, struct nr_error *error)
{
	struct nr_error own = {0};
	pthread_mutex_lock(&ledger->lock);
	uint64_t size = ledger->size, segment = ledger->segment;
	int e = ledger->failure.code;
	own = ledger->failure;
	pthread_mutex_unlock(&ledger->lock);
	ledger->others = false;
	e = e ? e : publish_steps(ledger, size, &own);
	if (!e && segment != ledger->marked_segment) {
		e = nr_ledger_mark(ledger, &own);
		ledger->marked_segment = e ? ledger->marked_segment : segment;
	}
	if (!e)
		return 0;
	own.code = e;
	if (!ledger->others)
		nr_ledger_fail(ledger, &own);
	if (error)
		*error = own;
	return e;
}

int nr_ledger_publish(struct nr_ledger *ledger, struct nr_error *error)
{
	if (!ledger->writing)
		return nr_fail(error, -EROFS, "%s: opened for reading", ledger->conf.folder);
	pthread_mutex_lock(&ledger->publishing);
	int e = nr_ledger_publish_now(ledger, error);
	pthread_mutex_unlock(&ledger->publishing);
	return e;
}

/* ---- the thread ---- */

static struct timespec in_a_while(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += INTERVAL_SECONDS;
	return t;
}

void *nr_ledger_publisher(void *context)
{
	struct nr_ledger *ledger = context;
	pthread_mutex_lock(&ledger->lock);
	while (!ledger->stopping) {
		if (ledger->size == ledger->published || ledger->failure.code) {
			ledger->idle = true;
			pthread_cond_wait(&ledger->wake, &ledger->lock);
			ledger->idle = false;
			continue;
		}
		struct timespec until = in_a_while();
		while (!ledger->stopping &&
			pthread_cond_timedwait(&ledger->wake, &ledger->lock, &until) != ETIMEDOUT)
			;
		if (ledger->stopping)
			break;
		pthread_mutex_unlock(&ledger->lock);
		struct nr_error trouble = {0};
		(void)nr_ledger_publish(ledger, &trouble);
		pthread_mutex_lock(&ledger->lock);
		ledger->trouble = trouble;
	}
	pthread_mutex_unlock(&ledger->lock);
	return NULL;
}
