/* SPDX-License-Identifier: Apache-2.0 */
/* Every way in which an exporter says its sampling rate, against traffic that is known; and real exporters.
 */
#include "sense/flow/collect/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PACKETS 1000000u

/* One element and what it holds; v9 scopes have the enterprise NR_ENTERPRISE_SCOPE. */
struct element {
	uint32_t enterprise;
	uint16_t id, length;
	uint64_t value;
};
#define ELEMENTS 6

static struct nr_flow_memory memory;

static void put(uint8_t *bytes, uint16_t length, uint64_t value)
{
	for (unsigned i = 0; i < length; i++)
		bytes[i] = (uint8_t)(value >> 8 * (length - 1u - i));
}

/* A record of an options template with one scope (IPFIX: the first element). */
static void say(
	struct nr_flow_sampling *sampling, const struct element elements[static ELEMENTS], uint32_t when)
{
	static struct nr_template template;
	uint8_t bytes[ELEMENTS][8];
	struct nr_value values[ELEMENTS];
	template = (struct nr_template){.id = 256, .options = true, .scopes = 1};
	for (unsigned i = 0; i < ELEMENTS && elements[i].length; i++) {
		const struct element *e = &elements[i];
		template.fields[template.count++] = (struct nr_element){e->enterprise, e->id, e->length};
		put(bytes[i], e->length, e->value);
		values[i] = (struct nr_value){bytes[i], e->length};
	}
	nr_flow_sampling_learn(sampling, &memory, &template, values, when);
}

/* A set of one record, with these elements in it. */
static float ask(struct nr_flow_sampling *sampling, const struct element elements[static ELEMENTS],
	uint32_t when, enum nr_flow_sampling_from *ret_from)
{
	static struct nr_template template;
	uint8_t bytes[ELEMENTS * 8];
	struct nr_value values[ELEMENTS];
	uint32_t length = 0;
	template = (struct nr_template){.id = 300};
	for (unsigned i = 0; i < ELEMENTS && elements[i].length; i++) {
		const struct element *e = &elements[i];
		template.fields[template.count++] = (struct nr_element){e->enterprise, e->id, e->length};
		put(bytes + length, e->length, e->value);
		values[i] = (struct nr_value){bytes + length, e->length};
		length += e->length;
	}
	struct nr_flow_sampling_plan plan;
	nr_flow_sampling_plan(sampling, &template, &plan);
	struct nr_flow_block *block = NULL;
	assert_int_equal(nr_flow_block_new(NR_FLOW_ROOM_UNIT, &block, NULL), 0);
	uint64_t columns = NR_FLOW_BIT(SAMPLING) | NR_FLOW_BIT(SAMPLING_FROM);
	nr_flow_rows_open(block, 2, columns);
	nr_flow_sampling_apply(sampling, &memory, &plan, bytes, length, when, block, 0, 1);
	nr_flow_sampling_apply_values(sampling, &memory, &plan, values, when, block, 1);
	nr_flow_rows_close(block, 2);
	float rate = nr_flow_sampling(block, 0);
	assert_true(rate == nr_flow_sampling(block, 1)); /* both doors, one answer */
	*ret_from = (enum nr_flow_sampling_from)nr_flow_value(block, NR_FLOW_SAMPLING_FROM, 0);
	assert_int_equal(*ret_from, nr_flow_value(block, NR_FLOW_SAMPLING_FROM, 1));
	nr_flow_block_free(block);
	return rate;
}

/* ---- the encodings ---- */

#define SYSTEM                                                                                               \
	{                                                                                                    \
		NR_ENTERPRISE_SCOPE, 1, 4, 1                                                                 \
	}
#define INTERFACE                                                                                            \
	{                                                                                                    \
		NR_ENTERPRISE_SCOPE, 2, 4, 17                                                                \
	}
#define CARD                                                                                                 \
	{                                                                                                    \
		NR_ENTERPRISE_SCOPE, 3, 4, 2                                                                 \
	}
#define PROCESS                                                                                              \
	{                                                                                                    \
		0, 143, 4, 9                                                                                 \
	}

