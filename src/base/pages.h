/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large zeroed memory straight from the kernel, on huge pages where it gives them: tables that are accessed
 * at random miss the TLB an order of magnitude less, and growing moves pages instead of bytes.
 */
#ifndef NR_BASE_PAGES_H
#define NR_BASE_PAGES_H

#include "base/area.h"

/* Changes pages of `from` bytes (0 with *pages == NULL: new ones) to `to` bytes; new bytes are zero. On
 * -ENOMEM they are as they were. area: where they lie; NULL: they end with the process. */
int nr_pages_resize(struct nr_area *area, void **pages, size_t from, size_t to, struct nr_error *error);
void nr_pages_unmap(struct nr_area *area, void *pages, size_t bytes); /* NULL pages allowed */

/* What stands before is written before what stands behind: who resumes an area may come between. */
#define NR_IN_ORDER() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif
