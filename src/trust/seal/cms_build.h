/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SignedData with one signer (RFC 5652 section 5) put together, and put together anew with something added:
 * what is stored stays the same bytes, so that nothing that was signed or time-stamped changes.
 */
#ifndef NR_TRUST_SEAL_CMS_BUILD_H
#define NR_TRUST_SEAL_CMS_BUILD_H

#include "base/error.h"
#include "wire/cms.h"

/* Bytes that grow. */
struct nr_pile {
	uint8_t *bytes; /* owned */
	size_t length, room;
	bool failed; /* no memory: everything after it does nothing */
};
void nr_pile_add(struct nr_pile *pile, const void *bytes, size_t length);
void nr_pile_fini(struct nr_pile *pile);

/* An Attribute with one value, which is one element of DER. */
void nr_pile_add_attribute(struct nr_pile *pile, enum nr_oid type, const uint8_t *value, size_t length);

struct nr_cms_parts {
	struct nr_der content_type; /* contents are used */
	const uint8_t *content;     /* NULL: detached */
	size_t content_length;
	struct nr_pile certificates, lists; /* elements, one after the other */
	/* SignerInfo up to and with the signature: all of it but the unsigned attributes */
	struct nr_pile signer;
	struct nr_pile unsigned_attributes; /* Attributes, in any order */
	struct nr_der digest_algorithm;     /* of the signer */
	bool other_lists;                   /* there are OCSP answers among them: version 5 */
	uint64_t version;                   /* that the message had: never less; 0: it is new */
};
void nr_cms_parts_fini(struct nr_cms_parts *parts);

/* What a message consists of; it must have one signer. Points into the message for content and names. */
int nr_cms_parts_of(const struct nr_cms *cms, const struct nr_cms_signer *signer,
	struct nr_cms_parts *ret_parts, struct nr_error *error);

/* ContentInfo; *ret_bytes is the caller's. Sorts the unsigned attributes (DER). */
int nr_cms_write(
	const struct nr_cms_parts *parts, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error);

#endif
