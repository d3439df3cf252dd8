/* SPDX-License-Identifier: Apache-2.0 */
/* The telescope's figures over time: summary, ports, series, categories, port classes, tools. */
#include "store/ask.h"

/* "class/iot" and "tool/zmap" stand in the same column as the categories. '0' follows '/'. */
#define PLAIN   "instr(t.category, '/') = 0"
#define CLASSES "t.category >= 'class/' AND t.category < 'class0'"
#define TOOLS   "t.category >= 'tool/' AND t.category < 'tool0'"

/* ---- telescope/summary ---- */

#define SUMMARY_TOTAL                                                                                        \
	"total AS MATERIALIZED (SELECT t.category AS category, " NR_SQL_PACKETS " AS packets, " NR_SQL_BYTES \
	" AS bytes, " NR_SQL_SOURCES " AS counted" NR_SQL_FROM_TRAFFIC                                       \
	" WHERE t.category IN ('all', 'scan', 'backscatter') GROUP BY t.category)"
#define SUMMARY_RESEARCH                                                                                     \
	"research AS MATERIALIZED (SELECT sum(t.packets) AS packets,"                                        \
	" nr_sources(0, t.sources, t.error, t.sketch) AS counted"                                            \
	" FROM piece CROSS JOIN telescope_traffic t ON t.sensor = piece.sensor AND t.step = piece.step"      \
	" AND t.time >= piece.low AND t.time < piece.high AND t.traffic = 1 WHERE t.category = 'all')"
#define SUMMARY_TOP                                                                                          \
	"top AS MATERIALIZED (SELECT t.protocol AS protocol, t.port AS port, t.class AS class,"              \
	" " NR_SQL_PACKETS " AS sum" NR_SQL_FROM_PORTS " GROUP BY t.protocol, t.port"                        \
	" HAVING " NR_SQL_PACKETS " > 0 ORDER BY sum DESC, t.protocol, t.port LIMIT 1)"
#define SUMMARY_BASE                                                                                         \
	"WITH " SUMMARY_TOTAL ", " SUMMARY_RESEARCH ", " SUMMARY_TOP                                         \
	" SELECT coalesce((SELECT packets FROM total WHERE category = 'all'), 0) AS packets,"                \
	" coalesce((SELECT bytes FROM total WHERE category = 'all'), 0) AS bytes,"                           \
	" (SELECT counted FROM total WHERE category = 'all') AS counted,"                                    \
	" coalesce((SELECT packets FROM total WHERE category = 'scan'), 0) AS scan_packets,"                 \
	" coalesce((SELECT packets FROM total WHERE category = 'backscatter'), 0) AS backscatter_packets,"   \
	" coalesce((SELECT packets FROM research), 0) AS research_packets,"                                  \
	" (SELECT nr_sources_count(counted) FROM research) AS research_sources,"                             \
	" (SELECT protocol FROM top) AS top_protocol, (SELECT port FROM top) AS top_port,"                   \
	" (SELECT class FROM top) AS top_class, (SELECT sum FROM top) AS top_packets,"                       \
	" (SELECT count(*) FROM finding t INDEXED BY finding_by_last WHERE t.last >= :from"                  \
	"  AND t.first <= :last AND (:sensor IS NULL OR t.sensor = :sensor)) AS findings"

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
	.base = SUMMARY_BASE,
	.columns = "packets, bytes, coalesce(nr_sources_count(counted), 0),"
		   " coalesce(nr_sources_error(counted), 0), scan_packets, backscatter_packets,"
		   " research_packets, coalesce(research_sources, 0), top_protocol, top_port, top_class,"
		   " top_packets, findings",
};

/* ---- telescope/ports ---- */

#define PORTS_BASE                                                                                           \
	"SELECT t.protocol AS protocol, t.port AS port, t.class AS class, " NR_SQL_PACKETS " AS packets,"    \
	" " NR_SQL_BYTES " AS bytes" NR_SQL_FROM_PORTS                                                       \
	" WHERE (:protocol IS NULL OR t.protocol = :protocol) AND (:class IS NULL OR t.class = :class)"      \
	" GROUP BY t.protocol, t.port HAVING " NR_SQL_PACKETS " > 0"

/* The rows of one port of the page, and all scan packets, which its share is of. */
#define PORTS_DETAIL                                                                                         \
	"(SELECT " NR_SQL_SOURCES " FROM piece CROSS JOIN telescope_port t"                                  \
	" INDEXED BY telescope_port_by_port" NR_SQL_IN_PIECES                                                \
	" AND t.protocol = page.protocol AND t.port = page.port) AS counted,"                                \
	" (SELECT " NR_SQL_PACKETS NR_SQL_FROM_TRAFFIC " WHERE t.category = 'scan') AS total"

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
	.base = PORTS_BASE,
	.detail = PORTS_DETAIL,
	.columns =
		"protocol, port, class, packets, bytes, " NR_SQL_COUNTED ", packets * 1.0 / nullif(total, 0)",
};

