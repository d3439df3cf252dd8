/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/signature.h"
#include "trust/seal/cades.h"
#include "trust/signer/attributes.h"

#include <errno.h>

#define TOKEN_DIGEST NR_OID_SHA256

enum nr_oid nr_cades_digest(const struct nr_keys *keys)
{
	struct nr_signer *signer = nr_keys_signer(keys);
	return nr_key_digest(nr_signer_algorithm(signer, nr_keys_index(keys, NR_SIGN_SEAL)));
}

static enum nr_oid signature_algorithm(const struct nr_keys *keys)
{
	struct nr_signer *signer = nr_keys_signer(keys);
	return nr_key_signature(nr_signer_algorithm(signer, nr_keys_index(keys, NR_SIGN_SEAL)));
}

/* ---- signed attributes ---- */

struct buffer {
	uint8_t bytes[256];
	struct nr_der_writer w;
};

static struct nr_der_writer *begin(struct buffer *buffer)
{
	nr_der_writer_init(&buffer->w, buffer->bytes, sizeof buffer->bytes);
	return &buffer->w;
}

static void add(struct nr_pile *pile, enum nr_oid type, const struct buffer *value)
{
	pile->failed = pile->failed || value->w.failed;
	nr_pile_add_attribute(pile, type, value->w.at, nr_der_mark(&value->w));
}

/* UTCTime until 2049, GeneralizedTime without fraction from then on (RFC 5652 section 11.3). */
static void add_signing_time(struct nr_pile *pile, nr_time time)
{
	struct buffer value;
	uint8_t text[32];
	time = nr_time_floor(time, NR_SECOND);
	struct nr_der_writer *w = begin(&value);
	nr_der_put_time(w, NR_DER_GENERALIZED_TIME, time);
	bool is_short = time < INT64_C(2524608000) * NR_SECOND; /* 2050 */
	if (is_short && !w->failed) { /* 18 0f YYYYMMDDHHMMSSZ -> 17 0d YYMMDDHHMMSSZ */
		memcpy(text, w->at + 4, 13);
		w = begin(&value);
		nr_der_put_value(w, NR_DER_UTC_TIME, text, 13);
	}
	add(pile, NR_OID_SIGNING_TIME, &value);
}

/* SigningCertificateV2 with one ESSCertIDv2: SHA-256 is its default and is not written (RFC 5035 section 4).
 */
static int add_signing_certificate(struct nr_pile *pile, const struct nr_keys *keys, struct nr_error *error)
{
	struct buffer value;
	uint8_t hash[NR_DIGEST_MAX];
	size_t length;
	const uint8_t *certificate = nr_keys_certificate(keys, NR_SIGN_SEAL, &length);
	if (!certificate || !nr_digest(NR_OID_SHA256, certificate, length, hash))
		return nr_fail(error, -EIO, "the seal's certificate cannot be hashed");
	struct nr_der_writer *w = begin(&value);
	nr_der_put_value(w, NR_DER_OCTET_STRING, hash, 32);
	nr_der_wrap(w, NR_DER_SEQUENCE, 0); /* ESSCertIDv2 */
	nr_der_wrap(w, NR_DER_SEQUENCE, 0); /* certs */
	nr_der_wrap(w, NR_DER_SEQUENCE, 0);
	add(pile, NR_OID_SIGNING_CERTIFICATE_V2, &value);
	return 0;
}

/* CMSAlgorithmProtection (RFC 6211): which algorithms were meant cannot be changed unnoticed. */
static void add_protection(struct nr_pile *pile, const struct nr_keys *keys)
{
	struct buffer value;
	enum nr_oid algorithm = signature_algorithm(keys);
	struct nr_der_writer *w = begin(&value);
	nr_oid_put_algorithm(w, algorithm, algorithm == NR_OID_RSA);
	if (!w->failed)
		*w->at = NR_DER_CONSTRUCTED(1); /* [1] IMPLICIT SignatureAlgorithmIdentifier */
	nr_oid_put_algorithm(w, nr_cades_digest(keys), false);
	nr_der_wrap(w, NR_DER_SEQUENCE, 0);
	add(pile, NR_OID_ALGORITHM_PROTECTION, &value);
}

static int sort_into_set(struct nr_pile *attributes, struct nr_pile *ret_pile, struct nr_error *error)
{
	uint8_t scratch[2048], buffer[2048];
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, sizeof buffer);
	bool sorted = !attributes->failed &&
		      nr_der_sort(attributes->bytes, attributes->length, scratch, sizeof scratch);
	if (sorted) {
		nr_der_put(&w, attributes->bytes, attributes->length);
		nr_der_wrap(&w, NR_DER_SET, 0);
	}
	if (!sorted || w.failed)
		return nr_fail(error, -ENOMEM, "the signed attributes cannot be written");
	nr_pile_add(ret_pile, w.at, nr_der_mark(&w));
	return ret_pile->failed ? nr_fail(error, -ENOMEM, "out of memory") : 0;
}

int nr_cades_attributes_write(const struct nr_keys *keys, const struct nr_cades_attributes *attributes,
	const uint8_t *digest, struct nr_pile *ret_pile, struct nr_error *error)
{
	NR_AUTO(nr_pile_fini) struct nr_pile pile = {.bytes = NULL};
	struct buffer value;
	nr_oid_put(begin(&value), NR_OID_DATA);
	add(&pile, NR_OID_CONTENT_TYPE, &value);
	if (attributes->claimed != NR_TIME_MIN)
		add_signing_time(&pile, attributes->claimed);
	nr_der_put_value(
		begin(&value), NR_DER_OCTET_STRING, digest, nr_oid_digest_bytes(nr_cades_digest(keys)));
	add(&pile, NR_OID_MESSAGE_DIGEST, &value);
	if (attributes->type) {
		nr_der_put_value(
			begin(&value), NR_DER_UTF8_STRING, attributes->type, strnlen(attributes->type, 200));
		add(&pile, NR_OID_MIME_TYPE, &value);
	}
	add_protection(&pile, keys);
	int e = add_signing_certificate(&pile, keys, error);
	return e ? e : sort_into_set(&pile, ret_pile, error);
}

