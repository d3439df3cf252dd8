/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people of this house say of servers, over the path flow/feedback: "confirmed", "benign", "withdrawn".
 * It stands as JSON lines (sense/flow/detect/judge/feedback.h) in feedback.jsonl beside the flows, is durable
 * before it is answered, and each line is a use in the archive's record. A client cannot stand in it: it
 * would outlive its flows. Any thread.
 */
#ifndef NR_SERVE_FLOW_NOTEBOOK_H
#define NR_SERVE_FLOW_NOTEBOOK_H

#include "sense/flow/detect/judge/feedback.h"
#include "serve/api.h"

#define NR_FLOW_FEEDBACK_PATH  "flow/feedback"
#define NR_FLOW_FEEDBACK_FILE  "feedback.jsonl"
#define NR_FLOW_FEEDBACK_BODY  4096 /* bytes of a request */
#define NR_FLOW_FEEDBACK_LINES 100000

struct nr_flow_notebook;

/* archive: its folder, borrowed. Before a sandbox. Lines that are none are passed over, and counted. */
int nr_flow_notebook_open(
	const char *archive, struct nr_flow_notebook **ret_notebook, struct nr_error *error);
void nr_flow_notebook_close(struct nr_flow_notebook *notebook); /* NULL allowed */
uint64_t nr_flow_notebook_skipped(const struct nr_flow_notebook *notebook);

/* Answers the body of a request. notebook NULL: there is no archive. flow_api: that records the use. */
int nr_flow_notebook_post(struct nr_flow_notebook *notebook, struct nr_flow_api *flow_api, const void *body,
	size_t length, struct nr_reply *ret_reply);

/* Tells lines in order, from *number on, which then is that of the next one. NULL: there are none. */
int nr_flow_notebook_tell(struct nr_flow_notebook *notebook, uint64_t *number, struct nr_flow_known *known,
	struct nr_error *error);
/* What stands of a server: "confirmed", "benign", "". NULL allowed. */
const char *nr_flow_notebook_verdict(struct nr_flow_notebook *notebook, const struct nr_flow_server *server);
/* "feedback": [...], the newest first. NULL allowed. */
void nr_flow_notebook_write(
	struct nr_flow_notebook *notebook, const struct nr_flow_server *server, struct nr_json *json);

#endif
