/* SPDX-License-Identifier: Apache-2.0 */
/* A table of what is known, by server: open addressing, entries of one server in a chain. */
#include "sense/flow/detect/judge/known.h"
#include "base/hash.h"

#include <errno.h>
#include <sys/random.h>

#define SLOTS_FIRST 256u
#define NONE        UINT32_MAX
#define MAY_BITS    (1u << 18) /* 32 KiB: one in four for 64 k servers */

struct entry {
	struct nr_flow_known_entry known;
	uint32_t next; /* of the same server and kind; NONE: the last */
};
struct nr_flow_known {
	struct entry *entries; /* owned */
	size_t count, room;
	uint32_t *slots; /* owned: heads of chains; NONE: free */
	size_t slot_count, used;
	uint64_t key[2]; /* addresses come from strangers' lists */
	size_t counts[NR_FLOW_KNOWN_KINDS];
	uint64_t may[MAY_BITS / 64]; /* a bit for each address of a listed or confirmed server */
};

int nr_flow_known_new(struct nr_flow_known **ret_known, struct nr_error *error)
{
	NR_AUTO(nr_flow_known_freep) struct nr_flow_known *known = calloc(1, sizeof *known);
	if (!known)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (getrandom(known->key, sizeof known->key, 0) != sizeof known->key)
		return nr_fail(error, -EIO, "no random numbers from the kernel");
	*ret_known = nr_steal(&known);
	return 0;
}

void nr_flow_known_free(struct nr_flow_known *known)
{
	if (!known)
		return;
	free(known->entries);
	free(known->slots);
	free(known);
}

void nr_flow_known_freep(struct nr_flow_known **known)
{
	nr_flow_known_free(*known);
}

/* ---- the table ---- */

static bool is_server(const struct nr_flow_server *a, const struct nr_flow_server *b)
{
	return a->port == b->port && a->protocol == b->protocol && nr_address_equal(&a->address, &b->address);
}

static uint64_t hash_of(
	const struct nr_flow_known *known, const struct nr_flow_server *server, enum nr_flow_known_kind kind)
{
	uint8_t bytes[20];
	memcpy(bytes, server->address.octets, 16);
	memcpy(bytes + 16, &server->port, 2);
	bytes[18] = server->protocol;
	bytes[19] = (uint8_t)kind;
	return nr_siphash(bytes, sizeof bytes, known->key[0], known->key[1]);
}

/* The slot of a server and kind, or the free one where it would stand. slots are never full. */
static size_t slot_of(
	const struct nr_flow_known *known, const struct nr_flow_server *server, enum nr_flow_known_kind kind)
{
	size_t mask = known->slot_count - 1, i = hash_of(known, server, kind) & mask;
	for (;; i = (i + 1) & mask) {
		if (known->slots[i] == NONE)
			return i;
		const struct nr_flow_known_entry *e = &known->entries[known->slots[i]].known;
		if (e->kind == kind && is_server(&e->server, server))
			return i;
	}
}

static int grow_slots(struct nr_flow_known *known, struct nr_error *error)
{
	size_t old_count = known->slot_count;
	uint32_t *old = known->slots;
	size_t count = old_count ? old_count * 2 : SLOTS_FIRST;
	uint32_t *slots = malloc(count * sizeof *slots);
	if (!slots)
		return nr_fail(error, -ENOMEM, "out of memory");
	memset(slots, 0xff, count * sizeof *slots);
	known->slots = slots;
	known->slot_count = count;
	for (size_t i = 0; i < old_count; i++) {
		if (old[i] == NONE)
			continue;
		const struct nr_flow_known_entry *e = &known->entries[old[i]].known;
		slots[slot_of(known, &e->server, e->kind)] = old[i];
	}
	free(old);
	return 0;
}

static int grow_entries(struct nr_flow_known *known, struct nr_error *error)
{
	size_t room = known->room ? known->room * 2 : 64;
	struct entry *entries = realloc(known->entries, room * sizeof *entries);
	if (!entries)
		return nr_fail(error, -ENOMEM, "out of memory");
	known->entries = entries;
	known->room = room;
	return 0;
}

