/* SPDX-License-Identifier: Apache-2.0 */
/* The table of domains: who may have a place, and who gives his up. */
#include "sense/flow/collect/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM  64
#define HAND_STEPS  64        /* chains that one newcomer may look through for an idle domain */
#define SILENT_IDLE NR_MINUTE /* of a domain that never gave a record */

const char *const nr_flow_cause_names[NR_FLOW_CAUSES] = {
#define NR_FLOW_CAUSE_NAME(NAME, json) [NR_FLOW_CAUSE_##NAME] = json,
	NR_FLOW_CAUSE_LIST(NR_FLOW_CAUSE_NAME)
#undef NR_FLOW_CAUSE_NAME
};

void nr_flow_drop(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter,
	enum nr_flow_cause cause, uint64_t count)
{
	collector->dropped[cause] += count;
	if (exporter)
		exporter->dropped[cause] += count;
}

/* Strangers choose keys: seeded, and every octet counts. */
static uint64_t hash_of(const struct nr_flow_domain *key, uint64_t seed)
{
	uint64_t words[sizeof *key / 8], hash = seed;
	memcpy(words, key, sizeof words);
	for (size_t i = 0; i < NR_COUNT(words); i++) {
		unsigned __int128 product =
			(unsigned __int128)(hash ^ words[i] ^ seed) * UINT64_C(0x9e3779b97f4a7c15);
		hash = (uint64_t)product ^ (uint64_t)(product >> 64);
	}
	return hash;
}

static struct nr_flow_exporter **chain_of(
	const struct nr_flow_collector *collector, const struct nr_flow_domain *key)
{
	const struct nr_flow_exporters *table = &collector->exporters;
	return &table->chains[hash_of(key, collector->memory.seed) & (table->room - 1)];
}

/* ---- leaving ---- */

void nr_flow_exporter_end(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter)
{
	for (struct nr_flow_pending *next, *p = exporter->pending; p; p = next) {
		next = p->next;
		nr_flow_loss_abandoned(&exporter->options.loss, p->header.sequence);
		nr_flow_drop(collector, exporter, NR_FLOW_CAUSE_PENDING_EXPIRED, 1);
		nr_flow_pending_free(collector, exporter, p);
	}
	exporter->pending = NULL;
	exporter->pending_end = &exporter->pending;
	nr_flow_templates_fini(&exporter->templates, &collector->memory);
}

static void remove_one(struct nr_flow_collector *collector, struct nr_flow_exporter **place)
{
	struct nr_flow_exporter *exporter = *place;
	nr_flow_exporter_end(collector, exporter);
	nr_flow_options_fini(&exporter->options, &collector->memory);
	*place = exporter->next;
	if (collector->last == exporter)
		collector->last = NULL;
	free(exporter);
	nr_flow_memory_give(&collector->memory, sizeof *exporter);
	collector->exporters.count--;
}

static bool may_go(const struct nr_flow_collector *collector, const struct nr_flow_exporter *exporter)
{
	nr_time idle = collector->clock - exporter->seen;
	bool silent = exporter->records == 0 && exporter->options_records == 0;
	return exporter->closed || idle > NR_FLOW_EXPORTER_IDLE || (silent && idle > SILENT_IDLE);
}

/* A flood of newcomers does not drive out who is heard. */
static bool evict(struct nr_flow_collector *collector)
{
	struct nr_flow_exporters *table = &collector->exporters;
	for (unsigned step = 0; step < HAND_STEPS && table->room; step++) {
		table->hand = (table->hand + 1) & (table->room - 1);
		for (struct nr_flow_exporter **place = &table->chains[table->hand]; *place;
			place = &(*place)->next) {
			if (may_go(collector, *place)) {
				remove_one(collector, place);
				table->evicted++;
				return true;
			}
		}
	}
	return false;
}

