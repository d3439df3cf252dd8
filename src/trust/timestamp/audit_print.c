/* SPDX-License-Identifier: Apache-2.0 */
/* The audit for people, as a document in English or Japanese, and for machines, as JSON. */
#include "trust/ledger/source.h"
#include "trust/timestamp/audit.h"

#include <inttypes.h>
#include <string.h>

#define CELL 64

static const char *const reasons_en[NR_CLOCK_REASONS] = {
	[NR_CLOCK_FINE] = "none",
	[NR_CLOCK_NO_QUORUM] = "too few references agree",
	[NR_CLOCK_BEYOND_LIMIT] = "beyond the limit",
	[NR_CLOCK_VETO] = "a reference objects",
	[NR_CLOCK_STEPPED] = "the clock was set",
	[NR_CLOCK_SUSPENDED] = "the machine was suspended",
	[NR_CLOCK_LEAP] = "leap second",
	[NR_CLOCK_SETTLING] = "settling after a start",
	[NR_CLOCK_UNCONFIRMED] = "waiting for the operator",
};
static const char *const reasons_ja[NR_CLOCK_REASONS] = {
	[NR_CLOCK_FINE] = "なし",
	[NR_CLOCK_NO_QUORUM] = "一致する参照時計の不足",
	[NR_CLOCK_BEYOND_LIMIT] = "監査規格の超過",
	[NR_CLOCK_VETO] = "参照時計の異議",
	[NR_CLOCK_STEPPED] = "時計の飛び",
	[NR_CLOCK_SUSPENDED] = "装置の休止",
	[NR_CLOCK_LEAP] = "うるう秒",
	[NR_CLOCK_SETTLING] = "起動後の安定待ち",
	[NR_CLOCK_UNCONFIRMED] = "運用者の確認待ち",
};

static const char *says(const struct nr_document *document, const char *en, const char *ja)
{
	return document->japanese ? ja : en;
}

static const char *reason_text(const struct nr_document *document, enum nr_clock_reason reason)
{
	return document->japanese ? reasons_ja[reason] : reasons_en[reason];
}

/* Milliseconds. */
static const char *milliseconds(nr_time us, char text[static CELL])
{
	snprintf(text, CELL, "%.3f", (double)us / 1000);
	return text;
}

static const char *count(uint64_t n, char text[static CELL])
{
	snprintf(text, CELL, "%" PRIu64, n);
	return text;
}

static const char *moment(nr_time time, char text[static NR_TIME_TEXT])
{
	return time == NR_TIME_MAX ? "-" : nr_time_write(time, text);
}

static const char *how_authenticated(const struct nr_document *document, const char *name)
{
	return strncmp(name, "chrony", 6) == 0
		       ? says(document, "by chronyd on this machine", "この装置のchronydによる")
		       : says(document, "NTP, none", "NTP（認証なし）");
}

static uint64_t anomalies(const struct nr_audit *audit)
{
	uint64_t found = 0;
	for (size_t i = 0; i < audit->break_count; i++)
		found += nr_audit_is_anomaly(&audit->breaks[i]);
	return found;
}

static uint64_t issued_in_breaks(const struct nr_audit *audit)
{
	uint64_t issued = 0;
	for (size_t i = 0; i < audit->break_count; i++)
		issued += audit->breaks[i].tokens;
	return issued;
}

