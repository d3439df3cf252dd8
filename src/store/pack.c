/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pack.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define VERSION         2
#define VERSION_BY_ROW  1 /* sketches in order of rows */
#define HEAD_BYTES      6
#define LANE_BYTES      13
#define EXCEPTION_BYTES 12
#define PADDING         8

#define FIGURES                                                                                              \
	{"sources", NR_TYPE_UINT64},                                                                         \
	{                                                                                                    \
		"error", NR_TYPE_REAL                                                                        \
	}

const struct nr_layout nr_layouts[NR_PACK_KINDS] = {
	[NR_PACK_TRAFFIC] = {"telescope_traffic", 1, 1, 5,
		{{"category", NR_TYPE_TEXT}, {"packets", NR_TYPE_UINT64}, {"bytes", NR_TYPE_UINT64}, FIGURES},
		.sketch = true},
	[NR_PACK_PORT] = {"telescope_port", 2, 2, 7,
		{{"protocol", NR_TYPE_UINT8}, {"port", NR_TYPE_UINT16}, {"class", NR_TYPE_TEXT},
			{"packets", NR_TYPE_UINT64}, {"bytes", NR_TYPE_UINT64}, FIGURES},
		.sketch = true},
	[NR_PACK_ORIGIN] = {"telescope_origin", 2, 2, 6,
		{{"country", NR_TYPE_TEXT}, {"asn", NR_TYPE_UINT32}, {"as_name", NR_TYPE_TEXT},
			{"packets", NR_TYPE_UINT64}, FIGURES},
		.sketch = true},
	[NR_PACK_COUNTRY] = {"country", 1, 1, 4,
		{{"country", NR_TYPE_TEXT}, {"packets", NR_TYPE_UINT64}, FIGURES}, .sketch = true},
	[NR_PACK_SOURCE] = {"telescope_source", 5, 2, 14,
		{{"address", NR_TYPE_ADDRESS}, {"address", NR_TYPE_ADDRESS}, {"country", NR_TYPE_TEXT},
			{"tools", NR_TYPE_TEXT}, {"research", NR_TYPE_TEXT}, {"packets", NR_TYPE_UINT64},
			{"scan_packets", NR_TYPE_UINT64}, {"ports", NR_TYPE_UINT32}, {"first", NR_TYPE_TIME},
			{"last", NR_TYPE_TIME}, {"categories", NR_TYPE_TEXT}, {"marks", NR_TYPE_TEXT},
			{"asn", NR_TYPE_UINT32}, {"as_name", NR_TYPE_TEXT}},
		.sketch = false},
	[NR_PACK_SOURCE_PORT] = {"telescope_source_port", 7, 4, 9,
		{{"protocol", NR_TYPE_UINT8}, {"port", NR_TYPE_UINT16}, {"address", NR_TYPE_ADDRESS},
			{"address", NR_TYPE_ADDRESS}, {"country", NR_TYPE_TEXT}, {"tools", NR_TYPE_TEXT},
			{"research", NR_TYPE_TEXT}, {"packets", NR_TYPE_UINT64}, {"bytes", NR_TYPE_UINT64}},
		.part_rows = 4096},
	[NR_PACK_KNOCK] = {"knock", 4, 4, 6,
		{{"address", NR_TYPE_ADDRESS}, {"address", NR_TYPE_ADDRESS}, {"protocol", NR_TYPE_UINT8},
			{"port", NR_TYPE_UINT16}, {"packets", NR_TYPE_UINT64}, {"bytes", NR_TYPE_UINT64}},
		.part_rows = 4096},
	[NR_PACK_PROTOCOL] = {"protocol_source", 6, 3, 7,
		{{"protocol", NR_TYPE_UINT8}, {"address", NR_TYPE_ADDRESS}, {"address", NR_TYPE_ADDRESS},
			{"country", NR_TYPE_TEXT}, {"tools", NR_TYPE_TEXT}, {"research", NR_TYPE_TEXT},
			{"packets", NR_TYPE_UINT64}},
		.sketch = false},
};

NR_INLINE uint64_t load(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof value);
	return le64toh(value);
}

NR_INLINE uint32_t load4(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return le32toh(value);
}

static void save(uint8_t *at, uint64_t value, size_t width)
{
	value = htole64(value);
	memcpy(at, &value, width);
}

NR_INLINE uint64_t mask_of(size_t width)
{
	return width ? UINT64_MAX >> (64 - 8 * width) : 0;
}

