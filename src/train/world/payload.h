/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed payloads of enum nr_world_payload (packet.h). */
#ifndef NR_TRAIN_WORLD_PAYLOAD_H
#define NR_TRAIN_WORLD_PAYLOAD_H

#include "train/world/packet.h"

#define NR_PAYLOAD_MAX 256 /* bytes of the longest one, quoted headers included */

struct nr_payload {
	const char *bytes;
	size_t length;
};

/* Empty for none and for the payloads that frame.c builds from fields (quoted and inner packets). */
struct nr_payload nr_payload_find(uint8_t payload);

#endif
