/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that outlives its process: a file of a memory file system, mapped at the address that it had before,
 * so that pointers within it stay valid. A worker of a live sense keeps its whole state in one, so that a
 * process that is killed loses only the packet it was looking at. It does not outlive the machine's power.
 *
 * An area is used by one thread of one process at a time; it may be opened in one process and used in another
 * that was forked from it. Pointers to code and to memory outside it do not survive: whoever resumes sets
 * them anew. Allocations are whole pages, which the file system has really reserved; use pages.h.
 *
 * Whoever resumes knows that its predecessor ended between any two instructions. A pointer into the area may
 * be one that was just being released: nr_area_holds() says so. A resize has moved the pages before the
 * caller has written down their new size.
 */
#ifndef NR_BASE_AREA_H
#define NR_BASE_AREA_H

#include "base/error.h"

struct nr_area;

/* A number for nr_area_open(): of this program (its build id) and of the settings that shape the state.
 * Without a build id it is another one each time, so that nothing is taken for what it is not. */
uint64_t nr_area_layout(const void *settings, size_t bytes);

/* Opens or makes the file, which must be this user's alone (-EPERM), and locks it until it is closed here and
 * in every process forked since (-EBUSY: another program has it, after waiting 5 s for one that is ending).
 * bytes: most that it may hold; address space only, memory is taken when touched. layout: changes with
 * anything that gives the bytes another meaning (program build, sizes, settings); a file of another layout is
 * emptied. After this no system call but those for memory is needed. */
int nr_area_open(
	const char *path, size_t bytes, uint64_t layout, struct nr_area **ret_area, struct nr_error *error);
/* It held a state of another layout, which is gone. */
bool nr_area_emptied(const struct nr_area *area);
void nr_area_close(struct nr_area *area); /* the content stays; NULL allowed */
void nr_area_closep(struct nr_area **area);

/* The first allocation, zeroed when new. *ret_found: a predecessor left it. */
void *nr_area_root(struct nr_area *area, size_t bytes, bool *ret_found, struct nr_error *error);
/* Forgets everything in it. */
void nr_area_clear(struct nr_area *area);

/* As nr_pages_resize() and nr_pages_unmap(), which call these. */
int nr_area_resize(struct nr_area *area, void **pages, size_t from, size_t to, struct nr_error *error);
void nr_area_release(struct nr_area *area, void *pages, size_t bytes);

/* Whether the range is one that was given out and not taken back. */
bool nr_area_holds(const struct nr_area *area, const void *pages, size_t bytes);

/* From here on this process has a copy: what it changes nobody else sees, and the file stays as it is. */
int nr_area_copy(struct nr_area *area, struct nr_error *error);

#endif
