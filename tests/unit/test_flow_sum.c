/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of flows against sums that are made the slow way; steps, ends, estimates; and what a small memory
 * costs. */
#include "sense/flow/ask/sum.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 4096
#define T0   (INT64_C(1767323045) * NR_SECOND)

#define COLUMNS                                                                                              \
	(NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(SOURCE_LOW) |       \
		NR_FLOW_BIT(DESTINATION_HIGH) | NR_FLOW_BIT(DESTINATION_LOW) | NR_FLOW_BIT(SOURCE_PORT) |    \
		NR_FLOW_BIT(DESTINATION_PORT) | NR_FLOW_BIT(PROTOCOL) | NR_FLOW_BIT(PACKETS) |               \
		NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(SAMPLING) | NR_FLOW_BIT(REVERSE_BYTES))

static uint64_t dice = 1;
static uint64_t roll(uint64_t sides)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (dice >> 33) % sides;
}

/* hosts: how many different ones; the lesser numbers come more often. */
static struct nr_flow_block *some_flows(uint64_t hosts)
{
	struct nr_flow_block *block = NULL;
	static const float rates[] = {0, 1, 100, 1000};
	assert_int_equal(nr_flow_block_new(ROWS, &block, NULL), 0);
	nr_flow_rows_open(block, ROWS, COLUMNS);
#define AT(column, type) ((type *)nr_flow_column_at(block, NR_FLOW_##column))
	for (uint32_t row = 0; row < ROWS; row++) {
		AT(LAST, int64_t)[row] = T0 + (int64_t)roll(3600) * NR_SECOND;
		AT(FIRST, int64_t)[row] = AT(LAST, int64_t)[row] - (int64_t)roll(60) * NR_SECOND;
		AT(SOURCE_HIGH, uint64_t)[row] = 0;
		AT(SOURCE_LOW, uint64_t)[row] = UINT64_C(0xffff0a000000) | roll(roll(hosts) + 1);
		AT(DESTINATION_HIGH, uint64_t)[row] = row % 3 ? 0 : UINT64_C(0x20010db8) << 32;
		AT(DESTINATION_LOW, uint64_t)
		[row] = row % 3 ? UINT64_C(0xffff0a000000) | roll(4) : roll(hosts);
		AT(SOURCE_PORT, uint16_t)[row] = (uint16_t)roll(50);
		AT(DESTINATION_PORT, uint16_t)[row] = (uint16_t)roll(50);
		AT(PROTOCOL, uint8_t)[row] = row % 5 ? 6 : 17;
		AT(PACKETS, uint64_t)[row] = 1 + roll(20);
		AT(BYTES, uint64_t)[row] = 40 + roll(100000);
		AT(REVERSE_BYTES, uint64_t)[row] = row % 7 ? 0 : roll(5000);
		AT(SAMPLING, float)[row] = rates[roll(4)];
	}
	nr_flow_rows_close(block, ROWS);
	return block;
}

static void conf_of(struct nr_flow_sum_conf *conf, const char *fields)
{
	unsigned order = NR_FLOW_ORDER_BYTES;
	*conf = (struct nr_flow_sum_conf){
		.from = NR_TIME_MIN, .to = NR_TIME_MAX, .threads = 1, .memory = 64 << 20};
	assert_int_equal(nr_flow_fields_parse(fields, conf->fields, &conf->field_count, &order, NULL), 0);
	conf->order = order;
}

/* ---- the slow way ---- */

struct naive {
	char key[200];
	struct nr_flow_sums sums;
};
static struct naive *naive;
static size_t naive_count;

