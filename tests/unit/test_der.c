/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oid.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the above first */
#include <cmocka.h>

#include "hex.h"

/* What nr_der_check() says of a whole input: the offset of the first fault, or -1. */
static const struct {
	const char *what, *hex;
	int fault;
} structures[] = {
	{"an empty SEQUENCE", "3000", -1},
	{"nothing", "", 0},
	{"integers", "3009 020100 02017f 020180", -1},
	{"an integer of two octets", "02020080", -1},
	{"a negative one", "0202ff7f", -1},
	{"an idle 00", "0202007f", 0},
	{"an idle FF", "0202ff80", 0},
	{"an integer without octets", "0200", 0},
	{"an enumerated is an integer", "0a020001", 0},
	{"a trailing byte", "3000 00", 2},
	{"a second element", "0500 0500", 2},
	{"cut in the contents", "3003 0201", 0},
	{"cut in the length", "3082", 0},
	{"an element that leaves its parent", "3003 020201", 2},
	{"indefinite length", "3080 0000", 0},
	{"length in two octets for 3", "308103 020100", 0},
	{"length with an idle octet", "30820003 020100", 0},
	{"a length of five octets", "308500000000 03020100", 0},
	{"a length that fills 32 bits", "3084ffffffff 020100", 0},
	{"reserved length FF", "30ff 020100", 0},
	{"a constructed OCTET STRING", "2404 04020102", 0},
	{"a primitive SEQUENCE", "1000", 0},
	{"a primitive SET", "1100", 0},
	{"a constructed INTEGER", "2203 020100", 0},
	{"end of contents inside", "3004 0500 0000", 4},
	{"tag number 31", "1f1f00", 0},
	{"tag number 31 in a context class", "bf1f00", 0},
	{"true", "0101ff", -1},
	{"a true of BER", "010101", 0},
	{"a NULL with contents", "050100", 0},
	{"bits", "030205a0", -1},
	{"bits with padding that is not zero", "030205a1", 0},
	{"eight idle bits", "03020800", 0},
	{"no bits", "030100", -1},
	{"idle bits of no bits", "030101", 0},
	{"no octet that says how many are idle", "0300", 0},
	{"OID 1.2.840", "06032a8648", -1},
	{"OID whose last arc goes on", "06032a8686", 0},
	{"OID with an idle octet", "06042a808601", 0},
	{"OID without octets", "0600", 0},
	{"a set in order", "3106 020101 020102", -1},
	{"a set of equals", "3106 020101 020101", -1},
	{"a set out of order", "3106 020102 020101", 5},
	{"a shorter one first", "3107 020101 02020101", -1},
	{"a longer one first", "3107 02020101 020101", 6},
	{"a sequence needs no order", "3006 020102 020101", -1},
	{"a set inside a context tag", "a008 3106 020102 020101", 7},
	{"a context tag that is primitive is not looked into", "8003 308000", -1},
	{"GeneralizedTime", "180f 3230323631313234313233343536 5a", -1},
	{"with a fraction", "1812 3230323631313234313233343536 2e35375a", -1},
	{"a fraction that ends in 0", "1812 3230323631313234313233343536 2e35305a", 0},
	{"a fraction without digits", "1810 3230323631313234313233343536 2e5a", 0},
	{"a comma", "1811 3230323631313234313233343536 2c355a", 0},
	{"no Z", "180e 3230323631313234313233343536", 0},
	{"an offset", "1813 3230323631313234313233343536 2b30393030", 0},
	{"no seconds", "180d 323032363131323431323334 5a", 0},
	{"hour 24", "180f 3230323631313234323430303030 5a", 0},
	{"30 February", "180f 3230323630323330303030303030 5a", 0},
	{"UTCTime", "170d 323631313234313233343536 5a", -1},
	{"UTCTime without seconds", "170b 32363131323431323334 5a", 0},
};

static void checks_structures(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(structures); i++) {
		uint8_t bytes[64];
		size_t length = hex_parse(structures[i].hex, bytes, sizeof bytes), offset = 99;
		bool whole = nr_der_check_whole(bytes, length, &offset);
		if (whole != (structures[i].fault < 0) || (!whole && (int)offset != structures[i].fault))
			fail_msg("%s: %s at %zu", structures[i].what, whole ? "taken" : "refused", offset);
	}
}

