/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The callers' end. A request goes out under one lock and takes a number; answers are taken in by whoever's
 * number is next, so that the signer finds the next request waiting when it has finished one.
 */
#include "trust/signer/inside.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define END_PAUSES 5000 /* of 0.2 ms */

#define PATIENCE 60 /* seconds; a token may take long for 256 signatures of RSA */

const char *const nr_signer_purpose_names[NR_SIGN_PURPOSES] = {
	"timestamp", "seal", "jws", "checkpoint", "cosignature"};

struct described {
	enum nr_key_algorithm algorithm;
	uint8_t *certificate, *public_key; /* owned; certificate NULL: none */
	size_t certificate_length, public_length;
	char id[65];
};

struct nr_signer {
	int socket;
	pid_t pid;
	bool locked;
	struct described keys[NR_SIGNER_KEYS_MAX];
	size_t count;
	pthread_mutex_t send, receive;
	pthread_cond_t turn;
	uint64_t sent;     /* under send */
	uint64_t received; /* under receive */
	bool dead;         /* under receive */
	uint8_t *reply;    /* of NR_SIGNER_REPLY_MAX bytes; its that has the turn */
};

/* ---- start and end ---- */

static int conf_check(const struct nr_signer_conf *conf, struct nr_error *error)
{
	if (conf->count == 0 || conf->count > NR_SIGNER_KEYS_MAX)
		return nr_fail(error, -EINVAL, "signer: one to %d keys", NR_SIGNER_KEYS_MAX);
	return 0;
}

static ssize_t message_read(int socket, void *message, size_t room)
{
	ssize_t n;
	do
		n = read(socket, message, room);
	while (n < 0 && errno == EINTR);
	return n;
}

static int description_read(struct nr_signer *signer, struct described *key, struct nr_error *error)
{
	static const size_t fixed = offsetof(struct nr_signer_description, bytes);
	NR_AUTO(nr_freep) uint8_t *message = malloc(NR_SIGNER_DESCRIPTION_MAX);
	struct nr_signer_description head;
	if (!message)
		return nr_fail(error, -ENOMEM, "signer: out of memory");
	ssize_t n = message_read(signer->socket, message, NR_SIGNER_DESCRIPTION_MAX);
	if (n < (ssize_t)fixed)
		return nr_fail(error, -EIO, "signer: ended while it started");
	memcpy(&head, message, fixed);
	if ((size_t)n - fixed != (size_t)head.certificate_length + head.public_length)
		return nr_fail(error, -EIO, "signer: its description of a key is damaged");
	key->algorithm = head.algorithm;
	memcpy(key->id, head.id, sizeof key->id);
	key->certificate_length = head.certificate_length;
	key->public_length = head.public_length;
	key->public_key = malloc(NR_MAX(head.public_length, 1));
	key->certificate = head.certificate_length ? malloc(head.certificate_length) : NULL;
	if (!key->public_key || (head.certificate_length && !key->certificate))
		return nr_fail(error, -ENOMEM, "signer: out of memory");
	if (key->certificate)
		memcpy(key->certificate, message + fixed, head.certificate_length);
	memcpy(key->public_key, message + fixed + head.certificate_length, head.public_length);
	return 0;
}

/* A token may hang, and a process may be stopped: nobody waits for ever. Opening keys may take long. */
static int patience_set(const struct nr_signer *signer, unsigned seconds, struct nr_error *error)
{
	const struct timeval most = {.tv_sec = seconds ? seconds : PATIENCE};
	if (setsockopt(signer->socket, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most) < 0 ||
		setsockopt(signer->socket, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) < 0)
		return nr_fail(error, -errno, "signer: time to wait: %s", strerror(errno));
	return 0;
}

static int ready_wait(struct nr_signer *signer, struct nr_error *error)
{
	struct nr_signer_ready ready;
	if (message_read(signer->socket, &ready, sizeof ready) != sizeof ready)
		return nr_fail(error, -EIO, "signer: ended while it started");
	if (ready.code)
		return nr_fail(error, ready.code, "%.239s", ready.text);
	signer->locked = ready.locked;
	signer->count = NR_MIN(ready.keys, (uint32_t)NR_SIGNER_KEYS_MAX);
	int rc = 0;
	for (size_t i = 0; !rc && i < signer->count; i++)
		rc = description_read(signer, &signer->keys[i], error);
	return rc;
}

