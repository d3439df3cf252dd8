/* SPDX-License-Identifier: Apache-2.0 */
/*
 * telescope/series: figures over time. A page is read in windows of time, and what lies behind it is never
 * looked at. Where the lines are ports, days and hours without any of them are skipped: the packs of longer
 * steps say where they were.
 */
#include "store/packs.h"
#include "store/ranking.h"

#include <errno.h>

/* A first guess at the window of time that fills a page. */
#define ROWS_PER_STEP 16
#define STEPS         16
#define TOP_PORTS     10
#define SKIP_STEPS    4 /* so many longer steps are worth a look at where the ports were */

struct series {
	struct nr_reading *reading;
	const struct nr_ranking_lanes *lanes;
	/* lines: ports, or the words of categories that begin with the prefix (NULL: that have none) */
	uint64_t ports[TOP_PORTS]; /* protocol << 16 | port */
	size_t port_count;
	const char *prefix;
	uint64_t word; /* the one line; UINT64_MAX - 1: all */
	bool merge;    /* several rows may make a figure: their sketches are needed */
	/* the window under way */
	struct nr_sums sums;       /* high: time, low: port or word */
	struct nr_unique *uniques; /* owned; of sums.items */
	size_t unique_room;
	struct nr_texts_by_word texts;
};

#define ALL_WORDS (UINT64_MAX - 1)

static void series_clear(struct series *series)
{
	for (size_t i = 0; i < NR_MIN(series->sums.count, series->unique_room); i++)
		nr_unique_fini(&series->uniques[i]);
	nr_sums_fini(&series->sums);
}

static void series_fini(struct series *series)
{
	series_clear(series);
	free(series->uniques);
	nr_texts_by_word_fini(&series->texts);
}

/* ---- lines ---- */

/* The ten busiest ports of the range. */
static int find_top_ports(struct series *series, struct nr_error *error)
{
	const struct nr_ask *ask = series->reading->ask;
	NR_AUTO(nr_ranking_fini) struct nr_ranking ranking;
	const struct nr_ask first = {.limit = TOP_PORTS - 1}; /* a page has one row more than that */
	nr_ranking_init(&ranking, series->reading, &nr_lanes_ports_alone, NULL);
	ranking.paged = &first;
	nr_ranking_filter(&ranking, NR_PORT_PROTOCOL, nr_ask_value(ask, "protocol"));
	nr_ranking_filter(&ranking, NR_PORT_PORT, nr_ask_value(ask, "port"));
	int status = nr_ranking_filter_text(&ranking, NR_PORT_CLASS, nr_ask_value(ask, "class"), error);
	if (!status)
		status = nr_ranking_add_up(&ranking, error);
	if (!status)
		status = nr_rank_page(&ranking.sums, &first, &nr_order_of_ports, &ranking.page, error);
	for (size_t i = 0; i < ranking.page.count && !status; i++)
		series->ports[series->port_count++] = ranking.page.items[i]->low;
	return status;
}

static int find_word(struct series *series, const char *name, struct nr_error *error)
{
	const struct nr_value *only = nr_ask_value(series->reading->ask, name);
	char text[NR_WORD_BYTES];
	series->word = ALL_WORDS;
	if (only->type == NR_VALUE_NULL)
		return 0;
	snprintf(text, sizeof text, "%s%s", series->prefix ? series->prefix : "", only->text);
	return nr_reading_word(series->reading, text, &series->word, error);
}

static int find_lines(struct series *series, struct nr_error *error)
{
	const struct nr_ask *ask = series->reading->ask;
	series->lanes = &nr_lanes_categories;
	if (nr_ask_is(ask, "by", "class")) {
		series->prefix = "class/";
		return find_word(series, "class", error);
	}
	if (!nr_ask_is(ask, "by", "port"))
		return find_word(series, "category", error);
	series->lanes = &nr_lanes_ports;
	if (!nr_ask_has(ask, "port") || !nr_ask_has(ask, "protocol"))
		return find_top_ports(series, error);
	series->ports[series->port_count++] = (uint64_t)nr_ask_value(ask, "protocol")->integer << 16 |
					      (uint64_t)nr_ask_value(ask, "port")->integer;
	return 0;
}

static bool of_ports(const struct series *series)
{
	return series->lanes == &nr_lanes_ports;
}

/* ---- adding up ---- */

