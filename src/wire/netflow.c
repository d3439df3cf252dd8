/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/netflow.h"

#include <errno.h>

#define ENTERPRISE_BIT 0x8000
#define SET_HEADER     4
#define FIRST_DATA_ID  256

static int open_v5(
	struct nr_cursor *c, struct nr_export_header *header, size_t length, struct nr_error *error)
{
	header->count = nr_cursor_u16(c);
	header->uptime_ms = nr_cursor_u32(c);
	header->seconds = nr_cursor_u32(c);
	header->nanoseconds = nr_cursor_u32(c);
	header->sequence = nr_cursor_u32(c);
	header->domain = nr_cursor_u16(c);
	header->sampling = nr_cursor_u16(c);
	size_t records = (size_t)header->count * NR_NETFLOW5_RECORD;
	if (c->failed || header->count == 0 || header->count > NR_NETFLOW5_RECORDS ||
		nr_cursor_left(c) < records)
		return nr_fail(error, -EBADMSG, "NetFlow v5 datagram of %zu bytes with a count of %u records",
			length, header->count);
	header->length = (uint32_t)(24 + records);
	c->end = c->at + records;
	return 0;
}

static int open_v9(
	struct nr_cursor *c, struct nr_export_header *header, size_t length, struct nr_error *error)
{
	header->count = nr_cursor_u16(c);
	header->uptime_ms = nr_cursor_u32(c);
	header->seconds = nr_cursor_u32(c);
	header->sequence = nr_cursor_u32(c);
	header->domain = nr_cursor_u32(c);
	header->length = (uint32_t)length;
	if (c->failed)
		return nr_fail(error, -EBADMSG,
			"NetFlow v9 datagram of %zu bytes; its header has 20 (RFC 3954 section 5.1)", length);
	return 0;
}

static int open_ipfix(
	struct nr_cursor *c, struct nr_export_header *header, size_t length, struct nr_error *error)
{
	header->length = nr_cursor_u16(c);
	header->seconds = nr_cursor_u32(c);
	header->sequence = nr_cursor_u32(c);
	header->domain = nr_cursor_u32(c);
	if (c->failed || header->length < 16 || header->length > length)
		return nr_fail(error, -EBADMSG,
			"IPFIX message of %zu bytes that says it has %u (RFC 7011 section 3.1)", length,
			header->length);
	c->end = c->at + (header->length - 16);
	return 0;
}

int nr_export_open(const uint8_t *bytes, size_t length, struct nr_export_header *ret_header,
	struct nr_cursor *ret_body, struct nr_error *error)
{
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_export_header header = {.version = nr_cursor_u16(&c)};
	int e;
	switch (header.version) {
	case 5:
		e = open_v5(&c, &header, length, error);
		break;
	case 9:
		e = open_v9(&c, &header, length, error);
		break;
	case 10:
		e = open_ipfix(&c, &header, length, error);
		break;
	default:
		return nr_fail(error, -EBADMSG, "flow export of version %u; 5, 9 and 10 (IPFIX) are known",
			header.version);
	}
	if (e)
		return e;
	*ret_header = header;
	*ret_body = c;
	return 0;
}

bool nr_export_next_set(
	const struct nr_export_header *header, struct nr_cursor *body, struct nr_export_set *ret_set)
{
	(void)header;
	if (body->failed || nr_cursor_left(body) < SET_HEADER)
		return false; /* less than a header is padding */
	uint16_t id = nr_cursor_u16(body), length = nr_cursor_u16(body);
	if (id == 0 && length == 0)
		return false; /* zeros to the end: some exporters fill their datagrams */
	if (length < SET_HEADER) {
		body->failed = true;
		return false;
	}
	const uint8_t *start = nr_cursor_take(body, (size_t)length - SET_HEADER);
	if (!start)
		return false;
	*ret_set = (struct nr_export_set){id, nr_cursor_over(start, (size_t)length - SET_HEADER)};
	return true;
}

/* ---- templates ---- */

