/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/flowtuple.h"
#include "base/hash.h"
#include "sense/telescope/rules.h"
#include "wire/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define CAPACITY_FIRST 4096
#define FLAG_PSH       0x08
#define FLAG_URG       0x20

/* ---- corsaro's bits: libcorsaro_filtering.c, read as of 2024-02-19 ---- */

/* What its filters look at. tcp: NULL where the header of 20 bytes is not there. */
struct view {
	const uint8_t *ip, *tcp;
	const struct nr_packet *packet;
	size_t captured; /* behind the IP header */
};

/* Flag combinations that it takes for normal; RST with ACK is not among them. */
static bool is_abnormal(const struct view *v)
{
	static const uint8_t normal[] = {NR_TCP_SYN, NR_TCP_ACK, NR_TCP_RST, NR_TCP_FIN,
		NR_TCP_SYN | NR_TCP_FIN, NR_TCP_SYN | NR_TCP_ACK, NR_TCP_FIN | NR_TCP_ACK,
		NR_TCP_ACK | FLAG_PSH, NR_TCP_FIN | NR_TCP_ACK | FLAG_PSH};
	uint8_t protocol = v->packet->protocol;
	if (protocol == NR_ICMP || protocol == NR_UDP || protocol == 41)
		return false;
	if (protocol != NR_TCP)
		return true;
	if (!v->tcp || v->captured < (size_t)(v->tcp[12] >> 4) * 4)
		return false; /* it cannot tell, and then does not say so */
	for (size_t i = 0; i < NR_COUNT(normal); i++)
		if ((v->tcp[13] & NR_TCP_MASK) == normal[i])
			return false;
	return true;
}

static bool is_ttl_200(const struct view *v)
{
	return v->packet->protocol != NR_ICMP && v->packet->ttl >= NR_TTL_STATELESS;
}

static bool is_masscan_syn(const struct view *v)
{
	return v->tcp && (v->tcp[13] & (NR_TCP_SYN | NR_TCP_ACK)) == NR_TCP_SYN && v->tcp[12] >> 4 == 5 &&
	       nr_u16_at(v->tcp + 14) == NR_MASSCAN_WINDOW;
}

static bool has_odd_port(const struct view *v)
{
	const struct nr_packet *p = v->packet;
	if (!(p->marks & NR_MARK_PORTS) || (p->protocol != NR_TCP && p->protocol != NR_UDP))
		return false;
	return p->source_port == 0 || p->destination_port == 0 ||
	       (p->protocol == NR_UDP && p->destination_port == 80);
}

static bool is_spoofed(const struct view *v)
{
	uint8_t last = v->ip[15];
	bool fragmented = nr_u16_at(v->ip + 6) & 0x9fff; /* offset, or the reserved bit */
	return is_abnormal(v) || (is_ttl_200(v) && !is_masscan_syn(v)) || fragmented || last == 0 ||
	       last == 255 || memcmp(v->ip + 12, v->ip + 16, 4) == 0 || has_odd_port(v);
}

bool nr_flowtuple_of(const struct nr_located *in, struct nr_flowtuple *ret)
{
	const struct nr_packet *p = &in->packet;
	if (p->kind != NR_PACKET_IPV4)
		return false;
	struct view v = {in->ip, NULL, p, in->transport.captured};
	if (p->protocol == NR_TCP && !(p->marks & NR_MARK_FRAGMENT_LATER) && v.captured >= NR_TCP_HEADER)
		v.tcp = in->transport.bytes;
	memset(ret, 0, sizeof *ret); /* padding takes part in nothing, but tests compare whole structs */
	ret->source = nr_address_ipv4(&p->source);
	ret->destination = nr_address_ipv4(&p->destination);
	if (p->marks & NR_MARK_PORTS) {
		ret->source_port = p->source_port;
		ret->destination_port = p->destination_port;
	}
	ret->ip_length = nr_u16_at(in->ip + 2);
	ret->protocol = p->protocol;
	ret->ttl = p->ttl;
	if (v.tcp) {
		ret->tcp_flags = v.tcp[13];
		if (v.tcp[13] == NR_TCP_SYN) {
			ret->syn_length = (uint16_t)((v.tcp[12] >> 4) * 4);
			ret->syn_window = nr_u16_at(v.tcp + 14);
		}
	}
	ret->spoofed = is_spoofed(&v);
	ret->masscan = is_ttl_200(&v) && is_masscan_syn(&v);
	ret->packets = 1;
	return true;
}

