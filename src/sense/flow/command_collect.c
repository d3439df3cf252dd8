/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noroshi flow collect: receives what routers export, until SIGINT or SIGTERM; keeps it in an archive, or
 * prints it. This process is the keeper; who parses is a child of its own (live/live.h). The order matters:
 * sockets are opened while there are rights, then these are given up, then the archive is opened, then the
 * door is closed, and only then strangers are read.
 */
#include "base/language.h"
#include "base/log.h"
#include "base/rights.h"
#include "base/sandbox.h"
#include "sense/flow/command.h"
#include "sense/flow/file/print.h"
#include "sense/flow/live/keep.h"
#include "sense/flow/live/lives.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/signalfd.h>

#define TICK_EVERY NR_SECOND

struct collect_conf {
	struct nr_flow_listen_conf listen;
	struct nr_flow_collector_conf collector;
	struct nr_flow_law_options law;
	struct nr_flow_archive_conf keep;
	uint64_t threads;
	const char *archive, *user;
	bool json;
};

static const struct nr_option options[] = {
	{"listen", NR_OPTION_TEXTS, offsetof(struct collect_conf, listen.listen), "udp:ADDR:PORT", NULL, 0, 0,
		NULL, "where exporters send to; tcp:ADDR:PORT takes IPFIX over TCP; may be given many times",
		"エクスポートを受けるアドレス。tcp:ADDR:PORT はTCP上のIPFIX。複数指定可"},
	{"archive", NR_OPTION_PATH, offsetof(struct collect_conf, archive), "DIR", NULL, 0, 0, NULL,
		"keep flows in this archive (made if absent)",
		"フローをこのアーカイブに保存する（なければ作る）"},
	{"json", NR_OPTION_FLAG, offsetof(struct collect_conf, json), NULL, NULL, 0, 0, NULL,
		"print JSON lines: flows where no archive is given, gaps, and a summary at the end",
		"JSONで出力する（アーカイブがなければフロー、欠測、最後に集計）"},
	{"user", NR_OPTION_TEXT, offsetof(struct collect_conf, user), "NAME", NULL, 0, 0, NULL,
		"who to become when started as root (default: the owner of the archive's folder, nobody "
		"where that is root)",
		"root で起動したときに切り替えるユーザ（省略時はアーカイブのフォルダーの所有者、root なら "
		"nobody）"},
	NR_FLOW_LISTEN_OPTIONS("", struct collect_conf, listen.),
	NR_FLOW_COLLECTOR_OPTIONS(struct collect_conf, collector.),
	NR_FLOW_LAW_OPTIONS(struct collect_conf, law.),
	NR_FLOW_KEEP_OPTIONS("", struct collect_conf, keep.),
	{"threads", NR_OPTION_UINT, offsetof(struct collect_conf, threads), "N", "1", 1, 64, NULL,
		"threads that pack the archive", "アーカイブを圧縮するスレッドの数"},
};

/* Everything of one run; released in reverse order. */
struct collection {
	const struct collect_conf *conf;
	struct nr_flow_live *live;
	struct nr_nursery *nursery;
	struct nr_flow_keep *keep;
	struct nr_flow_printer *printer; /* NULL: no flows are printed */
	struct nr_flow_print_sink print_sink;
	struct nr_flow_lives lives;
	int signals;
	bool ending, over, nursery_gone;
	nr_time tick_at;
};

static void collection_fini(struct collection *c)
{
	nr_nursery_free(c->nursery);
	nr_flow_keep_close(c->keep);
	nr_flow_printer_free(c->printer);
	nr_flow_live_free(c->live);
	nr_close_fd(&c->signals);
}

static const char *number(uint64_t value, char text[static 24])
{
	snprintf(text, 24, "%llu", (unsigned long long)value);
	return text;
}

/* ---- what is told ---- */

static void begin_line(struct collection *c, struct nr_json *json)
{
	if (c->printer)
		nr_flow_printer_flush(c->printer, NULL);
	nr_json_init_stream(json, stdout);
	nr_json_object(json, NULL);
}

static void end_line(struct nr_json *json)
{
	nr_json_object_end(json);
	nr_json_finish(json, NULL);
	nr_json_fini(json);
	putchar('\n');
	fflush(stdout);
}

static void tell_gap(void *context, const struct nr_flow_gap *gap)
{
	struct collection *c = context;
	char lost[24];
	bool over = gap->last != NR_TIME_MAX;
	nr_log(NR_LOG_WARNING, "gap", "sense", "flow", "cause", gap->cause, "state", over ? "over" : "open",
		"text", nr_says(gap->text_en, gap->text_ja), over ? gap->unit : NULL, number(gap->lost, lost),
		NULL);
	if (!c->conf->json || !over)
		return;
	struct nr_json json;
	begin_line(c, &json);
	nr_flow_gap_write(gap, &json);
	end_line(&json);
}

