/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/own.h"
#include "base/pages.h"

#include <string.h>
#include <sys/random.h>

#define NR_OWN_START 64

const char *const nr_own_kind_names[NR_OWN_KIND_COUNT] = {
	"infected-host", "attacked-host", "misconfigured-host"};

static struct nr_own_host *slot_of(struct nr_own_host *slots, size_t capacity, uint64_t key,
	const struct nr_address *address, uint8_t kind)
{
	uint64_t a, b;
	memcpy(&a, address->octets, 8);
	memcpy(&b, address->octets + 8, 8);
	uint64_t h = (a ^ key) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 32 ^ b ^ kind) * key;
	for (size_t i = (size_t)(((h >> 32) * capacity) >> 32);;) {
		struct nr_own_host *s = &slots[i];
		if (!s->packets || (s->kind == kind && nr_address_equal(&s->address, address)))
			return s;
		if (++i == capacity)
			i = 0;
	}
}

void nr_own_fini(struct nr_own *own)
{
	nr_pages_unmap(own->area, own->slots, own->capacity * sizeof *own->slots);
	*own = (struct nr_own){0};
}

static bool make_room(struct nr_own *own)
{
	if (own->used * 2 < own->capacity)
		return true;
	if (own->capacity > (own->limit ? own->limit : NR_OWN_MAX))
		return false;
	if (!own->key && getrandom(&own->key, sizeof own->key, 0) != sizeof own->key)
		return false;
	own->key |= 1;
	size_t capacity = own->capacity ? own->capacity * 2 : NR_OWN_START;
	void *pages = NULL;
	if (nr_pages_resize(own->area, &pages, 0, capacity * sizeof(struct nr_own_host), NULL))
		return false;
	struct nr_own_host *slots = pages;
	for (size_t i = 0; i < own->capacity; i++)
		if (own->slots[i].packets)
			*slot_of(slots, capacity, own->key, &own->slots[i].address, own->slots[i].kind) =
				own->slots[i];
	void *old = own->slots;
	size_t old_bytes = own->capacity * sizeof *own->slots;
	own->slots = slots;
	own->capacity = capacity;
	nr_pages_unmap(own->area, old, old_bytes);
	return true;
}

static void add_port(struct nr_own_host *host, uint8_t protocol, uint16_t port)
{
	for (size_t i = 0; i < host->port_count; i++)
		if (host->ports[i].protocol == protocol && host->ports[i].port == port) {
			host->ports[i].packets++;
			return;
		}
	if (host->port_count == NR_OWN_PORTS)
		return;
	host->ports[host->port_count].protocol = protocol;
	host->ports[host->port_count].port = port;
	host->ports[host->port_count].packets = 1;
	host->port_count++;
}

/* The host's entry, made from its first packet where there is none; NULL: no room for a new one. */
static struct nr_own_host *entry_of(struct nr_own *own, const struct nr_packet *packet, enum nr_own_kind kind)
{
	struct nr_own_host *host = NULL;
	if (own->capacity)
		host = slot_of(own->slots, own->capacity, own->key, &packet->source, (uint8_t)kind);
	if (host && host->packets)
		return host;
	if (!make_room(own))
		return NULL;
	host = slot_of(own->slots, own->capacity, own->key, &packet->source, (uint8_t)kind);
	*host = (struct nr_own_host){
		.address = packet->source,
		.kind = (uint8_t)kind,
		.protocol = packet->protocol,
		.ttl_min = packet->ttl,
		.ttl_max = packet->ttl,
		.first = packet->time,
		.last = packet->time,
		.sample = *packet,
	};
	own->used++;
	return host;
}

void nr_own_observe(struct nr_own *own, const struct nr_packet *packet, bool backscatter)
{
	enum nr_own_kind kind = backscatter ? NR_OWN_ATTACKED : NR_OWN_INFECTED;
	if (packet->marks & NR_MARK_MISCONFIGURED)
		kind = NR_OWN_MISCONFIGURED;
	struct nr_own_host *host = entry_of(own, packet, kind);
	if (!host) {
		own->beyond++;
		return;
	}
	own->packets++;
	host->packets++;
	if (!host->told) /* first is part of a finding's key */
		host->first = NR_MIN(host->first, packet->time);
	host->last = NR_MAX(host->last, packet->time);
	host->ttl_min = NR_MIN(host->ttl_min, packet->ttl);
	host->ttl_max = NR_MAX(host->ttl_max, packet->ttl);
	if (packet->marks & NR_MARK_PORTS)
		add_port(host, packet->protocol,
			kind == NR_OWN_ATTACKED ? packet->source_port : packet->destination_port);
}
