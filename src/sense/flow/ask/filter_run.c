/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One test over the rows of a selection. Every loop writes each row to the end of the result and moves the
 * end by whether it matches: no branch that could be guessed wrong.
 */
#include "sense/flow/ask/filter_inside.h"

/* A column, or a single zero where the block has none: rows are looked up under the mask. */
struct view {
	const void *at;
	uint32_t mask;
};
static const uint64_t zero;

static struct view view_of(const struct nr_flow_block *block, unsigned column)
{
	const void *at = nr_flow_column(block, column);
	return at ? (struct view){at, UINT32_MAX} : (struct view){&zero, 0};
}

struct job {
	const struct filter_leaf *leaf;
	const struct nr_flow_block *block;
	const uint32_t *in; /* NULL: all */
	size_t count;
	uint32_t *out;
};

#define SELECT(match)                                                                                        \
	do {                                                                                                 \
		const uint32_t *in = job->in;                                                                \
		uint32_t *out = job->out;                                                                    \
		const bool negated = job->leaf->negated;                                                     \
		size_t n = 0;                                                                                \
		if (in)                                                                                      \
			for (size_t i = 0; i < job->count; i++) {                                            \
				const uint32_t row = in[i];                                                  \
				out[n] = row;                                                                \
				n += (bool)(match) != negated;                                               \
			}                                                                                    \
		else                                                                                         \
			for (uint32_t row = 0; row < job->count; row++) {                                    \
				out[n] = row;                                                                \
				n += (bool)(match) != negated;                                               \
			}                                                                                    \
		return n;                                                                                    \
	} while (0)

/* A test of numbers for a column of this width; of two columns either may match. */
#define DEFINE_NUMBERS(bits, name, condition)                                                                \
	static size_t name##_##bits(const struct job *job)                                                   \
	{                                                                                                    \
		const struct filter_leaf *leaf = job->leaf;                                                  \
		const struct view a = view_of(job->block, leaf->a);                                          \
		const uint##bits##_t *va = a.at;                                                             \
		if (leaf->b == FILTER_NO_COLUMN)                                                             \
			SELECT(condition(leaf, va[row & a.mask]));                                           \
		const struct view b = view_of(job->block, leaf->b);                                          \
		const uint##bits##_t *vb = b.at;                                                             \
		SELECT((int)condition(leaf, va[row & a.mask]) | (int)condition(leaf, vb[row & b.mask]));     \
	}

NR_INLINE bool in_range(const struct filter_leaf *leaf, uint64_t value)
{
	return value - leaf->range.low <= leaf->range.high - leaf->range.low;
}

NR_INLINE bool masked(const struct filter_leaf *leaf, uint64_t value)
{
	return (value & leaf->masked.mask) == leaf->masked.wanted;
}

NR_INLINE bool in_ports(const struct filter_leaf *leaf, uint16_t value)
{
	return leaf->ports[value >> 3] >> (value & 7) & 1;
}

