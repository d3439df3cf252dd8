/* SPDX-License-Identifier: Apache-2.0 */
/* What was sent and did not arrive: sent - received is what is reported, exactly, whatever happens on the
 * way. */
#include "sense/flow/collect/loss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES 400

/* An exporter that numbers its messages in one of the four ways. */
struct sent {
	uint32_t sequence, uptime_ms, records, options;
};
static struct sent sent[MESSAGES];

static void send_all(enum nr_flow_counting counting, uint32_t first, uint32_t variety)
{
	uint32_t number = first;
	for (uint32_t i = 0; i < MESSAGES; i++) {
		struct sent *m = &sent[i];
		m->records = variety ? 1 + i * 7 % variety : 1;
		m->options = variety && i % 10 == 5 ? 3 : 0;
		m->uptime_ms = 1000000 + i * 100;
		if (counting == NR_FLOW_COUNTING_SELF)
			number += m->records;
		m->sequence = number;
		if (counting == NR_FLOW_COUNTING_RECORDS)
			number += m->records + m->options;
		else if (counting == NR_FLOW_COUNTING_FLOWS)
			number += m->records;
		else if (counting == NR_FLOW_COUNTING_MESSAGES)
			number++;
	}
}

static uint64_t units(enum nr_flow_counting counting, const struct sent *m)
{
	return counting == NR_FLOW_COUNTING_MESSAGES  ? 1
	       : counting == NR_FLOW_COUNTING_RECORDS ? m->records + m->options
						      : m->records;
}

/* Answers whether it was believed to be new. */
static bool arrive(struct nr_flow_loss *loss, enum nr_flow_export export, const struct sent *m)
{
	uint8_t bytes[64] = {0};
	memcpy(bytes + 4, &m->uptime_ms, 4);
	memcpy(bytes + 40, m, sizeof *m);
	if (nr_flow_loss_is_duplicate(loss, m->sequence, bytes, sizeof bytes))
		return false;
	nr_flow_loss_message(loss, &(struct nr_flow_message){.export = export,
					   .sequence = m->sequence,
					   .uptime_ms = export == NR_FLOW_IPFIX ? 0 : m->uptime_ms,
					   .length = 64,
					   .records = m->records,
					   .options = m->options});
	return true;
}

/* ---- the way of the messages ---- */

enum way {
	WAY_PLAIN,
	WAY_LOSS,      /* some are lost, in runs too */
	WAY_REORDER,   /* neighbours change places, some come 50 late */
	WAY_DUPLICATE, /* some come twice */
	WAY_ALL,
	WAY_HALF, /* every second one is lost */
};

static bool is_lost(enum way way, uint32_t i)
{
	if (i == 0 || i == MESSAGES - 1)
		return false; /* what the numbers span is what can be known */
	if (way == WAY_HALF)
		return i % 2;
	return (way == WAY_LOSS || way == WAY_ALL) && (i % 17 == 3 || (i > 220 && i < 260));
}

static const struct way_case {
	const char *name;
	enum nr_flow_export export;
	enum nr_flow_counting counting;
	uint32_t first;
	enum way way;
} ways[] = {
	{"v5", NR_FLOW_NETFLOW5, NR_FLOW_COUNTING_FLOWS, 1000, WAY_PLAIN},
	{"v5 loss", NR_FLOW_NETFLOW5, NR_FLOW_COUNTING_FLOWS, 1000, WAY_LOSS},
	{"v5 all", NR_FLOW_NETFLOW5, NR_FLOW_COUNTING_FLOWS, 1000, WAY_ALL},
	{"v5 wrap", NR_FLOW_NETFLOW5, NR_FLOW_COUNTING_FLOWS, UINT32_MAX - 500, WAY_ALL},
	{"v9", NR_FLOW_NETFLOW9, NR_FLOW_COUNTING_MESSAGES, 7, WAY_PLAIN},
	{"v9 loss", NR_FLOW_NETFLOW9, NR_FLOW_COUNTING_MESSAGES, 7, WAY_LOSS},
	{"v9 half", NR_FLOW_NETFLOW9, NR_FLOW_COUNTING_MESSAGES, 7, WAY_HALF},
	{"v9 reordered", NR_FLOW_NETFLOW9, NR_FLOW_COUNTING_MESSAGES, 7, WAY_REORDER},
	{"v9 twice", NR_FLOW_NETFLOW9, NR_FLOW_COUNTING_MESSAGES, 7, WAY_DUPLICATE},
	{"v9 all, wrap", NR_FLOW_NETFLOW9, NR_FLOW_COUNTING_MESSAGES, UINT32_MAX - 100, WAY_ALL},
	{"v9 counting records", NR_FLOW_NETFLOW9, NR_FLOW_COUNTING_RECORDS, 7, WAY_ALL},
	{"ipfix", NR_FLOW_IPFIX, NR_FLOW_COUNTING_RECORDS, 0, WAY_PLAIN},
	{"ipfix loss", NR_FLOW_IPFIX, NR_FLOW_COUNTING_RECORDS, 0, WAY_LOSS},
	{"ipfix reordered", NR_FLOW_IPFIX, NR_FLOW_COUNTING_RECORDS, 0, WAY_REORDER},
	{"ipfix all, wrap", NR_FLOW_IPFIX, NR_FLOW_COUNTING_RECORDS, UINT32_MAX - 900, WAY_ALL},
	{"ipfix without options", NR_FLOW_IPFIX, NR_FLOW_COUNTING_FLOWS, 0, WAY_ALL},
	{"ipfix counting itself", NR_FLOW_IPFIX, NR_FLOW_COUNTING_SELF, 0, WAY_PLAIN},
	{"ipfix counting itself, all", NR_FLOW_IPFIX, NR_FLOW_COUNTING_SELF, 5, WAY_ALL},
	{"ipfix counting packets", NR_FLOW_IPFIX, NR_FLOW_COUNTING_MESSAGES, 5, WAY_ALL},
	{"sflow all", NR_FLOW_SFLOW5, NR_FLOW_COUNTING_MESSAGES, 5, WAY_ALL},
};

