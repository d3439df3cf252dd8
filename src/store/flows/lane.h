/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes: numbers of 1, 2, 4 or 8 bytes as planes of bytes (archive_format.h). A coder belongs to one thread.
 */
#ifndef NR_STORE_FLOWS_LANE_H
#define NR_STORE_FLOWS_LANE_H

#include "store/flows/archive_format.h"

#include <zstd.h>

struct nr_flow_bytes {
	uint8_t *bytes; /* owned */
	size_t length, room;
};
/* Room for `more` bytes behind its length. */
int nr_flow_bytes_reserve(struct nr_flow_bytes *bytes, size_t more);
void nr_flow_bytes_fini(struct nr_flow_bytes *bytes);

#define NR_FLOW_PLANES_MAX 8
struct nr_flow_coder {
	ZSTD_CCtx *in;
	ZSTD_DCtx *out;
	uint8_t *planes; /* NR_FLOW_PLANES_MAX of NR_FLOW_PART_ROWS */
	bool hurried;
};
int nr_flow_coder_init(struct nr_flow_coder *coder);
void nr_flow_coder_fini(struct nr_flow_coder *coder);
/* A fifth less work for a quarter more bytes. */
void nr_flow_coder_hurry(struct nr_flow_coder *coder, bool hurry);

/* Adds `count` numbers of `width` bytes, in chunks of 1 << chunk, to `into` and fills codec, planes, chunk,
 * base, length and checksum of the section. -ENOMEM. */
int nr_flow_lane_pack(struct nr_flow_coder *coder, const void *values, unsigned width, uint32_t count,
	unsigned chunk, struct nr_flow_bytes *into, struct nr_flow_section *section);

/* Where a reader gets a part's bytes from: [offset, offset + length) of the part, valid until the next call;
 * NULL: *ret_code. */
struct nr_flow_part_source {
	const uint8_t *(*get)(
		struct nr_flow_part_source *source, uint64_t offset, uint32_t length, int *ret_code);
};

/* Those chunks of the lane of which `chunks` has the bit; the others' values stay as they are. -EBADMSG: they
 * are not such numbers; or what the source said. */
int nr_flow_lane_read(struct nr_flow_coder *coder, const struct nr_flow_section *section,
	struct nr_flow_part_source *source, void *values, unsigned width, uint32_t count, uint64_t chunks);

#endif
