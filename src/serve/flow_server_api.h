/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One server that detection ranked, with all that a person needs to judge it: the path
 * flow/servers/ADDRESS/PORT/PROTOCOL. Its parts are named queries (store/queries_c2.c). Any thread.
 */
#ifndef NR_SERVE_FLOW_SERVER_API_H
#define NR_SERVE_FLOW_SERVER_API_H

#include "serve/api.h"

#define NR_FLOW_SERVERS_PATH "flow/servers"

bool nr_flow_server_api_has(const char *path);
/* As nr_api_answer(). */
int nr_flow_server_api_answer(const struct nr_api *api, const char *path, const struct nr_argument *arguments,
	size_t count, struct nr_reply *ret_reply);

#endif
