/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include "world_capture.h"
#include "world_run.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <maxminddb.h>
#include <signal.h>
#include <sys/resource.h>

static struct seen *see(const char *name)
{
	struct seen *seen = calloc(1, sizeof *seen);
	assert_non_null(seen);
	assert_true(see_capture(seen, file(name)));
	return seen;
}

static void seen_free(struct seen *seen)
{
	free(seen->sources);
	free(seen);
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	return one < other ? -1 : one > other;
}

/* Sorts the sources and leaves each once; returns how many. */
static size_t distinct(uint32_t *sources, size_t count)
{
	size_t kept = 0;
	qsort(sources, count, sizeof *sources, compare_u32);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || sources[i] != sources[kept - 1])
			sources[kept++] = sources[i];
	return kept;
}

static void expect_same_file(const char *one, const char *other, bool same)
{
	NR_AUTO(nr_freep) uint8_t *a = NULL;
	NR_AUTO(nr_freep) uint8_t *b = NULL;
	size_t a_length = 0, b_length = 0;
	assert_int_equal(nr_file_read(file(one), 1u << 30, &a, &a_length, NULL), 0);
	assert_int_equal(nr_file_read(file(other), 1u << 30, &b, &b_length, NULL), 0);
	assert_int_equal(a_length == b_length && memcmp(a, b, a_length) == 0, same);
}

static void test_same_seed_same_bytes(void **state)
{
	static const char *const profiles[] = {"profile=day", "profile=flat", "profile=even"};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(profiles); i++) {
		char mmdb[2][160];
		MAKE("a.pcap", "packets=20000", "duration=1d", "seed=5", profiles[i],
			option(mmdb[0], "mmdb", file("a.mmdb")));
		MAKE("b.pcap", "packets=20000", "duration=1d", "seed=5", profiles[i],
			option(mmdb[1], "mmdb", file("b.mmdb")));
		MAKE("c.pcap", "packets=20000", "duration=1d", "seed=6", profiles[i]);
		expect_same_file("a.pcap", "b.pcap", true);
		expect_same_file("a.pcap.truth.json", "b.pcap.truth.json", true);
		expect_same_file("a.mmdb", "b.mmdb", true);
		expect_same_file("a.pcap", "c.pcap", false);
	}
}

static void expect_categories(const struct seen *seen, struct json_object *truth)
{
	static const char *const names[SEEN_COUNT] = {
		"tcp_syn", "tcp_syn_ack", "tcp_rst", "tcp_other", "udp", "icmp", "other"};
	struct json_object *categories = member(truth, "by_category");
	for (size_t i = 0; i < SEEN_COUNT; i++)
		assert_int_equal(number(member(categories, names[i]), "packets"), seen->categories[i]);
}

static void expect_ports(const struct seen *seen, struct json_object *truth)
{
	struct json_object *ports = member(truth, "by_port");
	uint64_t sum = 0, expected = 0;
	for (size_t i = 0; i < json_object_array_length(ports); i++) {
		struct json_object *row = json_object_array_get_idx(ports, i);
		uint64_t packets = number(row, "packets");
		assert_int_equal(packets, seen->ports[number(row, "protocol") == 17][number(row, "port")]);
		sum += packets;
	}
	for (size_t i = 0; i < 65536; i++)
		expected += seen->ports[0][i] + seen->ports[1][i];
	assert_int_equal(sum, expected); /* no port is missing */
}

static uint64_t us_of(struct json_object *object, const char *key)
{
	nr_time time = 0;
	assert_int_equal(nr_time_parse(json_object_get_string(member(object, key)), &time, NULL), 0);
	return (uint64_t)time;
}

/* The figures of both profiles that can be counted again. */
static void expect_truth(struct seen *seen, struct json_object *truth)
{
	struct json_object *dropped = member(truth, "dropped");
	assert_int_equal(seen->backwards, 0);
	assert_int_equal(seen->bad_checksums, 0);
	assert_int_equal(number(truth, "frames"), seen->frames);
	assert_int_equal(number(truth, "packets"), seen->packets);
	assert_int_equal(number(truth, "bytes"), seen->bytes);
	assert_int_equal(us_of(truth, "first"), seen->first_us);
	assert_int_equal(us_of(truth, "last"), seen->last_us);
	assert_int_equal(number(dropped, "non_ip"), seen->non_ip);
	assert_int_equal(number(dropped, "truncated"), seen->truncated);
	assert_int_equal(number(dropped, "malformed"), seen->malformed);
	expect_categories(seen, truth);
	expect_ports(seen, truth);
	if (!seen->ipv6)
		assert_int_equal(
			number(member(truth, "sources"), "count"), distinct(seen->sources, seen->packets));
}

