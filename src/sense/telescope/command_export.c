/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi telescope export: what a telescope saw, in a form that may be given away. */
#include "sense/telescope/command_export.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "sense/telescope/command.h"
#include "sense/telescope/command_run.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#define FRAMES 256

static const char *const format_choices[] = {"pcap", "flowtuple", "csv", NULL};
static const char *const own_choices[] = {"anonymise", "drop", "keep", NULL};
static const char *const source_choices[] = {"keep", "anonymise", NULL};
static const char *const codec_choices[] = {"deflate", "snappy", NULL};
static const char *const slot_choices[] = {"5m", "1h", "1d", NULL};

static const struct nr_option options[] = {
	{"out", NR_OPTION_PATH, offsetof(struct nr_export_conf, out), "FILE", NULL, 0, 0, NULL,
		"where to write; what was done is noted in FILE.json",
		"出力先（処理の記録は FILE.json に書く）"},
	{"format", NR_OPTION_CHOICE, offsetof(struct nr_export_conf, format), "FORMAT", "pcap", 0, 0,
		format_choices, "anonymised packets, FlowTuple (Avro), or counts per slot and port",
		"形式: 匿名化パケット・FlowTuple（Avro）・時間帯とポートごとの集計"},
	{"key", NR_OPTION_PATH, offsetof(struct nr_export_conf, key), "FILE", NULL, 0, 0, NULL,
		"key of the addresses; exports with one key belong together (default: a new one that is "
		"forgotten)",
		"アドレス匿名化の鍵。同じ鍵の出力は突き合わせられる（省略時は使い捨ての鍵）"},
	{"new-key", NR_OPTION_FLAG, offsetof(struct nr_export_conf, new_key), NULL, NULL, 0, 0, NULL,
		"make the file of --key first (mode 0600)", "先に --key のファイルを作る（モード0600）"},
	{"own-hosts", NR_OPTION_CHOICE, offsetof(struct nr_export_conf, own_hosts), "POLICY", "anonymise", 0,
		0, own_choices, "packets whose source is in --own",
		"送信元が --own に含まれるパケットの扱い"},
	{"sources", NR_OPTION_CHOICE, offsetof(struct nr_export_conf, sources), "POLICY", "keep", 0, 0,
		source_choices, "the addresses of all other sources", "その他の送信元アドレスの扱い"},
	{"payload", NR_OPTION_TEXTS, offsetof(struct nr_export_conf, payload), "PORT", NULL, 0, 0, NULL,
		"keep payloads from and to this port, e.g. udp/53 (default: none are kept)",
		"このポートのペイロードを残す（例: udp/53。省略時はすべて除く）"},
	{"time-unit", NR_OPTION_DURATION, offsetof(struct nr_export_conf, unit), "TIME", "1s", 0, 0, NULL,
		"round times down to it and shuffle packets within it",
		"時刻をこの単位に丸め、単位内で順序を入れ替える"},
	{"interval", NR_OPTION_DURATION, offsetof(struct nr_export_conf, interval), "TIME", "60s", 0, 0, NULL,
		"interval of flow tuples", "FlowTuple の集計間隔"},
	{"codec", NR_OPTION_CHOICE, offsetof(struct nr_export_conf, codec), "CODEC", "deflate", 0, 0,
		codec_choices, "compression of flow tuples", "FlowTuple の圧縮方式"},
	{"raw", NR_OPTION_FLAG, offsetof(struct nr_export_conf, raw), NULL, NULL, 0, 0, NULL,
		"flow tuples with the real destinations: not for giving away",
		"FlowTuple の宛先を匿名化しない（提供用ではない）"},
	{"slot", NR_OPTION_CHOICE, offsetof(struct nr_export_conf, slot), "TIME", "5m", 0, 0, slot_choices,
		"time slot of the counts", "集計の時間帯"},
	NR_TELESCOPE_OPTIONS(struct nr_export_conf, sense.),
};

/* ---- inputs ---- */

void nr_export_complain(struct nr_export *export, const char *text)
{
	fprintf(stderr, "noroshi: %s\n", text);
	export->unreadable = true;
}

int nr_export_enter(struct nr_error *error)
{
	return nr_telescope_enter(NR_SANDBOX_READ_FILES | NR_SANDBOX_WRITE_FILES, error);
}

