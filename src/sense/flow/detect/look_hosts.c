/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/detect_inside.h"

#define CHUNK     256 /* hosts that are copied under one lock */
#define FLOWS_MIN 2

static size_t copy_chunk(struct nr_flow_detect *d, uint32_t from, struct nr_flow_host *hosts, bool *ret_more)
{
	size_t count = 0;
	pthread_mutex_lock(&d->lock);
	const struct nr_flow_clock_table *table = &d->hosts.hosts;
	for (uint32_t i = from; i < NR_MIN(table->used, from + CHUNK); i++) {
		const struct nr_flow_host_entry *entry = nr_flow_clock_table_at(table, i);
		if (entry->entry.live && entry->flows >= FLOWS_MIN)
			nr_flow_host_describe(&d->hosts, entry, &hosts[count++]);
	}
	*ret_more = from + CHUNK < table->used;
	pthread_mutex_unlock(&d->lock);
	return count;
}

int nr_flow_visit_hosts(struct nr_flow_detect *d, const struct nr_flow_visitor *visitor)
{
	struct nr_flow_host hosts[CHUNK];
	bool more = true;
	for (uint32_t from = 0; more; from += CHUNK) {
		size_t count = copy_chunk(d, from, hosts, &more);
		for (size_t i = 0; i < count; i++) {
			hosts[i].own = nr_flow_detect_is_own(d, &hosts[i].address);
			int e = visitor->host(visitor->context, &hosts[i]);
			if (e)
				return e;
		}
	}
	return 0;
}