static void fill_head(const struct nr_audit *audit, struct nr_document *document)
{
	char from[NR_TIME_TEXT], until[NR_TIME_TEXT], text[CELL];
	nr_document_paragraph(document,
		says(document, "Period: %.10s to before %.10s (UTC)",
			"対象期間：%.10s から %.10s の前まで（UTC）"),
		nr_time_write(audit->from, from), nr_time_write(audit->until, until));
	nr_document_paragraph(document, says(document, "Authority: %s", "時刻認証局：%s"), audit->name);
	nr_document_paragraph(document,
		says(document, "Unit (key): %s; certificate serial number: %s; policy: %s",
			"ユニット（鍵）：%s　証明書シリアル番号：%s　ポリシー：%s"),
		audit->key, audit->certificate_serial, audit->policy);
	nr_document_paragraph(document, "%s",
		says(document, "Audit standard: within ±0.5 s of UTC", "監査規格：UTCに対し±0.5秒未満"));
	if (!audit->checked)
		nr_document_paragraph(document, "%s",
			says(document, "The clock was compared with nothing: no audit is possible.",
				"時計は何とも比較されていない。監査はできない。"));
	nr_document_figures(document);
	nr_document_figure(document, says(document, "Result", "結果"),
		nr_audit_is_good(audit) ? says(document, "good", "適合")
					: says(document, "not good", "不適合"));
	nr_document_figure(
		document, says(document, "Time anomalies", "時刻異常"), count(anomalies(audit), text));
	nr_document_figure(document, says(document, "Tokens", "発行数"), count(audit->tokens, text));
	nr_document_figure(document, says(document, "Largest bound of a token, ms", "発行時の最大誤差 (ms)"),
		milliseconds(audit->token_bound_max, text));
}

static void fill_sources(const struct nr_audit *audit, struct nr_document *document)
{
	const struct nr_document_column columns[] = {{says(document, "reference", "参照時計"), false},
		{says(document, "authentication", "認証"), false}, {says(document, "asked", "照会"), true},
		{says(document, "lost", "欠測"), true}, {says(document, "min ms", "最小 ms"), true},
		{says(document, "mean ms", "平均 ms"), true}, {says(document, "max ms", "最大 ms"), true},
		{says(document, "95 % ms", "95 % ms"), true},
		{says(document, "bound ms", "不確かさ ms"), true}};
	nr_document_heading(document, 1, says(document, "References", "参照時計"));
	nr_document_table(document, says(document, "Reference minus machine", "参照時計と装置の時計の差"),
		columns, NR_COUNT(columns));
	for (size_t i = 0; i < audit->source_count; i++) {
		const struct nr_audit_source *source = &audit->sources[i];
		char text[7][CELL];
		bool any = source->answered > 0;
		uint64_t lost = source->asked > source->answered ? source->asked - source->answered : 0;
		const char *cells[] = {source->name, how_authenticated(document, source->name),
			count(source->asked, text[0]), count(lost, text[1]),
			any ? milliseconds(source->min, text[2]) : "-",
			any ? milliseconds(source->sum / (nr_time)source->answered, text[3]) : "-",
			any ? milliseconds(source->max, text[4]) : "-",
			any ? milliseconds(source->p95, text[5]) : "-",
			any ? milliseconds(source->bound_max, text[6]) : "-"};
		nr_document_row(document, cells);
	}
	nr_document_note(document, "%s",
		says(document, "95 %: the largest of the hours' 95th percentiles.",
			"95 %：1時間ごとの95パーセンタイルの最大。"));
}

static void fill_days(const struct nr_audit *audit, struct nr_document *document)
{
	const struct nr_document_column columns[] = {{says(document, "day", "日"), false},
		{says(document, "watched s", "監視 秒"), true},
		{says(document, "max |offset| ms", "最大時刻差 ms"), true},
		{says(document, "max bound ms", "最大誤差 ms"), true},
		{says(document, "stopped s", "停止 秒"), true}, {says(document, "reasons", "理由"), false},
		{says(document, "tokens", "発行"), true}};
	nr_document_heading(document, 1, says(document, "Days", "日ごと"));
	nr_document_table(document, NULL, columns, NR_COUNT(columns));
	for (unsigned i = 0; i < audit->day_count; i++) {
		const struct nr_audit_day *day = &audit->days[i];
		char name[NR_TIME_TEXT], text[5][CELL], why[512] = "";
		if (!day->span && !day->tokens)
			continue;
		nr_time_write(audit->from + (nr_time)i * NR_DAY, name);
		name[10] = '\0';
		for (unsigned k = 0; k < NR_CLOCK_REASONS; k++) {
			size_t used = strlen(why);
			if (day->reasons[k])
				snprintf(why + used, sizeof why - used, "%s%s",
					used ? says(document, ", ", "、") : "",
					reason_text(document, (enum nr_clock_reason)k));
		}
		const char *cells[] = {name, count((uint64_t)(day->span / NR_SECOND), text[0]),
			milliseconds(day->offset_max, text[1]), milliseconds(day->bound_max, text[2]),
			count((uint64_t)(day->held / NR_SECOND), text[3]), why, count(day->tokens, text[4])};
		nr_document_row(document, cells);
	}
}

