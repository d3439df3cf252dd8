/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a telescope worker holds, and what the flush merges it into. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_STATE_H
#define NR_SENSE_TELESCOPE_STATE_H

#include "sense/telescope/own.h"
#include "sense/telescope/source.h"
#include "sense/telescope/suspect.h"
#include "sense/telescope/telescope.h"
#include "sense/telescope/victim.h"

#define NR_WINDOWS_OPEN    4 /* slots: the current window, two of slack, and one being flushed */
#define NR_WINDOWS_PER_DAY (NR_STEP_DAY / NR_STEP_WINDOW)

enum nr_tool { NR_TOOL_MIRAI, NR_TOOL_ZMAP, NR_TOOL_MASSCAN, NR_TOOL_NMAP, NR_TOOL_COUNT };
extern const char *const nr_tool_names[NR_TOOL_COUNT];

/* One worker's view of one UTC day. */
struct nr_day {
	nr_time start;
	bool open;
	struct nr_source_table table4, table6;
	struct nr_suspects suspects;     /* ZMap >= 4.1: targets of the first SYNs */
	struct nr_own own;               /* packets that come from --own */
	uint64_t matched[NR_TOOL_COUNT]; /* SYNs that matched, of tagged sources or not */
	uint64_t untracked; /* packets of sources beyond the memory limit: counted, but not judged */
	uint64_t live;      /* packets that pulses counted */
};

struct nr_window {
	int64_t number; /* time / step */
	bool open;
	struct nr_tally log; /* appended to; sorted now and then */
	size_t sort_at;      /* items at which it is sorted to stay small */
};

struct nr_merged;
/* Packets of a day from which a source may be judged by its ports: no sample leaves it out. */
#define NR_BUSY_PACKETS NR_SCALED_PACKETS
/* For struct nr_keeper: context is a struct nr_local. */
bool nr_local_keeps(const void *local, uint64_t member);
/* Pairs that a tally holds exactly: an eighth of the promised memory. */
#define NR_TALLY_LIMIT(memory_bytes) ((size_t)((memory_bytes) / 8 / sizeof(uint64_t)))

struct nr_local {
	struct nr_area *area; /* where this state lies; NULL: it ends with the process */
	/* hot: the day and window of the last packet */
	struct nr_day *day;
	nr_time day_start;
	struct nr_window *window;
	nr_time window_start;
	uint32_t window_slot;
	nr_time step;                            /* us: 5 minutes, or a day where no rows are wanted */
	nr_time open_from;                       /* packets before it are late */
	uint64_t packets, bytes, late, packets6; /* packets6: of packets, IPv6 */
	uint32_t *dirty; /* owned: sources of `day` with something in `recent`: index << 1 | IPv6 */
	size_t dirty_count, dirty_room;
	size_t table_bytes_max;
	size_t sort_items, tally_limit;
	size_t sources_expected;
	struct nr_day days[2];
	struct nr_window windows[NR_WINDOWS_OPEN];
	struct nr_victims victims;
	struct nr_error failure;  /* sticky; answered by the next flush */
	struct nr_keeper keeper;  /* this worker's busy sources */
	struct nr_merged *merged; /* owned by worker 0's local, used by flush alone */
	/* owned; NULL until the first pulse, so offline. Not in the area: a resumed state forgets it */
	struct nr_pulse *pulse;
};

/* The next packet looks its window up again. */
NR_INLINE void nr_local_leave_window(struct nr_local *l)
{
	l->window = NULL;
	l->window_start = NR_TIME_MIN;
}

/* ---- observe.c ---- */
void nr_telescope_observe(const void *conf, void *local, const struct nr_batch *batch);
/* Writes what sources hold combined into the tallies. */
void nr_telescope_drain(struct nr_local *local);
/* Categories of a group's packets; for nr_members_from(), context unused. */
uint16_t nr_telescope_mask_of_group(const void *context, uint32_t group);

/* ---- flush.c ---- */
int nr_telescope_flush(const void *conf, void *const *locals, size_t count, struct nr_crew *crew, nr_time end,
	struct nr_sink *sink, struct nr_error *error);

#endif
