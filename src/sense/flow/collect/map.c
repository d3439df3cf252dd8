/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/collect/map.h"

#include <stdlib.h>
#include <string.h>

#define YAF         6871
#define YAF_REVERSE 0x4000 /* YAF's own elements of the other direction */

/* What an element fills. Of elements for one column the first in this table is worth most. */
struct meaning {
	uint32_t enterprise;
	uint16_t id;
	uint8_t kind, column;
};

#define UINT(id, COLUMN)                                                                                     \
	{                                                                                                    \
		0, id, NR_FLOW_OP_UINT, NR_FLOW_##COLUMN                                                     \
	}
#define KIND(id, KIND, COLUMN)                                                                               \
	{                                                                                                    \
		0, id, NR_FLOW_OP_##KIND, NR_FLOW_##COLUMN                                                   \
	}
#define REVERSE(id, COLUMN)                                                                                  \
	{                                                                                                    \
		NR_ENTERPRISE_REVERSE, id, NR_FLOW_OP_UINT, NR_FLOW_##COLUMN                                 \
	}
#define FACT(id, FACT)                                                                                       \
	{                                                                                                    \
		0, id, NR_FLOW_OP_FACT, NR_FLOW_FACT_##FACT                                                  \
	}

static const struct meaning meanings[] = {
	/* Facts stand first: operations on columns need them. */
	FACT(160, BOOT),
	FACT(161, DURATION_MS),
	FACT(162, DURATION_US),
	FACT(176, ICMP_TYPE),
	FACT(177, ICMP_CODE),
	FACT(178, ICMP_TYPE),
	FACT(179, ICMP_CODE),

	KIND(8, IPV4, SOURCE_LOW),
	KIND(27, IPV6, SOURCE_LOW),
	KIND(12, IPV4, DESTINATION_LOW),
	KIND(28, IPV6, DESTINATION_LOW),
	UINT(7, SOURCE_PORT),
	UINT(180, SOURCE_PORT), /* UDP */
	UINT(182, SOURCE_PORT), /* TCP */
	UINT(11, DESTINATION_PORT),
	UINT(181, DESTINATION_PORT),
	UINT(183, DESTINATION_PORT),
	UINT(32, DESTINATION_PORT),  /* ICMP type and code */
	UINT(139, DESTINATION_PORT), /* ICMPv6 */
	UINT(4, PROTOCOL),
	UINT(6, TCP_FLAGS),
	{YAF, 14, NR_FLOW_OP_FLAGS, NR_FLOW_TCP_FLAGS}, /* of the first packet */
	{YAF, 15, NR_FLOW_OP_FLAGS, NR_FLOW_TCP_FLAGS}, /* of all others */

	/* Deltas, totals, after the exporter's own treatment, a connection's initiator, layer 2. */
	UINT(2, PACKETS),
	UINT(86, PACKETS),
	UINT(298, PACKETS),
	UINT(24, PACKETS),
	UINT(172, PACKETS),
	UINT(1, BYTES),
	UINT(85, BYTES),
	UINT(231, BYTES),
	UINT(23, BYTES),
	UINT(171, BYTES),
	UINT(352, BYTES),
	REVERSE(2, REVERSE_PACKETS),
	REVERSE(86, REVERSE_PACKETS),
	UINT(299, REVERSE_PACKETS),
	REVERSE(1, REVERSE_BYTES),
	REVERSE(85, REVERSE_BYTES),
	UINT(232, REVERSE_BYTES),
	REVERSE(6, REVERSE_TCP_FLAGS),
	{YAF, YAF_REVERSE | 14, NR_FLOW_OP_FLAGS, NR_FLOW_REVERSE_TCP_FLAGS},
	{YAF, YAF_REVERSE | 15, NR_FLOW_OP_FLAGS, NR_FLOW_REVERSE_TCP_FLAGS},

	KIND(152, MILLISECONDS, FIRST),
	KIND(154, NTP, FIRST),
	KIND(156, NTP, FIRST),
	KIND(158, BEFORE_EXPORT, FIRST),
	KIND(22, UPTIME, FIRST),
	KIND(150, SECONDS, FIRST),
	KIND(153, MILLISECONDS, LAST),
	KIND(155, NTP, LAST),
	KIND(157, NTP, LAST),
	KIND(159, BEFORE_EXPORT, LAST),
	KIND(21, UPTIME, LAST),
	KIND(151, SECONDS, LAST),
	/* Of events and single packets. */
	KIND(323, MILLISECONDS, FIRST),
	KIND(324, NTP, FIRST),
	KIND(325, NTP, FIRST),
	KIND(322, SECONDS, FIRST),
	KIND(258, MILLISECONDS, FIRST),
	KIND(323, MILLISECONDS, LAST),
	KIND(324, NTP, LAST),
	KIND(325, NTP, LAST),
	KIND(322, SECONDS, LAST),
	KIND(258, MILLISECONDS, LAST),

	UINT(10, INPUT),
	UINT(252, INPUT),
	UINT(14, OUTPUT),
	UINT(253, OUTPUT),
	UINT(16, SOURCE_AS),
	UINT(129, SOURCE_AS), /* adjacent, where there is no more */
	UINT(17, DESTINATION_AS),
	UINT(128, DESTINATION_AS),
	UINT(5, TOS),
	KIND(195, DSCP, TOS),
	UINT(9, SOURCE_MASK),
	UINT(29, SOURCE_MASK),
	UINT(13, DESTINATION_MASK),
	UINT(30, DESTINATION_MASK),
	KIND(15, IPV4, NEXT_HOP_LOW),
	KIND(62, IPV6, NEXT_HOP_LOW),
	KIND(18, IPV4, NEXT_HOP_LOW), /* of BGP */
	KIND(63, IPV6, NEXT_HOP_LOW),
	KIND(61, DIRECTION, DIRECTION),
	UINT(136, END_REASON),
	UINT(89, FORWARDING),
	UINT(192, TTL),
	UINT(52, TTL), /* the smallest, the largest */
	UINT(53, TTL),
	UINT(31, FLOW_LABEL),
	UINT(58, VLAN),
	UINT(243, VLAN),
	UINT(59, POST_VLAN),
	UINT(254, POST_VLAN),
	KIND(70, MPLS, MPLS),
	UINT(56, SOURCE_MAC),
	UINT(81, SOURCE_MAC), /* after */
	UINT(80, DESTINATION_MAC),
	UINT(57, DESTINATION_MAC),
	KIND(95, APPLICATION, APPLICATION),

	UINT(148, CONNECTION),
	KIND(225, IPV4, POST_SOURCE_LOW),
	KIND(281, IPV6, POST_SOURCE_LOW),
	KIND(40001, IPV4, POST_SOURCE_LOW), /* 4000x: ASA before it had IANA's */
	KIND(226, IPV4, POST_DESTINATION_LOW),
	KIND(282, IPV6, POST_DESTINATION_LOW),
	KIND(40002, IPV4, POST_DESTINATION_LOW),
	UINT(227, POST_SOURCE_PORT),
	UINT(40003, POST_SOURCE_PORT),
	UINT(361, POST_SOURCE_PORT), /* a port block */
	UINT(228, POST_DESTINATION_PORT),
	UINT(40004, POST_DESTINATION_PORT),
	UINT(362, PORT_BLOCK_END),
	KIND(230, NAT_EVENT, EVENT),
	KIND(233, FIREWALL, EVENT),
	KIND(40005, FIREWALL, EVENT),
	UINT(234, INPUT_VRF),
	UINT(235, OUTPUT_VRF),
};

