/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people of this house said of a verdict, one JSON object a line:
 *
 *	{"time":"2026-11-24T03:12:00Z","subject":"203.0.113.9","port":8443,"protocol":"tcp",
 *	"verdict":"confirmed","by":"duty desk","note":"sample taken from a client"}
 *
 * verdict is "confirmed", "benign" or "withdrawn" (what was said before of this server is taken back); the
 * last line of a server counts. time, by and note may be missing. It marks the server (known.h) and shifts
 * the calibration (calibration.h).
 */
#ifndef NR_SENSE_FLOW_DETECT_JUDGE_FEEDBACK_H
#define NR_SENSE_FLOW_DETECT_JUDGE_FEEDBACK_H

#include "base/json.h"
#include "sense/flow/detect/judge/known.h"

enum nr_flow_feedback_verdict {
	NR_FLOW_FEEDBACK_CONFIRMED,
	NR_FLOW_FEEDBACK_BENIGN,
	NR_FLOW_FEEDBACK_WITHDRAWN
};
extern const char *const nr_flow_feedback_names[]; /* "confirmed", "benign", "withdrawn", NULL */

#define NR_FLOW_FEEDBACK_BY   100 /* bytes with the NUL */
#define NR_FLOW_FEEDBACK_NOTE 500
#define NR_FLOW_FEEDBACK_LINE 8192
struct nr_flow_feedback {
	nr_time time; /* NR_TIME_MIN: not said */
	struct nr_flow_server server;
	enum nr_flow_feedback_verdict verdict;
	char by[NR_FLOW_FEEDBACK_BY], note[NR_FLOW_FEEDBACK_NOTE]; /* UTF-8 on one line */
};

/* -EBADMSG: no such line, or one whose values cannot be; the text says which. */
int nr_flow_feedback_parse(
	const char *line, size_t length, struct nr_flow_feedback *ret_feedback, struct nr_error *error);
void nr_flow_feedback_write(const struct nr_flow_feedback *feedback, struct nr_json *json); /* the object */
/* Marks the server. */
int nr_flow_feedback_tell(
	const struct nr_flow_feedback *feedback, struct nr_flow_known *known, struct nr_error *error);

#endif
