/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/authority.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#define SERIAL_OCTETS 16

static int refused(struct nr_error *error, const char *what)
{
	return nr_fail(error, -EIO, "making a certificate: %s: %s", what, nr_openssl_reason());
}

int nr_corporate_number_check(const char *number, struct nr_error *error)
{
	unsigned sum = 0;
	if (strlen(number) != 13 || strspn(number, "0123456789") != 13)
		return nr_fail(error, -EINVAL, "--number %.40s: a corporate number has 13 digits", number);
	/* from the right: weights 1, 2, 1, 2, ... */
	for (unsigned n = 1; n <= 12; n++)
		sum += (unsigned)(number[13 - n] - '0') * (n % 2 ? 1 : 2);
	unsigned wanted = 9 - sum % 9;
	if ((unsigned)(number[0] - '0') != wanted)
		return nr_fail(error, -EINVAL,
			"--number %s: the check digit (the first) would be %u; a digit is wrong", number,
			wanted);
	return 0;
}

/* ---- names and extensions ---- */

static bool name_add(X509_NAME *name, int attribute, const char *text)
{
	return X509_NAME_add_entry_by_NID(name, attribute, MBSTRING_UTF8, (const uint8_t *)text, -1, -1, 0) ==
	       1;
}

static bool name_fill(X509_NAME *name, const struct nr_certificate_wish *wish)
{
	static const char *const common[] = {[NR_CERTIFICATE_AUTHORITY] = "noroshi demonstration CA",
		[NR_CERTIFICATE_TIMESTAMP] = "noroshi demonstration TSA",
		[NR_CERTIFICATE_SEAL] = "noroshi demonstration seal"};
	char identifier[32];
	bool ok = name_add(name, NID_countryName, wish->country) &&
		  name_add(name, NID_organizationName,
			  wish->organisation ? wish->organisation : "noroshi demonstration");
	if (ok && wish->number && wish->kind == NR_CERTIFICATE_SEAL) {
		snprintf(identifier, sizeof identifier, "NTRJP-%s", wish->number);
		ok = name_add(name, NID_organizationIdentifier, identifier);
	}
	return ok && name_add(name, NID_commonName, common[wish->kind]);
}

static const struct extension {
	int nid;
	const char *value;
} extensions[][6] = {
	[NR_CERTIFICATE_AUTHORITY] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
		{NID_key_usage, "critical,keyCertSign,cRLSign"}, {NID_subject_key_identifier, "hash"},
		{NID_certificate_policies, NR_DEMONSTRATION_POLICY}},
	[NR_CERTIFICATE_TIMESTAMP] = {{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, "critical,timeStamping"}, {NID_subject_key_identifier, "hash"},
		{NID_authority_key_identifier, "keyid:always"},
		{NID_certificate_policies, NR_DEMONSTRATION_POLICY}},
	[NR_CERTIFICATE_SEAL] = {{NID_key_usage, "critical,digitalSignature,nonRepudiation"},
		{NID_subject_key_identifier, "hash"}, {NID_authority_key_identifier, "keyid:always"},
		{NID_certificate_policies, NR_DEMONSTRATION_POLICY}},
};

static bool extensions_add(X509 *certificate, X509 *issuer, enum nr_certificate_kind kind)
{
	X509V3_CTX context;
	CONF *none = NCONF_new(NULL); /* the policies' writer wants one to be there */
	bool added = none != NULL;
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509V3_set_nconf(&context, none);
	for (const struct extension *wanted = extensions[kind]; added && wanted->value; wanted++) {
		X509_EXTENSION *extension = X509V3_EXT_nconf_nid(none, &context, wanted->nid, wanted->value);
		added = extension && X509_add_ext(certificate, extension, -1) == 1;
		X509_EXTENSION_free(extension);
	}
	NCONF_free(none);
	return added;
}

/* Random, positive, always of the same length. */
static bool serial_set(X509 *certificate)
{
	uint8_t bytes[SERIAL_OCTETS];
	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
	BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
	BN_free(number);
	return set;
}

/* What a key signs certificates with; NULL is right for Ed25519, which has its own digest. */
static const EVP_MD *digest_of(const EVP_PKEY *key)
{
	enum nr_key_algorithm algorithm;
	if (nr_key_classify(key, "", &algorithm, NULL) || algorithm == NR_KEY_ED25519)
		return NULL;
	return algorithm == NR_KEY_P384 ? EVP_sha384() : EVP_sha256();
}

static bool fill(X509 *certificate, const struct nr_certificate_wish *wish, EVP_PKEY *key, X509 *issuer)
{
	return X509_set_version(certificate, X509_VERSION_3) == 1 && serial_set(certificate) &&
	       name_fill(X509_get_subject_name(certificate), wish) &&
	       X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
	       ASN1_TIME_set(X509_getm_notBefore(certificate), wish->from / NR_SECOND) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), wish->until / NR_SECOND) != NULL &&
	       X509_set_pubkey(certificate, key) == 1 && extensions_add(certificate, issuer, wish->kind);
}

int nr_certificate_make(const struct nr_certificate_wish *wish, EVP_PKEY *key, X509 *issuer,
	EVP_PKEY *issuer_key, X509 **ret_certificate, struct nr_error *error)
{
	NR_AUTO(nr_x509_freep) X509 *certificate = X509_new();
	EVP_PKEY *signing = issuer_key ? issuer_key : key;
	if (!certificate || !fill(certificate, wish, key, issuer ? issuer : certificate))
		return refused(error, "its contents");
	if (X509_sign(certificate, signing, digest_of(signing)) == 0)
		return refused(error, "its signature");
	*ret_certificate = nr_steal(&certificate);
	return 0;
}

