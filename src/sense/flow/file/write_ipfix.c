/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of IPFIX messages (RFC 5655). What a row has decides its template: addresses of its family, times as
 * exact as they are, and of events, translations and the other direction only what is there. A template is
 * sent in each observation domain before its first record; a message holds records of one domain, and its
 * export time is the end of the last flow in it. Who exported stands in each record (exporterIPv4Address,
 * exporterIPv6Address).
 */
#include "sense/flow/file/write_inside.h"
#include "wire/export_write.h"

#include <errno.h>
#include <string.h>

#define MESSAGE   ((size_t)65000)
#define TEMPLATES 512
#define DOMAINS   65536
#define FIELDS    64
/* Flows of one message end within so much: readers hold a time for wrong that is a day from that of the
 * export. */
#define SPAN (6 * NR_HOUR)

enum variant {
	VARIANT_IPV6 = 1,
	VARIANT_NEXT_HOP_IPV6 = 2,
	VARIANT_POST_IPV6 = 4,
	VARIANT_MICROSECONDS = 8,
	VARIANT_ICMP = 16,
	VARIANT_ICMPV6 = 32,
	VARIANT_EXPORTER_IPV4 = 64,
	VARIANT_EXPORTER_IPV6 = 128,
	VARIANT_FRACTION = 256, /* the rate is no whole number */
	VARIANT_FIREWALL = 512,
};

struct shape {
	uint64_t columns;
	unsigned variant;
};
struct field {
	uint8_t column; /* NR_FLOW_COLUMNS: the exporter */
	uint16_t length;
};
struct form { /* of one template */
	struct shape shape;
	unsigned count;
	size_t bytes;
	struct field fields[FIELDS];
};
struct domain {
	uint32_t id, sequence;
	uint64_t sent[TEMPLATES / 64];
};

struct writer {
	FILE *stream;
	uint8_t bytes[MESSAGE];
	struct nr_export_message message;
	bool open;
	size_t at; /* index of the open message's domain */
	nr_time latest;
	struct domain *domains;
	size_t domain_count, domain_room;
	size_t form_count;
	struct form forms[TEMPLATES];
};

static void end(void *writer_)
{
	struct writer *writer = writer_;
	free(writer->domains);
	free(writer);
}

static int begin(FILE *stream, void **ret_writer, struct nr_error *error)
{
	struct writer *writer = calloc(1, sizeof *writer);
	if (!writer)
		return nr_fail(error, -ENOMEM, "out of memory");
	writer->stream = stream;
	*ret_writer = writer;
	return 0;
}

/* ---- shapes ---- */

/* Written for every row of a block that has the column. */
#define PLAIN                                                                                                \
	(NR_FLOW_BIT(INPUT) | NR_FLOW_BIT(OUTPUT) | NR_FLOW_BIT(SOURCE_AS) | NR_FLOW_BIT(DESTINATION_AS) |   \
		NR_FLOW_BIT(TOS) | NR_FLOW_BIT(SOURCE_MASK) | NR_FLOW_BIT(DESTINATION_MASK) |                \
		NR_FLOW_BIT(VLAN) | NR_FLOW_BIT(POST_VLAN) | NR_FLOW_BIT(SOURCE_MAC) |                       \
		NR_FLOW_BIT(DESTINATION_MAC))
#define ALWAYS                                                                                               \
	(NR_FLOW_BIT(SOURCE_PORT) | NR_FLOW_BIT(DESTINATION_PORT) | NR_FLOW_BIT(PROTOCOL) |                  \
		NR_FLOW_BIT(TCP_FLAGS) | NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES))
