/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded growing lists of plain structs, for what is judged and kept: scanners, campaigns, victims,
 * findings.
 */
#ifndef NR_SENSE_TELESCOPE_LIST_H
#define NR_SENSE_TELESCOPE_LIST_H

#include "base/base.h"

#define NR_KEPT_MAX 100000 /* findings, scanners, campaigns in the report of one run; more are counted */

#define NR_LIST(type)                                                                                        \
	struct {                                                                                             \
		type *items;                                                                                 \
		size_t count, room;                                                                          \
		uint64_t beyond;                                                                             \
		size_t most; /* items; 0: NR_KEPT_MAX */                                                     \
	}

/* Room for one more item at the end of a list, zeroed; NULL: the list is full or memory ran out (counted in
 * beyond). */
#define nr_list_add(list)                                                                                    \
	(__typeof__((list)->items))nr_list_grow((void **)&(list)->items, &(list)->count, &(list)->room,      \
		&(list)->beyond, sizeof *(list)->items)
/* The same for an NR_LIST, which has a limit of its own. */
#define nr_kept_add(list)                                                                                    \
	((list)->most && (list)->count >= (list)->most ? ((list)->beyond++, (__typeof__((list)->items))NULL) \
						       : nr_list_add(list))
void *nr_list_grow(void **items, size_t *count, size_t *room, uint64_t *beyond, size_t size);

#endif
