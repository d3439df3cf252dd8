/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's end of the nursery. */
#include "base/child_inside.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define NR_NURSERY_TRIES 500 /* 10 ms each */

struct nr_nursery {
	pid_t pid;
	int socket;
};

int nr_child_bind_to_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH; /* it may have ended before the call */
}

static int await_ready(struct nr_nursery *nursery, struct nr_error *error)
{
	struct nr_nursery_ready ready;
	ssize_t n;
	do
		n = recv(nursery->socket, &ready, sizeof ready, 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof ready)
		return nr_fail(error, -EPIPE, "the process that holds the rings ended while it started");
	ready.text[sizeof ready.text - 1] = '\0';
	if (ready.code < 0)
		return nr_fail(error, ready.code, "%s", ready.text);
	return 0;
}

int nr_nursery_start(
	const struct nr_nursery_conf *conf, struct nr_nursery **ret_nursery, struct nr_error *error)
{
	if (conf->count > NR_CHILDREN_MAX)
		return nr_fail(error, -E2BIG, "%zu processes are more than %d", conf->count, NR_CHILDREN_MAX);
	NR_AUTO(nr_nursery_freep) struct nr_nursery *nursery = calloc(1, sizeof *nursery);
	if (!nursery)
		return nr_fail(error, -ENOMEM, "out of memory");
	int ends[2];
	pid_t keeper = getpid();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return nr_fail(error, -errno, "socket pair: %s", strerror(errno));
	fflush(NULL);
	nursery->socket = ends[0];
	nursery->pid = fork();
	if (nursery->pid < 0) {
		int code = errno;
		close(ends[1]);
		return nr_fail(error, -code, "fork: %s", strerror(code));
	}
	if (nursery->pid == 0) {
		close(ends[0]);
		_exit(nr_nursery_main(conf, ends[1], keeper));
	}
	close(ends[1]);
	int rc = await_ready(nursery, error);
	if (rc)
		return rc;
	*ret_nursery = nr_steal(&nursery);
	return 0;
}

/* It ends by its socket's end, its children with it; a sandbox may not let us kill. One that cannot (it was
 * stopped, a file holds it up) is not waited for: the kernel kills it with its parent. */
static void await_end(const struct nr_nursery *nursery)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	for (int i = 0; i < NR_NURSERY_TRIES && waitpid(nursery->pid, NULL, WNOHANG) == 0; i++)
		nanosleep(&pause, NULL);
}

void nr_nursery_free(struct nr_nursery *nursery)
{
	if (!nursery)
		return;
	if (nursery->pid > 0) {
		close(nursery->socket);
		await_end(nursery);
	}
	free(nursery);
}

void nr_nursery_freep(struct nr_nursery **nursery)
{
	nr_nursery_free(*nursery);
	*nursery = NULL;
}

int nr_nursery_ask(
	struct nr_nursery *nursery, enum nr_nursery_order order, unsigned index, struct nr_error *error)
{
	struct nr_nursery_order_message message = {order, index};
	if (send(nursery->socket, &message, sizeof message, MSG_NOSIGNAL) < 0)
		return nr_fail(error, -errno, "the process that holds the rings: %s", strerror(errno));
	return 0;
}

int nr_nursery_socket(const struct nr_nursery *nursery)
{
	return nursery->socket;
}

int nr_nursery_next(struct nr_nursery *nursery, struct nr_child_event *ret_event, int *ret_socket)
{
	struct nr_child_event event;
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {&event, sizeof event};
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	ssize_t n;
	do
		n = recvmsg(nursery->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n != sizeof event)
		return -EPIPE;
	event.text[sizeof event.text - 1] = '\0';
	*ret_socket = -1;
	const struct cmsghdr *first = CMSG_FIRSTHDR(&message);
	if (first && first->cmsg_type == SCM_RIGHTS)
		memcpy(ret_socket, CMSG_DATA(first), sizeof(int));
	*ret_event = event;
	return 1;
}
