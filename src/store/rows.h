/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of an answer as JSON and as CSV (RFC 4180): for the API and for reports on the command line. */
#ifndef NR_STORE_ROWS_H
#define NR_STORE_ROWS_H

#include "base/json.h"
#include "store/store.h"

/* One object per row, into an open array. */
void nr_rows_json(struct nr_json *json, const struct nr_query *query, const struct nr_value *values);

/* A growing text; its error is sticky. */
struct nr_csv {
	char *bytes; /* owned */
	size_t length, room;
	bool failed;
};

void nr_csv_head(struct nr_csv *csv, const struct nr_query *query);
void nr_csv_row(struct nr_csv *csv, const struct nr_query *query, const struct nr_value *values);

#endif
