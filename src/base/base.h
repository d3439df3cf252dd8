/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ground floor's idioms: ownership, arrays, alignment. Nothing here allocates.
 */
#ifndef NR_BASE_BASE_H
#define NR_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NR_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NR_MIN(a, b)    ((a) < (b) ? (a) : (b))
#define NR_MAX(a, b)    ((a) > (b) ? (a) : (b))
#define NR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define NR_UNUSED       __attribute__((unused))
#define NR_INLINE       static inline __attribute__((always_inline))
#define NR_LIKELY(x)    __builtin_expect(!!(x), 1)
#define NR_UNLIKELY(x)  __builtin_expect(!!(x), 0)
#define NR_CACHE_LINE   64

/* Runs fini(&variable) when the variable goes out of scope. */
#define NR_AUTO(fini) __attribute__((cleanup(fini)))

/* Hands the pointer over and forgets it here: return nr_steal(&p); */
#define nr_steal(pointer)                                                                                    \
	__extension__({                                                                                      \
		__typeof__(*(pointer)) nr_stolen = *(pointer);                                               \
		*(pointer) = NULL;                                                                           \
		nr_stolen;                                                                                   \
	})

NR_INLINE void nr_freep(void *pointer)
{
	free(*(void **)pointer);
}

NR_INLINE void nr_closep(FILE **file)
{
	if (*file)
		fclose(*file);
}

NR_INLINE void nr_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#endif
