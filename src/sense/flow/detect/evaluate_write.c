/* SPDX-License-Identifier: Apache-2.0 */
/* An evaluation as JSON and as tables. */
#include "base/language.h"
#include "base/text.h"
#include "sense/flow/detect/evaluate.h"

#include <math.h>

#define GROUPS_MAX 4096

struct group { /* servers of one behaviour, or of one sampling rate */
	char name[NR_FLOW_BEHAVIOUR];
	bool is_c2;
	double rate;
	uint64_t servers, said, others, others_said;
	double confidence; /* sum */
};

static double shortened(double x)
{
	return isnan(x) ? NAN : round(x * 1e4) / 1e4;
}

/* ---- by behaviour ---- */

static size_t by_behaviour(const struct nr_flow_evaluation *v, struct group *groups)
{
	size_t count = 0;
	for (size_t i = 0; i < v->server_count; i++) {
		const struct nr_flow_judged *j = &v->servers[i];
		const char *name = j->behaviour < v->truth->behaviour_count
					   ? v->truth->behaviours[j->behaviour]
					   : "background";
		size_t g = 0;
		while (g < count && (groups[g].is_c2 != j->is_c2 || strcmp(groups[g].name, name)))
			g++;
		if (g == count) {
			if (count == GROUPS_MAX)
				continue;
			groups[count] = (struct group){.is_c2 = j->is_c2};
			snprintf(groups[count++].name, sizeof groups[g].name, "%s", name);
		}
		groups[g].servers++;
		groups[g].said += j->confidence >= NR_FLOW_DECIDED;
		groups[g].confidence += j->confidence;
	}
	return count;
}

static size_t by_rate(const struct nr_flow_evaluation *v, struct group *groups)
{
	size_t count = 0;
	for (size_t i = 0; i < v->server_count; i++) {
		const struct nr_flow_judged *j = &v->servers[i];
		size_t g = 0;
		while (g < count && groups[g].rate != j->sampling)
			g++;
		if (g == count) {
			if (count == GROUPS_MAX)
				continue;
			groups[count++] = (struct group){.rate = j->sampling};
		}
		bool said = j->confidence >= NR_FLOW_DECIDED;
		groups[g].servers += j->is_c2;
		groups[g].said += j->is_c2 && said;
		groups[g].others += !j->is_c2;
		groups[g].others_said += !j->is_c2 && said;
	}
	return count;
}

static int order(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	if (x->is_c2 != y->is_c2)
		return x->is_c2 ? -1 : 1;
	if (x->rate != y->rate)
		return x->rate < y->rate ? -1 : 1;
	return strcmp(x->name, y->name);
}

static struct group *groups_of(const struct nr_flow_evaluation *v,
	size_t (*gather)(const struct nr_flow_evaluation *, struct group *), size_t *ret_count)
{
	struct group *groups = calloc(GROUPS_MAX, sizeof *groups);
	*ret_count = groups ? gather(v, groups) : 0;
	if (groups)
		qsort(groups, *ret_count, sizeof *groups, order);
	return groups;
}

/* ---- JSON ---- */

static void write_hits(const char *name, const struct nr_flow_hits *hits, struct nr_json *json)
{
	nr_json_object(json, name);
	nr_json_uint(json, "true", hits->right);
	nr_json_uint(json, "false", hits->wrong);
	nr_json_uint(json, "missed", hits->missed);
	nr_json_real(json, "precision", shortened(nr_flow_precision(hits)));
	nr_json_real(json, "recall", shortened(nr_flow_recall(hits)));
	nr_json_object_end(json);
}

static void write_found_at(const struct nr_flow_evaluation *v, bool baseline, struct nr_json *json)
{
	static const struct {
		double rate;
		const char *name;
	} rates[] = {{1e-5, "1e-5"}, {1e-4, "1e-4"}, {5e-3, "5e-3"}};
	uint64_t allowed;
	nr_json_object(json, baseline ? "rita_found_at_false_rate" : "found_at_false_rate");
	for (size_t i = 0; i < NR_COUNT(rates); i++)
		nr_json_real(json, rates[i].name,
			shortened(nr_flow_evaluation_found_at(v, rates[i].rate, baseline, &allowed)));
	nr_json_object_end(json);
}

