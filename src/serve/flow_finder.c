/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/flow_finder_inside.h"

#include "base/log.h"
#include "sense/flow/law/pseudonym.h"
#include "serve/flow_api.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* ---- its life ---- */

static int read_known(struct nr_flow_finder *f, struct nr_error *error)
{
	const struct nr_texts *files = &f->conf.options->known;
	for (size_t i = 0; i < files->count; i++) {
		uint64_t skipped = 0;
		struct nr_error about = {0};
		int e = nr_flow_known_read(f->known, files->items[i], &skipped, &about);
		if (!e)
			e = nr_flow_known_read(f->marks.watch, files->items[i], &skipped, &about);
		if (e)
			return nr_fail(error, e, "--flow-known: %.200s", about.text);
		if (skipped)
			nr_log(NR_LOG_WARNING, "known", "file", files->items[i], "reason", about.text, NULL);
	}
	return 0;
}

static int open_all(struct nr_flow_finder *f, struct nr_error *error)
{
	const struct nr_flow_finder_conf *conf = &f->conf;
	int e = nr_flow_policy_read(conf->archive, &f->policy, error);
	struct nr_flow_policy all = f->policy;
	all.plain_clients = false; /* an address that is kept as it is is a client's, too */
	if (!e)
		e = nr_flow_clients_new(&all, &f->clients, error);
	if (!e)
		e = nr_flow_known_new(&f->known, error);
	if (!e)
		e = nr_flow_told_init(&f->told, error);
	if (!e)
		e = nr_flow_marks_init(&f->marks, error);
	if (!e)
		e = nr_flow_queue_init(&f->queue, error);
	if (!e)
		e = read_known(f, error);
	const struct nr_flow_detect_conf detect = {.memory = conf->options->memory,
		.own = f->policy.own,
		.known = f->known,
		.mmdb = conf->mmdb,
		.as_mmdb = conf->as_mmdb,
		.window = NR_DAY,
		.threads = 1};
	return e ? e : nr_flow_detect_new(&detect, &f->detect, error);
}

