/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The yearly report of a telescope, with the tables of NICT's NICTER reports: what was observed in a UTC
 * year, with and without research scanners, and how much of the year was observed at all. Nothing is
 * extrapolated.
 */
#ifndef NR_SENSE_TELESCOPE_YEARBOOK_H
#define NR_SENSE_TELESCOPE_YEARBOOK_H

#include "base/document.h"
#include "store/store.h"

struct nr_yearbook_conf {
	struct nr_store *store;
	unsigned year;
	const char *sensor;  /* NULL: all are added up */
	const char *country; /* whose IoT bots are counted per day: ISO 3166-1 alpha-2 */
	bool japanese;
};

/* Fills the document. -ENODATA where the store has nothing of the year. */
int nr_yearbook_fill(
	const struct nr_yearbook_conf *conf, struct nr_document *document, struct nr_error *error);

#endif
