/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/flows/flows.h"
#include "train/world/flows/scenes.h"

#include <errno.h>
#include <string.h>

static const struct nr_flows_behaviour *const behaviours[] = {
	&nr_flows_customers,
	&nr_flows_machines,
	&nr_flows_scan,
	&nr_flows_backscatter,
	&nr_flows_reflection,
};

static int out_of_memory(struct nr_error *error)
{
	return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --flows");
}

/* ---- a conversation passes ---- */

/* Nothing goes on beyond the end of the world: what is cut off of the time is cut off of the amount. */
static void cut(struct nr_flows_amount *amount, double part)
{
	if (!amount->packets)
		return;
	double mean = (double)amount->bytes / (double)amount->packets;
	amount->packets = NR_MAX(UINT64_C(1), (uint64_t)((double)amount->packets * part));
	amount->bytes = (uint64_t)((double)amount->packets * mean + 0.5);
}

static void cut_length(struct nr_conversation *c, nr_time length)
{
	if (c->length <= length)
		return;
	double part = (double)length / (double)c->length;
	c->length = length;
	cut(&c->up, part);
	cut(&c->down, part);
}

void nr_flows_count(
	struct nr_flows_world *world, struct nr_exporter *exporter, const struct nr_conversation *c)
{
	uint64_t packets = c->up.packets + c->down.packets, bytes = c->up.bytes + c->down.bytes;
	uint16_t network = nr_flows_other_network(world, c);
	struct nr_service_truth *service = &world->services[c->service];
	service->conversations++;
	service->packets += packets;
	service->bytes += bytes;
	world->conversations++;
	world->packets += packets;
	world->bytes += bytes;
	world->network_packets[network] += packets;
	world->network_bytes[network] += bytes;
	exporter->conversations++;
	exporter->packets += packets;
	exporter->bytes += bytes;
	if (c->start < exporter->down_until) {
		exporter->missed_packets += packets;
		exporter->missed_bytes += bytes;
	}
}

static int put_in_cache(struct nr_flows_world *world, struct nr_exporter *exporter,
	const struct nr_conversation *c, struct nr_entry *entries, size_t entry_count, struct nr_error *error)
{
	for (size_t i = 0; i < entry_count; i++) {
		struct nr_entry *entry = nr_calendar_new(&world->calendar);
		if (!entry)
			return out_of_memory(error);
		nr_meter_name(c, &entries[i]);
		nr_meter_next(&world->chance, exporter, &entries[i]);
		*entry = entries[i];
		nr_calendar_put(&world->calendar, entry);
	}
	return 0;
}

int nr_flows_converse(struct nr_flows_world *world, struct nr_conversation *c, struct nr_error *error)
{
	struct nr_exporter *exporter = &world->exporters[c->exporter];
	struct nr_entry entries[2];
	bool shared = nr_flows_is_shared(world, c);
	nr_time length = c->length;
	int rc = 0;
	if (shared) {
		rc = nr_flows_lease(world, c, error);
		if (rc)
			return rc;
		nr_time leased = c->length;
		c->length = length;
		cut_length(c, leased);
	}
	cut_length(c, world->end - c->start);
	nr_flows_count(world, exporter, c);
	size_t entry_count = 0;
	if (c->start >= exporter->down_until)
		entry_count = nr_meter_open(world, exporter, c, entries);
	bool logged = shared && nr_flows_is_logged(world, c->client.number);
	if (!entry_count && !logged)
		return 0;
	nr_flows_locate(world, &exporter->random, c);
	if (world->scenes && (c->service == NR_SERVICE_SCAN || c->service == NR_SERVICE_REFLECTION))
		rc = nr_scenes_note(world->scenes, c, error);
	if (logged && !rc)
		rc = nr_flows_log_session(world, c, error);
	return rc ? rc : put_in_cache(world, exporter, c, entries, entry_count, error);
}

static int talk(struct nr_flows_world *world, struct nr_flows_actor *actor, struct nr_exporter *exporter,
	struct nr_error *error)
{
	double mean = nr_flows_rate(world, actor, exporter, world->now);
	uint64_t count = mean > 0 ? nr_chance_poisson(&world->chance, &actor->random, mean) : 0;
	int rc = 0;
	for (; count > 0 && !rc; count--) {
		struct nr_conversation c = {.start = world->now, .exporter = exporter->number};
		actor->behaviour->draw(world, actor, &c);
		if (c.start < world->end)
			rc = nr_flows_converse(world, &c, error);
	}
	return rc;
}

/* ---- what is due ---- */

static void count_record(
	struct nr_flows_world *world, const struct nr_exporter *exporter, const struct nr_flow_record *r)
{
	struct nr_service_truth *service = &world->services[r->service];
	uint64_t packets = r->packets + r->reverse_packets, bytes = r->bytes + r->reverse_bytes;
	service->records++;
	service->seen_packets += packets;
	service->seen_bytes += bytes;
	service->estimated_packets += (double)packets * exporter->sampling;
	service->estimated_bytes += (double)bytes * exporter->sampling;
	if (r->scene)
		nr_scenes_count_record(world->scenes, r);
}

