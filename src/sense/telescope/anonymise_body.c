/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind the IP header: TCP, UDP and ICMP headers written anew. Payloads go, unless they may
 * stay. */
#include "sense/telescope/anonymise_inside.h"
#include "wire/checksum.h"
#include "wire/tcp_options.h"
#include "wire/transport.h"

#include <string.h>

#define TCP_FLAG_URGENT     0x20
#define QUOTED_TRANSPORT    8 /* RFC 792: so much of a quoted packet's body */
#define QUOTED_HEADER_WORST NR_IPV6_HEADER

static uint8_t *body_of(struct nr_rewrite *r)
{
	return r->out->bytes + r->header;
}

static void append(struct nr_rewrite *r, const void *bytes, size_t length)
{
	memcpy(r->out->bytes + r->out->captured, bytes, length);
	r->out->captured += (uint32_t)length;
}

/* What stands behind a header of TCP or UDP; `written` bytes of the body are there already. */
static void put_payload(struct nr_anonymiser *a, struct nr_rewrite *r, size_t written)
{
	const struct nr_transport *t = &r->in->transport;
	size_t usable = nr_transport_usable(t);
	if (t->length <= written)
		return;
	const uint8_t *payload = t->bytes + written;
	size_t captured = usable > written ? usable - written : 0;
	if (captured && nr_payload_stays(a, &r->in->packet, payload, captured)) {
		append(r, payload, captured);
		r->whole = captured == t->length - written;
		return;
	}
	r->whole = false;
	size_t padding = nr_payload_padding(r->in);
	r->length += padding;
	if (padding)
		a->counts.rewritten[NR_REWRITTEN_LENGTH_PADDED]++;
	a->counts.rewritten[NR_REWRITTEN_PAYLOAD_REMOVED]++;
}

/* ---- TCP ---- */

/* ZMap writes the time of day: a rule looks at it, and it moves with the packet's own time. Any other clock
 * would bring packets of one unit back into their order. */
static void coarsen_timestamp(struct nr_anonymiser *a, const struct nr_rewrite *r, uint8_t *value)
{
	const int64_t now = r->in->packet.time / NR_SECOND, then = r->out->time / NR_SECOND;
	const int64_t near = NR_TCP_OPTIONS_TIME_SLACK / NR_SECOND + 1;
	uint32_t stamp = nr_u32_at(value);
	int64_t off = (int64_t)stamp - now;
	if (stamp == 0)
		return;
	if (off >= -near && off <= near) {
		nr_put32(value, stamp - (uint32_t)(now - then));
		return;
	}
	uint32_t coarse = stamp & a->stamp_mask;
	off = (int64_t)coarse - then;
	if (off >= -near && off <= near)
		coarse += ~a->stamp_mask + 1;
	nr_put32(value, coarse);
	a->counts.rewritten[NR_REWRITTEN_TIMESTAMP]++;
}

/* Values of MSS, window scale and SACK permitted stay: tools are known by them. Those of other options
 * (cookies, keys, SACK blocks) go, their places stay. */
static void clean_options(
	struct nr_anonymiser *a, const struct nr_rewrite *r, uint8_t *options, size_t length)
{
	enum { END, NOP, MSS, SCALE, SACK_PERMITTED, TIMESTAMPS = 8 };
	bool cleaned = false;
	for (size_t i = 0; i < length && options[i] != END;) {
		uint8_t kind = options[i];
		if (kind == NOP) {
			i++;
			continue;
		}
		size_t size = i + 1 < length ? options[i + 1] : 0;
		bool sound = size >= 2 && size <= length - i;
		if (!sound) {
			memset(options + i + 1, 0, length - i - 1);
			cleaned = true;
			break;
		}
		if (kind == TIMESTAMPS && size == 10) {
			coarsen_timestamp(a, r, options + i + 2);
			coarsen_timestamp(a, r, options + i + 6);
		} else if (kind != MSS && kind != SCALE && kind != SACK_PERMITTED && size > 2) {
			memset(options + i + 2, 0, size - 2);
			cleaned = true;
		}
		i += size;
	}
	if (cleaned)
		a->counts.rewritten[NR_REWRITTEN_TCP_OPTIONS]++;
}

static bool put_sequence(struct nr_anonymiser *a, struct nr_rewrite *r, uint8_t *tcp)
{
	const struct nr_packet *p = &r->in->packet;
	uint32_t sequence = nr_u32_at(tcp + 4);
	if (p->kind == NR_PACKET_IPV4) {
		if (!nr_renumber_tcp(a, r, sequence, &sequence))
			return false;
	} else if (sequence != 0) {
		sequence = nr_renumber(a, &p->source, NR_DOMAIN_SEQUENCE, sequence, 0);
	}
	nr_put32(tcp + 4, sequence);
	return true;
}

