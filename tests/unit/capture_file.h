/* SPDX-License-Identifier: Apache-2.0 */
/* Captures of tests: files that exist in memory only, and reading one to its end. */
#ifndef NR_TEST_CAPTURE_FILE_H
#define NR_TEST_CAPTURE_FILE_H

#include "net/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
/* cmocka wants the above first */
#include <cmocka.h>

struct file {
	int fd;
	char path[32];
};

static inline struct file file_of(const void *data, size_t length)
{
	struct file file = {.fd = memfd_create("capture", MFD_CLOEXEC)};
	assert_true(file.fd >= 0);
	for (size_t done = 0; done < length;) {
		ssize_t n = write(file.fd, (const char *)data + done, length - done);
		assert_true(n > 0);
		done += (size_t)n;
	}
	snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
	return file;
}

struct outcome {
	int code;
	char error[sizeof((struct nr_error *)0)->text];
	struct nr_loss loss;
	uint64_t frames;
	char damage[512];
};

typedef void visit(void *context, const struct nr_frame *frame);

static inline void read_path(const char *path, size_t batch, visit *each, void *context, struct outcome *ret)
{
	static struct nr_frame frames[1024];
	struct nr_error error = {0};
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
	*ret = (struct outcome){.loss = {.first = NR_TIME_MAX, .last = NR_TIME_MIN}};
	ret->code = nr_capture_open(path, &capture, &error);
	memcpy(ret->error, error.text, sizeof error.text);
	if (ret->code < 0)
		return;
	size_t n;
	while ((n = nr_capture_read(capture, frames, batch, &ret->loss)) > 0) {
		assert_true(n <= batch);
		ret->frames += n;
		for (size_t i = 0; each && i < n; i++)
			each(context, &frames[i]);
	}
	assert_int_equal(nr_capture_read(capture, frames, batch, &ret->loss), 0); /* the end stays the end */
	uint64_t done, total;
	nr_capture_progress(capture, &done, &total);
	assert_true(total == 0 || done <= total);
	if (nr_capture_damage(capture))
		snprintf(ret->damage, sizeof ret->damage, "%s", nr_capture_damage(capture));
}

#endif