/* SEQUENCE { 1, OID, SET { 1, 2 }, [0] { GeneralizedTime } } */
#define SAMPLE "3024 020101 06042a864801 3106020101020102 a011 180f 32303236313132343132333435365a"

static void every_cut_is_refused(void **state)
{
	(void)state;
	uint8_t bytes[64];
	size_t length = hex_parse(SAMPLE, bytes, sizeof bytes);
	assert_true(nr_der_check_whole(bytes, length, NULL));
	for (size_t cut = 0; cut < length; cut++)
		assert_false(nr_der_check_whole(bytes, cut, NULL));
}

static void depth_is_bounded(void **state)
{
	(void)state;
	uint8_t bytes[2 * (NR_DER_DEPTH_MAX + 1)];
	for (unsigned depth = 1; depth <= NR_DER_DEPTH_MAX + 1; depth++) {
		struct nr_der_writer w;
		nr_der_writer_init(&w, bytes, sizeof bytes);
		for (unsigned i = 0; i < depth; i++)
			nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
		assert_false(w.failed);
		assert_int_equal(nr_der_check_whole(w.at, nr_der_mark(&w), NULL), depth < NR_DER_DEPTH_MAX);
	}
}

static void reads_like_the_schema(void **state)
{
	(void)state;
	uint8_t bytes[64];
	size_t length = hex_parse(SAMPLE, bytes, sizeof bytes);
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_cursor body = nr_der_open(&c, NR_DER_SEQUENCE);
	assert_int_equal(nr_der_uint(&body), 1);
	struct nr_der oid = nr_der_take(&body, NR_DER_OID), absent;
	char text[32];
	assert_true(nr_der_oid_write(&oid, text, sizeof text));
	assert_string_equal(text, "1.2.840.1");
	assert_false(nr_der_optional(&body, NR_DER_OCTET_STRING, &absent));
	assert_null(absent.start);
	struct nr_cursor set = nr_der_open(&body, NR_DER_SET);
	assert_int_equal(nr_der_uint(&set), 1);
	assert_int_equal(nr_der_uint(&set), 2);
	nr_der_close(&body, &set);
	struct nr_cursor context = nr_der_open(&body, NR_DER_CONSTRUCTED(0));
	nr_time time = nr_der_generalized_time(&context);
	nr_der_close(&body, &context);
	nr_der_close(&c, &body);
	assert_true(nr_der_done(&c));
	assert_true(time == INT64_C(1795523696) * NR_SECOND);
}

static void what_is_left_inside_fails_and_says_where(void **state)
{
	(void)state;
	uint8_t bytes[64];
	size_t length = hex_parse(SAMPLE, bytes, sizeof bytes);
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_cursor body = nr_der_open(&c, NR_DER_SEQUENCE);
	nr_der_uint(&body);
	nr_der_close(&c, &body);
	assert_true(c.failed);
	assert_int_equal(c.at - bytes, 5);
	assert_false(nr_der_done(&c));
	assert_int_equal(nr_der_uint(&c), 0); /* the error is sticky */
	struct nr_cursor none = nr_der_open(&c, NR_DER_SEQUENCE);
	assert_true(none.failed);
	assert_null(nr_der_any(&none).start);
}

static void numbers_have_bounds(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		bool ok;
		uint64_t value;
	} numbers[] = {{"020100", true, 0}, {"02017f", true, 127}, {"02020080", true, 128},
		{"020900ffffffffffffffff", true, UINT64_MAX}, {"0209010000000000000000", false, 0},
		{"0208ffffffffffffffff", false, 0}, {"0201ff", false, 0},
		{"02087fffffffffffffff", true, INT64_MAX}};
	for (size_t i = 0; i < NR_COUNT(numbers); i++) {
		uint8_t bytes[16], written[16];
		size_t length = hex_parse(numbers[i].hex, bytes, sizeof bytes);
		struct nr_cursor c = nr_cursor_over(bytes, length);
		uint64_t value = nr_der_uint(&c);
		assert_int_equal(!c.failed, numbers[i].ok);
		assert_true(value == numbers[i].value);
		if (!numbers[i].ok)
			continue;
		struct nr_der_writer w;
		nr_der_writer_init(&w, written, sizeof written);
		nr_der_put_uint(&w, value);
		assert_int_equal(nr_der_mark(&w), length);
		assert_memory_equal(w.at, bytes, length);
	}
}