static const struct encoding {
	const char *name;
	uint32_t one_in;
	struct element options[ELEMENTS], record[ELEMENTS];
	enum nr_flow_sampling_from from;
} encodings[] = {
	{"34 in the record", 100, {{0}}, {{0, 34, 4, 100}}, NR_FLOW_SAMPLING_RECORD},
	{"34 in the record, least byte first", 100, {{0}}, {{0, 34, 4, 0x64000000}}, NR_FLOW_SAMPLING_RECORD},
	{"50 in the record", 512, {{0}}, {{0, 50, 4, 512}}, NR_FLOW_SAMPLING_RECORD},
	{"305, 306 in the record", 50, {{0}}, {{0, 305, 4, 2}, {0, 306, 4, 98}}, NR_FLOW_SAMPLING_RECORD},
	{"34, 35 of the system", 1000, {SYSTEM, {0, 34, 4, 1000}, {0, 35, 1, 2}}, {{0, 8, 4, 1}},
		NR_FLOW_SAMPLING_EXPORTER},
	{"34 of an interface, input", 200, {INTERFACE, {0, 34, 4, 200}}, {{0, 10, 4, 17}, {0, 14, 4, 3}},
		NR_FLOW_SAMPLING_INTERFACE},
	{"34 of an interface, output, two bytes", 200, {INTERFACE, {0, 34, 4, 200}},
		{{0, 10, 2, 5}, {0, 14, 2, 17}}, NR_FLOW_SAMPLING_INTERFACE},
	{"34 of interface 0: all", 100, {{NR_ENTERPRISE_SCOPE, 2, 4, 0}, {0, 34, 4, 100}}, {{0, 10, 4, 9}},
		NR_FLOW_SAMPLING_EXPORTER},
	{"34 of a line card", 300, {CARD, {0, 34, 4, 300}}, {{0, 141, 4, 2}}, NR_FLOW_SAMPLING_LINE_CARD},
	{"48, 49, 50", 2000, {SYSTEM, {0, 48, 1, 3}, {0, 49, 1, 2}, {0, 50, 4, 2000}}, {{0, 48, 1, 3}},
		NR_FLOW_SAMPLING_SELECTOR},
	{"48, 50, and records that name no sampler", 2000, {SYSTEM, {0, 48, 1, 3}, {0, 50, 4, 2000}},
		{{0, 8, 4, 3}}, NR_FLOW_SAMPLING_EXPORTER},
	{"302, 304, 305, 306", 100, {{0, 302, 8, 77}, {0, 304, 2, 1}, {0, 305, 4, 1}, {0, 306, 4, 99}},
		{{0, 302, 2, 77}}, NR_FLOW_SAMPLING_SELECTOR},
	{"302 in options, 48 in records", 250, {{0, 302, 4, 6}, {0, 305, 4, 4}, {0, 306, 4, 996}},
		{{0, 48, 1, 6}}, NR_FLOW_SAMPLING_SELECTOR},
	{"305 alone", 500, {PROCESS, {0, 305, 2, 500}}, {{0, 8, 4, 1}}, NR_FLOW_SAMPLING_EXPORTER},
	{"305 = 1, 306 = 0: unsampled", 1, {PROCESS, {0, 304, 2, 1}, {0, 305, 2, 1}, {0, 306, 2, 0}},
		{{0, 8, 4, 1}}, NR_FLOW_SAMPLING_EXPORTER},
	{"309, 310", 400, {{0, 302, 4, 8}, {0, 304, 2, 3}, {0, 309, 4, 5}, {0, 310, 4, 2000}},
		{{0, 302, 4, 8}}, NR_FLOW_SAMPLING_SELECTOR},
	{"311 as float", 128, {PROCESS, {0, 304, 2, 4}, {0, 311, 4, 0x3c000000}}, {{0, 8, 4, 1}},
		NR_FLOW_SAMPLING_EXPORTER},
	{"311 as double", 128, {PROCESS, {0, 304, 2, 4}, {0, 311, 8, UINT64_C(0x3f80000000000000)}},
		{{0, 8, 4, 1}}, NR_FLOW_SAMPLING_EXPORTER},
	{"307, 308", 20, {PROCESS, {0, 304, 2, 2}, {0, 307, 4, 50}, {0, 308, 4, 950}}, {{0, 8, 4, 1}},
		NR_FLOW_SAMPLING_EXPORTER},
	{"318, 319", 64, {{0, 302, 4, 8}, {0, 318, 8, 6400000}, {0, 319, 8, 100000}}, {{0, 302, 4, 8}},
		NR_FLOW_SAMPLING_COUNTED},
	{"34 of the observation domain", 1000, {{0, 149, 4, 4}, {0, 34, 4, 1000}}, {{0, 8, 4, 1}},
		NR_FLOW_SAMPLING_EXPORTER},
};

