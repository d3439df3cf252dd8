/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of countries and networks. There may be 65,536 of them, and a sketch has 4 KiB; most networks have a
 * few sources, so a sketch begins as a list of the registers that are in use and takes at most 6 bytes a
 * source.
 *
 * Where sources are sampled, so are the packets: nobody knows where those came from whose source was left
 * out. A source of the sample stands for 2^level of its kind with its packets, too; busy ones, of which all
 * are kept, for themselves.
 */
#include "sense/telescope/emit.h"
#include "sense/telescope/merged.h"

#include <errno.h>
#include <string.h>

#define NR_ORIGINS_MAX 65536 /* more networks than there are: a strange MMDB file is bounded too */
#define NR_LISTED_MIN  8     /* registers; more are listed as long as they take less than all of them would */
#define NR_LISTED_MAX  ((uint32_t)(sizeof(struct nr_hll) / sizeof(uint32_t)))

struct origin_count {
	struct nr_place place;
	uint64_t packets, sources;
	struct nr_hll *sketch; /* owned; NULL: few registers are in use, and listed */
	uint32_t *listed;      /* owned; register << 8 | rank, one register perhaps several times */
	uint32_t used, room;
};

struct origins {
	struct origin_count **slots; /* owned, each owned; open addressing by country and AS */
	size_t capacity, used, most;
};

static void origin_free(struct origin_count *c)
{
	if (!c)
		return;
	free(c->sketch);
	free(c->listed);
	free(c);
}

static void origins_fini(struct origins *o)
{
	for (size_t i = 0; o->slots && i < o->capacity; i++)
		origin_free(o->slots[i]);
	free(o->slots);
}

static int origins_init(struct origins *o, const struct nr_telescope_conf *conf, struct nr_error *error)
{
	const size_t each = sizeof(struct origin_count) + 4 * sizeof *o->slots;
	*o = (struct origins){.capacity = 256};
	o->most = NR_MIN(nr_promise(conf, NR_PROMISE_ORIGINS, 2) / each, (size_t)NR_ORIGINS_MAX);
	while (o->capacity < 2 * o->most)
		o->capacity *= 2;
	o->slots = calloc(o->capacity, sizeof *o->slots);
	return o->slots ? 0 : nr_fail(error, -ENOMEM, "out of memory for countries");
}

/* ---- registers ---- */