/* ---- the message ---- */

/* IssuerAndSerialNumber of the seal's certificate. */
static int put_signer_name(struct nr_der_writer *w, const struct nr_keys *keys, struct nr_error *error)
{
	size_t length;
	const uint8_t *bytes = nr_keys_certificate(keys, NR_SIGN_SEAL, &length);
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_cursor certificate = nr_der_open(&c, NR_DER_SEQUENCE);
	struct nr_cursor body = nr_der_open(&certificate, NR_DER_SEQUENCE);
	struct nr_der version;
	nr_der_optional(&body, NR_DER_CONSTRUCTED(0), &version);
	struct nr_der serial = nr_der_take(&body, NR_DER_INTEGER);
	nr_der_take(&body, NR_DER_SEQUENCE);
	struct nr_der issuer = nr_der_take(&body, NR_DER_SEQUENCE);
	if (body.failed)
		return nr_fail(error, -EINVAL, "the seal's certificate cannot be read");
	size_t mark = nr_der_mark(w);
	nr_der_put(w, serial.start, nr_der_size(&serial));
	nr_der_put(w, issuer.start, nr_der_size(&issuer));
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
	return 0;
}

/* SignerInfo without its header: version to signature. */
static int write_signer(const struct nr_keys *keys, const struct nr_pile *attributes,
	const struct nr_signed *signature, struct nr_cms_parts *parts, struct nr_error *error)
{
	uint8_t buffer[6 * 1024];
	struct nr_der_writer w;
	enum nr_oid algorithm = signature_algorithm(keys);
	nr_der_writer_init(&w, buffer, sizeof buffer);
	nr_der_put_value(&w, NR_DER_OCTET_STRING, signature->signature, signature->length);
	nr_oid_put_algorithm(&w, algorithm, algorithm == NR_OID_RSA);
	nr_der_put(&w, attributes->bytes, attributes->length);
	if (!w.failed)
		*w.at = NR_DER_CONSTRUCTED(0); /* SET OF, implicitly tagged */
	nr_oid_put_algorithm(&w, nr_cades_digest(keys), false);
	int e = put_signer_name(&w, keys, error);
	if (e)
		return e;
	nr_der_put_uint(&w, 1);
	if (w.failed)
		return nr_fail(error, -E2BIG, "the seal's certificate has a name that is too long");
	nr_pile_add(&parts->signer, w.at, nr_der_mark(&w));
	return parts->signer.failed ? nr_fail(error, -ENOMEM, "out of memory") : 0;
}

/* AlgorithmIdentifier of each digest, with static storage: parts point into it. */
static struct nr_der digest_algorithm(enum nr_oid digest)
{
	static const uint8_t sha2[3][13] = {
		{0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01},
		{0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02},
		{0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03},
	};
	const uint8_t *bytes = sha2[digest == NR_OID_SHA384 ? 1 : digest == NR_OID_SHA512 ? 2 : 0];
	return (struct nr_der){bytes, bytes + 2, sizeof sha2[0] - 2, NR_DER_SEQUENCE};
}

int nr_cades_assemble(const struct nr_keys *keys, const struct nr_pile *attributes,
	const struct nr_signed *signature, const struct nr_seal_data *content, struct nr_cms_parts *ret_parts,
	struct nr_error *error)
{
	struct nr_cms_parts parts = {.digest_algorithm = digest_algorithm(nr_cades_digest(keys))};
	size_t oid_length, length;
	const uint8_t *oid = nr_oid_bytes(NR_OID_DATA, &oid_length);
	parts.content_type = (struct nr_der){NULL, oid, oid_length, NR_DER_OID};
	if (content) {
		parts.content = content->bytes;
		parts.content_length = content->length;
	}
	const uint8_t *certificate = nr_keys_certificate(keys, NR_SIGN_SEAL, &length);
	nr_pile_add(&parts.certificates, certificate, length);
	int e = parts.certificates.failed ? nr_fail(error, -ENOMEM, "out of memory")
					  : write_signer(keys, attributes, signature, &parts, error);
	if (e) {
		nr_cms_parts_fini(&parts);
		return e;
	}
	*ret_parts = parts;
	return 0;
}

int nr_cades_add_signature_token(struct nr_cms_parts *parts, const struct nr_cms_signer *signer,
	const char *tsa, const char *tsa_ca, struct nr_error *error)
{
	uint8_t hash[NR_DIGEST_MAX];
	NR_AUTO(nr_freep) uint8_t *token = NULL;
	size_t length;
	if (!nr_digest(TOKEN_DIGEST, signer->signature.value, signer->signature.length, hash))
		return nr_fail(error, -EIO, "the signature cannot be hashed");
	int e = nr_token_fetch(tsa, tsa_ca, TOKEN_DIGEST, hash, &token, &length, error);
	if (e)
		return e;
	nr_pile_add_attribute(&parts->unsigned_attributes, NR_OID_SIGNATURE_TIME_STAMP, token, length);
	return parts->unsigned_attributes.failed ? nr_fail(error, -ENOMEM, "out of memory") : 0;
}
