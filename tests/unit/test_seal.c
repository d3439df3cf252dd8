/* SPDX-License-Identifier: Apache-2.0 */
/* CAdES seals of strangers, each wrong in one way; levels over the years; everything changed, byte by byte.
 */
#include "seal_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#define DATA "Notice 2026-1: all quiet.\n"
#define NOW  (RIG_START + 10 * NR_DAY)

static struct seal_rig rig;

/* In the place of the authority over HTTP: the rig's, whose clock the test sets. */
int __wrap_nr_token_fetch(const char *url, const char *ca, enum nr_oid digest, const uint8_t *hash,
	uint8_t **ret_token, size_t *ret_length, struct nr_error *error);
int __wrap_nr_token_fetch(const char *url, const char *ca, enum nr_oid digest, const uint8_t *hash,
	uint8_t **ret_token, size_t *ret_length, struct nr_error *error)
{
	(void)url, (void)ca, (void)error;
	rig_token(&rig, digest, hash, ret_token, ret_length);
	return 0;
}

static int make_rig(void **state)
{
	(void)state;
	seal_rig_init(&rig, "p256");
	return 0;
}

static int remove_rig(void **state)
{
	(void)state;
	seal_rig_fini(&rig);
	return 0;
}

/* ---- asking ---- */

struct bytes {
	uint8_t *at;
	size_t length;
};

static struct bytes make(const struct rig_seal *wish)
{
	struct bytes made;
	rig_make_seal(&rig, wish, DATA, &made.at, &made.length);
	return made;
}

static struct nr_seal_data data_of(const char *text)
{
	return (struct nr_seal_data){.bytes = (const uint8_t *)text, .length = strlen(text)};
}

#define SIGNERS 4
struct judged {
	struct nr_seal_verdict verdicts[SIGNERS];
	size_t count;
	int code;
	char why[240];
};

/* data NULL: the seal holds them. material: kept by the caller. */
static struct judged *ask(
	const struct bytes *seal, const char *data, struct nr_material *material, nr_time now, bool require)
{
	static struct judged judged;
	struct nr_error error = {0};
	struct nr_seal_data sealed = data_of(data ? data : "");
	struct nr_seal_question question = {.seal = seal->at,
		.length = seal->length,
		.data = data ? &sealed : NULL,
		.material = material,
		.now = now,
		.require_revocation = require};
	judged = (struct judged){.count = 0};
	judged.code = nr_seal_verify(&question, judged.verdicts, SIGNERS, &judged.count, &error);
	snprintf(judged.why, sizeof judged.why, "%s", error.text);
	return &judged;
}

static struct judged *judge(const struct bytes *seal, const char *data)
{
	struct nr_material material;
	rig_material(&rig, &material);
	struct judged *judged = ask(seal, data, &material, NOW, false);
	nr_material_fini(&material);
	return judged;
}

static bool says(const struct nr_seal_verdict *verdict, const char *code)
{
	for (size_t i = 0; i < verdict->judgement.count; i++) {
		if (strcmp(verdict->judgement.reasons[i].code, code) == 0)
			return true;
	}
	return false;
}

static void show(const char *name, const struct judged *judged)
{
	print_message("# %s: code %d %s\n", name, judged->code, judged->why);
	for (size_t s = 0; s < judged->count; s++) {
		const struct nr_judgement *judgement = &judged->verdicts[s].judgement;
		print_message("# %s: %s %s\n", name, nr_verdict_name(judgement->verdict),
			nr_seal_level_names[judged->verdicts[s].level]);
		for (size_t i = 0; i < judgement->count; i++)
			print_message("#   %s%s: %s\n", judgement->reasons[i].fatal ? "! " : "",
				judgement->reasons[i].code, judgement->reasons[i].en);
	}
}

/* The first signer's verdict; code NULL: nothing need be said. */
static void expect(const char *name, const struct judged *judged, enum nr_verdict verdict, const char *code)
{
	bool good = judged->code == 0 && judged->count > 0 &&
		    judged->verdicts[0].judgement.verdict == verdict &&
		    (!code || says(&judged->verdicts[0], code));
	if (!good) {
		show(name, judged);
		fail_msg("%s: expected %s %s", name, nr_verdict_name(verdict), code ? code : "");
	}
}

/* ---- wrong in one way ---- */

