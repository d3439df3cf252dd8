/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/mmdb.h"
#include "base/file.h"

#include <errno.h>
#include <string.h>

/* A branch is another node, a network's record, or nothing. */
#define NOTHING UINT32_MAX
#define RECORD  UINT32_C(0x80000000) /* | number of the network */

#define SEPARATOR   16 /* zero bytes between tree and data */
#define RECORD_BITS 32
#define IPV4_DEPTH  96 /* IPv4 lives at ::/96 */

struct node {
	uint32_t branch[2];
};

struct tree {
	struct node *nodes; /* owned */
	uint32_t count, room;
	bool failed;
};

struct data {
	uint8_t *bytes; /* owned */
	size_t length, room;
	bool failed;
};

static uint32_t tree_node(struct tree *tree, uint32_t branches)
{
	if (tree->count == tree->room) {
		uint32_t room = tree->room ? 2 * tree->room : 4096;
		void *nodes = realloc(tree->nodes, room * sizeof *tree->nodes);
		if (!nodes) {
			tree->failed = true;
			return 0;
		}
		tree->nodes = nodes;
		tree->room = room;
	}
	tree->nodes[tree->count] = (struct node){{branches, branches}};
	return tree->count++;
}

/* Sets what is below a prefix of `length` bits, splitting a shorter one that is there already. */
static void tree_set(struct tree *tree, const uint8_t bits[static 16], unsigned length, uint32_t what)
{
	uint32_t at = 0;
	for (unsigned depth = 0; depth < length && !tree->failed; depth++) {
		unsigned bit = bits[depth / 8] >> (7 - depth % 8) & 1;
		uint32_t next = tree->nodes[at].branch[bit];
		if (depth == length - 1) {
			tree->nodes[at].branch[bit] = what;
			return;
		}
		if (next & RECORD) { /* a record or nothing: it goes on below in both halves */
			if (next == what)
				return;
			uint32_t made = tree_node(tree, next);
			if (tree->failed)
				return;
			tree->nodes[at].branch[bit] = made;
			next = made;
		}
		at = next;
	}
}

static void tree_set_ipv4(struct tree *tree, uint32_t base, unsigned length, uint32_t what)
{
	uint8_t bits[16] = {0};
	for (unsigned i = 0; i < 4; i++)
		bits[12 + i] = (uint8_t)(base >> (24 - 8 * i));
	tree_set(tree, bits, IPV4_DEPTH + length, what);
}

static void tree_set_ipv6(struct tree *tree)
{
	for (uint32_t number = 0; number < NR_WORLD_IPV6_OWNED && !tree->failed; number++) {
		const uint8_t bits[16] = {0x3f, 0xff, (uint8_t)(number >> 8), (uint8_t)number};
		tree_set(tree, bits, 32, RECORD | number % NR_WORLD_NETWORKS);
	}
}

static bool covered(const struct nr_geography *g, const struct nr_world_block *b)
{
	for (size_t i = 0; i < g->excluded_count; i++) {
		const struct nr_world_range *x = &g->excluded[i];
		if (x->length <= b->length &&
			(x->length == 0 || (b->base ^ x->base) >> (32 - x->length) == 0))
			return true;
	}
	return false;
}

/* ::ffff:0:0/96 leads to the same tree, for readers that ask with mapped addresses. */
static void tree_alias_mapped(struct tree *tree)
{
	uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};
	uint32_t at = 0;
	for (unsigned depth = 0; depth < IPV4_DEPTH; depth++) /* always ::/96: all bits 0 */
		at = tree->nodes[at].branch[0];
	tree_set(tree, mapped, IPV4_DEPTH, at);
}

static void tree_build(struct tree *tree, const struct nr_geography *g)
{
	tree_node(tree, NOTHING);
	for (size_t i = 0; i < g->block_count && !tree->failed; i++)
		if (!covered(g, &g->blocks[i]))
			tree_set_ipv4(
				tree, g->blocks[i].base, g->blocks[i].length, RECORD | g->blocks[i].network);
	for (size_t i = 0; i < g->excluded_count && !tree->failed; i++)
		tree_set_ipv4(tree, g->excluded[i].base, g->excluded[i].length, NOTHING);
	tree_set_ipv6(tree);
	if (!tree->failed)
		tree_alias_mapped(tree);
}

static void put_bytes(struct data *data, const void *bytes, size_t length)
{
	if (data->length + length > data->room) {
		size_t room = 2 * (data->length + length) + 4096;
		void *grown = realloc(data->bytes, room);
		if (!grown) {
			data->failed = true;
			return;
		}
		data->bytes = grown;
		data->room = room;
	}
	memcpy(data->bytes + data->length, bytes, length);
	data->length += length;
}

static void put_byte(struct data *data, uint8_t byte)
{
	put_bytes(data, &byte, 1);
}

static void put_big_endian(struct data *data, uint64_t value, unsigned bytes)
{
	while (bytes-- > 0)
		put_byte(data, (uint8_t)(value >> (8 * bytes)));
}

