/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the ledger share: ledger.c (opening, recovery), append.c, publish.c, prove.c. */
#ifndef NR_TRUST_LEDGER_LEDGER_INSIDE_H
#define NR_TRUST_LEDGER_LEDGER_INSIDE_H

#include "trust/ledger/folder.h"
#include "trust/ledger/ledger.h"
#include "trust/ledger/segment.h"
#include "trust/ledger/slot.h"
#include "wire/note.h"

#include <pthread.h>

#define NR_LEDGER_HEAD_MAX 4064 /* bytes of a note with the log's own signature: a slot of a page */

/* Calls that are made durable together. */
struct nr_ledger_group {
	uint8_t *bytes; /* room for a frame's head, then the payload, then padding */
	size_t room, length;
	uint32_t count;
	uint64_t first;
	unsigned members;
	bool done;
	struct nr_error error;
	struct nr_ledger_group *next;
};

struct nr_ledger {
	struct nr_ledger_conf conf; /* texts are owned */
	bool writing;
	int lock_file;

	/* Under `lock`. */
	pthread_mutex_t lock;
	pthread_cond_t flushed, wake; /* a group is done; the publisher has something to do */
	uint64_t size;
	uint64_t segment;  /* that the last entry is in */
	uint64_t provable; /* tiles on the disk make a tree of this size */
	uint64_t published;
	struct nr_hash published_root;
	struct nr_ledger_group *filling, *free;
	bool flushing, idle, stopping;
	struct nr_error failure; /* code: nothing can be written any more */
	struct nr_error trouble;

	/* Of who is flushing. */
	struct nr_segments segments;

	/* Under `publishing`. */
	pthread_mutex_t publishing;
	struct nr_folder folder;
	struct nr_tree tree;
	bool sound; /* tree, reader, next and bundle belong together */
	struct nr_segment_reader reader;
	uint64_t next; /* the entry that the reader comes to; below tree.size only after restoring */
	uint8_t *bundle;
	size_t bundle_length, bundle_room;
	struct nr_slots heads, anchor;
	char head[NR_LEDGER_HEAD_MAX]; /* the note that was signed last */
	size_t head_length;
	uint64_t head_size;
	bool current;                    /* it stands in the folder */
	bool others;                     /* what failed is not ours: the signer, the witnesses */
	uint64_t marked, marked_segment; /* where the tree was kept last */

	pthread_t thread;
	bool started; /* the thread */
};

/* ---- ledger.c ---- */
char *nr_ledger_path(const struct nr_ledger *ledger, const char *name);
/* Whether this failure may pass by itself. */
bool nr_ledger_may_pass(int code);
/* Notes a failure; if it may not pass, nothing is written any more. */
void nr_ledger_fail(struct nr_ledger *ledger, const struct nr_error *error);
/* Reads a head as it was signed: size and root. */
int nr_ledger_head_parse(const struct nr_ledger *ledger, const char *note, size_t length, uint64_t *ret_size,
	struct nr_hash *ret_root, struct nr_error *error);

/* ---- tree_file.c ---- */
/* The tree as it was at some time: -ENOENT: never kept. */
int nr_tree_read(const char *path, struct nr_tree *ret_tree, struct nr_error *error);
int nr_tree_write(const char *path, const struct nr_tree *tree, struct nr_error *error);

/* ---- append.c ---- */
void nr_ledger_groups_free(struct nr_ledger *ledger);

/* ---- publish.c, all under `publishing` ---- */
/* The tree of the first `until` entries, and all its full tiles in the folder. */
int nr_ledger_integrate(struct nr_ledger *ledger, uint64_t until, struct nr_error *error);
/* Tree, signed head, witnesses, checkpoint, for everything that is durable. */
int nr_ledger_publish_now(struct nr_ledger *ledger, struct nr_error *error);
/* Keeps the tree, so that the next opening need not read what is before it; then old segments go. */
int nr_ledger_mark(struct nr_ledger *ledger, struct nr_error *error);
void *nr_ledger_publisher(void *ledger); /* the thread */

#endif
