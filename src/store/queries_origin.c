/* SPDX-License-Identifier: Apache-2.0 */
/* Where the telescope's sources are: countries and networks. */
#include "store/ranking.h"

/* Of countries the key is the country's word, of networks the word and, below it, the number. */
#define COUNTRY_BITS 32

static const char *country_of(const struct nr_ranking *ranking, const struct nr_sum *sum, unsigned shift)
{
	return nr_texts_at(&ranking->texts, sum->low >> shift);
}

static int compare_countries(void *context, const struct nr_sum *a, const struct nr_sum *b)
{
	return strcmp(country_of(context, a, 0), country_of(context, b, 0));
}

static int position_countries(void *context, const struct nr_sum *sum, const struct nr_key *after)
{
	const char *country = country_of(context, sum, 0);
	return nr_key_compare_bytes(NR_VALUE_TEXT, country, strlen(country), &after[0]);
}

static int64_t number_of(const struct nr_sum *sum)
{
	return (int64_t)(sum->low & UINT32_MAX);
}

static int compare_networks(void *context, const struct nr_sum *a, const struct nr_sum *b)
{
	if (number_of(a) != number_of(b))
		return number_of(a) < number_of(b) ? -1 : 1;
	return strcmp(country_of(context, a, COUNTRY_BITS), country_of(context, b, COUNTRY_BITS));
}

static int position_networks(void *context, const struct nr_sum *sum, const struct nr_key *after)
{
	const char *country = country_of(context, sum, COUNTRY_BITS);
	int order = nr_key_compare_int(number_of(sum), &after[0]);
	return order ? order : nr_key_compare_bytes(NR_VALUE_TEXT, country, strlen(country), &after[1]);
}

static int rank_countries(struct nr_ranking *ranking, struct nr_error *error)
{
	struct nr_order_of_sums order = {compare_countries, position_countries, ranking};
	int status = nr_ranking_add_up(ranking, error);
	if (!status)
		status = nr_ranking_load(ranking, 0, error);
	if (!status)
		status = nr_ranking_page(ranking, &order, error);
	for (size_t i = 0; i < ranking->page.count && !status; i++) {
		const struct nr_sum *sum = ranking->page.items[i];
		const char *country = country_of(ranking, sum, 0);
		struct nr_count sources = nr_unique_count(&ranking->uniques[i]);
		struct nr_value values[] = {nr_value_text(country), nr_value_int(sum->packets),
			nr_value_int(sources.value), nr_value_real(sources.error)};
		struct nr_key keys[] = {
			nr_key_int(sum->packets), nr_key_bytes(NR_VALUE_TEXT, country, strlen(country))};
		status = ranking->reading->row(ranking->reading, values, keys, error);
	}
	return status;
}

static int answer_countries(struct nr_reading *reading, struct nr_error *error)
{
	NR_AUTO(nr_ranking_fini) struct nr_ranking ranking;
	nr_ranking_init(&ranking, reading, &nr_lanes_countries, &nr_lanes_countries_of_hours);
	return rank_countries(&ranking, error);
}

static int network_row(struct nr_ranking *ranking, size_t i, struct nr_error *error)
{
	const struct nr_sum *sum = ranking->page.items[i];
	const char *name, *country = country_of(ranking, sum, COUNTRY_BITS);
	struct nr_count sources = nr_unique_count(&ranking->uniques[i]);
	int status = nr_reading_text(ranking->reading, sum->word, &name, error);
	if (status)
		return status;
	struct nr_value values[] = {nr_value_int(number_of(sum)), nr_value_text(name), nr_value_text(country),
		nr_value_int(sum->packets), nr_value_int(sources.value), nr_value_real(sources.error)};
	struct nr_key keys[] = {nr_key_int(sum->packets), nr_key_int(number_of(sum)),
		nr_key_bytes(NR_VALUE_TEXT, country, strlen(country))};
	return ranking->reading->row(ranking->reading, values, keys, error);
}

static int answer_networks(struct nr_reading *reading, struct nr_error *error)
{
	NR_AUTO(nr_ranking_fini) struct nr_ranking ranking;
	nr_ranking_init(&ranking, reading, &nr_lanes_networks, NULL);
	struct nr_order_of_sums order = {compare_networks, position_networks, &ranking};
	int status = nr_ranking_filter_text(
		&ranking, NR_ORIGIN_COUNTRY, nr_ask_value(reading->ask, "country"), error);
	if (!status)
		status = nr_ranking_add_up(&ranking, error);
	if (!status)
		status = nr_ranking_load(&ranking, COUNTRY_BITS, error);
	if (!status)
		status = nr_ranking_page(&ranking, &order, error);
	for (size_t i = 0; i < ranking.page.count && !status; i++)
		status = network_row(&ranking, i, error);
	return status;
}

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
	.answer = answer_countries,
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
	.answer = answer_networks,
};