/* Where one of them is there, all are. */
#define REVERSE        (NR_FLOW_BIT(REVERSE_PACKETS) | NR_FLOW_BIT(REVERSE_BYTES) | NR_FLOW_BIT(REVERSE_TCP_FLAGS))
#define POST_ADDRESSES (NR_FLOW_BIT(POST_SOURCE_LOW) | NR_FLOW_BIT(POST_DESTINATION_LOW))
/* Where 0 is a value of the element, but not of ours. */
#define OWN                                                                                                  \
	(NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_LOW) | NR_FLOW_BIT(DESTINATION_LOW) |   \
		NR_FLOW_BIT(SAMPLING) | NR_FLOW_BIT(NEXT_HOP_LOW) | NR_FLOW_BIT(DIRECTION) |                 \
		NR_FLOW_BIT(END_REASON) | NR_FLOW_BIT(FORWARDING) | NR_FLOW_BIT(TTL) |                       \
		NR_FLOW_BIT(FLOW_LABEL) | NR_FLOW_BIT(MPLS) | NR_FLOW_BIT(APPLICATION) |                     \
		NR_FLOW_BIT(CONNECTION) | NR_FLOW_BIT(POST_SOURCE_PORT) |                                    \
		NR_FLOW_BIT(POST_DESTINATION_PORT) | NR_FLOW_BIT(PORT_BLOCK_END) | NR_FLOW_BIT(EVENT) |      \
		NR_FLOW_BIT(INPUT_VRF) | NR_FLOW_BIT(OUTPUT_VRF))

static bool is_ipv6(const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row)
{
	return nr_flow_value(block, column - 1, row) || nr_flow_value(block, column, row) >> 32 != 0xffff;
}

static bool has_address(const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row)
{
	return nr_flow_value(block, column - 1, row) || nr_flow_value(block, column, row);
}

static uint64_t columns_of(const struct nr_flow_block *block, uint32_t row)
{
	uint64_t columns = ALWAYS | (block->present & PLAIN);
	for (uint64_t left = block->present & OWN; left; left &= left - 1) {
		unsigned column = (unsigned)__builtin_ctzll(left);
		bool address = nr_flow_columns[column].kind == NR_FLOW_KIND_ADDRESS;
		bool there = column == NR_FLOW_SAMPLING ? nr_flow_sampling(block, row) > 0
			     : address                  ? has_address(block, column, row)
							: nr_flow_value(block, column, row) != 0;
		columns |= there ? UINT64_C(1) << column : 0;
	}
	for (uint64_t left = block->present & REVERSE; left; left &= left - 1)
		if (nr_flow_value(block, (unsigned)__builtin_ctzll(left), row))
			columns |= REVERSE;
	if (nr_flow_value(block, NR_FLOW_MARKS, row) & NR_FLOW_MARK_BIFLOW)
		columns |= REVERSE;
	if (has_address(block, NR_FLOW_POST_SOURCE_LOW, row) ||
		has_address(block, NR_FLOW_POST_DESTINATION_LOW, row))
		columns |= POST_ADDRESSES;
	return columns;
}

/* Both addresses of a pair are of one family; where one is not there, of the other's. */
static bool pair_is_ipv6(
	const struct nr_flow_block *block, enum nr_flow_column a, enum nr_flow_column b, uint32_t row)
{
	return (has_address(block, a, row) && is_ipv6(block, a, row)) ||
	       (has_address(block, b, row) && is_ipv6(block, b, row));
}

