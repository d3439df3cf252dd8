/* SPDX-License-Identifier: Apache-2.0 */
/* IP protocols by name (IANA's assigned numbers; the names that nfdump and /etc/protocols use). */
#ifndef NR_SENSE_FLOW_ASK_PROTOCOL_H
#define NR_SENSE_FLOW_ASK_PROTOCOL_H

#include "base/base.h"

/* "TCP"; NULL: it has no name here. */
const char *nr_flow_protocol_name(uint8_t protocol);
/* Letters' case is not looked at; -1: none is called so. */
int nr_flow_protocol_by_name(const char *name);
/* The n-th name of all, for "did you mean"; NULL behind the last. */
const char *nr_flow_protocol_listed(size_t n);

#endif
