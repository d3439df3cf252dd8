/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up what root may do. Whoever was started as root becomes another user; whoever has capabilities
 * (a service manager's, a file's) loses them. There is no way back.
 */
#ifndef NR_BASE_RIGHTS_H
#define NR_BASE_RIGHTS_H

#include "base/error.h"

#include <sys/types.h>

struct nr_rights {
	uid_t user;
	gid_t group;
	bool change;   /* false: the process has no rights over other users; only capabilities are given up */
	char name[64]; /* of the user; its number where it has no name */
};

/* Who to become. name: of a user; NULL: the owner of folder (so that what is written there is its owner's),
 * "nobody" where that is root. Without root nothing is changed, and another name than the own is -EPERM. */
int nr_rights_find(
	const char *name, const char *folder, struct nr_rights *ret_rights, struct nr_error *error);

/* Whether that user may make files in folder; else one line that says what to do. */
int nr_rights_check_folder(const struct nr_rights *rights, const char *folder, struct nr_error *error);

/* Before the first thread. */
int nr_rights_drop(const struct nr_rights *rights, struct nr_error *error);

/* What is in the memory of this process, and of children made from now on, goes into no core file, and is
 * not shown to other processes of the same user. For those who hold keys or what must not be kept. */
void nr_rights_hide_memory(void);

#endif
