/* SPDX-License-Identifier: Apache-2.0 */
/* One look at the day so far: candidates are read a second time, judged, and become rows and findings. */
#include "serve/flow_finder_inside.h"

#include "base/log.h"
#include "serve/flow_api.h"
#include "store/flows/archive.h"

#include <errno.h>
#include <string.h>

#define SPARED        0.9 /* so sure an alarm need not wait for its share of the day's budget */
#define LIKELY_ENOUGH (NR_FLOW_TOLD / 4)

/* What is kept of a candidate until the judge has finished. */
struct kept {
	struct nr_flow_server server;
	double likelihood, period;
	uint32_t as;
	char country[3];
	struct nr_flow_meeting_row *meetings; /* owned; clients only */
	size_t meeting_count;
	struct raster {
		struct nr_flow_client client;
		char bins[NR_FLOW_BEAT_BINS + 1];
	} * raster; /* owned; NULL: none */
	size_t raster_count;
};

struct look {
	struct nr_flow_finder *finder;
	struct nr_flow_judge *judge;
	struct nr_flow_archive *archive;
	nr_time day, since;
	struct kept *kept; /* owned; NR_FLOW_SERVERS_KEPT */
	size_t kept_count, raster_count;
	size_t *number; /* owned: scratch of the raster: which clients have a row */
	struct nr_flow_found *found;
	struct nr_error error;
};

/* ---- second reading ---- */

struct handing {
	struct nr_flow_finder *finder;
	int (*take)(void *taker, const struct nr_flow_block *block);
	void *taker;
};

static int hand_on(void *context, unsigned thread, const struct nr_flow_block *block)
{
	const struct handing *handing = context;
	(void)thread;
	if (handing->finder->stop)
		return -ECANCELED;
	return handing->take(handing->taker, block);
}

static int replay(void *context, nr_time from, nr_time to, uint64_t columns,
	int (*take)(void *taker, const struct nr_flow_block *block), void *taker, struct nr_error *error)
{
	struct look *look = context;
	struct handing handing = {look->finder, take, taker};
	const struct nr_flow_wanted wanted = {.from = NR_MAX(from, look->day),
		.to = NR_MIN(to, look->day + NR_DAY),
		.columns = columns,
		.threads = 1};
	struct nr_flow_scan scanned;
	return nr_flow_archive_scan(look->archive, &wanted, hand_on, &handing, &scanned, error);
}

/* ---- candidates ---- */

static void kept_fini(struct kept *kept)
{
	free(kept->meetings);
	free(kept->raster);
	kept->meetings = NULL;
	kept->raster = NULL;
}

/* The place of a candidate that is so likely: a free one, or that of the least likely. */
static struct kept *place_for(struct look *look, double likelihood)
{
	if (look->kept_count < NR_FLOW_SERVERS_KEPT)
		return &look->kept[look->kept_count++];
	struct kept *least = look->kept;
	for (size_t i = 1; i < look->kept_count; i++)
		if (look->kept[i].likelihood < least->likelihood)
			least = &look->kept[i];
	return likelihood > least->likelihood ? least : NULL;
}

/* Only the likeliest have one: the least likely gives it up. */
static bool may_have_raster(struct look *look, const struct kept *kept)
{
	struct kept *least = NULL;
	if (look->raster_count < NR_FLOW_RASTERS_KEPT)
		return true;
	for (size_t i = 0; i < look->kept_count; i++)
		if (look->kept[i].raster && (!least || look->kept[i].likelihood < least->likelihood))
			least = &look->kept[i];
	if (!least || least->likelihood >= kept->likelihood)
		return false;
	free(least->raster);
	least->raster = NULL;
	look->raster_count--;
	return true;
}

static int busiest_first(const void *a, const void *b)
{
	const struct nr_flow_meeting_row *x = a, *y = b;
	return (x->beats < y->beats) - (x->beats > y->beats);
}

static int keep_meetings(struct look *look, struct kept *kept, const struct nr_flow_candidate *candidate)
{
	struct nr_flow_meeting_row *rows = malloc(NR_MAX(candidate->client_count, (size_t)1) * sizeof *rows);
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < candidate->client_count; i++) {
		const struct nr_flow_client *client = &candidate->clients[i];
		rows[i] = (struct nr_flow_meeting_row){.sensor = look->finder->conf.sensor,
			.time = look->day,
			.address = kept->server.address,
			.port = kept->server.port,
			.protocol = kept->server.protocol,
			.client = client->address,
			.since = look->since,
			.first = NR_MAX(client->first, look->day),
			.last = client->last,
			.beats = client->beats,
			.known_infected = client->known_infected};
	}
	qsort(rows, candidate->client_count, sizeof *rows, busiest_first);
	kept->meeting_count = NR_MIN(candidate->client_count, (size_t)NR_FLOW_MEETINGS_KEPT);
	struct nr_flow_meeting_row *fewer =
		realloc(rows, NR_MAX(kept->meeting_count, (size_t)1) * sizeof *rows);
	kept->meetings = fewer ? fewer : rows;
	return 0;
}

