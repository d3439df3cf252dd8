/* SPDX-License-Identifier: Apache-2.0 */
/* The telescope's hosts: sources, research scanners, victims, campaigns. */
#include "store/ask.h"

#define COLUMN_ORIGIN                                                                                        \
	{"country", NR_VALUE_TEXT, "country, ISO 3166-1", "国（ISO 3166-1）"},                               \
		{"asn", NR_VALUE_INT, "autonomous system number", "AS番号"},                                 \
	{                                                                                                    \
		"as_name", NR_VALUE_TEXT, "autonomous system name", "AS名"                                  \
	}
#define COLUMN_SEEN                                                                                          \
	{"first", NR_VALUE_TIME, "first seen", "最初の観測"},                                                \
	{                                                                                                    \
		"last", NR_VALUE_TIME, "last seen", "最後の観測"                                        \
	}
#define COLUMN_ADDRESS                                                                                       \
	{                                                                                                    \
		"address", NR_VALUE_ADDRESS, "address", "アドレス"                                       \
	}
#define COLUMN_PACKETS                                                                                       \
	{                                                                                                    \
		"packets", NR_VALUE_INT, "packets", "パケット数"                                        \
	}

/* ---- telescope/sources ---- */

#define SOURCE_FILTER                                                                                        \
	" (:tool IS NULL OR instr(',' || t.tools || ',', ',' || :tool || ',') > 0)"                          \
	" AND (:country IS NULL OR t.country = :country)"                                                    \
	" AND (:research = 'with' OR (t.research <> '') = (:research = 'only'))"
#define SOURCES_ALL                                                                                          \
	"SELECT t.address AS address, sum(t.packets) AS packets" NR_SQL_FROM_SOURCES " WHERE" SOURCE_FILTER  \
	" GROUP BY t.address"
#define SOURCES_ONE                                                                                          \
	"SELECT t.address AS address, sum(t.packets) AS packets"                                             \
	" FROM telescope_source t INDEXED BY telescope_source_by_address"                                    \
	" WHERE t.address = :address AND t.time BETWEEN :day_from AND :last" NR_SQL_TOUCH                    \
	" AND t.sensor IN (SELECT sensor FROM sensor) AND" SOURCE_FILTER " GROUP BY t.address"
#define SOURCES_ON_PORT(condition)                                                                           \
	"SELECT p.address AS address, sum(p.packets) AS packets"                                             \
	" FROM sensor CROSS JOIN day CROSS JOIN telescope_source_port p"                                     \
	" ON p.sensor = sensor.sensor AND p.time = day.time AND " condition                                  \
	" CROSS JOIN telescope_source t ON t.sensor = p.sensor AND t.time = p.time"                          \
	" AND t.address = p.address" NR_SQL_TOUCH                                                            \
	" WHERE (:address IS NULL OR p.address = :address) AND" SOURCE_FILTER " GROUP BY p.address"
#define EITHER_PROTOCOL "p.protocol IN (coalesce(:protocol, 6), coalesce(:protocol, 17))"

/* What is known of the page's sources. Country and AS come from one and the same row of the address. */
#define SOURCES_DETAIL                                                                                       \
	"sum(t.scan_packets) AS scan_packets, max(t.ports) AS ports, min(t.first) AS first,"                 \
	" max(t.last) AS last, nr_words(t.categories) AS categories, nr_words(t.tools) AS tools,"            \
	" nr_words(t.research) AS research, nr_words(t.marks) AS marks, t.country AS country,"               \
	" t.asn AS asn, t.as_name AS as_name"
#define SOURCES_DETAIL_FROM                                                                                  \
	" CROSS JOIN telescope_source t INDEXED BY telescope_source_by_address ON t.address = page.address"  \
	" AND t.time BETWEEN :day_from AND :last" NR_SQL_TOUCH                                               \
	" AND t.sensor IN (SELECT sensor FROM sensor) AND" SOURCE_FILTER " GROUP BY page.address"

static const char *choose_sources(const struct nr_ask *ask)
{
	if (nr_ask_has(ask, "port"))
		return SOURCES_ON_PORT(EITHER_PROTOCOL " AND p.port = :port");
	if (nr_ask_has(ask, "protocol"))
		return SOURCES_ON_PORT("p.protocol = :protocol");
	return nr_ask_has(ask, "address") ? SOURCES_ONE : SOURCES_ALL;
}

static const struct nr_parameter sources_parameters[] = {
	NR_PARAMETER_RANGE,
	NR_PARAMETER_PROTOCOL,
	NR_PARAMETER_PORT,
	{"tool", NR_VALUE_TEXT, .text_en = "tool, e.g. mirai, zmap, masscan, nmap"},
	{"country", NR_VALUE_TEXT, .text_en = "country, ISO 3166-1 alpha-2"},
	{"address", NR_VALUE_ADDRESS, .text_en = "one address"},
	NR_PARAMETER_PAGE,
};

