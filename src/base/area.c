/* SPDX-License-Identifier: Apache-2.0 */
#include "base/area.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NR_AREA_MAGIC UINT64_C(0x6e6f726f73686931)
#define NR_AREA_PAGE  4096
#define NR_AREA_FREE  2048 /* released ranges that are remembered; further ones stay unused until cleared */
/* Far from where the kernel puts programs, libraries, stacks and the sanitizers' shadows. */
#define NR_AREA_BASE  UINT64_C(0x200000000000)
#define NR_AREA_SPACE UINT64_C(0x400000000000)

struct range {
	uint64_t offset, bytes;
};

/* The first pages of the file. Every change ends with the store that makes it count, so that a process may
 * end between any two of them: at worst a range is forgotten, never given twice. */
struct head {
	uint64_t magic, layout, base, bytes;
	uint64_t used; /* from here on nothing was ever given out */
	uint64_t root_bytes;
	uint64_t free_count;
	struct range free[NR_AREA_FREE];
};

struct nr_area {
	struct head *head;
	int file;
};

static uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + NR_AREA_PAGE - 1) / NR_AREA_PAGE * NR_AREA_PAGE;
}

#define NR_AREA_HEAD whole_pages(sizeof(struct head))

static uint8_t *at(const struct nr_area *area, uint64_t offset)
{
	return (uint8_t *)area->head + offset;
}

/* One fixed place a file: areas of one process must not meet. */
static int map_at(struct nr_area *area, uint64_t base, uint64_t bytes)
{
	void *p = mmap((void *)(uintptr_t)base, bytes, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_FIXED_NOREPLACE, area->file, 0);
	if (p == MAP_FAILED)
		return -errno;
	if ((uintptr_t)p != base) {
		munmap(p, bytes);
		return -EEXIST;
	}
	area->head = p;
	return 0;
}

static int map_new(struct nr_area *area, uint64_t bytes)
{
	for (uint64_t base = NR_AREA_BASE; base + bytes <= NR_AREA_SPACE; base += whole_pages(bytes)) {
		int e = map_at(area, base, bytes);
		if (e != -EEXIST)
			return e;
	}
	return -ENOMEM;
}

static bool fits(const struct head *head, uint64_t layout, uint64_t bytes)
{
	return head->magic == NR_AREA_MAGIC && head->layout == layout && head->bytes == bytes &&
	       head->base >= NR_AREA_BASE && head->base + bytes <= NR_AREA_SPACE &&
	       head->used >= NR_AREA_HEAD && head->used <= bytes && head->free_count <= NR_AREA_FREE;
}

static int map_file(
	struct nr_area *area, const char *path, uint64_t bytes, uint64_t layout, struct nr_error *error)
{
	struct head found = {0};
	ssize_t n = pread(area->file, &found, sizeof found, 0);
	if (n == sizeof found && fits(&found, layout, bytes) && map_at(area, found.base, bytes) == 0)
		return 0;
	if (ftruncate(area->file, 0) || ftruncate(area->file, (off_t)bytes))
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	int e = map_new(area, bytes);
	if (e)
		return nr_fail(error, e, "%s: cannot map %llu MB: %s", path,
			(unsigned long long)(bytes >> 20), strerror(-e));
	area->head->layout = layout;
	area->head->base = (uintptr_t)area->head;
	area->head->bytes = bytes;
	nr_area_clear(area);
	area->head->magic = NR_AREA_MAGIC;
	return 0;
}

int nr_area_open(
	const char *path, size_t bytes, uint64_t layout, struct nr_area **ret_area, struct nr_error *error)
{
	NR_AUTO(nr_area_closep) struct nr_area *area = calloc(1, sizeof *area);
	if (!area)
		return nr_fail(error, -ENOMEM, "out of memory");
	area->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (area->file < 0)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	int e = map_file(area, path, whole_pages(bytes + NR_AREA_HEAD), layout, error);
	if (e)
		return e;
	*ret_area = nr_steal(&area);
	return 0;
}

