/* SPDX-License-Identifier: Apache-2.0 */
/* The list of C&C servers that cannot hold a client: hostile values into every field, and the bytes. */
#include "base/hll.h"
#include "base/time.h"
#include "model/c2_list.h"

#include <errno.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct nr_c2_list *make_list(void)
{
	struct nr_prefix own[2];
	struct nr_c2_list *list = NULL;
	assert_int_equal(nr_prefix_parse("198.51.100.0/24", &own[0], NULL), 0);
	assert_int_equal(nr_prefix_parse("2001:db8:1::/48", &own[1], NULL), 0);
	assert_int_equal(nr_c2_list_new(own, 2, &list, NULL), 0);
	return list;
}

static struct nr_c2_server server_at(const char *address)
{
	struct nr_c2_server server = {.port = 8443,
		.protocol = 6,
		.from_day = 20000,
		.until_day = 20030,
		.reasons = NR_C2_BEACON | NR_C2_PROBED,
		.confidence = NR_C2_HIGH,
		.clients = NR_C2_CLIENTS_10,
		.carriers = NR_C2_CARRIERS_2};
	if (nr_address_parse(address, &server.address, NULL))
		fail_msg("%s", address);
	return server;
}

static const char line_of[] =
	"{\"address\":\"203.0.113.9\",\"port\":8443,\"protocol\":\"tcp\",\"valid_from\":\"2024-10-04\","
	"\"valid_until\":\"2024-11-03\",\"reasons\":[\"beacon\",\"probed\"],\"confidence\":\"high\","
	"\"clients\":\"10-99\",\"carriers\":\"2-4\"}";

static void test_there_and_back(void **state)
{
	(void)state;
	NR_AUTO(nr_c2_list_freep) struct nr_c2_list *list = make_list();
	static const char *const addresses[] = {"203.0.113.9", "2001:db8:2::9", "198.51.101.1"};
	for (size_t i = 0; i < NR_COUNT(addresses); i++)
		for (unsigned reasons = 1; reasons < 1u << NR_C2_REASONS; reasons += 7) {
			struct nr_c2_server server = server_at(addresses[i]), again;
			char line[NR_C2_LINE_MAX];
			server.reasons = (uint16_t)reasons;
			server.protocol = reasons & 1 ? 6 : 17;
			server.clients = (uint8_t)(reasons % NR_C2_CLIENT_BUCKETS);
			assert_int_equal(nr_c2_list_write(list, &server, line, NULL), 0);
			assert_int_equal(nr_c2_list_read(list, line, strlen(line), &again, NULL), 0);
			char twice[NR_C2_LINE_MAX];
			assert_int_equal(nr_c2_list_write(list, &again, twice, NULL), 0);
			assert_string_equal(line, twice);
		}
	struct nr_c2_server server = server_at("203.0.113.9");
	char line[NR_C2_LINE_MAX];
	assert_int_equal(nr_c2_list_write(list, &server, line, NULL), 0);
	assert_string_equal(line, line_of);
}

static void test_no_client_as_the_server(void **state)
{
	(void)state;
	NR_AUTO(nr_c2_list_freep) struct nr_c2_list *list = make_list();
	static const char *const refused[] = {"198.51.100.7", "2001:db8:1:5::7", "10.1.2.3", "100.64.1.1",
		"192.168.1.1", "172.20.1.1", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1",
		"169.254.1.1", "::", "::1", "100::5a1c:1:2:3", "fd00::1", "fe80::1", "ff02::1",
		"2002:c633:6407::1", "64:ff9b::198.51.100.7", "::198.51.100.7", "2001:db8:2::198.51.100.7",
		"2001:0:1::1"};
	for (size_t i = 0; i < NR_COUNT(refused); i++) {
		struct nr_c2_server server = server_at(refused[i]);
		char line[NR_C2_LINE_MAX] = "untouched", text[NR_C2_LINE_MAX];
		if (nr_c2_list_write(list, &server, line, NULL) != -EPERM || strcmp(line, "untouched") != 0)
			fail_msg("%s is written", refused[i]);
		int n = snprintf(
			text, sizeof text, "{\"address\":\"%s\"%s", refused[i], strstr(line_of, ",\"port\""));
		if (nr_c2_list_read(list, text, (size_t)n, &server, NULL) == 0)
			fail_msg("%s is read", refused[i]);
	}
}

