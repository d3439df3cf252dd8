/* SPDX-License-Identifier: Apache-2.0 */
/* Files of flows, piece by piece: fragments and segments put together, texts of Zeek, records of nfdump,
 * lines of JSON. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_rig.h"
#include "sense/flow/file/fill.h"
#include "sense/flow/file/fragments.h"
#include "sense/flow/file/inside.h"
#include "sense/flow/file/print_inside.h"
#include "sense/flow/file/segments.h"
#include "sense/flow/file/zeek_inside.h"
#include "wire/nfdump.h"

/* ---- fragments ---- */

static struct nr_flow_fragment piece(const uint8_t *all, size_t length, uint32_t from, size_t n)
{
	return (struct nr_flow_fragment){.source = nr_address_from_ipv4(0xc0000201),
		.destination = nr_address_from_ipv4(0xc6336401),
		.id = 7,
		.offset = from,
		.more = from + n < length,
		.bytes = all + from,
		.length = n,
		.time = NR_SECOND};
}

static void test_fragments_in_any_order(void **state)
{
	(void)state;
	static const uint8_t orders[6][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	uint8_t all[43];
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (uint8_t)i;
	for (size_t o = 0; o < NR_COUNT(orders); o++) {
		struct nr_flow_fragments *f = nr_flow_fragments_new();
		uint64_t dropped = 0;
		size_t length = 0;
		const uint8_t *whole = NULL;
		for (size_t i = 0; i < 3; i++) {
			static const struct {
				uint32_t from;
				size_t n;
			} cuts[] = {{0, 16}, {16, 16}, {32, 11}};
			struct nr_flow_fragment p =
				piece(all, sizeof all, cuts[orders[o][i]].from, cuts[orders[o][i]].n);
			assert_null(whole);
			whole = nr_flow_fragments_add(f, &p, &length, &dropped);
		}
		assert_non_null(whole);
		assert_int_equal(length, sizeof all);
		assert_memory_equal(whole, all, sizeof all);
		assert_int_equal(dropped, 0);
		assert_int_equal(nr_flow_fragments_held(f), 0);
		nr_flow_fragments_free(f);
	}
}

static void test_fragments_that_cannot_be(void **state)
{
	(void)state;
	static const uint8_t all[65536];
	struct nr_flow_fragments *f = nr_flow_fragments_new();
	uint64_t dropped = 0;
	size_t length;
	struct nr_flow_fragment p = piece(all, 64, 0, 16), q = piece(all, 64, 8, 16);
	assert_null(nr_flow_fragments_add(f, &p, &length, &dropped));
	assert_null(
		nr_flow_fragments_add(f, &q, &length, &dropped)); /* overlaps: nothing of it is believed */
	assert_int_equal(dropped, 2);
	p = piece(all, 64, 0, 15); /* not a multiple of eight, and more to come */
	assert_null(nr_flow_fragments_add(f, &p, &length, &dropped));
	p = piece(all, 70000, 65528, 16); /* beyond a datagram */
	assert_null(nr_flow_fragments_add(f, &p, &length, &dropped));
	assert_int_equal(dropped, 4);
	for (uint32_t id = 0; id < 1000; id++) { /* a flood of beginnings: bounded, counted */
		p = piece(all, 64, 0, 16);
		p.id = id;
		assert_null(nr_flow_fragments_add(f, &p, &length, &dropped));
	}
	assert_int_equal(dropped + nr_flow_fragments_held(f), 1004);
	assert_true(nr_flow_fragments_held(f) <= 64);
	p.time = NR_MINUTE * 5; /* the others are too old */
	p.id = 5000;
	assert_null(nr_flow_fragments_add(f, &p, &length, &dropped));
	assert_int_equal(nr_flow_fragments_held(f), 1);
	nr_flow_fragments_free(f);
}

/* ---- IPFIX over TCP ---- */

static size_t stream_of_two(uint8_t *bytes, size_t room)
{
	struct nr_template template = {.id = 300, .count = 3, .fields = {{0, 8, 4}, {0, 2, 4}, {0, 1, 4}}};
	nr_template_measure(&template);
	size_t length = 0;
	for (uint32_t n = 0; n < 2; n++) {
		struct nr_export_header header = {
			.version = 10, .seconds = 1750000000, .sequence = n, .domain = 3};
		struct nr_export_message message;
		nr_export_begin(&message, bytes + length, room - length, &header);
		if (!n)
			assert_true(nr_export_put_template(&message, &template));
		uint8_t *at = nr_export_record(&message, 300, template.minimum);
		nr_put_u32(nr_put_u32(nr_put_u32(at, 0xc0000205 + n), 7 + n), 700);
		length += nr_export_end(&message);
	}
	return length;
}

static struct nr_flow_segment segment(const uint8_t *all, uint32_t from, size_t n)
{
	return (struct nr_flow_segment){.source = nr_address_from_ipv4(0xc0000201),
		.destination = nr_address_from_ipv4(0xc6336401),
		.source_port = 40000,
		.destination_port = 4739,
		.sequence = UINT32_MAX - 20 + from, /* it wraps inside */
		.bytes = all + from,
		.length = n,
		.time = NR_SECOND};
}

static void add(struct nr_flow_segments *segments, struct nr_flow_segment s, uint64_t *dropped)
{
	enum nr_flow_segment_status status;
	struct nr_error error = {0};
	assert_int_equal(nr_flow_segments_add(segments, &s, &status, dropped, &error), 0);
}

static void test_segments_cut_at_every_octet(void **state)
{
	(void)state;
	uint8_t all[512];
	size_t length = stream_of_two(all, sizeof all);
	for (size_t cut = 0; cut <= length; cut++) {
		for (unsigned swapped = 0; swapped < 2; swapped++) {
			struct rig rig;
			struct nr_flow_segments *segments;
			uint64_t dropped = 0;
			rig_open(&rig, NULL);
			assert_int_equal(nr_flow_segments_new(rig.collector, &segments, NULL), 0);
			struct nr_flow_segment syn = segment(all, 0, 0),
					       fin = segment(all, (uint32_t)length, 0);
			syn.sequence--;
			syn.begins = fin.ends = true;
			struct nr_flow_segment a = segment(all, 0, cut),
					       b = segment(all, (uint32_t)cut, length - cut);
			add(segments, syn, &dropped);
			add(segments, swapped ? b : a, &dropped);
			add(segments, swapped ? a : b, &dropped);
			add(segments, a, &dropped); /* sent again */
			add(segments, fin, &dropped);
			nr_flow_segments_free(segments, &dropped);
			assert_int_equal(nr_flow_collector_flush(rig.collector, NULL), 0);
			assert_int_equal(nr_flow_collector_counts(rig.collector).records, 2);
			assert_int_equal(dropped, 0);
			rig_close(&rig);
		}
	}
}

static void test_segments_with_a_hole(void **state)
{
	(void)state;
	uint8_t all[512];
	size_t length = stream_of_two(all, sizeof all);
	struct rig rig;
	struct nr_flow_segments *segments;
	uint64_t dropped = 0;
	rig_open(&rig, NULL);
	assert_int_equal(nr_flow_segments_new(rig.collector, &segments, NULL), 0);
	add(segments, segment(all, 0, 60), &dropped); /* without SYN: it begins with a message */
	for (uint32_t at = 70; at < length; at++)
		add(segments, segment(all, at, 1), &dropped);
	nr_flow_segments_free(segments, &dropped);
	assert_int_equal(dropped, length - 70);
	rig_close(&rig);
}

/* ---- Zeek ---- */

static struct nr_zeek_line line_of(const char *ts, const char *duration, const char *from, const char *to,
	const char *proto, const char *history)
{
	struct nr_zeek_line line = {0};
	const struct {
		enum nr_zeek_field field;
		const char *text;
	} all[] = {{NR_ZEEK_TS, ts}, {NR_ZEEK_DURATION, duration}, {NR_ZEEK_ORIG_H, from},
		{NR_ZEEK_RESP_H, to}, {NR_ZEEK_PROTO, proto}, {NR_ZEEK_HISTORY, history},
		{NR_ZEEK_ORIG_P, "8"}, {NR_ZEEK_RESP_P, "0"}, {NR_ZEEK_ORIG_BYTES, "10"},
		{NR_ZEEK_RESP_BYTES, "20"}, {NR_ZEEK_RESP_IP_BYTES, "60"}};
	for (size_t i = 0; i < NR_COUNT(all); i++)
		line.values[all[i].field] = (struct nr_zeek_text){all[i].text, strlen(all[i].text)};
	return line;
}

static void test_zeek_times(void **state)
{
	(void)state;
	static const struct {
		const char *ts, *duration;
		int64_t first, last; /* -1: no connection */
	} cases[] = {
		{"1677024003.714845", "0.037629", 1677024003714845, 1677024003752474},
		{"1677024003", "", 1677024003000000, 1677024003000000},
		{"1677024003.7", "1", 1677024003700000, 1677024004700000},
		{"1677024003.7148454", "0.0000004", 1677024003714845, 1677024003714845},
		{"1677024003.7148455", "0.0000005", 1677024003714846, 1677024003714847},
		{"1677024003.5", "2.1457672119140625e-06", 1677024003500000, 1677024003500002},
		{"2023-02-22T00:00:03.714845Z", "1e-06", 1677024003714845, 1677024003714846},
		{"", "1", -1, -1},
		{"x", "1", -1, -1},
		{"1.2.3", "1", -1, -1},
		{"1", "-1", -1, -1},
		{"1", "x", -1, -1},
		{"99999999999999999999", "1", -1, -1},
		{"9223372036854.775806", "1", -1, -1},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_zeek_line line =
			line_of(cases[i].ts, cases[i].duration, "192.0.2.1", "192.0.2.2", "udp", "");
		struct nr_flow_row row = {0};
		bool filled = nr_zeek_fill(&row, &line);
		if (filled != (cases[i].first >= 0) ||
			(filled && (row.FIRST != cases[i].first || row.LAST != cases[i].last)))
			fail_msg("\"%s\" + \"%s\": %d %lld %lld", cases[i].ts, cases[i].duration, filled,
				(long long)row.FIRST, (long long)row.LAST);
	}
}

static void test_zeek_meaning(void **state)
{
	(void)state;
	struct nr_flow_row row = {0};
	struct nr_zeek_line line = line_of("1", "", "192.0.2.1", "192.0.2.2", "tcp", "ShADadFfR^");
	assert_true(nr_zeek_fill(&row, &line));
	assert_int_equal(row.TCP_FLAGS, 2 | 16 | 1 | 4);
	assert_int_equal(row.REVERSE_TCP_FLAGS, 2 | 16 | 1);
	assert_int_equal(row.BYTES, 10); /* without IP's, those of the payload */
	assert_int_equal(row.REVERSE_BYTES, 60);
	assert_int_equal(row.SOURCE_PORT, 8);
	row = (struct nr_flow_row){0};
	line = line_of("1", "", "192.0.2.1", "192.0.2.2", "icmp", "S");
	assert_true(nr_zeek_fill(&row, &line));
	assert_int_equal(row.PROTOCOL, 1);
	assert_int_equal(row.SOURCE_PORT, 0);
	assert_int_equal(row.DESTINATION_PORT, 8 << 8); /* echo request */
	assert_int_equal(row.TCP_FLAGS, 0);
	row = (struct nr_flow_row){0};
	line = line_of("1", "", "2001:db8::1", "2001:db8::2", "icmp", "");
	assert_true(nr_zeek_fill(&row, &line));
	assert_int_equal(row.PROTOCOL, 58);
	row = (struct nr_flow_row){0};
	line = line_of("1", "", "192.0.2.1", "(empty)", "tcp", "");
	assert_false(nr_zeek_fill(&row, &line));
	line = line_of("1", "", "192.0.2.1", "192.0.2.2", "tcp", "");
	line.values[NR_ZEEK_ORIG_P] = (struct nr_zeek_text){"65536", 5};
	assert_false(nr_zeek_fill(&row, &line));
}

/* ---- nfdump ---- */

static void test_nfdump_flow_reads_back(void **state)
{
	(void)state;
	struct nr_nfdump_flow flow = {.first_ms = 1750000000123,
		.last_ms = 1750000001456,
		.received_ms = 1750000002000,
		.packets = UINT64_C(1) << 40,
		.bytes = UINT64_C(1) << 50,
		.out_packets = 3,
		.out_bytes = 300,
		.source = nr_address_from_ipv4(0xc0000201),
		.destination = nr_address_from_ipv4(0xc6336401),
		.next_hop = nr_address_from_ipv4(0xcb007101),
		.router = nr_address_from_ipv4(0xc0000263),
		.source_mac = 0x00005e005301,
		.destination_mac = 0x00005e005302,
		.input = 70000,
		.output = 2,
		.source_as = 4200000000u,
		.destination_as = 64501,
		.vlan = 10,
		.post_vlan = 20,
		.mpls = 16001,
		.application = 3u << 24 | 80,
		.exporter = 9,
		.source_port = 40000,
		.destination_port = 443,
		.protocol = 6,
		.tcp_flags = 27,
		.reverse_tcp_flags = 18,
		.forwarding = 64,
		.tos = 8,
		.source_mask = 24,
		.destination_mask = 16,
		.direction = 1,
		.end_reason = 2,
		.engine_type = 0,
		.engine_id = 0};
	uint8_t bytes[NR_NFDUMP_RECORD_MAX];
	size_t length = nr_nfdump_put_flow(bytes, &flow, 9);
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_nfdump_record record;
	struct nr_nfdump_flow back;
	assert_true(nr_nfdump_next_record(&c, &record));
	assert_true(nr_nfdump_parse_flow(&record, &back));
	assert_memory_equal(&back, &flow, sizeof flow);
	for (size_t cut = 0; cut < length; cut++) { /* cut anywhere, nothing is read */
		c = nr_cursor_over(bytes, cut);
		assert_false(nr_nfdump_next_record(&c, &record));
		assert_true(c.failed || cut == 0);
	}
}

static void test_nfdump_files_that_are_not_read(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[40];
		size_t length;
		int code;
		const char *word;
	} cases[] = {
		{{0x0c, 0xa5, 2, 0}, 20, -EBADMSG, "copied"},
		{{0x0c, 0xa5, 1, 0}, 40, -EBADMSG, "copied"},
		{{0x0c, 0xa5, 3, 0}, 40, -ENOTSUP, "layout 3"},
		{{0xa5, 0x0c, 0, 2}, 40, -ENOTSUP, "big-endian"},
		{{0x0c, 0xa5, 2, 0, [17] = 1}, 40, -ENOTSUP, "encrypted"},
		{{0x0c, 0xa5, 2, 0, [16] = 5}, 40, -ENOTSUP, "compression 5"},
		{{1, 2, 3, 4}, 40, -EBADMSG, "no file"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_nfdump_header header;
		struct nr_error error = {0};
		assert_int_equal(nr_nfdump_parse_header(cases[i].bytes, cases[i].length, &header, &error),
			cases[i].code);
		assert_non_null(strstr(error.text, cases[i].word));
	}
}

/* ---- text ---- */

static void test_lines(void **state)
{
	(void)state;
	struct rig rig;
	struct nr_flow_fill *fill;
	char text[NR_FLOW_ROW_TEXT];
	rig_open(&rig, NULL);
	assert_int_equal(nr_flow_fill_new(&rig.sink, &fill, NULL), 0);
	struct nr_flow_row *row = nr_flow_fill_row(fill);
	struct nr_flow_stream stream = {nr_address_from_ipv4(0xc0000263), 7, NR_FLOW_NETFLOW9};
	*row = (struct nr_flow_row){.FIRST = 1767323045000006,
		.LAST = 1767323046500000,
		.SOURCE_LOW = UINT64_C(0xffffc0000201),
		.DESTINATION_HIGH = UINT64_C(0x20010db800000000),
		.DESTINATION_LOW = 1,
		.SOURCE_PORT = 40000,
		.DESTINATION_PORT = 443,
		.PROTOCOL = 6,
		.TCP_FLAGS = 27,
		.PACKETS = UINT64_MAX,
		.BYTES = 10,
		.SAMPLING = 1.5f,
		.SAMPLING_FROM = NR_FLOW_SAMPLING_COUNTED,
		.SOURCE_MAC = 0x00005e005301,
		.DIRECTION = 1,
		.EVENT = 200,
		.MARKS = NR_FLOW_MARK_BIFLOW | NR_FLOW_MARK_TIME_SECONDS};
	assert_int_equal(nr_flow_fill_add(fill, &stream, NULL), 0);
	stream = (struct nr_flow_stream){.export = NR_FLOW_ZEEK};
	assert_int_equal(nr_flow_fill_add(fill, &stream, NULL), 0); /* nothing is known */
	assert_int_equal(nr_flow_fill_flush(fill, NULL), 0);
	*nr_flow_write_row_json(text, rig.all, 0) = '\0';
	assert_string_equal(text,
		"{\"exporter\":\"192.0.2.99\",\"domain\":7,\"version\":9,\"export\":\"netflow9\",\"first\":"
		"\"2026-01-02T03:04:05."
		"000006Z\",\"last\":\"2026-01-02T03:04:06.500000Z\",\"source\":\"192.0.2.1\",\"destination\":"
		"\"2001:db8::1\","
		"\"source_port\":40000,\"destination_port\":443,\"protocol\":6,\"tcp_flags\":27,\"packets\":"
		"18446744073709551615,"
		"\"bytes\":10,\"sampling\":1.5,\"sampling_from\":\"counted\",\"direction\":\"ingress\","
		"\"source_mac\":"
		"\"00:00:5e:00:53:01\",\"event\":\"200\",\"biflow\":true,\"time_seconds\":true}\n");
	*nr_flow_write_row_json(text, rig.all, 1) = '\0';
	assert_string_equal(text, "{\"exporter\":null,\"domain\":0,\"version\":null,\"export\":\"zeek\","
				  "\"first\":null,\"last\":null,\"source\":null,"
				  "\"destination\":null,\"source_port\":0,\"destination_port\":0,"
				  "\"protocol\":0,\"tcp_flags\":0,\"packets\":0,\"bytes\":0,"
				  "\"sampling\":null}\n");
	*nr_flow_write_row_table(text, rig.all, 0) = '\0';
	assert_string_equal(text, "2026-01-02 03:04:05.000      1.499 TCP         192.0.2.1:40000 -> "
				  "[2001:db8::1]:443     ...AP.SF18446744073709551615"
				  "           10     1.5  192.0.2.99\n");
	nr_flow_fill_free(fill);
	rig_close(&rig);
}

/* Every column at its largest, in every form: what a row takes fits its room. */
static void test_longest_row_fits(void **state)
{
	(void)state;
	struct rig rig;
	struct nr_flow_fill *fill;
	static char text[2 * NR_FLOW_ROW_TEXT];
	rig_open(&rig, NULL);
	assert_int_equal(nr_flow_fill_new(&rig.sink, &fill, NULL), 0);
	memset(nr_flow_fill_row(fill), 0xff, sizeof(struct nr_flow_row));
	nr_flow_fill_row(fill)->FIRST = nr_flow_fill_row(fill)->LAST = NR_TIME_MAX;
	nr_flow_fill_row(fill)->SAMPLING = 3.4e38f;
	struct nr_flow_stream stream = {.domain = UINT32_MAX, .export = NR_FLOW_NETFLOW5};
	memset(&stream.exporter, 0xfe, sizeof stream.exporter);
	assert_int_equal(nr_flow_fill_add(fill, &stream, NULL), 0);
	assert_int_equal(nr_flow_fill_flush(fill, NULL), 0);
	assert_true(nr_flow_write_row_json(text, rig.all, 0) - text <= NR_FLOW_ROW_TEXT);
	assert_true(nr_flow_write_row_csv(text, rig.all, 0) - text <= NR_FLOW_ROW_TEXT);
	assert_true(nr_flow_write_row_table(text, rig.all, 0) - text <= NR_FLOW_ROW_TEXT);
	nr_flow_fill_free(fill);
	rig_close(&rig);
}

static void test_what_looks_like_an_export(void **state)
{
	(void)state;
	static const uint8_t v5[24 + 48] = {0, 5, 0, 1}, dns[40] = {0, 5, 1, 0, 0, 1},
				     v9[24] = {0, 9, 0, 1, [20] = 1, [23] = 4},
				     sflow[28] = {0, 0, 0, 5, 0, 0, 0, 1, [27] = 1},
				     ipfix[16] = {0, 10, 0, 16};
	assert_true(nr_flow_export_is(v5, sizeof v5, true));
	assert_false(nr_flow_export_is(v5, sizeof v5 - 1, true));
	assert_false(nr_flow_export_is(dns, sizeof dns, true));
	assert_true(nr_flow_export_is(v9, sizeof v9, true));
	assert_true(nr_flow_export_is(sflow, sizeof sflow, true));
	assert_false(nr_flow_export_is(sflow, sizeof sflow - 1, true));
	assert_true(nr_flow_export_is(ipfix, sizeof ipfix, true));
	assert_false(nr_flow_export_is(ipfix, 15, true));
	assert_true(nr_flow_export_is_claimed(
		dns, sizeof dns, 2055)); /* a collector's port: to be counted as broken */
	assert_false(nr_flow_export_is_claimed(dns, sizeof dns, 53));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fragments_in_any_order),
		cmocka_unit_test(test_fragments_that_cannot_be),
		cmocka_unit_test(test_segments_cut_at_every_octet),
		cmocka_unit_test(test_segments_with_a_hole),
		cmocka_unit_test(test_zeek_times),
		cmocka_unit_test(test_zeek_meaning),
		cmocka_unit_test(test_nfdump_flow_reads_back),
		cmocka_unit_test(test_nfdump_files_that_are_not_read),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_longest_row_fits),
		cmocka_unit_test(test_what_looks_like_an_export),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
