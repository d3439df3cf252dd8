/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crypto-PAn (Xu, Fan, Ammar, Moon: Prefix-Preserving IP Address Anonymization, 2002): two addresses that
 * share their first n bits share exactly the first n bits afterwards, too. Same results as the authors'
 * program. What it does not hide: which addresses are neighbours, and how many there are; and whoever can
 * make packets appear in what is published can learn what their addresses became (docs/guide/exports.md).
 *
 * One thread.
 */
#ifndef NR_BASE_CRYPTOPAN_H
#define NR_BASE_CRYPTOPAN_H

#include "base/address.h"

#define NR_CRYPTOPAN_KEY 32 /* bytes: 16 of AES-128, 16 of which the padding is made */

struct nr_cryptopan; /* opaque; owned by the caller */

int nr_cryptopan_new(const uint8_t key[static NR_CRYPTOPAN_KEY], struct nr_cryptopan **ret_cryptopan,
	struct nr_error *error);
void nr_cryptopan_free(struct nr_cryptopan *cryptopan);
void nr_cryptopan_freep(struct nr_cryptopan **cryptopan);

/* IPv4 by 32 bits, IPv6 by 128. Cannot fail. */
struct nr_address nr_cryptopan_map(struct nr_cryptopan *cryptopan, const struct nr_address *address);

#endif
