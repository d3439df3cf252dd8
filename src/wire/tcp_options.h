/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP options (RFC 9293, 3.1): the layouts that scanning tools are known by, and a hash for the rest. Pure.
 */
#ifndef NR_WIRE_TCP_OPTIONS_H
#define NR_WIRE_TCP_OPTIONS_H

#include "wire/packet.h"

#define NR_TCP_OPTIONS_BYTES_MAX  40        /* data offset 15 */
#define NR_TCP_OPTIONS_TIME_SLACK NR_MINUTE /* ZMap writes Unix time as TSval; clocks differ a little */

/* time: of the frame, for the layouts that carry Unix time; NR_TIME_MIN where it is not known. */
enum nr_option_kind nr_tcp_options_kind(const uint8_t *options, size_t length, nr_time time);

/*
 * Hash of kinds and values in their order; 0 only where there are no options. Time stamp values (RFC 7323)
 * and MSS are left out: the first change with every packet, the second is rewritten on the way, so that
 * neither would recognise a tool.
 */
uint8_t nr_tcp_options_hash(const uint8_t *options, size_t length);

#endif
