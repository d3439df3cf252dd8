/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi flow probe: active analysis, within the law of a signed file. */
#include "base/language.h"
#include "base/text.h"
#include "sense/flow/command.h"
#include "sense/flow/probe/print.h"
#include "sense/flow/probe/run.h"
#include "trust/signer/open.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

struct probe_conf {
	const char *allow, *never, *state, *stop, *mmdb, *about, *fingerprints, *approve, *sign;
	struct nr_texts authority, from;
	struct nr_prefixes own;
	uint64_t signatures, repeat;
	double rate;
	bool once, again, dry_run, json;
	struct nr_keys_conf keys;
};

/* clang-format off */
#define AT(field) offsetof(struct probe_conf, field)
static const struct nr_option options[] = {
	{"allow", NR_OPTION_PATH, AT(allow), "FILE", NULL, 0, 0, NULL, "signed allow file: whom to connect to, why, until when; nobody else is", "署名付きの許可ファイル（接続先、目的、期限）。これ以外には接続しない"},
	{"authority", NR_OPTION_TEXTS, AT(authority), "KEY", NULL, 0, 0, NULL, "verifier key, or a file that holds one, of a person who may sign it", "許可ファイルに署名できる人の検証鍵、またはそのファイル"},
	{"signatures", NR_OPTION_UINT, AT(signatures), "N", "1", 1, 16, NULL, "so many different persons must have signed it", "必要な署名者の人数"},
	{"never", NR_OPTION_PATH, AT(never), "FILE", NULL, 0, 0, NULL, "opt-out list: addresses and networks, one a line, that are never connected to", "拒否リスト：決して接続しないアドレスと範囲（1行に1つ）"},
	{"own", NR_OPTION_PREFIXES, AT(own), "CIDR", NULL, 0, 0, NULL, "own networks: connected to only where the allow file names them", "自網。許可ファイルに明記がある場合に限り接続する"},
	{"mmdb", NR_OPTION_PATH, AT(mmdb), "FILE", NULL, 0, 0, NULL, "MMDB file with the countries that the allow file's classes name", "許可ファイルの区分（国）を判定するMMDBファイル"},
	{"state", NR_OPTION_PATH, AT(state), "DIR", NULL, 0, 0, NULL, "folder that remembers every connection, its bytes, and when the next one may be made", "すべての接続の記録と、次に接続できる時刻を保存するフォルダー"},
	{"stop", NR_OPTION_PATH, AT(stop), "FILE", NULL, 0, 0, NULL, "kill switch: while this file is there, everything stops", "緊急停止：このファイルがある間はすべて停止する"},
	{"rate", NR_OPTION_REAL, AT(rate), "N", "1", 0.001, NR_PROBE_RATE_MAX, NULL, "connections a second of all servers together", "全サーバー合計の1秒あたりの接続数"},
	{"repeat", NR_OPTION_UINT, AT(repeat), "N", "1", 1, NR_PROBE_ROUNDS, NULL, "how often: at once, after 1, 6, 24 hours", "回数（直後、1、6、24時間後）"},
	{"once", NR_OPTION_FLAG, AT(once), NULL, NULL, 0, 0, NULL, "make the connections that are due now and end; the next run goes on", "今できる接続だけを行って終了する（続きは次回の実行で）"},
	{"again", NR_OPTION_FLAG, AT(again), NULL, NULL, 0, 0, NULL, "begin anew where a probe is complete", "完了した調査を最初からやり直す"},
	{"from", NR_OPTION_TEXTS, AT(from), "ADDRESS", NULL, 0, 0, NULL, "own address to connect from; several take turns", "接続元のアドレス。複数の場合は順番に使う"},
	{"about", NR_OPTION_TEXT, AT(about), "URL", NULL, 0, 0, NULL, "page that explains the probes, named in HTTP's User-Agent", "調査を説明するページ。HTTPのUser-Agentで示す"},
	{"fingerprints", NR_OPTION_PATH, AT(fingerprints), "FILE", NULL, 0, 0, NULL, "JSON lines: what known C&C servers answered", "既知のC&Cサーバーの応答（JSON Lines）"},
	{"dry-run", NR_OPTION_FLAG, AT(dry_run), NULL, NULL, 0, 0, NULL, "show who would be connected to and each byte that would be sent; send nothing", "接続先と送信する内容を表示する（何も送らない）"},
	{"approve", NR_OPTION_PATH, AT(approve), "FILE", NULL, 0, 0, NULL, "sign an allow file with --sign, and end", "--signの鍵で許可ファイルに署名して終了する"},
	{"sign", NR_OPTION_PATH, AT(sign), "FILE", NULL, 0, 0, NULL, "key of the person who signs; FILE.vkey is beside it", "署名する人の鍵。FILE.vkeyが同じ場所に必要"},
	{"keys", NR_OPTION_PATH, AT(keys.folder), "DIR", NULL, 0, 0, NULL, "folder of keys whose ledger gets an entry before each connection", "接続の前に毎回追記する台帳の鍵のフォルダー"},
	{"ledger", NR_OPTION_PATH, AT(keys.ledger), "DIR", NULL, 0, 0, NULL, "folder of the ledger (default: ledger in the folder of keys)", "台帳のフォルダー（省略時は鍵のフォルダー内のledger）"},
	{"passphrase-file", NR_OPTION_PATH, AT(keys.passphrase_file), "FILE", NULL, 0, 0, NULL, "file whose first line opens the encrypted key", "暗号化された鍵を開くパスフレーズ（1行目）のファイル"},
	{"json", NR_OPTION_FLAG, AT(json), NULL, NULL, 0, 0, NULL, "print JSON lines", "JSON Linesで出力する"},
};
/* clang-format on */

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int signal)
{
	(void)signal;
	asked_to_stop = 1;
}

