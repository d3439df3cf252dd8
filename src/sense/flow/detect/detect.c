/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/detect_inside.h"

#include <errno.h>

#define BATCH              32
#define MEMORY_DEFAULT     (UINT64_C(1) << 30)
#define MEMORY_MIN         (UINT64_C(16) << 20)
#define CANDIDATES_DEFAULT 200000

/* Shares of the memory, in percent (flow reference 18: 10 M servers, 100 M pairs within 16 GiB). */
#define SHARE_SERVERS 14
#define SHARE_PAIRS   46
#define SHARE_ADMIT   2
#define SHARE_HOSTS   16
#define SHARE_FAN_IN  2
#define SHARE_LOOK    18

static int start(struct nr_flow_detect *d, struct nr_error *error)
{
	const struct nr_flow_detect_conf *conf = &d->conf;
	uint64_t percent = conf->memory / 100;
	int e = nr_flow_hash_key_new(&d->key, error);
	if (!e)
		e = nr_flow_orient_init(
			&d->orient, &d->key, conf->own.items, conf->own.count, SHARE_FAN_IN * percent, error);
	if (!e)
		e = nr_flow_clock_table_init(
			&d->servers, sizeof(struct nr_flow_server_entry), SHARE_SERVERS * percent, error);
	if (!e)
		e = nr_flow_pairs_init(&d->pairs, SHARE_PAIRS * percent, SHARE_ADMIT * percent, error);
	if (!e)
		e = nr_flow_hosts_init(&d->hosts, SHARE_HOSTS * percent, error);
	if (!e)
		e = nr_flow_detect_exporters_init(&d->exporters, error);
	if (!e && conf->mmdb)
		e = nr_origin_open(&d->origin, conf->mmdb, error);
	if (!e && conf->as_mmdb)
		e = nr_origin_open(&d->origin, conf->as_mmdb, error);
	return e;
}

int nr_flow_detect_new(
	const struct nr_flow_detect_conf *conf, struct nr_flow_detect **ret_detect, struct nr_error *error)
{
	struct nr_flow_detect *d = calloc(1, sizeof *d);
	if (!d)
		return nr_fail(error, -ENOMEM, "out of memory");
	d->conf = *conf;
	if (!d->conf.memory)
		d->conf.memory = MEMORY_DEFAULT;
	if (!d->conf.candidates)
		d->conf.candidates = CANDIDATES_DEFAULT;
	d->conf.memory = NR_MAX(d->conf.memory, MEMORY_MIN);
	d->look_bytes = SHARE_LOOK * (d->conf.memory / 100);
	d->state.from = NR_TIME_MAX;
	d->state.to = NR_TIME_MIN;
	pthread_mutex_init(&d->lock, NULL);
	int e = start(d, error);
	if (e)
		nr_flow_detect_free(d);
	else
		*ret_detect = d;
	return e;
}

