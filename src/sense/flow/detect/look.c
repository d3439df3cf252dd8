/* SPDX-License-Identifier: Apache-2.0 */
/* The second look: candidates are chosen, their connections read once more, timed, and visited. */
#include "base/crew.h"
#include "sense/flow/detect/look_gather.h"
#include "sense/flow/detect/look_pairs.h"
#include "sense/flow/detect/timing/timing.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>

#define PSEUDONYM 0x01 /* the first octet of 100::/64, RFC 6666 */

struct look {
	struct nr_flow_detect *detect;
	const struct nr_flow_visitor *visitor;
	struct nr_flow_choice choice;
	struct nr_flow_gather gather;
	bool gathered;
	struct nr_flow_paired paired;      /* where nothing is gathered */
	struct nr_flow_cache *caches;      /* owned; by exporter */
	struct nr_flow_spectrum **spectra; /* owned; by exporter */
	size_t exporters;
	struct nr_flow_timing_conf timing;
	unsigned threads;
	struct nr_flow_timing_scratch *scratch[NR_CREW_MAX];
	struct nr_flow_beat *beats[NR_CREW_MAX]; /* owned; NR_FLOW_BEATS_MAX each */
	struct nr_flow_client *clients;          /* owned; NR_FLOW_CLIENTS_MAX */
	uint32_t *numbers;                       /* owned; of those clients in the store */
	atomic_size_t next;
};

static void look_fini(struct look *look)
{
	for (unsigned i = 0; i < look->threads; i++) {
		nr_flow_timing_scratch_free(look->scratch[i]);
		free(look->beats[i]);
	}
	for (size_t i = 0; look->spectra && i < look->exporters; i++)
		nr_flow_spectrum_free(look->spectra[i]);
	free(look->spectra);
	free(look->caches);
	free(look->clients);
	free(look->numbers);
	if (look->gathered)
		nr_flow_gather_fini(&look->gather);
	nr_flow_paired_fini(&look->paired);
	nr_flow_choice_fini(&look->choice);
}

/* ---- beats of one candidate ---- */

