/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store as a telescope fills it in a year, for the bench of the API: rows of 5 minutes, hours and days for
 *ports, categories and origins with their sketches, sources and the ports they knocked at, victims,
 *campaigns, findings and gaps. No packets: the rows' figures are drawn from distributions like those of a
 *darknet of some thousand addresses (a few busy ports, a long tail; 2.3 M packets a day), through the store's
 *own sink. One seed, one store.
 *
 *	year STORE [DAYS [SOURCES [SECONDS]]]
 *
 * With SECONDS the store holds those days already, and the windows behind them are written, one commit each
 * second, as a live telescope's would be: what a reader meets is a file that changes.
 */
#include "base/hll.h"
#include "base/progress.h"
#include "model/gap.h"
#include "sense/telescope/tables.h"
#include "store/store.h"

#include <math.h>
#include <time.h>

#define START        (INT64_C(1735689600) * NR_SECOND) /* 2025-01-01T00:00:00Z */
#define PORTS        131072                            /* rank to (protocol, port) */
#define TOP_RATE     3000.0                            /* packets of the busiest port in 5 minutes */
#define EXPONENT     1.5                               /* packets of rank r: TOP_RATE / r^EXPONENT */
#define RESEARCH     0.3                               /* share of research scanners */
#define COUNTRIES    200
#define NETWORKS     4000
#define HEAD         4096 /* ranks that are drawn one by one; the others are picked */
#define BLOCK        4096
#define SKETCH_BYTES ((size_t)8 << 20)

static const char sensor[] = "north";
static uint64_t state = 1;