static void a_default_is_not_written(void **state)
{
	(void)state;
	static const uint8_t no[] = {1, 1, 0}, yes[] = {1, 1, 0xff}, other[] = {2, 1, 0};
	struct nr_cursor c = nr_cursor_over(yes, sizeof yes);
	assert_true(nr_der_default_false(&c) && nr_der_done(&c));
	c = nr_cursor_over(other, sizeof other);
	assert_false(nr_der_default_false(&c) || c.failed);
	c = nr_cursor_over(no, sizeof no);
	assert_false(nr_der_default_false(&c));
	assert_true(c.failed);
}

static void times_come_back(void **state)
{
	(void)state;
	static const struct {
		nr_time time;
		const char *text;
	} times[] = {{0, "19700101000000Z"}, {1, "19700101000000.000001Z"}, {300000, "19700101000000.3Z"},
		{10, "19700101000000.00001Z"}, {999999, "19700101000000.999999Z"},
		{INT64_C(4102444800) * NR_SECOND, "21000101000000Z"}};
	for (size_t i = 0; i < NR_COUNT(times); i++) {
		uint8_t bytes[32];
		struct nr_der_writer w;
		nr_der_writer_init(&w, bytes, sizeof bytes);
		nr_der_put_time(&w, NR_DER_GENERALIZED_TIME, times[i].time);
		assert_int_equal(nr_der_mark(&w), 2 + strlen(times[i].text));
		assert_memory_equal(w.at + 2, times[i].text, strlen(times[i].text));
		struct nr_cursor c = nr_cursor_over(w.at, nr_der_mark(&w));
		assert_true(nr_der_generalized_time(&c) == times[i].time && nr_der_done(&c));
	}
	static const char *const years[][2] = {{"500101000000Z", "1950"}, {"491231235959Z", "2049"}};
	for (size_t i = 0; i < NR_COUNT(years); i++) {
		uint8_t bytes[16] = {NR_DER_UTC_TIME, 13};
		memcpy(bytes + 2, years[i][0], 13);
		char text[NR_TIME_TEXT];
		struct nr_cursor c = nr_cursor_over(bytes, 15);
		nr_time_write(nr_der_time(&c), text);
		assert_false(c.failed);
		assert_memory_equal(text, years[i][1], 4);
	}
}

static void lengths_of_all_sizes(void **state)
{
	(void)state;
	static uint8_t buffer[70000], zeros[66000];
	static const struct {
		size_t length, header;
	} sizes[] = {{0, 2}, {127, 2}, {128, 3}, {255, 3}, {256, 4}, {65535, 4}, {65536, 5}};
	for (size_t i = 0; i < NR_COUNT(sizes); i++) {
		struct nr_der_writer w;
		nr_der_writer_init(&w, buffer, sizeof buffer);
		nr_der_put_value(&w, NR_DER_OCTET_STRING, zeros, sizes[i].length);
		assert_int_equal(nr_der_mark(&w), sizes[i].length + sizes[i].header);
		assert_true(nr_der_check_whole(w.at, nr_der_mark(&w), NULL));
	}
}

static void no_room_is_sticky(void **state)
{
	(void)state;
	uint8_t buffer[8];
	for (size_t room = 0; room <= sizeof buffer; room++) {
		struct nr_der_writer w;
		nr_der_writer_init(&w, buffer, room);
		nr_der_put_value(&w, NR_DER_OCTET_STRING, "abcdef", 6);
		assert_int_equal(w.failed, room < 8);
		assert_true(w.at >= w.start && w.at <= w.end);
		if (w.failed)
			nr_der_put(&w, "", 0);
		assert_int_equal(w.failed, room < 8);
	}
}

static void sets_are_sorted(void **state)
{
	(void)state;
	uint8_t bytes[32], scratch[32], wanted[32];
	size_t length = hex_parse("020103 0401ff 02020101 020101", bytes, sizeof bytes);
	hex_parse("020101 020103 02020101 0401ff", wanted, sizeof wanted);
	assert_true(nr_der_sort(bytes, length, scratch, sizeof scratch));
	assert_memory_equal(bytes, wanted, length);
	assert_false(nr_der_sort(bytes, length, scratch, length - 1));
	assert_false(nr_der_sort(bytes, length - 1, scratch, sizeof scratch));
}

