/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence on servers in words: a fact with its numbers, as one reads it at three in the morning. The weight
 * beside it says which way it speaks, so the words need not.
 */
#include "sense/flow/detect/judge/evidence.h"

#include <math.h>

struct span {
	char en[32], ja[32];
};

static struct span span_of(double seconds)
{
	static const struct {
		double from, unit;
		const char *en, *ja;
	} units[] = {{172800, 86400, "days", "日"}, {7200, 3600, "h", "時間"}, {600, 60, "min", "分"},
		{0, 1, "s", "秒"}};
	struct span span;
	size_t i = 0;
	while (seconds < units[i].from && i + 1 < NR_COUNT(units))
		i++;
	double n = seconds / units[i].unit;
	int decimals = n < 10 ? 2 : 1;
	snprintf(span.en, sizeof span.en, "%.*f %s", decimals, n, units[i].en);
	snprintf(span.ja, sizeof span.ja, "%.*f%s", decimals, n, units[i].ja);
	return span;
}

static const char *plural(double n)
{
	return n == 1 ? "" : "s";
}

static void say_timing(const struct nr_flow_timing *t, enum nr_flow_server_term term, struct nr_flow_words *w,
	double *ret_value)
{
	struct span period = span_of(t->comb_period), gap = span_of(t->gap_median);
	switch (term) {
	case NR_FLOW_TERM_COMB:
		*ret_value = t->comb_z;
		snprintf(w->en, sizeof w->en,
			"%u client%s call%s in a beat of %s (z %.1f; chance stays below 6)", t->clients,
			plural(t->clients), t->clients == 1 ? "s" : "", period.en, t->comb_z);
		snprintf(w->ja, sizeof w->ja, "クライアント%u台が%sの周期で接続（z値%.1f、偶然なら6未満）",
			t->clients, period.ja, t->comb_z);
		break;
	case NR_FLOW_TERM_SHAPE:
		*ret_value = t->shape;
		snprintf(w->en, sizeof w->en,
			"gaps of about %s vary less than by chance (shape %.1f, z %.1f)", gap.en, t->shape,
			t->shape_z);
		snprintf(w->ja, sizeof w->ja,
			"接続間隔（約%s）のばらつきが偶然より小さい（形状%.1f、z値%.1f）", gap.ja, t->shape,
			t->shape_z);
		break;
	case NR_FLOW_TERM_REGULAR:
		*ret_value = t->gap_variation;
		snprintf(w->en, sizeof w->en, "gaps of about %s vary by %.0f %%", gap.en,
			t->gap_variation * 100);
		snprintf(w->ja, sizeof w->ja, "接続間隔は約%s、ばらつき%.0f%%", gap.ja,
			t->gap_variation * 100);
		break;
	case NR_FLOW_TERM_STROBE:
		*ret_value = t->strobe;
		NR_FLOW_SAY(w, "one client connects %u times a day", "1台が1日に%u回接続", t->strobe);
		break;
	case NR_FLOW_TERM_TIMER:
		*ret_value = t->timer_distance;
		if (t->timer_distance < 1)
			NR_FLOW_SAY(w, "the beat lies at a timer of the exporter (distance %.2f)",
				"周期がエクスポーターのタイマーに近い（隔たり%.2f）", t->timer_distance);
		else
			NR_FLOW_SAY(w, "the beat is no timer of the exporter (distance %.2f)",
				"周期はエクスポーターのタイマーではない（隔たり%.2f）", t->timer_distance);
		break;
	default:
		*ret_value = t->comb_pool_z;
		NR_FLOW_SAY(w, "the exporter's other servers show that beat with z %.1f",
			"同じエクスポーターの他のサーバーでは、この周期のz値は%.1f", t->comb_pool_z);
		break;
	}
}

