/* SPDX-License-Identifier: Apache-2.0 */
/* The API below /api/v1/trust: a ledger that is followed, and what it says of the clock. */
#ifndef NR_SERVE_TRUST_API_H
#define NR_SERVE_TRUST_API_H

#include "serve/api.h"
#include "serve/judge.h"
#include "serve/ledger_watch.h"

#define NR_TRUST_VERIFY "trust/verify" /* the one path that takes a body: POST (judge.h) */

bool nr_trust_api_has(const char *path);
/* As nr_api_answer(). */
int nr_trust_api_answer(const struct nr_api *api, const char *path, const struct nr_argument *arguments,
	size_t count, struct nr_reply *ret_reply);

#endif
