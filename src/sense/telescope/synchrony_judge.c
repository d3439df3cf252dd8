/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a watched port: company, synchrony, who they are. */
#include "sense/telescope/synchrony.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define NR_SAMPLES   10
#define NR_PLACED    2048 /* hosts whose autonomous system is looked up */
#define NR_CHANCE    (-6) /* log10 */
#define NR_TELL      NR_HOUR
#define NR_TELL_MORE 1.25 /* times the hosts of the last telling */

/* ---- figures ---- */

/* log10 of the chance that chi-square with n degrees of freedom exceeds x (Wilson and Hilferty 1931), with
 * the tail of the normal distribution from above. */
static double chance_of(double x, double n)
{
	if (n < 1 || x <= n)
		return 0;
	double z = (cbrt(x / n) - (1 - 2 / (9 * n))) / sqrt(2 / (9 * n));
	if (z < 1)
		return 0;
	return (-z * z / 2 - log(z * sqrt(2 * 3.14159265358979323846))) / log(10);
}

/* Of the hosts present in a slot, the active ones would be binomial if each came when it likes: the variance
 * ratio is 1 then, and so is the ratio of pairs that are active together. Both grow with a common clock. */
void nr_sync_measure(const struct nr_sync_port *port, struct nr_sync_figures *ret_figures)
{
	struct nr_sync_figures f = {0};
	double active = 0, present = 0, pairs = 0, pairs_present = 0, square = 0;
	for (uint32_t t = 0; t < port->slot_count; t++) {
		double a = port->active[t], n = port->present[t];
		active += a;
		present += n;
		pairs += a * (a - 1) / 2;
		pairs_present += n * (n - 1) / 2;
		f.slots += n >= 2;
	}
	double q = present > 0 ? active / present : 0;
	for (uint32_t t = 0; t < port->slot_count; t++) {
		double n = port->present[t], miss = port->active[t] - q * n;
		if (n >= 2 && q > 0 && q < 1)
			square += miss * miss / (n * q * (1 - q));
	}
	f.activity = q;
	if (f.slots > 1 && q > 0 && q < 1) {
		f.ratio = square / (f.slots - 1);
		f.excess = pairs_present > 0 ? pairs / (pairs_present * q * q) : 0;
		f.chance = chance_of(square, f.slots - 1);
	}
	*ret_figures = f;
}

bool nr_sync_is_company(const struct nr_sync_port *port)
{
	double hosts = port->hosts;
	bool forged = port->forged >= NR_SYNC_FORGED_HOSTS && port->forged > NR_SYNC_FORGED_SHARE * hosts;
	return port->networks >= NR_SYNC_NETWORKS && port->returning >= NR_SYNC_RETURN_HOSTS &&
	       port->returning >= NR_SYNC_RETURN_SHARE * hosts && !forged;
}

/* ---- who they are ---- */

struct company {
	const struct nr_sync_host *samples[NR_SAMPLES]; /* most active first */
	size_t sample_count;
	uint32_t systems[NR_PLACED]; /* AS numbers of some hosts */
	size_t placed;
	uint32_t largest; /* AS number */
	double largest_share;
};

static bool before(const struct nr_sync_host *a, const struct nr_sync_host *b)
{
	if (a->windows != b->windows)
		return a->windows > b->windows;
	return a->packets != b->packets ? a->packets > b->packets : a->key < b->key;
}

