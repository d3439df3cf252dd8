/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something that arrived was not read: always counted, always shown.
 */
#ifndef NR_SENSE_FLOW_COLLECT_CAUSE_H
#define NR_SENSE_FLOW_COLLECT_CAUSE_H

#include "base/base.h"

/* X(NAME, json name): what one of each is, stands beside it. */
#define NR_FLOW_CAUSE_LIST(X)                                                                                \
	X(VERSION, "version")                   /* datagrams: no export that is known (v1, sFlow v4 ...) */  \
	X(MALFORMED, "malformed")               /* datagrams, messages: header or counts cannot be */        \
	X(TRUNCATED, "truncated")               /* messages: the datagram or stream ends before */           \
	X(TRAILING, "trailing")                 /* datagrams: octets behind the message, not read */         \
	X(EXPORTER_REFUSED, "exporter_refused") /* datagrams: of an address that may not export */           \
	X(EXPORTERS_FULL, "exporters_full")     /* datagrams: no place for another exporter */               \
	X(SET_MALFORMED, "set_malformed")       /* sets, samples: lengths that cannot be */                  \
	X(SET_RESERVED, "set_reserved")         /* sets of ids 4 to 255 */                                   \
	X(TEMPLATE_MALFORMED, "template_malformed") /* template sets: cut at what cannot be */               \
	X(TEMPLATE_REFUSED, "template_refused")     /* templates: too many, no memory */                     \
	X(WITHDRAWAL_IGNORED, "withdrawal_ignored") /* over UDP (RFC 7011 8.4) */                            \
	X(PENDING_FULL, "pending_full")             /* sets without a template: no room to wait */           \
	X(PENDING_EXPIRED, "pending_expired")       /* sets whose template did not come */                   \
	X(RECORD_MALFORMED, "record_malformed") /* sets that were left where a record's length cannot be */  \
	X(LIST_MALFORMED, "list_malformed")     /* structured lists: cannot be, or beyond the bounds */      \
	X(PACKET_UNREADABLE, "packet_unreadable") /* sampled packets without a readable IP header: a row all \
						     the same */                                             \
	X(SAMPLE_UNKNOWN, "sample_unknown")       /* sFlow samples that are no flow, discard or counters */  \
	X(NAMED_FULL, "named_full")               /* values of named elements beyond what a block holds */   \
	X(STATE_DAMAGED, "state_damaged")         /* entries of a state file that cannot be */

enum nr_flow_cause {
#define NR_FLOW_CAUSE_ENUM(NAME, json) NR_FLOW_CAUSE_##NAME,
	NR_FLOW_CAUSE_LIST(NR_FLOW_CAUSE_ENUM)
#undef NR_FLOW_CAUSE_ENUM
		NR_FLOW_CAUSES
};
extern const char *const nr_flow_cause_names[NR_FLOW_CAUSES];

#endif
