/* SPDX-License-Identifier: Apache-2.0 */
/* Fields by their element numbers, IANA's; of v9 those below 128 are the same. */
#include "train/world/flows/exporter.h"
#include "train/world/geography.h"

#include <string.h>

#define SELECTOR      7 /* id of the one packet selector, and of the one sampler */
#define RANDOM        2 /* IE 35, 49 */
#define UNIFORM       3 /* IE 304: random n out of N */
#define FORWARDED     64
#define MASK_IPV4     20
#define MASK_IPV6     32
#define NAT_VRF       12
#define FALSE_BOOT_MS UINT64_C(1262304000000) /* 2010-01-01: a clock that was never set */

static uint32_t as_of(uint16_t network)
{
	return network == NR_FLOWS_NO_NETWORK ? 0 : NR_WORLD_FIRST_ASN + network;
}

static uint8_t *put_address(uint8_t *at, const struct nr_address *address, uint16_t length)
{
	return nr_put_bytes(at, address->octets + 16 - length, length);
}

static uint64_t milliseconds(const struct nr_exporter *exporter, nr_time time)
{
	return (uint64_t)(nr_exporter_clock(exporter, time) / 1000);
}

static uint64_t traffic_value(
	uint16_t id, const struct nr_exporter *exporter, const struct nr_flow_record *record)
{
	switch (id) {
	case 1:
		return record->bytes;
	case 2:
		return record->packets;
	case 4:
		return record->protocol;
	case 5:
		return record->tos;
	case 6:
		return record->tcp_flags;
	case 7:
		return record->source_port;
	case 10:
		return record->input;
	case 11:
		return record->destination_port;
	case 14:
		return record->output;
	case 16:
		return as_of(record->source_network);
	case 17:
		return as_of(record->destination_network);
	case 21:
		return nr_exporter_uptime_ms(exporter, record->last);
	case 22:
		return nr_exporter_uptime_ms(exporter, record->first);
	case 152:
		return milliseconds(exporter, record->first);
	case 153:
	case 323:
		return milliseconds(exporter, record->last);
	case 136:
		return record->end_reason;
	default:
		return 0; /* VLAN, direction (ingress), padding */
	}
}

static uint64_t other_value(uint16_t id, const struct nr_flow_record *record)
{
	switch (id) {
	case 9:
	case 13:
		return MASK_IPV4;
	case 29:
	case 30:
		return MASK_IPV6;
	case 32:
		return record->protocol == 1 ? record->destination_port : 0;
	case 139:
		return record->protocol == 58 ? record->destination_port : 0;
	case 48:
	case 302:
		return SELECTOR;
	case 60:
		return record->ipv6 ? 6 : 4;
	case 89:
		return FORWARDED;
	case 227:
	case 361:
		return record->post_source_port;
	case 362:
		return record->port_block_end;
	case 230:
		return record->event;
	case 234:
		return NAT_VRF;
	default:
		return UINT64_MAX; /* none of these */
	}
}

static uint64_t reverse_value(uint16_t id, const struct nr_flow_record *record)
{
	return id == 1   ? record->reverse_bytes
	       : id == 2 ? record->reverse_packets
			 : record->reverse_tcp_flags;
}

static uint8_t *put_field(uint8_t *at, const struct nr_element *element, const struct nr_exporter *exporter,
	const struct nr_flow_record *record)
{
	if (element->enterprise == NR_ENTERPRISE_REVERSE)
		return nr_put_uint(at, reverse_value(element->id, record), element->length);
	switch (element->id) {
	case 8:
	case 27:
		return put_address(at, &record->source, element->length);
	case 12:
	case 28:
		return put_address(at, &record->destination, element->length);
	case 225:
		return put_address(at, &record->post_source, element->length);
	case 15:
	case 62: /* next hop: on the link */
		memset(at, 0, element->length);
		return at + element->length;
	default: {
		uint64_t value = other_value(element->id, record);
		if (value == UINT64_MAX)
			value = traffic_value(element->id, exporter, record);
		return nr_put_uint(at, value, element->length);
	}
	}
}

