/* SPDX-License-Identifier: Apache-2.0 */
/* The telescope's figures of a range: summary, ports, categories, port classes, tools. */
#include "store/ranking.h"

/* ---- categories, which have classes and tools among them ---- */

/* "class/iot" and "tool/zmap" stand in the same column as the categories. */
#define CLASS "class/"
#define TOOL  "tool/"

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static const char *category_of(const struct nr_ranking *ranking, const struct nr_sum *sum)
{
	return nr_texts_at(&ranking->texts, sum->low);
}

static int compare_categories(void *context, const struct nr_sum *a, const struct nr_sum *b)
{
	return strcmp(category_of(context, a), category_of(context, b));
}

/* Behind the prefix that all of a ranking have in common. */
static const char *key_of(const char *category)
{
	const char *slash = strchr(category, '/');
	return slash ? slash + 1 : category;
}

static int position_categories(void *context, const struct nr_sum *sum, const struct nr_key *after)
{
	const char *key = key_of(category_of(context, sum));
	return nr_key_compare_bytes(NR_VALUE_TEXT, key, strlen(key), &after[0]);
}

/* prefix: "class/", "tool/"; NULL: those without one. The others leave the ranking. */
static int rank_categories(struct nr_ranking *ranking, const char *prefix, struct nr_error *error)
{
	int status = nr_ranking_add_up(ranking, error);
	if (!status)
		status = nr_ranking_load(ranking, 0, error);
	for (size_t i = 0; i < ranking->sums.count && !status; i++) {
		const char *category = category_of(ranking, &ranking->sums.items[i]);
		if (prefix ? !begins_with(category, prefix) : strchr(category, '/') != NULL)
			ranking->sums.items[i].packets = 0;
	}
	return status;
}

/* ---- telescope/summary ---- */

/* The sums of a category; zeros where it has none. */
static struct nr_sum sum_of(const struct nr_ranking *ranking, const char *category)
{
	for (size_t i = 0; i < ranking->sums.count; i++) {
		if (strcmp(category_of(ranking, &ranking->sums.items[i]), category) == 0)
			return ranking->sums.items[i];
	}
	return (struct nr_sum){0};
}

/* Research scanners, which a summary shows whatever is asked for. */
struct research {
	uint64_t all; /* the word */
	int64_t packets;
	struct nr_unique sources;
};

static void research_fini(struct research *research)
{
	nr_unique_fini(&research->sources);
}

static int add_research(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	struct research *research = context;
	uint32_t row = nr_pack_find(&cell->pack, &research->all, 1);
	if (!nr_pack_is(&cell->pack, row, &research->all, 1))
		return 0;
	research->packets += (int64_t)nr_pack_get(&cell->pack, NR_TRAFFIC_PACKETS, row);
	return nr_cell_sources(
		cell, NR_TRAFFIC_SOURCES, &(struct nr_wanted){row, &research->sources}, 1, error);
}

static int count_research(struct nr_reading *reading, struct research *research, struct nr_error *error)
{
	int status = nr_reading_word(reading, "all", &research->all, error);
	for (size_t i = 0; i < reading->ask->piece_count && !status; i++)
		status = nr_cells_visit_piece(reading, NR_PACK_TRAFFIC, &reading->ask->pieces[i], 1, false,
			add_research, research, error);
	return status ? status : nr_reading_merge(reading, error);
}

static int find_top(struct nr_reading *reading, struct nr_value values[static 4], struct nr_error *error)
{
	const struct nr_ask first = {.limit = 0}; /* a page has one row more than that */
	NR_AUTO(nr_ranking_fini) struct nr_ranking ranking;
	nr_ranking_init(&ranking, reading, &nr_lanes_ports_alone, NULL);
	ranking.paged = &first;
	int status = nr_ranking_add_up(&ranking, error);
	if (!status)
		status = nr_ranking_page(&ranking, &nr_order_of_ports, error);
	if (status || !ranking.page.count)
		return status;
	const struct nr_sum *top = ranking.page.items[0];
	values[0] = nr_value_int((int64_t)(top->low >> 16));
	values[1] = nr_value_int((int64_t)(top->low & 0xffff));
	values[2].type = NR_VALUE_TEXT;
	values[3] = nr_value_int(top->packets);
	return nr_reading_text(reading, top->word, &values[2].text, error);
}

