/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of authorities in the field, and what was done to some of them. */
#include "base/file.h"
#include "trust/timestamp/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NOW (INT64_C(1795500000) * NR_SECOND) /* 2026-11-24 */

static char folder[512];
static nr_time verified_at = NOW;

static int find_folder(void **state)
{
	(void)state;
	const char *shared = getenv("NOROSHI_SHARED");
	snprintf(folder, sizeof folder, "%s/data/trust/tsp/rfc3161-client", shared ? shared : "../shared");
	if (access(folder, R_OK) != 0)
		print_message("skipped: %s is not there\n", folder);
	return 0;
}

struct judged {
	struct nr_token token;
	struct nr_judgement judgement;
};

/* anchors: whose self-signed ones, or the only one, are trusted; all are given as certificates. */
static struct judged judge_bytes(const char *file, const char *anchors, struct nr_bytes stamped)
{
	struct nr_material material;
	struct nr_error error = {0};
	char path[700];
	struct judged judged = {.token = {.accuracy = -1}};
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	struct nr_token_question question = {
		.digest = nr_token_digest_bytes, .context = &stamped, .now = verified_at};
	assert_int_equal(nr_material_init(&material, &error), 0);
	snprintf(path, sizeof path, "%s/%s", folder, anchors);
	if (*anchors) {
		assert_int_equal(nr_material_add_certificates(&material, path, &error), 0);
		assert_int_equal(nr_material_add_anchors(&material, path, &error), 0);
	}
	snprintf(path, sizeof path, "%s/%s", folder, file);
	assert_int_equal(nr_file_read(path, 1 << 20, &bytes, &question.length, &error), 0);
	question.token = bytes;
	question.material = &material;
	assert_int_equal(nr_token_verify(&question, &judged.token, NULL, &judged.judgement, &error), 0);
	for (size_t i = 0; i < judged.judgement.count; i++)
		print_message("# %s: %s: %s\n", file, judged.judgement.reasons[i].code,
			judged.judgement.reasons[i].en);
	nr_material_fini(&material);
	return judged;
}

static struct judged judge(const char *file, const char *anchors, const char *data)
{
	return judge_bytes(file, anchors, (struct nr_bytes){(const uint8_t *)data, strlen(data)});
}

static bool says(const struct judged *judged, const char *code)
{
	for (size_t i = 0; i < judged->judgement.count; i++) {
		if (strcmp(judged->judgement.reasons[i].code, code) == 0)
			return true;
	}
	return false;
}

static void test_field(void **state)
{
	(void)state;
	static const struct {
		const char *file, *anchors, *data;
		enum nr_verdict verdict;
		const char *code; /* that must be said; NULL: any */
	} rows[] = {
		{"test_tsa/response.tsr", "test_tsa/ts_chain.pem", "hello", NR_PASSED, NULL},
		{"test_tsa/response.tsr", "test_tsa/ts_chain.pem", "hullo", NR_FAILED, "HASH_FAILURE"},
		{"test_tsa/response.tsr", "", "hello", NR_INDETERMINATE, "NO_CERTIFICATE_CHAIN_FOUND"},
		{"test_tsa/response.tsr", "identrust/ts_chain.pem", "hello", NR_INDETERMINATE,
			"NO_CERTIFICATE_CHAIN_FOUND"},
		{"sigstage/response-sha256.tsr", "sigstage/ts_chain.pem", "hello", NR_PASSED, NULL},
		{"sigstage/response-sha384.tsr", "sigstage/ts_chain.pem", "hello", NR_PASSED, NULL},
		{"sigstage/response-sha512.tsr", "sigstage/ts_chain.pem", "hello", NR_PASSED, NULL},
		{"sigstage/response-no-embedded-cert.tsr", "sigstage/ts_chain.pem", "hello", NR_PASSED, NULL},
		{"sigstage/response-no-embedded-cert.tsr", "", "hello", NR_INDETERMINATE,
			"NO_SIGNING_CERTIFICATE_FOUND"},
		{"sigstage/response-invalid-signature.tsr", "sigstage/ts_chain.pem", "hello", NR_FAILED,
			"SIG_CRYPTO_FAILURE"},
		{"identrust/issue-104.tsr", "identrust/ts_chain.pem", "hello", NR_PASSED, "ESS_SHA1"},
	};
	if (access(folder, R_OK) != 0)
		skip();
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct judged judged = judge(rows[i].file, rows[i].anchors, rows[i].data);
		assert_int_equal(judged.judgement.verdict, rows[i].verdict);
		if (rows[i].code)
			assert_true(says(&judged, rows[i].code));
	}
}

