/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pages.h"

#include <errno.h>
#include <sys/mman.h>

#define NR_HUGE_FROM (4u << 20) /* bytes from which huge pages pay */

int nr_pages_resize(struct nr_area *area, void **pages, size_t from, size_t to, struct nr_error *error)
{
	if (area)
		return nr_area_resize(area, pages, from, to, error);
	void *p = *pages ? mremap(*pages, from, to, MREMAP_MAYMOVE)
			 : mmap(NULL, to, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return nr_fail(error, -ENOMEM, "out of memory for %zu MB", to >> 20);
	if (to >= NR_HUGE_FROM)
		madvise(p, to, MADV_HUGEPAGE); /* before the first touch, or it does not take */
	*pages = p;
	return 0;
}

void nr_pages_unmap(struct nr_area *area, void *pages, size_t bytes)
{
	if (pages && area)
		nr_area_release(area, pages, bytes);
	else if (pages)
		munmap(pages, bytes);
}
