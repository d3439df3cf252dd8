/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/hitters.h"
#include "base/pages.h"
#include "sense/telescope/entry.h"

#include <math.h>
#include <string.h>

#define NR_COUNTERS(bytes) ((size_t)((bytes) / 1024))
#define NR_BUCKETS(bytes)  ((size_t)((bytes) / 128 / sizeof(struct nr_event) / NR_EVENT_WAYS))
#define NR_SKETCHES(bytes) ((size_t)((bytes) / 512 / sizeof(struct nr_hll)))
#define NR_ENDED(bytes)    ((size_t)((bytes) / 1024 / sizeof(struct nr_event_end)))

static size_t power_of_two(size_t most)
{
	size_t n = 16;
	while (n * 2 <= most)
		n *= 2;
	return n;
}

static int make(struct nr_area *area, void **pages, size_t count, size_t size, struct nr_error *error)
{
	return nr_pages_resize(area, pages, 0, count * size, error);
}

int nr_hitters_init(struct nr_hitters *h, struct nr_area *area, uint64_t memory_bytes,
	uint64_t dark_addresses, struct nr_error *error)
{
	*h = (struct nr_hitters){.area = area};
	h->counter_count = power_of_two(NR_COUNTERS(memory_bytes));
	h->bucket_count = power_of_two(NR_BUCKETS(memory_bytes));
	h->sketch_count = power_of_two(NR_SKETCHES(memory_bytes));
	h->ended_room = power_of_two(NR_ENDED(memory_bytes));
	h->scale = dark_addresses ? 4294967296.0 / (double)dark_addresses : 0;
	int e = make(area, (void **)&h->counters, h->counter_count, sizeof *h->counters, error);
	if (!e)
		e = make(area, (void **)&h->buckets, h->bucket_count, sizeof *h->buckets, error);
	if (!e)
		e = make(
			area, (void **)&h->events, h->bucket_count * NR_EVENT_WAYS, sizeof *h->events, error);
	if (!e)
		e = make(area, (void **)&h->sketches, h->sketch_count, sizeof *h->sketches, error);
	if (!e)
		e = make(area, (void **)&h->free_sketches, h->sketch_count, sizeof *h->free_sketches, error);
	if (!e)
		e = make(area, (void **)&h->ended, h->ended_room, sizeof *h->ended, error);
	if (e) {
		nr_hitters_fini(h);
		return e;
	}
	while (h->free_count < h->sketch_count) {
		h->free_sketches[h->free_count] = (uint32_t)h->free_count;
		h->free_count++;
	}
	return 0;
}

void nr_hitters_fini(struct nr_hitters *h)
{
	nr_pages_unmap(h->area, h->counters, h->counter_count * sizeof *h->counters);
	nr_pages_unmap(h->area, h->buckets, h->bucket_count * sizeof *h->buckets);
	nr_pages_unmap(h->area, h->events, h->bucket_count * NR_EVENT_WAYS * sizeof *h->events);
	nr_pages_unmap(h->area, h->sketches, h->sketch_count * sizeof *h->sketches);
	nr_pages_unmap(h->area, h->free_sketches, h->sketch_count * sizeof *h->free_sketches);
	nr_pages_unmap(h->area, h->ended, h->ended_room * sizeof *h->ended);
	*h = (struct nr_hitters){0};
}

void nr_hitters_forget(struct nr_hitters *h)
{
	memset(h->counters, 0, h->counter_count * sizeof *h->counters);
}

/* ---- traffic types ---- */

static enum nr_event_type icmp_type_of(const struct nr_packet *p)
{
	static const struct {
		uint8_t icmp, type;
	} types[] = {{8, NR_EVENT_ECHO_REQUEST}, {0, NR_EVENT_ECHO_REPLY}, {3, NR_EVENT_UNREACHABLE},
		{4, NR_EVENT_SOURCE_QUENCH}, {5, NR_EVENT_REDIRECT}, {11, NR_EVENT_TIME_EXCEEDED},
		{12, NR_EVENT_PARAMETER_PROBLEM}, {14, NR_EVENT_TIMESTAMP_REPLY},
		{16, NR_EVENT_INFORMATION_REPLY}, {18, NR_EVENT_MASK_REPLY}};
	for (size_t i = 0; (p->marks & NR_MARK_PORTS) && i < NR_COUNT(types); i++)
		if (types[i].icmp == p->source_port)
			return types[i].type;
	return NR_EVENT_ICMP_OTHER;
}

static enum nr_event_type tcp_type_of(const struct nr_packet *p, bool *ret_answer)
{
	const unsigned push = 0x08, urgent = 0x20;
	unsigned flags = p->marks & NR_MARK_FLAGS ? p->flags & NR_TCP_MASK & ~urgent : 0;
	*ret_answer = false;
	if (flags == NR_TCP_SYN)
		return NR_EVENT_TCP_SYN;
	*ret_answer = true;
	if (flags & NR_TCP_RST && !(flags & NR_TCP_SYN))
		return NR_EVENT_TCP_RST;
	if (flags == (NR_TCP_SYN | NR_TCP_ACK))
		return NR_EVENT_TCP_SYN_ACK;
	*ret_answer = flags & NR_TCP_ACK && flags & (push | NR_TCP_FIN) && !(flags & NR_TCP_SYN);
	if (flags & NR_TCP_ACK && !(flags & NR_TCP_SYN))
		return NR_EVENT_TCP_ACK;
	return NR_EVENT_TCP_OTHER;
}

