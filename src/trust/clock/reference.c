/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/clock/reference.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* ---- opening ---- */

static int connect_unix(struct nr_reference *reference, const char *path, struct nr_error *error)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX}, own = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof to.sun_path)
		return nr_fail(error, -ENAMETOOLONG, "chrony:%.80s: the path is too long for a socket", path);
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	/* chronyd answers to a path beside its own, where it may look (and nobody else) */
	const char *slash = strrchr(path, '/');
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return nr_fail(error, -errno, "chrony:%.80s: %s", path, strerror(errno));
	int written = snprintf(own.sun_path, sizeof own.sun_path, "%.*s/noroshi-%d-%d.sock",
		slash ? (int)(slash - path) : 1, slash ? path : ".", getpid(), fd);
	if (written < 0 || (size_t)written >= sizeof own.sun_path) {
		close(fd);
		return nr_fail(error, -ENAMETOOLONG, "chrony:%.80s: the path is too long for a socket", path);
	}
	unlink(own.sun_path);
	if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0 || chmod(own.sun_path, 0666) != 0) {
		int e = errno;
		unlink(own.sun_path);
		close(fd);
		return nr_fail(error, -e, "chrony:%.80s: %s", path, strerror(e));
	}
	snprintf(reference->own_path, sizeof reference->own_path, "%s", own.sun_path);
	snprintf(reference->path, sizeof reference->path, "%s", path);
	reference->socket = fd;
	return 0;
}

static int connect_udp(
	struct nr_reference *reference, const char *host, const char *port, struct nr_error *error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV}, *found;
	int e = getaddrinfo(host, port, &hints, &found);
	if (e)
		return nr_fail(error, -EINVAL, "clock reference %.80s: %s", reference->name, gai_strerror(e));
	int fd = -1, reason = EADDRNOTAVAIL;
	for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
			reason = errno;
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	if (fd < 0)
		return nr_fail(
			error, -reason, "clock reference %.80s: %s", reference->name, strerror(reason));
	reference->socket = fd;
	return 0;
}

/* "HOST", "HOST:PORT", "[ADDRESS]", "[ADDRESS]:PORT". */
static int open_ntp(struct nr_reference *reference, const char *text, struct nr_error *error)
{
	char host[128], port[8] = "123";
	bool brackets = *text == '[';
	const char *start = text + brackets;
	size_t length = strcspn(start, brackets ? "]" : ":");
	const char *rest = start + length + brackets;
	if (!length || length >= sizeof host || (brackets && start[length] != ']') ||
		(*rest && (*rest != ':' || !rest[1] || strlen(rest + 1) >= sizeof port ||
				  strspn(rest + 1, "0123456789") != strlen(rest + 1))))
		return nr_fail(error, -EINVAL, "clock reference %.80s: must be ntp:HOST or ntp:HOST:PORT",
			reference->name);
	snprintf(host, sizeof host, "%.*s", (int)length, start);
	if (*rest)
		snprintf(port, sizeof port, "%s", rest + 1);
	return connect_udp(reference, host, port, error);
}

static int open_chrony(struct nr_reference *reference, const char *path, struct nr_error *error)
{
	reference->chrony = true;
	if (path)
		return connect_unix(reference, path, error);
	char port[8];
	snprintf(port, sizeof port, "%d", NR_CHRONY_PORT);
	return connect_udp(reference, "127.0.0.1", port, error);
}

int nr_reference_open(struct nr_reference *reference, const char *text, struct nr_error *error)
{
	*reference = (struct nr_reference){.socket = -1, .why = "was not asked yet"};
	if (strlen(text) >= sizeof reference->name)
		return nr_fail(error, -EINVAL, "clock reference %.80s...: too long", text);
	snprintf(reference->name, sizeof reference->name, "%s", text);
	if (strcmp(text, "chrony") == 0)
		return open_chrony(reference, NULL, error);
	if (strncmp(text, "chrony:", 7) == 0)
		return open_chrony(reference, text + 7, error);
	if (strncmp(text, "ntp:", 4) == 0)
		return open_ntp(reference, text + 4, error);
	return nr_fail(error, -EINVAL,
		"clock reference %.80s: must be chrony, chrony:PATH or ntp:HOST[:PORT]", text);
}

void nr_reference_close(struct nr_reference *reference)
{
	nr_close_fd(&reference->socket);
	reference->socket = -1;
	if (*reference->own_path)
		unlink(reference->own_path);
	*reference->own_path = 0;
}

