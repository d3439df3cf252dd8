/* SPDX-License-Identifier: Apache-2.0 */
/* The engine of detection: tables that never grow, who becomes a candidate, what a second reading finds, and
 * what hostile flows can do to it. */
#include "detect_rig.h"

#include "sense/flow/detect/detect.h"
#include "sense/flow/detect/replay.h"
#include "sense/flow/detect/table/admit.h"
#include "sense/flow/detect/table/beats_store.h"
#include "sense/flow/detect/table/clock_table.h"
#include "sense/flow/detect/table/sketch.h"

#include <errno.h>
#include <math.h>

static uint64_t dice = 1;
static uint64_t roll(uint64_t sides)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (dice >> 33) % sides;
}

/* ---- tables ---- */

struct item {
	struct nr_flow_entry entry;
	uint64_t key;
};
static bool is_item(const struct item *item, const uint64_t *key)
{
	return item->key == *key;
}
static struct item *find(const struct nr_flow_clock_table *table, uint64_t key)
{
	return NR_FLOW_CLOCK_TABLE_FIND(table, key * UINT64_C(0x9e3779b97f4a7c15), is_item, &key);
}
static struct item *have(struct nr_flow_clock_table *table, uint64_t key)
{
	struct item *item = find(table, key);
	if (!item) {
		uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
		item = nr_flow_clock_table_at(table, nr_flow_clock_table_place(table, hash));
		item->key = key;
	} else {
		nr_flow_entry_touch(&item->entry);
	}
	return item;
}

/* What comes again and again stays, whatever passes; the index finds exactly what is held. */
static void test_clock_table(void **state)
{
	(void)state;
	struct nr_flow_clock_table table;
	assert_int_equal(nr_flow_clock_table_init(&table, sizeof(struct item), 64 << 10, NULL), 0);
	assert_true(nr_flow_clock_table_bytes(&table) <= 64 << 10);
	uint32_t room = table.room, regulars = room / 8;
	for (uint64_t i = 0; i < 20 * room; i++) {
		have(&table, 1000000 + i);
		have(&table, i % regulars);
	}
	assert_int_equal(table.used, room);
	assert_int_equal(table.let_go, 20 * room + regulars - room);
	for (uint64_t i = 0; i < regulars; i++)
		assert_non_null(find(&table, i));
	uint32_t held = 0;
	for (uint64_t i = 0; i < 20 * room; i++)
		held += find(&table, 1000000 + i) != NULL;
	assert_int_equal(held, room - regulars);
	uint16_t generation = find(&table, 0)->entry.generation;
	nr_flow_clock_table_drop(&table, nr_flow_clock_table_number(&table, find(&table, 0)));
	assert_null(find(&table, 0));
	assert_int_equal(generation, have(&table, 1)->entry.generation);
	assert_int_equal(nr_flow_clock_table_clear(&table, NULL), 0);
	assert_null(find(&table, 1));
	nr_flow_clock_table_fini(&table);
}

static void test_sketch(void **state)
{
	(void)state;
	static const unsigned counts[] = {0, 1, 16, 17, 60, 200, 5000, 200000};
	for (size_t c = 0; c < NR_COUNT(counts); c++) {
		struct nr_flow_sketch sketch = {.few = {0}}, halves[2] = {{.few = {0}}, {.few = {0}}};
		uint8_t few = 0, few_of[2] = {0, 0};
		for (unsigned i = 0; i < counts[c]; i++) {
			uint64_t hash = nr_flow_fold(i + 1, UINT64_C(0x9e3779b97f4a7c15)) ^ i;
			hash = nr_flow_fold(hash, UINT64_C(0xd6e8feb86659fd93));
			nr_flow_sketch_add(&sketch, &few, hash);
			assert_false(nr_flow_sketch_add(&sketch, &few, hash));
			nr_flow_sketch_add(&halves[i % 2], &few_of[i % 2], hash);
		}
		double counted = nr_flow_sketch_count(&sketch, few);
		if (counts[c] <= 16)
			assert_true(counted == counts[c]);
		assert_true(fabs(counted - counts[c]) <= 0.4 * counts[c]); /* three standard errors */
		nr_flow_sketch_merge(&halves[0], &few_of[0], &halves[1], few_of[1]);
		assert_true(nr_flow_sketch_count(&halves[0], few_of[0]) == counted);
	}
}

