/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/sensors.h"

#include "base/prefix_table.h"

#include <errno.h>
#include <pthread.h>

struct entry {
	char name[NR_SENSOR_NAME_MAX], interface[NR_SENSOR_NAME_MAX];
	struct nr_prefixes dark; /* owned */
	uint64_t dark_size, packets, dropped;
	nr_time since;
	enum nr_sensor_state state;
	const char *missing; /* of its sandbox */
};

struct nr_sensors {
	pthread_mutex_t lock;
	struct entry entries[NR_SENSORS_MAX];
	size_t count;
};

int nr_sensors_new(struct nr_sensors **ret_sensors, struct nr_error *error)
{
	struct nr_sensors *sensors = calloc(1, sizeof *sensors);
	if (!sensors)
		return nr_fail(error, -ENOMEM, "out of memory");
	pthread_mutex_init(&sensors->lock, NULL);
	*ret_sensors = sensors;
	return 0;
}

void nr_sensors_free(struct nr_sensors *sensors)
{
	if (!sensors)
		return;
	for (size_t i = 0; i < sensors->count; i++)
		free(sensors->entries[i].dark.items);
	pthread_mutex_destroy(&sensors->lock);
	free(sensors);
}

void nr_sensors_freep(struct nr_sensors **sensors)
{
	nr_sensors_free(*sensors);
}

static struct entry *find(struct nr_sensors *sensors, const char *name)
{
	for (size_t i = 0; i < sensors->count; i++)
		if (strncmp(sensors->entries[i].name, name, NR_SENSOR_NAME_MAX - 1) == 0)
			return &sensors->entries[i];
	return NULL;
}

/* The telescope's N_dark; prefixes may overlap. */
static int count_dark(const struct nr_sensor *sensor, uint64_t *ret_size, struct nr_error *error)
{
	NR_AUTO(nr_prefix_table_freep) struct nr_prefix_table *table = NULL;
	*ret_size = sensor->dark_size;
	if (*ret_size)
		return 0;
	int e = nr_prefix_table_new(&table, error);
	for (size_t i = 0; !e && i < sensor->dark.count; i++)
		e = nr_prefix_table_add(table, &sensor->dark.items[i], 0, error);
	if (!e)
		e = nr_prefix_table_seal(table, error);
	if (!e)
		*ret_size = nr_prefix_table_ipv4_addresses(table);
	return e;
}

static void fill(struct entry *entry, const struct nr_sensor *sensor, struct nr_prefix *dark, uint64_t size)
{
	snprintf(entry->name, sizeof entry->name, "%s", sensor->name);
	snprintf(entry->interface, sizeof entry->interface, "%s", sensor->interface ? sensor->interface : "");
	free(entry->dark.items);
	entry->dark = (struct nr_prefixes){dark, dark ? sensor->dark.count : 0};
	entry->dark_size = size;
	entry->since = sensor->since;
	entry->state = NR_SENSOR_RUNNING;
}

int nr_sensors_set(struct nr_sensors *sensors, const struct nr_sensor *sensor, struct nr_error *error)
{
	struct nr_prefix *dark = NULL;
	uint64_t size;
	int e = count_dark(sensor, &size, error);
	if (e)
		return e;
	size_t bytes = sensor->dark.count * sizeof *dark;
	if (bytes && !(dark = malloc(bytes)))
		return nr_fail(error, -ENOMEM, "out of memory");
	if (bytes)
		memcpy(dark, sensor->dark.items, bytes);
	pthread_mutex_lock(&sensors->lock);
	struct entry *entry = find(sensors, sensor->name);
	if (!entry && sensors->count < NR_SENSORS_MAX)
		entry = &sensors->entries[sensors->count++];
	if (entry)
		fill(entry, sensor, dark, size);
	pthread_mutex_unlock(&sensors->lock);
	if (entry)
		return 0;
	free(dark);
	return nr_fail(error, -ENOSPC, "sensor %s: there are %d already", sensor->name, NR_SENSORS_MAX);
}

void nr_sensors_set_state(struct nr_sensors *sensors, const char *name, enum nr_sensor_state state)
{
	pthread_mutex_lock(&sensors->lock);
	struct entry *entry = find(sensors, name);
	if (entry)
		entry->state = state;
	pthread_mutex_unlock(&sensors->lock);
}

void nr_sensors_set_interface(struct nr_sensors *sensors, const char *name, const char *interface)
{
	pthread_mutex_lock(&sensors->lock);
	struct entry *entry = find(sensors, name);
	if (entry)
		snprintf(entry->interface, sizeof entry->interface, "%s", interface);
	pthread_mutex_unlock(&sensors->lock);
}

void nr_sensors_set_missing(struct nr_sensors *sensors, const char *name, const char *missing)
{
	pthread_mutex_lock(&sensors->lock);
	struct entry *entry = find(sensors, name);
	if (entry)
		entry->missing = missing;
	pthread_mutex_unlock(&sensors->lock);
}

void nr_sensors_count(struct nr_sensors *sensors, const char *name, uint64_t packets, uint64_t dropped)
{
	pthread_mutex_lock(&sensors->lock);
	struct entry *entry = find(sensors, name);
	if (entry) {
		entry->packets += packets;
		entry->dropped += dropped;
	}
	pthread_mutex_unlock(&sensors->lock);
}

static void write_hello(const struct entry *entry, struct nr_json *json)
{
	char text[NR_ADDRESS_TEXT];
	nr_json_object(json, NULL);
	nr_json_text(json, "sensor", entry->name);
	nr_json_uint(json, "dark_size", entry->dark_size);
	nr_json_array(json, "dark");
	for (size_t i = 0; i < entry->dark.count; i++)
		nr_json_text(json, NULL, nr_prefix_write(&entry->dark.items[i], text));
	nr_json_array_end(json);
	nr_json_text(json, "interface", entry->interface);
	nr_json_time(json, "since", entry->since);
	nr_json_object_end(json);
}

void nr_sensors_write_hello(const struct nr_sensors *sensors, const char *name, struct nr_json *json)
{
	struct nr_sensors *s = (struct nr_sensors *)sensors; /* for the lock */
	nr_json_array(json, "sensors");
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->count; i++)
		if (!name || strcmp(s->entries[i].name, name) == 0)
			write_hello(&s->entries[i], json);
	pthread_mutex_unlock(&s->lock);
	nr_json_array_end(json);
}

static void write_status(const struct entry *entry, struct nr_json *json)
{
	static const char *const states[] = {
		[NR_SENSOR_RUNNING] = "running",
		[NR_SENSOR_RESTARTING] = "restarting",
		[NR_SENSOR_DOWN] = "down",
	};
	nr_json_object(json, NULL);
	nr_json_text(json, "sensor", entry->name);
	nr_json_text(json, "interface", entry->interface);
	nr_json_time(json, "since", entry->since);
	nr_json_uint(json, "packets", entry->packets);
	nr_json_uint(json, "dropped", entry->dropped);
	nr_json_text(json, "state", states[entry->state]);
	nr_json_text(json, "sandbox_missing", entry->missing);
	nr_json_object_end(json);
}

void nr_sensors_write_status(const struct nr_sensors *sensors, struct nr_json *json)
{
	struct nr_sensors *s = (struct nr_sensors *)sensors; /* for the lock */
	nr_json_array(json, "live");
	if (s) {
		pthread_mutex_lock(&s->lock);
		for (size_t i = 0; i < s->count; i++)
			write_status(&s->entries[i], json);
		pthread_mutex_unlock(&s->lock);
	}
	nr_json_array_end(json);
}
