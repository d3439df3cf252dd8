/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The carrier-grade NAT: who gets which port block and for how long, and what its logger tells: each block
 * that is given and taken back, and of a few subscribers each session.
 */
#include "train/world/flows/flows.h"

#include <errno.h>

#define LEASE_MIN    (2 * 3600) /* s */
#define LEASE_MAX    (8 * 3600)
#define LOGGED_OF    64 /* one subscriber in so many is logged by session */
#define SESSION_IDLE (30 * NR_SECOND)

enum { EVENT_CREATE = 4, EVENT_DELETE = 5, EVENT_BLOCK = 16, EVENT_BLOCK_BACK = 17 }; /* RFC 8158 */

static int tell(struct nr_flows_world *world, const struct nr_flow_record *record, nr_time due,
	enum nr_entry_kind kind, uint32_t subject, struct nr_error *error)
{
	struct nr_entry *entry = nr_calendar_new(&world->calendar);
	if (!entry)
		return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --flows");
	entry->kind = (uint8_t)kind;
	entry->exporter = (uint8_t)world->nat_exporter;
	entry->subject = subject;
	entry->due = due;
	entry->record = *record;
	entry->record.first = entry->record.last = due;
	nr_calendar_put(&world->calendar, entry);
	return 0;
}

bool nr_flows_is_shared(const struct nr_flows_world *world, const struct nr_conversation *c)
{
	return c->client.place == NR_PLACE_SUBSCRIBER && !c->ipv6 &&
	       nr_isp_is_shared(&world->isp, c->client.number);
}

static int new_lease(struct nr_flows_world *world, const struct nr_conversation *c, struct nr_lease *lease,
	struct nr_error *error)
{
	struct nr_isp *isp = &world->isp;
	struct nr_random *random = &world->exporters[world->nat_exporter].random;
	uint32_t block = nr_isp_take_block(isp);
	if (block == UINT32_MAX)
		return nr_fail(error, -ENOSPC, "world flows: the NAT has no port block left");
	*lease = (struct nr_lease){.held = true,
		.block = block,
		.until = world->now + nr_random_between(random, LEASE_MIN, LEASE_MAX) * NR_SECOND};
	struct nr_flow_record record = {.source = nr_isp_inside(isp, c->client.number),
		.post_source = nr_isp_block_address(isp, block),
		.post_source_port = nr_isp_block_port(block),
		.port_block_end = (uint16_t)(nr_isp_block_port(block) + NR_PORT_BLOCK - 1),
		.event = EVENT_BLOCK};
	int rc = tell(world, &record, world->now, NR_ENTRY_NAT, 0, error);
	record.event = EVENT_BLOCK_BACK;
	if (!rc)
		rc = tell(world, &record, lease->until + NR_PORT_BLOCK_QUIET, NR_ENTRY_RELEASE, block, error);
	isp->allocated++;
	return rc;
}

int nr_flows_lease(struct nr_flows_world *world, struct nr_conversation *c, struct nr_error *error)
{
	struct nr_lease *lease = &world->isp.leases[c->client.number];
	if (!lease->held || world->now >= lease->until) {
		int rc = new_lease(world, c, lease, error);
		if (rc)
			return rc;
	}
	c->length = NR_MIN(c->length, lease->until + NR_PORT_BLOCK_QUIET - NR_SECOND - c->start);
	return 0;
}

bool nr_flows_is_logged(const struct nr_flows_world *world, uint32_t subscriber)
{
	return nr_random_mix(world->conf->seed ^ nr_random_mix(subscriber)) % LOGGED_OF == 0;
}

int nr_flows_log_session(
	struct nr_flows_world *world, const struct nr_conversation *c, struct nr_error *error)
{
	struct nr_random *random = &world->exporters[world->nat_exporter].random;
	struct nr_flow_record record = {.source = nr_isp_inside(&world->isp, c->client.number),
		.source_port = (uint16_t)nr_random_between(random, 32768, 60999),
		.post_source = c->client.address,
		.post_source_port = c->client.port,
		.destination = c->server.address,
		.destination_port = c->server.port,
		.protocol = c->protocol,
		.event = EVENT_CREATE};
	int rc = tell(world, &record, c->start, NR_ENTRY_NAT, 0, error);
	record.event = EVENT_DELETE;
	if (!rc)
		rc = tell(world, &record, c->start + c->length + SESSION_IDLE, NR_ENTRY_NAT, 0, error);
	world->isp.sessions++;
	return rc;
}
