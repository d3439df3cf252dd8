/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/command.h"
#include "base/progress.h"
#include "train/world/darknet.h"
#include "train/world/mmdb.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int make_world(struct nr_darknet *world, struct nr_pcap_writer *pcap, struct nr_json *truth,
	struct nr_darknet_totals *ret_totals, struct nr_error *error)
{
	const struct nr_darknet_conf *conf = world->conf;
	int rc = nr_pcap_writer_open(pcap, conf->out, NR_LINK_ETHERNET, error);
	if (rc)
		return rc;
	world->pcap = pcap;
	nr_json_object(truth, NULL);
	if (strcmp(conf->profile, "day") == 0)
		rc = nr_darknet_day(world, truth, ret_totals, error);
	else
		rc = nr_darknet_flat(world, truth, ret_totals, error);
	nr_json_object_end(truth);
	return rc ? rc : nr_pcap_writer_finish(pcap, error);
}

static int write_truth(
	const struct nr_darknet_conf *conf, struct nr_json *truth, char **ret_path, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = NULL;
	int n = asprintf(
		&path, "%s%s", conf->truth ? conf->truth : conf->out, conf->truth ? "" : ".truth.json");
	if (n < 0) {
		path = NULL; /* not defined after a failure */
		return nr_fail(error, -ENOMEM, "world: out of memory");
	}
	int rc = nr_darknet_write_json(path, truth, error);
	if (!rc)
		*ret_path = nr_steal(&path);
	return rc;
}

static void print_report(
	const struct nr_darknet_conf *conf, const struct nr_darknet_totals *totals, const char *truth)
{
	struct nr_json json;
	if (!conf->json) {
		printf("%s: %llu frames, %llu packets from %llu sources; truth in %s\n", conf->out,
			(unsigned long long)totals->frames, (unsigned long long)totals->packets,
			(unsigned long long)totals->sources, truth);
		return;
	}
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "out", conf->out);
	nr_json_text(&json, "truth", truth);
	nr_json_text(&json, "mmdb", conf->mmdb);
	nr_json_text(&json, "lists", conf->lists);
	nr_json_uint(&json, "frames", totals->frames);
	nr_json_uint(&json, "packets", totals->packets);
	nr_json_uint(&json, "bytes", totals->bytes);
	nr_json_uint(&json, "sources", totals->sources);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

