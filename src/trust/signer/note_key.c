/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/note_key.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#define TYPE_ED25519 0x01

bool nr_note_key_name_ok(const char *name)
{
	size_t length = strlen(name);
	for (size_t i = 0; i < length; i++)
		if ((uint8_t)name[i] <= ' ' || name[i] == 0x7f || name[i] == '+')
			return false;
	return length > 0 && length <= NR_NOTE_KEY_NAME_MAX;
}

uint32_t nr_note_key_id(const char *name, const uint8_t public_key[static 32])
{
	uint8_t input[NR_NOTE_KEY_NAME_MAX + 2 + 32], hash[32] = {0};
	size_t length = NR_MIN(strlen(name), (size_t)NR_NOTE_KEY_NAME_MAX);
	memcpy(input, name, length);
	input[length] = '\n';
	input[length + 1] = TYPE_ED25519;
	memcpy(input + length + 2, public_key, 32);
	EVP_Digest(input, length + 2 + 32, hash, NULL, EVP_sha256(), NULL);
	return (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
}

int nr_vkey_of(
	const char *name, const EVP_PKEY *key, char ret_text[static NR_VKEY_TEXT], struct nr_error *error)
{
	uint8_t bytes[33] = {TYPE_ED25519}, base64[45];
	size_t length = 32;
	if (EVP_PKEY_get_raw_public_key(key, bytes + 1, &length) != 1 || length != 32)
		return nr_fail(error, -EINVAL, "%s: the key of a ledger or person is an Ed25519 key", name);
	EVP_EncodeBlock(base64, bytes, sizeof bytes);
	snprintf(ret_text, NR_VKEY_TEXT, "%s+%08x+%s", name, nr_note_key_id(name, bytes + 1), (char *)base64);
	return 0;
}
