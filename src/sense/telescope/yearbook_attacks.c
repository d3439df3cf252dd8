/* SPDX-License-Identifier: Apache-2.0 */
/* What happened: attacks on others seen by their backscatter, campaigns, early warnings, own hosts. */
#include "sense/telescope/yearbook_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define VICTIMS_MAX  2000000
#define FINDINGS_MAX 1000000
#define WARNINGS_MAX 100000

/* ---- attacks ---- */

struct attacked {
	char code[8];
	uint64_t attacks;
};

static int by_attacks(const void *left, const void *right)
{
	const struct attacked *a = left, *b = right;
	return a->attacks != b->attacks ? (a->attacks < b->attacks ? 1 : -1) : strcmp(a->code, b->code);
}

/* Attacks per country of the victim; at most `room` countries. */
static size_t count_countries(const struct nr_rows *rows, struct attacked *countries, size_t room)
{
	size_t count = 0;
	for (size_t i = 0; i < rows->count; i++) {
		const char *code = nr_rows_text(rows, i, "country");
		size_t c = 0;
		while (c < count && strcmp(countries[c].code, code) != 0)
			c++;
		if (c == room)
			continue;
		if (c == count) {
			countries[count] = (struct attacked){.attacks = 0};
			snprintf(countries[count++].code, sizeof countries[0].code, "%s", code);
		}
		countries[c].attacks++;
	}
	qsort(countries, count, sizeof *countries, by_attacks);
	return count;
}

static int compare_addresses(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct nr_address));
}

static uint64_t count_hosts(const struct nr_rows *rows)
{
	NR_AUTO(nr_freep) struct nr_address *all = calloc(NR_MAX(rows->count, 1), sizeof *all);
	uint64_t hosts = 0;
	if (!all)
		return 0;
	for (size_t i = 0; i < rows->count; i++)
		all[i] = *nr_rows_address(rows, i, "address");
	qsort(all, rows->count, sizeof *all, compare_addresses);
	for (size_t i = 0; i < rows->count; i++)
		hosts += i == 0 || !nr_address_equal(&all[i], &all[i - 1]);
	return hosts;
}

static void put_attacked_countries(struct nr_yearbook *y, const struct nr_rows *rows)
{
	struct attacked countries[300];
	size_t count = count_countries(rows, countries, NR_COUNT(countries));
	if (count < 2 && !*countries[0].code)
		return; /* no database */
	const struct nr_document_column columns[] = {
		{SAY(y, "Country of the victim", "被害ホストの国・地域"), false},
		{SAY(y, "Attacks", "攻撃件数"), true}, {SAY(y, "Share", "割合"), true}};
	nr_document_table(y->document,
		SAY(y, "Attacks by country of the victim", "被害ホストの国・地域別の攻撃件数"), columns,
		NR_COUNT(columns));
	for (size_t i = 0; i < NR_MIN(count, (size_t)NR_YEARBOOK_TOP); i++) {
		char country[64], number[32], share[32];
		nr_document_row(y->document,
			(const char *const[]){nr_yearbook_country(y, countries[i].code, country),
				nr_document_number(countries[i].attacks, number),
				nr_document_share((double)countries[i].attacks, (double)rows->count, share)});
	}
}

