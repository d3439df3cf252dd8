/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/signature.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define RSA_BITS_MIN 2048

/* ---- digests ---- */

static const struct {
	enum nr_oid oid;
	const char *openssl, *name;
} digests[] = {
	{NR_OID_SHA1, "SHA1", "sha1"},
	{NR_OID_SHA256, "SHA256", "sha256"},
	{NR_OID_SHA384, "SHA384", "sha384"},
	{NR_OID_SHA512, "SHA512", "sha512"},
	{NR_OID_SHA3_256, "SHA3-256", "sha3-256"},
	{NR_OID_SHA3_384, "SHA3-384", "sha3-384"},
	{NR_OID_SHA3_512, "SHA3-512", "sha3-512"},
};
static EVP_MD *fetched[NR_COUNT(digests)];

static void fetch_all(void)
{
	for (size_t i = 0; i < NR_COUNT(digests); i++)
		fetched[i] = EVP_MD_fetch(NULL, digests[i].openssl, NULL);
}

const EVP_MD *nr_digest_of(enum nr_oid digest)
{
	static pthread_once_t once =
		PTHREAD_ONCE_INIT; /* an implicit fetch at each use costs more than a hash */
	pthread_once(&once, fetch_all);
	for (size_t i = 0; i < NR_COUNT(digests); i++) {
		if (digests[i].oid == digest)
			return fetched[i];
	}
	return NULL;
}

void nr_crypto_prepare(void)
{
	tzset();
	nr_digest_of(NR_OID_SHA256);
}

bool nr_digest(enum nr_oid digest, const void *bytes, size_t length, uint8_t ret_hash[NR_DIGEST_MAX])
{
	const EVP_MD *md = nr_digest_of(digest);
	return md && EVP_Digest(bytes, length, ret_hash, NULL, md, NULL) == 1;
}

int nr_digest_stream(
	enum nr_oid digest, FILE *stream, uint8_t ret_hash[NR_DIGEST_MAX], struct nr_error *error)
{
	uint8_t block[64 * 1024];
	const EVP_MD *md = nr_digest_of(digest);
	EVP_MD_CTX *context = md ? EVP_MD_CTX_new() : NULL;
	bool good = context && EVP_DigestInit_ex(context, md, NULL) == 1;
	size_t length = 0;
	while (good && (length = fread(block, 1, sizeof block, stream)) > 0)
		good = EVP_DigestUpdate(context, block, length) == 1;
	good = good && EVP_DigestFinal_ex(context, ret_hash, NULL) == 1;
	EVP_MD_CTX_free(context);
	if (ferror(stream))
		return nr_fail(error, errno ? -errno : -EIO, "cannot be read: %s", strerror(errno));
	return good ? 0 : nr_fail(error, -EIO, "the digest cannot be made");
}

const char *nr_digest_name(enum nr_oid digest)
{
	for (size_t i = 0; i < NR_COUNT(digests); i++) {
		if (digests[i].oid == digest)
			return digests[i].name;
	}
	return NULL;
}

enum nr_oid nr_digest_named(const char *name)
{
	for (size_t i = 0; i < NR_COUNT(digests); i++) {
		if (strcmp(digests[i].name, name) == 0)
			return digests[i].oid;
	}
	return NR_OID_UNKNOWN;
}

/* ---- signatures ---- */

/* What a signatureAlgorithm means. */
struct scheme {
	int key;            /* EVP_PKEY_RSA, _EC, _ED25519; 0: none of ours */
	enum nr_oid digest; /* UNKNOWN: the SignerInfo's */
	bool pss;
	int salt; /* PSS */
};

