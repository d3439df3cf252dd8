/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that reads what exporters, and strangers, send. It begins with everything open and closes the
 * door behind itself before the first byte.
 */
#include "sense/flow/live/live_inside.h"

#include "base/sandbox.h"
#include "model/relay.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

#define EVENTS      64
#define ROUNDS      16              /* batches of one socket, before the others have their turn */
#define GATHER      8               /* datagrams at once: as soon as there are so many, more are waited for */
#define GATHER_NS   1000000         /* so long: one wake then does the work of many */
#define LOOK_EVERY  (NR_SECOND / 4) /* at losses and at what is asked of it */
#define TELL_EVERY  NR_SECOND       /* report and memory; begun blocks are handed over */
#define TELL_SHARE  50              /* and they take no more than 1/50 of the time */
#define DRAIN_MAX   (5 * NR_SECOND) /* at the end: exporters do not stop because we do */
#define ROOM_PAUSE  1000000         /* ns */
#define STREAM_MARK ((uintptr_t)1 << 63) /* of epoll: places are numbers, peers are pointers */

struct parser {
	struct nr_flow_sink sink; /* the first member */
	struct nr_flow_worker *worker;
	struct nr_flow_live *live;
	struct nr_flow_numbers *numbers;
	struct nr_flow_collector *collector;
	struct nr_datagrams *datagrams;
	struct nr_flow_streams *streams;
	struct nr_relay *relay; /* NULL: none is asked for */
	int epoll;
	bool busy;   /* datagrams come so fast that the next ones are worth waiting for */
	bool ending; /* the queue is waited for: nothing is received any more */
	nr_time looked, tell_at;
	uint64_t queue_told; /* of numbers->queue, what the collector knows */
};

static void parser_fini(struct parser *p)
{
	nr_flow_streams_free(p->streams);
	nr_flow_collector_free(p->collector);
	nr_datagrams_free(p->datagrams);
	nr_relay_close(p->relay);
	nr_close_fd(&p->epoll);
}

/* ---- blocks into the ring ---- */

static struct nr_flow_block *lend(struct nr_flow_sink *sink)
{
	struct parser *p = (struct parser *)sink;
	return nr_flow_ring_lend(p->worker->ring);
}

/* While it receives, a full queue costs flows, which are counted, and no time: the kernel's memory is for
 * what cannot be foreseen, not for a disk that is too slow. */
static struct nr_flow_block *room_for(struct parser *p, uint32_t rows)
{
	const struct timespec pause = {.tv_nsec = ROOM_PAUSE};
	for (int i = 0;; i++) {
		struct nr_flow_block *block = nr_flow_ring_lend(p->worker->ring);
		if (block && block->room - block->count < rows) {
			nr_flow_ring_publish(p->worker->ring);
			block = nr_flow_ring_lend(p->worker->ring);
		}
		if (block || !p->ending || i >= DRAIN_MAX / 1000)
			return block;
		nanosleep(&pause, NULL);
	}
}

static int take(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct parser *p = (struct parser *)sink;
	(void)error;
	if (!block->count)
		return 0;
	uint32_t count = block->count;
	struct nr_flow_block *into = nr_flow_ring_lend(p->worker->ring);
	if (into != block) { /* decoded into the collector's own: the ring was full then */
		into = room_for(p, count);
		if (!into || nr_flow_rows_copy(into, block, 0, count) != 0) {
			p->numbers->queue += count;
			return 0;
		}
	}
	nr_flow_ring_publish(p->worker->ring);
	p->numbers->flows += count;
	return 0;
}

/* ---- receiving ---- */

static int read_batches(struct parser *p, size_t place, int rounds, int *ret_count, struct nr_error *error)
{
	const struct nr_listen *listen = &p->live->places[place].listen;
	const struct nr_datagram *batch;
	int count = 0, rc = 0;
	*ret_count = 0;
	for (int i = 0; rc == 0 && i < rounds; i++) {
		count = nr_datagrams_read(
			p->datagrams, p->live->places[place].sockets[p->worker->index], &batch);
		if (count <= 0)
			break;
		nr_time now = nr_time_now();
		uint64_t bytes = 0;
		p->numbers->taken += (unsigned)count;
		for (int k = 0; rc == 0 && k < count; k++) {
			const struct nr_flow_datagram datagram = {.bytes = batch[k].bytes,
				.length = batch[k].length,
				.exporter = batch[k].source,
				.exporter_port = batch[k].port,
				.collector = listen->address,
				.collector_port = listen->port,
				.received = now};
			bytes += datagram.length;
			if (batch[k].truncated)
				p->numbers->truncated++;
			rc = nr_flow_collector_take(p->collector, &datagram, error);
		}
		p->numbers->bytes += bytes;
		p->numbers->decoded += (unsigned)count;
		*ret_count += count;
		if (count < NR_DATAGRAMS_BATCH)
			break;
	}
	return count < 0 && rc == 0 ? nr_fail(error, count, "%s: %s", listen->text, strerror(-count)) : rc;
}

