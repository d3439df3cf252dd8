/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/base64.h"

#include <errno.h>

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t write_text(const uint8_t *in, size_t length, char *text, const char *alphabet, bool pad)
{
	char *out = text;
	for (; length >= 3; length -= 3, in += 3) {
		*out++ = alphabet[in[0] >> 2];
		*out++ = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
		*out++ = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
		*out++ = alphabet[in[2] & 63];
	}
	if (length) {
		unsigned second = length == 2 ? in[1] : 0;
		*out++ = alphabet[in[0] >> 2];
		*out++ = alphabet[(in[0] & 3u) << 4 | second >> 4];
		if (length == 2)
			*out++ = alphabet[(second & 15) << 2];
		for (size_t i = length; pad && i < 3; i++)
			*out++ = '=';
	}
	*out = '\0';
	return (size_t)(out - text);
}

/* 64: not of the alphabet. */
static unsigned value_of(char c, const char *alphabet)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0' + 52);
	return c == alphabet[62] ? 62 : c == alphabet[63] ? 63 : 64;
}

/* text has no padding any more. */
static ssize_t read_text(const char *text, size_t length, uint8_t *bytes, size_t room, const char *alphabet)
{
	if (length % 4 == 1)
		return -EINVAL;
	size_t wanted = length / 4 * 3 + (length % 4 ? length % 4 - 1 : 0), done = 0;
	if (bytes && wanted > room)
		return -ENOSPC;
	uint32_t bits = 0;
	unsigned count = 0;
	for (size_t i = 0; i < length; i++) {
		unsigned value = value_of(text[i], alphabet);
		if (value > 63)
			return -EINVAL;
		bits = (bits << 6 | value) & 0xffff;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		if (bytes)
			bytes[done] = (uint8_t)(bits >> count);
		done++;
	}
	if (bits & ((1u << count) - 1))
		return -EINVAL;
	return (ssize_t)done;
}

size_t nr_base64_write(const void *bytes, size_t length, char *text)
{
	return write_text(bytes, length, text, plain, true);
}

size_t nr_base64url_write(const void *bytes, size_t length, char *text)
{
	return write_text(bytes, length, text, for_urls, false);
}

ssize_t nr_base64_read(const char *text, size_t text_length, void *bytes, size_t room)
{
	if (text_length % 4)
		return -EINVAL;
	size_t padding = 0;
	while (padding < 2 && padding < text_length && text[text_length - 1 - padding] == '=')
		padding++;
	return read_text(text, text_length - padding, bytes, room, plain);
}

ssize_t nr_base64url_read(const char *text, size_t text_length, void *bytes, size_t room)
{
	return read_text(text, text_length, bytes, room, for_urls);
}
