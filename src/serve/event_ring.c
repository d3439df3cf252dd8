/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/event_ring.h"

#include <string.h>

struct nr_event *nr_event_make(
	const char *type, uint64_t id, const char *sensor, const char *data, size_t length)
{
	char head[96];
	int head_length =
		id ? snprintf(head, sizeof head, "id: %llu\nevent: %s\ndata: ", (unsigned long long)id, type)
		   : snprintf(head, sizeof head, "event: %s\ndata: ", type);
	size_t total = (size_t)head_length + length + 2;
	struct nr_event *event = malloc(sizeof *event + total);
	if (!event)
		return NULL;
	*event = (struct nr_event){.id = id, .length = total};
	snprintf(event->sensor, sizeof event->sensor, "%s", sensor);
	memcpy(event->bytes, head, (size_t)head_length);
	memcpy(event->bytes + head_length, data, length);
	memcpy(event->bytes + head_length + length, "\n\n", 2);
	/* evidence is JSON of another process: a line break in it would end the event */
	for (char *c = event->bytes + head_length; c < event->bytes + total - 2; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	return event;
}

void nr_event_release(struct nr_event *event)
{
	if (event && --event->references == 0)
		free(event);
}

bool nr_event_ring_init(struct nr_event_ring *ring, size_t size)
{
	*ring = (struct nr_event_ring){.slots = calloc(size, sizeof(struct nr_event *)), .size = size};
	return ring->slots != NULL;
}

void nr_event_ring_fini(struct nr_event_ring *ring)
{
	while (ring->oldest < ring->next)
		nr_event_release(nr_event_ring_drop(ring));
	free(ring->slots);
}

struct nr_event *nr_event_ring_at(const struct nr_event_ring *ring, uint64_t position)
{
	return ring->slots[position % ring->size];
}

struct nr_event *nr_event_ring_drop(struct nr_event_ring *ring)
{
	return nr_event_ring_at(ring, ring->oldest++);
}

void nr_event_ring_append(struct nr_event_ring *ring, struct nr_event *event)
{
	if (ring->next - ring->oldest == ring->size)
		nr_event_release(nr_event_ring_drop(ring));
	ring->slots[ring->next++ % ring->size] = event;
	event->references++;
}

uint64_t nr_event_ring_find(const struct nr_event_ring *ring, uint64_t number)
{
	uint64_t position = ring->oldest;
	while (position < ring->next && nr_event_ring_at(ring, position)->number < number)
		position++;
	return position;
}