/* The first clients of the day: which ones they are does not change while the day goes on. */
static void choose_clients(struct look *look, struct kept *kept, const struct nr_flow_candidate *candidate)
{
	kept->raster_count = 0;
	for (size_t i = 0; i < candidate->client_count; i++) {
		const struct nr_flow_client *client = &candidate->clients[i];
		size_t at = kept->raster_count;
		while (at && candidate->clients[look->number[at - 1]].first > client->first)
			at--;
		if (at == NR_FLOW_BEAT_CLIENTS)
			continue;
		size_t moved = NR_MIN(kept->raster_count, (size_t)NR_FLOW_BEAT_CLIENTS - 1) - at;
		memmove(&look->number[at + 1], &look->number[at], moved * sizeof *look->number);
		look->number[at] = i;
		kept->raster_count = at + moved + 1;
	}
}

static void count_beats(const struct look *look, struct raster *raster, uint32_t number,
	const struct nr_flow_candidate *candidate)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t counts[NR_FLOW_BEAT_BINS] = {0};
	for (size_t i = 0; i < candidate->beat_count; i++) {
		nr_time into = candidate->beats[i].first - look->day;
		if (candidate->beats[i].client == number && into >= 0 && into < NR_DAY)
			counts[into / (NR_DAY / NR_FLOW_BEAT_BINS)]++;
	}
	for (size_t bin = 0; bin < NR_FLOW_BEAT_BINS; bin++)
		raster->bins[bin] = digits[NR_MIN(counts[bin], 15u)];
	raster->bins[NR_FLOW_BEAT_BINS] = '\0';
}

static int keep_raster(struct look *look, struct kept *kept, const struct nr_flow_candidate *candidate)
{
	if (!may_have_raster(look, kept))
		return 0;
	choose_clients(look, kept, candidate);
	kept->raster = calloc(NR_MAX(kept->raster_count, (size_t)1), sizeof *kept->raster);
	if (!kept->raster)
		return -ENOMEM;
	look->raster_count++;
	for (size_t i = 0; i < kept->raster_count; i++) {
		kept->raster[i].client = candidate->clients[look->number[i]];
		count_beats(look, &kept->raster[i], (uint32_t)look->number[i], candidate);
	}
	return 0;
}

static int visit_candidate(void *context, const struct nr_flow_candidate *candidate)
{
	struct look *look = context;
	if (look->finder->stop)
		return -ECANCELED;
	int e = nr_flow_judge_candidate(look->judge, candidate, &look->error);
	double likelihood = e ? 0 : nr_flow_judge_likelihood(look->judge);
	struct kept *kept = e || likelihood < LIKELY_ENOUGH ? NULL : place_for(look, likelihood);
	if (!kept)
		return e;
	look->raster_count -= kept->raster != NULL;
	kept_fini(kept);
	*kept = (struct kept){.server = candidate->server,
		.likelihood = likelihood,
		.period = candidate->timing.comb_period,
		.as = candidate->context.as_number};
	memcpy(kept->country, candidate->context.country, sizeof kept->country);
	e = keep_meetings(look, kept, candidate);
	return e ? e : keep_raster(look, kept, candidate);
}

static int visit_host(void *context, const struct nr_flow_host *host)
{
	struct look *look = context;
	return look->finder->stop ? -ECANCELED : nr_flow_judge_host(look->judge, host, &look->error);
}

/* ---- verdicts ---- */

/* Of an alarm that was not told today. The budget is spent as the day goes on, so that a weak alarm of the
 * morning does not take the place of a sure one of the evening. */
static bool may_tell(const struct look *look, const struct nr_flow_verdict *verdict)
{
	struct nr_flow_finder *f = look->finder;
	double budget = f->conf.options->alarms_per_day;
	double passed = (double)NR_MIN(nr_time_now() - look->day, NR_DAY) / NR_DAY;
	if (verdict->follows)
		return verdict->confidence >= NR_FLOW_ALARM_FLOOR;
	if (nr_flow_told_has(&f->told, verdict->kind, &verdict->subject.address))
		return true;
	pthread_mutex_lock(&f->told.lock);
	double told = (double)f->told.alarms;
	pthread_mutex_unlock(&f->told.lock);
	double allowed = verdict->confidence >= SPARED ? budget : NR_MAX(budget * passed, NR_MIN(budget, 1.));
	return verdict->alarm && told < allowed;
}

