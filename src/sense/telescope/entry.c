/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one packet of any kind changes in the entry of its source, in the tallies, and in what hangs on the
 * day. observe.c does the same for the packets that most are, with less looking around.
 */
#include "sense/telescope/entry.h"
#include "sense/telescope/syn.h"

const char *const nr_category_names[NR_CATEGORY_COUNT] = {"tcp_syn", "tcp_syn_ack", "tcp_rst", "tcp_other",
	"udp", "icmp", "other", "scan", "backscatter", "spoofed", "malformed", "misconfigured"};
const char *const nr_tool_names[NR_TOOL_COUNT] = {"mirai", "zmap", "masscan", "nmap"};

bool nr_icmp_is_backscatter(const struct nr_packet *p)
{
	if (!(p->marks & NR_MARK_PORTS))
		return false;
	unsigned type = p->source_port;
	if (p->protocol == NR_ICMPV6)
		return (type >= 1 && type <= 4) || type == 129; /* RFC 4443: errors, echo reply */
	return type <= 18 && (NR_BIT(type) & (NR_BIT(0) | NR_BIT(3) | NR_BIT(4) | NR_BIT(5) | NR_BIT(11) |
						     NR_BIT(12) | NR_BIT(14) | NR_BIT(16) | NR_BIT(18)));
}

uint16_t nr_telescope_mask_of_group(const void *context, uint32_t group)
{
	(void)context;
	if (group < NR_GROUP_UDP)
		return NR_BIT(NR_CATEGORY_TCP_SYN) | NR_BIT(NR_CATEGORY_SCAN);
	if (group < NR_GROUP_OTHER)
		return NR_BIT(NR_CATEGORY_UDP) | NR_BIT(NR_CATEGORY_SCAN);
	if (group >= NR_GROUP_EXTRA)
		return (uint16_t)NR_BIT(group - NR_GROUP_EXTRA);
	uint32_t other = group - NR_GROUP_OTHER;
	return (uint16_t)(NR_BIT(other / 2) | (other & 1 ? NR_BIT(NR_CATEGORY_BACKSCATTER) : 0));
}

/* ---- sources ---- */

static void note_new_source(
	const struct nr_telescope_refs *refs, struct nr_source *s, const struct nr_packet *p)
{
	uint8_t last = p->source.octets[15];
	unsigned marks = last == 0 || last == 255 ? NR_SOURCE_LAST_OCTET : 0;
	if (nr_prefix_table_find(refs->bogon, &p->source) != NR_PREFIX_NONE)
		marks |= NR_SOURCE_BOGON;
	if (refs->dark && nr_prefix_table_find(refs->dark, &p->source) != NR_PREFIX_NONE)
		marks |= NR_SOURCE_DARK;
	if (refs->own && nr_prefix_table_find(refs->own, &p->source) != NR_PREFIX_NONE) {
		marks |= NR_SOURCE_OWN;
		marks &= ~(unsigned)NR_SOURCE_BOGON; /* own networks may well be private */
	}
	if (refs->lists.table && nr_prefix_table_find(refs->lists.table, &p->source) != NR_PREFIX_NONE)
		marks |= NR_SOURCE_LISTED;
	if (p->kind == NR_PACKET_IPV6)
		marks &= ~(unsigned)NR_SOURCE_LAST_OCTET;
	s->marks = (uint8_t)marks;
}

/* A SYN that carries the mark of a tool. */
static void observe_mark(struct nr_day *day, struct nr_source *s, const struct nr_packet *p, bool mirai,
	bool zmap, bool masscan)
{
	unsigned facts = 0;
	if (mirai) {
		day->matched[NR_TOOL_MIRAI]++;
		nr_count_to_max(&s->mirai);
	}
	if (zmap) {
		day->matched[NR_TOOL_ZMAP]++;
		day->beyond[NR_TOOL_ZMAP] += s->zmap == UINT16_MAX;
		nr_count_to_max(&s->zmap);
		facts |= p->window == NR_ZMAP_WINDOW && p->ttl >= NR_TTL_STATELESS ? NR_SEEN_ZMAP_STRONG : 0;
	}
	if (masscan && !mirai) {
		day->matched[NR_TOOL_MASSCAN]++;
		day->beyond[NR_TOOL_MASSCAN] += s->masscan == UINT16_MAX;
		nr_count_to_max(&s->masscan);
		facts |= p->window == NR_MASSCAN_WINDOW && p->ttl >= NR_TTL_STATELESS ? NR_SEEN_MASSCAN_STRONG
										      : 0;
		facts |= p->option_kind == NR_TCP_OPTIONS_MSS_1460 ? NR_SEEN_MASSCAN_MSS : 0;
	}
	s->constant = (uint16_t)(s->constant | facts);
}

