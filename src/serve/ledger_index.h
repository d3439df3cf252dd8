/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of a ledger's entries, so that none has to be read again for a figure: how many there
 * are of each kind, in each hour and day, and what the clock's guard said. Entries are a stranger's bytes.
 * Memory is bounded but for two bytes for 256 entries. One thread at a time.
 */
#ifndef NR_SERVE_LEDGER_INDEX_H
#define NR_SERVE_LEDGER_INDEX_H

#include "base/json.h"

#include <json-c/json.h>

#define NR_LEDGER_KINDS     16 /* the last is "other": what has no name, and kinds beyond */
#define NR_LEDGER_KIND_TEXT 32
#define NR_LEDGER_OTHER     (NR_LEDGER_KINDS - 1)
#define NR_LEDGER_BLOCK     256 /* entries of a bundle */

#define NR_CLOCK_POINTS     8192 /* older ones are forgotten: eleven months of hours */
#define NR_CLOCK_REFERENCES 8

/* What an hour's summary says of a reference, us. */
struct nr_clock_tally {
	char name[64];
	int64_t asked, answered, min, mean, max, p95, bound_max;
	bool heard; /* the last five are known */
};

struct nr_clock_point {
	nr_time time;
	bool run, known; /* known: offset and bound are */
	char reason[24];
	int64_t offset, bound, agreeing; /* us */
	nr_time hour;                    /* of a summary; 0: none */
	int64_t held, bound_max;
	struct nr_clock_tally *references; /* owned; NULL: none */
	size_t reference_count;
};

/* One span of time, an hour or a day, in a ring of them. */
struct nr_ledger_span {
	nr_time start;
	uint32_t counts[NR_LEDGER_KINDS];
};

struct nr_ledger_index {
	char kinds[NR_LEDGER_KINDS][NR_LEDGER_KIND_TEXT];
	size_t kind_count;
	uint64_t totals[NR_LEDGER_KINDS];
	uint64_t entries, undated;
	struct nr_ledger_span *hours, *days; /* owned */
	uint16_t *blocks;                    /* bit k: an entry of kind k is in the block; owned */
	size_t block_room;
	struct nr_clock_point *points; /* a ring; owned */
	uint64_t point_count;          /* ever; the newest NR_CLOCK_POINTS are there */
};

int nr_ledger_index_init(struct nr_ledger_index *index, struct nr_error *error);
void nr_ledger_index_fini(struct nr_ledger_index *index);

/* The entry, parsed; NULL: it is not a JSON object. The caller's (json_object_put). */
struct json_object *nr_ledger_entry_parse(const void *bytes, size_t length);
/* "kind" and "time" of it, as far as they are what they should be: "", NR_TIME_MIN. */
void nr_ledger_entry_read(
	struct json_object *entry, char kind[static NR_LEDGER_KIND_TEXT], nr_time *ret_time);

/* The next entry. now: what is dated more than a day later is not believed. */
int nr_ledger_index_add(
	struct nr_ledger_index *index, const void *bytes, size_t length, nr_time now, struct nr_error *error);

/* Number of the kind; NR_LEDGER_KINDS: there is none. */
size_t nr_ledger_index_kind(const struct nr_ledger_index *index, const char *name);

/* "entries", "undated", "kinds", "hours" of a week, "days", into the object that is open. */
void nr_ledger_index_write(const struct nr_ledger_index *index, struct nr_json *json);
/* "forgotten", "points", "hours", into the object that is open. from, to: NR_TIME_MIN and MAX are without. */
void nr_ledger_index_write_clock(
	const struct nr_ledger_index *index, nr_time from, nr_time to, struct nr_json *json);

#endif
