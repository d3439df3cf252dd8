/* SPDX-License-Identifier: Apache-2.0 */
/* The sense's end: the outbox, and the thread that empties it. */
#include "model/relay_frame.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#define OUTBOX_MAGIC   UINT64_C(0x6e6f726f73686f62)
#define OUTBOX_HEAD    ((size_t)4096) /* bytes before the ring */
#define ALIVE_EVERY_MS 1000

/* Positions only grow; the ring holds the bytes from tail to head. A process may end between any two
 * instructions: what lies before head was written whole, what lies before tail was answered. */
struct outbox {
	uint64_t magic, bytes, key;
	_Atomic uint64_t head, tail;
	_Atomic nr_time alive;
};
_Static_assert(sizeof(struct outbox) <= OUTBOX_HEAD, "the ring begins behind it");

struct nr_relay {
	struct nr_sink sink; /* first: the sink is the relay */
	const struct nr_table *tables[NR_RELAY_TABLES_MAX];
	size_t table_count;
	int socket, bell; /* bell: eventfd that wakes the thread */
	struct nr_area *area;
	struct outbox *outbox;
	uint8_t *frame; /* NR_RELAY_FRAME_MAX: one is built here */
	uint64_t left_out;
	pthread_t thread;
	bool started;
	atomic_bool stopping;
	/* the thread's own */
	uint64_t sent;
	struct nr_relay_answer answer; /* comes in pieces */
	size_t answer_length;
	uint8_t begin[sizeof(struct nr_relay_head) + sizeof(struct nr_relay_begin)];
	size_t begin_sent;
	/* for who waits for room */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool broken; /* the keeper has gone; under lock */
};

static uint8_t *ring(const struct outbox *outbox)
{
	return (uint8_t *)outbox + OUTBOX_HEAD;
}

static uint64_t used(const struct outbox *outbox)
{
	return atomic_load(&outbox->head) - atomic_load(&outbox->tail);
}

/* ---- the thread ---- */

static void set_begin(struct nr_relay *r)
{
	struct nr_relay_head head = {.kind = NR_RELAY_BEGIN, .length = sizeof r->begin};
	struct nr_relay_begin begin = {atomic_load(&r->outbox->tail), r->sent};
	memcpy(r->begin, &head, sizeof head);
	memcpy(r->begin + sizeof head, &begin, sizeof begin);
	r->begin_sent = 0;
	r->sent = begin.from;
}

/* false: the stream is at its end. */
static bool take_answer(struct nr_relay *r)
{
	struct outbox *o = r->outbox;
	switch (r->answer.kind) {
	case NR_RELAY_DURABLE:
		if (r->answer.position < atomic_load(&o->tail) || r->answer.position > r->sent)
			return true; /* of before */
		pthread_mutex_lock(&r->lock);
		atomic_store(&o->tail, r->answer.position);
		pthread_cond_broadcast(&r->moved);
		pthread_mutex_unlock(&r->lock);
		return true;
	case NR_RELAY_AGAIN:
		return true;
	default:
		return false;
	}
}

static bool read_answers(struct nr_relay *r, bool *ret_again)
{
	for (;;) {
		ssize_t n = read(r->socket, (uint8_t *)&r->answer + r->answer_length,
			sizeof r->answer - r->answer_length);
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		r->answer_length += (size_t)n;
		if (r->answer_length < sizeof r->answer)
			continue;
		r->answer_length = 0;
		if (!take_answer(r))
			return false;
		*ret_again = *ret_again || r->answer.kind == NR_RELAY_AGAIN;
	}
}

/* Writes what the socket takes now, at most `length`. -1: the stream is at its end. */
static ssize_t write_some(struct nr_relay *r, const void *bytes, size_t length)
{
	ssize_t n = write(r->socket, bytes, length);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return n;
}

static bool send_some(struct nr_relay *r, uint64_t head)
{
	struct outbox *o = r->outbox;
	ssize_t n;
	if (r->begin_sent < sizeof r->begin) {
		n = write_some(r, r->begin + r->begin_sent, sizeof r->begin - r->begin_sent);
		r->begin_sent += (size_t)NR_MAX(n, 0);
		return n >= 0;
	}
	size_t at = (size_t)(r->sent & (o->bytes - 1));
	n = write_some(r, ring(o) + at, (size_t)NR_MIN(head - r->sent, o->bytes - at));
	r->sent += (uint64_t)NR_MAX(n, 0);
	return n >= 0;
}

/* One turn; false: the stream is at its end. again: the keeper wants everything from tail on, once what is
 * underway is through: head is always between two frames. */
