/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/law/name.h"

#include "sense/flow/law/pseudonym.h"

#include <errno.h>

static int name_batch(struct nr_flow_pseudonyms *pseudonyms, struct nr_flow_batch *batch,
	struct nr_address *addresses, struct nr_error *error)
{
	uint64_t names[NR_FLOW_BATCH];
	if (!nr_flow_pseudonyms_map(pseudonyms, batch, names))
		return nr_fail(error, -EIO, "libcrypto did not encrypt");
	for (size_t i = 0; i < batch->count; i++) {
		uint64_t halves[2] = {__builtin_bswap64(NR_FLOW_PSEUDONYM_HIGH), __builtin_bswap64(names[i])};
		memcpy(&addresses[batch->rows[i]], halves, sizeof halves);
	}
	batch->count = 0;
	return 0;
}

static int name_all(struct nr_flow_pseudonyms *pseudonyms, const struct nr_prefix_table *clients,
	struct nr_address *addresses, size_t count, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_flow_batch *batch = calloc(1, sizeof *batch);
	int e = batch ? 0 : nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count && !e; i++) {
		uint64_t high, low;
		if (nr_prefix_table_find(clients, &addresses[i]) != NR_FLOW_CLIENT) {
			addresses[i] = (struct nr_address){0};
			continue;
		}
		nr_flow_address_split(&addresses[i], &high, &low);
		nr_flow_batch_add(batch, (uint32_t)i, high, low);
		if (batch->count == NR_FLOW_BATCH)
			e = name_batch(pseudonyms, batch, addresses, error);
	}
	return !e && batch->count ? name_batch(pseudonyms, batch, addresses, error) : e;
}

/* Those that are clients stay. */
static int keep_plain(const struct nr_flow_policy *policy, struct nr_address *addresses, size_t count,
	struct nr_error *error)
{
	struct nr_flow_policy all = *policy;
	struct nr_prefix_table *clients = NULL;
	all.plain_clients = false;
	int e = nr_flow_clients_new(&all, &clients, error);
	for (size_t i = 0; i < count && !e; i++)
		if (nr_prefix_table_find(clients, &addresses[i]) != NR_FLOW_CLIENT)
			addresses[i] = (struct nr_address){0};
	nr_prefix_table_free(clients);
	return e;
}

int nr_flow_names(const char *archive, const char *keys_folder, nr_time received,
	struct nr_address *addresses, size_t count, struct nr_error *error)
{
	NR_AUTO(nr_flow_policy_fini) struct nr_flow_policy policy = {0};
	NR_AUTO(nr_flow_keys_closep) struct nr_flow_keys *keys = NULL;
	NR_AUTO(nr_flow_key_wipe) struct nr_flow_key key = {0};
	NR_AUTO(nr_flow_pseudonyms_freep) struct nr_flow_pseudonyms *pseudonyms = NULL;
	struct nr_prefix_table *clients = NULL;
	char folder[PATH_MAX];
	int e = nr_flow_policy_read(archive, &policy, error);
	if (e)
		return e;
	if (policy.plain_clients)
		return keep_plain(&policy, addresses, count, error);
	nr_flow_keys_folder(archive, folder);
	e = nr_flow_keys_open(keys_folder ? keys_folder : folder, archive, false, &keys, error);
	if (!e)
		e = nr_flow_keys_find(keys, received, &key, error);
	if (!e)
		e = nr_flow_pseudonyms_new(&key, &pseudonyms, error);
	if (!e)
		e = nr_flow_clients_new(&policy, &clients, error);
	if (!e)
		e = name_all(pseudonyms, clients, addresses, count, error);
	nr_prefix_table_free(clients);
	return e;
}
