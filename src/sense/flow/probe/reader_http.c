/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP answer (RFC 9112): status, a few headers, the names of all in their order. */
#include "sense/flow/probe/reader.h"

#include <string.h>
#include <strings.h>

#define HEAD_MAX 16384 /* bytes; what has not ended by then is cut there */

struct line {
	const char *text;
	size_t length;
};

/* The next line without its end; false: there is no whole one. */
static bool line_take(const char **at, const char *end, struct line *ret_line)
{
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	if (!newline)
		return false;
	size_t length = (size_t)(newline - *at);
	*ret_line = (struct line){*at, length && newline[-1] == '\r' ? length - 1 : length};
	*at = newline + 1;
	return true;
}

static bool status_take(const struct line *line, struct nr_probe_http *http)
{
	const char *t = line->text;
	if (line->length < 12 || strncmp(t, "HTTP/1.", 7) != 0 || t[7] < '0' || t[7] > '9' || t[8] != ' ')
		return false;
	for (int i = 9; i < 12; i++)
		if (t[i] < '0' || t[i] > '9')
			return false;
	http->version_minor = (uint8_t)(t[7] - '0');
	http->status = (uint16_t)((t[9] - '0') * 100 + (t[10] - '0') * 10 + (t[11] - '0'));
	return true;
}

static void value_copy(const struct line *line, size_t name, char *text, size_t room)
{
	const char *value = line->text + name + 1, *end = line->text + line->length;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	size_t length = NR_MIN((size_t)(end - value), room - 1);
	for (size_t i = 0; i < length; i++) /* a NUL would end it, others are shown as what they are not */
		text[i] = value[i] < ' ' && value[i] >= 0 ? '?' : value[i];
	text[length] = 0;
}

static void header_take(const struct line *line, struct nr_probe_http *http, char *names, size_t *used)
{
	const char *colon = memchr(line->text, ':', line->length);
	size_t length = colon ? (size_t)(colon - line->text) : line->length;
	http->header_count++;
	memcpy(names + *used, line->text, length);
	*used += length;
	names[(*used)++] = '\n';
	if (!colon)
		return;
	if (length == 6 && !strncasecmp(line->text, "server", 6) && !http->server[0])
		value_copy(line, length, http->server, sizeof http->server);
	else if (length == 8 && !strncasecmp(line->text, "location", 8) && !http->location[0])
		value_copy(line, length, http->location, sizeof http->location);
	else if (length == 12 && !strncasecmp(line->text, "content-type", 12) && !http->type[0])
		value_copy(line, length, http->type, sizeof http->type);
}

bool nr_probe_http_take(const uint8_t *bytes, size_t length, bool ended, struct nr_probe_http *http)
{
	static char names[HEAD_MAX + 1];
	const char *at = (const char *)bytes, *end = at + NR_MIN(length, (size_t)HEAD_MAX);
	struct nr_probe_http h = {.tls = http->tls};
	struct line line;
	size_t used = 0;
	bool whole = false;
	ended = ended || length >= HEAD_MAX;
	if (!length)
		return ended;
	if (line_take(&at, end, &line) ? !status_take(&line, &h)
				       : ended || strncmp(at, "HTTP/1.", NR_MIN(length, (size_t)7)) != 0) {
		http->present = http->foreign = 1;
		return true;
	}
	if (!h.status)
		return false;
	h.present = 1;
	while (!whole && line_take(&at, end, &line)) {
		whole = !line.length;
		if (!whole)
			header_take(&line, &h, names, &used);
	}
	nr_probe_hash(names, used, h.headers_sha256);
	*http = h;
	return whole || ended;
}