static bool turn(struct nr_relay *r, bool *again)
{
	uint64_t head = atomic_load(&r->outbox->head), bells;
	bool sending = r->begin_sent < sizeof r->begin || r->sent < head;
	struct pollfd files[] = {
		{.fd = r->socket, .events = (short)(POLLIN | (sending ? POLLOUT : 0))},
		{.fd = r->bell, .events = POLLIN},
	};
	if (poll(files, NR_COUNT(files), ALIVE_EVERY_MS) < 0 && errno != EINTR)
		return false;
	atomic_store(&r->outbox->alive, nr_time_now());
	if (files[1].revents)
		(void)!read(r->bell, &bells, sizeof bells);
	if (files[0].revents & (POLLIN | POLLHUP | POLLERR) && !read_answers(r, again))
		return false;
	if (files[0].revents & POLLOUT && !send_some(r, head))
		return false;
	if (*again && r->begin_sent == sizeof r->begin && r->sent == head) {
		*again = false;
		set_begin(r);
	}
	return true;
}

static void *thread_main(void *argument)
{
	struct nr_relay *r = argument;
	bool again = false;
	while (!atomic_load(&r->stopping)) {
		if (turn(r, &again))
			continue;
		pthread_mutex_lock(&r->lock);
		r->broken = true;
		pthread_cond_broadcast(&r->moved);
		pthread_mutex_unlock(&r->lock);
		break;
	}
	return NULL;
}

/* ---- the sink ---- */

static void ring_bell(struct nr_relay *r)
{
	const uint64_t one = 1;
	(void)!write(r->bell, &one, sizeof one);
}

static int wait_for(struct nr_relay *r, uint64_t most_used, struct nr_error *error)
{
	pthread_mutex_lock(&r->lock);
	while (!r->broken && used(r->outbox) > most_used)
		pthread_cond_wait(&r->moved, &r->lock);
	bool broken = used(r->outbox) > most_used;
	pthread_mutex_unlock(&r->lock);
	return broken ? nr_fail(error, -EPIPE, "the keeper has gone") : 0;
}

/* Copies a built frame into the ring. lossy: leaves it out rather than wait. */
static int post(struct nr_relay *r, size_t length, bool lossy, struct nr_error *error)
{
	struct outbox *o = r->outbox;
	if (lossy && used(o) > o->bytes / 2) {
		r->left_out++;
		return 0;
	}
	int rc = wait_for(r, o->bytes - length, error);
	if (rc)
		return rc;
	uint64_t head = atomic_load(&o->head);
	size_t at = (size_t)(head & (o->bytes - 1)), first = NR_MIN(length, o->bytes - at);
	memcpy(ring(o) + at, r->frame, first);
	memcpy(ring(o), r->frame + first, length - first);
	atomic_store(&o->head, head + length);
	ring_bell(r);
	return 0;
}

static size_t head_write(struct nr_relay *r, struct nr_relay_head head, size_t length)
{
	head.length = (uint32_t)length;
	memcpy(r->frame, &head, sizeof head);
	return length;
}

static int table_index(
	const struct nr_relay *r, const struct nr_table *table, uint16_t *ret, struct nr_error *error)
{
	for (size_t i = 0; i < r->table_count; i++) {
		if (r->tables[i] != table)
			continue;
		*ret = (uint16_t)i;
		return 0;
	}
	return nr_fail(error, -EINVAL, "table %s was not named when the relay was opened", table->name);
}

static int sink_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct nr_relay *r = (struct nr_relay *)sink;
	struct nr_relay_head head = {.kind = NR_RELAY_ROWS, .session = sink->session};
	int rc = table_index(r, table, &head.table, error);
	for (size_t i = 0; rc == 0 && i < count;) {
		size_t at = sizeof head, end = 0;
		for (head.rows = 0; i < count; i++, head.rows++, at = end) {
			end = nr_relay_row_write(table, (const uint8_t *)rows + i * table->row_size, r->frame,
				at, NR_RELAY_FRAME_MAX);
			if (!end)
				break;
		}
		if (head.rows == 0)
			return nr_fail(error, -E2BIG, "%s: a row is longer than %zu bytes", table->name,
				NR_RELAY_FRAME_MAX);
		rc = post(r, head_write(r, head, at), !table->time_column, error);
	}
	return rc;
}

static int sink_commit(struct nr_sink *sink, struct nr_error *error)
{
	struct nr_relay *r = (struct nr_relay *)sink;
	struct nr_relay_head head = {.kind = NR_RELAY_COMMIT};
	return post(r, head_write(r, head, sizeof head), false, error);
}

void nr_relay_tell(struct nr_relay *r, const struct nr_relay_status *status)
{
	struct nr_relay_head head = {.kind = NR_RELAY_STATUS};
	struct nr_relay_status said = *status;
	said.left_out = r->left_out;
	memcpy(r->frame + sizeof head, &said, sizeof said);
	post(r, head_write(r, head, sizeof head + sizeof said), true, NULL);
}

