/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consistency: the process may end between any two instructions, and everything it had stored until then
 * stays. So each change counts by one store, the last one, and what is given up is given up before it is
 * given out again; at worst a range is forgotten until the area is cleared. in_order() keeps the compiler
 * from exchanging the stores; a processor does not lose those that were made.
 */
#include "base/area.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NR_AREA_MAGIC UINT64_C(0x6e6f726f73686932)
#define NR_AREA_PAGE  4096
#define NR_AREA_FREE  2048 /* released ranges that are remembered; further ones stay unused until cleared */
/* Far from where the kernel puts programs, libraries, stacks and the sanitizers' shadows. */
#define NR_AREA_BASE  UINT64_C(0x200000000000)
#define NR_AREA_SPACE UINT64_C(0x400000000000)
#define NR_AREA_TRIES 50 /* for a predecessor that is just being killed, 100 ms each */

struct range {
	uint64_t offset, bytes; /* bytes 0: the place is not in use, and offset means nothing */
};

/* The first pages of the file. What a process that took over a hostile packet wrote there is checked when it
 * is opened; lengths that decide over memory outside are kept in struct nr_area. */
struct head {
	uint64_t magic, layout, base, bytes;
	uint64_t used; /* from here on nothing was ever given out */
	uint64_t root_bytes;
	uint64_t free_count; /* places of free[] that were ever in use */
	struct range free[NR_AREA_FREE];
};

struct nr_area {
	struct head *head;
	uint64_t bytes;
	int file;
	bool copy;    /* nr_area_copy(): pages are the process's own */
	bool emptied; /* of what another layout had left */
};

static void in_order(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + NR_AREA_PAGE - 1) / NR_AREA_PAGE * NR_AREA_PAGE;
}

#define NR_AREA_HEAD whole_pages(sizeof(struct head))

static uint8_t *at(const struct nr_area *area, uint64_t offset)
{
	return (uint8_t *)area->head + offset;
}

static uint64_t offset_of(const struct nr_area *area, const void *pages)
{
	return (uint64_t)((const uint8_t *)pages - (const uint8_t *)area->head);
}

/* ---- opening ---- */

/* One fixed place a file: areas of one process must not meet. */
static int map_at(struct nr_area *area, uint64_t base)
{
	void *p = mmap((void *)(uintptr_t)base, area->bytes, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_FIXED_NOREPLACE, area->file, 0);
	if (p == MAP_FAILED)
		return -errno;
	if ((uintptr_t)p != base) { /* a kernel that does not know the flag takes it for a wish */
		munmap(p, area->bytes);
		return -EEXIST;
	}
	area->head = p;
	return 0;
}

static int map_new(struct nr_area *area)
{
	for (uint64_t base = NR_AREA_BASE; base + area->bytes <= NR_AREA_SPACE; base += area->bytes) {
		int e = map_at(area, base);
		if (e != -EEXIST)
			return e;
	}
	return -ENOMEM;
}

static bool fits(const struct head *head, uint64_t layout, uint64_t bytes)
{
	bool sound = head->magic == NR_AREA_MAGIC && head->layout == layout && head->bytes == bytes &&
		     head->base >= NR_AREA_BASE && head->base <= NR_AREA_SPACE - bytes &&
		     head->used >= NR_AREA_HEAD && head->used <= bytes && head->free_count <= NR_AREA_FREE;
	for (size_t i = 0; sound && i < head->free_count; i++) {
		const struct range *r = &head->free[i];
		sound = r->bytes == 0 ||
			(r->offset >= NR_AREA_HEAD && r->offset <= bytes && r->bytes <= bytes - r->offset &&
				(r->offset | r->bytes) % NR_AREA_PAGE == 0);
	}
	return sound;
}

static int map_file(struct nr_area *area, const char *path, uint64_t layout, struct nr_error *error)
{
	struct head found;
	ssize_t n = pread(area->file, &found, sizeof found, 0);
	if (n == sizeof found && fits(&found, layout, area->bytes) && map_at(area, found.base) == 0)
		return 0;
	area->emptied = n == sizeof found && found.magic == NR_AREA_MAGIC && found.root_bytes;
	if (ftruncate(area->file, 0) || ftruncate(area->file, (off_t)area->bytes))
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	int e = map_new(area);
	if (e)
		return nr_fail(error, e, "%s: cannot map %llu MB: %s", path,
			(unsigned long long)(area->bytes >> 20), strerror(-e));
	e = fallocate(area->file, FALLOC_FL_KEEP_SIZE, 0, (off_t)NR_AREA_HEAD) < 0 ? errno : 0;
	if (e && e != EOPNOTSUPP)
		return nr_fail(error, -e, "%s: %s", path, strerror(e));
	area->head->layout = layout;
	area->head->base = (uintptr_t)area->head;
	area->head->bytes = area->bytes;
	area->head->used = NR_AREA_HEAD;
	in_order();
	area->head->magic = NR_AREA_MAGIC;
	return 0;
}

