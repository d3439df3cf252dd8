/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/alarm.h"

#include "model/live.h"
#include "sense/telescope/carpet_look.h"
#include "sense/telescope/judged.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define ALARMS_START 64
#define CLOSE_LOOK   (10 * NR_SECOND)

/* One look: what it is about, and how much may still be told. */
struct look {
	struct nr_alarms *alarms;
	const struct nr_telescope_conf *conf;
	nr_time now;
	struct nr_sink *sink;
	unsigned left;
};

/* ---- the hosts that have been told ---- */

static struct nr_alarm *slot_of(
	struct nr_alarm *slots, size_t capacity, uint64_t key, const struct nr_address *address, uint8_t kind)
{
	uint64_t a, b;
	memcpy(&a, address->octets, 8);
	memcpy(&b, address->octets + 8, 8);
	uint64_t h = (a ^ key) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 32 ^ b ^ kind) * key;
	for (size_t i = (size_t)(((h >> 32) * capacity) >> 32);;) {
		struct nr_alarm *s = &slots[i];
		if (!s->host.packets || (s->host.kind == kind && nr_address_equal(&s->host.address, address)))
			return s;
		if (++i == capacity)
			i = 0;
	}
}

/* A closed alarm matters until its host would be told anew anyway. */
static bool still_matters(const struct nr_alarm *alarm, nr_time now)
{
	return alarm->host.packets && (alarm->open || now - alarm->notified < NR_ALARM_AGAIN);
}

/* A table with room for more, without what no longer matters. False: there is no room. */
static bool rebuild(struct nr_alarms *alarms, nr_time now)
{
	size_t kept = 0;
	for (size_t i = 0; i < alarms->capacity; i++)
		kept += still_matters(&alarms->slots[i], now);
	if (kept >= NR_ALARMS_MAX)
		return false;
	size_t capacity = ALARMS_START;
	while (capacity < kept * 4)
		capacity *= 2;
	if (!alarms->key && getrandom(&alarms->key, sizeof alarms->key, 0) != sizeof alarms->key)
		return false;
	alarms->key |= 1;
	struct nr_alarm *slots = calloc(capacity, sizeof *slots);
	if (!slots)
		return false;
	for (size_t i = 0; i < alarms->capacity; i++) {
		const struct nr_alarm *from = &alarms->slots[i];
		if (still_matters(from, now))
			*slot_of(slots, capacity, alarms->key, &from->host.address, from->host.kind) = *from;
	}
	free(alarms->slots);
	alarms->slots = slots;
	alarms->capacity = capacity;
	alarms->used = kept;
	return true;
}

/* The host's alarm; one that is new has no host in it yet. NULL: no room. */
static struct nr_alarm *alarm_of(struct nr_alarms *alarms, const struct nr_own_host *host, nr_time now)
{
	struct nr_alarm *alarm = NULL;
	if (alarms->capacity)
		alarm = slot_of(alarms->slots, alarms->capacity, alarms->key, &host->address, host->kind);
	if (alarm && alarm->host.packets)
		return alarm;
	if (alarms->used * 2 >= alarms->capacity && !rebuild(alarms, now))
		return NULL;
	alarms->used++;
	return slot_of(alarms->slots, alarms->capacity, alarms->key, &host->address, host->kind);
}

void nr_alarms_fini(struct nr_alarms *alarms)
{
	free(alarms->slots);
	*alarms = (struct nr_alarms){0};
}

/* ---- own hosts ---- */

static uint16_t classes_of(const struct nr_port_classes *classes, const struct nr_own_host *host)
{
	unsigned bits = 0;
	for (size_t i = 0; i < host->port_count; i++) {
		uint8_t protocol = host->ports[i].protocol;
		bool known = protocol == NR_TCP || protocol == NR_UDP;
		bits |= NR_BIT(known ? classes->owner[protocol == NR_UDP][host->ports[i].port] : 0);
	}
	return (uint16_t)bits;
}

