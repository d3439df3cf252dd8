/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of exporters: a collector that is killed and begins again decodes the first datagram,
 * although templates come every half an hour; damage costs what is damaged; the report.
 */
#include "sense/flow/collect/collector.h"

#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "sense/flow/collect/remember.h"

#include <cmocka.h>

#define BEGIN (INT64_C(1764000000) * NR_SECOND)

/* ---- an exporter ---- */

struct message {
	uint8_t bytes[1500];
	size_t length, set;
};

static void put(struct message *m, uint64_t value, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		m->bytes[m->length++] = (uint8_t)(value >> 8 * (width - 1 - i));
}

static void begin_set(struct message *m, uint16_t id)
{
	m->set = m->length;
	put(m, id, 2);
	put(m, 0, 2);
}

static void end_set(struct message *m)
{
	size_t end = m->length;
	m->length = m->set + 2;
	put(m, end - m->set, 2);
	m->length = end;
	m->bytes[2] = (uint8_t)(end >> 8); /* the message's */
	m->bytes[3] = (uint8_t)end;
}

static void begin_ipfix(struct message *m, uint32_t seconds, uint32_t sequence, uint32_t domain)
{
	m->length = 0;
	put(m, 10, 2);
	put(m, 16, 2);
	put(m, seconds, 4);
	put(m, sequence, 4);
	put(m, domain, 4);
}

/* Data 256: addresses, ports, counters, times, interfaces; options 257: a rate and timers of the system;
 * 258: names of interfaces. */
static void put_templates(struct message *m)
{
	static const uint16_t fields[][2] = {{8, 4}, {12, 4}, {7, 2}, {11, 2}, {4, 1}, {1, 4}, {2, 4},
		{152, 8}, {153, 8}, {10, 4}, {14, 4}};
	begin_set(m, 2);
	put(m, 256, 2);
	put(m, NR_COUNT(fields), 2);
	for (size_t i = 0; i < NR_COUNT(fields); i++) {
		put(m, fields[i][0], 2);
		put(m, fields[i][1], 2);
	}
	end_set(m);
	static const uint16_t options[][7] = {{257, 4, 1, 149, 34, 36, 37}, {258, 2, 1, 10, 82}};
	begin_set(m, 3);
	for (size_t i = 0; i < NR_COUNT(options); i++) {
		for (unsigned k = 0; k < 3; k++)
			put(m, options[i][k], 2);
		for (unsigned k = 0; k < options[i][1]; k++) {
			put(m, options[i][3 + k], 2);
			put(m, options[i][3 + k] == 82 ? 8 : 4, 2);
		}
	}
	end_set(m);
}

static void put_options(struct message *m, uint32_t domain, uint32_t rate)
{
	begin_set(m, 257);
	put(m, domain, 4);
	put(m, rate, 4);
	put(m, 60, 4);
	put(m, 15, 4);
	end_set(m);
	begin_set(m, 258);
	put(m, 7, 4);
	put(m, UINT64_C(0x78652d302f302f37), 8); /* xe-0/0/7 */
	end_set(m);
}

static void put_flows(struct message *m, uint32_t seconds, uint32_t count)
{
	begin_set(m, 256);
	for (uint32_t i = 0; i < count; i++) {
		put(m, 0xc0000200 + i, 4);
		put(m, 0xc6336400 + i, 4);
		put(m, 40000 + i, 2);
		put(m, 443, 2);
		put(m, 6, 1);
		put(m, 1000, 4);
		put(m, 10, 4);
		put(m, (seconds - 20) * UINT64_C(1000), 8);
		put(m, (seconds - 10) * UINT64_C(1000), 8);
		put(m, 7, 4);
		put(m, 8, 4);
	}
	end_set(m);
}

/* ---- a collector ---- */

struct rig {
	struct nr_flow_sink sink;
	struct nr_flow_collector *collector;
	uint64_t flows, sampled;
};

static int take(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	(void)error;
	struct rig *rig = (struct rig *)sink;
	rig->flows += block->count;
	for (uint32_t i = 0; i < block->count; i++)
		rig->sampled += nr_flow_sampling(block, i) == 1000 &&
				nr_flow_value(block, NR_FLOW_SAMPLING_FROM, i) == NR_FLOW_SAMPLING_EXPORTER;
	return 0;
}

static void begin_rig(struct rig *rig)
{
	static const struct nr_flow_collector_conf conf = {.exporters_max = 100, .memory = 64 << 20};
	*rig = (struct rig){.sink = {take}};
	assert_int_equal(nr_flow_collector_new(&conf, &rig->sink, &rig->collector, NULL), 0);
}

