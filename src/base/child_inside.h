/* SPDX-License-Identifier: Apache-2.0 */
/* Inside child*.c: what nursery and keeper say to each other. */
#ifndef NR_BASE_CHILD_INSIDE_H
#define NR_BASE_CHILD_INSIDE_H

#include "base/child.h"

struct nr_nursery_order_message {
	uint32_t order, index;
};

/* The nursery's answer to its start: a code and words. */
struct nr_nursery_ready {
	int32_t code;
	char text[240];
};

/* Ends when this process's parent ends; -ESRCH: it has. Lost when rights are given up: call it again. */
int nr_child_bind_to_parent(pid_t parent);

/* The nursery's life, in its own process; answers its exit status. */
int nr_nursery_main(const struct nr_nursery_conf *conf, int keeper, pid_t keeper_pid);

#endif