static void order_of(enum way way, uint32_t order[static MESSAGES])
{
	for (uint32_t i = 0; i < MESSAGES; i++)
		order[i] = i;
	for (uint32_t i = 10; (way == WAY_REORDER || way == WAY_ALL) && i + 52 < MESSAGES; i += 60) {
		uint32_t late = order[i];
		memmove(order + i, order + i + 1, 50 * sizeof *order);
		order[i + 50] = late;
		uint32_t swap = order[i + 51];
		order[i + 51] = order[i + 52];
		order[i + 52] = swap;
	}
}

static void test_ways(void **state)
{
	(void)state;
	for (size_t c = 0; c < NR_COUNT(ways); c++) {
		const struct way_case *w = &ways[c];
		struct nr_flow_loss loss = {0};
		uint32_t order[MESSAGES];
		uint64_t received = 0, all = 0, twice = 0;
		send_all(w->counting, w->first, 30);
		order_of(w->way, order);
		for (uint32_t k = 0; k < MESSAGES; k++) {
			const struct sent *m = &sent[order[k]];
			all += units(w->counting, m);
			if (is_lost(w->way, order[k]))
				continue;
			assert_true(arrive(&loss, w->export, m));
			received += units(w->counting, m);
			if ((w->way == WAY_DUPLICATE || w->way == WAY_ALL) && k % 9 == 2) {
				assert_false(arrive(&loss, w->export, m));
				twice++;
			}
		}
		struct nr_flow_lost sum = nr_flow_loss_sum(&loss, w->export);
		if (sum.counting != w->counting || sum.received != received ||
			sum.network != all - received || sum.unknown || sum.duplicates != twice ||
			sum.restarts || sum.strangers)
			fail_msg("%s: counted by %s: received %zu of %zu, lost %zu of %zu, unknown %zu, "
				 "twice %zu of %zu, %zu restarts, %zu strangers",
				w->name, nr_flow_counting_name(sum.counting), (size_t)sum.received,
				(size_t)received, (size_t)sum.network, (size_t)(all - received),
				(size_t)sum.unknown, (size_t)sum.duplicates, (size_t)twice,
				(size_t)sum.restarts, (size_t)sum.strangers);
		bool standard =
			w->counting == (w->export == NR_FLOW_IPFIX             ? NR_FLOW_COUNTING_RECORDS
					       : w->export == NR_FLOW_NETFLOW5 ? NR_FLOW_COUNTING_FLOWS
									       : NR_FLOW_COUNTING_MESSAGES);
		assert_int_equal(sum.standard, standard);
	}
}

/* ---- restarts and strays ---- */