static void feed(struct rig *rig, const struct message *m, uint32_t seconds)
{
	struct nr_flow_datagram datagram = {.bytes = m->bytes,
		.length = m->length,
		.exporter = nr_address_from_ipv4(0xcb007109),
		.collector = nr_address_from_ipv4(0xcb007101),
		.exporter_port = 5000,
		.collector_port = 4739,
		.received = (nr_time)seconds * NR_SECOND + 30000};
	assert_int_equal(nr_flow_collector_take(rig->collector, &datagram, NULL), 0);
}

static json_object *report(const struct rig *rig)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_flow_collector_report(rig->collector, &json);
	nr_json_object_end(&json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	json_object *parsed = json_tokener_parse(json.bytes);
	assert_non_null(parsed);
	return parsed;
}

static int64_t number(json_object *object, const char *path)
{
	json_object *value = NULL;
	if (json_pointer_get(object, path, &value) != 0)
		fail_msg("the report has no %s", path);
	return json_object_get_int64(value);
}

/* One message each second; templates and options at the begin and every 1,800 s. */
static uint32_t run(struct rig *rig, uint32_t from, uint32_t to, uint32_t sequence)
{
	static struct message m;
	for (uint32_t second = from; second < to; second++) {
		uint32_t now = (uint32_t)(BEGIN / NR_SECOND) + second, before = sequence;
		begin_ipfix(&m, now, before, 5);
		if (second % 1800 == 0) {
			put_templates(&m);
			put_options(&m, 5, 1000);
			sequence += 2;
		}
		put_flows(&m, now, 20);
		sequence += 20;
		feed(rig, &m, now);
	}
	return sequence;
}

/* ---- killed and begun again ---- */

static char path[] = "/tmp/noroshi-flow-memory-XXXXXX";

static void test_restart(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	struct rig rig;
	begin_rig(&rig);
	assert_int_equal(nr_flow_collector_load(rig.collector, path, NULL), -ENOENT);
	nr_flow_collector_free(rig.collector);

	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	if (child == 0) {
		begin_rig(&rig);
		uint32_t sequence = run(&rig, 0, 100, 900);
		if (nr_flow_collector_save(rig.collector, path, NULL) != 0 ||
			write(pipes[1], &sequence, sizeof sequence) != sizeof sequence)
			_exit(1);
		for (;;)
			pause(); /* until it is killed */
	}
	uint32_t sequence;
	assert_int_equal(read(pipes[0], &sequence, sizeof sequence), sizeof sequence);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);

	begin_rig(&rig);
	assert_int_equal(nr_flow_collector_load(rig.collector, path, NULL), 0);
	uint32_t now_sequence = run(&rig, 100, 300, sequence);
	run(&rig, 310, 400, now_sequence + 200); /* ten messages are lost on the way */
	assert_int_equal(nr_flow_collector_flush(rig.collector, NULL), 0);
	assert_int_equal(rig.flows, (200 + 90) * 20);
	assert_int_equal(rig.sampled, rig.flows);
	json_object *json = report(&rig);
	assert_int_equal(number(json, "/exporters/0/lost/network"), 200);
	assert_int_equal(number(json, "/exporters/0/lost/unknown"), 0);
	assert_int_equal(number(json, "/exporters/0/lost/restarts"), 0);
	assert_int_equal(number(json, "/exporters/0/active_timeout"), 60);
	assert_int_equal(number(json, "/exporters/0/interfaces/0/index"), 7);
	assert_int_equal(number(json, "/exporters/0/sampling/0/rate"), 1000);
	json_object_put(json);
	nr_flow_collector_free(rig.collector);

	/* messages that passed while nobody listened are not known to be lost */
	begin_rig(&rig);
	assert_int_equal(nr_flow_collector_load(rig.collector, path, NULL), 0);
	run(&rig, 150, 160, sequence + 1000);
	json = report(&rig);
	assert_int_equal(number(json, "/exporters/0/lost/network"), 0);
	assert_int_equal(number(json, "/exporters/0/lost/unknown"), 1000);
	json_object_put(json);
	nr_flow_collector_free(rig.collector);

	/* without it they would wait in vain */
	begin_rig(&rig);
	run(&rig, 100, 300, sequence);
	assert_int_equal(nr_flow_collector_flush(rig.collector, NULL), 0);
	assert_int_equal(rig.flows, 0);
	nr_flow_collector_free(rig.collector);
	unlink(path);
}

/* ---- damage ---- */

