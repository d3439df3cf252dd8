/* SPDX-License-Identifier: Apache-2.0 */
#include "store/flows/lane.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#define PLANES_STRIDE (NR_FLOW_PART_ROWS)

int nr_flow_bytes_reserve(struct nr_flow_bytes *bytes, size_t more)
{
	if (bytes->room - bytes->length >= more)
		return 0;
	size_t room = NR_MAX(bytes->room * 2, bytes->length + more);
	uint8_t *grown = realloc(bytes->bytes, room);
	if (!grown)
		return -ENOMEM;
	bytes->bytes = grown;
	bytes->room = room;
	return 0;
}

void nr_flow_bytes_fini(struct nr_flow_bytes *bytes)
{
	free(bytes->bytes);
	*bytes = (struct nr_flow_bytes){0};
}

int nr_flow_coder_init(struct nr_flow_coder *coder)
{
	*coder = (struct nr_flow_coder){.in = ZSTD_createCCtx(),
		.out = ZSTD_createDCtx(),
		.planes = aligned_alloc(NR_CACHE_LINE, (size_t)NR_FLOW_PLANES_MAX * PLANES_STRIDE)};
	if (coder->in && coder->out && coder->planes) {
		ZSTD_CCtx_setParameter(coder->in, ZSTD_c_compressionLevel, 1);
		ZSTD_CCtx_setParameter(coder->in, ZSTD_c_contentSizeFlag, 0);
		ZSTD_CCtx_setParameter(
			coder->in, ZSTD_c_minMatch, 7); /* short ones cost more than they save */
		return 0;
	}
	nr_flow_coder_fini(coder);
	return -ENOMEM;
}

void nr_flow_coder_fini(struct nr_flow_coder *coder)
{
	ZSTD_freeCCtx(coder->in);
	ZSTD_freeDCtx(coder->out);
	free(coder->planes);
	*coder = (struct nr_flow_coder){0};
}

void nr_flow_coder_hurry(struct nr_flow_coder *coder, bool hurry)
{
	if (coder->hurried != hurry)
		ZSTD_CCtx_setParameter(coder->in, ZSTD_c_compressionLevel, hurry ? -1 : 1);
	coder->hurried = hurry;
}

/* ---- one width each ---- */

#define LANE(T, W)                                                                                           \
	static void range_##W(const T *values, uint32_t count, uint64_t *ret_min, uint64_t *ret_max)         \
	{                                                                                                    \
		T min = values[0], max = values[0];                                                          \
		for (uint32_t i = 1; i < count; i++) {                                                       \
			min = NR_MIN(min, values[i]);                                                        \
			max = NR_MAX(max, values[i]);                                                        \
		}                                                                                            \
		*ret_min = min;                                                                              \
		*ret_max = max;                                                                              \
	}                                                                                                    \
	static void split_##W(                                                                               \
		const T *restrict values, uint32_t count, T base, unsigned shift, uint8_t *restrict plane)   \
	{                                                                                                    \
		for (uint32_t i = 0; i < count; i++)                                                         \
			plane[i] = (uint8_t)((T)(values[i] - base) >> shift);                                \
	}                                                                                                    \
	static void begin_##W(T *restrict values, uint32_t count, T base, const uint8_t *restrict plane)     \
	{                                                                                                    \
		for (uint32_t i = 0; i < count; i++)                                                         \
			values[i] = (T)(base + plane[i]);                                                    \
	}                                                                                                    \
	static void join_##W(                                                                                \
		T *restrict values, uint32_t count, unsigned shift, const uint8_t *restrict plane)           \
	{                                                                                                    \
		for (uint32_t i = 0; i < count; i++)                                                         \
			values[i] = (T)(values[i] + (T)((T)plane[i] << shift));                              \
	}                                                                                                    \
	static void fill_##W(T *values, uint32_t count, T value)                                             \
	{                                                                                                    \
		for (uint32_t i = 0; i < count; i++)                                                         \
			values[i] = value;                                                                   \
	}
LANE(uint8_t, 1)
LANE(uint16_t, 2)
LANE(uint32_t, 4)
LANE(uint64_t, 8)

#define BY_WIDTH(width, F, ...)                                                                              \
	switch (width) {                                                                                     \
	case 1:                                                                                              \
		F(uint8_t, 1, __VA_ARGS__);                                                                  \
		break;                                                                                       \
	case 2:                                                                                              \
		F(uint16_t, 2, __VA_ARGS__);                                                                 \
		break;                                                                                       \
	case 4:                                                                                              \
		F(uint32_t, 4, __VA_ARGS__);                                                                 \
		break;                                                                                       \
	default:                                                                                             \
		F(uint64_t, 8, __VA_ARGS__);                                                                 \
	}
