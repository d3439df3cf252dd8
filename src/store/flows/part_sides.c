/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows of a part are wanted, and who their clients and servers are. */
#include "store/flows/part_inside.h"

#include <errno.h>
#include <string.h>

#define ROWS NR_FLOW_PART_ROWS

/* ---- rows that are wanted ---- */

static void find_chunks(struct nr_flow_part_work *w)
{
	const struct nr_flow_unpacker *u = w->u;
	for (unsigned bits = NR_FLOW_CHUNK_LEAST; bits < NR_FLOW_CHUNK_BITS; bits++) {
		w->chunks[bits] = u->row_count == w->head->rows ? UINT64_MAX : 0;
		for (uint32_t i = 0; !(w->chunks[bits] & 1 && ~w->chunks[bits] == 0) && i < u->row_count; i++)
			w->chunks[bits] |= UINT64_C(1) << (u->rows[i] >> bits);
	}
}

static void all_rows(struct nr_flow_part_work *w)
{
	for (uint32_t i = 0; i < w->head->rows; i++)
		w->u->rows[i] = i;
	w->u->row_count = w->head->rows;
	find_chunks(w);
}

/* ---- addresses ---- */

uint32_t nr_flow_part_side_count(const struct nr_flow_part_work *w, unsigned side)
{
	return side == NR_FLOW_CLIENT ? w->head->clients : w->head->servers;
}

static unsigned heads_lane(unsigned side)
{
	return side == NR_FLOW_CLIENT ? NR_FLOW_LANE_CLIENTS_HEADS : NR_FLOW_LANE_SERVERS_HEADS;
}

#define HEADS_MAX (ROWS >> NR_FLOW_CHUNK_HOSTS)
struct heads {
	struct nr_flow_head_address items[HEADS_MAX];
	uint32_t count;
};

static int heads_get(const struct nr_flow_part_work *w, unsigned side, struct heads *heads)
{
	const uint8_t *bytes = NULL;
	uint32_t count = nr_flow_part_side_count(w, side);
	heads->count = (count + (1u << NR_FLOW_CHUNK_HOSTS) - 1) >> NR_FLOW_CHUNK_HOSTS;
	size_t length = heads->count * sizeof *heads->items;
	int e = count ? nr_flow_part_bytes(w, heads_lane(side), length, &bytes) : -EBADMSG;
	if (!e)
		memcpy(heads->items, bytes, length);
	return e;
}

/* Those chunks of a side's addresses. */
static int addresses_get(
	const struct nr_flow_part_work *w, unsigned side, const struct heads *heads, uint64_t chunks)
{
	uint64_t *high = w->u->high[side], *low = w->u->low[side];
	unsigned lane = heads_lane(side);
	uint32_t count = nr_flow_part_side_count(w, side);
	for (unsigned i = 1; i <= 2; i++)
		if (w->u->lanes[lane + i] && w->u->lanes[lane + i]->chunk != NR_FLOW_CHUNK_HOSTS)
			return -EBADMSG;
	int e = nr_flow_part_lane(w, lane + 1, high, 8, count, chunks);
	e = e ? e : nr_flow_part_lane(w, lane + 2, low, 8, count, chunks);
	for (uint32_t c = 0; !e && c < heads->count; c++) {
		uint32_t begin = c << NR_FLOW_CHUNK_HOSTS;
		uint32_t end = NR_MIN(begin + (1u << NR_FLOW_CHUNK_HOSTS), count);
		if (!(chunks >> c & 1))
			continue;
		high[begin] = heads->items[c].high;
		low[begin] = heads->items[c].low;
		for (uint32_t i = begin + 1; i < end; i++) {
			low[i] += high[i] ? 0 : low[i - 1];
			high[i] += high[i - 1];
		}
	}
	return e;
}

uint64_t nr_flow_part_chunks(const struct nr_flow_unpacker *u, unsigned side)
{
	uint64_t chunks = 0;
	for (uint32_t i = 0; i < u->row_count; i++)
		chunks |= UINT64_C(1) << (u->ids[side][u->rows[i]] >> NR_FLOW_CHUNK_HOSTS);
	return chunks;
}

