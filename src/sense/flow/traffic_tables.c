/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/traffic.h"

#define KEPT (400 * NR_DAY) /* a year, and the same weeks of the year before */

#define ADDED(row, name, type, key, adding, en, ja)                                                          \
	{                                                                                                    \
#name, type, offsetof(struct row, name), key, false, en, ja, adding                          \
	}
#define KEY(name, type, en, ja) ADDED(nr_flow_traffic_row, name, type, true, NR_ADDING_LARGER, en, ja)
#define SUM(name, en, ja)       ADDED(nr_flow_traffic_row, name, NR_TYPE_UINT64, false, NR_ADDING_SUM, en, ja)

static const struct nr_column traffic_columns[] = {
	KEY(sensor, NR_TYPE_TEXT, "sensor", "センサ"),
	KEY(step, NR_TYPE_UINT32, "length of the step, seconds", "集計単位（秒）"),
	KEY(time, NR_TYPE_TIME, "start of the step, UTC, by the time of receipt",
		"集計開始時刻（UTC、受信時刻）"),
	KEY(dimension, NR_TYPE_TEXT, "what is summed by", "集計の軸"),
	KEY(key, NR_TYPE_TEXT, "service, network, country or exporter; other: the rest",
		"サービス・AS・国・エクスポーター（otherはその他）"),
	ADDED(nr_flow_traffic_row, name, NR_TYPE_TEXT, false, NR_ADDING_LARGER, "its name", "名称"),
	SUM(flows, "flows", "フロー数"),
	SUM(packets, "packets, as exported", "パケット数（エクスポートされた値）"),
	SUM(bytes, "bytes, as exported", "バイト数（エクスポートされた値）"),
	SUM(estimated_packets, "packets times the sampling rate, where it is known",
		"推定パケット数（サンプリング率が既知のフロー）"),
	SUM(estimated_bytes, "bytes times the sampling rate, where it is known",
		"推定バイト数（サンプリング率が既知のフロー）"),
	SUM(unknown_flows, "flows whose sampling rate is not known", "サンプリング率が不明なフロー数"),
};
const struct nr_table nr_flow_traffic_table = {"flow_traffic", traffic_columns, NR_COUNT(traffic_columns),
	sizeof(struct nr_flow_traffic_row), "time",
	"Flows, packets and bytes by service, network and country",
	"サービス・AS・国ごとのフロー数・パケット数・バイト数", "flows", KEPT};

#define COLUMN(name, type, key, en, ja) ADDED(nr_flow_exporter_row, name, type, key, NR_ADDING_LARGER, en, ja)

static const struct nr_column exporter_columns[] = {
	COLUMN(sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(exporter, NR_TYPE_ADDRESS, true, "address of the exporter", "エクスポーターのアドレス"),
	COLUMN(domain, NR_TYPE_UINT32, true, "observation domain", "観測ドメイン"),
	COLUMN(export, NR_TYPE_TEXT, true, "protocol", "プロトコル"),
	COLUMN(first, NR_TYPE_TIME, false, "first seen", "最初の観測"),
	COLUMN(last, NR_TYPE_TIME, false, "last seen", "最後の観測"),
	COLUMN(datagrams, NR_TYPE_UINT64, false, "messages received", "受信メッセージ数"),
	COLUMN(records, NR_TYPE_UINT64, false, "flows", "フロー数"),
	COLUMN(options_records, NR_TYPE_UINT64, false, "records of options", "オプションレコード数"),
	COLUMN(templates, NR_TYPE_UINT64, false, "templates known", "既知のテンプレート数"),
	COLUMN(loss_unit, NR_TYPE_TEXT, false, "what its sequence numbers count", "シーケンス番号の単位"),
	COLUMN(received, NR_TYPE_UINT64, false, "received, in that unit", "受信数（同単位）"),
	COLUMN(lost, NR_TYPE_UINT64, false, "lost before they were received, in that unit",
		"受信前に失われた数（同単位）"),
	COLUMN(lost_unknown, NR_TYPE_UINT64, false, "neither known to be received nor lost",
		"受信・欠落が不明な数"),
	COLUMN(sampling, NR_TYPE_REAL, false, "sampling rate, one in so many; 0: not known",
		"サンプリング率（1:N、0は不明）"),
	COLUMN(sampling_from, NR_TYPE_TEXT, false, "who says so", "率の出所"),
	COLUMN(active_timeout, NR_TYPE_UINT32, false, "active timeout, seconds; 0: not known",
		"アクティブタイムアウト（秒、0は不明）"),
	COLUMN(inactive_timeout, NR_TYPE_UINT32, false, "inactive timeout, seconds; 0: not known",
		"非アクティブタイムアウト（秒、0は不明）"),
	COLUMN(clock_offset, NR_TYPE_REAL, false, "how far its clock is ahead of ours, seconds",
		"時計の進み（秒）"),
	COLUMN(detail, NR_TYPE_TEXT, false, "all that is known of it, JSON", "詳細（JSON）"),
};
const struct nr_table nr_flow_exporter_table = {"flow_exporter", exporter_columns, NR_COUNT(exporter_columns),
	sizeof(struct nr_flow_exporter_row), "last", "Exporters, and how well they are received",
	"エクスポーターと受信状況", NULL, KEPT};

const struct nr_table *const nr_flow_tables[] = {&nr_flow_traffic_table, &nr_flow_exporter_table};
const size_t nr_flow_table_count = NR_COUNT(nr_flow_tables);