static int add_row(struct series *series, const struct nr_cell *cell, uint32_t row, uint64_t line,
	struct nr_error *error)
{
	struct nr_sum *sum = nr_sums_at(&series->sums, (uint64_t)cell->time, line);
	if (!sum)
		return nr_sums_fail(error);
	if (series->unique_room < series->sums.count) {
		size_t room = NR_MAX(series->unique_room * 2, (size_t)1024);
		struct nr_unique *grown = realloc(series->uniques, room * sizeof *grown);
		if (!grown)
			return nr_sums_fail(error);
		series->uniques = grown;
		memset(grown + series->unique_room, 0, (room - series->unique_room) * sizeof *grown);
		series->unique_room = room;
	}
	uint64_t sign = cell->part ? UINT64_MAX : 1; /* wraps: unsigned arithmetic subtracts */
	sum->packets = (int64_t)((uint64_t)sum->packets +
				 sign * nr_pack_get(&cell->pack, series->lanes->packets, row));
	sum->bytes =
		(int64_t)((uint64_t)sum->bytes + sign * nr_pack_get(&cell->pack, series->lanes->bytes, row));
	struct nr_unique *unique = &series->uniques[sum - series->sums.items];
	if (series->merge) {
		int status = nr_cell_sources(
			cell, series->lanes->sources, &(struct nr_wanted){row, unique}, 1, error);
		return status ? status
			      : nr_reading_merge(series->reading, error); /* the next row may move them */
	}
	return nr_side_add(cell->part ? &unique->part : &unique->whole,
		(int64_t)nr_pack_get(&cell->pack, series->lanes->sources, row),
		nr_lane_real(nr_pack_get(&cell->pack, (size_t)series->lanes->sources + 1, row)), NULL, 0,
		error);
}

static bool is_line(const struct series *series, const char *category)
{
	return series->prefix ? strncmp(category, series->prefix, strlen(series->prefix)) == 0
			      : strchr(category, '/') == NULL;
}

static int add_words(struct series *series, const struct nr_cell *cell, struct nr_error *error)
{
	int status = 0;
	for (uint32_t row = 0; row < cell->pack.rows && !status; row++) {
		uint64_t word = nr_pack_get(&cell->pack, NR_TRAFFIC_CATEGORY, row);
		const char *text;
		if (series->word != ALL_WORDS && series->word != word)
			continue;
		status = nr_texts_load(&series->texts, word, &text, error);
		if (!status && (series->word == word || is_line(series, text)))
			status = add_row(series, cell, row, word, error);
	}
	return status;
}

static int add_cell(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	struct series *series = context;
	if (!of_ports(series))
		return add_words(series, cell, error);
	int status = 0;
	for (size_t i = 0; i < series->port_count && !status; i++) {
		uint64_t key[2] = {series->ports[i] >> 16, series->ports[i] & 0xffff};
		uint32_t row = nr_pack_find(&cell->pack, key, 2);
		if (nr_pack_is(&cell->pack, row, key, 2))
			status = add_row(series, cell, row, series->ports[i], error);
	}
	return status;
}

/* ---- what can be skipped ---- */

/* Longer steps in which none of the ports was. */
struct absent {
	const struct series *series;
	nr_time known_before; /* what is newer may still be written */
	nr_time *times;       /* owned */
	size_t count, room;
};

static int note_absent(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	struct absent *absent = context;
	for (size_t i = 0; i < absent->series->port_count; i++) {
		uint64_t key[2] = {absent->series->ports[i] >> 16, absent->series->ports[i] & 0xffff};
		if (nr_pack_is(&cell->pack, nr_pack_find(&cell->pack, key, 2), key, 2))
			return 0;
	}
	if (cell->time >= absent->known_before)
		return 0;
	if (absent->count == absent->room) {
		size_t room = absent->room ? 2 * absent->room : 64;
		nr_time *grown = realloc(absent->times, room * sizeof *grown);
		if (!grown)
			return nr_sums_fail(error);
		absent->times = grown;
		absent->room = room;
	}
	absent->times[absent->count++] = cell->time;
	return 0;
}

static uint32_t longer_step(uint32_t step)
{
	return step == NR_STEP_WINDOW ? NR_STEP_HOUR : step == NR_STEP_HOUR ? NR_STEP_DAY : 0;
}

static int visit(struct series *series, const struct nr_piece *piece, uint32_t skip, uint8_t traffic,
	bool part, struct nr_error *error);

