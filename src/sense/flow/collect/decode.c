/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each operation is a loop over rows with everything that does not change taken out of it: width, column,
 * whether only zeros are filled. The loops are written by macros because C has no other way to have one text
 * and many types.
 */
#include "sense/flow/collect/decode.h"

#include <string.h>

#define NTP_UNIX_SECONDS INT64_C(2208988800) /* from 1900 to 1970 */
#define NTP_ERA          (INT64_C(1) << 32)
#define IPV4_PREFIX      (UINT64_C(0xffff) << 32)

/* Where the values of one operation are: `count` of them, `stride` bytes apart. */
struct span {
	const uint8_t *at;
	size_t stride;
	uint32_t count;
	unsigned length;
};

NR_INLINE uint64_t load_any(const uint8_t *at, unsigned length)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < length; i++)
		value = value << 8 | at[i];
	return value;
}
NR_INLINE uint64_t load2(const uint8_t *at, unsigned length NR_UNUSED)
{
	uint16_t v;
	memcpy(&v, at, sizeof v);
	return __builtin_bswap16(v);
}
NR_INLINE uint64_t load4(const uint8_t *at, unsigned length NR_UNUSED)
{
	uint32_t v;
	memcpy(&v, at, sizeof v);
	return __builtin_bswap32(v);
}
NR_INLINE uint64_t load8(const uint8_t *at, unsigned length NR_UNUSED)
{
	uint64_t v;
	memcpy(&v, at, sizeof v);
	return __builtin_bswap64(v);
}
NR_INLINE uint64_t load1(const uint8_t *at, unsigned length NR_UNUSED)
{
	return *at;
}

/* ---- integers ---- */

/* The loop for one type of column: `expression` of `value`, stored where `condition`. UNROLL rows at a time:
 * the loops of a few instructions each are most of what decoding costs. Nothing of the span is read in it, as
 * a store of octets could be to the span for all that the compiler knows. */
#define UNROLL 4
#define ROW(type, load, expression, condition)                                                               \
	do {                                                                                                 \
		uint64_t value = load(at, length);                                                           \
		if (condition)                                                                               \
			to[i] = (type)(expression);                                                          \
	} while (0)
#define LOOP(type, load, expression, condition)                                                              \
	do {                                                                                                 \
		type *restrict to = column;                                                                  \
		const uint8_t *at = span->at;                                                                \
		const size_t stride = span->stride, count = span->count;                                     \
		const unsigned length = span->length;                                                        \
		size_t i = 0;                                                                                \
		for (size_t left = count / UNROLL; left; left--)                                             \
			for (unsigned k = 0; k < UNROLL; k++, i++, at += stride)                             \
				ROW(type, load, expression, condition);                                      \
		for (; i < count; i++, at += stride)                                                         \
			ROW(type, load, expression, condition);                                              \
	} while (0)
#define BY_LENGTH(type, expression, condition)                                                               \
	do {                                                                                                 \
		switch (span->length) {                                                                      \
		case 1:                                                                                      \
			LOOP(type, load1, expression, condition);                                            \
			break;                                                                               \
		case 2:                                                                                      \
			LOOP(type, load2, expression, condition);                                            \
			break;                                                                               \
		case 4:                                                                                      \
			LOOP(type, load4, expression, condition);                                            \
			break;                                                                               \
		case 8:                                                                                      \
			LOOP(type, load8, expression, condition);                                            \
			break;                                                                               \
		default:                                                                                     \
			LOOP(type, load_any, expression, condition);                                         \
		}                                                                                            \
	} while (0)

/* Of each pair of widths two loops: the one that stores all, and the one that fills what is zero. */
typedef void store_fn(const struct span *span, void *column);
#define STORE(type, load)                                                                                    \
	static void store_##type##_##load(const struct span *span, void *column)                             \
	{                                                                                                    \
		LOOP(type, load, value, true);                                                               \
	}                                                                                                    \
	static void fill_##type##_##load(const struct span *span, void *column)                              \
	{                                                                                                    \
		LOOP(type, load, value, to[i] == 0);                                                         \
	}
STORE(uint8_t, load1)
STORE(uint16_t, load1)
STORE(uint16_t, load2)
STORE(uint32_t, load1)
STORE(uint32_t, load2)
STORE(uint32_t, load4)
STORE(uint32_t, load_any)
STORE(uint64_t, load1)
STORE(uint64_t, load2)
STORE(uint64_t, load4)
STORE(uint64_t, load8)
STORE(uint64_t, load_any)