/* Fields are there as far as they were captured, even beyond the IP length: Mirai's variants need it. */
static bool put_tcp(struct nr_anonymiser *a, struct nr_rewrite *r)
{
	const struct nr_transport *t = &r->in->transport;
	uint8_t *tcp = body_of(r);
	size_t claimed = t->captured > 12 ? NR_MAX((size_t)(t->bytes[12] >> 4) * 4, (size_t)NR_TCP_HEADER)
					  : NR_TCP_HEADER;
	size_t there = NR_MIN(t->captured, NR_MAX(t->length, (size_t)NR_TCP_HEADER));
	size_t n = NR_MIN(there, claimed);
	append(r, t->bytes, n);
	if (n >= 8 && !put_sequence(a, r, tcp))
		return false;
	if (n >= 12 && nr_u32_at(tcp + 8) != 0)
		nr_put32(tcp + 8, nr_renumber(a, &r->in->packet.source, NR_DOMAIN_ACKNOWLEDGEMENT,
					  nr_u32_at(tcp + 8), 0));
	if (n >= NR_TCP_HEADER && !(tcp[13] & TCP_FLAG_URGENT))
		nr_put16(tcp + 18, 0);
	if (n > NR_TCP_HEADER)
		clean_options(a, r, tcp + NR_TCP_HEADER, n - NR_TCP_HEADER);
	r->sum_at = n >= 18 ? 16 : 0;
	r->whole = n == t->length;
	put_payload(a, r, n);
	return true;
}

/* ---- UDP ---- */

static bool put_udp(struct nr_anonymiser *a, struct nr_rewrite *r)
{
	const struct nr_transport *t = &r->in->transport;
	uint8_t *udp = body_of(r);
	size_t n = NR_MIN(nr_transport_usable(t), (size_t)NR_UDP_HEADER), before = r->length;
	append(r, t->bytes, n);
	r->whole = n == t->length;
	put_payload(a, r, n);
	if (n < NR_UDP_HEADER)
		return true;
	nr_put16(udp + 4, (unsigned)NR_MIN(nr_u16_at(udp + 4) + (r->length - before), (size_t)UINT16_MAX));
	r->sum_at = nr_u16_at(udp + 6) ? 6 : 0; /* 0: the sender made none */
	return true;
}

/* ---- ICMP ---- */

