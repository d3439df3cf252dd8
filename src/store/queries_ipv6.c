/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 dark space: how its addresses were chosen, and the networks that knock. */
#include "store/ask.h"

static const struct nr_parameter ipv6_parameters[] = {
	NR_PARAMETER_RANGE,
	{"dimension", NR_VALUE_TEXT, .text_en = "pattern (of destinations) or length (of source prefixes)"},
	NR_PARAMETER_PAGE,
};

static const char ipv6_sql[] =
	"SELECT t.*, nr_hash(t.sensor, t.dimension, t.key) AS place FROM sensor CROSS JOIN telescope_ipv6 t"
	" ON t.sensor = sensor.sensor AND t.time BETWEEN :day_from AND :last"
	" WHERE (:dimension IS NULL OR t.dimension = :dimension)";

static const struct nr_result_column ipv6_columns[] = {
	{"time", NR_VALUE_TIME, "day, UTC", "日（UTC）"},
	{"dimension", NR_VALUE_TEXT, "pattern or length", "集計の軸"},
	{"key", NR_VALUE_TEXT, "pattern of the destination, or length of the source's prefix",
		"宛先アドレスの型、または送信元プレフィックス長"},
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	{"sources", NR_VALUE_INT, "distinct sources or source networks", "送信元（ネットワーク）の数"},
	{"sources_error", NR_VALUE_REAL, "relative standard error; 0 = exact", "相対標準誤差（0: 正確）"},
	{"destinations", NR_VALUE_INT, "distinct dark addresses, estimated", "宛先アドレス数（推定）"},
};

const struct nr_plan nr_plan_ipv6 = {
	.query = {"telescope/ipv6",
		"IPv6 dark space by day: patterns of destinations, lengths of source prefixes",
		"IPv6ダークネットの日ごとの集計（宛先アドレスの型、送信元プレフィックス長）", ipv6_parameters,
		NR_COUNT(ipv6_parameters), ipv6_columns, NR_COUNT(ipv6_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"time", true}, {"packets", true}, {"place", false}},
	.base = ipv6_sql,
	.columns = "time, dimension, key, packets, sources, error AS sources_error, destinations",
};

static const struct nr_parameter networks_parameters[] = {
	NR_PARAMETER_RANGE,
	{"length", NR_VALUE_INT, "64", .minimum = 32, .maximum = 64,
		.text_en = "prefix length: 32, 48 or 64"},
	NR_PARAMETER_PAGE,
};

/* What days share is not known: sources and ports are the largest day's. */
static const char networks_sql[] =
	"SELECT t.network AS network, t.length AS length, sum(t.packets) AS packets, max(t.sources) AS "
	"sources,"
	" max(t.ports) AS ports, min(t.first) AS first, max(t.last) AS last, t.country AS country,"
	" t.asn AS asn, t.as_name AS as_name FROM sensor CROSS JOIN telescope_ipv6_network t" NR_SQL_IN_DAYS
	" AND t.length = :length GROUP BY t.network";

static const struct nr_result_column networks_columns[] = {
	{"network", NR_VALUE_ADDRESS, "network", "ネットワーク"},
	{"length", NR_VALUE_INT, "prefix length", "プレフィックス長"},
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	{"sources", NR_VALUE_INT, "distinct addresses in it (largest day)",
		"ネットワーク内の送信元アドレス数（最多の日）"},
	{"ports", NR_VALUE_INT, "distinct destination ports (largest day)", "宛先ポートの種類数（最多の日）"},
	{"first", NR_VALUE_TIME, "first seen", "最初の観測"},
	{"last", NR_VALUE_TIME, "last seen", "最後の観測"},
	{"country", NR_VALUE_TEXT, "country, ISO 3166-1", "国（ISO 3166-1）"},
	{"asn", NR_VALUE_INT, "autonomous system number", "AS番号"},
	{"as_name", NR_VALUE_TEXT, "autonomous system name", "AS名"},
};

const struct nr_plan nr_plan_ipv6_networks = {
	.query = {"telescope/ipv6-networks", "Source networks of IPv6 dark space",
		"IPv6ダークネットの送信元ネットワーク", networks_parameters, NR_COUNT(networks_parameters),
		networks_columns, NR_COUNT(networks_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"packets", true}, {"network", false}},
	.base = networks_sql,
	.columns = "network, length, packets, sources, ports, first, last, country, asn, as_name",
};
