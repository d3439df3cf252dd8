/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sensors that watch now, as listeners and the status are told of them. Any thread.
 */
#ifndef NR_SERVE_SENSORS_H
#define NR_SERVE_SENSORS_H

#include "base/json.h"
#include "base/option.h"

#define NR_SENSORS_MAX     64
#define NR_SENSOR_NAME_MAX 64 /* with its NUL; longer names are cut */

enum nr_sensor_state { NR_SENSOR_RUNNING, NR_SENSOR_RESTARTING, NR_SENSOR_DOWN };

struct nr_sensor {
	const char *name, *interface;
	struct nr_prefixes dark; /* may be empty: every destination */
	uint64_t dark_size;      /* 0: as many IPv4 addresses as are in dark */
	nr_time since;           /* when it began to watch */
};

struct nr_sensors;

int nr_sensors_new(struct nr_sensors **ret_sensors, struct nr_error *error);
void nr_sensors_free(struct nr_sensors *sensors);
void nr_sensors_freep(struct nr_sensors **sensors);

/* Adds a sensor, running, or says anew what it watches; everything is copied. -ENOSPC: NR_SENSORS_MAX. */
int nr_sensors_set(struct nr_sensors *sensors, const struct nr_sensor *sensor, struct nr_error *error);
/* A name that was not set is left out. */
void nr_sensors_set_state(struct nr_sensors *sensors, const char *name, enum nr_sensor_state state);
/* What its interface is called now. */
void nr_sensors_set_interface(struct nr_sensors *sensors, const char *name, const char *interface);
/* What the sandbox of its process lacks: a constant text (sandbox.h), NULL: nothing. */
void nr_sensors_set_missing(struct nr_sensors *sensors, const char *name, const char *missing);
/* Adds to its figures (events.h does, from pulses and drops). */
void nr_sensors_count(struct nr_sensors *sensors, const char *name, uint64_t packets, uint64_t dropped);

/* "sensors": [...] of the stream's hello; name NULL: all. */
void nr_sensors_write_hello(const struct nr_sensors *sensors, const char *name, struct nr_json *json);
/* "live": [...] of the status. sensors NULL: an empty list. */
void nr_sensors_write_status(const struct nr_sensors *sensors, struct nr_json *json);

#endif
