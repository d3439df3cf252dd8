/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unique sources of several rows. One row speaks for itself; several are merged by their sketches; where a
 * sketch is missing the largest row is a lower bound and the error is -1, "at least". Rows of a part
 * (research scanners) are taken away from the whole.
 */
#ifndef NR_STORE_UNIQUE_H
#define NR_STORE_UNIQUE_H

#include "base/hll.h"

struct nr_count {
	int64_t value;
	double error;
};

/* Rows of one side: the whole, or the part to be taken away. */
struct nr_side {
	uint64_t rows;          /* with any source */
	struct nr_count single; /* the last of them */
	int64_t largest, largest_exact;
	uint8_t *first; /* owned; the only sketch so far, as it is written */
	size_t first_length;
	struct nr_hll *sketch; /* owned; NULL before the second row with one */
	double error;          /* the largest of theirs: a sample of the sources may stand behind a sketch */
	bool lacking;          /* some row had no readable sketch */
	uint32_t gathered; /* the latest of its sketches that are read and not yet merged (cell_sketches.c) */
};

struct nr_unique {
	struct nr_side whole, part;
};

void nr_unique_fini(struct nr_unique *unique);
/* sketch: NULL where the row has none, or where it is known to be the only one. */
int nr_side_add(struct nr_side *side, int64_t value, double error, const uint8_t *sketch, size_t length,
	struct nr_error *error_text);
/* The same in two steps. What is known of a row besides its sketch; false: the sketch is not wanted. */
bool nr_side_note(struct nr_side *side, int64_t value, double error, size_t length);
/* alone: no other one is known to follow. */
int nr_side_merge(
	struct nr_side *side, const uint8_t *sketch, size_t length, bool alone, struct nr_error *error_text);
/* All sketches of a side as one, written; 0: there is none, or one is lacking. */
size_t nr_side_write(struct nr_side *side, uint8_t out[static NR_HLL_BYTES_MAX]);
struct nr_count nr_side_count(const struct nr_side *side);
struct nr_count nr_unique_count(const struct nr_unique *unique);

#endif
