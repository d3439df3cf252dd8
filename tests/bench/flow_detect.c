/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What detection costs: processor time of take() per flow, memory per server, pair and host, and what a day
 * of 100 M pairs and 2 G flows would take on 8 cores, from one that is smaller by --scale (its tables are as
 * much larger than the caches as they become; give it a scale that fits the machine). Then the second look:
 * its time per candidate and per flow that is read again.
 *
 * The flows: each pair meets its server at two thirds of the hours; servers are popular by 1/rank; one flow
 * in five is of a scanner and never comes again. One line of JSON.
 *
 * usage: flow_detect [SCALE [SAMPLED]]  1: the whole day, 0.01: a hundredth of it; SAMPLED 1: one direction
 * only
 */
#include "base/json.h"
#include "sense/flow/detect/detect.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define DAY_PAIRS   100e6
#define DAY_FLOWS   2e9
#define DAY_SERVERS 10e6
#define DAY_MEMORY  16. * (UINT64_C(1) << 30)
#define CORES       8
#define ROWS        NR_FLOW_ROOM
#define T0          (INT64_C(1767571200) * NR_SECOND)

struct day {
	double scale;
	uint64_t pairs, servers, flows;
	bool one_way;
	uint64_t dice;
	struct nr_flow_block *block;
	uint64_t read; /* flows of the second reading */
	uint64_t candidates, beats;
};

static uint64_t roll(struct day *day, uint64_t sides)
{
	day->dice = day->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint64_t)((unsigned __int128)(day->dice ^ day->dice >> 32) * sides >> 64);
}

/* The finaliser of SplitMix64: what a pair's client and server are follows from its number. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static double seconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct flow {
	uint64_t client, server;
	uint16_t client_port, server_port;
	uint8_t flags;
};

/* Popular by 1/rank: rank = servers^u, u uniform. */
static struct flow of_pair(const struct day *day, uint64_t pair)
{
	uint64_t a = mix(2 * pair + 1), b = mix(2 * pair + 2);
	double u = (double)(a >> 11) / 9007199254740992.;
	uint64_t server = (uint64_t)pow((double)day->servers, u);
	static const uint16_t ports[] = {443, 443, 443, 80, 53, 123, 8883, 40444};
	return (struct flow){
		.client = UINT64_C(0xffff0a000000) + b % (1 + day->pairs / 40),
		.server = UINT64_C(0xffff00000000) | (0x20000000 + mix(server) % 0x80000000u),
		.client_port = (uint16_t)(32768 + (b >> 40) % 28000),
		.server_port = ports[mix(server + 1) % NR_COUNT(ports)],
		.flags = 0x1a,
	};
}

static struct flow of_scanner(struct day *day)
{
	return (struct flow){
		.client = UINT64_C(0xffffc0000200) + roll(day, 200),
		.server = UINT64_C(0xffff0a000000) + roll(day, 1u << 24),
		.client_port = 54321,
		.server_port = 23,
		.flags = 0x02,
	};
}

static void put(struct nr_flow_block *b, const struct flow *f, nr_time at, bool down)
{
	uint32_t row = b->count;
#define PUT(column, type, value) (((type *)nr_flow_column_at(b, NR_FLOW_##column))[row] = (value))
	PUT(FIRST, int64_t, at);
	PUT(LAST, int64_t, at + 500000);
	PUT(SOURCE_LOW, uint64_t, down ? f->server : f->client);
	PUT(DESTINATION_LOW, uint64_t, down ? f->client : f->server);
	PUT(SOURCE_PORT, uint16_t, down ? f->server_port : f->client_port);
	PUT(DESTINATION_PORT, uint16_t, down ? f->client_port : f->server_port);
	PUT(PROTOCOL, uint8_t, 6);
	PUT(TCP_FLAGS, uint16_t, f->flags);
	PUT(PACKETS, uint64_t, 5);
	PUT(BYTES, uint64_t, 600);
	PUT(SAMPLING, float, 1000);
#undef PUT
	nr_flow_rows_close(b, 1);
}

static void fill(struct day *day, uint64_t from)
{
	static const uint64_t columns = NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_LOW) |
					NR_FLOW_BIT(DESTINATION_LOW) | NR_FLOW_BIT(SOURCE_PORT) |
					NR_FLOW_BIT(DESTINATION_PORT) | NR_FLOW_BIT(PROTOCOL) |
					NR_FLOW_BIT(TCP_FLAGS) | NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES) |
					NR_FLOW_BIT(SAMPLING);
	struct nr_flow_block *b = day->block;
	const struct nr_flow_stream stream = {.domain = 1, .export = NR_FLOW_IPFIX};
	nr_flow_block_clear(b);
	nr_flow_block_stream(b, &stream);
	nr_flow_rows_open(b, ROWS, columns);
	for (uint64_t i = from; i < from + ROWS; i++) {
		bool scan = roll(day, 5) == 0;
		struct flow f = scan ? of_scanner(day) : of_pair(day, roll(day, day->pairs));
		nr_time at = T0 + (nr_time)((double)i / (double)day->flows * (double)NR_DAY);
		put(b, &f, at, !scan && !day->one_way && i % 2);
	}
}

