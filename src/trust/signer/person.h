/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person who agrees to something by signing a note: an Ed25519 note key (noroshi key note), of which others
 * know the verifier key. What two of them must have signed is counted by nr_release_count().
 */
#ifndef NR_TRUST_SIGNER_PERSON_H
#define NR_TRUST_SIGNER_PERSON_H

#include "trust/signer/keyfile.h"

#define NR_VKEY_SUFFIX ".vkey"

struct nr_person {
	EVP_PKEY *key; /* owned */
	struct nr_note_key public_key;
};
/* PATH and PATH.vkey, which must belong together. passphrase_file: NULL where the key is not encrypted. */
int nr_person_read(
	const char *path, const char *passphrase_file, struct nr_person *ret_person, struct nr_error *error);
void nr_person_fini(struct nr_person *person);

/* Adds the person's line to the *length bytes of the note; the first text_length of them are signed. */
int nr_person_sign(const struct nr_person *person, char note[static NR_NOTE_MAX], size_t *length,
	size_t text_length, struct nr_error *error);

#endif
