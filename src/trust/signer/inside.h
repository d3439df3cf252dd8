/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the two ends of the signer: messages over a SOCK_SEQPACKET pair, each one whole. Fixed parts first,
 * then the bytes they speak of, one after the other. Answers come in the order of the requests.
 */
#ifndef NR_TRUST_SIGNER_INSIDE_H
#define NR_TRUST_SIGNER_INSIDE_H

#include "trust/signer/signer.h"

#include <sys/types.h>

#define NR_SIGNER_BYTES_MAX (60 * 1024) /* of the structures of one request */

struct nr_signer_request {
	uint32_t key, purpose, count;
	uint32_t lengths[]; /* count of them */
};
#define NR_SIGNER_REQUEST_MAX                                                                                \
	(sizeof(struct nr_signer_request) + NR_SIGNER_BATCH_MAX * sizeof(uint32_t) + NR_SIGNER_BYTES_MAX)

struct nr_signer_reply {
	int32_t code; /* not 0: the request as a whole was not understood */
	uint32_t count;
};
struct nr_signer_reply_item {
	uint64_t counter;
	int32_t code;
	uint32_t length; /* of the signature; the signatures follow the items */
};
#define NR_SIGNER_REPLY_MAX                                                                                  \
	(sizeof(struct nr_signer_reply) +                                                                    \
		NR_SIGNER_BATCH_MAX * (sizeof(struct nr_signer_reply_item) + NR_SIGNATURE_MAX))

/* First words of the signer: how it started; then one description for each key. */
struct nr_signer_ready {
	int32_t code;
	uint32_t keys;
	bool locked; /* the memory of keys cannot go to swap */
	char text[240];
};
struct nr_signer_description {
	uint32_t algorithm, certificate_length, public_length;
	char id[65];
	uint8_t bytes[]; /* certificate, public key */
};
#define NR_SIGNER_DESCRIPTION_MAX (sizeof(struct nr_signer_description) + 2 * 16384)

/* The signer's life in its own process; answers its exit status. */
int nr_signer_main(const struct nr_signer_conf *conf, int socket, pid_t parent);

/* Closes every descriptor but the socket. */
int nr_signer_detach(int socket, struct nr_error *error);
/* Closes every way to files, networks and processes. module: a PKCS#11 library is loaded, which may still
 * read and write files and speak over sockets that it has open. */
int nr_signer_enclose(bool module, struct nr_error *error);

/* Answers one request; *length bytes of reply. keys: count of them. */
struct nr_signing_key;
void nr_signer_answer(struct nr_signing_key *keys, size_t count, const uint8_t *request, size_t length,
	uint8_t *ret_reply, size_t *ret_length);

#endif
