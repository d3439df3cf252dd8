/* SPDX-License-Identifier: Apache-2.0 */
/* The list of named queries, and those that are not of one sense: coverage, runs, findings. */
#include "store/ask.h"

#define QUERY(plan) &nr_plan_##plan.query

const struct nr_query *const nr_store_queries[] = {
	QUERY(coverage),
	QUERY(summary),
	QUERY(ports),
	QUERY(series),
	QUERY(categories),
	QUERY(classes),
	QUERY(tools),
	QUERY(countries),
	QUERY(networks),
	QUERY(ipv6),
	QUERY(ipv6_networks),
	QUERY(sources),
	QUERY(source),
	QUERY(source_ports),
	QUERY(scanners),
	QUERY(victims),
	QUERY(campaigns),
	QUERY(runs),
	QUERY(gaps),
	QUERY(findings),
	QUERY(warnings),
	QUERY(events),
	QUERY(flow_traffic),
	QUERY(flow_exporters),
	QUERY(flow_servers),
	QUERY(flow_server_days),
	QUERY(flow_hosts),
	QUERY(flow_beats),
	QUERY(flow_meetings),
	QUERY(flow_neighbours),
	NULL,
};

const struct nr_query *nr_store_query(const char *name)
{
	for (size_t i = 0; nr_store_queries[i]; i++) {
		if (strcmp(nr_store_queries[i]->name, name) == 0)
			return nr_store_queries[i];
	}
	return NULL;
}

/* ---- coverage ---- */

/* A day's count is exact only where all its parts are: the store keeps a list of those that are not. */
#define SERIES(step)                                                                                         \
	"(SELECT s.id FROM series s WHERE s.name = 'telescope_traffic' AND s.sensor = sensor.sensor"         \
	" AND s.step = " step " AND s.traffic = 0)"
static const char coverage_sql[] =
	"SELECT sensor.sensor AS sensor,"
	" (SELECT min(t.time) FROM pack t WHERE t.series = " SERIES(
		"300") ") AS first,"
		       " (SELECT max(t.time) + 300000000 FROM pack t WHERE t.series = " SERIES(
			       "300") ") AS last,"
				      " NOT EXISTS (SELECT 1 FROM inexact t WHERE t.sensor = sensor.sensor) "
				      "AS sources_exact,"
				      " (SELECT count(*) FROM telescope_run r WHERE r.sensor = "
				      "sensor.sensor) AS runs,"
				      " (SELECT count(*) FROM sensor_gap r WHERE r.sensor = sensor.sensor) "
				      "AS gaps"
				      " FROM sensor";

static const struct nr_result_column coverage_columns[] = {
	{"sensor", NR_VALUE_TEXT, "sensor", "センサ"},
	{"first", NR_VALUE_TIME, "start of the first stored window", "保存されている最初の時刻"},
	{"last", NR_VALUE_TIME, "end of the last stored window", "保存されている最後の時刻"},
	{"sources_exact", NR_VALUE_INT, "1: all unique sources per day are exact",
		"1: 日ごとのユニークホスト数がすべて正確"},
	{"runs", NR_VALUE_INT, "readings", "読み込み回数"},
	{"gaps", NR_VALUE_INT, "times without full sight (`gaps` lists them)", "欠測の件数（gapsで一覧）"},
};

const struct nr_plan nr_plan_coverage = {
	.query = {"coverage", "What is stored, per sensor", "センサごとの保存期間", NULL, 0, coverage_columns,
		NR_COUNT(coverage_columns)},
	.span = NR_SPAN_NONE,
	.order = {{"sensor", false}},
	.base = coverage_sql,
	.columns = "sensor, first, last, sources_exact, runs, gaps",
};

/* ---- gaps ---- */

