/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng files (draft-ietf-opsawg-pcapng): sections of either byte order, several interfaces with their own
 * link types, resolutions and offsets of time; enhanced, simple and obsolete packet blocks; all other blocks
 * are passed over by their length. Pure: the state has a fixed size.
 */
#ifndef NR_WIRE_PCAPNG_H
#define NR_WIRE_PCAPNG_H

#include "wire/record.h"

#define NR_PCAPNG_INTERFACES_MAX 1024 /* per section; packets of further ones are NR_RECORD_BAD */
#define NR_PCAPNG_BLOCK_MAX      (NR_RECORD_CAPTURED_MAX + 64 * 1024) /* a packet block with its options */

struct nr_pcapng_interface {
	uint16_t link;
	uint8_t resolution; /* if_tsresol: 10^-n seconds, with the high bit 2^-n */
	int64_t offset;     /* if_tsoffset: seconds */
	uint32_t snap;
};

struct nr_pcapng {
	bool swapped;             /* this section's byte order is not ours */
	bool section;             /* a section header has been read */
	uint64_t skip;            /* bytes of a long block that are still to be passed over */
	uint32_t interface_count; /* may be more than were kept */
	struct nr_pcapng_interface interfaces[NR_PCAPNG_INTERFACES_MAX];
};

/* Does a file begin like this? */
bool nr_pcapng_is(const uint8_t *bytes, size_t length);

/* *pcapng must be zero before the first call. All statuses but NR_RECORD_METADATA. While pcapng->skip is not
 * 0, NR_RECORD_NEED_MORE means that the block goes on behind the cursor's end, and the cursor has moved
 * there. */
enum nr_record_status nr_pcapng_next(
	struct nr_pcapng *pcapng, struct nr_cursor *c, struct nr_frame *ret, struct nr_error *error);

/* After damage at the cursor: bytes to the next block whose length stands at both of its ends, at most
 * `within`; 0 where there is none. */
size_t nr_pcapng_resync(const struct nr_pcapng *pcapng, const struct nr_cursor *c, size_t within);

#endif
