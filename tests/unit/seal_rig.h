/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals as strangers may make them, for tests and the bench of their verification: an authority whose
 * certificates hold at times of the test's choice, a time-stamp authority whose clock the test sets, and CMS
 * messages that are wrong in one chosen way. Keys are in this process; nothing goes over a network.
 */
#ifndef NR_TEST_SEAL_RIG_H
#define NR_TEST_SEAL_RIG_H

#include "trust/certificate/signature.h"
#include "trust/seal/cades.h"
#include "trust/signer/authority.h"
#include "trust/timestamp/build.h"

#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdarg.h>

#define RIG_START (INT64_C(1767225600) * NR_SECOND) /* 2026-01-01 */
#define RIG_YEAR  (365 * NR_DAY)

struct seal_rig {
	EVP_PKEY *ca_key, *tsa_key, *seal_key;
	X509 *ca, *tsa, *seal;
	nr_time clock; /* of the time-stamp authority */
	uint64_t serial;
};

static inline void rig_must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "rig: %s: %s\n", what, nr_openssl_reason());
		abort();
	}
}

static inline EVP_PKEY *rig_key(const char *algorithm)
{
	EVP_PKEY *key = NULL;
	rig_must(nr_key_generate(algorithm, &key, NULL) == 0, "key");
	return key;
}

static inline X509 *rig_certificate(
	const struct nr_certificate_wish *wish, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *certificate = NULL;
	rig_must(nr_certificate_make(wish, key, issuer, issuer_key, &certificate, NULL) == 0, "certificate");
	return certificate;
}

static inline void seal_rig_init(struct seal_rig *rig, const char *algorithm)
{
	struct nr_certificate_wish wish = {.kind = NR_CERTIFICATE_AUTHORITY,
		.country = "JP",
		.from = RIG_START - RIG_YEAR,
		.until = RIG_START + 30 * RIG_YEAR};
	*rig = (struct seal_rig){.ca_key = rig_key("p256"),
		.tsa_key = rig_key("p256"),
		.seal_key = rig_key(algorithm),
		.clock = RIG_START + NR_DAY,
		.serial = 1};
	rig->ca = rig_certificate(&wish, rig->ca_key, NULL, NULL);
	wish.kind = NR_CERTIFICATE_TIMESTAMP;
	wish.from = RIG_START;
	wish.until = RIG_START + 11 * RIG_YEAR;
	rig->tsa = rig_certificate(&wish, rig->tsa_key, rig->ca, rig->ca_key);
	wish.kind = NR_CERTIFICATE_SEAL;
	wish.until = RIG_START + RIG_YEAR;
	wish.number = "7000012050002";
	rig->seal = rig_certificate(&wish, rig->seal_key, rig->ca, rig->ca_key);
}

static inline void seal_rig_fini(struct seal_rig *rig)
{
	EVP_PKEY_free(rig->ca_key);
	EVP_PKEY_free(rig->tsa_key);
	EVP_PKEY_free(rig->seal_key);
	X509_free(rig->ca);
	X509_free(rig->tsa);
	X509_free(rig->seal);
}

/* ---- revocation ---- */

static inline X509_CRL *rig_list(const struct seal_rig *rig, nr_time from, X509 *revoked, const char *reason)
{
	X509_CRL *list = NULL;
	rig_must(nr_crl_make(&(struct nr_crl_wish){.issuer = rig->ca,
				     .issuer_key = rig->ca_key,
				     .revoked = revoked,
				     .reason = reason,
				     .from = from,
				     .until = from + 30 * NR_DAY},
			 &list, NULL) == 0,
		"list");
	return list;
}

/* A list that says what one of `from` said: that the certificate was revoked then. */
static inline X509_CRL *rig_list_again(
	const struct seal_rig *rig, nr_time revoked_at, X509 *revoked, nr_time from)
{
	X509_CRL *old = rig_list(rig, revoked_at, revoked, NULL), *list = NULL;
	rig_must(nr_crl_make(&(struct nr_crl_wish){.issuer = rig->ca,
				     .issuer_key = rig->ca_key,
				     .old = old,
				     .from = from,
				     .until = from + 30 * NR_DAY},
			 &list, NULL) == 0,
		"list");
	X509_CRL_free(old);
	return list;
}

