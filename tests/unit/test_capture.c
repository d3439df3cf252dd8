/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files made here: whole, cut, damaged, compressed, through pipes. */
#include "bytes.h"
#include "capture_file.h"
#include <bzlib.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <pthread.h>
#include <zlib.h>
#include <zstd.h>

#define SECONDS 1700000000u

static void read_bytes(const void *data, size_t length, size_t batch, struct outcome *ret)
{
	struct file file = file_of(data, length);
	read_path(file.path, batch, NULL, NULL, ret);
	close(file.fd);
}

#define RECORD 76 /* a frame of 60 bytes with its header */

static void put_pcap_header(struct bytes *b)
{
	put_u32(b, 0xa1b2c3d4);
	put_u16(b, 2);
	put_u16(b, 4);
	put_u64(b, 0);
	put_u32(b, 65535);
	put_u32(b, 1);
}

static void put_pcap_records(struct bytes *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		put_u32(b, SECONDS + i);
		put_u32(b, 0);
		put_u32(b, 60);
		put_u32(b, 60);
		put_zeros(b, 60);
	}
}

static struct bytes pcap_of(uint32_t count)
{
	struct bytes b = {0};
	put_pcap_header(&b);
	put_pcap_records(&b, count);
	return b;
}

static void reads_plain_pcap(void **state)
{
	(void)state;
	struct bytes b = pcap_of(50);
	static const size_t batches[] = {1, 7, 1024};
	for (size_t i = 0; i < NR_COUNT(batches); i++) {
		struct outcome o;
		read_bytes(b.data, b.length, batches[i], &o);
		assert_int_equal(o.code, 0);
		assert_int_equal(o.frames, 50);
		assert_int_equal(o.loss.frames, 50);
		assert_int_equal(o.loss.frame_bytes, 50 * 60);
		assert_true(o.loss.first == SECONDS * NR_SECOND && o.loss.last == (SECONDS + 49) * NR_SECOND);
		assert_string_equal(o.damage, "");
	}
}

static void cut_in_the_last_record(void **state)
{
	(void)state;
	struct bytes b = pcap_of(5);
	for (size_t cut = 1; cut < RECORD; cut++) {
		struct outcome o;
		read_bytes(b.data, b.length - cut, 1024, &o);
		assert_int_equal(o.frames, 4);
		assert_int_equal(o.loss.dropped[NR_DROP_RECORD_CUT], 1);
		assert_int_equal(o.loss.dropped[NR_DROP_RECORD_DAMAGED], 0);
		assert_non_null(strstr(o.damage, "offset 328: the file ends inside a record"));
	}
	struct outcome o;
	read_bytes(b.data, b.length - RECORD, 1024, &o);
	assert_int_equal(o.frames, 4);
	assert_string_equal(o.damage, "");
	read_bytes(b.data, 24, 1024, &o); /* a header alone is a capture of nothing */
	assert_int_equal(o.code, 0);
	assert_int_equal(o.frames, 0);
}

/* Much more than the buffer, so that records lie across its end; damage of all lengths in the middle. */
static void resynchronises_large_files(void **state)
{
	(void)state;
	const size_t count = 60000;
	size_t length = 24 + count * RECORD;
	uint8_t *data = malloc(length + 300000);
	assert_non_null(data);
	struct bytes head = pcap_of(1);
	memcpy(data, head.data, head.length);
	for (size_t i = 0; i < count; i++)
		memcpy(data + 24 + i * RECORD, head.data + 24, RECORD);
	static const size_t damages[] = {1, 100, 5000, 262143 - 16, 290000};
	for (size_t d = 0; d < NR_COUNT(damages); d++) {
		size_t at = 24 + 30000 * (size_t)RECORD;
		uint8_t *copy = malloc(length + damages[d]);
		assert_non_null(copy);
		memcpy(copy, data, at);
		memset(copy + at, 0xff, damages[d]);
		memcpy(copy + at + damages[d], data + at, length - at);
		struct outcome o;
		read_bytes(copy, length + damages[d], 1024, &o);
		if (damages[d] == 1) /* read as a record of 15 KB, which swallows good ones */
			assert_in_range(o.frames, count - 210, count);
		else
			assert_int_equal(o.frames, damages[d] > 262144 ? 30000 : count);
		assert_int_equal(o.loss.dropped[NR_DROP_RECORD_DAMAGED], 1);
		assert_int_equal(o.loss.dropped[NR_DROP_RECORD_CUT], 0);
		assert_non_null(
			strstr(o.damage, damages[d] == 1 ? ": record of " : "offset 2280024: record of "));
		free(copy);
	}
	free(data);
}

