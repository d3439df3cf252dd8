/* SPDX-License-Identifier: Apache-2.0 */
/* Exports of many vendors: every set, record and field against the expected values of the shared data. */
#include "base/file.h"
#include "wire/netflow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TEMPLATES 512

static char folder[512];

/* What a collector remembers of one exporter; the newest definition counts. */
struct memory {
	struct nr_template templates[TEMPLATES];
	uint32_t domains[TEMPLATES];
	size_t count;
};

static struct nr_template *recall(struct memory *memory, uint32_t domain, uint16_t id)
{
	for (size_t i = 0; i < memory->count; i++) {
		if (memory->domains[i] == domain && memory->templates[i].id == id)
			return &memory->templates[i];
	}
	return NULL;
}

static void remember(struct memory *memory, uint32_t domain, const struct nr_template *template)
{
	struct nr_template *place = recall(memory, domain, template->id);
	if (!place) {
		assert_true(memory->count < TEMPLATES);
		memory->domains[memory->count] = domain;
		place = &memory->templates[memory->count++];
	}
	*place = *template;
}

/* One case while it is compared. */
struct run {
	const char *id;
	struct memory *memory;
	json_object **expected; /* records in order */
	size_t expected_count, data, options, missing, compared;
};

static bool is_hex(const char *text, const struct nr_value *value)
{
	if (strlen(text) != 2 + 2u * value->length)
		return false;
	for (size_t i = 0; i < value->length; i++) {
		unsigned byte;
		if (sscanf(text + 2 + 2 * i, "%2x", &byte) != 1 || byte != value->bytes[i])
			return false;
	}
	return true;
}

static bool is_same_text(const char *text, const struct nr_value *value)
{
	uint8_t address[16];
	if (value->length == 4 && inet_pton(AF_INET, text, address) == 1)
		return memcmp(address, value->bytes, 4) == 0;
	if (value->length == 16 && inet_pton(AF_INET6, text, address) == 1)
		return memcmp(address, value->bytes, 16) == 0;
	unsigned mac[6];
	if (value->length == 6 && sscanf(text, "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3],
					  &mac[4], &mac[5]) == 6) {
		for (size_t i = 0; i < 6; i++) {
			if (mac[i] != value->bytes[i])
				return false;
		}
		return true;
	}
	if (strncmp(text, "0x", 2) == 0 && is_hex(text, value))
		return true;
	size_t length = strnlen((const char *)value->bytes, value->length);
	return strlen(text) == length && memcmp(text, value->bytes, length) == 0;
}

static bool is_same(json_object *wanted, const struct nr_value *value)
{
	if (json_object_get_type(wanted) == json_type_int)
		return value->length <= 8 && (uint64_t)json_object_get_uint64(wanted) == nr_value_uint(value);
	return is_same_text(json_object_get_string(wanted), value);
}

/* The field's name in the expected values; seen: how many of that name came before. */
static json_object *find_field(json_object *fields, const char *name, size_t seen)
{
	json_object *found;
	if (!json_object_object_get_ex(fields, name, &found))
		return NULL;
	return json_object_get_type(found) == json_type_array ? json_object_array_get_idx(found, seen)
							      : found;
}

static void name_field(const struct nr_template *template, unsigned index, char name[64])
{
	const struct nr_element *field = &template->fields[index];
	if (index < template->scopes && field->enterprise == NR_ENTERPRISE_SCOPE)
		snprintf(name, 64, "scope/%u", field->id);
	else if (field->enterprise)
		snprintf(name, 64, "%s%u/%u", index < template->scopes ? "scope/" : "", field->enterprise,
			field->id);
	else
		snprintf(name, 64, "%s%u", index < template->scopes ? "scope/" : "", field->id);
}

static void compare(struct run *run, const struct nr_template *template, const struct nr_value *values)
{
	size_t at = run->data + run->options;
	(template->options ? &run->options : &run->data)[0]++;
	if (at >= run->expected_count)
		return; /* the counts will differ */
	json_object *fields;
	assert_true(json_object_object_get_ex(run->expected[at], "f", &fields));
	for (unsigned i = 0; i < template->count; i++) {
		char name[64], other[64];
		size_t seen = 0;
		name_field(template, i, name);
		for (unsigned k = 0; k < i; k++) {
			name_field(template, k, other);
			seen += strcmp(name, other) == 0;
		}
		json_object *wanted = find_field(fields, name, seen);
		if (!wanted || !is_same(wanted, &values[i]))
			fail_msg("%s: record %zu, field %s (%u bytes) is not %s", run->id, at, name,
				values[i].length, wanted ? json_object_get_string(wanted) : "expected");
		run->compared++;
	}
}

