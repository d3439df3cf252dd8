/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of address a network holds (IANA special-purpose registries, RFC 6890). */
#include "sense/flow/probe/allow.h"

struct special {
	const char *prefix;
	enum nr_probe_place place;
};

/* The first that holds it; a network that holds a part of one of them is public, so that only a target inside
 * names it. */
static const struct special specials[] = {
	{"127.0.0.0/8", NR_PROBE_LOOPBACK},
	{"::1/128", NR_PROBE_LOOPBACK},
	{"10.0.0.0/8", NR_PROBE_PRIVATE},
	{"172.16.0.0/12", NR_PROBE_PRIVATE},
	{"192.168.0.0/16", NR_PROBE_PRIVATE},
	{"100.64.0.0/10", NR_PROBE_PRIVATE},
	{"169.254.0.0/16", NR_PROBE_PRIVATE},
	{"192.0.0.0/24", NR_PROBE_PRIVATE},
	{"192.0.2.0/24", NR_PROBE_PRIVATE}, /* documentation and benchmarks: laboratories have them */
	{"198.51.100.0/24", NR_PROBE_PRIVATE},
	{"203.0.113.0/24", NR_PROBE_PRIVATE},
	{"198.18.0.0/15", NR_PROBE_PRIVATE},
	{"fc00::/7", NR_PROBE_PRIVATE},
	{"fe80::/10", NR_PROBE_PRIVATE},
	{"2001:db8::/32", NR_PROBE_PRIVATE},
	{"0.0.0.0/8", NR_PROBE_NO_HOST},
	{"224.0.0.0/4", NR_PROBE_NO_HOST},
	{"240.0.0.0/4", NR_PROBE_NO_HOST},
	{"ff00::/8", NR_PROBE_NO_HOST},
	{"100::/64", NR_PROBE_NO_HOST}, /* pseudonyms (sense/flow/law) */
	{"::/128", NR_PROBE_NO_HOST},
	{"64:ff9b::/96", NR_PROBE_NO_HOST}, /* IPv4 in disguise */
	{"2002::/16", NR_PROBE_NO_HOST},
};

static bool holds(const struct nr_prefix *outer, const struct nr_prefix *inner)
{
	return outer->length <= inner->length && nr_prefix_contains(outer, &inner->address);
}

enum nr_probe_place nr_probe_place_of(const struct nr_prefix *prefix, const struct nr_prefixes *own)
{
	struct nr_prefix special;
	enum nr_probe_place place = NR_PROBE_PUBLIC;
	for (size_t i = 0; i < NR_COUNT(specials) && place == NR_PROBE_PUBLIC; i++)
		if (nr_prefix_parse(specials[i].prefix, &special, NULL) == 0 && holds(&special, prefix))
			place = specials[i].place;
	for (size_t i = 0; i < own->count && place != NR_PROBE_NO_HOST && place != NR_PROBE_LOOPBACK; i++)
		if (holds(&own->items[i], prefix))
			return NR_PROBE_OWN;
	return place;
}
