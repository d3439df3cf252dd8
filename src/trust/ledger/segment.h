/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where entries become durable: files of frames, written one after another. A frame is what one fdatasync
 *made durable: entries as a bundle has them (u16 length, bytes), with a checksum. Everything else of a ledger
 *can be made again from here.
 *
 *	FOLDER/00000000000000000000	named by the index of its first entry; up to 64 MiB
 *
 * The next frame is only written when the one before it is on the disk. So an end that does not check is what
 * a crash tore, and nobody was told of it; but when something whole comes after it, it is damage.
 *
 * In the byte order of this machine. Functions are called by one thread at a time; a reader by its own.
 */
#ifndef NR_TRUST_LEDGER_SEGMENT_H
#define NR_TRUST_LEDGER_SEGMENT_H

#include "base/error.h"

#define NR_SEGMENT_BYTES     ((uint64_t)64 * 1024 * 1024)
#define NR_FRAME_PAYLOAD_MAX ((size_t)16 * 1024 * 1024)

struct nr_frame_head {
	uint64_t mark;  /* the segment's random number: no entry can imitate a frame */
	uint64_t first; /* index of its first entry */
	uint32_t count, length;
	uint32_t crc; /* of the head with crc 0, and the payload */
	uint32_t unused;
};

struct nr_segments {
	char *folder;
	int file;            /* the one that is written; -1: none yet */
	uint64_t file_first; /* its name */
	uint64_t mark;
	uint64_t offset;   /* where the next frame goes */
	uint64_t reserved; /* up to there the file has room */
	bool torn;         /* something stands behind the last frame */
	uint64_t size;     /* index of the next entry */
	uint64_t sure; /* offset in the file from which on frames are written again by nr_segments_trim() */
};

/* Finds the end. sure: entries below it are known to be on the disk. size: where a ledger without segments
 * stands. -EUCLEAN: damaged. Changes nothing but a segment that was being made: that is removed. */
int nr_segments_open(const char *folder, uint64_t size, uint64_t sure, struct nr_segments *ret_segments,
	struct nr_error *error);
/* Cuts off what a crash tore, and makes sure that what was read is on the disk: after an error of the disk,
 * pages can be read that never got there. */
int nr_segments_trim(struct nr_segments *segments, struct nr_error *error);
void nr_segments_close(struct nr_segments *segments);

/* Writes a frame and waits until it is on the disk. bytes has sizeof(struct nr_frame_head) bytes of room
 * before the payload, and 8 after it. -ENOSPC, -EDQUOT, -EFBIG: nothing has happened, it may be tried again.
 * Any other failure: what is on the disk is not known. */
int nr_segments_write(struct nr_segments *segments, uint8_t *bytes, size_t payload_length, uint32_t count,
	struct nr_error *error);

/* Removes the segments all of whose entries are below index. */
void nr_segments_drop(struct nr_segments *segments, uint64_t index);

/* ---- reading ---- */

struct nr_segment_reader {
	char *folder;
	int file;
	uint64_t mark, offset, index; /* index: of the next frame's first entry */
	uint8_t *window;              /* bytes of the file from window_offset on; owned */
	size_t window_room, window_length;
	uint64_t window_offset;
};

/* Before the frame that holds index, or where it would come. -EUCLEAN: no segment reaches down to it. */
int nr_segment_reader_open(
	const char *folder, uint64_t index, struct nr_segment_reader *ret_reader, struct nr_error *error);
void nr_segment_reader_close(struct nr_segment_reader *reader);

/* The next frame; payload until the next call. -ENODATA: there is none. -EUCLEAN: damaged. */
int nr_segment_reader_next(struct nr_segment_reader *reader, struct nr_frame_head *ret_head,
	const uint8_t **ret_payload, struct nr_error *error);

#endif
