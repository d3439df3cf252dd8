/* SPDX-License-Identifier: Apache-2.0 */
/* Packets before and after. Dark: 192.0.2.0/24 and 2001:db8:d::/48; own: 203.0.113.0/24. Each packet is also
 * cut at each of its bytes. */
#include "sense/telescope/anonymise.h"
#include "sense/telescope/anonymise_key.h"
#include "wire/checksum.h"
#include "wire/link.h"
#include "wire/locate.h"

#include "bytes.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define TIME   (INT64_C(1700000000) * NR_SECOND + 700000)
#define DARK_A UINT32_C(0xc0000209)
#define DARK_B UINT32_C(0xc0000264)
#define SOURCE UINT32_C(0xc6336407)
#define VICTIM UINT32_C(0x08080404)
#define OWN    UINT32_C(0xcb007114)

static const uint8_t key[NR_ANONYMISE_KEY] = "a key of thirty-two known bytes";
static struct nr_prefix_table *dark, *own;

static struct nr_prefix_table *table_of(const char *const *texts)
{
	struct nr_prefix_table *table = NULL;
	assert_int_equal(nr_prefix_table_new(&table, NULL), 0);
	for (uint32_t i = 0; texts[i]; i++) {
		struct nr_prefix prefix;
		assert_int_equal(nr_prefix_parse(texts[i], &prefix, NULL), 0);
		assert_int_equal(nr_prefix_table_add(table, &prefix, i, NULL), 0);
	}
	assert_int_equal(nr_prefix_table_seal(table, NULL), 0);
	return table;
}

static struct nr_anonymise_conf conf_of(void)
{
	return (struct nr_anonymise_conf){.key = key, .dark = dark, .own = own, .unit = NR_SECOND};
}

static struct nr_anonymiser *make(struct nr_anonymise_conf conf)
{
	struct nr_anonymiser *a = NULL;
	assert_int_equal(nr_anonymiser_new(&conf, &a, NULL), 0);
	return a;
}

/* ---- packets ---- */

static void put_ipv4(
	struct bytes *b, uint8_t protocol, uint16_t id, uint32_t source, uint32_t destination, size_t body)
{
	b->length = 0;
	b->big = true;
	put_u16(b, 0x4500);
	put_u16(b, (uint16_t)(20 + body));
	put_u16(b, id);
	put_u16(b, 0);
	put_u16(b, (uint16_t)(55 << 8 | protocol));
	put_u16(b, 0);
	put_u32(b, source);
	put_u32(b, destination);
}

static void put_tcp(struct bytes *b, uint32_t sequence, uint8_t flags, const char *options)
{
	uint8_t hex[40];
	size_t n = hex_parse(options, hex, sizeof hex);
	put_u16(b, 40000);
	put_u16(b, 23);
	put_u32(b, sequence);
	put_u32(b, 0);
	put_u16(b, (uint16_t)((5 + n / 4) << 12 | flags));
	put_u16(b, 1024);
	put_u32(b, 0xbeef0000); /* a checksum over something else */
	put(b, hex, n);
}

static void put_syn(struct bytes *b, uint16_t id, uint32_t destination, uint32_t sequence)
{
	put_ipv4(b, 6, id, SOURCE, destination, 20);
	put_tcp(b, sequence, 2, "");
}

static struct nr_frame frame_of(const struct bytes *b)
{
	return (struct nr_frame){.data = b->data,
		.captured = (uint32_t)b->length,
		.wire = (uint32_t)b->length,
		.time = TIME,
		.link = NR_LINK_RAW};
}

static struct nr_located locate(const uint8_t *bytes, size_t length)
{
	struct nr_frame frame = {.data = bytes,
		.captured = (uint32_t)length,
		.wire = (uint32_t)length,
		.time = TIME,
		.link = NR_LINK_RAW};
	struct nr_located located;
	assert_int_equal(nr_packet_locate(&frame, NULL, &located), NR_DROP_NONE);
	return located;
}

static struct nr_anonymous after; /* of the latest rewrite() */

static struct nr_packet rewrite(struct nr_anonymiser *a, const struct bytes *b)
{
	struct nr_frame frame = frame_of(b);
	assert_true(nr_anonymise(a, &frame, &after));
	assert_int_equal(after.time, TIME - 700000);
	assert_true(after.captured <= after.wire);
	return locate(after.bytes, after.captured).packet;
}

