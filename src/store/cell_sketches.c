/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sketches of the rows that a page shows. They are gathered as they lie in the file, pack after pack, and
 * merged row after row: the registers of a thousand rows do not fit into the nearer caches, those of one do.
 */
#include "store/cells.h"
#include "store/packs.h"

#include <errno.h>

#define GATHERED_BYTES (1u << 20)
#define RUN_BYTES      131072u /* sketches that are read at once */
#define RUN_GAP        2048    /* bytes between two that are read and not wanted */

struct gathered {
	uint32_t offset, length;
	uint32_t before; /* of the same side, plus one; 0: none */
};

struct nr_gathering {
	uint8_t *bytes; /* owned; GATHERED_BYTES */
	size_t used;
	struct gathered *items; /* owned */
	size_t count, room;
	struct nr_side **sides; /* owned; with items */
	size_t side_count, side_room;
};

void nr_gathering_free(struct nr_gathering *gathering)
{
	if (!gathering)
		return;
	free(gathering->bytes);
	free(gathering->items);
	free(gathering->sides);
	free(gathering);
}

static int begin(struct nr_reading *reading, struct nr_error *error)
{
	if (reading->gathering)
		return 0;
	struct nr_gathering *gathering = calloc(1, sizeof *gathering);
	if (gathering)
		gathering->bytes = malloc(GATHERED_BYTES);
	reading->gathering = gathering;
	return gathering && gathering->bytes ? 0 : nr_fail(error, -ENOMEM, "out of memory for sketches");
}

static bool grow(void **items, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return true;
	size_t more = *room ? 2 * *room : 1024;
	void *grown = realloc(*items, more * size);
	if (!grown)
		return false;
	*items = grown;
	*room = more;
	return true;
}

static int gather(struct nr_gathering *gathering, struct nr_side *side, size_t offset, size_t length,
	struct nr_error *error)
{
	if (!grow((void **)&gathering->items, &gathering->room, gathering->count, sizeof *gathering->items) ||
		!grow((void **)&gathering->sides, &gathering->side_room, gathering->side_count,
			sizeof *gathering->sides))
		return nr_fail(error, -ENOMEM, "out of memory for sketches");
	if (!side->gathered)
		gathering->sides[gathering->side_count++] = side;
	gathering->items[gathering->count++] =
		(struct gathered){(uint32_t)offset, (uint32_t)length, side->gathered};
	side->gathered = (uint32_t)gathering->count;
	return 0;
}

static int merge_side(const struct nr_gathering *gathering, struct nr_side *side, struct nr_error *error)
{
	uint32_t at = side->gathered;
	bool alone = !gathering->items[at - 1].before;
	int status = 0;
	side->gathered = 0;
	for (; at && !status; at = gathering->items[at - 1].before) {
		const struct gathered *item = &gathering->items[at - 1];
		status = nr_side_merge(side, gathering->bytes + item->offset, item->length, alone, error);
	}
	return status;
}

int nr_reading_merge(struct nr_reading *reading, struct nr_error *error)
{
	struct nr_gathering *gathering = reading->gathering;
	int status = 0;
	for (size_t i = 0; gathering && i < gathering->side_count && !status; i++)
		status = merge_side(gathering, gathering->sides[i], error);
	if (gathering)
		gathering->used = gathering->count = gathering->side_count = 0;
	return status;
}

/* ---- reading them ---- */

static int open_sketches(const struct nr_cell *cell, struct nr_error *error)
{
	struct nr_reading *reading = cell->reading;
	int code = reading->sketches ? sqlite3_blob_reopen(reading->sketches, cell->id)
				     : sqlite3_blob_open(reading->database, "main", "pack", "sketches",
					       cell->id, 0, &reading->sketches);
	return code == SQLITE_OK ? 0 : nr_sqlite_fail(reading->database, reading->path, error);
}

static int too_short(const struct nr_cell *cell, struct nr_error *error)
{
	return nr_fail(error, -EBADMSG,
		"%s: a pack of %s is damaged: its sketches are not as long as its rows say",
		cell->reading->path, nr_layouts[cell->kind].name);
}

/* Places by their order in the block, which has the longest first and those of one length in order of rows.
 */
