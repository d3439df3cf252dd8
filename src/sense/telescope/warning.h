/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warning is one episode: a key (a port, a country, an address) and the slot in which it began. While it
 * lasts it is handed over again with new numbers under the same key, so that there is one row and one finding
 * an episode. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_WARNING_H
#define NR_SENSE_TELESCOPE_WARNING_H

#include "sense/telescope/merged.h"

enum nr_warning_kind {
	NR_WARNING_CHANGE,
	NR_WARNING_SPREAD,
	NR_WARNING_SLOW,
	NR_WARNING_AGGRESSIVE,
	NR_WARNING_KIND_COUNT
};

struct nr_warning {
	enum nr_warning_kind kind;
	nr_time onset, last; /* slot in which it began; end of the last slot in which it lasted */
	const char *key;     /* "tcp/23", "JP", address or prefix as text */
	double value, score;
	uint64_t sources, packets;
	const char *reason_en, *reason_ja;
	struct nr_json *evidence; /* an object, not finished yet */
	/* of the finding */
	struct nr_address subject; /* the address itself, or the busiest source as an example */
	double confidence;
	uint8_t severity; /* 0: a row that is not notable, and no finding */
};

int nr_warning_emit(const struct nr_telescope_conf *conf, struct nr_sink *sink, const struct nr_warning *w,
	struct nr_error *error);

/* "tcp/23", "udp/53" for a group of scan packets. */
#define NR_GROUP_TEXT 16
const char *nr_group_text(uint32_t group, char text[static NR_GROUP_TEXT]);

/* Research scanners as far as they are known when a window ends: the lists, and those whom a rule marked on
 * the day before. */
struct nr_known_scanners {
	const struct nr_telescope_refs *refs;
	const uint64_t *judged; /* members, ascending */
	size_t judged_count;
};
bool nr_is_known_scanner(const struct nr_known_scanners *known, uint64_t member);

#endif
