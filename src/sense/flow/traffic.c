/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/traffic_inside.h"

#include <errno.h>
#include <sys/random.h>

#define WELL_KNOWN 1024
#define SYN        0x02
#define ACK        0x10

static void free_windows(struct nr_flow_window *windows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (unsigned d = 0; d < NR_FLOW_DIMENSIONS; d++)
			nr_flow_sums_fini(&windows[i].sums[d]);
	}
}

void nr_flow_traffic_free(struct nr_flow_traffic *traffic)
{
	if (!traffic)
		return;
	free_windows(traffic->windows, NR_COUNT(traffic->windows));
	free_windows(traffic->hours, NR_COUNT(traffic->hours));
	free_windows(traffic->days, NR_COUNT(traffic->days));
	nr_flow_places_fini(&traffic->places);
	free(traffic->exporters);
	free(traffic);
}

void nr_flow_traffic_freep(struct nr_flow_traffic **traffic)
{
	nr_flow_traffic_free(*traffic);
}

static int make_windows(struct nr_flow_window *windows, size_t count, struct nr_error *error)
{
	for (size_t i = 0; i < count; i++) {
		for (unsigned d = 0; d < NR_FLOW_DIMENSIONS; d++) {
			if (nr_flow_sums_init(&windows[i].sums[d]) != 0)
				return nr_fail(error, -ENOMEM, "out of memory for sums of traffic");
		}
	}
	return 0;
}

int nr_flow_traffic_new(
	const struct nr_flow_traffic_conf *conf, struct nr_flow_traffic **ret_traffic, struct nr_error *error)
{
	NR_AUTO(nr_flow_traffic_freep) struct nr_flow_traffic *traffic = calloc(1, sizeof *traffic);
	if (!traffic || !(traffic->exporters = calloc(NR_FLOW_EXPORTERS, sizeof *traffic->exporters)))
		return nr_fail(error, -ENOMEM, "out of memory");
	snprintf(traffic->sensor, sizeof traffic->sensor, "%s", conf->sensor ? conf->sensor : "");
	if (getrandom(&traffic->session, sizeof traffic->session, 0) != sizeof traffic->session)
		return nr_fail(error, -errno, "no random numbers: %s", strerror(errno));
	traffic->session = (traffic->session & INT64_MAX) | 1;
	int e = nr_flow_places_init(&traffic->places, conf->mmdb, conf->as_mmdb, error);
	if (!e)
		e = make_windows(traffic->windows, NR_COUNT(traffic->windows), error);
	if (!e)
		e = make_windows(traffic->hours, NR_COUNT(traffic->hours), error);
	if (!e)
		e = make_windows(traffic->days, NR_COUNT(traffic->days), error);
	if (e)
		return e;
	*ret_traffic = nr_steal(&traffic);
	return 0;
}

struct nr_flow_traffic_state nr_flow_traffic_state(const struct nr_flow_traffic *traffic)
{
	struct nr_flow_traffic_state state = traffic->state;
	for (unsigned d = 0; d < NR_FLOW_DIMENSIONS; d++) {
		for (unsigned i = 0; i < NR_FLOW_OPEN; i++)
			state.merged += traffic->windows[i].sums[d].merged;
		for (unsigned i = 0; i < 2; i++)
			state.merged += traffic->hours[i].sums[d].merged + traffic->days[i].sums[d].merged;
	}
	return state;
}

/* ---- one block ---- */

/* Those that are not present are NULL, their values 0. */
struct columns {
	const uint64_t *source_high, *source_low, *destination_high, *destination_low;
	const uint64_t *packets, *bytes, *reverse_packets, *reverse_bytes;
	const uint32_t *source_as, *destination_as;
	const uint16_t *source_port, *destination_port, *tcp_flags, *marks, *stream;
	const uint8_t *protocol;
	const float *sampling;
};

static struct columns columns_of(const struct nr_flow_block *block)
{
	return (struct columns){.source_high = nr_flow_column(block, NR_FLOW_SOURCE_HIGH),
		.source_low = nr_flow_column(block, NR_FLOW_SOURCE_LOW),
		.destination_high = nr_flow_column(block, NR_FLOW_DESTINATION_HIGH),
		.destination_low = nr_flow_column(block, NR_FLOW_DESTINATION_LOW),
		.packets = nr_flow_column(block, NR_FLOW_PACKETS),
		.bytes = nr_flow_column(block, NR_FLOW_BYTES),
		.reverse_packets = nr_flow_column(block, NR_FLOW_REVERSE_PACKETS),
		.reverse_bytes = nr_flow_column(block, NR_FLOW_REVERSE_BYTES),
		.source_as = nr_flow_column(block, NR_FLOW_SOURCE_AS),
		.destination_as = nr_flow_column(block, NR_FLOW_DESTINATION_AS),
		.source_port = nr_flow_column(block, NR_FLOW_SOURCE_PORT),
		.destination_port = nr_flow_column(block, NR_FLOW_DESTINATION_PORT),
		.tcp_flags = nr_flow_column(block, NR_FLOW_TCP_FLAGS),
		.marks = nr_flow_column(block, NR_FLOW_MARKS),
		.stream = nr_flow_column(block, NR_FLOW_STREAM),
		.protocol = nr_flow_column(block, NR_FLOW_PROTOCOL),
		.sampling = nr_flow_column(block, NR_FLOW_SAMPLING)};
}

#define AT(column) (c->column ? c->column[row] : 0)

/* Whether the destination is the server: a biflow begins at its client, a SYN without an ACK comes from one;
 * else the well-known port, the smaller one. */
