/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exporters by number, with their flow caches' timers: told, or learnt from how long records last (flow
 * reference 16). Number 0 stands for all beyond NR_FLOW_EXPORTERS_MAX. Locks are the caller's.
 */
#ifndef NR_SENSE_FLOW_DETECT_DETECT_EXPORTERS_H
#define NR_SENSE_FLOW_DETECT_DETECT_EXPORTERS_H

#include "sense/flow/collect/timers.h"
#include "sense/flow/detect/features.h"

#define NR_FLOW_EXPORTERS_MAX 4096

struct nr_flow_detect_exporter {
	struct nr_flow_stream stream;
	struct nr_flow_cache told;
	struct nr_flow_timers timers;
	float sampling; /* of its last flow */
};
struct nr_flow_detect_exporters {
	struct nr_flow_detect_exporter **items; /* owned, each too; 0: of all others */
	uint16_t *slots;                        /* owned: number by the stream's hash; 0: empty */
	uint32_t count;
	uint64_t key[2];
};

int nr_flow_detect_exporters_init(struct nr_flow_detect_exporters *exporters, struct nr_error *error);
void nr_flow_detect_exporters_fini(struct nr_flow_detect_exporters *exporters);
/* Its number, entered where it is new. */
uint16_t nr_flow_detect_exporters_have(
	struct nr_flow_detect_exporters *exporters, const struct nr_flow_stream *stream);
/* The same without entering; 0: not known. */
uint16_t nr_flow_detect_exporters_find(
	const struct nr_flow_detect_exporters *exporters, const struct nr_flow_stream *stream);
/* Looks at some rows of a block; numbers: of its streams. */
void nr_flow_detect_exporters_learn(struct nr_flow_detect_exporters *exporters,
	const struct nr_flow_block *block, const uint16_t *numbers);
struct nr_flow_cache nr_flow_detect_exporter_cache(const struct nr_flow_detect_exporter *exporter);

#endif
