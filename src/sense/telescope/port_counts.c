/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/port_counts.h"
#include "base/pages.h"

#include <errno.h>
#include <stdlib.h>

#define NR_PORTS_ALL 131072u /* TCP and UDP */

int nr_port_counts_init(struct nr_port_counts *c, uint64_t memory_bytes, const struct nr_tally *tally,
	uint64_t (*key_of)(uint64_t member), struct nr_error *error)
{
	void *pages = NULL;
	*c = (struct nr_port_counts){.cell_count = 4096};
	while (c->cell_count * 2 * sizeof *c->cells <= memory_bytes / 128)
		c->cell_count *= 2;
	int e = nr_pages_resize(NULL, &pages, 0, c->cell_count * sizeof *c->cells, error);
	if (e)
		return e;
	c->cells = pages;
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tally, 0, 0};
		nr_tally_next(&walk, &sum) && nr_sum_group(&sum) < NR_GROUP_OTHER;) {
		uint64_t member = nr_sum_member(&sum);
		uint64_t key = member == NR_MEMBER_REST ? UINT64_MAX : key_of(member);
		if (key == UINT64_MAX)
			continue;
		struct nr_port_count *cell = &c->cells[nr_hll_hash(key) & (c->cell_count - 1)];
		cell->pairs++;
		cell->packets += (uint32_t)NR_MIN(sum.packets, (uint64_t)(UINT32_MAX - cell->packets));
	}
	return 0;
}

void nr_port_counts_fini(struct nr_port_counts *c)
{
	nr_pages_unmap(NULL, c->cells, c->cell_count * sizeof *c->cells);
	*c = (struct nr_port_counts){0};
}

uint32_t nr_port_counts_quantile(const struct nr_port_counts *c, double share, uint64_t *ret_sources)
{
	NR_AUTO(nr_freep) uint64_t *histogram = calloc(NR_PORTS_ALL + 1, sizeof *histogram);
	uint64_t sources = 0, above = 0;
	uint32_t ports = NR_PORTS_ALL;
	*ret_sources = 0;
	if (!histogram)
		return UINT32_MAX;
	for (size_t i = 0; i < c->cell_count; i++) {
		histogram[NR_MIN(c->cells[i].pairs, NR_PORTS_ALL)]++;
		sources += c->cells[i].pairs > 0;
	}
	while (ports > 0 && above + histogram[ports] <= (uint64_t)(share * (double)sources))
		above += histogram[ports--];
	*ret_sources = sources;
	return ports;
}
