/* SPDX-License-Identifier: Apache-2.0 */
/* What export_write.h writes, netflow.h and sflow.h read back. */
#include "wire/export_write.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define REVERSE NR_ENTERPRISE_REVERSE

static const struct nr_template flow_template = {.id = 300,
	.count = 4,
	.fields = {{0, 8, 4}, {0, 1, 3}, {REVERSE, 1, 8}, {0, 82, NR_ELEMENT_VARIABLE}}};
static const struct nr_template options_template = {.id = 301,
	.options = true,
	.scopes = 1,
	.count = 3,
	.fields = {{NR_ENTERPRISE_SCOPE, 2, 4}, {0, 34, 4}, {0, 35, 1}}};

static void test_numbers(void **state)
{
	static const uint8_t wanted[] = {1, 2, 3, 4, 5, 6, 7, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed, 0xfa, 0xce,
		0xbc, 0xde, 0xf0, 3, 'a', 'b', 'c'};
	uint8_t bytes[sizeof wanted];
	(void)state;
	uint8_t *at = nr_put_u8(bytes, 1);
	at = nr_put_u16(at, 0x0203);
	at = nr_put_u32(at, 0x04050607);
	at = nr_put_u64(at, UINT64_C(0xdeadbeeffeedface));
	at = nr_put_uint(at, UINT64_C(0x123456789abcdef0), 3);
	at = nr_put_variable(at, "abc", 3);
	assert_ptr_equal(at, bytes + sizeof bytes);
	assert_memory_equal(bytes, wanted, sizeof wanted);
	assert_int_equal(nr_variable_bytes(254), 255);
	assert_int_equal(nr_variable_bytes(255), 258);
}

static void open_message(const uint8_t *bytes, size_t length, struct nr_export_header *header,
	struct nr_cursor *body, uint16_t version, uint32_t sequence)
{
	assert_int_equal(nr_export_open(bytes, length, header, body, NULL), 0);
	assert_int_equal(header->version, version);
	assert_int_equal(header->sequence, sequence);
	assert_int_equal(header->seconds, 1700000000);
	assert_int_equal(header->length, length);
}

static void test_netflow5(void **state)
{
	uint8_t bytes[1464];
	struct nr_export_message message;
	struct nr_export_header header = {.version = 5,
		.uptime_ms = 77,
		.seconds = 1700000000,
		.nanoseconds = 999,
		.sequence = 4000000000,
		.domain = 0x0102,
		.sampling = 1 << 14 | 100};
	struct nr_netflow5_record record = {.source = 0xc0000201,
		.destination = 0xc6336402,
		.next_hop = 3,
		.input = 4,
		.output = 5,
		.packets = 6,
		.bytes = 7,
		.first_ms = 8,
		.last_ms = 9,
		.source_port = 10,
		.destination_port = 11,
		.tcp_flags = 12,
		.protocol = 13,
		.tos = 14,
		.source_as = 15,
		.destination_as = 16,
		.source_mask = 17,
		.destination_mask = 18};
	uint8_t *at;
	unsigned count = 0;
	(void)state;
	nr_export_begin(&message, bytes, sizeof bytes, &header);
	for (; (at = nr_export_record(&message, 0, NR_NETFLOW5_RECORD)); count++)
		nr_netflow5_put(at, &record);
	assert_int_equal(count, NR_NETFLOW5_RECORDS);
	size_t length = nr_export_end(&message);
	assert_int_equal(length, 24 + 30 * 48);

	struct nr_export_header read;
	struct nr_cursor c;
	open_message(bytes, length, &read, &c, 5, 4000000000);
	assert_int_equal(read.count, 30);
	assert_int_equal(read.uptime_ms, 77);
	assert_int_equal(read.nanoseconds, 999);
	assert_int_equal(read.domain, 0x0102);
	assert_int_equal(read.sampling, 1 << 14 | 100);
	/* the layout of flow reference 3.2, field by field */
	static const uint32_t fields[][3] = {{4, 0, 0xc0000201}, {4, 4, 0xc6336402}, {4, 8, 3}, {2, 12, 4},
		{2, 14, 5}, {4, 16, 6}, {4, 20, 7}, {4, 24, 8}, {4, 28, 9}, {2, 32, 10}, {2, 34, 11},
		{1, 36, 0}, {1, 37, 12}, {1, 38, 13}, {1, 39, 14}, {2, 40, 15}, {2, 42, 16}, {1, 44, 17},
		{1, 45, 18}, {2, 46, 0}};
	for (size_t i = 0; i < NR_COUNT(fields); i++) {
		struct nr_value value = {c.at + 29 * 48 + fields[i][1], (uint16_t)fields[i][0]};
		assert_int_equal(nr_value_uint(&value), fields[i][2]);
	}
}