/* Said before the work, not when the finished file is to get its name. */
static int refuse_folder(const char *option, const char *path, struct nr_error *error)
{
	struct stat status;
	if (path && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return nr_fail(error, -EINVAL, "--%s: %s is a directory; name a file", option, path);
	return 0;
}

static int check(const struct nr_darknet_conf *conf, struct nr_error *error)
{
	const struct {
		const char *option, *path;
	} files[] = {
		{"out", conf->out}, {"truth", conf->truth}, {"mmdb", conf->mmdb}, {"lists", conf->lists}};
	if (!conf->out)
		return nr_fail(error, -EINVAL, "world darknet: no --out; name the capture to write");
	if (!conf->packets)
		return nr_fail(error, -EINVAL,
			"world darknet: no --packets; say how many, for example --packets 500000");
	if (conf->start < 0 || conf->duration <= 0 || (conf->start + conf->duration) / NR_SECOND > UINT32_MAX)
		return nr_fail(error, -EINVAL,
			"world darknet: --start and --duration do not fit a pcap file (1970 to 2106)");
	for (size_t i = 0; i < conf->campaigns.count; i++)
		if (!nr_day_is_campaign(conf->campaigns.items[i]))
			return nr_fail(error, -EINVAL,
				"world darknet: --campaign: no such campaign: %s; see `noroshi help world`",
				conf->campaigns.items[i]);
	for (size_t i = 0; i < NR_COUNT(files); i++) {
		int rc = refuse_folder(files[i].option, files[i].path, error);
		if (rc)
			return rc;
	}
	return 0;
}

/* The files beside the capture and its truth. */
static int write_companions(const struct nr_darknet_conf *conf, const struct nr_geography *geography,
	const struct nr_darknet_totals *totals, struct nr_error *error)
{
	int rc = 0;
	if (conf->mmdb)
		rc = nr_mmdb_write(conf->mmdb, geography, conf->start, error);
	if (!rc && conf->lists)
		rc = nr_scanner_list_write(conf->lists, &totals->listed, error);
	return rc;
}

static int build(const struct nr_darknet_conf *conf, struct nr_error *error)
{
	NR_AUTO(nr_geography_freep) struct nr_geography *geography = NULL;
	NR_AUTO(nr_pcap_writer_fini) struct nr_pcap_writer pcap = {0};
	NR_AUTO(nr_json_fini) struct nr_json truth;
	NR_AUTO(nr_freep) char *truth_path = NULL;
	struct nr_progress progress;
	struct nr_darknet world = {.conf = conf, .progress = &progress};
	struct nr_darknet_totals totals = {0};
	nr_json_init(&truth);
	truth.pretty = true;
	int rc = check(conf, error);
	if (!rc)
		rc = nr_dark_init(&world.dark, &conf->dark, error);
	if (!rc)
		rc = nr_geography_new(conf->seed, &conf->dark, &conf->own, &geography, error);
	if (rc)
		return rc;
	world.geography = geography;
	nr_progress_init(&progress, conf->packets, "packets");
	rc = make_world(&world, &pcap, &truth, &totals, error);
	nr_progress_fini(&progress);
	if (!rc)
		rc = write_truth(conf, &truth, &truth_path, error);
	if (!rc)
		rc = write_companions(conf, geography, &totals, error);
	if (!rc)
		print_report(conf, &totals, truth_path);
	return rc;
}

static int run(const void *conf, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operands;
	(void)operand_count;
	nr_command_end_on_signal();
	int rc = build(conf, error);
	if (rc == 0)
		return NR_EXIT_OK;
	return rc == -EINVAL || rc == -ERANGE ? NR_EXIT_USAGE : NR_EXIT_ENVIRONMENT;
}

#define AT(member)  offsetof(struct nr_darknet_conf, member)
#define PACKETS_MAX 4e9
#define SOURCES_MAX (double)(1 << 28)

static const char *const profiles[] = {"day", "flat", "even", NULL};
static const struct nr_option options[] = {
	{.name = "seed",
		.type = NR_OPTION_UINT,
		.offset = AT(seed),
		.value = "N",
		.fallback = "1",
		.text_en = "Dice of this world; the same seed and options give the same bytes",
		.text_ja = "乱数の種。種とオプションが同じなら出力も同じ"},
	{.name = "packets",
		.type = NR_OPTION_UINT,
		.offset = AT(packets),
		.value = "N",
		.minimum = 1,
		.maximum = PACKETS_MAX,
		.text_en = "Frames to write",
		.text_ja = "書き出すフレーム数"},
	{.name = "out",
		.type = NR_OPTION_PATH,
		.offset = AT(out),
		.value = "FILE",
		.text_en = "Capture to write (pcap, microseconds, Ethernet)",
		.text_ja = "書き出すキャプチャ（pcap、マイクロ秒、Ethernet）"},
	{.name = "dark",
		.type = NR_OPTION_PREFIXES,
		.offset = AT(dark),
		.value = "CIDR",
		.fallback = "198.18.0.0/18",
		.text_en = "Dark range that receives the packets",
		.text_ja = "観測するダークネットの範囲"},
	{.name = "own",
		.type = NR_OPTION_PREFIXES,
		.offset = AT(own),
		.value = "CIDR",
		.fallback = "203.0.113.0/24",
		.text_en = "Own network; two of its hosts are infected",
		.text_ja = "自組織のネットワーク（感染ホスト 2 台を含む）"},
	{.name = "start",
		.type = NR_OPTION_TIME,
		.offset = AT(start),
		.value = "TIME",
		.fallback = "2026-04-01T00:00:00Z",
		.text_en = "Time of the first packet",
		.text_ja = "開始時刻"},
	{.name = "duration",
		.type = NR_OPTION_DURATION,
		.offset = AT(duration),
		.value = "D",
		.fallback = "3d",
		.text_en = "How long the capture lasts",
		.text_ja = "期間"},
	{.name = "sources",
		.type = NR_OPTION_UINT,
		.offset = AT(sources),
		.value = "N",
		.minimum = 1,
		.maximum = SOURCES_MAX,
		.text_en = "Source population (flat, even: 900000; day: fitting the packets)",
		.text_ja = "送信元の数（flat と even は 900000、day はパケット数に応じる）"},
	{.name = "profile",
		.type = NR_OPTION_CHOICE,
		.offset = AT(profile),
		.value = "NAME",
		.fallback = "day",
		.choices = profiles,
		.text_en = "day: realistic, with a full truth; flat: for measuring speed; even: all sources "
			   "alike, for measuring memory",
		.text_ja = "day は現実に近い通信と完全な正解、flat は速度測定用、"
			   "even はすべての送信元が同数で、メモリ測定用"},
	{.name = "campaign",
		.type = NR_OPTION_TEXTS,
		.offset = AT(campaigns),
		.value = "NAME",
		.text_en = "Inject a campaign of known onset (day): fast-worm, busy-worm, slow-worm, botnet, "
			   "low-rate; or what only looks like one: forged, provider; all",
		.text_ja = "開始時刻が既知の攻撃活動を加える（day）: "
			   "fast-worm、busy-worm、slow-worm、botnet、low-rate。紛らわしい通信: "
			   "forged、provider。all ですべて"},
	{.name = "mmdb",
		.type = NR_OPTION_PATH,
		.offset = AT(mmdb),
		.value = "FILE",
		.text_en = "Also write the world's countries and networks as a MaxMind database",
		.text_ja = "国と AS を MaxMind DB 形式でも書き出す"},
	{.name = "lists",
		.type = NR_OPTION_PATH,
		.offset = AT(lists),
		.value = "FILE",
		.text_en = "Also write the world's research-scanner list (MISP warning list)",
		.text_ja = "調査スキャナーの一覧（MISP warning list）も書き出す"},
	{.name = "truth",
		.type = NR_OPTION_PATH,
		.offset = AT(truth),
		.value = "FILE",
		.text_en = "Where the truth goes (default: the capture's name and .truth.json)",
		.text_ja = "正解の出力先（既定はキャプチャ名 + .truth.json）"},
	{.name = "json",
		.type = NR_OPTION_FLAG,
		.offset = AT(json),
		.text_en = "Report as one JSON object",
		.text_ja = "結果を JSON で表示する"},
};

const struct nr_command nr_world_darknet_command = {
	.area = "world",
	.verb = "darknet",
	.text_en = "Write a synthetic darknet capture and its truth",
	.text_ja = "合成ダークネットのキャプチャと正解を書き出す",
	.example = "noroshi world darknet --seed 7 --packets 500000 --out world.pcap --mmdb world.mmdb",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct nr_darknet_conf),
	.run = run,
};
