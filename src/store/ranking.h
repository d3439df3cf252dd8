/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rankings of what the telescope counts: which lanes of which packs are the key, what is added up, and how
 * keys with the same packets are ordered. A plan's answer() runs one and writes its rows.
 */
#ifndef NR_STORE_RANKING_H
#define NR_STORE_RANKING_H

#include "store/rank.h"

#define NR_NO_LANE 0xff

/* How a kind of packs is added up. */
struct nr_ranking_lanes {
	uint8_t kind;  /* enum nr_pack_kind */
	uint8_t keys;  /* one or two lanes from the first on; the key is a << shift | b */
	uint8_t shift; /* 0 where there is one */
	uint8_t packets, bytes, word, sources; /* NR_NO_LANE where there is none */
	uint32_t least, most;                  /* steps of the pieces that are read from this kind */
};
extern const struct nr_ranking_lanes nr_lanes_ports, nr_lanes_ports_alone, nr_lanes_networks,
	nr_lanes_countries, nr_lanes_countries_of_hours, nr_lanes_categories;

struct nr_ranking {
	struct nr_reading *reading;
	const struct nr_ranking_lanes *lanes[2]; /* the second may be NULL */
	struct nr_filter {
		uint8_t lane;
		uint64_t value;
	} filters[3]; /* all must hold */
	size_t filter_count;
	struct nr_sums sums;
	struct nr_port_sums ports;  /* instead of sums, until those of the page are picked */
	const struct nr_ask *paged; /* whose limit and cursor the page has */
	struct nr_texts_by_word texts;
	struct nr_page page;
	struct nr_unique *uniques; /* owned; per row of the page */
};

void nr_ranking_init(struct nr_ranking *ranking, struct nr_reading *reading,
	const struct nr_ranking_lanes *first, const struct nr_ranking_lanes *second);
void nr_ranking_fini(struct nr_ranking *ranking);
/* A filter on text: rows with another word, or all where no row has the text. NULL text: none. */
int nr_ranking_filter_text(
	struct nr_ranking *ranking, uint8_t lane, const struct nr_value *text, struct nr_error *error);
void nr_ranking_filter(struct nr_ranking *ranking, uint8_t lane, const struct nr_value *number);
int nr_ranking_add_up(struct nr_ranking *ranking, struct nr_error *error);
/* Loads the texts of the keys' words, which are `shift` bits up. */
int nr_ranking_load(struct nr_ranking *ranking, unsigned shift, struct nr_error *error);
/* Picks the page, and reads what its rows show: bytes, word, sources. */
int nr_ranking_page(struct nr_ranking *ranking, const struct nr_order_of_sums *order, struct nr_error *error);

/* ---- values ---- */
NR_INLINE struct nr_value nr_value_int(int64_t value)
{
	return (struct nr_value){.type = NR_VALUE_INT, .integer = value};
}
NR_INLINE struct nr_value nr_value_time(int64_t value)
{
	return (struct nr_value){.type = NR_VALUE_TIME, .integer = value};
}
NR_INLINE struct nr_value nr_value_real(double value)
{
	return (struct nr_value){.type = NR_VALUE_REAL, .real = value};
}
NR_INLINE struct nr_value nr_value_text(const char *text)
{
	return (struct nr_value){.type = NR_VALUE_TEXT, .text = text};
}

#endif
