/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the day's sources: all that were judged (research scanner, own host, tool), then the busiest, up to
 * --keep-sources; and the ports that these knocked at.
 */
#include "sense/telescope/admit.h"
#include "sense/telescope/merged.h"

#include <errno.h>
#include <string.h>

/* Port rows of one source and day, or fewer where all together would not fit their share;
 * telescope_source.ports says how many there were. */
#define NR_SOURCE_PORTS_MAX 1000
#define NR_PORT_ROW_BYTES   240 /* of one, while the store brings them into two orders */
#define NR_ROWS             512

struct ranked {
	const struct nr_source *source;
	const struct nr_source_table *table;
	const struct nr_day *day;
	uint64_t member;
	uint64_t rank;
	uint64_t scan_packets;
	uint32_t ports, port_rows;
	uint32_t scanner; /* index of the research scanner among all of the run; UINT32_MAX: none */
};
struct ranking {
	struct ranked *items; /* owned */
	size_t count;
	struct nr_member_set scanners; /* of the day */
};

static void ranking_fini(struct ranking *r)
{
	free(r->items);
	nr_member_set_fini(&r->scanners);
}

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	return (x->member > y->member) - (x->member < y->member);
}

/* Keeps the first `limit` and forgets the others. */
static void cut(struct ranking *r, size_t limit)
{
	if (r->count > 1)
		qsort(r->items, r->count, sizeof *r->items, by_rank);
	r->count = NR_MIN(r->count, limit);
}

static struct ranked rank_source(const struct ranking *r, const struct nr_day *day,
	const struct nr_source_table *table, const struct nr_source *s)
{
	uint64_t member = nr_source_member(table, s);
	unsigned tools = nr_tools_judge(day, s, member).tools;
	uint32_t scanner = nr_member_set_find(&r->scanners, member);
	/* judged sources come first, rare tools before the many bots; then the busiest */
	uint64_t rank = s->packets;
	if (scanner != UINT32_MAX || s->marks & (NR_SOURCE_LISTED | NR_SOURCE_OWN))
		rank |= UINT64_C(1) << 42;
	if (tools & ~(unsigned)NR_BIT(NR_TOOL_MIRAI))
		rank |= UINT64_C(1) << 41;
	if (tools)
		rank |= UINT64_C(1) << 40;
	return (struct ranked){
		.source = s, .table = table, .day = day, .member = member, .rank = rank, .scanner = scanner};
}

/* r->items has room for twice the limit. */
static void rank_table(
	struct ranking *r, const struct nr_day *day, const struct nr_source_table *table, size_t limit)
{
	for (size_t i = 0; i < table->used; i++) {
		const struct nr_source *s = nr_source_at(table, i);
		if (!s->packets)
			continue;
		if (r->count == 2 * limit)
			cut(r, limit);
		r->items[r->count++] = rank_source(r, day, table, s);
	}
}

/* ---- ports of the kept sources ---- */

struct port_rows {
	const struct nr_day_end *end;
	struct nr_source_port_row rows[NR_ROWS];
	size_t count;
};

/* How many ports each kept source knocked at. */
static void count_ports(const struct nr_tally *tally, const struct nr_member_set *set, struct ranking *r)
{
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tally, 0, 0};
		nr_tally_next(&walk, &sum) && nr_sum_group(&sum) < NR_GROUP_OTHER;) {
		uint32_t i = nr_member_set_find(set, nr_sum_member(&sum));
		if (i == UINT32_MAX)
			continue;
		r->items[i].ports++;
		r->items[i].scan_packets += sum.packets;
	}
}

/* So many rows a source that all of them fit. */
static uint32_t ports_of_each(const struct nr_day_end *end, const struct ranking *r)
{
	uint64_t room = nr_promise(end->conf, NR_PROMISE_PORTS, 1) / NR_PORT_ROW_BYTES, low = 1;
	for (uint64_t high = NR_SOURCE_PORTS_MAX; low < high;) {
		uint64_t most = (low + high + 1) / 2, rows = 0;
		for (size_t i = 0; i < r->count; i++)
			rows += NR_MIN((uint64_t)r->items[i].ports, most);
		if (rows <= room)
			low = most;
		else
			high = most - 1;
	}
	return (uint32_t)low;
}

static int flush_port_rows(struct port_rows *p, struct nr_error *error)
{
	size_t n = p->count;
	p->count = 0;
	return n ? p->end->sink->rows(p->end->sink, &nr_source_port_table, p->rows, n, error) : 0;
}

static int emit_ports(
	const struct nr_day_end *end, const struct nr_tally *tally, struct ranking *r, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct port_rows *p = malloc(sizeof *p);
	NR_AUTO(nr_freep) struct nr_member_set *set = malloc(sizeof *set);
	if (!p || !set)
		return nr_fail(error, -ENOMEM, "out of memory");
	p->end = end;
	p->count = 0;
	int e = nr_member_set_init(set, r->count, error);
	if (e)
		return e;
	for (size_t i = 0; i < r->count; i++)
		nr_member_set_add(set, r->items[i].member, (uint32_t)i);
	count_ports(tally, set, r);
	uint32_t most = ports_of_each(end, r);
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tally, 0, 0}; !e && nr_tally_next(&walk, &sum);) {
		uint32_t group = nr_sum_group(&sum);
		if (group >= NR_GROUP_OTHER)
			break;
		uint32_t i = nr_member_set_find(set, nr_sum_member(&sum));
		if (i == UINT32_MAX)
			continue;
		struct ranked *k = &r->items[i];
		if (++k->port_rows > most)
			continue;
		p->rows[p->count++] = (struct nr_source_port_row){
			.sensor = end->conf->sensor,
			.time = end->day->start,
			.protocol = group >= NR_GROUP_UDP ? NR_UDP : NR_TCP,
			.port = (uint16_t)group,
			.address = nr_source_address(k->table, k->source),
			.packets = sum.packets,
			.bytes = sum.bytes,
		};
		if (p->count == NR_ROWS)
			e = flush_port_rows(p, error);
	}
	nr_member_set_fini(set);
	return e ? e : flush_port_rows(p, error);
}