static const struct {
	uint16_t id, kind;
} part_kinds[] = {
	{291, NR_FLOW_PART_BASIC_LIST},
	{292, NR_FLOW_PART_TEMPLATE_LIST},
	{293, NR_FLOW_PART_MULTI_LIST},
	{313, NR_FLOW_PART_IP},
	{315, NR_FLOW_PART_FRAME},
};

/* ---- operations ---- */

bool nr_flow_op_is_readable(uint8_t kind, uint16_t length)
{
	switch (kind) {
	case NR_FLOW_OP_IPV4:
		return length == 4;
	case NR_FLOW_OP_IPV6:
		return length == 16;
	case NR_FLOW_OP_NTP:
		return length == 8;
	case NR_FLOW_OP_MPLS:
		return length == 3 || length == 4;
	case NR_FLOW_OP_APPLICATION:
		return length >= 1;
	default:
		return length >= 1 && length <= 8;
	}
}

/* Other operations write some rows only. */
static bool writes_all(uint8_t kind)
{
	switch (kind) {
	case NR_FLOW_OP_UINT:
	case NR_FLOW_OP_IPV4:
	case NR_FLOW_OP_IPV6:
	case NR_FLOW_OP_UPTIME:
	case NR_FLOW_OP_SECONDS:
	case NR_FLOW_OP_MILLISECONDS:
		return true;
	default:
		return false;
	}
}

