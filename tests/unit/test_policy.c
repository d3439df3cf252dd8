/* SPDX-License-Identifier: Apache-2.0 */
/* What a key signs for which purpose, and what it does not: both sides of every rule. */
#include "signer_rig.h"

#include "trust/signer/policy.h"
#include "trust/signer/signing_key.h"
#include "wire/base64.h"

#include <errno.h>
#include <setjmp.h>
#include <string.h>
/* cmocka wants some of the above first */
#include <cmocka.h>

#define NOW (INT64_C(1795523696) * NR_SECOND)

static struct nr_policy policy_of(enum nr_signer_purpose purpose)
{
	struct nr_policy policy = {.purposes = 1u << purpose, .algorithm = NR_KEY_P256};
	policy.certificate = purpose <= NR_SIGN_JWS;
	if (!policy.certificate)
		snprintf(policy.name, sizeof policy.name, "example.org/log");
	memset(policy.sha256, 0xc5, sizeof policy.sha256);
	memset(policy.sha384, 0xc6, sizeof policy.sha384);
	memset(policy.sha512, 0xc7, sizeof policy.sha512);
	return policy;
}

static void time_stamps(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		struct tst_wish wish;
		int code;
	} cases[] = {
		{"SHA-256", {.serial = 1, .time = NOW}, 0},
		{"SHA-512", {.serial = 1, .time = NOW, .digest = NR_OID_SHA512}, 0},
		{"SHA3-256", {.serial = 1, .time = NOW, .digest = NR_OID_SHA3_256}, 0},
		{"SHA-1", {.serial = 1, .time = NOW, .digest = NR_OID_SHA1}, -EPERM},
		{"MD5", {.serial = 1, .time = NOW, .digest = NR_OID_MD5}, -EPERM},
		{"no digest", {.serial = 1, .time = NOW, .digest = NR_OID_RSA, .imprint = 32}, -EPERM},
		{"imprint too short", {.serial = 1, .time = NOW, .imprint = 31}, -EPERM},
		{"imprint too long", {.serial = 1, .time = NOW, .imprint = 33}, -EPERM},
		{"serial 0", {.serial = 0, .time = NOW}, -EPERM},
		{"an extension", {.serial = 1, .time = NOW, .extension = true}, -EPERM},
		{"a second late", {.serial = 1, .time = NOW - NR_SECOND}, 0},
		{"a second early", {.serial = 1, .time = NOW + NR_SECOND}, 0},
		{"too late", {.serial = 1, .time = NOW - NR_SECOND - 1}, -ETIME},
		{"too early", {.serial = 1, .time = NOW + NR_SECOND + 1}, -ETIME},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_policy policy = policy_of(NR_SIGN_TIMESTAMP);
		uint8_t bytes[256];
		size_t length = tst_write(&cases[i].wish, bytes, sizeof bytes);
		int code = nr_policy_check(&policy, NR_SIGN_TIMESTAMP, bytes, length, NOW);
		if (code != cases[i].code)
			fail_msg("%s: %d", cases[i].what, code);
		if (code)
			continue;
		/* not with a byte more or less, and not for another purpose */
		policy = policy_of(NR_SIGN_TIMESTAMP);
		for (size_t cut = 0; cut < length; cut++)
			assert_int_not_equal(nr_policy_check(&policy, NR_SIGN_TIMESTAMP, bytes, cut, NOW), 0);
		assert_int_equal(nr_policy_check(&policy, NR_SIGN_TIMESTAMP, bytes, length + 1, NOW), -EPERM);
		for (enum nr_signer_purpose other = 0; other < NR_SIGN_PURPOSES; other++) {
			policy = policy_of(other);
			assert_int_equal(nr_policy_check(&policy, other, bytes, length, NOW) == 0,
				other == NR_SIGN_TIMESTAMP);
		}
	}
}

