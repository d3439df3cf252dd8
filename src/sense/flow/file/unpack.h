/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of nfdump's files, each packed for itself. */
#ifndef NR_SENSE_FLOW_FILE_UNPACK_H
#define NR_SENSE_FLOW_FILE_UNPACK_H

#include "wire/nfdump.h"

/* At most `room` bytes into `to`; *ret_length: how many. False: damaged, or more than that. */
bool nr_flow_unpack(enum nr_nfdump_compression compression, const uint8_t *from, size_t length, uint8_t *to,
	size_t room, size_t *ret_length);
/* LZ4. to: room for nr_flow_pack_bound(length). */
size_t nr_flow_pack_bound(size_t length);
size_t nr_flow_pack(const uint8_t *from, size_t length, uint8_t *to, size_t room);

#endif
