/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One address type: 16 bytes in network order, IPv4 as v4-mapped IPv6 (RFC 4291, 2.5.5.2). Same bytes in
 * memory, in the store and (FixedString(16)) in ClickHouse.
 */
#ifndef NR_BASE_ADDRESS_H
#define NR_BASE_ADDRESS_H

#include "base/error.h"
#include <string.h>

struct nr_address {
	uint8_t octets[16];
};

struct nr_prefix {
	struct nr_address address; /* host bits are zero */
	uint8_t length;            /* 0..128; IPv4 /n is 96 + n */
};

#define NR_ADDRESS_TEXT 48 /* bytes that hold any printed address or prefix with its NUL */

NR_INLINE struct nr_address nr_address_from_ipv4(uint32_t host_order)
{
	uint32_t n = __builtin_bswap32(host_order);
	struct nr_address a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
	memcpy(a.octets + 12, &n, 4);
	return a;
}

NR_INLINE bool nr_address_is_ipv4(const struct nr_address *a)
{
	uint64_t high;
	uint32_t middle;
	memcpy(&high, a->octets, 8);
	memcpy(&middle, a->octets + 8, 4);
	return high == 0 && middle == __builtin_bswap32(0xffff);
}

/* Host order; meaningful only where nr_address_is_ipv4(). */
NR_INLINE uint32_t nr_address_ipv4(const struct nr_address *a)
{
	uint32_t n;
	memcpy(&n, a->octets + 12, 4);
	return __builtin_bswap32(n);
}

NR_INLINE bool nr_address_equal(const struct nr_address *a, const struct nr_address *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* Dotted quad or RFC 5952 text. */
const char *nr_address_write(const struct nr_address *a, char text[static NR_ADDRESS_TEXT]);
int nr_address_parse(const char *text, struct nr_address *ret_address, struct nr_error *error);

/* "192.0.2.0/24", "2001:db8::/32"; without "/len" a host. Host bits set beyond the length are an error that
 * names the fix. */
int nr_prefix_parse(const char *text, struct nr_prefix *ret_prefix, struct nr_error *error);
const char *nr_prefix_write(const struct nr_prefix *p, char text[static NR_ADDRESS_TEXT]);
bool nr_prefix_contains(const struct nr_prefix *p, const struct nr_address *a);

#endif
