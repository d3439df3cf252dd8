/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers hand over under the law: lines of a shared list of C&C servers, requests to identify a
 * client. What is read is written again as the same bytes. */
#include "model/c2_list.h"
#include "sense/flow/law/identify.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *line, size_t size)
{
	static struct nr_c2_list *list;
	struct nr_c2_server server;
	char again[NR_C2_LINE_MAX];
	struct nr_error error = {0};
	if (!list && nr_c2_list_new(NULL, 0, &list, NULL))
		abort();
	if (nr_c2_list_read(list, line, size, &server, &error)) {
		assert(error.code < 0 && error.text[0]);
		return;
	}
	assert(nr_c2_list_write(list, &server, again, NULL) == 0);
	assert(strlen(again) == size && !memcmp(again, line, size));
}

static void check_request(const char *text, size_t size)
{
	struct nr_flow_request request;
	char again[NR_FLOW_REQUEST_TEXT];
	struct nr_error error = {0};
	if (nr_flow_request_parse(text, size, &request, &error)) {
		assert(error.code < 0 && error.text[0]);
		return;
	}
	assert(nr_flow_request_write(&request, again) == size && !memcmp(again, text, size));
	assert(request.until > request.asked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_line((const char *)data, size);
	check_request((const char *)data, size);
	return 0;
}
