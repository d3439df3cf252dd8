/* SPDX-License-Identifier: Apache-2.0 */
/* Which program wrote an area: the build id that the linker left in it. */
#include "base/area.h"
#include "base/hash.h"

#include <link.h>
#include <string.h>
#include <sys/random.h>

struct build {
	uint64_t hash;
	bool found;
};

/* Notes are a head, a name and a description, each padded to 4 bytes (elf(5)). */
static void read_notes(struct build *build, const uint8_t *at, size_t bytes)
{
	while (bytes >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) head;
		memcpy(&head, at, sizeof head);
		size_t name = (head.n_namesz + 3u) & ~(size_t)3, text = (head.n_descsz + 3u) & ~(size_t)3;
		if (name > bytes - sizeof head || text > bytes - sizeof head - name)
			return;
		if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
			memcmp(at + sizeof head, "GNU", 4) == 0) {
			build->hash = nr_siphash(at + sizeof head + name, head.n_descsz, 0, 0);
			build->found = true;
		}
		at += sizeof head + name + text;
		bytes -= sizeof head + name + text;
	}
}

static int look_at(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE)
			read_notes(context, (const uint8_t *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr,
				info->dlpi_phdr[i].p_memsz);
	return 1; /* the first is the program itself */
}

uint64_t nr_area_layout(const void *settings, size_t bytes)
{
	struct build build = {0};
	dl_iterate_phdr(look_at, &build);
	if (!build.found && getrandom(&build.hash, sizeof build.hash, 0) < 0)
		build.hash = (uint64_t)(uintptr_t)&build; /* as good as any that is not repeated */
	return nr_siphash(settings, bytes, build.hash, 0);
}
