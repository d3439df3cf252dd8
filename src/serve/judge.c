/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/judge.h"

#include "base/log.h"
#include "base/sandbox.h"
#include "serve/judge_question.h"
#include "trust/certificate/signature.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define ANSWER_MAX   ((size_t)1024 * 1024)
#define MEMORY_BYTES ((rlim_t)1024 * 1024 * 1024)
#define SOCKET_FILE  3 /* of a supervisor */

/* What a supervisor, its server and its processes share. Pages that were not used take no memory. */
struct place {
	uint32_t status; /* HTTP; written by the process that judged */
	uint32_t answer_length;
	char answer[ANSWER_MAX];
	char question[NR_JUDGE_QUESTION_MAX];
};

struct supervisor {
	pid_t pid;
	int socket; /* of packets; -1: it has ended */
	struct place *place;
	bool busy;
};

struct nr_judge {
	struct nr_material material;
	bool require_revocation;
	struct supervisor supervisors[NR_JUDGES];
	pthread_mutex_t lock;
	pthread_cond_t freed;
};

/* ---- the process that judges ---- */

static void set_limit(int what, rlim_t value)
{
	const struct rlimit limit = {value, value};
	setrlimit(what, &limit);
}

static int close_door(void)
{
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_FSIZE, 0);
	set_limit(RLIMIT_CPU, NR_JUDGE_SECONDS);
#if !defined(__SANITIZE_ADDRESS__) /* whose shadow is larger than any limit */
	set_limit(RLIMIT_AS, MEMORY_BYTES);
#endif
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(SOCKET_FILE);
	return nr_sandbox_enter(0, NULL, NULL);
}

static _Noreturn void judge_one(struct nr_judge *judge, struct place *place, size_t length)
{
	struct nr_json json;
	if (close_door() != 0)
		_exit(1);
	nr_json_init(&json);
	place->status = nr_judge_question(
		&judge->material, judge->require_revocation, place->question, length, &json);
	if (nr_json_finish(&json, NULL) != 0 || json.length > ANSWER_MAX)
		_exit(1);
	memcpy(place->answer, json.bytes, json.length);
	place->answer_length = (uint32_t)json.length;
	_exit(0);
}

/* ---- the supervisor ---- */

