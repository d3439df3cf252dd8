/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier's offer: tables in which each of its candidates, and made-up ones up to the group's size, has
 * shares at its places; every other place holds noise. Without the carriers' secret one cannot be told from
 * the other, and the file's size is the group's, whatever was found.
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_OFFER_H
#define NR_SENSE_FLOW_EXCHANGE_OFFER_H

#include "base/crew.h"
#include "sense/flow/exchange/form.h"
#include "sense/flow/exchange/place.h"

struct nr_exchange_offer_conf {
	const struct nr_exchange_group *group;
	const struct nr_exchange_secret *secret; /* moved to the day */
	unsigned party;
	EVP_PKEY *key;
	struct nr_crew *crew; /* NULL: this thread alone */
	/* Called when the whole offer is written and before it appears under its name; NULL allowed. Not 0:
	 * it does not appear. */
	int (*before)(void *context, struct nr_error *error);
	void *context;
};
/* Candidates: settled, no more than the group's. Memory: 16 bytes a candidate of a set, and for each member
 * of the crew 20 bytes a candidate and 18 a bin. */
int nr_exchange_offer_make(const struct nr_exchange_offer_conf *conf,
	const struct nr_exchange_candidates *candidates, const char *path,
	uint8_t ret_digest[static NR_EXCHANGE_DIGEST_BYTES], struct nr_error *error);

#endif