/* The folder may be everybody's: a file that another user put there, or that has another name elsewhere, is
 * not ours. */
static int check_owner(int file, const char *path, struct nr_error *error)
{
	struct stat status;
	if (fstat(file, &status) < 0)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	if (S_ISREG(status.st_mode) && status.st_uid == geteuid() && status.st_nlink == 1)
		return fchmod(file, 0600) == 0 ? 0 : nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	return nr_fail(error, -EPERM,
		"%s: is not a file of this user alone; remove it, or name another folder for the state",
		path);
}

static int lock_file(int file, const char *path, struct nr_error *error)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	for (int i = 0; flock(file, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK)
			return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
		if (i == NR_AREA_TRIES)
			return nr_fail(error, -EBUSY,
				"%s: another process works with it; stop that one first", path);
		nanosleep(&pause, NULL);
	}
	return 0;
}

int nr_area_open(
	const char *path, size_t bytes, uint64_t layout, struct nr_area **ret_area, struct nr_error *error)
{
	NR_AUTO(nr_area_closep) struct nr_area *area = calloc(1, sizeof *area);
	if (!area)
		return nr_fail(error, -ENOMEM, "out of memory");
	area->bytes = whole_pages(bytes + NR_AREA_HEAD);
	area->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (area->file < 0 && (errno == ELOOP || errno == EISDIR))
		return nr_fail(error, -errno,
			"%s: is not a file of this user alone; remove it, or name another folder for the "
			"state",
			path);
	if (area->file < 0)
		return nr_fail(error, -errno, "%s: %s; the state's folder must be open to this user", path,
			strerror(errno));
	int e = check_owner(area->file, path, error);
	if (e == 0)
		e = lock_file(area->file, path, error);
	if (e == 0)
		e = map_file(area, path, layout, error);
	if (e)
		return e;
	*ret_area = nr_steal(&area);
	return 0;
}

bool nr_area_emptied(const struct nr_area *area)
{
	return area->emptied;
}

void nr_area_close(struct nr_area *area)
{
	if (!area)
		return;
	if (area->head)
		munmap(area->head, area->bytes);
	nr_close_fd(&area->file);
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
		in_order();
		head->root_bytes = bytes;
	}
	*ret_found = found;
	return at(area, NR_AREA_HEAD);
}

void nr_area_clear(struct nr_area *area)
{
	struct head *head = area->head;
	head->root_bytes = 0;
	in_order();
	head->free_count = 0;
	in_order();
	head->used = NR_AREA_HEAD;
	in_order();
	madvise(at(area, NR_AREA_HEAD), area->bytes - NR_AREA_HEAD, MADV_REMOVE);
}

/* ---- giving out and taking back ---- */

/* Zeros that are really there: a page that the file system has no room for would kill at its first touch. */
static bool reserve(const struct nr_area *area, uint64_t offset, uint64_t bytes)
{
	if (area->copy) {
		memset(at(area, offset), 0, bytes);
		return true;
	}
	madvise(at(area, offset), bytes, MADV_REMOVE); /* who released it may have ended before this */
	int e = fallocate(area->file, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) < 0 ? errno : 0;
	if (e == 0 || e == EOPNOTSUPP)
		return true;
	madvise(at(area, offset), bytes, MADV_REMOVE);
	return false;
}

/* First fit among the released ranges, from their ends; else fresh space. 0: there is no room. */
static uint64_t take(struct nr_area *area, uint64_t bytes)
{
	struct head *head = area->head;
	for (uint64_t i = 0; i < head->free_count; i++) {
		struct range *r = &head->free[i];
		if (r->bytes < bytes)
			continue;
		uint64_t offset = r->offset + r->bytes - bytes;
		r->bytes -= bytes;
		in_order();
		return offset;
	}
	if (area->bytes - head->used < bytes)
		return 0;
	head->used += bytes;
	in_order();
	return head->used - bytes;
}

