/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes (C2SP signed-note) as text: what was signed, and lines of "— name base64(id, signature)". Who
 * signed is not judged here (trust/ledger/note.h). Pure: slices point into the bytes that were parsed.
 */
#ifndef NR_WIRE_NOTE_H
#define NR_WIRE_NOTE_H

#include "base/error.h"

#include <sys/types.h>

#define NR_NOTE_MAX            (64 * 1024) /* bytes of a note */
#define NR_NOTE_SIGNATURES_MAX 64          /* lines; the specification asks for 16 at least */
#define NR_NOTE_NAME_MAX       255
#define NR_NOTE_SIGNATURE_MAX  4096 /* bytes of one: ML-DSA-44 has 2420 */
#define NR_NOTE_KEY_MAX        2048 /* bytes of a public key with its type */

struct nr_note_line {
	const char *name;
	size_t name_length;
	uint32_t id; /* big-endian number of the key id's four bytes */
	const char *base64;
	size_t base64_length; /* of id and signature */
	size_t length;        /* bytes of the signature, without the id */
};

struct nr_note {
	const char *text; /* with its last newline, without the empty line */
	size_t text_length;
	struct nr_note_line lines[NR_NOTE_SIGNATURES_MAX];
	size_t count;
};

/* -EBADMSG: not a note; -E2BIG: one of the limits above. */
int nr_note_parse(const void *bytes, size_t length, struct nr_note *ret_note, struct nr_error *error);

/* One signature line, as witnesses answer it; the newline must be there. */
int nr_note_line_parse(
	const char *line, size_t length, struct nr_note_line *ret_line, struct nr_error *error);

/* The signature without the id. Answers line->length. */
size_t nr_note_signature(const struct nr_note_line *line, uint8_t bytes[static NR_NOTE_SIGNATURE_MAX]);

/* Whether a key may have this name: not empty, UTF-8, no Unicode space, no control character, no "+". */
bool nr_note_name_ok(const char *name, size_t length);

/* A verifier key: "name+hex id+base64(type, public key)". The id is not checked against the key. */
struct nr_vkey {
	const char *name;
	size_t name_length;
	uint32_t id;
	uint8_t type;
	uint8_t key[NR_NOTE_KEY_MAX];
	size_t key_length; /* without the type */
};
int nr_vkey_parse(const char *text, size_t length, struct nr_vkey *ret_key, struct nr_error *error);

/* Decimal without sign and leading zero, as sizes and indices are written; -EBADMSG, -ERANGE. */
int nr_note_number(const char *text, size_t length, uint64_t *ret_number);

#endif