struct compilation {
	const struct nr_flow_compiler *compiler;
	const struct nr_element *fields;
	uint16_t count;
	uint32_t offsets[NR_TEMPLATE_FIELDS]; /* meaningless behind a variable field */
	struct nr_flow_plan *plan;            /* NULL: only count */
	size_t ops, parts;
};

static void add_op(struct compilation *c, const struct meaning *meaning, uint16_t field)
{
	struct nr_flow_plan *plan = c->plan;
	uint8_t kind = meaning->kind;
	uint16_t length = c->fields[field].length;
	if (length != NR_ELEMENT_VARIABLE && !nr_flow_op_is_readable(kind, length))
		return;
	size_t at = c->ops++;
	if (!plan)
		return;
	struct nr_flow_op *op = &plan->ops[at];
	*op = (struct nr_flow_op){.kind = kind,
		.column = meaning->column,
		.field = field,
		.length = length,
		.offset = c->offsets[field]};
	if (kind == NR_FLOW_OP_FACT) {
		op->fill = plan->facts >> op->column & 1;
		plan->facts |= UINT32_C(1) << op->column;
		return;
	}
	bool first = !(plan->columns >> op->column & 1);
	/* What cannot be read in some record must find zeros there. */
	op->fill = !first || op->length == NR_ELEMENT_VARIABLE || !writes_all(kind);
	uint64_t bits = UINT64_C(1) << op->column;
	if (kind == NR_FLOW_OP_IPV6)
		bits |= bits >> 1; /* the ..._HIGH half stands before it */
	if (op->fill)
		plan->zeroed |= bits & ~plan->columns;
	plan->columns |= bits;
	if (kind == NR_FLOW_OP_SECONDS && first)
		plan->marks |= NR_FLOW_MARK_TIME_SECONDS;
}

static void add_part(struct compilation *c, uint16_t kind, uint16_t field, uint16_t name)
{
	size_t at = c->parts++;
	if (c->plan)
		c->plan->parts[at] =
			(struct nr_flow_part){kind, field, name, c->fields[field].length, c->offsets[field]};
}

static void compile_parts(struct compilation *c, uint16_t field)
{
	const struct nr_element *element = &c->fields[field];
	for (size_t i = 0; i < NR_COUNT(part_kinds); i++) {
		if (element->enterprise == 0 && element->id == part_kinds[i].id && element->length)
			add_part(c, part_kinds[i].kind, field, 0);
	}
	for (size_t i = 0; i < c->compiler->named_count; i++) {
		const struct nr_flow_named_element *named = &c->compiler->named[i];
		if (element->enterprise == named->enterprise && element->id == named->id)
			add_part(c, NR_FLOW_PART_NAMED, field, (uint16_t)i);
	}
}

