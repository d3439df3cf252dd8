/* SPDX-License-Identifier: Apache-2.0 */
/* Named queries: every answer is held against a count over the packets that made the rows. */
#include "store/ask.h"
#include "store_sample.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COLUMNS_MAX 20
#define ROWS_MAX    4000
#define TEXT_MAX    160
#define PAGES_MAX   2000

/* A whole answer, all pages. */
struct table {
	const struct nr_query *query;
	size_t rows, pages;
	struct nr_value values[ROWS_MAX][COLUMNS_MAX];
	char texts[ROWS_MAX][COLUMNS_MAX][TEXT_MAX];
	struct nr_answer answer;
};

static char folder[64], store_path[96];
static struct nr_store *store;

static int take_row(void *context, const struct nr_value *values, size_t count)
{
	struct table *table = context;
	assert_true(table->rows < ROWS_MAX && count <= COLUMNS_MAX);
	for (size_t i = 0; i < count; i++) {
		table->values[table->rows][i] = values[i];
		if (values[i].type == NR_VALUE_TEXT || values[i].type == NR_VALUE_JSON) {
			snprintf(table->texts[table->rows][i], TEXT_MAX, "%s", values[i].text);
			table->values[table->rows][i].text = table->texts[table->rows][i];
		}
	}
	table->rows++;
	return 0;
}

static size_t parameter_of(const struct nr_query *query, const char *name)
{
	for (size_t i = 0; i < query->parameter_count; i++) {
		if (strcmp(query->parameters[i].name, name) == 0)
			return i;
	}
	fail_msg("%s has no parameter %s", query->name, name);
	return 0;
}

/* arguments: "name=value" up to NULL. Values of fixed texts only: they are cut in place. */
static void read_arguments(const struct nr_query *query, const char *const *arguments, const char **values,
	char buffers[static NR_ASK_PARAMETERS_MAX][64])
{
	for (size_t i = 0; arguments && arguments[i]; i++) {
		snprintf(buffers[i], 64, "%s", arguments[i]);
		char *equals = strchr(buffers[i], '=');
		*equals = '\0';
		values[parameter_of(query, buffers[i])] = equals + 1;
	}
}

/* Follows `next` to the end. */
static struct table *ask(const char *name, const char *const *arguments)
{
	static struct table table;
	static char buffers[NR_ASK_PARAMETERS_MAX][64], after[128];
	const char *values[NR_ASK_PARAMETERS_MAX] = {0};
	struct nr_error error = {0};
	table.query = nr_store_query(name);
	table.rows = table.pages = 0;
	assert_non_null(table.query);
	read_arguments(table.query, arguments, values, buffers);
	for (;;) {
		if (nr_store_ask(store, table.query, values, take_row, &table, &table.answer, &error) != 0)
			fail_msg("%s: %s", name, error.text);
		assert_true(++table.pages < PAGES_MAX);
		if (!*table.answer.next)
			return &table;
		snprintf(after, sizeof after, "%s", table.answer.next);
		values[parameter_of(table.query, "after")] = after;
	}
}

static const struct nr_value *cell(const struct table *table, size_t row, const char *column)
{
	for (size_t i = 0; i < table->query->column_count; i++) {
		if (strcmp(table->query->columns[i].name, column) == 0)
			return &table->values[row][i];
	}
	fail_msg("%s has no column %s", table->query->name, column);
	return NULL;
}

static int64_t integer(const struct table *table, size_t row, const char *column)
{
	return cell(table, row, column)->integer;
}

/* ---- what is true ---- */

struct view {
	const char *label;
	const char *from, *to;         /* NULL: not given */
	nr_time low, high;             /* what must be covered */
	const char *sensor, *research; /* NULL: not given */
	bool single;                   /* one row contributes: unique sources are exact */
};

#define AT(day, hour, minute) (SAMPLE_START + (day)*NR_DAY + (hour)*NR_HOUR + (minute)*NR_MINUTE)

