/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object identifiers by name: contents octets (X.690 section 8.19) in one table. Pure.
 */
#ifndef NR_WIRE_OID_H
#define NR_WIRE_OID_H

#include "wire/der.h"

enum nr_oid {
	NR_OID_UNKNOWN, /* none of these */
	/* CMS (RFC 5652), time stamps (RFC 3161), signing certificates (RFC 5035) */
	NR_OID_DATA,                   /* 1.2.840.113549.1.7.1 */
	NR_OID_SIGNED_DATA,            /* 1.2.840.113549.1.7.2 */
	NR_OID_TST_INFO,               /* 1.2.840.113549.1.9.16.1.4 */
	NR_OID_CONTENT_TYPE,           /* 1.2.840.113549.1.9.3 */
	NR_OID_MESSAGE_DIGEST,         /* 1.2.840.113549.1.9.4 */
	NR_OID_SIGNING_TIME,           /* 1.2.840.113549.1.9.5 */
	NR_OID_SIGNING_CERTIFICATE,    /* 1.2.840.113549.1.9.16.2.12 */
	NR_OID_SIGNING_CERTIFICATE_V2, /* 1.2.840.113549.1.9.16.2.47 */
	NR_OID_ALGORITHM_PROTECTION,   /* 1.2.840.113549.1.9.52 */
	NR_OID_SIGNATURE_TIME_STAMP,   /* 1.2.840.113549.1.9.16.2.14 */
	NR_OID_CONTENT_HINTS,          /* 1.2.840.113549.1.9.16.2.4 */
	NR_OID_MIME_TYPE,              /* 0.4.0.1733.2.1 */
	NR_OID_SIGNATURE_POLICY,       /* 1.2.840.113549.1.9.16.2.15 */
	NR_OID_COMMITMENT_TYPE,        /* 1.2.840.113549.1.9.16.2.16 */
	NR_OID_ARCHIVE_TIME_STAMP_V3,  /* 0.4.0.1733.2.4 */
	NR_OID_ATS_HASH_INDEX_V3,      /* 0.4.0.19122.1.5 */
	NR_OID_OCSP_RESPONSE_INFO,     /* 1.3.6.1.5.5.7.16.2 */
	/* digests */
	NR_OID_MD5,      /* 1.2.840.113549.2.5 */
	NR_OID_SHA1,     /* 1.3.14.3.2.26 */
	NR_OID_SHA256,   /* 2.16.840.1.101.3.4.2.1 */
	NR_OID_SHA384,   /* 2.16.840.1.101.3.4.2.2 */
	NR_OID_SHA512,   /* 2.16.840.1.101.3.4.2.3 */
	NR_OID_SHA3_256, /* 2.16.840.1.101.3.4.2.8 */
	NR_OID_SHA3_384, /* 2.16.840.1.101.3.4.2.9 */
	NR_OID_SHA3_512, /* 2.16.840.1.101.3.4.2.10 */
	/* keys and signatures */
	NR_OID_RSA,          /* 1.2.840.113549.1.1.1 */
	NR_OID_RSA_PSS,      /* 1.2.840.113549.1.1.10 */
	NR_OID_RSA_SHA256,   /* 1.2.840.113549.1.1.11 */
	NR_OID_RSA_SHA384,   /* 1.2.840.113549.1.1.12 */
	NR_OID_RSA_SHA512,   /* 1.2.840.113549.1.1.13 */
	NR_OID_EC,           /* 1.2.840.10045.2.1 */
	NR_OID_P256,         /* 1.2.840.10045.3.1.7 */
	NR_OID_P384,         /* 1.3.132.0.34 */
	NR_OID_ECDSA_SHA256, /* 1.2.840.10045.4.3.2 */
	NR_OID_ECDSA_SHA384, /* 1.2.840.10045.4.3.3 */
	NR_OID_ECDSA_SHA512, /* 1.2.840.10045.4.3.4 */
	NR_OID_ED25519,      /* 1.3.101.112 */
	NR_OIDS
};

#define NR_OID_BYTES_MAX 15

/* Which one an OBJECT IDENTIFIER is. */
enum nr_oid nr_oid_of(const struct nr_der *element);
/* Contents octets. */
const uint8_t *nr_oid_bytes(enum nr_oid oid, size_t *ret_length);
NR_INLINE bool nr_oid_is(const struct nr_der *element, enum nr_oid oid)
{
	return nr_oid_of(element) == oid;
}
/* Writes the OBJECT IDENTIFIER; AlgorithmIdentifier with no parameters, or with NULL ones. */
void nr_oid_put(struct nr_der_writer *w, enum nr_oid oid);
void nr_oid_put_algorithm(struct nr_der_writer *w, enum nr_oid oid, bool null_parameters);
/* AlgorithmIdentifier whose parameters are absent or NULL; UNKNOWN (the cursor goes on) where it is none of
 * ours or has parameters. */
enum nr_oid nr_oid_algorithm(struct nr_cursor *c);
/* Bytes of a digest's value; 0: not a digest. */
size_t nr_oid_digest_bytes(enum nr_oid oid);

#endif
