/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's part of live flows: takes blocks out of the rings, makes of them what the law lets be kept,
 * writes them into the archive, hands them to who sums or prints, saves what the parsers remember of
 * exporters. Nothing that a parser sends is trusted. It never stops for what it cannot write: that is
 * counted, told, and tried again.
 *
 * _work, _tick, _finish and _ended are one thread's; reports may be asked for by any.
 */
#ifndef NR_SENSE_FLOW_LIVE_KEEP_H
#define NR_SENSE_FLOW_LIVE_KEEP_H

#include "sense/flow/law/law.h"
#include "sense/flow/live/live.h"
#include "store/flows/archive.h"

struct nr_flow_keep_event {
	enum {
		NR_FLOW_KEEP_PAUSED,  /* what comes is counted and not kept: text says why */
		NR_FLOW_KEEP_RESUMED, /* it is kept again; flows: how many were not, since `since` */
		NR_FLOW_KEEP_UNSOUND, /* the worker sent what no parser sends: it should be killed */
		NR_FLOW_KEEP_FAILED,  /* something beside the flows: text */
	} what;
	unsigned worker;
	nr_time time, since;
	uint64_t flows;
	const char *text;
};

struct nr_flow_keep_conf {
	struct nr_flow_live *live;
	const char *archive; /* folder; NULL: nothing is kept */
	const struct nr_flow_law_options *law;
	struct nr_flow_archive_conf conf; /* `keep` and `keep_columns` are the law's */
	struct nr_flow_sink *sink; /* gets the blocks as they are kept; without an archive as they come; NULL:
				      none. Its errors are told */
	void (*tell)(void *context, const struct nr_flow_keep_event *event);
	void *context;
};
/* clang-format off */
#define NR_FLOW_KEEP_OPTIONS(PREFIX, OUTER, MEMBER) \
	{PREFIX "cut", NR_OPTION_DURATION, offsetof(OUTER, MEMBER cut), "DURATION", "5m", 0, 0, NULL, "length of the archive's segments, which are erased as a whole", "アーカイブのセグメントの長さ（消去の単位）"}, \
	{PREFIX "keep-bytes", NR_OPTION_SIZE, offsetof(OUTER, MEMBER keep_bytes), "SIZE", NULL, 0, 0, NULL, "oldest segments beyond this size are erased", "この大きさを超えた古いセグメントを消去する"}
/* clang-format on */

struct nr_flow_keep;

/* Opens the law and the archive and gives the parsers what was saved of exporters; with the rights of the one
 * who is to own them, before the sandbox. */
int nr_flow_keep_open(
	const struct nr_flow_keep_conf *conf, struct nr_flow_keep **ret_keep, struct nr_error *error);
void nr_flow_keep_close(struct nr_flow_keep *keep);
void nr_flow_keep_closep(struct nr_flow_keep **keep);

/* Takes what waits in the rings, some blocks of each; true: there may be more. */
bool nr_flow_keep_work(struct nr_flow_keep *keep);
/* About once a second. */
void nr_flow_keep_tick(struct nr_flow_keep *keep, nr_time now);
/* A worker's process has ended: what it had counted is added to what comes. */
void nr_flow_keep_ended(struct nr_flow_keep *keep, unsigned worker);
/* All have ended: takes everything, makes it durable, saves what is remembered. The error is the first thing
 * that could not be. */
int nr_flow_keep_finish(struct nr_flow_keep *keep, struct nr_error *error);

/* Members of the open object: those of nr_flow_collector_report() of all workers together, "listener": {...},
 * "archive": {...} or null. -EBADMSG: a worker's report is none. */
int nr_flow_keep_report(struct nr_flow_keep *keep, struct nr_json *json, struct nr_error *error);
/* The same for people, in a few lines. */
int nr_flow_keep_print(struct nr_flow_keep *keep, FILE *stream, struct nr_error *error);
/* Without the exporters, for the status: "listener", "archive". */
void nr_flow_keep_status(struct nr_flow_keep *keep, struct nr_json *json);

#endif
