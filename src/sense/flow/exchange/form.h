/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two files that travel, as bytes (little-endian):
 *
 *	offer: head | for each table, for each 65536 of its bins (the last: what is left): shares, 8 bytes a
 *		bin, then words, 2 bytes a bin | signature
 *	reply: head | records | for each party SHA-256 of its offer, or zeros | signature
 *	record: table 1 | holders 2 | bin 4 | the asking party's share 8 | for each party its word 2
 *
 * The signature is the Ed25519 one of the party or the collector, over a label and the SHA-256 of all before
 * it. Every size follows from the group's description; a file of another length is none.
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_FORM_H
#define NR_SENSE_FLOW_EXCHANGE_FORM_H

#include "sense/flow/exchange/group.h"

#define NR_EXCHANGE_HEAD_BYTES      96
#define NR_EXCHANGE_SIGNATURE_BYTES 64
#define NR_EXCHANGE_DIGEST_BYTES    32
#define NR_EXCHANGE_BLOCK_BINS      65536u
#define NR_EXCHANGE_BIN_BYTES       10u

enum nr_exchange_kind { NR_EXCHANGE_OFFER, NR_EXCHANGE_REPLY };

struct nr_exchange_head {
	enum nr_exchange_kind kind;
	int32_t day;
	unsigned party;   /* from 1: whose offer, or whom the reply is for */
	uint16_t present; /* replies: bits of the parties whose offers were joined, 1 << (party - 1) */
};
void nr_exchange_head_write(const struct nr_exchange_group *group, const struct nr_exchange_head *head,
	uint8_t ret_bytes[static NR_EXCHANGE_HEAD_BYTES]);
/* -EBADMSG: none, or none that can be; of another group: the text says so. */
int nr_exchange_head_parse(const struct nr_exchange_group *group, enum nr_exchange_kind kind,
	const uint8_t *bytes, size_t length, struct nr_exchange_head *ret_head, struct nr_error *error);

uint64_t nr_exchange_offer_bytes(const struct nr_exchange_group *group); /* of the whole file */

struct nr_exchange_record {
	unsigned table;
	uint32_t bin;
	uint16_t holders; /* bits; the asking party's is one */
	uint64_t share;
	uint16_t words[NR_EXCHANGE_PARTIES_MAX]; /* masked; of parties that hold it */
};
#define NR_EXCHANGE_RECORD_BYTES_MAX (15 + 2 * NR_EXCHANGE_PARTIES_MAX)
size_t nr_exchange_record_bytes(const struct nr_exchange_group *group);
void nr_exchange_record_write(const struct nr_exchange_group *group, const struct nr_exchange_record *record,
	uint8_t ret_bytes[static NR_EXCHANGE_RECORD_BYTES_MAX]);

/* A reply that lies in memory, without its signature. Pure: bytes stay the caller's. */
struct nr_exchange_reply {
	struct nr_exchange_head head;
	const uint8_t *records, *digests; /* digests: party_count of them */
	uint64_t count;
	uint64_t first[NR_EXCHANGE_TABLES + 1]; /* records of table i: first[i] to first[i + 1] */
};
/* Checks every record: in order of tables and bins, each once; holders present and no fewer than the
 * threshold; shares of the field. */
int nr_exchange_reply_parse(const struct nr_exchange_group *group, const uint8_t *bytes, size_t length,
	struct nr_exchange_reply *ret_reply, struct nr_error *error);
void nr_exchange_record_read(const struct nr_exchange_group *group, const struct nr_exchange_reply *reply,
	uint64_t index, struct nr_exchange_record *ret_record);

/* ---- the signature ---- */

int nr_exchange_sign(EVP_PKEY *key, const uint8_t digest[static NR_EXCHANGE_DIGEST_BYTES],
	uint8_t ret_signature[static NR_EXCHANGE_SIGNATURE_BYTES], struct nr_error *error);
/* -EKEYREJECTED. */
int nr_exchange_check(const struct nr_note_key *key, const uint8_t digest[static NR_EXCHANGE_DIGEST_BYTES],
	const uint8_t signature[static NR_EXCHANGE_SIGNATURE_BYTES], struct nr_error *error);

#endif
