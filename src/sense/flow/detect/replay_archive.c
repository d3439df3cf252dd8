/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/replay.h"

#include <string.h>

struct handing {
	int (*take)(void *taker, const struct nr_flow_block *block);
	void *taker;
};

static int hand_on(void *context, unsigned thread, const struct nr_flow_block *block)
{
	const struct handing *handing = context;
	(void)thread;
	return handing->take(handing->taker, block);
}

int nr_flow_archive_replay_run(void *context, nr_time from, nr_time to, uint64_t columns,
	int (*take)(void *taker, const struct nr_flow_block *block), void *taker, struct nr_error *error)
{
	struct nr_flow_archive_replay *replay = context;
	struct handing handing = {take, taker};
	struct nr_flow_wanted wanted = {
		.from = NR_MAX(from, replay->from),
		.to = NR_MIN(to, replay->to),
		.columns = columns,
		.threads = replay->threads,
		.progress = replay->progress,
		.progress_context = replay->progress_context,
	};
	struct nr_error damage = {0};
	int e = nr_flow_archive_scan(replay->archive, &wanted, hand_on, &handing, &replay->scanned, &damage);
	if (e)
		return nr_fail(error, e, "%s", damage.text);
	memcpy(replay->damage, replay->scanned.damaged ? damage.text : "",
		replay->scanned.damaged ? sizeof replay->damage : 1);
	return 0;
}
