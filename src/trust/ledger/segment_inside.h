/* SPDX-License-Identifier: Apache-2.0 */
/* What segment.c and segment_reader.c share: names, heads, frames. */
#ifndef NR_TRUST_LEDGER_SEGMENT_INSIDE_H
#define NR_TRUST_LEDGER_SEGMENT_INSIDE_H

#include "trust/ledger/segment.h"

#define NR_SEGMENT_HEAD_BYTES 64
#define NR_FRAME_ALIGN        8
#define NR_SEGMENT_LOOK_BYTES ((size_t)1024 * 1024) /* are read at once */

/* What a frame takes in the file. */
NR_INLINE uint64_t nr_frame_bytes(uint64_t payload)
{
	return (sizeof(struct nr_frame_head) + payload + NR_FRAME_ALIGN - 1) / NR_FRAME_ALIGN *
	       NR_FRAME_ALIGN;
}
uint32_t nr_frame_crc(struct nr_frame_head head, const uint8_t *payload);

/* The caller's; NULL: no memory. */
char *nr_segment_path(const char *folder, uint64_t first);
/* The greatest name that is at most `most`, and the least above it (UINT64_MAX: none). */
int nr_segment_find(const char *folder, uint64_t most, uint64_t *ret_first, uint64_t *ret_next,
	bool *ret_found, struct nr_error *error);
/* -ENODATA: there is no head: a crash came before it was on the disk. */
int nr_segment_read_head(
	int file, const char *path, uint64_t first, uint64_t *ret_mark, struct nr_error *error);

/* The reader goes on at the beginning of another segment. */
int nr_segment_reader_file(struct nr_segment_reader *reader, uint64_t first, struct nr_error *error);
/* Reads and checks the frame at the reader's place, and stays there. -ENODATA: none, or not a whole one. */
int nr_segment_read_frame(struct nr_segment_reader *reader, struct nr_frame_head *ret_head,
	const uint8_t **ret_payload, struct nr_error *error);

#endif
