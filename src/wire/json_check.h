/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this one JSON text (RFC 8259) that every reader understands alike? Stricter than readers are, for what
 * is signed: UTF-8 without faults, no name twice in an object, names without escapes (they have two
 * spellings), no U+0000 and no lone surrogates, nesting and members bounded. Pure: no allocation, no I/O.
 */
#ifndef NR_WIRE_JSON_CHECK_H
#define NR_WIRE_JSON_CHECK_H

#include "base/error.h"

#define NR_JSON_CHECK_DEPTH 32
#define NR_JSON_CHECK_NAMES 512 /* names of all objects that are open at one place */

/* -EBADMSG: says what is wrong, and at which byte. */
int nr_json_check(const uint8_t *bytes, size_t length, struct nr_error *error);

#endif
