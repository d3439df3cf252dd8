/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two-person release: a key seals only while two different persons have said so, for a reason and a time.
 * What they sign is a note (C2SP signed-note) whose text has six lines:
 *
 *	noroshi release v1
 *	key HEX          SHA-256 of the key's SubjectPublicKeyInfo
 *	purposes seal,jws
 *	from RFC3339
 *	until RFC3339    at most NR_RELEASE_MAX later
 *	reason TEXT
 *
 * Persons have Ed25519 note keys; the signer is started with their verifier keys.
 */
#ifndef NR_TRUST_SIGNER_RELEASE_H
#define NR_TRUST_SIGNER_RELEASE_H

#include "trust/signer/keyfile.h"

#define NR_RELEASE_MAX        (31 * NR_DAY)
#define NR_RELEASE_REASON_MAX 200 /* bytes */
#define NR_RELEASE_PERSONS    2

struct nr_release {
	char key[NR_KEY_ID_TEXT];
	unsigned purposes; /* bits 1u << enum nr_signer_purpose */
	nr_time from, until;
	char reason[NR_RELEASE_REASON_MAX + 1];
};
#define NR_RELEASE_TEXT 640
/* Answers the length. */
size_t nr_release_write(const struct nr_release *release, char ret_text[static NR_RELEASE_TEXT]);
int nr_release_parse(const char *text, size_t length, struct nr_release *ret_release, struct nr_error *error);

/* How many different persons (by their public keys) of vkeys signed the note. 0, or -errno: damaged, or a
 * signature of one of them does not hold. */
int nr_release_count(const struct nr_note *note, const struct nr_note_key *persons, size_t count,
	size_t *ret_signed, struct nr_error *error);

/* The release that a key of the signer needs: reads conf->release and conf->releasers (files with verifier
 * keys), wants two persons, this key, all of its purposes, and a time that has not passed. */
int nr_release_read(const struct nr_signer_key *conf, const char *key_id, nr_time now, nr_time *ret_from,
	nr_time *ret_until, struct nr_error *error);

#endif
