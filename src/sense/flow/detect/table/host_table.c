/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/table/host_table.h"

#include "sense/flow/detect/table/orient.h"
#include "sense/flow/detect/table/server_table.h"

#include <math.h>

#define BUSY_SHARE 4 /* one in so many bytes is for busy entries */
#define MINUTE     60u
#define HOUR       3600u

enum { OUT, IN };

int nr_flow_hosts_init(struct nr_flow_hosts *hosts, uint64_t bytes, struct nr_error *error)
{
	struct nr_flow_hosts h = {0};
	int e = nr_flow_clock_table_init(
		&h.hosts, sizeof(struct nr_flow_host_entry), bytes - bytes / BUSY_SHARE, error);
	if (!e)
		e = nr_flow_clock_table_init(
			&h.busy, sizeof(struct nr_flow_busy_entry), bytes / BUSY_SHARE, error);
	if (e)
		nr_flow_hosts_fini(&h);
	else
		*hosts = h;
	return e;
}

void nr_flow_hosts_fini(struct nr_flow_hosts *hosts)
{
	nr_flow_clock_table_fini(&hosts->hosts);
	nr_flow_clock_table_fini(&hosts->busy);
}

int nr_flow_hosts_clear(struct nr_flow_hosts *hosts, struct nr_error *error)
{
	int e = nr_flow_clock_table_clear(&hosts->hosts, error);
	return e ? e : nr_flow_clock_table_clear(&hosts->busy, error);
}

/* ---- the entry ---- */

static bool is_host(const struct nr_flow_host_entry *entry, const struct nr_address *address)
{
	return nr_address_equal(&entry->address, address);
}

/* NULL: it is not let in yet. */
static struct nr_flow_host_entry *have(
	struct nr_flow_clock_table *table, const struct nr_address *address, uint64_t hash)
{
	struct nr_flow_host_entry *host = NR_FLOW_CLOCK_TABLE_FIND(table, hash, is_host, address);
	if (host) {
		nr_flow_entry_touch(&host->entry);
		return host;
	}
	if (!nr_flow_clock_table_admits(table, hash))
		return NULL;
	host = nr_flow_clock_table_at(table, nr_flow_clock_table_place(table, hash));
	host->address = *address;
	return host;
}

const struct nr_flow_host_entry *nr_flow_hosts_find(
	const struct nr_flow_hosts *hosts, const struct nr_address *address, uint64_t hash)
{
	return NR_FLOW_CLOCK_TABLE_FIND(&hosts->hosts, hash, is_host, address);
}

void nr_flow_hosts_prefetch_busy(
	const struct nr_flow_hosts *hosts, const struct nr_address *address, uint64_t hash)
{
	const struct nr_flow_host_entry *host = nr_flow_hosts_find(hosts, address, hash);
	if (!host || !host->busy)
		return;
	const char *busy = nr_flow_clock_table_at(&hosts->busy, host->busy - 1);
	for (size_t line = 0; line < sizeof(struct nr_flow_busy_entry); line += NR_CACHE_LINE)
		__builtin_prefetch(busy + line, 1);
}

/* What one talk means for one of its two hosts. */
struct part {
	uint64_t packets[2], bytes[2]; /* OUT, IN */
	const struct nr_address *peer;
	uint64_t peer_hash;
};