static void test_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct rig_seal seal;
		enum nr_verdict verdict;
		const char *code;
	} rows[] = {
		{"right", {.salt = 0}, NR_PASSED, NULL},
		{"right, key identifier", {.key_identifier = true}, NR_PASSED, NULL},
		{"right, SHA-384 with P-256", {.digest = NR_OID_SHA384}, NR_PASSED, NULL},
		{"no signed attributes", {.no_attributes = true}, NR_FAILED, "FORMAT_FAILURE"},
		{"content type of a token", {.content_type = NR_OID_TST_INFO}, NR_FAILED, "FORMAT_FAILURE"},
		{"two message digests", {.digests = RIG_DIGEST_TWICE}, NR_FAILED, "FORMAT_FAILURE"},
		{"a message digest of two values", {.digests = RIG_DIGEST_TWO_VALUES}, NR_FAILED,
			"FORMAT_FAILURE"},
		{"another message digest", {.digests = RIG_DIGEST_OTHER}, NR_FAILED, "HASH_FAILURE"},
		{"attributes out of order", {.unsorted = true}, NR_FAILED, "FORMAT_FAILURE"},
		{"digest and signature algorithm contradict", {.algorithm = NR_OID_ECDSA_SHA384}, NR_FAILED,
			"FORMAT_FAILURE"},
		{"algorithm of another kind of key", {.algorithm = NR_OID_RSA_SHA256}, NR_FAILED,
			"FORMAT_FAILURE"},
		{"algorithms are not the protected ones", {.protected_otherwise = true}, NR_FAILED,
			"FORMAT_FAILURE"},
		{"MD5", {.digest = NR_OID_MD5}, NR_INDETERMINATE, "CRYPTO_CONSTRAINTS_FAILURE"},
		{"SHA-1", {.digest = NR_OID_SHA1}, NR_INDETERMINATE, "CRYPTO_CONSTRAINTS_FAILURE"},
		{"named by SHA-1 alone", {.ess = RIG_ESS_V1}, NR_INDETERMINATE, "CRYPTO_CONSTRAINTS_FAILURE"},
		{"not named at all", {.ess = RIG_ESS_NONE}, NR_FAILED, "FORMAT_FAILURE"},
		{"no certificate anywhere", {.no_certificate = true}, NR_INDETERMINATE,
			"NO_SIGNING_CERTIFICATE_FOUND"},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct bytes seal = make(&rows[i].seal);
		expect(rows[i].name, judge(&seal, DATA), rows[i].verdict, rows[i].code);
		free(seal.at);
	}
}

/* The same issuer and number, another key or another certificate of the same key. */
static void test_substituted(void **state)
{
	(void)state;
	struct nr_certificate_wish wish = {.kind = NR_CERTIFICATE_SEAL,
		.country = "JP",
		.from = RIG_START,
		.until = RIG_START + RIG_YEAR};
	X509 *other = rig_certificate(&wish, rig.seal_key, rig.ca, rig.ca_key);
	X509_set_serialNumber(other, X509_get_serialNumber(rig.seal));
	rig_must(X509_sign(other, rig.ca_key, EVP_sha256()) > 0, "sign");
	struct bytes seal = make(&(struct rig_seal){.certificate = other, .named = rig.seal});
	expect("another certificate", judge(&seal, DATA), NR_INDETERMINATE, "NO_SIGNING_CERTIFICATE_FOUND");
	free(seal.at);
	EVP_PKEY *thief = rig_key("p256");
	seal = make(&(struct rig_seal){.key = thief});
	expect("another key", judge(&seal, DATA), NR_FAILED, "SIG_CRYPTO_FAILURE");
	free(seal.at);
	X509 *own = rig_certificate(&wish, thief, NULL, thief);
	seal = make(&(struct rig_seal){.key = thief, .certificate = own});
	expect("a stranger", judge(&seal, DATA), NR_INDETERMINATE, "NO_CERTIFICATE_CHAIN_FOUND");
	free(seal.at);
	seal = make(&(struct rig_seal){.key = rig.tsa_key, .certificate = rig.tsa});
	expect("an authority for time", judge(&seal, DATA), NR_INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE");
	free(seal.at);
	seal = make(&(struct rig_seal){.key = rig.ca_key, .certificate = rig.ca});
	expect("a CA", judge(&seal, DATA), NR_INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE");
	free(seal.at);
	X509_free(other);
	X509_free(own);
	EVP_PKEY_free(thief);
}

static void test_algorithms(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		struct rig_seal seal;
	} rows[] = {
		{"rsa2048", {.salt = 0}},
		{"rsa2048", {.algorithm = NR_OID_RSA_SHA256}},
		{"rsa2048", {.salt = 32}},
		{"rsa2048", {.salt = 222}}, /* as long as there is room: what OpenSSL makes */
		{"rsa3072", {.digest = NR_OID_SHA512, .salt = 64}},
		{"p384", {.digest = NR_OID_SHA384}},
		{"ed25519", {.digest = NR_OID_SHA512, .algorithm = NR_OID_ED25519}},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct rig_seal wish = rows[i].seal;
		struct nr_certificate_wish certificate = {.kind = NR_CERTIFICATE_SEAL,
			.country = "JP",
			.from = RIG_START,
			.until = RIG_START + RIG_YEAR};
		wish.key = rig_key(rows[i].key);
		wish.certificate = rig_certificate(&certificate, wish.key, rig.ca, rig.ca_key);
		struct bytes seal = make(&wish);
		expect(rows[i].key, judge(&seal, DATA), NR_PASSED, NULL);
		expect(rows[i].key, judge(&seal, DATA " "), NR_FAILED, "HASH_FAILURE");
		free(seal.at);
		X509_free(wish.certificate);
		EVP_PKEY_free(wish.key);
	}
}

/* What is inside is what was sealed; a file that is given must be the same. */
static void test_attached(void **state)
{
	(void)state;
	struct bytes seal = make(&(struct rig_seal){.attached = true});
	expect("inside", judge(&seal, NULL), NR_PASSED, NULL);
	expect("and given", judge(&seal, DATA), NR_PASSED, NULL);
	expect("other given", judge(&seal, "something else"), NR_FAILED, "HASH_FAILURE");
	free(seal.at);
	seal = make(&(struct rig_seal){.salt = 0});
	expect("nowhere", judge(&seal, NULL), NR_INDETERMINATE, "SIGNED_DATA_NOT_FOUND");
	free(seal.at);
}

/* Shown, not hidden (trust: the number is the certificate's claim). */
static void test_number(void **state)
{
	(void)state;
	static const struct rig_extension extensions[] = {{NID_key_usage, "critical,digitalSignature"}, {0}};
	struct bytes seal = make(&(struct rig_seal){.salt = 0});
	struct judged *judged = judge(&seal, DATA);
	assert_string_equal(judged->verdicts[0].number, "7000012050002");
	assert_false(judged->verdicts[0].number_wrong);
	free(seal.at);
	X509 *wrong = rig_special(&rig, "Example", rig.seal_key, RIG_START, RIG_START + RIG_YEAR, extensions);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(wrong), "organizationIdentifier", MBSTRING_UTF8,
		(const uint8_t *)"NTRJP-7000012050003", -1, -1, 0);
	rig_must(X509_sign(wrong, rig.ca_key, EVP_sha256()) > 0, "sign");
	seal = make(&(struct rig_seal){.certificate = wrong});
	judged = judge(&seal, DATA);
	expect("number", judged, NR_PASSED, "CORPORATE_NUMBER");
	assert_string_equal(judged->verdicts[0].number, "7000012050003");
	assert_true(judged->verdicts[0].number_wrong);
	free(seal.at);
	X509_free(wrong);
}

