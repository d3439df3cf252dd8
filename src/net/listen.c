/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define BACKLOG   128
#define HTTP_PORT 80

struct host {
	char name[256]; /* without brackets */
	bool brackets;
	long port; /* -1: none */
};

/* "name", "name:port", "[v6]", "[v6]:port". */
static bool split(const char *text, struct host *ret_host)
{
	struct host host = {.port = -1, .brackets = *text == '['};
	const char *start = text + host.brackets;
	size_t length = strcspn(start, host.brackets ? "]" : ":");
	const char *rest = start + length;
	if (length == 0 || length >= sizeof host.name || (host.brackets && *rest++ != ']'))
		return false;
	memcpy(host.name, start, length);
	if (*rest == ':') {
		char *end;
		if (rest[1] < '0' || rest[1] > '9')
			return false;
		host.port = strtol(rest + 1, &end, 10);
		if (*end || host.port > UINT16_MAX)
			return false;
	} else if (*rest) {
		return false;
	}
	*ret_host = host;
	return true;
}

static bool parse_literal(const struct host *host, struct nr_address *ret_address)
{
	struct nr_address address;
	if (nr_address_parse(host->name, &address, NULL) != 0)
		return false;
	if (host->brackets != (strchr(host->name, ':') != NULL))
		return false;
	*ret_address = address;
	return true;
}

static bool is_loopback(const struct nr_address *address)
{
	static const struct nr_address v6 = {{[15] = 1}};
	if (nr_address_is_ipv4(address))
		return nr_address_ipv4(address) >> 24 == 127;
	return nr_address_equal(address, &v6);
}

static void write_text(struct nr_listen *listen)
{
	char address[NR_ADDRESS_TEXT];
	nr_address_write(&listen->address, address);
	bool v4 = nr_address_is_ipv4(&listen->address);
	snprintf(listen->text, sizeof listen->text, v4 ? "%s:%u" : "[%s]:%u", address, listen->port);
}

int nr_listen_parse(const char *text, struct nr_listen *ret_listen, struct nr_error *error)
{
	struct host host;
	struct nr_listen listen = {0};
	if (!split(text, &host) || host.port < 0)
		return nr_fail(error, -EINVAL,
			"--listen %.80s: must be ADDRESS:PORT, e.g. 127.0.0.1:8480 or [::1]:8480", text);
	if (strcmp(host.name, "localhost") == 0)
		listen.address = nr_address_from_ipv4(INADDR_LOOPBACK);
	else if (!parse_literal(&host, &listen.address))
		return nr_fail(
			error, -EINVAL, "--listen %.80s: not an address; a name cannot be listened on", text);
	listen.port = (uint16_t)host.port;
	listen.loopback = is_loopback(&listen.address);
	write_text(&listen);
	*ret_listen = listen;
	return 0;
}

static socklen_t fill(const struct nr_listen *listen, struct sockaddr_storage *storage)
{
	memset(storage, 0, sizeof *storage);
	if (nr_address_is_ipv4(&listen->address)) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
		v4->sin_family = AF_INET;
		v4->sin_port = htons(listen->port);
		v4->sin_addr.s_addr = htonl(nr_address_ipv4(&listen->address));
		return sizeof *v4;
	}
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(listen->port);
	memcpy(&v6->sin6_addr, listen->address.octets, sizeof v6->sin6_addr);
	return sizeof *v6;
}

static int fail_bind(const struct nr_listen *listen, int reason, struct nr_error *error)
{
	switch (reason) {
	case EADDRINUSE:
		return nr_fail(error, -reason,
			"%s: the port is in use; stop the program that has it or choose another: --listen",
			listen->text);
	case EACCES:
		return nr_fail(error, -reason,
			"%s: no permission for this port; choose one from 1024 up: --listen", listen->text);
	case EADDRNOTAVAIL:
		return nr_fail(
			error, -reason, "%s: not an address of this machine; see: ip address", listen->text);
	default:
		return nr_fail(error, -reason, "%s: cannot listen: %s", listen->text, strerror(reason));
	}
}

/* The port stands at the same place in an IPv4 and an IPv6 address. */
static uint16_t bound_port(int socket_fd)
{
	struct sockaddr_in6 address = {0};
	socklen_t length = sizeof address;
	getsockname(socket_fd, (struct sockaddr *)&address, &length);
	return ntohs(address.sin6_port);
}

/* option: SO_REUSEADDR or SO_REUSEPORT; 0: none. */
static int open_bound(
	struct nr_listen *listen_on, int type, int option, int *ret_socket, struct nr_error *error)
{
	struct sockaddr_storage storage;
	socklen_t length = fill(listen_on, &storage);
	int file =
		socket(nr_address_is_ipv4(&listen_on->address) ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
	if (file < 0)
		return fail_bind(listen_on, errno, error);
	if (option)
		setsockopt(file, SOL_SOCKET, option, &(int){1}, sizeof(int));
	if (bind(file, (struct sockaddr *)&storage, length) != 0 ||
		((type & SOCK_STREAM) && listen(file, BACKLOG) != 0)) {
		int reason = errno;
		close(file);
		return fail_bind(listen_on, reason, error);
	}
	listen_on->port = bound_port(file);
	write_text(listen_on);
	*ret_socket = file;
	return 0;
}

int nr_listen_open(struct nr_listen *listen_on, int *ret_socket, struct nr_error *error)
{
	return open_bound(listen_on, SOCK_STREAM, SO_REUSEADDR, ret_socket, error);
}

int nr_listen_open_datagrams(
	struct nr_listen *listen_on, bool shared, int *ret_socket, struct nr_error *error)
{
	return open_bound(
		listen_on, SOCK_DGRAM | SOCK_NONBLOCK, shared ? SO_REUSEPORT : 0, ret_socket, error);
}

bool nr_listen_is_for_us(const struct nr_listen *listen_on, const struct nr_texts *names, const char *text)
{
	struct host host;
	if (!text || !split(text, &host))
		return false;
	for (size_t i = 0; i < names->count; i++) {
		if (strcasecmp(names->items[i], host.name) == 0)
			return true;
	}
	struct nr_address address;
	bool literal = parse_literal(&host, &address), localhost = strcasecmp(host.name, "localhost") == 0;
	if (!listen_on->loopback)
		return literal || localhost;
	return (localhost || (literal && is_loopback(&address))) &&
	       (host.port < 0 ? HTTP_PORT : host.port) == listen_on->port;
}