static void sample(struct company *c, const struct nr_sync_host *host)
{
	size_t i = c->sample_count < NR_SAMPLES ? c->sample_count++ : NR_SAMPLES;
	for (; i > 0 && before(host, c->samples[i - 1]); i--)
		if (i < NR_SAMPLES)
			c->samples[i] = c->samples[i - 1];
	if (i < NR_SAMPLES)
		c->samples[i] = host;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void find_largest(struct company *c)
{
	size_t most = 0, from = 0;
	if (c->placed > 1)
		qsort(c->systems, c->placed, sizeof *c->systems, by_number);
	for (size_t i = 1; i <= c->placed; i++) {
		if (i < c->placed && c->systems[i] == c->systems[from])
			continue;
		if (i - from > most && c->systems[from]) {
			most = i - from;
			c->largest = c->systems[from];
		}
		from = i;
	}
	c->largest_share = c->placed ? (double)most / (double)c->placed : 0;
}

static void meet(const struct nr_synchrony *y, const struct nr_telescope_refs *refs,
	const struct nr_sync_port *port, struct company *c)
{
	for (size_t i = 0; i < y->host_room; i++) {
		const struct nr_sync_host *host = &y->hosts[i];
		if (!host->key || host->serial != port->serial || host->key >> NR_MEMBER_BITS != port->group)
			continue;
		sample(c, host);
		if (!refs->origin.count || c->placed == NR_PLACED)
			continue;
		struct nr_address address = nr_address_from_ipv4((uint32_t)host->key);
		struct nr_place place;
		nr_origin_find(&refs->origin, &address, &place);
		c->systems[c->placed++] = place.asn;
	}
	find_largest(c);
}

/* ---- telling ---- */

static void write_evidence(const struct nr_synchrony *y, const struct nr_sync_port *port,
	const struct nr_sync_figures *f, const struct company *c, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "method", "CUSUM of new networks at a port, and hosts that come again");
	nr_json_time(json, "onset", port->onset);
	nr_json_time(json, "alarm", port->alarm);
	nr_json_uint(json, "new_hosts", port->hosts);
	nr_json_uint(json, "networks_16", port->networks);
	nr_json_uint(json, "returning_hosts", port->returning);
	nr_json_uint(json, "forged_hosts", port->forged);
	nr_json_real(json, "usual_networks_per_window", port->usual);
	nr_json_real(json, "dispersion", NR_MAX(1.0, (double)y->noise[port->group]));
	nr_json_real(json, "cusum", (double)y->cusum[port->group]);
	nr_json_real(json, "cusum_alarm", NR_SYNC_ALARM);
	nr_json_real(json, "false_alarms_per_day", NR_SYNC_FALSE_PER_DAY);
	nr_json_uint(json, "slots_50s", f->slots);
	nr_json_real(json, "activity", f->activity);
	nr_json_real(json, "synchrony", f->ratio);
	nr_json_real(json, "pairs_active_together", f->excess);
	nr_json_real(json, "synchrony_chance_log10", f->chance);
	if (c->placed) {
		nr_json_uint(json, "largest_as", c->largest);
		nr_json_real(json, "largest_as_share", c->largest_share);
	}
	nr_json_time(json, "new_means_not_seen_since", nr_seen_filter_since(&y->filter));
	if (port->beyond)
		nr_json_uint(json, "hosts_not_followed", port->beyond);
	nr_json_array(json, "sample_hosts");
	for (size_t i = 0; i < c->sample_count; i++) {
		struct nr_address address = nr_address_from_ipv4((uint32_t)c->samples[i]->key);
		nr_json_address(json, NULL, &address);
	}
	nr_json_array_end(json);
	nr_json_object_end(json);
}

static bool is_synchronous(const struct nr_sync_figures *f)
{
	return f->ratio >= NR_SYNC_SYNCHRONOUS && f->chance <= NR_CHANCE;
}

static void write_reasons(const struct nr_sync_port *port, const struct nr_sync_figures *f, const char *key,
	char en[static 384], char ja[static 512])
{
	char onset[NR_TIME_TEXT], clock_en[96] = "", clock_ja[128] = "";
	nr_time_write(port->onset, onset);
	onset[16] = 0; /* to the minute */
	if (is_synchronous(f)) {
		snprintf(clock_en, sizeof clock_en, "; they act together (%.1f times the variance of chance)",
			f->ratio);
		snprintf(clock_ja, sizeof clock_ja, "。活動が同期（分散は独立な場合の%.1f倍）", f->ratio);
	}
	snprintf(en, 384,
		"%s: %u hosts that were not seen there before, from %u networks (/16), since %s; usually "
		"%.2f "
		"networks in 5 minutes. %u of them came again%s",
		key, port->hosts, port->networks, onset, port->usual, port->returning, clock_en);
	snprintf(ja, 512,
		"%s: "
		"%s以降、これまで見られなかった%uホスト（/"
		"16で%uネットワーク）。通常は5分間に%.2fネットワーク。"
		"うち%uホストが再び到来%s",
		key, onset, port->hosts, port->networks, port->usual, port->returning, clock_ja);
}

int nr_sync_tell(struct nr_synchrony *y, const struct nr_early_window *window, struct nr_sync_port *port,
	struct nr_error *error)
{
	nr_time now = window->start + NR_STEP_WINDOW * NR_SECOND;
	if (port->alarmed && now - port->told < NR_TELL &&
		port->hosts < NR_TELL_MORE * (double)port->told_hosts)
		return 0;
	NR_AUTO(nr_freep) struct company *company = calloc(1, sizeof *company);
	if (!company)
		return nr_fail(error, -ENOMEM, "out of memory");
	meet(y, window->conf->refs, port, company);
	if (!company->sample_count || company->largest_share >= NR_SYNC_ONE_AS_SHARE)
		return 0;
	struct nr_sync_figures figures;
	nr_sync_measure(port, &figures);
	char key[NR_GROUP_TEXT], en[384], ja[512];
	write_reasons(port, &figures, nr_group_text(port->group, key), en, ja);
	if (!port->alarmed) {
		port->alarm = now;
		port->example = (uint32_t)company->samples[0]->key;
	}
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	write_evidence(y, port, &figures, company, &json);
	port->alarmed = true;
	port->told = now;
	port->told_hosts = port->hosts;
	struct nr_warning w = {
		.kind = NR_WARNING_SPREAD,
		.onset = port->onset,
		.last = port->last,
		.key = key,
		.value = port->hosts,
		.score = (double)y->cusum[port->group],
		.sources = port->hosts,
		.packets = port->packets,
		.reason_en = en,
		.reason_ja = ja,
		.evidence = &json,
		.subject = nr_address_from_ipv4(port->example),
		.confidence = is_synchronous(&figures) ? 0.85 : 0.7,
		.severity = NR_SEVERITY_MEDIUM,
	};
	return nr_warning_emit(window->conf, window->sink, &w, error);
}
