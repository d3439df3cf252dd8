/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments in a folder: their names, which there are, and the walk from part to part of one.
 */
#ifndef NR_STORE_FLOWS_SEGMENT_H
#define NR_STORE_FLOWS_SEGMENT_H

#include "store/flows/part.h"

#define NR_FLOW_STEM_MAX 32 /* "2026-01-02/030405-0000" */

struct nr_flow_totals {
	uint64_t flows, bytes, parts, damaged;
	nr_time oldest, newest; /* received; _MAX, _MIN: no parts */
};
#define NR_FLOW_TOTALS_NONE ((struct nr_flow_totals){.oldest = NR_TIME_MAX, .newest = NR_TIME_MIN})
void nr_flow_totals_add(struct nr_flow_totals *totals, const struct nr_flow_totals *more);
void nr_flow_totals_add_part(struct nr_flow_totals *totals, const struct nr_flow_part_head *head);

struct nr_flow_segment {
	char stem[NR_FLOW_STEM_MAX];
	bool settled, growing; /* which of its files there are */
};
struct nr_flow_segments {
	struct nr_flow_segment *items; /* owned, by stem */
	size_t count, room;
};
void nr_flow_segments_fini(struct nr_flow_segments *segments);
/* What is in the folder. A segment that is there all the while is found, however it is settled meanwhile. */
int nr_flow_segments_list(const char *folder, struct nr_flow_segments *segments, struct nr_error *error);

/* "FOLDER/STEM.KIND"; kind: "part", "flows", "tmp". Owned by the caller; NULL: out of memory. */
char *nr_flow_segment_path(const char *folder, const char *stem, const char *kind);
void nr_flow_segment_stem(nr_time begin, unsigned number, char stem[static NR_FLOW_STEM_MAX]);
void nr_flow_segment_head_init(struct nr_flow_segment_head *head, nr_time begin);

/* -EBADMSG: it does not begin as a segment does (its parts may be whole all the same). */
int nr_flow_segment_check(int file);

struct nr_flow_walk {
	int file; /* not owned */
	uint64_t at, size;
	uint64_t skipped; /* places at which something was damaged */
	uint64_t offset;  /* of the part that was found */
	uint64_t end;     /* behind the last whole part */
	union {
		struct nr_flow_part_head head;
		uint8_t bytes[NR_FLOW_PART_HEAD_MAX];
		uint64_t alignment;
	};
	const struct nr_flow_section *sections;
};
/* size: how much of the file to look at. */
void nr_flow_walk_init(struct nr_flow_walk *walk, int file, uint64_t size);
/* The next whole part: 1; the end: 0; -errno of reading. A tail that is no whole part is skipped. */
int nr_flow_walk_next(struct nr_flow_walk *walk);
/* Reads head and table at that place: 0, -EBADMSG, -ENODATA (there is no more), -errno. */
int nr_flow_walk_look(struct nr_flow_walk *walk, uint64_t offset);

/* All of pread: fewer bytes are -ENODATA. */
int nr_flow_read(int file, void *bytes, size_t length, uint64_t offset);

/* The bytes of a part of an open file. */
struct nr_flow_file_source {
	struct nr_flow_part_source source;
	int file;
	uint64_t offset, bytes_read;
	struct nr_flow_bytes buffer;
};
void nr_flow_file_source_init(struct nr_flow_file_source *source);
void nr_flow_file_source_fini(struct nr_flow_file_source *source);

#endif