#define SOURCE_FACTS                                                                                         \
	{"scan_packets", NR_VALUE_INT, "scan packets", "スキャンパケット数"},                                \
		{"ports", NR_VALUE_INT, "distinct destination ports (largest day)",                          \
			"宛先ポートの種類数（最多の日）"},                                                   \
		COLUMN_SEEN, {"categories", NR_VALUE_TEXT, "categories seen", "観測された分類"},             \
		{"tools", NR_VALUE_TEXT, "tools recognised", "判定されたツール"},                            \
		{"research", NR_VALUE_TEXT, "rule that marks a research scanner",                            \
			"調査目的のスキャンと判定した規則"},                                                 \
		{"marks", NR_VALUE_TEXT, "evidence marks", "特徴の印"}, COLUMN_ORIGIN

static const struct nr_result_column sources_columns[] = {
	COLUMN_ADDRESS,
	{"packets", NR_VALUE_INT, "packets; to the port where one is asked",
		"パケット数（ポート指定時はそのポート宛）"},
	SOURCE_FACTS,
};

const struct nr_plan nr_plan_sources = {
	.query = {"telescope/sources", "Sources, busiest first", "送信元ホスト（多い順）", sources_parameters,
		NR_COUNT(sources_parameters), sources_columns, NR_COUNT(sources_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"packets", true}, {"address", false}},
	.choose = choose_sources,
	.detail = SOURCES_DETAIL,
	.detail_from = SOURCES_DETAIL_FROM,
	.columns = "address, packets, scan_packets, ports, first, last, categories, tools, research, marks, "
		   "country, asn,"
		   " as_name",
};

/* ---- telescope/source ---- */

static const char source_sql[] =
	"SELECT t.*, nr_hash(t.sensor) AS place"
	" FROM telescope_source t INDEXED BY telescope_source_by_address"
	" WHERE t.address = :address AND t.time BETWEEN :day_from AND :last" NR_SQL_TOUCH
	" AND t.sensor IN (SELECT sensor FROM sensor)";

static const struct nr_parameter source_parameters[] = {
	NR_PARAMETER_ADDRESS, NR_PARAMETER_RANGE, NR_PARAMETER_PAGE};

static const struct nr_result_column source_columns[] = {
	{"time", NR_VALUE_TIME, "start of the day", "日"},
	{"sensor", NR_VALUE_TEXT, "sensor", "センサ"},
	COLUMN_ADDRESS,
	COLUMN_PACKETS,
	SOURCE_FACTS,
	{"evidence", NR_VALUE_JSON, "evidence", "根拠"},
};

const struct nr_plan nr_plan_source = {
	.query = {"telescope/source", "One source, day by day, with its evidence",
		"送信元ホストの日ごとの記録と根拠", source_parameters, NR_COUNT(source_parameters),
		source_columns, NR_COUNT(source_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"time", false}, {"place", false}},
	.base = source_sql,
	.columns = "time, sensor, address, packets, scan_packets, ports, first, last, categories, tools, "
		   "research, marks,"
		   " country, asn, as_name, evidence",
};

/* ---- telescope/source-ports ---- */

static const char source_ports_sql[] =
	"SELECT t.protocol AS protocol, t.port AS port, sum(t.packets) AS packets, sum(t.bytes) AS "
	"bytes"
	" FROM telescope_source_port t INDEXED BY telescope_source_port_by_address"
	" WHERE t.address = :address AND t.time BETWEEN :day_from AND :last"
	" AND t.sensor IN (SELECT sensor FROM sensor) GROUP BY t.protocol, t.port";

static const struct nr_result_column source_ports_columns[] = {
	{"protocol", NR_VALUE_INT, "IP protocol number", "IPプロトコル番号"},
	{"port", NR_VALUE_INT, "destination port", "宛先ポート"},
	{"class", NR_VALUE_TEXT, "port class", "ポートの区分"},
	COLUMN_PACKETS,
	{"bytes", NR_VALUE_INT, "bytes on the wire", "バイト数"},
};

const struct nr_plan nr_plan_source_ports = {
	.query = {"telescope/source-ports", "Destination ports of one source, whole days",
		"送信元ホストの宛先ポート（日単位）", source_parameters, NR_COUNT(source_parameters),
		source_ports_columns, NR_COUNT(source_ports_columns)},
	.span = NR_SPAN_DAYS,
	.order = {{"packets", true}, {"protocol", false}, {"port", false}},
	.base = source_ports_sql,
	.detail = "(SELECT t.class FROM telescope_port t INDEXED BY telescope_port_by_port"
		  " WHERE t.protocol = page.protocol AND t.port = page.port LIMIT 1) AS class",
	.columns = "protocol, port, class, packets, bytes",
};

