/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From elements to columns (flow reference 12): a template is compiled once into operations; each of them
 * goes down one column over all records of a set. What the decoder does not know of a template at run time,
 * it does not ask again for each record.
 *
 * Several elements may fill one column. The first operation of a column writes all its rows; the others, in
 * the order of how much their element is worth, only rows that are still zero.
 */
#ifndef NR_SENSE_FLOW_COLLECT_MAP_H
#define NR_SENSE_FLOW_COLLECT_MAP_H

#include "model/flow.h"
#include "wire/netflow.h"

enum nr_flow_operation {
	NR_FLOW_OP_UINT,
	NR_FLOW_OP_IPV4, /* column: the ..._LOW one */
	NR_FLOW_OP_IPV6,
	NR_FLOW_OP_FLAGS,       /* adds bits to what is there */
	NR_FLOW_OP_DSCP,        /* six bits of the octet */
	NR_FLOW_OP_DIRECTION,   /* + 1 */
	NR_FLOW_OP_NAT_EVENT,   /* by the exporter's numbering */
	NR_FLOW_OP_FIREWALL,    /* + NR_FLOW_EVENT_FIREWALL */
	NR_FLOW_OP_MPLS,        /* label of a stack entry of 3 or 4 octets */
	NR_FLOW_OP_APPLICATION, /* engine, then a selector; of a long one the end */
	NR_FLOW_OP_UPTIME,      /* ms since boot */
	NR_FLOW_OP_SECONDS,
	NR_FLOW_OP_MILLISECONDS,
	NR_FLOW_OP_NTP,
	NR_FLOW_OP_BEFORE_EXPORT, /* us before the export */
	NR_FLOW_OP_FACT,          /* column: enum nr_flow_fact */
};

/* What is worked with but has no column. */
enum nr_flow_fact {
	NR_FLOW_FACT_BOOT, /* IE 160, ms */
	NR_FLOW_FACT_DURATION_MS,
	NR_FLOW_FACT_DURATION_US,
	NR_FLOW_FACT_ICMP_TYPE,
	NR_FLOW_FACT_ICMP_CODE,
	NR_FLOW_FACTS
};

struct nr_flow_op {
	uint8_t kind;    /* enum nr_flow_operation */
	uint8_t column;  /* or fact */
	bool fill;       /* only rows that are zero */
	uint16_t field;  /* of the template */
	uint16_t length; /* on the wire; NR_ELEMENT_VARIABLE: of its own in each record */
	uint32_t offset; /* in a record of fixed length */
};

/* A field that is looked into by itself: packets, lists, named elements. */
struct nr_flow_part {
	enum nr_flow_part_kind {
		NR_FLOW_PART_IP,    /* IE 313 */
		NR_FLOW_PART_FRAME, /* IE 315 */
		NR_FLOW_PART_BASIC_LIST,
		NR_FLOW_PART_TEMPLATE_LIST,
		NR_FLOW_PART_MULTI_LIST,
		NR_FLOW_PART_NAMED, /* name: of the compiler's */
	} kind;
	uint16_t field, name;
	uint16_t length;
	uint32_t offset;
};

struct nr_flow_plan {
	uint64_t columns; /* that rows of it fill, times, stream, marks and sampling among them */
	uint64_t zeroed;  /* of these the ones that no operation writes in all rows */
	uint32_t facts;   /* bits */
	uint16_t marks;   /* of every row */
	uint16_t op_count, part_count;
	uint32_t bytes; /* that the plan takes */
	struct nr_flow_part *parts;
	struct nr_flow_op ops[];
};

/* Elements that the configuration names. */
struct nr_flow_named_element {
	uint32_t enterprise;
	uint16_t id;
	uint8_t type; /* as in struct nr_flow_named */
	char *name;
};
struct nr_flow_compiler {
	struct nr_flow_named_element *named;
	size_t named_count;
};
/* "PEN/ID=NAME[:TYPE]" of each text. */
int nr_flow_compiler_init(
	struct nr_flow_compiler *compiler, const char *const *texts, size_t count, struct nr_error *error);
void nr_flow_compiler_fini(struct nr_flow_compiler *compiler);

/* A length that the operation cannot read is as if the field were not there. */
bool nr_flow_op_is_readable(uint8_t kind, uint16_t length);

/* fields: of a data template. NULL: out of memory. One piece of memory: free(). */
struct nr_flow_plan *nr_flow_plan_new(
	const struct nr_flow_compiler *compiler, const struct nr_element *fields, uint16_t count);

/* What lists inside records may fill. */
#define NR_FLOW_LIST_COLUMNS                                                                                 \
	(NR_FLOW_BIT(TCP_FLAGS) | NR_FLOW_BIT(REVERSE_TCP_FLAGS) | NR_FLOW_BIT(SOURCE_MAC) |                 \
		NR_FLOW_BIT(DESTINATION_MAC))
/* What packets inside records may fill. */
#define NR_FLOW_PACKET_COLUMNS                                                                               \
	(NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(SOURCE_LOW) | NR_FLOW_BIT(DESTINATION_HIGH) |                \
		NR_FLOW_BIT(DESTINATION_LOW) | NR_FLOW_BIT(SOURCE_PORT) | NR_FLOW_BIT(DESTINATION_PORT) |    \
		NR_FLOW_BIT(PROTOCOL) | NR_FLOW_BIT(TCP_FLAGS) | NR_FLOW_BIT(TOS) | NR_FLOW_BIT(TTL) |       \
		NR_FLOW_BIT(FLOW_LABEL) | NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(VLAN) |    \
		NR_FLOW_BIT(SOURCE_MAC) | NR_FLOW_BIT(DESTINATION_MAC))

#endif
