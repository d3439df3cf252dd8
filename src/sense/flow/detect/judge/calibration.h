/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evidence weighs: for each model and term a log-likelihood ratio per bin (nats), and the log-odds
 *before any evidence. Learnt from labelled examples (calibrate_learn.c); the built-in one from world's scenes
 * (calibrate_built_in.c says which). As a file it is one JSON object:
 *
 *	{"version":1,"learnt_from":"...","follow":[0.7,0.95],"models":{"c2-server":{"bias":-4.1,
 *	"terms":{"comb":[-0.8,...],...}},...}}
 *
 * A confidence is 1 / (1 + exp(-(bias + sum))). The answers of people shift it (nr_flow_shift): they know
 *this network, a world does not.
 */
#ifndef NR_SENSE_FLOW_DETECT_JUDGE_CALIBRATION_H
#define NR_SENSE_FLOW_DETECT_JUDGE_CALIBRATION_H

#include "sense/flow/detect/judge/evidence.h"

struct nr_flow_weights {
	double bias;
	double terms[NR_FLOW_TERMS_MAX][NR_FLOW_BINS_MAX];
};
#define NR_FLOW_LEARNT_FROM 200
struct nr_flow_calibration {
	struct nr_flow_weights models[NR_FLOW_MODELS];
	double follow[2]; /* share of a C&C server's clients that are infected: with one beat, with more */
	char learnt_from[NR_FLOW_LEARNT_FROM];
};
extern const struct nr_flow_calibration nr_flow_calibration_built_in;

void nr_flow_calibration_write(const struct nr_flow_calibration *calibration, struct nr_json *json);

/* The weight of each term that counts, 0 of the others; answers their sum (without the bias). */
double nr_flow_fuse(const struct nr_flow_weights *weights, enum nr_flow_model model,
	const struct nr_flow_evidence *evidence, double ret_weights[static NR_FLOW_TERMS_MAX]);
/* And which terms count, some of them with a weight of 0. */
double nr_flow_fuse_which(const struct nr_flow_weights *weights, enum nr_flow_model model,
	const struct nr_flow_evidence *evidence, double ret_weights[static NR_FLOW_TERMS_MAX],
	bool ret_counts[static NR_FLOW_TERMS_MAX]);
double nr_flow_sigmoid(double x);

/* ---- people's answers: calibrate_shift.c ---- */

/* log-odds -> slope * log-odds + offset (Platt 1999), by the answers that were given, as far as they outweigh
 * what is believed before: slope 1 +- 1/8, offset 0 +- 1. Without answers nothing moves. */
struct nr_flow_shift {
	double slope, offset;
};
struct nr_flow_answer {
	double log_odds; /* as judged without the answer */
	bool confirmed;
};
struct nr_flow_shift nr_flow_shift_of(const struct nr_flow_answer *answers, size_t count);

/* ---- learning: calibrate_learn.c ---- */

struct nr_flow_example {
	enum nr_flow_model model;
	bool positive;
	struct nr_flow_evidence evidence;
	const char *behaviour; /* for people who read the file; borrowed, NULL: not known */
};
/* Learns the models of which there are enough examples of both kinds (NR_FLOW_LEARN_MIN); the others stay as
 * they are in *calibration. */
#define NR_FLOW_LEARN_MIN 8
int nr_flow_calibration_learn(const struct nr_flow_example *examples, size_t count,
	struct nr_flow_calibration *calibration, struct nr_error *error);
void nr_flow_example_write(const struct nr_flow_example *example, struct nr_json *json);
/* -EBADMSG: no line of nr_flow_example_write(). */
int nr_flow_example_parse(
	const char *line, size_t length, struct nr_flow_example *ret_example, struct nr_error *error);

#endif