/* The SignerInfos of one and another message, in one; SET OF in order. */
static struct bytes join(const struct bytes *a, const struct bytes *b)
{
	struct nr_cms first, second;
	struct nr_der_writer w;
	struct bytes made = {.at = malloc(2 * (a->length + b->length))};
	uint8_t scratch[8192];
	assert_int_equal(nr_cms_read(a->at, a->length, &first, NULL), 0);
	assert_int_equal(nr_cms_read(b->at, b->length, &second, NULL), 0);
	nr_der_writer_init(&w, made.at, 2 * (a->length + b->length));
	nr_der_put(&w, first.signers.value, first.signers.length);
	nr_der_put(&w, second.signers.value, second.signers.length);
	assert_true(nr_der_sort(w.at, nr_der_mark(&w), scratch, sizeof scratch));
	nr_der_wrap(&w, NR_DER_SET, 0);
	const uint8_t *from = first.signed_data.value; /* version to certificates, as they are */
	nr_der_put(&w, from, (size_t)(first.signers.start - from));
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	nr_der_wrap(&w, NR_DER_CONSTRUCTED(0), 0);
	nr_oid_put(&w, NR_OID_SIGNED_DATA);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	assert_false(w.failed);
	made.length = nr_der_mark(&w);
	memmove(made.at, w.at, made.length);
	return made;
}