static void write_groups(const struct nr_flow_evaluation *v, struct nr_json *json)
{
	size_t count;
	NR_AUTO(nr_freep) struct group *behaviours = groups_of(v, by_behaviour, &count);
	nr_json_array(json, "behaviours");
	for (size_t i = 0; i < count; i++) {
		nr_json_object(json, NULL);
		nr_json_text(json, "kind", behaviours[i].is_c2 ? "c2-server" : "benign");
		nr_json_text(json, "behaviour", behaviours[i].name);
		nr_json_uint(json, "servers", behaviours[i].servers);
		nr_json_uint(json, "judged_c2", behaviours[i].said);
		nr_json_real(json, "mean_confidence",
			shortened(behaviours[i].confidence / (double)behaviours[i].servers));
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	NR_AUTO(nr_freep) struct group *rates = groups_of(v, by_rate, &count);
	nr_json_array(json, "sampling");
	for (size_t i = 0; i < count; i++) {
		nr_json_object(json, NULL);
		nr_json_real(json, "rate", rates[i].rate);
		nr_json_uint(json, "c2_servers", rates[i].servers);
		nr_json_uint(json, "found", rates[i].said);
		nr_json_uint(json, "others", rates[i].others);
		nr_json_uint(json, "others_judged_c2", rates[i].others_said);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

void nr_flow_evaluation_write(const struct nr_flow_evaluation *v, struct nr_json *json)
{
	nr_json_object(json, "kinds");
	for (unsigned k = 0; k < NR_FLOW_VERDICT_KINDS; k++)
		write_hits(nr_flow_verdict_names[k], &v->kinds[k], json);
	nr_json_object_end(json);
	nr_json_real(json, "recall_at_precision_95", shortened(nr_flow_evaluation_recall_at(v, 0.95)));
	nr_json_uint(json, "servers", v->servers_in_all);
	nr_json_uint(json, "servers_judged", v->server_count);
	write_found_at(v, false, json);
	if (v->has_baseline)
		write_found_at(v, true, json);
	nr_json_real(json, "calibration_error", shortened(v->error_told));
	nr_json_real(json, "calibration_error_all", shortened(v->error_all));
	nr_json_real(json, "days", shortened(v->days));
	nr_json_real(json, "alarms_per_day_set", v->alarms_per_day);
	nr_json_real(json, "alarms_per_day", shortened((double)v->alarms / v->days));
	nr_json_real(json, "false_alarms_per_day", shortened((double)v->false_alarms / v->days));
	write_groups(v, json);
}

/* ---- tables ---- */

static void print_share(FILE *out, double share)
{
	if (isnan(share))
		fprintf(out, "%9s", "-");
	else
		fprintf(out, "%9.3f", share);
}

static void print_kinds(const struct nr_flow_evaluation *v, FILE *out)
{
	fprintf(out, "%-22s %8s %8s %8s %9s %9s\n", "", nr_says("true", "true"), "false", "missed",
		"precision", "recall");
	for (unsigned k = 0; k < NR_FLOW_VERDICT_KINDS; k++) {
		const struct nr_flow_hits *h = &v->kinds[k];
		fprintf(out, "%-22s %8llu %8llu %8llu ", nr_flow_verdict_names[k],
			(unsigned long long)h->right, (unsigned long long)h->wrong,
			(unsigned long long)h->missed);
		print_share(out, nr_flow_precision(h));
		fputc(' ', out);
		print_share(out, nr_flow_recall(h));
		fputc('\n', out);
	}
}

static void print_found(const struct nr_flow_evaluation *v, FILE *out)
{
	static const double rates[] = {1e-5, 1e-4, 5e-3};
	for (size_t i = 0; i < NR_COUNT(rates); i++) {
		uint64_t allowed;
		double found = nr_flow_evaluation_found_at(v, rates[i], false, &allowed);
		fprintf(out,
			nr_says("found at a false-positive rate of %g (%llu of %llu servers): ",
				"偽陽性率%gでの検出率（%llu/%lluサーバー）: "),
			rates[i], (unsigned long long)allowed, (unsigned long long)v->servers_in_all);
		fprintf(out, "%.3f", found);
		if (v->has_baseline)
			fprintf(out, nr_says("; by RITA's score %.3f", "、RITAのスコアでは%.3f"),
				nr_flow_evaluation_found_at(v, rates[i], true, &allowed));
		fputc('\n', out);
	}
}

static void print_groups(const struct nr_flow_evaluation *v, FILE *out)
{
	size_t count;
	NR_AUTO(nr_freep) struct group *behaviours = groups_of(v, by_behaviour, &count);
	fprintf(out, "\n%-10s %-26s %8s %8s %10s\n", nr_says("kind", "kind"), "behaviour", "servers",
		"as C&C", "confidence");
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%-10s %-26s %8llu %8llu %10.3f\n", behaviours[i].is_c2 ? "c2-server" : "benign",
			behaviours[i].name, (unsigned long long)behaviours[i].servers,
			(unsigned long long)behaviours[i].said,
			behaviours[i].confidence / (double)behaviours[i].servers);
	NR_AUTO(nr_freep) struct group *rates = groups_of(v, by_rate, &count);
	fprintf(out, "\n%-10s %10s %8s %10s %8s\n", "sampling", "C&C", "found", "others", "as C&C");
	for (size_t i = 0; i < count; i++)
		fprintf(out, "1:%-8.0f %10llu %8llu %10llu %8llu\n", rates[i].rate,
			(unsigned long long)rates[i].servers, (unsigned long long)rates[i].said,
			(unsigned long long)rates[i].others, (unsigned long long)rates[i].others_said);
}

void nr_flow_evaluation_print(const struct nr_flow_evaluation *v, FILE *out)
{
	print_kinds(v, out);
	fprintf(out,
		nr_says("\nC&C servers: recall at a precision of 0.95: %.3f\n",
			"\nC&Cサーバー: 適合率0.95での再現率: %.3f\n"),
		nr_flow_evaluation_recall_at(v, 0.95));
	print_found(v, out);
	fprintf(out,
		nr_says("calibration error: %.4f of what is told, %.4f of all\n",
			"較正誤差: 表示された判定%.4f、全体%.4f\n"),
		v->error_told, v->error_all);
	fprintf(out, nr_says("alarms a day: %.1f, of them false: %.1f", "1日の警報: %.1f、うち誤り: %.1f"),
		(double)v->alarms / v->days, (double)v->false_alarms / v->days);
	if (!isnan(v->alarms_per_day))
		fprintf(out, nr_says(" (set: %g)", "（設定: %g）"), v->alarms_per_day);
	fputc('\n', out);
	print_groups(v, out);
}
