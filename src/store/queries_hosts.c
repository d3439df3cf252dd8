/* SPDX-License-Identifier: Apache-2.0 */
/* The telescope's hosts: one source and its ports, victims, campaigns. */
#include "store/hosts.h"
#include "store/ranking.h"

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

/* The ports of one source. */
struct knocks {
	uint64_t address[2];
	struct nr_sums sums;
	struct nr_page page;
};

static void knocks_fini(struct knocks *knocks)
{
	nr_sums_fini(&knocks->sums);
	nr_page_fini(&knocks->page);
}

static int add_knocks(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	struct knocks *knocks = context;
	const struct nr_pack *pack = &cell->pack;
	for (uint32_t row = nr_pack_find(pack, knocks->address, 2); nr_pack_is(pack, row, knocks->address, 2);
		row++) {
		struct nr_sum *sum = nr_sums_at(&knocks->sums, 0,
			nr_pack_get(pack, NR_KNOCK_PROTOCOL, row) << 16 |
				nr_pack_get(pack, NR_KNOCK_PORT, row));
		if (!sum)
			return nr_sums_fail(error);
		sum->packets += (int64_t)nr_pack_get(pack, NR_KNOCK_PACKETS, row);
		sum->bytes += (int64_t)nr_pack_get(pack, NR_KNOCK_BYTES, row);
	}
	return 0;
}

static int find_knocks(struct nr_reading *reading, struct knocks *knocks, struct nr_error *error)
{
	const struct nr_ask *ask = reading->ask;
	nr_pack_address(&nr_ask_value(ask, "address")->address, &knocks->address[0], &knocks->address[1]);
	int64_t part = nr_pack_part(&nr_layouts[NR_PACK_KNOCK], knocks->address[0], knocks->address[1]);
	int status = 0;
	for (size_t i = 0; i < ask->piece_count && !status; i++)
		status = nr_cells_visit_parts(
			reading, NR_PACK_KNOCK, &ask->pieces[i], part, part, add_knocks, knocks, error);
	return status ? status : nr_rank_page(&knocks->sums, ask, &nr_order_of_ports, &knocks->page, error);
}

static int hand_out_knock(
	struct nr_reading *reading, sqlite3_stmt *class_of, const struct nr_sum *sum, struct nr_error *error)
{
	int64_t protocol = (int64_t)(sum->low >> 16), port = (int64_t)(sum->low & 0xffff);
	sqlite3_reset(class_of);
	sqlite3_bind_int64(class_of, 1, protocol);
	sqlite3_bind_int64(class_of, 2, port);
	int step = sqlite3_step(class_of);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return nr_sqlite_fail(reading->database, reading->path, error);
	const char *class = step == SQLITE_ROW ? (const char *)sqlite3_column_text(class_of, 0) : NULL;
	struct nr_value values[] = {nr_value_int(protocol), nr_value_int(port),
		nr_value_text(class ? class : ""), nr_value_int(sum->packets), nr_value_int(sum->bytes)};
	struct nr_key keys[] = {nr_key_int(sum->packets), nr_key_int(protocol), nr_key_int(port)};
	return reading->row(reading, values, keys, error);
}

static int answer_source_ports(struct nr_reading *reading, struct nr_error *error)
{
	NR_AUTO(knocks_fini) struct knocks knocks = {0};
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *class_of = NULL;
	int status = nr_sqlite_prepare(reading->database, reading->path,
		"SELECT w.text FROM port_class c JOIN word w ON w.id = c.class WHERE c.protocol = ?1 AND "
		"c.port = "
		"?2",
		&class_of, error);
	if (!status)
		status = find_knocks(reading, &knocks, error);
	for (size_t i = 0; i < knocks.page.count && !status; i++)
		status = hand_out_knock(reading, class_of, knocks.page.items[i], error);
	return status;
}

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
	.answer = answer_source_ports,
};

/* ---- telescope/victims ---- */

static const struct nr_parameter hosts_parameters[] = {NR_PARAMETER_RANGE, NR_PARAMETER_PAGE};

/* The index has all that the order needs; the rest is looked up for the page alone. */
static const char victims_sql[] =
	"SELECT t.sensor AS sensor, t.address AS address, t.protocol AS protocol, t.first AS first,"
	" t.packets AS packets, t.prefix_length AS prefix_length,"
	" nr_hash(t.sensor, t.protocol, t.prefix_length) AS place"
	" FROM telescope_victim t INDEXED BY telescope_victim_by_last WHERE t.last >= :from"
	" AND t.first <= :last AND t.sensor IN (SELECT sensor FROM sensor)";

static const struct nr_result_column victims_columns[] = {
	COLUMN_ADDRESS,
	{"prefix_length", NR_VALUE_INT,
		"length of the prefix that was attacked, of which address is the first; 32 or 128: one host",
		"攻撃されたプレフィックスの長さ（32・128は1ホスト）"},
	{"addresses", NR_VALUE_INT, "distinct addresses under attack", "攻撃を受けたアドレス数"},
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
		" t.rate AS rate, t.country AS country, t.asn AS asn, t.as_name AS as_name,"
		" t.addresses AS addresses",
	.detail_from = " CROSS JOIN telescope_victim t ON t.sensor = page.sensor AND t.first = page.first"
		       " AND t.address = page.address AND t.protocol = page.protocol"
		       " AND t.prefix_length = page.prefix_length",
	.columns = "address, prefix_length, addresses, protocol, first, last, packets, peak_60s, targets, "
		   "target_port, rate, country, "
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