void nr_flow_detect_free(struct nr_flow_detect *d)
{
	if (!d)
		return;
	nr_origin_close(&d->origin);
	nr_flow_detect_exporters_fini(&d->exporters);
	nr_flow_hosts_fini(&d->hosts);
	nr_flow_pairs_fini(&d->pairs);
	nr_flow_clock_table_fini(&d->servers);
	nr_flow_orient_fini(&d->orient);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void nr_flow_detect_freep(struct nr_flow_detect **detect)
{
	nr_flow_detect_free(*detect);
}

/* ---- flows ---- */

struct batch {
	struct nr_flow_talk talks[BATCH];
	uint64_t server[BATCH], pair[BATCH];
	struct nr_flow_host_hashes hosts[BATCH];
	uint32_t count;
};

/* The first of three passes: who talks to whom, and where that stands. */
static void hash_talk(struct nr_flow_detect *d, struct batch *batch)
{
	const struct nr_flow_talk *talk = &batch->talks[batch->count];
	struct nr_flow_host_hashes *hosts = &batch->hosts[batch->count];
	uint64_t server = nr_flow_server_hash(&d->key, &talk->server);
	batch->server[batch->count] = server;
	*hosts = (struct nr_flow_host_hashes){
		.client = nr_flow_host_hash(&d->key, &talk->client),
		.server = nr_flow_host_hash(&d->key, &talk->server.address),
		.as_client = nr_flow_client_hash(&d->key, &talk->client),
		.as_server = nr_flow_client_hash(&d->key, &talk->server.address),
		.as_service = server,
	};
	uint64_t pair = nr_flow_pair_hash(server, hosts->as_client);
	batch->pair[batch->count++] = pair;
	if (talk->server.port) {
		nr_flow_clock_table_prefetch_slot(&d->servers, server);
		nr_flow_clock_table_prefetch_slot(&d->pairs.table, pair);
		__builtin_prefetch(nr_flow_admit_line(&d->pairs.admit, pair), 1);
	}
	nr_flow_clock_table_prefetch_slot(&d->hosts.hosts, hosts->client);
	nr_flow_clock_table_prefetch_slot(&d->hosts.hosts, hosts->server);
}

/* Pairs of what everybody uses are not held: too many, and they tell nothing. */
static void take_talk(struct nr_flow_detect *d, const struct batch *batch, uint32_t i)
{
	struct nr_flow_server_entry *server = nr_flow_servers_take(
		&d->servers, &batch->talks[i], batch->server[i], batch->hosts[i].as_client);
	if (server && !server->popular)
		nr_flow_pairs_take(&d->pairs, &batch->talks[i], server,
			nr_flow_clock_table_number(&d->servers, server), batch->pair[i]);
}

static void take_batch(struct nr_flow_detect *d, const struct batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		if (batch->talks[i].server.port) {
			nr_flow_clock_table_prefetch_entry(&d->servers, batch->server[i]);
			nr_flow_clock_table_prefetch_entry(&d->pairs.table, batch->pair[i]);
		}
		nr_flow_clock_table_prefetch_entry(&d->hosts.hosts, batch->hosts[i].client);
		nr_flow_clock_table_prefetch_entry(&d->hosts.hosts, batch->hosts[i].server);
	}
	for (uint32_t i = 0; i < batch->count; i++) {
		nr_flow_hosts_prefetch_busy(&d->hosts, &batch->talks[i].client, batch->hosts[i].client);
		nr_flow_hosts_prefetch_busy(
			&d->hosts, &batch->talks[i].server.address, batch->hosts[i].server);
	}
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct nr_flow_talk *talk = &batch->talks[i];
		d->state.from = NR_MIN(d->state.from, talk->first);
		d->state.to = NR_MAX(d->state.to, talk->last);
		if (talk->server.port)
			take_talk(d, batch, i);
		nr_flow_hosts_take(&d->hosts, talk, &batch->hosts[i]);
	}
}

static void turn_hour(struct nr_flow_detect *d, const struct nr_flow_view *view)
{
	uint32_t rows = view->block->count;
	uint32_t hour = view->last && rows ? nr_flow_seconds(view->last[rows - 1]) / 3600 : 0;
	if (hour <= d->hour)
		return;
	d->hour = hour;
	nr_flow_orient_hour(&d->orient, hour);
}

void nr_flow_detect_take(struct nr_flow_detect *d, const struct nr_flow_block *block)
{
	uint16_t numbers[NR_FLOW_STREAMS] = {0};
	struct nr_flow_view view;
	struct batch batch;
	nr_flow_view_init(&view, block);
	pthread_mutex_lock(&d->lock);
	turn_hour(d, &view);
	for (uint32_t i = 0; i < block->stream_count; i++)
		numbers[i] = nr_flow_detect_exporters_have(&d->exporters, &block->streams[i]);
	nr_flow_detect_exporters_learn(&d->exporters, block, numbers);
	for (uint32_t row = 0; row < block->count;) {
		batch.count = 0;
		for (; row < block->count && batch.count < BATCH; row++) {
			struct nr_flow_talk *talk = &batch.talks[batch.count];
			if (nr_flow_orient_row(&d->orient, &view, row, true, talk) == NR_FLOW_ROW_IGNORED) {
				d->state.ignored++;
				continue;
			}
			talk->exporter = numbers[talk->exporter];
			hash_talk(d, &batch);
		}
		d->state.flows += batch.count;
		take_batch(d, &batch);
	}
	pthread_mutex_unlock(&d->lock);
}

