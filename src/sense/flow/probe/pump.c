/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/probe/pump.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

nr_time nr_probe_pump_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (nr_time)t.tv_sec * NR_SECOND + t.tv_nsec / 1000;
}

/* ---- the record ---- */

static int record_bytes(const struct nr_probe_pump *p, struct nr_probe_record *record, const char *event,
	const uint8_t *bytes, size_t length, struct nr_error *error)
{
	struct nr_json json;
	nr_time now = nr_time_now();
	nr_probe_record_begin(&json, now, event);
	nr_json_text(&json, "connection", p->id);
	nr_probe_record_bytes(&json, "bytes", bytes, length);
	return nr_probe_record_end(record, &json, now, false, error);
}

/* ---- the reader ---- */

/* false: it has no room now. One that does not listen any more says so by ending. */
static bool tell(struct nr_probe_pump *p, char type, const uint8_t *bytes, size_t length)
{
	uint8_t message[1 + NR_PROBE_PIECE];
	message[0] = (uint8_t)type;
	if (length)
		memcpy(message + 1, bytes, length);
	return send(p->reader, message, 1 + length, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

/* Room for a message of any size. */
static bool has_room(const struct nr_probe_pump *p)
{
	struct pollfd reader = {.fd = p->reader, .events = POLLOUT};
	return poll(&reader, 1, 0) > 0;
}

static int start_reader(struct nr_probe_pump *p, struct nr_error *error)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return nr_fail(error, -errno, "socketpair: %s", strerror(errno));
	fflush(stdout);
	p->pid = fork();
	if (p->pid == 0)
		nr_probe_reader_run(pair[1], &p->question);
	int code = errno;
	close(pair[1]);
	if (p->pid < 0) {
		close(pair[0]);
		return nr_fail(error, -code, "fork: %s", strerror(code));
	}
	p->reader = pair[0];
	return 0;
}

/* ---- the server ---- */

/* The server's side is over; the reader may finish. */
static void leave(struct nr_probe_pump *p, enum nr_probe_end end)
{
	if (p->socket < 0)
		return;
	close(p->socket);
	p->socket = -1;
	p->end = (uint8_t)end;
	if (p->reader < 0) {
		p->over = true;
		return;
	}
	p->end_told = tell(p, 'E', NULL, 0);
	p->deadline = nr_probe_pump_clock() + NR_PROBE_GRACE;
}

void nr_probe_pump_start(struct nr_probe_pump *pump, int socket, nr_time now)
{
	pump->socket = socket;
	pump->reader = -1;
	pump->pid = -1;
	pump->begun = now;
	pump->started = nr_probe_pump_clock();
	pump->deadline = pump->started + NR_PROBE_CONNECT_TIME;
}

static int made(struct nr_probe_pump *p, struct nr_error *error)
{
	int code = 0;
	socklen_t length = sizeof code;
	if (getsockopt(p->socket, SOL_SOCKET, SO_ERROR, &code, &length) < 0)
		code = errno;
	if (code) {
		leave(p, nr_probe_end_of(code));
		return 0;
	}
	p->connected = true;
	p->question.connected = nr_probe_reader_now();
	p->deadline = p->started + NR_PROBE_TIME_MAX;
	return start_reader(p, error);
}

static int receive(struct nr_probe_pump *p, struct nr_probe_record *record, struct nr_error *error)
{
	uint8_t piece[NR_PROBE_PIECE];
	p->full = !has_room(p);
	if (p->full)
		return 0;
	ssize_t got = recv(p->socket, piece, sizeof piece, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0) {
		leave(p, got < 0 ? NR_PROBE_RESET : NR_PROBE_BY_SERVER);
		return 0;
	}
	int e = record_bytes(p, record, "received", piece, (size_t)got, error);
	if (e)
		return e;
	p->received += (uint32_t)got;
	(void)tell(p, 'R', piece, (size_t)got); /* there was room */
	if (p->received >= NR_PROBE_TAKEN)
		leave(p, NR_PROBE_BYTES);
	return 0;
}

static int deliver(struct nr_probe_pump *p, struct nr_probe_record *record, struct nr_error *error)
{
	if (p->socket < 0 || !p->waiting)
		return 0;
	ssize_t sent = send(p->socket, p->out, p->waiting, MSG_NOSIGNAL);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (sent < 0) {
		leave(p, NR_PROBE_RESET);
		return 0;
	}
	int e = record_bytes(p, record, "sent", p->out, (size_t)sent, error);
	p->sent += (uint32_t)sent;
	p->waiting -= (size_t)sent;
	memmove(p->out, p->out + sent, p->waiting);
	return e;
}

/* ---- what the reader says ---- */

static void broken(struct nr_probe_pump *p)
{
	leave(p, NR_PROBE_BROKEN);
	p->end = NR_PROBE_BROKEN;
	p->over = true;
}

/* The reader has read what strangers wrote: what it hands over is looked at, too. */
static void take_answers(struct nr_probe_pump *p, const uint8_t *bytes, size_t length)
{
	struct nr_probe_answers answers;
	if (length == sizeof answers)
		memcpy(&answers, bytes, sizeof answers);
	if (length != sizeof answers || !nr_probe_answers_are_sound(&answers)) {
		broken(p);
		return;
	}
	/* of connections we know ourselves */
	memcpy(answers.connections, p->series.answers.connections, sizeof answers.connections);
	p->series.answers = answers;
	leave(p, NR_PROBE_BY_US);
	p->over = true;
}

static int hear(struct nr_probe_pump *p, struct nr_probe_record *record, struct nr_error *error)
{
	uint8_t message[1 + NR_PROBE_PIECE];
	ssize_t got = recv(p->reader, message, sizeof message, MSG_DONTWAIT);
	if (got < 0 &&
		errno == ECONNRESET) /* it has ended without reading all; what it said is behind this */
		got = recv(p->reader, message, sizeof message, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0) {
		broken(p);
		return 0;
	}
	size_t length = (size_t)got - 1;
	if (message[0] == 'D') {
		take_answers(p, message + 1, length);
	} else if (message[0] == 'S' && p->sent + p->waiting + length <= NR_PROBE_SENT) {
		memcpy(p->out + p->waiting, message + 1, length);
		p->waiting += length;
		return deliver(p, record, error);
	} else {
		broken(p);
	}
	return 0;
}

/* ---- turns ---- */

void nr_probe_pump_wants(const struct nr_probe_pump *pump, struct pollfd waited[static 2])
{
	bool out = !pump->connected || pump->waiting, in = pump->connected && !pump->full;
	bool owed = pump->full || (pump->socket < 0 && !pump->end_told);
	/* one that is not to be read yet is not asked after either: its errors would be news at every turn */
	waited[0] = (struct pollfd){.fd = in || out ? pump->socket : -1,
		.events = (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0))};
	waited[1] = (struct pollfd){.fd = pump->reader, .events = (short)(POLLIN | (owed ? POLLOUT : 0))};
}

