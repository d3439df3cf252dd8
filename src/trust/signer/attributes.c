/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/attributes.h"

#include <errno.h>
#include <openssl/evp.h>

enum nr_oid nr_key_digest(enum nr_key_algorithm algorithm)
{
	static const enum nr_oid digests[] = {[NR_KEY_RSA] = NR_OID_SHA256,
		[NR_KEY_P256] = NR_OID_SHA256,
		[NR_KEY_P384] = NR_OID_SHA384,
		[NR_KEY_ED25519] = NR_OID_SHA512};
	return digests[algorithm];
}

enum nr_oid nr_key_signature(enum nr_key_algorithm algorithm)
{
	static const enum nr_oid signatures[] = {[NR_KEY_RSA] = NR_OID_RSA_SHA256,
		[NR_KEY_P256] = NR_OID_ECDSA_SHA256,
		[NR_KEY_P384] = NR_OID_ECDSA_SHA384,
		[NR_KEY_ED25519] = NR_OID_ED25519};
	return signatures[algorithm];
}

/* Around the value that was written since mark: SEQUENCE { attribute type, SET { value } }. */
static void attribute_wrap(struct nr_der_writer *w, enum nr_oid type, size_t mark)
{
	nr_der_wrap(w, NR_DER_SET, mark);
	nr_oid_put(w, type);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
}

/* SigningCertificateV2 with one ESSCertIDv2; its SHA-256 is the default and not written. */
static void put_signing_certificate(struct nr_der_writer *w, const uint8_t hash[static 32])
{
	size_t mark = nr_der_mark(w);
	nr_der_put_value(w, NR_DER_OCTET_STRING, hash, 32);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark); /* ESSCertIDv2 */
	nr_der_wrap(w, NR_DER_SEQUENCE, mark); /* certs */
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
	attribute_wrap(w, NR_OID_SIGNING_CERTIFICATE_V2, mark);
}

/* Where the message digest's octets are. */
static size_t digest_find(const struct nr_tst_attributes *attributes)
{
	struct nr_cursor c = nr_cursor_over(attributes->bytes, attributes->length);
	struct nr_cursor set = nr_der_open(&c, NR_DER_SET);
	while (!set.failed) {
		struct nr_cursor one = nr_der_open(&set, NR_DER_SEQUENCE);
		struct nr_der type = nr_der_take(&one, NR_DER_OID);
		struct nr_cursor values = nr_der_open(&one, NR_DER_SET);
		if (nr_oid_is(&type, NR_OID_MESSAGE_DIGEST))
			return (size_t)(nr_der_take(&values, NR_DER_OCTET_STRING).value - attributes->bytes);
	}
	return 0;
}

int nr_tst_attributes_init(struct nr_tst_attributes *attributes, enum nr_key_algorithm algorithm,
	const uint8_t *certificate, size_t length, struct nr_error *error)
{
	uint8_t buffer[NR_TST_ATTRIBUTES_MAX], scratch[NR_TST_ATTRIBUTES_MAX], hash[32];
	static const uint8_t zeros[64];
	if (EVP_Digest(certificate, length, hash, NULL, EVP_sha256(), NULL) != 1)
		return nr_fail(error, -EIO, "hashing a certificate failed");
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, sizeof buffer);
	put_signing_certificate(&w, hash);
	size_t digest_length = nr_oid_digest_bytes(nr_key_digest(algorithm)), mark = nr_der_mark(&w);
	nr_der_put_value(&w, NR_DER_OCTET_STRING, zeros, digest_length);
	attribute_wrap(&w, NR_OID_MESSAGE_DIGEST, mark);
	mark = nr_der_mark(&w);
	nr_oid_put(&w, NR_OID_TST_INFO);
	attribute_wrap(&w, NR_OID_CONTENT_TYPE, mark);
	/* the digest's length does not depend on its value, and so neither does the order */
	bool sorted = nr_der_sort(w.at, nr_der_mark(&w), scratch, sizeof scratch);
	nr_der_wrap(&w, NR_DER_SET, 0);
	if (w.failed || !sorted)
		return nr_fail(
			error, -ENOBUFS, "signed attributes: no room"); /* never: all sizes are fixed */
	attributes->length = nr_der_mark(&w);
	memcpy(attributes->bytes, w.at, attributes->length);
	attributes->digest_length = digest_length;
	attributes->digest = digest_find(attributes);
	return 0;
}
