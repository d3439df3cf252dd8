/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cryptographic Message Syntax, SignedData (RFC 5652 section 5), read strictly: where each part lies in the
 * input, so that hashes are made over the bytes as they are. Pure: no allocation, no I/O, no cryptography.
 */
#ifndef NR_WIRE_CMS_H
#define NR_WIRE_CMS_H

#include "wire/oid.h"

#define NR_CMS_SIGNERS_MAX    16
#define NR_CMS_ATTRIBUTES_MAX 64   /* signed ones, and values of unsigned ones, in one SignerInfo */
#define NR_CMS_CHOICES_MAX    1024 /* certificates, and revocation lists with OCSP answers */

struct nr_cms {
	struct nr_der signed_data; /* SignedData */
	uint64_t version;
	struct nr_der content_type; /* eContentType, OBJECT IDENTIFIER */
	struct nr_der content;      /* eContent's OCTET STRING; all zero: detached */
	struct nr_der certificates; /* [0]: its contents are CertificateChoices; all zero: none */
	struct nr_der lists;        /* [1] crls: its contents are RevocationInfoChoices; all zero: none */
	struct nr_der signers;      /* SET OF SignerInfo */
	size_t signer_count;
};

struct nr_cms_signer {
	struct nr_der whole;        /* SignerInfo */
	struct nr_der version, sid; /* sid: IssuerAndSerialNumber, or [0] SubjectKeyIdentifier */
	enum nr_oid digest;         /* UNKNOWN: none of ours */
	struct nr_der digest_algorithm;
	struct nr_der signed_attributes;   /* [0] IMPLICIT SET OF, as stored; all zero: none */
	struct nr_der signature_algorithm; /* AlgorithmIdentifier */
	struct nr_der signature;           /* OCTET STRING */
	struct nr_der unsigned_attributes; /* [1]; all zero: none */
};

/* ContentInfo with SignedData; nothing may follow. -EBADMSG says what and where; everything is DER, SETs in
 * order. More than the limits above is an error, too.
 */
int nr_cms_read(const uint8_t *bytes, size_t length, struct nr_cms *ret_cms, struct nr_error *error);
/* SignerInfo `index`. -EBADMSG. */
int nr_cms_signer(
	const struct nr_cms *cms, size_t index, struct nr_cms_signer *ret_signer, struct nr_error *error);

/* An attribute: its type and the SET of its values. */
struct nr_cms_attribute {
	struct nr_der type;
	struct nr_der values; /* SET OF AttributeValue */
};
/* Goes through attributes ([0] or [1] of a SignerInfo): false at the end, or where what comes is none (then
 * c->failed). */
bool nr_cms_next_attribute(struct nr_cursor *c, struct nr_cms_attribute *ret_attribute);
/* The only value of the only attribute of that type. Answers how many values there are of it in all: 0, 1, or
 * more (then *ret_value is the first). attributes: may be all zero. */
size_t nr_cms_find(const struct nr_der *attributes, enum nr_oid type, struct nr_der *ret_value);

#endif
