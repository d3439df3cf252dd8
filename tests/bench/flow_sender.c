/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends NetFlow v9 to a collector: prepared datagrams of data records with 20 fields (51 bytes), by many
 * exporters, each an address of 127.0.1.0/24 with a socket, a source id and a sequence of its own; templates
 * first, and again every second. Prints what was sent as JSON.
 *
 *	bench-flow-sender ADDRESS:PORT SECONDS FLOWS_PER_SECOND [EXPORTERS [RECORDS [JOINED]]]
 *
 * FLOWS_PER_SECOND 0: as fast as it can. Bounded by SECONDS, which are at most 120. More than 200 EXPORTERS
 * (up to 65536) come each from an address of its own with one template and one datagram, once. JOINED: so
 *many datagrams (up to 32) go through the kernel as one (UDP_SEGMENT), as a network card with GRO hands them
 *to it.
 */
#include "net/listen.h"
#include "wire/export_write.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#define BATCH         32
#define EXPORTERS_MAX 200 /* at once */
#define SWEEP_MAX     65536
#define PREPARED      4096 /* bodies, which all exporters send in turn */
#define TEMPLATE_ID   256
#define FIELDS        20
#define HEADER        20 /* bytes of a v9 header */
#define BODY_MAX      1452

static const uint16_t fields[FIELDS][2] = {{8, 4}, {12, 4}, {15, 4}, {10, 2}, {14, 2}, {2, 4}, {1, 4},
	{22, 4}, {21, 4}, {7, 2}, {11, 2}, {6, 1}, {4, 1}, {5, 1}, {16, 4}, {17, 4}, {9, 1}, {13, 1}, {61, 1},
	{89, 1}};

struct exporter {
	int socket;
	uint32_t sequence, domain, at;
};

struct load {
	struct nr_listen to;
	double seconds, rate;
	unsigned exporters, records, joined;
	uint8_t bodies[PREPARED][BODY_MAX];
	size_t body_length;
	uint8_t templates[HEADER + 8 + 4 * FIELDS];
	struct exporter all[EXPORTERS_MAX];
	uint64_t datagrams, flows, refused;
	uint64_t chance;
};

