/* SPDX-License-Identifier: Apache-2.0 */
/* The terms of servers, and their values. The edges are where the field draws them, not where a world does.
 */
#include "sense/flow/detect/judge/evidence.h"

#include <math.h>

const char *const nr_flow_model_names[NR_FLOW_MODELS] = {
	"c2-server", "c2-server-sampled", "scanner", "ddos-source", "ddos-victim"};

#define EDGES(...)                                                                                           \
	sizeof((double[]){__VA_ARGS__}) / sizeof(double),                                                    \
	{                                                                                                    \
		__VA_ARGS__                                                                                  \
	}
#define TIMING NR_FLOW_GROUP_TIMING
#define COMB   NR_FLOW_TERM_COMB

static const struct nr_flow_term server_terms[NR_FLOW_SERVER_TERMS] = {
	[NR_FLOW_TERM_COMB] = {"comb", TIMING, -1, 1, EDGES(4, 6, 8, 12, 20, 40, 100)},
	[NR_FLOW_TERM_SHAPE] = {"renewal", TIMING, -1, 1, EDGES(2, 4, 8, 16, 32, 64)},
	[NR_FLOW_TERM_REGULAR] = {"regular", TIMING, -1, -1, EDGES(.01, .05, .15, .3, .5, .8)},
	[NR_FLOW_TERM_STROBE] = {"strobe", TIMING, -1, 1, EDGES(2, 3, 3.7, 4.3)}, /* log10 beats */
	[NR_FLOW_TERM_TIMER] = {"timer", NR_FLOW_ALONE, COMB, 1, EDGES(.05, .25, .5, 1)},
	[NR_FLOW_TERM_POOL] = {"pool", NR_FLOW_ALONE, COMB, -1, EDGES(.05, .15, .3, .6, 1)},
	[NR_FLOW_TERM_UP_SIZES] = {"sizes", NR_FLOW_GROUP_SIZES, -1, 1, EDGES(.1, .3, .5, .7, .9, .98)},
	[NR_FLOW_TERM_DOWN_SIZES] = {"answers", NR_FLOW_GROUP_SIZES, -1, 1, EDGES(.1, .3, .5, .7, .9, .98)},
	[NR_FLOW_TERM_VOLUME] = {"volume", NR_FLOW_ALONE, -1, 0, EDGES(6, 7, 8, 9, 11, 13, 16)}, /* log2 */
	[NR_FLOW_TERM_BALANCE] = {"balance", NR_FLOW_ALONE, -1, 0, EDGES(-5, -3, -1.5, -.5, .5, 1.5, 4)},
	[NR_FLOW_TERM_PAYLOAD] = {"payload", NR_FLOW_ALONE, -1, 1, EDGES(.01, .1, .5, .9)},
	[NR_FLOW_TERM_DEAD] = {"dead-server", NR_FLOW_ALONE, -1, 1, EDGES(.1, .7, 1.3, 2, 2.7)},
	[NR_FLOW_TERM_PORT] = {"port", NR_FLOW_ALONE, -1, 0, EDGES(.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5)},
	[NR_FLOW_TERM_POPULARITY] = {"popularity", NR_FLOW_ALONE, -1, 0,
		EDGES(.15, .5, .8, 1.2, 1.7, 2.3, 3)}, /* log10 */
	[NR_FLOW_TERM_NEIGHBOURHOOD] = {"neighbourhood", NR_FLOW_ALONE, -1, -1, EDGES(.05, .3, .7, 1.3, 2)},
	[NR_FLOW_TERM_SERVICES] = {"services", NR_FLOW_ALONE, -1, -1, EDGES(.5, 1.5, 3.5, 6)}, /* log2 */
	[NR_FLOW_TERM_AS] = {"network", NR_FLOW_ALONE, -1, 1, EDGES(.5)},
	[NR_FLOW_TERM_AGE] = {"new", NR_FLOW_ALONE, -1, -1, EDGES(.5, 1.5, 7, 30)}, /* days */
	[NR_FLOW_TERM_HOURS] = {"hours", NR_FLOW_ALONE, -1, 1, EDGES(.1, .25, .5, .75, .95)},
	[NR_FLOW_TERM_PERSISTENCE] = {"persistence", NR_FLOW_ALONE, -1, 1, EDGES(.05, .1, .25, .5, .75, .95)},
	[NR_FLOW_TERM_DEVICES] = {"devices", NR_FLOW_ALONE, -1, 0, EDGES(.5, 1.5, 2.5, 3.5, 5)}, /* log2 */
	[NR_FLOW_TERM_LONG] = {"long", NR_FLOW_ALONE, -1, 1, EDGES(.25, 1, 4, 12, 20)},          /* hours */
	[NR_FLOW_TERM_SYNCHRONY] = {"synchrony", NR_FLOW_ALONE, -1, 1, EDGES(2, 4, 8, 16, 40)},
	[NR_FLOW_TERM_ENOUGH] = {"connections", NR_FLOW_ALONE, -1, 1, EDGES(.5)},
};
#undef TIMING
#undef COMB