static int by_client_then_first(const void *a, const void *b)
{
	const struct nr_flow_beat *x = a, *y = b;
	if (x->client != y->client)
		return x->client < y->client ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

/* As exported, in the order of clients and time; their clients get numbers from 0 on, where numbers are
 * given. *ret_established: clients to whom it spoke. */
static size_t load_records(const struct look *look, size_t number, struct nr_flow_beat *beats,
	uint32_t *numbers, double *ret_established)
{
	size_t count = look->gather.store.chains[number].count;
	nr_flow_beats_store_copy(&look->gather.store, number, beats);
	qsort(beats, count, sizeof *beats, by_client_then_first);
	uint32_t client = 0, established = 0;
	for (size_t i = 0, end; i < count; i = end, client++) {
		uint32_t of = beats[i].client;
		uint8_t sides = 0;
		for (end = i; end < count && beats[end].client == of; end++) {
			sides |= beats[end].sides;
			beats[end].sides &= NR_FLOW_UP | NR_FLOW_DOWN;
			beats[end].client = client;
		}
		bool tcp = look->choice.items[number].server.protocol == 6;
		established += sides & NR_FLOW_BEAT_ESTABLISHED ||
			       (!tcp && (sides & (NR_FLOW_UP | NR_FLOW_DOWN)) == (NR_FLOW_UP | NR_FLOW_DOWN));
		if (numbers && client < NR_FLOW_CLIENTS_MAX)
			numbers[client] = of;
	}
	*ret_established = established;
	return count;
}

static size_t load(const struct look *look, size_t number, struct nr_flow_beat *beats, uint32_t *numbers,
	double *ret_established)
{
	size_t count = load_records(look, number, beats, numbers, ret_established);
	return nr_flow_beats_join(beats, count, look->caches, look->exporters);
}

static void time_some(void *context, unsigned member)
{
	struct look *look = context;
	for (size_t i; (i = atomic_fetch_add(&look->next, 1)) < look->choice.count;) {
		double established;
		size_t count = load(look, i, look->beats[member], NULL, &established);
		nr_flow_timing_of(&look->timing, look->scratch[member], look->beats[member], count,
			&look->choice.items[i].timing);
	}
}

/* An exporter's own combs, of all candidates whose first beat passed it; they show its timers, too, where
 * nothing else told them. */
static void add_spectra(struct look *look)
{
	for (size_t i = 0; i < look->choice.count; i++) {
		double established;
		size_t count = load_records(look, i, look->beats[0], NULL, &established);
		if (count && look->beats[0][0].exporter < look->exporters)
			nr_flow_spectrum_add(
				look->spectra[look->beats[0][0].exporter], look->beats[0], count);
	}
	for (size_t i = 0; i < look->exporters; i++) {
		struct nr_flow_cache learnt = nr_flow_spectrum_timers(look->spectra[i]);
		if (!look->caches[i].active)
			look->caches[i].active = learnt.active;
		if (!look->caches[i].inactive)
			look->caches[i].inactive = learnt.inactive;
	}
}

/* ---- context ---- */

static bool is_pseudonym(const struct nr_address *address)
{
	static const uint8_t prefix[8] = {PSEUDONYM};
	return !memcmp(address->octets, prefix, sizeof prefix);
}

static bool is_private(const struct nr_address *address)
{
	if (!nr_address_is_ipv4(address))
		return (address->octets[0] & 0xfe) == 0xfc ||
		       (address->octets[0] == 0xfe && (address->octets[1] & 0xc0) == 0x80);
	uint32_t a = nr_address_ipv4(address);
	return a >> 24 == 10 || a >> 24 == 127 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 ||
	       a >> 16 == 0xa9fe || a >> 22 == 0x64400000u >> 22;
}

static struct nr_flow_context context_of(struct nr_flow_detect *d, const struct nr_flow_chosen *item)
{
	const struct nr_flow_server_entry *s = &item->server;
	struct nr_flow_context context = {
		.first = nr_flow_time_of(s->first),
		.last = nr_flow_time_of(s->last),
		.known_since = nr_flow_time_of(s->known_since),
		.flows = s->flows,
		.up_packets = s->up_packets,
		.down_packets = s->down_packets,
		.up_bytes = s->up_bytes,
		.down_bytes = s->down_bytes,
		.clients = nr_flow_sketch_count(&s->clients, s->few),
		.neighbourhood = item->neighbourhood,
		.services = item->services,
		.hours = {s->hours[0], s->hours[1], s->hours[2]},
		.sampling = s->sampling,
		.own = nr_flow_detect_is_own(d, &s->address),
		.is_private = is_private(&s->address),
	};
	struct nr_place place;
	nr_origin_find(&d->origin, &s->address, &place);
	context.as_number = place.asn;
	snprintf(context.country, sizeof context.country, "%.2s", place.country);
	/* without beats: as large a share of clients as of flows */
	context.established = s->flows ? context.clients * s->established / s->flows : 0;
	return context;
}

static int smaller(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* What else the clients do: how many other servers they have, whether they are known as infected. */
static void ask_clients(struct nr_flow_detect *d, struct nr_flow_client *clients, size_t count,
	struct nr_flow_context *context)
{
	double services[NR_FLOW_CLIENTS_MAX];
	size_t found = 0;
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < count; i++) {
		uint64_t hash = nr_flow_host_hash(&d->key, &clients[i].address);
		const struct nr_flow_host_entry *host =
			nr_flow_hosts_find(&d->hosts, &clients[i].address, hash);
		if (host)
			services[found++] = NR_MAX(nr_flow_host_services(host) - 1, 0.);
	}
	pthread_mutex_unlock(&d->lock);
	qsort(services, found, sizeof *services, smaller);
	context->client_services = found ? services[found / 2] : 0;
	for (size_t i = 0; d->conf.known && i < count; i++) {
		const struct nr_flow_server host = {.address = clients[i].address};
		clients[i].known_infected = nr_flow_known_find(d->conf.known, NR_FLOW_KNOWN_INFECTED, &host,
						    clients[i].last) != NULL;
		context->known_infected += clients[i].known_infected;
		context->known_clients += clients[i].known_infected || !is_pseudonym(&clients[i].address);
	}
}

/* ---- visits ---- */

static size_t list_clients(const struct look *look, const struct nr_flow_beat *beats, size_t count, bool *cut)
{
	size_t clients = 0;
	for (size_t i = 0; i < count; i++) {
		if (beats[i].client >= NR_FLOW_CLIENTS_MAX) {
			*cut = true;
			break;
		}
		struct nr_flow_client *client = &look->clients[beats[i].client];
		if (beats[i].client == clients) {
			clients++;
			*client = (struct nr_flow_client){
				.address = *nr_flow_beats_store_client(
					&look->gather.store, look->numbers[beats[i].client]),
				.first = beats[i].first,
				.last = beats[i].last,
				.refused_only = true,
			};
		}
		client->last = NR_MAX(client->last, beats[i].last);
		client->beats++;
		client->refused_only &= beats[i].refused;
	}
	return clients;
}

/* Of beats: what they are, whose they are, to whom the server spoke. */
static void add_beats(struct look *look, size_t number, struct nr_flow_candidate *candidate)
{
	double established;
	candidate->cut = look->gather.store.chains[number].cut;
	candidate->beat_count = load(look, number, look->beats[0], look->numbers, &established);
	candidate->client_count = list_clients(look, look->beats[0], candidate->beat_count, &candidate->cut);
	candidate->beats = look->beats[0];
	struct nr_flow_context *context = &candidate->context;
	if (!candidate->cut)
		context->clients = (double)candidate->client_count;
	double held = NR_MAX(candidate->timing.clients, 1u);
	context->established = established * NR_MAX(context->clients / held, 1.);
}

static void add_pairs(struct look *look, size_t number, struct nr_flow_candidate *candidate)
{
	const struct nr_flow_pair_range *range = &look->paired.ranges[number];
	const struct nr_flow_pair_entry *pairs = look->paired.pairs + range->begin;
	candidate->cut = range->cut;
	candidate->client_count = range->count;
	candidate->timing = nr_flow_paired_timing(pairs, range->count, look->choice.from, look->choice.to);
	for (size_t i = 0; i < range->count; i++)
		look->clients[i] = (struct nr_flow_client){
			.address = pairs[i].client,
			.first = nr_flow_time_of(pairs[i].first),
			.last = nr_flow_time_of(pairs[i].last),
			.beats = pairs[i].flows,
			.refused_only = pairs[i].refused >= pairs[i].flows,
		};
}

static int visit(struct look *look, size_t number)
{
	const struct nr_flow_chosen *item = &look->choice.items[number];
	struct nr_flow_candidate candidate = {
		.server = {item->server.address, item->server.port, item->server.protocol},
		.context = context_of(look->detect, item),
		.timing = item->timing,
		.clients = look->clients,
	};
	if (look->gathered)
		add_beats(look, number, &candidate);
	else
		add_pairs(look, number, &candidate);
	ask_clients(look->detect, look->clients, candidate.client_count, &candidate.context);
	struct nr_flow_context *context = &candidate.context; /* sketches of both have errors of their own */
	context->neighbourhood = NR_MAX(context->neighbourhood, context->clients);
	return look->visitor->candidate(look->visitor->context, &candidate);
}

/* ---- the look ---- */

static int copy_exporters(struct look *look, struct nr_error *error)
{
	struct nr_flow_detect *d = look->detect;
	pthread_mutex_lock(&d->lock);
	look->exporters = d->exporters.count;
	look->caches = calloc(look->exporters, sizeof *look->caches);
	for (size_t i = 0; look->caches && i < look->exporters; i++)
		look->caches[i] = nr_flow_detect_exporter_cache(d->exporters.items[i]);
	pthread_mutex_unlock(&d->lock);
	look->spectra = calloc(look->exporters, sizeof(struct nr_flow_spectrum *));
	int e = look->caches && look->spectra ? 0 : nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; !e && i < look->exporters; i++)
		e = nr_flow_spectrum_new(&look->spectra[i], error);
	return e;
}

