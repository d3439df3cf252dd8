/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi serve: opens the store, answers until SIGINT or SIGTERM, and keeps the store's age in bounds. */
#include "serve/command.h"

#include "base/log.h"
#include "sense/telescope/tables.h"
#include "serve/server.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#define RETAIN_SECONDS 3600 /* between two looks at what is too old */

struct serve_conf {
	const char *store;
	const char *listen;
	nr_time retain;
	struct nr_texts hosts;
};

static const struct nr_option options[] = {
	{"store", NR_OPTION_PATH, offsetof(struct serve_conf, store), "FILE", "noroshi.db",
		.text_en = "the store to serve", .text_ja = "表示する保存先"},
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
};

/* A file of an older version is brought up to date once; where that is not ours to do, reading decides. */
static int open_store(const char *path, struct nr_store **ret_store, struct nr_error *error)
{
	struct nr_store *writer;
	int status = nr_store_open(
		path, NR_STORE_WRITE, nr_telescope_tables, nr_telescope_table_count, &writer, error);
	if (status == 0)
		nr_store_close(writer);
	else if (status != -EBUSY && status != -EACCES && status != -EROFS)
		return status;
	return nr_store_open(
		path, NR_STORE_READ, nr_telescope_tables, nr_telescope_table_count, ret_store, error);
}

static int retain_rows(const struct serve_conf *conf, uint64_t *ret_rows, struct nr_error *error)
{
	NR_AUTO(nr_store_closep) struct nr_store *store = NULL;
	int status = nr_store_open(
		conf->store, NR_STORE_WRITE, nr_telescope_tables, nr_telescope_table_count, &store, error);
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

static void wait_for_end(const struct serve_conf *conf, const sigset_t *ends)
{
	const struct timespec hour = {.tv_sec = RETAIN_SECONDS};
	for (;;) {
		if (conf->retain > 0)
			retain(conf);
		int number = sigtimedwait(ends, NULL, &hour);
		if (number > 0) {
			nr_log(NR_LOG_INFO, "stop", "signal", strsignal(number), NULL);
			return;
		}
	}
}

/* Blocked before the first thread, so that only wait_for_end() sees them. */
static void block_signals(sigset_t *ret_ends)
{
	sigset_t pipes;
	sigemptyset(ret_ends);
	sigaddset(ret_ends, SIGINT);
	sigaddset(ret_ends, SIGTERM);
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, ret_ends, NULL);
	pthread_sigmask(SIG_BLOCK, &pipes, NULL);
}

static int run(
	const void *conf_data, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operands;
	(void)operand_count;
	const struct serve_conf *conf = conf_data;
	struct nr_server_conf server_conf = {.names = &conf->hosts, .api.store_name = conf->store};
	if (nr_listen_parse(conf->listen, &server_conf.listen, error) != 0)
		return NR_EXIT_USAGE;
	NR_AUTO(nr_store_closep) struct nr_store *store = NULL;
	if (open_store(conf->store, &store, error) != 0)
		return NR_EXIT_ENVIRONMENT;
	server_conf.api.store = store;
	NR_AUTO(nr_sensors_freep) struct nr_sensors *sensors = NULL;
	NR_AUTO(nr_events_freep) struct nr_events *events = NULL;
	if (nr_sensors_new(&sensors, error) != 0 || nr_events_new(sensors, &events, error) != 0)
		return NR_EXIT_ENVIRONMENT;
	server_conf.api.sensors = sensors;
	server_conf.api.events = events;
	sigset_t ends;
	block_signals(&ends);
	struct nr_server *server;
	if (nr_server_start(&server_conf, &server, error) != 0)
		return NR_EXIT_ENVIRONMENT;
	const char *address = nr_server_listen(server)->text;
	printf("noroshi: http://%s/\n", address);
	fflush(stdout);
	nr_log(NR_LOG_INFO, "listen", "address", address, "store", conf->store, NULL);
	wait_for_end(conf, &ends);
	nr_store_interrupt(store);
	nr_server_stop(server);
	return NR_EXIT_OK;
}

const struct nr_command nr_serve_command = {
	.area = "serve",
	.text_en = "Show the store in a browser and answer its API",
	.text_ja = "保存先をブラウザで表示し、APIで提供する",
	.example = "noroshi serve --store noroshi.db",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct serve_conf),
	.run = run,
};
