/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/ask/field.h"

#include "base/nearest.h"
#include "sense/flow/ask/protocol.h"
#include "sense/flow/ask/sum_table.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---- names ---- */

#define COL(c) NR_FLOW_##c

/* Fields with two ends. */
static const struct {
	const char *name;
	uint8_t column, other;
} ends[] = {{"ip", COL(SOURCE_LOW), COL(DESTINATION_LOW)}, {"port", COL(SOURCE_PORT), COL(DESTINATION_PORT)},
	{"as", COL(SOURCE_AS), COL(DESTINATION_AS)}, {"if", COL(INPUT), COL(OUTPUT)},
	{"mask", COL(SOURCE_MASK), COL(DESTINATION_MASK)}, {"mac", COL(SOURCE_MAC), COL(DESTINATION_MAC)}};

/* What nfdump calls them (nfdump(1), -s and -A). */
static const struct {
	const char *theirs, *ours;
} synonyms[] = {{"srcip", "source"}, {"dstip", "destination"}, {"src", "source"}, {"dst", "destination"},
	{"srcport", "source_port"}, {"dstport", "destination_port"}, {"proto", "protocol"},
	{"srcas", "source_as"}, {"dstas", "destination_as"}, {"inif", "input"}, {"outif", "output"},
	{"srcmask", "source_mask"}, {"dstmask", "destination_mask"}, {"nhip", "next_hop"},
	{"next", "next_hop"}, {"router", "exporter"}, {"odid", "domain"}, {"dir", "direction"},
	{"srctos", "tos"}, {"srcvlan", "vlan"}, {"dstvlan", "post_vlan"}, {"mpls1", "mpls_label"},
	{"insrcmac", "source_mac"}, {"indstmac", "destination_mac"}, {"xsrcip", "post_source"},
	{"nsrcip", "post_source"}, {"xdstip", "post_destination"}, {"ndstip", "post_destination"},
	{"xsrcport", "post_source_port"}, {"nsrcport", "post_source_port"},
	{"xdstport", "post_destination_port"}, {"ndstport", "post_destination_port"}, {"ivrf", "input_vrf"},
	{"vrf", "input_vrf"}, {"evrf", "output_vrf"}, {"nevent", "event"}};

static bool may_be_key(unsigned column)
{
	enum nr_flow_kind kind = nr_flow_columns[column].kind;
	return nr_flow_columns[column].printed && kind != NR_FLOW_KIND_TIME && kind != NR_FLOW_KIND_COUNT;
}

static bool find_name(const char *name, struct nr_flow_field *field)
{
	static const char *const of_stream[] = {
		[NR_FLOW_FIELD_EXPORTER] = "exporter",
		[NR_FLOW_FIELD_DOMAIN] = "domain",
		[NR_FLOW_FIELD_EXPORT] = "export",
	};
	for (size_t i = 0; i < NR_COUNT(synonyms); i++)
		if (!strcasecmp(name, synonyms[i].theirs))
			name = synonyms[i].ours;
	for (uint8_t i = 1; i < NR_COUNT(of_stream); i++)
		if (!strcasecmp(name, of_stream[i])) {
			snprintf(field->name, sizeof field->name, "%s", of_stream[i]);
			field->stream = i;
			field->column = field->other = NR_FLOW_STREAM;
			field->kind =
				i == NR_FLOW_FIELD_EXPORTER ? NR_FLOW_KIND_ADDRESS : NR_FLOW_KIND_NUMBER;
			return true;
		}
	for (size_t i = 0; i < NR_COUNT(ends); i++)
		if (!strcasecmp(name, ends[i].name)) {
			snprintf(field->name, sizeof field->name, "%s", ends[i].name);
			field->column = ends[i].column;
			field->other = ends[i].other;
			field->kind = (uint8_t)nr_flow_columns[field->column].kind;
			return true;
		}
	for (unsigned c = 0; c < NR_FLOW_COLUMNS; c++)
		if (may_be_key(c) && !strcasecmp(name, nr_flow_columns[c].name)) {
			snprintf(field->name, sizeof field->name, "%s", nr_flow_columns[c].name);
			field->column = field->other = (uint8_t)c;
			field->kind = (uint8_t)nr_flow_columns[c].kind;
			return true;
		}
	return false;
}