static void serve(struct nr_flows_world *world, struct nr_entry *entry, nr_time now)
{
	struct nr_exporter *exporter = &world->exporters[entry->exporter];
	struct nr_calendar *calendar = &world->calendar;
	if (entry->generation != exporter->generation) {
		exporter->forgotten++;
		exporter->forgotten_packets += entry->record.packets + entry->record.reverse_packets +
					       entry->left + entry->reverse_left;
		nr_calendar_drop(calendar, entry);
		return;
	}
	nr_exporter_emit(exporter, world->carrier, &entry->record, now);
	if (entry->kind == NR_ENTRY_FLOW)
		count_record(world, exporter, &entry->record);
	if (entry->kind == NR_ENTRY_RELEASE) {
		nr_isp_give_block(&world->isp, entry->subject);
		world->isp.released++;
	}
	if (!entry->left) {
		nr_calendar_drop(calendar, entry);
		return;
	}
	nr_meter_next(&world->chance, exporter, entry);
	nr_calendar_put(calendar, entry);
}

static void serve_until(struct nr_flows_world *world, nr_time to)
{
	while (world->calendar.now < to) {
		nr_time now = world->calendar.now;
		uint32_t list = nr_calendar_turn(&world->calendar);
		struct nr_entry *entry;
		while ((entry = nr_calendar_pop(&world->calendar, &list)))
			serve(world, entry, now);
	}
}

/* ---- the whole ---- */

static int share_subscribers(struct nr_flows_world *world, struct nr_error *error)
{
	uint32_t behind = 0, before = 0, all = (uint32_t)world->conf->subscribers;
	for (size_t i = 0; i < world->exporter_count; i++)
		behind += world->exporters[i].kind->share;
	for (size_t i = 0, share = 0; i < world->exporter_count; i++) {
		struct nr_exporter *x = &world->exporters[i];
		share += x->kind->share;
		uint32_t after = (uint32_t)((uint64_t)all * share / behind);
		x->subscriber = before;
		x->subscribers = after - before;
		before = after;
	}
	uint64_t others = world->conf->carrier ? world->conf->carrier - 1 : 0;
	return nr_isp_init(&world->isp, world->geography, world->conf->seed, all, others, error);
}

static int begin(struct nr_flows_world *world, struct nr_error *error)
{
	const struct nr_flows_conf *conf = world->conf;
	world->start = world->now = nr_time_floor(conf->start, NR_SECOND);
	world->end = world->start + conf->duration;
	nr_chance_init(&world->chance);
	for (size_t i = 0; i < NR_COUNT(behaviours); i++)
		world->actors[world->actor_count++] = (struct nr_flows_actor){
			behaviours[i], nr_random_stream(conf->seed, behaviours[i]->name)};
	world->exporter_count = nr_exporter_kind_count;
	for (unsigned i = 0; i < world->exporter_count; i++) {
		struct nr_exporter *x = &world->exporters[i];
		nr_exporter_init(x, i, conf->seed, world->start, conf->duration, (uint32_t)conf->sampling);
		if (x->kind->role == NR_ROLE_NAT)
			world->nat_exporter = i;
		int rc = nr_carrier_open_port(world->carrier, i, &x->address, x->source_port, x->port, error);
		if (rc)
			return rc;
	}
	int rc = share_subscribers(world, error);
	if (!rc)
		rc = nr_service_mix_new(world, error);
	if (!rc)
		rc = nr_calendar_init(&world->calendar, world->start, error);
	if (!rc)
		nr_flows_calibrate(world);
	if (!rc)
		rc = nr_scenes_new(world, &world->scenes, error);
	return rc;
}

static int play_second(struct nr_flows_world *world, struct nr_error *error)
{
	int rc = 0;
	for (size_t i = 0; i < world->exporter_count; i++)
		nr_exporter_tick(&world->exporters[i], world->carrier, world->now);
	for (size_t a = 0; a < world->actor_count && world->now < world->end; a++)
		for (size_t i = 0; i < world->exporter_count && !rc; i++)
			rc = talk(world, &world->actors[a], &world->exporters[i], error);
	if (!rc && world->scenes && world->now < world->end)
		rc = nr_scenes_play(world, error);
	if (!rc)
		serve_until(world, world->now + NR_SECOND);
	return rc;
}

static bool has_failed(const struct nr_flows_world *world)
{
	return world->carrier->failure || (world->carrier->pcap && world->carrier->pcap->failure);
}

/* After the end the caches empty; what remains then are port blocks that are still held. */
#define AFTER (31 * NR_MINUTE)

int nr_flows_play(struct nr_flows_world *world, struct nr_error *error)
{
	int rc = begin(world, error);
	for (; !rc && world->now < world->end + AFTER && !has_failed(world); world->now += NR_SECOND) {
		rc = play_second(world, error);
		if (world->progress)
			nr_progress_show(
				world->progress, (uint64_t)((world->now - world->start) / NR_SECOND));
	}
	for (size_t i = 0; !rc && i < world->exporter_count; i++)
		nr_exporter_finish(&world->exporters[i], world->carrier, world->now);
	if (!rc && world->carrier->failure)
		return nr_fail(error, world->carrier->failure, "world flows: cannot send: %s",
			strerror(-world->carrier->failure));
	return rc;
}

void nr_flows_fini(struct nr_flows_world *world)
{
	nr_isp_fini(&world->isp);
	nr_service_mix_free(world->mix);
	nr_scenes_free(world->scenes);
	nr_calendar_fini(&world->calendar);
}
