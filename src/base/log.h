/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line per event on stderr, key=value, for main, serve and commands only (libraries answer
 *errors).
 *
 *	time=2026-01-02T03:04:05.000006Z level=info event=listen address=127.0.0.1 port=8480
 *
 * A line is written by one write(2), so lines of threads and processes do not mix. Any thread.
 */
#ifndef NR_BASE_LOG_H
#define NR_BASE_LOG_H

#include "base/error.h"

enum nr_log_level { NR_LOG_ERROR, NR_LOG_WARNING, NR_LOG_INFO, NR_LOG_DEBUG };

/* Lines above this level are not written. The default is NR_LOG_INFO. */
void nr_log_set_level(enum nr_log_level level);

/*
 * event is a word; after it come pairs of const char *, key and value, ended by NULL. Values are quoted where
 *they need it, what is not printable is escaped, a NULL value is left out. A line is cut at 2 KiB.
 *	nr_log(NR_LOG_INFO, "listen", "address", text, "port", "8480", NULL);
 */
void nr_log(enum nr_log_level level, const char *event, ...) __attribute__((sentinel));

/* The text of a line without its end, for tests: as nr_log(), into line; answers the length. */
#define NR_LOG_LINE 2048
size_t nr_log_format(char line[static NR_LOG_LINE], int64_t time, enum nr_log_level level, const char *event,
	const char *const *pairs);

#endif
