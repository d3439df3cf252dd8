/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time audit of a month (JIS X 5094; in Japanese practice: within 0.5 s of UTC), from the ledger alone:
 * what the guard of the clock wrote while it ran (trust/clock/guard.h), who the authority was, and whether a
 * token was issued while the clock was not known. Entries are bytes of a stranger. One thread.
 */
#ifndef NR_TRUST_TIMESTAMP_AUDIT_H
#define NR_TRUST_TIMESTAMP_AUDIT_H

#include "base/document.h"
#include "base/json.h"
#include "trust/clock/clock.h"
#include "trust/ledger/tile.h"

#define NR_AUDIT_BREAKS_MAX 1000

struct nr_audit_source {
	char name[128];
	uint64_t asked, answered;
	nr_time min, max, sum, p95; /* of offsets; sum: weighted by answers; p95: the largest of an hour */
	nr_time bound_max;
};

struct nr_audit_day {
	nr_time span, held; /* that was watched; of it in HOLD */
	nr_time offset_max, bound_max;
	bool reasons[NR_CLOCK_REASONS];
	uint64_t tokens;
};

/* A time in which nothing may be issued. */
struct nr_audit_break {
	nr_time start, end; /* end NR_TIME_MAX: not within the month */
	enum nr_clock_reason reason;
	uint64_t tokens; /* that bear a time within it: must be 0 */
};

struct nr_audit_end {
	uint64_t size; /* entries of the ledger before this moment */
	struct nr_hash root;
};

struct nr_audit {
	nr_time from, until; /* UTC */
	char name[256], certificate_serial[64], key[72], policy[64];
	bool checked; /* the clock was compared with references */
	struct nr_audit_source sources[NR_CLOCK_REFERENCES_MAX];
	size_t source_count;
	struct nr_audit_day days[31];
	unsigned day_count;
	struct nr_audit_break *breaks; /* owned */
	size_t break_count;
	uint64_t breaks_dropped;                  /* above NR_AUDIT_BREAKS_MAX */
	uint64_t entries, tokens, tokens_outside; /* of the month; outside: said to be beyond the limit */
	uint64_t unreadable;                      /* entries that are no JSON, or lack what their kind has */
	nr_time token_bound_max;
	char first_serial[48], last_serial[48];
	uint64_t starts, confirmed;
	bool leap;
	struct nr_audit_end ends[2];
	/* while it is filled */
	struct nr_tree *tree;
	struct json_tokener *tokener;
	bool begun, over, holding;
	enum nr_clock_reason before; /* why it held when the month began; FINE: it did not */
	nr_time last;                /* of an entry of the clock */
};

/* month: "2026-11"; -EINVAL. */
int nr_audit_init(struct nr_audit *audit, const char *month, struct nr_error *error);
void nr_audit_fini(struct nr_audit *audit);
/* Entries in order, from the first of the ledger on. */
int nr_audit_add(struct nr_audit *audit, const uint8_t *entry, size_t length, struct nr_error *error);
void nr_audit_finish(struct nr_audit *audit);

/* A step, a suspend, a clock beyond the limit, or references that say so. */
bool nr_audit_is_anomaly(const struct nr_audit_break *pause);
/* Whether the month is as it must be: nothing issued while the clock was not known, nothing beyond the limit.
 */
bool nr_audit_is_good(const struct nr_audit *audit);

void nr_audit_write_json(const struct nr_audit *audit, struct nr_json *json);
void nr_audit_fill(const struct nr_audit *audit, struct nr_document *document); /* in its language */

#endif
