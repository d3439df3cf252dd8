/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What records say: integers of any length, biflows, events, times, lists, packets, sFlow (flow reference 5
 * to 9, 26). Values of vendors' records: test_flow_cases.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "flow_rig.h"

/* ---- values ---- */

/* One IPFIX record of one template. */
static void feed_record(
	struct rig *rig, const struct nr_element *fields, uint16_t count, const void *bytes, size_t length)
{
	struct made made;
	rig_open(rig, NULL);
	begin(&made, 10, 0);
	put_template(&made, 300, fields, count, 0);
	put_record(&made, 300, bytes, length);
	feed(rig, &made);
	rig_flush(rig);
}

static void test_integers(void **state)
{
	(void)state;
	/* Shorter and longer than their types, twice the same, none at all. */
	static const struct nr_element fields[] = {{0, 4, 2}, {0, 7, 1}, {0, 11, 4}, {0, 1, 3}, {0, 2, 8},
		{0, 6, 2}, {0, 10, 1}, {0, 10, 2}, {0, 16, 0}, {0, 95, 9}, {0, 70, 3}};
	static const uint8_t record[] = {0, 17, 53, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 2, 9, 0,
		8, 20, 0, 0, 48, 68, 0, 1, 2, 3, 0, 1, 0x20};
	struct rig rig;
	feed_record(&rig, fields, NR_COUNT(fields), record, sizeof record);
	assert_int_equal(rig.all->count, 1);
	assert_int_equal(RIG(&rig, PROTOCOL, 0), 17);
	assert_int_equal(RIG(&rig, SOURCE_PORT, 0), 53);
	assert_int_equal(RIG(&rig, DESTINATION_PORT, 0), 256);
	assert_int_equal(RIG(&rig, BYTES, 0), 65536);
	assert_int_equal(RIG(&rig, PACKETS, 0), 258);
	assert_int_equal(RIG(&rig, TCP_FLAGS, 0), 258);
	assert_int_equal(RIG(&rig, INPUT, 0), 9);
	assert_int_equal(RIG(&rig, APPLICATION, 0), 20 << 24 | 0x010203);
	assert_int_equal(RIG(&rig, MPLS, 0), 0x12);
	rig_close(&rig);
}

static void test_biflow(void **state)
{
	(void)state;
	static const struct nr_element fields[] = {{0, 1, 4}, {0, 2, 4}, {29305, 1, 4}, {29305, 2, 4},
		{29305, 6, 1}, {6871, 14, 1}, {6871, 15, 1}, {6871, 16398, 1}};
	static const uint8_t record[] = {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 16, 2, 24, 18};
	struct rig rig;
	feed_record(&rig, fields, NR_COUNT(fields), record, sizeof record);
	assert_int_equal(RIG(&rig, BYTES, 0), 1);
	assert_int_equal(RIG(&rig, REVERSE_BYTES, 0), 3);
	assert_int_equal(RIG(&rig, REVERSE_PACKETS, 0), 4);
	assert_int_equal(RIG(&rig, REVERSE_TCP_FLAGS, 0), 18);
	assert_int_equal(RIG(&rig, TCP_FLAGS, 0), 26);
	assert_true(RIG(&rig, MARKS, 0) & NR_FLOW_MARK_BIFLOW);
	rig_close(&rig);
}

static void test_nat_events(void **state)
{
	(void)state;
	static const struct nr_element fields[] = {
		{0, 230, 1}, {0, 8, 4}, {0, 225, 4}, {0, 361, 2}, {0, 362, 2}};
	static const char *prefixes[] = {"192.0.2.0/24"};
	static const struct {
		uint8_t event, standard, draft;
	} rows[] = {{4, 4, 6}, {1, 1, 4}, {2, 2, 5}, {16, 16, 0}, {14, 14, 16}, {15, 15, 17}, {3, 3, 3}};
	for (int draft = 0; draft < 2; draft++)
		for (size_t i = 0; i < NR_COUNT(rows); i++) {
			struct nr_flow_collector_conf conf = {.exporters_max = 10,
				.memory = 1 << 20,
				.nat_draft = {prefixes, (size_t)draft}};
			uint8_t record[] = {rows[i].event, 100, 64, 0, 1, 203, 0, 113, 9, 4, 0, 5, 0};
			struct rig rig;
			struct made made;
			rig_open(&rig, &conf);
			begin(&made, 10, 0);
			put_template(&made, 300, fields, NR_COUNT(fields), 0);
			put_record(&made, 300, record, sizeof record);
			feed(&rig, &made);
			rig_flush(&rig);
			uint8_t wanted = draft ? rows[i].draft : rows[i].standard;
			assert_int_equal(RIG(&rig, EVENT, 0), wanted);
			assert_int_equal(!!(RIG(&rig, MARKS, 0) & NR_FLOW_MARK_EVENT), wanted != 0);
			assert_int_equal(RIG(&rig, POST_SOURCE_PORT, 0), 1024);
			assert_int_equal(RIG(&rig, PORT_BLOCK_END, 0), 1280);
			rig_close(&rig);
		}
}

