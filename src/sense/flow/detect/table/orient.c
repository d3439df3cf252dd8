/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/table/orient.h"

#include "base/pages.h"

#include <errno.h>

#define FAN_IN_LEAD   4     /* peers that one side must have more, and twice as many */
#define EPHEMERAL     32768 /* systems give clients ports from here on (Linux); others from 49152 */
#define IP_TCP        6
#define IP_UDP        17
#define IP_DCCP       33
#define IP_SCTP       132
#define IP_UDPLITE    136
#define BARE_TCP      60 /* bytes of a packet with TCP options and no payload, at most (IPv4 with 20 of them) */
#define BARE_TCP_IPV6 80

/* Ports at which services are known to listen: of IANA's list those that are seen. */
static const uint16_t known_ports[] = {7, 9, 13, 17, 19, 20, 21, 22, 23, 25, 37, 43, 49, 53, 67, 69, 70, 79,
	80, 88, 102, 109, 110, 111, 113, 119, 123, 135, 137, 138, 139, 143, 161, 162, 177, 179, 194, 264, 389,
	427, 443, 444, 445, 464, 465, 500, 502, 512, 513, 514, 515, 520, 523, 543, 544, 546, 547, 548, 554,
	563, 587, 591, 593, 623, 631, 636, 646, 647, 651, 664, 749, 783, 853, 860, 873, 902, 989, 990, 991,
	992, 993, 994, 995, 1080, 1194, 1311, 1352, 1433, 1434, 1521, 1604, 1645, 1646, 1701, 1723, 1812,
	1813, 1883, 1900, 1935, 2049, 2083, 2087, 2096, 2123, 2152, 2181, 2222, 2323, 2375, 2376, 2379, 2404,
	3000, 3074, 3128, 3260, 3268, 3269, 3283, 3306, 3389, 3478, 3544, 3702, 3724, 4500, 4786, 4840, 5000,
	5001, 5038, 5060, 5061, 5222, 5223, 5228, 5269, 5351, 5353, 5355, 5357, 5432, 5555, 5601, 5671, 5672,
	5683, 5684, 5900, 5901, 5938, 5984, 5985, 5986, 6000, 6379, 6443, 6514, 6660, 6665, 6666, 6667, 6668,
	6669, 6697, 6881, 7000, 7001, 7070, 7547, 7680, 8000, 8008, 8009, 8010, 8080, 8081, 8082, 8086, 8088,
	8089, 8090, 8123, 8291, 8333, 8443, 8530, 8554, 8728, 8883, 8888, 9000, 9001, 9042, 9090, 9092, 9100,
	9200, 9300, 9418, 9443, 9987, 9993, 9999, 10000, 10050, 10051, 11211, 19302, 25565, 27015, 27017,
	32764, 37215, 44818, 47808, 51820, 52869};

static void know_ports(struct nr_flow_orient *orient)
{
	for (size_t i = 0; i < NR_COUNT(known_ports); i++)
		orient->known[known_ports[i] / 64] |= UINT64_C(1) << known_ports[i] % 64;
}

int nr_flow_orient_init(struct nr_flow_orient *orient, const struct nr_flow_hash_key *key,
	const struct nr_prefix *own, size_t own_count, uint64_t bytes, struct nr_error *error)
{
	struct nr_flow_orient o = {.key = *key};
	size_t count = 1024;
	know_ports(&o);
	while (2 * count * sizeof *o.fan_ins <= bytes)
		count *= 2;
	o.fan_in_mask = count - 1;
	o.fan_in_bytes = count * sizeof *o.fan_ins;
	void *pages = NULL;
	int e = nr_pages_resize(NULL, &pages, 0, o.fan_in_bytes, error);
	o.fan_ins = pages;
	if (!e && own_count)
		e = nr_prefix_table_new(&o.own, error);
	for (size_t i = 0; !e && i < own_count; i++)
		e = nr_prefix_table_add(o.own, &own[i], 0, error);
	if (!e && own_count)
		e = nr_prefix_table_seal(o.own, error);
	if (e)
		nr_flow_orient_fini(&o);
	else
		*orient = o;
	return e;
}

