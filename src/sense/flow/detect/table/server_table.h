/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that is listened to: (address, port, protocol), 192 bytes in three lines of the cache. What of
 * an entry holds clients (their hashes) ends with the window; since when it is known, and the hours of the
 * week, stay. Locks are the caller's.
 */
#ifndef NR_SENSE_FLOW_DETECT_TABLE_SERVER_TABLE_H
#define NR_SENSE_FLOW_DETECT_TABLE_SERVER_TABLE_H

#include "sense/flow/detect/features.h"
#include "sense/flow/detect/table/clock_table.h"
#include "sense/flow/detect/table/sketch.h"

#define NR_FLOW_SIZE_BINS 8     /* of bytes that a client's record sent: up to 64, 128 ... 4096, more */
#define NR_FLOW_POPULAR   5000. /* clients above which pairs are not held (flow reference 18) */

struct nr_flow_server_entry {
	struct nr_flow_entry entry;
	struct nr_address address;
	uint16_t port;
	uint8_t protocol;
	bool popular;
	uint32_t flows;       /* of this window; 0: only remembered from earlier ones */
	uint32_t first, last; /* s since 1970 */
	uint32_t up_packets, down_packets;
	uint64_t up_bytes, down_bytes;
	/* -- */
	struct nr_flow_sketch clients;
	/* -- */
	uint64_t hours[3]; /* of the week, from Monday 00:00 UTC */
	uint32_t known_since;
	uint32_t established, refused; /* flows */
	uint32_t longest;              /* s */
	uint16_t sizes[NR_FLOW_SIZE_BINS];
	float sampling;
	uint16_t regular; /* gaps of its pairs that were like those before; saturated */
	uint8_t few;      /* of clients */
	uint8_t reserved;
};
_Static_assert(sizeof(struct nr_flow_server_entry) == 192, "three lines of the cache");

NR_INLINE uint64_t nr_flow_server_hash(
	const struct nr_flow_hash_key *key, const struct nr_flow_server *server)
{
	return nr_flow_hash(key, &server->address, (uint64_t)server->port << 8 | server->protocol);
}
NR_INLINE uint64_t nr_flow_client_hash(const struct nr_flow_hash_key *key, const struct nr_address *client)
{
	return nr_flow_hash(key, client, UINT64_C(1) << 32);
}
NR_INLINE bool nr_flow_server_is(
	const struct nr_flow_server_entry *entry, const struct nr_flow_server *server)
{
	return entry->port == server->port && entry->protocol == server->protocol &&
	       nr_address_equal(&entry->address, &server->address);
}

/* The talk's server, entered where it is new, with the talk counted; NULL: it is not let in yet. */
struct nr_flow_server_entry *nr_flow_servers_take(struct nr_flow_clock_table *servers,
	const struct nr_flow_talk *talk, uint64_t hash, uint64_t client_hash);
/* NULL: it is not held. */
struct nr_flow_server_entry *nr_flow_servers_find(
	const struct nr_flow_clock_table *servers, const struct nr_flow_server *server, uint64_t hash);
/* The window is over. */
void nr_flow_servers_turn(struct nr_flow_clock_table *servers);

/* s since 1970, within what the tables hold. */
NR_INLINE uint32_t nr_flow_seconds(nr_time time)
{
	return time <= 0 ? 0 : time / NR_SECOND >= UINT32_MAX ? UINT32_MAX : (uint32_t)(time / NR_SECOND);
}
NR_INLINE nr_time nr_flow_time_of(uint32_t seconds)
{
	return (nr_time)seconds * NR_SECOND;
}

#endif
