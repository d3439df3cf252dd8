/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/events.h"

#include "serve/event_json.h"
#include "serve/event_ring.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define EVENT_BYTES_MAX (1 << 20) /* a longer one is not sent: nothing that we write comes near */
#define FAREWELL_MS     1000

struct pending_of {
	char sensor[NR_SENSOR_NAME_MAX];
	struct nr_pending pending;
};

struct nr_events {
	struct nr_sink sink; /* first: the sink is the events */
	struct nr_sensors *sensors;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct nr_event_ring recent, remembered;
	size_t bytes; /* of recent */
	uint64_t last_id;
	struct nr_events_figures figures;
	bool stopping;
	/* the sink's thread alone */
	struct pending_of pending[NR_SENSORS_MAX];
	size_t pending_count;
};

struct nr_listener {
	struct nr_events *events;
	bool all; /* of all sensors */
	char sensor[NR_SENSOR_NAME_MAX];
	bool greeted;
	struct nr_event *current; /* referenced: being sent */
	size_t sent;              /* of it */
	uint64_t at;              /* number of the next event of the ring */
	uint64_t replay_at;       /* position in what is remembered ... */
	uint64_t replay_to;       /* ... up to this number */
};

static int publish(struct nr_events *events, const char *type, const char *sensor, bool remember,
	struct nr_json *json, struct nr_error *error)
{
	int status = nr_json_finish(json, error);
	if (!status && json->length > EVENT_BYTES_MAX)
		status = nr_fail(error, -EMSGSIZE, "sensor %s: a %s of %zu bytes is not told to listeners",
			sensor, type, json->length);
	if (status)
		return status;
	pthread_mutex_lock(&events->lock);
	events->last_id = NR_MAX(events->last_id + 1, (uint64_t)nr_time_now());
	struct nr_event *event = nr_event_make(type, events->last_id, sensor, json->bytes, json->length);
	if (event) {
		event->number = events->recent.next;
		if (events->recent.next - events->recent.oldest == events->recent.size)
			events->bytes -= nr_event_ring_at(&events->recent, events->recent.oldest)->length;
		nr_event_ring_append(&events->recent, event);
		events->bytes += event->length;
		while (events->bytes > NR_EVENTS_BYTES_MAX) {
			struct nr_event *oldest = nr_event_ring_drop(&events->recent);
			events->bytes -= oldest->length;
			nr_event_release(oldest);
		}
		if (remember)
			nr_event_ring_append(&events->remembered, event);
		events->figures.events++;
		pthread_cond_broadcast(&events->changed);
	}
	pthread_mutex_unlock(&events->lock);
	return event ? 0 : nr_fail(error, -ENOMEM, "out of memory for an event");
}

/* ---- the sink ---- */

static struct nr_pending *pending_of(struct nr_events *events, const char *sensor)
{
	size_t i = 0;
	while (i < events->pending_count &&
		strncmp(events->pending[i].sensor, sensor, NR_SENSOR_NAME_MAX - 1) != 0)
		i++;
	if (i == NR_SENSORS_MAX)
		return NULL;
	if (i == events->pending_count)
		snprintf(events->pending[events->pending_count++].sensor, NR_SENSOR_NAME_MAX, "%s", sensor);
	return &events->pending[i].pending;
}

static int tell_pulse(struct nr_events *events, const struct nr_live_pulse *pulse, struct nr_pending *pending,
	struct nr_error *error)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_pulse_write(&json, pulse, pending);
	nr_sensors_count(events->sensors, pulse->sensor, pulse->packets, 0);
	*pending = (struct nr_pending){0};
	return publish(events, "pulse", pulse->sensor, false, &json, error);
}

static int tell_findings(
	struct nr_events *events, const struct nr_finding *findings, size_t count, struct nr_error *error)
{
	int status = 0;
	for (size_t i = 0; !status && i < count; i++) {
		NR_AUTO(nr_json_fini) struct nr_json json;
		nr_json_init(&json);
		nr_finding_write(&json, NULL, &findings[i]);
		status = publish(events, "finding", findings[i].sensor, true, &json, error);
	}
	return status;
}

static int tell_gaps(
	struct nr_events *events, const struct nr_gap *gaps, size_t count, struct nr_error *error)
{
	int status = 0;
	for (size_t i = 0; !status && i < count; i++) {
		NR_AUTO(nr_json_fini) struct nr_json json;
		nr_json_init(&json);
		nr_gap_write(&json, &gaps[i]);
		status = publish(events, "gap", gaps[i].sensor, true, &json, error);
	}
	return status;
}

static int tell_particles(
	struct nr_events *events, const struct nr_live_particle *rows, size_t count, struct nr_error *error)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_particles_write(&json, rows, count);
	return publish(events, "particles", rows[0].sensor, false, &json, error);
}

