/* SPDX-License-Identifier: Apache-2.0 */
/* The judge: takes evidence as it comes, weighs it all at the end, and says why. */
#include "sense/flow/detect/judge/verdict_inside.h"

#include <errno.h>
#include <math.h>

const char *const nr_flow_verdict_names[NR_FLOW_VERDICT_KINDS] = {
	"c2-server", "infected-host", "scanner", "ddos-source", "ddos-victim"};

int nr_flow_judge_new(
	const struct nr_flow_judge_conf *conf, struct nr_flow_judge **ret_judge, struct nr_error *error)
{
	struct nr_flow_judge *judge = calloc(1, sizeof *judge);
	if (!judge)
		return nr_fail(error, -ENOMEM, "out of memory");
	judge->conf = *conf;
	judge->calibration = conf->calibration ? conf->calibration : &nr_flow_calibration_built_in;
	judge->shift = (struct nr_flow_shift){1, 0};
	*ret_judge = judge;
	return 0;
}

void nr_flow_judge_free(struct nr_flow_judge *judge)
{
	if (!judge)
		return;
	for (size_t i = 0; i < judge->kept_count; i++)
		free(judge->kept[i].clients);
	free(judge->kept);
	free(judge->records);
	free(judge->hosts);
	free(judge->verdicts);
	free(judge);
}

void nr_flow_judge_freep(struct nr_flow_judge **judge)
{
	nr_flow_judge_free(*judge);
}

void nr_flow_judge_keep_all(struct nr_flow_judge *judge)
{
	judge->keep_all = true;
}

int nr_flow_grow(void **items, size_t count, size_t *room, size_t element, struct nr_error *error)
{
	if (count < *room)
		return 0;
	size_t more = *room ? *room * 2 : 64;
	void *grown = realloc(*items, more * element);
	if (!grown)
		return nr_fail(error, -ENOMEM, "out of memory for %zu verdicts", more);
	*items = grown;
	*room = more;
	return 0;
}

/* ---- servers ---- */

#define SURE_AT_MOST 11.0 /* nats: flows alone are right to one in 60,000 at best; people know better */

double nr_flow_judge_weigh(const struct nr_flow_judge *judge, const struct nr_flow_record *record,
	double terms[static NR_FLOW_TERMS_MAX], double fixed[static NR_FLOW_FIXED_TERMS])
{
	const struct nr_flow_weights *weights = &judge->calibration->models[record->model];
	/* a guess of two infected clients is shared by all before any is seen */
	double rate = (double)(judge->infected + 2) / (double)(judge->looked_up + 200);
	double own = weights->bias + nr_flow_fuse(weights, record->model, &record->evidence, terms);
	double shifted = judge->shift.slope * own + judge->shift.offset;
	return NR_MAX(-SURE_AT_MOST, NR_MIN(SURE_AT_MOST, shifted)) +
	       nr_flow_outside_weigh(&record->outside, rate, fixed);
}

static int keep(
	struct nr_flow_judge *judge, const struct nr_flow_candidate *candidate, struct nr_error *error)
{
	size_t clients = NR_MIN(candidate->client_count, (size_t)NR_FLOW_CLIENTS_MAX);
	if (judge->kept_count >= NR_FLOW_KEPT_MAX || judge->kept_clients + clients > NR_FLOW_KEPT_CLIENTS) {
		judge->let_go++;
		return 0;
	}
	int e = nr_flow_grow(
		(void **)&judge->kept, judge->kept_count, &judge->kept_room, sizeof *judge->kept, error);
	struct nr_flow_client *copy = e ? NULL : malloc(NR_MAX(clients, (size_t)1) * sizeof *copy);
	if (!copy)
		return e ? e : nr_fail(error, -ENOMEM, "out of memory");
	if (clients)
		memcpy(copy, candidate->clients, clients * sizeof *copy);
	judge->records[judge->record_count].kept = (uint32_t)judge->kept_count;
	judge->kept[judge->kept_count++] = (struct nr_flow_kept){
		(uint32_t)judge->record_count, candidate->context, candidate->timing, copy, clients};
	judge->kept_clients += clients;
	return 0;
}

