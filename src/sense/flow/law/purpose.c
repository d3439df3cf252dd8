/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/law/law.h"

#include <errno.h>
#include <string.h>

const char *const nr_flow_purposes[] = {"c2-detection", "notification", "own-operation", NULL};

int nr_flow_purpose_parse(const char *text, enum nr_flow_purpose *ret_purpose, struct nr_error *error)
{
	for (unsigned i = 0; text && nr_flow_purposes[i]; i++)
		if (!strcmp(text, nr_flow_purposes[i])) {
			*ret_purpose = i + 1;
			return 0;
		}
	return nr_fail(error, -EPERM,
		"flows are kept secret: say what they are wanted for, --purpose c2-detection, notification "
		"or "
		"own-operation%s%s%s",
		text ? " (not \"" : "", text ? text : "", text ? "\")" : "");
}