/* An OCSP answer about a certificate of the authority. */
struct rig_answer {
	X509 *subject, *responder;
	EVP_PKEY *key;
	nr_time time;    /* producedAt and thisUpdate; nextUpdate is a week later */
	nr_time revoked; /* 0: good */
	bool no_end;     /* without nextUpdate */
};
static inline OCSP_BASICRESP *rig_answer(const struct seal_rig *rig, const struct rig_answer *wish)
{
	OCSP_BASICRESP *answer = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, wish->subject, rig->ca);
	ASN1_TIME *from = ASN1_TIME_set(NULL, wish->time / NR_SECOND),
		  *until = ASN1_TIME_set(NULL, (wish->time + 7 * NR_DAY) / NR_SECOND),
		  *revoked = ASN1_TIME_set(NULL, wish->revoked / NR_SECOND);
	ASN1_TIME_to_generalizedtime(from, &from);
	ASN1_TIME_to_generalizedtime(until, &until);
	ASN1_TIME_to_generalizedtime(revoked, &revoked);
	bool made = OCSP_basic_add1_status(answer, id,
			    wish->revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD,
			    OCSP_REVOKED_STATUS_KEYCOMPROMISE, wish->revoked ? revoked : NULL, from,
			    wish->no_end ? NULL : until) != NULL;
	/* the time of production is the test's, too */
	ASN1_GENERALIZEDTIME *produced = (ASN1_GENERALIZEDTIME *)OCSP_resp_get0_produced_at(answer);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	made = made && ASN1_STRING_copy(produced, from) == 1 &&
	       EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, wish->key) == 1 &&
	       OCSP_basic_sign_ctx(answer, wish->responder, context, NULL, OCSP_NOTIME) == 1;
	rig_must(made, "OCSP answer");
	EVP_MD_CTX_free(context);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	ASN1_TIME_free(revoked);
	return answer;
}

/* A certificate of the authority with extensions of the test's: {NID, value} up to NID 0. */
struct rig_extension {
	int nid;
	const char *value;
};
static inline X509 *rig_special(const struct seal_rig *rig, const char *name, EVP_PKEY *key, nr_time from,
	nr_time until, const struct rig_extension *extensions)
{
	static int serial = 1000;
	X509 *made = X509_new();
	X509V3_CTX context;
	bool good = X509_set_version(made, X509_VERSION_3) &&
		    ASN1_INTEGER_set(X509_get_serialNumber(made), serial++) &&
		    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
			    (const uint8_t *)name, -1, -1, 0) &&
		    X509_set_issuer_name(made, X509_get_subject_name(rig->ca)) &&
		    X509_set_pubkey(made, key) &&
		    ASN1_TIME_set(X509_getm_notBefore(made), from / NR_SECOND) &&
		    ASN1_TIME_set(X509_getm_notAfter(made), until / NR_SECOND);
	X509V3_set_ctx(&context, rig->ca, made, NULL, NULL, 0);
	for (; good && extensions->nid; extensions++) {
		X509_EXTENSION *one = X509V3_EXT_conf_nid(NULL, &context, extensions->nid, extensions->value);
		good = one && X509_add_ext(made, one, -1);
		X509_EXTENSION_free(one);
	}
	rig_must(good && X509_sign(made, rig->ca_key, EVP_sha256()) > 0, name);
	return made;
}

/* ---- what seals are judged with ---- */

static inline void rig_material(const struct seal_rig *rig, struct nr_material *ret_material)
{
	rig_must(nr_material_init(ret_material, NULL) == 0, "material");
	X509_up_ref(rig->ca);
	rig_must(sk_X509_push(ret_material->anchors, rig->ca) > 0 &&
			 X509_STORE_add_cert(ret_material->store, rig->ca) == 1,
		"anchor");
}

