/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rank.h"

#include <errno.h>

#define PORTS 65536

void nr_port_sums_fini(struct nr_port_sums *sums)
{
	for (size_t i = 0; i < NR_COUNT(sums->packets); i++) {
		free(sums->packets[i]);
		sums->packets[i] = NULL;
	}
}

int64_t *nr_port_sums_of(struct nr_port_sums *sums, uint8_t protocol)
{
	if (!sums->packets[protocol])
		sums->packets[protocol] = calloc(PORTS, sizeof(int64_t));
	return sums->packets[protocol];
}

/* Fewer packets are worse, and of the same the later port. */
static bool is_worse(const struct nr_sum *a, const struct nr_sum *b)
{
	return a->packets != b->packets ? a->packets < b->packets : a->low > b->low;
}

/* The worst on top. */
static void sift(struct nr_sum *heap, size_t count, size_t at)
{
	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && is_worse(&heap[child + 1], &heap[child]))
			child++;
		if (!is_worse(&heap[child], &heap[at]))
			return;
		struct nr_sum moved = heap[at];
		heap[at] = heap[child];
		heap[child] = moved;
	}
}

/* Sums come in the order of their ports: one that equals the worst is worse. */
static void offer(struct nr_sums *into, size_t room, const struct nr_sum *sum)
{
	if (into->count < room) {
		into->items[into->count++] = *sum;
		for (size_t i = into->count == room ? room / 2 : 0; i-- > 0;)
			sift(into->items, room, i);
	} else {
		into->items[0] = *sum;
		sift(into->items, room, 0);
	}
}

int nr_port_sums_pick(const struct nr_port_sums *sums, const struct nr_ask *ask, struct nr_sums *into,
	struct nr_error *error)
{
	size_t room = (size_t)ask->limit + 1;
	into->items = calloc(room, sizeof *into->items);
	if (!into->items)
		return nr_sums_fail(error);
	into->room = room;
	for (size_t protocol = 0; protocol < NR_COUNT(sums->packets); protocol++) {
		const int64_t *packets = sums->packets[protocol];
		for (size_t port = 0; packets && port < PORTS; port++) {
			int64_t least = into->count == room ? into->items[0].packets : 0;
			struct nr_sum sum = {.low = protocol << 16 | port, .packets = packets[port]};
			if (sum.packets > least && nr_rank_is_after(&sum, ask, &nr_order_of_ports))
				offer(into, room, &sum);
		}
	}
	return 0;
}

/* ---- their order ---- */

static int compare_ports(void *context, const struct nr_sum *a, const struct nr_sum *b)
{
	(void)context;
	return (a->low > b->low) - (a->low < b->low);
}

static int position_ports(void *context, const struct nr_sum *sum, const struct nr_key *after)
{
	(void)context;
	int order = nr_key_compare_int((int64_t)(sum->low >> 16), &after[0]);
	return order ? order : nr_key_compare_int((int64_t)(sum->low & 0xffff), &after[1]);
}

const struct nr_order_of_sums nr_order_of_ports = {compare_ports, position_ports, NULL};
