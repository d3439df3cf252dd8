/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The telescope as a child of the nursery (base/child.h): rings are opened there, states lie in areas that
 * outlive every process, and the process that reads packets holds nothing else.
 */
#ifndef NR_SENSE_TELESCOPE_LIVE_H
#define NR_SENSE_TELESCOPE_LIVE_H

#include "base/child.h"
#include "net/live.h"
#include "net/pipeline.h"
#include "sense/telescope/telescope.h"

#define NR_TELESCOPE_LIVE_FOLDER "/dev/shm"
#define NR_TELESCOPE_LIVE_TABLES 24 /* room for what a relay carries */

/* As given by flags and configuration file, beside struct nr_telescope_conf. */
struct nr_telescope_live_conf {
	const char *interface, *capture, *filter;
	const char *state; /* folder of the areas; should be in memory */
	uint64_t workers, ring_bytes;
};

/* clang-format off */
/* How packets are taken, once, for every struct that holds these fields; the interface's option has another name in
 * each command. */
#define NR_TELESCOPE_CAPTURE_OPTIONS(OUTER, PREFIX) \
	{"workers", NR_OPTION_UINT, offsetof(OUTER, PREFIX workers), "N", "1", 1, NR_PIPELINE_WORKERS_MAX, NULL, "threads that read and analyse, each with a ring of its own", "読み取りと分析のスレッド数（それぞれ専用のリングを持つ）"}, \
	{"capture", NR_OPTION_CHOICE, offsetof(OUTER, PREFIX capture), "WAY", "auto", 0, 0, nr_live_captures, "how packets are taken: packet is AF_PACKET, xdp is AF_XDP", "取り込み方（packet は AF_PACKET、xdp は AF_XDP）"}, \
	{"ring", NR_OPTION_SIZE, offsetof(OUTER, PREFIX ring_bytes), "SIZE", NR_LIVE_RING, 131072, 4294967296, NULL, "memory of each worker's ring: bridges the time in which it cannot read", "各スレッドのリングの大きさ。読めない間のパケットをためる"}, \
	{"filter", NR_OPTION_TEXT, offsetof(OUTER, PREFIX filter), "EXPRESSION", NULL, 0, 0, NULL, "only packets that match (pcap-filter(7))", "一致するパケットだけを見る（pcap-filter(7)）"}

#define NR_TELESCOPE_LIVE_OPTIONS(OUTER, PREFIX) \
	NR_TELESCOPE_CAPTURE_OPTIONS(OUTER, PREFIX), \
	{"state", NR_OPTION_PATH, offsetof(OUTER, PREFIX state), "FOLDER", NR_TELESCOPE_LIVE_FOLDER, 0, 0, NULL, "where counts lie so that they outlive the process; a file system in memory", "集計の置き場所。プロセスが落ちても残る（メモリ上のファイルシステム）"}
/* clang-format on */

/* A configuration that was read anew; blob owns what the others point into. */
struct nr_telescope_live_again {
	void *blob;
	const struct nr_telescope_conf *sense;
	const struct nr_telescope_live_conf *live;
};

struct nr_telescope_live_source {
	const struct nr_telescope_conf *sense;     /* of the start; outlives the nursery */
	const struct nr_telescope_live_conf *live; /* likewise */
	const char *store;                         /* names the areas, with the sensor */
	int (*again)(struct nr_telescope_live_again *ret_again, struct nr_error *error);
	void (*forget)(void *blob);
};

struct nr_telescope_live;

int nr_telescope_live_new(const struct nr_telescope_live_source *source, struct nr_telescope_live **ret_live,
	struct nr_error *error);
void nr_telescope_live_free(struct nr_telescope_live *live);
void nr_telescope_live_freep(struct nr_telescope_live **live);

/* For struct nr_nursery_conf. */
struct nr_child nr_telescope_live_child(struct nr_telescope_live *live);

/* What its relay carries: the sense's tables, findings, gaps, the live tables. */
size_t nr_telescope_live_tables(const struct nr_table *tables[static NR_TELESCOPE_LIVE_TABLES]);

#endif
