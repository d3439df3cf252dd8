/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648 section 4, padded; section 5 for URLs, not padded). Strict: no white space, no other
 * padding, no bits beyond the last byte. So every byte string has one text and no other. Pure.
 */
#ifndef NR_WIRE_BASE64_H
#define NR_WIRE_BASE64_H

#include "base/base.h"

#include <sys/types.h>

/* Characters that n bytes take, without the NUL. */
#define NR_BASE64_TEXT(n) (((size_t)(n) + 2) / 3 * 4)

/* Writes the text and a NUL; text holds NR_BASE64_TEXT(length) + 1. Answers its length. */
size_t nr_base64_write(const void *bytes, size_t length, char *text);
size_t nr_base64url_write(const void *bytes, size_t length, char *text);

/* Answers the number of bytes, at most room; -EINVAL: not base64, or -ENOSPC: more than room. bytes may be
 * NULL where only the length is asked for; then room does not matter. */
ssize_t nr_base64_read(const char *text, size_t text_length, void *bytes, size_t room);
ssize_t nr_base64url_read(const char *text, size_t text_length, void *bytes, size_t room);

#endif
