/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that the queries about hosts share. */
#ifndef NR_STORE_HOSTS_H
#define NR_STORE_HOSTS_H

#include "store/ask.h"

#define COLUMN_ORIGIN                                                                                        \
	{"country", NR_VALUE_TEXT, "country, ISO 3166-1", "国（ISO 3166-1）"},                               \
		{"asn", NR_VALUE_INT, "autonomous system number", "AS番号"},                                 \
	{                                                                                                    \
		"as_name", NR_VALUE_TEXT, "autonomous system name", "AS名"                                  \
	}
#define COLUMN_SEEN                                                                                          \
	{"first", NR_VALUE_TIME, "first seen", "最初の観測"},                                                \
	{                                                                                                    \
		"last", NR_VALUE_TIME, "last seen", "最後の観測"                                        \
	}
#define COLUMN_ADDRESS                                                                                       \
	{                                                                                                    \
		"address", NR_VALUE_ADDRESS, "address", "アドレス"                                       \
	}
#define COLUMN_PACKETS                                                                                       \
	{                                                                                                    \
		"packets", NR_VALUE_INT, "packets", "パケット数"                                        \
	}
#define SOURCE_FACTS                                                                                         \
	{"scan_packets", NR_VALUE_INT, "scan packets", "スキャンパケット数"},                                \
		{"ports", NR_VALUE_INT, "distinct destination ports (largest day)",                          \
			"宛先ポートの種類数（最多の日）"},                                                   \
		COLUMN_SEEN, {"categories", NR_VALUE_TEXT, "categories seen", "観測された分類"},             \
		{"tools", NR_VALUE_TEXT, "tools recognised", "判定されたツール"},                            \
		{"research", NR_VALUE_TEXT, "rule that marks a research scanner",                            \
			"調査目的のスキャンと判定した規則"},                                                 \
		{"marks", NR_VALUE_TEXT, "evidence marks", "特徴の印"}, COLUMN_ORIGIN

#endif