void nr_flow_orient_fini(struct nr_flow_orient *orient)
{
	nr_pages_unmap(NULL, orient->fan_ins, orient->fan_in_bytes);
	nr_prefix_table_free(orient->own);
	*orient = (struct nr_flow_orient){0};
}

void nr_flow_orient_hour(struct nr_flow_orient *orient, uint32_t hour)
{
	if (hour == orient->hour)
		return;
	orient->hour = hour;
	for (size_t i = 0; i <= orient->fan_in_mask; i++)
		orient->fan_ins[i] = (struct nr_flow_fan_in){0, orient->fan_ins[i].now};
}

void nr_flow_view_init(struct nr_flow_view *view, const struct nr_flow_block *block)
{
	*view = (struct nr_flow_view){
		.block = block,
		.first = nr_flow_column(block, NR_FLOW_FIRST),
		.last = nr_flow_column(block, NR_FLOW_LAST),
		.source_high = nr_flow_column(block, NR_FLOW_SOURCE_HIGH),
		.source_low = nr_flow_column(block, NR_FLOW_SOURCE_LOW),
		.destination_high = nr_flow_column(block, NR_FLOW_DESTINATION_HIGH),
		.destination_low = nr_flow_column(block, NR_FLOW_DESTINATION_LOW),
		.source_port = nr_flow_column(block, NR_FLOW_SOURCE_PORT),
		.destination_port = nr_flow_column(block, NR_FLOW_DESTINATION_PORT),
		.tcp_flags = nr_flow_column(block, NR_FLOW_TCP_FLAGS),
		.reverse_tcp_flags = nr_flow_column(block, NR_FLOW_REVERSE_TCP_FLAGS),
		.marks = nr_flow_column(block, NR_FLOW_MARKS),
		.stream = nr_flow_column(block, NR_FLOW_STREAM),
		.protocol = nr_flow_column(block, NR_FLOW_PROTOCOL),
		.end_reason = nr_flow_column(block, NR_FLOW_END_REASON),
		.event = nr_flow_column(block, NR_FLOW_EVENT),
		.packets = nr_flow_column(block, NR_FLOW_PACKETS),
		.bytes = nr_flow_column(block, NR_FLOW_BYTES),
		.reverse_packets = nr_flow_column(block, NR_FLOW_REVERSE_PACKETS),
		.reverse_bytes = nr_flow_column(block, NR_FLOW_REVERSE_BYTES),
		.sampling = nr_flow_column(block, NR_FLOW_SAMPLING),
	};
}

/* ---- the decision ---- */

struct side {
	struct nr_address address;
	uint16_t port;
};

NR_INLINE unsigned rank(const struct nr_flow_orient *orient, uint16_t port)
{
	bool is_known = orient->known[port / 64] >> port % 64 & 1;
	return port < 1024 ? (is_known ? 3 : 1) : (is_known ? 2 : 0);
}

static uint64_t hash_side(const struct nr_flow_orient *orient, const struct side *side, uint8_t protocol)
{
	return nr_flow_hash(&orient->key, &side->address, (uint64_t)side->port << 8 | protocol);
}

static void meet(struct nr_flow_orient *orient, uint64_t of, uint64_t peer)
{
	orient->fan_ins[of & orient->fan_in_mask].now |= UINT64_C(1) << (peer >> 58);
}

static int peers(const struct nr_flow_orient *orient, uint64_t of)
{
	const struct nr_flow_fan_in *fan_in = &orient->fan_ins[of & orient->fan_in_mask];
	return __builtin_popcountll(fan_in->now | fan_in->before);
}

static bool is_own(const struct nr_flow_orient *orient, const struct nr_address *address)
{
	return orient->own && nr_prefix_table_find(orient->own, address) != NR_PREFIX_NONE;
}

/* Both sides' ports say the same: who is a client by definition, who has more peers, who has the port that
 * systems do not give to clients. */
