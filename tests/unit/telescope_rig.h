/* SPDX-License-Identifier: Apache-2.0 */
/* The telescope in a test: its options, hand-made packets, and a sink that remembers what it was handed. */
#ifndef NR_TEST_TELESCOPE_RIG_H
#define NR_TEST_TELESCOPE_RIG_H

#include "sense/telescope/merged.h"
#include "sense/telescope/telescope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka wants the above first */
#include <cmocka.h>

/* 2026-01-05T00:00:00Z: day 0 of the tests. */
#define DAY0 (INT64_C(1767571200) * NR_SECOND)

/* ---- a sink that remembers ---- */

enum seen {
	SEEN_TRAFFIC,
	SEEN_PORT,
	SEEN_SOURCE,
	SEEN_SOURCE_PORT,
	SEEN_VICTIM,
	SEEN_CAMPAIGN,
	SEEN_FINDING,
	SEEN_OTHER
};

/* One row of any table, as far as the tests look at it. Texts are copies. */
struct seen_row {
	enum seen table;
	uint32_t step, ports;
	uint8_t traffic, protocol;
	uint16_t port;
	nr_time time, first, last;
	char key[48]; /* category, finding's kind; ports: "tcp/23" */
	char tools[32], research[112], marks[96];
	struct nr_address address;
	uint64_t packets, bytes, sources, peak;
	double error, rate;
	struct nr_hll *sketch; /* owned; NULL: none */
};

struct recorder {
	struct nr_sink sink;   /* first: the sink is the recorder */
	struct seen_row *rows; /* owned */
	size_t count, room, commits;
	size_t fail_at; /* rows() fails when so many rows are there; 0: never */
};

static inline void remember_row(struct seen_row *r, enum seen table, const uint8_t *from)
{
	const void *row = from;
	r->table = table;
	if (table == SEEN_TRAFFIC) {
		const struct nr_traffic_row *t = row;
		r->step = t->step, r->time = t->time, r->traffic = t->traffic;
		r->packets = t->packets, r->bytes = t->bytes, r->sources = t->sources, r->error = t->error;
		snprintf(r->key, sizeof r->key, "%s", t->category);
	} else if (table == SEEN_PORT) {
		const struct nr_port_row *p = row;
		r->step = p->step, r->time = p->time, r->traffic = p->traffic;
		r->packets = p->packets, r->bytes = p->bytes, r->sources = p->sources, r->error = p->error;
		r->protocol = p->protocol, r->port = p->port;
		snprintf(r->key, sizeof r->key, "%s/%u", p->protocol == NR_TCP ? "tcp" : "udp", p->port);
	} else if (table == SEEN_SOURCE) {
		const struct nr_source_row *s = row;
		r->time = s->time, r->address = s->address, r->packets = s->packets, r->ports = s->ports;
		r->first = s->first, r->last = s->last;
		snprintf(r->tools, sizeof r->tools, "%s", s->tools);
		snprintf(r->research, sizeof r->research, "%s", s->research);
		snprintf(r->marks, sizeof r->marks, "%s", s->marks);
	} else if (table == SEEN_VICTIM) {
		const struct nr_victim_row *v = row;
		r->address = v->address, r->protocol = v->protocol, r->packets = v->packets,
		r->peak = v->peak_60s;
		r->first = v->first, r->last = v->last, r->rate = v->rate;
	} else if (table == SEEN_FINDING) {
		const struct nr_finding *f = row;
		r->address = f->subject, r->packets = f->count, r->first = f->first, r->last = f->last;
		snprintf(r->key, sizeof r->key, "%s", f->kind);
	}
}

static inline enum seen seen_of(const struct nr_table *table)
{
	static const struct nr_table *const tables[] = {&nr_traffic_table, &nr_port_table, &nr_source_table,
		&nr_source_port_table, &nr_victim_table, &nr_campaign_table, &nr_finding_table};
	for (enum seen i = 0; i < NR_COUNT(tables); i++)
		if (table == tables[i])
			return i;
	return SEEN_OTHER;
}

static inline int recorder_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows,
	size_t count, struct nr_error *error)
{
	struct recorder *recorder = (struct recorder *)sink;
	enum seen seen = seen_of(table);
	if (recorder->fail_at && recorder->count >= recorder->fail_at)
		return nr_fail(error, -28, "the sink is full");
	for (size_t i = 0; i < count; i++) {
		if (recorder->count == recorder->room) {
			recorder->room = recorder->room ? recorder->room * 2 : 1024;
			recorder->rows = realloc(recorder->rows, recorder->room * sizeof *recorder->rows);
			assert_non_null(recorder->rows);
		}
		struct seen_row *r = &recorder->rows[recorder->count++];
		const uint8_t *from = (const uint8_t *)rows + i * table->row_size;
		memset(r, 0, sizeof *r);
		remember_row(r, seen, from);
		const struct nr_bytes none = {NULL, 0};
		const struct nr_bytes sketch =
			seen == SEEN_TRAFFIC ? ((const struct nr_traffic_row *)(const void *)from)->sketch
			: seen == SEEN_PORT  ? ((const struct nr_port_row *)(const void *)from)->sketch
					     : none;
		if (!sketch.length)
			continue;
		r->sketch = calloc(1, sizeof *r->sketch);
		assert_non_null(r->sketch);
		assert_int_equal(nr_hll_merge_bytes(r->sketch, sketch.data, sketch.length, NULL), 0);
	}
	return 0;
}