static void tell_kept(void *context, const struct nr_flow_keep_event *event)
{
	struct collection *c = context;
	struct nr_flow_gap gap;
	switch (event->what) {
	case NR_FLOW_KEEP_PAUSED:
		nr_log(NR_LOG_ERROR, "archive", "state", "paused", "archive", c->conf->archive, "reason",
			event->text, "remedy",
			"mend what the reason says, make room on a full disk; what comes is counted and not "
			"kept until then, and it goes on by itself",
			NULL);
		return;
	case NR_FLOW_KEEP_RESUMED:
		nr_log(NR_LOG_INFO, "archive", "state", "writing", "archive", c->conf->archive, NULL);
		nr_flow_gap_of_pause(&gap, event);
		tell_gap(c, &gap);
		return;
	case NR_FLOW_KEEP_UNSOUND:
		nr_log(NR_LOG_ERROR, "parser", "reason", "it sent what no parser sends", "remedy",
			"its process is killed and started again", NULL);
		nr_nursery_ask(c->nursery, NR_NURSERY_KILL, event->worker, NULL);
		return;
	case NR_FLOW_KEEP_FAILED:
		nr_log(NR_LOG_WARNING, "keep", "reason", event->text, NULL);
		return;
	}
}

static void tell_sockets(const struct collection *c)
{
	const char *text;
	uint64_t granted, asked = c->conf->listen.buffer;
	char bytes[24];
	for (size_t i = 0; (text = nr_flow_live_socket(c->live, i, &granted)); i++) {
		nr_log(NR_LOG_INFO, "listen", "address", text, "buffer",
			granted ? number(granted, bytes) : NULL, NULL);
		if (granted && granted < asked)
			nr_log(NR_LOG_WARNING, "buffer", "address", text, "granted", number(granted, bytes),
				"remedy",
				"start as root, or raise net.core.rmem_max, so that bursts find room", NULL);
	}
}

/* ---- start ---- */

/* That the archive is in, or is to be in. */
static void find_folder(const char *archive, char *path, size_t room)
{
	char copy[4096];
	snprintf(path, room, "%s", archive ? archive : "/");
	if (!archive || access(archive, F_OK) == 0)
		return;
	snprintf(copy, sizeof copy, "%s", archive);
	snprintf(path, room, "%s", dirname(copy));
}

static int drop_rights(void *context, struct nr_error *error)
{
	return nr_rights_drop(context, error);
}

static int start_nursery(struct collection *c, struct nr_error *error)
{
	struct nr_child children[NR_FLOW_WORKERS_MAX];
	struct nr_rights rights;
	char folder[4096];
	find_folder(c->conf->archive, folder, sizeof folder);
	int rc = nr_rights_find(c->conf->user, folder, &rights, error);
	if (rc == 0 && c->conf->archive)
		rc = nr_rights_check_folder(&rights, folder, error);
	if (rc)
		return rc;
	const struct nr_nursery_conf conf = {
		children, nr_flow_live_children(c->live, children), drop_rights, &rights};
	rc = nr_nursery_start(&conf, &c->nursery, error);
	return rc ? rc : nr_rights_drop(&rights, error);
}

static int open_keep(struct collection *c, struct nr_error *error)
{
	struct nr_flow_keep_conf conf = {.live = c->live,
		.archive = c->conf->archive,
		.law = &c->conf->law,
		.conf = c->conf->keep,
		.tell = tell_kept,
		.context = c};
	conf.conf.threads = (unsigned)c->conf->threads;
	if (c->conf->json && !c->conf->archive) {
		int rc = nr_flow_printer_new(NR_FLOW_PRINT_JSON, stdout, &c->printer, error);
		if (rc)
			return rc;
		nr_flow_print_sink_init(&c->print_sink, c->printer);
		conf.sink = &c->print_sink.sink;
	}
	return nr_flow_keep_open(&conf, &c->keep, error);
}

static int close_door(const struct collection *c, struct nr_error *error)
{
	const struct collect_conf *conf = c->conf;
	unsigned allow = NR_SANDBOX_SERVE;
	char keys[4200];
	struct nr_sandbox_places places = {.write = conf->archive};
	struct nr_sandbox sandbox;
	if (conf->archive) {
		allow |= NR_SANDBOX_WRITE_FILES | NR_SANDBOX_MAKE_FOLDERS;
		snprintf(keys, sizeof keys, "%s.keys", conf->archive);
		places.write_too[0] = conf->law.keys ? conf->law.keys : keys;
		if (access(places.write_too[0], F_OK) != 0) /* clients stay plain: there are no keys */
			places.write_too[0] = NULL;
	}
	int rc = nr_sandbox_enter_places(allow, &places, &sandbox, error);
	const char *missing = rc == 0 ? nr_sandbox_missing(&sandbox) : NULL;
	if (missing)
		nr_log(NR_LOG_WARNING, "sandbox", "process", "keeper", "missing", missing, "reason",
			"this kernel does not have it; the processes are confined less", NULL);
	return rc;
}

