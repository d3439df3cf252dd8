/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of traffic as rows of the house's store. */
#include "base/text.h"
#include "sense/flow/ask/protocol.h"
#include "sense/flow/traffic_inside.h"

#include <ctype.h>
#include <errno.h>

#define ROWS_MAX ((NR_FLOW_TOP_LONG + 1) * NR_FLOW_DIMENSIONS)
#define KEY_ROOM (NR_ADDRESS_TEXT + 16)

const char *const nr_flow_dimension_names[NR_FLOW_DIMENSIONS] = {
	[NR_FLOW_DIMENSION_ALL] = "all",
	[NR_FLOW_DIMENSION_SERVICE] = "service",
	[NR_FLOW_DIMENSION_AS] = "as",
	[NR_FLOW_DIMENSION_SOURCE_AS] = "source_as",
	[NR_FLOW_DIMENSION_DESTINATION_AS] = "destination_as",
	[NR_FLOW_DIMENSION_COUNTRY] = "country",
	[NR_FLOW_DIMENSION_EXPORTER] = "exporter",
};

struct writer {
	struct nr_flow_traffic *traffic;
	struct nr_sink *sink;
	struct nr_flow_traffic_row rows[ROWS_MAX];
	char keys[ROWS_MAX][KEY_ROOM];
	char names[ROWS_MAX][64];
	size_t count;
};

static void write_service(char key[static KEY_ROOM], uint64_t number)
{
	uint8_t protocol = (uint8_t)(number >> 16);
	uint16_t port = (uint16_t)number;
	const char *name = nr_flow_protocol_name(protocol);
	char text[16];
	snprintf(text, sizeof text, "%u", protocol);
	snprintf(text, sizeof text, "%s", name ? name : text);
	for (char *letter = text; *letter; letter++)
		*letter = (char)tolower((unsigned char)*letter);
	if (nr_flow_has_ports(protocol))
		snprintf(key, KEY_ROOM, "%s/%u", text, port);
	else
		snprintf(key, KEY_ROOM, "%s", text);
}

static void write_key(const struct writer *w, enum nr_flow_dimension dimension, uint64_t number,
	char key[static KEY_ROOM], char name[static 64])
{
	const struct nr_flow_traffic *traffic = w->traffic;
	char address[NR_ADDRESS_TEXT];
	*key = *name = '\0';
	switch (dimension) {
	case NR_FLOW_DIMENSION_SERVICE:
		write_service(key, number);
		break;
	case NR_FLOW_DIMENSION_AS:
	case NR_FLOW_DIMENSION_SOURCE_AS:
	case NR_FLOW_DIMENSION_DESTINATION_AS:
		snprintf(key, KEY_ROOM, "AS%u", (uint32_t)number);
		nr_text_shorten(nr_flow_places_as(&traffic->places, (uint32_t)number), SIZE_MAX, name, 64);
		break;
	case NR_FLOW_DIMENSION_COUNTRY:
		if (number)
			snprintf(key, KEY_ROOM, "%c%c", (char)(number >> 8), (char)number);
		break;
	case NR_FLOW_DIMENSION_EXPORTER: {
		const struct nr_flow_stream *stream = &traffic->exporters[number];
		snprintf(
			key, KEY_ROOM, "%s/%u", nr_address_write(&stream->exporter, address), stream->domain);
		snprintf(name, 64, "%s", nr_flow_export_name(stream->export));
		break;
	}
	default:
		snprintf(key, KEY_ROOM, "all");
	}
}

static uint64_t whole(double estimate)
{
	return estimate >= (double)NR_FLOW_SUM_MAX ? NR_FLOW_SUM_MAX : (uint64_t)(estimate + 0.5);
}

static void put_row(struct writer *w, uint32_t step, nr_time time, enum nr_flow_dimension dimension,
	const struct nr_flow_amount *amount)
{
	w->rows[w->count] = (struct nr_flow_traffic_row){.sensor = w->traffic->sensor,
		.step = step,
		.time = time,
		.dimension = nr_flow_dimension_names[dimension],
		.key = w->keys[w->count],
		.name = w->names[w->count],
		.flows = amount->flows,
		.packets = amount->packets,
		.bytes = amount->bytes,
		.estimated_packets = whole(amount->estimated_packets),
		.estimated_bytes = whole(amount->estimated_bytes),
		.unknown_flows = amount->unknown_flows};
	w->count++;
}

