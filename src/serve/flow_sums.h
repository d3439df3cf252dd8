/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the thread that keeps flows and the keeper, who has the store: flows are summed by the one as they
 * are kept, and the other writes the sums now and then.
 */
#ifndef NR_SERVE_FLOW_SUMS_H
#define NR_SERVE_FLOW_SUMS_H

#include <pthread.h>

#include "sense/flow/traffic.h"

struct nr_flow_sums_live {
	struct nr_flow_sink sink; /* first: takes blocks */
	struct nr_flow_traffic *traffic;
	pthread_mutex_t lock;
};

int nr_flow_sums_open(
	struct nr_flow_sums_live *sums, const struct nr_flow_traffic_conf *conf, struct nr_error *error);
void nr_flow_sums_close(struct nr_flow_sums_live *sums);
/* What is final before `end`, and the exporters of a report (NULL: none). */
int nr_flow_sums_write(struct nr_flow_sums_live *sums, nr_time end, const char *report, struct nr_sink *sink,
	struct nr_error *error);

#endif
