/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the flow archive. The thread that has the handle fills blocks; packers turn them into parts and
 * write these, one after the other, to the segment that grows; the settler turns segments that were cut into
 * settled ones. What they share is under `lock`; `writing` orders the writes of packers.
 */
#ifndef NR_STORE_FLOWS_ARCHIVE_INSIDE_H
#define NR_STORE_FLOWS_ARCHIVE_INSIDE_H

#include "store/flows/archive.h"
#include "store/flows/segment.h"

#include <pthread.h>

/* A segment that is not settled. */
struct nr_flow_growth {
	struct nr_flow_growth *next;
	char stem[NR_FLOW_STEM_MAX];
	int file;
	nr_time begin;
	uint64_t end; /* behind its last whole part */
	struct nr_flow_totals totals;
	unsigned users;  /* blocks that wait or are packed, and who syncs */
	bool cut;        /* takes no more */
	bool doomed;     /* is to be erased, not settled */
	bool settling;   /* the settler has it */
	bool unsynced;   /* something was written since the last sync */
	int sync_failed; /* the disk failed: what was written may be lost */
};

struct nr_flow_job {
	struct nr_flow_block *block;
	struct nr_flow_growth *growth;
	bool sync;
};

struct nr_flow_known { /* a settled segment */
	char stem[NR_FLOW_STEM_MAX];
	struct nr_flow_totals totals;
	bool growing; /* for a reader, when it looked */
};

#define NR_FLOW_SPARE_BLOCKS 2 /* more than there are packers */
#define NR_FLOW_PACKERS_MAX  32

struct nr_flow_archive {
	char *folder;
	enum nr_flow_archive_mode mode;
	struct nr_flow_archive_conf conf;
	int lock_file; /* -1: none */

	/* of the thread that has the handle */
	struct nr_flow_block *filling;  /* NULL: none yet */
	struct nr_flow_growth *current; /* which takes it; NULL: none */
	uint64_t refused;
	bool create_failed;
	nr_time synced; /* when the settler was last asked to */

	pthread_mutex_t lock, writing;
	pthread_cond_t changed;
	bool locks_made, stopping;
	pthread_t threads[NR_FLOW_PACKERS_MAX + 1];
	unsigned thread_count;
	struct nr_flow_block *free_blocks[NR_FLOW_PACKERS_MAX + NR_FLOW_SPARE_BLOCKS];
	unsigned free_count, block_count;
	struct nr_flow_job jobs[NR_FLOW_PACKERS_MAX + NR_FLOW_SPARE_BLOCKS];
	unsigned job_first, job_count, busy;
	bool hurry;     /* what is packed next */
	bool paused;    /* the last write failed */
	unsigned stuck; /* packers whose write failed and who wait for the next turn */
	unsigned turn;
	uint64_t erased; /* flows */
	bool sync_wanted;
	struct nr_error trouble; /* the last failure, until somebody was told */
	struct nr_flow_growth *growths;
	struct nr_flow_known *known; /* owned, by stem */
	size_t known_count, known_room;
};

int nr_flow_archive_start(struct nr_flow_archive *a, struct nr_error *error); /* its threads */
void nr_flow_archive_stop(struct nr_flow_archive *a);

void nr_flow_archive_try_again(struct nr_flow_archive *a); /* what could not be written */
/* With the lock held. */
void nr_flow_archive_trouble(struct nr_flow_archive *a, const struct nr_error *error);
int nr_flow_archive_know(
	struct nr_flow_archive *a, const char *stem, const struct nr_flow_totals *totals, bool growing);

/* segment_grow.c */
int nr_flow_growth_new(
	struct nr_flow_archive *a, nr_time begin, struct nr_flow_growth **ret_growth, struct nr_error *error);
int nr_flow_growth_take(struct nr_flow_archive *a, const char *stem, struct nr_flow_growth **ret_growth,
	struct nr_error *error); /* of a dead writer: cut */
void nr_flow_growth_free(struct nr_flow_growth *growth);
int nr_flow_write(int file, const void *bytes, size_t length, uint64_t offset);
int nr_flow_sync_folder(const char *folder, const char *stem, struct nr_error *error); /* stem's day */

/* settle.c: 0: *ret_totals is what it is now, or 0 flows: it had none and is gone. */
int nr_flow_settle(struct nr_flow_archive *a, const struct nr_flow_growth *growth,
	struct nr_flow_totals *ret_totals, struct nr_error *error);
/* Removes the segment's files of all kinds. */
int nr_flow_segment_erase(const char *folder, const char *stem, struct nr_error *error);

/* retain.c */
int nr_flow_archive_erase_older(struct nr_flow_archive *a, nr_time before, struct nr_error *error);
int nr_flow_archive_retain(struct nr_flow_archive *a, nr_time now, struct nr_error *error);

/* What whole parts the file has; bytes: up to the end of the last one. */
int nr_flow_measure(int file, uint64_t size, struct nr_flow_totals *ret_totals);

#endif