static void say_beats(const struct nr_flow_timing *t, enum nr_flow_server_term term, struct nr_flow_words *w,
	double *ret_value)
{
	struct span longest = span_of(t->longest), call = span_of(t->refused_period);
	switch (term) {
	case NR_FLOW_TERM_UP_SIZES:
		*ret_value = t->up_mode;
		NR_FLOW_SAY(w, "%.0f %% of what clients send has one size",
			"クライアントの送信の%.0f%%が同じサイズ", t->up_mode * 100);
		break;
	case NR_FLOW_TERM_DOWN_SIZES:
		*ret_value = t->down_mode;
		NR_FLOW_SAY(w, "%.0f %% of the answers have one size", "応答の%.0f%%が同じサイズ",
			t->down_mode * 100);
		break;
	case NR_FLOW_TERM_DEAD:
		*ret_value = t->refused_calls;
		if (!t->refused_calls) {
			snprintf(w->en, sizeof w->en, "calls are answered");
			snprintf(w->ja, sizeof w->ja, "接続には応答がある");
			break;
		}
		snprintf(w->en, sizeof w->en,
			"a client calls a server that refuses: %u calls, one in %s, %.0f %% refused",
			t->refused_calls, call.en, t->refused_share * 100);
		snprintf(w->ja, sizeof w->ja, "拒否されても接続を繰り返す: %u回、%sごと、%.0f%%が拒否",
			t->refused_calls, call.ja, t->refused_share * 100);
		break;
	case NR_FLOW_TERM_PERSISTENCE:
		*ret_value = t->persistence;
		NR_FLOW_SAY(w, "a client calls in %.0f %% of all hours",
			"クライアントは全時間帯の%.0f%%で接続", t->persistence * 100);
		break;
	case NR_FLOW_TERM_LONG:
		*ret_value = t->longest;
		snprintf(w->en, sizeof w->en,
			"the longest connection lasts %s; %u client%s with an hour and more", longest.en,
			t->long_clients, plural(t->long_clients));
		snprintf(w->ja, sizeof w->ja, "最長の接続は%s、1時間以上の接続を持つクライアント%u台",
			longest.ja, t->long_clients);
		break;
	case NR_FLOW_TERM_ENOUGH:
		*ret_value = t->beats;
		NR_FLOW_SAY(w, "%u connections of %u clients were seen",
			"観測した接続は%u本、クライアント%u台", t->beats, t->clients);
		break;
	default:
		*ret_value = t->synchrony;
		NR_FLOW_SAY(w, "clients start within the same seconds (z %.1f)",
			"クライアントが同じ数秒に動き始める（z値%.1f）", t->synchrony);
		break;
	}
}

static void say_port(const struct nr_flow_server *server, unsigned role, struct nr_flow_words *w)
{
	static const char *const en[] = {"the web", "names or time", "mail, files or logins",
		"push, calls, VPN or things", "the web, another port", "a low port", "a registered port",
		"a port that nobody registered"};
	static const char *const ja[] = {"Web", "名前解決・時刻", "メール・ファイル・ログイン",
		"プッシュ通知・通話・VPN・IoT", "Web（代替ポート）", "1023以下のポート", "登録済みポート",
		"未登録のポート"};
	char text[NR_FLOW_PROTOCOL_TEXT];
	role = NR_MIN(role, NR_COUNT(en) - 1);
	nr_flow_protocol_write(server->protocol, text);
	snprintf(w->en, sizeof w->en, "it serves %s port %u: %s", text, server->port, en[role]);
	snprintf(w->ja, sizeof w->ja, "%sポート%u: %s", text, server->port, ja[role]);
}

static void say_traffic(const struct nr_flow_context *c, enum nr_flow_server_term term,
	struct nr_flow_words *w, double *ret_value)
{
	double flows = (double)NR_MAX(c->flows, 1);
	if (term == NR_FLOW_TERM_VOLUME) {
		*ret_value = (double)(c->up_bytes + c->down_bytes) / flows;
		NR_FLOW_SAY(w, "a flow has %.0f bytes on average", "1フローは平均%.0fバイト", *ret_value);
	} else if (term == NR_FLOW_TERM_BALANCE) {
		*ret_value = (double)(c->up_bytes + 1) / (double)(c->down_bytes + 1);
		NR_FLOW_SAY(w, "clients send %.2f bytes for each that they get",
			"受信1バイトあたりの送信は%.2fバイト", *ret_value);
	} else {
		*ret_value = c->established / NR_MAX(c->clients, 1);
		NR_FLOW_SAY(w, "%.0f %% of the clients exchange payload both ways",
			"クライアントの%.0f%%が双方向にデータを交換", *ret_value * 100);
	}
}

