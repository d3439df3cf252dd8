/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence as numbers: what is known of a server or host, term by term, before it is weighed. A term has a
 * value (NAN: cannot be told) and edges that cut it into bins; what a bin weighs is the calibration's.
 *
 * Terms of one group depend on each other, so the strongest of them counts alone (flow reference 17): two
 * views of one beat are one beat. Terms of group NR_FLOW_ALONE stand for themselves.
 *
 * What is known from outside (lists, people, probes, infected clients) has weights that no world can teach:
 * they are in fixed terms, evidence_fixed.c.
 */
#ifndef NR_SENSE_FLOW_DETECT_JUDGE_EVIDENCE_H
#define NR_SENSE_FLOW_DETECT_JUDGE_EVIDENCE_H

#include "sense/flow/detect/detect.h"
#include "sense/flow/detect/judge/verdict.h"

/* Flows that are sampled show other things than those that are not: a model of their own. */
enum nr_flow_model {
	NR_FLOW_MODEL_SERVER,
	NR_FLOW_MODEL_SERVER_SAMPLED,
	NR_FLOW_MODEL_SCANNER,
	NR_FLOW_MODEL_SOURCE, /* of an attack */
	NR_FLOW_MODEL_VICTIM,
	NR_FLOW_MODELS
};
extern const char *const nr_flow_model_names[NR_FLOW_MODELS]; /* of calibration files */
#define NR_FLOW_SAMPLED_FROM 8.0                              /* 1:8 and rarer is the sampled model */

enum nr_flow_group {
	NR_FLOW_ALONE,
	NR_FLOW_GROUP_TIMING,
	NR_FLOW_GROUP_SIZES,
	NR_FLOW_GROUP_RATE,
	NR_FLOW_GROUPS
};

enum nr_flow_server_term {
	NR_FLOW_TERM_COMB,
	NR_FLOW_TERM_SHAPE,
	NR_FLOW_TERM_REGULAR, /* variation of gaps */
	NR_FLOW_TERM_STROBE,
	NR_FLOW_TERM_TIMER, /* of an exporter: counts where the comb does */
	NR_FLOW_TERM_POOL,  /* the exporter's other servers have that beat, too: likewise */
	NR_FLOW_TERM_UP_SIZES,
	NR_FLOW_TERM_DOWN_SIZES,
	NR_FLOW_TERM_VOLUME,
	NR_FLOW_TERM_BALANCE,
	NR_FLOW_TERM_PAYLOAD,
	NR_FLOW_TERM_DEAD,
	NR_FLOW_TERM_PORT,
	NR_FLOW_TERM_POPULARITY,
	NR_FLOW_TERM_NEIGHBOURHOOD,
	NR_FLOW_TERM_SERVICES,
	NR_FLOW_TERM_AS,
	NR_FLOW_TERM_AGE,
	NR_FLOW_TERM_HOURS,
	NR_FLOW_TERM_PERSISTENCE,
	NR_FLOW_TERM_DEVICES,
	NR_FLOW_TERM_LONG,
	NR_FLOW_TERM_SYNCHRONY,
	NR_FLOW_TERM_ENOUGH, /* connections for the terms that need some: what they lack weighs 0 */
	NR_FLOW_SERVER_TERMS
};
enum nr_flow_scanner_term {
	NR_FLOW_TERM_PEERS,
	NR_FLOW_TERM_PORTS,
	NR_FLOW_TERM_ANSWERED,
	NR_FLOW_TERM_FOCUS,
	NR_FLOW_TERM_SMALL,
	NR_FLOW_SCANNER_TERMS
};
enum nr_flow_source_term {
	NR_FLOW_TERM_RATE_OUT,
	NR_FLOW_TERM_BITS_OUT,
	NR_FLOW_TERM_TARGET,
	NR_FLOW_TERM_ONE_WAY,
	NR_FLOW_SOURCE_TERMS
};
enum nr_flow_victim_term {
	NR_FLOW_TERM_RATE_IN,
	NR_FLOW_TERM_BITS_IN,
	NR_FLOW_TERM_REFLECTED,
	NR_FLOW_TERM_SOURCES,
	NR_FLOW_TERM_UNANSWERED,
	NR_FLOW_VICTIM_TERMS
};
#define NR_FLOW_TERMS_MAX NR_FLOW_SERVER_TERMS
#define NR_FLOW_BINS_MAX  8