static bool is_error(const struct nr_packet *p)
{
	unsigned type = p->source_port;
	if (p->kind == NR_PACKET_IPV6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static bool is_echo(const struct nr_packet *p)
{
	unsigned type = p->source_port;
	return p->kind == NR_PACKET_IPV6 ? type == 128 || type == 129 : type == 0 || type == 8;
}

/* Bytes 4 to 7: what they mean depends on the type. What is not known goes. */
static void put_icmp_word(struct nr_anonymiser *a, struct nr_rewrite *r, uint8_t *icmp)
{
	const struct nr_packet *p = &r->in->packet;
	bool v6 = p->kind == NR_PACKET_IPV6;
	unsigned type = p->source_port, code = p->destination_port;
	if (is_echo(p)) {
		nr_put16(icmp + 4, nr_renumber_id(a, &p->source, NR_DOMAIN_ECHO_ID, nr_u16_at(icmp + 4)));
		nr_put16(icmp + 6,
			nr_renumber_id(a, &p->source, NR_DOMAIN_ECHO_SEQUENCE, nr_u16_at(icmp + 6)));
	} else if (!v6 && type == 5) {
		struct nr_address gateway = nr_ip_address4(icmp + 4);
		gateway = nr_anonymise_address(a, &gateway);
		memcpy(icmp + 4, gateway.octets + 12, 4);
	} else if (!v6 && type == 3 && code == 4) {
		nr_put16(icmp + 4, 0); /* RFC 1191: the next hop's MTU stays */
	} else if (!v6 && type == 12) {
		memset(icmp + 5, 0, 3); /* the pointer stays */
	} else if (!(v6 && (type == 2 || type == 4))) {
		nr_put32(icmp + 4, 0);
	}
}

static size_t put_quoted_transport(struct nr_anonymiser *a, uint8_t *out, const struct nr_packet *quoted,
	const struct nr_transport *inner)
{
	const struct nr_address *victim = &quoted->destination;
	size_t n = NR_MIN(inner->captured, (size_t)QUOTED_TRANSPORT);
	bool icmp = quoted->protocol == NR_ICMP || quoted->protocol == NR_ICMPV6;
	if ((quoted->marks & NR_MARK_FRAGMENT_LATER) ||
		(quoted->protocol != NR_TCP && quoted->protocol != NR_UDP && !icmp))
		return 0;
	memcpy(out, inner->bytes, n);
	if (n < QUOTED_TRANSPORT)
		return n = NR_MIN(n, (size_t)NR_PORTS_END);
	if (quoted->protocol == NR_UDP) {
		nr_put16(out + 6, 0); /* over an address and a payload that are not there */
		return n;
	}
	if (icmp)
		nr_put16(out + 2, 0);
	if (nr_u32_at(out + 4) != 0)
		nr_put32(out + 4, nr_renumber(a, victim, NR_DOMAIN_QUOTE_SEQUENCE, nr_u32_at(out + 4), icmp));
	return n;
}

/* The quoted packet's IP header without options or extensions, and 8 bytes of its body. 0: there is none that
 * could be used. */
static size_t put_quote(
	struct nr_anonymiser *a, struct nr_rewrite *r, const uint8_t *bytes, size_t length, uint8_t *out)
{
	struct nr_packet quoted = {.time = r->in->packet.time};
	struct nr_transport inner;
	struct nr_cursor c = nr_cursor_over(bytes, length);
	if (nr_ip_parse(&c, &quoted, &inner) != NR_DROP_NONE || quoted.kind != r->in->packet.kind)
		return 0;
	struct nr_address source = nr_anonymise_address(a, &quoted.source);
	struct nr_address destination = nr_anonymise_address(a, &quoted.destination);
	if (quoted.kind == NR_PACKET_IPV6) {
		if (nr_ipv6_is_extension(quoted.protocol) || inner.fragment)
			return 0;
		memcpy(out, bytes, NR_IPV6_HEADER);
		nr_put32(out, nr_u32_at(out) & 0xfff00000u); /* flow label */
		nr_put16(out + 4, (unsigned)NR_MIN(inner.length, (size_t)UINT16_MAX));
		out[6] = quoted.protocol;
		memcpy(out + 8, source.octets, 16);
		memcpy(out + 24, destination.octets, 16);
		return NR_IPV6_HEADER + put_quoted_transport(a, out + NR_IPV6_HEADER, &quoted, &inner);
	}
	memcpy(out, bytes, NR_IPV4_HEADER);
	out[0] = 0x45;
	nr_put16(out + 2, (unsigned)NR_MIN(NR_IPV4_HEADER + inner.length, (size_t)UINT16_MAX));
	nr_put16(out + 4, nr_renumber_id(a, &quoted.destination, NR_DOMAIN_QUOTE_ID, quoted.id));
	memcpy(out + 12, source.octets + 12, 4);
	memcpy(out + 16, destination.octets + 12, 4);
	nr_put16(out + 10, 0);
	nr_put16(out + 10, nr_checksum_finish(nr_checksum_add(0, out, NR_IPV4_HEADER)));
	return NR_IPV4_HEADER + put_quoted_transport(a, out + NR_IPV4_HEADER, &quoted, &inner);
}

static bool put_icmp(struct nr_anonymiser *a, struct nr_rewrite *r)
{
	const struct nr_transport *t = &r->in->transport;
	size_t usable = nr_transport_usable(t), n = NR_MIN(usable, (size_t)NR_ICMP_HEADER);
	uint8_t *icmp = body_of(r);
	append(r, t->bytes, n);
	if (n < NR_ICMP_HEADER) {
		r->out->captured -= (uint32_t)(n > 2 ? n - 2 : 0); /* type and code */
		return true;
	}
	put_icmp_word(a, r, icmp);
	r->sum_at = 2;
	r->whole = n == t->length;
	if (t->length <= n)
		return true;
	if (!is_error(&r->in->packet)) {
		a->counts.rewritten[NR_REWRITTEN_PAYLOAD_REMOVED]++;
		r->whole = false;
		return true;
	}
	uint8_t quote[QUOTED_HEADER_WORST + QUOTED_TRANSPORT];
	size_t quoted = put_quote(a, r, t->bytes + n, usable - n, quote);
	a->counts.rewritten[quoted ? NR_REWRITTEN_QUOTE : NR_REWRITTEN_QUOTE_REMOVED]++;
	append(r, quote, quoted);
	r->length = n + quoted; /* no more than RFC 792 asks for, and so a whole packet */
	r->whole = true;
	return true;
}

bool nr_rewrite_body(struct nr_anonymiser *a, struct nr_rewrite *r)
{
	const struct nr_packet *p = &r->in->packet;
	r->length = r->in->transport.length;
	if (!(p->marks & NR_MARK_FRAGMENT_LATER)) {
		if (p->protocol == NR_TCP)
			return put_tcp(a, r);
		if (p->protocol == NR_UDP)
			return put_udp(a, r);
		if (p->protocol == (p->kind == NR_PACKET_IPV6 ? NR_ICMPV6 : NR_ICMP))
			return put_icmp(a, r);
	}
	if (r->length)
		a->counts.rewritten[NR_REWRITTEN_PAYLOAD_REMOVED]++;
	return true;
}
