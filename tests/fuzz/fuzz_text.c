/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that people write: a time, a duration, an address, a prefix; and foreign text on its way to a
 * terminal and into JSON. What parses is written and parsed again to the same value.
 */
#include "base/json.h"
#include "base/text.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOTHING 0x5a /* what an output holds before, and after a refusal */

static void check_refusal(const struct nr_error *error, int code, const void *output, size_t size)
{
	assert(code < 0 && error->code == code && error->text[0]);
	for (size_t i = 0; i < size; i++)
		assert(((const uint8_t *)output)[i] == NOTHING);
}

static void check_time(const char *text)
{
	static const nr_time first = -INT64_C(62135596800) * NR_SECOND; /* what RFC 3339 can write */
	static const nr_time last = INT64_C(253402300800) * NR_SECOND - 1;
	nr_time time, again;
	char written[NR_TIME_TEXT];
	struct nr_error error = {0};
	memset(&time, NOTHING, sizeof time);
	int code = nr_time_parse(text, &time, &error);
	if (code) {
		check_refusal(&error, code, &time, sizeof time);
		return;
	}
	assert(nr_time_parse(nr_time_write(time, written), &again, NULL) == 0);
	assert(again == NR_MAX(NR_MIN(time, last), first));
}

static void check_duration(const char *text)
{
	nr_time duration;
	struct nr_error error = {0};
	memset(&duration, NOTHING, sizeof duration);
	int code = nr_duration_parse(text, &duration, &error);
	if (code)
		check_refusal(&error, code, &duration, sizeof duration);
	else
		assert(duration >= 0 && duration % NR_SECOND == 0 && duration < NR_TIME_MAX);
}

static void check_address(const char *text)
{
	struct nr_address address, again;
	char written[NR_ADDRESS_TEXT];
	struct nr_error error = {0};
	memset(&address, NOTHING, sizeof address);
	int code = nr_address_parse(text, &address, &error);
	if (code) {
		check_refusal(&error, code, &address, sizeof address);
		return;
	}
	assert(nr_address_parse(nr_address_write(&address, written), &again, NULL) == 0);
	assert(nr_address_equal(&address, &again));
}

static void check_prefix(const char *text)
{
	struct nr_prefix prefix, again;
	char written[NR_ADDRESS_TEXT];
	struct nr_error error = {0};
	memset(&prefix, NOTHING, sizeof prefix);
	int code = nr_prefix_parse(text, &prefix, &error);
	if (code) {
		check_refusal(&error, code, &prefix, sizeof prefix);
		return;
	}
	assert(prefix.length <= 128 && nr_prefix_contains(&prefix, &prefix.address));
	assert(nr_prefix_parse(nr_prefix_write(&prefix, written), &again, NULL) == 0);
	assert(again.length == prefix.length && nr_address_equal(&again.address, &prefix.address));
}

/* Wrapping loses no character and ends each line. */
static void check_wrap(const char *text, size_t width)
{
	NR_AUTO(nr_freep) char *lines = NULL;
	size_t length, seen = 0, wanted = 0;
	FILE *out = open_memstream(&lines, &length);
	if (!out)
		abort();
	nr_text_wrap(out, text, width / 4, width);
	fclose(out);
	assert(length > 0 && lines[length - 1] == '\n');
	for (size_t i = 0; i < length; i++)
		seen += lines[i] != ' ' && lines[i] != '\n';
	for (size_t i = 0; text[i]; i++)
		wanted += text[i] != ' ' && text[i] != '\n';
	assert(seen == wanted && nr_text_width(text) <= strlen(text));
}

/* One line between quotes, whatever the bytes are. */
static void check_json(const uint8_t *data, size_t size)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_text_n(&json, NULL, (const char *)data, size);
	assert(nr_json_finish(&json, NULL) == 0);
	assert(json.length >= size + 2 && json.bytes[0] == '"');
	for (size_t i = 0; i < json.length; i++)
		assert((uint8_t)json.bytes[i] >= ' ' || i + 1 == json.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	NR_AUTO(nr_freep) char *text = malloc(size + 1);
	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	check_time(text);
	check_duration(text);
	check_address(text);
	check_prefix(text);
	check_wrap(text, 8 + size % 64);
	check_json(data, size);
	return 0;
}
