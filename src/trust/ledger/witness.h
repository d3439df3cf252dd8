/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A witness (C2SP tlog-witness): it cosigns what a log says only when it goes on from what it cosigned last,
 * so that a log cannot show different histories to different people. One record per log, durable before the
 * answer. Any thread.
 */
#ifndef NR_TRUST_LEDGER_WITNESS_H
#define NR_TRUST_LEDGER_WITNESS_H

#include "base/time.h"
#include "trust/ledger/policy.h"

#define NR_WITNESS_PROOF_MAX 63
#define NR_WITNESS_BODY_MAX  (NR_NOTE_MAX + 4 * 1024)

/* POST .../add-checkpoint: "old N", lines of proof, an empty line, the checkpoint. */
struct nr_witness_request {
	uint64_t old_size;
	struct nr_proof proof;
	const char *checkpoint; /* in the body */
	size_t checkpoint_length;
};
int nr_witness_request_parse(
	const void *body, size_t length, struct nr_witness_request *ret_request, struct nr_error *error);

struct nr_witness_conf {
	const char *folder;                  /* of its records; made if absent */
	const struct nr_tlog_policy *policy; /* its logs; outlives the witness */
	const char *name;                    /* of the witness's key */
	const uint8_t *key;                  /* its public Ed25519 key, 32 bytes */
	/* Signs the message of a cosignature. Any thread. */
	int (*sign)(void *context, const char *message, size_t length, uint8_t signature[static 64],
		struct nr_error *error);
	void *context;
};

struct nr_witness;
/* One process per folder: a second one is -EBUSY. */
int nr_witness_open(
	const struct nr_witness_conf *conf, struct nr_witness **ret_witness, struct nr_error *error);
void nr_witness_free(struct nr_witness *witness); /* NULL allowed */
void nr_witness_freep(struct nr_witness **witness);

struct nr_witness_answer {
	unsigned status;  /* of HTTP */
	const char *type; /* media type, constant */
	char *text;       /* the caller's */
	size_t length;
};

/* Answers a request; *ret_answer is always set. */
void nr_witness_add(struct nr_witness *witness, const void *body, size_t length, nr_time now,
	struct nr_witness_answer *ret_answer);
/* GET: path is "/HEX/checkpoint", HEX the SHA-256 of an origin. */
void nr_witness_get(struct nr_witness *witness, const char *path, struct nr_witness_answer *ret_answer);

#endif
