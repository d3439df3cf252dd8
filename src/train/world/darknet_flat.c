/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profile flat, for measuring speed: the generator of the telescope reference, section 22. 60-byte SYN frames
 * at equal distances, sources by a power law k = n u^3, destinations uniform over the dark range, 75 % of the
 * packets to 16 popular ports and 25 % uniform, 20 % of the sources Mirai (sequence = destination), the rest
 * random.
 * Profile even, for measuring memory: the same, but sources take turns, so that all of them are there.
 */
#include "train/world/darknet.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define FRAME   60
#define RECORD  (NR_PCAP_RECORD_HEADER + FRAME)
#define POPULAR 16
#define PORTS   65536
#define BATCH   65536 /* packets between two progress reports */

static const uint16_t popular[POPULAR] = {
	23, 445, 22, 80, 8080, 443, 3389, 2323, 81, 5555, 1433, 8443, 37215, 5900, 6379, 7547};

struct flat {
	const struct nr_darknet *world;
	uint64_t key;               /* of the address permutation and the per-source constants */
	uint64_t sources;           /* n of the power law */
	bool even;                  /* one source after the other instead of the power law */
	uint64_t *seen;             /* bit per source; owned */
	uint64_t *seen_at[POPULAR]; /* bit per source and popular port; owned */
	uint64_t *ports;            /* packets per destination port; owned */
	int8_t popular_number[PORTS];
	uint64_t source_count, mirai_packets, mirai_sources;
	uint64_t popular_sources[POPULAR];
};

static void flat_fini(struct flat *f)
{
	free(f->seen);
	for (size_t i = 0; i < POPULAR; i++)
		free(f->seen_at[i]);
	free(f->ports);
}

static int flat_init(struct flat *f, const struct nr_darknet *world, struct nr_error *error)
{
	const uint64_t fallback = 900000;
	struct nr_random random = nr_random_stream(world->conf->seed, "flat");
	*f = (struct flat){.world = world, .key = nr_random_next(&random)};
	f->sources = world->conf->sources ? world->conf->sources : fallback;
	f->even = strcmp(world->conf->profile, "even") == 0;
	size_t words = (size_t)(f->sources / 64 + 1);
	bool complete = (f->seen = calloc(words, 8)) != NULL && (f->ports = calloc(PORTS, 8)) != NULL;
	for (size_t i = 0; i < POPULAR && complete; i++)
		complete = (f->seen_at[i] = calloc(words, 8)) != NULL;
	if (!complete) {
		flat_fini(f);
		return nr_fail(error, -ENOMEM,
			"world: out of memory for %llu sources; give fewer with --sources",
			(unsigned long long)f->sources);
	}
	memset(f->popular_number, -1, sizeof f->popular_number);
	for (int i = 0; i < POPULAR; i++)
		f->popular_number[popular[i]] = (int8_t)i;
	return 0;
}

/* A bijection of 32 bits (four Feistel rounds), so that different sources have different addresses. */
static uint32_t permute(uint32_t v, uint64_t key)
{
	uint32_t left = v >> 16, right = v & 0xffff;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t mixed = (right ^ (uint32_t)(key >> (16 * i))) * 0x9e3779b1u;
		uint32_t next = left ^ ((mixed ^ mixed >> 15) & 0xffff);
		left = right;
		right = next;
	}
	return left << 16 | right;
}

/* The number-th usable address, moved along the permutation's cycle to the next usable one: still a
 * bijection. */
static uint32_t source_address(const struct flat *f, uint64_t number)
{
	const struct nr_geography *geography = f->world->geography;
	uint32_t address = (uint32_t)geography->usable_list[number >> 16] << 16 | (uint32_t)(number & 0xffff);
	do
		address = permute(address, f->key);
	while (!nr_geography_usable(geography, address));
	return address;
}

static bool first_time(uint64_t *bits, uint64_t number)
{
	uint64_t bit = UINT64_C(1) << (number & 63);
	bool first = !(bits[number >> 6] & bit);
	bits[number >> 6] |= bit;
	return first;
}

static uint16_t draw_port(uint64_t random)
{
	uint16_t uniform = (uint16_t)(random >> 8);
	return (random & 3) != 3 ? popular[(random >> 2) & (POPULAR - 1)] : uniform;
}

static void count(struct flat *f, uint64_t number, uint16_t port, bool mirai)
{
	bool first = first_time(f->seen, number);
	f->source_count += first;
	f->mirai_sources += first && mirai;
	f->mirai_packets += mirai;
	f->ports[port]++;
	int8_t p = f->popular_number[port];
	if (p >= 0)
		f->popular_sources[p] += first_time(f->seen_at[p], number);
}

/* The constant part of a record; the sums are those of the constant words, for the checksums. */
static void make_template(uint8_t record[static RECORD])
{
	static const uint8_t fixed[FRAME] = {
		0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02, 0x08,
		0x00,                                           /* Ethernet, locally administered */
		0x45, 0, 0, 40, 0, 0, 0, 0, 0, 6, 0, 0,         /* IPv4, 40 bytes, TCP */
		0, 0, 0, 0, 0, 0, 0, 0,                         /* addresses */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x02, /* TCP, SYN */
	};
	memset(record, 0, RECORD);
	record[8] = FRAME; /* captured and wire length, little-endian */
	record[12] = FRAME;
	memcpy(record + NR_PCAP_RECORD_HEADER, fixed, FRAME);
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}

static void put_le32(uint8_t *p, uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	memcpy(p, &v, 4);
}

