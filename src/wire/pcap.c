/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pcap.h"
#include <errno.h>

#define MAGIC_US        0xa1b2c3d4u
#define MAGIC_NS        0xa1b23c4du
#define MAGIC_MODIFIED  0xa1b2cd34u
#define MODIFIED_HEADER 24 /* + interface index, protocol, packet type */
#define RESYNC_CHAIN    4  /* records in a row that must be believable */
#define RESYNC_SECONDS  (400 * 86400)
#define RESYNC_WIRE_MAX (1u << 20)

static bool read_magic(uint32_t magic, struct nr_pcap *pcap)
{
	pcap->header = NR_PCAP_RECORD_HEADER;
	switch (magic) {
	case MAGIC_MODIFIED:
		pcap->header = MODIFIED_HEADER;
		return true;
	case MAGIC_NS:
		pcap->nanoseconds = true;
		return true;
	case MAGIC_US:
		return true;
	default:
		return false;
	}
}

/* Host order is little-endian on all machines of ours. */
static uint32_t u32_at(const uint8_t *p, bool swapped)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return swapped ? __builtin_bswap32(v) : v;
}

bool nr_pcap_is(const uint8_t *bytes, size_t length)
{
	struct nr_pcap ignored;
	return length >= 4 &&
	       (read_magic(u32_at(bytes, false), &ignored) || read_magic(u32_at(bytes, true), &ignored));
}

int nr_pcap_parse_header(struct nr_cursor *c, struct nr_pcap *ret, struct nr_error *error)
{
	struct nr_cursor ahead = *c;
	const uint8_t *header = nr_cursor_take(&ahead, NR_PCAP_FILE_HEADER);
	if (!header)
		return nr_fail(error, -EAGAIN, "pcap header of %zu bytes instead of %d", nr_cursor_left(c),
			NR_PCAP_FILE_HEADER);
	struct nr_pcap pcap = {0};
	pcap.swapped = !read_magic(u32_at(header, false), &pcap);
	if (pcap.swapped && !read_magic(u32_at(header, true), &pcap))
		return nr_fail(error, -EBADMSG, "no pcap magic number");
	pcap.snap = u32_at(header + 16, pcap.swapped);
	pcap.link = (uint16_t)u32_at(header + 20, pcap.swapped); /* upper half: FCS length and flags */
	*ret = pcap;
	*c = ahead;
	return 0;
}

NR_INLINE enum nr_record_status next(const struct nr_pcap *pcap, struct nr_cursor *c, struct nr_frame *ret,
	size_t header, bool swapped, bool nanoseconds)
{
	size_t left = nr_cursor_left(c);
	if (NR_UNLIKELY(left < header))
		return NR_RECORD_NEED_MORE;
	const uint8_t *record = c->at;
	uint32_t captured = u32_at(record + 8, swapped);
	uint32_t wire = u32_at(record + 12, swapped);
	if (NR_UNLIKELY(captured > NR_RECORD_CAPTURED_MAX || (captured | wire) == 0))
		return NR_RECORD_DAMAGED;
	if (NR_UNLIKELY(left - header < captured))
		return NR_RECORD_NEED_MORE;
	uint32_t seconds = u32_at(record, swapped);
	uint32_t fraction = u32_at(record + 4, swapped);
	ret->data = record + header;
	ret->captured = captured;
	ret->wire = NR_MAX(wire, captured);
	ret->time = (nr_time)seconds * NR_SECOND + (nanoseconds ? fraction / 1000 : fraction);
	ret->link = pcap->link;
	ret->untimed = false;
	c->at = record + header + captured;
	return NR_RECORD_FRAME;
}

static enum nr_record_status damaged(
	const struct nr_pcap *pcap, const struct nr_cursor *c, struct nr_error *error)
{
	uint32_t captured = u32_at(c->at + 8, pcap->swapped);
	if (captured == 0)
		nr_fail(error, -EBADMSG, "record of no length");
	else
		nr_fail(error, -EBADMSG, "record of %u bytes is longer than %d", captured,
			NR_RECORD_CAPTURED_MAX);
	return NR_RECORD_DAMAGED;
}

