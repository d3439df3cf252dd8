/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/evaluate.h"

static const enum nr_flow_verdict_kind host_kinds[NR_FLOW_MODELS] = {
	[NR_FLOW_MODEL_SCANNER] = NR_FLOW_SCANNER,
	[NR_FLOW_MODEL_SOURCE] = NR_FLOW_DDOS_SOURCE,
	[NR_FLOW_MODEL_VICTIM] = NR_FLOW_DDOS_VICTIM};

int nr_flow_examples_of(const struct nr_flow_judge *judge, const struct nr_flow_truth *truth,
	struct nr_flow_example **ret_examples, size_t *ret_count, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_flow_example *examples = NULL;
	size_t count = 0, room = 0;
	int e = 0;
	for (size_t i = 0; !e && i < judge->record_count; i++) {
		const struct nr_flow_record *r = &judge->records[i];
		const struct nr_flow_true_server *server = nr_flow_truth_server(truth, &r->server);
		e = nr_flow_grow((void **)&examples, count, &room, sizeof *examples, error);
		if (!e)
			examples[count++] = (struct nr_flow_example){r->model, server && server->is_c2,
				r->evidence, server ? truth->behaviours[server->behaviour] : NULL};
	}
	for (size_t i = 0; !e && i < judge->host_count; i++) {
		const struct nr_flow_host_record *h = &judge->hosts[i];
		if (h->infected)
			continue;
		const struct nr_flow_true_host *host =
			nr_flow_truth_host(truth, &h->host.address, host_kinds[h->model]);
		e = nr_flow_grow((void **)&examples, count, &room, sizeof *examples, error);
		if (!e)
			examples[count++] = (struct nr_flow_example){h->model, host != NULL, h->evidence,
				host ? truth->behaviours[host->behaviour] : NULL};
	}
	if (e)
		return e;
	*ret_examples = nr_steal(&examples);
	*ret_count = count;
	return 0;
}

#define FOLLOW_BEFORE 4.0 /* clients' worth of what is believed before */

void nr_flow_learn_follow(const struct nr_flow_judge *judge, const struct nr_flow_truth *truth,
	struct nr_flow_calibration *calibration)
{
	double infected[2], all[2];
	for (unsigned i = 0; i < 2; i++) {
		infected[i] = FOLLOW_BEFORE * nr_flow_calibration_built_in.follow[i];
		all[i] = FOLLOW_BEFORE;
	}
	for (size_t k = 0; k < judge->kept_count; k++) {
		const struct nr_flow_kept *kept = &judge->kept[k];
		const struct nr_flow_true_server *server =
			nr_flow_truth_server(truth, &judge->records[kept->record].server);
		for (size_t i = 0; server && server->is_c2 && i < kept->client_count; i++) {
			const struct nr_flow_client *client = &kept->clients[i];
			all[client->beats > 1]++;
			infected[client->beats > 1] +=
				nr_flow_truth_host(truth, &client->address, NR_FLOW_INFECTED_HOST) != NULL;
		}
	}
	for (unsigned i = 0; i < 2; i++)
		calibration->follow[i] = infected[i] / all[i];
}