static const struct view views[] = {
	{"everything", NULL, NULL, AT(0, 0, 0), AT(3, 0, 0), NULL, NULL, false},
	{"one day of one sensor", "2026-01-02", "2026-01-03", AT(1, 0, 0), AT(2, 0, 0), "north", NULL, true},
	{"widened to hours", "2026-01-01T05:20:00Z", "2026-01-02T17:10:00Z", AT(0, 5, 0), AT(1, 18, 0), NULL,
		NULL, false},
	{"hours around a day", "2026-01-01T22:00:00Z", "2026-01-03T03:00:00Z", AT(0, 22, 0), AT(2, 3, 0),
		"north", NULL, false},
	{"one hour", "2026-01-02T07:00:00Z", "2026-01-02T08:00:00Z", AT(1, 7, 0), AT(1, 8, 0), "north", NULL,
		true},
	{"one window", "2026-01-02T07:06:00Z", "2026-01-02T07:09:59Z", AT(1, 7, 5), AT(1, 7, 10), "north",
		NULL, true},
	{"two windows are an hour", "2026-01-02T07:06:00Z", "2026-01-02T07:11:00Z", AT(1, 7, 0), AT(1, 8, 0),
		"north", NULL, true},
	{"one window of all sensors", "2026-01-02T07:05:00Z", "2026-01-02T07:10:00Z", AT(1, 7, 5),
		AT(1, 7, 10), NULL, NULL, false},
	{"without research", NULL, NULL, AT(0, 0, 0), AT(3, 0, 0), NULL, "without", false},
	{"without research, one day", "2026-01-02", "2026-01-03", AT(1, 0, 0), AT(2, 0, 0), "north",
		"without", true},
	{"research only", "2026-01-01T05:20:00Z", "2026-01-02T17:10:00Z", AT(0, 5, 0), AT(1, 18, 0), NULL,
		"only", false},
	{"before anything", "2025-12-01", "2025-12-02", AT(-31, 0, 0), AT(-30, 0, 0), NULL, NULL, true},
	{"wider than what is stored", "2025-12-01", "2026-12-01", AT(-31, 0, 0), AT(334, 0, 0), "south", NULL,
		false},
	{"a sensor that is not there", NULL, NULL, NR_TIME_MIN, NR_TIME_MAX, "west", NULL, true},
};

/* Packets and distinct sources of the kind in the view. */
static void truth(
	const struct view *view, const struct sample_kind *kind, uint64_t *packets, uint64_t *sources)
{
	static struct sample_set set, seen;
	size_t low = sample_at(view->low), high = sample_at(view->high);
	int sensor = !view->sensor                        ? -1
		     : strcmp(view->sensor, "north") == 0 ? 0
		     : strcmp(view->sensor, "south") == 0 ? 1
							  : 2;
	bool only = view->research && strcmp(view->research, "only") == 0;
	sample_count(sample_events + low, high - low, sensor, only, kind, &set);
	*packets = set.packets;
	if (view->research && strcmp(view->research, "without") == 0) {
		sample_count(sample_events + low, high - low, sensor, true, kind, &seen);
		*packets -= seen.packets;
		size_t kept = 0;
		for (size_t i = 0; i < set.count; i++) {
			if (!SAMPLE_RESEARCH(set.items[i]))
				set.items[kept++] = set.items[i];
		}
		set.count = kept;
	}
	*sources = sample_distinct(&set);
}

/* The view in whole units, for queries that have no finer rows. */
static struct view whole(const struct view *view, nr_time unit)
{
	struct view wide = *view;
	if (view->low != NR_TIME_MIN) {
		wide.low = nr_time_floor(view->low, unit);
		wide.high = nr_time_floor(view->high + unit - 1, unit);
	}
	return wide;
}

static struct table *ask_view(
	const char *name, const struct view *view, const char *more, const char *even_more)
{
	static char texts[4][64];
	const char *arguments[8];
	size_t count = 0;
	const char *const pairs[][2] = {{"from", view->from}, {"to", view->to}, {"sensor", view->sensor},
		{"research", view->research}};
	for (size_t i = 0; i < 4; i++) {
		if (!pairs[i][1])
			continue;
		snprintf(texts[i], sizeof texts[i], "%s=%s", pairs[i][0], pairs[i][1]);
		arguments[count++] = texts[i];
	}
	if (more)
		arguments[count++] = more;
	if (even_more)
		arguments[count++] = even_more;
	arguments[count] = NULL;
	return ask(name, arguments);
}

/* Within four standard errors of an estimate; equal where it says exact; not above where it says "at least".
 */
static void check_sources(const struct view *view, const struct table *table, size_t row, uint64_t expected)
{
	int64_t sources = integer(table, row, "sources");
	double error = cell(table, row, "sources_error")->real;
	if (view->single)
		assert_true(error == 0);
	if (error == 0)
		assert_int_equal(sources, expected);
	else if (error < 0)
		assert_in_range(sources, 1, expected);
	else if (fabs((double)sources - (double)expected) > 4 * error * (double)sources + 1)
		fail_msg("%s, %s: %lld sources are not %llu", view->label, table->query->name,
			(long long)sources, (unsigned long long)expected);
}

