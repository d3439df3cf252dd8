/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_XDP (Documentation/networking/af_xdp.rst): a small eBPF program at the driver hands every IP packet of a
 * receive queue to a socket, past the host's network stack; what is not IP (ARP) goes on to it. Frames come
 * in a ring and are given back in another one. They carry no time stamp: a packet counts at the time when it
 * is read.
 */
#include "net/live_inside.h"
#include "wire/link.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FRAME      2048 /* bytes; the driver keeps 256 of them for itself */
#define FRAMES_MIN 1024
#define FRAMES_MAX (1u << 20)
#define COMPLETION 64 /* of the ring for sent frames, which must exist */

static int fail(const struct nr_live *live, struct nr_error *error, const char *what)
{
	int code = -errno;
	return nr_fail(error, code, "%s: %s: %s%s", live->interface, what, strerror(-code),
		code == -EPERM ? "; it takes root, or CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF" : "");
}

/* ---- the program ---- */

static int bpf(int command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

#define OP(code_, dst, src, off_, imm_)                                                                      \
	{                                                                                                    \
		.code = (code_), .dst_reg = (dst), .src_reg = (src), .off = (off_), .imm = (imm_)            \
	}
#define LOAD(size, dst, src, off)  OP(BPF_LDX | BPF_MEM | (size), dst, src, off, 0)
#define MOVE(dst, src)             OP(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, value)            OP(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define ADD(dst, value)            OP(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define JUMP_EQUAL(dst, value, to) OP(BPF_JMP | BPF_JEQ | BPF_K, dst, 0, to, value)
#define JUMP_MORE(dst, src, to)    OP(BPF_JMP | BPF_JGT | BPF_X, dst, src, to, 0)
#define JUMP(to)                   OP(BPF_JMP | BPF_JA, 0, 0, to, 0)
#define CALL(helper)               OP(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define EXIT                       OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define TYPE(type)                 __builtin_bswap16(type)

/* IP behind at most two tags goes to the queue's socket, where there is one; all else to the host. A jump
 * counts from the line behind it. */
static int load_program(const struct nr_live *live, int map, struct nr_error *error)
{
	const struct bpf_insn program[] = {
		MOVE(6, 1), /* struct xdp_md */
		LOAD(BPF_W, 2, 1, offsetof(struct xdp_md, data)),
		LOAD(BPF_W, 3, 1, offsetof(struct xdp_md, data_end)),
		MOVE(4, 2),
		ADD(4, NR_ETHERNET_HEADER + 8),
		JUMP_MORE(4, 3, 11), /* shorter than two tags: no IP */
		LOAD(BPF_H, 5, 2, 12),
		JUMP_EQUAL(5, TYPE(NR_ETHERTYPE_VLAN), 2),
		JUMP_EQUAL(5, TYPE(NR_ETHERTYPE_QINQ), 1),
		JUMP(5),
		LOAD(BPF_H, 5, 2, 16), /* behind one tag */
		JUMP_EQUAL(5, TYPE(NR_ETHERTYPE_VLAN), 2),
		JUMP_EQUAL(5, TYPE(NR_ETHERTYPE_QINQ), 1),
		JUMP(1),
		LOAD(BPF_H, 5, 2, 20), /* behind two */
		JUMP_EQUAL(5, TYPE(NR_ETHERTYPE_IPV4), 3),
		JUMP_EQUAL(5, TYPE(NR_ETHERTYPE_IPV6), 2),
		SET(0, XDP_PASS),
		EXIT,
		LOAD(BPF_W, 2, 6, offsetof(struct xdp_md, rx_queue_index)),
		OP(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map), /* takes two */
		OP(0, 0, 0, 0, 0),
		SET(3, XDP_PASS), /* where the queue has no socket */
		CALL(BPF_FUNC_redirect_map),
		EXIT,
	};
	union bpf_attr attributes = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)program,
		.insn_cnt = NR_COUNT(program),
		.license = (uintptr_t) "Apache-2.0",
		.expected_attach_type = BPF_XDP,
	};
	int file = bpf(BPF_PROG_LOAD, &attributes);
	return file < 0 ? fail(live, error, "loading the eBPF program") : file;
}

