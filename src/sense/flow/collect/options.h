/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an observation domain says about itself, in options data and between the lines: one member of the
 * exporter's state. All zero knows nothing; but a new one's sampling.override is the configuration's.
 */
#ifndef NR_SENSE_FLOW_COLLECT_OPTIONS_H
#define NR_SENSE_FLOW_COLLECT_OPTIONS_H

#include "base/option.h"
#include "sense/flow/collect/loss.h"
#include "sense/flow/collect/sampling.h"
#include "sense/flow/collect/timers.h"

struct nr_flow_interface {      /* entry */
	struct nr_flow_key key; /* id: ifIndex */
	char name[48];          /* IE 82, valid UTF-8 or what is left of it */
	char description[64];   /* IE 83 */
};

struct nr_flow_options {
	struct nr_flow_sampling sampling;
	struct nr_flow_loss loss;
	struct nr_flow_timers timers;
	struct nr_flow_table interfaces; /* struct nr_flow_interface */
};

void nr_flow_options_fini(struct nr_flow_options *options, struct nr_flow_memory *memory);
/* A record of an options template, exported at `exported` (s). */
void nr_flow_options_learn(struct nr_flow_options *options, struct nr_flow_memory *memory,
	const struct nr_template *template, const struct nr_value *values, uint32_t exported);

/* The configured rate (conf.sampling, "CIDR=N") of an exporter, the longest prefix; 0: none. -EINVAL: a text
 * cannot be read; the collector checks all of them when it is made, with exporter NULL. */
int nr_flow_sampling_override(const struct nr_texts *texts, const struct nr_address *exporter,
	float *ret_rate, struct nr_error *error);

#endif
