/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk through a segment of the flow archive: it ends, what it finds lies in the file, in order, and does
 * not overlap. Heads get the right checksum first.
 */
#include "store/flows/segment.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + sizeof(struct nr_flow_part_head) <= size; at += 8) {
		struct nr_flow_part_head head;
		memcpy(&head, bytes + at, sizeof head);
		if (head.magic != NR_FLOW_PART_MAGIC || head.head_bytes > size - at ||
			head.head_bytes < sizeof head)
			continue;
		head.checksum = 0;
		memcpy(bytes + at, &head, sizeof head);
		head.checksum = XXH3_64bits(bytes + at, head.head_bytes);
		memcpy(bytes + at, &head, sizeof head);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int file = -1;
	struct nr_flow_walk walk;
	if (file < 0)
		file = memfd_create("segment", MFD_CLOEXEC);
	uint8_t *bytes = malloc(size + 1);
	assert(bytes && file >= 0 && ftruncate(file, 0) == 0);
	memcpy(bytes, data, size);
	mend(bytes, size);
	assert(pwrite(file, bytes, size, 0) == (ssize_t)size);
	(void)nr_flow_segment_check(file);
	nr_flow_walk_init(&walk, file, size);
	uint64_t behind = sizeof(struct nr_flow_segment_head);
	int e;
	while ((e = nr_flow_walk_next(&walk)) == 1) {
		assert(walk.offset >= behind && walk.head.bytes >= sizeof walk.head);
		behind = walk.offset + walk.head.bytes;
		assert(behind <= size && walk.end == behind && walk.head.rows <= NR_FLOW_PART_ROWS);
	}
	assert(e == 0 && walk.skipped <= size / 8 + 1);
	free(bytes);
	return 0;
}
