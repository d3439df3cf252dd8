/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets that came before their template wait for it (RFC 7011 9.3): bounded in bytes and in time. */
#include "sense/flow/collect/state.h"

#include <stdlib.h>
#include <string.h>

#define SHARE 4 /* of the memory, one part in so many may hold what waits: templates must find room */

void nr_flow_pending_free(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter,
	struct nr_flow_pending *pending)
{
	size_t bytes = sizeof *pending + pending->length;
	exporter->pending_bytes -= bytes;
	collector->pending_bytes -= bytes;
	collector->pending_sets--;
	nr_flow_memory_give(&collector->memory, bytes);
	free(pending);
}

static void expire_one(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter)
{
	struct nr_flow_pending *oldest = exporter->pending;
	exporter->pending = oldest->next;
	if (!exporter->pending)
		exporter->pending_end = &exporter->pending;
	nr_flow_loss_abandoned(&exporter->options.loss, oldest->header.sequence);
	nr_flow_drop(collector, exporter, NR_FLOW_CAUSE_PENDING_EXPIRED, 1);
	nr_flow_pending_free(collector, exporter, oldest);
}

static void expire(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter)
{
	while (exporter->pending && collector->clock - exporter->pending->received > NR_FLOW_PENDING_WAIT)
		expire_one(collector, exporter);
}

bool nr_flow_pending_add(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter,
	const struct nr_export_header *header, const struct nr_export_set *set, nr_time received)
{
	size_t length = nr_cursor_left(&set->body);
	size_t bytes = sizeof(struct nr_flow_pending) + length;
	struct nr_flow_pending *pending = NULL;
	expire(collector, exporter);
	if (exporter->pending_bytes + bytes > NR_FLOW_PENDING_BYTES ||
		collector->pending_bytes + bytes > collector->memory.limit / SHARE ||
		!nr_flow_memory_take(&collector->memory, bytes)) {
		nr_flow_drop(collector, exporter, NR_FLOW_CAUSE_PENDING_FULL, 1);
		return false;
	}
	pending = malloc(bytes);
	if (!pending) {
		nr_flow_memory_give(&collector->memory, bytes);
		nr_flow_drop(collector, exporter, NR_FLOW_CAUSE_PENDING_FULL, 1);
		return false;
	}
	*pending = (struct nr_flow_pending){NULL, received, *header, set->id, (uint32_t)length};
	memcpy(pending->bytes, set->body.at, length);
	*exporter->pending_end = pending;
	exporter->pending_end = &pending->next;
	exporter->pending_bytes += bytes;
	collector->pending_bytes += bytes;
	collector->pending_sets++;
	return true;
}

struct nr_flow_pending *nr_flow_pending_take(struct nr_flow_exporter *exporter, uint16_t id)
{
	for (struct nr_flow_pending **place = &exporter->pending; *place; place = &(*place)->next) {
		struct nr_flow_pending *pending = *place;
		if (pending->id != id)
			continue;
		*place = pending->next;
		if (!pending->next)
			exporter->pending_end = place;
		return pending;
	}
	return NULL;
}

void nr_flow_pending_sweep(struct nr_flow_collector *collector)
{
	if (!collector->pending_sets || collector->clock - collector->swept < NR_FLOW_PENDING_WAIT / 4)
		return;
	collector->swept = collector->clock;
	for (uint32_t i = 0; i < collector->exporters.room; i++)
		for (struct nr_flow_exporter *one = collector->exporters.chains[i]; one; one = one->next)
			expire(collector, one);
}
