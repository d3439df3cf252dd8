/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of tests as text: "45 00 00 28"; blanks are for the reader. */
#ifndef NR_TEST_HEX_H
#define NR_TEST_HEX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline unsigned hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = strchr(digits, c);
	assert(c && at);
	return (unsigned)(at - digits);
}

/* Returns the number of bytes; out holds room. */
static inline size_t hex_parse(const char *text, uint8_t *out, size_t room)
{
	size_t n = 0;
	while (*text) {
		if (*text == ' ') {
			text++;
			continue;
		}
		assert(n < room);
		out[n++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
		text += 2;
	}
	return n;
}

#endif
