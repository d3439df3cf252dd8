/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/flows/isp.h"

#include <errno.h>
#include <string.h>

#define LENGTH_WANTED 12 /* of the ISP's block: room for a million addresses */
#define LENGTH_MAX    14
#define SHARED        0x64400000 /* 100.64.0.0/10 (RFC 6598) */
#define SHARED_OF_TEN 6          /* subscribers behind the NAT */
#define IPV6_OF_TEN   6
#define SERVERS_ROOM  4096 /* addresses at the top of the block */

static uint64_t trait(const struct nr_isp *isp, uint32_t subscriber, uint64_t which)
{
	return nr_random_mix(isp->seed ^ nr_random_mix(subscriber * UINT64_C(16) + which));
}

static bool is_usable(const struct nr_geography *g, const struct nr_world_block *b)
{
	for (uint32_t i = 0; i < UINT32_C(1) << (16 - b->length); i++)
		if (!nr_geography_usable(g, b->base + (i << 16)))
			return false;
	return true;
}

static int find_block(struct nr_isp *isp, uint64_t others, struct nr_error *error)
{
	const struct nr_geography *g = isp->geography;
	uint64_t skipped = 0;
	for (uint8_t length = LENGTH_WANTED; length <= LENGTH_MAX; length++) {
		for (size_t i = 0; i < g->block_count; i++) {
			const struct nr_world_block *b = &g->blocks[i];
			const struct nr_world_network *n = &g->networks[b->network];
			if (b->length != length || strcmp(nr_world_countries[n->country].code, "JP") != 0 ||
				!is_usable(g, b) || skipped++ < others)
				continue;
			isp->base = b->base;
			isp->length = length;
			isp->network = b->network;
			return 0;
		}
	}
	return nr_fail(error, -EINVAL,
		"world flows: the world of this --seed has no large network in Japan%s; take another seed",
		others ? " left for this --carrier" : "");
}

/* Half of the block for public addresses, a quarter for the pool, servers at the end. */
static int lay_out(struct nr_isp *isp, struct nr_error *error)
{
	uint32_t size = UINT32_C(1) << (32 - isp->length);
	uint32_t addresses = isp->subscribers * 2 / (NR_PORT_BLOCKS - 1) + 1;
	if (isp->subscribers > size / 2 || addresses > size / 4)
		return nr_fail(error, -EINVAL,
			"world flows: --subscribers: the ISP of this --seed has addresses for %u", size / 2);
	isp->public_base = isp->base;
	isp->pool_base = isp->base + size / 2;
	isp->server_base = isp->base + size - SERVERS_ROOM;
	/* Two for everybody: one in use, one that is about to be quiet. */
	isp->blocks = addresses * NR_PORT_BLOCKS;
	isp->free = calloc(isp->blocks, sizeof *isp->free);
	isp->leases = calloc(isp->subscribers, sizeof *isp->leases);
	isp->traits = calloc(isp->subscribers, 1);
	if (!isp->free || !isp->leases || !isp->traits)
		return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --subscribers");
	return 0;
}

static void draw_traits(struct nr_isp *isp)
{
	for (uint32_t i = 0; i < isp->subscribers; i++) {
		bool shared = trait(isp, i, 0) % 10 < SHARED_OF_TEN,
		     ipv6 = trait(isp, i, 1) % 10 < IPV6_OF_TEN;
		isp->traits[i] = (uint8_t)((shared ? NR_TRAIT_SHARED : 0) | (ipv6 ? NR_TRAIT_IPV6 : 0));
	}
}

/* Blocks are handed out in a shuffled order, so that neighbours are strangers. */
static void shuffle_blocks(struct nr_isp *isp)
{
	struct nr_random random = nr_random_stream(isp->seed, "port blocks");
	for (uint32_t i = 0; i < isp->blocks; i++) {
		uint32_t k = (uint32_t)nr_random_below(&random, (uint64_t)i + 1);
		isp->free[i] = isp->free[k];
		isp->free[k] = i;
	}
	isp->free_count = isp->blocks;
}

int nr_isp_init(struct nr_isp *isp, const struct nr_geography *geography, uint64_t seed, uint32_t subscribers,
	uint64_t others, struct nr_error *error)
{
	*isp = (struct nr_isp){.geography = geography, .seed = seed, .subscribers = subscribers};
	int rc = find_block(isp, others, error);
	if (!rc)
		rc = lay_out(isp, error);
	if (rc) {
		nr_isp_fini(isp);
		return rc;
	}
	draw_traits(isp);
	shuffle_blocks(isp);
	return 0;
}

void nr_isp_fini(struct nr_isp *isp)
{
	free(isp->free);
	free(isp->leases);
	free(isp->traits);
	*isp = (struct nr_isp){0};
}

/* The /32 that geography.h gives to a network. */
static struct nr_address ipv6_of(uint16_t network)
{
	return (struct nr_address){{0x3f, 0xff, (uint8_t)(network >> 8 & 0x0f), (uint8_t)network}};
}

struct nr_address nr_isp_ipv6(const struct nr_isp *isp, uint32_t subscriber)
{
	struct nr_address a = ipv6_of(isp->network);
	uint32_t prefix = __builtin_bswap32(subscriber << 8); /* a /56 for everybody */
	uint64_t host = trait(isp, subscriber, 2);
	memcpy(a.octets + 4, &prefix, 3);
	for (int i = 0; i < 8; i++)
		a.octets[8 + i] = (uint8_t)(host >> (8 * i));
	return a;
}

struct nr_address nr_isp_public(const struct nr_isp *isp, uint32_t subscriber)
{
	return nr_address_from_ipv4(isp->public_base + subscriber);
}

struct nr_address nr_isp_inside(const struct nr_isp *isp, uint32_t subscriber)
{
	(void)isp;
	return nr_address_from_ipv4(SHARED + subscriber + 1);
}

struct nr_address nr_isp_server(const struct nr_isp *isp, uint32_t number, bool ipv6)
{
	if (!ipv6)
		return nr_address_from_ipv4(isp->server_base + 1 + number);
	struct nr_address a = ipv6_of(isp->network);
	a.octets[4] = 0xff; /* a /40 that no subscriber has */
	a.octets[14] = (uint8_t)((number + 1) >> 8);
	a.octets[15] = (uint8_t)(number + 1);
	return a;
}

uint32_t nr_isp_take_block(struct nr_isp *isp)
{
	if (!isp->free_count)
		return UINT32_MAX;
	uint32_t block = isp->free[isp->free_first];
	isp->free_first = (isp->free_first + 1) % isp->blocks;
	isp->free_count--;
	return block;
}

void nr_isp_give_block(struct nr_isp *isp, uint32_t block)
{
	isp->free[(isp->free_first + isp->free_count) % isp->blocks] = block;
	isp->free_count++;
}

struct nr_address nr_isp_block_address(const struct nr_isp *isp, uint32_t block)
{
	return nr_address_from_ipv4(isp->pool_base + block / NR_PORT_BLOCKS);
}

uint16_t nr_isp_block_port(uint32_t block)
{
	return (uint16_t)((block % NR_PORT_BLOCKS + 1) * NR_PORT_BLOCK);
}
