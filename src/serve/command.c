/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noroshi serve: opens the store and answers until SIGINT or SIGTERM; with --watch it is the keeper of a live
 * telescope, too. The order matters: the nursery is forked while there are rights, then they are given up,
 * then the store is opened, then the door is closed, and only then threads start and strangers are answered.
 */
#include "serve/command.h"

#include "base/log.h"
#include "base/rights.h"
#include "base/sandbox.h"
#include "sense/telescope/live.h"
#include "serve/events.h"
#include "serve/flow_api.h"
#include "serve/flow_live.h"
#include "serve/flow_notebook.h"
#include "serve/keeper.h"
#include "serve/server.h"
#include "serve/tables.h"
#include "serve/tee.h"
#include "serve/trust_api.h"
#include "serve/webhook.h"
#include "trust/certificate/signature.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <time.h>

#define RETAIN_SECONDS 3600 /* between two looks at what is too old */

struct serve_conf {
	const char *store;
	const char *listen;
	nr_time retain;
	struct nr_texts hosts;
	const char *user;
	struct nr_telescope_live_conf live; /* interface NULL: nothing is watched */
	struct nr_telescope_conf sense;
	struct nr_webhook_conf webhook;
	struct nr_ledger_source_conf ledger; /* ledger NULL: none is shown */
	struct nr_material_conf trust;       /* ca empty: no seals are judged */
	struct nr_flow_live_conf flow;       /* listen empty: no flows are received */
};

static const struct nr_option options[] = {
	{"store", NR_OPTION_PATH, offsetof(struct serve_conf, store), "FILE", "noroshi.db",
		.text_en = "the store to serve; with --watch made if absent",
		.text_ja = "表示する保存先（--watch ではなければ作る）"},
	{"listen", NR_OPTION_TEXT, offsetof(struct serve_conf, listen), "ADDRESS:PORT", "127.0.0.1:8480",
		.text_en = "where to listen; there is no authentication: stay on loopback or behind a proxy "
			   "that has it",
		.text_ja = "待ち受けるアドレスとポート。認証はないため、ループバックか認証付きプロキシの内側"
			   "で使う"},
	{"host", NR_OPTION_TEXTS, offsetof(struct serve_conf, hosts), "NAME", NULL,
		.text_en = "a further name that browsers may use for this server (behind a proxy)",
		.text_ja = "ブラウザから使うサーバ名（プロキシ経由の場合）"},
	{"retain", NR_OPTION_DURATION, offsetof(struct serve_conf, retain), "AGE", NULL,
		.text_en = "delete whole days older than this, e.g. 400d; without it nothing is deleted",
		.text_ja = "これより古い日のデータを削除する（例: 400d）。指定しなければ削除しない"},
	{"watch", NR_OPTION_TEXT, offsetof(struct serve_conf, live.interface), "IFACE", NULL,
		.text_en = "watch this interface, day and night: what the dark range is routed to",
		.text_ja = "このインターフェースを常時観測する（ダークネット宛の通信が届くもの）"},
	{"user", NR_OPTION_TEXT, offsetof(struct serve_conf, user), "NAME", NULL,
		.text_en = "who to become when started as root (default: the owner of the store's folder, "
			   "nobody where that is root)",
		.text_ja = "root で起動したときに切り替えるユーザ（省略時は保存先フォルダの所有者、root なら "
			   "nobody）"},
	NR_TELESCOPE_LIVE_OPTIONS(struct serve_conf, live.),
	NR_TELESCOPE_OPTIONS(struct serve_conf, sense.),
	NR_WEBHOOK_OPTIONS(struct serve_conf, webhook.),
	{"ledger", NR_OPTION_PATH, offsetof(struct serve_conf, ledger.ledger), "DIR", NULL,
		.text_en = "folder of the ledger that the page Trust follows; it is only read",
		.text_ja = "「信頼」のページに表示する台帳のフォルダー（読み取りのみ）"},
	{"ledger-vkey", NR_OPTION_TEXT, offsetof(struct serve_conf, ledger.vkey), "VKEY", NULL,
		.text_en = "its verifier key, or a file that holds it; without it signatures are not checked",
		.text_ja = "台帳の検証鍵、またはそれを収めたファイル。なければ署名は検証しない"},
	{"ledger-policy", NR_OPTION_PATH, offsetof(struct serve_conf, ledger.policy), "FILE", NULL,
		.text_en = "or a policy (C2SP tlog-policy) that names witnesses, too",
		.text_ja = "または証人も定めるポリシー（C2SP tlog-policy）"},
	{"trust-ca", NR_OPTION_TEXTS, offsetof(struct serve_conf, trust.ca), "PEM", NULL,
		.text_en = "certificates that are trusted when the page Trust judges seals and time stamps",
		.text_ja = "「信頼」のページでeシールやタイムスタンプを検証するときに信頼する証明書"},
	{"trust-certificates", NR_OPTION_TEXTS, offsetof(struct serve_conf, trust.certificates), "PEM", NULL,
		.text_en = "further certificates, trusted only as far as they lead to one of --trust-ca",
		.text_ja = "その他の証明書（--trust-ca に至る経路がある場合のみ信頼する）"},
	{"trust-crl", NR_OPTION_TEXTS, offsetof(struct serve_conf, trust.crls), "FILE", NULL,
		.text_en = "revocation lists (PEM or DER)", .text_ja = "失効リスト（PEMまたはDER）"},
	{"trust-require-revocation", NR_OPTION_FLAG, offsetof(struct serve_conf, trust.require_revocation),
		.text_en = "what is not known to be unrevoked does not pass",
		.text_ja = "失効していないと確認できないものは合格としない"},
	NR_FLOW_LIVE_OPTIONS(struct serve_conf, flow.),
};

