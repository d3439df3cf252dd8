/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/exchange/form.h"
#include "sense/flow/exchange/field.h"
#include "trust/signer/keyfile.h"
#include "wire/cursor.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static const char magics[2][16] = {"noroshi offer 1", "noroshi reply 1"};
static const char *const names[2] = {"an offer", "a reply"};

/* ---- writing ---- */

struct writer {
	uint8_t *at;
};

static void put(struct writer *w, const void *bytes, size_t length)
{
	memcpy(w->at, bytes, length);
	w->at += length;
}

static void put_u64(struct writer *w, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		*w->at++ = (uint8_t)(value >> 8 * i);
}

void nr_exchange_head_write(const struct nr_exchange_group *group, const struct nr_exchange_head *head,
	uint8_t ret_bytes[static NR_EXCHANGE_HEAD_BYTES])
{
	struct writer w = {ret_bytes};
	memset(ret_bytes, 0, NR_EXCHANGE_HEAD_BYTES);
	put(&w, magics[head->kind], sizeof magics[0]);
	put(&w, group->id, sizeof group->id);
	put_u64(&w, (uint32_t)head->day, 4);
	put_u64(&w, head->party, 2);
	put_u64(&w, head->present, 2);
	put_u64(&w, group->bins, 8);
	put_u64(&w, NR_EXCHANGE_TABLES, 2);
	put_u64(&w, NR_EXCHANGE_ROUNDS, 2);
}

size_t nr_exchange_record_bytes(const struct nr_exchange_group *group)
{
	return 15 + 2 * group->party_count;
}

void nr_exchange_record_write(const struct nr_exchange_group *group, const struct nr_exchange_record *record,
	uint8_t ret_bytes[static NR_EXCHANGE_RECORD_BYTES_MAX])
{
	struct writer w = {ret_bytes};
	put_u64(&w, record->table, 1);
	put_u64(&w, record->holders, 2);
	put_u64(&w, record->bin, 4);
	put_u64(&w, record->share, 8);
	for (unsigned i = 0; i < group->party_count; i++)
		put_u64(&w, record->words[i], 2);
}

/* ---- reading ---- */

uint64_t nr_exchange_offer_bytes(const struct nr_exchange_group *group)
{
	return NR_EXCHANGE_HEAD_BYTES + group->bins * NR_EXCHANGE_TABLES * NR_EXCHANGE_BIN_BYTES +
	       NR_EXCHANGE_SIGNATURE_BYTES;
}

static bool counts_are_sound(const struct nr_exchange_group *group, const struct nr_exchange_head *head)
{
	uint32_t all = (1u << group->party_count) - 1;
	if (head->kind == NR_EXCHANGE_OFFER)
		return !head->present;
	return !(head->present & ~all) && head->present >> (head->party - 1) & 1 &&
	       (unsigned)__builtin_popcount(head->present) >= group->threshold;
}

int nr_exchange_head_parse(const struct nr_exchange_group *group, enum nr_exchange_kind kind,
	const uint8_t *bytes, size_t length, struct nr_exchange_head *ret_head, struct nr_error *error)
{
	struct nr_exchange_head head = {.kind = kind};
	uint8_t again[NR_EXCHANGE_HEAD_BYTES];
	if (length < NR_EXCHANGE_HEAD_BYTES || memcmp(bytes, magics[kind], sizeof magics[0]) != 0)
		return nr_fail(error, -EBADMSG, "not %s (noroshi flow exchange)", names[kind]);
	if (memcmp(bytes + sizeof magics[0], group->id, sizeof group->id) != 0)
		return nr_fail(
			error, -EBADMSG, "%s of another group than %s (offset 16)", names[kind], group->name);
	const size_t skip = sizeof magics[0] + sizeof group->id;
	struct nr_cursor c = nr_cursor_over(bytes + skip, NR_EXCHANGE_HEAD_BYTES - skip);
	head.day = (int32_t)nr_cursor_u32_le(&c);
	head.party = nr_cursor_u16_le(&c);
	head.present = nr_cursor_u16_le(&c);
	if (!head.party || head.party > group->party_count)
		return nr_fail(error, -EBADMSG, "of party %u, but %s has %u (offset 52)", head.party,
			group->name, group->party_count);
	nr_exchange_head_write(group, &head, again);
	if (!counts_are_sound(group, &head) || memcmp(again, bytes, sizeof again) != 0)
		return nr_fail(error, -EBADMSG, "%s whose head says what cannot be (offset 48 to %d)",
			names[kind], NR_EXCHANGE_HEAD_BYTES);
	*ret_head = head;
	return 0;
}

