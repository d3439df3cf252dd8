/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of capture formats (pcap.h, pcapng.h, erf.h) have in common: each takes one record at a
 * time from a cursor over whatever bytes are there, so that mapped, streamed and fuzzed input run the same
 * code. Pure.
 */
#ifndef NR_WIRE_RECORD_H
#define NR_WIRE_RECORD_H

#include "base/error.h"
#include "wire/cursor.h"
#include "wire/packet.h"

/* A record that captured more is damage: no link carries such a frame (telescope reference 17). */
#define NR_RECORD_CAPTURED_MAX (256 * 1024)

enum nr_record_status {
	NR_RECORD_FRAME,    /* *ret is a frame; the cursor is behind the record */
	NR_RECORD_SKIP,     /* a record that is nothing to count (names, statistics, custom); likewise */
	NR_RECORD_METADATA, /* a record that is counted but is no packet; likewise */
	NR_RECORD_BAD, /* a packet record that contradicts itself but whose end is known; likewise. Words in
			  error */
	NR_RECORD_NEED_MORE, /* the record is not complete; the cursor has not moved */
	NR_RECORD_DAMAGED,   /* the chain of records is lost here; the cursor has not moved. Words in error */
};

#endif