/* Everything of one run; released in reverse order. */
struct service {
	const struct serve_conf *conf;
	struct nr_server_conf server_conf;
	char folder[4096];              /* of the store */
	struct nr_telescope_live *live; /* NULL: no interface is watched */
	struct nr_flow_service *flow;   /* NULL: no flows are received */
	struct nr_flow_live_conf flow_conf;
	struct nr_flow_api *flow_api;      /* NULL: no archive of flows is asked */
	struct nr_flow_notebook *notebook; /* likewise */
	struct nr_nursery *nursery;        /* NULL: neither */
	struct nr_store *writer, *reader;
	struct nr_sensors *sensors;
	struct nr_events *events;
	struct nr_webhook_conf webhook_conf;
	char spool[4096 + sizeof ".webhooks"]; /* beside the store */
	struct nr_webhook *webhook;            /* NULL: none asked for */
	struct nr_tee listeners;
	struct nr_ledger_watch *ledger; /* NULL: none is shown */
	struct nr_judge *judge;         /* NULL: no seals are judged */
	struct nr_server *server;
};

static void service_fini(struct service *s)
{
	if (s->reader)
		nr_store_interrupt(s->reader);
	if (s->server)
		nr_server_stop(s->server);
	else
		nr_close_fd(&s->server_conf.socket);
	nr_ledger_watch_free(s->ledger);
	nr_judge_free(s->judge);
	nr_flow_service_stop(s->flow); /* detection asks the store */
	nr_webhook_free(s->webhook);
	nr_events_free(s->events);
	nr_sensors_free(s->sensors);
	nr_store_close(s->reader);
	nr_store_close(s->writer);
	nr_nursery_free(s->nursery);
	nr_flow_service_free(s->flow);
	nr_flow_notebook_close(s->notebook);
	nr_flow_api_free(s->flow_api);
	nr_telescope_live_free(s->live);
}

/* Something is seen live: this process is the keeper of a family. */
static bool is_keeper(const struct serve_conf *conf)
{
	return conf->live.interface || conf->flow.listen.listen.count;
}

/* ---- the store ---- */

static void find_folder(struct service *s)
{
	const char *path = s->conf->store;
	path = strncmp(path, "sqlite:", 7) == 0 ? path + 7 : path;
	NR_AUTO(nr_freep) char *real = realpath(path, NULL); /* a link: the file's own folder */
	char copy[sizeof s->folder];
	snprintf(copy, sizeof copy, "%s", real ? real : path);
	snprintf(s->folder, sizeof s->folder, "%s", dirname(copy));
}