static void test_variable(void **state)
{
	(void)state;
	static const struct nr_element fields[] = {
		{0, 82, NR_ELEMENT_VARIABLE}, {0, 1, 4}, {0, 7, NR_ELEMENT_VARIABLE}};
	static const uint8_t good[] = {3, 'e', 't', 'h', 0, 0, 0, 5, 2, 0, 80};
	static const uint8_t long_form[] = {255, 0, 2, 'x', 'y', 0, 0, 0, 6, 0};
	static const uint8_t beyond[] = {200, 'x', 0, 0, 0, 6, 0, 0};
	struct rig rig;
	struct made made;
	rig_open(&rig, NULL);
	begin(&made, 9, 0);
	put_template(&made, 300, fields, 3, 0);
	put_record(&made, 300, good, sizeof good);
	put_record(&made, 300, long_form, sizeof long_form);
	put_record(&made, 300, beyond, sizeof beyond);
	feed(&rig, &made);
	rig_flush(&rig);
	assert_int_equal(rig.all->count, 2);
	assert_int_equal(RIG(&rig, BYTES, 0), 5);
	assert_int_equal(RIG(&rig, SOURCE_PORT, 0), 80);
	assert_int_equal(RIG(&rig, BYTES, 1), 6);
	assert_int_equal(RIG(&rig, SOURCE_PORT, 1), 0); /* not what the row before it has */
	expect_drops(&rig, NR_FLOW_CAUSE_RECORD_MALFORMED, 1);
	rig_close(&rig);
}

/* More records than a run and than a block hold, of both kinds of template. */
static void test_many(void **state)
{
	(void)state;
	static const struct nr_element fixed[] = {{0, 7, 2}};
	static const struct nr_element variable[] = {{0, 7, 2}, {0, 82, NR_ELEMENT_VARIABLE}};
	struct rig rig;
	struct made made;
	rig_open(&rig, NULL);
	begin(&made, 10, 0);
	put_template(&made, 300, fixed, 1, 0);
	put_template(&made, 301, variable, 2, 0);
	feed(&rig, &made);
	uint32_t rows = 0;
	for (uint32_t message = 0; message < 40; message++) {
		begin(&made, 10, rows);
		for (uint32_t i = 0; i < 600; i++, rows++) {
			uint8_t record[] = {(uint8_t)(rows >> 8), (uint8_t)rows, 0};
			put_record(&made, message % 2 ? 301 : 300, record, message % 2 ? 3 : 2);
		}
		feed(&rig, &made);
	}
	rig_flush(&rig);
	assert_int_equal(rig.all->count, rows);
	for (uint32_t i = 0; i < rows; i++)
		assert_int_equal(RIG(&rig, SOURCE_PORT, i), i & 0xffff);
	rig_close(&rig);
}