static int fail_unknown(const char *name, struct nr_error *error)
{
	struct nr_nearest nearest = {.word = name};
	for (size_t i = 0; i < NR_COUNT(ends); i++)
		nr_nearest_offer(&nearest, ends[i].name);
	for (unsigned c = 0; c < NR_FLOW_COLUMNS; c++)
		if (may_be_key(c))
			nr_nearest_offer(&nearest, nr_flow_columns[c].name);
	nr_nearest_offer(&nearest, "exporter");
	for (size_t i = 0; i < NR_COUNT(synonyms); i++)
		nr_nearest_offer(&nearest, synonyms[i].theirs);
	if (nearest.best)
		return nr_fail(error, -EINVAL, "flows are not summed by \"%.40s\"; did you mean \"%s\"?",
			name, nearest.best);
	return nr_fail(error, -EINVAL,
		"flows are not summed by \"%.40s\": source, destination, ip, source_port, destination_port, "
		"port, "
		"protocol, source_as, as, input, output, exporter, or another column",
		name);
}

static bool read_length(const char **at, unsigned most, uint8_t *ret_length)
{
	char *end;
	unsigned long value = **at >= '0' && **at <= '9' ? strtoul(*at, &end, 10) : most + 1;
	if (value > most)
		return false;
	*at = end;
	*ret_length = (uint8_t)value;
	return true;
}

/* "/24" is of IPv4, "/24/48" of both; one that IPv4 cannot have is of IPv6 alone. */
static bool read_lengths(const char *text, struct nr_flow_field *field)
{
	uint8_t first;
	text++;
	if (!read_length(&text, 128, &first))
		return false;
	if (*text == '\0') {
		*(first <= 32 ? &field->length4 : &field->length6) = first;
		return true;
	}
	field->length4 = first;
	text++;
	return text[-1] == '/' && first <= 32 && read_length(&text, 128, &field->length6) && !*text;
}

int nr_flow_field_parse(const char *text, struct nr_flow_field *ret_field, struct nr_error *error)
{
	struct nr_flow_field field = {.length4 = 32, .length6 = 128};
	char name[NR_FLOW_FIELD_NAME];
	size_t length = strcspn(text, "/");
	snprintf(name, sizeof name, "%.*s", (int)NR_MIN(length, sizeof name - 1), text);
	if (!find_name(name, &field))
		return fail_unknown(name, error);
	field.words = field.kind == NR_FLOW_KIND_ADDRESS ? 2 : 1;
	if (text[length]) {
		if (field.words != 2 || !read_lengths(text + length, &field))
			return nr_fail(error, -EINVAL,
				"\"%.40s\": a length stands behind addresses alone, source/24 or "
				"source/24/48",
				text);
		size_t end = strlen(field.name);
		snprintf(field.name + end, sizeof field.name - end, "%.8s", text + length);
	}
	*ret_field = field;
	return 0;
}

static bool find_order(const char *name, unsigned *order)
{
	for (unsigned i = 0; nr_flow_orders[i]; i++)
		if (!strcasecmp(name, nr_flow_orders[i])) {
			*order = i;
			return true;
		}
	return false;
}