/* A file of an older version is brought up to date once; where that is not ours to do, reading decides. */
static int open_store(struct service *s, struct nr_error *error)
{
	const char *path = s->conf->store;
	bool watching = is_keeper(s->conf);
	const struct nr_table *tables[NR_SERVE_TABLES];
	size_t count = nr_serve_tables(tables);
	int rc = nr_store_open(
		path, watching ? NR_STORE_CREATE : NR_STORE_WRITE, tables, count, &s->writer, error);
	if (rc && (watching || (rc != -EBUSY && rc != -EACCES && rc != -EROFS)))
		return rc;
	if (!watching)
		nr_store_closep(&s->writer);
	return nr_store_open(path, NR_STORE_READ, tables, count, &s->reader, error);
}

static int retain_rows(const struct serve_conf *conf, uint64_t *ret_rows, struct nr_error *error)
{
	NR_AUTO(nr_store_closep) struct nr_store *store = NULL;
	const struct nr_table *tables[NR_SERVE_TABLES];
	size_t count = nr_serve_tables(tables);
	int status = nr_store_open(conf->store, NR_STORE_WRITE, tables, count, &store, error);
	if (status)
		return status;
	return nr_store_retain(store, nr_time_now() - conf->retain, ret_rows, error);
}

/* The writer's lock is held only while deleting; if a reading holds it, the next hour will do. */
static void retain(const struct serve_conf *conf)
{
	struct nr_error error = {0};
	uint64_t rows = 0;
	if (retain_rows(conf, &rows, &error) != 0) {
		nr_log(NR_LOG_WARNING, "retain", "store", conf->store, "reason", error.text, NULL);
		return;
	}
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)rows);
	nr_log(rows ? NR_LOG_INFO : NR_LOG_DEBUG, "retain", "store", conf->store, "rows", text, NULL);
}

static void wait_for_end(const struct serve_conf *conf)
{
	const struct timespec hour = {.tv_sec = RETAIN_SECONDS};
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP); /* there is nothing to read again */
	for (;;) {
		if (conf->retain > 0)
			retain(conf);
		int number = sigtimedwait(&ends, NULL, &hour);
		if (number > 0) {
			nr_log(NR_LOG_INFO, "stop", "signal", strsignal(number), NULL);
			return;
		}
	}
}

/* ---- trust ---- */

static int start_judge(struct service *s, const struct nr_rights *rights, struct nr_error *error)
{
	if (!s->conf->trust.ca.count)
		return 0;
	int rc = nr_judge_start(&s->conf->trust, rights, &s->judge, error);
	return rc ? nr_error_prefix(error, "--trust-ca") : 0;
}

/* Its keys are read now, and its folder must be there: later only that folder can be seen. */
static int open_ledger(struct service *s, struct nr_error *error)
{
	const char *folder = s->conf->ledger.ledger;
	if (!folder)
		return 0;
	if (access(folder, R_OK | X_OK) != 0)
		return nr_fail(error, -errno,
			"--ledger %.150s: %s; a ledger comes to be with its first entry, and the server must "
			"be "
			"allowed to read it",
			folder, strerror(errno));
	nr_crypto_prepare();
	return nr_ledger_watch_new(&s->conf->ledger, &s->ledger, error);
}

/* An archive can be asked whether or not this process receives flows for it. */
static int open_flow_api(struct service *s, struct nr_error *error)
{
	const char *folder = s->conf->flow.archive;
	if (!folder)
		return 0;
	if (!s->flow && access(folder, R_OK | W_OK | X_OK) != 0)
		return nr_fail(error, -errno,
			"--flow-archive %.150s: %s; an archive comes to be when flows are kept in it, and "
			"each "
			"question is recorded there",
			folder, strerror(errno));
	int rc = nr_flow_api_new(folder, 0, &s->flow_api, error);
	return rc ? rc : nr_flow_notebook_open(folder, &s->notebook, error);
}

/* ---- watching ---- */