static bool is_after(const struct nr_flow_head_address *head, uint64_t high, uint64_t low)
{
	return head->high > high || (head->high == high && head->low > low);
}

/* Finds hosts among a side's addresses: in the chunk whose head is the last one that is not after it. */
static int find_hosts(
	struct nr_flow_part_work *w, unsigned side, const struct nr_address *hosts, size_t host_count)
{
	struct nr_flow_unpacker *u = w->u;
	struct heads heads;
	uint64_t chunks = 0, high[NR_FLOW_HOSTS_FOUND], low[NR_FLOW_HOSTS_FOUND];
	uint32_t at[NR_FLOW_HOSTS_FOUND];
	int e = heads_get(w, side, &heads);
	for (size_t h = 0; !e && h < host_count; h++) {
		nr_flow_address_split(&hosts[h], &high[h], &low[h]);
		at[h] = 0;
		while (at[h] < heads.count && !is_after(&heads.items[at[h]], high[h], low[h]))
			at[h]++;
		chunks |= at[h] ? UINT64_C(1) << (at[h] - 1) : 0;
	}
	e = e || !chunks ? e : addresses_get(w, side, &heads, chunks);
	u->found_count[side] = 0;
	for (size_t h = 0; !e && h < host_count; h++) {
		uint32_t end = NR_MIN(at[h] << NR_FLOW_CHUNK_HOSTS, nr_flow_part_side_count(w, side));
		uint32_t i = at[h] ? (at[h] - 1) << NR_FLOW_CHUNK_HOSTS : end;
		while (i < end && (u->low[side][i] != low[h] || u->high[side][i] != high[h]))
			i++;
		if (i < end)
			u->found[side][u->found_count[side]++] = i;
	}
	return e;
}

/* ---- ids ---- */

/* Fills the clients of all rows that are wanted, which are in order. */
static int client_ids(const struct nr_flow_part_work *w)
{
	struct nr_flow_unpacker *u = w->u;
	uint32_t client = 0, end = w->head->clients ? u->counts[0] : 0;
	for (uint32_t i = 0; i < u->row_count; i++) {
		uint32_t row = u->rows[i];
		while (row >= end) {
			if (++client >= w->head->clients || u->counts[client] > w->head->rows - end)
				return -EBADMSG;
			end += u->counts[client];
		}
		u->ids[NR_FLOW_CLIENT][row] = client;
	}
	return 0;
}

static int server_ids(const struct nr_flow_part_work *w)
{
	struct nr_flow_unpacker *u = w->u;
	uint32_t most = 0;
	int e = nr_flow_part_numbers(w, NR_FLOW_LANE_SERVER, u->ids[NR_FLOW_SERVER], 4);
	for (uint32_t i = 0; !e && i < u->row_count; i++)
		most = NR_MAX(most, u->ids[NR_FLOW_SERVER][u->rows[i]]);
	return e ? e : most < w->head->servers ? 0 : -EBADMSG;
}

static int counts_get(const struct nr_flow_part_work *w)
{
	struct nr_flow_unpacker *u = w->u;
	int e = nr_flow_part_lane(w, NR_FLOW_LANE_CLIENT_ROWS, u->counts, 4, w->head->clients, UINT64_MAX);
	return e ? e : u->counts[0] <= w->head->rows ? 0 : -EBADMSG;
}

static bool is_found(const struct nr_flow_unpacker *u, unsigned side, uint32_t id)
{
	bool found = false;
	for (unsigned i = 0; i < u->found_count[side]; i++)
		found |= u->found[side][i] == id;
	return found;
}

/* The rows whose client or server was found, in order. */
static int select_rows(struct nr_flow_part_work *w)
{
	struct nr_flow_unpacker *u = w->u;
	bool servers = u->found_count[NR_FLOW_SERVER];
	uint32_t n = 0, row = 0;
	int e = servers ? nr_flow_part_lane(w, NR_FLOW_LANE_SERVER, u->ids[NR_FLOW_SERVER], 4, w->head->rows,
				  UINT64_MAX)
			: 0;
	for (uint32_t c = 0; !e && c < w->head->clients; c++) {
		bool all = is_found(u, NR_FLOW_CLIENT, c);
		if (u->counts[c] > w->head->rows - row)
			return -EBADMSG;
		uint32_t end = row + u->counts[c];
		if (!all && !servers)
			row = end;
		for (; row < end; row++) {
			u->rows[n] = row;
			n += all || is_found(u, NR_FLOW_SERVER, u->ids[NR_FLOW_SERVER][row]);
		}
	}
	u->row_count = n;
	return e;
}

