/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/traffic_inside.h"

#include <errno.h>

int nr_flow_places_init(
	struct nr_flow_places *places, const char *mmdb, const char *as_mmdb, struct nr_error *error)
{
	const char *const paths[] = {mmdb, as_mmdb};
	for (size_t i = 0; i < NR_COUNT(paths); i++) {
		int e = paths[i] ? nr_origin_open(&places->origin, paths[i], error) : 0;
		if (e)
			return e;
	}
	if (!places->origin.count)
		return 0;
	places->found = calloc(NR_FLOW_PLACES, sizeof *places->found);
	places->names = calloc(NR_FLOW_AS_NAMES * 2, sizeof *places->names);
	return places->found && places->names ? 0 : nr_fail(error, -ENOMEM, "out of memory");
}

void nr_flow_places_fini(struct nr_flow_places *places)
{
	nr_origin_close(&places->origin);
	free(places->found);
	free(places->names);
}

static struct nr_flow_as *name_of(const struct nr_flow_places *places, uint32_t asn)
{
	uint32_t mask = NR_FLOW_AS_NAMES * 2 - 1, at = asn * UINT32_C(2654435761) >> 8 & mask;
	while (places->names[at].asn && places->names[at].asn != asn)
		at = (at + 1) & mask;
	return &places->names[at];
}

static void keep_name(struct nr_flow_places *places, const struct nr_place *place)
{
	struct nr_flow_as *as = place->asn ? name_of(places, place->asn) : NULL;
	if (!as || as->asn || places->name_count == NR_FLOW_AS_NAMES)
		return;
	as->asn = place->asn;
	snprintf(as->name, sizeof as->name, "%s", place->as_name);
	places->name_count++;
}

const char *nr_flow_places_as(const struct nr_flow_places *places, uint32_t asn)
{
	return places->names && asn ? name_of(places, asn)->name : "";
}

struct nr_flow_place nr_flow_places_find(struct nr_flow_places *places, uint64_t high, uint64_t low)
{
	if (!places->found)
		return (struct nr_flow_place){0};
	uint64_t mixed = (high ^ (low * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);
	struct nr_flow_place *place = &places->found[mixed >> 48];
	if (place->known && place->high == high && place->low == low)
		return *place;
	struct nr_address address;
	struct nr_place found;
	uint64_t octets[2] = {__builtin_bswap64(high), __builtin_bswap64(low)};
	memcpy(address.octets, octets, sizeof address.octets);
	nr_origin_find(&places->origin, &address, &found);
	keep_name(places, &found);
	*place = (struct nr_flow_place){.high = high, .low = low, .asn = found.asn, .known = true};
	place->country = (uint16_t)((uint8_t)found.country[0] << 8 | (uint8_t)found.country[1]);
	return *place;
}
