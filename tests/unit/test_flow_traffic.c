/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of traffic: what was put in comes out of the store by the named queries, whole, bounded, without a
 * client. */
#include "sense/flow/traffic.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "store/store.h"

#include <cmocka.h>

#define MOST  (INT64_C(1) << 53)
#define BEGIN (INT64_C(1764028800) * NR_SECOND) /* midnight UTC */

static char path[64];
static struct nr_store *store;

static int open_store(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "/tmp/noroshi-flow-traffic-XXXXXX");
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	unlink(path);
	return nr_store_open(path, NR_STORE_CREATE, nr_flow_tables, nr_flow_table_count, &store, NULL);
}

static int close_store(void **state)
{
	(void)state;
	nr_store_close(store);
	char name[80];
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	for (size_t i = 0; i < NR_COUNT(suffixes); i++) {
		snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		unlink(name);
	}
	return 0;
}

/* ---- flows ---- */

struct flow {
	uint32_t source, destination;
	uint16_t source_port, destination_port;
	uint8_t protocol;
	uint16_t flags, marks;
	uint64_t packets, bytes;
	float sampling;
	uint32_t source_as, destination_as;
};

#define COLUMNS                                                                                              \
	(NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(SOURCE_LOW) | NR_FLOW_BIT(DESTINATION_HIGH) |                \
		NR_FLOW_BIT(DESTINATION_LOW) | NR_FLOW_BIT(SOURCE_PORT) | NR_FLOW_BIT(DESTINATION_PORT) |    \
		NR_FLOW_BIT(PROTOCOL) | NR_FLOW_BIT(TCP_FLAGS) | NR_FLOW_BIT(MARKS) | NR_FLOW_BIT(PACKETS) | \
		NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(SAMPLING) | NR_FLOW_BIT(SOURCE_AS) |                        \
		NR_FLOW_BIT(DESTINATION_AS) | NR_FLOW_BIT(STREAM))

#define SET(type, column, value) ((type *)nr_flow_column_at(block, NR_FLOW_##column))[row] = (value)

static void add(struct nr_flow_block *block, const struct flow *f, uint32_t domain)
{
	struct nr_flow_stream stream = {nr_address_from_ipv4(0xc0000201), domain, NR_FLOW_IPFIX};
	uint32_t row = block->count;
	int index = nr_flow_block_stream(block, &stream);
	struct nr_address source = nr_address_from_ipv4(f->source);
	struct nr_address destination = nr_address_from_ipv4(f->destination);
	uint64_t high, low;
	nr_flow_rows_open(block, 1, COLUMNS);
	nr_flow_address_split(&source, &high, &low);
	SET(uint64_t, SOURCE_HIGH, high);
	SET(uint64_t, SOURCE_LOW, low);
	nr_flow_address_split(&destination, &high, &low);
	SET(uint64_t, DESTINATION_HIGH, high);
	SET(uint64_t, DESTINATION_LOW, low);
	SET(uint16_t, SOURCE_PORT, f->source_port);
	SET(uint16_t, DESTINATION_PORT, f->destination_port);
	SET(uint8_t, PROTOCOL, f->protocol);
	SET(uint16_t, TCP_FLAGS, f->flags);
	SET(uint16_t, MARKS, f->marks);
	SET(uint64_t, PACKETS, f->packets);
	SET(uint64_t, BYTES, f->bytes);
	SET(float, SAMPLING, f->sampling);
	SET(uint32_t, SOURCE_AS, f->source_as);
	SET(uint32_t, DESTINATION_AS, f->destination_as);
	SET(uint16_t, STREAM, (uint16_t)index);
	nr_flow_rows_close(block, 1);
}

static struct nr_flow_block *new_block(nr_time received)
{
	struct nr_flow_block *block = NULL;
	assert_int_equal(nr_flow_block_new(NR_FLOW_ROOM, &block, NULL), 0);
	block->received_first = block->received_last = received;
	return block;
}

static struct nr_flow_traffic *new_traffic(void)
{
	static const struct nr_flow_traffic_conf conf = {.sensor = "edge"};
	struct nr_flow_traffic *traffic = NULL;
	assert_int_equal(nr_flow_traffic_new(&conf, &traffic, NULL), 0);
	return traffic;
}

/* ---- answers ---- */

struct line {
	nr_time time;
	char key[64];
	int64_t numbers[6]; /* flows, packets, bytes, estimated packets, estimated bytes, unknown */
};
struct answer {
	struct line lines[2000];
	size_t count;
};
static struct answer answer;

