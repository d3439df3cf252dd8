/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap files (draft-ietf-opsawg-pcap): us and ns, both byte orders, and Kuznetzov's modified form. Pure.
 */
#ifndef NR_WIRE_PCAP_H
#define NR_WIRE_PCAP_H

#include "wire/record.h"

#define NR_PCAP_FILE_HEADER   24
#define NR_PCAP_RECORD_HEADER 16

struct nr_pcap {
	bool swapped; /* written by a machine of the other byte order */
	bool nanoseconds;
	uint8_t header; /* bytes of a record header: 16, modified 24 */
	uint16_t link;
	uint32_t snap; /* as the file says; 0 or very large: no limit */
};

/* Does a file begin like this? length may be less than the header: then false. */
bool nr_pcap_is(const uint8_t *bytes, size_t length);

/* Reads the file header. -EBADMSG; -EAGAIN where there are not 24 bytes. The cursor moves on success only. */
int nr_pcap_parse_header(struct nr_cursor *c, struct nr_pcap *ret, struct nr_error *error);

/* One record. NR_RECORD_FRAME, _NEED_MORE or _DAMAGED: captured too much, or a header of no length at all,
 * which is what holes and preallocated ends of files look like. */
enum nr_record_status nr_pcap_next(
	const struct nr_pcap *pcap, struct nr_cursor *c, struct nr_frame *ret, struct nr_error *error);

/* Up to max records at once; *ret_status says why it stopped (NR_RECORD_FRAME: max reached). The fast way. */
size_t nr_pcap_read(const struct nr_pcap *pcap, struct nr_cursor *c, struct nr_frame *frames, size_t max,
	enum nr_record_status *ret_status, struct nr_error *error);

/* False where the header at the cursor is there and could not be that of a real record. */
bool nr_pcap_is_believable(const struct nr_pcap *pcap, const struct nr_cursor *c);

/*
 * After damage at the cursor: how many bytes to skip to where a chain of believable records begins again,
 * looking at most `within` bytes ahead; 0 where there is none. at_end: the bytes end with the file, so a
 * chain may end with them.
 */
size_t nr_pcap_resync(const struct nr_pcap *pcap, const struct nr_cursor *c, size_t within, bool at_end);

#endif
