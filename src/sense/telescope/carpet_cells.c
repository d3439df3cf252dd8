/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/carpet_cells.h"
#include "base/hll.h"
#include "base/pages.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define NR_CELLS_START 256
#define NR_CELL_TAKEN  INT32_MIN /* bucket of a cell that stands in the way until the table is made anew */

int nr_carpet_cells_init(
	struct nr_carpet_cells *c, struct nr_area *area, size_t limit, struct nr_error *error)
{
	*c = (struct nr_carpet_cells){.area = area, .limit = limit, .from = INT32_MIN};
	if (getrandom(&c->key, sizeof c->key, 0) != sizeof c->key)
		return nr_fail(error, -EIO, "no random numbers: %s", strerror(errno));
	c->key |= 1;
	return 0;
}

void nr_carpet_cells_fini(struct nr_carpet_cells *c)
{
	nr_pages_unmap(c->area, c->slots, c->capacity * sizeof *c->slots);
	*c = (struct nr_carpet_cells){0};
}

bool nr_carpet_bucket(nr_time time, int32_t *ret_bucket)
{
	int64_t bucket = nr_time_floor(time, NR_VICTIM_SLIDE) / NR_VICTIM_SLIDE;
	if (bucket <= INT32_MIN || bucket >= INT32_MAX)
		return false;
	*ret_bucket = (int32_t)bucket;
	return true;
}

/* ---- the table ---- */

static bool same_cell(const struct nr_carpet_cell *a, const struct nr_carpet_cell *b)
{
	return a->prefix == b->prefix && a->bucket == b->bucket && a->protocol == b->protocol &&
	       !((a->flags ^ b->flags) & NR_CELL_IPV6);
}

static struct nr_carpet_cell *find(const struct nr_carpet_cells *c, struct nr_carpet_cell *slots,
	size_t capacity, const struct nr_carpet_cell *cell)
{
	uint64_t h =
		cell->prefix * 0x9e3779b97f4a7c15u ^ (uint64_t)(uint32_t)cell->bucket << 8 ^ cell->protocol;
	h *= c->key;
	for (size_t i = (size_t)(((h >> 32) * capacity) >> 32);;) {
		struct nr_carpet_cell *s = &slots[i];
		if (!s->packets || same_cell(s, cell))
			return s;
		if (++i == capacity)
			i = 0;
	}
}

/* Moves cells of at least `least` packets into a table of that capacity; those with fewer are counted as not
 * tracked, those that have been taken go. False: no memory, nothing changed. */
static bool rebuild(struct nr_carpet_cells *c, size_t capacity, uint32_t least)
{
	void *pages = NULL;
	if (nr_pages_resize(c->area, &pages, 0, capacity * sizeof *c->slots, NULL))
		return false;
	size_t used = 0;
	for (size_t i = 0; i < c->capacity; i++) {
		const struct nr_carpet_cell *s = &c->slots[i];
		if (!s->packets || s->bucket == NR_CELL_TAKEN)
			continue;
		if (s->packets < least) {
			c->untracked += s->packets;
			continue;
		}
		*find(c, pages, capacity, s) = *s;
		used++;
	}
	void *old = c->slots;
	size_t old_bytes = c->capacity * sizeof *c->slots;
	c->slots = pages;
	c->capacity = capacity;
	c->used = used;
	nr_pages_unmap(c->area, old, old_bytes);
	return true;
}

/* At its limit it forgets cells of one packet, the noise of forged sources, before it refuses. */
static bool make_room(struct nr_carpet_cells *c)
{
	if (c->used * 2 < c->capacity)
		return true;
	if (c->capacity / 2 < c->limit)
		return rebuild(c, c->capacity ? c->capacity * 2 : NR_CELLS_START, 1);
	return rebuild(c, c->capacity, 2) && c->used * 2 < c->capacity;
}

/* ---- packets ---- */

/* The bit of an address within its network: its last octet, or a hash of the last eight. */
static unsigned bit_of(const struct nr_address *address, bool ipv6)
{
	uint64_t low;
	if (!ipv6)
		return address->octets[15];
	memcpy(&low, address->octets + 8, 8);
	return (unsigned)(nr_hll_hash(low) >> 56);
}

static struct nr_carpet_cell key_of(const struct nr_backscatter *b, int32_t bucket)
{
	struct nr_carpet_cell cell = {.bucket = bucket, .protocol = b->protocol};
	if (nr_address_is_ipv4(&b->victim)) {
		cell.prefix = nr_address_ipv4(&b->victim) & ~UINT32_C(0xff);
		return cell;
	}
	for (size_t i = 0; i < 8; i++)
		cell.prefix = cell.prefix << 8 | b->victim.octets[i];
	cell.flags = NR_CELL_IPV6;
	return cell;
}

