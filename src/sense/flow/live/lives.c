/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/live/lives.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* ---- gaps ---- */

static void begin_pause(struct nr_flow_gap *gap, const struct nr_flow_keep_event *paused)
{
	*gap = (struct nr_flow_gap){
		.cause = "archive-paused", .first = paused->since, .last = NR_TIME_MAX, .unit = "flows"};
	snprintf(gap->text_en, sizeof gap->text_en,
		"The archive cannot be written: %.100s; flows that come are counted and not kept",
		paused->text);
	snprintf(gap->text_ja, sizeof gap->text_ja,
		"アーカイブに書き込めない: %.100s。届くフローは集計のみで保存されない", paused->text);
}

void nr_flow_gap_of_pause(struct nr_flow_gap *ret_gap, const struct nr_flow_keep_event *event)
{
	if (event->what == NR_FLOW_KEEP_PAUSED) {
		begin_pause(ret_gap, event);
		return;
	}
	*ret_gap = (struct nr_flow_gap){.cause = "archive-paused",
		.first = event->since,
		.last = NR_MAX(event->time, event->since),
		.lost = event->flows,
		.unit = "flows"};
	double seconds = (double)(ret_gap->last - ret_gap->first) / NR_SECOND;
	snprintf(ret_gap->text_en, sizeof ret_gap->text_en,
		"The archive could not be written for %.1f s; %llu flows that came meanwhile were counted "
		"and "
		"not kept",
		seconds, (unsigned long long)event->flows);
	snprintf(ret_gap->text_ja, sizeof ret_gap->text_ja,
		"アーカイブに%.1f秒間書き込めず、その間のフロー%llu件は集計のみで保存されていない", seconds,
		(unsigned long long)event->flows);
}

void nr_flow_gap_write(const struct nr_flow_gap *gap, struct nr_json *json)
{
	nr_json_object(json, "gap");
	nr_json_text(json, "sense", "flow");
	nr_json_text(json, "cause", gap->cause);
	nr_json_time(json, "first", gap->first);
	nr_json_time(json, "last", gap->last);
	nr_json_uint(json, gap->unit, gap->lost);
	nr_json_text(json, "text_en", gap->text_en);
	nr_json_text(json, "text_ja", gap->text_ja);
	nr_json_object_end(json);
}

/* ---- lives ---- */

void nr_flow_lives_init(struct nr_flow_lives *lives, struct nr_flow_live *live, struct nr_nursery *nursery,
	void (*tell)(void *context, const struct nr_flow_gap *gap), void *context)
{
	*lives = (struct nr_flow_lives){.live = live, .nursery = nursery, .tell = tell, .context = context};
}

static void describe(struct nr_flow_life *life, const struct nr_child_event *event)
{
	if (!WIFSIGNALED(event->status)) {
		const char *text = event->text[0] ? event->text : "without a word";
		snprintf(life->how_en, sizeof life->how_en, "The process that parses ended: %.100s", text);
		snprintf(life->how_ja, sizeof life->how_ja, "解析プロセスが終了した: %.100s", text);
		return;
	}
	int number = WTERMSIG(event->status);
	bool forbidden = number == SIGSYS;
	snprintf(life->how_en, sizeof life->how_en, "The process that parses was killed by signal %d (%s)%s",
		number, strsignal(number), forbidden ? ": it tried what its sandbox forbids" : "");
	snprintf(life->how_ja, sizeof life->how_ja, "解析プロセスがシグナル%dで終了した%s", number,
		forbidden ? "（サンドボックスで禁じられた動作を試みた）" : "");
}

static struct nr_flow_gap begin(const struct nr_flow_life *life)
{
	struct nr_flow_gap gap = {
		.cause = "crashed", .first = life->died, .last = NR_TIME_MAX, .unit = "datagrams"};
	snprintf(gap.text_en, sizeof gap.text_en,
		"%s; it is being started again, and the kernel goes on receiving", life->how_en);
	snprintf(gap.text_ja, sizeof gap.text_ja, "%s。再起動中（受信はカーネルが続けている）", life->how_ja);
	return gap;
}

static void die(struct nr_flow_lives *lives, unsigned worker, const struct nr_child_event *event)
{
	struct nr_flow_life *life = &lives->lives[worker];
	const struct nr_flow_numbers *numbers =
		nr_flow_board_numbers(nr_flow_live_board(lives->live, worker));
	uint64_t undecoded = numbers->taken - numbers->decoded;
	describe(life, event);
	if (!life->dead) {
		life->died = event->time;
		life->undecoded = 0;
		life->kernel = numbers->kernel;
	}
	life->undecoded += undecoded - life->undecoded_before;
	life->undecoded_before = undecoded;
	life->dead = true;
	life->hangs = false;
	const struct nr_flow_gap gap = begin(life);
	lives->tell(lives->context, &gap);
}

/* The first look around of the successor is behind it: what the kernel dropped meanwhile is counted. */
static void live_again(struct nr_flow_lives *lives, unsigned worker, nr_time since)
{
	struct nr_flow_life *life = &lives->lives[worker];
	const struct nr_flow_numbers *numbers =
		nr_flow_board_numbers(nr_flow_live_board(lives->live, worker));
	uint64_t dropped = numbers->kernel - life->kernel;
	double seconds = (double)(since - life->died) / NR_SECOND;
	struct nr_flow_gap gap = begin(life);
	gap.last = since;
	gap.lost = life->undecoded + dropped;
	snprintf(gap.text_en, sizeof gap.text_en,
		"%s; it received again after %.3f s; %llu datagrams that it held were not decoded, the "
		"kernel "
		"dropped %llu",
		life->how_en, seconds, (unsigned long long)life->undecoded, (unsigned long long)dropped);
	snprintf(gap.text_ja, sizeof gap.text_ja,
		"%s。%.3f秒後に受信を再開した。復号されなかったデータグラム%llu、カーネルでの破棄%llu",
		life->how_ja, seconds, (unsigned long long)life->undecoded, (unsigned long long)dropped);
	life->dead = false;
	lives->tell(lives->context, &gap);
}

void nr_flow_lives_take(struct nr_flow_lives *lives, const struct nr_child_event *event)
{
	struct nr_flow_life *life = &lives->lives[event->index];
	if (event->what != NR_CHILD_ENDED)
		return;
	life->ended = event->delay == NR_TIME_MAX;
	if (!event->asked)
		die(lives, event->index, event);
}

void nr_flow_lives_look(struct nr_flow_lives *lives, nr_time now)
{
	for (unsigned i = 0; i < nr_flow_live_workers(lives->live); i++) {
		struct nr_flow_life *life = &lives->lives[i];
		const struct nr_flow_numbers *numbers =
			nr_flow_board_numbers(nr_flow_live_board(lives->live, i));
		nr_time alive = numbers->alive, since = numbers->since;
		if (life->dead && since > life->died)
			live_again(lives, i, since);
		else if (!life->dead && !life->hangs && alive && now - alive > NR_FLOW_LIVES_HANGS)
			life->hangs = nr_nursery_ask(lives->nursery, NR_NURSERY_KILL, i, NULL) == 0;
	}
}

bool nr_flow_lives_ended(const struct nr_flow_lives *lives)
{
	for (unsigned i = 0; i < nr_flow_live_workers(lives->live); i++)
		if (!lives->lives[i].ended)
			return false;
	return true;
}
