/* SPDX-License-Identifier: Apache-2.0 */
/* Inside traffic*.c: traffic.c sums, traffic_rows.c hands over, traffic_places.c says where addresses are. */
#ifndef NR_SENSE_FLOW_TRAFFIC_INSIDE_H
#define NR_SENSE_FLOW_TRAFFIC_INSIDE_H

#include "net/origin.h"
#include "sense/flow/traffic.h"
#include "sense/flow/traffic_sums.h"

#define NR_FLOW_STEP        300
#define NR_FLOW_TOP_SHORT   100 /* keys with rows of their own, of each list and 5 minutes */
#define NR_FLOW_TOP_LONG    200 /* of hours and days */
#define NR_FLOW_OPEN        4   /* windows of 5 minutes that are open at once */
#define NR_FLOW_EXPORTERS   4096
#define NR_FLOW_PLACES      65536 /* addresses that are looked up once */
#define NR_FLOW_AS_NAMES    16384
#define NR_FLOW_NO_EXPORTER UINT32_MAX

enum nr_flow_dimension {
	NR_FLOW_DIMENSION_ALL,
	NR_FLOW_DIMENSION_SERVICE, /* protocol << 16 | port */
	NR_FLOW_DIMENSION_AS,      /* number */
	NR_FLOW_DIMENSION_SOURCE_AS,
	NR_FLOW_DIMENSION_DESTINATION_AS,
	NR_FLOW_DIMENSION_COUNTRY,  /* two letters */
	NR_FLOW_DIMENSION_EXPORTER, /* index */
	NR_FLOW_DIMENSIONS
};
extern const char *const nr_flow_dimension_names[NR_FLOW_DIMENSIONS];

NR_INLINE bool nr_flow_has_ports(uint8_t protocol)
{
	return protocol == 6 || protocol == 17 || protocol == 132 || protocol == 33 || protocol == 136;
}

struct nr_flow_window {
	bool open;
	nr_time start;
	struct nr_flow_sums sums[NR_FLOW_DIMENSIONS];
};

struct nr_flow_place {
	uint64_t high, low;
	uint32_t asn;
	uint16_t country; /* two letters; 0: not known */
	bool known;
};
struct nr_flow_places {
	struct nr_origin origin;
	struct nr_flow_place *found; /* owned, NULL without databases: one for each hash of an address */
	struct nr_flow_as {
		uint32_t asn;
		char name[64];
	} * names; /* owned: by hash of the number, open addressing */
	uint32_t name_count;
};
int nr_flow_places_init(
	struct nr_flow_places *places, const char *mmdb, const char *as_mmdb, struct nr_error *error);
void nr_flow_places_fini(struct nr_flow_places *places);
/* All zero: not known. */
struct nr_flow_place nr_flow_places_find(struct nr_flow_places *places, uint64_t high, uint64_t low);
const char *nr_flow_places_as(const struct nr_flow_places *places, uint32_t asn); /* "": not known */

struct nr_flow_traffic {
	char sensor[64];
	int64_t session;
	struct nr_flow_places places;
	struct nr_flow_window windows[NR_FLOW_OPEN];
	struct nr_flow_window hours[2], days[2];
	struct nr_flow_stream *exporters; /* owned: NR_FLOW_EXPORTERS */
	uint32_t exporter_count;
	struct nr_flow_traffic_state state;
};

#endif
