/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow archive: flows (model/flow.h) as compressed columns in a folder, in segments that are cut by the
 * time at which they were received. What is written is never changed: a segment is written to a temporary
 * name, synced, renamed; its parts carry checksums. A segment that is still growing can be read up to its
 * last whole part, by other processes too. Erasing is unlinking whole segments; what is erased leaves nothing
 * behind. The format: docs/adr, and archive_format.h.
 *
 * One writer (a lock says so), any number of readers. A handle is used by one thread, scans use threads of
 * their own.
 */
#ifndef NR_STORE_FLOWS_ARCHIVE_H
#define NR_STORE_FLOWS_ARCHIVE_H

#include "base/json.h"
#include "model/flow.h"

struct nr_flow_archive_conf {
	nr_time cut;           /* a segment's length, default 5 min */
	nr_time settle;        /* what is not yet written is at most so old, default 5 s */
	nr_time keep;          /* age at which a segment is erased, by when it was received; default 7 days */
	uint64_t keep_bytes;   /* oldest segments beyond this size are erased; 0: without limit */
	uint64_t keep_columns; /* bits of columns that are kept; 0: NR_FLOW_ARCHIVE_COLUMNS */
	unsigned threads;      /* that pack; 1 and more */
};
/* What finding C&C servers, telling owners and running the network need (flow reference 1.2): no MAC
 * addresses, applications, connection ids. */
#define NR_FLOW_ARCHIVE_COLUMNS                                                                              \
	(NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(SOURCE_LOW) |       \
		NR_FLOW_BIT(DESTINATION_HIGH) | NR_FLOW_BIT(DESTINATION_LOW) | NR_FLOW_BIT(SOURCE_PORT) |    \
		NR_FLOW_BIT(DESTINATION_PORT) | NR_FLOW_BIT(PROTOCOL) | NR_FLOW_BIT(TCP_FLAGS) |             \
		NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(SAMPLING) |                          \
		NR_FLOW_BIT(SAMPLING_FROM) | NR_FLOW_BIT(INPUT) | NR_FLOW_BIT(OUTPUT) |                      \
		NR_FLOW_BIT(SOURCE_AS) | NR_FLOW_BIT(DESTINATION_AS) | NR_FLOW_BIT(STREAM) |                 \
		NR_FLOW_BIT(MARKS) | NR_FLOW_BIT(TOS) | NR_FLOW_BIT(DIRECTION) | NR_FLOW_BIT(END_REASON) |   \
		NR_FLOW_BIT(EVENT) | NR_FLOW_BIT(REVERSE_PACKETS) | NR_FLOW_BIT(REVERSE_BYTES) |             \
		NR_FLOW_BIT(REVERSE_TCP_FLAGS))

struct nr_flow_archive;

enum nr_flow_archive_mode { NR_FLOW_ARCHIVE_READ, NR_FLOW_ARCHIVE_WRITE };
/* WRITE makes the folder, takes the lock (-EBUSY says who holds it) and mends what a dead writer left. conf
 * is for WRITE. -ENOENT, -EBADMSG, ... name the file and the remedy. */
int nr_flow_archive_open(const char *folder, enum nr_flow_archive_mode mode,
	const struct nr_flow_archive_conf *conf, struct nr_flow_archive **ret_archive,
	struct nr_error *error);
/* Does not wait for what is not written: _sync first. */
void nr_flow_archive_close(struct nr_flow_archive *archive);
void nr_flow_archive_closep(struct nr_flow_archive **archive);

/* Takes the rows (a copy). -ENOSPC and -EDQUOT: the archive pauses: this and further blocks are refused and
 * counted until there is room again (it tries at each _tick); what is written stays sound. */
int nr_flow_archive_append(
	struct nr_flow_archive *archive, const struct nr_flow_block *block, struct nr_error *error);
/* Flows come faster than they are packed: until it is told otherwise it packs faster, and larger. */
void nr_flow_archive_hurry(struct nr_flow_archive *archive, bool hurry);
/* Live: about once a second. Writes what is old enough, cuts segments, erases what is too old or too much. */
int nr_flow_archive_tick(struct nr_flow_archive *archive, nr_time now, struct nr_error *error);
/* All that was appended is on disk when it returns. */
int nr_flow_archive_sync(struct nr_flow_archive *archive, struct nr_error *error);

struct nr_flow_archive_state {
	uint64_t flows, bytes, segments; /* on disk */
	uint64_t refused;                /* flows, while it was paused */
	bool paused;
	nr_time oldest, newest; /* received; NR_TIME_MIN: empty */
};
struct nr_flow_archive_state nr_flow_archive_state(const struct nr_flow_archive *archive);

/* Erases what was received before `before`, for an order to erase; *ret_flows: how many. */
int nr_flow_archive_erase(
	struct nr_flow_archive *archive, nr_time before, uint64_t *ret_flows, struct nr_error *error);

#define NR_FLOW_HOSTS_MAX 16
struct nr_flow_wanted {
	nr_time from, to; /* flows that touch [from, to); NR_TIME_MIN, _MAX: all */
	uint64_t columns; /* bits; others are not unpacked */
	/* Where not empty: rows that have none of these as source or destination need not be handed over, and
	 * parts without one are not unpacked. Rows that do not match may come all the same. */
	struct nr_address hosts[NR_FLOW_HOSTS_MAX];
	size_t host_count;
	unsigned threads;
	void (*progress)(void *context, uint64_t done, uint64_t total); /* bytes; NULL: none */
	void *progress_context;
};
struct nr_flow_scan {
	uint64_t flows, parts, parts_skipped, bytes_read;
	uint64_t damaged; /* parts whose checksum is wrong: left out, the first is named in the error text */
};
/* Hands blocks to take(), from `threads` threads, each with its own number. Rows may lie outside of the
 * range: the caller filters. take answers 0 or -errno, which ends the scan. Parts that cannot be read are
 * left out and counted, error->text names the first (the call still answers 0). */
int nr_flow_archive_scan(struct nr_flow_archive *archive, const struct nr_flow_wanted *wanted,
	int (*take)(void *context, unsigned thread, const struct nr_flow_block *block), void *context,
	struct nr_flow_scan *ret_scan, struct nr_error *error);

/* For people: what is there, segment by segment. */
void nr_flow_archive_describe(const struct nr_flow_archive *archive, struct nr_json *json);

#endif
