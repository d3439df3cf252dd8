/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The darknet telescope: who knocks at unused addresses, at which ports, with which tools, and whom
 * denial-of-service attacks hit (by their backscatter). rules.h holds the numbers, docs/guide/telescope.md
 * the explanations.
 */
#ifndef NR_SENSE_TELESCOPE_TELESCOPE_H
#define NR_SENSE_TELESCOPE_TELESCOPE_H

#include "base/prefix_table.h"
#include "model/sense.h"
#include "net/origin.h"
#include "sense/telescope/lists.h"
#include "sense/telescope/port_class.h"
#include "sense/telescope/tables.h"
#include "wire/packet.h"

/* As given by flags and configuration file. */
struct nr_telescope_conf {
	const char *sensor;
	struct nr_prefixes dark, own, tunnel_ends;
	uint64_t dark_size;       /* N_dark where the range itself is not to be given; 0: from --dark */
	struct nr_texts lists;    /* files of research-scanner prefixes */
	const char *research;     /* all, nicter, scaled, list, none */
	const char *port_classes; /* file; NULL: the built-in one */
	const char *mmdb, *as_mmdb;
	uint64_t memory_bytes;
	uint64_t keep_sources; /* per day, in the store */
	/* made by nr_telescope_prepare() */
	const struct nr_telescope_refs *refs;
};

/* What the analysis looks things up in. Read-only while it runs; shared by all workers. */
struct nr_telescope_refs {
	struct nr_prefix_table *dark, *own, *tunnel_ends,
		*bogon; /* dark, own, tunnel_ends: NULL where not given */
	struct nr_lists lists;
	struct nr_port_classes classes;
	struct nr_origin origin;
	uint64_t dark_addresses; /* N_dark; 0: not known */
	unsigned workers;
	bool live;    /* each state is a session of its own (model/sink.h); else the sink's is what it is */
	bool endless; /* live, and nobody asks for the report of the whole run */
	bool store;   /* rows are wanted: per window, hour and day; else only the whole run is kept */
};

int nr_telescope_prepare(
	struct nr_telescope_conf *conf, struct nr_telescope_refs *refs, struct nr_error *error);
void nr_telescope_refs_fini(struct nr_telescope_refs *refs);

extern const struct nr_sense nr_telescope_sense;
extern const char *const nr_telescope_research_choices[];

/* clang-format off */
/* The options, once, for every struct that holds a struct nr_telescope_conf: PREFIX is the way to it, "sense." or nothing. */
#define NR_TELESCOPE_OPTIONS(OUTER, PREFIX) \
	{"sensor", NR_OPTION_TEXT, offsetof(OUTER, PREFIX sensor), "NAME", "telescope", 0, 0, NULL, "name of this telescope in rows and findings", "センサの名前（記録と判定結果に付く）"}, \
	{"dark", NR_OPTION_PREFIXES, offsetof(OUTER, PREFIX dark), "CIDR", NULL, 0, 0, NULL, "dark range: only packets to it count (default: every destination)", "ダークネットのアドレス範囲（省略時はすべての宛先を数える）"}, \
	{"dark-size", NR_OPTION_UINT, offsetof(OUTER, PREFIX dark_size), "N", NULL, 0, 4294967296, NULL, "number of dark addresses, where the range itself is not to be given", "ダークネットのアドレス数（範囲を指定しない場合）"}, \
	{"own", NR_OPTION_PREFIXES, offsetof(OUTER, PREFIX own), "CIDR", NULL, 0, 0, NULL, "own networks: a packet from one of them into the dark range is a finding", "自組織のアドレス範囲。ここからダークネットへのパケットを検知する"}, \
	{"tunnel-end", NR_OPTION_PREFIXES, offsetof(OUTER, PREFIX tunnel_ends), "CIDR", NULL, 0, 0, NULL, "our ends of GRE, ERSPAN and VXLAN mirrors: what they carry is analysed", "GRE・ERSPAN・VXLANで受け取る場合の終端アドレス（中身を分析する）"}, \
	{"lists", NR_OPTION_TEXTS, offsetof(OUTER, PREFIX lists), "FILE", NULL, 0, 0, NULL, "list of research scanners: MISP warning list or one prefix a line", "調査目的のスキャナのリスト（MISP warning list または1行1プレフィックス）"}, \
	{"research", NR_OPTION_CHOICE, offsetof(OUTER, PREFIX research), "RULE", "all", 0, 0, nr_telescope_research_choices, "rules that mark research scanners", "調査目的のスキャンを判定する規則"}, \
	{"port-classes", NR_OPTION_PATH, offsetof(OUTER, PREFIX port_classes), "FILE", NULL, 0, 0, NULL, "port classes (default: built in; see etc/port-classes)", "ポートの区分ファイル（省略時は内蔵の区分）"}, \
	{"mmdb", NR_OPTION_PATH, offsetof(OUTER, PREFIX mmdb), "FILE", NULL, 0, 0, NULL, "country (and AS) database in the MaxMind DB format", "国（およびAS）のデータベース（MaxMind DB形式）"}, \
	{"as-mmdb", NR_OPTION_PATH, offsetof(OUTER, PREFIX as_mmdb), "FILE", NULL, 0, 0, NULL, "AS database where it is another file", "ASのデータベース（別ファイルの場合）"}, \
	{"memory", NR_OPTION_SIZE, offsetof(OUTER, PREFIX memory_bytes), "SIZE", "1G", 67108864, 1099511627776, NULL, "memory for sources and tallies; beyond it sources are sampled, packets stay exact", "送信元と集計に使うメモリ。超えると送信元は標本になる（パケット数は正確）"}, \
	{"keep-sources", NR_OPTION_UINT, offsetof(OUTER, PREFIX keep_sources), "N", "20000", 0, 10000000, NULL, "sources of one day kept in the store: judged ones first, then the busiest", "1日に保存する送信元の数（判定されたもの、パケット数の多いものから）"}
/* clang-format on */

/* One finished run: after nr_pipeline_finish(). report.h makes its answer. */
struct nr_telescope_run {
	const struct nr_telescope_conf *conf;
	const struct nr_loss *loss;
	void *const *locals;
	size_t local_count;
	struct nr_crew *crew; /* at rest; helps with the report. NULL: nobody does */
};
/* The row of telescope_run for the store. */
void nr_telescope_run_row(
	const struct nr_telescope_run *run, struct nr_run_row *ret_row, char dropped[static 512]);

#endif
