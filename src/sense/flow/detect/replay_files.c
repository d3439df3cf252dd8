/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/replay.h"
#include "sense/flow/detect/table/orient.h"
#include "sense/flow/file/file.h"

#include <errno.h>
#include <string.h>

#define KEEP_DEFAULT (UINT64_C(1) << 30)

struct nr_flow_rereading {
	struct nr_flow_sink sink; /* the first member: of all that is read */
	struct nr_flow_rereading_conf conf;
	struct nr_flow_collector *collector; /* of the first reading */
	struct nr_flow_block **kept;         /* owned, each too: of standard input, in order */
	size_t kept_count, kept_room;
	uint64_t kept_bytes;
	bool keeping; /* what is being read is standard input */
	uint64_t flows;
	int (*take)(void *taker, const struct nr_flow_block *block);
	void *taker;
};

/* ---- what is kept ---- */

static int make_place(struct nr_flow_rereading *r)
{
	if (r->kept_count < r->kept_room)
		return 0;
	size_t room = r->kept_room ? 2 * r->kept_room : 64;
	struct nr_flow_block **grown = realloc(r->kept, room * sizeof(struct nr_flow_block *));
	if (!grown)
		return -ENOMEM;
	r->kept = grown;
	r->kept_room = room;
	return 0;
}

/* A block's memory is that of all its columns, but what is not touched costs address space alone: the bound
 * is on what was written. */
static uint64_t bytes_written(const struct nr_flow_block *block)
{
	uint64_t bytes = sizeof *block;
	for (uint64_t left = block->present; left; left &= left - 1)
		bytes += (uint64_t)block->room * nr_flow_columns[__builtin_ctzll(left)].width;
	return bytes;
}

/* The columns that detection reads, in a block that is no larger than its rows. */
static int keep(struct nr_flow_rereading *r, const struct nr_flow_block *block, struct nr_error *error)
{
	uint32_t unit = NR_FLOW_ROOM_UNIT, room = NR_MAX((block->count + unit - 1) / unit * unit, unit);
	struct nr_flow_block *copy = NULL;
	int e = make_place(r);
	if (!e)
		e = nr_flow_block_new(room, &copy, error);
	if (e)
		return nr_fail(error, e, "out of memory");
	r->kept[r->kept_count++] = copy;
	copy->stream_count = block->stream_count;
	memcpy(copy->streams, block->streams, block->stream_count * sizeof *block->streams);
	copy->received_first = block->received_first;
	copy->received_last = block->received_last;
	uint64_t columns = block->present & NR_FLOW_DETECT_COLUMNS;
	nr_flow_rows_open(copy, block->count, columns);
	for (uint64_t left = columns; left; left &= left - 1) {
		unsigned c = (unsigned)__builtin_ctzll(left);
		memcpy(nr_flow_column_at(copy, c), nr_flow_column(block, c),
			(size_t)block->count * nr_flow_columns[c].width);
	}
	nr_flow_rows_close(copy, block->count);
	r->kept_bytes += bytes_written(copy);
	if (r->kept_bytes > r->conf.keep)
		return nr_fail(error, -EFBIG,
			"standard input is read twice and holds more than %llu MiB: write it to a file, and "
			"name that",
			(unsigned long long)(r->conf.keep >> 20));
	return 0;
}

/* ---- reading ---- */

static int take(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct nr_flow_rereading *r = (struct nr_flow_rereading *)(void *)sink;
	int e = r->keeping ? keep(r, block, error) : 0;
	if (e)
		return e;
	r->flows += block->count;
	if (r->conf.progress)
		r->conf.progress(r->conf.context, r->flows);
	e = r->take(r->taker, block);
	return e ? nr_fail(error, e, "%s", strerror(-e)) : 0;
}

static bool is_standard_input(const char *path)
{
	return !strcmp(path, "-");
}

static int read_file(struct nr_flow_rereading *r, const char *path, struct nr_flow_collector *collector,
	bool first, struct nr_error *error)
{
	struct nr_flow_file_report report = {0};
	r->keeping = first && is_standard_input(path);
	int e = nr_flow_file_read(path, collector, &r->sink, &report, error);
	r->keeping = false;
	if (!e && first && report.damage[0] && r->conf.complain)
		r->conf.complain(r->conf.context, report.damage);
	return e;
}

int nr_flow_rereading_new(const struct nr_flow_rereading_conf *conf, struct nr_flow_rereading **ret_rereading,
	struct nr_error *error)
{
	struct nr_flow_rereading *r = calloc(1, sizeof *r);
	if (!r)
		return nr_fail(error, -ENOMEM, "out of memory");
	r->conf = *conf;
	if (!r->conf.keep)
		r->conf.keep = KEEP_DEFAULT;
	r->sink.take = take;
	int e = nr_flow_collector_new(conf->collector, &r->sink, &r->collector, error);
	if (e)
		nr_flow_rereading_free(r);
	else
		*ret_rereading = r;
	return e;
}

void nr_flow_rereading_free(struct nr_flow_rereading *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->kept_count; i++)
		nr_flow_block_free(r->kept[i]);
	free(r->kept);
	nr_flow_collector_free(r->collector);
	free(r);
}

void nr_flow_rereading_freep(struct nr_flow_rereading **rereading)
{
	nr_flow_rereading_free(*rereading);
}

struct nr_flow_collector *nr_flow_rereading_collector(struct nr_flow_rereading *r)
{
	return r->collector;
}

int nr_flow_rereading_first(struct nr_flow_rereading *r,
	int (*take_block)(void *taker, const struct nr_flow_block *block), void *taker,
	struct nr_error *error)
{
	int e = 0;
	r->take = take_block;
	r->taker = taker;
	for (size_t i = 0; !e && i < r->conf.file_count; i++)
		e = read_file(r, r->conf.files[i], r->collector, true, error);
	return e;
}

static int replay_kept(struct nr_flow_rereading *r, struct nr_error *error)
{
	int e = 0;
	for (size_t i = 0; !e && i < r->kept_count; i++)
		e = r->take(r->taker, r->kept[i]);
	return e ? nr_fail(error, e, "%s", strerror(-e)) : 0;
}

/* The second reading has a collector of its own, which learns the same from the same bytes. */
static int replay(void *context, nr_time from, nr_time to, uint64_t columns,
	int (*take_block)(void *taker, const struct nr_flow_block *block), void *taker,
	struct nr_error *error)
{
	struct nr_flow_rereading *r = context;
	NR_AUTO(nr_flow_collector_freep) struct nr_flow_collector *collector = NULL;
	(void)from, (void)to, (void)columns; /* files have no index: all of it comes, and is left out there */
	int e = nr_flow_collector_new(r->conf.collector, &r->sink, &collector, error);
	r->take = take_block;
	r->taker = taker;
	for (size_t i = 0; !e && i < r->conf.file_count; i++)
		e = is_standard_input(r->conf.files[i])
			    ? replay_kept(r, error)
			    : read_file(r, r->conf.files[i], collector, false, error);
	return e;
}

struct nr_flow_replay nr_flow_rereading_replay(struct nr_flow_rereading *r)
{
	return (struct nr_flow_replay){.run = replay, .context = r};
}