static const char *similar_of(struct look *look, const struct nr_flow_verdict *verdict)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	char protocol[NR_FLOW_PROTOCOL_TEXT];
	nr_json_init(&json);
	nr_json_array(&json, NULL);
	for (size_t i = 0; i < verdict->similar_count; i++) {
		nr_json_object(&json, NULL);
		nr_json_address(&json, "address", &verdict->similar[i].address);
		nr_json_uint(&json, "port", verdict->similar[i].port);
		nr_json_text(
			&json, "protocol", nr_flow_protocol_write(verdict->similar[i].protocol, protocol));
		nr_json_object_end(&json);
	}
	nr_json_array_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		return nr_flow_found_text(look->found, json.bytes);
	look->found->failed = true;
	return "[]";
}

static const struct kept *kept_of(const struct look *look, const struct nr_flow_server *server)
{
	for (size_t i = 0; i < look->kept_count; i++) {
		const struct nr_flow_server *of = &look->kept[i].server;
		if (of->port == server->port && of->protocol == server->protocol &&
			nr_address_equal(&of->address, &server->address))
			return &look->kept[i];
	}
	return NULL;
}

static void add_server(
	struct look *look, const struct nr_flow_verdict *verdict, const struct kept *kept, bool told)
{
	struct nr_flow_found *found = look->found;
	struct nr_flow_finder *f = look->finder;
	bool client = nr_flow_finder_is_client(f, &verdict->subject.address);
	struct nr_flow_server_row *row = nr_flow_found_add(
		found, &found->servers, &found->server_count, &found->server_room, sizeof *found->servers);
	if (!row)
		return;
	*row = (struct nr_flow_server_row){.sensor = f->conf.sensor,
		.time = look->day,
		.address = verdict->subject.address,
		.port = verdict->subject.port,
		.protocol = verdict->subject.protocol,
		.since = client ? look->since : NR_TIME_MAX,
		.rank = (uint32_t)found->server_count,
		.confidence = verdict->confidence,
		.llr = verdict->llr,
		.alarm = told,
		.clients = verdict->clients,
		.first = NR_MAX(verdict->first, look->day),
		.last = verdict->last,
		.looked = nr_time_now(),
		.as = kept ? kept->as : 0,
		.country = nr_flow_found_text(found, kept ? kept->country : ""),
		.period = kept ? kept->period : 0,
		.feedback = nr_flow_notebook_verdict(f->notebook, &verdict->subject),
		.reasons = nr_flow_found_reasons(found, verdict),
		.similar = similar_of(look, verdict)};
}

static void add_clients(struct look *look, const struct kept *kept)
{
	struct nr_flow_found *found = look->found;
	for (size_t i = 0; i < kept->meeting_count; i++) {
		struct nr_flow_meeting_row *row = nr_flow_found_add(found, &found->meetings,
			&found->meeting_count, &found->meeting_room, sizeof *found->meetings);
		if (row)
			*row = kept->meetings[i];
	}
	for (size_t i = 0; kept->raster && i < kept->raster_count; i++) {
		const struct nr_flow_client *client = &kept->raster[i].client;
		struct nr_flow_beat_row *row = nr_flow_found_add(
			found, &found->beats, &found->beat_count, &found->beat_room, sizeof *found->beats);
		if (row)
			*row = (struct nr_flow_beat_row){.sensor = look->finder->conf.sensor,
				.time = look->day,
				.address = kept->server.address,
				.port = kept->server.port,
				.protocol = kept->server.protocol,
				.client = client->address,
				.since = look->since,
				.first = NR_MAX(client->first, look->day),
				.last = client->last,
				.beats = client->beats,
				.known_infected = client->known_infected,
				.bins = nr_flow_found_text(found, kept->raster[i].bins)};
	}
}

/* A server in an own network is a client that others may not be told of for longer than its flows. */
static void leave_out_clients(const struct nr_flow_finder *f, struct nr_flow_verdict *verdict)
{
	size_t kept = 0;
	for (size_t i = 0; i < verdict->similar_count; i++)
		if (!nr_flow_finder_is_client(f, &verdict->similar[i].address))
			verdict->similar[kept++] = verdict->similar[i];
	verdict->similar_count = kept;
}

static void add_verdict(struct look *look, const struct nr_flow_verdict *verdict)
{
	struct nr_flow_found *found = look->found;
	bool tell = may_tell(look, verdict);
	bool server = verdict->kind == NR_FLOW_C2_SERVER;
	if (!tell && (server ? found->server_count >= NR_FLOW_SERVERS_KEPT
			     : found->host_count >= NR_FLOW_HOSTS_KEPT))
		return;
	struct nr_flow_verdict said = *verdict;
	leave_out_clients(look->finder, &said);
	nr_flow_found_verdict(look->finder, found, &said, tell, look->since);
	if (!server)
		return;
	const struct kept *kept = kept_of(look, &verdict->subject);
	add_server(look, &said, kept, tell);
	if (kept)
		add_clients(look, kept);
}

