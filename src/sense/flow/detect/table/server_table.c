/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/table/server_table.h"

#include "sense/flow/detect/table/orient.h"

#define HOURS_OF_WEEK 168
#define EPOCH_WEEKDAY 3 /* 1970-01-01 was a Thursday: three days after Monday */
#define SECONDS_HOUR  3600

NR_INLINE uint32_t add32(uint32_t a, uint64_t b)
{
	return b >= UINT32_MAX - a ? UINT32_MAX : a + (uint32_t)b;
}
NR_INLINE uint64_t add64(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void count_size(struct nr_flow_server_entry *server, uint64_t bytes)
{
	unsigned bin = bytes <= 64 ? 0 : 58u - (unsigned)__builtin_clzll(bytes - 1);
	uint16_t *size = &server->sizes[NR_MIN(bin, NR_FLOW_SIZE_BINS - 1u)];
	if (*size == UINT16_MAX) { /* shares stay */
		for (unsigned i = 0; i < NR_FLOW_SIZE_BINS; i++)
			server->sizes[i] /= 2;
	}
	(*size)++;
}

static void count_time(struct nr_flow_server_entry *server, const struct nr_flow_talk *talk)
{
	uint32_t first = nr_flow_seconds(talk->first), last = nr_flow_seconds(talk->last);
	uint32_t hour = (first / SECONDS_HOUR + EPOCH_WEEKDAY * 24) % HOURS_OF_WEEK;
	server->hours[hour / 64] |= UINT64_C(1) << hour % 64;
	if (first < server->first || !server->flows)
		server->first = first;
	server->last = server->flows ? NR_MAX(server->last, last) : last;
	if (!server->known_since || first < server->known_since)
		server->known_since = first;
	server->longest = NR_MAX(server->longest, last - first);
}

static void count_talk(
	struct nr_flow_server_entry *server, const struct nr_flow_talk *talk, uint64_t client_hash)
{
	count_time(server, talk);
	server->flows = add32(server->flows, 1);
	server->up_packets = add32(server->up_packets, talk->up_packets);
	server->down_packets = add32(server->down_packets, talk->down_packets);
	server->up_bytes = add64(server->up_bytes, talk->up_bytes);
	server->down_bytes = add64(server->down_bytes, talk->down_bytes);
	server->sampling = talk->sampling;
	if (talk->sides & NR_FLOW_UP)
		count_size(server, talk->up_bytes);
	if (nr_flow_talk_is_established(talk))
		server->established = add32(server->established, 1);
	else if (nr_flow_talk_is_refused(talk))
		server->refused = add32(server->refused, 1);
	if (nr_flow_sketch_add(&server->clients, &server->few, client_hash) && server->few == NR_FLOW_MANY &&
		!server->popular)
		server->popular = nr_flow_sketch_count(&server->clients, server->few) > NR_FLOW_POPULAR;
}

struct nr_flow_server_entry *nr_flow_servers_find(
	const struct nr_flow_clock_table *servers, const struct nr_flow_server *server, uint64_t hash)
{
	return NR_FLOW_CLOCK_TABLE_FIND(servers, hash, nr_flow_server_is, server);
}

struct nr_flow_server_entry *nr_flow_servers_take(struct nr_flow_clock_table *servers,
	const struct nr_flow_talk *talk, uint64_t hash, uint64_t client_hash)
{
	struct nr_flow_server_entry *server =
		NR_FLOW_CLOCK_TABLE_FIND(servers, hash, nr_flow_server_is, &talk->server);
	if (!server) {
		if (!nr_flow_clock_table_admits(servers, hash))
			return NULL;
		server = nr_flow_clock_table_at(servers, nr_flow_clock_table_place(servers, hash));
		server->address = talk->server.address;
		server->port = talk->server.port;
		server->protocol = talk->server.protocol;
	} else {
		nr_flow_entry_touch(&server->entry);
	}
	count_talk(server, talk, client_hash);
	return server;
}

static void turn(struct nr_flow_server_entry *server)
{
	struct nr_flow_server_entry kept = {
		.entry = server->entry,
		.address = server->address,
		.port = server->port,
		.protocol = server->protocol,
		.known_since = server->known_since,
		.hours = {server->hours[0], server->hours[1], server->hours[2]},
		.sampling = server->sampling,
	};
	kept.entry.heat = 0; /* who does not come again goes first */
	*server = kept;
}

void nr_flow_servers_turn(struct nr_flow_clock_table *servers)
{
	for (uint32_t i = 0; i < servers->used; i++) {
		struct nr_flow_server_entry *server = nr_flow_clock_table_at(servers, i);
		if (server->entry.live)
			turn(server);
	}
}