/* ---- the set ---- */

int nr_flowtuples_init(struct nr_flowtuples *tuples, uint64_t memory_bytes, struct nr_error *error)
{
	*tuples = (struct nr_flowtuples){0};
	/* the set and its double while it grows */
	tuples->limit = (size_t)(memory_bytes / (3 * sizeof *tuples->slots));
	if (getrandom(tuples->key, sizeof tuples->key, 0) != sizeof tuples->key)
		return nr_fail(error, -errno, "random numbers: %s", strerror(errno));
	return 0;
}

void nr_flowtuples_fini(struct nr_flowtuples *tuples)
{
	free(tuples->slots);
	*tuples = (struct nr_flowtuples){0};
}

struct key {
	uint32_t source, destination;
	uint16_t source_port, destination_port, ip_length;
	uint8_t protocol, ttl, tcp_flags, zero[3];
};

static struct key key_of(const struct nr_flowtuple *t)
{
	return (struct key){t->source, t->destination, t->source_port, t->destination_port, t->ip_length,
		t->protocol, t->ttl, t->tcp_flags, {0}};
}

static struct nr_flowtuple *find(const struct nr_flowtuples *tuples, const struct nr_flowtuple *tuple)
{
	const struct key key = key_of(tuple);
	uint64_t hash = nr_siphash(&key, sizeof key, tuples->key[0], tuples->key[1]);
	for (size_t i = hash & (tuples->capacity - 1);; i = (i + 1) & (tuples->capacity - 1)) {
		struct nr_flowtuple *slot = &tuples->slots[i];
		if (!slot->packets)
			return slot;
		const struct key there = key_of(slot);
		if (memcmp(&there, &key, sizeof key) == 0)
			return slot;
	}
}

static int grow(struct nr_flowtuples *tuples, struct nr_error *error)
{
	struct nr_flowtuples larger = *tuples;
	larger.capacity = tuples->capacity ? tuples->capacity * 2 : CAPACITY_FIRST;
	if (larger.capacity > tuples->limit && tuples->capacity)
		return -ENOSPC;
	larger.slots = calloc(larger.capacity, sizeof *larger.slots);
	if (!larger.slots)
		return nr_fail(
			error, -ENOMEM, "flow tuples: out of memory; give a smaller --memory or --interval");
	for (size_t i = 0; i < tuples->capacity; i++)
		if (tuples->slots[i].packets)
			*find(&larger, &tuples->slots[i]) = tuples->slots[i];
	free(tuples->slots);
	*tuples = larger;
	return 0;
}

int nr_flowtuples_add(struct nr_flowtuples *tuples, const struct nr_flowtuple *tuple, struct nr_error *error)
{
	if (tuples->used * 4 >= tuples->capacity * 3) {
		int e = grow(tuples, error);
		if (e)
			return e;
	}
	struct nr_flowtuple *slot = find(tuples, tuple);
	if (slot->packets) {
		slot->packets += tuple->packets;
		return 0;
	}
	*slot = *tuple;
	tuples->used++;
	return 0;
}

#define COMPARE(field)                                                                                       \
	if (a->field != b->field)                                                                            \
		return a->field < b->field ? -1 : 1;

static int compare(const void *left, const void *right)
{
	const struct nr_flowtuple *a = left, *b = right;
	COMPARE(protocol)
	COMPARE(ttl)
	COMPARE(tcp_flags)
	COMPARE(source)
	COMPARE(destination)
	COMPARE(source_port)
	COMPARE(destination_port)
	COMPARE(ip_length)
	return 0;
}

size_t nr_flowtuples_sort(struct nr_flowtuples *tuples, struct nr_flowtuple **ret_tuples)
{
	size_t used = 0;
	for (size_t i = 0; i < tuples->capacity; i++)
		if (tuples->slots[i].packets)
			tuples->slots[used++] = tuples->slots[i];
	if (used)
		qsort(tuples->slots, used, sizeof *tuples->slots, compare);
	*ret_tuples = tuples->slots;
	return used;
}

void nr_flowtuples_clear(struct nr_flowtuples *tuples)
{
	if (tuples->slots)
		memset(tuples->slots, 0, tuples->capacity * sizeof *tuples->slots);
	tuples->used = 0;
}