static void check_row(
	const struct view *view, const struct table *table, size_t row, const struct sample_kind *kind)
{
	uint64_t packets, sources;
	truth(view, kind, &packets, &sources);
	if (integer(table, row, "packets") != (int64_t)packets)
		fail_msg("%s, %s row %zu: %lld packets are not %llu", view->label, table->query->name, row,
			(long long)integer(table, row, "packets"), (unsigned long long)packets);
	check_sources(view, table, row, sources);
}

static void check_cover(const struct view *view, const struct table *table)
{
	assert_int_equal(table->answer.from, view->low);
	assert_int_equal(table->answer.to, view->high);
}

static void check_descending(const struct table *table)
{
	for (size_t i = 1; i < table->rows; i++)
		assert_true(integer(table, i, "packets") <= integer(table, i - 1, "packets"));
}

/* ---- tests ---- */

static void test_summary(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(views); i++) {
		const struct view *view = &views[i];
		uint64_t scan, backscatter, research, sources;
		truth(view, &(struct sample_kind){"scan", -1, -1}, &scan, &sources);
		truth(view, &(struct sample_kind){"backscatter", -1, -1}, &backscatter, &sources);
		struct view only = *view;
		only.research = "only";
		truth(&only, &(struct sample_kind){"all", -1, -1}, &research, &sources);
		struct table *table = ask_view("telescope/summary", view, NULL, NULL);
		assert_int_equal(table->rows, 1);
		check_row(view, table, 0, &(struct sample_kind){"all", -1, -1});
		check_cover(view, table);
		assert_int_equal(integer(table, 0, "bytes"), 60 * integer(table, 0, "packets"));
		assert_int_equal(integer(table, 0, "scan_packets"), scan);
		assert_int_equal(integer(table, 0, "backscatter_packets"), backscatter);
		assert_int_equal(integer(table, 0, "research_packets"), research);
		if (scan == 0)
			assert_int_equal(cell(table, 0, "top_port")->type, NR_VALUE_NULL);
	}
}

static int sample_port_of(const struct table *table, size_t row)
{
	for (int i = 0; i < SAMPLE_PORTS; i++) {
		if (sample_ports[i].protocol == integer(table, row, "protocol") &&
			sample_ports[i].port == integer(table, row, "port"))
			return i;
	}
	fail_msg("a port that nobody wrote");
	return -1;
}

static size_t ports_with_packets(const struct view *view)
{
	size_t count = 0;
	for (int i = 0; i < SAMPLE_PORTS; i++) {
		uint64_t packets, sources;
		truth(view, &(struct sample_kind){NULL, i, -1}, &packets, &sources);
		count += packets > 0;
	}
	return count;
}

static void test_ports(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(views); i++) {
		const struct view *view = &views[i];
		uint64_t scan, sources;
		truth(view, &(struct sample_kind){"scan", -1, -1}, &scan, &sources);
		struct table *table = ask_view("telescope/ports", view, "limit=5", NULL);
		assert_int_equal(table->rows, ports_with_packets(view));
		assert_int_equal(table->pages, table->rows ? (table->rows + 4) / 5 : 1);
		check_descending(table);
		check_cover(view, table);
		for (size_t row = 0; row < table->rows; row++) {
			int port = sample_port_of(table, row);
			check_row(view, table, row, &(struct sample_kind){NULL, port, -1});
			assert_string_equal(cell(table, row, "class")->text, sample_ports[port].class);
			assert_true(fabs(cell(table, row, "share")->real -
					    (double)integer(table, row, "packets") / (double)scan) < 1e-12);
		}
	}
}

static void test_ports_filtered(void **state)
{
	(void)state;
	struct table *table = ask("telescope/ports", (const char *const[]){"class=iot", NULL});
	assert_int_equal(table->rows, 3);
	table = ask("telescope/ports", (const char *const[]){"class=iot", "protocol=17", NULL});
	assert_int_equal(table->rows, 1);
	assert_int_equal(integer(table, 0, "port"), 1900);
	table = ask("telescope/ports", (const char *const[]){"class=none", NULL});
	assert_int_equal(table->rows, 0);
}

static void check_groups(const char *query, const char *column, const char *prefix, bool days)
{
	for (size_t i = 0; i < NR_COUNT(views); i++) {
		struct view view = whole(&views[i], days ? NR_DAY : 1);
		view.single = view.single && !days;
		struct table *table = ask_view(query, &view, "limit=2", NULL);
		check_descending(table);
		check_cover(&view, table);
		for (size_t row = 0; row < table->rows; row++) {
			char category[64];
			snprintf(category, sizeof category, "%s%s", prefix, cell(table, row, column)->text);
			check_row(&view, table, row, &(struct sample_kind){category, -1, -1});
		}
	}
}