void nr_area_close(struct nr_area *area)
{
	if (!area)
		return;
	if (area->head)
		munmap(area->head, area->head->bytes);
	if (area->file >= 0)
		close(area->file);
	free(area);
}

void nr_area_closep(struct nr_area **area)
{
	nr_area_close(*area);
}

void *nr_area_root(struct nr_area *area, size_t bytes, bool *ret_found, struct nr_error *error)
{
	struct head *head = area->head;
	bool found = head->root_bytes == bytes;
	if (!found) {
		void *root = NULL;
		nr_area_clear(area);
		if (nr_area_resize(area, &root, 0, bytes, error))
			return NULL;
		head->root_bytes = bytes;
	}
	*ret_found = found;
	return at(area, NR_AREA_HEAD);
}

void nr_area_clear(struct nr_area *area)
{
	struct head *head = area->head;
	head->root_bytes = 0;
	head->free_count = 0;
	head->used = NR_AREA_HEAD;
	madvise(at(area, NR_AREA_HEAD), head->bytes - NR_AREA_HEAD, MADV_REMOVE);
}

/* First fit among the released ranges, else fresh space. 0: there is no room. */
static uint64_t take(struct head *head, uint64_t bytes)
{
	for (uint64_t i = 0; i < head->free_count; i++) {
		struct range *r = &head->free[i];
		if (r->bytes < bytes)
			continue;
		uint64_t offset = r->offset;
		if (r->bytes == bytes) {
			*r = head->free[head->free_count - 1];
			head->free_count--;
		} else {
			r->offset += bytes;
			r->bytes -= bytes;
		}
		return offset;
	}
	if (head->bytes - head->used < bytes)
		return 0;
	head->used += bytes;
	return head->used - bytes;
}

static void give(struct nr_area *area, uint64_t offset, uint64_t bytes)
{
	struct head *head = area->head;
	madvise(at(area, offset), bytes, MADV_REMOVE); /* the next owner finds zeros */
	if (offset + bytes == head->used) {
		head->used = offset;
		return;
	}
	for (uint64_t i = 0; i < head->free_count; i++) {
		struct range *r = &head->free[i];
		if (r->offset + r->bytes == offset) {
			r->bytes += bytes;
			return;
		}
		if (offset + bytes == r->offset) {
			r->bytes += bytes;
			r->offset = offset;
			return;
		}
	}
	if (head->free_count == NR_AREA_FREE)
		return;
	head->free[head->free_count] = (struct range){offset, bytes};
	head->free_count++;
}

int nr_area_resize(struct nr_area *area, void **pages, size_t from, size_t to, struct nr_error *error)
{
	struct head *head = area->head;
	uint64_t old = whole_pages(from), new = whole_pages(to);
	uint64_t offset = *pages ? (uint64_t)((uint8_t *)*pages - (uint8_t *)head) : 0;
	if (*pages && new <= old) {
		if (new < old)
			give(area, offset + new, old - new);
		if (to < from) /* a later growth within the page finds zeros */
			memset((uint8_t *)*pages + to, 0, (size_t)(NR_MIN(new, from) - to));
		return 0;
	}
	if (*pages && offset + old == head->used && head->bytes - offset >= new) {
		head->used = offset + new;
		return 0;
	}
	uint64_t taken = take(head, new);
	if (!taken)
		return nr_fail(error, -ENOMEM, "out of memory for %zu MB in the state area", to >> 20);
	void *moved = at(area, taken);
	if (*pages) {
		memcpy(moved, *pages, from);
		give(area, offset, old);
	}
	*pages = moved;
	return 0;
}

void nr_area_release(struct nr_area *area, void *pages, size_t bytes)
{
	give(area, (uint64_t)((uint8_t *)pages - (uint8_t *)area->head), whole_pages(bytes));
}
