/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of the flow archive: refused, or a sound block, which packed and unpacked again is the same rows.
 * Checksums of the input are put right first, so that what they would keep away comes through too.
 */
#include "../unit/flow_archive_rig.h"
#include "store/flows/part.h"

#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory_source {
	struct nr_flow_part_source source;
	const uint8_t *bytes;
	size_t length;
};

static const uint8_t *memory_get(
	struct nr_flow_part_source *source, uint64_t offset, uint32_t length, int *ret_code)
{
	struct memory_source *m = (struct memory_source *)source;
	*ret_code = -EBADMSG;
	return offset <= m->length && length <= m->length - offset ? m->bytes + offset : NULL;
}

static uint32_t count_of(const struct nr_flow_part_head *head, const struct nr_flow_section *s)
{
	for (unsigned lane = NR_FLOW_LANE_CLIENTS_HEADS; lane <= NR_FLOW_LANE_CLIENT_ROWS; lane++)
		if (s->name == nr_flow_lane_name(lane))
			return head->clients;
	for (unsigned lane = NR_FLOW_LANE_SERVERS_HEADS; lane <= NR_FLOW_LANE_SERVERS_LOW; lane++)
		if (s->name == nr_flow_lane_name(lane))
			return head->servers;
	for (size_t i = 0; i < NR_FLOW_PAIRS && s->unit & NR_FLOW_UNIT_BY_ADDRESS; i++)
		if (s->name == nr_flow_lane_name(nr_flow_pairs[i].source))
			return head->clients;
	return s->unit & NR_FLOW_UNIT_BY_ADDRESS ? head->servers : head->rows;
}

static void mend_chunks(uint8_t *bytes, const struct nr_flow_section *s, size_t table, size_t entry)
{
	uint64_t at = table;
	for (size_t e = 0; e < table; e += entry) {
		uint64_t length = 0;
		for (unsigned p = 0; p < s->planes; p++) {
			uint32_t word;
			memcpy(&word, bytes + e + 8 + 4 * p, 4);
			length += word & NR_FLOW_PLANE_CONSTANT ? 0 : word & ~NR_FLOW_PLANE_RAW;
		}
		if (length > s->length - at)
			return;
		uint64_t checksum = XXH3_64bits(bytes + at, length);
		memcpy(bytes + e, &checksum, 8);
		at += length;
	}
}

static void mend_section(uint8_t *part, const struct nr_flow_part_head *head, struct nr_flow_section *s)
{
	if (s->offset < head->head_bytes || s->offset > head->bytes || s->length > head->bytes - s->offset)
		return;
	size_t table = s->length, entry = 8 + (s->planes * 4u + 7) / 8 * 8;
	if (s->codec == NR_FLOW_CODEC_PLANES && s->planes <= 8 && s->chunk >= NR_FLOW_CHUNK_LEAST &&
		s->chunk < 20) {
		table = entry * (((uint64_t)count_of(head, s) + (1u << s->chunk) - 1) >> s->chunk);
		if (table > s->length)
			return;
		mend_chunks(part + s->offset, s, table, entry);
	}
	s->checksum = XXH3_64bits(part + s->offset, table);
}

/* Not the head's length and bytes: what is wrong there is to be refused. */
static void mend(uint8_t *part, size_t size)
{
	struct nr_flow_part_head *head = (void *)part;
	struct nr_flow_section *sections = (void *)(head + 1);
	head->magic = NR_FLOW_PART_MAGIC;
	if (head->bytes > size || head->sections > NR_FLOW_SECTIONS_MAX || head->rows > NR_FLOW_PART_ROWS ||
		head->head_bytes != sizeof *head + head->sections * sizeof *sections ||
		head->head_bytes > size)
		return;
	for (unsigned i = 0; i < head->sections; i++)
		mend_section(part, head, &sections[i]);
	head->checksum = 0;
	head->checksum = XXH3_64bits(part, head->head_bytes);
}

static struct nr_flow_packer packer;
static struct nr_flow_unpacker unpacker;

static int unpack(const uint8_t *part, size_t size, uint64_t columns, const struct nr_address *host)
{
	const struct nr_flow_part_head *head;
	const struct nr_flow_section *sections;
	struct memory_source source = {{memory_get}, part, size};
	int e = nr_flow_part_check(part, size, &head, &sections);
	if (e || head->bytes > size)
		return e ? e : -ENODATA;
	e = nr_flow_part_unpack(&unpacker, head, sections, &source.source, columns, host, host != NULL);
	assert(e == 0 || e == -EBADMSG);
	assert(e || unpacker.block->count == head->rows || host);
	assert(nr_flow_block_is_sound(unpacker.block, nr_flow_block_bytes(NR_FLOW_PART_ROWS)));
	return e;
}

static void check_again(void)
{
	struct rig_sum before = {.columns = UINT64_MAX}, after = before;
	rig_sum_add(&before, unpacker.block);
	assert(nr_flow_part_pack(&packer, unpacker.block, 0, unpacker.block->count, UINT64_MAX, NULL) == 0);
	assert(unpack(packer.out.bytes, packer.out.length, UINT64_MAX, NULL) == 0);
	rig_sum_add(&after, unpacker.block);
	assert(before.rows == after.rows && before.sum == after.sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < sizeof(struct nr_flow_part_head) || size > 1 << 20)
		return 0;
	if (!packer.rows && (nr_flow_packer_init(&packer, NULL) || nr_flow_unpacker_init(&unpacker, NULL)))
		abort();
	uint8_t *part = aligned_alloc(8, (size + 7) / 8 * 8);
	assert(part);
	memcpy(part, data, size);
	(void)unpack(part, size, UINT64_MAX, NULL);
	mend(part, size);
	if (unpack(part, size, UINT64_MAX, NULL) == 0) {
		struct nr_address host = nr_flow_address(unpacker.block, NR_FLOW_SOURCE_LOW, 0);
		check_again();
		(void)unpack(part, size, NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(DESTINATION_AS), &host);
		(void)unpack(part, size, NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_LOW), NULL);
	}
	free(part);
	return 0;
}
