/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a telescope worker holds, and what the flush merges it into. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_STATE_H
#define NR_SENSE_TELESCOPE_STATE_H

#include "base/space_saving.h"
#include "sense/telescope/carpet_cells.h"
#include "sense/telescope/early_local.h"
#include "sense/telescope/ipv6.h"
#include "sense/telescope/own.h"
#include "sense/telescope/promise.h"
#include "sense/telescope/source.h"
#include "sense/telescope/suspect.h"
#include "sense/telescope/telescope.h"
#include "sense/telescope/usual.h"
#include "sense/telescope/victim.h"

#define NR_WINDOWS_OPEN     4 /* slots: the current window, two of slack, and one being flushed */
#define NR_WINDOWS_PER_DAY  (NR_STEP_DAY / NR_STEP_WINDOW)
#define NR_WINDOWS_PER_HOUR (NR_STEP_HOUR / NR_STEP_WINDOW)

enum nr_tool { NR_TOOL_MIRAI, NR_TOOL_ZMAP, NR_TOOL_MASSCAN, NR_TOOL_NMAP, NR_TOOL_COUNT };
extern const char *const nr_tool_names[NR_TOOL_COUNT];

/* One worker's view of one UTC day. */
struct nr_day {
	nr_time start;
	bool open;
	struct nr_source_table table4, table6;
	uint8_t level;                 /* one source of 2^level has a line in them, and the busy ones */
	struct nr_space_saving *heavy; /* nr_pages: packets of those without; NULL: none yet */
	struct nr_suspects suspects;   /* who may use ZMap */
	struct nr_own own;             /* packets that come from --own */
	struct nr_ipv6_day ipv6;
	uint64_t matched[NR_TOOL_COUNT]; /* SYNs that matched, of tagged sources or not */
	/* of them, those for which the counter of their line had no room any more; ZMap's shape apart */
	uint64_t beyond[NR_TOOL_COUNT], beyond_zmap_new; /* not counted: Mirai, Nmap */
	uint64_t untracked; /* packets of sources without a line: counted, but not judged */
	uint64_t live;      /* packets that pulses counted */
};

struct nr_window {
	int64_t number; /* time / step */
	bool open;
	struct nr_tally log; /* appended to; sorted when it is large */
	size_t full_bytes; /* of the log, when it is sorted next; more than its share where sorting left more
			    */
};

struct nr_merged;
/* Packets of a day from which a source may be judged by its ports: no sample leaves it out. */
#define NR_BUSY_PACKETS NR_SCALED_PACKETS
/* For struct nr_keeper: context is a struct nr_local. */
bool nr_local_keeps(const void *local, uint64_t member);

struct nr_local {
	struct nr_area *area; /* where this state lies; NULL: it ends with the process */
	/* hot: the day and window of the last packet. Sources are dirty in them alone. */
	struct nr_day *day;
	nr_time day_start;
	struct nr_window *window;
	nr_time window_start;
	/* packets of [open_first, open_first + open_length) belong to them and are not late */
	nr_time open_first;
	uint64_t open_length;
	nr_time step;                            /* us: 5 minutes, or a day where no rows are wanted */
	nr_time open_from;                       /* packets before it are late */
	uint64_t packets, bytes, late, packets6; /* packets6: of packets, IPv6 */
	struct nr_usual usual;
	struct nr_usual_sum usual_sums[NR_USUAL_GROUPS + 1]; /* of a run whose pairs are summed */
	size_t table_bytes_max;                              /* of all source tables */
	size_t own_max, suspects_max;                        /* entries of one day */
	size_t log_bytes; /* at which a window's log is sorted to become smaller */
	size_t sources_expected;
	struct nr_day days[2];
	struct nr_window windows[NR_WINDOWS_OPEN];
	struct nr_victims victims;
	struct nr_carpet_cells carpet_cells;
	struct nr_early_local *early; /* owned; NULL where no rows are wanted */
	struct nr_error failure;      /* sticky; answered by the next flush */
	struct nr_keeper keeper;      /* this worker's busy sources */
	struct nr_merged *merged;     /* owned by worker 0's local, used by flush alone */
	/* owned; NULL until the first pulse, so offline. Not in the area: a resumed state forgets it */
	struct nr_pulse *pulse;
};

