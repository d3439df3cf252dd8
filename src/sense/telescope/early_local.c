/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/early_local.h"
#include "base/pages.h"
#include "sense/telescope/entry.h"

#include <errno.h>

int nr_early_local_new(const struct nr_telescope_conf *conf, struct nr_area *area,
	struct nr_early_local **ret_early, struct nr_error *error)
{
	void *pages = NULL;
	int e = nr_pages_resize(area, &pages, 0, sizeof(struct nr_early_local), error);
	if (e)
		return e;
	struct nr_early_local *early = pages;
	early->area = area;
	e = nr_hitters_init(&early->hitters, area, nr_promise_shared(conf) / conf->refs->workers,
		conf->refs->dark_addresses, error);
	if (e) {
		nr_pages_unmap(area, pages, sizeof *early);
		return e;
	}
	*ret_early = early;
	return 0;
}

void nr_early_local_free(struct nr_early_local *early)
{
	if (!early)
		return;
	nr_hitters_fini(&early->hitters);
	nr_pages_unmap(early->area, early, sizeof *early);
}

int nr_early_local_resume(struct nr_early_local *early, struct nr_area *area)
{
	if (!nr_area_holds(area, early, sizeof *early))
		return -EBADMSG;
	early->area = early->hitters.area = area;
	return 0;
}

static void note_watched(struct nr_watch *watch, const struct nr_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct nr_packet *p = &batch->packets[i];
		if (p->kind != NR_PACKET_IPV4 || !(p->marks & NR_MARK_PORTS))
			continue;
		bool udp = p->protocol == NR_UDP && !(p->marks & NR_MARK_ANSWER);
		if (!udp && !nr_is_syn(p))
			continue;
		uint32_t group = (udp ? NR_GROUP_UDP : 0) + p->destination_port;
		if (NR_UNLIKELY(nr_watch_has(watch, group)))
			nr_watch_note(watch, group, nr_address_low(&p->source), p->time);
	}
}

void nr_early_local_observe(struct nr_early_local *early, const struct nr_batch *batch)
{
	if (early->watch.any)
		note_watched(&early->watch, batch);
	nr_hitters_observe(&early->hitters, batch);
}
