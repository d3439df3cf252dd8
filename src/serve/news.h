/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which findings are worth a message: rows come again with new figures, and at the end of the day. A row
 * whose evidence has an "alert" says itself what changed; else the first row of a key is news. Remembers
 * NR_NEWS_REMEMBERED of them, by hash: what it forgets is told twice. One thread at a time.
 */
#ifndef NR_SERVE_NEWS_H
#define NR_SERVE_NEWS_H

#include "model/finding.h"

#define NR_NEWS_REMEMBERED (1u << 15)

struct nr_news {
	uint64_t hashes[NR_NEWS_REMEMBERED]; /* all zero: nothing known */
};

bool nr_news_is(struct nr_news *news, const struct nr_finding *finding);

#endif