static void signatures_lose_and_gain_zeros(void **state)
{
	(void)state;
	static const struct {
		const char *rs, *der;
	} values[] = {
		{"0001 0002", "3006 020101 020102"},
		{"00ff 8000", "3009 020200ff 0203008000"},
		{"7fff 0080", "3008 02027fff 02020080"},
		{"0000 0001", "3006 020100 020101"},
	};
	for (size_t i = 0; i < NR_COUNT(values); i++) {
		uint8_t rs[4], der[16], made[16], again[4];
		hex_parse(values[i].rs, rs, sizeof rs);
		size_t length = hex_parse(values[i].der, der, sizeof der);
		assert_int_equal(nr_der_from_rs(rs, 2, made, sizeof made), length);
		assert_memory_equal(made, der, length);
		assert_true(nr_der_to_rs(der, length, again, 2));
		assert_memory_equal(again, rs, 4);
		assert_int_equal(nr_der_from_rs(rs, 2, made, length - 1), 0);
		assert_false(nr_der_to_rs(der, length, again, 0));
		assert_false(nr_der_to_rs(der, length - 1, again, 2));
	}
	uint8_t der[16], rs[4];
	size_t length = hex_parse("3006 0201ff 020101", der, sizeof der);
	assert_false(nr_der_to_rs(der, length, rs, 2)); /* negative */
	length = hex_parse("3008 0203010000 020101", der, sizeof der);
	assert_false(nr_der_to_rs(der, length, rs, 2)); /* too long */
}

static void names_are_written(void **state)
{
	(void)state;
	static const struct {
		const char *hex, *text;
	} names[] = {{"06092a864886f70d010904", "1.2.840.113549.1.9.4"}, {"060388370a", "2.999.10"},
		{"060127", "0.39"}, {"060128", "1.0"}};
	for (size_t i = 0; i < NR_COUNT(names); i++) {
		uint8_t bytes[16];
		char text[32];
		size_t length = hex_parse(names[i].hex, bytes, sizeof bytes);
		struct nr_cursor c = nr_cursor_over(bytes, length);
		struct nr_der oid = nr_der_take(&c, NR_DER_OID);
		assert_true(nr_der_oid_write(&oid, text, sizeof text));
		assert_string_equal(text, names[i].text);
		assert_false(nr_der_oid_write(&oid, text, strlen(names[i].text)));
	}
	uint8_t huge[16] = {6, 12, 0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	struct nr_cursor c = nr_cursor_over(huge, 14);
	struct nr_der oid = nr_der_take(&c, NR_DER_OID);
	char text[64];
	assert_false(c.failed || nr_der_oid_write(&oid, text, sizeof text));
}

/* Every name of the table is well-formed, is found again, and is another than the others. */
static void the_table_of_names_is_sound(void **state)
{
	(void)state;
	for (enum nr_oid oid = NR_OID_UNKNOWN + 1; oid < NR_OIDS; oid++) {
		uint8_t bytes[32];
		struct nr_der_writer w;
		nr_der_writer_init(&w, bytes, sizeof bytes);
		nr_oid_put_algorithm(&w, oid, oid % 2);
		struct nr_cursor c = nr_cursor_over(w.at, nr_der_mark(&w));
		assert_int_equal(nr_oid_algorithm(&c), oid);
		assert_true(nr_der_done(&c));
	}
	static const uint8_t parameters[] = {0x30, 0x09, 6, 4, 0x2a, 0x86, 0x48, 1, 2, 1, 0, 5};
	struct nr_cursor c = nr_cursor_over(parameters, 11);
	assert_int_equal(nr_oid_algorithm(&c), NR_OID_UNKNOWN);
	assert_true(nr_der_done(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_structures),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(reads_like_the_schema),
		cmocka_unit_test(what_is_left_inside_fails_and_says_where),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(a_default_is_not_written),
		cmocka_unit_test(times_come_back),
		cmocka_unit_test(lengths_of_all_sizes),
		cmocka_unit_test(no_room_is_sticky),
		cmocka_unit_test(sets_are_sorted),
		cmocka_unit_test(signatures_lose_and_gain_zeros),
		cmocka_unit_test(names_are_written),
		cmocka_unit_test(the_table_of_names_is_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
