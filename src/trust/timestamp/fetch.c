/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"
#include "trust/certificate/signature.h"
#include "trust/timestamp/token.h"

#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

#define SECONDS     10
#define NONCE_BYTES 16

/* The answer's TSTInfo repeats imprint and nonce; whether its signature is any good is for nr_token_verify().
 */
static int check_answer(const char *url, const struct nr_tsp_response *response,
	const struct nr_tsp_request *request, struct nr_error *error)
{
	struct nr_cms cms;
	struct nr_tst_info info = {.hash = NULL};
	int e = nr_cms_read(response->token.start, nr_der_size(&response->token), &cms, error);
	if (!e && nr_oid_is(&cms.content_type, NR_OID_TST_INFO) && cms.content.value)
		e = nr_tst_read(cms.content.value, cms.content.length, &info, error);
	if (e)
		return nr_error_prefix(error, "%.100s", url);
	bool same = info.hash && info.nonce.length == request->nonce.length &&
		    memcmp(info.nonce.value, request->nonce.value, info.nonce.length) == 0 &&
		    info.imprint.length == request->imprint.length &&
		    memcmp(info.imprint.value, request->imprint.value, info.imprint.length) == 0;
	if (!same)
		return nr_fail(
			error, -EBADMSG, "%.100s: answers another question (imprint or nonce differ)", url);
	if (!cms.certificates.value)
		return nr_fail(error, -EBADMSG,
			"%.100s: the token does not hold the certificate that was asked for", url);
	return 0;
}

static int read_answer(const char *url, const struct nr_http_answer *answer,
	const struct nr_tsp_request *request, uint8_t **ret_token, size_t *ret_length, struct nr_error *error)
{
	struct nr_tsp_response response;
	int e = nr_tsp_read_response(answer->bytes, answer->length, &response, error);
	if (e && answer->status != 200)
		return nr_fail(error, -EIO, "%.100s: HTTP status %u", url, answer->status);
	if (e)
		return nr_error_prefix(error, "%.100s", url);
	if (response.status > 1) {
		bool later = response.failure == NR_TSP_TIME_NOT_AVAILABLE;
		return nr_fail(error, later ? -EAGAIN : -EACCES, "%.100s: refuses: %s %.80s", url,
			response.failure < 0 ? "no reason"
					     : nr_tsp_failure_name((enum nr_tsp_failure)response.failure),
			response.text);
	}
	e = check_answer(url, &response, request, error);
	if (e)
		return e;
	size_t length = nr_der_size(&response.token);
	uint8_t *token = malloc(length);
	if (!token)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(token, response.token.start, length);
	*ret_token = token;
	*ret_length = length;
	return 0;
}

int nr_token_fetch(const char *url, const char *ca, enum nr_oid digest, const uint8_t *hash,
	uint8_t **ret_token, size_t *ret_length, struct nr_error *error)
{
	uint8_t buffer[256], *bytes, nonce[NONCE_BYTES];
	if (RAND_bytes(nonce, sizeof nonce) != 1)
		return nr_fail(error, -EIO, "no random bytes for the request");
	size_t length =
		nr_tsp_write_request(digest, hash, nonce, sizeof nonce, buffer, sizeof buffer, &bytes);
	struct nr_tsp_request request;
	enum nr_tsp_failure failure;
	int e = nr_tsp_read_request(bytes, length, NULL, 0, &request, &failure, error);
	if (e)
		return e;
	struct nr_http_answer answer = {.bytes = NULL};
	e = nr_http_fetch(
		url, "application/timestamp-query", bytes, length, NR_TOKEN_MAX, SECONDS, ca, &answer, error);
	if (!e)
		e = read_answer(url, &answer, &request, ret_token, ret_length, error);
	free(answer.bytes);
	return e;
}
