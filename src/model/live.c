/* SPDX-License-Identifier: Apache-2.0 */
#include "model/live.h"

#define COLUMN(row, name, type, key, en, ja)                                                                 \
	{                                                                                                    \
#name, type, offsetof(struct row, name), key, false, en, ja                                  \
	}

static const struct nr_column pulse_columns[] = {
	COLUMN(nr_live_pulse, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_live_pulse, time, NR_TYPE_TIME, true, "start", "開始時刻"),
	COLUMN(nr_live_pulse, seconds, NR_TYPE_REAL, false, "seconds that it covers", "対象の秒数"),
	COLUMN(nr_live_pulse, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
	COLUMN(nr_live_pulse, bytes, NR_TYPE_UINT64, false, "bytes on the wire", "バイト数"),
	COLUMN(nr_live_pulse, sources, NR_TYPE_UINT64, false, "distinct sources", "ユニークホスト数"),
	COLUMN(nr_live_pulse, tcp_syn, NR_TYPE_UINT64, false, "TCP SYN", "TCP SYN"),
	COLUMN(nr_live_pulse, tcp_syn_ack, NR_TYPE_UINT64, false, "TCP SYN-ACK", "TCP SYN-ACK"),
	COLUMN(nr_live_pulse, tcp_rst, NR_TYPE_UINT64, false, "TCP RST", "TCP RST"),
	COLUMN(nr_live_pulse, tcp_other, NR_TYPE_UINT64, false, "other TCP", "その他のTCP"),
	COLUMN(nr_live_pulse, udp, NR_TYPE_UINT64, false, "UDP", "UDP"),
	COLUMN(nr_live_pulse, icmp, NR_TYPE_UINT64, false, "ICMP", "ICMP"),
	COLUMN(nr_live_pulse, other, NR_TYPE_UINT64, false, "other protocols", "その他のプロトコル"),
	COLUMN(nr_live_pulse, backscatter, NR_TYPE_UINT64, false, "backscatter",
		"応答パケット（バックスキャッタ）"),
	COLUMN(nr_live_pulse, delay_ms, NR_TYPE_UINT64, false, "age of the oldest packet, ms",
		"最も古いパケットの経過時間（ミリ秒）"),
	COLUMN(nr_live_pulse, day_packets, NR_TYPE_UINT64, false, "packets of the UTC day",
		"当日（UTC）のパケット数"),
	COLUMN(nr_live_pulse, day_sources, NR_TYPE_UINT64, false, "sources of the UTC day",
		"当日（UTC）のユニークホスト数"),
};
const struct nr_table nr_live_pulse_table = {"live_pulse", pulse_columns, NR_COUNT(pulse_columns),
	sizeof(struct nr_live_pulse), NULL, "One second of a live sensor", "稼働中のセンサの1秒間"};

static const struct nr_column port_columns[] = {
	COLUMN(nr_live_port, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_live_port, time, NR_TYPE_TIME, true, "start", "開始時刻"),
	COLUMN(nr_live_port, protocol, NR_TYPE_UINT8, true, "IP protocol number", "IPプロトコル番号"),
	COLUMN(nr_live_port, port, NR_TYPE_UINT16, true, "destination port", "宛先ポート"),
	COLUMN(nr_live_port, class, NR_TYPE_TEXT, false, "port class", "ポートの区分"),
	COLUMN(nr_live_port, packets, NR_TYPE_UINT64, false, "scan packets", "スキャンパケット数"),
};
const struct nr_table nr_live_port_table = {"live_port", port_columns, NR_COUNT(port_columns),
	sizeof(struct nr_live_port), NULL, "Busiest ports of one second", "1秒間の上位ポート"};

static const struct nr_column country_columns[] = {
	COLUMN(nr_live_country, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_live_country, time, NR_TYPE_TIME, true, "start", "開始時刻"),
	COLUMN(nr_live_country, country, NR_TYPE_TEXT, true, "country, ISO 3166-1", "国（ISO 3166-1）"),
	COLUMN(nr_live_country, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
};
const struct nr_table nr_live_country_table = {"live_country", country_columns, NR_COUNT(country_columns),
	sizeof(struct nr_live_country), NULL, "Busiest countries of one second", "1秒間の上位の国"};

static const struct nr_column particle_columns[] = {
	COLUMN(nr_live_particle, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_live_particle, time, NR_TYPE_TIME, true, "time of the packet", "パケットの時刻"),
	COLUMN(nr_live_particle, source, NR_TYPE_ADDRESS, false, "source", "送信元"),
	COLUMN(nr_live_particle, destination, NR_TYPE_ADDRESS, false, "destination", "宛先"),
	COLUMN(nr_live_particle, source_port, NR_TYPE_UINT16, false, "source port", "送信元ポート"),
	COLUMN(nr_live_particle, destination_port, NR_TYPE_UINT16, false, "destination port", "宛先ポート"),
	COLUMN(nr_live_particle, protocol, NR_TYPE_UINT8, false, "IP protocol number", "IPプロトコル番号"),
	COLUMN(nr_live_particle, country, NR_TYPE_TEXT, false, "country, ISO 3166-1", "国（ISO 3166-1）"),
	COLUMN(nr_live_particle, bits, NR_TYPE_UINT8, false, "what is known of it", "判定の印"),
	COLUMN(nr_live_particle, of, NR_TYPE_UINT64, false, "packets that the sample stands for",
		"標本が代表するパケット数"),
};
const struct nr_table nr_live_particle_table = {"live_particle", particle_columns, NR_COUNT(particle_columns),
	sizeof(struct nr_live_particle), NULL, "A sample of single packets", "パケットの標本"};

static const struct nr_column drop_columns[] = {
	COLUMN(nr_live_drop, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_live_drop, time, NR_TYPE_TIME, true, "time", "時刻"),
	COLUMN(nr_live_drop, cause, NR_TYPE_TEXT, true, "cause", "原因"),
	COLUMN(nr_live_drop, packets, NR_TYPE_UINT64, false, "packets", "パケット数"),
};
const struct nr_table nr_live_drop_table = {"live_drop", drop_columns, NR_COUNT(drop_columns),
	sizeof(struct nr_live_drop), NULL, "What a live sensor lost or left out, by cause",
	"稼働中のセンサが失った、または除外したパケット"};

const struct nr_table *const nr_live_tables[NR_LIVE_TABLES] = {&nr_live_pulse_table, &nr_live_port_table,
	&nr_live_country_table, &nr_live_particle_table, &nr_live_drop_table};
