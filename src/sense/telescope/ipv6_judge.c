/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a day in IPv6 dark space. The day's sources are sorted by address once; then the networks of
 * every length lie side by side, and one walk counts them all.
 */
#include "sense/telescope/ipv6.h"
#include "sense/telescope/member_set.h"
#include "sense/telescope/merged.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define COUNTED_MEMBERS_MAX    (1u << 20) /* addresses whose ports are counted for their networks */
#define NR_IPV6_NETWORKS_SHOWN 10         /* of each length, in the report */

struct sorted {
	const struct nr_source_table *table; /* any of them: entries know their address */
	const struct nr_source **items;      /* owned; by address */
	size_t count;
};

static void sorted_fini(struct sorted *s)
{
	free(s->items);
}

static const struct nr_address *address_of(const struct nr_source *s)
{
	return &((const struct nr_source6 *)(const void *)s)->address;
}

static int by_address(const void *a, const void *b)
{
	const struct nr_source *const *x = a, *const *y = b;
	return memcmp(address_of(*x), address_of(*y), sizeof(struct nr_address));
}

static int sort_sources(const struct nr_day_end *end, struct sorted *s, struct nr_error *error)
{
	size_t room = 1;
	for (size_t i = 0; i < end->local_count; i++)
		room += nr_day_of(end, i) ? nr_day_of(end, i)->table6.used : 0;
	s->items = malloc(room * sizeof *s->items);
	if (!s->items)
		return nr_fail(error, -ENOMEM, "out of memory for %zu IPv6 sources", room);
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		for (size_t k = 0; day && k < day->table6.used; k++) {
			const struct nr_source *source = nr_source_at(&day->table6, k);
			if (source->packets)
				s->items[s->count++] = source;
		}
	}
	qsort(s->items, s->count, sizeof *s->items, by_address);
	return 0;
}

static struct nr_address network_of(const struct nr_address *address, uint8_t length)
{
	struct nr_address network = {0};
	memcpy(network.octets, address->octets, length / 8);
	return network;
}

/* ---- the networks of one length ---- */

/* Most packets first; the same input must give the same list. */
static int by_packets(const void *a, const void *b)
{
	const struct nr_ipv6_network *x = a, *y = b;
	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	int c = memcmp(&x->address, &y->address, sizeof x->address);
	return c ? c : x->length - y->length;
}

struct networks {
	struct nr_ipv6_network *items; /* owned; room for twice NR_IPV6_NETWORKS_MAX */
	size_t count;
	uint64_t all; /* of the day, kept or not */
};

static void networks_fini(struct networks *n)
{
	free(n->items);
}

static void keep_network(struct networks *n, const struct nr_ipv6_network *network)
{
	n->all++;
	n->items[n->count++] = *network;
	if (n->count < 2 * NR_IPV6_NETWORKS_MAX)
		return;
	qsort(n->items, n->count, sizeof *n->items, by_packets);
	n->count = NR_IPV6_NETWORKS_MAX;
}

static int find_networks(const struct sorted *s, uint8_t length, struct networks *n, struct nr_hll *sketch,
	struct nr_error *error)
{
	n->items = malloc(2 * NR_IPV6_NETWORKS_MAX * sizeof *n->items);
	if (!n->items)
		return nr_fail(error, -ENOMEM, "out of memory for IPv6 networks");
	for (size_t from = 0, to; from < s->count; from = to) {
		struct nr_ipv6_network network = {network_of(address_of(s->items[from]), length)};
		network.length = length;
		network.first = NR_TIME_MAX;
		network.last_group = UINT32_MAX;
		for (to = from;
			to < s->count && !memcmp(address_of(s->items[to]), &network.address, length / 8);
			to++) {
			const struct nr_source *source = s->items[to];
			network.packets += source->packets;
			network.sources++;
			network.first = NR_MIN(network.first, (nr_time)source->first << NR_SOURCE_TIME_SHIFT);
			network.last = NR_MAX(network.last, (nr_time)source->last << NR_SOURCE_TIME_SHIFT);
		}
		nr_hll_add(sketch, nr_hll_hash(nr_member_of(&network.address)));
		keep_network(n, &network);
	}
	qsort(n->items, n->count, sizeof *n->items, by_packets);
	n->count = NR_MIN(n->count, (size_t)NR_IPV6_NETWORKS_MAX);
	return 0;
}