void nr_flow_exporters_fini(struct nr_flow_collector *collector)
{
	struct nr_flow_exporters *table = &collector->exporters;
	for (uint32_t i = 0; i < table->room; i++)
		while (table->chains[i])
			remove_one(collector, &table->chains[i]);
	nr_flow_memory_give(&collector->memory, table->room * sizeof *table->chains);
	free(table->chains);
	*table = (struct nr_flow_exporters){.chains = NULL};
}

/* ---- coming ---- */

static bool grow(struct nr_flow_collector *collector)
{
	struct nr_flow_exporters *table = &collector->exporters;
	if (table->count < table->room)
		return true;
	uint32_t before = table->room, room = before ? before * 2 : FIRST_ROOM;
	struct nr_flow_exporter **old = table->chains;
	if (!nr_flow_memory_take(&collector->memory, (room - before) * sizeof *old))
		return before != 0; /* longer chains, then */
	struct nr_flow_exporter **chains = calloc(room, sizeof *chains);
	if (!chains) {
		nr_flow_memory_give(&collector->memory, (room - before) * sizeof *old);
		return before != 0;
	}
	table->chains = chains;
	table->room = room;
	for (uint32_t i = 0; i < before; i++)
		for (struct nr_flow_exporter *next, *one = old[i]; one; one = next) {
			struct nr_flow_exporter **chain = chain_of(collector, &one->key);
			next = one->next;
			one->next = *chain;
			*chain = one;
		}
	free(old);
	return true;
}

static struct nr_flow_exporter *enter(struct nr_flow_collector *collector, const struct nr_flow_domain *key)
{
	struct nr_flow_memory *memory = &collector->memory;
	struct nr_flow_exporter *exporter = NULL;
	if (collector->exporters.count >= collector->conf.exporters_max && !evict(collector))
		return NULL;
	if (!nr_flow_memory_take(memory, sizeof *exporter) &&
		(!evict(collector) || !nr_flow_memory_take(memory, sizeof *exporter)))
		return NULL;
	if (!grow(collector) || !(exporter = calloc(1, sizeof *exporter))) {
		nr_flow_memory_give(memory, sizeof *exporter);
		return NULL;
	}
	exporter->key = *key;
	exporter->first_seen = collector->clock;
	exporter->stream = (struct nr_flow_stream){key->exporter, key->domain, key->export};
	exporter->pending_end = &exporter->pending;
	exporter->nat_draft = collector->nat_draft &&
			      nr_prefix_table_find(collector->nat_draft, &key->exporter) != NR_PREFIX_NONE;
	/* The texts were checked when the collector was made. */
	(void)nr_flow_sampling_override(
		&collector->conf.sampling, &key->exporter, &exporter->options.sampling.override, NULL);
	struct nr_flow_exporter **chain = chain_of(collector, key);
	exporter->next = *chain;
	*chain = exporter;
	collector->exporters.count++;
	return exporter;
}

struct nr_flow_exporter *nr_flow_exporters_find(
	const struct nr_flow_collector *collector, const struct nr_flow_domain *key)
{
	if (!collector->exporters.room)
		return NULL;
	struct nr_flow_exporter *exporter = *chain_of(collector, key);
	while (exporter && memcmp(&exporter->key, key, sizeof *key))
		exporter = exporter->next;
	return exporter;
}

struct nr_flow_exporter *nr_flow_exporters_get(
	struct nr_flow_collector *collector, const struct nr_flow_domain *key)
{
	struct nr_flow_exporter *exporter = collector->last;
	if (!exporter || memcmp(&exporter->key, key, sizeof *key)) {
		exporter = nr_flow_exporters_find(collector, key);
		if (!exporter)
			exporter = enter(collector, key);
		if (!exporter) {
			nr_flow_drop(collector, NULL, NR_FLOW_CAUSE_EXPORTERS_FULL, 1);
			return NULL;
		}
		collector->last = exporter;
	}
	exporter->seen = collector->clock;
	return exporter;
}