static void test_admit(void **state)
{
	(void)state;
	struct nr_flow_admit admit;
	assert_int_equal(nr_flow_admit_init(&admit, 1 << 20, NULL), 0);
	const uint64_t pair = UINT64_C(0x123456789abcdef);
	assert_false(nr_flow_admit_pair(&admit, pair, 100));
	assert_false(nr_flow_admit_pair(&admit, pair, 100)); /* the same hour */
	assert_true(nr_flow_admit_pair(&admit, pair, 103));
	/* whatever comes, it lets in few that were not there before: here each is new */
	unsigned wrong = 0;
	for (uint32_t hour = 200; hour < 220; hour++)
		for (unsigned i = 0; i < 100000; i++)
			wrong += nr_flow_admit_pair(&admit, roll(UINT64_MAX) << 33 ^ roll(UINT64_MAX), hour);
	assert_true(wrong < 20 * 100000 / 10);
	nr_flow_admit_clear(&admit);
	assert_false(nr_flow_admit_pair(&admit, pair, 300));
	nr_flow_admit_fini(&admit);
}

/* Too many beats: some clients go, and of those that stay every beat is there. */
static void test_beats_are_thinned_by_client(void **state)
{
	(void)state;
	struct nr_flow_beats_store store;
	struct nr_flow_hash_key key;
	const unsigned clients = 512, each = 2 * NR_FLOW_BEATS_MAX / 512;
	assert_int_equal(nr_flow_hash_key_new(&key, NULL), 0);
	assert_int_equal(nr_flow_beats_store_init(&store, 2, UINT64_C(64) << 20, &key, NULL), 0);
	for (unsigned b = 0; b < each; b++)
		for (unsigned c = 0; c < clients; c++) {
			const struct nr_address client = nr_address_from_ipv4(0x0a000000 + c);
			const struct nr_flow_beat beat = {.first = b * NR_SECOND};
			nr_flow_beats_store_add(&store, 1, &client, &beat);
		}
	assert_int_equal(store.chains[0].count, 0);
	assert_true(store.chains[1].cut);
	uint32_t count = store.chains[1].count;
	assert_in_range(count, NR_FLOW_BEATS_MAX / 8, NR_FLOW_BEATS_MAX);
	assert_int_equal(count + store.let_go, each * clients);
	struct nr_flow_beat *beats = malloc(count * sizeof *beats);
	unsigned of_client[512] = {0};
	nr_flow_beats_store_copy(&store, 1, beats);
	for (uint32_t i = 0; i < count; i++)
		of_client[beats[i].client]++;
	for (unsigned c = 0; c < clients; c++)
		assert_true(of_client[c] == 0 || of_client[c] == each);
	free(beats);
	nr_flow_beats_store_fini(&store);
}

/* One client that calls without end cannot be thinned: its first beats stay. */
static void test_beats_of_one_client(void **state)
{
	(void)state;
	struct nr_flow_beats_store store;
	struct nr_flow_hash_key key;
	const struct nr_address client = nr_address_from_ipv4(0x0a000001);
	const struct nr_flow_beat beat = {.first = 1};
	assert_int_equal(nr_flow_hash_key_new(&key, NULL), 0);
	assert_int_equal(nr_flow_beats_store_init(&store, 1, UINT64_C(1) << 20, &key, NULL), 0);
	for (unsigned i = 0; i < 2 * NR_FLOW_BEATS_MAX; i++)
		nr_flow_beats_store_add(&store, 0, &client, &beat);
	assert_true(store.chains[0].cut);
	assert_in_range(store.chains[0].count, 1000, NR_FLOW_BEATS_MAX); /* what 1 MiB holds */
	assert_int_equal(store.chains[0].count + store.let_go, 2 * NR_FLOW_BEATS_MAX);
	nr_flow_beats_store_fini(&store);
}

