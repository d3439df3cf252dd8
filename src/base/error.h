/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a function answers 0 or -errno; the words are in a caller-owned struct, last argument, NULL
 * allowed. A message names the input, the place, the reason and, where there is one, the remedy. One line, no
 * full stop.
 */
#ifndef NR_BASE_ERROR_H
#define NR_BASE_ERROR_H

#include "base/base.h"

struct nr_error {
	int code; /* -errno of the failure, 0 while there is none */
	char text[240];
};

/* Writes the message (cut at 239 bytes, control characters shown as "?") and returns code, so that a caller
 * can say: return nr_fail(error, -EINVAL, ...). */
int nr_fail(struct nr_error *error, int code, const char *format, ...) NR_PRINTF(3, 4);

/* Puts "prefix: " before the message that is already there and returns error->code (-EINVAL when error is
 * NULL). */
int nr_error_prefix(struct nr_error *error, const char *format, ...) NR_PRINTF(2, 3);

#endif
