/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/victim.h"
#include "base/pages.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

#define NR_VICTIMS_START 1024

static size_t home_of(
	const struct nr_victims *v, const struct nr_address *address, uint8_t protocol, size_t capacity)
{
	uint64_t a, b;
	memcpy(&a, address->octets, 8);
	memcpy(&b, address->octets + 8, 8);
	uint64_t h = (a * 0x9e3779b97f4a7c15u ^ b ^ protocol) * v->key;
	return (size_t)(((h >> 32) * capacity) >> 32);
}

static struct nr_victim *new_slots(struct nr_area *area, size_t capacity, struct nr_error *error)
{
	void *pages = NULL;
	return nr_pages_resize(area, &pages, 0, capacity * sizeof(struct nr_victim), error) ? NULL : pages;
}

int nr_victims_init(struct nr_victims *v, struct nr_area *area, size_t limit, struct nr_error *error)
{
	*v = (struct nr_victims){.capacity = NR_VICTIMS_START, .area = area, .limit = limit};
	v->slots = new_slots(area, v->capacity, error);
	if (!v->slots)
		return -ENOMEM;
	if (getrandom(&v->key, sizeof v->key, 0) != sizeof v->key)
		return nr_fail(error, -EIO, "no random numbers: %s", strerror(errno));
	v->key |= 1;
	return 0;
}

void nr_victims_fini(struct nr_victims *v)
{
	nr_pages_unmap(v->area, v->slots, v->capacity * sizeof *v->slots);
	nr_pages_unmap(v->area, v->ended, v->ended_room * sizeof *v->ended);
	*v = (struct nr_victims){0};
}

static struct nr_victim *find(const struct nr_victims *v, struct nr_victim *slots, size_t capacity,
	const struct nr_address *address, uint8_t protocol)
{
	for (size_t i = home_of(v, address, protocol, capacity);;) {
		struct nr_victim *s = &slots[i];
		if (!s->protocol || (s->protocol == protocol && nr_address_equal(&s->address, address)))
			return s;
		if (++i == capacity)
			i = 0;
	}
}

/* Moves the entries that keep() likes into a table of the given capacity. False: no memory, nothing changed.
 */
static bool rebuild(
	struct nr_victims *v, size_t capacity, nr_time now, bool (*keep)(const struct nr_victim *, nr_time))
{
	struct nr_victim *slots = new_slots(v->area, capacity, NULL);
	if (!slots)
		return false;
	size_t used = 0;
	for (size_t i = 0; i < v->capacity; i++) {
		const struct nr_victim *s = &v->slots[i];
		if (!s->protocol || !keep(s, now))
			continue;
		*find(v, slots, capacity, &s->address, s->protocol) = *s;
		used++;
	}
	void *old = v->slots;
	size_t old_bytes = v->capacity * sizeof *v->slots;
	v->slots = slots;
	v->capacity = capacity;
	v->used = used;
	nr_pages_unmap(v->area, old, old_bytes);
	return true;
}

bool nr_victim_has_ended(const struct nr_victim *s, nr_time now)
{
	if (now == NR_TIME_MAX)
		return true;
	nr_time interval = nr_time_floor(s->last, NR_VICTIM_INTERVAL);
	return now >= interval + 2 * NR_VICTIM_INTERVAL;
}

/* A whole interval lies between the packet and all that the entry holds: it came too late for its own entry,
 * and would make a burst of this one as long as an attack. */
static bool is_older(const struct nr_victim *s, nr_time time)
{
	return nr_time_floor(s->first, NR_VICTIM_INTERVAL) >=
	       nr_time_floor(time, NR_VICTIM_INTERVAL) + 2 * NR_VICTIM_INTERVAL;
}

static bool is_live(const struct nr_victim *s, nr_time now)
{
	return !nr_victim_has_ended(s, now);
}

static bool is_any(const struct nr_victim *s, nr_time now)
{
	(void)s;
	(void)now;
	return true;
}

bool nr_victim_is_scan(const struct nr_victim *s)
{
	return s->protocol == NR_TCP && !s->other_than_syn_ack && s->target_port_min >= NR_ZMAP_PORT_FIRST &&
	       s->target_port_max <= NR_ZMAP_PORT_LAST &&
	       nr_linear_count(s->target_ports) >= NR_SCAN_PORTS_RATIO * nr_linear_count(s->attack_ports);
}

static void keep_if_notable(struct nr_victims *v, const struct nr_victim *s)
{
	if (!nr_victim_is_attack(s) && !nr_victim_is_short(s))
		return;
	if (nr_victim_is_scan(s)) {
		v->scans += s->packets;
		return;
	}
	if (v->ended_count == v->ended_room) {
		size_t room = v->ended_room ? v->ended_room * 2 : 64;
		if (v->ended_count >= v->limit ||
			nr_pages_resize(v->area, (void **)&v->ended, v->ended_room * sizeof *v->ended,
				room * sizeof *v->ended, NULL)) {
			v->untracked += s->packets;
			return;
		}
		v->ended_room = room;
	}
	v->ended[v->ended_count++] = *s;
}

