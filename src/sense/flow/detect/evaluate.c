/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/evaluate.h"
#include "sense/flow/detect/judge/known_inside.h"

#include <errno.h>
#include <math.h>

#define BACKGROUND     UINT32_MAX
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define BINS           10 /* of confidence */

void nr_flow_evaluation_fini(struct nr_flow_evaluation *evaluation)
{
	free(evaluation->servers);
	evaluation->servers = NULL;
}

double nr_flow_precision(const struct nr_flow_hits *hits)
{
	uint64_t all = hits->right + hits->wrong;
	return all ? (double)hits->right / (double)all : NAN;
}

double nr_flow_recall(const struct nr_flow_hits *hits)
{
	uint64_t all = hits->right + hits->missed;
	return all ? (double)hits->right / (double)all : NAN;
}

/* ---- what was judged ---- */

static int add_server(struct nr_flow_evaluation *v, const struct nr_flow_server *server, double confidence,
	double rita, double sampling, struct nr_error *error)
{
	struct nr_flow_true_server *truth = nr_flow_truth_server(v->truth, server);
	int e = nr_flow_grow(
		(void **)&v->servers, v->server_count, &v->server_room, sizeof *v->servers, error);
	if (e || (truth && truth->seen)) /* a server counts once */
		return e;
	if (truth)
		truth->seen = true;
	v->servers[v->server_count++] =
		(struct nr_flow_judged){*server, confidence, rita, truth ? truth->sampling : sampling,
			truth && truth->is_c2, truth ? truth->behaviour : BACKGROUND};
	return 0;
}

static void count_host(struct nr_flow_evaluation *v, enum nr_flow_verdict_kind kind,
	const struct nr_address *address, double confidence)
{
	if (kind == NR_FLOW_C2_SERVER || confidence < NR_FLOW_DECIDED)
		return;
	struct nr_flow_true_host *truth = nr_flow_truth_host(v->truth, address, kind);
	if (truth && !truth->seen)
		v->kinds[kind].right++;
	else if (!truth)
		v->kinds[kind].wrong++;
	if (truth)
		truth->seen = true;
}

static bool is_right(const struct nr_flow_evaluation *v, enum nr_flow_verdict_kind kind,
	const struct nr_flow_server *subject)
{
	if (kind != NR_FLOW_C2_SERVER)
		return nr_flow_truth_host(v->truth, &subject->address, kind) != NULL;
	const struct nr_flow_true_server *server = nr_flow_truth_server(v->truth, subject);
	return server && server->is_c2;
}

static void count_alarm(
	struct nr_flow_evaluation *v, enum nr_flow_verdict_kind kind, const struct nr_flow_server *subject)
{
	v->alarms++;
	v->false_alarms += !is_right(v, kind, subject);
}

/* ---- the sums ---- */

/* Expected calibration error (Naeini et al. 2015): bins of equal width, each by how many are in it. */
static double calibration_error(const struct nr_flow_evaluation *v, double least)
{
	double said[BINS] = {0}, were[BINS] = {0}, error = 0;
	uint64_t n = 0;
	for (size_t i = 0; i < v->server_count; i++) {
		const struct nr_flow_judged *j = &v->servers[i];
		if (j->confidence < least)
			continue;
		unsigned bin = (unsigned)NR_MIN(j->confidence * BINS, BINS - 1);
		said[bin] += j->confidence;
		were[bin] += j->is_c2;
		n++;
	}
	for (unsigned b = 0; b < BINS; b++)
		error += fabs(said[b] - were[b]);
	return n ? error / (double)n : NAN;
}

/* What was not judged at all counts as seen as nothing. */
static int add_missed(struct nr_flow_evaluation *v, struct nr_error *error)
{
	int e = 0;
	for (size_t i = 0; !e && i < v->truth->server_count; i++)
		if (!v->truth->servers[i].seen)
			e = add_server(v, &v->truth->servers[i].server, 0, NAN, 0, error);
	return e;
}

static int sum_up(struct nr_flow_evaluation *v, struct nr_error *error)
{
	v->error_told = calibration_error(v, NR_FLOW_TOLD);
	v->error_all = calibration_error(v, 0);
	int e = add_missed(v, error);
	struct nr_flow_hits *servers = &v->kinds[NR_FLOW_C2_SERVER];
	for (size_t i = 0; i < v->server_count; i++) {
		bool said = v->servers[i].confidence >= NR_FLOW_DECIDED;
		servers->right += said && v->servers[i].is_c2;
		servers->wrong += said && !v->servers[i].is_c2;
		servers->missed += !said && v->servers[i].is_c2;
	}
	for (size_t i = 0; i < v->truth->host_count; i++) {
		const struct nr_flow_true_host *host = &v->truth->hosts[i];
		if (host->kind != NR_FLOW_VERDICT_KINDS && !host->seen)
			v->kinds[host->kind].missed++;
	}
	v->days = v->truth->to != NR_TIME_MAX && v->truth->from != NR_TIME_MIN
			  ? NR_MAX((double)(v->truth->to - v->truth->from) / NR_DAY, 1.0 / 24)
			  : 1;
	v->servers_in_all = NR_MAX(v->servers_in_all, v->server_count);
	return e;
}

