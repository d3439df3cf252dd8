/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole capture file, from recognition over decompression to decoded packets. Frames come in batches whose
 * size the last byte chooses; what is counted may not depend on it.
 */
#include "net/capture.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BATCH_MAX  256
#define FRAMES_MAX 200000 /* a compressed input may hold millions */

static void read_all(const char *path, size_t batch, struct nr_loss *loss)
{
	static struct nr_frame frames[BATCH_MAX];
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
	struct nr_error error = {0};
	if (nr_capture_open(path, &capture, &error) < 0) {
		assert(error.code < 0 && error.text[0]);
		return;
	}
	size_t n, total = 0;
	while (total < FRAMES_MAX && (n = nr_capture_read(capture, frames, batch, loss)) > 0) {
		assert(n <= batch);
		for (size_t i = 0; i < n; i++) {
			struct nr_packet packets[2];
			size_t count;
			enum nr_drop drop = nr_packet_decode(&frames[i], NULL, packets, &count);
			if (drop != NR_DROP_NONE)
				loss->dropped[drop]++;
		}
		total += n;
	}
	assert(!(loss->dropped[NR_DROP_RECORD_CUT] || loss->dropped[NR_DROP_RECORD_DAMAGED]) ||
		nr_capture_damage(capture));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int file = memfd_create("capture", MFD_CLOEXEC);
	if (file < 0 || (size > 0 && write(file, data, size) != (ssize_t)size))
		abort();
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	struct nr_loss one = {.first = NR_TIME_MAX, .last = NR_TIME_MIN}, many = one;
	read_all(path, BATCH_MAX, &many);
	if (many.frames < FRAMES_MAX) {
		read_all(path, size > 0 ? 1 + data[size - 1] % 7u : 1, &one);
		assert(memcmp(&one, &many, sizeof one) == 0);
	}
	close(file);
	return 0;
}
