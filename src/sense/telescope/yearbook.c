/* SPDX-License-Identifier: Apache-2.0 */
/* The year as a whole: figures, months, and what the sections share. */
#include "sense/telescope/yearbook_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- times ---- */

static nr_time time_of_month(unsigned year, unsigned month)
{
	char text[32];
	nr_time time = 0;
	snprintf(text, sizeof text, "%04u-%02u-01", year + (month - 1) / 12, (month - 1) % 12 + 1);
	nr_time_parse(text, &time, NULL);
	return time;
}

static const char *time_text(nr_time time, char text[static 32])
{
	char whole[NR_TIME_TEXT];
	nr_time_write(time, whole);
	snprintf(text, 32, "%.19sZ", whole);
	return text;
}

const char *nr_yearbook_month(const struct nr_yearbook *y, unsigned month, char text[static 32])
{
	return time_text(time_of_month(y->conf->year, month), text);
}

const char *nr_yearbook_day(const struct nr_yearbook *y, unsigned day, char text[static 32])
{
	return time_text(y->first + day * NR_DAY, text);
}

const char *nr_yearbook_date(const struct nr_yearbook *y, unsigned day, char text[static 32])
{
	char time[32];
	nr_yearbook_day(y, day, time);
	snprintf(text, 32, "%d/%d", atoi(time + 5), atoi(time + 8));
	return text;
}

/* ---- asking ---- */

int nr_yearbook_ask(const struct nr_yearbook *y, const char *query, const char *from, const char *to,
	const struct nr_given *extra, size_t most, struct nr_rows *ret_rows, struct nr_error *error)
{
	struct nr_given given[NR_ROWS_GIVEN_MAX + 4] = {
		{"sensor", y->conf->sensor}, {"from", from ? from : y->from}, {"to", to ? to : y->to}};
	for (size_t i = 3; extra && extra->name && i + 1 < NR_COUNT(given); i++)
		given[i] = *extra++;
	return nr_rows_ask(y->conf->store, query, given, most, ret_rows, error);
}

int nr_yearbook_sum(const struct nr_yearbook *y, const char *from, const char *to, const char *research,
	struct nr_yearbook_sums *ret_sums, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows;
	const struct nr_given given[] = {{"research", research}, {NULL, NULL}};
	int e = nr_yearbook_ask(y, "telescope/summary", from, to, given, 1, &rows, error);
	if (e || !rows.count)
		return e;
	*ret_sums = (struct nr_yearbook_sums){
		.packets = (uint64_t)nr_rows_int(&rows, 0, "packets"),
		.sources = (uint64_t)nr_rows_int(&rows, 0, "sources"),
		.scan_packets = (uint64_t)nr_rows_int(&rows, 0, "scan_packets"),
		.backscatter_packets = (uint64_t)nr_rows_int(&rows, 0, "backscatter_packets"),
		.research_packets = (uint64_t)nr_rows_int(&rows, 0, "research_packets"),
		.research_sources = (uint64_t)nr_rows_int(&rows, 0, "research_sources"),
		.sources_error = nr_rows_real(&rows, 0, "sources_error"),
	};
	return 0;
}

/* ---- words ---- */

const char *nr_yearbook_hosts(uint64_t sources, double error, char text[static 40])
{
	char number[32];
	const char *sign = error > 0 ? "≈ " : error < 0 ? "≥ " : "";
	snprintf(text, 40, "%s%s", sign, nr_document_number(sources, number));
	return text;
}

const char *nr_yearbook_round(const struct nr_yearbook *y, uint64_t n, char text[static 40])
{
	static const struct {
		double size;
		const char *text;
	} english[] = {{1e12, " trillion"}, {1e9, " billion"}, {1e6, " million"}},
	  japanese[] = {{1e12, "兆"}, {1e8, "億"}, {1e4, "万"}};
	for (size_t i = 0; i < NR_COUNT(english); i++) {
		double size = SAY(y, english[i].size, japanese[i].size), value = (double)n / size;
		if (value >= 1) {
			snprintf(text, 40, value < 100 ? "%.1f%s" : "%.0f%s", value,
				SAY(y, english[i].text, japanese[i].text));
			return text;
		}
	}
	char number[32];
	snprintf(text, 40, "%s", nr_document_number(n, number));
	return text;
}

