/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/exchange/place.h"
#include "sense/flow/exchange/field.h"
#include "trust/signer/keyfile.h"

#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

#define BATCH 512 /* blocks that a cipher gets at once */

enum use { USE_ELEMENT, USE_PLACE, USE_ORDER, USE_SHARE, USE_MASK };

typedef uint8_t block[NR_EXCHANGE_ELEMENT_BYTES];

/* ---- keys ---- */

int nr_exchange_schedule_make(const struct nr_exchange_secret *secret,
	struct nr_exchange_schedule *ret_schedule, struct nr_error *error)
{
	static const char label[] = "noroshi exchange v1";
	uint8_t message[sizeof label + NR_EXCHANGE_ID_BYTES + 4];
	uint32_t day = htobe32((uint32_t)secret->day);
	memcpy(message, label, sizeof label);
	memcpy(message + sizeof label, secret->group, NR_EXCHANGE_ID_BYTES);
	memcpy(message + sizeof label + NR_EXCHANGE_ID_BYTES, &day, 4);
	if (!HMAC(EVP_sha256(), secret->key, sizeof secret->key, message, sizeof message, ret_schedule->base,
		    NULL))
		return nr_fail(error, -EIO, "HMAC: %s", nr_openssl_reason());
	return 0;
}

void nr_exchange_schedule_wipe(struct nr_exchange_schedule *schedule)
{
	OPENSSL_cleanse(schedule, sizeof *schedule);
}

static bool key_of(
	const struct nr_exchange_schedule *schedule, enum use use, unsigned index, uint8_t ret_key[static 32])
{
	const uint8_t message[3] = {(uint8_t)use, (uint8_t)(index >> 8), (uint8_t)index};
	return HMAC(EVP_sha256(), schedule->base, sizeof schedule->base, message, sizeof message, ret_key,
		       NULL) != NULL;
}

static bool cipher_open(const struct nr_exchange_schedule *schedule, enum use use, unsigned index,
	EVP_CIPHER_CTX **ret_cipher)
{
	uint8_t key[32];
	*ret_cipher = EVP_CIPHER_CTX_new();
	bool made = *ret_cipher && key_of(schedule, use, index, key) &&
		    EVP_EncryptInit_ex(*ret_cipher, EVP_aes_128_ecb(), NULL, key, NULL) == 1 &&
		    EVP_CIPHER_CTX_set_padding(*ret_cipher, 0) == 1;
	OPENSSL_cleanse(key, sizeof key);
	return made;
}

int nr_exchange_table_keys_open(const struct nr_exchange_schedule *schedule, unsigned table,
	struct nr_exchange_table_keys *ret_keys, struct nr_error *error)
{
	struct nr_exchange_table_keys keys = {.place = NULL};
	bool made = cipher_open(schedule, USE_PLACE, table, &keys.place) &&
		    cipher_open(schedule, USE_ORDER, table / 2, &keys.order);
	for (unsigned round = 0; made && round < NR_EXCHANGE_ROUNDS; round++) {
		unsigned index = table * NR_EXCHANGE_ROUNDS + round;
		made = cipher_open(schedule, USE_SHARE, index, &keys.share[round]) &&
		       cipher_open(schedule, USE_MASK, index, &keys.mask[round]);
	}
	if (!made) {
		nr_exchange_table_keys_close(&keys);
		return nr_fail(error, -EIO, "keys of a table: %s", nr_openssl_reason());
	}
	*ret_keys = keys;
	return 0;
}

void nr_exchange_table_keys_close(struct nr_exchange_table_keys *keys)
{
	EVP_CIPHER_CTX_free(keys->place);
	EVP_CIPHER_CTX_free(keys->order);
	for (unsigned round = 0; round < NR_EXCHANGE_ROUNDS; round++) {
		EVP_CIPHER_CTX_free(keys->share[round]);
		EVP_CIPHER_CTX_free(keys->mask[round]);
	}
	*keys = (struct nr_exchange_table_keys){.place = NULL};
}

static bool encrypt(EVP_CIPHER_CTX *cipher, block *blocks, size_t count)
{
	int length = 0, bytes = (int)(count * sizeof(block));
	return EVP_EncryptUpdate(cipher, *blocks, &length, *blocks, bytes) == 1 && length == bytes;
}

/* ---- elements ---- */

