/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noroshi flow keep: flows of files into an archive, under the same law as those that are received, and their
 * sums into a store. Their age is counted from when they were received; of files that do not say it, from
 * now.
 */
#include "base/log.h"
#include "base/sandbox.h"
#include "sense/flow/command.h"
#include "sense/flow/file/file.h"
#include "sense/flow/law/law.h"
#include "sense/flow/live/keep.h"
#include "sense/flow/traffic.h"
#include "store/flows/archive.h"
#include "store/store.h"

#include <errno.h>
#include <string.h>

struct keep_conf {
	struct nr_flow_collector_conf collector;
	struct nr_flow_law_options law;
	struct nr_flow_archive_conf keep;
	struct nr_flow_traffic_conf traffic;
	const char *archive, *store;
	bool json;
};

static const struct nr_option options[] = {
	{"archive", NR_OPTION_PATH, offsetof(struct keep_conf, archive), "DIR", NULL, 0, 0, NULL,
		"the archive that takes them (made if absent)", "保存先のアーカイブ（なければ作る）"},
	{"store", NR_OPTION_PATH, offsetof(struct keep_conf, store), "FILE", NULL, 0, 0, NULL,
		"also add the sums of traffic, which hold no client, to this store",
		"契約者を含まない通信量の集計を、このストアにも加える"},
	{"sensor", NR_OPTION_TEXT, offsetof(struct keep_conf, traffic.sensor), "NAME", "flow", 0, 0, NULL,
		"name under which the sums are stored", "集計を保存する名前"},
	{"mmdb", NR_OPTION_PATH, offsetof(struct keep_conf, traffic.mmdb), "FILE", NULL, 0, 0, NULL,
		"country (and AS) database in the MaxMind DB format",
		"国（およびAS）のデータベース（MaxMind DB形式）"},
	{"as-mmdb", NR_OPTION_PATH, offsetof(struct keep_conf, traffic.as_mmdb), "FILE", NULL, 0, 0, NULL,
		"AS database in the MaxMind DB format", "ASのデータベース（MaxMind DB形式）"},
	{"json", NR_OPTION_FLAG, offsetof(struct keep_conf, json), NULL, NULL, 0, 0, NULL,
		"print the summary as one JSON object", "集計を1つのJSONオブジェクトで出力する"},
	NR_FLOW_COLLECTOR_OPTIONS(struct keep_conf, collector.),
	NR_FLOW_LAW_OPTIONS(struct keep_conf, law.),
	NR_FLOW_KEEP_OPTIONS("", struct keep_conf, keep.),
};

/* Everything of one run; released in reverse order. It is the sink of all flows. */
struct run {
	struct nr_flow_sink sink; /* the first member */
	const struct keep_conf *conf;
	struct nr_flow_law *law;
	struct nr_flow_archive *archive;
	struct nr_flow_collector *collector;
	struct nr_flow_traffic *traffic; /* NULL: no sums */
	struct nr_store *store;
	struct nr_flow_block *block; /* the copy that the law changes */
	struct nr_flow_file_report total;
	nr_time oldest_kept; /* what was received before it is too old */
	uint64_t too_old;
	bool unreadable;
};

static void run_fini(struct run *run)
{
	nr_flow_block_free(run->block);
	nr_flow_traffic_free(run->traffic);
	nr_flow_collector_free(run->collector);
	nr_flow_archive_close(run->archive);
	nr_flow_law_close(run->law);
	nr_store_close(run->store);
}

/* ---- flows ---- */

static int copy(struct run *run, const struct nr_flow_block *block, struct nr_error *error)
{
	if (run->block && run->block->room < block->room) {
		nr_flow_block_free(run->block);
		run->block = NULL;
	}
	int e = run->block ? 0 : nr_flow_block_new(block->room, &run->block, error);
	if (e)
		return e;
	nr_flow_block_clear(run->block);
	return nr_flow_rows_copy(run->block, block, 0, block->count);
}

static int take(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct run *run = (struct run *)sink;
	if (block->received_first < run->oldest_kept) {
		run->too_old += block->count;
		return 0;
	}
	int e = copy(run, block, error);
	if (!e)
		e = nr_flow_law_apply(run->law, run->block, error);
	if (!e)
		e = nr_flow_archive_append(run->archive, run->block, error);
	if (e || !run->traffic || !run->block->count)
		return e;
	nr_flow_traffic_take(run->traffic, run->block);
	return nr_flow_traffic_flush(
		run->traffic, run->block->received_last, nr_store_sink(run->store), error);
}

/* ---- the run ---- */

static int open_store(struct run *run, struct nr_error *error)
{
	const struct keep_conf *conf = run->conf;
	if (!conf->store)
		return 0;
	int e = nr_store_open(
		conf->store, NR_STORE_CREATE, nr_flow_tables, nr_flow_table_count, &run->store, error);
	if (e)
		return e;
	nr_store_sink(run->store)->session = nr_time_now();
	return nr_flow_traffic_new(&conf->traffic, &run->traffic, error);
}

