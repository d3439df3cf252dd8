/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round is decoded slice by slice, by whichever worker has time, and then each worker observes the packets
 * of the sources that it owns, slice by slice, which is the order of the input. The slices keep their packets
 * where they were decoded; a list says which belong to whom, and the owner fetches them into a small buffer
 * of its own, many cache lines at a time.
 */
#include "net/pipeline_inside.h"

#include <errno.h>
#include <string.h>

#define SLICE_ROOM ((size_t)2 * NR_SLICE)

static unsigned owner_of(const struct nr_pipeline *p, const struct nr_packet *packet)
{
	uint64_t a, b;
	memcpy(&a, packet->source.octets, 8);
	memcpy(&b, packet->source.octets + 8, 8);
	unsigned __int128 m = (unsigned __int128)(a ^ b ^ p->conf.spread_key) * 0x9e3779b97f4a7c15u;
	uint64_t h = (uint64_t)m ^ (uint64_t)(m >> 64);
	return (unsigned)(((h >> 32) * p->conf.workers) >> 32);
}

/* Dark ranges are few and long: the last one that matched is asked first. */
static bool is_dark(const struct nr_pipeline *p, struct nr_worker *w, const struct nr_packet *packet)
{
	const struct nr_prefix_table *dark = p->conf.dark;
	if (NR_UNLIKELY(!nr_address_is_ipv4(&packet->destination)))
		return nr_prefix_table_find(dark, &packet->destination) != NR_PREFIX_NONE;
	uint32_t address = nr_address_ipv4(&packet->destination);
	if (NR_LIKELY(address >= w->dark_first && address <= w->dark_last))
		return true;
	return nr_prefix_table_range_ipv4(dark, address, &w->dark_first, &w->dark_last);
}

/* Takes out what was not sent to the dark range. What an ICMP error quotes goes with it. */
static size_t keep_dark(
	const struct nr_pipeline *p, struct nr_worker *w, struct nr_packet *packets, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (NR_UNLIKELY(!is_dark(p, w, &packets[i]))) {
			w->dropped[NR_DROP_NOT_DARK] += packets[i].kind != NR_PACKET_QUOTE;
			continue;
		}
		if (NR_UNLIKELY(kept != i))
			packets[kept] = packets[i];
		kept++;
	}
	return kept;
}

static size_t decode(const struct nr_pipeline *p, struct nr_worker *w, const struct nr_frame *frames,
	size_t count, struct nr_packet *packets)
{
	size_t n = nr_packets_decode(frames, count, p->conf.tunnel_ends, packets, w->dropped);
	return p->conf.dark ? keep_dark(p, w, packets, n) : n;
}

static void list_owners(const struct nr_pipeline *p, struct nr_slice *slice)
{
	uint16_t *ends[NR_PIPELINE_WORKERS_MAX];
	unsigned owner = 0;
	do
		ends[owner] = slice->lists + owner * SLICE_ROOM;
	while (++owner < p->conf.workers);
	for (size_t i = 0; i < slice->count; i++)
		*ends[owner_of(p, &slice->packets[i])]++ = (uint16_t)i;
	for (unsigned k = 0; k < p->conf.workers; k++)
		slice->counts[k] = (uint16_t)(ends[k] - (slice->lists + k * SLICE_ROOM));
}

void nr_round_begin(struct nr_round *round, const struct nr_frame *frames, size_t count)
{
	round->frames = frames;
	round->count = count;
	atomic_store_explicit(&round->next, 0, memory_order_relaxed); /* the crew's call shows it to all */
}

static size_t slices_of(const struct nr_round *round)
{
	return (round->count + NR_SLICE - 1) / NR_SLICE;
}

void nr_round_decode(struct nr_pipeline *p, struct nr_worker *w, struct nr_round *round)
{
	for (;;) {
		size_t i = atomic_fetch_add_explicit(&round->next, 1, memory_order_relaxed);
		if (i >= slices_of(round))
			return;
		struct nr_slice *slice = &round->slices[i];
		size_t count = NR_MIN(round->count - i * NR_SLICE, (size_t)NR_SLICE);
		slice->count = decode(p, w, round->frames + i * NR_SLICE, count, slice->packets);
		list_owners(p, slice);
	}
}

static void observe(struct nr_pipeline *p, struct nr_worker *w, struct nr_packet *packets, size_t count)
{
	struct nr_batch batch = {packets, count};
	if (count)
		p->conf.sense->observe(p->conf.sense_conf, w->local, &batch);
}

void nr_round_observe(struct nr_pipeline *p, unsigned worker, const struct nr_round *round)
{
	struct nr_worker *w = &p->workers[worker];
	size_t gathered = 0;
	for (size_t i = 0; i < slices_of(round); i++) {
		const struct nr_slice *slice = &round->slices[i];
		const uint16_t *list = slice->lists + worker * SLICE_ROOM;
		for (size_t k = 0; k < slice->counts[worker]; k++) {
			w->gathered[gathered++] = slice->packets[list[k]];
			if (NR_UNLIKELY(gathered == NR_GATHER)) {
				observe(p, w, w->gathered, gathered);
				gathered = 0;
			}
		}
	}
	observe(p, w, w->gathered, gathered);
}

void nr_frames_observe(struct nr_pipeline *p, unsigned worker, const struct nr_frame *frames, size_t count)
{
	struct nr_worker *w = &p->workers[worker];
	observe(p, w, w->gathered, decode(p, w, frames, count, w->gathered));
}

int nr_round_init(struct nr_round *round, unsigned owners, struct nr_error *error)
{
	for (size_t i = 0; owners > 1 && i < NR_COUNT(round->slices); i++) {
		struct nr_slice *slice = &round->slices[i];
		slice->packets = aligned_alloc(NR_CACHE_LINE, SLICE_ROOM * sizeof *slice->packets);
		slice->lists = malloc(owners * SLICE_ROOM * sizeof *slice->lists);
		if (!slice->packets || !slice->lists)
			return nr_fail(error, -ENOMEM, "out of memory");
	}
	return 0;
}

void nr_round_fini(struct nr_round *round)
{
	for (size_t i = 0; i < NR_COUNT(round->slices); i++) {
		free(round->slices[i].packets);
		free(round->slices[i].lists);
	}
}
