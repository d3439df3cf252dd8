/* SPDX-License-Identifier: Apache-2.0 */
/* JWS of strangers, judged as JAdES seals: nothing that nobody signed passes, and nothing is left behind. */
#include "trust/certificate/signature.h"
#include "trust/seal/jades.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t sealed[] = "data";
	struct nr_seal_verdict verdicts[NR_JWS_SIGNATURES_MAX];
	struct nr_material material;
	struct nr_error error = {0};
	struct nr_seal_data bytes = {.bytes = sealed, .length = sizeof sealed - 1};
	size_t count = 0;
	nr_crypto_prepare();
	assert(nr_material_init(&material, &error) == 0);
	for (int detached = 0; detached < 2; detached++) {
		struct nr_seal_question question = {.seal = data,
			.length = size,
			.data = detached ? &bytes : NULL,
			.material = &material,
			.now = INT64_C(1795500000) * NR_SECOND};
		int e = nr_jades_verify(&question, verdicts, NR_COUNT(verdicts), &count, &error);
		assert(e == 0 || (e == -EBADMSG && *error.text));
		for (size_t i = 0; !e && i < count;
			i++) /* nobody is trusted: at best it cannot be relied on */
			assert(verdicts[i].judgement.verdict != NR_PASSED && verdicts[i].judgement.count > 0);
	}
	nr_material_fini(&material);
	return 0;
}
