/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/geography.h"

#include <errno.h>
#include <string.h>

/* Weights: a plausible mix of what telescopes report, not a measurement. */
const struct nr_world_country nr_world_countries[] = {
	{"CN", "China", 150},
	{"US", "United States", 140},
	{"IN", "India", 75},
	{"RU", "Russia", 60},
	{"BR", "Brazil", 60},
	{"VN", "Vietnam", 42},
	{"TW", "Taiwan", 36},
	{"KR", "South Korea", 36},
	{"DE", "Germany", 34},
	{"NL", "Netherlands", 34},
	{"ID", "Indonesia", 32},
	{"IR", "Iran", 30},
	{"TR", "Turkey", 26},
	{"JP", "Japan", 26},
	{"HK", "Hong Kong", 25},
	{"GB", "United Kingdom", 24},
	{"TH", "Thailand", 22},
	{"UA", "Ukraine", 22},
	{"FR", "France", 20},
	{"SG", "Singapore", 20},
	{"EG", "Egypt", 18},
	{"MX", "Mexico", 17},
	{"AR", "Argentina", 17},
	{"PK", "Pakistan", 16},
	{"IT", "Italy", 15},
	{"BG", "Bulgaria", 14},
	{"RO", "Romania", 14},
	{"PL", "Poland", 12},
	{"BD", "Bangladesh", 12},
	{"CO", "Colombia", 12},
	{"ZA", "South Africa", 12},
	{"PH", "Philippines", 11},
	{"MY", "Malaysia", 11},
	{"ES", "Spain", 11},
	{"CA", "Canada", 11},
	{"VE", "Venezuela", 10},
	{"SE", "Sweden", 8},
	{"GR", "Greece", 8},
	{"KZ", "Kazakhstan", 8},
	{"AU", "Australia", 7},
	{"DZ", "Algeria", 7},
	{"TN", "Tunisia", 6},
	{"CL", "Chile", 6},
	{"PE", "Peru", 5},
	{"NG", "Nigeria", 5},
	{"KE", "Kenya", 4},
	{"CZ", "Czechia", 4},
	{"LT", "Lithuania", 4},
};
const size_t nr_world_country_count = NR_COUNT(nr_world_countries);

/* RFC 6890 and the IANA special-purpose registry; 224/3 is multicast and reserved. */
static const struct nr_world_range special[] = {
	{0x00000000, 8},
	{0x0a000000, 8},
	{0x64400000, 10},
	{0x7f000000, 8},
	{0xa9fe0000, 16},
	{0xac100000, 12},
	{0xc0000000, 24},
	{0xc0000200, 24},
	{0xc0586300, 24},
	{0xc0a80000, 16},
	{0xc6120000, 15},
	{0xc6336400, 24},
	{0xcb007100, 24},
	{0xe0000000, 3},
};

#define USABLE_MIN 4096 /* /16s: below this the source population would be squeezed into a corner */

static uint32_t range_mask(uint8_t length)
{
	return length == 0 ? 0 : UINT32_MAX << (32 - length);
}

static void exclude(struct nr_geography *g, struct nr_world_range range)
{
	g->excluded[g->excluded_count++] = range;
	uint32_t first = range.base >> 16, last = (range.base | ~range_mask(range.length)) >> 16;
	for (uint32_t i = first; i <= last; i++)
		g->usable[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}

static int exclude_prefixes(struct nr_geography *g, const struct nr_prefixes *list, struct nr_error *error)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct nr_prefix *p = &list->items[i];
		if (!nr_address_is_ipv4(&p->address) || p->length < 96)
			continue;
		if (g->excluded_count == NR_WORLD_EXCLUDE_MAX)
			return nr_fail(error, -EINVAL,
				"--dark and --own: more than %zu prefixes; give fewer, shorter ones",
				NR_WORLD_EXCLUDE_MAX - NR_COUNT(special));
		exclude(g, (struct nr_world_range){nr_address_ipv4(&p->address), (uint8_t)(p->length - 96)});
	}
	return 0;
}

static int lay_out_usable(struct nr_geography *g, const struct nr_prefixes *dark,
	const struct nr_prefixes *own, struct nr_error *error)
{
	memset(g->usable, 0xff, sizeof g->usable);
	for (size_t i = 0; i < NR_COUNT(special); i++)
		exclude(g, special[i]);
	int rc = exclude_prefixes(g, dark, error);
	if (!rc)
		rc = exclude_prefixes(g, own, error);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < NR_COUNT(g->usable_list); i++)
		if (nr_geography_usable(g, i << 16))
			g->usable_list[g->usable_count++] = (uint16_t)i;
	if (g->usable_count < USABLE_MIN)
		return nr_fail(error, -EINVAL,
			"--dark and --own leave too few addresses for sources; give shorter ranges");
	return 0;
}

static uint32_t total_weight(void)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < NR_COUNT(nr_world_countries); i++)
		sum += nr_world_countries[i].weight;
	return sum;
}

unsigned nr_geography_draw_country(struct nr_random *random)
{
	uint32_t at = (uint32_t)nr_random_below(random, total_weight());
	unsigned country = 0;
	while (at >= nr_world_countries[country].weight)
		at -= nr_world_countries[country++].weight;
	return country;
}

/* Every country gets three networks, the rest are spread by weight. */
static void found_networks(struct nr_geography *g, struct nr_random *random)
{
	for (unsigned i = 0; i < NR_WORLD_NETWORKS; i++) {
		struct nr_world_network *n = &g->networks[i];
		n->asn = NR_WORLD_FIRST_ASN + i;
		n->country =
			(uint8_t)(i < 3 * NR_COUNT(nr_world_countries) ? i % NR_COUNT(nr_world_countries)
								       : nr_geography_draw_country(random));
		snprintf(n->name, sizeof n->name, "WORLD-NET-%02u", i);
	}
}

