/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/detect_exporters.h"

#include "base/hash.h"

#include <errno.h>
#include <sys/random.h>

#define SLOTS (4u * NR_FLOW_EXPORTERS_MAX)
#define STEP  16 /* one row in so many is looked at */

static struct nr_flow_detect_exporter *add(
	struct nr_flow_detect_exporters *exporters, const struct nr_flow_stream *stream)
{
	struct nr_flow_detect_exporter *exporter = calloc(1, sizeof *exporter);
	if (!exporter)
		return NULL;
	exporter->stream = *stream;
	exporters->items[exporters->count++] = exporter;
	return exporter;
}

int nr_flow_detect_exporters_init(struct nr_flow_detect_exporters *exporters, struct nr_error *error)
{
	struct nr_flow_detect_exporters x = {
		.items = calloc(NR_FLOW_EXPORTERS_MAX, sizeof(struct nr_flow_detect_exporter *)),
		.slots = calloc(SLOTS, sizeof(uint16_t))};
	const struct nr_flow_stream others = {.domain = 0};
	bool random = getrandom(x.key, sizeof x.key, 0) == sizeof x.key;
	if (x.items && x.slots && random && add(&x, &others)) {
		*exporters = x;
		return 0;
	}
	nr_flow_detect_exporters_fini(&x);
	return random ? nr_fail(error, -ENOMEM, "out of memory")
		      : nr_fail(error, -EIO, "the kernel gives no random numbers");
}

void nr_flow_detect_exporters_fini(struct nr_flow_detect_exporters *exporters)
{
	for (uint32_t i = 0; i < exporters->count; i++)
		free(exporters->items[i]);
	free(exporters->items);
	free(exporters->slots);
	*exporters = (struct nr_flow_detect_exporters){0};
}

/* The stream's slot, or the empty one where it would be. */
static uint32_t slot_of(const struct nr_flow_detect_exporters *exporters, const struct nr_flow_stream *stream)
{
	uint64_t hash = nr_siphash(stream, sizeof *stream, exporters->key[0], exporters->key[1]);
	uint32_t slot = (uint32_t)(hash % SLOTS);
	while (exporters->slots[slot] &&
		memcmp(&exporters->items[exporters->slots[slot]]->stream, stream, sizeof *stream) != 0)
		slot = (slot + 1) % SLOTS;
	return slot;
}

uint16_t nr_flow_detect_exporters_find(
	const struct nr_flow_detect_exporters *exporters, const struct nr_flow_stream *stream)
{
	return exporters->slots[slot_of(exporters, stream)];
}

uint16_t nr_flow_detect_exporters_have(
	struct nr_flow_detect_exporters *exporters, const struct nr_flow_stream *stream)
{
	uint32_t slot = slot_of(exporters, stream);
	if (!exporters->slots[slot] && exporters->count < NR_FLOW_EXPORTERS_MAX && add(exporters, stream))
		exporters->slots[slot] = (uint16_t)(exporters->count - 1);
	return exporters->slots[slot];
}

void nr_flow_detect_exporters_learn(struct nr_flow_detect_exporters *exporters,
	const struct nr_flow_block *block, const uint16_t *numbers)
{
	const nr_time *last = nr_flow_column(block, NR_FLOW_LAST);
	const uint16_t *streams = nr_flow_column(block, NR_FLOW_STREAM);
	const float *sampling = nr_flow_column(block, NR_FLOW_SAMPLING);
	if (!last || !block->stream_count)
		return;
	for (uint32_t i = 0; i < block->count; i += STEP) {
		struct nr_flow_detect_exporter *exporter =
			exporters->items[numbers[streams ? streams[i] : 0]];
		/* when it was exported is not known here: the age of what ended by silence is not learnt */
		nr_flow_timers_observe(&exporter->timers, block, i, 1, last[i]);
		if (sampling && sampling[i] > 0)
			exporter->sampling = sampling[i];
	}
}

struct nr_flow_cache nr_flow_detect_exporter_cache(const struct nr_flow_detect_exporter *exporter)
{
	enum nr_flow_timers_from from;
	struct nr_flow_cache cache = exporter->told;
	if (!cache.active)
		cache.active = nr_flow_timers_active(&exporter->timers, &from) * NR_SECOND;
	if (!cache.inactive)
		cache.inactive = nr_flow_timers_inactive(&exporter->timers, &from) * NR_SECOND;
	if (!(cache.sampling > 0))
		cache.sampling = exporter->sampling;
	return cache;
}
