/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/timestamp/build.h"

#include "trust/certificate/signature.h"

#include <errno.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <string.h>

static int set_policy(struct nr_token_builder *builder, const char *policy, struct nr_error *error)
{
	ASN1_OBJECT *object = OBJ_txt2obj(policy, 1);
	size_t length = object ? OBJ_length(object) : 0;
	if (length > 0 && length <= sizeof builder->policy) {
		memcpy(builder->policy, OBJ_get0_data(object), length);
		builder->policy_length = length;
	}
	ASN1_OBJECT_free(object);
	if (!builder->policy_length)
		return nr_fail(error, -EINVAL,
			"policy %.60s: must be an object identifier such as 1.3.6.1.4.1.99999.1", policy);
	return 0;
}

/* IssuerAndSerialNumber of the first certificate. */
static int set_signer(
	struct nr_token_builder *builder, const uint8_t *chain, size_t length, struct nr_error *error)
{
	struct nr_cursor c = nr_cursor_over(chain, length);
	struct nr_cursor certificate = nr_der_open(&c, NR_DER_SEQUENCE);
	struct nr_cursor body = nr_der_open(&certificate, NR_DER_SEQUENCE);
	struct nr_der version, serial, issuer;
	nr_der_optional(&body, NR_DER_CONSTRUCTED(0), &version);
	serial = nr_der_take(&body, NR_DER_INTEGER);
	nr_der_take(&body, NR_DER_SEQUENCE); /* signature algorithm */
	issuer = nr_der_take(&body, NR_DER_SEQUENCE);
	if (body.failed)
		return nr_fail(error, -EINVAL, "the authority's certificate cannot be read");
	struct nr_der_writer w;
	nr_der_writer_init(&w, builder->signer, sizeof builder->signer);
	nr_der_put(&w, serial.start, nr_der_size(&serial));
	nr_der_put(&w, issuer.start, nr_der_size(&issuer));
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	if (w.failed)
		return nr_fail(error, -E2BIG, "the name of the authority's issuer is too long");
	builder->signer_length = nr_der_mark(&w);
	memmove(builder->signer, w.at, builder->signer_length);
	return 0;
}

static void set_algorithms(struct nr_token_builder *builder, enum nr_key_algorithm algorithm)
{
	switch (algorithm) {
	case NR_KEY_RSA:
		builder->digest = NR_OID_SHA256;
		builder->signature = NR_OID_RSA;
		return;
	case NR_KEY_P256:
		builder->digest = NR_OID_SHA256;
		builder->signature = NR_OID_ECDSA_SHA256;
		return;
	case NR_KEY_P384:
		builder->digest = NR_OID_SHA384;
		builder->signature = NR_OID_ECDSA_SHA384;
		return;
	case NR_KEY_ED25519: /* RFC 8419 section 3.1 */
		builder->digest = NR_OID_SHA512;
		builder->signature = NR_OID_ED25519;
	}
}

int nr_token_builder_init(struct nr_token_builder *builder, enum nr_key_algorithm algorithm,
	const uint8_t *chain, size_t chain_length, const char *policy, struct nr_error *error)
{
	*builder = (struct nr_token_builder){.certificates_length = chain_length};
	struct nr_cursor c = nr_cursor_over(chain, chain_length);
	struct nr_der first = nr_der_take(&c, NR_DER_SEQUENCE);
	int e = c.failed ? nr_fail(error, -EINVAL, "the authority's certificate cannot be read") : 0;
	if (!e && chain_length > NR_TSP_REPLY_MAX / 2)
		e = nr_fail(error, -E2BIG,
			"the authority's certificates have %zu bytes; at most %d fit into an answer",
			chain_length, NR_TSP_REPLY_MAX / 2);
	set_algorithms(builder, algorithm);
	if (!e)
		e = set_policy(builder, policy, error);
	if (!e)
		e = set_signer(builder, chain, chain_length, error);
	if (!e)
		e = nr_tst_attributes_init(
			&builder->attributes, algorithm, first.start, nr_der_size(&first), error);
	if (e)
		return e;
	builder->certificates = malloc(chain_length);
	if (!builder->certificates)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(builder->certificates, chain, chain_length);
	return 0;
}

void nr_token_builder_fini(struct nr_token_builder *builder)
{
	free(builder->certificates);
	builder->certificates = NULL;
}

/* ---- TSTInfo ---- */