static uint64_t draw(struct load *load)
{
	uint64_t z = load->chance += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Few are met often, and many seldom. */
static uint32_t skewed(struct load *load, uint32_t count)
{
	uint32_t bits = (uint32_t)draw(load) % 20 + 1;
	return (uint32_t)draw(load) % (1u << bits) % count;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint8_t *put_record(struct load *load, uint8_t *at)
{
	static const uint16_t ports[] = {443, 443, 443, 80, 53, 123, 8080, 22};
	uint32_t client = 0x64400000 + skewed(load, 1 << 18),
		 server = 0x08000000 + skewed(load, 1 << 20) * 37;
	bool down = draw(load) & 1;
	uint32_t packets = 1 + skewed(load, 2000), last = 3500000 + (uint32_t)draw(load) % 60000;
	uint16_t high = (uint16_t)(32768 + draw(load) % 28000), port = ports[draw(load) % 8];
	at = nr_put_u32(at, down ? server : client);
	at = nr_put_u32(at, down ? client : server);
	at = nr_put_u32(at, 0xc0000201);
	at = nr_put_u16(at, down ? 10 : (uint16_t)(100 + client % 16));
	at = nr_put_u16(at, down ? (uint16_t)(100 + client % 16) : 10);
	at = nr_put_u32(at, packets);
	at = nr_put_u32(at, packets * (40 + (uint32_t)draw(load) % (down ? 1400 : 200)));
	at = nr_put_u32(at, last - (uint32_t)draw(load) % 30000);
	at = nr_put_u32(at, last);
	at = nr_put_u16(at, down ? port : high);
	at = nr_put_u16(at, down ? high : port);
	at = nr_put_u8(at, 0x1b);
	at = nr_put_u8(at, port == 53 || port == 123 ? 17 : 6);
	at = nr_put_u8(at, 0);
	at = nr_put_u32(at, down ? server % 1000 + 1 : 64500);
	at = nr_put_u32(at, down ? 64500 : server % 1000 + 1);
	at = nr_put_u8(at, 24);
	at = nr_put_u8(at, 16);
	at = nr_put_u8(at, down);
	return nr_put_u8(at, 64);
}

static void prepare(struct load *load)
{
	uint8_t *at = load->templates + HEADER;
	at = nr_put_u16(at, 0);
	at = nr_put_u16(at, 8 + 4 * FIELDS);
	at = nr_put_u16(at, TEMPLATE_ID);
	at = nr_put_u16(at, FIELDS);
	for (size_t i = 0; i < FIELDS; i++)
		at = nr_put_u16(nr_put_u16(at, fields[i][0]), fields[i][1]);
	for (size_t i = 0; i < PREPARED; i++) {
		uint8_t *start = load->bodies[i];
		at = start + 4;
		for (unsigned k = 0; k < load->records; k++)
			at = put_record(load, at);
		while ((at - start) % 4)
			*at++ = 0;
		load->body_length = (size_t)(at - start);
		nr_put_u16(nr_put_u16(start, TEMPLATE_ID), (uint16_t)load->body_length);
	}
}

static void put_header(uint8_t at[static HEADER], struct exporter *exporter, unsigned count, double started)
{
	double since = now() - started;
	at = nr_put_u16(at, 9);
	at = nr_put_u16(at, (uint16_t)count);
	at = nr_put_u32(at, 3600000 + (uint32_t)(since * 1000)); /* up for an hour */
	at = nr_put_u32(at, (uint32_t)time(NULL));
	at = nr_put_u32(at, exporter->sequence++);
	nr_put_u32(at, exporter->domain);
}

static bool open_exporter(const struct load *load, struct exporter *exporter, unsigned i)
{
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000101 + i)};
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(load->to.port),
		.sin_addr.s_addr = htonl(nr_address_ipv4(&load->to.address))};
	*exporter = (struct exporter){
		.socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .domain = i, .at = i * 37};
	setsockopt(exporter->socket, SOL_SOCKET, SO_SNDBUF, &(int){1 << 22}, sizeof(int));
	if (load->joined)
		setsockopt(exporter->socket, SOL_UDP, UDP_SEGMENT, &(int){(int)(HEADER + load->body_length)},
			sizeof(int));
	return exporter->socket >= 0 &&
	       bind(exporter->socket, (struct sockaddr *)&local, sizeof local) == 0 &&
	       connect(exporter->socket, (struct sockaddr *)&to, sizeof to) == 0;
}

static void send_templates(struct load *load, double started)
{
	for (unsigned i = 0; i < load->exporters; i++) {
		put_header(load->templates, &load->all[i], 1, started);
		if (send(load->all[i].socket, load->templates, sizeof load->templates, 0) > 0)
			load->datagrams++;
	}
}

static int send_joined(const struct exporter *exporter, struct iovec parts[][2], unsigned count)
{
	struct msghdr message = {.msg_iov = parts[0], .msg_iovlen = (size_t)count * 2};
	return sendmsg(exporter->socket, &message, 0) < 0 ? -1 : (int)count;
}

static void send_batch(struct load *load, struct exporter *exporter, double started)
{
	uint8_t headers[BATCH][HEADER];
	struct iovec parts[BATCH][2];
	struct mmsghdr messages[BATCH];
	put_header(headers[0], exporter, load->records, started);
	exporter->sequence--;
	for (unsigned i = 0; i < BATCH; i++) {
		memcpy(headers[i], headers[0], HEADER);
		nr_put_u32(headers[i] + 12, exporter->sequence + i);
		parts[i][0] = (struct iovec){headers[i], HEADER};
		parts[i][1] = (struct iovec){load->bodies[exporter->at++ % PREPARED], load->body_length};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = parts[i], .msg_iovlen = 2}};
	}
	int sent = load->joined ? send_joined(exporter, parts, load->joined)
				: sendmmsg(exporter->socket, messages, BATCH, 0);
	if (sent < 0) {
		load->refused++;
		return;
	}
	exporter->sequence += (uint32_t)sent;
	load->datagrams += (unsigned)sent;
	load->flows += (unsigned)sent * load->records;
}

