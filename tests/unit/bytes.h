/* SPDX-License-Identifier: Apache-2.0 */
/* Files of tests are put together here: numbers in either byte order into a fixed buffer. */
#ifndef NR_TEST_BYTES_H
#define NR_TEST_BYTES_H

#include "hex.h"
#include <stdbool.h>

struct bytes {
	uint8_t data[8192];
	size_t length;
	bool big; /* byte order of what is put next */
};

static inline void put(struct bytes *b, const void *data, size_t length)
{
	assert(b->length + length <= sizeof b->data);
	memcpy(b->data + b->length, data, length);
	b->length += length;
}

static inline void put_u16(struct bytes *b, uint16_t v)
{
	v = b->big ? __builtin_bswap16(v) : v;
	put(b, &v, sizeof v);
}

static inline void put_u32(struct bytes *b, uint32_t v)
{
	v = b->big ? __builtin_bswap32(v) : v;
	put(b, &v, sizeof v);
}

static inline void put_u64(struct bytes *b, uint64_t v)
{
	v = b->big ? __builtin_bswap64(v) : v;
	put(b, &v, sizeof v);
}

static inline void put_zeros(struct bytes *b, size_t count)
{
	static const uint8_t zeros[1024];
	put(b, zeros, count);
}

static inline void put_hex(struct bytes *b, const char *text)
{
	b->length += hex_parse(text, b->data + b->length, sizeof b->data - b->length);
}

#endif
