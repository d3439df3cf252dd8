/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of "noroshi flow exchange STEP": what each reads, checks, records and prints. One thread, and the
 * crew that a step makes.
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_STEPS_H
#define NR_SENSE_FLOW_EXCHANGE_STEPS_H

#include "sense/flow/exchange/join.h"
#include "sense/flow/exchange/offer.h"
#include "sense/flow/exchange/open.h"
#include "trust/signer/open.h"
#include "trust/signer/person.h"

struct nr_exchange_conf {
	const char *group, *secret, *out;
	const char *sign, *passphrase_file;
	nr_time day, before;
	struct nr_prefixes own;
	const char *archive;
	/* a new group */
	const char *name, *collector;
	struct nr_texts parties;
	uint64_t threshold, candidates, retention;
	/* what is told */
	double say, independent, confidence;
	const char *feedback;
	uint64_t valid;
	/* over HTTPS */
	const char *listen, *certificate, *tls_key, *url, *ca;
	nr_time wait;
	uint64_t workers;
	struct nr_keys_conf keys; /* of the ledger */
	bool json;
};

/* Each answers an enum nr_exit. operands: behind the step's name. */
typedef int nr_exchange_step(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error);
nr_exchange_step nr_exchange_step_group, nr_exchange_step_secret, nr_exchange_step_offer,
	nr_exchange_step_join, nr_exchange_step_open, nr_exchange_step_list, nr_exchange_step_check,
	nr_exchange_step_erase, nr_exchange_step_serve, nr_exchange_step_send, nr_exchange_step_fetch;

/* ---- what steps share ---- */

int nr_exchange_exit(int code); /* of -errno */
/* -EINVAL: the day was not said. -ESTALE: its retention is over, or it has not ended yet. */
int nr_exchange_day_check(const struct nr_exchange_group *group, nr_time day, nr_time now, int32_t *ret_day,
	struct nr_error *error);
/* What may not be shared: the own networks that --own and the archive's policy name; one of them must. */
int nr_exchange_shared_list(
	const struct nr_exchange_conf *conf, struct nr_c2_list **ret_list, struct nr_error *error);
/* The key that signs: --sign. */
int nr_exchange_person(
	const struct nr_exchange_conf *conf, struct nr_person *ret_person, struct nr_error *error);
/* One for each worker; 0: one for each processor. */
int nr_exchange_crew(const struct nr_exchange_conf *conf, struct nr_crew **ret_crew, struct nr_error *error);
/* What was left out of findings, for people: lines on stderr. */
void nr_exchange_tell_left(const struct nr_exchange_candidates *candidates);
void nr_exchange_hex(const uint8_t *bytes, size_t length, char *ret_text); /* 2 * length and a NUL */

/* ---- what is recorded ---- */

/* One act: with an archive into its record of uses, with keys into their ledger. Neither says how many
 * candidates there were, nor which. digest NULL: of no file. */
struct nr_exchange_act {
	const char *name; /* "exchange-offer" ... */
	const struct nr_exchange_group *group;
	int32_t day;
	unsigned party; /* 0: the collector, or nobody */
	const uint8_t *digest;
};
/* keys NULL: no ledger. */
int nr_exchange_record_act(const struct nr_exchange_conf *conf, struct nr_keys *keys,
	const struct nr_exchange_act *act, struct nr_error *error);
/* One act for each reply. */
int nr_exchange_record_joined(const struct nr_exchange_conf *conf, struct nr_keys *keys,
	const struct nr_exchange_group *group, const struct nr_exchange_joined *joined,
	struct nr_error *error);
/* Opens the ledger where the configuration names one; else *ret_keys stays NULL. Before the first thread. */
int nr_exchange_ledger_open(
	const struct nr_exchange_conf *conf, struct nr_keys **ret_keys, struct nr_error *error);

#endif
