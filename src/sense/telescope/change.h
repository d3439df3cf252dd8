/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ChangeFinder over the telescope's series: packets, and separately unique hosts, per slot of 10 minutes, for
 * every port with activity and every country. A slot alerts where either series does.
 *
 * A port gets its series in the first slot in which NR_CHANGE_HOSTS hosts knock at it, and keeps it until it
 * has been silent for NR_CHANGE_SILENT_SLOTS. A country gets its series with its first host. Slots without
 * packets count as zero; after NR_CHANGE_GAP_SLOTS of them for the whole telescope (it was off) all series
 * begin anew. Research scanners are left out as far as they are known when the slot ends. Private to this
 * room.
 */
#ifndef NR_SENSE_TELESCOPE_CHANGE_H
#define NR_SENSE_TELESCOPE_CHANGE_H

#include "sense/telescope/changefinder.h"
#include "sense/telescope/early.h"
#include "sense/telescope/slot_sources.h"

#define NR_CHANGE_SLOT         (600 * NR_SECOND)
#define NR_CHANGE_SERIES_MAX   4096
#define NR_CHANGE_HOSTS        5
#define NR_CHANGE_SILENT_SLOTS 1008 /* a week */
#define NR_CHANGE_GAP_SLOTS    144  /* a day */
#define NR_CHANGE_CALM_SLOTS   6    /* without an alert, after which an episode is over */

/* An episode becomes a finding where it is a rise that a person should look at. */
#define NR_CHANGE_FINDING_HOSTS     20
#define NR_CHANGE_FINDING_TIMES     3.0 /* as many as usual */
#define NR_CHANGE_FINDING_COUNTRIES 3   /* more of them at once: not about a country */

/* Keys: groups of scan packets, then countries. */
#define NR_CHANGE_COUNTRIES NR_GROUP_OTHER
#define NR_CHANGE_KEYS      (NR_CHANGE_COUNTRIES + NR_COUNTRY_COUNT)

struct nr_change_count {
	uint64_t packets, hosts;
	uint64_t busiest, busiest_packets; /* member: an example */
};

struct nr_change_episode {
	nr_time onset;           /* start of its first slot; 0: none */
	nr_time last;            /* start of its last alerting slot */
	uint32_t slots, example; /* IPv4 address: the subject of its finding */
	bool found;              /* it became a finding */
	double score;
	struct nr_change_count most;       /* of the slot with most hosts */
	double usual_hosts, usual_packets; /* means before it */
};

struct nr_change_series {
	uint32_t key, silent;
	struct nr_changefinder packets, hosts;
	struct nr_change_count slot; /* the open one */
	struct nr_change_episode episode;
	bool news; /* the slot that was closed last alerted */
};

struct nr_change {
	struct nr_area *area;
	nr_time slot; /* start of the open slot; meaningless while !open */
	bool open, started;
	nr_time crowded; /* last slot in which many countries alerted; 0: none */
	struct nr_slot_sources sources;
	uint64_t refused; /* ports that found all series taken */
	size_t count;
	uint16_t index[NR_CHANGE_KEYS]; /* series + 1; 0: none */
	struct nr_change_series series[NR_CHANGE_SERIES_MAX];
};

int nr_change_new(
	struct nr_area *area, uint64_t memory_bytes, struct nr_change **ret_change, struct nr_error *error);
void nr_change_free(struct nr_change *change); /* NULL allowed */
int nr_change_window(struct nr_change *change, const struct nr_early_window *window,
	const struct nr_known_scanners *known, struct nr_error *error);

#endif
