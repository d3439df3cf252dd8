/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP fragments of UDP datagrams put together again (RFC 791, RFC 8200 4.5): exporters with large datagrams
 * send such. A bounded number is held; what never becomes whole is counted.
 */
#ifndef NR_SENSE_FLOW_FILE_FRAGMENTS_H
#define NR_SENSE_FLOW_FILE_FRAGMENTS_H

#include "wire/packet.h"

struct nr_flow_fragments;

struct nr_flow_fragment {
	struct nr_address source, destination;
	uint32_t id;
	uint32_t offset; /* of its bytes in the datagram */
	bool more;
	const uint8_t *bytes;
	size_t length;
	nr_time time;
};

struct nr_flow_fragments *nr_flow_fragments_new(void);
void nr_flow_fragments_free(struct nr_flow_fragments *fragments);
/* The whole transport part (UDP header and payload) where this fragment was the last one of it: valid until
 * the next call. *dropped grows by fragments that were given up. */
const uint8_t *nr_flow_fragments_add(struct nr_flow_fragments *fragments,
	const struct nr_flow_fragment *fragment, size_t *ret_length, uint64_t *dropped);
/* How many fragments are held. */
uint64_t nr_flow_fragments_held(const struct nr_flow_fragments *fragments);

#endif
