/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exports of many vendors through the collector: every column that elements are mapped to, of every record,
 * against the expected values of the shared data. What an element means is said here once more, and apart
 * from the collector: a table that is wrong there does not make itself right here.
 */
#include "base/file.h"
#include "sense/flow/collect/collector.h"

#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "flow_rig.h"

static char folder[512];

/* Elements of a column, the first that is not zero is its value. */
static const struct {
	enum nr_flow_column column;
	const char *keys[8];
} plain[] = {
	{NR_FLOW_SOURCE_LOW, {"8", "27"}},
	{NR_FLOW_DESTINATION_LOW, {"12", "28"}},
	{NR_FLOW_SOURCE_PORT, {"7", "180", "182"}},
	{NR_FLOW_PROTOCOL, {"4"}},
	{NR_FLOW_PACKETS, {"2", "86", "298", "24", "172"}},
	{NR_FLOW_BYTES, {"1", "85", "231", "23", "171", "352"}},
	{NR_FLOW_REVERSE_PACKETS, {"29305/2", "29305/86", "299"}},
	{NR_FLOW_REVERSE_BYTES, {"29305/1", "29305/85", "232"}},
	{NR_FLOW_INPUT, {"10", "252"}},
	{NR_FLOW_OUTPUT, {"14", "253"}},
	{NR_FLOW_SOURCE_AS, {"16", "129"}},
	{NR_FLOW_DESTINATION_AS, {"17", "128"}},
	{NR_FLOW_TOS, {"5"}},
	{NR_FLOW_SOURCE_MASK, {"9", "29"}},
	{NR_FLOW_DESTINATION_MASK, {"13", "30"}},
	{NR_FLOW_NEXT_HOP_LOW, {"15", "62", "18", "63"}},
	{NR_FLOW_END_REASON, {"136"}},
	{NR_FLOW_FORWARDING, {"89"}},
	{NR_FLOW_TTL, {"192", "52", "53"}},
	{NR_FLOW_FLOW_LABEL, {"31"}},
	{NR_FLOW_VLAN, {"58", "243"}},
	{NR_FLOW_POST_VLAN, {"59", "254"}},
	{NR_FLOW_CONNECTION, {"148"}},
	{NR_FLOW_POST_SOURCE_LOW, {"225", "281", "40001"}},
	{NR_FLOW_POST_DESTINATION_LOW, {"226", "282", "40002"}},
	{NR_FLOW_POST_SOURCE_PORT, {"227", "40003", "361"}},
	{NR_FLOW_POST_DESTINATION_PORT, {"228", "40004"}},
	{NR_FLOW_PORT_BLOCK_END, {"362"}},
	{NR_FLOW_INPUT_VRF, {"234"}},
	{NR_FLOW_OUTPUT_VRF, {"235"}},
};

struct wanted { /* a number, or the 16 octets of an address */
	uint64_t number;
	struct nr_address address;
	bool is_address;
};

static json_object *first_of(json_object *fields, const char *key)
{
	json_object *found;
	if (!key || !json_object_object_get_ex(fields, key, &found))
		return NULL;
	return json_object_get_type(found) == json_type_array ? json_object_array_get_idx(found, 0) : found;
}

/* Integers, addresses, MACs, and octets as 0x..., of which the last eight count. */
static struct wanted read_wanted(json_object *value)
{
	struct wanted wanted = {.number = 0};
	unsigned m[6];
	const char *text = json_object_get_string(value);
	if (json_object_get_type(value) == json_type_int) {
		wanted.number = json_object_get_uint64(value);
	} else if (sscanf(text, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) == 6 &&
		   strlen(text) == 17) {
		for (size_t i = 0; i < 6; i++)
			wanted.number = wanted.number << 8 | m[i];
	} else if (!strncmp(text, "0x", 2)) {
		size_t length = strlen(text);
		wanted.number = strtoull(length > 18 ? text + length - 16 : text + 2, NULL, 16);
	} else if (!nr_address_parse(text, &wanted.address, NULL)) {
		wanted.is_address = true;
		wanted.number = nr_address_is_ipv4(&wanted.address) ? nr_address_ipv4(&wanted.address) : 1;
		if (!strcmp(text, "::"))
			wanted.number = 0;
	}
	return wanted;
}