static const struct nr_flow_term scanner_terms[NR_FLOW_SCANNER_TERMS] = {
	[NR_FLOW_TERM_PEERS] = {"peers", NR_FLOW_GROUP_RATE, -1, 1, EDGES(.5, 1, 1.3, 1.7, 2.2, 2.7, 3.3)},
	[NR_FLOW_TERM_PORTS] = {"ports", NR_FLOW_GROUP_RATE, -1, 1, EDGES(.5, .8, 1.1, 1.5, 2, 2.7, 3.3),
		.is_set = true}, /* log10, of an address */
	[NR_FLOW_TERM_ANSWERED] = {"unanswered", NR_FLOW_ALONE, -1, -1, EDGES(.02, .1, .25, .5, .8)},
	[NR_FLOW_TERM_FOCUS] = {"one-port", NR_FLOW_ALONE, -1, 0, EDGES(.1, .3, .6, .9, .99)},
	[NR_FLOW_TERM_SMALL] = {"small-flows", NR_FLOW_ALONE, -1, -1, EDGES(.3, 1, 2, 4)}, /* log2 packets */
};
static const struct nr_flow_term source_terms[NR_FLOW_SOURCE_TERMS] = {
	[NR_FLOW_TERM_RATE_OUT] = {"packet-rate", NR_FLOW_GROUP_RATE, -1, 1, EDGES(1, 2, 2.7, 3.3, 4, 5)},
	[NR_FLOW_TERM_BITS_OUT] = {"bit-rate", NR_FLOW_GROUP_RATE, -1, 1, EDGES(5, 6, 7, 8, 9)},
	[NR_FLOW_TERM_TARGET] = {"one-target", NR_FLOW_ALONE, -1, 1, EDGES(.2, .5, .8, .95)},
	[NR_FLOW_TERM_ONE_WAY] = {"one-way", NR_FLOW_ALONE, -1, 1, EDGES(-.5, .3, .7, 1.3, 2)},
};
static const struct nr_flow_term victim_terms[NR_FLOW_VICTIM_TERMS] = {
	[NR_FLOW_TERM_RATE_IN] = {"packet-rate", NR_FLOW_GROUP_RATE, -1, 1, EDGES(1, 2, 2.7, 3.3, 4, 5)},
	[NR_FLOW_TERM_BITS_IN] = {"bit-rate", NR_FLOW_GROUP_RATE, -1, 1, EDGES(5, 6, 7, 8, 9)},
	[NR_FLOW_TERM_REFLECTED] = {"reflected", NR_FLOW_ALONE, -1, 1, EDGES(.05, .3, .6, .9)},
	[NR_FLOW_TERM_SOURCES] = {"sources", NR_FLOW_ALONE, -1, 1, EDGES(.5, 1, 1.7, 2.3, 3)},
	[NR_FLOW_TERM_UNANSWERED] = {"one-way", NR_FLOW_ALONE, -1, 1, EDGES(-.5, .3, .7, 1.3, 2)},
};

const struct nr_flow_term *nr_flow_terms(enum nr_flow_model model, size_t *ret_count)
{
	static const struct {
		const struct nr_flow_term *terms;
		size_t count;
	} all[NR_FLOW_MODELS] = {{server_terms, NR_FLOW_SERVER_TERMS}, {server_terms, NR_FLOW_SERVER_TERMS},
		{scanner_terms, NR_FLOW_SCANNER_TERMS}, {source_terms, NR_FLOW_SOURCE_TERMS},
		{victim_terms, NR_FLOW_VICTIM_TERMS}};
	*ret_count = all[model].count;
	return all[model].terms;
}

unsigned nr_flow_term_bin(const struct nr_flow_term *term, double value)
{
	unsigned bin = 0;
	while (bin < term->edge_count && value >= term->edges[bin])
		bin++;
	return bin;
}

