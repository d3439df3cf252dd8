/* SPDX-License-Identifier: Apache-2.0 */
#include "net/decompress.h"
#include <bzlib.h>
#include <errno.h>
#include <limits.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define ZSTD_WINDOW_LOG_MAX 27 /* 128 MiB: what zstd itself accepts without --long */

enum step { STEP_MORE, STEP_MEMBER_END, STEP_DAMAGED };

union state {
	z_stream gzip;
	bz_stream bzip2;
	lzma_stream xz;
	ZSTD_DStream *zstd;
};

/* One format. start() makes the state fresh for a member; every start() is followed by one end(). */
struct codec {
	const char *name;
	uint8_t magic[NR_DECOMPRESS_MAGIC_MAX];
	uint8_t magic_length;
	bool (*start)(union state *state);
	enum step (*run)(union state *state, struct nr_decompress_span *span, const char **ret_reason);
	void (*end)(union state *state);
};

struct nr_decompress {
	const struct codec *codec;
	union state state;
	bool started; /* state wants an end() */
	bool inside;  /* a member has begun and not ended */
};

/* The libraries count in unsigned int. */
static unsigned clamp(size_t n)
{
	return (unsigned)NR_MIN(n, (size_t)(1u << 30));
}

/* --- gzip --- */

static bool gzip_start(union state *state)
{
	memset(&state->gzip, 0, sizeof state->gzip);
	return inflateInit2(&state->gzip, 16 + MAX_WBITS) == Z_OK;
}

static enum step gzip_run(union state *state, struct nr_decompress_span *span, const char **ret_reason)
{
	z_stream *z = &state->gzip;
	unsigned in = clamp(span->in_left), out = clamp(span->out_left);
	z->next_in = (Bytef *)(uintptr_t)span->in;
	z->avail_in = in;
	z->next_out = span->out;
	z->avail_out = out;
	int result = inflate(z, Z_NO_FLUSH);
	span->in += in - z->avail_in;
	span->in_left -= in - z->avail_in;
	span->out += out - z->avail_out;
	span->out_left -= out - z->avail_out;
	if (result == Z_STREAM_END)
		return STEP_MEMBER_END;
	if (result == Z_OK || result == Z_BUF_ERROR)
		return STEP_MORE;
	*ret_reason = z->msg ? z->msg : zError(result);
	return STEP_DAMAGED;
}

static void gzip_end(union state *state)
{
	inflateEnd(&state->gzip);
}

/* --- bzip2 --- */

static bool bzip2_start(union state *state)
{
	memset(&state->bzip2, 0, sizeof state->bzip2);
	return BZ2_bzDecompressInit(&state->bzip2, 0, 0) == BZ_OK;
}

static enum step bzip2_run(union state *state, struct nr_decompress_span *span, const char **ret_reason)
{
	bz_stream *z = &state->bzip2;
	unsigned in = clamp(span->in_left), out = clamp(span->out_left);
	z->next_in = (char *)(uintptr_t)span->in;
	z->avail_in = in;
	z->next_out = (char *)span->out;
	z->avail_out = out;
	int result = BZ2_bzDecompress(z);
	span->in += in - z->avail_in;
	span->in_left -= in - z->avail_in;
	span->out += out - z->avail_out;
	span->out_left -= out - z->avail_out;
	if (result == BZ_STREAM_END)
		return STEP_MEMBER_END;
	if (result == BZ_OK)
		return STEP_MORE;
	*ret_reason = result == BZ_MEM_ERROR ? "out of memory" : "invalid data";
	return STEP_DAMAGED;
}

static void bzip2_end(union state *state)
{
	BZ2_bzDecompressEnd(&state->bzip2);
}

/* --- xz --- */

static bool xz_start(union state *state)
{
	state->xz = (lzma_stream)LZMA_STREAM_INIT;
	return lzma_stream_decoder(&state->xz, NR_DECOMPRESS_MEMORY, 0) == LZMA_OK;
}

static enum step xz_run(union state *state, struct nr_decompress_span *span, const char **ret_reason)
{
	lzma_stream *z = &state->xz;
	z->next_in = span->in;
	z->avail_in = span->in_left;
	z->next_out = span->out;
	z->avail_out = span->out_left;
	lzma_ret result = lzma_code(z, LZMA_RUN);
	span->in = z->next_in;
	span->in_left = z->avail_in;
	span->out = z->next_out;
	span->out_left = z->avail_out;
	switch (result) {
	case LZMA_STREAM_END:
		return STEP_MEMBER_END;
	case LZMA_OK:
	case LZMA_BUF_ERROR:
	case LZMA_UNSUPPORTED_CHECK:
		return STEP_MORE;
	case LZMA_MEMLIMIT_ERROR:
		*ret_reason = "its dictionary is larger than 256 MiB; decompress it first";
		return STEP_DAMAGED;
	case LZMA_MEM_ERROR:
		*ret_reason = "out of memory";
		return STEP_DAMAGED;
	default:
		*ret_reason = "invalid data";
		return STEP_DAMAGED;
	}
}

