/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nursery: one thread, one loop over the keeper's orders, the ends of children and the times at which
 * they are to start again.
 */
#include "base/child_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

struct slot {
	const struct nr_child *child;
	pid_t pid;      /* 0: none */
	int words;      /* what run() says when it fails; -1: no child */
	nr_time since;  /* of its start, of the clock that never steps */
	nr_time again;  /* when to start it; NR_TIME_MAX: not */
	nr_time killed; /* when it is killed for not doing as asked; NR_TIME_MAX: not asked */
	unsigned starts;
	unsigned young; /* deaths in a row that came too soon */
	bool discard;   /* the next start is a fresh one */
	bool finishing; /* its process is the one that finishes, or has been */
	bool blamed;    /* the keeper had it killed: even a SIGKILL is its own fault */
};

struct nursery {
	const struct nr_nursery_conf *conf;
	int keeper, signals;
	pid_t pid;
	bool ending;
	pid_t trial; /* the process that tries a configuration; 0: none, or it has ended */
	int trial_status;
	struct slot slots[NR_CHILDREN_MAX];
};

static volatile sig_atomic_t asked;

enum nr_child_order nr_child_asked(void)
{
	return (enum nr_child_order)asked;
}

const volatile sig_atomic_t *nr_child_asked_flag(void)
{
	return &asked;
}

static void take_order(int number)
{
	asked = number == SIGUSR1 ? NR_CHILD_LEAVE : NR_CHILD_END;
}

static nr_time clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NR_SECOND + t.tv_nsec / 1000;
}

/* ---- a child's first steps ---- */