static int write_window(
	struct writer *w, struct nr_flow_window *window, uint32_t step, uint32_t top, struct nr_error *error)
{
	w->count = 0;
	for (unsigned d = 0; d < NR_FLOW_DIMENSIONS; d++) {
		struct nr_flow_sums *sums = &window->sums[d];
		struct nr_flow_amount other = sums->other;
		nr_flow_sums_sort(sums);
		for (uint32_t i = 0; i < sums->count; i++) {
			if (i >= top) {
				nr_flow_amount_add(&other, &sums->items[i].amount);
				continue;
			}
			write_key(w, (enum nr_flow_dimension)d, sums->items[i].key, w->keys[w->count],
				w->names[w->count]);
			put_row(w, step, window->start, (enum nr_flow_dimension)d, &sums->items[i].amount);
		}
		if (other.flows) {
			snprintf(w->keys[w->count], KEY_ROOM, "other");
			*w->names[w->count] = '\0';
			put_row(w, step, window->start, (enum nr_flow_dimension)d, &other);
		}
	}
	if (!w->count)
		return 0;
	int e = w->sink->rows(w->sink, &nr_flow_traffic_table, w->rows, w->count, error);
	*(e ? &w->traffic->state.lost_rows : &w->traffic->state.rows) += w->count;
	return e;
}

/* ---- windows ---- */

static void close_window(struct nr_flow_window *window)
{
	window->open = false;
	for (unsigned d = 0; d < NR_FLOW_DIMENSIONS; d++)
		nr_flow_sums_clear(&window->sums[d]);
}

static void add_window(struct nr_flow_window *to, const struct nr_flow_window *window)
{
	for (unsigned d = 0; d < NR_FLOW_DIMENSIONS; d++) {
		const struct nr_flow_sums *sums = &window->sums[d];
		for (uint32_t i = 0; i < sums->count; i++)
			nr_flow_sums_add(&to->sums[d], sums->items[i].key, &sums->items[i].amount);
		nr_flow_amount_add(&to->sums[d].other, &sums->other);
	}
}

static nr_time length_of(uint32_t step)
{
	return (nr_time)step * NR_SECOND;
}

/* The window of an hour or day; where both are of other times the older one is handed over and ends. */
static struct nr_flow_window *long_window(
	struct writer *w, struct nr_flow_window windows[static 2], uint32_t step, nr_time time)
{
	nr_time start = nr_time_floor(time, length_of(step));
	for (unsigned i = 0; i < 2; i++) {
		if (windows[i].open && windows[i].start == start)
			return &windows[i];
	}
	struct nr_flow_window *window = !windows[0].open ? &windows[0]
					: !windows[1].open || windows[1].start < windows[0].start
						? &windows[1]
						: &windows[0];
	if (window->open) {
		(void)write_window(w, window, step, NR_FLOW_TOP_LONG, NULL); /* failing: counted */
		close_window(window);
	}
	window->open = true;
	window->start = start;
	return window;
}

static int write_long(struct writer *w, struct nr_flow_window windows[static 2], uint32_t step, nr_time end,
	struct nr_error *error)
{
	int status = 0;
	for (unsigned i = 0; i < 2; i++) {
		if (!windows[i].open)
			continue;
		int e = write_window(w, &windows[i], step, NR_FLOW_TOP_LONG, status ? NULL : error);
		status = status ? status : e;
		/* a flow of its last 5 minutes may still be under way: one window more */
		if (end == NR_TIME_MAX || windows[i].start + length_of(step) + length_of(NR_FLOW_STEP) <= end)
			close_window(&windows[i]);
	}
	return status;
}

/* The earliest window that has ended; NULL: none. */
static struct nr_flow_window *ended(struct nr_flow_traffic *traffic, nr_time end)
{
	struct nr_flow_window *first = NULL;
	for (size_t i = 0; i < NR_FLOW_OPEN; i++) {
		struct nr_flow_window *window = &traffic->windows[i];
		bool is_over = end == NR_TIME_MAX || window->start + length_of(NR_FLOW_STEP) <= end;
		if (window->open && is_over && (!first || window->start < first->start))
			first = window;
	}
	return first;
}

int nr_flow_traffic_flush(
	struct nr_flow_traffic *traffic, nr_time end, struct nr_sink *sink, struct nr_error *error)
{
	struct nr_flow_window *window = ended(traffic, end);
	if (!window)
		return 0;
	NR_AUTO(nr_freep) struct writer *w = calloc(1, sizeof *w);
	if (!w)
		return nr_fail(error, -ENOMEM, "out of memory for rows of traffic");
	w->traffic = traffic;
	w->sink = sink;
	int64_t session = sink->session;
	sink->session = traffic->session; /* what another process counted of the same step adds up */
	int status = 0;
	for (; window; window = ended(traffic, end)) {
		int e = write_window(w, window, NR_FLOW_STEP, NR_FLOW_TOP_SHORT, status ? NULL : error);
		status = status ? status : e;
		add_window(long_window(w, traffic->hours, 3600, window->start), window);
		add_window(long_window(w, traffic->days, 86400, window->start), window);
		close_window(window);
	}
	int hours = write_long(w, traffic->hours, 3600, end, status ? NULL : error);
	status = status ? status : hours;
	int days = write_long(w, traffic->days, 86400, end, status ? NULL : error);
	sink->session = session;
	return status ? status : days;
}
