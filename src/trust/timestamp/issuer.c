/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/timestamp/issuer.h"

#include "trust/certificate/signature.h"
#include "trust/timestamp/serial.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define BATCH       64
#define THREADS     2
#define THREADS_MAX 16
#define ENTRY_MAX   768
#define FAILURES    26

/* A request that waits, then its token. */
struct job {
	struct job *next;
	struct nr_tsp_request request;
	nr_issuer_done *done;
	void *context;
	int failure; /* enum nr_tsp_failure; -1: none */
	struct nr_tst_values values;
	nr_time bound;
	uint8_t tst[NR_TST_MAX], *tst_at;
	size_t tst_length;
};

struct nr_issuer {
	struct nr_issuer_conf conf;
	struct nr_token_builder builder;
	pthread_t threads[THREADS_MAX];
	unsigned running;
	pthread_mutex_t queue_lock;
	pthread_cond_t queue_filled;
	struct job *first, **last;
	size_t waiting;
	bool ending;
	char trouble[240]; /* why something could not be signed, or recorded, last */
	nr_time trouble_time;
	/* what must be in order: numbers, times, signatures */
	pthread_mutex_t order_lock;
	struct nr_serials serials;
	nr_time last_time;
	atomic_uint_fast64_t issued, refused[FAILURES];
};

/* One thread's lot of jobs. */
struct lot {
	struct job *jobs[BATCH];
	struct nr_signed signatures[BATCH];
	struct nr_signer_item items[BATCH];
	struct job *signed_jobs[BATCH];
	uint8_t *replies[BATCH];
	size_t reply_lengths[BATCH];
	char entries[BATCH][ENTRY_MAX];
	size_t count, to_sign;
};

/* ---- answers ---- */

static void reject(struct nr_issuer *issuer, enum nr_tsp_failure failure, const char *text,
	nr_issuer_done *done, void *context)
{
	uint8_t buffer[NR_TSP_REJECTION_MAX], *bytes;
	size_t length = nr_tsp_write_rejection(failure, text, buffer, sizeof buffer, &bytes);
	uint8_t *reply = malloc(length);
	if (reply)
		memcpy(reply, bytes, length);
	atomic_fetch_add_explicit(&issuer->refused[failure], 1, memory_order_relaxed);
	done(context, reply, reply ? length : 0);
}

/* What the operator is to know; a client is told less. */
static void remember(struct nr_issuer *issuer, const char *reason)
{
	pthread_mutex_lock(&issuer->queue_lock);
	snprintf(issuer->trouble, sizeof issuer->trouble, "%s", reason);
	issuer->trouble_time = nr_time_now();
	pthread_mutex_unlock(&issuer->queue_lock);
}

static const char *text_of(enum nr_tsp_failure failure)
{
	return failure == NR_TSP_TIME_NOT_AVAILABLE ? "the clock is not known well enough at present"
						    : "the authority cannot sign at present";
}

static void finish(struct nr_issuer *issuer, struct job *job, uint8_t *reply, size_t length)
{
	if (job->failure >= 0) {
		enum nr_tsp_failure failure = (enum nr_tsp_failure)job->failure;
		reject(issuer, failure, text_of(failure), job->done, job->context);
	} else {
		atomic_fetch_add_explicit(&issuer->issued, 1, memory_order_relaxed);
		job->done(job->context, reply, length);
	}
	free(job);
}

/* ---- in order ---- */

