/* SPDX-License-Identifier: Apache-2.0 */
/* A row as one line of JSON. Written by hand: every text in it is one of ours and needs no escape, and a day
 * of flows has many lines. */
#include "sense/flow/file/print_inside.h"

#define ALWAYS                                                                                               \
	(NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_LOW) | NR_FLOW_BIT(DESTINATION_LOW) |   \
		NR_FLOW_BIT(SOURCE_PORT) | NR_FLOW_BIT(DESTINATION_PORT) | NR_FLOW_BIT(PROTOCOL) |           \
		NR_FLOW_BIT(TCP_FLAGS) | NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(SAMPLING))

static char *write_key(char *at, const char *key)
{
	*at++ = ',';
	*at++ = '"';
	at = nr_flow_write_text(at, key);
	*at++ = '"';
	*at++ = ':';
	return at;
}

static char *write_quoted_address(char *at, const struct nr_address *address)
{
	*at++ = '"';
	nr_address_write(address, at);
	at += strlen(at);
	*at++ = '"';
	return at;
}

/* Where the line begins: who exported. */
static char *write_stream(char *at, const struct nr_flow_stream *stream)
{
	static const struct nr_address unknown;
	at = nr_flow_write_text(at, "{\"exporter\":");
	if (nr_address_equal(&stream->exporter, &unknown))
		at = nr_flow_write_text(at, "null");
	else
		at = write_quoted_address(at, &stream->exporter);
	at = nr_flow_write_uint(write_key(at, "domain"), stream->domain);
	at = write_key(at, "version");
	unsigned version = nr_flow_export_version(stream->export);
	at = version ? nr_flow_write_uint(at, version) : nr_flow_write_text(at, "null");
	at = nr_flow_write_text(write_key(at, "export"), "\"");
	at = nr_flow_write_text(at, nr_flow_export_name(stream->export));
	*at++ = '"';
	return at;
}

static char *write_address(
	char *at, const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row)
{
	struct nr_address address;
	bool there = nr_flow_row_address(block, column, row, &address);
	if (!there && !(ALWAYS >> column & 1))
		return at;
	at = write_key(at, nr_flow_columns[column].name);
	return there ? write_quoted_address(at, &address) : nr_flow_write_text(at, "null");
}

static char *write_quoted_value(char *at, enum nr_flow_column column, uint64_t value)
{
	*at++ = '"';
	at = nr_flow_write_value(at, column, value);
	*at++ = '"';
	return at;
}

static char *write_column(
	char *at, const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row)
{
	const struct nr_flow_column_info *info = &nr_flow_columns[column];
	if (info->kind == NR_FLOW_KIND_ADDRESS)
		return write_address(at, block, column, row);
	if (info->kind == NR_FLOW_KIND_RATE) {
		float rate = nr_flow_sampling(block, row);
		at = write_key(at, info->name);
		return rate > 0 ? nr_flow_write_rate(at, rate) : nr_flow_write_text(at, "null");
	}
	uint64_t value = nr_flow_value(block, column, row);
	if (!value && !(ALWAYS >> column & 1))
		return at;
	at = write_key(at, info->name);
	switch (info->kind) {
	case NR_FLOW_KIND_TIME:
		return value ? write_quoted_value(at, column, value) : nr_flow_write_text(at, "null");
	case NR_FLOW_KIND_MAC:
	case NR_FLOW_KIND_CODE:
		return write_quoted_value(at, column, value);
	default:
		return nr_flow_write_uint(at, value);
	}
}

static char *write_marks(char *at, uint64_t marks)
{
	for (size_t i = 0; i < NR_FLOW_MARK_NAMES && marks; i++)
		if (marks & nr_flow_mark_names[i].mark)
			at = nr_flow_write_text(write_key(at, nr_flow_mark_names[i].name), "true");
	return at;
}

char *nr_flow_write_row_json(char *at, const struct nr_flow_block *block, uint32_t row)
{
	at = write_stream(at, nr_flow_row_stream(block, row));
	for (uint64_t left = block->present | ALWAYS; left; left &= left - 1) {
		unsigned column = (unsigned)__builtin_ctzll(left);
		if (nr_flow_columns[column].printed)
			at = write_column(at, block, column, row);
	}
	at = write_marks(at, nr_flow_value(block, NR_FLOW_MARKS, row));
	*at++ = '}';
	*at++ = '\n';
	return at;
}
