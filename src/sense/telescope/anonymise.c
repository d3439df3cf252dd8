/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, IP headers, and the proof of each packet: it is decoded once more before it is given away. */
#include "sense/telescope/anonymise_inside.h"
#include "wire/checksum.h"
#include "wire/link.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define IPV6_FRAGMENT 44
#define STAMP_TICKS   1000 /* a second of the fastest clock that TCP time stamps may run on (RFC 7323, 5.4) */

const char *const nr_withheld_names[NR_WITHHELD_COUNT] = {
	[NR_WITHHELD_OWN] = "own_host",
	[NR_WITHHELD_EXTENSION] = "extension_cut",
	[NR_WITHHELD_UNSAFE] = "unsafe",
};

const char *const nr_rewritten_names[NR_REWRITTEN_COUNT] = {
	[NR_REWRITTEN_CHECKSUM_ZERO] = "checksums_zeroed",
	[NR_REWRITTEN_PAYLOAD_REMOVED] = "payloads_removed",
	[NR_REWRITTEN_PAYLOAD_KEPT] = "payloads_kept",
	[NR_REWRITTEN_PAYLOAD_SUSPECT] = "payloads_suspect",
	[NR_REWRITTEN_LENGTH_PADDED] = "lengths_padded",
	[NR_REWRITTEN_IP_OPTIONS] = "ip_options_removed",
	[NR_REWRITTEN_EXTENSIONS] = "extensions_removed",
	[NR_REWRITTEN_TCP_OPTIONS] = "tcp_options_cleared",
	[NR_REWRITTEN_TIMESTAMP] = "tcp_timestamps_rounded",
	[NR_REWRITTEN_QUOTE] = "quotes_rewritten",
	[NR_REWRITTEN_QUOTE_REMOVED] = "quotes_removed",
	[NR_REWRITTEN_DERIVED] = "fields_derived",
	[NR_REWRITTEN_SOURCES_BEYOND] = "syns_of_sources_beyond_limit",
	[NR_REWRITTEN_OWN] = "own_hosts_anonymised",
	[NR_REWRITTEN_EMBEDDED_SOURCE] = "embedding_sources_anonymised",
};

/* SHA-256 of key, salt and label: keys for different purposes that tell nothing of each other. */
static int derive(const uint8_t *key, const uint8_t salt[static 16], const char *label,
	uint8_t ret[static 32], struct nr_error *error)
{
	uint8_t bytes[NR_ANONYMISE_KEY + 16 + 16] = {0};
	memcpy(bytes, key, NR_ANONYMISE_KEY);
	memcpy(bytes + NR_ANONYMISE_KEY, salt, 16);
	memcpy(bytes + NR_ANONYMISE_KEY + 16, label, NR_MIN(strlen(label), (size_t)16));
	int ok = EVP_Digest(bytes, sizeof bytes, ret, NULL, EVP_sha256(), NULL);
	explicit_bzero(bytes, sizeof bytes);
	return ok == 1 ? 0 : nr_fail(error, -EIO, "SHA-256: the cryptographic library refused");
}

static int make_keys(struct nr_anonymiser *a, struct nr_error *error)
{
	static const uint8_t always[16];
	uint8_t salt[16], secret[32];
	if (getrandom(salt, sizeof salt, 0) != sizeof salt)
		return nr_fail(error, -errno, "random numbers: %s", strerror(errno));
	int e = derive(a->conf.key, always, "addresses", secret, error);
	if (!e)
		e = nr_cryptopan_new(secret, &a->addresses, error);
	if (!e)
		e = derive(a->conf.key, always, "sources", secret, error);
	if (!e)
		e = nr_cryptopan_new(secret, &a->outside, error);
	if (!e)
		e = derive(a->conf.key, salt, "numbers", secret, error);
	if (!e)
		e = nr_numbers_init(a, secret, error);
	explicit_bzero(secret, sizeof secret);
	a->conf.key = NULL; /* the caller's; not needed any more */
	return e;
}