/* ---- distinct ports of a network: its members' groups, each counted once ---- */

static struct nr_ipv6_network *find_network(struct networks *n, const struct nr_address *address)
{
	for (size_t i = 0; i < n->count; i++)
		if (nr_address_equal(&n->items[i].address, address))
			return &n->items[i];
	return NULL;
}

/* Addresses come sorted, so a network's are one run. */
static void add_members(
	const struct sorted *s, struct networks *n, uint8_t length, struct nr_member_set *set, size_t *room)
{
	struct nr_ipv6_network *network = NULL;
	struct nr_address last = {0};
	for (size_t i = 0; i < s->count && *room; i++) {
		struct nr_address here = network_of(address_of(s->items[i]), length);
		if (!i || !nr_address_equal(&here, &last))
			network = find_network(n, &here);
		last = here;
		if (!network)
			continue;
		nr_member_set_add(set, ((const struct nr_source6 *)(const void *)s->items[i])->member,
			(uint32_t)(network - n->items));
		--*room;
	}
}

static int count_ports(const struct sorted *s, struct networks *n, uint8_t length,
	const struct nr_parts *parts, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_member_set *set = malloc(sizeof *set);
	if (!set)
		return nr_fail(error, -ENOMEM, "out of memory");
	size_t room = NR_MIN(s->count, (size_t)COUNTED_MEMBERS_MAX);
	int e = nr_member_set_init(set, room, error);
	if (e)
		return e;
	add_members(s, n, length, set, &room);
	struct nr_tally_sum sum;
	struct nr_parts_walk walk;
	nr_parts_walk(&walk, parts);
	while (nr_parts_next(&walk, &sum)) {
		uint32_t group = nr_sum_group(&sum);
		if (group >= NR_GROUP_OTHER)
			break;
		uint32_t i = nr_sum_member(&sum) & NR_MEMBER_IPV6
				     ? nr_member_set_find(set, nr_sum_member(&sum))
				     : UINT32_MAX;
		if (i == UINT32_MAX || n->items[i].last_group == group)
			continue;
		n->items[i].last_group = group;
		n->items[i].ports++;
	}
	nr_member_set_fini(set);
	return 0;
}

/* ---- rows ---- */

static int emit_patterns(const struct nr_day_end *end, const struct nr_ipv6_sketches *sketches,
	const uint64_t packets[static NR_IPV6_PATTERNS], struct nr_error *error)
{
	int e = 0;
	for (size_t i = 0; !e && i < NR_IPV6_PATTERNS; i++) {
		if (!packets[i])
			continue;
		uint8_t written[NR_HLL_BYTES_MAX];
		struct nr_ipv6_row row = {
			.sensor = end->conf->sensor,
			.time = end->day->start,
			.dimension = "pattern",
			.key = nr_ipv6_pattern_names[i],
			.packets = packets[i],
			.sources = (uint64_t)(nr_hll_count(&sketches->sources[i]) + 0.5),
			.error = NR_HLL_ERROR,
			.destinations = (uint64_t)(nr_hll_count(&sketches->destinations[i]) + 0.5),
			.sketch = {written, nr_hll_write(&sketches->sources[i], written)},
		};
		e = end->sink->rows(end->sink, &nr_ipv6_table, &row, 1, error);
	}
	return e;
}

static int emit_networks(const struct nr_day_end *end, const struct networks *n, uint8_t length,
	uint64_t packets, const struct nr_hll *sketch, struct nr_error *error)
{
	char key[8];
	uint8_t written[NR_HLL_BYTES_MAX];
	snprintf(key, sizeof key, "/%u", length);
	struct nr_ipv6_row total = {
		.sensor = end->conf->sensor,
		.time = end->day->start,
		.dimension = "length",
		.key = key,
		.packets = packets,
		.sources = n->all,
		.sketch = {written, nr_hll_write(sketch, written)},
	};
	int e = end->sink->rows(end->sink, &nr_ipv6_table, &total, 1, error);
	for (size_t i = 0; !e && length < 128 && i < n->count; i++) {
		const struct nr_ipv6_network *network = &n->items[i];
		struct nr_place place = {0};
		nr_origin_find(&end->conf->refs->origin, &network->address, &place);
		struct nr_ipv6_network_row row = {end->conf->sensor, end->day->start, length,
			network->address, network->packets, network->sources, network->ports,
			end->day->start + network->first, end->day->start + network->last, place.country,
			place.asn, place.as_name};
		e = end->sink->rows(end->sink, &nr_ipv6_network_table, &row, 1, error);
	}
	return e;
}