static const char gaps_sql[] =
	"SELECT t.*, nr_hash(t.sensor, t.sense, t.cause) AS place FROM sensor_gap t INDEXED BY "
	"sensor_gap_by_last"
	" WHERE t.last >= :from AND t.first <= :last AND (:sensor IS NULL OR t.sensor = :sensor)";

static const struct nr_parameter gap_parameters[] = {
	{"sensor", NR_VALUE_TEXT, .text_en = "name of one sensor"},
	{"from", NR_VALUE_TIME,
		.text_en = "start of the range; RFC 3339 or Unix seconds; default: all that is stored"},
	{"to", NR_VALUE_TIME, .text_en = "end of the range, not included; RFC 3339 or Unix seconds"},
	NR_PARAMETER_PAGE,
};

static const struct nr_result_column gap_columns[] = {
	{"sensor", NR_VALUE_TEXT, "sensor", "センサ"},
	{"sense", NR_VALUE_TEXT, "sense", "観測機能"},
	{"first", NR_VALUE_TIME, "start of the gap", "欠測の始まり"},
	{"last", NR_VALUE_TIME, "its end; null: it goes on", "欠測の終わり（nullは継続中）"},
	{"cause", NR_VALUE_TEXT, "cause", "原因"},
	{"packets", NR_VALUE_INT, "packets known to be lost; 0: not known", "失われたパケット数（0は不明）"},
	{"text_en", NR_VALUE_TEXT, "what happened", "説明（英語）"},
	{"text_ja", NR_VALUE_TEXT, "what happened (Japanese)", "説明"},
};

const struct nr_plan nr_plan_gaps = {
	.query = {"gaps", "Times in which a sensor did not see everything, newest first",
		"センサが観測できなかった時間（新しい順）", gap_parameters, NR_COUNT(gap_parameters),
		gap_columns, NR_COUNT(gap_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"first", true}, {"place", false}},
	.base = gaps_sql,
	.columns =
		"sensor, sense, first, nullif(last, 9223372036854775807), cause, packets, text_en, text_ja",
};

/* ---- telescope/runs ---- */

static const char runs_sql[] =
	"SELECT t.*, nr_hash(t.sensor, t.input) AS place FROM sensor CROSS JOIN telescope_run t"
	" ON t.sensor = sensor.sensor" NR_SQL_TOUCH;

static const struct nr_parameter range_parameters[] = {NR_PARAMETER_RANGE, NR_PARAMETER_PAGE};

static const struct nr_result_column run_columns[] = {
	{"time", NR_VALUE_TIME, "when the reading started", "読み込み開始時刻"},
	{"input", NR_VALUE_TEXT, "files read", "入力ファイル"},
	{"frames", NR_VALUE_INT, "records read", "読み込んだレコード数"},
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	{"bytes", NR_VALUE_INT, "bytes on the wire", "バイト数"},
	{"late", NR_VALUE_INT, "packets too late for their interval", "集計に間に合わなかったパケット数"},
	{"first", NR_VALUE_TIME, "first packet", "最初のパケット"},
	{"last", NR_VALUE_TIME, "last packet", "最後のパケット"},
	{"dropped", NR_VALUE_JSON, "dropped, by cause", "原因別の除外数"},
	{"dark", NR_VALUE_INT, "dark addresses observed", "観測対象のアドレス数"},
	{"rules", NR_VALUE_TEXT, "rule files and versions", "規則ファイルと版"},
	{"session", NR_VALUE_TEXT, "session: rows of one replace each other, those of several add up",
		"セッション。同じものの記録は置き換わり、異なるものは合算される"},
};

const struct nr_plan nr_plan_runs = {
	.query = {"telescope/runs", "Readings and what they lost", "読み込みの記録と欠測", range_parameters,
		NR_COUNT(range_parameters), run_columns, NR_COUNT(run_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"time", true}, {"place", false}},
	.base = runs_sql,
	.columns = "time, input, frames, packets, bytes, late, first, last, dropped, dark, rules, session",
};

/* ---- findings ---- */

