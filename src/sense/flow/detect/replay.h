/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows that are read twice: first for the tables, then for the candidates (struct nr_flow_replay).
 *
 *	nr_flow_rereading_new(&conf, &rereading, error);
 *	nr_flow_rereading_first(rereading, take, taker, error);   everything, once
 *	replay = nr_flow_rereading_replay(rereading);
 *	nr_flow_detect_look(detect, &replay, ...);
 *
 * Files are read again from the disk. Standard input cannot be: its blocks are kept, only the columns that
 * detection needs, up to a bound; beyond it the error says so. An archive is scanned again, by several
 * threads, only the columns and the time that are wanted.
 */
#ifndef NR_SENSE_FLOW_DETECT_REPLAY_H
#define NR_SENSE_FLOW_DETECT_REPLAY_H

#include "sense/flow/collect/collector.h"
#include "sense/flow/detect/detect.h"
#include "store/flows/archive.h"

struct nr_flow_rereading_conf {
	const char *const *files; /* borrowed; "-": standard input, once */
	size_t file_count;
	const struct nr_flow_collector_conf *collector;
	uint64_t keep; /* bytes for standard input; default 1 GiB */
	/* Of what could not be read, in words, once for each file; NULL: nobody wants to know. */
	void (*complain)(void *context, const char *text);
	void (*progress)(void *context, uint64_t flows);
	void *context;
};
struct nr_flow_rereading;
int nr_flow_rereading_new(const struct nr_flow_rereading_conf *conf, struct nr_flow_rereading **ret_rereading,
	struct nr_error *error);
void nr_flow_rereading_free(struct nr_flow_rereading *rereading); /* NULL allowed */
void nr_flow_rereading_freep(struct nr_flow_rereading **rereading);
/* -EFBIG: standard input is more than can be kept. Other errors are of memory and of take(). */
int nr_flow_rereading_first(struct nr_flow_rereading *rereading,
	int (*take)(void *taker, const struct nr_flow_block *block), void *taker, struct nr_error *error);
/* What of the first reading became no flows, for the report of the command: owned by the rereading. */
struct nr_flow_collector *nr_flow_rereading_collector(struct nr_flow_rereading *rereading);
struct nr_flow_replay nr_flow_rereading_replay(struct nr_flow_rereading *rereading);

/* ---- an archive ---- */

struct nr_flow_archive_replay {
	struct nr_flow_archive *archive;
	nr_time from, to; /* of all that is asked for: what lies outside is not handed on */
	unsigned threads; /* that read; take() is then called by all of them */
	void (*progress)(void *context, uint64_t done, uint64_t total); /* bytes; NULL: none */
	void *progress_context;
	struct nr_flow_scan scanned; /* of the last run; damage: its text in `damage` */
	char damage[240];
};
/* nr_flow_replay.run, whose context is a struct nr_flow_archive_replay. */
int nr_flow_archive_replay_run(void *context, nr_time from, nr_time to, uint64_t columns,
	int (*take)(void *taker, const struct nr_flow_block *block), void *taker, struct nr_error *error);

#endif
