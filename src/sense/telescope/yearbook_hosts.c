/* SPDX-License-Identifier: Apache-2.0 */
/* Who sent it: countries, research scanners, tools, IoT bots per day. */
#include "sense/telescope/yearbook_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- countries ---- */

#define COUNTRIES_MAX 400

struct place {
	char code[8];
	uint64_t packets, sources;
	double error;
};

static int by_sources(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	return a->sources != b->sources ? (a->sources < b->sources ? 1 : -1) : strcmp(a->code, b->code);
}

static int read_places(struct nr_yearbook *y, struct place *places, size_t *ret_count, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows;
	const struct nr_given given[] = {{"research", "without"}, {NULL, NULL}};
	int e = nr_yearbook_ask(y, "telescope/countries", NULL, NULL, given, COUNTRIES_MAX, &rows, error);
	for (size_t i = 0; !e && i < rows.count; i++) {
		snprintf(places[i].code, sizeof places[i].code, "%s", nr_rows_text(&rows, i, "country"));
		places[i].packets = (uint64_t)nr_rows_int(&rows, i, "packets");
		places[i].sources = (uint64_t)nr_rows_int(&rows, i, "sources");
		places[i].error = nr_rows_real(&rows, i, "sources_error");
	}
	*ret_count = e ? 0 : rows.count;
	return e;
}

static void put_places(
	struct nr_yearbook *y, const struct place *by_packets, const struct place *by_hosts, size_t count)
{
	const struct nr_document_column columns[] = {{SAY(y, "Rank", "順位"), true},
		{SAY(y, "By packets", "パケット数の多い国・地域"), false},
		{SAY(y, "Packets", "パケット数"), true}, {SAY(y, "Share", "割合"), true},
		{SAY(y, "By unique hosts", "ユニークホスト数の多い国・地域"), false},
		{SAY(y, "Hosts", "ホスト数"), true}, {SAY(y, "Share", "割合"), true}};
	nr_document_table(y->document,
		SAY(y, "Top 10 countries and regions of the sources, without research scanners",
			"送信元の国・地域 トップ10（調査目的のスキャンを除く）"),
		columns, NR_COUNT(columns));
	for (size_t i = 0; i < NR_MIN(count, (size_t)NR_YEARBOOK_TOP); i++) {
		char rank[24], left[64], right[64], a[32], b[32], c[40], d[32];
		snprintf(rank, sizeof rank, "%zu", i + 1);
		nr_document_row(y->document,
			(const char *const[]){rank, nr_yearbook_country(y, by_packets[i].code, left),
				nr_document_number(by_packets[i].packets, a),
				nr_document_share(
					(double)by_packets[i].packets, (double)y->without.packets, b),
				nr_yearbook_country(y, by_hosts[i].code, right),
				nr_yearbook_hosts(by_hosts[i].sources, by_hosts[i].error, c),
				nr_document_share(
					(double)by_hosts[i].sources, (double)y->without.sources, d)});
	}
}

int nr_yearbook_origins(struct nr_yearbook *y, struct nr_error *error)
{
	struct place *packets = calloc(2 * COUNTRIES_MAX, sizeof *packets), *hosts = packets + COUNTRIES_MAX;
	size_t count = 0;
	if (!packets)
		return nr_fail(error, -ENOMEM, "out of memory");
	nr_document_heading(y->document, 1, SAY(y, "Countries", "送信元の国・地域"));
	int e = read_places(y, packets, &count, error);
	bool known = count > 1 || (count == 1 && *packets[0].code);
	if (!e && known) {
		memcpy(hosts, packets, count * sizeof *packets);
		qsort(hosts, count, sizeof *hosts, by_sources);
		put_places(y, packets, hosts, count);
	} else if (!e) {
		nr_document_paragraph(y->document, "%s",
			SAY(y, "No country database was given when the captures were read (--mmdb).",
				"キャプチャの読み込み時に国のデータベース（--"
				"mmdb）が指定されなかったため、国・地域は分からない。"));
	}
	free(packets);
	return e;
}

/* ---- research scanners and tools ---- */

