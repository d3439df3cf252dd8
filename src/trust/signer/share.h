/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger has one writer. While an authority runs all day, others on the machine that sign with keys of the
 * same folder hand their entries to it, over a socket in the ledger's own corner (DIR/.state/append): it
 * appends them, and answers when they are durable. Only the same user, and root, are heard.
 */
#ifndef NR_TRUST_SIGNER_SHARE_H
#define NR_TRUST_SIGNER_SHARE_H

#include "trust/ledger/ledger.h"

#define NR_SHARE_CLIENTS_MAX 16
#define NR_SHARE_ENTRIES_MAX 256
#define NR_SHARE_BYTES_MAX   (192 * 1024) /* of the entries in one message */

/* The writer's end. It listens from open on, and answers by a thread of its own from start on. */
struct nr_share;
int nr_share_open(
	const char *folder, struct nr_ledger *ledger, struct nr_share **ret_share, struct nr_error *error);
int nr_share_start(struct nr_share *share, struct nr_error *error);
void nr_share_close(struct nr_share *share); /* before the ledger; NULL allowed */

/* The others' end. -ECONNREFUSED, -ENOENT: no writer listens. One thread at a time. */
int nr_share_connect(const char *folder, int *ret_socket, struct nr_error *error);
int nr_share_append(int socket, const struct nr_ledger_entry *entries, size_t count, uint64_t *ret_first,
	struct nr_error *error);

#endif
