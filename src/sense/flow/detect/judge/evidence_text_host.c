/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence on hosts in words. */
#include "sense/flow/detect/judge/evidence.h"

#include <math.h>

static void say_scanner(
	const struct nr_flow_host *h, unsigned term, struct nr_flow_words *w, double *ret_value)
{
	char text[NR_FLOW_PROTOCOL_TEXT];
	switch (term) {
	case NR_FLOW_TERM_PEERS:
		*ret_value = round(h->peers_out);
		NR_FLOW_SAY(w, "it went to %.0f addresses in an hour", "1時間に%.0f個のアドレスへ接続",
			*ret_value);
		break;
	case NR_FLOW_TERM_PORTS:
		*ret_value = round(h->ports_out);
		NR_FLOW_SAY(w, "it went to %.0f ports of %.0f addresses",
			"%.0f個のポート（アドレス%.0f個）へ接続", *ret_value, round(h->peers_out));
		break;
	case NR_FLOW_TERM_ANSWERED:
		*ret_value = h->answered;
		NR_FLOW_SAY(w, "%.0f %% of what it began was answered",
			"接続の試みのうち応答があったのは%.0f%%", h->answered * 100);
		break;
	case NR_FLOW_TERM_FOCUS:
		*ret_value = h->top_port_share;
		nr_flow_protocol_write(h->top_protocol, text);
		NR_FLOW_SAY(w, "%.0f %% of it goes to one port: %s/%u", "%.0f%%が1つのポートへ: %s/%u",
			h->top_port_share * 100, text, h->top_port);
		break;
	default:
		*ret_value = (double)h->packets_out / (double)NR_MAX(h->flows, 1);
		NR_FLOW_SAY(
			w, "it sends %.1f packets a flow", "1フローあたりの送信は%.1fパケット", *ret_value);
		break;
	}
}

static void say_rate(bool bits, double rate, nr_time when, const char *en, const char *ja,
	struct nr_flow_words *w, double *ret_value)
{
	char time[NR_TIME_TEXT];
	*ret_value = rate;
	nr_time_write(when, time);
	snprintf(w->en, sizeof w->en, "about %.3g %s %s in the minute from %.16sZ", bits ? rate / 1e6 : rate,
		bits ? "Mbit/s" : "packets/s", en, time);
	snprintf(w->ja, sizeof w->ja, "%.16sZからの1分間に約%.3g%sを%s", time, bits ? rate / 1e6 : rate,
		bits ? "Mbit/s" : "パケット/秒", ja);
}

static void say_source(
	const struct nr_flow_host *h, unsigned term, struct nr_flow_words *w, double *ret_value)
{
	char text[NR_ADDRESS_TEXT];
	switch (term) {
	case NR_FLOW_TERM_RATE_OUT:
		say_rate(false, h->estimated_packets_per_second_out, h->busiest_out, "sent", "送信", w,
			ret_value);
		break;
	case NR_FLOW_TERM_BITS_OUT:
		say_rate(
			true, h->estimated_bits_per_second_out, h->busiest_out, "sent", "送信", w, ret_value);
		break;
	case NR_FLOW_TERM_TARGET:
		*ret_value = h->top_peer_share;
		nr_address_write(&h->top_peer, text);
		NR_FLOW_SAY(w, "%.0f %% of its packets go to %s", "送信パケットの%.0f%%が%s宛て",
			h->top_peer_share * 100, text);
		break;
	default:
		*ret_value = ((double)h->packets_out + 1) / ((double)h->packets_in + 1);
		NR_FLOW_SAY(w, "it sends %.1f packets for each that comes back",
			"受信1パケットあたりの送信は%.1fパケット", *ret_value);
		break;
	}
}

static void say_victim(
	const struct nr_flow_host *h, unsigned term, struct nr_flow_words *w, double *ret_value)
{
	switch (term) {
	case NR_FLOW_TERM_RATE_IN:
		say_rate(false, h->estimated_packets_per_second_in, h->busiest_in, "came in", "受信", w,
			ret_value);
		break;
	case NR_FLOW_TERM_BITS_IN:
		say_rate(true, h->estimated_bits_per_second_in, h->busiest_in, "came in", "受信", w,
			ret_value);
		break;
	case NR_FLOW_TERM_REFLECTED:
		*ret_value = h->reflected_share;
		NR_FLOW_SAY(w, "%.0f %% of it comes from port %u, as reflected attacks do",
			"受信の%.0f%%がポート%uから（反射型攻撃の特徴）", h->reflected_share * 100,
			h->reflected_port);
		break;
	case NR_FLOW_TERM_SOURCES:
		*ret_value = round(h->peers_in);
		NR_FLOW_SAY(w, "%.0f addresses sent to it in an hour", "1時間に%.0f個のアドレスから受信",
			*ret_value);
		break;
	default:
		*ret_value = ((double)h->packets_in + 1) / ((double)h->packets_out + 1);
		NR_FLOW_SAY(w, "it gets %.1f packets for each that it sends",
			"送信1パケットあたりの受信は%.1fパケット", *ret_value);
		break;
	}
}

void nr_flow_evidence_say_host(const struct nr_flow_host *host, enum nr_flow_model model, unsigned term,
	struct nr_flow_words *ret_words, double *ret_value)
{
	if (model == NR_FLOW_MODEL_SCANNER)
		say_scanner(host, term, ret_words, ret_value);
	else if (model == NR_FLOW_MODEL_SOURCE)
		say_source(host, term, ret_words, ret_value);
	else
		say_victim(host, term, ret_words, ret_value);
}
