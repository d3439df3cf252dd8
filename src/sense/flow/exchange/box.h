/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's box: a folder for each day, FOLDER/2026-11-23/, with N.offer of each party as it has come
 * in, then N.reply. What is not whole yet is N.part. Letters are answered by one thread at a time, while
 * another joins days and erases old ones; a lock keeps an offer from coming in while its day is joined.
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_BOX_H
#define NR_SENSE_FLOW_EXCHANGE_BOX_H

#include "base/crew.h"
#include "sense/flow/exchange/join.h"
#include "sense/flow/exchange/letter.h"

struct nr_exchange_box;
int nr_exchange_box_open(const char *folder, const struct nr_exchange_group *group,
	struct nr_exchange_box **ret_box, struct nr_error *error);
void nr_exchange_box_close(struct nr_exchange_box *box); /* NULL allowed */
void nr_exchange_box_closep(struct nr_exchange_box **box);

/* Answers one letter. *ret_bytes (the caller's) is NULL where there is nothing to say but yes. -EBADMSG,
 * -EKEYREJECTED, -ETIME as nr_exchange_letter_read(); -ERANGE: a part that an offer does not have; -ESTALE: a
 * day whose time is over or has not come; -EEXIST: that offer is there already, or its day was joined;
 * -ENOENT: the reply is not there yet. */
int nr_exchange_box_answer(struct nr_exchange_box *box, const uint8_t *letter, size_t length, nr_time now,
	uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error);

/* Joins one day that has all offers, or has the threshold's `wait` after its end, and no replies yet.
 * -EAGAIN: there is none. */
int nr_exchange_box_join(struct nr_exchange_box *box, EVP_PKEY *key, struct nr_crew *crew, nr_time wait,
	nr_time now, struct nr_exchange_joined *ret_joined, struct nr_error *error);
/* Removes days that are older than the group keeps them. */
int nr_exchange_box_erase(
	struct nr_exchange_box *box, nr_time now, uint64_t *ret_files, struct nr_error *error);

#endif