static int read_again(struct nr_telescope_live_again *ret_again, struct nr_error *error)
{
	void *blob;
	int rc = nr_command_read_again(&blob, error);
	if (rc)
		return rc;
	const struct serve_conf *conf = blob;
	*ret_again = (struct nr_telescope_live_again){blob, &conf->sense, &conf->live};
	return 0;
}

static int drop_rights(void *context, struct nr_error *error)
{
	return nr_rights_drop(context, error);
}

static int make_live(struct service *s, struct nr_error *error)
{
	const struct nr_telescope_live_source source = {.sense = &s->conf->sense,
		.live = &s->conf->live,
		.store = s->conf->store,
		.again = read_again,
		.forget = nr_command_forget};
	int rc = s->conf->live.interface ? nr_telescope_live_new(&source, &s->live, error) : 0;
	s->flow_conf = s->conf->flow;
	s->flow_conf.mmdb = s->conf->sense.mmdb;
	s->flow_conf.as_mmdb = s->conf->sense.as_mmdb;
	if (rc == 0 && s->conf->flow.listen.listen.count)
		rc = nr_flow_service_new(&s->flow_conf, &s->flow, error);
	return rc;
}

/* The telescope, where there is one, is child 0. */
static size_t list_children(struct service *s, struct nr_child children[static NR_CHILDREN_MAX])
{
	size_t count = 0;
	if (s->live)
		children[count++] = nr_telescope_live_child(s->live);
	if (s->flow)
		count += nr_flow_live_children(nr_flow_service_live(s->flow), children + count);
	return count;
}

/* In the nursery with all rights, then everywhere with none. */
static int start_nursery(struct service *s, struct nr_error *error)
{
	struct nr_child children[NR_CHILDREN_MAX];
	struct nr_rights rights;
	int rc = nr_rights_find(s->conf->user, s->folder, &rights, error);
	if (rc == 0)
		rc = nr_rights_check_folder(&rights, s->folder, error);
	if (rc == 0)
		rc = make_live(s, error);
	if (rc)
		return rc;
	const struct nr_nursery_conf conf = {children, list_children(s, children), drop_rights, &rights};
	rc = nr_nursery_start(&conf, &s->nursery, error);
	if (rc == 0)
		rc = start_judge(s, &rights, error);
	if (rc == 0)
		rc = nr_listen_open(&s->server_conf.listen, &s->server_conf.socket, error);
	if (rc == 0 && s->webhook) /* its secret may be root's alone, and is no business of the nursery */
		rc = nr_webhook_read(s->webhook, error);
	if (rc == 0)
		rc = nr_rights_drop(&rights, error);
	return rc == 0 && s->flow ? nr_flow_service_open(s->flow, error) : rc;
}

static int name_sensor(struct service *s, const struct serve_conf *conf, struct nr_error *error)
{
	const struct nr_sensor sensor = {.name = conf->sense.sensor,
		.interface = conf->live.interface,
		.dark = conf->sense.dark,
		.dark_size = conf->sense.dark_size,
		.since = nr_time_now()};
	return nr_sensors_set(s->sensors, &sensor, error);
}

/* The nursery has accepted the file: what is said of the sensor follows. */
static void tell_reloaded(void *context)
{
	struct service *s = context;
	struct nr_error error = {0};
	void *blob;
	if (nr_command_read_again(&blob, &error)) {
		nr_log(NR_LOG_WARNING, "reload", "reason", error.text, NULL);
		return;
	}
	if (name_sensor(s, blob, &error))
		nr_log(NR_LOG_WARNING, "reload", "reason", error.text, NULL);
	nr_command_forget(blob);
}

static size_t list_sensors(const struct service *s, struct nr_keeper_sensor sensors[static NR_CHILDREN_MAX])
{
	static const char *const names[NR_FLOW_WORKERS_MAX] = {
		NR_FLOW_SENSOR, "flow-2", "flow-3", "flow-4", "flow-5", "flow-6", "flow-7", "flow-8"};
	size_t count = 0;
	if (s->live)
		sensors[count++] = (struct nr_keeper_sensor){
			s->conf->sense.sensor, nr_telescope_sense.name, s->conf->live.interface};
	for (unsigned i = 0; s->flow && i < nr_flow_live_workers(nr_flow_service_live(s->flow)); i++)
		sensors[count++] = (struct nr_keeper_sensor){names[i], "flow", "flow"};
	return count;
}

