/* SPDX-License-Identifier: Apache-2.0 */
/* The telescope's hosts: one source and its ports, victims, campaigns. */
#include "store/hosts.h"

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
	.detail = "coalesce((SELECT w.text FROM port_class c JOIN word w ON w.id = c.class"
		  " WHERE c.protocol = page.protocol AND c.port = page.port), '') AS class",
	.columns = "protocol, port, class, packets, bytes",
};

/* ---- telescope/victims ---- */

static const struct nr_parameter hosts_parameters[] = {NR_PARAMETER_RANGE, NR_PARAMETER_PAGE};

/* The index has all that the order needs; the rest is looked up for the page alone. */
static const char victims_sql[] =
	"SELECT t.sensor AS sensor, t.address AS address, t.protocol AS protocol, t.first AS first,"
	" t.packets AS packets, nr_hash(t.sensor, t.protocol) AS place"
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
	.detail =
		"t.last AS last, t.peak_60s AS peak_60s, t.targets AS targets, t.target_port AS target_port,"
		" t.rate AS rate, t.country AS country, t.asn AS asn, t.as_name AS as_name",
	.detail_from = " CROSS JOIN telescope_victim t ON t.sensor = page.sensor AND t.first = page.first"
		       " AND t.address = page.address AND t.protocol = page.protocol",
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