static void child_signals(void)
{
	const struct sigaction take = {.sa_handler = take_order};
	sigset_t none;
	sigaction(SIGUSR1, &take, NULL);
	sigaction(SIGUSR2, &take, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_main(struct nursery *n, struct slot *slot, int socket, int words)
{
	struct nr_error error = {0};
	if (nr_child_bind_to_parent(n->pid))
		_exit(1);
	close(n->keeper);
	close(n->signals);
	for (size_t i = 0; i < n->conf->count; i++)
		nr_close_fd(&n->slots[i].words);
	child_signals();
	struct nr_child_start start = {.index = (unsigned)(slot - n->slots),
		.socket = socket,
		.fresh = slot->discard,
		.before = slot->starts};
	int rc = slot->finishing ? slot->child->finish(slot->child->context, &start, &error)
				 : slot->child->run(slot->child->context, &start, &error);
	if (rc < 0 && error.text[0])
		(void)!write(words, error.text, strlen(error.text));
	fflush(NULL);
	_exit(rc == -ENODEV ? NR_CHILD_LOST : rc < 0 ? 1 : 0);
}

/* ---- news ---- */

static void tell(struct nursery *n, const struct nr_child_event *event, int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {(void *)event, sizeof *event};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (socket >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof control;
		struct cmsghdr *first = CMSG_FIRSTHDR(&message);
		first->cmsg_level = SOL_SOCKET;
		first->cmsg_type = SCM_RIGHTS;
		first->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(first), &socket, sizeof(int));
	}
	while (sendmsg(n->keeper, &message, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static struct nr_child_event event_of(const struct nursery *n, const struct slot *slot, uint32_t what)
{
	return (struct nr_child_event){.what = what,
		.index = (uint32_t)(slot - n->slots),
		.pid = slot->pid,
		.time = nr_time_now(),
		.discard = slot->discard};
}

/* ---- start and end of a child ---- */

/* A start that the system refuses (no process, no descriptor) is tried again like a death. */
static void start_again_later(struct slot *slot)
{
	slot->again = clock_now() + NR_CHILD_DELAY;
}

static void start_child(struct nursery *n, struct slot *slot)
{
	int stream[2], words[2];
	slot->again = NR_TIME_MAX;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, stream) < 0) {
		start_again_later(slot);
		return;
	}
	if (pipe2(words, O_CLOEXEC | O_NONBLOCK) < 0) {
		close(stream[0]);
		close(stream[1]);
		start_again_later(slot);
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(stream[0]);
		close(words[0]);
		child_main(n, slot, stream[1], words[1]);
	}
	close(stream[1]);
	close(words[1]);
	if (pid < 0) {
		close(words[0]);
		start_again_later(slot);
	} else {
		slot->pid = pid;
		slot->starts++;
		slot->words = words[0];
		slot->since = clock_now();
		slot->killed = NR_TIME_MAX;
		slot->blamed = false;
		struct nr_child_event event = event_of(n, slot, NR_CHILD_STARTED);
		slot->discard = false;
		tell(n, &event, stream[0]);
	}
	close(stream[0]);
}

static void ask_child(struct slot *slot, int number, nr_time patience)
{
	if (slot->pid <= 0)
		return;
	slot->killed = clock_now() + patience;
	kill(slot->pid, number);
}

/* One that was taken over may not listen to SIGABRT, one that was stopped cannot. */
static void kill_child(struct slot *slot)
{
	slot->blamed = true;
	ask_child(slot, SIGABRT, NR_CHILD_DELAY);
}

static void finish_child(struct nursery *n, struct slot *slot)
{
	slot->finishing = true;
	start_child(n, slot);
	if (slot->pid > 0)
		slot->killed = clock_now() + NR_CHILD_FINISH;
}

/* How long until the next start, by how it lived and died. */
static nr_time judge_death(struct slot *slot, int status, nr_time life)
{
	bool outside = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !slot->blamed;
	if (outside)
		return life < NR_CHILD_DELAY ? NR_CHILD_DELAY : 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NR_CHILD_LOST)
		return NR_TIME_MAX;
	slot->young = life >= NR_CHILD_SOUND ? 1 : slot->young + 1;
	slot->discard = slot->discard || slot->young >= NR_CHILD_DEATHS;
	if (slot->young == 1)
		return 0;
	unsigned doublings = NR_MIN(slot->young - 2, 5u);
	return NR_MIN(NR_CHILD_DELAY << doublings, NR_CHILD_DELAY_MAX);
}

static void end_child(struct nursery *n, struct slot *slot, int status)
{
	nr_time now = clock_now();
	struct nr_child_event event = event_of(n, slot, NR_CHILD_ENDED);
	event.status = status;
	event.asked =
		slot->killed != NR_TIME_MAX && !slot->blamed && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	ssize_t length = read(slot->words, event.text, sizeof event.text - 1);
	event.text[NR_MAX(length, 0)] = '\0';
	event.delay = event.asked ? 0 : judge_death(slot, status, now - slot->since);
	event.discard = slot->discard;
	bool last = n->ending && (slot->finishing || !slot->child->finish);
	if (n->ending)
		event.delay = last ? NR_TIME_MAX : 0;
	if (last && event.asked && slot->child->end)
		slot->child->end(slot->child->context);
	slot->again = n->ending || event.delay == NR_TIME_MAX ? NR_TIME_MAX : now + event.delay;
	slot->pid = 0;
	slot->killed = NR_TIME_MAX;
	close(slot->words);
	slot->words = -1;
	tell(n, &event, -1);
	if (n->ending && !last)
		finish_child(n, slot);
}

static void reap(struct nursery *n)
{
	struct signalfd_siginfo info;
	while (read(n->signals, &info, sizeof info) > 0)
		;
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid == n->trial) {
			n->trial = 0;
			n->trial_status = status;
		}
		for (size_t i = 0; i < n->conf->count; i++)
			if (n->slots[i].pid == pid)
				end_child(n, &n->slots[i], status);
	}
}

/* ---- configuration ---- */

static int do_due(struct nursery *n);

/* What the process that tries says, until it ends; false: it did not within its time. A file may be a pipe
 * that nobody writes to, or lie where nobody answers: children that die meanwhile are started again. */
static bool read_words(struct nursery *n, int words, char *text, size_t room)
{
	nr_time end = clock_now() + NR_CHILD_PREPARE;
	size_t length = 0;
	for (;;) {
		struct pollfd files[] = {{words, POLLIN, 0}, {n->signals, POLLIN, 0}};
		nr_time left = end - clock_now();
		if (left <= 0)
			return false;
		int due = do_due(n), wait = (int)(left / 1000) + 1;
		if (poll(files, NR_COUNT(files), due < 0 ? wait : NR_MIN(due, wait)) <= 0)
			continue;
		if (files[1].revents)
			reap(n);
		if (!files[0].revents)
			continue;
		ssize_t got = read(words, text + length, room - 1 - length);
		if (got <= 0)
			return true;
		length += (size_t)got;
		text[length] = '\0';
	}
}

