/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world's dice: SplitMix64 (Steele, Lea, Flood 2014; Vigna's constants). Integer arithmetic only, so that
 * the same seed gives the same bytes on every machine. Not for secrets. One struct belongs to one thread.
 */
#ifndef NR_TRAIN_WORLD_RANDOM_H
#define NR_TRAIN_WORLD_RANDOM_H

#include "base/base.h"

struct nr_random {
	uint64_t state;
};

/* A bijection of 64 bits; also a keyed cookie: nr_random_mix(a ^ nr_random_mix(b ^ key)). */
NR_INLINE uint64_t nr_random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

NR_INLINE uint64_t nr_random_next(struct nr_random *r)
{
	r->state += UINT64_C(0x9e3779b97f4a7c15);
	return nr_random_mix(r->state);
}

/* 0..limit-1; limit 0 answers 0. */
NR_INLINE uint64_t nr_random_below(struct nr_random *r, uint64_t limit)
{
	return (uint64_t)(((unsigned __int128)nr_random_next(r) * limit) >> 64);
}

/* low..high, both included. */
NR_INLINE uint32_t nr_random_between(struct nr_random *r, uint32_t low, uint32_t high)
{
	return low + (uint32_t)nr_random_below(r, (uint64_t)high - low + 1);
}

/* floor(n u^3) for a uniform 32-bit u: a power law in which few items get most of the draws. */
NR_INLINE uint64_t nr_random_power(uint64_t n, uint32_t u)
{
	uint64_t cube = ((((uint64_t)u * u) >> 32) * u) >> 32;
	return (uint64_t)(((unsigned __int128)n * cube) >> 32);
}

/* An own stream for every behaviour: adding one does not change what the others do. */
NR_INLINE struct nr_random nr_random_stream(uint64_t seed, const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return (struct nr_random){nr_random_mix(seed ^ nr_random_mix(hash))};
}

#endif
