/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a ledger: who may, what a crash left, and whether it is what was signed. */
#include "trust/ledger/checkpoint.h"
#include "trust/ledger/ledger_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define MARK_ENTRIES                                                                                         \
	4096 /* so many are read again when a ledger is opened, rather than to sync on closing               \
	      */

char *nr_ledger_path(const struct nr_ledger *ledger, const char *name)
{
	char *path = NULL;
	return asprintf(&path, "%s/%s", ledger->conf.folder, name) < 0 ? NULL : path;
}

bool nr_ledger_may_pass(int code)
{
	static const int codes[] = {-ENOSPC, -EDQUOT, -EFBIG, -ENOMEM, -EMFILE, -ENFILE, -EACCES};
	for (size_t i = 0; i < NR_COUNT(codes); i++)
		if (code == codes[i])
			return true;
	return false;
}

void nr_ledger_fail(struct nr_ledger *ledger, const struct nr_error *error)
{
	if (nr_ledger_may_pass(error->code))
		return;
	pthread_mutex_lock(&ledger->lock);
	if (!ledger->failure.code)
		ledger->failure = *error;
	pthread_mutex_unlock(&ledger->lock);
}

int nr_ledger_trouble(struct nr_ledger *ledger, struct nr_error *error)
{
	pthread_mutex_lock(&ledger->lock);
	const struct nr_error *trouble = ledger->failure.code ? &ledger->failure : &ledger->trouble;
	int code = trouble->code;
	if (code && error)
		*error = *trouble;
	pthread_mutex_unlock(&ledger->lock);
	return code;
}

uint64_t nr_ledger_size(struct nr_ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	uint64_t size = ledger->size;
	pthread_mutex_unlock(&ledger->lock);
	return size;
}

uint64_t nr_ledger_published(struct nr_ledger *ledger, struct nr_hash *ret_root)
{
	pthread_mutex_lock(&ledger->lock);
	uint64_t size = ledger->published;
	if (ret_root)
		*ret_root = ledger->published_root;
	pthread_mutex_unlock(&ledger->lock);
	return size;
}

/* ---- heads ---- */

int nr_ledger_head_parse(const struct nr_ledger *ledger, const char *note, size_t length, uint64_t *ret_size,
	struct nr_hash *ret_root, struct nr_error *error)
{
	struct nr_note parsed;
	struct nr_checkpoint checkpoint;
	int e = nr_note_parse(note, length, &parsed, error);
	e = e ? e : nr_checkpoint_parse(parsed.text, parsed.text_length, &checkpoint, error);
	if (e)
		return nr_error_prefix(error, "%s", ledger->conf.folder);
	if (ledger->conf.origin && !nr_checkpoint_is_of(&checkpoint, ledger->conf.origin))
		return nr_fail(error, -EINVAL, "%s: is the ledger of %.*s, not of %s", ledger->conf.folder,
			(int)NR_MIN(checkpoint.origin_length, (size_t)80), checkpoint.origin,
			ledger->conf.origin);
	*ret_size = checkpoint.size;
	*ret_root = checkpoint.root;
	return 0;
}

/* -ENOENT: nothing was published. */
static int read_checkpoint(
	const struct nr_ledger *ledger, uint64_t *ret_size, struct nr_hash *ret_root, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_ledger_path(ledger, "checkpoint");
	NR_AUTO(nr_freep) uint8_t *note = NULL;
	size_t length;
	int e = path ? nr_folder_read_file(path, NR_NOTE_MAX, &note, &length, error) : -ENOMEM;
	return e ? e : nr_ledger_head_parse(ledger, (const char *)note, length, ret_size, ret_root, error);
}

/* A head that stands elsewhere must not be ahead of the one that we know of. */
static int check_not_ahead(const struct nr_ledger *ledger, const char *where, uint64_t size,
	const struct nr_hash *root, const struct nr_hash *own_root, struct nr_error *error)
{
	if (size > ledger->head_size)
		return nr_fail(error, -EUCLEAN,
			"%s: rolled back: %llu entries were signed, by %s, and it knows of %llu",
			ledger->conf.folder, (unsigned long long)size, where,
			(unsigned long long)ledger->head_size);
	if (size == ledger->head_size && ledger->head_length && !nr_hash_equal(root, own_root))
		return nr_fail(error, -EUCLEAN, "%s: another tree of %llu entries was signed, by %s",
			ledger->conf.folder, (unsigned long long)size, where);
	return 0;
}

static int check_anchor(struct nr_ledger *ledger, const struct nr_hash *own_root, struct nr_error *error)
{
	char note[NR_LEDGER_HEAD_MAX];
	size_t length;
	uint64_t size;
	struct nr_hash root;
	if (!ledger->conf.anchor)
		return 0;
	int e = nr_slots_open(ledger->conf.anchor, sizeof note, &ledger->anchor, error);
	e = e ? e : nr_slots_read(&ledger->anchor, note, sizeof note, &length, error);
	if (e == -ENOENT)
		return 0;
	e = e ? e : nr_ledger_head_parse(ledger, note, length, &size, &root, error);
	return e ? e : check_not_ahead(ledger, ledger->conf.anchor, size, &root, own_root, error);
}