/* ---- the whole ---- */

struct seen {
	size_t candidates, hosts;
	struct nr_flow_candidate candidate; /* of `wanted` */
	struct nr_flow_host host;
	struct nr_flow_client client;
	uint32_t wanted; /* address */
	bool is_server;  /* a candidate at `wanted` */
	uint16_t most_port;
	int answer;
};

static int see_candidate(void *context, const struct nr_flow_candidate *candidate)
{
	struct seen *seen = context;
	seen->candidates++;
	for (size_t i = 1; i < candidate->beat_count; i++) {
		const struct nr_flow_beat *a = &candidate->beats[i - 1], *b = a + 1;
		assert_true(a->client < b->client || (a->client == b->client && a->first <= b->first));
		assert_true((b->sides & ~(NR_FLOW_UP | NR_FLOW_DOWN)) == 0);
	}
	if (nr_address_ipv4(&candidate->server.address) == seen->wanted) {
		seen->is_server = true;
		seen->candidate = *candidate;
		if (candidate->client_count)
			seen->client = candidate->clients[0];
	}
	return seen->answer;
}

static int see_host(void *context, const struct nr_flow_host *host)
{
	struct seen *seen = context;
	seen->hosts++;
	if (nr_address_ipv4(&host->address) == seen->wanted)
		seen->host = *host;
	return seen->answer;
}

struct tape { /* blocks that can be played again */
	struct nr_flow_block *blocks[64];
	size_t count;
};
static void record(struct tape *tape, const struct row *row)
{
	if (!tape->count || !block_add(tape->blocks[tape->count - 1], row)) {
		assert_true(tape->count < NR_COUNT(tape->blocks));
		tape->blocks[tape->count++] = block_new();
		assert_true(block_add(tape->blocks[tape->count - 1], row));
	}
}
static int play(void *context, nr_time from, nr_time to, uint64_t columns,
	int (*take)(void *taker, const struct nr_flow_block *block), void *taker, struct nr_error *error)
{
	struct tape *tape = context;
	int e = 0;
	(void)from, (void)to, (void)columns, (void)error;
	for (size_t i = 0; !e && i < tape->count; i++)
		e = take(taker, tape->blocks[i]);
	return e;
}
static void erase(struct tape *tape)
{
	while (tape->count)
		nr_flow_block_free(tape->blocks[--tape->count]);
}

static struct nr_flow_detect *detect_new(uint64_t memory)
{
	struct nr_flow_detect *detect = NULL;
	const struct nr_flow_detect_conf conf = {.memory = memory, .threads = 2};
	assert_int_equal(nr_flow_detect_new(&conf, &detect, NULL), 0);
	return detect;
}

static void take_and_look(struct nr_flow_detect *detect, struct tape *tape, bool twice, struct seen *seen)
{
	const struct nr_flow_replay replay = {play, tape};
	const struct nr_flow_visitor visitor = {see_candidate, see_host, seen};
	struct nr_error error = {0};
	for (size_t i = 0; i < tape->count; i++)
		nr_flow_detect_take(detect, tape->blocks[i]);
	assert_int_equal(nr_flow_detect_look(detect, twice ? &replay : NULL, &visitor, &error), 0);
}

#define SERVER 0xc6336407u /* 198.51.100.7 */

