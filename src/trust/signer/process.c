/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rights.h"
#include "base/sandbox.h"
#include "trust/signer/inside.h"
#include "trust/signer/release.h"
#include "trust/signer/signing_key.h"
#include "trust/signer/token.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

/* The leak check of a sanitizer traces the process. */
#if defined(__SANITIZE_ADDRESS__)
#define NR_TRACED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NR_TRACED
#endif
#endif
#ifdef NR_TRACED
#include <sanitizer/lsan_interface.h>
#endif

#define SECURE_HEAP      (1024 * 1024) /* bytes; eight RSA-4096 keys take a tenth of it */
#define SECURE_HEAP_LEAF 32

struct process {
	struct nr_signing_key keys[NR_SIGNER_KEYS_MAX];
	struct nr_secret secrets[NR_SIGNER_KEYS_MAX]; /* passphrases, PINs; wiped when keys are open */
	size_t count;
	struct nr_token_module *module;
	bool locked;
};

static nr_time clock_read(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return (nr_time)time.tv_sec * NR_SECOND + time.tv_nsec / 1000;
}

/* ---- one request ---- */

static size_t reply_fail(uint8_t *reply, int code)
{
	struct nr_signer_reply head = {.code = code};
	memcpy(reply, &head, sizeof head);
	return sizeof head;
}

/* The structures of a request must fill it exactly. */
static bool lengths_ok(const struct nr_signer_request *request, const uint32_t *lengths, size_t room)
{
	for (uint32_t i = 0; i < request->count; i++) {
		if (lengths[i] > room)
			return false;
		room -= lengths[i];
	}
	return room == 0;
}

void nr_signer_answer(struct nr_signing_key *keys, size_t count, const uint8_t *request, size_t length,
	uint8_t *ret_reply, size_t *ret_length)
{
	struct nr_signer_request head;
	uint32_t lengths[NR_SIGNER_BATCH_MAX];
	*ret_length = reply_fail(ret_reply, -EINVAL);
	if (length < sizeof head)
		return;
	memcpy(&head, request, sizeof head);
	if (head.count == 0 || head.count > NR_SIGNER_BATCH_MAX || head.key >= count ||
		head.purpose >= NR_SIGN_PURPOSES || (length - sizeof head) / sizeof *lengths < head.count)
		return;
	memcpy(lengths, request + sizeof head, head.count * sizeof *lengths);
	const uint8_t *structure = request + sizeof head + head.count * sizeof *lengths;
	if (!lengths_ok(&head, lengths, (size_t)(request + length - structure)))
		return;
	uint8_t *items = ret_reply + sizeof(struct nr_signer_reply);
	uint8_t *signatures = items + head.count * sizeof(struct nr_signer_reply_item);
	nr_time monotonic = clock_read(CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < head.count; i++) {
		struct nr_signed made;
		nr_signing_key_sign(&keys[head.key], head.purpose, structure, lengths[i],
			clock_read(CLOCK_REALTIME), monotonic, &made);
		struct nr_signer_reply_item item = {made.counter, made.code, (uint32_t)made.length};
		memcpy(items + i * sizeof item, &item, sizeof item);
		memcpy(signatures, made.signature, made.length);
		signatures += made.length;
		structure += lengths[i];
	}
	struct nr_signer_reply reply = {.code = 0, .count = head.count};
	memcpy(ret_reply, &reply, sizeof reply);
	*ret_length = (size_t)(signatures - ret_reply);
}

static int serve(struct process *process, int socket)
{
	static uint8_t request[NR_SIGNER_REQUEST_MAX + 1], reply[NR_SIGNER_REPLY_MAX];
	for (;;) {
		ssize_t n = read(socket, request, sizeof request);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0; /* nobody is left who could ask */
		size_t length;
		nr_signer_answer(process->keys, process->count, request, (size_t)n, reply, &length);
		if (write(socket, reply, length) < 0)
			return 0;
	}
}

/* ---- start ---- */

int nr_signer_detach(int socket, struct nr_error *error)
{
	unsigned first = STDERR_FILENO + 1, kept = (unsigned)socket;
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool closed = nothing >= 0;
	for (int fd = STDIN_FILENO; closed && fd <= STDERR_FILENO; fd++)
		closed = fd == socket || dup2(nothing, fd) >= 0;
	if (closed && kept > first)
		closed = close_range(first, kept - 1, 0) == 0;
	if (closed)
		closed = close_range(NR_MAX(kept + 1, first), ~0u, 0) == 0;
	return closed ? 0 : nr_fail(error, -errno, "signer: closing descriptors: %s", strerror(errno));
}

int nr_signer_enclose(bool module, struct nr_error *error)
{
	/* a library reads and writes what it keeps, speaks over what it has open, and logs to a socket */
	const unsigned wider =
		NR_SANDBOX_READ_FILES | NR_SANDBOX_WRITE_FILES | NR_SANDBOX_SERVE | NR_SANDBOX_NO_SOCKETS;
	return nr_sandbox_enter(module ? wider : 0, NULL, error);
}

static int bind_to_parent(pid_t parent, struct nr_error *error)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return nr_fail(error, -ESRCH, "signer: who started it has ended");
#ifndef NR_TRACED
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return nr_fail(error, -errno, "signer: not to be traced: %s", strerror(errno));
#endif
	return 0;
}

/* Answers whether it cannot go to swap. One that the parent has made already stays as it is. */
static bool secure_heap_make(void)
{
	int made = CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_HEAP_LEAF); /* 1: locked; 2: not locked */
