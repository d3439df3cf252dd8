/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API below /api/v1/: every named query of the store is a path, and what a path takes and answers is the
 * query's descriptor. Knows nothing of sockets. Any thread.
 */
#ifndef NR_SERVE_API_H
#define NR_SERVE_API_H

#include "base/json.h"
#include "net/connections.h"
#include "serve/events.h"
#include "serve/webhook.h"
#include "store/store.h"

#define NR_API_PREFIX        "/api/v1/"
#define NR_API_ARGUMENTS_MAX 32 /* more in one address are refused */

struct nr_api {
	struct nr_store *store;             /* borrowed */
	const char *store_name;             /* as the operator gave it */
	const char *sandbox_missing;        /* what this process's sandbox lacks (sandbox.h); NULL: nothing */
	struct nr_connections *connections; /* the server's own */
	/* of a process that watches; borrowed; NULL: none */
	struct nr_sensors *sensors;
	struct nr_events *events;
	struct nr_webhook *webhook;
	/* trust (trust_api.h); borrowed; NULL: none */
	struct nr_ledger_watch *ledger;
	struct nr_judge *judge;
	struct nr_flow_api *flow_api;      /* flow_api.h; borrowed; NULL: no archive of flows is asked */
	struct nr_flow_notebook *notebook; /* flow_notebook.h; borrowed; NULL: as flow_api */
	struct nr_flow_service *flow;      /* flow_live.h; borrowed; NULL: no flows are received */
};

/* One name=value of the address, decoded. */
struct nr_argument {
	const char *name, *value;
};

/* What goes back. bytes is owned by whoever holds the reply. */
struct nr_reply {
	unsigned status; /* HTTP */
	const char *type;
	char *bytes;
	size_t length;
	char next[128]; /* CSV: the cursor of the following page, "" = none; in JSON it is in the document */
	char file_name[64]; /* CSV: what a browser should call it */
};

void nr_reply_fini(struct nr_reply *reply);

/* path: what follows NR_API_PREFIX. Failures are replies too; only -ENOMEM is an error here. */
int nr_api_answer(const struct nr_api *api, const char *path, const struct nr_argument *arguments,
	size_t count, struct nr_reply *ret_reply);

/* {"error":{"code","parameter","text"}}; parameter NULL: none. */
int nr_api_error(unsigned status, const char *code, const char *parameter, const char *text,
	struct nr_reply *ret_reply);

/* Finishes the JSON; its text becomes the reply's. */
int nr_api_reply_json(struct nr_json *json, unsigned status, struct nr_reply *ret_reply);

/* The OpenAPI 3.1 document, from the descriptors (openapi.c). */
int nr_api_describe(struct nr_json *json, struct nr_error *error);

#endif