static enum nr_change change_of(
	const struct nr_alarm *alarm, const struct nr_own_host *host, uint16_t classes, nr_time now)
{
	if (!alarm->notified)
		return NR_CHANGE_NEW;
	if (classes & ~alarm->classes)
		return NR_CHANGE_PORT_CLASS;
	if (now - alarm->notified >= NR_ALARM_AGAIN)
		return NR_CHANGE_AGAIN;
	/* the day's first row of a host is not kept waiting, nor is one that had been closed */
	bool due = now - alarm->updated >= NR_ALARM_UPDATE || !host->told || !alarm->open;
	return due ? NR_CHANGE_FIGURES : NR_CHANGE_NONE;
}

static int tell_own(struct look *look, struct nr_alarm *alarm, enum nr_change change, struct nr_error *error)
{
	NR_AUTO(nr_judged_fini) struct nr_judged judged = {0};
	const struct nr_alert alert = {change, alarm->open, alarm->notified, alarm->classes};
	look->left--;
	int e = nr_judge_own(look->conf, &alarm->host, &alert, &judged, error);
	return e ? e : nr_sink_finding(look->sink, &judged.finding, error);
}

static int look_at_host(struct look *look, struct nr_own_host *host, struct nr_error *error)
{
	struct nr_alarm *alarm = alarm_of(look->alarms, host, look->now);
	if (!alarm) {
		look->alarms->beyond++;
		host->told_packets = host->packets;
		return 0;
	}
	bool known = alarm->host.packets != 0;
	if (!known && host->told) { /* by a process before us */
		alarm->notified = alarm->updated = host->told;
		alarm->classes = host->told_classes;
		alarm->open = true;
	}
	uint16_t classes = classes_of(&look->conf->refs->classes, host);
	enum nr_change change = change_of(alarm, host, classes, look->now);
	if (change == NR_CHANGE_NONE) {
		if (!known)
			alarm->host = *host;
		return 0;
	}
	if (change != NR_CHANGE_FIGURES)
		alarm->notified = look->now;
	alarm->updated = look->now;
	alarm->classes |= classes;
	alarm->open = true;
	host->told = alarm->notified;
	host->told_classes = alarm->classes;
	host->told_packets = host->packets;
	alarm->host = *host;
	return tell_own(look, alarm, change, error);
}

static int look_at_own(struct look *look, struct nr_own *own, struct nr_error *error)
{
	look->alarms->beyond += own->beyond - own->told_beyond;
	own->told_beyond = own->beyond;
	if (own->packets == own->looked)
		return 0;
	uint64_t seen = own->packets;
	bool waiting = false; /* for its minute, or for the next look */
	int e = 0;
	for (size_t i = 0; !e && look->left && i < own->capacity; i++) {
		own->cursor = own->cursor + 1 < own->capacity ? own->cursor + 1 : 0;
		struct nr_own_host *host = &own->slots[own->cursor];
		if (!host->packets || host->packets == host->told_packets)
			continue;
		e = look_at_host(look, host, error);
		waiting = waiting || host->packets != host->told_packets;
	}
	if (!waiting && look->left && !e)
		own->looked = seen;
	return e;
}

static int close_silent(struct look *look, struct nr_error *error)
{
	struct nr_alarms *alarms = look->alarms;
	if (look->now < alarms->close_at && alarms->close_at - look->now <= CLOSE_LOOK)
		return 0;
	int e = 0;
	alarms->close_at = look->now + CLOSE_LOOK;
	for (size_t i = 0; !e && look->left && i < alarms->capacity; i++) {
		struct nr_alarm *alarm = &alarms->slots[i];
		if (!alarm->host.packets || !alarm->open || look->now - alarm->host.last < NR_ALARM_SILENCE)
			continue;
		alarm->open = false;
		e = tell_own(look, alarm, NR_CHANGE_CLOSED, error);
	}
	return e;
}

/* ---- victims ---- */

