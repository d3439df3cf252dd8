/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NR_SENSE_TELESCOPE_MEMBER_SET_H
#define NR_SENSE_TELESCOPE_MEMBER_SET_H

#include "base/error.h"

/* A small set of members: open addressing behind a bitmap that answers the common "no". */
struct nr_member_set {
	uint64_t bitmap[1024]; /* 64 Ki bits */
	uint64_t *members;     /* owned; value + 1, 0 = empty */
	uint32_t *values;      /* owned */
	size_t capacity, count;
	uint64_t key; /* random: members are chosen by strangers, and many are looked up */
};
int nr_member_set_init(struct nr_member_set *set, size_t expected, struct nr_error *error);
void nr_member_set_fini(struct nr_member_set *set);
void nr_member_set_add(struct nr_member_set *set, uint64_t member, uint32_t value);
uint32_t nr_member_set_find(const struct nr_member_set *set, uint64_t member); /* UINT32_MAX: not in it */

#endif