/* Likeliest first, whatever of it is an alarm: that is what a rank says. */
static int by_confidence(const void *a, const void *b)
{
	const struct nr_flow_verdict *x = *(const struct nr_flow_verdict *const *)a,
				     *y = *(const struct nr_flow_verdict *const *)b;
	if (x->confidence != y->confidence)
		return x->confidence < y->confidence ? 1 : -1;
	return (x > y) - (x < y);
}

static int add_verdicts(struct look *look)
{
	size_t count;
	const struct nr_flow_verdict *verdicts = nr_flow_judge_verdicts(look->judge, &count);
	const struct nr_flow_verdict **order = calloc(count + 1, sizeof *order);
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		order[i] = &verdicts[i];
	qsort(order, count, sizeof *order, by_confidence);
	for (size_t i = 0; i < count && !look->found->failed; i++)
		add_verdict(look, order[i]);
	free(order);
	return look->found->failed ? nr_fail(&look->error, -ENOMEM, "out of memory for rows of verdicts") : 0;
}

/* ---- one look ---- */

static int open_look(struct look *look)
{
	struct nr_flow_finder *f = look->finder;
	look->kept = calloc(NR_FLOW_SERVERS_KEPT, sizeof *look->kept);
	look->number = calloc(NR_FLOW_BEAT_CLIENTS + 1, sizeof *look->number);
	look->found = nr_flow_found_new(look->day);
	if (!look->kept || !look->number || !look->found)
		return nr_fail(&look->error, -ENOMEM, "out of memory");
	int e = nr_flow_archive_open(
		f->conf.archive, NR_FLOW_ARCHIVE_READ, NULL, &look->archive, &look->error);
	if (e)
		return e;
	look->since = NR_MAX(nr_flow_archive_state(look->archive).oldest, look->day);
	return nr_flow_finder_learn(f, look->day, &look->error);
}

static void close_look(struct look *look)
{
	for (size_t i = 0; look->kept && i < look->kept_count; i++)
		kept_fini(&look->kept[i]);
	free(look->kept);
	free(look->number);
	nr_flow_found_free(look->found);
	nr_flow_judge_free(look->judge);
	nr_flow_archive_close(look->archive);
}

static int judge(struct look *look)
{
	struct nr_flow_finder *f = look->finder;
	const struct nr_flow_replay again = {replay, look};
	const struct nr_flow_visitor visitor = {visit_candidate, visit_host, look};
	struct nr_flow_detect_state state = nr_flow_detect_state(f->detect);
	struct nr_error reason = {0};
	const struct nr_flow_judge_conf conf = {.alarms_per_day = f->conf.options->alarms_per_day,
		.window = state.flows ? NR_MIN(NR_MAX(state.to - state.from, 0), NR_DAY) : 0,
		.known = f->known};
	int e = nr_flow_api_note(
		f->flow_api, "detect", "c2-detection", "the flows of the day, by serve", &look->error);
	if (!e)
		e = nr_flow_judge_new(&conf, &look->judge, &look->error);
	if (!e)
		e = nr_flow_detect_look(f->detect, &again, &visitor, &reason);
	if (e && !look->error.text[0])
		look->error = reason;
	if (!e)
		e = nr_flow_judge_finish(look->judge, &look->error);
	return e ? e : add_verdicts(look);
}

static void begin_look(struct nr_flow_finder *f)
{
	pthread_mutex_lock(&f->lock);
	f->look.running = true;
	pthread_mutex_unlock(&f->lock);
}

static void end_look(struct nr_flow_finder *f, nr_time began, const char *failed)
{
	pthread_mutex_lock(&f->lock);
	f->look.running = false;
	f->look.last = nr_time_now();
	f->look.duration = f->look.last - began;
	snprintf(f->look.failed, sizeof f->look.failed, "%s", failed);
	pthread_mutex_unlock(&f->lock);
	if (*failed)
		nr_log(NR_LOG_WARNING, "detect", "reason", failed, "remedy",
			"the next look tries again; flows are kept meanwhile", NULL);
}

void nr_flow_finder_look(struct nr_flow_finder *f, nr_time day)
{
	struct look look = {.finder = f, .day = day};
	nr_time began = nr_time_now();
	if (nr_flow_detect_state(f->detect).flows == 0)
		return;
	begin_look(f);
	int e = open_look(&look);
	if (!e)
		e = judge(&look);
	if (!e)
		nr_flow_finder_put(f, nr_steal(&look.found));
	if (!f->stop)
		end_look(f, began, e ? look.error.text : "");
	close_look(&look);
}