static struct wanted best_of(json_object *fields, const char *const *keys)
{
	struct wanted best = {.number = 0};
	for (size_t i = 0; keys[i]; i++) {
		json_object *value = first_of(fields, keys[i]);
		struct wanted wanted = value ? read_wanted(value) : (struct wanted){.number = 0};
		if (value && wanted.number && !best.number)
			best = wanted;
		else if (value && wanted.is_address && !best.is_address)
			best = wanted; /* zero, but an address */
	}
	return best;
}

static uint64_t number_of(json_object *fields, const char *key)
{
	json_object *value = first_of(fields, key);
	return value ? read_wanted(value).number : 0;
}

/* ---- one record ---- */

struct at {
	const char *id;
	const struct nr_flow_block *block;
	uint32_t row;
	size_t *compared;
};

static void check_number(const struct at *at, enum nr_flow_column column, uint64_t wanted)
{
	uint64_t got = nr_flow_value(at->block, column, at->row);
	if (got != wanted)
		fail_msg("%s: row %u, %s is %llu, expected %llu", at->id, at->row,
			nr_flow_columns[column].name, (unsigned long long)got, (unsigned long long)wanted);
	++*at->compared;
}

static void check_plain(const struct at *at, json_object *fields)
{
	for (size_t i = 0; i < NR_COUNT(plain); i++) {
		enum nr_flow_column column = plain[i].column;
		struct wanted wanted = best_of(fields, plain[i].keys);
		if (nr_flow_columns[column].kind != NR_FLOW_KIND_ADDRESS) {
			unsigned bits = nr_flow_columns[column].width * 8u;
			check_number(at, column,
				bits == 64 ? wanted.number : wanted.number & ((UINT64_C(1) << bits) - 1));
			continue;
		}
		struct nr_address got = nr_flow_address(at->block, column, at->row);
		char a[NR_ADDRESS_TEXT], b[NR_ADDRESS_TEXT];
		if (!nr_address_equal(&got, &wanted.address))
			fail_msg("%s: row %u, %s is %s, expected %s", at->id, at->row,
				nr_flow_columns[column].name, nr_address_write(&got, a),
				nr_address_write(&wanted.address, b));
		++*at->compared;
	}
}

/* YAF's MAC addresses stand in a list (IE 293): one record of its template 49156, 56 and 80. */
static uint64_t mac_in_list(json_object *fields, size_t index)
{
	json_object *list = first_of(fields, "293");
	const char *text = list ? json_object_get_string(list) : "", *start = "0x03c0040010";
	if (strncmp(text, start, strlen(start)) != 0)
		return 0;
	char mac[13] = "";
	memcpy(mac, text + strlen(start) + index * 12, 12);
	return strtoull(mac, NULL, 16);
}

static void check_macs(const struct at *at, json_object *fields)
{
	static const char *const source[] = {"56", "81", NULL}, *const destination[] = {"80", "57", NULL};
	uint64_t from = best_of(fields, source).number, to = best_of(fields, destination).number;
	check_number(at, NR_FLOW_SOURCE_MAC, from ? from : mac_in_list(fields, 0));
	check_number(at, NR_FLOW_DESTINATION_MAC, to ? to : mac_in_list(fields, 1));
}

