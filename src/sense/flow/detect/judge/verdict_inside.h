/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the judge holds: of every candidate its evidence (small), of those that may matter all that words are
 * made of (kept). Weights that need the whole (how many clients are infected at large, whether networks were
 * looked up, people's answers) are given at the end, in nr_flow_judge_finish().
 */
#ifndef NR_SENSE_FLOW_DETECT_JUDGE_VERDICT_INSIDE_H
#define NR_SENSE_FLOW_DETECT_JUDGE_VERDICT_INSIDE_H

#include "sense/flow/detect/judge/calibration.h"

#define NR_FLOW_NOT_KEPT       UINT32_MAX
#define NR_FLOW_KEPT_MAX       50000u
#define NR_FLOW_KEPT_CLIENTS   2000000u /* of all kept ones together */
#define NR_FLOW_FOLLOWERS_MAX  200000u
#define NR_FLOW_FOLLOWED_FLOOR NR_FLOW_ALARM_FLOOR /* of a server, so that its clients are told */

struct nr_flow_record { /* a server that was judged */
	struct nr_flow_server server;
	uint8_t model; /* enum nr_flow_model */
	uint32_t kept; /* index; NR_FLOW_NOT_KEPT */
	struct nr_flow_evidence evidence;
	struct nr_flow_outside outside;
	float rita; /* the baseline's score */
	float own;  /* log-odds by flows alone, before people's answers */
	float log_odds, confidence;
	float sampling;
};
struct nr_flow_kept {
	uint32_t record;
	struct nr_flow_context context;
	struct nr_flow_timing timing;
	struct nr_flow_client *clients; /* owned */
	size_t client_count;
};
struct nr_flow_host_record {
	struct nr_flow_host host;
	enum nr_flow_model model;
	struct nr_flow_evidence evidence;
	double log_odds, confidence;
	const struct nr_flow_known_entry *infected; /* known so; then there is no model */
};
struct nr_flow_judge {
	struct nr_flow_judge_conf conf;
	const struct nr_flow_calibration *calibration;
	struct nr_flow_record *records; /* owned, as all below */
	size_t record_count, record_room;
	struct nr_flow_kept *kept;
	size_t kept_count, kept_room;
	size_t kept_clients;
	struct nr_flow_host_record *hosts;
	size_t host_count, host_room;
	struct nr_flow_verdict *verdicts;
	size_t verdict_count, verdict_room;
	uint64_t hosts_judged, let_go; /* not kept for want of room */
	size_t alarms;
	uint64_t infected, looked_up; /* clients of all candidates */
	bool networks_known, history_known;
	double most_clients; /* of one server */
	struct nr_flow_shift shift;
	size_t answers;
	bool keep_all; /* evaluation needs every host's evidence */
};

/* For evaluation: before the first candidate. */
void nr_flow_judge_keep_all(struct nr_flow_judge *judge);

/* Room for one more, doubled; element: its size. */
int nr_flow_grow(void **items, size_t count, size_t *room, size_t element, struct nr_error *error);
/* Weights of one server now; ret_weights of terms and of fixed terms. Answers the log-odds. */
double nr_flow_judge_weigh(const struct nr_flow_judge *judge, const struct nr_flow_record *record,
	double terms[static NR_FLOW_TERMS_MAX], double fixed[static NR_FLOW_FIXED_TERMS]);
/* A new verdict, all zero but for its kind; NULL: out of memory. Moves those before it. */
struct nr_flow_verdict *nr_flow_judge_add(
	struct nr_flow_judge *judge, enum nr_flow_verdict_kind kind, struct nr_error *error);
void nr_flow_reason_add(struct nr_flow_verdict *verdict, const char *code, double value, double weight,
	const struct nr_flow_words *words);
/* verdict_follow.c: clients of servers that are judged to be C&C servers. */
int nr_flow_judge_follow(struct nr_flow_judge *judge, struct nr_error *error);
/* similar.c: the benign servers that are most like each alarm. */
void nr_flow_judge_compare(struct nr_flow_judge *judge);
/* budget.c: sorts, marks alarms. */
void nr_flow_judge_budget(struct nr_flow_judge *judge);

#endif
