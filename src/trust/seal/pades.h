/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PAdES (ETSI EN 319 142-1): a CAdES message inside a PDF, over everything but itself. Written as an
 * incremental update (ISO 32000-1 section 7.5.6), so that what was there stays, other seals included.
 */
#ifndef NR_TRUST_SEAL_PADES_H
#define NR_TRUST_SEAL_PADES_H

#include "trust/seal/form.h"
#include "trust/seal/pdf_reader.h"

#define NR_PADES_RESERVED                                                                                    \
	16384 /* octets of the message: signature, certificate and a token with its chain                    \
	       */
#define NR_PADES_SEALS_MAX 16

/* A signature field's value. */
struct nr_pades_seal {
	uint32_t number; /* of the dictionary's object */
	struct nr_pdf dictionary;
	/* the ranges [0, before) and [after, end): all but the message, up to a revision's end */
	size_t before, after, end;
};

/* Every signature that the form's fields have, in their order; at most `room`. -EBADMSG: there are more, or
 * the fields cannot be read. */
int nr_pades_find(struct nr_pdf_reader *reader, struct nr_pades_seal *ret_seals, size_t room,
	size_t *ret_count, struct nr_error *error);
/* Fills the ranges. -EBADMSG says what is wrong with /ByteRange or /Contents: gap, overlap, other than two
 * ranges, out of the file. */
int nr_pades_ranges(const struct nr_pdf_reader *reader, struct nr_pades_seal *seal, struct nr_error *error);
bool nr_pades_digest(
	const uint8_t *pdf, const struct nr_pades_seal *seal, enum nr_oid digest, uint8_t ret_hash[64]);
/* The message in /Contents, without the zeros behind it: *ret_bytes is the caller's. -EBADMSG: none, or
 * something else follows it. */
int nr_pades_message(const uint8_t *pdf, const struct nr_pades_seal *seal, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_error *error);

/* The PDF with a field for a seal and room for its message: *ret_place is where "<" of /Contents is. */
int nr_pades_prepare(const uint8_t *pdf, size_t length, nr_time now, struct nr_pile *ret_pdf,
	size_t *ret_place, struct nr_error *error);

/*
 * What the file has that the revision a seal covers has not. Allowed are further seals without appearance and
 * validation data (DSS, EN 319 142-1 clause 5.4); all else is a reason against the seal. *ret_added: how many
 * objects are new.
 */
int nr_pades_judge_changes(struct nr_pdf_reader *covered, struct nr_pdf_reader *whole,
	struct nr_judgement *judgement, size_t *ret_added, struct nr_error *error);

int nr_pades_verify(const struct nr_seal_question *question, struct nr_seal_verdict *ret_verdicts,
	size_t room, size_t *ret_count, struct nr_error *error);

#endif
