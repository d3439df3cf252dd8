/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#define CONNECT_SECONDS 5L

/* What comes back, up to a limit. */
struct inflow {
	uint8_t *bytes;
	size_t length, room, limit;
	bool too_large;
};

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
	struct inflow *in = context;
	size_t length = size * count;
	if (length > in->limit - in->length) {
		in->too_large = true;
		return 0;
	}
	if (in->length + length > in->room) {
		size_t room = NR_MIN(in->limit, NR_MAX(2 * in->room, in->length + length));
		uint8_t *grown = realloc(in->bytes, NR_MAX(room, 1));
		if (!grown)
			return 0;
		in->bytes = grown;
		in->room = room;
	}
	memcpy(in->bytes + in->length, bytes, length);
	in->length += length;
	return length;
}

/* What to do, by what libcurl says. */
static int reason_of(CURLcode code)
{
	switch (code) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -EINVAL;
	case CURLE_COULDNT_RESOLVE_HOST:
		return -ENOENT;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static bool prepare(CURL *easy, const char *url, unsigned seconds, const char *ca)
{
	return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, "noroshi/" NR_VERSION) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)seconds) == CURLE_OK &&
	       (!ca || curl_easy_setopt(easy, CURLOPT_CAINFO, ca) == CURLE_OK);
}

static bool prepare_body(
	CURL *easy, struct curl_slist **headers, const char *type, const uint8_t *body, size_t length)
{
	if (!body)
		return true;
	char text[160];
	snprintf(text, sizeof text, "Content-Type: %s", type ? type : "application/octet-stream");
	*headers = curl_slist_append(NULL, text);
	struct curl_slist *more = *headers ? curl_slist_append(*headers, "Expect:") : NULL;
	return more && curl_easy_setopt(easy, CURLOPT_HTTPHEADER, more) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)body) == CURLE_OK;
}

static int perform(
	CURL *easy, const char *url, struct inflow *in, struct nr_http_answer *answer, struct nr_error *error)
{
	if (curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, in) != CURLE_OK)
		return nr_fail(error, -ENOMEM, "out of memory");
	CURLcode code = curl_easy_perform(easy);
	if (in->too_large)
		return nr_fail(error, -EFBIG, "%.120s: the answer is larger than %zu bytes", url, in->limit);
	if (code != CURLE_OK)
		return nr_fail(error, reason_of(code), "%.120s: %s", url, curl_easy_strerror(code));
	long status = 0;
	const char *type = NULL;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
	answer->status = (unsigned)status;
	snprintf(answer->type, sizeof answer->type, "%s", type ? type : "");
	answer->bytes = nr_steal(&in->bytes);
	answer->length = in->length;
	return 0;
}

int nr_http_fetch(const char *url, const char *type, const uint8_t *body, size_t length, size_t answer_max,
	unsigned seconds, const char *ca, struct nr_http_answer *ret_answer, struct nr_error *error)
{
	struct inflow in = {.limit = answer_max};
	struct nr_http_answer answer = {0};
	struct curl_slist *headers = NULL;
	CURL *easy = curl_easy_init();
	int e = -ENOMEM;
	if (easy && prepare(easy, url, seconds, ca) && prepare_body(easy, &headers, type, body, length))
		e = perform(easy, url, &in, &answer, error);
	else
		e = nr_fail(error, -ENOMEM, "%.120s: cannot be asked: out of memory, or not an address", url);
	curl_slist_free_all(headers);
	curl_easy_cleanup(easy);
	free(in.bytes);
	if (!e)
		*ret_answer = answer;
	return e;
}
