/* SPDX-License-Identifier: Apache-2.0 */
#include "net/datagrams.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* ---- sockets ---- */

/* The kernel doubles what it is told, for its own overhead, and answers the double (socket(7)). */
static uint64_t ask_buffer(int socket, uint64_t bytes)
{
	int wanted = (int)NR_MIN(bytes, (uint64_t)INT32_MAX / 2), granted = 0;
	socklen_t length = sizeof granted;
	if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) < 0)
		setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
	return getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &granted, &length) < 0 || granted < 0
		       ? 0
		       : (uint64_t)granted / 2;
}

/*
 * Which socket of the group: by the source address alone (the kernel's own choice is by ports, too). The
 * program sees the datagram from its payload on; SKF_NET_OFF is the IP header. Both families come to a
 * socket of IPv6.
 */
static int steer(int socket, unsigned count, struct nr_error *error)
{
	const uint32_t header = (uint32_t)SKF_NET_OFF;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, header),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 2, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, header + 12), /* IPv4: source */
		BPF_JUMP(BPF_JMP | BPF_JA, 10, 0, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, header + 8), /* IPv6: source */
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, header + 12),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, header + 16),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, header + 20),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1), /* spread; its high bits are the good ones */
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	const struct sock_fprog program = {NR_COUNT(code), code};
	if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0)
		return nr_fail(
			error, -errno, "no steering of datagrams to %u sockets: %s", count, strerror(errno));
	return 0;
}

static void close_all(int *sockets, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		nr_close_fd(&sockets[i]);
}

int nr_datagrams_listen(struct nr_listen *listen, const struct nr_datagrams_conf *conf, int *ret_sockets,
	uint64_t *ret_granted, struct nr_error *error)
{
	int sockets[NR_DATAGRAMS_SOCKETS], rc = 0;
	uint64_t granted = UINT64_MAX;
	unsigned opened = 0, count = conf->count;
	if (count < 1 || count > NR_DATAGRAMS_SOCKETS)
		return nr_fail(error, -EINVAL, "%u sockets for %s are not 1 to 64", count, listen->text);
	for (; rc == 0 && opened < count; opened++) {
		rc = nr_listen_open_datagrams(listen, count > 1, &sockets[opened], error);
		if (rc)
			break;
		granted = NR_MIN(granted, ask_buffer(sockets[opened], conf->buffer));
		if (conf->joined) /* or as it is, where the kernel does not know that */
			setsockopt(sockets[opened], SOL_UDP, UDP_GRO, &(int){1}, sizeof(int));
	}
	if (rc == 0 && count > 1)
		rc = steer(sockets[0], count, error);
	if (rc) {
		close_all(sockets, opened);
		return rc;
	}
	memcpy(ret_sockets, sockets, count * sizeof *sockets);
	*ret_granted = granted;
	return 0;
}

int nr_datagrams_dropped(int socket, uint32_t *ret_dropped)
{
	uint32_t values[SK_MEMINFO_VARS] = {0};
	socklen_t length = sizeof values;
	if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, values, &length) < 0)
		return -errno;
	if (length <= SK_MEMINFO_DROPS * sizeof *values)
		return -ENOTSUP;
	*ret_dropped = values[SK_MEMINFO_DROPS];
	return 0;
}

/* ---- reading ---- */

/* Datagrams begin on different lines of the cache's sets: 64 of them at a distance of 2^16 bytes would all
 * want the same ones. */
#define STRIDE_MORE 1536
/* Messages of one read while they come joined: who dies over a batch has lost no more than some hundreds. */
#define BATCH_JOINED 8