static int take_live(struct nr_events *events, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	const char *sensor = *(const char *const *)rows; /* the first column of every table */
	struct nr_pending *pending = pending_of(events, sensor);
	if (!pending)
		return nr_fail(error, -ENOSPC, "sensor %s: listeners are told of %d sensors at most", sensor,
			NR_SENSORS_MAX);
	if (table == &nr_live_particle_table)
		return tell_particles(events, rows, count, error);
	int status = 0;
	if (table == &nr_live_port_table)
		nr_pending_ports(pending, rows, count);
	else if (table == &nr_live_country_table)
		nr_pending_countries(pending, rows, count);
	for (size_t i = 0; table == &nr_live_drop_table && i < count; i++) {
		const struct nr_live_drop *drop = (const struct nr_live_drop *)rows + i;
		nr_pending_drop(pending, drop);
		nr_sensors_count(events->sensors, sensor, 0, drop->packets);
	}
	for (size_t i = 0; !status && table == &nr_live_pulse_table && i < count; i++)
		status = tell_pulse(events, (const struct nr_live_pulse *)rows + i, pending, error);
	return status;
}

static int take_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct nr_events *events = (struct nr_events *)sink;
	if (!count)
		return 0;
	if (table == &nr_finding_table)
		return tell_findings(events, rows, count, error);
	if (table == &nr_gap_table)
		return tell_gaps(events, rows, count, error);
	for (size_t i = 0; i < NR_LIVE_TABLES; i++)
		if (table == nr_live_tables[i])
			return take_live(events, table, rows, count, error);
	return 0;
}

static int take_commit(struct nr_sink *sink, struct nr_error *error)
{
	(void)sink;
	(void)error;
	return 0;
}

/* ---- listeners ---- */

static bool wants(const struct nr_listener *listener, const struct nr_event *event)
{
	return listener->all || strcmp(listener->sensor, event->sensor) == 0;
}

static struct nr_event *make_hello(const struct nr_listener *listener)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "version", NR_VERSION);
	nr_json_time(&json, "time", nr_time_now());
	nr_sensors_write_hello(listener->events->sensors, listener->all ? NULL : listener->sensor, &json);
	nr_json_object_end(&json);
	return nr_json_finish(&json, NULL)
		       ? NULL
		       : nr_event_make("hello\nretry: 2000", 0, "", json.bytes, json.length);
}

/* Moves a listener that lags on to the oldest event there is; what it missed and is remembered is sent after
 * all. */
static struct nr_event *make_skipped(struct nr_listener *listener)
{
	struct nr_events *events = listener->events;
	uint64_t oldest = events->recent.oldest, missed = oldest - listener->at;
	listener->replay_at = nr_event_ring_find(&events->remembered, listener->at);
	listener->replay_to = oldest;
	missed -= nr_event_ring_find(&events->remembered, oldest) - listener->replay_at;
	listener->at = oldest;
	events->figures.skipped += missed;
	char data[48];
	int length = snprintf(data, sizeof data, "{\"events\":%llu}", (unsigned long long)missed);
	return nr_event_make("skipped", 0, "", data, (size_t)length);
}

static struct nr_event *next_remembered(struct nr_listener *listener)
{
	const struct nr_event_ring *remembered = &listener->events->remembered;
	listener->replay_at = NR_MAX(listener->replay_at, remembered->oldest);
	while (listener->replay_at < remembered->next) {
		struct nr_event *event = nr_event_ring_at(remembered, listener->replay_at);
		if (event->number >= listener->replay_to)
			return NULL;
		listener->replay_at++;
		if (wants(listener, event))
			return event;
	}
	return NULL;
}

static struct nr_event *next_recent(struct nr_listener *listener)
{
	const struct nr_event_ring *recent = &listener->events->recent;
	while (listener->at < recent->next) {
		struct nr_event *event = nr_event_ring_at(recent, listener->at++);
		if (wants(listener, event))
			return event;
	}
	return NULL;
}

/* NULL: nothing new. */
static struct nr_event *next_event(struct nr_listener *listener)
{
	const struct nr_event_ring *recent = &listener->events->recent;
	struct nr_event *event = NULL;
	if (!listener->greeted) {
		listener->greeted = true;
		event = make_hello(listener);
	} else if (listener->at < recent->oldest) {
		event = make_skipped(listener);
	}
	if (!event)
		event = next_remembered(listener);
	if (!event)
		event = next_recent(listener);
	if (event)
		event->references++;
	return event;
}

static size_t copy_current(struct nr_listener *listener, char *bytes, size_t room)
{
	struct nr_event *event = listener->current;
	size_t length = NR_MIN(room, event->length - listener->sent);
	memcpy(bytes, event->bytes + listener->sent, length);
	listener->sent += length;
	if (listener->sent == event->length) {
		nr_event_release(event);
		listener->current = NULL;
		listener->sent = 0;
	}
	return length;
}