/* ---- scanners that rotate ---- */

static int judge_network(
	const struct nr_day_end *end, const struct nr_ipv6_network *network, struct nr_error *error)
{
	if (network->sources < NR_IPV6_SCANNER_SOURCES || network->ports < NR_NICTER_PORTS ||
		network->packets < NR_SCALED_PACKETS)
		return 0;
	char text[NR_ADDRESS_TEXT], en[320], ja[400];
	nr_prefix_write(&(struct nr_prefix){network->address, network->length}, text);
	snprintf(en, sizeof en,
		"%" PRIu64 " addresses of %s sent %" PRIu64
		" packets to %u ports in one UTC day: one scanner that changes its address",
		network->sources, text, network->packets, network->ports);
	snprintf(ja, sizeof ja,
		"%sの%" PRIu64 "アドレスから1日（UTC）に%uポートへ%" PRIu64
		"パケット。アドレスを変えながら探索する1つのスキャナとみられる",
		text, network->sources, network->ports, network->packets);
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "rule", "ipv6-network");
	nr_json_text(&json, "network", text);
	nr_json_uint(&json, "sources", network->sources);
	nr_json_uint(&json, "packets", network->packets);
	nr_json_uint(&json, "ports", network->ports);
	nr_json_object_end(&json);
	struct nr_finding f = {
		.kind = "rotating-scanner",
		.subject = network->address,
		.first = end->day->start + network->first,
		.last = end->day->start + network->last,
		.count = network->packets,
		.confidence = 0.8,
		.severity = NR_SEVERITY_LOW,
	};
	return nr_findings_keep(end->conf, end->merged, end->sink, &f, en, ja, &json, error);
}

/* ---- the run ---- */

static void fold_networks(struct nr_ipv6_run *run, size_t at, const struct networks *n)
{
	struct nr_ipv6_network *kept = run->networks[at];
	size_t *count = &run->network_count[at];
	for (size_t i = 0; i < n->count; i++) {
		struct nr_ipv6_network *same = NULL;
		for (size_t k = 0; !same && k < *count; k++)
			same = nr_address_equal(&kept[k].address, &n->items[i].address) ? &kept[k] : NULL;
		if (same) { /* what days share is not known: at least the larger */
			same->packets += n->items[i].packets;
			same->sources = NR_MAX(same->sources, n->items[i].sources);
			same->ports = NR_MAX(same->ports, n->items[i].ports);
		} else if (*count < NR_IPV6_NETWORKS_MAX) {
			kept[(*count)++] = n->items[i];
		} else if (kept[*count - 1].packets < n->items[i].packets) {
			kept[*count - 1] = n->items[i];
		}
		qsort(kept, *count, sizeof *kept, by_packets);
	}
}

static void add_sketches(struct nr_ipv6_sketches *into, const struct nr_ipv6_sketches *from)
{
	for (size_t i = 0; i < NR_IPV6_PATTERNS; i++) {
		nr_hll_merge(&into->sources[i], &from->sources[i]);
		nr_hll_merge(&into->destinations[i], &from->destinations[i]);
	}
}

static int judge_length(const struct nr_day_end *end, const struct sorted *s, const struct nr_parts *parts,
	size_t at, uint64_t packets, struct nr_error *error)
{
	struct nr_ipv6_run *run = end->merged->ipv6;
	uint8_t length = nr_ipv6_lengths[at];
	NR_AUTO(networks_fini) struct networks n = {0};
	struct nr_hll sketch = {{0}};
	int e = find_networks(s, length, &n, &sketch, error);
	if (!e)
		e = count_ports(s, &n, length, parts, error);
	if (!e && end->sink)
		e = emit_networks(end, &n, length, packets, &sketch, error);
	/* one scanner is told once: at its /64, the network of a site's one link */
	for (size_t i = 0; !e && length == 64 && i < n.count; i++)
		e = judge_network(end, &n.items[i], error);
	if (e)
		return e;
	nr_hll_merge(&run->lengths[at], &sketch);
	run->exact[at] = n.all;
	if (length < 128)
		fold_networks(run, at, &n);
	return 0;
}