/* ---- the second reading ---- */

static int play(void *context, nr_time from, nr_time to, uint64_t columns,
	int (*take)(void *taker, const struct nr_flow_block *block), void *taker, struct nr_error *error)
{
	struct day *day = context;
	int e = 0;
	(void)from, (void)to, (void)columns, (void)error;
	day->dice = 1;
	for (uint64_t at = 0; !e && at < day->flows; at += ROWS) {
		fill(day, at);
		e = take(taker, day->block);
		day->read += ROWS;
	}
	return e;
}

static int count_candidate(void *context, const struct nr_flow_candidate *candidate)
{
	struct day *day = context;
	day->candidates++;
	day->beats += candidate->beat_count;
	return 0;
}

static uint64_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long size = 0, pages = 0;
	if (file && fscanf(file, "%llu %llu", &size, &pages) != 2)
		pages = 0;
	nr_closep(&file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv)
{
	struct day day = {.scale = argc > 1 ? atof(argv[1]) : 0.01, .dice = 1};
	day.one_way = argc > 2 && atoi(argv[2]);
	if (!(day.scale > 0 && day.scale <= 1)) {
		fprintf(stderr, "usage: flow_detect [SCALE [SAMPLED]], SCALE above 0, 1 at most\n");
		return 2;
	}
	day.pairs = (uint64_t)(DAY_PAIRS * day.scale);
	day.servers = (uint64_t)(DAY_SERVERS * day.scale);
	day.flows = (uint64_t)(DAY_FLOWS * day.scale) / ROWS * ROWS;
	const struct nr_flow_detect_conf conf = {.memory = (uint64_t)(DAY_MEMORY * day.scale),
		.candidates = NR_MAX((uint64_t)(200000 * day.scale), UINT64_C(100)),
		.threads = 1};
	struct nr_flow_detect *detect = NULL;
	struct nr_error error = {0};
	int e = nr_flow_block_new(ROWS, &day.block, &error);
	if (!e)
		e = nr_flow_detect_new(&conf, &detect, &error);
	double taking = 0;
	for (uint64_t at = 0; !e && at < day.flows; at += ROWS) {
		fill(&day, at);
		double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
		nr_flow_detect_take(detect, day.block);
		taking += seconds(CLOCK_PROCESS_CPUTIME_ID) - begin;
	}
	uint64_t held = resident();
	double filling = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (uint64_t at = 0; !e && at < day.flows; at += ROWS)
		fill(&day, at);
	filling = seconds(CLOCK_PROCESS_CPUTIME_ID) - filling;
	const struct nr_flow_replay replay = {play, &day};
	const struct nr_flow_visitor visitor = {count_candidate, NULL, &day};
	double looking = seconds(CLOCK_PROCESS_CPUTIME_ID);
	if (!e)
		e = nr_flow_detect_look(detect, &replay, &visitor, &error);
	looking = seconds(CLOCK_PROCESS_CPUTIME_ID) - looking - filling;
	if (e) {
		fprintf(stderr, "%s\n", error.text);
		return 4;
	}
	struct nr_json json;
	nr_json_init_stream(&json, stdout);
	nr_json_object(&json, NULL);
	nr_json_real(&json, "scale", day.scale);
	nr_json_bool(&json, "one_way", day.one_way);
	nr_json_real(&json, "take_ns_per_flow", taking / (double)day.flows * 1e9);
	nr_json_real(&json, "look_s", looking);
	nr_json_uint(&json, "look_candidates", day.candidates);
	nr_json_uint(&json, "look_beats", day.beats);
	nr_json_uint(&json, "resident", held);
	nr_json_real(&json, "day_take_s", taking / day.scale);
	nr_json_real(&json, "day_look_s_on_8_cores", looking / day.scale / CORES);
	nr_json_real(&json, "day_resident_gib", (double)held / day.scale / (1 << 30));
	nr_flow_detect_write_state(detect, &json);
	nr_json_object_end(&json);
	e = nr_json_finish(&json, &error);
	nr_json_fini(&json);
	putchar('\n');
	nr_flow_detect_free(detect);
	nr_flow_block_free(day.block);
	return e ? 4 : 0;
}