/* ---- telescope/scanners ---- */

static const char scanners_sql[] =
	"SELECT t.address AS address, sum(t.packets) AS packets, max(t.ports) AS ports,"
	" nr_words(t.research) AS rule, min(t.first) AS first, max(t.last) AS last,"
	" t.country AS country, t.asn AS asn, t.as_name AS as_name" NR_SQL_FROM_SOURCES
	" WHERE t.research <> '' GROUP BY t.address";

static const struct nr_parameter hosts_parameters[] = {NR_PARAMETER_RANGE, NR_PARAMETER_PAGE};

static const struct nr_result_column scanners_columns[] = {
	COLUMN_ADDRESS,
	COLUMN_PACKETS,
	{"ports", NR_VALUE_INT, "distinct destination ports (largest day)", "宛先ポートの種類数（最多の日）"},
	{"rule", NR_VALUE_TEXT, "rules that mark it: nicter, scaled, list:NAME", "判定した規則"},
	COLUMN_SEEN,
	COLUMN_ORIGIN,
};

const struct nr_plan nr_plan_scanners = {
	.query = {"telescope/scanners", "Research scanners", "調査目的のスキャン", hosts_parameters,
		NR_COUNT(hosts_parameters), scanners_columns, NR_COUNT(scanners_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"packets", true}, {"address", false}},
	.base = scanners_sql,
	.columns = "address, packets, ports, rule, first, last, country, asn, as_name",
};

/* ---- telescope/victims ---- */

static const char victims_sql[] =
	"SELECT t.*, nr_hash(t.sensor, t.protocol) AS place"
	" FROM telescope_victim t INDEXED BY telescope_victim_by_last WHERE t.last >= :from"
	" AND t.first <= :last AND t.sensor IN (SELECT sensor FROM sensor)";

static const struct nr_result_column victims_columns[] = {
	COLUMN_ADDRESS,
	{"protocol", NR_VALUE_INT, "IP protocol that the attack used", "攻撃のIPプロトコル番号"},
	COLUMN_SEEN,
	COLUMN_PACKETS,
	{"peak_60s", NR_VALUE_INT, "most packets in 60 s", "60秒間の最大パケット数"},
	{"targets", NR_VALUE_INT, "distinct dark addresses that were answered",
		"観測したダークネットアドレス数"},
	{"target_port", NR_VALUE_INT, "first port attacked", "最初に攻撃されたポート"},
	{"rate", NR_VALUE_REAL, "estimated packets/s at the victim; 0: not known",
		"被害ホストでの推定パケット毎秒（0は不明）"},
	COLUMN_ORIGIN,
};

const struct nr_plan nr_plan_victims = {
	.query = {"telescope/victims", "DDoS victims seen by backscatter",
		"バックスキャッタから見えるDDoS被害ホスト", hosts_parameters, NR_COUNT(hosts_parameters),
		victims_columns, NR_COUNT(victims_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"packets", true}, {"address", false}, {"first", false}, {"place", false}},
	.base = victims_sql,
	.columns = "address, protocol, first, last, packets, peak_60s, targets, target_port, rate, country, "
		   "asn, as_name",
};

/* ---- telescope/campaigns ---- */

static const char campaigns_sql[] = "SELECT t.*, nr_hash(t.sensor, t.signature) AS place"
				    " FROM sensor CROSS JOIN telescope_campaign t" NR_SQL_IN_DAYS;

static const struct nr_result_column campaigns_columns[] = {
	{"time", NR_VALUE_TIME, "day", "日"},
	{"signature", NR_VALUE_TEXT, "shared invariants", "共通する特徴"},
	{"sources", NR_VALUE_INT, "unique sources", "ユニークホスト数"},
	COLUMN_PACKETS,
	{"protocol", NR_VALUE_INT, "IP protocol number", "IPプロトコル番号"},
	{"port", NR_VALUE_INT, "destination port", "宛先ポート"},
	COLUMN_SEEN,
};

const struct nr_plan nr_plan_campaigns = {
	.query = {"telescope/campaigns", "Sources that share tool invariants", "同じ特徴をもつ送信元の集まり",
		hosts_parameters, NR_COUNT(hosts_parameters), campaigns_columns, NR_COUNT(campaigns_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"packets", true}, {"time", false}, {"place", false}},
	.base = campaigns_sql,
	.columns = "time, signature, sources, packets, protocol, port, first, last",
};