static void child_ended(void *context, unsigned index)
{
	struct service *s = context;
	unsigned first = s->live ? 1 : 0;
	if (s->flow && index >= first)
		nr_flow_service_ended(s->flow, index - first);
}

static int write_last_rows(struct service *s, struct nr_error *error)
{
	struct nr_sink *sink = nr_store_sink(s->writer);
	int rc = nr_flow_service_rows(s->flow, NR_TIME_MAX, sink, error);
	return rc ? rc : sink->commit(sink, error);
}

static int keep(struct service *s, struct nr_error *error)
{
	const struct nr_table *tables[NR_TELESCOPE_LIVE_TABLES];
	struct nr_keeper_sensor sensors[NR_CHILDREN_MAX];
	const struct nr_keeper_conf conf = {.nursery = s->nursery,
		.sensors = sensors,
		.count = list_sensors(s, sensors),
		.tables = tables,
		.table_count = nr_telescope_live_tables(tables),
		.store = s->writer,
		.store_name = s->conf->store,
		.listeners = &s->listeners.sink,
		.states = s->sensors,
		.retain = s->conf->retain,
		.reloaded = s->live ? tell_reloaded : NULL,
		.died = child_ended,
		.gaps = s->flow ? nr_flow_service_gaps(s->flow) : -1,
		.next_gap = nr_flow_service_next_gap,
		.rows = s->flow ? nr_flow_service_rows : NULL,
		.gap_context = s->flow,
		.context = s};
	int rc = nr_keeper_run(&conf, error);
	int kept = s->flow ? nr_flow_service_finish(s->flow, rc ? NULL : error) : 0;
	if (s->flow && rc == 0 && kept == 0)
		kept = write_last_rows(s, error);
	return rc ? rc : kept;
}

/* ---- webhooks ---- */

static int make_webhook(struct service *s, struct nr_error *error)
{
	const struct serve_conf *conf = s->conf;
	const char *store = conf->store;
	if (!conf->webhook.urls.count)
		return 0;
	if (!is_keeper(conf))
		return nr_fail(error, -EINVAL,
			"--webhook: findings come while an interface is watched or flows are received; give "
			"--watch IFACE or --flow-listen");
	store = strncmp(store, "sqlite:", 7) == 0 ? store + 7 : store;
	snprintf(s->spool, sizeof s->spool, "%.4090s.webhooks", store);
	s->webhook_conf = conf->webhook;
	s->webhook_conf.spool = s->spool;
	return nr_webhook_new(&s->webhook_conf, &s->webhook, error);
}

/* ---- the run ---- */

static int make_listeners(struct service *s, struct nr_error *error)
{
	int rc = nr_sensors_new(&s->sensors, error);
	if (rc == 0)
		rc = nr_events_new(s->sensors, &s->events, error);
	if (rc == 0 && s->conf->live.interface)
		rc = name_sensor(s, s->conf, error);
	if (rc)
		return rc;
	nr_tee_init(&s->listeners);
	nr_tee_add(&s->listeners, nr_events_sink(s->events), true);
	nr_tee_add(&s->listeners, nr_webhook_sink(s->webhook), false);
	s->server_conf.api.webhook = s->webhook;
	s->server_conf.api.store = s->reader;
	s->server_conf.api.sensors = s->sensors;
	s->server_conf.api.events = s->events;
	return 0;
}

