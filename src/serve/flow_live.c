/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/flow_live.h"

#include "base/log.h"
#include "sense/flow/live/lives.h"
#include "serve/flow_sums.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#define TICK_EVERY NR_SECOND
#define SUMS_EVERY NR_MINUTE
#define GAPS_MAX   16 /* that wait for the keeper; more are only logged */

struct nr_flow_service {
	struct nr_flow_sink sink; /* first: takes blocks as they are kept, for sums and detection */
	const struct nr_flow_live_conf *conf;
	struct nr_flow_live *live;
	struct nr_flow_keep *keep;
	char keys[4200];
	struct nr_nursery *nursery;
	unsigned first;
	pthread_t thread;
	bool running;
	int stop, gaps_ready; /* eventfd */
	pthread_mutex_t lock; /* of the gaps that wait */
	struct nr_flow_gap gaps[GAPS_MAX];
	size_t gap_count;
	struct nr_flow_gap told; /* the one whose texts the keeper holds */
	struct nr_flow_sums_live sums;
	nr_time sums_at;
	struct nr_flow_finder *finder; /* NULL: nothing is looked for */
	struct nr_store *writer, *reader;
	struct nr_flow_notebook *notebook;
	struct nr_flow_api *flow_api;
};

static int take(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct nr_flow_service *service = (struct nr_flow_service *)sink;
	if (service->finder)
		nr_flow_finder_take(service->finder, block);
	return service->sums.sink.take(&service->sums.sink, block, error);
}

int nr_flow_service_new(
	const struct nr_flow_live_conf *conf, struct nr_flow_service **ret_service, struct nr_error *error)
{
	struct nr_flow_service *service = calloc(1, sizeof *service);
	if (!service)
		return nr_fail(error, -ENOMEM, "out of memory");
	pthread_mutex_init(&service->lock, NULL);
	service->conf = conf;
	service->sink.take = take;
	service->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	service->gaps_ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = service->stop < 0 || service->gaps_ready < 0
			 ? nr_fail(error, -errno, "eventfd: %s", strerror(errno))
			 : nr_flow_live_new(
				   &conf->listen, &conf->collector, NR_FLOW_SENSOR, &service->live, error);
	if (rc) {
		nr_error_prefix(error, "--flow-listen");
		nr_flow_service_free(service);
		return rc;
	}
	*ret_service = service;
	return 0;
}

static void end_thread(struct nr_flow_service *service)
{
	const uint64_t one = 1;
	if (!service->running)
		return;
	(void)!write(service->stop, &one, sizeof one);
	pthread_join(service->thread, NULL);
	service->running = false;
}

void nr_flow_service_free(struct nr_flow_service *service)
{
	if (!service)
		return;
	end_thread(service);
	nr_flow_finder_free(service->finder);
	nr_flow_keep_close(service->keep);
	nr_flow_sums_close(&service->sums);
	nr_flow_live_free(service->live);
	nr_close_fd(&service->stop);
	nr_close_fd(&service->gaps_ready);
	pthread_mutex_destroy(&service->lock);
	free(service);
}

struct nr_flow_live *nr_flow_service_live(struct nr_flow_service *service)
{
	return service->live;
}

/* ---- what it tells ---- */

static void put_gap(struct nr_flow_service *service, const struct nr_flow_gap *gap)
{
	const uint64_t one = 1;
	pthread_mutex_lock(&service->lock);
	if (service->gap_count < GAPS_MAX)
		service->gaps[service->gap_count++] = *gap;
	pthread_mutex_unlock(&service->lock);
	(void)!write(service->gaps_ready, &one, sizeof one);
}

static void tell(void *context, const struct nr_flow_keep_event *event)
{
	struct nr_flow_service *service = context;
	struct nr_flow_gap gap;
	switch (event->what) {
	case NR_FLOW_KEEP_PAUSED:
		nr_log(NR_LOG_ERROR, "archive", "state", "paused", "archive", service->conf->archive,
			"reason", event->text, "remedy",
			"mend what the reason says, make room on a full disk; what comes is counted and not "
			"kept until then, and it goes on by itself",
			NULL);
		nr_flow_gap_of_pause(&gap, event);
		put_gap(service, &gap);
		return;
	case NR_FLOW_KEEP_RESUMED:
		nr_log(NR_LOG_INFO, "archive", "state", "writing", "archive", service->conf->archive, NULL);
		nr_flow_gap_of_pause(&gap, event);
		put_gap(service, &gap);
		return;
	case NR_FLOW_KEEP_UNSOUND:
		nr_log(NR_LOG_ERROR, "parser", "sensor", NR_FLOW_SENSOR, "reason",
			"it sent what no parser sends", "remedy", "its process is killed and started again",
			NULL);
		nr_nursery_ask(service->nursery, NR_NURSERY_KILL, service->first + event->worker, NULL);
		return;
	case NR_FLOW_KEEP_FAILED:
		nr_log(NR_LOG_WARNING, "flow", "reason", event->text, NULL);
		return;
	}
}

