/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector by hand-made exports: state of exporters, what waits, streams, bounds, and what cannot be
 * (flow reference 26).
 */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "flow_rig.h"

static const struct nr_element pair[] = {{0, 8, 4}, {0, 12, 4}, {0, 1, 4}};
static const uint8_t pair_record[] = {192, 0, 2, 1, 198, 51, 100, 2, 0, 0, 1, 44};

/* ---- templates ---- */

static void test_data_before_template(void **state)
{
	(void)state;
	struct rig rig;
	struct made made;
	rig_open(&rig, NULL);
	for (uint32_t i = 0; i < 3; i++) {
		begin(&made, 9, i);
		put_record(&made, 300, pair_record, sizeof pair_record);
		feed(&rig, &made);
	}
	rig_flush(&rig);
	assert_int_equal(rig.all->count, 0);
	assert_int_equal(rig.collector->pending_sets, 3);
	begin(&made, 9, 3);
	put_template(&made, 300, pair, 3, 0);
	feed(&rig, &made);
	rig_flush(&rig);
	assert_int_equal(rig.all->count, 3);
	assert_int_equal(RIG(&rig, BYTES, 2), 300);
	assert_int_equal(rig.collector->pending_delivered, 3);
	assert_int_equal(rig.collector->pending_sets, 0);
	expect_drops(&rig, NR_FLOW_CAUSES, 0);
	rig_close(&rig);
}

/* What waits is bounded in bytes and in time. */
static void test_waiting_bounds(void **state)
{
	(void)state;
	struct rig rig;
	struct made made;
	uint8_t record[4000] = {1};
	rig_open(&rig, NULL);
	for (uint32_t i = 0; i < 100; i++) {
		begin(&made, 9, i);
		put_record(&made, 300, record, sizeof record);
		feed(&rig, &made);
	}
	uint64_t held = rig.collector->pending_sets;
	assert_true(held > 10 && rig.collector->pending_bytes <= NR_FLOW_PENDING_BYTES);
	expect_drops(&rig, NR_FLOW_CAUSE_PENDING_FULL, 100 - held);
	rig.now += NR_FLOW_PENDING_WAIT + NR_SECOND;
	begin(&made, 9, 100);
	put_record(&made, 300, record, sizeof record);
	feed(&rig, &made);
	assert_int_equal(dropped(&rig, NR_FLOW_CAUSE_PENDING_EXPIRED), held);
	assert_int_equal(rig.collector->pending_sets, 1);
	rig.now += NR_FLOW_PENDING_WAIT + NR_SECOND;
	begin_at(&made, 5, 0, EXPORTED, UPTIME);
	put_record(&made, 0, (uint8_t[NR_NETFLOW5_RECORD]){1}, NR_NETFLOW5_RECORD);
	feed(&rig, &made); /* another domain: time passes for all */
	rig_flush(&rig);
	assert_int_equal(rig.collector->pending_sets, 0);
	assert_int_equal(rig.collector->pending_bytes, 0);
	rig_close(&rig);
}

/* A new definition replaces the old one at once; a datagram that was overtaken is read by the old one. */
static void test_template_replaced(void **state)
{
	(void)state;
	static const struct nr_element other[] = {{0, 12, 4}, {0, 8, 4}, {0, 2, 4}};
	struct rig rig;
	struct made made;
	rig_open(&rig, NULL);
	begin_at(&made, 9, 0, EXPORTED, UPTIME);
	put_template(&made, 300, pair, 3, 0);
	feed(&rig, &made);
	begin_at(&made, 9, 2, EXPORTED + 20, UPTIME + 20000);
	put_template(&made, 300, other, 3, 0);
	put_record(&made, 300, pair_record, sizeof pair_record);
	feed(&rig, &made);
	begin_at(&made, 9, 1, EXPORTED + 19, UPTIME + 19000);
	put_record(&made, 300, pair_record, sizeof pair_record);
	feed(&rig, &made);
	rig_flush(&rig);
	assert_int_equal(rig.all->count, 2);
	assert_int_equal(RIG(&rig, PACKETS, 0), 300);
	assert_int_equal(RIG(&rig, BYTES, 0), 0);
	assert_int_equal(RIG(&rig, BYTES, 1), 300);
	assert_int_equal(RIG(&rig, PACKETS, 1), 0);
	rig_close(&rig);
}

