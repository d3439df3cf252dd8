/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What live listeners are told and nobody keeps: rows of these tables have no time column. A sense's pulse
 * hands over ports and countries of a second before the pulse itself, which closes the second; whoever
 * captures hands over drops whenever it likes, they are told with the sensor's next pulse.
 */
#ifndef NR_MODEL_LIVE_H
#define NR_MODEL_LIVE_H

#include "model/table.h"

#define NR_LIVE_PARTICLES_PER_SECOND 2500 /* of one sensor */
#define NR_LIVE_PORTS                10
#define NR_LIVE_COUNTRIES            20

/* live_pulse: about one second of one sensor. */
struct nr_live_pulse {
	const char *sensor;
	nr_time time; /* its start, wall clock */
	double seconds;
	uint64_t packets, bytes;
	uint64_t sources; /* distinct in it; HyperLogLog (base/hll.h) */
	uint64_t tcp_syn, tcp_syn_ack, tcp_rst, tcp_other, udp, icmp, other; /* every packet is in one */
	uint64_t backscatter;
	uint64_t delay_ms; /* age of its oldest packet when the row was made */
	/* since midnight UTC, as far as this process and its area know; where memory holds a sample of the
	 * sources alone, day_sources is an estimate */
	uint64_t day_packets, day_sources;
};

/* live_port: the busiest ports of the second that the next pulse closes; scan packets. */
struct nr_live_port {
	const char *sensor;
	nr_time time;
	uint8_t protocol;
	uint16_t port;
	const char *class;
	uint64_t packets;
};

/* live_country: likewise; above NR_LIVE_PARTICLES_PER_SECOND packets extrapolated from the sample. */
struct nr_live_country {
	const char *sensor;
	nr_time time;
	const char *country; /* ISO 3166-1 alpha-2, "" unknown */
	uint64_t packets;
};

enum nr_live_bit {
	NR_LIVE_BACKSCATTER = 1,
	NR_LIVE_MIRAI = 2,
	NR_LIVE_ZMAP = 4,
	NR_LIVE_MASSCAN = 8,
	NR_LIVE_OWN = 16,
	NR_LIVE_SPOOFED = 32,
};

/* live_particle: packets of a uniform sample. One block of rows is one sample. */
struct nr_live_particle {
	const char *sensor;
	nr_time time; /* of the packet */
	struct nr_address source, destination;
	uint16_t source_port, destination_port; /* ICMP: type, code */
	uint8_t protocol;
	const char *country;
	uint8_t bits;
	uint64_t of; /* packets that the whole block stands for; the same in all its rows */
};

/* live_drop: what was lost or left out since the last such row of this sensor and cause. */
struct nr_live_drop {
	const char *sensor;
	nr_time time;
	const char *cause; /* "kernel", "ring", "not-dark" ... */
	uint64_t packets;
};

extern const struct nr_table nr_live_pulse_table, nr_live_port_table, nr_live_country_table,
	nr_live_particle_table, nr_live_drop_table;

/* All of them, for whoever passes rows on. */
#define NR_LIVE_TABLES 5
extern const struct nr_table *const nr_live_tables[NR_LIVE_TABLES];

#endif
