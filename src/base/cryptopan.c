/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cryptopan.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>

#define BLOCK 16
#define CACHE 4096 /* lines; a power of 2 */

struct line {
	struct nr_address from, to;
};

struct nr_cryptopan {
	EVP_CIPHER_CTX *cipher;
	uint8_t pad[BLOCK];
	bool known[CACHE];
	struct line cache[CACHE]; /* scans come back to the same addresses */
};

void nr_cryptopan_free(struct nr_cryptopan *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->cipher); /* wipes the key */
	explicit_bzero(c, sizeof *c);
	free(c);
}

void nr_cryptopan_freep(struct nr_cryptopan **c)
{
	nr_cryptopan_free(*c);
}

static void encrypt(EVP_CIPHER_CTX *cipher, uint8_t *bytes, size_t length)
{
	int out = 0;
	int ok = EVP_EncryptUpdate(cipher, bytes, &out, bytes, (int)length);
	assert(ok == 1 && (size_t)out == length); /* whole blocks without padding: nothing can fail */
}

int nr_cryptopan_new(const uint8_t key[static NR_CRYPTOPAN_KEY], struct nr_cryptopan **ret_cryptopan,
	struct nr_error *error)
{
	NR_AUTO(nr_cryptopan_freep) struct nr_cryptopan *c = calloc(1, sizeof *c);
	if (!c)
		return nr_fail(error, -ENOMEM, "out of memory");
	c->cipher = EVP_CIPHER_CTX_new();
	if (!c->cipher || EVP_EncryptInit_ex(c->cipher, EVP_aes_128_ecb(), NULL, key, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(c->cipher, 0) != 1)
		return nr_fail(error, -EIO, "AES: the cryptographic library refused");
	memcpy(c->pad, key + BLOCK, BLOCK);
	encrypt(c->cipher, c->pad, BLOCK);
	*ret_cryptopan = nr_steal(&c);
	return 0;
}

/* Block i is the first i bits of the address and the rest of the padding; the first bit of its cipher text
 * turns bit i. All blocks depend on the address alone, so that AES gets them at once. */
static void map_bits(struct nr_cryptopan *c, const uint8_t *bits, size_t bytes, uint8_t *ret)
{
	uint8_t blocks[128][BLOCK];
	for (size_t i = 0; i < bytes * 8; i++) {
		uint8_t mask = (uint8_t)(0xff00u >> (i & 7));
		memcpy(blocks[i], c->pad, BLOCK);
		memcpy(blocks[i], bits, i / 8);
		blocks[i][i / 8] = (uint8_t)((bits[i / 8] & mask) | (c->pad[i / 8] & ~mask));
	}
	encrypt(c->cipher, blocks[0], bytes * 8 * BLOCK);
	for (size_t i = 0; i < bytes; i++) {
		unsigned turn = 0;
		for (size_t bit = 0; bit < 8; bit++)
			turn = turn << 1 | blocks[i * 8 + bit][0] >> 7;
		ret[i] = (uint8_t)(bits[i] ^ turn);
	}
}

struct nr_address nr_cryptopan_map(struct nr_cryptopan *c, const struct nr_address *address)
{
	uint64_t low;
	memcpy(&low, address->octets + 8, sizeof low);
	size_t at = (size_t)(low * UINT64_C(0x9e3779b97f4a7c15) >> 52) & (CACHE - 1);
	struct line *line = &c->cache[at];
	if (c->known[at] && nr_address_equal(&line->from, address))
		return line->to;
	size_t skip = nr_address_is_ipv4(address) ? 12 : 0;
	line->from = line->to = *address;
	map_bits(c, address->octets + skip, 16 - skip, line->to.octets + skip);
	c->known[at] = true;
	return line->to;
}