static void serial_numbers_only_rise(void **state)
{
	(void)state;
	static const struct {
		uint64_t serial;
		bool taken;
	} steps[] = {{1, true}, {1, false}, {2, true}, {127, true}, {128, true}, {127, false}, {255, true},
		{256, true}, {255, false}, {UINT64_C(1) << 63, true}, {UINT64_C(1) << 62, false},
		{UINT64_MAX, true}, {UINT64_MAX, false}, {3, false}};
	struct nr_policy policy = policy_of(NR_SIGN_TIMESTAMP);
	for (size_t i = 0; i < NR_COUNT(steps); i++) {
		const struct tst_wish wish = {.serial = steps[i].serial, .time = NOW};
		uint8_t bytes[256];
		size_t length = tst_write(&wish, bytes, sizeof bytes);
		assert_int_equal(nr_policy_check(&policy, NR_SIGN_TIMESTAMP, bytes, length, NOW),
			steps[i].taken ? 0 : -EPERM);
	}
}

/* ---- seals ---- */

struct attributes_wish {
	unsigned content_types, digests, certificates; /* how many of each */
	size_t digest;                                 /* octets; 0: 32 */
	enum nr_oid type;                              /* content type; 0: id-data */
	enum nr_oid hash;                              /* of the ESSCertIDv2; 0: SHA-256, not written */
	uint8_t certificate;                           /* each octet of its hash; 0: the right one */
	bool two_values, old_form, unsorted, extra;
};

static void wrap(struct nr_der_writer *w, enum nr_oid type, size_t mark)
{
	nr_der_wrap(w, NR_DER_SET, mark);
	nr_oid_put(w, type);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
}

static void put_certificate(struct nr_der_writer *w, const struct attributes_wish *wish)
{
	uint8_t octets[64];
	size_t mark = nr_der_mark(w);
	enum nr_oid hash = wish->hash ? wish->hash : NR_OID_SHA256;
	uint8_t octet = hash == NR_OID_SHA384 ? 0xc6 : hash == NR_OID_SHA512 ? 0xc7 : 0xc5;
	memset(octets, wish->certificate ? wish->certificate : octet, sizeof octets);
	nr_der_put_value(w, NR_DER_OCTET_STRING, octets, nr_oid_digest_bytes(hash));
	if (wish->hash)
		nr_oid_put_algorithm(w, hash, false);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
	wrap(w, wish->old_form ? NR_OID_SIGNING_CERTIFICATE : NR_OID_SIGNING_CERTIFICATE_V2, mark);
}

static size_t attributes_write(const struct attributes_wish *wish, uint8_t *buffer, size_t room)
{
	static const uint8_t octets[80] = {1};
	uint8_t scratch[1024];
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, room);
	for (unsigned i = 0; i < wish->certificates; i++)
		put_certificate(&w, wish);
	for (unsigned i = 0; i < wish->digests; i++) {
		size_t mark = nr_der_mark(&w);
		nr_der_put_value(&w, NR_DER_OCTET_STRING, octets, wish->digest ? wish->digest : 32);
		if (wish->two_values)
			nr_der_put_value(&w, NR_DER_OCTET_STRING, octets, 32);
		wrap(&w, NR_OID_MESSAGE_DIGEST, mark);
	}
	if (wish->extra) {
		size_t mark = nr_der_mark(&w);
		nr_der_put_time(&w, NR_DER_GENERALIZED_TIME, NOW);
		wrap(&w, NR_OID_SIGNING_TIME, mark);
	}
	for (unsigned i = 0; i < wish->content_types; i++) {
		size_t mark = nr_der_mark(&w);
		nr_oid_put(&w, wish->type ? wish->type : NR_OID_DATA);
		wrap(&w, NR_OID_CONTENT_TYPE, mark);
	}
	if (!wish->unsorted)
		nr_der_sort(w.at, nr_der_mark(&w), scratch, sizeof scratch);
	nr_der_wrap(&w, NR_DER_SET, 0);
	assert_false(w.failed);
	size_t length = nr_der_mark(&w);
	memmove(buffer, w.at, length);
	return length;
}

