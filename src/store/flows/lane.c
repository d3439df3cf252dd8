/* SPDX-License-Identifier: Apache-2.0 */
#include "store/flows/lane.h"

#include <errno.h>
#include <string.h>

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

int nr_flow_lane_pack(struct nr_flow_coder *coder, const void *values, unsigned width, uint32_t count,
	struct nr_flow_bytes *into, struct nr_flow_section *section)
{
	uint64_t min, max;
	size_t begin = into->length;
	BY_WIDTH(width, RANGE, values, count, &min, &max)
	section->base = min;
	section->length = 0;
	section->codec = NR_FLOW_CODEC_CONSTANT;
	section->planes = 0;
	if (min == max)
		return 0;
	section->codec = NR_FLOW_CODEC_PLANES;
	section->planes = (uint8_t)((64 - __builtin_clzll(max - min) + 7) / 8);
	if (nr_flow_bytes_reserve(into, section->planes * sizeof(uint32_t)))
		return -ENOMEM;
	into->length += section->planes * sizeof(uint32_t);
	for (unsigned p = 0; p < section->planes; p++) {
		uint32_t word;
		BY_WIDTH(width, SPLIT, values, count, min, 8 * p, coder->planes)
		if (plane_pack(coder, coder->planes, count, into, &word))
			return -ENOMEM;
		memcpy(into->bytes + begin + p * sizeof word, &word, sizeof word);
	}
	section->length = (uint32_t)(into->length - begin);
	return 0;
}

/* The plane's bytes: where they are, or in coder->planes; NULL: it is not sound. */
static const uint8_t *plane_read(
	struct nr_flow_coder *coder, uint32_t word, const uint8_t *bytes, size_t left, uint32_t count)
{
	size_t length = word & ~NR_FLOW_PLANE_RAW;
	if (length > left)
		return NULL;
	if (word & NR_FLOW_PLANE_RAW)
		return length == count ? bytes : NULL;
	size_t got = ZSTD_decompressDCtx(coder->out, coder->planes, count, bytes, length);
	return ZSTD_isError(got) || got != count ? NULL : coder->planes;
}

int nr_flow_lane_read(struct nr_flow_coder *coder, const struct nr_flow_section *section,
	const uint8_t *bytes, void *values, unsigned width, uint32_t count)
{
	BY_WIDTH(width, FILL, values, count, section->base)
	if (section->codec == NR_FLOW_CODEC_CONSTANT)
		return 0;
	size_t at = section->planes * sizeof(uint32_t);
	if (section->codec != NR_FLOW_CODEC_PLANES || section->planes > width || at > section->length)
		return -EBADMSG;
	for (unsigned p = 0; p < section->planes; p++) {
		uint32_t word;
		memcpy(&word, bytes + p * sizeof word, sizeof word);
		if (word & NR_FLOW_PLANE_CONSTANT) {
			memset(coder->planes, word & 0xff, count);
			BY_WIDTH(width, JOIN, values, count, 8 * p, coder->planes)
			continue;
		}
		const uint8_t *plane = plane_read(coder, word, bytes + at, section->length - at, count);
		if (!plane)
			return -EBADMSG;
		at += word & ~NR_FLOW_PLANE_RAW;
		BY_WIDTH(width, JOIN, values, count, 8 * p, plane)
	}
	return 0;
}