static void put_largest_attacks(struct nr_yearbook *y, const struct nr_rows *rows)
{
	const struct nr_document_column columns[] = {{SAY(y, "Victim", "被害ホスト"), false},
		{SAY(y, "Country", "国・地域"), false}, {SAY(y, "Port", "ポート"), false},
		{SAY(y, "First seen (UTC)", "観測開始（UTC）"), false},
		{SAY(y, "Minutes", "継続時間（分）"), true},
		{SAY(y, "Backscatter packets", "観測パケット数"), true},
		{SAY(y, "Peak in 60 s", "60秒間の最大"), true}};
	nr_document_table(y->document,
		SAY(y, "The largest attacks, by backscatter", "観測パケット数の多い攻撃"), columns,
		NR_COUNT(columns));
	for (size_t i = 0; i < NR_MIN(rows->count, (size_t)NR_YEARBOOK_TOP); i++) {
		char address[NR_ADDRESS_TEXT], country[64], port[24], time[NR_TIME_TEXT], minutes[32], a[32],
			b[32];
		int64_t first = nr_rows_int(rows, i, "first"), last = nr_rows_int(rows, i, "last");
		nr_time_write(first, time);
		time[10] = ' ';
		time[16] = 0;
		snprintf(minutes, sizeof minutes, "%.1f", (double)(last - first) / (double)NR_MINUTE);
		nr_document_row(y->document,
			(const char *const[]){nr_address_write(nr_rows_address(rows, i, "address"), address),
				nr_yearbook_country(y, nr_rows_text(rows, i, "country"), country),
				nr_yearbook_port(nr_rows_int(rows, i, "protocol"),
					nr_rows_int(rows, i, "target_port"), port),
				time, minutes,
				nr_document_number((uint64_t)nr_rows_int(rows, i, "packets"), a),
				nr_document_number((uint64_t)nr_rows_int(rows, i, "peak_60s"), b)});
	}
}

static void put_attacks_of_months(struct nr_yearbook *y, const struct nr_rows *rows)
{
	double months[12] = {0};
	for (size_t i = 0; i < rows->count; i++) {
		char time[NR_TIME_TEXT];
		int month = atoi(nr_time_write(NR_MAX(nr_rows_int(rows, i, "first"), y->first), time) + 5);
		months[NR_MIN(NR_MAX(month, 1), 12) - 1]++;
	}
	nr_document_chart(y->document, NR_CHART_BARS, SAY(y, "Attacks per month", "月別の攻撃件数"),
		SAY(y, "attacks", "件数"));
	for (unsigned i = 1; i <= 12; i++) {
		char label[16];
		snprintf(label, sizeof label, SAY(y, "%u", "%u月"), i);
		nr_document_label(y->document, label, 0);
	}
	nr_document_series(y->document, SAY(y, "attacks by their first packet", "攻撃件数（開始月）"),
		NR_COLOUR_ALERT, months);
}

int nr_yearbook_attacks(struct nr_yearbook *y, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows = {0};
	int e = nr_yearbook_ask(y, "telescope/victims", NULL, NULL, NULL, VICTIMS_MAX, &rows, error);
	if (e)
		return e;
	char packets[32], attacks[32], hosts[32], share[32];
	nr_document_heading(y->document, 1, SAY(y, "Denial-of-service attacks", "DDoS攻撃の観測"));
	nr_document_paragraph(y->document,
		SAY(y,
			"%s packets of backscatter (%s of all) were observed: answers of attacked hosts to "
			"packets whose "
			"sources were forged to be dark addresses. By the rule of Moore et al. they show %s "
			"attacks on %s "
			"hosts.",
			"バックスキャッタ（送信元をダークネットのアドレスに詐称された攻撃パケットに対し、被害"
			"ホストが返した応答）を"
			"%sパケット（全体の%s）観測した。Mooreらの基準により、%s件の攻撃、%"
			"sの被害ホストを判定した。"),
		nr_document_number(y->all.backscatter_packets, packets),
		nr_document_share((double)y->all.backscatter_packets, (double)y->all.packets, share),
		nr_document_number(rows.count, attacks), nr_document_number(count_hosts(&rows), hosts));
	if (!rows.count)
		return 0;
	put_attacks_of_months(y, &rows);
	put_attacked_countries(y, &rows);
	put_largest_attacks(y, &rows);
	return 0;
}

/* ---- campaigns ---- */