/* Takes the list over. */
static inline void rig_add_list(struct nr_material *material, X509_CRL *list)
{
	uint8_t *der = NULL;
	int length = i2d_X509_CRL(list, &der);
	rig_must(length > 0 && nr_material_add_crl(material, der, (size_t)length, NULL) == 0, "list");
	OPENSSL_free(der);
	X509_CRL_free(list);
}

/* Takes the answer over. */
static inline void rig_add_answer(struct nr_material *material, OCSP_BASICRESP *answer)
{
	uint8_t *der = NULL;
	int length = i2d_OCSP_BASICRESP(answer, &der);
	rig_must(length > 0 && nr_material_add_ocsp(material, der, (size_t)length, NULL) == 0, "answer");
	OPENSSL_free(der);
	OCSP_BASICRESP_free(answer);
}

static inline void rig_add_certificate(struct nr_material *material, X509 *certificate)
{
	uint8_t *der = NULL;
	int length = i2d_X509(certificate, &der);
	rig_must(length > 0 && nr_material_add_certificate(material, der, (size_t)length, NULL) == 0,
		"certificate");
	OPENSSL_free(der);
}

/* ---- signatures ---- */

/* DER signature by the key's own digest; salt: PSS, -1: PKCS#1 v1.5. */
static inline size_t rig_sign(EVP_PKEY *key, enum nr_oid digest, int salt, const uint8_t *message,
	size_t length, uint8_t ret_signature[NR_SIGNATURE_MAX])
{
	const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL
			   : digest == NR_OID_MD5                        ? EVP_md5()
									 : nr_digest_of(digest);
	size_t made = NR_SIGNATURE_MAX;
	EVP_PKEY_CTX *parameters = NULL;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = EVP_DigestSignInit(context, &parameters, md, NULL, key) == 1;
	if (good && salt >= 0)
		good = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, salt) == 1;
	rig_must(good && EVP_DigestSign(context, ret_signature, &made, message, length) == 1, "signature");
	EVP_MD_CTX_free(context);
	return made;
}

/* ---- time stamps ---- */

/* What nr_token_fetch() answers, at rig->clock; the ContentInfo is the caller's. */
static inline void rig_token(struct seal_rig *rig, enum nr_oid digest, const uint8_t *hash,
	uint8_t **ret_token, size_t *ret_length)
{
	uint8_t buffer[256], *query, tst_buffer[NR_TST_MAX], *tst, reply[NR_TSP_REPLY_MAX], *answer;
	uint8_t chain[4096], *at = chain, hashed[NR_DIGEST_MAX], signature[NR_SIGNATURE_MAX];
	struct nr_token_builder builder;
	struct nr_tsp_request request;
	enum nr_tsp_failure failure;
	struct nr_tst_values values = {.serial = {1}, .time = rig->clock, .accuracy = NR_SECOND};
	size_t query_length = nr_tsp_write_request(
		digest, hash, (const uint8_t *)"nonce!!!", 8, buffer, sizeof buffer, &query);
	rig_must(nr_tsp_read_request(query, query_length, NULL, 0, &request, &failure, NULL) == 0, "request");
	int length = i2d_X509(rig->tsa, &at);
	rig_must(nr_token_builder_init(&builder, NR_KEY_P256, chain, (size_t)length, "2.999.1", NULL) == 0,
		"builder");
	values.serial[15] = (uint8_t)rig->serial++;
	size_t tst_length = nr_tst_write(&builder, &request, &values, tst_buffer, sizeof tst_buffer, &tst);
	struct nr_tst_attributes attributes = builder.attributes;
	rig_must(tst_length && nr_digest(NR_OID_SHA256, tst, tst_length, hashed), "TSTInfo");
	memcpy(attributes.bytes + attributes.digest, hashed, attributes.digest_length);
	size_t signature_length =
		rig_sign(rig->tsa_key, NR_OID_SHA256, -1, attributes.bytes, attributes.length, signature);
	size_t reply_length = nr_token_write(
		&builder, tst, tst_length, true, signature, signature_length, reply, sizeof reply, &answer);
	struct nr_tsp_response response;
	rig_must(reply_length && nr_tsp_read_response(answer, reply_length, &response, NULL) == 0, "token");
	*ret_length = nr_der_size(&response.token);
	*ret_token = malloc(*ret_length);
	rig_must(*ret_token != NULL, "memory");
	memcpy(*ret_token, response.token.start, *ret_length);
	nr_token_builder_fini(&builder);
}

