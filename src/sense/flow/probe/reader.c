/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sandbox.h"
#include "sense/flow/probe/reader_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define BANNER_REST   (2 * NR_SECOND) /* for the rest of a banner whose first byte came */
#define BANNER_ENOUGH 4096
#define CPU_SECONDS   5
#define MEMORY        ((rlim_t)256 << 20)

nr_time nr_probe_reader_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (nr_time)t.tv_sec * NR_SECOND + t.tv_nsec / 1000;
}

static uint32_t since_ms(nr_time start)
{
	return (uint32_t)((nr_probe_reader_now() - start) / 1000);
}

/* ---- the other process ---- */

/* One message; what it says is in the reader. */
static enum nr_probe_news take(struct nr_probe_reader *r)
{
	uint8_t message[1 + NR_PROBE_PIECE];
	ssize_t got = read(r->socket, message, sizeof message);
	if (got <= 0) /* nobody to answer to */
		_exit(1);
	if (message[0] == 'E') {
		r->ended = true;
		return NR_PROBE_IT_ENDED;
	}
	size_t length = NR_MIN((size_t)got - 1, NR_PROBE_TAKEN - r->length);
	memcpy(r->bytes + r->length, message + 1, length);
	r->length += length;
	r->full = r->full || r->length == NR_PROBE_TAKEN;
	return r->full ? NR_PROBE_IT_ENDED : NR_PROBE_BYTES_CAME;
}

enum nr_probe_news nr_probe_reader_wait(struct nr_probe_reader *reader, nr_time until)
{
	if (reader->ended || reader->full)
		return NR_PROBE_IT_ENDED;
	for (;;) {
		nr_time left = until - nr_probe_reader_now();
		struct pollfd waited = {.fd = reader->socket, .events = POLLIN};
		if (left <= 0)
			return NR_PROBE_NOTHING_CAME;
		int got = poll(&waited, 1, (int)((left + 999) / 1000));
		if (got > 0)
			return take(reader);
		if (got < 0 && errno != EINTR)
			_exit(1);
	}
}

static bool say(const struct nr_probe_reader *r, char type, const void *bytes, size_t length)
{
	uint8_t message[1 + NR_PROBE_PIECE];
	if (length > NR_PROBE_PIECE)
		return false;
	message[0] = (uint8_t)type;
	memcpy(message + 1, bytes, length);
	return write(r->socket, message, 1 + length) == (ssize_t)(1 + length);
}

bool nr_probe_reader_send(struct nr_probe_reader *reader, const void *bytes, size_t length)
{
	return say(reader, 'S', bytes, length);
}

/* ---- steps ---- */

/* Nothing is sent. What a server says first is its banner. */
static void listen_first(struct nr_probe_reader *r)
{
	nr_time start = r->question->connected, until = nr_probe_reader_now() + NR_PROBE_SILENCE;
	struct nr_probe_banner *banner = &r->answers.banner;
	enum nr_probe_news news = NR_PROBE_BYTES_CAME;
	while (news == NR_PROBE_BYTES_CAME && r->length < BANNER_ENOUGH) {
		news = nr_probe_reader_wait(r, until);
		if (r->length && !banner->length) {
			banner->after_ms = since_ms(start);
			until = NR_MIN(until, nr_probe_reader_now() + BANNER_REST);
		}
		banner->length = (uint32_t)r->length;
	}
	banner->kept = (uint32_t)NR_MIN(r->length, (size_t)NR_PROBE_BANNER_MAX);
	memcpy(banner->bytes, r->bytes, banner->kept);
	if (r->ended && !r->length)
		banner->closed_ms = NR_MAX(since_ms(start), 1u);
}

static void take_certificate(struct nr_probe_reader *r, const struct nr_tls_answer *answer)
{
	if (answer->certificate_count)
		nr_probe_certificate_take(answer->certificates[0].bytes, answer->certificates[0].length,
			answer->certificate_count + answer->certificates_cut, &r->answers.certificate);
}