/* Those that touch the range: ended in it, or ended later and begun before its end. */
static int count_findings(struct nr_reading *reading, int64_t *ret_count, struct nr_error *error)
{
	const struct nr_ask *ask = reading->ask;
	const struct nr_value *sensor = nr_ask_value(ask, "sensor");
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(reading->database, reading->path,
		"SELECT (SELECT count(*) FROM finding t INDEXED BY finding_by_last"
		"  WHERE t.last >= ?1 AND t.last < ?2 AND (?3 IS NULL OR t.sensor = ?3))"
		" + (SELECT count(*) FROM finding t INDEXED BY finding_by_last"
		"  WHERE t.last >= max(?1, ?2) AND t.first < ?2 AND (?3 IS NULL OR t.sensor = ?3))",
		&statement, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, ask->from);
	sqlite3_bind_int64(statement, 2, ask->to);
	if (sensor->type == NR_VALUE_TEXT)
		sqlite3_bind_text(statement, 3, sensor->text, -1, SQLITE_STATIC);
	if (sqlite3_step(statement) != SQLITE_ROW)
		return nr_sqlite_fail(reading->database, reading->path, error);
	*ret_count = sqlite3_column_int64(statement, 0);
	return 0;
}

static int compare_sum_of_all(void *context, const struct nr_sum *a, const struct nr_sum *b)
{
	(void)context;
	return (a->low > b->low) - (a->low < b->low);
}

/* The categories of a summary; sources of "all" alone. */
static int summarise(struct nr_ranking *ranking, struct nr_sum sums[static 3], struct nr_count *ret_sources,
	struct nr_error *error)
{
	static const char *const categories[] = {"all", "scan", "backscatter"};
	struct nr_order_of_sums order = {compare_sum_of_all, NULL, NULL};
	int status = rank_categories(ranking, NULL, error);
	if (status)
		return status;
	for (size_t i = 0; i < 3; i++)
		sums[i] = sum_of(ranking, categories[i]);
	for (size_t i = 0; i < ranking->sums.count; i++) {
		if (ranking->sums.items[i].low != sums[0].low)
			ranking->sums.items[i].packets = 0;
	}
	status = nr_ranking_page(ranking, &order, error);
	if (!status && ranking->page.count) {
		sums[0] = *ranking->page.items[0];
		*ret_sources = nr_unique_count(&ranking->uniques[0]);
	}
	return status;
}

static int answer_summary(struct nr_reading *reading, struct nr_error *error)
{
	NR_AUTO(nr_ranking_fini) struct nr_ranking ranking;
	NR_AUTO(research_fini) struct research research = {0};
	struct nr_sum sums[3] = {0};
	struct nr_count sources = {0, 0};
	struct nr_value top[4] = {0};
	int64_t findings = 0;
	nr_ranking_init(&ranking, reading, &nr_lanes_categories, NULL);
	int status = summarise(&ranking, sums, &sources, error);
	if (!status)
		status = count_research(reading, &research, error);
	if (!status)
		status = find_top(reading, top, error);
	if (!status)
		status = count_findings(reading, &findings, error);
	if (status)
		return status;
	struct nr_value values[] = {nr_value_int(sums[0].packets), nr_value_int(sums[0].bytes),
		nr_value_int(sources.value), nr_value_real(sources.error), nr_value_int(sums[1].packets),
		nr_value_int(sums[2].packets), nr_value_int(research.packets),
		nr_value_int(nr_side_count(&research.sources.whole).value), top[0], top[1], top[2], top[3],
		nr_value_int(findings)};
	return reading->row(reading, values, NULL, error);
}

static const struct nr_parameter summary_parameters[] = {NR_PARAMETER_RANGE};

static const struct nr_result_column summary_columns[] = {
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	{"bytes", NR_VALUE_INT, "bytes on the wire", "バイト数"},
	{"sources", NR_VALUE_INT, "unique sources", "ユニークホスト数"},
	{"sources_error", NR_VALUE_REAL, "relative standard error; 0 = exact, -1 = at least",
		"相対標準誤差（0: 正確、-1: 下限）"},
	{"scan_packets", NR_VALUE_INT, "scan packets", "スキャンパケット数"},
	{"backscatter_packets", NR_VALUE_INT, "backscatter packets", "バックスキャッタのパケット数"},
	{"research_packets", NR_VALUE_INT, "packets of research scanners", "調査目的のスキャンのパケット数"},
	{"research_sources", NR_VALUE_INT, "research scanners seen", "調査目的のスキャンの送信元ホスト数"},
	{"top_protocol", NR_VALUE_INT, "protocol of the busiest port", "最多ポートのプロトコル"},
	{"top_port", NR_VALUE_INT, "busiest destination port", "最多の宛先ポート"},
	{"top_class", NR_VALUE_TEXT, "its class", "最多ポートの区分"},
	{"top_packets", NR_VALUE_INT, "its scan packets", "最多ポートのパケット数"},
	{"findings", NR_VALUE_INT, "findings that touch the range", "期間内の判定件数"},
};