/* ---- messages ---- */

/* A seal over `data`, right but for what is said here. */
struct rig_seal {
	EVP_PKEY *key;     /* NULL: the rig's */
	X509 *certificate; /* that is inside and that sid names; NULL: the rig's */
	X509 *named;       /* that ESSCertID hashes; NULL: the same */
	enum nr_oid digest, digest_claimed, algorithm; /* 0: SHA-256, the same, as the key has it */
	enum nr_oid content_type;                      /* in the signed attributes; 0: data */
	enum { RIG_ESS_V2, RIG_ESS_V1, RIG_ESS_NONE } ess;
	enum { RIG_DIGEST_ONCE, RIG_DIGEST_TWICE, RIG_DIGEST_TWO_VALUES, RIG_DIGEST_OTHER } digests;
	bool no_attributes, unsorted, protected_otherwise, attached, no_certificate, key_identifier;
	int salt; /* of PSS; 0: not PSS */
};

static inline void rig_put_attribute(struct nr_pile *pile, enum nr_oid type, struct nr_der_writer *w)
{
	rig_must(!w->failed, "attribute");
	nr_pile_add_attribute(pile, type, w->at, nr_der_mark(w));
}

static inline void rig_put_ess(const struct rig_seal *seal, struct nr_pile *pile)
{
	uint8_t hash[EVP_MAX_MD_SIZE], buffer[256];
	unsigned length = 0;
	struct nr_der_writer w;
	bool v1 = seal->ess == RIG_ESS_V1;
	X509_digest(seal->named, v1 ? EVP_sha1() : EVP_sha256(), hash, &length);
	nr_der_writer_init(&w, buffer, sizeof buffer);
	nr_der_put_value(&w, NR_DER_OCTET_STRING, hash, length);
	for (int i = 0; i < 3; i++)
		nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	rig_put_attribute(pile, v1 ? NR_OID_SIGNING_CERTIFICATE : NR_OID_SIGNING_CERTIFICATE_V2, &w);
}

static inline void rig_put_digest(const struct rig_seal *seal, const char *data, struct nr_pile *pile)
{
	uint8_t hash[EVP_MAX_MD_SIZE], buffer[256];
	unsigned length = 0;
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, sizeof buffer);
	EVP_Digest(data, strlen(data), hash, &length,
		seal->digest == NR_OID_MD5 ? EVP_md5() : nr_digest_of(seal->digest), NULL);
	hash[0] ^= seal->digests == RIG_DIGEST_OTHER;
	nr_der_put_value(&w, NR_DER_OCTET_STRING, hash, length);
	if (seal->digests == RIG_DIGEST_TWO_VALUES) {
		hash[0] |= 1;
		nr_der_put_value(&w, NR_DER_OCTET_STRING, hash, length);
		if (memcmp(w.at, w.at + length + 2, length + 2) > 0)
			memcpy(w.at + length + 2, w.at, length + 2);
	}
	rig_put_attribute(pile, NR_OID_MESSAGE_DIGEST, &w);
	if (seal->digests == RIG_DIGEST_TWICE) {
		w.at[2] ^= 0x80;
		rig_put_attribute(pile, NR_OID_MESSAGE_DIGEST, &w);
	}
}

