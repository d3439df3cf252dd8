/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who reads what a probed server says: a process for each connection, which has one socket to the process
 *that made it, and nothing else: no file system, no network, no descriptor, little memory and processor time.
 *It is told what came, says what to send, and at the end hands over what it understood. The other one
 *(pump.h) moves and records bytes without looking at them.
 *
 *	pump -> reader  'R' bytes that came        reader -> pump  'S' bytes to send
 *	                'E' the server has closed                  'D' struct nr_probe_answers: done
 */
#ifndef NR_SENSE_FLOW_PROBE_READER_H
#define NR_SENSE_FLOW_PROBE_READER_H

#include "sense/flow/probe/hellos.h"
#include "sense/flow/probe/target.h"

#define NR_PROBE_PIECE 16384        /* bytes of one message, without its type */
#define NR_PROBE_TAKEN (128 * 1024) /* bytes of a connection that are read */
#define NR_PROBE_SENT  8192         /* bytes that a connection may send at most */

#define NR_PROBE_ABOUT_MAX 200
/* The steady clock of a question. */
nr_time nr_probe_reader_now(void);

struct nr_probe_question {
	nr_time connected; /* by nr_probe_reader_now() */
	struct nr_flow_server server;
	unsigned step;
	char about[NR_PROBE_ABOUT_MAX + 1]; /* a page that explains, in HTTP's User-Agent; "" none */
	struct nr_probe_answers answers;    /* of the steps before */
};

/* Never returns: 0 is the exit status of one that has handed over its answers. socket is SOCK_SEQPACKET. */
_Noreturn void nr_probe_reader_run(int socket, const struct nr_probe_question *question);

/* What HEAD sends; answers its length. */
#define NR_PROBE_HEAD_MAX 512
size_t nr_probe_head_write(
	const struct nr_flow_server *server, const char *about, char text[static NR_PROBE_HEAD_MAX]);

/* ---- understanding, pure ---- */

/* A certificate as it came, in DER; chain: how many came with it. */
void nr_probe_certificate_take(
	const uint8_t *der, size_t length, size_t chain, struct nr_probe_certificate *ret_certificate);
/* The head of an HTTP answer; true: it is whole, or will never be one. */
bool nr_probe_http_take(const uint8_t *bytes, size_t length, bool ended, struct nr_probe_http *http);

#endif
