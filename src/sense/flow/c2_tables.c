/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/c2_tables.h"

#define KEPT_SERVERS (400 * NR_DAY) /* a year, and the same weeks of the year before */
/* Rows of clients go with their flows; what no archive speaks for any more goes at this age. */
#define KEPT_CLIENTS (32 * NR_DAY)

#define COLUMN(row, name, type, key, en, ja)                                                                 \
	{                                                                                                    \
#name, type, offsetof(struct row, name), key, false, en, ja, NR_ADDING_LARGER                \
	}

#define DAY(row)                                                                                             \
	COLUMN(row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),                                         \
		COLUMN(row, time, NR_TYPE_TIME, true, "start of the day, UTC", "日（UTC 0時）")
#define SERVER(row)                                                                                          \
	COLUMN(row, address, NR_TYPE_ADDRESS, true, "address of the server", "サーバのアドレス"),            \
		COLUMN(row, port, NR_TYPE_UINT16, true, "its port", "ポート"),                               \
		COLUMN(row, protocol, NR_TYPE_UINT8, true, "IP protocol number", "プロトコル番号")
#define SINCE(row)                                                                                           \
	COLUMN(row, since, NR_TYPE_TIME, false, "earliest receipt of a flow that it rests on",               \
		"根拠となるフローの最も古い受信時刻")
#define SEEN(row)                                                                                            \
	COLUMN(row, first, NR_TYPE_TIME, false, "first seen that day", "その日の最初の観測"),                \
		COLUMN(row, last, NR_TYPE_TIME, false, "last seen that day", "その日の最後の観測")

#define ROW nr_flow_server_row
static const struct nr_column server_columns[] = {
	DAY(ROW),
	SERVER(ROW),
	SINCE(ROW),
	COLUMN(ROW, rank, NR_TYPE_UINT32, false, "rank in the newest look, from 1", "順位"),
	COLUMN(ROW, confidence, NR_TYPE_REAL, false, "calibrated probability", "確信度（較正済み確率）"),
	COLUMN(ROW, llr, NR_TYPE_REAL, false, "sum of the reasons' weights, nats", "対数尤度比の合計"),
	COLUMN(ROW, alarm, NR_TYPE_UINT8, false, "1: an alarm within the budget", "1: 警報（予算内）"),
	COLUMN(ROW, clients, NR_TYPE_UINT64, false, "clients", "クライアント数"),
	SEEN(ROW),
	COLUMN(ROW, looked, NR_TYPE_TIME, false, "when it was judged", "判定時刻"),
	COLUMN(ROW, as, NR_TYPE_UINT32, false, "autonomous system; 0: not known", "AS番号（0は不明）"),
	COLUMN(ROW, country, NR_TYPE_TEXT, false, "country; empty: not known", "国（空は不明）"),
	COLUMN(ROW, period, NR_TYPE_REAL, false, "period of its clients, seconds; 0: none",
		"接続周期（秒、0はなし）"),
	COLUMN(ROW, feedback, NR_TYPE_TEXT, false, "what people said of it", "人による判定"),
	COLUMN(ROW, reasons, NR_TYPE_TEXT, false, "reasons, JSON", "理由（JSON）"),
	COLUMN(ROW, similar, NR_TYPE_TEXT, false, "benign servers like it, JSON", "類似の正常サーバ（JSON）"),
};
#undef ROW
const struct nr_table nr_flow_server_table = {"flow_server", server_columns, NR_COUNT(server_columns),
	sizeof(struct nr_flow_server_row), "time", "Servers, ranked by how likely they command others",
	"C&Cサーバの可能性で順位づけしたサーバ", NULL, KEPT_SERVERS};

#define ROW nr_flow_host_row
static const struct nr_column host_columns[] = {
	DAY(ROW),
	COLUMN(ROW, kind, NR_TYPE_TEXT, true, "kind", "種類"),
	COLUMN(ROW, address, NR_TYPE_ADDRESS, true, "address or pseudonym", "アドレスまたは仮名"),
	SINCE(ROW),
	COLUMN(ROW, port, NR_TYPE_UINT16, false, "port that it goes to; 0: no one port",
		"宛先ポート（0はなし）"),
	COLUMN(ROW, protocol, NR_TYPE_UINT8, false, "IP protocol number", "プロトコル番号"),
	COLUMN(ROW, confidence, NR_TYPE_REAL, false, "calibrated probability", "確信度（較正済み確率）"),
	COLUMN(ROW, alarm, NR_TYPE_UINT8, false, "1: it is a finding", "1: 検知結果"),
	SEEN(ROW),
	COLUMN(ROW, looked, NR_TYPE_TIME, false, "when it was judged", "判定時刻"),
	COLUMN(ROW, reasons, NR_TYPE_TEXT, false, "reasons, JSON", "理由（JSON）"),
};
#undef ROW
const struct nr_table nr_flow_host_table = {"flow_host", host_columns, NR_COUNT(host_columns),
	sizeof(struct nr_flow_host_row), "time", "Infected hosts, scanners, sources and victims of attacks",
	"感染ホスト・スキャナ・DDoSの送信元と被害者", NULL, KEPT_CLIENTS};

#define CLIENT(row) COLUMN(row, client, NR_TYPE_ADDRESS, true, "client, a pseudonym", "クライアント（仮名）")
#define MET(row)                                                                                             \
	SINCE(row), SEEN(row), COLUMN(row, beats, NR_TYPE_UINT64, false, "its connections", "接続数"),       \
		COLUMN(row, known_infected, NR_TYPE_UINT8, false,                                            \
			"1: known as infected by another sense or a list", "1: 他の観測などで感染が既知")

#define ROW nr_flow_beat_row
static const struct nr_column beat_columns[] = {
	DAY(ROW),
	SERVER(ROW),
	CLIENT(ROW),
	MET(ROW),
	COLUMN(ROW, bins, NR_TYPE_TEXT, false,
		"beats that began in each five minutes of the day, a hex digit each; f: 15 and more",
		"5分ごとの接続数（16進1桁、fは15以上）"),
};
#undef ROW
const struct nr_table nr_flow_beat_table = {"flow_beat", beat_columns, NR_COUNT(beat_columns),
	sizeof(struct nr_flow_beat_row), "time", "Beats of servers' clients over a day",
	"サーバごとのクライアントの接続時刻", NULL, KEPT_CLIENTS};

#define ROW nr_flow_meeting_row
/* By client, because where else it went is asked of each. */
static const struct nr_column meeting_columns[] = {
	DAY(ROW),
	CLIENT(ROW),
	SERVER(ROW),
	MET(ROW),
};
#undef ROW
const struct nr_table nr_flow_meeting_table = {"flow_meeting", meeting_columns, NR_COUNT(meeting_columns),
	sizeof(struct nr_flow_meeting_row), "time", "Which clients met which servers",
	"サーバとクライアントの接続関係", NULL, KEPT_CLIENTS};

const struct nr_table *const nr_flow_c2_tables[] = {
	&nr_flow_server_table, &nr_flow_host_table, &nr_flow_beat_table, &nr_flow_meeting_table};
const size_t nr_flow_c2_table_count = NR_COUNT(nr_flow_c2_tables);
