/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Electronic seals of an organisation in the baseline forms of ETSI: CAdES (EN 319 122-1), JAdES (TS 119
 *182-1), PAdES (EN 319 142-1). One maker and one verification for all three; each form has its own file that
 *knows its bytes.
 *
 *	B-B    who, over what
 *	B-T    and that it existed at a time: a time-stamp token over the signature
 *	B-LT   and everything that a verifier needs is inside: certificates, revocation
 *	B-LTA  and a further token over all of that, to be renewed before it ends
 */
#ifndef NR_TRUST_SEAL_SEAL_H
#define NR_TRUST_SEAL_SEAL_H

#include "trust/certificate/chain.h"
#include "trust/signer/open.h"
#include "trust/timestamp/token.h"

enum nr_seal_form { NR_SEAL_CADES, NR_SEAL_JADES_COMPACT, NR_SEAL_JADES_JSON, NR_SEAL_PADES };
enum nr_seal_level { NR_SEAL_NONE, NR_SEAL_BB, NR_SEAL_BT, NR_SEAL_BLT, NR_SEAL_BLTA };
extern const char
	*const nr_seal_level_names[]; /* "none", "B-B", "B-T", "B-LT", "B-LTA"; NULL-terminated from [1] */

#define NR_SEAL_MAX   (16u << 20)  /* bytes of a signature of strangers */
#define NR_SEALED_MAX (512u << 20) /* bytes of an enveloped document or a PDF */

/* What is sealed: the file is read once, as a stream; in memory only where the form holds it. */
struct nr_seal_data {
	const uint8_t *bytes; /* NULL: `digest` is all there is (detached) */
	size_t length;
	const char *name; /* of the file; NULL: not known */
	/* SHA-256, SHA-384 and SHA-512 of it, as asked for; false: cannot be had */
	bool (*digest)(void *context, enum nr_oid digest, uint8_t ret_hash[64]);
	void *context;
};

/* ---- making ---- */

struct nr_seal_maker {
	struct nr_keys *keys; /* opened with NR_SIGN_SEAL and, for JAdES, NR_SIGN_JWS */
	enum nr_seal_level level;
	bool attached;                /* CAdES: the content inside; JAdES: the payload inside */
	const char *tsa, *tsa_ca;     /* address; needed from B-T on */
	struct nr_material *material; /* anchors, certificates and lists for B-LT and B-LTA; NULL below */
	nr_time now;
};

/* *ret_seal is the caller's: CMS, JWS or the whole PDF. Batches go through in one call: signatures of many
 * documents are asked of the signer together. -EAGAIN: the authority has no time at present. */
struct nr_seal_work {
	const struct nr_seal_data *data;
	uint8_t *seal;
	size_t length;
	int code; /* 0 or -errno of this one */
	char why[160];
};
int nr_seal_make(const struct nr_seal_maker *maker, enum nr_seal_form form, struct nr_seal_work *works,
	size_t count, struct nr_error *error);

/* Lifts a seal to a higher level, or adds an archive token where it has B-LTA already. */
int nr_seal_extend(const struct nr_seal_maker *maker, const uint8_t *seal, size_t length,
	const struct nr_seal_data *data, uint8_t **ret_seal, size_t *ret_length, struct nr_error *error);

/* ---- verifying ---- */

struct nr_seal_question {
	const uint8_t *seal;
	size_t length;
	const struct nr_seal_data *data; /* NULL: attached, or a PDF */
	struct nr_material *material;    /* grows by what the seal brings along */
	nr_time now;
	bool require_revocation;
};

#define NR_SEAL_TOKENS_MAX 16
struct nr_seal_token {
	const char *kind; /* "signature", "archive", "document" */
	struct nr_token token;
	enum nr_verdict verdict;
	char covers[80]; /* archive: what is not covered; "" all */
};

struct nr_seal_verdict {
	enum nr_seal_form form;
	enum nr_seal_level level; /* that is really there, not claimed */
	struct nr_judgement judgement;
	char signer[256], organisation[128], number[16] /* corporate number; "" none */;
	bool number_wrong; /* its check digit is */
	nr_time claimed;   /* signing time as the signer says; NR_TIME_MIN: not said */
	nr_time proven;    /* earliest valid token; NR_TIME_MIN: none */
	nr_time renew;     /* when the newest archive token should be renewed; NR_TIME_MIN: does not apply */
	struct nr_seal_token tokens[NR_SEAL_TOKENS_MAX];
	size_t token_count;
	const char
		*checks[24]; /* codes of what was checked, in order: "format", "digest", "attributes", ... */
	size_t check_count;
	bool later_changes;           /* PDF: something was added after this seal */
	unsigned revision, revisions; /* PDF: that it covers, and there are; 0: another form */
};

/* A seal with several signers: *ret_verdicts has one each (at most NR_CMS_SIGNERS_MAX), never "one good is
 * good". */
int nr_seal_verify(const struct nr_seal_question *question, struct nr_seal_verdict *ret_verdicts, size_t room,
	size_t *ret_count, struct nr_error *error);

#endif
