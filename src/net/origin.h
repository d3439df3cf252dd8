/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Country and autonomous system of an address from MMDB files (MaxMind DB format), one or two: country and AS
 * may stand in the same file or in two.
 */
#ifndef NR_NET_ORIGIN_H
#define NR_NET_ORIGIN_H

#include "base/address.h"
#include <maxminddb.h>

struct nr_origin {
	MMDB_s databases[2];
	size_t count; /* 0: none given; every answer is unknown */
};

struct nr_place {
	char country[4];   /* ISO 3166-1 alpha-2, "" unknown */
	char continent[4]; /* AF, AN, AS, EU, NA, OC, SA; "" unknown */
	uint32_t asn;      /* 0 unknown */
	char as_name[64];
};

int nr_origin_open(struct nr_origin *origin, const char *path, struct nr_error *error);
void nr_origin_close(struct nr_origin *origin);
void nr_origin_find(
	const struct nr_origin *origin, const struct nr_address *address, struct nr_place *ret_place);

#endif