/* ---- the law, as it is now ---- */

struct stamp {
	struct timespec changed;
	off_t size;
	ino_t inode;
};

struct law {
	const struct probe_conf *conf;
	struct nr_probe_allow allow;
	struct nr_origin origin;
	struct stamp allow_stamp, never_stamp;
	struct nr_keys *keys;
	struct nr_probe_fingerprints *prints;
};

static struct stamp stamp_of(const char *path)
{
	struct stat status;
	if (!path || stat(path, &status) < 0)
		return (struct stamp){.size = -1};
	return (struct stamp){status.st_mtim, status.st_size, status.st_ino};
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
	       a->size == b->size && a->inode == b->inode;
}

static int read_law(struct law *law, nr_time now, struct nr_error *error)
{
	const struct probe_conf *conf = law->conf;
	const struct nr_probe_authority authority = {&conf->authority, conf->signatures};
	struct nr_probe_allow allow = {0};
	law->allow_stamp = stamp_of(conf->allow);
	law->never_stamp = stamp_of(conf->never);
	int e = nr_probe_allow_read(conf->allow, &authority, now, &allow, error);
	e = e || !conf->never ? e : nr_probe_never_read(conf->never, &allow, error);
	nr_probe_allow_fini(&law->allow);
	if (e) {
		nr_probe_allow_fini(&allow);
		return e;
	}
	law->allow = allow;
	law->allow.own = conf->own;
	law->allow.origin = &law->origin;
	return 0;
}

/* Before each connection: who signs off, opts out or takes back is heard at once. */
static int law_now(
	void *context, nr_time now, const struct nr_probe_allow **ret_allow, struct nr_error *error)
{
	struct law *law = context;
	struct stamp allow = stamp_of(law->conf->allow), never = stamp_of(law->conf->never);
	if (!same_stamp(&allow, &law->allow_stamp) || !same_stamp(&never, &law->never_stamp) ||
		!law->allow.hash[0]) {
		int e = read_law(law, now, error);
		if (e)
			return nr_fail(error, -EACCES, "%s", error ? error->text : "");
	}
	*ret_allow = &law->allow;
	return 0;
}

static int note(void *context, const char *text, size_t length, struct nr_error *error)
{
	struct law *law = context;
	struct nr_ledger *ledger = nr_keys_ledger(law->keys);
	const struct nr_ledger_entry entry = {text, length};
	uint64_t index;
	int e = nr_keys_append(law->keys, &entry, 1, &index, error);
	return e || !ledger ? e : nr_ledger_publish(ledger, error);
}

/* ---- output ---- */

static int print_json(struct nr_json *json, struct nr_error *error)
{
	int e = nr_json_finish(json, error);
	if (!e && (puts(json->bytes) == EOF || fflush(stdout) != 0))
		e = nr_fail(error, -EIO, "standard output: %s", strerror(errno));
	nr_json_fini(json);
	return e;
}

static int told(void *context, const struct nr_probe_series *series, struct nr_error *error)
{
	const struct law *law = context;
	struct nr_probe_evidence evidence;
	struct nr_json json;
	nr_probe_evidence_of(series, law->prints, &evidence);
	if (!law->conf->json) {
		nr_probe_print(series, &evidence, stdout);
		return fflush(stdout) ? nr_fail(error, -EIO, "standard output: %s", strerror(errno)) : 0;
	}
	nr_json_init(&json);
	nr_probe_write(series, &evidence, &json);
	return print_json(&json, error);
}

