/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/flows/carrier.h"

#include "base/address.h"
#include "train/world/flows/chance.h"
#include "wire/checksum.h"
#include "wire/export_write.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define COLLECTOR 0xc00002fe /* 192.0.2.254 */
#define ETHERNET  14
#define HEADERS   (ETHERNET + 20 + 8)
#define DOUBLED   0.0003                /* of the datagrams */
#define OVERTAKEN 0.01                  /* held for it; overtaken where the next one comes soon */
#define LATE      (2 * INT64_C(1000))   /* us behind the one that overtook it */
#define PATIENCE  (500 * INT64_C(1000)) /* us that one is held at most */
#define AHEAD     2000                  /* us that a sender over UDP may be ahead of its time */

bool nr_carrier_is_udp(const char *out)
{
	return strncmp(out, "udp:", 4) == 0;
}

int nr_carrier_parse_udp(
	const char *out, struct nr_address *ret_address, uint16_t *ret_port, struct nr_error *error)
{
	char host[NR_ADDRESS_TEXT] = "";
	unsigned port = 0;
	int used = 0;
	const char *at = out + 4;
	if (!(sscanf(at, "[%46[0-9a-fA-F:.]]:%5u%n", host, &port, &used) == 2 && at[used] == 0) &&
		!(sscanf(at, "%46[0-9.]:%5u%n", host, &port, &used) == 2 && at[used] == 0))
		used = 0;
	if (!used || port == 0 || port > 65535 || nr_address_parse(host, ret_address, NULL))
		return nr_fail(error, -EINVAL,
			"--out: %s: give udp:ADDRESS:PORT, for example udp:127.0.0.1:9995", out);
	*ret_port = (uint16_t)port;
	return 0;
}

void nr_carrier_init(struct nr_carrier *carrier, uint64_t seed)
{
	memset(carrier, 0, sizeof *carrier);
	carrier->random = nr_random_stream(seed, "carrier");
	for (unsigned i = 0; i < NR_EXPORTERS_MAX; i++)
		carrier->ports[i].socket = -1;
}

void nr_carrier_fini(struct nr_carrier *carrier)
{
	for (unsigned i = 0; i < NR_EXPORTERS_MAX; i++)
		nr_close_fd(&carrier->ports[i].socket);
	nr_carrier_init(carrier, 0);
}

static void to_socket_address(
	const struct nr_address *address, uint16_t port, struct sockaddr_storage *storage, socklen_t *length)
{
	memset(storage, 0, sizeof *storage);
	if (nr_address_is_ipv4(address)) {
		struct sockaddr_in *in = (struct sockaddr_in *)storage;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, address->octets + 12, 4);
		*length = sizeof *in;
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, address->octets, 16);
		*length = sizeof *in6;
	}
}

/* Exporters are told apart by their source address where that is possible (127/8), and by their port. */
static int open_socket(const struct nr_carrier *carrier, unsigned number, struct nr_error *error)
{
	struct sockaddr_storage source;
	socklen_t length;
	bool ipv4 = nr_address_is_ipv4(&carrier->target);
	int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return nr_fail(error, -errno, "world flows: no UDP socket: %s", strerror(errno));
	if (ipv4 && carrier->target.octets[12] == 127) {
		struct nr_address own = nr_address_from_ipv4(0x7f010001 + number);
		to_socket_address(&own, 0, &source, &length);
		if (bind(fd, (struct sockaddr *)&source, length)) {
			int rc = -errno;
			close(fd);
			return nr_fail(error, rc, "world flows: cannot send from 127.1.0.%u: %s", number + 1,
				strerror(-rc));
		}
	}
	return fd;
}

int nr_carrier_open_port(struct nr_carrier *carrier, unsigned number, const struct nr_address *source,
	uint16_t source_port, uint16_t port, struct nr_error *error)
{
	struct nr_carrier_port *p = &carrier->ports[number];
	*p = (struct nr_carrier_port){
		.source = *source, .source_port = source_port, .port = port, .socket = -1};
	if (carrier->pcap)
		return 0;
	int fd = open_socket(carrier, number, error);
	if (fd < 0)
		return fd;
	p->socket = fd;
	return 0;
}

