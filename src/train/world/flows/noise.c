/* SPDX-License-Identifier: Apache-2.0 */
/* What nobody asked for: scanners, answers to forged packets, and an attack by reflection. */
#include "train/world/flows/flows.h"

#define SCANNERS   96 /* among the outsiders */
#define REFLECTORS 1500
#define SOON       (900 * INT64_C(1000)) /* us: within the second */

enum { TCP = 6, UDP = 17, FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static nr_time within(struct nr_random *random)
{
	return (nr_time)nr_random_below(random, SOON);
}

/* An IPv4 address of the ISP's, which may or may not be somebody's. */
static void aim(struct nr_flows_world *world, struct nr_random *random, struct nr_conversation *c)
{
	const struct nr_exporter *exporter = &world->exporters[c->exporter];
	if (exporter->kind->role == NR_ROLE_CENTER) {
		c->server = (struct nr_flows_end){
			.place = NR_PLACE_OWN, .number = (uint32_t)nr_random_below(random, 2048)};
		return;
	}
	uint32_t number = exporter->subscriber + (uint32_t)nr_random_below(random, exporter->subscribers);
	c->server = (struct nr_flows_end){.place = NR_PLACE_GIVEN,
		.number = number,
		.address = nr_isp_public(&world->isp, number),
		.network = world->isp.network};
}

static void draw_scan(struct nr_flows_world *world, struct nr_flows_actor *actor, struct nr_conversation *c)
{
	static const uint16_t ports[] = {23, 22, 2323, 445, 80, 8080, 443, 3389, 23, 5555, 23, 7547};
	struct nr_random *random = &actor->random;
	uint32_t scanner = (uint32_t)nr_random_power(SCANNERS, (uint32_t)nr_random_next(random));
	c->service = NR_SERVICE_SCAN;
	c->protocol = TCP;
	c->start += within(random);
	c->client = (struct nr_flows_end){.place = NR_PLACE_OUTSIDE, .number = scanner};
	aim(world, random, c);
	c->server.port = ports[scanner % NR_COUNT(ports)];
	c->up = (struct nr_flows_amount){.packets = 1, .bytes = 40, .tcp_flags = SYN};
	if (nr_random_below(random, 8) == 0) {
		c->down = (struct nr_flows_amount){.packets = 1, .bytes = 40, .tcp_flags = RST | ACK};
		c->length = 20000;
	}
}

static void draw_backscatter(
	struct nr_flows_world *world, struct nr_flows_actor *actor, struct nr_conversation *c)
{
	struct nr_random *random = &actor->random;
	c->service = NR_SERVICE_BACKSCATTER;
	c->protocol = TCP;
	c->start += within(random);
	c->client = (struct nr_flows_end){.place = NR_PLACE_OUTSIDE,
		.number = (uint32_t)nr_random_below(random, NR_OUTSIDERS),
		.port = nr_random_below(random, 3) ? 443 : 80};
	aim(world, random, c);
	uint64_t packets = 1 + nr_random_below(random, 3);
	/* not marked by its SYN: each packet is SYN and ACK */
	c->up = (struct nr_flows_amount){.packets = packets, .bytes = 40 * packets, .tcp_flags = SYN | ACK};
	c->length = (nr_time)(packets - 1) * NR_SECOND;
}

struct nr_address nr_flows_victim(const struct nr_flows_world *world, const struct nr_exporter *exporter)
{
	uint32_t number = exporter->subscriber;
	while (nr_isp_is_shared(&world->isp, number))
		number++;
	return nr_isp_public(&world->isp, number);
}

static void draw_reflection(
	struct nr_flows_world *world, struct nr_flows_actor *actor, struct nr_conversation *c)
{
	static const uint16_t ports[] = {123, 53, 389, 11211};
	struct nr_random *random = &actor->random;
	uint32_t reflector = SCANNERS + (uint32_t)nr_random_below(random, REFLECTORS);
	c->service = NR_SERVICE_REFLECTION;
	c->protocol = UDP;
	c->start += within(random);
	c->client = (struct nr_flows_end){
		.place = NR_PLACE_OUTSIDE, .number = reflector, .port = ports[reflector % NR_COUNT(ports)]};
	c->server = (struct nr_flows_end){.place = NR_PLACE_GIVEN,
		.address = nr_flows_victim(world, &world->exporters[c->exporter]),
		.port = 80,
		.network = world->isp.network};
	uint64_t packets = 200 + nr_random_below(random, 3000);
	c->up = (struct nr_flows_amount){.packets = packets, .bytes = packets * 468};
	c->length = (nr_time)nr_random_between(random, 20, 120) * NR_SECOND;
}

const struct nr_flows_behaviour nr_flows_scan = {
	.name = "scan", .shape = NR_FLOWS_STEADY, .share = {55, 60, 40}, .draw = draw_scan};
const struct nr_flows_behaviour nr_flows_backscatter = {
	.name = "backscatter", .shape = NR_FLOWS_STEADY, .share = {18, 20, 10}, .draw = draw_backscatter};
const struct nr_flows_behaviour nr_flows_reflection = {.name = "reflection",
	.shape = NR_FLOWS_BURST,
	.burst_at = 571,
	.burst_length = 11,
	.share = {2, 0, 0},
	.draw = draw_reflection};