void nr_pack_address(const struct nr_address *address, uint64_t *ret_high, uint64_t *ret_low)
{
	uint64_t halves[2];
	memcpy(halves, address->octets, sizeof halves);
	*ret_high = be64toh(halves[0]);
	*ret_low = be64toh(halves[1]);
}

struct nr_address nr_pack_address_of(uint64_t high, uint64_t low)
{
	uint64_t halves[2] = {htobe64(high), htobe64(low)};
	struct nr_address address;
	memcpy(address.octets, halves, sizeof halves);
	return address;
}

/* Of addresses: IPv4 (48 bits with its prefix) as it is, then what little lies around it, then IPv6 by its
 * upper half. */
int64_t nr_pack_part(const struct nr_layout *layout, uint64_t first, uint64_t second)
{
	if (layout->lane[0].type != NR_TYPE_ADDRESS)
		return (int64_t)(first << 16 | second);
	if (first)
		return (int64_t)(UINT64_C(1) << 62 | first >> 2);
	return (int64_t)(second >> 48 ? (UINT64_C(1) << 48) + (second >> 16) : second);
}

/* ---- writing ---- */

void nr_packer_fini(struct nr_packer *packer)
{
	free(packer->rows);
	free(packer->bytes);
	*packer = (struct nr_packer){.layout = packer->layout};
}

static int grow(void **items, size_t *room, size_t need, size_t size, struct nr_error *error)
{
	if (need <= *room)
		return 0;
	size_t more = NR_MAX(need, NR_MAX(*room * 2, (size_t)64));
	void *grown = realloc(*items, more * size);
	if (!grown)
		return nr_fail(error, -ENOMEM, "out of memory for the rows of a step");
	*items = grown;
	*room = more;
	return 0;
}

int nr_packer_add(struct nr_packer *packer, const uint64_t *lanes, const uint8_t *sketch, size_t length,
	struct nr_error *error)
{
	size_t stride = nr_packer_stride(packer);
	if (packer->count >= NR_PACK_ROWS_MAX)
		return nr_fail(error, -E2BIG, "more than %u rows of %s in one step", NR_PACK_ROWS_MAX,
			packer->layout->name);
	int status = grow(
		(void **)&packer->rows, &packer->room, packer->count + 1, stride * sizeof(uint64_t), error);
	if (!status)
		status = grow((void **)&packer->bytes, &packer->bytes_room, packer->used + length, 1, error);
	if (status)
		return status;
	uint64_t *row = packer->rows + packer->count * stride;
	memcpy(row, lanes, packer->layout->lanes * sizeof *row);
	row[stride - 2] = packer->used;
	row[stride - 1] = length;
	if (length)
		memcpy(packer->bytes + packer->used, sketch, length);
	packer->used += length;
	packer->count++;
	return 0;
}

int nr_packer_append(struct nr_packer *packer, const struct nr_packer *more, struct nr_error *error)
{
	size_t stride = nr_packer_stride(more);
	int status = 0;
	for (size_t i = 0; !status && i < more->count; i++) {
		const uint64_t *row = nr_packer_row(more, i);
		status = nr_packer_add(packer, row, more->bytes + row[stride - 2], row[stride - 1], error);
	}
	return status;
}

