/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi ledger append: each line is an entry; what was answered is on the disk. */
#include "base/language.h"
#include "trust/ledger/command.h"
#include "trust/ledger/source.h"
#include "trust/signer/open.h"
#include "trust/signer/share.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define READ_BYTES ((size_t)1024 * 1024) /* at once, and so the entries that are made durable together */
#define LINES_MAX  65536

struct append_conf {
	struct nr_keys_conf keys;
	bool json;
};

static const struct nr_option options[] = {
	{"keys", NR_OPTION_PATH, offsetof(struct append_conf, keys.folder), "DIR", NULL, 0, 0, NULL,
		"folder of keys, as \"noroshi key new\" makes it",
		"鍵のフォルダー（noroshi key newが作るもの）"},
	{"passphrase-file", NR_OPTION_PATH, offsetof(struct append_conf, keys.passphrase_file), "FILE", NULL,
		0, 0, NULL, "file whose first line opens the encrypted key",
		"暗号化された鍵を開くパスフレーズ（1行目）のファイル"},
	{"ledger", NR_OPTION_PATH, offsetof(struct append_conf, keys.ledger), "DIR", NULL, 0, 0, NULL,
		"folder of the ledger (default: ledger in the folder of keys)",
		"台帳のフォルダー（省略時は鍵のフォルダー内のledger）"},
	NR_WITNESS_OPTIONS(struct append_conf, keys.),
	{"json", NR_OPTION_FLAG, offsetof(struct append_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object", "1つのJSONオブジェクトで出力する"},
};

/* One input while it is read. */
struct input {
	struct nr_keys *keys;
	const char *name;
	uint64_t line; /* of the next one */
	uint64_t first, last, count;
	struct nr_ledger_entry *entries; /* LINES_MAX */
};

/* So many of the entries go together: all of them, or what one message to the process that writes holds. */
static size_t together(const struct input *in, const struct nr_ledger_entry *entries, size_t count)
{
	size_t taken = 0, bytes = 0;
	if (nr_keys_ledger(in->keys))
		return count;
	while (taken < NR_MIN(count, (size_t)NR_SHARE_ENTRIES_MAX) &&
		bytes + entries[taken].length <= NR_SHARE_BYTES_MAX)
		bytes += entries[taken++].length;
	return taken;
}

static int append_entries(struct input *in, size_t count, struct nr_error *error)
{
	for (size_t done = 0, taken; done < count; done += taken) {
		uint64_t first;
		taken = together(in, in->entries + done, count - done);
		int e = nr_keys_append(in->keys, in->entries + done, taken, &first, error);
		if (e)
			return e;
		in->first = in->count ? in->first : first;
		in->last = first + taken - 1;
		in->count += taken;
	}
	return 0;
}

static int too_long(const struct input *in, struct nr_error *error)
{
	return nr_fail(error, -EBADMSG, "%.150s: line %llu: an entry has at most %d bytes", in->name,
		(unsigned long long)in->line, NR_LEDGER_ENTRY_MAX);
}

/* Appends the whole lines, and what is behind them where it is the input's end; *ret_used is what they took.
 * Empty lines are no entries. */
static int append_lines(struct input *in, const char *bytes, size_t length, bool last, size_t *ret_used,
	struct nr_error *error)
{
	const char *at = bytes, *end = bytes + length;
	size_t count = 0;
	int e = 0;
	while (!e && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline && !last)
			break;
		size_t line = (size_t)((newline ? newline : end) - at);
		size_t entry = line && at[line - 1] == '\r' ? line - 1 : line;
		if (entry > NR_LEDGER_ENTRY_MAX) {
			e = append_entries(in, count, error); /* what is before it is kept */
			return e ? e : too_long(in, error);
		}
		in->line++;
		if (entry)
			in->entries[count++] = (struct nr_ledger_entry){at, entry};
		at += newline ? line + 1 : line;
		if (count == LINES_MAX) {
			e = append_entries(in, count, error);
			count = 0;
		}
	}
	*ret_used = (size_t)(at - bytes);
	return e ? e : append_entries(in, count, error);
}

static int append_input(struct input *in, int file, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *bytes = malloc(READ_BYTES);
	size_t length = 0, used = 0;
	ssize_t got = 1;
	if (!bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	while (got > 0) {
		got = read(file, bytes + length, READ_BYTES - length);
		if (got < 0 && errno == EINTR) {
			got = 1;
			continue;
		}
		if (got < 0)
			return nr_fail(error, -EBADMSG, "%.150s: %s", in->name, strerror(errno));
		length += (size_t)got;
		int e = append_lines(in, bytes, length, got == 0, &used, error);
		if (!e && length - used == READ_BYTES)
			e = too_long(in, error);
		if (e)
			return e;
		memmove(bytes, bytes + used, length - used);
		length -= used;
	}
	return 0;
}

static int append_path(struct input *in, const char *path, struct nr_error *error)
{
	bool standard = !strcmp(path, "-");
	NR_AUTO(nr_close_fd) int file = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	in->name = standard ? "standard input" : path;
	in->line = 1;
	if (file < 0)
		return nr_fail(error, -EBADMSG, "%.150s: %s", path, strerror(errno));
	return append_input(in, file, error);
}

/* The tree that is published; where another process writes, it does that within a second, and shows it. */
static void print(const struct append_conf *conf, const struct input *in)
{
	struct nr_ledger *ledger = nr_keys_ledger(in->keys);
	const char *origin = nr_keys_origin(in->keys);
	struct nr_hash root;
	char text[NR_ROOT_TEXT];
	uint64_t size = ledger ? nr_ledger_published(ledger, &root) : 0;
	if (!conf->json) {
		if (in->count)
			printf(nr_says("%llu entries appended: %llu to %llu\n",
				       "%llu件を追記：%lluから%llu\n"),
				(unsigned long long)in->count, (unsigned long long)in->first,
				(unsigned long long)in->last);
		if (ledger)
			printf("%s: %llu %s\n", origin, (unsigned long long)size, nr_root_write(&root, text));
		else
			printf(nr_says("%s: the process that writes it publishes them\n",
				       "%s：台帳を書いているプロセスが公開する\n"),
				origin);
		return;
	}
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	if (in->count) {
		nr_json_uint(&json, "first", in->first);
		nr_json_uint(&json, "last", in->last);
	}
	nr_json_uint(&json, "count", in->count);
	nr_json_text(&json, "origin", origin);
	if (ledger) {
		nr_json_uint(&json, "size", size);
		nr_json_text(&json, "root", nr_root_write(&root, text));
	}
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	const struct append_conf *conf = context;
	static const char *const standard_input = "-";
	NR_AUTO(nr_freep) struct nr_ledger_entry *entries = calloc(LINES_MAX, sizeof *entries);
	NR_AUTO(nr_keys_closep) struct nr_keys *keys = NULL;
	if (!conf->keys.folder) {
		nr_fail(error, -EINVAL,
			"name the folder of keys: --keys DIR (noroshi key new --out DIR makes one)");
		return NR_EXIT_USAGE;
	}
	int e = entries ? nr_keys_open(&conf->keys, 0, &keys, error) : -ENOMEM;
	if (e)
		return e == -EINVAL ? NR_EXIT_USAGE : NR_EXIT_ENVIRONMENT;
	struct input in = {.keys = keys, .entries = entries};
	for (size_t i = 0; !e && i < NR_MAX(count, (size_t)1); i++)
		e = append_path(&in, count ? operands[i] : standard_input, error);
	struct nr_error publishing;
	int p = nr_keys_ledger(keys) ? nr_ledger_publish(nr_keys_ledger(keys), &publishing) : 0;
	if (p && !e)
		*error = publishing;
	print(conf, &in);
	return e == -EBADMSG ? NR_EXIT_INPUT : e || p ? NR_EXIT_ENVIRONMENT : NR_EXIT_OK;
}

const struct nr_command nr_ledger_append_command = {
	.area = "ledger",
	.verb = "append",
	.operands = "FILE...",
	.text_en =
		"Append each line of files, or of standard input, to a ledger; durable when it is answered",
	.text_ja = "ファイルまたは標準入力の各行を台帳に追記する（応答した時点で永続化済み）",
	.example = "noroshi ledger append --keys keys entries.jsonl",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct append_conf),
	.run = run,
};
