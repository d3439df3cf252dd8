/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's end of webhooks: what is news goes to the sending process (sender.c). */
#include "serve/webhook.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "serve/event_json.h"
#include "serve/news.h"
#include "serve/webhook_inside.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SECRET_MAX 4096
#define CA_MAX     (4 << 20)
#define PATIENCE   20000 /* ms, for the sending process */
#define AGAIN      1     /* s, until a sending process that died is started again */
#define SEND_BYTES (1 << 20)

struct nr_webhook {
	struct nr_sink sink; /* first: the sink is the webhook */
	struct nr_hook_setup setup;
	uint8_t least;
	int socket;           /* -1: not started */
	pid_t process;        /* that looks after the sending one; 0: none */
	pthread_mutex_t lock; /* everything below, and reading from the socket */
	struct nr_news news;
	bool late;    /* a commit has not been answered: no other one is waited for until it is */
	char *status; /* owned: the receivers as JSON; NULL: not told yet */
	uint8_t frame[NR_HOOK_FRAME_MAX + 1];
};

const char *const nr_webhook_severities[] = {"info", "low", "medium", "high", "critical", NULL};

/* ---- frames ---- */

static int wait_for(const struct nr_webhook *webhook, short events, struct nr_error *error)
{
	struct pollfd file = {webhook->socket, events, 0};
	int ready;
	while ((ready = poll(&file, 1, PATIENCE)) < 0 && errno == EINTR)
		;
	return ready > 0 ? 0 : nr_fail(error, -ETIMEDOUT, "webhooks: the sending process does not answer");
}