static void key_of(const struct nr_flow_sum_conf *conf, const struct nr_flow_block *block, uint32_t row,
	unsigned end, char *key, size_t room)
{
	char text[NR_FLOW_FIELD_TEXT];
	key[0] = '\0';
	for (size_t i = 0; i < conf->field_count; i++) {
		const struct nr_flow_field *field = &conf->fields[i];
		unsigned column = end ? field->other : field->column;
		uint64_t words[2] = {nr_flow_value(block, column, row), 0};
		if (field->words == 2) {
			words[1] = words[0];
			words[0] = nr_flow_value(block, column - 1, row);
			if (field->length4 == 24 && words[1] >> 32 == 0xffff && !words[0])
				words[1] &= ~UINT64_C(0xff);
		}
		snprintf(key + strlen(key), room - strlen(key), "%s ",
			nr_flow_field_write(field, words, text));
	}
}

static void naive_add(const char *key, const struct nr_flow_block *block, uint32_t row)
{
	size_t i = 0;
	while (i < naive_count && strcmp(naive[i].key, key) != 0)
		i++;
	if (i == naive_count) {
		naive = realloc(naive, (naive_count + 1) * sizeof *naive);
		naive[naive_count] = (struct naive){.sums.unknown = 0};
		snprintf(naive[naive_count++].key, sizeof naive[i].key, "%s", key);
	}
	uint64_t packets = nr_flow_value(block, NR_FLOW_PACKETS, row);
	uint64_t bytes =
		nr_flow_value(block, NR_FLOW_BYTES, row) + nr_flow_value(block, NR_FLOW_REVERSE_BYTES, row);
	uint64_t rate = (uint64_t)nr_flow_sampling(block, row);
	naive[i].sums.values[NR_FLOW_ORDER_FLOWS]++;
	naive[i].sums.values[NR_FLOW_ORDER_PACKETS] += packets;
	naive[i].sums.values[NR_FLOW_ORDER_BYTES] += bytes;
	naive[i].sums.values[NR_FLOW_ORDER_ESTIMATED_PACKETS] += packets * (rate ? rate : 1);
	naive[i].sums.values[NR_FLOW_ORDER_ESTIMATED_BYTES] += bytes * (rate ? rate : 1);
	naive[i].sums.unknown += rate == 0;
}

static void naive_sum(const struct nr_flow_sum_conf *conf, const struct nr_flow_block *block)
{
	naive_count = 0;
	for (uint32_t row = 0; row < block->count; row++) {
		char source[200], destination[200];
		key_of(conf, block, row, 0, source, sizeof source);
		key_of(conf, block, row, 1, destination, sizeof destination);
		naive_add(source, block, row);
		if (strcmp(source, destination) != 0)
			naive_add(destination, block, row);
	}
}

static void check_row(const struct nr_flow_sum_conf *conf, const struct nr_flow_sum *sum, size_t row)
{
	struct nr_flow_sums sums;
	const uint64_t *words;
	char key[200] = "", text[NR_FLOW_FIELD_TEXT];
	nr_flow_sum_row(sum, row, &sums, &words);
	for (size_t i = 0; i < conf->field_count; i++) {
		snprintf(key + strlen(key), sizeof key - strlen(key), "%s ",
			nr_flow_field_write(&conf->fields[i], words, text));
		words += conf->fields[i].words;
	}
	for (size_t i = 0; i < naive_count; i++)
		if (!strcmp(naive[i].key, key)) {
			assert_memory_equal(&sums, &naive[i].sums, sizeof sums);
			return;
		}
	fail_msg("%s is not a key", key);
}

