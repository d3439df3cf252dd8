/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints (C2SP tlog-checkpoint): the text of a signed note that says what a log is: its origin, its size
 * and its root, one a line; then perhaps lines of extension, which nobody here writes.
 */
#ifndef NR_TRUST_LEDGER_CHECKPOINT_H
#define NR_TRUST_LEDGER_CHECKPOINT_H

#include "trust/ledger/merkle.h"

struct nr_checkpoint {
	const char *origin; /* in the text */
	size_t origin_length;
	uint64_t size;
	struct nr_hash root;
	const char *extension; /* lines after the third, each with its newline */
	size_t extension_length;
};

/* text: as in struct nr_note. -EBADMSG. */
int nr_checkpoint_parse(
	const char *text, size_t length, struct nr_checkpoint *ret_checkpoint, struct nr_error *error);

/* Bytes of a text with that origin, with the NUL. */
#define NR_CHECKPOINT_TEXT 384
/* Answers the length without the NUL; origin: at most NR_NOTE_NAME_MAX bytes. */
size_t nr_checkpoint_write(
	const char *origin, uint64_t size, const struct nr_hash *root, char text[static NR_CHECKPOINT_TEXT]);

bool nr_checkpoint_is_of(const struct nr_checkpoint *checkpoint, const char *origin);

#endif
