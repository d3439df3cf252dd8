/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to a block before it may be kept. */
#include "sense/flow/law/law.h"
#include "sense/flow/law/keys.h"
#include "sense/flow/law/pseudonym.h"

#include <errno.h>
#include <sys/stat.h>

struct nr_flow_law {
	struct nr_flow_policy policy;
	struct nr_prefix_table *clients;
	struct nr_flow_keys *keys;
	struct nr_flow_pseudonyms *pseudonyms; /* of the period below; NULL: none yet */
	nr_time from, until;
	struct nr_flow_law_counts counts;
	struct nr_flow_batch batch;
	bool failed;                      /* libcrypto did not encrypt */
	uint8_t client[NR_FLOW_ROOM_MAX]; /* of each row: 1 source, 2 destination, 4 anything else */
};

/* ---- opening ---- */

int nr_flow_law_open(const struct nr_flow_law_options *options, const char *archive,
	struct nr_flow_law **ret_law, struct nr_error *error)
{
	NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = calloc(1, sizeof *law);
	char folder[PATH_MAX];
	if (!law)
		return nr_fail(error, -ENOMEM, "out of memory");
	nr_flow_keys_folder(archive, folder);
	int e = nr_flow_policy_of(options, &law->policy, error);
	if (!e)
		e = nr_flow_clients_new(&law->policy, &law->clients, error);
	if (!e && mkdir(archive, 0750) < 0 && errno != EEXIST)
		e = nr_fail(error, -errno, "%.150s: %s", archive, strerror(errno));
	if (!e)
		e = nr_flow_keys_open(
			options->keys ? options->keys : folder, archive, true, &law->keys, error);
	if (!e)
		*ret_law = nr_steal(&law);
	return e;
}

void nr_flow_law_close(struct nr_flow_law *law)
{
	if (!law)
		return;
	nr_flow_pseudonyms_free(law->pseudonyms);
	nr_flow_keys_close(law->keys);
	nr_prefix_table_free(law->clients);
	nr_flow_policy_fini(&law->policy);
	free(law);
}

void nr_flow_law_closep(struct nr_flow_law **law)
{
	nr_flow_law_close(*law);
}

const struct nr_flow_policy *nr_flow_law_policy(const struct nr_flow_law *law)
{
	return &law->policy;
}

struct nr_flow_law_counts nr_flow_law_counts(const struct nr_flow_law *law)
{
	return law->counts;
}

/* ---- the period's key ---- */

static int enter_period(struct nr_flow_law *law, nr_time at, struct nr_error *error)
{
	NR_AUTO(nr_flow_key_wipe) struct nr_flow_key key = {0};
	struct nr_flow_pseudonyms *next = NULL;
	bool made;
	if (law->pseudonyms && law->from <= at && at < law->until)
		return 0;
	int e = nr_flow_keys_take(law->keys, at, law->policy.rotate, &key, &made, error);
	if (!e)
		e = nr_flow_pseudonyms_new(&key, &next, error);
	if (e)
		return e;
	nr_flow_pseudonyms_free(law->pseudonyms);
	law->pseudonyms = next;
	law->from = key.from;
	law->until = key.until;
	law->counts.keys_made += made;
	return 0;
}

int nr_flow_law_tick(struct nr_flow_law *law, nr_time now, struct nr_error *error)
{
	uint64_t destroyed;
	if (law->pseudonyms && law->until <= now - law->policy.keep) {
		nr_flow_pseudonyms_free(law->pseudonyms);
		law->pseudonyms = NULL;
	}
	int e = nr_flow_keys_destroy(law->keys, now - law->policy.keep, &destroyed, error);
	law->counts.keys_destroyed += destroyed;
	return e;
}

/* ---- rows that are not kept ---- */

static void move_row(struct nr_flow_block *block, uint32_t to, uint32_t from)
{
	for (uint64_t left = block->present; left; left &= left - 1) {
		enum nr_flow_column column = (enum nr_flow_column)__builtin_ctzll(left);
		size_t width = nr_flow_columns[column].width;
		char *values = nr_flow_column_at(block, column);
		memcpy(values + to * width, values + from * width, width);
	}
}

/* What a NAT says of its bindings is a log of who had which address: not traffic. */
static void drop_nat_events(struct nr_flow_law *law, struct nr_flow_block *block)
{
	const uint8_t *events = nr_flow_column(block, NR_FLOW_EVENT);
	uint32_t kept = 0;
	if (law->policy.nat_events || !events)
		return;
	for (uint32_t row = 0; row < block->count; row++) {
		if (events[row] && events[row] < NR_FLOW_EVENT_FIREWALL)
			continue;
		if (kept != row)
			move_row(block, kept, row);
		kept++;
	}
	law->counts.events += block->count - kept;
	block->count = kept;
}