static void feed_definition(
	struct rig *rig, uint32_t sequence, uint32_t seconds, const struct nr_element *fields, bool data)
{
	struct made made;
	begin_at(&made, 9, sequence, seconds, UPTIME + sequence * 1000);
	if (fields)
		put_template(&made, 300, fields, 3, 0);
	if (data)
		put_record(&made, 300, pair_record, sizeof pair_record);
	feed(rig, &made);
}

/* An old definition that comes late does not replace the new one; a clock that was set back brings no old one
 * to life. */
static void test_template_late(void **state)
{
	(void)state;
	static const struct nr_element other[] = {{0, 12, 4}, {0, 8, 4}, {0, 2, 4}};
	struct rig rig;
	rig_open(&rig, NULL);
	feed_definition(&rig, 0, EXPORTED, pair, false);
	feed_definition(&rig, 2, EXPORTED + 20, other, false);
	feed_definition(&rig, 1, EXPORTED + 10, pair, false); /* late */
	feed_definition(&rig, 3, EXPORTED + 30, NULL, true);
	feed_definition(&rig, 4, EXPORTED + 7200, pair, false);
	feed_definition(&rig, 5, EXPORTED + 3600, NULL, true); /* set back an hour */
	feed_definition(&rig, 6, EXPORTED + 7190, pair, false);
	feed_definition(&rig, 7, EXPORTED + 7191, NULL, true); /* set back ten seconds */
	rig_flush(&rig);
	assert_int_equal(rig.all->count, 3);
	assert_int_equal(RIG(&rig, PACKETS, 0), 300);
	assert_int_equal(RIG(&rig, BYTES, 1), 300);
	assert_int_equal(RIG(&rig, BYTES, 2), 300);
	rig_close(&rig);
}

/* The same id in another domain, and of another exporter, is another template. */
static void test_template_scope(void **state)
{
	(void)state;
	struct rig rig;
	struct made made;
	struct nr_address other = nr_address_from_ipv4(0xc0000299);
	rig_open(&rig, NULL);
	begin(&made, 9, 0);
	put_template(&made, 300, pair, 3, 0);
	feed(&rig, &made);
	begin(&made, 9, 1);
	put_record(&made, 300, pair_record, sizeof pair_record);
	size_t length = nr_export_end(&made.message);
	rig_feed_from(&rig, &other, 4444, made.bytes, length);
	made.bytes[19] = 2; /* source id */
	rig_feed(&rig, made.bytes, length);
	rig_flush(&rig);
	assert_int_equal(rig.all->count, 0);
	assert_int_equal(rig.collector->pending_sets, 2);
	assert_int_equal(rig.collector->exporters.count, 3);
	made.bytes[19] = 1;
	rig_feed_from(&rig, &other, 5555, made.bytes, length); /* v9: the port is nothing to go by */
	assert_int_equal(rig.collector->exporters.count, 3);
	rig_close(&rig);
}

static void test_templates_bound(void **state)
{
	(void)state;
	struct rig rig;
	struct made made;
	rig_open(&rig, NULL);
	for (uint32_t id = 256; id < 256 + NR_FLOW_TEMPLATES + 3; id += 50) {
		begin(&made, 9, id);
		for (uint32_t i = id; i < id + 50 && i < 256 + NR_FLOW_TEMPLATES + 3; i++)
			put_template(&made, (uint16_t)i, pair, 1, 0);
		feed(&rig, &made);
	}
	const struct nr_flow_exporter *exporter = rig.collector->last;
	uint64_t refused = dropped(&rig, NR_FLOW_CAUSE_TEMPLATE_REFUSED);
	assert_true(exporter->templates.count <= NR_FLOW_TEMPLATES);
	assert_true(exporter->templates.bytes <= NR_FLOW_TEMPLATE_MEMORY);
	assert_int_equal(exporter->templates.count + refused, NR_FLOW_TEMPLATES + 3);
	rig_close(&rig);
}

