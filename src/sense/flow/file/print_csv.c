/* SPDX-License-Identifier: Apache-2.0 */
/* CSV (RFC 4180, with plain line ends): every column of the model in its order; empty where nobody exported
 * it. No value has a comma or a quote. */
#include "sense/flow/file/print_inside.h"

char *nr_flow_write_head_csv(char *at)
{
	at = nr_flow_write_text(at, "exporter,domain,version,export");
	for (unsigned column = 0; column < NR_FLOW_COLUMNS; column++) {
		if (!nr_flow_columns[column].printed)
			continue;
		*at++ = ',';
		at = nr_flow_write_text(at, nr_flow_columns[column].name);
	}
	return nr_flow_write_text(at, ",marks\n");
}

static char *write_address(char *at, const struct nr_address *address)
{
	nr_address_write(address, at);
	return at + strlen(at);
}

static char *write_column(
	char *at, const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row)
{
	/* counters and ports that are 0 are 0; of what only names something 0 is "not exported" */
	static const uint64_t zeros = NR_FLOW_BIT(SOURCE_PORT) | NR_FLOW_BIT(DESTINATION_PORT) |
				      NR_FLOW_BIT(PROTOCOL) | NR_FLOW_BIT(TCP_FLAGS) | NR_FLOW_BIT(PACKETS) |
				      NR_FLOW_BIT(BYTES);
	struct nr_address address;
	if (nr_flow_columns[column].kind == NR_FLOW_KIND_ADDRESS)
		return nr_flow_row_address(block, column, row, &address) ? write_address(at, &address) : at;
	if (nr_flow_columns[column].kind == NR_FLOW_KIND_RATE) {
		float rate = nr_flow_sampling(block, row);
		return rate > 0 ? nr_flow_write_rate(at, rate) : at;
	}
	uint64_t value = nr_flow_value(block, column, row);
	return value || zeros >> column & 1 ? nr_flow_write_value(at, column, value) : at;
}

static char *write_marks(char *at, uint64_t marks)
{
	bool behind = false;
	for (size_t i = 0; i < NR_FLOW_MARK_NAMES; i++) {
		if (!(marks & nr_flow_mark_names[i].mark))
			continue;
		if (behind)
			*at++ = ' ';
		at = nr_flow_write_text(at, nr_flow_mark_names[i].name);
		behind = true;
	}
	return at;
}

char *nr_flow_write_row_csv(char *at, const struct nr_flow_block *block, uint32_t row)
{
	static const struct nr_address unknown;
	const struct nr_flow_stream *stream = nr_flow_row_stream(block, row);
	unsigned version = nr_flow_export_version(stream->export);
	if (!nr_address_equal(&stream->exporter, &unknown))
		at = write_address(at, &stream->exporter);
	*at++ = ',';
	at = nr_flow_write_uint(at, stream->domain);
	*at++ = ',';
	if (version)
		at = nr_flow_write_uint(at, version);
	*at++ = ',';
	at = nr_flow_write_text(at, nr_flow_export_name(stream->export));
	for (unsigned column = 0; column < NR_FLOW_COLUMNS; column++) {
		if (!nr_flow_columns[column].printed)
			continue;
		*at++ = ',';
		at = write_column(at, block, column, row);
	}
	*at++ = ',';
	at = write_marks(at, nr_flow_value(block, NR_FLOW_MARKS, row));
	*at++ = '\n';
	return at;
}