static int prepare(struct run *run, struct nr_error *error)
{
	const struct keep_conf *conf = run->conf;
	if (!conf->archive)
		return nr_fail(error, -EINVAL, "--archive is missing: the folder that takes the flows");
	int e = nr_flow_law_open(&conf->law, conf->archive, &run->law, error);
	if (e)
		return e;
	struct nr_flow_archive_conf keep = conf->keep;
	keep.keep = nr_flow_law_policy(run->law)->keep;
	keep.keep_columns = nr_flow_law_policy(run->law)->columns;
	run->oldest_kept = nr_time_now() - keep.keep;
	e = nr_flow_archive_open(conf->archive, NR_FLOW_ARCHIVE_WRITE, &keep, &run->archive, error);
	if (!e) /* now that nobody else writes */
		e = nr_flow_policy_settle(conf->archive, nr_flow_law_policy(run->law), error);
	if (!e)
		e = open_store(run, error);
	if (!e)
		e = nr_flow_collector_new(&conf->collector, &run->sink, &run->collector, error);
	if (e)
		return e;
	/* files come from strangers: from here on nothing can be executed or connected to */
	struct nr_sandbox sandbox;
	e = nr_sandbox_enter(
		NR_SANDBOX_READ_FILES | NR_SANDBOX_WRITE_FILES | NR_SANDBOX_MAKE_FOLDERS, &sandbox, error);
	if (!e && nr_sandbox_missing(&sandbox))
		nr_log(NR_LOG_WARNING, "sandbox", "missing", nr_sandbox_missing(&sandbox), "reason",
			"this kernel does not have it; what reads files is confined less", NULL);
	return e;
}

static int read_file(struct run *run, const char *path, struct nr_error *error)
{
	struct nr_flow_file_report report = {0};
	int e = nr_flow_file_read(path, run->collector, &run->sink, &report, error);
	run->total.records += report.records;
	for (unsigned i = 0; i < NR_FLOW_FILE_DROPS; i++)
		run->total.dropped[i] += report.dropped[i];
	if (report.damage[0]) {
		fprintf(stderr, "noroshi: %s\n", report.damage);
		run->unreadable = true;
	}
	return e;
}

static int hand_over_exporters(struct run *run, struct nr_error *error)
{
	NR_AUTO(nr_json_fini) struct nr_json json = {0};
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_flow_collector_report(run->collector, &json);
	nr_json_object_end(&json);
	int e = nr_json_finish(&json, error);
	return e ? e : nr_flow_traffic_exporters(run->traffic, json.bytes, nr_store_sink(run->store), error);
}

static int finish(struct run *run, struct nr_error *error)
{
	nr_flow_collector_note(run->collector, run->total.records, nr_flow_file_drop_names,
		run->total.dropped, NR_FLOW_FILE_DROPS);
	int e = nr_flow_archive_sync(run->archive, error);
	if (!e && run->traffic)
		e = nr_flow_traffic_flush(run->traffic, NR_TIME_MAX, nr_store_sink(run->store), error);
	if (!e && run->traffic)
		e = hand_over_exporters(run, error);
	if (!e && run->store)
		e = nr_store_sink(run->store)->commit(nr_store_sink(run->store), error);
	return e;
}

static void print(const struct run *run)
{
	struct nr_flow_archive_state state = nr_flow_archive_state(run->archive);
	struct nr_flow_law_counts law = nr_flow_law_counts(run->law);
	struct nr_json json;
	if (!run->conf->json) {
		printf("%llu flows kept in %s, %llu addresses of clients as pseudonyms; %llu events of NATs "
		       "left "
		       "out; %llu flows too old to keep\n",
			(unsigned long long)law.flows, run->conf->archive, (unsigned long long)law.clients,
			(unsigned long long)law.events, (unsigned long long)run->too_old);
		return;
	}
	nr_json_init_stream(&json, stdout);
	nr_json_object(&json, NULL);
	nr_json_uint(&json, "kept", law.flows);
	nr_json_uint(&json, "client_addresses", law.clients);
	nr_json_uint(&json, "nat_events_left_out", law.events);
	nr_json_uint(&json, "too_old", run->too_old);
	nr_json_uint(&json, "archive_bytes", state.bytes);
	nr_json_uint(&json, "archive_flows", state.flows);
	nr_json_object(&json, "summary");
	nr_flow_collector_report(run->collector, &json);
	nr_json_object_end(&json);
	nr_json_object_end(&json);
	nr_json_finish(&json, NULL);
	nr_json_fini(&json);
	putchar('\n');
}

static int run_keep(const void *conf, const char *const *paths, size_t count, struct nr_error *error)
{
	NR_AUTO(run_fini) struct run run = {.sink = {.take = take}, .conf = conf};
	int e = prepare(&run, error);
	if (e)
		return nr_exit_of_input(e);
	for (size_t i = 0; !e && i < count; i++)
		e = read_file(&run, paths[i], error);
	if (!e)
		e = finish(&run, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	print(&run);
	return run.unreadable ? NR_EXIT_INPUT : NR_EXIT_OK;
}

const struct nr_command nr_flow_keep_command = {
	.area = "flow",
	.verb = "keep",
	.operands = "FILE...",
	.operand_min = 1,
	.text_en = "Put flows of files into an archive, clients as pseudonyms, and their sums into a store",
	.text_ja = "ファイルのフローを、契約者を仮名にしてアーカイブに保存し、集計をストアに加える",
	.example = "noroshi flow keep nfcapd.202601020300 --archive flows --own 192.0.2.0/24",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct keep_conf),
	.run = run_keep,
};
