/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow exports: NetFlow v5, NetFlow v9 (RFC 3954), IPFIX (RFC 7011), where each part lies. Pure: no
 *allocation, no I/O, no state: who remembers templates is told what to remember.
 *
 *	struct nr_cursor body;
 *	nr_export_open(bytes, length, &header, &body, error);
 *	while (nr_export_next_set(&header, &body, &set))
 *		set.id 2, 3 (v9: 0, 1): nr_template_next() until it answers false
 *		set.id >= 256: nr_record_next() with that template until it answers false
 *	body.failed: the message ends in a set that cannot be; what came before it is good
 */
#ifndef NR_WIRE_NETFLOW_H
#define NR_WIRE_NETFLOW_H

#include "base/error.h"
#include "wire/cursor.h"

#define NR_NETFLOW5_RECORD  48 /* bytes */
#define NR_NETFLOW5_RECORDS 30 /* in one datagram at most */
#define NR_TEMPLATE_FIELDS  512
#define NR_ELEMENT_VARIABLE 65535 /* length: of its own in each record (RFC 7011 section 7) */
#define NR_ENTERPRISE_SCOPE                                                                                  \
	UINT32_MAX                  /* "enterprise" of a v9 scope field: system, interface, line card ... */
#define NR_ENTERPRISE_REVERSE 29305 /* the same element, of the other direction (RFC 5103) */

struct nr_export_header {
	uint16_t version;              /* 5, 9, 10 */
	uint16_t count;                /* as the exporter says; of v9 it is often wrong */
	uint32_t uptime_ms;            /* SysUptime; IPFIX: 0 */
	uint32_t seconds, nanoseconds; /* of the export */
	uint32_t sequence;             /* v5: flows, v9: packets, IPFIX: data records before this message */
	uint32_t domain;               /* source id, observation domain; v5: engine type << 8 | engine id */
	uint16_t sampling;             /* v5: mode in the top 2 bits, interval below */
	uint32_t length;               /* of the whole message: more may follow in a stream */
};

/* -EBADMSG: another version, too short, v5 with a count that does not fit. ret_body: what follows the header;
 * v5: its records. */
int nr_export_open(const uint8_t *bytes, size_t length, struct nr_export_header *ret_header,
	struct nr_cursor *ret_body, struct nr_error *error);

struct nr_export_set {
	uint16_t id;
	struct nr_cursor body;
};
/* False at the end, and at zeros that fill a message up; body->failed: a set whose length cannot be. */
bool nr_export_next_set(
	const struct nr_export_header *header, struct nr_cursor *body, struct nr_export_set *ret_set);
NR_INLINE bool nr_set_is_template(const struct nr_export_header *header, uint16_t id)
{
	return id == (header->version == 9 ? 0 : 2);
}
NR_INLINE bool nr_set_is_options(const struct nr_export_header *header, uint16_t id)
{
	return id == (header->version == 9 ? 1 : 3);
}

struct nr_element {
	uint32_t enterprise; /* 0: IANA's, or v9's own number */
	uint16_t id, length;
};

struct nr_template {
	uint16_t id;
	bool options, withdrawal; /* withdrawal: of this id; of 2 or 3: of all (RFC 7011 section 8.1) */
	bool variable;            /* some field has a length of its own in each record */
	uint16_t scopes;          /* the first so many fields say what the others are about */
	uint16_t count;
	uint32_t minimum; /* bytes of the shortest record; without variable fields of each */
	struct nr_element fields[NR_TEMPLATE_FIELDS];
};
/* The next template of a template or options template set: false at its end or at padding; set->body.failed:
 * it cannot be (too many fields, an id below 256, no field that takes a byte). */
bool nr_template_next(
	const struct nr_export_header *header, struct nr_export_set *set, struct nr_template *ret_template);

struct nr_value {
	const uint8_t *bytes;
	uint16_t length;
};
/* The next record: one value for each field. False at the end and at padding, which is shorter than the
 * shortest record; body->failed: a variable length that points beyond the set. */
bool nr_record_next(const struct nr_template *template, struct nr_cursor *body, struct nr_value *ret_values);
/* The same for whoever keeps templates in another form. */
bool nr_record_read(const struct nr_element *fields, uint16_t count, uint32_t minimum, struct nr_cursor *body,
	struct nr_value *ret_values);

/* Any integer by the length that the template gave it (reduced-size encoding, RFC 7011 section 6.2): 0 to 8
 * bytes; of longer ones the last 8. */
NR_INLINE uint64_t nr_value_uint(const struct nr_value *value)
{
	uint64_t number = 0;
	size_t skip = value->length > 8 ? value->length - 8u : 0;
	for (size_t i = skip; i < value->length; i++)
		number = number << 8 | value->bytes[i];
	return number;
}

#endif
