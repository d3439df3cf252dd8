/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/export_write.h"

#define SET_HEADER         4
#define ENTERPRISE_BIT     0x8000
#define V9_TEMPLATE_SET    0
#define IPFIX_TEMPLATE_SET 2

/* ---- NetFlow v5, v9, IPFIX ---- */

void nr_export_begin(
	struct nr_export_message *message, uint8_t *bytes, size_t room, const struct nr_export_header *header)
{
	uint8_t *at = nr_put_u16(bytes, header->version);
	at = nr_put_u16(at, 0); /* count, length: when it ends */
	if (header->version != 10)
		at = nr_put_u32(at, header->uptime_ms);
	at = nr_put_u32(at, header->seconds);
	if (header->version == 5)
		at = nr_put_u32(at, header->nanoseconds);
	at = nr_put_u32(at, header->sequence);
	if (header->version == 5)
		at = nr_put_u16(nr_put_u16(at, (uint16_t)header->domain), header->sampling);
	else
		at = nr_put_u32(at, header->domain);
	*message = (struct nr_export_message){
		.bytes = bytes, .room = room, .length = (size_t)(at - bytes), .version = header->version};
}

/* Padding to a multiple of four is what RFC 3954 wants and RFC 7011 allows; it is shorter than any record. */
static size_t padded(const struct nr_export_message *message)
{
	return message->version == 9 ? (message->length + 3) & ~(size_t)3 : message->length;
}

static void close_set(struct nr_export_message *message)
{
	if (!message->open)
		return;
	size_t end = padded(message);
	memset(message->bytes + message->length, 0, end - message->length);
	message->length = end;
	nr_put_u16(message->bytes + message->open + 2, (uint16_t)(end - message->open));
	message->open = 0;
}

/* Room for `length` bytes in the set, which is opened where another one is open. */
static uint8_t *take(struct nr_export_message *message, uint16_t set, size_t length)
{
	bool opens = !message->open || message->set != set;
	size_t start = opens ? (message->open ? padded(message) : message->length) : message->length;
	/* Three bytes more, so that the set can always be padded. */
	if (start + (opens ? SET_HEADER : 0) + length + 3 > message->room)
		return NULL;
	if (opens) {
		close_set(message);
		message->open = message->length;
		message->set = set;
		nr_put_u16(message->bytes + message->length, set);
		message->length += SET_HEADER;
	}
	uint8_t *at = message->bytes + message->length;
	message->length += length;
	message->records++;
	return at;
}

static size_t template_bytes(const struct nr_template *template, uint16_t version)
{
	size_t length = template->options ? 6 : 4;
	for (uint16_t i = 0; i < template->count; i++)
		length += version == 10 && template->fields[i].enterprise ? 8 : 4;
	return length;
}

static uint16_t scope_bytes(const struct nr_template *template)
{
	return (uint16_t)(4 * template->scopes);
}

bool nr_export_put_template(struct nr_export_message *message, const struct nr_template *template)
{
	uint16_t first = message->version == 9 ? V9_TEMPLATE_SET : IPFIX_TEMPLATE_SET;
	uint8_t *at = take(message, (uint16_t)(first + (template->options ? 1 : 0)),
		template_bytes(template, message->version));
	if (!at)
		return false;
	at = nr_put_u16(at, template->id);
	if (template->options && message->version == 9) {
		at = nr_put_u16(at, scope_bytes(template));
		at = nr_put_u16(at, (uint16_t)(4 * template->count - scope_bytes(template)));
	} else {
		at = nr_put_u16(at, template->count);
		if (template->options)
			at = nr_put_u16(at, template->scopes);
	}
	for (uint16_t i = 0; i < template->count; i++) {
		const struct nr_element *field = &template->fields[i];
		bool enterprise = message->version == 10 && field->enterprise;
		at = nr_put_u16(at, (uint16_t)(field->id | (enterprise ? ENTERPRISE_BIT : 0)));
		at = nr_put_u16(at, field->length);
		if (enterprise)
			at = nr_put_u32(at, field->enterprise);
	}
	return true;
}

uint8_t *nr_export_record(struct nr_export_message *message, uint16_t set, size_t length)
{
	uint8_t *at;
	if (message->version == 5) {
		if (message->data == NR_NETFLOW5_RECORDS || message->length + length > message->room)
			return NULL;
		at = message->bytes + message->length;
		message->length += length;
		message->records++;
	} else {
		at = take(message, set, length);
	}
	message->data += at != NULL;
	return at;
}

size_t nr_export_end(struct nr_export_message *message)
{
	close_set(message);
	nr_put_u16(
		message->bytes + 2, (uint16_t)(message->version == 10 ? message->length : message->records));
	return message->length;
}

uint32_t nr_template_measure(struct nr_template *template)
{
	template->minimum = 0;
	template->variable = false;
	for (uint16_t i = 0; i < template->count; i++) {
		bool variable = template->fields[i].length == NR_ELEMENT_VARIABLE;
		template->variable |= variable;
		template->minimum += variable ? 1 : template->fields[i].length;
	}
	return template->minimum;
}

