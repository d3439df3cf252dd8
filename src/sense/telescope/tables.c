/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/tables.h"
#include "model/finding.h"
#include "model/gap.h"
#include "sense/telescope/ipv6.h"

#define ADDED(row, name, type, key, adding, en, ja)                                                          \
	{                                                                                                    \
#name, type, offsetof(struct row, name), key, (type) == NR_TYPE_BYTES, en, ja, adding        \
	}
#define COLUMN(row, name, type, key, en, ja) ADDED(row, name, type, key, NR_ADDING_LARGER, en, ja)

static const struct nr_column traffic_columns[] = {
	COLUMN(nr_traffic_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_traffic_row, step, NR_TYPE_UINT32, true, "length of the step, seconds", "集計単位（秒）"),
	COLUMN(nr_traffic_row, time, NR_TYPE_TIME, true, "start of the step, UTC", "集計開始時刻（UTC）"),
	COLUMN(nr_traffic_row, traffic, NR_TYPE_UINT8, true, "0 all, 1 research scanners alone",
		"0: 全体、1: 調査目的のスキャンのみ"),
	COLUMN(nr_traffic_row, category, NR_TYPE_TEXT, true, "category", "分類"),
	COLUMN(nr_traffic_row, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
	COLUMN(nr_traffic_row, bytes, NR_TYPE_UINT64, false, "bytes on the wire", "バイト数"),
	COLUMN(nr_traffic_row, sources, NR_TYPE_UINT64, false, "unique sources", "ユニークホスト数"),
	COLUMN(nr_traffic_row, error, NR_TYPE_REAL, false,
		"relative standard error of the unique sources; 0 = exact",
		"ユニークホスト数の相対標準誤差（0は正確な値）"),
	COLUMN(nr_traffic_row, sketch, NR_TYPE_BYTES, false, "HyperLogLog of the sources",
		"送信元のHyperLogLog"),
};
const struct nr_table nr_traffic_table = {"telescope_traffic", traffic_columns, NR_COUNT(traffic_columns),
	sizeof(struct nr_traffic_row), "time", "Packets, bytes and unique sources by category",
	"分類ごとのパケット数・バイト数・ユニークホスト数"};

static const struct nr_column port_columns[] = {
	COLUMN(nr_port_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_port_row, step, NR_TYPE_UINT32, true, "length of the step, seconds", "集計単位（秒）"),
	COLUMN(nr_port_row, time, NR_TYPE_TIME, true, "start of the step, UTC", "集計開始時刻（UTC）"),
	COLUMN(nr_port_row, traffic, NR_TYPE_UINT8, true, "0 all, 1 research scanners alone",
		"0: 全体、1: 調査目的のスキャンのみ"),
	COLUMN(nr_port_row, protocol, NR_TYPE_UINT8, true, "IP protocol number", "IPプロトコル番号"),
	COLUMN(nr_port_row, port, NR_TYPE_UINT16, true, "destination port", "宛先ポート"),
	COLUMN(nr_port_row, class, NR_TYPE_TEXT, false, "port class", "ポートの区分"),
	COLUMN(nr_port_row, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
	COLUMN(nr_port_row, bytes, NR_TYPE_UINT64, false, "bytes on the wire", "バイト数"),
	COLUMN(nr_port_row, sources, NR_TYPE_UINT64, false, "unique sources", "ユニークホスト数"),
	COLUMN(nr_port_row, error, NR_TYPE_REAL, false,
		"relative standard error of the unique sources; 0 = exact",
		"ユニークホスト数の相対標準誤差（0は正確な値）"),
	COLUMN(nr_port_row, sketch, NR_TYPE_BYTES, false, "HyperLogLog of the sources",
		"送信元のHyperLogLog"),
};
const struct nr_table nr_port_table = {"telescope_port", port_columns, NR_COUNT(port_columns),
	sizeof(struct nr_port_row), "time", "Scan packets by protocol and destination port",
	"宛先ポートごとのスキャンパケット"};

static const struct nr_column origin_columns[] = {
	COLUMN(nr_origin_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_origin_row, step, NR_TYPE_UINT32, true, "length of the step, seconds", "集計単位（秒）"),
	COLUMN(nr_origin_row, time, NR_TYPE_TIME, true, "start of the step, UTC", "集計開始時刻（UTC）"),
	COLUMN(nr_origin_row, traffic, NR_TYPE_UINT8, true, "0 all, 1 research scanners alone",
		"0: 全体、1: 調査目的のスキャンのみ"),
	COLUMN(nr_origin_row, country, NR_TYPE_TEXT, true, "country, ISO 3166-1", "国（ISO 3166-1）"),
	COLUMN(nr_origin_row, asn, NR_TYPE_UINT32, true, "autonomous system number", "AS番号"),
	COLUMN(nr_origin_row, as_name, NR_TYPE_TEXT, false, "autonomous system name", "AS名"),
	COLUMN(nr_origin_row, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
	COLUMN(nr_origin_row, sources, NR_TYPE_UINT64, false, "unique sources", "ユニークホスト数"),
	COLUMN(nr_origin_row, error, NR_TYPE_REAL, false,
		"relative standard error of the unique sources; 0 = exact",
		"ユニークホスト数の相対標準誤差（0は正確な値）"),
	COLUMN(nr_origin_row, sketch, NR_TYPE_BYTES, false, "HyperLogLog of the sources",
		"送信元のHyperLogLog"),
};
const struct nr_table nr_origin_table = {"telescope_origin", origin_columns, NR_COUNT(origin_columns),
	sizeof(struct nr_origin_row), "time", "Packets and unique sources by country and autonomous system",
	"国・ASごとのパケット数とユニークホスト数"};

static const struct nr_column source_columns[] = {
	COLUMN(nr_source_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_source_row, time, NR_TYPE_TIME, true, "start of the step, UTC", "集計開始時刻（UTC）"),
	COLUMN(nr_source_row, address, NR_TYPE_ADDRESS, true, "address", "アドレス"),
	ADDED(nr_source_row, packets, NR_TYPE_UINT64, false, NR_ADDING_SUM, "packets", "パケット数"),
	ADDED(nr_source_row, scan_packets, NR_TYPE_UINT64, false, NR_ADDING_SUM, "scan packets",
		"スキャンパケット数"),
	ADDED(nr_source_row, ports, NR_TYPE_UINT32, false, NR_ADDING_MOST, "distinct destination ports",
		"宛先ポートの種類数"),
	ADDED(nr_source_row, first, NR_TYPE_TIME, false, NR_ADDING_LEAST, "first seen", "最初の観測"),
	ADDED(nr_source_row, last, NR_TYPE_TIME, false, NR_ADDING_MOST, "last seen", "最後の観測"),
	ADDED(nr_source_row, categories, NR_TYPE_TEXT, false, NR_ADDING_WORDS, "categories seen",
		"観測された分類"),
	ADDED(nr_source_row, tools, NR_TYPE_TEXT, false, NR_ADDING_WORDS, "tools recognised",
		"判定されたツール"),
	ADDED(nr_source_row, research, NR_TYPE_TEXT, false, NR_ADDING_WORDS,
		"rule that marks a research scanner", "調査目的のスキャンと判定した規則"),
	ADDED(nr_source_row, marks, NR_TYPE_TEXT, false, NR_ADDING_WORDS, "evidence marks", "特徴の印"),
	COLUMN(nr_source_row, country, NR_TYPE_TEXT, false, "country, ISO 3166-1", "国（ISO 3166-1）"),
	COLUMN(nr_source_row, asn, NR_TYPE_UINT32, false, "autonomous system number", "AS番号"),
	COLUMN(nr_source_row, as_name, NR_TYPE_TEXT, false, "autonomous system name", "AS名"),
	COLUMN(nr_source_row, evidence, NR_TYPE_TEXT, false, "evidence, JSON", "根拠（JSON）"),
};
const struct nr_table nr_source_table = {"telescope_source", source_columns, NR_COUNT(source_columns),
	sizeof(struct nr_source_row), "time", "Sources of one day", "1日ごとの送信元ホスト", "packets"};

static const struct nr_column source_port_columns[] = {
	COLUMN(nr_source_port_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_source_port_row, time, NR_TYPE_TIME, true, "start of the step, UTC", "集計開始時刻（UTC）"),
	COLUMN(nr_source_port_row, protocol, NR_TYPE_UINT8, true, "IP protocol number", "IPプロトコル番号"),
	COLUMN(nr_source_port_row, port, NR_TYPE_UINT16, true, "destination port", "宛先ポート"),
	COLUMN(nr_source_port_row, address, NR_TYPE_ADDRESS, true, "address", "アドレス"),
	COLUMN(nr_source_port_row, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
	COLUMN(nr_source_port_row, bytes, NR_TYPE_UINT64, false, "bytes on the wire", "バイト数"),
};
const struct nr_table nr_source_port_table = {"telescope_source_port", source_port_columns,
	NR_COUNT(source_port_columns), sizeof(struct nr_source_port_row), "time",
	"Destination ports of the sources of one day", "送信元ホストごとの宛先ポート"};

static const struct nr_column victim_columns[] = {
	COLUMN(nr_victim_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_victim_row, first, NR_TYPE_TIME, true, "first seen", "最初の観測"),
	COLUMN(nr_victim_row, address, NR_TYPE_ADDRESS, true, "address", "アドレス"),
	COLUMN(nr_victim_row, protocol, NR_TYPE_UINT8, true, "IP protocol number", "IPプロトコル番号"),
	COLUMN(nr_victim_row, prefix_length, NR_TYPE_UINT8, true,
		"length of the prefix that was attacked; 32 or 128: one host",
		"攻撃されたプレフィックスの長さ（32・128は1ホスト）"),
	COLUMN(nr_victim_row, last, NR_TYPE_TIME, false, "last seen", "最後の観測"),
	COLUMN(nr_victim_row, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
	COLUMN(nr_victim_row, bytes, NR_TYPE_UINT64, false, "bytes on the wire", "バイト数"),
	COLUMN(nr_victim_row, peak_60s, NR_TYPE_UINT64, false, "most packets in 60 s",
		"60秒間の最大パケット数"),
	COLUMN(nr_victim_row, targets, NR_TYPE_UINT32, false, "distinct dark addresses",
		"観測したダークネットアドレス数"),
	COLUMN(nr_victim_row, attack_ports, NR_TYPE_UINT32, false,
		"distinct ports the forged packets came from", "詐称された送信元ポートの種類数"),
	COLUMN(nr_victim_row, target_ports, NR_TYPE_UINT32, false, "distinct ports attacked",
		"攻撃されたポートの種類数"),
	COLUMN(nr_victim_row, target_port, NR_TYPE_UINT16, false, "first port attacked",
		"最初に攻撃されたポート"),
	COLUMN(nr_victim_row, rate, NR_TYPE_REAL, false, "estimated packets/s at the victim",
		"被害ホストでの推定パケット毎秒"),
	COLUMN(nr_victim_row, country, NR_TYPE_TEXT, false, "country, ISO 3166-1", "国（ISO 3166-1）"),
	COLUMN(nr_victim_row, asn, NR_TYPE_UINT32, false, "autonomous system number", "AS番号"),
	COLUMN(nr_victim_row, as_name, NR_TYPE_TEXT, false, "autonomous system name", "AS名"),
	COLUMN(nr_victim_row, addresses, NR_TYPE_UINT32, false, "distinct addresses under attack",
		"攻撃を受けたアドレス数"),
};
const struct nr_table nr_victim_table = {"telescope_victim", victim_columns, NR_COUNT(victim_columns),
	sizeof(struct nr_victim_row), "last", "DDoS victims seen by backscatter",
	"バックスキャッタから見えるDDoS被害ホスト"};

static const struct nr_column campaign_columns[] = {
	COLUMN(nr_campaign_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_campaign_row, time, NR_TYPE_TIME, true, "start of the step, UTC", "集計開始時刻（UTC）"),
	COLUMN(nr_campaign_row, signature, NR_TYPE_TEXT, true, "shared invariants", "共通する特徴"),
	ADDED(nr_campaign_row, sources, NR_TYPE_UINT64, false, NR_ADDING_MOST, "unique sources",
		"ユニークホスト数"),
	ADDED(nr_campaign_row, packets, NR_TYPE_UINT64, false, NR_ADDING_SUM, "packets", "パケット数"),
	COLUMN(nr_campaign_row, protocol, NR_TYPE_UINT8, false, "IP protocol number", "IPプロトコル番号"),
	COLUMN(nr_campaign_row, port, NR_TYPE_UINT16, false, "destination port", "宛先ポート"),
	ADDED(nr_campaign_row, first, NR_TYPE_TIME, false, NR_ADDING_LEAST, "first seen", "最初の観測"),
	ADDED(nr_campaign_row, last, NR_TYPE_TIME, false, NR_ADDING_MOST, "last seen", "最後の観測"),
};
const struct nr_table nr_campaign_table = {"telescope_campaign", campaign_columns, NR_COUNT(campaign_columns),
	sizeof(struct nr_campaign_row), "time", "Sources that share tool invariants",
	"同じ特徴をもつ送信元の集まり", "packets"};

static const struct nr_column run_columns[] = {
	COLUMN(nr_run_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_run_row, time, NR_TYPE_TIME, true, "start of the step, UTC", "集計開始時刻（UTC）"),
	COLUMN(nr_run_row, input, NR_TYPE_TEXT, true, "input", "入力"),
	COLUMN(nr_run_row, frames, NR_TYPE_UINT64, false, "records read", "読み込んだレコード数"),
	COLUMN(nr_run_row, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
	COLUMN(nr_run_row, bytes, NR_TYPE_UINT64, false, "bytes on the wire", "バイト数"),
	COLUMN(nr_run_row, late, NR_TYPE_UINT64, false, "packets too late for their interval",
		"集計に間に合わなかったパケット数"),
	COLUMN(nr_run_row, first, NR_TYPE_TIME, false, "first seen", "最初の観測"),
	COLUMN(nr_run_row, last, NR_TYPE_TIME, false, "last seen", "最後の観測"),
	COLUMN(nr_run_row, dropped, NR_TYPE_TEXT, false, "dropped, by cause", "原因別の除外数"),
	COLUMN(nr_run_row, dark, NR_TYPE_UINT64, false, "dark addresses observed", "観測対象のアドレス数"),
	COLUMN(nr_run_row, rules, NR_TYPE_TEXT, false, "rule files and versions", "規則ファイルと版"),
	COLUMN(nr_run_row, session, NR_TYPE_TEXT, false,
		"session: rows of one replace each other, those of several add up",
		"セッション。同じものの記録は置き換わり、異なるものは合算される"),
};
const struct nr_table nr_run_table = {"telescope_run", run_columns, NR_COUNT(run_columns),
	sizeof(struct nr_run_row), "time", "Readings and what they lost", "読み込みの記録と欠測"};

static const struct nr_column warning_columns[] = {
	COLUMN(nr_warning_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_warning_row, time, NR_TYPE_TIME, true, "slot in which it began", "始まった時刻"),
	COLUMN(nr_warning_row, kind, NR_TYPE_TEXT, true,
		"changefinder, synchrony, slow-scanner or aggressive", "検知方法"),
	COLUMN(nr_warning_row, key, NR_TYPE_TEXT, true, "port, country, address or prefix",
		"ポート・国・アドレス・プレフィックス"),
	ADDED(nr_warning_row, last, NR_TYPE_TIME, false, NR_ADDING_MOST,
		"end of the last slot in which it lasted", "続いている最後の時刻"),
	COLUMN(nr_warning_row, value, NR_TYPE_REAL, false, "figure that was judged", "判定に使った値"),
	COLUMN(nr_warning_row, score, NR_TYPE_REAL, false, "score of the method, its highest",
		"検知方法のスコア（最大値）"),
	COLUMN(nr_warning_row, sources, NR_TYPE_UINT64, false, "unique sources", "ユニークホスト数"),
	COLUMN(nr_warning_row, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
	ADDED(nr_warning_row, notable, NR_TYPE_UINT8, false, NR_ADDING_MOST,
		"1: a finding, too; 0: kept, but not worth a look", "1: 検知結果でもある、0: 記録のみ"),
	COLUMN(nr_warning_row, evidence, NR_TYPE_TEXT, false, "evidence, JSON", "根拠（JSON）"),
	COLUMN(nr_warning_row, reason_en, NR_TYPE_TEXT, false, "reason", "理由（英語）"),
	COLUMN(nr_warning_row, reason_ja, NR_TYPE_TEXT, false, "reason (Japanese)", "理由"),
};
const struct nr_table nr_warning_table = {"telescope_warning", warning_columns, NR_COUNT(warning_columns),
	sizeof(struct nr_warning_row), "last", "Early warnings, one row an episode", "早期警戒（1件1行）",
	"packets"};

static const struct nr_column event_columns[] = {
	COLUMN(nr_event_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_event_row, first, NR_TYPE_TIME, true, "first seen", "最初の観測"),
	COLUMN(nr_event_row, address, NR_TYPE_ADDRESS, true, "address", "アドレス"),
	COLUMN(nr_event_row, type, NR_TYPE_UINT8, true, "traffic type, 0 to 17", "通信の種類（0〜17）"),
	COLUMN(nr_event_row, port, NR_TYPE_UINT16, true, "port", "ポート"),
	COLUMN(nr_event_row, last, NR_TYPE_TIME, false, "last seen", "最後の観測"),
	COLUMN(nr_event_row, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
	COLUMN(nr_event_row, bytes, NR_TYPE_UINT64, false, "bytes on the wire", "バイト数"),
	COLUMN(nr_event_row, destinations, NR_TYPE_UINT32, false, "distinct dark addresses",
		"観測したダークネットアドレス数"),
	COLUMN(nr_event_row, error, NR_TYPE_REAL, false,
		"relative standard error of the distinct addresses; 0 = exact",
		"アドレス数の相対標準誤差（0は正確な値）"),
	COLUMN(nr_event_row, rate, NR_TYPE_REAL, false, "estimated packets/s to the whole Internet",
		"インターネット全体への推定パケット毎秒"),
	COLUMN(nr_event_row, coverage, NR_TYPE_REAL, false, "share of the dark addresses",
		"ダークネットに占める割合"),
	COLUMN(nr_event_row, definitions, NR_TYPE_TEXT, false,
		"definitions of an aggressive hitter that hold", "該当する定義（1〜3）"),
	COLUMN(nr_event_row, country, NR_TYPE_TEXT, false, "country, ISO 3166-1", "国（ISO 3166-1）"),
	COLUMN(nr_event_row, asn, NR_TYPE_UINT32, false, "autonomous system number", "AS番号"),
	COLUMN(nr_event_row, as_name, NR_TYPE_TEXT, false, "autonomous system name", "AS名"),
};
const struct nr_table nr_event_table = {"telescope_event", event_columns, NR_COUNT(event_columns),
	sizeof(struct nr_event_row), "last", "Scanning events as ORION defines them",
	"スキャンイベント（ORIONの定義）"};

const struct nr_table *const nr_telescope_tables[] = {&nr_traffic_table, &nr_port_table, &nr_origin_table,
	&nr_source_table, &nr_source_port_table, &nr_victim_table, &nr_campaign_table, &nr_run_table,
	&nr_warning_table, &nr_event_table, &nr_ipv6_table, &nr_ipv6_network_table, &nr_finding_table,
	&nr_gap_table};
const size_t nr_telescope_table_count = NR_COUNT(nr_telescope_tables);