/* 40 bots that call every 60 s for four hours, among one-time visits; unidirectional records, high port. */
static void record_botnet(struct tape *tape)
{
	for (unsigned minute = 0; minute < 240; minute++) {
		for (unsigned bot = 0; bot < 40; bot++) {
			nr_time at = T0 + minute * NR_MINUTE + bot * NR_SECOND;
			uint16_t port = (uint16_t)(33000 + minute);
			const struct row up = {0x0a000100 + bot, SERVER, port, 40444, TCP, SYN | ACK | PSH,
				.packets = 5, .bytes = 400, .first = at, .length = NR_SECOND};
			const struct row down = {SERVER, 0x0a000100 + bot, 40444, port, TCP, SYN | ACK | PSH,
				.packets = 4, .bytes = 300, .first = at + 1000, .length = NR_SECOND};
			record(tape, &up);
			record(tape, &down);
		}
		for (unsigned i = 0; i < 20; i++) {
			const struct row visit = {0x0a000200 + (uint32_t)roll(200),
				(uint32_t)roll(UINT32_MAX), (uint16_t)(33000 + roll(20000)), 443, TCP,
				SYN | ACK | PSH, .packets = 5, .bytes = 4000,
				.first = T0 + minute * NR_MINUTE};
			record(tape, &visit);
		}
	}
}

static void test_botnet_is_read_twice(void **state)
{
	(void)state;
	struct tape tape = {.count = 0};
	struct seen seen = {.wanted = SERVER};
	record_botnet(&tape);
	struct nr_flow_detect *detect = detect_new(0);
	take_and_look(detect, &tape, true, &seen);
	assert_true(seen.is_server);
	const struct nr_flow_candidate *c = &seen.candidate;
	assert_int_equal(c->server.port, 40444);
	assert_int_equal(c->client_count, 40);
	assert_int_equal(c->beat_count, 40 * 240); /* both directions of a connection are one beat */
	assert_false(c->cut);
	assert_true(c->context.clients == 40 && c->context.established == 40);
	/* the first ones were oriented by a guess; the second reading knows better */
	assert_in_range(c->context.flows, 2 * 40 * 240 - 50, 2 * 40 * 240);
	assert_true(c->context.neighbourhood >= 40 && c->context.services == 1);
	assert_true(c->context.client_services < 0.5); /* they do nothing else */
	assert_true(c->timing.comb_z > 100 && fabs(c->timing.comb_period - 60) < 1);
	assert_int_equal(seen.client.beats, 240);
	assert_int_equal(seen.candidates, 1); /* who was visited once is none */
	struct nr_flow_detect_state s = nr_flow_detect_state(detect);
	assert_int_equal(s.flows, 240 * 100);
	assert_int_equal(s.from, T0);
	assert_int_equal(s.beats, 2 * 40 * 240);
	nr_flow_detect_free(detect);
	erase(&tape);
}

static void test_botnet_by_pairs_alone(void **state)
{
	(void)state;
	struct tape tape = {.count = 0};
	struct seen seen = {.wanted = SERVER};
	record_botnet(&tape);
	struct nr_flow_detect *detect = detect_new(0);
	take_and_look(detect, &tape, false, &seen);
	const struct nr_flow_candidate *c = &seen.candidate;
	assert_true(seen.is_server && c->beat_count == 0 && c->client_count == 40);
	assert_int_equal(c->timing.clients, 40);
	assert_in_range(c->timing.beats, 40 * 240 - 25, 40 * 240);
	assert_true(fabs(c->timing.gap_median - 60) < 1 && c->timing.gap_variation < 0.05);
	assert_true(c->timing.persistence == 1 && c->timing.refused_share == 0);
	nr_flow_detect_free(detect);
	erase(&tape);
}