void nr_victims_expire(struct nr_victims *v, nr_time now)
{
	size_t ended = 0;
	for (size_t i = 0; i < v->capacity; i++)
		if (v->slots[i].protocol && nr_victim_has_ended(&v->slots[i], now)) {
			keep_if_notable(v, &v->slots[i]);
			ended++;
		}
	if (!ended)
		return;
	size_t live = v->used - ended, capacity = NR_VICTIMS_START;
	while (capacity < live * 2)
		capacity *= 2;
	if (!rebuild(v, capacity, now, is_live)) { /* no memory: start over rather than judge twice */
		memset(v->slots, 0, v->capacity * sizeof *v->slots);
		v->used = 0;
	}
}

static void mark(uint64_t bits[static 8], uint64_t value)
{
	uint64_t h = value * 0x9e3779b97f4a7c15u >> 55;
	bits[h >> 6] |= UINT64_C(1) << (h & 63);
}

uint32_t nr_linear_count(const uint64_t bits[static 8])
{
	unsigned set = 0;
	for (size_t i = 0; i < 8; i++)
		set += (unsigned)__builtin_popcountll(bits[i]);
	return set >= 512 ? 3194 : (uint32_t)lround(-512.0 * log((512.0 - set) / 512.0));
}

/* Buckets are multiples of 10 s of Unix time; windows are six of them. */
static void add_to_buckets(struct nr_victim *s, nr_time time)
{
	int64_t number = nr_time_floor(time, NR_VICTIM_SLIDE) / NR_VICTIM_SLIDE;
	if (number > s->newest) {
		for (int64_t n = NR_MAX(s->newest + 1, number - NR_VICTIM_BUCKETS + 1); n <= number; n++)
			s->buckets[(uint64_t)n % NR_VICTIM_BUCKETS] = 0;
		s->newest = number;
	} else if (number <= s->newest - NR_VICTIM_BUCKETS) {
		return; /* out of order by more than the ring: counted, but not in a rate */
	}
	s->buckets[(uint64_t)number % NR_VICTIM_BUCKETS]++;
	for (int64_t start = number - 5; start <= number; start++) {
		uint64_t sum = 0;
		for (int64_t n = start; n < start + 6; n++)
			if (n <= s->newest && n > s->newest - NR_VICTIM_BUCKETS)
				sum += s->buckets[(uint64_t)n % NR_VICTIM_BUCKETS];
		s->peak = NR_MAX(s->peak, sum);
	}
}

static void begin(struct nr_victim *s, const struct nr_backscatter *b)
{
	*s = (struct nr_victim){
		.address = b->victim,
		.protocol = b->protocol,
		.first_target_port = b->target_port,
		.target_port_min = b->target_port,
		.target_port_max = b->target_port,
		.first_attack_port = b->attack_port,
		.first = b->time,
		.last = b->time,
		.newest = nr_time_floor(b->time, NR_VICTIM_SLIDE) / NR_VICTIM_SLIDE,
	};
}

void nr_victims_observe(struct nr_victims *v, const struct nr_backscatter *b)
{
	struct nr_victim *s = find(v, v->slots, v->capacity, &b->victim, b->protocol);
	if (!s->protocol) {
		if (v->used * 2 >= v->capacity) {
			if (v->capacity > v->limit || !rebuild(v, v->capacity * 2, 0, is_any)) {
				v->untracked++;
				return;
			}
			s = find(v, v->slots, v->capacity, &b->victim, b->protocol);
		}
		begin(s, b);
		v->used++;
	} else if (nr_victim_has_ended(s, nr_time_floor(b->time, NR_VICTIM_INTERVAL))) {
		keep_if_notable(v, s);
		begin(s, b);
	} else if (is_older(s, b->time)) {
		v->untracked++;
		return;
	}
	s->packets++;
	s->bytes += b->bytes;
	s->target_port_min = NR_MIN(s->target_port_min, b->target_port);
	s->target_port_max = NR_MAX(s->target_port_max, b->target_port);
	s->other_than_syn_ack |= !b->syn_ack;
	if (!s->told) /* first is part of a finding's key */
		s->first = NR_MIN(s->first, b->time);
	s->last = NR_MAX(s->last, b->time);
	add_to_buckets(s, b->time);
	uint32_t dark[4];
	memcpy(dark, b->dark.octets, sizeof dark);
	mark(s->targets, (uint64_t)(dark[0] ^ dark[1] ^ dark[2]) << 32 | dark[3]);
	mark(s->attack_ports, b->attack_port);
	mark(s->target_ports, b->target_port);
}