static uint64_t draw(void)
{
	state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
	uint64_t z = state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static double unit(void)
{
	return (double)(draw() >> 11) * 0x1p-53;
}

/* Poisson; a normal one where it is large. */
static uint64_t poisson(double rate)
{
	if (rate > 30) {
		double sum = -6;
		for (int i = 0; i < 12; i++)
			sum += unit();
		return (uint64_t)NR_MAX(0.0, rate + sqrt(rate) * sum);
	}
	double limit = exp(-rate), product = unit();
	uint64_t count = 0;
	for (; product > limit; count++)
		product *= unit();
	return count;
}

/* ---- the sink ---- */

static struct nr_sink *sink;
static uint64_t rows_written;

static void write_rows(const struct nr_table *table, const void *rows, size_t count)
{
	struct nr_error error = {0};
	rows_written += count;
	if (count && sink->rows(sink, table, rows, count, &error) != 0) {
		fprintf(stderr, "year: %s\n", error.text);
		exit(4);
	}
}

static void commit(void)
{
	struct nr_error error = {0};
	if (sink->commit(sink, &error) != 0) {
		fprintf(stderr, "year: %s\n", error.text);
		exit(4);
	}
}

/* ---- sketches ---- */

static uint8_t *sketch_bytes;
static size_t sketch_used;

/* `count` sources of a population that is a little different every day. */
static struct nr_bytes sketch(uint64_t key, uint64_t day, uint64_t count)
{
	uint8_t *at = sketch_bytes + sketch_used;
	uint64_t hashes[NR_HLL_HASHES_MAX], base = nr_hll_hash(key) + day * (count / 3 + 1);
	size_t length;
	if (count <= NR_HLL_HASHES_MAX) {
		for (uint64_t i = 0; i < count; i++)
			hashes[i] = nr_hll_hash(base + i);
		length = nr_hll_write_hashes(hashes, count, at);
	} else {
		struct nr_hll hll = {{0}};
		for (uint64_t i = 0; i < count; i++)
			nr_hll_add(&hll, nr_hll_hash(base + i));
		length = nr_hll_write(&hll, at);
	}
	sketch_used += length;
	return (struct nr_bytes){at, length};
}

static uint64_t sources_of(uint64_t packets, double exponent)
{
	return packets ? NR_MAX((uint64_t)1, (uint64_t)pow((double)packets, exponent)) : 0;
}

/* ---- ports ---- */

static uint32_t port_of_rank[PORTS]; /* udp << 16 | port */
static uint32_t window[2][PORTS], hour[2][PORTS], day[2][PORTS];

static void make_ports(void)
{
	static const uint16_t first[] = {
		23, 22, 8728, 6379, 80, 443, 2323, 8080, 3389, 445, 5555, 8443, 1433, 25};
	for (uint32_t i = 0; i < PORTS; i++)
		port_of_rank[i] = i;
	for (uint32_t i = PORTS - 1; i > 0; i--) {
		uint32_t j = (uint32_t)(draw() % (i + 1)), held = port_of_rank[i];
		port_of_rank[i] = port_of_rank[j];
		port_of_rank[j] = held;
	}
	for (uint32_t i = 0; i < NR_COUNT(first); i++) {
		for (uint32_t j = 0; j < PORTS; j++) {
			if (port_of_rank[j] == first[i]) {
				port_of_rank[j] = port_of_rank[i];
				port_of_rank[i] = first[i];
			}
		}
	}
}

static double rate_of_rank(double rank)
{
	return TOP_RATE / pow(rank + 1, EXPONENT);
}

static void knock(uint32_t rank, uint64_t packets)
{
	uint32_t port = port_of_rank[rank], research = (uint32_t)poisson((double)packets * RESEARCH);
	window[0][port] += (uint32_t)packets;
	window[1][port] += NR_MIN(research, (uint32_t)packets);
}

/* One window's packets. More in the evening than at night. */
static void make_window(nr_time time)
{
	static double tail;
	double hour_of_day = (double)(time % NR_DAY) / (double)NR_HOUR;
	double swing = 1 + 0.3 * sin((hour_of_day - 9) * M_PI / 12);
	if (tail == 0) {
		for (uint32_t i = HEAD; i < PORTS; i++)
			tail += rate_of_rank(i);
	}
	memset(window, 0, sizeof window);
	for (uint32_t i = 0; i < HEAD; i++)
		knock(i, poisson(rate_of_rank(i) * swing));
	for (uint64_t i = poisson(tail * swing); i > 0; i--) /* inverse of the sum of ranks */
		knock((uint32_t)NR_MIN((double)PORTS - 1, HEAD / pow(1 - unit() * 0.82, 2)), 1);
}

static const char *class_of(uint32_t port)
{
	static const char *const classes[] = {
		"other", "other", "other", "web", "other", "iot", "other", "windows", "amplification"};
	return port == 23 || port == 2323 ? "iot" : classes[nr_hll_hash(port) % NR_COUNT(classes)];
}

static void write_ports(uint32_t step, nr_time time, uint32_t packets[2][PORTS])
{
	static struct nr_port_row rows[BLOCK];
	for (uint8_t traffic = 0; traffic < 2; traffic++) {
		size_t count = 0;
		for (uint32_t port = 0; port < PORTS; port++) {
			uint64_t sum = packets[traffic][port];
			if (!sum)
				continue;
			if (count == BLOCK || sketch_used > SKETCH_BYTES - 2 * NR_HLL_BYTES_MAX) {
				write_rows(&nr_port_table, rows, count);
				count = sketch_used = 0;
			}
			uint64_t sources = sources_of(sum, traffic ? 0.6 : 0.85);
			rows[count++] = (struct nr_port_row){sensor, step, time, traffic, port >> 16 ? 17 : 6,
				(uint16_t)port, class_of(port), sum, sum * 44, sources, 0,
				step > 300 ? sketch(port << 1 | traffic, (uint64_t)(time / NR_DAY), sources)
					   : (struct nr_bytes){0}};
		}
		write_rows(&nr_port_table, rows, count);
		sketch_used = 0;
	}
}

static uint64_t total_of(uint32_t packets[PORTS])
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < PORTS; i++)
		sum += packets[i];
	return sum;
}