/* Types of the format's data section. */
enum { TYPE_TEXT = 2, TYPE_UINT16 = 5, TYPE_UINT32 = 6, TYPE_MAP = 7, TYPE_UINT64 = 9, TYPE_ARRAY = 11 };

/* The control byte(s). Sizes here stay below 29 + 256. */
static void put_control(struct data *data, unsigned type, size_t size)
{
	uint8_t first = (uint8_t)(size < 29 ? size : 29);
	put_byte(data, (uint8_t)((type < 8 ? type << 5 : 0) | first));
	if (type >= 8)
		put_byte(data, (uint8_t)(type - 7));
	if (size >= 29)
		put_byte(data, (uint8_t)(size - 29));
}

static void put_text(struct data *data, const char *text)
{
	put_control(data, TYPE_TEXT, strlen(text));
	put_bytes(data, text, strlen(text));
}

/* Unsigned numbers are written without leading zero bytes. */
static void put_uint(struct data *data, unsigned type, uint64_t value)
{
	unsigned bytes = 0;
	while (bytes < 8 && value >> (8 * bytes))
		bytes++;
	put_control(data, type, bytes);
	put_big_endian(data, value, bytes);
}

static void put_network(struct data *data, const struct nr_world_network *network)
{
	const struct nr_world_country *country = &nr_world_countries[network->country];
	put_control(data, TYPE_MAP, 3);
	put_text(data, "country");
	put_control(data, TYPE_MAP, 2);
	put_text(data, "iso_code");
	put_text(data, country->code);
	put_text(data, "names");
	put_control(data, TYPE_MAP, 1);
	put_text(data, "en");
	put_text(data, country->name_en);
	put_text(data, "autonomous_system_number");
	put_uint(data, TYPE_UINT32, network->asn);
	put_text(data, "autonomous_system_organization");
	put_text(data, network->name);
}

static void put_metadata(struct data *data, uint32_t node_count, nr_time build)
{
	put_bytes(data, "\xab\xcd\xefMaxMind.com", 14);
	put_control(data, TYPE_MAP, 9);
	put_text(data, "binary_format_major_version");
	put_uint(data, TYPE_UINT16, 2);
	put_text(data, "binary_format_minor_version");
	put_uint(data, TYPE_UINT16, 0);
	put_text(data, "build_epoch");
	put_uint(data, TYPE_UINT64, (uint64_t)(build / NR_SECOND));
	put_text(data, "database_type");
	put_text(data, "Noroshi-World");
	put_text(data, "description");
	put_control(data, TYPE_MAP, 1);
	put_text(data, "en");
	put_text(data, "Made-up countries and networks of a synthetic world");
	put_text(data, "ip_version");
	put_uint(data, TYPE_UINT16, 6);
	put_text(data, "languages");
	put_control(data, TYPE_ARRAY, 1);
	put_text(data, "en");
	put_text(data, "node_count");
	put_uint(data, TYPE_UINT32, node_count);
	put_text(data, "record_size");
	put_uint(data, TYPE_UINT16, RECORD_BITS);
}

/* A branch as the file has it: a node number, node_count for nothing, or an offset into the data section. */
static uint32_t branch_value(const struct tree *tree, const uint32_t *offsets, uint32_t branch)
{
	if (branch == NOTHING)
		return tree->count;
	if (branch & RECORD)
		return tree->count + SEPARATOR + offsets[branch & ~RECORD];
	return branch;
}

static void put_file(struct data *file, const struct tree *tree, const struct nr_geography *g, nr_time build)
{
	static const uint8_t zeros[SEPARATOR];
	uint32_t offsets[NR_WORLD_NETWORKS];
	struct data records = {0};
	for (size_t i = 0; i < NR_WORLD_NETWORKS; i++) {
		offsets[i] = (uint32_t)records.length;
		put_network(&records, &g->networks[i]);
	}
	file->failed |= records.failed;
	for (uint32_t i = 0; i < tree->count && !file->failed; i++)
		for (unsigned bit = 0; bit < 2; bit++)
			put_big_endian(file, branch_value(tree, offsets, tree->nodes[i].branch[bit]),
				RECORD_BITS / 8);
	put_bytes(file, zeros, sizeof zeros);
	if (!file->failed)
		put_bytes(file, records.bytes, records.length);
	put_metadata(file, tree->count, build);
	free(records.bytes);
}

int nr_mmdb_write(
	const char *path, const struct nr_geography *geography, nr_time build, struct nr_error *error)
{
	struct tree tree = {0};
	struct data file = {0};
	int rc;
	tree_build(&tree, geography);
	if (!tree.failed)
		put_file(&file, &tree, geography, build);
	if (tree.failed || file.failed)
		rc = nr_fail(error, -ENOMEM, "%s: out of memory", path);
	else
		rc = nr_file_write(path, file.bytes, file.length, error);
	free(tree.nodes);
	free(file.bytes);
	return rc;
}
