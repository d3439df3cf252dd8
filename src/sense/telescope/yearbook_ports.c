/* SPDX-License-Identifier: Apache-2.0 */
/* Destination ports and their classes. */
#include "sense/telescope/yearbook_inside.h"

#include <string.h>

#define PORTS_MAX 200000 /* both protocols have 131,072 */

/* ---- classes ---- */

static int put_ring(struct nr_yearbook *y, const char *research, const char *caption, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows;
	const struct nr_given given[] = {{"research", research}, {NULL, NULL}};
	int e = nr_yearbook_ask(y, "telescope/classes", NULL, NULL, given, 32, &rows, error);
	if (e || !rows.count)
		return e;
	double values[32];
	nr_document_chart(y->document, NR_CHART_RING, caption, SAY(y, "packets", "パケット数"));
	for (size_t i = 0; i < rows.count; i++) {
		const char *class = nr_rows_text(&rows, i, "class");
		nr_document_label(y->document, nr_yearbook_class(y, class), nr_yearbook_class_colour(class));
		values[i] = (double)nr_rows_int(&rows, i, "packets");
	}
	nr_document_series(y->document, "", 0, values);
	return 0;
}

/* ---- top ports ---- */

/* The ten of a protocol with the most packets or hosts. */
struct top {
	size_t count;
	struct port {
		int64_t port;
		char class[32];
		uint64_t packets, sources;
		double error, share;
	} ports[NR_YEARBOOK_TOP];
};

static void insert(struct top *top, const struct port *port, bool by_hosts)
{
	size_t at = top->count;
	while (at > 0 && (by_hosts ? top->ports[at - 1].sources < port->sources
				   : top->ports[at - 1].packets < port->packets))
		at--;
	if (at == NR_YEARBOOK_TOP)
		return;
	top->count = NR_MIN(top->count + 1, (size_t)NR_YEARBOOK_TOP);
	memmove(&top->ports[at + 1], &top->ports[at], (top->count - 1 - at) * sizeof top->ports[0]);
	top->ports[at] = *port;
}

static struct port port_of(const struct nr_rows *rows, size_t row)
{
	struct port p = {.port = nr_rows_int(rows, row, "port"),
		.packets = (uint64_t)nr_rows_int(rows, row, "packets"),
		.sources = (uint64_t)nr_rows_int(rows, row, "sources"),
		.error = nr_rows_real(rows, row, "sources_error"),
		.share = nr_rows_real(rows, row, "share")};
	snprintf(p.class, sizeof p.class, "%s", nr_rows_text(rows, row, "class"));
	return p;
}

/* Ports come with the most packets first. A port has at most as many hosts as packets, so the search for
 * hosts ends where packets are fewer than the tenth's hosts. */
static int read_top(struct nr_yearbook *y, const char *protocol, const char *research, struct top *packets,
	struct top *hosts, struct nr_error *error)
{
	for (size_t most = 1000;; most *= 8) {
		NR_AUTO(nr_rows_fini) struct nr_rows rows;
		const struct nr_given given[] = {
			{"research", research}, {"protocol", protocol}, {NULL, NULL}};
		int e = nr_yearbook_ask(y, "telescope/ports", NULL, NULL, given, most, &rows, error);
		if (e)
			return e;
		*packets = *hosts = (struct top){0};
		for (size_t i = 0; i < rows.count; i++) {
			struct port p = port_of(&rows, i);
			insert(packets, &p, false);
			insert(hosts, &p, true);
		}
		bool sure = hosts->count == NR_YEARBOOK_TOP &&
			    (uint64_t)nr_rows_int(&rows, rows.count - 1, "packets") <
				    hosts->ports[NR_YEARBOOK_TOP - 1].sources;
		if (!rows.cut || sure || most > PORTS_MAX)
			return 0;
	}
}

static void put_cells(
	struct nr_yearbook *y, const struct port *p, bool by_hosts, double hosts, char cells[4][64])
{
	char number[40];
	snprintf(cells[0], 64, "%d", (int)p->port);
	snprintf(cells[1], 64, "%s", nr_yearbook_class(y, p->class));
	if (by_hosts) {
		snprintf(cells[2], 64, "%s", nr_yearbook_hosts(p->sources, p->error, number));
		nr_document_share((double)p->sources, hosts, cells[3]);
	} else {
		snprintf(cells[2], 64, "%s", nr_document_number(p->packets, number));
		snprintf(cells[3], 64, "%.1f %%", 100 * p->share);
	}
}

