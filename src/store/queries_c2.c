/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows: what detection found. Each of these answers is about people or those who harm them, so who asks says
 * for what (the parameter `purpose`), and the use is recorded by whoever passes the question on.
 */
#include "store/ask.h"

#define DAY_US "86400000000"

/* The day that is asked about: of a sensor, the newest one where none is given. */
#define OF_DAY(table)                                                                                        \
	" ON t.sensor = sensor.sensor AND t.time = CASE WHEN :day IS NULL THEN"                              \
	" (SELECT max(u.time) FROM " table " u WHERE u.sensor = sensor.sensor)"                              \
	" ELSE :day - :day % " DAY_US " END"
#define PROTOCOL_TEXT(column)                                                                                \
	"CASE " column " WHEN 0 THEN '' WHEN 1 THEN 'icmp' WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp'"             \
	" WHEN 58 THEN 'icmp6' ELSE CAST(" column " AS TEXT) END"
#define OF_SERVER                                                                                            \
	" AND t.address = :address AND t.port = :port AND t.protocol = CASE :protocol WHEN 'tcp' THEN 6"     \
	" WHEN 'udp' THEN 17 END"

static const char *const purposes[] = {"c2-detection", "notification", "own-operation", NULL};
static const char *const alarms[] = {"with", "only", NULL};
static const char *const kinds[] = {"infected-host", "scanner", "ddos-source", "ddos-victim", NULL};
static const char *const protocols[] = {"tcp", "udp", NULL};

#define PURPOSE                                                                                              \
	{                                                                                                    \
		"purpose", NR_VALUE_TEXT, .required = true, .choices = purposes,                             \
					  .text_en = "what the answer is for; recorded"                      \
	}
#define SENSOR                                                                                               \
	{                                                                                                    \
		"sensor", NR_VALUE_TEXT, .text_en = "name of one sensor"                                     \
	}
#define DAY                                                                                                  \
	{                                                                                                    \
		"day", NR_VALUE_TIME, .text_en = "a UTC day; default: the newest that is stored"             \
	}
#define SERVER                                                                                               \
	{"address", NR_VALUE_ADDRESS, .required = true, .text_en = "address of the server"},                 \
		{"port", NR_VALUE_INT, .required = true, .maximum = 65535, .text_en = "its port"},           \
	{                                                                                                    \
		"protocol", NR_VALUE_TEXT, .required = true, .choices = protocols, .text_en = "tcp or udp"   \
	}

#define COLUMN_SENSOR                                                                                        \
	{                                                                                                    \
		"sensor", NR_VALUE_TEXT, "sensor", "センサ"                                               \
	}
#define COLUMN_DAY                                                                                           \
	{                                                                                                    \
		"day", NR_VALUE_TIME, "start of the day, UTC", "日（UTC 0時）"                           \
	}
#define COLUMNS_SEEN                                                                                         \
	{"first", NR_VALUE_TIME, "first seen that day", "その日の最初の観測"},                               \
	{                                                                                                    \
		"last", NR_VALUE_TIME, "last seen that day", "その日の最後の観測"                   \
	}
#define COLUMN_ALARM                                                                                         \
	{                                                                                                    \
		"alarm", NR_VALUE_INT, "1: within the budget of alarms, and a finding",                      \
			"1: 警報の予算内（検知結果でもある）"                                \
	}
#define COLUMN_CONFIDENCE                                                                                    \
	{                                                                                                    \
		"confidence", NR_VALUE_REAL, "calibrated probability", "確信度（較正済み確率）"   \
	}
#define COLUMN_REASONS                                                                                       \
	{                                                                                                    \
		"reasons", NR_VALUE_JSON,                                                                    \
			"reasons, the heaviest first: code, text_en, text_ja, value, weight",                \
			"理由（重い順）"                                                              \
	}
#define COLUMN_CLIENT                                                                                        \
	{                                                                                                    \
		"client", NR_VALUE_ADDRESS, "client, a pseudonym", "クライアント（仮名）"          \
	}
#define COLUMNS_MET                                                                                          \
	COLUMN_CLIENT, COLUMNS_SEEN, {"beats", NR_VALUE_INT, "its connections", "接続数"},                   \
	{                                                                                                    \
		"known_infected", NR_VALUE_INT, "1: known as infected by another sense or a list",           \
			"1: 他の観測などで感染が既知"                                            \
	}

/* ---- flow/servers ---- */

