/* SPDX-License-Identifier: Apache-2.0 */
/* What clang-tidy is told before each file (lint.sh): its analyzer does not look into error.c, and would
 * follow every error further as if it could be none. */
#ifndef NR_SCRIPTS_LINT_H
#define NR_SCRIPTS_LINT_H

#include "../src/base/error.h"

static inline int nr_lint_error(int code, int answer)
{
	if (code == 0)
		__builtin_unreachable();
	(void)answer;
	return code;
}

#define nr_fail(error, code, ...) nr_lint_error((code), (nr_fail)((error), (code), __VA_ARGS__))

#endif