static struct shape shape_of(
	const struct nr_flow_block *block, const struct nr_flow_stream *stream, uint32_t row)
{
	static const struct nr_address nobody;
	struct shape shape = {.columns = columns_of(block, row)};
	uint64_t protocol = nr_flow_value(block, NR_FLOW_PROTOCOL, row);
	float rate = nr_flow_sampling(block, row);
	unsigned v = 0;
	v |= pair_is_ipv6(block, NR_FLOW_SOURCE_LOW, NR_FLOW_DESTINATION_LOW, row) ? VARIANT_IPV6 : 0;
	if (shape.columns & NR_FLOW_BIT(NEXT_HOP_LOW))
		v |= is_ipv6(block, NR_FLOW_NEXT_HOP_LOW, row) ? VARIANT_NEXT_HOP_IPV6 : 0;
	if (shape.columns & POST_ADDRESSES)
		v |= pair_is_ipv6(block, NR_FLOW_POST_SOURCE_LOW, NR_FLOW_POST_DESTINATION_LOW, row)
			     ? VARIANT_POST_IPV6
			     : 0;
	if (nr_flow_value(block, NR_FLOW_FIRST, row) % 1000 || nr_flow_value(block, NR_FLOW_LAST, row) % 1000)
		v |= VARIANT_MICROSECONDS;
	v |= protocol == 1 ? VARIANT_ICMP : protocol == 58 ? VARIANT_ICMPV6 : 0;
	if (!nr_address_equal(&stream->exporter, &nobody))
		v |= nr_address_is_ipv4(&stream->exporter) ? VARIANT_EXPORTER_IPV4 : VARIANT_EXPORTER_IPV6;
	v |= rate > 0 && (float)(uint32_t)rate != rate ? VARIANT_FRACTION : 0;
	v |= nr_flow_value(block, NR_FLOW_EVENT, row) > NR_FLOW_EVENT_FIREWALL ? VARIANT_FIREWALL : 0;
	shape.variant = v;
	return shape;
}

/* ---- templates ---- */

#define ELEMENT(id, length)  ((struct nr_element){0, id, length})
#define EITHER(bit, yes, no) (variant & (bit) ? (yes) : (no))

static struct nr_element address_element(unsigned column, unsigned variant)
{
	switch (column) {
	case NR_FLOW_SOURCE_LOW:
		return EITHER(VARIANT_IPV6, ELEMENT(27, 16), ELEMENT(8, 4));
	case NR_FLOW_DESTINATION_LOW:
		return EITHER(VARIANT_IPV6, ELEMENT(28, 16), ELEMENT(12, 4));
	case NR_FLOW_NEXT_HOP_LOW:
		return EITHER(VARIANT_NEXT_HOP_IPV6, ELEMENT(62, 16), ELEMENT(15, 4));
	case NR_FLOW_POST_SOURCE_LOW:
		return EITHER(VARIANT_POST_IPV6, ELEMENT(281, 16), ELEMENT(225, 4));
	default:
		return EITHER(VARIANT_POST_IPV6, ELEMENT(282, 16), ELEMENT(226, 4));
	}
}

