/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a capture (pcap, microseconds, little-endian) in large blocks into a file that appears
 * whole or not at all (base/file.h). The first failure is kept and later calls do nothing; _finish reports
 * it. One thread.
 */
#ifndef NR_NET_PCAP_WRITER_H
#define NR_NET_PCAP_WRITER_H

#include "base/file.h"
#include "base/time.h"
#include "wire/link.h"
#include "wire/pcap.h"

#define NR_PCAP_BLOCK    (4u << 20)
#define NR_PCAP_SNAPLEN  65535u
#define NR_PCAP_TAKE_MAX (1u << 17) /* longest piece that one _take may ask for */

struct nr_pcap_writer {
	struct nr_file file;
	uint8_t *block; /* owned, NR_PCAP_BLOCK */
	size_t used;
	int failure; /* -errno of the first failed write, 0 while there is none */
};

/* Opens and writes the file header; link: enum nr_link. */
int nr_pcap_writer_open(
	struct nr_pcap_writer *writer, const char *path, uint16_t link, struct nr_error *error);
void nr_pcap_writer_flush(struct nr_pcap_writer *writer);
/* Syncs and renames. The message names the file and the reason. */
int nr_pcap_writer_finish(struct nr_pcap_writer *writer, struct nr_error *error);
/* Releases everything; removes the temporary file when _finish was not reached. Fine on a zeroed struct. */
void nr_pcap_writer_fini(struct nr_pcap_writer *writer);

/* Room for length (<= NR_PCAP_TAKE_MAX) bytes, to be filled by the caller before the next call. */
NR_INLINE uint8_t *nr_pcap_take(struct nr_pcap_writer *writer, size_t length)
{
	if (NR_UNLIKELY(writer->used + length > NR_PCAP_BLOCK))
		nr_pcap_writer_flush(writer);
	uint8_t *p = writer->block + writer->used;
	writer->used += length;
	return p;
}

/* One record; captured <= NR_PCAP_TAKE_MAX - NR_PCAP_RECORD_HEADER. */
void nr_pcap_write_frame(
	struct nr_pcap_writer *writer, nr_time time, const uint8_t *frame, uint32_t captured, uint32_t wire);

#endif
