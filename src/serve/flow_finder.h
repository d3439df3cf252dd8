/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detection (sense/flow/detect/detect.h) beside the thread that keeps flows. Three threads meet here:
 *
 *	keeper of flows --take()--> queue --> taker: tables, clients of confirmed servers
 *	looker: once an hour and at the end of the UTC day a look, with the archive as its second reading
 *	keeper of the store <--write()-- what both found
 *
 * take() never waits: what does not fit into the queue is counted and left out of the tables, and stands in
 *the archive all the same. A start, and a day that begins, fill the tables out of the archive.
 */
#ifndef NR_SERVE_FLOW_FINDER_H
#define NR_SERVE_FLOW_FINDER_H

#include "base/option.h"
#include "model/sink.h"
#include "sense/flow/detect/detect.h"
#include "serve/flow_notebook.h"
#include "store/store.h"

struct nr_flow_finder_options {
	bool on;
	double alarms_per_day;
	uint64_t memory;
	nr_time every;
	struct nr_texts known;
};
/* clang-format off */
#define NR_FLOW_FINDER_OPTIONS(OUTER, MEMBER) \
	{"flow-detect", NR_OPTION_FLAG, offsetof(OUTER, MEMBER on), NULL, "true", 0, 0, NULL, "look for C&C servers and infected hosts in the flows that are kept", "保存するフローからC&Cサーバーと感染端末を探す"}, \
	{"flow-alarms-per-day", NR_OPTION_REAL, offsetof(OUTER, MEMBER alarms_per_day), "N", "20", 0, 100000, NULL, "how many alarms a day can be read", "1日に確認できる警報の数"}, \
	{"flow-detect-memory", NR_OPTION_SIZE, offsetof(OUTER, MEMBER memory), "SIZE", "512M", 16777216, 0, NULL, "memory of detection; what does not fit is let go and counted", "検知に使うメモリー。収まらないものは捨てて数える"}, \
	{"flow-detect-every", NR_OPTION_DURATION, offsetof(OUTER, MEMBER every), "DURATION", "1h", 0, 0, NULL, "time between two looks at the day so far; one more comes at the end of the UTC day", "当日分を調べる間隔。UTCの1日の終わりにも調べる"}, \
	{"flow-known", NR_OPTION_TEXTS, offsetof(OUTER, MEMBER known), "FILE", NULL, 0, 0, NULL, "what is known already: findings, lists of C&C servers, infected addresses, results of probes", "既知の情報のファイル（検知結果、C&Cサーバーのリスト、感染アドレス、調査結果）"}
/* clang-format on */

struct nr_flow_finder_conf {
	const struct nr_flow_finder_options *options; /* all borrowed */
	const char *sensor, *archive;
	const char *keys;           /* folder of the pseudonyms' keys; NULL: "ARCHIVE.keys" */
	const char *mmdb, *as_mmdb; /* NULL: none */
};

struct nr_flow_finder;
/* Opens databases and lists, with rights and before a sandbox; the archive has its policy. */
int nr_flow_finder_new(
	const struct nr_flow_finder_conf *conf, struct nr_flow_finder **ret_finder, struct nr_error *error);
void nr_flow_finder_free(struct nr_flow_finder *finder); /* NULL allowed; ends the threads */

/* The threads. Borrowed: reader for questions, notebook and the record of uses (flow_api). */
int nr_flow_finder_start(struct nr_flow_finder *finder, struct nr_store *reader,
	struct nr_flow_notebook *notebook, struct nr_flow_api *flow_api, struct nr_error *error);
/* No look goes on after this; what was found can still be written. */
void nr_flow_finder_stop(struct nr_flow_finder *finder);

/* One thread: the keeper of flows. */
void nr_flow_finder_take(struct nr_flow_finder *finder, const struct nr_flow_block *block);

/* One thread, which has the store: writes what was found since, deletes what rests on erased flows. New
 * findings go through `sink`, which tells who listens; the rest straight into the store. What could not be
 * written is tried again the next time. */
int nr_flow_finder_write(
	struct nr_flow_finder *finder, struct nr_store *store, struct nr_sink *sink, struct nr_error *error);

/* "detect": {...} or null. Any thread. */
void nr_flow_finder_write_status(struct nr_flow_finder *finder, struct nr_json *json);

#endif
