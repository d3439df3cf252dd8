/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define MAGIC UINT64_C(0x31746f6c736f726e) /* "nroslot1" */
#define ALIGN 4096                         /* no two slots in one sector or page */

struct head {
	uint64_t magic, sequence;
	uint32_t length, crc; /* crc: of the head with crc 0, and the record */
};

static uint32_t crc_of(struct head head, const uint8_t *record)
{
	head.crc = 0;
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)&head, sizeof head);
	return (uint32_t)crc32(crc, record, head.length);
}

static int sync_folder_of(const char *path)
{
	NR_AUTO(nr_freep) char *folder = strdup(path);
	if (!folder)
		return -ENOMEM;
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	NR_AUTO(nr_close_fd) int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int nr_slots_open(const char *path, size_t record_max, struct nr_slots *ret_slots, struct nr_error *error)
{
	struct stat status = {0};
	NR_AUTO(nr_freep) char *own = strdup(path);
	NR_AUTO(nr_close_fd) int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int e = !own ? -ENOMEM : file < 0 || fstat(file, &status) < 0 ? -errno : 0;
	if (!e && status.st_size == 0)
		e = sync_folder_of(path);
	if (e)
		return nr_fail(error, e, "%s: %s", path, strerror(-e));
	size_t bytes = (sizeof(struct head) + record_max + ALIGN - 1) / ALIGN * ALIGN;
	*ret_slots = (struct nr_slots){.file = file, .path = nr_steal(&own), .slot_bytes = bytes};
	file = -1;
	return 0;
}

void nr_slots_close(struct nr_slots *slots)
{
	if (slots->file >= 0)
		close(slots->file);
	free(slots->path);
	*slots = (struct nr_slots){.file = -1};
}

/* Whether the slot holds a whole record; *ret_head is its head. */
static bool is_whole(const struct nr_slots *slots, const uint8_t *slot, size_t got, struct head *ret_head)
{
	if (got < sizeof *ret_head)
		return false;
	memcpy(ret_head, slot, sizeof *ret_head);
	return ret_head->magic == MAGIC && ret_head->length <= slots->slot_bytes - sizeof *ret_head &&
	       ret_head->length <= got - sizeof *ret_head &&
	       crc_of(*ret_head, slot + sizeof *ret_head) == ret_head->crc;
}

int nr_slots_read(
	struct nr_slots *slots, void *bytes, size_t room, size_t *ret_length, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *slot = malloc(slots->slot_bytes);
	bool written = false;
	if (!slot)
		return nr_fail(error, -ENOMEM, "out of memory");
	slots->sequence = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct head head;
		ssize_t got = pread(slots->file, slot, slots->slot_bytes, (off_t)(i * slots->slot_bytes));
		if (got < 0)
			return nr_fail(error, -errno, "%s: %s", slots->path, strerror(errno));
		written = written || got > 0;
		if (!is_whole(slots, slot, (size_t)got, &head) || head.sequence <= slots->sequence)
			continue;
		if (head.length > room)
			return nr_fail(error, -EUCLEAN, "%s: a record of %u bytes", slots->path, head.length);
		memcpy(bytes, slot + sizeof head, head.length);
		*ret_length = head.length;
		slots->sequence = head.sequence;
	}
	if (slots->sequence)
		return 0;
	/* the first record of all may be torn: nothing was told to anybody before it stood */
	struct stat status;
	bool first = fstat(slots->file, &status) == 0 && (size_t)status.st_size <= slots->slot_bytes;
	return written && !first
		       ? nr_fail(error, -EUCLEAN, "%s: neither of its records is whole", slots->path)
		       : nr_fail(error, -ENOENT, "%s: never written", slots->path);
}

int nr_slots_write(struct nr_slots *slots, const void *bytes, size_t length, struct nr_error *error)
{
	struct head head = {.magic = MAGIC, .sequence = slots->sequence + 1, .length = (uint32_t)length};
	if (length > slots->slot_bytes - sizeof head)
		return nr_fail(error, -E2BIG, "%s: a record of %zu bytes", slots->path, length);
	size_t whole = sizeof head + length;
	NR_AUTO(nr_freep) uint8_t *slot = malloc(whole);
	if (!slot)
		return nr_fail(error, -ENOMEM, "out of memory");
	head.crc = crc_of(head, bytes);
	memcpy(slot, &head, sizeof head);
	memcpy(slot + sizeof head, bytes, length);
	/* the first goes into slot 0, see nr_slots_read() */
	off_t place = (off_t)((head.sequence + 1) % 2 * slots->slot_bytes);
	ssize_t put = pwrite(slots->file, slot, whole, place);
	if (put != (ssize_t)whole)
		return nr_fail(error, put < 0 ? -errno : -ENOSPC, "%s: %s", slots->path,
			strerror(put < 0 ? errno : ENOSPC));
	if (fdatasync(slots->file) < 0)
		return nr_fail(error, -EIO, "%s: %s", slots->path, strerror(errno));
	slots->sequence = head.sequence;
	return 0;
}