static uint64_t tool(struct json_object *truth, const char *name, const char *figure)
{
	return number(member(member(truth, "tools"), name), figure);
}

static void test_flat(void **state)
{
	(void)state;
	MAKE("flat.pcap", "profile=flat", "packets=100000", "sources=5000");
	struct seen *seen = see("flat.pcap");
	struct json_object *truth = truth_of("flat.pcap");
	uint64_t popular = 0;
	static const uint16_t ports[] = {
		23, 445, 22, 80, 8080, 443, 3389, 2323, 81, 5555, 1433, 8443, 37215, 5900, 6379, 7547};
	for (size_t i = 0; i < NR_COUNT(ports); i++)
		popular += seen->ports[0][ports[i]];
	expect_truth(seen, truth);
	assert_int_equal(seen->frames, 100000);
	assert_int_equal(seen->sixty, seen->frames);
	assert_int_equal(seen->categories[SEEN_SYN], seen->frames);
	assert_int_equal(tool(truth, "mirai", "packets"), seen->mirai);
	assert_in_range(popular, 74000, 76000);
	assert_in_range(
		tool(truth, "mirai", "sources") * 100 / number(member(truth, "sources"), "count"), 18, 22);
	assert_in_range(number(member(truth, "sources"), "count"), 4000, 5000);
	json_object_put(truth);
	seen_free(seen);
}

/* Every source is there, as often as any other. */
static void test_even(void **state)
{
	(void)state;
	MAKE("even.pcap", "profile=even", "packets=20000", "sources=5000");
	struct seen *seen = see("even.pcap");
	struct json_object *truth = truth_of("even.pcap");
	expect_truth(seen, truth);
	assert_int_equal(number(member(truth, "sources"), "count"), 5000);
	uint64_t packets = tool(truth, "mirai", "packets");
	assert_int_equal(packets, 4 * tool(truth, "mirai", "sources"));
	assert_in_range(packets, 3600, 4400);
	json_object_put(truth);
	seen_free(seen);
}

static void test_day_equals_its_truth(void **state)
{
	static const struct {
		const char *seed, *packets, *duration, *dark;
	} worlds[] = {
		{"seed=1", "packets=60000", "duration=3d", "dark=198.18.0.0/18"},
		{"seed=2", "packets=40000", "duration=1d", "dark=198.18.0.0/24,198.19.7.0/28"},
		{"seed=3", "packets=20000", "duration=1h", "dark=100.64.0.0/20,2001:db8:1::/64"},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(worlds); i++) {
		MAKE("day.pcap", worlds[i].seed, worlds[i].packets, worlds[i].duration, worlds[i].dark);
		struct seen *seen = see("day.pcap");
		struct json_object *truth = truth_of("day.pcap");
		expect_truth(seen, truth);
		assert_int_equal(seen->frames, strtoull(strchr(worlds[i].packets, '=') + 1, NULL, 10));
		assert_int_equal(seen->ipv6 > 0, strchr(worlds[i].dark, ':') != NULL);
		assert_int_equal(tool(truth, "mirai", "packets"), seen->mirai);
		/* others meet a 16-bit rule by chance, once in 65536 */
		struct json_object *old = member(member(truth, "zmap_generations"), "before_4_1");
		assert_in_range(seen->zmap, number(old, "packets"), number(old, "packets") + 5);
		assert_in_range(seen->masscan, tool(truth, "masscan", "packets"),
			tool(truth, "masscan", "packets") + 5);
		assert_in_range(seen->masscan_shape, tool(truth, "masscan", "packets"),
			tool(truth, "masscan", "packets") + 5);
		assert_true(tool(truth, "nmap", "packets") > 0);
		json_object_put(truth);
		seen_free(seen);
	}
}

