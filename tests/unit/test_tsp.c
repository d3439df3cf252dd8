/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that must be refused, each with its PKIFailureInfo; answers and tokens of authorities in the
 * shared data. */
#include "base/file.h"
#include "wire/tsp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t policy[] = {0x2a, 0x03, 0x04}; /* 1.2.3.4 */
static const uint8_t hash[64] = {0xab};

struct request {
	uint8_t buffer[512], *bytes;
	size_t length;
};

static void make(struct request *request, enum nr_oid digest, const uint8_t *nonce, size_t length)
{
	request->length = nr_tsp_write_request(
		digest, hash, nonce, length, request->buffer, sizeof request->buffer, &request->bytes);
	assert_true(request->length > 0);
}

static void expect(const uint8_t *bytes, size_t length, int failure)
{
	struct nr_tsp_request read;
	enum nr_tsp_failure got = NR_TSP_SYSTEM_FAILURE;
	struct nr_error error = {0};
	int e = nr_tsp_read_request(bytes, length, policy, sizeof policy, &read, &got, &error);
	if (failure < 0) {
		assert_int_equal(e, 0);
		return;
	}
	assert_int_equal(e, -EBADMSG);
	assert_int_equal(got, failure);
	assert_true(*error.text);
}

static void test_good(void **state)
{
	(void)state;
	static const enum nr_oid digests[] = {NR_OID_SHA256, NR_OID_SHA384, NR_OID_SHA512};
	uint8_t nonce[NR_TSP_NONCE_MAX];
	memset(nonce, 0xff, sizeof nonce); /* top bit set: 21 octets as an INTEGER */
	for (size_t i = 0; i < NR_COUNT(digests); i++) {
		struct request request;
		make(&request, digests[i], nonce, sizeof nonce);
		struct nr_tsp_request read;
		enum nr_tsp_failure failure;
		assert_int_equal(nr_tsp_read_request(request.bytes, request.length, policy, sizeof policy,
					 &read, &failure, NULL),
			0);
		assert_int_equal(read.digest, digests[i]);
		assert_memory_equal(read.hash, hash, nr_oid_digest_bytes(digests[i]));
		assert_int_equal(read.nonce.length, 21);
		assert_true(read.certificate_wanted && !read.policy_named);
	}
}

/* Built from parts: each row is one thing wrong, or allowed though rare. */
static void test_refused(void **state)
{
	(void)state;
	static const struct {
		uint64_t version;
		enum nr_oid digest;
		size_t hash_length;
		bool null_parameters;
		const char *policy; /* contents */
		const char *nonce;  /* INTEGER contents */
		size_t nonce_length;
		bool extension;
		int failure;
	} rows[] = {
		{1, NR_OID_SHA256, 32, true, NULL, NULL, 0, false, -1},
		{1, NR_OID_SHA256, 32, false, "\x2a\x03\x04", "\0", 1, false, -1},
		{1, NR_OID_SHA256, 32, false, NULL, "\x80", 1, false, -1}, /* a negative nonce */
		{2, NR_OID_SHA256, 32, false, NULL, NULL, 0, false, NR_TSP_BAD_REQUEST},
		{2, NR_OID_SHA1, 20, false, NULL, NULL, 0, false,
			NR_TSP_BAD_REQUEST}, /* version decides first */
		{1, NR_OID_SHA1, 20, false, NULL, NULL, 0, false, NR_TSP_BAD_ALG},
		{1, NR_OID_MD5, 16, false, NULL, NULL, 0, false, NR_TSP_BAD_ALG},
		{1, NR_OID_SHA3_256, 32, false, NULL, NULL, 0, false, NR_TSP_BAD_ALG},
		{1, NR_OID_RSA, 32, false, NULL, NULL, 0, false, NR_TSP_BAD_ALG},
		{1, NR_OID_SHA256, 31, false, NULL, NULL, 0, false, NR_TSP_BAD_DATA_FORMAT},
		{1, NR_OID_SHA256, 33, false, NULL, NULL, 0, false, NR_TSP_BAD_DATA_FORMAT},
		{1, NR_OID_SHA512, 32, false, NULL, NULL, 0, false, NR_TSP_BAD_DATA_FORMAT},
		{1, NR_OID_SHA256, 32, false, "\x2a\x03\x05", NULL, 0, true, NR_TSP_UNACCEPTED_POLICY},
		{1, NR_OID_SHA256, 32, false, NULL, NULL, 0, true, NR_TSP_UNACCEPTED_EXTENSION},
		{1, NR_OID_SHA256, 32, false, NULL, "\x7f 21 octets long ....", 21, false,
			NR_TSP_BAD_DATA_FORMAT},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		uint8_t buffer[512];
		struct nr_der_writer w;
		nr_der_writer_init(&w, buffer, sizeof buffer);
		if (rows[i].extension) { /* [0] { SEQUENCE { OID, OCTET STRING } } */
			nr_der_put_value(&w, NR_DER_OCTET_STRING, "", 0);
			nr_der_put_value(&w, NR_DER_OID, policy, sizeof policy);
			nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
			nr_der_wrap(&w, NR_DER_CONSTRUCTED(0), 0);
		}
		if (rows[i].nonce_length)
			nr_der_put_value(&w, NR_DER_INTEGER, rows[i].nonce, rows[i].nonce_length);
		if (rows[i].policy)
			nr_der_put_value(&w, NR_DER_OID, rows[i].policy, 3);
		size_t imprint = nr_der_mark(&w);
		nr_der_put_value(&w, NR_DER_OCTET_STRING, hash, rows[i].hash_length);
		nr_oid_put_algorithm(&w, rows[i].digest, rows[i].null_parameters);
		nr_der_wrap(&w, NR_DER_SEQUENCE, imprint);
		nr_der_put_uint(&w, rows[i].version);
		nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
		expect(w.at, nr_der_mark(&w), rows[i].failure);
	}
}