static const char servers_sql[] =
	"SELECT t.sensor AS sensor, t.time AS day, t.rank AS rank, t.address AS address, t.port AS port,"
	" " PROTOCOL_TEXT(
		"t.protocol") " AS protocol, t.confidence AS confidence, t.llr AS llr,"
			      " t.alarm AS alarm, t.clients AS clients, t.first AS first, t.last AS last, "
			      "t.looked AS looked,"
			      " t.\"as\" AS asn, t.country AS country, t.period AS period, t.feedback AS "
			      "feedback,"
			      " t.reasons AS reasons, t.similar AS similar FROM sensor CROSS JOIN "
			      "flow_server t" OF_DAY(
				      "flow_server") " WHERE (:alarm = 'with' OR t.alarm = 1) AND (:address "
						     "IS NULL OR t.address = :address)"
						     " AND (:port IS NULL OR t.port = :port) AND (:protocol "
						     "IS NULL OR t.protocol ="
						     " CASE :protocol WHEN 'tcp' THEN 6 ELSE 17 END)";

static const struct nr_parameter servers_parameters[] = {
	PURPOSE,
	SENSOR,
	DAY,
	{"alarm", NR_VALUE_TEXT, "with", .choices = alarms, .text_en = "all that are ranked, or alarms only"},
	{"address", NR_VALUE_ADDRESS, .text_en = "of this address"},
	{"port", NR_VALUE_INT, .maximum = 65535, .text_en = "of this port"},
	{"protocol", NR_VALUE_TEXT, .choices = protocols, .text_en = "of this protocol"},
	NR_PARAMETER_PAGE,
};

static const struct nr_result_column servers_columns[] = {
	COLUMN_SENSOR,
	COLUMN_DAY,
	{"rank", NR_VALUE_INT, "rank in the newest look, from 1; null: an earlier alarm, not ranked any more",
		"順位（nullは以前の警報で、現在は順位外）"},
	{"address", NR_VALUE_ADDRESS, "address of the server; in an own network a pseudonym",
		"サーバのアドレス（自網内は仮名）"},
	{"port", NR_VALUE_INT, "its port", "ポート"},
	{"protocol", NR_VALUE_TEXT, "tcp, udp or a number", "プロトコル"},
	COLUMN_CONFIDENCE,
	{"llr", NR_VALUE_REAL, "sum of the reasons' weights, nats", "対数尤度比の合計"},
	COLUMN_ALARM,
	{"clients", NR_VALUE_INT, "clients", "クライアント数"},
	COLUMNS_SEEN,
	{"looked", NR_VALUE_TIME, "when it was judged", "判定時刻"},
	{"as", NR_VALUE_INT, "autonomous system; 0: not known", "AS番号（0は不明）"},
	{"country", NR_VALUE_TEXT, "country; empty: not known", "国（空は不明）"},
	{"period", NR_VALUE_REAL, "seconds after which its clients come back; 0: none",
		"クライアントの接続周期（秒、0はなし）"},
	{"feedback", NR_VALUE_TEXT, "what people said of it: confirmed, benign or nothing",
		"人による判定（confirmed、benign、空）"},
	COLUMN_REASONS,
	{"similar", NR_VALUE_JSON, "benign servers that are most like it: address, port, protocol",
		"最も似ている正常なサーバ"},
};

const struct nr_plan nr_plan_flow_servers = {
	.query = {"flow/servers", "Servers of a day, ranked by how likely they command others",
		"C&Cサーバの可能性で順位づけした1日分のサーバ", servers_parameters,
		NR_COUNT(servers_parameters), servers_columns, NR_COUNT(servers_columns)},
	.span = NR_SPAN_NONE,
	.table = "flow_server",
	.order = {{"rank", false}, {"sensor", false}},
	.base = servers_sql,
	.columns = "sensor, day, CASE WHEN rank < 1000000 THEN rank END, address, port, protocol, confidence,"
		   " llr, alarm, clients, first, last,"
		   " looked, asn, country, period, feedback, reasons, similar",
};

/* ---- flow/server-days ---- */

static const char days_sql[] =
	"SELECT t.sensor AS sensor, t.time AS day, t.rank AS rank, t.confidence AS confidence, t.alarm AS "
	"alarm,"
	" t.clients AS clients, t.first AS first, t.last AS last FROM sensor CROSS JOIN flow_server t"
	" ON t.sensor = sensor.sensor AND t.time BETWEEN :from AND :last" OF_SERVER;