static int put_campaigns(struct nr_yearbook *y, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows = {0};
	int e = nr_yearbook_ask(y, "telescope/campaigns", NULL, NULL, NULL, NR_YEARBOOK_TOP, &rows, error);
	if (e)
		return e;
	nr_document_heading(y->document, 2, SAY(y, "Campaigns", "キャンペーン"));
	if (!rows.count) {
		nr_document_paragraph(
			y->document, "%s", SAY(y, "None was found.", "検知されたものはなかった。"));
		return 0;
	}
	const struct nr_document_column columns[] = {{SAY(y, "Day", "日"), false},
		{SAY(y, "Port", "ポート"), false}, {SAY(y, "Hosts", "ホスト数"), true},
		{SAY(y, "Packets", "パケット数"), true},
		{SAY(y, "Shared fields of their packets", "共通するパケットの特徴"), false}};
	nr_document_table(y->document,
		SAY(y, "Sources that share a tool’s signature, most packets first",
			"同じ特徴のパケットを送る送信元の集まり（パケット数順）"),
		columns, NR_COUNT(columns));
	for (size_t i = 0; i < rows.count; i++) {
		char day[NR_TIME_TEXT], port[24], a[32], b[32];
		nr_time_write(nr_rows_int(&rows, i, "time"), day);
		day[10] = 0;
		nr_document_row(y->document,
			(const char *const[]){day,
				nr_yearbook_port(nr_rows_int(&rows, i, "protocol"),
					nr_rows_int(&rows, i, "port"), port),
				nr_document_number((uint64_t)nr_rows_int(&rows, i, "sources"), a),
				nr_document_number((uint64_t)nr_rows_int(&rows, i, "packets"), b),
				nr_rows_text(&rows, i, "signature")});
	}
	return 0;
}

/* ---- early warnings ---- */

static const struct {
	const char *kind, *en, *ja;
} warning_kinds[] = {
	{"changefinder", "sudden change of a port or country (ChangeFinder)",
		"ポート・国の急変（ChangeFinder）"},
	{"synchrony", "sources that begin to act together", "送信元の同期した増加"},
	{"slow-scanner", "low and slow scanners", "低速スキャン"},
	{"aggressive", "aggressive scanners", "広範囲・大量のスキャン"},
};

static void put_warning_counts(struct nr_yearbook *y, const struct nr_rows *rows)
{
	const struct nr_document_column columns[] = {
		{SAY(y, "Kind", "種類"), false}, {SAY(y, "Warnings", "件数"), true}};
	nr_document_table(
		y->document, SAY(y, "Early warnings by kind", "早期警戒の件数"), columns, NR_COUNT(columns));
	for (size_t k = 0; k < NR_COUNT(warning_kinds); k++) {
		uint64_t count = 0;
		char number[32];
		for (size_t i = 0; i < rows->count; i++)
			count += strcmp(nr_rows_text(rows, i, "kind"), warning_kinds[k].kind) == 0;
		nr_document_row(
			y->document, (const char *const[]){SAY(y, warning_kinds[k].en, warning_kinds[k].ja),
					     nr_document_number(count, number)});
	}
}

static void put_highest_warnings(struct nr_yearbook *y, const struct nr_rows *rows)
{
	const struct nr_document_column columns[] = {{SAY(y, "Time (UTC)", "時刻（UTC）"), false},
		{SAY(y, "About", "対象"), false}, {SAY(y, "Hosts", "ホスト数"), true},
		{SAY(y, "Reason", "理由"), false}};
	bool *shown = calloc(rows->count + 1, sizeof *shown);
	nr_document_table(y->document, SAY(y, "The warnings with the most hosts", "ホスト数の多い早期警戒"),
		columns, NR_COUNT(columns));
	for (size_t n = 0; shown && n < NR_MIN(rows->count, (size_t)NR_YEARBOOK_TOP); n++) {
		size_t best = rows->count;
		for (size_t i = 0; i < rows->count; i++)
			if (!shown[i] && (best == rows->count || nr_rows_int(rows, i, "sources") >
									 nr_rows_int(rows, best, "sources")))
				best = i;
		char time[NR_TIME_TEXT], number[32];
		nr_time_write(nr_rows_int(rows, best, "time"), time);
		time[10] = ' ';
		time[16] = 0;
		shown[best] = true;
		nr_document_row(y->document,
			(const char *const[]){time, nr_rows_text(rows, best, "key"),
				nr_document_number((uint64_t)nr_rows_int(rows, best, "sources"), number),
				nr_rows_text(rows, best, SAY(y, "reason_en", "reason_ja"))});
	}
	free(shown);
}

