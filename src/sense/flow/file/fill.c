/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/file/fill.h"

#include <errno.h>
#include <string.h>

#define ROWS 128 /* turned into columns at once: they stay in the second-level cache */

struct nr_flow_fill {
	struct nr_flow_sink *sink;
	struct nr_flow_block *own, *block; /* own: where the sink lends none */
	uint32_t count;
	uint64_t added;
	struct nr_flow_row rows[ROWS];
};

static void begin_block(struct nr_flow_fill *fill)
{
	struct nr_flow_block *lent = fill->sink->lend ? fill->sink->lend(fill->sink) : NULL;
	fill->block = lent ? lent : fill->own;
	if (!lent)
		nr_flow_block_clear(fill->own);
	nr_time now = nr_time_now();
	fill->block->received_first = fill->block->received_last = now;
}

int nr_flow_fill_new(struct nr_flow_sink *sink, struct nr_flow_fill **ret_fill, struct nr_error *error)
{
	NR_AUTO(nr_flow_fill_freep) struct nr_flow_fill *fill = calloc(1, sizeof *fill);
	if (!fill)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_flow_block_new(NR_FLOW_ROOM, &fill->own, error);
	if (e)
		return e;
	fill->sink = sink;
	begin_block(fill);
	*ret_fill = nr_steal(&fill);
	return 0;
}

void nr_flow_fill_free(struct nr_flow_fill *fill)
{
	if (!fill)
		return;
	nr_flow_block_free(fill->own);
	free(fill);
}

void nr_flow_fill_freep(struct nr_flow_fill **fill)
{
	nr_flow_fill_free(*fill);
}

struct nr_flow_row *nr_flow_fill_row(struct nr_flow_fill *fill)
{
	return &fill->rows[fill->count];
}

static uint64_t columns_of(const struct nr_flow_row *rows, uint32_t count)
{
	uint64_t columns = NR_FLOW_BIT(STREAM);
	for (uint32_t i = 0; i < count; i++) {
		const struct nr_flow_row *row = &rows[i];
#define NR_FLOW_SEE(NAME, ctype, kind, json) columns |= row->NAME != 0 ? NR_FLOW_BIT(NAME) : 0;
		NR_FLOW_COLUMN_LIST(NR_FLOW_SEE)
#undef NR_FLOW_SEE
	}
	return columns;
}

/* The rows become columns. The block has room for them. */
static void turn(struct nr_flow_fill *fill)
{
	struct nr_flow_block *block = fill->block;
	uint64_t columns = columns_of(fill->rows, fill->count);
	nr_flow_rows_open(block, fill->count, columns);
#define NR_FLOW_TURN(NAME, ctype, kind, json)                                                                \
	if (columns & NR_FLOW_BIT(NAME)) {                                                                   \
		ctype *to = (ctype *)nr_flow_column_at(block, NR_FLOW_##NAME) + block->count;                \
		for (uint32_t i = 0; i < fill->count; i++)                                                   \
			to[i] = fill->rows[i].NAME;                                                          \
	}
	NR_FLOW_COLUMN_LIST(NR_FLOW_TURN)
#undef NR_FLOW_TURN
	nr_flow_rows_close(block, fill->count);
	memset(fill->rows, 0, fill->count * sizeof fill->rows[0]);
	fill->count = 0;
}

static int hand_over(struct nr_flow_fill *fill, struct nr_error *error)
{
	if (fill->count)
		turn(fill);
	int e = fill->block->count ? fill->sink->take(fill->sink, fill->block, error) : 0;
	begin_block(fill);
	return e;
}

int nr_flow_fill_add(struct nr_flow_fill *fill, const struct nr_flow_stream *stream, struct nr_error *error)
{
	int at = nr_flow_block_stream(fill->block, stream);
	if (at < 0) { /* the row that is added belongs to the next block */
		struct nr_flow_row row = fill->rows[fill->count];
		fill->rows[fill->count] = (struct nr_flow_row){0};
		int e = hand_over(fill, error);
		if (e)
			return e;
		fill->rows[0] = row;
		at = nr_flow_block_stream(fill->block, stream);
	}
	fill->rows[fill->count++].STREAM = (uint16_t)at;
	fill->added++;
	if (fill->count < ROWS)
		return 0;
	turn(fill);
	return fill->block->room - fill->block->count < ROWS ? hand_over(fill, error) : 0;
}

int nr_flow_fill_flush(struct nr_flow_fill *fill, struct nr_error *error)
{
	return hand_over(fill, error);
}

uint64_t nr_flow_fill_count(const struct nr_flow_fill *fill)
{
	return fill->added;
}