static void test_restart(void **state)
{
	(void)state;
	static const struct {
		enum nr_flow_export export;
		enum nr_flow_counting counting;
		uint32_t before, after;
	} cases[] = {
		{NR_FLOW_NETFLOW9, NR_FLOW_COUNTING_MESSAGES, 700000, 0},
		{NR_FLOW_NETFLOW9, NR_FLOW_COUNTING_MESSAGES, 30, 0}, /* near: the uptime tells */
		{NR_FLOW_IPFIX, NR_FLOW_COUNTING_RECORDS, 700000, 0},
		{NR_FLOW_IPFIX, NR_FLOW_COUNTING_RECORDS, 5, 3000000000u},
		{NR_FLOW_NETFLOW5, NR_FLOW_COUNTING_FLOWS, 90000000, 12},
	};
	for (size_t c = 0; c < NR_COUNT(cases); c++) {
		struct nr_flow_loss loss = {0};
		uint64_t received = 0, lost = 0;
		for (int boot = 0; boot < 2; boot++) {
			send_all(cases[c].counting, boot ? cases[c].after : cases[c].before, 30);
			for (uint32_t i = 0; i < 150; i++) {
				if (boot)
					sent[i].uptime_ms -= 990000;
				if (i == 130) {
					lost += units(cases[c].counting, &sent[i]);
					continue;
				}
				assert_true(arrive(&loss, cases[c].export, &sent[i]));
				received += units(cases[c].counting, &sent[i]);
			}
		}
		struct nr_flow_lost sum = nr_flow_loss_sum(&loss, cases[c].export);
		assert_int_equal(sum.restarts, 1);
		assert_int_equal(sum.received, received);
		assert_int_equal(sum.network, lost);
		assert_int_equal(sum.strangers, 0);
	}
}

/* Somebody forges a datagram with a number of his own: it costs nothing. */
static void test_stray(void **state)
{
	(void)state;
	struct nr_flow_loss loss = {0};
	send_all(NR_FLOW_COUNTING_MESSAGES, 100, 30);
	for (uint32_t i = 0; i < 200; i++) {
		assert_true(arrive(&loss, NR_FLOW_NETFLOW9, &sent[i]));
		if (i % 50 == 20) {
			struct sent forged = sent[i];
			forged.sequence += 2000000000u + i * 1000000u;
			assert_true(arrive(&loss, NR_FLOW_NETFLOW9, &forged));
		}
	}
	struct nr_flow_lost sum = nr_flow_loss_sum(&loss, NR_FLOW_NETFLOW9);
	assert_int_equal(sum.network, 0);
	assert_int_equal(sum.restarts, 0);
	assert_int_equal(sum.strangers, 4);
	assert_int_equal(sum.received, 200);
}

/* An uptime that wraps after 49.7 days is no restart. */
static void test_uptime_wraps(void **state)
{
	(void)state;
	struct nr_flow_loss loss = {0};
	send_all(NR_FLOW_COUNTING_MESSAGES, 100, 30);
	for (uint32_t i = 0; i < 100; i++) {
		sent[i].uptime_ms = UINT32_MAX - 3000 + i * 100;
		assert_true(arrive(&loss, NR_FLOW_NETFLOW9, &sent[i]));
	}
	assert_int_equal(nr_flow_loss_sum(&loss, NR_FLOW_NETFLOW9).restarts, 0);
	assert_int_equal(nr_flow_loss_sum(&loss, NR_FLOW_NETFLOW9).received, 100);
}

/* IPFIX: templates alone do not move the number, and are no duplicates of each other's data. */
static void test_templates_alone(void **state)
{
	(void)state;
	struct nr_flow_loss loss = {0};
	uint32_t number = 50;
	for (uint32_t i = 0; i < 150; i++) {
		struct sent templates = {number, i * 10, 0, 0}, data = {number, i * 10 + 1, 12, 0};
		assert_true(arrive(&loss, NR_FLOW_IPFIX, &templates));
		assert_true(arrive(&loss, NR_FLOW_IPFIX, &data));
		number += 12;
	}
	struct nr_flow_lost sum = nr_flow_loss_sum(&loss, NR_FLOW_IPFIX);
	assert_int_equal(sum.received, 150 * 12);
	assert_int_equal(sum.network + sum.unknown + sum.strangers, 0);
}

/* ---- sets that could not be decoded at once ---- */

static void message(
	struct nr_flow_loss *loss, uint32_t sequence, uint32_t records, uint32_t waiting, uint32_t unread)
{
	nr_flow_loss_message(loss, &(struct nr_flow_message){.export = NR_FLOW_IPFIX,
					   .sequence = sequence,
					   .records = records,
					   .waiting = waiting,
					   .unread = unread});
}