#ifdef NR_TRACED
	/* What only the secure heap points to is no leak; the whole of it, taken once, says where it lies. */
	void *whole = made ? OPENSSL_secure_malloc(SECURE_HEAP) : NULL;
	if (whole)
		__lsan_register_root_region(whole, SECURE_HEAP);
	OPENSSL_secure_free(whole);
#endif
	return made == 1;
}

/* Nobody looks into this process, and it leaves nothing behind. */
static int withdraw(pid_t parent, struct process *process, struct nr_error *error)
{
	const struct rlimit none = {0, 0};
	int rc = bind_to_parent(parent, error);
	if (rc)
		return rc;
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return nr_fail(error, -errno, "signer: no core files: %s", strerror(errno));
	/* a terminal and some supervisors send them to all; the end comes when the socket is closed */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	process->locked = secure_heap_make();
	return 0;
}

/* Who was started as root becomes nobody, but for a module, whose files are root's; everyone loses
 * capabilities.
 */
static int rights_drop(bool module, pid_t parent, struct nr_error *error)
{
	struct nr_rights rights = {.change = false};
	if (!module && geteuid() == 0 && nr_rights_find(NULL, NULL, &rights, NULL))
		rights.change = false; /* there is no such user */
	int rc = nr_rights_drop(&rights, error);
	/* the kernel forgets it with a change of user */
	return rc ? rc : bind_to_parent(parent, error);
}

/* A file is read once, whatever number of keys it opens: it may be a pipe. */
static int secret_read(
	struct process *process, const struct nr_signer_conf *conf, size_t index, struct nr_error *error)
{
	const char *path = conf->keys[index].passphrase;
	for (size_t i = 0; path && i < index; i++) {
		if (!conf->keys[i].passphrase || strcmp(conf->keys[i].passphrase, path) != 0)
			continue;
		process->secrets[index] = process->secrets[i];
		return 0;
	}
	return nr_secret_read(path, &process->secrets[index], error);
}

static int keys_read(struct process *process, const struct nr_signer_conf *conf, struct nr_error *error)
{
	nr_time now = nr_time_now(), monotonic = clock_read(CLOCK_MONOTONIC);
	int rc = 0;
	for (size_t i = 0; !rc && i < conf->count; i++) {
		const struct nr_signer_key *wanted = &conf->keys[i];
		struct nr_signing_key *key = &process->keys[i];
		rc = secret_read(process, conf, i, error);
		rc = rc ? rc : nr_signing_key_open(wanted, &process->secrets[i], now, key, error);
		if (rc)
			break;
		process->count++;
		nr_allowance_init(&key->allowance, wanted->rate, wanted->burst, monotonic);
		if (wanted->releaser_count > 0)
			rc = nr_release_read(
				wanted, key->id, now, &key->released_from, &key->released_until, error);
	}
	return rc;
}

static int tokens_open(struct process *process, const struct nr_signer_conf *conf, struct nr_error *error)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < process->count; i++) {
		const struct nr_signer_key *wanted = &conf->keys[i];
		if (nr_token_names(wanted->key) && !process->module) {
			if (!conf->pkcs11_module)
				rc = nr_fail(error, -EINVAL,
					"%s: a key in a token; name the library that reaches it: "
					"--pkcs11-module FILE",
					wanted->key);
			else
				rc = nr_token_module_open(conf->pkcs11_module, &process->module, error);
		}
		if (!rc && nr_token_names(wanted->key))
			rc = nr_token_key_open(process->module, wanted->key, &process->secrets[i],
				process->keys[i].policy.algorithm, &process->keys[i].token, error);
		rc = rc ? rc : nr_signing_key_prove(&process->keys[i], wanted->key, error);
	}
	OPENSSL_cleanse(process->secrets, sizeof process->secrets);
	return rc;
}

static int describe(const struct nr_signing_key *key, int socket)
{
	static uint8_t message[NR_SIGNER_DESCRIPTION_MAX];
	struct nr_signer_description head = {.algorithm = key->policy.algorithm,
		.certificate_length = (uint32_t)key->certificate_length,
		.public_length = (uint32_t)key->spki_length};
	size_t fixed = offsetof(struct nr_signer_description, bytes);
	size_t length = fixed + key->certificate_length + key->spki_length;
	if (length > sizeof message)
		return -EMSGSIZE;
	memcpy(head.id, key->id, sizeof head.id);
	memcpy(message, &head, fixed);
	if (key->certificate_length)
		memcpy(message + fixed, key->certificate, key->certificate_length);
	memcpy(message + fixed + key->certificate_length, key->spki, key->spki_length);
	return write(socket, message, length) == (ssize_t)length ? 0 : -EIO;
}

static int start(struct process *process, const struct nr_signer_conf *conf, int socket, pid_t parent,
	struct nr_error *error)
{
	int rc = withdraw(parent, process, error);
	rc = rc ? rc : keys_read(process, conf, error);
	rc = rc ? rc : rights_drop(conf->pkcs11_module != NULL, parent, error);
	rc = rc ? rc : nr_signer_detach(socket, error);
	rc = rc ? rc : tokens_open(process, conf, error);
	return rc ? rc : nr_signer_enclose(process->module != NULL, error);
}

int nr_signer_main(const struct nr_signer_conf *conf, int socket, pid_t parent)
{
	static struct process process;
	struct nr_error error = {0};
	struct nr_signer_ready ready = {.code = start(&process, conf, socket, parent, &error)};
	ready.keys = (uint32_t)process.count;
	ready.locked = process.locked;
	memcpy(ready.text, error.text, sizeof ready.text);
	if (write(socket, &ready, sizeof ready) != sizeof ready || ready.code)
		return 1;
	for (size_t i = 0; i < process.count; i++)
		if (describe(&process.keys[i], socket))
			return 1;
	return serve(&process, socket);
}
