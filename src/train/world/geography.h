/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world's address plan: the IPv4 unicast space cut into blocks of /12 to /20, each belonging to a network
 * (a private AS number, a made-up name) in a country. Sources are drawn from it, the MMDB is written from it
 * and the truth counts countries by it. Read-only after _new.
 */
#ifndef NR_TRAIN_WORLD_GEOGRAPHY_H
#define NR_TRAIN_WORLD_GEOGRAPHY_H

#include "base/option.h"
#include "train/world/random.h"

#define NR_WORLD_NETWORKS    320
#define NR_WORLD_FIRST_ASN   64512u /* RFC 6996: private use, so that nobody real is named */
#define NR_WORLD_NO_COUNTRY  (-1)
#define NR_WORLD_EXCLUDE_MAX 256 /* special, own and dark prefixes together */

struct nr_world_country {
	const char *code, *name_en;
	uint16_t weight; /* share of the sources, in no particular unit */
};

struct nr_world_network {
	uint32_t asn;
	uint8_t country;
	char name[20];
};

struct nr_world_block {
	uint32_t base;
	uint8_t length; /* 12..20 */
	uint16_t network;
};

struct nr_world_range {
	uint32_t base;
	uint8_t length;
};

struct nr_geography {
	struct nr_world_network networks[NR_WORLD_NETWORKS];
	struct nr_world_block *blocks; /* ascending by address; owned */
	size_t block_count;
	uint32_t *by_country;    /* block numbers grouped by country; owned */
	uint32_t *country_first; /* where a country's group begins; one more entry at the end; owned */
	struct nr_world_range excluded[NR_WORLD_EXCLUDE_MAX]; /* special-purpose, own and dark */
	size_t excluded_count;
	uint64_t usable[1024];       /* one bit per /16 that no excluded range touches */
	uint16_t usable_list[65536]; /* those /16s, ascending */
	uint32_t usable_count;
};

extern const struct nr_world_country nr_world_countries[];
extern const size_t nr_world_country_count;

/* -ENOMEM; -EINVAL: own and dark leave too little room for sources. */
int nr_geography_new(uint64_t seed, const struct nr_prefixes *dark, const struct nr_prefixes *own,
	struct nr_geography **ret_geography, struct nr_error *error);
void nr_geography_free(struct nr_geography *geography);
void nr_geography_freep(struct nr_geography **geography);

/* May a source live here: public, neither own nor dark (by whole /16s). */
NR_INLINE bool nr_geography_usable(const struct nr_geography *g, uint32_t address)
{
	return g->usable[address >> 22] >> ((address >> 16) & 63) & 1;
}

/* IPv6 is simpler: the /32s of 3fff::/20 (RFC 9637, documentation) belong to the networks in turn, the last
 * ones to nobody. */
#define NR_WORLD_IPV6_PREFIXES 4096 /* /32s of the /20 */
#define NR_WORLD_IPV6_OWNED    (NR_WORLD_IPV6_PREFIXES - NR_WORLD_IPV6_PREFIXES % NR_WORLD_NETWORKS)

/* The country of a new source, by weight. */
unsigned nr_geography_draw_country(struct nr_random *random);
/* A usable address in the country. */
uint32_t nr_geography_draw_address(const struct nr_geography *g, struct nr_random *random, unsigned country);

/* The block that holds the address, or NULL where the world has no record (special-purpose, own, dark). */
const struct nr_world_block *nr_geography_find(const struct nr_geography *g, uint32_t address);
/* The network that an address of either family belongs to; NULL likewise. */
const struct nr_world_network *nr_geography_network(
	const struct nr_geography *g, const struct nr_address *address);

#endif
