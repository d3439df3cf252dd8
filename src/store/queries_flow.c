/* SPDX-License-Identifier: Apache-2.0 */
/* Flows: sums of traffic over time, and exporters. No client is in either. */
#include "store/ask.h"

#define TABLE_STEP 300 /* seconds: rows of every step cover the same time */

/* ---- flow/traffic ---- */

/* The largest keys of the range have lines of their own; what others have is one line with the rest. */
#define ROWS                                                                                                 \
	" FROM sensor CROSS JOIN flow_traffic t ON t.sensor = sensor.sensor"                                 \
	" AND t.step = CASE :step WHEN '5m' THEN 300 WHEN '1h' THEN 3600 ELSE 86400 END"                     \
	" AND t.time BETWEEN :from AND :last AND t.dimension = :dimension"
static const char traffic_sql[] =
	"SELECT time, key, max(name) AS name, sum(flows) AS flows, sum(packets) AS packets, sum(bytes) AS "
	"bytes,"
	" sum(estimated_packets) AS estimated_packets, sum(estimated_bytes) AS estimated_bytes,"
	" sum(unknown_flows) AS unknown_flows FROM ("
	"SELECT t.time AS time, CASE WHEN t.key IN (SELECT t.key" ROWS
	" WHERE t.key <> 'other' GROUP BY t.key ORDER BY sum(t.bytes) DESC, t.key LIMIT :top)"
	" THEN t.key ELSE 'other' END AS key, CASE WHEN t.key = 'other' THEN '' ELSE t.name END AS name,"
	" flows, packets, bytes, estimated_packets, estimated_bytes, unknown_flows" ROWS
	") GROUP BY time, key";

static const char *const dimensions[] = {
	"all", "service", "as", "source_as", "destination_as", "country", "exporter", NULL};
static const char *const steps[] = {"5m", "1h", "1d", NULL};

static const struct nr_parameter traffic_parameters[] = {
	{"sensor", NR_VALUE_TEXT,
		.text_en = "name of one sensor; all of them are added up where it is left out"},
	{"from", NR_VALUE_TIME,
		.text_en = "start of the range; RFC 3339 or Unix seconds; default: all that is stored"},
	{"to", NR_VALUE_TIME, .text_en = "end of the range, not included; RFC 3339 or Unix seconds"},
	{"dimension", NR_VALUE_TEXT, "all", .choices = dimensions,
		.text_en = "what lines there are; as and country: of the server's side"},
	{"step", NR_VALUE_TEXT, "1h", .choices = steps, .text_en = "length of a step"},
	{"top", NR_VALUE_INT, "20", .minimum = 1, .maximum = 200,
		.text_en = "lines of the range's largest; the rest is one, other"},
	{"limit", NR_VALUE_INT, "1000", .minimum = 1, .maximum = 10000, .text_en = "rows of one page"},
	{"after", NR_VALUE_TEXT, .text_en = "the page after this cursor (`next` of the page before)"},
};

static const struct nr_result_column traffic_columns[] = {
	{"time", NR_VALUE_TIME, "start of the step, by the time of receipt", "集計開始時刻（受信時刻）"},
	{"key", NR_VALUE_TEXT, "service, network, country or exporter; other: the rest",
		"サービス・AS・国・エクスポーター（otherはその他）"},
	{"name", NR_VALUE_TEXT, "its name", "名称"},
	{"flows", NR_VALUE_INT, "flows", "フロー数"},
	{"packets", NR_VALUE_INT, "packets, as exported", "パケット数（エクスポートされた値）"},
	{"bytes", NR_VALUE_INT, "bytes, as exported", "バイト数（エクスポートされた値）"},
	{"estimated_packets", NR_VALUE_INT, "packets times the sampling rate, where it is known",
		"推定パケット数（サンプリング率が既知のフロー）"},
	{"estimated_bytes", NR_VALUE_INT, "bytes times the sampling rate, where it is known",
		"推定バイト数（サンプリング率が既知のフロー）"},
	{"unknown_flows", NR_VALUE_INT, "flows whose sampling rate is not known",
		"サンプリング率が不明なフロー数"},
};