/* A scanner that keeps its port and is answered by RST is no server; its targets are no candidates. */
static void test_scanner_is_no_server(void **state)
{
	(void)state;
	struct tape tape = {.count = 0};
	struct seen seen = {.wanted = 0xcb007105};
	for (unsigned i = 0; i < 3000; i++) {
		nr_time at = T0 + i * NR_SECOND;
		const struct row probe = {seen.wanted, 0x0a000000 + i, 54321, 23, TCP, SYN, .packets = 1,
			.bytes = 40, .first = at};
		const struct row answer = {0x0a000000 + i, seen.wanted, 23, 54321, TCP, RST | ACK,
			.packets = 1, .bytes = 40, .first = at};
		record(&tape, &probe);
		if (i % 4 == 0)
			record(&tape, &answer);
	}
	struct nr_flow_detect *detect = detect_new(0);
	take_and_look(detect, &tape, true, &seen);
	assert_false(seen.is_server);
	assert_int_equal(seen.candidates, 0);
	const struct nr_flow_host *h = &seen.host;
	assert_true(h->flows == 3750 && h->packets_out == 3000 && h->packets_in == 750);
	assert_true(h->peers_out > 1800 && h->peers_out < 4200 && h->ports_out == 1);
	assert_true(h->top_port == 23 && h->top_protocol == TCP && h->top_port_share > 0.95);
	assert_true(h->answered == 0);
	nr_flow_detect_free(detect);
	erase(&tape);
}

/* Reflection: what comes in without having been asked, by its port and in its busiest minute. */
static void test_victim_of_reflection(void **state)
{
	(void)state;
	struct tape tape = {.count = 0};
	struct seen seen = {.wanted = 0x0a00002a};
	for (unsigned i = 0; i < 4000; i++) {
		const struct row row = {0xc0000200 + i % 200 * 256, seen.wanted, 123, 44444, UDP,
			.packets = 60, .bytes = 60 * 468, .first = T0 + 2 * NR_MINUTE + i * 10000,
			.sampling = 100};
		record(&tape, &row);
	}
	struct nr_flow_detect *detect = detect_new(0);
	take_and_look(detect, &tape, true, &seen);
	const struct nr_flow_host *h = &seen.host;
	assert_true(h->reflected_port == 123 && h->reflected_share > 0.99);
	assert_true(fabs(h->estimated_packets_per_second_in - 4000 * 60 * 100 / 60.) < 1000);
	assert_true(fabs(h->estimated_bits_per_second_in - 4000. * 60 * 468 * 100 * 8 / 60) < 4e6);
	assert_in_range(h->busiest_in, T0, T0 + 3 * NR_MINUTE);
	assert_true(h->peers_in > 120 && h->peers_in < 280 && h->peers_out == 0);
	nr_flow_detect_free(detect);
	erase(&tape);
}

/* A day of addresses that never come again, far more than there is room for: memory stays what was promised,
 * what went is counted, and the botnet is still there. */
static void test_memory_is_kept(void **state)
{
	(void)state;
	const uint64_t memory = UINT64_C(16) << 20;
	struct tape tape = {.count = 0};
	struct seen seen = {.wanted = SERVER};
	struct nr_flow_detect *detect = detect_new(memory);
	record_botnet(&tape);
	struct nr_flow_block *noise = block_new();
	for (size_t i = 0; i < tape.count; i++) {
		for (unsigned round = 0; round < 12; round++) {
			nr_flow_block_clear(noise);
			const struct nr_flow_stream stream = {.domain = (uint32_t)round};
			nr_flow_block_stream(noise, &stream);
			for (unsigned k = 0; k < ROWS; k++) {
				const struct row row = {(uint32_t)roll(UINT32_MAX),
					(uint32_t)roll(UINT32_MAX), (uint16_t)roll(65536),
					(uint16_t)roll(65536), k % 2 ? TCP : UDP, SYN, .packets = 1,
					.bytes = 40, .first = T0 + (nr_time)i * 10 * NR_MINUTE};
				block_add(noise, &row);
			}
			nr_flow_detect_take(detect, noise);
		}
		nr_flow_detect_take(detect, tape.blocks[i]);
	}
	struct nr_flow_detect_state s = nr_flow_detect_state(detect);
	assert_true(s.memory <= memory);
	assert_true(s.servers_not_admitted > 100000 && s.hosts_not_admitted > 100000);
	const struct nr_flow_replay replay = {play, &tape};
	const struct nr_flow_visitor visitor = {see_candidate, see_host, &seen};
	assert_int_equal(nr_flow_detect_look(detect, &replay, &visitor, NULL), 0);
	assert_true(seen.is_server);
	assert_int_equal(seen.candidate.client_count, 40);
	nr_flow_block_free(noise);
	nr_flow_detect_free(detect);
	erase(&tape);
}