static int read_capture(struct nr_export *export, struct nr_capture *capture, nr_time *last,
	int (*each)(void *context, const struct nr_frame *frame, struct nr_error *error), void *context,
	struct nr_error *error)
{
	struct nr_progress progress;
	struct nr_frame frames[FRAMES];
	uint64_t done, total;
	size_t n;
	int e = 0;
	nr_capture_progress(capture, &done, &total);
	nr_progress_init(&progress, total, "B");
	while (!e && (n = nr_capture_read(capture, frames, FRAMES, &export->loss)) > 0) {
		for (size_t i = 0; !e && i < n; i++) {
			if (frames[i].time == NR_TIME_MIN)
				frames[i].time = *last;
			*last = frames[i].time;
			e = each(context, &frames[i], error);
		}
		nr_capture_progress(capture, &done, &total);
		nr_progress_show(&progress, done);
	}
	nr_progress_fini(&progress);
	return e;
}

int nr_export_read(struct nr_export *export, const char *const *paths, size_t count,
	int (*each)(void *context, const struct nr_frame *frame, struct nr_error *error), void *context,
	struct nr_error *error)
{
	nr_time last = 0;
	int e = 0;
	for (size_t i = 0; !e && i < count; i++) {
		NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
		struct nr_error reason;
		if (nr_capture_open(paths[i], &capture, &reason)) {
			nr_export_complain(export, reason.text);
			continue;
		}
		export->inputs++;
		e = read_capture(export, capture, &last, each, context, error);
		if (nr_capture_damage(capture))
			nr_export_complain(export, nr_capture_damage(capture));
	}
	return e;
}

/* ---- the key and the policy ---- */

static int read_key(struct nr_export *export, uint8_t key[static NR_ANONYMISE_KEY], struct nr_error *error)
{
	const struct nr_export_conf *conf = &export->conf;
	int e = conf->key ? nr_anonymise_key_read(conf->key, key, error)
			  : nr_anonymise_key_random(key, error);
	return e ? e : nr_anonymise_key_id(key, export->key_id, error);
}

/* "tcp/80" */
static int allow_payload(struct nr_anonymiser *anonymiser, const char *text, struct nr_error *error)
{
	char *end = NULL;
	bool udp = strncmp(text, "udp/", 4) == 0, sound = udp || strncmp(text, "tcp/", 4) == 0;
	unsigned long port = sound && text[4] >= '0' && text[4] <= '9' ? strtoul(text + 4, &end, 10) : 0;
	if (!sound || !end || *end || port > UINT16_MAX)
		return nr_fail(error, -EINVAL, "--payload %.40s: say tcp/PORT or udp/PORT", text);
	nr_anonymiser_keep_payload(anonymiser, udp ? 17 : 6, (uint16_t)port);
	return 0;
}

static enum nr_own_policy own_policy(const char *text)
{
	size_t i = 0;
	while (strcmp(own_choices[i], text) != 0)
		i++;
	return (enum nr_own_policy)i;
}

static int make_anonymiser(struct nr_export *export, struct nr_error *error)
{
	const struct nr_export_conf *conf = &export->conf;
	uint8_t key[NR_ANONYMISE_KEY];
	struct nr_anonymise_conf how = {.key = key,
		.dark = export->refs.dark,
		.own = export->refs.own,
		.tunnel_ends = export->refs.tunnel_ends,
		.own_policy = own_policy(conf->own_hosts),
		.sources = strcmp(conf->sources, "anonymise") == 0,
		.unit = conf->unit};
	int e = read_key(export, key, error);
	if (!e)
		e = nr_anonymiser_new(&how, &export->anonymiser, error);
	explicit_bzero(key, sizeof key);
	for (size_t i = 0; !e && i < conf->payload.count; i++)
		e = allow_payload(export->anonymiser, conf->payload.items[i], error);
	return e;
}

static bool is_format(const struct nr_export *export, const char *name)
{
	return strcmp(export->conf.format, name) == 0;
}