static void order_places(
	const struct nr_sketch_place *places, size_t count, bool by_length, uint32_t *ret_order)
{
	uint32_t next[NR_SKETCH_MAX + 2], most = 0; /* by length, from the longest on */
	for (size_t i = 0; by_length && i < count; i++)
		most = NR_MAX(most, places[i].length);
	memset(next, 0, (most + 2) * sizeof *next);
	for (size_t i = 0; by_length && i < count; i++)
		next[most - places[i].length + 1]++;
	for (size_t i = 1; i <= most; i++)
		next[i] += next[i - 1];
	for (uint32_t i = 0; i < count; i++)
		ret_order[by_length ? next[most - places[i].length]++ : i] = i;
}

/* Wanted sketches that lie close together are read at once. */
static size_t run_of(const struct nr_sketch_place *places, const uint32_t *order, size_t first, size_t count,
	size_t *ret_bytes)
{
	size_t end = first + 1;
	uint64_t start = places[order[first]].offset, at = start + places[order[first]].length;
	for (; end < count; end++) {
		const struct nr_sketch_place *place = &places[order[end]];
		if (place->offset > at + RUN_GAP || place->offset + place->length - start > RUN_BYTES)
			break;
		at = NR_MAX(at, place->offset + place->length);
	}
	*ret_bytes = at - start;
	return end;
}

/* What is known of a row besides its sketch. False: the sketch is not wanted. */
static bool note_row(const struct nr_cell *cell, size_t lane, const struct nr_wanted *wanted, size_t length,
	struct nr_side **ret_side)
{
	*ret_side = cell->part ? &wanted->unique->part : &wanted->unique->whole;
	return nr_side_note(*ret_side, (int64_t)nr_pack_get(&cell->pack, lane, wanted->row),
		nr_lane_real(nr_pack_get(&cell->pack, lane + 1, wanted->row)), length);
}

static int read_run(const struct nr_cell *cell, uint64_t start, size_t bytes, struct nr_error *error)
{
	struct nr_reading *reading = cell->reading;
	struct nr_gathering *gathering = reading->gathering;
	size_t size = (size_t)sqlite3_blob_bytes(reading->sketches);
	int status = 0;
	if (start > size || bytes > size - start)
		return too_short(cell, error);
	if (gathering->used + bytes > GATHERED_BYTES)
		status = nr_reading_merge(reading, error);
	if (!status && bytes &&
		sqlite3_blob_read(reading->sketches, gathering->bytes + gathering->used, (int)bytes,
			(int)start) != SQLITE_OK)
		status = nr_sqlite_fail(reading->database, reading->path, error);
	return status;
}

static int gather_rows(const struct nr_cell *cell, size_t lane, const struct nr_wanted *wanted,
	const struct nr_sketch_place *places, const uint32_t *order, size_t count, struct nr_error *error)
{
	struct nr_gathering *gathering = cell->reading->gathering;
	size_t bytes = 0;
	int status = open_sketches(cell, error);
	for (size_t first = 0, end; first < count && !status; first = end) {
		uint64_t start = places[order[first]].offset;
		end = run_of(places, order, first, count, &bytes);
		status = read_run(cell, start, bytes, error);
		for (size_t i = first; i < end && !status; i++) {
			const struct nr_sketch_place *place = &places[order[i]];
			struct nr_side *side;
			if (note_row(cell, lane, &wanted[order[i]], place->length, &side))
				status = gather(gathering, side, gathering->used + (place->offset - start),
					place->length, error);
		}
		gathering->used += bytes;
	}
	return status;
}

int nr_cell_sources(const struct nr_cell *cell, size_t sources_lane, const struct nr_wanted *wanted,
	size_t count, struct nr_error *error)
{
	if (!count)
		return 0;
	NR_AUTO(nr_freep) struct nr_sketch_place *places = malloc(count * sizeof *places);
	NR_AUTO(nr_freep) uint32_t *order = malloc(count * sizeof *order);
	if (!places || !order)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		places[i].row = wanted[i].row;
	int status = begin(cell->reading, error);
	if (!status && nr_pack_locate(&cell->pack, places, count, error))
		status = nr_error_prefix(error, "%s", cell->reading->path);
	bool any = false;
	for (size_t i = 0; i < count && !status; i++)
		any |= places[i].length > 0;
	if (!status && any) {
		order_places(places, count, cell->pack.by_length, order);
		return gather_rows(cell, sources_lane, wanted, places, order, count, error);
	}
	for (size_t i = 0; i < count && !status; i++) {
		struct nr_side *side;
		note_row(cell, sources_lane, &wanted[i], 0, &side);
	}
	return status;
}
