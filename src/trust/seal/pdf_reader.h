/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PDF of strangers as its cross-references say, up to one of its revisions: objects by number, compressed
 * ones too. One form of cross-reference in a file; encrypted and hybrid files are refused.
 */
#ifndef NR_TRUST_SEAL_PDF_READER_H
#define NR_TRUST_SEAL_PDF_READER_H

#include "base/error.h"
#include "wire/pdf.h"

#define NR_PDF_SECTIONS_MAX 256                  /* cross-reference sections */
#define NR_PDF_INFLATED_MAX (128u * 1024 * 1024) /* bytes of all object streams together */

struct nr_pdf_inflated {
	uint32_t number;
	uint8_t *bytes;  /* owned */
	uint32_t *pairs; /* owned: number and offset of each object in it */
	size_t length, count;
};

struct nr_pdf_reader {
	const uint8_t *bytes;
	size_t length;
	struct nr_pdf_entry *entries; /* by number; owned */
	uint32_t count;               /* /Size: numbers are below it */
	struct nr_pdf trailer;        /* of the newest section */
	size_t newest;                /* offset of that section */
	bool streams;                 /* cross-reference streams, not tables */
	unsigned revisions;
	struct nr_pdf_inflated *inflated; /* owned */
	uint32_t *inflated_at;            /* by number of the object stream, from 1; owned */
	size_t inflated_count, inflated_bytes;
};

/* bytes must outlive it. -EBADMSG: what is wrong with the file; -EINVAL: encrypted or hybrid; -ENOMEM. */
int nr_pdf_reader_open(
	const uint8_t *bytes, size_t length, struct nr_pdf_reader *ret_reader, struct nr_error *error);
void nr_pdf_reader_fini(struct nr_pdf_reader *reader);

/* An object that is not there is null (section 7.3.10): 0, with kind NULL. */
int nr_pdf_reader_object(struct nr_pdf_reader *reader, uint32_t number, struct nr_pdf_object *ret_object,
	struct nr_error *error);
/* Follows references, at most 8 of them. */
int nr_pdf_reader_resolve(struct nr_pdf_reader *reader, const struct nr_pdf *value, struct nr_pdf *ret_value,
	struct nr_error *error);
/* A member of a dictionary, resolved; NONE where it is not there. -EBADMSG: it is there twice. */
int nr_pdf_reader_member(struct nr_pdf_reader *reader, const struct nr_pdf *dictionary, const char *name,
	struct nr_pdf *ret_value, struct nr_error *error);
/* Where an object is; NULL: nowhere. */
const struct nr_pdf_entry *nr_pdf_reader_entry(const struct nr_pdf_reader *reader, uint32_t number);

#endif