int nr_exchange_elements(const struct nr_exchange_schedule *schedule,
	const struct nr_exchange_candidate *candidates, size_t count,
	struct nr_exchange_element *ret_elements, struct nr_error *error)
{
	uint8_t key[32], made[32];
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	const OSSL_PARAM digest[] = {
		OSSL_PARAM_construct_utf8_string("digest", (char[]){"SHA256"}, 0), OSSL_PARAM_END};
	bool fine = context && key_of(schedule, USE_ELEMENT, 0, key) &&
		    EVP_MAC_init(context, key, sizeof key, digest) == 1;
	for (size_t i = 0; fine && i < count; i++) {
		const struct nr_exchange_candidate *c = &candidates[i];
		uint8_t server[sizeof c->address + 3];
		size_t length;
		memcpy(server, &c->address, sizeof c->address);
		server[16] = (uint8_t)(c->port >> 8);
		server[17] = (uint8_t)c->port;
		server[18] = c->protocol;
		fine = EVP_MAC_init(context, NULL, 0, NULL) == 1 &&
		       EVP_MAC_update(context, server, sizeof server) == 1 &&
		       EVP_MAC_final(context, made, &length, sizeof made) == 1;
		memcpy(ret_elements[i].bytes, made, sizeof ret_elements[i].bytes);
	}
	OPENSSL_cleanse(key, sizeof key);
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(hmac);
	return fine ? 0 : nr_fail(error, -EIO, "HMAC: %s", nr_openssl_reason());
}

/* ---- places, orders ---- */

bool nr_exchange_places(const struct nr_exchange_table_keys *keys, const struct nr_exchange_element *elements,
	size_t count, uint64_t bins, struct nr_exchange_bins *ret_bins)
{
	block blocks[BATCH];
	for (size_t done = 0, n; done < count; done += n) {
		n = NR_MIN(count - done, (size_t)BATCH);
		memcpy(blocks, elements + done, n * sizeof *blocks);
		if (!encrypt(keys->place, blocks, n))
			return false;
		for (size_t i = 0; i < n; i++)
			for (unsigned round = 0; round < NR_EXCHANGE_ROUNDS; round++) {
				uint32_t word;
				memcpy(&word, blocks[i] + 4 * round, sizeof word);
				ret_bins[done + i].of_round[round] = (uint32_t)(le32toh(word) * bins >> 32);
			}
	}
	return true;
}

bool nr_exchange_orders(const struct nr_exchange_table_keys *keys, const struct nr_exchange_element *elements,
	size_t count, uint64_t *ret_orders)
{
	block blocks[BATCH];
	for (size_t done = 0, n; done < count; done += n) {
		n = NR_MIN(count - done, (size_t)BATCH);
		memcpy(blocks, elements + done, n * sizeof *blocks);
		if (!encrypt(keys->order, blocks, n))
			return false;
		for (size_t i = 0; i < n; i++) {
			uint64_t word;
			memcpy(&word, blocks[i], sizeof word);
			ret_orders[done + i] = le64toh(word);
		}
	}
	return true;
}

/* ---- shares, masks ---- */

/* 128 random bits make an element of the field whose bias is below 2^-66. */
static uint64_t field_of(const block bytes)
{
	uint64_t low, high;
	memcpy(&low, bytes, sizeof low);
	memcpy(&high, bytes + 8, sizeof high);
	return nr_field_reduce((nr_field_wide)le64toh(high) << 64 | le64toh(low));
}

bool nr_exchange_shares(const struct nr_exchange_table_keys *keys, unsigned round,
	const struct nr_exchange_element *elements, size_t count, unsigned threshold, unsigned party,
	uint64_t *ret_shares)
{
	block blocks[BATCH];
	const size_t degree = threshold - 1, at_once = BATCH / degree;
	for (size_t done = 0, n; done < count; done += n) {
		n = NR_MIN(count - done, at_once);
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < degree; j++) {
				memcpy(blocks[i * degree + j], elements + done + i, sizeof *blocks);
				blocks[i * degree + j][15] ^= (uint8_t)j;
			}
		if (!encrypt(keys->share[round], blocks, n * degree))
			return false;
		for (size_t i = 0; i < n; i++) {
			uint64_t value = 0; /* Horner: (c1 + c2 x + ...) x */
			for (size_t j = degree; j-- > 0;)
				value = nr_field_reduce(
					(nr_field_wide)value * party + field_of(blocks[i * degree + j]));
			ret_shares[done + i] = nr_field_times(value, party);
		}
	}
	return true;
}

bool nr_exchange_masks(const struct nr_exchange_table_keys *keys, unsigned round,
	const struct nr_exchange_element *elements, size_t count, unsigned party, uint16_t *ret_masks)
{
	block blocks[BATCH];
	for (size_t done = 0, n; done < count; done += n) {
		n = NR_MIN(count - done, (size_t)BATCH);
		memcpy(blocks, elements + done, n * sizeof *blocks);
		for (size_t i = 0; i < n; i++)
			blocks[i][15] ^= (uint8_t)party;
		if (!encrypt(keys->mask[round], blocks, n))
			return false;
		for (size_t i = 0; i < n; i++)
			ret_masks[done + i] = (uint16_t)(blocks[i][0] | blocks[i][1] << 8);
	}
	return true;
}
