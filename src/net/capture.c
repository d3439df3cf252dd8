/* SPDX-License-Identifier: Apache-2.0 */
#include "net/capture.h"
#include "net/stream.h"
#include "wire/pcap.h"
#include <errno.h>
#include <stdarg.h>

/*
 * Bytes are read in pieces that stay in the second-level cache until they are decoded. The buffer holds the
 * longest record, and enough behind a damaged one to look for the next chain of records.
 */
#define PIECE        ((size_t)256 * 1024)
#define BUFFER       ((size_t)1024 * 1024)
#define RESYNC_BYTES ((size_t)256 * 1024)
#define HEAD         64 /* bytes that every format can be told by */

struct nr_capture {
	char *path;
	struct nr_stream *stream;
	uint8_t *buffer;
	size_t begin, end; /* unread bytes in the buffer */
	uint64_t offset;   /* of `begin` in the stream */
	bool ended;        /* the stream has no more */
	bool lost;         /* nothing more can be read */
	bool damaged;
	char damage[320];
	struct nr_pcap pcap;
};

static size_t left(const struct nr_capture *capture)
{
	return capture->end - capture->begin;
}

static struct nr_cursor unread(const struct nr_capture *capture)
{
	return nr_cursor_over(capture->buffer + capture->begin, left(capture));
}

static void advance(struct nr_capture *capture, size_t n)
{
	capture->begin += n;
	capture->offset += n;
}

/* Reads one more piece behind what is unread. False at the end of the stream, or where the buffer is full. */
static bool fill(struct nr_capture *capture)
{
	if (capture->ended)
		return false;
	memmove(capture->buffer, capture->buffer + capture->begin, left(capture));
	capture->end -= capture->begin;
	capture->begin = 0;
	size_t room = NR_MIN(BUFFER - capture->end, PIECE);
	if (room == 0)
		return false;
	size_t n = nr_stream_read(capture->stream, capture->buffer + capture->end, room);
	capture->end += n;
	capture->ended = n == 0;
	return n > 0;
}

/* --- damage --- */

/* Keeps the first one. The place is `offset` bytes into the (decompressed) stream. */
static void NR_PRINTF(3, 4) note_damage(struct nr_capture *capture, uint64_t offset, const char *format, ...)
{
	if (capture->damaged)
		return;
	capture->damaged = true;
	char reason[240];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(reason, sizeof reason, format, arguments);
	va_end(arguments);
	const char *compression = nr_stream_compression(capture->stream);
	snprintf(capture->damage, sizeof capture->damage, "%s: offset %llu%s%s: %s", capture->path,
		(unsigned long long)offset, compression ? " after " : "", compression ? compression : "",
		reason);
}

static void finish(struct nr_capture *capture, struct nr_loss *loss)
{
	capture->lost = true;
	if (left(capture) > 0) {
		loss->dropped[NR_DROP_RECORD_CUT]++;
		note_damage(capture, capture->offset,
			"the file ends inside a record, %zu bytes after its start; all records before it "
			"were read",
			left(capture));
	}
}

static void resync(struct nr_capture *capture, struct nr_loss *loss, const struct nr_error *reason)
{
	uint64_t at = capture->offset;
	while (left(capture) < BUFFER && fill(capture))
		;
	struct nr_cursor c = unread(capture);
	size_t skip = nr_pcap_resync(&capture->pcap, &c, RESYNC_BYTES, capture->ended);
	loss->dropped[NR_DROP_RECORD_DAMAGED]++;
	if (skip > 0) {
		note_damage(capture, at, "%s; %zu bytes were skipped to the next record", reason->text, skip);
		advance(capture, skip);
	} else {
		note_damage(capture, at, "%s; no record follows within %zu bytes, so the rest was not read",
			reason->text, RESYNC_BYTES);
		capture->lost = true;
	}
}

/* --- reading --- */

static void count(struct nr_loss *loss, const struct nr_frame *frames, size_t n)
{
	nr_time first = loss->first, last = loss->last;
	uint64_t bytes = 0;
	for (size_t i = 0; i < n; i++) {
		bytes += frames[i].wire;
		if (NR_UNLIKELY(frames[i].time == NR_TIME_MIN)) {
			loss->untimed++;
			continue;
		}
		first = NR_MIN(first, frames[i].time);
		last = NR_MAX(last, frames[i].time);
	}
	loss->frames += n;
	loss->frame_bytes += bytes;
	loss->first = first;
	loss->last = last;
}

size_t nr_capture_read(struct nr_capture *capture, struct nr_frame *frames, size_t max, struct nr_loss *loss)
{
	while (!capture->lost && max > 0) {
		struct nr_cursor c = unread(capture);
		struct nr_error reason = {0};
		enum nr_record_status status;
		size_t n = nr_pcap_read(&capture->pcap, &c, frames, max, &status, &reason);
		advance(capture, left(capture) - nr_cursor_left(&c));
		if (n > 0) {
			count(loss, frames, n);
			return n;
		}
		if (status == NR_RECORD_DAMAGED)
			resync(capture, loss, &reason);
		else if (!fill(capture))
			finish(capture, loss);
	}
	return 0;
}

const char *nr_capture_damage(const struct nr_capture *capture)
{
	return capture->damaged ? capture->damage : NULL;
}

void nr_capture_progress(const struct nr_capture *capture, uint64_t *ret_done, uint64_t *ret_total)
{
	nr_stream_progress(capture->stream, ret_done, ret_total);
}

/* --- opening --- */

static int recognise(struct nr_capture *capture, struct nr_error *error)
{
	while (left(capture) < HEAD && fill(capture))
		;
	struct nr_cursor c = unread(capture);
	if (nr_cursor_left(&c) == 0)
		return nr_fail(
			error, -EBADMSG, "%s: is empty; a capture has at least a header", capture->path);
	if (!nr_pcap_is(c.at, nr_cursor_left(&c)))
		return nr_fail(error, -EBADMSG, "%s: is not a capture that is understood (pcap, pcapng, ERF)",
			capture->path);
	int code = nr_pcap_parse_header(&c, &capture->pcap, error);
	if (code < 0)
		return nr_error_prefix(error, "%s", capture->path);
	advance(capture, left(capture) - nr_cursor_left(&c));
	return 0;
}

int nr_capture_open(const char *path, struct nr_capture **ret_capture, struct nr_error *error)
{
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = calloc(1, sizeof *capture);
	if (!capture || !(capture->path = strdup(path)) || !(capture->buffer = malloc(BUFFER)))
		return nr_fail(error, -ENOMEM, "%s: out of memory", path);
	int code = nr_stream_open(path, &capture->stream, error);
	if (code == 0)
		code = recognise(capture, error);
	if (code < 0)
		return code;
	*ret_capture = nr_steal(&capture);
	return 0;
}

void nr_capture_close(struct nr_capture *capture)
{
	if (!capture)
		return;
	nr_stream_close(capture->stream);
	free(capture->buffer);
	free(capture->path);
	free(capture);
}

void nr_capture_closep(struct nr_capture **capture)
{
	nr_capture_close(*capture);
}