int nr_flow_evaluate_run(const struct nr_flow_judge *judge, struct nr_flow_truth *truth,
	uint64_t servers_in_all, struct nr_flow_evaluation *v, struct nr_error *error)
{
	size_t count;
	const struct nr_flow_verdict *verdicts = nr_flow_judge_verdicts(judge, &count);
	int e = 0;
	*v = (struct nr_flow_evaluation){.truth = truth,
		.servers_in_all = servers_in_all,
		.alarms_per_day = judge->conf.alarms_per_day,
		.has_baseline = true};
	for (size_t i = 0; !e && i < judge->record_count; i++) {
		const struct nr_flow_record *r = &judge->records[i];
		e = add_server(
			v, &r->server, (double)r->confidence, (double)r->rita, (double)r->sampling, error);
	}
	for (size_t i = 0; i < count; i++) {
		count_host(v, verdicts[i].kind, &verdicts[i].subject.address, verdicts[i].confidence);
		if (verdicts[i].alarm)
			count_alarm(v, verdicts[i].kind, &verdicts[i].subject);
	}
	return e ? e : sum_up(v, error);
}

/* ---- from a file ---- */

static int take_line(struct nr_flow_evaluation *v, const char *line, size_t length, uint64_t *skipped,
	struct nr_error *error)
{
	struct json_object *alarm = NULL, *root = nr_flow_line_object(line, length);
	const char *kind = root ? nr_flow_line_text(root, "kind") : NULL;
	struct nr_flow_server server;
	double confidence = 0;
	unsigned k = 0;
	int e = 0;
	while (kind && k < NR_FLOW_VERDICT_KINDS && strcmp(kind, nr_flow_verdict_names[k]))
		k++;
	if (!kind || k == NR_FLOW_VERDICT_KINDS || nr_flow_line_server(root, "subject", &server, NULL) ||
		!nr_flow_line_real(root, "confidence", &confidence) || confidence < 0 || confidence > 1) {
		*skipped += !root || !json_object_object_get(root, "summary");
		json_object_put(root);
		return 0;
	}
	if (k == NR_FLOW_C2_SERVER)
		e = add_server(v, &server, confidence, NAN, 0, error);
	count_host(v, k, &server.address, confidence);
	if (json_object_object_get_ex(root, "alarm", &alarm) && json_object_get_boolean(alarm))
		count_alarm(v, k, &server);
	json_object_put(root);
	return e;
}

int nr_flow_evaluate_findings(const char *path, struct nr_flow_truth *truth, struct nr_flow_evaluation *v,
	uint64_t *ret_skipped, struct nr_error *error)
{
	NR_AUTO(nr_closep) FILE *file = fopen(path, "re");
	NR_AUTO(nr_freep) char *line = malloc(LINE_MAX_BYTES);
	uint64_t skipped = 0;
	int e = 0;
	*v = (struct nr_flow_evaluation){.truth = truth, .alarms_per_day = NAN};
	if (!file)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	if (!line)
		return nr_fail(error, -ENOMEM, "out of memory");
	while (!e && fgets(line, (int)LINE_MAX_BYTES, file)) {
		size_t length = strlen(line);
		while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
			line[--length] = 0;
		if (length)
			e = take_line(v, line, length, &skipped, error);
	}
	if (!e && ferror(file))
		e = nr_fail(error, -EIO, "%.150s: %s", path, strerror(errno));
	*ret_skipped = skipped;
	return e ? e : sum_up(v, error);
}

/* ---- curves ---- */

struct scored {
	double score;
	bool is_c2;
};

static int by_score(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->is_c2 - y->is_c2; /* of ties those that are none first: nothing is given away */
}

static struct scored *ranked(const struct nr_flow_evaluation *v, bool baseline, size_t *ret_positive)
{
	struct scored *scored = calloc(NR_MAX(v->server_count, (size_t)1), sizeof *scored);
	*ret_positive = 0;
	for (size_t i = 0; scored && i < v->server_count; i++) {
		double score = baseline ? v->servers[i].rita : v->servers[i].confidence;
		scored[i] = (struct scored){isnan(score) ? -1 : score, v->servers[i].is_c2};
		*ret_positive += v->servers[i].is_c2;
	}
	if (scored && v->server_count)
		qsort(scored, v->server_count, sizeof *scored, by_score);
	return scored;
}

double nr_flow_evaluation_found_at(
	const struct nr_flow_evaluation *v, double rate, bool baseline, uint64_t *ret_allowed)
{
	size_t positive, right = 0, wrong = 0;
	NR_AUTO(nr_freep) struct scored *scored = ranked(v, baseline, &positive);
	uint64_t allowed = (uint64_t)(rate * (double)(v->servers_in_all - positive) + 1e-9);
	for (size_t i = 0; scored && i < v->server_count && scored[i].score > 0; i++) {
		wrong += !scored[i].is_c2;
		if (wrong > allowed)
			break;
		right += scored[i].is_c2;
	}
	*ret_allowed = allowed;
	return positive ? (double)right / (double)positive : NAN;
}

double nr_flow_evaluation_recall_at(const struct nr_flow_evaluation *v, double precision)
{
	size_t positive, right = 0;
	double best = 0;
	NR_AUTO(nr_freep) struct scored *scored = ranked(v, false, &positive);
	for (size_t i = 0; scored && i < v->server_count && scored[i].score > 0; i++) {
		right += scored[i].is_c2;
		bool last_of_tie = i + 1 == v->server_count || scored[i + 1].score < scored[i].score;
		if (last_of_tie && (double)right >= precision * (double)(i + 1))
			best = (double)right / (double)positive;
	}
	return positive ? best : NAN;
}