int nr_flow_fields_parse(const char *text, struct nr_flow_field *fields, size_t *count, unsigned *order,
	struct nr_error *error)
{
	static const char record[] = "protocol,source,source_port,destination,destination_port";
	size_t all = strcspn(text, "/, ");
	if (all == 6 && !strncasecmp(text, "record", 6)) {
		int e = nr_flow_fields_parse(record, fields, count, order, error);
		if (e)
			return e;
		text += all;
		if (*text && !find_order(text + 1, order))
			return fail_unknown(text + 1, error);
		return 0;
	}
	while (*text) {
		char name[NR_FLOW_FIELD_NAME];
		size_t length = strcspn(text, ", ");
		snprintf(name, sizeof name, "%.*s", (int)NR_MIN(length, sizeof name - 1), text);
		text += length + (text[length] != '\0');
		char *slash = strrchr(name, '/');
		if (!length || find_order(name, order))
			continue;
		if (slash && find_order(slash + 1, order))
			*slash = '\0';
		if (*count == NR_FLOW_FIELDS_MAX)
			return nr_fail(
				error, -E2BIG, "flows are summed by at most %d fields", NR_FLOW_FIELDS_MAX);
		int e = nr_flow_field_parse(name, &fields[*count], error);
		if (e)
			return e;
		++*count;
	}
	return 0;
}

uint64_t nr_flow_field_columns(const struct nr_flow_field *field)
{
	uint64_t columns = UINT64_C(1) << field->column | UINT64_C(1) << field->other;
	return field->words == 2 && !field->stream ? columns | columns >> 1 : columns;
}

bool nr_flow_field_has_ends(const struct nr_flow_field *field)
{
	return field->column != field->other;
}

/* ---- keys ---- */

#define LOAD(type)                                                                                           \
	for (size_t i = 0; i < count; i++)                                                                   \
	keys[i * stride] = ((const type *)at)[rows ? rows[i] : from + i]

static void load_numbers(const struct nr_flow_block *block, unsigned column, const uint32_t *rows,
	uint32_t from, size_t count, uint64_t *keys, size_t stride)
{
	const void *at = nr_flow_column(block, column);
	if (!at) {
		for (size_t i = 0; i < count; i++)
			keys[i * stride] = 0;
		return;
	}
	switch (nr_flow_columns[column].width) {
	case 1:
		LOAD(uint8_t);
		break;
	case 2:
		LOAD(uint16_t);
		break;
	case 4: /* rates too, as their bits */
		LOAD(uint32_t);
		break;
	default:
		LOAD(uint64_t);
	}
}

static void cut(const struct nr_flow_field *field, uint64_t *key)
{
	if (key[0] == 0 && key[1] >> 32 == 0xffff) {
		key[1] &= field->length4 ? UINT64_MAX << (32 - field->length4) : UINT64_MAX << 32;
		return;
	}
	unsigned length = field->length6;
	key[0] &= length >= 64 ? UINT64_MAX : length ? UINT64_MAX << (64 - length) : 0;
	key[1] &= length == 128 ? UINT64_MAX : length > 64 ? UINT64_MAX << (128 - length) : 0;
}

static void load_stream(const struct nr_flow_field *field, const struct nr_flow_block *block,
	const uint32_t *rows, uint32_t from, size_t count, uint64_t *keys, size_t stride)
{
	static const struct nr_flow_stream none;
	const uint16_t *streams = nr_flow_column(block, NR_FLOW_STREAM);
	for (size_t i = 0; i < count; i++) {
		uint32_t row = rows ? rows[i] : from + (uint32_t)i, index = streams ? streams[row] : 0;
		const struct nr_flow_stream *stream =
			index < block->stream_count ? &block->streams[index] : &none;
		uint64_t *key = keys + i * stride;
		if (field->stream == NR_FLOW_FIELD_EXPORTER)
			nr_flow_address_split(&stream->exporter, &key[0], &key[1]);
		else
			key[0] = field->stream == NR_FLOW_FIELD_DOMAIN ? stream->domain : stream->export;
	}
}

void nr_flow_field_load(const struct nr_flow_field *field, unsigned end, const struct nr_flow_block *block,
	const uint32_t *rows, uint32_t from, size_t count, uint64_t *keys, size_t stride)
{
	unsigned column = end ? field->other : field->column;
	if (field->stream)
		load_stream(field, block, rows, from, count, keys, stride);
	else if (field->words == 1)
		load_numbers(block, column, rows, from, count, keys, stride);
	else {
		load_numbers(block, column - 1, rows, from, count, keys, stride);
		load_numbers(block, column, rows, from, count, keys + 1, stride);
	}
	if (field->words == 2 && (field->length4 < 32 || field->length6 < 128))
		for (size_t i = 0; i < count; i++)
			cut(field, keys + i * stride);
}

