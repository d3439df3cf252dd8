/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decoding costs: ns of processor time per record, from a datagram in memory to rows of a block that
 * nobody looks at, with all that the collector does besides (sequence, duplicates, sampling, timers). 30
 * records a datagram: NetFlow v5, NetFlow v9 and IPFIX with a template of 20 fields. Median of rounds, one
 * line of JSON.
 *
 * usage: flow_decode [ROUNDS]
 */
#include "sense/flow/collect/collector.h"
#include "wire/export_write.h"

#include <time.h>

#define RECORDS    30
#define DATAGRAMS  ((uint32_t)20000) /* of a round */
#define ROUNDS_MAX 99
#define DOMAIN     7
#define TEMPLATE   300

static const struct nr_element fields[] = {{0, 8, 4}, {0, 12, 4}, {0, 15, 4}, {0, 10, 4}, {0, 14, 4},
	{0, 2, 4}, {0, 1, 4}, {0, 22, 4}, {0, 21, 4}, {0, 7, 2}, {0, 11, 2}, {0, 6, 1}, {0, 4, 1}, {0, 5, 1},
	{0, 16, 4}, {0, 17, 4}, {0, 9, 1}, {0, 13, 1}, {0, 61, 1}, {0, 136, 1}};
/* Times of IPFIX are its own. */
static const struct nr_element ipfix_times[] = {{0, 152, 8}, {0, 153, 8}};

struct export
{
	const char *name;
	uint16_t version;
	size_t sequence_at;
	uint32_t step; /* of the sequence, each datagram */
	uint8_t bytes[4096];
	size_t length;
	struct nr_template template;
};

static int drop(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	(void)sink, (void)block, (void)error;
	return 0;
}

static void put_field(uint8_t **at, const struct nr_element *field, uint32_t record)
{
	uint64_t value = field->length == 1 ? 6 : field->length == 2 ? 1024 + record : 1000 + record;
	if (field->id == 8 || field->id == 12)
		value = 0xc6336400 + record;
	if (field->length == 8)
		value = UINT64_C(1750000000000);
	*at = nr_put_uint(*at, value, field->length);
}

static void make(struct export *export)
{
	struct nr_export_message message;
	struct nr_export_header header = {
		.version = export->version, .uptime_ms = 100000, .seconds = 1750000000, .domain = DOMAIN};
	struct nr_template *template = &export->template;
	template->id = TEMPLATE;
	template->count = NR_COUNT(fields);
	memcpy(template->fields, fields, sizeof fields);
	for (size_t i = 0; export->version == 10 && i < NR_COUNT(ipfix_times); i++)
		template->fields[7 + i] = ipfix_times[i];
	(void)nr_template_measure(template);
	nr_export_begin(&message, export->bytes, sizeof export->bytes, &header);
	for (uint32_t r = 0; r < RECORDS; r++) {
		bool v5 = export->version == 5;
		uint8_t *at = nr_export_record(
			&message, v5 ? 0 : TEMPLATE, v5 ? NR_NETFLOW5_RECORD : template->minimum);
		if (v5)
			nr_netflow5_put(at, &(struct nr_netflow5_record){.source = 0xc6336400 + r,
						    .destination = 0xc0000200 + r,
						    .packets = r,
						    .bytes = 100 * r,
						    .first_ms = 90000,
						    .last_ms = 99000,
						    .protocol = 6});
		for (unsigned i = 0; !v5 && i < template->count; i++)
			put_field(&at, &template->fields[i], r);
	}
	export->length = nr_export_end(&message);
}

static void feed(struct nr_flow_collector *collector, const uint8_t *bytes, size_t length)
{
	struct nr_flow_datagram datagram = {.bytes = bytes,
		.length = length,
		.exporter = nr_address_from_ipv4(0xc0000201),
		.exporter_port = 4444,
		.received = INT64_C(1750000000) * NR_SECOND};
	(void)nr_flow_collector_take(collector, &datagram, NULL);
}

static void feed_template(struct nr_flow_collector *collector, const struct export *export)
{
	uint8_t bytes[512];
	struct nr_export_message message;
	struct nr_export_header header = {.version = export->version,
		.uptime_ms = 100000,
		.seconds = 1750000000,
		.sequence = UINT32_MAX,
		.domain = DOMAIN};
	if (export->version == 5)
		return;
	if (export->version == 10)
		header.sequence = 0;
	nr_export_begin(&message, bytes, sizeof bytes, &header);
	(void)nr_export_put_template(&message, &export->template);
	feed(collector, bytes, nr_export_end(&message));
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double measure(struct export *export, unsigned rounds)
{
	double ns[ROUNDS_MAX];
	struct nr_flow_sink sink = {.take = drop};
	struct nr_flow_collector_conf conf = {.exporters_max = 10, .memory = 64 << 20};
	struct nr_flow_collector *collector = NULL;
	if (nr_flow_collector_new(&conf, &sink, &collector, NULL))
		return -1;
	make(export);
	feed_template(collector, export);
	uint32_t sequence = 0;
	for (unsigned round = 0; round < rounds; round++) {
		double begin = cpu();
		for (uint32_t i = 0; i < DATAGRAMS; i++, sequence += export->step) {
			(void)nr_put_u32(export->bytes + export->sequence_at, sequence);
			feed(collector, export->bytes, export->length);
		}
		ns[round] = (cpu() - begin) / ((double)DATAGRAMS * RECORDS);
	}
	bool whole = nr_flow_collector_counts(collector).records == (uint64_t)rounds * DATAGRAMS * RECORDS;
	nr_flow_collector_free(collector);
	qsort(ns, rounds, sizeof *ns, compare);
	return whole ? ns[rounds / 2] : -1;
}

int main(int argc, char **argv)
{
	static struct export exports[] = {
		{.name = "netflow5", .version = 5, .sequence_at = 16, .step = RECORDS},
		{.name = "netflow9", .version = 9, .sequence_at = 12, .step = 1},
		{.name = "ipfix", .version = 10, .sequence_at = 8, .step = RECORDS},
	};
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 9;
	if (!rounds || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: flow_decode [ROUNDS], 1 to %d\n", ROUNDS_MAX);
		return 2;
	}
	printf("{");
	for (size_t i = 0; i < NR_COUNT(exports); i++) {
		double ns = measure(&exports[i], (unsigned)rounds);
		if (ns < 0) {
			fprintf(stderr, "%s: records are lacking\n", exports[i].name);
			return 1;
		}
		printf("%s\"%s\":%.2f", i ? "," : "", exports[i].name, ns);
	}
	printf("}\n");
	return 0;
}