/* Number, time and TSTInfo; or the reason why not. */
static void prepare(struct nr_issuer *issuer, struct job *job)
{
	struct nr_clock_reading now;
	struct nr_clock_statement statement;
	nr_guard_state(issuer->conf.guard, &now, &statement);
	if (!statement.run) {
		job->failure = NR_TSP_TIME_NOT_AVAILABLE;
		return;
	}
	job->values.ordering = issuer->conf.ordering;
	job->values.time = issuer->conf.ordering ? NR_MAX(now.real, issuer->last_time + 1) : now.real;
	bool checked = nr_guard_is_checked(issuer->conf.guard);
	job->bound = checked ? statement.bound + (job->values.time - now.real) : -1;
	if (job->bound >
		NR_CLOCK_LIMIT) { /* the clock went back: the order would be told with a wrong time */
		job->failure = NR_TSP_TIME_NOT_AVAILABLE;
		return;
	}
	struct nr_error error = {0};
	if (nr_serials_next(&issuer->serials, job->values.serial, &error) != 0) {
		remember(issuer, error.text);
		job->failure = NR_TSP_SYSTEM_FAILURE;
		return;
	}
	issuer->last_time = NR_MAX(issuer->last_time, job->values.time);
	job->values.accuracy = job->bound;
	job->tst_length = nr_tst_write(
		&issuer->builder, &job->request, &job->values, job->tst, sizeof job->tst, &job->tst_at);
	if (!job->tst_length)
		job->failure = NR_TSP_BAD_DATA_FORMAT;
}

static void sign(struct nr_issuer *issuer, struct lot *lot)
{
	struct nr_error error = {0};
	pthread_mutex_lock(&issuer->order_lock);
	lot->to_sign = 0;
	for (size_t i = 0; i < lot->count; i++) {
		struct job *job = lot->jobs[i];
		prepare(issuer, job);
		if (job->failure >= 0)
			continue;
		lot->items[lot->to_sign] = (struct nr_signer_item){job->tst_at, job->tst_length};
		lot->signed_jobs[lot->to_sign++] = job;
	}
	int e = lot->to_sign ? nr_signer_sign(issuer->conf.signer, issuer->conf.key, NR_SIGN_TIMESTAMP,
				       lot->items, lot->to_sign, lot->signatures, &error)
			     : 0;
	pthread_mutex_unlock(&issuer->order_lock);
	for (size_t i = 0; i < lot->to_sign; i++) {
		if (e)
			lot->signatures[i] = (struct nr_signed){.code = e};
		if (lot->signatures[i].code) {
			lot->signed_jobs[i]->failure = NR_TSP_SYSTEM_FAILURE;
			remember(issuer, nr_signed_reason(lot->signatures[i].code));
		}
	}
	if (e)
		remember(issuer, error.text);
}

/* ---- tokens and their entries ---- */

static void write_hex(char *ret_text, const uint8_t *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < length; i++) {
		*ret_text++ = digits[bytes[i] >> 4];
		*ret_text++ = digits[bytes[i] & 15];
	}
	*ret_text = 0;
}

/* One line; nothing in it needs escaping. */
static size_t write_entry(const struct nr_issuer *issuer, const struct job *job, uint64_t counter,
	const uint8_t *reply, size_t length, char ret_line[ENTRY_MAX])
{
	char time[NR_TIME_TEXT], serial[2 * NR_TSP_SERIAL + 1], imprint[2 * NR_TSP_IMPRINT_MAX + 1],
		answer[2 * 32 + 1] = "";
	uint8_t hash[NR_DIGEST_MAX];
	size_t imprint_length = nr_oid_digest_bytes(job->request.digest);
	nr_time_write(job->values.time, time);
	write_hex(serial, job->values.serial, NR_TSP_SERIAL);
	write_hex(imprint, job->request.hash, imprint_length);
	if (reply && nr_digest(NR_OID_SHA256, reply, length, hash))
		write_hex(answer, hash, 32);
	int written = snprintf(ret_line, ENTRY_MAX,
		"{\"kind\":\"token\",\"time\":\"%s\",\"serial\":\"%s\",\"imprint\":\"sha%zu:%s\",\"answer\":"
		"\"%s%s\","
		"\"key\":\"%s\",\"counter\":%" PRIu64 ",\"bound_us\":%" PRId64 "}",
		time, serial, 8 * imprint_length, imprint, *answer ? "sha256:" : "", answer,
		nr_signer_key_id(issuer->conf.signer, issuer->conf.key), counter, job->bound);
	return written > 0 && written < ENTRY_MAX ? (size_t)written : 0;
}

