/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exporter: a kind (what it is, table in kinds.c) and its state. Records go in, datagrams go to the
 * carrier: templates and options by time and by number, sequence numbers by the kind's habit, times by its
 * clock.
 */
#ifndef NR_TRAIN_WORLD_FLOWS_EXPORTER_H
#define NR_TRAIN_WORLD_FLOWS_EXPORTER_H

#include "train/world/flows/carrier.h"
#include "train/world/flows/chance.h"
#include "train/world/flows/record.h"
#include "wire/export_write.h"

enum nr_exporter_role { /* what stands behind it */
	NR_ROLE_ACCESS,
	NR_ROLE_CENTER, /* the ISP's own servers */
	NR_ROLE_OFFICE,
	NR_EXPORTER_ROLES,
	NR_ROLE_NAT = NR_EXPORTER_ROLES, /* tells events, sees no traffic */
};

enum nr_sequence_habit {
	NR_SEQUENCE_FLOWS,     /* v5 */
	NR_SEQUENCE_DATAGRAMS, /* v9, sFlow */
	NR_SEQUENCE_RECORDS,   /* IPFIX */
	NR_SEQUENCE_SELF,      /* softflowd: data records without options, this message's among them */
};

enum nr_layout_use {
	NR_USE_IPV4,
	NR_USE_IPV6,
	NR_USE_SESSION,    /* of a NAT */
	NR_USE_BLOCK,      /* of ports */
	NR_USE_SYSTEM,     /* options: one record */
	NR_USE_INTERFACES, /* options: one for each */
};

struct nr_flow_layout {
	uint16_t id;
	uint8_t use, scopes, count; /* scopes: of options */
	const struct nr_element *fields;
};

#define NR_INTERFACES   24 /* 1 to 16: subscribers, 17 to 20: to others, 21 to 24: to others by IPv6 */
#define NR_ACCESS_PORTS 16

struct nr_exporter_kind {
	const char *name, *model;
	uint16_t version; /* 5, 9, 10, 105 */
	uint8_t role, sequence;
	uint32_t domain;
	uint32_t sampling;        /* 1 in so many */
	const char *encoding;     /* of the sampling, for the truth */
	nr_time active, idle;     /* as configured */
	nr_time active_step;      /* it rounds `active` up to a multiple */
	nr_time template_every;   /* templates and options again after this time, */
	uint32_t template_within; /* or so many datagrams */
	nr_time template_late;    /* after its start data goes out first */
	nr_time uptime;           /* at the world's start */
	nr_time offset;           /* of its clock; */
	int32_t drift_ppm;
	uint32_t first_sequence;
	uint16_t reboot; /* at so many thousandths of the time; 0: never */
	uint16_t share;  /* of all records, in thousandths */
	uint16_t room;   /* bytes of a datagram */
	bool biflow, ipv4_only;
	const struct nr_flow_layout *layouts;
	uint8_t layout_count;
};
extern const struct nr_exporter_kind nr_exporter_kinds[];
extern const size_t nr_exporter_kind_count;

struct nr_exporter {
	const struct nr_exporter_kind *kind;
	unsigned number;
	struct nr_address address;
	uint16_t source_port, port;
	uint32_t sampling;
	struct nr_odds odds;
	nr_time active;                   /* as it is done */
	uint32_t subscriber, subscribers; /* the first one behind it, how many */
	double rate;                      /* conversations a day */
	nr_time start, boot, reboot_at, down_until;
	uint8_t generation; /* how many reboots */
	struct nr_random random;

	uint32_t sequence;
	bool open, first; /* a message is begun; since the start, no template was sent, or nothing at all */
	nr_time opened;
	struct nr_export_message message;
	struct nr_sflow_message samples;
	struct nr_datagram datagram;
	nr_time templates_due;
	uint32_t templates_left; /* datagrams until they are due */
	uint32_t sample_sequence[NR_INTERFACES + 1], sample_pool[NR_INTERFACES + 1];

	/* truth */
	uint64_t conversations, packets, bytes; /* that passed it */
	uint64_t missed_packets, missed_bytes;  /* of them while it was down */
	uint64_t records, options, events, templates;
	uint64_t seen_packets, seen_bytes;    /* in its records */
	uint64_t forgotten;                   /* flows that were in the cache when it rebooted, */
	uint64_t forgotten_packets;           /* sampled ones, and what would have come of them */
	uint64_t told_messages, told_records; /* since its start: what it says of itself (IE 41, 42) */
};

void nr_exporter_init(struct nr_exporter *exporter, unsigned number, uint64_t seed, nr_time start,
	nr_time duration, uint32_t sampling);
/* Its clock at a true time; SysUptime likewise. */
nr_time nr_exporter_clock(const struct nr_exporter *exporter, nr_time time);
uint32_t nr_exporter_uptime_ms(const struct nr_exporter *exporter, nr_time time);

void nr_exporter_emit(struct nr_exporter *exporter, struct nr_carrier *carrier,
	const struct nr_flow_record *record, nr_time now);
/* Once a second: what waits in a message goes out, templates are sent, a reboot happens. */
void nr_exporter_tick(struct nr_exporter *exporter, struct nr_carrier *carrier, nr_time now);
void nr_exporter_finish(struct nr_exporter *exporter, struct nr_carrier *carrier, nr_time now);

/* element.c: the fields of a layout. */
uint8_t *nr_layout_put_record(uint8_t *at, const struct nr_flow_layout *layout,
	const struct nr_exporter *exporter, const struct nr_flow_record *record);
/* interface: of the record of options; 0: the system. */
uint8_t *nr_layout_put_options(uint8_t *at, const struct nr_flow_layout *layout,
	const struct nr_exporter *exporter, uint32_t interface);
size_t nr_layout_bytes(const struct nr_flow_layout *layout);
void nr_layout_template(const struct nr_flow_layout *layout, struct nr_template *ret_template);

/* sample.c: one sampled packet of the record. False: no room. */
bool nr_sample_put(struct nr_exporter *exporter, const struct nr_flow_record *record);

#endif