static void check_time(struct nr_probe_pump *p)
{
	if (p->over || nr_probe_pump_clock() < p->deadline)
		return;
	if (p->socket < 0) /* it had its grace */
		broken(p);
	else
		leave(p, p->connected ? NR_PROBE_TIME : NR_PROBE_UNREACHABLE);
}

int nr_probe_pump_turn(struct nr_probe_pump *pump, struct nr_probe_record *record,
	const struct pollfd waited[static 2], struct nr_error *error)
{
	int e = 0;
	if ((waited[1].revents & ~POLLOUT) && !pump->over)
		e = hear(pump, record, error);
	if (waited[1].revents & POLLOUT) {
		pump->full = false;
		if (pump->socket < 0 && !pump->end_told && !pump->over)
			pump->end_told = tell(pump, 'E', NULL, 0);
	}
	if (!e && waited[0].revents && pump->socket >= 0 && !pump->connected)
		e = made(pump, error);
	else if (!e && (waited[0].revents & (POLLIN | POLLHUP | POLLERR)) && pump->socket >= 0)
		e = receive(pump, record, error);
	e = e ? e : deliver(pump, record, error);
	check_time(pump);
	return e;
}

void nr_probe_pump_stop(struct nr_probe_pump *pump)
{
	const struct linger now = {.l_onoff = 1};
	if (pump->socket >= 0)
		setsockopt(pump->socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	broken(pump);
	pump->end = NR_PROBE_STOPPED;
}

void nr_probe_pump_finish(struct nr_probe_pump *pump)
{
	struct nr_probe_connection *c = &pump->series.answers.connections[pump->question.step];
	if (pump->socket >= 0)
		close(pump->socket);
	if (pump->reader >= 0)
		close(pump->reader);
	if (pump->pid > 0) {
		kill(pump->pid, SIGKILL);
		while (waitpid(pump->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*c = (struct nr_probe_connection){.time = pump->begun,
		.sent = pump->sent,
		.received = pump->received,
		.lasted_ms = (uint32_t)((nr_probe_pump_clock() - pump->started) / 1000),
		.end = pump->end};
	pump->socket = pump->reader = -1;
	pump->pid = -1;
}