static void test_thresholds(void **state)
{
	static const struct {
		const char *why; /* begins with */
		bool expected;
		uint64_t packets, peak; /* 0: any */
	} victims[] = {
		{"30 packets in a minute", true, 31, 30},
		{"29 packets in a minute", false, 31, 29},
		{"24 packets", false, 24, 0},
		{"25 packets", false, 25, 24},
		{"59.999 s", false, 41, 41},
		{"60.000 s", true, 41, 40},
		{"30 packets in 58 s", false, 31, 29},
		{"RST with ACK", true, 200, 0},
		{"port unreachable", true, 120, 60},
		{"host unreachable", true, 100, 0},
		{"DNS answers", true, 80, 40},
		{"echo replies", true, 90, 60},
		{"the quoted source", false, 100, 0},
		{"an own host", true, 60, 30},
		{"a large SYN flood", true, 800, 0},
		{"a large flood against closed ports", true, 400, 0},
		{"the first of three", true, 41, 40},
		{"the second of three", true, 41, 40},
		{"the third of three", true, 41, 40},
	};
	(void)state;
	MAKE("day.pcap", "packets=30000", "duration=2d", "start=2025-12-31T07:00:00Z");
	struct json_object *truth = truth_of("day.pcap"), *list = member(truth, "victims");
	assert_int_equal(json_object_array_length(list), NR_COUNT(victims));
	for (size_t i = 0; i < NR_COUNT(victims); i++) {
		size_t found = 0;
		for (size_t k = 0; k < json_object_array_length(list); k++) {
			struct json_object *v = json_object_array_get_idx(list, k);
			if (strncmp(json_object_get_string(member(v, "why")), victims[i].why,
				    strlen(victims[i].why)) != 0)
				continue;
			found++;
			assert_int_equal(json_object_get_boolean(member(v, "expected")), victims[i].expected);
			assert_int_equal(number(v, "packets"), victims[i].packets);
			if (victims[i].peak)
				assert_int_equal(number(v, "peak_60s"), victims[i].peak);
		}
		assert_int_equal(found, 1);
	}
	json_object_put(truth);
}

static void test_own_network(void **state)
{
	(void)state;
	MAKE("day.pcap", "packets=30000", "duration=1d");
	struct seen *seen = see("day.pcap");
	struct json_object *truth = truth_of("day.pcap"), *hosts = member(truth, "infected_hosts");
	assert_int_equal(json_object_array_length(hosts), 2);
	assert_int_equal(number(json_object_array_get_idx(hosts, 0), "packets"), 150);
	assert_int_equal(number(json_object_array_get_idx(hosts, 1), "packets"), 120);
	assert_int_equal(seen->from_own, 150 + 120 + 60); /* and the victim: nobody else is own */
	json_object_put(truth);
	seen_free(seen);
}

static size_t scanners_by(struct json_object *truth, const char *rule)
{
	struct json_object *list = member(truth, "research_scanners");
	size_t count = 0;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *s = json_object_array_get_idx(list, i);
		count += strcmp(json_object_get_string(member(s, "rule")), rule) == 0;
	}
	return count;
}

static void test_research(void **state)
{
	char lists[160];
	(void)state;
	/* /24: the scaled rule asks for 1000 packets a day */
	MAKE("day.pcap", "packets=60000", "duration=2d", "dark=198.18.0.0/24",
		option(lists, "lists", file("l.json")));
	struct json_object *truth = truth_of("day.pcap"), *list = json_object_from_file(file("l.json"));
	struct json_object *scanners = member(truth, "research_scanners");
	uint64_t packets = 0;
	assert_in_range(scanners_by(truth, "scaled"), 5, 24);
	assert_int_equal(scanners_by(truth, "list:world-research-scanners"), 8);
	for (size_t i = 0; i < json_object_array_length(scanners); i++) {
		struct json_object *s = json_object_array_get_idx(scanners, i);
		packets += number(s, "packets");
		assert_int_equal(number(s, "days"), 2);
		assert_true(number(s, "ports") >= 30);
	}
	assert_in_range(
		packets * 100 / number(truth, "packets"), 48, 65); /* about 60 % of what no script says */
	assert_string_equal(json_object_get_string(member(list, "type")), "cidr");
	assert_int_equal(json_object_array_length(member(list, "list")), 1);
	json_object_put(list);
	json_object_put(truth);

	MAKE("day.pcap", "packets=20000", "duration=3d"); /* too few for anybody */
	truth = truth_of("day.pcap");
	assert_int_equal(json_object_array_length(member(truth, "research_scanners")), 0);
	json_object_put(truth);
}

/* The country of an address by the MMDB, "" for none. */
static void country_at(MMDB_s *mmdb, const struct sockaddr *at, char code[static 3])
{
	int rc = 0;
	MMDB_lookup_result_s result = MMDB_lookup_sockaddr(mmdb, at, &rc);
	assert_int_equal(rc, MMDB_SUCCESS);
	MMDB_entry_data_s data = {0};
	code[0] = '\0';
	if (!result.found_entry)
		return;
	assert_int_equal(MMDB_get_value(&result.entry, &data, "country", "iso_code", NULL), MMDB_SUCCESS);
	assert_int_equal(data.data_size, 2);
	memcpy(code, data.utf8_string, 2);
	code[2] = '\0';
	assert_int_equal(
		MMDB_get_value(&result.entry, &data, "autonomous_system_number", NULL), MMDB_SUCCESS);
	assert_in_range(data.uint32, 64512, 65534);
	assert_int_equal(
		MMDB_get_value(&result.entry, &data, "autonomous_system_organization", NULL), MMDB_SUCCESS);
	assert_memory_equal(data.utf8_string, "WORLD-NET-", 10);
	assert_int_equal(MMDB_get_value(&result.entry, &data, "country", "names", "en", NULL), MMDB_SUCCESS);
}