/* Requests come from strangers: from here on there are this store, this socket, and nothing else. */
static int close_door(struct service *s, struct nr_error *error)
{
	char copy[sizeof s->folder];
	const char *config = nr_command_config();
	unsigned allow = NR_SANDBOX_SERVE | NR_SANDBOX_WRITE_FILES;
	struct nr_sandbox_places places = {.write = s->folder};
	struct nr_sandbox sandbox;
	if (s->flow)
		nr_flow_service_places(s->flow, &places.write_too[0], &places.write_too[1]);
	if (places.write_too[0])
		allow |= NR_SANDBOX_MAKE_FOLDERS;
	else if (s->flow_api)
		places.write_too[0] = s->conf->flow.archive;
	if (config && is_keeper(s->conf)) { /* read again at a reload */
		snprintf(copy, sizeof copy, "%s", config);
		places.read = dirname(copy);
		allow |= NR_SANDBOX_READ_FILES;
	}
	if (s->ledger) {
		places.read_too = places.read ? s->conf->ledger.ledger : NULL;
		places.read = places.read ? places.read : s->conf->ledger.ledger;
		allow |= NR_SANDBOX_READ_FILES;
	}
	int rc = nr_sandbox_enter_places(allow, &places, &sandbox, error);
	if (rc)
		return rc;
	const char *missing = nr_sandbox_missing(&sandbox);
	s->server_conf.api.sandbox_missing = missing;
	if (missing)
		nr_log(NR_LOG_WARNING, "sandbox", "process", "server", "missing", missing, "reason",
			"this kernel does not have it; the server is confined less", NULL);
	return 0;
}

static int start(struct service *s, struct nr_error *error)
{
	int rc = is_keeper(s->conf) ? start_nursery(s, error) : start_judge(s, NULL, error);
	if (rc == 0 && !is_keeper(s->conf))
		rc = nr_listen_open(&s->server_conf.listen, &s->server_conf.socket, error);
	if (rc == 0 && s->webhook)
		rc = nr_webhook_start(s->webhook, error);
	if (rc == 0)
		rc = open_store(s, error);
	if (rc == 0)
		rc = make_listeners(s, error);
	if (rc == 0)
		rc = open_ledger(s, error);
	if (rc == 0)
		rc = open_flow_api(s, error);
	if (rc == 0)
		rc = close_door(s, error);
	if (rc == 0 && s->ledger)
		rc = nr_ledger_watch_start(s->ledger, error);
	if (s->flow)
		nr_flow_service_find(s->flow, s->writer, s->reader, s->notebook, s->flow_api);
	if (rc == 0 && s->flow)
		rc = nr_flow_service_start(s->flow, s->nursery, s->live ? 1 : 0, error);
	s->server_conf.api.ledger = s->ledger;
	s->server_conf.api.judge = s->judge;
	s->server_conf.api.flow = s->flow;
	s->server_conf.api.flow_api = s->flow_api;
	s->server_conf.api.notebook = s->notebook;
	if (rc == 0)
		rc = nr_server_start(&s->server_conf, &s->server, error);
	return rc;
}

static int run(
	const void *conf_data, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operands;
	(void)operand_count;
	const struct serve_conf *conf = conf_data;
	NR_AUTO(service_fini)
	struct service s = {.conf = conf,
		.server_conf = {.names = &conf->hosts, .api.store_name = conf->store, .socket = -1}};
	if (nr_listen_parse(conf->listen, &s.server_conf.listen, error) != 0 || make_webhook(&s, error) != 0)
		return NR_EXIT_USAGE;
	find_folder(&s);
	nr_keeper_block_signals();
	if (start(&s, error) != 0)
		return NR_EXIT_ENVIRONMENT;
	const char *address = nr_server_listen(s.server)->text;
	printf("noroshi: http://%s/\n", address);
	fflush(stdout);
	nr_log(NR_LOG_INFO, "listen", "address", address, "store", conf->store, NULL);
	if (s.nursery)
		return keep(&s, error) ? NR_EXIT_ENVIRONMENT : NR_EXIT_OK;
	wait_for_end(conf);
	return NR_EXIT_OK;
}

const struct nr_command nr_serve_command = {
	.area = "serve",
	.text_en = "Show the store in a browser and answer its API; watch an interface meanwhile",
	.text_ja = "保存先をブラウザで表示し、APIで提供する。インターフェースの常時観測もできる",
	.also = "telescope",
	.example = "noroshi serve --watch eth1 --dark 192.0.2.0/24 --store live.db",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct serve_conf),
	.run = run,
};