/* SET OF, and sorted, unless that is what is wrong. */
static inline struct nr_pile rig_attributes(const struct rig_seal *seal, const char *data)
{
	struct nr_pile pile = {.bytes = NULL}, set = {.bytes = NULL};
	uint8_t buffer[4096], scratch[2048];
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, sizeof buffer);
	nr_oid_put(&w, seal->content_type);
	rig_put_attribute(&pile, NR_OID_CONTENT_TYPE, &w);
	rig_put_digest(seal, data, &pile);
	nr_der_writer_init(&w, buffer, sizeof buffer);
	nr_der_put_value(&w, NR_DER_UTC_TIME, "260102000000Z", 13);
	rig_put_attribute(&pile, NR_OID_SIGNING_TIME, &w);
	if (seal->protected_otherwise) {
		nr_der_writer_init(&w, buffer, sizeof buffer);
		nr_oid_put_algorithm(&w, NR_OID_ECDSA_SHA384, false);
		*w.at = NR_DER_CONSTRUCTED(1);
		nr_oid_put_algorithm(&w, NR_OID_SHA384, false);
		nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
		rig_put_attribute(&pile, NR_OID_ALGORITHM_PROTECTION, &w);
	}
	if (seal->ess != RIG_ESS_NONE)
		rig_put_ess(seal, &pile);
	rig_must(nr_der_sort(pile.bytes, pile.length, scratch, sizeof scratch), "sort");
	nr_der_writer_init(&w, buffer, sizeof buffer);
	nr_der_put(&w, pile.bytes, pile.length);
	nr_der_wrap(&w, NR_DER_SET, 0);
	nr_pile_add(&set, w.at, nr_der_mark(&w));
	nr_pile_fini(&pile);
	return set;
}

/* The first attribute goes to the end. */
static inline void rig_unsort(struct nr_pile *set)
{
	struct nr_cursor c = nr_cursor_over(set->bytes, set->length);
	struct nr_der whole = nr_der_any(&c);
	struct nr_cursor inside = nr_der_inside(&whole);
	struct nr_der first = nr_der_any(&inside);
	uint8_t copy[512];
	size_t size = nr_der_size(&first), rest = (size_t)(inside.end - inside.at);
	uint8_t *at = set->bytes + (whole.value - set->bytes);
	memcpy(copy, at, size);
	memmove(at, at + size, rest);
	memcpy(at + rest, copy, size);
}

static inline void rig_put_algorithm(const struct rig_seal *seal, struct nr_der_writer *w)
{
	static const uint8_t mgf1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08};
	if (!seal->salt) {
		nr_oid_put_algorithm(w, seal->algorithm, seal->algorithm == NR_OID_RSA);
		return;
	}
	size_t whole = nr_der_mark(w), mark = whole; /* RSASSA-PSS-params (RFC 4055 section 3.1) */
	nr_der_put_uint(w, (uint64_t)seal->salt);
	nr_der_wrap(w, NR_DER_CONSTRUCTED(2), mark);
	mark = nr_der_mark(w);
	nr_oid_put_algorithm(w, seal->digest, false);
	nr_der_put_value(w, NR_DER_OID, mgf1, sizeof mgf1);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
	nr_der_wrap(w, NR_DER_CONSTRUCTED(1), mark);
	mark = nr_der_mark(w);
	nr_oid_put_algorithm(w, seal->digest, false);
	nr_der_wrap(w, NR_DER_CONSTRUCTED(0), mark);
	nr_der_wrap(w, NR_DER_SEQUENCE, whole);
	nr_oid_put(w, NR_OID_RSA_PSS);
	nr_der_wrap(w, NR_DER_SEQUENCE, whole);
}

/* IssuerAndSerialNumber, or the key's identifier. */
static inline void rig_put_sid(const struct rig_seal *seal, struct nr_der_writer *w)
{
	uint8_t der[1024], *at = der;
	if (seal->key_identifier) {
		const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(seal->certificate);
		nr_der_put_value(
			w, NR_DER_CONTEXT(0), ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id));
		return;
	}
	size_t mark = nr_der_mark(w);
	int length = i2d_ASN1_INTEGER(X509_get0_serialNumber(seal->certificate), &at);
	nr_der_put(w, der, (size_t)length);
	at = der;
	length = i2d_X509_NAME(X509_get_issuer_name(seal->certificate), &at);
	nr_der_put(w, der, (size_t)length);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
}

