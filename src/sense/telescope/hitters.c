/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/hitters.h"
#include "base/pages.h"
#include "sense/telescope/entry.h"

#include <math.h>
#include <string.h>

#define NR_COUNTERS(bytes) ((size_t)((bytes) / 1024))
#define NR_LINES(bytes)    ((size_t)((bytes) / 1024 / sizeof(struct nr_candidate_line)))
#define NR_BUCKETS(bytes)  ((size_t)((bytes) / 128 / 128 / NR_EVENT_WAYS)) /* some 128 bytes an event */
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

nr_time nr_event_idle(uint64_t dark_addresses)
{
	if (!dark_addresses || dark_addresses >= NR_EVENT_IDLE_DARK)
		return NR_EVENT_IDLE;
	return NR_MIN(NR_EVENT_IDLE * NR_EVENT_IDLE_DARK / (nr_time)dark_addresses, NR_EVENT_IDLE_MOST);
}

int nr_hitters_init(struct nr_hitters *h, struct nr_area *area, uint64_t memory_bytes,
	uint64_t dark_addresses, struct nr_error *error)
{
	*h = (struct nr_hitters){.area = area};
	h->line_count = power_of_two(NR_LINES(memory_bytes));
	h->counter_count = power_of_two(NR_COUNTERS(memory_bytes));
	h->bucket_count = power_of_two(NR_BUCKETS(memory_bytes));
	h->sketch_count = power_of_two(NR_SKETCHES(memory_bytes));
	h->ended_room = power_of_two(NR_ENDED(memory_bytes));
	h->idle = nr_event_idle(dark_addresses);
	h->scale = dark_addresses ? 4294967296.0 / (double)dark_addresses : 0;
	int e = make(area, (void **)&h->counters, h->counter_count, sizeof *h->counters, error);
	if (!e)
		e = make(area, (void **)&h->lines, h->line_count, sizeof *h->lines, error);
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
	nr_pages_unmap(h->area, h->lines, h->line_count * sizeof *h->lines);
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
	memset(h->lines, 0, h->line_count * sizeof *h->lines);
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

static void add_destination(struct nr_hitters *h, struct nr_event *v, uint32_t destination, uint32_t packets)
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
	else if (packets >= NR_EVENT_BITS / 2 && packets % 64 == 0 &&
		 bits_set(v) >= (unsigned)(NR_EVENT_BITS_FULL * NR_EVENT_BITS))
		take_sketch(h, v);
}

static uint32_t count_destinations(
	const struct nr_hitters *h, const struct nr_event *v, uint32_t packets, double *ret_error)
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
	return (uint32_t)NR_MIN(n + 0.5, (double)packets);
}

/* ---- the table ---- */

static struct nr_event *event_at(const struct nr_hitters *h, const struct nr_event_bucket *b, unsigned way)
{
	return &h->events[(size_t)(b - h->buckets) * NR_EVENT_WAYS + way];
}

double nr_event_rate(const struct nr_hitters *h, uint32_t packets, nr_time first, nr_time last)
{
	double seconds = NR_MAX((double)(last - first) / NR_SECOND, 1.0);
	return packets * h->scale / seconds;
}

static void keep_event(struct nr_hitters *h, const struct nr_event *v, uint32_t packets, nr_time last)
{
	double error;
	uint32_t destinations = count_destinations(h, v, packets, &error);
	bool fast = h->scale <= 0 || nr_event_rate(h, packets, v->first, last) >= NR_EVENT_RATE;
	if (destinations < NR_EVENT_DESTINATIONS || !fast)
		return;
	if (h->ended_count < h->ended_room)
		h->ended[h->ended_count++] = (struct nr_event_end){v->first, last, v->bytes, v->source,
			packets, destinations, v->port, v->type, (float)error};
	else
		h->beyond++;
}

/* Keeps what is an event, and frees its place. Most that are pushed out have few packets: too few for so many
 * destinations, and for a sketch. They are not even looked at. */
static void end_event(struct nr_hitters *h, struct nr_event_bucket *b, unsigned way)
{
	if (b->packets[way] >= NR_EVENT_DESTINATIONS) {
		struct nr_event *v = event_at(h, b, way);
		keep_event(h, v, b->packets[way], b->last[way]);
		/* a process that ends right here leaks a sketch, or frees it twice: never more than there are
		 */
		uint32_t sketch = v->sketch;
		v->sketch = 0;
		if (sketch && sketch <= h->sketch_count && h->free_count < h->sketch_count)
			h->free_sketches[h->free_count++] = sketch - 1;
	}
	b->tags[way] = 0;
}

