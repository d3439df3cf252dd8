/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/ledger_watch.h"

#include "base/log.h"
#include "trust/ledger/folder.h"
#include "trust/ledger/verify.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ROWS_BYTES_MAX ((size_t)4 * 1024 * 1024) /* of entries in one answer */

enum state { WAITING, READING, CURRENT, BROKEN };
static const char *const state_names[] = {"waiting", "reading", "current", "broken"};

struct nr_ledger_watch {
	struct nr_ledger_source source;
	pthread_t thread;
	bool running;

	/* Of the thread that follows. */
	struct nr_tree *tree;

	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	enum state state;
	struct nr_error trouble; /* of the last look; of a broken ledger for good */
	struct nr_ledger_index index;
	uint64_t size;    /* of the tree that was checked */
	char *checkpoint; /* JSON of its checkpoint; owned; NULL: none yet */
};

/* ---- following ---- */

/* Full tiles are not needed: the edge of the tree is enough to go on from. */
static int pass_by(void *context, unsigned level, uint64_t index, const struct nr_hash *hashes)
{
	(void)context;
	(void)level;
	(void)index;
	(void)hashes;
	return 0;
}

/* The index first: what it has no memory for is read again at the next look. */
static int take(void *context, uint64_t at, const uint8_t *entry, size_t length, struct nr_error *error)
{
	struct nr_ledger_watch *watch = context;
	struct nr_hash leaf;
	(void)at;
	pthread_mutex_lock(&watch->lock);
	int e = watch->stopping ? -ECANCELED
				: nr_ledger_index_add(&watch->index, entry, length, nr_time_now(), error);
	pthread_mutex_unlock(&watch->lock);
	if (e)
		return e;
	nr_merkle_leaf(entry, length, &leaf);
	return nr_tree_add(watch->tree, &leaf, pass_by, NULL);
}

static nr_time written_at(const struct nr_ledger_watch *watch)
{
	NR_AUTO(nr_freep) char *path = NULL;
	struct stat status;
	if (asprintf(&path, "%s/checkpoint", watch->source.folder) < 0) {
		path = NULL;
		return NR_TIME_MIN;
	}
	return stat(path, &status) < 0
		       ? NR_TIME_MIN
		       : (nr_time)status.st_mtim.tv_sec * NR_SECOND + status.st_mtim.tv_nsec / 1000;
}

/* The caller's; NULL: no memory. */
static char *describe(const struct nr_ledger_watch *watch, const struct nr_tlog_policy_verdict *verdict)
{
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_ledger_write_checkpoint_json(&watch->source, verdict, &json);
	nr_json_time(&json, "time", written_at(watch));
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		return json.bytes;
	nr_json_fini(&json);
	return NULL;
}

/* Brings the tree up to the checkpoint. */
static int grow(struct nr_ledger_watch *watch, const struct nr_checkpoint *checkpoint, struct nr_error *error)
{
	struct nr_hash root;
	const char *folder = watch->source.folder;
	if (checkpoint->size < watch->tree->size)
		return nr_fail(error, -EUCLEAN, "%.100s: had %llu entries, and its checkpoint says %llu now",
			folder, (unsigned long long)watch->tree->size, (unsigned long long)checkpoint->size);
	int e = nr_folder_each(
		folder, checkpoint->size, watch->tree->size, checkpoint->size, take, watch, error);
	if (e)
		return e == -EUCLEAN ? -EBADMSG : e; /* a file that is not whole may be so tomorrow */
	nr_tree_root(watch->tree, &root);
	if (!nr_hash_equal(&root, &checkpoint->root))
		return nr_fail(error, -EUCLEAN,
			"%.100s: its %llu entries do not make the root of the checkpoint: changed after they "
			"were "
			"signed, or damaged",
			folder, (unsigned long long)checkpoint->size);
	return 0;
}

static int look(struct nr_ledger_watch *watch, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	struct nr_note note;
	struct nr_tlog_policy_verdict verdict;
	int e = nr_ledger_source_checkpoint(&watch->source, &bytes, &length, &note, &verdict, error);
	if (e)
		return e == -EUCLEAN ? -EBADMSG : e;
	pthread_mutex_lock(&watch->lock);
	watch->state = verdict.checkpoint.size > watch->size ? READING : watch->state;
	pthread_mutex_unlock(&watch->lock);
	e = grow(watch, &verdict.checkpoint, error);
	char *text = e ? NULL : describe(watch, &verdict);
	if (!text)
		return e ? e : nr_fail(error, -ENOMEM, "out of memory");
	pthread_mutex_lock(&watch->lock);
	free(watch->checkpoint);
	watch->checkpoint = text;
	watch->size = verdict.checkpoint.size;
	watch->state = CURRENT;
	pthread_mutex_unlock(&watch->lock);
	return 0;
}

