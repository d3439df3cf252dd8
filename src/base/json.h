/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small streaming JSON writer (RFC 8259) into a growing buffer or a stream. Commas and nesting are its
 * business. Its error is sticky: after a failed allocation every call does nothing and nr_json_finish()
 * answers -ENOMEM. Text is expected to be UTF-8; bytes that are not are written as U+FFFD, control characters
 * are escaped.
 */
#ifndef NR_BASE_JSON_H
#define NR_BASE_JSON_H

#include "base/address.h"
#include "base/time.h"

#define NR_JSON_DEPTH 32 /* deeper nesting is a bug: assertion */

struct nr_json {
	char *bytes; /* owned; NUL-terminated after _finish */
	size_t length, room;
	FILE *stream; /* NULL: all of it stays in bytes */
	bool failed;
	bool pretty; /* two-space indent; set before the first write */
	uint8_t depth;
	bool comma[NR_JSON_DEPTH];
	bool after_key;
};

void nr_json_init(struct nr_json *json);
/* Writes to a stream, which stays the caller's, piece by piece: bytes is only the piece, and what could not
 * be written is known to the stream (ferror). */
void nr_json_init_stream(struct nr_json *json, FILE *stream);
void nr_json_fini(struct nr_json *json);
int nr_json_finish(struct nr_json *json, struct nr_error *error);

/* A part of a document that another thread writes: what is open in `of` is open in it, and its first value
 * stands behind another one where one does in `of`, or `behind` says so. Empties a part that was used before
 * and keeps its memory; a new one is all zero. */
void nr_json_begin_part(struct nr_json *part, const struct nr_json *of, bool behind);
/* Adds what a part holds, whose arrays and objects have ended. */
void nr_json_add_part(struct nr_json *json, const struct nr_json *part);

/* key is NULL inside arrays and at the top. Several values at the top are lines of their own (JSON lines). */
void nr_json_object(struct nr_json *json, const char *key);
void nr_json_object_end(struct nr_json *json);
void nr_json_array(struct nr_json *json, const char *key);
void nr_json_array_end(struct nr_json *json);

void nr_json_text(struct nr_json *json, const char *key, const char *text); /* NULL text -> null */
void nr_json_text_n(struct nr_json *json, const char *key, const char *text, size_t length);
void nr_json_uint(struct nr_json *json, const char *key, uint64_t value);
void nr_json_int(struct nr_json *json, const char *key, int64_t value);
void nr_json_real(struct nr_json *json, const char *key,
	double value); /* shortest form that reads back; NaN, inf -> null */
void nr_json_bool(struct nr_json *json, const char *key, bool value);
void nr_json_null(struct nr_json *json, const char *key);
void nr_json_time(
	struct nr_json *json, const char *key, nr_time value); /* RFC 3339; NR_TIME_MIN/MAX -> null */
void nr_json_address(struct nr_json *json, const char *key, const struct nr_address *value);
void nr_json_raw(struct nr_json *json, const char *key, const char *json_text); /* already JSON; trusted */

#endif
