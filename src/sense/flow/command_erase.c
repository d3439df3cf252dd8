/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi flow erase: flows and their keys, by order. */
#include "base/language.h"
#include "sense/flow/command.h"
#include "sense/flow/law/keys.h"
#include "sense/flow/law/law.h"
#include "store/flows/archive.h"

#include <errno.h>
#include <string.h>

struct erase_conf {
	const char *archive, *keys, *reason;
	nr_time before;
	bool json;
};

/* clang-format off */
#define AT(field) offsetof(struct erase_conf, field)
static const struct nr_option options[] = {
	{"archive", NR_OPTION_PATH, AT(archive), "DIR", NULL, 0, 0, NULL, "folder of the archive", "アーカイブのフォルダー"},
	{"before", NR_OPTION_TIME, AT(before), "TIME", NULL, 0, 0, NULL, "erase what was received before this", "この日時より前に受信したものを消去する"},
	{"reason", NR_OPTION_TEXT, AT(reason), "TEXT", NULL, 0, 0, NULL, "why; recorded", "理由（記録される）"},
	{"flow-keys", NR_OPTION_PATH, AT(keys), "DIR", NULL, 0, 0, NULL, "folder of the pseudonyms' keys (default: ARCHIVE.keys)", "仮名の鍵のフォルダー（省略時はARCHIVE.keys）"},
	{"json", NR_OPTION_FLAG, AT(json), NULL, NULL, 0, 0, NULL, "print one JSON object", "1つのJSONオブジェクトで出力する"},
};
/* clang-format on */

struct erased {
	uint64_t flows, keys;
};

static int erase_flows(const struct erase_conf *conf, const struct nr_flow_policy *policy,
	uint64_t *ret_flows, struct nr_error *error)
{
	NR_AUTO(nr_flow_archive_closep) struct nr_flow_archive *archive = NULL;
	const struct nr_flow_archive_conf archive_conf = {
		.keep = policy->keep, .keep_columns = policy->columns, .threads = 1};
	int e = nr_flow_archive_open(conf->archive, NR_FLOW_ARCHIVE_WRITE, &archive_conf, &archive, error);
	return e ? e : nr_flow_archive_erase(archive, conf->before, ret_flows, error);
}

static int erase_keys(const struct erase_conf *conf, uint64_t *ret_keys, struct nr_error *error)
{
	NR_AUTO(nr_flow_keys_closep) struct nr_flow_keys *keys = NULL;
	char folder[PATH_MAX];
	nr_flow_keys_folder(conf->archive, folder);
	int e = nr_flow_keys_open(conf->keys ? conf->keys : folder, conf->archive, false, &keys, error);
	return e ? e : nr_flow_keys_destroy(keys, conf->before, ret_keys, error);
}

/* First the record, then flows, then the keys of periods that have ended by then; both, even where one fails.
 */
static int erase(const struct erase_conf *conf, struct erased *erased, struct nr_error *error)
{
	NR_AUTO(nr_flow_policy_fini) struct nr_flow_policy policy = {0};
	struct nr_error of_keys = {0};
	char before[NR_TIME_TEXT], question[512];
	int e = nr_flow_policy_read(conf->archive, &policy, error);
	if (e)
		return e;
	snprintf(question, sizeof question, "received before %s, because: %.300s",
		nr_time_write(conf->before, before), conf->reason);
	e = nr_flow_use_record(conf->archive, "erase", "own-operation", question, NR_FLOW_USE_ASKED, error);
	if (e)
		return e;
	e = erase_flows(conf, &policy, &erased->flows, error);
	if (e == -EBUSY)
		return e;
	int k = erase_keys(conf, &erased->keys, e ? NULL : &of_keys);
	if (!e && k && error)
		*error = of_keys;
	e = e ? e : k;
	int r = nr_flow_use_record(conf->archive, e ? "erase-failed" : "erased", "own-operation", question,
		erased->flows, e ? NULL : error);
	return e ? e : r;
}

static void print(const struct erase_conf *conf, const struct erased *erased)
{
	struct nr_json json;
	if (!conf->json) {
		printf(nr_says("%llu flows and %llu keys of pseudonyms erased\n",
			       "フロー%llu件と仮名の鍵%llu個を消去\n"),
			(unsigned long long)erased->flows, (unsigned long long)erased->keys);
		return;
	}
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_uint(&json, "flows", erased->flows);
	nr_json_uint(&json, "keys", erased->keys);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)operands, (void)count;
	const struct erase_conf *conf = context;
	struct erased erased = {0};
	if (!conf->archive || !conf->before) {
		nr_fail(error, -EINVAL, "say what: --archive DIR --before TIME");
		return NR_EXIT_USAGE;
	}
	if (!conf->reason || strlen(conf->reason) < 3) {
		nr_fail(error, -EINVAL, "say why, it is recorded: --reason TEXT");
		return NR_EXIT_USAGE;
	}
	int e = erase(conf, &erased, error);
	if (!e)
		print(conf, &erased);
	return !e ? NR_EXIT_OK : e == -ENOENT || e == -EBADMSG ? nr_exit_of_input(e) : NR_EXIT_ENVIRONMENT;
}

const struct nr_command nr_flow_erase_command = {
	.area = "flow",
	.verb = "erase",
	.text_en = "Erase flows that were received before a time, and the keys of their pseudonyms",
	.text_ja = "ある日時より前に受信したフローと、その仮名の鍵を消去する",
	.example =
		"noroshi flow erase --archive flows --before 2026-11-20 --reason \"order 12 of 2026-11-24\"",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct erase_conf),
	.run = run,
};
