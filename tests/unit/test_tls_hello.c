/* SPDX-License-Identifier: Apache-2.0 */
/* ClientHellos byte for byte, and answers as servers and strangers send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/tls_hello.h"

#include <string.h>

static uint8_t scratch[NR_TLS_ANSWER_MAX];

/* ---- writing ---- */

static size_t hex_write(const uint8_t *bytes, size_t length, char *text)
{
	for (size_t i = 0; i < length; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return 2 * length;
}

static void test_write(void **state)
{
	(void)state;
	static const uint16_t ciphers[] = {0xc02f, 0x002f, 0}, versions[] = {0x0304, 0},
			      groups[] = {29, 23, 0}, signatures[] = {0x0403, 0};
	static const char *const protocols[] = {"h2", NULL};
	uint8_t random[32], bytes[NR_TLS_HELLO_MAX];
	char text[2 * NR_TLS_HELLO_MAX + 1];
	memset(random, 0xaa, sizeof random);
#define RANDOM "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	static const struct {
		struct nr_tls_hello hello;
		const char *expected;
	} cases[] = {
		{{.record_version = 0x0301, .version = 0x0303, .ciphers = ciphers, .bare = true},
			"160301002f0100002b0303" RANDOM "000004c02f002f0100"},
		{{.record_version = 0x0303, .version = 0x0302, .ciphers = ciphers, .grease = true},
			"16030300400100003c0302" RANDOM
			"0000065a5ac02f002f0100000d7a7a000000170000ff01000100"},
		{{.record_version = 0x0301,
			 .version = 0x0303,
			 .ciphers = ciphers,
			 .groups = groups,
			 .signatures = signatures,
			 .protocols = protocols,
			 .reversed = true},
			"160301005b010000570303" RANDOM
			"000004c02f002f0100002a000d000400020403001000050003026832"
			"000b00020100000a00060004001d0017ff0100010000170000"},
		{{.record_version = 0x0301, .version = 0x0303, .ciphers = ciphers, .versions = versions},
			"160301006d0100006903"
			"03" RANDOM "20" RANDOM "0004c02f002f0100001c00170000ff01000100003300020000002d000201"
			"01002b0003020304"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		size_t length = nr_tls_hello_write(&cases[i].hello, random, bytes);
		text[hex_write(bytes, length, text)] = 0;
		assert_string_equal(text, cases[i].expected);
	}
}

static void test_write_too_much(void **state)
{
	(void)state;
	static uint16_t many[600];
	uint8_t random[32] = {0}, bytes[NR_TLS_HELLO_MAX];
	for (size_t i = 0; i < NR_COUNT(many) - 1; i++)
		many[i] = 0xc02f;
	const struct nr_tls_hello hello = {.ciphers = many, .bare = true};
	assert_int_equal(nr_tls_hello_write(&hello, random, bytes), 0);
	many[400] = 0;
	assert_int_not_equal(nr_tls_hello_write(&hello, random, bytes), 0);
}

/* ---- reading ---- */

struct builder {
	uint8_t bytes[NR_TLS_ANSWER_MAX + 65536];
	size_t length;
};

static void put(struct builder *b, const void *bytes, size_t length)
{
	memcpy(b->bytes + b->length, bytes, length);
	b->length += length;
}

static void put_hex(struct builder *b, const char *hex)
{
	for (unsigned octet; sscanf(hex, "%2x", &octet) == 1; hex += 2)
		put(b, &(uint8_t){(uint8_t)octet}, 1);
}

static void put_record(struct builder *b, uint8_t type, const struct builder *body)
{
	put(b, (uint8_t[]){type, 3, 3, (uint8_t)(body->length >> 8), (uint8_t)body->length}, 5);
	put(b, body->bytes, body->length);
}

static void put_message(struct builder *b, uint8_t type, const char *hex)
{
	size_t length = strlen(hex) / 2;
	put(b, (uint8_t[]){type, (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length}, 4);
	put_hex(b, hex);
}

#define HELLO12 "0303" RANDOM "00c02f000014ff01000100000b00020100001000050003026832"
#define RETRY                                                                                                \
	"0303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c00130200000c002b000203040033"   \
	"00020018"

static struct nr_tls_answer read_all(const struct builder *b)
{
	struct nr_tls_answer answer;
	nr_tls_answer_read(b->bytes, b->length, scratch, &answer);
	return answer;
}

static void test_server_hello(void **state)
{
	(void)state;
	static struct builder messages, whole;
	messages.length = whole.length = 0;
	put_message(&messages, 2, HELLO12);
	put_message(&messages, 11, "00000c000003aabbcc000003ddeeff");
	put_message(&messages, 12, "0317");
	put_message(&messages, 13, "0101");
	put_message(&messages, 14, "");
	put_record(&whole, 22, &messages);
	struct nr_tls_answer a = read_all(&whole);
	assert_int_equal(a.state, NR_TLS_DONE);
	assert_true(a.hello && !a.retry && !a.alert && a.asks_certificate);
	assert_int_equal(a.version, 0x0303);
	assert_int_equal(a.cipher, 0xc02f);
	assert_int_equal(a.extension_count, 3);
	assert_int_equal(a.extensions[0], 0xff01);
	assert_int_equal(a.extensions[2], 16);
	assert_string_equal(a.protocol, "h2");
	assert_int_equal(a.certificate_count, 2);
	assert_memory_equal(a.certificates[1].bytes, "\xdd\xee\xff", 3);
}

/* However the bytes are cut: sound so far until the end, and then what it would be at once. */
static void test_pieces(void **state)
{
	(void)state;
	static struct builder messages, pieces;
	messages.length = pieces.length = 0;
	put_message(&messages, 2, HELLO12);
	put_message(&messages, 11, "000006000003aabbcc");
	put_message(&messages, 14, "");
	for (size_t at = 0; at < messages.length; at += 3) { /* a record for every three bytes */
		struct builder *part = calloc(1, sizeof *part);
		assert_non_null(part);
		put(part, messages.bytes + at, NR_MIN((size_t)3, messages.length - at));
		put_record(&pieces, 22, part);
		free(part);
	}
	struct nr_tls_answer a;
	for (size_t length = 0; length < pieces.length; length++) {
		nr_tls_answer_read(pieces.bytes, length, scratch, &a);
		assert_int_equal(a.state, NR_TLS_MORE);
	}
	a = read_all(&pieces);
	assert_int_equal(a.state, NR_TLS_DONE);
	assert_int_equal(a.certificate_count, 1);
}

static void test_tls13(void **state)
{
	(void)state;
	static struct builder messages, whole;
	messages.length = whole.length = 0;
	put_message(&messages, 2, RETRY);
	put_record(&whole, 22, &messages);
	struct nr_tls_answer a = read_all(&whole);
	assert_int_equal(a.state, NR_TLS_DONE);
	assert_true(a.retry);
	assert_int_equal(a.version, 0x0304);
	assert_int_equal(a.legacy, 0x0303);
	assert_int_equal(a.cipher, 0x1302);
	assert_int_equal(a.group, 24);
}

static void test_hostile(void **state)
{
	(void)state;
	static const struct {
		const char *name, *hex;
		enum nr_tls_state state;
		bool hello, alert;
	} cases[] = {
		{"nothing", "", NR_TLS_MORE, false, false},
		{"half a header", "1603", NR_TLS_MORE, false, false},
		{"HTTP", "485454502f312e3120343030", NR_TLS_FOREIGN, false, false},
		{"SSH", "5353482d322e30", NR_TLS_FOREIGN, false, false},
		{"another major version", "1602", NR_TLS_FOREIGN, false, false},
		{"another minor version", "160308", NR_TLS_FOREIGN, false, false},
		{"a record that is too long", "160303ffff00", NR_TLS_FOREIGN, false, false},
		{"a fatal alert", "15030300020228", NR_TLS_DONE, false, true},
		{"a warning, then silence", "15030300020170", NR_TLS_MORE, false, true},
		{"an alert of no level", "15030300020900", NR_TLS_FOREIGN, false, false},
		{"an alert without a code", "150303000102", NR_TLS_FOREIGN, false, false},
		{"a certificate before its hello", "16030300070b000003000000", NR_TLS_FOREIGN, false, false},
		{"a message of 16 MiB", "160303000402ffffff", NR_TLS_FOREIGN, false, false},
		{"a hello of two bytes", "1603030006020000020303", NR_TLS_FOREIGN, false, false},
		{"application data first", "170303000100", NR_TLS_DONE, false, false},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		static struct builder b;
		b.length = 0;
		put_hex(&b, cases[i].hex);
		struct nr_tls_answer a = read_all(&b);
		if (a.state != cases[i].state || a.hello != cases[i].hello || a.alert != cases[i].alert)
			fail_msg("%s: state %d hello %d alert %d", cases[i].name, a.state, a.hello, a.alert);
	}
}

/* Two hellos, an endless session id, extensions that end in the middle, a name with control characters. */
static void test_hostile_hello(void **state)
{
	(void)state;
	static const struct {
		const char *first, *second;
		enum nr_tls_state state;
	} cases[] = {
		{HELLO12, HELLO12, NR_TLS_FOREIGN},
		{"0303" RANDOM "21c02f00", NULL, NR_TLS_FOREIGN},
		{"0303" RANDOM "00c02f0000ff", NULL, NR_TLS_FOREIGN},
		{"0303" RANDOM "00c02f00000400100005", NULL, NR_TLS_FOREIGN},
		{"0303" RANDOM "00c02f00", NULL, NR_TLS_MORE},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		static struct builder messages, whole;
		messages.length = whole.length = 0;
		put_message(&messages, 2, cases[i].first);
		if (cases[i].second)
			put_message(&messages, 2, cases[i].second);
		put_record(&whole, 22, &messages);
		assert_int_equal(read_all(&whole).state, cases[i].state);
	}
	static struct builder messages, whole;
	messages.length = whole.length = 0;
	put_message(&messages, 2, "0303" RANDOM "00c02f00000a001000060004031b5b22");
	put_record(&whole, 22, &messages);
	assert_string_equal(read_all(&whole).protocol, "?[?");
}

static void test_bombs(void **state)
{
	(void)state;
	static struct builder whole, messages;
	whole.length = messages.length = 0;
	put_message(&messages, 2, HELLO12);
	put(&messages, "\x0b\x00\x00\x8f\x00\x00\x8c", 7); /* 20 certificates of 4 bytes */
	for (int i = 0; i < 20; i++)
		put(&messages, "\x00\x00\x04\x01\x02\x03\x04", 7);
	put_record(&whole, 22, &messages);
	struct nr_tls_answer a = read_all(&whole);
	assert_int_equal(a.certificate_count, NR_TLS_CERTIFICATES_MAX);
	assert_int_equal(a.certificates_cut, 20 - NR_TLS_CERTIFICATES_MAX);

	whole.length = 0; /* a storm of warnings: it ends with our patience */
	while (whole.length < NR_TLS_ANSWER_MAX)
		put(&whole, "\x15\x03\x03\x00\x02\x01\x70", 7);
	a = read_all(&whole);
	assert_int_equal(a.state, NR_TLS_FOREIGN);
	assert_true(a.alert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_too_much),
		cmocka_unit_test(test_server_hello),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_tls13),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_hostile_hello),
		cmocka_unit_test(test_bombs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