static struct nr_element element_of(const struct shape *shape, unsigned column)
{
	static const struct nr_element simple[NR_FLOW_COLUMNS] = {[NR_FLOW_SOURCE_PORT] = {0, 7, 2},
		[NR_FLOW_PROTOCOL] = {0, 4, 1},
		[NR_FLOW_TCP_FLAGS] = {0, 6, 2},
		[NR_FLOW_PACKETS] = {0, 2, 8},
		[NR_FLOW_BYTES] = {0, 1, 8},
		[NR_FLOW_INPUT] = {0, 10, 4},
		[NR_FLOW_OUTPUT] = {0, 14, 4},
		[NR_FLOW_SOURCE_AS] = {0, 16, 4},
		[NR_FLOW_DESTINATION_AS] = {0, 17, 4},
		[NR_FLOW_TOS] = {0, 5, 1},
		[NR_FLOW_DIRECTION] = {0, 61, 1},
		[NR_FLOW_END_REASON] = {0, 136, 1},
		[NR_FLOW_FORWARDING] = {0, 89, 1},
		[NR_FLOW_TTL] = {0, 192, 1},
		[NR_FLOW_FLOW_LABEL] = {0, 31, 4},
		[NR_FLOW_VLAN] = {0, 58, 2},
		[NR_FLOW_POST_VLAN] = {0, 59, 2},
		[NR_FLOW_MPLS] = {0, 70, 3},
		[NR_FLOW_SOURCE_MAC] = {0, 56, 6},
		[NR_FLOW_DESTINATION_MAC] = {0, 80, 6},
		[NR_FLOW_APPLICATION] = {0, 95, 4},
		[NR_FLOW_CONNECTION] = {0, 148, 8},
		[NR_FLOW_POST_DESTINATION_PORT] = {0, 228, 2},
		[NR_FLOW_PORT_BLOCK_END] = {0, 362, 2},
		[NR_FLOW_INPUT_VRF] = {0, 234, 4},
		[NR_FLOW_OUTPUT_VRF] = {0, 235, 4},
		[NR_FLOW_REVERSE_PACKETS] = {NR_ENTERPRISE_REVERSE, 2, 8},
		[NR_FLOW_REVERSE_BYTES] = {NR_ENTERPRISE_REVERSE, 1, 8},
		[NR_FLOW_REVERSE_TCP_FLAGS] = {NR_ENTERPRISE_REVERSE, 6, 2}};
	unsigned variant = shape->variant;
	switch (column) {
	case NR_FLOW_COLUMNS:
		return EITHER(VARIANT_EXPORTER_IPV6, ELEMENT(131, 16), ELEMENT(130, 4));
	case NR_FLOW_FIRST:
		return EITHER(VARIANT_MICROSECONDS, ELEMENT(154, 8), ELEMENT(152, 8));
	case NR_FLOW_LAST:
		return EITHER(VARIANT_MICROSECONDS, ELEMENT(155, 8), ELEMENT(153, 8));
	case NR_FLOW_DESTINATION_PORT:
		return EITHER(VARIANT_ICMP, ELEMENT(32, 2),
			EITHER(VARIANT_ICMPV6, ELEMENT(139, 2), ELEMENT(11, 2)));
	case NR_FLOW_SAMPLING: /* samplingProbability, samplingInterval */
		return EITHER(VARIANT_FRACTION, ELEMENT(311, 8), ELEMENT(34, 4));
	case NR_FLOW_SOURCE_MASK:
		return EITHER(VARIANT_IPV6, ELEMENT(29, 1), ELEMENT(9, 1));
	case NR_FLOW_DESTINATION_MASK:
		return EITHER(VARIANT_IPV6, ELEMENT(30, 1), ELEMENT(13, 1));
	case NR_FLOW_POST_SOURCE_PORT:
		return shape->columns & NR_FLOW_BIT(PORT_BLOCK_END) ? ELEMENT(361, 2) : ELEMENT(227, 2);
	case NR_FLOW_EVENT:
		return EITHER(VARIANT_FIREWALL, ELEMENT(233, 1), ELEMENT(230, 1));
	default:
		break;
	}
	return nr_flow_columns[column].kind == NR_FLOW_KIND_ADDRESS ? address_element(column, variant)
								    : simple[column];
}

static void make_form(struct form *form, const struct shape *shape)
{
	*form = (struct form){.shape = *shape};
	uint64_t left = shape->columns;
	bool exporter = shape->variant & (VARIANT_EXPORTER_IPV4 | VARIANT_EXPORTER_IPV6);
	for (unsigned column = 0; column <= NR_FLOW_COLUMNS; column++) {
		if (column == NR_FLOW_COLUMNS ? !exporter : !(left >> column & 1))
			continue;
		struct nr_element element = element_of(shape, column);
		form->fields[form->count++] = (struct field){(uint8_t)column, element.length};
		form->bytes += element.length;
	}
}

/* Index of the form of this shape, made where it is new; -1: there are too many. */
static int find_form(struct writer *writer, const struct shape *shape)
{
	for (size_t i = writer->form_count; i-- > 0;)
		if (writer->forms[i].shape.columns == shape->columns &&
			writer->forms[i].shape.variant == shape->variant)
			return (int)i;
	if (writer->form_count == TEMPLATES)
		return -1;
	make_form(&writer->forms[writer->form_count], shape);
	return (int)writer->form_count++;
}

