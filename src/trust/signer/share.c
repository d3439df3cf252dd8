/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/share.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define SOCKET_NAME "append"

struct request {
	uint32_t count;
	uint32_t lengths[]; /* count of them; then the entries */
};
#define REQUEST_MAX (sizeof(struct request) + NR_SHARE_ENTRIES_MAX * sizeof(uint32_t) + NR_SHARE_BYTES_MAX)

struct reply {
	int32_t code;
	uint64_t first;
	char text[240];
};

struct nr_share {
	struct nr_ledger *ledger;
	int folder, listener, stop; /* the corner's descriptor; the socket; an eventfd that ends the thread */
	struct pollfd files[2 + NR_SHARE_CLIENTS_MAX]; /* stop, listener, clients */
	nfds_t count;
	uint8_t *request;
	pthread_t thread;
	bool runs;
};

/* ---- where the socket is ---- */

static int corner_open(const char *folder)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/.state", folder);
	if (n < 0 || (size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* An address holds 107 bytes and a path may be longer: by the folder's descriptor it is short. */
static struct sockaddr_un address_of(int corner)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET_NAME, corner);
	return address;
}

static int socket_make(void)
{
	int room = (int)REQUEST_MAX * 2;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	return fd < 0 ? -errno : fd;
}

/* ---- the writer's end ---- */

static bool may_ask(int client)
{
	struct ucred who;
	socklen_t length = sizeof who;
	return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 &&
	       (who.uid == 0 || who.uid == geteuid());
}

static void client_take(struct nr_share *share)
{
	int client = accept4(share->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client < 0)
		return;
	if (share->count == NR_COUNT(share->files) || !may_ask(client)) {
		close(client);
		return;
	}
	share->files[share->count++] = (struct pollfd){.fd = client, .events = POLLIN};
}

/* Entries within a message; false: it is not one. */
static bool request_parse(
	const uint8_t *bytes, size_t length, struct nr_ledger_entry entries[], size_t *ret_count)
{
	uint32_t count, each;
	if (length < sizeof count)
		return false;
	memcpy(&count, bytes, sizeof count);
	if (count == 0 || count > NR_SHARE_ENTRIES_MAX || (length - sizeof count) / sizeof each < count)
		return false;
	const uint8_t *at = bytes + sizeof count + count * sizeof each;
	size_t left = (size_t)(bytes + length - at);
	for (uint32_t i = 0; i < count; i++) {
		memcpy(&each, bytes + sizeof count + i * sizeof each, sizeof each);
		if (each > left || each > NR_LEDGER_ENTRY_MAX)
			return false;
		entries[i] = (struct nr_ledger_entry){at, each};
		at += each;
		left -= each;
	}
	*ret_count = count;
	return left == 0;
}

/* false: the client has gone, or says nothing that we understand. */
static bool client_serve(struct nr_share *share, int client)
{
	struct nr_ledger_entry entries[NR_SHARE_ENTRIES_MAX];
	struct nr_error error = {0};
	struct reply reply = {0};
	size_t count;
	ssize_t n = read(client, share->request, REQUEST_MAX);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0 || !request_parse(share->request, (size_t)n, entries, &count))
		return false;
	reply.code = nr_ledger_append(share->ledger, entries, count, &reply.first, &error);
	memcpy(reply.text, error.text, sizeof reply.text);
	return send(client, &reply, sizeof reply, MSG_NOSIGNAL) == sizeof reply;
}

static void *run(void *argument)
{
	struct nr_share *share = argument;
	for (;;) {
		if (poll(share->files, share->count, -1) < 0 && errno != EINTR)
			return NULL;
		if (share->files[0].revents)
			return NULL;
		if (share->files[1].revents)
			client_take(share);
		for (nfds_t i = 2; i < share->count; i++) {
			if (!share->files[i].revents || client_serve(share, share->files[i].fd))
				continue;
			close(share->files[i].fd);
			share->files[i--] = share->files[--share->count];
		}
	}
}