static void test_values_that_are_no_steps(void **state)
{
	(void)state;
	NR_AUTO(nr_c2_list_freep) struct nr_c2_list *list = make_list();
	char line[NR_C2_LINE_MAX];
#define REFUSE(change)                                                                                       \
	do {                                                                                                 \
		struct nr_c2_server s = server_at("203.0.113.9");                                            \
		change;                                                                                      \
		assert_int_equal(nr_c2_list_write(list, &s, line, NULL), -EINVAL);                           \
	} while (0)
	REFUSE(s.port = 0);
	REFUSE(s.protocol = 0);
	REFUSE(s.protocol = 1);
	REFUSE(s.from_day = s.until_day);
	REFUSE(s.until_day = s.from_day + NR_C2_DAYS_MAX + 1);
	REFUSE(s.from_day = INT32_MIN);
	REFUSE(s.until_day = INT32_MAX);
	REFUSE(s.reasons = 0);
	REFUSE(s.reasons = 1 << NR_C2_REASONS);
	REFUSE(s.confidence = NR_C2_CONFIDENCES);
	REFUSE(s.clients = NR_C2_CLIENT_BUCKETS);
	REFUSE(s.clients = 17);
	REFUSE(s.carriers = NR_C2_CARRIER_BUCKETS);
}

static void test_counts_become_buckets(void **state)
{
	(void)state;
	static const struct {
		uint64_t clients;
		enum nr_c2_clients bucket;
	} cases[] = {{0, NR_C2_SUPPRESSED}, {1, NR_C2_SUPPRESSED}, {4, NR_C2_SUPPRESSED},
		{5, NR_C2_CLIENTS_1}, {9, NR_C2_CLIENTS_1}, {10, NR_C2_CLIENTS_10}, {99, NR_C2_CLIENTS_10},
		{100, NR_C2_CLIENTS_100}, {999, NR_C2_CLIENTS_100}, {1000, NR_C2_CLIENTS_1000},
		{9999, NR_C2_CLIENTS_1000}, {10000, NR_C2_CLIENTS_10000}, {UINT64_MAX, NR_C2_CLIENTS_10000}};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		assert_int_equal(nr_c2_clients_of(cases[i].clients), cases[i].bucket);
	assert_int_equal(nr_c2_carriers_of(0), NR_C2_CARRIERS_1);
	assert_int_equal(nr_c2_carriers_of(1), NR_C2_CARRIERS_1);
	assert_int_equal(nr_c2_carriers_of(2), NR_C2_CARRIERS_2);
	assert_int_equal(nr_c2_carriers_of(5), NR_C2_CARRIERS_5);
}

/* Any bytes at all in the struct: what is written is of the closed form, and has no client. */
static void test_bytes_of_any_struct(void **state)
{
	(void)state;
	NR_AUTO(nr_c2_list_freep) struct nr_c2_list *list = make_list();
	regex_t form;
	assert_int_equal(
		regcomp(&form,
			"^\\{\"address\":\"[0-9a-f.:]{2,39}\",\"port\":[1-9][0-9]{0,4},\"protocol\":\"(tcp|"
			"udp)\","
			"\"valid_from\":\"2[01][0-9]{2}-[01][0-9]-[0-3][0-9]\","
			"\"valid_until\":\"2[01][0-9]{2}-[01][0-9]-[0-3][0-9]\","
			"\"reasons\":\\[\"[a-z-]+\"(,\"[a-z-]+\")*\\],\"confidence\":\"(low|medium|high)\","
			"\"clients\":\"(suppressed|1-9|10-99|100-999|1000-9999|10000\\+)\","
			"\"carriers\":\"(1|2-4|5\\+)\"\\}$",
			REG_EXTENDED | REG_NOSUB),
		0);
	unsigned written = 0;
	for (uint64_t i = 0; i < 300000; i++) {
		struct nr_c2_server server;
		uint64_t noise[sizeof server / 8 + 1];
		for (size_t k = 0; k < NR_COUNT(noise); k++)
			noise[k] = nr_hll_hash(i * 31 + k);
		memcpy(&server, noise, sizeof server);
		if (i & 1) { /* near what is allowed */
			server.protocol = i & 2 ? 6 : 17;
			server.from_day = (int32_t)(10900 + noise[0] % 100);
			server.until_day = server.from_day + (int32_t)(noise[1] % 420);
			server.reasons &= 0x3ff;
			server.confidence &= 3;
			server.clients &= 7;
			server.carriers &= 3;
		}
		if (i & 4) /* a client in the address, whole or in its end */
			server.address = nr_address_from_ipv4(0xc6336400u | (uint32_t)(noise[2] & 255));
		else if (i & 8)
			memcpy(server.address.octets + 12, "\xc6\x33\x64\x07", 4);
		char line[NR_C2_LINE_MAX];
		if (nr_c2_list_write(list, &server, line, NULL))
			continue;
		written++;
		if (regexec(&form, line, 0, NULL, 0) || strstr(line, "198.51.100.") ||
			strstr(line, "c633:64") || strstr(line, "\"100::"))
			fail_msg("%s", line);
	}
	assert_true(written > 1000);
	regfree(&form);
}