/* Columns whose value is worked out. */
static void check_made(const struct at *at, json_object *fields)
{
	static const char *const ports[] = {"11", "181", "183", "32", "139", NULL};
	json_object *direction = first_of(fields, "61");
	uint64_t flags = number_of(fields, "6") | number_of(fields, "6871/14") | number_of(fields, "6871/15");
	uint64_t reverse = number_of(fields, "29305/6") | number_of(fields, "6871/16398") |
			   number_of(fields, "6871/16399");
	uint64_t firewall = number_of(fields, "233") ? number_of(fields, "233") : number_of(fields, "40005");
	uint64_t port = best_of(fields, ports).number;
	uint64_t icmp = (number_of(fields, "176") << 8 | number_of(fields, "177")) |
			(number_of(fields, "178") << 8 | number_of(fields, "179"));
	check_number(at, NR_FLOW_DESTINATION_PORT, port ? port : icmp);
	check_number(at, NR_FLOW_TCP_FLAGS, flags);
	check_number(at, NR_FLOW_REVERSE_TCP_FLAGS, reverse);
	check_number(at, NR_FLOW_DIRECTION,
		direction && json_object_get_uint64(direction) < 2 ? json_object_get_uint64(direction) + 1
								   : 0);
	check_number(at, NR_FLOW_EVENT, firewall ? 64 + firewall : number_of(fields, "230"));
}

/* v9's boot is estimated: its export time is cut to seconds, so what one datagram says is up to one second
 * too early. Of the others times are exact to the millisecond that the expectation has. */
static void check_time(
	const struct at *at, json_object *record, const char *key, enum nr_flow_column column, int64_t slack)
{
	json_object *value;
	if (!json_object_object_get_ex(record, key, &value) || !value)
		return;
	int64_t wanted = json_object_get_int64(value);
	int64_t got = (int64_t)nr_flow_value(at->block, column, at->row);
	int64_t got_ms = got >= 0 ? got / 1000 : -((999 - got) / 1000);
	if (got_ms < wanted || got_ms > wanted + slack)
		fail_msg("%s: row %u, %s is %lld ms, expected %lld", at->id, at->row, key, (long long)got_ms,
			(long long)wanted);
	++*at->compared;
}

/* ---- one case ---- */

/* Recorded with a byte-stream tool: several messages back to back. */
static bool is_stream(const char *file)
{
	return !strcmp(file, "netflow5.dat") || !strcmp(file, "ipfix.dat");
}

static void feed_file(struct rig *rig, const char *file)
{
	char path[700];
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	struct nr_address exporter = nr_address_from_ipv4(0xc0000201);
	struct nr_flow_stream_in *stream;
	snprintf(path, sizeof path, "%s/raw/%s", folder, file);
	assert_int_equal(nr_file_read(path, 1 << 20, &bytes, &length, NULL), 0);
	if (!is_stream(file)) {
		rig_feed(rig, bytes, length);
		return;
	}
	assert_int_equal(nr_flow_stream_open(rig->collector, &exporter, 0, &stream, NULL), 0);
	assert_int_equal(nr_flow_stream_feed(stream, bytes, length, rig->now, NULL), 0);
	nr_flow_stream_close(stream);
}

/* Records of data only, in order. */
static size_t read_expected(const char *id, json_object **records, size_t room)
{
	char path[700];
	size_t count = 0, length = 0;
	char *line = NULL;
	snprintf(path, sizeof path, "%s/records/%s.ndjson", folder, id);
	NR_AUTO(nr_closep) FILE *stream = fopen(path, "re");
	while (stream && count < room && getline(&line, &length, stream) > 0) {
		json_object *record = json_tokener_parse(line), *kind;
		if (json_object_object_get_ex(record, "kind", &kind) &&
			!strcmp(json_object_get_string(kind), "data"))
			records[count++] = record;
		else
			json_object_put(record);
	}
	free(line);
	return count;
}

/*
 * Sets before their template are kept here and read when it comes; the expectation is that of a decoder that
 * does not. Their rows are those of another case, behind the first `skip`.
 */
static const struct {
	const char *id, *records;
	size_t more, skip;
} waiting[] = {
	{"ipfix-openbsd-pflow-data-first", "ipfix-openbsd-pflow", 26, 0},
	{"v9-nprobe-data-first", "v9-two-exporters-nprobe-softflowd", 1, 7},
};

