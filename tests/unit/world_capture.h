/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture counted by a few lines that share no code with the world or the telescope: Ethernet, IPv4 and
 * IPv6 without options, the categories, the tools' marks, the checksums.
 */
#ifndef NR_TEST_WORLD_CAPTURE_H
#define NR_TEST_WORLD_CAPTURE_H

#include "base/file.h"

#include <string.h>

enum { SEEN_SYN, SEEN_SYN_ACK, SEEN_RST, SEEN_TCP_OTHER, SEEN_UDP, SEEN_ICMP, SEEN_OTHER, SEEN_COUNT };

struct seen {
	uint64_t frames, packets, bytes, categories[SEEN_COUNT];
	uint64_t non_ip, truncated, malformed, bad_checksums, backwards, ipv6, sixty;
	uint64_t mirai, zmap, masscan, masscan_shape; /* SYNs */
	uint64_t ports[2][65536];                     /* scan packets: TCP, UDP */
	uint64_t first_us, last_us;
	uint64_t from_own; /* 203.0.113.0/24 */
	uint32_t *sources; /* of the IPv4 packets, in order; owned */
};

static uint32_t little(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t big(const uint8_t *p, size_t bytes)
{
	uint32_t v = 0;
	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

static uint64_t ones_sum(const uint8_t *p, size_t length, uint64_t sum)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static bool ones_right(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static void see_tcp(struct seen *s, const uint8_t *ip, const uint8_t *tcp, size_t captured)
{
	if (captured < 14) {
		s->categories[SEEN_TCP_OTHER]++;
		return;
	}
	uint8_t flags = tcp[13] & 0x3f;
	int category = SEEN_TCP_OTHER;
	if (flags == 2)
		category = SEEN_SYN;
	else if (flags & 4)
		category = SEEN_RST;
	else if ((flags & 0x12) == 0x12)
		category = SEEN_SYN_ACK;
	s->categories[category]++;
	if (category != SEEN_SYN)
		return;
	uint32_t port = big(tcp + 2, 2), sequence = big(tcp + 4, 4);
	s->ports[0][port]++;
	if (ip[0] >> 4 != 4)
		return;
	uint32_t destination = big(ip + 16, 4), id = big(ip + 4, 2);
	s->mirai += sequence == destination;
	s->zmap += id == 54321;
	s->masscan += id == ((destination ^ port ^ sequence) & 0xffff);
	s->masscan_shape += big(tcp + 14, 2) == 1024 && ip[8] >= 200;
}

static void see_transport(
	struct seen *s, const uint8_t *ip, const uint8_t *at, size_t captured, uint8_t protocol, bool later)
{
	if (protocol == 6) {
		see_tcp(s, ip, at, later ? 0 : captured);
	} else if (protocol == 17) {
		s->categories[SEEN_UDP]++;
		if (!later && captured >= 8 && big(at, 2) != 53) /* answers of the world are all DNS */
			s->ports[1][big(at + 2, 2)]++;
	} else if (protocol == 1 || protocol == 58) {
		s->categories[SEEN_ICMP]++;
	} else {
		s->categories[SEEN_OTHER]++;
	}
}

static void see_ipv4(struct seen *s, const uint8_t *ip, size_t captured, bool whole)
{
	if (captured < 20) {
		s->truncated++;
		return;
	}
	if (ip[0] >> 4 != 4 || (ip[0] & 15) < 5) {
		s->malformed++;
		return;
	}
	size_t length = big(ip + 2, 2);
	uint32_t fragment = big(ip + 6, 2);
	uint8_t protocol = ip[9];
	bool summed = protocol == 6 || protocol == 17 || protocol == 1;
	s->sources[s->packets++] = big(ip + 12, 4);
	s->from_own += big(ip + 12, 3) == 0xcb0071;
	s->bad_checksums += !ones_right(ones_sum(ip, 20, 0));
	if (whole && summed && !(fragment & 0x3fff)) {
		uint64_t pseudo = protocol == 1 ? 0 : ones_sum(ip + 12, 8, protocol + length - 20);
		s->bad_checksums += !ones_right(ones_sum(ip + 20, length - 20, pseudo));
	}
	see_transport(s, ip, ip + 20, captured - 20, protocol, fragment & 0x1fff);
}

static void see_frame(struct seen *s, const uint8_t *frame, size_t captured, size_t wire)
{
	uint64_t before = s->packets;
	uint32_t type = captured >= 14 ? big(frame + 12, 2) : 0;
	s->frames++;
	s->sixty += wire == 60;
	if (type == 0x0800) {
		see_ipv4(s, frame + 14, captured - 14, captured == wire);
	} else if (type == 0x86dd) {
		const uint8_t *ip = frame + 14;
		size_t length = big(ip + 4, 2);
		s->packets++;
		s->ipv6++;
		s->bad_checksums +=
			!ones_right(ones_sum(ip + 40, length, ones_sum(ip + 8, 32, ip[6] + length)));
		see_transport(s, ip, ip + 40, captured - 54, ip[6], false);
	} else {
		s->non_ip++;
	}
	if (s->packets > before)
		s->bytes += wire;
}

/* *s must be zeroed. False: not a pcap of this kind, or cut. */
static bool see_capture(struct seen *s, const char *path)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length = 0, at = 24;
	if (nr_file_read(path, 1u << 30, &bytes, &length, NULL) || length < 24 ||
		little(bytes) != 0xa1b2c3d4 || little(bytes + 20) != 1)
		return false;
	s->sources = calloc(length / 16, sizeof *s->sources);
	while (s->sources && at + 16 <= length) {
		uint64_t time = (uint64_t)little(bytes + at) * 1000000 + little(bytes + at + 4);
		size_t captured = little(bytes + at + 8);
		if (captured > length - at - 16 || captured < 14)
			return false;
		s->backwards += time < s->last_us;
		s->first_us = s->frames ? s->first_us : time;
		s->last_us = time;
		see_frame(s, bytes + at + 16, captured, little(bytes + at + 12));
		at += 16 + captured;
	}
	return at == length;
}

#endif
