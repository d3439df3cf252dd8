/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the store's named queries as rows in memory, looked up by column name. */
#ifndef NR_SENSE_TELESCOPE_YEARBOOK_ASK_H
#define NR_SENSE_TELESCOPE_YEARBOOK_ASK_H

#include "store/store.h"

#define NR_ROWS_GIVEN_MAX 6

/* A parameter and its text; NULL value: left out. */
struct nr_given {
	const char *name, *value;
};

struct nr_rows {
	const struct nr_query *query;
	struct nr_value *values; /* owned, count * column_count; texts are owned, too */
	size_t count, room, most;
	bool cut; /* there were more than most */
};

/* Pages through the whole answer, at most `most` rows. given ends with a NULL name. rows: fresh. */
int nr_rows_ask(struct nr_store *store, const char *query, const struct nr_given *given, size_t most,
	struct nr_rows *ret_rows, struct nr_error *error);
void nr_rows_fini(struct nr_rows *rows);

/* 0, "" where the value is NULL. A column that the query does not have is a bug. */
int64_t nr_rows_int(const struct nr_rows *rows, size_t row, const char *column);
double nr_rows_real(const struct nr_rows *rows, size_t row, const char *column);
const char *nr_rows_text(const struct nr_rows *rows, size_t row, const char *column);
const struct nr_address *nr_rows_address(const struct nr_rows *rows, size_t row, const char *column);

#endif