NR_INLINE int compare_keys(const uint64_t *a, const uint64_t *b, size_t keys)
{
	for (size_t i = 0; i < keys; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return 0;
}

/* Rows of one key in the order in which they came. */
static int compare_rows(const void *a, const void *b, void *context)
{
	const uint64_t *x = *(const uint64_t *const *)a, *y = *(const uint64_t *const *)b;
	int order = compare_keys(x, y, *(const size_t *)context);
	return order ? order : (x > y) - (x < y);
}

static bool is_sorted(const struct nr_packer *packer, size_t keys)
{
	for (size_t i = 1; i < packer->count; i++) {
		if (compare_keys(nr_packer_row(packer, i - 1), nr_packer_row(packer, i), keys) >= 0)
			return false;
	}
	return true;
}

/* unique: of rows with one key the last stays. */
static int order_by(struct nr_packer *packer, size_t keys, bool unique, struct nr_error *error)
{
	size_t stride = nr_packer_stride(packer), kept = 0;
	if (is_sorted(packer, keys))
		return 0;
	NR_AUTO(nr_freep) const uint64_t **order = malloc(packer->count * sizeof *order);
	NR_AUTO(nr_freep) uint64_t *rows = malloc(packer->count * stride * sizeof *rows);
	if (!order || !rows)
		return nr_fail(error, -ENOMEM, "out of memory for the rows of a step");
	for (size_t i = 0; i < packer->count; i++)
		order[i] = nr_packer_row(packer, i);
	qsort_r(order, packer->count, sizeof *order, compare_rows, &keys);
	for (size_t i = 0; i < packer->count; i++) {
		bool last = i + 1 == packer->count || compare_keys(order[i], order[i + 1], keys) != 0;
		if (last || !unique)
			memcpy(rows + kept++ * stride, order[i], stride * sizeof *rows);
	}
	free(packer->rows);
	packer->room = packer->count;
	packer->count = kept;
	packer->rows = nr_steal(&rows);
	return 0;
}

int nr_packer_sort(struct nr_packer *packer, struct nr_error *error)
{
	return order_by(packer, packer->layout->identity, true, error);
}

int nr_packer_order(struct nr_packer *packer, struct nr_error *error)
{
	return order_by(packer, packer->layout->keys, false, error);
}

struct shape {
	uint64_t base;
	size_t width;
	uint32_t exceptions;
};

/* The cheapest width for a lane: each value takes it, and those that do not fit 12 bytes more. */
static struct shape shape_of(const uint64_t *first, size_t stride, size_t count)
{
	struct shape shape = {.base = UINT64_MAX};
	size_t over[9] = {0}; /* over[w]: values that do not fit into w bytes */
	for (size_t i = 0; i < count; i++)
		shape.base = NR_MIN(shape.base, first[i * stride]);
	for (size_t i = 0; i < count; i++) {
		uint64_t above = first[i * stride] - shape.base;
		over[0] += above != 0;
		for (size_t width = 1; width < 8 && above >= mask_of(width); width++)
			over[width]++;
	}
	size_t best = SIZE_MAX;
	for (size_t width = 0; width <= 8; width++) {
		size_t bytes = count * width + over[width] * EXCEPTION_BYTES;
		if (bytes < best) {
			best = bytes;
			shape.width = width;
			shape.exceptions = (uint32_t)over[width];
		}
	}
	return shape;
}

static uint8_t *write_lane(
	uint8_t *at, const struct shape *shape, const uint64_t *first, size_t stride, size_t count)
{
	uint64_t mask = mask_of(shape->width);
	uint8_t *list = at + count * shape->width;
	for (size_t i = 0; i < count; i++) {
		uint64_t above = first[i * stride] - shape->base;
		bool exception = shape->width == 0 ? above != 0 : shape->width < 8 && above >= mask;
		save(at + i * shape->width, exception ? mask : above, shape->width);
		if (exception) {
			save(list, i, 4);
			save(list + 4, first[i * stride], 8);
			list += EXCEPTION_BYTES;
		}
	}
	return list;
}

void nr_pack_bytes_fini(struct nr_pack_bytes *bytes)
{
	free(bytes->numbers);
	free(bytes->sketches);
	*bytes = (struct nr_pack_bytes){0};
}

/* Lane `lanes` is the sketch's length, which is the last number of a packer's row. */
NR_INLINE const uint64_t *lane_of(const struct nr_packer *packer, size_t first, size_t lane)
{
	return nr_packer_row(packer, first) + (lane == packer->layout->lanes ? lane + 1 : lane);
}

static int write_sketches(const struct nr_packer *packer, size_t first, size_t end,
	struct nr_pack_bytes *bytes, struct nr_error *error)
{
	size_t stride = nr_packer_stride(packer);
	uint64_t next[NR_SKETCH_MAX + 1] = {0};
	for (size_t i = first; i < end; i++) {
		uint64_t length = nr_packer_row(packer, i)[stride - 1];
		if (length > NR_SKETCH_MAX)
			return nr_fail(error, -E2BIG, "a sketch of %s has %zu bytes, more than %d",
				packer->layout->name, (size_t)length, NR_SKETCH_MAX);
		next[length]++;
	}
	bytes->sketches_length = nr_sketch_lengths_begin(next);
	if (!bytes->sketches_length)
		return 0;
	bytes->sketches = malloc(bytes->sketches_length);
	if (!bytes->sketches)
		return nr_fail(error, -ENOMEM, "out of memory for sketches");
	for (size_t i = first; i < end; i++) {
		const uint64_t *row = nr_packer_row(packer, i);
		uint64_t length = row[stride - 1];
		memcpy(bytes->sketches + next[length], packer->bytes + row[stride - 2], length);
		next[length] += length;
	}
	return 0;
}

int nr_packer_write(const struct nr_packer *packer, size_t first, size_t end, struct nr_pack_bytes *ret_bytes,
	struct nr_error *error)
{
	NR_AUTO(nr_pack_bytes_fini) struct nr_pack_bytes bytes = {0};
	struct shape shapes[NR_PACK_LANES_MAX + 1];
	size_t stride = nr_packer_stride(packer), count = end - first;
	size_t lanes = packer->layout->lanes + packer->layout->sketch;
	bytes.numbers_length = HEAD_BYTES + lanes * LANE_BYTES + PADDING;
	for (size_t i = 0; i < lanes; i++) {
		shapes[i] = shape_of(lane_of(packer, first, i), stride, count);
		bytes.numbers_length +=
			count * shapes[i].width + (size_t)shapes[i].exceptions * EXCEPTION_BYTES;
	}
	bytes.numbers = malloc(bytes.numbers_length);
	if (!bytes.numbers)
		return nr_fail(error, -ENOMEM, "out of memory for a pack");
	uint8_t *at = bytes.numbers;
	*at++ = VERSION;
	*at++ = (uint8_t)lanes;
	save(at, count, 4);
	at += 4;
	for (size_t i = 0; i < lanes; i++, at += LANE_BYTES) {
		at[0] = (uint8_t)shapes[i].width;
		save(at + 1, shapes[i].base, 8);
		save(at + 9, shapes[i].exceptions, 4);
	}
	for (size_t i = 0; i < lanes; i++)
		at = write_lane(at, &shapes[i], lane_of(packer, first, i), stride, count);
	memset(at, 0, PADDING);
	int status = packer->layout->sketch ? write_sketches(packer, first, end, &bytes, error) : 0;
	if (status)
		return status;
	*ret_bytes = bytes;
	bytes = (struct nr_pack_bytes){0};
	return 0;
}

/* ---- reading ---- */

static int damaged(const struct nr_layout *layout, const char *what, struct nr_error *error)
{
	return nr_fail(error, -EBADMSG, "a pack of %s is damaged: %s", layout->name, what);
}

int nr_pack_open(struct nr_pack *ret_pack, const struct nr_layout *layout, const uint8_t *bytes,
	size_t length, struct nr_error *error)
{
	size_t lanes = layout->lanes + layout->sketch, need = HEAD_BYTES + lanes * LANE_BYTES + PADDING;
	if (length < need || bytes[0] < VERSION_BY_ROW || bytes[0] > VERSION || bytes[1] != lanes)
		return damaged(layout, "its head", error);
	struct nr_pack pack = {.layout = layout, .rows = load4(bytes + 2), .by_length = bytes[0] == VERSION};
	if (pack.rows > NR_PACK_ROWS_MAX)
		return damaged(layout, "too many rows", error);
	const uint8_t *values = bytes + HEAD_BYTES + lanes * LANE_BYTES;
	for (size_t i = 0; i < lanes; i++) {
		const uint8_t *head = bytes + HEAD_BYTES + i * LANE_BYTES;
		struct nr_pack_lane *lane = &pack.lane[i == layout->lanes ? NR_PACK_LANES_MAX : i];
		lane->width = head[0];
		lane->base = load(head + 1);
		lane->exception_count = load4(head + 9);
		if (lane->width > 8 || lane->exception_count > pack.rows)
			return damaged(layout, "a lane", error);
		lane->mask = mask_of(lane->width);
		size_t more = (size_t)pack.rows * lane->width;
		need += more + (size_t)lane->exception_count * EXCEPTION_BYTES;
		if (need > length)
			return damaged(layout, "it is cut short", error);
		lane->values = values;
		lane->exceptions = values + more;
		values = lane->exceptions + (size_t)lane->exception_count * EXCEPTION_BYTES;
	}
	if (need != length)
		return damaged(layout, "it is too long", error);
	/* rows differ, so each but one takes a byte: a few bytes cannot ask for the memory of a million rows
	 */
	if (pack.rows > length)
		return damaged(layout, "more rows than bytes", error);
	*ret_pack = pack;
	return 0;
}

/* The first exception that is not before a row. */
static uint32_t find_exception(const struct nr_pack_lane *lane, uint32_t row)
{
	uint32_t low = 0, high = lane->exception_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (load4(lane->exceptions + (size_t)middle * EXCEPTION_BYTES) < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint64_t exception_of(const struct nr_pack_lane *lane, uint32_t row, uint64_t otherwise)
{
	uint32_t at = find_exception(lane, row);
	const uint8_t *exception = lane->exceptions + (size_t)at * EXCEPTION_BYTES;
	return at < lane->exception_count && load4(exception) == row ? load(exception + 4) : otherwise;
}

NR_INLINE uint64_t get(const struct nr_pack_lane *lane, uint32_t row)
{
	uint64_t above = load(lane->values + (size_t)row * lane->width) & lane->mask;
	if (lane->exception_count && above == lane->mask)
		return exception_of(lane, row, lane->base + above);
	return lane->base + above;
}

uint64_t nr_pack_get(const struct nr_pack *pack, size_t lane, uint32_t row)
{
	return get(&pack->lane[lane], row);
}

/* A loop for each width, so that the compiler sees it. */
#define READ_NUMBERS(type, convert)                                                                          \
	for (uint32_t i = 0; i < count; i++) {                                                               \
		type number;                                                                                 \
		memcpy(&number, at + (size_t)i * sizeof number, sizeof number);                              \
		out[i] = base + convert(number);                                                             \
	}

static void read_numbers(const struct nr_pack_lane *lane, const uint8_t *at, uint32_t count, uint64_t *out)
{
	uint64_t base = lane->base;
	switch (lane->width) {
	case 0:
		for (uint32_t i = 0; i < count; i++)
			out[i] = base;
		break;
	case 1:
		READ_NUMBERS(uint8_t, )
		break;
	case 2:
		READ_NUMBERS(uint16_t, le16toh)
		break;
	case 4:
		READ_NUMBERS(uint32_t, le32toh)
		break;
	default:
		for (uint32_t i = 0; i < count; i++)
			out[i] = base + (load(at + (size_t)i * lane->width) & lane->mask);
		break;
	}
}

void nr_pack_read(const struct nr_pack *pack, size_t lane, uint32_t first, uint32_t count, uint64_t *out)
{
	const struct nr_pack_lane *from = &pack->lane[lane];
	read_numbers(from, from->values + (size_t)first * from->width, count, out);
	if (!from->exception_count)
		return;
	for (uint32_t i = find_exception(from, first); i < from->exception_count; i++) {
		const uint8_t *exception = from->exceptions + (size_t)i * EXCEPTION_BYTES;
		uint32_t row = load4(exception);
		if (row < first || row - first >= count)
			break;
		out[row - first] = load(exception + 4);
	}
}

bool nr_pack_is(const struct nr_pack *pack, uint32_t row, const uint64_t *key, size_t keys)
{
	for (size_t i = 0; i < keys; i++) {
		if (row >= pack->rows || get(&pack->lane[i], row) != key[i])
			return false;
	}
	return true;
}

static bool is_below(const struct nr_pack *pack, uint32_t row, const uint64_t *key, size_t keys)
{
	for (size_t i = 0; i < keys; i++) {
		uint64_t value = get(&pack->lane[i], row);
		if (value != key[i])
			return value < key[i];
	}
	return false;
}

static uint32_t find_between(
	const struct nr_pack *pack, const uint64_t *key, size_t keys, uint32_t low, uint32_t high)
{
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (is_below(pack, middle, key, keys))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t nr_pack_find(const struct nr_pack *pack, const uint64_t *key, size_t keys)
{
	return find_between(pack, key, keys, 0, pack->rows);
}

uint32_t nr_pack_find_from(const struct nr_pack *pack, const uint64_t *key, size_t keys, uint32_t first)
{
	uint32_t low = NR_MIN(first, pack->rows), high = pack->rows;
	for (uint32_t stride = 1; stride < high - low; stride *= 2) {
		if (!is_below(pack, low + stride, key, keys)) {
			high = low + stride;
			break;
		}
		low += stride + 1;
	}
	return find_between(pack, key, keys, low, high);
}

int nr_packer_take(struct nr_packer *packer, const struct nr_pack *pack, const uint8_t *sketches,
	size_t sketches_length, struct nr_error *error)
{
	uint64_t lanes[NR_PACK_LANES_MAX];
	struct nr_pack_places places;
	int status = pack->layout->sketch ? nr_pack_places_begin(&places, pack, error) : 0;
	for (uint32_t row = 0; row < pack->rows && !status; row++) {
		for (size_t i = 0; i < pack->layout->lanes; i++)
			lanes[i] = get(&pack->lane[i], row);
		uint64_t length = pack->layout->sketch ? get(&pack->lane[NR_PACK_LANES_MAX], row) : 0;
		if (length > NR_SKETCH_MAX)
			return damaged(pack->layout, "a sketch's length", error);
		uint64_t at = length ? nr_pack_place(&places, length) : 0;
		if (at > sketches_length || length > sketches_length - at)
			return damaged(pack->layout, "its sketches are cut short", error);
		status = nr_packer_add(packer, lanes, length ? sketches + at : NULL, length, error);
	}
	return status;
}
