/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the workers' states are merged into: open days, and the whole run. Used by flush and report alone.
 */
#ifndef NR_SENSE_TELESCOPE_MERGED_H
#define NR_SENSE_TELESCOPE_MERGED_H

#include "sense/telescope/carpet.h"
#include "sense/telescope/emit.h"
#include "sense/telescope/list.h"
#include "sense/telescope/member_set.h"
#include "sense/telescope/rest.h"
#include "sense/telescope/tools.h"

#define NR_PARTS_MAX 64 /* workers */

struct nr_merged_day {
	nr_time start;
	bool open;
	bool told;              /* judged and handed over: what remains is to forget it */
	unsigned hours_emitted; /* hours [0, n) have been handed over */
	struct nr_tally windows[NR_WINDOWS_PER_DAY]; /* sorted; where rows are wanted */
	struct nr_tally parts[NR_PARTS_MAX];         /* by worker; where they are not */
	uint8_t level, busy_level;                   /* of all windows */
	struct nr_rest rest;                         /* what the sample left out of them */
};

struct nr_research_scanner {
	struct nr_address address;
	uint64_t member;
	nr_time day;
	uint64_t packets, scan_packets;
	uint32_t ports;
	uint32_t days; /* 1; more where days of one address were folded */
	nr_time first, last;
	char rule[112]; /* "nicter", "scaled", "list:NAME" */
	uint64_t list_version;
};

struct nr_campaign {
	nr_time day, first, last;
	char signature[128];
	uint64_t sources, packets;
	uint16_t port;
};

struct nr_flood {
	nr_time day, first, last;
	uint64_t key; /* the signature that its SYNs share */
	uint64_t sources;
	uint16_t port, window;
	uint8_t ttl;
	double entropy;
	struct nr_address example;
};

struct nr_tool_total {
	uint64_t packets;
	double variance; /* of packets, where lines of sources or suspects were sampled */
	bool sampled;
	uint64_t zmap_new, masscan_new; /* sources of the newer variants */
};

/* A finding kept for the report; its texts are owned. */
struct nr_kept_finding {
	struct nr_finding finding;
	char *reason_en, *reason_ja, *evidence;
};

/* What all sources of one worker sent to one of its usual groups. */
struct nr_usual_total {
	uint32_t group;
	uint64_t packets, bytes, sources;
};

struct nr_early; /* early.h */

#define NR_NO_WINDOW     INT64_MIN
#define NR_FINDING_BYTES 1536 /* that one takes with its texts */

struct nr_merged {
	int64_t session; /* of a live state, drawn at its start; 0: who reads files knows (model/sink.h) */
	struct nr_area *area;           /* where it and the open days lie; what a report needs lies outside */
	struct nr_local *const *locals; /* of the flush that runs */
	size_t local_count;
	struct nr_keeper keeper; /* the busy sources of all workers */
	struct nr_merged_day days[2];
	/* the window whose logs are in the day already, but are not closed; NR_NO_WINDOW: none */
	int64_t merged_window;
	struct nr_tally parts[NR_PARTS_MAX]; /* the whole run: all days; by worker where no rows are wanted */
	bool summed; /* one day without rows: what usual groups got stands in `usual`, except what is judged;
			sources are counted by their categories in mask_sources */
	struct nr_usual_total usual[NR_PARTS_MAX * NR_USUAL_GROUPS];
	size_t usual_count;
	uint64_t mask_sources[1u << NR_CATEGORY_COUNT];
	uint64_t sources6;       /* of them, IPv6 */
	unsigned days_folded;    /* days that have ended */
	struct nr_wides members; /* its sources with their categories */
	uint8_t members_level;
	bool members_unsorted;     /* a source may stand in them more than once */
	struct nr_tally tools;     /* group: tool */
	struct nr_tally suspected; /* likewise, of sources that only the suspects know; no source is in both
				      on one day */
	struct nr_tool_total tool_totals[NR_TOOL_COUNT];
	uint64_t *research_packets; /* [NR_GROUP_COUNT]: of research scanners on their days; NULL: none */
	struct nr_tally research;   /* group: the scanners' groups, for sources without them */
	uint64_t untracked;         /* packets of sources beyond the memory limit */
	uint64_t heavy_error; /* packets that a busy source beside the sample may lack: SpaceSaving's N/m */
	uint64_t no_room;     /* own hosts, suspects, candidates, signatures that found a full table */
	NR_LIST(struct nr_research_scanner) scanners;
	NR_LIST(struct nr_campaign) campaigns;
	NR_LIST(struct nr_flood) floods;
	NR_LIST(struct nr_victim) victims; /* attacks */
	NR_LIST(struct nr_victim) bursts;  /* large, but shorter than an attack */
	struct nr_carpets carpets;         /* networks under observation */
	NR_LIST(struct nr_carpet) carpet_attacks;
	NR_LIST(struct nr_kept_finding) findings;
	struct nr_early *early;   /* owned; NULL until the first window */
	struct nr_ipv6_run *ipv6; /* owned; NULL until the first day with IPv6 packets */
};