static int make_map(const struct nr_live *live, struct nr_error *error)
{
	union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_XSKMAP,
		.key_size = sizeof(uint32_t),
		.value_size = sizeof(uint32_t),
		.max_entries = live->count};
	int file = bpf(BPF_MAP_CREATE, &attributes);
	return file < 0 ? fail(live, error, "eBPF map") : file;
}

/* At the driver where it can, else at the network stack's entry. The link ends with its last descriptor. */
static int attach(struct nr_live *live, int program, struct nr_error *error)
{
	static const uint32_t ways[] = {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};
	for (size_t i = 0; i < NR_COUNT(ways) && live->link < 0; i++) {
		union bpf_attr attributes = {.link_create = {.prog_fd = (uint32_t)program,
						     .target_ifindex = (uint32_t)live->index,
						     .attach_type = BPF_XDP,
						     .flags = ways[i]}};
		live->link = bpf(BPF_LINK_CREATE, &attributes);
	}
	return live->link < 0 ? fail(live, error, "attaching the eBPF program") : 0;
}

/* ---- rings ---- */

static int set(const struct nr_live_ring *r, int option, const void *value, socklen_t length)
{
	return setsockopt(r->socket, SOL_XDP, option, value, length);
}

static int map_queue(struct nr_live_ring *r, struct nr_live_queue *q, const struct xdp_ring_offset *offsets,
	size_t entry, size_t count, off_t page)
{
	q->bytes = offsets->desc + count * entry;
	q->mapped = mmap(NULL, q->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->socket, page);
	if (q->mapped == MAP_FAILED) {
		q->mapped = NULL;
		return -1;
	}
	uint8_t *at = q->mapped;
	q->producer = (uint32_t *)(void *)(at + offsets->producer);
	q->consumer = (uint32_t *)(void *)(at + offsets->consumer);
	q->entries = at + offsets->desc;
	return 0;
}

static int map_queues(struct nr_live_ring *r, uint32_t count)
{
	struct xdp_mmap_offsets offsets;
	socklen_t length = sizeof offsets;
	const uint32_t completion = COMPLETION;
	if (set(r, XDP_UMEM_FILL_RING, &count, sizeof count) ||
		set(r, XDP_UMEM_COMPLETION_RING, &completion, sizeof completion) ||
		set(r, XDP_RX_RING, &count, sizeof count) ||
		getsockopt(r->socket, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length))
		return -1;
	if (map_queue(r, &r->xdp->receive, &offsets.rx, sizeof(struct xdp_desc), count, XDP_PGOFF_RX_RING))
		return -1;
	return map_queue(
		r, &r->xdp->fill, &offsets.fr, sizeof(uint64_t), count, (off_t)XDP_UMEM_PGOFF_FILL_RING);
}

static uint32_t frames_of(uint64_t bytes)
{
	uint32_t frames = FRAMES_MIN;
	while (frames < FRAMES_MAX && (uint64_t)frames * 2 * FRAME <= bytes)
		frames *= 2;
	return frames;
}

/* Frames lie in memory that the children share, too. */
static int open_ring(
	struct nr_live *live, unsigned ring, const struct nr_live_conf *conf, struct nr_error *error)
{
	struct nr_live_ring *r = &live->rings[ring];
	uint32_t count = frames_of(conf->ring_bytes);
	r->xdp = calloc(1, sizeof *r->xdp);
	if (!r->xdp)
		return nr_fail(error, -ENOMEM, "out of memory");
	r->xdp->mask = count - 1;
	r->socket = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (r->socket < 0)
		return fail(live, error, "AF_XDP socket");
	size_t bytes = (size_t)count * FRAME;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return fail(live, error, "memory for frames");
	r->memory = memory;
	r->bytes = bytes;
	const struct xdp_umem_reg frames = {.addr = (uintptr_t)memory, .len = bytes, .chunk_size = FRAME};
	if (set(r, XDP_UMEM_REG, &frames, sizeof frames))
		return fail(live, error, "registering memory for frames");
	if (map_queues(r, count))
		return fail(live, error, "AF_XDP rings");
	uint64_t *free_frames = r->xdp->fill.entries;
	for (uint32_t i = 0; i < count; i++)
		free_frames[i] = (uint64_t)i * FRAME;
	__atomic_store_n(r->xdp->fill.producer, count, __ATOMIC_RELEASE);
	struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
		.sxdp_flags = (uint16_t)(XDP_USE_NEED_WAKEUP | (live->only_zero_copy ? XDP_ZEROCOPY : 0)),
		.sxdp_ifindex = (uint32_t)live->index,
		.sxdp_queue_id = ring};
	if (bind(r->socket, (const struct sockaddr *)&address, sizeof address))
		return fail(live, error, live->only_zero_copy ? "AF_XDP without copying" : "AF_XDP");
	return 0;
}

