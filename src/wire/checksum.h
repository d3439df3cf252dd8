/* SPDX-License-Identifier: Apache-2.0 */
/* The Internet checksum (RFC 1071). */
#ifndef NR_WIRE_CHECKSUM_H
#define NR_WIRE_CHECKSUM_H

#include "base/base.h"

/* Sum of the 16-bit words in network order, an odd last byte padded with zero; goes on from sum. */
NR_INLINE uint64_t nr_checksum_add(uint64_t sum, const uint8_t *p, size_t length)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return length & 1 ? sum + ((uint32_t)p[length - 1] << 8) : sum;
}

NR_INLINE uint16_t nr_checksum_finish(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

#endif