/* Traffic of which every one_in-th packet was kept: what is estimated by the columns is what there was. */
static void test_encodings(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(encodings); i++) {
		const struct encoding *e = &encodings[i];
		struct nr_flow_sampling sampling = {0};
		double truth = 0, kept = 0;
		for (uint32_t packet = 0; packet < PACKETS; packet++) {
			double bytes = 40 + packet * 2654435761u % 1460;
			truth += bytes;
			if (packet % e->one_in == 0)
				kept += bytes;
		}
		if (e->options[0].length)
			say(&sampling, e->options, 1000);
		enum nr_flow_sampling_from from;
		float rate = ask(&sampling, e->record, 1001, &from);
		double estimate = kept * (double)rate;
		if (from != e->from || estimate < truth * 0.99 || estimate > truth * 1.01)
			fail_msg("%s: one in %g from %d, an estimate of %.0f for %.0f bytes", e->name,
				(double)rate, (int)from, estimate, truth);
		nr_flow_sampling_fini(&sampling, &memory);
	}
}

/* ---- who is believed ---- */

static void expect(struct nr_flow_sampling *sampling, const struct element record[static ELEMENTS],
	uint32_t when, float rate, enum nr_flow_sampling_from from)
{
	enum nr_flow_sampling_from is_from;
	float is = ask(sampling, record, when, &is_from);
	if (is != rate || is_from != from)
		fail_msg("one in %g from %d; expected %g from %d", (double)is, (int)is_from, (double)rate,
			(int)from);
}

static void test_order(void **state)
{
	(void)state;
	struct nr_flow_sampling sampling = {.override = 7};
	const struct element plain[ELEMENTS] = {{0, 8, 4, 1}};
	const struct element all[ELEMENTS] = {{0, 48, 1, 3}, {0, 10, 4, 17}, {0, 14, 4, 18}, {0, 141, 4, 2}};
	const struct element own[ELEMENTS] = {{0, 34, 4, 5}, {0, 48, 1, 3}, {0, 10, 4, 17}};
	const struct element zero[ELEMENTS] = {{0, 34, 4, 0}, {0, 10, 4, 17}};
	expect(&sampling, plain, 10, 7, NR_FLOW_SAMPLING_OVERRIDE);
	say(&sampling, (const struct element[ELEMENTS]){SYSTEM, {0, 34, 4, 1000}}, 10);
	expect(&sampling, all, 10, 1000, NR_FLOW_SAMPLING_EXPORTER);
	say(&sampling, (const struct element[ELEMENTS]){CARD, {0, 34, 4, 400}}, 10);
	expect(&sampling, all, 10, 400, NR_FLOW_SAMPLING_LINE_CARD);
	say(&sampling, (const struct element[ELEMENTS]){{0, 14, 4, 18}, {0, 305, 4, 300}}, 10);
	expect(&sampling, all, 10, 300, NR_FLOW_SAMPLING_INTERFACE);
	say(&sampling, (const struct element[ELEMENTS]){INTERFACE, {0, 34, 4, 200}}, 10);
	expect(&sampling, all, 10, 200, NR_FLOW_SAMPLING_INTERFACE);
	say(&sampling, (const struct element[ELEMENTS]){SYSTEM, {0, 48, 1, 3}, {0, 50, 4, 50}}, 10);
	expect(&sampling, all, 10, 50, NR_FLOW_SAMPLING_SELECTOR);
	expect(&sampling, own, 10, 5, NR_FLOW_SAMPLING_RECORD);
	expect(&sampling, zero, 10, 200, NR_FLOW_SAMPLING_INTERFACE);
	expect(&sampling, plain, 10, 1000, NR_FLOW_SAMPLING_EXPORTER);
	nr_flow_sampling_fini(&sampling, &memory);
}

