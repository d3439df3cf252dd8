/* SPDX-License-Identifier: Apache-2.0 */
#include "net/capture.h"
#include "net/format.h"
#include "net/stream.h"
#include "wire/erf.h"
#include "wire/pcap.h"
#include "wire/pcapng.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>

/*
 * Bytes are read in pieces that stay in the second-level cache until they are decoded. The buffer holds a
 * piece behind the longest record. Looking for a record behind damage wants some bytes more; they are topped
 * up only when they get few, so that a file which is damaged everywhere does not cost a move of the whole
 * buffer each time.
 */
#define PIECE        ((size_t)256 * 1024)
#define BUFFER       ((size_t)1024 * 1024)
#define RESYNC_BYTES ((size_t)256 * 1024) /* how far a record is looked for */
#define RESYNC_AHEAD (2 * RESYNC_BYTES)   /* bytes that should be there to judge */
#define MAGIC        ((size_t)24)         /* bytes that pcap and pcapng are told by */
#define HEAD         ((size_t)128 * 1024) /* ERF has no magic number: this holds one record, whatever its length */
#define DAMAGE_TEXT  320                  /* bytes of a damage message beside the file's name */

struct nr_capture {
	char *path;
	struct nr_stream *stream;
	uint8_t *buffers[NR_CAPTURE_BUFFERS]; /* NULL: not used yet */
	uint8_t *buffer;                      /* the one of them that is read into */
	size_t begin, end;                    /* unread bytes in the buffer */
	uint64_t offset;                      /* of `begin` in the stream */
	bool ended;                           /* the stream has no more */
	bool lost;                            /* nothing more can be read */
	bool damaged;
	char *damage; /* text of the first one; room for the path and DAMAGE_TEXT */
	enum nr_format format;
	union {
		struct nr_pcap pcap;
		struct nr_pcapng pcapng; /* ERF has no state */
	} state;
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

/* Moves what is unread to the start of a buffer. */
static void move_to(struct nr_capture *capture, uint8_t *buffer)
{
	memmove(buffer, capture->buffer + capture->begin, left(capture));
	capture->buffer = buffer;
	capture->end -= capture->begin;
	capture->begin = 0;
}

/* Reads one more piece behind what is unread. False at the end of the stream, or where the buffer is full. */
static bool fill(struct nr_capture *capture)
{
	if (capture->ended)
		return false;
	move_to(capture, capture->buffer);
	size_t room = NR_MIN(BUFFER - capture->end, PIECE);
	if (room == 0)
		return false;
	size_t n = nr_stream_read(capture->stream, capture->buffer + capture->end, room);
	capture->end += n;
	capture->ended = n == 0;
	return n > 0;
}

/* At least n bytes unread, or all that there are. */
static void gather(struct nr_capture *capture, size_t n)
{
	while (left(capture) < n && fill(capture))
		;
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
	snprintf(capture->damage, strlen(capture->path) + DAMAGE_TEXT, "%s: offset %llu%s: %s", capture->path,
		(unsigned long long)offset, nr_stream_compression(capture->stream) ? " (decompressed)" : "",
		reason);
}

/* After the last byte: did the stream end where it should? */
static void finish(struct nr_capture *capture, struct nr_loss *loss)
{
	capture->lost = true;
	bool inside =
		left(capture) > 0 || (capture->format == NR_FORMAT_PCAPNG && capture->state.pcapng.skip > 0);
	const struct nr_error *error = nr_stream_error(capture->stream);
	if (!inside && !error)
		return;
	loss->dropped[error && error->code != -EPIPE ? NR_DROP_RECORD_DAMAGED : NR_DROP_RECORD_CUT]++;
	if (error)
		note_damage(capture, capture->offset + left(capture), "%s; all records before it were read",
			error->text);
	else
		note_damage(capture, capture->offset,
			"the file ends inside a record; was it copied completely? All records before it were "
			"read");
}

static size_t find_record(const struct nr_capture *capture)
{
	struct nr_cursor c = unread(capture);
	if (capture->format == NR_FORMAT_PCAP)
		return nr_pcap_resync(&capture->state.pcap, &c, RESYNC_BYTES, capture->ended);
	if (capture->format == NR_FORMAT_PCAPNG)
		return nr_pcapng_resync(&capture->state.pcapng, &c, RESYNC_BYTES);
	return 0; /* ERF's headers are too weak to be found again */
}

/* The chain of records is lost at the first unread byte: looks for where it goes on. */
static void resync(struct nr_capture *capture, struct nr_loss *loss, const char *reason)
{
	uint64_t at = capture->offset;
	gather(capture, RESYNC_AHEAD);
	size_t skip = find_record(capture);
	loss->dropped[NR_DROP_RECORD_DAMAGED]++;
	if (skip > 0) {
		note_damage(capture, at, "%s; %zu bytes were skipped to the next record", reason, skip);
		advance(capture, skip);
	} else {
		note_damage(
			capture, at, "%s; no record was found behind it, so the rest was not read", reason);
		capture->lost = true;
	}
}

/* The stream has no more and the last record is not complete: a cut file, or a wrong length far from the end?
 */
static void end(struct nr_capture *capture, struct nr_loss *loss)
{
	struct nr_cursor c = unread(capture);
	if (capture->format == NR_FORMAT_PCAP && !nr_pcap_is_believable(&capture->state.pcap, &c) &&
		nr_pcap_resync(&capture->state.pcap, &c, RESYNC_BYTES, true) > 0)
		resync(capture, loss, "a record with impossible fields reaches beyond the end of the file");
	else
		finish(capture, loss);
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

static enum nr_record_status next_record(
	struct nr_capture *capture, struct nr_cursor *c, struct nr_frame *ret, struct nr_error *reason)
{
	return capture->format == NR_FORMAT_ERF ? nr_erf_next(c, ret, reason)
						: nr_pcapng_next(&capture->state.pcapng, c, ret, reason);
}

/* pcapng and ERF: frames among records of other kinds. */
static size_t read_mixed(struct nr_capture *capture, struct nr_cursor *c, struct nr_frame *frames, size_t max,
	enum nr_record_status *ret_status, struct nr_loss *loss, struct nr_error *reason)
{
	const uint8_t *begin = c->at;
	size_t n = 0;
	while (n < max) {
		uint64_t at = capture->offset + (uint64_t)(c->at - begin);
		enum nr_record_status status = next_record(capture, c, &frames[n], reason);
		switch (status) {
		case NR_RECORD_FRAME:
			n++;
			break;
		case NR_RECORD_SKIP:
			break;
		case NR_RECORD_METADATA:
			loss->frames++;
			loss->dropped[NR_DROP_METADATA]++;
			break;
		case NR_RECORD_BAD:
			loss->dropped[NR_DROP_RECORD_DAMAGED]++;
			note_damage(capture, at, "%s; this record was passed over", reason->text);
			break;
		case NR_RECORD_NEED_MORE:
		case NR_RECORD_DAMAGED:
			*ret_status = status;
			return n;
		}
	}
	*ret_status = NR_RECORD_FRAME;
	return n;
}

size_t nr_capture_read(struct nr_capture *capture, struct nr_frame *frames, size_t max, struct nr_loss *loss)
{
	while (!capture->lost && max > 0) {
		struct nr_cursor c = unread(capture);
		struct nr_error reason = {0};
		enum nr_record_status status;
		size_t n = capture->format == NR_FORMAT_PCAP
				   ? nr_pcap_read(&capture->state.pcap, &c, frames, max, &status, &reason)
				   : read_mixed(capture, &c, frames, max, &status, loss, &reason);
		advance(capture, left(capture) - nr_cursor_left(&c));
		if (n > 0) { /* they point into the buffer: whatever stopped us is met again by the next call
			      */
			count(loss, frames, n);
			return n;
		}
		if (status == NR_RECORD_DAMAGED)
			resync(capture, loss, reason.text);
		else if (!fill(capture))
			end(capture, loss);
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

/* The stream gave nothing that could be recognised: because it is not a capture, or because it cannot be
 * read? */
static int fail_unknown(const struct nr_capture *capture, const struct nr_cursor *c, struct nr_error *error)
{
	const struct nr_error *stream = capture->ended ? nr_stream_error(capture->stream) : NULL;
	if (stream)
		return nr_fail(error, stream->code, "%s: %s", capture->path, stream->text);
	const char *compression = nr_stream_compression(capture->stream);
	if (nr_cursor_left(c) == 0)
		return nr_fail(error, -EBADMSG, "%s: is empty inside its %s; a capture has at least a header",
			capture->path, compression ? compression : "input");
	char text[160];
	return nr_fail(error, -EBADMSG, "%s: %s%s%s", capture->path, compression ? compression : "",
		compression ? " data that " : "", nr_format_describe(c->at, nr_cursor_left(c), text));
}

static int recognise(struct nr_capture *capture, struct nr_error *error)
{
	gather(capture, MAGIC);
	struct nr_cursor c = unread(capture);
	if (!nr_pcap_is(c.at, nr_cursor_left(&c)) && !nr_pcapng_is(c.at, nr_cursor_left(&c))) {
		gather(capture, HEAD);
		c = unread(capture);
	}
	capture->format = nr_format_recognise(c.at, nr_cursor_left(&c));
	if (capture->format == NR_FORMAT_UNKNOWN)
		return fail_unknown(capture, &c, error);
	if (capture->format != NR_FORMAT_PCAP)
		return 0;
	int code = nr_pcap_parse_header(&c, &capture->state.pcap, error);
	if (code < 0)
		return nr_fail(error, -EBADMSG,
			"%s: ends inside its header (%zu bytes); was it copied completely?", capture->path,
			left(capture));
	advance(capture, left(capture) - nr_cursor_left(&c));
	return 0;
}

/* Here and not when more is read: frames that are still unread shall not lie in the buffer before. */
int nr_capture_use(struct nr_capture *capture, unsigned buffer, struct nr_error *error)
{
	assert(buffer < NR_CAPTURE_BUFFERS);
	uint8_t **used = &capture->buffers[buffer];
	if (!*used && !(*used = malloc(BUFFER)))
		return nr_fail(error, -ENOMEM, "%s: out of memory", capture->path);
	move_to(capture, *used);
	return 0;
}

int nr_capture_open_stream(
	struct nr_stream *stream, const char *name, struct nr_capture **ret_capture, struct nr_error *error)
{
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = calloc(1, sizeof *capture);
	if (!capture || !(capture->path = strdup(name)) ||
		!(capture->damage = malloc(strlen(name) + DAMAGE_TEXT)))
		return nr_fail(error, -ENOMEM, "%s: out of memory", name);
	capture->buffer = capture->buffers[0] = malloc(BUFFER);
	if (!capture->buffer)
		return nr_fail(error, -ENOMEM, "%s: out of memory", name);
	capture->stream = stream;
	int code = recognise(capture, error);
	if (code < 0) {
		capture->stream = NULL; /* stays the caller's */
		return code;
	}
	*ret_capture = nr_steal(&capture);
	return 0;
}

int nr_capture_open(const char *path, struct nr_capture **ret_capture, struct nr_error *error)
{
	struct nr_stream *stream = NULL;
	int code = nr_stream_open(path, &stream, error);
	if (code < 0)
		return code;
	code = nr_capture_open_stream(stream, path, ret_capture, error);
	if (code < 0)
		nr_stream_close(stream);
	return code;
}

void nr_capture_close(struct nr_capture *capture)
{
	if (!capture)
		return;
	nr_stream_close(capture->stream);
	for (unsigned i = 0; i < NR_CAPTURE_BUFFERS; i++)
		free(capture->buffers[i]);
	free(capture->damage);
	free(capture->path);
	free(capture);
}

void nr_capture_closep(struct nr_capture **capture)
{
	nr_capture_close(*capture);
}