static int take_event(struct parser *p, uint64_t mark, struct nr_error *error)
{
	int count;
	if (!(mark & STREAM_MARK))
		return nr_flow_streams_read(p->streams, (void *)(uintptr_t)mark, error);
	size_t place = (size_t)(mark & ~STREAM_MARK);
	if (!p->live->places[place].tcp) {
		int rc = read_batches(p, place, ROUNDS, &count, error);
		p->busy = p->busy || count >= GATHER;
		return rc;
	}
	nr_flow_streams_accept(p->streams, p->live->places[place].sockets[0]);
	return 0;
}

/* ---- once in a while ---- */

static void count_losses(struct parser *p)
{
	for (size_t i = 0; i < p->live->place_count; i++) {
		const struct nr_flow_place *place = &p->live->places[i];
		uint32_t dropped;
		if (place->tcp || nr_datagrams_dropped(place->sockets[p->worker->index], &dropped) != 0)
			continue;
		uint32_t more = dropped - p->numbers->kernel_seen[i]; /* modulo 2^32, like the kernel's */
		if (!more)
			continue;
		p->numbers->kernel_seen[i] = dropped;
		p->numbers->kernel += more;
		nr_flow_collector_lost(p->collector, NR_FLOW_LOST_KERNEL, more);
	}
	uint64_t queue = p->numbers->queue;
	if (queue != p->queue_told)
		nr_flow_collector_lost(p->collector, NR_FLOW_LOST_QUEUE, queue - p->queue_told);
	p->queue_told = queue;
}

static void put_report(struct parser *p)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_flow_collector_report(p->collector, &json);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		nr_flow_board_put(p->worker->board, NR_FLOW_BOARD_REPORT, json.bytes, json.length);
}

static void put_memory(struct parser *p)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	if (nr_flow_collector_remember(p->collector, &bytes, &length, NULL) == 0)
		nr_flow_board_put(p->worker->board, NR_FLOW_BOARD_MEMORY, bytes, length);
}

static void tell_relay(struct parser *p, nr_time now)
{
	uint32_t layers = p->numbers->layers;
	struct nr_relay_status status = {.time = now,
		.packets = p->numbers->taken,
		.lost = p->numbers->kernel,
		.up = 1,
		.layers = (layers & NR_FLOW_BOARD_LANDLOCK ? NR_RELAY_LANDLOCK : 0u) |
			  (layers & NR_FLOW_BOARD_SECCOMP ? NR_RELAY_SECCOMP : 0u),
		.state = NR_RELAY_RESUMED};
	snprintf(status.interface, sizeof status.interface, "flow");
	nr_relay_tell(p->relay, &status);
}

static int tell(struct parser *p, nr_time now, struct nr_error *error)
{
	int rc = nr_flow_collector_flush(p->collector, error);
	put_report(p);
	put_memory(p);
	if (p->streams)
		nr_flow_streams_expire(p->streams);
	if (p->relay)
		tell_relay(p, now);
	nr_time took = nr_time_now() - now;
	p->tell_at = now + NR_MAX(TELL_EVERY, took * TELL_SHARE);
	return rc;
}

static int look(struct parser *p, struct nr_error *error)
{
	nr_time now = nr_time_now();
	if (now >= p->looked && now - p->looked < LOOK_EVERY)
		return 0;
	bool stepped = now < p->looked; /* the clock was set */
	p->looked = now;
	p->numbers->alive = now;
	count_losses(p);
	return stepped || now >= p->tell_at ? tell(p, now, error) : 0;
}

/* ---- its life ---- */

static int receive(struct parser *p, struct nr_error *error)
{
	const struct timespec gather = {.tv_nsec = GATHER_NS};
	struct epoll_event events[EVENTS];
	int rc = look(p, error); /* what the kernel dropped meanwhile */
	p->numbers->since = p->looked;
	if (p->relay)
		tell_relay(p, p->looked);
	while (rc == 0 && nr_child_asked() == NR_CHILD_WORK) {
		if (p->busy)
			nanosleep(&gather, NULL);
		p->busy = false;
		int count = epoll_wait(p->epoll, events, EVENTS, (int)(LOOK_EVERY / 1000));
		if (count < 0 && errno != EINTR)
			return nr_fail(error, -errno, "epoll: %s", strerror(errno));
		for (int i = 0; rc == 0 && i < count; i++)
			rc = take_event(p, events[i].data.u64, error);
		if (rc == 0)
			rc = look(p, error);
	}
	return rc;
}

/* Everything that the kernel holds now, as far as it comes to an end. */
static int drain(struct parser *p, struct nr_error *error)
{
	nr_time end = nr_time_now() + DRAIN_MAX;
	int rc = 0, count, all = 1;
	p->ending = true;
	while (rc == 0 && all && nr_time_now() < end) {
		all = 0;
		for (size_t i = 0; rc == 0 && i < p->live->place_count; i++) {
			if (p->live->places[i].tcp)
				continue;
			rc = read_batches(p, i, ROUNDS, &count, error);
			all += count;
		}
	}
	return rc == 0 && p->streams ? nr_flow_streams_drain(p->streams, error) : rc;
}