enum nr_event_type nr_event_type_of(const struct nr_packet *p, uint16_t *ret_port)
{
	bool answer = false;
	enum nr_event_type type = NR_EVENT_UNKNOWN;
	*ret_port = 0;
	if (p->protocol == NR_ICMP)
		return icmp_type_of(p);
	if (p->protocol == NR_TCP)
		type = tcp_type_of(p, &answer);
	else if (p->protocol == NR_UDP)
		type = NR_EVENT_UDP;
	if (type != NR_EVENT_UNKNOWN && p->marks & NR_MARK_PORTS)
		*ret_port = answer ? p->source_port : p->destination_port;
	return type;
}

/* ---- destinations ---- */

static void set_bit(struct nr_event *v, uint32_t destination)
{
	uint64_t bit = nr_hll_hash(destination) >> 20 & (NR_EVENT_BITS - 1);
	v->destinations.bits[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static unsigned bits_set(const struct nr_event *v)
{
	unsigned set = 0;
	for (size_t i = 0; i < NR_COUNT(v->destinations.bits); i++)
		set += (unsigned)__builtin_popcountll(v->destinations.bits[i]);
	return set;
}

static void list_to_bits(struct nr_event *v)
{
	uint32_t list[NR_EVENT_LISTED];
	memcpy(list, v->destinations.list, sizeof list);
	memset(&v->destinations, 0, sizeof v->destinations);
	for (size_t i = 0; i < NR_EVENT_LISTED; i++)
		set_bit(v, list[i]);
	v->listed = NR_EVENT_LISTED + 1;
}

/* Linear counting (Whang et al. 1990) and its error. */
static double linear_count(unsigned set, double *ret_error)
{
	double zero = NR_MAX(NR_EVENT_BITS - (double)set, 1.0), m = NR_EVENT_BITS;
	double n = -m * log(zero / m), load = n / m;
	*ret_error = sqrt(m * (exp(load) - load - 1)) / n;
	return n;
}

/* The sketch starts with what the bits say: from here on both are filled, and the larger count stands. */
static void take_sketch(struct nr_hitters *h, struct nr_event *v)
{
	if (v->sketch || !h->free_count)
		return;
	v->sketch = h->free_sketches[--h->free_count] + 1;
	memset(&h->sketches[v->sketch - 1], 0, sizeof *h->sketches);
}

static void add_destination(struct nr_hitters *h, struct nr_event *v, uint32_t destination)
{
	if (v->listed <= NR_EVENT_LISTED) {
		for (size_t i = 0; i < v->listed; i++)
			if (v->destinations.list[i] == destination)
				return;
		if (v->listed < NR_EVENT_LISTED) {
			v->destinations.list[v->listed++] = destination;
			return;
		}
		list_to_bits(v);
	}
	set_bit(v, destination);
	if (v->sketch)
		nr_hll_add(&h->sketches[v->sketch - 1], nr_hll_hash(destination));
	else if (v->packets >= NR_EVENT_BITS / 2 && v->packets % 64 == 0 &&
		 bits_set(v) >= (unsigned)(NR_EVENT_BITS_FULL * NR_EVENT_BITS))
		take_sketch(h, v);
}

static uint32_t count_destinations(const struct nr_hitters *h, const struct nr_event *v, double *ret_error)
{
	*ret_error = 0;
	if (v->listed <= NR_EVENT_LISTED)
		return v->listed;
	double n = linear_count(bits_set(v), ret_error);
	double sketched = v->sketch ? nr_hll_count(&h->sketches[v->sketch - 1]) : 0;
	if (sketched > n) {
		n = sketched;
		*ret_error = NR_HLL_ERROR;
	}
	return (uint32_t)NR_MIN(n + 0.5, (double)v->packets);
}

/* ---- the table ---- */

double nr_event_rate(const struct nr_hitters *h, uint32_t packets, nr_time first, nr_time last)
{
	double seconds = NR_MAX((double)(last - first) / NR_SECOND, 1.0);
	return packets * h->scale / seconds;
}

/* Keeps what is an event, and frees its place. */
static void end_event(struct nr_hitters *h, size_t at)
{
	struct nr_event *v = &h->events[at];
	double error;
	uint32_t destinations = count_destinations(h, v, &error);
	bool fast = h->scale <= 0 || nr_event_rate(h, v->packets, v->first, v->last) >= NR_EVENT_RATE;
	if (destinations >= NR_EVENT_DESTINATIONS && fast) {
		if (h->ended_count < h->ended_room)
			h->ended[h->ended_count++] = (struct nr_event_end){v->first, v->last, v->bytes,
				v->source, v->packets, destinations, v->port, v->type, (float)error};
		else
			h->beyond++;
	}
	/* a process that ends right here leaks a sketch, or frees it twice: never more than there are */
	uint32_t sketch = v->sketch;
	v->sketch = 0;
	if (sketch && sketch <= h->sketch_count && h->free_count < h->sketch_count)
		h->free_sketches[h->free_count++] = sketch - 1;
	h->buckets[at / NR_EVENT_WAYS].tags[at % NR_EVENT_WAYS] = 0;
}

/* A place in the bucket: free, idle, or that of the event with the fewest packets. */
static size_t make_place(struct nr_hitters *h, size_t bucket, nr_time now)
{
	size_t least = bucket * NR_EVENT_WAYS;
	for (size_t way = 0; way < NR_EVENT_WAYS; way++) {
		size_t at = bucket * NR_EVENT_WAYS + way;
		if (!h->buckets[bucket].tags[way])
			return at;
		if (now - h->events[at].last > NR_EVENT_IDLE) {
			end_event(h, at);
			return at;
		}
		if (h->events[at].packets < h->events[least].packets)
			least = at;
	}
	h->pushed_out += h->events[least].packets >= NR_EVENT_DESTINATIONS;
	end_event(h, least);
	return least;
}

struct key {
	uint64_t hash;
	uint32_t source, tag;
	uint16_t port;
	uint8_t type;
};

static struct key key_of(const struct nr_packet *p)
{
	struct key k = {0};
	k.source = nr_address_low(&p->source);
	k.type = (uint8_t)nr_event_type_of(p, &k.port);
	k.hash = nr_hll_hash((uint64_t)k.source << 24 | (uint64_t)k.port << 8 | k.type);
	k.tag = (uint32_t)k.hash | 1;
	return k;
}

static struct nr_event *find_or_start(struct nr_hitters *h, const struct key *k, nr_time now)
{
	size_t bucket = (size_t)(k->hash >> 32) & (h->bucket_count - 1);
	for (size_t way = 0; way < NR_EVENT_WAYS; way++) {
		struct nr_event *v = &h->events[bucket * NR_EVENT_WAYS + way];
		if (h->buckets[bucket].tags[way] != k->tag || v->source != k->source || v->port != k->port ||
			v->type != k->type)
			continue;
		if (now - v->last <= NR_EVENT_IDLE)
			return v;
		end_event(h, bucket * NR_EVENT_WAYS + way);
		break;
	}
	size_t at = make_place(h, bucket, now);
	struct nr_event *v = &h->events[at];
	*v = (struct nr_event){
		.source = k->source, .port = k->port, .type = k->type, .first = now, .last = now};
	h->buckets[bucket].tags[at % NR_EVENT_WAYS] = k->tag;
	return v;
}

/* ---- packets ---- */

#define NR_PENDING 32

struct pending {
	const struct nr_packet *packets[NR_PENDING];
	struct key keys[NR_PENDING];
	size_t count;
};

static void take_pending(struct nr_hitters *h, struct pending *q)
{
	for (size_t i = 0; i < q->count; i++) {
		const struct nr_packet *p = q->packets[i];
		struct nr_event *v = find_or_start(h, &q->keys[i], p->time);
		v->packets += v->packets != UINT32_MAX;
		v->bytes += p->wire;
		v->first = NR_MIN(v->first, p->time);
		v->last = NR_MAX(v->last, p->time);
		add_destination(h, v, nr_address_low(&p->destination));
	}
	q->count = 0;
}

void nr_hitters_observe(struct nr_hitters *h, const struct nr_batch *batch)
{
	struct pending q = {.count = 0};
	const uint64_t mask = h->counter_count - 1;
	for (size_t i = 0; i < batch->count; i++) {
		const struct nr_packet *p = &batch->packets[i];
		bool answer = p->protocol == NR_UDP && p->marks & NR_MARK_ANSWER;
		if (NR_UNLIKELY(p->kind != NR_PACKET_IPV4 || answer))
			continue;
		uint64_t source = nr_address_low(&p->source);
		uint8_t *counter = &h->counters[(source * 0x9e3779b97f4a7c15u >> 24) & mask];
		if (*counter < NR_EVENT_CANDIDATE - 1) {
			++*counter;
			continue;
		}
		q.packets[q.count] = p;
		q.keys[q.count] = key_of(p);
		size_t bucket = (size_t)(q.keys[q.count].hash >> 32) & (h->bucket_count - 1);
		__builtin_prefetch(&h->buckets[bucket]);
		if (++q.count == NR_PENDING)
			take_pending(h, &q);
	}
	take_pending(h, &q);
}

void nr_hitters_expire(struct nr_hitters *h, nr_time now)
{
	for (size_t bucket = 0; bucket < h->bucket_count; bucket++)
		for (size_t way = 0; way < NR_EVENT_WAYS; way++) {
			size_t at = bucket * NR_EVENT_WAYS + way;
			if (h->buckets[bucket].tags[way] &&
				(now == NR_TIME_MAX || now - h->events[at].last > NR_EVENT_IDLE))
				end_event(h, at);
		}
}