static void test_as_the_slow_way(void **state)
{
	(void)state;
	static const char *const fields[] = {"source", "ip", "ip,port", "source/24,protocol",
		"destination_port,bytes", "record/flows", "source,destination,packets",
		"sampling/estimated_bytes", "exporter", "port"};
	struct nr_flow_block *block = some_flows(300);
	for (size_t i = 0; i < NR_COUNT(fields); i++) {
		struct nr_flow_sum_conf conf;
		conf_of(&conf, fields[i]);
		conf.threads = 1 + i % 2;
		struct nr_flow_sum *sum = NULL;
		assert_int_equal(nr_flow_sum_new(&conf, &sum, NULL), 0);
		uint32_t rows[ROWS / 2];
		for (uint32_t row = 0; row < ROWS / 2;
			row++) /* one half by its numbers, the other as it is */
			rows[row] = ROWS / 2 + row;
		nr_flow_sum_add(sum, conf.threads - 1, block, rows, ROWS / 2);
		nr_flow_sum_add(sum, 0, block, NULL, ROWS / 2);
		assert_int_equal(nr_flow_sum_finish(sum, 0, NULL), 0);
		naive_sum(&conf, block);
		assert_int_equal(nr_flow_sum_count(sum), naive_count);
		assert_int_equal(nr_flow_sum_totals(sum)->keys, naive_count);
		assert_int_equal(nr_flow_sum_totals(sum)->sums.values[NR_FLOW_ORDER_FLOWS], ROWS);
		uint64_t before = UINT64_MAX;
		for (size_t row = 0; row < naive_count; row++) {
			struct nr_flow_sums sums;
			const uint64_t *key;
			check_row(&conf, sum, row);
			nr_flow_sum_row(sum, row, &sums, &key);
			assert_true(sums.values[conf.order] <= before);
			before = sums.values[conf.order];
		}
		nr_flow_sum_free(sum);
	}
	nr_flow_block_free(block);
	free(naive);
	naive = NULL;
}

/* The steps of a series add up to the rows, and the first rows of "all" are the rows of "top". */
static void test_series(void **state)
{
	(void)state;
	struct nr_flow_block *block = some_flows(100);
	struct nr_flow_sum_conf conf;
	struct nr_flow_sum *all = NULL, *top = NULL;
	conf_of(&conf, "source");
	conf.step = 5 * NR_MINUTE;
	conf.from = T0 + 10 * NR_MINUTE; /* what ended before belongs to the first step */
	conf.to = T0 + 40 * NR_MINUTE;
	assert_int_equal(nr_flow_sum_new(&conf, &top, NULL), 0);
	conf.step = 0;
	assert_int_equal(nr_flow_sum_new(&conf, &all, NULL), 0);
	nr_flow_sum_add(top, 0, block, NULL, ROWS);
	nr_flow_sum_add(all, 0, block, NULL, ROWS);
	assert_int_equal(nr_flow_sum_finish(top, 7, NULL), 0);
	assert_int_equal(nr_flow_sum_finish(all, 0, NULL), 0);
	assert_int_equal(nr_flow_sum_count(top), 7);
	size_t count;
	const struct nr_flow_sum_point *points = nr_flow_sum_series(top, &count);
	for (size_t row = 0; row < 7; row++) {
		struct nr_flow_sums of_all, of_top, sum = {0};
		const uint64_t *key_of_all, *key_of_top;
		nr_flow_sum_row(all, row, &of_all, &key_of_all);
		nr_flow_sum_row(top, row, &of_top, &key_of_top);
		assert_memory_equal(key_of_all, key_of_top, 16);
		assert_memory_equal(&of_all, &of_top, sizeof of_all);
		for (size_t i = 0; i < count; i++) {
			assert_true(i == 0 || points[i].time >= points[i - 1].time);
			assert_true(points[i].time >= conf.from - 5 * NR_MINUTE && points[i].time < conf.to);
			assert_int_equal(points[i].time % (5 * NR_MINUTE), 0);
			for (unsigned k = 0; k < NR_FLOW_ORDERS; k++)
				sum.values[k] += points[i].row == row ? points[i].sums.values[k] : 0;
		}
		assert_memory_equal(sum.values, of_top.values, sizeof sum.values);
	}
	nr_flow_sum_free(all);
	nr_flow_sum_free(top);
	nr_flow_block_free(block);
}

/* With memory for a few keys only: what is let go is counted, no row is too high, and none is too low by more
 * than is said; the greatest key, which is far greater than that, is there. */
