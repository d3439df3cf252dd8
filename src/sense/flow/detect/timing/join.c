/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/timing/timing_inside.h"

#include <string.h>

/* Where an exporter's timers are not known: the smallest that are common (flow reference 16). */
#define ACTIVE_DEFAULT   (60 * NR_SECOND)
#define INACTIVE_DEFAULT (15 * NR_SECOND)
#define END_ACTIVE       2 /* IE 136: cut by the active timeout */

/* Connections of one client that follow each other within this are one attempt. A client whose own beat is
 * faster than twice that would be joined to nothing: there only what a connect() of one operating system
 * repeats by itself (Windows: after 0.5 s) is. */
#define RETRY      (3 * NR_SECOND)
#define RETRY_FAST (800 * NR_SECOND / 1000)
#define FAST_GAP   (2 * RETRY)
#define FAST_SHARE 0.75

/* Open connections of one client, found by port: what a slot forgets is not joined. */
#define SLOTS 1024

static uint32_t saturated(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void absorb(struct nr_flow_beat *into, const struct nr_flow_beat *b)
{
	if (b->last > into->last) {
		into->last = b->last;
		into->end_reason = b->end_reason;
	}
	into->up_bytes = saturated(into->up_bytes, b->up_bytes);
	into->down_bytes = saturated(into->down_bytes, b->down_bytes);
	into->up_packets = saturated(into->up_packets, b->up_packets);
	into->down_packets = saturated(into->down_packets, b->down_packets);
	into->sides |= b->sides;
	into->refused = into->refused && b->refused;
}

struct nr_flow_cache nr_flow_cache_of(
	const struct nr_flow_cache *caches, size_t cache_count, uint32_t exporter)
{
	struct nr_flow_cache c = {0};
	if (exporter < cache_count)
		c = caches[exporter];
	c.active = c.active > 0 ? c.active : ACTIVE_DEFAULT;
	c.inactive = c.inactive > 0 ? c.inactive : INACTIVE_DEFAULT;
	return c;
}

/* Of one client and port: is b more of what a told? Its other direction (they overlap), what an active
 * timeout cut off, or a SYN that was sent again. */
static bool continues(const struct nr_flow_beat *a, const struct nr_flow_beat *b,
	const struct nr_flow_cache *caches, size_t cache_count)
{
	nr_time end = NR_MAX(a->last, a->first);
	if (b->first <= end)
		return true;
	uint64_t gap = nr_flow_lag(end, b->first);
	if (a->refused && b->refused)
		return gap <= RETRY;
	struct nr_flow_cache c = nr_flow_cache_of(caches, cache_count, a->exporter);
	if (gap >= (uint64_t)c.inactive + NR_SECOND)
		return false;
	return a->end_reason == END_ACTIVE ||
	       nr_flow_lag(a->first, end) + (uint64_t)c.inactive >= (uint64_t)c.active;
}

static size_t join_ports(
	struct nr_flow_beat *beats, size_t count, const struct nr_flow_cache *caches, size_t cache_count)
{
	uint32_t slots[SLOTS] = {0}; /* index + 1 of the latest with such a port */
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct nr_flow_beat b = beats[i];
		uint32_t *slot = &slots[b.client_port % SLOTS];
		struct nr_flow_beat *a = *slot ? &beats[*slot - 1] : NULL;
		if (a && a->client == b.client && a->client_port == b.client_port &&
			continues(a, &b, caches, cache_count)) {
			absorb(a, &b);
			continue;
		}
		beats[kept++] = b;
		*slot = (uint32_t)kept;
	}
	return kept;
}

nr_time nr_flow_retry_within(const struct nr_flow_beat *beats, size_t count)
{
	size_t fast = 0;
	for (size_t i = 1; i < count; i++)
		fast += nr_flow_lag(beats[i - 1].first, beats[i].first) < FAST_GAP;
	return count > 1 && (double)fast >= FAST_SHARE * (double)(count - 1) ? RETRY_FAST : RETRY;
}

/* A silence ends an attempt, not a fixed time after its first connection: that would leave a beat of its own
 * in what is random. */
static size_t join_retries(struct nr_flow_beat *beats, size_t count, struct nr_flow_beat *into)
{
	uint64_t within = (uint64_t)nr_flow_retry_within(beats, count);
	nr_time previous = beats[0].first;
	size_t kept = 1;
	into[0] = beats[0];
	for (size_t i = 1; i < count; i++) {
		struct nr_flow_beat b = beats[i];
		bool same = nr_flow_lag(previous, b.first) <= within;
		previous = b.first;
		if (same)
			absorb(&into[kept - 1], &b);
		else
			into[kept++] = b;
	}
	return kept;
}

size_t nr_flow_beats_join(
	struct nr_flow_beat *beats, size_t count, const struct nr_flow_cache *caches, size_t cache_count)
{
	count = join_ports(beats, count, caches, cache_count);
	size_t kept = 0;
	for (size_t i = 0, n; i < count; i += n) {
		n = nr_flow_client_run(beats + i, count - i);
		kept += join_retries(beats + i, n, beats + kept);
	}
	return kept;
}
