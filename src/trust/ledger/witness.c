/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/witness.h"

#include "trust/ledger/folder.h"
#include "trust/ledger/slot.h"
#include "wire/base64.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define EVIDENCE_MAX ((off_t)16 * 1024 * 1024) /* bytes of checkpoints that contradict */
#define RECORD_MAX   (NR_NOTE_MAX + 1024)      /* a note and our line */
#define TEXT         "text/plain; charset=utf-8"

/* What was cosigned last, of one log. */
struct record {
	pthread_mutex_t lock;
	const char *origin;
	char hex[2 * NR_HASH_BYTES + 1];
	struct nr_slots slots;
	bool broken; /* what stands in the file is not known: nothing is cosigned any more */
	uint64_t size, time;
	struct nr_hash root;
	char *note; /* NULL: none yet */
	size_t length;
};

struct nr_witness {
	struct nr_witness_conf conf;
	uint32_t id;
	int lock_file, evidence;
	pthread_mutex_t evidence_lock;
	struct record records[NR_TLOG_POLICY_MAX];
	size_t count;
};

/* ---- requests ---- */

static bool take_line(const char **at, const char *end, const char **ret_line, size_t *ret_length)
{
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	if (!newline)
		return false;
	*ret_line = *at;
	*ret_length = (size_t)(newline - *at);
	*at = newline + 1;
	return true;
}

int nr_witness_request_parse(
	const void *body, size_t length, struct nr_witness_request *ret_request, struct nr_error *error)
{
	const char *at = body, *end = at + length, *line;
	size_t n;
	struct nr_witness_request got = {0};
	if (!take_line(&at, end, &line, &n) || n < 4 || memcmp(line, "old ", 4) != 0 ||
		nr_note_number(line + 4, n - 4, &got.old_size))
		return nr_fail(error, -EBADMSG, "the first line is not \"old\" and a size");
	for (;;) {
		if (!take_line(&at, end, &line, &n))
			return nr_fail(error, -EBADMSG, "no empty line before the checkpoint");
		if (n == 0)
			break;
		if (got.proof.count == NR_WITNESS_PROOF_MAX)
			return nr_fail(error, -EBADMSG, "more than %d lines of proof", NR_WITNESS_PROOF_MAX);
		if (nr_base64_read(line, n, got.proof.hashes[got.proof.count].bytes, NR_HASH_BYTES) !=
			NR_HASH_BYTES)
			return nr_fail(error, -EBADMSG, "a line of proof is no base64 of a hash");
		got.proof.count++;
	}
	got.checkpoint = at;
	got.checkpoint_length = (size_t)(end - at);
	*ret_request = got;
	return 0;
}

/* ---- answers ---- */

static void answer(
	struct nr_witness_answer *a, unsigned status, const char *type, const char *text, size_t length)
{
	*a = (struct nr_witness_answer){.status = status, .type = type, .text = malloc(length + 1)};
	if (!a->text)
		return; /* an empty answer of that status */
	memcpy(a->text, text, length);
	a->text[length] = '\0';
	a->length = length;
}

static void refuse(struct nr_witness_answer *a, unsigned status, const char *reason)
{
	char line[300];
	answer(a, status, TEXT, line, (size_t)snprintf(line, sizeof line, "%s\n", reason));
}

/* ---- records ---- */

static void adopt(struct record *r, const struct nr_checkpoint *c, uint64_t time, char *note, size_t length)
{
	free(r->note);
	r->note = note;
	r->length = length;
	r->size = c->size;
	r->root = c->root;
	r->time = time;
}

static int record_load(struct record *r, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *note = malloc(RECORD_MAX + 1);
	struct nr_note parsed;
	struct nr_checkpoint checkpoint;
	size_t length;
	nr_merkle_empty(&r->root);
	if (!note)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_slots_read(&r->slots, note, RECORD_MAX, &length, error);
	if (e == -ENOENT)
		return 0;
	e = e ? e : nr_note_parse(note, length, &parsed, error);
	e = e ? e : nr_checkpoint_parse(parsed.text, parsed.text_length, &checkpoint, error);
	if (!e && !nr_checkpoint_is_of(&checkpoint, r->origin))
		e = nr_fail(error, -EUCLEAN, "%s: the record of another log", r->slots.path);
	if (e)
		return e;
	adopt(r, &checkpoint, 0, nr_steal(&note), length);
	return 0;
}