static void seals(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		struct attributes_wish wish;
		enum nr_key_algorithm algorithm;
		int code;
	} cases[] = {
		{"all three", {1, 1, 1}, NR_KEY_P256, 0},
		{"and a fourth", {1, 1, 1, .extra = true}, NR_KEY_P256, 0},
		{"no content type", {0, 1, 1}, NR_KEY_P256, -EPERM},
		{"two content types", {2, 1, 1}, NR_KEY_P256, -EPERM},
		{"a time stamp's content type", {1, 1, 1, .type = NR_OID_TST_INFO}, NR_KEY_P256, -EPERM},
		{"no digest", {1, 0, 1}, NR_KEY_P256, -EPERM},
		{"two digests", {1, 2, 1}, NR_KEY_P256, -EPERM},
		{"a digest with two values", {1, 1, 1, .two_values = true}, NR_KEY_P256, -EPERM},
		{"SHA-1", {1, 1, 1, .digest = 20}, NR_KEY_P256, -EPERM},
		{"another digest than the signature's", {1, 1, 1, .digest = 48}, NR_KEY_P256, -EPERM},
		{"SHA-384 of P-384", {1, 1, 1, .digest = 48}, NR_KEY_P384, 0},
		{"SHA-512 of Ed25519", {1, 1, 1, .digest = 64}, NR_KEY_ED25519, 0},
		{"SHA-256 of RSA", {1, 1, 1}, NR_KEY_RSA, 0},
		{"no certificate", {1, 1, 0}, NR_KEY_P256, -EPERM},
		{"two certificates", {1, 1, 2}, NR_KEY_P256, -EPERM},
		{"another certificate", {1, 1, 1, .certificate = 0xc4}, NR_KEY_P256, -EPERM},
		{"the certificate by SHA-384", {1, 1, 1, .hash = NR_OID_SHA384}, NR_KEY_P256, 0},
		{"the certificate by SHA-512", {1, 1, 1, .hash = NR_OID_SHA512}, NR_KEY_P256, 0},
		{"another by SHA-512", {1, 1, 1, .hash = NR_OID_SHA512, .certificate = 1}, NR_KEY_P256,
			-EPERM},
		{"a default that is written", {1, 1, 1, .hash = NR_OID_SHA256}, NR_KEY_P256, -EPERM},
		{"the certificate by SHA-1", {1, 1, 1, .hash = NR_OID_SHA1}, NR_KEY_P256, -EPERM},
		{"the old form", {1, 1, 1, .old_form = true}, NR_KEY_P256, -EPERM},
		/* content type, time, digest, certificate is their order; written as they come it is another
		 */
		{"not in order", {1, 1, 1, .digest = 48, .unsorted = true}, NR_KEY_P384, -EPERM},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_policy policy = policy_of(NR_SIGN_SEAL);
		policy.algorithm = cases[i].algorithm;
		uint8_t bytes[1024];
		size_t length = attributes_write(&cases[i].wish, bytes, sizeof bytes);
		int code = nr_policy_check(&policy, NR_SIGN_SEAL, bytes, length, NOW);
		if (code != cases[i].code)
			fail_msg("%s: %d", cases[i].what, code);
		if (code)
			continue;
		for (size_t cut = 0; cut < length; cut++)
			assert_int_equal(nr_policy_check(&policy, NR_SIGN_SEAL, bytes, cut, NOW), -EPERM);
		bytes[0] = 0xa0; /* as it is stored; what is signed is a SET OF */
		assert_int_equal(nr_policy_check(&policy, NR_SIGN_SEAL, bytes, length, NOW), -EPERM);
	}
}

/* ---- JWS ---- */

static int jws(const char *header, const char *rest, enum nr_key_algorithm algorithm)
{
	char text[8192];
	struct nr_policy policy = policy_of(NR_SIGN_JWS);
	policy.algorithm = algorithm;
	size_t length = nr_base64url_write(header, strlen(header), text);
	snprintf(text + length, sizeof text - length, "%s", rest);
	return nr_policy_check(&policy, NR_SIGN_JWS, (uint8_t *)text, strlen(text), NOW);
}