const struct nr_plan nr_plan_summary = {
	.query = {"telescope/summary", "The range in one row", "期間の概要", summary_parameters,
		NR_COUNT(summary_parameters), summary_columns, NR_COUNT(summary_columns)},
	.span = NR_SPAN_STEPS,
	.answer = answer_summary,
};

/* ---- telescope/ports ---- */

/* All scan packets of the range, which a port's share is of. */
static int count_scans(struct nr_reading *reading, int64_t *ret_packets, struct nr_error *error)
{
	NR_AUTO(nr_ranking_fini) struct nr_ranking ranking;
	const struct nr_value scan = nr_value_text("scan");
	nr_ranking_init(&ranking, reading, &nr_lanes_categories, NULL);
	int status = nr_ranking_filter_text(&ranking, NR_TRAFFIC_CATEGORY, &scan, error);
	if (!status)
		status = nr_ranking_add_up(&ranking, error);
	*ret_packets = ranking.sums.count ? ranking.sums.items[0].packets : 0;
	return status;
}

static int port_row(struct nr_ranking *ranking, size_t i, int64_t total, struct nr_error *error)
{
	const struct nr_sum *sum = ranking->page.items[i];
	struct nr_count sources = nr_unique_count(&ranking->uniques[i]);
	struct nr_value protocol = nr_value_int((int64_t)(sum->low >> 16)),
			port = nr_value_int((int64_t)(sum->low & 0xffff)), class = nr_value_text("");
	int status = nr_reading_text(ranking->reading, sum->word, &class.text, error);
	if (status)
		return status;
	struct nr_value values[] = {protocol, port, class, nr_value_int(sum->packets),
		nr_value_int(sum->bytes), nr_value_int(sources.value), nr_value_real(sources.error),
		nr_value_real((double)sum->packets / (double)total)};
	if (total == 0)
		values[NR_COUNT(values) - 1].type = NR_VALUE_NULL;
	struct nr_key keys[] = {
		nr_key_int(sum->packets), nr_key_int(protocol.integer), nr_key_int(port.integer)};
	return ranking->reading->row(ranking->reading, values, keys, error);
}

static int answer_ports(struct nr_reading *reading, struct nr_error *error)
{
	NR_AUTO(nr_ranking_fini) struct nr_ranking ranking;
	int64_t total = 0;
	nr_ranking_init(&ranking, reading, &nr_lanes_ports, NULL);
	nr_ranking_filter(&ranking, NR_PORT_PROTOCOL, nr_ask_value(reading->ask, "protocol"));
	int status =
		nr_ranking_filter_text(&ranking, NR_PORT_CLASS, nr_ask_value(reading->ask, "class"), error);
	if (!status)
		status = nr_ranking_add_up(&ranking, error);
	if (!status)
		status = nr_ranking_page(&ranking, &nr_order_of_ports, error);
	if (!status)
		status = count_scans(reading, &total, error);
	for (size_t i = 0; i < ranking.page.count && !status; i++)
		status = port_row(&ranking, i, total, error);
	return status;
}

static const struct nr_parameter port_parameters[] = {
	NR_PARAMETER_RANGE,
	NR_PARAMETER_PROTOCOL,
	{"class", NR_VALUE_TEXT,
		.text_en = "class of the port file: iot, windows, web, amplification, other"},
	NR_PARAMETER_PAGE,
};

static const struct nr_result_column port_columns[] = {
	{"protocol", NR_VALUE_INT, "IP protocol number", "IPプロトコル番号"},
	{"port", NR_VALUE_INT, "destination port", "宛先ポート"},
	{"class", NR_VALUE_TEXT, "port class", "ポートの区分"},
	{"packets", NR_VALUE_INT, "scan packets", "スキャンパケット数"},
	{"bytes", NR_VALUE_INT, "bytes on the wire", "バイト数"},
	{"sources", NR_VALUE_INT, "unique sources", "ユニークホスト数"},
	{"sources_error", NR_VALUE_REAL, "relative standard error; 0 = exact, -1 = at least",
		"相対標準誤差（0: 正確、-1: 下限）"},
	{"share", NR_VALUE_REAL, "part of all scan packets in the range, 0 to 1",
		"全スキャンパケットに占める割合（0〜1）"},
};

