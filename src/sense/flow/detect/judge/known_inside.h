/* SPDX-License-Identifier: Apache-2.0 */
/* Members of JSON objects that strangers wrote: what known_read.c and feedback.c share. */
#ifndef NR_SENSE_FLOW_DETECT_JUDGE_KNOWN_INSIDE_H
#define NR_SENSE_FLOW_DETECT_JUDGE_KNOWN_INSIDE_H

#include "sense/flow/detect/judge/known.h"

#include <json-c/json.h>

/* The line as an object; NULL: it is none. The caller puts it. */
struct json_object *nr_flow_line_object(const char *line, size_t length);
const char *nr_flow_line_text(struct json_object *root, const char *name);             /* NULL: no text */
bool nr_flow_line_real(struct json_object *root, const char *name, double *ret_value); /* finite */
/* A time, or `missing` where the member is not there or null. */
bool nr_flow_line_time(struct json_object *root, const char *name, nr_time missing, nr_time *ret_time);
/* address (member `name`), port and protocol; both of these may be missing or null: 0. */
int nr_flow_line_server(struct json_object *root, const char *name, struct nr_flow_server *ret_server,
	struct nr_error *error);

#endif
