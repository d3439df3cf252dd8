/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small observatory for tests of the store and the API: seeded packets of two sensors over three days,
 * added up to rows the plain way (loops over everything), so that every answer can be held against a count
 * over the packets.
 */
#ifndef NR_TESTS_STORE_SAMPLE_H
#define NR_TESTS_STORE_SAMPLE_H

#include "base/hll.h"
#include "model/gap.h"
#include "sense/flow/c2_tables.h"
#include "sense/flow/traffic.h"
#include "sense/telescope/ipv6.h"
#include "sense/telescope/tables.h"
#include "store/store.h"

#define SAMPLE_START            (INT64_C(1767225600) * NR_SECOND) /* 2026-01-01T00:00:00Z */
#define SAMPLE_DAYS             3
#define SAMPLE_EVENTS           24000
#define SAMPLE_SOURCES          1500
#define SAMPLE_PORTS            12
#define SAMPLE_COUNTRIES        4
#define SAMPLE_RESEARCH(source) ((source) % 10 == 0)
#define SAMPLE_ZMAP(source)     ((source) % 5 == 0)
#define SAMPLE_BUSY             7 /* a source that is in every hour */

struct sample_event {
	int sensor;
	nr_time time;
	uint32_t source;
	unsigned port; /* index into sample_ports */
	uint64_t packets;
	bool backscatter;
};

struct sample_port {
	uint8_t protocol;
	uint16_t port;
	const char *class;
};

static const char *const sample_sensors[] = {"north", "south"};
static const char *const sample_countries[SAMPLE_COUNTRIES] = {"", "JP", "NL", "US"};
static const struct sample_port sample_ports[SAMPLE_PORTS] = {{6, 23, "iot"}, {6, 2323, "iot"},
	{6, 445, "windows"}, {6, 3389, "windows"}, {6, 80, "web"}, {6, 443, "web"}, {6, 22, "other"},
	{6, 8728, "other"}, {17, 53, "amplification"}, {17, 123, "amplification"}, {17, 1900, "iot"},
	{17, 23, "other"}};
static struct sample_event sample_events[SAMPLE_EVENTS];

