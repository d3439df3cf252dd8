/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ranking.h"
#include "store/packs.h"

#include <errno.h>

#define CHUNK 1024 /* rows that are decoded at once */
#define AHEAD 16   /* rows between a look ahead and the work */

const struct nr_ranking_lanes nr_lanes_ports = {
	NR_PACK_PORT, 2, 16, NR_PORT_PACKETS, NR_PORT_BYTES, NR_PORT_CLASS, NR_PORT_SOURCES, 0, UINT32_MAX};
const struct nr_ranking_lanes nr_lanes_ports_alone = {
	NR_PACK_PORT, 2, 16, NR_PORT_PACKETS, NR_PORT_BYTES, NR_PORT_CLASS, NR_NO_LANE, 0, UINT32_MAX};
const struct nr_ranking_lanes nr_lanes_networks = {NR_PACK_ORIGIN, 2, 32, NR_ORIGIN_PACKETS, NR_NO_LANE,
	NR_ORIGIN_AS_NAME, NR_ORIGIN_SOURCES, 0, UINT32_MAX};
const struct nr_ranking_lanes nr_lanes_countries = {NR_PACK_COUNTRY, 1, 0, NR_COUNTRY_PACKETS, NR_NO_LANE,
	NR_NO_LANE, NR_COUNTRY_SOURCES, NR_STEP_DAY, UINT32_MAX};
const struct nr_ranking_lanes nr_lanes_countries_of_hours = {NR_PACK_ORIGIN, 1, 0, NR_ORIGIN_PACKETS,
	NR_NO_LANE, NR_NO_LANE, NR_ORIGIN_SOURCES, 0, NR_STEP_DAY - 1};
const struct nr_ranking_lanes nr_lanes_categories = {NR_PACK_TRAFFIC, 1, 0, NR_TRAFFIC_PACKETS,
	NR_TRAFFIC_BYTES, NR_NO_LANE, NR_TRAFFIC_SOURCES, 0, UINT32_MAX};

void nr_ranking_init(struct nr_ranking *ranking, struct nr_reading *reading,
	const struct nr_ranking_lanes *first, const struct nr_ranking_lanes *second)
{
	*ranking = (struct nr_ranking){
		.reading = reading, .lanes = {first, second}, .texts = {.reading = reading}};
	ranking->paged = reading->ask;
}

void nr_ranking_fini(struct nr_ranking *ranking)
{
	for (size_t i = 0; ranking->uniques && i < ranking->page.count; i++)
		nr_unique_fini(&ranking->uniques[i]);
	free(ranking->uniques);
	nr_page_fini(&ranking->page);
	nr_sums_fini(&ranking->sums);
	nr_port_sums_fini(&ranking->ports);
	nr_texts_by_word_fini(&ranking->texts);
}

int nr_ranking_filter_text(
	struct nr_ranking *ranking, uint8_t lane, const struct nr_value *text, struct nr_error *error)
{
	uint64_t word = 0;
	if (text->type == NR_VALUE_NULL)
		return 0;
	int status = nr_reading_word(ranking->reading, text->text, &word, error);
	ranking->filters[ranking->filter_count++] = (struct nr_filter){lane, word};
	return status;
}

void nr_ranking_filter(struct nr_ranking *ranking, uint8_t lane, const struct nr_value *number)
{
	if (number->type != NR_VALUE_NULL)
		ranking->filters[ranking->filter_count++] =
			(struct nr_filter){lane, (uint64_t)number->integer};
}

/* ---- adding up ---- */

struct adding {
	struct nr_ranking *ranking;
	const struct nr_ranking_lanes *lanes;
};

/* One lane after the other, CHUNK rows of each. */
struct chunk {
	uint64_t keys[CHUNK], second[CHUNK], packets[CHUNK];
	bool out[CHUNK];
};

static void filter_chunk(const struct nr_ranking *ranking, const struct nr_cell *cell, struct chunk *chunk,
	uint32_t first, uint32_t rows)
{
	memset(chunk->out, 0, rows);
	for (size_t i = 0; i < ranking->filter_count; i++) {
		nr_pack_read(&cell->pack, ranking->filters[i].lane, first, rows, chunk->second);
		for (uint32_t row = 0; row < rows; row++)
			chunk->out[row] |= chunk->second[row] != ranking->filters[i].value;
	}
}

