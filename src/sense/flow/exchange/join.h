/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector: which places hold shares of one element in as many offers as the group's threshold says. It
 * learns where, and whose; what stands there is the carriers'. Offers are read once, block by block; nothing
 * is answered unless all of them are whole and signed.
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_JOIN_H
#define NR_SENSE_FLOW_EXCHANGE_JOIN_H

#include "base/crew.h"
#include "sense/flow/exchange/form.h"

struct nr_exchange_join_conf {
	const struct nr_exchange_group *group;
	EVP_PKEY *key;          /* the collector's */
	int32_t oldest, newest; /* days of which offers are taken */
	struct nr_crew *crew;
	const char *const *paths; /* offers, of any order */
	size_t count;
	const char *folder; /* replies are FOLDER/PARTY.reply, for those who made an offer */
};
struct nr_exchange_joined {
	int32_t day;
	uint16_t present;
	uint64_t places;                           /* in which threshold and more meet */
	uint64_t records[NR_EXCHANGE_PARTIES_MAX]; /* in each reply */
	uint8_t digests[NR_EXCHANGE_PARTIES_MAX][NR_EXCHANGE_DIGEST_BYTES]; /* of offers */
	uint8_t replies[NR_EXCHANGE_PARTIES_MAX][NR_EXCHANGE_DIGEST_BYTES];
};
/* -EBADMSG: an offer that is none, of another group, day or party, cut short, or there twice. -EKEYREJECTED:
 * not signed by its party. -ESTALE: of another day than are taken. -EINVAL: fewer than the threshold. -E2BIG:
 * more places meet than can be kept (NR_EXCHANGE_PLACES_MAX). */
#define NR_EXCHANGE_PLACES_MAX (UINT64_C(1) << 26)
int nr_exchange_join(const struct nr_exchange_join_conf *conf, struct nr_exchange_joined *ret_joined,
	struct nr_error *error);

#endif
