/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger's side of witnessing: asks witnesses to cosign a checkpoint (C2SP tlog-witness) before it is
 * published, and counts whether enough of them did.
 */
#ifndef NR_TRUST_LEDGER_COSIGN_H
#define NR_TRUST_LEDGER_COSIGN_H

#include "base/option.h"
#include "trust/ledger/ledger.h"

struct nr_cosigners;

/* witnesses: "VKEY URL" each, up to 64. quorum: how many of them must cosign; 0: none must. ca: PEM file for
 * TLS; NULL: the system's. */
int nr_cosigners_new(const struct nr_texts *witnesses, uint64_t quorum, const char *ca,
	struct nr_cosigners **ret_cosigners, struct nr_error *error);
void nr_cosigners_free(struct nr_cosigners *cosigners); /* NULL allowed */
void nr_cosigners_freep(struct nr_cosigners **cosigners);

/* For struct nr_ledger_conf.cosign, with the cosigners as context. -EAGAIN: too few, and why. */
int nr_cosigners_ask(void *cosigners, struct nr_ledger *ledger, char *note, size_t *length, size_t room,
	struct nr_error *error);

#endif