static int process_fork(struct nr_signer *signer, const struct nr_signer_conf *conf, struct nr_error *error)
{
	int pair[2], room = (int)NR_SIGNER_REPLY_MAX * 2;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return nr_fail(error, -errno, "signer: socket pair: %s", strerror(errno));
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	pid_t self = getpid();
	signer->pid = fork();
	if (signer->pid == 0) {
		close(pair[0]);
		_exit(nr_signer_main(conf, pair[1], self));
	}
	int code = errno;
	close(pair[1]);
	signer->socket = pair[0];
	return signer->pid > 0 ? 0 : nr_fail(error, -code, "signer: fork: %s", strerror(code));
}

int nr_signer_start(const struct nr_signer_conf *conf, struct nr_signer **ret_signer, struct nr_error *error)
{
	int rc = conf_check(conf, error);
	if (rc)
		return rc;
	NR_AUTO(nr_signer_freep) struct nr_signer *signer = calloc(1, sizeof *signer);
	if (!signer)
		return nr_fail(error, -ENOMEM, "signer: out of memory");
	signer->socket = -1;
	pthread_mutex_init(&signer->send, NULL);
	pthread_mutex_init(&signer->receive, NULL);
	pthread_cond_init(&signer->turn, NULL);
	signer->reply = malloc(NR_SIGNER_REPLY_MAX);
	if (!signer->reply)
		return nr_fail(error, -ENOMEM, "signer: out of memory");
	rc = process_fork(signer, conf, error);
	rc = rc ? rc : ready_wait(signer, error);
	rc = rc ? rc : patience_set(signer, conf->patience, error);
	if (!rc)
		*ret_signer = nr_steal(&signer);
	return rc;
}

/* It ends when the socket is closed, which is what somebody in a sandbox can do; a copy of the socket in
 * another process would keep it waiting. */
