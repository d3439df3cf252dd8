/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: an append-only Merkle log (RFC 6962 section 2) of everything that left the house and who
 * decided it. On disk it is what any static web server can hand out (C2SP tlog-tiles):
 *
 *	DIR/checkpoint                signed note: origin, size, root
 *	DIR/tile/L/N[.p/W]            hashes
 *	DIR/tile/entries/N[.p/W]      entries
 *
 * and beside it, not for the public: DIR/.state/ (segments, the head that was signed last, the tree, the
 *lock). docs/adr/0020-the-ledgers-write-path.md says what is made durable when.
 *
 * An entry is one line of JSON, at most NR_LEDGER_ENTRY_MAX bytes, no personal data: {"kind":...,"time":...}.
 * What append() has answered survives kill -9 and a power cut. A head that was once signed is never
 * contradicted: a store that was rolled back, or whose entries do not lead to the last signed head, does not
 * open for writing.
 */
#ifndef NR_TRUST_LEDGER_LEDGER_H
#define NR_TRUST_LEDGER_LEDGER_H

#include "trust/ledger/merkle.h"

#define NR_LEDGER_ENTRY_MAX 65535

struct nr_ledger;

struct nr_ledger_conf {
	const char *folder;
	const char *origin; /* the checkpoint's first line, and name of the key */
	/* Signs a checkpoint's text and writes the whole note (text, blank line, signature lines), at most
	 * *length bytes; sets *length. Usually by the signer. NULL: opened for reading. */
	int (*sign)(void *context, const char *text, size_t text_length, char *note, size_t *length,
		struct nr_error *error);
	void *sign_context;
	/* Asks witnesses: adds signature lines to the signed note (*length of `room` bytes).
	 * nr_ledger_prove_*() know its tree already. Not 0: it is not published now, but tried again with the
	 * next. -EUCLEAN: a witness knows a larger tree than ours; nothing is written any more. NULL: there
	 * are none. */
	int (*cosign)(void *context, struct nr_ledger *ledger, char *note, size_t *length, size_t room,
		struct nr_error *error);
	void *cosign_context;
	/* A file outside the folder where the last signed head is kept, too: a folder that is restored from a
	 * copy is found by it. NULL: none. */
	const char *anchor;
	/* No thread of its own before nr_ledger_start(): for those who enter a sandbox in between, which only
	 * the calling thread's later threads share. Until then nothing is published by itself. */
	bool quiet;
};

/* For writing: makes the folder. The origin is that of the signed heads there. For reading: origin NULL takes
 * what is there; the checkpoint's signatures are the caller's to check (verify.h). One writer: a second one
 * is -EBUSY and is told who holds it. Recovers what a crash left. -EUCLEAN: what is there contradicts what
 * was signed; the message says where. */
int nr_ledger_open(const struct nr_ledger_conf *conf, struct nr_ledger **ret_ledger, struct nr_error *error);
int nr_ledger_start(struct nr_ledger *ledger, struct nr_error *error);
void nr_ledger_close(struct nr_ledger *ledger); /* publishes what is appended; NULL allowed */
void nr_ledger_closep(struct nr_ledger **ledger);

struct nr_ledger_entry {
	const void *bytes;
	size_t length;
};

/* Appends in order and without gap; *ret_first is the index of the first. Durable when it answers 0. Any
 * thread: calls that come together are made durable together. -E2BIG: an entry above NR_LEDGER_ENTRY_MAX, or
 * all of them above NR_LEDGER_APPEND_MAX bytes, each with 2 for its length. -ENOSPC, -EDQUOT, -EFBIG: nothing
 * was appended, later calls may succeed. After any other error of the disk every further call fails. */
#define NR_LEDGER_APPEND_MAX ((size_t)16 * 1024 * 1024)
int nr_ledger_append(struct nr_ledger *ledger, const struct nr_ledger_entry *entries, size_t count,
	uint64_t *ret_first, struct nr_error *error);

/* Writes tiles and a checkpoint for everything appended so far. Otherwise that happens once a second while
 * there is something new. */
int nr_ledger_publish(struct nr_ledger *ledger, struct nr_error *error);

/* How the last publication went that happened by itself: 0 or -errno and why. */
int nr_ledger_trouble(struct nr_ledger *ledger, struct nr_error *error);

uint64_t nr_ledger_size(struct nr_ledger *ledger); /* appended, durable */
uint64_t nr_ledger_published(struct nr_ledger *ledger, struct nr_hash *ret_root);

/* Entry `index`; *ret_bytes is the caller's. -ENOENT: there is none. What a reader gets is as good as the
 * folder: prove it. */
int nr_ledger_read(struct nr_ledger *ledger, uint64_t index, uint8_t **ret_bytes, size_t *ret_length,
	struct nr_error *error);

/* RFC 9162 sections 2.1.3.1 and 2.1.4.1, in the published tree of `size`. */
int nr_ledger_prove_inclusion(struct nr_ledger *ledger, uint64_t index, uint64_t size,
	struct nr_proof *ret_proof, struct nr_error *error);
int nr_ledger_prove_consistency(struct nr_ledger *ledger, uint64_t old_size, uint64_t size,
	struct nr_proof *ret_proof, struct nr_error *error);

#endif
