/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses: an allow file's text, a server in words, a certificate, the head of an HTTP answer.
 */
#include "sense/flow/probe/allow.h"
#include "sense/flow/probe/reader.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_allow(const char *text, size_t size)
{
	struct nr_probe_allow allow;
	struct nr_error error = {0};
	if (nr_probe_allow_parse(text, size, &allow, &error)) {
		assert(error.code < 0 && error.text[0]);
		return;
	}
	assert(allow.class_count && allow.until > allow.from &&
		allow.until - allow.from <= NR_PROBE_ALLOW_MAX);
	assert(allow.targets.count <= NR_PROBE_RULES_MAX && allow.passive.count <= NR_PROBE_RULES_MAX);
	/* whatever it says, these are never allowed */
	static const char *const nobody[] = {"224.0.0.1:1", "0.0.0.0:1", "[100::1]:1", "[ff02::1]:1"};
	for (size_t i = 0; i < NR_COUNT(nobody); i++) {
		struct nr_flow_server server;
		assert(nr_probe_server_parse(nobody[i], &server, NULL) == 0);
		assert(nr_probe_allow_check(&allow, &server, allow.from) == NR_PROBE_NO_ADDRESS);
		assert(nr_probe_allow_check(&allow, &server, allow.until) == NR_PROBE_NOT_VALID);
	}
	nr_probe_allow_fini(&allow);
}

static void check_server(const char *text)
{
	char written[NR_PROBE_SERVER_TEXT];
	struct nr_flow_server server, again;
	memset(&server, 0, sizeof server);
	memset(&again, 0, sizeof again);
	if (nr_probe_server_parse(text, &server, NULL))
		return;
	assert(server.port &&
		nr_probe_server_parse(nr_probe_server_write(&server, written), &again, NULL) == 0);
	assert(again.port == server.port && again.protocol == server.protocol);
	assert(nr_address_equal(&again.address, &server.address));
}

static void check_understood(const uint8_t *data, size_t size)
{
	static struct nr_probe_answers answers;
	memset(&answers, 0, sizeof answers);
	nr_probe_certificate_take(data, size, 1, &answers.certificate);
	bool whole = nr_probe_http_take(data, size, false, &answers.http);
	assert(nr_probe_answers_are_sound(&answers));
	assert(nr_probe_http_take(data, size, true, &answers.http)); /* one that has ended is whole */
	assert(!whole || !size || answers.http.present);
	assert(nr_probe_answers_are_sound(&answers));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	char *text = strndup((const char *)data + 1, size - 1);
	if (!text)
		abort();
	if (*data == 'a')
		check_allow((const char *)data + 1, size - 1);
	else if (*data == 's')
		check_server(text);
	else
		check_understood(data + 1, size - 1);
	free(text);
	return 0;
}