static void test_turn(void **state)
{
	(void)state;
	struct tape tape = {.count = 0};
	struct seen seen = {.wanted = SERVER}, none = {.wanted = SERVER};
	record_botnet(&tape);
	struct nr_flow_detect *detect = detect_new(0);
	take_and_look(detect, &tape, true, &seen);
	nr_flow_detect_turn(detect, T0 + NR_DAY);
	struct nr_flow_detect_state s = nr_flow_detect_state(detect);
	assert_true(s.pairs == 0 && s.hosts == 0 && s.from == NR_TIME_MIN);
	const struct nr_flow_visitor visitor = {see_candidate, see_host, &none};
	assert_int_equal(nr_flow_detect_look(detect, NULL, &visitor, NULL), 0);
	assert_int_equal(none.candidates + none.hosts, 0);
	/* the next day: since when it is known has stayed */
	for (size_t i = 0; i < tape.count; i++) {
		int64_t *first = nr_flow_column_at(tape.blocks[i], NR_FLOW_FIRST);
		int64_t *last = nr_flow_column_at(tape.blocks[i], NR_FLOW_LAST);
		for (uint32_t row = 0; row < tape.blocks[i]->count; row++) {
			first[row] += NR_DAY;
			last[row] += NR_DAY;
		}
	}
	take_and_look(detect, &tape, true, &seen);
	assert_in_range(seen.candidate.context.known_since, T0, T0 + NR_MINUTE);
	assert_in_range(seen.candidate.context.first, T0 + NR_DAY, T0 + NR_DAY + NR_MINUTE);
	/* Monday and Tuesday, 09:00 to 13:00 */
	assert_true(seen.candidate.context.hours[0] == (UINT64_C(0xf) << 9 | UINT64_C(0xf) << 33));
	nr_flow_detect_free(detect);
	erase(&tape);
}

static void test_visitor_ends_it(void **state)
{
	(void)state;
	struct tape tape = {.count = 0};
	struct seen seen = {.wanted = SERVER, .answer = -ECANCELED};
	const struct nr_flow_visitor visitor = {see_candidate, see_host, &seen};
	const struct nr_flow_replay replay = {play, &tape};
	record_botnet(&tape);
	struct nr_flow_detect *detect = detect_new(0);
	for (size_t i = 0; i < tape.count; i++)
		nr_flow_detect_take(detect, tape.blocks[i]);
	assert_int_equal(nr_flow_detect_look(detect, &replay, &visitor, NULL), -ECANCELED);
	assert_int_equal(seen.candidates, 1);
	assert_int_equal(seen.hosts, 0);
	nr_flow_detect_free(detect);
	erase(&tape);
}

