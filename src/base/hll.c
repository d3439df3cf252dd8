/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hll.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#define HLL_RANK_MAX (64 - NR_HLL_BITS + 1)
#define HLL_SPARSE_MAX                                                                                       \
	((NR_HLL_REGISTERS - 1) / 3) /* registers whose sparse form is shorter than the dense one */
#define SPARSE_SHORT 600             /* bytes of one that is looked at before it is merged */

/* Flajolet et al. 2007, figure 3. Without its large-range correction: the hash has 64 bits. */
double nr_hll_count(const struct nr_hll *hll)
{
	const double m = NR_HLL_REGISTERS, alpha = 0.7213 / (1 + 1.079 / m);
	/* sums of 2^-rank as whole numbers of 2^-HLL_RANK_MAX, in four parts: none overflows or waits for
	 * another */
	uint64_t of_rank[HLL_RANK_MAX + 1], parts[4] = {0};
	unsigned zeros = 0;
	for (size_t rank = 0; rank <= HLL_RANK_MAX; rank++)
		of_rank[rank] = UINT64_C(1) << (HLL_RANK_MAX - rank);
	for (size_t i = 0; i < NR_HLL_REGISTERS; i++)
		zeros += hll->registers[i] == 0;
	for (size_t i = 0; i < NR_HLL_REGISTERS; i += 4) {
		for (size_t j = 0; j < 4; j++)
			parts[j] += of_rank[NR_MIN(hll->registers[i + j], HLL_RANK_MAX)];
	}
	double sum = 0;
	for (size_t j = 0; j < 4; j++)
		sum += ldexp((double)parts[j], -HLL_RANK_MAX);
	double estimate = alpha * m * m / sum;
	if (estimate <= 2.5 * m && zeros)
		return m * log(m / zeros); /* linear counting */
	return estimate;
}

void nr_hll_merge(struct nr_hll *into, const struct nr_hll *from)
{
	for (size_t i = 0; i < NR_HLL_REGISTERS; i++)
		into->registers[i] = NR_MAX(into->registers[i], from->registers[i]);
}

size_t nr_hll_write(const struct nr_hll *hll, uint8_t *out)
{
	size_t used = 0;
	for (size_t i = 0; i < NR_HLL_REGISTERS; i++)
		used += hll->registers[i] != 0;
	if (used > HLL_SPARSE_MAX) {
		out[0] = 'D';
		memcpy(out + 1, hll->registers, NR_HLL_REGISTERS);
		return 1 + NR_HLL_REGISTERS;
	}
	uint8_t *p = out;
	*p++ = 'S';
	for (uint32_t i = 0; i < NR_HLL_REGISTERS; i++) {
		if (hll->registers[i] == 0)
			continue;
		uint32_t entry = i << 12 | hll->registers[i]; /* index:12, zero:6, rank:6 */
		*p++ = (uint8_t)(entry >> 16);
		*p++ = (uint8_t)(entry >> 8);
		*p++ = (uint8_t)entry;
	}
	return (size_t)(p - out);
}

size_t nr_hll_write_hashes(const uint64_t *hashes, size_t count, uint8_t *out)
{
	uint32_t entries[NR_HLL_HASHES_MAX];
	size_t used = 0;
	assert(count <= NR_HLL_HASHES_MAX);
	for (size_t i = 0; i < count; i++) {
		uint32_t entry = (uint32_t)(hashes[i] >> (64 - NR_HLL_BITS)) << 12 | nr_hll_rank(hashes[i]);
		size_t k = used;
		while (k && entries[k - 1] >> 12 > entry >> 12)
			k--;
		if (k && entries[k - 1] >> 12 == entry >> 12) {
			entries[k - 1] = NR_MAX(entries[k - 1], entry);
			continue;
		}
		memmove(entries + k + 1, entries + k, (used++ - k) * sizeof *entries);
		entries[k] = entry;
	}
	*out = 'S';
	for (size_t i = 0; i < used; i++) {
		out[1 + 3 * i] = (uint8_t)(entries[i] >> 16);
		out[2 + 3 * i] = (uint8_t)(entries[i] >> 8);
		out[3 + 3 * i] = (uint8_t)entries[i];
	}
	return 1 + 3 * used;
}