int nr_anonymiser_new(
	const struct nr_anonymise_conf *conf, struct nr_anonymiser **ret_anonymiser, struct nr_error *error)
{
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = calloc(1, sizeof *a);
	if (!a)
		return nr_fail(error, -ENOMEM, "out of memory");
	a->conf = *conf;
	a->stamp_mask = UINT32_MAX;
	while (a->stamp_mask &&
		(uint64_t)(~a->stamp_mask + UINT64_C(1)) * NR_SECOND < (uint64_t)conf->unit * STAMP_TICKS)
		a->stamp_mask <<= 1;
	int e = make_keys(a, error);
	if (!e)
		*ret_anonymiser = nr_steal(&a);
	return e;
}

void nr_anonymiser_free(struct nr_anonymiser *a)
{
	if (!a)
		return;
	nr_cryptopan_free(a->addresses);
	nr_cryptopan_free(a->outside);
	nr_numbers_fini(a);
	free(a);
}

void nr_anonymiser_freep(struct nr_anonymiser **a)
{
	nr_anonymiser_free(*a);
}

void nr_anonymiser_keep_payload(struct nr_anonymiser *a, uint8_t protocol, uint16_t port)
{
	a->keep_payload[protocol == NR_UDP][port / 8] |= (uint8_t)(1u << port % 8);
}

const struct nr_anonymise_counts *nr_anonymise_counts(const struct nr_anonymiser *a)
{
	return &a->counts;
}

/* ---- addresses ---- */

static bool holds(const struct nr_prefix_table *table, const struct nr_address *address)
{
	return table && nr_prefix_table_find(table, address) != NR_PREFIX_NONE;
}

/* IPv4 addresses inside IPv6 ones: 6to4 (RFC 3056), NAT64 (RFC 6052), Teredo (RFC 4380; inverted). */
static bool embedded_ipv4(const struct nr_address *address, struct nr_address *ret)
{
	static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b}, teredo[4] = {0x20, 0x01};
	const uint8_t *octets = address->octets;
	uint32_t ipv4;
	if (octets[0] == 0x20 && octets[1] == 0x02)
		ipv4 = nr_u32_at(octets + 2);
	else if (memcmp(octets, nat64, sizeof nat64) == 0)
		ipv4 = nr_u32_at(octets + 12);
	else if (memcmp(octets, teredo, sizeof teredo) == 0)
		ipv4 = ~nr_u32_at(octets + 12);
	else
		return false;
	*ret = nr_address_from_ipv4(ipv4);
	return true;
}

struct nr_address nr_anonymise_address(struct nr_anonymiser *a, const struct nr_address *address)
{
	struct nr_address inside;
	bool own = a->conf.own_policy != NR_OWN_KEEP;
	if (holds(a->conf.dark, address) || (own && holds(a->conf.own, address)))
		return nr_cryptopan_map(a->addresses, address);
	if (embedded_ipv4(address, &inside) &&
		(holds(a->conf.dark, &inside) || (own && holds(a->conf.own, &inside)))) {
		a->counts.rewritten[NR_REWRITTEN_EMBEDDED_SOURCE]++;
		return nr_cryptopan_map(a->addresses, address);
	}
	return a->conf.sources ? nr_cryptopan_map(a->outside, address) : *address;
}