/* By the logarithm of the column's width, the length of the field, and whether it fills. */
#define STORED(type, load)                                                                                   \
	{                                                                                                    \
		store_##type##_##load, fill_##type##_##load                                                  \
	}
static store_fn *const stores[4][9][2] = {
	{[1] = STORED(uint8_t, load1)},
	{[1] = STORED(uint16_t, load1), [2] = STORED(uint16_t, load2)},
	{[1] = STORED(uint32_t, load1),
		[2] = STORED(uint32_t, load2),
		[3] = STORED(uint32_t, load_any),
		[4] = STORED(uint32_t, load4)},
	{[1] = STORED(uint64_t, load1),
		[2] = STORED(uint64_t, load2),
		[3] = STORED(uint64_t, load_any),
		[4] = STORED(uint64_t, load4),
		[5] = STORED(uint64_t, load_any),
		[6] = STORED(uint64_t, load_any),
		[7] = STORED(uint64_t, load_any),
		[8] = STORED(uint64_t, load8)},
};

/* What a column cannot hold of a longer number is its beginning. */
static void store_uint(struct span *span, void *column, unsigned width, bool fill)
{
	if (span->length > width) {
		span->at += span->length - width;
		span->length = width;
	}
	stores[__builtin_ctz(width)][span->length][fill](span, column);
}

static void add_flags(const struct span *span, void *column)
{
	BY_LENGTH(uint16_t, to[i] | value, true);
}

static void store_dscp(const struct span *span, void *column)
{
	BY_LENGTH(uint8_t, value << 2, to[i] == 0);
}

static void store_direction(const struct span *span, void *column)
{
	BY_LENGTH(uint8_t, value + 1, value < 2);
}

/* ---- codes ---- */

/* draft-ietf-behave-ipfix-nat-logging-02 by RFC 8158's numbers. */
static const uint8_t draft_events[] = {0, 4, 5, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};

static uint64_t nat_event(uint64_t value, bool draft)
{
	if (draft)
		return value < NR_COUNT(draft_events) ? draft_events[value] : 0;
	return value < NR_FLOW_EVENT_FIREWALL ? value : 0;
}

static void store_nat_event(const struct span *span, void *column, bool draft)
{
	BY_LENGTH(uint8_t, nat_event(value, draft), to[i] == 0);
}

static void store_firewall(const struct span *span, void *column)
{
	BY_LENGTH(uint8_t, NR_FLOW_EVENT_FIREWALL + value, value && value < 128 && to[i] == 0);
}

static void store_mpls(const struct span *span, void *column)
{
	unsigned shift = span->length == 3 ? 4 : 12;
	LOOP(uint32_t, load_any, value >> shift, to[i] == 0);
}

/* One octet of engine; the selector behind it, of which the last three octets are kept (RFC 6759). */
NR_INLINE uint64_t load_application(const uint8_t *at, unsigned length)
{
	unsigned selector = NR_MIN(length - 1, 3u);
	return (uint64_t)at[0] << 24 | load_any(at + length - selector, selector);
}
static void store_application(const struct span *span, void *column)
{
	LOOP(uint32_t, load_application, value, to[i] == 0);
}

/* ---- addresses ---- */

static void store_ipv4(const struct span *span, void *column) /* the high half is zero already */
{
	LOOP(uint64_t, load4, IPV4_PREFIX | value, true);
}

static void fill_ipv4(const struct span *span, const uint64_t *high, void *column)
{
	LOOP(uint64_t, load4, IPV4_PREFIX | value, to[i] == 0 && high[i] == 0);
}

static void store_ipv6(const struct span *span, uint64_t *restrict high, uint64_t *restrict low, bool fill)
{
	const uint8_t *at = span->at;
	for (uint32_t i = 0; i < span->count; i++, at += span->stride) {
		uint64_t h = load8(at, 8), l = load8(at + 8, 8);
		/* An IPv4 address of zero stands for "none" beside an IPv6 one that is not. */
		if (fill && (high[i] || (low[i] & UINT32_MAX) || !(h | l)))
			continue;
		high[i] = h;
		low[i] = l;
	}
}

/* ---- times ---- */