enum nr_record_status nr_pcap_next(
	const struct nr_pcap *pcap, struct nr_cursor *c, struct nr_frame *ret, struct nr_error *error)
{
	enum nr_record_status status = next(pcap, c, ret, pcap->header, pcap->swapped, pcap->nanoseconds);
	return status == NR_RECORD_DAMAGED ? damaged(pcap, c, error) : status;
}

size_t nr_pcap_read(const struct nr_pcap *pcap, struct nr_cursor *c, struct nr_frame *frames, size_t max,
	enum nr_record_status *ret_status, struct nr_error *error)
{
	const struct nr_pcap form = *pcap; /* kept in registers: frames may not alias it */
	enum nr_record_status status = NR_RECORD_FRAME;
	size_t n = 0;
	if (form.header == NR_PCAP_RECORD_HEADER && !form.swapped && !form.nanoseconds) {
		for (; n < max; n++) {
			status = next(&form, c, &frames[n], NR_PCAP_RECORD_HEADER, false, false);
			if (NR_UNLIKELY(status != NR_RECORD_FRAME))
				break;
		}
	} else {
		for (; n < max; n++) {
			status = next(&form, c, &frames[n], form.header, form.swapped, form.nanoseconds);
			if (status != NR_RECORD_FRAME)
				break;
		}
	}
	*ret_status = status == NR_RECORD_DAMAGED ? damaged(pcap, c, error) : status;
	return n;
}

/* Is this a record that a capture could hold here? Stricter than reading: four in a row must not come by
 * chance. */
static bool believable(const struct nr_pcap *pcap, const uint8_t *record)
{
	uint32_t fraction = u32_at(record + 4, pcap->swapped);
	uint32_t captured = u32_at(record + 8, pcap->swapped);
	uint32_t wire = u32_at(record + 12, pcap->swapped);
	return fraction < (pcap->nanoseconds ? 1000000000u : 1000000u) && captured > 0 &&
	       captured <= NR_RECORD_CAPTURED_MAX && wire >= captured && wire <= RESYNC_WIRE_MAX;
}

bool nr_pcap_is_believable(const struct nr_pcap *pcap, const struct nr_cursor *c)
{
	return nr_cursor_left(c) < pcap->header || believable(pcap, c->at);
}

/* Records from `at` on, as far as the bytes go, that are believable and lie near each other in time. What was
 * read before the damage is no measure: the damage may have been read as a record. */
static bool is_chain(const struct nr_pcap *pcap, const uint8_t *at, const uint8_t *end, bool at_end)
{
	int64_t first = 0;
	for (unsigned i = 0; i < RESYNC_CHAIN; i++) {
		size_t left = (size_t)(end - at);
		if (left == 0 && at_end)
			return i > 0; /* the chain ends exactly with the file */
		if (left < pcap->header)
			return i >= 2;
		if (!believable(pcap, at))
			return false;
		int64_t seconds = u32_at(at, pcap->swapped);
		first = i == 0 ? seconds : first;
		if (seconds < first - RESYNC_SECONDS || seconds > first + RESYNC_SECONDS)
			return false;
		uint32_t captured = u32_at(at + 8, pcap->swapped);
		if (left - pcap->header < captured)
			return i >= 2;
		at += pcap->header + captured;
	}
	return true;
}

size_t nr_pcap_resync(const struct nr_pcap *pcap, const struct nr_cursor *c, size_t within, bool at_end)
{
	size_t left = nr_cursor_left(c);
	for (size_t skip = 1; skip <= within && skip < left; skip++)
		if (is_chain(pcap, c->at + skip, c->end, at_end))
			return skip;
	return 0;
}
