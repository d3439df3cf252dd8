/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the year was observed, what was lost, and by which rules the rest was judged. */
#include "sense/telescope/yearbook_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define RUNS_MAX   20000
#define GAPS_MAX   100000
#define RANGES_MAX 40 /* lines of missing times; more are counted */
#define RULES_MAX  16

/* ---- what was observed ---- */

static int read_hours(struct nr_yearbook *y, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows;
	const struct nr_given given[] = {{"step", "1h"}, {"category", "all"}, {NULL, NULL}};
	int e = nr_yearbook_ask(y, "telescope/series", NULL, NULL, given, NR_YEARBOOK_HOURS, &rows, error);
	for (size_t i = 0; !e && i < rows.count; i++) {
		int64_t hour = (nr_rows_int(&rows, i, "time") - y->first) / NR_HOUR;
		if (hour >= 0 && hour < (int64_t)y->days * 24 && nr_rows_int(&rows, i, "packets") > 0)
			y->hour[hour] = true;
	}
	return e;
}

static void count_hours(struct nr_yearbook *y)
{
	for (unsigned day = 0; day < y->days; day++) {
		unsigned hours = 0;
		for (unsigned h = 0; h < 24; h++)
			hours += y->hour[day * 24 + h];
		if (!hours)
			continue;
		if (!y->hours)
			y->first_day = day;
		y->last_day = day;
		y->hours += hours;
		y->some_days++;
		y->whole_days += hours == 24;
	}
}

/* The most addresses that a reading of the year named, added up over the sensors. */
static int read_dark(struct nr_yearbook *y, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows sensors = {0};
	int e = nr_rows_ask(
		y->conf->store, "coverage", (const struct nr_given[]){{NULL, NULL}}, 1000, &sensors, error);
	for (size_t s = 0; !e && s < sensors.count; s++) {
		NR_AUTO(nr_rows_fini) struct nr_rows runs = {0};
		const char *sensor = nr_rows_text(&sensors, s, "sensor");
		const struct nr_given given[] = {
			{"sensor", sensor}, {"from", y->from}, {"to", y->to}, {NULL, NULL}};
		uint64_t most = 0;
		if (y->conf->sensor && strcmp(y->conf->sensor, sensor) != 0)
			continue;
		e = nr_rows_ask(y->conf->store, "telescope/runs", given, RUNS_MAX, &runs, error);
		for (size_t i = 0; !e && i < runs.count; i++) {
			uint64_t dark = (uint64_t)nr_rows_int(&runs, i, "dark");
			y->dark_changed |= most && dark && dark != most;
			most = NR_MAX(most, dark);
		}
		y->dark += most;
	}
	return e;
}

int nr_yearbook_coverage_read(struct nr_yearbook *y, struct nr_error *error)
{
	int e = read_hours(y, error);
	if (!e)
		count_hours(y);
	return e ? e : read_dark(y, error);
}

/* ---- coverage ---- */

/* "3/15 04:00"; end of the year: "12/31 24:00". */
static void hour_text(const struct nr_yearbook *y, unsigned hour, bool end, char text[static 32])
{
	char date[32];
	unsigned day = end ? (hour - 1) / 24 : hour / 24;
	nr_yearbook_date(y, day, date);
	snprintf(text, 32, "%.12s %02u:00", date, hour - day * 24);
}

static void put_missing(struct nr_yearbook *y)
{
	const struct nr_document_column columns[] = {{SAY(y, "From (UTC)", "開始（UTC）"), false},
		{SAY(y, "To (UTC)", "終了（UTC）"), false}, {SAY(y, "Hours", "時間数"), true}};
	unsigned total = y->days * 24, ranges = 0, beyond = 0;
	if (y->hours == total)
		return;
	nr_document_table(y->document, SAY(y, "Hours without any observation", "観測のない時間帯"), columns,
		NR_COUNT(columns));
	for (unsigned from = 0; from < total;) {
		unsigned to = from;
		while (to < total && !y->hour[to])
			to++;
		if (to > from && ranges++ < RANGES_MAX) {
			char a[32], b[32], c[32];
			hour_text(y, from, false, a);
			hour_text(y, to, true, b);
			nr_document_row(
				y->document, (const char *const[]){a, b, nr_document_number(to - from, c)});
		} else if (to > from) {
			beyond += to - from;
		}
		from = to + 1;
	}
	if (beyond)
		nr_document_note(y->document,
			SAY(y, "%u more times with %u hours in all are not listed.",
				"ほかに%u件、計%u時間は省略した。"),
			ranges - RANGES_MAX, beyond);
}