union control { /* room for one number beside a message, aligned */
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

struct nr_datagrams {
	struct mmsghdr messages[NR_DATAGRAMS_BATCH];
	struct iovec places[NR_DATAGRAMS_BATCH];
	struct sockaddr_storage sources[NR_DATAGRAMS_BATCH];
	union control controls[NR_DATAGRAMS_BATCH];
	unsigned next; /* messages of the next read */
	struct nr_datagram batch[NR_DATAGRAMS_BATCH * NR_DATAGRAMS_JOINED];
	uint8_t *bytes;
	size_t mapped;
};

int nr_datagrams_new(size_t room, struct nr_datagrams **ret_datagrams, struct nr_error *error)
{
	NR_AUTO(nr_datagrams_freep) struct nr_datagrams *d = calloc(1, sizeof *d);
	size_t stride = room + STRIDE_MORE;
	if (!d)
		return nr_fail(error, -ENOMEM, "out of memory");
	void *bytes = mmap(NULL, stride * NR_DATAGRAMS_BATCH, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		return nr_fail(error, -ENOMEM, "out of memory");
	d->bytes = bytes;
	d->mapped = stride * NR_DATAGRAMS_BATCH;
	for (size_t i = 0; i < NR_DATAGRAMS_BATCH; i++) {
		d->places[i] = (struct iovec){d->bytes + i * stride, room};
		d->messages[i].msg_hdr = (struct msghdr){.msg_iov = &d->places[i],
			.msg_iovlen = 1,
			.msg_name = &d->sources[i],
			.msg_control = &d->controls[i]};
	}
	d->next = NR_DATAGRAMS_BATCH;
	*ret_datagrams = nr_steal(&d);
	return 0;
}

void nr_datagrams_free(struct nr_datagrams *datagrams)
{
	if (!datagrams)
		return;
	if (datagrams->bytes)
		munmap(datagrams->bytes, datagrams->mapped);
	free(datagrams);
}

void nr_datagrams_freep(struct nr_datagrams **datagrams)
{
	nr_datagrams_free(*datagrams);
}

static void take_source(const struct sockaddr_storage *from, struct nr_datagram *datagram)
{
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
		datagram->source = nr_address_from_ipv4(ntohl(v4->sin_addr.s_addr));
		datagram->port = ntohs(v4->sin_port);
	} else {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
		memcpy(datagram->source.octets, &v6->sin6_addr, sizeof datagram->source.octets);
		datagram->port = ntohs(v6->sin6_port);
	}
}

/* The length of each, where the kernel has joined some; else that of the message. */
static size_t length_of_each(struct mmsghdr *message)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(&message->msg_hdr);
	int length = 0;
	if (head && head->cmsg_level == SOL_UDP && head->cmsg_type == UDP_GRO)
		memcpy(&length, CMSG_DATA(head), sizeof length);
	return length > 0 && (unsigned)length < message->msg_len ? (size_t)length : message->msg_len;
}

/* All but the last one have that length. Answers how many they are. */
static unsigned take_apart(struct nr_datagrams *d, unsigned i, struct nr_datagram *into)
{
	struct mmsghdr *message = &d->messages[i];
	size_t each = length_of_each(message), left = message->msg_len;
	const uint8_t *at = d->places[i].iov_base;
	unsigned count = 0;
	take_source(&d->sources[i], into);
	do {
		struct nr_datagram *datagram = &into[count++];
		datagram->source = into->source;
		datagram->port = into->port;
		datagram->bytes = at;
		datagram->length = count == NR_DATAGRAMS_JOINED ? left : NR_MIN(each, left);
		datagram->truncated = false;
		at += datagram->length;
		left -= datagram->length;
	} while (left);
	into[count - 1].truncated = message->msg_hdr.msg_flags & MSG_TRUNC;
	return count;
}

int nr_datagrams_read(struct nr_datagrams *datagrams, int socket, const struct nr_datagram **ret_batch)
{
	struct nr_datagrams *d = datagrams;
	for (size_t i = 0; i < d->next; i++) {
		d->messages[i].msg_hdr.msg_namelen = sizeof d->sources[i];
		d->messages[i].msg_hdr.msg_controllen = sizeof d->controls[i];
	}
	int messages = recvmmsg(socket, d->messages, d->next, MSG_DONTWAIT, NULL);
	if (messages < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	unsigned count = 0;
	for (int i = 0; i < messages; i++)
		count += take_apart(d, (unsigned)i, &d->batch[count]);
	d->next = count > (unsigned)messages ? BATCH_JOINED : NR_DATAGRAMS_BATCH;
	*ret_batch = d->batch;
	return (int)count;
}