static int put_scanners(struct nr_yearbook *y, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows;
	int e = nr_yearbook_ask(y, "telescope/scanners", NULL, NULL, NULL, NR_YEARBOOK_TOP, &rows, error);
	if (e || !rows.count)
		return e;
	const struct nr_document_column columns[] = {{SAY(y, "Address", "アドレス"), false},
		{SAY(y, "Packets", "パケット数"), true}, {SAY(y, "Ports", "宛先ポート数"), true},
		{SAY(y, "Rule", "判定した規則"), false}, {SAY(y, "Country", "国・地域"), false},
		{SAY(y, "Network", "ネットワーク"), false}};
	nr_document_table(y->document,
		SAY(y, "The busiest research scanners", "調査目的のスキャン: パケット数の多い送信元"),
		columns, NR_COUNT(columns));
	for (size_t i = 0; i < rows.count; i++) {
		char address[NR_ADDRESS_TEXT], packets[32], ports[32], country[64];
		nr_document_row(y->document,
			(const char *const[]){nr_address_write(nr_rows_address(&rows, i, "address"), address),
				nr_document_number((uint64_t)nr_rows_int(&rows, i, "packets"), packets),
				nr_document_number((uint64_t)nr_rows_int(&rows, i, "ports"), ports),
				nr_rows_text(&rows, i, "rule"),
				nr_yearbook_country(y, nr_rows_text(&rows, i, "country"), country),
				nr_rows_text(&rows, i, "as_name")});
	}
	return 0;
}

static int put_tools(struct nr_yearbook *y, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows;
	int e = nr_yearbook_ask(y, "telescope/tools", NULL, NULL, NULL, 32, &rows, error);
	if (e)
		return e;
	const struct nr_document_column columns[] = {{SAY(y, "Tool", "ツール"), false},
		{SAY(y, "Packets", "パケット数"), true}, {SAY(y, "Unique hosts", "ユニークホスト数"), true},
		{SAY(y, "Share of scan packets", "スキャンパケットに占める割合"), true}};
	nr_document_table(y->document,
		SAY(y, "Scanning tools recognised by their packets",
			"パケットの特徴から判定したスキャンツール"),
		columns, NR_COUNT(columns));
	for (size_t i = 0; i < rows.count; i++) {
		char packets[32], hosts[40], share[32];
		uint64_t n = (uint64_t)nr_rows_int(&rows, i, "packets");
		nr_document_row(y->document,
			(const char *const[]){nr_rows_text(&rows, i, "tool"), nr_document_number(n, packets),
				nr_yearbook_hosts((uint64_t)nr_rows_int(&rows, i, "sources"),
					nr_rows_real(&rows, i, "sources_error"), hosts),
				nr_document_share((double)n, (double)y->all.scan_packets, share)});
	}
	return 0;
}

int nr_yearbook_research(struct nr_yearbook *y, struct nr_error *error)
{
	char packets[32], hosts[40], share[32];
	nr_document_heading(
		y->document, 1, SAY(y, "Research scanners and tools", "調査目的のスキャンとツール"));
	nr_document_paragraph(y->document,
		SAY(y,
			"%s packets, %s of all, came from %s research scanners: hosts that scan the whole "
			"Internet for "
			"measurement, recognised by volume and number of ports or by published lists. "
			"Figures “without "
			"research scanners” are all packets less theirs.",
			"調査目的のスキャンは%sパケット（全体の%s）、送信元は%"
			"sホストであった。調査目的のスキャンとは、大量の"
			"パケットを多数のポートへ送る、または公開リストに載っている、インターネット全体の調査"
			"を行うホストによる"
			"通信をいう。「調査目的を除く」数値は、全体からこれを差し引いたものである。"),
		nr_document_number(y->all.research_packets, packets),
		nr_document_share((double)y->all.research_packets, (double)y->all.packets, share),
		nr_yearbook_hosts(y->all.research_sources, 0, hosts));
	int e = put_scanners(y, error);
	return e ? e : put_tools(y, error);
}

/* ---- IoT bots per day ---- */

#define BOTS_MAX 1000000 /* hosts of one day */

static bool is_whole_day(const struct nr_yearbook *y, unsigned day)
{
	for (unsigned h = 0; h < 24; h++)
		if (!y->hour[day * 24 + h])
			return false;
	return true;
}

static bool is_seen_day(const struct nr_yearbook *y, unsigned day)
{
	for (unsigned h = 0; h < 24; h++)
		if (y->hour[day * 24 + h])
			return true;
	return false;
}

/* Hosts of the country with Mirai's mark, per day; NAN where the day was not observed. */
static int read_bots(struct nr_yearbook *y, double *bots, struct nr_error *error)
{
	const struct nr_given given[] = {{"tool", "mirai"}, {"country", y->conf->country}, {NULL, NULL}};
	for (unsigned day = y->first_day; day <= y->last_day; day++) {
		NR_AUTO(nr_rows_fini) struct nr_rows rows = {0};
		char from[32], to[32];
		bots[day - y->first_day] = NAN;
		if (!is_seen_day(y, day))
			continue;
		int e = nr_yearbook_ask(y, "telescope/sources", nr_yearbook_day(y, day, from),
			nr_yearbook_day(y, day + 1, to), given, BOTS_MAX, &rows, error);
		if (e)
			return e;
		bots[day - y->first_day] = (double)rows.count;
	}
	return 0;
}

