/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that parse what strangers send, and the small one that holds for them what must outlive them.
 *
 *	keeper --+-- nursery --+-- child 0
 *	                       +-- child 1 ...
 *
 * The nursery is forked from the keeper before it has threads, and has none itself. It opens with the rights
 * of the program's start what the children need (capture rings), gives the rights up, and then only forks:
 * a child starts as a copy of it with everything open and read, and can at once close the door behind itself
 * (sandbox.h). A child that dies is forked again; a reload forks a successor.
 *
 * Nobody outlives the keeper: whose parent ends is killed by the kernel. SIGINT and SIGTERM mean nothing to
 * the nursery and its children, because a terminal and some supervisors send them to all: the keeper asks.
 */
#ifndef NR_BASE_CHILD_H
#define NR_BASE_CHILD_H

#include "base/time.h"

#include <signal.h>

#define NR_CHILDREN_MAX 16

/* How soon a dead child is forked again. The first time at once; then after 1 s, 2 s, ... 30 s while it dies
 * young. One that was killed from outside (SIGKILL) is not to blame: at once, or after 1 s. */
#define NR_CHILD_SOUND     (10 * NR_SECOND) /* a life that long forgives earlier deaths */
#define NR_CHILD_DELAY     NR_SECOND
#define NR_CHILD_DELAY_MAX (30 * NR_SECOND)
#define NR_CHILD_DEATHS    2 /* young deaths in a row after which what it left is discarded */
/* What a child may take to do as it was told before it is killed. */
#define NR_CHILD_HAND_OVER (10 * NR_SECOND)
#define NR_CHILD_PREPARE   (10 * NR_SECOND) /* to read a configuration again */
#define NR_CHILD_FINISH    (60 * NR_SECOND)
#define NR_CHILD_LOST      3 /* exit status of one that ended by -ENODEV */

/* What a child is asked for; it looks at nr_child_asked() about once a second or oftener. */
enum nr_child_order {
	NR_CHILD_WORK,
	NR_CHILD_LEAVE, /* leave everything as it is to the successor, and end */
	NR_CHILD_END,   /* bring it to an end: nobody comes after you */
};

struct nr_child_start {
	unsigned index;
	unsigned before; /* how many were started before it */
	int socket;      /* nonblocking stream to the keeper; the child's to close */
	bool fresh;      /* what the predecessor left has killed: do not use it */
};

/* One kind of work. Every function but run() is called in the nursery, in this order. */
struct nr_child {
	const char *name; /* for messages */
	void *context;
	/* With the rights of the program's start. NULL: nothing. */
	int (*open)(void *context, struct nr_error *error);
	/* Reads configuration and what it names; again: it was read before, and on failure what was read
	 * before must stay usable. Tried in a process that is thrown away first. NULL: nothing. */
	int (*prepare)(void *context, bool again, struct nr_error *error);
	/* Opens what does not need rights; prepare() is done. NULL: nothing. */
	int (*hold)(void *context, struct nr_error *error);
	/* In a process of its own. 0 or -errno is how it ended; -ENODEV: what open() opened is gone for good,
	 * it is not started again. */
	int (*run)(void *context, const struct nr_child_start *start, struct nr_error *error);
	/* NULL: run() does what NR_CHILD_END asks for. Else run() is asked to leave instead, and this is
	 * called in a further process, after it: to bring a copy of what it left to an end. */
	int (*finish)(void *context, const struct nr_child_start *start, struct nr_error *error);
	/* It ended in order after NR_CHILD_END: what was held is not needed any more. NULL: nothing. */
	void (*end)(void *context);
};

/* In a child: what it is asked for. Any thread. */
enum nr_child_order nr_child_asked(void);
/* The same to look at: not 0 when there is something else to do than to work. */
const volatile sig_atomic_t *nr_child_asked_flag(void);

struct nr_nursery_conf {
	const struct nr_child *children;
	size_t count;
	/* Gives up the rights; NULL: nothing. */
	int (*drop)(void *context, struct nr_error *error);
	void *drop_context;
};

struct nr_nursery; /* the keeper's end */

/* Call before the first thread. Waits until all children's things are open, read and held; no child runs yet.
 */
int nr_nursery_start(
	const struct nr_nursery_conf *conf, struct nr_nursery **ret_nursery, struct nr_error *error);
/* Kills what is left. */
void nr_nursery_free(struct nr_nursery *nursery);
void nr_nursery_freep(struct nr_nursery **nursery);

enum nr_nursery_order {
	NR_NURSERY_GO = 1, /* fork the children */
	NR_NURSERY_RELOAD, /* prepare again, then replace every child by a successor */
	NR_NURSERY_END,    /* end the children in order, then yourself */
	NR_NURSERY_KILL,   /* kill child `index`, whose fault it is; it starts again as after any death */
};
int nr_nursery_ask(
	struct nr_nursery *nursery, enum nr_nursery_order order, unsigned index, struct nr_error *error);

enum nr_child_what {
	NR_CHILD_STARTED = 1, /* socket: the keeper's end of the stream */
	NR_CHILD_ENDED,       /* status: as of wait(2); delay: until it starts again, NR_TIME_MAX: never */
	NR_CHILD_RELOADED,    /* the new configuration is in force from the next start on */
	NR_CHILD_REFUSED,     /* text: why the new configuration is not; the old one stays */
};

struct nr_child_event {
	uint32_t what, index;
	int32_t pid, status;
	nr_time time, delay;
	bool asked;   /* ENDED: as it was asked to */
	bool discard; /* ENDED: it will start afresh. STARTED: it does */
	char text[240];
};

int nr_nursery_socket(const struct nr_nursery *nursery); /* readable: there is news */
/* 1 and *ret_event, *ret_socket (-1: none; else the caller's); 0: no news; -EPIPE: the nursery has ended. */
int nr_nursery_next(struct nr_nursery *nursery, struct nr_child_event *ret_event, int *ret_socket);

#endif