static void try_in_child(const struct nursery *n, const struct nr_child *child, bool again, int words)
{
	struct nr_error reason = {0};
	if (nr_child_bind_to_parent(n->pid))
		_exit(1);
	int rc = child->prepare(child->context, again, &reason);
	if (rc < 0)
		(void)!write(words, reason.text, strlen(reason.text));
	_exit(rc < 0 ? 1 : 0);
}

/* In a process that is thrown away: what is wrong with a file must not end the nursery, nor hold it up. */
static int try_prepare(struct nursery *n, const struct nr_child *child, bool again, struct nr_error *error)
{
	int words[2];
	char text[240] = "";
	if (pipe2(words, O_CLOEXEC) < 0)
		return nr_fail(error, -errno, "pipe: %s", strerror(errno));
	pid_t pid = n->trial = fork();
	if (pid == 0)
		try_in_child(n, child, again, words[1]);
	close(words[1]);
	bool in_time = pid > 0 && read_words(n, words[0], text, sizeof text);
	close(words[0]);
	if (n->trial > 0) { /* not reaped among the others */
		if (!in_time)
			kill(pid, SIGKILL);
		waitpid(pid, &n->trial_status, 0);
	}
	n->trial = 0;
	if (pid < 0)
		return nr_fail(error, -EAGAIN, "%s: no process to read the configuration", child->name);
	if (!in_time)
		return nr_fail(error, -ETIMEDOUT,
			"reading the configuration took longer than %d s; is one of its files a pipe, or on "
			"a "
			"file system that does not answer?",
			(int)(NR_CHILD_PREPARE / NR_SECOND));
	if (WIFEXITED(n->trial_status) && WEXITSTATUS(n->trial_status) == 0)
		return 0;
	return nr_fail(error, -EINVAL, "%s",
		text[0] ? text : "reading the configuration ended the process that tried it");
}

static int prepare(struct nursery *n, bool again, struct nr_error *error)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && again && i < n->conf->count; i++)
		if (n->conf->children[i].prepare)
			rc = try_prepare(n, &n->conf->children[i], again, error);
	for (size_t i = 0; rc == 0 && i < n->conf->count; i++) {
		const struct nr_child *child = &n->conf->children[i];
		if (child->prepare)
			rc = child->prepare(child->context, again, error);
	}
	return rc;
}

static void reload(struct nursery *n)
{
	struct nr_error error = {0};
	int rc = prepare(n, true, &error);
	struct nr_child_event event = {.what = rc < 0 ? NR_CHILD_REFUSED : NR_CHILD_RELOADED};
	event.time = nr_time_now();
	snprintf(event.text, sizeof event.text, "%s", error.text);
	tell(n, &event, -1);
	for (size_t i = 0; rc == 0 && i < n->conf->count; i++)
		ask_child(&n->slots[i], SIGUSR1, NR_CHILD_HAND_OVER);
}

/* ---- the loop ---- */

static void end_all(struct nursery *n)
{
	n->ending = true;
	for (size_t i = 0; i < n->conf->count; i++) {
		struct slot *slot = &n->slots[i];
		bool waits = slot->pid == 0 && slot->again != NR_TIME_MAX;
		slot->again = NR_TIME_MAX;
		if (!slot->child->finish)
			ask_child(slot, SIGUSR2, NR_CHILD_FINISH);
		else if (waits)
			finish_child(n, slot);
		else
			ask_child(slot, SIGUSR1, NR_CHILD_HAND_OVER);
	}
}

