/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow exports the other way round: structs -> bytes of NetFlow v5, NetFlow v9 (RFC 3954), IPFIX (RFC 7011)
 * and sFlow v5, in memory of the caller. Pure: no allocation, no I/O, no state between messages. Sequence
 * numbers are the caller's, because exporters do not agree on what they count.
 *
 *	nr_export_begin(&message, bytes, sizeof bytes, &header);
 *	nr_export_put_template(&message, &template);
 *	while ((at = nr_export_record(&message, template.id, template.minimum)))
 *		at = nr_put_u32(at, ...) ...               every field, in the template's order and length
 *	length = nr_export_end(&message);                  sets count and lengths
 *
 * What does not fit is not written: the call answers false or NULL, the message stays as it was, and the
 * caller ends it and begins the next one.
 */
#ifndef NR_WIRE_EXPORT_WRITE_H
#define NR_WIRE_EXPORT_WRITE_H

#include "wire/netflow.h"
#include "wire/sflow.h"

/* Each writes in network order and answers where the next one goes. */
NR_INLINE uint8_t *nr_put_u8(uint8_t *at, uint8_t value)
{
	*at = value;
	return at + 1;
}
NR_INLINE uint8_t *nr_put_u16(uint8_t *at, uint16_t value)
{
	value = __builtin_bswap16(value);
	memcpy(at, &value, sizeof value);
	return at + sizeof value;
}
NR_INLINE uint8_t *nr_put_u32(uint8_t *at, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(at, &value, sizeof value);
	return at + sizeof value;
}
NR_INLINE uint8_t *nr_put_u64(uint8_t *at, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(at, &value, sizeof value);
	return at + sizeof value;
}
NR_INLINE uint8_t *nr_put_bytes(uint8_t *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}
/* The low `length` bytes (1 to 8) of an integer: reduced-size encoding (RFC 7011 section 6.2). */
NR_INLINE uint8_t *nr_put_uint(uint8_t *at, uint64_t value, uint16_t length)
{
	value = __builtin_bswap64(value);
	memcpy(at, (const uint8_t *)&value + (8 - length), length);
	return at + length;
}
/* A value of variable length with its length before it (RFC 7011 section 7): 1 or 3 bytes more. */
NR_INLINE uint8_t *nr_put_variable(uint8_t *at, const void *bytes, uint16_t length)
{
	if (length < 255)
		at = nr_put_u8(at, (uint8_t)length);
	else
		at = nr_put_u16(nr_put_u8(at, 255), length);
	return nr_put_bytes(at, bytes, length);
}
NR_INLINE size_t nr_variable_bytes(uint16_t length)
{
	return length + (length < 255 ? 1u : 3u);
}

/* ---- NetFlow v5, v9, IPFIX ---- */

struct nr_export_message {
	uint8_t *bytes; /* the caller's */
	size_t room, length;
	uint16_t version;
	uint16_t set;     /* id of the set that is open; 0 (v9: of templates): see open */
	size_t open;      /* where its header is; 0: none */
	uint32_t records; /* of all kinds, templates too: v9's count */
	uint32_t data;    /* of data and options data: what IPFIX and v5 count */
};

#define NR_EXPORT_HEADER_MAX 24 /* v5; v9: 20, IPFIX: 16 */

/* header: version, times, sequence, domain, sampling (v5); count and length are set at the end. room: at
 * least NR_EXPORT_HEADER_MAX, at most 65535. */
void nr_export_begin(struct nr_export_message *message, uint8_t *bytes, size_t room,
	const struct nr_export_header *header);
/* A template, or an options template where template->options, in its set; fields of NR_ENTERPRISE_SCOPE are
 * v9's scopes. In v9 there are no enterprises: such a field is written by its number alone. */
bool nr_export_put_template(struct nr_export_message *message, const struct nr_template *template);
/* Where the next record of the set goes, whose bytes the caller writes all; NULL: no room (v5: 30 records).
 * v5: set 0, length NR_NETFLOW5_RECORD. */
uint8_t *nr_export_record(struct nr_export_message *message, uint16_t set, size_t length);
/* Pads and closes the open set, fills in count and length; the length of the message. */
size_t nr_export_end(struct nr_export_message *message);

/* The shortest record of a template that was written down by hand (sets minimum and variable); 0: it cannot
 * be. */
uint32_t nr_template_measure(struct nr_template *template);

struct nr_netflow5_record {
	uint32_t source, destination, next_hop; /* host order, as all */
	uint16_t input, output;
	uint32_t packets, bytes, first_ms, last_ms; /* by SysUptime */
	uint16_t source_port, destination_port;
	uint8_t tcp_flags, protocol, tos;
	uint16_t source_as, destination_as;
	uint8_t source_mask, destination_mask;
};
void nr_netflow5_put(uint8_t at[static NR_NETFLOW5_RECORD], const struct nr_netflow5_record *record);

/* ---- sFlow v5 ---- */

struct nr_sflow_message {
	uint8_t *bytes; /* the caller's */
	size_t room, length;
	size_t count_at; /* of the number of samples */
	uint32_t samples;
};

#define NR_SFLOW_HEADER_MAX 40
/* header->samples is set at the end. */
void nr_sflow_begin(
	struct nr_sflow_message *message, uint8_t *bytes, size_t room, const struct nr_sflow_header *header);
/* A flow sample (NR_SFLOW_FLOW, or NR_SFLOW_FLOW_EXPANDED by sample->format) with one record: the raw header
 * of the packet. False: no room, nothing is written. */
bool nr_sflow_put_packet(struct nr_sflow_message *message, const struct nr_sflow_sample *sample,
	const struct nr_sflow_packet *packet);
size_t nr_sflow_end(struct nr_sflow_message *message);

#endif
