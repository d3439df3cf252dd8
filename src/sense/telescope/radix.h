/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Radix sort of items whose first 8 bytes are the key: 8 or 16 bytes wide. Digits in which all items agree
 * cost nothing. Not stable between equal keys of large lists; nobody needs that.
 */
#ifndef NR_SENSE_TELESCOPE_RADIX_H
#define NR_SENSE_TELESCOPE_RADIX_H

#include "base/error.h"

/* Sorts by the key bits from `low` up (bits below may be in any order). count < 2^32; -ENOMEM (then
 * unsorted). */
int nr_radix_sort_8(uint64_t *items, size_t count, unsigned low, struct nr_error *error);
int nr_radix_sort_16(void *items, size_t count, struct nr_error *error);

#endif