/* Rows of shapes that nobody has room for are written with what every flow has. */
static size_t form_of(struct writer *writer, struct shape shape)
{
	int at = find_form(writer, &shape);
	if (at < 0) {
		shape.columns = ALWAYS;
		at = find_form(writer, &shape);
	}
	for (size_t i = 0; at < 0 && i < writer->form_count; i++)
		if ((writer->forms[i].shape.variant & VARIANT_IPV6) == (shape.variant & VARIANT_IPV6))
			at = (int)i;
	return at < 0 ? 0 : (size_t)at;
}

static bool put_template(struct writer *writer, size_t at)
{
	const struct form *form = &writer->forms[at];
	struct nr_template template;
	template.id = (uint16_t)(256 + at);
	template.options = template.withdrawal = template.variable = false;
	template.scopes = 0;
	template.count = (uint16_t)form->count;
	for (unsigned i = 0; i < form->count; i++)
		template.fields[i] = element_of(&form->shape, form->fields[i].column);
	nr_template_measure(&template);
	return nr_export_put_template(&writer->message, &template);
}

/* ---- messages ---- */

static int end_message(struct writer *writer, struct nr_error *error)
{
	if (!writer->open)
		return 0;
	struct domain *domain = &writer->domains[writer->at];
	size_t length = nr_export_end(&writer->message);
	nr_put_u32(writer->bytes + 4, (uint32_t)(writer->latest / NR_SECOND)); /* known only now */
	domain->sequence += writer->message.data;
	fwrite(writer->bytes, 1, length, writer->stream);
	writer->open = false;
	return ferror(writer->stream) ? nr_fail(error, -EIO, "the IPFIX file cannot be written: %s",
						strerror(errno ? errno : EIO))
				      : 0;
}

static void begin_message(struct writer *writer, size_t at)
{
	struct nr_export_header header = {
		.version = 10, .sequence = writer->domains[at].sequence, .domain = writer->domains[at].id};
	nr_export_begin(&writer->message, writer->bytes, sizeof writer->bytes, &header);
	writer->open = true;
	writer->at = at;
	writer->latest = 0;
}

static int find_domain(struct writer *writer, uint32_t id, size_t *ret_at, struct nr_error *error)
{
	if (writer->open && writer->domains[writer->at].id == id) {
		*ret_at = writer->at;
		return 0;
	}
	for (size_t i = 0; i < writer->domain_count; i++)
		if (writer->domains[i].id == id) {
			*ret_at = i;
			return 0;
		}
	if (writer->domain_count == DOMAINS)
		return nr_fail(error, -ENOSPC,
			"more than %d observation domains: write the exporters to files of their own",
			DOMAINS);
	if (writer->domain_count == writer->domain_room) {
		size_t room = writer->domain_room ? 2 * writer->domain_room : 16;
		struct domain *more = realloc(writer->domains, room * sizeof *more);
		if (!more)
			return nr_fail(error, -ENOMEM, "out of memory");
		writer->domains = more;
		writer->domain_room = room;
	}
	writer->domains[writer->domain_count] = (struct domain){.id = id};
	*ret_at = writer->domain_count++;
	return 0;
}

/* ---- rows ---- */

static uint64_t ntp_of(uint64_t us)
{
	const uint64_t from_1900 = UINT64_C(2208988800), million = 1000000;
	uint64_t seconds = us / million + from_1900;
	uint64_t fraction = ((us % million << 32) + million - 1) / million; /* so that it reads back */
	return seconds << 32 | fraction;
}

static uint8_t *put_address(uint8_t *at, const struct nr_address *address, uint16_t length)
{
	return nr_put_bytes(at, address->octets + (16 - length), length);
}

static uint8_t *put_rate(uint8_t *at, float rate, uint16_t length)
{
	if (length == 4)
		return nr_put_u32(at, (uint32_t)rate);
	double probability = 1 / (double)rate;
	uint64_t bits;
	memcpy(&bits, &probability, sizeof bits);
	return nr_put_u64(at, bits);
}

