/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pcap_writer.h"

#include <errno.h>
#include <string.h>

static uint8_t *put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		*p++ = (uint8_t)(v >> (8 * i));
	return p;
}

static void write_header(struct nr_pcap_writer *writer, uint16_t link)
{
	uint8_t *p = nr_pcap_take(writer, NR_PCAP_FILE_HEADER);
	p = put_le32(p, 0xa1b2c3d4u);
	p = put_le32(p, 2 | 4u << 16); /* version 2.4 */
	p = put_le32(p, 0);
	p = put_le32(p, 0);
	p = put_le32(p, NR_PCAP_SNAPLEN);
	put_le32(p, link);
}

int nr_pcap_writer_open(
	struct nr_pcap_writer *writer, const char *path, uint16_t link, struct nr_error *error)
{
	*writer = (struct nr_pcap_writer){0};
	int rc = nr_file_create(&writer->file, path, error);
	if (rc)
		return rc;
	writer->block = malloc(NR_PCAP_BLOCK);
	if (!writer->block) {
		nr_pcap_writer_fini(writer);
		return nr_fail(error, -ENOMEM, "%s: out of memory", path);
	}
	setvbuf(writer->file.stream, NULL, _IONBF, 0); /* the block is the buffer */
	write_header(writer, link);
	return 0;
}

void nr_pcap_writer_flush(struct nr_pcap_writer *writer)
{
	errno = 0;
	if (!writer->failure && fwrite(writer->block, 1, writer->used, writer->file.stream) != writer->used)
		writer->failure = errno ? -errno : -EIO;
	writer->used = 0;
}

int nr_pcap_writer_finish(struct nr_pcap_writer *writer, struct nr_error *error)
{
	nr_pcap_writer_flush(writer);
	if (writer->failure)
		return nr_fail(error, writer->failure, "%s: cannot write: %s%s", writer->file.path,
			strerror(-writer->failure),
			writer->failure == -ENOSPC ? "; free space or name another place with --out" : "");
	return nr_file_commit(&writer->file, error);
}

void nr_pcap_writer_fini(struct nr_pcap_writer *writer)
{
	nr_file_fini(&writer->file);
	free(writer->block);
	*writer = (struct nr_pcap_writer){0};
}

void nr_pcap_write_frame(
	struct nr_pcap_writer *writer, nr_time time, const uint8_t *frame, uint32_t captured, uint32_t wire)
{
	uint8_t *p = nr_pcap_take(writer, NR_PCAP_RECORD_HEADER + captured);
	p = put_le32(p, (uint32_t)(time / NR_SECOND));
	p = put_le32(p, (uint32_t)(time % NR_SECOND));
	p = put_le32(p, captured);
	p = put_le32(p, wire);
	memcpy(p, frame, captured);
}