int nr_flow_service_gaps(const struct nr_flow_service *service)
{
	return service->gaps_ready;
}

bool nr_flow_service_next_gap(void *context, struct nr_gap *ret_gap)
{
	struct nr_flow_service *service = context;
	uint64_t count;
	(void)!read(service->gaps_ready, &count, sizeof count);
	pthread_mutex_lock(&service->lock);
	bool found = service->gap_count > 0;
	if (found) {
		service->told = service->gaps[0];
		service->gap_count--;
		memmove(service->gaps, service->gaps + 1, service->gap_count * sizeof *service->gaps);
	}
	pthread_mutex_unlock(&service->lock);
	if (found)
		*ret_gap = (struct nr_gap){.sensor = NR_FLOW_SENSOR,
			.sense = "flow",
			.first = service->told.first,
			.last = service->told.last,
			.cause = service->told.cause,
			.text_en = service->told.text_en,
			.text_ja = service->told.text_ja};
	return found;
}

void nr_flow_service_ended(struct nr_flow_service *service, unsigned worker)
{
	nr_flow_keep_ended(service->keep, worker);
}

/* ---- its life ---- */

static int open_finder(struct nr_flow_service *service, struct nr_error *error)
{
	const struct nr_flow_live_conf *conf = service->conf;
	const struct nr_flow_finder_conf finder = {.options = &conf->find,
		.sensor = NR_FLOW_SENSOR,
		.archive = conf->archive,
		.keys = conf->law.keys,
		.mmdb = conf->mmdb,
		.as_mmdb = conf->as_mmdb};
	return nr_flow_finder_new(&finder, &service->finder, error);
}

int nr_flow_service_open(struct nr_flow_service *service, struct nr_error *error)
{
	struct nr_flow_keep_conf conf = {.live = service->live,
		.archive = service->conf->archive,
		.law = &service->conf->law,
		.conf = service->conf->keep,
		.sink = &service->sink,
		.tell = tell,
		.context = service};
	const struct nr_flow_traffic_conf sums = {
		NR_FLOW_SENSOR, service->conf->mmdb, service->conf->as_mmdb};
	conf.conf.threads = (unsigned)service->conf->threads;
	int rc = nr_flow_sums_open(&service->sums, &sums, error);
	if (rc)
		return rc;
	rc = nr_flow_keep_open(&conf, &service->keep, error);
	if (rc)
		return nr_error_prefix(error, "--flow-archive");
	return service->conf->archive && service->conf->find.on ? open_finder(service, error) : 0;
}

void nr_flow_service_find(struct nr_flow_service *service, struct nr_store *writer, struct nr_store *reader,
	struct nr_flow_notebook *notebook, struct nr_flow_api *flow_api)
{
	service->writer = writer;
	service->reader = reader;
	service->notebook = notebook;
	service->flow_api = flow_api;
}

void nr_flow_service_places(
	const struct nr_flow_service *service, const char **ret_archive, const char **ret_keys)
{
	struct nr_flow_service *s = (struct nr_flow_service *)service;
	*ret_archive = s->conf->archive;
	*ret_keys = NULL;
	if (!s->conf->archive)
		return;
	snprintf(s->keys, sizeof s->keys, "%.4096s.keys", s->conf->archive);
	const char *keys = s->conf->law.keys ? s->conf->law.keys : s->keys;
	if (access(keys, F_OK) == 0) /* where clients stay plain there are none */
		*ret_keys = keys;
}

