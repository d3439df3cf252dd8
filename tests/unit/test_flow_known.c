/* SPDX-License-Identifier: Apache-2.0 */
/* What is known from elsewhere: tables, files of every form, feedback, and lines that strangers wrote. */
#include "sense/flow/detect/judge/feedback.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct nr_flow_known *known_new(void)
{
	struct nr_flow_known *known = NULL;
	assert_int_equal(nr_flow_known_new(&known, NULL), 0);
	return known;
}

static struct nr_flow_server server_of(const char *address, uint16_t port, uint8_t protocol)
{
	struct nr_flow_server server = {.port = port, .protocol = protocol};
	if (nr_address_parse(address, &server.address, NULL))
		fail_msg("%s", address);
	return server;
}

static void add(struct nr_flow_known *known, enum nr_flow_known_kind kind, struct nr_flow_server server,
	double weight, nr_time from, nr_time until)
{
	const struct nr_flow_known_entry entry = {kind, server, from, until, weight, "test"};
	assert_int_equal(nr_flow_known_add(known, &entry, NULL), 0);
}

static double weight_of(const struct nr_flow_known *known, enum nr_flow_known_kind kind, const char *address,
	uint16_t port, uint8_t protocol, nr_time at)
{
	struct nr_flow_server server = server_of(address, port, protocol);
	const struct nr_flow_known_entry *entry = nr_flow_known_find(known, kind, &server, at);
	return entry ? entry->weight : -1;
}

static void test_the_strongest_that_is_valid(void **state)
{
	(void)state;
	NR_AUTO(nr_flow_known_freep) struct nr_flow_known *known = known_new();
	assert_null(nr_flow_known_find(known, NR_FLOW_KNOWN_C2, &(struct nr_flow_server){.port = 1}, 0));
	add(known, NR_FLOW_KNOWN_C2, server_of("203.0.113.9", 443, 6), 0.5, 100, 200);
	add(known, NR_FLOW_KNOWN_C2, server_of("203.0.113.9", 443, 6), 0.9, 150, 160);
	add(known, NR_FLOW_KNOWN_C2, server_of("203.0.113.9", 0, 0), 0.3, NR_TIME_MIN, NR_TIME_MAX);
	add(known, NR_FLOW_KNOWN_C2, server_of("203.0.113.9", 443, 0), 0.4, 300, 300);
	add(known, NR_FLOW_KNOWN_C2, server_of("203.0.113.9", 0, 17), 0.6, 300, 300);
	static const struct {
		uint16_t port;
		uint8_t protocol;
		nr_time at;
		double weight;
	} cases[] = {{443, 6, 99, 0.3}, {443, 6, 100, 0.5}, {443, 6, 155, 0.9}, {443, 6, 161, 0.5},
		{443, 6, 200, 0.5}, {443, 6, 201, 0.3}, {443, 6, 300, 0.4}, {443, 17, 300, 0.6},
		{80, 6, 155, 0.3}, {0, 0, 155, 0.3}};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		if (weight_of(known, NR_FLOW_KNOWN_C2, "203.0.113.9", cases[i].port, cases[i].protocol,
			    cases[i].at) != cases[i].weight)
			fail_msg("case %zu", i);
	assert_true(weight_of(known, NR_FLOW_KNOWN_C2, "203.0.113.8", 443, 6, 155) == -1);
	assert_true(weight_of(known, NR_FLOW_KNOWN_PROBED, "203.0.113.9", 443, 6, 155) == -1);
	assert_int_equal(nr_flow_known_count(known, NR_FLOW_KNOWN_C2), 5);
}

static void test_many(void **state)
{
	(void)state;
	NR_AUTO(nr_flow_known_freep) struct nr_flow_known *known = known_new();
	for (uint32_t i = 0; i < 20000; i++)
		add(known, i % 3 ? NR_FLOW_KNOWN_INFECTED : NR_FLOW_KNOWN_C2,
			(struct nr_flow_server){nr_address_from_ipv4(i), (uint16_t)(i % 3 ? 0 : 443), 0}, i,
			NR_TIME_MIN, NR_TIME_MAX);
	for (uint32_t i = 0; i < 20010; i++) {
		struct nr_flow_server server = {nr_address_from_ipv4(i), 443, 6};
		const struct nr_flow_known_entry *c2 =
			nr_flow_known_find(known, NR_FLOW_KNOWN_C2, &server, 0);
		const struct nr_flow_known_entry *infected =
			nr_flow_known_find(known, NR_FLOW_KNOWN_INFECTED, &server, 0);
		assert_int_equal(c2 != NULL, i < 20000 && i % 3 == 0);
		assert_int_equal(infected != NULL, i < 20000 && i % 3 != 0);
		assert_true(!c2 || c2->weight == i);
	}
}

