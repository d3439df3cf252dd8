/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sink in front of several: the store, the live stream, webhooks. Each gets every block, whatever the
 * others answered; the first failure is answered. Rows that are not kept (time_column NULL) go to live sinks
 * alone.
 */
#ifndef NR_SERVE_TEE_H
#define NR_SERVE_TEE_H

#include "model/sink.h"

#define NR_TEE_SINKS 4

struct nr_tee {
	struct nr_sink sink; /* first: the sink is the tee */
	struct {
		struct nr_sink *sink; /* borrowed */
		bool live;
	} to[NR_TEE_SINKS];
	size_t count;
};

void nr_tee_init(struct nr_tee *tee);
/* sink NULL: nothing is added. At most NR_TEE_SINKS. */
void nr_tee_add(struct nr_tee *tee, struct nr_sink *sink, bool live);

#endif