static int compare_listed(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Each register once, with its largest rank. */
static void compact(struct origin_count *c)
{
	uint32_t kept = 0;
	if (c->used)
		qsort(c->listed, c->used, sizeof *c->listed, compare_listed);
	for (uint32_t i = 0; i < c->used; i++)
		if (i + 1 == c->used || c->listed[i] >> 8 != c->listed[i + 1] >> 8)
			c->listed[kept++] = c->listed[i];
	c->used = kept;
}

static void unfold(const struct origin_count *c, struct nr_hll *into)
{
	for (uint32_t i = 0; i < c->used; i++) {
		uint8_t *reg = &into->registers[c->listed[i] >> 8], rank = (uint8_t)c->listed[i];
		*reg = NR_MAX(*reg, rank);
	}
}

/* Room for one more, or a sketch. */
static bool make_room(struct origin_count *c)
{
	compact(c);
	if (c->room && c->used <= c->room / 4 * 3)
		return true;
	uint32_t room = NR_MAX(c->room + c->room / 2, (uint32_t)NR_LISTED_MIN);
	if (room <= NR_LISTED_MAX) {
		uint32_t *grown = realloc(c->listed, room * sizeof *grown);
		if (!grown)
			return false;
		c->listed = grown;
		c->room = room;
		return true;
	}
	c->sketch = calloc(1, sizeof *c->sketch);
	if (!c->sketch)
		return false;
	unfold(c, c->sketch);
	free(c->listed);
	c->listed = NULL;
	return true;
}

static bool add_hash(struct origin_count *c, uint64_t hash)
{
	if (!c->sketch && c->used == c->room && !make_room(c))
		return false;
	if (c->sketch)
		nr_hll_add(c->sketch, hash);
	else
		c->listed[c->used++] = (uint32_t)(hash >> (64 - NR_HLL_BITS)) << 8 | nr_hll_rank(hash);
	return true;
}

/* ---- counting ---- */

static struct origin_count **slot_of(const struct origins *o, const struct nr_place *place)
{
	uint64_t h = place->asn * 0x9e3779b97f4a7c15u;
	for (const char *c = place->country; *c; c++)
		h = (h ^ (uint8_t)*c) * 0x100000001b3u;
	for (size_t i = (size_t)(h >> 32) & (o->capacity - 1);; i = (i + 1) & (o->capacity - 1)) {
		struct origin_count **s = &o->slots[i];
		if (!*s || ((*s)->place.asn == place->asn && !strcmp((*s)->place.country, place->country)))
			return s;
	}
}

/* Where there are too many, networks that come late are counted with their country alone, and countries that
 * a strange MMDB file made up as unknown. */
static struct nr_place told_apart(const struct origins *o, const struct nr_place *place)
{
	if (o->used < o->most || *slot_of(o, place))
		return *place;
	struct nr_place country = *place;
	country.asn = 0;
	country.as_name[0] = 0;
	if (o->used < o->capacity / 4 * 3 || *slot_of(o, &country))
		return country;
	return (struct nr_place){0};
}

static struct origin_count *origin_of(struct origins *o, const struct nr_place *of, struct nr_error *error)
{
	struct nr_place place = told_apart(o, of);
	struct origin_count **slot = slot_of(o, &place);
	if (!*slot) {
		*slot = calloc(1, sizeof **slot);
		if (!*slot) {
			nr_fail(error, -ENOMEM, "out of memory for countries");
			return NULL;
		}
		(*slot)->place = place;
		o->used++;
	}
	return *slot;
}

static bool has_lines(const struct nr_step *step, const struct nr_tally *tally)
{
	return tally->level && step->seconds == NR_STEP_DAY && step->traffic == NR_TRAFFIC_ALL;
}

/* By how much the packets of a source count. */
static uint64_t weight_of(const struct nr_step *step, const struct nr_tally *tally, uint64_t member)
{
	const struct nr_keeper *keeper = &step->merged->keeper;
	if (!tally->level || !keeper->keeps(keeper->context, member))
		return UINT64_C(1) << tally->level;
	return has_lines(step, tally) ? 0 : UINT64_C(1) << tally->busy_level;
}

static int add_members(struct origins *o, const struct nr_step *step, const struct nr_wides *members,
	const struct nr_tally *tally, struct nr_error *error)
{
	struct nr_tally_sum sum;
	for (size_t at = 0; nr_members_next(members, &at, &sum);) {
		struct nr_place place = {0};
		struct nr_address address;
		uint64_t member = nr_members_member(&sum);
		if (nr_merged_address(step->merged, member, &address))
			nr_origin_find(&step->conf->refs->origin, &address, &place);
		struct origin_count *c = origin_of(o, &place, error);
		if (!c)
			return -ENOMEM;
		c->packets += sum.packets * weight_of(step, tally, member);
		if (!nr_member_counts(member, tally->level))
			continue;
		c->sources++;
		if (!add_hash(c, nr_sketch_hash(member, tally->level)))
			return nr_fail(error, -ENOMEM, "out of memory for countries");
	}
	return 0;
}

static int add_busy_lines(struct origins *o, const struct nr_step *step, const struct nr_source_table *table,
	struct nr_error *error)
{
	for (size_t i = 0; i < table->used; i++) {
		const struct nr_source *s = nr_source_at(table, i);
		if (!nr_source_is_busy(s))
			continue;
		struct nr_place place;
		struct nr_address address = nr_source_address(table, s);
		nr_origin_find(&step->conf->refs->origin, &address, &place);
		struct origin_count *c = origin_of(o, &place, error);
		if (!c)
			return -ENOMEM;
		c->packets += s->packets;
	}
	return 0;
}

static int add_busy(struct origins *o, const struct nr_step *step, struct nr_error *error)
{
	const struct nr_merged *m = step->merged;
	int e = 0;
	for (size_t i = 0; i < m->local_count; i++)
		for (size_t k = 0; !e && k < NR_COUNT(m->locals[i]->days); k++) {
			const struct nr_day *day = &m->locals[i]->days[k];
			if (!day->open || day->start != step->start)
				continue;
			e = add_busy_lines(o, step, &day->table4, error);
			if (!e)
				e = add_busy_lines(o, step, &day->table6, error);
		}
	return e;
}

/* ---- rows ---- */

static int compare_origins(const void *a, const void *b)
{
	const struct origin_count *const *x = a, *const *y = b;
	int c = strcmp((*x)->place.country, (*y)->place.country);
	return c ? c : ((*x)->place.asn > (*y)->place.asn) - ((*x)->place.asn < (*y)->place.asn);
}

static size_t write_sketch(const struct origin_count *c, uint8_t *out)
{
	if (c->sketch)
		return nr_hll_write(c->sketch, out);
	struct nr_hll sketch = {{0}};
	unfold(c, &sketch);
	return nr_hll_write(&sketch, out);
}

static int emit_rows(const struct nr_step *step, uint8_t level, struct origins *o, struct nr_error *error)
{
	size_t n = 0;
	for (size_t i = 0; i < o->capacity; i++) /* close the gaps: the table is only read from here on */
		if (o->slots[i]) {
			struct origin_count *c = o->slots[i];
			o->slots[i] = NULL;
			o->slots[n++] = c;
		}
	qsort(o->slots, n, sizeof *o->slots, compare_origins);
	for (size_t i = 0; i < n; i++) {
		const struct origin_count *c = o->slots[i];
		uint8_t written[NR_HLL_BYTES_MAX];
		struct nr_origin_row row = {
			.sensor = step->conf->sensor,
			.step = step->seconds,
			.time = step->start,
			.traffic = (uint8_t)step->traffic,
			.country = c->place.country,
			.asn = c->place.asn,
			.as_name = c->place.as_name,
			.packets = c->packets,
			.sources = c->sources << level,
			.error = nr_sample_error(c->sources, level),
			.sketch = {written, write_sketch(c, written)},
		};
		int e = step->sink->rows(step->sink, &nr_origin_table, &row, 1, error);
		if (e)
			return e;
	}
	return 0;
}

int nr_origins_emit(const struct nr_step *step, const struct nr_tally *tally, struct nr_error *error)
{
	if (!step->conf->refs->origin.count || !nr_step_has_sketches(step))
		return 0;
	NR_AUTO(nr_members_fini) struct nr_wides members = {0};
	NR_AUTO(origins_fini) struct origins o = {0};
	struct nr_slice slice;
	int e = origins_init(&o, step->conf, error);
	if (!e)
		e = nr_slices_of(tally, nr_promise(step->conf, NR_PROMISE_MEMBERS, 1), &slice, error);
	for (slice.kept = true; !e && slice.at < slice.of; slice.at++) {
		e = nr_members_from(&members, tally, &slice, nr_telescope_mask_of_group, NULL, error);
		if (!e)
			e = add_members(&o, step, &members, tally, error);
	}
	if (!e && has_lines(step, tally))
		e = add_busy(&o, step, error);
	return e ? e : emit_rows(step, tally->level, &o, error);
}