/* Times that cannot be, whatever the formula says: the export's stands, marked. */
static const char *const times_apart[] = {
	/* The flow starts seven days after its export: the counter of 22 and 21 is not SysUptime's. */
	"v9-fortigate-fortios-521",
};

static bool is_listed(const char *const *list, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i], id))
			return true;
	return false;
}

static void compare(struct rig *rig, const char *id, json_object **records, size_t count, size_t *compared)
{
	for (uint32_t row = 0; row < count; row++) {
		struct at at = {id, rig->all, row, compared};
		json_object *fields;
		assert_true(json_object_object_get_ex(records[row], "f", &fields));
		check_plain(&at, fields);
		check_macs(&at, fields);
		check_made(&at, fields);
		if (is_listed(times_apart, NR_COUNT(times_apart), id)) {
			check_number(
				&at, NR_FLOW_MARKS, NR_FLOW_MARK_TIME_SUSPECT | NR_FLOW_MARK_TIME_OF_EXPORT);
			continue;
		}
		check_time(&at, records[row], "start_ms", NR_FLOW_FIRST, strncmp(id, "v9", 2) ? 0 : 1000);
		check_time(&at, records[row], "end_ms", NR_FLOW_LAST, strncmp(id, "v9", 2) ? 0 : 1000);
	}
}

static size_t run_case(json_object *test, size_t *compared, uint64_t *options)
{
	json_object *files, *value, *records[256];
	struct rig rig;
	assert_true(json_object_object_get_ex(test, "id", &value));
	const char *id = json_object_get_string(value), *records_of = id;
	assert_true(json_object_object_get_ex(test, "files", &files));
	assert_true(json_object_object_get_ex(test, "data_records", &value));
	size_t wanted = json_object_get_uint64(value), skip_records = 0;
	for (size_t i = 0; i < NR_COUNT(waiting); i++)
		if (!strcmp(waiting[i].id, id)) {
			wanted += waiting[i].more;
			records_of = waiting[i].records;
			skip_records = waiting[i].skip;
		}
	rig_open(&rig, NULL);
	for (size_t i = 0; i < json_object_array_length(files); i++)
		feed_file(&rig, json_object_get_string(json_object_array_get_idx(files, i)));
	rig_flush(&rig);
	if (rig.all->count != wanted)
		fail_msg("%s: %u rows, expected %zu", id, rig.all->count, wanted);
	size_t count = read_expected(records_of, records, NR_COUNT(records));
	assert_int_equal(count - skip_records, wanted);
	compare(&rig, id, records + skip_records, wanted, compared);
	for (size_t i = 0; i < count; i++)
		json_object_put(records[i]);
	assert_true(json_object_object_get_ex(test, "options_records", &value));
	uint64_t got = nr_flow_collector_counts(rig.collector).options_records;
	if (got != json_object_get_uint64(value))
		fail_msg("%s: %llu options records", id, (unsigned long long)got);
	*options += got;
	size_t rows = rig.all->count;
	rig_close(&rig);
	return rows;
}

/* What is expected of a folder of the shared data, which `folder` is from here on; without it the test is
 * skipped. */
static json_object *open_folder(const char *name)
{
	char path[600];
	const char *shared = getenv("NOROSHI_SHARED");
	snprintf(folder, sizeof folder, "%s/data/flow/%s", shared ? shared : "../shared", name);
	snprintf(path, sizeof path, "%s/expected.json", folder);
	json_object *all = access(path, R_OK) == 0 ? json_object_from_file(path) : NULL;
	if (!all) {
		print_message("skipped: %s is not there\n", path);
		skip();
	}
	return all;
}

