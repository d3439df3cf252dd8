/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside webhook.c and sender.c: what the keeper's end and the sending process share. They speak through a
 * pair of SOCK_SEQPACKET sockets, a message a frame: its first byte says what it is.
 *
 * To the sender: NR_HOOK_FINDING with the finding as JSON; NR_HOOK_COMMIT. From it: NR_HOOK_DURABLE with a
 * struct nr_hook_durable, one for each commit; NR_HOOK_STATUS with the list of receivers as JSON, now and
 * then, or not at all while nobody reads.
 */
#ifndef NR_SERVE_WEBHOOK_INSIDE_H
#define NR_SERVE_WEBHOOK_INSIDE_H

#include "serve/spool.h"
#include "serve/webhook.h"

#define NR_HOOK_SHOWN     160 /* scheme, host and port of an address */
#define NR_HOOK_FRAME_MAX (1 + NR_SPOOL_BODY_MAX)

enum nr_hook_frame { NR_HOOK_FINDING = 1, NR_HOOK_COMMIT, NR_HOOK_DURABLE, NR_HOOK_STATUS };

struct nr_hook_durable {
	int32_t code;
	char text[240];
};

/* Everything that is read while there are rights to. */
struct nr_hook_setup {
	const struct nr_webhook_conf *conf;
	char shown[NR_WEBHOOK_RECEIVERS_MAX][NR_HOOK_SHOWN];
	uint8_t *secret; /* owned; NULL: not signed */
	size_t secret_length;
	uint8_t *ca; /* owned; NULL: the system's */
	size_t ca_length;
};

/* sender.c: the life of the sending process, until the keeper closes its end. The spool is already open.
 * Answers its exit status: 0 where the keeper has gone. */
struct nr_sender;
int nr_sender_new(const struct nr_hook_setup *setup, struct nr_spool *spool, int socket,
	struct nr_sender **ret_sender, struct nr_error *error);
int nr_sender_run(struct nr_sender *sender);

#endif