static void fill_breaks(const struct nr_audit *audit, struct nr_document *document)
{
	const struct nr_document_column columns[] = {{says(document, "from", "開始"), false},
		{says(document, "until", "終了"), false}, {says(document, "reason", "理由"), false},
		{says(document, "anomaly", "時刻異常"), false},
		{says(document, "tokens in it", "その間の発行"), true}};
	char text[CELL];
	nr_document_heading(document, 1, says(document, "Time anomalies and stops", "時刻異常と発行停止"));
	nr_document_paragraph(document, says(document, "Time anomalies: %s.", "時刻異常：%s 件。"),
		count(anomalies(audit), text));
	if (issued_in_breaks(audit) == 0)
		nr_document_paragraph(document, "%s",
			says(document, "Tokens affected: none issued.",
				"影響を受けたタイムスタンプ：発行なし。"));
	else
		nr_document_paragraph(document,
			says(document, "Tokens affected: %s; they are in the ledger.",
				"影響を受けたタイムスタンプ：%s 件（台帳に記録）。"),
			count(issued_in_breaks(audit), text));
	nr_document_table(document, NULL, columns, NR_COUNT(columns));
	for (size_t i = 0; i < audit->break_count; i++) {
		const struct nr_audit_break *pause = &audit->breaks[i];
		char start[NR_TIME_TEXT], end[NR_TIME_TEXT];
		const char *cells[] = {moment(pause->start, start), moment(pause->end, end),
			reason_text(document, pause->reason),
			nr_audit_is_anomaly(pause) ? says(document, "yes", "該当")
						   : says(document, "no", "非該当"),
			count(pause->tokens, text)};
		nr_document_row(document, cells);
	}
	if (audit->breaks_dropped)
		nr_document_note(document, says(document, "%s more are not shown.", "他に %s 件。"),
			count(audit->breaks_dropped, text));
	nr_document_paragraph(document, "%s",
		audit->leap ? says(document,
				      "Leap second: announced; nothing is issued from 0.5 s before to 0.5 s "
				      "after it.",
				      "うるう秒：予告あり。前後0.5秒は発行を停止する。")
			    : says(document, "Leap second: none was announced.", "うるう秒：予告なし。"));
}

static void fill_ledger(const struct nr_audit *audit, struct nr_document *document)
{
	char size[CELL], root[NR_ROOT_TEXT];
	nr_document_heading(document, 1, says(document, "Ledger", "台帳"));
	for (unsigned i = 0; i < 2; i++)
		nr_document_paragraph(document,
			i ? says(document, "At the end: %s entries, root %s", "期末：%s 件　ルート %s")
			  : says(document, "At the beginning: %s entries, root %s", "期首：%s 件　ルート %s"),
			count(audit->ends[i].size, size), nr_root_write(&audit->ends[i].root, root));
	nr_document_paragraph(document,
		says(document, "Serial numbers: %s to %s", "シリアル番号：%s から %s まで"),
		audit->first_serial, audit->last_serial);
	nr_document_paragraph(document, says(document, "Starts of the authority: %s", "起動回数：%s"),
		count(audit->starts, size));
	nr_document_paragraph(document,
		says(document, "Confirmations by an operator: %s", "運用者による確認：%s"),
		count(audit->confirmed, size));
	if (audit->unreadable)
		nr_document_paragraph(document,
			says(document, "Entries that could not be read: %s", "読めなかったエントリー：%s"),
			count(audit->unreadable, size));
}

void nr_audit_fill(const struct nr_audit *audit, struct nr_document *document)
{
	fill_head(audit, document);
	fill_sources(audit, document);
	fill_days(audit, document);
	fill_breaks(audit, document);
	fill_ledger(audit, document);
}

/* ---- JSON ---- */