static bool is_towards_server(const struct columns *c, uint32_t row)
{
	unsigned source = AT(source_port), destination = AT(destination_port);
	if (AT(marks) & NR_FLOW_MARK_BIFLOW)
		return true;
	if (AT(protocol) == 6 && (AT(tcp_flags) & (SYN | ACK)) == SYN)
		return true;
	if ((source < WELL_KNOWN) != (destination < WELL_KNOWN))
		return destination < WELL_KNOWN;
	return destination <= source;
}

/* A pseudonym stands for a client of ours: it has no place in the world. */
static struct nr_flow_place place_of(
	struct nr_flow_traffic *traffic, const struct columns *c, uint32_t row, bool source)
{
	unsigned client = source ? NR_FLOW_MARK_SOURCE_CLIENT : NR_FLOW_MARK_DESTINATION_CLIENT;
	struct nr_flow_place place = {0};
	if (!(AT(marks) & client))
		place = source ? nr_flow_places_find(&traffic->places, AT(source_high), AT(source_low))
			       : nr_flow_places_find(
					 &traffic->places, AT(destination_high), AT(destination_low));
	uint32_t told = source ? AT(source_as) : AT(destination_as);
	if (told)
		place.asn = told;
	return place;
}

static uint64_t capped(uint64_t count)
{
	return NR_MIN(count, NR_FLOW_SUM_MAX);
}

static struct nr_flow_amount amount_of(const struct columns *c, uint32_t row)
{
	struct nr_flow_amount amount = {.flows = 1,
		.packets = nr_flow_add_up(capped(AT(packets)), capped(AT(reverse_packets))),
		.bytes = nr_flow_add_up(capped(AT(bytes)), capped(AT(reverse_bytes)))};
	double rate = (double)AT(sampling);
	if (rate >= 1) {
		amount.estimated_packets = (double)amount.packets * rate;
		amount.estimated_bytes = (double)amount.bytes * rate;
	} else {
		amount.unknown_flows = 1;
	}
	return amount;
}

static void add_row(struct nr_flow_traffic *traffic, struct nr_flow_window *window, const struct columns *c,
	uint32_t row, const uint32_t *exporters, struct nr_flow_amount *all)
{
	struct nr_flow_sums *sums = window->sums;
	struct nr_flow_amount amount = amount_of(c, row);
	bool towards = is_towards_server(c, row);
	uint8_t protocol = AT(protocol);
	uint64_t port = nr_flow_has_ports(protocol) ? (towards ? AT(destination_port) : AT(source_port)) : 0;
	struct nr_flow_place source = place_of(traffic, c, row, true);
	struct nr_flow_place destination = place_of(traffic, c, row, false);
	const struct nr_flow_place *server = towards ? &destination : &source;
	uint32_t exporter = exporters[AT(stream)];
	nr_flow_amount_add(all, &amount);
	nr_flow_sums_add(&sums[NR_FLOW_DIMENSION_SERVICE], (uint64_t)protocol << 16 | port, &amount);
	nr_flow_sums_add(&sums[NR_FLOW_DIMENSION_AS], server->asn, &amount);
	nr_flow_sums_add(&sums[NR_FLOW_DIMENSION_SOURCE_AS], source.asn, &amount);
	nr_flow_sums_add(&sums[NR_FLOW_DIMENSION_DESTINATION_AS], destination.asn, &amount);
	nr_flow_sums_add(&sums[NR_FLOW_DIMENSION_COUNTRY], server->country, &amount);
	if (exporter == NR_FLOW_NO_EXPORTER)
		nr_flow_amount_add(&sums[NR_FLOW_DIMENSION_EXPORTER].other, &amount);
	else
		nr_flow_sums_add(&sums[NR_FLOW_DIMENSION_EXPORTER], exporter, &amount);
}

static uint32_t exporter_of(struct nr_flow_traffic *traffic, const struct nr_flow_stream *stream)
{
	for (uint32_t i = 0; i < traffic->exporter_count; i++) {
		if (memcmp(&traffic->exporters[i], stream, sizeof *stream) == 0)
			return i;
	}
	if (traffic->exporter_count == NR_FLOW_EXPORTERS)
		return NR_FLOW_NO_EXPORTER;
	traffic->exporters[traffic->exporter_count] = *stream;
	return traffic->exporter_count++;
}

/* The window of that time; where all are open and it has none, the latest. */
static struct nr_flow_window *window_of(struct nr_flow_traffic *traffic, nr_time received)
{
	nr_time start = nr_time_floor(received, NR_FLOW_STEP * NR_SECOND);
	struct nr_flow_window *free_one = NULL, *latest = NULL;
	for (size_t i = 0; i < NR_FLOW_OPEN; i++) {
		struct nr_flow_window *window = &traffic->windows[i];
		if (!window->open)
			free_one = window;
		else if (window->start == start)
			return window;
		else if (!latest || window->start > latest->start)
			latest = window;
	}
	if (!free_one)
		return latest;
	free_one->open = true;
	free_one->start = start;
	return free_one;
}

void nr_flow_traffic_take(struct nr_flow_traffic *traffic, const struct nr_flow_block *block)
{
	uint32_t exporters[NR_FLOW_STREAMS] = {0};
	for (uint32_t i = 0; i < block->stream_count; i++)
		exporters[i] = exporter_of(traffic, &block->streams[i]);
	struct nr_flow_window *window = window_of(traffic, block->received_last);
	struct columns columns = columns_of(block);
	const struct columns *c = &columns;
	struct nr_flow_amount all = {0};
	for (uint32_t row = 0; row < block->count; row++) {
		if (AT(marks) & NR_FLOW_MARK_EVENT) {
			traffic->state.events++;
			continue;
		}
		add_row(traffic, window, c, row, exporters, &all);
	}
	traffic->state.flows += all.flows;
	if (all.flows)
		nr_flow_sums_add(&window->sums[NR_FLOW_DIMENSION_ALL], 0, &all);
}