/* The rest of the piece between steps that are skipped. */
static int visit_present(struct series *series, const struct nr_piece *piece, uint32_t step,
	const struct absent *absent, uint8_t traffic, bool part, struct nr_error *error)
{
	uint32_t shorter = step == NR_STEP_DAY && piece->step == NR_STEP_WINDOW ? NR_STEP_HOUR : 0;
	nr_time low = piece->low;
	int status = 0;
	for (size_t i = 0; i <= absent->count && !status; i++) {
		struct nr_piece present = *piece;
		present.low = low;
		present.high = i < absent->count ? NR_MIN(absent->times[i], piece->high) : piece->high;
		if (present.low < present.high)
			status = visit(series, &present, shorter, traffic, part, error);
		if (i < absent->count)
			low = NR_MAX(low, absent->times[i] + step * NR_SECOND);
	}
	return status;
}

/* skip: the longer step that is asked first; 0: none. */
static int visit(struct series *series, const struct nr_piece *piece, uint32_t skip, uint8_t traffic,
	bool part, struct nr_error *error)
{
	nr_time length = skip * NR_SECOND;
	if (!skip || piece->high - piece->low < SKIP_STEPS * length)
		return nr_cells_visit_piece(
			series->reading, NR_PACK_PORT, piece, traffic, part, add_cell, series, error);
	struct nr_piece longer = {piece->sensor, skip, nr_time_floor(piece->low, length), piece->high};
	struct absent absent = {series, series->reading->ask->stored_end - 2 * length, NULL, 0, 0};
	int status = nr_cells_visit_piece(
		series->reading, NR_PACK_PORT, &longer, traffic, part, note_absent, &absent, error);
	if (!status)
		status = visit_present(series, piece, skip, &absent, traffic, part, error);
	free(absent.times);
	return status;
}

static int visit_sensor(
	struct series *series, uint32_t sensor, nr_time low, nr_time high, struct nr_error *error)
{
	const struct nr_ask *ask = series->reading->ask;
	bool only = nr_ask_is(ask, "research", "only"), without = nr_ask_is(ask, "research", "without");
	struct nr_piece piece = {sensor, (uint32_t)(ask->step / NR_SECOND), low, high};
	uint32_t skip = piece.step < NR_STEP_DAY ? NR_STEP_DAY : 0;
	if (high - low < SKIP_STEPS * NR_DAY)
		skip = longer_step(piece.step);
	int status = 0;
	for (int part = 0; part <= without && !status; part++) {
		uint8_t traffic = only || part;
		status = of_ports(series) ? visit(series, &piece, skip, traffic, part, error)
					  : nr_cells_visit_piece(series->reading, NR_PACK_TRAFFIC, &piece,
						    traffic, part, add_cell, series, error);
	}
	return status;
}

/* ---- rows out ---- */

struct point {
	const struct nr_sum *sum;
	const struct nr_unique *unique;
	char key[64];
};

static int compare_points(const void *a, const void *b)
{
	const struct point *x = a, *y = b;
	nr_time early = (nr_time)x->sum->high, late = (nr_time)y->sum->high;
	return early != late ? (early > late) - (early < late) : strcmp(x->key, y->key);
}

static void name_point(const struct series *series, struct point *point)
{
	uint64_t line = point->sum->low;
	if (!of_ports(series)) {
		const char *text = nr_texts_at(&series->texts, line);
		snprintf(point->key, sizeof point->key, "%s",
			text + (series->prefix ? strlen(series->prefix) : 0));
		return;
	}
	unsigned protocol = (unsigned)(line >> 16), port = (unsigned)(line & 0xffff);
	const char *name = protocol == 6 ? "tcp" : protocol == 17 ? "udp" : protocol == 1 ? "icmp" : NULL;
	if (name)
		snprintf(point->key, sizeof point->key, "%s/%u", name, port);
	else
		snprintf(point->key, sizeof point->key, "%u/%u", protocol, port);
}

static bool is_behind(const struct point *point, const struct nr_ask *ask)
{
	if (!ask->after_count)
		return true;
	int order = nr_key_compare_int((nr_time)point->sum->high, &ask->after[0]);
	if (!order)
		order = nr_key_compare_bytes(NR_VALUE_TEXT, point->key, strlen(point->key), &ask->after[1]);
	return order > 0;
}