static int put_warnings(struct nr_yearbook *y, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows = {0};
	int e = nr_yearbook_ask(y, "warnings", NULL, NULL, NULL, WARNINGS_MAX, &rows, error);
	if (e)
		return e;
	nr_document_heading(y->document, 2, SAY(y, "Early warnings", "早期警戒"));
	put_warning_counts(y, &rows);
	if (rows.count)
		put_highest_warnings(y, &rows);
	return 0;
}

/* ---- own hosts and floods: findings by kind ---- */

static const struct {
	const char *kind, *en, *ja;
} finding_kinds[] = {
	{"infected-host", "own host: probably infected", "自組織: 感染の疑い"},
	{"attacked-host", "own host: probably attacked", "自組織: 攻撃を受けた疑い"},
	{"misconfigured-host", "own host: misconfigured", "自組織: 設定の誤り"},
	{"spoofed-flood", "flood with forged sources", "送信元を詐称した大量通信"},
};

static int put_findings(struct nr_yearbook *y, struct nr_error *error)
{
	const struct nr_document_column columns[] = {{SAY(y, "Finding", "判定"), false},
		{SAY(y, "Findings", "件数"), true}, {SAY(y, "Hosts", "ホスト数"), true}};
	struct nr_rows rows[NR_COUNT(finding_kinds)] = {0};
	int e = 0;
	for (size_t k = 0; !e && k < NR_COUNT(finding_kinds); k++) {
		const struct nr_given given[] = {
			{"kind", finding_kinds[k].kind}, {"sense", "telescope"}, {NULL, NULL}};
		e = nr_yearbook_ask(y, "findings", NULL, NULL, given, FINDINGS_MAX, &rows[k], error);
	}
	nr_document_heading(y->document, 2, SAY(y, "Own hosts and floods", "自組織のホストと大量通信"));
	nr_document_table(y->document,
		SAY(y, "Findings, one per host, kind and day", "判定の件数（ホスト・種類・日ごとに1件）"),
		columns, NR_COUNT(columns));
	for (size_t k = 0; k < NR_COUNT(finding_kinds); k++) {
		uint64_t hosts = 0;
		char a[32], b[32];
		NR_AUTO(nr_freep) struct nr_address *all = calloc(rows[k].count + 1, sizeof *all);
		for (size_t i = 0; all && i < rows[k].count; i++)
			all[i] = *nr_rows_address(&rows[k], i, "subject");
		if (all)
			qsort(all, rows[k].count, sizeof *all, compare_addresses);
		for (size_t i = 0; all && i < rows[k].count; i++)
			hosts += i == 0 || !nr_address_equal(&all[i], &all[i - 1]);
		bool flood = k + 1 == NR_COUNT(finding_kinds);
		nr_document_row(
			y->document, (const char *const[]){SAY(y, finding_kinds[k].en, finding_kinds[k].ja),
					     nr_document_number(rows[k].count, a),
					     flood ? "-" : nr_document_number(hosts, b)});
		nr_rows_fini(&rows[k]);
	}
	return e;
}

int nr_yearbook_events(struct nr_yearbook *y, struct nr_error *error)
{
	nr_document_heading(y->document, 1, SAY(y, "Events", "特徴的な事象"));
	int e = put_campaigns(y, error);
	if (!e)
		e = put_warnings(y, error);
	return e ? e : put_findings(y, error);
}
