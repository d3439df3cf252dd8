/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file is, by its first bytes: a capture format that is read, or a guess at what else it may be, for
 * the message. Pure.
 */
#ifndef NR_NET_FORMAT_H
#define NR_NET_FORMAT_H

#include "base/error.h"

enum nr_format { NR_FORMAT_UNKNOWN, NR_FORMAT_PCAP, NR_FORMAT_PCAPNG, NR_FORMAT_ERF };

/* pcap and pcapng are told by 4 bytes, ERF wants 64 KiB where there are as many. */
enum nr_format nr_format_recognise(const uint8_t *bytes, size_t length);

/* "starts with 50 4b 03 04: a ZIP archive; unpack it first" */
const char *nr_format_describe(const uint8_t *bytes, size_t length, char text[static 160]);

#endif