static void test_named(void **state)
{
	(void)state;
	static const char *texts[] = {"9/12235=app:text", "9/1=count"};
	static const char *const wrong[] = {
		"9", "9/1", "9/1=", "x/1=a", "9/70000=a", "9/1=a:color", "4294967296/1=a"};
	static const struct nr_element fields[] = {{9, 12235, NR_ELEMENT_VARIABLE}, {9, 1, 2}};
	static const uint8_t record[] = {3, 'w', 'e', 'b', 1, 2};
	struct nr_flow_collector_conf conf = {.exporters_max = 10, .memory = 1 << 20, .fields = {texts, 2}};
	struct rig rig;
	struct made made;
	const struct nr_flow_named *values;
	rig_open(&rig, &conf);
	begin(&made, 10, 0);
	put_template(&made, 300, fields, 2, 0);
	put_record(&made, 300, record, sizeof record);
	feed(&rig, &made);
	assert_int_equal(nr_flow_collector_named(rig.collector, &values), 2);
	assert_string_equal(values[0].name, "app");
	assert_int_equal(values[0].type, NR_FLOW_NAMED_TEXT);
	assert_memory_equal(values[0].bytes, "web", 3);
	assert_int_equal(values[1].length, 2);
	rig_flush(&rig);
	assert_int_equal(nr_flow_collector_named(rig.collector, &values), 0);
	rig_close(&rig);
	for (size_t i = 0; i < NR_COUNT(wrong); i++) {
		struct nr_flow_compiler compiler = {.named = NULL};
		struct nr_error error = {0};
		assert_int_equal(nr_flow_compiler_init(&compiler, &wrong[i], 1, &error), -EINVAL);
		assert_non_null(strstr(error.text, wrong[i]));
		nr_flow_compiler_fini(&compiler);
	}
}

/* ---- lists and packets inside records ---- */

static void feed_list(struct rig *rig, const uint8_t *list, uint8_t length, uint16_t element)
{
	static const struct nr_element inner[] = {{0, 56, 6}};
	struct nr_element outer[] = {{0, element, NR_ELEMENT_VARIABLE}, {0, 4, 1}};
	uint8_t record[256] = {length};
	struct made made;
	memcpy(record + 1, list, length);
	record[1 + length] = 6;
	rig_open(rig, NULL);
	begin(&made, 10, 0);
	put_template(&made, 400, inner, 1, 0);
	put_template(&made, 300, outer, 2, 0);
	put_record(&made, 300, record, 2u + length);
	feed(rig, &made);
	rig_flush(rig);
	assert_int_equal(rig->all->count, 1);
	assert_int_equal(RIG(rig, PROTOCOL, 0), 6); /* whatever the list is */
}

static void test_lists(void **state)
{
	(void)state;
	static const struct {
		uint16_t element;
		uint8_t bytes[40], length;
		uint64_t mac, drops;
	} rows[] = {
		{293, {3, 1, 144, 0, 10, 1, 2, 3, 4, 5, 6}, 11, 0x010203040506, 0},
		{292, {3, 1, 144, 1, 2, 3, 4, 5, 6}, 9, 0x010203040506, 0},
		{291, {3, 0, 56, 0, 6, 1, 2, 3, 4, 5, 6}, 11, 0, 0},
		{293, {3, 9, 9, 0, 10, 1, 2, 3, 4, 5, 6}, 11, 0, 0},    /* a template that is not known */
		{293, {3, 1, 144, 0, 3, 1, 2, 3, 4, 5, 6}, 11, 0, 1},   /* shorter than its header */
		{293, {3, 1, 144, 0, 200, 1, 2, 3, 4, 5, 6}, 11, 0, 1}, /* beyond the field */
		{291, {3, 0, 56, 0, 0, 1, 2}, 7, 0, 1},                 /* elements without octets */
		{291, {3, 0, 56, 255, 255, 255, 255, 255}, 8, 0, 1},    /* a length beyond */
		{292, {3, 1}, 2, 0, 1},                                 /* cut */
		{291, {0}, 0, 0, 0},                                    /* empty */
		/* Lists in lists: the fifth is one too many. */
		{291,
			{3, 1, 35, 255, 255, 27, 3, 1, 35, 255, 255, 21, 3, 1, 35, 255, 255, 15, 3, 1, 35,
				255, 255, 9, 3, 1, 35, 255, 255, 3, 3, 1, 35},
			33, 0, 1},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct rig rig;
		feed_list(&rig, rows[i].bytes, rows[i].length, rows[i].element);
		assert_int_equal(RIG(&rig, SOURCE_MAC, 0), rows[i].mac);
		expect_drops(&rig, NR_FLOW_CAUSE_LIST_MALFORMED, rows[i].drops);
		rig_close(&rig);
	}
}

/* IPv4, TCP SYN from 192.0.2.7:4660 to 198.51.100.9:443, 60 octets by its header. */
#define IP_HEADER                                                                                            \
	0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 7, 198, 51, 100, 9, 0x12, 0x34, 1, 187, 0, 0, 0, \
		1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0