int nr_flow_judge_candidate(
	struct nr_flow_judge *judge, const struct nr_flow_candidate *candidate, struct nr_error *error)
{
	const struct nr_flow_context *context = &candidate->context;
	double terms[NR_FLOW_TERMS_MAX], fixed[NR_FLOW_FIXED_TERMS];
	int e = nr_flow_grow((void **)&judge->records, judge->record_count, &judge->record_room,
		sizeof *judge->records, error);
	if (e)
		return e;
	struct nr_flow_record *record = &judge->records[judge->record_count];
	*record = (struct nr_flow_record){.server = candidate->server,
		.kept = NR_FLOW_NOT_KEPT,
		.rita = (float)candidate->timing.rita_best,
		.sampling = context->sampling,
		.outside = {.scan_share = context->scan_share}};
	if (nr_flow_known_count(judge->conf.known, NR_FLOW_KNOWN_INFECTED)) {
		record->outside.infected = context->known_infected;
		record->outside.looked_up = context->known_clients;
	}
	record->model = (uint8_t)nr_flow_evidence_of(candidate, judge->conf.window, &record->evidence);
	nr_flow_outside_of(judge->conf.known, &record->server, context->last, &record->outside);
	judge->infected += record->outside.infected;
	judge->looked_up += record->outside.looked_up;
	judge->networks_known |= context->as_number != 0;
	judge->most_clients = NR_MAX(judge->most_clients, context->clients);
	judge->history_known |= context->known_since < context->first && context->known_since != NR_TIME_MIN;
	/* what is not yet known (the rate of infected ones) moves the sum by little: keep more than is told
	 */
	if (nr_flow_sigmoid(nr_flow_judge_weigh(judge, record, terms, fixed)) >= NR_FLOW_TOLD / 100)
		e = keep(judge, candidate, error);
	judge->record_count += !e;
	return e;
}

double nr_flow_judge_likelihood(const struct nr_flow_judge *judge)
{
	double terms[NR_FLOW_TERMS_MAX], fixed[NR_FLOW_FIXED_TERMS];
	return judge->record_count ? nr_flow_sigmoid(nr_flow_judge_weigh(
					     judge, &judge->records[judge->record_count - 1], terms, fixed))
				   : 0;
}

/* ---- hosts ---- */

static int add_host(
	struct nr_flow_judge *judge, const struct nr_flow_host_record *record, struct nr_error *error)
{
	if (judge->host_count >= NR_FLOW_KEPT_MAX && !judge->keep_all) {
		judge->let_go++;
		return 0;
	}
	int e = nr_flow_grow(
		(void **)&judge->hosts, judge->host_count, &judge->host_room, sizeof *judge->hosts, error);
	if (!e)
		judge->hosts[judge->host_count++] = *record;
	return e;
}

int nr_flow_judge_host(struct nr_flow_judge *judge, const struct nr_flow_host *host, struct nr_error *error)
{
	struct nr_flow_host_record record = {.host = *host, .model = NR_FLOW_MODELS};
	struct nr_flow_server server = {.address = host->address};
	double terms[NR_FLOW_TERMS_MAX];
	int e = 0;
	judge->hosts_judged++;
	record.infected = nr_flow_known_find(judge->conf.known, NR_FLOW_KNOWN_INFECTED, &server, host->last);
	if (record.infected) {
		record.confidence = NR_MAX(0, NR_MIN(record.infected->weight, 1));
		record.log_odds = log((record.confidence + 1e-3) / (1 - record.confidence + 1e-3));
		e = add_host(judge, &record, error);
		record.infected = NULL;
	}
	for (unsigned m = NR_FLOW_MODEL_SCANNER; !e && m < NR_FLOW_MODELS; m++) {
		const struct nr_flow_weights *weights = &judge->calibration->models[m];
		record.model = m;
		nr_flow_evidence_of_host(host, m, &record.evidence);
		record.log_odds = weights->bias + nr_flow_fuse(weights, m, &record.evidence, terms);
		record.confidence = nr_flow_sigmoid(record.log_odds);
		if (judge->keep_all || record.confidence >= NR_FLOW_TOLD)
			e = add_host(judge, &record, error);
	}
	return e;
}

/* ---- verdicts ---- */

struct nr_flow_verdict *nr_flow_judge_add(
	struct nr_flow_judge *judge, enum nr_flow_verdict_kind kind, struct nr_error *error)
{
	if (nr_flow_grow((void **)&judge->verdicts, judge->verdict_count, &judge->verdict_room,
		    sizeof *judge->verdicts, error))
		return NULL;
	struct nr_flow_verdict *verdict = &judge->verdicts[judge->verdict_count++];
	*verdict = (struct nr_flow_verdict){.kind = kind};
	return verdict;
}

#define WEIGHT_TOLD 0.05 /* nats: what weighs less is no reason */