static void put_frame(struct nr_carrier *carrier, const struct nr_carrier_port *port,
	const struct nr_datagram *d, nr_time time)
{
	static const uint8_t link[ETHERNET] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	uint8_t frame[HEADERS + NR_DATAGRAM_MAX];
	uint16_t udp_length = (uint16_t)(8 + d->length);
	uint8_t *ip = nr_put_bytes(frame, link, sizeof link);
	uint8_t *at = nr_put_u16(nr_put_u16(ip, 0x4500), (uint16_t)(20 + udp_length));
	at = nr_put_u16(nr_put_u16(at, carrier->number++), 0);
	uint8_t *sum = at + 2;
	at = nr_put_u16(nr_put_u16(at, 63 << 8 | IPPROTO_UDP), 0);
	at = nr_put_u32(nr_put_u32(at, nr_address_ipv4(&port->source)), COLLECTOR);
	nr_put_u16(sum, nr_checksum_finish(nr_checksum_add(0, ip, 20)));
	uint8_t *udp = at;
	at = nr_put_u16(nr_put_u16(at, port->source_port), port->port);
	at = nr_put_u16(nr_put_u16(at, udp_length), 0);
	nr_put_bytes(at, d->bytes, d->length);
	uint64_t pseudo = nr_checksum_add(IPPROTO_UDP + (uint64_t)udp_length, ip + 12, 8);
	uint16_t checksum = nr_checksum_finish(nr_checksum_add(pseudo, udp, udp_length));
	nr_put_u16(udp + 6, checksum ? checksum : 0xffff);
	uint32_t length = HEADERS + d->length;
	nr_pcap_write_frame(carrier->pcap, time, frame, length, length);
}

static nr_time monotonic(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NR_SECOND + now.tv_nsec / 1000;
}

/* Waits until the rate and the speed let the next datagram go. */
static void pace(struct nr_carrier *carrier, nr_time time)
{
	double due = 0;
	if (!carrier->begun) {
		carrier->begun = monotonic();
		carrier->first = time;
	}
	if (carrier->rate)
		due = (double)carrier->records * 1e6 / (double)carrier->rate;
	if (carrier->speed > 0)
		due = NR_MAX(due, (double)(time - carrier->first) / carrier->speed);
	nr_time wait = carrier->begun + (nr_time)due - monotonic();
	if (wait > AHEAD) {
		struct timespec pause = {wait / NR_SECOND, wait % NR_SECOND * 1000};
		while (nanosleep(&pause, &pause) && errno == EINTR)
			;
	}
}

static void send_udp(struct nr_carrier *carrier, const struct nr_carrier_port *port,
	const struct nr_datagram *d, nr_time time)
{
	struct sockaddr_storage target;
	socklen_t length;
	pace(carrier, time);
	to_socket_address(&carrier->target, carrier->target_port, &target, &length);
	if (sendto(port->socket, d->bytes, d->length, 0, (struct sockaddr *)&target, length) < 0 &&
		errno != ECONNREFUSED && !carrier->failure)
		carrier->failure = -errno;
}

static void write_out(
	struct nr_carrier *carrier, struct nr_carrier_port *port, const struct nr_datagram *d, nr_time time)
{
	time = NR_MAX(time, carrier->last);
	carrier->last = time;
	carrier->records += d->records;
	port->truth.written++;
	port->truth.records_written += d->records;
	port->truth.options_written += d->options;
	if (carrier->pcap)
		put_frame(carrier, port, d, time);
	else
		send_udp(carrier, port, d, time);
}

static void count_loss(struct nr_carrier_port *port)
{
	const struct nr_datagram *d = &port->held;
	port->truth.lost++;
	port->truth.lost_records += d->records;
	port->truth.lost_options += d->options;
	port->truth.lost_units += d->units;
	port->hold = NR_HOLD_NOTHING;
}

void nr_carrier_send(
	struct nr_carrier *carrier, unsigned number, const struct nr_datagram *datagram, bool first)
{
	struct nr_carrier_port *port = &carrier->ports[number];
	port->truth.sent++;
	if (port->hold == NR_HOLD_LOST)
		count_loss(port); /* now that another one comes after it, its loss can be seen */
	bool may_hold = !first && port->hold == NR_HOLD_NOTHING;
	if (may_hold && nr_chance_uniform(&carrier->random) < carrier->loss) {
		port->held = *datagram;
		port->hold = NR_HOLD_LOST;
		return;
	}
	if (may_hold && nr_chance_uniform(&carrier->random) < OVERTAKEN) {
		port->held = *datagram;
		port->hold = NR_HOLD_LATE;
		return;
	}
	write_out(carrier, port, datagram, datagram->time);
	if (port->hold == NR_HOLD_LATE) {
		write_out(carrier, port, &port->held, datagram->time + LATE);
		port->truth.overtaken++;
		port->hold = NR_HOLD_NOTHING;
	} else if (!first && nr_chance_uniform(&carrier->random) < DOUBLED) {
		write_out(carrier, port, datagram, datagram->time);
		port->truth.doubled++;
		port->truth.doubled_records += datagram->records;
		port->truth.doubled_options += datagram->options;
	}
}

void nr_carrier_tick(struct nr_carrier *carrier, unsigned number, nr_time now)
{
	struct nr_carrier_port *port = &carrier->ports[number];
	if (port->hold == NR_HOLD_LATE && now - port->held.time > PATIENCE)
		nr_carrier_settle(carrier, number);
}

void nr_carrier_settle(struct nr_carrier *carrier, unsigned number)
{
	struct nr_carrier_port *port = &carrier->ports[number];
	if (port->hold != NR_HOLD_NOTHING)
		write_out(carrier, port, &port->held, port->held.time);
	port->hold = NR_HOLD_NOTHING;
}