static inline int recorder_commit(struct nr_sink *sink, struct nr_error *error)
{
	(void)error;
	((struct recorder *)sink)->commits++;
	return 0;
}

static inline void recorder_init(struct recorder *recorder)
{
	*recorder = (struct recorder){.sink = {recorder_rows, recorder_commit}};
}

static inline void recorder_fini(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->count; i++)
		free(recorder->rows[i].sketch);
	free(recorder->rows);
	recorder_init(recorder);
}

/* The row of that table, step, time and key; NULL: none. Two of them would replace one another: an error. */
static inline const struct seen_row *seen_find(const struct recorder *recorder, enum seen table,
	uint32_t step, nr_time time, enum nr_traffic traffic, const char *key)
{
	const struct seen_row *found = NULL;
	for (size_t i = 0; i < recorder->count; i++) {
		const struct seen_row *r = &recorder->rows[i];
		if (r->table != table || r->step != step || r->time != time || r->traffic != traffic ||
			strcmp(r->key, key))
			continue;
		assert_null(found);
		found = r;
	}
	return found;
}

static inline size_t seen_count(const struct recorder *recorder, enum seen table)
{
	size_t count = 0;
	for (size_t i = 0; i < recorder->count; i++)
		count += recorder->rows[i].table == table;
	return count;
}

/* ---- the sense with one worker, without a pipeline ---- */

struct rig {
	struct nr_telescope_conf conf;
	struct nr_telescope_refs refs;
	struct nr_local *local;
	struct recorder recorder;
};

/* options: name, value, name, value ..., NULL. Rows are wanted. */
static inline void rig_init(struct rig *rig, const char *const *options)
{
	const struct nr_sense *sense = &nr_telescope_sense;
	struct nr_error error = {0};
	memset(rig, 0, sizeof *rig);
	recorder_init(&rig->recorder);
	assert_int_equal(nr_options_default(sense->options, sense->option_count, &rig->conf, &error), 0);
	for (; options && *options; options += 2)
		if (nr_options_set(
			    sense->options, sense->option_count, &rig->conf, options[0], options[1], &error))
			fail_msg("%s %s: %s", options[0], options[1], error.text);
	rig->refs.store = true;
	rig->refs.workers = 1;
	if (nr_telescope_prepare(&rig->conf, &rig->refs, &error))
		fail_msg("%s", error.text);
}

static inline void rig_start(struct rig *rig)
{
	size_t bytes = (nr_telescope_sense.local_size + 63) & ~(size_t)63;
	rig->local = aligned_alloc(64, bytes);
	assert_non_null(rig->local);
	memset(rig->local, 0, bytes);
	assert_int_equal(nr_telescope_sense.start(&rig->conf, rig->local, NULL, NULL), 0);
}

static inline void rig_observe(struct rig *rig, const struct nr_packet *packets, size_t count)
{
	struct nr_batch batch = {packets, count};
	nr_telescope_sense.observe(&rig->conf, rig->local, &batch);
	assert_int_equal(rig->local->failure.code, 0);
}

/* As the pipeline does when a packet at or after `end` comes. */
static inline void rig_flush(struct rig *rig, nr_time end)
{
	end -= end == NR_TIME_MAX ? 0 : nr_telescope_sense.slack;
	struct nr_error error = {0};
	void *locals[] = {rig->local};
	if (nr_telescope_sense.flush(&rig->conf, locals, 1, NULL, end, &rig->recorder.sink, &error))
		fail_msg("%s", error.text);
}

static inline void rig_fini(struct rig *rig)
{
	if (rig->local)
		nr_telescope_sense.stop(rig->local);
	free(rig->local);
	nr_telescope_refs_fini(&rig->refs);
	nr_options_fini(nr_telescope_sense.options, nr_telescope_sense.option_count, &rig->conf);
	recorder_fini(&rig->recorder);
}

/* ---- packets ---- */

/* A SYN without any tool's mark. */
static inline struct nr_packet syn_of(nr_time time, uint32_t source, uint32_t destination, uint16_t port)
{
	return (struct nr_packet){
		.time = time,
		.source = nr_address_from_ipv4(source),
		.destination = nr_address_from_ipv4(destination),
		.source_port = 40001,
		.destination_port = port,
		.sequence = destination ^ 0x5a5a5a5a,
		.id = (uint16_t)(port ^ 0x5a5a ^ 0x1111), /* not destination ^ port ^ sequence */
		.window = 64240,
		.protocol = NR_TCP,
		.flags = NR_TCP_SYN,
		.ttl = 52,
		.kind = NR_PACKET_IPV4,
		.wire = 60,
		.option_kind = NR_TCP_OPTIONS_OTHER,
		.option_hash = 9,
		.marks = NR_MARK_PORTS | NR_MARK_FLAGS | NR_MARK_OPTIONS | NR_MARK_DONT_FRAGMENT,
	};
}

static inline struct nr_packet udp_of(nr_time time, uint32_t source, uint32_t destination, uint16_t port)
{
	struct nr_packet p = syn_of(time, source, destination, port);
	p.protocol = NR_UDP;
	p.flags = 0;
	p.sequence = 0;
	p.window = 0;
	p.marks = NR_MARK_PORTS;
	p.option_kind = NR_TCP_OPTIONS_NONE;
	p.option_hash = 0;
	return p;
}

#endif
