/* SPDX-License-Identifier: Apache-2.0 */
/* A pcapng file: read whole, and again in two pieces cut at a place that the first byte chooses, as a stream
 * would. */
#include "wire/pcapng.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct totals {
	uint64_t frames, bad, bytes;
};

/* Reads up to the cursor's end. False where the chain of blocks is lost. */
static bool read_all(struct nr_pcapng *pcapng, struct nr_cursor *c, struct totals *totals)
{
	for (;;) {
		struct nr_frame frame;
		struct nr_error error;
		const uint8_t *before = c->at;
		switch (nr_pcapng_next(pcapng, c, &frame, &error)) {
		case NR_RECORD_FRAME:
			assert(frame.captured <= NR_RECORD_CAPTURED_MAX && frame.wire >= frame.captured);
			assert(frame.data >= before && frame.data + frame.captured <= c->at);
			totals->frames++;
			totals->bytes += frame.wire;
			break;
		case NR_RECORD_BAD:
			totals->bad++;
			break;
		case NR_RECORD_SKIP:
			assert(c->at > before);
			break;
		case NR_RECORD_DAMAGED:
			assert(c->at == before);
			return false;
		default:
			return true;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nr_pcapng whole, cut; /* large */
	if (size < 1)
		return 0;
	size_t at = 1 + (size - 1) * data[0] / 256;
	memset(&whole, 0, sizeof whole);
	memset(&cut, 0, sizeof cut);
	struct totals all = {0}, parts = {0};
	struct nr_cursor c = nr_cursor_over(data + 1, size - 1), d = nr_cursor_over(data + 1, at - 1);
	bool good = read_all(&whole, &c, &all);
	bool good_cut = read_all(&cut, &d, &parts);
	if (good_cut) {
		d.end = data + size;
		good_cut = read_all(&cut, &d, &parts);
	}
	assert(good == good_cut && c.at == d.at && memcmp(&all, &parts, sizeof all) == 0);
	if (!good && nr_cursor_left(&c) > 0)
		assert(nr_pcapng_resync(&whole, &c, NR_RECORD_CAPTURED_MAX) <= nr_cursor_left(&c));
	return 0;
}
