/* SPDX-License-Identifier: Apache-2.0 */
/* Inside openapi*.c: the parts of the description that no query is behind. */
#ifndef NR_SERVE_OPENAPI_H
#define NR_SERVE_OPENAPI_H

#include "base/json.h"

/* Members of the status: "live", "webhooks", "http", "flow". */
void nr_openapi_write_watch(struct nr_json *json);
/* The path of the live stream. */
void nr_openapi_write_stream(struct nr_json *json);
/* The path of the flow listener's report. */
void nr_openapi_write_collector(struct nr_json *json);
/* The paths below trust. */
void nr_openapi_write_trust(struct nr_json *json);
/* The path flow/query. */
void nr_openapi_write_flow(struct nr_json *json);
/* The paths flow/servers/{address}/{port}/{protocol} and flow/feedback. */
void nr_openapi_write_c2(struct nr_json *json);

#endif
