/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/law/pseudonym.h"

#include <errno.h>
#include <openssl/evp.h>

/* ---- clients ---- */

static const char *const private_use[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
	"169.254.0.0/16", "fc00::/7", "fe80::/10", "100::/64", "2001::/32" /* Teredo: a host behind a NAT */};

/* An IPv4 prefix as it stands within IPv6 addresses: `at` bits behind the beginning of `outer`. */
static int add_within(struct nr_prefix_table *table, const struct nr_prefix *ipv4, const char *outer,
	uint8_t at, struct nr_error *error)
{
	struct nr_prefix prefix;
	int e = nr_prefix_parse(outer, &prefix, error);
	if (e)
		return e;
	memcpy(prefix.address.octets + at / 8, ipv4->address.octets + 12, 4);
	prefix.length = (uint8_t)(at + ipv4->length - 96);
	return nr_prefix_table_add(table, &prefix, NR_FLOW_CLIENT, error);
}

static int add_own(struct nr_prefix_table *table, const struct nr_prefix *own, struct nr_error *error)
{
	int e = nr_prefix_table_add(table, own, NR_FLOW_CLIENT, error);
	if (e || own->length < 96 || !nr_address_is_ipv4(&own->address))
		return e;
	e = add_within(table, own, "2002::/16", 16, error);
	if (!e)
		e = add_within(table, own, "64:ff9b::/96", 96, error);
	return e ? e : add_within(table, own, "::/96", 96, error);
}

/* Who keeps own addresses as they are keeps those of private use that are own, too. */
static bool is_plain(const struct nr_flow_policy *policy, const struct nr_prefix *prefix)
{
	for (size_t i = 0; policy->plain_clients && i < policy->own.count; i++)
		if (policy->own.items[i].length <= prefix->length &&
			nr_prefix_contains(&policy->own.items[i], &prefix->address))
			return true;
	return false;
}

int nr_flow_clients_new(
	const struct nr_flow_policy *policy, struct nr_prefix_table **ret_clients, struct nr_error *error)
{
	NR_AUTO(nr_prefix_table_freep) struct nr_prefix_table *table = NULL;
	int e = nr_prefix_table_new(&table, error);
	for (size_t i = 0; !e && policy->plain_clients && i < policy->own.count; i++)
		e = nr_prefix_table_add(table, &policy->own.items[i], NR_FLOW_PLAIN, error);
	for (size_t i = 0; !e && i < NR_COUNT(private_use); i++) {
		struct nr_prefix prefix;
		e = nr_prefix_parse(private_use[i], &prefix, error);
		if (!e && !is_plain(policy, &prefix))
			e = nr_prefix_table_add(table, &prefix, NR_FLOW_CLIENT, error);
	}
	for (size_t i = 0; !e && !policy->plain_clients && i < policy->own.count; i++)
		e = add_own(table, &policy->own.items[i], error);
	if (!e)
		e = nr_prefix_table_seal(table, error);
	if (!e)
		*ret_clients = nr_steal(&table);
	return e;
}

/* ---- names ---- */

struct nr_flow_pseudonyms {
	EVP_CIPHER_CTX *cipher;
};

int nr_flow_pseudonyms_new(
	const struct nr_flow_key *key, struct nr_flow_pseudonyms **ret_pseudonyms, struct nr_error *error)
{
	NR_AUTO(nr_flow_pseudonyms_freep) struct nr_flow_pseudonyms *p = calloc(1, sizeof *p);
	if (!p)
		return nr_fail(error, -ENOMEM, "out of memory");
	p->cipher = EVP_CIPHER_CTX_new();
	if (!p->cipher || EVP_EncryptInit_ex(p->cipher, EVP_aes_256_ecb(), NULL, key->secret, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(p->cipher, 0) != 1)
		return nr_fail(error, -EIO, "libcrypto has no AES-256");
	*ret_pseudonyms = nr_steal(&p);
	return 0;
}

void nr_flow_pseudonyms_free(struct nr_flow_pseudonyms *p)
{
	if (p)
		EVP_CIPHER_CTX_free(p->cipher); /* wipes the key */
	free(p);
}

void nr_flow_pseudonyms_freep(struct nr_flow_pseudonyms **p)
{
	nr_flow_pseudonyms_free(*p);
}

bool nr_flow_pseudonyms_map(
	struct nr_flow_pseudonyms *p, struct nr_flow_batch *batch, uint64_t ret_low[NR_FLOW_BATCH])
{
	uint8_t out[NR_FLOW_BATCH][16];
	int length = (int)(batch->count * 16), made;
	if (EVP_EncryptUpdate(p->cipher, out[0], &made, batch->blocks[0], length) != 1 || made != length)
		return false;
	for (size_t i = 0; i < batch->count; i++) {
		memcpy(&ret_low[i], out[i], 8);
		ret_low[i] = __builtin_bswap64(ret_low[i]);
	}
	return true;
}