static void read_chunk(const struct nr_ranking_lanes *lanes, const struct nr_cell *cell, struct chunk *chunk,
	uint32_t first, uint32_t rows)
{
	nr_pack_read(&cell->pack, 0, first, rows, chunk->keys);
	if (lanes->keys == 2) {
		nr_pack_read(&cell->pack, 1, first, rows, chunk->second);
		for (uint32_t row = 0; row < rows; row++)
			chunk->keys[row] = chunk->keys[row] << lanes->shift | chunk->second[row];
	}
	nr_pack_read(&cell->pack, lanes->packets, first, rows, chunk->packets);
}

/* Wraps: unsigned arithmetic subtracts what is a part. */
static int64_t add_or_take(const struct nr_cell *cell, int64_t sum, uint64_t value)
{
	return (int64_t)(cell->part ? (uint64_t)sum - value : (uint64_t)sum + value);
}

static int add_keys(struct nr_ranking *ranking, const struct nr_cell *cell, const struct chunk *chunk,
	uint32_t rows, struct nr_error *error)
{
	for (uint32_t row = 0; row < rows; row++) {
		if (row + AHEAD < rows)
			nr_sums_prefetch(&ranking->sums, 0, chunk->keys[row + AHEAD]);
		if (chunk->out[row])
			continue;
		struct nr_sum *sum = nr_sums_at(&ranking->sums, 0, chunk->keys[row]);
		if (!sum)
			return nr_sums_fail(error);
		sum->packets = add_or_take(cell, sum->packets, chunk->packets[row]);
	}
	return 0;
}

static int add_ports(struct nr_ranking *ranking, const struct nr_cell *cell, const struct chunk *chunk,
	uint32_t rows, struct nr_error *error)
{
	uint64_t protocol = UINT64_MAX;
	int64_t *packets = NULL;
	for (uint32_t row = 0; row < rows; row++) {
		if (chunk->out[row])
			continue;
		if (chunk->keys[row] >> 16 != protocol) {
			protocol = chunk->keys[row] >> 16;
			if (protocol > UINT8_MAX)
				return nr_fail(error, -EBADMSG, "%s: a pack of ports is damaged: protocol",
					cell->reading->path);
			packets = nr_port_sums_of(&ranking->ports, (uint8_t)protocol);
			if (!packets)
				return nr_sums_fail(error);
		}
		int64_t *sum = &packets[chunk->keys[row] & UINT16_MAX];
		*sum = add_or_take(cell, *sum, chunk->packets[row]);
	}
	return 0;
}

static int add_cell(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	const struct adding *adding = context;
	struct nr_ranking *ranking = adding->ranking;
	bool ports = cell->kind == NR_PACK_PORT;
	struct chunk chunk;
	int status = 0;
	for (uint32_t first = 0; first < cell->pack.rows && !status; first += CHUNK) {
		uint32_t rows = NR_MIN((uint32_t)CHUNK, cell->pack.rows - first);
		filter_chunk(ranking, cell, &chunk, first, rows);
		read_chunk(adding->lanes, cell, &chunk, first, rows);
		status = ports ? add_ports(ranking, cell, &chunk, rows, error)
			       : add_keys(ranking, cell, &chunk, rows, error);
	}
	return status;
}

int nr_ranking_add_up(struct nr_ranking *ranking, struct nr_error *error)
{
	int status = 0;
	for (size_t i = 0; i < 2 && ranking->lanes[i] && !status; i++) {
		const struct nr_ranking_lanes *lanes = ranking->lanes[i];
		status = nr_cells_visit(ranking->reading, (enum nr_pack_kind)lanes->kind, lanes->least,
			lanes->most, add_cell, &(struct adding){ranking, lanes}, error);
	}
	if (!status && ranking->lanes[0]->kind == NR_PACK_PORT)
		status = nr_port_sums_pick(&ranking->ports, ranking->paged, &ranking->sums, error);
	return status;
}

int nr_ranking_load(struct nr_ranking *ranking, unsigned shift, struct nr_error *error)
{
	int status = 0;
	for (size_t i = 0; i < ranking->sums.count && !status; i++)
		status = nr_texts_load(&ranking->texts, ranking->sums.items[i].low >> shift, NULL, error);
	return status;
}

/* ---- what the page shows ---- */

/* The page's rows in the order of the packs. */
struct seeking {
	const struct nr_ranking_lanes *lanes;
	struct nr_ranking *ranking;
	const size_t *order;      /* indices of the page by key */
	struct nr_wanted *wanted; /* owned; grows */
	size_t room;
};