static inline uint64_t sample_random(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
	uint64_t z = *state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline struct nr_address sample_address(uint32_t source)
{
	return nr_address_from_ipv4(0xc6120000 + source); /* 198.18.0.0/15 */
}

/* In order of time; busiest ports and sources first, as in life. */
static inline void sample_make_events(void)
{
	uint64_t state = 1;
	for (size_t i = 0; i < SAMPLE_EVENTS; i++) {
		uint64_t r = sample_random(&state);
		struct sample_event *event = &sample_events[i];
		event->time = SAMPLE_START + (nr_time)(i * (SAMPLE_DAYS * NR_DAY / SAMPLE_EVENTS)) +
			      (nr_time)(r % 1000);
		event->sensor = (r >> 10 & 7) == 0;
		event->source = (uint32_t)((r >> 13 & 0xffff) * (r >> 29 & 0xffff) / 65536 % SAMPLE_SOURCES);
		event->port = (unsigned)((r >> 45 & 0xff) * (r >> 53 & 0xff) / 256 * SAMPLE_PORTS / 256);
		event->packets = 1 + (r >> 61);
		event->backscatter = i % 50 == 49;
		if (i % 40 == 0)
			event->source = SAMPLE_BUSY;
	}
}

/* ---- adding up ---- */

struct sample_set {
	uint32_t items[SAMPLE_EVENTS];
	size_t count;
	uint64_t packets;
};

static inline int sample_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static inline uint64_t sample_distinct(struct sample_set *set)
{
	uint64_t distinct = 0;
	qsort(set->items, set->count, sizeof set->items[0], sample_compare);
	for (size_t i = 0; i < set->count; i++)
		distinct += i == 0 || set->items[i] != set->items[i - 1];
	return distinct;
}

static inline void sample_add(struct sample_set *set, const struct sample_event *event)
{
	set->items[set->count++] = event->source;
	set->packets += event->packets;
}

struct sample_sketch {
	uint8_t bytes[NR_HLL_BYTES_MAX];
	struct nr_bytes written;
};

static inline void sample_sketch(const struct sample_set *set, uint32_t step, struct sample_sketch *sketch)
{
	struct nr_hll hll = {{0}};
	sketch->written = (struct nr_bytes){0};
	if (step == 300)
		return;
	for (size_t i = 0; i < set->count; i++)
		nr_hll_add(&hll, nr_hll_hash(set->items[i]));
	sketch->written = (struct nr_bytes){sketch->bytes, nr_hll_write(&hll, sketch->bytes)};
}

/* What a row counts: a category, class, tool, port or country. */
struct sample_kind {
	const char *category; /* NULL: a port or a country */
	int port, country;    /* -1: any */
};

static inline bool sample_is(const struct sample_event *event, const struct sample_kind *kind)
{
	const struct sample_port *port = &sample_ports[event->port];
	const char *category = kind->category;
	if (kind->country >= 0)
		return (int)(event->source % SAMPLE_COUNTRIES) == kind->country;
	if (kind->port >= 0)
		return !event->backscatter && (int)event->port == kind->port;
	if (strcmp(category, "all") == 0)
		return true;
	if (strcmp(category, "backscatter") == 0)
		return event->backscatter;
	if (event->backscatter)
		return false;
	if (strcmp(category, "tcp_syn") == 0)
		return port->protocol == 6;
	if (strcmp(category, "udp") == 0)
		return port->protocol == 17;
	if (strcmp(category, "tool/zmap") == 0)
		return SAMPLE_ZMAP(event->source);
	return strcmp(category, "scan") == 0 ||
	       (strncmp(category, "class/", 6) == 0 && strcmp(category + 6, port->class) == 0);
}

static inline void sample_count(const struct sample_event *events, size_t count, int sensor,
	bool research_only, const struct sample_kind *kind, struct sample_set *set)
{
	set->count = 0;
	set->packets = 0;
	for (size_t i = 0; i < count; i++) {
		if ((sensor < 0 || events[i].sensor == sensor) &&
			(!research_only || SAMPLE_RESEARCH(events[i].source)) && sample_is(&events[i], kind))
			sample_add(set, &events[i]);
	}
}

/* ---- rows ---- */

struct sample_slice {
	const struct sample_event *events;
	size_t count;
	int sensor;
	uint32_t step;
	nr_time time;
};

static inline int sample_write_kind(struct nr_sink *sink, const struct sample_slice *slice, uint8_t traffic,
	const struct sample_kind *kind)
{
	static struct sample_set set;
	static struct sample_sketch sketch;
	sample_count(slice->events, slice->count, slice->sensor, traffic == NR_TRAFFIC_RESEARCH, kind, &set);
	if (set.count == 0)
		return 0;
	sample_sketch(&set, slice->step, &sketch);
	const char *sensor = sample_sensors[slice->sensor];
	uint64_t sources = sample_distinct(&set);
	if (kind->category)
		return sink->rows(sink, &nr_traffic_table,
			&(struct nr_traffic_row){sensor, slice->step, slice->time, traffic, kind->category,
				set.packets, set.packets * 60, sources, 0, sketch.written},
			1, NULL);
	if (kind->port >= 0)
		return sink->rows(sink, &nr_port_table,
			&(struct nr_port_row){sensor, slice->step, slice->time, traffic,
				sample_ports[kind->port].protocol, sample_ports[kind->port].port,
				sample_ports[kind->port].class, set.packets, set.packets * 60, sources, 0,
				sketch.written},
			1, NULL);
	return sink->rows(sink, &nr_origin_table,
		&(struct nr_origin_row){sensor, slice->step, slice->time, traffic,
			sample_countries[kind->country], (uint32_t)kind->country * 100, "Net", set.packets,
			sources, 0, sketch.written},
		1, NULL);
}

static inline int sample_write_slice(struct nr_sink *sink, const struct sample_slice *slice)
{
	static const char *const categories[] = {"all", "scan", "backscatter", "tcp_syn", "udp", "class/iot",
		"class/windows", "class/web", "class/amplification", "class/other", "tool/zmap"};
	int failed = 0;
	for (uint8_t traffic = 0; traffic < 2; traffic++) {
		for (size_t i = 0; i < NR_COUNT(categories); i++) {
			if (slice->step == 86400 || strncmp(categories[i], "tool/", 5) != 0)
				failed |= sample_write_kind(
					sink, slice, traffic, &(struct sample_kind){categories[i], -1, -1});
		}
		for (int port = 0; port < SAMPLE_PORTS; port++)
			failed |= sample_write_kind(
				sink, slice, traffic, &(struct sample_kind){NULL, port, -1});
		for (int country = 0; country < SAMPLE_COUNTRIES && slice->step > 300; country++)
			failed |= sample_write_kind(
				sink, slice, traffic, &(struct sample_kind){NULL, -1, country});
	}
	return failed;
}

static inline size_t sample_at(nr_time time)
{
	size_t i = 0;
	while (i < SAMPLE_EVENTS && sample_events[i].time < time)
		i++;
	return i;
}

static inline int sample_write_steps(struct nr_sink *sink, uint32_t step)
{
	int failed = 0;
	nr_time length = step * NR_SECOND;
	for (nr_time time = SAMPLE_START; time < SAMPLE_START + SAMPLE_DAYS * NR_DAY; time += length) {
		size_t low = sample_at(time), high = sample_at(time + length);
		for (int sensor = 0; sensor < 2; sensor++)
			failed |= sample_write_slice(sink,
				&(struct sample_slice){sample_events + low, high - low, sensor, step, time});
	}
	return failed;
}

static inline int sample_write_source(struct nr_sink *sink, const struct sample_slice *slice, uint32_t source)
{
	struct nr_source_row row = {.sensor = sample_sensors[slice->sensor],
		.time = slice->time,
		.address = sample_address(source),
		.first = NR_TIME_MAX,
		.categories = "tcp_syn,udp",
		.tools = SAMPLE_ZMAP(source) ? "zmap" : "",
		.research = SAMPLE_RESEARCH(source) ? "scaled" : "",
		.marks = "",
		.country = sample_countries[source % SAMPLE_COUNTRIES],
		.asn = source % SAMPLE_COUNTRIES * 100,
		.as_name = "Net",
		.evidence = "{\"rule\":\"sample\"}"};
	uint64_t ports[SAMPLE_PORTS] = {0};
	for (size_t i = 0; i < slice->count; i++) {
		const struct sample_event *event = &slice->events[i];
		if (event->sensor != slice->sensor || event->source != source)
			continue;
		row.packets += event->packets;
		row.first = NR_MIN(row.first, event->time);
		row.last = event->time;
		if (!event->backscatter) {
			row.scan_packets += event->packets;
			row.ports += ports[event->port] == 0;
			ports[event->port] += event->packets;
		}
	}
	int failed = row.packets ? sink->rows(sink, &nr_source_table, &row, 1, NULL) : 0;
	for (size_t i = 0; i < SAMPLE_PORTS; i++) {
		if (ports[i])
			failed |= sink->rows(sink, &nr_source_port_table,
				&(struct nr_source_port_row){row.sensor, row.time, sample_ports[i].protocol,
					sample_ports[i].port, row.address, ports[i], ports[i] * 60},
				1, NULL);
	}
	return failed;
}

static inline int sample_write_sources(struct nr_sink *sink)
{
	int failed = 0;
	for (int day = 0; day < SAMPLE_DAYS; day++) {
		nr_time time = SAMPLE_START + day * NR_DAY;
		size_t low = sample_at(time), high = sample_at(time + NR_DAY);
		for (int sensor = 0; sensor < 2; sensor++) {
			struct sample_slice slice = {sample_events + low, high - low, sensor, 86400, time};
			for (uint32_t source = 0; source < SAMPLE_SOURCES; source++)
				failed |= sample_write_source(sink, &slice, source);
		}
	}
	return failed;
}

static inline int sample_write_rest(struct nr_sink *sink)
{
	int failed = 0;
	for (unsigned i = 0; i < 5; i++) {
		nr_time first = SAMPLE_START + i * 10 * NR_HOUR;
		struct nr_address address = nr_address_from_ipv4(0xcb007100 + i); /* 203.0.113.0/24 */
		struct nr_victim_row victim = {"north", first, address, 6, first + NR_HOUR, 100 + i, 6000, 50,
			20, 3, 1, 80, 17.5, "JP", 100, "Net, \"quoted\""};
		struct nr_campaign_row campaign = {"north", nr_time_floor(first, NR_DAY),
			i % 2 ? "window=1024" : "ttl=255", 10 + i, 1000 + i, 6, 23, first, first + NR_HOUR};
		struct nr_run_row run = {"north", first, i ? "a.pcap,captures/world-1.pcap" : "b.pcap", 10, 9,
			540, 0, first, first + NR_HOUR, "{\"fragment\":1}", 256, "port-classes 1"};
		struct nr_finding finding = {"north", "telescope", i % 2 ? "ddos-victim" : "infected-host",
			address, first, first + NR_HOUR, 100 + i, 0.5, NR_SEVERITY_HIGH, "100 packets",
			"100パケット", "{\"rule\":\"moore\"}"};
		struct nr_warning_row warning = {"north", first, i % 2 ? "changefinder" : "synchrony",
			"tcp/23", first + NR_HOUR, 12.5, 3.5, 40 + i, 900, 1, "{\"slots\":3}", "40 hosts",
			"40ホスト"};
		struct nr_event_row event = {"north", first, address, 11, 23, first + NR_HOUR, 500 + i, 30000,
			90, 0, 120.5, 0.35, "1,2", "JP", 100, "Net"};
		struct nr_ipv6_row ipv6 = {"north", first, i % 2 ? "pattern" : "length",
			i % 2 ? "low-byte" : "/64", 700 + i, 30, 0, 12, {0}};
		struct nr_ipv6_network_row network = {"north", first, 64, {{0x3f, 0xff, 0, 1, 0, (uint8_t)i}},
			700 + i, 30, 5, first, first + NR_HOUR, "JP", 100, "Net"};
		failed |= sink->rows(sink, &nr_ipv6_table, &ipv6, 1, NULL);
		failed |= sink->rows(sink, &nr_ipv6_network_table, &network, 1, NULL);
		failed |= sink->rows(sink, &nr_warning_table, &warning, 1, NULL);
		failed |= sink->rows(sink, &nr_event_table, &event, 1, NULL);
		struct nr_gap gap = {"north", "telescope", first + NR_HOUR, first + 2 * NR_HOUR, "stopped", i,
			"not watched for an hour", "1時間観測していない"};
		failed |= sink->rows(sink, &nr_gap_table, &gap, 1, NULL);
		failed |= sink->rows(sink, &nr_victim_table, &victim, 1, NULL);
		failed |= sink->rows(sink, &nr_campaign_table, &campaign, 1, NULL);
		failed |= sink->rows(sink, &nr_run_table, &run, 1, NULL);
		failed |= sink->rows(sink, &nr_finding_table, &finding, 1, NULL);
	}
	return failed;
}

/* One server with two clients, and a second server that one of them meets. */
static inline int sample_write_c2(struct nr_sink *sink)
{
	static const char bins[] = "1020";
	struct nr_address client[2], server[2];
	nr_address_parse("100::5f2e:81c3:aa00:17d2", &client[0], NULL);
	nr_address_parse("100::5f2e:81c3:aa00:17d3", &client[1], NULL);
	nr_address_parse("198.18.0.7", &server[0], NULL);
	nr_address_parse("198.18.0.8", &server[1], NULL);
	int failed = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct nr_flow_server_row row = {"north", SAMPLE_START, server[i], 23, 6, NR_TIME_MAX, i + 1,
			i ? 0.4 : 0.97, i ? -0.4 : 3.5, !i, 2, SAMPLE_START + NR_MINUTE,
			SAMPLE_START + NR_HOUR, SAMPLE_START + NR_HOUR, 64500, "NL", i ? 0 : 60.1,
			i ? "benign" : "",
			"[{\"code\":\"comb\",\"text_en\":\"every minute\",\"text_ja\":\"毎分\","
			"\"value\":60.1,\"weight\":3.5}]",
			i ? "[]" : "[{\"address\":\"198.51.100.20\",\"port\":443,\"protocol\":\"tcp\"}]"};
		failed |= sink->rows(sink, &nr_flow_server_table, &row, 1, NULL);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct nr_flow_meeting_row meeting = {"north", SAMPLE_START, server[i / 2], 23, 6,
			client[i % 2], SAMPLE_START, SAMPLE_START + NR_MINUTE, SAMPLE_START + NR_HOUR, 30 - i,
			i == 1};
		struct nr_flow_beat_row beat = {"north", SAMPLE_START, server[i / 2], 23, 6, client[i % 2],
			SAMPLE_START, SAMPLE_START + NR_MINUTE, SAMPLE_START + NR_HOUR, 30 - i, i == 1, bins};
		failed |= sink->rows(sink, &nr_flow_meeting_table, &meeting, 1, NULL) |
			  sink->rows(sink, &nr_flow_beat_table, &beat, 1, NULL);
	}
	struct nr_flow_host_row host = {"north", SAMPLE_START, "ddos-victim", server[0], SAMPLE_START, 0, 0,
		0.9, 1, SAMPLE_START + NR_MINUTE, SAMPLE_START + NR_HOUR, SAMPLE_START + NR_HOUR, "[]"};
	failed |= sink->rows(sink, &nr_flow_host_table, &host, 1, NULL);
	return failed;
}

