/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of Zeek's logs: headers, columns, JSON. What a row is made of has a time and addresses. */
#include "sense/flow/file/inside.h"
#include "sense/flow/file/zeek_inside.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_line(
	struct nr_zeek_header *header, struct nr_zeek_json *json, const char *text, size_t length)
{
	struct nr_zeek_line line;
	struct nr_flow_row row = {0};
	if (length && text[0] == '#') {
		if (!nr_zeek_header_take(header, text, length))
			assert(header->count <= NR_ZEEK_COLUMNS);
		return;
	}
	bool read = length && text[0] == '{' ? nr_zeek_json_parse(json, text, length, &line)
					     : nr_zeek_split(header, text, length, &line);
	if (!read)
		return;
	if (nr_zeek_fill(&row, &line))
		assert(row.LAST >= row.FIRST && row.FIRST >= 0 && row.MARKS == NR_FLOW_MARK_BIFLOW);
	else
		assert(!row.FIRST && !row.LAST && !row.SOURCE_LOW && !row.PACKETS && !row.MARKS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_zeek_header header;
	struct nr_zeek_json *json = nr_zeek_json_new();
	if (!json)
		abort();
	(void)nr_flow_zeek_is(data, size);
	nr_zeek_header_init(&header);
	/* each line in memory of its own, so that a read behind its end is seen */
	for (size_t at = 0; at < size;) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t length = end ? (size_t)(end - data) - at : size - at;
		char *line = malloc(length + !length);
		if (!line)
			abort();
		memcpy(line, data + at, length);
		take_line(&header, json, line, length);
		free(line);
		at += length + 1;
	}
	nr_zeek_json_free(json);
	return 0;
}