static void test_groups(void **state)
{
	(void)state;
	check_groups("telescope/categories", "category", "", false);
	check_groups("telescope/classes", "class", "class/", false);
	check_groups("telescope/tools", "tool", "tool/", true);
	assert_int_equal(ask("telescope/categories", NULL)->rows, 5);
	assert_int_equal(ask("telescope/classes", NULL)->rows, 5);
	assert_int_equal(ask("telescope/tools", NULL)->rows, 1);
}

static int country_of(const struct table *table, size_t row)
{
	for (int i = 0; i < SAMPLE_COUNTRIES; i++) {
		if (strcmp(sample_countries[i], cell(table, row, "country")->text) == 0)
			return i;
	}
	fail_msg("a country that nobody wrote");
	return -1;
}

static void test_origins(void **state)
{
	(void)state;
	static const char *const queries[] = {"telescope/countries", "telescope/networks"};
	for (size_t i = 0; i < 2 * NR_COUNT(views); i++) {
		struct view view = whole(&views[i / 2], NR_HOUR); /* there are no 5-minute rows of origins */
		struct table *table = ask_view(queries[i % 2], &view, "limit=3", NULL);
		check_descending(table);
		check_cover(&view, table);
		for (size_t row = 0; row < table->rows; row++) {
			int country = country_of(table, row);
			check_row(&view, table, row, &(struct sample_kind){NULL, -1, country});
			if (i % 2)
				assert_int_equal(integer(table, row, "asn"), country * 100);
		}
	}
	assert_int_equal(ask("telescope/networks", (const char *const[]){"country=JP", NULL})->rows, 1);
	assert_int_equal(ask("telescope/networks", (const char *const[]){"country=", NULL})->rows, 1);
}

static void check_series(const struct view *view, const char *step, const char *by)
{
	char step_text[16], by_text[16];
	snprintf(step_text, sizeof step_text, "step=%s", step);
	snprintf(by_text, sizeof by_text, "by=%s", by);
	nr_time length = strcmp(step, "5m") == 0 ? 5 * NR_MINUTE : strcmp(step, "1d") == 0 ? NR_DAY : NR_HOUR;
	struct table *table = ask_view("telescope/series", view, step_text, by_text);
	for (size_t row = 0; row < table->rows; row++) {
		const char *key = cell(table, row, "key")->text;
		char category[64];
		snprintf(category, sizeof category, "%s%s", strcmp(by, "class") == 0 ? "class/" : "", key);
		struct sample_kind kind = {category, -1, -1};
		for (int port = 0; strcmp(by, "port") == 0 && port < SAMPLE_PORTS; port++) {
			char name[32];
			snprintf(name, sizeof name, "%s/%u", sample_ports[port].protocol == 6 ? "tcp" : "udp",
				sample_ports[port].port);
			if (strcmp(name, key) == 0)
				kind = (struct sample_kind){NULL, port, -1};
		}
		struct view at = *view;
		at.low = integer(table, row, "time");
		at.high = at.low + length;
		at.single = view->sensor && strcmp(view->sensor, "west") != 0;
		assert_true(at.low >= view->low && at.high <= view->high);
		check_row(&at, table, row, &kind);
		if (row)
			assert_true(integer(table, row, "time") > integer(table, row - 1, "time") ||
				    strcmp(key, cell(table, row - 1, "key")->text) > 0);
	}
}

static void test_series(void **state)
{
	(void)state;
	static const char *const keys[] = {"category", "class", "port"};
	for (size_t i = 0; i < 3; i++) {
		check_series(&views[0], "1d", keys[i]);
		check_series(&views[8], "1d", keys[i]);
		check_series(&views[3], "1h", keys[i]);
		check_series(&views[9], "1h", keys[i]);
		check_series(&views[5], "5m", keys[i]);
		check_series(&views[7], "5m", keys[i]);
	}
	struct table *table =
		ask("telescope/series", (const char *const[]){"category=all", "step=1d", "limit=1", NULL});
	assert_int_equal(table->rows, 3);
	assert_int_equal(table->pages, 3);
	table = ask("telescope/series", (const char *const[]){"by=port", "step=1d", NULL});
	assert_int_equal(table->rows, 3 * 10); /* the ten busiest of twelve */
	table = ask("telescope/series",
		(const char *const[]){"by=port", "protocol=17", "port=23", "step=1d", NULL});
	assert_int_equal(table->rows, 3);
	assert_string_equal(cell(table, 0, "key")->text, "udp/23");
	table = ask("telescope/series", (const char *const[]){"by=port", "port=23", "step=1d", NULL});
	assert_int_equal(table->rows, 6);
	table = ask("telescope/series", (const char *const[]){"by=class", "class=iot", "step=1d", NULL});
	assert_int_equal(table->rows, 3);
}