static int send_frame(struct nr_webhook *webhook, enum nr_hook_frame frame, const char *bytes, size_t length,
	struct nr_error *error)
{
	uint8_t kind = (uint8_t)frame;
	struct iovec parts[] = {{&kind, 1}, {(void *)bytes, length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = length ? 2 : 1};
	for (;;) {
		if (sendmsg(webhook->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return nr_fail(error, -errno, "webhooks: %s", strerror(errno));
		int e = wait_for(webhook, POLLOUT, error);
		if (e)
			return e;
	}
}

/* One frame; statuses are kept, other frames answered as their kind. 0: none is there. */
static int take_frame(struct nr_webhook *webhook)
{
	ssize_t length = recv(webhook->socket, webhook->frame, sizeof webhook->frame - 1, MSG_DONTWAIT);
	if (length <= 0)
		return 0;
	webhook->frame[length] = '\0';
	if (webhook->frame[0] == NR_HOOK_DURABLE)
		webhook->late = false;
	if (webhook->frame[0] != NR_HOOK_STATUS)
		return webhook->frame[0];
	char *status = strdup((char *)webhook->frame + 1);
	if (status) {
		free(webhook->status);
		webhook->status = status;
	}
	return NR_HOOK_STATUS;
}

/* ---- the sink ---- */

static bool is_wanted(const struct nr_webhook *webhook, const struct nr_finding *finding)
{
	const struct nr_texts *kinds = &webhook->setup.conf->kinds;
	bool wanted = !kinds->count;
	for (size_t i = 0; i < kinds->count; i++)
		wanted = wanted || strcmp(kinds->items[i], finding->kind) == 0;
	return wanted && finding->severity >= webhook->least;
}

static int send_finding(struct nr_webhook *webhook, const struct nr_finding *finding, struct nr_error *error)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_finding_write(&json, NULL, finding);
	int e = nr_json_finish(&json, error);
	if (e)
		return e;
	if (json.length > NR_SPOOL_BODY_MAX)
		return nr_fail(error, -EMSGSIZE, "webhooks: a finding of %zu bytes is too long", json.length);
	for (char *c = json.bytes; *c; c++) /* evidence is another process's; the spool has lines */
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	return send_frame(webhook, NR_HOOK_FINDING, json.bytes, json.length, error);
}

static int take_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct nr_webhook *webhook = (struct nr_webhook *)sink;
	const struct nr_finding *findings = rows;
	int status = 0;
	if (table != &nr_finding_table)
		return 0;
	pthread_mutex_lock(&webhook->lock);
	for (size_t i = 0; i < count; i++) {
		if (!is_wanted(webhook, &findings[i]) || !nr_news_is(&webhook->news, &findings[i]))
			continue;
		int e = send_finding(webhook, &findings[i], status ? NULL : error);
		status = status ? status : e;
	}
	pthread_mutex_unlock(&webhook->lock);
	return status;
}

static int take_commit(struct nr_sink *sink, struct nr_error *error)
{
	struct nr_webhook *webhook = (struct nr_webhook *)sink;
	pthread_mutex_lock(&webhook->lock);
	while (take_frame(webhook)) /* perhaps the answer to one that was given up */
		;
	int e = webhook->late ? nr_fail(error, -ETIMEDOUT, "webhooks: the sending process is late")
			      : send_frame(webhook, NR_HOOK_COMMIT, NULL, 0, error);
	for (int frame = 0; !e && frame != NR_HOOK_DURABLE; frame = take_frame(webhook))
		if (frame != NR_HOOK_STATUS)
			e = wait_for(webhook, POLLIN, error);
	webhook->late = e == -ETIMEDOUT;
	struct nr_hook_durable durable;
	if (!e) {
		memcpy(&durable, webhook->frame + 1, sizeof durable);
		durable.text[sizeof durable.text - 1] = '\0';
		if (durable.code)
			e = nr_fail(error, durable.code, "webhooks: %s", durable.text);
	}
	pthread_mutex_unlock(&webhook->lock);
	return e;
}

/* ---- configuration ---- */

/* scheme://host:port of an address, which may hold secrets elsewhere. */
static int read_url(const char *text, char shown[static NR_HOOK_SHOWN], struct nr_error *error)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
	int e = 0;
	if (!url)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || !*host ||
		(strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
		e = nr_fail(error, -EINVAL, "--webhook: must be an address like https://host/path");
	else if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
		e = nr_fail(error, -EINVAL,
			"--webhook: no user and password in the address, every process can read it; sign "
			"with "
			"--webhook-secret FILE");
	curl_url_get(url, CURLUPART_PORT, &port, 0);
	if (!e)
		snprintf(
			shown, NR_HOOK_SHOWN, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_url_cleanup(url);
	return e;
}

static int read_secret(struct nr_hook_setup *setup, const char *path, struct nr_error *error)
{
	struct stat info;
	if (stat(path, &info) == 0 && (info.st_mode & (S_IROTH | S_IWOTH)))
		return nr_fail(error, -EPERM, "%s: every user can read it; chmod 600 it", path);
	int e = nr_file_read(path, SECRET_MAX, &setup->secret, &setup->secret_length, error);
	if (e)
		return e;
	while (setup->secret_length && (setup->secret[setup->secret_length - 1] == '\n' ||
					       setup->secret[setup->secret_length - 1] == '\r'))
		setup->secret_length--;
	if (setup->secret_length < NR_WEBHOOK_SECRET_MIN)
		return nr_fail(error, -EINVAL,
			"%s: a secret has at least %d bytes; make one with: openssl rand -hex 32", path,
			NR_WEBHOOK_SECRET_MIN);
	return 0;
}

static uint8_t severity_of(const char *name)
{
	uint8_t severity = NR_SEVERITY_INFO;
	while (severity < NR_SEVERITY_CRITICAL && strcmp(nr_severity_name(severity), name) != 0)
		severity++;
	return severity;
}

int nr_webhook_new(
	const struct nr_webhook_conf *conf, struct nr_webhook **ret_webhook, struct nr_error *error)
{
	NR_AUTO(nr_webhook_freep) struct nr_webhook *webhook = calloc(1, sizeof *webhook);
	if (!webhook)
		return nr_fail(error, -ENOMEM, "out of memory");
	webhook->sink = (struct nr_sink){take_rows, take_commit};
	webhook->socket = -1;
	webhook->setup.conf = conf;
	webhook->least = severity_of(conf->severity);
	pthread_mutex_init(&webhook->lock, NULL);
	if (conf->urls.count > NR_WEBHOOK_RECEIVERS_MAX)
		return nr_fail(error, -E2BIG, "--webhook: at most %d receivers", NR_WEBHOOK_RECEIVERS_MAX);
	int e = 0;
	for (size_t i = 0; !e && i < conf->urls.count; i++)
		e = read_url(conf->urls.items[i], webhook->setup.shown[i], error);
	if (e)
		return e;
	*ret_webhook = nr_steal(&webhook);
	return 0;
}

int nr_webhook_read(struct nr_webhook *webhook, struct nr_error *error)
{
	struct nr_hook_setup *setup = &webhook->setup;
	int e = setup->conf->secret ? read_secret(setup, setup->conf->secret, error) : 0;
	return e || !setup->conf->ca
		       ? e
		       : nr_file_read(setup->conf->ca, CA_MAX, &setup->ca, &setup->ca_length, error);
}

/* ---- the processes ---- */

static int open_spool(const struct nr_hook_setup *setup, struct nr_spool **ret_spool, struct nr_error *error)
{
	uint64_t numbers[NR_WEBHOOK_RECEIVERS_MAX], given_up;
	const struct nr_texts *urls = &setup->conf->urls;
	for (size_t i = 0; i < urls->count; i++)
		numbers[i] = nr_siphash(urls->items[i], strlen(urls->items[i]), 0, 0);
	int e = nr_spool_open(setup->conf->spool, numbers, urls->count, ret_spool, &given_up, error);
	if (!e && given_up) {
		char text[24];
		snprintf(text, sizeof text, "%" PRIu64, given_up);
		nr_log(NR_LOG_WARNING, "webhook", "spool", setup->conf->spool, "given_up", text, "reason",
			"events of receivers that are no longer configured", NULL);
	}
	return e;
}

/* Nobody outlives the keeper. */
static void end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static int close_door(const struct nr_hook_setup *setup, struct nr_error *error)
{
	char folder[4096];
	snprintf(folder, sizeof folder, "%s", setup->conf->spool);
	/* read: authorities, and how names are looked up */
	const struct nr_sandbox_places places = {.write = dirname(folder)};
	struct nr_sandbox sandbox;
	int e = nr_sandbox_enter_places(NR_SANDBOX_CONNECT | NR_SANDBOX_READ_FILES | NR_SANDBOX_WRITE_FILES,
		&places, &sandbox, error);
	if (e == 0 && nr_sandbox_missing(&sandbox))
		nr_log(NR_LOG_WARNING, "sandbox", "process", "sender", "missing",
			nr_sandbox_missing(&sandbox), "reason",
			"this kernel does not have it; the sender is confined less", NULL);
	return e;
}

static int send_all(const struct nr_hook_setup *setup, int socket)
{
	struct nr_spool *spool;
	struct nr_sender *sender;
	struct nr_error error = {0};
	int e = open_spool(setup, &spool, &error);
	if (!e)
		e = nr_sender_new(setup, spool, socket, &sender, &error);
	if (!e)
		e = close_door(setup, &error);
	if (!e)
		return nr_sender_run(sender);
	nr_log(NR_LOG_ERROR, "webhook", "reason", error.text, NULL);
	return 1;
}

/* Starts the sending process again when it has died; what the keeper sends waits in the socket meanwhile. */
static void look_after(const struct nr_hook_setup *setup, int socket)
{
	for (;;) {
		pid_t self = getpid(), process = fork();
		int status = 0;
		if (process == 0) {
			end_with(self);
			_exit(send_all(setup, socket));
		}
		if (process > 0)
			waitpid(process, &status, 0);
		if (process > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
			_exit(0);
		nr_log(NR_LOG_ERROR, "webhook", "reason", "the sending process ended; it is started again",
			"signal", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : NULL, NULL);
		sleep(AGAIN);
	}
}

/* What the keeper has open is none of this process's business, above all where strangers come in. */
static int keep_one(int socket)
{
	int mine = STDERR_FILENO + 1;
	if (socket != mine)
		dup2(socket, mine);
	close_range((unsigned)mine + 1, ~0u, 0);
	return mine;
}

static void ignore_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	sigset_t none;
	for (size_t i = 0; i < NR_COUNT(signals); i++)
		signal(signals[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int nr_webhook_start(struct nr_webhook *webhook, struct nr_error *error)
{
	struct nr_spool *spool; /* what is wrong with it is said now */
	int ends[2], bytes = SEND_BYTES;
	int e = open_spool(&webhook->setup, &spool, error);
	if (e)
		return e;
	nr_spool_close(spool);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return nr_fail(error, -errno, "webhooks: %s", strerror(errno));
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	pid_t self = getpid(), process = fork();
	if (process == 0) {
		end_with(self);
		int mine = keep_one(ends[1]);
		ignore_signals();
		look_after(&webhook->setup, mine);
	}
	int code = errno;
	close(ends[1]);
	if (process < 0) {
		close(ends[0]);
		return nr_fail(error, -code, "webhooks: no process: %s", strerror(code));
	}
	webhook->socket = ends[0];
	webhook->process = process;
	return 0;
}

void nr_webhook_free(struct nr_webhook *webhook)
{
	if (!webhook)
		return;
	if (webhook->socket >= 0)
		close(webhook->socket); /* they notice, and end */
	if (webhook->process > 0)
		waitpid(webhook->process, NULL, 0);
	if (webhook->setup.secret)
		explicit_bzero(webhook->setup.secret, webhook->setup.secret_length);
	free(webhook->setup.secret);
	free(webhook->setup.ca);
	free(webhook->status);
	pthread_mutex_destroy(&webhook->lock);
	free(webhook);
}

void nr_webhook_freep(struct nr_webhook **webhook)
{
	nr_webhook_free(*webhook);
}

struct nr_sink *nr_webhook_sink(struct nr_webhook *webhook)
{
	return webhook ? &webhook->sink : NULL;
}

/* ---- status ---- */

void nr_webhook_write_status(struct nr_webhook *webhook, struct nr_json *json)
{
	if (webhook && webhook->socket >= 0) {
		pthread_mutex_lock(&webhook->lock);
		while (take_frame(webhook))
			;
		nr_json_raw(json, "webhooks", webhook->status ? webhook->status : "[]");
		pthread_mutex_unlock(&webhook->lock);
		return;
	}
	nr_json_array(json, "webhooks");
	nr_json_array_end(json);
}