static void expect_packet(struct rig *rig)
{
	assert_int_equal(rig->all->count, 1);
	assert_int_equal(RIG(rig, SOURCE_LOW, 0), UINT64_C(0xffffc0000207));
	assert_int_equal(RIG(rig, DESTINATION_LOW, 0), UINT64_C(0xffffc6336409));
	assert_int_equal(RIG(rig, SOURCE_PORT, 0), 0x1234);
	assert_int_equal(RIG(rig, DESTINATION_PORT, 0), 443);
	assert_int_equal(RIG(rig, TCP_FLAGS, 0), 2);
	assert_int_equal(RIG(rig, PACKETS, 0), 1);
	assert_int_equal(RIG(rig, BYTES, 0), 60);
	assert_int_equal(RIG(rig, TTL, 0), 64);
	assert_true(RIG(rig, MARKS, 0) & NR_FLOW_MARK_PACKET);
}

static void test_packet_sections(void **state)
{
	(void)state;
	static const struct nr_element ip[] = {{0, 313, NR_ELEMENT_VARIABLE}};
	static const struct nr_element frame[] = {{0, 315, 58}};
	static const uint8_t ip_record[] = {40, IP_HEADER};
	static const uint8_t frame_record[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0x20, 5, 8, 0, IP_HEADER};
	static const uint8_t cut_record[] = {5, 0x45, 0, 0, 60, 0};
	struct rig rig;
	feed_record(&rig, ip, 1, ip_record, sizeof ip_record);
	expect_packet(&rig);
	expect_drops(&rig, NR_FLOW_CAUSES, 0);
	rig_close(&rig);
	feed_record(&rig, frame, 1, frame_record, sizeof frame_record);
	expect_packet(&rig);
	assert_int_equal(RIG(&rig, VLAN, 0), 5);
	assert_int_equal(RIG(&rig, DESTINATION_MAC, 0), UINT64_C(0x020000000001));
	rig_close(&rig);
	feed_record(&rig, ip, 1, cut_record, sizeof cut_record);
	assert_int_equal(rig.all->count, 1); /* a row all the same */
	expect_drops(&rig, NR_FLOW_CAUSE_PACKET_UNREADABLE, 1);
	rig_close(&rig);
}

/* IP in IP and GTP-U: outer or inner, by configuration. */
static void test_tunnels(void **state)
{
	(void)state;
	static const struct nr_element fields[] = {{0, 313, NR_ELEMENT_VARIABLE}};
	static const struct {
		uint8_t bytes[96], length;
	} rows[] = {
		{{60, 0x45, 0, 0, 80, 0, 0, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, IP_HEADER}, 61},
		{{76, 0x45, 0, 0, 96, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 8, 0x68, 8, 0x68, 0,
			 76, 0, 0, 0x30, 255, 0, 60, 0, 0, 0, 9, IP_HEADER},
			77},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++)
		for (int inner = 0; inner < 2; inner++) {
			struct nr_flow_collector_conf conf = {
				.exporters_max = 10, .memory = 1 << 20, .inner = inner};
			struct rig rig;
			struct made made;
			rig_open(&rig, &conf);
			begin(&made, 10, 0);
			put_template(&made, 300, fields, 1, 0);
			put_record(&made, 300, rows[i].bytes, rows[i].length);
			feed(&rig, &made);
			rig_flush(&rig);
			if (inner)
				expect_packet(&rig);
			else
				assert_int_equal(RIG(&rig, SOURCE_LOW, 0), UINT64_C(0xffff0a000001));
			rig_close(&rig);
		}
}

/* ---- times ---- */

#define EXPORTED_US ((int64_t)EXPORTED * NR_SECOND)

/* One v9 record with 22 and 21. */
static void feed_uptimes(
	struct rig *rig, uint32_t sequence, uint32_t seconds, uint32_t uptime, uint32_t first, uint32_t last)
{
	static const struct nr_element fields[] = {{0, 22, 4}, {0, 21, 4}};
	uint8_t record[8];
	struct made made;
	(void)nr_put_u32(nr_put_u32(record, first), last);
	begin_at(&made, 9, sequence, seconds, uptime);
	put_template(&made, 300, fields, 2, 0);
	put_record(&made, 300, record, sizeof record);
	feed(rig, &made);
}

