/* SPDX-License-Identifier: Apache-2.0 */
/* The same for people. Words of strangers pass nr_text_shorten(), so that none of them moves a cursor. */
#include "sense/flow/probe/print.h"
#include "base/language.h"
#include "base/text.h"
#include "sense/flow/probe/hellos.h"
#include "sense/flow/probe/reader.h"

#include <string.h>

#define COLUMNS 96

static void say(FILE *out, const char *name, const char *text)
{
	char shown[4 * COLUMNS + 8];
	nr_text_shorten(text, COLUMNS, shown, sizeof shown);
	fprintf(out, "  %s  %s\n", name, shown);
}

static void print_state(const struct nr_probe_series *series, FILE *out)
{
	char server[NR_PROBE_SERVER_TEXT], time[NR_TIME_TEXT];
	nr_probe_server_write(&series->server, server);
	if (series->step == NR_PROBE_STEPS)
		fprintf(out, nr_says("%s  round %u complete, %u connections\n", "%s  %u回目完了、接続%u回\n"),
			server, series->round + 1, series->connections);
	else if (series->due == NR_TIME_MIN)
		fprintf(out, nr_says("%s  not connected to yet\n", "%s  未接続\n"), server);
	else
		fprintf(out, nr_says("%s  next: %s, not before %.19sZ\n", "%s  次：%s（%.19sZ以降）\n"),
			server, nr_probe_step_name(series->step), nr_time_write(series->due, time));
}

static void print_answers(const struct nr_probe_series *series, FILE *out)
{
	const struct nr_probe_answers *a = &series->answers;
	char print[NR_PROBE_PRINT_TEXT], banner[NR_PROBE_BANNER_MAX + 1], line[512];
	unsigned end = a->connections[NR_PROBE_LISTEN].end;
	if (end == NR_PROBE_REFUSED || end == NR_PROBE_UNREACHABLE)
		say(out, nr_says("nobody   ", "応答なし"), nr_probe_end_names[end]);
	if (a->banner.length) {
		memcpy(banner, a->banner.bytes, a->banner.kept);
		banner[a->banner.kept] = 0;
		say(out, nr_says("banner   ", "バナー  "), banner);
	}
	if (nr_probe_series_print(series, print))
		say(out, nr_says("TLS print", "TLS指紋 "), print);
	if (a->certificate.present && !a->certificate.unreadable) {
		snprintf(line, sizeof line, "%s%s", a->certificate.subject,
			a->certificate.self_signed ? nr_says(" (self-signed)", "（自己署名）") : "");
		say(out, nr_says("subject  ", "主体者  "), line);
		say(out, nr_says("issuer   ", "発行者  "), a->certificate.issuer);
	}
	if (a->certificate.present)
		say(out, "SHA-256  ", a->certificate.sha256);
	if (a->http.present && !a->http.foreign) {
		snprintf(line, sizeof line, "%u %s %s", a->http.status, a->http.server, a->http.location);
		say(out, "HEAD     ", line);
	}
}

void nr_probe_print(const struct nr_probe_series *series, const struct nr_probe_evidence *evidence, FILE *out)
{
	print_state(series, out);
	print_answers(series, out);
	for (size_t i = 0; i < evidence->count; i++) {
		const struct nr_probe_reason *r = &evidence->reasons[i];
		char weight[16];
		snprintf(weight, sizeof weight, "%+.1f     ", r->weight);
		say(out, weight, nr_says(r->text_en, r->text_ja));
	}
}

void nr_probe_print_plan(
	const struct nr_flow_server *server, enum nr_probe_refusal refusal, const char *about, FILE *out)
{
	char text[NR_PROBE_SERVER_TEXT], head[NR_PROBE_HEAD_MAX];
	const struct nr_probe_words *words = &nr_probe_refusal_words[refusal];
	uint8_t hello[NR_TLS_HELLO_MAX];
	nr_probe_server_write(server, text);
	if (refusal != NR_PROBE_ALLOWED) {
		fprintf(out, nr_says("%s  refused: %s\n", "%s  拒否：%s\n"), text,
			nr_says(words->text_en, words->text_ja));
		return;
	}
	fprintf(out,
		nr_says("%s  a connection in 10 minutes; nothing is sent for 12 s, then\n",
			"%s  10分に1接続。12秒間は何も送らず、その後に次を送る\n"),
		text);
	for (unsigned i = 0; i < NR_PROBE_HELLOS; i++) {
		size_t length = nr_probe_hello_write(i, hello);
		fprintf(out, "  hello %u  ", i);
		for (size_t k = 0; k < length; k++)
			fprintf(out, "%02x", hello[k]);
		putc('\n', out);
	}
	nr_probe_head_write(server, about, head);
	for (char *line = head, *end; (end = strstr(line, "\r\n")) && end > line; line = end + 2)
		fprintf(out, "  %s  %.*s\n", line == head ? "head   " : "       ", (int)(end - line), line);
}