static void write_sources(const struct nr_audit *audit, struct nr_json *json)
{
	nr_json_array(json, "references");
	for (size_t i = 0; i < audit->source_count; i++) {
		const struct nr_audit_source *source = &audit->sources[i];
		nr_json_object(json, NULL);
		nr_json_text(json, "name", source->name);
		nr_json_uint(json, "asked", source->asked);
		nr_json_uint(json, "answered", source->answered);
		if (source->answered) {
			nr_json_int(json, "min_us", source->min);
			nr_json_int(json, "mean_us", source->sum / (nr_time)source->answered);
			nr_json_int(json, "max_us", source->max);
			nr_json_int(json, "p95_us", source->p95);
			nr_json_int(json, "bound_max_us", source->bound_max);
		}
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_days(const struct nr_audit *audit, struct nr_json *json)
{
	nr_json_array(json, "days");
	for (unsigned i = 0; i < audit->day_count; i++) {
		const struct nr_audit_day *day = &audit->days[i];
		if (!day->span && !day->tokens)
			continue;
		nr_json_object(json, NULL);
		nr_json_time(json, "day", audit->from + (nr_time)i * NR_DAY);
		nr_json_int(json, "watched_us", day->span);
		nr_json_int(json, "offset_max_us", day->offset_max);
		nr_json_int(json, "bound_max_us", day->bound_max);
		nr_json_int(json, "held_us", day->held);
		nr_json_array(json, "reasons");
		for (unsigned k = 0; k < NR_CLOCK_REASONS; k++) {
			if (day->reasons[k])
				nr_json_text(json, NULL, nr_clock_reason_names[k]);
		}
		nr_json_array_end(json);
		nr_json_uint(json, "tokens", day->tokens);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_breaks(const struct nr_audit *audit, struct nr_json *json)
{
	nr_json_array(json, "stops");
	for (size_t i = 0; i < audit->break_count; i++) {
		const struct nr_audit_break *pause = &audit->breaks[i];
		nr_json_object(json, NULL);
		nr_json_time(json, "start", pause->start);
		nr_json_time(json, "end", pause->end);
		nr_json_text(json, "reason", nr_clock_reason_names[pause->reason]);
		nr_json_bool(json, "anomaly", nr_audit_is_anomaly(pause));
		nr_json_uint(json, "tokens", pause->tokens);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	nr_json_uint(json, "stops_dropped", audit->breaks_dropped);
}

static void write_end(const struct nr_audit_end *end, const char *name, struct nr_json *json)
{
	char root[NR_ROOT_TEXT];
	nr_json_object(json, name);
	nr_json_uint(json, "size", end->size);
	nr_json_text(json, "root", nr_root_write(&end->root, root));
	nr_json_object_end(json);
}

void nr_audit_write_json(const struct nr_audit *audit, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_bool(json, "good", nr_audit_is_good(audit));
	nr_json_time(json, "from", audit->from);
	nr_json_time(json, "until", audit->until);
	nr_json_text(json, "authority", audit->name);
	nr_json_text(json, "certificate_serial", audit->certificate_serial);
	nr_json_text(json, "key", audit->key);
	nr_json_text(json, "policy", audit->policy);
	nr_json_int(json, "limit_us", NR_CLOCK_LIMIT);
	nr_json_bool(json, "checked", audit->checked);
	write_sources(audit, json);
	write_days(audit, json);
	nr_json_uint(json, "anomalies", anomalies(audit));
	write_breaks(audit, json);
	nr_json_bool(json, "leap_announced", audit->leap);
	nr_json_uint(json, "tokens", audit->tokens);
	nr_json_uint(json, "tokens_in_stops", issued_in_breaks(audit));
	nr_json_uint(json, "tokens_beyond_limit", audit->tokens_outside);
	nr_json_int(json, "token_bound_max_us", audit->token_bound_max);
	nr_json_text(json, "first_serial", *audit->first_serial ? audit->first_serial : NULL);
	nr_json_text(json, "last_serial", *audit->last_serial ? audit->last_serial : NULL);
	nr_json_uint(json, "starts", audit->starts);
	nr_json_uint(json, "confirmations", audit->confirmed);
	nr_json_uint(json, "unreadable", audit->unreadable);
	write_end(&audit->ends[0], "ledger_at_beginning", json);
	write_end(&audit->ends[1], "ledger_at_end", json);
	nr_json_object_end(json);
}