/* What a full disk or a preallocated file leaves behind is no packets. */
static void zeros_are_no_records(void **state)
{
	(void)state;
	struct bytes b = pcap_of(5);
	put_zeros(&b, 1000);
	struct outcome o;
	read_bytes(b.data, b.length, 1024, &o);
	assert_int_equal(o.frames, 5);
	assert_int_equal(o.loss.dropped[NR_DROP_RECORD_DAMAGED], 1);
	assert_non_null(strstr(o.damage, "offset 404: record of no length; no record was found behind it"));
	put_pcap_records(&b, 5);
	read_bytes(b.data, b.length, 1024, &o);
	assert_int_equal(o.frames, 10);
	assert_non_null(strstr(o.damage, "1000 bytes were skipped"));
}

static void wrong_length_near_the_end(void **state)
{
	(void)state;
	struct bytes b = pcap_of(20);
	uint32_t captured = 200000; /* allowed, but wire says 60, and the file is shorter */
	memcpy(b.data + 24 + 10 * RECORD + 8, &captured, 4);
	struct outcome o;
	read_bytes(b.data, b.length, 1024, &o);
	assert_int_equal(o.frames, 19);
	assert_int_equal(o.loss.dropped[NR_DROP_RECORD_DAMAGED], 1);
	assert_int_equal(o.loss.dropped[NR_DROP_RECORD_CUT], 0);
}

/* --- compression --- */

static size_t pack_gzip(const struct bytes *b, uint8_t *out, size_t room)
{
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)b->data;
	z.avail_in = (uInt)b->length;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static size_t pack_bzip2(const struct bytes *b, uint8_t *out, size_t room)
{
	unsigned length = (unsigned)room;
	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)out, &length, (char *)(uintptr_t)b->data,
				 (unsigned)b->length, 9, 0, 0),
		BZ_OK);
	return length;
}

static size_t pack_xz(const struct bytes *b, uint8_t *out, size_t room)
{
	size_t length = 0;
	assert_int_equal(
		lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, b->data, b->length, out, &length, room),
		LZMA_OK);
	return length;
}

static size_t pack_zstd(const struct bytes *b, uint8_t *out, size_t room)
{
	size_t length = ZSTD_compress(out, room, b->data, b->length, 3);
	assert_false(ZSTD_isError(length));
	return length;
}

static const struct packer {
	const char *name;
	size_t (*pack)(const struct bytes *b, uint8_t *out, size_t room);
} packers[] = {{"gzip", pack_gzip}, {"bzip2", pack_bzip2}, {"xz", pack_xz}, {"zstd", pack_zstd}};

static void reads_compressed(void **state)
{
	(void)state;
	struct bytes whole = pcap_of(50), rest = {0};
	put_pcap_records(&rest, 10);
	for (size_t i = 0; i < NR_COUNT(packers); i++) {
		uint8_t out[16384] = {0};
		size_t length = packers[i].pack(&whole, out, sizeof out);
		struct outcome o;
		read_bytes(out, length, 7, &o);
		assert_int_equal(o.frames, 50);
		assert_string_equal(o.damage, "");
		/* members one after the other are one stream; zeros behind them are ignored */
		length += packers[i].pack(&rest, out + length, sizeof out - length);
		read_bytes(out, length + 512, 1024, &o);
		assert_int_equal(o.frames, 60);
		assert_string_equal(o.damage, "");
	}
}

static void delivers_what_a_cut_member_holds(void **state)
{
	(void)state;
	struct bytes whole = pcap_of(50), rest = {0};
	put_pcap_records(&rest, 10);
	for (size_t i = 0; i < NR_COUNT(packers); i++) {
		uint8_t out[16384];
		size_t first = packers[i].pack(&whole, out, sizeof out);
		size_t length = first + packers[i].pack(&rest, out + first, sizeof out - first);
		for (size_t cut = first + 1; cut < length; cut++) {
			struct outcome o;
			read_bytes(out, cut, 1024, &o);
			assert_true(o.frames >= 50 && o.frames <= 60);
			assert_int_equal(o.loss.dropped[NR_DROP_RECORD_CUT], 1);
			if (!strstr(o.damage, "data ends early") || !strstr(o.damage, packers[i].name))
				fail_msg("%s cut to %zu: %s", packers[i].name, cut, o.damage);
		}
	}
}