static int hll_merge_dense(struct nr_hll *into, const uint8_t *bytes, size_t length, struct nr_error *error)
{
	if (length != NR_HLL_REGISTERS)
		return nr_fail(
			error, -EBADMSG, "sketch: %zu registers instead of %u", length, NR_HLL_REGISTERS);
	uint8_t most = 0;
	for (size_t i = 0; i < length; i++)
		most = NR_MAX(most, bytes[i]);
	for (size_t i = 0; most > HLL_RANK_MAX && i < length; i++) {
		if (bytes[i] > HLL_RANK_MAX)
			return nr_fail(error, -EBADMSG, "sketch: byte %zu: rank %u is over %u", i + 1,
				bytes[i], HLL_RANK_MAX);
	}
	for (size_t i = 0; i < length; i++)
		into->registers[i] = NR_MAX(into->registers[i], bytes[i]);
	return 0;
}

NR_INLINE uint32_t sparse_entry(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

/* Four bytes at once; the last one does not belong to the entry. */
NR_INLINE uint32_t sparse_entry_before(const uint8_t *p)
{
	uint32_t entry;
	memcpy(&entry, p, sizeof entry);
	return be32toh(entry) >> 8;
}

static bool is_sparse(const uint8_t *bytes, size_t length)
{
	int32_t before = -1;
	bool wrong = false;
	for (size_t i = 0; i < length; i += 3) {
		uint32_t entry = sparse_entry(bytes + i);
		wrong |= ((int32_t)(entry >> 12) <= before) | ((entry & 0xfff) - 1 >= HLL_RANK_MAX);
		before = (int32_t)(entry >> 12);
	}
	return !wrong;
}

static int fail_sparse(const uint8_t *bytes, size_t length, struct nr_error *error)
{
	int64_t before = -1;
	size_t i = 0;
	for (; i + 3 < length; i += 3) {
		uint32_t index = sparse_entry(bytes + i) >> 12, rank = sparse_entry(bytes + i) & 0xfff;
		if (index <= before || rank - 1 >= HLL_RANK_MAX)
			break;
		before = index;
	}
	return nr_fail(error, -EBADMSG, "sketch: byte %zu: register %u with rank %u is impossible", i + 1,
		sparse_entry(bytes + i) >> 12, sparse_entry(bytes + i) & 0xfff);
}

struct merging {
	uint8_t *registers;
	int32_t before; /* the register before */
	bool wrong;
};

NR_INLINE void merge_entry(struct merging *merging, uint32_t entry)
{
	int32_t index = (int32_t)(entry >> 12);
	uint32_t rank = entry & 0xfff;
	uint8_t *at = &merging->registers[index];
	merging->wrong |= (index <= merging->before) | (rank - 1 >= HLL_RANK_MAX);
	merging->before = index;
	*at = (uint8_t)NR_MAX(*at, rank);
}

NR_INLINE void merge_entries(struct merging *merging, const uint8_t *bytes, size_t length)
{
	size_t i = 0;
	for (; i + 3 < length; i += 3)
		merge_entry(merging, sparse_entry_before(bytes + i));
	if (i < length)
		merge_entry(merging, sparse_entry(bytes + i));
}

/* Most sketches of a store are short: they are merged register by register. A long one is taken back when it
 * was wrong, which is cheaper than to look at it before; for a short one the copy of all registers is the
 * dear part. */
static int hll_merge_sparse(struct nr_hll *into, const uint8_t *bytes, size_t length, struct nr_error *error)
{
	if (length % 3 != 0 || length > (size_t)3 * NR_HLL_REGISTERS)
		return nr_fail(error, -EBADMSG, "sketch: %zu bytes are no list of registers", length);
	struct merging merging = {into->registers, -1, false};
	if (length <= SPARSE_SHORT) {
		if (!is_sparse(bytes, length))
			return fail_sparse(bytes, length, error);
		merge_entries(&merging, bytes, length);
		return 0;
	}
	struct nr_hll held = *into;
	merge_entries(&merging, bytes, length);
	if (!merging.wrong)
		return 0;
	*into = held;
	return fail_sparse(bytes, length, error);
}

int nr_hll_merge_bytes(struct nr_hll *into, const uint8_t *bytes, size_t length, struct nr_error *error)
{
	if (length > 0 && bytes[0] == 'S')
		return hll_merge_sparse(into, bytes + 1, length - 1, error);
	if (length > 0 && bytes[0] == 'D')
		return hll_merge_dense(into, bytes + 1, length - 1, error);
	return nr_fail(error, -EBADMSG, "sketch: it begins with neither S nor D");
}
