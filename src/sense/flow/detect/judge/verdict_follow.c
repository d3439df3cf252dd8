/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who talks to a C&C server obeys it, most often: its clients become verdicts of their own, as sure as the
 * server is, less those who only look (researchers, scanners, somebody who mistyped). A client of several
 * servers is one verdict: 1 - prod(1 - p).
 */
#include "sense/flow/detect/judge/verdict_inside.h"

#include <errno.h>
#include <math.h>

struct call { /* of one client to one server */
	struct nr_flow_client client;
	uint32_t record;
	double confidence;
	bool is_dead;
};

static int by_client(const void *a, const void *b)
{
	const struct call *x = a, *y = b;
	int order = memcmp(&x->client.address, &y->client.address, sizeof x->client.address);
	if (order)
		return order;
	return x->confidence != y->confidence
		       ? (x->confidence < y->confidence) - (x->confidence > y->confidence)
		       : (x->record > y->record) - (x->record < y->record);
}

static int collect(struct nr_flow_judge *judge, struct call **calls, size_t *count, struct nr_error *error)
{
	size_t room = 0;
	for (size_t k = 0; k < judge->kept_count; k++) {
		const struct nr_flow_kept *kept = &judge->kept[k];
		const struct nr_flow_record *record = &judge->records[kept->record];
		if (record->confidence < (float)NR_FLOW_FOLLOWED_FLOOR)
			continue;
		for (size_t i = 0; i < kept->client_count && *count < NR_FLOW_FOLLOWERS_MAX; i++) {
			int e = nr_flow_grow((void **)calls, *count, &room, sizeof **calls, error);
			if (e)
				return e;
			const struct nr_flow_client *client = &kept->clients[i];
			double share =
				client->known_infected ? 0.99 : judge->calibration->follow[client->beats > 1];
			(*calls)[(*count)++] = (struct call){*client, kept->record,
				(double)record->confidence * share, client->refused_only};
		}
	}
	return 0;
}

static void reason_call(
	const struct nr_flow_judge *judge, const struct call *call, struct nr_flow_verdict *verdict)
{
	const struct nr_flow_record *record = &judge->records[call->record];
	struct nr_flow_words words;
	char address[NR_ADDRESS_TEXT];
	double p = NR_MIN(call->confidence, 0.9999);
	nr_address_write(&record->server.address, address);
	if (call->is_dead)
		NR_FLOW_SAY(&words,
			"it keeps calling a C&C server that is down: %s port %u (%.0f %% sure), %u "
			"connections",
			"停止中のC&Cサーバー%s ポート%u（確信度%.0f%%）へ接続を繰り返す: %u回", address,
			record->server.port, (double)record->confidence * 100, call->client.beats);
	else
		NR_FLOW_SAY(&words, "it talks to a C&C server: %s port %u (%.0f %% sure), %u connections",
			"C&Cサーバー%s ポート%u（確信度%.0f%%）と通信: %u回", address, record->server.port,
			(double)record->confidence * 100, call->client.beats);
	nr_flow_reason_add(verdict, call->is_dead ? "calls-dead-server" : "client-of-c2", call->client.beats,
		log(p / (1 - p)), &words);
}

static int follow_client(
	struct nr_flow_judge *judge, const struct call *calls, size_t count, struct nr_error *error)
{
	struct nr_flow_verdict *verdict = nr_flow_judge_add(judge, NR_FLOW_INFECTED_HOST, error);
	double innocent = 1;
	if (!verdict)
		return -ENOMEM;
	verdict->follows = true;
	verdict->subject.address = calls[0].client.address;
	verdict->first = calls[0].client.first;
	verdict->last = calls[0].client.last;
	for (size_t i = 0; i < count; i++) {
		innocent *= 1 - calls[i].confidence;
		verdict->first = NR_MIN(verdict->first, calls[i].client.first);
		verdict->last = NR_MAX(verdict->last, calls[i].client.last);
		reason_call(judge, &calls[i], verdict);
	}
	verdict->confidence = 1 - innocent;
	verdict->llr = log((verdict->confidence + 1e-6) / (innocent + 1e-6));
	return 0;
}

int nr_flow_judge_follow(struct nr_flow_judge *judge, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct call *calls = NULL;
	size_t count = 0;
	int e = collect(judge, &calls, &count, error);
	if (!e && count)
		qsort(calls, count, sizeof *calls, by_client);
	for (size_t i = 0, next; !e && i < count; i = next) {
		for (next = i + 1; next < count &&
				   nr_address_equal(&calls[next].client.address, &calls[i].client.address);
			next++)
			;
		e = follow_client(judge, calls + i, next - i, error);
	}
	return e;
}