static void tells_damaged_compression(void **state)
{
	(void)state;
	struct bytes whole = pcap_of(50);
	for (size_t i = 0; i < NR_COUNT(packers); i++) {
		uint8_t out[16384];
		size_t length = packers[i].pack(&whole, out, sizeof out);
		memset(out + length, 'x', 64); /* no member begins like this */
		struct outcome o;
		read_bytes(out, length + 64, 1024, &o);
		assert_int_equal(o.frames, 50);
		assert_int_equal(o.loss.dropped[NR_DROP_RECORD_DAMAGED], 1);
		if (!strstr(o.damage, "damaged") || !strstr(o.damage, packers[i].name))
			fail_msg("%s: %s", packers[i].name, o.damage);
	}
}

/* A small file that holds 15 MB: all of it comes, in bounded memory. */
static void survives_a_bomb(void **state)
{
	(void)state;
	struct bytes head = pcap_of(1), piece = {0};
	put_pcap_records(&piece, 100);
	size_t room = 1 << 20;
	uint8_t *out = malloc(room);
	assert_non_null(out);
	z_stream z = {.next_in = head.data,
		.avail_in = (uInt)head.length,
		.next_out = out,
		.avail_out = (uInt)room};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
		z.next_in = piece.data;
		z.avail_in = (uInt)piece.length;
	}
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t length = room - z.avail_out;
	deflateEnd(&z);
	assert_true(length < room);
	struct outcome o;
	read_bytes(out, length, 1024, &o);
	assert_int_equal(o.frames, 1 + 2000 * 100);
	assert_string_equal(o.damage, "");
	free(out);
}

/* --- what is no capture --- */

static void explains_what_it_cannot_open(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t length;
		const char *words;
	} cases[] = {
		{"", 0, "is empty"},
		{"PK\3\4abcdefgh", 12, "starts with 50 4b 03 04: a ZIP archive"},
		{"\xd4\xc3\xb2\xa1\2\0\4\0", 8, "ends inside its header (8 bytes)"},
		{"12:00:00.000000 IP 198.51.100.7 > 192.0.2.9\n", 44, "starts with 31 32 3a 30: text"},
		{"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", 8,
			"starts with ff fe fd fc: a format that is not known"},
		{"\x01", 1, "starts with 01: a format"},
		{"root:x:10:0:root:/root:/bin/bash\n", 33,
			"starts with 72 6f 6f 74: text"}, /* 0x30 is an ERF type, too */
		{"\x1f\x8b\x08\0\0\0\0\0\0\0", 10, "gzip data ends early"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct outcome o;
		read_bytes(cases[i].bytes, cases[i].length, 16, &o);
		assert_true(o.code == -EBADMSG || o.code == -EPIPE);
		assert_int_equal(strncmp(o.error, "/proc/self/fd/", 14), 0); /* names the file */
		if (!strstr(o.error, cases[i].words))
			fail_msg("%s", o.error);
	}
	struct outcome o;
	read_path("no/such/file", 16, NULL, NULL, &o);
	assert_int_equal(o.code, -ENOENT);
	assert_string_equal(o.error, "no/such/file: No such file or directory; check its name");
	read_path(".", 16, NULL, NULL, &o);
	assert_int_equal(o.code, -EISDIR);
}

/* --- pipes --- */

struct feed {
	int fd;
	const struct bytes *bytes;
	size_t piece;
};

static void *feed_pipe(void *argument)
{
	struct feed *feed = argument;
	for (size_t done = 0; done < feed->bytes->length;) {
		ssize_t n = write(
			feed->fd, feed->bytes->data + done, NR_MIN(feed->piece, feed->bytes->length - done));
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	close(feed->fd);
	return NULL;
}

static void reads_pipes_of_any_pieces(void **state)
{
	(void)state;
	struct bytes plain = pcap_of(50), packed = {0};
	packed.length = pack_gzip(&plain, packed.data, sizeof packed.data);
	static const size_t pieces[] = {1, 5, 77, 8192};
	for (size_t i = 0; i < 2 * NR_COUNT(pieces); i++) {
		int ends[2];
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		struct feed feed = {ends[1], i % 2 ? &packed : &plain, pieces[i / 2]};
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, feed_pipe, &feed), 0);
		char path[32];
		snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
		struct outcome o;
		read_path(path, 16, NULL, NULL, &o);
		pthread_join(thread, NULL);
		close(ends[0]);
		assert_int_equal(o.frames, 50);
		assert_string_equal(o.damage, "");
	}
}