static size_t copy_events(struct nr_listener *listener, char *bytes, size_t room)
{
	size_t done = 0;
	while (done < room && (listener->current || (listener->current = next_event(listener))))
		done += copy_current(listener, bytes + done, room - done);
	return done;
}

static void deadline_in(unsigned ms, struct timespec *ret_deadline)
{
	clock_gettime(CLOCK_MONOTONIC, ret_deadline);
	ret_deadline->tv_sec += ms / 1000;
}

size_t nr_events_read(struct nr_listener *listener, char *bytes, size_t room)
{
	static const char heartbeat[] = ":\n\n";
	struct nr_events *events = listener->events;
	struct timespec deadline;
	deadline_in(NR_EVENTS_HEARTBEAT_MS, &deadline);
	pthread_mutex_lock(&events->lock);
	size_t done = 0;
	int waited = 0;
	while (!events->stopping) {
		done += copy_events(listener, bytes + done, room - done);
		if (done || waited == ETIMEDOUT)
			break;
		waited = pthread_cond_timedwait(&events->changed, &events->lock, &deadline);
	}
	if (!done && !events->stopping && room >= sizeof heartbeat) {
		memcpy(bytes, heartbeat, sizeof heartbeat - 1);
		done = sizeof heartbeat - 1;
	}
	pthread_mutex_unlock(&events->lock);
	return done;
}

int nr_events_join(struct nr_events *events, const char *sensor, uint64_t last_id,
	struct nr_listener **ret_listener, struct nr_error *error)
{
	struct nr_listener *listener = calloc(1, sizeof *listener);
	if (!listener)
		return nr_fail(error, -ENOMEM, "out of memory");
	listener->events = events;
	listener->all = !sensor;
	snprintf(listener->sensor, sizeof listener->sensor, "%s", sensor ? sensor : "");
	pthread_mutex_lock(&events->lock);
	bool full = events->figures.listeners >= NR_EVENTS_LISTENERS_MAX;
	if (!full) {
		const struct nr_event_ring *remembered = &events->remembered;
		events->figures.listeners++;
		listener->at = listener->replay_to = events->recent.next;
		listener->replay_at = remembered->next;
		while (last_id && listener->replay_at > remembered->oldest &&
			nr_event_ring_at(remembered, listener->replay_at - 1)->id > last_id)
			listener->replay_at--;
	}
	pthread_mutex_unlock(&events->lock);
	if (full) {
		free(listener);
		return nr_fail(error, -EBUSY, "%d listeners are there already; try again later",
			NR_EVENTS_LISTENERS_MAX);
	}
	*ret_listener = listener;
	return 0;
}

void nr_events_leave(struct nr_listener *listener)
{
	if (!listener)
		return;
	struct nr_events *events = listener->events;
	pthread_mutex_lock(&events->lock);
	events->figures.listeners--;
	if (events->stopping)
		pthread_cond_broadcast(&events->changed);
	nr_event_release(listener->current);
	pthread_mutex_unlock(&events->lock);
	free(listener);
}

/* ---- the whole ---- */

static void init_lock(struct nr_events *events)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&events->lock, NULL);
	pthread_cond_init(&events->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

int nr_events_new(struct nr_sensors *sensors, struct nr_events **ret_events, struct nr_error *error)
{
	struct nr_events *events = calloc(1, sizeof *events);
	if (!events)
		return nr_fail(error, -ENOMEM, "out of memory");
	events->sink = (struct nr_sink){take_rows, take_commit};
	events->sensors = sensors;
	init_lock(events);
	if (!nr_event_ring_init(&events->recent, NR_EVENTS_RING) ||
		!nr_event_ring_init(&events->remembered, NR_EVENTS_REMEMBERED)) {
		nr_events_free(events);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	*ret_events = events;
	return 0;
}

void nr_events_free(struct nr_events *events)
{
	if (!events)
		return;
	nr_event_ring_fini(&events->recent);
	nr_event_ring_fini(&events->remembered);
	pthread_cond_destroy(&events->changed);
	pthread_mutex_destroy(&events->lock);
	free(events);
}

void nr_events_freep(struct nr_events **events)
{
	nr_events_free(*events);
}

void nr_events_stop(struct nr_events *events)
{
	struct timespec deadline;
	deadline_in(FAREWELL_MS, &deadline);
	pthread_mutex_lock(&events->lock);
	events->stopping = true;
	pthread_cond_broadcast(&events->changed);
	int waited = 0;
	while (events->figures.listeners && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&events->changed, &events->lock, &deadline);
	pthread_mutex_unlock(&events->lock);
}

struct nr_sink *nr_events_sink(struct nr_events *events)
{
	return &events->sink;
}

void nr_events_figures(struct nr_events *events, struct nr_events_figures *ret_figures)
{
	pthread_mutex_lock(&events->lock);
	*ret_figures = events->figures;
	pthread_mutex_unlock(&events->lock);
}