struct nr_flow_term {
	const char *code;
	enum nr_flow_group group;
	int with;  /* the term beside which alone it counts; -1: none */
	int slope; /* weights rise with the value (1), fall (-1), or neither (0) */
	unsigned edge_count;
	double edges[NR_FLOW_BINS_MAX - 1];
	bool is_set; /* its weights are set, not learnt: no world has it as networks do */
};
const struct nr_flow_term *nr_flow_terms(enum nr_flow_model model, size_t *ret_count);
/* The bin of a value that is not NAN. */
unsigned nr_flow_term_bin(const struct nr_flow_term *term, double value);

struct nr_flow_evidence {
	float values[NR_FLOW_TERMS_MAX];
};
/* window: the time that was looked at. */
enum nr_flow_model nr_flow_evidence_of(
	const struct nr_flow_candidate *candidate, nr_time window, struct nr_flow_evidence *ret_evidence);
void nr_flow_evidence_of_host(
	const struct nr_flow_host *host, enum nr_flow_model model, struct nr_flow_evidence *ret_evidence);

/* ---- in words: evidence_text.c, evidence_text_host.c ---- */

struct nr_flow_words {
	char en[192], ja[256];
};
#define NR_FLOW_SAY(words, english, japanese, ...)                                                           \
	(snprintf((words)->en, sizeof(words)->en, english, __VA_ARGS__),                                     \
		snprintf((words)->ja, sizeof(words)->ja, japanese, __VA_ARGS__))
/* *ret_value: the number that the text names. */
void nr_flow_evidence_say(const struct nr_flow_context *context, const struct nr_flow_timing *timing,
	const struct nr_flow_server *server, enum nr_flow_server_term term, double value,
	struct nr_flow_words *ret_words, double *ret_value);
void nr_flow_evidence_say_host(const struct nr_flow_host *host, enum nr_flow_model model, unsigned term,
	struct nr_flow_words *ret_words, double *ret_value);

/* ---- from outside: evidence_fixed.c ---- */

enum nr_flow_fixed_term {
	NR_FLOW_FIXED_INFECTED, /* clients that are known as infected */
	NR_FLOW_FIXED_LISTED,
	NR_FLOW_FIXED_CONFIRMED,
	NR_FLOW_FIXED_BENIGN,
	NR_FLOW_FIXED_PROBED,
	NR_FLOW_FIXED_SCANS, /* 0 unless built with scan_share */
	NR_FLOW_FIXED_TERMS
};
extern const char *const nr_flow_fixed_codes[NR_FLOW_FIXED_TERMS];
struct nr_flow_outside { /* what is known of one server from outside */
	const struct nr_flow_known_entry *listed, *confirmed, *benign, *probed; /* NULL: nothing */
	uint32_t infected, looked_up;                                           /* clients */
	double scan_share;
};
void nr_flow_outside_of(const struct nr_flow_known *known, const struct nr_flow_server *server, nr_time at,
	struct nr_flow_outside *outside);
/* rate: share of infected ones among all clients of all servers. Answers the sum. */
double nr_flow_outside_weigh(
	const struct nr_flow_outside *outside, double rate, double ret_weights[static NR_FLOW_FIXED_TERMS]);
void nr_flow_outside_say(const struct nr_flow_outside *outside, enum nr_flow_fixed_term term,
	struct nr_flow_words *ret_words, double *ret_value);

#endif