/* RSASSA-PSS-params (RFC 4055 section 3.1): SHA-2, MGF1 over the same, any salt. */
static bool read_pss(const struct nr_der *algorithm, struct scheme *scheme)
{
	const uint8_t *at = algorithm->start;
	X509_ALGOR *parsed = d2i_X509_ALGOR(NULL, &at, (long)nr_der_size(algorithm));
	const void *value = NULL;
	int type = V_ASN1_UNDEF;
	if (parsed)
		X509_ALGOR_get0(NULL, &type, &value, parsed);
	RSA_PSS_PARAMS *params =
		type == V_ASN1_SEQUENCE
			? ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), parsed->parameter)
			: NULL;
	bool good = false;
	X509_ALGOR *inner = params && params->maskGenAlgorithm && params->maskGenAlgorithm->parameter
				    ? ASN1_TYPE_unpack_sequence(
					      ASN1_ITEM_rptr(X509_ALGOR), params->maskGenAlgorithm->parameter)
				    : NULL;
	if (inner && params->hashAlgorithm) {
		int hash = OBJ_obj2nid(params->hashAlgorithm->algorithm);
		scheme->digest = hash == NID_sha256   ? NR_OID_SHA256
				 : hash == NID_sha384 ? NR_OID_SHA384
				 : hash == NID_sha512 ? NR_OID_SHA512
						      : NR_OID_UNKNOWN;
		scheme->salt = params->saltLength ? (int)ASN1_INTEGER_get(params->saltLength) : 20;
		good = scheme->digest != NR_OID_UNKNOWN && scheme->salt >= 0 &&
		       OBJ_obj2nid(params->maskGenAlgorithm->algorithm) == NID_mgf1 &&
		       OBJ_obj2nid(inner->algorithm) == hash &&
		       (!params->trailerField || ASN1_INTEGER_get(params->trailerField) == 1);
	}
	X509_ALGOR_free(inner);
	RSA_PSS_PARAMS_free(params);
	X509_ALGOR_free(parsed);
	ERR_clear_error();
	return good;
}

static struct scheme scheme_of(const struct nr_der *algorithm)
{
	struct nr_cursor c = nr_der_inside(algorithm);
	struct nr_der oid = nr_der_take(&c, NR_DER_OID);
	struct scheme scheme = {.digest = NR_OID_UNKNOWN};
	switch (nr_oid_of(&oid)) {
	case NR_OID_RSA:
		return (struct scheme){.key = EVP_PKEY_RSA};
	case NR_OID_RSA_SHA256:
		return (struct scheme){.key = EVP_PKEY_RSA, .digest = NR_OID_SHA256};
	case NR_OID_RSA_SHA384:
		return (struct scheme){.key = EVP_PKEY_RSA, .digest = NR_OID_SHA384};
	case NR_OID_RSA_SHA512:
		return (struct scheme){.key = EVP_PKEY_RSA, .digest = NR_OID_SHA512};
	case NR_OID_ECDSA_SHA256:
		return (struct scheme){.key = EVP_PKEY_EC, .digest = NR_OID_SHA256};
	case NR_OID_ECDSA_SHA384:
		return (struct scheme){.key = EVP_PKEY_EC, .digest = NR_OID_SHA384};
	case NR_OID_ECDSA_SHA512:
		return (struct scheme){.key = EVP_PKEY_EC, .digest = NR_OID_SHA512};
	case NR_OID_ED25519:
		return (struct scheme){
			.key = EVP_PKEY_ED25519, .digest = NR_OID_SHA512}; /* RFC 8419 section 3 */
	case NR_OID_RSA_PSS:
		scheme.pss = read_pss(algorithm, &scheme);
		scheme.key = scheme.pss ? EVP_PKEY_RSA : 0;
		return scheme;
	default:
		return scheme;
	}
}

static bool is_key_allowed(EVP_PKEY *key)
{
	char group[32];
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	case EVP_PKEY_EC:
		return EVP_PKEY_get_group_name(key, group, sizeof group, NULL) &&
		       (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0 ||
			       strcmp(group, "secp521r1") == 0);
	case EVP_PKEY_ED25519:
		return true;
	default:
		return false;
	}
}

static bool verify(EVP_PKEY *key, const struct scheme *scheme, enum nr_oid digest, const uint8_t *message,
	size_t length, const struct nr_der *signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters = NULL; /* belongs to context */
	const EVP_MD *md = scheme->key == EVP_PKEY_ED25519 ? NULL : nr_digest_of(digest);
	bool good = context && EVP_DigestVerifyInit(context, &parameters, md, NULL, key) == 1;
	if (good && scheme->pss)
		good = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, md) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, scheme->salt) == 1;
	good = good && EVP_DigestVerify(context, signature->value, signature->length, message, length) == 1;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return good;
}