void nr_ledger_watch_look(struct nr_ledger_watch *watch)
{
	struct nr_error error = {0};
	if (watch->state == BROKEN) /* written by this thread alone */
		return;
	int e = look(watch, &error);
	pthread_mutex_lock(&watch->lock);
	bool news = e && e != -ECANCELED && watch->trouble.code != e;
	watch->trouble = e ? error : (struct nr_error){0};
	watch->trouble.code = e;
	if (e == -EUCLEAN)
		watch->state = BROKEN;
	pthread_mutex_unlock(&watch->lock);
	if (news)
		nr_log(e == -EUCLEAN ? NR_LOG_ERROR : NR_LOG_WARNING, "ledger", "reason", error.text, NULL);
}

static void *follow(void *context)
{
	struct nr_ledger_watch *watch = context;
	pthread_mutex_lock(&watch->lock);
	while (!watch->stopping) {
		pthread_mutex_unlock(&watch->lock);
		nr_ledger_watch_look(watch);
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
		pthread_mutex_lock(&watch->lock);
		if (!watch->stopping)
			pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
	}
	pthread_mutex_unlock(&watch->lock);
	return NULL;
}

/* ---- from the beginning to the end ---- */

int nr_ledger_watch_new(
	const struct nr_ledger_source_conf *conf, struct nr_ledger_watch **ret_watch, struct nr_error *error)
{
	struct nr_ledger_watch *watch = calloc(1, sizeof *watch);
	if (!watch)
		return nr_fail(error, -ENOMEM, "out of memory");
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&watch->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&watch->lock, NULL);
	watch->tree = calloc(1, sizeof *watch->tree);
	int e = watch->tree ? nr_ledger_index_init(&watch->index, error)
			    : nr_fail(error, -ENOMEM, "out of memory");
	e = e ? e : nr_ledger_source_load(conf, &watch->source, error);
	if (e) {
		nr_ledger_watch_free(watch);
		return e;
	}
	*ret_watch = watch;
	return 0;
}

void nr_ledger_watch_free(struct nr_ledger_watch *watch)
{
	if (!watch)
		return;
	pthread_mutex_lock(&watch->lock);
	watch->stopping = true;
	pthread_cond_signal(&watch->changed);
	pthread_mutex_unlock(&watch->lock);
	if (watch->running)
		pthread_join(watch->thread, NULL);
	nr_ledger_index_fini(&watch->index);
	nr_ledger_source_fini(&watch->source);
	pthread_mutex_destroy(&watch->lock);
	pthread_cond_destroy(&watch->changed);
	free(watch->checkpoint);
	free(watch->tree);
	free(watch);
}

int nr_ledger_watch_start(struct nr_ledger_watch *watch, struct nr_error *error)
{
	int e = pthread_create(&watch->thread, NULL, follow, watch);
	watch->running = e == 0;
	return e ? nr_fail(error, -e, "cannot start a thread: %s", strerror(e)) : 0;
}

const struct nr_ledger_source *nr_ledger_watch_source(const struct nr_ledger_watch *watch)
{
	return &watch->source;
}

/* ---- what is told ---- */

void nr_ledger_watch_write(struct nr_ledger_watch *watch, struct nr_json *json)
{
	pthread_mutex_lock(&watch->lock);
	nr_json_text(json, "state", state_names[watch->state]);
	nr_json_text(json, "trouble", watch->trouble.code ? watch->trouble.text : NULL);
	if (watch->checkpoint)
		nr_json_raw(json, "checkpoint", watch->checkpoint);
	else
		nr_json_null(json, "checkpoint");
	nr_ledger_index_write(&watch->index, json);
	pthread_mutex_unlock(&watch->lock);
}

void nr_ledger_watch_write_clock(
	struct nr_ledger_watch *watch, nr_time from, nr_time to, struct nr_json *json)
{
	pthread_mutex_lock(&watch->lock);
	nr_ledger_index_write_clock(&watch->index, from, to, json);
	pthread_mutex_unlock(&watch->lock);
}