/* Series are read in windows of time: wherever a page ends, no row is lost or seen twice. */
static void test_series_page_by_page(void **state)
{
	(void)state;
	static const char *const keys[] = {"by=category", "by=class", "by=port"}, *const limits[] = {
											  "limit=7",
											  "limit=113"};
	for (size_t i = 0; i < 6; i++) {
		const char *arguments[] = {
			"step=5m", keys[i / 2], "from=2026-01-02", "to=2026-01-03", "limit=10000", NULL};
		struct table *table = ask("telescope/series", arguments);
		size_t rows = table->rows;
		int64_t packets = 0, paged = 0;
		for (size_t row = 0; row < rows; row++)
			packets += integer(table, row, "packets");
		arguments[4] = limits[i % 2];
		table = ask("telescope/series", arguments);
		for (size_t row = 0; row < table->rows; row++)
			paged += integer(table, row, "packets");
		assert_true(rows > 500);
		assert_int_equal(table->rows, rows);
		assert_int_equal(paged, packets);
	}
	/* From the beginning of time to its end: the windows double over what is empty. */
	struct table *table =
		ask("telescope/series", (const char *const[]){"step=5m", "category=all", "from=0001-01-02",
						"to=9999-12-30", "limit=10000", NULL});
	assert_int_equal(table->rows, 864);
}

/* Packets of one source on one sample port (-1: all) in whole days. */
static uint64_t source_packets(uint32_t source, int port, nr_time low, nr_time high)
{
	uint64_t packets = 0;
	size_t end = sample_at(high);
	for (size_t i = sample_at(low); i < end; i++) {
		const struct sample_event *event = &sample_events[i];
		if (event->source == source &&
			(port < 0 || (!event->backscatter && (int)event->port == port)))
			packets += event->packets;
	}
	return packets;
}

static uint32_t source_of(const struct table *table, size_t row)
{
	return nr_address_ipv4(&cell(table, row, "address")->address) - 0xc6120000;
}

static void test_sources(void **state)
{
	(void)state;
	struct table *table = ask("telescope/sources", (const char *const[]){"limit=7", NULL});
	assert_true(table->rows > 1000);
	check_descending(table);
	for (size_t row = 0; row < table->rows; row++) {
		uint32_t source = source_of(table, row);
		assert_int_equal(
			integer(table, row, "packets"), source_packets(source, -1, AT(0, 0, 0), AT(3, 0, 0)));
		assert_string_equal(
			cell(table, row, "research")->text, SAMPLE_RESEARCH(source) ? "scaled" : "");
		assert_int_equal(integer(table, row, "asn"), source % SAMPLE_COUNTRIES * 100);
	}
	size_t all = table->rows;
	table = ask("telescope/sources", (const char *const[]){"research=only", NULL});
	size_t research = table->rows;
	table = ask("telescope/sources", (const char *const[]){"research=without", NULL});
	assert_int_equal(table->rows + research, all);
	assert_int_equal(ask("telescope/scanners", NULL)->rows, research);
	table = ask("telescope/sources", (const char *const[]){"tool=zmap", "country=JP", NULL});
	assert_true(table->rows > 0);
	for (size_t row = 0; row < table->rows; row++)
		assert_true(
			SAMPLE_ZMAP(source_of(table, row)) && source_of(table, row) % SAMPLE_COUNTRIES == 1);
	assert_int_equal(ask("telescope/sources", (const char *const[]){"tool=zma", NULL})->rows, 0);
}

static void test_sources_of_a_port(void **state)
{
	(void)state;
	struct table *table =
		ask("telescope/sources", (const char *const[]){"protocol=6", "port=23", "from=2026-01-02",
						 "to=2026-01-03", "limit=50", NULL});
	assert_true(table->rows > 100);
	check_descending(table);
	uint64_t sum = 0, expected, sources;
	for (size_t row = 0; row < table->rows; row++) {
		assert_int_equal(integer(table, row, "packets"),
			source_packets(source_of(table, row), 0, AT(1, 0, 0), AT(2, 0, 0)));
		sum += (uint64_t)integer(table, row, "packets");
	}
	truth(&(struct view){.low = AT(1, 0, 0), .high = AT(2, 0, 0)}, &(struct sample_kind){NULL, 0, -1},
		&expected, &sources);
	assert_int_equal(sum, expected);
	assert_int_equal(table->rows, sources);
	/* A port of both protocols, and a protocol of all ports. */
	size_t tcp = ask("telescope/sources", (const char *const[]){"port=23", "protocol=6", NULL})->rows;
	size_t both = ask("telescope/sources", (const char *const[]){"port=23", NULL})->rows;
	assert_true(both >= tcp);
	assert_true(ask("telescope/sources", (const char *const[]){"protocol=17", NULL})->rows > 0);
}