#define RANGE(T, W, values, count, min, max)        range_##W(values, count, min, max)
#define SPLIT(T, W, values, count, base, shift, to) split_##W(values, count, (T)(base), shift, to)
#define BEGIN(T, W, values, count, base, from)      begin_##W(values, count, (T)(base), from)
#define JOIN(T, W, values, count, shift, from)      join_##W(values, count, shift, from)
#define FILL(T, W, values, count, value)            fill_##W(values, count, (T)(value))

static bool is_constant(const uint8_t *plane, uint32_t count)
{
	return count < 2 || memcmp(plane, plane + 1, count - 1) == 0;
}

/* Adds the plane; its word. Less than one part in 32 saved is not worth the time to read it. */
static int plane_pack(struct nr_flow_coder *coder, const uint8_t *plane, uint32_t count,
	struct nr_flow_bytes *into, uint32_t *ret_word)
{
	if (is_constant(plane, count)) {
		*ret_word = NR_FLOW_PLANE_CONSTANT | plane[0];
		return 0;
	}
	size_t room = ZSTD_compressBound(count);
	if (nr_flow_bytes_reserve(into, room))
		return -ENOMEM;
	uint8_t *to = into->bytes + into->length;
	size_t packed = ZSTD_compress2(coder->in, to, room, plane, count);
	if (ZSTD_isError(packed) || packed > count - count / 32) {
		memcpy(to, plane, count);
		packed = count;
		*ret_word = NR_FLOW_PLANE_RAW | count;
	} else {
		*ret_word = (uint32_t)packed;
	}
	into->length += packed;
	return 0;
}

static uint32_t chunk_count(uint32_t count, unsigned chunk)
{
	return (uint32_t)(((uint64_t)count + (1u << chunk) - 1) >> chunk);
}

/* Bytes of a chunk's entry in the table. */
static size_t entry_bytes(unsigned planes)
{
	return 8 + (planes * sizeof(uint32_t) + 7) / 8 * 8;
}

/* Adds a chunk's planes and fills its entry, which stands at `entry` in `into`. */
static int chunk_pack(struct nr_flow_coder *coder, const void *values, unsigned width, uint32_t count,
	const struct nr_flow_section *section, struct nr_flow_bytes *into, size_t entry)
{
	uint32_t words[NR_FLOW_PLANES_MAX] = {0};
	size_t begin = into->length;
	for (unsigned p = 0; p < section->planes; p++) {
		BY_WIDTH(width, SPLIT, values, count, section->base, 8 * p, coder->planes)
		if (plane_pack(coder, coder->planes, count, into, &words[p]))
			return -ENOMEM;
	}
	uint64_t checksum = XXH3_64bits(into->bytes + begin, into->length - begin);
	memcpy(into->bytes + entry, &checksum, sizeof checksum);
	memcpy(into->bytes + entry + sizeof checksum, words, entry_bytes(section->planes) - sizeof checksum);
	return 0;
}

int nr_flow_lane_pack(struct nr_flow_coder *coder, const void *values, unsigned width, uint32_t count,
	unsigned chunk, struct nr_flow_bytes *into, struct nr_flow_section *section)
{
	uint64_t min, max;
	size_t begin = into->length;
	BY_WIDTH(width, RANGE, values, count, &min, &max)
	section->base = min;
	section->length = 0;
	section->codec = NR_FLOW_CODEC_CONSTANT;
	section->planes = 0;
	section->chunk = (uint8_t)chunk;
	section->checksum = 0;
	if (min == max)
		return 0;
	section->codec = NR_FLOW_CODEC_PLANES;
	section->planes = (uint8_t)((64 - __builtin_clzll(max - min) + 7) / 8);
	size_t table = chunk_count(count, chunk) * entry_bytes(section->planes);
	if (nr_flow_bytes_reserve(into, table))
		return -ENOMEM;
	into->length += table;
	for (uint32_t i = 0, from = 0; from < count; i++, from += 1u << chunk)
		if (chunk_pack(coder, (const char *)values + (size_t)from * width, width,
			    NR_MIN(count - from, 1u << chunk), section, into,
			    begin + i * entry_bytes(section->planes)))
			return -ENOMEM;
	section->length = (uint32_t)(into->length - begin);
	section->checksum = XXH3_64bits(into->bytes + begin, table);
	return 0;
}

/* ---- reading ---- */

static size_t plane_length(uint32_t word)
{
	return word & NR_FLOW_PLANE_CONSTANT ? 0 : word & ~NR_FLOW_PLANE_RAW;
}