/* What the options ask of each other. */
static int check(const struct nr_export *export, size_t operands, struct nr_error *error)
{
	const struct nr_export_conf *conf = &export->conf;
	if (conf->new_key && !conf->key)
		return nr_fail(error, -EINVAL, "--new-key: name the file with --key");
	if (!operands)
		return conf->new_key ? 0 : nr_fail(error, -EINVAL, "FILE... is missing");
	if (!conf->out)
		return nr_fail(error, -EINVAL, "--out FILE is missing");
	if (conf->unit < NR_SECOND || conf->interval < NR_SECOND)
		return nr_fail(error, -EINVAL, "--time-unit and --interval: at least 1s");
	if (conf->raw && !is_format(export, "flowtuple"))
		return nr_fail(error, -EINVAL, "--raw: only with --format flowtuple");
	if (!is_format(export, "csv") && !conf->raw && !conf->sense.dark.count)
		return nr_fail(error, -EINVAL,
			"--dark CIDR is missing: without it nobody can know which addresses must not be "
			"seen");
	return 0;
}

/* ---- the note beside the file ---- */

static int hash_file(const char *path, char ret_text[static 65], struct nr_error *error)
{
	NR_AUTO(nr_closep) FILE *file = fopen(path, "rbe");
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t bytes[65536], digest[32];
	size_t n;
	bool ok = file && hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
	while (ok && (n = fread(bytes, 1, sizeof bytes, file)) > 0)
		ok = EVP_DigestUpdate(hash, bytes, n) == 1;
	ok = ok && !ferror(file) && EVP_DigestFinal_ex(hash, digest, NULL) == 1;
	EVP_MD_CTX_free(hash);
	if (!ok)
		return nr_fail(error, -EIO, "%s: cannot be read back", path);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

static void note_counts(
	struct nr_json *note, const char *key, const char *const *names, const uint64_t *counts, size_t count)
{
	nr_json_object(note, key);
	for (size_t i = 0; i < count; i++)
		if (counts[i])
			nr_json_uint(note, names[i], counts[i]);
	nr_json_object_end(note);
}

static void note_prefixes(const struct nr_export *export, struct nr_json *note, const char *key,
	const struct nr_prefixes *prefixes)
{
	char text[NR_ADDRESS_TEXT];
	nr_json_array(note, key);
	for (size_t i = 0; i < prefixes->count; i++) {
		struct nr_prefix to = nr_anonymise_prefix(export->anonymiser, &prefixes->items[i]);
		nr_json_text(note, NULL, nr_prefix_write(&to, text));
	}
	nr_json_array_end(note);
}

static void note_anonymised(const struct nr_export *export, struct nr_json *note)
{
	const struct nr_export_conf *conf = &export->conf;
	const struct nr_anonymise_counts *counts = nr_anonymise_counts(export->anonymiser);
	nr_json_object(note, "key");
	nr_json_text(note, "id", export->key_id);
	nr_json_bool(note, "kept", conf->key != NULL);
	nr_json_object_end(note);
	nr_json_object(note, "policy");
	nr_json_text(note, "destinations", "crypto-pan");
	nr_json_text(note, "sources", conf->sources);
	nr_json_text(note, "own_hosts", conf->own_hosts);
	nr_json_array(note, "payload");
	for (size_t i = 0; i < conf->payload.count; i++)
		nr_json_text(note, NULL, conf->payload.items[i]);
	nr_json_array_end(note);
	nr_json_object_end(note);
	note_prefixes(export, note, "dark", &conf->sense.dark);
	if (strcmp(conf->own_hosts, "anonymise") == 0)
		note_prefixes(export, note, "own", &conf->sense.own);
	note_counts(note, "withheld", nr_withheld_names, counts->withheld, NR_WITHHELD_COUNT);
	note_counts(note, "changed", nr_rewritten_names, counts->rewritten, NR_REWRITTEN_COUNT);
}

/* Neither names nor times of the inputs: a file name may say where the telescope is. */
static void note_begin(const struct nr_export *export, struct nr_json *note)
{
	const char *slash = strrchr(export->conf.out, '/');
	nr_json_object(note, NULL);
	nr_json_text(note, "note", "noroshi export 1");
	nr_json_text(note, "file", slash ? slash + 1 : export->conf.out);
	nr_json_text(note, "format", export->conf.format);
	nr_json_time(note, "made", export->made);
	nr_json_text(note, "program", "noroshi " NR_VERSION);
}

static int note_end(const struct nr_export *export, struct nr_json *note, struct nr_error *error)
{
	const struct nr_loss *loss = &export->loss;
	char path[4096], hash[65];
	int e = hash_file(export->conf.out, hash, error);
	if (e)
		return e;
	nr_json_text(note, "sha256", hash);
	nr_json_uint(note, "inputs", export->inputs);
	nr_json_bool(note, "inputs_whole", !export->unreadable);
	nr_json_uint(note, "frames", loss->frames);
	bool any = loss->first <= loss->last;
	nr_json_time(note, "first", any ? nr_time_floor(loss->first, NR_MINUTE) : NR_TIME_MAX);
	nr_json_time(note, "last", any ? nr_time_floor(loss->last, NR_MINUTE) : NR_TIME_MAX);
	nr_json_uint(note, "untimed", loss->untimed);
	note_counts(note, "dropped", nr_drop_names, loss->dropped, NR_DROP_COUNT);
	nr_json_uint(note, "written", export->written);
	if (export->anonymiser)
		note_anonymised(export, note);
	nr_json_object_end(note);
	e = nr_json_finish(note, error);
	if (e)
		return e;
	snprintf(path, sizeof path, "%s.json", export->conf.out);
	note->bytes[note->length] = '\n'; /* in the place of the NUL */
	return nr_file_write(path, note->bytes, note->length + 1, error);
}

/* ---- the command ---- */

static void export_fini(struct nr_export *export)
{
	nr_anonymiser_free(export->anonymiser);
	nr_telescope_refs_fini(&export->refs);
}

static int prepare(struct nr_export *export, struct nr_error *error)
{
	export->made = nr_time_now();
	export->loss = (struct nr_loss){.first = NR_TIME_MAX, .last = NR_TIME_MIN};
	export->refs.store = true;
	export->refs.workers = 1;
	int e = nr_telescope_prepare(&export->conf.sense, &export->refs, error);
	if (!e && !is_format(export, "csv") && !export->conf.raw)
		e = make_anonymiser(export, error);
	return e;
}

static int write_format(struct nr_export *export, const char *const *paths, size_t count,
	struct nr_json *note, struct nr_error *error)
{
	if (is_format(export, "pcap"))
		return nr_export_pcap(export, paths, count, note, error);
	if (is_format(export, "csv"))
		return nr_export_csv(export, paths, count, note, error);
	if (export->conf.raw)
		fprintf(stderr,
			"noroshi: %s: note: destinations are the real ones (--raw); do not give this file "
			"away\n",
			export->conf.out);
	return nr_export_flowtuple(export, paths, count, note, error);
}

static int run_export(const void *conf, const char *const *paths, size_t count, struct nr_error *error)
{
	NR_AUTO(export_fini) struct nr_export export = {.conf = *(const struct nr_export_conf *)conf};
	if (check(&export, count, error))
		return NR_EXIT_USAGE;
	nr_command_end_on_signal();
	int e = export.conf.new_key ? nr_anonymise_key_create(export.conf.key, error) : 0;
	if (!e && count)
		e = prepare(&export, error);
	if (e)
		return nr_exit_of_input(e);
	if (!count)
		return NR_EXIT_OK;
	NR_AUTO(nr_json_fini) struct nr_json note;
	nr_json_init(&note);
	note.pretty = true;
	note_begin(&export, &note);
	e = write_format(&export, paths, count, &note, error);
	if (!e && export.inputs)
		e = note_end(&export, &note, error);
	if (e)
		return e;
	return export.unreadable ? NR_EXIT_INPUT : NR_EXIT_OK;
}

const struct nr_command nr_telescope_export_command = {
	.area = "telescope",
	.verb = "export",
	.operands = "FILE...",
	.text_en = "Write captures in a form that may be given away: anonymised packets, flow tuples, counts",
	.text_ja = "キャプチャを提供できる形で出力する（匿名化パケット・FlowTuple・集計CSV）",
	.example = "noroshi telescope export --dark 198.18.0.0/18 --out shared.pcap capture.pcap",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct nr_export_conf),
	.run = run_export,
};