static void web_signatures(void **state)
{
	(void)state;
#define HASH "\"x5t#S256\":\"xcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcU\""
	static const struct {
		const char *header;
		int code;
	} cases[] = {
		{"{\"alg\":\"ES256\"," HASH "}", 0},
		{" { \"alg\" : \"ES256\" ,\n" HASH "\t} ", 0},
		{"{" HASH ",\"crit\":[\"sigT\",{\"a\":[1,-2.5e3,true,null]}],\"alg\":\"ES256\",\"iat\":17}",
			0},
		{"{\"alg\":\"ES384\"," HASH "}", -EPERM},
		{"{\"alg\":\"none\"," HASH "}", -EPERM},
		{"{\"alg\":\"HS256\"," HASH "}", -EPERM},
		{"{\"alg\":\"\"," HASH "}", -EPERM},
		{"{" HASH "}", -EPERM},
		{"{\"alg\":\"ES256\"}", -EPERM},
		{"{\"alg\":\"ES256\",\"x5t#S256\":\"xcXF\"}", -EPERM},
		{"{\"alg\":\"ES256\",\"x5t#S256\":\"xMXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcU\"}", -EPERM},
		{"{\"alg\":\"ES256\",\"alg\":\"ES256\"," HASH "}", -EPERM},
		{"{\"alg\":\"ES256\"," HASH "," HASH "}", -EPERM},
		{"{\"\\u0061lg\":\"ES256\"," HASH "}", -EPERM},
		{"{\"alg\":[\"ES256\"]," HASH "}", -EPERM},
		{"{\"alg\":\"ES256\"," HASH ",}", -EPERM},
		{"{\"alg\":\"ES256\"," HASH "}x", -EPERM},
		{"{\"alg\":\"ES256\"," HASH, -EPERM},
		{"{\"alg\":\"ES256\" " HASH "}", -EPERM},
		{"{\"a\":[[[[[[[[[]]]]]]]]],\"alg\":\"ES256\"," HASH "}", -EPERM},
		{"[]", -EPERM},
		{"", -EPERM},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		if (jws(cases[i].header, ".cGF5bG9hZA", NR_KEY_P256) != cases[i].code)
			fail_msg("%s", cases[i].header);
	assert_int_equal(jws(cases[0].header, "", NR_KEY_P256), -EPERM);
	assert_int_equal(jws(cases[0].header, ".", NR_KEY_P256), 0);
	assert_int_equal(jws(cases[0].header, ".x", NR_KEY_RSA), -EPERM);
	assert_int_equal(jws("{\"alg\":\"RS256\"," HASH "}", ".x", NR_KEY_RSA), 0);
	assert_int_equal(jws("{\"alg\":\"EdDSA\"," HASH "}", ".x", NR_KEY_ED25519), 0);
	assert_int_equal(jws("{\"alg\":\"ES384\"," HASH "}", ".x", NR_KEY_P384), 0);
}

/* ---- notes ---- */

#define ROOT  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define OTHER "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

static void notes(void **state)
{
	(void)state;
	static const struct {
		enum nr_signer_purpose purpose;
		const char *text;
		int code;
	} cases[] = {
		{NR_SIGN_CHECKPOINT, "example.org/log\n0\n" ROOT, 0},
		{NR_SIGN_CHECKPOINT, "example.org/log\n18446744073709551615\n" ROOT, 0},
		{NR_SIGN_CHECKPOINT, "example.org/log\n18446744073709551616\n" ROOT, -EPERM},
		{NR_SIGN_CHECKPOINT, "example.org/lag\n5\n" ROOT, -EPERM},
		{NR_SIGN_CHECKPOINT, "example.org/log2\n5\n" ROOT, -EPERM},
		{NR_SIGN_CHECKPOINT, "example.org/log\n05\n" ROOT, -EPERM},
		{NR_SIGN_CHECKPOINT, "example.org/log\n-5\n" ROOT, -EPERM},
		{NR_SIGN_CHECKPOINT, "example.org/log\n\n" ROOT, -EPERM},
		{NR_SIGN_CHECKPOINT, "example.org/log\n5\nAAAA\n", -EPERM},
		{NR_SIGN_CHECKPOINT, "example.org/log\n5\n" ROOT "extension\n", -EPERM},
		{NR_SIGN_CHECKPOINT, "example.org/log\n5\n" ROOT "\n", -EPERM},
		{NR_SIGN_CHECKPOINT, "example.org/log\n5\n", -EPERM},
		{NR_SIGN_CHECKPOINT, "cosignature/v1\ntime 1795523696\nexample.org/log\n5\n" ROOT, -EPERM},
		{NR_SIGN_COSIGNATURE, "cosignature/v1\ntime 1795523696\nother.example/log\n5\n" ROOT, 0},
		{NR_SIGN_COSIGNATURE, "cosignature/v1\ntime 1795523695\nother.example/log\n5\n" ROOT, 0},
		{NR_SIGN_COSIGNATURE, "cosignature/v1\ntime 1795523690\nother.example/log\n5\n" ROOT, -ETIME},
		{NR_SIGN_COSIGNATURE, "cosignature/v1\ntime 1795523700\nother.example/log\n5\n" ROOT, -ETIME},
		{NR_SIGN_COSIGNATURE,
			"cosignature/v1\ntime 18446744073709551615\nother.example/log\n5\n" ROOT, -ETIME},
		{NR_SIGN_COSIGNATURE, "cosignature/v1\ntime \nother.example/log\n5\n" ROOT, -EPERM},
		{NR_SIGN_COSIGNATURE, "cosignature/v2\ntime 1795523696\nother.example/log\n5\n" ROOT, -EPERM},
		{NR_SIGN_COSIGNATURE, "other.example/log\n5\n" ROOT, -EPERM},
		{NR_SIGN_COSIGNATURE, "", -EPERM},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_policy policy = policy_of(cases[i].purpose);
		int code = nr_policy_check(&policy, cases[i].purpose, (const uint8_t *)cases[i].text,
			strlen(cases[i].text), NOW);
		if (code != cases[i].code)
			fail_msg("%s: %d", cases[i].text, code);
	}
}

static void a_head_is_never_contradicted(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int code;
	} heads[] = {{"example.org/log\n5\n" ROOT, 0}, {"example.org/log\n5\n" OTHER, -EPERM},
		{"example.org/log\n4\n" ROOT, -EPERM}, {"example.org/log\n5\n" ROOT, 0},
		{"example.org/log\n6\n" OTHER, 0}, {"example.org/log\n5\n" ROOT, -EPERM}};
	struct nr_policy policy = policy_of(NR_SIGN_CHECKPOINT);
	for (size_t i = 0; i < NR_COUNT(heads); i++)
		assert_int_equal(nr_policy_check(&policy, NR_SIGN_CHECKPOINT, (const uint8_t *)heads[i].text,
					 strlen(heads[i].text), NOW),
			heads[i].code);
}