NR_INLINE uint32_t words(uint32_t v)
{
	return (v >> 16) + (v & 0xffff);
}

/* The turn-th packet. */
static void emit(
	struct flat *f, struct nr_random *random, const uint8_t *template, uint64_t turn, nr_time time)
{
	uint64_t a = nr_random_next(random), b = nr_random_next(random), c = nr_random_next(random);
	uint64_t number = f->even ? turn % f->sources : nr_random_power(f->sources, (uint32_t)a);
	uint64_t nature = nr_random_mix(number ^ f->key);
	bool mirai = (uint32_t)nature % 5 == 0;
	uint32_t source = source_address(f, number);
	uint32_t destination = nr_dark_address(
		&f->world->dark, (uint64_t)(((unsigned __int128)nr_dark_addresses(&f->world->dark) *
						    (a & 0xffffffff00000000u)) >>
					    64));
	uint32_t sequence = mirai ? destination : (uint32_t)b;
	uint16_t id = (uint16_t)(b >> 32), port = draw_port(c);
	uint16_t source_port = mirai ? (uint16_t)(1024 + (nature >> 32) % 64512) : (uint16_t)(b >> 48);
	uint16_t window = (uint16_t)(nature >> 48);
	uint8_t ttl = (uint8_t)(40 + (nature >> 40) % 24);

	uint8_t *p = nr_pcap_take(f->world->pcap, RECORD);
	memcpy(p, template, RECORD);
	put_le32(p, (uint32_t)(time / NR_SECOND));
	put_le32(p + 4, (uint32_t)(time % NR_SECOND));
	uint8_t *ip = p + NR_PCAP_RECORD_HEADER + 14, *tcp = ip + 20;
	uint32_t addresses = words(source) + words(destination);
	put16(ip + 4, id);
	ip[8] = ttl;
	put16(ip + 10, fold(0x4500u + 40 + id + ((uint32_t)ttl << 8 | 6) + addresses));
	put32(ip + 12, source);
	put32(ip + 16, destination);
	put16(tcp, source_port);
	put16(tcp + 2, port);
	put32(tcp + 4, sequence);
	put16(tcp + 14, window);
	put16(tcp + 16, fold(addresses + 6 + 20 + source_port + port + words(sequence) + 0x5002u + window));
	count(f, number, port, mirai);
}

static nr_time packet_time(const struct nr_darknet_conf *conf, uint64_t i)
{
	return conf->start + (nr_time)(((unsigned __int128)(uint64_t)conf->duration * i) / conf->packets);
}

static void write_category(struct nr_json *json, const char *name, uint64_t packets, uint64_t sources)
{
	nr_json_object(json, name);
	nr_json_uint(json, "packets", packets);
	nr_json_uint(json, "sources", sources);
	nr_json_object_end(json);
}

static void write_truth(const struct flat *f, uint64_t packets, struct nr_json *json)
{
	static const char *const categories[] = {
		"tcp_syn", "tcp_syn_ack", "tcp_rst", "tcp_other", "udp", "icmp", "other"};
	nr_json_object(json, "by_category");
	for (size_t i = 0; i < NR_COUNT(categories); i++)
		write_category(json, categories[i], i ? 0 : packets, i ? 0 : f->source_count);
	nr_json_object_end(json);
	/* Distinct sources are counted for the popular ports; the long tail has packets only. */
	nr_json_array(json, "by_port");
	for (unsigned port = 0; port < PORTS; port++) {
		if (!f->ports[port])
			continue;
		nr_json_object(json, NULL);
		nr_json_uint(json, "protocol", 6);
		nr_json_uint(json, "port", port);
		nr_json_uint(json, "packets", f->ports[port]);
		if (f->popular_number[port] >= 0)
			nr_json_uint(json, "sources", f->popular_sources[f->popular_number[port]]);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	nr_json_object(json, "tools");
	write_category(json, "mirai", f->mirai_packets, f->mirai_sources);
	write_category(json, "zmap", 0, 0);
	write_category(json, "masscan", 0, 0);
	write_category(json, "nmap", 0, 0);
	nr_json_object_end(json);
	nr_json_object(json, "dropped");
	nr_json_uint(json, "non_ip", 0);
	nr_json_uint(json, "truncated", 0);
	nr_json_uint(json, "malformed", 0);
	nr_json_object_end(json);
}

int nr_darknet_flat(struct nr_darknet *world, struct nr_json *truth, struct nr_darknet_totals *ret_totals,
	struct nr_error *error)
{
	const struct nr_darknet_conf *conf = world->conf;
	assert(conf->packets > 0); /* the command asks for it */
	NR_AUTO(flat_fini) struct flat f;
	int rc = flat_init(&f, world, error);
	if (rc)
		return rc;
	uint8_t template[RECORD];
	make_template(template);
	struct nr_random random = nr_random_stream(conf->seed, "flat packets");
	for (uint64_t i = 0; i < conf->packets && !world->pcap->failure; i++) {
		if (i % BATCH == 0 && world->progress)
			nr_progress_show(world->progress, i);
		emit(&f, &random, template, i, packet_time(conf, i));
	}
	struct nr_darknet_totals totals = {.packets = conf->packets,
		.frames = conf->packets,
		.bytes = conf->packets * FRAME,
		.sources = f.source_count};
	nr_darknet_truth_head(
		world, &totals, packet_time(conf, 0), packet_time(conf, conf->packets - 1), truth);
	write_truth(&f, conf->packets, truth);
	*ret_totals = totals;
	return 0;
}
