/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_PACKET with TPACKET_V3 (packet(7), Documentation/networking/packet_mmap.rst): the kernel fills blocks of
 * packets and hands each over whole, when it is full or NR_LIVE_RETIRE_MS after it was begun; we hand it
 * back.
 */
#include "net/live_inside.h"
#include "wire/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define BLOCK     ((size_t)256 * 1024) /* at 50 ms a block, 64 MB bridge 12 s of a reader that is busy */
#define BLOCK_MIN ((size_t)64 * 1024)
#define VLAN_TAG  4 /* bytes that the kernel has taken off */

static int fail(const struct nr_live *live, struct nr_error *error, const char *what)
{
	int code = -errno;
	return nr_fail(error, code, "interface %s: %s: %s%s", live->interface, what, strerror(-code),
		code == -EPERM ? "; it takes root or CAP_NET_RAW" : "");
}

/* ---- opening ---- */

static int set(const struct nr_live *live, unsigned ring, int option, const void *value, socklen_t length)
{
	return setsockopt(live->rings[ring].socket, SOL_PACKET, option, value, length);
}

static int attach_filter(struct nr_live *live, unsigned ring, const struct sock_fprog *program)
{
	return setsockopt(live->rings[ring].socket, SOL_SOCKET, SO_ATTACH_FILTER, program, sizeof *program);
}

static int map_ring(struct nr_live *live, unsigned ring, struct nr_error *error)
{
	struct nr_live_ring *r = &live->rings[ring];
	struct tpacket_req3 request = {
		.tp_block_size = (unsigned)live->block_bytes,
		.tp_block_nr = (unsigned)live->block_count,
		.tp_frame_size = TPACKET_ALIGNMENT << 7,
		.tp_frame_nr = (unsigned)(live->block_bytes / (TPACKET_ALIGNMENT << 7) * live->block_count),
		.tp_retire_blk_tov = NR_LIVE_RETIRE_MS,
	};
	int version = TPACKET_V3;
	if (set(live, ring, PACKET_VERSION, &version, sizeof version) ||
		set(live, ring, PACKET_RX_RING, &request, sizeof request))
		return fail(live, error, "ring");
	r->bytes = live->block_bytes * live->block_count;
	void *memory = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->socket, 0);
	if (memory == MAP_FAILED)
		return fail(live, error, "mapping the ring");
	r->memory = memory;
	return 0;
}

/* Bound, but accepting nothing yet: until all rings have joined their group each would get everything. */
static int open_ring(struct nr_live *live, unsigned ring, struct nr_error *error)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {1, &nothing};
	struct nr_live_ring *r = &live->rings[ring];
	int on = 1;
	r->socket = socket(AF_PACKET, (live->ethernet ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (r->socket < 0)
		return fail(live, error, "packet socket");
	if (attach_filter(live, ring, &program))
		return fail(live, error, "filter");
	int e = map_ring(live, ring, error);
	if (e)
		return e;
	if (set(live, ring, PACKET_IGNORE_OUTGOING, &on, sizeof on))
		return fail(live, error, "leaving out what is sent (PACKET_IGNORE_OUTGOING, Linux 4.20)");
	struct packet_mreq membership = {.mr_ifindex = live->index, .mr_type = PACKET_MR_PROMISC};
	if (set(live, ring, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership))
		return fail(live, error, "promiscuous mode");
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = live->index};
	if (bind(r->socket, (const struct sockaddr *)&address, sizeof address))
		return fail(live, error, "bind");
	return 0;
}