static uint32_t new_address(struct nr_anonymiser *a, uint32_t ipv4)
{
	struct nr_address address = nr_address_from_ipv4(ipv4);
	address = nr_anonymise_address(a, &address);
	return nr_address_ipv4(&address);
}

static bool holds(const uint8_t *bytes, size_t length, uint32_t word)
{
	for (size_t i = 0; i + 4 <= length; i++)
		if (nr_u32_at(bytes + i) == word)
			return true;
	return false;
}

/* IPv4 header, and TCP, UDP or ICMP behind it. */
static bool checksums_fit(const uint8_t *ip, size_t length)
{
	static const uint16_t pseudo[] = {[1] = 0, [6] = 6, [17] = 17};
	uint64_t sum = ip[9] == 1 ? 0 : nr_checksum_add(pseudo[ip[9]] + length - 20, ip + 12, 8);
	return nr_checksum_finish(nr_checksum_add(0, ip, 20)) == 0 &&
	       nr_checksum_finish(nr_checksum_add(sum, ip + 20, length - 20)) == 0;
}

/* ---- tools ---- */

static uint16_t formula(uint32_t destination, uint32_t sequence)
{
	return (uint16_t)(destination ^ 23 ^ sequence);
}

static void marks_of_tools_stay(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b;
	put_syn(&b, 777, DARK_A, DARK_A); /* Mirai */
	struct nr_packet p = rewrite(a, &b);
	assert_int_equal(p.sequence, new_address(a, DARK_A));
	assert_int_not_equal(p.id, 777);
	assert_true(checksums_fit(after.bytes, after.captured));
	put_syn(&b, formula(DARK_B, 0x12345678), DARK_B, 0x12345678); /* Masscan */
	p = rewrite(a, &b);
	assert_int_equal(p.id, formula(new_address(a, DARK_B), p.sequence));
	assert_int_not_equal(p.sequence, 0x12345678);
	put_syn(&b, 54321, DARK_A, 0x9abcdef0); /* ZMap */
	p = rewrite(a, &b);
	assert_int_equal(p.id, 54321);
	assert_int_not_equal(p.id, formula(new_address(a, DARK_A), p.sequence));
	uint32_t both = DARK_A ^ 23 ^ 54321;
	put_syn(&b, 54321, DARK_A, both); /* ZMap's, and Masscan's by chance */
	p = rewrite(a, &b);
	assert_int_equal(p.id, 54321);
	assert_int_equal(p.id, formula(new_address(a, DARK_A), p.sequence));
}

/* Whatever a tool computes of the destination and a constant, it still does, with another constant. */
static void a_field_that_follows_the_destination_still_does(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b;
	uint32_t constant = 0;
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t destination = 0xc0000200 + i;
		put_syn(&b, 9, destination, destination ^ 0x5a5a1234);
		struct nr_packet p = rewrite(a, &b);
		uint32_t now = p.sequence ^ new_address(a, destination);
		constant = i == 0 ? now : constant;
		assert_int_equal(now, constant);
	}
	assert_int_not_equal(constant, 0x5a5a1234);
	assert_int_not_equal(constant, 0);
	assert_true(nr_anonymise_counts(a)->rewritten[NR_REWRITTEN_DERIVED] >= 199);
}

static void equal_stays_equal_and_mirrors_stay(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b;
	uint32_t mirror = 0, first = 0;
	for (uint32_t i = 1; i < 100; i++) {
		uint32_t high = i * 517;
		put_syn(&b, 4, DARK_A + i, high << 16 | (high ^ 0x4711)); /* Nmap */
		struct nr_packet p = rewrite(a, &b);
		uint32_t now = p.sequence >> 16 ^ (p.sequence & 0xffff);
		mirror = i == 1 ? now : mirror;
		first = i == 1 ? p.sequence : first;
		assert_int_equal(now, mirror);
		assert_true(i == 1 || p.sequence != first);
		struct nr_packet again = rewrite(a, &b); /* the same target once more */
		assert_int_equal(again.sequence, p.sequence);
		assert_int_equal(again.id, p.id);
	}
	assert_int_not_equal(mirror, 0x4711);
}

static void exports_with_one_key_share_addresses_only(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of()), *b = make(conf_of());
	struct bytes bytes;
	unsigned same = 0;
	for (uint32_t i = 0; i < 100; i++) {
		put_syn(&bytes, (uint16_t)(1000 + i), DARK_A + i, 0x10000000 + i);
		struct nr_packet p = rewrite(a, &bytes), q = rewrite(b, &bytes);
		assert_true(nr_address_equal(&p.destination, &q.destination));
		same += p.sequence == q.sequence;
		same += p.id == q.id;
	}
	assert_true(same < 5);
}