static void country_of(MMDB_s *mmdb, uint32_t address, char code[static 3])
{
	const struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
	country_at(mmdb, (const struct sockaddr *)&at, code);
}

static void country_of_ipv6(MMDB_s *mmdb, const char *address, char code[static 3])
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6};
	assert_int_equal(inet_pton(AF_INET6, address, &at.sin6_addr), 1);
	country_at(mmdb, (const struct sockaddr *)&at, code);
}

/* /32s of 3fff::/20 belong to the networks in turn; the last ones, and everything else, to nobody. */
static void check_ipv6(MMDB_s *mmdb)
{
	static const char *const somebody[][2] = {
		/* the same network again after 320 */
		{"3fff::1", "3fff:140::1"},
		{"3fff:13f:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:eff::1"},
		{"3fff:8:1::", "3fff:8:ffff::1"},
	};
	static const char *const nobody[] = {
		"3fff:f00::1", "3fff:fff::1", "3fff:1000::1", "3ffe::1", "2001:db8::1", "::1", "ff02::1"};
	char code[3], again[3];
	for (size_t i = 0; i < NR_COUNT(somebody); i++) {
		country_of_ipv6(mmdb, somebody[i][0], code);
		country_of_ipv6(mmdb, somebody[i][1], again);
		assert_int_equal(strlen(code), 2);
		assert_string_equal(code, again);
	}
	for (size_t i = 0; i < NR_COUNT(nobody); i++) {
		country_of_ipv6(mmdb, nobody[i], code);
		assert_string_equal(code, "");
	}
}

static void test_mmdb(void **state)
{
	char option_text[160];
	(void)state;
	MAKE("day.pcap", "packets=30000", "duration=1d", option(option_text, "mmdb", file("w.mmdb")));
	struct seen *seen = see("day.pcap");
	struct json_object *truth = truth_of("day.pcap"), *countries = member(truth, "countries");
	MMDB_s mmdb;
	assert_int_equal(MMDB_open(file("w.mmdb"), MMDB_MODE_MMAP, &mmdb), MMDB_SUCCESS);
	assert_int_equal(mmdb.metadata.ip_version, 6);
	struct json_object *packets = json_object_new_object();
	for (size_t i = 0; i < seen->packets; i++) {
		char code[3] = "";
		struct json_object *count = NULL;
		country_of(&mmdb, seen->sources[i], code);
		if (json_object_object_get_ex(packets, code, &count))
			json_object_int_inc(count, 1);
		else
			json_object_object_add(packets, code, json_object_new_int64(1));
	}
	assert_int_equal(json_object_array_length(countries), json_object_object_length(packets));
	for (size_t i = 0; i < json_object_array_length(countries); i++) {
		struct json_object *row = json_object_array_get_idx(countries, i);
		assert_int_equal(number(row, "packets"),
			number(packets, json_object_get_string(member(row, "country"))));
	}
	static const uint32_t nobody[] = {
		0xc6120001, 0xcb007101, 0x0a000001, 0x7f000001, 0xc0000201, 0xe0000001};
	for (size_t i = 0; i < NR_COUNT(nobody); i++) { /* dark, own, special-purpose */
		char code[3];
		country_of(&mmdb, nobody[i], code);
		assert_string_equal(code, "");
	}
	check_ipv6(&mmdb);
	MMDB_close(&mmdb);
	json_object_put(packets);
	json_object_put(truth);
	seen_free(seen);
}

