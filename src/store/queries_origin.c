/* SPDX-License-Identifier: Apache-2.0 */
/* Where the telescope's sources are: countries and networks. */
#include "store/ask.h"

/* The rows of one country, or of one network of it, in the pieces of the range. */
#define COUNTED(index, condition)                                                                            \
	"(SELECT " NR_SQL_SOURCES                                                                            \
	" FROM piece CROSS JOIN telescope_origin t INDEXED BY " index NR_SQL_IN_PIECES " AND " condition     \
	") AS counted"

#define COUNTRIES                                                                                            \
	"SELECT t.country AS country, " NR_SQL_PACKETS " AS packets" NR_SQL_FROM_ORIGINS                     \
	" GROUP BY t.country HAVING " NR_SQL_PACKETS " > 0"
#define NETWORKS                                                                                             \
	"SELECT t.asn AS asn, t.as_name AS as_name, t.country AS country, " NR_SQL_PACKETS                   \
	" AS packets" NR_SQL_FROM_ORIGINS " WHERE (:country IS NULL OR t.country = :country)"                \
	" GROUP BY t.country, t.asn HAVING " NR_SQL_PACKETS " > 0"

#define SOURCES_COLUMNS                                                                                      \
	{"sources", NR_VALUE_INT, "unique sources", "ユニークホスト数"},                                     \
	{                                                                                                    \
		"sources_error", NR_VALUE_REAL, "relative standard error; 0 = exact, -1 = at least",         \
			"相対標準誤差（0: 正確、-1: 下限）"                                     \
	}

static const struct nr_parameter country_parameters[] = {NR_PARAMETER_RANGE, NR_PARAMETER_PAGE};

static const struct nr_result_column country_columns[] = {
	{"country", NR_VALUE_TEXT, "country, ISO 3166-1; empty: unknown", "国（ISO 3166-1、空は不明）"},
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	SOURCES_COLUMNS,
};

const struct nr_plan nr_plan_countries = {
	.query = {"telescope/countries", "Packets and sources by country", "国ごとの集計", country_parameters,
		NR_COUNT(country_parameters), country_columns, NR_COUNT(country_columns)},
	.span = NR_SPAN_HOURS,
	.order = {{"packets", true}, {"country", false}},
	.base = COUNTRIES,
	.detail = COUNTED("telescope_origin_by_country", "t.country = page.country"),
	.columns = "country, packets, " NR_SQL_COUNTED,
};

static const struct nr_parameter network_parameters[] = {
	NR_PARAMETER_RANGE,
	{"country", NR_VALUE_TEXT, .text_en = "country, ISO 3166-1 alpha-2"},
	NR_PARAMETER_PAGE,
};

static const struct nr_result_column network_columns[] = {
	{"asn", NR_VALUE_INT, "autonomous system number; 0: unknown", "AS番号（0は不明）"},
	{"as_name", NR_VALUE_TEXT, "autonomous system name", "AS名"},
	{"country", NR_VALUE_TEXT, "country, ISO 3166-1", "国（ISO 3166-1）"},
	{"packets", NR_VALUE_INT, "packets", "パケット数"},
	SOURCES_COLUMNS,
};

const struct nr_plan nr_plan_networks = {
	.query = {"telescope/networks", "Packets and sources by autonomous system", "ASごとの集計",
		network_parameters, NR_COUNT(network_parameters), network_columns, NR_COUNT(network_columns)},
	.span = NR_SPAN_HOURS,
	.order = {{"packets", true}, {"asn", false}, {"country", false}},
	.base = NETWORKS,
	.detail = COUNTED("telescope_origin_by_network", "t.asn = page.asn AND t.country = page.country"),
	.columns = "asn, as_name, country, packets, " NR_SQL_COUNTED,
};
