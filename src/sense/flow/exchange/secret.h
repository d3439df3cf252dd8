/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secret of a group's carriers; the collector never has it. A file for its owner alone:
 *
 *	noroshi exchange secret v1
 *	group HEX           id of the description
 *	day 2026-11-24      the first day that it opens
 *	offered 2026-11-24  the last day of which an offer was made; "none"
 *	key HEX
 *
 * Each day's key is made from the one of the day before by a one-way function, so that a secret that has been
 * moved forward cannot open what lies behind it, whatever was kept of that. There is one offer a day: a
 * second one would show the collector by what it differs which of its places are filled.
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_SECRET_H
#define NR_SENSE_FLOW_EXCHANGE_SECRET_H

#include "sense/flow/exchange/group.h"

#define NR_EXCHANGE_KEY_BYTES 32
#define NR_EXCHANGE_NO_DAY    INT32_MIN

struct nr_exchange_secret {
	uint8_t group[NR_EXCHANGE_ID_BYTES];
	int32_t day, offered; /* since 1970-01-01 UTC */
	uint8_t key[NR_EXCHANGE_KEY_BYTES];
};
void nr_exchange_secret_wipe(struct nr_exchange_secret *secret); /* NR_AUTO(nr_exchange_secret_wipe) */

/* A new one in a new file, which its maker carries to the other parties. -EEXIST: the file is there. */
int nr_exchange_secret_make(
	const char *path, const struct nr_exchange_group *group, int32_t day, struct nr_error *error);
/* -EPERM: others may read the file. -EBADMSG: not a secret, or another group's. */
int nr_exchange_secret_read(const char *path, const struct nr_exchange_group *group,
	struct nr_exchange_secret *ret_secret, struct nr_error *error);
/* Replaces the file by this one, and overwrites what it held. */
int nr_exchange_secret_keep(
	const char *path, const struct nr_exchange_secret *secret, struct nr_error *error);
/* Moves it to a later day. -ENOKEY: the day lies before it; its secret was destroyed. */
int nr_exchange_secret_forward(struct nr_exchange_secret *secret, int32_t day, struct nr_error *error);

#define NR_EXCHANGE_DAY_TEXT 11 /* "2026-11-24" */
const char *nr_exchange_day_write(int32_t day, char ret_text[static NR_EXCHANGE_DAY_TEXT]);
bool nr_exchange_day_parse(const char *text, int32_t *ret_day);

#endif