/* ---- headers ---- */

static void clocks_are_rounded_and_the_time_of_day_moves_along(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b;
	static const char zmap[] = "020405b4 0402080a 6553f105 00000000 01030307"; /* 5 s after TIME */
	put_ipv4(&b, 6, 1, SOURCE, DARK_A, 40);
	put_tcp(&b, 1, 2, zmap);
	struct nr_packet p = rewrite(a, &b);
	assert_int_equal(p.option_kind, NR_TCP_OPTIONS_ZMAP_LINUX);
	assert_int_equal(nr_u32_at(after.bytes + 48), 0x6553f105);
	static const char other[] = "020405b4 0402080a 12345678 0000ffff 01030307";
	put_ipv4(&b, 6, 1, SOURCE, DARK_A, 40);
	put_tcp(&b, 1, 2, other);
	rewrite(a, &b);
	assert_int_equal(nr_u32_at(after.bytes + 48), 0x12345400);
	assert_int_equal(nr_u32_at(after.bytes + 52), 0x0000fc00);
	assert_true(checksums_fit(after.bytes, after.captured));
	struct nr_anonymise_conf hour = conf_of();
	hour.unit = NR_HOUR;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *coarse = make(hour);
	put_ipv4(&b, 6, 1, SOURCE, DARK_A, 40);
	put_tcp(&b, 1, 2, zmap);
	struct nr_frame frame = frame_of(&b);
	assert_true(nr_anonymise(coarse, &frame, &after));
	assert_int_equal(after.time % NR_HOUR, 0);
	assert_int_equal(nr_u32_at(after.bytes + 48) - (uint32_t)(after.time / NR_SECOND), 5);
}

static void cookies_go_and_layouts_stay(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b;
	put_ipv4(&b, 6, 1, SOURCE, DARK_A, 36);
	put_tcp(&b, 1, 2, "020405b4 22 0a c000020911223344 01 01"); /* RFC 7413: a cookie of the address */
	rewrite(a, &b);
	assert_int_equal(after.captured, 56);
	assert_int_equal(nr_u32_at(after.bytes + 40), 0x020405b4);
	assert_int_equal(nr_u16_at(after.bytes + 44), 0x220a);
	assert_int_equal(nr_u32_at(after.bytes + 46), 0);
	assert_int_equal(nr_u16_at(after.bytes + 54), 0x0101);
}

static void ip_options_go(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b;
	put_syn(&b, 1, DARK_A, 2);
	memmove(b.data + 28, b.data + 20, 20); /* record route: the destination itself */
	memcpy(b.data + 20, (const uint8_t[]){7, 7, 4, 0xc0, 0, 2, 9, 0}, 8);
	b.data[0] = 0x47;
	b.data[3] = 48;
	b.length = 48;
	rewrite(a, &b);
	assert_int_equal(after.captured, 40);
	assert_true(checksums_fit(after.bytes, after.captured));
	assert_int_equal(nr_anonymise_counts(a)->rewritten[NR_REWRITTEN_IP_OPTIONS], 1);
}

#define A6 "20010db8000100000000000000000007 "
#define B6 "20010db8000d00000000000000000009 "

static void ipv6_keeps_its_fragment_header_alone(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b = {.big = true};
	put_hex(&b, "60012345 0024 00 40 " A6 B6);
	put_hex(&b, "2c00010400000000");                             /* hop by hop, padding */
	put_hex(&b, "0600000111223344");                             /* first fragment */
	put_hex(&b, "9c400017 12345678 00000000 50020400 beef0000"); /* SYN */
	struct nr_packet p = rewrite(a, &b);
	assert_int_equal(after.captured, 40 + 8 + 20);
	assert_int_equal(nr_u16_at(after.bytes + 4), 28);
	assert_int_equal(after.bytes[6], 44);
	assert_int_not_equal(nr_u32_at(after.bytes) & 0xfffff, 0x12345);
	assert_int_not_equal(nr_u32_at(after.bytes + 44), 0x11223344);
	assert_true(p.marks & NR_MARK_FRAGMENT_FIRST);
	struct nr_address destination;
	assert_int_equal(nr_address_parse("2001:db8:d::9", &destination, NULL), 0);
	destination = nr_anonymise_address(a, &destination);
	assert_true(nr_address_equal(&p.destination, &destination));
	assert_int_equal(p.source.octets[15], 7); /* kept */
	assert_int_equal(nr_anonymise_counts(a)->rewritten[NR_REWRITTEN_EXTENSIONS], 1);
}