/* The heaviest first; where there is no room the lightest goes. */
void nr_flow_reason_add(struct nr_flow_verdict *verdict, const char *code, double value, double weight,
	const struct nr_flow_words *words)
{
	size_t at = verdict->reason_count;
	while (at && fabs(verdict->reasons[at - 1].weight) < fabs(weight))
		at--;
	if (at == NR_FLOW_REASONS_MAX || fabs(weight) < WEIGHT_TOLD)
		return;
	size_t behind = NR_MIN(verdict->reason_count, (size_t)NR_FLOW_REASONS_MAX - 1) - at;
	memmove(&verdict->reasons[at + 1], &verdict->reasons[at], behind * sizeof verdict->reasons[0]);
	verdict->reason_count = at + behind + 1;
	struct nr_flow_reason *reason = &verdict->reasons[at];
	*reason = (struct nr_flow_reason){.code = code, .value = value, .weight = weight};
	snprintf(reason->text_en, sizeof reason->text_en, "%s", words->en);
	snprintf(reason->text_ja, sizeof reason->text_ja, "%s", words->ja);
}

static void reason_server(const struct nr_flow_kept *kept, const struct nr_flow_record *record,
	const double *terms, const double *fixed, struct nr_flow_verdict *verdict)
{
	size_t count;
	const struct nr_flow_term *known = nr_flow_terms(record->model, &count);
	struct nr_flow_words words;
	double value;
	for (size_t i = 0; i < count; i++) {
		if (fabs(terms[i]) < WEIGHT_TOLD)
			continue;
		nr_flow_evidence_say(&kept->context, &kept->timing, &record->server, i,
			(double)record->evidence.values[i], &words, &value);
		nr_flow_reason_add(verdict, known[i].code, value, terms[i], &words);
	}
	for (unsigned i = 0; i < NR_FLOW_FIXED_TERMS; i++) {
		if (fabs(fixed[i]) < WEIGHT_TOLD)
			continue;
		nr_flow_outside_say(&record->outside, i, &words, &value);
		nr_flow_reason_add(verdict, nr_flow_fixed_codes[i], value, fixed[i], &words);
	}
}

static int judge_server(struct nr_flow_judge *judge, struct nr_flow_record *record, struct nr_error *error)
{
	double terms[NR_FLOW_TERMS_MAX], fixed[NR_FLOW_FIXED_TERMS];
	double log_odds = nr_flow_judge_weigh(judge, record, terms, fixed);
	record->log_odds = (float)log_odds;
	record->confidence = (float)nr_flow_sigmoid(log_odds);
	if (record->kept == NR_FLOW_NOT_KEPT || record->confidence < (float)NR_FLOW_TOLD)
		return 0;
	const struct nr_flow_kept *kept = &judge->kept[record->kept];
	struct nr_flow_verdict *verdict = nr_flow_judge_add(judge, NR_FLOW_C2_SERVER, error);
	if (!verdict)
		return -ENOMEM;
	verdict->subject = record->server;
	verdict->llr = log_odds - judge->calibration->models[record->model].bias;
	verdict->confidence = nr_flow_sigmoid(log_odds);
	verdict->clients = (uint64_t)llround(NR_MAX(kept->context.clients, 0));
	verdict->first = kept->context.first;
	verdict->last = kept->context.last;
	reason_server(kept, record, terms, fixed, verdict);
	return 0;
}

/* What a host does it does to somebody: who or which port, where there is one. */
static void name_host(const struct nr_flow_host_record *record, struct nr_flow_verdict *verdict)
{
	const struct nr_flow_host *host = &record->host;
	verdict->subject.address = host->address;
	verdict->first = host->first;
	verdict->last = host->last;
	if (record->model == NR_FLOW_MODEL_SCANNER) {
		verdict->clients = (uint64_t)llround(NR_MAX(host->peers_out, 0));
		if (host->top_port_share >= 0.5) {
			verdict->subject.port = host->top_port;
			verdict->subject.protocol = host->top_protocol;
		}
	} else if (record->model == NR_FLOW_MODEL_VICTIM) {
		verdict->clients = (uint64_t)llround(NR_MAX(host->peers_in, 0));
	}
}