static int take_row(void *context, const struct nr_value *values, size_t count)
{
	(void)context;
	assert_int_equal(count, 9);
	assert_true(answer.count < NR_COUNT(answer.lines));
	struct line *line = &answer.lines[answer.count++];
	line->time = values[0].integer;
	snprintf(line->key, sizeof line->key, "%s", values[1].text);
	for (unsigned i = 0; i < 6; i++)
		line->numbers[i] = values[3 + i].integer;
	return 0;
}

static struct nr_answer ask(const char *dimension, const char *step, const char *top)
{
	const char *values[] = {NULL, NULL, NULL, dimension, step, top, "2000", NULL};
	struct nr_answer covered = {0};
	struct nr_error error = {0};
	answer.count = 0;
	assert_int_equal(nr_store_sink(store)->commit(nr_store_sink(store), NULL), 0);
	if (nr_store_ask(store, nr_store_query("flow/traffic"), values, take_row, NULL, &covered, &error) !=
		0)
		fail_msg("%s", error.text);
	return covered;
}

static const struct line *line_of(const char *key, nr_time time)
{
	for (size_t i = 0; i < answer.count; i++) {
		if (strcmp(answer.lines[i].key, key) == 0 && answer.lines[i].time == time)
			return &answer.lines[i];
	}
	fail_msg("no line %s", key);
	return NULL;
}

static void expect(const char *key, nr_time time, const int64_t numbers[static 6])
{
	const struct line *line = line_of(key, time);
	for (unsigned i = 0; i < 6; i++) {
		if (line->numbers[i] != numbers[i])
			fail_msg("%s: number %u is %lld, not %lld", key, i, (long long)line->numbers[i],
				(long long)numbers[i]);
	}
}

/* ---- tests ---- */

static const struct flow flows[] = {
	/* to a server, and back from it: one service */
	{0x0a000001, 0xc6336405, 50000, 443, 6, 0x1b, 0, 10, 1000, 100, 64500, 64501},
	{0xc6336405, 0x0a000001, 443, 50000, 6, 0x1b, 0, 20, 20000, 100, 64501, 64500},
	/* a SYN knows its server whatever the ports */
	{0x0a000002, 0xc6336406, 2222, 8080, 6, 0x02, 0, 1, 40, 1, 64500, 64502},
	{0x0a000003, 0xc6336407, 0, 0x0800, 1, 0, 0, 2, 168, 1, 64500, 64503},
	{0x0a000003, 0xc6336408, 40000, 53, 17, 0, 0, 1, 60, 0, 64500, 64503}, /* nobody says its rate */
	{0x0a000003, 0xc6336408, 40001, 53, 17, 0, NR_FLOW_MARK_EVENT, 0, 0, 1, 0, 0}, /* a NAT's event */
};

static void test_sums(void **state)
{
	(void)state;
	struct nr_flow_traffic *traffic = new_traffic();
	struct nr_sink *sink = nr_store_sink(store);
	for (int step = 0; step < 3; step++) {
		struct nr_flow_block *block = new_block(BEGIN + (step * 300 + 10) * NR_SECOND);
		for (size_t i = 0; i < NR_COUNT(flows); i++)
			add(block, &flows[i], 5);
		nr_flow_traffic_take(traffic, block);
		nr_flow_block_free(block);
		assert_int_equal(
			nr_flow_traffic_flush(traffic, BEGIN + (step * 300 + 20) * NR_SECOND, sink, NULL), 0);
	}
	struct nr_answer covered = ask("all", "5m", NULL);
	assert_int_equal(answer.count, 2); /* the third is still open */
	assert_int_equal(covered.from, BEGIN);
	expect("all", BEGIN, (const int64_t[]){5, 34, 21268, 3003, 2100208, 1});
	ask("service", "5m", NULL);
	assert_int_equal(answer.count, 2 * 4);
	expect("tcp/443", BEGIN, (const int64_t[]){2, 30, 21000, 3000, 2100000, 0});
	expect("tcp/8080", BEGIN, (const int64_t[]){1, 1, 40, 1, 40, 0});
	expect("icmp", BEGIN, (const int64_t[]){1, 2, 168, 2, 168, 0});
	expect("udp/53", BEGIN, (const int64_t[]){1, 1, 60, 0, 0, 1});
	ask("as", "5m", NULL); /* of the server's side: a flow counts once */
	expect("AS64501", BEGIN, (const int64_t[]){2, 30, 21000, 3000, 2100000, 0});
	ask("source_as", "5m", NULL);
	expect("AS64500", BEGIN, (const int64_t[]){4, 14, 1268, 1003, 100208, 1});
	ask("exporter", "5m", NULL);
	expect("192.0.2.1/5", BEGIN, (const int64_t[]){5, 34, 21268, 3003, 2100208, 1});
	ask("all", "1h", NULL); /* as it stands */
	expect("all", BEGIN, (const int64_t[]){10, 68, 42536, 6006, 4200416, 2});

	/* the process ends, another one goes on in the same hour: both count */
	assert_int_equal(nr_flow_traffic_flush(traffic, NR_TIME_MAX, sink, NULL), 0);
	nr_flow_traffic_free(traffic);
	traffic = new_traffic();
	struct nr_flow_block *block = new_block(BEGIN + 899 * NR_SECOND);
	add(block, &flows[0], 5);
	nr_flow_traffic_take(traffic, block);
	nr_flow_block_free(block);
	assert_int_equal(nr_flow_traffic_flush(traffic, NR_TIME_MAX, sink, NULL), 0);
	nr_flow_traffic_free(traffic);
	ask("all", "5m", NULL);
	assert_int_equal(answer.count, 3);
	expect("all", BEGIN + 600 * NR_SECOND, (const int64_t[]){6, 44, 22268, 4003, 2200208, 1});
	ask("all", "1d", NULL);
	expect("all", BEGIN, (const int64_t[]){16, 112, 64804, 10009, 6400624, 3});
}

