/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tool a source uses, judged at the end of its day from its line in the source table; rules and their
 * error budget: rules.h, telescope reference 7.
 */
#ifndef NR_SENSE_TELESCOPE_TOOLS_H
#define NR_SENSE_TELESCOPE_TOOLS_H

#include "sense/telescope/state.h"

struct nr_tool_verdict {
	unsigned tools;                  /* NR_BIT(enum nr_tool) */
	bool zmap_new;                   /* zmap by the shape of 4.1 and later */
	bool masscan_new;                /* masscan with the option of November 2023 */
	bool by_suspects;                /* zmap by what the suspects know alone: sampled as they are */
	uint64_t datagrams;              /* UDP and ICMP probes of zmap, which packets has, too */
	uint64_t packets[NR_TOOL_COUNT]; /* that carry the tool's mark; SYNs are counted to 65535 */
};

/* Most sources carry no mark at all: false, and no tool is to be judged. */
NR_INLINE bool nr_tools_any_mark(const struct nr_source *s)
{
	return (s->syns && (s->mirai | s->zmap | s->masscan | s->zmap_new |
				   (s->constant & NR_ONLY_NMAP_SHAPE))) ||
	       (s->facts & NR_SOURCE_ZMAP_DATAGRAM);
}
struct nr_tool_verdict nr_tools_judge(
	const struct nr_day *day, const struct nr_source *source, uint64_t member);
/* Packets of a source, not tagged, that matched a rule by chance; to be taken off the day's matches. */
uint64_t nr_tools_chance(const struct nr_source *source, enum nr_tool tool);
/* "mirai,zmap" */
void nr_tools_write(unsigned tools, char text[static 32]);
/* Members of the evidence object: tools, first SYN, invariants. */
void nr_tools_evidence(const struct nr_day *day, const struct nr_source *source, uint64_t member,
	const struct nr_tool_verdict *verdict, struct nr_json *json);
/* "window=1024 source_port=40000": the unusual invariants and their values; false where there is none. */
bool nr_tools_signature(const struct nr_source *source, char text[static 128]);

#endif
