/* SPDX-License-Identifier: Apache-2.0 */
/* Early warnings, and the scanning events that aggressive hitters are judged by. */
#include "store/ask.h"

/* ---- warnings ---- */

/* The literal rule of a method alerts for a single host; what a person is shown asks for more. */
static const char *const notable_choices[] = {"only", "all", NULL};

static const char warnings_sql[] =
	"SELECT t.*, nr_hash(t.sensor, t.kind, t.key) AS place FROM sensor CROSS JOIN telescope_warning t"
	" ON t.sensor = sensor.sensor AND t.last >= :from AND t.time <= :last WHERE (:kind IS NULL OR t.kind "
	"= :kind) AND (t.notable OR :notable = 'all')";

static const struct nr_parameter warnings_parameters[] = {
	NR_PARAMETER_RANGE,
	{"kind", NR_VALUE_TEXT,
		.text_en = "method that warns: changefinder, synchrony, slow-scanner, aggressive"},
	{"notable", NR_VALUE_TEXT, "only", .choices = notable_choices,
		.text_en = "warnings that are findings, or all that the methods said"},
	NR_PARAMETER_PAGE,
};

static const struct nr_result_column warnings_columns[] = {
	{"sensor", NR_VALUE_TEXT, "sensor", "センサ"},
	{"time", NR_VALUE_TIME, "slot in which it began", "始まった時刻"},
	{"last", NR_VALUE_TIME, "end of the last slot in which it lasted", "続いている最後の時刻"},
	{"kind", NR_VALUE_TEXT, "method that warns", "検知方法"},
	{"key", NR_VALUE_TEXT, "port, country, address or prefix", "ポート・国・アドレス・プレフィックス"},
	{"value", NR_VALUE_REAL, "figure that was judged", "判定に使った値"},
	{"score", NR_VALUE_REAL, "score of the method", "検知方法のスコア"},
	{"sources", NR_VALUE_INT, "unique sources", "ユニークホスト数"},
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	{"notable", NR_VALUE_INT, "1: a finding, too; 0: kept, but not worth a look",
		"1: 検知結果でもある、0: 記録のみ"},
	{"evidence", NR_VALUE_JSON, "evidence", "根拠"},
	{"reason_en", NR_VALUE_TEXT, "reason", "理由（英語）"},
	{"reason_ja", NR_VALUE_TEXT, "reason (Japanese)", "理由"},
};

const struct nr_plan nr_plan_warnings = {
	.query = {"warnings", "Early warnings, newest first", "早期警戒（新しい順）", warnings_parameters,
		NR_COUNT(warnings_parameters), warnings_columns, NR_COUNT(warnings_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"time", true}, {"place", false}},
	.base = warnings_sql,
	.columns = "sensor, time, last, kind, key, value, score, sources, packets, notable, evidence, "
		   "reason_en, reason_ja",
};

/* ---- telescope/events ---- */

static const char events_sql[] =
	"SELECT t.*, nr_hash(t.sensor, t.type, t.port) AS place FROM sensor CROSS JOIN telescope_event t"
	" ON t.sensor = sensor.sensor" NR_SQL_TOUCH
	" WHERE (:address IS NULL OR t.address = :address) AND (:port IS NULL OR t.port = :port)";

static const struct nr_parameter events_parameters[] = {
	NR_PARAMETER_RANGE,
	{"address", NR_VALUE_ADDRESS, .text_en = "source"},
	NR_PARAMETER_PORT,
	NR_PARAMETER_PAGE,
};

static const struct nr_result_column events_columns[] = {
	{"address", NR_VALUE_ADDRESS, "address", "アドレス"},
	{"type", NR_VALUE_INT,
		"traffic type: 0-10 ICMP, 11 TCP SYN, 12 SYN-ACK, 13 ACK, 14 RST, 15 other "
		"TCP, 16 UDP, 17 other",
		"通信の種類（0〜10: ICMP、11: TCP SYN、12: SYN-ACK、13: ACK、14: RST、15: その他のTCP、16: "
		"UDP、17: その他）"},
	{"port", NR_VALUE_INT, "port: destination; source for answers", "ポート（応答では送信元ポート）"},
	{"first", NR_VALUE_TIME, "first seen", "最初の観測"},
	{"last", NR_VALUE_TIME, "last seen", "最後の観測"},
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	{"bytes", NR_VALUE_INT, "bytes on the wire", "バイト数"},
	{"destinations", NR_VALUE_INT, "distinct dark addresses", "観測したダークネットアドレス数"},
	{"error", NR_VALUE_REAL, "relative standard error of the distinct addresses; 0 = exact",
		"アドレス数の相対標準誤差（0は正確な値）"},
	{"rate", NR_VALUE_REAL, "estimated packets/s to the whole Internet",
		"インターネット全体への推定パケット毎秒"},
	{"coverage", NR_VALUE_REAL, "share of the dark addresses", "ダークネットに占める割合"},
	{"definitions", NR_VALUE_TEXT, "definitions of an aggressive hitter that hold", "該当する定義"},
	{"country", NR_VALUE_TEXT, "country, ISO 3166-1", "国（ISO 3166-1）"},
	{"asn", NR_VALUE_INT, "autonomous system number", "AS番号"},
	{"as_name", NR_VALUE_TEXT, "autonomous system name", "AS名"},
};

const struct nr_plan nr_plan_events = {
	.query = {"telescope/events", "Scanning events, most packets first",
		"スキャンイベント（パケット数の多い順）", events_parameters, NR_COUNT(events_parameters),
		events_columns, NR_COUNT(events_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"packets", true}, {"address", false}, {"first", false}, {"place", false}},
	.base = events_sql,
	.columns = "address, type, port, first, last, packets, bytes, destinations, error, rate, coverage, "
		   "definitions, country, asn, as_name",
};
