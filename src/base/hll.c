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

/* Flajolet et al. 2007, figure 3. Without its large-range correction: the hash has 64 bits. */
double nr_hll_count(const struct nr_hll *hll)
{
	const double m = NR_HLL_REGISTERS, alpha = 0.7213 / (1 + 1.079 / m);
	/* sums of 2^-rank as whole numbers of 2^-HLL_RANK_MAX, in four parts: none overflows or waits for
	 * another */
	uint64_t of_rank[HLL_RANK_MAX + 1], parts[4] = {0};
	unsigned zeros = 0;
	for (size_t i = 0; i < NR_HLL_REGISTERS; i++)
		zeros += hll->registers[i] == 0;
	/* no sum is below the number of zeros: with so many the estimate is in the range of linear counting
	 */
	if (zeros >= alpha * m / 2.5)
		return m * log(m / zeros);
	for (size_t rank = 0; rank <= HLL_RANK_MAX; rank++)
		of_rank[rank] = UINT64_C(1) << (HLL_RANK_MAX - rank);
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

/* What has been seen of a list. Ranks from 1 to HLL_RANK_MAX, and registers that ascend, leave it without the
 * bits below: both together are cheaper so than by comparing each. */
struct seen {
	uint64_t ranks; /* of two entries at once */
	uint32_t order, last;
};
#define RANK_BITS   UINT64_C(0x03f) /* HLL_RANK_MAX < 64 */
#define RANK_ABOVE  (63 - HLL_RANK_MAX)
#define ORDER_LEAST (0x1000 - HLL_RANK_MAX + 1) /* between entries of one register and the next */
static const struct seen seen_nothing = {.last = -(uint32_t)ORDER_LEAST};

NR_INLINE void see_two(struct seen *seen, uint64_t two)
{
	uint64_t ranks = two & UINT64_C(0xfff000fff);
	uint32_t first = (uint32_t)(two >> 24), second = (uint32_t)two & 0xffffff;
	seen->ranks |= (ranks - UINT64_C(0x1000001)) | (ranks + UINT64_C(0x1000001) * RANK_ABOVE);
	seen->order |= (first - seen->last - ORDER_LEAST) | (second - first - ORDER_LEAST);
	seen->last = second;
}

NR_INLINE void see_one(struct seen *seen, uint32_t entry)
{
	uint32_t rank = entry & 0xfff;
	seen->ranks |= (uint64_t)(rank - 1) | (rank + RANK_ABOVE);
	seen->order |= entry - seen->last - ORDER_LEAST;
	seen->last = entry;
}

NR_INLINE bool is_good(const struct seen *seen)
{
	return !(seen->ranks & ~(RANK_BITS << 24 | RANK_BITS)) && !(seen->order >> 31);
}

/* Two entries of six bytes; the last two bytes of the eight do not belong to them. */
NR_INLINE uint64_t two_entries(const uint8_t *p)
{
	uint64_t two;
	memcpy(&two, p, sizeof two);
	return be64toh(two) >> 16;
}

NR_INLINE void merge_entry(uint8_t *registers, uint32_t entry)
{
	uint8_t *at = &registers[entry >> 12];
	*at = NR_MAX(*at, (uint8_t)entry);
}

/* Most sketches of a store are short: looking at one before it is merged, or keeping what it is merged into,
 * would cost as much as merging it. False: it was wrong, and some of it is merged. */
static bool merge_entries(uint8_t *registers, const uint8_t *bytes, size_t length)
{
	struct seen seen = seen_nothing;
	size_t i = 0;
	for (; i + 8 <= length; i += 6) {
		uint64_t two = two_entries(bytes + i);
		see_two(&seen, two);
		merge_entry(registers, (uint32_t)(two >> 24));
		merge_entry(registers, (uint32_t)two & 0xffffff);
	}
	for (; i < length; i += 3) {
		see_one(&seen, sparse_entry(bytes + i));
		merge_entry(registers, sparse_entry(bytes + i));
	}
	return is_good(&seen);
}

static int hll_merge_sparse(struct nr_hll *into, const uint8_t *bytes, size_t length, struct nr_error *error)
{
	if (length % 3 != 0 || length > (size_t)3 * NR_HLL_REGISTERS)
		return nr_fail(error, -EBADMSG, "sketch: %zu bytes are no list of registers", length);
	return merge_entries(into->registers, bytes, length) ? 0 : fail_sparse(bytes, length, error);
}

int nr_hll_merge_bytes(struct nr_hll *into, const uint8_t *bytes, size_t length, struct nr_error *error)
{
	if (length > 0 && bytes[0] == 'S')
		return hll_merge_sparse(into, bytes + 1, length - 1, error);
	if (length > 0 && bytes[0] == 'D')
		return hll_merge_dense(into, bytes + 1, length - 1, error);
	return nr_fail(error, -EBADMSG, "sketch: it begins with neither S nor D");
}