static void plan_print(
	const struct law *law, const struct nr_flow_server *server, enum nr_probe_refusal refusal)
{
	const char *about = law->conf->about ? law->conf->about : "";
	struct nr_json json;
	if (!law->conf->json) {
		nr_probe_print_plan(server, refusal, about, stdout);
		return;
	}
	nr_json_init(&json);
	nr_probe_write_plan(server, refusal, about, &json);
	(void)print_json(&json, NULL);
}

static void refused(void *context, const struct nr_flow_server *server, enum nr_probe_refusal refusal)
{
	plan_print(context, server, refusal);
}

static void waits(void *context, size_t done, size_t count, nr_time next)
{
	static nr_time before;
	char text[NR_TIME_TEXT];
	(void)context;
	if (next == before || next == NR_TIME_MAX || !isatty(STDERR_FILENO))
		return;
	before = next;
	fprintf(stderr,
		nr_says("%zu of %zu servers done; next connection %.19sZ\n",
			"%zu/%zu台完了、次の接続は%.19sZ\n"),
		done, count, nr_time_write(next, text));
}

/* ---- running ---- */

static int check(const struct probe_conf *conf, size_t operands, struct nr_error *error)
{
	if (conf->approve)
		return conf->sign && !operands
			       ? 0
			       : nr_fail(error, -EINVAL,
					 "--approve FILE takes --sign KEY and no server (noroshi key "
					 "note makes a key)");
	if (!operands)
		return nr_fail(error, -EINVAL, "name a server: ADDRESS:PORT, @FILE, or - for findings");
	if (!conf->allow || !conf->authority.count)
		return nr_fail(error, -EINVAL,
			"nobody is connected to without a signed allow file: --allow FILE --authority KEY");
	if (!conf->dry_run && !conf->state)
		return nr_fail(error, -EINVAL, "name the folder that remembers connections: --state DIR");
	if (conf->about && (strlen(conf->about) > NR_PROBE_ABOUT_MAX || strpbrk(conf->about, "\r\n()")))
		return nr_fail(error, -EINVAL, "--about: an address of at most %d bytes", NR_PROBE_ABOUT_MAX);
	return 0;
}

static int approve(const struct probe_conf *conf, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *text = NULL;
	int e = nr_probe_allow_sign(
		conf->approve, conf->sign, conf->keys.passphrase_file, nr_time_now(), &text, error);
	if (!e)
		fputs(text, stdout); /* what was signed is shown to who signed it */
	return !e ? NR_EXIT_OK : e == -EACCES || e == -EBADMSG ? NR_EXIT_NO : nr_exit_of_input(e);
}

static int dry_run(struct law *law, const struct nr_probe_targets *targets, struct nr_error *error)
{
	nr_time now = nr_time_now();
	bool all = true;
	int e = read_law(law, now, error);
	if (e)
		return e == -EACCES ? NR_EXIT_NO : nr_exit_of_input(e);
	for (size_t i = 0; i < targets->count; i++) {
		enum nr_probe_refusal refusal = nr_probe_allow_check(&law->allow, &targets->items[i], now);
		all = all && refusal == NR_PROBE_ALLOWED;
		plan_print(law, &targets->items[i], refusal);
	}
	return all ? NR_EXIT_OK : NR_EXIT_NO;
}

static int vantages(const struct nr_texts *texts, struct nr_address **ret_items, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_address *items = calloc(texts->count + 1, sizeof *items);
	if (!items)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < texts->count; i++)
		if (nr_address_parse(texts->items[i], &items[i], error))
			return nr_error_prefix(error, "--from");
	*ret_items = nr_steal(&items);
	return 0;
}

static int exit_of(
	const struct law *law, const struct nr_probe_run_state *state, const struct nr_probe_targets *targets)
{
	if (!law->conf->json)
		fprintf(stderr,
			nr_says("%zu complete, %zu underway, %zu refused; %llu connections%s\n",
				"完了%zu、継続中%zu、拒否%zu、接続%llu回%s\n"),
			state->complete, state->underway, state->refused,
			(unsigned long long)state->connections,
			state->stopped ? nr_says("; stopped", "。停止") : "");
	if (state->refused || state->stopped)
		return NR_EXIT_NO;
	return state->damaged || targets->skipped ? NR_EXIT_INPUT : NR_EXIT_OK;
}

