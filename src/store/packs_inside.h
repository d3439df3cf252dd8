/* SPDX-License-Identifier: Apache-2.0 */
/* What packs.c, which gathers rows, and packs_file.c, which knows the file, share. */
#ifndef NR_STORE_PACKS_INSIDE_H
#define NR_STORE_PACKS_INSIDE_H

#include "store/packs.h"

#define NR_OPEN_PACKS_MAX 256
#define NR_WORDS_MAX      65536 /* texts whose numbers are remembered; then they are looked up again */

/* Which columns of a table's rows the lanes are. */
struct nr_mapping {
	const struct nr_table *table;
	const struct nr_column *sensor, *step, *time, *traffic, *sketch;
	const struct nr_column *lane[NR_PACK_LANES_MAX];
};

struct nr_series {
	enum nr_pack_kind kind;
	uint32_t step;
	uint8_t traffic;
	int64_t id;
	char *sensor; /* owned */
};

struct nr_open_pack {
	const struct nr_series *series;
	nr_time time;
	int64_t session;
	struct nr_packer packer;
};

struct nr_word {
	char *text; /* owned; NULL: free */
	uint64_t id;
};

enum {
	NR_PACKS_TAKE,
	NR_PACKS_PUT,
	NR_PACKS_DROP,
	NR_PACKS_PARTS,
	NR_PACKS_SERIES_FIND,
	NR_PACKS_SERIES_ADD,
	NR_PACKS_WORD_FIND,
	NR_PACKS_WORD_ADD,
	NR_PACKS_WORD_TEXT,
	NR_PACKS_CLASS,
	NR_PACKS_INEXACT,
	NR_PACKS_EXACT,
	NR_PACKS_WHOSE,
	NR_PACKS_LAST,
	NR_PACKS_NEXT,
	NR_PACKS_SESSIONS,
	NR_PACKS_PART,
	NR_PACKS_PART_PUT,
	NR_PACKS_PART_ALL,
	NR_PACKS_STATEMENTS
};

struct nr_packs {
	struct nr_store *store;
	struct nr_mapping mappings[NR_PACK_KINDS];
	struct nr_series **series; /* owned, each owned */
	size_t series_count;
	struct nr_open_pack open[NR_OPEN_PACKS_MAX];
	size_t open_count, latest;
	size_t gathered, gathered_max; /* bytes */
	struct nr_word *words;         /* owned; open addressing, 2 * NR_WORDS_MAX */
	size_t word_count;
	sqlite3_stmt *statements[NR_PACKS_STATEMENTS];
};

int nr_packs_fail(const struct nr_packs *packs, struct nr_error *error);
/* Prepared at first use. */
int nr_packs_statement(struct nr_packs *packs, size_t which, sqlite3_stmt **ret, struct nr_error *error);
/* Runs it to its end; *ret_value, where wanted, is the first row's number. *ret_found: whether there was one.
 */
int nr_packs_run(struct nr_packs *packs, sqlite3_stmt *statement, int64_t *ret_value, bool *ret_found,
	struct nr_error *error);
/* As nr_packs_series(), with all that is known of it; lives until nr_packs_forget(). */
int nr_packs_series_of(struct nr_packs *packs, enum nr_pack_kind kind, const char *sensor, uint32_t step,
	uint8_t traffic, const struct nr_series **ret_series, struct nr_error *error);
/* As nr_packs_take(); *ret_session: whose it is, or NR_STORE_SEVERAL. */
int nr_packs_take_whose(struct nr_packs *packs, int64_t series, nr_time time, struct nr_packer *packer,
	bool *ret_any, int64_t *ret_session, struct nr_error *error);
int nr_packs_put_for(struct nr_packs *packs, int64_t series, nr_time time, int64_t session,
	const struct nr_packer *packer, bool *ret_changed, struct nr_error *error);
/* Steps a statement whose columns are numbers and sketches through, and adds their rows to the packer. */
int nr_packs_take_rows(struct nr_packs *packs, sqlite3_stmt *statement, struct nr_packer *packer,
	bool *ret_any, int64_t *ret_third, struct nr_error *error);

/* ---- sessions.c ---- */
#define NR_NO_SESSION (-2)
/* Rows of a day are made up of hours for the sessions that have not written them: of these packs that can be.
 */
bool nr_sessions_have_hours(enum nr_pack_kind kind);
/* Whether another session than the pack's has a share in its step. */
int nr_sessions_others(
	struct nr_packs *packs, const struct nr_open_pack *open, bool *ret_others, struct nr_error *error);
/* Keeps what `open` brings for its session, beside what other sessions have, and answers the sum of all.
 * stored: what `pack` has, and whose it is. whole: empty, of the same layout. */
int nr_sessions_add(struct nr_packs *packs, const struct nr_open_pack *open, struct nr_packer *stored,
	int64_t whose, struct nr_packer *whole, struct nr_error *error);
/* Whether the day's pack of the same kind lacks what an hour has brought; days_series: of that pack. */
int nr_sessions_day_lacks(struct nr_packs *packs, const struct nr_open_pack *hour, int64_t days_series,
	bool *ret_lacks, struct nr_error *error);
/* The first day from `from` on, before `before`, that has hours of a sensor; NR_TIME_MAX: none. */
int nr_sessions_next_day(struct nr_packs *packs, const char *sensor, nr_time from, nr_time before,
	nr_time *ret_day, struct nr_error *error);
/* The last day before `before` that the sensor's days have; NR_TIME_MIN: none. */
int nr_sessions_last_day(
	struct nr_packs *packs, const char *sensor, nr_time before, nr_time *ret_day, struct nr_error *error);

/* Nothing is known of the file. */
void nr_packs_file_forget(struct nr_packs *packs);

#endif