static void take_field(
	struct nr_cursor *c, struct nr_template *template, bool enterprises, uint32_t enterprise)
{
	struct nr_element *field = &template->fields[template->count++];
	field->id = nr_cursor_u16(c);
	field->length = nr_cursor_u16(c);
	field->enterprise = enterprise;
	if (enterprises && field->id & ENTERPRISE_BIT) {
		field->id &= (uint16_t)~ENTERPRISE_BIT;
		field->enterprise = nr_cursor_u32(c);
	}
	bool variable = field->length == NR_ELEMENT_VARIABLE;
	template->variable = template->variable || variable;
	template->minimum += variable ? 1u : field->length;
}

/* v9 says how many bytes scopes and options take; IPFIX how many fields in all, and how many are scopes. */
static bool take_counts(const struct nr_export_header *header, struct nr_cursor *c, bool options,
	size_t *ret_scopes, size_t *ret_fields)
{
	size_t first = nr_cursor_u16(c), second = 0;
	if (options)
		second = nr_cursor_u16(c);
	if (!options) {
		*ret_scopes = 0;
		*ret_fields = first;
	} else if (header->version == 9) {
		*ret_scopes = first / 4;
		*ret_fields = (first + second) / 4;
		if (first % 4 || second % 4)
			return false;
	} else {
		*ret_scopes = second;
		*ret_fields = first;
	}
	return !c->failed && *ret_fields <= NR_TEMPLATE_FIELDS && *ret_scopes <= *ret_fields;
}

static bool is_padding(const struct nr_cursor *c)
{
	for (const uint8_t *at = c->at; at < c->end; at++) {
		if (*at)
			return false;
	}
	return true;
}

bool nr_template_next(
	const struct nr_export_header *header, struct nr_export_set *set, struct nr_template *ret_template)
{
	struct nr_cursor *c = &set->body;
	bool options = nr_set_is_options(header, set->id);
	size_t scopes, fields;
	if (c->failed || nr_cursor_left(c) < SET_HEADER || is_padding(c))
		return false;
	ret_template->id = nr_cursor_u16(c);
	ret_template->options = options;
	ret_template->variable = ret_template->withdrawal = false;
	ret_template->count = 0;
	ret_template->minimum = 0;
	if (header->version == 10 && nr_cursor_left(c) >= 2 && c->at[0] == 0 && c->at[1] == 0) {
		nr_cursor_skip(c, 2);
		ret_template->withdrawal = true;
		ret_template->scopes = 0;
		return true;
	}
	if (!take_counts(header, c, options, &scopes, &fields)) {
		c->failed = true;
		return false;
	}
	ret_template->scopes = (uint16_t)scopes;
	for (size_t i = 0; i < fields && !c->failed; i++)
		take_field(c, ret_template, header->version == 10,
			header->version == 9 && i < scopes ? NR_ENTERPRISE_SCOPE : 0);
	if (ret_template->id < FIRST_DATA_ID || ret_template->minimum == 0)
		c->failed = true; /* a record without bytes would never end */
	return !c->failed;
}

/* ---- records ---- */

static uint16_t variable_length(struct nr_cursor *c)
{
	uint8_t first = nr_cursor_u8(c);
	return first < 255 ? first : nr_cursor_u16(c);
}

bool nr_record_read(const struct nr_element *fields, uint16_t count, uint32_t minimum, struct nr_cursor *body,
	struct nr_value *ret_values)
{
	if (body->failed || nr_cursor_left(body) < minimum)
		return false;
	for (unsigned i = 0; i < count; i++) {
		uint16_t length = fields[i].length;
		if (length == NR_ELEMENT_VARIABLE)
			length = variable_length(body);
		const uint8_t *bytes = nr_cursor_take(body, length);
		if (!bytes)
			return false;
		ret_values[i] = (struct nr_value){bytes, length};
	}
	return true;
}

bool nr_record_next(const struct nr_template *template, struct nr_cursor *body, struct nr_value *ret_values)
{
	return nr_record_read(template->fields, template->count, template->minimum, body, ret_values);
}