/* Never "one good is good". */
static void test_signers(void **state)
{
	(void)state;
	struct bytes good = make(&(struct rig_seal){.salt = 0}),
		     bad = make(&(struct rig_seal){.digests = RIG_DIGEST_OTHER}),
		     also = make(
			     &(struct rig_seal){.digest = NR_OID_SHA512, .algorithm = NR_OID_ECDSA_SHA512});
	struct bytes both = join(&good, &bad);
	struct judged *judged = judge(&both, DATA);
	assert_int_equal(judged->count, 2);
	unsigned passed = 0;
	for (size_t i = 0; i < 2; i++)
		passed += judged->verdicts[i].judgement.verdict == NR_PASSED;
	assert_int_equal(passed, 1);
	free(both.at);
	both = join(&good, &also);
	judged = judge(&both, DATA);
	assert_int_equal(judged->count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(judged->verdicts[i].judgement.verdict, NR_PASSED);
	free(both.at);
	free(good.at);
	free(bad.at);
	free(also.at);
}

/* ---- levels ---- */

static nr_time behind; /* of the authority's clock */

static int lift_to(struct bytes *seal, enum nr_seal_level level, struct nr_material *material, nr_time now,
	const char *data, struct nr_error *error)
{
	struct nr_seal_data sealed = data_of(data);
	struct nr_seal_maker maker = {.level = level, .tsa = "rig", .material = material, .now = now};
	struct bytes made;
	rig.clock = now - behind;
	int e = nr_seal_extend(&maker, seal->at, seal->length, &sealed, &made.at, &made.length, error);
	if (e)
		return e;
	free(seal->at);
	*seal = made;
	return 0;
}

static void lift(struct bytes *seal, enum nr_seal_level level, struct nr_material *material, nr_time now)
{
	struct nr_error error = {0};
	if (lift_to(seal, level, material, now, DATA, &error) != 0)
		fail_msg("lift to %s: %s", nr_seal_level_names[level], error.text);
}

/* At `level`, of RIG_START + a day, with a list of a minute later. */
static struct bytes make_level(enum nr_seal_level level)
{
	struct nr_material material;
	struct bytes seal = make(&(struct rig_seal){.salt = 0});
	nr_time time = RIG_START + NR_DAY;
	if (level >= NR_SEAL_BT)
		lift(&seal, NR_SEAL_BT, NULL, time);
	rig_material(&rig, &material);
	rig_add_list(&material, rig_list(&rig, time + NR_MINUTE, NULL, NULL));
	if (level >= NR_SEAL_BLT)
		lift(&seal, level, &material, time + NR_HOUR);
	nr_material_fini(&material);
	return seal;
}

static enum nr_seal_level level_of(
	const struct bytes *seal, nr_time now, enum nr_verdict verdict, const char *code)
{
	struct nr_material material;
	rig_material(&rig, &material);
	struct judged *judged = ask(seal, DATA, &material, now, false);
	expect("level", judged, verdict, code);
	nr_material_fini(&material);
	return judged->verdicts[0].level;
}

static void test_levels(void **state)
{
	(void)state;
	for (enum nr_seal_level level = NR_SEAL_BB; level <= NR_SEAL_BLTA; level++) {
		struct bytes seal = make_level(level);
		assert_int_equal(level_of(&seal, NOW, NR_PASSED, NULL), level);
		/* five years on the certificate has ended: only a proven time helps */
		nr_time later = RIG_START + 5 * RIG_YEAR;
		if (level == NR_SEAL_BB)
			level_of(&seal, later, NR_INDETERMINATE, "OUT_OF_BOUNDS_NO_POE");
		else
			assert_int_equal(level_of(&seal, later, NR_PASSED, NULL), level);
		free(seal.at);
	}
}

/* An archive token a year, for years: what is inside is enough to go on. */
static void test_renewed(void **state)
{
	(void)state;
	struct bytes seal = make_level(NR_SEAL_BLTA);
	for (int year = 1; year <= 3; year++) {
		nr_time now = RIG_START + year * RIG_YEAR;
		struct nr_material material;
		rig_material(&rig, &material);
		rig_add_list(&material, rig_list(&rig, now - NR_HOUR, NULL, NULL));
		lift(&seal, NR_SEAL_BLTA, &material, now);
		nr_material_fini(&material);
		assert_int_equal(level_of(&seal, now + NR_DAY, NR_PASSED, NULL), NR_SEAL_BLTA);
	}
	struct nr_material material;
	rig_material(&rig, &material);
	struct judged *judged = ask(&seal, DATA, &material, RIG_START + 4 * RIG_YEAR, false);
	assert_int_equal(judged->verdicts[0].token_count, 5);
	assert_int_equal(judged->verdicts[0].proven / NR_SECOND, (RIG_START + NR_DAY) / NR_SECOND);
	nr_material_fini(&material);
	free(seal.at);
}

/* Lifting takes the lists that the seal holds: the maker has the anchor alone. */
static void test_own_material(void **state)
{
	(void)state;
	struct bytes seal = make_level(NR_SEAL_BLT);
	struct nr_material material;
	rig_material(&rig, &material);
	lift(&seal, NR_SEAL_BLTA, &material, RIG_START + 2 * NR_DAY);
	nr_material_fini(&material);
	assert_int_equal(level_of(&seal, NOW, NR_PASSED, NULL), NR_SEAL_BLTA);
	free(seal.at);
}

/* Nothing is lifted over other data, or by a list that says "revoked". */
static void test_not_lifted(void **state)
{
	(void)state;
	struct bytes seal = make_level(NR_SEAL_BLT);
	struct nr_material material;
	struct nr_error error = {0};
	rig_material(&rig, &material);
	assert_int_equal(lift_to(&seal, NR_SEAL_BLTA, &material, NOW, "other data", &error), -EBADMSG);
	assert_non_null(strstr(error.text, "digest differs"));
	rig_add_list(&material, rig_list_again(&rig, RIG_START, rig.seal, NOW - NR_DAY));
	assert_int_equal(lift_to(&seal, NR_SEAL_BLTA, &material, NOW, DATA, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "revoked"));
	nr_material_fini(&material);
	free(seal.at);
}

/* ---- revocation ---- */

static void test_revoked(void **state)
{
	(void)state;
	const nr_time proven = RIG_START + NR_DAY, before = proven - NR_HOUR, after = proven + NR_HOUR;
	const struct {
		enum nr_seal_level level;
		bool authority; /* the TSA's certificate, not the seal's */
		nr_time time;
		const char *reason;
		enum nr_verdict verdict;
		const char *code;
	} rows[] = {
		{NR_SEAL_BT, false, after, "keyCompromise", NR_PASSED, "REVOKED_LATER"},
		{NR_SEAL_BT, false, before, "superseded", NR_FAILED, "REVOKED"},
		{NR_SEAL_BB, false, after, NULL, NR_FAILED, "REVOKED"},
		{NR_SEAL_BT, true, after, "superseded", NR_PASSED, "REVOKED_LATER"},
		{NR_SEAL_BT, true, after, "cessationOfOperation", NR_PASSED, "REVOKED_LATER"},
		{NR_SEAL_BT, true, before, "superseded", NR_INDETERMINATE, "REVOKED"},
		{NR_SEAL_BT, true, after, "keyCompromise", NR_INDETERMINATE, "REVOKED"},
		{NR_SEAL_BT, true, after, NULL, NR_INDETERMINATE, "REVOKED"},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct bytes seal = make_level(rows[i].level);
		struct nr_material material;
		rig_material(&rig, &material);
		rig_add_list(&material,
			rig_list(&rig, rows[i].time, rows[i].authority ? rig.tsa : rig.seal, rows[i].reason));
		char name[32];
		snprintf(name, sizeof name, "revoked, row %zu", i);
		expect(name, ask(&seal, DATA, &material, NOW, false), rows[i].verdict, rows[i].code);
		nr_material_fini(&material);
		free(seal.at);
	}
}

/* ---- OCSP ---- */

static void test_ocsp(void **state)
{
	(void)state;
	static const struct rig_extension responder[] = {{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, "OCSPSigning"}, {NID_id_pkix_OCSP_noCheck, "ignored"},
		{NID_subject_key_identifier, "hash"}, {0}};
	static const struct rig_extension asked[] = {
		{NID_key_usage, "critical,digitalSignature"}, {NID_ext_key_usage, "OCSPSigning"}, {0}};
	static const struct rig_extension plain[] = {{NID_key_usage, "critical,digitalSignature"}, {0}};
	const nr_time time = RIG_START + 9 * NR_DAY, end = RIG_START + RIG_YEAR;
	EVP_PKEY *key = rig_key("p256");
	X509 *good = rig_special(&rig, "Responder", key, RIG_START, end, responder),
	     *checked = rig_special(&rig, "Responder to check", key, RIG_START, end, asked),
	     *no_right = rig_special(&rig, "No responder", key, RIG_START, end, plain),
	     *ended = rig_special(&rig, "Ended", key, RIG_START, RIG_START + NR_DAY, responder);
	const struct {
		const char *name;
		struct rig_answer answer;
		X509 *revoked; /* on a list that lies beside it */
		enum nr_verdict verdict;
		const char *code;
	} rows[] = {
		{"by the issuer", {rig.seal, rig.ca, rig.ca_key, time, 0, false}, NULL, NR_PASSED, NULL},
		{"by one with the right", {rig.seal, good, key, time, 0, false}, NULL, NR_PASSED, NULL},
		{"whose state nobody asks", {rig.seal, good, key, time, 0, false}, good, NR_PASSED, NULL},
		{"whose state is good", {rig.seal, checked, key, time, 0, false}, NULL, NR_PASSED, NULL},
		{"who is revoked", {rig.seal, checked, key, time, 0, false}, checked, NR_INDETERMINATE,
			"TRY_LATER"},
		{"without the right", {rig.seal, no_right, key, time, 0, false}, NULL, NR_INDETERMINATE,
			"TRY_LATER"},
		{"ended when it answered", {rig.seal, ended, key, time, 0, false}, NULL, NR_INDETERMINATE,
			"TRY_LATER"},
		{"ended since it answered", {rig.seal, ended, key, RIG_START + NR_HOUR, 0, false}, NULL,
			NR_INDETERMINATE, "TRY_LATER"}, /* genuine, but older than now */
		{"of another", {rig.tsa, good, key, time, 0, false}, NULL, NR_INDETERMINATE, "TRY_LATER"},
		{"old", {rig.seal, good, key, RIG_START, 0, false}, NULL, NR_INDETERMINATE, "TRY_LATER"},
		{"without an end", {rig.seal, good, key, time, 0, true}, NULL, NR_INDETERMINATE, "TRY_LATER"},
		{"of the future", {rig.seal, good, key, NOW + NR_DAY, 0, false}, NULL, NR_INDETERMINATE,
			"TRY_LATER"},
		{"revoked", {rig.seal, good, key, time, RIG_START + NR_DAY, false}, NULL, NR_FAILED,
			"REVOKED"},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct bytes seal = make(&(struct rig_seal){.salt = 0});
		struct nr_material material;
		rig_material(&rig, &material);
		rig_add_answer(&material, rig_answer(&rig, &rows[i].answer));
		if (rows[i].revoked) { /* too old to say anything of the seal itself */
			X509_CRL *list = rig_list(&rig, RIG_START - 60 * NR_DAY, rows[i].revoked, NULL);
			rig_add_list(&material, list);
		}
		expect(rows[i].name, ask(&seal, DATA, &material, NOW, true), rows[i].verdict, rows[i].code);
		nr_material_fini(&material);
		free(seal.at);
	}
	X509_free(good);
	X509_free(checked);
	X509_free(no_right);
	X509_free(ended);
	EVP_PKEY_free(key);
}

/* One that says "revoked" counts, whatever else is there. */
static void test_ocsp_and_list(void **state)
{
	(void)state;
	struct bytes seal = make(&(struct rig_seal){.salt = 0});
	struct nr_material material;
	const struct rig_answer good = {rig.seal, rig.ca, rig.ca_key, NOW - NR_DAY, 0, false},
				revoked = {rig.seal, rig.ca, rig.ca_key, NOW - NR_HOUR, RIG_START, false};
	rig_material(&rig, &material);
	rig_add_list(&material, rig_list(&rig, NOW - NR_DAY, NULL, NULL));
	rig_add_answer(&material, rig_answer(&rig, &good));
	expect("both good", ask(&seal, DATA, &material, NOW, true), NR_PASSED, NULL);
	rig_add_answer(&material, rig_answer(&rig, &revoked));
	expect("one says revoked", ask(&seal, DATA, &material, NOW, true), NR_FAILED, "REVOKED");
	nr_material_fini(&material);
	free(seal.at);
}

/* B-LT and B-LTA with answers in the place of lists. */
static void test_ocsp_inside(void **state)
{
	(void)state;
	struct nr_material material;
	struct bytes seal = make(&(struct rig_seal){.salt = 0});
	nr_time time = RIG_START + NR_DAY;
	const struct rig_answer about_seal = {rig.seal, rig.ca, rig.ca_key, time + NR_MINUTE, 0, false},
				about_tsa = {rig.tsa, rig.ca, rig.ca_key, time + NR_MINUTE, 0, false};
	lift(&seal, NR_SEAL_BT, NULL, time);
	rig_material(&rig, &material);
	rig_add_answer(&material, rig_answer(&rig, &about_seal));
	rig_add_answer(&material, rig_answer(&rig, &about_tsa));
	lift(&seal, NR_SEAL_BLTA, &material, time + NR_HOUR);
	nr_material_fini(&material);
	struct nr_cms cms;
	assert_int_equal(nr_cms_read(seal.at, seal.length, &cms, NULL), 0);
	assert_int_equal(cms.version, 5);
	rig_material(&rig, &material);
	struct judged *judged = ask(&seal, DATA, &material, RIG_START + 5 * RIG_YEAR, true);
	expect("years later", judged, NR_PASSED, NULL);
	assert_int_equal(judged->verdicts[0].level, NR_SEAL_BLTA);
	nr_material_fini(&material);
	free(seal.at);
}

/* ---- archive tokens ---- */

/* The message with an attribute or a certificate more, after the archive token. */
static struct bytes add_to(
	const struct bytes *seal, X509 *certificate, enum nr_oid type, const uint8_t *value, size_t length)
{
	struct nr_cms cms;
	struct nr_cms_signer signer;
	struct nr_cms_parts parts;
	struct bytes made;
	uint8_t der[4096], *at = der;
	assert_int_equal(nr_cms_read(seal->at, seal->length, &cms, NULL), 0);
	assert_int_equal(nr_cms_signer(&cms, 0, &signer, NULL), 0);
	assert_int_equal(nr_cms_parts_of(&cms, &signer, &parts, NULL), 0);
	if (certificate) {
		int size = i2d_X509(certificate, &at);
		nr_pile_add(&parts.certificates, der, (size_t)size);
	}
	if (type)
		nr_pile_add_attribute(&parts.unsigned_attributes, type, value, length);
	assert_int_equal(nr_cms_write(&parts, &made.at, &made.length, NULL), 0);
	nr_cms_parts_fini(&parts);
	return made;
}

static void test_added_later(void **state)
{
	(void)state;
	static const struct rig_extension none[] = {{0}};
	struct bytes seal = make_level(NR_SEAL_BLTA);
	struct judged *judged = judge(&seal, DATA);
	const struct nr_seal_token *archive = &judged->verdicts[0].tokens[1];
	assert_string_equal(archive->kind, "archive");
	assert_string_equal(archive->covers, "");
	X509 *more = rig_special(&rig, "Added", rig.seal_key, RIG_START, RIG_START + NR_DAY, none);
	struct bytes added = add_to(&seal, more, NR_OID_UNKNOWN, NULL, 0);
	judged = judge(&added, DATA);
	expect("added", judged, NR_PASSED, NULL);
	assert_int_equal(judged->verdicts[0].level, NR_SEAL_BLTA);
	assert_string_equal(judged->verdicts[0].tokens[1].covers, "1 later additions are not covered");
	X509_free(more);
	free(added.at);
	free(seal.at);
}

/* The certificate of the index is gone: what the token covers is not there any more. */
static void test_index_missing(void **state)
{
	(void)state;
	struct bytes seal = make_level(NR_SEAL_BLTA);
	struct nr_cms cms;
	struct nr_cms_signer signer;
	struct nr_cms_parts parts;
	struct bytes made;
	assert_int_equal(nr_cms_read(seal.at, seal.length, &cms, NULL), 0);
	assert_int_equal(nr_cms_signer(&cms, 0, &signer, NULL), 0);
	assert_int_equal(nr_cms_parts_of(&cms, &signer, &parts, NULL), 0);
	parts.lists.length = 0;
	assert_int_equal(nr_cms_write(&parts, &made.at, &made.length, NULL), 0);
	nr_cms_parts_fini(&parts);
	struct judged *judged = judge(&made, DATA);
	expect("gone", judged, NR_INDETERMINATE, "SIGNED_DATA_NOT_FOUND");
	assert_int_equal(judged->verdicts[0].tokens[1].verdict, NR_FAILED);
	free(made.at);
	free(seal.at);
}

/* The imprint of an archive token takes its own digest of the data, not the signature's. */
static void test_archive_digest(void **state)
{
	(void)state;
	struct bytes seal = make(&(struct rig_seal){.digest = NR_OID_SHA384});
	struct nr_material material;
	nr_time time = RIG_START + NR_DAY;
	rig_material(&rig, &material);
	rig_add_list(&material, rig_list(&rig, time + NR_MINUTE, NULL, NULL));
	lift(&seal, NR_SEAL_BT, NULL, time);
	lift(&seal, NR_SEAL_BLTA, &material, time + NR_HOUR);
	nr_material_fini(&material);
	assert_int_equal(level_of(&seal, NOW, NR_PASSED, NULL), NR_SEAL_BLTA);
	free(seal.at);

	/* and one that was made with another hash of the data in it does not fit */
	seal = make_level(NR_SEAL_BLT);
	struct nr_cms cms;
	struct nr_cms_signer signer;
	struct nr_pile index = {.bytes = NULL};
	uint8_t hash[64] = {7}, imprint[64], *token, *whole;
	size_t length, whole_length;
	assert_int_equal(nr_cms_read(seal.at, seal.length, &cms, NULL), 0);
	assert_int_equal(nr_cms_signer(&cms, 0, &signer, NULL), 0);
	assert_int_equal(nr_archive_index_write(&cms, &signer, NR_OID_SHA256, &index, NULL), 0);
	assert_true(
		nr_archive_imprint(&cms, &signer, hash, index.bytes, index.length, NR_OID_SHA256, imprint));
	rig_token(&rig, NR_OID_SHA256, imprint, &token, &length);
	assert_int_equal(nr_archive_token_write(token, length, &index, &whole, &whole_length, NULL), 0);
	struct bytes wrong = add_to(&seal, NULL, NR_OID_ARCHIVE_TIME_STAMP_V3, whole, whole_length);
	expect("wrong imprint", judge(&wrong, DATA), NR_INDETERMINATE, "HASH_FAILURE");
	free(wrong.at);
	wrong = add_to(&seal, NULL, NR_OID_ARCHIVE_TIME_STAMP_V3, token, length);
	expect("no index", judge(&wrong, DATA), NR_INDETERMINATE, "FORMAT_FAILURE");
	free(wrong.at);
	nr_pile_fini(&index);
	free(token);
	free(whole);
	free(seal.at);
}

/* Of another signature; older than the signature's token; too many of them. */
static void test_tokens(void **state)
{
	(void)state;
	struct bytes seal = make(&(struct rig_seal){.salt = 0}), made;
	uint8_t hash[64] = {1}, *token;
	size_t length;
	rig.clock = RIG_START + NR_DAY;
	rig_token(&rig, NR_OID_SHA256, hash, &token, &length);
	made = add_to(&seal, NULL, NR_OID_SIGNATURE_TIME_STAMP, token, length);
	expect("moved", judge(&made, DATA), NR_INDETERMINATE, "HASH_FAILURE");
	free(made.at);
	free(token);
	free(seal.at);

	seal = make_level(NR_SEAL_BLT);
	struct nr_material material;
	rig_material(&rig, &material);
	behind = 2 * NR_DAY; /* the authority's clock went back */
	lift(&seal, NR_SEAL_BLTA, &material, RIG_START + 2 * NR_DAY);
	behind = 0;
	nr_material_fini(&material);
	expect("order", judge(&seal, DATA), NR_INDETERMINATE, "TIMESTAMP_ORDER_FAILURE");
	free(seal.at);
}

static void test_too_many(void **state)
{
	(void)state;
	struct bytes seal = make(&(struct rig_seal){.salt = 0});
	struct nr_cms cms;
	struct nr_cms_signer signer;
	uint8_t hash[64];
	assert_int_equal(nr_cms_read(seal.at, seal.length, &cms, NULL), 0);
	assert_int_equal(nr_cms_signer(&cms, 0, &signer, NULL), 0);
	assert_true(nr_digest(NR_OID_SHA256, signer.signature.value, signer.signature.length, hash));
	rig.clock = RIG_START + NR_DAY;
	for (int i = 1; i <= 17; i++) {
		uint8_t *token;
		size_t length;
		rig_token(&rig, NR_OID_SHA256, hash, &token, &length);
		struct bytes made = add_to(&seal, NULL, NR_OID_SIGNATURE_TIME_STAMP, token, length);
		free(token);
		free(seal.at);
		seal = made;
		if (i == 16)
			expect("sixteen", judge(&seal, DATA), NR_PASSED, NULL);
	}
	expect("seventeen", judge(&seal, DATA), NR_INDETERMINATE, "FORMAT_FAILURE");
	free(seal.at);
}

/* ---- changed ---- */

/* What nobody signs: version and digestAlgorithms of SignedData, of the message and of the newest archive
 * token, and the certificates that this one brings along (the message holds them, too). A change that makes
 * an archive token something that nobody knows leaves a seal of B-LT, which the level says. */
static bool is_unsigned(const struct nr_cms *cms, const uint8_t *at)
{
	const uint8_t *names = cms->signed_data.value; /* version, digestAlgorithms, encapContentInfo */
	return at >= names && at < cms->content_type.start - 2;
}

static void find_archive(const struct bytes *seal, struct nr_cms *ret_outer, struct nr_cms *ret_token)
{
	struct nr_cms_signer signer;
	struct nr_der value;
	assert_int_equal(nr_cms_read(seal->at, seal->length, ret_outer, NULL), 0);
	assert_int_equal(nr_cms_signer(ret_outer, 0, &signer, NULL), 0);
	assert_int_equal(nr_cms_find(&signer.unsigned_attributes, NR_OID_ARCHIVE_TIME_STAMP_V3, &value), 1);
	assert_int_equal(nr_cms_read(value.start, nr_der_size(&value), ret_token, NULL), 0);
}

static void test_changed(void **state)
{
	(void)state;
	struct bytes seal = make_level(NR_SEAL_BLTA), changed = {malloc(seal.length), seal.length};
	struct nr_cms outer, token;
	size_t unsigned_bytes = 0, passed = 0;
	find_archive(&seal, &outer, &token);
	for (size_t i = 0; i < seal.length; i++) {
		const uint8_t *at = seal.at + i;
		bool free_of_signature = is_unsigned(&outer, at) || is_unsigned(&token, at) ||
					 (at >= token.certificates.start &&
						 at < token.certificates.value + token.certificates.length);
		memcpy(changed.at, seal.at, seal.length);
		changed.at[i] ^= 0x01;
		struct judged *judged = judge(&changed, DATA);
		bool valid = judged->code == 0 && judged->count > 0;
		for (size_t s = 0; s < judged->count; s++)
			valid = valid && judged->verdicts[s].judgement.verdict == NR_PASSED &&
				judged->verdicts[s].level == NR_SEAL_BLTA &&
				!*judged->verdicts[s].tokens[1].covers;
		unsigned_bytes += free_of_signature;
		passed += valid;
		if (valid && !free_of_signature)
			fail_msg("byte %zu (%02x) of %zu may be changed", i, *at, seal.length);
	}
	print_message("# %zu bytes, %zu of them signed by nobody, %zu of these may be changed\n", seal.length,
		unsigned_bytes, passed);
	free(changed.at);
	free(seal.at);
}

static void test_cut(void **state)
{
	(void)state;
	struct bytes seal = make_level(NR_SEAL_BLTA);
	struct bytes cut = {NULL, 0};
	for (cut.length = 0; cut.length < seal.length; cut.length++) {
		cut.at = malloc(cut.length + 1);
		memcpy(cut.at, seal.at, cut.length);
		struct judged *judged = judge(&cut, DATA);
		assert_int_equal(judged->code, -EBADMSG);
		assert_int_not_equal(judged->why[0], 0);
		free(cut.at);
	}
	cut.at = calloc(1, seal.length + 1);
	memcpy(cut.at, seal.at, seal.length);
	cut.length = seal.length + 1;
	assert_int_equal(judge(&cut, DATA)->code, -EBADMSG); /* something follows */
	free(cut.at);
	free(seal.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_substituted),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_attached),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_signers),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_renewed),
		cmocka_unit_test(test_own_material),
		cmocka_unit_test(test_not_lifted),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_ocsp),
		cmocka_unit_test(test_ocsp_and_list),
		cmocka_unit_test(test_ocsp_inside),
		cmocka_unit_test(test_added_later),
		cmocka_unit_test(test_index_missing),
		cmocka_unit_test(test_archive_digest),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_changed),
	};
	return cmocka_run_group_tests(tests, make_rig, remove_rig);
}
