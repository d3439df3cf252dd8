/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A form of seal, as making sees it: a draft says what is to be signed; with the signature it becomes a seal
 * of level B-B; lifting adds what higher levels have.
 */
#ifndef NR_TRUST_SEAL_FORM_H
#define NR_TRUST_SEAL_FORM_H

#include "trust/seal/cades.h"

struct nr_seal_draft {
	struct nr_pile to_sign; /* the structure that the signer reads */
	struct nr_pile rest;    /* the form's own: what becomes the seal */
	size_t place;           /* the form's own: where in it the signature goes */
	struct nr_signed signature;
};

struct nr_seal_format {
	enum nr_signer_purpose purpose;
	int (*draft)(const struct nr_seal_maker *maker, enum nr_seal_form form,
		const struct nr_seal_data *data, struct nr_seal_draft *draft, struct nr_error *error);
	int (*finish)(const struct nr_seal_maker *maker, enum nr_seal_form form,
		const struct nr_seal_data *data, const struct nr_seal_draft *draft, uint8_t **ret_seal,
		size_t *ret_length, struct nr_error *error);
	/* From the level that it has to maker->level; at B-LTA already: one archive token more. */
	int (*lift)(const struct nr_seal_maker *maker, const uint8_t *seal, size_t length,
		const struct nr_seal_data *data, uint8_t **ret_seal, size_t *ret_length,
		struct nr_error *error);
	int (*verify)(const struct nr_seal_question *question, struct nr_seal_verdict *ret_verdicts,
		size_t room, size_t *ret_count, struct nr_error *error);
};

extern const struct nr_seal_format nr_cades_format, nr_jades_format, nr_pades_format;

/* Whether judging or lifting this seal takes the data in memory, and not only their digest. */
bool nr_seal_holds_data(const uint8_t *seal, size_t length);

/* By its first bytes: CMS, JWS (compact or JSON), PDF. -EBADMSG: none of them. */
int nr_seal_recognise(
	const uint8_t *bytes, size_t length, enum nr_seal_form *ret_form, struct nr_error *error);

#endif
