/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger's folder as a stranger's: whether its entries, all of them, make its tiles and the tree that its
 * checkpoint says. Reads every entry once; 17 MB of memory at most.
 */
#ifndef NR_TRUST_LEDGER_VERIFY_H
#define NR_TRUST_LEDGER_VERIFY_H

#include "trust/ledger/tile.h"

/* The folder against a tree of `size` with `root`. progress (NULL allowed) is called now and then. -EUCLEAN,
 * or -ENOENT: the first thing that is not as it must be. */
int nr_folder_check(const char *folder, uint64_t size, const struct nr_hash *root,
	void (*progress)(void *context, uint64_t entries), void *context, struct nr_error *error);

/* Calls take() for entries from `from` to before `to`, whose bundles lie in a tree of `size`. */
int nr_folder_each(const char *folder, uint64_t size, uint64_t from, uint64_t to,
	int (*take)(
		void *context, uint64_t index, const uint8_t *entry, size_t length, struct nr_error *error),
	void *context, struct nr_error *error);

#endif
