/* SPDX-License-Identifier: Apache-2.0 */
/* The path flow/query over a small archive: answers, faults with their column, and that nobody asks without
 * saying for what. */
#include "serve/flow_api.h"

#include "base/file.h"
#include "store/flows/archive.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define FLOWS 5000
#define T0    (INT64_C(1767323045) * NR_SECOND) /* 2026-01-02T03:04:05Z */

static char folder[64];
static struct nr_flow_api *api;

static void fill(struct nr_flow_block *block)
{
	static const uint64_t columns = NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_LOW) |
					NR_FLOW_BIT(DESTINATION_LOW) | NR_FLOW_BIT(DESTINATION_PORT) |
					NR_FLOW_BIT(PROTOCOL) | NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES);
	struct nr_flow_stream stream = {nr_address_from_ipv4(0xc0000201), 7, NR_FLOW_IPFIX};
	assert_int_equal(nr_flow_block_stream(block, &stream), 0);
	nr_flow_rows_open(block, FLOWS, columns);
	for (uint32_t row = 0; row < FLOWS; row++) {
#define SET(column, type, value) ((type *)nr_flow_column_at(block, NR_FLOW_##column))[row] = (value)
		SET(FIRST, int64_t, T0 + row * NR_SECOND);
		SET(LAST, int64_t, T0 + row * NR_SECOND);
		SET(SOURCE_LOW, uint64_t, UINT64_C(0xffffc6336400) | row % 10);
		SET(DESTINATION_LOW, uint64_t, UINT64_C(0xffffcb007101));
		SET(DESTINATION_PORT, uint16_t, row % 2 ? 443 : 80);
		SET(PROTOCOL, uint8_t, 6);
		SET(PACKETS, uint64_t, 1);
		SET(BYTES, uint64_t, 100);
	}
	nr_flow_rows_close(block, FLOWS);
	block->received_first = block->received_last = T0 + FLOWS * NR_SECOND;
}

static int start(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	struct nr_error error = {0};
	struct nr_flow_block *block = NULL;
	struct nr_flow_archive *archive = NULL;
	snprintf(folder, sizeof folder, "%.30s/noroshi-flow-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(folder) || nr_flow_block_new(NR_FLOW_ROOM, &block, &error) != 0)
		return -1;
	fill(block);
	const struct nr_flow_archive_conf conf = {.threads = 1, .keep = 3650 * NR_DAY};
	if (nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_WRITE, &conf, &archive, &error) != 0 ||
		nr_flow_archive_append(archive, block, &error) != 0 ||
		nr_flow_archive_sync(archive, &error) != 0 || nr_flow_api_new(folder, 2, &api, &error) != 0) {
		fprintf(stderr, "%s\n", error.text);
		return -1;
	}
	nr_flow_archive_close(archive);
	nr_flow_block_free(block);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	char command[96];
	nr_flow_api_free(api);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) == 0 ? 0 : -1;
}

/* "name=value&..." without any coding. */
static struct json_object *ask(struct nr_flow_api *of, const char *question, unsigned status)
{
	char text[512];
	struct nr_argument arguments[NR_API_ARGUMENTS_MAX];
	size_t count = 0;
	snprintf(text, sizeof text, "%s", question);
	for (char *at = strtok(text, "&"); at; at = strtok(NULL, "&")) {
		char *value = strchr(at, '=');
		*value++ = '\0';
		arguments[count++] = (struct nr_argument){at, value};
	}
	struct nr_reply reply;
	assert_int_equal(nr_flow_api_answer(of, arguments, count, &reply), 0);
	if (reply.status != status)
		fail_msg("%s: %u, %.300s", question, reply.status, reply.bytes);
	struct json_object *json = json_tokener_parse(reply.bytes);
	assert_non_null(json);
	nr_reply_fini(&reply);
	return json;
}