static void closes_while_a_pipe_is_silent(void **state)
{
	(void)state;
	struct bytes b = pcap_of(3);
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], b.data, b.length), (ssize_t)b.length);
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	struct nr_capture *capture;
	struct nr_frame frames[64];
	struct nr_loss loss = {.first = NR_TIME_MAX, .last = NR_TIME_MIN};
	assert_int_equal(nr_capture_open(path, &capture, NULL), 0);
	assert_true(nr_capture_read(capture, frames, 64, &loss) >
		    0);            /* what is there comes without waiting for more */
	nr_capture_close(capture); /* must not wait for the writer */
	close(ends[0]);
	close(ends[1]);
}

/* A file that loses its end while it is read is a cut file, not a dead process. */
static void file_truncated_while_reading(void **state)
{
	(void)state;
	size_t count = 40000, length = 24 + count * RECORD;
	uint8_t *data = malloc(length);
	assert_non_null(data);
	struct bytes head = pcap_of(1);
	memcpy(data, head.data, head.length);
	for (size_t i = 0; i < count; i++)
		memcpy(data + 24 + i * RECORD, head.data + 24, RECORD);
	struct file file = file_of(data, length);
	struct nr_capture *capture;
	static struct nr_frame frames[1024];
	struct nr_loss loss = {.first = NR_TIME_MAX, .last = NR_TIME_MIN};
	assert_int_equal(nr_capture_open(file.path, &capture, NULL), 0);
	assert_int_equal(nr_capture_read(capture, frames, 1024, &loss), 1024);
	assert_int_equal(ftruncate(file.fd, 100), 0);
	uint64_t sum = 0;
	for (size_t i = 0; i < 1024; i++)
		sum += frames[i].data[59];
	assert_int_equal(sum, 0);
	while (nr_capture_read(capture, frames, 1024, &loss) > 0)
		;
	assert_true(loss.frames < count);
	nr_capture_close(capture);
	close(file.fd);
	free(data);
}

/* Frames of one buffer stay while others are read into another one, whether or not bytes had to be read for
 * them. */
static void keeps_frames_of_other_buffers(void **state)
{
	(void)state;
	size_t count = 40000, length = 24 + count * RECORD;
	uint8_t *data = malloc(length);
	assert_non_null(data);
	struct bytes head = pcap_of(1);
	memcpy(data, head.data, head.length);
	for (size_t i = 0; i < count; i++) {
		memcpy(data + 24 + i * RECORD, head.data + 24, RECORD);
		memcpy(data + 24 + i * RECORD + RECORD - 4, &(uint32_t){(uint32_t)i}, 4);
	}
	struct file file = file_of(data, length);
	struct nr_capture *capture;
	static struct nr_frame frames[3][1024];
	size_t counts[3] = {0}, firsts[3] = {0}, read = 0;
	struct nr_loss loss = {.first = NR_TIME_MAX, .last = NR_TIME_MIN};
	assert_int_equal(nr_capture_open(file.path, &capture, NULL), 0);
	for (unsigned turn = 0; read < count; turn = (turn + 1) % 3) {
		assert_int_equal(nr_capture_use(capture, turn, NULL), 0);
		firsts[turn] = read;
		counts[turn] = nr_capture_read(capture, frames[turn], 1024, &loss);
		assert_true(counts[turn] > 0);
		read += counts[turn];
		for (size_t k = 0; k < 3; k++)
			for (size_t i = 0; i < counts[k]; i++) {
				uint32_t number;
				memcpy(&number, frames[k][i].data + frames[k][i].captured - 4, 4);
				assert_int_equal(number, firsts[k] + i);
			}
	}
	assert_int_equal(read, count);
	nr_capture_close(capture);
	close(file.fd);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_plain_pcap),
		cmocka_unit_test(cut_in_the_last_record),
		cmocka_unit_test(resynchronises_large_files),
		cmocka_unit_test(zeros_are_no_records),
		cmocka_unit_test(wrong_length_near_the_end),
		cmocka_unit_test(reads_compressed),
		cmocka_unit_test(delivers_what_a_cut_member_holds),
		cmocka_unit_test(tells_damaged_compression),
		cmocka_unit_test(survives_a_bomb),
		cmocka_unit_test(explains_what_it_cannot_open),
		cmocka_unit_test(reads_pipes_of_any_pieces),
		cmocka_unit_test(closes_while_a_pipe_is_silent),
		cmocka_unit_test(file_truncated_while_reading),
		cmocka_unit_test(keeps_frames_of_other_buffers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
