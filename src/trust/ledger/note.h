/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signed a note (C2SP signed-note, tlog-cosignature; RFC 6962 tree heads as static-ct-api carries them).
 * A signature of a key that is not known here, or of a type that is not, says nothing. One of a known key
 * that does not hold spoils the note.
 */
#ifndef NR_TRUST_LEDGER_NOTE_H
#define NR_TRUST_LEDGER_NOTE_H

#include "trust/ledger/merkle.h"
#include "wire/note.h"

#include <openssl/evp.h>

enum nr_note_type {
	NR_NOTE_ED25519 = 0x01,
	NR_NOTE_ECDSA = 0x02,       /* SHA-256; the id is of the SubjectPublicKeyInfo alone */
	NR_NOTE_COSIGNATURE = 0x04, /* Ed25519 over time and checkpoint */
	NR_NOTE_RFC6962 = 0x05,     /* ECDSA or RSA over a TreeHeadSignature */
};

struct nr_note_key {
	char name[NR_NOTE_NAME_MAX + 1];
	uint32_t id;
	uint8_t type;
	EVP_PKEY *key;       /* owned. NULL: a type that is not known here (ML-DSA, ...) */
	struct nr_hash hash; /* of the public key, whatever it is used as */
};

/* -EBADMSG: not a verifier key, or its id is not that of its key. */
int nr_note_key_parse(const char *vkey, size_t length, struct nr_note_key *ret_key, struct nr_error *error);
void nr_note_key_fini(struct nr_note_key *key);

/* Whether the line says that it is of this key, and of a type that is known here. */
bool nr_note_line_is_by(const struct nr_note_line *line, const struct nr_note_key *key);

struct nr_note_verdict {
	bool valid;
	uint64_t time; /* that it says, s: cosignatures and RFC 6962; else 0 */
};

/* verdicts[i] is of keys[i]. 0: at least one signature of a known key, and all of them hold. -EKEYREJECTED:
 * one does not. -ENOKEY: none is of a known key. After a failure verdicts say nothing. */
int nr_note_verify(const struct nr_note *note, const struct nr_note_key *keys, size_t count,
	struct nr_note_verdict *ret_verdicts, struct nr_error *error);

/* ---- writing ---- */

/* The first four bytes of SHA-256(name, 0x0A, type, key). Not for NR_NOTE_ECDSA. */
uint32_t nr_note_id(const char *name, uint8_t type, const uint8_t *key, size_t length);

/* "name+id+base64" and a NUL; -EINVAL: no such name. */
#define NR_NOTE_VKEY_TEXT 512
int nr_note_vkey_write(const char *name, uint8_t type, const uint8_t key[static 32],
	char text[static NR_NOTE_VKEY_TEXT], struct nr_error *error);

/* Appends a signature line to the *length bytes at note, which holds room; -ENOSPC. */
int nr_note_add_line(char *note, size_t *length, size_t room, const char *name, uint32_t id,
	const uint8_t *signature, size_t signature_length, struct nr_error *error);

/* What a cosigner signs: "cosignature/v1\ntime N\n" and the checkpoint's text. Answers the length; 0: more
 * than room. */
size_t nr_cosignature_message(
	uint64_t time_seconds, const char *text, size_t text_length, char *message, size_t room);
#define NR_COSIGNATURE_BYTES (8 + 64) /* u64 time, Ed25519 */

#endif