static void process_end(pid_t pid)
{
	const struct timespec pause = {.tv_nsec = 200 * 1000};
	for (int i = 0; i < END_PAUSES; i++) {
		pid_t ended = waitpid(pid, NULL, WNOHANG);
		if (ended == pid || (ended < 0 && errno != EINTR))
			return;
		nanosleep(&pause, NULL);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void nr_signer_free(struct nr_signer *signer)
{
	if (!signer)
		return;
	nr_close_fd(&signer->socket);
	if (signer->pid > 0)
		process_end(signer->pid);
	for (size_t i = 0; i < NR_SIGNER_KEYS_MAX; i++) {
		free(signer->keys[i].certificate);
		free(signer->keys[i].public_key);
	}
	pthread_cond_destroy(&signer->turn);
	pthread_mutex_destroy(&signer->send);
	pthread_mutex_destroy(&signer->receive);
	free(signer->reply);
	free(signer);
}

void nr_signer_freep(struct nr_signer **signer)
{
	nr_signer_free(*signer);
}

/* ---- signing ---- */

static int gone(struct nr_error *error)
{
	return nr_fail(error, -EIO,
		"the signer has ended, or does not answer: nothing is signed until it is started again");
}

static int items_check(const struct nr_signer_item *items, size_t count, struct nr_error *error)
{
	size_t bytes = 0;
	if (count == 0 || count > NR_SIGNER_BATCH_MAX)
		return nr_fail(error, -EINVAL, "signer: one to %d structures at once", NR_SIGNER_BATCH_MAX);
	for (size_t i = 0; i < count; i++) {
		if (items[i].length > NR_SIGNER_STRUCTURE_MAX)
			return nr_fail(error, -EMSGSIZE, "signer: a structure of %zu bytes; %d are the most",
				items[i].length, NR_SIGNER_STRUCTURE_MAX);
		bytes += items[i].length;
	}
	return bytes <= NR_SIGNER_BYTES_MAX
		       ? 0
		       : nr_fail(error, -EMSGSIZE, "signer: %zu bytes at once; %d are the most", bytes,
				 NR_SIGNER_BYTES_MAX);
}

/* Sends and takes a number. */
static int request_send(struct nr_signer *signer, unsigned key, enum nr_signer_purpose purpose,
	const struct nr_signer_item *items, size_t count, uint64_t *ret_number)
{
	struct nr_signer_request head = {key, purpose, (uint32_t)count};
	uint32_t lengths[NR_SIGNER_BATCH_MAX];
	struct iovec parts[NR_SIGNER_BATCH_MAX + 2] = {
		{&head, sizeof head}, {lengths, count * sizeof *lengths}};
	for (size_t i = 0; i < count; i++) {
		lengths[i] = (uint32_t)items[i].length;
		parts[i + 2] = (struct iovec){(void *)(uintptr_t)items[i].structure, items[i].length};
	}
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = count + 2};
	ssize_t n;
	pthread_mutex_lock(&signer->send);
	do
		n = sendmsg(signer->socket, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		*ret_number = signer->sent++;
	pthread_mutex_unlock(&signer->send);
	return n >= 0 ? 0 : -EIO;
}

/* Reply bytes into what the caller sees; -EIO: they are not what they should be. */
static int reply_take(const uint8_t *reply, size_t length, size_t count, struct nr_signed *ret_signed)
{
	struct nr_signer_reply head;
	struct nr_signer_reply_item item;
	if (length < sizeof head)
		return -EIO;
	memcpy(&head, reply, sizeof head);
	if (head.code)
		return head.code;
	if (head.count != count || length < sizeof head + count * sizeof item)
		return -EIO;
	const uint8_t *items = reply + sizeof head, *signature = items + count * sizeof item;
	for (size_t i = 0; i < count; i++) {
		memcpy(&item, items + i * sizeof item, sizeof item);
		if (item.length > NR_SIGNATURE_MAX || item.length > (size_t)(reply + length - signature))
			return -EIO;
		ret_signed[i].code = item.code;
		ret_signed[i].counter = item.counter;
		ret_signed[i].length = item.length;
		memcpy(ret_signed[i].signature, signature, item.length);
		signature += item.length;
	}
	return 0;
}

static int reply_wait(struct nr_signer *signer, uint64_t number, size_t count, struct nr_signed *ret_signed)
{
	pthread_mutex_lock(&signer->receive);
	while (signer->received != number && !signer->dead)
		pthread_cond_wait(&signer->turn, &signer->receive);
	int rc = -EIO;
	if (!signer->dead) {
		ssize_t n = message_read(signer->socket, signer->reply, NR_SIGNER_REPLY_MAX);
		signer->dead = n <= 0;
		if (n > 0)
			rc = reply_take(signer->reply, (size_t)n, count, ret_signed);
		signer->received++;
		pthread_cond_broadcast(&signer->turn);
	}
	pthread_mutex_unlock(&signer->receive);
	return rc;
}

int nr_signer_sign(struct nr_signer *signer, unsigned key, enum nr_signer_purpose purpose,
	const struct nr_signer_item *items, size_t count, struct nr_signed *ret_signed,
	struct nr_error *error)
{
	int rc = items_check(items, count, error);
	if (rc)
		return rc;
	if (key >= signer->count || purpose >= NR_SIGN_PURPOSES)
		return nr_fail(error, -EINVAL, "signer: there is no key %u for that", key);
	uint64_t number;
	if (request_send(signer, key, purpose, items, count, &number))
		return gone(error);
	rc = reply_wait(signer, number, count, ret_signed);
	if (rc == -EIO)
		return gone(error);
	return rc ? nr_fail(error, rc, "signer: the request was not understood") : 0;
}

const char *nr_signed_reason(int code)
{
	switch (code) {
	case 0:
		return "signed";
	case -EPERM:
		return "this key does not sign this structure";
	case -EDQUOT:
		return "more signatures than the key's rate allows";
	case -ETIME:
		return "the time in it is not the signer's";
	case -EACCES:
		return "the key is not released for now";
	case -EKEYEXPIRED:
		return "the key's certificate has ended";
	default:
		return "the key did not sign";
	}
}

/* ---- what it told ---- */

enum nr_key_algorithm nr_signer_algorithm(const struct nr_signer *signer, unsigned key)
{
	return signer->keys[key].algorithm;
}

const uint8_t *nr_signer_certificate(const struct nr_signer *signer, unsigned key, size_t *ret_length)
{
	*ret_length = signer->keys[key].certificate_length;
	return signer->keys[key].certificate;
}

const uint8_t *nr_signer_public(const struct nr_signer *signer, unsigned key, size_t *ret_length)
{
	*ret_length = signer->keys[key].public_length;
	return signer->keys[key].public_key;
}

const char *nr_signer_key_id(const struct nr_signer *signer, unsigned key)
{
	return signer->keys[key].id;
}

bool nr_signer_memory_locked(const struct nr_signer *signer)
{
	return signer->locked;
}

pid_t nr_signer_process(const struct nr_signer *signer)
{
	return signer->pid;
}
