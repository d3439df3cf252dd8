/* SPDX-License-Identifier: Apache-2.0 */
/* sFlow datagrams against the expected values of the shared data; and what cannot be. */
#include "base/file.h"
#include "wire/sflow.h"

#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const files[] = {"sflow5_flow_sample_icmp_vlan.bin", "sflow5_expanded_5_samples.bin",
	"sflow5_discard_egress_queue.bin", "sflow5_discard_acl.bin", "sflow5_discard_function_unpadded.bin"};

static json_object *get(json_object *object, const char *key)
{
	json_object *value = NULL;
	return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

static void expect(json_object *object, const char *key, uint32_t value)
{
	json_object *wanted = get(object, key);
	if (wanted && (uint64_t)json_object_get_int64(wanted) != value)
		fail_msg("%s is %u instead of %s", key, value, json_object_get_string(wanted));
}

static void check_items(json_object *expected, struct nr_sflow_sample *sample)
{
	json_object *records = get(expected, "records");
	struct nr_sflow_item item;
	size_t count = 0;
	for (; nr_sflow_next_item(sample, &item); count++) {
		json_object *record = json_object_array_get_idx(records, count);
		struct nr_sflow_packet packet;
		assert_non_null(record);
		expect(record, "enterprise", item.enterprise);
		expect(record, "format", item.format);
		expect(record, "length", item.length);
		if (!nr_sflow_packet_read(&item, &packet)) {
			assert_null(get(record, "header_protocol"));
			continue;
		}
		if (!get(record, "header_protocol"))
			continue; /* interface counters have the same number in another kind of sample */
		expect(record, "header_protocol", packet.protocol);
		expect(record, "frame_length", packet.frame_length);
		expect(record, "stripped", packet.stripped);
		expect(record, "header_length", packet.length);
	}
	assert_false(sample->body.failed);
	assert_int_equal(count, json_object_array_length(records));
}

static void check_datagram(json_object *expected, const uint8_t *bytes, size_t length)
{
	struct nr_sflow_header header;
	struct nr_cursor body;
	struct nr_sflow_sample sample;
	char agent[NR_ADDRESS_TEXT];
	size_t count = 0;
	assert_int_equal(nr_sflow_open(bytes, length, &header, &body, NULL), 0);
	nr_address_write(&header.agent, agent);
	assert_string_equal(agent, json_object_get_string(get(expected, "agent")));
	expect(expected, "sub_agent", header.sub_agent);
	expect(expected, "sequence", header.sequence);
	expect(expected, "uptime_ms", header.uptime_ms);
	expect(expected, "num_samples", header.samples);
	json_object *samples = get(expected, "samples");
	for (uint32_t left = header.samples; nr_sflow_next_sample(&body, &left, &sample); count++) {
		json_object *wanted = json_object_array_get_idx(samples, count);
		assert_non_null(wanted);
		expect(wanted, "enterprise", sample.enterprise);
		expect(wanted, "format", sample.format);
		expect(wanted, "sequence", sample.sequence);
		expect(wanted, "source_type", sample.source_type);
		expect(wanted, "source_index", sample.source_index);
		expect(wanted, "sampling_rate", sample.rate);
		expect(wanted, "sample_pool", sample.pool);
		expect(wanted, "drops", sample.drops);
		expect(wanted, "input", sample.input.value);
		expect(wanted, "output", sample.output.value);
		expect(wanted, "reason", sample.reason);
		check_items(wanted, &sample);
	}
	assert_int_equal(count, json_object_array_length(samples));
}

static void test_shared(void **state)
{
	(void)state;
	char path[600];
	const char *shared = getenv("NOROSHI_SHARED");
	shared = shared ? shared : "../shared";
	snprintf(path, sizeof path, "%s/data/flow/sflow/expected.json", shared);
	json_object *all = access(path, R_OK) == 0 ? json_object_from_file(path) : NULL;
	if (!all) {
		print_message("skipped: %s is not there\n", path);
		skip();
	}
	for (size_t i = 0; i < NR_COUNT(files); i++) {
		NR_AUTO(nr_freep) uint8_t *bytes = NULL;
		size_t length;
		snprintf(path, sizeof path, "%s/data/flow/sflow/%s", shared, files[i]);
		assert_int_equal(nr_file_read(path, 1 << 16, &bytes, &length, NULL), 0);
		check_datagram(
			json_object_array_get_idx(get(get(all, files[i]), "datagrams"), 0), bytes, length);
		for (size_t cut = 0; cut < length;
			cut++) { /* cut anywhere: what is whole is read, nothing beyond */
			struct nr_sflow_header header;
			struct nr_cursor body;
			struct nr_sflow_sample sample;
			struct nr_sflow_item item;
			NR_AUTO(nr_freep) uint8_t *part = malloc(cut + 1);
			memcpy(part, bytes, cut);
			if (nr_sflow_open(part, cut, &header, &body, NULL) != 0)
				continue;
			uint32_t left = header.samples;
			while (nr_sflow_next_sample(&body, &left, &sample)) {
				while (nr_sflow_next_item(&sample, &item))
					assert_true(item.bytes + item.length <= part + cut);
			}
		}
	}
	json_object_put(all);
}

static void test_interface_words(void **state)
{
	(void)state;
	/* a flow sample with no records; input: discarded for reason 258, output: 3 interfaces */
	static const uint8_t bytes[] = {0, 0, 0, 5, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
		1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 32, 0, 0, 0, 9, 2, 0, 0, 7, 0, 0, 4, 0, 0, 0, 0, 5, 0, 0,
		0, 0, 0x40, 0, 1, 2, 0x80, 0, 0, 3, 0, 0, 0, 0};
	struct nr_sflow_header header;
	struct nr_cursor body;
	struct nr_sflow_sample sample;
	assert_int_equal(nr_sflow_open(bytes, sizeof bytes, &header, &body, NULL), 0);
	uint32_t left = header.samples;
	assert_true(nr_sflow_next_sample(&body, &left, &sample));
	assert_false(sample.body.failed);
	assert_int_equal(sample.source_type, 2);
	assert_int_equal(sample.source_index, 7);
	assert_int_equal(sample.rate, 1024);
	assert_int_equal(sample.input.format, 1);
	assert_int_equal(sample.input.value, 258);
	assert_int_equal(sample.output.format, 2);
	assert_int_equal(sample.output.value, 3);
	assert_false(nr_sflow_next_sample(&body, &left, &sample));
}

static void test_refused(void **state)
{
	(void)state;
	static const uint8_t old[28] = {0, 0, 0, 4, 0, 0, 0, 1}, nowhere[28] = {0, 0, 0, 5, 0, 0, 0, 3};
	struct nr_sflow_header header;
	struct nr_cursor body;
	struct nr_error error = {0};
	assert_int_equal(nr_sflow_open(old, sizeof old, &header, &body, &error), -EBADMSG);
	assert_int_equal(nr_sflow_open(nowhere, sizeof nowhere, &header, &body, &error), -EBADMSG);
	assert_int_equal(nr_sflow_open(old, 3, &header, &body, &error), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_interface_words),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
