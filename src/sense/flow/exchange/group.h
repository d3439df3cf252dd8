/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group of carriers that exchange candidates: who they are, who collects, and the sizes that all of them
 * use. Its description is public: a text of one form, whose SHA-256 is the group's id; whoever has another
 * text is in another group.
 *
 *	noroshi exchange group v1
 *	name japan-1
 *	purpose c2-detection
 *	threshold 2
 *	candidates 1000000
 *	retention 30
 *	collector isac.example+...          verifier keys of notes (noroshi key note)
 *	party carrier-a.example+...
 *	party carrier-b.example+...
 *
 * A party's number is its place, from 1. candidates: the size to which every set is filled up, so that the
 * number of candidates is not seen. retention: days after which offers, replies and a day's secret are
 * erased.
 *
 * How servers meet (over-threshold multiparty PSI after Mahdavi et al., ACSAC 2020, and Arpaci et al., NSDI
 * 2026, arXiv 2510.12045): docs/adr/0029-candidates-meet-in-shares.md.
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_GROUP_H
#define NR_SENSE_FLOW_EXCHANGE_GROUP_H

#include "base/time.h"
#include "trust/ledger/note.h"

#define NR_EXCHANGE_PARTIES_MAX    16
#define NR_EXCHANGE_CANDIDATES_MAX (UINT64_C(1) << 22)
#define NR_EXCHANGE_RETENTION_MAX  90 /* days */
#define NR_EXCHANGE_NAME_MAX       63
#define NR_EXCHANGE_ID_BYTES       32

/* Tables in which an element has a place, insertions tried in each, and how many bins a table has for each
 * candidate of `threshold` parties. An element that exactly `threshold` full sets hold is found in none of
 * the tables with a probability of at most NR_EXCHANGE_MISSED; more parties, or sets that share elements,
 * make it smaller (ADR 29 has the integral, tests/unit/test_exchange.c counts). */
#define NR_EXCHANGE_TABLES    12
#define NR_EXCHANGE_ROUNDS    3
#define NR_EXCHANGE_BINS(m)   (((m)*4 + 4) / 5)
#define NR_EXCHANGE_MISSED    6.5e-7
#define NR_EXCHANGE_GROUP_MAX 12288 /* bytes of a description */

struct nr_exchange_group {
	char name[NR_EXCHANGE_NAME_MAX + 1];
	unsigned party_count, threshold;
	uint64_t candidates, bins; /* of a set; of one table */
	int32_t retention;         /* days */
	struct nr_note_key collector, parties[NR_EXCHANGE_PARTIES_MAX];
	uint8_t id[NR_EXCHANGE_ID_BYTES];
};

struct nr_exchange_group_conf {
	const char *name;
	uint64_t threshold, candidates, retention;
	const char *collector; /* verifier keys */
	const char *const *parties;
	size_t party_count;
};
/* The description's text, NUL behind it. -EINVAL: what cannot be. */
int nr_exchange_group_write(const struct nr_exchange_group_conf *conf,
	char ret_text[static NR_EXCHANGE_GROUP_MAX], struct nr_error *error);
/* -EBADMSG: not a description as it is written. */
int nr_exchange_group_parse(
	const char *text, size_t length, struct nr_exchange_group *ret_group, struct nr_error *error);
int nr_exchange_group_read(const char *path, struct nr_exchange_group *ret_group, struct nr_error *error);
void nr_exchange_group_fini(struct nr_exchange_group *group);

/* The number of the party with this key; 0: none. */
unsigned nr_exchange_group_party(const struct nr_exchange_group *group, const struct nr_note_key *key);
/* Ways to choose `threshold` of `parties`: what joining costs, times bins, tables and threshold. */
uint64_t nr_exchange_choices(unsigned parties, unsigned threshold);
/* That any of a day's shares of no common element look like one: choices * bins * tables / 2^61. */
double nr_exchange_false_meetings(const struct nr_exchange_group *group);

#endif
