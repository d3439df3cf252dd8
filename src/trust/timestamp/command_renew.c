/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi timestamp renew: one token for many documents, and the next one before it ends. */
#include "base/file.h"
#include "base/progress.h"
#include "trust/certificate/signature.h"
#include "trust/timestamp/command.h"
#include "trust/timestamp/evidence.h"

#include <errno.h>
#include <string.h>

struct renew_conf {
	const char *tsa, *tsa_ca, *digest;
	bool json;
};

static const char *const digests[] = {"sha256", "sha384", "sha512", NULL};
static const struct nr_option options[] = {
	{"tsa", NR_OPTION_TEXT, offsetof(struct renew_conf, tsa), "URL", NULL, 0, 0, NULL,
		"the authority's address", "タイムスタンプ局のURL"},
	{"tsa-ca", NR_OPTION_PATH, offsetof(struct renew_conf, tsa_ca), "PEM", NULL, 0, 0, NULL,
		"who may certify its server (default: the system's authorities)",
		"接続先サーバーを証明する認証局（省略時はシステムのもの）"},
	{"digest", NR_OPTION_CHOICE, offsetof(struct renew_conf, digest), "NAME", "sha256", 0, 0, digests,
		"digest; another than the record's last one begins a new chain over document and record",
		"ハッシュ関数。記録の最新のものと異なる場合は、文書と記録全体に対する新しいチェーンを始める"},
	{"json", NR_OPTION_FLAG, offsetof(struct renew_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object", "1つのJSONオブジェクトで出力する"},
};

struct leaf {
	uint8_t hash[NR_TSP_IMPRINT_MAX]; /* zero behind its end */
	size_t path, place;               /* index of the file, and in the tree */
};

struct renewal {
	const struct renew_conf *conf;
	enum nr_oid digest;
	size_t size;
	const char *const *paths;
	size_t count;
	struct leaf *leaves; /* owned; one for each path */
	size_t renewed;      /* had a record before */
};

static int record_path(const char *path, char ret_path[4096], struct nr_error *error)
{
	if (snprintf(ret_path, 4096, "%s.ers", path) >= 4096)
		return nr_fail(error, -ENAMETOOLONG, "%.150s: the name is too long", path);
	return 0;
}

/* *ret_record NULL: there is none yet. */
static int read_record(const char *path, uint8_t **ret_record, size_t *ret_length, struct nr_error *error)
{
	char record[4096];
	int e = record_path(path, record, error);
	if (!e && access(record, F_OK) == 0)
		return nr_file_read(record, NR_EVIDENCE_MAX, ret_record, ret_length, error);
	*ret_record = NULL;
	*ret_length = 0;
	return e;
}

static int make_leaf(struct renewal *renewal, size_t index, struct nr_error *error)
{
	const char *path = renewal->paths[index];
	uint8_t document[NR_DIGEST_MAX], leaf[NR_TSP_IMPRINT_MAX];
	NR_AUTO(nr_freep) uint8_t *record = NULL;
	size_t length;
	NR_AUTO(nr_closep) FILE *stream = fopen(path, "re");
	if (!stream)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	int e = nr_digest_stream(renewal->digest, stream, document, error);
	if (!e)
		e = read_record(path, &record, &length, error);
	if (!e)
		e = nr_evidence_leaf(record, length, renewal->digest, document, leaf, error);
	if (e)
		return nr_error_prefix(error, "%.100s", path);
	renewal->renewed += record != NULL;
	memcpy(renewal->leaves[index].hash, leaf, renewal->size);
	renewal->leaves[index].path = index;
	return 0;
}

static int write_record(const struct renewal *renewal, const struct nr_evidence_tree *tree, size_t place,
	size_t index, const uint8_t *token, size_t token_length, struct nr_error *error)
{
	char path[4096];
	NR_AUTO(nr_freep) uint8_t *record = NULL, *made = NULL;
	size_t length, made_length;
	int e = read_record(renewal->paths[index], &record, &length, error);
	if (!e)
		e = nr_evidence_add(
			record, length, tree, place, token, token_length, &made, &made_length, error);
	if (!e)
		e = record_path(renewal->paths[index], path, error);
	return e ? e : nr_file_write(path, made, made_length, error);
}

static int compare_hashes(const void *a, const void *b)
{
	return memcmp(((const struct leaf *)a)->hash, ((const struct leaf *)b)->hash, NR_TSP_IMPRINT_MAX);
}

static int compare_paths(const void *a, const void *b)
{
	size_t x = ((const struct leaf *)a)->path, y = ((const struct leaf *)b)->path;
	return (x > y) - (x < y);
}

/* Each hash once: documents that had one token in common renew the same, and a list that holds a hash twice
 * can be read in two ways. */
static int make_tree(struct renewal *renewal, struct nr_evidence_tree **ret_tree, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *hashes = malloc(renewal->count * renewal->size);
	size_t count = 0;
	if (!hashes)
		return nr_fail(error, -ENOMEM, "out of memory");
	qsort(renewal->leaves, renewal->count, sizeof *renewal->leaves, compare_hashes);
	for (size_t i = 0; i < renewal->count; i++) {
		if (i == 0 || compare_hashes(&renewal->leaves[i - 1], &renewal->leaves[i]) != 0)
			memcpy(hashes + count++ * renewal->size, renewal->leaves[i].hash, renewal->size);
		renewal->leaves[i].place = count - 1;
	}
	qsort(renewal->leaves, renewal->count, sizeof *renewal->leaves, compare_paths);
	return nr_evidence_tree_new(renewal->digest, hashes, count, ret_tree, error);
}

static int stamp_all(struct renewal *renewal, struct nr_error *error)
{
	NR_AUTO(nr_evidence_tree_freep) struct nr_evidence_tree *tree = NULL;
	NR_AUTO(nr_freep) uint8_t *token = NULL;
	size_t token_length;
	struct nr_progress progress;
	int e = 0;
	nr_progress_init(&progress, 2 * renewal->count, "");
	for (size_t i = 0; !e && i < renewal->count; i++) {
		e = make_leaf(renewal, i, error);
		nr_progress_show(&progress, i + 1);
	}
	if (!e)
		e = make_tree(renewal, &tree, error);
	if (!e)
		e = nr_token_fetch(renewal->conf->tsa, renewal->conf->tsa_ca, renewal->digest,
			nr_evidence_tree_root(tree), &token, &token_length, error);
	for (size_t i = 0; !e && i < renewal->count; i++) {
		e = write_record(renewal, tree, renewal->leaves[i].place, i, token, token_length, error);
		nr_progress_show(&progress, renewal->count + i + 1);
	}
	nr_progress_fini(&progress);
	return e;
}

static void say(const struct renewal *renewal)
{
	if (!renewal->conf->json) {
		printf("%zu documents, one token: %zu new records, %zu renewed (FILE.ers)\n", renewal->count,
			renewal->count - renewal->renewed, renewal->renewed);
		return;
	}
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_uint(&json, "documents", renewal->count);
	nr_json_uint(&json, "new", renewal->count - renewal->renewed);
	nr_json_uint(&json, "renewed", renewal->renewed);
	nr_json_text(&json, "digest", renewal->conf->digest);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static int run(const void *context, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	const struct renew_conf *conf = context;
	struct renewal renewal = {.conf = conf, .paths = operands, .count = operand_count};
	if (!conf->tsa) {
		nr_fail(error, -EINVAL, "which authority? --tsa URL");
		return NR_EXIT_USAGE;
	}
	renewal.digest = nr_digest_named(conf->digest);
	renewal.size = nr_oid_digest_bytes(renewal.digest);
	renewal.leaves = calloc(operand_count, sizeof *renewal.leaves);
	if (!renewal.leaves) {
		nr_fail(error, -ENOMEM, "out of memory");
		return NR_EXIT_ENVIRONMENT;
	}
	int e = stamp_all(&renewal, error);
	free(renewal.leaves);
	if (e == -EBADMSG)
		return NR_EXIT_INPUT;
	if (e)
		return e == -EACCES || e == -EAGAIN ? NR_EXIT_NO : nr_exit_of_input(e);
	say(&renewal);
	return NR_EXIT_OK;
}

const struct nr_command nr_timestamp_renew_command = {
	.area = "timestamp",
	.verb = "renew",
	.operands = "FILE...",
	.operand_min = 1,
	.text_en = "Prove the age of many files by one token, and prolong the proof (RFC 4998): the record "
		   "of FILE is FILE.ers",
	.text_ja = "多数のファイルの存在時刻を1つのトークンで証明し、証明を延長する（RFC "
		   "4998。FILEの記録はFILE.ers）",
	.example = "noroshi timestamp renew --tsa http://127.0.0.1:3161/ archive/notice-1.pdf "
		   "archive/notice-2.pdf",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct renew_conf),
	.run = run,
};