/* false: the keeper has ended. */
static bool take_orders(struct nursery *n)
{
	struct nr_nursery_order_message message;
	ssize_t length = recv(n->keeper, &message, sizeof message, MSG_DONTWAIT);
	if (length < 0)
		return errno == EAGAIN || errno == EINTR;
	if (length != sizeof message)
		return false;
	switch ((enum nr_nursery_order)message.order) {
	case NR_NURSERY_GO:
		for (size_t i = 0; i < n->conf->count; i++)
			start_child(n, &n->slots[i]);
		return true;
	case NR_NURSERY_RELOAD:
		if (!n->ending)
			reload(n);
		return true;
	case NR_NURSERY_END:
		if (!n->ending)
			end_all(n);
		return true;
	case NR_NURSERY_KILL:
		if (message.index < n->conf->count)
			kill_child(&n->slots[message.index]);
		return true;
	}
	return true;
}

/* Starts and kills what is due; answers the milliseconds until the next. */
static int do_due(struct nursery *n)
{
	nr_time now = clock_now(), next = NR_TIME_MAX;
	for (size_t i = 0; i < n->conf->count; i++) {
		struct slot *slot = &n->slots[i];
		if (slot->pid == 0 && slot->again <= now)
			start_child(n, slot);
		if (slot->pid > 0 && slot->killed <= now) {
			kill(slot->pid, SIGKILL);
			slot->killed = NR_TIME_MAX;
		}
		next = NR_MIN(next, NR_MIN(slot->again, slot->killed));
	}
	if (next == NR_TIME_MAX)
		return -1;
	return (int)NR_MIN((NR_MAX(next - now, 0) + 999) / 1000, 60000);
}

static bool all_ended(const struct nursery *n)
{
	for (size_t i = 0; i < n->conf->count; i++)
		if (n->slots[i].pid > 0)
			return false;
	return n->ending;
}

static void loop(struct nursery *n)
{
	while (!all_ended(n)) {
		struct pollfd files[] = {
			{.fd = n->keeper, .events = POLLIN}, {.fd = n->signals, .events = POLLIN}};
		if (poll(files, NR_COUNT(files), do_due(n)) < 0 && errno != EINTR)
			return;
		if (files[1].revents)
			reap(n);
		if (files[0].revents && !take_orders(n))
			return;
	}
}

static int get_ready(struct nursery *n, pid_t keeper_pid, struct nr_error *error)
{
	int rc = nr_child_bind_to_parent(keeper_pid);
	for (size_t i = 0; rc == 0 && i < n->conf->count; i++)
		if (n->conf->children[i].open)
			rc = n->conf->children[i].open(n->conf->children[i].context, error);
	if (rc == 0 && n->conf->drop)
		rc = n->conf->drop(n->conf->drop_context, error);
	if (rc == 0)
		rc = nr_child_bind_to_parent(keeper_pid);
	if (rc == 0)
		rc = prepare(n, false, error);
	for (size_t i = 0; rc == 0 && i < n->conf->count; i++)
		if (n->conf->children[i].hold)
			rc = n->conf->children[i].hold(n->conf->children[i].context, error);
	return rc;
}

/* Everything is blocked: what is to be noticed comes through signalfd. */
static int open_signals(void)
{
	sigset_t all, ends;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGCHLD);
	return signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

int nr_nursery_main(const struct nr_nursery_conf *conf, int keeper, pid_t keeper_pid)
{
	struct nursery n = {.conf = conf, .keeper = keeper, .pid = getpid()};
	struct nr_error error = {0};
	for (size_t i = 0; i < conf->count; i++)
		n.slots[i] = (struct slot){.child = &conf->children[i],
			.words = -1,
			.again = NR_TIME_MAX,
			.killed = NR_TIME_MAX};
	prctl(PR_SET_NAME, "noroshi-nursery");
	n.signals = open_signals();
	int rc = n.signals < 0 ? nr_fail(&error, -errno, "signalfd: %s", strerror(errno))
			       : get_ready(&n, keeper_pid, &error);
	struct nr_nursery_ready ready = {.code = rc};
	snprintf(ready.text, sizeof ready.text, "%s", error.text);
	if (send(keeper, &ready, sizeof ready, MSG_NOSIGNAL) != sizeof ready || rc < 0)
		return 1;
	loop(&n);
	return 0; /* children that are left end with their parent */
}