enum nr_signature_state nr_signature_verify(EVP_PKEY *key, const struct nr_der *algorithm, enum nr_oid digest,
	const uint8_t *message, size_t length, const struct nr_der *signature)
{
	struct scheme scheme = scheme_of(algorithm);
	if (!scheme.key || !is_key_allowed(key))
		return NR_SIGNATURE_NOT_ALLOWED;
	if (digest != NR_OID_SHA256 && digest != NR_OID_SHA384 && digest != NR_OID_SHA512)
		return NR_SIGNATURE_NOT_ALLOWED;
	int kind = EVP_PKEY_get_base_id(key);
	bool same_kind = kind == scheme.key || (kind == EVP_PKEY_RSA_PSS && scheme.pss);
	if (!same_kind || (scheme.digest != NR_OID_UNKNOWN && scheme.digest != digest))
		return NR_SIGNATURE_CONTRADICTION;
	return verify(key, &scheme, digest, message, length, signature) ? NR_SIGNATURE_GOOD
									: NR_SIGNATURE_WRONG;
}

int nr_signature_judge(const struct nr_cms_signer *signer, X509 *certificate, struct nr_judgement *judgement,
	struct nr_error *error)
{
	const struct nr_der *attributes = &signer->signed_attributes;
	size_t length = nr_der_size(attributes);
	NR_AUTO(nr_freep) uint8_t *message = malloc(length);
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	if (!message)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(message, attributes->start, length);
	message[0] = NR_DER_SET; /* what is signed has the tag of a SET, what is stored [0] */
	switch (key ? nr_signature_verify(key, &signer->signature_algorithm, signer->digest, message, length,
			      &signer->signature)
		    : NR_SIGNATURE_NOT_ALLOWED) {
	case NR_SIGNATURE_GOOD:
		break;
	case NR_SIGNATURE_WRONG:
		nr_judge(judgement, NR_FAILED, "SIG_CRYPTO_FAILURE",
			"the signature is not this certificate's over these attributes",
			"署名がこの証明書によるものではありません");
		break;
	case NR_SIGNATURE_NOT_ALLOWED:
		nr_judge(judgement, NR_INDETERMINATE, "CRYPTO_CONSTRAINTS_FAILURE",
			"the signature's algorithm, or the key, is not strong enough or not known",
			"署名アルゴリズムまたは鍵が弱いか、未対応です");
		break;
	case NR_SIGNATURE_CONTRADICTION:
		nr_judge(judgement, NR_FAILED, "FORMAT_FAILURE",
			"digest algorithm, signature algorithm and key do not go together",
			"ハッシュ、署名アルゴリズム、鍵の組合せが矛盾しています");
	}
	return 0;
}

/* ---- whose ---- */

static bool is_named(X509 *certificate, const struct nr_der *sid)
{
	if (sid->tag == NR_DER_CONTEXT(0)) { /* SubjectKeyIdentifier */
		const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(certificate);
		return id && nr_der_equal(sid, ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id));
	}
	struct nr_cursor c = nr_der_inside(sid);
	struct nr_der issuer = nr_der_take(&c, NR_DER_SEQUENCE), serial = nr_der_take(&c, NR_DER_INTEGER);
	if (!nr_der_done(&c))
		return false;
	const uint8_t *at = issuer.start;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)nr_der_size(&issuer));
	at = serial.start;
	ASN1_INTEGER *number = d2i_ASN1_INTEGER(NULL, &at, (long)nr_der_size(&serial));
	bool same = name && number && X509_NAME_cmp(name, X509_get_issuer_name(certificate)) == 0 &&
		    ASN1_INTEGER_cmp(number, X509_get0_serialNumber(certificate)) == 0;
	X509_NAME_free(name);
	ASN1_INTEGER_free(number);
	ERR_clear_error();
	return same;
}