struct gap_sum {
	char cause[32];
	uint64_t gaps, packets;
	nr_time time;
};

static int put_gaps(struct nr_yearbook *y, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows = {0};
	struct gap_sum sums[16];
	size_t count = 0;
	if (!nr_store_query("gaps"))
		return 0;
	int e = nr_yearbook_ask(y, "gaps", NULL, NULL, NULL, GAPS_MAX, &rows, error);
	for (size_t i = 0; !e && i < rows.count; i++) {
		const char *cause = nr_rows_text(&rows, i, "cause");
		size_t s = 0;
		while (s < count && strcmp(sums[s].cause, cause) != 0)
			s++;
		if (s == NR_COUNT(sums))
			continue;
		if (s == count) {
			sums[count] = (struct gap_sum){.gaps = 0};
			snprintf(sums[count++].cause, sizeof sums[0].cause, "%s", cause);
		}
		nr_time first = NR_MAX(nr_rows_int(&rows, i, "first"), y->first);
		int64_t last = nr_rows_int(&rows, i, "last"); /* 0: it goes on */
		sums[s].gaps++;
		sums[s].packets += (uint64_t)nr_rows_int(&rows, i, "packets");
		sums[s].time += NR_MAX(NR_MIN(last ? last : y->end, y->end) - first, 0);
	}
	if (e || !rows.count)
		return e;
	const struct nr_document_column columns[] = {{SAY(y, "Cause", "原因"), false},
		{SAY(y, "Gaps", "件数"), true}, {SAY(y, "Hours", "時間"), true},
		{SAY(y, "Packets known to be lost", "判明している欠落パケット数"), true}};
	nr_document_table(y->document, SAY(y, "Sensor gaps in live operation", "常時観測の欠測"), columns,
		NR_COUNT(columns));
	for (size_t s = 0; s < count; s++) {
		char a[32], b[32], c[32];
		snprintf(b, sizeof b, "%.2f", (double)sums[s].time / (double)NR_HOUR);
		nr_document_row(
			y->document, (const char *const[]){sums[s].cause, nr_document_number(sums[s].gaps, a),
					     b, nr_document_number(sums[s].packets, c)});
	}
	return 0;
}

static int put_sensors(struct nr_yearbook *y, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows = {0};
	int e = nr_rows_ask(
		y->conf->store, "coverage", (const struct nr_given[]){{NULL, NULL}}, 1000, &rows, error);
	const struct nr_document_column columns[] = {{SAY(y, "Sensor", "センサ"), false},
		{SAY(y, "First stored (UTC)", "保存の最初（UTC）"), false},
		{SAY(y, "Last stored (UTC)", "保存の最後（UTC）"), false},
		{SAY(y, "Readings", "読み込み回数"), true}};
	if (e)
		return e;
	nr_document_table(
		y->document, SAY(y, "Sensors of the store", "ストアのセンサ"), columns, NR_COUNT(columns));
	for (size_t i = 0; i < rows.count; i++) {
		char first[NR_TIME_TEXT], last[NR_TIME_TEXT], runs[32];
		const char *sensor = nr_rows_text(&rows, i, "sensor");
		if (y->conf->sensor && strcmp(y->conf->sensor, sensor) != 0)
			continue;
		nr_time_write(nr_rows_int(&rows, i, "first"), first);
		nr_time_write(nr_rows_int(&rows, i, "last"), last);
		first[10] = last[10] = ' ';
		first[16] = last[16] = 0;
		nr_document_row(y->document,
			(const char *const[]){sensor, first, last,
				nr_document_number((uint64_t)nr_rows_int(&rows, i, "runs"), runs)});
	}
	return 0;
}

