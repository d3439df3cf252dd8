/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noroshi flow detect: C&C servers, infected hosts, scanners and attacks in flows, with the reasons in the
 * language of the reader, as many a day as somebody can read.
 */
#include "base/language.h"
#include "base/text.h"
#include "sense/flow/command.h"
#include "sense/flow/detect/detecting.h"

#include <errno.h>
#include <math.h>

struct detect_conf {
	struct nr_flow_detecting_conf run;
	bool all, json;
};

static const struct nr_option options[] = {
	{"all", NR_OPTION_FLAG, offsetof(struct detect_conf, all), NULL, NULL, 0, 0, NULL,
		"show what is beyond the budget of alarms, too", "警報の数を超える判定も表示する"},
	{"json", NR_OPTION_FLAG, offsetof(struct detect_conf, json), NULL, NULL, 0, 0, NULL,
		"JSON lines, one a verdict, and a summary at the end",
		"JSONで出力する（1行1判定、最後に集計）"},
	NR_FLOW_DETECTING_OPTIONS(struct detect_conf, run.),
};

/* Whether it is printed: alarms, and what follows from servers; the rest by --all. */
static bool is_shown(const struct nr_flow_verdict *verdict, bool all)
{
	return all || verdict->alarm || (verdict->follows && verdict->confidence >= NR_FLOW_ALARM_FLOOR);
}

/* ---- JSON ---- */

static int print_json(const struct nr_flow_detecting *run, bool all, struct nr_error *error)
{
	struct nr_json json;
	size_t count;
	const struct nr_flow_verdict *verdicts = nr_flow_judge_verdicts(run->judge, &count);
	nr_json_init_stream(&json, stdout);
	for (size_t i = 0; i < count; i++)
		if (is_shown(&verdicts[i], all))
			nr_flow_verdict_write(&verdicts[i], &json);
	nr_json_object(&json, NULL);
	nr_json_object(&json, "summary");
	nr_flow_detecting_write(run, &json);
	nr_json_object_end(&json);
	nr_json_object_end(&json);
	int e = nr_json_finish(&json, error);
	nr_json_fini(&json);
	putchar('\n');
	return e;
}

/* ---- for people ---- */

static const char *kind_text(enum nr_flow_verdict_kind kind)
{
	static const char *const en[NR_FLOW_VERDICT_KINDS] = {
		"C&C server", "infected host", "scanner", "source of an attack", "victim of an attack"};
	static const char *const ja[NR_FLOW_VERDICT_KINDS] = {
		"C&Cサーバー", "感染端末", "スキャナー", "攻撃の送信元", "攻撃の被害者"};
	return nr_says(en[kind], ja[kind]);
}

/* Pads by columns of the terminal: Japanese takes two each. */
static void print_padded(const char *text, size_t columns)
{
	size_t width = nr_text_width(text);
	printf("%s%*s", text, (int)(width < columns ? columns - width : 0), "");
}

static void write_place(const struct nr_flow_server *server, char *text, size_t room)
{
	char address[NR_ADDRESS_TEXT], protocol[NR_FLOW_PROTOCOL_TEXT];
	nr_address_write(&server->address, address);
	if (server->port)
		snprintf(text, room, nr_address_is_ipv4(&server->address) ? "%s:%u/%s" : "[%s]:%u/%s",
			address, server->port, nr_flow_protocol_write(server->protocol, protocol));
	else
		snprintf(text, room, "%s", address);
}

#define REASON_COLUMNS 92

static void print_reasons(const struct nr_flow_verdict *verdict, size_t most)
{
	for (size_t i = 0; i < NR_MIN(verdict->reason_count, most); i++) {
		const struct nr_flow_reason *reason = &verdict->reasons[i];
		printf("       %+5.1f  ", reason->weight);
		nr_text_wrap(stdout, nr_says(reason->text_en, reason->text_ja), 14, 14 + REASON_COLUMNS);
	}
	if (verdict->reason_count > most)
		printf(nr_says("              and %zu more (--json)\n",
			       "              ほか%zu件（--json）\n"),
			verdict->reason_count - most);
}

static void print_similar(const struct nr_flow_verdict *verdict)
{
	char text[NR_ADDRESS_TEXT + NR_FLOW_PROTOCOL_TEXT + 16];
	if (!verdict->similar_count)
		return;
	printf("              %s", nr_says("benign, most like it:", "よく似た正常なサーバー:"));
	for (size_t i = 0; i < verdict->similar_count; i++) {
		write_place(&verdict->similar[i], text, sizeof text);
		printf("%s%s", i ? ", " : " ", text);
	}
	putchar('\n');
}

static void print_count(const struct nr_flow_verdict *verdict)
{
	unsigned long long n = verdict->clients;
	if (n && verdict->kind == NR_FLOW_C2_SERVER)
		printf(nr_says(n == 1 ? "  %llu client" : "  %llu clients", "  クライアント%llu台"), n);
	else if (n)
		printf(nr_says(n == 1 ? "  %llu peer" : "  %llu peers", "  相手%llu台"), n);
}