/* A free range that begins or ends there; NULL: none. */
static struct range *neighbour(struct head *head, uint64_t offset, bool ends)
{
	for (uint64_t i = 0; i < head->free_count; i++) {
		struct range *r = &head->free[i];
		if (r->bytes && r->offset + (ends ? r->bytes : 0) == offset)
			return r;
	}
	return NULL;
}

static void remember(struct head *head, uint64_t offset, uint64_t bytes)
{
	uint64_t i = 0;
	while (i < head->free_count && head->free[i].bytes)
		i++;
	if (i == NR_AREA_FREE)
		return;
	head->free[i].bytes = 0;
	in_order();
	head->free[i].offset = offset;
	in_order();
	if (i == head->free_count)
		head->free_count = i + 1;
	in_order();
	head->free[i].bytes = bytes;
}

static void give(struct nr_area *area, uint64_t offset, uint64_t bytes)
{
	struct head *head = area->head;
	uint64_t from = offset, length = bytes;
	struct range *before = neighbour(head, offset, true), *after = neighbour(head, offset + bytes, false);
	if (after) {
		length += after->bytes;
		after->bytes = 0;
		in_order();
	}
	if (before) {
		from = before->offset;
		length += before->bytes;
		before->bytes = 0;
		in_order();
	}
	if (from + length == head->used)
		head->used = from;
	else
		remember(head, from, length);
	in_order();
	madvise(at(area, offset), bytes, MADV_REMOVE);
}

static int fail_room(size_t bytes, struct nr_error *error)
{
	return nr_fail(error, -ENOMEM, "out of memory for %zu MB in the state area", bytes >> 20);
}

static int resize_in_place(struct nr_area *area, uint8_t *pages, size_t from, size_t to)
{
	uint64_t offset = offset_of(area, pages), old = whole_pages(from), new = whole_pages(to);
	if (to < from) /* a later growth within the page finds zeros */
		memset(pages + to, 0, (size_t)(NR_MIN(new, from) - to));
	if (new < old)
		give(area, offset + new, old - new);
	return 0;
}

int nr_area_resize(struct nr_area *area, void **pages, size_t from, size_t to, struct nr_error *error)
{
	struct head *head = area->head;
	uint64_t old = whole_pages(from), new = whole_pages(to);
	uint64_t offset = *pages ? offset_of(area, *pages) : 0;
	if (*pages && new <= old)
		return resize_in_place(area, *pages, from, to);
	if (*pages && offset + old == head->used && area->bytes - offset >= new) {
		if (!reserve(area, offset + old, new - old))
			return fail_room(to, error);
		head->used = offset + new;
		return 0;
	}
	uint64_t taken = take(area, new);
	if (!taken)
		return fail_room(to, error);
	if (!reserve(area, taken, new)) {
		give(area, taken, new);
		return fail_room(to, error);
	}
	void *before = *pages, *moved = at(area, taken);
	if (before)
		memcpy(moved, before, from);
	in_order();
	*pages = moved; /* before the old ones are anybody else's */
	in_order();
	if (before)
		give(area, offset, old);
	return 0;
}

void nr_area_release(struct nr_area *area, void *pages, size_t bytes)
{
	give(area, offset_of(area, pages), whole_pages(bytes));
}

bool nr_area_holds(const struct nr_area *area, const void *pages, size_t bytes)
{
	const struct head *head = area->head;
	uint64_t address = (uintptr_t)pages, base = (uintptr_t)head, length = whole_pages(bytes);
	if (address < base + NR_AREA_HEAD || address % NR_AREA_PAGE || length < bytes)
		return false;
	uint64_t offset = address - base;
	if (offset > head->used || length > head->used - offset)
		return false;
	for (uint64_t i = 0; i < head->free_count; i++) {
		const struct range *r = &head->free[i];
		if (r->bytes && offset < r->offset + r->bytes && r->offset < offset + length)
			return false;
	}
	return true;
}

int nr_area_copy(struct nr_area *area, struct nr_error *error)
{
	void *p =
		mmap(area->head, area->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, area->file, 0);
	if (p == MAP_FAILED)
		return nr_fail(error, -errno, "cannot copy a state area: %s", strerror(errno));
	area->copy = true;
	return 0;
}
