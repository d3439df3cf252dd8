/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of command-and-control servers that carriers may share (flow reference 1.2, 19): servers, made for
 * finding them and detached from single communications. It cannot hold a client: there is no field for an
 * address, pseudonym, exact number of clients or time of a communication, and what stands in a field is one
 * of few values:
 *
 *	{"address":"203.0.113.9","port":8443,"protocol":"tcp","valid_from":"2026-11-24",
 *	"valid_until":"2026-12-24","reasons":["beacon","synchrony"],"confidence":"high","clients":"10-99",
 *	"carriers":"2-4"}
 *
 * A line has one form: what would not be written like this, to the byte, is not read. So nothing travels
 * beside the fields: no member more, no member twice, no spaces. Addresses of own networks, for private use
 * and of pseudonyms are refused in both directions; a subscriber's server is a matter of a notice.
 */
#ifndef NR_MODEL_C2_LIST_H
#define NR_MODEL_C2_LIST_H

#include "base/address.h"

enum nr_c2_reason {                /* bits; names in nr_c2_reasons */
	NR_C2_BEACON = 1 << 0,     /* clients come back at intervals */
	NR_C2_SYNCHRONY = 1 << 1,  /* clients act at the same time */
	NR_C2_LONG_LIVED = 1 << 2, /* connections that stay */
	NR_C2_SIZES = 1 << 3,      /* messages of few sizes */
	NR_C2_FAN_IN = 1 << 4,     /* clients that have nothing else in common */
	NR_C2_UNUSUAL = 1 << 5,    /* port, place or life that its kind of server does not have */
	NR_C2_LISTED = 1 << 6,     /* on a list of others */
	NR_C2_PROBED = 1 << 7,     /* it answered as one does */
	NR_C2_JOINT = 1 << 8,      /* evidence of several carriers together */
};
#define NR_C2_REASONS 9
extern const char *const nr_c2_reasons[NR_C2_REASONS];

enum nr_c2_confidence { NR_C2_LOW, NR_C2_MEDIUM, NR_C2_HIGH, NR_C2_CONFIDENCES };
enum nr_c2_clients { /* how many clients; fewer than 5 would be people */
	NR_C2_SUPPRESSED,
	NR_C2_CLIENTS_1, /* 1-9 */
	NR_C2_CLIENTS_10,
	NR_C2_CLIENTS_100,
	NR_C2_CLIENTS_1000,
	NR_C2_CLIENTS_10000, /* and more */
	NR_C2_CLIENT_BUCKETS
};
enum nr_c2_carriers { NR_C2_CARRIERS_1, NR_C2_CARRIERS_2, NR_C2_CARRIERS_5, NR_C2_CARRIER_BUCKETS };
enum nr_c2_clients nr_c2_clients_of(uint64_t clients);
enum nr_c2_carriers nr_c2_carriers_of(uint64_t carriers);

struct nr_c2_server {
	struct nr_address address;
	uint16_t port;
	uint8_t protocol;            /* 6, 17 */
	int32_t from_day, until_day; /* since 1970-01-01 UTC; until_day is the first that is not */
	uint16_t reasons;            /* bits; one at least */
	uint8_t confidence, clients, carriers;
};
#define NR_C2_DAYS_MAX 400 /* that an entry is valid */

#define NR_C2_LINE_MAX 384
struct nr_c2_list;
/* own: networks whose addresses never stand in a list. */
int nr_c2_list_new(
	const struct nr_prefix *own, size_t own_count, struct nr_c2_list **ret_list, struct nr_error *error);
void nr_c2_list_free(struct nr_c2_list *list);
void nr_c2_list_freep(struct nr_c2_list **list);
/* -EPERM: the address is a client's, or no server's. -EINVAL: a field has a value that it cannot have. */
int nr_c2_list_check(
	const struct nr_c2_list *list, const struct nr_c2_server *server, struct nr_error *error);
/* One line without its end; what nr_c2_list_check() refuses is not written. */
int nr_c2_list_write(const struct nr_c2_list *list, const struct nr_c2_server *server,
	char ret_line[static NR_C2_LINE_MAX], struct nr_error *error);
/* The same, and -EBADMSG: not a line as it is written. */
int nr_c2_list_read(const struct nr_c2_list *list, const char *line, size_t length,
	struct nr_c2_server *ret_server, struct nr_error *error);

#endif