static void add_block(struct nr_geography *g, struct nr_random *random, uint32_t base, uint8_t length)
{
	/* Halves go on splitting with the same chance, so all sizes occur. */
	if (length < 20 && nr_random_below(random, 100) < 52) {
		add_block(g, random, base, (uint8_t)(length + 1));
		add_block(g, random, base | UINT32_C(1) << (31 - length), (uint8_t)(length + 1));
		return;
	}
	g->blocks[g->block_count++] =
		(struct nr_world_block){base, length, (uint16_t)nr_random_below(random, NR_WORLD_NETWORKS)};
}

#define BLOCKS_MAX (1u << 20)

static int cut_blocks(struct nr_geography *g, struct nr_random *random)
{
	g->blocks = malloc(BLOCKS_MAX * sizeof *g->blocks);
	if (!g->blocks)
		return -ENOMEM;
	for (uint32_t i = 0x010; i < 0xe00; i++) { /* 1.0.0.0 to 223.255.255.255 by /12 */
		uint32_t octet = i >> 4;
		if (octet != 10 && octet != 127)
			add_block(g, random, i << 20, 12);
	}
	void *shrunk = realloc(g->blocks, g->block_count * sizeof *g->blocks);
	if (shrunk)
		g->blocks = shrunk;
	return 0;
}

static unsigned block_country(const struct nr_geography *g, size_t block)
{
	return g->networks[g->blocks[block].network].country;
}

/* Groups by counting sort. Blocks without a usable /16 are left out: nobody lives there. */
static int group_by_country(struct nr_geography *g)
{
	size_t countries = NR_COUNT(nr_world_countries);
	g->by_country = malloc(g->block_count * sizeof *g->by_country);
	g->country_first = calloc(countries + 2, sizeof *g->country_first);
	if (!g->by_country || !g->country_first)
		return -ENOMEM;
	for (size_t i = 0; i < g->block_count; i++)
		if (nr_geography_usable(g, g->blocks[i].base))
			g->country_first[block_country(g, i) + 2]++;
	for (size_t c = 2; c < countries + 2; c++)
		g->country_first[c] += g->country_first[c - 1];
	for (size_t i = 0; i < g->block_count; i++)
		if (nr_geography_usable(g, g->blocks[i].base))
			g->by_country[g->country_first[block_country(g, i) + 1]++] = (uint32_t)i;
	return 0;
}

uint32_t nr_geography_draw_address(const struct nr_geography *g, struct nr_random *random, unsigned country)
{
	uint32_t first = g->country_first[country], count = g->country_first[country + 1] - first;
	for (unsigned attempt = 0; count > 0 && attempt < 64; attempt++) {
		const struct nr_world_block *b =
			&g->blocks[g->by_country[first + nr_random_below(random, count)]];
		uint32_t address = b->base | ((uint32_t)nr_random_next(random) & ~range_mask(b->length));
		uint8_t last = (uint8_t)address;
		if (nr_geography_usable(g, address) && last != 0 && last != 255)
			return address;
	}
	for (;;) { /* a country that own and dark have swallowed: anywhere */
		uint32_t address = (uint32_t)nr_random_next(random);
		if (nr_geography_usable(g, address))
			return address;
	}
}

const struct nr_world_block *nr_geography_find(const struct nr_geography *g, uint32_t address)
{
	for (size_t i = 0; i < g->excluded_count; i++)
		if ((address & range_mask(g->excluded[i].length)) == g->excluded[i].base)
			return NULL;
	size_t low = 0, high = g->block_count; /* the last block with base <= address */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (g->blocks[middle].base <= address)
			low = middle;
		else
			high = middle;
	}
	const struct nr_world_block *b = &g->blocks[low];
	return (address & range_mask(b->length)) == b->base ? b : NULL;
}

const struct nr_world_network *nr_geography_network(
	const struct nr_geography *g, const struct nr_address *address)
{
	const uint8_t *o = address->octets;
	if (nr_address_is_ipv4(address)) {
		const struct nr_world_block *b = nr_geography_find(g, nr_address_ipv4(address));
		return b ? &g->networks[b->network] : NULL;
	}
	unsigned number = (o[2] & 0x0fu) << 8 | o[3];
	if (o[0] != 0x3f || o[1] != 0xff || o[2] & 0xf0 || number >= NR_WORLD_IPV6_OWNED)
		return NULL;
	return &g->networks[number % NR_WORLD_NETWORKS];
}

int nr_geography_new(uint64_t seed, const struct nr_prefixes *dark, const struct nr_prefixes *own,
	struct nr_geography **ret_geography, struct nr_error *error)
{
	NR_AUTO(nr_geography_freep) struct nr_geography *g = calloc(1, sizeof *g);
	if (!g)
		return nr_fail(error, -ENOMEM, "world: out of memory");
	int rc = lay_out_usable(g, dark, own, error);
	if (rc)
		return rc;
	struct nr_random random = nr_random_stream(seed, "geography");
	found_networks(g, &random);
	if (cut_blocks(g, &random) || group_by_country(g))
		return nr_fail(error, -ENOMEM, "world: out of memory");
	*ret_geography = nr_steal(&g);
	return 0;
}

void nr_geography_free(struct nr_geography *g)
{
	if (!g)
		return;
	free(g->blocks);
	free(g->by_country);
	free(g->country_first);
	free(g);
}

void nr_geography_freep(struct nr_geography **g)
{
	nr_geography_free(*g);
}
