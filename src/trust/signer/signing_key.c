/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/signing_key.h"
#include "trust/certificate/asn1_time.h"
#include "trust/signer/token.h"

#include <errno.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#define CERTIFICATE_PURPOSES (1u << NR_SIGN_TIMESTAMP | 1u << NR_SIGN_SEAL | 1u << NR_SIGN_JWS)

void nr_allowance_init(struct nr_allowance *allowance, double rate, unsigned burst, nr_time now)
{
	double most = burst ? burst : NR_MAX(rate, 1.0);
	*allowance = (struct nr_allowance){.rate = rate, .burst = most, .left = most, .filled = now};
}

bool nr_allowance_take(struct nr_allowance *allowance, nr_time now)
{
	if (allowance->rate <= 0)
		return true;
	double grown = allowance->left + allowance->rate * (double)(now - allowance->filled) / NR_SECOND;
	allowance->left = NR_MIN(grown, allowance->burst);
	allowance->filled = now;
	if (allowance->left < 1)
		return false;
	allowance->left -= 1;
	return true;
}

/* ---- what the certificate allows ---- */

/* Its validity, and within that privateKeyUsagePeriod (RFC 3280 section 4.2.1.4). */
static void period_read(struct nr_signing_key *key, X509 *certificate)
{
	key->from = nr_asn1_time(X509_get0_notBefore(certificate));
	key->until = nr_asn1_time(X509_get0_notAfter(certificate));
	PKEY_USAGE_PERIOD *period = X509_get_ext_d2i(certificate, NID_private_key_usage_period, NULL, NULL);
	if (period && period->notBefore)
		key->from = NR_MAX(key->from, nr_asn1_time(period->notBefore));
	if (period && period->notAfter)
		key->until = NR_MIN(key->until, nr_asn1_time(period->notAfter));
	PKEY_USAGE_PERIOD_free(period);
}

/* RFC 3161 section 2.3: critical, and this one alone. */
static bool for_timestamps_alone(X509 *certificate)
{
	int critical = 0;
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
	bool alone = usage && critical == 1 && sk_ASN1_OBJECT_num(usage) == 1 &&
		     OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, 0)) == NID_time_stamp;
	EXTENDED_KEY_USAGE_free(usage);
	return alone;
}