/* One group of its own; a classic BPF program says which ring a packet goes to. */
static int spread(struct nr_live *live, uint64_t key, struct nr_error *error)
{
	struct sock_filter instructions[NR_LIVE_SPREAD_MAX];
	const struct sock_fprog program = {nr_live_spread_program(key, instructions), instructions};
	unsigned group = (unsigned)(PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
	socklen_t length = sizeof group;
	for (unsigned i = 0; live->count > 1 && i < live->count; i++) {
		if (set(live, i, PACKET_FANOUT, &group, sizeof group))
			return fail(live, error, "spreading over rings (PACKET_FANOUT)");
		if (i)
			continue;
		if (getsockopt(live->rings[0].socket, SOL_PACKET, PACKET_FANOUT, &group, &length))
			return fail(live, error, "spreading over rings (PACKET_FANOUT)");
		group = (group & 0xffff) | (unsigned)PACKET_FANOUT_CBPF << 16;
	}
	if (live->count > 1 && set(live, 0, PACKET_FANOUT_DATA, &program, sizeof program))
		return fail(live, error, "spreading over rings (PACKET_FANOUT_DATA)");
	return 0;
}

static int packet_open(struct nr_live *live, const struct nr_live_conf *conf, struct nr_error *error)
{
	live->block_bytes = BLOCK;
	while (live->block_bytes > BLOCK_MIN && conf->ring_bytes / live->block_bytes < 4)
		live->block_bytes /= 2;
	live->block_count = (size_t)NR_MAX(conf->ring_bytes / live->block_bytes, UINT64_C(2));
	int e = nr_live_make_rings(live, conf->rings, error);
	for (unsigned i = 0; !e && i < live->count; i++)
		e = open_ring(live, i, error);
	if (!e)
		e = spread(live, conf->spread_key, error);
	for (unsigned i = 0; !e && i < live->count; i++)
		if (attach_filter(live, i, &live->filter))
			e = fail(live, error, "filter");
	return e;
}

static void packet_close(struct nr_live *live)
{
	for (unsigned i = 0; i < live->count; i++) {
		struct nr_live_ring *r = &live->rings[i];
		if (r->memory)
			munmap(r->memory, r->bytes);
		nr_close_fd(&r->socket);
	}
}

/* ---- reading ---- */

#define OPENED UINT64_C(1)

static struct tpacket_block_desc *block_of(
	const struct nr_live *live, unsigned ring, const struct nr_live_place *place)
{
	size_t number = place->at >> 1;
	return (struct tpacket_block_desc *)(void *)(live->rings[ring].memory + number * live->block_bytes);
}

#define ALIGNMENT 8 /* of packets in a block (af_packet.c, V3_ALIGNMENT) */

/* Most packets of a block, and whether one may begin there: a reader that was taken over could write into
 * blocks, too, so what they say is held against their length whenever it is used. */
#define PACKETS_MAX(live) ((uint32_t)((live)->block_bytes / sizeof(struct tpacket3_hdr)))

static bool is_place(const struct nr_live *live, uint32_t offset)
{
	return offset % ALIGNMENT == 0 && offset >= sizeof(struct tpacket_block_desc) &&
	       offset <= live->block_bytes - TPACKET3_HDRLEN;
}

/* The oldest block that the kernel has handed over; none: the one behind the newest that it ever did. */
static uint64_t find_block(const struct nr_live *live, unsigned ring)
{
	uint64_t oldest = 0, newest = 0, oldest_number = UINT64_MAX, newest_number = 0;
	for (uint64_t i = 0; i < live->block_count; i++) {
		const struct nr_live_place at = {.at = i << 1};
		const struct tpacket_hdr_v1 *head = &block_of(live, ring, &at)->hdr.bh1;
		bool ours = __atomic_load_n(&head->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
		if (ours && head->seq_num < oldest_number) {
			oldest = i;
			oldest_number = head->seq_num;
		}
		if (head->seq_num >= newest_number) {
			newest = i;
			newest_number = head->seq_num;
		}
	}
	if (oldest_number != UINT64_MAX)
		return oldest;
	return newest_number ? (newest + 1) % live->block_count : 0;
}

static void begin_elsewhere(struct nr_live *live, unsigned ring, struct nr_live_place *place)
{
	place->busy = place->done = place->count = 0;
	__atomic_store_n(&place->at, find_block(live, ring) << 1, __ATOMIC_RELEASE);
}

static bool is_sound(const struct nr_live *live, const struct nr_live_place *place)
{
	bool left = place->done < place->count, left_behind = place->busy_done < place->count;
	return place->count <= PACKETS_MAX(live) && place->done <= place->count &&
	       (!left || is_place(live, place->offset)) &&
	       (!place->busy || (place->busy_done >= place->done && place->busy_done <= place->count &&
					(!left_behind || is_place(live, place->busy_offset))));
}

/* What a block says is believed where it can be; else what is left of it is given up. */
static void packet_check(struct nr_live *live, unsigned ring)
{
	struct nr_live_place *place = &live->shared->places[ring];
	place->busy = NR_MIN(place->busy, (uint32_t)NR_LIVE_BATCH);
	if (place->at >> 1 >= live->block_count) {
		begin_elsewhere(live, ring, place);
		return;
	}
	const struct tpacket_hdr_v1 *head = &block_of(live, ring, place)->hdr.bh1;
	bool ours = __atomic_load_n(&head->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER &&
		    head->seq_num == place->sequence;
	if (!(place->at & OPENED)) {
		place->busy = 0;
	} else if (!is_sound(live, place)) {
		place->sequence = head->seq_num;
		place->busy = place->done = place->count = 0; /* it is handed back and passed over */
	} else if (!ours && (place->busy ? place->busy_done : place->done) < place->count) {
		begin_elsewhere(live, ring, place);
	} /* else, where it is not ours, it was handed back and not yet passed over */
}

/* What was given out has been dealt with; a block of which that is true in all is handed back. Each step can
 * be repeated by whoever comes after us: the kernel gives a block that it fills again another number. */
static void packet_settle(struct nr_live *live, unsigned ring)
{
	struct nr_live_place *place = &live->shared->places[ring];
	if (place->busy) {
		place->offset = place->busy_offset;
		place->done = place->busy_done;
		__atomic_store_n(&place->busy, 0, __ATOMIC_RELEASE);
	}
	if (!(place->at & OPENED) || place->done < place->count)
		return;
	struct tpacket_block_desc *block = block_of(live, ring, place);
	if (block->hdr.bh1.seq_num == place->sequence)
		__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	__atomic_store_n(&place->at, ((place->at >> 1) + 1) % live->block_count << 1, __ATOMIC_RELEASE);
}

/* The block that is being read; NULL: the kernel still has it. */
static const struct tpacket_block_desc *open_block(
	const struct nr_live *live, unsigned ring, struct nr_live_place *place)
{
	const struct tpacket_block_desc *block = block_of(live, ring, place);
	if (place->at & OPENED)
		return block;
	if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
		return NULL;
	place->sequence = block->hdr.bh1.seq_num;
	place->offset = block->hdr.bh1.offset_to_first_pkt;
	place->count = NR_MIN(block->hdr.bh1.num_pkts, PACKETS_MAX(live));
	place->done = 0;
	__atomic_store_n(&place->at, place->at | OPENED, __ATOMIC_RELEASE);
	return block;
}

/* A frame of an interface without Ethernet begins with its IP header, if it has one. False: it has not. */
static bool fill(const struct nr_live *live, const struct tpacket3_hdr *packet, struct nr_frame *frame)
{
	const uint8_t *bytes = (const uint8_t *)packet;
	bool tagged = packet->tp_status & TP_STATUS_VLAN_VALID;
	*frame = (struct nr_frame){
		.data = bytes + (live->ethernet ? packet->tp_mac : packet->tp_net),
		.captured = packet->tp_snaplen,
		.wire = NR_MAX(packet->tp_len, packet->tp_snaplen) +
			(live->ethernet && tagged ? VLAN_TAG : 0),
		.time = (nr_time)packet->tp_sec * NR_SECOND + packet->tp_nsec / 1000,
		.link = live->ethernet ? NR_LINK_ETHERNET : NR_LINK_RAW,
	};
	if (live->ethernet)
		return true;
	struct sockaddr_ll address;
	memcpy(&address, bytes + TPACKET_ALIGN(sizeof *packet), sizeof address);
	return address.sll_protocol == htons(ETH_P_IP) || address.sll_protocol == htons(ETH_P_IPV6);
}

/* Its bytes lie within the block. */
static bool is_within(const struct nr_live *live, uint32_t offset, const struct tpacket3_hdr *packet)
{
	uint64_t start = (uint64_t)offset + (live->ethernet ? packet->tp_mac : packet->tp_net);
	return start <= live->block_bytes && packet->tp_snaplen <= live->block_bytes - start;
}

/* A block that says what cannot be: nothing more is read from it. */
static void give_up(struct nr_live_place *place, uint32_t left)
{
	place->busy_done = place->count;
	atomic_fetch_add(&place->interrupted, left);
}

/* The next packets of an open block. Answers the frames: fewer than packets where some are not IP. */
static size_t take(const struct nr_live *live, const struct tpacket_block_desc *block,
	struct nr_live_place *place, struct nr_frame *frames, size_t max, struct nr_loss *loss)
{
	uint32_t taken = (uint32_t)NR_MIN(place->count - place->done, max), offset = place->offset;
	size_t n = 0;
	place->busy_done = place->done + taken;
	for (uint32_t i = 0; i < taken; i++) {
		const struct tpacket3_hdr *packet = (const void *)((const uint8_t *)block + offset);
		if (NR_UNLIKELY(!is_place(live, offset) || !is_within(live, offset, packet))) {
			give_up(place, place->count - place->done - i);
			break;
		}
		if (NR_LIKELY(fill(live, packet, &frames[n]))) {
			n++;
		} else {
			loss->frames++;
			loss->dropped[NR_DROP_NON_IP]++;
		}
		offset += packet->tp_next_offset;
	}
	place->busy_offset = offset;
	__atomic_store_n(&place->busy, taken, __ATOMIC_RELEASE);
	return n;
}

static size_t packet_read(
	struct nr_live *live, unsigned ring, struct nr_frame *frames, size_t max, struct nr_loss *loss)
{
	struct nr_live_place *place = &live->shared->places[ring];
	for (;;) {
		packet_settle(live, ring);
		const struct tpacket_block_desc *block = open_block(live, ring, place);
		if (!block)
			return 0;
		size_t n = take(live, block, place, frames, max, loss);
		if (n)
			return n;
	}
}

static void packet_refresh(struct nr_live *live, unsigned ring)
{
	struct nr_live_place *place = &live->shared->places[ring];
	struct tpacket_stats_v3 s;
	socklen_t length = sizeof s;
	if (getsockopt(live->rings[ring].socket, SOL_PACKET, PACKET_STATISTICS, &s, &length))
		return;
	atomic_fetch_add(&place->received, s.tp_packets);
	atomic_fetch_add(&place->kernel, s.tp_drops);
	atomic_fetch_add(&place->freezes, s.tp_freeze_q_cnt);
}

const struct nr_live_way nr_live_packet = {
	.name = "packet",
	.spreads = true,
	.open = packet_open,
	.close = packet_close,
	.settle = packet_settle,
	.check = packet_check,
	.read = packet_read,
	.refresh = packet_refresh,
};
