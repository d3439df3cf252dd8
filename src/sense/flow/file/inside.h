/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of the kinds of files share; of this room alone. */
#ifndef NR_SENSE_FLOW_FILE_INSIDE_H
#define NR_SENSE_FLOW_FILE_INSIDE_H

#include "net/stream.h"
#include "sense/flow/file/file.h"

/* The bytes of a file, looked at before they are taken. */
struct nr_flow_input {
	const char *name; /* the caller's */
	struct nr_stream *stream;
	uint8_t *bytes;
	size_t begin, end, room;
	uint64_t offset; /* of `begin` */
	bool ended;
};
int nr_flow_input_open(struct nr_flow_input *input, const char *path, struct nr_error *error);
void nr_flow_input_fini(struct nr_flow_input *input);
NR_INLINE size_t nr_flow_input_left(const struct nr_flow_input *input)
{
	return input->end - input->begin;
}
NR_INLINE const uint8_t *nr_flow_input_at(const struct nr_flow_input *input)
{
	return input->bytes + input->begin;
}
/* At least n bytes unread, or all that there are; how many there are. Bytes that were looked at before move.
 * 0 with `error` set: out of memory. */
size_t nr_flow_input_gather(struct nr_flow_input *input, size_t n);
void nr_flow_input_skip(struct nr_flow_input *input, size_t n);

struct nr_flow_reading {
	struct nr_flow_input input;
	struct nr_flow_collector *collector;
	struct nr_flow_sink *sink;
	struct nr_flow_file_report report;
};

/* Keeps the first one, with the file's name and the place. */
void nr_flow_damage(struct nr_flow_reading *reading, uint64_t offset, const char *format, ...)
	NR_PRINTF(3, 4);
/* After the last byte: whether the stream ended well. */
void nr_flow_end(struct nr_flow_reading *reading);
/* Counts and says that from here on nothing can be read. */
void nr_flow_give_up(struct nr_flow_reading *reading, const char *reason);
/* The same where the reason names the place. */
void nr_flow_give_up_at(struct nr_flow_reading *reading, const char *reason);

/* One for each kind; the error is the sink's, or of memory. */
int nr_flow_read_capture(struct nr_flow_reading *reading, struct nr_error *error);
int nr_flow_read_exports(struct nr_flow_reading *reading, struct nr_error *error);
int nr_flow_read_nfdump(struct nr_flow_reading *reading, struct nr_error *error);
int nr_flow_read_zeek(struct nr_flow_reading *reading, struct nr_error *error);

bool nr_flow_zeek_is(const uint8_t *bytes, size_t length);

/* Whether the bytes begin like an export: NetFlow v5, v9, IPFIX, sFlow v5, with a first part that can be.
 * `whole`: they are one datagram. Exports that are broken are told from other traffic by their port. */
bool nr_flow_export_is(const uint8_t *bytes, size_t length, bool whole);
bool nr_flow_export_is_claimed(const uint8_t *bytes, size_t length, uint16_t port);

#endif
