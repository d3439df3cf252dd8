/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/exchange/letter.h"
#include "wire/cursor.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>

static const char magic[16] = {
	'n', 'o', 'r', 'o', 's', 'h', 'i', ' ', 'l', 'e', 't', 't', 'e', 'r', ' ', '1'};

static uint8_t *put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		*at++ = (uint8_t)(value >> 8 * i);
	return at;
}

int nr_exchange_letter_write(const struct nr_exchange_group *group, const struct nr_exchange_letter *letter,
	EVP_PKEY *key, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	uint8_t digest[NR_EXCHANGE_DIGEST_BYTES];
	size_t signed_length = NR_EXCHANGE_LETTER_BYTES + letter->length;
	NR_AUTO(nr_freep) uint8_t *bytes = malloc(signed_length + NR_EXCHANGE_SIGNATURE_BYTES);
	if (!bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(bytes, magic, sizeof magic);
	memcpy(bytes + sizeof magic, group->id, sizeof group->id);
	uint8_t *at = put(bytes + sizeof magic + sizeof group->id, letter->kind, 2);
	at = put(at, letter->party, 2);
	at = put(at, (uint32_t)letter->day, 4);
	at = put(at, letter->offset, 8);
	at = put(at, (uint64_t)letter->time, 8);
	if (letter->length)
		memcpy(at, letter->data, letter->length);
	SHA256(bytes, signed_length, digest);
	int e = nr_exchange_sign(key, digest, bytes + signed_length, error);
	if (e)
		return e;
	*ret_bytes = nr_steal(&bytes);
	*ret_length = signed_length + NR_EXCHANGE_SIGNATURE_BYTES;
	return 0;
}

int nr_exchange_letter_read(const struct nr_exchange_group *group, const uint8_t *bytes, size_t length,
	nr_time now, struct nr_exchange_letter *ret_letter, struct nr_error *error)
{
	uint8_t digest[NR_EXCHANGE_DIGEST_BYTES];
	const size_t around = NR_EXCHANGE_LETTER_BYTES + NR_EXCHANGE_SIGNATURE_BYTES;
	if (length < around || length > NR_EXCHANGE_LETTER_MAX || memcmp(bytes, magic, sizeof magic) != 0)
		return nr_fail(error, -EBADMSG, "not a letter (noroshi flow exchange send)");
	struct nr_cursor c = nr_cursor_over(bytes + sizeof magic, length - sizeof magic);
	if (memcmp(nr_cursor_take(&c, sizeof group->id), group->id, sizeof group->id) != 0)
		return nr_fail(error, -EBADMSG, "a letter of another group than %s", group->name);
	unsigned kind = nr_cursor_u16_le(&c);
	struct nr_exchange_letter letter = {.kind = kind, .party = nr_cursor_u16_le(&c)};
	letter.day = (int32_t)nr_cursor_u32_le(&c);
	letter.offset = nr_cursor_u64_le(&c);
	letter.time = (nr_time)nr_cursor_u64_le(&c);
	letter.data = c.at;
	letter.length = length - around;
	if (!kind || kind >= NR_EXCHANGE_LETTER_KINDS || !letter.party || letter.party > group->party_count ||
		(kind != NR_EXCHANGE_LETTER_PART && letter.length))
		return nr_fail(error, -EBADMSG, "a letter that says what cannot be (offset 48 to 72)");
	SHA256(bytes, length - NR_EXCHANGE_SIGNATURE_BYTES, digest);
	int e = nr_exchange_check(&group->parties[letter.party - 1], digest,
		bytes + length - NR_EXCHANGE_SIGNATURE_BYTES, error);
	if (e)
		return e;
	if (letter.time < now - NR_EXCHANGE_LETTER_LIFE || letter.time > now + NR_EXCHANGE_LETTER_LIFE)
		return nr_fail(error, -ETIME,
			"a letter of another time: its clock and ours differ by more than "
			"15 minutes, or it was sent before");
	*ret_letter = letter;
	return 0;
}
