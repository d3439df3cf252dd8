/* SPDX-License-Identifier: Apache-2.0 */
/* Time-stamp requests, answers and TSTInfos. */
#include "wire/tsp.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(const struct nr_der *element, const uint8_t *data, size_t size)
{
	return !element->value || (element->start >= data && element->value + element->length <= data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t policy[] = {0x2a, 0x03, 0x04};
	struct nr_error error;
	struct nr_tsp_request request;
	enum nr_tsp_failure failure = NR_TSP_SYSTEM_FAILURE;
	if (nr_tsp_read_request(data, size, policy, sizeof policy, &request, &failure, &error) == 0)
		assert(inside(&request.imprint, data, size) && inside(&request.nonce, data, size) &&
			request.hash > data && nr_oid_digest_bytes(request.digest) >= 32);
	else
		assert(failure != NR_TSP_SYSTEM_FAILURE);
	struct nr_tsp_response response;
	if (nr_tsp_read_response(data, size, &response, &error) == 0)
		assert((response.status <= 1) == (response.token.value != NULL) &&
			inside(&response.token, data, size));
	struct nr_tst_info info;
	if (nr_tst_read(data, size, &info, &error) == 0)
		assert(inside(&info.imprint, data, size) && inside(&info.serial, data, size) &&
			info.accuracy >= -1);
	return 0;
}
