/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/port_counts.h"
#include "base/pages.h"
#include "sense/telescope/early_walk.h"

#include <errno.h>
#include <stdlib.h>

#define NR_PORTS_ALL 131072u /* TCP and UDP */

static int make(struct nr_port_counts *c, uint64_t memory_bytes, struct nr_error *error)
{
	void *pages = NULL;
	c->count = 4096;
	while (c->count * 2 * sizeof *c->cells <= memory_bytes / 256)
		c->count *= 2;
	int e = nr_pages_resize(NULL, &pages, 0, c->count * sizeof *c->cells, error);
	c->cells = pages;
	return e;
}

static uint32_t *cell_of(const struct nr_port_counts *c, uint64_t key)
{
	return &c->cells[nr_hll_hash(key) & (c->count - 1)];
}

static void count(uint32_t *cell, uint64_t packets)
{
	uint64_t room = NR_PORT_PACKETS_MAX - (*cell & NR_PORT_PACKETS_MAX);
	uint32_t pair = *cell >> NR_PORT_PACKETS_BITS < NR_PORT_PAIRS_MAX;
	*cell += (pair << NR_PORT_PACKETS_BITS) + (uint32_t)NR_MIN(packets, room);
}

static void count_all(struct nr_day_ports *p, const struct nr_tally_sum *sums, size_t sum_count)
{
	uint32_t *sources[NR_WALK_AHEAD], *networks[NR_WALK_AHEAD];
	for (size_t i = 0; i < sum_count; i++) {
		uint64_t member = nr_sum_member(&sums[i]);
		sources[i] = cell_of(&p->sources, member);
		networks[i] = cell_of(&p->networks, nr_ports_network(member));
		__builtin_prefetch(sources[i], 1);
		__builtin_prefetch(networks[i], 1);
	}
	for (size_t i = 0; i < sum_count; i++) {
		if (nr_sum_member(&sums[i]) > UINT32_MAX)
			continue;
		count(sources[i], sums[i].packets);
		count(networks[i], sums[i].packets);
	}
}

int nr_day_ports_init(
	struct nr_day_ports *p, uint64_t memory_bytes, const struct nr_tally *tally, struct nr_error *error)
{
	struct nr_tally_sum sums[NR_WALK_AHEAD];
	struct nr_tally_walk walk = {tally, 0, 0};
	*p = (struct nr_day_ports){0};
	int e = make(&p->sources, memory_bytes, error);
	if (!e)
		e = make(&p->networks, memory_bytes, error);
	if (e) {
		nr_day_ports_fini(p);
		return e;
	}
	for (size_t n; (n = nr_scans_next(&walk, sums)) > 0;)
		count_all(p, sums, n);
	return 0;
}

void nr_day_ports_fini(struct nr_day_ports *p)
{
	nr_pages_unmap(NULL, p->sources.cells, p->sources.count * sizeof *p->sources.cells);
	nr_pages_unmap(NULL, p->networks.cells, p->networks.count * sizeof *p->networks.cells);
	*p = (struct nr_day_ports){0};
}

uint32_t nr_port_counts_quantile(const struct nr_port_counts *c, double share, uint64_t *ret_sources)
{
	NR_AUTO(nr_freep) uint64_t *histogram = calloc(NR_PORTS_ALL + 1, sizeof *histogram);
	uint64_t sources = 0, above = 0;
	uint32_t ports = NR_PORTS_ALL;
	*ret_sources = 0;
	if (!histogram)
		return UINT32_MAX;
	for (size_t i = 0; i < c->count; i++) {
		uint32_t pairs = c->cells[i] >> NR_PORT_PACKETS_BITS;
		histogram[NR_MIN(pairs, NR_PORTS_ALL)]++;
		sources += pairs > 0;
	}
	while (ports > 0 && above + histogram[ports] <= (uint64_t)(share * (double)sources))
		above += histogram[ports--];
	*ret_sources = sources;
	return ports;
}

/* ---- marks ---- */

int nr_port_marks_init(struct nr_port_marks *m, const struct nr_port_counts *c, uint32_t least_pairs,
	uint32_t most_packets, struct nr_error *error)
{
	*m = (struct nr_port_marks){calloc(c->count / 64, sizeof *m->words), c->count};
	if (!m->words)
		return nr_fail(error, -ENOMEM, "out of memory for the day's sources");
	for (size_t i = 0; i < c->count; i++) {
		uint32_t pairs = c->cells[i] >> NR_PORT_PACKETS_BITS;
		uint64_t bit = pairs >= least_pairs && (c->cells[i] & NR_PORT_PACKETS_MAX) <= most_packets;
		m->words[i / 64] |= bit << (i % 64);
	}
	return 0;
}

void nr_port_marks_fini(struct nr_port_marks *m)
{
	free(m->words);
	*m = (struct nr_port_marks){0};
}