/* ---- text ---- */

static struct nr_address address_of(const uint64_t *words)
{
	struct nr_address address;
	uint64_t high = __builtin_bswap64(words[0]), low = __builtin_bswap64(words[1]);
	memcpy(address.octets, &high, 8);
	memcpy(address.octets + 8, &low, 8);
	return address;
}

static float rate_of(uint64_t word)
{
	uint32_t bits = (uint32_t)word;
	float rate;
	memcpy(&rate, &bits, sizeof rate);
	return rate;
}

static const char *write_address(const struct nr_flow_field *field, const uint64_t *words, char *text)
{
	struct nr_address address = address_of(words);
	if (!words[0] && !words[1])
		return "-"; /* not exported */
	nr_address_write(&address, text);
	bool ipv4 = nr_address_is_ipv4(&address);
	unsigned length = ipv4 ? field->length4 : field->length6;
	if (length < (ipv4 ? 32 : 128))
		snprintf(text + strlen(text), 6, "/%u", length);
	return text;
}

const char *nr_flow_field_write(
	const struct nr_flow_field *field, const uint64_t *words, char text[static NR_FLOW_FIELD_TEXT])
{
	const char *name = NULL;
	switch ((enum nr_flow_kind)field->kind) {
	case NR_FLOW_KIND_ADDRESS:
		return write_address(field, words, text);
	case NR_FLOW_KIND_PROTOCOL:
		name = nr_flow_protocol_name((uint8_t)words[0]);
		break;
	case NR_FLOW_KIND_CODE:
		name = words[0] ? nr_flow_code_name(field->column, words[0]) : "-";
		break;
	case NR_FLOW_KIND_RATE:
		snprintf(text, NR_FLOW_FIELD_TEXT, "%g", (double)rate_of(words[0]));
		return text;
	case NR_FLOW_KIND_MAC:
		snprintf(text, NR_FLOW_FIELD_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x",
			(unsigned)(words[0] >> 40 & 255), (unsigned)(words[0] >> 32 & 255),
			(unsigned)(words[0] >> 24 & 255), (unsigned)(words[0] >> 16 & 255),
			(unsigned)(words[0] >> 8 & 255), (unsigned)(words[0] & 255));
		return text;
	default:
		if (field->stream == NR_FLOW_FIELD_EXPORT)
			name = nr_flow_export_name((enum nr_flow_export)words[0]);
	}
	if (name)
		return name;
	snprintf(text, NR_FLOW_FIELD_TEXT, "%llu", (unsigned long long)words[0]);
	return text;
}

void nr_flow_field_write_json(
	const struct nr_flow_field *field, const uint64_t *words, struct nr_json *json, const char *key)
{
	char text[NR_FLOW_FIELD_TEXT];
	bool number = field->kind == NR_FLOW_KIND_NUMBER || field->kind == NR_FLOW_KIND_PORT ||
		      field->kind == NR_FLOW_KIND_PROTOCOL || field->kind == NR_FLOW_KIND_TCP_FLAGS;
	if (field->kind == NR_FLOW_KIND_RATE)
		nr_json_real(json, key, (double)rate_of(words[0]));
	else if (number && field->stream != NR_FLOW_FIELD_EXPORT)
		nr_json_uint(json, key, words[0]);
	else if (field->kind == NR_FLOW_KIND_ADDRESS && !words[0] && !words[1])
		nr_json_null(json, key);
	else if (field->kind == NR_FLOW_KIND_CODE && !words[0])
		nr_json_null(json, key);
	else
		nr_json_text(json, key, nr_flow_field_write(field, words, text));
}