/* The next packet looks its window up again. Nothing may be dirty. */
NR_INLINE void nr_local_leave_window(struct nr_local *l)
{
	l->window = NULL;
	l->open_length = 0;
}
/* After a change of window or open_from. */
NR_INLINE void nr_local_open(struct nr_local *l)
{
	if (!l->window)
		return;
	l->open_first = NR_MAX(l->window_start, l->open_from);
	l->open_length = (uint64_t)(l->window_start + l->step) - (uint64_t)l->open_first;
}
NR_INLINE void nr_local_fail(struct nr_local *l, const struct nr_error *error)
{
	if (!l->failure.code)
		l->failure = *error;
}

#define NR_BLOCK           32 /* packets between two looks at the room that they may need */
#define NR_ITEMS_PACKET    4 /* most tally items that one packet can cause: one evicted, three extra groups */
#define NR_FRAME_BYTES_MAX 0xffffffu /* that are counted; readers refuse records over 256 KiB */

/* A source whose pairs decide something: no sample leaves it out, and it always has them. */
NR_INLINE bool nr_source_is_busy(const struct nr_source *s)
{
	return s->packets >= NR_BUSY_PACKETS || s->marks & NR_SOURCE_LISTED;
}

/* ---- telescope.c ---- */
/* What follows from the configuration and from where the state lies. */
void nr_local_configure(struct nr_local *local, const struct nr_telescope_conf *conf);

/* ---- usual.c ---- */
int nr_usual_init(struct nr_usual *usual, struct nr_area *area, struct nr_error *error);
void nr_usual_fini(struct nr_usual *usual, struct nr_area *area);
/* No group is usual until some more packets have been seen. Nothing may be dirty. */
void nr_usual_forget(struct nr_usual *usual, uint64_t packets);
bool nr_local_choose_usual(struct nr_local *l);
/* Room in the open window's tally. False: no memory; the run fails at the flush. */
bool nr_local_make_room(struct nr_local *l, size_t items);
NR_INLINE void nr_local_put(
	struct nr_local *l, uint32_t group, uint64_t member, uint32_t packets, uint32_t size)
{
	nr_tally_add(&l->window->log, group, member, packets, size);
}
/* Keeps a packet that has no nibble, or one too many for it. */
void nr_local_remember(struct nr_local *l, const struct nr_source_table *table, struct nr_source *s,
	uint64_t member, uint32_t group, uint32_t wire);
/* The same where the packet is to no usual group and small, and so is what it takes the place of: false, and
 * nothing was done, where they are not. */
NR_INLINE bool nr_local_remember_plain(struct nr_local *l, const struct nr_source_table *table,
	struct nr_source *s, size_t entry, uint32_t member, uint32_t group, uint32_t wire)
{
	const uint32_t sizes = NR_WORD_SIZE_MAX - NR_WORD_SIZE_MIN;
	const struct nr_recent before = s->recent;
	if (l->usual.number_of[group] || wire - NR_WORD_SIZE_MIN > sizes ||
		(before.packets && (before.packets > NR_WORD_PACKETS_MAX || before.group == group ||
					   before.size - NR_WORD_SIZE_MIN > sizes)))
		return false;
	if (before.packets)
		nr_local_put(l, before.group, member, before.packets, before.size);
	else
		nr_source_mark_dirty(table, entry);
	s->recent = (struct nr_recent){group, 1, (uint16_t)wire};
	return true;
}
/* Writes what sources hold into the open window's tally. sums: of usual groups, by number; NULL: as pairs. */
void nr_telescope_drain(struct nr_local *local, struct nr_usual_sum *sums);

/* ---- observe.c ---- */
void nr_telescope_observe(const void *conf, void *local, const struct nr_batch *batch);
/* Categories of a group's packets; for nr_members_from(), context unused. */
uint16_t nr_telescope_mask_of_group(const void *context, uint32_t group);

/* ---- flush.c ---- */
int nr_telescope_flush(const void *conf, void *const *locals, size_t count, struct nr_crew *crew, nr_time end,
	struct nr_sink *sink, struct nr_error *error);

#endif