/* v5 as if it had a template; what stands where in its 48 bytes. */
static const struct nr_template v5 = {.count = 20,
	.minimum = 48,
	.fields = {{0, 8, 4}, {0, 12, 4}, {0, 15, 4}, {0, 10, 2}, {0, 14, 2}, {0, 2, 4}, {0, 1, 4},
		{0, 22, 4}, {0, 21, 4}, {0, 7, 2}, {0, 11, 2}, {0, 0, 1}, {0, 6, 1}, {0, 4, 1}, {0, 5, 1},
		{0, 16, 2}, {0, 17, 2}, {0, 9, 1}, {0, 13, 1}, {0, 0, 2}}};

static void walk_set(struct run *run, const struct nr_export_header *header, struct nr_export_set *set)
{
	static struct nr_template template;
	struct nr_value values[NR_TEMPLATE_FIELDS];
	if (nr_set_is_template(header, set->id) || nr_set_is_options(header, set->id)) {
		while (nr_template_next(header, set, &template))
			remember(run->memory, header->domain, &template);
		assert_false(set->body.failed);
		return;
	}
	const struct nr_template *known =
		set->id >= 256 ? recall(run->memory, header->domain, set->id) : NULL;
	if (!known) {
		run->missing++;
		return;
	}
	while (nr_record_next(known, &set->body, values))
		compare(run, known, values);
	assert_false(set->body.failed);
}

/* All messages that lie one after the other. */
static void walk(struct run *run, const uint8_t *bytes, size_t length)
{
	while (length > 0) {
		struct nr_export_header header;
		struct nr_cursor body;
		struct nr_export_set set;
		struct nr_value values[NR_TEMPLATE_FIELDS];
		if (nr_export_open(bytes, length, &header, &body, NULL) != 0)
			return; /* refused as a whole */
		while (header.version == 5 && nr_record_next(&v5, &body, values))
			run->data++;
		while (header.version != 5 && nr_export_next_set(&header, &body, &set))
			walk_set(run, &header, &set);
		assert_false(body.failed);
		bytes += header.length;
		length -= header.length;
	}
}

static size_t read_expected(const char *id, json_object **records, size_t room)
{
	char path[700];
	size_t count = 0;
	snprintf(path, sizeof path, "%s/records/%s.ndjson", folder, id);
	NR_AUTO(nr_closep) FILE *stream = fopen(path, "re");
	char *line = NULL;
	size_t length = 0;
	while (stream && count < room && getline(&line, &length, stream) > 0)
		records[count++] = json_tokener_parse(line);
	free(line);
	return count;
}

static int64_t number_of(json_object *object, const char *key)
{
	json_object *value;
	assert_true(json_object_object_get_ex(object, key, &value));
	return json_object_get_int64(value);
}

static void run_case(json_object *test, size_t *compared)
{
	static struct memory memory;
	json_object *records[256], *files, *id;
	memory.count = 0;
	json_object_object_get_ex(test, "id", &id);
	json_object_object_get_ex(test, "files", &files);
	struct run run = {.id = json_object_get_string(id), .memory = &memory, .expected = records};
	run.expected_count = read_expected(run.id, records, NR_COUNT(records));
	for (size_t i = 0; i < json_object_array_length(files); i++) {
		char path[700];
		NR_AUTO(nr_freep) uint8_t *bytes = NULL;
		size_t length;
		snprintf(path, sizeof path, "%s/raw/%s", folder,
			json_object_get_string(json_object_array_get_idx(files, i)));
		assert_int_equal(nr_file_read(path, 1 << 20, &bytes, &length, NULL), 0);
		walk(&run, bytes, length);
	}
	if (run.data != (size_t)number_of(test, "data_records") ||
		run.options != (size_t)number_of(test, "options_records"))
		fail_msg("%s: %zu data and %zu options records", run.id, run.data, run.options);
	*compared += run.compared;
	for (size_t i = 0; i < run.expected_count; i++)
		json_object_put(records[i]);
}

static void test_vendors(void **state)
{
	(void)state;
	char path[600];
	const char *shared = getenv("NOROSHI_SHARED");
	snprintf(folder, sizeof folder, "%s/data/flow/netflow-ipfix", shared ? shared : "../shared");
	snprintf(path, sizeof path, "%s/expected.json", folder);
	json_object *all = access(path, R_OK) == 0 ? json_object_from_file(path) : NULL, *cases;
	if (!all) {
		print_message("skipped: %s is not there\n", path);
		skip();
	}
	size_t compared = 0;
	assert_true(json_object_object_get_ex(all, "cases", &cases));
	assert_int_equal(json_object_array_length(cases), 56);
	for (size_t i = 0; i < json_object_array_length(cases); i++)
		run_case(json_object_array_get_idx(cases, i), &compared);
	json_object_put(all);
	print_message("%zu fields compared\n", compared);
	assert_true(compared > 5000);
}