/* Over UDP a withdrawal is nothing; in a stream the template is gone. */
static void test_withdrawal(void **state)
{
	(void)state;
	static const uint8_t withdrawal[] = {
		0, 10, 0, 24, 0x68, 0x4e, 0xe1, 0x80, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2, 0, 8, 1, 44, 0, 0};
	struct rig rig;
	struct made made;
	struct nr_address from = nr_address_from_ipv4(0xc0000201);
	struct nr_flow_stream_in *stream;
	for (int tcp = 0; tcp < 2; tcp++) {
		rig_open(&rig, NULL);
		assert_int_equal(nr_flow_stream_open(rig.collector, &from, 99, &stream, NULL), 0);
		for (int part = 0; part < 3; part++) {
			begin(&made, 10, part ? 1 : 0);
			if (part == 0)
				put_template(&made, 300, pair, 3, 0);
			put_record(&made, 300, pair_record, sizeof pair_record);
			size_t length = nr_export_end(&made.message);
			const uint8_t *bytes = part == 1 ? withdrawal : made.bytes;
			length = part == 1 ? sizeof withdrawal : length;
			if (tcp)
				assert_int_equal(
					nr_flow_stream_feed(stream, bytes, length, rig.now, NULL), 0);
			else
				rig_feed(&rig, bytes, length);
		}
		rig_flush(&rig);
		assert_int_equal(rig.all->count, tcp ? 1 : 2);
		if (tcp) /* the record waits for a template that could come */
			assert_int_equal(rig.collector->pending_sets, 1);
		else
			expect_drops(&rig, NR_FLOW_CAUSE_WITHDRAWAL_IGNORED, 1);
		nr_flow_stream_close(stream);
		assert_int_equal(rig.collector->pending_sets, 0);
		rig_close(&rig);
	}
}

/* ---- streams ---- */

static size_t make_stream(uint8_t *bytes, uint16_t version)
{
	struct made made;
	size_t at = 0;
	for (uint32_t i = 0; i < 4; i++) {
		begin(&made, version, version == 10 ? i : i * 1000);
		if (i == 0 && version != 5)
			put_template(&made, 300, pair, 3, 0);
		if (version == 5)
			put_record(&made, 0, (uint8_t[NR_NETFLOW5_RECORD]){192}, NR_NETFLOW5_RECORD);
		else
			put_record(&made, 300, pair_record, sizeof pair_record);
		size_t length = nr_export_end(&made.message);
		memcpy(bytes + at, made.bytes, length);
		at += length;
	}
	return at;
}

/* Wherever the stream is cut, and octet by octet. */
static void test_stream_split(void **state)
{
	(void)state;
	static const uint16_t versions[] = {5, 9, 10};
	uint8_t bytes[2048];
	struct nr_address from = nr_address_from_ipv4(0xc0000201);
	for (size_t v = 0; v < NR_COUNT(versions); v++) {
		size_t length = make_stream(bytes, versions[v]);
		for (size_t cut = 0; cut <= length; cut++) {
			struct rig rig;
			struct nr_flow_stream_in *stream;
			rig_open(&rig, NULL);
			assert_int_equal(nr_flow_stream_open(rig.collector, &from, 99, &stream, NULL), 0);
			size_t step = cut ? cut : 1;
			for (size_t at = 0; at < length; at += step)
				assert_int_equal(nr_flow_stream_feed(stream, bytes + at,
							 NR_MIN(step, length - at), rig.now, NULL),
					0);
			nr_flow_stream_close(stream);
			rig_flush(&rig);
			assert_int_equal(rig.all->count, 4);
			expect_drops(&rig, NR_FLOW_CAUSES, 0);
			rig_close(&rig);
		}
	}
}

static void test_stream_bad(void **state)
{
	(void)state;
	uint8_t bytes[2048];
	struct nr_address from = nr_address_from_ipv4(0xc0000201);
	struct nr_error error = {0};
	struct rig rig;
	struct nr_flow_stream_in *stream;
	size_t length = make_stream(bytes, 10);
	rig_open(&rig, NULL);
	uint64_t before = rig.collector->memory.used;
	assert_int_equal(nr_flow_stream_open(rig.collector, &from, 99, &stream, NULL), 0);
	assert_int_equal(nr_flow_stream_feed(stream, bytes, length - 3, rig.now, NULL), 0);
	nr_flow_stream_close(stream);
	expect_drops(&rig, NR_FLOW_CAUSE_TRUNCATED, 1);
	assert_int_equal(nr_flow_stream_open(rig.collector, &from, 99, &stream, NULL), 0);
	memcpy(bytes + length, "GET / HTTP/1.0\r\n", 16);
	assert_int_equal(nr_flow_stream_feed(stream, bytes, length + 16, rig.now, &error), -EBADMSG);
	char offset[32];
	snprintf(offset, sizeof offset, "offset %zu", length);
	assert_non_null(strstr(error.text, offset));
	nr_flow_stream_close(stream);
	rig_flush(&rig);
	assert_int_equal(rig.all->count, 7);
	nr_flow_exporters_fini(rig.collector);
	assert_int_equal(rig.collector->memory.used, before);
	rig_close(&rig);
}