static void test_not_der(void **state)
{
	(void)state;
	struct request request;
	make(&request, NR_OID_SHA256, (const uint8_t *)"\x11\x22", 2);
	expect(request.bytes, request.length, -1);
	for (size_t length = 0; length < request.length; length++)
		expect(request.bytes, length, NR_TSP_BAD_DATA_FORMAT);
	uint8_t longer[600];
	memcpy(longer, request.bytes, request.length);
	longer[request.length] = 0;
	expect(longer, request.length + 1, NR_TSP_BAD_DATA_FORMAT); /* a byte follows */
	longer[0] = 0x30;
	longer[1] = 0x81; /* a length longer than it need be */
	longer[2] = request.bytes[1];
	memcpy(longer + 3, request.bytes + 2, request.length - 2);
	expect(longer, request.length + 1, NR_TSP_BAD_DATA_FORMAT);
	longer[1] = 0x80; /* indefinite */
	memcpy(longer + 2, request.bytes + 2, request.length - 2);
	longer[request.length] = longer[request.length + 1] = 0;
	expect(longer, request.length + 2, NR_TSP_BAD_DATA_FORMAT);
}

static void test_rejection(void **state)
{
	(void)state;
	/* the BIT STRINGs that DER demands */
	static const struct {
		enum nr_tsp_failure failure;
		const char *bits;
		size_t length;
	} rows[] = {
		{NR_TSP_BAD_ALG, "\x03\x02\x07\x80", 4},
		{NR_TSP_BAD_REQUEST, "\x03\x02\x05\x20", 4},
		{NR_TSP_BAD_DATA_FORMAT, "\x03\x02\x02\x04", 4},
		{NR_TSP_TIME_NOT_AVAILABLE, "\x03\x03\x01\x00\x02", 5},
		{NR_TSP_UNACCEPTED_POLICY, "\x03\x03\x00\x00\x01", 5},
		{NR_TSP_UNACCEPTED_EXTENSION, "\x03\x04\x07\x00\x00\x80", 6},
		{NR_TSP_ADD_INFO_NOT_AVAILABLE, "\x03\x04\x06\x00\x00\x40", 6},
		{NR_TSP_SYSTEM_FAILURE, "\x03\x05\x06\x00\x00\x00\x40", 7},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		uint8_t buffer[NR_TSP_REJECTION_MAX], *bytes;
		size_t length = nr_tsp_write_rejection(rows[i].failure, "why", buffer, sizeof buffer, &bytes);
		assert_true(length > rows[i].length);
		assert_memory_equal(bytes + length - rows[i].length, rows[i].bits, rows[i].length);
		struct nr_tsp_response response;
		assert_int_equal(nr_tsp_read_response(bytes, length, &response, NULL), 0);
		assert_int_equal(response.status, 2);
		assert_int_equal(response.failure, rows[i].failure);
		assert_string_equal(response.text, "why");
		assert_null(response.token.value);
	}
}

/* What authorities in the field have sent. */
static void test_shared(void **state)
{
	(void)state;
	static const char *const files[] = {"test_tsa/response.tsr", "test_tsa/other_response.tsr",
		"test_tsa/response-injected-certs.tsr", "sigstage/response-sha256.tsr",
		"sigstage/response-sha384.tsr", "sigstage/response-sha512.tsr",
		"sigstage/response-no-embedded-cert.tsr", "sigstage/response-invalid-signature.tsr",
		"sigstore.mock/response-expired.tsr", "identrust/issue-104.tsr"};
	const char *shared = getenv("NOROSHI_SHARED");
	for (size_t i = 0; i < NR_COUNT(files); i++) {
		char path[600];
		snprintf(path, sizeof path, "%s/data/trust/tsp/rfc3161-client/%s",
			shared ? shared : "../shared", files[i]);
		if (access(path, R_OK) != 0) {
			print_message("skipped: %s is not there\n", path);
			skip();
		}
		NR_AUTO(nr_freep) uint8_t *bytes = NULL;
		size_t length;
		struct nr_tsp_response response;
		struct nr_error error = {0};
		assert_int_equal(nr_file_read(path, 1 << 20, &bytes, &length, NULL), 0);
		if (nr_tsp_read_response(bytes, length, &response, &error) != 0)
			fail_msg("%s: %s", files[i], error.text);
		assert_int_equal(response.status, 0);
		assert_int_equal(response.token.tag, NR_DER_SEQUENCE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_der),
		cmocka_unit_test(test_rejection),
		cmocka_unit_test(test_shared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