static uint8_t *put_field(uint8_t *at, const struct form *form, const struct field *field,
	const struct nr_flow_block *block, const struct nr_flow_stream *stream, uint32_t row)
{
	if (field->column == NR_FLOW_COLUMNS)
		return put_address(at, &stream->exporter, field->length);
	if (nr_flow_columns[field->column].kind == NR_FLOW_KIND_ADDRESS) {
		struct nr_address address = nr_flow_address(block, field->column, row);
		return put_address(at, &address, field->length);
	}
	if (field->column == NR_FLOW_SAMPLING)
		return put_rate(at, nr_flow_sampling(block, row), field->length);
	uint64_t value = nr_flow_value(block, field->column, row);
	switch (field->column) {
	case NR_FLOW_FIRST:
	case NR_FLOW_LAST:
		value = form->shape.variant & VARIANT_MICROSECONDS ? ntp_of(value) : value / 1000;
		break;
	case NR_FLOW_DIRECTION:
		value--;
		break;
	case NR_FLOW_EVENT:
		value -= value > NR_FLOW_EVENT_FIREWALL ? NR_FLOW_EVENT_FIREWALL : 0;
		break;
	case NR_FLOW_MPLS:
		value <<= 4;
		break;
	default:
		break;
	}
	return nr_put_uint(at, value, field->length);
}

/* Where the record goes: in a message of its domain that has room, behind its template. */
static int make_room(struct writer *writer, size_t domain, size_t form, nr_time last, uint8_t **ret_at,
	struct nr_error *error)
{
	nr_time away = writer->latest - last;
	if (writer->open && (writer->at != domain || (writer->latest && (away > SPAN || away < -SPAN)))) {
		int e = end_message(writer, error);
		if (e)
			return e;
	}
	for (int tries = 0; tries < 2; tries++) {
		if (!writer->open)
			begin_message(writer, domain);
		uint64_t *sent = &writer->domains[domain].sent[form / 64], bit = UINT64_C(1) << form % 64;
		uint8_t *at = NULL;
		if (*sent & bit || put_template(writer, form)) {
			*sent |= bit;
			at = nr_export_record(
				&writer->message, (uint16_t)(256 + form), writer->forms[form].bytes);
		}
		if (at) {
			*ret_at = at;
			return 0;
		}
		int e = end_message(writer, error);
		if (e)
			return e;
	}
	return nr_fail(error, -EMSGSIZE, "a flow does not fit into a message");
}

static int put_row(
	struct writer *writer, const struct nr_flow_block *block, uint32_t row, struct nr_error *error)
{
	const struct nr_flow_stream *stream = &block->streams[nr_flow_value(block, NR_FLOW_STREAM, row)];
	size_t domain = 0, at = form_of(writer, shape_of(block, stream, row));
	const struct form *form = &writer->forms[at];
	uint8_t *to = NULL;
	int e = find_domain(writer, stream->domain, &domain, error);
	nr_time last = (nr_time)nr_flow_value(block, NR_FLOW_LAST, row);
	if (!e)
		e = make_room(writer, domain, at, last, &to, error);
	for (unsigned i = 0; !e && i < form->count; i++)
		to = put_field(to, form, &form->fields[i], block, stream, row);
	writer->latest = NR_MAX(writer->latest, last);
	return e;
}

static int take(void *writer_, const struct nr_flow_block *block, const uint32_t *rows, uint32_t count,
	struct nr_error *error)
{
	int e = 0;
	for (uint32_t i = 0; !e && i < count; i++)
		e = put_row(writer_, block, rows ? rows[i] : i, error);
	return e;
}

static int finish(void *writer, struct nr_error *error)
{
	return end_message(writer, error);
}

const struct nr_flow_writing nr_flow_writing_ipfix = {begin, take, finish, end};