static void expect_times(const struct rig *rig, uint32_t row, int64_t first, int64_t last, uint64_t marks)
{
	assert_int_equal((int64_t)RIG(rig, FIRST, row), first);
	assert_int_equal((int64_t)RIG(rig, LAST, row), last);
	assert_int_equal(RIG(rig, MARKS, row), marks);
}

static void test_uptimes(void **state)
{
	(void)state;
	const uint64_t suspect = NR_FLOW_MARK_TIME_SUSPECT | NR_FLOW_MARK_TIME_OF_EXPORT;
	static const struct {
		uint32_t uptime, first, last;
		int32_t first_ms, last_ms; /* from the export */
		bool suspect;
	} rows[] = {
		{100000, 40000, 90000, -60000, -10000, false},
		{3381, UINT32_MAX, 2000, -3382, -1381, false},         /* before boot */
		{5000, UINT32_MAX - 9999, 4000, -15000, -1000, false}, /* the counter went round */
		{100000, 90000, 40000, 0, 0, true},                    /* ends before it starts */
		{100000000, 1000, 99999000, 0, 0, true},               /* began more than a day ago */
		{100000, 200000000, 300000000, 0, 0, true},            /* will begin the day after tomorrow */
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct rig rig;
		rig_open(&rig, NULL);
		feed_uptimes(&rig, 0, EXPORTED, rows[i].uptime, rows[i].first, rows[i].last);
		rig_flush(&rig);
		expect_times(&rig, 0, EXPORTED_US + (int64_t)rows[i].first_ms * 1000,
			EXPORTED_US + (int64_t)rows[i].last_ms * 1000, rows[i].suspect ? suspect : 0);
		assert_int_equal(rig.collector->times_suspect, rows[i].suspect);
		rig_close(&rig);
	}
}

/*
 * The header's seconds are cut: an exporter that sends every 0.7 s says boots that walk over a second. The
 * same flow, told again and again, must not walk with them: after the first messages it starts at one time.
 */
static void test_boot(void **state)
{
	(void)state;
	struct rig rig;
	rig_open(&rig, NULL);
	for (uint32_t i = 0; i < 100; i++) {
		uint64_t ms = (uint64_t)EXPORTED * 1000 + 123 + i * UINT64_C(700);
		feed_uptimes(&rig, i, (uint32_t)(ms / 1000), UPTIME + i * 700, 900000, 950000);
	}
	rig_flush(&rig);
	int64_t truth = EXPORTED_US + 123000 - 100 * NR_SECOND;
	for (uint32_t i = 10; i < 100; i++) {
		int64_t error = (int64_t)RIG(&rig, FIRST, i) - truth;
		assert_true(error <= 0 && error > -100000);
		assert_int_equal(RIG(&rig, FIRST, i), RIG(&rig, FIRST, 99));
	}
	/* It boots: from the first message on. */
	feed_uptimes(&rig, 0, EXPORTED + 100, 5000, 4000, 5000);
	rig_flush(&rig);
	expect_times(&rig, 100, EXPORTED_US + 99 * NR_SECOND, EXPORTED_US + 100 * NR_SECOND, 0);
	/* Its clock is set back an hour: what each message says counts at once, what stands after the third.
	 */
	for (uint32_t i = 0; i < 5; i++)
		feed_uptimes(
			&rig, 1 + i, EXPORTED - 3500 + i, 5000 + i * 1000, 4000 + i * 1000, 5000 + i * 1000);
	rig_flush(&rig);
	for (uint32_t i = 0; i < 5; i++)
		expect_times(&rig, 101 + i, EXPORTED_US - (3501 - (int64_t)i) * NR_SECOND,
			EXPORTED_US - (3500 - (int64_t)i) * NR_SECOND, 0);
	rig_close(&rig);
}

#define NTP(seconds, fraction) ((uint64_t)((seconds) + UINT64_C(2208988800)) << 32 | (fraction))