static void add(struct nr_carpet_cell *s, const struct nr_backscatter *b)
{
	unsigned bit = bit_of(&b->victim, s->flags & NR_CELL_IPV6);
	uint32_t us = (uint32_t)(b->time - (nr_time)s->bucket * NR_VICTIM_SLIDE) & 0xffffff;
	unsigned flags = b->syn_ack ? 0 : NR_CELL_OTHER;
	if (b->target_port < NR_ZMAP_PORT_FIRST || b->target_port > NR_ZMAP_PORT_LAST)
		flags |= NR_CELL_NOT_ZMAP;
	if (!s->packets) {
		s->first_us = s->last_us = us & 0xffffff;
		s->target_port = b->target_port;
	}
	if (us < s->first_us || (us == s->first_us && b->target_port < s->target_port))
		s->target_port = b->target_port;
	s->first_us = NR_MIN(us, (uint32_t)s->first_us) & 0xffffff;
	s->last_us = NR_MAX(us, (uint32_t)s->last_us) & 0xffffff;
	s->packets = NR_MIN(s->packets + 1u, NR_CELL_PACKETS_MAX) & 0xffffff;
	s->bytes += NR_MIN(b->bytes, UINT32_MAX - s->bytes);
	s->flags = (s->flags | flags) & 0xff;
	s->target_ports = (uint16_t)(s->target_ports | 1u << (b->target_port * 0x9e3779b1u >> 28));
	s->attack_ports = (s->attack_ports | 1u << (b->attack_port * 0x9e3779b1u >> 29)) & 0xff;
	s->addresses[bit / 64] |= UINT64_C(1) << (bit % 64);
}

void nr_carpet_cells_observe(struct nr_carpet_cells *c, const struct nr_backscatter *b)
{
	int32_t bucket;
	if (!nr_carpet_bucket(b->time, &bucket) || bucket < c->from) {
		c->untracked++;
		return;
	}
	const struct nr_carpet_cell key = key_of(b, bucket);
	struct nr_carpet_cell *s = c->capacity ? find(c, c->slots, c->capacity, &key) : NULL;
	if (!s || !s->packets) {
		if (!make_room(c)) {
			c->untracked++;
			return;
		}
		s = find(c, c->slots, c->capacity, &key);
		*s = key;
		c->used++;
	}
	add(s, b);
}

/* ---- taking ---- */

size_t nr_carpet_cells_before(const struct nr_carpet_cells *c, int32_t before)
{
	size_t count = 0;
	for (size_t i = 0; i < c->capacity; i++)
		count += c->slots[i].packets && c->slots[i].bucket < before;
	return count;
}

void nr_carpet_cells_take(struct nr_carpet_cells *c, int32_t before, struct nr_carpet_cell *taken)
{
	if (before != INT32_MAX) /* at the end of all there is no next take */
		c->from = NR_MAX(c->from, before);
	size_t left = c->used, capacity = NR_CELLS_START;
	for (size_t i = 0; i < c->capacity; i++) {
		struct nr_carpet_cell *s = &c->slots[i];
		if (!s->packets || s->bucket >= before)
			continue;
		if (taken)
			*taken++ = *s;
		else
			c->untracked += s->packets;
		left--;
		s->bucket = NR_CELL_TAKEN;
	}
	if (left == c->used)
		return;
	while (capacity / 2 <= left)
		capacity *= 2;
	if (rebuild(c, capacity, 1))
		return;
	for (size_t i = 0; i < c->capacity; i++) /* no memory: start over rather than count twice */
		c->untracked += c->slots[i].bucket != NR_CELL_TAKEN ? c->slots[i].packets : 0;
	memset(c->slots, 0, c->capacity * sizeof *c->slots);
	c->used = 0;
}

int nr_carpet_cells_resume(struct nr_carpet_cells *c, struct nr_area *area)
{
	c->area = area;
	c->used = 0;
	if (!c->slots && !c->capacity)
		return 0;
	if (!c->slots || c->capacity > SIZE_MAX / sizeof *c->slots ||
		!nr_area_holds(area, c->slots, c->capacity * sizeof *c->slots))
		return -EBADMSG;
	for (size_t i = 0; i < c->capacity; i++)
		c->used += c->slots[i].packets != 0;
	return c->used < c->capacity && rebuild(c, c->capacity, 1) ? 0 : -EBADMSG;
}
