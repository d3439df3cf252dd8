/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinct items in one line of the cache: up to 16 by their hashes, exactly; then HyperLogLog with 64
 * registers (Flajolet et al. 2007; few by linear counting), whose standard error is 1.04/8 = 13 %.
 * Hashes are of the detection's key: sketches of one detection merge.
 */
#ifndef NR_SENSE_FLOW_DETECT_TABLE_SKETCH_H
#define NR_SENSE_FLOW_DETECT_TABLE_SKETCH_H

#include "base/base.h"
#include <string.h>

#define NR_FLOW_FEW       16
#define NR_FLOW_REGISTERS 64
#define NR_FLOW_MANY      0xff /* as `few`: registers stand there */

struct nr_flow_sketch { /* all zero and few 0: empty */
	union {
		uint32_t few[NR_FLOW_FEW];
		uint8_t registers[NR_FLOW_REGISTERS];
	};
};

/* `few` is how many there are, kept by the owner where it has a byte. True: the sketch has changed. */
bool nr_flow_sketch_add(struct nr_flow_sketch *sketch, uint8_t *few, uint64_t hash);
double nr_flow_sketch_count(const struct nr_flow_sketch *sketch, uint8_t few);
void nr_flow_sketch_merge(
	struct nr_flow_sketch *into, uint8_t *into_few, const struct nr_flow_sketch *from, uint8_t few);

#endif
