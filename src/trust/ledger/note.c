/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/note.h"

#include "trust/ledger/checkpoint.h"
#include "wire/base64.h"
#include "wire/cursor.h"

#include <errno.h>
#include <openssl/x509.h>
#include <string.h>

#define ED25519_KEY       32
#define ED25519_SIGNATURE 64
#define COSIGNATURE_HEAD  sizeof "cosignature/v1\ntime 18446744073709551615\n"

/* ---- keys ---- */

static uint32_t first_four(const struct nr_hash *hash)
{
	struct nr_cursor c = nr_cursor_over(hash->bytes, 4);
	return nr_cursor_u32(&c);
}

uint32_t nr_note_id(const char *name, uint8_t type, const uint8_t *key, size_t length)
{
	uint8_t bytes[NR_NOTE_NAME_MAX + 2 + NR_NOTE_KEY_MAX];
	size_t at = strnlen(name, NR_NOTE_NAME_MAX);
	memcpy(bytes, name, at);
	bytes[at++] = '\n';
	bytes[at++] = type;
	length = NR_MIN(length, (size_t)NR_NOTE_KEY_MAX);
	memcpy(bytes + at, key, length);
	struct nr_hash hash;
	nr_hash_of(bytes, at + length, &hash);
	return first_four(&hash);
}

static uint32_t expected_id(const struct nr_vkey *vkey, const char *name)
{
	struct nr_hash hash;
	nr_hash_of(vkey->key, vkey->key_length, &hash);
	if (vkey->type == NR_NOTE_ECDSA)
		return first_four(&hash);
	if (vkey->type == NR_NOTE_RFC6962) /* of the log's id, which is the hash of its key */
		return nr_note_id(name, vkey->type, hash.bytes, NR_HASH_BYTES);
	return nr_note_id(name, vkey->type, vkey->key, vkey->key_length);
}

static EVP_PKEY *public_key(const struct nr_vkey *vkey)
{
	if (vkey->type == NR_NOTE_ED25519 || vkey->type == NR_NOTE_COSIGNATURE)
		return vkey->key_length == ED25519_KEY
			       ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, vkey->key, ED25519_KEY)
			       : NULL;
	const unsigned char *at = vkey->key, *end = vkey->key + vkey->key_length;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)vkey->key_length);
	bool fits =
		key && at == end &&
		(EVP_PKEY_is_a(key, "EC") || (vkey->type == NR_NOTE_RFC6962 && EVP_PKEY_is_a(key, "RSA")));
	if (!fits) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

static bool is_known(uint8_t type)
{
	return type == NR_NOTE_ED25519 || type == NR_NOTE_ECDSA || type == NR_NOTE_COSIGNATURE ||
	       type == NR_NOTE_RFC6962;
}

int nr_note_key_parse(const char *vkey, size_t length, struct nr_note_key *ret_key, struct nr_error *error)
{
	struct nr_vkey got;
	int e = nr_vkey_parse(vkey, length, &got, error);
	if (e)
		return e;
	struct nr_note_key key = {.id = got.id, .type = got.type};
	memcpy(key.name, got.name, got.name_length);
	nr_hash_of(got.key, got.key_length, &key.hash);
	if (is_known(key.type)) {
		if (expected_id(&got, key.name) != got.id)
			return nr_fail(
				error, -EBADMSG, "verifier key %s: the id is not that of its key", key.name);
		key.key = public_key(&got);
		if (!key.key)
			return nr_fail(error, -EBADMSG, "verifier key %s: no public key of its type (0x%02x)",
				key.name, key.type);
	}
	*ret_key = key;
	return 0;
}

void nr_note_key_fini(struct nr_note_key *key)
{
	EVP_PKEY_free(key->key);
	key->key = NULL;
}

/* ---- signatures ---- */

static bool verify(EVP_PKEY *key, const char *digest, const void *message, size_t length,
	const uint8_t *signature, size_t signature_length)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool valid = md && EVP_DigestVerifyInit_ex(md, NULL, digest, NULL, NULL, key, NULL) == 1 &&
		     EVP_DigestVerify(md, signature, signature_length, message, length) == 1;
	EVP_MD_CTX_free(md);
	return valid;
}

size_t nr_cosignature_message(
	uint64_t time_seconds, const char *text, size_t text_length, char *message, size_t room)
{
	if (text_length > room || room - text_length < COSIGNATURE_HEAD)
		return 0;
	int head = snprintf(message, room, "cosignature/v1\ntime %llu\n", (unsigned long long)time_seconds);
	memcpy(message + head, text, text_length);
	return (size_t)head + text_length;
}

static bool verify_cosignature(const struct nr_note_key *key, const struct nr_note *note,
	const uint8_t *signature, size_t length, struct nr_note_verdict *verdict)
{
	struct nr_checkpoint checkpoint;
	if (length != NR_COSIGNATURE_BYTES ||
		nr_checkpoint_parse(note->text, note->text_length, &checkpoint, NULL))
		return false;
	struct nr_cursor c = nr_cursor_over(signature, length);
	uint64_t time = nr_cursor_u64(&c);
	size_t room = COSIGNATURE_HEAD + note->text_length;
	NR_AUTO(nr_freep) char *message = malloc(room);
	if (!message || time > INT64_MAX)
		return false;
	size_t message_length = nr_cosignature_message(time, note->text, note->text_length, message, room);
	verdict->time = time;
	return message_length && verify(key->key, NULL, message, message_length, c.at, ED25519_SIGNATURE);
}