static const struct nr_parameter days_parameters[] = {
	PURPOSE,
	SENSOR,
	{"from", NR_VALUE_TIME,
		.text_en = "start of the range; RFC 3339 or Unix seconds; default: all that is stored"},
	{"to", NR_VALUE_TIME, .text_en = "end of the range, not included; RFC 3339 or Unix seconds"},
	SERVER,
	NR_PARAMETER_PAGE,
};

static const struct nr_result_column days_columns[] = {
	COLUMN_SENSOR,
	COLUMN_DAY,
	{"rank", NR_VALUE_INT, "rank of that day", "順位"},
	COLUMN_CONFIDENCE,
	COLUMN_ALARM,
	{"clients", NR_VALUE_INT, "clients", "クライアント数"},
	COLUMNS_SEEN,
};

const struct nr_plan nr_plan_flow_server_days = {
	.query = {"flow/server-days", "Days on which a server was ranked, newest first",
		"サーバが順位づけされた日（新しい順）", days_parameters, NR_COUNT(days_parameters),
		days_columns, NR_COUNT(days_columns)},
	.span = NR_SPAN_NONE,
	.table = "flow_server",
	.order = {{"day", true}, {"sensor", false}},
	.base = days_sql,
	.columns = "sensor, day, rank, confidence, alarm, clients, first, last",
};

/* ---- flow/hosts ---- */

static const char hosts_sql[] =
	"SELECT t.sensor AS sensor, t.time AS day, t.kind AS kind, t.address AS address, t.port AS port,"
	" " PROTOCOL_TEXT(
		"t.protocol") " AS protocol, t.confidence AS confidence, t.alarm AS alarm,"
			      " t.first AS first, t.last AS last, t.looked AS looked, t.reasons AS reasons,"
			      " CAST(t.confidence * 1000000 AS INTEGER) AS certainty, nr_hash(t.sensor, "
			      "t.kind, t.address) AS place"
			      " FROM sensor CROSS JOIN flow_host t" OF_DAY(
				      "flow_host") " WHERE (:kind IS NULL OR t.kind = :kind) AND (:address "
						   "IS NULL OR t.address = :address)";

static const struct nr_parameter hosts_parameters[] = {
	PURPOSE,
	SENSOR,
	DAY,
	{"kind", NR_VALUE_TEXT, .choices = kinds, .text_en = "of this kind"},
	{"address", NR_VALUE_ADDRESS, .text_en = "of this address or pseudonym"},
	NR_PARAMETER_PAGE,
};

static const struct nr_result_column hosts_columns[] = {
	COLUMN_SENSOR,
	COLUMN_DAY,
	{"kind", NR_VALUE_TEXT, "infected-host, scanner, ddos-source or ddos-victim", "種類"},
	{"address", NR_VALUE_ADDRESS, "address; of own networks a pseudonym", "アドレス（自網は仮名）"},
	{"port", NR_VALUE_INT, "port that it goes to; 0: no one port", "宛先ポート（0はなし）"},
	{"protocol", NR_VALUE_TEXT, "tcp, udp or a number; empty: no one", "プロトコル（空はなし）"},
	COLUMN_CONFIDENCE,
	COLUMN_ALARM,
	COLUMNS_SEEN,
	{"looked", NR_VALUE_TIME, "when it was judged", "判定時刻"},
	COLUMN_REASONS,
};

const struct nr_plan nr_plan_flow_hosts = {
	.query = {"flow/hosts", "Infected hosts, scanners, sources and victims of attacks of a day",
		"1日分の感染ホスト・スキャナ・DDoSの送信元と被害者", hosts_parameters,
		NR_COUNT(hosts_parameters), hosts_columns, NR_COUNT(hosts_columns)},
	.span = NR_SPAN_NONE,
	.table = "flow_host",
	.order = {{"certainty", true}, {"place", false}},
	.base = hosts_sql,
	.columns =
		"sensor, day, kind, address, port, protocol, confidence, alarm, first, last, looked, reasons",
};

/* ---- flow/beats ---- */

static const char beats_sql[] =
	"SELECT t.sensor AS sensor, t.time AS day, t.client AS client, t.first AS first, t.last AS last,"
	" t.beats AS beats, t.known_infected AS known_infected, t.bins AS bins"
	" FROM sensor CROSS JOIN flow_beat t" OF_DAY("flow_beat") OF_SERVER;

static const struct nr_parameter server_parameters[] = {PURPOSE, SENSOR, DAY, SERVER, NR_PARAMETER_PAGE};

static const struct nr_result_column beats_columns[] = {
	COLUMN_SENSOR,
	COLUMN_DAY,
	COLUMNS_MET,
	{"bins", NR_VALUE_TEXT,
		"beats that began in each five minutes of the day, 288 hex digits; f: 15 and more",
		"5分ごとの接続数（16進288桁、fは15以上）"},
};

