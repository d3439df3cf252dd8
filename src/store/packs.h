/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing side of packs: rows of the packed tables are gathered in memory, one packer per series and
 * step, and become packs at commit, or earlier where memory would grow. Belongs to the writer's thread.
 */
#ifndef NR_STORE_PACKS_H
#define NR_STORE_PACKS_H

#include "store/pack.h"
#include "store/sqlite.h"

#define NR_WORD_BYTES 512

#define NR_STEP_WINDOW 300
#define NR_STEP_HOUR   3600
#define NR_STEP_DAY    86400

/* What days are rolled up to, UTC, each out of the one before. The number is a name: the longest of its kind.
 */
#define NR_STEP_THIRD   950400  /* days 1 to 10, 11 to 20, 21 to the end of a month */
#define NR_STEP_MONTH   2678400 /* a calendar month */
#define NR_STEP_QUARTER 7948800 /* a calendar quarter */
#define NR_ROLLED       3
extern const uint32_t nr_rolled_steps[NR_ROLLED];

/* How a table is kept. */
enum nr_keeping {
	NR_KEEP_ROWS,      /* as rows */
	NR_KEEP_PACKS,     /* as packs */
	NR_KEEP_BOTH,      /* as rows, and as packs for rankings */
	NR_KEEP_NOT_AT_ALL /* for live listeners */
};
/* *ret_kind: of the packs, where there are any. */
enum nr_keeping nr_keeping_of(const struct nr_table *table, enum nr_pack_kind *ret_kind);

struct nr_packs;
struct nr_packs *nr_packs_new(struct nr_store *store); /* NULL: out of memory */
void nr_packs_free(struct nr_packs *packs);

/* The store is in a transaction. All rows are taken, or none. */
int nr_packs_add(struct nr_packs *packs, enum nr_pack_kind kind, const struct nr_table *table,
	const void *rows, size_t count, struct nr_error *error);
/* How many bytes are gathered before a new step begins. */
void nr_packs_limit(struct nr_packs *packs, size_t bytes);
/* What was gathered goes into the transaction. */
int nr_packs_flush(struct nr_packs *packs, struct nr_error *error);
/* After a rollback: nothing was gathered, nothing is known of the file. */
void nr_packs_forget(struct nr_packs *packs);

/* For months.c. */
int nr_packs_series(struct nr_packs *packs, enum nr_pack_kind kind, const char *sensor, uint32_t step,
	uint8_t traffic, int64_t *ret_series, struct nr_error *error);
int nr_packs_word(struct nr_packs *packs, const char *text, uint64_t *ret_word, struct nr_error *error);
/* Adds the stored rows of a step to the packer. *ret_any: whether there are any. */
int nr_packs_take(struct nr_packs *packs, int64_t series, nr_time time, struct nr_packer *packer,
	bool *ret_any, struct nr_error *error);
/* Replaces what is stored of a step. *ret_changed: whether that was something else. */
int nr_packs_put(struct nr_packs *packs, int64_t series, nr_time time, const struct nr_packer *packer,
	bool *ret_changed, struct nr_error *error);

/* The text of a number that nr_packs_word() gave, "" where it is not known; valid until the next call. */
int nr_packs_text(
	struct nr_packs *packs, uint64_t word, char text[static NR_WORD_BYTES], struct nr_error *error);

/* Rows of one key become one: counts add up, unique sources are merged by their sketches (fold.c). */
int nr_packs_fold(
	struct nr_packs *packs, enum nr_pack_kind kind, struct nr_packer *packer, struct nr_error *error);
/* The same of rows that sessions have of one step. */
int nr_packs_fold_sessions(
	struct nr_packs *packs, enum nr_pack_kind kind, struct nr_packer *packer, struct nr_error *error);
/* Countries out of sorted origins. */
int nr_packs_countries(struct nr_packs *packs, const struct nr_packer *origins, struct nr_packer *countries,
	struct nr_error *error);

/* Calendar months (months.c). A day's rows have changed: its month must be added up again, and is not there
 * until it is. */
int nr_months_touch(struct nr_store *store, const char *sensor, nr_time day, struct nr_error *error);
/* Adds up the months that are due and complete: all of them, or those that the commit before did not touch.
 * Each in a transaction of its own. */
int nr_months_add_up(struct nr_store *store, bool all, struct nr_error *error);

NR_INLINE uint64_t nr_lane_of_real(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}
NR_INLINE double nr_lane_real(uint64_t bits)
{
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* First of the month, and of the month after (month.c). */
nr_time nr_month_floor(nr_time time);
nr_time nr_month_next(nr_time time);

/* The same for any of nr_rolled_steps. */
nr_time nr_rolled_floor(uint32_t step, nr_time time);
nr_time nr_rolled_next(uint32_t step, nr_time time);

/* "a,b" and "b,c" are "a,b,c": union of words in order of appearance, cut at NR_WORDS_BYTES. */
#define NR_WORDS_BYTES 240
void nr_words_add(char words[static NR_WORDS_BYTES + 1], const char *text);

#endif