/* Thousands that nobody has heard of before, as whoever forges source addresses makes them. */
static bool sweep(struct load *load)
{
	double started = now();
	for (unsigned i = 0; i < load->exporters; i++) {
		struct exporter exporter;
		uint8_t header[HEADER];
		if (!open_exporter(load, &exporter, i))
			return false;
		put_header(load->templates, &exporter, 1, started);
		put_header(header, &exporter, load->records, started);
		const struct iovec parts[] = {
			{header, HEADER}, {load->bodies[i % PREPARED], load->body_length}};
		if (send(exporter.socket, load->templates, sizeof load->templates, 0) > 0)
			load->datagrams++;
		if (writev(exporter.socket, parts, 2) > 0) {
			load->datagrams++;
			load->flows += load->records;
		}
		close(exporter.socket);
		if (i % 100 == 99)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	printf("{\"seconds\":%.3f,\"datagrams\":%llu,\"flows\":%llu}\n", now() - started,
		(unsigned long long)load->datagrams, (unsigned long long)load->flows);
	return true;
}

static void run(struct load *load)
{
	const struct timespec pause = {.tv_nsec = 100000};
	double started = now(), template_at = started, end = started + load->seconds, t;
	for (unsigned turn = 0; (t = now()) < end; turn++) {
		if (t >= template_at) {
			send_templates(load, started);
			template_at = t + 1;
		}
		if (load->rate > 0 && (double)load->flows > load->rate * (t - started)) {
			nanosleep(&pause, NULL);
			continue;
		}
		send_batch(load, &load->all[turn % load->exporters], started);
	}
	double took = now() - started;
	printf("{\"seconds\":%.3f,\"datagrams\":%llu,\"flows\":%llu,\"flows_per_second\":%.0f,\"refused\":%"
	       "llu,"
	       "\"bytes\":%zu}\n",
		took, (unsigned long long)load->datagrams, (unsigned long long)load->flows,
		(double)load->flows / took, (unsigned long long)load->refused, HEADER + load->body_length);
}

int main(int argc, char **argv)
{
	struct nr_error error = {0};
	static struct load load;
	load.chance = 1;
	load.exporters = argc > 4 ? (unsigned)atoi(argv[4]) : 8;
	load.records = argc > 5 ? (unsigned)atoi(argv[5]) : 25;
	load.joined = argc > 6 ? (unsigned)atoi(argv[6]) : 0;
	if (argc < 4 || load.joined > BATCH || nr_listen_parse(argv[1], &load.to, &error) != 0 ||
		load.exporters < 1 || load.exporters > SWEEP_MAX || load.records < 1 || load.records > 28) {
		fprintf(stderr,
			"usage: %s ADDRESS:PORT SECONDS FLOWS_PER_SECOND [EXPORTERS [RECORDS [JOINED]]]\n",
			argv[0]);
		return 2;
	}
	load.seconds = NR_MIN(atof(argv[2]), 120.0);
	load.rate = atof(argv[3]);
	prepare(&load);
	if (load.exporters > EXPORTERS_MAX)
		return sweep(&load) ? 0 : 4;
	for (unsigned i = 0; i < load.exporters; i++)
		if (!open_exporter(&load, &load.all[i], i)) {
			fprintf(stderr, "exporter %u: %s\n", i, strerror(errno));
			return 4;
		}
	run(&load);
	return 0;
}