static struct nr_flow_known *read_text(const char *text, uint64_t skipped, char *first)
{
	char path[] = "/tmp/noroshi-known-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	struct nr_flow_known *known = known_new();
	struct nr_error error = {0};
	uint64_t n = 0;
	int e = nr_flow_known_read(known, path, &n, &error);
	unlink(path);
	if (e || n != skipped)
		fail_msg("%d, %llu lines skipped: %s", e, (unsigned long long)n, error.text);
	if (first)
		memcpy(first, error.text, sizeof error.text);
	return known;
}

#define DAY_2026 (INT64_C(1767225600) * NR_SECOND)

static void test_every_form_of_line(void **state)
{
	(void)state;
	NR_AUTO(nr_flow_known_freep)
	struct nr_flow_known *known = read_text(
		"# infected hosts and servers\n"
		"192.0.2.1   # of the telescope\r\n"
		"\n"
		"203.0.113.9:8443\n"
		"[2001:db8::9]:443\n"
		"2001:db8::1\n"
		"{\"kind\":\"infected-host\",\"subject\":\"192.0.2.2\",\"confidence\":0.6,\"last_seen\":"
		"\"2026-01-01T00:"
		"00:00Z\",\"port\":23,\"protocol\":\"tcp\"}\n"
		"{\"kind\":\"c2-server\",\"subject\":\"203.0.113.10\",\"port\":23,\"protocol\":\"tcp\","
		"\"confidence\":0.7,"
		"\"last_seen\":\"2026-01-01T00:00:00Z\"}\n"
		"{\"kind\":\"research-scanner\",\"subject\":\"203.0.113.11\"}\n"
		"{\"address\":\"203.0.113.12\",\"port\":8443,\"protocol\":\"tcp\",\"valid_from\":\"2024-10-"
		"04\","
		"\"valid_until\":\"2024-11-03\",\"reasons\":[\"beacon\",\"probed\"],\"confidence\":\"high\","
		"\"clients\":\"10-99\",\"carriers\":\"2-4\"}\n"
		"{\"subject\":\"203.0.113.13\",\"port\":443,\"protocol\":\"tcp\",\"verdict\":\"confirmed\","
		"\"by\":"
		"\"desk\"}\n"
		"{\"probe\":{\"address\":\"203.0.113.14\",\"port\":443,\"protocol\":\"tcp\",\"weight\":99}}\n"
		"{\"summary\":{}}\n",
		0, NULL);
	static const struct {
		enum nr_flow_known_kind kind;
		const char *address;
		uint16_t port;
		nr_time at;
		double weight;
	} cases[] = {{NR_FLOW_KNOWN_INFECTED, "192.0.2.1", 0, DAY_2026, 0.8},
		{NR_FLOW_KNOWN_C2, "203.0.113.9", 8443, DAY_2026, 0.8},
		{NR_FLOW_KNOWN_C2, "203.0.113.9", 8444, DAY_2026, -1},
		{NR_FLOW_KNOWN_C2, "2001:db8::9", 443, DAY_2026, 0.8},
		{NR_FLOW_KNOWN_INFECTED, "2001:db8::1", 0, DAY_2026, 0.8},
		{NR_FLOW_KNOWN_INFECTED, "192.0.2.2", 0, DAY_2026 + 6 * NR_DAY, 0.6},
		{NR_FLOW_KNOWN_INFECTED, "192.0.2.2", 0, DAY_2026 + 8 * NR_DAY, -1},
		{NR_FLOW_KNOWN_C2, "203.0.113.10", 23, DAY_2026 + 29 * NR_DAY, 0.7},
		{NR_FLOW_KNOWN_C2, "203.0.113.10", 23, DAY_2026 + 31 * NR_DAY, -1},
		{NR_FLOW_KNOWN_INFECTED, "203.0.113.11", 0, DAY_2026, -1},
		{NR_FLOW_KNOWN_C2, "203.0.113.12", 8443, 20000 * NR_DAY, 0.95},
		{NR_FLOW_KNOWN_C2, "203.0.113.12", 8443, 20029 * NR_DAY, 0.95},
		{NR_FLOW_KNOWN_C2, "203.0.113.12", 8443, 20030 * NR_DAY, -1},
		{NR_FLOW_KNOWN_CONFIRMED, "203.0.113.13", 443, DAY_2026, 1},
		{NR_FLOW_KNOWN_PROBED, "203.0.113.14", 443, DAY_2026, 6}};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		double weight =
			weight_of(known, cases[i].kind, cases[i].address, cases[i].port, 6, cases[i].at);
		if (weight != cases[i].weight)
			fail_msg("%s: %g", cases[i].address, weight);
	}
}

