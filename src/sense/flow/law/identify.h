/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a pseudonym back to a client: only where two persons of the archive's policy have signed the same
 * request, for a reason, for a time; answered once; every step a use. The request is a note (C2SP
 * signed-note) whose text has eight lines:
 *
 *	noroshi identify v1
 *	archive HEX         hash of the first line of the archive's record of uses
 *	pseudonym 100::...
 *	received RFC3339    a moment of the period whose key made it
 *	candidates own      or a network, or sha256:HEX of a file of networks and addresses
 *	asked RFC3339
 *	until RFC3339       at most NR_FLOW_REQUEST_MAX later
 *	reason TEXT
 */
#ifndef NR_SENSE_FLOW_LAW_IDENTIFY_H
#define NR_SENSE_FLOW_LAW_IDENTIFY_H

#include "sense/flow/law/uses.h"
#include "wire/note.h"

#define NR_FLOW_REQUEST_MAX    (7 * NR_DAY)
#define NR_FLOW_CANDIDATES_MAX (UINT64_C(1) << 32) /* addresses; of IPv6 /64s */

struct nr_flow_request {
	char archive[NR_FLOW_HEAD_TEXT];
	struct nr_address pseudonym;
	nr_time received, asked, until;
	char candidates[80];
	char reason[NR_FLOW_REASON_MAX + 1];
};
#define NR_FLOW_REQUEST_TEXT 768
size_t nr_flow_request_write(
	const struct nr_flow_request *request, char ret_text[static NR_FLOW_REQUEST_TEXT]);
/* -EBADMSG: not a request as it is written. */
int nr_flow_request_parse(
	const char *text, size_t length, struct nr_flow_request *ret_request, struct nr_error *error);

struct nr_flow_identify_conf {
	const char *archive, *keys;
	const char *candidates; /* network or file; NULL: own networks */
	const char *reason;
	nr_time received;
	const char *sign, *passphrase_file; /* the person's key */
	nr_time now;
};
/* Makes the request's file, without signatures. -EEXIST: it is there. */
int nr_flow_identify_ask(const struct nr_flow_identify_conf *conf, const char *pseudonym, const char *path,
	struct nr_error *error);
/* Signs the request as it is. -EACCES: not a person of the policy; -EALREADY: has signed it. ret_text: what
 * was signed, to be shown. */
int nr_flow_identify_approve(const struct nr_flow_identify_conf *conf, const char *path,
	char ret_text[static NR_FLOW_REQUEST_TEXT], struct nr_error *error);
/* -EACCES: signed by fewer than two persons, over, answered already, or of another archive. -ENOENT: no
 * candidate has that name. -EKEYREJECTED: what was signed is not what stands there. */
int nr_flow_identify_answer(const struct nr_flow_identify_conf *conf, const char *path,
	struct nr_address *ret_client, struct nr_error *error);

#endif