const struct nr_plan nr_plan_flow_traffic = {
	.query = {"flow/traffic",
		"Flows, packets and bytes over time, by service, network, country or exporter",
		"サービス・AS・国・エクスポーターごとのトラフィックの推移", traffic_parameters,
		NR_COUNT(traffic_parameters), traffic_columns, NR_COUNT(traffic_columns)},
	.span = NR_SPAN_SERIES,
	.table = "flow_traffic",
	.table_step = TABLE_STEP,
	.order = {{"time", false}, {"key", false}},
	.base = traffic_sql,
	.columns =
		"time, key, name, flows, packets, bytes, estimated_packets, estimated_bytes, unknown_flows",
};

/* ---- flow/exporters ---- */

static const char exporters_sql[] =
	"SELECT t.*, nr_hash(t.sensor, t.export) AS place FROM sensor CROSS JOIN flow_exporter t"
	" ON t.sensor = sensor.sensor";

static const struct nr_parameter exporters_parameters[] = {
	{"sensor", NR_VALUE_TEXT, .text_en = "name of one sensor"},
	{"limit", NR_VALUE_INT, "100", .minimum = 1, .maximum = 1000, .text_en = "rows of one page"},
	{"after", NR_VALUE_TEXT, .text_en = "the page after this cursor (`next` of the page before)"},
};

static const struct nr_result_column exporters_columns[] = {
	{"sensor", NR_VALUE_TEXT, "sensor", "センサ"},
	{"exporter", NR_VALUE_ADDRESS, "address of the exporter", "エクスポーターのアドレス"},
	{"domain", NR_VALUE_INT, "observation domain", "観測ドメイン"},
	{"export", NR_VALUE_TEXT, "protocol", "プロトコル"},
	{"first", NR_VALUE_TIME, "first seen", "最初の観測"},
	{"last", NR_VALUE_TIME, "last seen", "最後の観測"},
	{"datagrams", NR_VALUE_INT, "messages received", "受信メッセージ数"},
	{"records", NR_VALUE_INT, "flows", "フロー数"},
	{"options_records", NR_VALUE_INT, "records of options", "オプションレコード数"},
	{"templates", NR_VALUE_INT, "templates known", "既知のテンプレート数"},
	{"loss_unit", NR_VALUE_TEXT, "what its sequence numbers count", "シーケンス番号の単位"},
	{"received", NR_VALUE_INT, "received, in that unit", "受信数（同単位）"},
	{"lost", NR_VALUE_INT, "lost before they were received, in that unit",
		"受信前に失われた数（同単位）"},
	{"lost_unknown", NR_VALUE_INT, "neither known to be received nor lost", "受信・欠落が不明な数"},
	{"sampling", NR_VALUE_REAL, "sampling rate, one in so many; 0: not known",
		"サンプリング率（1:N、0は不明）"},
	{"sampling_from", NR_VALUE_TEXT, "who says so", "率の出所"},
	{"active_timeout", NR_VALUE_INT, "active timeout, seconds; 0: not known",
		"アクティブタイムアウト（秒、0は不明）"},
	{"inactive_timeout", NR_VALUE_INT, "inactive timeout, seconds; 0: not known",
		"非アクティブタイムアウト（秒、0は不明）"},
	{"clock_offset", NR_VALUE_REAL, "how far its clock is ahead of ours, seconds", "時計の進み（秒）"},
	{"detail", NR_VALUE_JSON, "all that is known of it", "詳細"},
};

const struct nr_plan nr_plan_flow_exporters = {
	.query = {"flow/exporters", "Exporters, and how well they are received", "エクスポーターと受信状況",
		exporters_parameters, NR_COUNT(exporters_parameters), exporters_columns,
		NR_COUNT(exporters_columns)},
	.span = NR_SPAN_NONE,
	.table = "flow_exporter",
	.order = {{"exporter", false}, {"domain", false}, {"place", false}},
	.base = exporters_sql,
	.columns = "sensor, exporter, domain, export, first, last, datagrams, records, options_records, "
		   "templates,"
		   " loss_unit, received, lost, lost_unknown, sampling, sampling_from, active_timeout,"
		   " inactive_timeout, clock_offset, detail",
};