static inline void rig_defaults(const struct seal_rig *rig, struct rig_seal *seal)
{
	seal->key = seal->key ? seal->key : rig->seal_key;
	seal->certificate = seal->certificate ? seal->certificate : rig->seal;
	seal->named = seal->named ? seal->named : seal->certificate;
	seal->digest = seal->digest ? seal->digest : NR_OID_SHA256;
	seal->digest_claimed = seal->digest_claimed ? seal->digest_claimed : seal->digest;
	seal->content_type = seal->content_type ? seal->content_type : NR_OID_DATA;
	bool rsa = EVP_PKEY_get_base_id(seal->key) == EVP_PKEY_RSA;
	if (!seal->algorithm)
		seal->algorithm = rsa                             ? NR_OID_RSA
				  : seal->digest == NR_OID_SHA384 ? NR_OID_ECDSA_SHA384
								  : NR_OID_ECDSA_SHA256;
}

/* SignerInfo up to the signature. */
static inline void rig_put_signer(const struct rig_seal *seal, const char *data, struct nr_pile *ret_signer)
{
	uint8_t buffer[8192], signature[NR_SIGNATURE_MAX];
	struct nr_der_writer w;
	struct nr_pile set = {.bytes = NULL};
	const uint8_t *message = (const uint8_t *)data;
	size_t length = strlen(data);
	if (!seal->no_attributes) {
		set = rig_attributes(seal, data);
		message = set.bytes;
		length = set.length;
	}
	length = rig_sign(seal->key, seal->digest, seal->salt ? seal->salt : -1, message, length, signature);
	if (seal->unsorted)
		rig_unsort(&set);
	nr_der_writer_init(&w, buffer, sizeof buffer);
	nr_der_put_value(&w, NR_DER_OCTET_STRING, signature, length);
	rig_put_algorithm(seal, &w);
	nr_der_put(&w, set.bytes ? set.bytes : (const uint8_t *)"", set.length);
	if (set.length)
		*w.at = NR_DER_CONSTRUCTED(0);
	nr_oid_put_algorithm(&w, seal->digest_claimed, false);
	rig_put_sid(seal, &w);
	nr_der_put_uint(&w, seal->key_identifier ? 3 : 1);
	rig_must(!w.failed, "signer");
	nr_pile_add(ret_signer, w.at, nr_der_mark(&w));
	nr_pile_fini(&set);
}

/* The message, the caller's. */
static inline void rig_make_seal(const struct seal_rig *rig, const struct rig_seal *wish, const char *data,
	uint8_t **ret_bytes, size_t *ret_length)
{
	struct rig_seal seal = *wish;
	uint8_t der[4096], *at = der, algorithm[32];
	size_t oid_length;
	struct nr_der_writer w;
	rig_defaults(rig, &seal);
	struct nr_cms_parts parts = {.content = seal.attached ? (const uint8_t *)data : NULL,
		.content_length = seal.attached ? strlen(data) : 0,
		.version = seal.key_identifier ? 3 : 0};
	nr_der_writer_init(&w, algorithm, sizeof algorithm);
	nr_oid_put_algorithm(&w, seal.digest_claimed, false);
	struct nr_cursor c = nr_cursor_over(w.at, nr_der_mark(&w));
	parts.digest_algorithm = nr_der_any(&c);
	const uint8_t *oid = nr_oid_bytes(NR_OID_DATA, &oid_length);
	parts.content_type = (struct nr_der){NULL, oid, oid_length, NR_DER_OID};
	int length = i2d_X509(seal.certificate, &at);
	if (!seal.no_certificate)
		nr_pile_add(&parts.certificates, der, (size_t)length);
	rig_put_signer(&seal, data, &parts.signer);
	rig_must(nr_cms_write(&parts, ret_bytes, ret_length, NULL) == 0, "message");
	nr_cms_parts_fini(&parts);
}

#endif
