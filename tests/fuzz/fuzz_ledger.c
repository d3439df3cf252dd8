/* SPDX-License-Identifier: Apache-2.0 */
/* What a stranger hands us of a ledger: checkpoints, proofs, policies, bundles, requests to a witness. */
#include "trust/ledger/proof.h"
#include "trust/ledger/tile.h"
#include "trust/ledger/witness.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_proof(const uint8_t *data, size_t size)
{
	struct nr_tlog_proof proof;
	if (nr_tlog_proof_parse(data, size, &proof, NULL))
		return;
	const char *end = (const char *)data + size;
	assert(proof.proof.count <= NR_PROOF_MAX && proof.checkpoint + proof.checkpoint_length == end);
	NR_AUTO(nr_freep) char *again = NULL;
	size_t length;
	if (nr_tlog_proof_write(proof.index, &proof.proof, proof.checkpoint, proof.checkpoint_length, &again,
		    &length, NULL))
		abort();
	assert(proof.extra || (length == size && !memcmp(again, data, size)));
}

static void check_policy(const uint8_t *data, size_t size)
{
	NR_AUTO(nr_tlog_policy_freep) struct nr_tlog_policy *policy = NULL;
	struct nr_error error = {0};
	if (nr_tlog_policy_parse("policy", data, size, false, &policy, &error)) {
		assert(error.code < 0 && error.text[0]);
		return;
	}
	assert(policy->quorum != NR_QUORUM_UNSET);
	bool all = nr_tlog_policy_is_met(policy, UINT64_MAX);
	assert(all || policy->quorum != NR_QUORUM_WITNESS);
}

static void check_checkpoint(const uint8_t *data, size_t size)
{
	struct nr_checkpoint c;
	char again[NR_CHECKPOINT_TEXT];
	if (nr_checkpoint_parse((const char *)data, size, &c, NULL) || c.origin_length > NR_NOTE_NAME_MAX)
		return;
	NR_AUTO(nr_freep) char *origin = strndup(c.origin, c.origin_length);
	if (!origin || strlen(origin) != c.origin_length)
		return;
	size_t length = nr_checkpoint_write(origin, c.size, &c.root, again);
	assert(length + c.extension_length == size && !memcmp(again, data, length));
}

static void check_bundle(const uint8_t *data, size_t size)
{
	const uint8_t *entry;
	size_t length, sum = 0, left = size;
	while (nr_bundle_next(&data, &left, &entry, &length))
		sum += 2 + length;
	assert(sum + left == size);
}

static void check_request(const uint8_t *data, size_t size)
{
	struct nr_witness_request request;
	if (nr_witness_request_parse(data, size, &request, NULL))
		return;
	assert(request.proof.count <= NR_WITNESS_PROOF_MAX);
	assert((const uint8_t *)request.checkpoint + request.checkpoint_length == data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_proof(data, size);
	check_policy(data, size);
	check_checkpoint(data, size);
	check_bundle(data, size);
	check_request(data, size);
	return 0;
}