const char *nr_yearbook_port(int64_t protocol, int64_t port, char text[static 24])
{
	snprintf(text, 24, "%" PRId64 "/%s", port, protocol == 6 ? "TCP" : protocol == 17 ? "UDP" : "ICMP");
	return text;
}

static const struct {
	const char *class, *en, *ja;
	uint32_t colour;
} classes[] = {
	{"iot", "IoT devices", "IoT機器", NR_COLOUR_IOT},
	{"windows", "Windows", "Windows", NR_COLOUR_WINDOWS},
	{"web", "Web", "Web", NR_COLOUR_WEB},
	{"amplification", "Amplification", "リフレクション", NR_COLOUR_AMPLIFICATION},
	{"other", "Other", "その他", NR_COLOUR_OTHER},
};

static size_t class_index(const char *class)
{
	size_t i = 0;
	while (i < NR_COUNT(classes) && strcmp(classes[i].class, class) != 0)
		i++;
	return i;
}

uint32_t nr_yearbook_class_colour(const char *class)
{
	size_t i = class_index(class);
	return i < NR_COUNT(classes) ? classes[i].colour : 0x54617a; /* a class of the operator's own file */
}

const char *nr_yearbook_class(const struct nr_yearbook *y, const char *class)
{
	size_t i = class_index(class);
	return i < NR_COUNT(classes) ? SAY(y, classes[i].en, classes[i].ja) : class;
}

/* ---- overview ---- */

static void put_year_figures(struct nr_yearbook *y)
{
	char a[40], b[32], text[96];
	struct nr_document *d = y->document;
	nr_document_figures(d);
	nr_document_figure(d, SAY(y, "packets observed in the year", "年間総観測パケット数"),
		nr_yearbook_round(y, y->all.packets, a));
	double per_address = y->dark ? (double)y->all.packets / (double)y->dark : 0;
	if (!y->dark)
		snprintf(text, sizeof text, "%s", SAY(y, "not known", "不明"));
	else if (per_address < 1000)
		snprintf(text, sizeof text, "%.1f", per_address);
	else
		snprintf(text, sizeof text, "%s", nr_yearbook_round(y, (uint64_t)per_address, a));
	nr_document_figure(d,
		SAY(y, "packets per dark address in the year", "1 IPアドレス当たりの年間総観測パケット数"),
		text);
	nr_document_figure(d, SAY(y, "unique hosts in the year", "年間ユニークホスト数"),
		nr_yearbook_hosts(y->all.sources, y->all.sources_error, a));
	nr_document_figure(d, SAY(y, "of all packets: research scanners", "調査目的のスキャンが占める割合"),
		nr_document_share((double)y->all.research_packets, (double)y->all.packets, b));
	nr_document_figure(d, SAY(y, "of all packets: backscatter", "バックスキャッタが占める割合"),
		nr_document_share((double)y->all.backscatter_packets, (double)y->all.packets, b));
	snprintf(text, sizeof text, SAY(y, "%u of %u", "%u日／%u日"), y->some_days, y->days);
	nr_document_figure(d, SAY(y, "days with observations", "観測した日数"), text);
}

static void put_coverage_sentence(struct nr_yearbook *y)
{
	char share[32], hours[32];
	nr_document_share(y->hours, y->days * 24.0, share);
	nr_document_number(y->hours, hours);
	if (y->hours == y->days * 24)
		nr_document_paragraph(y->document, "%s",
			SAY(y, "Every hour of the year was observed.",
				"1年間のすべての時間帯で観測できた。"));
	else
		nr_document_paragraph(y->document,
			SAY(y,
				"This is a part of the year: %s hours on %u days (%s of the year) have "
				"observations. All "
				"figures are sums of what was observed; nothing is extrapolated to the whole "
				"year. "
				"Section “Coverage” says what is missing.",
				"本報告は年の一部に基づく。観測できたのは%s時間（%u日、年間の%"
				"s）である。数値はすべて観測分の合計"
				"であり、年間への補正や推計は行っていない。欠測の内訳は「観測の状況」に示す"
				"。"),
			hours, y->some_days, share);
}

