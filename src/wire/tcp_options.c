/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/tcp_options.h"

enum tcp_option {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_TIMESTAMPS = 8,
};

/* ZMap's option sets (telescope reference 7.3); bytes at mss and tsval may be anything. */
struct layout {
	enum nr_option_kind kind;
	uint8_t length, tsval; /* offset of TSval, 0: none */
	uint8_t bytes[NR_TCP_OPTIONS_BYTES_MAX];
};

#define LAYOUT_MSS 2 /* offset of the MSS value in all of them */

static const struct layout layouts[] = {
	{NR_TCP_OPTIONS_ZMAP_WINDOWS, 12, 0, {2, 4, 0, 0, 1, 3, 3, 8, 1, 1, 4, 2}},
	{NR_TCP_OPTIONS_ZMAP_LINUX, 20, 8, {2, 4, 0, 0, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7}},
	{NR_TCP_OPTIONS_ZMAP_BSD, 24, 12,
		{2, 4, 0, 0, 1, 3, 3, 6, 1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 4, 2, 0, 0}},
};

static bool is_unix_time(const uint8_t *tsval, nr_time time)
{
	uint32_t seconds;
	memcpy(&seconds, tsval, 4);
	nr_time difference = 0;
	if (time == NR_TIME_MIN ||
		__builtin_sub_overflow(time, (nr_time)__builtin_bswap32(seconds) * NR_SECOND, &difference))
		return false;
	return difference >= -NR_TCP_OPTIONS_TIME_SLACK && difference <= NR_TCP_OPTIONS_TIME_SLACK;
}

static bool matches(const struct layout *layout, const uint8_t *options, nr_time time)
{
	uint8_t copy[NR_TCP_OPTIONS_BYTES_MAX];
	memcpy(copy, options, layout->length);
	copy[LAYOUT_MSS] = copy[LAYOUT_MSS + 1] = 0;
	if (layout->tsval)
		memset(copy + layout->tsval, 0, 4);
	return memcmp(copy, layout->bytes, layout->length) == 0 &&
	       (!layout->tsval || is_unix_time(options + layout->tsval, time));
}

enum nr_option_kind nr_tcp_options_kind(const uint8_t *options, size_t length, nr_time time)
{
	if (length == 0)
		return NR_TCP_OPTIONS_NONE;
	if (length == 4 && options[0] == OPTION_MSS && options[1] == 4)
		return options[2] == 0x05 && options[3] == 0xb4 ? NR_TCP_OPTIONS_MSS_1460
								: NR_TCP_OPTIONS_MSS;
	for (size_t i = 0; i < NR_COUNT(layouts); i++)
		if (layouts[i].length == length && matches(&layouts[i], options, time))
			return layouts[i].kind;
	return NR_TCP_OPTIONS_OTHER;
}

static uint32_t mix(uint32_t hash, uint8_t byte)
{
	return (hash ^ byte) * 16777619u; /* FNV-1a */
}

uint8_t nr_tcp_options_hash(const uint8_t *options, size_t length)
{
	if (length == 0)
		return 0;
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < length;) {
		uint8_t kind = options[i];
		hash = mix(hash, kind);
		if (kind == OPTION_END)
			break;
		if (kind == OPTION_NOP) {
			i++;
			continue;
		}
		/* A length that cannot be ends the walk: the rest has no meaning. */
		if (i + 1 >= length || options[i + 1] < 2 || options[i + 1] > length - i)
			break;
		bool value = kind != OPTION_TIMESTAMPS && kind != OPTION_MSS;
		for (size_t j = i + 2; value && j < i + options[i + 1]; j++)
			hash = mix(hash, options[j]);
		i += options[i + 1];
	}
	uint8_t folded = (uint8_t)(hash ^ hash >> 8 ^ hash >> 16 ^ hash >> 24);
	return folded ? folded : 1;
}
