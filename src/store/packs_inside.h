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
/* Nothing is known of the file. */
void nr_packs_file_forget(struct nr_packs *packs);

#endif