/* ---- what cannot be ---- */

static void test_hostile(void **state)
{
	(void)state;
#define V9(count)     0, 9, 0, count, 0, 0, 0, 1, 0x68, 0x4e, 0xe1, 0x80, 0, 0, 0, 0, 0, 0, 0, 1
#define IPFIX(length) 0, 10, 0, length, 0x68, 0x4e, 0xe1, 0x80, 0, 0, 0, 0, 0, 0, 0, 1
	static const struct {
		uint8_t bytes[64], length;
		enum nr_flow_cause cause; /* NR_FLOW_CAUSES: none */
	} rows[] = {
		{{0}, 0, NR_FLOW_CAUSE_VERSION},
		{{9}, 1, NR_FLOW_CAUSE_VERSION},
		{{0, 1, 0, 1}, 24, NR_FLOW_CAUSE_VERSION},
		{{0, 0, 0, 4, 0, 0, 0, 1}, 28, NR_FLOW_CAUSE_VERSION}, /* sFlow v4 */
		{{0, 0, 0, 5, 0, 0, 0, 1}, 12, NR_FLOW_CAUSE_MALFORMED},
		{{0, 5, 0, 0}, 24, NR_FLOW_CAUSE_MALFORMED},
		{{0, 5, 0, 31}, 24, NR_FLOW_CAUSE_MALFORMED},
		{{0, 5, 0, 1}, 24, NR_FLOW_CAUSE_MALFORMED}, /* no record where one is said */
		{{0, 9, 0, 1}, 19, NR_FLOW_CAUSE_MALFORMED},
		{{V9(200)}, 20, NR_FLOW_CAUSES}, /* a wrong count is no matter */
		{{V9(1), 0, 0, 0, 3}, 24, NR_FLOW_CAUSE_SET_MALFORMED},
		{{V9(1), 1, 0, 0, 1}, 24, NR_FLOW_CAUSE_SET_MALFORMED},
		{{V9(1), 1, 0, 0, 200, 1}, 25, NR_FLOW_CAUSE_SET_MALFORMED},
		{{V9(1), 0, 0, 0, 0, 9, 9, 9, 9}, 28, NR_FLOW_CAUSES}, /* zeros end it, whatever follows */
		{{V9(1), 0, 7, 0, 8, 1, 2, 3, 4}, 28, NR_FLOW_CAUSE_SET_RESERVED},
		{{V9(1), 0, 0, 0, 12, 1, 44, 0, 1, 0, 8, 0, 0}, 32, NR_FLOW_CAUSE_TEMPLATE_MALFORMED},
		{{V9(1), 0, 0, 0, 12, 1, 44, 255, 255, 0, 8, 0, 4}, 32, NR_FLOW_CAUSE_TEMPLATE_MALFORMED},
		{{V9(1), 0, 0, 0, 12, 0, 44, 0, 1, 0, 8, 0, 4}, 32, NR_FLOW_CAUSE_TEMPLATE_MALFORMED},
		{{IPFIX(15)}, 16, NR_FLOW_CAUSE_MALFORMED},
		{{IPFIX(40)}, 16, NR_FLOW_CAUSE_TRUNCATED},
		{{IPFIX(16), 1, 2, 3, 4}, 20, NR_FLOW_CAUSE_TRAILING},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct rig rig;
		rig_open(&rig, NULL);
		rig_feed(&rig, rows[i].bytes, rows[i].length);
		rig_flush(&rig);
		expect_drops(&rig, rows[i].cause, 1);
		assert_int_equal(rig.all->count, 0);
		assert_int_equal(nr_flow_collector_counts(rig.collector).datagrams, 1);
		rig_close(&rig);
	}
}

/* What came of a cut message is read. */
static void test_cut_message(void **state)
{
	(void)state;
	struct rig rig;
	struct made made;
	rig_open(&rig, NULL);
	begin(&made, 10, 0);
	put_template(&made, 300, pair, 3, 0);
	put_record(&made, 300, pair_record, sizeof pair_record);
	put_record(&made, 301, pair_record, sizeof pair_record);
	size_t length = nr_export_end(&made.message);
	rig_feed(&rig, made.bytes, length - 16);
	rig_flush(&rig);
	assert_int_equal(rig.all->count, 1);
	expect_drops(&rig, NR_FLOW_CAUSE_TRUNCATED, 1);
	rig_close(&rig);
}

