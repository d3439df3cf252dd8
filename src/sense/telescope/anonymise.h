/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of a telescope that may be given away: nothing in them says which addresses are dark, and the tools
 * that sent them are still recognised. docs/guide/exports.md lists every channel, what is done about it, and
 * what is left.
 *
 * Addresses depend on the key alone, so that exports with one key belong together. Everything else that is
 * made anew (sequence numbers, identifications ...) depends on the key and on a number that each export draws
 * for itself, so that packets of two exports cannot be matched by it. One thread.
 */
#ifndef NR_SENSE_TELESCOPE_ANONYMISE_H
#define NR_SENSE_TELESCOPE_ANONYMISE_H

#include "base/prefix_table.h"
#include "wire/packet.h"

#define NR_ANONYMISE_KEY     32
#define NR_ANONYMISE_SOURCES (1u << 20) /* whose first SYN is remembered; 56 bytes each */

enum nr_own_policy { NR_OWN_ANONYMISE, NR_OWN_DROP, NR_OWN_KEEP };

struct nr_anonymise_conf {
	const uint8_t *key;                        /* NR_ANONYMISE_KEY bytes */
	const struct nr_prefix_table *dark;        /* required: only packets to it are given away */
	const struct nr_prefix_table *own;         /* live networks of the same organisation; NULL: none */
	const struct nr_prefix_table *tunnel_ends; /* as in nr_packet_decode() */
	enum nr_own_policy own_policy;
	bool sources; /* anonymise all sources, too */
	nr_time unit; /* times are rounded down to it */
};

/* Why a packet that was decoded is not given away. */
enum nr_withheld {
	NR_WITHHELD_OWN,       /* from an own host, by policy */
	NR_WITHHELD_EXTENSION, /* IPv6 extension headers that were cut: what follows is not known */
	NR_WITHHELD_UNSAFE,    /* no form was found that keeps every rule and gives nothing away */
	NR_WITHHELD_COUNT
};
extern const char *const nr_withheld_names[NR_WITHHELD_COUNT];

/* What was done to those that are given away. */
enum nr_rewritten {
	NR_REWRITTEN_CHECKSUM_ZERO, /* the bytes that it covers are not all there */
	NR_REWRITTEN_PAYLOAD_REMOVED,
	NR_REWRITTEN_PAYLOAD_KEPT,
	NR_REWRITTEN_PAYLOAD_SUSPECT, /* allowed, but a dark address seems to stand in it: removed */
	NR_REWRITTEN_LENGTH_PADDED,   /* the text of the destination stood in the payload */
	NR_REWRITTEN_IP_OPTIONS,
	NR_REWRITTEN_EXTENSIONS,
	NR_REWRITTEN_TCP_OPTIONS, /* values other than those that tools are known by */
	NR_REWRITTEN_TIMESTAMP,   /* TCP time stamps rounded */
	NR_REWRITTEN_QUOTE,
	NR_REWRITTEN_QUOTE_REMOVED,
	NR_REWRITTEN_DERIVED,        /* sequence or identification that followed the destination still does */
	NR_REWRITTEN_SOURCES_BEYOND, /* SYNs whose source found no room to be remembered */
	NR_REWRITTEN_OWN,            /* sources of own hosts */
	NR_REWRITTEN_EMBEDDED_SOURCE, /* IPv6 sources that hold a dark or own IPv4 address */
	NR_REWRITTEN_COUNT
};
extern const char *const nr_rewritten_names[NR_REWRITTEN_COUNT];

struct nr_anonymise_counts {
	uint64_t packets; /* given away */
	uint64_t dropped[NR_DROP_COUNT];
	uint64_t withheld[NR_WITHHELD_COUNT];
	uint64_t rewritten[NR_REWRITTEN_COUNT];
};

struct nr_anonymous {
	nr_time time;
	uint32_t captured, wire;
	uint8_t bytes[65536 + 64]; /* raw IP */
};

struct nr_anonymiser; /* opaque; owned by the caller */

int nr_anonymiser_new(
	const struct nr_anonymise_conf *conf, struct nr_anonymiser **ret_anonymiser, struct nr_error *error);
void nr_anonymiser_free(struct nr_anonymiser *anonymiser);
void nr_anonymiser_freep(struct nr_anonymiser **anonymiser);

/* Payloads from or to this port stay, unless a dark address seems to stand in them. protocol: 6 or 17. */
void nr_anonymiser_keep_payload(struct nr_anonymiser *anonymiser, uint8_t protocol, uint16_t port);

/* False: not given away; the counts say why. The frame needs a time. */
bool nr_anonymise(struct nr_anonymiser *anonymiser, const struct nr_frame *frame, struct nr_anonymous *ret);

/* What a destination, or a source by the policy, becomes. */
struct nr_address nr_anonymise_address(struct nr_anonymiser *anonymiser, const struct nr_address *address);
/* What becomes of a prefix all of whose addresses are anonymised. */
struct nr_prefix nr_anonymise_prefix(struct nr_anonymiser *anonymiser, const struct nr_prefix *prefix);

/* A random number below limit (> 0) that depends on the key and the export alone. */
uint64_t nr_anonymise_random(struct nr_anonymiser *anonymiser, uint64_t limit);

const struct nr_anonymise_counts *nr_anonymise_counts(const struct nr_anonymiser *anonymiser);

#endif