static void test_small_memory(void **state)
{
	(void)state;
	struct nr_flow_sum_conf conf;
	conf_of(&conf, "source,flows");
	conf.memory = 0; /* the least: 64 places */
	struct nr_flow_sum *sum = NULL;
	assert_int_equal(nr_flow_sum_new(&conf, &sum, NULL), 0);
	struct nr_flow_block *block = some_flows(3000);
	for (uint32_t row = 0; row < ROWS; row += 2)
		((uint64_t *)nr_flow_column_at(block, NR_FLOW_SOURCE_LOW))[row] = UINT64_C(0xffff0a00ffff);
	nr_flow_sum_add(sum, 0, block, NULL, ROWS);
	assert_int_equal(nr_flow_sum_finish(sum, 0, NULL), 0);
	naive_sum(&conf, block);
	const struct nr_flow_sum_totals *totals = nr_flow_sum_totals(sum);
	assert_int_equal(totals->sums.values[NR_FLOW_ORDER_FLOWS], ROWS);
	assert_true(totals->forgotten > 100 && totals->error > 0);
	uint64_t kept = 0;
	for (size_t row = 0; row < nr_flow_sum_count(sum); row++) {
		struct nr_flow_sums sums;
		const uint64_t *key;
		char text[NR_FLOW_FIELD_TEXT], name[80];
		nr_flow_sum_row(sum, row, &sums, &key);
		kept += sums.values[NR_FLOW_ORDER_FLOWS];
		snprintf(name, sizeof name, "%s ", nr_flow_field_write(&conf.fields[0], key, text));
		if (row == 0)
			assert_string_equal(name, "10.0.255.255 ");
		for (size_t i = 0; i < naive_count; i++)
			if (!strcmp(naive[i].key, name)) {
				uint64_t truth = naive[i].sums.values[NR_FLOW_ORDER_FLOWS];
				assert_true(sums.values[NR_FLOW_ORDER_FLOWS] <= truth);
				assert_true(sums.values[NR_FLOW_ORDER_FLOWS] + totals->error >= truth);
			}
	}
	assert_int_equal(kept + totals->forgotten_value, ROWS);
	nr_flow_sum_free(sum);
	nr_flow_block_free(block);
	free(naive);
	naive = NULL;
}

static void test_fields(void **state)
{
	(void)state;
	static const struct {
		const char *text, *name; /* NULL: refused, and the error has `part` */
		const char *part;
	} cases[] = {{"source", "source", NULL}, {"srcip", "source", NULL},
		{"dstport", "destination_port", NULL}, {"IP", "ip", NULL}, {"source/24", "source/24", NULL},
		{"source/24/48", "source/24/48", NULL}, {"router", "exporter", NULL},
		{"event", "event", NULL}, {"sorce", NULL, "did you mean \"source\"?"},
		{"bytes", NULL, "not summed"}, {"first", NULL, "not summed"},
		{"source/129", NULL, "a length"}, {"port/8", NULL, "a length"},
		{"source/x", NULL, "a length"}, {"source/33/48", NULL, "a length"}, {"", NULL, "not summed"}};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_flow_field field;
		struct nr_error error = {0};
		int e = nr_flow_field_parse(cases[i].text, &field, &error);
		assert_int_equal(e, cases[i].name ? 0 : -EINVAL);
		if (cases[i].name)
			assert_string_equal(field.name, cases[i].name);
		else if (!strstr(error.text, cases[i].part))
			fail_msg("%s: %s", cases[i].text, error.text);
	}
	struct nr_flow_field fields[NR_FLOW_FIELDS_MAX];
	size_t count = 0;
	unsigned order = 0;
	assert_int_equal(nr_flow_fields_parse("record/packets", fields, &count, &order, NULL), 0);
	assert_int_equal(count, 5);
	assert_int_equal(order, NR_FLOW_ORDER_PACKETS);
	assert_int_equal(nr_flow_fields_parse("tos,vlan,input", fields, &count, &order, NULL), 0);
	assert_int_equal(nr_flow_fields_parse("output", fields, &count, &order, NULL), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_the_slow_way),
		cmocka_unit_test(test_series), cmocka_unit_test(test_small_memory),
		cmocka_unit_test(test_fields)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
