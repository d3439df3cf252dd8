/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture source: one file (pcap, pcapng, ERF; plain, gzip, bzip2, xz or zstd; "-" is standard input) as
 * frames. Memory is bounded whatever the input says. Compressed files and pipes are read ahead by a thread of
 * their own (stream.h). Damage: what is readable before and (pcap, pcapng: where records can be found again
 * within 256 KiB) after it is delivered, the rest is counted; the first reason is kept for the report. A
 * capture is used by one thread at a time.
 *
 * Plain files are read in pieces, not mapped: a mapped file that somebody truncates meanwhile kills the
 * reader with SIGBUS, and mapping is not faster (docs/performance.md).
 */
#ifndef NR_NET_CAPTURE_H
#define NR_NET_CAPTURE_H

#include "wire/packet.h"

struct nr_capture;

#define NR_CAPTURE_RECORD_MAX                                                                                \
	(256 * 1024) /* a record that claims more is damage (telescope reference 17)                         \
		      */

/* Opens and recognises. -ENOENT, -EISDIR, -EACCES ...; -EBADMSG for an empty file or a format that is not
 * known. Every message names the file and says what to do. */
int nr_capture_open(const char *path, struct nr_capture **ret_capture, struct nr_error *error);
/* The same of a stream that is open, from its first byte on. It is the capture's where the answer is 0. */
struct nr_stream;
int nr_capture_open_stream(
	struct nr_stream *stream, const char *name, struct nr_capture **ret_capture, struct nr_error *error);
void nr_capture_close(struct nr_capture *capture);
void nr_capture_closep(struct nr_capture **capture);

/* Frames of the calls that follow lie in this buffer, 0 without it. They are valid until the next call that
 * uses the same one. */
#define NR_CAPTURE_BUFFERS 64
int nr_capture_use(struct nr_capture *capture, unsigned buffer, struct nr_error *error);

/* Up to `max` frames; 0 at the end of the file. Never fails: damage ends or interrupts the stream and is in
 * _loss and _damage. Counts records, bytes, times and record-level drops into *loss. */
size_t nr_capture_read(struct nr_capture *capture, struct nr_frame *frames, size_t max, struct nr_loss *loss);

/* NULL, or the first damage: "FILE: offset 1234: record of 3000000 bytes is longer than 262144; ..." */
const char *nr_capture_damage(const struct nr_capture *capture);

/* For progress bars: bytes of the file used so far and in all (0: not known, e.g. a pipe). */
void nr_capture_progress(const struct nr_capture *capture, uint64_t *ret_done, uint64_t *ret_total);

#endif