/* Columns full of dice: times of all centuries, every flag and mark, lengths without measure. */
static void test_hostile_columns(void **state)
{
	(void)state;
	struct nr_flow_detect *detect = detect_new(UINT64_C(16) << 20);
	struct tape tape = {.count = 0};
	struct seen seen = {.wanted = 0};
	for (unsigned b = 0; b < 12; b++) {
		struct nr_flow_block *block = tape.blocks[tape.count++] = block_new();
		nr_flow_rows_open(block, ROWS, ~NR_FLOW_BIT(STREAM) & ((UINT64_C(1) << NR_FLOW_COLUMNS) - 1));
		for (unsigned column = 0; column < NR_FLOW_COLUMNS; column++) {
			uint8_t *bytes = nr_flow_column_at(block, column);
			size_t length = ROWS * (size_t)nr_flow_columns[column].width;
			for (size_t i = 0; column != NR_FLOW_STREAM && i < length; i++)
				bytes[i] = (uint8_t)(roll(8) ? roll(256) : b % 2 ? 0 : 255);
		}
		/* few addresses and ports, so that there are candidates; no events */
		memset(nr_flow_column_at(block, NR_FLOW_EVENT), 0, ROWS);
		uint16_t *marks = nr_flow_column_at(block, NR_FLOW_MARKS);
		uint64_t *server = nr_flow_column_at(block, NR_FLOW_DESTINATION_LOW);
		uint64_t *high = nr_flow_column_at(block, NR_FLOW_DESTINATION_HIGH);
		uint16_t *port = nr_flow_column_at(block, NR_FLOW_DESTINATION_PORT);
		uint8_t *protocol = nr_flow_column_at(block, NR_FLOW_PROTOCOL);
		for (unsigned i = 0; i < ROWS; i++) {
			marks[i] &= (uint16_t)~NR_FLOW_MARK_EVENT;
			server[i] %= 16;
			high[i] = 0;
			port[i] %= 3;
			protocol[i] = i % 2 ? TCP : UDP;
		}
		nr_flow_rows_close(block, ROWS);
	}
	take_and_look(detect, &tape, true, &seen);
	assert_true(seen.candidates > 0 && seen.hosts > 0);
	take_and_look(detect, &tape, false, &seen);
	nr_flow_detect_turn(detect, NR_TIME_MIN);
	nr_flow_detect_turn(detect, NR_TIME_MAX);
	nr_flow_detect_free(detect);
	erase(&tape);
}

static void test_empty(void **state)
{
	(void)state;
	struct nr_flow_detect *detect = detect_new(0);
	struct tape tape = {.count = 1};
	struct seen seen = {.wanted = SERVER};
	assert_int_equal(nr_flow_block_new(64, &tape.blocks[0], NULL), 0);
	take_and_look(detect, &tape, true, &seen);
	take_and_look(detect, &tape, false, &seen);
	assert_int_equal(seen.candidates + seen.hosts, 0);
	assert_int_equal(nr_flow_detect_state(detect).from, NR_TIME_MIN);
	nr_flow_detect_free(detect);
	erase(&tape);
}

/* ---- real flows ---- */

static int take_block(void *taker, const struct nr_flow_block *block)
{
	nr_flow_detect_take(taker, block);
	return 0;
}

/* RemcosRAT calls a server that is gone, 719 times, three tries each (flow reference 14). */
static void test_dead_server(void **state)
{
	(void)state;
	const char *shared = getenv("NOROSHI_SHARED");
	char path[512];
	snprintf(path, sizeof path, "%s/data/flow/beacon/test18_conn.log.labeled",
		shared ? shared : "../shared");
	if (access(path, R_OK) != 0) {
		print_message("skipped: no %s\n", path);
		skip();
	}
	const char *files[] = {path};
	const struct nr_flow_collector_conf collector = {.exporters_max = 16, .memory = 1 << 20};
	const struct nr_flow_rereading_conf conf = {.files = files, .file_count = 1, .collector = &collector};
	NR_AUTO(nr_flow_rereading_freep) struct nr_flow_rereading *rereading = NULL;
	NR_AUTO(nr_flow_detect_freep) struct nr_flow_detect *detect = detect_new(0);
	struct seen seen = {.wanted = 0x423fa823}; /* 66.63.168.35 */
	const struct nr_flow_visitor visitor = {see_candidate, see_host, &seen};
	assert_int_equal(nr_flow_rereading_new(&conf, &rereading, NULL), 0);
	assert_int_equal(nr_flow_rereading_first(rereading, take_block, detect, NULL), 0);
	const struct nr_flow_replay replay = nr_flow_rereading_replay(rereading);
	assert_int_equal(nr_flow_detect_look(detect, &replay, &visitor, NULL), 0);
	assert_true(seen.is_server);
	assert_int_equal(seen.candidate.server.port, 5888);
	assert_true(seen.candidate.context.flows == 719 && seen.candidate.context.established == 0);
	assert_true(seen.client.refused_only && seen.candidate.client_count == 1);
	assert_true(fabs(seen.candidate.timing.comb_period - 2.08) < 0.02);
}

