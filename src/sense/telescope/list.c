/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/list.h"

#include <string.h>

#define NR_LIST_START 64

void *nr_list_grow(void **items, size_t *count, size_t *room, uint64_t *beyond, size_t size)
{
	if (*count == *room) {
		size_t more = *room ? *room * 2 : NR_LIST_START;
		void *grown = more / 2 > NR_KEPT_MAX ? NULL : realloc(*items, more * size);
		if (!grown) {
			++*beyond;
			return NULL;
		}
		*items = grown;
		*room = more;
	}
	void *item = (uint8_t *)*items + (*count)++ * size;
	memset(item, 0, size);
	return item;
}