/* Side by side: with research scanners, and without. */
static void put_top(struct nr_yearbook *y, const char *caption, const struct top *with,
	const struct top *without, bool by_hosts, const double hosts[2])
{
	const char *unit = by_hosts ? SAY(y, "Hosts", "ホスト数") : SAY(y, "Packets", "パケット数");
	const struct nr_document_column columns[] = {{SAY(y, "Rank", "順位"), true},
		{SAY(y, "Port", "ポート"), true}, {SAY(y, "Class", "区分"), false}, {unit, true},
		{SAY(y, "Share", "割合"), true}, {SAY(y, "Port (without)", "ポート（調査除く）"), true},
		{SAY(y, "Class", "区分"), false}, {unit, true}, {SAY(y, "Share", "割合"), true}};
	nr_document_table(y->document, caption, columns, NR_COUNT(columns));
	for (size_t i = 0; i < NR_MAX(with->count, without->count); i++) {
		char rank[24], left[4][64] = {"", "", "", ""}, right[4][64] = {"", "", "", ""};
		snprintf(rank, sizeof rank, "%zu", i + 1);
		if (i < with->count)
			put_cells(y, &with->ports[i], by_hosts, hosts[0], left);
		if (i < without->count)
			put_cells(y, &without->ports[i], by_hosts, hosts[1], right);
		nr_document_row(y->document, (const char *const[]){rank, left[0], left[1], left[2], left[3],
						     right[0], right[1], right[2], right[3]});
	}
}

/* Hosts that scanned at all: what a port's hosts are a share of. */
static int read_scan_hosts(
	struct nr_yearbook *y, const char *research, double *ret_hosts, struct nr_error *error)
{
	NR_AUTO(nr_rows_fini) struct nr_rows rows;
	const struct nr_given given[] = {{"research", research}, {NULL, NULL}};
	int e = nr_yearbook_ask(y, "telescope/categories", NULL, NULL, given, 32, &rows, error);
	*ret_hosts = 0;
	for (size_t i = 0; !e && i < rows.count; i++)
		if (strcmp(nr_rows_text(&rows, i, "category"), "scan") == 0)
			*ret_hosts = (double)nr_rows_int(&rows, i, "sources");
	return e;
}

static int put_protocol(struct nr_yearbook *y, const char *number, const char *name, const double hosts[2],
	struct nr_error *error)
{
	struct top packets[2], by_hosts[2];
	char caption[160];
	int e = read_top(y, number, "with", &packets[0], &by_hosts[0], error);
	if (!e)
		e = read_top(y, number, "without", &packets[1], &by_hosts[1], error);
	if (e)
		return e;
	snprintf(caption, sizeof caption,
		SAY(y, "Top 10 %s destination ports by packets", "%s 宛先ポート トップ10（パケット数）"),
		name);
	put_top(y, caption, &packets[0], &packets[1], false, hosts);
	snprintf(caption, sizeof caption,
		SAY(y, "Top 10 %s destination ports by unique hosts",
			"%s 宛先ポート トップ10（ユニークホスト数）"),
		name);
	put_top(y, caption, &by_hosts[0], &by_hosts[1], true, hosts);
	return 0;
}

int nr_yearbook_ports(struct nr_yearbook *y, struct nr_error *error)
{
	double hosts[2] = {0, 0};
	nr_document_heading(y->document, 1, SAY(y, "Destination ports", "宛先ポート"));
	int e = put_ring(y, "without",
		SAY(y, "Scan packets by class of the destination port, without research scanners",
			"宛先ポートの区分別の割合（調査目的のスキャンを除く）"),
		error);
	if (!e)
		e = put_ring(y, "with",
			SAY(y, "Scan packets by class of the destination port, with research scanners",
				"宛先ポートの区分別の割合（調査目的のスキャンを含む）"),
			error);
	if (!e)
		e = read_scan_hosts(y, "with", &hosts[0], error);
	if (!e)
		e = read_scan_hosts(y, "without", &hosts[1], error);
	if (!e)
		e = put_protocol(y, "6", "TCP", hosts, error);
	if (!e)
		e = put_protocol(y, "17", "UDP", hosts, error);
	nr_document_note(y->document, "%s",
		SAY(y,
			"Shares are parts of all scan packets (TCP SYN and UDP that is no answer), and of "
			"all hosts that "
			"scanned. To the right of each table: without research scanners. A port belongs to "
			"the class that "
			"comes first in the file of port classes.",
			"割合は、スキャンパケット（TCP "
			"SYNと応答以外のUDP）の総数、およびスキャンを行ったホストの総数に対する値。"
			"各表の右側は調査目的のスキャンを除いた順位。複数の区分に当たるポートは、区分ファイル"
			"で先に現れる区分に"
			"数える。"));
	return e;
}