static int hand_out(struct series *series, const struct point *point, struct nr_error *error)
{
	const struct nr_sum *sum = point->sum;
	struct nr_count sources = nr_unique_count(point->unique);
	struct nr_value values[] = {nr_value_time((nr_time)sum->high), nr_value_text(point->key),
		nr_value_int(sum->packets), nr_value_int(sum->bytes), nr_value_int(sources.value),
		nr_value_real(sources.error)};
	struct nr_key keys[] = {
		nr_key_int((nr_time)sum->high), nr_key_bytes(NR_VALUE_TEXT, point->key, strlen(point->key))};
	return series->reading->row(series->reading, values, keys, error);
}

static int hand_out_window(struct series *series, struct nr_error *error)
{
	size_t count = series->sums.count;
	NR_AUTO(nr_freep) struct point *points = malloc((count + 1) * sizeof *points);
	if (!points)
		return nr_sums_fail(error);
	for (size_t i = 0; i < count; i++) {
		points[i].sum = &series->sums.items[i];
		points[i].unique = &series->uniques[i];
		name_point(series, &points[i]);
	}
	qsort(points, count, sizeof *points, compare_points);
	int status = 0;
	for (size_t i = 0; i < count && !status; i++) {
		if (is_behind(&points[i], series->reading->ask))
			status = hand_out(series, &points[i], error);
	}
	return status;
}

/* Windows double, so that years without rows cost a few of them. */
static int answer_windows(struct series *series, struct nr_error *error)
{
	const struct nr_ask *ask = series->reading->ask;
	nr_time low = ask->cover_from, end = ask->cover_to;
	if (low == NR_TIME_MIN || end == NR_TIME_MAX)
		return 0; /* nothing is stored */
	if (ask->after_count && ask->after[0].type == NR_VALUE_INT)
		low = NR_MIN(NR_MAX(low, ask->after[0].integer), end);
	nr_time width = (ask->limit / ROWS_PER_STEP + STEPS) * ask->step;
	int status = 0;
	while (low < end && !status) {
		nr_time high = end - low > width ? low + width : end;
		for (uint32_t sensor = 0; sensor < ask->sensor_count && !status; sensor++)
			status = visit_sensor(series, sensor, low, high, error);
		if (!status)
			status = hand_out_window(series, error);
		series_clear(series);
		low = high;
		width = NR_MIN(width, end - low) * 2;
	}
	return status;
}

static int answer_series(struct nr_reading *reading, struct nr_error *error)
{
	NR_AUTO(series_fini)
	struct series series = {.reading = reading, .texts = {.reading = reading}};
	series.merge = reading->ask->sensor_count > 1;
	int status = find_lines(&series, error);
	return status ? status : answer_windows(&series, error);
}

static const char *const series_steps[] = {"5m", "1h", "1d", NULL};
static const char *const series_keys[] = {"category", "class", "port", NULL};

static const struct nr_parameter series_parameters[] = {
	NR_PARAMETER_RANGE,
	{"step", NR_VALUE_TEXT, "1h", .choices = series_steps, .text_en = "length of the steps"},
	{"by", NR_VALUE_TEXT, "category", .choices = series_keys,
		.text_en = "what makes a line; by port without a port: the ten busiest of the range"},
	{"category", NR_VALUE_TEXT, .text_en = "one category, e.g. all, scan, backscatter"},
	NR_PARAMETER_PROTOCOL,
	NR_PARAMETER_PORT,
	{"class", NR_VALUE_TEXT, .text_en = "one port class"},
	{"limit", NR_VALUE_INT, "1000", .minimum = 1, .maximum = 10000, .text_en = "rows of one page"},
	{"after", NR_VALUE_TEXT, .text_en = "the page after this cursor (`next` of the page before)"},
};

static const struct nr_result_column series_columns[] = {
	{"time", NR_VALUE_TIME, "start of the step", "集計開始時刻"},
	{"key", NR_VALUE_TEXT, "category, class or port (tcp/23)", "分類・区分・ポート（tcp/23）"},
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	{"bytes", NR_VALUE_INT, "bytes on the wire", "バイト数"},
	{"sources", NR_VALUE_INT, "unique sources", "ユニークホスト数"},
	{"sources_error", NR_VALUE_REAL, "relative standard error; 0 = exact, -1 = at least",
		"相対標準誤差（0: 正確、-1: 下限）"},
};

const struct nr_plan nr_plan_series = {
	.query = {"telescope/series", "Figures over time", "時系列", series_parameters,
		NR_COUNT(series_parameters), series_columns, NR_COUNT(series_columns)},
	.span = NR_SPAN_SERIES,
	.order = {{"time", false}, {"key", false}},
	.answer = answer_series,
};