/* NICTER's first table: one line per year. Only years that the store holds. */
static int put_years(struct nr_yearbook *y, struct nr_error *error)
{
	const struct nr_document_column columns[] = {{SAY(y, "Year", "年"), false},
		{SAY(y, "Packets", "年間総観測パケット数"), true},
		{SAY(y, "Dark addresses", "観測IPアドレス数"), true},
		{SAY(y, "Packets per address", "1 IPアドレス当たりの年間総観測パケット数"), true},
		{SAY(y, "Research scanners", "調査目的のスキャンの割合"), true}};
	nr_document_table(y->document, SAY(y, "The years in this store", "年間総観測パケット数の推移"),
		columns, NR_COUNT(columns));
	for (unsigned year = y->conf->year - 4; year <= y->conf->year; year++) {
		char from[32], to[32], name[16], cells[4][40];
		struct nr_yearbook_sums sums = {0};
		int e = nr_yearbook_sum(y, time_text(time_of_month(year, 1), from),
			time_text(time_of_month(year, 13), to), "with", &sums, error);
		if (e)
			return e;
		if (!sums.packets)
			continue;
		bool dark = year == y->conf->year && y->dark;
		snprintf(name, sizeof name, SAY(y, "%u", "%u年"), year);
		nr_document_number(sums.packets, cells[0]);
		snprintf(cells[1], 40, "-");
		snprintf(cells[2], 40, "-");
		if (dark) {
			nr_document_number(y->dark, cells[1]);
			double per_address = (double)sums.packets / (double)y->dark;
			if (per_address < 1000)
				snprintf(cells[2], 40, "%.1f", per_address);
			else
				nr_document_number((uint64_t)per_address, cells[2]);
		}
		nr_document_share((double)sums.research_packets, (double)sums.packets, cells[3]);
		nr_document_row(
			y->document, (const char *const[]){name, cells[0], cells[1], cells[2], cells[3]});
	}
	return 0;
}

int nr_yearbook_overview(struct nr_yearbook *y, struct nr_error *error)
{
	nr_document_heading(y->document, 1, SAY(y, "Overview", "概要"));
	put_year_figures(y);
	put_coverage_sentence(y);
	int e = put_years(y, error);
	if (y->dark_changed)
		nr_document_note(y->document, "%s",
			SAY(y,
				"The number of dark addresses changed during the year; per address, the "
				"largest number is "
				"taken.",
				"観測対象のIPアドレス数は年の途中で変わった。1 "
				"IPアドレス当たりの値は最大のアドレス数で割っている。"));
	nr_document_note(y->document, "%s",
		SAY(y,
			"Days and months are UTC. A host is a source address; ≈ marks an estimate from "
			"merged HyperLogLog "
			"sketches (relative standard error 1.6 %), ≥ a lower bound.",
			"日・月の区切りはUTC。ホストは送信元IPアドレスを指す。≈はHyperLogLogによる推定値（相"
			"対標準誤差1.6 %）、"
			"≥は下限を表す。"));
	return e;
}

/* ---- months ---- */

struct month {
	char name[16];
	struct nr_yearbook_sums all, without;
	unsigned hours, hours_of_month;
};

static int read_month(struct nr_yearbook *y, unsigned number, struct month *m, struct nr_error *error)
{
	static const char *const names[] = {"January", "February", "March", "April", "May", "June", "July",
		"August", "September", "October", "November", "December"};
	char from[32], to[32];
	nr_time first = time_of_month(y->conf->year, number), end = time_of_month(y->conf->year, number + 1);
	if (y->conf->japanese)
		snprintf(m->name, sizeof m->name, "%u月", number);
	else
		snprintf(m->name, sizeof m->name, "%s", names[number - 1]);
	m->hours_of_month = (unsigned)((end - first) / NR_HOUR);
	for (unsigned i = 0; i < m->hours_of_month; i++)
		m->hours += y->hour[(first - y->first) / NR_HOUR + i];
	if (!m->hours)
		return 0;
	int e = nr_yearbook_sum(y, nr_yearbook_month(y, number, from), nr_yearbook_month(y, number + 1, to),
		"with", &m->all, error);
	return e ? e : nr_yearbook_sum(y, from, to, "without", &m->without, error);
}