bool nr_certificate_is_demonstration(X509 *certificate)
{
	CERTIFICATEPOLICIES *policies = X509_get_ext_d2i(certificate, NID_certificate_policies, NULL, NULL);
	bool found = false;
	for (int i = 0; !found && i < sk_POLICYINFO_num(policies); i++) {
		char text[80];
		const POLICYINFO *policy = sk_POLICYINFO_value(policies, i);
		found = OBJ_obj2txt(text, sizeof text, policy->policyid, 1) > 0 &&
			strcmp(text, NR_DEMONSTRATION_POLICY) == 0;
	}
	CERTIFICATEPOLICIES_free(policies);
	return found;
}

/* ---- revocation ---- */

const char *const nr_crl_reason_names[] = {"unspecified", "keyCompromise", "affiliationChanged", "superseded",
	"cessationOfOperation", "privilegeWithdrawn", NULL};
static const int reason_codes[] = {CRL_REASON_UNSPECIFIED, CRL_REASON_KEY_COMPROMISE,
	CRL_REASON_AFFILIATION_CHANGED, CRL_REASON_SUPERSEDED, CRL_REASON_CESSATION_OF_OPERATION,
	CRL_REASON_PRIVILEGE_WITHDRAWN};

static bool reason_set(X509_REVOKED *entry, const char *reason)
{
	size_t i = 0;
	while (nr_crl_reason_names[i] && strcmp(nr_crl_reason_names[i], reason) != 0)
		i++;
	/* "unspecified" is said by saying nothing (RFC 5280 section 5.3.1) */
	if (i == 0 || !nr_crl_reason_names[i])
		return i == 0;
	ASN1_ENUMERATED *code = ASN1_ENUMERATED_new();
	bool set = code && ASN1_ENUMERATED_set(code, reason_codes[i]) == 1 &&
		   X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, code, 0, 0) == 1;
	ASN1_ENUMERATED_free(code);
	return set;
}

static bool revoked_add(X509_CRL *crl, const struct nr_crl_wish *wish)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *time = ASN1_TIME_set(NULL, wish->from / NR_SECOND);
	bool added = entry && time &&
		     X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(wish->revoked)) == 1 &&
		     X509_REVOKED_set_revocationDate(entry, time) == 1 &&
		     (!wish->reason || reason_set(entry, wish->reason)) &&
		     X509_CRL_add0_revoked(crl, entry) == 1;
	ASN1_TIME_free(time);
	if (!added)
		X509_REVOKED_free(entry);
	return added;
}

static bool entries_copy(X509_CRL *crl, X509_CRL *old)
{
	STACK_OF(X509_REVOKED) *entries = old ? X509_CRL_get_REVOKED(old) : NULL;
	for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
		X509_REVOKED *copy = X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i));
		if (!copy || X509_CRL_add0_revoked(crl, copy) != 1) {
			X509_REVOKED_free(copy);
			return false;
		}
	}
	return true;
}

static bool number_set(X509_CRL *crl, X509_CRL *old)
{
	ASN1_INTEGER *before = old ? X509_CRL_get_ext_d2i(old, NID_crl_number, NULL, NULL) : NULL;
	BIGNUM *number = before ? ASN1_INTEGER_to_BN(before, NULL) : BN_new();
	ASN1_INTEGER *next = number && BN_add_word(number, 1) == 1 ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
	bool set = next && X509_CRL_add1_ext_i2d(crl, NID_crl_number, next, 0, 0) == 1;
	ASN1_INTEGER_free(before);
	ASN1_INTEGER_free(next);
	BN_free(number);
	return set;
}

static bool issuer_set(X509_CRL *crl, X509 *issuer)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, NULL, NULL, crl, 0);
	X509_EXTENSION *key =
		X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
	bool set = key && X509_CRL_add_ext(crl, key, -1) == 1 &&
		   X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) == 1;
	X509_EXTENSION_free(key);
	return set;
}

static bool times_set(X509_CRL *crl, const struct nr_crl_wish *wish)
{
	ASN1_TIME *from = ASN1_TIME_set(NULL, wish->from / NR_SECOND);
	ASN1_TIME *until = ASN1_TIME_set(NULL, wish->until / NR_SECOND);
	bool set = from && until && X509_CRL_set1_lastUpdate(crl, from) == 1 &&
		   X509_CRL_set1_nextUpdate(crl, until) == 1;
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return set;
}

int nr_crl_make(const struct nr_crl_wish *wish, X509_CRL **ret_crl, struct nr_error *error)
{
	X509_CRL *crl = X509_CRL_new();
	bool done = crl && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
		    issuer_set(crl, wish->issuer) && times_set(crl, wish) && entries_copy(crl, wish->old) &&
		    (!wish->revoked || revoked_add(crl, wish)) && number_set(crl, wish->old) &&
		    X509_CRL_sort(crl) == 1 &&
		    X509_CRL_sign(crl, wish->issuer_key, digest_of(wish->issuer_key)) > 0;
	if (!done) {
		X509_CRL_free(crl);
		return nr_fail(error, -EIO, "making a revocation list: %s", nr_openssl_reason());
	}
	*ret_crl = crl;
	return 0;
}