static int prepare(struct look *look, struct nr_error *error)
{
	int e = copy_exporters(look, error);
	look->timing = (struct nr_flow_timing_conf){
		.from = look->choice.from,
		.to = look->choice.to,
		.caches = look->caches,
		.spectra = look->spectra,
		.cache_count = look->exporters,
		.baseline = look->detect->conf.baseline,
	};
	look->clients = malloc(NR_FLOW_CLIENTS_MAX * sizeof *look->clients);
	look->numbers = malloc(NR_FLOW_CLIENTS_MAX * sizeof *look->numbers);
	if (!e && (!look->clients || !look->numbers))
		e = nr_fail(error, -ENOMEM, "out of memory");
	for (unsigned i = 0; !e && i < look->threads; i++) {
		e = nr_flow_timing_scratch_new(&look->scratch[i], error);
		look->beats[i] = malloc(NR_FLOW_BEATS_MAX * sizeof *look->beats[i]);
		if (!e && !look->beats[i])
			e = nr_fail(error, -ENOMEM, "out of memory");
	}
	return e;
}

static int gather(struct look *look, const struct nr_flow_replay *replay, struct nr_error *error)
{
	int e = nr_flow_gather_init(&look->gather, look->detect, &look->choice, error);
	if (e)
		return e;
	look->gathered = true;
	nr_time to = look->choice.to < NR_TIME_MAX ? look->choice.to + 1 : NR_TIME_MAX;
	return replay->run(replay->context, look->choice.from, to, NR_FLOW_DETECT_COLUMNS,
		nr_flow_gather_take, &look->gather, error);
}

