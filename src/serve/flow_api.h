/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the flow archive over HTTP: the path flow/query (sense/flow/ask/query.h). Every question says
 * for what (sense/flow/law/law.h) and is recorded before it is answered; refusals are recorded, too: also of
 * what others answer out of what flows left in the store. Any thread; bounded in number, time, memory and
 * rows.
 */
#ifndef NR_SERVE_FLOW_API_H
#define NR_SERVE_FLOW_API_H

#include "serve/api.h"

#define NR_FLOW_QUERY_PATH "flow/query"

#define NR_FLOW_API_SCANS  2 /* at once; others wait, then are told to come again */
#define NR_FLOW_API_WAIT   (5 * NR_SECOND)
#define NR_FLOW_API_TIME   (20 * NR_SECOND)    /* of one scan */
#define NR_FLOW_API_MEMORY ((size_t)256 << 20) /* of one answer's sums */
#define NR_FLOW_API_ROWS   1000
#define NR_FLOW_API_POINTS 100000

struct nr_flow_api;

/* archive: its folder, borrowed; it must be there: the record of uses is opened in it, before a sandbox.
 * threads of one scan; 0: as there are processors, 4 at most. */
int nr_flow_api_new(
	const char *archive, unsigned threads, struct nr_flow_api **ret_api, struct nr_error *error);
void nr_flow_api_free(struct nr_flow_api *api);

/* As nr_api_answer(). api NULL: there is no archive. */
int nr_flow_api_answer(struct nr_flow_api *api, const struct nr_argument *arguments, size_t count,
	struct nr_reply *ret_reply);

/* For a question that another part answers: checks its purpose and records it. *ret_admitted false: the reply
 * says why not. path: what is asked, as it is recorded. api NULL: there is no archive. */
int nr_flow_api_admit(struct nr_flow_api *api, const char *path, const struct nr_argument *arguments,
	size_t count, bool *ret_admitted, struct nr_reply *ret_reply);
/* Records an act that is no question; with its words. */
int nr_flow_api_note(struct nr_flow_api *api, const char *act, const char *purpose, const char *words,
	struct nr_error *error);
/* The archive's folder, for what people are told to type. */
const char *nr_flow_api_archive(const struct nr_flow_api *api);

#endif
