/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live findings: own hosts seen in the dark range (NICT's DAEDALUS) and DDoS victims, told within seconds.
 *
 * An own host is told once per kind and class of ports (telescope reference 3.5); its row is updated once a
 * minute while it goes on, told again after NR_ALARM_AGAIN, and closed after NR_ALARM_SILENCE. A victim is
 * told when it has reached the limits of an attack and when it has ended; so is a network (carpet_look.h).
 * Each row has the key that the row of the finished day will have: the first packet's time does not change
 * once it has been told.
 *
 * Sources can be forged, so hosts, and what is told at a time, are bounded; what finds no room is counted, or
 * waits for the next look. Private to this room; one thread, while all workers rest.
 */
#ifndef NR_SENSE_TELESCOPE_ALARM_H
#define NR_SENSE_TELESCOPE_ALARM_H

#include "sense/telescope/state.h"

#define NR_ALARM_AGAIN    NR_DAY
#define NR_ALARM_UPDATE   NR_MINUTE
#define NR_ALARM_SILENCE  NR_HOUR
#define NR_ALARMS_MAX     16384           /* own hosts that are remembered over the end of a day (6 MB) */
#define NR_ALARMS_LOOK    256             /* findings of one look */
#define NR_VICTIM_SLICES  10              /* looks that together see all victims */
#define NR_VICTIM_LATE_US (2 * NR_SECOND) /* a packet may reach us so late */

struct nr_alarm {
	struct nr_own_host host; /* as it was told last; packets 0: empty slot */
	nr_time notified, updated;
	uint16_t classes; /* bits of port classes that were told */
	bool open;
};

struct nr_alarms {
	struct nr_alarm *slots; /* owned */
	size_t capacity, used;
	uint64_t key;
	unsigned slice;   /* of the victims; next */
	nr_time close_at; /* next look for hosts that fell silent */
	uint64_t beyond;  /* own hosts that found no room, since the last look that told of it */
};

void nr_alarms_fini(struct nr_alarms *alarms);
/* Tells the sink what is new. With every pulse. */
int nr_alarms_look(struct nr_alarms *alarms, const struct nr_telescope_conf *conf, void *const *locals,
	size_t count, nr_time now, struct nr_sink *sink, struct nr_error *error);

#endif