/* ---- asking ---- */

static ssize_t send_question(const struct nr_reference *reference, const uint8_t *bytes, size_t length)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if (!*reference->path)
		return send(reference->socket, bytes, length, MSG_NOSIGNAL);
	memcpy(to.sun_path, reference->path, sizeof to.sun_path);
	return sendto(reference->socket, bytes, length, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to);
}

/* What others put into our end of a Unix socket is nothing: -EAGAIN. */
static ssize_t take_datagram(const struct nr_reference *reference, uint8_t *bytes, size_t room)
{
	struct sockaddr_un from = {.sun_family = AF_UNIX};
	socklen_t length = sizeof from;
	if (!*reference->path)
		return recv(reference->socket, bytes, room, 0);
	ssize_t taken = recvfrom(reference->socket, bytes, room, 0, (struct sockaddr *)&from, &length);
	if (taken < 0 || strncmp(from.sun_path, reference->path, sizeof from.sun_path) == 0)
		return taken;
	errno = EAGAIN;
	return -1;
}

void nr_reference_ask(struct nr_reference *reference, const struct nr_clock_reading *now)
{
	if (reference->nonce)
		snprintf(reference->why, sizeof reference->why, "does not answer");
	reference->nonce = 0;
	uint64_t nonce;
	if (RAND_bytes((uint8_t *)&nonce, sizeof nonce) != 1 || nonce == 0)
		return;
	uint8_t bytes[NR_MAX(NR_CHRONY_BYTES, NR_NTP_BYTES)];
	size_t length = reference->chrony ? NR_CHRONY_BYTES : NR_NTP_BYTES;
	if (reference->chrony)
		nr_chrony_write_tracking((uint32_t)nonce, bytes);
	else
		nr_ntp_write_request(nonce, bytes);
	if (send_question(reference, bytes, length) != (ssize_t)length) {
		snprintf(reference->why, sizeof reference->why, "cannot be asked: %s", strerror(errno));
		return;
	}
	reference->nonce = nonce;
	reference->asked = *now;
}

static int read_chrony(struct nr_reference *reference, const uint8_t *bytes, size_t length,
	struct nr_clock_sample *ret_sample, struct nr_error *error)
{
	struct nr_chrony_tracking tracking;
	int e = nr_chrony_read_tracking(bytes, length, (uint32_t)reference->nonce, &tracking, error);
	if (!e)
		*ret_sample = (struct nr_clock_sample){true, tracking.offset, tracking.dispersion,
			tracking.stratum ? tracking.leap : 3 /* of no stratum: it has no source */};
	return e;
}

static int read_ntp(struct nr_reference *reference, const uint8_t *bytes, size_t length,
	const struct nr_clock_reading *received, struct nr_clock_sample *ret_sample, struct nr_error *error)
{
	struct nr_ntp_answer answer;
	/* T4 by the clock that nobody sets: a step between question and answer would look like a delay */
	nr_time sent = reference->asked.real,
		back = sent + (received->monotonic - reference->asked.monotonic);
	int e = nr_ntp_read_answer(bytes, length, reference->nonce, sent, back, &answer, error);
	if (!e)
		*ret_sample = (struct nr_clock_sample){
			true, answer.offset + (back - received->real), answer.dispersion, answer.leap};
	return e;
}

bool nr_reference_take(struct nr_reference *reference, const struct nr_clock_reading *received,
	struct nr_clock_sample *ret_sample)
{
	uint8_t bytes[512];
	ssize_t length = take_datagram(reference, bytes, sizeof bytes);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	struct nr_error error = {0};
	int e = -EIO;
	if (length < 0)
		nr_fail(&error, e, "cannot be asked: %s", strerror(errno));
	else if (!reference->nonce)
		return false; /* nothing was asked: an answer that comes too late, or is none */
	else if (reference->chrony)
		e = read_chrony(reference, bytes, (size_t)length, ret_sample, &error);
	else
		e = read_ntp(reference, bytes, (size_t)length, received, ret_sample, &error);
	if (!e && ret_sample->leap == 3) {
		nr_fail(&error, -EAGAIN, "says that it is not synchronised");
		e = -EAGAIN;
	}
	snprintf(reference->why, sizeof reference->why, "%.110s", e ? error.text : "");
	if (!e)
		reference->nonce = 0; /* a wrong answer may be a stranger's: the right one may still come */
	return !e;
}