/* ---- telescope/series ---- */

#define SERIES_SUMS    NR_SQL_PACKETS " AS packets, " NR_SQL_BYTES " AS bytes, " NR_SQL_SOURCES " AS counted"
#define SERIES_TRAFFIC " FROM sensor CROSS JOIN telescope_traffic t ON" NR_SQL_IN_STEPS
#define PORT_NAME                                                                                            \
	"CASE t.protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 1 THEN 'icmp' ELSE t.protocol END"        \
	" || '/' || t.port"
#define SERIES_PORTS                                                                                         \
	" SELECT t.time AS time, " PORT_NAME " AS key, " SERIES_SUMS                                         \
	" FROM top CROSS JOIN sensor CROSS JOIN telescope_port t INDEXED BY telescope_port_by_port"          \
	" ON t.protocol = top.protocol AND t.port = top.port AND" NR_SQL_IN_STEPS                            \
	" GROUP BY t.time, t.protocol, t.port"
#define SERIES_BY_CLASS                                                                                      \
	"SELECT t.time AS time, substr(t.category, 7) AS key, " SERIES_SUMS SERIES_TRAFFIC " WHERE " CLASSES \
	" AND (:class IS NULL OR t.category = 'class/' || :class) GROUP BY t.time, t.category"
#define SERIES_BY_CATEGORY                                                                                   \
	"SELECT t.time AS time, t.category AS key, " SERIES_SUMS SERIES_TRAFFIC                              \
	" WHERE iif(:category IS NULL, " PLAIN ", t.category = :category) GROUP BY t.time, t.category"
#define SERIES_BY_PORT                                                                                       \
	"WITH top(protocol, port) AS MATERIALIZED (SELECT value->>0, value->>1 FROM "                        \
	"json_each(:before))" SERIES_PORTS
/* The ports of the series, [[protocol, port], ...]: the one that is asked for, or the ten busiest of the
 * range. */
#define SERIES_ONE_PORT "SELECT json_array(json_array(:protocol, :port))"
#define SERIES_TOP_PORTS                                                                                     \
	"SELECT json_group_array(json_array(protocol, port)) FROM (SELECT t.protocol AS protocol,"           \
	" t.port AS port" NR_SQL_FROM_PORTS                                                                  \
	" WHERE (:protocol IS NULL OR t.protocol = :protocol) AND (:port IS NULL OR t.port = :port)"         \
	" AND (:class IS NULL OR t.class = :class) GROUP BY t.protocol, t.port"                              \
	" HAVING " NR_SQL_PACKETS " > 0 ORDER BY " NR_SQL_PACKETS " DESC, t.protocol, t.port LIMIT 10)"

static const char *choose_series(const struct nr_ask *ask)
{
	if (nr_ask_is(ask, "by", "class"))
		return SERIES_BY_CLASS;
	return nr_ask_is(ask, "by", "port") ? SERIES_BY_PORT : SERIES_BY_CATEGORY;
}

static const char *before_series(const struct nr_ask *ask)
{
	if (!nr_ask_is(ask, "by", "port"))
		return NULL;
	return nr_ask_has(ask, "port") && nr_ask_has(ask, "protocol") ? SERIES_ONE_PORT : SERIES_TOP_PORTS;
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
	.choose = choose_series,
	.before = before_series,
	.columns = "time, key, packets, bytes, " NR_SQL_COUNTED,
};

/* ---- telescope/categories, classes, tools ---- */

#define GROUPED(key, condition)                                                                              \
	"SELECT " key " AS key, " SERIES_SUMS NR_SQL_FROM_TRAFFIC " WHERE " condition                        \
	" GROUP BY t.category HAVING " NR_SQL_PACKETS " > 0"

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
	.base = GROUPED("t.category", PLAIN),
	.columns = "key, packets, bytes, " NR_SQL_COUNTED,
};

const struct nr_plan nr_plan_classes = {
	.query = {"telescope/classes", "Scan packets by port class", "ポートの区分ごとの集計",
		grouped_parameters, NR_COUNT(grouped_parameters), class_columns, NR_COUNT(class_columns)},
	.span = NR_SPAN_STEPS,
	.order = {{"packets", true}, {"key", false}},
	.base = GROUPED("substr(t.category, 7)", CLASSES),
	.columns = "key, packets, " NR_SQL_COUNTED,
};

const struct nr_plan nr_plan_tools = {
	.query = {"telescope/tools", "Tools recognised, whole days", "判定されたツール（日単位）",
		grouped_parameters, NR_COUNT(grouped_parameters), tool_columns, NR_COUNT(tool_columns)},
	.span = NR_SPAN_DAYS,
	.order = {{"packets", true}, {"key", false}},
	.base = GROUPED("substr(t.category, 6)", TOOLS),
	.columns = "key, packets, " NR_SQL_COUNTED,
};