NR_INLINE void observe_syn(struct nr_day *day, struct nr_source *s, uint64_t member,
	const struct nr_packet *p, uint32_t destination, const bool ipv4)
{
	if (NR_UNLIKELY(!s->syns))
		nr_syn_first(s, p, destination);
	else if (s->constant & NR_SAME_ALL)
		nr_syn_compare(s, p, destination);
	const bool was_full = s->syns == UINT16_MAX;
	nr_count_to_max(&s->syns);
	if (NR_UNLIKELY(s->constant & NR_ONLY_NMAP_SHAPE) && !nr_syn_is_nmap_shape(p))
		s->constant = (uint16_t)(s->constant & ~NR_ONLY_NMAP_SHAPE);
	if (!ipv4)
		return;
	bool mirai = p->sequence == destination, zmap = p->id == NR_ZMAP_ID;
	bool masscan = p->id == nr_syn_masscan(destination, p->destination_port, p->sequence);
	if (mirai | zmap | masscan)
		observe_mark(day, s, p, mirai, zmap, masscan);
	if (NR_UNLIKELY(p->window == NR_ZMAP_WINDOW) && nr_syn_is_zmap_new_shape(p)) {
		nr_suspects_observe(&day->suspects, (uint32_t)member, nr_source_is_busy(s), p);
		day->beyond_zmap_new += was_full;
		s->zmap_new = (uint8_t)(s->zmap_new + (s->zmap_new != UINT8_MAX));
	}
}

/* A probe of ZMap's UDP and ICMP modules before 4.1 has the same id as its SYNs. Answers prove nothing:
 * whoever sends them may copy what was asked. */
static void observe_datagram(
	struct nr_day *day, struct nr_source *s, uint64_t member, const struct nr_packet *p, bool backscatter)
{
	if (backscatter || (p->protocol != NR_UDP && p->protocol != NR_ICMP) || !(p->marks & NR_MARK_PORTS))
		return;
	s->facts |= NR_SOURCE_ZMAP_DATAGRAM;
	nr_suspects_count_datagram(&day->suspects, (uint32_t)member, nr_source_is_busy(s));
}

/* ---- one packet ---- */

void nr_entry_victim(struct nr_local *l, const struct nr_packet *p)
{
	bool icmp = p->protocol == NR_ICMP || p->protocol == NR_ICMPV6;
	struct nr_backscatter b = {p->time, p->source, p->destination, icmp ? NR_ICMP : p->protocol,
		p->source_port, p->destination_port, p->wire,
		p->kind != NR_PACKET_QUOTE && nr_category_of(p) == NR_CATEGORY_TCP_SYN_ACK};
	if (p->kind != NR_PACKET_QUOTE && icmp && (p->marks & (NR_MARK_QUOTES | NR_MARK_QUOTE_MISMATCH))) {
		l->victims.mismatches += (p->marks & NR_MARK_QUOTE_MISMATCH) != 0;
		return; /* the victim is whom it quotes, and comes as a packet of its own */
	}
	nr_victims_observe(&l->victims, &b);
	nr_carpet_cells_observe(&l->carpet_cells, &b);
}

/* Spoofed, malformed, misconfigured: counted apart, besides the packet's own group. */
static unsigned extras_of(const struct nr_source *s, const struct nr_packet *p)
{
	unsigned extra = 0;
	if ((s->marks & NR_SOURCE_FORGED) || nr_address_equal(&p->source, &p->destination))
		extra |= NR_BIT(NR_CATEGORY_SPOOFED);
	if (p->marks & NR_MARK_BAD_HEADER)
		extra |= NR_BIT(NR_CATEGORY_MALFORMED);
	if (p->protocol == NR_TCP && (p->marks & NR_MARK_FLAGS) && (p->flags & NR_TCP_SYN) &&
		(p->flags & (NR_TCP_FIN | NR_TCP_RST)))
		extra |= NR_BIT(NR_CATEGORY_MALFORMED);
	if (p->marks & NR_MARK_MISCONFIGURED)
		extra |= NR_BIT(NR_CATEGORY_MISCONFIGURED);
	return extra;
}

static void put_extras(struct nr_local *l, unsigned extra, uint64_t member, uint32_t wire)
{
	for (unsigned rest = extra; rest; rest &= rest - 1)
		nr_local_put(l, NR_GROUP_EXTRA + (uint32_t)__builtin_ctz(rest), member, 1,
			NR_MIN(wire, NR_FRAME_BYTES_MAX));
}