static void test_one_source(void **state)
{
	(void)state;
	struct table *table =
		ask("telescope/source", (const char *const[]){"address=198.18.0.7", "limit=1", NULL});
	assert_int_equal(table->rows, 6); /* three days, two sensors */
	assert_int_equal(table->pages, 6);
	int64_t sum = 0;
	for (size_t row = 0; row < table->rows; row++)
		sum += integer(table, row, "packets");
	assert_int_equal(sum, source_packets(SAMPLE_BUSY, -1, AT(0, 0, 0), AT(3, 0, 0)));
	assert_string_equal(cell(table, 0, "evidence")->text, "{\"rule\":\"sample\"}");
	table = ask("telescope/source", (const char *const[]){"address=198.18.0.7", "sensor=south", NULL});
	assert_int_equal(table->rows, 3);
	table = ask("telescope/sources", (const char *const[]){"address=198.18.0.7", NULL});
	assert_int_equal(table->rows, 1);
	assert_int_equal(integer(table, 0, "packets"), sum);
	assert_int_equal(
		ask("telescope/source", (const char *const[]){"address=2001:db8::1", NULL})->rows, 0);

	table = ask("telescope/source-ports",
		(const char *const[]){
			"address=198.18.0.7", "from=2026-01-02T05:00:00Z", "to=2026-01-02T06:00:00Z", NULL});
	assert_true(table->rows > 3);
	assert_int_equal(table->answer.from, AT(1, 0, 0));
	assert_int_equal(table->answer.to, AT(2, 0, 0));
	for (size_t row = 0; row < table->rows; row++) {
		int port = sample_port_of(table, row);
		assert_int_equal(integer(table, row, "packets"),
			source_packets(SAMPLE_BUSY, port, AT(1, 0, 0), AT(2, 0, 0)));
		assert_string_equal(cell(table, row, "class")->text, sample_ports[port].class);
	}
}

/* A source is in a range when its own first and last touch it, not when its day does. */
static void test_sources_touch_the_range(void **state)
{
	(void)state;
	struct table *table = ask("telescope/sources",
		(const char *const[]){"from=2026-01-02T05:00:00Z", "to=2026-01-02T06:00:00Z", NULL});
	assert_true(table->rows > 0);
	for (size_t row = 0; row < table->rows; row++)
		assert_true(integer(table, row, "first") < AT(1, 6, 0) &&
			    integer(table, row, "last") >= AT(1, 5, 0));
	size_t hour = table->rows;
	assert_true(hour <
		    ask("telescope/sources", (const char *const[]){"from=2026-01-02", "to=2026-01-03", NULL})
			    ->rows);
}

static void test_events(void **state)
{
	(void)state;
	struct table *table = ask("telescope/victims", (const char *const[]){"limit=2", NULL});
	assert_int_equal(table->rows, 5);
	check_descending(table);
	assert_string_equal(cell(table, 0, "as_name")->text, "Net, \"quoted\"");
	const char *const range[] = {"from=2026-01-01T20:30:00Z", "to=2026-01-02T06:30:00Z", NULL};
	assert_int_equal(ask("telescope/victims", range)->rows, 2);
	assert_int_equal(ask("telescope/runs", range)->rows, 2);
	assert_int_equal(ask("findings", range)->rows, 2);
	assert_int_equal(ask("telescope/campaigns", range)->rows, 2);
	table = ask("telescope/campaigns", (const char *const[]){"limit=1", NULL});
	assert_int_equal(table->rows, 4); /* two of one day and signature are one */
	table = ask("findings", (const char *const[]){"limit=1", NULL});
	assert_int_equal(table->rows, 5);
	for (size_t row = 1; row < table->rows; row++)
		assert_true(integer(table, row, "last") < integer(table, row - 1, "last"));
	assert_int_equal(ask("findings", (const char *const[]){"kind=ddos-victim", NULL})->rows, 2);
	assert_int_equal(ask("findings", (const char *const[]){"subject=203.0.113.4", NULL})->rows, 1);
	assert_int_equal(ask("findings", (const char *const[]){"sensor=south", NULL})->rows, 0);
	assert_int_equal(ask("findings", (const char *const[]){"sense=flow", NULL})->rows, 0);
	table = ask("telescope/runs", NULL);
	assert_string_equal(cell(table, 0, "dropped")->text, "{\"fragment\":1}");
}

