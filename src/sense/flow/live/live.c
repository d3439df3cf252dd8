/* SPDX-License-Identifier: Apache-2.0 */
/* What is made before the processes part, and the sockets, which the nursery opens and holds. */
#include "sense/flow/live/live_inside.h"

#include "base/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define RECEIVER_NICE (-10)

/* ---- what is shared ---- */

static int parse_place(const char *text, struct nr_flow_place *ret_place, struct nr_error *error)
{
	struct nr_flow_place place = {.tcp = strncmp(text, "tcp:", 4) == 0};
	if (!place.tcp && strncmp(text, "udp:", 4) != 0)
		return nr_fail(error, -EINVAL,
			"--listen %.80s: must be udp:ADDRESS:PORT or tcp:ADDRESS:PORT, e.g. udp:0.0.0.0:2055 "
			"or tcp:[::]:4739",
			text);
	int rc = nr_listen_parse(text + 4, &place.listen, error);
	for (size_t i = 0; i < NR_FLOW_WORKERS_MAX; i++)
		place.sockets[i] = -1;
	*ret_place = place;
	return rc;
}

static int parse_places(struct nr_flow_live *live, struct nr_error *error)
{
	const struct nr_texts *texts = &live->conf->listen;
	if (!texts->count)
		return nr_fail(
			error, -EINVAL, "--listen is needed: where exporters send to, e.g. udp:0.0.0.0:2055");
	if (texts->count > NR_FLOW_LISTEN_MAX)
		return nr_fail(error, -E2BIG, "--listen: more than %d", NR_FLOW_LISTEN_MAX);
	int rc = 0;
	for (; rc == 0 && live->place_count < texts->count; live->place_count++)
		rc = parse_place(texts->items[live->place_count], &live->places[live->place_count], error);
	return rc;
}

static int make_shared(struct nr_flow_live *live, struct nr_error *error)
{
	void *opened = mmap(NULL, sizeof *live->opened * NR_FLOW_LISTEN_MAX, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (opened == MAP_FAILED)
		return nr_fail(error, -errno, "shared memory: %s", strerror(errno));
	live->opened = opened;
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < live->worker_count; i++) {
		struct nr_flow_worker *worker = &live->workers[i];
		worker->live = live;
		worker->index = i;
		rc = nr_flow_ring_new(live->conf->queue, &worker->ring, error);
		if (rc == 0)
			rc = nr_flow_board_new(&worker->board, error);
	}
	return rc;
}

int nr_flow_live_new(const struct nr_flow_listen_conf *listen, const struct nr_flow_collector_conf *collector,
	const char *relay, struct nr_flow_live **ret_live, struct nr_error *error)
{
	NR_AUTO(nr_flow_live_freep) struct nr_flow_live *live = calloc(1, sizeof *live);
	if (!live)
		return nr_fail(error, -ENOMEM, "out of memory");
	nr_rights_hide_memory(); /* addresses as they came: of all processes that are made from here on */
	live->conf = listen;
	live->collector = collector;
	live->relay = relay;
	live->worker_count = (unsigned)listen->workers;
	int rc = parse_places(live, error);
	if (rc == 0)
		rc = make_shared(live, error);
	if (rc)
		return rc;
	*ret_live = nr_steal(&live);
	return 0;
}

void nr_flow_live_free(struct nr_flow_live *live)
{
	if (!live)
		return;
	for (size_t i = 0; i < live->place_count; i++)
		for (size_t k = 0; k < NR_FLOW_WORKERS_MAX; k++)
			nr_close_fd(&live->places[i].sockets[k]);
	for (size_t i = 0; i < NR_FLOW_WORKERS_MAX; i++) {
		nr_flow_ring_free(live->workers[i].ring);
		nr_flow_board_free(live->workers[i].board);
	}
	if (live->opened)
		munmap(live->opened, sizeof *live->opened * NR_FLOW_LISTEN_MAX);
	free(live);
}

void nr_flow_live_freep(struct nr_flow_live **live)
{
	nr_flow_live_free(*live);
}

unsigned nr_flow_live_workers(const struct nr_flow_live *live)
{
	return live->worker_count;
}

struct nr_flow_ring *nr_flow_live_ring(struct nr_flow_live *live, unsigned worker)
{
	return live->workers[worker].ring;
}

struct nr_flow_board *nr_flow_live_board(struct nr_flow_live *live, unsigned worker)
{
	return live->workers[worker].board;
}

const char *nr_flow_live_socket(const struct nr_flow_live *live, size_t i, uint64_t *ret_granted)
{
	if (i >= live->place_count)
		return NULL;
	*ret_granted = live->opened[i].granted;
	return live->opened[i].text;
}

/* ---- in the nursery ---- */

static int open_tcp(struct nr_flow_place *place, struct nr_error *error)
{
	int rc = nr_listen_open(&place->listen, &place->sockets[0], error);
	if (rc == 0 && fcntl(place->sockets[0], F_SETFL, O_NONBLOCK) < 0)
		return nr_fail(error, -errno, "%s: %s", place->listen.text, strerror(errno));
	return rc;
}

/* Who receives is not to wait for who packs, or for anybody else on a machine that is busy: what the kernel
 * holds is a tenth of a second at full load. Without rights it is as it is. The first worker's business: for
 * all of them. */
static int open_places(void *context, struct nr_error *error)
{
	struct nr_flow_live *live = ((struct nr_flow_worker *)context)->live;
	const struct nr_datagrams_conf conf = {
		.count = live->worker_count, .buffer = live->conf->buffer, .joined = live->conf->gro};
	int rc = 0;
	(void)!setpriority(PRIO_PROCESS, 0, RECEIVER_NICE);
	for (size_t i = 0; rc == 0 && i < live->place_count; i++) {
		struct nr_flow_place *place = &live->places[i];
		struct nr_flow_opened *opened = &live->opened[i];
		rc = place->tcp ? open_tcp(place, error)
				: nr_datagrams_listen(
					  &place->listen, &conf, place->sockets, &opened->granted, error);
		snprintf(opened->text, sizeof opened->text, "%s:%s", place->tcp ? "tcp" : "udp",
			place->listen.text);
	}
	return rc;
}

size_t nr_flow_live_children(
	struct nr_flow_live *live, struct nr_child ret_children[static NR_FLOW_WORKERS_MAX])
{
	for (unsigned i = 0; i < live->worker_count; i++)
		ret_children[i] = (struct nr_child){.name = "flow",
			.context = &live->workers[i],
			.open = i == 0 ? open_places : NULL,
			.run = nr_flow_parser_run};
	return live->worker_count;
}