static void note(struct look *look)
{
	uint64_t beats = 0;
	for (size_t i = 0; look->gathered && i < look->choice.count; i++)
		beats += look->gather.store.chains[i].count;
	pthread_mutex_lock(&look->detect->lock);
	look->detect->state.candidates = look->choice.count;
	look->detect->state.beats = beats;
	look->detect->state.beats_let_go = look->gathered ? look->gather.store.let_go : 0;
	pthread_mutex_unlock(&look->detect->lock);
}

static int run(struct look *look, const struct nr_flow_replay *replay, struct nr_error *error)
{
	NR_AUTO(nr_crew_freep) struct nr_crew *crew = NULL;
	int e = nr_flow_choose(look->detect, &look->choice, error);
	if (!e)
		e = prepare(look, error);
	if (!e && replay)
		e = gather(look, replay, error);
	else if (!e)
		e = nr_flow_paired_init(&look->paired, look->detect, &look->choice, error);
	if (!e)
		e = nr_crew_new(look->threads, &crew, error);
	if (e)
		return e;
	if (look->gathered) {
		add_spectra(look);
		nr_crew_run(crew, time_some, look);
	}
	note(look);
	for (size_t i = 0; !e && look->visitor->candidate && i < look->choice.count; i++)
		e = visit(look, i);
	if (!e && look->visitor->host)
		e = nr_flow_visit_hosts(look->detect, look->visitor);
	return e ? nr_fail(error, e, "the look was ended by who was to judge (%s)", strerror(-e)) : 0;
}

int nr_flow_detect_look(struct nr_flow_detect *detect, const struct nr_flow_replay *replay,
	const struct nr_flow_visitor *visitor, struct nr_error *error)
{
	struct look *look = calloc(1, sizeof *look);
	if (!look)
		return nr_fail(error, -ENOMEM, "out of memory");
	look->detect = detect;
	look->visitor = visitor;
	look->threads = NR_MIN(NR_MAX(detect->conf.threads, 1u), (unsigned)NR_CREW_MAX);
	int e = run(look, replay, error);
	look_fini(look);
	free(look);
	return e;
}