NR_INLINE uint64_t nr_research_packets(const struct nr_merged *m, uint32_t group)
{
	return m->research_packets ? m->research_packets[group] : 0;
}
/* What a predecessor left in an area: the run is forgotten, the open days stay. */
void nr_merged_resume(struct nr_merged *merged, const struct nr_telescope_conf *conf);
/* One source of 2^level stands in the pairs that keep fewest. */
uint8_t nr_merged_level(const struct nr_merged *merged);
void nr_merged_day_fini(struct nr_merged_day *day);
/* Sorts the run's members and keeps them to the limit by sampling. */
/* The address of a member while its day is open; false: an IPv6 source that was left out of the day's table.
 */
bool nr_merged_address(const struct nr_merged *merged, uint64_t member, struct nr_address *ret_address);
int nr_merged_sort_members(struct nr_merged *merged, size_t limit, struct nr_error *error);
int nr_merged_new(const struct nr_telescope_conf *conf, struct nr_area *area, struct nr_merged **ret_merged,
	struct nr_error *error);
/* Everything that only a report would tell: what has no end has none. */
void nr_merged_forget_run(struct nr_merged *merged, const struct nr_telescope_conf *conf);
void nr_merged_free(struct nr_merged *merged);

/* ---- day.c: judges one finished day, emits its rows, folds it into the run ---- */
struct nr_day_end {
	const struct nr_telescope_conf *conf;
	struct nr_local *const *locals;
	size_t local_count;
	struct nr_merged *merged;
	struct nr_merged_day *day;
	struct nr_sink *sink; /* NULL: no rows wanted */
	struct nr_crew *crew;
	/* A live telescope is stopped within the day: a later start may go on with it. Rows of the day itself
	 * would stand for all of it in every answer, so its hours speak for it. */
	bool unfinished;
};
/* The highest level of its workers: one source of 2^level has a line. */
uint8_t nr_day_level(const struct nr_day_end *end);
/* The day's pairs: parts whose sources are different ones, each sorted. One part where rows are wanted. */
struct nr_parts {
	struct nr_tally *tallies; /* owned by whoever ends the day */
	size_t count;
};
/* Walks all parts in the order of groups; within a group, part by part. */
struct nr_parts_walk {
	const struct nr_parts *parts;
	size_t part;
	uint32_t group;
	struct nr_part_walk {
		struct nr_tally_walk walk;
		struct nr_tally_sum next;
		bool more;
	} at[NR_PARTS_MAX];
};
void nr_parts_walk(struct nr_parts_walk *walk, const struct nr_parts *parts);
bool nr_parts_next(struct nr_parts_walk *walk, struct nr_tally_sum *ret_sum);
int nr_day_finish(const struct nr_day_end *end, struct nr_error *error);
/* The worker's view of the day that ends; NULL where it saw none of it. */
struct nr_day *nr_day_of(const struct nr_day_end *end, size_t local);
/* Calls work(context, local) once for each worker that saw the day, by members of the crew at the same time.
 */
void nr_day_each(const struct nr_day_end *end, void (*work)(void *context, size_t local), void *context);

/* ---- day_tools.c ---- */
int nr_tools_of_day(const struct nr_day_end *end, const struct nr_parts *parts, struct nr_error *error);

/* ---- carpet_look.c ---- */
/* Hosts of the carpet's network that the workers know as victims of their own in its time; context: struct
 * nr_merged, while a flush or a look runs. */
uint32_t nr_carpet_singles(void *context, const struct nr_carpet *carpet);

/* ---- research.c ---- */
/* Appends the day's scanners to merged->scanners; *ret_first is the index of the first. */
int nr_research_judge(const struct nr_day_end *end, const struct nr_parts *parts, size_t *ret_first,
	struct nr_error *error);
/* Called when a day is over: scanners of earlier days become one entry an address before the list gets long.
 */
void nr_research_fold(struct nr_merged *merged);

/* ---- patterns.c: campaigns and floods ---- */
int nr_patterns_judge(const struct nr_day_end *end, struct nr_error *error);

/* ---- sources.c: rows of the day's notable sources ---- */
int nr_sources_emit(const struct nr_day_end *end, const struct nr_tally *tally, size_t scanner_first,
	struct nr_error *error);

/* ---- findings.c ---- */
/* Hands the finding to the sink (NULL: none) and keeps it for the report. evidence is finished here. */
int nr_findings_keep(const struct nr_telescope_conf *conf, struct nr_merged *merged, struct nr_sink *sink,
	struct nr_finding *finding, const char *reason_en, const char *reason_ja, struct nr_json *evidence,
	struct nr_error *error);
int nr_findings_of_day(
	const struct nr_day_end *end, size_t scanner_first, size_t flood_first, struct nr_error *error);
int nr_findings_of_carpets(const struct nr_telescope_conf *conf, struct nr_merged *merged, size_t first,
	struct nr_sink *sink, struct nr_error *error);
int nr_findings_of_victims(const struct nr_telescope_conf *conf, struct nr_merged *merged, size_t first,
	struct nr_sink *sink, struct nr_error *error);

#endif
