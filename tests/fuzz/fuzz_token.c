/* SPDX-License-Identifier: Apache-2.0 */
/* A time-stamp token of strangers, judged with a fixed anchor at a fixed time. */
#include "seal_anchor.h"
#include "trust/timestamp/token.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_material material;
	struct nr_token token;
	struct nr_judgement judgement;
	struct nr_error error;
	STACK_OF(X509) *path = NULL;
	struct nr_bytes stamped = {(const uint8_t *)SEAL_DATA, sizeof SEAL_DATA - 1};
	anchor_material(&material);
	struct nr_token_question question = {.token = data,
		.length = size,
		.digest = nr_token_digest_bytes,
		.context = &stamped,
		.material = &material,
		.now = SEAL_NOW};
	if (nr_token_verify(&question, &token, &path, &judgement, &error) == 0) {
		assert(judgement.count <= NR_REASONS_MAX);
		if (judgement.verdict == NR_PASSED)
			assert(path && *token.authority && token.hash_length >= 32);
		else
			assert(judgement.count > 0);
	}
	sk_X509_pop_free(path, X509_free);
	nr_material_fini(&material);
	return 0;
}
