/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence from outside, whose weights are set, not learnt: a world knows no lists and no analysts. Each says
 * why it is as large as it is.
 */
#include "sense/flow/detect/judge/evidence.h"

#include <math.h>

const char *const nr_flow_fixed_codes[NR_FLOW_FIXED_TERMS] = {
	"infected-clients", "listed", "confirmed", "benign", "probed", "scanning-clients"};

/* A list that is right in c of its entries, of servers of which one in 150 is listed: logit(c) + ln(150). */
#define LISTED_PRIOR 5.0
/* People outweigh all that flows say together (verdict.c: SURE_AT_MOST). */
#define PERSON_WEIGHT 16.0
#define PROBED_MAX    6.0
/* Of a C&C server's clients that could be looked up so many are known: telescopes see few of the infected. */
#define INFECTED_OF_C2 0.3
#define INFECTED_MAX   7.0
#define INFECTED_MIN   -1.0
#ifdef NR_FLOW_SCAN_SHARE
#define SCANS_MAX 1.0
#else
#define SCANS_MAX 0.0
#endif

void nr_flow_outside_of(const struct nr_flow_known *known, const struct nr_flow_server *server, nr_time at,
	struct nr_flow_outside *outside)
{
	outside->listed = nr_flow_known_find(known, NR_FLOW_KNOWN_C2, server, at);
	outside->confirmed = nr_flow_known_find(known, NR_FLOW_KNOWN_CONFIRMED, server, at);
	outside->benign = nr_flow_known_find(known, NR_FLOW_KNOWN_BENIGN, server, at);
	outside->probed = nr_flow_known_find(known, NR_FLOW_KNOWN_PROBED, server, at);
}

static double clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

/* Infected by chance at the common rate, or as the clients of a C&C server are. */
static double weigh_infected(uint32_t infected, uint32_t looked_up, double rate)
{
	if (!looked_up || infected > looked_up)
		return 0;
	double p0 = clamp(rate, 1e-4, 0.2), p1 = NR_MAX(INFECTED_OF_C2, 2 * p0);
	double llr = infected * log(p1 / p0) + (looked_up - infected) * log((1 - p1) / (1 - p0));
	return clamp(llr, INFECTED_MIN, INFECTED_MAX);
}

double nr_flow_outside_weigh(
	const struct nr_flow_outside *outside, double rate, double ret_weights[static NR_FLOW_FIXED_TERMS])
{
	double sum = 0;
	const struct nr_flow_known_entry *listed = outside->listed;
	double c = listed ? clamp(listed->weight, 0.05, 0.99) : 0;
	ret_weights[NR_FLOW_FIXED_INFECTED] = weigh_infected(outside->infected, outside->looked_up, rate);
	ret_weights[NR_FLOW_FIXED_LISTED] = listed ? NR_MAX(log(c / (1 - c)) + LISTED_PRIOR, 0) : 0;
	ret_weights[NR_FLOW_FIXED_CONFIRMED] = outside->confirmed ? PERSON_WEIGHT : 0;
	ret_weights[NR_FLOW_FIXED_BENIGN] = outside->benign ? -PERSON_WEIGHT : 0;
	ret_weights[NR_FLOW_FIXED_PROBED] =
		outside->probed ? clamp(outside->probed->weight, -PROBED_MAX, PROBED_MAX) : 0;
	ret_weights[NR_FLOW_FIXED_SCANS] = SCANS_MAX * clamp(outside->scan_share, 0, 1);
	for (unsigned i = 0; i < NR_FLOW_FIXED_TERMS; i++)
		sum += ret_weights[i];
	return sum;
}

void nr_flow_outside_say(const struct nr_flow_outside *outside, enum nr_flow_fixed_term term,
	struct nr_flow_words *ret_words, double *ret_value)
{
	switch (term) {
	case NR_FLOW_FIXED_INFECTED:
		*ret_value = outside->infected;
		NR_FLOW_SAY(ret_words, "%u of %u clients looked up are known to be infected",
			"感染が判明している端末が%u台接続（照合できた%u台中）", outside->infected,
			outside->looked_up);
		break;
	case NR_FLOW_FIXED_LISTED:
		*ret_value = outside->listed->weight;
		NR_FLOW_SAY(ret_words, "known as a C&C server: %s (%.0f %% sure)",
			"C&Cサーバーとして既知: %s（確信度%.0f%%）", outside->listed->source,
			outside->listed->weight * 100);
		break;
	case NR_FLOW_FIXED_CONFIRMED:
		*ret_value = 1;
		NR_FLOW_SAY(ret_words, "confirmed as a C&C server by a person (%s)",
			"担当者がC&Cサーバーと確認済み（%s）", outside->confirmed->source);
		break;
	case NR_FLOW_FIXED_BENIGN:
		*ret_value = 1;
		NR_FLOW_SAY(ret_words, "marked as benign by a person (%s)", "担当者が正常と判定済み（%s）",
			outside->benign->source);
		break;
	case NR_FLOW_FIXED_PROBED:
		*ret_value = outside->probed->weight;
		if (*ret_value > 0)
			NR_FLOW_SAY(ret_words, "when probed it answered as C&C servers do (%+.1f)",
				"能動的調査への応答がC&Cサーバーに似ている（%+.1f）", *ret_value);
		else
			NR_FLOW_SAY(ret_words, "when probed it answered as ordinary servers do (%+.1f)",
				"能動的調査への応答が通常のサーバーと同様（%+.1f）", *ret_value);
		break;
	default:
		*ret_value = outside->scan_share;
		NR_FLOW_SAY(ret_words, "%.0f %% of its clients behave as scanners do",
			"クライアントの%.0f%%がスキャナーのように動作", outside->scan_share * 100);
		break;
	}
}