static void test_damage(void **state)
{
	(void)state;
	struct rig rig;
	begin_rig(&rig);
	run(&rig, 0, 10, 0);
	uint8_t *bytes = NULL;
	size_t length;
	assert_int_equal(nr_flow_collector_remember(rig.collector, &bytes, &length, NULL), 0);
	nr_flow_collector_free(rig.collector);

	/* any octet changed, any end: never an end of the process; always counted */
	uint32_t kept = 0, domains = 0;
	for (size_t i = 0; i <= length; i += 3) {
		for (int cut = 0; cut < 2; cut++) {
			begin_rig(&rig);
			uint8_t *copy = malloc(length);
			assert_non_null(copy);
			memcpy(copy, bytes, length);
			size_t now = cut ? i : length;
			if (!cut && i < length)
				copy[i] ^= 0x55;
			int e = nr_flow_collector_recall(rig.collector, copy, now, NULL);
			bool whole = i == length || (!cut && i >= length);
			assert_int_equal(e, now < 8 || (!cut && i < 8) ? -EBADMSG : 0);
			if (e == 0)
				assert_int_equal(
					rig.collector->dropped[NR_FLOW_CAUSE_STATE_DAMAGED] == 0, whole);
			domains += rig.collector->exporters.count;
			run(&rig, 10, 11, 200);
			assert_int_equal(nr_flow_collector_flush(rig.collector, NULL), 0);
			kept += rig.flows == 20;
			nr_flow_collector_free(rig.collector);
			free(copy);
		}
	}
	assert_true(kept > 50); /* one damaged entry does not take the others with it */
	assert_true(domains > 100);
	free(bytes);
}

/* ---- real exporters ---- */

static void name_file(char file[static 600], const char *name)
{
	const char *shared = getenv("NOROSHI_SHARED");
	snprintf(file, 600, "%s/data/flow/netflow-ipfix/raw/%s", shared ? shared : "../shared", name);
}

static void feed_file(struct rig *rig, const char *name)
{
	char file[600];
	uint8_t *bytes;
	size_t length;
	name_file(file, name);
	assert_int_equal(nr_file_read(file, 1 << 20, &bytes, &length, NULL), 0);
	size_t at = 0;
	while (at < length) {
		struct nr_export_header header;
		struct nr_cursor body;
		assert_int_equal(nr_export_open(bytes + at, length - at, &header, &body, NULL), 0);
		struct message m = {.length = header.length};
		memcpy(m.bytes, bytes + at, header.length);
		feed(rig, &m, header.seconds);
		at += header.length;
	}
	free(bytes);
	assert_int_equal(nr_flow_collector_flush(rig->collector, NULL), 0);
}

static void expect_text(json_object *json, const char *pointer, const char *text)
{
	json_object *value = NULL;
	assert_int_equal(json_pointer_get(json, pointer, &value), 0);
	assert_string_equal(json_object_get_string(value), text);
}

static void test_real(void **state)
{
	(void)state;
	struct rig rig;
	char file[600];
	name_file(file, "ipfix.dat");
	if (access(file, R_OK) != 0) {
		print_message("skipped: no %s\n", file);
		skip();
	}
	begin_rig(&rig); /* softflowd counts itself, and options not at all; 305 = 1, 306 = 0 */
	feed_file(&rig, "ipfix.dat");
	json_object *json = report(&rig);
	expect_text(json, "/exporters/0/lost/unit", "self");
	assert_int_equal(number(json, "/exporters/0/lost/network"), 0);
	assert_int_equal(number(json, "/exporters/0/lost/received"), 12);
	assert_int_equal(number(json, "/exporters/0/sampling/0/rate"), 1);
	expect_text(json, "/exporters/0/sampling/0/from", "exporter");
	json_object_put(json);
	nr_flow_collector_free(rig.collector);

	begin_rig(&rig); /* MX80: mode 0, interval 1000 */
	feed_file(&rig, "netflow5_test_juniper_mx80.dat");
	json = report(&rig);
	assert_int_equal(number(json, "/exporters/0/sampling/0/rate"), 1000);
	expect_text(json, "/exporters/0/sampling/0/from", "header");
	json_object_put(json);
	nr_flow_collector_free(rig.collector);

	begin_rig(&rig); /* MikroTik says nothing in v5 */
	feed_file(&rig, "netflow5_test_microtik.dat");
	json = report(&rig);
	assert_int_equal(number(json, "/exporters/0/sampling/0/rate"), 1);
	json_object_put(json);
	nr_flow_collector_free(rig.collector);

	begin_rig(&rig); /* softflowd, v9: of interface 0 */
	feed_file(&rig, "netflow9_test_invalid01.dat");
	json = report(&rig);
	assert_int_equal(number(json, "/exporters/0/sampling/0/rate"), 100);
	expect_text(json, "/exporters/0/sampling/0/from", "exporter");
	json_object_put(json);
	nr_flow_collector_free(rig.collector);

	begin_rig(&rig); /* ASR9k: names of interfaces; the sampler's options are not in the data */
	feed_file(&rig, "netflow9_test_cisco_asr9k_opttpl256.dat");
	feed_file(&rig, "netflow9_test_cisco_asr9k_data256.dat");
	json = report(&rig);
	assert_int_equal(number(json, "/exporters/0/interfaces_known"), 19);
	expect_text(json, "/exporters/0/interfaces/0/description", "TenGigE0_0_1_0");
	json_object_put(json);
	nr_flow_collector_free(rig.collector);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_real),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