/* ---- values ---- */

static double log10_of(double x)
{
	return x > 1 ? log10(x) : 0;
}

/* What stands on a port, by the manner in which clients come to it. */
enum port_role {
	PORT_WEB,
	PORT_CORE, /* names and time: everybody asks, at intervals */
	PORT_WORK, /* mail, files, logins */
	PORT_KEPT, /* push, messages, calls, VPN, things: benign connections that stay and beat */
	PORT_WEB_TOO,
	PORT_LOW,
	PORT_REGISTERED,
	PORT_HIGH,
};

static bool is_one_of(uint16_t port, const uint16_t *ports, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ports[i] == port)
			return true;
	return false;
}

static enum port_role role_of(uint16_t port)
{
	static const uint16_t core[] = {53, 67, 123, 137, 161, 514, 546, 853, 5353},
			      work[] = {20, 21, 22, 25, 88, 110, 139, 143, 389, 445, 465, 587, 636, 993, 995},
			      kept[] = {500, 1194, 1701, 1723, 1883, 3478, 4500, 5060, 5061, 5222, 5223, 5228,
				      5229, 5230, 8883, 51820},
			      web_too[] = {8000, 8008, 8080, 8081, 8443, 8888};
	if (port == 80 || port == 443)
		return PORT_WEB;
	if (is_one_of(port, core, NR_COUNT(core)))
		return PORT_CORE;
	if (is_one_of(port, work, NR_COUNT(work)))
		return PORT_WORK;
	if (is_one_of(port, kept, NR_COUNT(kept)))
		return PORT_KEPT;
	if (is_one_of(port, web_too, NR_COUNT(web_too)))
		return PORT_WEB_TOO;
	return port < 1024 ? PORT_LOW : port < 32768 ? PORT_REGISTERED : PORT_HIGH;
}

#define FEW_LAGS  6 /* fewer say nothing of a comb (flow reference 15) */
#define FEW_BEATS 8 /* fewer say nothing of gaps and sizes */

static void weigh_timing(const struct nr_flow_timing *t, float *values)
{
	if (t->comb_lags >= FEW_LAGS) {
		values[NR_FLOW_TERM_COMB] = (float)t->comb_z;
		values[NR_FLOW_TERM_TIMER] = (float)t->timer_distance;
		values[NR_FLOW_TERM_POOL] =
			(float)(t->comb_z > 0 ? NR_MAX(t->comb_pool_z, 0) / t->comb_z : 1);
	}
	if (t->beats >= FEW_BEATS && t->gap_median > 0) {
		values[NR_FLOW_TERM_SHAPE] = (float)(t->shape > 1 ? t->shape_z : 0);
		values[NR_FLOW_TERM_REGULAR] = (float)t->gap_variation;
	}
	if (t->beats)
		values[NR_FLOW_TERM_STROBE] = (float)log10_of(t->strobe);
	if (t->beats >= FEW_BEATS) {
		values[NR_FLOW_TERM_UP_SIZES] = (float)t->up_mode;
		values[NR_FLOW_TERM_DOWN_SIZES] = (float)t->down_mode;
		values[NR_FLOW_TERM_PERSISTENCE] = (float)t->persistence;
		values[NR_FLOW_TERM_SYNCHRONY] = (float)t->synchrony;
	}
	values[NR_FLOW_TERM_ENOUGH] = t->beats >= FEW_BEATS;
	if (t->beats)
		values[NR_FLOW_TERM_LONG] = (float)(t->longest / 3600);
}

#define DEAD_SHARE 0.8

static bool is_dead(const struct nr_flow_timing *t)
{
	return t->refused_share >= DEAD_SHARE && t->refused_period > 0;
}

static unsigned hours_seen(const struct nr_flow_context *c)
{
	unsigned hours = 0;
	for (size_t i = 0; i < NR_COUNT(c->hours); i++)
		hours += (unsigned)__builtin_popcountll(c->hours[i]);
	return hours;
}

