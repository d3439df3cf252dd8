/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ERF, the Extensible Record Format of Endace's capture cards (ERF Types Reference Guide): records without a
 * file header. Pure.
 */
#ifndef NR_WIRE_ERF_H
#define NR_WIRE_ERF_H

#include "wire/record.h"

#define NR_ERF_HEADER 16

/*
 * ERF has no magic number: believes it where the first records (as many as are there, at most 8) form a chain
 * of known types, near each other in time. One record must be whole: give 64 KiB where there are as many.
 */
bool nr_erf_is(const uint8_t *bytes, size_t length);

/* One record: _FRAME, _METADATA (provenance, padding), _BAD, _NEED_MORE or _DAMAGED. Link types that carry no
 * Ethernet or IP are frames of a link type that is not understood, so that they are counted as such. */
enum nr_record_status nr_erf_next(struct nr_cursor *c, struct nr_frame *ret, struct nr_error *error);

#endif