static unsigned count_queues(const struct nr_live *live)
{
	unsigned count = 0;
	for (; count < NR_LIVE_RINGS_MAX; count++) {
		char path[64 + IFNAMSIZ];
		snprintf(path, sizeof path, "/sys/class/net/%s/queues/rx-%u", live->interface, count);
		if (access(path, F_OK))
			break;
	}
	return NR_MAX(count, 1u);
}

/* The program takes the host's own traffic, too. So nobody gets it unasked where the host has an address. */
static bool has_address(const struct nr_live *live)
{
	struct ifaddrs *all = NULL;
	bool found = false;
	if (getifaddrs(&all))
		return true;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		if (!a->ifa_addr || strcmp(a->ifa_name, live->interface) != 0)
			continue;
		if (a->ifa_addr->sa_family == AF_INET)
			found = true;
		if (a->ifa_addr->sa_family == AF_INET6)
			found = found ||
				!IN6_IS_ADDR_LINKLOCAL(
					&((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr);
	}
	freeifaddrs(all);
	return found;
}

static int connect_rings(struct nr_live *live, struct nr_error *error)
{
	NR_AUTO(nr_close_fd) int map = make_map(live, error);
	if (map < 0)
		return map;
	NR_AUTO(nr_close_fd) int program = load_program(live, map, error);
	if (program < 0)
		return program;
	for (uint32_t i = 0; i < live->count; i++) {
		union bpf_attr attributes = {.map_fd = (uint32_t)map,
			.key = (uintptr_t)&i,
			.value = (uintptr_t)&live->rings[i].socket};
		if (bpf(BPF_MAP_UPDATE_ELEM, &attributes))
			return fail(live, error, "eBPF map of sockets");
	}
	return attach(live, program, error);
}

static int xdp_open(struct nr_live *live, const struct nr_live_conf *conf, struct nr_error *error)
{
	live->only_zero_copy = !conf->capture || strcmp(conf->capture, "xdp") != 0;
	if (!live->ethernet)
		return nr_fail(error, -EOPNOTSUPP, "%s: AF_XDP takes an Ethernet interface", live->interface);
	if (live->only_zero_copy && has_address(live))
		return nr_fail(error, -EADDRINUSE, "%s: has an address of the host", live->interface);
	int e = nr_live_make_rings(live, count_queues(live), error);
	for (unsigned i = 0; !e && i < live->count; i++)
		e = open_ring(live, i, conf, error);
	return e ? e : connect_rings(live, error);
}

static void unmap(struct nr_live_queue *q)
{
	if (q->mapped)
		munmap(q->mapped, q->bytes);
}

static void xdp_close(struct nr_live *live)
{
	nr_close_fd(&live->link);
	live->link = -1;
	for (unsigned i = 0; i < live->count; i++) {
		struct nr_live_ring *r = &live->rings[i];
		if (r->xdp) {
			unmap(&r->xdp->receive);
			unmap(&r->xdp->fill);
		}
		nr_close_fd(&r->socket);
		if (r->memory)
			munmap(r->memory, r->bytes);
		free(r->xdp);
	}
}

/* ---- reading ---- */

/* The frames that were given out go back to the driver. Their descriptors stay where they are until the
 * consumer index has passed them, so each step can be repeated by whoever comes after us. */
static void xdp_settle(struct nr_live *live, unsigned ring)
{
	struct nr_live_place *place = &live->shared->places[ring];
	struct nr_live_xdp *x = live->rings[ring].xdp;
	if (!place->busy)
		return;
	if (__atomic_load_n(x->receive.consumer, __ATOMIC_ACQUIRE) == place->receive_at) {
		const struct xdp_desc *received = x->receive.entries;
		uint64_t *free_frames = x->fill.entries;
		if (!place->returning) {
			place->fill_at = *x->fill.producer;
			__atomic_store_n(&place->returning, 1, __ATOMIC_RELEASE);
		}
		for (uint32_t i = 0; i < place->busy; i++)
			free_frames[(place->fill_at + i) & x->mask] =
				received[(place->receive_at + i) & x->mask].addr & ~(uint64_t)(FRAME - 1);
		__atomic_store_n(x->fill.producer, place->fill_at + place->busy, __ATOMIC_RELEASE);
		__atomic_store_n(x->receive.consumer, place->receive_at + place->busy, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&place->returning, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&place->busy, 0, __ATOMIC_RELEASE);
}

/* Positions are masked wherever they are used; what is left is how many. */
static void xdp_check(struct nr_live *live, unsigned ring)
{
	struct nr_live_place *place = &live->shared->places[ring];
	if (place->busy > NR_LIVE_BATCH || place->returning > 1)
		place->busy = place->returning = 0;
}

/* Descriptors lie where a reader that was taken over could write. */
static bool is_within(const struct nr_live_ring *r, const struct xdp_desc *d)
{
	return d->addr < r->bytes && d->len <= r->bytes - d->addr;
}

static size_t take(struct nr_live *live, unsigned ring, uint32_t count, struct nr_frame *frames)
{
	const struct nr_live_ring *r = &live->rings[ring];
	struct nr_live_place *place = &live->shared->places[ring];
	const struct xdp_desc *received = r->xdp->receive.entries;
	nr_time now = nr_time_now();
	size_t n = 0, beyond = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct xdp_desc d = received[(place->receive_at + i) & r->xdp->mask];
		const uint8_t *bytes = r->memory + d.addr;
		if (NR_UNLIKELY(!is_within(r, &d))) {
			atomic_fetch_add(&place->interrupted, 1);
			beyond++;
			continue;
		}
		if (!nr_live_filter_wants(&live->filter, bytes, d.len))
			continue;
		frames[n++] = (struct nr_frame){.data = bytes,
			.captured = NR_MIN(d.len, (uint32_t)NR_LIVE_SNAP),
			.wire = d.len,
			.time = now,
			.link = NR_LINK_ETHERNET};
	}
	atomic_fetch_add(&place->received, n + beyond);
	atomic_fetch_add(&place->filtered, count - n - beyond);
	return n;
}

static size_t xdp_read(
	struct nr_live *live, unsigned ring, struct nr_frame *frames, size_t max, struct nr_loss *loss)
{
	struct nr_live_place *place = &live->shared->places[ring];
	const struct nr_live_queue *receive = &live->rings[ring].xdp->receive;
	(void)loss;
	for (;;) {
		xdp_settle(live, ring);
		uint32_t at = *receive->consumer;
		uint32_t there = __atomic_load_n(receive->producer, __ATOMIC_ACQUIRE) - at;
		uint32_t count = (uint32_t)NR_MIN(there, max);
		if (!count)
			return 0;
		place->receive_at = at;
		__atomic_store_n(&place->busy, count, __ATOMIC_RELEASE);
		size_t n = take(live, ring, count, frames);
		if (n)
			return n;
	}
}

/* The kernel's sums. */
static void xdp_refresh(struct nr_live *live, unsigned ring)
{
	struct nr_live_place *place = &live->shared->places[ring];
	struct xdp_statistics s;
	socklen_t length = sizeof s;
	if (getsockopt(live->rings[ring].socket, SOL_XDP, XDP_STATISTICS, &s, &length))
		return;
	uint64_t lost = s.rx_ring_full + s.rx_dropped;
	atomic_fetch_add(&place->received, lost - place->lost_seen);
	place->lost_seen = lost;
	atomic_store(&place->kernel, s.rx_ring_full);
	atomic_store(&place->no_frame, s.rx_dropped);
	atomic_store(&place->fill_empty, s.rx_fill_ring_empty_descs);
}

const struct nr_live_way nr_live_xdp = {
	.name = "xdp",
	.spreads = false,
	.counts_filtered = true,
	.open = xdp_open,
	.close = xdp_close,
	.settle = xdp_settle,
	.check = xdp_check,
	.read = xdp_read,
	.refresh = xdp_refresh,
};