static int ask_nothing(void *context, const struct nr_value *values, size_t count)
{
	(void)context, (void)values, (void)count;
	return -1;
}

/* Every port of a scan: the largest keep their names, nothing is lost, and memory is what it was. */
static void test_bounds(void **state)
{
	(void)state;
	struct nr_flow_traffic *traffic = new_traffic();
	struct nr_flow_block *block = new_block(BEGIN + 20 * NR_DAY);
	int64_t all = 0, bytes = 0;
	for (uint32_t port = 1; port <= 60000; port++) {
		struct flow f = {0x0a000001, 0xc6336405, 61000, (uint16_t)port, 6, 2, 0, 1, 40 + port % 50, 1,
			1 + port % 20000, 2};
		if (port == 443 || port == 50123)
			f.bytes = 1000000;
		all++;
		bytes += (int64_t)f.bytes;
		add(block, &f, port % 700);
		if (block->count == block->room || port == 60000 || block->stream_count > 500) {
			nr_flow_traffic_take(traffic, block);
			nr_flow_block_clear(block);
			block->received_last = BEGIN + 20 * NR_DAY;
		}
	}
	nr_flow_block_free(block);
	assert_int_equal(nr_flow_traffic_flush(traffic, NR_TIME_MAX, nr_store_sink(store), NULL), 0);
	struct nr_flow_traffic_state counts = nr_flow_traffic_state(traffic);
	assert_int_equal(counts.flows, 60000);
	assert_true(counts.merged > 40000);
	assert_true(counts.rows < 1600);
	nr_flow_traffic_free(traffic);
	static const char *const dimensions[] = {"service", "source_as", "exporter", "all"};
	for (size_t i = 0; i < NR_COUNT(dimensions); i++) {
		int64_t sum = 0, sum_bytes = 0;
		ask(dimensions[i], "1h", "10");
		for (size_t k = 0; k < answer.count; k++) {
			if (answer.lines[k].time != BEGIN + 20 * NR_DAY)
				continue;
			sum += answer.lines[k].numbers[0];
			sum_bytes += answer.lines[k].numbers[2];
		}
		assert_int_equal(sum, all);
		assert_int_equal(sum_bytes, bytes);
	}
	ask("service", "1h", "10");
	assert_int_equal(line_of("tcp/443", BEGIN + 20 * NR_DAY)->numbers[2], 1000000);
	assert_int_equal(line_of("tcp/50123", BEGIN + 20 * NR_DAY)->numbers[2], 1000000);
	line_of("other", BEGIN + 20 * NR_DAY);

	/* what is not one of the choices is refused by name */
	const char *values[] = {NULL, NULL, NULL, "client", NULL, NULL, NULL, NULL};
	struct nr_answer covered;
	struct nr_error error = {0};
	assert_int_equal(nr_store_ask(store, nr_store_query("flow/traffic"), values, ask_nothing, NULL,
				 &covered, &error),
		-EINVAL);
	assert_non_null(strstr(error.text, "dimension"));
}

