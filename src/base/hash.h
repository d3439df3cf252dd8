/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-1-3 (Aumasson, Bernstein 2012): a short-input hash whose collisions cannot be computed by a
 * formula, for values that strangers choose.
 */
#ifndef NR_BASE_HASH_H
#define NR_BASE_HASH_H

#include "base/base.h"

uint64_t nr_siphash(const void *bytes, size_t length, uint64_t key0, uint64_t key1);

#endif