static void build(struct nr_issuer *issuer, struct lot *lot, size_t index)
{
	struct job *job = lot->signed_jobs[index];
	const struct nr_signed *signature = &lot->signatures[index];
	uint8_t buffer[NR_TSP_REPLY_MAX], *bytes;
	lot->replies[index] = NULL;
	if (job->failure >= 0)
		return;
	size_t length = nr_token_write(&issuer->builder, job->tst_at, job->tst_length,
		job->request.certificate_wanted, signature->signature, signature->length, buffer,
		sizeof buffer, &bytes);
	uint8_t *reply = length ? malloc(length) : NULL;
	if (!reply) {
		job->failure = NR_TSP_SYSTEM_FAILURE;
		return;
	}
	memcpy(reply, bytes, length);
	lot->replies[index] = reply;
	lot->reply_lengths[index] = length;
}

/* Every signature that was made is an entry, also one whose token cannot be let go of. */
static void record(struct nr_issuer *issuer, struct lot *lot)
{
	struct nr_ledger_entry entries[BATCH];
	size_t count = 0;
	bool failed = false;
	for (size_t i = 0; i < lot->to_sign; i++) {
		if (!lot->signatures[i].counter)
			continue;
		size_t length = write_entry(issuer, lot->signed_jobs[i], lot->signatures[i].counter,
			lot->replies[i], lot->reply_lengths[i], lot->entries[i]);
		failed = failed || !length;
		entries[count++] = (struct nr_ledger_entry){lot->entries[i], length};
	}
	uint64_t first;
	struct nr_error error = {.text = "an entry is too long"};
	if (count && !failed)
		failed = nr_ledger_append(issuer->conf.ledger, entries, count, &first, &error) != 0;
	if (failed)
		remember(issuer, error.text);
	for (size_t i = 0; failed && i < lot->to_sign; i++) {
		free(lot->replies[i]);
		lot->replies[i] = NULL;
		lot->signed_jobs[i]->failure = NR_TSP_SYSTEM_FAILURE;
	}
}

static void work_off(struct nr_issuer *issuer, struct lot *lot)
{
	sign(issuer, lot);
	for (size_t i = 0; i < lot->to_sign; i++)
		build(issuer, lot, i);
	record(issuer, lot);
	size_t signed_index = 0;
	for (size_t i = 0; i < lot->count; i++) {
		bool was_signed =
			signed_index < lot->to_sign && lot->signed_jobs[signed_index] == lot->jobs[i];
		uint8_t *reply = was_signed ? lot->replies[signed_index] : NULL;
		size_t length = was_signed ? lot->reply_lengths[signed_index] : 0;
		signed_index += was_signed;
		finish(issuer, lot->jobs[i], reply, length);
	}
}

/* ---- the queue ---- */

/* False: it ends, and nothing waits any more. */
static bool take(struct nr_issuer *issuer, struct lot *lot)
{
	pthread_mutex_lock(&issuer->queue_lock);
	while (!issuer->first && !issuer->ending)
		pthread_cond_wait(&issuer->queue_filled, &issuer->queue_lock);
	for (lot->count = 0; lot->count < BATCH && issuer->first; lot->count++) {
		lot->jobs[lot->count] = issuer->first;
		issuer->first = issuer->first->next;
	}
	if (!issuer->first)
		issuer->last = &issuer->first;
	issuer->waiting -= lot->count;
	pthread_mutex_unlock(&issuer->queue_lock);
	return lot->count > 0;
}

static void *run(void *context)
{
	struct nr_issuer *issuer = context;
	struct lot *lot = malloc(sizeof *lot);
	while (lot && take(issuer, lot))
		work_off(issuer, lot);
	free(lot);
	return NULL;
}

void nr_issuer_ask(
	struct nr_issuer *issuer, const uint8_t *request, size_t length, nr_issuer_done *done, void *context)
{
	struct nr_error error = {0};
	enum nr_tsp_failure failure = NR_TSP_SYSTEM_FAILURE;
	struct job *job = malloc(sizeof *job);
	if (!job) {
		reject(issuer, failure, text_of(failure), done, context);
		return;
	}
	*job = (struct job){.done = done, .context = context, .failure = -1};
	if (nr_tsp_read_request(request, length, issuer->builder.policy, issuer->builder.policy_length,
		    &job->request, &failure, &error) != 0) {
		free(job);
		reject(issuer, failure, error.text, done, context);
		return;
	}
	pthread_mutex_lock(&issuer->queue_lock);
	bool full = issuer->ending || issuer->waiting == NR_ISSUER_WAITING_MAX;
	if (!full) {
		*issuer->last = job;
		issuer->last = &job->next;
		issuer->waiting++;
		pthread_cond_signal(&issuer->queue_filled);
	}
	pthread_mutex_unlock(&issuer->queue_lock);
	if (full) {
		free(job);
		reject(issuer, NR_TSP_SYSTEM_FAILURE, "too many requests at once", done, context);
	}
}

