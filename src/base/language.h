/* SPDX-License-Identifier: Apache-2.0 */
/* The language of help: Japanese where LC_ALL, LC_MESSAGES or LANG (the first that is set) begins with "ja".
 */
#ifndef NR_BASE_LANGUAGE_H
#define NR_BASE_LANGUAGE_H

#include "base/base.h"

#include <string.h>

NR_INLINE bool nr_language_is_japanese(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	for (size_t i = 0; i < NR_COUNT(names); i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			return strncmp(value, "ja", 2) == 0;
	}
	return false;
}

/* The text of the two that the reader wants. */
NR_INLINE const char *nr_says(const char *en, const char *ja)
{
	return nr_language_is_japanese() ? ja : en;
}

#endif
