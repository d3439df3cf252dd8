/* SPDX-License-Identifier: Apache-2.0 */
/* The listening socket, and which Host headers may reach it. */
#ifndef NR_NET_LISTEN_H
#define NR_NET_LISTEN_H

#include "base/address.h"
#include "base/option.h"

struct nr_listen {
	struct nr_address address;
	uint16_t port; /* the real one, where 0 was asked for */
	bool loopback;
	char text[64]; /* "127.0.0.1:8480", "[::1]:8480" */
};

/* text: ADDRESS:PORT, [ADDRESS]:PORT or localhost:PORT; port 0 takes a free one. -EINVAL says what is wrong
 * with it. */
int nr_listen_parse(const char *text, struct nr_listen *ret_listen, struct nr_error *error);

/* *ret_socket is the caller's. -EADDRINUSE, -EACCES, -EADDRNOTAVAIL: one line that says what to do. */
int nr_listen_open(struct nr_listen *listen, int *ret_socket, struct nr_error *error);
/* The same for UDP, non-blocking; shared: others of this user may be bound to it, too (SO_REUSEPORT). See
 * datagrams.h. */
int nr_listen_open_datagrams(struct nr_listen *listen, bool shared, int *ret_socket, struct nr_error *error);

/*
 * Whether a request with this Host header (NULL: none) is for us. A page of another site can make its own
 * name mean 127.0.0.1 (DNS rebinding) and then read a server that answers to any name. So: names given by the
 * operator always; else on loopback only localhost, 127.0.0.1 and [::1] with our port, and elsewhere only
 * addresses and localhost.
 */
bool nr_listen_is_for_us(const struct nr_listen *listen, const struct nr_texts *names, const char *host);

#endif
