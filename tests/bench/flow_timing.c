/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the timing of servers finds, and what it costs: seeded simulations, one line of JSON a cell.
 *
 *	bench-flow-timing null CLIENTS RECORDS BURST TRIALS SEED    z of people: quantiles, tail
 *	bench-flow-timing beacon BOTS SAMPLING JITTER TRIALS SEED   z of a 60 s beacon: quantiles
 *	bench-flow-timing timers RATE ACTIVE INACTIVE SEED          ten long connections, joined and not
 *	bench-flow-timing cost CLIENTS RECORDS TRIALS               processor time of a candidate (or under
 *callgrind)
 */
#include "sense/flow/detect/timing/comb.h"
#include "sense/flow/detect/timing/timing.h"
#include "tests/unit/timing_rig.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define ROOM   2000000
#define TRIALS 1000000
#define DAY    86400.0

static struct rig_server server;
static struct nr_flow_timing_scratch *scratch;
static double zs[TRIALS];

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static struct nr_flow_timing look(const struct nr_flow_cache *cache)
{
	struct nr_flow_timing_conf conf = {.to = NR_DAY, .caches = cache, .cache_count = cache ? 1 : 0};
	struct nr_flow_timing t;
	nr_flow_timing_of(&conf, scratch, server.beats, server.count, &t);
	return t;
}

/* Tail: above its upper 2 % a maximum falls like exp(-(z - z98) / scale); scale by the mean excess. */
static void print_zs(size_t n)
{
	qsort(zs, n, sizeof(*zs), compare);
	size_t from = n - n / 50;
	double scale = 0;
	for (size_t i = from; i < n; i++)
		scale += (zs[i] - zs[from]) / (double)(n - from);
	printf("\"z05\":%.2f,\"z50\":%.2f,\"z98\":%.2f,\"z999\":%.2f,\"max\":%.2f,\"scale\":%.3f,\"z1e5\":%."
	       "1f,"
	       "\"z1e7\":%.1f}\n",
		zs[n / 20], zs[n / 2], zs[from], zs[n - 1 - n / 1000], zs[n - 1], scale,
		zs[from] + scale * log(0.02 / 1e-5), zs[from] + scale * log(0.02 / 1e-7));
}

static double number(char **argv, int argc, int i)
{
	return i < argc ? strtod(argv[i], NULL) : 0;
}

static int run_null(int argc, char **argv)
{
	size_t trials = NR_MIN((size_t)number(argv, argc, 5), (size_t)TRIALS);
	struct random r = {.state = (uint64_t)number(argv, argc, 6)};
	double beats = 0, clients = 0;
	for (size_t i = 0; i < trials; i++) {
		server.count = 0;
		rig_people(&server, &r, (uint32_t)number(argv, argc, 2), number(argv, argc, 3),
			number(argv, argc, 4), DAY);
		server.count = nr_flow_beats_join(server.beats, server.count, NULL, 0);
		beats += (double)server.count / (double)trials;
		struct nr_flow_timing t = look(NULL);
		zs[i] = t.comb_z;
		clients += (double)t.clients / (double)trials;
	}
	printf("{\"null\":true,\"clients\":%s,\"records\":%s,\"burst\":%s,\"trials\":%zu,\"clients_seen\":%."
	       "1f,"
	       "\"beats\":%.1f,",
		argv[2], argv[3], argv[4], trials, clients, beats);
	print_zs(trials);
	return 0;
}

