/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority: requests in, tokens out. A few threads take what has come, ask the clock's guard before
 * every token, number it, have the signer sign the lot, put it into the ledger, and only then let go of it.
 * Serial numbers: one octet of the key's life, seven of a counter, eight random; the counter is reserved on
 * the disk in blocks before it is used, so that none comes twice, whatever dies.
 */
#ifndef NR_TRUST_TIMESTAMP_ISSUER_H
#define NR_TRUST_TIMESTAMP_ISSUER_H

#include "base/json.h"
#include "trust/clock/guard.h"
#include "trust/ledger/ledger.h"
#include "trust/signer/signer.h"
#include "wire/tsp.h"

#define NR_ISSUER_WAITING_MAX 4096 /* more requests than that at once: systemFailure */

struct nr_issuer;

struct nr_issuer_conf {
	struct nr_signer *signer;
	unsigned key;         /* index of the authority's key */
	const uint8_t *chain; /* DER certificates one after the other, the authority's first; copied */
	size_t chain_length;
	const char *policy;  /* dotted */
	bool ordering;       /* genTime strictly rises from token to token, and says so */
	const char *serials; /* file of the counter */
	struct nr_guard *guard;
	struct nr_ledger *ledger;
	unsigned threads; /* 0: 2 */
};

/* Opens the counter; afterwards nothing is opened. */
int nr_issuer_open(const struct nr_issuer_conf *conf, struct nr_issuer **ret_issuer, struct nr_error *error);
int nr_issuer_start(struct nr_issuer *issuer, struct nr_error *error); /* its threads */
/* Answers what waits; what is asked afterwards is refused. NULL allowed, twice too. */
void nr_issuer_stop(struct nr_issuer *issuer);
void nr_issuer_free(struct nr_issuer *issuer); /* stops it, too */

/* bytes: TimeStampResp, malloc'ed, now the callee's; NULL where there is no memory. One of the issuer's
 * threads, or the asking one. */
typedef void nr_issuer_done(void *context, uint8_t *bytes, size_t length);

/* request stays the caller's and must stay until done() is called, which happens exactly once. */
void nr_issuer_ask(
	struct nr_issuer *issuer, const uint8_t *request, size_t length, nr_issuer_done *done, void *context);

/* "tokens": {"issued","refused":{"badAlg":n,...},"waiting","trouble_time","trouble"} into the object that is
 * open. */
void nr_issuer_write_json(struct nr_issuer *issuer, struct nr_json *json);

#endif
