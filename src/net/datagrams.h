/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP datagrams in batches (recvmmsg(2)), and what the kernel dropped because nobody took them in time. Who
 * opens the sockets may be another process than who reads them, and outlive it: what the kernel holds waits
 * for the next reader.
 */
#ifndef NR_NET_DATAGRAMS_H
#define NR_NET_DATAGRAMS_H

#include "base/time.h"
#include "net/listen.h"

#define NR_DATAGRAMS_BATCH   64    /* of one read, where the kernel has not joined some */
#define NR_DATAGRAMS_JOINED  128   /* that it joins to one at most (udp(7), UDP_GRO) */
#define NR_DATAGRAMS_ROOM    65536 /* bytes of one; nothing that UDP carries is longer */
#define NR_DATAGRAMS_SOCKETS 64    /* of one group */

struct nr_datagrams_conf {
	unsigned count;  /* sockets */
	uint64_t buffer; /* bytes that each may hold, as far as the system grants them (SO_RCVBUFFORCE with
			    CAP_NET_ADMIN, else up to net.core.rmem_max) */
	bool joined; /* take datagrams of one sender and one length joined, where the network card or driver
			joins them (UDP_GRO); reading takes them apart. It costs a fraction, but what the
			kernel drops it then counts by joined ones */
};
/* Opens sockets on one address, non-blocking. With more than one the kernel gives all datagrams of a source
 * address to the same socket, whatever their port, so that what is known of a source stays with one reader.
 * *ret_granted: bytes of buffer that the system did grant. The conf.count sockets are the caller's. */
int nr_datagrams_listen(struct nr_listen *listen, const struct nr_datagrams_conf *conf, int *ret_sockets,
	uint64_t *ret_granted, struct nr_error *error);

/* How many datagrams the kernel has dropped at this socket since it was opened, modulo 2^32: no room, or a
 * wrong checksum. It is the number that SO_RXQ_OVFL puts beside each datagram, known without one. */
int nr_datagrams_dropped(int socket, uint32_t *ret_dropped);

struct nr_datagram {
	const uint8_t *bytes;
	size_t length;
	struct nr_address source;
	uint16_t port;
	bool truncated; /* it was longer than the room; only its beginning is here */
};

struct nr_datagrams; /* memory for one batch; one thread */

/* room: bytes of one datagram; NR_DATAGRAMS_ROOM holds all. */
int nr_datagrams_new(size_t room, struct nr_datagrams **ret_datagrams, struct nr_error *error);
void nr_datagrams_free(struct nr_datagrams *datagrams);
void nr_datagrams_freep(struct nr_datagrams **datagrams);

/* Takes what waits at the socket, some dozens to some hundreds, and does not wait: answers how many, 0: none.
 * *ret_batch is valid until the next call. -errno: the socket has failed. */
int nr_datagrams_read(struct nr_datagrams *datagrams, int socket, const struct nr_datagram **ret_batch);

#endif