const struct nr_plan nr_plan_flow_beats = {
	.query = {"flow/beats", "When a server's clients came, over a day",
		"サーバへの1日の接続時刻（クライアント別）", server_parameters, NR_COUNT(server_parameters),
		beats_columns, NR_COUNT(beats_columns)},
	.span = NR_SPAN_NONE,
	.table = "flow_beat",
	.order = {{"first", false}, {"client", false}, {"sensor", false}},
	.base = beats_sql,
	.columns = "sensor, day, client, first, last, beats, known_infected, bins",
};

/* ---- flow/meetings ---- */

static const char meetings_sql[] =
	"SELECT t.sensor AS sensor, t.time AS day, t.client AS client, t.first AS first, t.last AS last,"
	" t.beats AS beats, t.known_infected AS known_infected"
	" FROM sensor CROSS JOIN flow_meeting t" OF_DAY("flow_meeting") OF_SERVER;

static const struct nr_result_column meetings_columns[] = {COLUMN_SENSOR, COLUMN_DAY, COLUMNS_MET};

const struct nr_plan nr_plan_flow_meetings = {
	.query = {"flow/meetings", "Clients of a server on a day, the busiest first",
		"サーバの1日のクライアント（接続の多い順）", server_parameters, NR_COUNT(server_parameters),
		meetings_columns, NR_COUNT(meetings_columns)},
	.span = NR_SPAN_NONE,
	.table = "flow_meeting",
	.order = {{"beats", true}, {"client", false}, {"sensor", false}},
	.base = meetings_sql,
	.columns = "sensor, day, client, first, last, beats, known_infected",
};

/* ---- flow/neighbours ---- */

/* Eight of each client: the likeliest. */
static const char neighbours_sql[] =
	"SELECT * FROM (SELECT t.sensor AS sensor, t.time AS day, o.client AS client, o.address AS address,"
	" o.port AS port, " PROTOCOL_TEXT(
		"o.protocol") " AS protocol, s.confidence AS confidence,"
			      " s.alarm AS alarm, o.beats AS beats, nr_hash(t.sensor, o.address, o.port, "
			      "o.protocol) AS place,"
			      " row_number() OVER (PARTITION BY o.sensor, o.client ORDER BY s.rank) AS number"
			      " FROM sensor CROSS JOIN flow_meeting t" OF_DAY("flow_meeting") OF_SERVER
	" JOIN flow_meeting o ON o.sensor = t.sensor AND o.time = t.time AND o.client = t.client"
	" AND (o.address <> t.address OR o.port <> t.port OR o.protocol <> t.protocol)"
	" JOIN flow_server s ON s.sensor = o.sensor AND s.time = o.time AND s.address = o.address"
	" AND s.port = o.port AND s.protocol = o.protocol) WHERE number <= 8";

static const struct nr_parameter neighbours_parameters[] = {
	PURPOSE,
	SENSOR,
	DAY,
	SERVER,
	{"limit", NR_VALUE_INT, "1000", .minimum = 1, .maximum = 10000, .text_en = "rows of one page"},
	{"after", NR_VALUE_TEXT, .text_en = "the page after this cursor (`next` of the page before)"},
};

static const struct nr_result_column neighbours_columns[] = {
	COLUMN_SENSOR,
	COLUMN_DAY,
	COLUMN_CLIENT,
	{"address", NR_VALUE_ADDRESS, "another ranked server that this client met",
		"同じクライアントの別の接続先"},
	{"port", NR_VALUE_INT, "its port", "ポート"},
	{"protocol", NR_VALUE_TEXT, "tcp, udp or a number", "プロトコル"},
	COLUMN_CONFIDENCE,
	COLUMN_ALARM,
	{"beats", NR_VALUE_INT, "connections of the client", "接続数"},
};

const struct nr_plan nr_plan_flow_neighbours = {
	.query = {"flow/neighbours", "Other ranked servers that a server's clients met that day",
		"サーバのクライアントが同じ日に接続した他の順位付きサーバ", neighbours_parameters,
		NR_COUNT(neighbours_parameters), neighbours_columns, NR_COUNT(neighbours_columns)},
	.span = NR_SPAN_NONE,
	.table = "flow_meeting",
	.order = {{"client", false}, {"place", false}, {"sensor", false}},
	.base = neighbours_sql,
	.columns = "sensor, day, client, address, port, protocol, confidence, alarm, beats",
};
