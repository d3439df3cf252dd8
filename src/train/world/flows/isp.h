/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ISP: a network of the world's geography in Japan with a large block of IPv4 and a /32 of IPv6, its
 * subscribers with public addresses or behind a carrier-grade NAT with port blocks, its own servers.
 * Subscribers are numbers; what an address is follows from the number, the seed, and the leases of blocks.
 */
#ifndef NR_TRAIN_WORLD_FLOWS_ISP_H
#define NR_TRAIN_WORLD_FLOWS_ISP_H

#include "base/time.h"
#include "train/world/geography.h"

#define NR_PORT_BLOCK       1024             /* ports */
#define NR_PORT_BLOCKS      63               /* of one address: 1024 .. 65535 */
#define NR_PORT_BLOCK_QUIET (10 * NR_MINUTE) /* a block stays with its subscriber for what is still open */

struct nr_lease {
	nr_time until; /* new conversations begin in it before that */
	uint32_t block;
	bool held;
};

struct nr_isp {
	const struct nr_geography *geography;
	uint64_t seed;
	uint32_t base; /* of the block */
	uint8_t length;
	uint16_t network;
	uint32_t subscribers;
	uint32_t public_base, pool_base, server_base;
	uint32_t blocks; /* of all pool addresses */
	uint32_t *free;  /* ring of free blocks; owned */
	uint32_t free_first, free_count;
	uint8_t *traits;                        /* of each subscriber: NR_TRAIT_...; owned */
	struct nr_lease *leases;                /* of each subscriber behind the NAT; owned */
	uint64_t allocated, released, sessions; /* truth */
};

/* others: so many networks that would do are other ISPs'. */
int nr_isp_init(struct nr_isp *isp, const struct nr_geography *geography, uint64_t seed, uint32_t subscribers,
	uint64_t others, struct nr_error *error);
void nr_isp_fini(struct nr_isp *isp);

enum { NR_TRAIT_SHARED = 1, NR_TRAIT_IPV6 = 2 };
/* Its IPv4 is behind the NAT. */
NR_INLINE bool nr_isp_is_shared(const struct nr_isp *isp, uint32_t subscriber)
{
	return isp->traits[subscriber] & NR_TRAIT_SHARED;
}
NR_INLINE bool nr_isp_has_ipv6(const struct nr_isp *isp, uint32_t subscriber)
{
	return isp->traits[subscriber] & NR_TRAIT_IPV6;
}
struct nr_address nr_isp_ipv6(const struct nr_isp *isp, uint32_t subscriber);
/* Of a subscriber that is not shared. */
struct nr_address nr_isp_public(const struct nr_isp *isp, uint32_t subscriber);
/* In 100.64.0.0/10. */
struct nr_address nr_isp_inside(const struct nr_isp *isp, uint32_t subscriber);
struct nr_address nr_isp_server(const struct nr_isp *isp, uint32_t number, bool ipv6);

/* A free block, or UINT32_MAX. */
uint32_t nr_isp_take_block(struct nr_isp *isp);
void nr_isp_give_block(struct nr_isp *isp, uint32_t block);
struct nr_address nr_isp_block_address(const struct nr_isp *isp, uint32_t block);
uint16_t nr_isp_block_port(uint32_t block); /* the first one */

#endif