static void test_unsampled_beside_sampled(void **state)
{
	(void)state;
	struct nr_flow_sampling sampling = {0};
	const struct element sampled[ELEMENTS] = {{0, 48, 1, 3}}, other[ELEMENTS] = {{0, 48, 1, 4}};
	const struct element plain[ELEMENTS] = {{0, 8, 4, 1}}, nat[ELEMENTS] = {{0, 8, 4, 1}, {0, 230, 1, 4}};
	say(&sampling, (const struct element[ELEMENTS]){SYSTEM, {0, 48, 1, 3}, {0, 50, 4, 50}}, 10);
	expect(&sampling, sampled, 10, 50, NR_FLOW_SAMPLING_SELECTOR);
	say(&sampling, (const struct element[ELEMENTS]){SYSTEM, {0, 48, 1, 4}, {0, 50, 4, 80}}, 10);
	expect(&sampling, other, 10, 80, NR_FLOW_SAMPLING_SELECTOR);
	expect(&sampling, sampled, 10, 50, NR_FLOW_SAMPLING_SELECTOR);
	expect(&sampling, plain, 10, 0, NR_FLOW_SAMPLING_UNKNOWN); /* some say theirs: not these */
	expect(&sampling, nat, 10, 1, NR_FLOW_SAMPLING_RECORD);
	say(&sampling, (const struct element[ELEMENTS]){SYSTEM, {0, 34, 4, 1000}}, 10);
	expect(&sampling, nat, 10, 1, NR_FLOW_SAMPLING_RECORD);
	nr_flow_sampling_fini(&sampling, &memory);
}

static void test_change(void **state)
{
	(void)state;
	struct nr_flow_sampling sampling = {0};
	const struct element plain[ELEMENTS] = {{0, 8, 4, 1}};
	expect(&sampling, plain, 90, 0, NR_FLOW_SAMPLING_UNKNOWN); /* data before its options */
	say(&sampling, (const struct element[ELEMENTS]){SYSTEM, {0, 34, 4, 100}}, 100);
	expect(&sampling, plain, 100, 100, NR_FLOW_SAMPLING_EXPORTER);
	say(&sampling, (const struct element[ELEMENTS]){SYSTEM, {0, 34, 4, 400}}, 200);
	expect(&sampling, plain, 200, 400, NR_FLOW_SAMPLING_EXPORTER);
	expect(&sampling, plain, 199, 100, NR_FLOW_SAMPLING_EXPORTER); /* a datagram that was overtaken */
	say(&sampling, (const struct element[ELEMENTS]){SYSTEM, {0, 34, 4, 100}}, 150); /* options, too */
	expect(&sampling, plain, 210, 400, NR_FLOW_SAMPLING_EXPORTER);
	say(&sampling, (const struct element[ELEMENTS]){SYSTEM, {0, 34, 4, 0}}, 300); /* "0" says nothing */
	expect(&sampling, plain, 310, 400, NR_FLOW_SAMPLING_EXPORTER);
	nr_flow_sampling_fini(&sampling, &memory);
}

static void test_counts(void **state)
{
	(void)state;
	struct nr_flow_sampling sampling = {0};
	const struct element record[ELEMENTS] = {{0, 302, 4, 8}};
	for (uint64_t told = 1; told <= 3; told++)
		say(&sampling,
			(const struct element[ELEMENTS]){{0, 302, 4, 8}, {0, 318, 8, 9000000 + told * 5000},
				{0, 319, 8, 70 + told * 10}},
			(uint32_t)told);
	expect(&sampling, record, 10, 500, NR_FLOW_SAMPLING_COUNTED);
	say(&sampling, (const struct element[ELEMENTS]){{0, 302, 4, 8}, {0, 305, 4, 1}, {0, 306, 4, 399}}, 4);
	expect(&sampling, record, 10, 400, NR_FLOW_SAMPLING_SELECTOR); /* as configured, where it is told */
	const struct nr_flow_rate *rate = nr_flow_table_at(&sampling.rates, 0);
	assert_true(nr_flow_rate_effective(rate) == 500);
	say(&sampling, (const struct element[ELEMENTS]){{0, 145, 2, 300}, {0, 34, 4, 9}}, 4);
	assert_int_equal(sampling.scopes_unknown, 1);
	nr_flow_sampling_fini(&sampling, &memory);
}