/* A line that is none costs itself alone, and the first is named. */
static void test_hostile_lines(void **state)
{
	(void)state;
	static const char *const lines[] = {"not an address", "192.0.2.999", "192.0.2.1:0", "192.0.2.1:65536",
		"192.0.2.1:80x", "192.0.2.1:-1", "[2001:db8::1", "[2001:db8::1]443", "{", "{}", "[]",
		"{\"kind\":1}", "{\"kind\":\"c2-server\"}", "{\"kind\":\"c2-server\",\"subject\":5}",
		"{\"kind\":\"c2-server\",\"subject\":\"192.0.2.1\",\"confidence\":2}",
		"{\"kind\":\"c2-server\",\"subject\":\"192.0.2.1\",\"confidence\":NaN}",
		"{\"kind\":\"c2-server\",\"subject\":\"192.0.2.1\",\"port\":70000}",
		"{\"kind\":\"c2-server\",\"subject\":\"192.0.2.1\",\"port\":1.5}",
		"{\"kind\":\"c2-server\",\"subject\":\"192.0.2.1\",\"protocol\":\"nonsense\"}",
		"{\"kind\":\"c2-server\",\"subject\":\"192.0.2.1\",\"protocol\":-1}",
		"{\"kind\":\"c2-server\",\"subject\":\"192.0.2.1\",\"last_seen\":\"yesterday\"}",
		"{\"kind\":\"c2-server\",\"subject\":\"192.0.2.1\",\"last_seen\":7}",
		"{\"kind\":\"c2-server\",\"subject\":\"192.0.2.1\\u0000x\"}",
		"{\"subject\":\"192.0.2.1\",\"verdict\":\"maybe\"}",
		"{\"kind\":\"c2-server\",\"subject\":\"192.0.2.1\"} {}",
		"{\"address\":\"10.0.0.1\",\"port\":1,\"protocol\":\"tcp\",\"valid_from\":\"2024-10-04\"}",
		"{\"a\":[[[[[[[[[[[[1]]]]]]]]]]]]}"};
	for (size_t i = 0; i < NR_COUNT(lines); i++) {
		char text[400], first[240];
		snprintf(text, sizeof text, "192.0.2.7\n%s\n192.0.2.8\n", lines[i]);
		NR_AUTO(nr_flow_known_freep) struct nr_flow_known *known = read_text(text, 1, first);
		if (!strstr(first, "line 2: "))
			fail_msg("%s: %s", lines[i], first);
		assert_int_equal(nr_flow_known_count(known, NR_FLOW_KNOWN_INFECTED), 2);
		assert_int_equal(nr_flow_known_count(known, NR_FLOW_KNOWN_C2), 0);
	}
	NR_AUTO(nr_flow_known_freep) struct nr_flow_known *known = known_new();
	uint64_t skipped;
	assert_int_equal(nr_flow_known_read(known, "/nonexistent/list", &skipped, NULL), -ENOENT);
}

static void test_a_line_without_end(void **state)
{
	(void)state;
	size_t length = (size_t)3 << 20;
	NR_AUTO(nr_freep) char *text = malloc(length + 1);
	assert_non_null(text);
	memset(text, 'x', length);
	memcpy(text + length - 12, "\n192.0.2.9\n\n", 12);
	text[length] = 0;
	NR_AUTO(nr_flow_known_freep) struct nr_flow_known *known = read_text(text, 1, NULL);
	assert_int_equal(nr_flow_known_count(known, NR_FLOW_KNOWN_INFECTED), 1);
}

