/* SPDX-License-Identifier: Apache-2.0 */
/* A pcap file: one record at a time and many at once must agree; damage is resynchronised until the bytes
 * end. */
#include "wire/pcap.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const struct nr_frame *frame, const uint8_t *data, size_t size)
{
	assert(frame->captured <= NR_RECORD_CAPTURED_MAX && frame->wire >= frame->captured);
	assert(frame->data >= data && frame->data + frame->captured <= data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_cursor c = nr_cursor_over(data, size);
	struct nr_pcap pcap;
	struct nr_error error;
	if (nr_pcap_parse_header(&c, &pcap, &error) < 0)
		return 0;
	struct nr_cursor many = c;
	for (;;) {
		struct nr_frame frame, frames[4];
		enum nr_record_status status, status_many;
		struct nr_cursor before = c;
		status = nr_pcap_next(&pcap, &c, &frame, &error);
		size_t n = nr_pcap_read(&pcap, &many, frames, 1, &status_many, &error);
		assert(status == status_many && c.at == many.at);
		assert(n == (status == NR_RECORD_FRAME));
		if (status == NR_RECORD_FRAME) {
			check_frame(&frame, data, size);
			assert(c.at > before.at && frame.data == frames[0].data &&
				frame.time == frames[0].time);
			continue;
		}
		assert(c.at == before.at);
		if (status == NR_RECORD_NEED_MORE)
			return 0;
		size_t skip = nr_pcap_resync(&pcap, &c, NR_RECORD_CAPTURED_MAX, true);
		if (skip == 0)
			return 0;
		nr_cursor_skip(&c, skip);
		nr_cursor_skip(&many, skip);
	}
}