static void purposes_are_apart(void **state)
{
	(void)state;
	static const char head[] = "example.org/log\n5\n" ROOT;
	struct nr_policy policy = policy_of(NR_SIGN_CHECKPOINT);
	for (enum nr_signer_purpose purpose = 0; purpose <= NR_SIGN_PURPOSES; purpose++)
		assert_int_equal(nr_policy_check(&policy, purpose, (const uint8_t *)head, strlen(head), NOW),
			purpose == NR_SIGN_CHECKPOINT ? 0 : -EPERM);
}

static void an_allowance_fills_with_time(void **state)
{
	(void)state;
	struct nr_allowance allowance;
	nr_allowance_init(&allowance, 2, 4, 0);
	for (int i = 0; i < 4; i++)
		assert_true(nr_allowance_take(&allowance, 0));
	assert_false(nr_allowance_take(&allowance, 0));
	assert_false(nr_allowance_take(&allowance, NR_SECOND / 2 - 1));
	assert_true(nr_allowance_take(&allowance, NR_SECOND / 2));
	assert_false(nr_allowance_take(&allowance, NR_SECOND / 2));
	for (int i = 0; i < 4; i++) /* never more than at once, however long nobody asked */
		assert_true(nr_allowance_take(&allowance, 1000 * NR_SECOND));
	assert_false(nr_allowance_take(&allowance, 1000 * NR_SECOND));
	nr_allowance_init(&allowance, 0, 0, 0);
	for (int i = 0; i < 1000; i++)
		assert_true(nr_allowance_take(&allowance, 0));
	nr_allowance_init(&allowance, 0.5, 0, 0); /* less than one a second: one at once */
	assert_true(nr_allowance_take(&allowance, 0));
	assert_false(nr_allowance_take(&allowance, NR_SECOND));
	assert_true(nr_allowance_take(&allowance, 2 * NR_SECOND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_stamps),
		cmocka_unit_test(serial_numbers_only_rise),
		cmocka_unit_test(seals),
		cmocka_unit_test(web_signatures),
		cmocka_unit_test(notes),
		cmocka_unit_test(a_head_is_never_contradicted),
		cmocka_unit_test(purposes_are_apart),
		cmocka_unit_test(an_allowance_fills_with_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