/* The head that was signed last, and that nobody knows of a later one. */
static int read_heads(struct nr_ledger *ledger, struct nr_hash *ret_root, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_ledger_path(ledger, ".state/heads");
	uint64_t size;
	struct nr_hash root;
	int e = path ? nr_slots_open(path, sizeof ledger->head, &ledger->heads, error) : -ENOMEM;
	e = e ? e
	      : nr_slots_read(&ledger->heads, ledger->head, sizeof ledger->head, &ledger->head_length, error);
	if (e && e != -ENOENT)
		return e;
	if (e)
		ledger->head_length = 0;
	else
		e = nr_ledger_head_parse(
			ledger, ledger->head, ledger->head_length, &ledger->head_size, ret_root, error);
	if (e && e != -ENOENT)
		return e;
	e = check_anchor(ledger, ret_root, error);
	if (e)
		return e;
	e = read_checkpoint(ledger, &size, &root, error);
	if (e == -ENOENT)
		return 0;
	if (!e && !ledger->head_length)
		e = nr_fail(error, -EUCLEAN, "%s: what was signed last is missing (.state/heads)",
			ledger->conf.folder);
	e = e ? e : check_not_ahead(ledger, "its own checkpoint", size, &root, ret_root, error);
	ledger->published = e ? 0 : size;
	if (!e)
		ledger->published_root = root;
	return e;
}

/* ---- the lock ---- */

static int take_lock(struct nr_ledger *ledger, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_ledger_path(ledger, ".state/lock");
	char holder[80] = "";
	ledger->lock_file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (ledger->lock_file < 0)
		return nr_fail(error, path ? -errno : -ENOMEM, "%s: %s", ledger->conf.folder,
			strerror(path ? errno : ENOMEM));
	if (flock(ledger->lock_file, LOCK_EX | LOCK_NB) < 0) {
		int e = -errno;
		ssize_t got = pread(ledger->lock_file, holder, sizeof holder - 1, 0);
		holder[NR_MAX(got, 0)] = '\0';
		holder[strcspn(holder, "\n")] = '\0';
		if (e == -EWOULDBLOCK)
			return nr_fail(error, -EBUSY, "%s: is being written by %s", ledger->conf.folder,
				holder[0] ? holder : "another process");
		return nr_fail(error, e, "%s: %s", path, strerror(-e));
	}
	int length =
		snprintf(holder, sizeof holder, "process %d (%s)\n", getpid(), program_invocation_short_name);
	bool written = ftruncate(ledger->lock_file, 0) == 0 &&
		       pwrite(ledger->lock_file, holder, (size_t)length, 0) == length;
	(void)written; /* for people only */
	return 0;
}

/* ---- opening ---- */

static void ledger_free(struct nr_ledger *ledger)
{
	nr_segments_close(&ledger->segments);
	nr_segment_reader_close(&ledger->reader);
	nr_slots_close(&ledger->heads);
	nr_slots_close(&ledger->anchor);
	nr_folder_fini(&ledger->folder);
	nr_ledger_groups_free(ledger);
	if (ledger->lock_file >= 0)
		close(ledger->lock_file);
	pthread_mutex_destroy(&ledger->lock);
	pthread_mutex_destroy(&ledger->publishing);
	pthread_cond_destroy(&ledger->flushed);
	pthread_cond_destroy(&ledger->wake);
	free(ledger->bundle);
	free((char *)ledger->conf.folder);
	free((char *)ledger->conf.origin);
	free((char *)ledger->conf.anchor);
	free(ledger);
}

