/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the detection share: detect.c (take, turn), look.c and its helpers. */
#ifndef NR_SENSE_FLOW_DETECT_DETECT_INSIDE_H
#define NR_SENSE_FLOW_DETECT_DETECT_INSIDE_H

#include "net/origin.h"
#include "sense/flow/detect/detect.h"
#include "sense/flow/detect/detect_exporters.h"
#include "sense/flow/detect/table/host_table.h"
#include "sense/flow/detect/table/orient.h"
#include "sense/flow/detect/table/pair_table.h"
#include "sense/flow/detect/table/server_table.h"

#include <pthread.h>

struct nr_flow_detect {
	struct nr_flow_detect_conf conf; /* own: not to be used after the beginning */
	struct nr_flow_hash_key key;
	struct nr_flow_orient orient;
	struct nr_flow_clock_table servers;
	struct nr_flow_pairs pairs;
	struct nr_flow_hosts hosts;
	struct nr_flow_detect_exporters exporters;
	struct nr_origin origin;
	struct nr_flow_detect_state state; /* counters; what tables know is added when asked */
	uint64_t look_bytes;               /* for what look() gathers */
	uint32_t hour;                     /* of the newest flow, since 1970 */
	pthread_mutex_t lock;              /* of all above but conf, key, origin and orient.own */
};

bool nr_flow_detect_is_own(const struct nr_flow_detect *detect, const struct nr_address *address);

/* A candidate between its choice and its visit. */
struct nr_flow_chosen {
	double score;
	uint32_t number;                    /* in the table */
	struct nr_flow_server_entry server; /* as it was */
	double neighbourhood;
	uint32_t services;
	struct nr_flow_timing timing;
};
struct nr_flow_choice {
	struct nr_flow_chosen *items; /* owned */
	size_t count;
	nr_time from, to; /* window of the flows */
};
/* The servers with the greatest scores, with what their neighbours tell. */
int nr_flow_choose(struct nr_flow_detect *detect, struct nr_flow_choice *ret_choice, struct nr_error *error);
void nr_flow_choice_fini(struct nr_flow_choice *choice);

/* Hosts one after the other. */
int nr_flow_visit_hosts(struct nr_flow_detect *detect, const struct nr_flow_visitor *visitor);

#endif