static size_t files_in_folder(void)
{
	size_t count = 0;
	DIR *directory = opendir(folder);
	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static void test_wrong_wishes(void **state)
{
	static const struct {
		const char *options[4];
		int status;
		const char *says;
	} cases[] = {
		{{"packets=1000"}, NR_EXIT_USAGE, "--out"},
		{{"out=x.pcap"}, NR_EXIT_USAGE, "--packets"},
		{{"out=x.pcap", "packets=1000"}, NR_EXIT_USAGE, "too few"},
		{{"out=x.pcap", "packets=50000", "duration=10m"}, NR_EXIT_USAGE, "--duration"},
		{{"out=x.pcap", "packets=50000", "duration=500d"}, NR_EXIT_USAGE, "--duration"},
		{{"out=x.pcap", "packets=50000", "start=2106-02-07T00:00:00Z"}, NR_EXIT_USAGE, "pcap"},
		{{"out=x.pcap", "packets=50000", "dark=2001:db8::/64"}, NR_EXIT_USAGE, "IPv4"},
		{{"out=x.pcap", "packets=50000", "dark=10.0.0.0/8,10.1.0.0/16"}, NR_EXIT_USAGE, "overlap"},
		{{"out=x.pcap", "packets=50000", "own=0.0.0.0/0"}, NR_EXIT_USAGE, "too few addresses"},
		{{"out=/tmp", "packets=50000", "duration=1d"}, NR_EXIT_USAGE, "directory"},
		{{"out=x.pcap", "mmdb=/tmp", "packets=50000"}, NR_EXIT_USAGE, "directory"},
		{{"out=/nowhere/x.pcap", "packets=50000", "duration=1d"}, NR_EXIT_ENVIRONMENT,
			"/nowhere/x.pcap"},
	};
	(void)state;
	size_t before = files_in_folder();
	assert_int_equal(chdir(folder), 0);
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_error error = {0};
		assert_int_equal(run_world(&error, cases[i].options), cases[i].status);
		if (!strstr(error.text, cases[i].says))
			fail_msg("case %zu says: %s", i, error.text);
		assert_null(strchr(error.text, '\n'));
	}
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(files_in_folder(), before); /* nothing is left behind */
}

/* A file that must not grow is a full disk. */
static void test_full_disk(void **state)
{
	struct rlimit old, small;
	struct nr_error error = {0};
	char out[160];
	(void)state;
	size_t before = files_in_folder();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 1000000;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int status = RUN(&error, option(out, "out", file("full.pcap")), "packets=100000", "duration=1d");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(status, NR_EXIT_ENVIRONMENT);
	assert_non_null(strstr(error.text, "full.pcap"));
	assert_int_equal(files_in_folder(), before);
}

static void test_small_own_networks(void **state)
{
	static const char *const own[] = {
		"own=192.0.2.8/32", "own=192.0.2.8/30", "own=10.0.0.0/8", "own=2001:db8::/48"};
	static const size_t infected[] = {0, 2, 2, 0};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(own); i++) {
		MAKE("day.pcap", "packets=20000", "duration=1d", own[i]);
		struct json_object *truth = truth_of("day.pcap");
		assert_int_equal(json_object_array_length(member(truth, "infected_hosts")), infected[i]);
		json_object_put(truth);
	}
}

/* Another program's eyes: the same categories. */
static void test_tshark(void **state)
{
	static const struct {
		const char *filter, *category;
	} checks[] = {
		{"tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.flags.fin == 0 && tcp.flags.reset == 0 && "
		 "!icmp && !gre",
			"tcp_syn"},
		{"udp && !icmp && !gre || (ip.proto == 17 && ip.frag_offset > 0 && !icmp)", "udp"},
		{"icmp", "icmp"},
	};
	(void)state;
	if (system("command -v tshark >/dev/null 2>&1") != 0) {
		print_message("skipped: tshark is not installed\n");
		skip();
	}
	MAKE("day.pcap", "packets=20000", "duration=1d", "seed=11");
	struct json_object *truth = truth_of("day.pcap");
	for (size_t i = 0; i < NR_COUNT(checks); i++) {
		char command[512];
		unsigned long long lines = 0;
		snprintf(command, sizeof command,
			"tshark -n -o ip.defragment:FALSE -r %s -Y '%s' -T fields -e frame.number "
			"2>/dev/null | wc -l",
			file("day.pcap"), checks[i].filter);
		FILE *pipe = popen(command, "r");
		assert_non_null(pipe);
		assert_int_equal(fscanf(pipe, "%llu", &lines), 1);
		pclose(pipe);
		assert_int_equal(
			lines, number(member(member(truth, "by_category"), checks[i].category), "packets"));
	}
	json_object_put(truth);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[160];
	(void)state;
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_bytes),
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_even),
		cmocka_unit_test(test_day_equals_its_truth),
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_own_network),
		cmocka_unit_test(test_research),
		cmocka_unit_test(test_mmdb),
		cmocka_unit_test(test_wrong_wishes),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_small_own_networks),
		cmocka_unit_test(test_tshark),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