static int compare_keys(const void *a, const void *b, void *context)
{
	const struct nr_page *page = context;
	uint64_t x = page->items[*(const size_t *)a]->low, y = page->items[*(const size_t *)b]->low;
	return (x > y) - (x < y);
}

static int want(struct seeking *seeking, size_t *count, uint32_t row, struct nr_unique *unique,
	struct nr_error *error)
{
	if (*count == seeking->room) {
		size_t room = seeking->room ? 2 * seeking->room : 256;
		struct nr_wanted *grown = realloc(seeking->wanted, room * sizeof *grown);
		if (!grown)
			return nr_sums_fail(error);
		seeking->wanted = grown;
		seeking->room = room;
	}
	seeking->wanted[(*count)++] = (struct nr_wanted){row, unique};
	return 0;
}

static bool is_out(const struct nr_ranking *ranking, const struct nr_cell *cell, uint32_t row)
{
	for (size_t i = 0; i < ranking->filter_count; i++) {
		if (nr_pack_get(&cell->pack, ranking->filters[i].lane, row) != ranking->filters[i].value)
			return true;
	}
	return false;
}

static int see_row(struct seeking *seeking, const struct nr_cell *cell, uint32_t row, size_t index,
	size_t *count, struct nr_error *error)
{
	const struct nr_ranking_lanes *lanes = seeking->lanes;
	struct nr_ranking *ranking = seeking->ranking;
	struct nr_sum *sum = &ranking->sums.items[ranking->page.items[index] - ranking->sums.items];
	if (is_out(ranking, cell, row))
		return 0;
	if (lanes->bytes != NR_NO_LANE)
		sum->bytes = add_or_take(cell, sum->bytes, nr_pack_get(&cell->pack, lanes->bytes, row));
	if (lanes->word != NR_NO_LANE)
		sum->word = nr_pack_get(&cell->pack, lanes->word, row);
	return lanes->sources == NR_NO_LANE ? 0 : want(seeking, count, row, &ranking->uniques[index], error);
}

static int seek_cell(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	struct seeking *seeking = context;
	const struct nr_ranking_lanes *lanes = seeking->lanes;
	const struct nr_ranking *ranking = seeking->ranking;
	size_t count = 0;
	uint32_t row = 0;
	int status = 0;
	for (size_t i = 0; i < ranking->page.count && !status; i++) {
		size_t index = seeking->order[i];
		uint64_t low = ranking->page.items[index]->low;
		uint64_t key[2] = {low, 0};
		if (lanes->keys == 2) {
			key[0] = low >> lanes->shift;
			key[1] = low & ((UINT64_C(1) << lanes->shift) - 1);
		}
		row = nr_pack_find_from(&cell->pack, key, lanes->keys, row);
		for (; !status && nr_pack_is(&cell->pack, row, key, lanes->keys); row++)
			status = see_row(seeking, cell, row, index, &count, error);
	}
	return status ? status : nr_cell_sources(cell, lanes->sources, seeking->wanted, count, error);
}

static int see_page(struct nr_ranking *ranking, struct nr_error *error)
{
	size_t count = ranking->page.count;
	NR_AUTO(nr_freep) size_t *order = malloc((count + 1) * sizeof *order);
	ranking->uniques = calloc(count + 1, sizeof *ranking->uniques);
	if (!order || !ranking->uniques)
		return nr_sums_fail(error);
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(order, count, sizeof *order, compare_keys, &ranking->page);
	struct seeking seeking = {.ranking = ranking, .order = order};
	int status = 0;
	for (size_t i = 0; i < 2 && ranking->lanes[i] && !status; i++) {
		seeking.lanes = ranking->lanes[i];
		status = nr_cells_visit(ranking->reading, (enum nr_pack_kind)seeking.lanes->kind,
			seeking.lanes->least, seeking.lanes->most, seek_cell, &seeking, error);
	}
	free(seeking.wanted);
	return status ? status : nr_reading_merge(ranking->reading, error);
}

int nr_ranking_page(struct nr_ranking *ranking, const struct nr_order_of_sums *order, struct nr_error *error)
{
	int status = nr_rank_page(&ranking->sums, ranking->paged, order, &ranking->page, error);
	return status ? status : see_page(ranking, error);
}