static void weigh_context(
	const struct nr_flow_context *c, const struct nr_flow_timing *t, nr_time window, float *values)
{
	double flows = (double)NR_MAX(c->flows, 1), clients = NR_MAX(c->clients, 1);
	values[NR_FLOW_TERM_VOLUME] = (float)log2((double)(c->up_bytes + c->down_bytes + 1) / flows);
	if (c->up_packets && c->down_packets)
		values[NR_FLOW_TERM_BALANCE] =
			(float)log2((double)(c->up_bytes + 1) / (double)(c->down_bytes + 1));
	values[NR_FLOW_TERM_DEAD] = is_dead(t) ? (float)log10_of(t->refused_calls + 1.0) : 0;
	if (!is_dead(t)) /* a server that is down cannot answer; that its clients call says the more */
		values[NR_FLOW_TERM_PAYLOAD] = (float)(c->established / clients);
	values[NR_FLOW_TERM_POPULARITY] = (float)log10_of(clients);
	values[NR_FLOW_TERM_NEIGHBOURHOOD] = (float)log10_of(c->neighbourhood / clients);
	values[NR_FLOW_TERM_SERVICES] = (float)log2(NR_MAX(c->services, 1));
	values[NR_FLOW_TERM_AS] = c->as_number ? 0 : 1;
	if (c->known_since != NR_TIME_MIN && c->last >= c->known_since)
		values[NR_FLOW_TERM_AGE] = (float)((double)(c->last - c->known_since) / NR_DAY);
	if (window >= 2 * NR_HOUR)
		values[NR_FLOW_TERM_HOURS] =
			(float)NR_MIN(hours_seen(c) / NR_MIN((double)window / NR_HOUR, 168), 1);
	if (c->client_services > 0)
		values[NR_FLOW_TERM_DEVICES] = (float)log2(NR_MAX(c->client_services, 1));
}

enum nr_flow_model nr_flow_evidence_of(
	const struct nr_flow_candidate *candidate, nr_time window, struct nr_flow_evidence *ret_evidence)
{
	for (size_t i = 0; i < NR_FLOW_TERMS_MAX; i++)
		ret_evidence->values[i] = NAN;
	weigh_timing(&candidate->timing, ret_evidence->values);
	weigh_context(&candidate->context, &candidate->timing, window, ret_evidence->values);
	ret_evidence->values[NR_FLOW_TERM_PORT] = (float)role_of(candidate->server.port);
	return candidate->context.sampling >= NR_FLOW_SAMPLED_FROM ? NR_FLOW_MODEL_SERVER_SAMPLED
								   : NR_FLOW_MODEL_SERVER;
}

static void weigh_scanner(const struct nr_flow_host *h, float *values)
{
	double flows = (double)NR_MAX(h->flows, 1);
	values[NR_FLOW_TERM_PEERS] = (float)log10_of(h->peers_out);
	values[NR_FLOW_TERM_PORTS] = (float)log10_of(h->ports_out / NR_MAX(h->peers_out, 1));
	values[NR_FLOW_TERM_ANSWERED] = (float)h->answered;
	values[NR_FLOW_TERM_FOCUS] = (float)h->top_port_share;
	values[NR_FLOW_TERM_SMALL] = (float)log2(NR_MAX((double)h->packets_out, 1) / flows + 1);
}

static double one_way(uint64_t there, uint64_t back)
{
	return log10(((double)there + 1) / ((double)back + 1));
}

void nr_flow_evidence_of_host(
	const struct nr_flow_host *host, enum nr_flow_model model, struct nr_flow_evidence *ret_evidence)
{
	float *values = ret_evidence->values;
	for (size_t i = 0; i < NR_FLOW_TERMS_MAX; i++)
		values[i] = NAN;
	if (model == NR_FLOW_MODEL_SCANNER) {
		weigh_scanner(host, values);
	} else if (model == NR_FLOW_MODEL_SOURCE) {
		values[NR_FLOW_TERM_RATE_OUT] = (float)log10_of(host->estimated_packets_per_second_out);
		values[NR_FLOW_TERM_BITS_OUT] = (float)log10_of(host->estimated_bits_per_second_out);
		values[NR_FLOW_TERM_TARGET] = (float)host->top_peer_share;
		values[NR_FLOW_TERM_ONE_WAY] = (float)one_way(host->packets_out, host->packets_in);
	} else {
		values[NR_FLOW_TERM_RATE_IN] = (float)log10_of(host->estimated_packets_per_second_in);
		values[NR_FLOW_TERM_BITS_IN] = (float)log10_of(host->estimated_bits_per_second_in);
		values[NR_FLOW_TERM_REFLECTED] = (float)host->reflected_share;
		values[NR_FLOW_TERM_SOURCES] = (float)log10_of(host->peers_in);
		values[NR_FLOW_TERM_UNANSWERED] = (float)one_way(host->packets_in, host->packets_out);
	}
}