static bool in_spans(const struct filter_leaf *leaf, uint64_t value)
{
	size_t low = 0, high = leaf->span_count;
	while (low < high) { /* the first span that does not end before the value */
		size_t middle = (low + high) / 2;
		if (leaf->spans[middle].high < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low < leaf->span_count && leaf->spans[low].low <= value;
}

DEFINE_NUMBERS(8, range, in_range)
DEFINE_NUMBERS(16, range, in_range)
DEFINE_NUMBERS(32, range, in_range)
DEFINE_NUMBERS(64, range, in_range)
DEFINE_NUMBERS(8, masked, masked)
DEFINE_NUMBERS(16, masked, masked)
DEFINE_NUMBERS(32, masked, masked)
DEFINE_NUMBERS(64, masked, masked)
DEFINE_NUMBERS(8, spans, in_spans)
DEFINE_NUMBERS(16, spans, in_spans)
DEFINE_NUMBERS(32, spans, in_spans)
DEFINE_NUMBERS(64, spans, in_spans)
DEFINE_NUMBERS(16, ports, in_ports)

/* ---- addresses ---- */

struct address_view {
	struct view high, low;
};

static struct address_view address_view_of(const struct nr_flow_block *block, unsigned column)
{
	return (struct address_view){view_of(block, column - 1), view_of(block, column)};
}

NR_INLINE uint64_t high_at(const struct address_view *v, uint32_t row)
{
	return ((const uint64_t *)v->high.at)[row & v->high.mask];
}

NR_INLINE uint64_t low_at(const struct address_view *v, uint32_t row)
{
	return ((const uint64_t *)v->low.at)[row & v->low.mask];
}

NR_INLINE bool in_prefix(const struct filter_leaf *leaf, const struct address_view *v, uint32_t row)
{
	return (((high_at(v, row) ^ leaf->prefix.high) & leaf->prefix.mask_high) |
		       ((low_at(v, row) ^ leaf->prefix.low) & leaf->prefix.mask_low)) == 0;
}

static size_t prefix(const struct job *job)
{
	const struct filter_leaf *leaf = job->leaf;
	const struct address_view a = address_view_of(job->block, leaf->a);
	if (leaf->b == FILTER_NO_COLUMN)
		SELECT(in_prefix(leaf, &a, row));
	const struct address_view b = address_view_of(job->block, leaf->b);
	SELECT((int)in_prefix(leaf, &a, row) | (int)in_prefix(leaf, &b, row));
}

static bool in_table(const struct filter_leaf *leaf, const struct address_view *v, uint32_t row)
{
	uint64_t high = high_at(v, row), low = low_at(v, row);
	if (high == 0 && low >> 32 == 0xffff)
		return nr_prefix_table_find_ipv4(leaf->table, (uint32_t)low) != NR_PREFIX_NONE;
	struct nr_address address;
	high = __builtin_bswap64(high);
	low = __builtin_bswap64(low);
	memcpy(address.octets, &high, 8);
	memcpy(address.octets + 8, &low, 8);
	return nr_prefix_table_find(leaf->table, &address) != NR_PREFIX_NONE;
}

static size_t prefixes(const struct job *job)
{
	const struct filter_leaf *leaf = job->leaf;
	const struct address_view a = address_view_of(job->block, leaf->a);
	if (leaf->b == FILTER_NO_COLUMN)
		SELECT(in_table(leaf, &a, row));
	const struct address_view b = address_view_of(job->block, leaf->b);
	SELECT(in_table(leaf, &a, row) || in_table(leaf, &b, row));
}

/* ---- streams, rates, what is computed ---- */

static bool stream_matches(const struct filter_leaf *leaf, const struct nr_flow_stream *stream)
{
	uint64_t high, low;
	bool has_engine = stream->export == NR_FLOW_NETFLOW5; /* of others the domain is one number */
	switch ((enum filter_stream_field)leaf->what) {
	case FILTER_EXPORTER:
		nr_flow_address_split(&stream->exporter, &high, &low);
		return (((high ^ leaf->prefix.high) & leaf->prefix.mask_high) |
			       ((low ^ leaf->prefix.low) & leaf->prefix.mask_low)) == 0;
	case FILTER_DOMAIN:
		return in_range(leaf, stream->domain);
	case FILTER_EXPORT:
		return in_range(leaf, stream->export);
	case FILTER_ENGINE_TYPE:
		return has_engine && in_range(leaf, stream->domain >> 8 & 0xff);
	case FILTER_ENGINE_ID:
		return has_engine && in_range(leaf, stream->domain & 0xff);
	}
	return false;
}

static size_t stream(const struct job *job)
{
	bool matches[NR_FLOW_STREAMS] = {false};
	for (uint32_t i = 0; i < job->block->stream_count; i++)
		matches[i] = stream_matches(job->leaf, &job->block->streams[i]);
	const struct view a = view_of(job->block, NR_FLOW_STREAM);
	const uint16_t *va = a.at;
	SELECT(matches[va[row & a.mask]]);
}

static size_t rate(const struct job *job)
{
	const struct view a = view_of(job->block, job->leaf->a);
	const float *va = a.at;
	const float low = job->leaf->rate.low, high = job->leaf->rate.high;
	SELECT(va[row & a.mask] >= low && va[row & a.mask] <= high);
}

/* Whether low <= numerator / divisor (rounded down) <= high. */
NR_INLINE bool quotient_in_range(
	const struct filter_leaf *leaf, unsigned __int128 numerator, uint64_t divisor)
{
	if (divisor == 0)
		return leaf->range.low == 0;
	return numerator >= (unsigned __int128)leaf->range.low * divisor &&
	       numerator < ((unsigned __int128)leaf->range.high + 1) * divisor;
}

static size_t port_in_block(const struct job *job)
{
	const struct view port = view_of(job->block, job->leaf->a);
	const struct view start = view_of(job->block, NR_FLOW_POST_SOURCE_PORT);
	const struct view end = view_of(job->block, NR_FLOW_PORT_BLOCK_END);
	const uint16_t *vport = port.at, *vstart = start.at, *vend = end.at;
	SELECT(vport[row & port.mask] >= vstart[row & start.mask] &&
		vport[row & port.mask] <= vend[row & end.mask] && vend[row & end.mask]);
}

static size_t derived(const struct job *job)
{
	const struct filter_leaf *leaf = job->leaf;
	const struct view first = view_of(job->block, NR_FLOW_FIRST),
			  last = view_of(job->block, NR_FLOW_LAST);
	const struct view packets = view_of(job->block, NR_FLOW_PACKETS);
	const struct view bytes = view_of(job->block, NR_FLOW_BYTES);
	const int64_t *vfirst = first.at, *vlast = last.at;
	const uint64_t *vpackets = packets.at, *vbytes = bytes.at;
#define DURATION                                                                                             \
	(vlast[row & last.mask] > vfirst[row & first.mask]                                                   \
			? (uint64_t)vlast[row & last.mask] - (uint64_t)vfirst[row & first.mask]              \
			: 0)
	switch ((enum filter_derived)leaf->what) {
	case FILTER_DURATION_MS:
		SELECT(in_range(leaf, DURATION / 1000));
	case FILTER_PACKETS_PER_SECOND:
		SELECT(quotient_in_range(
			leaf, (unsigned __int128)vpackets[row & packets.mask] * 1000000, DURATION));
	case FILTER_BITS_PER_SECOND:
		SELECT(quotient_in_range(
			leaf, (unsigned __int128)vbytes[row & bytes.mask] * 8000000, DURATION));
	case FILTER_BYTES_PER_PACKET:
		SELECT(quotient_in_range(leaf, vbytes[row & bytes.mask], vpackets[row & packets.mask]));
	case FILTER_PORT_IN_BLOCK:
		return port_in_block(job);
	}
#undef DURATION
	return 0;
}

size_t filter_leaf_run(const struct filter_leaf *leaf, const struct nr_flow_block *block, const uint32_t *in,
	size_t count, uint32_t *out)
{
	typedef size_t kernel(const struct job *job);
	static kernel *const numbers[3][4] = {[FILTER_RANGE] = {range_8, range_16, range_32, range_64},
		[FILTER_MASKED] = {masked_8, masked_16, masked_32, masked_64},
		[FILTER_SPANS] = {spans_8, spans_16, spans_32, spans_64}};
	static kernel *const others[] = {[FILTER_PORTS] = ports_16,
		[FILTER_PREFIX] = prefix,
		[FILTER_PREFIXES] = prefixes,
		[FILTER_STREAM] = stream,
		[FILTER_RATE] = rate,
		[FILTER_DERIVED] = derived};
	const struct job job = {leaf, block, in, count, out};
	if (leaf->test <= FILTER_SPANS)
		return numbers[leaf->test][__builtin_ctz(nr_flow_columns[leaf->a].width)](&job);
	return others[leaf->test](&job);
}