static int judge_host(
	struct nr_flow_judge *judge, const struct nr_flow_host_record *record, struct nr_error *error)
{
	static const enum nr_flow_verdict_kind kinds[NR_FLOW_MODELS + 1] = {
		[NR_FLOW_MODEL_SCANNER] = NR_FLOW_SCANNER,
		[NR_FLOW_MODEL_SOURCE] = NR_FLOW_DDOS_SOURCE,
		[NR_FLOW_MODEL_VICTIM] = NR_FLOW_DDOS_VICTIM,
		[NR_FLOW_MODELS] = NR_FLOW_INFECTED_HOST};
	struct nr_flow_words words;
	double terms[NR_FLOW_TERMS_MAX], value;
	size_t count;
	if (record->confidence < NR_FLOW_TOLD)
		return 0;
	struct nr_flow_verdict *verdict = nr_flow_judge_add(judge, kinds[record->model], error);
	if (!verdict)
		return -ENOMEM;
	name_host(record, verdict);
	verdict->confidence = record->confidence;
	verdict->llr = record->log_odds;
	if (record->infected) {
		verdict->follows = true;
		NR_FLOW_SAY(&words, "known as infected: %s (%.0f %% sure)",
			"感染が判明している: %s（確信度%.0f%%）", record->infected->source,
			record->confidence * 100);
		nr_flow_reason_add(verdict, "known-infected", record->confidence, record->log_odds, &words);
		return 0;
	}
	const struct nr_flow_weights *weights = &judge->calibration->models[record->model];
	const struct nr_flow_term *known = nr_flow_terms(record->model, &count);
	verdict->llr = nr_flow_fuse(weights, record->model, &record->evidence, terms);
	for (size_t i = 0; i < count; i++) {
		if (fabs(terms[i]) < WEIGHT_TOLD)
			continue;
		nr_flow_evidence_say_host(&record->host, record->model, (unsigned)i, &words, &value);
		nr_flow_reason_add(verdict, known[i].code, value, terms[i], &words);
	}
	return 0;
}

/* ---- the end ---- */

#define FEW_CLIENTS 10 /* of the server that has most */

/* Where no database was given nobody can tell whose a network is; on the first day all is new; and where a
 * handful of hosts is watched nothing is popular. */
static void forget_unknown(struct nr_flow_judge *judge)
{
	for (size_t i = 0; i < judge->record_count; i++) {
		if (!judge->networks_known)
			judge->records[i].evidence.values[NR_FLOW_TERM_AS] = NAN;
		if (!judge->history_known)
			judge->records[i].evidence.values[NR_FLOW_TERM_AGE] = NAN;
		if (judge->most_clients < FEW_CLIENTS) {
			judge->records[i].evidence.values[NR_FLOW_TERM_POPULARITY] = NAN;
			judge->records[i].evidence.values[NR_FLOW_TERM_NEIGHBOURHOOD] = NAN;
		}
	}
}

/* What people said of servers that are here tells how far the judge is off in this network. */
static int learn_from_answers(struct nr_flow_judge *judge, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_flow_answer *answers = NULL;
	double terms[NR_FLOW_TERMS_MAX];
	size_t room = 0;
	for (size_t i = 0; i < judge->record_count; i++) {
		struct nr_flow_record *record = &judge->records[i];
		const struct nr_flow_weights *weights = &judge->calibration->models[record->model];
		if (!record->outside.confirmed && !record->outside.benign)
			continue;
		int e = nr_flow_grow((void **)&answers, judge->answers, &room, sizeof *answers, error);
		if (e)
			return e;
		record->own = (float)(weights->bias +
				      nr_flow_fuse(weights, record->model, &record->evidence, terms));
		answers[judge->answers++] =
			(struct nr_flow_answer){(double)record->own, record->outside.confirmed != NULL};
	}
	judge->shift = nr_flow_shift_of(answers, judge->answers);
	return 0;
}

int nr_flow_judge_finish(struct nr_flow_judge *judge, struct nr_error *error)
{
	forget_unknown(judge);
	int e = learn_from_answers(judge, error);
	for (size_t i = 0; !e && i < judge->record_count; i++)
		e = judge_server(judge, &judge->records[i], error);
	for (size_t i = 0; !e && i < judge->host_count; i++)
		e = judge_host(judge, &judge->hosts[i], error);
	if (!e)
		e = nr_flow_judge_follow(judge, error);
	if (e)
		return e;
	nr_flow_judge_budget(judge);
	nr_flow_judge_compare(judge);
	return 0;
}

const struct nr_flow_verdict *nr_flow_judge_verdicts(const struct nr_flow_judge *judge, size_t *ret_count)
{
	*ret_count = judge->verdict_count;
	return judge->verdicts;
}
