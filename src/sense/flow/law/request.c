/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a request: written and read in one form. */
#include "sense/flow/law/identify.h"
#include "sense/flow/law/pseudonym.h"

#include <errno.h>
#include <string.h>

static const char head[] = "noroshi identify v1\n";

size_t nr_flow_request_write(
	const struct nr_flow_request *request, char ret_text[static NR_FLOW_REQUEST_TEXT])
{
	char pseudonym[NR_ADDRESS_TEXT], received[NR_TIME_TEXT], asked[NR_TIME_TEXT], until[NR_TIME_TEXT];
	int n = snprintf(ret_text, NR_FLOW_REQUEST_TEXT,
		"%sarchive %s\npseudonym %s\nreceived %s\ncandidates %s\nasked %s\nuntil %s\nreason %s\n",
		head, request->archive, nr_address_write(&request->pseudonym, pseudonym),
		nr_time_write(request->received, received), request->candidates,
		nr_time_write(request->asked, asked), nr_time_write(request->until, until), request->reason);
	return n > 0 ? (size_t)n : 0;
}

/* The value of the next line, which begins with name and a space. */
static bool line_take(const char **at, const char *name, char *value, size_t room)
{
	size_t skip = strlen(name);
	if (strncmp(*at, name, skip) != 0 || (*at)[skip] != ' ')
		return false;
	const char *start = *at + skip + 1, *end = strchr(start, '\n');
	if (!end || end == start || (size_t)(end - start) >= room)
		return false;
	for (const char *p = start; p < end; p++)
		if ((uint8_t)*p < ' ' || *p == 0x7f)
			return false;
	memcpy(value, start, (size_t)(end - start));
	value[end - start] = 0;
	*at = end + 1;
	return true;
}

int nr_flow_request_parse(
	const char *text, size_t length, struct nr_flow_request *ret_request, struct nr_error *error)
{
	struct nr_flow_request request = {.received = 0};
	char copy[NR_FLOW_REQUEST_TEXT], again[NR_FLOW_REQUEST_TEXT], pseudonym[NR_ADDRESS_TEXT],
		received[NR_TIME_TEXT], asked[NR_TIME_TEXT], until[NR_TIME_TEXT];
	const char *at = copy + strlen(head);
	bool sound = length < sizeof copy && length > strlen(head) && !memcmp(text, head, strlen(head));
	if (sound) {
		memcpy(copy, text, length);
		copy[length] = 0;
	}
	sound = sound && line_take(&at, "archive", request.archive, sizeof request.archive) &&
		line_take(&at, "pseudonym", pseudonym, sizeof pseudonym) &&
		line_take(&at, "received", received, sizeof received) &&
		line_take(&at, "candidates", request.candidates, sizeof request.candidates) &&
		line_take(&at, "asked", asked, sizeof asked) &&
		line_take(&at, "until", until, sizeof until) &&
		line_take(&at, "reason", request.reason, sizeof request.reason) &&
		nr_address_parse(pseudonym, &request.pseudonym, NULL) == 0 &&
		nr_time_parse(received, &request.received, NULL) == 0 &&
		nr_time_parse(asked, &request.asked, NULL) == 0 &&
		nr_time_parse(until, &request.until, NULL) == 0;
	/* one text for one request: what would be written otherwise is none */
	if (!sound || nr_flow_request_write(&request, again) != length || memcmp(again, text, length) != 0)
		return nr_fail(error, -EBADMSG, "not the text of a request (noroshi identify v1)");
	if (request.until <= request.asked || request.until - request.asked > NR_FLOW_REQUEST_MAX)
		return nr_fail(error, -ERANGE, "a request lasts at most 7 days");
	*ret_request = request;
	return 0;
}
