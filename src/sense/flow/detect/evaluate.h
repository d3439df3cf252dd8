/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts against a truth (docs/guide/world.md, "scenes"): what was found, what was not, what was alarmed
 * for nothing, and whether a confidence of 0.8 is right in eight cases of ten; by behaviour and by sampling
 * rate, beside the score that others publish (RITA v5), of the same servers in the same run.
 */
#ifndef NR_SENSE_FLOW_DETECT_EVALUATE_H
#define NR_SENSE_FLOW_DETECT_EVALUATE_H

#include "sense/flow/detect/judge/verdict_inside.h"

/* ---- the truth: evaluate_truth.c ---- */

#define NR_FLOW_BEHAVIOUR 40 /* bytes of a name */
struct nr_flow_true_server {
	struct nr_flow_server server;
	bool is_c2, seen; /* seen: it was among what is evaluated */
	uint32_t behaviour;
	double sampling;
};
struct nr_flow_true_host {
	struct nr_address address;
	enum nr_flow_verdict_kind kind; /* NR_FLOW_VERDICT_KINDS: benign */
	uint32_t behaviour;
	bool seen;
};
struct nr_flow_truth {
	struct nr_flow_true_server *servers; /* owned, sorted */
	size_t server_count;
	struct nr_flow_true_host *hosts; /* owned, sorted by address */
	size_t host_count;
	char (*behaviours)[NR_FLOW_BEHAVIOUR]; /* owned */
	size_t behaviour_count;
	nr_time from, to;
	char name[NR_FLOW_LEARNT_FROM]; /* "world flows, seed 7" */
};
/* -EBADMSG: no truth of a world, or one without scenes. */
int nr_flow_truth_read(const char *path, struct nr_flow_truth *ret_truth, struct nr_error *error);
void nr_flow_truth_fini(struct nr_flow_truth *truth);
struct nr_flow_true_server *nr_flow_truth_server(
	const struct nr_flow_truth *truth, const struct nr_flow_server *server);
/* The host's entry of this kind; NULL: it is not such a one. */
struct nr_flow_true_host *nr_flow_truth_host(
	const struct nr_flow_truth *truth, const struct nr_address *address, enum nr_flow_verdict_kind kind);

/* ---- the comparison ---- */

struct nr_flow_judged { /* a server */
	struct nr_flow_server server;
	double confidence, rita; /* rita NAN: not scored */
	double sampling;
	bool is_c2;
	uint32_t behaviour; /* UINT32_MAX: of the background */
};
struct nr_flow_hits {
	uint64_t right, wrong, missed;
};
struct nr_flow_evaluation {
	const struct nr_flow_truth *truth;
	struct nr_flow_judged *servers; /* owned */
	size_t server_count, server_room;
	uint64_t servers_in_all;                          /* those that were no candidates, too */
	struct nr_flow_hits kinds[NR_FLOW_VERDICT_KINDS]; /* at a confidence of NR_FLOW_DECIDED */
	uint64_t alarms, false_alarms;
	double alarms_per_day, days;
	double error_told, error_all; /* of calibration, C&C servers: told ones, and all that were judged */
	bool has_baseline;
};
#define NR_FLOW_DECIDED 0.5
/* From a run, whose judge has finished. */
int nr_flow_evaluate_run(const struct nr_flow_judge *judge, struct nr_flow_truth *truth,
	uint64_t servers_in_all, struct nr_flow_evaluation *evaluation, struct nr_error *error);
/* From JSON lines of "flow detect --all --json". *ret_skipped: lines that are none. */
int nr_flow_evaluate_findings(const char *path, struct nr_flow_truth *truth,
	struct nr_flow_evaluation *evaluation, uint64_t *ret_skipped, struct nr_error *error);
void nr_flow_evaluation_fini(struct nr_flow_evaluation *evaluation);
/* The share of C&C servers above the score that at most `rate` of all others reach; *ret_allowed: so many of
 * them may. */
double nr_flow_evaluation_found_at(
	const struct nr_flow_evaluation *evaluation, double rate, bool baseline, uint64_t *ret_allowed);
/* The greatest recall of C&C servers at this precision and more. */
double nr_flow_evaluation_recall_at(const struct nr_flow_evaluation *evaluation, double precision);
double nr_flow_precision(const struct nr_flow_hits *hits);
double nr_flow_recall(const struct nr_flow_hits *hits);

/* ---- by behaviour and rate: evaluate_write.c ---- */

void nr_flow_evaluation_write(const struct nr_flow_evaluation *evaluation, struct nr_json *json);
void nr_flow_evaluation_print(const struct nr_flow_evaluation *evaluation, FILE *out);

/* ---- learning from it: evaluate_learn.c ---- */

/* Labelled evidence of all that was judged (the judge kept all); *ret_examples is the caller's. */
int nr_flow_examples_of(const struct nr_flow_judge *judge, const struct nr_flow_truth *truth,
	struct nr_flow_example **ret_examples, size_t *ret_count, struct nr_error *error);
/* How many of the clients of true C&C servers are infected: for nr_flow_calibration.follow. */
void nr_flow_learn_follow(const struct nr_flow_judge *judge, const struct nr_flow_truth *truth,
	struct nr_flow_calibration *calibration);

#endif
