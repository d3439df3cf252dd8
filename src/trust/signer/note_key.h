/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that sign notes (C2SP signed-note): Ed25519, with a name. A verifier key is "name+id+key" in one line.
 */
#ifndef NR_TRUST_SIGNER_NOTE_KEY_H
#define NR_TRUST_SIGNER_NOTE_KEY_H

#include "trust/signer/keyfile.h"

#define NR_NOTE_KEY_NAME_MAX 255
#define NR_VKEY_TEXT         (NR_NOTE_KEY_NAME_MAX + 1 + 8 + 1 + 44 + 1) /* with the NUL */

/* Not empty, no space or control character, no "+". */
bool nr_note_key_name_ok(const char *name);

/* First four bytes of SHA-256(name, newline, type Ed25519, public key). */
uint32_t nr_note_key_id(const char *name, const uint8_t public_key[static 32]);

int nr_vkey_of(
	const char *name, const EVP_PKEY *key, char ret_text[static NR_VKEY_TEXT], struct nr_error *error);

#endif
