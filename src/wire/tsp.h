/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-Stamp Protocol (RFC 3161, RFC 5816): requests, TSTInfo and rejections as bytes. Pure: no allocation,
 * no I/O; what is read points into the input.
 */
#ifndef NR_WIRE_TSP_H
#define NR_WIRE_TSP_H

#include "wire/oid.h"

#define NR_TSP_REQUEST_MAX   (64 * 1024) /* a real one has 50 to 120 bytes */
#define NR_TSP_NONCE_MAX     20          /* octets of its magnitude; clients in the field send 8 to 20 */
#define NR_TSP_IMPRINT_MAX   64
#define NR_TSP_REJECTION_MAX 256

/* PKIFailureInfo (RFC 3161 section 2.4.2): bit numbers. */
enum nr_tsp_failure {
	NR_TSP_BAD_ALG = 0,
	NR_TSP_BAD_REQUEST = 2,
	NR_TSP_BAD_DATA_FORMAT = 5,
	NR_TSP_TIME_NOT_AVAILABLE = 14,
	NR_TSP_UNACCEPTED_POLICY = 15,
	NR_TSP_UNACCEPTED_EXTENSION = 16,
	NR_TSP_ADD_INFO_NOT_AVAILABLE = 17,
	NR_TSP_SYSTEM_FAILURE = 25,
};
const char *nr_tsp_failure_name(enum nr_tsp_failure failure); /* "badAlg", ... */

struct nr_tsp_request {
	enum nr_oid digest;    /* SHA-256, SHA-384 or SHA-512 */
	struct nr_der imprint; /* messageImprint, whole, as the token must repeat it */
	const uint8_t *hash;   /* nr_oid_digest_bytes(digest) */
	struct nr_der nonce;   /* all zero: none; INTEGER of any sign */
	bool policy_named, certificate_wanted;
};

/* Checks in the order that decides what the answer says: DER, version, algorithm, length of the imprint,
 * policy (contents octets of the one that is served; NULL: any), extensions (none is known: each is refused,
 * critical or not), nonce. 0; or -EBADMSG with *ret_failure, and error says what and where. */
int nr_tsp_read_request(const uint8_t *bytes, size_t length, const uint8_t *policy, size_t policy_length,
	struct nr_tsp_request *ret_request, enum nr_tsp_failure *ret_failure, struct nr_error *error);

/* A request with certReq; nonce: its magnitude, `nonce_length` octets. Bytes written to the end of buffer:
 * their number is answered and *ret_bytes says where. 0: no room. */
size_t nr_tsp_write_request(enum nr_oid digest, const uint8_t *hash, const uint8_t *nonce,
	size_t nonce_length, uint8_t *buffer, size_t room, uint8_t **ret_bytes);

/* TimeStampResp with status rejection (2) and that failure; text: ASCII for people, or NULL. As above. */
size_t nr_tsp_write_rejection(
	enum nr_tsp_failure failure, const char *text, uint8_t *buffer, size_t room, uint8_t **ret_bytes);

struct nr_tsp_response {
	unsigned status;     /* PKIStatus: 0 granted, 1 with modifications, 2 rejection ... */
	int failure;         /* enum nr_tsp_failure; -1: none was given */
	char text[128];      /* what the authority says, cut, control characters shown as "?" */
	struct nr_der token; /* ContentInfo; there if and only if status is 0 or 1 */
};
/* Also takes a bare ContentInfo, as status 0. */
int nr_tsp_read_response(
	const uint8_t *bytes, size_t length, struct nr_tsp_response *ret_response, struct nr_error *error);

struct nr_tst_info {
	struct nr_der policy, imprint, serial, nonce; /* serial: INTEGER of any sign; nonce all zero: none */
	enum nr_oid digest;                           /* UNKNOWN: an algorithm that is none of ours */
	const uint8_t *hash;
	size_t hash_length;
	nr_time time;
	nr_time accuracy; /* us; -1: not said */
	bool ordering;
	struct nr_der authority; /* GeneralName in [0]; a claim of the token, not proven by it */
	bool extensions;
};
/* TSTInfo, DER. -EBADMSG says what and where. */
int nr_tst_read(const uint8_t *bytes, size_t length, struct nr_tst_info *ret_info, struct nr_error *error);

#endif