static void test_cases(void **state)
{
	(void)state;
	json_object *all = open_folder("netflow-ipfix"), *cases;
	size_t compared = 0, rows = 0;
	uint64_t options = 0;
	assert_true(json_object_object_get_ex(all, "cases", &cases));
	assert_int_equal(json_object_array_length(cases), 56);
	for (size_t i = 0; i < json_object_array_length(cases); i++)
		rows += run_case(json_object_array_get_idx(cases, i), &compared, &options);
	json_object_put(all);
	print_message("%zu values of %zu records compared\n", compared, rows);
	assert_int_equal(rows, 478 + 26 + 1);
	assert_int_equal(options, 44);
	assert_true(compared > 15000);
}

/* ---- other folders ---- */

static uint8_t *read_folder(const char *name, size_t *ret_length)
{
	char path[700];
	uint8_t *bytes = NULL;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(nr_file_read(path, 1 << 20, &bytes, ret_length, NULL), 0);
	return bytes;
}

static json_object *member(json_object *object, const char *key)
{
	json_object *value;
	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("%s is not expected", key);
	return value;
}

/* A file of IPFIX messages: 3,979 records of eight templates. */
static void test_ipfix_file(void **state)
{
	(void)state;
	json_object *all = open_folder("ipfix-file");
	size_t length;
	NR_AUTO(nr_freep) uint8_t *bytes = read_folder("example_flows.ipfix", &length);
	struct nr_address nobody = {{0}};
	struct nr_flow_stream_in *stream;
	struct rig rig;
	rig_open(&rig, NULL);
	assert_int_equal(nr_flow_stream_open(rig.collector, &nobody, 0, &stream, NULL), 0);
	assert_int_equal(nr_flow_stream_feed(stream, bytes, length, rig.now, NULL), 0);
	nr_flow_stream_close(stream);
	rig_flush(&rig);
	uint64_t octets = 0, packets = 0, ipv4 = 0, protocols[256] = {0};
	int64_t first = INT64_MAX, last = 0;
	for (uint32_t i = 0; i < rig.all->count; i++) {
		struct nr_address source = nr_flow_address(rig.all, NR_FLOW_SOURCE_LOW, i);
		octets += RIG(&rig, BYTES, i);
		packets += RIG(&rig, PACKETS, i);
		ipv4 += nr_address_is_ipv4(&source);
		protocols[RIG(&rig, PROTOCOL, i)]++;
		first = NR_MIN(first, (int64_t)RIG(&rig, FIRST, i));
		last = NR_MAX(last, (int64_t)RIG(&rig, LAST, i));
	}
	assert_int_equal(rig.all->count, json_object_get_uint64(member(all, "records")));
	assert_int_equal(ipv4, json_object_get_uint64(member(all, "records_v4")));
	assert_int_equal(octets, json_object_get_uint64(member(all, "sum_octets_ie1")));
	assert_int_equal(packets, json_object_get_uint64(member(all, "sum_packets_ie2")));
	assert_int_equal(first / 1000, json_object_get_int64(member(all, "min_start_ms")));
	assert_int_equal(last / 1000, json_object_get_int64(member(all, "max_end_ms")));
	json_object_object_foreach(member(all, "records_per_protocol"), protocol, records)
		assert_int_equal(protocols[strtoul(protocol, NULL, 10)], json_object_get_uint64(records));
	json_object_put(all);
	rig_close(&rig);
}

/* Vectors whose records are expected one by one. */
static void test_extra(void **state)
{
	(void)state;
	static const struct {
		const char *key, *files[2];
	} rows[] = {{"v5_engine8_6records.bin", {"v5_engine8_6records.bin"}},
		{"v9_vector_template.bin+v9_vector_data.bin",
			{"v9_vector_template.bin", "v9_vector_data.bin"}}};
	json_object *all = open_folder("extra-captures");
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		json_object *records = member(member(all, rows[i].key), "records"), *list[64];
		size_t count = json_object_array_length(records), compared = 0;
		struct rig rig;
		rig_open(&rig, NULL);
		for (size_t f = 0; f < 2 && rows[i].files[f]; f++) {
			size_t length;
			NR_AUTO(nr_freep) uint8_t *bytes = read_folder(rows[i].files[f], &length);
			rig_feed(&rig, bytes, length);
		}
		rig_flush(&rig);
		assert_int_equal(rig.all->count, count);
		assert_true(count <= NR_COUNT(list));
		for (size_t r = 0; r < count; r++)
			list[r] = json_object_array_get_idx(records, r);
		compare(&rig, i ? "v9 vector" : "v5 vector", list, count, &compared);
		rig_close(&rig);
	}
	json_object_put(all);
}

