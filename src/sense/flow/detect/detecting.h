/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of detection over files or an archive, from its options to verdicts: what "flow detect" and "flow
 * evaluate" share.
 *
 *	nr_flow_detecting_open(&run, &conf, files, count, error);   everything opened, the sandbox entered
 *	nr_flow_detecting_run(&run, error);                         both readings, the judge has finished
 *	nr_flow_judge_verdicts(run.judge, &count) ...
 *	nr_flow_detecting_fini(&run);
 */
#ifndef NR_SENSE_FLOW_DETECT_DETECTING_H
#define NR_SENSE_FLOW_DETECT_DETECTING_H

#include "base/progress.h"
#include "sense/flow/detect/judge/verdict_inside.h"
#include "sense/flow/detect/replay.h"
#include "sense/flow/law/law.h"

struct nr_flow_detecting_conf {
	struct nr_flow_collector_conf collector;
	const char *archive, *purpose, *from, *to;
	struct nr_prefixes own;
	struct nr_texts known;
	const char *feedback, *calibration, *mmdb, *as_mmdb;
	uint64_t memory, candidates, threads;
	double alarms_per_day;
};
/* clang-format off */
#define NR_FLOW_DETECTING_OPTIONS(type, member) \
	{"archive", NR_OPTION_PATH, offsetof(type, member archive), "DIR", NULL, 0, 0, NULL, "look at this archive (without it: the files that are named)", "このアーカイブを調べる（指定しなければ、引数のファイル）"}, \
	{"purpose", NR_OPTION_TEXT, offsetof(type, member purpose), "PURPOSE", NULL, 0, 0, NULL, "of an archive: c2-detection, notification or own-operation; recorded", "アーカイブの利用目的（c2-detection、notification、own-operation）。記録される"}, \
	{"from", NR_OPTION_TEXT, offsetof(type, member from), "TIME", NULL, 0, 0, NULL, "flows that ended at or after this time; -1d: a day ago", "この時刻以降に終わったフロー。-1dは1日前"}, \
	{"to", NR_OPTION_TEXT, offsetof(type, member to), "TIME", NULL, 0, 0, NULL, "flows that began before this time", "この時刻より前に始まったフロー"}, \
	{"own", NR_OPTION_PREFIXES, offsetof(type, member own), "CIDR", NULL, 0, 0, NULL, "own networks, where clients are (an archive knows its own)", "自網のアドレス範囲。クライアントはここにいる（アーカイブは自分で知っている）"}, \
	{"alarms-per-day", NR_OPTION_REAL, offsetof(type, member alarms_per_day), "N", "20", 0, 1000000, NULL, "how many alarms a day can be read", "1日に確認できる警報の数"}, \
	{"known", NR_OPTION_TEXTS, offsetof(type, member known), "FILE", NULL, 0, 0, NULL, "what is known already: findings, lists of C&C servers, infected addresses, results of probes", "既知の情報のファイル（検知結果、C&Cサーバーのリスト、感染アドレス、調査結果）"}, \
	{"feedback", NR_OPTION_PATH, offsetof(type, member feedback), "FILE", NULL, 0, 0, NULL, "what people said of earlier verdicts: confirmed, benign", "過去の判定に対する担当者の確認結果（confirmed、benign）"}, \
	{"calibration", NR_OPTION_PATH, offsetof(type, member calibration), "FILE", NULL, 0, 0, NULL, "weights of evidence (default: the built-in ones)", "根拠の重み（既定は組み込みの値）"}, \
	{"mmdb", NR_OPTION_PATH, offsetof(type, member mmdb), "FILE", NULL, 0, 0, NULL, "country (and AS) database in the MaxMind DB format", "国（およびAS）のデータベース（MaxMind DB形式）"}, \
	{"as-mmdb", NR_OPTION_PATH, offsetof(type, member as_mmdb), "FILE", NULL, 0, 0, NULL, "AS database where it is another file", "ASのデータベース（別ファイルの場合）"}, \
	{"memory", NR_OPTION_SIZE, offsetof(type, member memory), "BYTES", "1G", 16777216, 0, NULL, "memory for servers, pairs and hosts; what does not fit is let go, and told", "サーバー・組・ホストの表のメモリー。収まらないものは捨て、その旨を示す"}, \
	{"candidates", NR_OPTION_UINT, offsetof(type, member candidates), "N", "200000", 1, 100000000, NULL, "servers whose connections are looked at one by one", "接続を1本ずつ調べるサーバーの数"}, \
	{"threads", NR_OPTION_UINT, offsetof(type, member threads), "N", "0", 0, 64, NULL, "threads; 0: one per processor", "スレッド数。0はプロセッサー数"}, \
	NR_FLOW_COLLECTOR_OPTIONS(type, member collector.)
/* clang-format on */

struct nr_flow_detecting {
	const struct nr_flow_detecting_conf *conf;
	const char *act; /* of the record of uses: "detect", "evaluate" */
	const char *const *files;
	size_t file_count;
	bool baseline, keep_all,
		writes; /* for evaluation: set before _open. writes: it has files to commit */
	nr_time from, to;
	unsigned threads;
	struct nr_flow_known *known;
	struct nr_flow_calibration *calibration; /* NULL: built in */
	struct nr_flow_detect *detect;
	struct nr_flow_rereading *rereading; /* of files */
	struct nr_flow_archive *archive;
	struct nr_flow_archive_replay archive_replay;
	struct nr_flow_uses *uses;
	struct nr_flow_policy policy; /* of the archive */
	struct nr_flow_block *part;   /* rows within --from and --to */
	struct nr_flow_judge *judge;
	struct nr_progress progress;
	struct nr_error error; /* of a visit */
	uint64_t known_skipped;
	bool unreadable;
};
/* *run zeroed but for act, baseline, keep_all and writes. -EINVAL: the words; -EPERM: no purpose. */
int nr_flow_detecting_open(struct nr_flow_detecting *run, const struct nr_flow_detecting_conf *conf,
	const char *const *files, size_t file_count, struct nr_error *error);
int nr_flow_detecting_run(struct nr_flow_detecting *run, struct nr_error *error);
void nr_flow_detecting_fini(struct nr_flow_detecting *run);
/* Members of a summary: flows, the tables, the judge. */
void nr_flow_detecting_write(const struct nr_flow_detecting *run, struct nr_json *json);
/* On stderr; something of the input could not be read. */
void nr_flow_detecting_complain(void *run, const char *text);

#endif