void nr_exchange_record_read(const struct nr_exchange_group *group, const struct nr_exchange_reply *reply,
	uint64_t index, struct nr_exchange_record *ret_record)
{
	size_t size = nr_exchange_record_bytes(group);
	struct nr_cursor c = nr_cursor_over(reply->records + index * size, size);
	*ret_record = (struct nr_exchange_record){.table = nr_cursor_u8(&c)};
	ret_record->holders = nr_cursor_u16_le(&c);
	ret_record->bin = nr_cursor_u32_le(&c);
	ret_record->share = nr_cursor_u64_le(&c);
	for (unsigned i = 0; i < group->party_count; i++)
		ret_record->words[i] = nr_cursor_u16_le(&c);
}

static bool record_is_sound(const struct nr_exchange_group *group, const struct nr_exchange_head *head,
	const struct nr_exchange_record *last, const struct nr_exchange_record *record)
{
	bool ordered = !last || record->table > last->table ||
		       (record->table == last->table && record->bin > last->bin);
	return ordered && record->table < NR_EXCHANGE_TABLES && record->bin < group->bins &&
	       record->share < NR_FIELD_PRIME && !(record->holders & ~head->present) &&
	       record->holders >> (head->party - 1) & 1 &&
	       (unsigned)__builtin_popcount(record->holders) >= group->threshold;
}

int nr_exchange_reply_parse(const struct nr_exchange_group *group, const uint8_t *bytes, size_t length,
	struct nr_exchange_reply *ret_reply, struct nr_error *error)
{
	struct nr_exchange_reply reply = {.records = bytes + NR_EXCHANGE_HEAD_BYTES};
	struct nr_exchange_record record, last = {.table = 0};
	const size_t size = nr_exchange_record_bytes(group),
		     around = NR_EXCHANGE_HEAD_BYTES + group->party_count * NR_EXCHANGE_DIGEST_BYTES;
	int e = nr_exchange_head_parse(group, NR_EXCHANGE_REPLY, bytes, length, &reply.head, error);
	if (e)
		return e;
	if (length < around || (length - around) % size)
		return nr_fail(error, -EBADMSG,
			"%zu bytes are no whole number of records: cut short, or something behind them",
			length);
	reply.count = (length - around) / size;
	reply.digests = reply.records + reply.count * size;
	for (uint64_t i = 0; i < reply.count; i++) {
		nr_exchange_record_read(group, &reply, i, &record);
		if (!record_is_sound(group, &reply.head, i ? &last : NULL, &record))
			return nr_fail(error, -EBADMSG, "record %llu (offset %llu) cannot be",
				(unsigned long long)i,
				(unsigned long long)(NR_EXCHANGE_HEAD_BYTES + i * size));
		for (unsigned t = i ? last.table : 0; t < record.table; t++)
			reply.first[t + 1] = i;
		last = record;
	}
	for (unsigned t = last.table; t < NR_EXCHANGE_TABLES; t++)
		reply.first[t + 1] = reply.count;
	*ret_reply = reply;
	return 0;
}

/* ---- the signature ---- */

struct message {
	char label[24];
	uint8_t digest[NR_EXCHANGE_DIGEST_BYTES];
};

static struct message message_of(const uint8_t *digest)
{
	struct message message = {.label = "noroshi exchange file"};
	memcpy(message.digest, digest, sizeof message.digest);
	return message;
}

int nr_exchange_sign(EVP_PKEY *key, const uint8_t digest[static NR_EXCHANGE_DIGEST_BYTES],
	uint8_t ret_signature[static NR_EXCHANGE_SIGNATURE_BYTES], struct nr_error *error)
{
	const struct message message = message_of(digest);
	size_t length = NR_EXCHANGE_SIGNATURE_BYTES;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool made = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestSign(
			    context, ret_signature, &length, (const uint8_t *)&message, sizeof message) == 1;
	EVP_MD_CTX_free(context);
	return made ? 0 : nr_fail(error, -EIO, "signing: %s", nr_openssl_reason());
}

int nr_exchange_check(const struct nr_note_key *key, const uint8_t digest[static NR_EXCHANGE_DIGEST_BYTES],
	const uint8_t signature[static NR_EXCHANGE_SIGNATURE_BYTES], struct nr_error *error)
{
	const struct message message = message_of(digest);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool holds = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->key) == 1 &&
		     EVP_DigestVerify(context, signature, NR_EXCHANGE_SIGNATURE_BYTES,
			     (const uint8_t *)&message, sizeof message) == 1;
	EVP_MD_CTX_free(context);
	if (holds)
		return 0;
	(void)nr_openssl_reason(); /* its queue */
	return nr_fail(
		error, -EKEYREJECTED, "not what %.100s signed: changed on the way, or another's", key->name);
}