/* ---- its life ---- */

int nr_issuer_start(struct nr_issuer *issuer, struct nr_error *error)
{
	unsigned wanted = NR_MIN(issuer->conf.threads ? issuer->conf.threads : THREADS, THREADS_MAX);
	for (; issuer->running < wanted; issuer->running++) {
		int e = pthread_create(&issuer->threads[issuer->running], NULL, run, issuer);
		if (e)
			return nr_fail(error, -e, "cannot start a thread: %s", strerror(e));
	}
	return 0;
}

int nr_issuer_open(const struct nr_issuer_conf *conf, struct nr_issuer **ret_issuer, struct nr_error *error)
{
	struct nr_issuer *issuer = calloc(1, sizeof *issuer);
	if (!issuer)
		return nr_fail(error, -ENOMEM, "out of memory");
	issuer->conf = *conf;
	issuer->last = &issuer->first;
	issuer->serials.slots.file = -1;
	pthread_mutex_init(&issuer->queue_lock, NULL);
	pthread_mutex_init(&issuer->order_lock, NULL);
	pthread_cond_init(&issuer->queue_filled, NULL);
	size_t length;
	const uint8_t *certificate = nr_signer_certificate(conf->signer, conf->key, &length);
	int e = certificate ? 0 : nr_fail(error, -EINVAL, "the authority's key has no certificate");
	if (!e)
		e = nr_token_builder_init(&issuer->builder, nr_signer_algorithm(conf->signer, conf->key),
			conf->chain, conf->chain_length, conf->policy, error);
	if (!e)
		e = nr_serials_open(&issuer->serials, conf->serials, certificate, length, error);
	if (e) {
		nr_issuer_free(issuer);
		return e;
	}
	*ret_issuer = issuer;
	return 0;
}

void nr_issuer_stop(struct nr_issuer *issuer)
{
	if (!issuer)
		return;
	pthread_mutex_lock(&issuer->queue_lock);
	issuer->ending = true;
	pthread_cond_broadcast(&issuer->queue_filled);
	pthread_mutex_unlock(&issuer->queue_lock);
	for (; issuer->running; issuer->running--)
		pthread_join(issuer->threads[issuer->running - 1], NULL);
}

void nr_issuer_free(struct nr_issuer *issuer)
{
	if (!issuer)
		return;
	nr_issuer_stop(issuer);
	nr_token_builder_fini(&issuer->builder);
	nr_serials_close(&issuer->serials);
	pthread_cond_destroy(&issuer->queue_filled);
	pthread_mutex_destroy(&issuer->order_lock);
	pthread_mutex_destroy(&issuer->queue_lock);
	free(issuer);
}

void nr_issuer_write_json(struct nr_issuer *issuer, struct nr_json *json)
{
	nr_json_object(json, "tokens");
	nr_json_uint(json, "issued", atomic_load(&issuer->issued));
	nr_json_object(json, "refused");
	for (unsigned i = 0; i < FAILURES; i++) {
		uint64_t count = atomic_load(&issuer->refused[i]);
		if (count)
			nr_json_uint(json, nr_tsp_failure_name((enum nr_tsp_failure)i), count);
	}
	nr_json_object_end(json);
	pthread_mutex_lock(&issuer->queue_lock);
	nr_json_uint(json, "waiting", issuer->waiting);
	if (*issuer->trouble) {
		nr_json_time(json, "trouble_time", issuer->trouble_time);
		nr_json_text(json, "trouble", issuer->trouble);
	}
	pthread_mutex_unlock(&issuer->queue_lock);
	nr_json_object_end(json);
}