static uint8_t *write_flow(struct nr_export_message *message, uint32_t number, uint16_t name_length)
{
	uint8_t name[400];
	memset(name, 'n', sizeof name);
	uint8_t *at = nr_export_record(message, 300, 4 + 3 + 8 + nr_variable_bytes(name_length));
	if (!at)
		return NULL;
	uint8_t *end = nr_put_u32(at, number);
	end = nr_put_uint(end, number * 3, 3);
	end = nr_put_u64(end, number * UINT64_C(1000000007));
	nr_put_variable(end, name, name_length);
	return at;
}

static void expect_flow(const struct nr_value *values, uint32_t number, uint16_t name_length)
{
	assert_int_equal(nr_value_uint(&values[0]), number);
	assert_int_equal(nr_value_uint(&values[1]), number * 3);
	assert_int_equal(nr_value_uint(&values[2]), number * UINT64_C(1000000007));
	assert_int_equal(values[3].length, name_length);
}

static size_t write_both(uint8_t *bytes, size_t room, uint16_t version)
{
	struct nr_export_message message;
	struct nr_export_header header = {.version = version,
		.uptime_ms = 5,
		.seconds = 1700000000,
		.sequence = 0xfffffffe,
		.domain = 524288};
	nr_export_begin(&message, bytes, room, &header);
	assert_true(nr_export_put_template(&message, &flow_template));
	assert_true(nr_export_put_template(&message, &options_template));
	uint8_t *at = nr_export_record(&message, 301, 9);
	assert_non_null(at);
	nr_put_u8(nr_put_u32(nr_put_u32(at, 7), 1000), 2);
	assert_non_null(write_flow(&message, 1, 3));
	assert_non_null(write_flow(&message, 2, 300));
	assert_int_equal(message.data, 3);
	assert_int_equal(message.records, 5);
	return nr_export_end(&message);
}

static void test_ipfix(void **state)
{
	uint8_t bytes[1400];
	struct nr_export_header header;
	struct nr_cursor body;
	struct nr_export_set set;
	struct nr_template templates[2];
	struct nr_value values[NR_TEMPLATE_FIELDS];
	(void)state;
	size_t length = write_both(bytes, sizeof bytes, 10);
	open_message(bytes, length, &header, &body, 10, 0xfffffffe);
	assert_int_equal(header.domain, 524288);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(nr_export_next_set(&header, &body, &set));
		assert_int_equal(set.id, 2 + i);
		assert_true(nr_template_next(&header, &set, &templates[i]));
		assert_false(nr_template_next(&header, &set, &templates[1]) || set.body.failed);
	}
	assert_int_equal(templates[0].count, 4);
	assert_memory_equal(templates[0].fields, flow_template.fields, 4 * sizeof(struct nr_element));
	assert_true(nr_export_next_set(&header, &body, &set));
	assert_int_equal(set.id, 301);
	assert_true(nr_export_next_set(&header, &body, &set));
	assert_int_equal(set.id, 300);
	assert_true(nr_record_next(&templates[0], &set.body, values));
	expect_flow(values, 1, 3);
	assert_true(nr_record_next(&templates[0], &set.body, values));
	expect_flow(values, 2, 300);
	assert_false(nr_record_next(&templates[0], &set.body, values) || set.body.failed);
	assert_false(nr_export_next_set(&header, &body, &set) || body.failed);
}

static void test_netflow9_options(void **state)
{
	uint8_t bytes[1400];
	struct nr_export_header header;
	struct nr_cursor body;
	struct nr_export_set set;
	struct nr_template template;
	struct nr_value values[NR_TEMPLATE_FIELDS];
	(void)state;
	size_t length = write_both(bytes, sizeof bytes, 9);
	open_message(bytes, length, &header, &body, 9, 0xfffffffe);
	assert_int_equal(header.count, 5);
	assert_int_equal(header.uptime_ms, 5);
	assert_true(nr_export_next_set(&header, &body, &set));
	assert_int_equal(set.id, 0);
	assert_true(nr_export_next_set(&header, &body, &set));
	assert_int_equal(set.id, 1);
	assert_true(nr_template_next(&header, &set, &template));
	assert_int_equal(template.scopes, 1);
	assert_memory_equal(template.fields, options_template.fields, 3 * sizeof(struct nr_element));
	assert_true(nr_export_next_set(&header, &body, &set));
	assert_int_equal(set.id, 301);
	assert_true(nr_record_next(&template, &set.body, values));
	assert_int_equal(nr_value_uint(&values[0]), 7);
	assert_int_equal(nr_value_uint(&values[1]), 1000);
	assert_int_equal(nr_value_uint(&values[2]), 2);
	assert_false(nr_record_next(&template, &set.body, values) || set.body.failed);
	assert_true(nr_export_next_set(&header, &body, &set));
	assert_int_equal((set.body.at - bytes) % 4, 0); /* sets begin at multiples of four */
}