/* ---- ICMP ---- */

static void quotes_are_rewritten(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b;
	put_ipv4(&b, 1, 9, SOURCE, DARK_A, 8 + 20 + 20 + 4);
	put_hex(&b, "0303abcd 00000000");
	put_hex(&b, "45000028 1234 4000 30 06 dead c0000209 08080404");
	put_hex(&b,
		"00500050 c0000209 00000000 50020400 12340000"); /* seq: the dark address that was forged */
	put_hex(&b, "c0000209");                                 /* and once more behind */
	rewrite(a, &b);
	assert_int_equal(after.captured, 20 + 8 + 20 + 8);
	assert_true(checksums_fit(after.bytes, after.captured));
	assert_false(holds(after.bytes, after.captured, DARK_A));
	const uint8_t *inner = after.bytes + 28;
	assert_int_equal(nr_u32_at(inner + 12), new_address(a, DARK_A));
	assert_int_equal(nr_u32_at(inner + 16), VICTIM);
	assert_int_equal(nr_checksum_finish(nr_checksum_add(0, inner, 20)), 0);
	struct nr_frame frame = {after.bytes, after.captured, after.wire, TIME, NR_LINK_RAW, false};
	struct nr_packet ret[2];
	size_t count;
	assert_int_equal(nr_packet_decode(&frame, NULL, ret, &count), NR_DROP_NONE);
	assert_int_equal(count, 2);
	assert_int_equal(nr_address_ipv4(&ret[1].source), VICTIM);
	assert_int_equal(ret[1].source_port, 80);
}

static void a_gateway_in_the_dark_range_is_an_address_too(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b;
	put_ipv4(&b, 1, 9, SOURCE, DARK_A, 8);
	put_hex(&b, "05010000 c0000264");
	rewrite(a, &b);
	assert_int_equal(nr_u32_at(after.bytes + 24), new_address(a, DARK_B));
}

/* ---- payloads ---- */

static void put_udp(struct bytes *b, uint32_t destination, const char *payload)
{
	size_t n = strlen(payload);
	put_ipv4(b, 17, 3, SOURCE, destination, 8 + n);
	put_u16(b, 5060);
	put_u16(b, 5060);
	put_u16(b, (uint16_t)(8 + n));
	put_u16(b, 0xbeef);
	put(b, payload, n);
}

static void payloads_go(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b;
	put_udp(&b, DARK_A, "OPTIONS sip:nm SIP/2.0");
	rewrite(a, &b);
	assert_int_equal(after.captured, 28);
	assert_int_equal(after.wire, b.length);
	assert_int_equal(nr_u16_at(after.bytes + 26), 0); /* the old checksum would tell the old address */
	assert_int_equal(nr_anonymise_counts(a)->rewritten[NR_REWRITTEN_CHECKSUM_ZERO], 1);
}

static void allowed_payloads_stay_unless_they_tell(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool stays;
	} cases[] = {
		{"OPTIONS sip:nm SIP/2.0", true},
		{"to 198.51.100.7 and 10.0.0.1", true},
		{"INVITE sip:100@192.0.2.9", false},
		{"via ip-192-0-2-200.example", false},
		{"9.2.0.192.in-addr.arpa", false},
		{"x\xc0\x7f\x02\x09", true},
		{"binary \xcb\x01\x71\x14", true},
		{"own 203.0.113.77", false},
	};
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	nr_anonymiser_keep_payload(a, 17, 5060);
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct bytes b;
		put_udp(&b, DARK_A, cases[i].text);
		rewrite(a, &b);
		assert_int_equal(after.captured, cases[i].stays ? b.length : 28);
		if (cases[i].stays)
			assert_true(checksums_fit(after.bytes, after.captured));
	}
	struct bytes b;
	put_udp(&b, DARK_A, "1234");
	memcpy(b.data + 28, (const uint8_t[]){9, 2, 0, 0xc0}, 4); /* little-endian */
	rewrite(a, &b);
	assert_int_equal(after.captured, 28);
	assert_int_equal(nr_anonymise_counts(a)->rewritten[NR_REWRITTEN_PAYLOAD_SUSPECT], 5);
}