static void test_coverage(void **state)
{
	(void)state;
	struct table *table = ask("coverage", NULL);
	assert_int_equal(table->rows, 2);
	assert_string_equal(cell(table, 0, "sensor")->text, "north");
	assert_int_equal(integer(table, 0, "first"), AT(0, 0, 0));
	assert_int_equal(integer(table, 0, "last"), AT(3, 0, 0));
	assert_int_equal(integer(table, 0, "sources_exact"), 1);
	assert_int_equal(integer(table, 0, "runs"), 5);
	assert_int_equal(integer(table, 1, "runs"), 0);
}

static void test_bad_parameters(void **state)
{
	(void)state;
	static const struct {
		const char *query, *name, *value;
	} cases[] = {
		{"telescope/ports", "limit", "0"},
		{"telescope/ports", "from", "-9223372036853"}, /* no calendar has it */
		{"telescope/ports", "to", "9223372036853"},
		{"telescope/ports", "limit", "1001"},
		{"telescope/ports", "limit", "ten"},
		{"telescope/ports", "limit", "1e2"},
		{"telescope/ports", "limit", ""},
		{"telescope/ports", "limit", "99999999999999999999"},
		{"telescope/ports", "protocol", "256"},
		{"telescope/ports", "protocol", "-1"},
		{"telescope/ports", "research", "maybe"},
		{"telescope/ports", "from", "yesterday"},
		{"telescope/ports", "to", "2026-13-01"},
		{"telescope/ports", "after", "x"},
		{"telescope/ports", "after", "i1"},
		{"telescope/ports", "after", "i1.i2.i3.i4"},
		{"telescope/ports", "after", "i1.i2.i"},
		{"telescope/ports", "after", "i1.i2.t4"},
		{"telescope/ports", "after", "i1.i2.tzz"},
		{"telescope/ports", "after", "i1.i2.i99999999999999999999"},
		{"telescope/ports", "after", "i1.i2.i3 OR 1=1"},
		{"telescope/series", "step", "2h"},
		{"telescope/series", "by", "sensor"},
		{"telescope/source", "address", NULL},
		{"telescope/source", "address", "198.18.0.7/32"},
		{"findings", "subject", "example.org"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		const struct nr_query *query = nr_store_query(cases[i].query);
		const char *values[NR_ASK_PARAMETERS_MAX] = {0};
		size_t place = parameter_of(query, cases[i].name), bad = 99;
		values[place] = cases[i].value;
		struct nr_error error = {0};
		struct nr_answer answer = {.rows = 77};
		assert_int_equal(nr_store_check(query, values, &bad, &error), -EINVAL);
		assert_int_equal(bad, place);
		assert_int_equal(strncmp(error.text, cases[i].name, strlen(cases[i].name)), 0);
		assert_int_equal(nr_store_ask(store, query, values, take_row, NULL, &answer, NULL), -EINVAL);
		assert_int_equal(answer.rows, 77); /* untouched */
	}
	assert_null(nr_store_query("telescope/none"));
}

static void test_range_must_have_an_order(void **state)
{
	(void)state;
	const struct nr_query *query = nr_store_query("telescope/ports");
	const char *values[NR_ASK_PARAMETERS_MAX] = {0};
	values[parameter_of(query, "from")] = "2026-01-02";
	values[parameter_of(query, "to")] = "2026-01-02";
	size_t bad = 99;
	assert_int_equal(nr_store_check(query, values, &bad, NULL), -EINVAL);
	assert_int_equal(bad, parameter_of(query, "to"));
}

/* A range with one end, before or after all that is stored, is an empty one: it does not end before it
 * begins. */
static void test_empty_ranges(void **state)
{
	(void)state;
	static const char *const arguments[][2] = {{"to=2020-01-01", NULL}, {"from=2040-01-01", NULL}};
	for (size_t i = 0; i < NR_COUNT(arguments); i++) {
		struct table *table = ask("telescope/networks", arguments[i]);
		assert_int_equal(table->rows, 0);
		assert_true(table->answer.from <= table->answer.to);
	}
}

/* Text that would be SQL somewhere else is only text here. */
static void test_injection(void **state)
{
	(void)state;
	assert_int_equal(ask("telescope/ports", (const char *const[]){"class=' OR 1=1 --", NULL})->rows, 0);
	assert_int_equal(
		ask("telescope/sources", (const char *const[]){"sensor=x\") UNION SELECT 1 --", NULL})->rows,
		0);
	assert_int_equal(ask("telescope/sources", (const char *const[]){"tool=%", NULL})->rows, 0);
}

static int stop_at_once(void *context, const struct nr_value *values, size_t count)
{
	(void)values;
	(void)count;
	(*(int *)context)++;
	return -ECANCELED;
}

static void test_row_can_stop(void **state)
{
	(void)state;
	const char *values[NR_ASK_PARAMETERS_MAX] = {0};
	struct nr_answer answer;
	int calls = 0;
	assert_int_equal(nr_store_ask(store, nr_store_query("telescope/ports"), values, stop_at_once, &calls,
				 &answer, NULL),
		-ECANCELED);
	assert_int_equal(calls, 1);
}

/* ---- plans ---- */

/* Base tables are searched by a key or an index; only what the question itself made is scanned. */
static void check_plan(sqlite3 *database, const char *sql, const char *name)
{
	char explain[NR_ASK_SQL_BYTES + 32];
	snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
	sqlite3_stmt *statement;
	if (sqlite3_prepare_v2(database, explain, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", name, sqlite3_errmsg(database));
	while (sqlite3_step(statement) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(statement, 3);
		bool scan = strncmp(line, "SCAN ", 5) == 0 && line[5] && (!line[6] || line[6] == ' ');
		if (scan && strchr("tpr", line[5])) /* the names that tables go by */
			fail_msg("%s reads a whole table: %s\n%s", name, line, sql);
		assert_null(strstr(line, "AUTOMATIC"));
	}
	sqlite3_finalize(statement);
}

static void check_plans_of(sqlite3 *database, const struct nr_query *query, const char *const *arguments)
{
	static char buffers[NR_ASK_PARAMETERS_MAX][64];
	const char *values[NR_ASK_PARAMETERS_MAX] = {0};
	struct nr_ask question;
	size_t bad;
	char sql[NR_ASK_SQL_BYTES];
	if (((const struct nr_plan *)query)->answer)
		return; /* from packs, which are read by their key alone */
	for (size_t i = 0; i < query->parameter_count; i++) {
		const struct nr_parameter *parameter = &query->parameters[i];
		if (parameter->required)
			values[i] = parameter->choices                ? parameter->choices[0]
				    : parameter->type == NR_VALUE_INT ? "80"
								      : "192.0.2.1";
	}
	read_arguments(query, arguments, values, buffers);
	assert_int_equal(nr_ask_parse(&question, (const struct nr_plan *)query, values, &bad, NULL), 0);
	assert_int_equal(nr_ask_sql(&question, sql, NULL), 0);
	check_plan(database, sql, query->name);
}

static void test_plans(void **state)
{
	(void)state;
	sqlite3 *database;
	assert_int_equal(nr_store_reader_take(store, &database, NULL), 0);
	for (size_t i = 0; nr_store_queries[i]; i++)
		check_plans_of(database, nr_store_queries[i], NULL);
	static const struct {
		const char *query;
		const char *arguments[4];
	} cases[] = {
		{"findings", {"subject=192.0.2.1", NULL}},
		{"findings", {"after=i1.i2", NULL}},
		{"telescope/victims", {"after=i1.b00.i2.i3", NULL}},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		check_plans_of(database, nr_store_query(cases[i].query), cases[i].arguments);
	nr_store_reader_give(store, database);
}

/* ---- threads ---- */

static void *ask_often(void *context)
{
	const char *values[NR_ASK_PARAMETERS_MAX] = {0};
	struct nr_answer answer;
	int rows = 0;
	for (int i = 0; i < 20; i++) {
		const struct nr_query *query =
			nr_store_query(i % 2 ? "telescope/categories" : "telescope/victims");
		if (nr_store_ask(store, query, values, stop_at_once, &rows, &answer, NULL) != -ECANCELED)
			*(int *)context = 1;
	}
	return NULL;
}

static void test_threads(void **state)
{
	(void)state;
	pthread_t threads[3 * NR_STORE_READERS];
	int failed[NR_COUNT(threads)] = {0};
	for (size_t i = 0; i < NR_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &failed[i]), 0);
	for (size_t i = 0; i < NR_COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(failed[i], 0);
	}
}

static int make_store(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%.40s/noroshi-queries-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(folder))
		return -1;
	snprintf(store_path, sizeof store_path, "%s/store.db", folder);
	store = sample_store(store_path, NR_STORE_READ);
	return store ? 0 : -1;
}

static int remove_store(void **state)
{
	(void)state;
	nr_store_close(store);
	char command[96];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_ports_filtered),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_series),
		cmocka_unit_test(test_series_page_by_page),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_sources_of_a_port),
		cmocka_unit_test(test_one_source),
		cmocka_unit_test(test_sources_touch_the_range),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_bad_parameters),
		cmocka_unit_test(test_range_must_have_an_order),
		cmocka_unit_test(test_injection),
		cmocka_unit_test(test_row_can_stop),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_empty_ranges),
	};
	return cmocka_run_group_tests(tests, make_store, remove_store);
}