static int probe(struct law *law, const struct nr_probe_targets *targets, struct nr_probe_state *state,
	struct nr_probe_record *record, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_address *from = NULL;
	const struct probe_conf *conf = law->conf;
	struct nr_probe_run_state result = {0};
	struct nr_error why = {0};
	nr_time now = nr_time_now();
	int e = vantages(&conf->from, &from, error);
	if (e)
		return NR_EXIT_USAGE;
	const struct nr_probe_run_conf run = {.gate = {.law = law_now,
						      .note = law->keys ? note : NULL,
						      .context = law,
						      .state = state,
						      .record = record,
						      .vantage = from,
						      .vantage_count = conf->from.count},
		.rate = conf->rate,
		.repeat = (unsigned)conf->repeat,
		.once = conf->once,
		.again = conf->again,
		.stop = conf->stop,
		.about = conf->about,
		.asked = &asked_to_stop,
		.told = told,
		.refused = refused,
		.waits = waits,
		.context = law};
	e = read_law(law, now, &why);
	if (e == -EACCES ||
		e == -EBADMSG) { /* a law that does not hold allows nobody, and that is recorded */
		int r = nr_probe_gate_refuse(&run.gate, NULL, "allow-file", why.text, now, error);
		if (!r)
			nr_fail(error, e, "%s", why.text);
		return r ? NR_EXIT_ENVIRONMENT : NR_EXIT_NO;
	}
	if (e) {
		nr_fail(error, e, "%s", why.text);
		return nr_exit_of_input(e);
	}
	e = nr_probe_run(&run, targets, &result, error);
	return e ? NR_EXIT_ENVIRONMENT : exit_of(law, &result, targets);
}

/* What a run holds open. */
static int open_and_probe(struct law *law, const struct nr_probe_targets *targets, struct nr_error *error)
{
	NR_AUTO(nr_probe_state_closep) struct nr_probe_state *state = NULL;
	NR_AUTO(nr_probe_record_close) struct nr_probe_record record = {.folder = NULL};
	const struct sigaction stop = {.sa_handler = on_signal};
	int e = law->conf->keys.folder ? nr_keys_open(&law->conf->keys, 0, &law->keys, error) : 0;
	if (e)
		return e == -EINVAL ? NR_EXIT_USAGE : NR_EXIT_ENVIRONMENT;
	e = nr_probe_state_open(law->conf->state, &state, error);
	e = e ? e : nr_probe_record_open(&record, law->conf->state, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	return probe(law, targets, state, &record, error);
}

static void law_fini(struct law *law)
{
	nr_probe_allow_fini(&law->allow);
	nr_origin_close(&law->origin);
	nr_keys_close(law->keys);
	nr_probe_fingerprints_free(law->prints);
}

static void tell_skipped(const struct nr_probe_targets *targets)
{
	char shown[256];
	if (!targets->skipped)
		return;
	nr_text_shorten(targets->first_skipped, 60, shown, sizeof shown);
	fprintf(stderr,
		nr_says("%llu lines name no server, the first: %s\n", "サーバーではない行%llu件、最初：%s\n"),
		(unsigned long long)targets->skipped, shown);
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	struct probe_conf conf = *(const struct probe_conf *)context;
	NR_AUTO(nr_probe_targets_fini) struct nr_probe_targets targets = {0};
	NR_AUTO(law_fini) struct law law = {.conf = &conf};
	conf.keys.quiet = true; /* readers are forked from a process without threads */
	if (check(&conf, count, error))
		return NR_EXIT_USAGE;
	if (conf.approve)
		return approve(&conf, error);
	int e = 0;
	for (size_t i = 0; !e && i < count; i++)
		e = nr_probe_targets_add(&targets, operands[i], error);
	if (!e && conf.mmdb)
		e = nr_origin_open(&law.origin, conf.mmdb, error);
	if (!e && conf.fingerprints)
		e = nr_probe_fingerprints_read(conf.fingerprints, &law.prints, error);
	if (e)
		return e == -EBADMSG ? NR_EXIT_INPUT : nr_exit_of_input(e);
	tell_skipped(&targets);
	return conf.dry_run ? dry_run(&law, &targets, error) : open_and_probe(&law, &targets, error);
}

const struct nr_command nr_flow_probe_command = {
	.area = "flow",
	.verb = "probe",
	.operands = "SERVER...",
	.text_en = "Ask suspected C&C servers who they are: wait, TLS hellos, HTTP HEAD; only whom a signed "
		   "file "
		   "allows, rarely, all recorded",
	.text_ja = "C&Cの疑いがあるサーバーを調べる（待機、TLS、HTTP "
		   "HEAD）。署名付きファイルで許可された相手だけに、"
		   "低頻度で接続し、すべて記録する",
	.example =
		"noroshi flow probe --allow allow.note --authority desk.vkey --state probes 203.0.113.9:443",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct probe_conf),
	.run = run,
	.also = "ledger",
};