static void test_refused_exporters(void **state)
{
	(void)state;
	struct nr_prefix prefix = {nr_address_from_ipv4(0xc0000200), 120};
	struct nr_flow_collector_conf conf = {
		.exporters = {&prefix, 1}, .exporters_max = 10, .memory = 1 << 20};
	struct nr_address inside = nr_address_from_ipv4(0xc0000205),
			  outside = nr_address_from_ipv4(0xc6336405);
	uint8_t bytes[2048];
	struct rig rig;
	size_t length = make_stream(bytes, 5) / 4;
	rig_open(&rig, &conf);
	rig_feed_from(&rig, &outside, 1, bytes, length);
	expect_drops(&rig, NR_FLOW_CAUSE_EXPORTER_REFUSED, 1);
	assert_int_equal(rig.collector->exporters.count, 0);
	rig_feed_from(&rig, &inside, 1, bytes, length);
	rig_flush(&rig);
	assert_int_equal(rig.all->count, 1);
	rig_close(&rig);
}

/* Bytes that malloc has given out; 0 where another allocator stands in its place (sanitizers). */
static size_t heap(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

/* 10,000 made-up exporters with templates and sets that wait: what is taken stays within the bound, whoever
 * was heard before stays heard, and everything is given back. */
static void test_spoofed(void **state)
{
	(void)state;
	enum { SPOOFED = 10000 };
	struct nr_flow_collector_conf conf = {.exporters_max = 5000, .memory = (uint64_t)32 << 20};
	struct rig rig;
	struct made made;
	uint8_t waiting[3000] = {1};
	rig_open(&rig, &conf);
	uint64_t before = rig.collector->memory.used;
	size_t heap_before = heap();
	begin(&made, 9, 0);
	put_template(&made, 300, pair, 3, 0);
	put_record(&made, 300, pair_record, sizeof pair_record);
	feed(&rig, &made);
	begin(&made, 9, 0);
	for (uint16_t id = 256; id < 260; id++)
		put_template(&made, id, pair, 3, 0);
	put_record(&made, 999, waiting, sizeof waiting);
	size_t length = nr_export_end(&made.message);
	for (uint32_t i = 0; i < SPOOFED; i++) {
		struct nr_address from = nr_address_from_ipv4(0x0a000000 + i);
		rig.now += NR_SECOND / 1000;
		rig_feed_from(&rig, &from, 4444, made.bytes, length);
		assert_true(rig.collector->memory.used <= conf.memory);
	}
	/* What is counted is what is taken, but for malloc's own headers and the block. */
	assert_true(
		heap() - heap_before <= conf.memory + conf.memory / 8 + nr_flow_block_bytes(NR_FLOW_ROOM));
	assert_true(rig.collector->exporters.count <= conf.exporters_max);
	assert_true(dropped(&rig, NR_FLOW_CAUSE_EXPORTERS_FULL) > 0);
	assert_true(dropped(&rig, NR_FLOW_CAUSE_PENDING_FULL) > 0);
	assert_true(rig.collector->pending_bytes <= conf.memory / 4);
	begin(&made, 9, 1);
	put_record(&made, 300, pair_record, sizeof pair_record);
	feed(&rig, &made);
	rig_flush(&rig);
	assert_int_equal(rig.all->count, 2);
	rig.now += 2 * NR_MINUTE; /* those who never gave a record give their places up */
	struct nr_address late = nr_address_from_ipv4(0x0b000000);
	rig_feed_from(&rig, &late, 4444, made.bytes, length);
	assert_true(rig.collector->exporters.evicted > 0);
	nr_flow_exporters_fini(rig.collector);
	assert_int_equal(rig.collector->memory.used, before);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_before_template),
		cmocka_unit_test(test_waiting_bounds),
		cmocka_unit_test(test_template_replaced),
		cmocka_unit_test(test_template_late),
		cmocka_unit_test(test_template_scope),
		cmocka_unit_test(test_templates_bound),
		cmocka_unit_test(test_withdrawal),
		cmocka_unit_test(test_stream_split),
		cmocka_unit_test(test_stream_bad),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_cut_message),
		cmocka_unit_test(test_refused_exporters),
		cmocka_unit_test(test_spoofed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