/* A successor begins where this one ends; without one, nothing that arrived is left. */
static int leave(struct parser *p, struct nr_error *error)
{
	int rc = nr_child_asked() == NR_CHILD_END ? drain(p, error) : 0;
	nr_flow_streams_free(nr_steal(&p->streams)); /* what is left of their messages is counted */
	count_losses(p);
	return rc ? rc : tell(p, nr_time_now(), error);
}

/* ---- its start ---- */

/* Sockets, rings and boards of the others are none of its business. */
static void forget_others(struct nr_flow_live *live, unsigned index)
{
	for (size_t i = 0; i < live->place_count; i++)
		for (unsigned k = 0; k < live->worker_count; k++)
			if (k != index && !live->places[i].tcp)
				nr_close_fd(&live->places[i].sockets[k]);
	for (unsigned k = 0; k < live->worker_count; k++)
		if (k != index) {
			nr_flow_ring_free(nr_steal(&live->workers[k].ring));
			nr_flow_board_free(nr_steal(&live->workers[k].board));
		}
}

static int watch_sockets(struct parser *p, bool *ret_tcp, struct nr_error *error)
{
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0)
		return nr_fail(error, -errno, "epoll: %s", strerror(errno));
	*ret_tcp = false;
	for (size_t i = 0; i < p->live->place_count; i++) {
		const struct nr_flow_place *place = &p->live->places[i];
		struct epoll_event event = {.events = EPOLLIN, .data.u64 = STREAM_MARK | i};
		if (place->tcp)
			event.events |= EPOLLEXCLUSIVE;
		*ret_tcp = *ret_tcp || place->tcp;
		if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, place->sockets[place->tcp ? 0 : p->worker->index],
			    &event) < 0)
			return nr_fail(error, -errno, "%s: %s", place->listen.text, strerror(errno));
	}
	return 0;
}

static int enter(struct parser *p, struct nr_error *error)
{
	struct nr_sandbox sandbox;
	int rc = nr_sandbox_enter(NR_SANDBOX_RECEIVE, &sandbox, error);
	if (rc == 0)
		p->numbers->layers = (sandbox.landlock ? NR_FLOW_BOARD_LANDLOCK : 0u) |
				     (sandbox.seccomp ? NR_FLOW_BOARD_SECCOMP : 0u);
	return rc;
}

static int recall(struct parser *p, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int rc = nr_flow_board_get(p->worker->board, NR_FLOW_BOARD_MEMORY, &bytes, &length);
	if (rc == 0 && length)
		rc = nr_flow_collector_recall(p->collector, bytes, length, NULL);
	return rc == -ENOMEM ? nr_fail(error, rc, "out of memory")
			     : 0; /* none, or none of use: it learns anew */
}

static int open_relay(struct parser *p, const struct nr_child_start *start, struct nr_error *error)
{
	const struct nr_relay_conf conf = {.socket = start->socket, .outbox_bytes = 4 * NR_RELAY_FRAME_MAX};
	return p->live->relay ? nr_relay_open(&conf, &p->relay, error) : 0;
}

int nr_flow_parser_run(void *context, const struct nr_child_start *start, struct nr_error *error)
{
	struct nr_flow_worker *worker = context;
	struct nr_flow_live *live = worker->live;
	NR_AUTO(parser_fini)
	struct parser p = {.sink = {take, lend},
		.worker = worker,
		.live = live,
		.numbers = nr_flow_board_numbers(worker->board),
		.epoll = -1};
	bool tcp = false;
	prctl(PR_SET_NAME, "noroshi-flow");
	forget_others(live, worker->index);
	p.numbers->flows += nr_flow_ring_attach(worker->ring);
	p.queue_told = p.numbers->queue;
	p.tell_at = nr_time_now() + TELL_EVERY; /* until then the keeper reads what its predecessor said */
	int rc = watch_sockets(&p, &tcp, error);
	if (rc == 0)
		rc = enter(&p, error);
	if (rc == 0)
		rc = open_relay(&p, start, error);
	if (rc == 0)
		rc = nr_datagrams_new(NR_DATAGRAMS_ROOM, &p.datagrams, error);
	if (rc == 0)
		rc = nr_flow_collector_new(live->collector, &p.sink, &p.collector, error);
	if (rc == 0 && !start->fresh)
		rc = recall(&p, error);
	if (rc == 0 && tcp)
		rc = nr_flow_streams_new(p.collector, p.numbers, p.epoll,
			NR_MAX(live->conf->connections / live->worker_count, 1), &p.streams, error);
	if (rc == 0)
		rc = receive(&p, error);
	return rc == 0 ? leave(&p, error) : rc;
}