static int record_open(struct nr_witness *w, const char *origin, struct nr_error *error)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->records[i].origin, origin))
			return 0; /* another key of the same log */
	struct record *r = &w->records[w->count];
	struct nr_hash hash;
	NR_AUTO(nr_freep) char *path = NULL;
	nr_hash_of(origin, strlen(origin), &hash);
	for (unsigned i = 0; i < NR_HASH_BYTES; i++)
		snprintf(r->hex + 2 * i, 3, "%02x", hash.bytes[i]);
	if (asprintf(&path, "%s/%s", w->conf.folder, r->hex) < 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_slots_open(path, RECORD_MAX, &r->slots, error);
	if (e)
		return e;
	r->origin = origin;
	pthread_mutex_init(&r->lock, NULL);
	w->count++;
	return record_load(r, error);
}

static int open_folder(struct nr_witness *w, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *lock = NULL;
	NR_AUTO(nr_freep) char *evidence = NULL;
	if (asprintf(&lock, "%s/lock", w->conf.folder) < 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_folder_make(lock, error);
	if (e)
		return e;
	w->lock_file = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (w->lock_file < 0 || flock(w->lock_file, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? nr_fail(error, -EBUSY, "%s: another witness uses it", w->conf.folder)
			       : nr_fail(error, -errno, "%s: %s", lock, strerror(errno));
	if (asprintf(&evidence, "%s/evidence", w->conf.folder) < 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	w->evidence = open(evidence, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return w->evidence < 0 ? nr_fail(error, -errno, "%s: %s", evidence, strerror(errno)) : 0;
}

int nr_witness_open(
	const struct nr_witness_conf *conf, struct nr_witness **ret_witness, struct nr_error *error)
{
	NR_AUTO(nr_witness_freep) struct nr_witness *w = calloc(1, sizeof *w);
	if (!w)
		return nr_fail(error, -ENOMEM, "out of memory");
	w->conf = *conf;
	w->lock_file = w->evidence = -1;
	pthread_mutex_init(&w->evidence_lock, NULL);
	w->id = nr_note_id(conf->name, NR_NOTE_COSIGNATURE, conf->key, 32);
	int e = open_folder(w, error);
	for (size_t i = 0; !e && i < conf->policy->log_count; i++)
		e = record_open(w, conf->policy->logs[i].name, error);
	if (!e)
		*ret_witness = nr_steal(&w);
	return e;
}

void nr_witness_free(struct nr_witness *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->count; i++) {
		nr_slots_close(&w->records[i].slots);
		free(w->records[i].note);
		pthread_mutex_destroy(&w->records[i].lock);
	}
	pthread_mutex_destroy(&w->evidence_lock);
	if (w->lock_file >= 0)
		close(w->lock_file);
	if (w->evidence >= 0)
		close(w->evidence);
	free(w);
}

void nr_witness_freep(struct nr_witness **witness)
{
	nr_witness_free(*witness);
}

/* ---- cosigning ---- */

/* A log that signed what contradicts what it signed before: that is kept. */
static void keep_evidence(
	struct nr_witness *w, const struct record *r, const struct nr_witness_request *request)
{
	struct stat status;
	pthread_mutex_lock(&w->evidence_lock);
	if (fstat(w->evidence, &status) == 0 && status.st_size < EVIDENCE_MAX) {
		bool written =
			dprintf(w->evidence,
				"cosigned before:\n%.*s\nthen asked, from size %llu, for:\n%.*s\n",
				(int)r->length, r->note ? r->note : "", (unsigned long long)request->old_size,
				(int)request->checkpoint_length, request->checkpoint) > 0;
		(void)(written && fdatasync(w->evidence) == 0);
	}
	pthread_mutex_unlock(&w->evidence_lock);
}

/* Whether the tree goes on from the record; else why not. */
static const char *contradiction(
	const struct record *r, const struct nr_witness_request *request, const struct nr_checkpoint *c)
{
	const struct nr_proof *proof = &request->proof;
	struct nr_hash empty;
	nr_merkle_empty(&empty);
	if (c->size == 0 && !nr_hash_equal(&c->root, &empty))
		return "a tree of size 0 has another root";
	if (request->old_size == 0)
		return proof->count ? "nothing is to be proved from size 0" : NULL;
	if (!nr_merkle_check_consistency(
		    request->old_size, c->size, proof->hashes, proof->count, &r->root, &c->root))
		return "the proof does not lead from the tree that was cosigned to this one";
	return NULL;
}

/* The note with our line, and the line alone at its end. `lock` of the record is held. */
static int cosign(struct nr_witness *w, struct record *r, const struct nr_witness_request *request,
	const struct nr_note *note, uint64_t time, char **ret_note, size_t *ret_length,
	struct nr_error *error)
{
	NR_AUTO(nr_freep) char *message = malloc(RECORD_MAX);
	NR_AUTO(nr_freep) char *whole = malloc(RECORD_MAX);
	uint8_t signature[NR_COSIGNATURE_BYTES];
	if (!message || !whole)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < 8; i++)
		signature[i] = (uint8_t)(time >> (56 - 8 * i));
	size_t length = nr_cosignature_message(time, note->text, note->text_length, message, RECORD_MAX);
	int e = w->conf.sign(w->conf.context, message, length, signature + 8, error);
	if (e)
		return e;
	length = request->checkpoint_length;
	memcpy(whole, request->checkpoint, length);
	e = nr_note_add_line(
		whole, &length, RECORD_MAX, w->conf.name, w->id, signature, sizeof signature, error);
	e = e ? e : nr_slots_write(&r->slots, whole, length, error);
	r->broken = e == -EIO;
	if (e)
		return e;
	*ret_note = nr_steal(&whole);
	*ret_length = length;
	return 0;
}

/* Check and store are one step under the record's lock: of two requests one is the later. */
static void add_to(struct nr_witness *w, struct record *r, const struct nr_witness_request *request,
	const struct nr_note *note, const struct nr_checkpoint *c, nr_time now, struct nr_witness_answer *a)
{
	struct nr_error error;
	char size[32], *whole = NULL;
	size_t length = 0;
	uint64_t time = NR_MAX(r->time, (uint64_t)NR_MAX(now / NR_SECOND, INT64_C(1)));
	if (r->broken) {
		refuse(a, 500, "the record of this log cannot be trusted after an error of the disk");
	} else if (request->old_size != r->size) {
		length = (size_t)snprintf(size, sizeof size, "%llu\n", (unsigned long long)r->size);
		answer(a, 409, "text/x.tlog.size", size, length);
	} else if (contradiction(r, request, c)) {
		keep_evidence(w, r, request);
		refuse(a, 422, contradiction(r, request, c));
	} else if (cosign(w, r, request, note, time, &whole, &length, &error)) {
		refuse(a, 500, error.text);
	} else {
		answer(a, 200, TEXT, whole + request->checkpoint_length, length - request->checkpoint_length);
		adopt(r, c, time, whole, length);
	}
}

static struct record *record_of(struct nr_witness *w, const struct nr_checkpoint *c)
{
	for (size_t i = 0; i < w->count; i++)
		if (nr_checkpoint_is_of(c, w->records[i].origin))
			return &w->records[i];
	return NULL;
}

/* The keys of this log alone: a key of another log is not known here. */
static int check_signatures(const struct nr_witness *w, const struct record *r, const struct nr_note *note,
	struct nr_error *error)
{
	const struct nr_tlog_policy *policy = w->conf.policy;
	int found = -ENOKEY;
	for (size_t i = 0; i < policy->log_count; i++) {
		struct nr_note_verdict verdict;
		if (strcmp(policy->logs[i].name, r->origin) != 0)
			continue;
		int e = nr_note_verify(note, &policy->logs[i], 1, &verdict, error);
		if (e && e != -ENOKEY)
			return e;
		found = e ? found : 0;
	}
	return found;
}

void nr_witness_add(
	struct nr_witness *w, const void *body, size_t length, nr_time now, struct nr_witness_answer *a)
{
	struct nr_witness_request request;
	struct nr_note note;
	struct nr_checkpoint checkpoint;
	struct nr_error error = {0};
	if (length > NR_WITNESS_BODY_MAX || nr_witness_request_parse(body, length, &request, &error) ||
		nr_note_parse(request.checkpoint, request.checkpoint_length, &note, &error) ||
		nr_checkpoint_parse(note.text, note.text_length, &checkpoint, &error)) {
		refuse(a, 400, error.code ? error.text : "too large");
		return;
	}
	struct record *r = record_of(w, &checkpoint);
	if (!r) {
		refuse(a, 404, "this log is not known here");
	} else if (check_signatures(w, r, &note, &error)) {
		refuse(a, 403, error.code ? error.text : "no signature of the log's key");
	} else if (request.old_size > checkpoint.size) {
		refuse(a, 400, "the old size is above the checkpoint's");
	} else {
		pthread_mutex_lock(&r->lock);
		add_to(w, r, &request, &note, &checkpoint, now, a);
		pthread_mutex_unlock(&r->lock);
	}
}

void nr_witness_get(struct nr_witness *w, const char *path, struct nr_witness_answer *a)
{
	const size_t hex = 2 * NR_HASH_BYTES;
	bool asked = path[0] == '/' && strlen(path) == 1 + hex + strlen("/checkpoint") &&
		     !strcmp(path + 1 + hex, "/checkpoint");
	for (size_t i = 0; asked && i < w->count; i++) {
		struct record *r = &w->records[i];
		if (memcmp(path + 1, r->hex, hex) != 0)
			continue;
		pthread_mutex_lock(&r->lock);
		bool there = r->note != NULL;
		if (there)
			answer(a, 200, TEXT, r->note, r->length);
		pthread_mutex_unlock(&r->lock);
		if (there)
			return;
	}
	refuse(a, 404, "nothing was cosigned here of such a log");
}
