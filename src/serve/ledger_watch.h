/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger that another process writes, followed: once a second its checkpoint is looked at, and what is new
 * is read, put onto the tree that was read before, and held against the checkpoint's root. So each entry is
 * read once, and whoever shows a figure knows that it is of the tree that was signed. The folder is a
 * stranger's: a tree that is not the one before it with more entries is never believed again.
 */
#ifndef NR_SERVE_LEDGER_WATCH_H
#define NR_SERVE_LEDGER_WATCH_H

#include "serve/ledger_index.h"
#include "trust/ledger/source.h"

struct nr_ledger_watch;

/* Reads the keys; call before the sandbox. The folder is not looked at yet. */
int nr_ledger_watch_new(
	const struct nr_ledger_source_conf *conf, struct nr_ledger_watch **ret_watch, struct nr_error *error);
void nr_ledger_watch_free(struct nr_ledger_watch *watch); /* NULL allowed */

/* The thread that follows. */
int nr_ledger_watch_start(struct nr_ledger_watch *watch, struct nr_error *error);
/* What the thread does each second; for tests. */
void nr_ledger_watch_look(struct nr_ledger_watch *watch);

const struct nr_ledger_source *nr_ledger_watch_source(const struct nr_ledger_watch *watch);

/* The functions below: any thread. */

/* "state", "trouble", "checkpoint", and what nr_ledger_index_write() writes. */
void nr_ledger_watch_write(struct nr_ledger_watch *watch, struct nr_json *json);
void nr_ledger_watch_write_clock(
	struct nr_ledger_watch *watch, nr_time from, nr_time to, struct nr_json *json);

/* Entries below `before` (UINT64_MAX: from the newest on), the newest first, at most limit; kind NULL: all.
 * Writes "rows" and "next" into the object that is open. */
int nr_ledger_watch_write_entries(struct nr_ledger_watch *watch, const char *kind, uint64_t before,
	size_t limit, struct nr_json *json, struct nr_error *error);

#endif
