/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the reader: one connection as its straight line of waiting and sending. */
#ifndef NR_SENSE_FLOW_PROBE_READER_INSIDE_H
#define NR_SENSE_FLOW_PROBE_READER_INSIDE_H

#include "sense/flow/probe/reader.h"

#include <openssl/ssl.h>

struct nr_probe_reader {
	int socket;
	const struct nr_probe_question *question;
	struct nr_probe_answers answers;
	uint8_t *bytes; /* NR_PROBE_TAKEN: all that came */
	size_t length;
	bool ended, full;
	SSL_CTX *tls; /* for the HEAD step */
};

enum nr_probe_news { NR_PROBE_BYTES_CAME, NR_PROBE_NOTHING_CAME, NR_PROBE_IT_ENDED };
/* Until something comes, the server closes, or it is `until` by the steady clock. */
enum nr_probe_news nr_probe_reader_wait(struct nr_probe_reader *reader, nr_time until);
bool nr_probe_reader_send(struct nr_probe_reader *reader, const void *bytes, size_t length);

/* Before the sandbox: NULL where OpenSSL cannot. */
SSL_CTX *nr_probe_tls_new(void);
void nr_probe_reader_head_tls(struct nr_probe_reader *reader);

#define NR_PROBE_ANSWER_TIME (10 * NR_SECOND) /* that a server has for an answer */

#endif