static int ledger_new(
	const struct nr_ledger_conf *conf, struct nr_ledger **ret_ledger, struct nr_error *error)
{
	struct nr_ledger *ledger = calloc(1, sizeof *ledger);
	pthread_condattr_t monotonic;
	if (!ledger)
		return nr_fail(error, -ENOMEM, "out of memory");
	ledger->lock_file = ledger->segments.file = ledger->reader.file = -1;
	ledger->heads.file = ledger->anchor.file = -1;
	ledger->conf = *conf;
	ledger->conf.folder = strdup(conf->folder);
	ledger->conf.origin = conf->origin ? strdup(conf->origin) : NULL;
	ledger->conf.anchor = conf->anchor ? strdup(conf->anchor) : NULL;
	ledger->writing = conf->sign != NULL;
	ledger->folder.path = ledger->conf.folder;
	pthread_mutex_init(&ledger->lock, NULL);
	pthread_mutex_init(&ledger->publishing, NULL);
	pthread_cond_init(&ledger->flushed, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&ledger->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	bool whole = ledger->conf.folder && !conf->origin == !ledger->conf.origin &&
		     !conf->anchor == !ledger->conf.anchor;
	if (!whole) {
		ledger_free(ledger);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	*ret_ledger = ledger;
	return 0;
}

static int open_segments(struct nr_ledger *ledger, uint64_t tree_size, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *folder = nr_ledger_path(ledger, ".state/segments");
	if (!folder)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_segments_open(folder, 0, ledger->head_size, &ledger->segments, error);
	if (e)
		return e;
	ledger->size = ledger->segments.size;
	ledger->segment = ledger->marked_segment = ledger->segments.file_first;
	if (ledger->size < ledger->head_size)
		return nr_fail(error, -EUCLEAN, "%s: %llu entries were signed, and %llu are there",
			ledger->conf.folder, (unsigned long long)ledger->head_size,
			(unsigned long long)ledger->size);
	if (tree_size > ledger->head_size)
		return nr_fail(error, -EUCLEAN,
			"%s: the tree was kept at %llu entries, and what was signed last has %llu",
			ledger->conf.folder, (unsigned long long)tree_size,
			(unsigned long long)ledger->head_size);
	return 0;
}

static int kept_tree_size(const struct nr_ledger *ledger, uint64_t *ret_size, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_ledger_path(ledger, ".state/tree");
	NR_AUTO(nr_freep) struct nr_tree *tree = malloc(sizeof *tree);
	int e = path && tree ? nr_tree_read(path, tree, error) : -ENOMEM;
	*ret_size = e ? 0 : tree->size;
	return e == -ENOENT ? 0 : e;
}

/* Everything that was signed must come out again. */
static int recover(struct nr_ledger *ledger, struct nr_error *error)
{
	struct nr_hash signed_root = {{0}}, root;
	uint64_t tree_size;
	int e = read_heads(ledger, &signed_root, error);
	e = e ? e : kept_tree_size(ledger, &tree_size, error);
	e = e ? e : open_segments(ledger, tree_size, error);
	if (e)
		return e;
	ledger->folder.compare = true;
	if (ledger->head_size)
		e = nr_ledger_integrate(ledger, ledger->head_size, error);
	if (e)
		return e;
	nr_tree_root(&ledger->tree, &root);
	if (ledger->head_length && !nr_hash_equal(&root, &signed_root))
		return nr_fail(error, -EUCLEAN, "%s: its %llu entries are not those that were signed",
			ledger->conf.folder, (unsigned long long)ledger->head_size);
	return nr_segments_trim(&ledger->segments, error);
}

int nr_ledger_start(struct nr_ledger *ledger, struct nr_error *error)
{
	int code = pthread_create(&ledger->thread, NULL, nr_ledger_publisher, ledger);
	ledger->started = code == 0;
	return code ? nr_fail(error, -code, "%s: %s", ledger->conf.folder, strerror(code)) : 0;
}

static int open_for_writing(struct nr_ledger *ledger, struct nr_error *error)
{
	if (!ledger->conf.origin || !nr_note_name_ok(ledger->conf.origin, strlen(ledger->conf.origin)))
		return nr_fail(error, -EINVAL, "%s: a ledger needs an origin, the name of its key",
			ledger->conf.folder);
	NR_AUTO(nr_freep) char *inside = nr_ledger_path(ledger, ".state/segments/");
	int e = inside ? nr_folder_make(inside, error) : -ENOMEM;
	e = e ? e : take_lock(ledger, error);
	e = e ? e : recover(ledger, error);
	if (e)
		return e;
	e = nr_ledger_publish_now(ledger, error);
	if (e && !(ledger->others && ledger->head_length))
		return e;
	/* a signed head that witnesses do not take now: it goes on, and tries again */
	ledger->trouble = e && error ? *error : (struct nr_error){0};
	ledger->folder.compare = false;
	return ledger->conf.quiet ? 0 : nr_ledger_start(ledger, error);
}

static int open_for_reading(struct nr_ledger *ledger, struct nr_error *error)
{
	int e = read_checkpoint(ledger, &ledger->published, &ledger->published_root, error);
	ledger->size = ledger->provable = ledger->published;
	return e;
}

int nr_ledger_open(const struct nr_ledger_conf *conf, struct nr_ledger **ret_ledger, struct nr_error *error)
{
	struct nr_ledger *ledger = NULL;
	struct nr_error own = {0};
	int e = ledger_new(conf, &ledger, error);
	if (e)
		return e;
	e = ledger->writing ? open_for_writing(ledger, &own) : open_for_reading(ledger, &own);
	if (e) {
		if (error)
			*error = own;
		ledger_free(ledger);
		return e;
	}
	*ret_ledger = ledger;
	return 0;
}

void nr_ledger_close(struct nr_ledger *ledger)
{
	if (!ledger)
		return;
	if (ledger->writing) {
		pthread_mutex_lock(&ledger->lock);
		ledger->stopping = true;
		pthread_cond_signal(&ledger->wake);
		pthread_mutex_unlock(&ledger->lock);
		if (ledger->started)
			pthread_join(ledger->thread, NULL);
		bool done = nr_ledger_publish_now(ledger, NULL) == 0;
		if (done && ledger->tree.size - ledger->marked >= MARK_ENTRIES)
			(void)nr_ledger_mark(ledger, NULL);
	}
	ledger_free(ledger);
}

void nr_ledger_closep(struct nr_ledger **ledger)
{
	nr_ledger_close(*ledger);
}
