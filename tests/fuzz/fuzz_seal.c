/* SPDX-License-Identifier: Apache-2.0 */
/* A seal of strangers, judged whole, with a fixed anchor at a fixed time: every verdict has its reasons, and
 * what is collected stays within its limits. */
#include "seal_anchor.h"
#include "trust/certificate/signature.h"
#include "trust/seal/seal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nr_seal_verdict verdicts[NR_CMS_SIGNERS_MAX];
	static const char text[] = SEAL_DATA;
	struct nr_material material;
	struct nr_error error;
	size_t count = 0;
	struct nr_seal_data sealed = {.bytes = (const uint8_t *)text, .length = sizeof text - 1};
	anchor_material(&material);
	struct nr_seal_question question = {.seal = data,
		.length = size,
		.data = &sealed,
		.material = &material,
		.now = SEAL_NOW,
		.require_revocation = true};
	if (nr_seal_verify(&question, verdicts, NR_COUNT(verdicts), &count, &error) == 0)
		assert(count > 0 && count <= NR_COUNT(verdicts));
	for (size_t i = 0; i < count; i++) {
		assert(verdicts[i].token_count <= NR_SEAL_TOKENS_MAX &&
			verdicts[i].judgement.count <= NR_REASONS_MAX &&
			verdicts[i].check_count <= NR_COUNT(verdicts[i].checks));
		if (verdicts[i].judgement.verdict == NR_PASSED) /* the anchor's keys sealed nothing else */
			assert(*verdicts[i].signer && verdicts[i].level >= NR_SEAL_BB);
		else
			assert(verdicts[i].judgement.count > 0);
	}
	nr_material_fini(&material);
	return 0;
}
