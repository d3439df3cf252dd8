/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 text on a terminal: how many columns it takes (a Japanese character takes two), where a line may
 * break, and where a text may end.
 */
#ifndef NR_BASE_TEXT_H
#define NR_BASE_TEXT_H

#include "base/base.h"

/* Columns of the whole text. A byte that is not UTF-8 counts as one. */
size_t nr_text_width(const char *text);

/* Copies what fits into columns and room (both at least 4), whole characters only; where something is left
 * out it ends with "…". What could move the cursor, or is not UTF-8, becomes "?". */
void nr_text_shorten(const char *text, size_t columns, char *out, size_t room);

/* Prints text from column indent on, broken so that no line passes column width, every further line indented
 * likewise; ends with a new line. The first line's indent is the caller's. Breaks at spaces, and between
 * Japanese characters but never before a closing nor after an opening one (JIS X 4051). */
void nr_text_wrap(FILE *out, const char *text, size_t indent, size_t width);

#endif