static void *thread_main(void *context)
{
	struct nr_flow_service *s = context;
	unsigned workers = nr_flow_live_workers(s->live);
	nr_time tick_at = 0;
	for (;;) {
		struct pollfd files[1 + NR_FLOW_WORKERS_MAX] = {{.fd = s->stop, .events = POLLIN}};
		for (unsigned i = 0; i < workers; i++)
			files[1 + i] = (struct pollfd){
				.fd = nr_flow_ring_socket(nr_flow_live_ring(s->live, i)), .events = POLLIN};
		bool more = nr_flow_keep_work(s->keep);
		poll(files, 1 + workers, more ? 0 : (int)(TICK_EVERY / 2000));
		if (files[0].revents)
			return NULL;
		nr_time now = nr_time_now();
		if (now >= tick_at || tick_at - now > TICK_EVERY) {
			tick_at = now + TICK_EVERY;
			nr_flow_keep_tick(s->keep, now);
		}
	}
}

int nr_flow_service_start(
	struct nr_flow_service *service, struct nr_nursery *nursery, unsigned first, struct nr_error *error)
{
	const char *text;
	uint64_t granted;
	service->nursery = nursery;
	service->first = first;
	for (size_t i = 0; (text = nr_flow_live_socket(service->live, i, &granted)); i++) {
		char bytes[24];
		snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)granted);
		nr_log(NR_LOG_INFO, "listen", "sensor", NR_FLOW_SENSOR, "address", text,
			granted ? "buffer" : NULL, bytes, NULL);
		if (granted && granted < service->conf->listen.buffer)
			nr_log(NR_LOG_WARNING, "buffer", "address", text, "granted", bytes, "remedy",
				"start as root, or raise net.core.rmem_max, so that bursts find room", NULL);
	}
	int code = pthread_create(&service->thread, NULL, thread_main, service);
	if (code)
		return nr_fail(error, -code, "no thread: %s", strerror(code));
	service->running = true;
	return service->finder ? nr_flow_finder_start(service->finder, service->reader, service->notebook,
					 service->flow_api, error)
			       : 0;
}

void nr_flow_service_stop(struct nr_flow_service *service)
{
	if (!service)
		return;
	end_thread(service);
	if (service->finder)
		nr_flow_finder_stop(service->finder);
}

int nr_flow_service_finish(struct nr_flow_service *service, struct nr_error *error)
{
	nr_flow_service_stop(service);
	int rc = nr_flow_keep_finish(service->keep, error);
	return rc ? nr_error_prefix(error, "--flow-archive") : 0;
}

/* ---- rows ---- */

static int write_sums(
	struct nr_flow_service *service, nr_time end, struct nr_sink *sink, struct nr_error *error)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	int rc = nr_flow_keep_report(service->keep, &json, error);
	nr_json_object_end(&json);
	if (rc == 0)
		rc = nr_json_finish(&json, error);
	int written =
		nr_flow_sums_write(&service->sums, end, rc ? NULL : json.bytes, sink, rc ? NULL : error);
	return rc ? rc : written;
}

int nr_flow_service_rows(void *context, nr_time end, struct nr_sink *sink, struct nr_error *error)
{
	struct nr_flow_service *service = context;
	int rc = 0;
	if (end >= service->sums_at || service->sums_at - end > SUMS_EVERY) {
		rc = write_sums(service, end, sink, error);
		service->sums_at = end == NR_TIME_MAX ? end : end + SUMS_EVERY;
	}
	int found = service->finder
			    ? nr_flow_finder_write(service->finder, service->writer, sink, rc ? NULL : error)
			    : 0;
	return rc ? rc : found;
}

/* ---- answers ---- */

void nr_flow_service_write_status(struct nr_flow_service *service, struct nr_json *json)
{
	if (!service) {
		nr_json_null(json, "flow");
		return;
	}
	nr_json_object(json, "flow");
	nr_flow_keep_status(service->keep, json);
	nr_flow_finder_write_status(service->finder, json);
	nr_json_object_end(json);
}

int nr_flow_service_answer(struct nr_flow_service *service, struct nr_reply *ret_reply)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	struct nr_error error = {0};
	if (!service)
		return nr_api_error(
			404, "not-found", NULL, "this server receives no flows: --flow-listen", ret_reply);
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_time(&json, "time", nr_time_now());
	int rc = nr_flow_keep_report(service->keep, &json, &error);
	nr_json_object_end(&json);
	if (rc == -ENOMEM)
		return rc;
	return rc ? nr_api_error(500, "collector", NULL, error.text, ret_reply)
		  : nr_api_reply_json(&json, 200, ret_reply);
}
