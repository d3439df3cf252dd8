/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the yearbook: what its sections share. */
#ifndef NR_SENSE_TELESCOPE_YEARBOOK_INSIDE_H
#define NR_SENSE_TELESCOPE_YEARBOOK_INSIDE_H

#include "sense/telescope/yearbook.h"
#include "sense/telescope/yearbook_ask.h"

#define NR_YEARBOOK_TOP   10
#define NR_YEARBOOK_HOURS (366 * 24)

struct nr_yearbook {
	const struct nr_yearbook_conf *conf;
	struct nr_document *document;
	nr_time first, end;           /* of the year */
	char from[32], to[32];        /* as parameters */
	unsigned days;                /* of the year */
	bool hour[NR_YEARBOOK_HOURS]; /* was anything observed in it? */
	unsigned first_day, last_day; /* with any observed hour */
	unsigned hours, whole_days, some_days;
	uint64_t dark; /* addresses, all sensors; 0: not known */
	bool dark_changed;
	/* the year; [1]: without research scanners */
	struct nr_yearbook_sums {
		uint64_t packets, sources, scan_packets, backscatter_packets, research_packets,
			research_sources;
		double sources_error;
	} all, without;
};

#define SAY(y, en, ja) ((y)->conf->japanese ? (ja) : (en))

/* Sections, in order; 0 or -errno. */
int nr_yearbook_coverage_read(struct nr_yearbook *y, struct nr_error *error);
int nr_yearbook_overview(struct nr_yearbook *y, struct nr_error *error);
int nr_yearbook_months(struct nr_yearbook *y, struct nr_error *error);
int nr_yearbook_ports(struct nr_yearbook *y, struct nr_error *error);
int nr_yearbook_origins(struct nr_yearbook *y, struct nr_error *error);
int nr_yearbook_research(struct nr_yearbook *y, struct nr_error *error);
int nr_yearbook_bots(struct nr_yearbook *y, struct nr_error *error);
int nr_yearbook_attacks(struct nr_yearbook *y, struct nr_error *error);
int nr_yearbook_events(struct nr_yearbook *y, struct nr_error *error);
int nr_yearbook_coverage(struct nr_yearbook *y, struct nr_error *error);
int nr_yearbook_method(struct nr_yearbook *y, struct nr_error *error);

/* A named query over the year, or part of it, of the chosen sensor. extra ends with a NULL name. */
int nr_yearbook_ask(const struct nr_yearbook *y, const char *query, const char *from, const char *to,
	const struct nr_given *extra, size_t most, struct nr_rows *ret_rows, struct nr_error *error);
int nr_yearbook_sum(const struct nr_yearbook *y, const char *from, const char *to, const char *research,
	struct nr_yearbook_sums *ret_sums, struct nr_error *error);
/* "2026-03-01T00:00:00Z": start of a month (1..13) or of a day (0..) of the year. */
const char *nr_yearbook_month(const struct nr_yearbook *y, unsigned month, char text[static 32]);
const char *nr_yearbook_day(const struct nr_yearbook *y, unsigned day, char text[static 32]);
/* "3/15"; the day of the year counts from 0. */
const char *nr_yearbook_date(const struct nr_yearbook *y, unsigned day, char text[static 32]);
/* "≈ " before an estimate. */
const char *nr_yearbook_hosts(uint64_t sources, double error, char text[static 40]);
/* "619.7 billion", 6,197億. */
const char *nr_yearbook_round(const struct nr_yearbook *y, uint64_t n, char text[static 40]);
/* "23/TCP" */
const char *nr_yearbook_port(int64_t protocol, int64_t port, char text[static 24]);
/* "JP Japan"; "" is unknown. */
const char *nr_yearbook_country(const struct nr_yearbook *y, const char *code, char text[static 64]);
uint32_t nr_yearbook_class_colour(const char *class);
const char *nr_yearbook_class(const struct nr_yearbook *y, const char *class);

#endif