static inline int sample_write_flows(struct nr_sink *sink)
{
	static const uint32_t steps[] = {300, 3600, 86400};
	static const struct {
		const char *dimension, *key, *name;
	} lines[] = {{"all", "all", ""}, {"service", "tcp/443", ""}, {"service", "udp/53", ""},
		{"service", "other", ""}, {"as", "AS100", "Net"}, {"source_as", "AS100", "Net"},
		{"destination_as", "AS0", ""}, {"country", "JP", ""}, {"exporter", "192.0.2.1/5", "ipfix"}};
	struct nr_flow_exporter_row exporter = {.sensor = "north",
		.exporter = nr_address_from_ipv4(0xc0000201),
		.domain = 5,
		.export = "ipfix",
		.first = SAMPLE_START,
		.last = SAMPLE_START + NR_HOUR,
		.records = 1000,
		.loss_unit = "records",
		.received = 1000,
		.lost = 7,
		.sampling = 1000,
		.sampling_from = "exporter",
		.active_timeout = 60,
		.inactive_timeout = 15,
		.clock_offset = -0.5,
		.detail = "{\"templates\":3}"};
	int failed = sink->rows(sink, &nr_flow_exporter_table, &exporter, 1, NULL);
	for (size_t i = 0; i < NR_COUNT(steps) * NR_COUNT(lines); i++) {
		size_t line = i % NR_COUNT(lines);
		struct nr_flow_traffic_row row = {"north", steps[i / NR_COUNT(lines)], SAMPLE_START,
			lines[line].dimension, lines[line].key, lines[line].name, 100 - line, 1000, 64000,
			100000, 6400000, 1};
		failed |= sink->rows(sink, &nr_flow_traffic_table, &row, 1, NULL);
	}
	return failed;
}

