/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer: a process of its own and the only one that holds keys. Whoever wants a signature says for what;
 * the signer reads the structure itself, refuses what that purpose does not allow, and signs. It can neither
 * open a file nor a socket, cannot be traced or dumped, and knows no rate above the one it was given.
 *
 * Every signature has a number that never comes twice for a key while the process lives, and is an entry of
 * the ledger before it is handed on: that is the caller's duty (struct nr_signed has what the entry says).
 *
 * Keys: PKCS#8 files, with a passphrase from a file descriptor or file, never from arguments or the
 * environment; or PKCS#11 tokens (the module is loaded in the signer alone).
 */
#ifndef NR_TRUST_SIGNER_SIGNER_H
#define NR_TRUST_SIGNER_SIGNER_H

#include "base/error.h"
#include "base/time.h"

#include <sys/types.h>

enum nr_signer_purpose {
	/* TSTInfo (RFC 3161 section 2.4.2), DER: the signer puts the signed attributes around it
	 * (attributes.h). Refused: a genTime off its own clock, a serial number not above the last. */
	NR_SIGN_TIMESTAMP,
	/* signed attributes of a CMS SignerInfo (RFC 5652 section 5.4), DER SET OF: must name this key's
	 * certificate by ESSCertIDv2, one content type, one SHA-2 message digest */
	NR_SIGN_SEAL,
	/* JWS signing input (RFC 7515 section 5.1): protected header, ".", payload; the header must name this
	 * key's certificate (x5t#S256) and algorithm */
	NR_SIGN_JWS,
	/* text of a checkpoint (C2SP tlog-checkpoint) whose origin is the key's name; refused: a size below
	 * the last, the same size with another root */
	NR_SIGN_CHECKPOINT,
	/* message of a cosignature (C2SP tlog-cosignature): "cosignature/v1\ntime ...\n" + checkpoint */
	NR_SIGN_COSIGNATURE,
	NR_SIGN_PURPOSES
};
extern const char *const nr_signer_purpose_names[NR_SIGN_PURPOSES]; /* "timestamp", "seal", ... */

#define NR_SIGNER_KEYS_MAX      8
#define NR_SIGNER_STRUCTURE_MAX (48 * 1024)
#define NR_SIGNER_BATCH_MAX     256 /* structures in one call; together at most 60 KiB */
#define NR_SIGNATURE_MAX        512 /* RSA-4096 */

enum nr_key_algorithm { NR_KEY_RSA, NR_KEY_P256, NR_KEY_P384, NR_KEY_ED25519 };

struct nr_signer_key {
	const char *key;         /* PEM file (PKCS#8, plain or encrypted), or "pkcs11:..." (RFC 7512) */
	const char *certificate; /* PEM file; NULL for keys without one (ledger, witness) */
	const char *passphrase;  /* file whose first line it is, or PIN; NULL: none */
	const char *name;        /* of a note key: the ledger's origin; NULL where there is a certificate */
	unsigned purposes;       /* bits 1u << enum nr_signer_purpose */
	double rate;             /* signatures a second that are allowed for long; 0: without limit */
	unsigned burst;          /* at once; 0: rate */
	/* two-person release (release.h): files with the verifier keys of persons, two different of whom must
	 * have signed the release; count 0: one process start is enough */
	const char *const *releasers;
	size_t releaser_count;
	const char *release; /* file with the signed release */
};

struct nr_signer; /* the callers' end */

struct nr_signer_conf {
	const struct nr_signer_key *keys; /* read at start, not kept */
	size_t count;
	const char *pkcs11_module; /* path of the library; NULL: none is loaded */
	unsigned patience; /* seconds without an answer (a token that hangs) until the signer counts as ended;
			      0: 60 */
};

/* Forks the signer; waits until every key can be used. Before the first thread. Errors name the key file and
 * what is wrong with it: passphrase, certificate of another key, expired, weak (RSA < 2048). */
int nr_signer_start(const struct nr_signer_conf *conf, struct nr_signer **ret_signer, struct nr_error *error);
void nr_signer_free(struct nr_signer *signer);
void nr_signer_freep(struct nr_signer **signer);

struct nr_signer_item {
	const uint8_t *structure;
	size_t length;
};
struct nr_signed {
	int code;         /* 0 or -errno: -EPERM purpose or structure not allowed, -EDQUOT the rate, -ETIME
			     the time in it, -EKEYEXPIRED the certificate, -EACCES the release, -EIO the token
			     is gone */
	uint64_t counter; /* of the key, from 1 */
	size_t length;
	uint8_t signature[NR_SIGNATURE_MAX]; /* DER ECDSA-Sig-Value; RSA PKCS#1 v1.5 with the structure's
						digest; Ed25519 64 bytes; JWS: raw r||s */
};

/* Signs `count` structures for one purpose with key `key` (index of the conf). Answers 0 when each ret_signed
 * says how it went; else nothing was signed. Any thread; calls are queued. Within the sandbox it needs
 * NR_SANDBOX_SERVE. */
int nr_signer_sign(struct nr_signer *signer, unsigned key, enum nr_signer_purpose purpose,
	const struct nr_signer_item *items, size_t count, struct nr_signed *ret_signed,
	struct nr_error *error);

/* A code of struct nr_signed for people. */
const char *nr_signed_reason(int code);

/* What the signer told at its start. */
enum nr_key_algorithm nr_signer_algorithm(const struct nr_signer *signer, unsigned key);
const uint8_t *nr_signer_certificate(
	const struct nr_signer *signer, unsigned key, size_t *ret_length);                         /* DER */
const uint8_t *nr_signer_public(const struct nr_signer *signer, unsigned key, size_t *ret_length); /* SPKI */
const char *nr_signer_key_id(const struct nr_signer *signer, unsigned key); /* hex SHA-256 of SPKI */
/* Keys cannot go to swap; where the kernel's limit (RLIMIT_MEMLOCK) did not allow that, say so. */
bool nr_signer_memory_locked(const struct nr_signer *signer);
pid_t nr_signer_process(const struct nr_signer *signer);

#endif
