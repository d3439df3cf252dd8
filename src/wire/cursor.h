/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes are read through a cursor with a sticky error: a read past the end answers 0 and sets `failed`; reads
 * after that do nothing. One check at the end of a header is enough. Big-endian (network order) unless the
 * name says _le.
 */
#ifndef NR_WIRE_CURSOR_H
#define NR_WIRE_CURSOR_H

#include "base/base.h"
#include <string.h>

struct nr_cursor {
	const uint8_t *at, *end;
	bool failed;
};

NR_INLINE struct nr_cursor nr_cursor_over(const void *bytes, size_t length)
{
	const uint8_t *p = bytes;
	return (struct nr_cursor){p, p + length, false};
}

NR_INLINE size_t nr_cursor_left(const struct nr_cursor *c)
{
	return (size_t)(c->end - c->at);
}

/* The next n bytes and moves past them; NULL (and failed) where there are fewer. */
NR_INLINE const uint8_t *nr_cursor_take(struct nr_cursor *c, size_t n)
{
	if (NR_UNLIKELY(c->failed || nr_cursor_left(c) < n)) {
		c->failed = true;
		return NULL;
	}
	const uint8_t *p = c->at;
	c->at += n;
	return p;
}

#define NR_CURSOR_READ(name, type, swap)                                                                     \
	NR_INLINE type name(struct nr_cursor *c)                                                             \
	{                                                                                                    \
		type v = 0;                                                                                  \
		const uint8_t *p = nr_cursor_take(c, sizeof v);                                              \
		if (NR_LIKELY(p != NULL))                                                                    \
			memcpy(&v, p, sizeof v);                                                             \
		return (type)swap(v);                                                                        \
	}

#define NR_CURSOR_SAME(v) (v)
NR_CURSOR_READ(nr_cursor_u8, uint8_t, NR_CURSOR_SAME)
NR_CURSOR_READ(nr_cursor_u16, uint16_t, __builtin_bswap16)
NR_CURSOR_READ(nr_cursor_u32, uint32_t, __builtin_bswap32)
NR_CURSOR_READ(nr_cursor_u64, uint64_t, __builtin_bswap64)
NR_CURSOR_READ(nr_cursor_u16_le, uint16_t, NR_CURSOR_SAME)
NR_CURSOR_READ(nr_cursor_u32_le, uint32_t, NR_CURSOR_SAME)
NR_CURSOR_READ(nr_cursor_u64_le, uint64_t, NR_CURSOR_SAME)

NR_INLINE void nr_cursor_skip(struct nr_cursor *c, size_t n)
{
	(void)nr_cursor_take(c, n);
}

#endif
