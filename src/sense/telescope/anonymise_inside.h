/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the anonymiser: its state, and what its files call of each other. */
#ifndef NR_SENSE_TELESCOPE_ANONYMISE_INSIDE_H
#define NR_SENSE_TELESCOPE_ANONYMISE_INSIDE_H

#include "base/cryptopan.h"
#include "sense/telescope/anonymise.h"
#include "sense/telescope/rules.h"
#include "wire/locate.h"

#include <openssl/evp.h>

/* What a number is made anew for: equal numbers of different meaning become different ones. */
enum nr_domain {
	NR_DOMAIN_SEQUENCE = 1,
	NR_DOMAIN_MIRROR,
	NR_DOMAIN_ACKNOWLEDGEMENT,
	NR_DOMAIN_ID,
	NR_DOMAIN_FRAGMENT,
	NR_DOMAIN_FLOW_LABEL,
	NR_DOMAIN_ECHO_ID,
	NR_DOMAIN_ECHO_SEQUENCE,
	NR_DOMAIN_QUOTE_ID,
	NR_DOMAIN_QUOTE_SEQUENCE,
	NR_DOMAIN_RANDOM,
};

/* The first SYN of an IPv4 source, before and after. */
struct nr_first_syn {
	struct nr_address source;
	uint32_t from, to; /* destination */
	uint32_t sequence, new_sequence;
	uint32_t order; /* 0: empty */
	uint16_t id, new_id, port;
};

struct nr_anonymiser {
	struct nr_anonymise_conf conf;
	struct nr_cryptopan *addresses; /* of dark and own ones */
	struct nr_cryptopan *outside; /* of all others: scanners that are known by what they do must not tell
					 the first bits of ours */
	EVP_CIPHER_CTX *cipher;       /* AES-128 with the export's own key */
	uint64_t hash_key[2];
	struct nr_first_syn *first; /* owned; NR_ANONYMISE_SOURCES * 2 slots, touched as they are used */
	uint32_t first_count;
	struct nr_address last_who; /* whose AES block is in last_block */
	uint8_t last_block[16];
	bool has_last;
	uint64_t randoms;
	uint32_t stamp_mask;                /* bits of TCP time stamps that are longer than a unit of time */
	uint8_t keep_payload[2][65536 / 8]; /* TCP, UDP: bit per port */
	struct nr_anonymise_counts counts;
};

/* One packet on its way. */
struct nr_rewrite {
	const struct nr_located *in;
	struct nr_anonymous *out;
	struct nr_address source, destination; /* new */
	uint16_t new_id;                       /* IPv4 */
	size_t header;                         /* bytes of the new IP header, extensions included */
	size_t length; /* what the new IP header says of its body; may be more than is there */
	size_t sum_at; /* checksum's place in the body; 0: none */
	bool whole;    /* every byte under the checksum is there */
};

/* A number made anew for this host: equal stays equal, everything else is gone (anonymise_numbers.c). try:
 * another one for the same. */
uint32_t nr_renumber(struct nr_anonymiser *a, const struct nr_address *who, enum nr_domain domain,
	uint32_t value, uint32_t try);
/* Likewise 16 bits where 0 and ZMap's 54321 stay and nothing else becomes them. */
uint16_t nr_renumber_id(
	struct nr_anonymiser *a, const struct nr_address *who, enum nr_domain domain, uint16_t id);
/* Sequence number and identification of a TCP packet over IPv4, so that every rule matches after as before.
 * False: none found. */
bool nr_renumber_tcp(
	struct nr_anonymiser *a, struct nr_rewrite *r, uint32_t sequence, uint32_t *ret_sequence);
int nr_numbers_init(struct nr_anonymiser *a, const uint8_t secret[static 32], struct nr_error *error);
void nr_numbers_fini(struct nr_anonymiser *a);

/* Bodies (anonymise_body.c): write behind the IP header, set length, sum_at and whole. */
bool nr_rewrite_body(struct nr_anonymiser *a, struct nr_rewrite *r);

/* Payloads (anonymise_payload.c). */
/* By how much a payload would be longer if every text of the destination in it had twelve digits: lengths
 * must not tell them. */
size_t nr_payload_padding(const struct nr_located *in);
/* May these bytes stay? Counts the reason where not. */
bool nr_payload_stays(
	struct nr_anonymiser *a, const struct nr_packet *packet, const uint8_t *bytes, size_t length);

NR_INLINE void nr_put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

NR_INLINE void nr_put32(uint8_t *p, uint32_t v)
{
	nr_put16(p, v >> 16);
	nr_put16(p + 2, v & 0xffff);
}

#endif