static void say_context(const struct nr_flow_context *c, enum nr_flow_server_term term, double value,
	struct nr_flow_words *w, double *ret_value)
{
	switch (term) {
	case NR_FLOW_TERM_POPULARITY:
		*ret_value = round(c->clients);
		snprintf(w->en, sizeof w->en, "it has %.0f client%s", *ret_value, plural(*ret_value));
		snprintf(w->ja, sizeof w->ja, "クライアントは%.0f台", *ret_value);
		break;
	case NR_FLOW_TERM_NEIGHBOURHOOD:
		*ret_value = round(c->neighbourhood);
		snprintf(w->en, sizeof w->en, "its neighbours (/24, IPv6 /48) have %.0f client%s together",
			*ret_value, plural(*ret_value));
		snprintf(w->ja, sizeof w->ja, "近隣（/24、IPv6は/48）全体のクライアントは%.0f台", *ret_value);
		break;
	case NR_FLOW_TERM_SERVICES:
		*ret_value = c->services;
		snprintf(w->en, sizeof w->en, "the address serves %u port%s", c->services,
			plural(c->services));
		snprintf(w->ja, sizeof w->ja, "このアドレスが提供するポートは%u個", c->services);
		break;
	case NR_FLOW_TERM_AS:
		*ret_value = c->as_number;
		if (c->as_number) {
			NR_FLOW_SAY(w, "its network is known: AS%u", "所属ネットワークはAS%u", c->as_number);
		} else {
			snprintf(w->en, sizeof w->en, "its network is not known");
			snprintf(w->ja, sizeof w->ja, "所属ネットワークが不明");
		}
		break;
	case NR_FLOW_TERM_AGE:
		*ret_value = value;
		NR_FLOW_SAY(w, "first seen %.1f days ago", "初めて観測されたのは%.1f日前", value);
		break;
	case NR_FLOW_TERM_HOURS:
		*ret_value = value;
		NR_FLOW_SAY(w, "it was called in %.0f %% of all hours", "全時間帯の%.0f%%で接続あり",
			value * 100);
		break;
	default:
		*ret_value = c->client_services;
		NR_FLOW_SAY(w, "its clients talk to %.0f other servers each (devices: few)",
			"クライアントが接続する他のサーバーは平均%.0f台（機器なら少ない）",
			c->client_services);
		break;
	}
}

void nr_flow_evidence_say(const struct nr_flow_context *context, const struct nr_flow_timing *timing,
	const struct nr_flow_server *server, enum nr_flow_server_term term, double value,
	struct nr_flow_words *ret_words, double *ret_value)
{
	switch (term) {
	case NR_FLOW_TERM_COMB:
	case NR_FLOW_TERM_SHAPE:
	case NR_FLOW_TERM_REGULAR:
	case NR_FLOW_TERM_STROBE:
	case NR_FLOW_TERM_TIMER:
	case NR_FLOW_TERM_POOL:
		say_timing(timing, term, ret_words, ret_value);
		break;
	case NR_FLOW_TERM_UP_SIZES:
	case NR_FLOW_TERM_DOWN_SIZES:
	case NR_FLOW_TERM_DEAD:
	case NR_FLOW_TERM_PERSISTENCE:
	case NR_FLOW_TERM_LONG:
	case NR_FLOW_TERM_SYNCHRONY:
	case NR_FLOW_TERM_ENOUGH:
		say_beats(timing, term, ret_words, ret_value);
		break;
	case NR_FLOW_TERM_VOLUME:
	case NR_FLOW_TERM_BALANCE:
	case NR_FLOW_TERM_PAYLOAD:
		say_traffic(context, term, ret_words, ret_value);
		break;
	case NR_FLOW_TERM_PORT:
		*ret_value = server->port;
		say_port(server, (unsigned)value, ret_words);
		break;
	default:
		say_context(context, term, value, ret_words, ret_value);
		break;
	}
}