/* ---- categories ---- */

static void write_traffic(uint32_t step, nr_time time, uint32_t packets[2][PORTS])
{
	static const struct {
		const char *category;
		double share;
	} categories[] = {{"all", 1.2}, {"scan", 1}, {"backscatter", 0.1}, {"spoofed", 0.01},
		{"malformed", 0.002}, {"misconfigured", 0.01}, {"tcp_syn", 0.8}, {"tcp_syn_ack", 0.06},
		{"tcp_rst", 0.03}, {"tcp_other", 0.02}, {"udp", 0.2}, {"icmp", 0.06}, {"other", 0.001},
		{"class/iot", 0.3}, {"class/windows", 0.1}, {"class/web", 0.15},
		{"class/amplification", 0.05}, {"class/other", 0.4}, {"tool/mirai", 0.15}, {"tool/zmap", 0.2},
		{"tool/masscan", 0.1}, {"tool/nmap", 0.01}};
	for (uint8_t traffic = 0; traffic < 2; traffic++) {
		double total = (double)total_of(packets[traffic]);
		for (size_t i = 0; i < NR_COUNT(categories); i++) {
			uint64_t sum = (uint64_t)(total * categories[i].share);
			if (!sum || (step < 86400 && strncmp(categories[i].category, "tool/", 5) == 0))
				continue;
			uint64_t sources = sources_of(sum, traffic ? 0.5 : 0.8);
			struct nr_traffic_row row = {sensor, step, time, traffic, categories[i].category, sum,
				sum * 44, sources, 0,
				step > 300 ? sketch(1000000 + i, (uint64_t)(time / NR_DAY), sources)
					   : (struct nr_bytes){0}};
			write_rows(&nr_traffic_table, &row, 1);
			sketch_used = 0;
		}
	}
}

/* ---- origins ---- */

struct network {
	char country[4], name[32];
	uint32_t asn;
	double share;
	uint64_t hour[2], day[2];
};
static struct network networks[NETWORKS];

static void make_networks(void)
{
	double sum = 0;
	for (uint32_t i = 0; i < NETWORKS; i++) {
		struct network *network = &networks[i];
		uint32_t country = (uint32_t)(COUNTRIES * unit() * unit() * unit());
		snprintf(network->country, sizeof network->country, "%c%c", 'A' + country / 26,
			'A' + country % 26);
		snprintf(network->name, sizeof network->name, "NETWORK-%u Example", i);
		network->asn = 1000 + i * 7;
		network->share = pow(i + 1, -1.2);
		sum += network->share;
	}
	for (uint32_t i = 0; i < NETWORKS; i++)
		networks[i].share /= sum;
}

static void write_origins(uint32_t step, nr_time time)
{
	for (uint8_t traffic = 0; traffic < 2; traffic++) {
		for (uint32_t i = 0; i < NETWORKS; i++) {
			struct network *network = &networks[i];
			uint64_t *packets = step == 3600 ? &network->hour[traffic] : &network->day[traffic];
			if (!*packets)
				continue;
			uint64_t sources = sources_of(*packets, traffic ? 0.5 : 0.8);
			struct nr_origin_row row = {sensor, step, time, traffic, network->country,
				network->asn, network->name, *packets, sources, 0,
				sketch(2000000 + i, (uint64_t)(time / NR_DAY), sources)};
			write_rows(&nr_origin_table, &row, 1);
			sketch_used = 0;
			*packets = 0;
		}
	}
}

static void make_origins(void)
{
	double total[2] = {(double)total_of(hour[0]) * 1.2, (double)total_of(hour[1])};
	for (uint32_t i = 0; i < NETWORKS; i++) {
		for (int traffic = 0; traffic < 2; traffic++) {
			networks[i].hour[traffic] = poisson(total[traffic] * networks[i].share);
			networks[i].day[traffic] += networks[i].hour[traffic];
		}
	}
}

/* ---- hosts ---- */