/* ---- sides ---- */

int nr_flow_part_find_rows(struct nr_flow_part_work *w, const struct nr_address *hosts, size_t host_count)
{
	struct nr_flow_unpacker *u = w->u;
	if (!host_count) {
		all_rows(w);
		return 0;
	}
	u->row_count = 0;
	if (!(w->head->flags & NR_FLOW_PART_TURNED))
		return 0; /* nobody's addresses were kept */
	int e = find_hosts(w, NR_FLOW_CLIENT, hosts, host_count);
	e = e ? e : find_hosts(w, NR_FLOW_SERVER, hosts, host_count);
	if (e || (!u->found_count[NR_FLOW_CLIENT] && !u->found_count[NR_FLOW_SERVER]))
		return e;
	e = counts_get(w);
	e = e ? e : select_rows(w);
	if (!e)
		find_chunks(w);
	return e;
}

/* Whether a column that is wanted is held once for each address. */
static bool wants_by_address(const struct nr_flow_part_work *w)
{
	bool wants = false;
	for (size_t i = 0; i < NR_FLOW_PAIRS; i++) {
		const struct nr_flow_section *client = w->u->lanes[nr_flow_pairs[i].source];
		const struct nr_flow_section *server = w->u->lanes[nr_flow_pairs[i].destination];
		uint64_t bits =
			UINT64_C(1) << nr_flow_pairs[i].source | UINT64_C(1) << nr_flow_pairs[i].destination;
		if (w->columns & bits && client && server)
			wants |= (client->unit | server->unit) & NR_FLOW_UNIT_BY_ADDRESS;
	}
	return wants;
}

static int ids_get(const struct nr_flow_part_work *w, bool counted)
{
	int e = w->head->clients && w->head->servers ? 0 : -EBADMSG;
	e = e || counted ? e : counts_get(w);
	e = e ? e : client_ids(w);
	return e ? e : server_ids(w);
}

int nr_flow_part_sides(struct nr_flow_part_work *w, bool counted)
{
	struct nr_flow_unpacker *u = w->u;
	bool addresses = w->columns & NR_FLOW_ADDRESS_BITS;
	int e = nr_flow_part_numbers(w, NR_FLOW_LANE_TURNED, u->turned, 1);
	for (uint32_t i = 0; !e && i < u->row_count; i++)
		u->turned[u->rows[i]] &= 1;
	if (!e && (addresses || wants_by_address(w)))
		e = ids_get(w, counted);
	for (unsigned side = NR_FLOW_CLIENT; !e && addresses && side <= NR_FLOW_SERVER; side++) {
		struct heads heads;
		e = heads_get(w, side, &heads);
		e = e ? e : addresses_get(w, side, &heads, nr_flow_part_chunks(u, side));
	}
	return e;
}

void nr_flow_part_fill_sides(const struct nr_flow_part_work *w)
{
	const struct nr_flow_unpacker *u = w->u;
	uint64_t *high[] = {nr_flow_column_at(u->block, NR_FLOW_SOURCE_HIGH),
		nr_flow_column_at(u->block, NR_FLOW_DESTINATION_HIGH)};
	uint64_t *low[] = {nr_flow_column_at(u->block, NR_FLOW_SOURCE_LOW),
		nr_flow_column_at(u->block, NR_FLOW_DESTINATION_LOW)};
	for (unsigned end = 0; end < 2; end++) /* source, destination */
		for (uint32_t i = 0; i < u->row_count; i++) {
			uint32_t row = u->rows[i];
			unsigned side = u->turned[row] ^ end;
			uint32_t id = u->ids[side][row];
			high[end][i] = u->high[side][id];
			low[end][i] = u->low[side][id];
		}
}
