/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow listener of serve: parsers are children of the nursery like any sense; this is the keeper's part
 * beside serve/keeper.h, with a thread of its own, because millions of flows must not wait for the store.
 */
#ifndef NR_SERVE_FLOW_LIVE_H
#define NR_SERVE_FLOW_LIVE_H

#include "model/gap.h"
#include "sense/flow/live/keep.h"
#include "serve/api.h"
#include "serve/flow_finder.h"

#define NR_FLOW_SENSOR "flow" /* what its gaps say; the second worker's "flow-2" ... */

struct nr_flow_live_conf {
	struct nr_flow_listen_conf listen; /* listen empty: no flows are received */
	struct nr_flow_collector_conf collector;
	struct nr_flow_law_options law;
	struct nr_flow_archive_conf keep;
	uint64_t threads;
	struct nr_flow_finder_options find;
	const char *archive;
	const char *mmdb, *as_mmdb; /* of the sums; NULL: none */
};
/* clang-format off */
#define NR_FLOW_LIVE_OPTIONS(OUTER, MEMBER) \
	{"flow-listen", NR_OPTION_TEXTS, offsetof(OUTER, MEMBER listen.listen), "udp:ADDR:PORT", NULL, 0, 0, NULL, "receive what routers export (NetFlow, IPFIX, sFlow); tcp:ADDR:PORT takes IPFIX over TCP", "ルーターのエクスポート（NetFlow・IPFIX・sFlow）を受信する。tcp:ADDR:PORT はTCP上のIPFIX"}, \
	{"flow-archive", NR_OPTION_PATH, offsetof(OUTER, MEMBER archive), "DIR", NULL, 0, 0, NULL, "keep flows in this archive (made if absent)", "フローをこのアーカイブに保存する（なければ作る）"}, \
	NR_FLOW_LISTEN_OPTIONS("flow-", OUTER, MEMBER listen.), \
	NR_FLOW_COLLECTOR_OPTIONS_AS("flow-", OUTER, MEMBER collector.), \
	NR_FLOW_LAW_OPTIONS_AS("flow-", OUTER, MEMBER law.), \
	NR_FLOW_KEEP_OPTIONS("flow-", OUTER, MEMBER keep.), \
	{"flow-threads", NR_OPTION_UINT, offsetof(OUTER, MEMBER threads), "N", "1", 1, 64, NULL, "threads that pack the archive", "アーカイブを圧縮するスレッドの数"}, \
	NR_FLOW_FINDER_OPTIONS(OUTER, MEMBER find.)
/* clang-format on */

struct nr_flow_service;

/* Before the nursery is forked. conf must outlive it. */
int nr_flow_service_new(
	const struct nr_flow_live_conf *conf, struct nr_flow_service **ret_service, struct nr_error *error);
void nr_flow_service_free(struct nr_flow_service *service); /* NULL allowed; ends the thread */
struct nr_flow_live *nr_flow_service_live(struct nr_flow_service *service);

/* Opens the archive; before the sandbox, without rights. */
int nr_flow_service_open(struct nr_flow_service *service, struct nr_error *error);
/* Folders that it writes to; NULL: none. */
void nr_flow_service_places(
	const struct nr_flow_service *service, const char **ret_archive, const char **ret_keys);
/* What detection needs of the house; before _start. No archive, or --no-flow-detect: there is none. Borrowed.
 */
void nr_flow_service_find(struct nr_flow_service *service, struct nr_store *writer, struct nr_store *reader,
	struct nr_flow_notebook *notebook, struct nr_flow_api *flow_api);
/* The thread. nursery: to end a worker that sends what no parser sends; its first worker is child `first`. */
int nr_flow_service_start(
	struct nr_flow_service *service, struct nr_nursery *nursery, unsigned first, struct nr_error *error);
/* Ends the threads. NULL allowed. */
void nr_flow_service_stop(struct nr_flow_service *service);
/* After the parsers have ended: everything is durable when this answers 0. */
int nr_flow_service_finish(struct nr_flow_service *service, struct nr_error *error);

/* For the keeper: readable when there is a gap to be written down; then until it answers false. The gap's
 * texts are valid until the next call. */
int nr_flow_service_gaps(const struct nr_flow_service *service);
bool nr_flow_service_next_gap(void *service, struct nr_gap *ret_gap);
/* A worker's process has ended. Any thread. */
void nr_flow_service_ended(struct nr_flow_service *service, unsigned worker);

/* For the keeper, now and then: what detection found; once a minute sums of traffic that are final before
 * `end` and exporters (sense/flow/traffic.h); as rows for the store. */
int nr_flow_service_rows(void *service, nr_time end, struct nr_sink *sink, struct nr_error *error);

/* "flow": {...} of the status, null where nothing is received; any thread. */
void nr_flow_service_write_status(struct nr_flow_service *service, struct nr_json *json);
/* The path flow/collector. As nr_api_answer(). */
#define NR_FLOW_COLLECTOR_PATH "flow/collector"
int nr_flow_service_answer(struct nr_flow_service *service, struct nr_reply *ret_reply);

#endif