static void put_months_chart(struct nr_yearbook *y, const struct month *months)
{
	double research[12], scans[12], backscatter[12], other[12];
	nr_document_chart(y->document, NR_CHART_BARS, SAY(y, "Packets per month", "月別の観測パケット数"),
		SAY(y, "packets", "パケット数"));
	for (size_t i = 0; i < 12; i++) {
		char label[16];
		snprintf(label, sizeof label, SAY(y, "%.3s", "%s"), months[i].name);
		nr_document_label(y->document, label, 0);
		const struct nr_yearbook_sums *all = &months[i].all, *without = &months[i].without;
		research[i] = (double)all->research_packets;
		scans[i] = (double)without->scan_packets;
		backscatter[i] = (double)without->backscatter_packets;
		other[i] = (double)all->packets - research[i] - scans[i] - backscatter[i];
	}
	nr_document_series(y->document, SAY(y, "Scans", "スキャン（調査目的を除く）"), NR_COLOUR_IOT, scans);
	nr_document_series(
		y->document, SAY(y, "Research scanners", "調査目的のスキャン"), NR_COLOUR_RESEARCH, research);
	nr_document_series(
		y->document, SAY(y, "Backscatter", "バックスキャッタ"), NR_COLOUR_ALERT, backscatter);
	nr_document_series(y->document, SAY(y, "Other", "その他"), NR_COLOUR_OTHER, other);
}

int nr_yearbook_months(struct nr_yearbook *y, struct nr_error *error)
{
	struct month months[12] = {0};
	for (unsigned i = 0; i < 12; i++) {
		int e = read_month(y, i + 1, &months[i], error);
		if (e)
			return e;
	}
	nr_document_heading(y->document, 1, SAY(y, "The months", "月別の推移"));
	put_months_chart(y, months);
	const struct nr_document_column columns[] = {{SAY(y, "Month", "月"), false},
		{SAY(y, "Packets", "パケット数"), true}, {SAY(y, "Unique hosts", "ユニークホスト数"), true},
		{SAY(y, "Without research scanners: packets", "調査目的を除くパケット数"), true},
		{SAY(y, "Unique hosts", "同ユニークホスト数"), true},
		{SAY(y, "Research share", "調査目的の割合"), true},
		{SAY(y, "Hours observed", "観測時間"), true}};
	nr_document_table(y->document, SAY(y, "Packets and hosts per month", "月別のパケット数とホスト数"),
		columns, NR_COUNT(columns));
	for (size_t i = 0; i < 12; i++) {
		const struct month *m = &months[i];
		char a[32], b[40], c[32], d[40], e[32], f[40];
		snprintf(f, sizeof f, "%u / %u", m->hours, m->hours_of_month);
		if (!m->hours) {
			nr_document_row(
				y->document, (const char *const[]){m->name, "-", "-", "-", "-", "-", f});
			continue;
		}
		nr_document_row(y->document,
			(const char *const[]){m->name, nr_document_number(m->all.packets, a),
				nr_yearbook_hosts(m->all.sources, m->all.sources_error, b),
				nr_document_number(m->without.packets, c),
				nr_yearbook_hosts(m->without.sources, m->without.sources_error, d),
				nr_document_share((double)m->all.research_packets, (double)m->all.packets, e),
				f});
	}
	return 0;
}

/* ---- all of it ---- */

static int read_year(struct nr_yearbook *y, struct nr_error *error)
{
	int e = nr_yearbook_coverage_read(y, error);
	if (!e && !y->hours)
		return nr_fail(error, -ENODATA, "%u: the store has nothing of this year%s", y->conf->year,
			y->conf->sensor ? " from this sensor" : "");
	if (!e)
		e = nr_yearbook_sum(y, y->from, y->to, "with", &y->all, error);
	return e ? e : nr_yearbook_sum(y, y->from, y->to, "without", &y->without, error);
}

int nr_yearbook_fill(
	const struct nr_yearbook_conf *conf, struct nr_document *document, struct nr_error *error)
{
	static int (*const sections[])(struct nr_yearbook *, struct nr_error *) = {nr_yearbook_overview,
		nr_yearbook_months, nr_yearbook_ports, nr_yearbook_origins, nr_yearbook_research,
		nr_yearbook_bots, nr_yearbook_attacks, nr_yearbook_events, nr_yearbook_coverage,
		nr_yearbook_method};
	NR_AUTO(nr_freep) struct nr_yearbook *y = calloc(1, sizeof *y);
	if (!y)
		return nr_fail(error, -ENOMEM, "out of memory");
	*y = (struct nr_yearbook){.conf = conf, .document = document};
	y->first = time_of_month(conf->year, 1);
	y->end = time_of_month(conf->year, 13);
	y->days = (unsigned)((y->end - y->first) / NR_DAY);
	time_text(y->first, y->from);
	time_text(y->end, y->to);
	int e = read_year(y, error);
	for (size_t i = 0; !e && i < NR_COUNT(sections); i++)
		e = sections[i](y, error);
	return e;
}