static void test_v5(void **state)
{
	(void)state;
	static const struct {
		uint16_t header;
		float override, rate;
		enum nr_flow_sampling_from from;
	} cases[] = {
		{0x03e8, 0, 1000, NR_FLOW_SAMPLING_HEADER}, /* mode 0: Juniper */
		{0x4064, 9, 100, NR_FLOW_SAMPLING_HEADER},
		{0x8001, 9, 1, NR_FLOW_SAMPLING_HEADER},
		{0, 0, 1, NR_FLOW_SAMPLING_HEADER},
		{0, 9, 9, NR_FLOW_SAMPLING_OVERRIDE},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_flow_sampling sampling = {.override = cases[i].override};
		struct nr_flow_block *block = NULL;
		assert_int_equal(nr_flow_block_new(NR_FLOW_ROOM_UNIT, &block, NULL), 0);
		nr_flow_rows_open(block, 30, NR_FLOW_BIT(SAMPLING) | NR_FLOW_BIT(SAMPLING_FROM));
		nr_flow_sampling_apply_v5(&sampling, cases[i].header, block, 0, 30);
		nr_flow_rows_close(block, 30);
		assert_true(nr_flow_sampling(block, 29) == cases[i].rate);
		assert_int_equal(nr_flow_value(block, NR_FLOW_SAMPLING_FROM, 29), cases[i].from);
		nr_flow_block_free(block);
	}
}

/* ---- bounds ---- */

static void test_bounds(void **state)
{
	(void)state;
	struct nr_flow_sampling sampling = {0};
	for (uint32_t i = 1; i <= NR_FLOW_OPTIONS_MAX + 5000u; i++) {
		say(&sampling, (const struct element[ELEMENTS]){{0, 302, 4, i}, {0, 305, 4, 1 + i % 9000}},
			5);
		if (i % 100 == 0) /* one that is asked for again and again stays */
			assert_non_null(
				nr_flow_table_find(&sampling.rates, &memory, NR_FLOW_SCOPE_SELECTOR, 1));
	}
	assert_int_equal(sampling.rates.count, NR_FLOW_OPTIONS_MAX);
	assert_int_equal(sampling.rates.evicted, 5000);
	uint32_t found = 0;
	for (uint32_t i = 1; i <= NR_FLOW_OPTIONS_MAX + 5000u; i++) {
		const struct nr_flow_rate *rate =
			nr_flow_table_find(&sampling.rates, &memory, NR_FLOW_SCOPE_SELECTOR, i);
		found += rate != NULL;
		assert_true(!rate || rate->rate == (float)(1 + i % 9000));
	}
	assert_int_equal(found, NR_FLOW_OPTIONS_MAX);
	nr_flow_sampling_fini(&sampling, &memory);
	assert_int_equal(memory.used, 0);

	struct nr_flow_memory small = memory;
	small.limit = 20000;
	struct nr_flow_table table = {0};
	for (uint32_t i = 0; i < 1000; i++)
		assert_non_null(nr_flow_table_add(&table, &small, sizeof(struct nr_flow_rate), 0, i));
	assert_true(table.count < 1000 && table.evicted == 1000 - table.count && small.used <= 20000);
	nr_flow_table_fini(&table, &small);
	assert_int_equal(small.used, 0);
	small.limit = 10;
	assert_null(nr_flow_table_add(&table, &small, sizeof(struct nr_flow_rate), 0, 1));
}

static void test_override(void **state)
{
	(void)state;
	const char *texts[] = {"192.0.2.0/24=1000", "192.0.2.7=10", "::/0=3", "2001:db8::/32=50"};
	const struct nr_texts list = {texts, NR_COUNT(texts)};
	static const struct {
		const char *exporter;
		float rate;
	} cases[] = {{"192.0.2.9", 1000}, {"192.0.2.7", 10}, {"2001:db8::1", 50}, {"2001:db9::1", 3}};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_address exporter;
		float rate = -1;
		assert_int_equal(nr_address_parse(cases[i].exporter, &exporter, NULL), 0);
		assert_int_equal(nr_flow_sampling_override(&list, &exporter, &rate, NULL), 0);
		assert_true(rate == cases[i].rate);
	}
	static const char *const wrong[] = {"192.0.2.1", "=5", "192.0.2.1=", "192.0.2.1=0", "192.0.2.1=x",
		"192.0.2.1=1e30", "192.0.2.1/16=5", "192.0.2.1=nan", "not=4"};
	for (size_t i = 0; i < NR_COUNT(wrong); i++) {
		const char *text = wrong[i];
		float rate;
		struct nr_error error = {0};
		assert_int_equal(nr_flow_sampling_override(&(struct nr_texts){&text, 1}, NULL, &rate, &error),
			-EINVAL);
		assert_non_null(strstr(error.text, text));
	}
}

int main(void)
{
	memory = (struct nr_flow_memory){.limit = UINT64_C(1) << 30, .seed = 42};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_unsampled_beside_sampled),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_v5),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_override),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