/* The signer is found by its identifier: a spoofed certificate in the bag is never the one that is named. */
static void test_injected(void **state)
{
	(void)state;
	if (access(folder, R_OK) != 0)
		skip();
	struct judged judged =
		judge("test_tsa/response-injected-certs.tsr", "test_tsa/ts_chain.pem", "hello");
	assert_int_equal(judged.judgement.verdict, NR_PASSED);
	assert_null(strstr(judged.token.authority, "Spoofed"));
}

/* Ended by now, good when it signed; the serial number is negative. */
static void test_ended(void **state)
{
	(void)state;
	if (access(folder, R_OK) != 0)
		skip();
	char path[700];
	NR_AUTO(nr_freep) uint8_t *payload = NULL;
	size_t length;
	snprintf(path, sizeof path, "%s/sigstore.mock/payload", folder);
	assert_int_equal(nr_file_read(path, 1 << 20, &payload, &length, NULL), 0);
	struct judged judged = judge_bytes("sigstore.mock/response-expired.tsr", "sigstore.mock/ts_chain.pem",
		(struct nr_bytes){payload, length});
	assert_int_equal(judged.judgement.verdict, NR_PASSED);
	assert_string_equal(judged.token.serial, "-21524111");
	assert_int_equal(judged.token.time / NR_DAY, INT64_C(1675209600) / 86400); /* 2023-02-01 */
}

/* A token whose time has not come proves nothing; clocks that differ by half a minute are not that. */
static void test_ahead(void **state)
{
	(void)state;
	if (access(folder, R_OK) != 0)
		skip();
	nr_time time =
		judge("sigstage/response-no-embedded-cert.tsr", "sigstage/ts_chain.pem", "hello").token.time;
	static const struct {
		nr_time before;
		enum nr_verdict verdict;
	} cases[] = {{0, NR_PASSED}, {30 * NR_SECOND, NR_PASSED}, {61 * NR_SECOND, NR_INDETERMINATE},
		{365 * NR_DAY, NR_INDETERMINATE}};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		verified_at = time - cases[i].before;
		struct judged judged =
			judge("sigstage/response-no-embedded-cert.tsr", "sigstage/ts_chain.pem", "hello");
		assert_int_equal(judged.judgement.verdict, cases[i].verdict);
		assert_int_equal(says(&judged, "TIMESTAMP_ORDER_FAILURE"), cases[i].verdict != NR_PASSED);
	}
	verified_at = NOW;
}

/* Every byte changed, one at a time: never passed, unless it lies in what nobody signs. */
static void test_changed(void **state)
{
	(void)state;
	if (access(folder, R_OK) != 0)
		skip();
	struct nr_material material;
	struct nr_error error = {0};
	char path[700];
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	struct nr_bytes stamped = {(const uint8_t *)"hello", 5};
	struct nr_token_question question = {
		.digest = nr_token_digest_bytes, .context = &stamped, .now = NOW};
	assert_int_equal(nr_material_init(&material, &error), 0);
	snprintf(path, sizeof path, "%s/sigstage/ts_chain.pem", folder);
	assert_int_equal(nr_material_add_certificates(&material, path, &error), 0);
	assert_int_equal(nr_material_add_anchors(&material, path, &error), 0);
	snprintf(path, sizeof path, "%s/sigstage/response-no-embedded-cert.tsr", folder);
	assert_int_equal(nr_file_read(path, 1 << 20, &bytes, &question.length, &error), 0);
	question.token = bytes;
	question.material = &material;
	for (size_t i = 0; i < question.length; i++) {
		struct nr_token token;
		struct nr_judgement judgement;
		bytes[i] ^= 0x01;
		assert_int_equal(nr_token_verify(&question, &token, NULL, &judgement, &error), 0);
		/* status (granted, with modifications), version and digests of SignedData, its empty
		 * certificates */
		if (judgement.verdict == NR_PASSED && i >= 50 && i != 258)
			fail_msg("byte %zu may be changed", i);
		bytes[i] ^= 0x01;
	}
	nr_material_fini(&material);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_injected),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_changed),
	};
	return cmocka_run_group_tests(tests, find_folder, NULL);
}
