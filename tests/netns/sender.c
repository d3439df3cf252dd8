/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a bounded number of small packets out of an interface, at a rate or as fast as it goes, and says how
 * many the kernel took: one line of JSON. Packet i is a SYN from source i % sources to destination i % 65536
 * of 198.18.0.0/16 (or 2001:db8:1::/112), so that whoever receives all of them can say what must have come.
 *
 * "xdp" sends through AF_XDP, which costs less than a packet socket.
 *
 * usage: sender INTERFACE PACKETS [rate=N/s] [sources=N] [vlan=ID] [qinq=ID] [ipv6] [batch=N] [xdp]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX 64
#define FRAME_MAX 96
#define TIME_MAX  30 /* seconds: nothing sends longer */

struct plan {
	const char *interface;
	uint64_t packets, rate, sources;
	unsigned vlan, qinq, batch;
	bool ipv6, xdp;
};

static int fail(const char *what)
{
	fprintf(stderr, "sender: %s: %s\n", what, strerror(errno));
	return 1;
}

static uint8_t *put16(uint8_t *at, unsigned value)
{
	*at++ = (uint8_t)(value >> 8);
	*at++ = (uint8_t)value;
	return at;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value & 0xffff);
}

static uint8_t *put_link(uint8_t *at, const struct plan *plan)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	memcpy(at, macs, sizeof macs);
	at += sizeof macs;
	if (plan->qinq)
		at = put16(put16(at, ETH_P_8021AD), plan->qinq);
	if (plan->vlan)
		at = put16(put16(at, ETH_P_8021Q), plan->vlan);
	return put16(at, plan->ipv6 ? ETH_P_IPV6 : ETH_P_IP);
}

static uint16_t checksum(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static uint8_t *put_ipv4(uint8_t *at, uint32_t source, uint32_t destination)
{
	uint8_t *header = at;
	at = put16(put16(put32(at, 0x45000028), 1), 0x4000);
	at = put16(put16(at, 64 << 8 | 6), 0);
	at = put32(put32(at, 0x01000000 + source), 0xc6120000 + destination);
	put16(header + 10, checksum(header, 20));
	return at;
}

static uint8_t *put_ipv6(uint8_t *at, uint32_t source, uint32_t destination)
{
	at = put32(put32(at, 0x60000000), 20 << 16 | 6 << 8 | 64);
	at = put32(put32(put32(put32(at, 0x20010db8), 2), 0), source);
	return put32(put32(put32(put32(at, 0x20010db8), 0x00010000), 0), destination);
}

static size_t make_frame(const struct plan *plan, uint64_t number, uint8_t *frame)
{
	uint32_t source = (uint32_t)(number % plan->sources), destination = (uint32_t)(number & 0xffff);
	uint8_t *at = put_link(frame, plan);
	at = plan->ipv6 ? put_ipv6(at, source, destination) : put_ipv4(at, source, destination);
	at = put32(put16(put16(at, 40000), 23), (uint32_t)number);
	at = put32(put32(at, 0), 0x50020400);
	at = put32(at, 0);
	if (at - frame < 60) {
		memset(at, 0, (size_t)(60 - (at - frame)));
		at = frame + 60;
	}
	return (size_t)(at - frame);
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits until the packet is due; false: the time is over. */
static bool wait_for(const struct plan *plan, uint64_t number, double start)
{
	double now = seconds() - start;
	if (now > TIME_MAX)
		return false;
	double due = plan->rate ? (double)number / (double)plan->rate : 0;
	if (due > now) {
		double left = due - now;
		nanosleep(
			&(struct timespec){(time_t)left, (long)((left - (double)(time_t)left) * 1e9)}, NULL);
	}
	return true;
}

/* The next packets, at most `most`; answers how many, and where they lie. */
static unsigned fill(const struct plan *plan, uint64_t number, unsigned most, uint8_t *frames, size_t stride,
	uint32_t *lengths)
{
	unsigned count = 0;
	for (; count < most && number + count < plan->packets; count++)
		lengths[count] = (uint32_t)make_frame(plan, number + count, frames + count * stride);
	return count;
}

static int say(uint64_t sent, uint64_t refused, double start)
{
	printf("{\"sent\": %llu, \"refused\": %llu, \"seconds\": %.6f}\n", (unsigned long long)sent,
		(unsigned long long)refused, seconds() - start);
	return 0;
}

static int send_messages(const struct plan *plan, int file)
{
	static uint8_t frames[BATCH_MAX][FRAME_MAX];
	uint32_t lengths[BATCH_MAX];
	struct iovec parts[BATCH_MAX];
	struct mmsghdr messages[BATCH_MAX] = {0};
	uint64_t sent = 0, refused = 0;
	double start = seconds();
	while (sent + refused < plan->packets && wait_for(plan, sent + refused, start)) {
		unsigned count = fill(plan, sent + refused, plan->batch, frames[0], FRAME_MAX, lengths);
		for (unsigned i = 0; i < count; i++) {
			parts[i] = (struct iovec){frames[i], lengths[i]};
			messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
		}
		int n = sendmmsg(file, messages, count, 0);
		if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != ENETDOWN && errno != ENXIO)
			return fail("sendmmsg");
		sent += n > 0 ? (uint64_t)n : 0;
		refused += n < 0; /* the first of the batch: it does not come again */
	}
	return say(sent, refused, start);
}

static int open_packet(const struct plan *plan)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(plan->interface)};
	int file = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
	if (file < 0 || setsockopt(file, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) ||
		bind(file, (struct sockaddr *)&address, sizeof address))
		return -1;
	return file;
}