static void expect_refused(const void *bytes, size_t length)
{
	struct nr_export_header header;
	struct nr_cursor body;
	struct nr_error error = {0};
	assert_int_equal(nr_export_open(bytes, length, &header, &body, &error), -EBADMSG);
	assert_true(*error.text);
}

static void test_refused(void **state)
{
	(void)state;
	uint8_t v5_message[24 + 48] = {0, 5, 0, 1};
	struct nr_export_header header;
	struct nr_cursor body;
	assert_int_equal(nr_export_open(v5_message, sizeof v5_message, &header, &body, NULL), 0);
	for (size_t length = 0; length < sizeof v5_message; length++)
		expect_refused(v5_message, length);
	v5_message[3] = 0;
	expect_refused(v5_message, sizeof v5_message);
	v5_message[3] = 31;
	expect_refused(v5_message, sizeof v5_message);
	static const uint8_t other[20] = {0, 8}, short_ipfix[16] = {0, 10, 0, 15},
			     long_ipfix[16] = {0, 10, 0, 17};
	expect_refused(other, sizeof other);
	expect_refused(short_ipfix, sizeof short_ipfix);
	expect_refused(long_ipfix, sizeof long_ipfix);
}

/* Sets and templates that cannot be: each stops its message or set, and nothing is read beyond it. */
static void test_hostile_sets(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[24];
		size_t length;
		bool set, template,
			failed; /* a set comes; a template comes in it; in the end something has failed */
	} rows[] = {
		{{1, 0, 0, 3}, 4, false, false, true},            /* shorter than its header */
		{{1, 0, 0, 9, 0}, 5, false, false, true},         /* beyond the message */
		{{0, 0, 0, 0, 0, 0}, 6, false, false, false},     /* zeros */
		{{0, 0, 0, 8, 1, 0, 0, 1}, 8, true, false, true}, /* fields beyond the set */
		{{0, 0, 0, 12, 0, 255, 0, 1, 0, 8, 0, 4}, 12, true, false, true}, /* id below 256 */
		{{0, 0, 0, 12, 1, 0, 0, 1, 0, 8, 0, 0}, 12, true, false, true},   /* records without bytes */
		{{0, 0, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4}, 12, true, true, false},   /* a good one */
		{{0, 1, 0, 14, 1, 0, 0, 3, 0, 4, 0, 1, 0, 2}, 14, true, false, true}, /* half a scope field */
		{{0, 0, 0, 8, 1, 0, 255, 255}, 8, true, false, true},                 /* too many fields */
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct nr_export_header header = {.version = 9};
		struct nr_cursor body = nr_cursor_over(rows[i].bytes, rows[i].length);
		struct nr_export_set set;
		struct nr_template template;
		bool has_set = nr_export_next_set(&header, &body, &set);
		assert_int_equal(has_set, rows[i].set);
		bool has_template = has_set && nr_template_next(&header, &set, &template);
		assert_int_equal(has_template, rows[i].template);
		assert_int_equal(body.failed || (has_set && set.body.failed), rows[i].failed);
	}
}

static void test_variable(void **state)
{
	(void)state;
	struct nr_template template = {.count = 2,
		.minimum = 2,
		.variable = true,
		.fields = {{0, 82, NR_ELEMENT_VARIABLE}, {0, 4, 1}}};
	struct nr_value values[2];
	static const uint8_t records[] = {3, 'a', 'b', 'c', 6, 255, 0, 2, 'd', 'e', 17, 0, 1, 200, 'x'};
	struct nr_cursor body = nr_cursor_over(records, sizeof records);
	assert_true(nr_record_next(&template, &body, values));
	assert_int_equal(values[0].length, 3);
	assert_int_equal(nr_value_uint(&values[1]), 6);
	assert_true(nr_record_next(&template, &body, values)); /* the long form of a short length */
	assert_int_equal(values[0].length, 2);
	assert_true(nr_record_next(&template, &body, values));
	assert_int_equal(values[0].length, 0);
	assert_false(nr_record_next(&template, &body, values));
	assert_true(body.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vendors),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hostile_sets),
		cmocka_unit_test(test_variable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
