/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as HTTP POSTs to receivers that the operator names, and to nobody else: no redirects, no proxy, no
 * cookies, TLS verified. A finding is sent when it is news: the first row of its key, and what its evidence
 * calls an alert, but not new figures.
 *
 *	{"noroshi":"0.1.0","event":ID,"finding":{...}}
 *
 * Each receiver gets the events in the order of their ids, one at a time. A 2xx answer is delivery. 400, 413
 * and 422 say that the receiver will never take this one: given up. Anything else is tried again, after 1, 2,
 * 4 ... 300 s or when the answer's Retry-After says, until a day has passed. What waits is in a spool file,
 * on the disk when the sink's commit() answers. Sending is a process of its own, because the keeper may open
 * no connection. A receiver may get an event twice (a crash between its answer
 * and our note of it), with the same id.
 */
#ifndef NR_SERVE_WEBHOOK_H
#define NR_SERVE_WEBHOOK_H

#include "base/json.h"
#include "base/option.h"
#include "model/sink.h"

#define NR_WEBHOOK_RECEIVERS_MAX 8
#define NR_WEBHOOK_GIVE_UP       NR_DAY
#define NR_WEBHOOK_PAUSE_MAX     (300 * NR_SECOND)
#define NR_WEBHOOK_SECRET_MIN    16 /* bytes */

struct nr_webhook_conf {
	struct nr_texts urls;
	const char *severity;  /* the least; name */
	struct nr_texts kinds; /* empty: all */
	const char *secret;    /* file with the key of Noroshi-Signature; NULL: not signed */
	const char *ca;        /* PEM file instead of the system's authorities; NULL: the system's */
	const char *spool;     /* path of the spool file, made by whoever fills this in */
	/* how long to wait for an answer, and after the first failure; 0: 10 s, 1 s. Tests are less patient
	 */
	unsigned answer_ms;
	nr_time pause;
};
extern const char *const nr_webhook_severities[]; /* NULL-terminated, for the option */

/* clang-format off */
/* The options, once, for every struct that holds a struct nr_webhook_conf: PREFIX is the way to it, "webhook." or nothing. */
#define NR_WEBHOOK_OPTIONS(OUTER, PREFIX) \
	{"webhook", NR_OPTION_TEXTS, offsetof(OUTER, PREFIX urls), "URL", NULL, 0, 0, NULL, "send findings to this address as they come (HTTP POST, JSON); a comma in it is written %2C", "判定結果を発生時にこのURLへ送る（HTTP POST、JSON）。URL内のコンマは%2Cと書く"}, \
	{"webhook-severity", NR_OPTION_CHOICE, offsetof(OUTER, PREFIX severity), "LEVEL", "medium", 0, 0, nr_webhook_severities, "least severity that is sent", "送信する最低の重大度"}, \
	{"webhook-kind", NR_OPTION_TEXTS, offsetof(OUTER, PREFIX kinds), "KIND", NULL, 0, 0, NULL, "kind of finding that is sent (default: every kind)", "送信する判定の種類（省略時はすべて）"}, \
	{"webhook-secret", NR_OPTION_PATH, offsetof(OUTER, PREFIX secret), "FILE", NULL, 0, 0, NULL, "file with the secret that signs what is sent (HMAC-SHA256)", "送信内容に署名する秘密鍵のファイル（HMAC-SHA256）"}, \
	{"webhook-ca", NR_OPTION_PATH, offsetof(OUTER, PREFIX ca), "FILE", NULL, 0, 0, NULL, "PEM file of the authorities that may certify receivers (default: the system's)", "受信側の証明書を検証する認証局のPEMファイル（省略時はシステムのもの）"}
/* clang-format on */

struct nr_webhook;

/* Checks the addresses. conf is borrowed. */
int nr_webhook_new(
	const struct nr_webhook_conf *conf, struct nr_webhook **ret_webhook, struct nr_error *error);
/* Reads secret and authorities: while there are rights to. */
int nr_webhook_read(struct nr_webhook *webhook, struct nr_error *error);
/* Forks a process that takes up what waited in the spool and delivers, and one that starts it again should it
 * die. Before the first thread; the caller may give up opening files and sockets afterwards. */
int nr_webhook_start(struct nr_webhook *webhook, struct nr_error *error);
/* Ends them; what was not delivered stays in the spool. NULL allowed. */
void nr_webhook_free(struct nr_webhook *webhook);
void nr_webhook_freep(struct nr_webhook **webhook);

/* Takes findings, other tables are none of its business. Never waits for a receiver. NULL: none. */
struct nr_sink *nr_webhook_sink(struct nr_webhook *webhook);

/* "webhooks": [...] of the status: per receiver what was delivered, waits, failed, and why. webhook NULL: an
 * empty list. Addresses may hold secrets: only scheme, host and port are shown. */
void nr_webhook_write_status(struct nr_webhook *webhook, struct nr_json *json);

#endif