/* One sample of what is expected and the row that it made. */
static void compare_sample(const struct rig *rig, uint32_t row, json_object *sample)
{
	json_object *records = member(sample, "records"), *rate;
	assert_int_equal(RIG(rig, INPUT, row), json_object_get_uint64(member(sample, "input")));
	assert_int_equal(RIG(rig, OUTPUT, row), json_object_get_uint64(member(sample, "output")));
	if (json_object_object_get_ex(sample, "sampling_rate", &rate))
		assert_true(nr_flow_sampling(rig->all, row) == (float)json_object_get_uint64(rate));
	for (size_t i = 0; i < json_object_array_length(records); i++) {
		json_object *record = json_object_array_get_idx(records, i), *packet, *port;
		char text[NR_ADDRESS_TEXT];
		if (!json_object_object_get_ex(record, "packet", &packet))
			continue;
		struct nr_address source = nr_flow_address(rig->all, NR_FLOW_SOURCE_LOW, row);
		struct nr_address destination = nr_flow_address(rig->all, NR_FLOW_DESTINATION_LOW, row);
		assert_string_equal(
			nr_address_write(&source, text), json_object_get_string(member(packet, "src")));
		assert_string_equal(
			nr_address_write(&destination, text), json_object_get_string(member(packet, "dst")));
		assert_int_equal(
			RIG(rig, BYTES, row), json_object_get_uint64(member(packet, "ip_total_length")));
		assert_int_equal(RIG(rig, PROTOCOL, row), json_object_get_uint64(member(packet, "proto")));
		assert_int_equal(RIG(rig, TTL, row), json_object_get_uint64(member(packet, "ttl")));
		assert_int_equal(RIG(rig, SOURCE_MAC, row), read_wanted(member(packet, "src_mac")).number);
		assert_int_equal(
			RIG(rig, DESTINATION_MAC, row), read_wanted(member(packet, "dst_mac")).number);
		if (!json_object_object_get_ex(packet, "sport", &port))
			continue;
		assert_int_equal(RIG(rig, SOURCE_PORT, row), json_object_get_uint64(port));
		assert_int_equal(
			RIG(rig, DESTINATION_PORT, row), json_object_get_uint64(member(packet, "dport")));
		assert_int_equal(
			RIG(rig, TCP_FLAGS, row), json_object_get_uint64(member(packet, "tcp_flags")));
	}
}

static void test_sflow(void **state)
{
	(void)state;
	json_object *all = open_folder("sflow");
	size_t samples = 0;
	json_object_object_foreach(all, name, file)
	{
		json_object *datagrams;
		if (!strstr(name, ".bin") || !json_object_object_get_ex(file, "datagrams", &datagrams))
			continue;
		json_object *list = member(json_object_array_get_idx(datagrams, 0), "samples");
		size_t length;
		NR_AUTO(nr_freep) uint8_t *bytes = read_folder(name, &length);
		struct rig rig;
		rig_open(&rig, NULL);
		rig_feed(&rig, bytes, length);
		rig_flush(&rig);
		assert_int_equal(rig.all->count, json_object_array_length(list));
		for (uint32_t row = 0; row < rig.all->count; row++, samples++)
			compare_sample(&rig, row, json_object_array_get_idx(list, row));
		rig_close(&rig);
	}
	json_object_put(all);
	assert_int_equal(samples, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_ipfix_file),
		cmocka_unit_test(test_extra), cmocka_unit_test(test_sflow)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
