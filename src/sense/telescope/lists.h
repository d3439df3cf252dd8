/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of research scanners: MISP warning lists (type cidr; JSON) or plain text, one prefix a line, #
 * comments.
 */
#ifndef NR_SENSE_TELESCOPE_LISTS_H
#define NR_SENSE_TELESCOPE_LISTS_H

#include "base/prefix_table.h"

#define NR_LIST_FILE_MAX (16u << 20) /* bytes; the largest published list has 45 kB */

struct nr_list {
	char name[96];
	uint64_t version; /* MISP "version"; 0 where there is none */
	size_t entries;
};

struct nr_lists {
	struct nr_prefix_table *table; /* value: index of the list; NULL while no list was read */
	struct nr_list *lists;         /* owned */
	size_t count;
};

/* Adds a file. Errors name file, line or entry, and reason. Call nr_lists_seal() after the last one. */
int nr_lists_read(struct nr_lists *lists, const char *path, struct nr_error *error);
int nr_lists_seal(struct nr_lists *lists, struct nr_error *error);
void nr_lists_fini(struct nr_lists *lists);

#endif