/* IPFIX: each kind of time, alone. */
static void test_time_kinds(void **state)
{
	(void)state;
	const int64_t then = EXPORTED_US - 10 * NR_SECOND;
	const struct {
		uint16_t elements[3], lengths[3];
		uint64_t values[3];
		int64_t first, last;
		uint64_t marks;
	} rows[] = {
		{{150, 151}, {4, 4}, {EXPORTED - 10, EXPORTED}, then, EXPORTED_US, NR_FLOW_MARK_TIME_SECONDS},
		{{152, 153}, {8, 8}, {(EXPORTED - 10) * UINT64_C(1000) + 7, EXPORTED * UINT64_C(1000)},
			then + 7000, EXPORTED_US, 0},
		{{154, 155}, {8, 8}, {NTP(EXPORTED - 10, 0x80000000), NTP(EXPORTED, 0)}, then + 500000,
			EXPORTED_US, 0},
		{{156, 157}, {8, 8}, {NTP(EXPORTED - 10, 0x40000000), NTP(EXPORTED, 0)}, then + 250000,
			EXPORTED_US, 0},
		/* nanoseconds since 1970, as some write 156 */
		{{156, 157}, {8, 8},
			{(EXPORTED - 10) * UINT64_C(1000000000) + 5000, EXPORTED * UINT64_C(1000000000)},
			then + 5, EXPORTED_US, 0},
		{{158, 159}, {4, 4}, {10000000, 1}, then, EXPORTED_US - 1, 0},
		{{152, 161}, {8, 4}, {(EXPORTED - 10) * UINT64_C(1000), 2500}, then, then + 2500000, 0},
		{{153, 162}, {8, 4}, {EXPORTED * UINT64_C(1000), 10000000}, then, EXPORTED_US, 0},
		{{152}, {8}, {(EXPORTED - 10) * UINT64_C(1000)}, then, then, 0},
		{{152, 323}, {8, 8}, {(EXPORTED - 10) * UINT64_C(1000), EXPORTED * UINT64_C(1000)}, then,
			EXPORTED_US, 0},
		{{324}, {8}, {NTP(EXPORTED - 10, 0)}, then, then, 0},
		{{258}, {8}, {(EXPORTED - 10) * UINT64_C(1000)}, then, then, 0},
		/* 22 and 21 with the boot in the record, and without */
		{{22, 21, 160}, {4, 4, 8}, {5000, 9000, (EXPORTED - 15) * UINT64_C(1000)}, then,
			then + 4000000, 0},
		{{22, 21}, {4, 4}, {5000, 9000}, EXPORTED_US, EXPORTED_US, NR_FLOW_MARK_TIME_OF_EXPORT},
		{{4}, {1}, {6}, EXPORTED_US, EXPORTED_US, NR_FLOW_MARK_TIME_OF_EXPORT},
		/* absolute ones win over relative ones, wherever they stand */
		{{22, 152, 153}, {4, 8, 8}, {77, (EXPORTED - 10) * UINT64_C(1000), EXPORTED * UINT64_C(1000)},
			then, EXPORTED_US, 0},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct nr_element fields[3];
		uint8_t record[24], *at = record;
		uint16_t count = 0;
		for (; count < 3 && rows[i].elements[count]; count++) {
			fields[count] =
				(struct nr_element){0, rows[i].elements[count], rows[i].lengths[count]};
			at = nr_put_uint(at, rows[i].values[count], rows[i].lengths[count]);
		}
		struct rig rig;
		feed_record(&rig, fields, count, record, (size_t)(at - record));
		expect_times(&rig, 0, rows[i].first, rows[i].last, rows[i].marks);
		rig_close(&rig);
	}
}

/* An exporter that writes microseconds where fractions of 2^-32 s belong is known by its 32nd record; one
 * true fraction, and it is believed for ever. */
static void test_ntp_microseconds(void **state)
{
	(void)state;
	static const struct nr_element fields[] = {{0, 154, 8}};
	for (int sound = 0; sound < 2; sound++) {
		struct rig rig;
		struct made made;
		rig_open(&rig, NULL);
		begin(&made, 10, 0);
		put_template(&made, 300, fields, 1, 0);
		feed(&rig, &made);
		for (uint32_t i = 0; i < 40; i++) {
			uint8_t record[8];
			bool true_one = sound && i == 20;
			(void)nr_put_u64(record, NTP(EXPORTED, true_one ? 0x80000000 : 500000));
			begin(&made, 10, i);
			put_record(&made, 300, record, sizeof record);
			feed(&rig, &made);
		}
		rig_flush(&rig);
		assert_int_equal((int64_t)RIG(&rig, FIRST, 10), EXPORTED_US + 116);
		assert_int_equal((int64_t)RIG(&rig, FIRST, 39), EXPORTED_US + (sound ? 116 : 500000));
		rig_close(&rig);
	}
}

