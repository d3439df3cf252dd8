/* SPDX-License-Identifier: Apache-2.0 */
/* What time servers and chronyd answer. */
#include "wire/chrony.h"
#include "wire/ntp.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_error error;
	struct nr_ntp_answer answer;
	uint64_t nonce = 0;
	if (size >= 32)
		memcpy(&nonce, data + 24, sizeof nonce); /* so that it is the answer to this question */
	nr_time now = INT64_C(1790000000) * NR_SECOND;
	if (nr_ntp_read_answer(data, size, __builtin_bswap64(nonce), now, now + 20000, &answer, &error) == 0)
		assert(answer.delay >= 0 && answer.delay <= 20000 && answer.dispersion >= 0 &&
			answer.leap <= 3);
	struct nr_chrony_tracking tracking;
	if (nr_chrony_read_tracking(data, size, 7, &tracking, &error) == 0)
		assert(tracking.dispersion > 0 && tracking.leap <= 3);
	return 0;
}
