/* SPDX-License-Identifier: Apache-2.0 */
/* Carpet attacks as they are told live, and the victims that are judged alone within one. */
#include "sense/telescope/carpet_look.h"
#include "sense/telescope/judged.h"
#include "sense/telescope/merged.h"

/* A host of the network that is attacked in the carpet's time. */
static bool is_single(const struct nr_carpet *carpet, const struct nr_victim *v)
{
	return v->protocol == carpet->protocol && v->last >= carpet->first && v->first <= carpet->last &&
	       nr_victim_is_attack(v) && !nr_victim_is_scan(v) && nr_carpet_holds(carpet, &v->address);
}

uint32_t nr_carpet_singles(void *context, const struct nr_carpet *carpet)
{
	const struct nr_merged *m = context;
	uint32_t count = 0;
	for (size_t i = 0; i < m->local_count; i++) {
		const struct nr_victims *victims = &m->locals[i]->victims;
		for (size_t k = 0; k < victims->capacity; k++)
			count += is_single(carpet, &victims->slots[k]);
		for (size_t k = 0; k < victims->ended_count; k++)
			count += is_single(carpet, &victims->ended[k]);
	}
	return count;
}

/* ---- live ---- */

struct telling {
	const struct nr_carpet_look *look;
	struct nr_merged *merged;
	struct nr_error *error;
	int failure;
};

static void tell(struct telling *t, const struct nr_carpet *carpet, enum nr_change change, bool open)
{
	const struct nr_carpet_look *look = t->look;
	NR_AUTO(nr_judged_fini) struct nr_judged judged = {0};
	const struct nr_alert alert = {change, open, carpet->told, 0};
	int e = nr_judge_carpet(look->conf, carpet, &alert, &judged, t->error);
	if (!e)
		e = nr_carpet_emit(look->conf, carpet, look->sink, t->error);
	if (!e)
		e = nr_sink_finding(look->sink, &judged.finding, t->error);
	t->failure = t->failure ? t->failure : e;
}

static uint32_t singles(void *context, const struct nr_carpet *carpet)
{
	return nr_carpet_singles(((struct telling *)context)->merged, carpet);
}

static void close_carpet(void *context, const struct nr_carpet *carpet)
{
	struct telling *t = context;
	struct nr_carpet c = *carpet;
	c.told = c.told ? c.told : t->look->now;
	tell(t, &c, NR_CHANGE_CLOSED, false);
}

static enum nr_change change_of(const struct nr_carpet *c, nr_time now)
{
	if (!c->told)
		return NR_CHANGE_NEW;
	if (now - c->told >= NR_ALARM_AGAIN)
		return NR_CHANGE_AGAIN;
	bool due = c->packets != c->told_packets && now - c->updated >= NR_ALARM_UPDATE;
	return due ? NR_CHANGE_FIGURES : NR_CHANGE_NONE;
}

static void look_at(struct telling *t, const struct nr_carpet_context *context, struct nr_carpet *c)
{
	nr_time now = t->look->now;
	enum nr_change change = change_of(c, now);
	if (change == NR_CHANGE_NONE || !nr_carpet_judge(&t->merged->carpets, context, c))
		return;
	if (change != NR_CHANGE_FIGURES)
		c->told = now;
	c->updated = now;
	c->told_packets = c->packets;
	--*t->look->left;
	tell(t, c, change, true);
}

int nr_carpets_look(const struct nr_carpet_look *look, struct nr_local *const *locals, size_t count,
	struct nr_error *error)
{
	struct nr_carpet_cells *cells[NR_PARTS_MAX];
	struct nr_merged *m = locals[0]->merged;
	struct telling t = {look, m, error, 0};
	for (size_t i = 0; i < count; i++)
		cells[i] = &locals[i]->carpet_cells;
	const struct nr_carpet_context context = {
		look->conf->refs->dark_addresses, cells, count, singles, close_carpet, &t};
	m->locals = locals;
	m->local_count = count;
	nr_carpets_take(&m->carpets, &context, look->now - NR_CARPET_LATE_US);
	size_t from = m->carpets.capacity * look->slice / look->slices,
	       to = m->carpets.capacity * (look->slice + 1) / look->slices;
	for (size_t i = from; !t.failure && *look->left && i < to; i++)
		if (m->carpets.slots[i].length)
			look_at(&t, &context, &m->carpets.slots[i]);
	return t.failure;
}