void nr_flow_detect_cache(
	struct nr_flow_detect *d, const struct nr_flow_stream *stream, const struct nr_flow_cache *cache)
{
	pthread_mutex_lock(&d->lock);
	uint16_t number = nr_flow_detect_exporters_have(&d->exporters, stream);
	if (number)
		d->exporters.items[number]->told = *cache;
	pthread_mutex_unlock(&d->lock);
}

void nr_flow_detect_turn(struct nr_flow_detect *d, nr_time from)
{
	pthread_mutex_lock(&d->lock);
	nr_flow_servers_turn(&d->servers);
	nr_flow_pairs_clear(&d->pairs, NULL);
	nr_flow_hosts_clear(&d->hosts, NULL); /* without memory for new ones the old ones stay */
	d->state.from = NR_TIME_MAX;
	d->state.to = NR_TIME_MIN;
	d->hour = NR_MAX(d->hour, nr_flow_seconds(from) / 3600);
	pthread_mutex_unlock(&d->lock);
}

bool nr_flow_detect_is_own(const struct nr_flow_detect *d, const struct nr_address *address)
{
	return d->orient.own && nr_prefix_table_find(d->orient.own, address) != NR_PREFIX_NONE;
}

/* ---- state ---- */

static uint64_t memory_of(const struct nr_flow_detect *d)
{
	return nr_flow_clock_table_bytes(&d->servers) + nr_flow_clock_table_bytes(&d->pairs.table) +
	       d->pairs.admit.bytes + nr_flow_clock_table_bytes(&d->hosts.hosts) +
	       nr_flow_clock_table_bytes(&d->hosts.busy) + d->orient.fan_in_bytes + d->look_bytes;
}

struct nr_flow_detect_state nr_flow_detect_state(const struct nr_flow_detect *detect)
{
	struct nr_flow_detect *d = (struct nr_flow_detect *)detect; /* its lock is no part of its state */
	pthread_mutex_lock(&d->lock);
	struct nr_flow_detect_state state = d->state;
	state.servers = d->servers.used;
	state.hosts = d->hosts.hosts.used;
	state.pairs = d->pairs.table.used;
	state.pairs_let_go = d->pairs.table.let_go;
	state.pairs_not_admitted = d->pairs.not_admitted;
	state.servers_let_go = d->servers.let_go;
	state.hosts_let_go = d->hosts.hosts.let_go;
	state.servers_not_admitted = d->servers.not_admitted;
	state.hosts_not_admitted = d->hosts.hosts.not_admitted;
	state.memory = memory_of(d);
	pthread_mutex_unlock(&d->lock);
	if (state.from > state.to)
		state.from = state.to = NR_TIME_MIN;
	return state;
}

void nr_flow_detect_write_state(const struct nr_flow_detect *detect, struct nr_json *json)
{
	struct nr_flow_detect_state s = nr_flow_detect_state(detect);
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {{"flows", s.flows}, {"ignored", s.ignored}, {"servers", s.servers}, {"pairs", s.pairs},
		{"hosts", s.hosts}, {"servers_let_go", s.servers_let_go}, {"pairs_let_go", s.pairs_let_go},
		{"hosts_let_go", s.hosts_let_go}, {"servers_not_admitted", s.servers_not_admitted},
		{"pairs_not_admitted", s.pairs_not_admitted}, {"hosts_not_admitted", s.hosts_not_admitted},
		{"candidates", s.candidates}, {"beats", s.beats}, {"beats_let_go", s.beats_let_go},
		{"memory", s.memory}};
	for (size_t i = 0; i < NR_COUNT(counts); i++)
		nr_json_uint(json, counts[i].name, counts[i].value);
	nr_json_time(json, "from", s.from);
	nr_json_time(json, "to", s.to);
}
