/* SPDX-License-Identifier: Apache-2.0 */
/* What both ways of live capture have in common: choosing, places that outlive a reader, the interface's
 * state. */
#include "net/live_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define RENAMES_MAX 8 /* between asking for a name and using it */

const char *const nr_live_captures[] = {"auto", "packet", "xdp", NULL};

static const char *const counter_names[NR_LIVE_COUNTERS] = {
	[NR_LIVE_MISSED] = "rx_missed_errors", [NR_LIVE_STACK] = "rx_dropped"};

/* ---- the interface ---- */

static uint64_t read_counter(int file)
{
	char text[32];
	ssize_t n = file < 0 ? -1 : pread(file, text, sizeof text - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = 0;
	return strtoull(text, NULL, 10);
}

static void open_counters(struct nr_live *live)
{
	for (size_t i = 0; i < NR_LIVE_COUNTERS; i++) {
		char path[64 + IFNAMSIZ];
		snprintf(path, sizeof path, "/sys/class/net/%s/statistics/%s", live->interface,
			counter_names[i]);
		live->counters[i] = open(path, O_RDONLY | O_CLOEXEC);
	}
}

static int find_interface(struct nr_live *live, const char *name, struct nr_error *error)
{
	struct ifreq request = {0};
	if (!name || !*name || strlen(name) >= IFNAMSIZ)
		return nr_fail(error, -EINVAL, "\"%s\" is not the name of an interface; ip link shows them",
			name ? name : "");
	memcpy(request.ifr_name, name, strlen(name) + 1);
	live->asking = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (live->asking < 0 || ioctl(live->asking, SIOCGIFINDEX, &request) < 0)
		return nr_fail(error, -errno, "interface %s: %s; ip link shows what there is", name,
			strerror(errno));
	live->index = request.ifr_ifindex;
	/* an alternative name is as good */
	if (ioctl(live->asking, SIOCGIFNAME, &request) < 0)
		return nr_fail(error, -errno, "interface %s: %s", name, strerror(errno));
	memcpy(live->interface, request.ifr_name, IFNAMSIZ);
	if (ioctl(live->asking, SIOCGIFHWADDR, &request) < 0)
		return nr_fail(error, -errno, "interface %s: %s", name, strerror(errno));
	live->ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER ||
			 request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
	open_counters(live);
	return 0;
}

/* Rings follow the interface whatever it is called; flags are asked for by its name, which may change in
 * between. */
static bool ask_flags(struct nr_live *live, struct ifreq *request)
{
	for (int try = 0; try < RENAMES_MAX; try++) {
		*request = (struct ifreq){.ifr_ifindex = live->index};
		if (ioctl(live->asking, SIOCGIFNAME, request) < 0)
			return false;
		memcpy(live->interface, request->ifr_name, IFNAMSIZ);
		live->interface[IFNAMSIZ - 1] = '\0';
		if (ioctl(live->asking, SIOCGIFFLAGS, request) == 0)
			return true;
	}
	return false;
}

enum nr_live_state nr_live_state(struct nr_live *live)
{
	struct ifreq request;
	if (!ask_flags(live, &request))
		return NR_LIVE_GONE;
	if (!(request.ifr_flags & IFF_UP))
		return NR_LIVE_DOWN;
	return request.ifr_flags & IFF_RUNNING ? NR_LIVE_UP : NR_LIVE_NO_CARRIER;
}

/* ---- opening ---- */

int nr_live_make_rings(struct nr_live *live, unsigned count, struct nr_error *error)
{
	live->shared_bytes = sizeof *live->shared + count * sizeof *live->shared->places;
	void *shared =
		mmap(NULL, live->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return nr_fail(error, -errno, "no memory for %u rings: %s", count, strerror(errno));
	live->shared = shared;
	live->rings = calloc(count, sizeof *live->rings);
	if (!live->rings)
		return nr_fail(error, -ENOMEM, "out of memory");
	live->count = count;
	for (unsigned i = 0; i < count; i++)
		live->rings[i].socket = -1;
	return 0;
}

static void forget_rings(struct nr_live *live)
{
	if (live->way && live->rings)
		live->way->close(live);
	if (live->shared)
		munmap(live->shared, live->shared_bytes);
	free(live->rings);
	live->shared = NULL;
	live->rings = NULL;
	live->count = 0;
}

static int open_way(struct nr_live *live, const struct nr_live_way *way, const struct nr_live_conf *conf,
	struct nr_error *error)
{
	live->way = way;
	int e = way->open(live, conf, error);
	if (e)
		forget_rings(live);
	return e;
}

/* xdp where it was asked for, or where it is better without taking anything from the host. */
static int open_some_way(struct nr_live *live, const struct nr_live_conf *conf, struct nr_error *error)
{
	struct nr_error reason = {0};
	const char *wanted = conf->capture ? conf->capture : "auto";
	if (strcmp(wanted, "packet") != 0) {
		if (open_way(live, &nr_live_xdp, conf, &reason) == 0)
			return 0;
		if (strcmp(wanted, "xdp") == 0)
			snprintf(live->note, sizeof live->note, "no AF_XDP here, AF_PACKET is used (%.180s)",
				reason.text);
	}
	return open_way(live, &nr_live_packet, conf, error);
}

int nr_live_open(const struct nr_live_conf *conf, struct nr_live **ret_live, const char **ret_note,
	struct nr_error *error)
{
	NR_AUTO(nr_live_closep) struct nr_live *live = calloc(1, sizeof *live);
	if (!live)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < NR_LIVE_COUNTERS; i++)
		live->counters[i] = -1;
	live->asking = live->link = -1;
	int e = find_interface(live, conf->interface, error);
	if (!e)
		e = nr_live_filter_compile(conf->filter, live->ethernet, &live->filter, error);
	if (!e)
		e = open_some_way(live, conf, error);
	if (e)
		return e;
	for (size_t i = 0; i < NR_LIVE_COUNTERS; i++)
		live->shared->before[i] = read_counter(live->counters[i]);
	if (ret_note)
		*ret_note = live->note[0] ? live->note : NULL;
	*ret_live = nr_steal(&live);
	return 0;
}

void nr_live_close(struct nr_live *live)
{
	if (!live)
		return;
	forget_rings(live);
	for (size_t i = 0; i < NR_LIVE_COUNTERS; i++)
		nr_close_fd(&live->counters[i]);
	nr_close_fd(&live->asking);
	free(live->filter.filter);
	free(live);
}

void nr_live_closep(struct nr_live **live)
{
	nr_live_close(*live);
}

/* ---- what it is ---- */

const char *nr_live_interface(const struct nr_live *live)
{
	return live->interface;
}

const char *nr_live_way(const struct nr_live *live)
{
	return live->way->name;
}

unsigned nr_live_rings(const struct nr_live *live)
{
	return live->count;
}

bool nr_live_spreads(const struct nr_live *live)
{
	return live->way->spreads;
}

/* ---- reading ---- */

void nr_live_resume(struct nr_live *live)
{
	for (unsigned i = 0; i < live->count; i++) {
		live->way->check(live, i);
		atomic_fetch_add(&live->shared->places[i].interrupted, live->shared->places[i].busy);
	}
	nr_live_settle(live);
}

void nr_live_settle(struct nr_live *live)
{
	for (unsigned i = 0; i < live->count; i++)
		live->way->settle(live, i);
}

size_t nr_live_read(
	struct nr_live *live, unsigned ring, struct nr_frame *frames, size_t max, struct nr_loss *loss)
{
	size_t n = live->way->read(live, ring, frames, NR_MIN(max, (size_t)NR_LIVE_BATCH), loss);
	for (size_t i = 0; i < n; i++) {
		loss->frame_bytes += frames[i].wire;
		loss->first = NR_MIN(loss->first, frames[i].time);
		loss->last = NR_MAX(loss->last, frames[i].time);
	}
	loss->frames += n;
	return n;
}

void nr_live_wait(struct nr_live *live, int ring, int timeout_ms)
{
	struct pollfd waits[NR_LIVE_RINGS_MAX];
	unsigned first = ring < 0 ? 0 : (unsigned)ring, count = ring < 0 ? live->count : 1;
	for (unsigned i = 0; i < count; i++)
		waits[i] = (struct pollfd){.fd = live->rings[first + i].socket, .events = POLLIN};
	if (poll(waits, count, timeout_ms) <= 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		int code = 0;
		socklen_t length = sizeof code;
		if (!(waits[i].revents & POLLERR))
			continue;
		/* asking for a pending error clears it: else poll() would not wait any more */
		if (getsockopt(waits[i].fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0 && code == ENETDOWN &&
			first + i == 0)
			atomic_fetch_add(&live->shared->outages, 1);
	}
}

void nr_live_refresh(struct nr_live *live)
{
	for (unsigned i = 0; i < live->count; i++)
		live->way->refresh(live, i);
	for (size_t i = 0; i < NR_LIVE_COUNTERS; i++) {
		uint64_t count = read_counter(live->counters[i]);
		if (count > live->shared->before[i]) /* else it is gone, or its counters began anew */
			atomic_store(&live->shared->counters[i], count - live->shared->before[i]);
	}
}

void nr_live_statistics(const struct nr_live *live, struct nr_live_statistics *ret)
{
	struct nr_live_statistics s = {
		.interface = atomic_load(&live->shared->counters[NR_LIVE_MISSED]),
		.stack = atomic_load(&live->shared->counters[NR_LIVE_STACK]),
		.outages = atomic_load(&live->shared->outages),
		.filtered_known = live->way->counts_filtered || live->filter.len == 1,
		.interface_known = live->counters[NR_LIVE_MISSED] >= 0,
	};
	for (unsigned i = 0; i < live->count; i++) {
		struct nr_live_place *p = &live->shared->places[i];
		s.received += atomic_load(&p->received);
		s.kernel += atomic_load(&p->kernel);
		s.freezes += atomic_load(&p->freezes);
		s.filtered += atomic_load(&p->filtered);
		s.fill_empty += atomic_load(&p->fill_empty);
		s.no_frame += atomic_load(&p->no_frame);
		s.interrupted += atomic_load(&p->interrupted);
	}
	*ret = s;
}