static void ask_hello(struct nr_probe_reader *r, unsigned number)
{
	static uint8_t scratch[NR_TLS_ANSWER_MAX];
	uint8_t hello[NR_TLS_HELLO_MAX];
	struct nr_tls_answer answer = {.state = NR_TLS_MORE};
	nr_time until = nr_probe_reader_now() + NR_PROBE_ANSWER_TIME;
	size_t length = nr_probe_hello_write(number, hello);
	if (!length || !nr_probe_reader_send(r, hello, length))
		return;
	enum nr_probe_news news = NR_PROBE_BYTES_CAME;
	while (answer.state == NR_TLS_MORE && news == NR_PROBE_BYTES_CAME) {
		news = nr_probe_reader_wait(r, until);
		nr_tls_answer_read(r->bytes, r->length, scratch, &answer);
	}
	nr_probe_hello_take(&answer, &r->answers.hellos[number]);
	take_certificate(r, &answer);
}

static void ask_head_plain(struct nr_probe_reader *r)
{
	char head[NR_PROBE_HEAD_MAX];
	size_t length = nr_probe_head_write(&r->question->server, r->question->about, head);
	nr_time until = nr_probe_reader_now() + NR_PROBE_ANSWER_TIME;
	enum nr_probe_news news = NR_PROBE_BYTES_CAME;
	bool whole = !nr_probe_reader_send(r, head, length);
	while (!whole && news == NR_PROBE_BYTES_CAME) {
		news = nr_probe_reader_wait(r, until);
		whole = nr_probe_http_take(r->bytes, r->length, r->ended, &r->answers.http);
	}
}

static void ask(struct nr_probe_reader *r)
{
	unsigned step = r->question->step;
	if (step == NR_PROBE_LISTEN) {
		listen_first(r);
		if (!r->length && !r->ended)
			ask_hello(r, 0);
	} else if (step < NR_PROBE_HEAD) {
		ask_hello(r, step - NR_PROBE_HELLO_1 + 1);
	} else if (nr_probe_speaks_tls(&r->answers)) {
		nr_probe_reader_head_tls(r);
	} else {
		ask_head_plain(r);
	}
}

size_t nr_probe_head_write(
	const struct nr_flow_server *server, const char *about, char text[static NR_PROBE_HEAD_MAX])
{
	char host[NR_PROBE_SERVER_TEXT];
	nr_probe_server_write(server, host);
	*strrchr(host, '/') = 0; /* the protocol */
	int n = snprintf(text, NR_PROBE_HEAD_MAX,
		"HEAD / HTTP/1.1\r\nHost: %s\r\nUser-Agent: noroshi-probe%s%s%s\r\nAccept: "
		"*/*\r\nConnection: "
		"close\r\n\r\n",
		host, *about ? " (+" : "", about, *about ? ")" : "");
	return n > 0 && n < NR_PROBE_HEAD_MAX ? (size_t)n : 0;
}

/* ---- the process ---- */

/* Everything but the socket is closed; a core file would hold what a stranger sent. */
static int close_the_door(int *socket)
{
	const struct rlimit none = {0, 0}, processor = {CPU_SECONDS, CPU_SECONDS};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || *socket < 0)
		return -1;
	for (int fd = 0; fd < 2; fd++)
		dup2(null, fd);
#ifndef __SANITIZE_ADDRESS__ /* what a sanitizer finds is to be seen; its shadow takes terabytes */
	const struct rlimit memory = {MEMORY, MEMORY};
	dup2(null, 2);
	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return -1;
#endif
	if (*socket != 3 && dup2(*socket, 3) < 0)
		return -1;
	*socket = 3;
	if (close_range(4, ~0u, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
		setrlimit(RLIMIT_CPU, &processor) < 0)
		return -1;
	return nr_sandbox_enter(0, NULL, NULL);
}

_Noreturn void nr_probe_reader_run(int socket, const struct nr_probe_question *question)
{
	struct nr_probe_reader reader = {.socket = socket,
		.question = question,
		.answers = question->answers,
		.bytes = malloc(NR_PROBE_TAKEN)};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (question->step == NR_PROBE_HEAD)
		reader.tls = nr_probe_tls_new();
	if (!reader.bytes || (question->step == NR_PROBE_HEAD && !reader.tls) ||
		close_the_door(&reader.socket) < 0)
		_exit(2);
	ask(&reader);
	bool said = say(&reader, 'D', &reader.answers, sizeof reader.answers);
	SSL_CTX_free(reader.tls);
	free(reader.bytes);
	_exit(said ? 0 : 1);
}
_Static_assert(sizeof(struct nr_probe_answers) <= NR_PROBE_PIECE, "one message holds the answers");
