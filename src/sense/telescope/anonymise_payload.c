/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations inside payloads: in text, in both orders of the octets, and in binary. */
#include "sense/telescope/anonymise_inside.h"

#include <string.h>

#define QUAD_DIGITS 12 /* of four octets of three digits each */
#define SEARCH_MAX  4096

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* "192.0.2.1" at p, with any one byte between the numbers: dots, dashes, or the lengths of DNS labels. Digits
 * of the numbers; 0: it is not there. */
static size_t match_quad(const uint8_t *p, const uint8_t *end, const uint8_t octets[static 4], bool reversed)
{
	const uint8_t *at = p;
	size_t digits = 0;
	for (int i = 0; i < 4; i++) {
		char text[4];
		int n = snprintf(text, sizeof text, "%u", octets[reversed ? 3 - i : i]);
		if (i > 0 && (at == end || is_digit(*at++)))
			return 0;
		if (end - at < n || memcmp(at, text, (size_t)n) != 0)
			return 0;
		at += n;
		digits += (size_t)n;
	}
	return at < end && is_digit(*at) ? 0 : digits;
}

size_t nr_payload_padding(const struct nr_located *in)
{
	const struct nr_address *destination = &in->packet.destination;
	if (!nr_address_is_ipv4(destination))
		return 0;
	const uint8_t *octets = destination->octets + 12, *begin = in->transport.bytes;
	const uint8_t *end = begin + NR_MIN(in->transport.captured, (size_t)SEARCH_MAX);
	size_t padding = 0;
	for (const uint8_t *p = begin; p < end; p++) {
		if (!is_digit(*p) || (p > begin && is_digit(p[-1])))
			continue;
		size_t digits = match_quad(p, end, octets, false);
		if (!digits)
			digits = match_quad(p, end, octets, true);
		padding += digits ? QUAD_DIGITS - digits : 0;
	}
	return padding;
}

static bool is_dark_ipv4(const struct nr_anonymiser *a, uint32_t address)
{
	return nr_prefix_table_find_ipv4(a->conf.dark, address) != NR_PREFIX_NONE ||
	       (a->conf.own && nr_prefix_table_find_ipv4(a->conf.own, address) != NR_PREFIX_NONE);
}

/* Four numbers up to 255 with one byte between each two. */
static bool reads_as_dark(const struct nr_anonymiser *a, const uint8_t *p, const uint8_t *end)
{
	uint8_t octets[4];
	for (int i = 0; i < 4; i++) {
		unsigned value = 0, digits = 0;
		if (i > 0 && (p == end || is_digit(*p++)))
			return false;
		for (; p < end && is_digit(*p) && digits < 3; p++, digits++)
			value = value * 10 + (*p - '0');
		if (!digits || value > 255)
			return false;
		octets[i] = (uint8_t)value;
	}
	uint32_t address = nr_u32_at(octets);
	return is_dark_ipv4(a, address) || is_dark_ipv4(a, __builtin_bswap32(address));
}

/* Doubt removes the payload: a chance match costs one payload, a miss costs the telescope. */
static bool holds_dark(const struct nr_anonymiser *a, const uint8_t *bytes, size_t length)
{
	const uint8_t *end = bytes + length;
	for (const uint8_t *p = bytes; p < end; p++) {
		size_t left = (size_t)(end - p);
		if (is_digit(*p) && (p == bytes || !is_digit(p[-1])) && reads_as_dark(a, p, end))
			return true;
		if (left >= 4 &&
			(is_dark_ipv4(a, nr_u32_at(p)) || is_dark_ipv4(a, __builtin_bswap32(nr_u32_at(p)))))
			return true;
	}
	return false;
}

/* IPv6 addresses have too many texts to search for: their payloads never stay. */
static bool is_allowed(const struct nr_anonymiser *a, const struct nr_packet *p)
{
	if (p->kind != NR_PACKET_IPV4 || !(p->marks & NR_MARK_PORTS) ||
		(p->protocol != NR_TCP && p->protocol != NR_UDP))
		return false;
	const uint8_t *bits = a->keep_payload[p->protocol == NR_UDP];
	return bits[p->source_port / 8] >> p->source_port % 8 & 1 ||
	       bits[p->destination_port / 8] >> p->destination_port % 8 & 1;
}

bool nr_payload_stays(
	struct nr_anonymiser *a, const struct nr_packet *packet, const uint8_t *bytes, size_t length)
{
	if (!is_allowed(a, packet))
		return false;
	bool suspect = holds_dark(a, bytes, length);
	a->counts.rewritten[suspect ? NR_REWRITTEN_PAYLOAD_SUSPECT : NR_REWRITTEN_PAYLOAD_KEPT]++;
	return !suspect;
}