#define POPULATION 120000 /* hosts that the day's sources are of; some come every day */

static void write_source_ports(nr_time time, struct nr_address address, uint64_t packets, uint32_t ports)
{
	static struct nr_source_port_row rows[1000];
	uint32_t count = NR_MIN(ports, (uint32_t)1000);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t port = port_of_rank[(uint32_t)(HEAD * unit() * unit() * unit()) * (i ? 1 : 0) + i];
		rows[i] = (struct nr_source_port_row){sensor, time, port >> 16 ? 17 : 6, (uint16_t)port,
			address, packets / count + 1, (packets / count + 1) * 44};
	}
	write_rows(&nr_source_port_table, rows, count);
}

static void write_source(nr_time time, uint32_t host)
{
	static const char *const tools[] = {"mirai", "", "", "zmap", "masscan", "", "mirai", "zmap,masscan"};
	uint64_t h = nr_hll_hash(host);
	const struct network *network = &networks[h % NETWORKS * (h >> 20 & 1023) / 1024];
	bool research = h >> 40 & 1 && host % 8 == 0;
	uint64_t packets = 1 + (uint64_t)(4 / pow(unit() + 1e-4, 0.9)) * (research ? 20 : 1);
	uint32_t ports = research ? 200 : 1 + (uint32_t)(1 / (unit() + 0.01));
	nr_time first = time + (nr_time)(unit() * (double)(NR_DAY / 2));
	struct nr_source_row row = {sensor, time, nr_address_from_ipv4((uint32_t)(h >> 16)), packets, packets,
		ports, first, first + (nr_time)(unit() * (double)(NR_DAY / 2)),
		h & 1 ? "tcp_syn" : "tcp_syn,udp", tools[h >> 4 & 7], research ? "scaled" : "",
		h >> 8 & 15 ? "" : "ttl-200", network->country, network->asn, network->name,
		"{\"invariants\":{\"window\":1024,\"ttl\":244},\"first_syn\":{\"time\":\"2026-01-01T00:00:00."
		"000000Z\","
		"\"destination\":\"192.0.2.80\",\"port\":23,\"sequence\":3221226064}}"};
	write_rows(&nr_source_table, &row, 1);
	write_source_ports(time, row.address, packets, ports);
	if (research || host % 16 == 1) {
		struct nr_finding finding = {sensor, "telescope",
			research ? "research-scanner" : "infected-host", row.address, row.first, row.last,
			packets, 0.9, NR_SEVERITY_LOW, "packets that match a rule", "規則に一致したパケット",
			"{\"rule\":\"bench\"}"};
		write_rows(&nr_finding_table, &finding, 1);
	}
}

static void write_hosts(nr_time time, uint32_t sources)
{
	static uint32_t seen[POPULATION];
	uint32_t today = (uint32_t)(time / NR_DAY), count = 0;
	while (count < sources) {
		double u = unit();
		uint32_t host = (uint32_t)(u * u * POPULATION);
		if (seen[host] == today)
			continue;
		seen[host] = today;
		write_source(time, host);
		count++;
	}
	for (uint32_t i = 0; i < 200; i++) {
		nr_time first = time + (nr_time)(unit() * (double)NR_DAY);
		struct nr_victim_row victim = {sensor, first, nr_address_from_ipv4((uint32_t)draw()),
			i % 3 ? 6 : 17, first + (nr_time)(unit() * (double)NR_HOUR), 30 + draw() % 10000,
			6000, 50, 20, 3, 1, 80, 17.5, networks[i].country, networks[i].asn, networks[i].name};
		write_rows(&nr_victim_table, &victim, 1);
	}
	for (uint32_t i = 0; i < 30; i++) {
		char signature[48];
		snprintf(signature, sizeof signature, "window=%u,ttl=%u", 1024 + (unsigned)(draw() % 99), i);
		struct nr_campaign_row campaign = {
			sensor, time, signature, 10 + i, 1000 + i, 6, 23, time, time + NR_HOUR};
		write_rows(&nr_campaign_table, &campaign, 1);
	}
}