/* RFC 6962 section 3.5 in a note: u64 ms, DigitallySigned (hash, signature algorithm, u16 length). */
static bool verify_rfc6962(const struct nr_note_key *key, const struct nr_note *note,
	const uint8_t *signature, size_t length, struct nr_note_verdict *verdict)
{
	struct nr_checkpoint checkpoint;
	if (nr_checkpoint_parse(note->text, note->text_length, &checkpoint, NULL) ||
		checkpoint.extension_length || !nr_checkpoint_is_of(&checkpoint, key->name))
		return false;
	struct nr_cursor c = nr_cursor_over(signature, length);
	uint64_t time = nr_cursor_u64(&c);
	uint8_t hash = nr_cursor_u8(&c), algorithm = nr_cursor_u8(&c);
	uint16_t size = nr_cursor_u16(&c);
	const uint8_t sha256 = 4, rsa = 1, ecdsa = 3; /* RFC 5246 section 7.4.1.4.1 */
	if (c.failed || nr_cursor_left(&c) != size || hash != sha256 ||
		algorithm != (EVP_PKEY_is_a(key->key, "RSA") ? rsa : ecdsa))
		return false;
	uint8_t message[2 + 8 + 8 + NR_HASH_BYTES] = {0, 1}; /* v1, tree_hash */
	for (unsigned i = 0; i < 8; i++) {
		message[2 + i] = (uint8_t)(time >> (56 - 8 * i));
		message[10 + i] = (uint8_t)(checkpoint.size >> (56 - 8 * i));
	}
	memcpy(message + 18, checkpoint.root.bytes, NR_HASH_BYTES);
	verdict->time = time / 1000;
	return verify(key->key, "SHA256", message, sizeof message, c.at, size);
}

static bool verify_line(const struct nr_note_key *key, const struct nr_note *note,
	const struct nr_note_line *line, struct nr_note_verdict *verdict)
{
	uint8_t signature[NR_NOTE_SIGNATURE_MAX];
	size_t length = nr_note_signature(line, signature);
	switch ((enum nr_note_type)key->type) {
	case NR_NOTE_ED25519:
		return verify(key->key, NULL, note->text, note->text_length, signature, length);
	case NR_NOTE_ECDSA:
		return verify(key->key, "SHA256", note->text, note->text_length, signature, length);
	case NR_NOTE_COSIGNATURE:
		return verify_cosignature(key, note, signature, length, verdict);
	case NR_NOTE_RFC6962:
		return verify_rfc6962(key, note, signature, length, verdict);
	}
	return false;
}

bool nr_note_line_is_by(const struct nr_note_line *line, const struct nr_note_key *key)
{
	return key->key && line->id == key->id && strlen(key->name) == line->name_length &&
	       memcmp(key->name, line->name, line->name_length) == 0;
}

int nr_note_verify(const struct nr_note *note, const struct nr_note_key *keys, size_t count,
	struct nr_note_verdict *ret_verdicts, struct nr_error *error)
{
	bool any = false;
	for (size_t k = 0; k < count; k++)
		ret_verdicts[k] = (struct nr_note_verdict){0};
	for (size_t i = 0; i < note->count; i++) {
		for (size_t k = 0; k < count; k++) {
			if (!nr_note_line_is_by(&note->lines[i], &keys[k]))
				continue;
			struct nr_note_verdict verdict = {.valid = true};
			if (!verify_line(&keys[k], note, &note->lines[i], &verdict))
				return nr_fail(error, -EKEYREJECTED,
					"note: the signature of %s does not hold", keys[k].name);
			ret_verdicts[k] = verdict;
			any = true;
		}
	}
	return any ? 0 : nr_fail(error, -ENOKEY, "note: no signature of a known key");
}

/* ---- writing ---- */

int nr_note_vkey_write(const char *name, uint8_t type, const uint8_t key[static 32],
	char text[static NR_NOTE_VKEY_TEXT], struct nr_error *error)
{
	if (!nr_note_name_ok(name, strlen(name)))
		return nr_fail(error, -EINVAL,
			"\"%.80s\" cannot be the name of a key: up to %d bytes without space and +", name,
			NR_NOTE_NAME_MAX);
	uint8_t bytes[1 + ED25519_KEY] = {type};
	char base64[NR_BASE64_TEXT(sizeof bytes) + 1];
	memcpy(bytes + 1, key, ED25519_KEY);
	nr_base64_write(bytes, sizeof bytes, base64);
	snprintf(text, NR_NOTE_VKEY_TEXT, "%s+%08x+%s", name, nr_note_id(name, type, key, ED25519_KEY),
		base64);
	return 0;
}

int nr_note_add_line(char *note, size_t *length, size_t room, const char *name, uint32_t id,
	const uint8_t *signature, size_t signature_length, struct nr_error *error)
{
	uint8_t bytes[4 + NR_NOTE_SIGNATURE_MAX] = {
		(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
	char base64[NR_BASE64_TEXT(sizeof bytes) + 1];
	if (signature_length > NR_NOTE_SIGNATURE_MAX)
		return nr_fail(error, -E2BIG, "a signature of %zu bytes", signature_length);
	memcpy(bytes + 4, signature, signature_length);
	nr_base64_write(bytes, 4 + signature_length, base64);
	int written = snprintf(note + *length, room - *length, "\xe2\x80\x94 %s %s\n", name, base64);
	if (written < 0 || (size_t)written >= room - *length)
		return nr_fail(error, -ENOSPC, "no room for a signature of %s", name);
	*length += (size_t)written;
	return 0;
}
