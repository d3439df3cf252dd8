/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/member_set.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static uint32_t spread(const struct nr_member_set *set, uint64_t member)
{
	return (uint32_t)((member ^ set->key >> 32) * set->key >> 32);
}

int nr_member_set_init(struct nr_member_set *set, size_t expected, struct nr_error *error)
{
	memset(set, 0, sizeof *set);
	if (getrandom(&set->key, sizeof set->key, 0) != sizeof set->key)
		return nr_fail(error, -EIO, "no random numbers: %s", strerror(errno));
	set->key |= 1;
	set->capacity = 64;
	while (set->capacity < expected * 2)
		set->capacity *= 2;
	set->members = calloc(set->capacity, sizeof *set->members);
	set->values = calloc(set->capacity, sizeof *set->values);
	if (!set->members || !set->values) {
		nr_member_set_fini(set);
		return nr_fail(error, -ENOMEM, "out of memory for %zu sources", expected);
	}
	return 0;
}

void nr_member_set_fini(struct nr_member_set *set)
{
	free(set->members);
	free(set->values);
	set->members = NULL;
	set->values = NULL;
}

void nr_member_set_add(struct nr_member_set *set, uint64_t member, uint32_t value)
{
	uint32_t h = spread(set, member);
	set->bitmap[h >> 22] |= UINT64_C(1) << (h >> 16 & 63);
	size_t i = h & (set->capacity - 1);
	while (set->members[i] && set->members[i] != member + 1)
		i = (i + 1) & (set->capacity - 1);
	set->count += !set->members[i];
	set->members[i] = member + 1;
	set->values[i] = value;
}

uint32_t nr_member_set_find(const struct nr_member_set *set, uint64_t member)
{
	uint32_t h = spread(set, member);
	if (NR_LIKELY(!(set->bitmap[h >> 22] >> (h >> 16 & 63) & 1)))
		return UINT32_MAX;
	for (size_t i = h & (set->capacity - 1); set->members[i]; i = (i + 1) & (set->capacity - 1))
		if (set->members[i] == member + 1)
			return set->values[i];
	return UINT32_MAX;
}
