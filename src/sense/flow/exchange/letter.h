/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a carrier asks of the collector's server, each letter with its signature: a part of an offer, that the
 * offer is whole, or a part of the reply. The collector answers nobody else.
 *
 *	"noroshi letter 1" | group 32 | kind 2 | party 2 | day 4 | offset 8 | time 8 | data | signature 64
 *
 * (little-endian; the time in microseconds). A letter is good for NR_EXCHANGE_LETTER_LIFE: who records one on
 * the way can ask again with it so long, and gets what is masked.
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_LETTER_H
#define NR_SENSE_FLOW_EXCHANGE_LETTER_H

#include "sense/flow/exchange/form.h"

#define NR_EXCHANGE_PART_BYTES   ((size_t)4 << 20) /* of a file that travel at once */
#define NR_EXCHANGE_LETTER_BYTES 72                /* in front of the data */
#define NR_EXCHANGE_LETTER_MAX                                                                               \
	(NR_EXCHANGE_LETTER_BYTES + NR_EXCHANGE_PART_BYTES + NR_EXCHANGE_SIGNATURE_BYTES)
#define NR_EXCHANGE_LETTER_LIFE (15 * NR_MINUTE) /* both ways: clocks differ */
#define NR_EXCHANGE_LETTER_PATH "/exchange"

enum nr_exchange_letter_kind {
	NR_EXCHANGE_LETTER_PART = 1, /* data: what stands at the offset; a whole part, or the last one */
	NR_EXCHANGE_LETTER_WHOLE,    /* all parts have been sent */
	NR_EXCHANGE_LETTER_ASK,      /* answered by the reply's length, 8 bytes, and its part at the offset */
	NR_EXCHANGE_LETTER_KINDS
};
struct nr_exchange_letter {
	enum nr_exchange_letter_kind kind;
	unsigned party;
	int32_t day;
	uint64_t offset;
	nr_time time;
	const uint8_t *data;
	size_t length;
};
/* *ret_bytes is the caller's. */
int nr_exchange_letter_write(const struct nr_exchange_group *group, const struct nr_exchange_letter *letter,
	EVP_PKEY *key, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error);
/* Data point into bytes. -EBADMSG: no letter, or another group's. -EKEYREJECTED: not signed by its party.
 * -ETIME: written too long ago, or by a clock that is ahead. */
int nr_exchange_letter_read(const struct nr_exchange_group *group, const uint8_t *bytes, size_t length,
	nr_time now, struct nr_exchange_letter *ret_letter, struct nr_error *error);

#endif
