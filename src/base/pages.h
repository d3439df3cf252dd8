/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large zeroed memory straight from the kernel, on huge pages where it gives them: tables that are accessed
 * at random miss the TLB an order of magnitude less, and growing moves pages instead of bytes.
 */
#ifndef NR_BASE_PAGES_H
#define NR_BASE_PAGES_H

#include "base/error.h"

/* Changes an area of `from` bytes (0 with *pages == NULL: a new one) to `to` bytes; new bytes are zero. On
 * -ENOMEM the area is as it was. */
int nr_pages_resize(void **pages, size_t from, size_t to, struct nr_error *error);
void nr_pages_unmap(void *pages, size_t bytes); /* NULL allowed */

#endif