int nr_yearbook_coverage(struct nr_yearbook *y, struct nr_error *error)
{
	char share[32], hours[32], total[32];
	nr_document_heading(y->document, 1, SAY(y, "Coverage", "観測の状況"));
	nr_document_paragraph(y->document,
		SAY(y,
			"%s of %s hours of the year have at least one packet (%s); %u days were observed in "
			"every hour, %u "
			"days in some, %u days not at all.",
			"年間%2$s時間のうち%1$s時間（%3$"
			"s）で1パケット以上を観測した。すべての時間帯で観測した日は%4$u日、"
			"一部のみの日は%5$u日、観測のない日は%6$u日である。"),
		nr_document_number(y->hours, hours), nr_document_number(y->days * 24, total),
		nr_document_share(y->hours, y->days * 24.0, share), y->whole_days,
		y->some_days - y->whole_days, y->days - y->some_days);
	int e = put_sensors(y, error);
	if (e)
		return e;
	put_missing(y);
	return put_gaps(y, error);
}

/* ---- method ---- */

static void put_rules(struct nr_yearbook *y, const struct nr_rows *runs)
{
	const struct nr_document_column columns[] = {
		{SAY(y, "Rules and versions used", "使用した規則と版"), false},
		{SAY(y, "Readings", "読み込み回数"), true}};
	const char *seen[RULES_MAX];
	uint64_t counts[RULES_MAX] = {0};
	size_t count = 0;
	for (size_t i = 0; i < runs->count; i++) {
		const char *rules = nr_rows_text(runs, i, "rules");
		size_t r = 0;
		while (r < count && strcmp(seen[r], rules) != 0)
			r++;
		if (r == RULES_MAX)
			continue;
		if (r == count)
			seen[count++] = rules;
		counts[r]++;
	}
	if (!count)
		return;
	nr_document_table(y->document, "", columns, NR_COUNT(columns));
	for (size_t r = 0; r < count; r++) {
		char number[32];
		nr_document_row(
			y->document, (const char *const[]){seen[r], nr_document_number(counts[r], number)});
	}
}

int nr_yearbook_method(struct nr_yearbook *y, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows runs = {0};
	int e = nr_yearbook_ask(y, "telescope/runs", NULL, NULL, NULL, RUNS_MAX, &runs, error);
	if (e)
		return e;
	nr_document_heading(y->document, 1, SAY(y, "Method", "集計の方法"));
	nr_document_paragraph(y->document, "%s",
		SAY(y,
			"A packet is an IP packet addressed to the telescope. A scan packet is a TCP SYN, or "
			"UDP that is no "
			"answer. Research scanners are judged per UTC day and source by volume and ports, or "
			"by a list. Tools "
			"are recognised by fields of their SYNs. Victims: at least 25 packets over 60 "
			"seconds and 30 in one "
			"window of 60 seconds (Moore et al.; CAIDA corsaro3).",
			"パケットは、観測対象のIPアドレス宛のIPパケットを数える。スキャンパケットはTCP "
			"SYN、および応答以外のUDPを"
			"いう。調査目的のスキャンは、UTCの1日・送信元ごとに、パケット数と宛先ポート数、または"
			"リストにより判定する。"
			"ツールはSYNパケットの各フィールドの特徴から判定する。DDoS攻撃の被害は、60秒以上にわ"
			"たり25パケット以上、かつ"
			"60秒の窓で30パケット以上（Mooreらの基準、CAIDA corsaro3）とする。"));
	put_rules(y, &runs);
	nr_document_note(
		y->document, SAY(y, "Written by noroshi %s.", "noroshi %s により作成。"), NR_VERSION);
	return 0;
}