static int open_signals(struct collection *c, struct nr_error *error)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	c->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signals < 0 ? nr_fail(error, -errno, "signalfd: %s", strerror(errno)) : 0;
}

static int start(struct collection *c, struct nr_error *error)
{
	int rc = open_signals(c, error);
	if (rc == 0)
		rc = start_nursery(c, error);
	if (rc == 0)
		rc = open_keep(c, error);
	if (rc == 0)
		rc = close_door(c, error);
	if (rc)
		return rc;
	nr_flow_lives_init(&c->lives, c->live, c->nursery, tell_gap, c);
	tell_sockets(c);
	return nr_nursery_ask(c->nursery, NR_NURSERY_GO, 0, error);
}

/* ---- the run ---- */

static void take_signals(struct collection *c)
{
	struct signalfd_siginfo info;
	while (read(c->signals, &info, sizeof info) == sizeof info) {
		nr_log(NR_LOG_INFO, "stop", "signal", strsignal((int)info.ssi_signo), NULL);
		c->over = c->ending;
		c->ending = true;
		nr_nursery_ask(c->nursery, NR_NURSERY_END, 0, NULL);
	}
}

static void take_news(struct collection *c)
{
	struct nr_child_event event;
	int socket, rc;
	while ((rc = nr_nursery_next(c->nursery, &event, &socket)) == 1) {
		nr_close_fd(&socket); /* a parser has its board to speak through */
		if (event.index >= nr_flow_live_workers(c->live))
			continue;
		if (event.what == NR_CHILD_ENDED && !(c->ending && event.asked))
			nr_flow_keep_ended(c->keep, event.index);
		nr_flow_lives_take(&c->lives, &event);
		c->over = c->over || (c->ending && nr_flow_lives_ended(&c->lives));
	}
	if (rc < 0)
		c->nursery_gone = c->over = true;
}

static void turn(struct collection *c)
{
	struct pollfd files[2 + NR_FLOW_WORKERS_MAX] = {{.fd = c->signals, .events = POLLIN},
		{.fd = nr_nursery_socket(c->nursery), .events = POLLIN}};
	unsigned workers = nr_flow_live_workers(c->live);
	for (unsigned i = 0; i < workers; i++)
		files[2 + i] = (struct pollfd){
			.fd = nr_flow_ring_socket(nr_flow_live_ring(c->live, i)), .events = POLLIN};
	bool more = nr_flow_keep_work(c->keep);
	if (!more && c->printer)
		nr_flow_printer_flush(c->printer, NULL);
	if (poll(files, 2 + workers, more ? 0 : (int)(TICK_EVERY / 2000)) < 0)
		return;
	if (files[0].revents)
		take_signals(c);
	if (files[1].revents)
		take_news(c);
	nr_time now = nr_time_now();
	if (now >= c->tick_at || c->tick_at - now > TICK_EVERY) {
		c->tick_at = now + TICK_EVERY;
		nr_flow_keep_tick(c->keep, now);
		nr_flow_lives_look(&c->lives, now);
	}
}

/* ---- the end ---- */

static int report(struct collection *c, struct nr_error *error)
{
	struct nr_json json;
	if (c->conf->json) {
		begin_line(c, &json);
		nr_json_object(&json, "summary");
		int rc = nr_flow_keep_report(c->keep, &json, error);
		nr_json_object_end(&json);
		end_line(&json);
		return rc;
	}
	return nr_flow_keep_print(c->keep, stdout, error);
}

static int run_collect(
	const void *conf_data, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	NR_AUTO(collection_fini) struct collection c = {.conf = conf_data, .signals = -1};
	(void)operands;
	(void)operand_count;
	int rc = nr_flow_live_new(&c.conf->listen, &c.conf->collector, NULL, &c.live, error);
	if (rc)
		return nr_exit_of_input(rc);
	rc = start(&c, error);
	if (rc)
		return nr_exit_of_input(rc);
	while (!c.over)
		turn(&c);
	rc = nr_flow_keep_finish(c.keep, error);
	int said = report(&c, rc ? NULL : error);
	if (rc || said)
		return NR_EXIT_ENVIRONMENT;
	if (c.nursery_gone && !c.ending) {
		nr_fail(error, -EPIPE, "the process that holds the sockets was ended; start noroshi again");
		return NR_EXIT_ENVIRONMENT;
	}
	return NR_EXIT_OK;
}

const struct nr_command nr_flow_collect_command = {
	.area = "flow",
	.verb = "collect",
	.text_en = "Receive what routers export (NetFlow, IPFIX, sFlow), until it is interrupted",
	.text_ja = "ルーターのエクスポート（NetFlow・IPFIX・sFlow）を、止められるまで受信する",
	.example = "noroshi flow collect --listen udp:0.0.0.0:2055 --archive flows --own 192.0.2.0/24",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct collect_conf),
	.run = run_collect,
};