/* IPFIX: 22 and 21 by a boot that options told. */
static void test_boot_of_options(void **state)
{
	(void)state;
	static const struct nr_element options[] = {{0, 149, 4}, {0, 160, 8}},
				       data[] = {{0, 22, 4}, {0, 21, 4}};
	uint8_t told[12], record[8];
	struct rig rig;
	struct made made;
	(void)nr_put_u64(nr_put_u32(told, 1), (EXPORTED - 100) * UINT64_C(1000));
	(void)nr_put_u32(nr_put_u32(record, 5000), 6000);
	rig_open(&rig, NULL);
	begin(&made, 10, 0);
	put_template(&made, 300, options, 2, 1);
	put_template(&made, 301, data, 2, 0);
	put_record(&made, 300, told, sizeof told);
	put_record(&made, 301, record, sizeof record);
	feed(&rig, &made);
	rig_flush(&rig);
	assert_int_equal(nr_flow_collector_counts(rig.collector).options_records, 1);
	expect_times(&rig, 0, EXPORTED_US - 95 * NR_SECOND, EXPORTED_US - 94 * NR_SECOND, 0);
	rig_close(&rig);
}

/* ---- sFlow ---- */

/* An sFlow datagram with one sample whose octets behind "format, length" are given. */
static void feed_sample(struct rig *rig, uint32_t format, const uint8_t *sample, size_t length)
{
	uint8_t bytes[512], *at = bytes;
	at = nr_put_u32(nr_put_u32(nr_put_u32(at, 5), 1), 0xc0000263); /* agent */
	at = nr_put_u32(nr_put_u32(nr_put_u32(nr_put_u32(at, 4), 1), UPTIME), 1);
	at = nr_put_bytes(nr_put_u32(nr_put_u32(at, format), (uint32_t)length), sample, length);
	rig_feed(rig, bytes, (size_t)(at - bytes));
	rig_flush(rig);
}

#define W(value) (uint8_t)((value) >> 24), (uint8_t)((value) >> 16), (uint8_t)((value) >> 8), (uint8_t)(value)
/* sequence, source, rate, pool, drops, input, output, records */
#define SAMPLE(input, output, records) W(1), W(7), W(512), W(5120), W(0), W(input), W(output), W(records)
#define RAW_HEADER                     W(1), W(56), W(11), W(64), W(4), W(40), IP_HEADER

static void test_sflow_sample(void **state)
{
	(void)state;
	static const uint8_t sample[] = {SAMPLE(3, 4, 4), RAW_HEADER,
		/* switch: VLANs */
		W(1001), W(16), W(10), W(0), W(20), W(0),
		/* router: next hop, masks */
		W(1002), W(16), W(1), 203, 0, 113, 1, W(24), W(16),
		/* gateway: next hop, own AS, the source's, its peer's, a path of a set and a sequence, no
		 * communities, preference */
		W(1003), W(56), W(1), 203, 0, 113, 2, W(64500), W(64501), W(64502), W(2), W(1), W(1),
		W(64503), W(2), W(2), W(64504), W(64505), W(0), W(100)};
	struct rig rig;
	rig_open(&rig, NULL);
	feed_sample(&rig, NR_SFLOW_FLOW, sample, sizeof sample);
	expect_packet(&rig);
	expect_drops(&rig, NR_FLOW_CAUSES, 0);
	expect_times(&rig, 0, rig.now, rig.now, NR_FLOW_MARK_PACKET);
	assert_int_equal(RIG(&rig, INPUT, 0), 3);
	assert_int_equal(RIG(&rig, OUTPUT, 0), 4);
	assert_int_equal(RIG(&rig, VLAN, 0), 10);
	assert_int_equal(RIG(&rig, POST_VLAN, 0), 20);
	assert_int_equal(RIG(&rig, SOURCE_MASK, 0), 24);
	assert_int_equal(RIG(&rig, DESTINATION_MASK, 0), 16);
	assert_int_equal(RIG(&rig, NEXT_HOP_LOW, 0), UINT64_C(0xffffcb007102));
	assert_int_equal(RIG(&rig, SOURCE_AS, 0), 64501);
	assert_int_equal(RIG(&rig, DESTINATION_AS, 0), 64505);
	assert_true(nr_flow_sampling(rig.all, 0) == 512);
	assert_int_equal(RIG(&rig, SAMPLING_FROM, 0), NR_FLOW_SAMPLING_RECORD);
	assert_int_equal(rig.all->streams[0].domain, 4);
	assert_int_equal(nr_address_ipv4(&rig.all->streams[0].exporter), 0xc0000263);
	rig_close(&rig);
}

