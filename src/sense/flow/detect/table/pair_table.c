/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/table/pair_table.h"

#include "sense/flow/detect/table/orient.h"

#include <math.h>

#define HOUR  3600
#define RETRY 3     /* s: what follows so soon belongs to the connection before (flow reference 14) */
#define ALIKE 0.125 /* of the mean: gaps that differ less are regular */

int nr_flow_pairs_init(
	struct nr_flow_pairs *pairs, uint64_t bytes, uint64_t admit_bytes, struct nr_error *error)
{
	struct nr_flow_pairs p = {0};
	int e = nr_flow_clock_table_init(&p.table, sizeof(struct nr_flow_pair_entry), bytes, error);
	if (e)
		return e;
	e = nr_flow_admit_init(&p.admit, admit_bytes, error);
	if (e)
		nr_flow_clock_table_fini(&p.table);
	else
		*pairs = p;
	return e;
}

void nr_flow_pairs_fini(struct nr_flow_pairs *pairs)
{
	nr_flow_clock_table_fini(&pairs->table);
	nr_flow_admit_fini(&pairs->admit);
}

int nr_flow_pairs_clear(struct nr_flow_pairs *pairs, struct nr_error *error)
{
	nr_flow_admit_clear(&pairs->admit);
	return nr_flow_clock_table_clear(&pairs->table, error);
}

struct key {
	const struct nr_address *client;
	uint32_t server;
	uint16_t generation;
};

static bool is_pair(const struct nr_flow_pair_entry *entry, const struct key *key)
{
	return entry->server == key->server && entry->server_generation == key->generation &&
	       nr_address_equal(&entry->client, key->client);
}

static void count_gap(struct nr_flow_pair_entry *pair, struct nr_flow_server_entry *server, uint32_t seconds)
{
	unsigned bin = (31u - (unsigned)__builtin_clz(seconds)) / 2;
	uint8_t *gap = &pair->gaps[NR_MIN(bin, NR_FLOW_GAP_BINS - 1u)];
	if (*gap == UINT8_MAX) {
		for (unsigned i = 0; i < NR_FLOW_GAP_BINS; i++)
			pair->gaps[i] /= 2;
	}
	(*gap)++;
	float difference = (float)seconds - pair->gap_mean;
	if (pair->flows > 2 && fabsf(difference) < (float)ALIKE * pair->gap_mean)
		server->regular = (uint16_t)(server->regular + (server->regular < UINT16_MAX));
	pair->gap_mean += difference / (float)(pair->flows - 1);
	pair->gap_square += difference * ((float)seconds - pair->gap_mean);
}

/* `flows` are the pair's connections that began more than RETRY after the one before. */
static void count_flow(
	struct nr_flow_pair_entry *pair, struct nr_flow_server_entry *server, const struct nr_flow_talk *talk)
{
	uint32_t first = nr_flow_seconds(talk->first);
	pair->hours |= 1u << first / HOUR % 24;
	if (nr_flow_talk_is_refused(talk))
		pair->refused = (uint16_t)(pair->refused + (pair->refused < UINT16_MAX));
	if (!pair->flows) {
		pair->first = pair->last = first;
		pair->flows = 1;
	} else if (first > pair->last && first - pair->last > RETRY) {
		pair->flows += pair->flows < UINT32_MAX;
		count_gap(pair, server, first - pair->last);
		pair->last = first;
	}
}

void nr_flow_pairs_take(struct nr_flow_pairs *pairs, const struct nr_flow_talk *talk,
	struct nr_flow_server_entry *server, uint32_t server_number, uint64_t hash)
{
	struct nr_flow_clock_table *table = &pairs->table;
	struct key key = {&talk->client, server_number, server->entry.generation};
	struct nr_flow_pair_entry *pair = NR_FLOW_CLOCK_TABLE_FIND(table, hash, is_pair, &key);
	if (!pair) {
		uint32_t hour = nr_flow_seconds(talk->first) / HOUR;
		bool again = nr_flow_admit_pair(&pairs->admit, hash, hour);
		if (!again && table->used >= table->room / 2) {
			pairs->not_admitted++;
			return;
		}
		pair = nr_flow_clock_table_at(table, nr_flow_clock_table_place(table, hash));
		pair->client = talk->client;
		pair->server = server_number;
		pair->server_generation = key.generation;
	} else {
		nr_flow_entry_touch(&pair->entry);
	}
	count_flow(pair, server, talk);
}