/* A log of Zeek of two clients that call one server every minute. */
static void write_log(char *path)
{
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	assert_non_null(file);
	for (unsigned i = 0; i < 400; i++)
		fprintf(file,
			"{\"ts\":%u,\"uid\":\"C%u\",\"id.orig_h\":\"10.0.0.%u\",\"id.orig_p\":%u,\"id.resp_"
			"h\":"
			"\"198.51.100.7\",\"id.resp_p\":40444,\"proto\":\"tcp\",\"duration\":0.5,\"conn_"
			"state\":"
			"\"SF\",\"history\":\"ShADadFf\",\"orig_pkts\":5,\"orig_ip_bytes\":400,\"resp_pkts\":"
			"4,"
			"\"resp_ip_bytes\":300}\n",
			1767603600 + i / 2 * 60, i, i % 2, 33000 + i);
	assert_int_equal(fclose(file), 0);
}

static void complain(void *context, const char *text)
{
	snprintf(context, 240, "%s", text);
}

/* A file is read again from the disk, standard input from memory, within its bound. */
static void test_rereading(void **state)
{
	(void)state;
	char path[] = "/tmp/noroshi-detect-XXXXXX", complaint[240];
	const struct nr_flow_collector_conf collector = {.exporters_max = 16, .memory = 1 << 20};
	write_log(path);
	const struct {
		const char *file;
		uint64_t keep;
		int first;
		size_t beats;
		bool complains;
	} cases[] = {{path, 1, 0, 400, false}, {"-", 0, 0, 400, false}, {"-", 1, -EFBIG, 0, false},
		{"/nowhere/conn.log", 0, 0, 0, true}};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_flow_rereading_freep) struct nr_flow_rereading *rereading = NULL;
		NR_AUTO(nr_flow_detect_freep) struct nr_flow_detect *detect = detect_new(0);
		const struct nr_flow_rereading_conf conf = {.files = (const char *[]){cases[i].file},
			.file_count = 1,
			.collector = &collector,
			.keep = cases[i].keep,
			.complain = complain,
			.context = complaint};
		struct seen seen = {.wanted = SERVER};
		const struct nr_flow_visitor visitor = {see_candidate, see_host, &seen};
		struct nr_error error = {0};
		assert_non_null(freopen(path, "r", stdin));
		complaint[0] = 0;
		assert_int_equal(nr_flow_rereading_new(&conf, &rereading, NULL), 0);
		assert_int_equal(
			nr_flow_rereading_first(rereading, take_block, detect, &error), cases[i].first);
		assert_int_equal(complaint[0] != 0, cases[i].complains);
		if (cases[i].first) {
			assert_non_null(strstr(error.text, "standard input is read twice"));
			continue;
		}
		const struct nr_flow_replay replay = nr_flow_rereading_replay(rereading);
		assert_int_equal(nr_flow_detect_look(detect, &replay, &visitor, NULL), 0);
		assert_int_equal(seen.is_server ? seen.candidate.beat_count : 0, cases[i].beats);
		assert_int_equal(nr_flow_detect_state(detect).beats, cases[i].beats);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_table),
		cmocka_unit_test(test_sketch),
		cmocka_unit_test(test_admit),
		cmocka_unit_test(test_beats_are_thinned_by_client),
		cmocka_unit_test(test_beats_of_one_client),
		cmocka_unit_test(test_botnet_is_read_twice),
		cmocka_unit_test(test_botnet_by_pairs_alone),
		cmocka_unit_test(test_scanner_is_no_server),
		cmocka_unit_test(test_victim_of_reflection),
		cmocka_unit_test(test_memory_is_kept),
		cmocka_unit_test(test_turn),
		cmocka_unit_test(test_visitor_ends_it),
		cmocka_unit_test(test_hostile_columns),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_rereading),
		cmocka_unit_test(test_dead_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
