/* SPDX-License-Identifier: Apache-2.0 */
/* ERF records. */
#include "wire/erf.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_cursor c = nr_cursor_over(data, size);
	(void)nr_erf_is(data, size);
	for (;;) {
		struct nr_frame frame;
		struct nr_error error;
		const uint8_t *before = c.at;
		enum nr_record_status status = nr_erf_next(&c, &frame, &error);
		if (status == NR_RECORD_NEED_MORE || status == NR_RECORD_DAMAGED) {
			assert(c.at == before);
			return 0;
		}
		assert(c.at >= before + NR_ERF_HEADER);
		if (status == NR_RECORD_FRAME)
			assert(frame.wire >= frame.captured && frame.data >= before &&
				frame.data + frame.captured <= c.at);
	}
}
