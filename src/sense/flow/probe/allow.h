/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The law of probes: no address is connected to that is not in a signed allow file, and this is the only way
 *to become allowed. The file is a note (C2SP signed-note); its text is lines in this order:
 *
 *	noroshi probe v1
 *	who TEXT                 who answers for it, and how to reach them
 *	purpose TEXT
 *	from RFC3339
 *	until RFC3339            at most NR_PROBE_ALLOW_MAX later
 *	classes JP,loopback      what kinds of target; there is no default
 *	target 203.0.113.9:443   ADDRESS, CIDR, or one with a port: ADDRESS:PORT, CIDR:PORT ([...] around
 *IPv6) passive 203.0.113.10     as a target: seen in flows only, never connected to
 *
 * Classes: a country ("JP", by --mmdb), "any" (public addresses anywhere), "private", "loopback", "own". The
 *last three hold only where a target lies wholly inside such a network: 0.0.0.0/0 names no private address.
 *What is no unicast address, or a pseudonym, is never allowed.
 */
#ifndef NR_SENSE_FLOW_PROBE_ALLOW_H
#define NR_SENSE_FLOW_PROBE_ALLOW_H

#include "base/option.h"
#include "net/origin.h"
#include "sense/flow/probe/target.h"
#include "trust/ledger/note.h"

#define NR_PROBE_ALLOW_MAX   (31 * NR_DAY)
#define NR_PROBE_RULES_MAX   4096
#define NR_PROBE_CLASSES_MAX 32
#define NR_PROBE_TEXT_MAX    200
#define NR_PROBE_SIGNERS_MAX 16

struct nr_probe_rule {
	struct nr_prefix prefix;
	uint16_t port; /* 0: any */
};
struct nr_probe_rules {
	struct nr_probe_rule *items; /* owned */
	size_t count;
};

enum nr_probe_place { NR_PROBE_PUBLIC, NR_PROBE_OWN, NR_PROBE_PRIVATE, NR_PROBE_LOOPBACK, NR_PROBE_NO_HOST };

struct nr_probe_allow {
	char who[NR_PROBE_TEXT_MAX + 1], purpose[NR_PROBE_TEXT_MAX + 1];
	nr_time from, until;
	char classes[NR_PROBE_CLASSES_MAX][12];
	size_t class_count;
	struct nr_probe_rules targets, passive, never; /* never: the opt-out list */
	struct nr_prefixes own;                        /* borrowed */
	char hash[65];                                 /* SHA-256 of the text that was signed, hex */
	char signers[NR_PROBE_SIGNERS_MAX][NR_NOTE_NAME_MAX + 1];
	size_t signer_count;
	struct nr_origin *origin; /* borrowed: countries; NULL: none is known */
};
void nr_probe_allow_fini(struct nr_probe_allow *allow);

/* The text alone, without signatures. -EBADMSG names the line. */
int nr_probe_allow_parse(
	const char *text, size_t length, struct nr_probe_allow *ret_allow, struct nr_error *error);

struct nr_probe_authority {
	const struct nr_texts *keys; /* verifier keys, or files that hold one */
	uint64_t signatures;         /* of so many different ones; 1 at least */
};
/* -EACCES: unsigned, signed by too few, altered, not yet or not any more valid; the text says which. */
int nr_probe_allow_read(const char *path, const struct nr_probe_authority *authority, nr_time now,
	struct nr_probe_allow *ret_allow, struct nr_error *error);
/* Signs the file as it is, for one person; a text without signatures begins a note. ret_text: what was
 * signed. */
int nr_probe_allow_sign(const char *path, const char *sign, const char *passphrase_file, nr_time now,
	char **ret_text, struct nr_error *error);
/* The opt-out list: an ADDRESS, CIDR or one with a port a line; # comments. */
int nr_probe_never_read(const char *path, struct nr_probe_allow *allow, struct nr_error *error);

enum nr_probe_refusal {
	NR_PROBE_ALLOWED,
	NR_PROBE_NOT_NAMED,  /* in no target of the allow file */
	NR_PROBE_PASSIVE,    /* passive only */
	NR_PROBE_NEVER,      /* on the opt-out list */
	NR_PROBE_CLASS,      /* its class is not allowed */
	NR_PROBE_NO_ADDRESS, /* nobody's address: multicast, unspecified, pseudonym */
	NR_PROBE_NOT_VALID,  /* before or after the allow file's time */
	NR_PROBE_UDP,        /* a UDP server says nothing to one who says nothing */
	NR_PROBE_REFUSALS
};
struct nr_probe_words {
	const char *code, *text_en, *text_ja;
};
extern const struct nr_probe_words nr_probe_refusal_words[NR_PROBE_REFUSALS];
/* Asked before every single connection. */
enum nr_probe_refusal nr_probe_allow_check(
	const struct nr_probe_allow *allow, const struct nr_flow_server *server, nr_time now);
enum nr_probe_place nr_probe_place_of(const struct nr_prefix *prefix, const struct nr_prefixes *own);

#endif