/* The plane's bytes: where they are, or in coder->planes; NULL: it is not sound. */
static const uint8_t *plane_read(
	struct nr_flow_coder *coder, uint32_t word, const uint8_t *bytes, uint32_t count)
{
	size_t length = plane_length(word);
	if (word & NR_FLOW_PLANE_CONSTANT)
		return memset(coder->planes, (int)(word & 0xff), count);
	if (word & NR_FLOW_PLANE_RAW)
		return length == count ? bytes : NULL;
	size_t got = ZSTD_decompressDCtx(coder->out, coder->planes, count, bytes, length);
	return ZSTD_isError(got) || got != count ? NULL : coder->planes;
}

static int chunk_read(struct nr_flow_coder *coder, const struct nr_flow_section *section,
	const uint32_t *words, const uint8_t *bytes, void *values, unsigned width, uint32_t count)
{
	for (unsigned p = 0; p < section->planes; p++) {
		const uint8_t *plane = plane_read(coder, words[p], bytes, count);
		if (!plane)
			return -EBADMSG;
		if (!p)
			BY_WIDTH(width, BEGIN, values, count, section->base, plane)
		else if (words[p] != NR_FLOW_PLANE_CONSTANT) /* not all zero */
			BY_WIDTH(width, JOIN, values, count, 8 * p, plane)
		bytes += plane_length(words[p]);
	}
	return 0;
}

/* A section that is being read. */
struct reading {
	struct nr_flow_coder *coder;
	const struct nr_flow_section *section;
	struct nr_flow_part_source *source;
	const uint8_t *whole; /* NULL: each chunk is fetched */
	uint64_t at;          /* of the next chunk in the section */
};

static int chunk_fetch(
	struct reading *r, const uint8_t *entry, void *values, unsigned width, uint32_t count, bool wanted)
{
	uint32_t words[NR_FLOW_PLANES_MAX];
	uint64_t checksum, length = 0;
	memcpy(&checksum, entry, sizeof checksum);
	memcpy(words, entry + sizeof checksum, r->section->planes * sizeof *words);
	for (unsigned p = 0; p < r->section->planes; p++)
		length += plane_length(words[p]);
	if (length > r->section->length - r->at)
		return -EBADMSG;
	uint64_t at = r->at;
	r->at += length;
	if (!wanted)
		return 0;
	int code = 0;
	const uint8_t *bytes =
		r->whole ? r->whole + at
			 : r->source->get(r->source, r->section->offset + at, (uint32_t)length, &code);
	if (!bytes)
		return code;
	if (XXH3_64bits(bytes, length) != checksum)
		return -EBADMSG;
	return chunk_read(r->coder, r->section, words, bytes, values, width, count);
}

static void fill_chunks(
	const struct nr_flow_section *section, void *values, unsigned width, uint32_t count, uint64_t chunks)
{
	uint32_t size = 1u << section->chunk;
	for (uint32_t i = 0, from = 0; from < count; i++, from += size)
		if (chunks >> i & 1) {
			char *at = (char *)values + (size_t)from * width;
			BY_WIDTH(width, FILL, (void *)at, NR_MIN(count - from, size), section->base)
		}
}

int nr_flow_lane_read(struct nr_flow_coder *coder, const struct nr_flow_section *section,
	struct nr_flow_part_source *source, void *values, unsigned width, uint32_t count, uint64_t chunks)
{
	uint8_t table[64 * 40]; /* 64 chunks of 8 planes */
	if (section->chunk < NR_FLOW_CHUNK_LEAST || section->chunk >= NR_FLOW_CHUNK_BITS)
		return -EBADMSG;
	if (section->codec == NR_FLOW_CODEC_CONSTANT) {
		fill_chunks(section, values, width, count, chunks);
		return 0;
	}
	if (section->codec != NR_FLOW_CODEC_PLANES || !section->planes || section->planes > width)
		return -EBADMSG;
	uint32_t n = chunk_count(count, section->chunk);
	size_t entry = entry_bytes(section->planes), length = n * entry;
	if (length > section->length || length > sizeof table)
		return -EBADMSG;
	uint64_t all = n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
	bool whole = (chunks & all) == all;
	int code = 0;
	const uint8_t *bytes =
		source->get(source, section->offset, whole ? section->length : (uint32_t)length, &code);
	if (!bytes)
		return code;
	if (XXH3_64bits(bytes, length) != section->checksum)
		return -EBADMSG;
	memcpy(table, bytes, length);
	struct reading r = {coder, section, source, whole ? bytes : NULL, length};
	for (uint32_t i = 0, from = 0; i < n; i++, from += 1u << section->chunk) {
		int e = chunk_fetch(&r, table + i * entry, (char *)values + (size_t)from * width, width,
			NR_MIN(count - from, 1u << section->chunk), chunks >> i & 1);
		if (e)
			return e;
	}
	return 0;
}