/* A place in the bucket: free, idle, or that of the event with the fewest packets. */
static unsigned make_place(struct nr_hitters *h, struct nr_event_bucket *b, nr_time now)
{
	unsigned least = 0;
	for (unsigned way = 0; way < NR_EVENT_WAYS; way++) {
		if (!b->tags[way])
			return way;
		if (now - b->last[way] > h->idle) {
			end_event(h, b, way);
			return way;
		}
		if (b->packets[way] < b->packets[least])
			least = way;
	}
	h->pushed_out += b->packets[least] >= NR_EVENT_DESTINATIONS;
	end_event(h, b, least);
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

static struct nr_event_bucket *bucket_of(const struct nr_hitters *h, const struct key *k)
{
	return &h->buckets[(k->hash >> 32) & (h->bucket_count - 1)];
}

/* The way of the key's event. */
static unsigned find_or_start(
	struct nr_hitters *h, struct nr_event_bucket *b, const struct key *k, nr_time now)
{
	for (unsigned way = 0; way < NR_EVENT_WAYS; way++) {
		if (b->tags[way] != k->tag)
			continue;
		const struct nr_event *v = event_at(h, b, way);
		if (v->source != k->source || v->port != k->port || v->type != k->type)
			continue;
		if (now - b->last[way] <= h->idle)
			return way;
		end_event(h, b, way);
		break;
	}
	unsigned way = make_place(h, b, now);
	struct nr_event *v = event_at(h, b, way);
	v->source = k->source;
	v->port = k->port;
	v->type = k->type;
	v->listed = 0;
	v->first = now;
	v->bytes = 0;
	v->sketch = 0;
	b->packets[way] = 0;
	b->last[way] = now;
	b->tags[way] = k->tag;
	return way;
}

/* ---- packets ---- */

#define NR_PENDING 32 /* packets whose memory is fetched before it is used */

struct pending {
	const struct nr_packet *packets[NR_PENDING];
	struct key keys[NR_PENDING];
	size_t count;
};

/* The buckets have been fetched: so are the events that they name. */
static void fetch_events(const struct nr_hitters *h, const struct pending *q)
{
	for (size_t i = 0; i < q->count; i++) {
		const struct nr_event_bucket *b = bucket_of(h, &q->keys[i]);
		for (unsigned way = 0; way < NR_EVENT_WAYS; way++)
			if (b->tags[way] == q->keys[i].tag)
				__builtin_prefetch(event_at(h, b, way), 1);
	}
}

static void take_pending(struct nr_hitters *h, struct pending *q)
{
	fetch_events(h, q);
	for (size_t i = 0; i < q->count; i++) {
		const struct nr_packet *p = q->packets[i];
		struct nr_event_bucket *b = bucket_of(h, &q->keys[i]);
		unsigned way = find_or_start(h, b, &q->keys[i], p->time);
		struct nr_event *v = event_at(h, b, way);
		b->packets[way] += b->packets[way] != UINT32_MAX;
		b->last[way] = NR_MAX(b->last[way], p->time);
		v->bytes += p->wire;
		v->first = NR_MIN(v->first, p->time);
		add_destination(h, v, nr_address_low(&p->destination), b->packets[way]);
	}
	q->count = 0;
}

static void follow(struct nr_hitters *h, struct pending *q, const struct nr_packet *p)
{
	q->packets[q->count] = p;
	q->keys[q->count] = key_of(p);
	const struct nr_event_bucket *b = bucket_of(h, &q->keys[q->count]);
	__builtin_prefetch(b, 1);
	__builtin_prefetch(b->last, 1);
	if (++q->count == NR_PENDING)
		take_pending(h, q);
}

static bool is_of_events(const struct nr_packet *p)
{
	return p->kind == NR_PACKET_IPV4 && !(p->protocol == NR_UDP && p->marks & NR_MARK_ANSWER);
}

/* A permutation of all 32-bit numbers: place and rest together are the source. */
static uint32_t scramble(uint32_t x)
{
	x = (x ^ x >> 16) * 0x7feb352du;
	x = (x ^ x >> 15) * 0x846ca68bu;
	return x ^ x >> 16;
}

/* Counts a packet; true: there have been enough before. */
static bool count_in_line(struct nr_hitters *h, struct nr_candidate_line *line, uint32_t hash)
{
	const uint32_t rest = hash / (uint32_t)h->line_count;
	for (unsigned way = 0; way < NR_CANDIDATE_WAYS; way++) {
		uint32_t *cell = &line->cells[way];
		if (!*cell || *cell >> 4 == rest) {
			bool enough = (*cell & 15) >= NR_EVENT_CANDIDATE - 1;
			*cell = (rest << 4 | (*cell & 15)) + !enough;
			return enough;
		}
	}
	uint8_t *shared = &h->counters[nr_hll_hash(hash) & (h->counter_count - 1)];
	if (*shared >= NR_EVENT_CANDIDATE - 1)
		return true;
	++*shared;
	return false;
}

/* Who has sent so few packets today is no candidate. */
static void count_candidates(
	struct nr_hitters *h, struct pending *q, const struct nr_packet *packets, size_t count)
{
	struct nr_candidate_line *lines[NR_PENDING];
	uint32_t hashes[NR_PENDING];
	for (size_t i = 0; i < count; i++) {
		hashes[i] = scramble(nr_address_low(&packets[i].source));
		lines[i] = &h->lines[hashes[i] & (h->line_count - 1)];
		__builtin_prefetch(lines[i], 1);
	}
	for (size_t i = 0; i < count; i++)
		if (NR_LIKELY(is_of_events(&packets[i])) && count_in_line(h, lines[i], hashes[i]))
			follow(h, q, &packets[i]);
}

void nr_hitters_observe(struct nr_hitters *h, const struct nr_batch *batch)
{
	struct pending q = {.count = 0};
	for (size_t i = 0; i < batch->count; i += NR_PENDING)
		count_candidates(h, &q, &batch->packets[i], NR_MIN(batch->count - i, (size_t)NR_PENDING));
	take_pending(h, &q);
}

void nr_hitters_expire(struct nr_hitters *h, nr_time now)
{
	for (size_t i = 0; i < h->bucket_count; i++)
		for (unsigned way = 0; way < NR_EVENT_WAYS; way++) {
			struct nr_event_bucket *b = &h->buckets[i];
			if (b->tags[way] && (now == NR_TIME_MAX || now - b->last[way] > h->idle))
				end_event(h, b, way);
		}
	h->due = 0;
	for (size_t i = 0; i < h->ended_count; i++) {
		const struct nr_event_end v = h->ended[i];
		if (now != NR_TIME_MAX && now - v.last <= h->idle)
			continue;
		h->ended[i] = h->ended[h->due];
		h->ended[h->due++] = v;
	}
}