static void test_feedback_there_and_back(void **state)
{
	(void)state;
	static const char line[] =
		"{\"time\":\"2026-11-24T03:12:00.000000Z\",\"subject\":\"203.0.113.9\",\"port\":8443,"
		"\"protocol\":\"tcp\",\"verdict\":\"benign\",\"by\":\"当直\",\"note\":\"our own "
		"\\\"probe\\\"\"}";
	struct nr_flow_feedback feedback;
	assert_int_equal(nr_flow_feedback_parse(line, strlen(line), &feedback, NULL), 0);
	assert_int_equal(feedback.verdict, NR_FLOW_FEEDBACK_BENIGN);
	assert_string_equal(feedback.by, "当直");
	struct nr_json json;
	nr_json_init(&json);
	nr_flow_feedback_write(&feedback, &json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	assert_string_equal(json.bytes, line);
	nr_json_fini(&json);
	/* each cut of it is refused */
	for (size_t length = 0; length + 1 < sizeof line; length++)
		assert_int_equal(nr_flow_feedback_parse(line, length, &feedback, NULL), -EBADMSG);
	char longer[NR_FLOW_FEEDBACK_LINE];
	/* what stands behind a line is not its */
	snprintf(longer, sizeof longer, "%s \t  ", line);
	assert_int_equal(nr_flow_feedback_parse(longer, strlen(line) + 1, &feedback, NULL), 0);
	snprintf(longer, sizeof longer,
		"{\"subject\":\"203.0.113.9\",\"verdict\":\"benign\",\"note\":\"%0*d\"}",
		NR_FLOW_FEEDBACK_NOTE, 7);
	assert_int_equal(nr_flow_feedback_parse(longer, strlen(longer), &feedback, NULL), -EBADMSG);
	snprintf(longer, sizeof longer,
		"{\"subject\":\"203.0.113.9\",\"verdict\":\"benign\",\"note\":\"%0*d\"}",
		NR_FLOW_FEEDBACK_NOTE - 1, 7);
	assert_int_equal(nr_flow_feedback_parse(longer, strlen(longer), &feedback, NULL), 0);
	static const char control[] =
		"{\"subject\":\"203.0.113.9\",\"verdict\":\"benign\",\"note\":\"a\\u001b[2Jb\\nc\"}";
	assert_int_equal(nr_flow_feedback_parse(control, strlen(control), &feedback, NULL), 0);
	assert_string_equal(feedback.note, "a [2Jb c");
}

/* The last word of a person counts. */
static void test_second_thoughts(void **state)
{
	(void)state;
	static const struct {
		enum nr_flow_feedback_verdict said;
		bool confirmed, benign;
	} steps[] = {{NR_FLOW_FEEDBACK_CONFIRMED, true, false}, {NR_FLOW_FEEDBACK_BENIGN, false, true},
		{NR_FLOW_FEEDBACK_BENIGN, false, true}, {NR_FLOW_FEEDBACK_CONFIRMED, true, false},
		{NR_FLOW_FEEDBACK_WITHDRAWN, false, false}, {NR_FLOW_FEEDBACK_BENIGN, false, true}};
	NR_AUTO(nr_flow_known_freep) struct nr_flow_known *known = known_new();
	struct nr_flow_feedback feedback = {.server = server_of("203.0.113.9", 443, 6)};
	for (size_t i = 0; i < NR_COUNT(steps); i++) {
		feedback.verdict = steps[i].said;
		assert_int_equal(nr_flow_feedback_tell(&feedback, known, NULL), 0);
		assert_int_equal(weight_of(known, NR_FLOW_KNOWN_CONFIRMED, "203.0.113.9", 443, 6, 5) == 1,
			steps[i].confirmed);
		assert_int_equal(weight_of(known, NR_FLOW_KNOWN_BENIGN, "203.0.113.9", 443, 6, 5) == 1,
			steps[i].benign);
		assert_int_equal(nr_flow_known_count(known, NR_FLOW_KNOWN_CONFIRMED), steps[i].confirmed);
		assert_int_equal(nr_flow_known_count(known, NR_FLOW_KNOWN_BENIGN), steps[i].benign);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_strongest_that_is_valid),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_every_form_of_line),
		cmocka_unit_test(test_hostile_lines),
		cmocka_unit_test(test_a_line_without_end),
		cmocka_unit_test(test_feedback_there_and_back),
		cmocka_unit_test(test_second_thoughts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
