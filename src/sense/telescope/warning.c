/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/warning.h"

static const struct {
	const char *row, *finding;
} kinds[NR_WARNING_KIND_COUNT] = {
	[NR_WARNING_CHANGE] = {"changefinder", "early-warning-change"},
	[NR_WARNING_SPREAD] = {"synchrony", "early-warning-spread"},
	[NR_WARNING_SLOW] = {"slow-scanner", "slow-scanner"},
	[NR_WARNING_AGGRESSIVE] = {"aggressive", "aggressive-scanner"},
};

int nr_warning_emit(const struct nr_telescope_conf *conf, struct nr_sink *sink, const struct nr_warning *w,
	struct nr_error *error)
{
	int e = nr_json_finish(w->evidence, error);
	if (e)
		return e;
	struct nr_warning_row row = {
		.sensor = conf->sensor,
		.time = w->onset,
		.kind = kinds[w->kind].row,
		.key = w->key,
		.last = w->last,
		.value = w->value,
		.score = w->score,
		.sources = w->sources,
		.packets = w->packets,
		.notable = w->severity != 0,
		.evidence = w->evidence->bytes,
		.reason_en = w->reason_en,
		.reason_ja = w->reason_ja,
	};
	e = sink->rows(sink, &nr_warning_table, &row, 1, error);
	if (e || !w->severity)
		return e;
	struct nr_finding finding = {
		.sensor = conf->sensor,
		.sense = "telescope",
		.kind = kinds[w->kind].finding,
		.subject = w->subject,
		.first = w->onset,
		.last = w->last,
		.count = w->kind == NR_WARNING_CHANGE || w->kind == NR_WARNING_SPREAD ? w->sources
										      : w->packets,
		.confidence = w->confidence,
		.severity = w->severity,
		.reason_en = w->reason_en,
		.reason_ja = w->reason_ja,
		.evidence = w->evidence->bytes,
	};
	return nr_sink_finding(sink, &finding, error);
}

const char *nr_group_text(uint32_t group, char text[static NR_GROUP_TEXT])
{
	snprintf(text, NR_GROUP_TEXT, "%s/%u", group >= NR_GROUP_UDP ? "udp" : "tcp", group & 0xffff);
	return text;
}

bool nr_is_known_scanner(const struct nr_known_scanners *known, uint64_t member)
{
	const struct nr_prefix_table *lists = known->refs->lists.table;
	size_t low = 0, high = known->judged_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (known->judged[middle] < member)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < known->judged_count && known->judged[low] == member)
		return true;
	return lists && !(member & NR_MEMBER_IPV6) &&
	       nr_prefix_table_find_ipv4(lists, (uint32_t)member) != NR_PREFIX_NONE;
}