int nr_relay_drain(struct nr_relay *r, struct nr_error *error)
{
	int rc = sink_commit(&r->sink, error); /* its answer takes everything before it along */
	return rc ? rc : wait_for(r, 0, error);
}

/* ---- opening ---- */

size_t nr_relay_area_bytes(size_t outbox_bytes)
{
	return OUTBOX_HEAD + outbox_bytes;
}

static bool is_sound(const struct outbox *o, size_t bytes)
{
	uint64_t head = atomic_load(&o->head), tail = atomic_load(&o->tail);
	return o->magic == OUTBOX_MAGIC && o->bytes == bytes && tail <= head && head - tail <= bytes;
}

static int outbox_make(struct outbox *o, size_t bytes, struct nr_error *error)
{
	uint64_t key;
	if (getrandom(&key, sizeof key, 0) != sizeof key)
		return nr_fail(error, -errno, "no random numbers: %s", strerror(errno));
	o->magic = 0;
	o->bytes = bytes;
	o->key = key | 1; /* never 0 */
	atomic_store(&o->head, 0);
	atomic_store(&o->tail, 0);
	atomic_store(&o->alive, NR_TIME_MIN);
	atomic_thread_fence(memory_order_seq_cst);
	o->magic = OUTBOX_MAGIC;
	return 0;
}

static int outbox_open(struct nr_area *area, size_t bytes, struct outbox **ret_outbox, struct nr_error *error)
{
	bool found = false;
	struct outbox *o = area ? nr_area_root(area, nr_relay_area_bytes(bytes), &found, error)
				: calloc(1, nr_relay_area_bytes(bytes));
	if (!o)
		return area ? -ENOMEM : nr_fail(error, -ENOMEM, "out of memory");
	*ret_outbox = o;
	return found && is_sound(o, bytes) ? 0 : outbox_make(o, bytes, error);
}

bool nr_relay_peek(struct nr_area *area, size_t outbox_bytes, uint64_t *ret_key, nr_time *ret_alive)
{
	bool found = false;
	const struct outbox *o = nr_area_root(area, nr_relay_area_bytes(outbox_bytes), &found, NULL);
	if (!o || !found || !is_sound(o, outbox_bytes))
		return false;
	*ret_key = o->key;
	*ret_alive = atomic_load(&o->alive);
	return true;
}

static int start_thread(struct nr_relay *r, struct nr_error *error)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
	int rc = pthread_create(&r->thread, NULL, thread_main, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return nr_fail(error, -rc, "cannot start a thread: %s", strerror(rc));
	r->started = true;
	return 0;
}

int nr_relay_open(const struct nr_relay_conf *conf, struct nr_relay **ret_relay, struct nr_error *error)
{
	assert(conf->table_count <= NR_RELAY_TABLES_MAX && conf->outbox_bytes >= 4 * NR_RELAY_FRAME_MAX &&
		(conf->outbox_bytes & (conf->outbox_bytes - 1)) == 0);
	NR_AUTO(nr_relay_closep) struct nr_relay *r = calloc(1, sizeof *r);
	if (!r)
		return nr_fail(error, -ENOMEM, "out of memory");
	r->sink = (struct nr_sink){sink_rows, sink_commit};
	memcpy(r->tables, conf->tables, conf->table_count * sizeof *conf->tables);
	r->table_count = conf->table_count;
	r->socket = conf->socket;
	r->area = conf->area;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->moved, NULL);
	r->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->frame = malloc(NR_RELAY_FRAME_MAX);
	if (r->bell < 0 || !r->frame)
		return nr_fail(error, -ENOMEM, "out of memory or descriptors");
	int rc = outbox_open(conf->area, conf->outbox_bytes, &r->outbox, error);
	if (rc)
		return rc;
	r->sent = atomic_load(&r->outbox->head); /* of these the keeper may have had some */
	set_begin(r);
	rc = start_thread(r, error);
	if (rc)
		return rc;
	*ret_relay = nr_steal(&r);
	return 0;
}

void nr_relay_close(struct nr_relay *r)
{
	if (!r)
		return;
	if (r->started) {
		atomic_store(&r->stopping, true);
		ring_bell(r);
		pthread_join(r->thread, NULL);
	}
	if (!r->area)
		free(r->outbox);
	nr_close_fd(&r->bell);
	pthread_cond_destroy(&r->moved);
	pthread_mutex_destroy(&r->lock);
	free(r->frame);
	free(r);
}

void nr_relay_closep(struct nr_relay **relay)
{
	nr_relay_close(*relay);
	*relay = NULL;
}

struct nr_sink *nr_relay_sink(struct nr_relay *r)
{
	return &r->sink;
}

uint64_t nr_relay_key(const struct nr_relay *r)
{
	return r->outbox->key;
}