/* Up to 4 octets, none of them idle; the caller's tag. */
static void put_small(struct nr_der_writer *w, uint8_t tag, uint32_t value)
{
	uint8_t bytes[5] = {
		0, (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
	size_t skip = 0;
	while (skip < 4 && bytes[skip] == 0 && !(bytes[skip + 1] & 0x80))
		skip++;
	nr_der_put_value(w, tag, bytes + skip, sizeof bytes - skip);
}

/* A part that is zero is left out; all zero would say nothing, so that it is 1 us then. */
static void put_accuracy(struct nr_der_writer *w, nr_time accuracy)
{
	size_t mark = nr_der_mark(w);
	accuracy = NR_MAX(NR_MIN(accuracy, NR_DAY), 1);
	uint32_t micros = (uint32_t)(accuracy % 1000), millis = (uint32_t)(accuracy / 1000 % 1000);
	uint32_t seconds = (uint32_t)(accuracy / NR_SECOND);
	if (micros)
		put_small(w, NR_DER_CONTEXT(1), micros);
	if (millis)
		put_small(w, NR_DER_CONTEXT(0), millis);
	if (seconds)
		put_small(w, NR_DER_INTEGER, seconds);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
}

size_t nr_tst_write(const struct nr_token_builder *builder, const struct nr_tsp_request *request,
	const struct nr_tst_values *values, uint8_t *buffer, size_t room, uint8_t **ret_bytes)
{
	static const uint8_t yes = 0xff;
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, room);
	if (request->nonce.value)
		nr_der_put(&w, request->nonce.start, nr_der_size(&request->nonce));
	if (values->ordering)
		nr_der_put_value(&w, NR_DER_BOOLEAN, &yes, 1);
	if (values->accuracy >= 0)
		put_accuracy(&w, values->accuracy);
	nr_der_put_time(&w, NR_DER_GENERALIZED_TIME, values->time);
	nr_der_put_value(&w, NR_DER_INTEGER, values->serial, sizeof values->serial);
	nr_der_put(&w, request->imprint.start, nr_der_size(&request->imprint));
	nr_der_put_value(&w, NR_DER_OID, builder->policy, builder->policy_length);
	nr_der_put_uint(&w, 1);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	*ret_bytes = w.at;
	return w.failed ? 0 : nr_der_mark(&w);
}

/* ---- token ---- */

/* The signed attributes as the token has them: [0] IMPLICIT instead of SET, and this TSTInfo's digest. */
static bool put_attributes(struct nr_der_writer *w, const struct nr_token_builder *builder,
	const uint8_t *tst, size_t tst_length)
{
	uint8_t hash[NR_DIGEST_MAX];
	const struct nr_tst_attributes *attributes = &builder->attributes;
	if (!nr_digest(builder->digest, tst, tst_length, hash))
		return false;
	nr_der_put(w, attributes->bytes, attributes->length);
	if (w->failed)
		return false;
	memcpy(w->at + attributes->digest, hash, attributes->digest_length);
	*w->at = NR_DER_CONSTRUCTED(0);
	return true;
}

static bool put_signer(struct nr_der_writer *w, const struct nr_token_builder *builder, const uint8_t *tst,
	size_t tst_length, const uint8_t *signature, size_t signature_length)
{
	size_t mark = nr_der_mark(w);
	nr_der_put_value(w, NR_DER_OCTET_STRING, signature, signature_length);
	nr_oid_put_algorithm(w, builder->signature, builder->signature == NR_OID_RSA);
	if (!put_attributes(w, builder, tst, tst_length))
		return false;
	nr_oid_put_algorithm(w, builder->digest, false);
	nr_der_put(w, builder->signer, builder->signer_length);
	nr_der_put_uint(w, 1);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
	nr_der_wrap(w, NR_DER_SET, mark);
	return true;
}

size_t nr_token_write(const struct nr_token_builder *builder, const uint8_t *tst, size_t tst_length,
	bool certificates, const uint8_t *signature, size_t signature_length, uint8_t *buffer, size_t room,
	uint8_t **ret_bytes)
{
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, room);
	if (!put_signer(&w, builder, tst, tst_length, signature, signature_length))
		return 0;
	size_t mark = nr_der_mark(&w);
	if (certificates) {
		nr_der_put(&w, builder->certificates, builder->certificates_length);
		nr_der_wrap(&w, NR_DER_CONSTRUCTED(0), mark);
	}
	mark = nr_der_mark(&w);
	nr_der_put_value(&w, NR_DER_OCTET_STRING, tst, tst_length);
	nr_der_wrap(&w, NR_DER_CONSTRUCTED(0), mark);
	nr_oid_put(&w, NR_OID_TST_INFO);
	nr_der_wrap(&w, NR_DER_SEQUENCE, mark);
	mark = nr_der_mark(&w);
	nr_oid_put_algorithm(&w, builder->digest, false);
	nr_der_wrap(&w, NR_DER_SET, mark);
	nr_der_put_uint(&w, 3);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	nr_der_wrap(&w, NR_DER_CONSTRUCTED(0), 0);
	nr_oid_put(&w, NR_OID_SIGNED_DATA);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	mark = nr_der_mark(&w);
	nr_der_put_uint(&w, 0);
	nr_der_wrap(&w, NR_DER_SEQUENCE, mark); /* PKIStatusInfo: granted */
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	*ret_bytes = w.at;
	return w.failed ? 0 : nr_der_mark(&w);
}