static int run_beacon(int argc, char **argv)
{
	size_t trials = NR_MIN((size_t)number(argv, argc, 5), (size_t)TRIALS);
	struct random r = {.state = (uint64_t)number(argv, argc, 6)};
	struct rig_beacon b = {.bots = (uint32_t)number(argv, argc, 2),
		.sampling = number(argv, argc, 3),
		.jitter = number(argv, argc, 4),
		.period = 60,
		.spread = 1e-4,
		.packets = 4,
		.span = DAY};
	size_t right = 0, found = 0;
	for (size_t i = 0; i < trials; i++) {
		server.count = 0;
		rig_beacon(&server, &r, &b);
		server.count = nr_flow_beats_join(server.beats, server.count, NULL, 0);
		struct nr_flow_timing t = look(NULL);
		zs[i] = t.comb_z;
		found += nr_flow_comb_log_chance(t.comb_z, t.clients) <= log(1e-5);
		right += fabs(t.comb_period - b.period) < 0.01 * b.period;
	}
	printf("{\"bots\":%s,\"sampling\":%s,\"jitter\":%s,\"trials\":%zu,\"period_right\":%.3f,"
	       "\"found_at_1e-5\":%.3f,",
		argv[2], argv[3], argv[4], trials, (double)right / (double)trials,
		(double)found / (double)trials);
	print_zs(trials);
	return 0;
}

static int run_timers(int argc, char **argv)
{
	struct random r = {.state = (uint64_t)number(argv, argc, 5)};
	struct nr_flow_cache cache = {.active = (nr_time)(number(argv, argc, 3) * 1e6),
		.inactive = (nr_time)(number(argv, argc, 4) * 1e6)};
	rig_connections(
		&server, &r, 10, number(argv, argc, 2), number(argv, argc, 3), number(argv, argc, 4), DAY);
	struct nr_flow_timing raw = look(&cache);
	size_t records = server.count;
	server.count = nr_flow_beats_join(server.beats, server.count, &cache, 1);
	struct nr_flow_timing joined = look(&cache);
	printf("{\"rate\":%s,\"active\":%s,\"inactive\":%s,\"records\":%zu,\"z\":%.1f,\"period\":%.1f,"
	       "\"timer_distance\":%.2f,\"joined\":%zu,\"joined_z\":%.1f,\"joined_period\":%.1f}\n",
		argv[2], argv[3], argv[4], records, raw.comb_z, raw.comb_period, raw.timer_distance,
		server.count, joined.comb_z, joined.comb_period);
	return 0;
}

static int run_cost(int argc, char **argv)
{
	size_t trials = (size_t)number(argv, argc, 4);
	struct random r = {.state = 1};
	rig_people(&server, &r, (uint32_t)number(argv, argc, 2), number(argv, argc, 3), 3, DAY);
	struct nr_flow_timing t = {0};
	clock_t from = clock();
	for (size_t i = 0; i < trials; i++)
		t = look(NULL);
	double each = (double)(clock() - from) / CLOCKS_PER_SEC / (double)NR_MAX(trials, (size_t)1);
	printf("{\"clients\":%" PRIu32 ",\"beats\":%zu,\"lags\":%" PRIu32 ",\"ms\":%.2f}\n", t.clients,
		server.count, t.comb_lags, each * 1000);
	return 0;
}

int main(int argc, char **argv)
{
	struct nr_error error = {0};
	NR_AUTO(nr_flow_timing_scratch_freep) struct nr_flow_timing_scratch *made = NULL;
	NR_AUTO(nr_freep) struct nr_flow_beat *beats = calloc(ROOM, sizeof(*beats));
	server = (struct rig_server){beats, ROOM, 0};
	if (!beats || nr_flow_timing_scratch_new(&made, &error)) {
		fprintf(stderr, "no memory\n");
		return 4;
	}
	scratch = made;
	if (argc > 6 && !strcmp(argv[1], "null"))
		return run_null(argc, argv);
	if (argc > 6 && !strcmp(argv[1], "beacon"))
		return run_beacon(argc, argv);
	if (argc > 5 && !strcmp(argv[1], "timers"))
		return run_timers(argc, argv);
	if (argc > 4 && !strcmp(argv[1], "cost"))
		return run_cost(argc, argv);
	fprintf(stderr, "usage: bench-flow-timing null|beacon|timers|cost NUMBERS (see its source)\n");
	return 2;
}