static int certificate_suits(X509 *certificate, const struct nr_signer_key *conf, nr_time now,
	const struct nr_signing_key *key, struct nr_error *error)
{
	char time[NR_TIME_TEXT];
	if (now > key->until)
		return nr_fail(error, -EKEYEXPIRED, "%s: ended %s; a new certificate is needed",
			conf->certificate, nr_time_write(key->until, time));
	if (now < key->from)
		return nr_fail(error, -EKEYREJECTED, "%s: begins %s only; is the clock right?",
			conf->certificate, nr_time_write(key->from, time));
	uint32_t usage = X509_get_key_usage(certificate);
	if (!(usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
		return nr_fail(error, -EKEYREJECTED, "%s: its key usage does not allow signatures",
			conf->certificate);
	if (X509_check_ca(certificate) > 0)
		return nr_fail(error, -EKEYREJECTED,
			"%s: an authority's certificate; its key signs nothing else", conf->certificate);
	bool stamps = conf->purposes & 1u << NR_SIGN_TIMESTAMP;
	if (stamps != for_timestamps_alone(certificate))
		return nr_fail(error, -EKEYREJECTED,
			stamps ? "%s: not for time stamps: extended key usage must be critical and "
				 "timeStamping alone (RFC 3161 section 2.3)"
			       : "%s: for time stamps alone (extended key usage); it cannot seal",
			conf->certificate);
	return 0;
}

/* ---- reading ---- */

static int certificate_take(struct nr_signing_key *key, X509 *certificate, struct nr_error *error)
{
	uint8_t *der = NULL;
	int length = i2d_X509(certificate, &der);
	if (length <= 0)
		return nr_fail(error, -ENOMEM, "signer: out of memory");
	key->certificate = der;
	key->certificate_length = (size_t)length;
	struct nr_policy *policy = &key->policy;
	policy->certificate = true;
	if (EVP_Digest(der, (size_t)length, policy->sha256, NULL, EVP_sha256(), NULL) != 1 ||
		EVP_Digest(der, (size_t)length, policy->sha384, NULL, EVP_sha384(), NULL) != 1 ||
		EVP_Digest(der, (size_t)length, policy->sha512, NULL, EVP_sha512(), NULL) != 1)
		return nr_fail(error, -EIO, "signer: hashing a certificate: %s", nr_openssl_reason());
	return 0;
}

static int spki_take(struct nr_signing_key *key, struct nr_error *error)
{
	int length = i2d_PUBKEY(key->pkey, &key->spki);
	if (length <= 0)
		return nr_fail(error, -EIO, "signer: public key: %s", nr_openssl_reason());
	key->spki_length = (size_t)length;
	return nr_key_id(key->pkey, key->id, error);
}

/* Private key, certificate, and that they belong together. */
static int files_read(const struct nr_signer_key *conf, const struct nr_secret *passphrase, nr_time now,
	struct nr_signing_key *key, struct nr_error *error)
{
	NR_AUTO(nr_x509_freep) X509 *certificate = NULL;
	int rc = 0;
	if (nr_token_names(conf->key) && !conf->certificate)
		return nr_fail(
			error, -EINVAL, "%s: a key in a token needs its certificate beside it", conf->key);
	if (!nr_token_names(conf->key))
		rc = nr_key_read(conf->key, passphrase, &key->pkey, error);
	if (rc || !conf->certificate)
		return rc;
	rc = nr_certificate_read(conf->certificate, &certificate, error);
	if (rc)
		return rc;
	if (key->pkey && X509_check_private_key(certificate, key->pkey) != 1) {
		nr_openssl_reason();
		return nr_fail(error, -EKEYREJECTED, "%s: not the key of %s", conf->key, conf->certificate);
	}
	if (!key->pkey)
		key->pkey = X509_get_pubkey(certificate);
	if (!key->pkey)
		return nr_fail(error, -EINVAL, "%s: public key: %s", conf->certificate, nr_openssl_reason());
	period_read(key, certificate);
	rc = certificate_suits(certificate, conf, now, key, error);
	return rc ? rc : certificate_take(key, certificate, error);
}

/* What is kept ready so that a signature costs little more than its arithmetic. */
static int contexts_make(struct nr_signing_key *key, const char *name, bool token, struct nr_error *error)
{
	static const char *const digests[] = {[NR_KEY_RSA] = "SHA256",
		[NR_KEY_P256] = "SHA256",
		[NR_KEY_P384] = "SHA384",
		[NR_KEY_ED25519] = "SHA512"};
	enum nr_key_algorithm algorithm = key->policy.algorithm;
	key->content_digest = EVP_MD_fetch(NULL, digests[algorithm], NULL);
	key->content_hash = EVP_MD_CTX_new();
	key->hash = EVP_MD_CTX_new();
	bool made = key->content_digest && key->content_hash && key->hash;
	if (made && algorithm == NR_KEY_ED25519) {
		made = EVP_DigestSignInit(key->hash, NULL, NULL, NULL, key->pkey) == 1;
	} else if (made) {
		key->digest = EVP_MD_fetch(NULL, digests[algorithm], NULL);
		made = key->digest != NULL;
	}
	if (made && key->digest && !token) {
		key->sign = EVP_PKEY_CTX_new(key->pkey, NULL);
		made = key->sign && EVP_PKEY_sign_init(key->sign) == 1;
		if (made && algorithm == NR_KEY_RSA)
			made = EVP_PKEY_CTX_set_rsa_padding(key->sign, RSA_PKCS1_PADDING) == 1 &&
			       EVP_PKEY_CTX_set_signature_md(key->sign, key->digest) == 1;
	}
	return made ? 0 : nr_fail(error, -EIO, "%s: %s", name, nr_openssl_reason());
}

static int purposes_check(
	const struct nr_signer_key *conf, const struct nr_signing_key *key, struct nr_error *error)
{
	unsigned purposes = conf->purposes;
	bool note = purposes & ~CERTIFICATE_PURPOSES, alone = note || purposes & 1u << NR_SIGN_TIMESTAMP;
	bool mixed = alone && purposes & (purposes - 1);
	if (purposes == 0 || purposes >= 1u << NR_SIGN_PURPOSES || mixed)
		return nr_fail(error, -EINVAL,
			"%s: a key of a ledger or witness has that one purpose, and time stamps and seals "
			"have "
			"keys of their own",
			conf->key);
	if (note && (conf->certificate || !conf->name || strlen(conf->name) > NR_NOTE_NAME_MAX))
		return nr_fail(error, -EINVAL,
			"%s: a key of a ledger or witness has a name and no certificate", conf->key);
	if (note && key->policy.algorithm != NR_KEY_ED25519)
		return nr_fail(error, -EKEYREJECTED, "%s: notes are signed with Ed25519 keys", conf->key);
	if (!note && !conf->certificate)
		return nr_fail(error, -EINVAL, "%s: its certificate is not named", conf->key);
	return 0;
}

int nr_signing_key_open(const struct nr_signer_key *conf, const struct nr_secret *passphrase, nr_time now,
	struct nr_signing_key *ret_key, struct nr_error *error)
{
	struct nr_signing_key key = {.policy.purposes = conf->purposes,
		.from = NR_TIME_MIN,
		.until = NR_TIME_MAX,
		.released_from = NR_TIME_MIN,
		.released_until = NR_TIME_MAX};
	const char *named = conf->certificate && nr_token_names(conf->key) ? conf->certificate : conf->key;
	int rc = files_read(conf, passphrase, now, &key, error);
	rc = rc ? rc : nr_key_classify(key.pkey, named, &key.policy.algorithm, error);
	rc = rc ? rc : purposes_check(conf, &key, error);
	rc = rc ? rc : spki_take(&key, error);
	if (!rc && conf->purposes & 1u << NR_SIGN_TIMESTAMP)
		rc = nr_tst_attributes_init(&key.attributes, key.policy.algorithm, key.certificate,
			key.certificate_length, error);
	if (!rc && conf->name)
		snprintf(key.policy.name, sizeof key.policy.name, "%s", conf->name);
	rc = rc ? rc : contexts_make(&key, conf->key, nr_token_names(conf->key), error);
	if (rc) {
		nr_signing_key_fini(&key);
		return rc;
	}
	*ret_key = key;
	return 0;
}

void nr_signing_key_fini(struct nr_signing_key *key)
{
	EVP_PKEY_CTX_free(key->sign);
	EVP_MD_CTX_free(key->hash);
	EVP_MD_CTX_free(key->content_hash);
	EVP_MD_free(key->digest);
	EVP_MD_free(key->content_digest);
	EVP_PKEY_free(key->pkey);
	OPENSSL_free(key->certificate);
	OPENSSL_free(key->spki);
	memset(key, 0, sizeof *key);
}

/* ---- signing ---- */

static bool hash(
	EVP_MD_CTX *context, const EVP_MD *digest, const uint8_t *bytes, size_t length, uint8_t *ret_hash)
{
	return EVP_DigestInit_ex2(context, digest, NULL) == 1 &&
	       EVP_DigestUpdate(context, bytes, length) == 1 &&
	       EVP_DigestFinal_ex(context, ret_hash, NULL) == 1;
}

static int message_sign(
	struct nr_signing_key *key, const uint8_t *bytes, size_t length, struct nr_signed *ret_signed)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	ret_signed->length = sizeof ret_signed->signature;
	if (key->policy.algorithm == NR_KEY_ED25519)
		return EVP_DigestSign(key->hash, ret_signed->signature, &ret_signed->length, bytes, length) ==
				       1
			       ? 0
			       : -EIO;
	if (!hash(key->hash, key->digest, bytes, length, digest))
		return -EIO;
	size_t digest_length = nr_oid_digest_bytes(nr_key_digest(key->policy.algorithm));
	if (!key->sign)
		return nr_token_key_sign(
			key->token, digest, digest_length, ret_signed->signature, &ret_signed->length);
	return EVP_PKEY_sign(key->sign, ret_signed->signature, &ret_signed->length, digest, digest_length) ==
			       1
		       ? 0
		       : -EIO;
}

/* r || s, as JWS has it (RFC 7518 section 3.4). */
static int to_raw(const struct nr_signing_key *key, struct nr_signed *ret_signed)
{
	size_t half = key->policy.algorithm == NR_KEY_P256   ? 32
		      : key->policy.algorithm == NR_KEY_P384 ? 48
							     : 0;
	uint8_t raw[2 * 48];
	if (half == 0)
		return 0;
	if (!nr_der_to_rs(ret_signed->signature, ret_signed->length, raw, half))
		return -EIO;
	memcpy(ret_signed->signature, raw, 2 * half);
	ret_signed->length = 2 * half;
	return 0;
}

static int structure_sign(struct nr_signing_key *key, enum nr_signer_purpose purpose, const uint8_t *bytes,
	size_t length, struct nr_signed *ret_signed)
{
	struct nr_tst_attributes *attributes = &key->attributes;
	if (purpose == NR_SIGN_TIMESTAMP) {
		if (!hash(key->content_hash, key->content_digest, bytes, length,
			    attributes->bytes + attributes->digest))
			return -EIO;
		return message_sign(key, attributes->bytes, attributes->length, ret_signed);
	}
	int rc = message_sign(key, bytes, length, ret_signed);
	return !rc && purpose == NR_SIGN_JWS ? to_raw(key, ret_signed) : rc;
}

static int allowed(struct nr_signing_key *key, enum nr_signer_purpose purpose, const uint8_t *bytes,
	size_t length, nr_time real, nr_time monotonic)
{
	if (real < key->released_from || real > key->released_until)
		return -EACCES;
	if (real < key->from || real > key->until)
		return -EKEYEXPIRED;
	/* what is refused costs, too: nobody tries out structures faster than he may sign */
	if (!nr_allowance_take(&key->allowance, monotonic))
		return -EDQUOT;
	return nr_policy_check(&key->policy, purpose, bytes, length, real);
}

void nr_signing_key_sign(struct nr_signing_key *key, enum nr_signer_purpose purpose, const uint8_t *bytes,
	size_t length, nr_time real, nr_time monotonic, struct nr_signed *ret_signed)
{
	ret_signed->counter = 0;
	ret_signed->length = 0;
	ret_signed->code = allowed(key, purpose, bytes, length, real, monotonic);
	if (ret_signed->code)
		return;
	ret_signed->code = structure_sign(key, purpose, bytes, length, ret_signed);
	if (ret_signed->code)
		ret_signed->length = 0;
	else
		ret_signed->counter = ++key->counter;
}

static bool holds(
	struct nr_signing_key *key, const uint8_t *bytes, size_t length, const struct nr_signed *made)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestVerifyInit(context, NULL, key->digest, NULL, key->pkey) == 1 &&
		    EVP_DigestVerify(context, made->signature, made->length, bytes, length) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

int nr_signing_key_prove(struct nr_signing_key *key, const char *name, struct nr_error *error)
{
	/* nobody's structure: no time stamp, attributes, header or checkpoint begins like this */
	uint8_t bytes[48] = "noroshi signer start\n";
	struct nr_signed made;
	if (RAND_bytes(bytes + 24, sizeof bytes - 24) != 1)
		return nr_fail(error, -EIO, "%s: no random numbers: %s", name, nr_openssl_reason());
	int rc = message_sign(key, bytes, sizeof bytes, &made);
	if (rc)
		return nr_fail(error, rc, "%s: the key does not sign", name);
	if (!holds(key, bytes, sizeof bytes, &made)) {
		nr_openssl_reason();
		return nr_fail(error, -EKEYREJECTED, "%s: not the key of its certificate", name);
	}
	return 0;
}