static void put_bots_chart(struct nr_yearbook *y, const char *country, const double *bots, unsigned count)
{
	char caption[160];
	snprintf(caption, sizeof caption,
		SAY(y, "Hosts in %s with the mark of Mirai, per day",
			"%sのIoTボット（Miraiの特徴を持つホスト）数の推移"),
		country);
	nr_document_chart(y->document, count > 40 ? NR_CHART_LINES : NR_CHART_BARS, caption,
		SAY(y, "hosts", "ホスト数"));
	for (unsigned i = 0; i < count; i++) {
		char date[32];
		nr_yearbook_date(y, y->first_day + i, date);
		bool first_of_month = strcmp(strchr(date, '/'), "/1") == 0;
		bool worth = count <= 16 || (count <= 62 ? i % 7 == 0 : first_of_month);
		nr_document_label(y->document, worth ? date : "", 0);
	}
	nr_document_series(y->document, SAY(y, "hosts per day", "1日当たりのホスト数"), NR_COLOUR_IOT, bots);
}

static void put_bots_figures(struct nr_yearbook *y, const char *country, const double *bots, unsigned count)
{
	double least = INFINITY, most = -INFINITY, sum = 0;
	unsigned days = 0;
	char a[32], b[32], c[32], least_on[32] = "", most_on[32] = "";
	for (unsigned i = 0; i < count; i++) {
		if (!is_whole_day(y, y->first_day + i))
			continue;
		if (bots[i] < least)
			nr_yearbook_date(y, y->first_day + i, least_on);
		if (bots[i] > most)
			nr_yearbook_date(y, y->first_day + i, most_on);
		least = NR_MIN(least, bots[i]);
		most = NR_MAX(most, bots[i]);
		sum += bots[i];
		days++;
	}
	if (!days) {
		nr_document_paragraph(y->document, "%s",
			SAY(y, "No day was observed from beginning to end, so there is no daily mean.",
				"終日観測できた日がないため、1日当たりの平均は算出しない。"));
		return;
	}
	nr_document_paragraph(y->document,
		SAY(y,
			"In %s, between %s (%s) and %s (%s) hosts a day sent SYNs whose sequence number is "
			"the destination "
			"address, as Mirai and its variants do; the mean is %.0f. Only the %u days that were "
			"observed from "
			"beginning to end count.",
			"%sでは、Mirai系マルウェアの特徴（シーケンス番号が宛先IPアドレスに等しい）を持つホス"
			"トが1日当たり"
			"最小%s（%s）、最大%s（%s）、平均%.0fホスト観測された。終日観測できた%"
			"u日のみを対象とした。"),
		country, nr_document_number((uint64_t)least, a), least_on,
		nr_document_number((uint64_t)most, b), most_on, sum / days, days);
	const struct nr_document_column columns[] = {{SAY(y, "Country", "国・地域"), false},
		{SAY(y, "Minimum", "最小"), true}, {SAY(y, "Mean", "平均"), true},
		{SAY(y, "Maximum", "最大"), true}, {SAY(y, "Days", "対象日数"), true}};
	char mean[32], number[16];
	snprintf(mean, sizeof mean, "%.1f", sum / days);
	snprintf(number, sizeof number, "%u", days);
	nr_document_table(y->document, SAY(y, "IoT bot hosts per day", "IoTボットのホスト数（1日当たり）"),
		columns, NR_COUNT(columns));
	nr_document_row(y->document, (const char *const[]){country, nr_document_number((uint64_t)least, c),
					     mean, nr_document_number((uint64_t)most, b), number});
}

int nr_yearbook_bots(struct nr_yearbook *y, struct nr_error *error)
{
	unsigned count = y->last_day - y->first_day + 1;
	char country[64];
	NR_AUTO(nr_freep) double *bots = calloc(count, sizeof *bots);
	if (!bots)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = read_bots(y, bots, error);
	if (e)
		return e;
	nr_yearbook_country(y, y->conf->country, country);
	nr_document_heading(y->document, 1, SAY(y, "IoT bots", "IoTボットの感染状況"));
	put_bots_chart(y, country, bots, count);
	put_bots_figures(y, country, bots, count);
	nr_document_note(y->document, "%s",
		SAY(y,
			"Counted from the sources that the store keeps per day: all recognised ones, up to "
			"--keep-sources.",
			"ストアが日ごとに保存する送信元（判定されたものはすべて、上限は "
			"--keep-sources）から数えた。"));
	return 0;
}