static int listener_open(struct nr_share *share)
{
	struct sockaddr_un address = address_of(share->folder);
	unlinkat(share->folder, SOCKET_NAME, 0); /* of one that died; the ledger's lock is ours */
	share->listener = socket_make();
	if (share->listener < 0)
		return share->listener;
	if (bind(share->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
		fchmodat(share->folder, SOCKET_NAME, 0600, 0) < 0 || listen(share->listener, 8) < 0)
		return -errno;
	share->stop = eventfd(0, EFD_CLOEXEC);
	return share->stop < 0 ? -errno : 0;
}

int nr_share_open(
	const char *folder, struct nr_ledger *ledger, struct nr_share **ret_share, struct nr_error *error)
{
	struct nr_share *share = calloc(1, sizeof *share);
	if (!share)
		return nr_fail(error, -ENOMEM, "%s: out of memory", folder);
	share->ledger = ledger;
	share->listener = share->stop = -1;
	share->request = malloc(REQUEST_MAX);
	share->folder = corner_open(folder);
	int rc = share->folder < 0 ? share->folder : listener_open(share);
	if (!rc && !share->request)
		rc = -ENOMEM;
	share->files[0] = (struct pollfd){.fd = share->stop, .events = POLLIN};
	share->files[1] = (struct pollfd){.fd = share->listener, .events = POLLIN};
	share->count = 2;
	if (rc) {
		nr_share_close(share);
		return nr_fail(error, rc, "%s/.state/" SOCKET_NAME ": %s", folder, strerror(-rc));
	}
	*ret_share = share;
	return 0;
}

int nr_share_start(struct nr_share *share, struct nr_error *error)
{
	int code = pthread_create(&share->thread, NULL, run, share);
	share->runs = code == 0;
	return code ? nr_fail(error, -code, "cannot start a thread: %s", strerror(code)) : 0;
}

void nr_share_close(struct nr_share *share)
{
	if (!share)
		return;
	const uint64_t one = 1;
	if (share->runs && write(share->stop, &one, sizeof one) == sizeof one)
		pthread_join(share->thread, NULL);
	if (share->folder >= 0 && share->stop >= 0)
		unlinkat(share->folder, SOCKET_NAME, 0);
	for (nfds_t i = 2; i < share->count; i++)
		close(share->files[i].fd);
	nr_close_fd(&share->listener);
	nr_close_fd(&share->stop);
	nr_close_fd(&share->folder);
	free(share->request);
	free(share);
}

/* ---- the others' end ---- */

int nr_share_connect(const char *folder, int *ret_socket, struct nr_error *error)
{
	NR_AUTO(nr_close_fd) int corner = corner_open(folder);
	if (corner < 0)
		return nr_fail(error, corner, "%s: %s", folder, strerror(-corner));
	struct sockaddr_un address = address_of(corner);
	NR_AUTO(nr_close_fd) int client = socket_make();
	if (client < 0 || connect(client, (struct sockaddr *)&address, sizeof address) < 0) {
		int code = client < 0 ? -client : errno;
		return nr_fail(error, -code, "%s: who writes it does not listen: %s", folder, strerror(code));
	}
	*ret_socket = client;
	client = -1;
	return 0;
}

int nr_share_append(int socket, const struct nr_ledger_entry *entries, size_t count, uint64_t *ret_first,
	struct nr_error *error)
{
	struct reply reply;
	size_t length = sizeof(uint32_t) * (1 + count);
	for (size_t i = 0; i < count; i++)
		length += entries[i].length;
	if (count == 0 || count > NR_SHARE_ENTRIES_MAX || length > REQUEST_MAX)
		return nr_fail(error, -E2BIG, "ledger: %zu entries, %zu bytes at once", count, length);
	NR_AUTO(nr_freep) uint8_t *request = malloc(length);
	if (!request)
		return nr_fail(error, -ENOMEM, "ledger: out of memory");
	uint32_t number = (uint32_t)count;
	memcpy(request, &number, sizeof number);
	uint8_t *at = request + sizeof number * (1 + count);
	for (size_t i = 0; i < count; i++) {
		number = (uint32_t)entries[i].length;
		memcpy(request + sizeof number * (1 + i), &number, sizeof number);
		memcpy(at, entries[i].bytes, entries[i].length);
		at += entries[i].length;
	}
	ssize_t n = send(socket, request, length, MSG_NOSIGNAL);
	if (n == (ssize_t)length)
		do
			n = read(socket, &reply, sizeof reply);
		while (n < 0 && errno == EINTR);
	if (n != sizeof reply)
		return nr_fail(error, -EIO,
			"ledger: who writes it has gone; whether the entries are in it is not "
			"known: try again");
	if (reply.code)
		return nr_fail(error, reply.code, "%.239s", reply.text);
	*ret_first = reply.first;
	return 0;
}
