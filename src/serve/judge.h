/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who judges what strangers drop on the console. Seals and tokens are taken apart far from the store: each in
 * a process of its own that can only compute, has limits, and is thrown away afterwards.
 *
 *	server --- supervisor 0 --- one process for each question
 *	       \-- supervisor 1 --- ...
 *
 * The server itself may not fork once its door is closed, so supervisors are forked before. A supervisor
 * looks at nothing that a stranger sent: question and answer lie in memory that all three share, and only
 * lengths are passed. It kills who takes too long, and survives whoever crashes.
 */
#ifndef NR_SERVE_JUDGE_H
#define NR_SERVE_JUDGE_H

#include "base/rights.h"
#include "serve/api.h"
#include "trust/certificate/options.h"

#define NR_JUDGE_QUESTION_MAX ((size_t)16 * 1024 * 1024) /* bytes of the JSON */
#define NR_JUDGE_SECONDS      15                         /* for one question */
#define NR_JUDGES             2                          /* questions at once */

struct nr_judge;

/* Reads whom to trust and forks; call before the first thread, before the sandbox, and before the process
 * knows a secret. rights: what the new processes give up; NULL: nothing. */
int nr_judge_start(const struct nr_material_conf *conf, const struct nr_rights *rights,
	struct nr_judge **ret_judge, struct nr_error *error);
void nr_judge_free(struct nr_judge *judge); /* NULL allowed */

/* Answers the body of a request; waits for a free supervisor at most NR_JUDGE_SECONDS. Any thread. */
int nr_judge_ask(struct nr_judge *judge, const void *body, size_t length, struct nr_reply *ret_reply);

#endif