static bool source_is_client_alike(struct nr_flow_orient *orient, const struct side *source,
	const struct side *destination, uint8_t protocol, uint16_t marks, bool learn, uint8_t *ret_by)
{
	bool own_source = marks & NR_FLOW_MARK_SOURCE_CLIENT || is_own(orient, &source->address);
	bool own_destination =
		marks & NR_FLOW_MARK_DESTINATION_CLIENT || is_own(orient, &destination->address);
	*ret_by = NR_FLOW_BY_CLIENT;
	if (own_source != own_destination)
		return own_source;
	uint64_t a = hash_side(orient, source, protocol), b = hash_side(orient, destination, protocol);
	if (learn) {
		meet(orient, a, b);
		meet(orient, b, a);
	}
	int of_source = peers(orient, a), of_destination = peers(orient, b);
	*ret_by = NR_FLOW_BY_PEERS;
	if (of_source >= 2 * of_destination + FAN_IN_LEAD)
		return false;
	if (of_destination >= 2 * of_source + FAN_IN_LEAD)
		return true;
	*ret_by = NR_FLOW_BY_SMALLER_PORT;
	if ((source->port < EPHEMERAL) != (destination->port < EPHEMERAL))
		return destination->port < EPHEMERAL;
	*ret_by = NR_FLOW_BY_ORDER;
	if (source->port != destination->port)
		return destination->port < source->port;
	return memcmp(&source->address, &destination->address, sizeof source->address) > 0;
}

static bool source_is_client(struct nr_flow_orient *orient, const struct side *source,
	const struct side *destination, uint8_t protocol, uint16_t flags, uint16_t marks, uint64_t packets,
	bool learn, uint8_t *ret_by)
{
	*ret_by = NR_FLOW_BY_INITIATOR;
	if (marks & NR_FLOW_MARK_BIFLOW)
		return true;
	bool syn = protocol == IP_TCP && flags & NR_TCP_SYN;
	bool ack = flags & NR_TCP_ACK;
	*ret_by = NR_FLOW_BY_SYN;
	/* flags of a whole connection are those of both sides: only a single packet tells a server */
	if (syn && (!ack || packets == 1)) {
		if (learn && !rank(orient, source->port) && !rank(orient, destination->port)) {
			const struct side *server = ack ? source : destination;
			const struct side *client = ack ? destination : source;
			meet(orient, hash_side(orient, server, protocol),
				hash_side(orient, client, protocol));
		}
		return !ack;
	}
	*ret_by = NR_FLOW_BY_KNOWN_PORT;
	unsigned of_source = rank(orient, source->port), of_destination = rank(orient, destination->port);
	if (of_source != of_destination)
		return of_destination > of_source;
	return source_is_client_alike(orient, source, destination, protocol, marks, learn, ret_by);
}

/* ---- rows ---- */

NR_INLINE struct nr_address address_at(const uint64_t *high, const uint64_t *low, uint32_t row)
{
	struct nr_address address;
	uint64_t h = high ? __builtin_bswap64(high[row]) : 0, l = low ? __builtin_bswap64(low[row]) : 0;
	memcpy(address.octets, &h, 8);
	memcpy(address.octets + 8, &l, 8);
	return address;
}

NR_INLINE bool has_ports(uint8_t protocol)
{
	return protocol == IP_TCP || protocol == IP_UDP || protocol == IP_SCTP || protocol == IP_DCCP ||
	       protocol == IP_UDPLITE;
}

#define AT(column, row) ((column) ? (column)[row] : 0)

static void fill_common(struct nr_flow_talk *talk, const struct nr_flow_view *v, uint32_t row, uint16_t marks)
{
	talk->first = AT(v->first, row);
	talk->last = AT(v->last, row);
	if (talk->last < talk->first)
		talk->last = talk->first;
	talk->marks = marks;
	talk->end_reason = AT(v->end_reason, row);
	talk->exporter = AT(v->stream, row);
	talk->sampling = v->sampling ? v->sampling[row] : 0;
}

static void fill_counts(struct nr_flow_talk *talk, const struct nr_flow_view *v, uint32_t row, bool up)
{
	uint64_t packets = AT(v->packets, row), bytes = AT(v->bytes, row);
	uint64_t back_packets = AT(v->reverse_packets, row), back_bytes = AT(v->reverse_bytes, row);
	uint16_t flags = AT(v->tcp_flags, row), back_flags = AT(v->reverse_tcp_flags, row);
	talk->sides = up ? NR_FLOW_UP : NR_FLOW_DOWN;
	/* a biflow without an answer tells of both directions, too: that nothing came back */
	if (back_packets || back_bytes || talk->marks & NR_FLOW_MARK_BIFLOW)
		talk->sides = NR_FLOW_UP | NR_FLOW_DOWN;
	talk->up_packets = up ? packets : back_packets;
	talk->up_bytes = up ? bytes : back_bytes;
	talk->up_flags = up ? flags : back_flags;
	talk->down_packets = up ? back_packets : packets;
	talk->down_bytes = up ? back_bytes : bytes;
	talk->down_flags = up ? back_flags : flags;
}

