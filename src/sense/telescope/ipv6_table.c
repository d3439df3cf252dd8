/* SPDX-License-Identifier: Apache-2.0 */
/* How the rows of IPv6 dark space lie in the store. */
#include "sense/telescope/ipv6.h"

#define ADDED(row, name, type, key, adding, en, ja)                                                          \
	{                                                                                                    \
#name, type, offsetof(struct row, name), key, false, en, ja, adding                          \
	}
#define COLUMN(row, name, type, key, en, ja) ADDED(row, name, type, key, NR_ADDING_LARGER, en, ja)

static const struct nr_column columns[] = {
	COLUMN(nr_ipv6_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_ipv6_row, time, NR_TYPE_TIME, true, "day, UTC", "日（UTC）"),
	COLUMN(nr_ipv6_row, dimension, NR_TYPE_TEXT, true, "pattern or length", "集計の軸"),
	COLUMN(nr_ipv6_row, key, NR_TYPE_TEXT, true,
		"pattern of the destination, or length of the source's prefix",
		"宛先アドレスの型、または送信元プレフィックス長"),
	ADDED(nr_ipv6_row, packets, NR_TYPE_UINT64, false, NR_ADDING_SUM, "packets", "パケット数"),
	ADDED(nr_ipv6_row, sources, NR_TYPE_UINT64, false, NR_ADDING_UNIQUE,
		"distinct sources or source networks", "送信元（ネットワーク）の数"),
	ADDED(nr_ipv6_row, error, NR_TYPE_REAL, false, NR_ADDING_ERROR,
		"relative standard error of sources; 0 = exact", "送信元数の相対標準誤差（0: 正確）"),
	ADDED(nr_ipv6_row, destinations, NR_TYPE_UINT64, false, NR_ADDING_MOST,
		"distinct dark addresses, estimated", "宛先アドレス数（推定）"),
	{"sketch", NR_TYPE_BYTES, offsetof(struct nr_ipv6_row, sketch), false, true,
		"HyperLogLog of the sources", "送信元のHyperLogLog", NR_ADDING_SKETCH},
};
const struct nr_table nr_ipv6_table = {"telescope_ipv6", columns, NR_COUNT(columns),
	sizeof(struct nr_ipv6_row), "time", "IPv6 dark space by day", "IPv6ダークネットの日ごとの集計",
	"packets"};

static const struct nr_column network_columns[] = {
	COLUMN(nr_ipv6_network_row, sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(nr_ipv6_network_row, time, NR_TYPE_TIME, true, "day, UTC", "日（UTC）"),
	COLUMN(nr_ipv6_network_row, length, NR_TYPE_UINT8, true, "prefix length", "プレフィックス長"),
	COLUMN(nr_ipv6_network_row, network, NR_TYPE_ADDRESS, true, "network", "ネットワーク"),
	ADDED(nr_ipv6_network_row, packets, NR_TYPE_UINT64, false, NR_ADDING_SUM, "packets", "パケット数"),
	ADDED(nr_ipv6_network_row, sources, NR_TYPE_UINT64, false, NR_ADDING_MOST, "distinct addresses in it",
		"ネットワーク内の送信元アドレス数"),
	ADDED(nr_ipv6_network_row, ports, NR_TYPE_UINT32, false, NR_ADDING_MOST, "distinct destination ports",
		"宛先ポートの種類数"),
	ADDED(nr_ipv6_network_row, first, NR_TYPE_TIME, false, NR_ADDING_LEAST, "first seen", "最初の観測"),
	ADDED(nr_ipv6_network_row, last, NR_TYPE_TIME, false, NR_ADDING_MOST, "last seen", "最後の観測"),
	COLUMN(nr_ipv6_network_row, country, NR_TYPE_TEXT, false, "country, ISO 3166-1", "国（ISO 3166-1）"),
	COLUMN(nr_ipv6_network_row, asn, NR_TYPE_UINT32, false, "autonomous system number", "AS番号"),
	COLUMN(nr_ipv6_network_row, as_name, NR_TYPE_TEXT, false, "autonomous system name", "AS名"),
};
const struct nr_table nr_ipv6_network_table = {"telescope_ipv6_network", network_columns,
	NR_COUNT(network_columns), sizeof(struct nr_ipv6_network_row), "time",
	"Source networks of IPv6 dark space by day", "IPv6ダークネットの送信元ネットワーク（日ごと）",
	"packets"};