void nr_netflow5_put(uint8_t at[static NR_NETFLOW5_RECORD], const struct nr_netflow5_record *record)
{
	at = nr_put_u32(at, record->source);
	at = nr_put_u32(at, record->destination);
	at = nr_put_u32(at, record->next_hop);
	at = nr_put_u16(at, record->input);
	at = nr_put_u16(at, record->output);
	at = nr_put_u32(at, record->packets);
	at = nr_put_u32(at, record->bytes);
	at = nr_put_u32(at, record->first_ms);
	at = nr_put_u32(at, record->last_ms);
	at = nr_put_u16(at, record->source_port);
	at = nr_put_u16(at, record->destination_port);
	at = nr_put_u8(at, 0);
	at = nr_put_u8(at, record->tcp_flags);
	at = nr_put_u8(at, record->protocol);
	at = nr_put_u8(at, record->tos);
	at = nr_put_u16(at, record->source_as);
	at = nr_put_u16(at, record->destination_as);
	at = nr_put_u8(at, record->source_mask);
	at = nr_put_u8(at, record->destination_mask);
	nr_put_u16(at, 0);
}

/* ---- sFlow v5 ---- */

#define VERSION           5
#define ADDRESS_IPV4      1
#define ADDRESS_IPV6      2
#define SAMPLE_FIXED      32 /* of a flow sample, after format and length */
#define SAMPLE_EXPANDED   44
#define RAW_HEADER_FIXED  16
#define FORMAT_AND_LENGTH 8

void nr_sflow_begin(
	struct nr_sflow_message *message, uint8_t *bytes, size_t room, const struct nr_sflow_header *header)
{
	bool ipv4 = nr_address_is_ipv4(&header->agent);
	uint8_t *at = nr_put_u32(bytes, VERSION);
	at = nr_put_u32(at, ipv4 ? ADDRESS_IPV4 : ADDRESS_IPV6);
	at = nr_put_bytes(at, header->agent.octets + (ipv4 ? 12 : 0), ipv4 ? 4 : 16);
	at = nr_put_u32(at, header->sub_agent);
	at = nr_put_u32(at, header->sequence);
	at = nr_put_u32(at, header->uptime_ms);
	size_t count_at = (size_t)(at - bytes);
	at = nr_put_u32(at, 0);
	*message = (struct nr_sflow_message){
		.bytes = bytes, .room = room, .length = (size_t)(at - bytes), .count_at = count_at};
}

static uint8_t *put_interface(uint8_t *at, const struct nr_sflow_interface *interface, bool expanded)
{
	if (!expanded)
		return nr_put_u32(at, interface->format << 30 | (interface->value & 0x3fffffff));
	return nr_put_u32(nr_put_u32(at, interface->format), interface->value);
}

static uint8_t *put_sample(uint8_t *at, const struct nr_sflow_sample *sample, bool expanded)
{
	at = nr_put_u32(at, sample->sequence);
	if (expanded)
		at = nr_put_u32(nr_put_u32(at, sample->source_type), sample->source_index);
	else
		at = nr_put_u32(at, sample->source_type << 24 | (sample->source_index & 0xffffff));
	at = nr_put_u32(at, sample->rate);
	at = nr_put_u32(at, sample->pool);
	at = nr_put_u32(at, sample->drops);
	at = put_interface(at, &sample->input, expanded);
	at = put_interface(at, &sample->output, expanded);
	return nr_put_u32(at, 1); /* records */
}

bool nr_sflow_put_packet(struct nr_sflow_message *message, const struct nr_sflow_sample *sample,
	const struct nr_sflow_packet *packet)
{
	bool expanded = sample->format == NR_SFLOW_FLOW_EXPANDED;
	size_t bytes = ((size_t)packet->length + 3) & ~(size_t)3; /* XDR */
	size_t length =
		(expanded ? SAMPLE_EXPANDED : SAMPLE_FIXED) + FORMAT_AND_LENGTH + RAW_HEADER_FIXED + bytes;
	if (message->length + FORMAT_AND_LENGTH + length > message->room)
		return false;
	uint8_t *at = message->bytes + message->length;
	at = nr_put_u32(at, expanded ? NR_SFLOW_FLOW_EXPANDED : NR_SFLOW_FLOW);
	at = nr_put_u32(at, (uint32_t)length);
	at = put_sample(at, sample, expanded);
	at = nr_put_u32(at, NR_SFLOW_RAW_HEADER);
	at = nr_put_u32(at, (uint32_t)(RAW_HEADER_FIXED + bytes));
	at = nr_put_u32(at, packet->protocol);
	at = nr_put_u32(at, packet->frame_length);
	at = nr_put_u32(at, packet->stripped);
	at = nr_put_u32(at, packet->length);
	at = nr_put_bytes(at, packet->bytes, packet->length);
	memset(at, 0, bytes - packet->length);
	message->length += FORMAT_AND_LENGTH + length;
	message->samples++;
	return true;
}

size_t nr_sflow_end(struct nr_sflow_message *message)
{
	nr_put_u32(message->bytes + message->count_at, message->samples);
	return message->length;
}