enum nr_flow_row nr_flow_orient_row(struct nr_flow_orient *orient, const struct nr_flow_view *view,
	uint32_t row, bool learn, struct nr_flow_talk *ret_talk)
{
	uint16_t marks = AT(view->marks, row);
	uint8_t protocol = AT(view->protocol, row);
	if (marks & NR_FLOW_MARK_EVENT || AT(view->event, row) || !protocol)
		return NR_FLOW_ROW_IGNORED;
	struct side source = {
		address_at(view->source_high, view->source_low, row), AT(view->source_port, row)};
	struct side destination = {address_at(view->destination_high, view->destination_low, row),
		AT(view->destination_port, row)};
	bool talks = has_ports(protocol) && (source.port || destination.port);
	bool up = true;
	uint8_t by = NR_FLOW_BY_ORDER;
	if (talks)
		up = source_is_client(orient, &source, &destination, protocol, AT(view->tcp_flags, row),
			marks, AT(view->packets, row), learn, &by);
	const struct side *server = up ? &destination : &source, *client = up ? &source : &destination;
	*ret_talk = (struct nr_flow_talk){
		.server = {server->address, talks ? server->port : 0, protocol},
		.client = client->address,
		.client_port = talks ? client->port : 0,
		.oriented = by,
	};
	fill_common(ret_talk, view, row, marks);
	fill_counts(ret_talk, view, row, up);
	return talks && ret_talk->server.port ? NR_FLOW_ROW_TALK : NR_FLOW_ROW_HOSTS;
}

/* ---- connections ---- */

/* More bytes than headers need. */
static bool has_payload(const struct nr_flow_talk *talk, uint64_t packets, uint64_t bytes)
{
	uint64_t bare = nr_address_is_ipv4(&talk->client) ? BARE_TCP : BARE_TCP_IPV6;
	return bytes / bare >= packets && bytes > packets * bare;
}

bool nr_flow_talk_is_refused(const struct nr_flow_talk *talk)
{
	if (talk->marks & NR_FLOW_MARK_DISCARDED)
		return true;
	if (talk->server.protocol != IP_TCP) /* who asks by UDP and hears nothing: only both directions say */
		return talk->sides == (NR_FLOW_UP | NR_FLOW_DOWN) && talk->up_packets && !talk->down_packets;
	if (talk->sides & NR_FLOW_UP)
		return talk->up_flags & NR_TCP_SYN && !(talk->up_flags & NR_TCP_ACK) &&
		       !(talk->down_flags & NR_TCP_SYN);
	return (talk->down_flags & (NR_TCP_RST | NR_TCP_SYN | NR_TCP_PSH)) == NR_TCP_RST &&
	       talk->down_packets == 1 && !has_payload(talk, talk->down_packets, talk->down_bytes);
}

bool nr_flow_talk_is_established(const struct nr_flow_talk *talk)
{
	if (talk->marks & NR_FLOW_MARK_DISCARDED)
		return false;
	if (talk->server.protocol != IP_TCP)
		return talk->up_packets && talk->down_packets;
	if (talk->sides == (NR_FLOW_UP | NR_FLOW_DOWN))
		return talk->up_flags & NR_TCP_ACK && talk->up_packets && talk->down_packets &&
		       !(talk->down_flags & NR_TCP_RST && !(talk->down_flags & NR_TCP_SYN));
	if (talk->sides & NR_FLOW_UP)
		return talk->up_flags & NR_TCP_ACK &&
		       (talk->up_flags & NR_TCP_PSH || has_payload(talk, talk->up_packets, talk->up_bytes));
	return talk->down_flags & NR_TCP_ACK &&
	       (talk->down_flags & NR_TCP_PSH || has_payload(talk, talk->down_packets, talk->down_bytes));
}