/* A record of many minutes fills each of them; its last one stands for them. */
static void count_minute(struct nr_flow_host_entry *host, const struct part *part,
	const struct nr_flow_talk *talk, uint32_t first, uint32_t last)
{
	uint32_t minute = NR_MIN((last - NR_MIN(host->first, last)) / MINUTE, (uint32_t)UINT16_MAX);
	if (minute < host->minute)
		return; /* late: its minute has been closed */
	if (minute > host->minute) {
		memset(host->now, 0, sizeof host->now);
		host->minute = (uint16_t)minute;
	}
	float rate = talk->sampling > 1 ? talk->sampling : 1;
	float share = rate * (last - first > MINUTE ? (float)MINUTE / (float)(last - first) : 1);
	for (unsigned way = OUT; way <= IN; way++) {
		host->now[way] += (float)part->packets[way] * share;
		host->now[way + 2] += (float)part->bytes[way] * share;
		if (host->now[way] > host->most[way]) {
			host->most[way] = host->now[way];
			host->most_minute[way] = host->minute;
		}
		host->most[way + 2] = NR_MAX(host->most[way + 2], host->now[way + 2]);
	}
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void count_host(
	struct nr_flow_host_entry *host, const struct part *part, const struct nr_flow_talk *talk)
{
	uint32_t first = nr_flow_seconds(talk->first), last = nr_flow_seconds(talk->last);
	if (!host->flows) {
		host->first = first;
		host->last = last;
	}
	host->flows += host->flows < UINT32_MAX;
	host->last = NR_MAX(host->last, last);
	host->packets_out = add(host->packets_out, part->packets[OUT]);
	host->packets_in = add(host->packets_in, part->packets[IN]);
	host->bytes_out = add(host->bytes_out, part->bytes[OUT]);
	host->bytes_in = add(host->bytes_in, part->bytes[IN]);
	host->sampling = talk->sampling;
	count_minute(host, part, talk, first, last);
}

/* Of unidirectional records a client's own says for TCP whether it was answered; of UDP the server's do. */
static void count_answer(struct nr_flow_host_entry *client, const struct nr_flow_talk *talk)
{
	bool up = talk->sides & NR_FLOW_UP, both = talk->sides == (NR_FLOW_UP | NR_FLOW_DOWN);
	bool tcp = talk->server.protocol == 6;
	bool refused = nr_flow_talk_is_refused(talk);
	client->began = (uint16_t)(client->began + up);
	if (both || tcp)
		client->answered = (uint16_t)(client->answered +
					      (up && !refused && (!tcp || talk->up_flags & NR_TCP_ACK)));
	else
		client->answered = (uint16_t)(client->answered + !up);
	if (client->began >= UINT16_MAX - 1 || client->answered >= UINT16_MAX - 1) {
		client->began /= 2;
		client->answered /= 2;
	}
}

/* ---- the rest of busy ones ---- */

/* The most frequent of a stream, by few counters (Misra and Gries 1982). */
static void count_port(struct nr_flow_top_port *top, uint16_t port, uint8_t protocol, uint32_t weight)
{
	unsigned least = 0;
	for (unsigned i = 0; i < NR_FLOW_TOP_PORTS; i++) {
		if (top[i].count && top[i].port == port && top[i].protocol == protocol) {
			top[i].count =
				top[i].count > UINT32_MAX - weight ? UINT32_MAX : top[i].count + weight;
			return;
		}
		if (top[i].count < top[least].count)
			least = i;
	}
	if (top[least].count) {
		uint32_t less = NR_MIN(weight, top[least].count);
		for (unsigned i = 0; i < NR_FLOW_TOP_PORTS; i++)
			top[i].count -= less;
		weight -= less;
	}
	if (weight)
		top[least] = (struct nr_flow_top_port){weight, port, protocol};
}

static void count_peer(struct nr_flow_top_peer *top, const struct nr_address *peer, float weight)
{
	unsigned least = 0;
	for (unsigned i = 0; i < NR_FLOW_TOP_PEERS; i++) {
		if (top[i].count > 0 && nr_address_equal(&top[i].address, peer)) {
			top[i].count += weight;
			return;
		}
		if (top[i].count < top[least].count)
			least = i;
	}
	if (top[least].count > 0) {
		float less = NR_MIN(weight, top[least].count);
		for (unsigned i = 0; i < NR_FLOW_TOP_PEERS; i++)
			top[i].count -= less;
		weight -= less;
	}
	if (weight > 0)
		top[least] = (struct nr_flow_top_peer){*peer, weight};
}

static struct nr_flow_busy_entry *busy_of(
	const struct nr_flow_clock_table *table, const struct nr_flow_host_entry *host)
{
	if (!host->busy)
		return NULL;
	struct nr_flow_busy_entry *busy = nr_flow_clock_table_at(table, host->busy - 1);
	return busy->entry.live && busy->entry.generation == host->busy_generation ? busy : NULL;
}

static struct nr_flow_busy_entry *have_busy(
	struct nr_flow_clock_table *table, struct nr_flow_host_entry *host, uint64_t hash)
{
	if (host->flows < NR_FLOW_HOST_BUSY)
		return NULL;
	struct nr_flow_busy_entry *busy = busy_of(table, host);
	if (busy) {
		nr_flow_entry_touch(&busy->entry);
		return busy;
	}
	uint32_t at = nr_flow_clock_table_place(table, hash);
	busy = nr_flow_clock_table_at(table, at);
	host->busy = at + 1;
	host->busy_generation = busy->entry.generation;
	return busy;
}

static void turn_hour(struct nr_flow_busy_entry *busy, uint32_t hour)
{
	if (busy->hour >= hour)
		return; /* a late one counts for this hour */
	busy->most_out = NR_MAX(busy->most_out, (float)nr_flow_sketch_count(&busy->peers_out, busy->few_out));
	busy->most_in = NR_MAX(busy->most_in, (float)nr_flow_sketch_count(&busy->peers_in, busy->few_in));
	memset(&busy->peers_out, 0, sizeof busy->peers_out);
	memset(&busy->peers_in, 0, sizeof busy->peers_in);
	busy->few_out = busy->few_in = 0;
	busy->hour = hour;
}

static uint32_t weight_of(uint64_t packets)
{
	return (uint32_t)NR_MIN(packets, UINT64_C(1) << 20);
}

static void count_busy(struct nr_flow_busy_entry *busy, const struct part *part,
	const struct nr_flow_talk *talk, bool client)
{
	turn_hour(busy, nr_flow_seconds(talk->first) / HOUR);
	if (part->packets[OUT]) {
		nr_flow_sketch_add(&busy->peers_out, &busy->few_out, part->peer_hash);
		count_peer(busy->peers, part->peer, (float)weight_of(part->packets[OUT]));
		busy->peer_packets = add(busy->peer_packets, weight_of(part->packets[OUT]));
	}
	if (part->packets[IN])
		nr_flow_sketch_add(&busy->peers_in, &busy->few_in, part->peer_hash);
	if (client && part->packets[OUT]) {
		uint64_t port = (uint64_t)talk->server.port * UINT64_C(0x9e3779b97f4a7c15);
		nr_flow_sketch_add(&busy->ports_out, &busy->few_ports, port ^ port << 32);
		count_port(busy->ports, talk->server.port, talk->server.protocol, 1);
		busy->flows_out++;
	}
	if (client && part->packets[IN]) {
		count_port(busy->reflected, talk->server.port, talk->server.protocol,
			weight_of(part->packets[IN]));
		busy->reflected_packets = add(busy->reflected_packets, weight_of(part->packets[IN]));
	}
}

/* ---- a talk ---- */

static void take_client(struct nr_flow_hosts *hosts, const struct nr_flow_talk *talk,
	const struct nr_flow_host_hashes *hashes, const struct part *part)
{
	struct nr_flow_host_entry *client = have(&hosts->hosts, &talk->client, hashes->client);
	if (!client)
		return;
	count_host(client, part, talk);
	count_answer(client, talk);
	if (talk->server.port)
		client->services |= UINT64_C(1) << (hashes->as_service >> 58);
	struct nr_flow_busy_entry *busy = have_busy(&hosts->busy, client, hashes->client);
	if (busy)
		count_busy(busy, part, talk, true);
}

static void take_server(struct nr_flow_hosts *hosts, const struct nr_flow_talk *talk,
	const struct nr_flow_host_hashes *hashes, const struct part *part)
{
	struct nr_flow_host_entry *server = have(&hosts->hosts, &talk->server.address, hashes->server);
	if (!server)
		return;
	count_host(server, part, talk);
	struct nr_flow_busy_entry *busy = have_busy(&hosts->busy, server, hashes->server);
	if (busy)
		count_busy(busy, part, talk, false);
}

void nr_flow_hosts_take(struct nr_flow_hosts *hosts, const struct nr_flow_talk *talk,
	const struct nr_flow_host_hashes *hashes)
{
	struct part of_client = {.packets = {talk->up_packets, talk->down_packets},
		.bytes = {talk->up_bytes, talk->down_bytes},
		.peer = &talk->server.address,
		.peer_hash = hashes->as_server};
	struct part of_server = {.packets = {talk->down_packets, talk->up_packets},
		.bytes = {talk->down_bytes, talk->up_bytes},
		.peer = &talk->client,
		.peer_hash = hashes->as_client};
	take_client(hosts, talk, hashes, &of_client);
	take_server(hosts, talk, hashes, &of_server);
}

/* ---- what is known of one ---- */

double nr_flow_host_services(const struct nr_flow_host_entry *host)
{
	int unused = 64 - __builtin_popcountll(host->services);
	return 64 * log(64. / NR_MAX(unused, 1)); /* linear counting (Whang et al. 1990) */
}

static const struct nr_flow_top_port *greatest_port(const struct nr_flow_top_port *top)
{
	const struct nr_flow_top_port *greatest = top;
	for (unsigned i = 1; i < NR_FLOW_TOP_PORTS; i++)
		if (top[i].count > greatest->count)
			greatest = &top[i];
	return greatest;
}

static double share(double part, double all)
{
	return all > 0 ? NR_MIN(part / all, 1.) : 0;
}

static void describe_busy(const struct nr_flow_busy_entry *busy, struct nr_flow_host *host)
{
	host->peers_out =
		NR_MAX(nr_flow_sketch_count(&busy->peers_out, busy->few_out), (double)busy->most_out);
	host->peers_in = NR_MAX(nr_flow_sketch_count(&busy->peers_in, busy->few_in), (double)busy->most_in);
	host->ports_out = nr_flow_sketch_count(&busy->ports_out, busy->few_ports);
	const struct nr_flow_top_port *port = greatest_port(busy->ports);
	host->top_port = port->port;
	host->top_protocol = port->protocol;
	host->top_port_share = share(port->count, (double)busy->flows_out);
	port = greatest_port(busy->reflected);
	host->reflected_port = port->port;
	host->reflected_share = share(port->count, (double)busy->reflected_packets);
	const struct nr_flow_top_peer *peer = busy->peers;
	for (unsigned i = 1; i < NR_FLOW_TOP_PEERS; i++)
		if (busy->peers[i].count > peer->count)
			peer = &busy->peers[i];
	host->top_peer = peer->address;
	host->top_peer_share = share((double)peer->count, (double)busy->peer_packets);
}

void nr_flow_host_describe(const struct nr_flow_hosts *hosts, const struct nr_flow_host_entry *entry,
	struct nr_flow_host *ret_host)
{
	struct nr_flow_host host = {
		.address = entry->address,
		.first = nr_flow_time_of(entry->first),
		.last = nr_flow_time_of(entry->last),
		.flows = entry->flows,
		.packets_out = entry->packets_out,
		.packets_in = entry->packets_in,
		.bytes_out = entry->bytes_out,
		.bytes_in = entry->bytes_in,
		.estimated_packets_per_second_out = (double)entry->most[OUT] / MINUTE,
		.estimated_packets_per_second_in = (double)entry->most[IN] / MINUTE,
		.estimated_bits_per_second_out = (double)entry->most[OUT + 2] * 8 / MINUTE,
		.estimated_bits_per_second_in = (double)entry->most[IN + 2] * 8 / MINUTE,
		.busiest_out = nr_flow_time_of(entry->first + entry->most_minute[OUT] * MINUTE),
		.busiest_in = nr_flow_time_of(entry->first + entry->most_minute[IN] * MINUTE),
		.answered = entry->began ? share(entry->answered, entry->began) : 1,
		.sampling = entry->sampling,
	};
	const struct nr_flow_busy_entry *busy = busy_of(&hosts->busy, entry);
	if (busy)
		describe_busy(busy, &host);
	*ret_host = host;
}