uint8_t *nr_layout_put_record(uint8_t *at, const struct nr_flow_layout *layout,
	const struct nr_exporter *exporter, const struct nr_flow_record *record)
{
	for (unsigned i = 0; i < layout->count; i++)
		at = put_field(at, &layout->fields[i], exporter, record);
	return at;
}

/* ---- options ---- */

static uint64_t boot_ms(const struct nr_exporter *exporter)
{
	if (exporter->kind->active_step) /* the kind that rounds its timers has this habit, too */
		return FALSE_BOOT_MS;
	return milliseconds(exporter, exporter->boot);
}

static uint64_t option_value(uint16_t id, const struct nr_exporter *exporter)
{
	switch (id) {
	case 34:
	case 50:
		return exporter->sampling;
	case 35:
	case 49:
		return RANDOM;
	case 36:
		return (uint64_t)(exporter->kind->active / NR_SECOND);
	case 37:
		return (uint64_t)(exporter->kind->idle / NR_SECOND);
	case 41:
		return exporter->told_messages;
	case 42:
		return exporter->told_records;
	case 48:
	case 302:
		return SELECTOR;
	case 130:
		return nr_address_ipv4(&exporter->address);
	case 144:
		return 1;
	case 149:
		return exporter->kind->domain;
	case 160:
		return boot_ms(exporter);
	case 304:
		return exporter->sampling == 1 ? 1 : UNIFORM;
	case 305:
		return 1;
	case 306:
		return exporter->sampling - 1;
	case 318:
		return exporter->seen_packets * exporter->sampling;
	case 319:
		return exporter->seen_packets;
	default:
		return 0;
	}
}

static const char *option_text(uint16_t id, uint32_t interface, char text[static 40])
{
	if (id == 84)
		return "random-sampler";
	bool access = interface <= NR_ACCESS_PORTS;
	if (id == 82)
		snprintf(text, 40, "%s0/0/%u", access ? "ge-" : "xe-", interface);
	else
		snprintf(text, 40, "%s %u", access ? "subscribers" : "to others", interface);
	return text;
}

static uint8_t *put_text(uint8_t *at, const char *text, uint16_t length)
{
	if (length == NR_ELEMENT_VARIABLE)
		return nr_put_variable(at, text, (uint16_t)strlen(text));
	size_t used = NR_MIN(strlen(text), (size_t)length);
	memcpy(at, text, used);
	memset(at + used, 0, length - used);
	return at + length;
}

uint8_t *nr_layout_put_options(uint8_t *at, const struct nr_flow_layout *layout,
	const struct nr_exporter *exporter, uint32_t interface)
{
	char text[40];
	for (unsigned i = 0; i < layout->count; i++) {
		const struct nr_element *e = &layout->fields[i];
		if (e->enterprise == NR_ENTERPRISE_SCOPE) /* 1: the system, 2: an interface */
			at = nr_put_uint(
				at, e->id == 2 ? interface : nr_address_ipv4(&exporter->address), e->length);
		else if (e->id == 82 || e->id == 83 || e->id == 84)
			at = put_text(at, option_text(e->id, interface, text), e->length);
		else
			at = nr_put_uint(
				at, e->id == 10 ? interface : option_value(e->id, exporter), e->length);
	}
	return at;
}

#define TEXT_ROOM 40 /* of a text of variable length */

size_t nr_layout_bytes(const struct nr_flow_layout *layout)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < layout->count; i++)
		bytes += layout->fields[i].length == NR_ELEMENT_VARIABLE ? TEXT_ROOM
									 : layout->fields[i].length;
	return bytes;
}

void nr_layout_template(const struct nr_flow_layout *layout, struct nr_template *ret_template)
{
	ret_template->id = layout->id;
	ret_template->options = layout->scopes > 0;
	ret_template->scopes = layout->scopes;
	ret_template->count = layout->count;
	memcpy(ret_template->fields, layout->fields, layout->count * sizeof *layout->fields);
	nr_template_measure(ret_template);
}