/* ---- AF_XDP ---- */

#define XDP_STRIDE 2048
#define XDP_COUNT  1024 /* frames and entries of each ring */

struct xdp {
	int file;
	uint8_t *frames;
	uint32_t *sent_producer, *done_producer, *done_consumer;
	struct xdp_desc *entries;
};

static uint8_t *map_xdp(int file, size_t bytes, off_t page)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, page);
	return p == MAP_FAILED ? NULL : p;
}

static int open_xdp(const struct plan *plan, struct xdp *x)
{
	const int count = XDP_COUNT;
	const size_t bytes = (size_t)XDP_COUNT * XDP_STRIDE;
	struct xdp_mmap_offsets o;
	socklen_t length = sizeof o;
	struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY,
		.sxdp_ifindex = if_nametoindex(plan->interface)};
	x->file = socket(AF_XDP, SOCK_RAW, 0);
	x->frames = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct xdp_umem_reg memory = {.addr = (uintptr_t)x->frames, .len = bytes, .chunk_size = XDP_STRIDE};
	if (x->file < 0 || x->frames == MAP_FAILED ||
		setsockopt(x->file, SOL_XDP, XDP_UMEM_REG, &memory, sizeof memory) ||
		setsockopt(x->file, SOL_XDP, XDP_UMEM_FILL_RING, &count, sizeof count) ||
		setsockopt(x->file, SOL_XDP, XDP_UMEM_COMPLETION_RING, &count, sizeof count) ||
		setsockopt(x->file, SOL_XDP, XDP_TX_RING, &count, sizeof count) ||
		getsockopt(x->file, SOL_XDP, XDP_MMAP_OFFSETS, &o, &length))
		return -1;
	uint8_t *tx = map_xdp(x->file, o.tx.desc + XDP_COUNT * sizeof *x->entries, XDP_PGOFF_TX_RING);
	uint8_t *done = map_xdp(
		x->file, o.cr.desc + XDP_COUNT * sizeof(uint64_t), (off_t)XDP_UMEM_PGOFF_COMPLETION_RING);
	if (!tx || !done || bind(x->file, (struct sockaddr *)&address, sizeof address))
		return -1;
	x->sent_producer = (uint32_t *)(void *)(tx + o.tx.producer);
	x->entries = (struct xdp_desc *)(void *)(tx + o.tx.desc);
	x->done_producer = (uint32_t *)(void *)(done + o.cr.producer);
	x->done_consumer = (uint32_t *)(void *)(done + o.cr.consumer);
	return 0;
}

/* Batch after batch; the kernel has sent one when its frames are in the completion ring. */
static int send_xdp(const struct plan *plan, struct xdp *x)
{
	uint32_t lengths[BATCH_MAX];
	uint64_t sent = 0;
	double start = seconds();
	while (sent < plan->packets && wait_for(plan, sent, start)) {
		unsigned count = fill(plan, sent, plan->batch, x->frames, XDP_STRIDE, lengths);
		uint32_t at = *x->sent_producer;
		for (unsigned i = 0; i < count; i++)
			x->entries[(at + i) % XDP_COUNT] =
				(struct xdp_desc){.addr = (uint64_t)i * XDP_STRIDE, .len = lengths[i]};
		__atomic_store_n(x->sent_producer, at + count, __ATOMIC_RELEASE);
		uint32_t wanted = *x->done_consumer + count;
		while (__atomic_load_n(x->done_producer, __ATOMIC_ACQUIRE) != wanted)
			if (sendto(x->file, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
				errno != EBUSY && errno != ENOBUFS)
				return fail("AF_XDP");
		__atomic_store_n(x->done_consumer, wanted, __ATOMIC_RELEASE);
		sent += count;
	}
	return say(sent, 0, start);
}

static bool parse(struct plan *plan, const char *word)
{
	unsigned long long n;
	if (sscanf(word, "rate=%llu", &n) == 1)
		plan->rate = n;
	else if (sscanf(word, "sources=%llu", &n) == 1 && n)
		plan->sources = n;
	else if (sscanf(word, "vlan=%llu", &n) == 1)
		plan->vlan = (unsigned)n;
	else if (sscanf(word, "qinq=%llu", &n) == 1)
		plan->qinq = (unsigned)n;
	else if (sscanf(word, "batch=%llu", &n) == 1 && n && n <= BATCH_MAX)
		plan->batch = (unsigned)n;
	else if (strcmp(word, "xdp") == 0)
		plan->xdp = true;
	else if (strcmp(word, "ipv6") == 0)
		plan->ipv6 = true;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	struct plan plan = {.sources = 1000, .batch = 32};
	bool good = argc >= 3;
	for (int i = 3; i < argc; i++)
		good = good && parse(&plan, argv[i]);
	if (!good) {
		fprintf(stderr,
			"usage: sender INTERFACE PACKETS [rate=N] [sources=N] [vlan=ID] [qinq=ID] [ipv6] "
			"[batch=N] [xdp]\n");
		return 2;
	}
	plan.interface = argv[1];
	plan.packets = strtoull(argv[2], NULL, 10);
	if (plan.xdp) {
		struct xdp x;
		return open_xdp(&plan, &x) ? fail("AF_XDP") : send_xdp(&plan, &x);
	}
	int file = open_packet(&plan);
	return file < 0 ? fail(plan.interface) : send_messages(&plan, file);
}