static void write_gap(nr_time time)
{
	struct nr_gap gap = {sensor, "telescope", time + NR_HOUR, time + NR_HOUR + NR_MINUTE, "ring-full",
		1000, "1000 packets lost", "1000パケット欠測"};
	struct nr_run_row run = {sensor, time, "bench", 1000000, 999000, 44000000, 0, time, time + NR_DAY - 1,
		"{}", 4096, "port-classes 1"};
	write_rows(&nr_gap_table, &gap, 1);
	write_rows(&nr_run_table, &run, 1);
}

/* ---- days ---- */

static void write_hour(nr_time time)
{
	memset(hour, 0, sizeof hour);
	for (nr_time at = time; at < time + NR_HOUR; at += 5 * NR_MINUTE) {
		make_window(at);
		write_ports(300, at, window);
		write_traffic(300, at, window);
		for (uint32_t i = 0; i < 2 * PORTS; i++)
			(&hour[0][0])[i] += (&window[0][0])[i];
	}
	write_ports(3600, time, hour);
	write_traffic(3600, time, hour);
	make_origins();
	write_origins(3600, time);
	for (uint32_t i = 0; i < 2 * PORTS; i++)
		(&day[0][0])[i] += (&hour[0][0])[i];
}

static void write_day(nr_time time, uint32_t sources)
{
	memset(day, 0, sizeof day);
	for (nr_time at = time; at < time + NR_DAY; at += NR_HOUR)
		write_hour(at);
	write_ports(86400, time, day);
	write_traffic(86400, time, day);
	write_origins(86400, time);
	write_hosts(time, sources);
	if (time / NR_DAY % 9 == 0)
		write_gap(time);
	commit();
}

static void write_live(nr_time time, uint64_t seconds)
{
	static const struct timespec second = {.tv_sec = 1};
	for (uint64_t i = 0; i < seconds; i++, time += 5 * NR_MINUTE) {
		make_window(time);
		write_ports(300, time, window);
		write_traffic(300, time, window);
		commit();
		printf("%llu\n", (unsigned long long)i + 1);
		fflush(stdout);
		nanosleep(&second, NULL);
	}
}

static void write_days(uint64_t days, uint32_t sources)
{
	struct nr_progress progress;
	nr_progress_init(&progress, days, "days");
	for (uint64_t i = 0; i < days; i++) {
		write_day(START + (nr_time)i * NR_DAY, sources);
		nr_progress_show(&progress, i + 1);
	}
	nr_progress_fini(&progress);
	printf("%llu rows of %llu days\n", (unsigned long long)rows_written, (unsigned long long)days);
}

int main(int argc, char **argv)
{
	struct nr_store *store;
	struct nr_error error = {0};
	uint64_t days = argc > 2 ? strtoull(argv[2], NULL, 10) : 365;
	uint32_t sources = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 5000;
	sketch_bytes = malloc(SKETCH_BYTES);
	if (argc < 2 || argc > 5 || !sketch_bytes || sources > POPULATION / 2) {
		fprintf(stderr,
			"usage: year STORE [DAYS [SOURCES of a day, up to %d [SECONDS of windows behind "
			"them]]]\n",
			POPULATION / 2);
		return 2;
	}
	if (nr_store_open(argv[1], NR_STORE_CREATE, nr_telescope_tables, nr_telescope_table_count, &store,
		    &error)) {
		fprintf(stderr, "year: %s\n", error.text);
		return 4;
	}
	sink = nr_store_sink(store);
	make_ports();
	make_networks();
	if (argc > 4)
		write_live(START + (nr_time)days * NR_DAY, strtoull(argv[4], NULL, 10));
	else
		write_days(days, sources);
	nr_store_close(store);
	free(sketch_bytes);
	return 0;
}
