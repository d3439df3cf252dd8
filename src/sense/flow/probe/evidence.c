/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/probe/evidence.h"
#include "sense/flow/probe/hellos.h"

#include <math.h>
#include <string.h>

/* Nats. Where each comes from: docs/guide/probe.md. */
#define WEIGHT_PRINT       1.0 /* a TLS stack that others share */
#define WEIGHT_CERTIFICATE 3.5 /* the very certificate, or its key, of a known C&C server */
#define WEIGHT_BANNER      1.5 /* the same bytes said first */
#define WEIGHT_DEADLINE    0.7 /* closes a silent client after 10 s: Mirai's cnc, and a few others */
#define WEIGHT_SELF_SIGNED 0.4
#define WEIGHT_LONG        0.2  /* a certificate for more than ten years */
#define WEIGHT_GREETS      -0.5 /* greets as SSH, SMTP, FTP, POP3, IMAP do: a service that says what it is */
#define WEIGHT_WEB         -0.3 /* answers HEAD with a page, and names its software */

#define DEADLINE_MS_LOW  9500 /* original Mirai: 10 s (cnc/main.go) */
#define DEADLINE_MS_HIGH 11000

static void add(struct nr_probe_evidence *e, const char *code, double value, double weight, const char *en,
	const char *ja)
{
	if (e->count == NR_PROBE_REASONS_MAX)
		return;
	struct nr_probe_reason *reason = &e->reasons[e->count++];
	*reason = (struct nr_probe_reason){.code = code, .value = value, .weight = weight};
	snprintf(reason->text_en, sizeof reason->text_en, "%s", en);
	snprintf(reason->text_ja, sizeof reason->text_ja, "%s", ja);
	e->weight += weight;
}

static void add_named(struct nr_probe_evidence *e, const char *code, double weight, const char *name,
	const char *en, const char *ja)
{
	char text_en[192], text_ja[256];
	snprintf(text_en, sizeof text_en, "%s as known C&C: %s", en, name);
	snprintf(text_ja, sizeof text_ja, "%sが既知のC&Cと一致：%s", ja, name);
	add(e, code, 1, weight, text_en, text_ja);
}

/* Answered, or closed without an answer: either way the server has chosen. */
static bool has_chosen(const struct nr_probe_connection *c)
{
	return c->end == NR_PROBE_BY_US || c->end == NR_PROBE_BY_SERVER || c->end == NR_PROBE_RESET;
}

bool nr_probe_series_print(const struct nr_probe_series *series, char ret_text[static NR_PROBE_PRINT_TEXT])
{
	for (unsigned step = NR_PROBE_LISTEN; step < NR_PROBE_HEAD; step++)
		if (!has_chosen(&series->answers.connections[step]))
			return false;
	return nr_probe_print_write(series->answers.hellos, ret_text);
}

static void judge_lists(const struct nr_probe_series *series, const struct nr_probe_fingerprints *prints,
	struct nr_probe_evidence *e)
{
	const struct nr_probe_answers *a = &series->answers;
	char print[NR_PROBE_PRINT_TEXT] = "", banner[NR_PROBE_HASH_TEXT] = "";
	nr_probe_series_print(series, print);
	if (a->banner.kept)
		nr_probe_hash(a->banner.bytes, a->banner.kept, banner);
	const char *name = nr_probe_fingerprints_find(prints, NR_PROBE_BY_CERTIFICATE, a->certificate.sha256);
	if (!name)
		name = nr_probe_fingerprints_find(prints, NR_PROBE_BY_KEY, a->certificate.key_sha256);
	if (name)
		add_named(e, "probe-certificate", WEIGHT_CERTIFICATE, name, "the same certificate or key",
			"証明書または鍵");
	name = nr_probe_fingerprints_find(prints, NR_PROBE_BY_BANNER, banner);
	if (name)
		add_named(e, "probe-banner", WEIGHT_BANNER, name, "the same first words", "最初に送る内容");
	name = nr_probe_fingerprints_find(prints, NR_PROBE_BY_PRINT, print);
	if (name)
		add_named(e, "probe-print", WEIGHT_PRINT, name, "the same TLS stack (others have it, too)",
			"TLSの実装（他のサーバーにも共通する）");
}

static void judge_certificate(const struct nr_probe_certificate *c, struct nr_probe_evidence *e)
{
	if (!c->present || c->unreadable)
		return;
	if (c->self_signed)
		add(e, "probe-self-signed", 1, WEIGHT_SELF_SIGNED, "its certificate is signed by itself",
			"証明書が自己署名である");
	double years = c->from == NR_TIME_MIN || c->until == NR_TIME_MIN
			       ? 0
			       : (double)(c->until - c->from) / (365.25 * (double)NR_DAY);
	if (years > 10) {
		char en[96], ja[128];
		snprintf(en, sizeof en, "its certificate is for %.0f years", years);
		snprintf(ja, sizeof ja, "証明書の有効期間が%.0f年である", years);
		add(e, "probe-long-certificate", years, WEIGHT_LONG, en, ja);
	}
}

static bool greets(const struct nr_probe_banner *b)
{
	static const char *const words[] = {"SSH-", "220 ", "220-", "+OK ", "* OK "};
	for (size_t i = 0; i < NR_COUNT(words); i++)
		if (b->kept >= strlen(words[i]) && !memcmp(b->bytes, words[i], strlen(words[i])))
			return true;
	return false;
}

static void judge_silence(const struct nr_probe_banner *b, struct nr_probe_evidence *e)
{
	if (b->closed_ms >= DEADLINE_MS_LOW && b->closed_ms <= DEADLINE_MS_HIGH)
		add(e, "probe-deadline", b->closed_ms / 1000.0, WEIGHT_DEADLINE,
			"it closes after 10 s of silence without a word, as Mirai's server does",
			"10秒間の無通信で、何も送らずに切断する（Miraiのサーバーと同じ）");
	if (greets(b))
		add(e, "probe-greeting", 1, WEIGHT_GREETS, "it greets as a mail, file or login server does",
			"メール、ファイル転送、ログインのサーバーとして名乗る");
}

void nr_probe_evidence_of(const struct nr_probe_series *series, const struct nr_probe_fingerprints *prints,
	struct nr_probe_evidence *ret_evidence)
{
	struct nr_probe_evidence e = {.count = 0};
	const struct nr_probe_http *http = &series->answers.http;
	judge_lists(series, prints, &e);
	judge_silence(&series->answers.banner, &e);
	judge_certificate(&series->answers.certificate, &e);
	if (http->present && !http->foreign && http->status >= 200 && http->status < 400 && http->server[0])
		add(&e, "probe-web", http->status, WEIGHT_WEB, "it answers as an ordinary web server",
			"通常のウェブサーバーとして応答する");
	e.weight = fmax(-NR_PROBE_WEIGHT_MAX, fmin(NR_PROBE_WEIGHT_MAX, e.weight));
	*ret_evidence = e;
}