static void print_verdict(const struct nr_flow_verdict *verdict, size_t number)
{
	char place[NR_ADDRESS_TEXT + NR_FLOW_PROTOCOL_TEXT + 16], first[NR_TIME_TEXT], last[NR_TIME_TEXT];
	write_place(&verdict->subject, place, sizeof place);
	nr_time_write(verdict->first, first);
	nr_time_write(verdict->last, last);
	printf("%3zu  %5.1f %%  ", number, floor(verdict->confidence * 1000) / 10);
	print_padded(kind_text(verdict->kind), 20);
	print_padded(place, 26);
	print_count(verdict);
	printf("  %.16sZ - %.16sZ\n", first, last);
}

#define REASONS_SHOWN   6
#define FOLLOWERS_SHOWN 40

static size_t print_ranked(const struct nr_flow_verdict *verdicts, size_t count, bool all)
{
	size_t shown = 0;
	for (size_t i = 0; i < count; i++) {
		if (verdicts[i].follows || !is_shown(&verdicts[i], all))
			continue;
		print_verdict(&verdicts[i], ++shown);
		print_reasons(&verdicts[i], REASONS_SHOWN);
		print_similar(&verdicts[i]);
	}
	return shown;
}

static size_t print_followers(const struct nr_flow_verdict *verdicts, size_t count, bool all)
{
	size_t shown = 0;
	for (size_t i = 0; i < count; i++) {
		if (!verdicts[i].follows || !is_shown(&verdicts[i], all))
			continue;
		if (!shown++)
			printf("\n%s\n", nr_says("Hosts that go with them:", "関連する端末:"));
		if (shown > FOLLOWERS_SHOWN)
			continue;
		print_verdict(&verdicts[i], shown);
		print_reasons(&verdicts[i], 1);
	}
	if (shown > FOLLOWERS_SHOWN)
		printf(nr_says("  and %zu more: --json lists them\n", "  ほか%zu台: --jsonで一覧\n"),
			shown - FOLLOWERS_SHOWN);
	return shown;
}

static void print_people(const struct nr_flow_detecting *run, bool all)
{
	size_t count;
	const struct nr_flow_verdict *verdicts = nr_flow_judge_verdicts(run->judge, &count);
	struct nr_flow_detect_state state = nr_flow_detect_state(run->detect);
	size_t ranked = print_ranked(verdicts, count, all);
	size_t followers = print_followers(verdicts, count, all);
	if (!ranked && !followers)
		printf("%s\n", nr_says("Nothing was found.", "何も見つかりませんでした。"));
	printf(nr_says("\nFlows: %llu, servers: %llu (looked at: %zu), hosts: %llu, alarms: %zu (at most %g "
		       "a day)\n",
		       "\nフロー: %llu、サーバー: %llu（うち精査%zu）、ホスト: %llu、警報: "
		       "%zu（1日最大%g件）\n"),
		(unsigned long long)state.flows, (unsigned long long)state.servers, run->judge->record_count,
		(unsigned long long)state.hosts, run->judge->alarms, run->conf->alarms_per_day);
	uint64_t let_go = state.servers_let_go + state.pairs_let_go + state.hosts_let_go;
	if (let_go)
		printf(nr_says("Let go for want of memory: %llu servers, %llu pairs, %llu hosts (--memory)\n",
			       "メモリー不足で捨てたもの: サーバー%llu、組%llu、ホスト%llu（--memory）\n"),
			(unsigned long long)state.servers_let_go, (unsigned long long)state.pairs_let_go,
			(unsigned long long)state.hosts_let_go);
}

/* ---- the run ---- */

static bool found(const struct nr_flow_judge *judge, bool all)
{
	size_t count;
	const struct nr_flow_verdict *verdicts = nr_flow_judge_verdicts(judge, &count);
	for (size_t i = 0; i < count; i++)
		if (is_shown(&verdicts[i], all))
			return true;
	return false;
}

static int run(const void *conf, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	const struct detect_conf *c = conf;
	NR_AUTO(nr_flow_detecting_fini) struct nr_flow_detecting detecting = {.act = "detect"};
	int e = nr_flow_detecting_open(&detecting, &c->run, operands, operand_count, error);
	if (e)
		return e == -EPERM ? NR_EXIT_USAGE : nr_exit_of_input(e);
	e = nr_flow_detecting_run(&detecting, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	if (c->json)
		e = print_json(&detecting, c->all, error);
	else
		print_people(&detecting, c->all);
	if (!e && (fflush(stdout) != 0 || ferror(stdout)))
		e = nr_fail(error, -EIO, "standard output: cannot be written");
	if (e)
		return NR_EXIT_ENVIRONMENT;
	if (detecting.unreadable)
		return NR_EXIT_INPUT;
	return found(detecting.judge, c->all) ? NR_EXIT_OK : NR_EXIT_NO;
}

const struct nr_command nr_flow_detect_command = {
	.area = "flow",
	.verb = "detect",
	.operands = "[FILE...]",
	.text_en = "find C&C servers, infected hosts, scanners and attacks in flows, and say why",
	.text_ja = "フローからC&Cサーバー、感染端末、スキャナー、攻撃を見つけ、理由を示す",
	.example = "noroshi flow detect --own 192.0.2.0/24 --alarms-per-day 20 flows.nfdump",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct detect_conf),
	.run = run,
};