/* Counters that cannot be: sums stop at what an integer of the store holds. */
static void test_largest(void **state)
{
	(void)state;
	struct nr_flow_traffic *traffic = new_traffic();
	struct nr_flow_block *block = new_block(BEGIN + 30 * NR_DAY);
	struct flow f = {1, 2, 3, 4, 6, 0, 0, UINT64_MAX, UINT64_MAX, 4294967296.0F, 0, 0};
	add(block, &f, 0);
	add(block, &f, 0);
	nr_flow_traffic_take(traffic, block);
	nr_flow_block_free(block);
	assert_int_equal(nr_flow_traffic_flush(traffic, NR_TIME_MAX, nr_store_sink(store), NULL), 0);
	nr_flow_traffic_free(traffic);
	ask("all", "1d", NULL);
	expect("all", BEGIN + 30 * NR_DAY, (const int64_t[]){2, MOST, MOST, MOST, MOST, 0});
}

/* Sums go with their age, whatever else the store keeps. */
static void test_retention(void **state)
{
	(void)state;
	uint64_t rows = 0;
	ask("all", "1d", NULL);
	size_t before = answer.count;
	assert_true(before >= 3);
	assert_int_equal(nr_store_retain_tables(store, BEGIN + 400 * NR_DAY, &rows, NULL), 0);
	assert_int_equal(rows, 0);
	assert_int_equal(nr_store_retain_tables(store, BEGIN + 402 * NR_DAY, &rows, NULL), 0);
	assert_true(rows > 0);
	ask("all", "1d", NULL);
	assert_int_equal(answer.count, before - 1);
	assert_true(answer.lines[0].time > BEGIN);
}

/* ---- exporters ---- */

static int take_exporter(void *context, const struct nr_value *values, size_t count)
{
	size_t *rows = context;
	assert_int_equal(count, 20);
	assert_string_equal(values[0].text, "edge");
	if (++*rows > 1)
		return 0;
	assert_int_equal(values[2].integer, 7);
	assert_string_equal(values[3].text, "ipfix");
	assert_int_equal(values[12].integer, 42);
	assert_true(values[14].real == 1000);
	assert_string_equal(values[15].text, "exporter");
	assert_int_equal(values[16].integer, 60);
	assert_true(values[18].real == -1.5);
	assert_int_equal(values[19].type, NR_VALUE_JSON);
	return 0;
}

static void test_exporters(void **state)
{
	(void)state;
	struct nr_flow_traffic *traffic = new_traffic();
	struct nr_sink *sink = nr_store_sink(store);
	static const char report[] =
		"{\"exporters\": [{\"exporter\": \"192.0.2.9\", \"domain\": 7, \"export\": \"ipfix\","
		"\"first_seen\": \"2026-01-02T03:04:05Z\", \"last_seen\": \"2026-01-02T03:05:05Z\", "
		"\"records\": 9,"
		"\"lost\": {\"unit\": \"records\", \"received\": 100, \"network\": 42, \"unknown\": 1},"
		"\"sampling\": [{\"rate\": 1000, \"from\": \"exporter\"}], \"active_timeout\": 60,"
		"\"inactive_timeout\": 15, \"clock_offset_ms\": -1500},"
		"{\"exporter\": \"2001:db8::1\", \"domain\": 0, \"export\": \"sflow5\", \"sampling\": []}]}";
	size_t rows = 0;
	for (int again = 0; again < 2; again++) /* the newest stands */
		assert_int_equal(nr_flow_traffic_exporters(traffic, report, sink, NULL), 0);
	assert_int_equal(sink->commit(sink, NULL), 0);
	const char *values[] = {NULL, NULL, NULL};
	struct nr_answer covered;
	assert_int_equal(nr_store_ask(store, nr_store_query("flow/exporters"), values, take_exporter, &rows,
				 &covered, NULL),
		0);
	assert_int_equal(rows, 2);
	static const char *const wrong[] = {"", "{}", "[]", "{\"exporters\": 5}", "{\"exporters\": [5]}",
		"{\"exporters\": [{\"exporter\": \"x\"}]}"};
	for (size_t i = 0; i < NR_COUNT(wrong); i++)
		assert_int_equal(nr_flow_traffic_exporters(traffic, wrong[i], sink, NULL), -EBADMSG);
	nr_flow_traffic_free(traffic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_retention),
		cmocka_unit_test(test_exporters),
	};
	return cmocka_run_group_tests(tests, open_store, close_store);
}