static void test_waiting(void **state)
{
	(void)state;
	struct nr_flow_loss loss = {0};
	message(&loss, 0, 10, 0, 0);
	message(&loss, 10, 2, 1, 0); /* and 5 that wait */
	message(&loss, 17, 10, 0, 0);
	message(&loss, 30, 10, 0, 0); /* 3 were lost */
	struct nr_flow_lost sum = nr_flow_loss_sum(&loss, NR_FLOW_IPFIX);
	assert_int_equal(sum.unknown, 5);
	assert_int_equal(sum.network, 3);
	nr_flow_loss_resolved(&loss, 10, 5, 0);
	sum = nr_flow_loss_sum(&loss, NR_FLOW_IPFIX);
	assert_int_equal(sum.unknown, 0);
	assert_int_equal(sum.network, 3);
	assert_int_equal(sum.received, 37);

	/* decoded before the next one comes */
	message(&loss, 40, 0, 2, 0);
	nr_flow_loss_resolved(&loss, 40, 4, 0);
	nr_flow_loss_resolved(&loss, 40, 0, 6);
	message(&loss, 50, 10, 0, 0);
	sum = nr_flow_loss_sum(&loss, NR_FLOW_IPFIX);
	assert_int_equal(sum.network, 3);
	assert_int_equal(sum.received, 57);

	/* fewer than the difference: the rest was lost behind it */
	message(&loss, 60, 0, 1, 0);
	message(&loss, 80, 10, 0, 0);
	nr_flow_loss_resolved(&loss, 60, 13, 0);
	sum = nr_flow_loss_sum(&loss, NR_FLOW_IPFIX);
	assert_int_equal(sum.network, 10);
	assert_int_equal(sum.unknown, 0);

	/* thrown away, or never readable: it stays unknown */
	message(&loss, 90, 0, 1, 0);
	nr_flow_loss_abandoned(&loss, 90);
	message(&loss, 98, 1, 0, 1);
	message(&loss, 101, 1, 0, 0);
	sum = nr_flow_loss_sum(&loss, NR_FLOW_IPFIX);
	assert_int_equal(sum.network, 10);
	assert_int_equal(sum.unknown, 10);
	assert_int_equal(sum.received + sum.network + sum.unknown, 102);
}

/* ---- the exporter's totals; sFlow ---- */

static void test_totals(void **state)
{
	(void)state;
	struct nr_flow_loss loss = {0};
	struct nr_template template = {
		.options = true, .scopes = 1, .count = 3, .fields = {{0, 144, 4}, {0, 41, 8}, {0, 42, 8}}};
	for (uint32_t told = 0; told < 2; told++) {
		uint8_t bytes[3][8] = {{0}, {0, 0, 0, 0, 0, 0, 1, (uint8_t)(told * 120)},
			{0, 0, 0, 0, 0, 1, 0, (uint8_t)(told * 200)}};
		struct nr_value values[3] = {{bytes[0], 4}, {bytes[1], 8}, {bytes[2], 8}};
		nr_flow_loss_learn(&loss, &template, values);
		for (uint32_t i = 0; told == 0 && i < 100; i++)
			message(&loss, i * 2, 2, 0, 0);
	}
	assert_int_equal(loss.totals_told, 2);
	assert_int_equal(loss.totals[1].messages - loss.totals[0].messages, 120);
	assert_int_equal(loss.got[1].messages - loss.got[0].messages, 100);
	assert_int_equal(loss.totals[1].records - loss.totals[0].records, 200);
	assert_int_equal(loss.got[1].records - loss.got[0].records, 200);
}

static void test_samples(void **state)
{
	(void)state;
	struct nr_flow_memory memory = {.limit = 1 << 20, .seed = 5};
	struct nr_flow_loss loss = {0};
	for (uint32_t i = 0; i < 1000; i++) {
		struct nr_sflow_sample sample = {.format = NR_SFLOW_FLOW,
			.sequence = UINT32_MAX - 200 + i,
			.source_index = 7,
			.rate = 1000,
			.pool = i * 1024,
			.drops = i / 100 * 3};
		if (i % 10 == 4 || (i > 500 && i < 520))
			continue;
		nr_flow_loss_sample(&loss, &memory, &sample);
	}
	struct nr_flow_lost sum = nr_flow_loss_sum(&loss, NR_FLOW_SFLOW5);
	assert_int_equal(sum.samples, 100 + 19 - 2);
	assert_int_equal(sum.drops, 27);
	const struct nr_flow_source *source = nr_flow_table_at(&loss.sources, 0);
	assert_true(nr_flow_source_effective(source) == 1024);
	nr_flow_loss_fini(&loss, &memory);
	assert_int_equal(memory.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_stray),
		cmocka_unit_test(test_uptime_wraps),
		cmocka_unit_test(test_templates_alone),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_totals),
		cmocka_unit_test(test_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