/* "sip:192.0.2.9" is shorter than "sip:192.0.2.100": a length tells digits. */
static void lengths_do_not_tell_digits(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	static const char *const forms[] = {
		"INVITE sip:1@%u.%u.%u.%u SIP/2.0", "x-%4$u-%3$u-%2$u-%1$u.example %1$u.%2$u.%3$u.%4$u"};
	for (size_t f = 0; f < NR_COUNT(forms); f++) {
		uint16_t length = 0;
		for (uint32_t last = 0; last < 256; last += 17) {
			char text[128];
			struct bytes b;
			snprintf(text, sizeof text, forms[f], 192u, 0u, 2u, last);
			put_udp(&b, 0xc0000200 + last, text);
			rewrite(a, &b);
			length = last == 0 ? nr_u16_at(after.bytes + 2) : length;
			assert_int_equal(nr_u16_at(after.bytes + 2), length);
			assert_int_equal(nr_u16_at(after.bytes + 24), length - 20);
		}
	}
}

/* ---- addresses ---- */

static void sources_by_policy(void **state)
{
	(void)state;
	struct bytes b;
	struct nr_anonymise_conf conf = conf_of();
	for (int policy = NR_OWN_ANONYMISE; policy <= NR_OWN_KEEP; policy++) {
		conf.own_policy = (enum nr_own_policy)policy;
		NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf);
		put_ipv4(&b, 6, 1, OWN, DARK_A, 20);
		put_tcp(&b, 1, 2, "");
		struct nr_frame frame = frame_of(&b);
		assert_int_equal(nr_anonymise(a, &frame, &after), policy != NR_OWN_DROP);
		if (policy == NR_OWN_DROP)
			assert_int_equal(nr_anonymise_counts(a)->withheld[NR_WITHHELD_OWN], 1);
		else
			assert_int_equal(nr_u32_at(after.bytes + 12) == OWN, policy == NR_OWN_KEEP);
	}
	conf = conf_of();
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *kept = make(conf);
	put_syn(&b, 1, DARK_A, 5);
	rewrite(kept, &b);
	assert_int_equal(nr_u32_at(after.bytes + 12), SOURCE);
	put_ipv4(&b, 6, 1, DARK_B, DARK_A, 20); /* forged: from the dark range itself */
	put_tcp(&b, 1, 2, "");
	rewrite(kept, &b);
	assert_int_equal(nr_u32_at(after.bytes + 12), new_address(kept, DARK_B));
	conf.sources = true;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *none = make(conf);
	put_syn(&b, 1, DARK_A, 5);
	rewrite(none, &b);
	assert_int_not_equal(nr_u32_at(after.bytes + 12), SOURCE);
	/* a neighbour of the dark range shares 23 bits with it; not afterwards, or a known scanner would tell
	 * bits */
	uint32_t differs = new_address(none, 0xc0000300) ^ new_address(none, DARK_A);
	assert_int_not_equal(__builtin_clz(differs | 1), 23);
}

static void ipv4_inside_ipv6_sources(void **state)
{
	(void)state;
	static const struct {
		const char *source;
		bool kept;
	} cases[] = {{"2002:c000:209::1", false}, {"2002:808:404::1", true}, {"64:ff9b::c000:209", false},
		{"2001::808:404:0:0:3fff:fdf6", false}, {"2001:db8:1::1", true}};
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_address from, to;
		assert_int_equal(nr_address_parse(cases[i].source, &from, NULL), 0);
		to = nr_anonymise_address(a, &from);
		assert_int_equal(nr_address_equal(&from, &to), cases[i].kept);
	}
}

static void what_is_not_dark_stays_out(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes b;
	put_syn(&b, 1, 0xc0000309, 5);
	struct nr_frame frame = frame_of(&b);
	assert_false(nr_anonymise(a, &frame, &after));
	assert_int_equal(nr_anonymise_counts(a)->dropped[NR_DROP_NOT_DARK], 1);
}