static int64_t from_ntp(uint64_t value, bool us)
{
	int64_t seconds = (int64_t)(value >> 32);
	uint64_t fraction = value & UINT32_MAX;
	if (value == 0)
		return 0;
	if (seconds < NTP_UNIX_SECONDS && seconds > 0x10000000 && seconds < 0x40000000)
		return (int64_t)(value / 1000); /* nanoseconds since 1970, as some write them */
	if (seconds < NTP_ERA / 2)
		seconds += NTP_ERA; /* from 2036 on */
	return (seconds - NTP_UNIX_SECONDS) * NR_SECOND +
	       (int64_t)(us ? fraction : fraction * (uint64_t)NR_SECOND >> 32);
}

static void note_fractions(struct nr_flow_fractions *fractions, const struct span *span)
{
	const uint8_t *at = span->at + 4;
	for (uint32_t i = 0; i < span->count && !fractions->sound; i++, at += span->stride) {
		uint64_t fraction = load4(at, 4);
		fractions->sound = fraction >= (uint64_t)NR_SECOND;
		fractions->small += fraction && fractions->small < NR_FLOW_FRACTIONS;
	}
}

static int64_t from_ms(uint64_t value)
{
	return value < (uint64_t)INT64_MAX / 1000 ? (int64_t)value * 1000 : 0;
}

/* A relative time of 32 bits wraps: what counts is how far it is from now. */
static int64_t from_uptime(const struct nr_flow_run *run, uint64_t value)
{
	return run->uptime_us + (int64_t)(int32_t)((uint32_t)value - run->uptime_ms) * 1000;
}

static void store_uptime(const struct nr_flow_run *run, const struct span *span, void *column, bool fill)
{
	if (fill)
		BY_LENGTH(int64_t, from_uptime(run, value), to[i] == 0);
	else
		BY_LENGTH(int64_t, from_uptime(run, value), true);
}

/* IPFIX: from the boot that the record says, or options; without either there is no time. */
static void store_since_boot(const struct nr_flow_run *run, const uint64_t *boots, const struct span *span,
	int64_t *restrict to, bool fill)
{
	const uint8_t *at = span->at;
	for (uint32_t i = 0; i < span->count; i++, at += span->stride) {
		int64_t boot = boots && boots[i] ? from_ms(boots[i]) : run->boot_us;
		if (!fill || to[i] == 0)
			to[i] = boot ? boot + (int64_t)(load_any(at, span->length) & UINT32_MAX) * 1000 : 0;
	}
}

static void store_seconds(const struct span *span, void *column, bool fill)
{
	if (fill)
		BY_LENGTH(int64_t, (value & UINT32_MAX) * NR_SECOND, to[i] == 0);
	else
		BY_LENGTH(int64_t, (value & UINT32_MAX) * NR_SECOND, true);
}

static void store_milliseconds(const struct span *span, void *column, bool fill)
{
	if (fill)
		BY_LENGTH(int64_t, from_ms(value), to[i] == 0);
	else
		BY_LENGTH(int64_t, from_ms(value), true);
}

static void store_ntp(const struct nr_flow_run *run, const struct span *span, void *column)
{
	note_fractions(run->fractions, span);
	bool us = nr_flow_fractions_are_us(run->fractions);
	LOOP(int64_t, load8, from_ntp(value, us), to[i] == 0);
}

static void store_before_export(const struct nr_flow_run *run, const struct span *span, void *column)
{
	int64_t exported = run->exported_us;
	BY_LENGTH(int64_t, exported - (int64_t)(value & UINT32_MAX), to[i] == 0);
}

/* ---- one operation ---- */

static void *cell(const struct nr_flow_run *run, unsigned column, uint32_t row)
{
	return (char *)nr_flow_column_at(run->block, column) +
	       (size_t)(run->first + row) * nr_flow_columns[column].width;
}

