/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HyperLogLog with 2^12 registers: counts distinct items in 4 KiB with a relative standard error of 1.04/64
 * = 1.6 % (Flajolet et al. 2007; small range by linear counting). The hash is fixed (not keyed) so that
 * sketches of different days, workers and sensors merge.
 */
#ifndef NR_BASE_HLL_H
#define NR_BASE_HLL_H

#include "base/error.h"

#define NR_HLL_BITS      12
#define NR_HLL_REGISTERS (1u << NR_HLL_BITS)
#define NR_HLL_ERROR     0.01625
#define NR_HLL_BYTES_MAX (NR_HLL_REGISTERS + 1) /* longest written form */

struct nr_hll {
	uint8_t registers[NR_HLL_REGISTERS]; /* all zero: empty */
};

/* The fixed hash for items (a source address folded to 64 bits): the finaliser of SplitMix64 (Steele, Lea,
 * Flood 2014, variant 13 of D. Stafford), a bijection with full avalanche. */
NR_INLINE uint64_t nr_hll_hash(uint64_t item)
{
	item += UINT64_C(0x9e3779b97f4a7c15);
	item = (item ^ item >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	item = (item ^ item >> 27) * UINT64_C(0x94d049bb133111eb);
	return item ^ item >> 31;
}

NR_INLINE uint8_t nr_hll_rank(uint64_t hash)
{
	return (uint8_t)(__builtin_clzll((hash << NR_HLL_BITS) | (1ull << (NR_HLL_BITS - 1))) + 1);
}

NR_INLINE void nr_hll_add(struct nr_hll *hll, uint64_t hash)
{
	uint32_t index = (uint32_t)(hash >> (64 - NR_HLL_BITS));
	uint8_t rank = nr_hll_rank(hash);
	if (hll->registers[index] < rank)
		hll->registers[index] = rank;
}

double nr_hll_count(const struct nr_hll *hll);
void nr_hll_merge(struct nr_hll *into, const struct nr_hll *from);

/* Written form: byte 0 = 'S' then 3 bytes (index:12, zero:6, rank:6, big-endian, ascending) per register in
 * use, or 'D' then all registers, whichever is shorter. Returns the length; out holds NR_HLL_BYTES_MAX. */
size_t nr_hll_write(const struct nr_hll *hll, uint8_t *out);
/* The written form of a few hashes (at most NR_HLL_HASHES_MAX), without a sketch in between. */
#define NR_HLL_HASHES_MAX 48
size_t nr_hll_write_hashes(const uint64_t *hashes, size_t count, uint8_t *out);
/* Adds a written form; -EBADMSG when it is not one: some of its registers may then have been added. */
int nr_hll_merge_bytes(struct nr_hll *into, const uint8_t *bytes, size_t length, struct nr_error *error);

#endif