/* Any part of any packet: rewritten without the old address, or counted as left out. */
static void cut_anywhere(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	struct bytes packets[4];
	put_syn(&packets[0], 1, DARK_A, DARK_A);
	put_udp(&packets[1], DARK_A, "sip:192.0.2.9");
	put_ipv4(&packets[2], 1, 9, SOURCE, DARK_A, 48);
	put_hex(&packets[2],
		"03030000 00000000 45000028 12344000 3006dead c0000209 08080404 00500050 c0000209 00000000 "
		"50020400 12340000");
	put_ipv4(&packets[3], 6, 1, SOURCE, DARK_A, 40);
	put_tcp(&packets[3], DARK_A, 2, "020405b4 0402080a 12345678 0000ffff 01030307");
	uint64_t tried = 0, out = 0;
	for (size_t i = 0; i < NR_COUNT(packets); i++)
		for (size_t cut = 0; cut <= packets[i].length; cut++, tried++) {
			struct bytes b = packets[i];
			b.length = cut;
			struct nr_frame frame = frame_of(&b);
			frame.wire = (uint32_t)packets[i].length;
			if (!nr_anonymise(a, &frame, &after))
				continue;
			out++;
			assert_false(holds(after.bytes, after.captured, DARK_A));
		}
	const struct nr_anonymise_counts *c = nr_anonymise_counts(a);
	assert_int_equal(tried, out + c->dropped[NR_DROP_TRUNCATED]);
	assert_int_equal(out, c->packets);
}

/* ---- keys ---- */

static void key_files(void **state)
{
	(void)state;
	char folder[] = "/tmp/noroshi-test-XXXXXX", path[64];
	uint8_t one[NR_ANONYMISE_KEY], two[NR_ANONYMISE_KEY];
	char id[NR_KEY_ID_TEXT], other[NR_KEY_ID_TEXT];
	struct stat status;
	struct nr_error error;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/key", folder);
	assert_int_equal(nr_anonymise_key_create(path, &error), 0);
	assert_int_equal(nr_anonymise_key_create(path, &error), -EEXIST);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(nr_anonymise_key_read(path, one, &error), 0);
	assert_int_equal(nr_anonymise_key_read(path, two, &error), 0);
	assert_memory_equal(one, two, sizeof one);
	assert_int_equal(nr_anonymise_key_id(one, id, &error), 0);
	two[31] ^= 1;
	assert_int_equal(nr_anonymise_key_id(two, other, &error), 0);
	assert_string_not_equal(id, other);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(nr_anonymise_key_read(path, two, &error), -EACCES);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 40), 0);
	assert_int_equal(nr_anonymise_key_read(path, two, &error), -EBADMSG);
	unlink(path);
	rmdir(folder);
}

static void dice_are_fair_and_inside(void **state)
{
	(void)state;
	NR_AUTO(nr_anonymiser_freep) struct nr_anonymiser *a = make(conf_of());
	unsigned seen[7] = {0};
	for (int i = 0; i < 7000; i++) {
		uint64_t n = nr_anonymise_random(a, 7);
		assert_true(n < 7);
		seen[n]++;
	}
	for (size_t i = 0; i < 7; i++) /* six standard deviations of 29 */
		assert_in_range(seen[i], 1000 - 174, 1000 + 174);
	assert_int_equal(nr_anonymise_random(a, 1), 0);
}

static int make_tables(void **state)
{
	(void)state;
	dark = table_of((const char *const[]){"192.0.2.0/24", "2001:db8:d::/48", NULL});
	own = table_of((const char *const[]){"203.0.113.0/24", NULL});
	return 0;
}

static int free_tables(void **state)
{
	(void)state;
	nr_prefix_table_free(dark);
	nr_prefix_table_free(own);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_of_tools_stay),
		cmocka_unit_test(a_field_that_follows_the_destination_still_does),
		cmocka_unit_test(equal_stays_equal_and_mirrors_stay),
		cmocka_unit_test(exports_with_one_key_share_addresses_only),
		cmocka_unit_test(clocks_are_rounded_and_the_time_of_day_moves_along),
		cmocka_unit_test(cookies_go_and_layouts_stay),
		cmocka_unit_test(ip_options_go),
		cmocka_unit_test(ipv6_keeps_its_fragment_header_alone),
		cmocka_unit_test(quotes_are_rewritten),
		cmocka_unit_test(a_gateway_in_the_dark_range_is_an_address_too),
		cmocka_unit_test(payloads_go),
		cmocka_unit_test(allowed_payloads_stay_unless_they_tell),
		cmocka_unit_test(lengths_do_not_tell_digits),
		cmocka_unit_test(sources_by_policy),
		cmocka_unit_test(ipv4_inside_ipv6_sources),
		cmocka_unit_test(what_is_not_dark_stays_out),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(key_files),
		cmocka_unit_test(dice_are_fair_and_inside),
	};
	return cmocka_run_group_tests(tests, make_tables, free_tables);
}