static void xz_end(union state *state)
{
	lzma_end(&state->xz);
}

/* --- zstd --- */

static bool zstd_start(union state *state)
{
	state->zstd = ZSTD_createDStream();
	return state->zstd &&
	       !ZSTD_isError(ZSTD_DCtx_setParameter(state->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX));
}

static enum step zstd_run(union state *state, struct nr_decompress_span *span, const char **ret_reason)
{
	ZSTD_inBuffer in = {span->in, span->in_left, 0};
	ZSTD_outBuffer out = {span->out, span->out_left, 0};
	size_t result = ZSTD_decompressStream(state->zstd, &out, &in);
	span->in += in.pos;
	span->in_left -= in.pos;
	span->out += out.pos;
	span->out_left -= out.pos;
	if (ZSTD_isError(result)) {
		*ret_reason = ZSTD_getErrorName(result);
		return STEP_DAMAGED;
	}
	return result == 0 ? STEP_MEMBER_END : STEP_MORE;
}

static void zstd_end(union state *state)
{
	ZSTD_freeDStream(state->zstd);
}

/* --- all of them --- */

static const struct codec codecs[] = {
	{"gzip", {0x1f, 0x8b}, 2, gzip_start, gzip_run, gzip_end},
	{"bzip2", {'B', 'Z', 'h'}, 3, bzip2_start, bzip2_run, bzip2_end},
	{"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, xz_start, xz_run, xz_end},
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, zstd_start, zstd_run, zstd_end},
};

static const struct codec *find_codec(const uint8_t *magic, size_t length)
{
	for (size_t i = 0; i < NR_COUNT(codecs); i++)
		if (length >= codecs[i].magic_length &&
			memcmp(magic, codecs[i].magic, codecs[i].magic_length) == 0)
			return &codecs[i];
	return NULL;
}

int nr_decompress_new(
	const uint8_t *magic, size_t length, struct nr_decompress **ret_decompress, struct nr_error *error)
{
	const struct codec *codec = find_codec(magic, length);
	if (!codec)
		return -ENOENT;
	struct nr_decompress *decompress = calloc(1, sizeof *decompress);
	if (!decompress)
		return nr_fail(error, -ENOMEM, "out of memory");
	decompress->codec = codec;
	*ret_decompress = decompress;
	return 0;
}

static void end(struct nr_decompress *decompress)
{
	if (decompress->started)
		decompress->codec->end(&decompress->state);
	decompress->started = false;
	decompress->inside = false;
}

void nr_decompress_free(struct nr_decompress *decompress)
{
	if (!decompress)
		return;
	end(decompress);
	free(decompress);
}

const char *nr_decompress_name(const struct nr_decompress *decompress)
{
	return decompress->codec->name;
}

bool nr_decompress_inside(const struct nr_decompress *decompress)
{
	return decompress->inside;
}

/* Between members: passes over zeros and starts the decoder afresh where there is something. */
static int begin_member(
	struct nr_decompress *decompress, struct nr_decompress_span *span, struct nr_error *error)
{
	while (span->in_left > 0 && *span->in == 0) {
		span->in++;
		span->in_left--;
	}
	if (span->in_left == 0)
		return 0;
	decompress->started = true; /* a start() that failed half way has something to end(), too */
	if (!decompress->codec->start(&decompress->state))
		return nr_fail(error, -ENOMEM, "out of memory");
	decompress->inside = true;
	return 0;
}

int nr_decompress_run(
	struct nr_decompress *decompress, struct nr_decompress_span *span, struct nr_error *error)
{
	for (;;) {
		if (!decompress->inside) {
			int code = begin_member(decompress, span, error);
			if (code < 0 || !decompress->inside)
				return code;
		}
		size_t before = span->in_left + span->out_left;
		const char *reason = NULL;
		switch (decompress->codec->run(&decompress->state, span, &reason)) {
		case STEP_DAMAGED:
			return nr_fail(
				error, -EBADMSG, "damaged %s data: %s", decompress->codec->name, reason);
		case STEP_MEMBER_END:
			end(decompress);
			break;
		case STEP_MORE:
			if (span->out_left == 0 || span->in_left == 0)
				return 0;
			if (span->in_left + span->out_left == before)
				return nr_fail(error, -EBADMSG, "damaged %s data: the decoder stands still",
					decompress->codec->name);
			break;
		}
	}
}
