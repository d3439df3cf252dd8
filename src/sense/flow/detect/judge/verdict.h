/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verdict on one server or host, with its reasons, and the judge who gives it: calibrated log-likelihood
 * ratios of evidence, added; of timing terms, which depend on each other, the strongest counts (flow
 * reference 17). How many become alarms is set by a budget of alarms per day, not by a score.
 *
 * The share of a server's clients that scan is evidence only where the build says so (meson option
 * scan_share, off): see docs/adr on patents. There is no rule that counts candidates per server.
 */
#ifndef NR_SENSE_FLOW_DETECT_JUDGE_VERDICT_H
#define NR_SENSE_FLOW_DETECT_JUDGE_VERDICT_H

#include "base/json.h"
#include "model/finding.h"
#include "sense/flow/detect/detect.h"

enum nr_flow_verdict_kind {
	NR_FLOW_C2_SERVER,
	NR_FLOW_INFECTED_HOST,
	NR_FLOW_SCANNER,
	NR_FLOW_DDOS_SOURCE,
	NR_FLOW_DDOS_VICTIM,
	NR_FLOW_VERDICT_KINDS
};
extern const char *const nr_flow_verdict_names[NR_FLOW_VERDICT_KINDS]; /* "c2-server" ... */

#define NR_FLOW_REASONS_MAX 16
struct nr_flow_reason {
	const char *code; /* "comb", "sizes", "dead-server" ...: static */
	double value;     /* in the unit that the text names */
	double weight;    /* nats: ln P(evidence | kind) / P(evidence | not) */
	char text_en[192], text_ja[256];
};
struct nr_flow_verdict {
	enum nr_flow_verdict_kind kind;
	struct nr_flow_server subject; /* hosts: port and protocol 0, or what they go to */
	double llr, confidence;        /* sum of weights; calibrated probability */
	uint64_t clients;
	nr_time first, last;
	struct nr_flow_reason reasons[NR_FLOW_REASONS_MAX]; /* the heaviest first */
	size_t reason_count;
	struct nr_flow_server similar[5]; /* benign servers that are most like it */
	size_t similar_count;
	bool alarm; /* within the budget: a person reads it */
	/* A client of servers that are judged, or a host that others know as infected: told with them, no
	 * alarm of its own. */
	bool follows;
};

/* What the weights are made of: read-only; the built-in one was measured on world's scenes
 * (docs/detection.md). */
struct nr_flow_calibration;
int nr_flow_calibration_read(
	const char *path, struct nr_flow_calibration **ret_calibration, struct nr_error *error);
void nr_flow_calibration_free(struct nr_flow_calibration *calibration); /* NULL allowed */
void nr_flow_calibration_freep(struct nr_flow_calibration **calibration);

struct nr_flow_judge_conf {
	double alarms_per_day;
	nr_time window;                                /* that was looked at; what is shorter than a day has
							  the alarms of a day */
	const struct nr_flow_calibration *calibration; /* NULL: the built-in one */
	const struct nr_flow_known *known;
};
struct nr_flow_judge;
int nr_flow_judge_new(
	const struct nr_flow_judge_conf *conf, struct nr_flow_judge **ret_judge, struct nr_error *error);
void nr_flow_judge_free(struct nr_flow_judge *judge); /* NULL allowed */
void nr_flow_judge_freep(struct nr_flow_judge **judge);
int nr_flow_judge_candidate(
	struct nr_flow_judge *judge, const struct nr_flow_candidate *candidate, struct nr_error *error);
/* How likely the candidate that was given last commands its clients, as far as is known by then. */
double nr_flow_judge_likelihood(const struct nr_flow_judge *judge);
int nr_flow_judge_host(struct nr_flow_judge *judge, const struct nr_flow_host *host, struct nr_error *error);
/* Ranks, marks clients of servers that are alarmed as infected hosts, cuts by the budget. */
int nr_flow_judge_finish(struct nr_flow_judge *judge, struct nr_error *error);
/* Alarms first, each part sorted by confidence. What is less likely than NR_FLOW_TOLD is not among them; no
 * alarm is less likely than NR_FLOW_ALARM_FLOOR, however large the budget. Valid until the judge is freed. */
#define NR_FLOW_TOLD        0.01
#define NR_FLOW_ALARM_FLOOR 0.5
const struct nr_flow_verdict *nr_flow_judge_verdicts(const struct nr_flow_judge *judge, size_t *ret_count);

/* Members: how many were judged and are told, budget, calibration, the shift by people's answers. */
void nr_flow_judge_write_state(const struct nr_flow_judge *judge, struct nr_json *json);

/* One object: kind, subject, port, protocol, confidence, clients, first_seen, last_seen, reasons
 * [{code, text_en, text_ja, value, weight}], similar, alarm. */
void nr_flow_verdict_write(const struct nr_flow_verdict *verdict, struct nr_json *json);
/* As a finding for the store: evidence is the object above; texts are valid until the next call. */
struct nr_flow_verdict_texts {
	char reason_en[512], reason_ja[768];
	char *evidence; /* owned */
};
int nr_flow_verdict_finding(const struct nr_flow_verdict *verdict, const char *sensor,
	struct nr_flow_verdict_texts *texts, struct nr_finding *ret_finding, struct nr_error *error);
void nr_flow_verdict_texts_fini(struct nr_flow_verdict_texts *texts);

#endif