/* Makes the store at path and fills it; NULL and a line on stderr where that fails. */
static inline struct nr_store *sample_store(const char *path, enum nr_store_mode reopen)
{
	const struct nr_table *tables[32];
	size_t count = 0;
	struct nr_store *store;
	struct nr_error error = {0};
	for (size_t i = 0; i < nr_telescope_table_count; i++)
		tables[count++] = nr_telescope_tables[i];
	for (size_t i = 0; i < nr_flow_table_count; i++)
		tables[count++] = nr_flow_tables[i];
	for (size_t i = 0; i < nr_flow_c2_table_count; i++)
		tables[count++] = nr_flow_c2_tables[i];
	if (nr_store_open(path, NR_STORE_CREATE, tables, count, &store, &error) != 0) {
		fprintf(stderr, "%s\n", error.text);
		return NULL;
	}
	struct nr_sink *sink = nr_store_sink(store);
	sample_make_events();
	int failed = sample_write_steps(sink, 300) | sample_write_steps(sink, 3600) |
		     sample_write_steps(sink, 86400) | sample_write_sources(sink) | sample_write_rest(sink) |
		     sample_write_flows(sink) | sample_write_c2(sink) | sink->commit(sink, &error);
	nr_store_close(store);
	if (failed || nr_store_open(path, reopen, tables, count, &store, &error) != 0) {
		fprintf(stderr, "sample: %s\n", error.text);
		return NULL;
	}
	return store;
}

#endif
