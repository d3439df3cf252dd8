/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sketches of a pack's rows stand in their block. */
#include "store/pack.h"

#include <errno.h>

#define CHUNK 512

static int damaged(const struct nr_pack *pack, struct nr_error *error)
{
	return nr_fail(error, -EBADMSG, "a pack of %s is damaged: a sketch's length", pack->layout->name);
}

uint64_t nr_sketch_lengths_begin(uint64_t next[static NR_SKETCH_MAX + 1])
{
	uint64_t at = 0;
	for (size_t length = NR_SKETCH_MAX + 1; length-- > 0;) {
		uint64_t bytes = next[length] * length;
		next[length] = at;
		at += bytes;
	}
	return at;
}

int nr_pack_places_begin(struct nr_pack_places *places, const struct nr_pack *pack, struct nr_error *error)
{
	uint64_t lengths[CHUNK];
	memset(places->next, 0, sizeof places->next);
	places->pack = pack;
	for (uint32_t first = 0; first < pack->rows; first += CHUNK) {
		uint32_t rows = NR_MIN((uint32_t)CHUNK, pack->rows - first);
		nr_pack_read(pack, NR_PACK_LANES_MAX, first, rows, lengths);
		for (uint32_t i = 0; i < rows; i++) {
			if (lengths[i] > NR_SKETCH_MAX)
				return damaged(pack, error);
			places->next[lengths[i]]++;
		}
	}
	if (pack->by_length)
		nr_sketch_lengths_begin(places->next);
	else
		places->next[0] = 0;
	return 0;
}

/* Of a wanted row the first pass knows how many of its length, or how many bytes, come before; where its
 * length begins is known behind the last row. */
int nr_pack_locate(
	const struct nr_pack *pack, struct nr_sketch_place *places, size_t count, struct nr_error *error)
{
	uint64_t lengths[CHUNK], begins[NR_SKETCH_MAX + 1] = {0}, bytes = 0;
	size_t next = 0;
	for (uint32_t first = 0; first < pack->rows; first += CHUNK) {
		uint32_t rows = NR_MIN((uint32_t)CHUNK, pack->rows - first), row = 0;
		nr_pack_read(pack, NR_PACK_LANES_MAX, first, rows, lengths);
		while (row < rows) {
			for (; next < count && places[next].row == first + row; next++) {
				uint64_t length = NR_MIN(lengths[row], (uint64_t)NR_SKETCH_MAX);
				places[next].length = (uint32_t)length;
				places[next].offset = pack->by_length ? begins[length] : bytes;
			}
			uint32_t end = next < count ? NR_MIN(rows, places[next].row - first) : rows;
			for (; row < end; row++) {
				if (lengths[row] > NR_SKETCH_MAX)
					return damaged(pack, error);
				begins[lengths[row]]++;
				bytes += lengths[row];
			}
		}
	}
	if (!pack->by_length)
		return 0;
	nr_sketch_lengths_begin(begins);
	for (size_t i = 0; i < count; i++)
		places[i].offset = begins[places[i].length] + places[i].offset * places[i].length;
	return 0;
}