static enum nr_change change_of_victim(const struct nr_victim *v, bool ended, nr_time now)
{
	if (!v->told)
		return NR_CHANGE_NEW;
	if (ended)
		return v->told_closed ? NR_CHANGE_NONE : NR_CHANGE_CLOSED;
	if (now - v->told >= NR_ALARM_AGAIN)
		return NR_CHANGE_AGAIN;
	bool due = v->packets != v->told_packets && now - v->updated >= NR_ALARM_UPDATE;
	return due || v->told_closed ? NR_CHANGE_FIGURES : NR_CHANGE_NONE;
}

static int look_at_victim(struct look *look, struct nr_victim *v, struct nr_error *error)
{
	if (!nr_victim_is_attack(v) || nr_victim_is_scan(v))
		return 0;
	bool ended = nr_victim_has_ended(v, look->now - NR_VICTIM_LATE_US);
	enum nr_change change = change_of_victim(v, ended, look->now);
	if (change == NR_CHANGE_NONE)
		return 0;
	if (change == NR_CHANGE_NEW || change == NR_CHANGE_AGAIN)
		v->told = look->now;
	v->updated = look->now;
	v->told_packets = v->packets;
	v->told_closed = ended;
	look->left--;
	NR_AUTO(nr_judged_fini) struct nr_judged judged = {0};
	const struct nr_alert alert = {change, !ended, v->told, 0};
	int e = nr_judge_victim(look->conf, v, &alert, &judged, error);
	if (!e)
		e = nr_victim_emit(look->conf, v, look->sink, error);
	return e ? e : nr_sink_finding(look->sink, &judged.finding, error);
}

/* A slice of the living, and those who ended since the last flush. */
static int look_at_victims(
	struct look *look, struct nr_victims *victims, unsigned slice, struct nr_error *error)
{
	size_t from = victims->capacity * slice / NR_VICTIM_SLICES,
	       to = victims->capacity * (slice + 1) / NR_VICTIM_SLICES;
	int e = 0;
	for (size_t i = from; !e && look->left && i < to; i++)
		if (victims->slots[i].protocol)
			e = look_at_victim(look, &victims->slots[i], error);
	for (size_t i = 0; !e && look->left && i < victims->ended_count; i++)
		if (victims->ended[i].told)
			e = look_at_victim(look, &victims->ended[i], error);
	return e;
}

/* ---- the look ---- */

static int tell_beyond(struct look *look, struct nr_error *error)
{
	struct nr_alarms *alarms = look->alarms;
	if (!alarms->beyond)
		return 0;
	const struct nr_live_drop row = {look->conf->sensor, look->now, "own-hosts-full", alarms->beyond};
	alarms->beyond = 0;
	return look->sink->rows(look->sink, &nr_live_drop_table, &row, 1, error);
}

int nr_alarms_look(struct nr_alarms *alarms, const struct nr_telescope_conf *conf, void *const *locals,
	size_t count, nr_time now, struct nr_sink *sink, struct nr_error *error)
{
	struct look look = {alarms, conf, now, sink, NR_ALARMS_LOOK};
	unsigned slice = alarms->slice;
	alarms->slice = (slice + 1) % NR_VICTIM_SLICES;
	int e = 0;
	for (size_t i = 0; !e && i < count; i++) {
		struct nr_local *l = locals[i];
		for (size_t k = 0; !e && k < NR_COUNT(l->days); k++)
			if (l->days[k].open)
				e = look_at_own(&look, &l->days[k].own, error);
		if (!e)
			e = look_at_victims(&look, &l->victims, slice, error);
	}
	const struct nr_carpet_look carpets = {conf, now, sink, slice, NR_VICTIM_SLICES, &look.left};
	if (!e && look.left)
		e = nr_carpets_look(&carpets, (struct nr_local *const *)locals, count, error);
	if (!e)
		e = close_silent(&look, error);
	return e ? e : tell_beyond(&look, error);
}
