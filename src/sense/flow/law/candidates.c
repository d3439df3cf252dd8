/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/law/candidates.h"
#include "base/file.h"
#include "base/progress.h"
#include "sense/flow/law/identify.h"
#include "sense/flow/law/uses_inside.h"

#include <errno.h>
#include <string.h>

#define FILE_MAX       ((size_t)64 << 20)
#define LINE_MAX_BYTES 256

void nr_flow_candidates_fini(struct nr_flow_candidates *candidates)
{
	free(candidates->items);
	*candidates = (struct nr_flow_candidates){0};
}

/* ---- reading ---- */

/* Addresses that are tried for a prefix: IPv6 by /64. */
static uint64_t addresses_of(const struct nr_prefix *prefix)
{
	bool ipv4 = prefix->length >= 96 && nr_address_is_ipv4(&prefix->address);
	unsigned bits = ipv4 ? 128u - prefix->length : prefix->length >= 64 ? 0 : 64u - prefix->length;
	return bits >= 63 ? UINT64_C(1) << 63 : UINT64_C(1) << bits;
}

static int check_size(const struct nr_flow_candidates *c, struct nr_error *error)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < c->count; i++) {
		sum += addresses_of(&c->items[i]);
		if (sum > NR_FLOW_CANDIDATES_MAX)
			return nr_fail(error, -E2BIG,
				"more than 2^32 candidates (IPv6: networks of 64 bits); name fewer: "
				"--candidates");
	}
	return sum ? 0 : nr_fail(error, -EINVAL, "no candidates");
}

static int add_line(
	struct nr_flow_candidates *c, size_t *room, const char *text, size_t length, struct nr_error *error)
{
	char line[LINE_MAX_BYTES];
	length = NR_MIN(length, sizeof line - 1);
	memcpy(line, text, length);
	line[length] = 0;
	line[strcspn(line, "#\r")] = 0;
	char *at = line + strspn(line, " \t");
	at[strcspn(at, " \t")] = 0;
	if (!*at)
		return 0;
	if (c->count == *room) {
		size_t more = NR_MAX(*room * 2, (size_t)64);
		struct nr_prefix *items = realloc(c->items, more * sizeof *items);
		if (!items)
			return nr_fail(error, -ENOMEM, "out of memory");
		c->items = items;
		*room = more;
	}
	int e = nr_prefix_parse(at, &c->items[c->count], error);
	c->count += !e;
	return e;
}

static int read_file(const char *path, struct nr_flow_candidates *c, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length, room = 0, number = 1;
	char hash[NR_FLOW_HEAD_TEXT];
	int e = nr_file_read(path, FILE_MAX, &bytes, &length, error);
	const char *at = (char *)bytes, *end = at + (e ? 0 : length);
	for (; !e && at < end; number++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t line = (size_t)((newline ? newline : end) - at);
		e = add_line(c, &room, at, line, error);
		if (e)
			nr_error_prefix(error, "%.100s: line %zu", path, number);
		at += line + (newline != NULL);
	}
	if (e)
		return e;
	nr_flow_use_hash((char *)bytes, length, hash);
	snprintf(c->text, sizeof c->text, "sha256:%s", hash);
	return 0;
}

static int copy(
	struct nr_flow_candidates *c, const struct nr_prefix *items, size_t count, struct nr_error *error)
{
	c->items = calloc(count + 1, sizeof *items);
	if (!c->items)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(c->items, items, count * sizeof *items);
	c->count = count;
	return 0;
}

int nr_flow_candidates_read(const char *what, const struct nr_flow_policy *policy,
	struct nr_flow_candidates *ret_candidates, struct nr_error *error)
{
	NR_AUTO(nr_flow_candidates_fini) struct nr_flow_candidates c = {0};
	struct nr_prefix prefix;
	int e;
	if (!what) {
		e = copy(&c, policy->own.items, policy->own.count, error);
		snprintf(c.text, sizeof c.text, "own");
	} else if (nr_prefix_parse(what, &prefix, NULL) == 0) {
		e = copy(&c, &prefix, 1, error);
		nr_prefix_write(&prefix, c.text);
	} else {
		e = read_file(what, &c, error);
	}
	if (!e)
		e = check_size(&c, error);
	if (e)
		return e;
	*ret_candidates = c;
	c = (struct nr_flow_candidates){0};
	return 0;
}

/* ---- trying ---- */

struct trial {
	struct nr_flow_pseudonyms *pseudonyms;
	uint64_t name;
	struct nr_flow_batch batch;
	uint64_t high[NR_FLOW_BATCH], low[NR_FLOW_BATCH];
	struct nr_progress progress;
	uint64_t done;
	bool found, failed;
	struct nr_address client;
};

static void try_batch(struct trial *t)
{
	uint64_t names[NR_FLOW_BATCH];
	if (!t->batch.count || t->found)
		return;
	t->failed |= !nr_flow_pseudonyms_map(t->pseudonyms, &t->batch, names);
	for (size_t i = 0; !t->failed && !t->found && i < t->batch.count; i++) {
		if (names[i] != t->name)
			continue;
		uint64_t halves[2] = {__builtin_bswap64(t->high[i]), __builtin_bswap64(t->low[i])};
		memcpy(&t->client, halves, sizeof t->client);
		t->found = true;
	}
	t->done += t->batch.count;
	t->batch.count = 0;
	if (t->done % (NR_FLOW_BATCH * 1024u) == 0)
		nr_progress_show(&t->progress, t->done);
}

static void try_prefix(struct trial *t, const struct nr_prefix *prefix)
{
	uint64_t high, low, count = addresses_of(prefix);
	bool ipv4 = nr_address_is_ipv4(&prefix->address);
	nr_flow_address_split(&prefix->address, &high, &low);
	if (!ipv4)
		low = 0;
	for (uint64_t i = 0; i < count && !t->found && !t->failed; i++) {
		t->high[t->batch.count] = ipv4 ? high : high + i;
		t->low[t->batch.count] = ipv4 ? low + i : low;
		nr_flow_batch_add(&t->batch, 0, ipv4 ? high : high + i, ipv4 ? low + i : low);
		if (t->batch.count == NR_FLOW_BATCH)
			try_batch(t);
	}
}

int nr_flow_candidates_try(const struct nr_flow_candidates *candidates, struct nr_flow_pseudonyms *pseudonyms,
	uint64_t name, struct nr_address *ret_client, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct trial *t = calloc(1, sizeof *t);
	uint64_t total = 0;
	if (!t)
		return nr_fail(error, -ENOMEM, "out of memory");
	t->pseudonyms = pseudonyms;
	t->name = name;
	for (size_t i = 0; i < candidates->count; i++)
		total += addresses_of(&candidates->items[i]);
	nr_progress_init(&t->progress, total, "addresses");
	for (size_t i = 0; i < candidates->count && !t->found && !t->failed; i++)
		try_prefix(t, &candidates->items[i]);
	if (!t->failed)
		try_batch(t);
	nr_progress_fini(&t->progress);
	if (t->failed)
		return nr_fail(error, -EIO, "libcrypto did not encrypt");
	if (!t->found)
		return nr_fail(error, -ENOENT,
			"none of %llu candidates has that name in that period; a flow received after "
			"midnight "
			"has the next day's",
			(unsigned long long)total);
	*ret_client = t->client;
	return 0;
}
