/* SPDX-License-Identifier: Apache-2.0 */
/* Inside relay*.c: rows <-> frames, and the answers. Pure: no I/O. */
#ifndef NR_MODEL_RELAY_FRAME_H
#define NR_MODEL_RELAY_FRAME_H

#include "model/relay.h"

enum nr_relay_answer_kind { NR_RELAY_DURABLE = 1, NR_RELAY_AGAIN };

struct nr_relay_answer {
	uint32_t kind, zero;
	uint64_t position;
};

/* Appends one row at `at`, of a buffer of `room` bytes; answers the new end, 0 where it does not fit. */
size_t nr_relay_row_write(
	const struct nr_table *table, const void *row, uint8_t *bytes, size_t at, size_t room);

/* The rows of a frame's body. Text and bytes point into body. *rows grows as needed (free() it); its content
 * before does not matter. */
int nr_relay_rows_parse(const struct nr_table *table, const char *sensor, const uint8_t *body, size_t length,
	uint32_t count, void **rows, size_t *room, struct nr_error *error);

/* A head that may come; the table exists where there is one. */
int nr_relay_head_check(const struct nr_relay_head *head, size_t table_count, struct nr_error *error);

#endif