int nr_flow_finder_new(
	const struct nr_flow_finder_conf *conf, struct nr_flow_finder **ret_finder, struct nr_error *error)
{
	pthread_condattr_t monotonic;
	struct nr_flow_finder *f = calloc(1, sizeof *f);
	if (!f)
		return nr_fail(error, -ENOMEM, "out of memory");
	f->conf = *conf;
	f->oldest = NR_TIME_MIN;
	f->look.last = f->look.next = NR_TIME_MIN;
	pthread_mutex_init(&f->lock, NULL);
	pthread_mutex_init(&f->table_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&f->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int e = open_all(f, error);
	if (e) {
		nr_flow_finder_free(f);
		return e;
	}
	*ret_finder = f;
	return 0;
}

void nr_flow_finder_free(struct nr_flow_finder *f)
{
	if (!f)
		return;
	nr_flow_finder_stop(f);
	for (struct nr_flow_found *found = f->found; found;) {
		struct nr_flow_found *next = found->next;
		nr_flow_found_free(found);
		found = next;
	}
	nr_flow_detect_free(f->detect);
	nr_flow_queue_fini(&f->queue);
	nr_flow_marks_fini(&f->marks);
	nr_flow_told_fini(&f->told);
	nr_flow_known_free(f->known);
	nr_prefix_table_free(f->clients);
	nr_flow_policy_fini(&f->policy);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->table_lock);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

bool nr_flow_finder_is_client(const struct nr_flow_finder *f, const struct nr_address *address)
{
	uint64_t high, low;
	nr_flow_address_split(address, &high, &low);
	return high == NR_FLOW_PSEUDONYM_HIGH || nr_prefix_table_find(f->clients, address) == NR_FLOW_CLIENT;
}

nr_time nr_flow_finder_day(const struct nr_flow_finder *f)
{
	struct nr_flow_finder *mine = (struct nr_flow_finder *)f;
	pthread_mutex_lock(&mine->told.lock);
	nr_time day = f->told.day;
	pthread_mutex_unlock(&mine->told.lock);
	return day;
}

/* ---- flows ---- */

void nr_flow_finder_take(struct nr_flow_finder *f, const struct nr_flow_block *block)
{
	nr_flow_queue_put(&f->queue, block);
}

static void *taker(void *context)
{
	struct nr_flow_finder *f = context;
	while (!f->stop) {
		if (!f->caught_up) { /* what comes waits until the looker has made up for the day so far */
			nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
			continue;
		}
		struct nr_flow_block *block = nr_flow_queue_take(&f->queue);
		pthread_mutex_lock(&f->table_lock);
		nr_flow_marks_learn(f);
		if (block) {
			nr_flow_detect_take(f->detect, block);
			nr_flow_marks_take(f, block);
			nr_flow_queue_give(&f->queue, block);
		}
		pthread_mutex_unlock(&f->table_lock);
	}
	return NULL;
}

int nr_flow_finder_start(struct nr_flow_finder *f, struct nr_store *reader, struct nr_flow_notebook *notebook,
	struct nr_flow_api *flow_api, struct nr_error *error)
{
	f->reader = reader;
	f->notebook = notebook;
	f->flow_api = flow_api;
	nr_flow_queue_open(&f->queue, true);
	int code = pthread_create(&f->taker, NULL, taker, f);
	f->taking = code == 0;
	if (!code)
		code = pthread_create(&f->looker, NULL, nr_flow_finder_looker, f);
	f->looking = code == 0;
	return code ? nr_fail(error, -code, "no thread for detection: %s", strerror(code)) : 0;
}

void nr_flow_finder_stop(struct nr_flow_finder *f)
{
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
	nr_flow_queue_wake(&f->queue);
	if (f->taking)
		pthread_join(f->taker, NULL);
	if (f->looking)
		pthread_join(f->looker, NULL);
	f->taking = f->looking = false;
}

/* ---- status ---- */

static void write_look(struct nr_flow_finder *f, struct nr_json *json)
{
	pthread_mutex_lock(&f->lock);
	struct nr_flow_look_state look = f->look;
	pthread_mutex_unlock(&f->lock);
	nr_json_object(json, "look");
	nr_json_bool(json, "running", look.running);
	nr_json_time(json, "last", look.last);
	nr_json_time(json, "next", look.next);
	nr_json_real(json, "duration", (double)look.duration / NR_SECOND);
	nr_json_text(json, "failed", *look.failed ? look.failed : NULL);
	nr_json_object_end(json);
}

static void write_known(struct nr_flow_finder *f, struct nr_json *json)
{
	static const char *const names[NR_FLOW_KNOWN_KINDS] = {[NR_FLOW_KNOWN_INFECTED] = "infected",
		[NR_FLOW_KNOWN_C2] = "c2",
		[NR_FLOW_KNOWN_CONFIRMED] = "confirmed",
		[NR_FLOW_KNOWN_BENIGN] = "benign",
		[NR_FLOW_KNOWN_PROBED] = "probed"};
	nr_json_object(json, "known");
	for (unsigned kind = 0; kind < NR_FLOW_KNOWN_KINDS; kind++)
		nr_json_uint(json, names[kind], f->known_counts[kind]);
	nr_json_object_end(json);
}

void nr_flow_finder_write_status(struct nr_flow_finder *f, struct nr_json *json)
{
	uint64_t waiting, dropped;
	if (!f) {
		nr_json_null(json, "detect");
		return;
	}
	nr_flow_queue_state(&f->queue, &waiting, &dropped);
	nr_json_object(json, "detect");
	nr_flow_detect_write_state(f->detect, json);
	nr_json_bool(json, "caught_up", f->caught_up);
	nr_json_object(json, "queue");
	nr_json_uint(json, "flows", waiting);
	nr_json_uint(json, "room", NR_FLOW_QUEUE_BLOCKS * NR_FLOW_ROOM);
	nr_json_uint(json, "dropped", dropped);
	nr_json_object_end(json);
	write_look(f, json);
	pthread_mutex_lock(&f->told.lock);
	size_t alarms = f->told.alarms, let_go = f->told.let_go;
	pthread_mutex_unlock(&f->told.lock);
	nr_json_object(json, "alarms");
	nr_json_real(json, "per_day", f->conf.options->alarms_per_day);
	nr_json_uint(json, "today", alarms);
	nr_json_uint(json, "let_go", let_go);
	nr_json_object_end(json);
	write_known(f, json);
	pthread_mutex_lock(&f->marks.lock);
	size_t clients = f->marks.count, marks_let_go = f->marks.let_go;
	pthread_mutex_unlock(&f->marks.lock);
	nr_json_object(json, "marks");
	nr_json_uint(json, "servers", f->marks.servers);
	nr_json_uint(json, "clients", clients);
	nr_json_uint(json, "let_go", marks_let_go);
	nr_json_object_end(json);
	nr_json_object_end(json);
}
