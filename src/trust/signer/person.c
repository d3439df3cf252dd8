/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/person.h"
#include "base/file.h"

#include <errno.h>
#include <string.h>

void nr_person_fini(struct nr_person *person)
{
	EVP_PKEY_free(person->key);
	nr_note_key_fini(&person->public_key);
}

int nr_person_read(
	const char *path, const char *passphrase_file, struct nr_person *ret_person, struct nr_error *error)
{
	NR_AUTO(nr_secret_wipe) struct nr_secret passphrase = {.length = 0};
	NR_AUTO(nr_person_fini) struct nr_person person = {.key = NULL};
	NR_AUTO(nr_freep) uint8_t *text = NULL;
	char vkey_path[4096], own[NR_NOTE_VKEY_TEXT];
	size_t length;
	snprintf(vkey_path, sizeof vkey_path, "%.4000s" NR_VKEY_SUFFIX, path);
	int rc = nr_secret_read(passphrase_file, &passphrase, error);
	rc = rc ? rc : nr_key_read(path, &passphrase, &person.key, error);
	rc = rc ? rc : nr_file_read(vkey_path, 4096, &text, &length, error);
	if (rc)
		return rc;
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		text[--length] = 0;
	rc = nr_note_key_parse((char *)text, length, &person.public_key, error);
	if (rc)
		return nr_error_prefix(error, "%.100s", vkey_path);
	rc = nr_key_vkey(person.public_key.name, person.key, own, error);
	if (!rc && strcmp(own, (char *)text) != 0)
		rc = nr_fail(error, -EKEYREJECTED, "%s: not the verifier key of %s", vkey_path, path);
	if (rc)
		return rc;
	*ret_person = person;
	person = (struct nr_person){.key = NULL};
	return 0;
}

int nr_person_sign(const struct nr_person *person, char note[static NR_NOTE_MAX], size_t *length,
	size_t text_length, struct nr_error *error)
{
	uint8_t signature[64];
	size_t signature_length = sizeof signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool made = context && EVP_DigestSignInit(context, NULL, NULL, NULL, person->key) == 1 &&
		    EVP_DigestSign(context, signature, &signature_length, (uint8_t *)note, text_length) == 1;
	EVP_MD_CTX_free(context);
	if (!made)
		return nr_fail(error, -EIO, "signing a note: %s", nr_openssl_reason());
	return nr_note_add_line(note, length, NR_NOTE_MAX, person->public_key.name, person->public_key.id,
		signature, signature_length, error);
}
