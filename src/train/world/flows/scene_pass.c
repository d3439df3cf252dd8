/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an actor says passes its exporter. Beats of one connection meet in the flow cache: what comes before
 * the idle and the active time are over goes into the record that waits.
 */
#include "train/world/flows/scene.h"

#include <errno.h>

#define UNIT    1400 /* payload of a full packet */
#define PORTS   28232
#define PORT    32768 /* ephemeral */
#define MINIMUM 5     /* s: what a NAT's lease must still last for a new connection */

enum { ICMP = 1, TCP = 6, UDP = 17, FIN = 1, SYN = 2, PSH = 8, ACK = 16 };

/* ---- where ---- */

static int locate_subscriber(struct nr_flows_world *world, struct nr_scene_actor *actor,
	struct nr_conversation *c, struct nr_error *error)
{
	const struct nr_isp *isp = &world->isp;
	struct nr_flows_end *end = &actor->end;
	if (!nr_isp_is_shared(isp, end->number)) {
		end->address = nr_isp_public(isp, end->number);
		return 0;
	}
	nr_time wanted = c->length;
	int rc = nr_flows_lease(world, c, error);
	if (rc)
		return rc;
	/* A kept connection ends with the lease; what is short is over before. */
	c->length = NR_MAX(c->length, NR_MIN(wanted, MINIMUM * NR_SECOND));
	uint32_t block = isp->leases[end->number].block;
	end->address = nr_isp_block_address(isp, block);
	end->port = (uint16_t)(nr_isp_block_port(block) + nr_random_below(&actor->random, NR_PORT_BLOCK));
	return 0;
}

int nr_scene_locate(struct nr_flows_world *world, struct nr_scene_actor *actor, struct nr_conversation *c,
	struct nr_error *error)
{
	actor->end.port = (uint16_t)(PORT + nr_random_below(&actor->random, PORTS));
	c->client = actor->end;
	if (actor->end.place == NR_PLACE_SUBSCRIBER) {
		int rc = locate_subscriber(world, actor, c, error);
		if (rc)
			return rc;
	}
	c->client = actor->end;
	return 0;
}

/* ---- how much ---- */

static struct nr_flows_amount amount_of(uint32_t payload, uint32_t packets, uint32_t header)
{
	return (struct nr_flows_amount){
		.packets = packets, .bytes = (uint64_t)payload + (uint64_t)packets * header};
}

void nr_scene_pack(struct nr_conversation *c, uint32_t up, uint32_t down, bool opens, bool closes)
{
	uint32_t ups = (up + UNIT - 1) / UNIT, downs = (down + UNIT - 1) / UNIT;
	if (c->protocol != TCP) {
		c->up = amount_of(up, NR_MAX(ups, 1u), 28);
		c->down = amount_of(down, downs, 28);
		return;
	}
	/* Data of one side is acknowledged by the other's where there is any. */
	uint32_t acks_up = NR_MAX(1u, (downs + 1) / 2), acks_down = downs ? ups / 2 : 1;
	uint8_t flags = (uint8_t)(ACK | (opens ? SYN : 0) | (closes ? FIN : 0));
	c->up = amount_of(up, ups + acks_up + (opens ? 2 : 0) + (closes ? 1 : 0), 52);
	c->down = amount_of(down, downs + acks_down + (opens ? 1 : 0) + (closes ? 2 : 0), 52);
	c->up.tcp_flags = (uint8_t)(flags | (ups ? PSH : 0));
	c->down.tcp_flags = (uint8_t)(flags | (downs ? PSH : 0));
}

/* ---- the flow cache ---- */

/* The record that waits takes the new one in, if the cache would still hold it. */
static bool merge(struct nr_flows_world *world, const struct nr_exporter *exporter, uint32_t number,
	const struct nr_entry *beat)
{
	if (!number)
		return false;
	struct nr_entry *old = &world->calendar.entries[number - 1];
	/* What is due was told, and its place may be another's by now. */
	if (old->due <= world->now || beat->at >= old->due)
		return false;
	struct nr_flow_record *r = &old->record;
	const struct nr_flow_record *b = &beat->record;
	if (old->kind != NR_ENTRY_FLOW || old->left || old->generation != beat->generation ||
		old->exporter != beat->exporter || r->scene != b->scene || r->source_port != b->source_port ||
		r->destination_port != b->destination_port || !nr_address_equal(&r->source, &b->source) ||
		!nr_address_equal(&r->destination, &b->destination))
		return false;
	r->packets += b->packets;
	r->bytes += b->bytes;
	r->reverse_packets += b->reverse_packets;
	r->reverse_bytes += b->reverse_bytes;
	r->tcp_flags |= b->tcp_flags;
	r->reverse_tcp_flags |= b->reverse_tcp_flags;
	r->first = NR_MIN(r->first, b->first);
	r->last = NR_MAX(r->last, b->last);
	nr_time idle = r->last + exporter->kind->idle, active = r->first + exporter->active;
	old->due = NR_MIN(idle, active);
	r->end_reason = idle <= active ? NR_END_IDLE : NR_END_ACTIVE;
	if (b->end_reason == NR_END_DETECTED) {
		old->due = r->last;
		r->end_reason = NR_END_DETECTED;
	}
	return true;
}

static int put(struct nr_flows_world *world, struct nr_exporter *exporter, struct nr_entry *entry,
	uint32_t *waits, struct nr_error *error)
{
	nr_meter_next(&world->chance, exporter, entry);
	if (waits && exporter->kind->idle && !entry->left && merge(world, exporter, *waits, entry))
		return 0;
	struct nr_entry *new = nr_calendar_new(&world->calendar);
	if (!new)
		return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --subscribers");
	*new = *entry;
	nr_calendar_put(&world->calendar, new);
	if (waits)
		*waits = (uint32_t)(new - world->calendar.entries) + 1;
	return 0;
}

int nr_scene_pass(
	struct nr_flows_world *world, struct nr_conversation *c, uint32_t entries[2], struct nr_error *error)
{
	struct nr_exporter *exporter = &world->exporters[c->exporter];
	struct nr_entry parts[2];
	c->service = (unsigned)nr_service_count - 1;
	c->length = NR_MIN(c->length, world->end - c->start);
	nr_flows_count(world, exporter, c);
	if (c->start < exporter->down_until)
		return 0;
	size_t count = nr_meter_open(world, exporter, c, parts);
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		nr_meter_name(c, &parts[i]);
		rc = put(world, exporter, &parts[i], entries ? &entries[parts[i].subject & 1] : NULL, error);
	}
	return rc;
}