/* Out of line: with all these loops in it run_op() would save registers that most fields do not use. */
__attribute__((noinline)) static void run_rare(const struct nr_flow_run *run, const struct nr_flow_plan *plan,
	const struct nr_flow_op *op, const struct span *span, uint32_t row)
{
	void *column = cell(run, op->column, row);
	switch (op->kind) {
	case NR_FLOW_OP_IPV4:
		fill_ipv4(span, cell(run, op->column - 1u, row), column);
		break;
	case NR_FLOW_OP_IPV6:
		store_ipv6(span, cell(run, op->column - 1u, row), column, op->fill);
		break;
	case NR_FLOW_OP_FLAGS:
		add_flags(span, column);
		break;
	case NR_FLOW_OP_DSCP:
		store_dscp(span, column);
		break;
	case NR_FLOW_OP_DIRECTION:
		store_direction(span, column);
		break;
	case NR_FLOW_OP_NAT_EVENT:
		store_nat_event(span, column, run->nat_draft);
		break;
	case NR_FLOW_OP_FIREWALL:
		store_firewall(span, column);
		break;
	case NR_FLOW_OP_MPLS:
		store_mpls(span, column);
		break;
	case NR_FLOW_OP_APPLICATION:
		store_application(span, column);
		break;
	case NR_FLOW_OP_UPTIME:
		if (run->uptime_us)
			store_uptime(run, span, column, op->fill);
		else
			store_since_boot(run,
				plan->facts >> NR_FLOW_FACT_BOOT & 1 ? run->facts[NR_FLOW_FACT_BOOT] + row
								     : NULL,
				span, column, op->fill);
		break;
	case NR_FLOW_OP_SECONDS:
		store_seconds(span, column, op->fill);
		break;
	case NR_FLOW_OP_MILLISECONDS:
		store_milliseconds(span, column, op->fill);
		break;
	case NR_FLOW_OP_NTP:
		store_ntp(run, span, column);
		break;
	default:
		store_before_export(run, span, column);
	}
}

static void run_op(const struct nr_flow_run *run, const struct nr_flow_plan *plan,
	const struct nr_flow_op *op, struct span *span, uint32_t row)
{
	if (op->kind == NR_FLOW_OP_UINT)
		store_uint(span, cell(run, op->column, row), nr_flow_columns[op->column].width, op->fill);
	else if (op->kind == NR_FLOW_OP_IPV4 && !op->fill)
		store_ipv4(span, cell(run, op->column, row));
	else if (op->kind == NR_FLOW_OP_FACT)
		store_uint(span, run->facts[op->column] + row, sizeof(uint64_t), op->fill);
	else
		run_rare(run, plan, op, span, row);
}

/* ---- all of them ---- */

void nr_flow_decode_begin(struct nr_flow_run *run, const struct nr_flow_plan *plan)
{
	for (uint64_t left = plan->zeroed; left; left &= left - 1) {
		unsigned column = (unsigned)__builtin_ctzll(left);
		memset(cell(run, column, 0), 0, (size_t)run->count * nr_flow_columns[column].width);
	}
}

void nr_flow_decode(
	struct nr_flow_run *run, const struct nr_flow_plan *plan, const uint8_t *records, uint32_t length)
{
	for (unsigned i = 0; i < plan->op_count; i++) {
		const struct nr_flow_op *op = &plan->ops[i];
		struct span span = {records + op->offset, length, run->count, op->length};
		run_op(run, plan, op, &span, 0);
	}
}

void nr_flow_decode_values(
	struct nr_flow_run *run, const struct nr_flow_plan *plan, uint32_t row, const struct nr_value *values)
{
	for (unsigned i = 0; i < plan->op_count; i++) {
		const struct nr_flow_op *op = &plan->ops[i];
		const struct nr_value *value = &values[op->field];
		struct span span = {value->bytes, 0, 1, value->length};
		if (op->length != NR_ELEMENT_VARIABLE || nr_flow_op_is_readable(op->kind, value->length))
			run_op(run, plan, op, &span, row);
		else if (op->kind == NR_FLOW_OP_FACT && !op->fill)
			run->facts[op->column][row] = 0;
	}
}

void nr_flow_decode_missing(struct nr_flow_run *run, const struct nr_flow_plan *plan, uint32_t row,
	const struct nr_value *values, uint64_t allowed)
{
	for (unsigned i = 0; i < plan->op_count; i++) {
		struct nr_flow_op op = plan->ops[i];
		const struct nr_value *value = &values[op.field];
		struct span span = {value->bytes, 0, 1, value->length};
		if (op.kind == NR_FLOW_OP_FACT || !(allowed >> op.column & 1) ||
			!nr_flow_op_is_readable(op.kind, value->length))
			continue;
		op.fill = true;
		run_op(run, plan, &op, &span, row);
	}
}