/* ---- the sources themselves ---- */

static void write_bits(unsigned bits, const char *const *names, size_t count, char *text, size_t room)
{
	size_t at = 0;
	text[0] = 0;
	for (size_t i = 0; i < count && at < room; i++)
		if (bits & NR_BIT(i))
			at += (size_t)snprintf(text + at, room - at, "%s%s", at ? "," : "", names[i]);
}

static const char *const mark_names[] = {
	"ttl-200", "port-0", "last-octet", "bogon", "dark-source", "same-address", "own", "listed"};

static void write_research(
	const struct nr_day_end *end, const struct nr_research_scanner *s, struct nr_json *json)
{
	nr_json_object(json, "research");
	nr_json_text(json, "rule", s->rule);
	nr_json_uint(json, "scan_packets", s->scan_packets);
	nr_json_uint(json, "ports", s->ports);
	nr_json_uint(json, "dark_addresses", end->conf->refs->dark_addresses);
	if (s->list_version)
		nr_json_uint(json, "list_version", s->list_version);
	nr_json_object_end(json);
}

static int emit_source(const struct nr_day_end *end, const struct ranked *k, struct nr_error *error)
{
	const struct nr_source *s = k->source;
	struct nr_tool_verdict verdict = nr_tools_judge(k->day, s, k->member);
	const struct nr_research_scanner *research =
		k->scanner == UINT32_MAX ? NULL : &end->merged->scanners.items[k->scanner];
	struct nr_address address = nr_source_address(k->table, s);
	struct nr_place place;
	nr_origin_find(&end->conf->refs->origin, &address, &place);
	char categories[160], tools[32], marks[96], signature[128] = "";
	write_bits(
		nr_source_categories(s), nr_category_names, NR_CATEGORY_COUNT, categories, sizeof categories);
	write_bits(s->marks, mark_names, NR_COUNT(mark_names), marks, sizeof marks);
	nr_tools_write(verdict.tools, tools);
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_tools_evidence(k->day, s, k->member, &verdict, &json);
	if (s->syns >= NR_CAMPAIGN_SYNS && !verdict.tools && nr_tools_signature(s, signature))
		nr_json_text(&json, "signature", signature);
	if (research)
		write_research(end, research, &json);
	if (k->day->level && !nr_member_is_sampled(k->member, k->day->level))
		nr_json_uint(&json, "packets_missing_at_most", nr_admit_heavy_error(k->day));
	nr_json_object_end(&json);
	int e = nr_json_finish(&json, error);
	if (e)
		return e;
	struct nr_source_row row = {
		.sensor = end->conf->sensor,
		.time = end->day->start,
		.address = address,
		.packets = s->packets,
		.scan_packets = k->scan_packets,
		.ports = k->ports,
		.first = end->day->start + ((nr_time)s->first << NR_SOURCE_TIME_SHIFT),
		.last = end->day->start + ((nr_time)s->last << NR_SOURCE_TIME_SHIFT),
		.categories = categories,
		.tools = tools,
		.research = research ? research->rule : "",
		.marks = marks,
		.country = place.country,
		.asn = place.asn,
		.as_name = place.as_name,
		.evidence = json.bytes,
	};
	return end->sink->rows(end->sink, &nr_source_table, &row, 1, error);
}

static int rank_sources(
	const struct nr_day_end *end, size_t scanner_first, struct ranking *r, struct nr_error *error)
{
	const struct nr_merged *m = end->merged;
	int e = nr_member_set_init(&r->scanners, m->scanners.count - scanner_first, error);
	if (e)
		return e;
	for (size_t i = scanner_first; i < m->scanners.count; i++)
		nr_member_set_add(&r->scanners, m->scanners.items[i].member, (uint32_t)i);
	size_t limit = NR_MAX((size_t)end->conf->keep_sources, (size_t)1);
	size_t room = 0;
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		room += day ? day->table4.used + day->table6.used : 0;
	}
	room = NR_MIN(room, 2 * limit) + 1;
	r->items = malloc(room * sizeof *r->items);
	if (!r->items)
		return nr_fail(error, -ENOMEM, "out of memory to rank %zu sources", room);
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		if (!day)
			continue;
		rank_table(r, day, &day->table4, limit);
		rank_table(r, day, &day->table6, limit);
	}
	cut(r, (size_t)end->conf->keep_sources);
	return 0;
}

int nr_sources_emit(const struct nr_day_end *end, const struct nr_tally *tally, size_t scanner_first,
	struct nr_error *error)
{
	NR_AUTO(ranking_fini) struct ranking r = {0};
	int e = rank_sources(end, scanner_first, &r, error);
	if (e || !r.count)
		return e;
	e = emit_ports(end, tally, &r, error);
	for (size_t i = 0; !e && i < r.count; i++)
		e = emit_source(end, &r.items[i], error);
	return e;
}
