/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/command.h"
#include "base/progress.h"
#include "train/world/darknet.h"
#include "train/world/flows/flows.h"
#include "train/world/flows/scenes.h"
#include "train/world/mmdb.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* The address plan of world darknet's defaults, so that one database of countries fits both. */
#define DARK_PREFIX "198.18.0.0/18"
#define OWN_PREFIX  "203.0.113.0/24"

static bool is_loopback(const struct nr_address *a)
{
	static const struct nr_address one = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
	return nr_address_is_ipv4(a) ? a->octets[12] == 127 : nr_address_equal(a, &one);
}

static int check_target(const struct nr_flows_conf *conf, struct nr_carrier *carrier, struct nr_error *error)
{
	int rc = nr_carrier_parse_udp(conf->out, &carrier->target, &carrier->target_port, error);
	if (!rc && !conf->anywhere && !is_loopback(&carrier->target))
		return nr_fail(error, -EINVAL,
			"--out: %s is not this machine; made-up exports go to 127.0.0.0/8 or [::1], "
			"elsewhere "
			"with --anywhere",
			conf->out);
	return rc;
}

static int refuse_folder(const char *option, const char *path, struct nr_error *error)
{
	struct stat status;
	if (path && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return nr_fail(error, -EINVAL, "--%s: %s is a directory; name a file", option, path);
	return 0;
}

static int check(const struct nr_flows_conf *conf, struct nr_carrier *carrier, struct nr_error *error)
{
	if (!conf->out)
		return nr_fail(error, -EINVAL,
			"world flows: no --out; name the capture to write, or udp:127.0.0.1:PORT");
	if (conf->start < 0 || conf->duration < 10 * NR_MINUTE || conf->duration > 31 * NR_DAY ||
		(conf->start + conf->duration) / NR_SECOND > UINT32_MAX - 86400)
		return nr_fail(error, -EINVAL,
			"world flows: --duration must be 10m to 31d, --start between 1970 and 2106");
	if (nr_carrier_is_udp(conf->out))
		return check_target(conf, carrier, error);
	int rc = refuse_folder("out", conf->out, error);
	if (!rc)
		rc = refuse_folder("truth", conf->truth, error);
	return rc ? rc : refuse_folder("mmdb", conf->mmdb, error);
}

static int new_geography(uint64_t seed, struct nr_geography **ret_geography, struct nr_error *error)
{
	struct nr_prefix dark, own;
	const struct nr_prefixes darks = {&dark, 1}, owns = {&own, 1};
	int rc = nr_prefix_parse(DARK_PREFIX, &dark, error);
	if (!rc)
		rc = nr_prefix_parse(OWN_PREFIX, &own, error);
	return rc ? rc : nr_geography_new(seed, &darks, &owns, ret_geography, error);
}

/* The truth's file: --truth, else beside the capture; sent over UDP only where --truth names one. */
static int write_truth(const struct nr_flows_world *world, char **ret_path, struct nr_error *error)
{
	const struct nr_flows_conf *conf = world->conf;
	NR_AUTO(nr_freep) char *path = NULL;
	NR_AUTO(nr_json_fini) struct nr_json truth;
	nr_json_init(&truth);
	if (!conf->truth && nr_carrier_is_udp(conf->out))
		return 0;
	if (asprintf(&path, "%s%s", conf->truth ? conf->truth : conf->out, conf->truth ? "" : ".truth.json") <
		0) {
		path = NULL; /* not defined after a failure */
		return nr_fail(error, -ENOMEM, "world: out of memory");
	}
	truth.pretty = true;
	nr_json_object(&truth, NULL);
	nr_flows_truth_write(world, &truth);
	nr_json_object_end(&truth);
	int rc = nr_darknet_write_json(path, &truth, error);
	if (!rc)
		*ret_path = nr_steal(&path);
	return rc;
}

struct totals {
	uint64_t records, written, datagrams;
};

static struct totals total(const struct nr_flows_world *world)
{
	struct totals t = {0};
	for (size_t i = 0; i < world->exporter_count; i++) {
		const struct nr_carried *way = &world->carrier->ports[i].truth;
		t.records += world->exporters[i].records;
		t.written += way->records_written;
		t.datagrams += way->written;
	}
	return t;
}

static void print_report(const struct nr_flows_world *world, const char *truth)
{
	const struct nr_flows_conf *conf = world->conf;
	struct totals t = total(world);
	struct nr_json json;
	if (!conf->json) {
		printf("%s: %llu records of %llu conversations in %llu datagrams of %zu exporters%s%s\n",
			conf->out, (unsigned long long)t.written, (unsigned long long)world->conversations,
			(unsigned long long)t.datagrams, world->exporter_count, truth ? "; truth in " : "",
			truth ? truth : "");
		return;
	}
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "out", conf->out);
	nr_json_text(&json, "truth", truth);
	nr_json_text(&json, "mmdb", conf->mmdb);
	nr_json_uint(&json, "conversations", world->conversations);
	nr_json_uint(&json, "records", t.records);
	nr_json_uint(&json, "records_written", t.written);
	nr_json_uint(&json, "datagrams", t.datagrams);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static int play(struct nr_flows_world *world, struct nr_pcap_writer *pcap, struct nr_error *error)
{
	const struct nr_flows_conf *conf = world->conf;
	if (!nr_carrier_is_udp(conf->out)) {
		int rc = nr_pcap_writer_open(pcap, conf->out, NR_LINK_ETHERNET, error);
		if (rc)
			return rc;
		world->carrier->pcap = pcap;
	}
	int rc = nr_flows_play(world, error);
	return rc || !world->carrier->pcap ? rc : nr_pcap_writer_finish(pcap, error);
}

static int build(struct nr_flows_world *world, struct nr_error *error)
{
	const struct nr_flows_conf *conf = world->conf;
	NR_AUTO(nr_geography_freep) struct nr_geography *geography = NULL;
	NR_AUTO(nr_pcap_writer_fini) struct nr_pcap_writer pcap = {0};
	NR_AUTO(nr_freep) char *truth = NULL;
	struct nr_progress progress;
	int rc = check(conf, world->carrier, error);
	if (!rc)
		rc = new_geography(conf->home, &geography, error);
	if (rc)
		return rc;
	world->geography = geography;
	world->progress = &progress;
	nr_progress_init(&progress, (uint64_t)(conf->duration / NR_SECOND), "s");
	rc = play(world, &pcap, error);
	nr_progress_fini(&progress);
	if (!rc && conf->mmdb)
		rc = nr_mmdb_write(conf->mmdb, geography, conf->start, error);
	if (!rc)
		rc = write_truth(world, &truth, error);
	if (!rc)
		print_report(world, truth);
	return rc;
}

static int run(const void *conf, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	struct nr_flows_conf copy = *(const struct nr_flows_conf *)conf;
	const struct nr_flows_conf *c = &copy;
	copy.home = copy.seed;
	if (copy.carrier)
		copy.seed = nr_random_mix(copy.seed ^ nr_random_mix(copy.carrier));
	copy.subscribers = NR_MAX(copy.subscribers, nr_scenes_subscribers(c));
	NR_AUTO(nr_freep) struct nr_flows_world *world = calloc(1, sizeof *world);
	NR_AUTO(nr_freep) struct nr_carrier *carrier = calloc(1, sizeof *carrier);
	(void)operands;
	(void)operand_count;
	nr_command_end_on_signal();
	if (!world || !carrier) {
		nr_fail(error, -ENOMEM, "world: out of memory");
		return NR_EXIT_ENVIRONMENT;
	}
	nr_carrier_init(carrier, c->seed);
	carrier->rate = c->rate;
	carrier->speed = c->speed;
	carrier->loss = c->loss / 100;
	world->conf = c;
	world->carrier = carrier;
	int rc = build(world, error);
	nr_flows_fini(world);
	nr_carrier_fini(carrier);
	if (rc == 0)
		return NR_EXIT_OK;
	return rc == -EINVAL || rc == -ERANGE ? NR_EXIT_USAGE : NR_EXIT_ENVIRONMENT;
}

#define AT(member) offsetof(struct nr_flows_conf, member)

static const struct nr_option options[] = {
	{.name = "seed",
		.type = NR_OPTION_UINT,
		.offset = AT(seed),
		.value = "N",
		.fallback = "1",
		.text_en = "Dice of this world; the same seed and options give the same bytes",
		.text_ja = "乱数の種。種とオプションが同じなら出力も同じ"},
	{.name = "out",
		.type = NR_OPTION_PATH,
		.offset = AT(out),
		.value = "FILE|udp:ADDR:PORT",
		.text_en = "Capture of the exports to write, or where to send them",
		.text_ja = "エクスポートを書き出すキャプチャー、または送信先"},
	{.name = "flows",
		.type = NR_OPTION_UINT,
		.offset = AT(flows),
		.value = "N",
		.fallback = "300000",
		.minimum = 1000,
		.maximum = 500e6,
		.text_en = "Flow records a day, about",
		.text_ja = "1 日あたりのフローレコード数（概数）"},
	{.name = "subscribers",
		.type = NR_OPTION_UINT,
		.offset = AT(subscribers),
		.value = "N",
		.fallback = "5000",
		.minimum = 1000,
		.maximum = 500000,
		.text_en = "Subscribers of the ISP",
		.text_ja = "ISPの加入者数"},
	{.name = "start",
		.type = NR_OPTION_TIME,
		.offset = AT(start),
		.value = "TIME",
		.fallback = "2026-04-01T00:00:00Z",
		.text_en = "When the world begins",
		.text_ja = "開始時刻"},
	{.name = "duration",
		.type = NR_OPTION_DURATION,
		.offset = AT(duration),
		.value = "D",
		.fallback = "1d",
		.text_en = "How long it lasts; the exporters' caches empty after that",
		.text_ja = "期間（終了後にキャッシュの残りも送られる）"},
	{.name = "sampling",
		.type = NR_OPTION_UINT,
		.offset = AT(sampling),
		.value = "N",
		.minimum = 0,
		.maximum = 10000,
		.text_en = "All exporters sample 1 in N packets (default: each by its own rate, 1 to 10000)",
		.text_ja = "全エクスポーターのサンプリング率 1:N（既定は機種ごとに 1～10000）"},
	{.name = "loss",
		.type = NR_OPTION_REAL,
		.offset = AT(loss),
		.value = "PERCENT",
		.fallback = "0.1",
		.minimum = 0,
		.maximum = 50,
		.text_en = "Datagrams that are lost on the way",
		.text_ja = "途中で失われるデータグラムの割合"},
	{.name = "rate",
		.type = NR_OPTION_UINT,
		.offset = AT(rate),
		.value = "N",
		.fallback = "50000",
		.minimum = 1,
		.maximum = 50e6,
		.text_en = "Over UDP: flow records a second at most",
		.text_ja = "UDP送信時の毎秒の上限（フローレコード数）"},
	{.name = "speed",
		.type = NR_OPTION_REAL,
		.offset = AT(speed),
		.value = "X",
		.minimum = 0,
		.maximum = 1e6,
		.text_en = "Over UDP: X times as fast as the world's own time (default: as the rate lets)",
		.text_ja = "UDP送信時の時間の倍率（既定は上限まで）"},
	{.name = "anywhere",
		.type = NR_OPTION_FLAG,
		.offset = AT(anywhere),
		.text_en = "Over UDP: send to other machines, too; they take made-up exports for real ones",
		.text_ja = "UDP送信時に他のホストへの送信も許す（受信側には本物に見える）"},
	{.name = "scenes",
		.type = NR_OPTION_CHOICE,
		.offset = AT(scenes),
		.value = "PROFILE",
		.fallback = "none",
		.choices = nr_scene_profiles,
		.text_en = "Also botnets, and benign services as regular as they are, with their truth",
		.text_ja = "ボットネットと、それに劣らず規則的な無害のサービスも加える（正解付き）"},
	{.name = "bots",
		.type = NR_OPTION_UINT,
		.offset = AT(bots),
		.value = "N",
		.minimum = 0,
		.maximum = 100000,
		.text_en = "Scenes: bots of each C&C server (default: what the sampling asks for)",
		.text_ja = "C&Cサーバーごとのボット数（既定はサンプリング率に応じた数）"},
	{.name = "nulls",
		.type = NR_OPTION_UINT,
		.offset = AT(nulls),
		.value = "N",
		.fallback = "100000",
		.minimum = 0,
		.maximum = 2e6,
		.text_en = "Scenes sampled: ordinary servers behind each of its two exporters",
		.text_ja = "sampled：二つのエクスポーターそれぞれの背景サーバー数"},
	{.name = "carrier",
		.type = NR_OPTION_UINT,
		.offset = AT(carrier),
		.value = "N",
		.minimum = 0,
		.maximum = 100,
		.text_en =
			"The Nth carrier of this world: subscribers of its own, C&C servers that all share",
		.text_ja = "この世界の N 番目の事業者。加入者は別で、C&Cサーバーは共通"},
	{.name = "mmdb",
		.type = NR_OPTION_PATH,
		.offset = AT(mmdb),
		.value = "FILE",
		.text_en = "Also write the world's countries and networks as a MaxMind database",
		.text_ja = "国と AS を MaxMind DB 形式でも書き出す"},
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

const struct nr_command nr_world_flows_command = {
	.area = "world",
	.verb = "flows",
	.text_en = "Write a synthetic ISP's flow exports and their truth",
	.text_ja = "合成ISPのフローエクスポートと正解を書き出す",
	.example = "noroshi world flows --seed 7 --flows 300000 --out flows.pcap --mmdb world.mmdb",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct nr_flows_conf),
	.run = run,
};