/* Whether it came to its end as it should, in time. */
static bool wait_for(pid_t pid)
{
	const struct timespec patience = {.tv_sec = NR_JUDGE_SECONDS};
	sigset_t ended;
	int status;
	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	if (sigtimedwait(&ended, NULL, &patience) < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	while (sigtimedwait(&ended, NULL, &(struct timespec){0}) > 0) {
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static _Noreturn void supervise(struct nr_judge *judge, struct place *place)
{
	sigset_t all;
	uint32_t length, done;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL); /* signals to the server are not for it */
	prctl(PR_SET_NAME, "judge");
	while (recv(SOCKET_FILE, &length, sizeof length, 0) == sizeof length) {
		pid_t pid = fork();
		if (pid == 0)
			judge_one(judge, place, length);
		done = pid > 0 && wait_for(pid);
		if (send(SOCKET_FILE, &done, sizeof done, MSG_NOSIGNAL) != sizeof done)
			break;
	}
	_exit(0);
}

static int start_one(struct nr_judge *judge, struct supervisor *one, const struct nr_rights *rights,
	struct nr_error *error)
{
	int pair[2];
	void *memory = mmap(NULL, sizeof *one->place, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return nr_fail(error, -errno, "no memory for who judges seals: %s", strerror(errno));
	one->place = memory;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return nr_fail(error, -errno, "no socket to who judges seals: %s", strerror(errno));
	pid_t server = getpid();
	one->pid = fork();
	if (one->pid == 0) {
		bool dropped = !rights || nr_rights_drop(rights, NULL) == 0;
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of the user would undo it */
		if (!dropped || getppid() != server || dup2(pair[1], SOCKET_FILE) < 0 ||
			close_range(SOCKET_FILE + 1, ~0U, 0) < 0)
			_exit(1);
		supervise(judge, one->place);
	}
	int e = -errno;
	close(pair[1]);
	one->socket = pair[0];
	return one->pid < 0 ? nr_fail(error, e, "no process to judge seals: %s", strerror(-e)) : 0;
}

/* ---- the server's end ---- */

int nr_judge_start(const struct nr_material_conf *conf, const struct nr_rights *rights,
	struct nr_judge **ret_judge, struct nr_error *error)
{
	struct nr_judge *judge = calloc(1, sizeof *judge);
	if (!judge)
		return nr_fail(error, -ENOMEM, "out of memory");
	nr_crypto_prepare();
	int e = nr_material_read(conf, &judge->material, error);
	if (e) {
		free(judge);
		return e;
	}
	judge->require_revocation = conf->require_revocation;
	pthread_mutex_init(&judge->lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&judge->freed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	for (size_t i = 0; i < NR_JUDGES; i++)
		judge->supervisors[i] = (struct supervisor){.socket = -1};
	for (size_t i = 0; !e && i < NR_JUDGES; i++)
		e = start_one(judge, &judge->supervisors[i], rights, error);
	if (e) {
		nr_judge_free(judge);
		return e;
	}
	*ret_judge = judge;
	return 0;
}

void nr_judge_free(struct nr_judge *judge)
{
	if (!judge)
		return;
	for (size_t i = 0; i < NR_JUDGES; i++) {
		struct supervisor *one = &judge->supervisors[i];
		if (one->socket >= 0)
			shutdown(one->socket, SHUT_RDWR);
		nr_close_fd(&one->socket);
		if (one->pid > 0)
			waitpid(one->pid, NULL, 0);
		if (one->place)
			munmap(one->place, sizeof *one->place);
	}
	nr_material_fini(&judge->material);
	pthread_mutex_destroy(&judge->lock);
	pthread_cond_destroy(&judge->freed);
	free(judge);
}

/* One that is free and lives; NULL: there was none in time. *ret_any: one lives. */
static struct supervisor *take(struct nr_judge *judge, bool *ret_any)
{
	struct timespec until;
	struct supervisor *taken = NULL;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += NR_JUDGE_SECONDS;
	pthread_mutex_lock(&judge->lock);
	for (int e = 0; !taken && e != ETIMEDOUT;) {
		*ret_any = false;
		for (size_t i = 0; !taken && i < NR_JUDGES; i++) {
			struct supervisor *one = &judge->supervisors[i];
			*ret_any = *ret_any || one->socket >= 0;
			taken = one->socket >= 0 && !one->busy ? one : NULL;
		}
		if (!*ret_any)
			break;
		if (!taken)
			e = pthread_cond_timedwait(&judge->freed, &judge->lock, &until);
	}
	if (taken)
		taken->busy = true;
	pthread_mutex_unlock(&judge->lock);
	return taken;
}

/* What was asked is forgotten, and its memory given back. */
static void give_back(struct nr_judge *judge, struct supervisor *one, bool lost)
{
	madvise(one->place, sizeof *one->place, MADV_REMOVE);
	pthread_mutex_lock(&judge->lock);
	one->busy = false;
	if (lost) {
		nr_close_fd(&one->socket);
		one->socket = -1;
	}
	pthread_cond_signal(&judge->freed);
	pthread_mutex_unlock(&judge->lock);
	if (lost)
		nr_log(NR_LOG_ERROR, "judge", "reason", "a process that judges seals has ended", NULL);
}

static int reply_of(const struct place *place, struct nr_reply *ret_reply)
{
	uint32_t length = place->answer_length, status = place->status;
	bool known = status == 200 || status == 400;
	if (!known || length > ANSWER_MAX)
		return -EBADMSG;
	char *bytes = malloc((size_t)length + 1);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, place->answer, length);
	bytes[length] = '\0';
	*ret_reply = (struct nr_reply){
		.status = status, .type = "application/json", .bytes = bytes, .length = length};
	return 0;
}

static int not_judged(const char *text, struct nr_reply *ret_reply)
{
	return nr_api_error(422, "not-judged", NULL, text, ret_reply);
}

int nr_judge_ask(struct nr_judge *judge, const void *body, size_t length, struct nr_reply *ret_reply)
{
	uint32_t asked = (uint32_t)length, done = 0;
	if (length > NR_JUDGE_QUESTION_MAX)
		return nr_api_error(413, "too-long", NULL, "the question is longer than 16 MiB", ret_reply);
	bool any;
	struct supervisor *one = take(judge, &any);
	if (!one && !any)
		return not_judged("who judges seals has ended; the server must be started again", ret_reply);
	if (!one)
		return nr_api_error(503, "busy", NULL,
			"too many seals are being judged at this moment; try again later", ret_reply);
	if (length)
		memcpy(one->place->question, body, length);
	bool lost = send(one->socket, &asked, sizeof asked, MSG_NOSIGNAL) != sizeof asked ||
		    recv(one->socket, &done, sizeof done, 0) != sizeof done;
	int e = !lost && done ? reply_of(one->place, ret_reply) : -EBADMSG;
	give_back(judge, one, lost);
	if (e != -EBADMSG)
		return e;
	nr_log(NR_LOG_WARNING, "judge", "reason", "a question took too much or ended who judged it", NULL);
	return not_judged(
		"it could not be judged: taking it apart took too much time or memory, or failed", ret_reply);
}