static void test_sflow_odd(void **state)
{
	(void)state;
	static const struct {
		uint32_t format;
		uint8_t bytes[100], length;
		uint32_t rows, output, marks;
		enum nr_flow_cause cause;
	} rows[] = {
		/* internal; several; discarded */
		{1, {SAMPLE(1, 0x3fffffff, 1), RAW_HEADER}, 96, 1, 0, NR_FLOW_MARK_PACKET, NR_FLOW_CAUSES},
		{1, {SAMPLE(1, 0x80000003, 1), RAW_HEADER}, 96, 1, 0, NR_FLOW_MARK_PACKET, NR_FLOW_CAUSES},
		{1, {SAMPLE(1, 0x40000102, 1), RAW_HEADER}, 96, 1, 0,
			NR_FLOW_MARK_PACKET | NR_FLOW_MARK_DISCARDED, NR_FLOW_CAUSES},
		/* a discard with a record of 10 octets that is not padded */
		{5,
			{W(2), W(0), W(1), W(256), W(1), W(2), W(1), W(1), W(1038), W(10), 0, 0, 0, 6, 'f',
				'o', 'o', 'b', 'a', 'r'},
			50, 1, 2, NR_FLOW_MARK_PACKET | NR_FLOW_MARK_DISCARDED, NR_FLOW_CAUSES},
		/* a header that is shorter than IP's; one of an unknown protocol; a record beyond its sample
		 */
		{1, {SAMPLE(1, 2, 1), W(1), W(20), W(11), W(64), W(4), W(4), 0x45, 0, 0, 60}, 60, 1, 2,
			NR_FLOW_MARK_PACKET, NR_FLOW_CAUSE_PACKET_UNREADABLE},
		{1, {SAMPLE(1, 2, 1), W(1), W(20), W(99), W(64), W(4), W(4), 0x45, 0, 0, 60}, 60, 1, 2,
			NR_FLOW_MARK_PACKET, NR_FLOW_CAUSE_PACKET_UNREADABLE},
		{1, {SAMPLE(1, 2, 1), W(1), W(2000)}, 40, 1, 2, NR_FLOW_MARK_PACKET,
			NR_FLOW_CAUSE_SET_MALFORMED},
		/* shorter than a sample; one that is not known; counters */
		{1, {W(1), W(7)}, 8, 0, 0, 0, NR_FLOW_CAUSE_SET_MALFORMED},
		{77, {0}, 8, 0, 0, 0, NR_FLOW_CAUSE_SAMPLE_UNKNOWN},
		{2, {W(1), W(7), W(0)}, 12, 0, 0, 0, NR_FLOW_CAUSES},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct rig rig;
		rig_open(&rig, NULL);
		feed_sample(&rig, rows[i].format, rows[i].bytes, rows[i].length);
		expect_drops(&rig, rows[i].cause, 1);
		assert_int_equal(rig.all->count, rows[i].rows);
		if (rows[i].rows) {
			assert_int_equal(RIG(&rig, OUTPUT, 0), rows[i].output);
			assert_int_equal(RIG(&rig, MARKS, 0), rows[i].marks);
		}
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_biflow),
		cmocka_unit_test(test_nat_events),
		cmocka_unit_test(test_variable),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_packet_sections),
		cmocka_unit_test(test_tunnels),
		cmocka_unit_test(test_uptimes),
		cmocka_unit_test(test_boot),
		cmocka_unit_test(test_time_kinds),
		cmocka_unit_test(test_ntp_microseconds),
		cmocka_unit_test(test_boot_of_options),
		cmocka_unit_test(test_sflow_sample),
		cmocka_unit_test(test_sflow_odd),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