/* By the order of meanings, so that what is worth most comes first in each column. */
static void compile(struct compilation *c)
{
	uint16_t first[NR_TEMPLATE_FIELDS];
	size_t known = 0;
	for (uint16_t i = 0; i < c->count; i++) /* most templates have few fields that mean something */
		for (size_t m = 0; m < NR_COUNT(meanings); m++) {
			if (meanings[m].id == c->fields[i].id &&
				meanings[m].enterprise == c->fields[i].enterprise) {
				first[known++] = i;
				break;
			}
		}
	for (size_t m = 0; m < NR_COUNT(meanings); m++)
		for (size_t k = 0; k < known; k++) {
			const struct nr_element *element = &c->fields[first[k]];
			if (meanings[m].id == element->id && meanings[m].enterprise == element->enterprise)
				add_op(c, &meanings[m], first[k]);
		}
	for (uint16_t i = 0; i < c->count; i++)
		compile_parts(c, i);
}

#define ALWAYS                                                                                               \
	(NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(STREAM) | NR_FLOW_BIT(MARKS) |                 \
		NR_FLOW_BIT(SAMPLING) | NR_FLOW_BIT(SAMPLING_FROM))
#define WRITTEN_LATER                                                                                        \
	(NR_FLOW_BIT(STREAM) | NR_FLOW_BIT(MARKS) | NR_FLOW_BIT(SAMPLING) | NR_FLOW_BIT(SAMPLING_FROM))
#define REVERSE_COLUMNS                                                                                      \
	(NR_FLOW_BIT(REVERSE_PACKETS) | NR_FLOW_BIT(REVERSE_BYTES) | NR_FLOW_BIT(REVERSE_TCP_FLAGS))

static void finish(struct nr_flow_plan *plan)
{
	uint64_t extra = ALWAYS;
	for (size_t i = 0; i < plan->part_count; i++) {
		switch (plan->parts[i].kind) {
		case NR_FLOW_PART_IP:
		case NR_FLOW_PART_FRAME:
			extra |= NR_FLOW_PACKET_COLUMNS;
			plan->marks |= NR_FLOW_MARK_PACKET;
			break;
		case NR_FLOW_PART_NAMED:
			break;
		default:
			extra |= NR_FLOW_LIST_COLUMNS;
		}
	}
	if (plan->facts >> NR_FLOW_FACT_ICMP_TYPE & 1)
		extra |= NR_FLOW_BIT(DESTINATION_PORT);
	if (plan->columns & REVERSE_COLUMNS)
		plan->marks |= NR_FLOW_MARK_BIFLOW;
	/* An IPv4 address writes only its low half. */
	for (size_t i = 0; i < plan->op_count; i++) {
		const struct nr_flow_op *op = &plan->ops[i];
		if (op->kind == NR_FLOW_OP_IPV4 && !op->fill)
			plan->zeroed |= (UINT64_C(1) << (op->column - 1)) & (plan->columns | extra);
	}
	plan->zeroed |= extra & ~plan->columns & ~WRITTEN_LATER;
	plan->columns |= extra;
}

struct nr_flow_plan *nr_flow_plan_new(
	const struct nr_flow_compiler *compiler, const struct nr_element *fields, uint16_t count)
{
	struct compilation c = {.compiler = compiler, .fields = fields, .count = count};
	for (uint16_t i = 1; i < count; i++)
		c.offsets[i] = c.offsets[i - 1] + fields[i - 1].length;
	compile(&c);
	size_t ops = sizeof(struct nr_flow_plan) + c.ops * sizeof(struct nr_flow_op);
	size_t bytes = ops + c.parts * sizeof(struct nr_flow_part);
	struct nr_flow_plan *plan = calloc(1, bytes);
	if (!plan)
		return NULL;
	plan->bytes = (uint32_t)bytes;
	plan->op_count = (uint16_t)c.ops;
	plan->part_count = (uint16_t)c.parts;
	plan->parts = (struct nr_flow_part *)(void *)((char *)plan + ops);
	c.plan = plan;
	c.ops = c.parts = 0;
	compile(&c);
	finish(plan);
	return plan;
}
