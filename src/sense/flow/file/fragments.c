/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/file/fragments.h"

#include <string.h>

#define DATAGRAMS 64
#define BYTES     65536
#define UNITS     (BYTES / 8)
#define PATIENCE                                                                                             \
	(30 * NR_SECOND) /* RFC 1122 3.3.2 says 60 to 120; an exporter's come within milliseconds            \
			  */

struct datagram {
	struct nr_address source, destination;
	uint32_t id;
	uint32_t count;  /* fragments held; 0: free */
	uint32_t length; /* of all of it; 0: the last fragment is not here yet */
	uint32_t units;  /* of 8 bytes that are here */
	nr_time begun;
	uint64_t here[UNITS / 64];
	uint8_t *bytes;
};

struct nr_flow_fragments {
	struct datagram datagrams[DATAGRAMS];
};

struct nr_flow_fragments *nr_flow_fragments_new(void)
{
	return calloc(1, sizeof(struct nr_flow_fragments));
}

void nr_flow_fragments_free(struct nr_flow_fragments *fragments)
{
	for (size_t i = 0; fragments && i < DATAGRAMS; i++)
		free(fragments->datagrams[i].bytes);
	free(fragments);
}

uint64_t nr_flow_fragments_held(const struct nr_flow_fragments *fragments)
{
	uint64_t held = 0;
	for (size_t i = 0; i < DATAGRAMS; i++)
		held += fragments->datagrams[i].count;
	return held;
}

static void give_up(struct datagram *datagram, uint64_t *dropped)
{
	*dropped += datagram->count;
	datagram->count = 0;
}

static struct datagram *begin(struct datagram *datagram, const struct nr_flow_fragment *fragment)
{
	uint8_t *bytes = datagram->bytes ? datagram->bytes : malloc(BYTES);
	*datagram = (struct datagram){.source = fragment->source,
		.destination = fragment->destination,
		.id = fragment->id,
		.begun = fragment->time,
		.bytes = bytes};
	return bytes ? datagram : NULL;
}

/* The datagram of this fragment, begun where it is new: in a free place, or in that of the oldest one. */
static struct datagram *find(
	struct nr_flow_fragments *fragments, const struct nr_flow_fragment *fragment, uint64_t *dropped)
{
	struct datagram *oldest = &fragments->datagrams[0];
	for (size_t i = 0; i < DATAGRAMS; i++) {
		struct datagram *d = &fragments->datagrams[i];
		if (d->count && fragment->time - d->begun > PATIENCE)
			give_up(d, dropped);
		if (d->count && d->id == fragment->id && nr_address_equal(&d->source, &fragment->source) &&
			nr_address_equal(&d->destination, &fragment->destination))
			return d;
		if (oldest->count && (!d->count || d->begun < oldest->begun))
			oldest = d;
	}
	give_up(oldest, dropped);
	return begin(oldest, fragment);
}

/* Marks the fragment's units. False: one of them is here already (RFC 5722: then nothing of it is believed).
 */
static bool mark(struct datagram *datagram, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		uint64_t bit = UINT64_C(1) << i % 64;
		if (datagram->here[i / 64] & bit)
			return false;
		datagram->here[i / 64] |= bit;
	}
	datagram->units += count;
	return true;
}

const uint8_t *nr_flow_fragments_add(struct nr_flow_fragments *fragments,
	const struct nr_flow_fragment *fragment, size_t *ret_length, uint64_t *dropped)
{
	size_t end = fragment->offset + fragment->length;
	if (!fragment->length || end > BYTES || (fragment->more && fragment->length % 8)) {
		++*dropped;
		return NULL;
	}
	struct datagram *d = find(fragments, fragment, dropped);
	if (!d) {
		++*dropped;
		return NULL;
	}
	d->count++;
	if (!mark(d, fragment->offset / 8, (uint32_t)(fragment->length + 7) / 8)) {
		give_up(d, dropped);
		return NULL;
	}
	memcpy(d->bytes + fragment->offset, fragment->bytes, fragment->length);
	if (!fragment->more)
		d->length = (uint32_t)end;
	if (!d->length || d->units != (d->length + 7) / 8)
		return NULL;
	d->count = 0;
	*ret_length = d->length;
	return d->bytes;
}
