/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside flow_finder*.c: _day is the looker's calendar, _learn asks what others know, _look finds, _rows
 * writes what was found, _marks sees clients of confirmed servers, _told knows what was said today already.
 */
#ifndef NR_SERVE_FLOW_FINDER_INSIDE_H
#define NR_SERVE_FLOW_FINDER_INSIDE_H

#include "base/prefix_table.h"
#include "sense/flow/c2_tables.h"
#include "sense/flow/detect/judge/verdict.h"
#include "sense/flow/law/law.h"
#include "serve/flow_finder.h"
#include "serve/flow_queue.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- what was told (flow_finder_told.c) ---- */

/* Findings of the day, so that one that is found again stays the same: its `first` is its key. */
#define NR_FLOW_TOLD_MAX 131072 /* findings of a day; more are not told */
struct nr_flow_told_entry {
	struct nr_address subject;
	nr_time first;
	float confidence;
	uint8_t kind; /* enum nr_flow_verdict_kind */
	bool used;
};
struct nr_flow_told {
	pthread_mutex_t lock;
	nr_time day;
	struct nr_flow_told_entry *slots; /* owned; twice NR_FLOW_TOLD_MAX */
	size_t count, alarms;             /* alarms: those that cost of the budget */
	uint64_t key[2], let_go;
};
int nr_flow_told_init(struct nr_flow_told *told, struct nr_error *error);
void nr_flow_told_fini(struct nr_flow_told *told);
/* Begins a day with what the store has of it. */
int nr_flow_told_turn(struct nr_flow_told *told, struct nr_store *store, const char *sensor, nr_time day,
	struct nr_error *error);
bool nr_flow_told_has(
	struct nr_flow_told *told, enum nr_flow_verdict_kind kind, const struct nr_address *subject);
/* Enters a finding, or finds it: *first becomes the one that it was told with. *ret_fresh: it is new. False:
 * there is no room, or it was told with more confidence by another part: it should not be written. */
bool nr_flow_told_enter(
	struct nr_flow_told *told, const struct nr_flow_verdict *verdict, nr_time *first, bool *ret_fresh);

/* ---- what a look found (flow_finder_rows.c) ---- */

struct nr_flow_found {
	nr_time day;
	struct nr_flow_server_row *servers;
	struct nr_flow_host_row *hosts;
	struct nr_flow_beat_row *beats;
	struct nr_flow_meeting_row *meetings;
	struct nr_finding *findings;
	bool *fresh; /* of each finding */
	size_t server_count, host_count, beat_count, meeting_count, finding_count;
	size_t server_room, host_room, beat_room, meeting_room, finding_room, fresh_room;
	char **texts; /* owned, each too */
	size_t text_count, text_room;
	bool failed; /* out of memory */
	struct nr_flow_found *next;
};
struct nr_flow_found *nr_flow_found_new(nr_time day); /* NULL: out of memory */
void nr_flow_found_free(struct nr_flow_found *found);
const char *nr_flow_found_text(struct nr_flow_found *found, const char *text); /* a copy */
void *nr_flow_found_add(struct nr_flow_found *found, void *items, size_t *count, size_t *room, size_t size);
/* The verdict as a finding (where `tell`) and as a host's row (where it is one). since: of what it rests on.
 */
void nr_flow_found_verdict(struct nr_flow_finder *finder, struct nr_flow_found *found,
	const struct nr_flow_verdict *verdict, bool tell, nr_time since);
/* As JSON arrays, copies. */
const char *nr_flow_found_reasons(struct nr_flow_found *found, const struct nr_flow_verdict *verdict);

/* ---- clients of confirmed servers (flow_finder_marks.c) ---- */

#define NR_FLOW_MARKS_MAX 65536
struct nr_flow_mark_entry {
	struct nr_address client; /* all zero: free */
	struct nr_flow_server server;
	nr_time first, last;
	uint64_t flows;
	float weight;
	bool confirmed, changed;
};
struct nr_flow_marks {
	pthread_mutex_t lock;
	struct nr_flow_known *watch;      /* the taker's */
	uint64_t serial;                  /* of the notebook, as far as it is in watch */
	struct nr_flow_mark_entry *slots; /* owned; twice NR_FLOW_MARKS_MAX */
	size_t count;
	uint64_t key[2], let_go;
	atomic_size_t servers;
};
int nr_flow_marks_init(struct nr_flow_marks *marks, struct nr_error *error);
void nr_flow_marks_fini(struct nr_flow_marks *marks);
void nr_flow_marks_turn(struct nr_flow_marks *marks);
/* The taker: of each block. */
void nr_flow_marks_take(struct nr_flow_finder *finder, const struct nr_flow_block *block);
/* The taker, each second: what people said since. */
void nr_flow_marks_learn(struct nr_flow_finder *finder);
/* What changed since the last time, as findings; NULL: nothing. */
struct nr_flow_found *nr_flow_marks_found(struct nr_flow_finder *finder);
/* It could not be written: all of the day changed. */
void nr_flow_marks_again(struct nr_flow_finder *finder);

/* ---- all of it ---- */

struct nr_flow_look_state { /* for the status */
	bool running;
	nr_time last, next, duration; /* NR_TIME_MIN: none */
	char failed[sizeof((struct nr_error *)0)->text];
};

struct nr_flow_finder {
	struct nr_flow_finder_conf conf;
	struct nr_flow_policy policy;
	struct nr_prefix_table *clients; /* own networks and private ones, also where they are kept plain */
	struct nr_flow_detect *detect;
	struct nr_flow_known *known; /* the looker's */
	uint64_t known_serial;       /* of the notebook, as far as it is in known */
	struct nr_flow_queue queue;
	struct nr_flow_told told;
	struct nr_flow_marks marks;
	struct nr_store *reader;
	struct nr_flow_notebook *notebook;
	struct nr_flow_api *flow_api;
	pthread_t taker, looker;
	pthread_mutex_t table_lock; /* of who fills the tables and marks: the taker, or the looker when a day
				       begins */
	bool taking, looking;       /* threads that run */
	atomic_bool stop, caught_up;
	atomic_size_t known_counts[NR_FLOW_KNOWN_KINDS];
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	struct nr_flow_look_state look;
	struct nr_flow_found *found; /* not yet written, in order */
	/* the keeper of the store alone */
	nr_time oldest; /* of the archive when it was last compared */
	nr_time compare_at;
};

nr_time nr_flow_finder_day(const struct nr_flow_finder *finder); /* that is looked at */
/* Is it a client's, by address or pseudonym? */
bool nr_flow_finder_is_client(const struct nr_flow_finder *finder, const struct nr_address *address);
void nr_flow_finder_put(struct nr_flow_finder *finder, struct nr_flow_found *found);
/* flow_finder_learn.c: what others know, before a look. */
int nr_flow_finder_learn(struct nr_flow_finder *finder, nr_time day, struct nr_error *error);
void nr_flow_finder_look(struct nr_flow_finder *finder, nr_time day); /* flow_finder_look.c */
void *nr_flow_finder_looker(void *finder); /* flow_finder_day.c: the looker's thread */

#endif