static struct json_object *member(struct json_object *json, const char *path)
{
	char name[64];
	while (*path) {
		size_t length = strcspn(path, "|");
		snprintf(name, sizeof name, "%.*s", (int)length, path);
		json = json_object_is_type(json, json_type_array)
			       ? json_object_array_get_idx(json, (size_t)atoi(name))
			       : json_object_object_get(json, name);
		path += length + (path[length] == '|');
	}
	return json;
}

static void check(const char *question, unsigned status, const char *path, const char *value)
{
	struct json_object *json = ask(api, question, status);
	const char *found = json_object_get_string(member(json, path));
	if (!found || strcmp(found, value) != 0)
		fail_msg("%s: %s is %s, not %s", question, path, found ? found : "nothing", value);
	json_object_put(json);
}

#define FOR "purpose=own-operation&"

static void test_answers(void **state)
{
	(void)state;
	check(FOR "by=source&top=3", 200, "totals|flows", "5000");
	check(FOR "by=source&top=3", 200, "rows|2|source", "198.51.100.2");
	check(FOR "by=source&top=3", 200, "rows|2|bytes", "50000");
	check(FOR "by=destination_port&expression=port 443", 200, "rows|0|destination_port", "443");
	check(FOR "by=destination_port&expression=port 443", 200, "totals|flows", "2500");
	check(FOR "by=exporter&order=flows", 200, "rows|0|exporter", "192.0.2.1");
	check(FOR "series=3600", 200, "series|0|1", "335500"); /* 03:04:05 to 03:59:59: 3355 flows */
	check(FOR "series=3600&by=protocol", 200, "series|1|1", "6");
	check(FOR "expression=port 80&limit=3", 200, "rows|2|destination_port", "80");
	check(FOR "expression=port 80&limit=3", 200, "cut", "true");
	check(FOR "expression=port 81", 200, "cut", "false");
	check(FOR "from=2026-01-02T04:00:00Z&to=2026-01-02T04:00:10Z&by=protocol", 200, "totals|flows", "10");
}

static void test_faults(void **state)
{
	(void)state;
	check(FOR "expression=src prot 80", 400, "error|column", "5");
	check(FOR "expression=src prot 80", 400, "error|code", "bad-expression");
	check(FOR "by=sorce", 400, "error|parameter", "by");
	check(FOR "top=3", 400, "error|parameter", "by");
	check(FOR "by=source&top=1001", 400, "error|parameter", "top");
	check(FOR "by=source&top=0", 400, "error|parameter", "top");
	check(FOR "limit=1001", 400, "error|parameter", "limit");
	check(FOR "order=size", 400, "error|parameter", "order");
	check(FOR "series=-1", 400, "error|parameter", "series");
	check(FOR "from=soon", 400, "error|parameter", "from");
	check(FOR "from=2026-01-02&to=2026-01-01", 400, "error|parameter", "to");
	check(FOR "form=x", 400, "error|parameter", "form");
	check(FOR "limit=1&limit=2", 400, "error|parameter", "limit");
	struct json_object *json = ask(NULL, FOR "by=source", 404);
	json_object_put(json);
}

static void test_purpose(void **state)
{
	(void)state;
	NR_AUTO(nr_freep) uint8_t *uses = NULL;
	size_t length;
	char path[96];
	check("expression=port 80", 403, "error|code", "no-purpose");
	check("purpose=curiosity&expression=port 81", 403, "error|code", "no-purpose");
	check("purpose=c2-detection&by=source&expression=port 443", 200, "purpose", "c2-detection");
	snprintf(path, sizeof path, "%s/uses.jsonl", folder);
	assert_int_equal(nr_file_read(path, 1 << 20, &uses, &length, NULL), 0);
	const char *refused = strstr((char *)uses, "\"act\":\"refused\",\"purpose\":\"curiosity\"");
	assert_non_null(refused);
	const char *answered = strstr(refused, "\"question\":\"port 443 by source\",\"flows\":2500");
	assert_non_null(answered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_purpose)};
	return cmocka_run_group_tests(tests, start, stop);
}