X509 *nr_signature_find(const struct nr_der *sid, STACK_OF(X509) * in, STACK_OF(X509) * others)
{
	STACK_OF(X509) * stacks[] = {in, others};
	for (size_t s = 0; s < NR_COUNT(stacks); s++) {
		for (int i = 0; stacks[s] && i < sk_X509_num(stacks[s]); i++) {
			if (is_named(sk_X509_value(stacks[s], i), sid))
				return sk_X509_value(stacks[s], i);
		}
	}
	return NULL;
}

/* IssuerSerial (RFC 5035 section 5): GeneralNames with one directoryName, and the serial number. */
static bool is_issuer_serial(struct nr_cursor *c, X509 *certificate)
{
	struct nr_cursor body = nr_der_open(c, NR_DER_SEQUENCE);
	struct nr_cursor names = nr_der_open(&body, NR_DER_SEQUENCE);
	struct nr_cursor directory = nr_der_open(&names, NR_DER_CONSTRUCTED(4));
	struct nr_der name = nr_der_take(&directory, NR_DER_SEQUENCE);
	nr_der_close(&names, &directory);
	nr_der_close(&body, &names);
	struct nr_der serial = nr_der_take(&body, NR_DER_INTEGER);
	nr_der_close(c, &body);
	if (c->failed)
		return false;
	const uint8_t *at = name.start;
	X509_NAME *issuer = d2i_X509_NAME(NULL, &at, (long)nr_der_size(&name));
	at = serial.start;
	ASN1_INTEGER *number = d2i_ASN1_INTEGER(NULL, &at, (long)nr_der_size(&serial));
	bool same = issuer && number && X509_NAME_cmp(issuer, X509_get_issuer_name(certificate)) == 0 &&
		    ASN1_INTEGER_cmp(number, X509_get0_serialNumber(certificate)) == 0;
	X509_NAME_free(issuer);
	ASN1_INTEGER_free(number);
	ERR_clear_error();
	return same;
}

/* The first ESSCertID of SigningCertificate or SigningCertificateV2: it alone names the signer. */
static bool names_certificate(const struct nr_der *value, bool v2, X509 *certificate)
{
	struct nr_cursor c = nr_der_inside(value);
	struct nr_cursor ids = nr_der_open(&c, NR_DER_SEQUENCE);
	struct nr_cursor id = nr_der_open(&ids, NR_DER_SEQUENCE);
	enum nr_oid digest = NR_OID_SHA1;
	if (v2)
		digest = nr_der_next_is(&id, NR_DER_SEQUENCE) ? nr_oid_algorithm(&id) : NR_OID_SHA256;
	struct nr_der hash = nr_der_take(&id, NR_DER_OCTET_STRING);
	bool issuer_fits = id.at == id.end || is_issuer_serial(&id, certificate);
	uint8_t actual[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	const EVP_MD *md = nr_digest_of(digest);
	bool weak = v2 && (digest == NR_OID_SHA1 || digest == NR_OID_MD5);
	return value->tag == NR_DER_SEQUENCE && nr_der_done(&id) && issuer_fits && md && !weak &&
	       X509_digest(certificate, md, actual, &length) == 1 && nr_der_equal(&hash, actual, length);
}

enum nr_ess_state nr_ess_check(const struct nr_der *signed_attributes, X509 *certificate)
{
	struct nr_der v1, v2;
	size_t count1 = nr_cms_find(signed_attributes, NR_OID_SIGNING_CERTIFICATE, &v1);
	size_t count2 = nr_cms_find(signed_attributes, NR_OID_SIGNING_CERTIFICATE_V2, &v2);
	if (count1 > 1 || count2 > 1 || count1 + count2 == 0)
		return NR_ESS_MISSING;
	if (count2 && !names_certificate(&v2, true, certificate))
		return NR_ESS_WRONG;
	if (count1 && !names_certificate(&v1, false, certificate))
		return NR_ESS_WRONG;
	return count2 ? NR_ESS_GOOD : NR_ESS_SHA1;
}