/* Whatever the room, nothing is written beyond it, and what was written can be read. */
static void test_every_room(void **state)
{
	uint8_t bytes[512];
	(void)state;
	for (uint16_t version = 9; version <= 10; version++) {
		for (size_t room = NR_EXPORT_HEADER_MAX; room <= 400; room++) {
			struct nr_export_message message;
			struct nr_export_header header = {.version = version, .seconds = 1700000000}, read;
			struct nr_cursor body;
			struct nr_export_set set;
			memset(bytes, 0xa5, sizeof bytes);
			nr_export_begin(&message, bytes, room, &header);
			bool known = nr_export_put_template(&message, &flow_template);
			while (write_flow(&message, message.data, 5))
				;
			size_t length = nr_export_end(&message);
			assert_true(length <= room);
			assert_true(length + 64 > room || !known);
			for (size_t i = room; i < sizeof bytes; i++)
				assert_int_equal(bytes[i], 0xa5);
			open_message(bytes, length, &read, &body, version, 0);
			while (nr_export_next_set(&read, &body, &set))
				;
			assert_false(body.failed);
		}
	}
}

static void test_measure(void **state)
{
	struct nr_template template = flow_template;
	(void)state;
	assert_int_equal(nr_template_measure(&template), 4 + 3 + 8 + 1);
	assert_true(template.variable);
	template = options_template;
	assert_int_equal(nr_template_measure(&template), 9);
	assert_false(template.variable);
}

static void check_sflow(uint32_t format, const struct nr_address *agent)
{
	uint8_t bytes[400], frame[65];
	struct nr_sflow_message message;
	struct nr_sflow_header header = {.agent = *agent, .sub_agent = 3, .sequence = 9, .uptime_ms = 12};
	struct nr_sflow_sample sample = {.format = format,
		.sequence = 5,
		.source_type = 0,
		.source_index = 77,
		.rate = 4096,
		.pool = 40960,
		.drops = 1,
		.input = {0, 77},
		.output = {1, 2}};
	struct nr_sflow_packet packet = {
		.protocol = 1, .frame_length = 1518, .stripped = 4, .bytes = frame, .length = sizeof frame};
	unsigned wrote = 0, read = 0;
	memset(frame, 0x42, sizeof frame);
	memset(bytes, 0xa5, sizeof bytes);
	nr_sflow_begin(&message, bytes, 300, &header);
	while (nr_sflow_put_packet(&message, &sample, &packet))
		wrote++;
	size_t length = nr_sflow_end(&message);
	assert_true(wrote > 0 && length <= 300 && bytes[300] == 0xa5);

	struct nr_sflow_header found;
	struct nr_cursor body;
	struct nr_sflow_sample seen;
	assert_int_equal(nr_sflow_open(bytes, length, &found, &body, NULL), 0);
	assert_true(nr_address_equal(&found.agent, agent));
	assert_int_equal(found.sub_agent, 3);
	assert_int_equal(found.sequence, 9);
	assert_int_equal(found.uptime_ms, 12);
	assert_int_equal(found.samples, wrote);
	for (uint32_t left = found.samples; nr_sflow_next_sample(&body, &left, &seen); read++) {
		struct nr_sflow_item item;
		struct nr_sflow_packet raw;
		assert_int_equal(seen.format, format);
		assert_int_equal(seen.source_index, 77);
		assert_int_equal(seen.rate, 4096);
		assert_int_equal(seen.pool, 40960);
		assert_int_equal(seen.drops, 1);
		assert_int_equal(seen.input.value, 77);
		assert_int_equal(seen.output.format, 1);
		assert_int_equal(seen.output.value, 2);
		assert_true(nr_sflow_next_item(&seen, &item));
		assert_true(nr_sflow_packet_read(&item, &raw));
		assert_int_equal(raw.frame_length, 1518);
		assert_int_equal(raw.stripped, 4);
		assert_int_equal(raw.length, sizeof frame);
		assert_memory_equal(raw.bytes, frame, sizeof frame);
		assert_false(nr_sflow_next_item(&seen, &item) || seen.body.failed);
	}
	assert_int_equal(read, wrote);
	assert_int_equal(nr_cursor_left(&body), 0);
}

static void test_sflow(void **state)
{
	struct nr_address ipv4 = nr_address_from_ipv4(0xc0000207), ipv6;
	(void)state;
	assert_int_equal(nr_address_parse("2001:db8::7", &ipv6, NULL), 0);
	check_sflow(NR_SFLOW_FLOW, &ipv4);
	check_sflow(NR_SFLOW_FLOW_EXPANDED, &ipv6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_netflow5),
		cmocka_unit_test(test_ipfix),
		cmocka_unit_test(test_netflow9_options),
		cmocka_unit_test(test_every_room),
		cmocka_unit_test(test_measure),
		cmocka_unit_test(test_sflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