static int make_run(struct nr_merged *m, struct nr_error *error)
{
	if (!m->ipv6)
		m->ipv6 = calloc(1, sizeof *m->ipv6);
	return m->ipv6 ? 0 : nr_fail(error, -ENOMEM, "out of memory for IPv6");
}

int nr_ipv6_judge(const struct nr_day_end *end, const struct nr_parts *parts, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_ipv6_sketches *sketches = calloc(1, sizeof *sketches);
	uint64_t packets[NR_IPV6_PATTERNS] = {0}, total = 0;
	if (!sketches)
		return nr_fail(error, -ENOMEM, "out of memory for IPv6");
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		for (size_t k = 0; day && k < NR_IPV6_PATTERNS; k++) {
			packets[k] += day->ipv6.packets[k];
			total += day->ipv6.packets[k];
		}
		if (day && day->ipv6.sketches)
			add_sketches(sketches, day->ipv6.sketches);
	}
	if (!total)
		return 0;
	NR_AUTO(sorted_fini) struct sorted s = {0};
	int e = make_run(end->merged, error);
	if (!e && end->sink)
		e = emit_patterns(end, sketches, packets, error);
	if (!e)
		e = sort_sources(end, &s, error);
	for (size_t i = 0; !e && i < NR_IPV6_LENGTHS; i++)
		e = judge_length(end, &s, parts, i, total, error);
	if (e)
		return e;
	struct nr_ipv6_run *run = end->merged->ipv6;
	add_sketches(&run->patterns, sketches);
	for (size_t k = 0; k < NR_IPV6_PATTERNS; k++)
		run->packets[k] += packets[k];
	run->days++;
	return 0;
}

/* ---- the report ---- */

static void write_count(struct nr_json *json, uint64_t count, bool exact)
{
	nr_json_uint(json, "count", count);
	nr_json_bool(json, "exact", exact);
	nr_json_real(json, "error", exact ? 0 : NR_HLL_ERROR);
}

static void write_networks(const struct nr_ipv6_run *run, struct nr_json *json)
{
	nr_json_array(json, "networks");
	for (size_t at = 1; at < NR_IPV6_LENGTHS; at++)
		for (size_t i = 0; i < NR_MIN(run->network_count[at], (size_t)NR_IPV6_NETWORKS_SHOWN); i++) {
			const struct nr_ipv6_network *n = &run->networks[at][i];
			char text[NR_ADDRESS_TEXT];
			nr_json_object(json, NULL);
			nr_json_text(json, "network",
				nr_prefix_write(&(struct nr_prefix){n->address, n->length}, text));
			nr_json_uint(json, "packets", n->packets);
			nr_json_uint(json, "sources", n->sources);
			nr_json_uint(json, "ports", n->ports);
			nr_json_object_end(json);
		}
	nr_json_array_end(json);
}

void nr_ipv6_write_json(const struct nr_ipv6_run *run, struct nr_json *json)
{
	if (!run) {
		nr_json_null(json, "ipv6");
		return;
	}
	nr_json_object(json, "ipv6");
	nr_json_object(json, "sources");
	for (size_t i = 0; i < NR_IPV6_LENGTHS; i++) {
		char key[8];
		bool exact = run->days == 1;
		snprintf(key, sizeof key, "/%u", nr_ipv6_lengths[i]);
		nr_json_object(json, key);
		write_count(json, exact ? run->exact[i] : (uint64_t)(nr_hll_count(&run->lengths[i]) + 0.5),
			exact);
		nr_json_object_end(json);
	}
	nr_json_object_end(json);
	nr_json_object(json, "destinations");
	for (size_t i = 0; i < NR_IPV6_PATTERNS; i++) {
		nr_json_object(json, nr_ipv6_pattern_names[i]);
		nr_json_uint(json, "packets", run->packets[i]);
		nr_json_object(json, "sources");
		write_count(json, (uint64_t)(nr_hll_count(&run->patterns.sources[i]) + 0.5), false);
		nr_json_object_end(json);
		nr_json_object(json, "addresses");
		write_count(json, (uint64_t)(nr_hll_count(&run->patterns.destinations[i]) + 0.5), false);
		nr_json_object_end(json);
		nr_json_object_end(json);
	}
	nr_json_object_end(json);
	write_networks(run, json);
	nr_json_object_end(json);
}