struct nr_prefix nr_anonymise_prefix(struct nr_anonymiser *a, const struct nr_prefix *prefix)
{
	struct nr_prefix to = {nr_cryptopan_map(a->addresses, &prefix->address), prefix->length};
	for (unsigned bit = prefix->length; bit < 128; bit++)
		to.address.octets[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return to;
}

/* ---- IP headers ---- */

static void put_ipv4(struct nr_anonymiser *a, struct nr_rewrite *r)
{
	uint8_t *ip = r->out->bytes;
	memcpy(ip, r->in->ip, NR_IPV4_HEADER);
	if ((ip[0] & 15) > 5)
		a->counts.rewritten[NR_REWRITTEN_IP_OPTIONS]++;
	ip[0] = 0x45;
	memcpy(ip + 12, r->source.octets + 12, 4);
	memcpy(ip + 16, r->destination.octets + 12, 4);
	r->header = NR_IPV4_HEADER;
	r->new_id = nr_renumber_id(a, &r->in->packet.source, NR_DOMAIN_ID, r->in->packet.id);
}

static void finish_ipv4(struct nr_rewrite *r)
{
	uint8_t *ip = r->out->bytes;
	size_t said = nr_u16_at(ip + 2), old_header = (size_t)(r->in->ip[0] & 15) * 4;
	size_t total = NR_MIN(r->header + r->length, (size_t)UINT16_MAX);
	if (said != 0 && said < old_header)
		total = NR_MIN(said, (size_t)NR_IPV4_HEADER - 1); /* a lie stays one, so that it is counted */
	nr_put16(ip + 2, (unsigned)total);
	nr_put16(ip + 4, r->new_id);
	nr_put16(ip + 10, 0);
	nr_put16(ip + 10, nr_checksum_finish(nr_checksum_add(0, ip, NR_IPV4_HEADER)));
}

/* Extension headers go, but for the fragment header. */
static void put_ipv6(struct nr_anonymiser *a, struct nr_rewrite *r)
{
	uint8_t *ip = r->out->bytes;
	const struct nr_packet *p = &r->in->packet;
	const uint8_t *fragment = r->in->transport.fragment;
	memcpy(ip, r->in->ip, NR_IPV6_HEADER);
	uint32_t word = nr_u32_at(ip), label = word & 0xfffff;
	if (label)
		label = nr_renumber(a, &p->source, NR_DOMAIN_FLOW_LABEL, label, 0) & 0xfffff;
	nr_put32(ip, (word & 0xfff00000u) | label);
	memcpy(ip + 8, r->source.octets, 16);
	memcpy(ip + 24, r->destination.octets, 16);
	ip[6] = fragment ? IPV6_FRAGMENT : p->protocol;
	r->header = NR_IPV6_HEADER + (fragment ? 8 : 0);
	if (fragment) {
		memcpy(ip + NR_IPV6_HEADER, fragment, 8);
		ip[NR_IPV6_HEADER] = p->protocol;
		nr_put32(ip + NR_IPV6_HEADER + 4,
			nr_renumber(a, &p->source, NR_DOMAIN_FRAGMENT, nr_u32_at(fragment + 4), 0));
	}
	if ((size_t)(r->in->transport.bytes - r->in->ip) > r->header)
		a->counts.rewritten[NR_REWRITTEN_EXTENSIONS]++;
}

static void finish_ipv6(struct nr_rewrite *r)
{
	size_t payload = r->header - NR_IPV6_HEADER + r->length;
	nr_put16(r->out->bytes + 4, (unsigned)NR_MIN(payload, (size_t)UINT16_MAX));
}

/* Over what is there now; where a part is missing, 0: the old one would give the old addresses away. */
static void put_checksum(struct nr_anonymiser *a, struct nr_rewrite *r)
{
	if (!r->sum_at)
		return;
	const struct nr_packet *p = &r->in->packet;
	uint8_t *body = r->out->bytes + r->header;
	bool ipv6 = p->kind == NR_PACKET_IPV6;
	uint64_t sum = 0;
	nr_put16(body + r->sum_at, 0);
	if (!r->whole || (p->marks & (NR_MARK_FRAGMENT_FIRST | NR_MARK_FRAGMENT_LATER))) {
		a->counts.rewritten[NR_REWRITTEN_CHECKSUM_ZERO]++;
		return;
	}
	if (p->protocol != NR_ICMP) /* RFC 9293, 3.1; RFC 8200, 8.1 */
		sum = nr_checksum_add(
			p->protocol + r->length, r->out->bytes + (ipv6 ? 8 : 12), ipv6 ? 32 : 8);
	uint16_t value = nr_checksum_finish(nr_checksum_add(sum, body, r->out->captured - r->header));
	nr_put16(body + r->sum_at, value == 0 && p->protocol == NR_UDP ? 0xffff : value);
}

/* ---- the proof ---- */

/* Marks that hang on payloads or on what the frame was. */
#define MARKS_THAT_MAY_CHANGE (NR_MARK_ANSWER | NR_MARK_MISCONFIGURED | NR_MARK_TIMELESS)

static bool same_rules(const struct nr_packet *before, const struct nr_packet *after)
{
	uint32_t from = nr_address_ipv4(&before->destination), to = nr_address_ipv4(&after->destination);
	if ((before->id == NR_ZMAP_ID) != (after->id == NR_ZMAP_ID))
		return false;
	if (before->protocol != NR_TCP || before->kind != NR_PACKET_IPV4 || !(before->marks & NR_MARK_FLAGS))
		return true;
	bool mirai = before->sequence == from, mirai_after = after->sequence == to;
	uint32_t sum = from ^ before->destination_port ^ before->sequence;
	uint32_t sum_after = to ^ after->destination_port ^ after->sequence;
	return mirai == mirai_after && (before->id == (uint16_t)sum) == (after->id == (uint16_t)sum_after);
}

/* What an analysis sees must be the same but for addresses and renumbered fields. */
static bool is_proved(const struct nr_rewrite *r)
{
	const struct nr_packet *before = &r->in->packet;
	struct nr_frame frame = {.data = r->out->bytes,
		.captured = r->out->captured,
		.wire = r->out->wire,
		.time = r->out->time,
		.link = NR_LINK_RAW};
	struct nr_packet after[2];
	size_t count;
	if (nr_packet_decode(&frame, NULL, after, &count) != NR_DROP_NONE)
		return false;
	/* quotes mark their packet when they are looked for, which has not happened before */
	unsigned quotes = NR_MARK_QUOTES | NR_MARK_QUOTE_MISMATCH;
	unsigned marks = (unsigned)(before->marks ^ after->marks) & ~(MARKS_THAT_MAY_CHANGE | quotes);
	return !marks && before->kind == after->kind && before->protocol == after->protocol &&
	       before->flags == after->flags && before->ttl == after->ttl &&
	       before->window == after->window && before->source_port == after->source_port &&
	       before->destination_port == after->destination_port &&
	       before->option_kind == after->option_kind &&
	       nr_address_equal(&r->destination, &after->destination) && same_rules(before, after);
}

/* ---- one packet ---- */

static bool withhold(struct nr_anonymiser *a, enum nr_withheld cause)
{
	a->counts.withheld[cause]++;
	return false;
}

static bool rewrite(struct nr_anonymiser *a, struct nr_rewrite *r)
{
	const struct nr_packet *p = &r->in->packet;
	bool ipv4 = p->kind == NR_PACKET_IPV4;
	r->source = nr_anonymise_address(a, &p->source);
	r->destination = nr_anonymise_address(a, &p->destination);
	if (ipv4)
		put_ipv4(a, r);
	else
		put_ipv6(a, r);
	r->out->captured = (uint32_t)r->header;
	if (!nr_rewrite_body(a, r))
		return false;
	if (ipv4)
		finish_ipv4(r);
	else
		finish_ipv6(r);
	put_checksum(a, r);
	r->out->wire = (uint32_t)NR_MAX(r->header + r->length, (size_t)r->out->captured);
	return is_proved(r);
}

bool nr_anonymise(struct nr_anonymiser *a, const struct nr_frame *frame, struct nr_anonymous *ret)
{
	struct nr_located in;
	enum nr_drop drop = nr_packet_locate(frame, a->conf.tunnel_ends, &in);
	if (drop == NR_DROP_NONE && !holds(a->conf.dark, &in.packet.destination))
		drop = NR_DROP_NOT_DARK;
	if (drop != NR_DROP_NONE) {
		a->counts.dropped[drop]++;
		return false;
	}
	bool own = holds(a->conf.own, &in.packet.source);
	if (own && a->conf.own_policy == NR_OWN_DROP)
		return withhold(a, NR_WITHHELD_OWN);
	if (in.packet.kind == NR_PACKET_IPV6 && nr_ipv6_is_extension(in.packet.protocol) &&
		!(in.packet.marks & NR_MARK_FRAGMENT_LATER))
		return withhold(a, NR_WITHHELD_EXTENSION);
	struct nr_rewrite r = {.in = &in, .out = ret};
	ret->time = nr_time_floor(frame->time, a->conf.unit);
	if (!rewrite(a, &r))
		return withhold(a, NR_WITHHELD_UNSAFE);
	a->counts.packets++;
	if (own && a->conf.own_policy == NR_OWN_ANONYMISE)
		a->counts.rewritten[NR_REWRITTEN_OWN]++;
	return true;
}