/* A person who says something new takes back what was said before. */
static bool is_of_person(enum nr_flow_known_kind kind)
{
	return kind == NR_FLOW_KNOWN_CONFIRMED || kind == NR_FLOW_KNOWN_BENIGN;
}

void nr_flow_known_forget(struct nr_flow_known *known, const struct nr_flow_server *server)
{
	for (unsigned kind = 0; known->slot_count && kind < NR_FLOW_KNOWN_KINDS; kind++) {
		if (!is_of_person(kind))
			continue;
		for (uint32_t i = known->slots[slot_of(known, server, kind)]; i != NONE;
			i = known->entries[i].next) {
			struct nr_flow_known_entry *e = &known->entries[i].known;
			known->counts[kind] -= e->until != NR_TIME_MIN;
			e->until = NR_TIME_MIN;
		}
	}
}

/* Who can make all bits set can list all addresses. */
static uint32_t may_bit(const struct nr_address *address)
{
	uint64_t high, low;
	memcpy(&high, address->octets, 8);
	memcpy(&low, address->octets + 8, 8);
	return (uint32_t)(((high ^ low) * UINT64_C(0x9e3779b97f4a7c15)) >> 46);
}

bool nr_flow_known_may(const struct nr_flow_known *known, const struct nr_address *address)
{
	uint32_t bit = may_bit(address);
	return known->may[bit / 64] >> (bit % 64) & 1;
}

int nr_flow_known_add(
	struct nr_flow_known *known, const struct nr_flow_known_entry *entry, struct nr_error *error)
{
	if (known->count == NR_FLOW_KNOWN_MAX)
		return nr_fail(error, -ENOSPC, "more than %u entries are known; shorten the lists",
			NR_FLOW_KNOWN_MAX);
	int e = known->count == known->room ? grow_entries(known, error) : 0;
	if (!e && (known->used + 1) * 2 > known->slot_count)
		e = grow_slots(known, error);
	if (e)
		return e;
	if (is_of_person(entry->kind))
		nr_flow_known_forget(known, &entry->server);
	size_t slot = slot_of(known, &entry->server, entry->kind);
	uint32_t at = (uint32_t)known->count++, head = known->slots[slot];
	known->entries[at] = (struct entry){*entry, head};
	known->entries[at].known.source[sizeof entry->source - 1] = 0;
	known->slots[slot] = at;
	known->used += head == NONE;
	known->counts[entry->kind]++;
	if (entry->kind == NR_FLOW_KNOWN_C2 || entry->kind == NR_FLOW_KNOWN_CONFIRMED) {
		uint32_t bit = may_bit(&entry->server.address);
		known->may[bit / 64] |= UINT64_C(1) << (bit % 64);
	}
	return 0;
}

/* ---- questions ---- */

static const struct nr_flow_known_entry *stronger(const struct nr_flow_known *known,
	enum nr_flow_known_kind kind, const struct nr_flow_server *server, nr_time at,
	const struct nr_flow_known_entry *best)
{
	for (uint32_t i = known->slots[slot_of(known, server, kind)]; i != NONE; i = known->entries[i].next) {
		const struct nr_flow_known_entry *e = &known->entries[i].known;
		if (at < e->from || at > e->until || e->until == NR_TIME_MIN)
			continue;
		if (!best || e->weight > best->weight)
			best = e;
	}
	return best;
}

const struct nr_flow_known_entry *nr_flow_known_find(const struct nr_flow_known *known,
	enum nr_flow_known_kind kind, const struct nr_flow_server *server, nr_time at)
{
	if (!known || !known->slot_count || !known->counts[kind])
		return NULL;
	struct nr_flow_server any = *server;
	const struct nr_flow_known_entry *best = stronger(known, kind, &any, at, NULL);
	if (any.protocol) {
		any.protocol = 0;
		best = stronger(known, kind, &any, at, best);
	}
	if (any.port) {
		any.port = 0;
		best = stronger(known, kind, &any, at, best);
		if (server->protocol) {
			any.protocol = server->protocol;
			best = stronger(known, kind, &any, at, best);
		}
	}
	return best;
}

size_t nr_flow_known_count(const struct nr_flow_known *known, enum nr_flow_known_kind kind)
{
	return known ? known->counts[kind] : 0;
}
