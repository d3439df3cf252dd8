/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The truth of a world: counted from the packets as they are written, in order of time, by rules of its own
 * (the telescope's code is not used). Exact; memory grows with the number of sources and of (source, port)
 * pairs, never with the number of packets alone.
 */
#ifndef NR_TRAIN_WORLD_TRUTH_H
#define NR_TRAIN_WORLD_TRUTH_H

#include "base/json.h"
#include "train/world/packet.h"

enum nr_world_tool {
	NR_TOOL_NONE,
	NR_TOOL_MIRAI,
	NR_TOOL_ZMAP,     /* id 54321 */
	NR_TOOL_ZMAP_NEW, /* 4.1 and later */
	NR_TOOL_MASSCAN,
	NR_TOOL_NMAP,
	NR_TOOL_COUNT
};

enum nr_world_category {
	NR_CATEGORY_TCP_SYN,
	NR_CATEGORY_TCP_SYN_ACK,
	NR_CATEGORY_TCP_RST,
	NR_CATEGORY_TCP_OTHER,
	NR_CATEGORY_UDP,
	NR_CATEGORY_ICMP,
	NR_CATEGORY_OTHER,
	NR_CATEGORY_COUNT
};

enum nr_world_rule {
	NR_RULE_NONE,
	NR_RULE_LIST,
	NR_RULE_SCALED,
	NR_RULE_NICTER
}; /* the stronger is the greater */

struct nr_truth_source {
	struct nr_address address;
	uint32_t packets;
	uint32_t tool_packets; /* with the tool's mark, on days that showed enough of them */
	uint32_t research_packets,
		research_ports; /* all packets of the days on which a rule held; most ports of one */
	uint16_t research_days;
	uint8_t categories; /* bit per enum nr_world_category */
	uint8_t tool;       /* that it uses */
	uint8_t rule;       /* the strongest that held on a day */
	bool tagged;        /* the tool could be told on some day */
	bool listed;        /* on the world's research-scanner list */

	/* The current UTC day, until it is closed. */
	uint8_t day_target_count; /* distinct destinations of marked packets, at most 3 */
	int32_t day;              /* days since 1970; -1: none yet */
	uint32_t day_packets, day_scan_packets, day_ports, day_marks;
	uint32_t day_targets[2];
};

/* A victim that a behaviour set up. The counts are the truth's own; `why` is the behaviour's. */
struct nr_truth_victim {
	struct nr_address address;
	uint8_t protocol; /* of the attack */
	bool framed;      /* only accused by forged ICMP: must not be found */
	const char *why;  /* static */
	uint64_t packets, peak_60s;
	nr_time first, last;
	uint64_t buckets[6]; /* ring of 10-second buckets */
	int64_t bucket;      /* newest bucket, in units of 10 s since 1970 */
};

#define NR_TRUTH_VICTIMS_MAX    64
#define NR_TRUTH_VICTIM_PACKETS 25               /* Moore et al. 2006, as coded in corsaro: packets, */
#define NR_TRUTH_VICTIM_TIME    (60 * NR_SECOND) /* duration, */
#define NR_TRUTH_VICTIM_PEAK    30               /* packets in one minute on the grid of 10 s */

struct nr_truth_group { /* sources by purpose: slow scanners, campaigns, the flood, infected hosts, carpets */
	const char
		*kind; /* "slow_scanner", "campaign", "spoofed_flood", "infected_host", "carpet_attack" ... */
	char signature[64];
	uint32_t first_source, sources; /* a run of source numbers */
	uint64_t packets;
	nr_time first, last;
	uint8_t protocol;
	uint16_t port;
};

#define NR_TRUTH_GROUPS_MAX 32

struct nr_truth_port {
	uint64_t packets;
	uint32_t sources;
};

struct nr_truth {
	uint64_t packets, frames, bytes;
	uint64_t dark_addresses;
	nr_time first, last; /* of the packets */
	uint64_t non_ip, truncated, malformed;
	uint64_t category_packets[NR_CATEGORY_COUNT];
	uint64_t pattern_packets[NR_PATTERN_COUNT]; /* of IPv6 destinations */
	struct nr_truth_port *ports;                /* TCP 0..65535, then UDP; owned */
	struct nr_truth_source *sources;            /* owned */
	size_t source_count, source_room;
	uint32_t *by_address;   /* open addressing: source number + 1; owned */
	size_t by_address_room; /* a power of two */
	uint64_t *pairs;        /* open addressing: source, port and last day; owned */
	size_t pair_count, pair_room;
	struct nr_truth_victim victims[NR_TRUTH_VICTIMS_MAX]; /* number 0 is unused */
	size_t victim_count;                                  /* with number 0 */
	struct nr_truth_group groups[NR_TRUTH_GROUPS_MAX];
	size_t group_count;
	bool failed; /* out of memory: sticky */
};

int nr_truth_init(struct nr_truth *truth, uint64_t dark_addresses, struct nr_error *error);
void nr_truth_fini(struct nr_truth *truth);

/* A new source. False: the address is taken (or memory is short, then truth->failed). */
bool nr_truth_add_source(
	struct nr_truth *truth, const struct nr_address *address, uint8_t tool, uint32_t *ret_number);
/* Number of a new victim. */
uint16_t nr_truth_add_victim(
	struct nr_truth *truth, const struct nr_address *address, uint8_t protocol, const char *why);
/* NULL when there are too many. */
struct nr_truth_group *nr_truth_add_group(
	struct nr_truth *truth, const char *kind, uint32_t first_source, uint32_t sources);

/* Counts one written frame. Calls come in order of time. */
void nr_truth_count(struct nr_truth *truth, const struct nr_world_packet *packet, uint32_t wire);
/* Closes the last day. */
void nr_truth_finish(struct nr_truth *truth);

bool nr_truth_is_victim(const struct nr_truth_victim *victim);

/* The members after the head (darknet.h). list_name: NULL when no list was written. */
struct nr_geography;
void nr_truth_write(const struct nr_truth *truth, const struct nr_geography *geography, const char *list_name,
	struct nr_json *json);

#endif