/* ---- addresses ---- */

static void *present(struct nr_flow_block *block, enum nr_flow_column column)
{
	void *values = nr_flow_column_at(block, column);
	if (!(block->present >> column & 1)) {
		memset(values, 0, (size_t)block->count * nr_flow_columns[column].width);
		block->present |= UINT64_C(1) << column;
	}
	return values;
}

static void replace(struct nr_flow_law *law, uint64_t *high, uint64_t *low)
{
	struct nr_flow_batch *batch = &law->batch;
	uint64_t names[NR_FLOW_BATCH];
	if (!batch->count)
		return;
	law->failed |= !nr_flow_pseudonyms_map(law->pseudonyms, batch, names);
	for (size_t i = 0; i < batch->count; i++) {
		high[batch->rows[i]] = NR_FLOW_PSEUDONYM_HIGH;
		low[batch->rows[i]] = law->failed ? 0 : names[i];
	}
	law->counts.clients += batch->count;
	batch->count = 0;
}

static bool is_client6(const struct nr_flow_law *law, uint64_t high, uint64_t low)
{
	struct nr_address address;
	uint64_t halves[2] = {__builtin_bswap64(high), __builtin_bswap64(low)};
	memcpy(&address, halves, sizeof address);
	return (high | low) && nr_prefix_table_find(law->clients, &address) == NR_FLOW_CLIENT;
}

/* One column of addresses; bit: what it is for a row. Neighbours in a table of exports are alike: the range
 * of the last client is asked first. */
static void cover(
	struct nr_flow_law *law, struct nr_flow_block *block, enum nr_flow_column column, uint8_t bit)
{
	if (!(block->present >> column & 1))
		return;
	uint64_t *low = nr_flow_column_at(block, column), *high = present(block, column - 1);
	uint32_t first = 1, last = 0;
	for (uint32_t row = 0; row < block->count; row++) {
		if (NR_LIKELY(!high[row] && low[row] >> 32 == 0xffff)) {
			uint32_t address = (uint32_t)low[row];
			if (address < first || address > last) {
				if (nr_prefix_table_find_ipv4(law->clients, address) != NR_FLOW_CLIENT)
					continue;
				nr_prefix_table_range_ipv4(law->clients, address, &first, &last);
			}
		} else if (!is_client6(law, high[row], low[row])) {
			continue;
		}
		law->client[row] |= bit;
		nr_flow_batch_add(&law->batch, row, high[row], low[row]);
		if (law->batch.count == NR_FLOW_BATCH)
			replace(law, high, low);
	}
	replace(law, high, low);
}

static void mark(struct nr_flow_law *law, struct nr_flow_block *block)
{
	uint16_t *marks = present(block, NR_FLOW_MARKS);
	for (uint32_t row = 0; row < block->count; row++) {
		uint8_t client = law->client[row];
		/* a mark that came with the block says nothing: it is ours to set */
		marks[row] = (uint16_t)((marks[row] & ~(NR_FLOW_MARK_SOURCE_CLIENT |
							      NR_FLOW_MARK_DESTINATION_CLIENT)) |
					(client & 1 ? NR_FLOW_MARK_SOURCE_CLIENT : 0) |
					(client & 2 ? NR_FLOW_MARK_DESTINATION_CLIENT : 0));
		law->counts.transit += !client;
	}
}

int nr_flow_law_apply(struct nr_flow_law *law, struct nr_flow_block *block, struct nr_error *error)
{
	nr_time received = block->received_first > 0 ? block->received_first : nr_time_now();
	int e = enter_period(law, received, error);
	if (e)
		return e;
	drop_nat_events(law, block);
	block->present &= law->policy.columns;
	memset(law->client, 0, block->count);
	law->failed = false;
	law->batch.count = 0;
	cover(law, block, NR_FLOW_SOURCE_LOW, 1);
	cover(law, block, NR_FLOW_DESTINATION_LOW, 2);
	cover(law, block, NR_FLOW_POST_SOURCE_LOW, 4);
	cover(law, block, NR_FLOW_POST_DESTINATION_LOW, 4);
	cover(law, block, NR_FLOW_NEXT_HOP_LOW, 4);
	mark(law, block);
	law->counts.flows += block->count;
	return law->failed ? nr_fail(error, -EIO, "libcrypto did not encrypt; the block must not be kept")
			   : 0;
}