#define FINDINGS                                                                                             \
	" AND t.first <= :last AND (:sensor IS NULL OR t.sensor = :sensor) AND (:kind IS NULL OR t.kind = "  \
	":kind)"                                                                                             \
	" AND (:sense IS NULL OR t.sense = :sense)"                                                          \
	" AND (:research = 'with' OR (t.kind = 'research-scanner') = (:research = 'only'))"
#define FINDINGS_PLACE "nr_hash(t.sensor, t.sense, t.kind, t.subject, t.first) AS place"

/* The indexes hold the key, which is all that filters and order need; the rest is looked up for the page
 * alone. */
#define FINDINGS_KEY                                                                                         \
	"SELECT t.sensor AS sensor, t.sense AS sense, t.kind AS kind, t.subject AS subject, t.first AS "     \
	"first,"                                                                                             \
	" t.last AS last, " FINDINGS_PLACE " FROM finding t INDEXED BY "

static const char *choose_findings(const struct nr_ask *ask)
{
	if (nr_ask_has(ask, "subject"))
		return FINDINGS_KEY
			"finding_by_subject WHERE t.subject = :subject AND t.last >= :from" FINDINGS;
	if (nr_ask_has(ask, "kind"))
		return FINDINGS_KEY "finding_by_kind WHERE t.kind = :kind AND t.last >= :from" FINDINGS;
	return FINDINGS_KEY "finding_by_last WHERE t.last >= :from" FINDINGS;
}

static const struct nr_parameter finding_parameters[] = {
	NR_PARAMETER_RANGE,
	{"kind", NR_VALUE_TEXT, .text_en = "kind, e.g. infected-host, research-scanner, ddos-victim"},
	{"subject", NR_VALUE_ADDRESS, .text_en = "address that the finding is about"},
	{"sense", NR_VALUE_TEXT, .text_en = "sense that judged, e.g. telescope"},
	NR_PARAMETER_PAGE,
};

static const struct nr_result_column finding_columns[] = {
	{"sensor", NR_VALUE_TEXT, "sensor", "センサ"},
	{"sense", NR_VALUE_TEXT, "sense", "観測機能"},
	{"kind", NR_VALUE_TEXT, "kind", "種類"},
	{"subject", NR_VALUE_ADDRESS, "subject", "対象"},
	{"first", NR_VALUE_TIME, "first seen", "最初の観測"},
	{"last", NR_VALUE_TIME, "last seen", "最後の観測"},
	{"count", NR_VALUE_INT, "count", "件数"},
	{"confidence", NR_VALUE_REAL, "confidence, 0 to 1", "確信度（0〜1）"},
	{"severity", NR_VALUE_INT, "severity, 1 info to 5 critical", "重大度（1: 情報〜5: 緊急）"},
	{"reason_en", NR_VALUE_TEXT, "reason", "理由（英語）"},
	{"reason_ja", NR_VALUE_TEXT, "reason (Japanese)", "理由"},
	{"evidence", NR_VALUE_JSON, "evidence", "根拠"},
};

const struct nr_plan nr_plan_findings = {
	.query = {"findings", "Judged facts, newest first", "判定された事実（新しい順）", finding_parameters,
		NR_COUNT(finding_parameters), finding_columns, NR_COUNT(finding_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"last", true}, {"place", false}},
	.choose = choose_findings,
	.detail = "t.count AS count, t.confidence AS confidence, t.severity AS severity,"
		  " t.reason_en AS reason_en, t.reason_ja AS reason_ja, t.evidence AS evidence",
	.detail_from = " CROSS JOIN finding t ON t.sensor = page.sensor AND t.sense = page.sense"
		       " AND t.kind = page.kind AND t.subject = page.subject AND t.first = page.first",
	.columns = "sensor, sense, kind, subject, first, last, count, confidence, severity, reason_en, "
		   "reason_ja, evidence",
};