/* Entries of one block, in their order. */
struct block {
	struct {
		uint64_t index;
		uint8_t *bytes; /* owned */
		size_t length;
	} items[NR_LEDGER_BLOCK];
	size_t count;
};

static void block_fini(struct block *block)
{
	for (size_t i = 0; i < block->count; i++)
		free(block->items[i].bytes);
	block->count = 0;
}

static int keep(void *context, uint64_t index, const uint8_t *entry, size_t length, struct nr_error *error)
{
	struct block *block = context;
	uint8_t *bytes = malloc(length + 1);
	if (!bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(bytes, entry, length);
	block->items[block->count].index = index;
	block->items[block->count].bytes = bytes;
	block->items[block->count++].length = length;
	return 0;
}

struct listing {
	struct nr_ledger_watch *watch;
	size_t kind; /* wanted; NR_LEDGER_KINDS: all */
	size_t limit, count, bytes;
	uint64_t last;
	struct nr_json *json;
};

static bool is_full(const struct listing *listing)
{
	return listing->count == listing->limit || listing->bytes >= ROWS_BYTES_MAX;
}

static size_t number_of(struct nr_ledger_watch *watch, const char *kind)
{
	pthread_mutex_lock(&watch->lock);
	size_t number = nr_ledger_index_kind(&watch->index, kind);
	pthread_mutex_unlock(&watch->lock);
	return number;
}

static void write_row(struct listing *listing, uint64_t index, const uint8_t *bytes, size_t length)
{
	char kind[NR_LEDGER_KIND_TEXT];
	nr_time time;
	struct json_object *entry = nr_ledger_entry_parse(bytes, length);
	nr_ledger_entry_read(entry, kind, &time);
	size_t number = NR_MIN(number_of(listing->watch, kind), (size_t)NR_LEDGER_OTHER);
	if (listing->kind == NR_LEDGER_KINDS || listing->kind == number) {
		nr_json_object(listing->json, NULL);
		nr_json_uint(listing->json, "index", index);
		nr_json_text(listing->json, "kind", *kind ? kind : "other");
		nr_json_time(listing->json, "time", time);
		nr_json_raw(listing->json, "entry",
			entry ? json_object_to_json_string_ext(entry, JSON_C_TO_STRING_PLAIN) : "null");
		nr_json_object_end(listing->json);
		listing->count++;
		listing->bytes += length;
	}
	listing->last = index;
	json_object_put(entry);
}

/* The next block below *block (an index of blocks, one too high) that may hold the kind; false: none. */
static bool find_block(const struct listing *listing, uint64_t *block)
{
	struct nr_ledger_watch *watch = listing->watch;
	bool found = false;
	pthread_mutex_lock(&watch->lock);
	while (!found && *block > 0) {
		--*block;
		found = listing->kind == NR_LEDGER_KINDS ||
			(watch->index.blocks[*block] >> listing->kind & 1);
	}
	pthread_mutex_unlock(&watch->lock);
	return found;
}

int nr_ledger_watch_write_entries(struct nr_ledger_watch *watch, const char *kind, uint64_t before,
	size_t limit, struct nr_json *json, struct nr_error *error)
{
	struct listing listing = {.watch = watch, .kind = NR_LEDGER_KINDS, .limit = limit, .json = json};
	if (kind)
		listing.kind = number_of(watch, kind);
	bool none = kind && listing.kind == NR_LEDGER_KINDS;
	pthread_mutex_lock(&watch->lock);
	uint64_t size = none ? 0 : watch->size;
	pthread_mutex_unlock(&watch->lock);
	before = NR_MIN(before, size);
	uint64_t number = (before + NR_LEDGER_BLOCK - 1) / NR_LEDGER_BLOCK;
	int e = 0;
	nr_json_array(json, "rows");
	while (!e && !is_full(&listing) && find_block(&listing, &number)) {
		NR_AUTO(block_fini) struct block block = {.count = 0};
		uint64_t start = number * NR_LEDGER_BLOCK;
		e = nr_folder_each(watch->source.folder, size, start, NR_MIN(start + NR_LEDGER_BLOCK, before),
			keep, &block, error);
		for (size_t i = block.count; !e && i > 0 && !is_full(&listing); i--)
			write_row(&listing, block.items[i - 1].index, block.items[i - 1].bytes,
				block.items[i - 1].length);
	}
	nr_json_array_end(json);
	if (is_full(&listing) && listing.last > 0)
		nr_json_uint(json, "next", listing.last);
	else
		nr_json_null(json, "next");
	return e;
}