/* Whatever somebody adds to a line, changes or says twice, it is not read. */
static void test_lines_with_more_in_them(void **state)
{
	(void)state;
	NR_AUTO(nr_c2_list_freep) struct nr_c2_list *list = make_list();
	static const struct {
		const char *from, *to;
	} changes[] = {
		{"}", ",\"client\":\"198.51.100.7\"}"},
		{"}", ",\"note\":\"x\"}"},
		{"}", "} "},
		{"}", "}{"},
		{"{\"address\"", "{\"client\":\"198.51.100.7\",\"address\""},
		{"{\"address\"", "{ \"address\""},
		{"203.0.113.9", "203.0.113.9\\u0000198.51.100.7"},
		{"203.0.113.9", "203.000.113.9"},
		{"203.0.113.9", "::ffff:203.0.113.9"},
		{"203.0.113.9", "100::5a1c:1:2:3"},
		{"8443", "08443"},
		{"8443", "8443.5"},
		{"8443", "73979"}, /* 8443 and 2^16 */
		{"8443", "-57093"},
		{"\"tcp\"", "\"sctp\""},
		{"2024-10-04", "2024-10-04T12:34:56Z"},
		{"2024-10-04", "1728045296"},
		{"2024-10-04", "2024-10-4"},
		{"\"beacon\"", "\"beacon\",\"beacon\""},
		{"\"beacon\"", "\"beacon of 198.51.100.7\""},
		{"\"beacon\",\"probed\"", "\"probed\",\"beacon\""},
		{"\"beacon\",\"probed\"", ""},
		{"\"high\"", "\"0.93\""},
		{"\"high\"", "0.93"},
		{"\"10-99\"", "\"17\""},
		{"\"10-99\"", "17"},
		{"\"10-99\"", "\"10-99 (17)\""},
		{"\"2-4\"", "\"3\""},
		{"\"carriers\":\"2-4\"", "\"carriers\":\"2-4\",\"carriers\":\"2-4\""},
	};
	struct nr_c2_server server;
	assert_int_equal(nr_c2_list_read(list, line_of, strlen(line_of), &server, NULL), 0);
	for (size_t i = 0; i < NR_COUNT(changes); i++) {
		char line[2 * NR_C2_LINE_MAX];
		const char *at = strstr(line_of, changes[i].from);
		assert_non_null(at);
		int n = snprintf(line, sizeof line, "%.*s%s%s", (int)(at - line_of), line_of, changes[i].to,
			at + strlen(changes[i].from));
		if (nr_c2_list_read(list, line, (size_t)n, &server, NULL) == 0)
			fail_msg("%s", line);
	}
	for (size_t length = 0; length < strlen(line_of); length++)
		assert_int_not_equal(nr_c2_list_read(list, line_of, length, &server, NULL), 0);
	for (size_t at = 0; at < strlen(line_of); at++) { /* a NUL ends nothing */
		char line[NR_C2_LINE_MAX];
		strcpy(line, line_of);
		line[at] = 0;
		assert_int_not_equal(nr_c2_list_read(list, line, strlen(line_of), &server, NULL), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_no_client_as_the_server),
		cmocka_unit_test(test_values_that_are_no_steps), cmocka_unit_test(test_counts_become_buckets),
		cmocka_unit_test(test_bytes_of_any_struct), cmocka_unit_test(test_lines_with_more_in_them)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