NR_INLINE unsigned marks_of(const struct nr_packet *p)
{
	if (p->protocol == NR_ICMP || p->protocol == NR_ICMPV6)
		return 0;
	unsigned no_port = (p->marks & NR_MARK_PORTS) && (!p->source_port || !p->destination_port);
	return (unsigned)(p->ttl >= NR_TTL_STATELESS) * NR_SOURCE_TTL_200 | no_port * NR_SOURCE_PORT_0;
}

/* What few packets need: extra groups, own hosts, victims. */
static void observe_rest(
	struct nr_local *l, struct nr_source *s, uint64_t member, const struct nr_packet *p, bool backscatter)
{
	unsigned extra = extras_of(s, p);
	if (extra) {
		s->facts = (uint16_t)(s->facts | extra);
		put_extras(l, extra, member, p->wire);
		if (nr_address_equal(&p->source, &p->destination))
			s->marks |= NR_SOURCE_SAME;
	}
	if (s->marks & NR_SOURCE_OWN)
		nr_own_observe(&l->day->own, p, backscatter);
	if (backscatter)
		nr_entry_victim(l, p);
}

/* Where a packet belongs. */
struct place {
	uint32_t group;
	uint16_t categories;
	bool syn, backscatter;
};

NR_INLINE struct place place_of(const struct nr_packet *p)
{
	enum nr_category category = nr_category_of(p);
	if (NR_LIKELY(category == NR_CATEGORY_TCP_SYN))
		return (struct place){p->destination_port,
			NR_BIT(NR_CATEGORY_TCP_SYN) | NR_BIT(NR_CATEGORY_SCAN), true, false};
	bool backscatter = nr_is_backscatter(p, category);
	if (category == NR_CATEGORY_UDP && (p->marks & NR_MARK_PORTS) && !backscatter)
		return (struct place){NR_GROUP_UDP + p->destination_port,
			NR_BIT(NR_CATEGORY_UDP) | NR_BIT(NR_CATEGORY_SCAN), false, false};
	unsigned categories = NR_BIT(category) | (backscatter ? NR_BIT(NR_CATEGORY_BACKSCATTER) : 0);
	return (struct place){NR_GROUP_OTHER + (uint32_t)category * 2 + backscatter, (uint16_t)categories,
		false, backscatter};
}

void nr_entry_observe(const struct nr_telescope_refs *refs, struct nr_local *l,
	const struct nr_source_table *table, struct nr_source *s, uint64_t member, const struct nr_packet *p,
	nr_time time)
{
	struct place place = place_of(p);
	bool ipv4 = p->kind == NR_PACKET_IPV4;
	uint32_t destination = nr_address_low(&p->destination);
	uint32_t at = (uint32_t)((uint64_t)(time - l->day_start) >> NR_SOURCE_TIME_SHIFT);
	if (NR_UNLIKELY(!s->packets)) {
		s->first = s->last = at;
		note_new_source(refs, s, p);
	}
	s->packets += s->packets != UINT32_MAX;
	s->first = NR_MIN(s->first, at);
	s->last = NR_MAX(s->last, at);
	s->facts |= place.categories;
	s->marks = (uint8_t)(s->marks | marks_of(p));
	if (place.group >= NR_GROUP_OTHER ||
		!nr_usual_add(&l->usual, table, s, nr_source_entry(table, s), place.group, p->wire))
		nr_local_remember(l, table, s, member, place.group, p->wire);
	if (NR_LIKELY(place.syn))
		observe_syn(l->day, s, member, p, destination, ipv4);
	else if (NR_UNLIKELY(p->id == NR_ZMAP_ID) && ipv4)
		observe_datagram(l->day, s, member, p, place.backscatter);
	const unsigned odd = NR_MARK_BAD_HEADER | NR_MARK_MISCONFIGURED;
	bool perhaps_same = (uint32_t)member == destination || !ipv4;
	bool other_tcp = p->protocol == NR_TCP && !place.syn;
	if (NR_UNLIKELY(place.backscatter || other_tcp || (p->marks & odd) ||
			(s->marks & (NR_SOURCE_FORGED | NR_SOURCE_OWN)) || perhaps_same))
		observe_rest(l, s, member, p, place.backscatter);
}

/* A source that found no room: its packets are counted, the source itself is not judged. */
void nr_entry_untracked(
	const struct nr_telescope_refs *refs, struct nr_local *l, uint64_t member, const struct nr_packet *p)
{
	struct nr_source scratch = {0};
	struct place place = place_of(p);
	note_new_source(refs, &scratch, p);
	nr_local_put(l, place.group, member, 1, NR_MIN(p->wire, NR_FRAME_BYTES_MAX));
	observe_rest(l, &scratch, member, p, place.backscatter);
	l->day->untracked++;
}