const struct nr_plan nr_plan_ports = {
	.query = {"telescope/ports", "Scan packets by destination port, most first",
		"宛先ポートごとのスキャンパケット（多い順）", port_parameters, NR_COUNT(port_parameters),
		port_columns, NR_COUNT(port_columns)},
	.span = NR_SPAN_STEPS,
	.order = {{"packets", true}, {"protocol", false}, {"port", false}},
	.answer = answer_ports,
};

/* ---- telescope/categories, classes, tools ---- */

static int answer_grouped(
	struct nr_reading *reading, const char *prefix, bool with_bytes, struct nr_error *error)
{
	NR_AUTO(nr_ranking_fini) struct nr_ranking ranking;
	nr_ranking_init(&ranking, reading, &nr_lanes_categories, NULL);
	struct nr_order_of_sums order = {compare_categories, position_categories, &ranking};
	int status = rank_categories(&ranking, prefix, error);
	if (!status)
		status = nr_ranking_page(&ranking, &order, error);
	for (size_t i = 0; i < ranking.page.count && !status; i++) {
		const struct nr_sum *sum = ranking.page.items[i];
		const char *key = key_of(category_of(&ranking, sum));
		struct nr_count sources = nr_unique_count(&ranking.uniques[i]);
		struct nr_value values[5] = {nr_value_text(key), nr_value_int(sum->packets)};
		size_t count = 2;
		if (with_bytes)
			values[count++] = nr_value_int(sum->bytes);
		values[count++] = nr_value_int(sources.value);
		values[count++] = nr_value_real(sources.error);
		struct nr_key keys[] = {
			nr_key_int(sum->packets), nr_key_bytes(NR_VALUE_TEXT, key, strlen(key))};
		status = reading->row(reading, values, keys, error);
	}
	return status;
}

static int answer_categories(struct nr_reading *reading, struct nr_error *error)
{
	return answer_grouped(reading, NULL, true, error);
}

static int answer_classes(struct nr_reading *reading, struct nr_error *error)
{
	return answer_grouped(reading, CLASS, false, error);
}

static int answer_tools(struct nr_reading *reading, struct nr_error *error)
{
	return answer_grouped(reading, TOOL, false, error);
}

static const struct nr_parameter grouped_parameters[] = {NR_PARAMETER_RANGE, NR_PARAMETER_PAGE};

#define SOURCES_COLUMNS                                                                                      \
	{"sources", NR_VALUE_INT, "unique sources", "ユニークホスト数"},                                     \
	{                                                                                                    \
		"sources_error", NR_VALUE_REAL, "relative standard error; 0 = exact, -1 = at least",         \
			"相対標準誤差（0: 正確、-1: 下限）"                                     \
	}

static const struct nr_result_column category_columns[] = {
	{"category", NR_VALUE_TEXT, "category", "分類"},
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	{"bytes", NR_VALUE_INT, "bytes on the wire", "バイト数"},
	SOURCES_COLUMNS,
};

static const struct nr_result_column class_columns[] = {
	{"class", NR_VALUE_TEXT, "port class", "ポートの区分"},
	{"packets", NR_VALUE_INT, "scan packets", "スキャンパケット数"},
	SOURCES_COLUMNS,
};

static const struct nr_result_column tool_columns[] = {
	{"tool", NR_VALUE_TEXT, "tool", "ツール"},
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	SOURCES_COLUMNS,
};

const struct nr_plan nr_plan_categories = {
	.query = {"telescope/categories", "Figures by category", "分類ごとの集計", grouped_parameters,
		NR_COUNT(grouped_parameters), category_columns, NR_COUNT(category_columns)},
	.span = NR_SPAN_STEPS,
	.order = {{"packets", true}, {"key", false}},
	.answer = answer_categories,
};

const struct nr_plan nr_plan_classes = {
	.query = {"telescope/classes", "Scan packets by port class", "ポートの区分ごとの集計",
		grouped_parameters, NR_COUNT(grouped_parameters), class_columns, NR_COUNT(class_columns)},
	.span = NR_SPAN_STEPS,
	.order = {{"packets", true}, {"key", false}},
	.answer = answer_classes,
};

const struct nr_plan nr_plan_tools = {
	.query = {"telescope/tools", "Tools recognised, whole days", "判定されたツール（日単位）",
		grouped_parameters, NR_COUNT(grouped_parameters), tool_columns, NR_COUNT(tool_columns)},
	.span = NR_SPAN_DAYS,
	.order = {{"packets", true}, {"key", false}},
	.answer = answer_tools,
};
